//! Active health checks.
//!
//! [`session`] decides what a result means, [`http`], [`grpc`] and [`tcp`] read answers: none of them knows a clock
//! or a socket. [`probe`] puts them on a connection, [`ask`] on one of [`http2`]. [`agent`] reads what programs beside
//! the hosts say of them, and [`agent_probe`] asks.

mod agent;
mod agent_probe;
mod ask;
mod bounds;
pub(crate) mod events;
pub(crate) mod grpc;
mod http;
pub(crate) mod http2;
mod link;
mod probe;
pub(crate) mod request;
mod session;
pub(crate) mod target;
pub(crate) mod tcp;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_reason::Failure;

pub use agent::AgentReport;
pub(crate) use agent::{Agent, AgentState, Said};
pub(crate) use agent_probe::{Heard, ask_agent, label as agent_label};
pub(crate) use bounds::{Bounds, Keeping};
pub(crate) use link::Linker;
pub use link::{Agreed, Link, write_proxy_header};
pub(crate) use probe::Prober;
pub(crate) use session::{Event, Session};

/// What the last check of a host found.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// What was asked: `GET /health`, or `TCP`.
    pub check: Arc<str>,
    /// Why it failed; `None` where it succeeded. The evidence says it in words.
    pub failure: Option<Failure>,
    /// Status of the answer, where there was one.
    pub status: Option<u16>,
    /// When it ended.
    pub at: Instant,
    /// When it ended, by the clock on the wall.
    pub at_wall: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// When the next one begins.
    pub next: Instant,
    /// How many in a row ended like this one, at least 1.
    pub in_a_row: u32,
    /// The last one that failed: this one, or one before it.
    pub last_failure: Option<Arc<Self>>,
}

impl CheckReport {
    /// The report with what is known of the one before it.
    pub(crate) fn behind(mut self, before: Option<&Arc<Self>>) -> Arc<Self> {
        let alike = before.filter(|before| before.failure.is_some() == self.failure.is_some());
        self.in_a_row = alike.map_or(1, |before| before.in_a_row.saturating_add(1));
        self.last_failure = match self.failure {
            Some(_) => Some(Arc::new(self.clone())),
            None => before.and_then(|before| before.last_failure.clone()),
        };
        Arc::new(self)
    }
}

/// The result of one check.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Passed {
        status: Option<u16>,
        /// The answer said `x-envoy-degraded`.
        degraded: bool,
    },
    Failed(CheckFailure),
}

/// Why a check failed.
#[derive(Debug, Clone)]
pub(crate) struct CheckFailure {
    pub(crate) kind: FailureKind,
    pub(crate) status: Option<u16>,
    /// The answer said `x-envoy-immediate-health-check-fail`.
    pub(crate) leave_alone: bool,
    /// The cause; its evidence is a phrase like `GET /health answered 404 after 1.2 ms`.
    pub(crate) failure: Failure,
}

/// How a check failed, as Envoy tells failures apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The answer says so: out of use at once.
    Active,
    /// The answer says so, with a status that counts towards the threshold.
    ActiveRetriable,
    /// A response to a request said so.
    Passive,
    /// No connection, no answer, or none that is one.
    Network,
    /// Not in time.
    NetworkTimeout,
}

impl FailureKind {
    /// Envoy's name in event logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active | Self::ActiveRetriable => "ACTIVE",
            Self::Passive => "PASSIVE",
            Self::Network => "NETWORK",
            Self::NetworkTimeout => "NETWORK_TIMEOUT",
        }
    }

    pub(crate) const fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::NetworkTimeout)
    }

    /// Whether it takes a host out of use whatever the threshold.
    const fn is_decisive(self) -> bool {
        matches!(self, Self::Active | Self::Passive)
    }
}
