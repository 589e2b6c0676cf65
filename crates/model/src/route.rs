//! Route tables.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    BodyFormat, CookieMatcher, HashRule, HeaderMatcher, HeaderMutations, HeaderName, InternalRedirectPolicy,
    Metadata, MirrorPolicy, PerFilterConfig, QueryParameterMatcher, Regex, RetryPolicy, RuntimeFraction,
    SourcePosition, StringMatcher, SubsetCriteria, Template,
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
    /// Says in `x-envoy-is-timeout-retry` of attempts beside the first whether the one before took too long.
    pub include_is_timeout_retry_header: bool,
    /// `metadata`.
    pub metadata: Metadata,
    /// Kinds of requests that are counted by themselves (`virtual_clusters`); the first that fits counts.
    pub virtual_clusters: Vec<VirtualCluster>,
}

/// `config.route.v3.VirtualCluster`: requests of one kind, whichever route takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualCluster {
    /// Its name, in statistics and in `%VIRTUAL_CLUSTER_NAME%`.
    pub name: Box<str>,
    /// All of these hold. `None` where no request can fit.
    pub headers: Option<Vec<HeaderMatcher>>,
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
    /// Under which name its requests are counted by themselves; empty where they are not (`stat_prefix`).
    pub stat_prefix: Box<str>,
    /// Bytes of a request's body that are kept, so that it can be sent again (`request_body_buffer_limit` of route or
    /// virtual host, or the older `per_request_buffer_limit_bytes`); as many as the listener's
    /// `per_connection_buffer_limit_bytes` unless set.
    pub request_body_buffer_limit: Option<u64>,
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
    /// Conditions that few routes have.
    pub more: Option<Box<MoreConditions>>,
}

/// Conditions of a [`RouteMatch`] that few routes have, so that the others need no room for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoreConditions {
    /// Cookies.
    pub cookies: Vec<CookieMatcher>,
    /// The client's certificate (`tls_context`).
    pub certificate: Option<CertificateMatch>,
    /// Dynamic metadata that has to be there: their namespaces. Filters would set them, and they run behind
    /// the search for a route, so that no request fulfils this.
    pub dynamic_metadata: Vec<Box<str>>,
    /// Filter state that has to be there, and what it has to be.
    pub filter_state: Vec<FilterStateMatcher>,
}

/// `type.matcher.v3.FilterStateMatcher`: an object in the filter state of the client's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterStateMatcher {
    /// Which object.
    pub key: Box<str>,
    /// What it has to be as a text (`string_match`); `None` for an object that nothing here makes, so that no
    /// request fulfils it.
    pub value: Option<StringMatcher>,
}

/// `RouteMatch.TlsContextMatchOptions`: what is set has to be so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CertificateMatch {
    /// Whether the client showed a certificate.
    pub presented: Option<bool>,
    /// Whether it was found to be good.
    pub validated: Option<bool>,
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
    /// Where `timeout` is written; `None` where it is not.
    pub timeout_position: Option<SourcePosition>,
    /// Nothing moves for this time; `None` leaves the connection manager's, zero is none at all.
    pub idle_timeout: Option<Duration>,
    /// A client of HTTP/2 has this time to take the end of a response (`flush_timeout`); `None` leaves the connection
    /// manager's, zero is none at all.
    pub flush_timeout: Option<Duration>,
    /// `max_stream_duration` of the route. Where it is set, `timeout` and `grpc_timeout` do not hold.
    pub max_stream_duration: Option<MaxStreamDuration>,
    /// How long gRPC requests may take, in place of `timeout` (`max_grpc_timeout`).
    pub grpc_timeout: Option<GrpcTimeout>,
    /// Which circuit breakers count it.
    pub priority: RoutingPriority,
    /// Upgrades this route allows or forbids.
    pub upgrades: Vec<RouteUpgrade>,
    /// Tunnels end here: what is inside goes to the back-end as it is (`connect_config` of the upgrade
    /// CONNECT).
    pub connect: Option<ConnectConfig>,
    /// Redirects of the back-end that are followed here rather than by the client; `None` for none of them.
    pub internal_redirects: Option<InternalRedirectPolicy>,
    /// What hosts have to have, where their cluster has subsets (`metadata_match`, of `envoy.lb`).
    pub metadata_match: SubsetCriteria,
    /// What balancers that hash make of a request (`hash_policy`); empty leaves it to chance.
    pub hash_policy: Vec<HashRule>,
    /// Whether and how requests are sent again; where the route says nothing, what its virtual host says.
    pub retry: Option<Arc<RetryPolicy>>,
    /// Whether an attempt that takes too long goes on, and another is made beside it; where the route says nothing, what
    /// its virtual host says, or else not (`hedge_policy.hedge_on_per_try_timeout`).
    pub hedge_on_per_try_timeout: Option<bool>,
    /// Where copies of requests go; where the route says nothing, what its virtual host says, or else its table.
    pub mirrors: Option<Arc<[MirrorPolicy]>>,
}

