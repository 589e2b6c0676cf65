//! What is found by looking rather than met by requests: faults of files, hosts and back-ends that a doctor names.
//!
//! The same table as that of reasons, with fewer columns: a condition has no answer of its own, since a request that
//! suffers from it meets a reason.

mod back_end;
mod config;

use crate::{Blame, Text};

/// All that is known about a condition before it is found.
#[derive(Debug, Clone, Copy)]
pub struct ConditionSpec {
    /// The condition's name: `snake_case`, at most 40 characters, never changed once released.
    pub key: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// One sentence that says what is so.
    pub sentence: Text,
    /// The next thing to do.
    pub advice: Text,
}

macro_rules! conditions {
    ($($family:ident { $($(#[$doc:meta])* $variant:ident = $code:ident $row:ident,)* })*) => {
        /// Everything that a doctor finds and that is no reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Condition { $($($(#[$doc])* $variant,)*)* }

        impl Condition {
            /// Every condition, by family.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The families, in the order of the documentation: their names and members.
            pub const FAMILIES: &'static [(&'static str, &'static [Self])] =
                &[$((stringify!($family), &[$(Self::$variant,)*]),)*];

            /// Its code: letters and rules are those of [`crate::Reason::code`], and `C` is for the life of a
            /// configuration.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $($(Self::$variant => stringify!($code),)*)* }
            }

            /// The row of the catalogue.
            #[must_use]
            pub const fn spec(self) -> ConditionSpec {
                match self { $($(Self::$variant => $family::$row,)*)* }
            }

            /// Its name, as in [`ConditionSpec::key`].
            #[must_use]
            pub const fn key(self) -> &'static str {
                self.spec().key
            }
        }
    };
}

conditions! {
    back_end {
        /// The back-end wants a PROXY header in front of the request and is sent none.
        ProxyHeaderWanted = P413 PROXY_HEADER_WANTED,
    }
    config {
        /// The list of HTTP filters does not end in the router.
        RouterMissing = R614 ROUTER_MISSING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_keys_are_well_formed() {
        for condition in Condition::ALL {
            let (letter, digits) = condition.code().split_at(1);
            assert!("DTSPHRLOKXC".contains(letter) && digits.len() == 3, "{}", condition.code());
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", condition.code());
            let key = condition.key();
            assert!(key.len() <= 40, "{key}");
            assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()), "{key}");
        }
    }

    #[test]
    fn every_row_says_something_in_both_languages() {
        for condition in Condition::ALL {
            let spec = condition.spec();
            for text in [spec.sentence, spec.advice] {
                assert!(text.en.len() > 15 && text.en.ends_with('.'), "{}: {}", spec.key, text.en);
                assert!(text.ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}: {}", spec.key, text.ko);
            }
        }
    }
}
