//! Fields that may be set in silence, and fields that this test can't set.

/// Fields of which nothing is said though they change nothing, and why that is right.
pub(super) const SILENT: &[(&str, &str)] = &[
    ("ConfigSource.resource_api_version", "files of secrets are of version 3 alone"),
    ("HealthCheck.name", "it is what people call the check"),
    ("HttpFilter.is_optional", "the filter is known, so it is there"),
    (
        "RouteConfiguration.max_direct_response_body_size_bytes",
        "the bodies are within it; larger ones are refused",
    ),
    ("MetadataFilter.matcher", "no filter sets dynamic metadata, so the key is never there"),
    ("RouteConfiguration.validate_clusters", "all clusters exist; where one does not, it matters"),
    ("SocketAddress.ipv4_compat", "it matters for IPv6 addresses only"),
    ("SocketOption.description", "it is what people call the option"),
    ("SubstitutionFormatString.content_type", "lines of a log have no content type, with Envoy neither"),
    ("UuidRequestIdConfig.pack_trace_reason", "it marks traced requests, and none is traced"),
    ("UuidRequestIdConfig.use_request_id_for_trace_sampling", "nothing is traced"),
];

/// Fields for which the test makes up no valid value, and why.
pub(super) const NOT_TRIED: &[(&str, &str)] = &[
    ("AccessLogFilter.and_filter", "it has to have two filters; one is in the file"),
    ("AccessLogFilter.or_filter", "it has to have two filters; one is in the file"),
    ("CaresDnsResolverConfig.edns0_max_payload_size", RANGE),
    ("Cluster.LbSubsetConfig.LbSubsetSelector.fallback_keys_subset", "it has to be some of the keys"),
    ("Cluster.LbSubsetConfig.locality_weight_aware", "it takes localities that have weights"),
    ("Cluster.http2_protocol_options", CONFLICT),
    ("Cluster.load_balancing_policy", EXTENSION),
    ("Cluster.transport_socket", EXTENSION),
    ("Cluster.transport_socket_matches", EXTENSION),
    ("FilterChain.filters", EXTENSION),
    ("CommonTlsContext.combined_validation_context", "it is deep in its own rules"),
    ("FilterChain.transport_socket", EXTENSION),
    ("FilterChainMatch.address_suffix", "Envoy refuses it, and so do we"),
    ("FilterChainMatch.suffix_len", "Envoy refuses it, and so do we"),
    ("HealthCheck.HttpHealthCheck.expected_statuses", RANGE),
    ("HealthCheck.HttpHealthCheck.retriable_statuses", CONFLICT),
    ("HealthCheck.HttpHealthCheck.use_alpn_protocol", "it takes connections that all speak TLS"),
    ("HealthCheck.grpc_health_check", "where it may stand it is in the file"),
    ("Http2ProtocolOptions.max_header_field_size_kb", RANGE),
    (
        "HttpProtocolOptions.ExplicitHttpConfig.http_protocol_options",
        "one of them is in each place of the file",
    ),
    (
        "HttpProtocolOptions.ExplicitHttpConfig.http2_protocol_options",
        "one of them is in each place of the file",
    ),
    (
        "HttpConnectionManager.http2_protocol_options",
        "it is refused beside `codec_type: HTTP1`, or deep in its own",
    ),
    ("HttpConnectionManager.access_log_flush_interval", CONFLICT),
    ("HttpConnectionManager.flush_access_log_on_new_request", CONFLICT),
    ("HttpProtocolOptions.outlier_detection", "it is deep in its own rules"),
    ("LbEndpoint.endpoint_name", "an endpoint of that name would have to come by EDS"),
    ("Listener.access_log", EXTENSION),
    ("ListenerFilter.filter_disabled", "it is deep in its own rules"),
    ("ListenerFilterChainMatchPredicate.and_match", "it is deep in its own rules"),
    ("ListenerFilterChainMatchPredicate.not_match", "it is deep in its own rules"),
    ("ListenerFilterChainMatchPredicate.or_match", "it is deep in its own rules"),
    ("Listener.additional_addresses", "the address is in use by another listener"),
    ("Listener.listener_filters", EXTENSION),
    ("MatchPredicate.and_match", "it is deep in its own rules"),
    ("MatchPredicate.not_match", "it is deep in its own rules"),
    ("MatchPredicate.or_match", "it is deep in its own rules"),
    ("OverloadManager.buffer_factory_config", RANGE),
    (
        "RouteAction.UpgradeConfig.connect_config",
        "it belongs to the upgrade CONNECT, where it is in the file",
    ),
    ("RetryPolicy.retry_host_predicate", EXTENSION),
    ("RetryPolicy.retry_options_predicates", "Envoy refuses it, and so do we"),
    ("RetryPolicy.retry_priority", EXTENSION),
    ("RouteAction.RequestMirrorPolicy.cluster_header", CONFLICT),
    ("RouteAction.weighted_clusters", "one is in the file"),
    ("Router.strict_check_headers", "it takes the names of certain headers"),
    ("RuntimeLayer.admin_layer", "there may be one; it is in the file"),
    ("Secret.generic_secret", CONFLICT),
    ("Secret.session_ticket_keys", CONFLICT),
    ("Secret.validation_context", CONFLICT),
    ("SocketAddress.resolver_name", "Envoy refuses it, and so do we"),
    ("TcpProxy.access_log_flush_interval", CONFLICT),
    ("TcpProxy.flush_access_log_on_connected", CONFLICT),
    ("WeightedCluster.ClusterWeight.cluster_header", CONFLICT),
    ("RouteAction.early_data_policy", EXTENSION),
];

const EXTENSION: &str = "only extensions of its kind fit; they are tested by name";
const RANGE: &str = "none of the numbers lies in its range";
const CONFLICT: &str = "it excludes something that is in the file";
