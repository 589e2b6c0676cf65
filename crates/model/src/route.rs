//! Route tables.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    BodyFormat, HeaderMatcher, HeaderMutations, HeaderName, InternalRedirectPolicy, Metadata,
    PerFilterConfig, QueryParameterMatcher, Regex, RuntimeFraction, SourcePosition,
};

/// `config.route.v3.RouteConfiguration`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouteConfiguration {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name.
    pub name: Arc<str>,
    /// Virtual hosts.
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
    /// Changes to requests.
    pub request_headers: HeaderMutations,
    /// Changes to responses.
    pub response_headers: HeaderMutations,
    /// Headers that only internal requests may bring (`internal_only_headers`).
    pub internal_only_headers: Vec<HeaderName>,
    /// Where levels change the same header, the route's wins rather than this table's
    /// (`most_specific_header_mutations_wins`).
    pub most_specific_header_mutations_wins: bool,
    /// The port of the authority does not count in domain matching.
    pub ignore_port_in_host_matching: bool,
    /// `;parameters` of the path do not count in path matching.
    pub ignore_path_parameters_in_path_matching: bool,
    /// What filters are told here.
    pub per_filter: Vec<PerFilterConfig>,
}

/// `config.route.v3.VirtualHost`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VirtualHost {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name.
    pub name: Arc<str>,
    /// Domains in lower case: `a.com`, `*.a.com`, `a.*`, `*`.
    pub domains: Vec<Box<str>>,
    /// Routes; the first that matches wins.
    pub routes: Vec<Arc<Route>>,
    /// Whether plain requests are redirected to https.
    pub require_tls: RequireTls,
    /// Changes to requests.
    pub request_headers: HeaderMutations,
    /// Changes to responses.
    pub response_headers: HeaderMutations,
    /// What filters are told here.
    pub per_filter: Vec<PerFilterConfig>,
    /// Adds `x-envoy-attempt-count` to requests.
    pub include_request_attempt_count: bool,
    /// Adds `x-envoy-attempt-count` to responses.
    pub include_attempt_count_in_response: bool,
    /// `metadata`.
    pub metadata: Metadata,
}

/// `VirtualHost.TlsRequirementType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RequireTls {
    /// No.
    #[default]
    None,
    /// Where the request is not internal.
    ExternalOnly,
    /// Always.
    All,
}

/// `config.route.v3.Route`.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name, which may be empty.
    pub name: Arc<str>,
    /// Which requests it takes.
    pub matcher: RouteMatch,
    /// What happens to them.
    pub action: RouteAction,
    /// Changes to requests.
    pub request_headers: HeaderMutations,
    /// Changes to responses.
    pub response_headers: HeaderMutations,
    /// What filters are told here.
    pub per_filter: Vec<PerFilterConfig>,
    /// `metadata`.
    pub metadata: Metadata,
}

/// `config.route.v3.RouteMatch`: all conditions have to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteMatch {
    /// The path, without its query.
    pub path: PathMatch,
    /// Whether case matters in `path`; true unless set. Regular expressions are not touched by it.
    pub case_sensitive: bool,
    /// Header fields.
    pub headers: Vec<HeaderMatcher>,
    /// Query parameters.
    pub query_parameters: Vec<QueryParameterMatcher>,
    /// A share of requests.
    pub runtime_fraction: Option<RuntimeFraction>,
    /// Only gRPC requests (`grpc`).
    pub grpc: bool,
}

/// The path part of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// Begins with these characters.
    Prefix(Box<str>),
    /// Is this.
    Path(Box<str>),
    /// Is this, or begins with this and a slash.
    PathSeparatedPrefix(Box<str>),
    /// Matches as a whole.
    Regex(Regex),
    /// `path_match_policy` with a URI template, as the regular expression it stands for, whose named
    /// groups are the template's variables.
    UriTemplate {
        /// The template as it was written.
        template: Box<str>,
        /// What it stands for.
        regex: Regex,
        /// Its variables; the n-th is group n + 1.
        variables: Vec<Box<str>>,
    },
    /// A CONNECT request (`connect_matcher`).
    Connect,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteAction {
    /// It is sent on.
    Forward(Box<RouteForward>),
    /// It is redirected.
    Redirect(Box<Redirect>),
    /// It is answered.
    DirectResponse(Box<DirectResponse>),
}

/// `config.route.v3.RouteAction`.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteForward {
    /// Where to.
    pub cluster: ClusterSpecifier,
    /// Status where the cluster does not exist; 503 unless set (`cluster_not_found_response_code`).
    pub cluster_not_found_status: u16,
    /// Another path.
    pub path_rewrite: Option<PathRewrite>,
    /// Another host.
    pub host_rewrite: Option<HostRewrite>,
    /// Keeps the host it replaced in `x-forwarded-host` (`append_x_forwarded_host`).
    pub append_x_forwarded_host: bool,
    /// From the end of the request to the end of the response; 15 s unless set, `None` never.
    pub timeout: Option<Duration>,
    /// Nothing moves for this time; `None` leaves the connection manager's, zero is none at all.
    pub idle_timeout: Option<Duration>,
    /// `max_stream_duration` of the route.
    pub max_stream_duration: Option<MaxStreamDuration>,
    /// The deprecated `max_grpc_timeout` with `grpc_timeout_offset`: `grpc-timeout` of a gRPC request is its
    /// timeout, up to the first, less the second. Zero is without limit.
    pub max_grpc_timeout: Option<(Duration, Duration)>,
    /// Which circuit breakers count it.
    pub priority: RoutingPriority,
    /// Upgrades this route allows or forbids.
    pub upgrades: Vec<RouteUpgrade>,
    /// Tunnels end here: what is inside goes to the back-end as it is (`connect_config` of the upgrade
    /// CONNECT).
    pub connect: Option<ConnectConfig>,
    /// Redirects of the back-end that are followed here rather than by the client; `None` for none of them.
    pub internal_redirects: Option<InternalRedirectPolicy>,
}

