//! The TCP proxy: connections of clients are passed on to a cluster as they are.
//!
//! A [`TcpSession`] is one such connection: it chooses a cluster and a host and connects (`connecting`, `upstream`),
//! moves bytes both ways until both sides have ended (`relay`), and counts what it does (`meter`). When it goes, its
//! `record` is written.

mod connecting;
mod meter;
mod record;
mod relay;
mod session;
mod stats;
mod upstream;

use std::sync::Arc;

use causeway_model::{AccessLog, OperatorKind, TcpProxy, TcpTarget};
use causeway_stats::{Scope, ScopeName, Shard};
use causeway_upstream::SubsetKey;

use crate::access_log::OpenLog;
use crate::snapshot::{Compile, asks};
use crate::stats::ReasonCounters;
use stats::TcpStat;

pub(crate) use session::TcpSession;

/// A TCP proxy, compiled and shared by all workers.
#[derive(Debug)]
pub(crate) struct TcpSnapshot {
    config: Arc<TcpProxy>,
    /// What hosts have to have.
    subsets: Vec<Option<SubsetKey>>,
    logs: Vec<OpenLog>,
    /// Every connection that failed is in one of the logs with its flag, so the application log need not say it.
    logs_hold_failures: bool,
    scope: Scope<TcpStat>,
}

/// A TCP proxy as one worker has it.
#[derive(Debug)]
pub(crate) struct TcpRuntime {
    shared: Arc<TcpSnapshot>,
    stats: Shard<TcpStat>,
    reasons: ReasonCounters,
}

impl TcpSnapshot {
    /// Compiles a TCP proxy.
    ///
    /// # Errors
    ///
    /// One line for each log that can't be opened.
    pub(crate) fn compile(config: &Arc<TcpProxy>, with: &Compile<'_>) -> Result<Self, Vec<String>> {
        let scope = ScopeName::root().then("tcp").tagged("envoy.tcp_prefix", &config.stat_prefix);
        Ok(Self {
            logs: OpenLog::open_all(&config.access_logs, with.runtime, with.files)?,
            logs_hold_failures: config.access_logs.iter().any(tells_failures),
            scope: with.registry.scope(scope),
            subsets: subsets(config),
            config: Arc::clone(config),
        })
    }

    /// Whether one of its logs has the time of a round trip to the client.
    pub(crate) fn measures_round_trip(&self) -> bool {
        asks(&self.config.access_logs, &OperatorKind::RoundTripTime)
    }

    /// Makes a worker's own of it.
    pub(crate) fn runtime(self: &Arc<Self>, worker: usize) -> TcpRuntime {
        TcpRuntime {
            shared: Arc::clone(self),
            stats: self.scope.shard(worker),
            reasons: ReasonCounters::new(),
        }
    }
}

/// What is asked of the hosts of each cluster: of those that are weighted, in their order.
fn subsets(config: &TcpProxy) -> Vec<Option<SubsetKey>> {
    let weighted = match &config.target {
        TcpTarget::Cluster(_) => return vec![SubsetKey::new(&config.metadata_match)],
        TcpTarget::Weighted(weighted) => weighted.iter(),
    };
    let merged = weighted.map(|cluster| {
        let mut criteria = config.metadata_match.clone();
        criteria.extend(cluster.metadata_match.clone());
        SubsetKey::new(&criteria)
    });
    merged.collect()
}

/// Whether a log tells an operator why a connection failed.
fn tells_failures(log: &AccessLog) -> bool {
    log.filter.is_none() && log.format.any_operator(&OperatorKind::tells_failures)
}
