//! The process at work: what it consists of, how it starts, and its main loop.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_admin::view::{
    DrainRequest, IpVersion, ListenerStatus, NodeInfo, ReloadTrigger, ServerInfo, ServerState,
};
use causeway_admin::{
    AdminServer, FLUSH_INTERVAL, ModifyRuntimeError, Options as AdminOptions, StatsSinks, who_listens,
};
use causeway_envoy::Kind;
use causeway_journal::Journal;
use causeway_log::LogHandle;
use causeway_model::{Address, Bootstrap, Listener, Runtime, TrafficDirection, Value};
use causeway_proxy::{
    AdminLog, BindError, DataPlane, DataPlaneOptions, Drain, Ending, GateStates, LogFiles, Reserved,
    Snapshot, StartOptions,
};
use causeway_reason::Condition;
use causeway_stats::{NameFilter, Registry};
use causeway_upstream::{Cluster, ClusterManager, ManagerOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::certificates::Certificates;
use super::lint;
use super::load::Configuration;
use super::reload::{self, Wanted};
use super::statistics::Statistics;
use crate::cli::ServeArguments;
use crate::process::{Current, Request, Shared};
use crate::version;

/// The process at work. Everything here belongs to the main thread.
pub(super) struct Server {
    pub(super) arguments: Rc<ServeArguments>,
    pub(super) shared: Arc<Shared>,
    pub(super) log: LogHandle,
    pub(super) files: LogFiles,
    gates: Arc<GateStates>,
    pub(super) manager: ClusterManager,
    pub(super) data_plane: DataPlane,
    pub(super) statistics: Statistics,
    pub(super) certificates: Certificates,
    /// The configuration that holds, compiled.
    pub(super) snapshot: RefCell<Option<Arc<Snapshot>>>,
    /// What `/runtime_modify` set.
    overrides: RefCell<BTreeMap<Box<str>, Value>>,
    pub(super) admin: RefCell<Option<AdminServer>>,
    /// Held for its `Drop`.
    _sinks: Option<StatsSinks>,
}

/// A configuration that is ready to come into force.
pub(super) struct Prepared {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) reserved: Reserved,
    pub(super) admin_log: Option<Arc<AdminLog>>,
    pub(super) runtime: Arc<Runtime>,
}

