//! A process that does what a test tells it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use causeway_admin::view::*;
use causeway_admin::{AdminServer, ModifyRuntimeError, Options, Process, RequestRecord};
use causeway_journal::Journal;
use causeway_log::{LogHandle, Logger, Output};
use causeway_model::{Address, CircuitBreakers, Locality, Runtime, RuntimeLayer, SourcePosition, Value};
use causeway_reason::Reason;
use causeway_stats::{Registry, ScopeName, Shard, schema};
use serde_json::json;

schema! {
    pub(crate) enum ClusterStat {
        RqTime = histogram "upstream_rq_time",
        RqTotal = counter "upstream_rq_total",
        Healthy = gauge "membership_healthy",
        CxTotal = counter "upstream_cx_total",
    }
}

schema! {
    pub(crate) enum HttpStat {
        RqTotal = counter "downstream_rq_total",
        Rq2xx = counter "downstream_rq_2xx",
    }
}

/// 2026-11-20T16:17:33.021Z
pub(crate) fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_191_453_021)
}

pub(crate) struct Fake {
    pub(crate) registry: Arc<Registry>,
    pub(crate) state: Mutex<ServerState>,
    /// What it was told to do.
    pub(crate) calls: Mutex<Vec<String>>,
    pub(crate) records: Mutex<Vec<RequestRecord>>,
    pub(crate) clusters: Mutex<Vec<ClusterStatus>>,
    pub(crate) reload_result: Mutex<ReloadResult>,
    pub(crate) last_reload: Mutex<Option<ReloadReport>>,
    /// Whether `runtime()` hangs until this is false again.
    pub(crate) stuck: Mutex<bool>,
    pub(crate) unstuck: Condvar,
    /// How many calls of `runtime()` hang.
    pub(crate) hanging: AtomicUsize,
    pub(crate) panics: AtomicBool,
    pub(crate) shards: Mutex<(Shard<ClusterStat>, Shard<HttpStat>)>,
    pub(crate) journal: Journal,
    log: (Logger, LogHandle, PathBuf),
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.log.2);
    }
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("causeway-admin-{}-{number}", std::process::id()));
        let options = causeway_log::Options { output: Output::File(path.clone()), ..Default::default() };
        let (logger, handle) = Logger::new(options).unwrap();
        let registry = Registry::new(1);
        let cluster = registry.scope(ScopeName::root().then("cluster").tagged("envoy.cluster_name", "a"));
        let http =
            registry.scope(ScopeName::root().then("http").tagged("envoy.http_conn_manager_prefix", "in"));
        let shards = (cluster.shard(0), http.shard(0));
        Arc::new(Self {
            registry,
            state: Mutex::new(ServerState::Live),
            calls: Mutex::default(),
            records: Mutex::default(),
            clusters: Mutex::new(vec![self_cluster(), dead_cluster(), nodns_cluster()]),
            reload_result: Mutex::new(ReloadResult::Applied),
            last_reload: Mutex::default(),
            stuck: Mutex::default(),
            unstuck: Condvar::new(),
            hanging: AtomicUsize::new(0),
            panics: AtomicBool::new(false),
            shards: Mutex::new(shards),
            journal: Journal::default(),
            log: (logger, handle, path),
        })
    }

    pub(crate) fn serve(self: &Arc<Self>) -> (AdminServer, SocketAddr) {
        self.serve_with(|_| {})
    }

    pub(crate) fn serve_with(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Options),
    ) -> (AdminServer, SocketAddr) {
        let mut options = Options {
            address: Address::Ip("127.0.0.1:0".parse().unwrap()),
            allow_paths: vec![],
            stats_flush_interval: Duration::from_secs(3600),
        };
        change(&mut options);
        let process: Arc<dyn Process> = Arc::<Self>::clone(self);
        let server = AdminServer::start(options, process).unwrap();
        let address = server.address().ip().unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        (server, address)
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn called(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
    }

    pub(crate) fn set_stuck(&self, stuck: bool) {
        *self.stuck.lock().unwrap() = stuck;
        self.unstuck.notify_all();
    }
}

impl Process for Fake {
    fn state(&self) -> ServerState {
        *self.state.lock().unwrap()
    }

