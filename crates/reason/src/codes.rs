//! How a list of codes becomes an enum with a table behind it: the same for reasons and for conditions.

macro_rules! codes {
    (
        $(#[$about:meta])* enum $Name:ident: $Spec:ident;
        $($family:ident { $($(#[$doc:meta])* $variant:ident = $code:ident $row:ident,)* })*
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $Name { $($($(#[$doc])* $variant,)*)* }

        impl $Name {
            /// All of them, by family.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The families, in the order of the documentation: their names and members.
            pub const FAMILIES: &'static [(&'static str, &'static [Self])] =
                &[$((stringify!($family), &[$(Self::$variant,)*]),)*];

            /// Its code: a letter for the field it belongs to, and three digits. It never changes once released, and is
            /// never given to anything else. `D` names, `T` connections, `S` TLS to back-ends, `P` protocols to
            /// back-ends, `H` hosts and health checks, `R` routes, `L` limits, `O` timeouts, `K` clients, `C` the life of
            /// a configuration, `X` the proxy.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $($(Self::$variant => stringify!($code),)*)* }
            }

            /// The row of the catalogue.
            #[must_use]
            pub const fn spec(self) -> $Spec {
                match self { $($(Self::$variant => $family::$row,)*)* }
            }

            /// Its name, as in the row.
            #[must_use]
            pub const fn key(self) -> &'static str {
                self.spec().key
            }
        }

        /// As lines of logs have it: `C952 update_rejected`.
        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} {}", self.code(), self.key())
            }
        }
    };
}

pub(crate) use codes;
