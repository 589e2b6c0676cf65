//! The routes of a table as one worker has them: with everything worked out that does not change from request
//! to request.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{
    ClusterName, ClusterSpecifier, FilterConfig, FilterSettings, HeaderMutations, HeaderName, HttpFilter,
    MirrorPolicy, PerFilterConfig, Route, RouteAction, RouteConfiguration, RouteForward, Runtime,
    VirtualHost, WeightedCluster,
};

use causeway_routing::visit_field;
use causeway_upstream::SubsetKey;

use crate::cluster::LocalCluster;
use crate::downstream::SeenByRouting;
use crate::request_hash;
use crate::router::Mirror;
use crate::traffic::{Traffic, TrafficScopes, VirtualCluster};

/// What the routes of a table are made of.
pub(crate) struct RouteTables<'a> {
    pub(crate) table: &'a RouteConfiguration,
    /// The filters of each chain, in their order.
    pub(crate) filters: &'a [&'a [HttpFilter]],
    pub(crate) clusters: &'a HashMap<Arc<str>, Rc<LocalCluster>>,
    pub(crate) runtime: &'a Runtime,
    pub(crate) traffic: &'a TrafficScopes,
    pub(crate) worker: usize,
}

/// A route.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) virtual_host: Arc<VirtualHost>,
    pub(crate) route: Arc<Route>,
    /// Where it may be sent to: one target, or one for each weighted cluster.
    targets: Vec<Rc<RouteTarget>>,
    /// The request header that holds the number to choose by.
    number_header: Option<HeaderName>,
    /// The hash of the request is the number otherwise, where it has one.
    by_hash: bool,
    /// For each filter of each chain, what this route says to it.
    overrides: Vec<Vec<FilterOverrides>>,
    /// Fields to change in a response that no cluster gave.
    pub(crate) response_levels: Vec<HeaderMutations>,
    /// The virtual clusters of its virtual host.
    pub(crate) virtual_clusters: Rc<[Rc<VirtualCluster>]>,
    /// Counters of its own.
    pub(crate) traffic: Option<Traffic>,
    /// Where copies of its requests go.
    pub(crate) mirrors: Vec<Mirror>,
}

/// What a route says to one filter.
#[derive(Debug, Default)]
pub(crate) struct FilterOverrides {
    /// From the most to the least specific place.
    pub(crate) configs: Vec<PerFilterConfig>,
    /// Whether the most specific place that says so turns the filter off (`true`) or on (`false`).
    pub(crate) disabled: Option<bool>,
}

/// A cluster that a route sends to.
#[derive(Debug)]
pub(crate) struct RouteTarget {
    /// Its name, or who says it.
    pub(crate) name: ClusterName,
    /// The cluster; `None` where there is none of that name, or where the request names it.
    pub(crate) cluster: Option<Rc<LocalCluster>>,
    /// Weight among the targets.
    weight: u64,
    /// What its hosts have to have.
    pub(crate) subset: Option<Box<SubsetKey>>,
    /// Another host for this cluster.
    pub(crate) host_rewrite: Option<Box<str>>,
    /// Fields to change in requests, level by level.
    pub(crate) request_levels: Vec<HeaderMutations>,
    /// Fields to change in responses, level by level.
    pub(crate) response_levels: Vec<HeaderMutations>,
    /// For each filter of each chain, what this cluster and its route say to it; `None` where the cluster says
    /// nothing.
    overrides: Option<Vec<Vec<FilterOverrides>>>,
}