/// Signals that the process listens to.
struct Signals {
    hangup: Signal,
    user1: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// Why nothing is served.
pub(super) enum NotStarted {
    /// Lines that say what could not be had.
    Faults(Vec<String>),
    /// A signal told the process to end before it served.
    ToldToEnd,
}

impl From<Vec<String>> for NotStarted {
    fn from(faults: Vec<String>) -> Self {
        Self::Faults(faults)
    }
}

/// A running server with what drives it.
pub(super) struct Running {
    server: Rc<Server>,
    signals: Signals,
    requests: UnboundedReceiver<Request>,
    reloads: UnboundedSender<Wanted>,
}

impl Server {
    /// Starts everything, and takes connections as soon as clusters are ready.
    ///
    /// # Errors
    ///
    /// What could not be had, or that it is not wanted any more.
    pub(super) async fn start(
        arguments: &ServeArguments,
        log: &LogHandle,
        loaded: Configuration,
        begun: Instant,
    ) -> Result<Running, NotStarted> {
        let one = |line: String| vec![line];
        let signals = Signals::listen().map_err(|error| one(format!("cannot listen to signals: {error}")))?;
        let registry = Registry::new(arguments.workers);
        let files =
            LogFiles::start().map_err(|error| one(format!("cannot start writing access logs: {error}")))?;
        let seed = seed();
        // It has been raised before, and is only asked for here.
        let descriptors = causeway_sys::raise_descriptor_limit().ok();
        let manager = ClusterManager::new(Arc::clone(&registry), ManagerOptions { seed, descriptors });
        let (requests, received) = mpsc::unbounded_channel();
        let info = info(arguments, &loaded.bootstrap);
        let (workers, journal) = (arguments.workers, Journal::new(arguments.failures_kept));
        let shared = Shared::new(info, &registry, log, workers, manager.clusters(), requests, journal);
        let statistics = Statistics::new(&registry, arguments.workers);
        let uses = loaded.diagnostics.iter().filter(|found| found.kind == Kind::Deprecated).count();
        statistics.deprecated(uses);
        let admin = start_admin(arguments, &loaded.bootstrap, &shared)?;
        let sinks = start_sinks(&loaded.bootstrap, &shared)?;
        let start = StartOptions {
            workers: arguments.workers,
            seed,
            log_flush: arguments.log_flush,
            drain_time: arguments.drain_time,
        };
        let data_plane = DataPlane::start(&start, &registry, &shared.journal)
            .map_err(|error| one(format!("cannot start a worker: {error}")))?;
        let _ = shared.connections.set(data_plane.connections());
        let certificates = Certificates::start(&arguments.config)
            .map_err(|error| one(format!("cannot start following certificates: {error}")))?;
        let server = Rc::new(Self {
            certificates,
            arguments: Rc::new(arguments.clone()),
            log: log.clone(),
            snapshot: RefCell::default(),
            overrides: RefCell::default(),
            admin: RefCell::new(admin),
            _sinks: sinks,
            shared,
            files,
            gates: Arc::default(),
            manager,
            data_plane,
            statistics,
        });
        let prepared = server.prepare(&loaded.bootstrap)?;
        tokio::task::spawn_local(super::overload::watch(Rc::clone(&server)));
        let mut running = Running { reloads: reload::start(&server), server, signals, requests: received };
        running.warm_up(&loaded, prepared, begun).await?;
        Ok(running)
    }

    /// Compiles a configuration and takes everything it needs, without changing anything.
    pub(super) fn prepare(&self, bootstrap: &Bootstrap) -> Result<Prepared, Vec<String>> {
        let runtime = self.effective_runtime(&bootstrap.runtime);
        let registry = &self.shared.registry;
        let workers = self.data_plane.workers();
        let own_address = own_address(self.arguments.ip_version);
        let options = DataPlaneOptions {
            reason_header: self.arguments.reason_header.clone(),
            own_address,
            gates: Arc::clone(&self.gates),
        };
        let snapshot = Snapshot::compile(bootstrap, &runtime, registry, &self.files, workers, options)?;
        let admin_log = match &bootstrap.admin {
            Some(admin) => {
                Some(Arc::new(AdminLog::open(&admin.access_logs, &runtime, &self.files, own_address)?))
            }
            None => None,
        };
        let reserved = self.data_plane.reserve(&snapshot).map_err(|faults| bind_faults(&faults))?;
        Ok(Prepared { snapshot, reserved, admin_log, runtime })
    }

    /// Makes a configuration hold whose clusters are ready.
    pub(super) fn publish(&self, loaded: &Configuration, prepared: Prepared) -> Result<(), Vec<String>> {
        let Prepared { snapshot, reserved, admin_log, runtime } = prepared;
        let bootstrap = &loaded.bootstrap;
        let clusters = self.clusters();
        self.data_plane.publish(&snapshot, &clusters, reserved).map_err(|faults| bind_faults(&faults))?;
        let old = self.shared.current.load_full();
        self.statistics.published(
            old.as_deref().map(|old| &old.bootstrap),
            bootstrap,
            self.data_plane.workers(),
        );
        let matcher = bootstrap.stats_matcher.clone();
        self.shared
            .registry
            .show_only(matcher.map(|matcher| NameFilter::new(move |name| matcher.takes(name))));
        self.statistics.runtime(&runtime, self.overrides.borrow().len());
        let mut contexts = snapshot.followed();
        contexts.extend(clusters.iter().flat_map(Cluster::followed));
        self.shared.contexts.store(Arc::new(contexts.clone()));
        self.certificates.follow(contexts);
        *self.snapshot.borrow_mut() = Some(snapshot);
        self.shared.admin_log.store(admin_log);
        let listeners = bootstrap.listeners.iter().map(|listener| ListenerStatus {
            name: Arc::clone(&listener.name),
            addresses: self.data_plane.addresses(listener),
        });
        let current = Arc::new(Current {
            bootstrap: bootstrap.clone(),
            dump: loaded.dump.clone(),
            since: SystemTime::now(),
            runtime,
            listeners: listeners.collect(),
        });
        self.shared.current.store(Some(Arc::clone(&current)));
        lint::tell(current);
        Ok(())
    }

