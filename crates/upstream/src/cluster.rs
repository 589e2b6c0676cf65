//! A cluster at run time: what workers and the admin server see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Instant;

use arc_swap::ArcSwap;
use causeway_model::{ClusterType, LocalityLb, RoutingPriority};
use causeway_reason::Failure;
use causeway_stats::{Registry, Scope, ScopeName, Shard};
use tokio::sync::Notify;

use crate::breakers::{BreakerShard, Breakers, Resource};
use crate::destinations::Found;
use crate::dns::NameReport;
use crate::hashing::TableStats;
use crate::host::{Host, HostCells};
use crate::host_set::{HostSet, Layout, Priority, Spread};
use crate::manager::Surroundings;
use crate::outlier::{HostResult, OutlierReport};
use crate::sockets::Sockets;
use crate::stats::{
    ClusterBudgetStat, ClusterExternalStat, ClusterHttp1Stat, ClusterHttp2Stat, ClusterInternalStat,
    ClusterResponseStat, ClusterShareStat, ClusterSizeStat, ClusterStat,
};
use crate::why;

/// A cluster. Shared by all threads; what changes is published by the main thread.
#[derive(Debug)]
pub struct Cluster {
    config: Arc<causeway_model::Cluster>,
    surroundings: Arc<Surroundings>,
    registry: Arc<Registry>,
    stats: Scope<ClusterStat>,
    /// Where its policy hashes.
    table_stats: Option<TableStats>,
    breakers: Breakers,
    sockets: Sockets,
    generation: AtomicU64,
    hosts: ArcSwap<HostSet>,
    names: ArcSwap<Vec<Arc<NameReport>>>,
    traffic: AtomicBool,
    warm: AtomicBool,
    warmed: Notify,
    /// Takes hosts to the main thread that a worker has made.
    pub(crate) found: Found,
    /// Wakes workers when there is a new snapshot of hosts.
    published: Notify,
    /// Wakes the main thread when a response asked for its host to be left alone.
    pub(crate) failed_now: Notify,
    /// Wakes the main thread when a host failed as often as it may.
    pub(crate) outliers: Notify,
    outlier_report: ArcSwap<OutlierReport>,
}

/// One worker's part in a cluster: its cells, and the breakers.
#[derive(Debug)]
pub struct WorkerCluster {
    cluster: Arc<Cluster>,
    worker: usize,
    stats: Shard<ClusterStat>,
    breakers: BreakerShard,
}

impl Cluster {
    pub(crate) fn new(
        config: Arc<causeway_model::Cluster>,
        surroundings: Arc<Surroundings>,
        registry: &Arc<Registry>,
    ) -> Self {
        let stats: Scope<ClusterStat> = registry.scope(scope_name(&config));
        let breakers = Breakers::new(&config.circuit_breakers, registry, stats.name());
        stats.shard(registry.main_shard()).set(ClusterStat::WarmingState, 1);
        let sockets = Sockets::new(&config, registry, stats.name());
        let hosts = HostSet::new(Vec::new(), &layout_of(&config, &surroundings));
        Self {
            table_stats: TableStats::new(&config.lb_policy, registry, stats.name()),
            config,
            surroundings,
            registry: Arc::clone(registry),
            stats,
            breakers,
            sockets,
            generation: AtomicU64::new(0),
            hosts: ArcSwap::from_pointee(hosts),
            names: ArcSwap::default(),
            traffic: AtomicBool::new(false),
            warm: AtomicBool::new(false),
            warmed: Notify::new(),
            found: Found::default(),
            published: Notify::new(),
            failed_now: Notify::new(),
            outliers: Notify::new(),
            outlier_report: ArcSwap::default(),
        }
    }

