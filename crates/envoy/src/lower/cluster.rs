//! Clusters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{CircuitBreakers, Cluster, ClusterType, LocalityLb, RetryBudget, Thresholds};

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
        let alpn = sockets.clone().all(|socket| socket.tls.is_some());
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
        let health_checks = self.health_checks(message, tls, alpn);
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
}

/// What to say where a LOGICAL_DNS cluster has not exactly one endpoint.
pub(super) fn logical_dns_needs_one(at: crate::diagnostic::At) -> Draft {
    Draft::new(Kind::Rejected, "logical-dns-endpoints", "a LOGICAL_DNS cluster has exactly one endpoint")
        .at(at)
        .help("STRICT_DNS takes any number of endpoints, and uses every address of each name")
}

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
