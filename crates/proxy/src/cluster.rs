//! A cluster as one worker has it: its choice of hosts, its connections, its counters.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use causeway_http::Version;
use causeway_model::{Cluster as ClusterConfig, HashRule, RoutingPriority, UpstreamProtocol};
use causeway_reason::Failure;
use causeway_stats::{DynamicCounter, Shard};
use causeway_upstream::{
    Aggregate, Ask, Cluster, ClusterBudgetStat, ClusterExternalStat, ClusterHttp1Stat, ClusterHttp2Stat,
    ClusterInternalStat, ClusterResponseStat, ClusterSizeStat, ClusterSslStat, ClusterStat, Destination,
    Destinations, Forced, Health, Host, HostCells, HostId, HostStat, LoadBalancer, Resource, Unusable,
    WorkerCluster,
};

use tokio::task::AbortHandle;

use crate::connection::ConnectionInfo;
use crate::destination;
use crate::exchange::{Exchange, Facts};
use crate::pool::{HostPool, PoolKind};
use crate::request_hash;
use crate::shares::{Counted, Shares};
use crate::stats::{ReasonCounters, StatusCounters};
use crate::timer::Millis;
use crate::way::Way;
use crate::worker::Worker;

/// What connections have to have in common to be shared; the bool is whether they speak HTTP/2.
type PoolKey = (HostId, RoutingPriority, PoolKind, Option<Rc<Way>>);

/// The connections to a host that are for one client alone. They end with this.
#[derive(Debug)]
pub(crate) struct OwnPool {
    cluster: Weak<LocalCluster>,
    key: PoolKey,
}

impl OwnPool {
    /// Lets the connections of that key end with the client.
    fn keep(cluster: &Rc<LocalCluster>, key: &PoolKey, client: &ConnectionInfo) {
        let mut pools = client.course.pools.get_or_init(Box::default).borrow_mut();
        if !pools.iter().any(|own| own.key == *key) {
            pools.push(Self { cluster: Rc::downgrade(cluster), key: key.clone() });
        }
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        let Some(cluster) = self.cluster.upgrade() else { return };
        let pool = cluster.pools.borrow_mut().remove(&self.key);
        if let Some(pool) = pool {
            pool.close();
        }
    }
}

/// A cluster as one worker has it.
#[derive(Debug)]
pub(crate) struct LocalCluster {
    own: WorkerCluster,
    worker: usize,
    codes: StatusCounters,
    external_codes: StatusCounters,
    internal_codes: StatusCounters,
    /// Of answers because of which requests were sent again.
    retry_codes: StatusCounters,
    retry_completed: OnceCell<DynamicCounter>,
    reasons: ReasonCounters,
    /// There from the first response on.
    responses: OnceCell<Shard<ClusterResponseStat>>,
    external: OnceCell<Shard<ClusterExternalStat>>,
    internal: OnceCell<Shard<ClusterInternalStat>>,
    /// There from the first response on that is counted apart.
    shares: OnceCell<Box<Shares>>,
    /// There where the cluster speaks TLS.
    ssl: Option<Shard<ClusterSslStat>>,
    budgets: Option<Shard<ClusterBudgetStat>>,
    sizes: Option<Shard<ClusterSizeStat>>,
    /// There from the first connection on.
    http1: OnceCell<Shard<ClusterHttp1Stat>>,
    http2: OnceCell<Shard<ClusterHttp2Stat>>,
    balancer: RefCell<LoadBalancer>,
    /// Where it has the hosts of other clusters.
    aggregate: Option<Box<RefCell<Aggregate>>>,
    /// Where requests say which host they are for.
    destinations: Option<Box<RefCell<Destinations>>>,
    /// Generation of the host set that the pools were last compared with.
    generation: Cell<u64>,
    /// By numbers of our own, which nobody outside can choose: a hash that is fast is enough.
    pools: RefCell<foldhash::HashMap<PoolKey, Rc<HostPool>>>,
    /// Compares the pools with each new host set; there from the first pool on.
    follower: OnceCell<AbortHandle>,
    /// Another cluster has taken its place. A request that was on its way here still gets its connection, but a
    /// connection that were kept would hold this cluster, and be held by it, for ever.
    closed: Cell<bool>,
}

