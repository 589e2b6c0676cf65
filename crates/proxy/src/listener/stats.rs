//! What a listener counts.

use causeway_reason::Reason;
use causeway_stats::{Registry, Scope, Shard};

use crate::stats::{ListenerStat, ListenerWorkerStat, ReasonCounters, scope_of_listener};

/// The scopes of a listener.
#[derive(Debug)]
pub(crate) struct ListenerScopes {
    listener: Scope<ListenerStat>,
    workers: Vec<Scope<ListenerWorkerStat>>,
}

impl ListenerScopes {
    /// For a listener by its name in statistics.
    pub(crate) fn new(registry: &Registry, listener: &str, workers: usize) -> Self {
        let of_worker = |worker: usize| {
            let worker = worker.to_string();
            scope_of_listener(listener).tagged_with_prefix("worker_", "envoy.worker_id", &worker)
        };
        Self {
            listener: registry.scope(scope_of_listener(listener)),
            workers: (0..workers).map(|worker| registry.scope(of_worker(worker))).collect(),
        }
    }

    /// The cells of one worker.
    pub(crate) fn shard(&self, worker: usize) -> ListenerShards {
        ListenerShards {
            listener: self.listener.shard(worker),
            worker: self.workers.get(worker).map(|scope| scope.shard(worker)),
            reasons: ReasonCounters::new(),
        }
    }
}

/// One worker's cells of a listener.
#[derive(Debug)]
pub(crate) struct ListenerShards {
    pub(crate) listener: Shard<ListenerStat>,
    worker: Option<Shard<ListenerWorkerStat>>,
    /// Why connections were closed before anything could be asked on them.
    reasons: ReasonCounters,
}

impl ListenerShards {
    /// Connections that are open, of all workers: those that listener filters look at among them.
    pub(crate) fn open(&self) -> u64 {
        let gauge = |stat| self.listener.scope().gauge(stat);
        let open = gauge(ListenerStat::DownstreamCxActive) + gauge(ListenerStat::DownstreamPreCxActive);
        u64::try_from(open).unwrap_or(0)
    }

    /// A connection was closed before anything could be asked on it.
    pub(super) fn count_reason(&self, reason: Reason) {
        self.reasons.count(&self.listener, reason);
    }

    /// A connection has its filter chain.
    pub(super) fn connection_opened(&self) {
        self.listener.inc(ListenerStat::DownstreamCxTotal);
        self.listener.adjust(ListenerStat::DownstreamCxActive, 1);
        // With Envoy, each was there before, however short.
        self.listener.adjust(ListenerStat::DownstreamPreCxActive, 0);
        if let Some(worker) = &self.worker {
            worker.inc(ListenerWorkerStat::DownstreamCxTotal);
            worker.adjust(ListenerWorkerStat::DownstreamCxActive, 1);
        }
    }

    /// It was closed after this many milliseconds.
    pub(super) fn connection_closed(&self, length: u64) {
        self.listener.inc(ListenerStat::DownstreamCxDestroy);
        self.listener.adjust(ListenerStat::DownstreamCxActive, -1);
        self.listener.record(ListenerStat::DownstreamCxLengthMs, length);
        if let Some(worker) = &self.worker {
            worker.adjust(ListenerWorkerStat::DownstreamCxActive, -1);
        }
    }
}
