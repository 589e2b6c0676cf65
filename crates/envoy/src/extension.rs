//! The extensions of Envoy 1.40 by category: their names, and the types of their configurations.
//!
//! Envoy finds an extension by the type of its `typed_config`. Many files only name it, as old versions
//! of Envoy allowed; here the name finds the type.

/// Where an extension stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    /// `http_filters`.
    HttpFilter,
    /// `filters` of a filter chain.
    NetworkFilter,
    /// `listener_filters`.
    ListenerFilter,
    /// `access_log`.
    AccessLogger,
    /// `transport_socket` of a filter chain.
    DownstreamSocket,
    /// `transport_socket` of a cluster.
    UpstreamSocket,
}

impl Category {
    const ALL: [Self; 6] = [
        Self::HttpFilter,
        Self::NetworkFilter,
        Self::ListenerFilter,
        Self::AccessLogger,
        Self::DownstreamSocket,
        Self::UpstreamSocket,
    ];

    fn table(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::HttpFilter => HTTP_FILTERS,
            Self::NetworkFilter => NETWORK_FILTERS,
            Self::ListenerFilter => LISTENER_FILTERS,
            Self::AccessLogger => ACCESS_LOGGERS,
            Self::DownstreamSocket => DOWNSTREAM_SOCKETS,
            Self::UpstreamSocket => UPSTREAM_SOCKETS,
        }
    }

    /// What one of it is called in a sentence.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::HttpFilter => "HTTP filter",
            Self::NetworkFilter => "network filter",
            Self::ListenerFilter => "listener filter",
            Self::AccessLogger => "access logger",
            Self::DownstreamSocket | Self::UpstreamSocket => "transport socket",
        }
    }

    /// The type of the configuration of the extension of that name, of today or of old.
    pub(crate) fn type_of(self, name: &str) -> Option<&'static str> {
        let today = OLD_NAMES.iter().find(|(category, old, _)| *category == self && *old == name);
        let name = today.map_or(name, |(_, _, today)| today);
        self.table().iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The name of the extension that has a configuration of that type.
    pub(crate) fn name_of(self, type_name: &str) -> Option<&'static str> {
        self.table().iter().find(|(_, kind)| *kind == type_name).map(|(name, _)| *name)
    }

    /// The names of all extensions.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.table().iter().map(|(name, _)| *name)
    }
}

/// The type of the configuration of an extension of that name, in whatever category.
pub(crate) fn type_of(name: &str) -> Option<&'static str> {
    Category::ALL.iter().find_map(|category| category.type_of(name))
}

/// The types of all configurations.
pub(crate) fn type_names() -> impl Iterator<Item = &'static str> {
    Category::ALL.iter().flat_map(|category| category.table().iter().map(|(_, kind)| *kind))
}

/// Whether an HTTP filter decides who may do what, or could: leaving it out opens a door.
pub(crate) fn guards_requests(type_name: &str) -> bool {
    GUARDS.iter().any(|part| {
        type_name.strip_prefix("envoy.extensions.filters.http.").is_some_and(|rest| rest.starts_with(part))
    })
}

/// Whether Envoy 1.40 has a type that the published schema lacks.
pub(crate) fn is_known_but_absent(type_name: &str) -> bool {
    ABSENT.contains(&type_name)
}

/// Parts of the names of HTTP filters that guard, or that run programs which may.
const GUARDS: &[&str] = &[
    "api_key_auth.",
    "basic_auth.",
    "composite.",
    "csrf.",
    "dynamic_modules.",
    "ext_authz.",
    "ext_proc.",
    "filter_chain.",
    "geoip.",
    "jwt_authn.",
    "local_ratelimit.",
    "lua.",
    "oauth2.",
    "rate_limit_quota.",
    "ratelimit.",
    "rbac.",
    "wasm.",
];