    /// A cluster was replaced by a successor that is ready now: workers have to hear of it.
    fn follow_clusters(&self) {
        let Some(snapshot) = self.snapshot.borrow().clone() else { return };
        // Everything is bound, so nothing can fail.
        if let Ok(reserved) = self.data_plane.reserve(&snapshot) {
            let _ = self.data_plane.publish(&snapshot, &self.clusters(), reserved);
        }
    }

    fn clusters(&self) -> Vec<Arc<Cluster>> {
        self.manager.clusters().load().values().cloned().collect()
    }

    /// The runtime of the file, with what `/runtime_modify` set in its admin layer.
    fn effective_runtime(&self, of_file: &Runtime) -> Arc<Runtime> {
        let mut runtime = of_file.clone();
        for layer in runtime.layers.iter_mut().filter(|layer| layer.is_admin) {
            layer.values.clone_from(&self.overrides.borrow());
        }
        Arc::new(runtime)
    }

    fn modify_runtime(&self, values: &[(String, String)]) -> Result<(), ModifyRuntimeError> {
        let current = self.shared.current.load_full();
        let Some(current) = current else {
            return Err(ModifyRuntimeError::Invalid("the process is still starting".to_owned()));
        };
        if !current.bootstrap.runtime.layers.iter().any(|layer| layer.is_admin) {
            return Err(ModifyRuntimeError::NoAdminLayer);
        }
        let before = self.overrides.borrow().clone();
        for (key, value) in values {
            let mut overrides = self.overrides.borrow_mut();
            match value.as_str() {
                "" => overrides.remove(key.as_str()),
                text => overrides.insert(key.as_str().into(), runtime_value(text)),
            };
        }
        let again = Configuration {
            bootstrap: current.bootstrap.clone(),
            dump: current.dump.clone(),
            diagnostics: Default::default(),
        };
        let published = self.prepare(&again.bootstrap).and_then(|prepared| self.publish(&again, prepared));
        published.map_err(|faults| {
            *self.overrides.borrow_mut() = before;
            ModifyRuntimeError::Invalid(faults.join("; "))
        })
    }

    /// Opens log files anew. What workers still hold of their access logs goes to the old ones.
    async fn reopen_logs(&self) -> Result<(), String> {
        self.data_plane.flush_logs().await;
        self.files.reopen();
        self.manager.reopen_logs();
        self.log.reopen().map_err(|error| format!("the application log stays as it is: {error}"))
    }

    /// `/drain_listeners`
    fn drain_listeners(self: &Rc<Self>, request: DrainRequest) {
        let inbound = |listener: &Listener| listener.traffic_direction == TrafficDirection::Inbound;
        let listeners = self.shared.current.load().as_ref().map_or(0, |current| {
            let all = current.bootstrap.listeners.iter();
            all.filter(|listener| !request.inbound_only || inbound(listener)).count()
        });
        let drain = Drain {
            inbound_only: request.inbound_only,
            stop_listening: !request.graceful,
            end_connections: request.graceful.then_some(if self.arguments.drain_gradually {
                Ending::Over(self.arguments.drain_time)
            } else {
                Ending::AtOnce
            }),
            grace: super::drain::IDLE_GRACE,
            ending: false,
        };
        self.data_plane.drain(drain);
        if !request.graceful {
            self.statistics.stopped(listeners);
            return;
        }
        if request.skip_exit {
            return;
        }
        let server = Rc::clone(self);
        let after = self.arguments.drain_time;
        tracing::info!(target: "main", "connections are asked to end; listeners close in {} s", after.as_secs());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            let end_connections = Some(Ending::AtOnce);
            server.data_plane.drain(Drain { stop_listening: true, end_connections, ..drain });
            server.statistics.stopped(listeners);
        });
    }
}

