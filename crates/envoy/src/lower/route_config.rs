//! Route tables and virtual hosts.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_model::{
    MirrorPolicy, RequireTls, RouteAction, RouteConfiguration, RouteShadow, VirtualCluster, VirtualHost,
};

use super::Cx;
use crate::diagnostic::{At, Draft};
use crate::tree::Message;

/// Largest body of a `direct_response`, unless set.
const DIRECT_RESPONSE_BODY: u32 = 4096;

impl Cx<'_> {
    /// `RouteConfiguration`.
    pub(super) fn route_configuration(&self, config: &Message<'_>) -> RouteConfiguration {
        self.not_implemented_vital(config, "vhds", ": virtual hosts have to stand in the file");
        self.not_implemented_vital(config, "vhost_header", "");
        self.any_cluster.set(config.bool_value("validate_clusters") == Some(false));
        let body_limit = config.u32("max_direct_response_body_size_bytes").unwrap_or(DIRECT_RESPONSE_BODY);
        let internal_only_headers = config
            .texts("internal_only_headers")
            .enumerate()
            .filter_map(|(index, name)| {
                self.header_name(
                    name,
                    config.at_item("internal_only_headers", index),
                    "no request has such a header",
                )
            })
            .collect();
        let mirrors = self.mirror_policies(config);
        let mut domains = Domains::default();
        let mut virtual_hosts = Vec::new();
        for host in config.messages("virtual_hosts") {
            for (index, domain) in host.texts("domains").enumerate() {
                self.domain(domain, host.at_item("domains", index), &mut domains);
            }
            virtual_hosts.push(Arc::new(self.virtual_host(host, body_limit, mirrors.as_ref())));
        }
        RouteConfiguration {
            position: self.position(config),
            name: config.text("name").into(),
            virtual_hosts,
            request_headers: self.mutations(config, "request"),
            response_headers: self.mutations(config, "response"),
            internal_only_headers,
            most_specific_header_mutations_wins: config.bool("most_specific_header_mutations_wins"),
            ignore_port_in_host_matching: config.bool("ignore_port_in_host_matching"),
            ignore_path_parameters_in_path_matching: config.bool("ignore_path_parameters_in_path_matching"),
            per_filter: self.per_filter(config),
        }
    }

    fn domain(&self, domain: &str, at: At, seen: &mut Domains) {
        let lower = domain.to_ascii_lowercase();
        if let Some(first) = seen.0.get(&lower) {
            let text = if domain == "*" {
                "the domain `*` can stand only once in a route table".to_owned()
            } else {
                format!("the domain `{domain}` stands in two places")
            };
            self.push(
                Draft::rejected("duplicate-domain", text)
                    .at(at)
                    .label(if lower == domain { "" } else { "case does not count" })
                    .related(first.span, "the first"),
            );
            return;
        }
        let odd = if domain.contains("://") {
            Some("a domain has no scheme: what is compared is the `Host` of the request")
        } else if domain.contains('/') {
            Some("a domain has no path: what is compared is the `Host` of the request")
        } else if domain.is_empty() {
            Some("no request has an empty `Host`")
        } else if domain.contains(char::is_whitespace) {
            Some("no `Host` holds white space")
        } else if domain.get(1..domain.len().saturating_sub(1)).is_some_and(|inner| inner.contains('*')) {
            Some("`*` stands for anything at the beginning or at the end only")
        } else {
            None
        };
        if let Some(why) = odd {
            self.push(
                self.suspicious(
                    at.clone(),
                    "strange-domain",
                    format!("the domain `{domain}` matches no request"),
                )
                .label(why),
            );
        }
        seen.0.insert(lower, at);
    }

    fn virtual_host(
        &self,
        host: &Message<'_>,
        body_limit: u32,
        of_table: Option<&Arc<[MirrorPolicy]>>,
    ) -> VirtualHost {
        self.not_implemented_vital(host, "matcher", "");
        let mut per_filter = self.per_filter(host);
        self.deprecated_cors(host, &mut per_filter);
        let mut shadow = RouteShadow::default();
        let retry = self.retry_policy(host).map(Arc::new);
        let hedge = self.hedge_policy(host);
        let mirrors = self.mirror_policies(host).or_else(|| of_table.cloned());
        let mut routes = Vec::new();
        for message in host.messages("routes") {
            // Today's form goes before the older one, and then what the route says.
            let kept = [message, host].map(|holder| holder.u64("request_body_buffer_limit"));
            let older =
                [message, host].map(|holder| holder.u32("per_request_buffer_limit_bytes").map(u64::from));
            let Some(mut route) = self.route(message, body_limit) else { continue };
            if let RouteAction::Forward(forward) = &mut route.action {
                if forward.retry.is_none() {
                    forward.retry.clone_from(&retry);
                }
                forward.hedge_on_per_try_timeout = forward.hedge_on_per_try_timeout.or(hedge);
                if forward.mirrors.is_none() {
                    forward.mirrors.clone_from(&mirrors);
                }
            }
            route.request_body_buffer_limit = kept.into_iter().chain(older).flatten().next();
            if let Some(first) = shadow.hides(&route.matcher) {
                self.push(
                    self.suspicious(
                        message.at("match"),
                        "unreachable-route",
                        "no request ever gets to this route",
                    )
                    .label("every request that matches is taken before")
                    .related(first, "by this one"),
                );
            }
            shadow.add(&route.matcher, message.at("match").span);
            routes.push(Arc::new(route));
        }
        VirtualHost {
            position: self.position(host),
            name: host.text("name").into(),
            domains: host.texts("domains").map(|domain| domain.to_ascii_lowercase().into()).collect(),
            routes,
            require_tls: match host.choice("require_tls") {
                "EXTERNAL_ONLY" => RequireTls::ExternalOnly,
                "ALL" => RequireTls::All,
                _ => RequireTls::None,
            },
            request_headers: self.mutations(host, "request"),
            response_headers: self.mutations(host, "response"),
            per_filter,
            include_request_attempt_count: host.bool("include_request_attempt_count"),
            include_attempt_count_in_response: host.bool("include_attempt_count_in_response"),
            include_is_timeout_retry_header: host.bool("include_is_timeout_retry_header"),
            metadata: self.metadata(host, "metadata"),
            virtual_clusters: host
                .messages("virtual_clusters")
                .filter_map(|cluster| self.virtual_cluster(cluster))
                .collect(),
        }
    }

    /// `VirtualCluster`.
    fn virtual_cluster(&self, cluster: &Message<'_>) -> Option<VirtualCluster> {
        if !cluster.has("headers") {
            let text = "a virtual cluster needs `headers`, which say what belongs to it";
            self.reject(cluster.here(), "missing-field", text);
            return None;
        }
        let (headers, never) = self.header_conditions(cluster, "headers");
        Some(VirtualCluster { name: cluster.text("name").into(), headers: (!never).then_some(headers) })
    }
}

/// Domains in lower case, and where they stand.
#[derive(Default)]
struct Domains(HashMap<String, At>);