/// Types of Envoy 1.40 that are younger than the protos the schema is made of.
const ABSENT: &[&str] = &[
    "envoy.extensions.http.ai_filters.schema_validation.v3.SchemaValidation",
    "envoy.extensions.http.ai_filters.transcoder.v3.Transcoder",
    "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
    "envoy.extensions.router.route_specifiers.dynamic_modules.v3.DynamicModuleRouteSpecifier",
    "envoy.extensions.transport_sockets.tls.handshakers.dynamic_modules.v3.DynamicModuleTlsHandshaker",
];

/// Names of old, and those of today.
const OLD_NAMES: &[(Category, &str, &str)] = &[
    (Category::HttpFilter, "envoy.bandwidth_limit", "envoy.filters.http.bandwidth_limit"),
    (Category::HttpFilter, "envoy.buffer", "envoy.filters.http.buffer"),
    (Category::HttpFilter, "envoy.cors", "envoy.filters.http.cors"),
    (Category::HttpFilter, "envoy.csrf", "envoy.filters.http.csrf"),
    (Category::HttpFilter, "envoy.ext_authz", "envoy.filters.http.ext_authz"),
    (Category::HttpFilter, "envoy.ext_proc", "envoy.filters.http.ext_proc"),
    (Category::HttpFilter, "envoy.fault", "envoy.filters.http.fault"),
    (Category::HttpFilter, "envoy.grpc_http1_bridge", "envoy.filters.http.grpc_http1_bridge"),
    (Category::HttpFilter, "envoy.grpc_json_transcoder", "envoy.filters.http.grpc_json_transcoder"),
    (Category::HttpFilter, "envoy.grpc_web", "envoy.filters.http.grpc_web"),
    (Category::HttpFilter, "envoy.health_check", "envoy.filters.http.health_check"),
    (Category::HttpFilter, "envoy.ip_tagging", "envoy.filters.http.ip_tagging"),
    (Category::HttpFilter, "envoy.local_rate_limit", "envoy.filters.http.local_ratelimit"),
    (Category::HttpFilter, "envoy.lua", "envoy.filters.http.lua"),
    (Category::HttpFilter, "envoy.rate_limit", "envoy.filters.http.ratelimit"),
    (Category::HttpFilter, "envoy.router", "envoy.filters.http.router"),
    (Category::NetworkFilter, "envoy.echo", "envoy.filters.network.echo"),
    (Category::NetworkFilter, "envoy.ext_authz", "envoy.filters.network.ext_authz"),
    (
        Category::NetworkFilter,
        "envoy.http_connection_manager",
        "envoy.filters.network.http_connection_manager",
    ),
    (Category::NetworkFilter, "envoy.mongo_proxy", "envoy.filters.network.mongo_proxy"),
    (Category::NetworkFilter, "envoy.ratelimit", "envoy.filters.network.ratelimit"),
    (Category::NetworkFilter, "envoy.redis_proxy", "envoy.filters.network.redis_proxy"),
    (Category::NetworkFilter, "envoy.tcp_proxy", "envoy.filters.network.tcp_proxy"),
    (Category::ListenerFilter, "envoy.listener.http_inspector", "envoy.filters.listener.http_inspector"),
    (Category::ListenerFilter, "envoy.listener.original_dst", "envoy.filters.listener.original_dst"),
    (Category::ListenerFilter, "envoy.listener.original_src", "envoy.filters.listener.original_src"),
    (Category::ListenerFilter, "envoy.listener.proxy_protocol", "envoy.filters.listener.proxy_protocol"),
    (Category::ListenerFilter, "envoy.listener.tls_inspector", "envoy.filters.listener.tls_inspector"),
    (Category::AccessLogger, "envoy.file_access_log", "envoy.access_loggers.file"),
    (Category::AccessLogger, "envoy.fluentd_access_log", "envoy.access_loggers.fluentd"),
    (Category::AccessLogger, "envoy.http_grpc_access_log", "envoy.access_loggers.http_grpc"),
    (Category::AccessLogger, "envoy.open_telemetry_access_log", "envoy.access_loggers.open_telemetry"),
    (Category::AccessLogger, "envoy.stderr_access_log", "envoy.access_loggers.stderr"),
    (Category::AccessLogger, "envoy.stdout_access_log", "envoy.access_loggers.stdout"),
    (Category::AccessLogger, "envoy.tcp_grpc_access_log", "envoy.access_loggers.tcp_grpc"),
    (Category::AccessLogger, "envoy.wasm_access_log", "envoy.access_loggers.wasm"),
    (Category::DownstreamSocket, "raw_buffer", "envoy.transport_sockets.raw_buffer"),
    (Category::DownstreamSocket, "starttls", "envoy.transport_sockets.starttls"),
    (Category::DownstreamSocket, "tls", "envoy.transport_sockets.tls"),
    (Category::UpstreamSocket, "raw_buffer", "envoy.transport_sockets.raw_buffer"),
    (Category::UpstreamSocket, "starttls", "envoy.transport_sockets.starttls"),
    (Category::UpstreamSocket, "tls", "envoy.transport_sockets.tls"),
];

