//! Rehearsals: what would become of a request, found out by the code that serves requests, without a network.
//!
//! A [`Stage`] is a configuration as one worker would have it, with nothing that reaches out: no listener is bound, no
//! log is opened, no name is looked up, no certificate is needed. [`Stage::knock`] tells which filter chain a connection
//! gets, and [`Stage::ask`] runs a request through that chain's connection manager, up to the point where a host of the
//! cluster would be chosen. What the proxy would answer by itself is really answered, on a pair of sockets that leads
//! nowhere.

mod arrival;
mod chance;
mod play;
mod stage;

use std::sync::Arc;

use causeway_model::{Address, Route, VirtualHost};
use causeway_reason::Reason;
use causeway_routing::{Examined, Korean, PathWords, Step};

use crate::router::Sent;

pub(crate) use chance::chances;
pub use stage::Stage;
#[cfg(test)]
pub(crate) use stage::worker;

/// Who asks, and on what kind of connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client's address.
    pub from: Address,
    /// Where it connects to.
    pub to: Address,
    /// What it says in its handshake, where it speaks TLS.
    pub tls: Option<Hello>,
    /// It speaks HTTP/2.
    pub http2: bool,
}

/// What a client says in its handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name that it asks for; empty where it asks for none.
    pub server_name: Box<str>,
    /// The protocols that it speaks (ALPN), those that it likes best first.
    pub protocols: Vec<Box<str>>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its method.
    pub method: String,
    /// Path and query; the authority itself for CONNECT.
    pub target: String,
    /// `Host`, or `:authority` with HTTP/2.
    pub authority: String,
    /// Other header fields, in their order.
    pub fields: Vec<(String, String)>,
}

/// Which filter chain a connection gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knock {
    /// Its number among [`causeway_model::Listener::chains`]; `None` where the connection is closed.
    pub chain: Option<usize>,
    /// For each chain with conditions, in the order of the file, why it is not this one; `None` where it is.
    pub misfits: Vec<Option<String>>,
    /// What the chain is chosen by.
    pub seen: String,
}

/// What would become of a request.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The authority, once it is normalised.
    pub authority: String,
    /// Path and query, once they are.
    pub path: String,
    /// The domain by which the request belongs to its virtual host.
    pub domain: Option<String>,
    /// The virtual host.
    pub virtual_host: Option<Arc<VirtualHost>>,
    /// What became of each route of the virtual host, where that was to be found out.
    pub routes: Vec<Passed>,
    /// What comes nearest, where no route takes it.
    pub miss: Option<String>,
    /// The same in Korean.
    pub miss_in_korean: Option<String>,
    /// The route that takes it.
    pub route: Option<Arc<Route>>,
    /// Its number in the virtual host, from 0.
    pub number: Option<usize>,
    /// HTTP filters that see it, by name; the router, which is the last, is not among them.
    pub filters: Vec<Arc<str>>,
    /// All that chance may make of it, where it is left to chance; the outcome is that of one of these.
    pub chances: Vec<Chance>,
    /// What becomes of it.
    pub outcome: Outcome,
}

impl Heard {
    /// Whether the configuration has something for the request: a route, or a virtual host that wants TLS.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        let wants_tls =
            matches!(&self.outcome, Outcome::Answered(answer) if answer.by == Answerer::TlsRequired);
        self.route.is_some() || wants_tls
    }
}

/// What became of one route.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Its number in the virtual host, from 0.
    pub number: usize,
    /// The route.
    pub route: Arc<Route>,
    /// It takes the request.
    pub taken: bool,
    /// One before it does.
    pub behind: bool,
    /// Its path matches, but something else does not.
    pub near: bool,
    /// The same in words.
    pub words: String,
    /// And in Korean.
    pub korean: String,
}

impl From<&Examined<'_>> for Passed {
    fn from(examined: &Examined<'_>) -> Self {
        let Examined { number, route, step } = examined;
        Self {
            number: *number,
            route: Arc::clone(route),
            taken: matches!(step, Step::Taken),
            behind: matches!(step, Step::Behind),
            near: matches!(
                step,
                Step::Unmet(_) | Step::Path { case: true, .. } | Step::Path { slash: true, .. }
            ),
            words: match step {
                Step::Unmet(_) => format!("{} matches, but {step}", PathWords(&route.matcher.path)),
                Step::Path { .. } | Step::Taken | Step::Behind => step.to_string(),
            },
            korean: match step {
                Step::Unmet(_) => {
                    format!("{}에는 맞지만 {}", PathWords(&route.matcher.path), Korean(step))
                }
                Step::Path { .. } | Step::Taken | Step::Behind => Korean(step).to_string(),
            },
        }
    }
}

/// One of the ways in which chance may decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Chance {
    /// The share of requests, from 0 to 1.
    pub share: f64,
    /// The share is counted over a sample, and may be a little more or less.
    pub about: bool,
    /// A random number that has it so.
    pub random: u64,
}

/// How a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A back-end is sent this.
    Sent(Box<Sent>),
    /// The proxy answers by itself.
    Answered(Box<Answer>),
}

/// An answer of the proxy's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who gives it.
    pub by: Answerer,
    /// Its status.
    pub status: u16,
    /// Its fields, as they stand on the wire.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Why the request failed, where it did.
    pub reason: Option<Reason>,
    /// What is known about that.
    pub evidence: Option<String>,
}

/// Who answers in place of a back-end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answerer {
    /// The connection manager, which does not take the request as it is, or lets no upgrade pass.
    Manager,
    /// Nobody: there is no route.
    NoRoute,
    /// The virtual host, which wants TLS (`require_tls`).
    TlsRequired,
    /// The HTTP filter of this name.
    Filter(Arc<str>),
    /// The route's `redirect`.
    Redirect,
    /// The route's `direct_response`.
    DirectResponse,
    /// The router, which has no cluster for it or does not take it as it is.
    Router,
}
