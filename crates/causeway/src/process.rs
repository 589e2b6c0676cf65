//! The process as its admin server sees it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use causeway_admin::view::{
    Certificate, ClusterStatus, ConfigDump, DrainRequest, ListenerStatus, ReloadReport, ReloadResult,
    ReloadTrigger, ServerInfo, ServerState, Severity, Vitals,
};
use causeway_admin::{ModifyRuntimeError, Process, RequestRecord};
use causeway_http::Version;
use causeway_journal::Journal;
use causeway_log::LogHandle;
use causeway_model::{Bootstrap, Runtime};
use causeway_proxy::{AdminLog, AdminRequest, OpenConnections};
use causeway_stats::Registry;
use causeway_tls::follow::Followed;
use causeway_upstream::Clusters;
use tokio::sync::mpsc::UnboundedSender;

use crate::{sink, views};

/// What the main thread is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    Reload { trigger: ReloadTrigger, answer: Option<mpsc::Sender<ReloadReport>> },
    Drain(DrainRequest),
    Failing(bool),
    ReopenLogs(mpsc::Sender<Result<(), String>>),
    ModifyRuntime(Vec<(String, String)>, mpsc::Sender<Result<(), ModifyRuntimeError>>),
    Quit,
}

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) bootstrap: Bootstrap,
    pub(crate) dump: causeway_envoy::ConfigDump,
    /// When it came into force.
    pub(crate) since: SystemTime,
    /// The runtime with what `/runtime_modify` put into it.
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) listeners: Vec<ListenerStatus>,
}

/// What the main thread and the admin server's threads share.
pub(crate) struct Shared {
    pub(crate) started: Instant,
    pub(crate) info: Arc<ServerInfo>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) log: LogHandle,
    /// What failed lately.
    pub(crate) journal: Arc<Journal>,
    pub(crate) workers: usize,
    pub(crate) clusters: Clusters,
    pub(crate) connections: OnceLock<OpenConnections>,
    pub(crate) current: ArcSwapOption<Current>,
    /// The contexts of TLS in force.
    pub(crate) contexts: ArcSwap<Vec<Arc<dyn Followed>>>,
    pub(crate) last_reload: Mutex<Option<ReloadReport>>,
    pub(crate) admin_log: ArcSwapOption<AdminLog>,
    pub(crate) requests: UnboundedSender<Request>,
    /// How far the start is: a [`ServerState`]'s number.
    phase: AtomicU8,
    /// `/healthcheck/fail`
    failing: AtomicBool,
    /// The listeners drain, or the process ends.
    draining: AtomicBool,
    empty: ArcSwap<Runtime>,
}

