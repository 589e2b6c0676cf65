//! Clusters and their endpoints.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    AgentCheck, BindConfig, EndpointAddress, HashRule, HeaderKeyFormat, HeaderName, HealthCheck,
    Http2Options, LbPolicy, LocalityLb, Metadata, OriginalDst, OutlierDetection, ResponsePredicate,
    SourcePosition, SubsetConfig, TlvEntry, TransportSocketMatch, UpstreamSocket,
};

/// `config.cluster.v3.Cluster`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name, unique in the file.
    pub name: Arc<str>,
    /// The name in statistics (`alt_stat_name`), the name itself unless set.
    pub stat_name: Arc<str>,
    /// How endpoints become addresses.
    pub kind: ClusterType,
    /// Time to make a connection; 5 s unless set, never 0.
    pub connect_timeout: Duration,
    /// Bytes of a body that are read from a back-end at once, and so held until the client takes them;
    /// rounded up to one of the sizes that buffers have. 1 MiB unless set, which is more than they ever
    /// have, and so is 0.
    pub per_connection_buffer_limit_bytes: u32,
    /// How a host is chosen.
    pub lb_policy: LbPolicy,
    /// What it hashes of a request; where this is empty, what the route says (`hash_policy` of
    /// `ConsistentHashingLbConfig`).
    pub hash_policy: Vec<HashRule>,
    /// What localities have to do with it.
    pub locality_lb: LocalityLb,
    /// How hosts are divided, so that routes can ask for some of them.
    pub subsets: Option<Arc<SubsetConfig>>,
    /// Endpoints, by locality.
    pub localities: Vec<LocalityEndpoints>,
    /// `load_assignment.policy.overprovisioning_factor`, in per cent; 140 unless set.
    pub overprovisioning_factor: u32,
    /// Active health checks; all have to pass.
    pub health_checks: Vec<HealthCheck>,
    /// Hosts that fail requests are taken out of use (`outlier_detection`).
    pub outlier_detection: Option<OutlierDetection>,
    /// Agents beside its hosts say how much of the traffic each should get (metadata `causeway`).
    pub agent_check: Option<Arc<AgentCheck>>,
    /// Limits.
    pub circuit_breakers: CircuitBreakers,
    /// HTTP towards the back-ends.
    pub http: ClusterHttpOptions,
    /// Below this share of healthy hosts, in per cent, health is ignored
    /// (`common_lb_config.healthy_panic_threshold`); 50 unless set, 0 never.
    pub healthy_panic_threshold: f64,
    /// `common_lb_config.ignore_new_hosts_until_first_hc`: hosts of `STRICT_DNS` clusters do not count for the share of
    /// healthy ones before their first check is answered.
    pub ignore_new_hosts_until_first_health_check: bool,
    /// `common_lb_config.close_connections_on_host_set_change`.
    pub close_connections_on_host_set_change: bool,
    /// In panic there is no answer but a refusal (`zone_aware_lb_config.fail_traffic_on_panic`).
    pub fail_traffic_on_panic: bool,
    /// `wait_for_warm_on_init`, true unless set: listeners open only once the cluster is warm.
    pub wait_for_warm_on_init: bool,
    /// `upstream_connection_options.tcp_keepalive`.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Where connections come from (`upstream_bind_config`, `cluster_manager.upstream_bind_config`).
    pub upstream_bind_config: Option<Arc<BindConfig>>,
    /// What is spoken below HTTP (`transport_socket`).
    pub transport_socket: UpstreamSocket,
    /// What is spoken instead with endpoints whose metadata says so (`transport_socket_matches`): the first
    /// that fits.
    pub transport_socket_matches: Vec<TransportSocketMatch>,
    /// Whether it is counted how much of their time requests take (`track_cluster_stats.timeout_budgets`,
    /// `track_timeout_budgets`).
    pub track_timeout_budgets: bool,
    /// Whether sizes of requests and responses are counted (`track_cluster_stats.request_response_sizes`).
    pub track_request_response_sizes: bool,
    /// `metadata`.
    pub metadata: Metadata,
}

/// `Cluster.type`, with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterType {
    /// Addresses are written in the file.
    Static,
    /// Every address of every name is a host.
    StrictDns(DnsOptions),
    /// One host, whose address is the first the name has at the moment.
    LogicalDns(DnsOptions),
    /// It has no hosts of its own, but those of these clusters: of the next where those before it can't take everything
    /// (`extensions.clusters.aggregate.v3.ClusterConfig`).
    Aggregate(Vec<Arc<str>>),
    /// Its hosts are the addresses that requests and connections say they are for.
    OriginalDst(Box<OriginalDst>),
}

