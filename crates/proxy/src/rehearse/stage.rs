//! A configuration with nothing that reaches out.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use causeway_journal::Journal;
use causeway_model::{
    Bootstrap, DownstreamSocket, FilterChain, HttpConnectionManager, Listener, NetworkFilter, OverloadManager,
};
use causeway_stats::{Registry, ScopeName};
use causeway_upstream::Cluster;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::{Caller, Heard, Knock, Question, arrival, play};
use crate::access_log::LogFiles;
use crate::downstream::Course;
use crate::snapshot::{DataPlaneOptions, ListenerRuntime, Snapshot};
use crate::stats::Http1Stat;
use crate::worker::{SharedByWorkers, Worker};

/// Where requests are rehearsed.
#[derive(Debug)]
pub struct Stage {
    runtime: LocalRuntime,
    pub(super) worker: Rc<Worker>,
    /// As the file has them.
    pub(super) listeners: Vec<Arc<Listener>>,
    /// As they are rehearsed.
    pub(super) runtimes: Vec<Rc<ListenerRuntime>>,
}

impl Stage {
    /// Builds one.
    ///
    /// # Errors
    ///
    /// Where the configuration can't be compiled, or the machine has no more threads or descriptors.
    pub fn new(bootstrap: &Bootstrap, options: DataPlaneOptions) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
        let registry = Registry::new(1);
        let tame = Bootstrap {
            listeners: bootstrap.listeners.iter().map(|listener| Arc::new(tamed(listener))).collect(),
            overload: OverloadManager::default(),
            ..bootstrap.clone()
        };
        let settings = Arc::new(tame.runtime.clone());
        let files = LogFiles::start()?;
        let snapshot = Snapshot::compile(&tame, &settings, &registry, &files, 1, options.clone())
            .map_err(|faults| io::Error::other(faults.join("\n")))?;
        let clusters: Vec<_> =
            tame.clusters.iter().map(|cluster| Cluster::at_rest(cluster, &registry)).collect();
        let worker = worker(&registry);
        let runtimes = runtime.block_on(async {
            let empty = Snapshot {
                listeners: Vec::new(),
                options: options.clone(),
                overload: Arc::clone(&snapshot.overload),
            };
            worker.update(&Arc::new(empty), &clusters, Vec::new());
            let named =
                |cluster: &Arc<Cluster>| Some((Arc::clone(cluster.name()), worker.cluster(cluster.name())?));
            let local: HashMap<_, _> = clusters.iter().filter_map(named).collect();
            let listeners = snapshot.listeners.iter();
            listeners.map(|listener| ListenerRuntime::new(listener, &local, &options, 0)).collect()
        });
        Ok(Self { runtime, worker, listeners: bootstrap.listeners.clone(), runtimes })
    }

    /// Which filter chain of a listener, by its number in the file, a connection gets. `None` where there is no such
    /// listener.
    #[must_use]
    pub fn knock(&self, listener: usize, caller: &Caller) -> Option<Knock> {
        arrival::knock(self.listeners.get(listener)?, self.runtimes.get(listener)?, caller)
    }

    /// What becomes of a request on a connection that gets this chain, where chance has drawn this number. `None` where
    /// there is no such chain, or it serves no HTTP. Why routes are passed over is told where `thorough` is set, which
    /// takes time where there are many.
    #[must_use]
    pub fn ask(
        &self,
        (listener, chain): (usize, usize),
        caller: &Caller,
        question: &Question,
        random: u64,
        thorough: bool,
    ) -> Option<Heard> {
        let course = Course { thorough, ..Course::default() };
        self.runtime.block_on(play::play(self, (listener, chain), caller, question, random, course))
    }
}

/// A worker that nobody runs.
pub(crate) fn worker(registry: &Arc<Registry>) -> Rc<Worker> {
    let http1 = registry.scope::<Http1Stat>(ScopeName::root().then("http1"));
    let shared = SharedByWorkers {
        connection_ids: AtomicU64::new(1),
        open_connections: AtomicU64::new(0),
        counted_connections: Arc::default(),
        failing: AtomicBool::new(false),
        log_flush: Duration::from_secs(1),
        workers: OnceLock::new(),
        journal: Arc::new(Journal::default()),
        drain_time: Duration::ZERO,
    };
    Worker::new(0, 0, http1.shard(0), Arc::clone(registry), Arc::new(shared))
}

/// A listener without what needs files: logs, and certificates, which say nothing of where a request goes.
fn tamed(listener: &Listener) -> Listener {
    let chain = |chain: &Arc<FilterChain>| {
        let filter = match &chain.filter {
            NetworkFilter::HttpConnectionManager(manager) => {
                NetworkFilter::HttpConnectionManager(Arc::new(HttpConnectionManager {
                    access_logs: Vec::new(),
                    upstream_logs: Vec::new(),
                    ..(**manager).clone()
                }))
            }
            // It is not served.
            NetworkFilter::TcpProxy(_) => NetworkFilter::None,
            other @ (NetworkFilter::None | NetworkFilter::Echo | NetworkFilter::DirectResponse(_)) => {
                other.clone()
            }
        };
        let transport_socket = DownstreamSocket::RawBuffer;
        Arc::new(FilterChain { filter, transport_socket, ..(**chain).clone() })
    };
    Listener {
        access_logs: Vec::new(),
        filter_chains: listener.filter_chains.iter().map(chain).collect(),
        default_filter_chain: listener.default_filter_chain.as_ref().map(chain),
        ..listener.clone()
    }
}