/// `RouteAction.MaxStreamDuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxStreamDuration {
    /// A request may take this long; zero is without limit; `None` leaves the connection manager's.
    pub max: Option<Duration>,
    /// `grpc-timeout` takes the place of all that, up to this; zero without limit; `None` not at all.
    pub grpc_timeout_header_max: Option<Duration>,
    /// Taken off the `grpc-timeout` that is honoured; what is left may be no time at all.
    pub grpc_timeout_header_offset: Duration,
}

/// `RouteAction.max_grpc_timeout` and `grpc_timeout_offset`, which are deprecated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcTimeout {
    /// The longest that `grpc-timeout` may ask for, and what holds where it asks for nothing; zero is without
    /// limit.
    pub max: Duration,
    /// Taken off what `grpc-timeout` asks for, where that is more.
    pub offset: Duration,
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
        /// The request header that holds the number to choose by (`header_name`); chance, where it is
        /// absent or no number.
        number_header: Option<HeaderName>,
        /// The hash of the request is the number to choose by, where it has one (`use_hash_policy`).
        by_hash: bool,
        /// Where not empty, the runtime keys `<prefix>.<cluster>` override the weights
        /// (`runtime_key_prefix`).
        runtime_key_prefix: Box<str>,
    },
}

/// `WeightedCluster.ClusterWeight`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its weight; 0 is never chosen.
    pub weight: u32,
    /// Changes to requests.
    pub request_headers: HeaderMutations,
    /// Changes to responses.
    pub response_headers: HeaderMutations,
    /// Another host for this cluster (`host_rewrite_literal`), which the route's own rewriting finds there
    /// in place of the client's.
    pub host_rewrite: Option<Box<str>>,
    /// Added to what the route says that hosts have to have, in place of what it says of the same names
    /// (`metadata_match`).
    pub metadata_match: SubsetCriteria,
    /// What filters are told here.
    pub per_filter: Vec<PerFilterConfig>,
}

impl WeightedCluster {
    /// The runtime key that overrides its weight, under the prefix of the list that it stands in.
    #[must_use]
    pub fn runtime_key(&self, prefix: &str) -> String {
        match &self.cluster {
            ClusterName::Fixed(name) => format!("{prefix}.{name}"),
            ClusterName::Header(_) => format!("{prefix}."),
        }
    }
}

/// One of several clusters by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterName {
    /// This one (`name`).
    Fixed(Arc<str>),
    /// The one that this request header names (`cluster_header`).
    Header(HeaderName),
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
    /// The path is this, filled in; the query stays behind it (`path_rewrite`). Where it comes out empty,
    /// the path stays.
    Template(Template),
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
    /// To this, filled in (`host_rewrite`).
    Template(Template),
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
    /// Another port; any number but 0, as it is written.
    pub port: Option<u32>,
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
    /// The same as `Path` with this, filled in (`path_rewrite`). Where it comes out empty, the path stays.
    Template(Template),
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