impl RouteTables<'_> {
    /// All routes, by their number in the table.
    pub(crate) fn entries(&self) -> Vec<Rc<RouteEntry>> {
        let mut entries = Vec::new();
        for (at, host) in self.table.virtual_hosts.iter().enumerate() {
            let virtual_clusters = self.traffic.virtual_clusters(at, host, self.worker);
            for route in &host.routes {
                let traffic = self.traffic.route(entries.len(), self.worker);
                entries.push(Rc::new(self.entry(host, route, Rc::clone(&virtual_clusters), traffic)));
            }
        }
        entries
    }

    fn entry(
        &self,
        virtual_host: &Arc<VirtualHost>,
        route: &Arc<Route>,
        virtual_clusters: Rc<[Rc<VirtualCluster>]>,
        traffic: Option<Traffic>,
    ) -> RouteEntry {
        let mut number_header = None;
        let mut draws_by_hash = false;
        let targets = match &route.action {
            RouteAction::Forward(forward) => match &forward.cluster {
                ClusterSpecifier::Cluster(name) => {
                    vec![self.plain(virtual_host, route, ClusterName::Fixed(Arc::clone(name)))]
                }
                ClusterSpecifier::Header(name) => {
                    vec![self.plain(virtual_host, route, ClusterName::Header(name.clone()))]
                }
                ClusterSpecifier::Weighted {
                    clusters,
                    number_header: header,
                    by_hash,
                    runtime_key_prefix,
                } => {
                    number_header.clone_from(header);
                    draws_by_hash = *by_hash;
                    let target = |cluster| self.weighted(virtual_host, route, cluster, runtime_key_prefix);
                    clusters.iter().map(target).collect()
                }
            },
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) => Vec::new(),
        };
        RouteEntry {
            virtual_host: Arc::clone(virtual_host),
            route: Arc::clone(route),
            targets,
            number_header,
            by_hash: draws_by_hash,
            overrides: self.overrides(virtual_host, route, &[]),
            response_levels: self.response_levels(virtual_host, route, None),
            virtual_clusters,
            traffic,
            mirrors: self.mirrors(route),
        }
    }

    fn mirrors(&self, route: &Route) -> Vec<Mirror> {
        let policies = match &route.action {
            RouteAction::Forward(forward) => forward.mirrors.as_deref().unwrap_or_default(),
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) => &[],
        };
        let mirror = |policy: &MirrorPolicy| Mirror::new(policy, self.cluster(&policy.cluster), self.runtime);
        policies.iter().map(mirror).collect()
    }

    fn plain(&self, host: &VirtualHost, route: &Route, name: ClusterName) -> Rc<RouteTarget> {
        Rc::new(RouteTarget {
            cluster: self.cluster(&name),
            name,
            weight: 1,
            subset: subset(route, None),
            host_rewrite: None,
            request_levels: self.request_levels(host, route, None),
            response_levels: self.response_levels(host, route, None),
            overrides: None,
        })
    }

    fn weighted(
        &self,
        host: &VirtualHost,
        route: &Route,
        weighted: &WeightedCluster,
        runtime_key_prefix: &str,
    ) -> Rc<RouteTarget> {
        let by_runtime = (!runtime_key_prefix.is_empty())
            .then(|| self.runtime.integer(&weighted.runtime_key(runtime_key_prefix)))
            .flatten();
        Rc::new(RouteTarget {
            name: weighted.cluster.clone(),
            cluster: self.cluster(&weighted.cluster),
            weight: by_runtime.unwrap_or(u64::from(weighted.weight)),
            subset: subset(route, Some(weighted)),
            host_rewrite: weighted.host_rewrite.clone(),
            request_levels: self.request_levels(host, route, Some(&weighted.request_headers)),
            response_levels: self.response_levels(host, route, Some(&weighted.response_headers)),
            overrides: (!weighted.per_filter.is_empty())
                .then(|| self.overrides(host, route, &weighted.per_filter)),
        })
    }

    fn cluster(&self, name: &ClusterName) -> Option<Rc<LocalCluster>> {
        match name {
            ClusterName::Fixed(name) => self.clusters.get(name).cloned(),
            ClusterName::Header(_) => None,
        }
    }

    fn overrides(
        &self,
        host: &VirtualHost,
        route: &Route,
        weighted: &[PerFilterConfig],
    ) -> Vec<Vec<FilterOverrides>> {
        let places = [weighted, &route.per_filter, &host.per_filter, &self.table.per_filter];
        let overrides = |filters: &&[HttpFilter]| {
            filters.iter().map(|filter| FilterOverrides::new(filter, places)).collect()
        };
        self.filters.iter().map(overrides).collect()
    }

    fn request_levels(
        &self,
        host: &VirtualHost,
        route: &Route,
        weighted: Option<&HeaderMutations>,
    ) -> Vec<HeaderMutations> {
        let levels = [&route.request_headers, &host.request_headers, &self.table.request_headers];
        self.levels(weighted, levels)
    }

    fn response_levels(
        &self,
        host: &VirtualHost,
        route: &Route,
        weighted: Option<&HeaderMutations>,
    ) -> Vec<HeaderMutations> {
        let levels = [&route.response_headers, &host.response_headers, &self.table.response_headers];
        self.levels(weighted, levels)
    }

    /// The levels in the order in which they are applied. Envoy begins with the most specific one, so that the
    /// table's has the last word, unless it is told otherwise; but a weighted cluster's is always the first.
    fn levels(
        &self,
        weighted: Option<&HeaderMutations>,
        mut levels: [&HeaderMutations; 3],
    ) -> Vec<HeaderMutations> {
        if self.table.most_specific_header_mutations_wins {
            levels.reverse();
        }
        weighted.into_iter().chain(levels).filter(|level| !level.is_empty()).cloned().collect()
    }
}

