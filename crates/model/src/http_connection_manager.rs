//! The HTTP connection manager.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    AccessLog, AccessLogOptions, CidrSet, HeaderMutation, HeaderName, Http2Options, HttpFilter,
    LocalReplyConfig, RouteConfiguration, SourcePosition, StringMatcher, UpstreamLogOptions,
};

/// `extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.
///
/// A timeout that is `None` is off.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of the Envoy message")]
pub struct HttpConnectionManager {
    /// When lines are written beside the one at the end (`access_log_options`).
    pub access_log_options: AccessLogOptions,
    /// Whether an answer of the overload manager says so in `x-envoy-local-overloaded` (`append_local_overload`).
    pub append_local_overload: bool,
    /// Logs with a line for each attempt to have a back-end answer (`Router.upstream_log`).
    pub upstream_logs: Vec<AccessLog>,
    /// When those get other lines (`Router.upstream_log_options`).
    pub upstream_log_options: UpstreamLogOptions,
    /// Whether it is counted how often routes are looked for, and how long that takes
    /// (`record_route_resolution_stats`).
    pub record_route_resolution_stats: bool,
    /// Where it is written.
    pub position: SourcePosition,
    /// First part of its statistics: `http.<stat_prefix>.`.
    pub stat_prefix: Arc<str>,
    /// What clients may speak.
    pub codec_type: CodecType,
    /// The route table.
    pub route_config: Arc<RouteConfiguration>,
    /// Filters in front of the router.
    pub http_filters: Vec<HttpFilter>,
    /// Whether the chain ends in a router. Without one, Envoy lets requests hang; here they are
    /// answered as if no route matched, and loading warns.
    pub has_router: bool,
    /// The router does not start an upstream request's headers with `x-envoy-*` and leaves them out of
    /// responses (`Router.suppress_envoy_headers`).
    pub suppress_envoy_headers: bool,
    /// `x-envoy-*` fields whose values have to be valid, or the request is refused
    /// (`Router.strict_check_headers`).
    pub strict_check_headers: Vec<HeaderName>,
    /// `x-envoy-expected-rq-timeout-ms` of a request is its timeout (`Router.respect_expected_rq_timeout`).
    pub respect_expected_rq_timeout: bool,
    /// The status codes of gRPC requests are not counted
    /// (`Router.suppress_grpc_request_failure_code_stats`).
    pub suppress_grpc_code_stats: bool,
    /// Whether the router counts per status code (`Router.dynamic_stats`, true unless set).
    pub dynamic_stats: bool,
    /// Access logs.
    pub access_logs: Vec<AccessLog>,

    /// `server` of responses; `envoy` unless set.
    pub server_name: Box<str>,
    /// What happens to the back-end's `server`.
    pub server_header_transformation: ServerHeaderTransformation,
    /// `x-forwarded-proto` is overwritten with this.
    pub scheme_transformation: Option<SchemeTransformation>,
    /// Appended to `via` of requests and responses; empty leaves it alone.
    pub via: Box<str>,
    /// `user-agent` is overwritten and `x-envoy-downstream-service-cluster` set (`add_user_agent`).
    pub add_user_agent: bool,

    /// The client is the other end of the connection (`use_remote_address`): this proxy is the edge.
    pub use_remote_address: bool,
    /// Trusted proxies in front (`xff_num_trusted_hops`).
    pub xff_num_trusted_hops: u32,
    /// Do not append to `x-forwarded-for` (`skip_xff_append`).
    pub skip_xff_append: bool,
    /// Other ways to find the client's address; the first that finds one wins.
    pub original_ip_detection: Vec<OriginalIpDetection>,
    /// Peers that count as internal (`internal_address_config`).
    pub internal_addresses: CidrSet,
    /// Unix socket peers count as internal (`internal_address_config.unix_sockets`).
    pub internal_unix_sockets: bool,
    /// Sets `x-forwarded-port` (`append_x_forwarded_port`).
    pub append_x_forwarded_port: bool,
    /// What becomes of `x-forwarded-client-cert` (`forward_client_cert_details`).
    pub forward_client_cert: ForwardClientCert,
    /// What is said of the client's certificate in it (`set_current_client_cert_details`).
    pub client_cert_details: ClientCertDetails,
    /// Changes to requests before anything else is done with them (`early_header_mutation_extensions`).
    pub early_header_mutations: Vec<Vec<HeaderMutation>>,

    /// Makes `x-request-id` (`generate_request_id`, true unless set).
    pub generate_request_id: bool,
    /// Keeps a client's `x-request-id` at the edge (`preserve_external_request_id`).
    pub preserve_external_request_id: bool,
    /// Sends `x-request-id` back (`always_set_request_id_in_response`).
    pub always_set_request_id_in_response: bool,

