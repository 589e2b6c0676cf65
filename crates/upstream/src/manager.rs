//! All clusters of a process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Weak as ArcWeak};

use arc_swap::ArcSwap;
use causeway_model::{Bootstrap, Locality};
use causeway_stats::{Registry, ScopeName, Shard};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::cluster::Cluster;
use crate::dns::Resolvers;
use crate::driver::Driver;
use crate::health::Bounds;
use crate::health::events::EventLog;
use crate::rng::Rng;
use crate::stats::ClusterManagerStat;

/// Clusters by name.
pub type ClusterMap = BTreeMap<Arc<str>, Arc<Cluster>>;

/// How a [`ClusterManager`] works.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManagerOptions {
    /// Decides everything that is random: jitter, and with whom load balancing begins.
    pub seed: u64,
    /// How many descriptors the process may have open; health checks take half of them at most. `None` where nobody
    /// knows.
    pub descriptors: Option<u64>,
}

/// What [`ClusterManager::apply`] did. Names of clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyReport {
    /// Clusters that are new.
    pub added: Vec<Arc<str>>,
    /// Clusters that are replaced, as soon as their successors are warm.
    pub changed: Vec<Arc<str>>,
    /// Clusters that are gone.
    pub removed: Vec<Arc<str>>,
    /// Clusters that stay as they are, with hosts, health and statistics.
    pub unchanged: Vec<Arc<str>>,
}

/// Keeps all clusters up to date, on the thread that made it.
///
/// Its tasks run on the `LocalSet` or local runtime that is current when [`Self::apply`] is called.
#[derive(Debug)]
pub struct ClusterManager {
    inner: Rc<Inner>,
}

/// The clusters as other threads see them: always the newest map, without a lock.
#[derive(Debug, Clone, Default)]
pub struct Clusters(Arc<Published>);

#[derive(Debug, Default)]
struct Published {
    map: ArcSwap<ClusterMap>,
    generation: AtomicU64,
}

/// What a cluster may know of what is beside it.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Where this process is (`node.locality`).
    pub(crate) own_locality: Locality,
    /// The cluster that this process belongs to (`cluster_manager.local_cluster_name`).
    pub(crate) own_cluster: Option<Arc<str>>,
    /// All clusters. They hold what is here.
    clusters: ArcWeak<Published>,
}

impl Surroundings {
    /// For clusters that will be among these.
    pub(crate) fn new(own_locality: Locality, own_cluster: Option<Arc<str>>, clusters: &Clusters) -> Self {
        Self { own_locality, own_cluster, clusters: Arc::downgrade(&clusters.0) }
    }

    /// Whether what the file says of them is the same.
    fn is_like(&self, other: &Self) -> bool {
        self.own_locality == other.own_locality && self.own_cluster == other.own_cluster
    }

    /// All clusters.
    pub(crate) fn clusters(&self) -> Option<Clusters> {
        self.clusters.upgrade().map(Clusters)
    }
}

#[derive(Debug)]
struct Inner {
    registry: Arc<Registry>,
    stats: Shard<ClusterManagerStat>,
    clusters: Clusters,
    resolvers: Rc<Resolvers>,
    bounds: Rc<Bounds>,
    state: RefCell<State>,
    /// A successor took its place.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    entries: BTreeMap<Arc<str>, Entry>,
    event_logs: Vec<Rc<EventLog>>,
    /// For clusters that are made.
    surroundings: Arc<Surroundings>,
}

/// A cluster, and its successor while that is not warm.
#[derive(Debug)]
struct Entry {
    active: Driver,
    successor: Option<Driver>,
}

impl ClusterManager {
    /// A manager without clusters.
    #[must_use]
    pub fn new(registry: Arc<Registry>, options: ManagerOptions) -> Self {
        let resolvers = Rc::new(Resolvers::new(&registry));
        Self::with_resolvers(registry, options, resolvers)
    }

    pub(crate) fn with_resolvers(
        registry: Arc<Registry>,
        options: ManagerOptions,
        resolvers: Rc<Resolvers>,
    ) -> Self {
        let stats = registry.scope(ScopeName::root().then("cluster_manager")).shard(registry.main_shard());
        let inner = Rc::new(Inner {
            registry,
            stats,
            clusters: Clusters::default(),
            resolvers,
            bounds: Rc::new(Bounds::new(options.descriptors)),
            state: RefCell::new(State {
                rng: Rng::new(options.seed),
                entries: BTreeMap::new(),
                event_logs: Vec::new(),
                surroundings: Arc::default(),
            }),
            changed: Notify::new(),
        });
        Self { inner }
    }