impl Running {
    /// Waits until clusters are ready, and then takes connections. Signals are heard meanwhile.
    async fn warm_up(
        &mut self,
        loaded: &Configuration,
        prepared: Prepared,
        begun: Instant,
    ) -> Result<(), NotStarted> {
        let server = Rc::clone(&self.server);
        server.manager.apply(&loaded.bootstrap);
        tracing::info!(target: "main", "waiting for {} clusters to be ready", loaded.bootstrap.clusters.len());
        tokio::select! {
            () = server.manager.warm() => {}
            _ = self.signals.terminate.recv() => return Err(NotStarted::ToldToEnd),
            _ = self.signals.interrupt.recv() => return Err(NotStarted::ToldToEnd),
        }
        tracing::info!(target: "main", "all clusters are ready; starting workers");
        server.shared.enter(ServerState::Initializing);
        server.publish(loaded, prepared)?;
        server.shared.enter(ServerState::Live);
        server.statistics.initialized(begun.elapsed());
        if let Some(current) = &*server.shared.current.load() {
            for listener in &current.listeners {
                let addresses: Vec<_> = listener.addresses.iter().map(Address::to_string).collect();
                tracing::info!(target: "main", "listening on {} ({})", addresses.join(", "), listener.name);
            }
        }
        tracing::info!(target: "main", "starting main dispatch loop");
        Ok(())
    }

    /// Serves until the process is told to end.
    pub(super) async fn run(mut self) -> ExitCode {
        let server = Rc::clone(&self.server);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let why = loop {
            tokio::select! {
                _ = self.signals.hangup.recv() => self.reload(Wanted { trigger: ReloadTrigger::Signal, answer: None }),
                _ = self.signals.user1.recv() => self.reopen_logs(),
                _ = self.signals.terminate.recv() => break "SIGTERM",
                _ = self.signals.interrupt.recv() => break "SIGINT",
                Some(request) = self.requests.recv() => {
                    if self.serve(request) {
                        break "/quitquitquit";
                    }
                }
                () = server.manager.changed() => server.follow_clusters(),
                _ = tick.tick() => server.statistics.count_files(&server.files),
            }
        };
        let second = async {
            tokio::select! {
                _ = self.signals.terminate.recv() => {}
                _ = self.signals.interrupt.recv() => {}
            }
        };
        server.end(why, second).await
    }

    fn reload(&self, wanted: Wanted) {
        // The task that reloads lives as long as this.
        let _ = self.reloads.send(wanted);
    }

    fn reopen_logs(&self) {
        tracing::info!(target: "main", "SIGUSR1: opening log files anew");
        let server = Rc::clone(&self.server);
        tokio::task::spawn_local(async move {
            if let Err(error) = server.reopen_logs().await {
                tracing::error!(target: "main", "{error}");
            }
        });
    }

    /// Does what the admin server asks for; says whether the process is to end.
    fn serve(&self, request: Request) -> bool {
        // An answer that nobody waits for any more is lost without harm.
        match request {
            Request::Reload { trigger, answer } => self.reload(Wanted { trigger, answer }),
            Request::Drain(request) => self.server.drain_listeners(request),
            Request::Failing(failing) => self.server.data_plane.set_failing(failing),
            Request::ReopenLogs(answer) => {
                let server = Rc::clone(&self.server);
                tokio::task::spawn_local(async move {
                    // Whoever asked may have gone meanwhile.
                    let _ = answer.send(server.reopen_logs().await);
                });
            }
            Request::ModifyRuntime(values, answer) => {
                let _ = answer.send(self.server.modify_runtime(&values));
            }
            Request::Quit => return true,
        }
        false
    }
}

