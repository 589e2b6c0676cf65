//! The process as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_log::{DEFAULT_FORMAT, Level};
use causeway_model::{Locality, Value};

/// Where in its life the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// It serves.
    Live,
    /// It serves, and tells health checkers that it will not for long.
    Draining,
    /// It waits for the clusters that listeners need.
    PreInitializing,
    /// It waits for everything else that listeners need.
    Initializing,
}

impl ServerState {
    /// As `/ready` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Initializing => "INITIALIZING",
        }
    }

    /// The value of `server.state`.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Draining => 1,
            Self::PreInitializing => 2,
            Self::Initializing => 3,
        }
    }
}

/// What does not change while the process runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    /// The version, in Envoy's form: revision, version, status of the source, kind of build, TLS
    /// library, joined by `/`.
    pub version: String,
    /// The value of `server.version`: the first three bytes of the revision, or what
    /// `stats_server_version_override` says.
    pub version_number: u64,
    /// `/hot_restart_version`; `disabled` where there is none.
    pub hot_restart_version: String,
    /// How the process was started.
    pub options: CommandLineOptions,
    /// Who it is.
    pub node: NodeInfo,
}

/// Numbers of the whole process at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Time since this process started.
    pub uptime: Duration,
    /// Time since the first of the processes that handed over to each other started.
    pub uptime_all_epochs: Duration,
    /// Number of workers.
    pub concurrency: u32,
    /// Client connections, those of the process that is handing over included.
    pub total_connections: u64,
    /// Client connections of the process that is handing over.
    pub parent_connections: u64,
    /// Days until the first certificate expires; `None` where there is none.
    pub days_until_first_cert_expiring: Option<u32>,
    /// Seconds until the first stapled OCSP response expires; `None` where there is none.
    pub seconds_until_first_ocsp_response_expiring: Option<u64>,
}

/// `config.core.v3.Node`, with what the process knows about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeInfo {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// `node.metadata`.
    pub metadata: BTreeMap<Box<str>, Value>,
    /// `node.locality`; none where the file has none.
    pub locality: Option<Locality>,
    /// What kind of program this is.
    pub user_agent_name: String,
    /// Its version.
    pub build: BuildVersion,
    /// What is built in.
    pub extensions: Vec<Extension>,
}

/// `config.core.v3.BuildVersion`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildVersion {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Patch number.
    pub patch: u32,
    /// More about the build: `revision.sha`, `build.type`, …
    pub metadata: Vec<(&'static str, String)>,
}

/// `config.core.v3.Extension`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name, `envoy.filters.http.router`.
    pub name: &'static str,
    /// What kind of extension it is, `envoy.filters.http`.
    pub category: &'static str,
    /// The messages that configure it.
    pub type_urls: &'static [&'static str],
}

/// `admin.v3.CommandLineOptions`: how the process was started. The defaults are Envoy's.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the command line option of that name")]
pub struct CommandLineOptions {
    pub base_id: u64,
    pub use_dynamic_base_id: bool,
    pub base_id_path: String,
    pub skip_hot_restart_on_no_parent: bool,
    pub skip_hot_restart_parent_stats: bool,
    pub concurrency: u32,
    pub config_path: String,
    pub config_yaml: String,
    pub allow_unknown_static_fields: bool,
    pub reject_unknown_dynamic_fields: bool,
    pub ignore_unknown_dynamic_fields: bool,
    pub skip_deprecated_logs: bool,
    pub admin_address_path: String,
    pub local_address_ip_version: IpVersion,
    pub log_level: Level,
    pub component_log_level: String,
    pub log_format: String,
    pub log_format_escaped: bool,
    pub log_path: String,
    pub service_cluster: String,
    pub service_node: String,
    pub service_zone: String,
    pub file_flush_interval: Duration,
    pub file_flush_min_size: u32,
    pub drain_time: Duration,
    pub drain_strategy: DrainStrategy,
    pub parent_shutdown_time: Duration,
    pub mode: ServerMode,
    pub disable_hot_restart: bool,
    pub restart_epoch: u32,
    pub cpuset_threads: bool,
    pub disabled_extensions: Vec<String>,
    pub stats_tag: Vec<String>,
    pub socket_path: String,
    pub socket_mode: u32,
    pub enable_core_dump: bool,
}

impl Default for CommandLineOptions {
    fn default() -> Self {
        Self {
            base_id: 0,
            use_dynamic_base_id: false,
            base_id_path: String::new(),
            skip_hot_restart_on_no_parent: false,
            skip_hot_restart_parent_stats: false,
            concurrency: 0,
            config_path: String::new(),
            config_yaml: String::new(),
            allow_unknown_static_fields: false,
            reject_unknown_dynamic_fields: false,
            ignore_unknown_dynamic_fields: false,
            skip_deprecated_logs: false,
            admin_address_path: String::new(),
            local_address_ip_version: IpVersion::V4,
            log_level: Level::Info,
            component_log_level: String::new(),
            log_format: DEFAULT_FORMAT.to_owned(),
            log_format_escaped: false,
            log_path: String::new(),
            service_cluster: String::new(),
            service_node: String::new(),
            service_zone: String::new(),
            file_flush_interval: Duration::from_secs(10),
            file_flush_min_size: 0,
            drain_time: Duration::from_secs(600),
            drain_strategy: DrainStrategy::Gradual,
            parent_shutdown_time: Duration::from_secs(900),
            mode: ServerMode::Serve,
            disable_hot_restart: false,
            restart_epoch: 0,
            cpuset_threads: false,
            disabled_extensions: Vec::new(),
            stats_tag: Vec::new(),
            socket_path: "@envoy_domain_socket".to_owned(),
            socket_mode: 0,
            enable_core_dump: false,
        }
    }
}

/// `--local-address-ip-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum IpVersion {
    V4,
    V6,
}

/// `--drain-strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainStrategy {
    /// More and more connections are asked to end as the drain time passes.
    Gradual,
    /// All of them at once.
    Immediate,
}

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMode {
    /// Serves.
    Serve,
    /// Checks the configuration and ends.
    Validate,
    /// Checks the configuration without waiting for anything, and ends.
    InitOnly,
}