    /// Makes the clusters those of a configuration. One that did not change keeps everything. One that did
    /// is replaced when its successor is warm, so that requests never meet hosts that nobody looked at
    /// yet.
    pub fn apply(&self, config: &Bootstrap) -> ApplyReport {
        let mut report = ApplyReport::default();
        let inner = &self.inner;
        let (locality, own_cluster) = (config.node.locality.clone(), config.local_cluster_name.clone());
        let surroundings = Surroundings::new(locality, own_cluster, &inner.clusters);
        inner.state.borrow_mut().surroundings = Arc::new(surroundings);
        let removed: Vec<Arc<str>> = {
            let state = inner.state.borrow();
            state.entries.keys().filter(|name| config.cluster(name).is_none()).cloned().collect()
        };
        for name in removed {
            inner.state.borrow_mut().entries.remove(&name);
            inner.stats.inc(ClusterManagerStat::ClusterRemoved);
            report.removed.push(name);
        }
        for cluster in &config.clusters {
            let name = Arc::clone(&cluster.name);
            match inner.standing(cluster) {
                Standing::Unknown => {
                    let driver = inner.start(cluster, None);
                    let entry = Entry { active: driver, successor: None };
                    inner.state.borrow_mut().entries.insert(Arc::clone(&name), entry);
                    inner.stats.inc(ClusterManagerStat::ClusterAdded);
                    inner.watch_warming(&name);
                    report.added.push(name);
                }
                Standing::Current => report.unchanged.push(name),
                Standing::Returned => {
                    // Changed back before the change took effect.
                    if let Some(entry) = inner.state.borrow_mut().entries.get_mut(&name) {
                        entry.successor = None;
                    }
                    report.unchanged.push(name);
                }
                Standing::Changed => {
                    let former = inner.state.borrow_mut().entries.remove(&name);
                    let Some(former) = former else { continue };
                    let driver = inner.start(cluster, Some(&former.active));
                    let entry = Entry { active: former.active, successor: Some(driver) };
                    inner.state.borrow_mut().entries.insert(Arc::clone(&name), entry);
                    inner.stats.inc(ClusterManagerStat::ClusterModified);
                    inner.promote(&name);
                    inner.watch_warming(&name);
                    report.changed.push(name);
                }
            }
        }
        inner.publish();
        report
    }

    /// Resolves when every cluster that is waited for (`wait_for_warm_on_init`) had its first DNS answers
    /// and its first round of health checks, and successors have taken their places. It takes as long as
    /// the slowest of these: a look-up is bounded by the resolver's timeouts, a check by its own.
    pub fn warm(&self) -> impl Future<Output = ()> + use<> {
        let waiting: Vec<Arc<Cluster>> = {
            let state = self.inner.state.borrow();
            let drivers =
                state.entries.values().map(|entry| entry.successor.as_ref().unwrap_or(&entry.active));
            let clusters = drivers.map(Driver::cluster);
            clusters.filter(|cluster| cluster.config().wait_for_warm_on_init).cloned().collect()
        };
        let inner = Rc::downgrade(&self.inner);
        async move {
            for cluster in waiting {
                cluster.warmed().await;
                if let Some(inner) = Weak::upgrade(&inner) {
                    inner.promote(cluster.name());
                }
            }
        }
    }

    /// Resolves when the map of clusters has changed by itself: a successor became warm and took its
    /// place. Whoever keeps clusters of an older map has to look again.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// The clusters, for this and other threads.
    #[must_use]
    pub fn clusters(&self) -> Clusters {
        self.inner.clusters.clone()
    }

    /// Opens the files of health events anew, after they were rotated.
    pub fn reopen_logs(&self) {
        for log in &self.inner.state.borrow().event_logs {
            log.reopen();
        }
    }

    /// Ends all look-ups and checks. The clusters stay as they are for who still uses them.
    pub fn shutdown(self) {
        self.inner.state.borrow_mut().entries.clear();
    }
}