impl LocalCluster {
    pub(crate) fn new(shared: &Arc<Cluster>, worker: usize, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            own: shared.worker(worker),
            worker,
            codes: StatusCounters::new("upstream_rq_"),
            external_codes: StatusCounters::new("external.upstream_rq_"),
            internal_codes: StatusCounters::new("internal.upstream_rq_"),
            retry_codes: StatusCounters::new("retry.upstream_rq_"),
            retry_completed: OnceCell::new(),
            reasons: ReasonCounters::new(),
            responses: OnceCell::new(),
            external: OnceCell::new(),
            internal: OnceCell::new(),
            shares: OnceCell::new(),
            ssl: shared.sockets().ssl().map(|ssl| ssl.shard(worker)),
            budgets: shared.budget_stats().map(|scope| scope.shard(worker)),
            sizes: shared.size_stats().map(|scope| scope.shard(worker)),
            http1: OnceCell::new(),
            http2: OnceCell::new(),
            balancer: RefCell::new(LoadBalancer::new(Arc::clone(shared), worker, seed)),
            aggregate: Aggregate::new(shared, seed).map(RefCell::new).map(Box::new),
            destinations: Destinations::new(shared, worker).map(RefCell::new).map(Box::new),
            generation: Cell::new(shared.generation()),
            pools: RefCell::default(),
            follower: OnceCell::new(),
            closed: Cell::new(false),
        })
    }

    /// The part that all workers share.
    pub(crate) const fn shared(&self) -> &Arc<Cluster> {
        self.own.cluster()
    }

    /// What the file says of it.
    pub(crate) fn config(&self) -> &ClusterConfig {
        self.shared().config()
    }

    /// This worker's cells of its metrics.
    pub(crate) const fn stats(&self) -> &Shard<ClusterStat> {
        self.own.stats()
    }

    /// This worker's cells of a host's metrics.
    pub(crate) fn cells<'h>(&self, host: &'h Host) -> &'h HostCells {
        self.own.host_cells(host)
    }

    /// The cluster whose host the next request gets: itself, unless it has the hosts of others. With those it is said
    /// where in it the request goes.
    pub(crate) fn member(self: &Rc<Self>, worker: &Worker) -> (Rc<Self>, Option<Forced>) {
        if let Some(aggregate) = &self.aggregate {
            let mut aggregate = aggregate.borrow_mut();
            let chosen = aggregate.choose();
            if let Some((member, forced)) = chosen
                && let Some(local) = worker.cluster(member.name())
            {
                drop(aggregate);
                let (inner, within) = local.member(worker);
                return (inner, within.or(Some(forced)));
            }
        }
        (Rc::clone(self), None)
    }

    /// Chooses a host, or says why there is none.
    pub(crate) fn choose(&self, ask: &Ask<'_>) -> Result<Arc<Host>, Failure> {
        if self.shared().generation() != self.generation.get() {
            self.follow_host_set();
        }
        if let Some(destinations) = &self.destinations {
            return destinations.borrow_mut().choose(ask.destination);
        }
        let mut balancer = self.balancer.borrow_mut();
        balancer.choose_for(ask, &Instant::now).map(|choice| Arc::clone(choice.host))
    }

    /// What its hosts are chosen by the hash of, where it hashes: what it says itself, or else the route. Cookies that
    /// the client is given because of it are added to the exchange.
    pub(crate) fn hash_of(
        &self,
        rules: &[HashRule],
        exchange: &mut Exchange,
        client: &ConnectionInfo,
    ) -> Option<u64> {
        let config = self.config();
        if !config.lb_policy.hashes() {
            return None;
        }
        let own = &config.hash_policy;
        let rules = if own.is_empty() { rules } else { own };
        let mut cookies = std::mem::take(&mut exchange.facts.set_cookies);
        let hash = request_hash::of_request(rules, exchange, client, &mut cookies);
        exchange.facts.set_cookies = cookies;
        hash
    }

    /// Where a request goes, if it is one that says so to this cluster.
    pub(crate) fn destination_of<'e>(
        &self,
        exchange: &'e Exchange,
        client: Option<&'e ConnectionInfo>,
    ) -> Destination<'e> {
        match &self.destinations {
            None => Destination::Unknown,
            Some(_) => destination::of_request(self, exchange, client),
        }
    }

    /// Where a connection that is passed on goes, in the same way.
    pub(crate) fn destination_of_connection<'i>(&self, client: &'i ConnectionInfo) -> Destination<'i> {
        match &self.destinations {
            None => Destination::Unknown,
            Some(_) => destination::of_connection(self, client),
        }
    }

    /// The priorities that hosts belong to.
    pub(crate) fn priorities_of(&self, hosts: &[Arc<Host>]) -> Vec<usize> {
        let mut balancer = self.balancer.borrow_mut();
        let set = balancer.hosts();
        hosts.iter().filter_map(|host| set.priority_of(host)).collect()
    }

    /// Whether what becomes of requests is to be reported.
    pub(crate) fn looks_for_outliers(&self) -> bool {
        self.config().outlier_detection.is_some()
    }

    /// Takes one of a resource, unless its circuit breaker is open.
    pub(crate) fn acquire(self: &Rc<Self>, priority: RoutingPriority, resource: Resource) -> Option<Permit> {
        self.own.try_acquire(priority, resource).then(|| Permit {
            cluster: Rc::clone(self),
            priority,
            resource,
        })
    }

    /// Takes one of a resource even though its circuit breaker is open.
    pub(crate) fn acquire_beyond(self: &Rc<Self>, priority: RoutingPriority, resource: Resource) -> Permit {
        self.own.acquire(priority, resource);
        Permit { cluster: Rc::clone(self), priority, resource }
    }

    /// How many of a resource there may be.
    pub(crate) fn limit(&self, priority: RoutingPriority, resource: Resource) -> u32 {
        self.shared().usage(priority, resource).1
    }

    /// What is spoken with the back-ends for a client that speaks this version.
    fn pool_kind(&self, client: Version) -> PoolKind {
        match self.config().http.protocol {
            UpstreamProtocol::Http1 => PoolKind::Http1,
            UpstreamProtocol::Http2(_) => PoolKind::Http2,
            UpstreamProtocol::Downstream(_) if client == Version::Http2 => PoolKind::Http2,
            UpstreamProtocol::Downstream(_) => PoolKind::Http1,
            UpstreamProtocol::Auto(_) => PoolKind::Auto,
        }
    }

    /// The connections to a host, for requests of a client that speaks this version.
    pub(crate) fn pool(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        host: &Arc<Host>,
        priority: RoutingPriority,
        (client, version): (&ConnectionInfo, Version),
        way: Option<Rc<Way>>,
    ) -> Rc<HostPool> {
        let kind = self.pool_kind(version);
        self.follower.get_or_init(|| worker.spawn(follow(Rc::downgrade(self))));
        let mut pools = self.pools.borrow_mut();
        let key = (host.id(), priority, kind, way.clone());
        if way.as_ref().is_some_and(|way| way.header.is_some()) {
            OwnPool::keep(self, &key, client);
        }
        let pool = pools.entry(key).or_insert_with(|| HostPool::new(worker, self, host, priority, kind, way));
        if self.closed.get() {
            pool.close();
        }
        Rc::clone(pool)
    }

    /// A way to one connection to a host for something that is not HTTP.
    pub(crate) fn raw_pool(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        host: &Arc<Host>,
        priority: RoutingPriority,
        way: Option<Rc<Way>>,
    ) -> Rc<HostPool> {
        HostPool::new(worker, self, host, priority, PoolKind::Raw, way)
    }

    /// Compares the connections with a host set that has changed. Hosts that are gone lose their idle
    /// ones, and so do those that became unhealthy: when they are well again, nothing of before is used.
    pub(crate) fn follow_host_set(&self) {
        let generation = self.shared().generation();
        if generation == self.generation.replace(generation) {
            return;
        }
        let mut balancer = self.balancer.borrow_mut();
        let hosts = balancer.hosts();
        let config = self.config();
        self.pools.borrow_mut().retain(|(id, ..), pool| {
            let host = match &self.destinations {
                None => hosts.hosts().find(|host| host.id() == *id),
                Some(destinations) => Some(pool.host()).filter(|host| destinations.borrow_mut().has(host)),
            };
            let Some(host) = host else {
                pool.close();
                return false;
            };
            let failed = pool.note_health(host.health()) && host.health() == Health::Unhealthy;
            if failed || config.close_connections_on_host_set_change {
                pool.drain();
            }
            true
        });
    }

    /// Closes what has been idle for too long.
    pub(crate) fn close_idle(&self, now: Millis) {
        for pool in self.pools.borrow().values() {
            pool.close_idle(now);
        }
        // There may be as many of those as clients think of names.
        self.pools.borrow_mut().retain(|(.., way), pool| way.is_none() || !pool.is_unused());
    }

    /// The cluster is gone: its idle connections are closed, and those in use afterwards.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        for (_, pool) in self.pools.borrow_mut().drain() {
            pool.close();
        }
    }

    /// Notes that a connection is made, for HTTP or for something else.
    pub(crate) fn note_connection(&self, kind: PoolKind) {
        self.shared().note_traffic();
        self.stats().inc(ClusterStat::UpstreamCxTotal);
        self.note_protocol(kind);
    }

    /// Notes what is spoken on a connection, as soon as that is known.
    pub(crate) fn note_protocol(&self, kind: PoolKind) {
        match kind {
            PoolKind::Http1 => {
                self.http1.get_or_init(|| self.shared().http1_stats().shard(self.worker));
                self.stats().inc(ClusterStat::UpstreamCxHttp1Total);
            }
            PoolKind::Http2 => {
                let stats = self.http2();
                stats.inc(ClusterHttp2Stat::Nghttp2UpstreamConnections);
                // Envoy has touched them with the first frame.
                stats.adjust(ClusterHttp2Stat::OutboundControlFramesActive, 0);
                stats.adjust(ClusterHttp2Stat::OutboundFramesActive, 0);
                self.stats().inc(ClusterStat::UpstreamCxHttp2Total);
            }
            PoolKind::Auto | PoolKind::Raw => {}
        }
    }

    /// This worker's cells of what is counted about TLS, where the cluster speaks it.
    pub(crate) const fn ssl(&self) -> Option<&Shard<ClusterSslStat>> {
        self.ssl.as_ref()
    }

    /// Counts a PROXY header whose TLVs do not fit.
    pub(crate) fn count_tlvs_exceed(&self) {
        self.shared().sockets().count_tlvs_exceed(self.worker);
    }

    /// Counts a connection that was not made because its TLS is not ready.
    pub(crate) fn count_tls_not_ready(&self, why: &Unusable) {
        self.shared().sockets().count_unusable(why, self.worker);
    }

    /// What is counted about HTTP/2.
    pub(crate) fn http2(&self) -> &Shard<ClusterHttp2Stat> {
        self.http2.get_or_init(|| self.shared().http2_stats().shard(self.worker))
    }

    /// Counts a response, or a local answer in place of one.
    pub(crate) fn count_status(&self, status: u16, internal: bool) {
        self.codes.count(self.stats(), status);
        if internal {
            self.internal_codes.count(self.stats(), status);
        } else {
            self.external_codes.count(self.stats(), status);
        }
        self.count_completed(internal);
    }

    /// Counts a response whatever its status is.
    pub(crate) fn count_completed(&self, internal: bool) {
        self.stats().inc(ClusterStat::UpstreamRqCompleted);
        if internal {
            self.internal().inc(ClusterInternalStat::Completed);
        } else {
            self.external().inc(ClusterExternalStat::Completed);
        }
    }

    /// Counts a response among those of canaries, and of its host's zone, where it belongs there.
    pub(crate) fn count_apart(&self, facts: &Facts, counted: Counted) {
        let host = facts.host.as_deref();
        let canary = facts.canary || host.is_some_and(Host::is_canary);
        if canary || self.shared().own_zone().is_some() {
            let shares = self.shares.get_or_init(Box::default);
            shares.count((self.shared(), self.worker), host, canary, counted);
        }
    }

    /// Counts an answer because of which the request is sent again; `by_status` where statuses are counted.
    pub(crate) fn count_retried(&self, status: u16, by_status: bool) {
        self.retry_completed.get_or_init(|| self.stats().dynamic("retry.upstream_rq_completed")).inc();
        if by_status {
            self.retry_codes.count(self.stats(), status);
        }
    }

    /// Counts how long a back-end took to answer, in milliseconds.
    pub(crate) fn count_time(&self, millis: u64, internal: bool) {
        self.responses().record(ClusterResponseStat::UpstreamRqTime, millis);
        if internal {
            self.internal().record(ClusterInternalStat::Time, millis);
        } else {
            self.external().record(ClusterExternalStat::Time, millis);
        }
    }

    /// How much of their time requests take, where that is tracked.
    pub(crate) const fn budgets(&self) -> Option<&Shard<ClusterBudgetStat>> {
        self.budgets.as_ref()
    }

    /// How large requests and responses are, where that is tracked.
    pub(crate) const fn sizes(&self) -> Option<&Shard<ClusterSizeStat>> {
        self.sizes.as_ref()
    }

    fn responses(&self) -> &Shard<ClusterResponseStat> {
        self.responses.get_or_init(|| self.shared().response_stats().shard(self.worker))
    }

    fn external(&self) -> &Shard<ClusterExternalStat> {
        self.external.get_or_init(|| self.shared().external_stats().shard(self.worker))
    }

    fn internal(&self) -> &Shard<ClusterInternalStat> {
        self.internal.get_or_init(|| self.shared().internal_stats().shard(self.worker))
    }

    /// Counts that a request ran into the route's timeout.
    pub(crate) fn count_timeout(&self, host: Option<&Host>) {
        self.stats().inc(ClusterStat::UpstreamRqTimeout);
        if let Some(host) = host {
            self.cells(host).inc(HostStat::RqTimeout);
        }
    }

    /// Counts why a request failed.
    pub(crate) fn count_reason(&self, reason: causeway_reason::Reason) {
        self.reasons.count(self.stats(), reason);
    }
}

/// Closes connections to hosts as soon as they should not be used any more, also where no request comes.
async fn follow(cluster: Weak<LocalCluster>) {
    loop {
        let Some((shared, generation)) =
            cluster.upgrade().map(|cluster| (Arc::clone(cluster.shared()), cluster.generation.get()))
        else {
            return;
        };
        shared.outdated(generation).await;
        if let Some(cluster) = cluster.upgrade() {
            cluster.follow_host_set();
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get() {
            follower.abort();
        }
    }
}

/// One of a resource that circuit breakers count. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    cluster: Rc<LocalCluster>,
    priority: RoutingPriority,
    resource: Resource,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.cluster.own.release(self.priority, self.resource);
    }
}
