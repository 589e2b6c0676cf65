//! Clusters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    CircuitBreakers, Cluster, ClusterHttpOptions, ClusterType, Http2Options, LocalityLb, RetryBudget,
    ServerNameOptions, Thresholds, UpstreamProtocol,
};

use super::Cx;
use super::extension::type_place;
use crate::diagnostic::{Draft, Kind};
use crate::source::Span;
use crate::suggest;
use crate::tree::Message;

/// The sorts of clusters there are here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Static,
    StrictDns,
    LogicalDns,
    Aggregate,
    OriginalDst,
}

impl Sort {
    /// Whether a cluster of this sort brings its own way to choose a host.
    pub(super) const fn chooses(self) -> bool {
        matches!(self, Self::Aggregate | Self::OriginalDst)
    }
}

impl Cx<'_> {
    /// `static_resources.clusters`.
    pub(super) fn clusters(
        &self,
        resources: &Message<'_>,
        defaults: &super::dns::Defaults,
        bind: Option<&super::bind::Bind>,
        outlier_log: Option<&Arc<str>>,
    ) -> Vec<Arc<Cluster>> {
        let mut clusters = Vec::new();
        let mut names: HashMap<String, Span> = HashMap::new();
        for message in resources.messages("clusters") {
            let name = message.text("name").to_owned();
            let place = message.at("name");
            if let Some(first) = names.get(&name).filter(|_| !name.is_empty()) {
                self.push(
                    Draft::rejected("duplicate-cluster", format!("a second cluster with the name `{name}`"))
                        .at(place)
                        .related(*first, "the first"),
                );
            } else {
                names.insert(name, place.span);
            }
            clusters.extend(self.cluster(message, defaults, bind, outlier_log).map(Arc::new));
        }
        clusters
    }

    fn cluster(
        &self,
        message: &Message<'_>,
        defaults: &super::dns::Defaults,
        bind: Option<&super::bind::Bind>,
        outlier_log: Option<&Arc<str>>,
    ) -> Option<Cluster> {
        let transport_socket = self.upstream_socket(message);
        let transport_socket_matches = self.transport_socket_matches(message);
        let sockets = std::iter::once(&transport_socket)
            .chain(transport_socket_matches.iter().map(|entry| &entry.socket));
        let tls = sockets.clone().any(|socket| socket.tls.is_some());
        for field in ["transport_socket_matcher", "filters", "eds_cluster_config"] {
            self.not_implemented_vital(message, field, "");
        }
        let found = self.cluster_type(message);
        let kind = found.as_ref().map(|(sort, config)| match sort {
            Sort::Static => ClusterType::Static,
            Sort::Aggregate => ClusterType::Aggregate(self.members(*config)),
            Sort::OriginalDst => ClusterType::OriginalDst(Box::new(self.original_dst(message, *config))),
            Sort::StrictDns => ClusterType::StrictDns(self.dns_options(message, *config, defaults)),
            Sort::LogicalDns => ClusterType::LogicalDns(self.dns_options(message, *config, defaults)),
        });
        if !matches!(kind, Some(ClusterType::StrictDns(_) | ClusterType::LogicalDns(_))) {
            self.dns_of_no_use(message);
        }
        let sort = found.as_ref().map(|(sort, _)| *sort);
        let balancing = self.balancing(message, sort);
        let common_lb = message.message("common_lb_config");
        let assignment = message.message("load_assignment");
        if balancing.locality != LocalityLb::Weighted {
            let localities = assignment.into_iter().flat_map(|assignment| assignment.messages("endpoints"));
            for locality in localities.filter(|locality| locality.has("load_balancing_weight")) {
                let text =
                    "`load_balancing_weight` of localities counts only with `locality_weighted_lb_config`";
                self.ignored(locality.at_key("load_balancing_weight"), text);
            }
        }
        let localities = match (assignment, sort) {
            (Some(assignment), Some(Sort::Aggregate)) => {
                self.ignored(
                    message.at_key("load_assignment"),
                    "an aggregate cluster has the hosts of others",
                );
                assignment.settle_all();
                Vec::new()
            }
            (Some(assignment), Some(Sort::OriginalDst)) => {
                // It was refused.
                assignment.settle_all();
                Vec::new()
            }
            (Some(assignment), Some(sort)) => self.localities(message, assignment, sort),
            (Some(assignment), None) => {
                // Of another sort of cluster, what the endpoints mean is not known.
                assignment.settle_all();
                Vec::new()
            }
            (None, Some(Sort::LogicalDns)) if !message.flawed => {
                self.push(logical_dns_needs_one(message.here()));
                Vec::new()
            }
            (None, _) => Vec::new(),
        };
        let agent_check = self.agent_check(message, sort, &localities);
        let overprovisioning = assignment
            .and_then(|assignment| assignment.message("policy"))
            .and_then(|policy| policy.u32("overprovisioning_factor"));
        let tracked = message.message("track_cluster_stats");
        let own_bind = self.bind_config(message);
        let health_checks = self.health_checks(message, tls);
        let http = self.cluster_http(message, tls);
        self.check_grpc_checks(message, http.protocol.http2().is_some());
        let connect_timeout = self.duration(message, "connect_timeout").unwrap_or(Duration::from_secs(5));
        let name = message.text("name");
        let stat_name = match message.text("alt_stat_name") {
            "" => name,
            stat_name => stat_name,
        };
        Some(Cluster {
            position: self.position(message),
            name: name.into(),
            stat_name: stat_name.into(),
            kind: kind?,
            connect_timeout,
            per_connection_buffer_limit_bytes: message
                .u32("per_connection_buffer_limit_bytes")
                .unwrap_or(1024 * 1024),
            lb_policy: balancing.policy,
            hash_policy: balancing.hash_policy,
            locality_lb: balancing.locality,
            subsets: balancing.subsets,
            localities,
            overprovisioning_factor: overprovisioning.unwrap_or(140),
            health_checks,
            outlier_detection: self.outlier_detection(message, outlier_log),
            agent_check,
            circuit_breakers: self.circuit_breakers(message),
            http,
            healthy_panic_threshold: common_lb
                .and_then(|common| common.message("healthy_panic_threshold"))
                .map_or(50.0, |percent| self.percent(percent)),
            ignore_new_hosts_until_first_health_check: common_lb
                .is_some_and(|common| common.bool("ignore_new_hosts_until_first_hc")),
            close_connections_on_host_set_change: common_lb
                .is_some_and(|common| common.bool("close_connections_on_host_set_change")),
            fail_traffic_on_panic: balancing.fail_traffic_on_panic,
            wait_for_warm_on_init: message.bool_value("wait_for_warm_on_init").unwrap_or(true),
            tcp_keepalive: message
                .message("upstream_connection_options")
                .and_then(|options| self.keepalive(options, "tcp_keepalive")),
            upstream_bind_config: super::bind::Bind::of_cluster(own_bind.as_ref(), bind),
            transport_socket,
            transport_socket_matches,
            track_timeout_budgets: message.bool("track_timeout_budgets")
                | tracked.is_some_and(|tracked| tracked.bool("timeout_budgets")),
            track_request_response_sizes: tracked
                .is_some_and(|tracked| tracked.bool("request_response_sizes")),
            metadata: self.metadata(message, "metadata"),
        })
    }

    /// The sort of a cluster, and the configuration of that sort, where it has one of its own.
    fn cluster_type<'m, 'a>(&self, message: &'m Message<'a>) -> Option<(Sort, Option<&'m Message<'a>>)> {
        let Some("cluster_type") = message.which("cluster_discovery_type") else {
            return match message.choice("type") {
                "STATIC" => Some((Sort::Static, None)),
                "STRICT_DNS" => Some((Sort::StrictDns, None)),
                "LOGICAL_DNS" => Some((Sort::LogicalDns, None)),
                "ORIGINAL_DST" => Some((Sort::OriginalDst, message.message("original_dst_lb_config"))),
                // A number without a name was reported with the rules.
                "" => None,
                other => {
                    self.vital(message.at("type"), format!("clusters of type {other} are not implemented"));
                    None
                }
            };
        };
        let custom = message.message("cluster_type")?;
        let name = custom.text("name");
        let config = custom.any("typed_config").and_then(|any| any.message());
        match (config.map(|config| config.schema.name()), name) {
            (Some("envoy.extensions.clusters.dns.v3.DnsCluster"), _) => {
                let single = config.is_some_and(|config| config.bool("all_addresses_in_single_endpoint"));
                Some((if single { Sort::LogicalDns } else { Sort::StrictDns }, config))
            }
            (Some("envoy.extensions.clusters.aggregate.v3.ClusterConfig"), _) => {
                Some((Sort::Aggregate, config))
            }
            (Some("envoy.extensions.clusters.original_dst.v3.OriginalDstCluster"), _) => {
                Some((Sort::OriginalDst, config))
            }
            (Some(_), _) => {
                let short = config.map_or("", |config| config.schema.short_name());
                self.vital(type_place(custom), format!("the cluster extension {short} is not implemented"));
                custom.settle_all();
                None
            }
            (None, "envoy.cluster.static") => Some((Sort::Static, None)),
            (None, "envoy.cluster.strict_dns" | "envoy.cluster.dns") => Some((Sort::StrictDns, None)),
            (None, "envoy.cluster.logical_dns") => Some((Sort::LogicalDns, None)),
            (None, "envoy.cluster.original_dst") => Some((Sort::OriginalDst, None)),
            (None, name) if CLUSTER_EXTENSIONS.contains(&name) => {
                self.vital(custom.at("name"), format!("the cluster extension {name} is not implemented"));
                None
            }
            (None, name) => {
                let known: Vec<_> = CLUSTER_EXTENSIONS
                    .iter()
                    .chain(&["envoy.cluster.static", "envoy.cluster.strict_dns", "envoy.cluster.logical_dns"])
                    .chain(&["envoy.cluster.dns", "envoy.cluster.original_dst"])
                    .copied()
                    .collect();
                let mut draft =
                    Draft::rejected("unknown-cluster-type", format!("there is no cluster type `{name}`"))
                        .at(custom.at("name"));
                if let Some(meant) = suggest::among(name, &known) {
                    draft = draft.label(format!("did you mean `{meant}`?"));
                }
                self.push(draft);
                None
            }
        }
    }

    /// The members of an aggregate cluster.
    fn members(&self, config: Option<&Message<'_>>) -> Vec<Arc<str>> {
        let Some(config) = config else { return Vec::new() };
        let names: Vec<Arc<str>> = config.texts("clusters").map(Into::into).collect();
        for name in names.iter().filter(|name| !self.clusters.contains(&***name)) {
            let text = format!("there is no cluster `{name}`");
            let draft = self.suspicious(config.at("clusters"), "unknown-cluster", text);
            self.push(draft.label("it is passed over"));
        }
        names
    }

    fn circuit_breakers(&self, message: &Message<'_>) -> CircuitBreakers {
        let Some(breakers) = message.message("circuit_breakers") else { return CircuitBreakers::default() };
        let (mut default, mut high) = (None, None);
        for thresholds in breakers.messages("thresholds") {
            let number = |field: &str, default| thresholds.u32(field).unwrap_or(default);
            let known = Thresholds::default();
            let lowered = Thresholds {
                max_connections: number("max_connections", known.max_connections),
                max_pending_requests: number("max_pending_requests", known.max_pending_requests),
                max_requests: number("max_requests", known.max_requests),
                max_retries: number("max_retries", known.max_retries),
                retry_budget: thresholds.message("retry_budget").map(|budget| RetryBudget {
                    percent: budget.message("budget_percent").map_or(20.0, |percent| self.percent(percent)),
                    min_concurrency: budget.u32("min_retry_concurrency").unwrap_or(3),
                }),
                track_remaining: thresholds.bool("track_remaining"),
            };
            let priority = thresholds.choice("priority");
            let slot = if priority == "HIGH" { &mut high } else { &mut default };
            if slot.is_some() {
                self.push(
                    self.suspicious(
                        thresholds.here(),
                        "duplicate-thresholds",
                        format!("thresholds for priority {priority} stand twice"),
                    )
                    .label("only the first count"),
                );
                continue;
            }
            *slot = Some(lowered);
        }
        CircuitBreakers { default: default.unwrap_or_default(), high: high.unwrap_or_default() }
    }

    /// HTTP towards the back-ends.
    fn cluster_http(&self, message: &Message<'_>, tls: bool) -> ClusterHttpOptions {
        let mut http = ClusterHttpOptions::default();
        let mut modern = None;
        for item in message.map("typed_extension_protocol_options") {
            let crate::tree::Value::Any(any) = &item.item.value else { continue };
            let mut at = message.at("typed_extension_protocol_options");
            at.span = any.type_span.or(item.key_span);
            let Some(config) = any.message() else { continue };
            match config.schema.name() {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions" => {
                    let key = item.key.to_text();
                    if !HTTP_OPTIONS_KEYS.contains(&&*key) {
                        at.span = item.key_span;
                        self.push(
                            Draft::rejected(
                                "unknown-extension",
                                format!("there are no protocol options `{key}`"),
                            )
                            .at(at)
                            .label(format!(
                                "write `{}`",
                                HTTP_OPTIONS_KEYS.first().copied().unwrap_or_default()
                            )),
                        );
                    }
                    modern = Some(config);
                }
                _ => {
                    let name = config.schema.short_name();
                    self.unsupported(at, format!("protocol options {name} are not implemented"));
                    config.settle_all();
                }
            }
        }
        match modern {
            Some(options) => {
                // Today's form wins; what is set beside it has no effect in Envoy either.
                for field in DEPRECATED_HTTP {
                    if message.has(field) {
                        self.ignored(
                            message.at_key(field),
                            format!("`{field}` counts only where there are no HttpProtocolOptions"),
                        );
                        message.settle(field);
                    }
                }
                self.http_protocol_options(options, tls, &mut http);
            }
            None => self.deprecated_http(message, tls, &mut http),
        }
        http
    }

    fn http_protocol_options(&self, options: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        if let Some(common) = options.message("common_http_protocol_options") {
            self.common_http(common, http);
        }
        self.server_name_options(options, tls, http);
        match options.which("upstream_protocol_options") {
            Some("explicit_http_config") => {
                let Some(explicit) = options.message("explicit_http_config") else { return };
                match explicit.which("protocol_config") {
                    Some("http_protocol_options") => {
                        if let Some(http1) = explicit.message("http_protocol_options") {
                            self.http1(http1, http);
                        }
                    }
                    Some("http2_protocol_options") => {
                        if let Some(http2) = explicit.message("http2_protocol_options") {
                            http.protocol = UpstreamProtocol::Http2(Box::new(self.upstream_http2(http2)));
                        }
                    }
                    Some(other) => self.no_http3(explicit, other),
                    None => {}
                }
            }
            Some("use_downstream_protocol_config") => {
                let Some(downstream) = options.message("use_downstream_protocol_config") else { return };
                let http2 =
                    downstream.message("http2_protocol_options").map(|http2| self.upstream_http2(http2));
                http.protocol = UpstreamProtocol::Downstream(Box::new(http2.unwrap_or_default()));
                self.has_no_effect(downstream, "http3_protocol_options", "clients don't speak HTTP/3");
                if let Some(http1) = downstream.message("http_protocol_options") {
                    self.http1(http1, http);
                }
            }
            Some("auto_config") if tls => {
                let Some(auto) = options.message("auto_config") else { return };
                let http2 = auto.message("http2_protocol_options").map(|http2| self.upstream_http2(http2));
                http.protocol = UpstreamProtocol::Auto(Box::new(http2.unwrap_or_default()));
                if let Some(http1) = auto.message("http_protocol_options") {
                    self.http1(http1, http);
                }
                self.not_implemented(auto, "http3_protocol_options", "");
                self.has_no_effect(auto, "alternate_protocols_cache_options", "it is about HTTP/3");
            }
            Some("auto_config") => {
                self.reject(
                    options.at_key("auto_config"),
                    "conflict",
                    "ALPN is part of TLS, and this cluster has no TLS `transport_socket`",
                );
                options.settle("auto_config");
            }
            Some(other) => self.not_implemented(options, other, ""),
            None => {}
        }
    }

    /// `UpstreamHttpProtocolOptions`.
    fn server_name_options(&self, holder: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        let field = "upstream_http_protocol_options";
        let Some(options) = holder.message(field) else { return };
        if !tls {
            self.ignored(
                holder.at_key(field),
                "these settings are for TLS towards back-ends, which this cluster does not speak",
            );
            options.settle_all();
            return;
        }
        let header = match options.text("override_auto_sni_header") {
            "" => None,
            name => self.header_name(name, options.at("override_auto_sni_header"), "no request has it"),
        };
        http.server_name = ServerNameOptions {
            auto_sni: options.bool("auto_sni"),
            auto_san_validation: options.bool("auto_san_validation"),
            header,
        };
    }

    /// `Http2ProtocolOptions`, towards back-ends.
    fn upstream_http2(&self, options: &Message<'_>) -> Http2Options {
        for field in ["max_outbound_frames", "max_outbound_control_frames"] {
            self.has_no_effect(
                options,
                field,
                "frames don't pile up: nothing is read while one waits to be sent",
            );
        }
        self.http2(options)
    }

    fn no_http3(&self, message: &Message<'_>, field: &str) {
        self.unsupported(message.at_key(field), "HTTP/3 towards back-ends is not implemented");
        message.settle(field);
    }

    fn deprecated_http(&self, message: &Message<'_>, tls: bool, http: &mut ClusterHttpOptions) {
        let downstream = message.choice("protocol_selection") == "USE_DOWNSTREAM_PROTOCOL";
        if message.has("http_protocol_options") && message.has("http2_protocol_options") && !downstream {
            self.push(
                Draft::rejected(
                    "conflict",
                    "`http_protocol_options` and `http2_protocol_options` exclude each other",
                )
                .at(message.at_key("http2_protocol_options"))
                .related(message.at_key("http_protocol_options").span, "set here already"),
            );
        }
        let http2 =
            message.message("http2_protocol_options").map(|http2| Box::new(self.upstream_http2(http2)));
        http.protocol = match (downstream, http2) {
            (true, http2) => UpstreamProtocol::Downstream(http2.unwrap_or_default()),
            (false, Some(http2)) => UpstreamProtocol::Http2(http2),
            (false, None) => UpstreamProtocol::Http1,
        };
        self.server_name_options(message, tls, http);
        if let Some(common) = message.message("common_http_protocol_options") {
            self.common_http(common, http);
        }
        if let Some(most) = message.u32("max_requests_per_connection").filter(|most| *most > 0) {
            http.max_requests_per_connection = Some(most);
        }
        if let Some(http1) = message.message("http_protocol_options") {
            self.http1(http1, http);
        }
    }

    fn common_http(&self, common: &Message<'_>, http: &mut ClusterHttpOptions) {
        http.idle_timeout = self.timeout(common, "idle_timeout", http.idle_timeout);
        http.max_connection_duration = self.timeout(common, "max_connection_duration", None);
        self.has_no_effect(
            common,
            "max_connection_duration_jitter",
            "connections to back-ends get none, with Envoy neither",
        );
        http.max_stream_duration = self.timeout(common, "max_stream_duration", None);
        http.max_requests_per_connection = common
            .u32("max_requests_per_connection")
            .filter(|most| *most > 0)
            .or(http.max_requests_per_connection);
        http.max_headers_count = common.u32("max_headers_count").unwrap_or(http.max_headers_count);
        if let Some(kib) = common.u32("max_response_headers_kb") {
            http.max_response_headers_kb = kib;
            http.max_response_headers_kb_of_http2 = kib;
        }
    }

    fn http1(&self, options: &Message<'_>, http: &mut ClusterHttpOptions) {
        http.header_key_format = self.header_key_format(options);
        http.enable_trailers = options.bool("enable_trailers");
        http.send_fully_qualified_url = options.bool("send_fully_qualified_url");
        for field in
            ["allow_absolute_url", "accept_http_10", "default_host_for_http_10", "ignore_http_11_upgrade"]
        {
            self.has_no_effect(
                options,
                field,
                "it is about requests that arrive, not about those that are sent",
            );
        }
        options.settle("use_balsa_parser");
    }
}

