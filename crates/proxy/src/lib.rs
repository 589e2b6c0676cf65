//! The data plane: workers, listeners, transports, connection managers, filters, router, pools.
//!
//! A [`Snapshot`] is compiled from the model and published to the workers of a [`DataPlane`]. The life
//! of a request by function: `listener::accept` takes the connection, `Downstream::serve_connection` waits for
//! requests, `Downstream::read_head` reads one, `Downstream::handle` applies the connection manager's
//! rules, finds the route and runs the filters, `router::forward` chooses cluster, host and connection,
//! `Relay::run` moves request and response, and dropping `ActiveRequest` writes the record.
//!
//! Invariant: this crate parses no configuration, and a local answer comes from `local_reply` only.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod access_log;
mod buffer;
mod client_certificate;
mod cluster;
mod connect;
mod connection;
mod crew;
mod data_plane;
mod deadlines;
mod destination;
mod downstream;
mod exchange;
mod failure_log;
mod failures;
mod filters;
mod format;
mod gate;
mod grpc_timeout;
mod header_mutations;
mod header_rules;
mod http2;
mod io;
mod listener;
mod local_reply;
mod moment;
mod overload;
mod pool;
mod proxy_header;
mod proxy_status;
mod pump;
mod reason_header;
mod record;
mod refusals;
mod rehearse;
mod request_hash;
mod router;
mod routes;
mod shares;
mod snapshot;
mod spelling;
mod stats;
mod tcp;
mod terminal;
mod timer;
mod tls;
mod traffic;
mod waker_cell;
mod way;
mod worker;

pub use access_log::{AdminLog, AdminRequest, FilesystemShard, LogFiles};
pub use data_plane::{DataPlane, OpenConnections, Reserved, StartOptions};
pub use gate::GateStates;
pub use listener::BindError;
pub use overload::{Changes, Overload};
pub use reason_header::ReasonHeader;
pub use rehearse::{Answer, Answerer, Caller, Chance, Heard, Hello, Knock, Outcome, Passed, Question, Stage};
pub use router::{AsyncClientStat, Sent, SentCopy};
pub use snapshot::{DataPlaneOptions, Snapshot};
pub use worker::{Drain, Ending, Held};
