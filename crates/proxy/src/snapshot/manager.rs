//! A connection manager, compiled: what workers share of it, and what each of them makes of it.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use causeway_http::h1::{HeadLimits, KeyFormat, RequestRules};
use causeway_model::{
    AccessLog, CodecType, FilterChainMatch, HttpConnectionManager, HttpFilter, Listener, OperatorKind,
    ProxyName, Runtime,
};
use causeway_routing::RouteTable;

use super::{Compile, DataPlaneOptions};
use crate::access_log::{CompiledFilter, OpenLog};
use crate::cluster::LocalCluster;
use crate::filters::{self, Filter, SharedByFilters};
use crate::routes::{RouteEntry, RouteTables};
use crate::spelling::key_format;
use crate::stats::{HttpScopes, HttpShards};
use crate::traffic::TrafficScopes;

/// A connection manager.
#[derive(Debug)]
pub(crate) struct ManagerSnapshot {
    config: Arc<HttpConnectionManager>,
    scopes: HttpScopes,
    /// Scopes of virtual clusters and routes.
    traffic: TrafficScopes,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) logs: Vec<OpenLog>,
    /// The router's, of attempts.
    pub(crate) upstream_logs: Vec<OpenLog>,
    pub(crate) reply_filters: Vec<CompiledFilter>,
    pub(crate) request_rules: RequestRules,
    /// How names are written where nobody has kept their case.
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

impl ManagerSnapshot {
    /// Compiles the connection manager of a listener.
    ///
    /// # Errors
    ///
    /// One line for each log that can't be opened.
    pub(super) fn compile(
        config: &Arc<HttpConnectionManager>,
        listener: &Listener,
        with: &Compile<'_>,
    ) -> Result<Self, Vec<String>> {
        let (runtime, node) = (with.runtime, with.node);
        let logs = OpenLog::open_all(&config.access_logs, runtime, with.files)?;
        let upstream_logs = OpenLog::open_all(&config.upstream_logs, runtime, with.files)?;
        let http1 = &config.http1;
        let kib = usize::try_from(config.max_request_headers_kb).unwrap_or(usize::MAX);
        Ok(Self {
            scopes: HttpScopes::new(with.registry, &listener.stat_name, config),
            traffic: TrafficScopes::new(with.registry, &config.route_config),
            table: Arc::new(RouteTable::compile(Arc::clone(&config.route_config), runtime)),
            logs_hold_failures: config.access_logs.iter().any(tells_failures),
            measures: Measures {
                round_trip: asks(&config.access_logs, &OperatorKind::RoundTripTime)
                    || asks(&listener.access_logs, &OperatorKind::RoundTripTime)
                    || asks(&config.upstream_logs, &OperatorKind::RoundTripTime),
                routing: config.record_route_resolution_stats
                    || asks(&config.access_logs, &OperatorKind::RouteResolutionTime),
            },
            logs,
            upstream_logs,
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
pub(super) fn tells_failures(log: &AccessLog) -> bool {
    log.filter.is_none() && log.format.any_operator(&OperatorKind::tells_failures)
}

/// Whether one of the logs prints this.
pub(crate) fn asks(logs: &[AccessLog], wanted: &OperatorKind) -> bool {
    logs.iter().any(|log| log.format.any_operator(&|kind| kind == wanted))
}

/// A listener with one of its connection managers, as one worker has it.
#[derive(Debug)]
pub(crate) struct HttpRuntime {
    pub(crate) config: Arc<Listener>,
    pub(crate) manager: ManagerRuntime,
    pub(crate) shards: HttpShards,
    /// Which connections of the listener it gets; those that no filter chain is for where it is none.
    pub(super) place: Option<FilterChainMatch>,
}

impl HttpRuntime {
    pub(super) fn new(
        config: Arc<Listener>,
        place: Option<FilterChainMatch>,
        manager: ManagerRuntime,
        worker: usize,
    ) -> Self {
        Self { config, place, shards: manager.snapshot.scopes.shard(worker), manager }
    }
}

/// A connection manager as one worker has it.
#[derive(Debug)]
pub(crate) struct ManagerRuntime {
    snapshot: Arc<ManagerSnapshot>,
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

impl ManagerRuntime {
    pub(super) fn new(
        snapshot: &Arc<ManagerSnapshot>,
        clusters: &HashMap<Arc<str>, Rc<LocalCluster>>,
        options: &DataPlaneOptions,
        worker: usize,
    ) -> Self {
        let config = &snapshot.config;
        let filters: Vec<_> = chains(config).collect();
        let tables = RouteTables {
            table: &config.route_config,
            filters: &filters,
            clusters,
            runtime: &snapshot.runtime,
            traffic: &snapshot.traffic,
            worker,
        };
        let chains = filters
            .iter()
            .zip(&snapshot.chains)
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
        &self.snapshot
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
