//! A configuration, compiled: what is shared by all workers, and what each worker makes of it.
//!
//! A [`Snapshot`] is immutable. It is built completely, or not at all, before anything is changed. Each
//! worker turns it into its own runtime objects, which hold its counters and its connections.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use causeway_http::h1::{HeadLimits, KeyFormat, RequestRules};
use causeway_model::{
    AccessLog, Bootstrap, CodecType, HeaderKeyFormat, HttpConnectionManager, HttpFilter, Listener,
    NetworkFilter, Node, OperatorKind, ProxyName, Runtime,
};
use causeway_routing::RouteTable;
use causeway_stats::Registry;

use crate::access_log::{CompiledFilter, LogFiles, OpenLog};
use crate::cluster::LocalCluster;
use crate::filters::{self, Filter, SharedByFilters};
use crate::overload::Overload;
use crate::routes::{RouteEntry, RouteTables};
use crate::stats::{ListenerScopes, ListenerShards};
use crate::timer::{Millis, millis};
use crate::traffic::TrafficScopes;

/// A configuration, compiled and shared by all workers.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) listeners: Vec<Arc<ListenerSnapshot>>,
    pub(crate) options: DataPlaneOptions,
    pub(crate) overload: Arc<Overload>,
}

/// What the command line says about the data plane.
#[derive(Debug, Clone, Default)]
pub struct DataPlaneOptions {
    /// Sends `x-causeway-reason` with the reason's key in local answers to requests that failed.
    pub reason_header: bool,
    /// An address of this machine that is not loopback, which stands in `x-forwarded-for` for clients on
    /// 127.0.0.1, as with Envoy.
    pub own_address: Option<std::net::IpAddr>,
}

/// A listener and its connection manager.
#[derive(Debug)]
pub(crate) struct ListenerSnapshot {
    pub(crate) config: Arc<Listener>,
    pub(crate) manager: ManagerSnapshot,
    /// Logs of connections.
    pub(crate) logs: Vec<OpenLog>,
    pub(crate) scopes: ListenerScopes,
    /// Scopes of virtual clusters and routes.
    traffic: TrafficScopes,
}

/// A connection manager.
#[derive(Debug)]
pub(crate) struct ManagerSnapshot {
    pub(crate) config: Arc<HttpConnectionManager>,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) logs: Vec<OpenLog>,
    pub(crate) reply_filters: Vec<CompiledFilter>,
    pub(crate) request_rules: RequestRules,
    pub(crate) key_format: KeyFormat,
    /// What it calls itself in `proxy-status`.
    pub(crate) proxy_name: Box<str>,
    /// The runtime under which it was compiled.
    runtime: Arc<Runtime>,
    /// What filters share, for each chain: the connection manager's own, and one for each upgrade.
    chains: Vec<SharedByFilters>,
    /// Every failed request is in one of the logs with its flag, so the application log need not say it.
    pub(crate) logs_hold_failures: bool,
    /// What has to be measured for the logs.
    pub(crate) measures: Measures,
}

/// What is measured only where somebody asks for it, because it costs a system call or a look at the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measures {
    /// The round trip time of connections.
    pub(crate) round_trip: bool,
    /// How long it takes to find routes.
    pub(crate) routing: bool,
}

