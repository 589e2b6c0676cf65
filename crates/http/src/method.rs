//! Request methods.

macro_rules! methods {
    ($($variant:ident = $name:literal,)*) => {
        /// A request method that is understood without `allow_custom_methods`: RFC 9110, WebDAV and the
        /// others that Envoy knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any other token. What it is stands in the header block.
            Custom,
        }

        impl Method {
            /// The method of that name; names are case-sensitive (RFC 9110 §9.1). [`Method::Custom`] for
            /// any other.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                match name { $($name => Self::$variant,)* _ => Self::Custom }
            }

            /// Its name; empty for [`Method::Custom`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Custom => "" }
            }
        }
    };
}

methods! {
    Get = "GET",
    Head = "HEAD",
    Post = "POST",
    Put = "PUT",
    Delete = "DELETE",
    Connect = "CONNECT",
    Options = "OPTIONS",
    Trace = "TRACE",
    Patch = "PATCH",
    Acl = "ACL",
    Bind = "BIND",
    Checkout = "CHECKOUT",
    Copy = "COPY",
    Link = "LINK",
    Lock = "LOCK",
    Merge = "MERGE",
    Mkactivity = "MKACTIVITY",
    Mkcalendar = "MKCALENDAR",
    Mkcol = "MKCOL",
    Move = "MOVE",
    Notify = "NOTIFY",
    Propfind = "PROPFIND",
    Proppatch = "PROPPATCH",
    Purge = "PURGE",
    Query = "QUERY",
    Rebind = "REBIND",
    Report = "REPORT",
    Search = "SEARCH",
    Source = "SOURCE",
    Subscribe = "SUBSCRIBE",
    Unbind = "UNBIND",
    Unlink = "UNLINK",
    Unlock = "UNLOCK",
    Unsubscribe = "UNSUBSCRIBE",
}

impl Method {
    /// Whether repeating the request does what one request does (RFC 9110 §9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        matches!(
            self,
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace | Self::Query
        )
    }
}