impl Clusters {
    /// Number of the newest map: grows with every change. A relaxed load, by which a worker sees that it
    /// has to look again: after a reload, and when a changed cluster has become warm.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Relaxed)
    }

    /// The newest map.
    #[must_use]
    pub fn load(&self) -> Arc<ClusterMap> {
        // Pairs with the release in `store`: who has seen a generation sees its map.
        let _ = self.0.generation.load(Acquire);
        self.0.map.load_full()
    }

    /// The cluster of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Cluster>> {
        self.load().get(name).cloned()
    }

    pub(crate) fn store(&self, map: ClusterMap) {
        self.0.map.store(Arc::new(map));
        self.0.generation.fetch_add(1, Release);
    }
}

/// How a cluster of a new configuration stands to those there are.
enum Standing {
    Unknown,
    /// It is the newest already.
    Current,
    /// It is the one that was about to be replaced.
    Returned,
    Changed,
}

impl Inner {
    fn standing(&self, cluster: &causeway_model::Cluster) -> Standing {
        let state = self.state.borrow();
        let Some(entry) = state.entries.get(&cluster.name) else { return Standing::Unknown };
        let is = |driver: &Driver| {
            **driver.cluster().config() == *cluster
                && driver.cluster().surroundings().is_like(&state.surroundings)
        };
        match &entry.successor {
            Some(successor) if is(successor) => Standing::Current,
            Some(_) if is(&entry.active) => Standing::Returned,
            None if is(&entry.active) => Standing::Current,
            _ => Standing::Changed,
        }
    }

    fn start(&self, config: &Arc<causeway_model::Cluster>, former: Option<&Driver>) -> Driver {
        let rng = self.state.borrow_mut().rng.split();
        let paths = config.health_checks.iter().map(|check| check.event_log_path.as_ref());
        let logs = paths.map(|path| path.map(|path| self.event_log(path))).collect();
        let outliers =
            config.outlier_detection.as_ref().and_then(|outliers| outliers.event_log_path.as_ref());
        let logs = (logs, outliers.map(|path| self.event_log(path)));
        let surroundings = Arc::clone(&self.state.borrow().surroundings);
        let cluster = Arc::new(Cluster::new(Arc::clone(config), surroundings, &self.registry));
        Driver::start(cluster, former, &self.resolvers, &self.bounds, logs, rng)
    }

    fn event_log(&self, path: &Arc<str>) -> Rc<EventLog> {
        let logs = &mut self.state.borrow_mut().event_logs;
        if let Some(log) = logs.iter().find(|log| log.path() == path) {
            return Rc::clone(log);
        }
        let log = Rc::new(EventLog::new(Arc::clone(path)));
        logs.push(Rc::clone(&log));
        log
    }

    /// Puts a successor in its place once it is warm.
    fn watch_warming(self: &Rc<Self>, name: &Arc<str>) {
        let cluster = {
            let state = self.state.borrow();
            let Some(entry) = state.entries.get(name) else { return };
            Arc::clone(entry.successor.as_ref().unwrap_or(&entry.active).cluster())
        };
        if cluster.is_warm() {
            return;
        }
        let (inner, name) = (Rc::downgrade(self), Arc::clone(name));
        spawn_local(async move {
            cluster.warmed().await;
            if let Some(inner) = inner.upgrade() {
                inner.promote(&name);
                inner.publish();
                inner.changed.notify_one();
            }
        });
    }

    /// Puts a successor that is warm in its place.
    fn promote(&self, name: &str) {
        let promoted = {
            let mut state = self.state.borrow_mut();
            let Some(entry) = state.entries.get_mut(name) else { return };
            match entry.successor.take_if(|successor| successor.cluster().is_warm()) {
                Some(successor) => {
                    entry.active = successor;
                    true
                }
                None => false,
            }
        };
        if promoted {
            self.publish();
        }
    }

    fn publish(&self) {
        let state = self.state.borrow();
        let active = state.entries.iter();
        let map: ClusterMap =
            active.map(|(name, entry)| (Arc::clone(name), Arc::clone(entry.active.cluster()))).collect();
        let newest = state.entries.values().map(|entry| entry.successor.as_ref().unwrap_or(&entry.active));
        let cold = newest.filter(|driver| !driver.cluster().is_warm()).count();
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.stats.set(ClusterManagerStat::ActiveClusters, gauge(map.len()));
        self.stats.set(ClusterManagerStat::WarmingClusters, gauge(cold));
        drop(state);
        self.clusters.store(map);
    }
}