impl Shared {
    pub(crate) fn new(
        info: ServerInfo,
        registry: &Arc<Registry>,
        log: &LogHandle,
        workers: usize,
        clusters: Clusters,
        requests: UnboundedSender<Request>,
        journal: Journal,
    ) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            info: Arc::new(info),
            registry: Arc::clone(registry),
            log: log.clone(),
            journal: Arc::new(journal),
            workers,
            clusters,
            connections: OnceLock::new(),
            current: ArcSwapOption::empty(),
            contexts: ArcSwap::default(),
            last_reload: Mutex::default(),
            admin_log: ArcSwapOption::empty(),
            requests,
            phase: AtomicU8::new(phase(ServerState::PreInitializing)),
            failing: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            empty: ArcSwap::default(),
        })
    }

    /// The start goes on.
    pub(crate) fn enter(&self, state: ServerState) {
        self.phase.store(phase(state), Relaxed);
    }

    /// Listeners drain from now on.
    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Notes what a reload did.
    pub(crate) fn note_reload(&self, report: ReloadReport) {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// Whole days until the first certificate of any context ends to be valid.
    fn days_until_first_expires(&self) -> Option<u32> {
        let contexts = self.contexts.load();
        let ends = contexts.iter().flat_map(|context| {
            let shown = context.certificates();
            // Of a bundle of authorities Envoy counts the first.
            shown
                .own
                .into_iter()
                .chain(shown.authorities.into_iter().take(1))
                .map(|certificate| certificate.facts.not_after)
        });
        let left = ends.min()? - views::seconds(SystemTime::now());
        Some(u32::try_from(left.max(0) / 86_400).unwrap_or(u32::MAX))
    }

    /// Seconds until the first OCSP response of any context holds no more.
    fn seconds_until_first_response_ends(&self) -> Option<u64> {
        let contexts = self.contexts.load();
        let now = views::seconds(SystemTime::now());
        let ends = contexts.iter().flat_map(|context| {
            let own = context.certificates().own.into_iter();
            own.filter_map(|certificate| certificate.ocsp).map(|ocsp| ocsp.next_update.unwrap_or(now))
        });
        ends.min().map(|end| u64::try_from(end - now).unwrap_or(0))
    }

    fn ask<T>(&self, request: impl FnOnce(mpsc::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = mpsc::channel();
        // Where the main thread is gone, so is the other end of the channel.
        let _ = self.requests.send(request(answer));
        answered.recv().ok()
    }

    fn tell(&self, request: Request) {
        // A process that ends does not need to be told anything.
        let _ = self.requests.send(request);
    }
}

const fn phase(state: ServerState) -> u8 {
    match state {
        ServerState::Live | ServerState::Draining => 0,
        ServerState::PreInitializing => 2,
        ServerState::Initializing => 3,
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Process for Shared {
    fn state(&self) -> ServerState {
        match self.phase.load(Relaxed) {
            2 => ServerState::PreInitializing,
            3 => ServerState::Initializing,
            _ if self.failing.load(Relaxed) || self.is_draining() => ServerState::Draining,
            _ => ServerState::Live,
        }
    }

    fn info(&self) -> Arc<ServerInfo> {
        Arc::clone(&self.info)
    }

    fn vitals(&self) -> Vitals {
        let uptime = self.started.elapsed();
        Vitals {
            uptime,
            uptime_all_epochs: uptime,
            concurrency: u32::try_from(self.workers).unwrap_or(u32::MAX),
            total_connections: self.connections.get().map_or(0, OpenConnections::count),
            parent_connections: 0,
            days_until_first_cert_expiring: self.days_until_first_expires(),
            seconds_until_first_ocsp_response_expiring: self.seconds_until_first_response_ends(),
        }
    }

    fn connect_to(&self, cluster: &str) -> io::Result<Box<dyn io::Write + Send>> {
        let Some(cluster) = self.clusters.get(cluster) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no cluster {cluster}")));
        };
        // Which host is first is chance enough by the moment.
        let seed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or_default();
        sink::connect_to(&cluster, self.registry.main_shard(), seed)
    }

    fn clusters(&self) -> Vec<ClusterStatus> {
        let known = self.clusters.load();
        let current = self.current.load();
        let Some(current) = &*current else {
            return known.values().map(|cluster| views::cluster(cluster)).collect();
        };
        let in_order = current.bootstrap.clusters.iter().filter_map(|config| known.get(&config.name));
        in_order.map(|cluster| views::cluster(cluster)).collect()
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        self.current.load().as_ref().map(|current| current.listeners.clone()).unwrap_or_default()
    }

    fn certificates(&self) -> Vec<Certificate> {
        self.contexts.load().iter().map(|context| views::certificates(&context.certificates())).collect()
    }

    fn config_dump(&self) -> ConfigDump {
        let current = self.current.load();
        current.as_ref().map(|current| views::dump(&current.dump, current.since)).unwrap_or_default()
    }

    fn runtime(&self) -> Arc<Runtime> {
        match &*self.current.load() {
            Some(current) => Arc::clone(&current.runtime),
            None => self.empty.load_full(),
        }
    }

    fn stats(&self) -> &Registry {
        &self.registry
    }

    fn log(&self) -> &LogHandle {
        &self.log
    }

    fn journal(&self) -> &Journal {
        &self.journal
    }

    fn last_reload(&self) -> Option<ReloadReport> {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reload(&self) -> ReloadReport {
        let report =
            self.ask(|answer| Request::Reload { trigger: ReloadTrigger::Admin, answer: Some(answer) });
        report.unwrap_or_else(|| ReloadReport {
            at: SystemTime::now(),
            took: Duration::ZERO,
            trigger: ReloadTrigger::Admin,
            result: ReloadResult::Refused,
            diagnostics: vec![causeway_admin::view::Diagnostic {
                severity: Severity::Error,
                position: None,
                message: "the process is ending".to_owned(),
                hint: None,
            }],
            changes: Vec::new(),
        })
    }

    fn fail_health_checks(&self, fail: bool) {
        self.failing.store(fail, Relaxed);
        self.tell(Request::Failing(fail));
    }

    fn drain_listeners(&self, request: DrainRequest) {
        self.tell(Request::Drain(request));
    }

    fn reopen_logs(&self) -> Result<(), String> {
        self.ask(Request::ReopenLogs).unwrap_or_else(|| Err("the process is ending".to_owned()))
    }

    fn modify_runtime(&self, values: &[(String, String)]) -> Result<(), ModifyRuntimeError> {
        let answer = self.ask(|answer| Request::ModifyRuntime(values.to_vec(), answer));
        answer.unwrap_or_else(|| Err(ModifyRuntimeError::Invalid("the process is ending".to_owned())))
    }

    fn quit(&self) {
        self.tell(Request::Quit);
    }

    fn request_done(&self, record: &RequestRecord) {
        let log = self.admin_log.load();
        let Some(log) = &*log else { return };
        let mut head = format!("{} {} {}\r\n", record.method, record.path, record.protocol).into_bytes();
        for (name, value) in &record.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        log.write(&AdminRequest {
            head: &head,
            version: if record.protocol == "HTTP/1.0" { Version::Http10 } else { Version::Http11 },
            duration: record.duration,
            status: record.status,
            bytes_received: record.bytes_received,
            bytes_sent: record.bytes_sent,
            remote: record.peer,
            local: record.local,
        });
    }
}