/// What to say where a LOGICAL_DNS cluster has not exactly one endpoint.
pub(super) fn logical_dns_needs_one(at: crate::diagnostic::At) -> Draft {
    Draft::new(Kind::Rejected, "logical-dns-endpoints", "a LOGICAL_DNS cluster has exactly one endpoint")
        .at(at)
        .help("STRICT_DNS takes any number of endpoints, and uses every address of each name")
}

/// The names under which HTTP options of a cluster may stand.
const HTTP_OPTIONS_KEYS: &[&str] =
    &["envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "envoy.upstreams.http.http_protocol_options"];

/// The fields of a cluster that HttpProtocolOptions took the place of.
const DEPRECATED_HTTP: &[&str] = &[
    "http_protocol_options",
    "http2_protocol_options",
    "common_http_protocol_options",
    "upstream_http_protocol_options",
    "max_requests_per_connection",
    "protocol_selection",
];

/// Sorts of clusters that Envoy has, and Causeway has not.
const CLUSTER_EXTENSIONS: &[&str] = &[
    "envoy.cluster.eds",
    "envoy.clusters.composite",
    "envoy.clusters.dynamic_forward_proxy",
    "envoy.clusters.dynamic_modules",
    "envoy.clusters.mcp_multicluster",
    "envoy.clusters.redis",
    "envoy.clusters.reverse_connection",
];