    /// Path rules.
    pub path: PathNormalization,
    /// What happens to a port in `Host`.
    pub strip_port: StripPort,
    /// Removes a final dot of `Host` (`strip_trailing_host_dot`).
    pub strip_trailing_host_dot: bool,
    /// What happens to header names with `_`.
    pub headers_with_underscores: UnderscoreAction,

    /// Largest head of a request in KiB; 60 unless set, at most 8192.
    pub max_request_headers_kb: u32,
    /// Most fields of a request's head; 100 unless set.
    pub max_headers_count: u32,
    /// Connections without a request are closed after this time; 1 h unless set.
    pub idle_timeout: Option<Duration>,
    /// Connections are drained after this time.
    pub max_connection_duration: Option<Duration>,
    /// Most that is added to that at random (`max_connection_duration_jitter`, a percentage of it).
    pub max_connection_duration_jitter: Duration,
    /// An old connection is not closed while it is idle: its next response says that it ends
    /// (`http1_safe_max_connection_duration`).
    pub safe_max_connection_duration: bool,
    /// Requests on one connection.
    pub max_requests_per_connection: Option<u32>,
    /// A request may take this long (`common_http_protocol_options.max_stream_duration`).
    pub max_stream_duration: Option<Duration>,
    /// A request on which nothing moves ends after this time; 5 min unless set.
    pub stream_idle_timeout: Option<Duration>,
    /// A client of HTTP/2 has this time to take the end of a response (`stream_flush_timeout`); `stream_idle_timeout`
    /// unless set.
    pub stream_flush_timeout: Option<Duration>,
    /// The whole request has to arrive within this time.
    pub request_timeout: ArrivalTimeout,
    /// The request's head has to arrive within this time.
    pub request_headers_timeout: ArrivalTimeout,
    /// A draining connection is closed after this time; 5 s unless set.
    pub drain_timeout: Duration,
    /// Most that is added to that at random (`drain_timeout_jitter`, a percentage of it).
    pub drain_timeout_jitter: Duration,
    /// A connection closed by us waits this long for the client to close; 1 s unless set, 0 never.
    pub delayed_close_timeout: Duration,

    /// HTTP/1 towards clients.
    pub http1: Http1Options,
    /// HTTP/2 towards clients.
    pub http2: Arc<Http2Options>,
    /// `Expect: 100-continue` is passed on rather than answered here (`proxy_100_continue`).
    pub proxy_100_continue: bool,
    /// Upgrades that are allowed.
    pub upgrades: Vec<UpgradeConfig>,
    /// What local replies look like.
    pub local_reply: LocalReplyConfig,
    /// Whether and how `proxy-status` says what went wrong (RFC 9209).
    pub proxy_status: Option<ProxyStatus>,
}

/// `proxy_status_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyStatus {
    /// Who says it.
    pub name: ProxyName,
    /// Leaves out what happened (`remove_details`).
    pub remove_details: bool,
    /// Leaves out the flags of the access log (`remove_response_flags`).
    pub remove_response_flags: bool,
    /// Answers with the status that RFC 9209 recommends (`set_recommended_response_code`).
    pub set_recommended_response_code: bool,
}

/// What a proxy calls itself in `proxy-status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyName {
    /// As in `server`.
    Server,
    /// `node.id` (`use_node_id`).
    NodeId,
    /// This (`literal_proxy_name`).
    Literal(Box<str>),
}

/// How long a client may take to send something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ArrivalTimeout {
    /// The file does not say: Causeway's own limit holds (`docs/differences.md`).
    #[default]
    Unset,
    /// For ever (`0s`).
    Off,
    /// So long.
    Within(Duration),
}

impl ArrivalTimeout {
    /// The time that the file sets.
    #[must_use]
    pub const fn set(self) -> Option<Duration> {
        match self {
            Self::Within(time) => Some(time),
            Self::Unset | Self::Off => None,
        }
    }
}

/// What clients may speak (`codec_type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CodecType {
    /// What the first bytes say.
    #[default]
    Auto,
    /// HTTP/1 only.
    Http1,
    /// HTTP/2 only, without asking.
    Http2,
}

/// `server_header_transformation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerHeaderTransformation {
    /// `server_name`, always.
    #[default]
    Overwrite,
    /// The back-end's, or `server_name`.
    AppendIfAbsent,
    /// The back-end's, or none.
    PassThrough,
}

/// `scheme_header_transformation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemeTransformation {
    /// `http` or `https`.
    Overwrite(Box<str>),
    /// That of the upstream transport.
    MatchUpstream,
}

/// `original_ip_detection_extensions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginalIpDetection {
    /// `x-forwarded-for`.
    Xff {
        /// Trusted proxies in front.
        trusted_hops: u32,
        /// Proxies whose addresses are passed over from the right (`xff_trusted_cidrs`).
        trusted_cidrs: Option<CidrSet>,
        /// Do not append to it.
        skip_append: bool,
    },
    /// A header that holds the address.
    CustomHeader {
        /// The header.
        name: HeaderName,
        /// The address counts as trusted, so the request may count as internal.
        trusted: bool,
        /// Answer this status where the header holds no address (`reject_with_status`).
        reject_with_status: Option<u16>,
    },
}

