//! What happens to a request: sent on, redirected, answered.

use std::time::Duration;

use causeway_model::{
    ClusterSpecifier, ConnectConfig, DirectResponse, HostRewrite, MaxStreamDuration, PathMatch, PathRedirect,
    PathRewrite, PerFilterConfig, Redirect, RouteAction, RouteForward, RouteUpgrade, RoutingPriority,
    WeightedCluster,
};

use super::Cx;
use super::extension::short_kind;
use crate::diagnostic::{At, Draft};
use crate::suggest;
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
            other => {
                self.not_implemented_vital(route, other, "");
                None
            }
        }
    }

    fn forward(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<RouteForward> {
        let cluster = self.cluster_specifier(action);
        let path_rewrite = self.path_rewrite(action, path);
        let host_rewrite = self.host_rewrite(action);
        let upgrades = self.route_upgrades(action);
        // Said of rate limits, which are reported.
        action.settle("include_vh_rate_limits");
        self.has_no_effect(
            action,
            "early_data_policy",
            "no request arrives before its TLS handshake is done",
        );
        self.has_no_effect(
            action,
            "flush_timeout",
            "in HTTP/1 nothing waits for its turn on the connection; `idle_timeout` holds",
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
            idle_timeout: self.duration(action, "idle_timeout"),
            max_stream_duration: self.max_stream_duration(action),
            max_grpc_timeout: self.max_grpc_timeout(action),
            priority: match action.choice("priority") {
                "HIGH" => RoutingPriority::High,
                _ => RoutingPriority::Default,
            },
            upgrades,
            connect: self.connect_config(action),
            internal_redirects: self.internal_redirects(action),
            cluster: cluster?,
        };
        Some(forward)
    }

    /// Says so where a cluster does not exist, unless that is allowed.
    fn known_cluster(&self, name: &str, at: At) {
        if self.any_cluster.get() || name.is_empty() || self.clusters.contains(name) {
            return;
        }
        let names: Vec<_> = self.clusters.iter().map(String::as_str).collect();
        let mut draft = Draft::rejected("unknown-cluster", format!("there is no cluster `{name}`")).at(at);
        if let Some(meant) = suggest::among(name, &names) {
            draft = draft.label(format!("did you mean `{meant}`?"));
        } else if names.is_empty() {
            draft = draft.help("`static_resources.clusters` is empty");
        }
        self.push(draft);
    }

    fn cluster_specifier(&self, action: &Message<'_>) -> Option<ClusterSpecifier> {
        match action.which("cluster_specifier")? {
            "cluster" => {
                let name = action.text_value("cluster")?;
                self.known_cluster(name, action.at("cluster"));
                Some(ClusterSpecifier::Cluster(name.into()))
            }
            "cluster_header" => {
                let name = action.text_value("cluster_header")?;
                let name =
                    self.header_name(name, action.at("cluster_header"), "no request has such a header");
                if name.is_none() {
                    self.vital(action.at("cluster_header"), "a `cluster_header` that is no header name");
                }
                name.map(ClusterSpecifier::Header)
            }
            "weighted_clusters" => self.weighted_clusters(action.message("weighted_clusters")?),
            other => {
                self.not_implemented_vital(action, other, "");
                None
            }
        }
    }

    fn weighted_clusters(&self, weighted: &Message<'_>) -> Option<ClusterSpecifier> {
        // Envoy goes by the sum, too.
        weighted.settle("total_weight");
        self.not_implemented(weighted, "runtime_key_prefix", "");
        let all: Vec<_> =
            weighted.messages("clusters").map(|cluster| self.weighted_cluster(cluster)).collect();
        let clusters: Option<Vec<_>> = all.into_iter().collect();
        let clusters = clusters?;
        let total: u64 = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
        if total == 0 && !clusters.is_empty() {
            let text = "the weights of these clusters come to 0, so that none is ever chosen";
            self.reject(weighted.at("clusters"), "invalid-weights", text);
        }
        if total > u64::from(u32::MAX) {
            let text =
                format!("the weights of these clusters come to {total}, which is more than {}", u32::MAX);
            self.reject(weighted.at("clusters"), "invalid-weights", text);
        }
        Some(ClusterSpecifier::Weighted { clusters, total: total.max(1) })
    }

    fn weighted_cluster(&self, cluster: &Message<'_>) -> Option<WeightedCluster> {
        let name = cluster.text("name");
        if cluster.has("cluster_header") {
            if name.is_empty() {
                self.not_implemented_vital(cluster, "cluster_header", " in weighted clusters");
            } else {
                let text = "`name` and `cluster_header` exclude each other";
                self.reject(cluster.at_key("cluster_header"), "conflict", text);
                cluster.settle("cluster_header");
            }
        } else if name.is_empty() {
            self.reject(cluster.here(), "missing-field", "a weighted cluster needs the field `name`");
        }
        self.known_cluster(name, cluster.at("name"));
        if !cluster.has("weight") && !cluster.flawed {
            self.reject(cluster.here(), "missing-field", "a weighted cluster needs the field `weight`");
        }
        let host_rewrite = cluster.text_value("host_rewrite_literal").filter(|host| !host.is_empty());
        Some(WeightedCluster {
            name: name.into(),
            weight: cluster.u32("weight").unwrap_or(0),
            request_headers: self.mutations(cluster, "request"),
            response_headers: self.mutations(cluster, "response"),
            host_rewrite: host_rewrite.map(Into::into),
            per_filter: self.per_filter(cluster),
        })
    }

    fn path_rewrite(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<PathRewrite> {
        let rewrites = ["prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite"];
        let set: Vec<_> = rewrites.iter().filter(|field| action.has(field)).collect();
        if let [first, second, ..] = set.as_slice() {
            self.push(
                Draft::rejected("conflict", format!("`{first}` and `{second}` exclude each other"))
                    .at(action.at_key(second))
                    .related(action.at_key(first).span, "set here already"),
            );
        }
        self.not_implemented(action, "path_rewrite", "");
        let regex = self.regex_substitution(action, "regex_rewrite");
        let template = self.path_rewrite_policy(action, path);
        let prefix = action.text("prefix_rewrite");
        if !prefix.is_empty() {
            self.doubled_slash(action, "prefix_rewrite", prefix, path);
            return Some(PathRewrite::Prefix(prefix.into()));
        }
        regex.map(|(regex, substitution)| PathRewrite::Regex { regex, substitution }).or(template)
    }

    fn path_rewrite_policy(&self, action: &Message<'_>, path: Option<&PathMatch>) -> Option<PathRewrite> {
        let holder = action.message("path_rewrite_policy")?;
        let config = self.typed(holder)?;
        if short_kind(config.schema.name()) != "UriTemplateRewriteConfig" {
            self.not_implemented(action, "path_rewrite_policy", "");
            return None;
        }
        let template = config.text("path_template_rewrite");
        let variables = match path {
            Some(PathMatch::UriTemplate { variables, .. }) => variables.as_slice(),
            Some(_) => {
                self.reject(
                    action.at_key("path_rewrite_policy"),
                    "conflict",
                    "a rewrite by template needs a match by template: `match.path_match_policy`",
                );
                return None;
            }
            // The match is wrong, and that has been said.
            None => return None,
        };
        match super::uri_template::parse_rewrite(template, variables) {
            Ok(segments) => Some(PathRewrite::UriTemplate(segments)),
            Err(why) => {
                self.push(
                    Draft::rejected("invalid-path-template", format!("`{template}` is not a path template"))
                        .at(config.at("path_template_rewrite"))
                        .label(why),
                );
                None
            }
        }
    }

    /// The classic: `/good` → `/` makes `//x` of `/good/x`.
    fn doubled_slash(&self, action: &Message<'_>, field: &str, rewrite: &str, path: Option<&PathMatch>) {
        let Some(PathMatch::Prefix(prefix)) = path else { return };
        if rewrite.ends_with('/') && !prefix.ends_with('/') && prefix.len() > 1 {
            let rest = "/x";
            self.push(
                self.suspicious(
                    action.at(field),
                    "double-slash",
                    format!("`{prefix}{rest}` becomes `{rewrite}{rest}`, with two slashes"),
                )
                .help(format!("match `{prefix}/` as well, or instead: `prefix: {prefix}/`"))
                .help("`path_separated_prefix` does not help here: what it matches is replaced the same way"),
            );
        }
    }

    fn host_rewrite(&self, action: &Message<'_>) -> Option<HostRewrite> {
        match action.which("host_rewrite_specifier")? {
            "host_rewrite_literal" => {
                let host = action.text_value("host_rewrite_literal")?;
                (!host.is_empty()).then(|| HostRewrite::Literal(host.into()))
            }
            "auto_host_rewrite" => {
                (action.bool_value("auto_host_rewrite") == Some(true)).then_some(HostRewrite::Auto)
            }
            "host_rewrite_header" => {
                let name = action.text_value("host_rewrite_header")?;
                self.header_name(name, action.at("host_rewrite_header"), "no request has such a header")
                    .map(HostRewrite::Header)
            }
            "host_rewrite_path_regex" => {
                let (regex, substitution) = self.regex_substitution(action, "host_rewrite_path_regex")?;
                Some(HostRewrite::PathRegex { regex, substitution })
            }
            "host_rewrite" => {
                let template = self.template(action.text("host_rewrite"), &action.at("host_rewrite"));
                match template.as_literal() {
                    Some("") => None,
                    Some(host) => Some(HostRewrite::Literal(host.into())),
                    None => {
                        self.unsupported(
                            action.at("host_rewrite"),
                            "a host made of operators is not implemented",
                        );
                        None
                    }
                }
            }
            other => {
                self.not_implemented(action, other, "");
                None
            }
        }
    }

    fn max_stream_duration(&self, action: &Message<'_>) -> Option<MaxStreamDuration> {
        let limit = action.message("max_stream_duration")?;
        Some(MaxStreamDuration {
            max: self.duration(limit, "max_stream_duration"),
            grpc_timeout_header_max: self.duration(limit, "grpc_timeout_header_max"),
            grpc_timeout_header_offset: self
                .duration(limit, "grpc_timeout_header_offset")
                .unwrap_or_default(),
        })
    }

    fn max_grpc_timeout(&self, action: &Message<'_>) -> Option<(Duration, Duration)> {
        let max = self.duration(action, "max_grpc_timeout");
        let offset = self.duration(action, "grpc_timeout_offset").unwrap_or_default();
        max.map(|max| (max, offset))
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
        let port = u16::try_from(port).unwrap_or_else(|_| {
            self.unsupported(redirect.at("port_redirect"), format!("{port} is not a port"));
            0
        });
        let path = match redirect.which("path_rewrite_specifier") {
            Some("path_redirect") => text("path_redirect").map(PathRedirect::Path),
            Some("prefix_rewrite") => text("prefix_rewrite").map(PathRedirect::Prefix),
            Some("regex_rewrite") => self
                .regex_substitution(redirect, "regex_rewrite")
                .map(|(regex, substitution)| PathRedirect::Regex { regex, substitution }),
            Some(other) => {
                self.not_implemented(redirect, other, "");
                None
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