/// HTTP filters.
const HTTP_FILTERS: &[(&str, &str)] = &[
    (
        "envoy.extensions.filters.http.dynamic_modules",
        "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
    ),
    ("envoy.filters.http.a2a", "envoy.extensions.filters.http.a2a.v3.A2a"),
    (
        "envoy.filters.http.adaptive_concurrency",
        "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
    ),
    (
        "envoy.filters.http.admission_control",
        "envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
    ),
    (
        "envoy.filters.http.ai_protocol_manager",
        "envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager",
    ),
    (
        "envoy.filters.http.alternate_protocols_cache",
        "envoy.extensions.filters.http.alternate_protocols_cache.v3.FilterConfig",
    ),
    ("envoy.filters.http.api_key_auth", "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth"),
    (
        "envoy.filters.http.aws_eventstream_parser",
        "envoy.extensions.filters.http.aws_eventstream_parser.v3.AwsEventstreamParser",
    ),
    ("envoy.filters.http.aws_lambda", "envoy.extensions.filters.http.aws_lambda.v3.Config"),
    (
        "envoy.filters.http.aws_request_signing",
        "envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
    ),
    ("envoy.filters.http.bandwidth_limit", "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit"),
    ("envoy.filters.http.bandwidth_share", "envoy.extensions.filters.http.bandwidth_share.v3.BandwidthShare"),
    ("envoy.filters.http.basic_auth", "envoy.extensions.filters.http.basic_auth.v3.BasicAuth"),
    ("envoy.filters.http.body_size_limit", "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit"),
    ("envoy.filters.http.buffer", "envoy.extensions.filters.http.buffer.v3.Buffer"),
    ("envoy.filters.http.cache", "envoy.extensions.filters.http.cache.v3.CacheConfig"),
    ("envoy.filters.http.cache_v2", "envoy.extensions.filters.http.cache_v2.v3.CacheV2Config"),
    ("envoy.filters.http.cdn_loop", "envoy.extensions.filters.http.cdn_loop.v3.CdnLoopConfig"),
    ("envoy.filters.http.composite", "envoy.extensions.filters.http.composite.v3.Composite"),
    ("envoy.filters.http.compressor", "envoy.extensions.filters.http.compressor.v3.Compressor"),
    (
        "envoy.filters.http.connect_grpc_bridge",
        "envoy.extensions.filters.http.connect_grpc_bridge.v3.FilterConfig",
    ),
    ("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors"),
    ("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.CorsPolicy"),
    (
        "envoy.filters.http.credential_injector",
        "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
    ),
    ("envoy.filters.http.csrf", "envoy.extensions.filters.http.csrf.v3.CsrfPolicy"),
    ("envoy.filters.http.custom_response", "envoy.extensions.filters.http.custom_response.v3.CustomResponse"),
    ("envoy.filters.http.decompressor", "envoy.extensions.filters.http.decompressor.v3.Decompressor"),
    (
        "envoy.filters.http.dynamic_forward_proxy",
        "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
    ),
    ("envoy.filters.http.ext_authz", "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"),
    ("envoy.filters.http.ext_proc", "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"),
    ("envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault"),
    ("envoy.filters.http.file_server", "envoy.extensions.filters.http.file_server.v3.FileServerConfig"),
    (
        "envoy.filters.http.file_system_buffer",
        "envoy.extensions.filters.http.file_system_buffer.v3.FileSystemBufferFilterConfig",
    ),
    ("envoy.filters.http.filter_chain", "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"),
    ("envoy.filters.http.gcp_authn", "envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig"),
    ("envoy.filters.http.geoip", "envoy.extensions.filters.http.geoip.v3.Geoip"),
    (
        "envoy.filters.http.grpc_field_extraction",
        "envoy.extensions.filters.http.grpc_field_extraction.v3.GrpcFieldExtractionConfig",
    ),
    ("envoy.filters.http.grpc_http1_bridge", "envoy.extensions.filters.http.grpc_http1_bridge.v3.Config"),
    (
        "envoy.filters.http.grpc_http1_reverse_bridge",
        "envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig",
    ),
    (
        "envoy.filters.http.grpc_json_reverse_transcoder",
        "envoy.extensions.filters.http.grpc_json_reverse_transcoder.v3.GrpcJsonReverseTranscoder",
    ),
    (
        "envoy.filters.http.grpc_json_transcoder",
        "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
    ),
    ("envoy.filters.http.grpc_stats", "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"),
    ("envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"),
    ("envoy.filters.http.header_mutation", "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"),
    ("envoy.filters.http.header_to_metadata", "envoy.extensions.filters.http.header_to_metadata.v3.Config"),
    ("envoy.filters.http.health_check", "envoy.extensions.filters.http.health_check.v3.HealthCheck"),
    ("envoy.filters.http.ip_tagging", "envoy.extensions.filters.http.ip_tagging.v3.IPTagging"),
    (
        "envoy.filters.http.json_to_metadata",
        "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
    ),
    ("envoy.filters.http.jwt_authn", "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"),
    ("envoy.filters.http.local_ratelimit", "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"),
    ("envoy.filters.http.lua", "envoy.extensions.filters.http.lua.v3.Lua"),
    ("envoy.filters.http.match_delegate", "envoy.extensions.common.matching.v3.ExtensionWithMatcher"),
    ("envoy.filters.http.mcp", "envoy.extensions.filters.http.mcp.v3.Mcp"),
    (
        "envoy.filters.http.mcp_json_rest_bridge",
        "envoy.extensions.filters.http.mcp_json_rest_bridge.v3.McpJsonRestBridge",
    ),
    ("envoy.filters.http.mcp_router", "envoy.extensions.filters.http.mcp_router.v3.McpRouter"),
    ("envoy.filters.http.oauth2", "envoy.extensions.filters.http.oauth2.v3.OAuth2"),
    ("envoy.filters.http.on_demand", "envoy.extensions.filters.http.on_demand.v3.OnDemand"),
    ("envoy.filters.http.original_src", "envoy.extensions.filters.http.original_src.v3.OriginalSrc"),
    (
        "envoy.filters.http.proto_api_scrubber",
        "envoy.extensions.filters.http.proto_api_scrubber.v3.ProtoApiScrubberConfig",
    ),
    (
        "envoy.filters.http.proto_message_extraction",
        "envoy.extensions.filters.http.proto_message_extraction.v3.ProtoMessageExtractionConfig",
    ),
    (
        "envoy.filters.http.rate_limit_quota",
        "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaFilterConfig",
    ),
    ("envoy.filters.http.ratelimit", "envoy.extensions.filters.http.ratelimit.v3.RateLimit"),
    ("envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC"),
    ("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"),
    ("envoy.filters.http.set_filter_state", "envoy.extensions.filters.http.set_filter_state.v3.Config"),
    ("envoy.filters.http.set_metadata", "envoy.extensions.filters.http.set_metadata.v3.Config"),
    ("envoy.filters.http.sse_to_metadata", "envoy.extensions.filters.http.sse_to_metadata.v3.SseToMetadata"),
    (
        "envoy.filters.http.stateful_session",
        "envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
    ),
    ("envoy.filters.http.tap", "envoy.extensions.filters.http.tap.v3.Tap"),
    (
        "envoy.filters.http.thrift_to_metadata",
        "envoy.extensions.filters.http.thrift_to_metadata.v3.ThriftToMetadata",
    ),
    ("envoy.filters.http.transform", "envoy.extensions.filters.http.transform.v3.TransformConfig"),
    ("envoy.filters.http.wasm", "envoy.extensions.filters.http.wasm.v3.Wasm"),
];