/// Path rules. Matching and the back-end see the same result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathNormalization {
    /// RFC 3986 normalisation (`normalize_path`).
    pub normalize: bool,
    /// `//` becomes `/` (`merge_slashes`).
    pub merge_slashes: bool,
    /// What happens to `%2F` and `%5C`.
    pub escaped_slashes: EscapedSlashesAction,
}

/// `path_with_escaped_slashes_action`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EscapedSlashesAction {
    /// They stay.
    #[default]
    KeepUnchanged,
    /// 400.
    RejectRequest,
    /// 307 to the path with them unescaped.
    UnescapeAndRedirect,
    /// They are unescaped.
    UnescapeAndForward,
}

/// What happens to a port in `Host`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StripPort {
    /// It stays.
    #[default]
    No,
    /// It goes where it is the listener's own (`strip_matching_host_port`).
    Matching,
    /// It goes (`strip_any_host_port`).
    Any,
}

/// `headers_with_underscores_action`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnderscoreAction {
    /// They pass.
    #[default]
    Allow,
    /// 400.
    RejectRequest,
    /// The field is dropped.
    DropHeader,
}

/// HTTP/1 towards clients (`http_protocol_options`).
#[derive(Debug, Clone, PartialEq)]
pub struct Http1Options {
    /// `GET http://host/path` is understood (`allow_absolute_url`, true unless set).
    pub allow_absolute_url: bool,
    /// HTTP/1.0 is served.
    pub accept_http_10: bool,
    /// Stands for a missing `Host` of HTTP/1.0.
    pub default_host_for_http_10: Box<str>,
    /// How header names are written to the client.
    pub header_key_format: HeaderKeyFormat,
    /// Trailers are passed on.
    pub enable_trailers: bool,
    /// Where both are there, `Content-Length` is dropped and `Transfer-Encoding` believed.
    pub allow_chunked_length: bool,
    /// A request that is refused leaves the connection open where its end is known
    /// (`override_stream_error_on_invalid_http_message`, `stream_error_on_invalid_http_message`).
    pub stream_error_on_invalid_message: bool,
    /// Any token is a method (`allow_custom_methods`).
    pub allow_custom_methods: bool,
    /// Upgrades that are passed over as if nobody had asked for them (`ignore_http_11_upgrade`).
    pub ignored_upgrades: Vec<StringMatcher>,
}

impl Default for Http1Options {
    fn default() -> Self {
        Self {
            allow_absolute_url: true,
            accept_http_10: false,
            default_host_for_http_10: "".into(),
            header_key_format: HeaderKeyFormat::LowerCase,
            enable_trailers: false,
            allow_chunked_length: false,
            stream_error_on_invalid_message: false,
            allow_custom_methods: false,
            ignored_upgrades: Vec::new(),
        }
    }
}

/// How header names are written (`header_key_format`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeaderKeyFormat {
    /// `content-type`.
    #[default]
    LowerCase,
    /// `Content-Type` (`proper_case_words`).
    ProperCaseWords,
    /// As they arrived (`preserve_case`).
    PreserveCase,
}

/// `UpgradeConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpgradeConfig {
    /// `websocket`, in lower case; compared without case.
    pub upgrade_type: Box<str>,
    /// Whether it is on for routes that do not say otherwise.
    pub enabled: bool,
    /// Filters in front of the router for these requests, in place of those of the connection manager; `None`
    /// leaves those.
    pub filters: Option<Vec<HttpFilter>>,
}

impl HttpConnectionManager {
    /// The filters of every chain that a request may come through: its own, and those of upgrades.
    pub fn filters(&self) -> impl Iterator<Item = &HttpFilter> {
        let upgrades = self.upgrades.iter().filter_map(|upgrade| upgrade.filters.as_ref()).flatten();
        self.http_filters.iter().chain(upgrades)
    }
}

/// `HttpConnectionManager.ForwardClientCertDetails`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardClientCert {
    /// It is not passed on.
    #[default]
    Sanitize,
    /// It is passed on where the client has shown a certificate.
    ForwardOnly,
    /// The same, and what is known of this client is put behind it.
    AppendForward,
    /// It says what is known of this client.
    SanitizeSet,
    /// It is passed on, whoever the client is.
    AlwaysForwardOnly,
}

/// `HttpConnectionManager.SetCurrentClientCertDetails`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCertDetails {
    /// Whom the certificate is about.
    pub subject: bool,
    /// The certificate.
    pub cert: bool,
    /// All certificates that the client has shown.
    pub chain: bool,
    /// Its names of servers.
    pub dns: bool,
    /// Its URIs.
    pub uri: bool,
}