impl Snapshot {
    /// Compiles a configuration. Access logs are opened here. The runtime is given extra, since the admin
    /// server may have changed it.
    ///
    /// # Errors
    ///
    /// One line for each thing that can't be had: a log that can't be opened.
    pub fn compile(
        bootstrap: &Bootstrap,
        runtime: &Arc<Runtime>,
        registry: &Arc<Registry>,
        files: &LogFiles,
        workers: usize,
        options: DataPlaneOptions,
    ) -> Result<Arc<Self>, Vec<String>> {
        let mut faults = Vec::new();
        let mut listeners = Vec::with_capacity(bootstrap.listeners.len());
        for config in &bootstrap.listeners {
            let NetworkFilter::HttpConnectionManager(manager) = &config.filter_chain.filter;
            let scopes = ListenerScopes::new(registry, &config.stat_name, manager, workers);
            let traffic = TrafficScopes::new(registry, &manager.route_config);
            let logs = OpenLog::open_all(&config.access_logs, runtime, files);
            match (ManagerSnapshot::compile(manager, runtime, files, &bootstrap.node), logs) {
                (Ok(manager), Ok(logs)) => {
                    let config = Arc::clone(config);
                    let mut manager = manager;
                    manager.measures.round_trip |= asks(&config.access_logs, &OperatorKind::RoundTripTime);
                    listeners.push(Arc::new(ListenerSnapshot { config, manager, logs, scopes, traffic }));
                }
                (manager, logs) => {
                    faults.extend(manager.err().into_iter().chain(logs.err()).flatten());
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let overload = Overload::new(&bootstrap.overload, registry);
        Ok(Arc::new(Self { listeners, options, overload }))
    }

    /// Its overload manager.
    #[must_use]
    pub const fn overload(&self) -> &Arc<Overload> {
        &self.overload
    }
}

impl ManagerSnapshot {
    fn compile(
        config: &Arc<HttpConnectionManager>,
        runtime: &Arc<Runtime>,
        files: &LogFiles,
        node: &Node,
    ) -> Result<Self, Vec<String>> {
        let logs = OpenLog::open_all(&config.access_logs, runtime, files)?;
        let http1 = &config.http1;
        let kib = usize::try_from(config.max_request_headers_kb).unwrap_or(usize::MAX);
        Ok(Self {
            table: Arc::new(RouteTable::compile(Arc::clone(&config.route_config), runtime)),
            logs_hold_failures: config.access_logs.iter().any(tells_failures),
            measures: Measures {
                round_trip: asks(&config.access_logs, &OperatorKind::RoundTripTime),
                routing: config.record_route_resolution_stats
                    || asks(&config.access_logs, &OperatorKind::RouteResolutionTime),
            },
            logs,
            reply_filters: config
                .local_reply
                .mappers
                .iter()
                .map(|mapper| CompiledFilter::new(&mapper.filter, runtime))
                .collect(),
            request_rules: RequestRules {
                limits: HeadLimits {
                    bytes: kib.saturating_mul(1024),
                    fields: usize::try_from(config.max_headers_count).unwrap_or(usize::MAX),
                },
                allow_absolute_url: http1.allow_absolute_url,
                accept_http_10: http1.accept_http_10,
                allow_chunked_length: http1.allow_chunked_length,
                allow_custom_methods: http1.allow_custom_methods,
            },
            key_format: key_format(http1.header_key_format),
            runtime: Arc::clone(runtime),
            chains: chains(config)
                .map(|filters| SharedByFilters::new(filters, runtime, &node.cluster))
                .collect(),
            proxy_name: match config.proxy_status.as_ref().map(|config| &config.name) {
                Some(ProxyName::NodeId) => node.id.clone(),
                Some(ProxyName::Literal(name)) => name.clone(),
                Some(ProxyName::Server) | None => config.server_name.clone(),
            },
            config: Arc::clone(config),
        })
    }

    /// Whether HTTP/2 might be spoken, were it built.
    #[expect(dead_code, reason = "asked by the codec choice that HTTP/2 brings")]
    pub(crate) fn speaks_http2(&self) -> bool {
        self.config.codec_type == CodecType::Auto
    }
}

/// The filters of each chain: the connection manager's own, and those of each upgrade, where it has its own.
fn chains(config: &HttpConnectionManager) -> impl Iterator<Item = &[HttpFilter]> {
    let upgrades = config.upgrades.iter().map(|upgrade| upgrade.filters.as_deref().unwrap_or_default());
    std::iter::once(config.http_filters.as_slice()).chain(upgrades)
}

/// Whether a log tells an operator why a request failed: it holds failed requests, and its lines have
/// the flag and the details, or the reason itself.
fn tells_failures(log: &AccessLog) -> bool {
    log.filter.is_none() && asks(std::slice::from_ref(log), &OperatorKind::Reason)
}

/// Whether one of the logs prints this.
fn asks(logs: &[AccessLog], wanted: &OperatorKind) -> bool {
    logs.iter().any(|log| log.format.any_operator(&|kind| kind == wanted))
}

/// How names are written, in the codec's terms.
pub(crate) const fn key_format(format: HeaderKeyFormat) -> KeyFormat {
    match format {
        HeaderKeyFormat::LowerCase => KeyFormat::LowerCase,
        HeaderKeyFormat::ProperCaseWords => KeyFormat::ProperCaseWords,
        HeaderKeyFormat::PreserveCase => KeyFormat::Preserve,
    }
}

/// A listener as one worker has it.
#[derive(Debug)]
pub(crate) struct ListenerRuntime {
    pub(crate) config: Arc<Listener>,
    pub(crate) manager: ManagerRuntime,
    pub(crate) shards: ListenerShards,
}

impl ListenerRuntime {
    /// The part that all workers share.
    pub(crate) fn snapshot(&self) -> &ListenerSnapshot {
        &self.manager.snapshot
    }
}

/// A connection manager as one worker has it.
#[derive(Debug)]
pub(crate) struct ManagerRuntime {
    snapshot: Arc<ListenerSnapshot>,
    pub(crate) config: Arc<HttpConnectionManager>,
    /// For each route of the table.
    entries: Vec<Rc<RouteEntry>>,
    /// For each chain.
    chains: Vec<Vec<FilterRuntime>>,
    pub(crate) options: DataPlaneOptions,
}

/// A filter, and whether routes have to turn it on.
#[derive(Debug)]
pub(crate) struct FilterRuntime {
    pub(crate) filter: Box<dyn Filter>,
    pub(crate) disabled: bool,
}

impl ListenerRuntime {
    /// Makes a worker's own of a listener.
    pub(crate) fn new(
        snapshot: &Arc<ListenerSnapshot>,
        clusters: &HashMap<Arc<str>, Rc<LocalCluster>>,
        options: &DataPlaneOptions,
        worker: usize,
    ) -> Rc<Self> {
        Rc::new(Self {
            config: Arc::clone(&snapshot.config),
            manager: ManagerRuntime::new(snapshot, clusters, options, worker),
            shards: snapshot.scopes.shard(worker),
        })
    }
}

impl ManagerRuntime {
    fn new(
        snapshot: &Arc<ListenerSnapshot>,
        clusters: &HashMap<Arc<str>, Rc<LocalCluster>>,
        options: &DataPlaneOptions,
        worker: usize,
    ) -> Self {
        let manager = &snapshot.manager;
        let config = &manager.config;
        let filters: Vec<_> = chains(config).collect();
        let tables = RouteTables {
            table: &config.route_config,
            filters: &filters,
            clusters,
            runtime: &manager.runtime,
            traffic: &snapshot.traffic,
            worker,
        };
        let chains = filters
            .iter()
            .zip(&manager.chains)
            .map(|(filters, shared)| {
                let runtime = |(at, filter): (usize, &HttpFilter)| FilterRuntime {
                    filter: filters::build(filter, at, shared),
                    disabled: filter.disabled,
                };
                filters.iter().enumerate().map(runtime).collect()
            })
            .collect();
        Self {
            snapshot: Arc::clone(snapshot),
            config: Arc::clone(config),
            entries: tables.entries(),
            chains,
            options: options.clone(),
        }
    }

    /// The part that all workers share.
    pub(crate) fn shared(&self) -> &ManagerSnapshot {
        &self.snapshot.manager
    }

    /// The filters of a chain: 0 is the connection manager's own.
    pub(crate) fn filters(&self, chain: usize) -> &[FilterRuntime] {
        self.chains.get(chain).map_or(&[], Vec::as_slice)
    }

    /// The chain of an upgrade that the connection manager knows.
    pub(crate) fn chain_of_upgrade(&self, number: usize) -> usize {
        let own = self.config.upgrades.get(number).is_some_and(|upgrade| upgrade.filters.is_some());
        if own { number + 1 } else { 0 }
    }

    /// What is known of a route, by its number in the table.
    pub(crate) fn entry(&self, route: usize) -> Option<&Rc<RouteEntry>> {
        self.entries.get(route)
    }
}

/// A duration of the configuration in the data plane's milliseconds; zero is none.
pub(crate) fn timeout(duration: Option<Duration>) -> Option<Millis> {
    duration.filter(|duration| !duration.is_zero()).map(millis)
}
