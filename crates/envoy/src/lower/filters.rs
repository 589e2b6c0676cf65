//! HTTP filters.

use std::sync::Arc;

use causeway_model::{
    AccessLog, Cors, FilterConfig, FilterSettings, HeaderName, HealthCheckFilter, HttpFilter,
    PerFilterConfig, UpstreamLogOptions,
};

use super::Cx;
use super::extension::{Extension, short_kind, type_place};
use crate::diagnostic::{At, Draft};
use crate::extension::{Category, guards_requests};
use crate::tree::{Any, Body, Message, Value};

/// `http_filters`, the router taken apart.
pub(super) struct Chain {
    pub(super) filters: Vec<HttpFilter>,
    pub(super) has_router: bool,
    pub(super) router: Router,
}

/// What the router is told.
#[derive(Default)]
pub(super) struct Router {
    pub(super) dynamic_stats: bool,
    pub(super) suppress_envoy_headers: bool,
    pub(super) strict_check_headers: Vec<HeaderName>,
    pub(super) respect_expected_rq_timeout: bool,
    pub(super) suppress_grpc_code_stats: bool,
    pub(super) upstream_logs: Vec<AccessLog>,
    pub(super) upstream_log_options: UpstreamLogOptions,
}

impl Cx<'_> {
    /// `HttpConnectionManager.http_filters`, or the `filters` of one of its upgrades.
    /// Its router has to be told what that of the connection manager is told, `main`.
    pub(super) fn http_filters(&self, holder: &Message<'_>, field: &str, main: Option<&Router>) -> Chain {
        let mut chain = Chain {
            filters: Vec::new(),
            has_router: false,
            router: Router { dynamic_stats: true, ..Router::default() },
        };
        let filters: Vec<_> = holder.messages(field).collect();
        // Whether what stands last passes requests on to nobody.
        let mut stranded = None;
        for (index, filter) in filters.iter().enumerate() {
            let last = index + 1 == filters.len();
            match self.http_filter(filter, main) {
                Lowered::Router(config) => {
                    if !last {
                        self.push(
                            Draft::rejected("filter-order", "the router has to be the last HTTP filter")
                                .at(filter.here())
                                .label("move this behind the others"),
                        );
                    }
                    chain.has_router = true;
                    chain.router = config;
                }
                Lowered::Filter(lowered) => {
                    chain.filters.push(lowered);
                    stranded = last.then_some(filter);
                }
                Lowered::Nothing => {}
            }
        }
        if let Some(filter) = stranded {
            self.push(
                Draft::rejected("filter-order", "the last HTTP filter has to be the router")
                    .at(filter.here())
                    .label("nothing behind this sends requests to a back-end")
                    .suggestion(ROUTER),
            );
        }
        if filters.is_empty() {
            self.push(
                self.suspicious(
                    holder.here(),
                    "no-router",
                    "there are no HTTP filters, so nothing sends requests to a back-end",
                )
                .help("Envoy lets such requests hang; Causeway answers them as if no route matched")
                .suggestion(format!("http_filters:\n{ROUTER}")),
            );
        }
        chain
    }

    fn http_filter(&self, filter: &Message<'_>, main: Option<&Router>) -> Lowered {
        let name = filter.text("name");
        let disabled = filter.bool("disabled");
        let optional = filter.bool("is_optional");
        if filter.has("config_discovery") {
            self.vital(
                filter.at_key("config_discovery"),
                "extensions by discovery (ECDS) are not implemented",
            );
            filter.settle_all();
            return Lowered::Nothing;
        }
        if optional && self.is_no_http_filter(filter) {
            self.ignored(type_place(filter), "this is not an HTTP filter; it is optional, and left out");
            filter.settle_all();
            return Lowered::Nothing;
        }
        let Some(extension) = self.extension(filter, Category::HttpFilter) else { return Lowered::Nothing };
        let config = &*extension.config;
        let config = match short_kind(extension.kind) {
            "Router" => {
                if disabled {
                    self.reject(filter.at("disabled"), "filter-order", "the router can't be switched off");
                }
                return Lowered::Router(self.router(config, main));
            }
            "Cors" => FilterConfig::Cors(Cors {}),
            "CorsPolicy" => {
                // Envoy takes it for the filter and looks no further.
                if config.entries.iter().any(|entry| !entry.is_default()) {
                    self.push(
                        self.suspicious(
                            type_place(filter),
                            "misplaced-policy",
                            "a CORS policy has no effect here",
                        )
                        .label("it belongs into `typed_per_filter_config` of a virtual host or route"),
                    );
                }
                config.settle_all();
                FilterConfig::Cors(Cors {})
            }
            "HeaderMutation" => FilterConfig::HeaderMutation {
                mutations: self.message_mutations(config),
                most_specific_wins: config.bool("most_specific_header_mutations_wins"),
            },
            "HealthCheck" => self.health_check_filter(config),
            "OriginalSrc" => FilterConfig::OriginalSrc { mark: config.u32("mark").unwrap_or_default() },
            _ => {
                self.filter_not_implemented(filter, &extension, disabled);
                return Lowered::Nothing;
            }
        };
        Lowered::Filter(HttpFilter { name: name.into(), config, disabled })
    }

    /// Whether the type is known, and is no HTTP filter.
    fn is_no_http_filter(&self, filter: &Message<'_>) -> bool {
        match filter.any("typed_config").map(|any| (&any.body, any.inner_type_name())) {
            Some((Body::Empty, _)) | None => Category::HttpFilter.type_of(filter.text("name")).is_none(),
            Some((_, kind)) => Category::HttpFilter.name_of(kind).is_none(),
        }
    }

    fn filter_not_implemented(&self, filter: &Message<'_>, extension: &Extension<'_, '_>, disabled: bool) {
        filter.settle_all();
        let text = format!("the HTTP filter {} is not implemented", extension.name);
        let mut draft = Draft::unsupported("unsupported-filter", text).at(type_place(filter));
        if guards_requests(extension.kind) && !disabled {
            draft = draft.label("left out, it leaves a door open").help(
                "requests that this filter would refuse, limit or change reach the back-end as they are",
            );
        }
        self.push(draft);
    }

    fn router(&self, config: &Message<'_>, main: Option<&Router>) -> Router {
        if config.has("start_child_span") {
            self.ignored(config.at_key("start_child_span"), "there are no traces that could have spans");
        }
        config.settle("start_child_span");
        // The codec alone is what there is anyway.
        for filter in config.messages("upstream_http_filters") {
            let kind = filter.any("typed_config").map_or("", |any| any.inner_type_name());
            if short_kind(kind) == "UpstreamCodec" {
                filter.settle_all();
            } else {
                self.extension_not_implemented(filter, "a filter towards back-ends");
            }
        }
        let router = Router {
            dynamic_stats: config.bool_value("dynamic_stats").unwrap_or(true),
            suppress_envoy_headers: config.bool("suppress_envoy_headers"),
            strict_check_headers: config
                .texts("strict_check_headers")
                .filter_map(|name| HeaderName::new(name).ok())
                .collect(),
            respect_expected_rq_timeout: config.bool("respect_expected_rq_timeout"),
            suppress_grpc_code_stats: config.bool("suppress_grpc_request_failure_code_stats"),
            upstream_logs: self.access_logs(config, "upstream_log"),
            upstream_log_options: config.message("upstream_log_options").map_or_else(
                UpstreamLogOptions::default,
                |options| UpstreamLogOptions {
                    on_connection: options.bool("flush_upstream_log_on_upstream_stream"),
                    interval: self.duration(options, "upstream_log_flush_interval"),
                },
            ),
        };
        if let Some(main) = main {
            self.same_router(config, &router, main);
        }
        router
    }

    fn same_router(&self, config: &Message<'_>, router: &Router, main: &Router) {
        for (field, same) in [
            ("dynamic_stats", router.dynamic_stats == main.dynamic_stats),
            ("suppress_envoy_headers", router.suppress_envoy_headers == main.suppress_envoy_headers),
            ("strict_check_headers", router.strict_check_headers == main.strict_check_headers),
            (
                "respect_expected_rq_timeout",
                router.respect_expected_rq_timeout == main.respect_expected_rq_timeout,
            ),
            (
                "suppress_grpc_request_failure_code_stats",
                router.suppress_grpc_code_stats == main.suppress_grpc_code_stats,
            ),
            ("upstream_log", router.upstream_logs == main.upstream_logs),
        ] {
            if !same {
                self.unsupported(config.at_key(field), unlike_the_other(field));
            }
        }
        let (own, other) = (router.upstream_log_options, main.upstream_log_options);
        let options = config.message("upstream_log_options").unwrap_or(config);
        for (field, same) in [
            ("flush_upstream_log_on_upstream_stream", own.on_connection == other.on_connection),
            ("upstream_log_flush_interval", own.interval == other.interval),
        ] {
            if !same {
                self.unsupported(options.at_key(field), unlike_the_other(field));
            }
        }
    }

    fn health_check_filter(&self, config: &Message<'_>) -> FilterConfig {
        let pass_through = config.bool_value("pass_through_mode").unwrap_or(false);
        let cache_time = self.duration(config, "cache_time").filter(|time| time.as_millis() > 0);
        if cache_time.is_some() && !pass_through {
            self.reject(
                config.at("cache_time"),
                "health-check-cache",
                "`cache_time` needs `pass_through_mode`: there is no other answer that could be kept",
            );
        }
        let mut min_healthy: Vec<(Arc<str>, f64)> = config
            .map("cluster_min_healthy_percentages")
            .iter()
            .filter_map(|item| match &item.item.value {
                Value::Message(percent) => Some((item.key.to_text().as_ref().into(), self.percent(percent))),
                _ => None,
            })
            .collect();
        min_healthy.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (headers, never) = self.header_conditions(config, "headers");
        let headers = (!never).then_some(headers);
        FilterConfig::HealthCheck(HealthCheckFilter { pass_through, cache_time, min_healthy, headers })
    }

    /// `typed_per_filter_config`.
    pub(super) fn per_filter(&self, message: &Message<'_>) -> Vec<PerFilterConfig> {
        let mut configs = Vec::new();
        for item in message.map("typed_per_filter_config") {
            let name = item.key.to_text();
            if let Value::Any(any) = &item.item.value {
                let mut at = message.at("typed_per_filter_config");
                at.span = any.type_span.or(item.key_span);
                if let Some((disabled, settings)) = self.per_filter_config(any, &at, false) {
                    configs.push(PerFilterConfig { filter: name.as_ref().into(), disabled, settings });
                }
            }
        }
        configs
    }

    fn per_filter_config(
        &self,
        any: &Any<'_>,
        at: &At,
        nested: bool,
    ) -> Option<(bool, Option<FilterSettings>)> {
        let Some(config) = any.message() else {
            if matches!(any.body, Body::Empty) {
                // Inside a `FilterConfig`, nothing more is said.
                if nested {
                    return Some((false, None));
                }
                self.reject(at.clone(), "missing-type", "these settings have no type");
            }
            return None;
        };
        match config.schema.name() {
            "envoy.config.route.v3.FilterConfig" => {
                let disabled = config.bool("disabled");
                config.settle("is_optional");
                if nested {
                    self.reject(at.clone(), "unknown-type", "a `FilterConfig` holds no other one");
                    return None;
                }
                if !disabled && !config.has("config") {
                    let text = "these settings say nothing: they have neither `config` nor `disabled: true`";
                    self.reject(at.clone(), "missing-field", text);
                    return None;
                }
                let inner = config.any("config").and_then(|any| self.per_filter_config(any, at, true));
                Some((disabled, inner.and_then(|(_, settings)| settings)))
            }
            "envoy.extensions.filters.http.cors.v3.CorsPolicy" => {
                self.cors_needs_filter(at);
                Some((false, Some(FilterSettings::Cors(Box::new(self.cors_policy(config))))))
            }
            "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute" => {
                let mutations = self.message_mutations(config);
                Some((false, Some(FilterSettings::HeaderMutation(Arc::new(mutations)))))
            }
            name => {
                let short = config.schema.short_name();
                let mut draft = Draft::unsupported(
                    "unsupported-filter",
                    format!("settings of HTTP filters per route or virtual host: {short} is not implemented"),
                )
                .at(at.clone());
                if guards_requests(name) {
                    draft = draft.label("left out, it may leave a door open");
                }
                self.push(draft);
                config.settle_all();
                None
            }
        }
    }
}

fn unlike_the_other(field: &str) -> String {
    format!("`{field}` of a router for upgrades has to be that of the other router")
}

enum Lowered {
    Router(Router),
    Filter(HttpFilter),
    Nothing,
}

const ROUTER: &str = "- name: envoy.filters.http.router
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
