//! A whole configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    AccessLog, Address, Cluster, Listener, Locality, OverloadManager, Runtime, SourcePosition, StringMatcher,
    Value,
};

/// `config.bootstrap.v3.Bootstrap`: everything that a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bootstrap {
    /// Who this proxy is.
    pub node: Node,
    /// The admin server; none where it is not configured.
    pub admin: Option<Admin>,
    /// Listeners, in the order of the file.
    pub listeners: Vec<Arc<Listener>>,
    /// Clusters, in the order of the file.
    pub clusters: Vec<Arc<Cluster>>,
    /// The cluster that this process itself belongs to, for zone aware routing
    /// (`cluster_manager.local_cluster_name`).
    pub local_cluster_name: Option<Arc<str>>,
    /// `layered_runtime`.
    pub runtime: Runtime,
    /// Where statistics are sent (`stats_sinks`).
    pub stats_sinks: Vec<StatsSink>,
    /// Which statistics there are (`stats_config.stats_matcher`); all where it says nothing.
    pub stats_matcher: Option<StatsMatcher>,
    /// `overload_manager`.
    pub overload: OverloadManager,
    /// Time between two flushes of statistics; 5 s unless set.
    pub stats_flush_interval: Option<Duration>,
    /// Replaces the number in `server.version` (`stats_server_version_override`).
    pub stats_server_version_override: Option<u64>,
    /// Form of the application log (`application_log_config.log_format`).
    pub application_log_format: Option<ApplicationLogFormat>,
}

/// `config.metrics.v3.StatsMatcher`: which statistics there are, by full name.
#[derive(Debug, Clone, PartialEq)]
pub enum StatsMatcher {
    /// None (`reject_all`).
    Nothing,
    /// Those that none of these fits (`exclusion_list`).
    AllBut(Vec<StringMatcher>),
    /// Those that one of these fits (`inclusion_list`).
    Only(Vec<StringMatcher>),
}

impl StatsMatcher {
    /// Whether there is a statistic of that name.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let fits =
            |patterns: &[StringMatcher]| patterns.iter().any(|pattern| pattern.matches(name.as_bytes()));
        match self {
            Self::Nothing => false,
            Self::AllBut(patterns) => !fits(patterns),
            Self::Only(patterns) => fits(patterns),
        }
    }
}

/// A receiver of statistics: `config.metrics.v3.StatsdSink`, `config.metrics.v3.DogStatsdSink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsSink {
    /// Where it listens.
    pub to: StatsReceiver,
    /// In front of every name; `envoy` unless set.
    pub prefix: Box<str>,
    /// Whether tags stand behind values rather than in names, as DogStatsD has it.
    pub tags: bool,
    /// Lines share a datagram up to this many bytes (`max_bytes_per_datagram`); 0 gives each its own.
    pub max_bytes_per_datagram: u64,
}

/// Where statistics are sent, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatsReceiver {
    /// Datagrams over UDP (`address`).
    Datagrams(SocketAddr),
    /// Lines over TCP to one host at a time of a cluster (`tcp_cluster_name`).
    Cluster(Arc<str>),
}

/// `config.core.v3.Node`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// `node.id`; `--service-node` overrides it.
    pub id: Box<str>,
    /// `node.cluster`; `--service-cluster` overrides it.
    pub cluster: Box<str>,
    /// `node.locality`; `--service-zone` overrides the zone.
    pub locality: Locality,
    /// `node.metadata`, which the admin server shows.
    pub metadata: BTreeMap<Box<str>, Value>,
}

/// `config.bootstrap.v3.Admin`.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// Where it is written.
    pub position: SourcePosition,
    /// Where it listens.
    pub address: Address,
    /// Its access logs.
    pub access_logs: Vec<AccessLog>,
    /// Paths that are served; all where empty (`allow_paths`).
    pub allow_paths: Vec<StringMatcher>,
}

/// `Bootstrap.ApplicationLogConfig.LogFormat`.
#[derive(Debug, Clone, PartialEq)]
pub enum ApplicationLogFormat {
    /// A text in the dialect of `--log-format`.
    Text(Box<str>),
    /// One JSON object a line: for each key a text in that dialect.
    Json(BTreeMap<Box<str>, Box<str>>),
}

impl Bootstrap {
    /// The cluster of that name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters.iter().find(|cluster| &*cluster.name == name)
    }
}