/// How names are looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsOptions {
    /// Time from one answer to the next question; 5 s unless set.
    pub refresh_rate: Duration,
    /// A random part of up to this much is added (`dns_jitter`).
    pub jitter: Duration,
    /// After failures: first and longest time to the next question, doubling in between, of which up to
    /// half is taken off at random (`dns_failure_refresh_rate`); `None` means `refresh_rate`.
    pub failure_refresh_rate: Option<(Duration, Duration)>,
    /// Whether the answer's TTL replaces `refresh_rate` (`respect_dns_ttl`).
    pub respect_ttl: bool,
    /// Which addresses to ask for.
    pub lookup_family: DnsLookupFamily,
    /// Whom to ask.
    pub resolver: DnsResolver,
}

/// `Cluster.DnsLookupFamily`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DnsLookupFamily {
    /// IPv6, and IPv4 where there is none.
    #[default]
    Auto,
    /// IPv4 only.
    V4Only,
    /// IPv6 only.
    V6Only,
    /// IPv4, and IPv6 where there is none.
    V4Preferred,
    /// Both.
    All,
}

/// Whom to ask for addresses (`typed_dns_resolver_config`, `dns_resolvers`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsResolver {
    /// Name servers; those of the system (`/etc/resolv.conf`) where empty.
    pub servers: Vec<SocketAddr>,
    /// Ask by TCP (`use_tcp_for_dns_lookups`).
    pub use_tcp: bool,
    /// Do not append the system's search domains (`no_default_search_domain`).
    pub no_default_search_domain: bool,
    /// Time for one try; the resolver's own unless set.
    pub query_timeout: Option<Duration>,
    /// Number of tries; the resolver's own unless set.
    pub query_tries: Option<u32>,
}

/// `config.endpoint.v3.LocalityLbEndpoints`.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalityEndpoints {
    /// Where these endpoints are.
    pub locality: Locality,
    /// 0 is used first.
    pub priority: u32,
    /// Its weight among the localities of its priority, where those have weights (`load_balancing_weight`); 0 unless
    /// set, and then it is not used where they do.
    pub weight: u32,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// `config.core.v3.Locality`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    /// Region.
    pub region: Box<str>,
    /// Zone in the region.
    pub zone: Box<str>,
    /// Part of the zone.
    pub sub_zone: Box<str>,
}

/// `config.endpoint.v3.LbEndpoint`.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its address, or the name that has to be looked up.
    pub address: EndpointAddress,
    /// `endpoint.hostname`; for a name that was looked up, the name, unless set.
    pub hostname: Box<str>,
    /// Relative weight, at least 1.
    pub weight: u32,
    /// What the file says of its health.
    pub health_status: HealthStatus,
    /// `health_check_config.port_value`: checks go to this port.
    pub health_check_port: Option<u16>,
    /// `health_check_config.hostname`: `Host` of the check.
    pub health_check_hostname: Box<str>,
    /// `health_check_config.address`: checks go to this address.
    pub health_check_address: Option<SocketAddr>,
    /// `health_check_config.disable_active_health_check`.
    pub disable_active_health_check: bool,
    /// TLVs of PROXY headers to this endpoint (`metadata.typed_filter_metadata`, `PerHostConfig`); they take the
    /// place of those of the same type that are sent to all.
    pub proxy_protocol_tlvs: Vec<TlvEntry>,
    /// `metadata`.
    pub metadata: Metadata,
}

/// `config.core.v3.HealthStatus`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HealthStatus {
    /// Not said: healthy until a check says otherwise.
    #[default]
    Unknown,
    /// Healthy.
    Healthy,
    /// Not to be used.
    Unhealthy,
    /// On its way out; not to be used.
    Draining,
    /// Its management server timed out; not to be used.
    Timeout,
    /// To be used where nothing better is left.
    Degraded,
}

/// `config.cluster.v3.CircuitBreakers`, per routing priority.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CircuitBreakers {
    /// For `DEFAULT`.
    pub default: Thresholds,
    /// For `HIGH`.
    pub high: Thresholds,
}

/// `CircuitBreakers.Thresholds`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Connections to the cluster; 1024 unless set. Where it is reached, one connection is still
    /// allowed if there is none at all.
    pub max_connections: u32,
    /// Requests waiting for a connection; 1024 unless set.
    pub max_pending_requests: u32,
    /// Requests at once; 1024 unless set.
    pub max_requests: u32,
    /// Retries at once; 3 unless set.
    pub max_retries: u32,
    /// What holds in place of `max_retries`.
    pub retry_budget: Option<RetryBudget>,
    /// Whether `remaining_*` gauges are kept (`track_remaining`).
    pub track_remaining: bool,
}

/// `CircuitBreakers.Thresholds.RetryBudget`: retries as a share of the requests that are running or wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudget {
    /// Per cent; 20 unless set.
    pub percent: f64,
    /// So many are always allowed; 3 unless set.
    pub min_concurrency: u32,
}

