//! HTTP filters.

use std::sync::Arc;
use std::time::Duration;

use crate::{AppendAction, HeaderMatcher, HeaderMutation, RuntimeFraction, StringMatcher, Template};

/// One entry of `http_filters`. The router is not one of them: it always ends the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpFilter {
    /// The name under which `typed_per_filter_config` speaks of it.
    pub name: Arc<str>,
    /// What it is.
    pub config: FilterConfig,
    /// Whether it is off unless a route turns it on (`HttpFilter.disabled`).
    pub disabled: bool,
}

/// The filters that there are.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterConfig {
    /// `extensions.filters.http.cors.v3.Cors`.
    Cors(Cors),
    /// `extensions.filters.http.header_mutation.v3.HeaderMutation`.
    HeaderMutation {
        /// The filter's own changes, which are the first.
        mutations: MessageMutations,
        /// Whether the most specific place of those that add changes has the last word, rather than the
        /// least specific one (`most_specific_header_mutations_wins`).
        most_specific_wins: bool,
    },
    /// `extensions.filters.http.health_check.v3.HealthCheck`.
    HealthCheck(HealthCheckFilter),
    /// `extensions.filters.http.original_src.v3.OriginalSrc`: the connection to the back-end comes from the address
    /// that the request is taken to come from.
    OriginalSrc {
        /// The mark of its packets (`SO_MARK`); none where it is 0.
        mark: u32,
    },
}

/// `extensions.filters.http.health_check.v3.HealthCheck`: answers those who ask whether the proxy is well.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheckFilter {
    /// Whether requests go on to a back-end as long as the proxy is well (`pass_through_mode`).
    pub pass_through: bool,
    /// How long the back-end's answer holds for all who ask (`cache_time`); only where requests go on.
    pub cache_time: Option<Duration>,
    /// The share of hosts, in percent, that each of these clusters needs to have in use
    /// (`cluster_min_healthy_percentages`), ordered by name.
    pub min_healthy: Vec<(Arc<str>, f64)>,
    /// Which requests are health checks: all of these hold (`headers`). `None` where no request can be one.
    pub headers: Option<Vec<HeaderMatcher>>,
}

/// `extensions.filters.http.header_mutation.v3.Mutations`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageMutations {
    /// Changes to fields of the request, in their order.
    pub request: Vec<HeaderMutation>,
    /// Changes to its query, in their order; they come behind those of the fields.
    pub query: Vec<QueryMutation>,
    /// Changes to fields of the response, in their order.
    pub response: Vec<HeaderMutation>,
    /// Changes to trailers of the request, where it has some, in their order.
    pub request_trailers: Vec<HeaderMutation>,
    /// Changes to trailers of the response, where it has some, in their order.
    pub response_trailers: Vec<HeaderMutation>,
}

/// `config.core.v3.KeyValueMutation` of query parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryMutation {
    /// Every parameter of this name goes.
    Remove(Box<str>),
    /// One is added.
    Append {
        /// Its name, written as it is.
        name: Box<str>,
        /// Its value, which is percent-encoded.
        value: Template,
        /// What happens where there are others of the name.
        action: AppendAction,
    },
}

/// The CORS filter itself has no settings; policies are per virtual host and route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {}

/// What a virtual host, route or weighted cluster says to one filter (`typed_per_filter_config`).
#[derive(Debug, Clone, PartialEq)]
pub struct PerFilterConfig {
    /// The filter's name.
    pub filter: Arc<str>,
    /// Whether the filter is skipped here (`FilterConfig.disabled`).
    pub disabled: bool,
    /// Its settings here; `None` where only `disabled` is said.
    pub settings: Option<FilterSettings>,
}

/// Settings of a filter in one place.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterSettings {
    /// `extensions.filters.http.cors.v3.CorsPolicy`.
    Cors(Box<CorsPolicy>),
    /// The deprecated `cors` of a route or virtual host, for CORS filters of any name. It holds only where no
    /// place has a policy of today's form.
    DeprecatedCors(Box<CorsPolicy>),
    /// `extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`.
    HeaderMutation(Arc<MessageMutations>),
}

/// `extensions.filters.http.cors.v3.CorsPolicy`, also the deprecated `cors` of routes and virtual hosts. What a
/// policy leaves out, the policy of the next less specific place says.
#[derive(Debug, Clone, PartialEq)]
pub struct CorsPolicy {
    /// Origins that may read the response (`allow_origin_string_match`).
    pub allow_origins: Vec<StringMatcher>,
    /// `access-control-allow-methods`.
    pub allow_methods: Box<str>,
    /// `access-control-allow-headers`.
    pub allow_headers: Box<str>,
    /// `access-control-expose-headers`.
    pub expose_headers: Box<str>,
    /// `access-control-max-age`, in seconds as it was written.
    pub max_age: Box<str>,
    /// `access-control-allow-credentials`.
    pub allow_credentials: Option<bool>,
    /// Share of requests the policy holds for (`filter_enabled`); `None` means all.
    pub enabled: Option<RuntimeFraction>,
    /// Share of requests that are only counted where the policy is not enabled (`shadow_enabled`).
    pub shadow_enabled: Option<RuntimeFraction>,
    /// `access-control-allow-private-network`.
    pub allow_private_network_access: Option<bool>,
    /// Whether a preflight from an origin that does not match goes on to the back-end
    /// (`forward_not_matching_preflights`, true unless a place says otherwise).
    pub forward_not_matching_preflights: Option<bool>,
}

impl CorsPolicy {
    /// `max_age` as a duration, where it is a number of seconds.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age.parse().ok().map(Duration::from_secs)
    }
}