/// Network filters.
const NETWORK_FILTERS: &[(&str, &str)] = &[
    (
        "envoy.filters.network.connection_limit",
        "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
    ),
    ("envoy.filters.network.direct_response", "envoy.extensions.filters.network.direct_response.v3.Config"),
    ("envoy.filters.network.dubbo_proxy", "envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy"),
    (
        "envoy.filters.network.dynamic_modules",
        "envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
    ),
    ("envoy.filters.network.echo", "envoy.extensions.filters.network.echo.v3.Echo"),
    ("envoy.filters.network.ext_authz", "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"),
    (
        "envoy.filters.network.ext_proc",
        "envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor",
    ),
    ("envoy.filters.network.generic_proxy", "envoy.extensions.filters.network.generic_proxy.v3.GenericProxy"),
    ("envoy.filters.network.geoip", "envoy.extensions.filters.network.geoip.v3.Geoip"),
    (
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    ),
    (
        "envoy.filters.network.local_ratelimit",
        "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
    ),
    ("envoy.filters.network.mongo_proxy", "envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy"),
    ("envoy.filters.network.ratelimit", "envoy.extensions.filters.network.ratelimit.v3.RateLimit"),
    ("envoy.filters.network.rbac", "envoy.extensions.filters.network.rbac.v3.RBAC"),
    ("envoy.filters.network.redis_proxy", "envoy.extensions.filters.network.redis_proxy.v3.RedisProxy"),
    (
        "envoy.filters.network.reverse_tunnel",
        "envoy.extensions.filters.network.reverse_tunnel.v3.ReverseTunnel",
    ),
    (
        "envoy.filters.network.reverse_tunnel_drain_aware_http_connection_manager",
        "envoy.extensions.filters.network.reverse_tunnel.v3.DrainAwareHttpConnectionManager",
    ),
    ("envoy.filters.network.set_filter_state", "envoy.extensions.filters.network.set_filter_state.v3.Config"),
    ("envoy.filters.network.sni_cluster", "envoy.extensions.filters.network.sni_cluster.v3.SniCluster"),
    (
        "envoy.filters.network.sni_dynamic_forward_proxy",
        "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig",
    ),
    (
        "envoy.filters.network.tcp_bandwidth_limit",
        "envoy.extensions.filters.network.tcp_bandwidth_limit.v3.TcpBandwidthLimit",
    ),
    ("envoy.filters.network.tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"),
    ("envoy.filters.network.thrift_proxy", "envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy"),
    ("envoy.filters.network.wasm", "envoy.extensions.filters.network.wasm.v3.Wasm"),
    (
        "envoy.filters.network.zookeeper_proxy",
        "envoy.extensions.filters.network.zookeeper_proxy.v3.ZooKeeperProxy",
    ),
];

