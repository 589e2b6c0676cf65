//! What a listener, a route, a cluster *is*.
//!
//! The front-ends (`causeway-envoy`, later `causeway-haproxy`) translate what people wrote into these
//! types; the data plane sees nothing else. Everything here is validated: defaults are filled in,
//! names that must resolve do resolve, regular expressions are compiled. Nothing here knows where it
//! came from, beyond a [`SourcePosition`].
//!
//! Names and defaults are Envoy's; the doc of each field names the Envoy field it stands for. Two
//! values that compare equal behave alike, so a reload replaces only what differs: source positions
//! always compare equal.

mod access_log;
mod address;
mod agent_check;
mod bind;
mod bootstrap;
mod cluster;
mod filter;
mod filter_chain;
mod hash_policy;
mod headers;
mod health_check;
mod http2;
mod http_connection_manager;
mod internal_redirect;
mod listener;
mod listener_filter;
mod load_balancing;
mod local_reply;
mod matcher;
mod mirror;
mod network_filter;
mod original_dst;
mod outlier;
mod overload;
mod response_predicate;
mod retry;
mod route;
mod runtime;
mod shadow;
mod source;
mod tcp_proxy;
mod template;
mod tls;
mod tls_fact;
mod upstream_socket;
mod value;

pub use access_log::{
    AccessLog, AccessLogFilter, AccessLogFormat, AccessLogOptions, AccessLogSink, Comparison, ComparisonOp,
    UpstreamLogOptions,
};
pub use address::{Address, CidrRange, CidrSet, EndpointAddress};
pub use agent_check::AgentCheck;
pub use bind::{BindConfig, SourceAddress};
pub use bootstrap::{Admin, ApplicationLogFormat, Bootstrap, Node, StatsMatcher, StatsReceiver, StatsSink};
pub use cluster::{
    CircuitBreakers, Cluster, ClusterHttpOptions, ClusterType, DnsLookupFamily, DnsOptions, DnsResolver,
    Endpoint, HealthStatus, HttpOptionsForm, Locality, LocalityEndpoints, RetryBudget, ServerNameOptions,
    TcpKeepalive, Thresholds, UpstreamProtocol,
};
pub use filter::{
    Cors, CorsPolicy, FilterConfig, FilterSettings, HealthCheckFilter, HttpFilter, MessageMutations,
    PerFilterConfig, QueryMutation,
};
pub use filter_chain::{DownstreamSocket, FilterChain, FilterChainMatch, NetworkFilter, SourceType};
pub use hash_policy::{HashRule, HashSource};
pub use headers::{
    AppendAction, HeaderMutation, HeaderMutations, HeaderName, HeaderValueOption, InvalidHeaderName,
};
pub use health_check::{
    GrpcHealthCheck, HealthCheck, HealthChecker, HttpHealthCheck, StatusRange, TcpHealthCheck,
};
pub use http_connection_manager::{
    ArrivalTimeout, ClientCertDetails, CodecType, EscapedSlashesAction, ForwardClientCert, HeaderKeyFormat,
    Http1Options, HttpConnectionManager, OriginalIpDetection, PathNormalization, ProxyName, ProxyStatus,
    SchemeTransformation, ServerHeaderTransformation, StripPort, UnderscoreAction, UpgradeConfig,
};
pub use http2::{Http2Keepalive, Http2Options};
pub use internal_redirect::{InternalRedirectPolicy, RedirectPredicate};
pub use listener::{DrainType, Listener, SocketOption, SocketState, TrafficDirection};
pub use listener_filter::{
    ConnectionPredicate, ListenerFilter, ListenerFilterKind, OriginalSrc, PROXY_PROTOCOL_TLV, ProxyProtocol,
    TlsInspector, TlvEncoding, TlvLocation, TlvRule,
};
pub use load_balancing::{
    HashFunction, LbPolicy, LeastRequest, LocalityBasis, LocalityLb, Maglev, RingHash, RoundRobin, SlowStart,
    SubsetConfig, SubsetCriteria, SubsetFallback, SubsetSelector, ZoneAware,
};
pub use local_reply::{BodyFormat, LocalReplyConfig, LocalReplyMapper};
pub use matcher::{
    CookieMatcher, HeaderMatch, HeaderMatcher, QueryParameterMatcher, Regex, StringMatch, StringMatcher,
    ValueMatch, cookie,
};
pub use mirror::MirrorPolicy;
pub use network_filter::{ConnectionLimit, ConnectionRateLimit, NetworkGate, RuntimeFlag, TokenBucket};
pub use original_dst::{MetadataKey, OriginalDst};
pub use outlier::{Consecutive, FailurePercentage, OutlierDetection, SuccessRate};
pub use overload::{
    LoadShedPoint, LoadShedPointKind, OverloadAction, OverloadActionKind, OverloadManager, Resource,
    ResourceMonitor, ScaledTimer, TimerLeast, TimerType, Trigger, TriggerCurve,
};
pub use response_predicate::ResponsePredicate;
pub use retry::{HostPredicate, RateLimitedBackOff, ResetHeader, RetryOn, RetryPolicy};
pub use route::{
    CertificateMatch, ClusterName, ClusterSpecifier, ConnectConfig, DirectResponse, FilterStateMatcher,
    GrpcTimeout, HostRewrite, MaxStreamDuration, MoreConditions, PathMatch, PathRedirect, PathRewrite,
    Redirect, RequireTls, Route, RouteAction, RouteConfiguration, RouteForward, RouteMatch, RouteUpgrade,
    RoutingPriority, UriTemplateSegment, VirtualCluster, VirtualHost, WeightedCluster,
};
pub use runtime::{Runtime, RuntimeFraction, RuntimeLayer};
pub use shadow::RouteShadow;
pub use source::SourcePosition;
pub use tcp_proxy::{
    Backoff, TcpAccessLogOptions, TcpConnect, TcpHashPolicy, TcpProxy, TcpTarget, WeightedTcpCluster,
};
pub use template::{
    AddressPart, Attempted, DurationPoint, DurationUnit, FieldSection, FilterStateForm, HostSource,
    JsonTemplate, MetadataSource, NameSource, OffsetForm, Operator, OperatorKind, PathForm, Peer,
    RequestedServerName, Template, TemplatePart, TimeFormat, TimePart, TimeShape, TimeZone,
};
pub use tls::{
    CertificateValidation, CipherSuite, CommonTls, Curve, DataSource, DownstreamTls, NamedSecret,
    OcspStaplePolicy, SanKind, SanMatcher, Secret, SecretFile, SecretValue, SignatureAlgorithm,
    TlsCertificate, TlsParams, TlsVersion, UpstreamTls, Validation,
};
pub use tls_fact::TlsFact;
pub use upstream_socket::{
    PassThroughTlvs, ProxyProtocolConfig, ProxyProtocolUpstream, ProxyProtocolVersion, TlvEntry,
    TransportSocketMatch, UpstreamSocket,
};
pub use value::{Metadata, Value};
