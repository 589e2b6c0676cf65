//! What balancers that hash make of a request (`RouteAction.HashPolicy`).

use std::time::Duration;

use crate::{HeaderName, Regex};

/// One of the rules of a route. All that find something are combined, up to the first terminal one behind which there
/// is a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashRule {
    /// What is hashed.
    pub source: HashSource,
    /// Where there is a hash by now, the rules behind this one do not count (`terminal`).
    pub terminal: bool,
}

/// `RouteAction.HashPolicy.policy_specifier`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashSource {
    /// The values of a field of the request; of several, whatever their order is.
    Header {
        /// The field; pseudo names stand for parts of the request line.
        name: HeaderName,
        /// Where there is one value: every match of the expression is replaced before it is hashed
        /// (`regex_rewrite`).
        rewrite: Option<(Regex, Box<str>)>,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: Box<str>,
        /// Where the request has none, one is made and sent to the client; zero makes one for its session, `None`
        /// none. Whole seconds.
        ttl: Option<Duration>,
        /// Its path; may be empty.
        path: Box<str>,
        /// More of its attributes: names and values, which may be empty.
        attributes: Vec<(Box<str>, Box<str>)>,
    },
    /// The address that the request comes from, as far as it is believed (`connection_properties.source_ip`).
    SourceIp,
    /// The first value of a parameter in the query.
    QueryParameter(Box<str>),
}
