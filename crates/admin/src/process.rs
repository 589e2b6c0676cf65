//! What the admin server asks of the process it is part of.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use causeway_journal::Journal;
use causeway_log::LogHandle;
use causeway_model::Runtime;
use causeway_stats::Registry;

use crate::view::{
    Certificate, ClusterStatus, ConfigDump, DrainRequest, ListenerStatus, ReloadReport, ServerInfo,
    ServerState, Vitals,
};

/// The process, as its admin server sees it. The binary implements it.
///
/// Every method may be called from several threads at once. None of them runs on the admin server's own
/// thread, but on helpers of it: one that blocks holds up the request that asked, not the others. They
/// should not block for long all the same, and must not wait for a worker: the admin server is asked
/// when workers are stuck.
pub trait Process: Send + Sync + 'static {
    /// Where in its life the process is.
    fn state(&self) -> ServerState;

    /// What does not change while it runs.
    fn info(&self) -> Arc<ServerInfo>;

    /// Its numbers at this moment.
    fn vitals(&self) -> Vitals;

    /// All clusters, in the order of the file.
    fn clusters(&self) -> Vec<ClusterStatus>;

    /// All listeners, in the order of the file.
    fn listeners(&self) -> Vec<ListenerStatus>;

    /// The certificates in use.
    fn certificates(&self) -> Vec<Certificate>;

    /// The configuration in force.
    fn config_dump(&self) -> ConfigDump;

    /// The runtime in force.
    fn runtime(&self) -> Arc<Runtime>;

    /// All statistics.
    fn stats(&self) -> &Registry;

    /// The application log.
    fn log(&self) -> &LogHandle;

    /// What failed lately.
    fn journal(&self) -> &Journal;

    /// What the last reload did; `None` before the first.
    fn last_reload(&self) -> Option<ReloadReport>;

    /// Loads the configuration again and says what came of it. Waits for one that is under way.
    fn reload(&self) -> ReloadReport;

    /// Tells health checkers from now on that the process is not to be used (`true`), or that it is.
    fn fail_health_checks(&self, fail: bool);

    /// Stops listening. Returns at once; connections that are open end in their own time.
    fn drain_listeners(&self, request: DrainRequest);

    /// Opens all log files anew.
    ///
    /// # Errors
    ///
    /// What could not be opened; the old file stays in use.
    fn reopen_logs(&self) -> Result<(), String>;

    /// Sets runtime values in the admin layer; an empty value takes a key out of it again.
    ///
    /// # Errors
    ///
    /// [`ModifyRuntimeError::NoAdminLayer`] where `layered_runtime` has none.
    fn modify_runtime(&self, values: &[(String, String)]) -> Result<(), ModifyRuntimeError>;

    /// Ends the process in good order. Returns at once.
    fn quit(&self);

    /// Makes a connection to a host of a cluster, for statistics to be written to. Blocks for the cluster's
    /// `connect_timeout` at most; each write blocks for seconds at most, and a flush fails where the host has closed.
    ///
    /// # Errors
    ///
    /// Where there is no such cluster, no host of it, or no connection.
    fn connect_to(&self, cluster: &str) -> io::Result<Box<dyn io::Write + Send>> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no cluster {cluster}")))
    }

    /// An admin request was answered; for the access log. Called on the admin server's own thread: must
    /// not block.
    fn request_done(&self, record: &RequestRecord) {
        let _ = record;
    }
}

/// Why runtime values could not be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModifyRuntimeError {
    /// `layered_runtime` has no admin layer.
    NoAdminLayer,
    /// A value can't be used; why.
    Invalid(String),
}

/// A request to the admin server, when its answer is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// When its head had arrived.
    pub start: SystemTime,
    /// Time from then to the end of the answer.
    pub duration: Duration,
    /// Its method.
    pub method: String,
    /// Its path and query, as they were sent.
    pub path: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub protocol: &'static str,
    /// Its header fields, in their order; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of its body.
    pub bytes_received: u64,
    /// Status of the answer; 0 where the client went away before there was one.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes_sent: u64,
    /// Whether the client went away before it had all of the answer.
    pub cut_short: bool,
    /// Where it came from; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// Where it arrived; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
}