/// Listener filters.
const LISTENER_FILTERS: &[(&str, &str)] = &[
    (
        "envoy.filters.listener.dynamic_modules",
        "envoy.extensions.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter",
    ),
    (
        "envoy.filters.listener.http_inspector",
        "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
    ),
    (
        "envoy.filters.listener.local_ratelimit",
        "envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit",
    ),
    ("envoy.filters.listener.original_dst", "envoy.extensions.filters.listener.original_dst.v3.OriginalDst"),
    ("envoy.filters.listener.original_src", "envoy.extensions.filters.listener.original_src.v3.OriginalSrc"),
    (
        "envoy.filters.listener.proxy_protocol",
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
    ),
    (
        "envoy.filters.listener.set_filter_state",
        "envoy.extensions.filters.listener.set_filter_state.v3.Config",
    ),
    (
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    ),
];

/// Access loggers.
const ACCESS_LOGGERS: &[(&str, &str)] = &[
    (
        "envoy.access_loggers.dynamic_modules",
        "envoy.extensions.access_loggers.dynamic_modules.v3.DynamicModuleAccessLog",
    ),
    ("envoy.access_loggers.file", "envoy.extensions.access_loggers.file.v3.FileAccessLog"),
    ("envoy.access_loggers.fluentd", "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig"),
    ("envoy.access_loggers.http_grpc", "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig"),
    (
        "envoy.access_loggers.open_telemetry",
        "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
    ),
    ("envoy.access_loggers.stats", "envoy.extensions.access_loggers.stats.v3.Config"),
    ("envoy.access_loggers.stderr", "envoy.extensions.access_loggers.stream.v3.StderrAccessLog"),
    ("envoy.access_loggers.stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"),
    ("envoy.access_loggers.tcp_grpc", "envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig"),
    ("envoy.access_loggers.wasm", "envoy.extensions.access_loggers.wasm.v3.WasmAccessLog"),
];

