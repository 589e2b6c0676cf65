//! A cluster as one worker has it: its choice of hosts, its connections, its counters.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{Cluster as ClusterConfig, RoutingPriority};
use causeway_reason::Failure;
use causeway_stats::Shard;
use causeway_upstream::{Choice, Cluster, ClusterStat, Host, HostId, LoadBalancer};

use crate::pool::HostPool;
use crate::stats::{ReasonCounters, StatusCounters};
use crate::worker::Worker;

/// A cluster as one worker has it.
#[derive(Debug)]
pub(crate) struct LocalCluster {
    pub(crate) shared: Arc<Cluster>,
    pub(crate) stats: Shard<ClusterStat>,
    codes: StatusCounters,
    external_codes: StatusCounters,
    internal_codes: StatusCounters,
    reasons: ReasonCounters,
    balancer: RefCell<LoadBalancer>,
    /// Generation of the host set that the balancer was made for.
    generation: Cell<u64>,
    pools: RefCell<HashMap<(HostId, bool), Rc<HostPool>>>,
    worker: usize,
}

impl LocalCluster {
    pub(crate) fn new(shared: Arc<Cluster>, worker: usize, seed: u64) -> Rc<Self> {
        let generation = shared.generation();
        let balancer = LoadBalancer::new(shared.host_set(), shared.config().lb_policy, seed);
        Rc::new(Self {
            stats: shared.stats().shard(worker),
            codes: StatusCounters::new("upstream_rq_"),
            external_codes: StatusCounters::new("external.upstream_rq_"),
            internal_codes: StatusCounters::new("internal.upstream_rq_"),
            reasons: ReasonCounters::new(),
            balancer: RefCell::new(balancer),
            generation: Cell::new(generation),
            pools: RefCell::default(),
            worker,
            shared,
        })
    }

    /// What the file says of it.
    pub(crate) fn config(&self) -> &ClusterConfig {
        self.shared.config()
    }

    /// Chooses a host.
    pub(crate) fn choose(&self) -> Result<Arc<Host>, Failure> {
        self.follow_host_set();
        match self.balancer.borrow_mut().choose() {
            Choice::Host { host, panic } => {
                if panic {
                    self.stats.inc(ClusterStat::LbHealthyPanic);
                }
                Ok(host)
            }
            Choice::None(failure) => {
                self.stats.inc(ClusterStat::UpstreamCxNoneHealthy);
                Err(failure)
            }
        }
    }

    /// The connections to a host.
    pub(crate) fn pool(self: &Rc<Self>, worker: &Rc<Worker>, host: &Arc<Host>, priority: RoutingPriority) -> Rc<HostPool> {
        let key = (host.id(), priority == RoutingPriority::High);
        let mut pools = self.pools.borrow_mut();
        Rc::clone(pools.entry(key).or_insert_with(|| HostPool::new(worker, self, host, priority)))
    }

    /// Takes over a host set that has changed: hosts that are gone lose their idle connections, and so do
    /// those that became unhealthy, where the file asks for that.
    pub(crate) fn follow_host_set(&self) {
        let generation = self.shared.generation();
        if generation == self.generation.get() {
            return;
        }
        self.generation.set(generation);
        let hosts = self.shared.host_set();
        self.pools.borrow_mut().retain(|(id, _), pool| {
            let Some(host) = hosts.host(*id) else {
                pool.close();
                return false;
            };
            if self.config().close_connections_on_host_health_failure && !host.is_healthy() {
                pool.drain();
            }
            true
        });
        if self.config().close_connections_on_host_set_change {
            for pool in self.pools.borrow().values() {
                pool.drain();
            }
        }
        self.balancer.borrow_mut().update(hosts);
    }

    /// Closes what has been idle for too long.
    pub(crate) fn close_idle(&self, now: crate::timer::Millis) {
        for pool in self.pools.borrow().values() {
            pool.close_idle(now);
        }
    }

    /// The cluster is gone: its idle connections are closed, and those in use afterwards.
    pub(crate) fn close(&self) {
        for (_, pool) in self.pools.borrow_mut().drain() {
            pool.close();
        }
    }

    /// Counts a response, or a local answer in place of one.
    pub(crate) fn count_status(&self, status: u16, internal: bool) {
        self.codes.count(&self.stats, status);
        let class = match status / 100 {
            1 => ClusterStat::UpstreamRq1xx,
            2 => ClusterStat::UpstreamRq2xx,
            3 => ClusterStat::UpstreamRq3xx,
            4 => ClusterStat::UpstreamRq4xx,
            _ => ClusterStat::UpstreamRq5xx,
        };
        self.stats.inc(class);
        self.stats.inc(ClusterStat::UpstreamRqCompleted);
        let side = if internal { &self.internal_codes } else { &self.external_codes };
        side.count(&self.stats, status);
    }

    /// Counts why a request failed.
    pub(crate) fn count_reason(&self, reason: causeway_reason::Reason) {
        self.reasons.count(&self.stats, reason);
    }

    /// The worker it belongs to.
    pub(crate) const fn worker(&self) -> usize {
        self.worker
    }
}