    /// A cluster that nobody drives: its names are not looked up, its hosts are not checked, and it has none. What is
    /// known of it is its configuration, which is enough to rehearse where a request would go.
    #[must_use]
    pub fn at_rest(config: &Arc<causeway_model::Cluster>, registry: &Arc<Registry>) -> Arc<Self> {
        Arc::new(Self::new(Arc::clone(config), Arc::default(), registry))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &Arc<causeway_model::Cluster> {
        &self.config
    }

    /// Its statistics, `cluster.<name>.`.
    #[must_use]
    pub const fn stats(&self) -> &Scope<ClusterStat> {
        &self.stats
    }

    /// The statistics that Envoy shows from the first response on.
    #[must_use]
    pub fn response_stats(&self) -> Scope<ClusterResponseStat> {
        self.registry.scope(self.stats.name().clone())
    }

    /// The statistics that Envoy shows from the first response to a request from outside on.
    #[must_use]
    pub fn external_stats(&self) -> Scope<ClusterExternalStat> {
        self.registry.scope(self.stats.name().clone())
    }

    /// The statistics that Envoy shows from the first response to a request from inside on.
    #[must_use]
    pub fn internal_stats(&self) -> Scope<ClusterInternalStat> {
        self.registry.scope(self.stats.name().clone())
    }

    /// What Envoy shows from the first response of a canary on.
    #[must_use]
    pub fn canary_stats(&self) -> Scope<ClusterShareStat> {
        self.registry.scope(self.stats.name().clone().then("canary"))
    }

    /// What Envoy shows from the first response to this zone from a host in another on.
    #[must_use]
    pub fn zone_stats(&self, from: &str, to: &str) -> Scope<ClusterShareStat> {
        self.registry.scope(self.stats.name().clone().then("zone").then(from).then(to))
    }

    /// The zone that this process is in (`node.locality.zone`), where it says.
    #[must_use]
    pub fn own_zone(&self) -> Option<&str> {
        Some(&*self.surroundings.own_locality.zone).filter(|zone| !zone.is_empty())
    }

    /// How much of their time requests take, where that is tracked.
    #[must_use]
    pub fn budget_stats(&self) -> Option<Scope<ClusterBudgetStat>> {
        self.config.track_timeout_budgets.then(|| self.registry.scope(self.stats.name().clone()))
    }

    /// How large requests and responses are, where that is tracked.
    #[must_use]
    pub fn size_stats(&self) -> Option<Scope<ClusterSizeStat>> {
        self.config.track_request_response_sizes.then(|| self.registry.scope(self.stats.name().clone()))
    }

    /// The statistics that Envoy shows from the first HTTP/1 connection on.
    #[must_use]
    pub fn http1_stats(&self) -> Scope<ClusterHttp1Stat> {
        self.registry.scope(self.stats.name().clone())
    }

    /// The statistics that Envoy shows from the first HTTP/2 connection on.
    #[must_use]
    pub fn http2_stats(&self) -> Scope<ClusterHttp2Stat> {
        self.registry.scope(self.stats.name().clone())
    }

    /// What is spoken with its hosts below HTTP.
    #[must_use]
    pub const fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// A worker's part in it. Only the worker of that number may use what is counted in it.
    #[must_use]
    pub fn worker(self: &Arc<Self>, worker: usize) -> WorkerCluster {
        WorkerCluster {
            stats: self.stats.shard(worker),
            breakers: self.breakers.shard(worker),
            cluster: Arc::clone(self),
            worker,
        }
    }

    /// How many of a resource are taken, and how many may be.
    #[must_use]
    pub fn usage(&self, priority: RoutingPriority, resource: Resource) -> (u32, u32) {
        self.breakers.usage(priority, resource)
    }

    /// Number of the newest snapshot of hosts: grows with every change. A relaxed load.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// Resolves once the newest snapshot of hosts is another one than that.
    pub async fn outdated(&self, generation: u64) {
        loop {
            let published = self.published.notified();
            if self.generation() != generation {
                return;
            }
            published.await;
        }
    }

    /// The newest snapshot of hosts.
    #[must_use]
    pub fn host_set(&self) -> Arc<HostSet> {
        // Pairs with the release in `publish`: who has seen a generation sees its hosts.
        let _ = self.generation.load(Acquire);
        self.hosts.load_full()
    }

    /// What is known of the names that its endpoints have, in the order of the file: the last answers and
    /// how old they are. Empty where there are none to look up.
    #[must_use]
    pub fn names(&self) -> Arc<Vec<Arc<NameReport>>> {
        self.names.load_full()
    }

    /// Why no host may be used, with evidence: the most frequent cause, and the others named. Takes its
    /// time: for requests that failed.
    #[must_use]
    pub fn why_none(&self, now: Instant) -> Failure {
        why::no_host_left(&self.host_set(), &self.names(), now)
    }

    /// Notes that a connection was made for a request: health checks come at `interval` from now on.
    pub fn note_traffic(&self) {
        if !self.traffic.load(Relaxed) {
            self.traffic.store(true, Relaxed);
        }
    }

    /// Notes that a host's response said `x-envoy-immediate-health-check-fail`: it is out of use until a
    /// health check succeeds. Nothing happens where hosts are not checked.
    pub fn note_immediate_health_check_fail(&self, host: &Host) {
        if host.note_failed_now() {
            self.failed_now.notify_one();
        }
    }

    /// Notes what became of an attempt to use a host, where outliers are looked for.
    pub fn note_result(&self, host: &Host, result: HostResult) {
        if host.monitor().is_some_and(|monitor| monitor.report(result)) {
            self.outliers.notify_one();
        }
    }

    /// The success rates that hosts are compared by, where outliers are looked for.
    #[must_use]
    pub fn outlier_report(&self) -> Option<OutlierReport> {
        self.config.outlier_detection.is_some().then(|| **self.outlier_report.load())
    }

    /// Whether it had its first DNS answer and its first round of health checks.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.warm.load(Acquire)
    }