impl RouteEntry {
    /// Chooses a target by weight: with the number that the request brings, where the route says so, or else
    /// with the random one. `None` where the route sends nowhere, or no target has a weight.
    pub(crate) fn draw(&self, seen: &SeenByRouting<'_>) -> Option<&Rc<RouteTarget>> {
        if let [only] = self.targets.as_slice() {
            return Some(only);
        }
        let by_hash = || {
            let forward = self.forward().filter(|_| self.by_hash)?;
            request_hash::without_cookies(&forward.hash_policy, seen)
        };
        let in_header = self.number_header.as_ref().and_then(|name| number(seen, name));
        let number = in_header.or_else(by_hash).unwrap_or(seen.random);
        let total: u64 = self.targets.iter().map(|target| target.weight).sum();
        let mut left = number.checked_rem(total)?;
        self.targets.iter().find(|target| {
            let here = left < target.weight;
            left = left.saturating_sub(target.weight);
            here
        })
    }

    /// The targets, each with its weight.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&Rc<RouteTarget>, u64)> {
        self.targets.iter().map(|target| (target, target.weight))
    }

    /// What the route says to a filter, by its chain and its place there, where this target was chosen.
    pub(crate) fn overrides<'e>(
        &'e self,
        target: Option<&'e RouteTarget>,
        chain: usize,
        filter: usize,
    ) -> Option<&'e FilterOverrides> {
        let overrides = target.and_then(|target| target.overrides.as_ref()).unwrap_or(&self.overrides);
        overrides.get(chain)?.get(filter)
    }

    /// What the route says about forwarding.
    pub(crate) fn forward(&self) -> Option<&RouteForward> {
        match &self.route.action {
            RouteAction::Forward(forward) => Some(forward),
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) => None,
        }
    }
}

/// What a route, and one of its weighted clusters, ask of hosts.
fn subset(route: &Route, weighted: Option<&WeightedCluster>) -> Option<Box<SubsetKey>> {
    let RouteAction::Forward(forward) = &route.action else { return None };
    let mut criteria = forward.metadata_match.clone();
    if let Some(weighted) = weighted {
        criteria.extend(weighted.metadata_match.clone());
    }
    SubsetKey::new(&criteria).map(Box::new)
}

/// The number in a header field, as Envoy reads it. A field that stands twice says nothing.
fn number(seen: &SeenByRouting<'_>, name: &HeaderName) -> Option<u64> {
    let (mut found, mut count) = (None, 0);
    visit_field(seen, name.as_str(), &mut |value| {
        count += 1;
        found = std::str::from_utf8(value.trim_ascii()).ok().and_then(|text| text.parse().ok());
    });
    found.filter(|_| count == 1)
}

impl FilterOverrides {
    fn new(filter: &HttpFilter, places: [&[PerFilterConfig]; 4]) -> Self {
        let is_cors = matches!(filter.config, FilterConfig::Cors(_));
        let is_deprecated =
            |config: &PerFilterConfig| matches!(config.settings, Some(FilterSettings::DeprecatedCors(_)));
        let speaks_to = |config: &&PerFilterConfig| {
            if is_deprecated(config) { is_cors } else { config.filter == filter.name }
        };
        let configs: Vec<_> = places.into_iter().flatten().filter(speaks_to).cloned().collect();
        // The deprecated form says nothing about that.
        let disabled = configs.iter().find(|config| !is_deprecated(config)).map(|config| config.disabled);
        Self { configs, disabled }
    }
}