    fn info(&self) -> Arc<ServerInfo> {
        Arc::new(ServerInfo {
            version: "abc/1.40.0/Clean/RELEASE/rustls".to_owned(),
            version_number: 10_376_576,
            hot_restart_version: "disabled".to_owned(),
            options: CommandLineOptions {
                concurrency: 1,
                config_path: "envoy.yaml".to_owned(),
                ..CommandLineOptions::default()
            },
            node: NodeInfo {
                id: "a<b>".to_owned(),
                cluster: "c".to_owned(),
                locality: Some(Locality { zone: "z".into(), ..Locality::default() }),
                user_agent_name: "envoy".to_owned(),
                build: BuildVersion {
                    major: 1,
                    minor: 40,
                    patch: 0,
                    metadata: vec![("build.type", "RELEASE".to_owned())],
                },
                extensions: vec![Extension {
                    name: "envoy.filters.http.router",
                    category: "envoy.filters.http",
                    type_urls: &["envoy.extensions.filters.http.router.v3.Router"],
                }],
                ..NodeInfo::default()
            },
        })
    }

    fn vitals(&self) -> Vitals {
        Vitals { uptime: Duration::from_secs(88), concurrency: 1, total_connections: 7, ..Vitals::default() }
    }

    fn clusters(&self) -> Vec<ClusterStatus> {
        assert!(!self.panics.load(Ordering::Relaxed), "the clusters are gone");
        self.clusters.lock().unwrap().clone()
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        let ip = |text: &str| Address::Ip(text.parse().unwrap());
        vec![
            ListenerStatus { name: "ingress".into(), addresses: vec![ip("127.0.0.1:19100")] },
            ListenerStatus { name: "inb".into(), addresses: vec![ip("[::1]:19101"), ip("127.0.0.1:19102")] },
        ]
    }

    fn certificates(&self) -> Vec<Certificate> {
        let details = CertificateDetails {
            path: "/etc/c.pem".into(),
            serial_number: "772f".into(),
            subject_alt_names: vec![
                SubjectAltName::Dns("edge.test".into()),
                SubjectAltName::Uri("spiffe://x/y".into()),
                SubjectAltName::Ip("1.2.3.4".parse().unwrap()),
            ],
            valid_from: then(),
            expiration_time: SystemTime::now() + Duration::from_secs(100 * 86_400 - 60),
            ocsp: None,
        };
        vec![Certificate { ca_cert: vec![], cert_chain: vec![details] }]
    }

