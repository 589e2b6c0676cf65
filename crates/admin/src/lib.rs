//! The admin server: Envoy's endpoints, in Envoy's forms, and a few of our own.
//!
//! It runs on a thread and a runtime of its own, so that it answers while workers are busy or stuck, and
//! touches none of their locks. What it shows, it asks of the [`Process`], which the binary
//! implements; what it gets are the plain values of [`view`].
//!
//! A request: accepted by the thread `admin` (`connection`), checked against `allow_paths` and against
//! pages of other sites (`guard`), found in the table of `endpoints`, answered by its handler on a
//! helper thread, sent in pieces, and told to [`Process::request_done`].
//!
//! Invariant: no handler runs on the thread `admin`, so one that is stuck holds up nobody else.

mod bind;
mod connection;
mod endpoints;
mod filter;
mod guard;
mod handlers;
mod http;
mod json;
mod mask;
mod memory;
mod page;
mod process;
mod query;
mod schema;
mod server;
mod sinks;
mod state;
mod stats;
mod time;
pub mod view;
mod who_listens;

pub use bind::StartError;
pub use process::{ModifyRuntimeError, Process, RequestRecord};
pub use schema::{ListenerManagerStat, RuntimeStat, ServerStat, ServerStats, WatchdogStat};
pub use server::{AdminServer, FLUSH_INTERVAL, Options};
pub use sinks::StatsSinks;
pub use who_listens::{PortHolder, who_listens};