impl RetryBudget {
    /// How many retries there may be with so many requests.
    #[must_use]
    pub fn limit(&self, requests: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest number that fits, and a share is cut to whole requests"
        )]
        let share = (self.percent / 100.0 * f64::from(requests)) as u32;
        share.max(self.min_concurrency)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending_requests: 1024,
            max_requests: 1024,
            max_retries: 3,
            retry_budget: None,
            track_remaining: false,
        }
    }
}

/// HTTP towards the back-ends (`extensions.upstreams.http.v3.HttpProtocolOptions` and the deprecated
/// fields of `Cluster`).
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterHttpOptions {
    /// What is spoken with them.
    pub protocol: UpstreamProtocol,
    /// Idle connections are closed after this time; 1 h unless set, `None` never.
    pub idle_timeout: Option<Duration>,
    /// Connections are not used any more after this time (`max_connection_duration`).
    pub max_connection_duration: Option<Duration>,
    /// Requests on one connection (`max_requests_per_connection`); `None` without limit.
    pub max_requests_per_connection: Option<u32>,
    /// A request may take this long (`max_stream_duration`).
    pub max_stream_duration: Option<Duration>,
    /// Fields of a response's head; 100 unless set.
    pub max_headers_count: u32,
    /// Bytes of a response's head, in KiB; 80 unless set.
    pub max_response_headers_kb: u32,
    /// The same in HTTP/2; 60 unless set.
    pub max_response_headers_kb_of_http2: u32,
    /// How header names are written to the back-end.
    pub header_key_format: HeaderKeyFormat,
    /// Whether trailers are passed (`enable_trailers`).
    pub enable_trailers: bool,
    /// Whether requests are sent with a whole URL rather than a path (`send_fully_qualified_url`).
    pub send_fully_qualified_url: bool,
    /// The name of the server, out of the request (`upstream_http_protocol_options`).
    pub server_name: ServerNameOptions,
    /// Which answers are failures for outlier detection, whatever their status (`outlier_detection.error_matcher`), but
    /// for calls of gRPC; `None` for those of 5xx.
    pub error_matcher: Option<Box<ResponsePredicate>>,
    /// Where they are written.
    pub written: HttpOptionsForm,
}

/// Where HTTP options of a cluster are written, for whoever wants to change one of them.
///
/// Any two compare equal, as positions do: a cluster that is only written otherwise is the same cluster.
#[derive(Debug, Clone, Default)]
pub enum HttpOptionsForm {
    /// Nowhere.
    #[default]
    Unset,
    /// In the cluster itself, in the fields that `HttpProtocolOptions` took the place of.
    Cluster,
    /// In the `HttpProtocolOptions` there.
    Message(SourcePosition),
}

impl PartialEq for HttpOptionsForm {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// `config.core.v3.UpstreamHttpProtocolOptions`: TLS by what the request says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerNameOptions {
    /// Whether the host of the request is the name to ask for (`auto_sni`).
    pub auto_sni: bool,
    /// Whether the certificate has to bear that name (`auto_san_validation`).
    pub auto_san_validation: bool,
    /// The field that has the name, where it is there (`override_auto_sni_header`); the host otherwise.
    pub header: Option<HeaderName>,
}

/// What is spoken with back-ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, without asking (`explicit_http_config.http2_protocol_options`).
    Http2(Box<Http2Options>),
    /// What the client speaks (`use_downstream_protocol_config`); the settings are for HTTP/2.
    Downstream(Box<Http2Options>),
    /// What the back-end chooses by ALPN, HTTP/1.1 where it chooses nothing (`auto_config`); the settings are for
    /// HTTP/2.
    Auto(Box<Http2Options>),
}

impl UpstreamProtocol {
    /// The settings of HTTP/2, where it may be spoken.
    #[must_use]
    pub fn http2(&self) -> Option<&Http2Options> {
        match self {
            Self::Http1 => None,
            Self::Http2(options) | Self::Downstream(options) | Self::Auto(options) => Some(options),
        }
    }
}

impl Default for ClusterHttpOptions {
    fn default() -> Self {
        Self {
            protocol: UpstreamProtocol::Http1,
            idle_timeout: Some(Duration::from_secs(3600)),
            max_connection_duration: None,
            max_requests_per_connection: None,
            max_stream_duration: None,
            max_headers_count: 100,
            max_response_headers_kb: 80,
            max_response_headers_kb_of_http2: 60,
            header_key_format: HeaderKeyFormat::LowerCase,
            enable_trailers: false,
            send_fully_qualified_url: false,
            server_name: ServerNameOptions::default(),
            error_matcher: None,
            written: HttpOptionsForm::Unset,
        }
    }
}

/// `config.core.v3.TcpKeepalive`; what is not set is the system's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// Probes without an answer before the connection is dead.
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    pub time: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}
