//! Fields that Envoy's API used to have, mostly in version 2, and what took their place.

use super::{UnknownField, scalar_text};
use crate::extension;
use crate::text::{Node, NodeKind};

/// What to do about a field of old.
pub(super) struct Advice {
    pub(super) label: String,
    pub(super) help: String,
    pub(super) suggestion: Option<String>,
}

/// Message (its last name), field, what took its place, and how that is written.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("Route", "per_filter_config", "typed_per_filter_config", ""),
    ("VirtualHost", "per_filter_config", "typed_per_filter_config", ""),
    ("ClusterWeight", "per_filter_config", "typed_per_filter_config", ""),
    ("RouteMatch", "regex", "safe_regex", "safe_regex:\n  regex: …"),
    ("HeaderMatcher", "regex_match", "string_match", "string_match:\n  safe_regex:\n    regex: …"),
    ("QueryParameterMatcher", "value", "string_match", "string_match:\n  exact: …"),
    ("QueryParameterMatcher", "regex", "string_match", "string_match:\n  safe_regex:\n    regex: …"),
    ("StringMatcher", "regex", "safe_regex", "safe_regex:\n  regex: …"),
    (
        "RouteAction",
        "request_mirror_policy",
        "request_mirror_policies",
        "request_mirror_policies:\n- cluster: …",
    ),
    ("RouteAction", "auto_host_rewrite_header", "host_rewrite_header", ""),
    ("RouteAction", "use_websocket", "upgrade_configs", "upgrade_configs:\n- upgrade_type: websocket"),
    (
        "CorsPolicy",
        "allow_origin",
        "allow_origin_string_match",
        "allow_origin_string_match:\n- exact: \"https://example.com\"",
    ),
    (
        "CorsPolicy",
        "allow_origin_regex",
        "allow_origin_string_match",
        "allow_origin_string_match:\n- safe_regex:\n    regex: …",
    ),
    (
        "CorsPolicy",
        "enabled",
        "filter_enabled",
        "filter_enabled:\n  default_value:\n    numerator: 100\n    denominator: HUNDRED",
    ),
    (
        "HttpConnectionManager",
        "idle_timeout",
        "common_http_protocol_options",
        "common_http_protocol_options:\n  idle_timeout: …",
    ),
    ("HttpHealthCheck", "service_name", "service_name_matcher", "service_name_matcher:\n  prefix: …"),
    ("HttpHealthCheck", "use_http2", "codec_client_type", "codec_client_type: HTTP2"),
    (
        "Bootstrap",
        "runtime",
        "layered_runtime",
        "layered_runtime:\n  layers:\n  - name: static\n    static_layer: {}",
    ),
    (
        "CertificateValidationContext",
        "verify_subject_alt_name",
        "match_typed_subject_alt_names",
        "match_typed_subject_alt_names:\n- san_type: DNS\n  matcher:\n    exact: …",
    ),
    (
        "Listener",
        "use_proxy_proto",
        "listener_filters",
        "listener_filters:\n- name: envoy.filters.listener.proxy_protocol\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
    ),
];

/// What is known about the field.
pub(super) fn find(unknown: &UnknownField<'_>) -> Option<Advice> {
    let message = unknown.message.short_name();
    let last = message.rsplit('.').next().unwrap_or(message);
    match (last, unknown.name) {
        ("Cluster", "hosts") => return Some(hosts(unknown.value)),
        ("Cluster", "tls_context") => return Some(tls_context("cluster", "UpstreamTlsContext")),
        ("FilterChain", "tls_context") => return Some(tls_context("filter chain", "DownstreamTlsContext")),
        (_, "config") if unknown.message.field("typed_config").is_some() => return Some(config(unknown)),
        _ => {}
    }
    let (_, _, today, yaml) =
        FIELDS.iter().find(|(message, field, ..)| *message == last && *field == unknown.name)?;
    Some(Advice {
        label: format!("today this is `{today}`"),
        help: format!("`{}` was removed from Envoy's API; `{today}` took its place", unknown.name),
        suggestion: (!yaml.is_empty()).then(|| (*yaml).to_owned()),
    })
}

/// `config: {…}` → `typed_config`.
fn config(unknown: &UnknownField<'_>) -> Advice {
    let kind = unknown.sibling_name.and_then(extension::type_of).unwrap_or("…");
    Advice {
        label: "today this is `typed_config`".to_owned(),
        help: "`config` was removed from Envoy's API; `typed_config` took its place, and says its type"
            .to_owned(),
        suggestion: Some(format!("typed_config:\n  \"@type\": type.googleapis.com/{kind}\n  …")),
    }
}

fn tls_context(owner: &str, context: &str) -> Advice {
    Advice {
        label: "today this is `transport_socket`".to_owned(),
        help: format!(
            "the `tls_context` of a {owner} was removed from Envoy's API; a transport socket took its place"
        ),
        suggestion: Some(format!(
            "transport_socket:\n  name: envoy.transport_sockets.tls\n  typed_config:\n    \"@type\": \
             type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{context}\n    …"
        )),
    }
}

/// `hosts` → `load_assignment`, with the addresses that were written.
fn hosts(value: &Node<'_>) -> Advice {
    let hosts = match &value.resolve().kind {
        NodeKind::List(hosts) => hosts.iter().collect(),
        NodeKind::Map(_) => vec![value],
        _ => Vec::new(),
    };
    let mut yaml = String::from("load_assignment:\n  cluster_name: …\n  endpoints:\n  - lb_endpoints:");
    for host in hosts.into_iter().take(4) {
        let socket = host.get("socket_address");
        let part = |name| socket.and_then(|socket| socket.get(name)).and_then(scalar_text);
        let address = part("address").unwrap_or_else(|| "…".to_owned());
        let port = part("port_value").or_else(|| part("port")).unwrap_or_else(|| "…".to_owned());
        yaml.push_str(&format!(
            "\n    - endpoint:\n        address:\n          socket_address: {{address: {address}, port_value: {port}}}"
        ));
    }
    Advice {
        label: "today this is `load_assignment`".to_owned(),
        help: "`hosts` was removed from Envoy's API; `load_assignment` took its place".to_owned(),
        suggestion: Some(yaml),
    }
}
