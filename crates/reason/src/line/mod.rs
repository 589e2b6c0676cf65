//! What one line of an access log says: which causes give exactly that line.
//!
//! One line stands for many causes. This finds them by what the line holds: of Envoy flags, details and, inside the
//! details, what the transport said ([`envoy`]) and which filter answered ([`filters`]); of HAProxy the states in which
//! a session ended ([`haproxy`]) and what it says of connections ([`haproxy_connection`]). Which of them it was only a probe can tell, or Causeway's own journal;
//! [`crate::Cause::told_apart_by`] says how.

mod apart;
mod envoy;
mod filters;
mod haproxy;
mod haproxy_connection;

use crate::{Cause, Flags};

pub use haproxy::{HaproxyLine, Protocol};
pub use haproxy_connection::HaproxyConnection;

/// What was read in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Details of the response (`%RESPONSE_CODE_DETAILS%`), or HAProxy's termination state, as the line has them.
    pub details: Option<String>,
    /// Flags (`%RESPONSE_FLAGS%`), in Envoy's order.
    pub flags: Flags,
    /// Who made the answer, where the line says so.
    pub made_by: Option<Maker>,
    /// The causes that give such a line: reasons in the order of the catalogue, then what looks the same; all reasons of
    /// one flag where there is nothing else.
    pub causes: Vec<Cause>,
}

/// Who made an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Maker {
    /// The proxy.
    Proxy,
    /// The back-end: the proxy passed it on.
    Upstream,
    /// Nobody: the client was gone.
    Client,
}

impl Line {
    /// Reads a line: one of HAProxy, of Envoy, of Istio, or any other that holds Envoy's flags or details.
    #[must_use]
    pub fn read(text: &str) -> Self {
        if let Some(line) = HaproxyLine::read(text) {
            return line.explain();
        }
        HaproxyConnection::read(text).map_or_else(|| envoy::read(text), |line| line.explain())
    }

    /// What status, flags, details and what the transport said mean together, where they have been taken out of a line
    /// already; each as Envoy writes it, and empty or `-` where there is none.
    #[must_use]
    pub fn of_parts(status: u16, flags: &str, details: &str, transport: &str) -> Self {
        envoy::read(&format!("{status} {flags} {details} \"{transport}\""))
    }
}