/// What Envoy makes of a value of `/runtime_modify`.
fn runtime_value(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse().map_or_else(|_| Value::String(text.into()), Value::Number),
    }
}

/// Lines about addresses that can't be had, with who has them where the system tells.
fn bind_faults(faults: &[BindError]) -> Vec<String> {
    let line = |fault: &BindError| {
        let holder = match (&fault.address, fault.error.kind()) {
            (Address::Ip(address), std::io::ErrorKind::AddrInUse) if !fault.ours => who_listens(*address),
            _ => None,
        };
        let code = Condition::ListenerNotOpen;
        match holder {
            Some(holder) => format!("{code}: {fault} by {holder}"),
            None => format!("{code}: {fault}"),
        }
    };
    faults.iter().map(line).collect()
}

fn start_admin(
    arguments: &ServeArguments,
    bootstrap: &Bootstrap,
    shared: &Arc<Shared>,
) -> Result<Option<AdminServer>, Vec<String>> {
    let Some(config) = &bootstrap.admin else {
        tracing::info!(target: "admin", "the configuration has no admin server");
        return Ok(None);
    };
    let options = AdminOptions::configured(config, bootstrap.stats_flush_interval);
    let admin =
        AdminServer::start(options, Arc::clone(shared) as _).map_err(|error| vec![error.to_string()])?;
    if let Some(path) = &arguments.admin_address_path {
        std::fs::write(path, admin.address().to_string()).map_err(|error| {
            vec![format!("cannot write the address of the admin server to {}: {error}", path.display())]
        })?;
    }
    Ok(Some(admin))
}

/// Begins to send statistics, where somebody is to get them.
fn start_sinks(bootstrap: &Bootstrap, shared: &Arc<Shared>) -> Result<Option<StatsSinks>, Vec<String>> {
    if bootstrap.stats_sinks.is_empty() {
        return Ok(None);
    }
    let interval = bootstrap.stats_flush_interval.unwrap_or(FLUSH_INTERVAL).max(Duration::from_millis(1));
    let process = Arc::clone(shared) as _;
    StatsSinks::start(process, &bootstrap.stats_sinks, interval, bootstrap.admin.is_none())
        .map(Some)
        .map_err(|error| vec![format!("cannot send statistics: {error}")])
}

fn info(arguments: &ServeArguments, bootstrap: &Bootstrap) -> ServerInfo {
    ServerInfo {
        version: version::text(),
        version_number: bootstrap.stats_server_version_override.unwrap_or_else(version::number),
        hot_restart_version: "disabled".to_owned(),
        options: arguments.shown.clone(),
        node: NodeInfo {
            id: bootstrap.node.id.to_string(),
            cluster: bootstrap.node.cluster.to_string(),
            metadata: bootstrap.node.metadata.clone(),
            locality: Some(bootstrap.node.locality.clone())
                .filter(|locality| *locality != Default::default()),
            user_agent_name: "causeway".to_owned(),
            build: version::build(),
            extensions: Vec::new(),
        },
    }
}

/// An address of this machine that is not loopback.
pub(crate) fn own_address(version: IpVersion) -> Option<std::net::IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().filter(|interface| !interface.is_loopback()).map(|interface| interface.ip()).find(
        |ip| match version {
            IpVersion::V4 => ip.is_ipv4(),
            IpVersion::V6 => ip.is_ipv6(),
        },
    )
}

/// Random enough for request ids and for whom load balancing begins with; nothing secret hangs on it.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()));
    hasher.write_u32(std::process::id());
    hasher.finish()
}