    fn config_dump(&self) -> ConfigDump {
        let cluster = |name: &str| ConfigEntry {
            name: name.into(),
            config: json!({
                "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                "name": name,
                "load_assignment": {"cluster_name": name, "endpoints": [{"priority": 1}]},
            }),
            last_updated: then(),
        };
        ConfigDump {
            bootstrap: json!({"node": {"id": "n"}, "static_resources": {"clusters": [{"name": "b"}]}}),
            bootstrap_updated: Some(then()),
            clusters: vec![cluster("dns"), cluster("dead"), cluster("self")],
            listeners: vec![ConfigEntry {
                name: "ingress".into(),
                config: json!({"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "ingress"}),
                last_updated: then(),
            }],
            routes: vec![ConfigEntry {
                name: "local".into(),
                config: json!({"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "local"}),
                last_updated: then(),
            }],
        }
    }

    fn runtime(&self) -> Arc<Runtime> {
        let mut stuck = self.stuck.lock().unwrap();
        self.hanging.fetch_add(1, Ordering::Relaxed);
        while *stuck {
            stuck = self.unstuck.wait(stuck).unwrap();
        }
        self.hanging.fetch_sub(1, Ordering::Relaxed);
        let layer = |name: &str, values: Vec<(&str, Value)>| RuntimeLayer {
            is_admin: false,
            name: name.into(),
            values: values.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        };
        let fraction = BTreeMap::from([("numerator".into(), Value::Number(3.0))]);
        Arc::new(Runtime {
            layers: vec![
                layer(
                    "st",
                    vec![
                        ("a.n", Value::Number(100.0)),
                        ("a.b", Value::Bool(true)),
                        ("f", Value::Object(fraction)),
                    ],
                ),
                layer("adm", vec![("a.n", Value::String("7".into()))]),
            ],
        })
    }

    fn stats(&self) -> &Registry {
        &self.registry
    }

    fn log(&self) -> &LogHandle {
        &self.log.1
    }

    fn journal(&self) -> &Journal {
        &self.journal
    }

    fn last_reload(&self) -> Option<ReloadReport> {
        self.last_reload.lock().unwrap().clone()
    }

    fn reload(&self) -> ReloadReport {
        self.called("reload");
        let result = *self.reload_result.lock().unwrap();
        let report = ReloadReport {
            at: then(),
            took: Duration::from_millis(12),
            trigger: ReloadTrigger::Admin,
            result,
            diagnostics: vec![Diagnostic {
                severity: Severity::Warning,
                position: Some(SourcePosition { file: Some("envoy.yaml".into()), line: 12, column: 3 }),
                message: "unknown field 'conect_timeout'".to_owned(),
                hint: Some("did you mean 'connect_timeout'?".to_owned()),
            }],
            changes: vec![ConfigChange { kind: ChangeKind::Added, what: "cluster", name: "b".to_owned() }],
        };
        *self.last_reload.lock().unwrap() = Some(report.clone());
        report
    }

    fn fail_health_checks(&self, fail: bool) {
        *self.state.lock().unwrap() = if fail { ServerState::Draining } else { ServerState::Live };
    }

    fn drain_listeners(&self, request: DrainRequest) {
        self.called(format!("{request:?}"));
    }

    fn reopen_logs(&self) -> Result<(), String> {
        self.called("reopen");
        if *self.reload_result.lock().unwrap() == ReloadResult::Refused {
            return Err("cannot open '/var/log/access': Permission denied".to_owned());
        }
        Ok(())
    }

    fn modify_runtime(&self, values: &[(String, String)]) -> Result<(), ModifyRuntimeError> {
        self.called(format!("{values:?}"));
        if values.iter().any(|(name, _)| name == "x") {
            Err(ModifyRuntimeError::NoAdminLayer)
        } else {
            Ok(())
        }
    }

    fn quit(&self) {
        self.called("quit");
    }

    fn request_done(&self, record: &RequestRecord) {
        self.records.lock().unwrap().push(record.clone());
    }
}

fn host(address: Address) -> HostStatus {
    HostStatus {
        address,
        hostname: "".into(),
        stats: HostStats::default(),
        health: HealthFlags::default(),
        weight: 1,
        locality: Locality::default(),
        canary: false,
        priority: 0,
        success_rate: None,
        local_origin_success_rate: None,
        health_check: None,
        agent: None,
        changes: Vec::new(),
    }
}

pub(crate) fn cluster(name: &str, hosts: Vec<HostStatus>) -> ClusterStatus {
    ClusterStatus {
        name: name.into(),
        observability_name: name.into(),
        added_via_api: false,
        circuit_breakers: CircuitBreakers::default(),
        overprovisioning_factor: 140,
        localities_have_weights: true,
        outlier: None,
        hosts,
        dns: vec![],
    }
}

/// The clusters of the configuration whose output of Envoy 1.40 is in `expected`.
fn self_cluster() -> ClusterStatus {
    let ip = |text: &str| Address::Ip(text.parse().unwrap());
    let pipe = Address::Pipe { path: "/run/none.sock".into(), mode: 0 };
    let first = HostStatus {
        stats: HostStats { cx_total: 1, cx_active: 1, rq_success: 3, rq_total: 3, ..HostStats::default() },
        weight: 3,
        locality: Locality { region: "r".into(), zone: "z".into(), sub_zone: "s".into() },
        canary: true,
        ..host(ip("127.0.0.1:9901"))
    };
    let second = HostStatus {
        health: HealthFlags::from_iter([HealthFlag::DegradedByConfig]),
        priority: 1,
        ..host(pipe)
    };
    let third = HostStatus {
        hostname: "v6".into(),
        health: HealthFlags::from_iter([HealthFlag::DrainingByConfig]),
        priority: 1,
        ..host(ip("[::1]:9901"))
    };
    ClusterStatus { outlier: Some(OutlierStatus::default()), ..cluster("self", vec![first, second, third]) }
}

fn dead_cluster() -> ClusterStatus {
    let failure = HealthCheckResult {
        at: then(),
        took: Duration::from_micros(1500),
        outcome: CheckOutcome::Failed {
            reason: Reason::ConnectRefused,
            status: None,
            evidence: Some("connect to 127.0.0.1:19999".into()),
        },
    };
    let dead = HostStatus {
        hostname: "dead.local".into(),
        health: HealthFlags::from_iter([HealthFlag::FailedActiveCheck]),
        health_check: Some(HealthCheckStatus {
            last: Some(failure.clone()),
            last_failure: Some(failure),
            in_a_row: 5,
            next: Some(then() + Duration::from_secs(2)),
        }),
        changes: vec![HostChange {
            at: then(),
            health: HealthFlags::from_iter([HealthFlag::FailedActiveCheck]),
            cause: "down: connect_refused (connect to 127.0.0.1:19999)".into(),
        }],
        ..host(Address::Ip("127.0.0.1:19999".parse().unwrap()))
    };
    cluster("dead", vec![dead])
}

fn nodns_cluster() -> ClusterStatus {
    let failed = DnsStatus {
        name: "does-not-exist.invalid".into(),
        answer: None,
        failure: Some(LookupFailure {
            at: then(),
            reason: Reason::DnsNameNotFound,
            evidence: Some("NXDOMAIN from 10.0.0.2".into()),
            in_a_row: 12,
        }),
        next: None,
    };
    ClusterStatus { dns: vec![failed], ..cluster("nodns", vec![]) }
}