/// `RouteAction.MaxStreamDuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxStreamDuration {
    /// A request may take this long; zero is without limit.
    pub max: Option<Duration>,
    /// `grpc-timeout` is honoured up to this; zero without limit; `None` not at all.
    pub grpc_timeout_header_max: Option<Duration>,
    /// Taken off the `grpc-timeout` that is honoured.
    pub grpc_timeout_header_offset: Duration,
}

/// Where a request is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterSpecifier {
    /// To this cluster.
    Cluster(Arc<str>),
    /// To the cluster this request header names.
    Header(HeaderName),
    /// To one of these, by weight.
    Weighted {
        /// The clusters.
        clusters: Vec<WeightedCluster>,
        /// Sum of the weights, at least 1.
        total: u64,
    },
}

/// `WeightedCluster.ClusterWeight`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// Name of the cluster.
    pub name: Arc<str>,
    /// Its weight; 0 is never chosen.
    pub weight: u32,
    /// Changes to requests.
    pub request_headers: HeaderMutations,
    /// Changes to responses.
    pub response_headers: HeaderMutations,
    /// Another host for this cluster (`host_rewrite_literal`).
    pub host_rewrite: Option<Box<str>>,
    /// What filters are told here.
    pub per_filter: Vec<PerFilterConfig>,
}

/// How the path is changed before it is sent on.
#[derive(Debug, Clone, PartialEq)]
pub enum PathRewrite {
    /// What matched is replaced by this (`prefix_rewrite`).
    Prefix(Box<str>),
    /// Every match of the expression is replaced (`regex_rewrite`); the query is not touched.
    Regex {
        /// The expression.
        regex: Regex,
        /// What stands in its place; `\1` is a group.
        substitution: Box<str>,
    },
    /// `path_rewrite_policy` with a URI template.
    UriTemplate(Vec<UriTemplateSegment>),
}

/// A piece of a URI template for rewriting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UriTemplateSegment {
    /// Text that stands for itself.
    Literal(Box<str>),
    /// A variable of the match, by its index in [`PathMatch::UriTemplate`].
    Variable(usize),
}

/// How the host is changed before it is sent on.
#[derive(Debug, Clone, PartialEq)]
pub enum HostRewrite {
    /// To this (`host_rewrite_literal`).
    Literal(Box<str>),
    /// To the endpoint's host name, where it has one (`auto_host_rewrite`).
    Auto,
    /// To the value of this request header (`host_rewrite_header`).
    Header(HeaderName),
    /// To the path with the expression replaced (`host_rewrite_path_regex`).
    PathRegex {
        /// The expression.
        regex: Regex,
        /// What stands in its place.
        substitution: Box<str>,
    },
}

/// `config.core.v3.RoutingPriority`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RoutingPriority {
    /// The usual.
    #[default]
    Default,
    /// Counted by breakers of its own.
    High,
}

/// `RouteAction.UpgradeConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUpgrade {
    /// `websocket`, in lower case.
    pub upgrade_type: Box<str>,
    /// Allowed or forbidden.
    pub enabled: bool,
}

/// `RouteAction.UpgradeConfig.ConnectConfig`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectConfig {
    /// The body of a POST is a tunnel as well (`allow_post`).
    pub allow_post: bool,
}

/// `config.route.v3.RedirectAction`.
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308; 301 unless set.
    pub status: u16,
    /// Another scheme (`https_redirect`, `scheme_redirect`).
    pub scheme: Option<Box<str>>,
    /// Another host.
    pub host: Option<Box<str>>,
    /// Another port.
    pub port: Option<u16>,
    /// Another path.
    pub path: Option<PathRedirect>,
    /// Leaves the query out.
    pub strip_query: bool,
}

/// How a redirect changes the path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathRedirect {
    /// Path, and query where it holds one.
    Path(Box<str>),
    /// What matched is replaced (`prefix_rewrite`).
    Prefix(Box<str>),
    /// Every match of the expression is replaced (`regex_rewrite`).
    Regex {
        /// The expression.
        regex: Regex,
        /// What stands in its place.
        substitution: Box<str>,
    },
}

/// `config.route.v3.DirectResponseAction`.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectResponse {
    /// Status, 200–599.
    pub status: u16,
    /// Body, read when the configuration was loaded.
    pub body: Box<[u8]>,
    /// How the body is formatted.
    pub body_format: Option<BodyFormat>,
}