    /// Whether a request was ever sent to it.
    pub(crate) fn had_traffic(&self) -> bool {
        self.traffic.load(Relaxed)
    }

    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What there is beside it.
    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// How its hosts are arranged.
    pub(crate) fn layout(&self) -> Layout<'_> {
        layout_of(&self.config, &self.surroundings)
    }

    /// How load is spread over priorities.
    pub(crate) fn spread(&self) -> Spread {
        spread_of(&self.config)
    }

    /// Publishes a snapshot.
    pub(crate) fn publish(&self, hosts: HostSet) {
        if let Some(stats) = &self.table_stats
            && let Some(table) = hosts.priorities().first().and_then(Priority::table)
        {
            stats.show(table, &self.registry);
        }
        self.hosts.store(Arc::new(hosts));
        self.generation.fetch_add(1, Release);
        self.published.notify_waiters();
    }

    pub(crate) fn publish_outliers(&self, report: OutlierReport) {
        self.outlier_report.store(Arc::new(report));
    }

    pub(crate) fn publish_names(&self, names: Vec<Arc<NameReport>>) {
        self.names.store(Arc::new(names));
    }

    pub(crate) fn set_warm(&self) {
        self.warm.store(true, Release);
        self.warmed.notify_waiters();
    }

    /// Waits until the cluster is warm.
    pub(crate) async fn warmed(&self) {
        loop {
            let warmed = self.warmed.notified();
            if self.is_warm() {
                return;
            }
            warmed.await;
        }
    }
}

impl WorkerCluster {
    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The worker's cells of the cluster's statistics.
    #[must_use]
    pub const fn stats(&self) -> &Shard<ClusterStat> {
        &self.stats
    }

    /// The worker's cells of a host.
    #[must_use]
    pub fn host_cells<'h>(&self, host: &'h Host) -> &'h HostCells {
        host.cells(self.worker)
    }

    /// Takes one of a resource, unless its breaker is open. What was taken has to be given back.
    #[must_use]
    pub fn try_acquire(&self, priority: RoutingPriority, resource: Resource) -> bool {
        self.cluster.breakers.try_acquire(&self.stats, &self.breakers, priority, resource)
    }

    /// Takes one of a resource even though its breaker may be open: Envoy allows one connection to a pool
    /// that has none.
    pub fn acquire(&self, priority: RoutingPriority, resource: Resource) {
        self.cluster.breakers.acquire(&self.stats, &self.breakers, priority, resource);
    }

    /// Gives back what was taken.
    pub fn release(&self, priority: RoutingPriority, resource: Resource) {
        self.cluster.breakers.release(&self.stats, &self.breakers, priority, resource);
    }
}

/// `cluster.<name>`.
fn scope_name(config: &causeway_model::Cluster) -> ScopeName {
    ScopeName::root().then("cluster").tagged("envoy.cluster_name", &config.stat_name)
}

fn layout_of<'c>(config: &'c causeway_model::Cluster, surroundings: &'c Surroundings) -> Layout<'c> {
    let weighted = config.locality_lb == LocalityLb::Weighted;
    // The process's own cluster is compared with the others, whatever its own policy is.
    let zoned = surroundings.own_cluster.is_some();
    Layout {
        spread: spread_of(config),
        policy: &config.lb_policy,
        own_locality: (weighted || zoned).then_some(&surroundings.own_locality),
        weighted,
        subsets: config.subsets.as_ref(),
        destinations: matches!(config.kind, ClusterType::OriginalDst(_)),
    }
}

fn spread_of(config: &causeway_model::Cluster) -> Spread {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped; a whole number of per cents, as Envoy reckons"
    )]
    let panic_threshold = config.healthy_panic_threshold.clamp(0.0, 100.0).round() as u32;
    Spread { overprovisioning_factor: config.overprovisioning_factor, panic_threshold }
}
