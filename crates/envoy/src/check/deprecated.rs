//! What took the place of deprecated fields.

/// How a deprecated field is written today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modern {
    pub(super) sentence: &'static str,
    pub(super) yaml: &'static str,
}

/// The modern form of a field.
pub(super) fn modern_form(message: &str, field: &str) -> Option<Modern> {
    let name = message.strip_prefix("envoy.").unwrap_or(message);
    FORMS
        .iter()
        .find(|(known, fields, ..)| *known == name && fields.contains(&field))
        .map(|(_, _, sentence, yaml)| Modern { sentence, yaml })
}

const HTTP_OPTIONS: &str = "the HTTP settings of a cluster stand in `typed_extension_protocol_options` today";

/// Message, fields, a sentence, and how it is written.
const FORMS: &[(&str, &[&str], &str, &str)] = &[
    (
        "config.bootstrap.v3.Admin",
        &["access_log_path"],
        "the admin server has access loggers today",
        "access_log:
- name: envoy.access_loggers.file
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: …",
    ),
    (
        "config.bootstrap.v3.Bootstrap",
        &["watchdog"],
        "there are two today: `watchdogs`",
        "watchdogs:\n  worker_watchdog: {…}",
    ),
    (
        "config.bootstrap.v3.Bootstrap",
        &["tracing"],
        "tracing is set per HTTP connection manager today: `tracing.provider`",
        "",
    ),
    (
        "config.bootstrap.v3.Bootstrap",
        &["use_tcp_for_dns_lookups", "dns_resolution_config"],
        "the resolver is an extension today: `typed_dns_resolver_config`",
        CARES,
    ),
    (
        "config.cluster.v3.Cluster",
        &["http2_protocol_options"],
        HTTP_OPTIONS,
        "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options: {}",
    ),
    (
        "config.cluster.v3.Cluster",
        &["http_protocol_options"],
        HTTP_OPTIONS,
        "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http_protocol_options: {…}",
    ),
    (
        "config.cluster.v3.Cluster",
        &["common_http_protocol_options", "upstream_http_protocol_options", "max_requests_per_connection"],
        HTTP_OPTIONS,
        "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {…}
    explicit_http_config:
      http_protocol_options: {}",
    ),
    (
        "config.cluster.v3.Cluster",
        &["protocol_selection"],
        HTTP_OPTIONS,
        "typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    use_downstream_protocol_config: {}",
    ),
    (
        "config.cluster.v3.Cluster",
        &["dns_resolvers", "use_tcp_for_dns_lookups", "dns_resolution_config"],
        "the resolver is an extension today: `typed_dns_resolver_config`",
        CARES,
    ),
    (
        "config.cluster.v3.Cluster",
        &["dns_refresh_rate", "dns_failure_refresh_rate", "respect_dns_ttl", "dns_jitter"],
        "DNS clusters are an extension today",
        "cluster_type:
  name: envoy.cluster.dns
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
    …",
    ),
    (
        "config.cluster.v3.Cluster",
        &["track_timeout_budgets"],
        "`track_cluster_stats` took its place",
        "track_cluster_stats:\n  timeout_budgets: true",
    ),
    (
        "config.core.v3.HeaderValueOption",
        &["append"],
        "`append_action` took its place: `append: true` is APPEND_IF_EXISTS_OR_ADD, `append: false` is OVERWRITE_IF_EXISTS_OR_ADD",
        "append_action: OVERWRITE_IF_EXISTS_OR_ADD",
    ),
    (
        "config.core.v3.HealthCheck",
        &["event_log_path"],
        "events go to sinks today: `event_logger`",
        "event_logger:
- name: envoy.health_check.event_sink.file
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink
    event_log_path: …",
    ),
    (
        "config.core.v3.SubstitutionFormatString",
        &["text_format"],
        "`text_format_source` took its place",
        "text_format_source:\n  inline_string: …",
    ),
    (
        "config.core.v3.Http2ProtocolOptions",
        &["stream_error_on_invalid_http_messaging"],
        "`override_stream_error_on_invalid_http_message` took its place",
        "",
    ),
    (
        "config.listener.v3.FilterChain",
        &["use_proxy_proto"],
        "the PROXY protocol is a listener filter today",
        "listener_filters:
- name: envoy.filters.listener.proxy_protocol
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
    ),
    (
        "config.listener.v3.Listener",
        &["reuse_port"],
        "`enable_reuse_port` took its place; it is on unless set",
        "enable_reuse_port: true",
    ),
    (
        "config.listener.v3.Listener",
        &["deprecated_v1"],
        "`bind_to_port` took its place",
        "bind_to_port: false",
    ),
    (
        "config.route.v3.HeaderMatcher",
        &["exact_match"],
        "`string_match` took its place",
        "string_match:\n  exact: …",
    ),
    (
        "config.route.v3.HeaderMatcher",
        &["prefix_match"],
        "`string_match` took its place",
        "string_match:\n  prefix: …",
    ),
    (
        "config.route.v3.HeaderMatcher",
        &["suffix_match"],
        "`string_match` took its place",
        "string_match:\n  suffix: …",
    ),
    (
        "config.route.v3.HeaderMatcher",
        &["contains_match"],
        "`string_match` took its place",
        "string_match:\n  contains: …",
    ),
    (
        "config.route.v3.HeaderMatcher",
        &["safe_regex_match"],
        "`string_match` took its place",
        "string_match:\n  safe_regex:\n    regex: …",
    ),
    ("config.route.v3.VirtualHost", &["cors"], CORS, CORS_YAML),
    ("config.route.v3.RouteAction", &["cors"], CORS, CORS_YAML),
    (
        "config.route.v3.VirtualHost",
        &["per_request_buffer_limit_bytes"],
        "`request_body_buffer_limit` took its place",
        "",
    ),
    (
        "config.route.v3.Route",
        &["per_request_buffer_limit_bytes"],
        "`request_body_buffer_limit` took its place",
        "",
    ),
    (
        "config.route.v3.RouteAction",
        &["max_grpc_timeout", "grpc_timeout_offset"],
        "`max_stream_duration` took its place",
        "max_stream_duration:\n  grpc_timeout_header_max: …",
    ),
    (
        "config.route.v3.RouteAction",
        &["internal_redirect_action", "max_internal_redirects"],
        "`internal_redirect_policy` took its place",
        "internal_redirect_policy:\n  max_internal_redirects: 1",
    ),
    (
        "config.route.v3.WeightedCluster",
        &["total_weight"],
        "weights are relative to their sum; leave it out",
        "",
    ),
    (
        "extensions.access_loggers.file.v3.FileAccessLog",
        &["format"],
        "`log_format` took its place",
        "log_format:\n  text_format_source:\n    inline_string: …",
    ),
    (
        "extensions.access_loggers.file.v3.FileAccessLog",
        &["json_format", "typed_json_format"],
        "`log_format` took its place",
        "log_format:\n  json_format: {…}",
    ),
    (
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        &["access_log_flush_interval", "flush_access_log_on_new_request"],
        "`access_log_options` took its place",
        "",
    ),
    ("type.matcher.v3.RegexMatcher", &["google_re2"], "RE2 is the engine anyway; leave it out", ""),
    (
        "extensions.filters.http.lua.v3.Lua",
        &["inline_code"],
        "`default_source_code` took its place",
        "default_source_code:\n  inline_string: …",
    ),
    (
        "extensions.transport_sockets.tls.v3.CertificateValidationContext",
        &["match_subject_alt_names"],
        "`match_typed_subject_alt_names` took its place",
        "match_typed_subject_alt_names:\n- san_type: DNS\n  matcher:\n    exact: …",
    ),
];

const CARES: &str = "typed_dns_resolver_config:
  name: envoy.network.dns_resolver.cares
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    …";
const CORS: &str = "CORS policies are settings of the filter today";
const CORS_YAML: &str = "typed_per_filter_config:
  envoy.filters.http.cors:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
    …";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Message;

    #[test]
    fn every_field_of_the_table_is_deprecated() {
        for (message, fields, ..) in FORMS {
            let message = Message::find(&format!("envoy.{message}")).unwrap_or_else(|| panic!("{message}"));
            for field in *fields {
                assert!(
                    message.field(field).is_some_and(|field| field.is_deprecated()),
                    "{message:?}.{field}"
                );
            }
        }
    }
}