/// Transport sockets of filter chains.
const DOWNSTREAM_SOCKETS: &[(&str, &str)] = &[
    ("envoy.transport_sockets.alts", "envoy.extensions.transport_sockets.alts.v3.Alts"),
    (
        "envoy.transport_sockets.dynamic_modules",
        "envoy.extensions.transport_sockets.dynamic_modules.v3.DynamicModuleTransportSocket",
    ),
    ("envoy.transport_sockets.quic", "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"),
    ("envoy.transport_sockets.raw_buffer", "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
    ("envoy.transport_sockets.starttls", "envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig"),
    ("envoy.transport_sockets.tap", "envoy.extensions.transport_sockets.tap.v3.Tap"),
    ("envoy.transport_sockets.tcp_stats", "envoy.extensions.transport_sockets.tcp_stats.v3.Config"),
    ("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
];

/// Transport sockets of clusters.
const UPSTREAM_SOCKETS: &[(&str, &str)] = &[
    ("envoy.transport_sockets.alts", "envoy.extensions.transport_sockets.alts.v3.Alts"),
    (
        "envoy.transport_sockets.dynamic_modules",
        "envoy.extensions.transport_sockets.dynamic_modules.v3.DynamicModuleTransportSocket",
    ),
    (
        "envoy.transport_sockets.http_11_proxy",
        "envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport",
    ),
    (
        "envoy.transport_sockets.internal_upstream",
        "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport",
    ),
    ("envoy.transport_sockets.quic", "envoy.extensions.transport_sockets.quic.v3.QuicUpstreamTransport"),
    ("envoy.transport_sockets.raw_buffer", "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
    (
        "envoy.transport_sockets.starttls",
        "envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig",
    ),
    ("envoy.transport_sockets.tap", "envoy.extensions.transport_sockets.tap.v3.Tap"),
    ("envoy.transport_sockets.tcp_stats", "envoy.extensions.transport_sockets.tcp_stats.v3.Config"),
    ("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
    (
        "envoy.transport_sockets.upstream_proxy_protocol",
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Message;

    #[test]
    fn every_type_stands_in_the_schema() {
        for name in type_names() {
            assert!(Message::find(name).is_some(), "{name}");
        }
        for name in ABSENT {
            assert!(Message::find(name).is_none(), "{name}");
        }
        for (category, old, today) in OLD_NAMES {
            assert!(category.names().any(|name| name == *today), "{today}");
            assert!(category.type_of(old).is_some());
        }
    }

    #[test]
    fn names_of_old_and_today_find_the_type() {
        let router = "envoy.extensions.filters.http.router.v3.Router";
        assert_eq!(Category::HttpFilter.type_of("envoy.router"), Some(router));
        assert_eq!(Category::HttpFilter.type_of("envoy.filters.http.router"), Some(router));
        assert_eq!(Category::HttpFilter.type_of("router"), None);
        assert_eq!(Category::HttpFilter.name_of(router), Some("envoy.filters.http.router"));
        assert!(guards_requests("envoy.extensions.filters.http.rbac.v3.RBAC"));
        assert!(!guards_requests(router));
    }
}
