//! What happens to a request: sent on, redirected, answered.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    ClusterSpecifier, ConnectConfig, DirectResponse, GrpcTimeout, MaxStreamDuration, PathMatch, PathRedirect,
    PerFilterConfig, Redirect, RouteAction, RouteForward, RouteUpgrade, RoutingPriority, SubsetCriteria,
};

use super::Cx;
use super::extension::type_place;
use crate::diagnostic::Draft;
use crate::tree::Message;

const TIMEOUT: Duration = Duration::from_secs(15);

impl Cx<'_> {
    /// The action of a route.
    pub(super) fn action(
        &self,
        route: &Message<'_>,
        path: Option<&PathMatch>,
        body_limit: u32,
        per_filter: &mut Vec<PerFilterConfig>,
    ) -> Option<RouteAction> {
        match route.which("action")? {
            "route" => {
                let action = route.message("route")?;
                self.deprecated_cors(action, per_filter);
                self.forward(action, path).map(|forward| RouteAction::Forward(Box::new(forward)))
            }
            "redirect" => Some(RouteAction::Redirect(Box::new(self.redirect(route.message("redirect")?)))),
            "direct_response" => {
                let response = self.direct_response(route.message("direct_response")?, body_limit);
                response.map(|response| RouteAction::DirectResponse(Box::new(response)))
            }
            other => Some(RouteAction::Forward(Box::new(self.for_filters(route, other)))),
        }
    }

    /// `filter_action` and `non_forwarding_action`: a filter has to answer. If none does, the router finds a
    /// route without a cluster.
    fn for_filters(&self, route: &Message<'_>, field: &str) -> RouteForward {
        let text = format!("`{field}` leaves requests to a filter, and there is none that would answer them");
        let draft = self.suspicious(route.at_key(field), "no-filter-answers", text);
        self.push(draft.label("they are answered with 503"));
        if let Some(action) = route.message(field) {
            action.settle_all();
        }
        RouteForward {
            cluster: ClusterSpecifier::Cluster("".into()),
            cluster_not_found_status: 503,
            path_rewrite: None,
            host_rewrite: None,
            append_x_forwarded_host: false,
            timeout: Some(TIMEOUT),
            timeout_position: None,
            idle_timeout: None,
            flush_timeout: None,
            max_stream_duration: None,
            grpc_timeout: None,
            priority: RoutingPriority::Default,
            upgrades: Vec::new(),
            connect: None,
            internal_redirects: None,
            hash_policy: Vec::new(),
            metadata_match: SubsetCriteria::new(),
            retry: None,
            hedge_on_per_try_timeout: None,
            mirrors: None,
        }
    }

    fn forward(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<RouteForward> {
        let cluster = self.cluster_specifier(action);
        let path_rewrite = self.path_rewrite(action, path);
        let host_rewrite = self.host_rewrite(action);
        let upgrades = self.route_upgrades(action);
        // Said of rate limits, which are reported.
        action.settle("include_vh_rate_limits");
        if let Some(policy) = action.message("early_data_policy")
            && let Some(config) = self.typed(policy)
            && config.schema.name() != "envoy.extensions.early_data.v3.DefaultEarlyDataPolicy"
        {
            let text = format!("{} is not a policy for early data", config.schema.short_name());
            self.reject(type_place(policy), "wrong-extension", text);
        }
        self.has_no_effect(
            action,
            "early_data_policy",
            "no request arrives before its TLS handshake is done",
        );
        let forward = RouteForward {
            cluster_not_found_status: match action.choice("cluster_not_found_response_code") {
                "NOT_FOUND" => 404,
                "INTERNAL_SERVER_ERROR" => 500,
                _ => 503,
            },
            path_rewrite,
            host_rewrite,
            append_x_forwarded_host: action.bool("append_x_forwarded_host"),
            timeout: self.timeout(action, "timeout", Some(TIMEOUT)),
            timeout_position: action.has("timeout").then(|| self.position_of(action.at("timeout").span)),
            idle_timeout: self.duration(action, "idle_timeout"),
            flush_timeout: self.duration(action, "flush_timeout"),
            max_stream_duration: self.max_stream_duration(action),
            grpc_timeout: self.grpc_timeout(action),
            priority: match action.choice("priority") {
                "HIGH" => RoutingPriority::High,
                _ => RoutingPriority::Default,
            },
            upgrades,
            connect: self.connect_config(action),
            internal_redirects: self.internal_redirects(action),
            hash_policy: self.hash_policy(action),
            metadata_match: self.metadata_match(action),
            retry: self.retry_policy(action).map(Arc::new),
            hedge_on_per_try_timeout: self.hedge_policy(action),
            mirrors: self.mirror_policies(action),
            cluster: cluster?,
        };
        Some(forward)
    }

    fn max_stream_duration(&self, action: &Message<'_>) -> Option<MaxStreamDuration> {
        let limit = action.message("max_stream_duration")?;
        for field in ["timeout", "max_grpc_timeout", "grpc_timeout_offset"] {
            // No timeout is what there is anyway.
            if action.duration(field).and_then(|timeout| timeout.to_std()).is_some_and(|it| !it.is_zero()) {
                let text = format!("`{field}` has no effect beside `max_stream_duration`");
                self.push(self.suspicious(action.at_key(field), "no-route-timeout", text));
            }
        }
        let grpc_timeout_header_max = self.duration(limit, "grpc_timeout_header_max");
        if grpc_timeout_header_max.is_none() {
            let why = "without `grpc_timeout_header_max`, nobody looks at `grpc-timeout`";
            self.has_no_effect(limit, "grpc_timeout_header_offset", why);
        }
        Some(MaxStreamDuration {
            max: self.duration(limit, "max_stream_duration"),
            grpc_timeout_header_max,
            grpc_timeout_header_offset: self
                .duration(limit, "grpc_timeout_header_offset")
                .unwrap_or_default(),
        })
    }

    fn grpc_timeout(&self, action: &Message<'_>) -> Option<GrpcTimeout> {
        let max = self.duration(action, "max_grpc_timeout");
        if max.is_none() {
            let why = "without `max_grpc_timeout`, nobody looks at `grpc-timeout`";
            self.has_no_effect(action, "grpc_timeout_offset", why);
        }
        let offset = self.duration(action, "grpc_timeout_offset").unwrap_or_default();
        max.map(|max| GrpcTimeout { max, offset })
    }

    fn route_upgrades(&self, action: &Message<'_>) -> Vec<RouteUpgrade> {
        let mut upgrades: Vec<RouteUpgrade> = Vec::new();
        for config in action.messages("upgrade_configs") {
            let upgrade_type = config.text("upgrade_type").to_ascii_lowercase().into_boxed_str();
            let enabled = config.bool_value("enabled").unwrap_or(true);
            if upgrades.iter().any(|other| other.upgrade_type == upgrade_type) {
                let text = format!("the upgrade `{upgrade_type}` is configured twice");
                self.reject(config.at("upgrade_type"), "duplicate-upgrade", text);
                continue;
            }
            upgrades.push(RouteUpgrade { upgrade_type, enabled });
        }
        upgrades
    }

    /// `connect_config` of the upgrade CONNECT. Envoy goes by it even where the upgrade is switched off.
    fn connect_config(&self, action: &Message<'_>) -> Option<ConnectConfig> {
        let mut found = None;
        for config in action.messages("upgrade_configs") {
            let Some(connect) = config.message("connect_config") else { continue };
            let upgrade_type = config.text("upgrade_type");
            if !upgrade_type.eq_ignore_ascii_case("CONNECT") {
                let text =
                    format!("`connect_config` belongs to the upgrade CONNECT, not to `{upgrade_type}`");
                self.reject(config.at_key("connect_config"), "misplaced-connect-config", text);
            }
            self.not_implemented(connect, "proxy_protocol_config", "");
            found = Some(ConnectConfig { allow_post: connect.bool("allow_post") });
        }
        found
    }

    fn redirect(&self, redirect: &Message<'_>) -> Redirect {
        let text = |field: &str| redirect.text_value(field).filter(|text| !text.is_empty()).map(Into::into);
        let https = redirect.bool("https_redirect");
        let port = redirect.u32("port_redirect").unwrap_or(0);
        if u16::try_from(port).is_err() {
            let draft = self.suspicious(
                redirect.at("port_redirect"),
                "invalid-port",
                format!("{port} is not a port"),
            );
            self.push(draft.label("clients can't follow this redirect"));
        }
        let path = match redirect.which("path_rewrite_specifier") {
            Some("path_redirect") => text("path_redirect").map(PathRedirect::Path),
            Some("prefix_rewrite") => text("prefix_rewrite").map(PathRedirect::Prefix),
            Some("regex_rewrite") => self
                .regex_substitution(redirect, "regex_rewrite")
                .map(|(regex, substitution)| PathRedirect::Regex { regex, substitution }),
            Some(_) => {
                let text = redirect.text("path_rewrite");
                let template = || self.template(text, &redirect.at("path_rewrite"));
                (!text.is_empty()).then(|| PathRedirect::Template(template()))
            }
            None => None,
        };
        Redirect {
            status: match redirect.choice("response_code") {
                "FOUND" => 302,
                "SEE_OTHER" => 303,
                "TEMPORARY_REDIRECT" => 307,
                "PERMANENT_REDIRECT" => 308,
                _ => 301,
            },
            scheme: if https { Some("https".into()) } else { text("scheme_redirect") },
            host: text("host_redirect"),
            port: (port != 0).then_some(port),
            path,
            strip_query: redirect.bool("strip_query"),
        }
    }

    fn direct_response(&self, response: &Message<'_>, body_limit: u32) -> Option<DirectResponse> {
        let status = response.u32("status").and_then(|status| u16::try_from(status).ok());
        let body = if response.has("body") { self.data_source(response, "body") } else { Some(Vec::new()) };
        let body_format = self.body_format(response, "body_format");
        let body = body?;
        if body.len() > body_limit as usize {
            self.push(
                Draft::rejected(
                    "body-too-large",
                    format!("this body has {} bytes, which is more than {body_limit}", body.len()),
                )
                .at(response.at("body"))
                .help("the route table raises the limit with `max_direct_response_body_size_bytes`"),
            );
        }
        Some(DirectResponse { status: status?, body: body.into(), body_format })
    }
}
