//! The same file and the same traffic to the real Envoy and to Causeway.
//!
//! A [`Case`] is a configuration, back-ends and steps. It is run against both proxies side by side,
//! each with back-ends and ports of its own. What clients, back-ends, the access log and the admin
//! interface see becomes a tree of values; what must differ between two runs (ports, dates, ids,
//! times) is replaced by its name; the leaves are compared. A case is equal when all of them are.
//!
//! A difference that is wanted is named in `docs/differences.md`, and a case points to it with
//! [`Case::differs`], which also says what Causeway does instead.

mod args;
mod case;
mod compare;
mod config;
mod differences;
mod harness;
mod normalise;
mod observe;
mod record;
mod report;
mod run;
mod steps;
mod streams;
mod text;
mod tls;

pub use case::{Case, Step};
pub use config::listener_log;
pub use harness::main;
pub use run::Run;
pub use text::yaml;

pub use causeway_testkit::{
    Act, Answer, Authority, Backend, Connection, DnsAnswer, End, Frame, Identity, Pki, Reply, Request,
    Script, Signal, Streams, TlsClient, TlsServer, TlsWish, Wish, base64, eventually, exchange, frames,
};
