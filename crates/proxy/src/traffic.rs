//! Counters of the requests that belong together though they go to any cluster: those of a virtual cluster
//! (`vhost.<name>.vcluster.<name>.`) and those of a route with a `stat_prefix`
//! (`vhost.<name>.route.<prefix>.`).
//!
//! As with Envoy, only what the router does with a request is counted here: what a filter answers, what is
//! redirected and what has no cluster is not.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{HeaderMatcher, RouteConfiguration, VirtualHost};
use causeway_routing::{RouteRequest, header_matches};
use causeway_stats::{DynamicCounter, Registry, Scope, ScopeName, Shard, schema};

use crate::stats::StatusCounters;

schema! {
    /// `vhost.<name>.vcluster.<name>.` and `vhost.<name>.route.<prefix>.`
    pub enum TrafficStat {
        /// Retries.
        Retry = counter "upstream_rq_retry",
        /// Requests whose retries were used up.
        RetryLimitExceeded = counter "upstream_rq_retry_limit_exceeded",
        /// Retries that the circuit breaker did not allow.
        RetryOverflow = counter "upstream_rq_retry_overflow",
        /// Retries that succeeded.
        RetrySuccess = counter "upstream_rq_retry_success",
        /// Requests that ran into the route's timeout.
        Timeout = counter "upstream_rq_timeout",
        /// Requests that were sent.
        Total = counter "upstream_rq_total",
    }
}

schema! {
    /// The same scopes: what Envoy shows from the first response of a back-end on.
    pub enum TrafficTimeStat {
        /// How long back-ends took, in milliseconds.
        UpstreamRqTime = histogram "upstream_rq_time",
    }
}

/// The name of the virtual cluster for what belongs to no other.
const OTHER: &str = "other";

/// The scopes of a route table.
#[derive(Debug)]
pub(crate) struct TrafficScopes {
    registry: Arc<Registry>,
    /// For each virtual host those of its virtual clusters, the last of them for the rest.
    virtual_clusters: Vec<Vec<Scope<TrafficStat>>>,
    /// For each route its own, where it has one.
    routes: Vec<Option<Scope<TrafficStat>>>,
}

impl TrafficScopes {
    pub(crate) fn new(registry: &Arc<Registry>, table: &RouteConfiguration) -> Self {
        let clusters = |host: &Arc<VirtualHost>| -> Vec<_> {
            let names = host.virtual_clusters.iter().map(|cluster| &*cluster.name);
            let other = (!host.virtual_clusters.is_empty()).then_some(OTHER);
            names.chain(other).map(|name| registry.scope(scope_of_cluster(&host.name, name))).collect()
        };
        let routes = |host: &Arc<VirtualHost>| -> Vec<_> {
            let name = Arc::clone(&host.name);
            let prefixes = host.routes.iter().map(|route| &*route.stat_prefix);
            prefixes
                .map(|prefix| (!prefix.is_empty()).then(|| registry.scope(scope_of_route(&name, prefix))))
                .collect()
        };
        Self {
            registry: Arc::clone(registry),
            virtual_clusters: table.virtual_hosts.iter().map(clusters).collect(),
            routes: table.virtual_hosts.iter().flat_map(routes).collect(),
        }
    }

    /// One worker's counters of a virtual host's virtual clusters, by its number in the table. There are none
    /// where it has none.
    pub(crate) fn virtual_clusters(
        &self,
        at: usize,
        host: &VirtualHost,
        worker: usize,
    ) -> Rc<[Rc<VirtualCluster>]> {
        let scopes = self.virtual_clusters.get(at).map(Vec::as_slice).unwrap_or_default();
        let named = host.virtual_clusters.iter().map(Some).chain([None]);
        named
            .zip(scopes)
            .map(|(cluster, scope)| {
                Rc::new(VirtualCluster {
                    name: cluster.map(|cluster| cluster.name.clone()),
                    headers: cluster.map_or(Some(Vec::new()), |cluster| cluster.headers.clone()),
                    traffic: self.traffic(scope, worker),
                })
            })
            .collect()
    }

    /// One worker's counters of a route, by its number in the table, where it has some of its own.
    pub(crate) fn route(&self, at: usize, worker: usize) -> Option<Traffic> {
        let scope = self.routes.get(at)?.as_ref()?;
        Some(self.traffic(scope, worker))
    }

    fn traffic(&self, scope: &Scope<TrafficStat>, worker: usize) -> Traffic {
        Traffic {
            shard: scope.shard(worker),
            codes: StatusCounters::new("upstream_rq_"),
            completed: OnceCell::new(),
            time: OnceCell::new(),
            registry: Arc::clone(&self.registry),
            worker,
        }
    }
}

fn scope_of_host(host: &str) -> ScopeName {
    ScopeName::root().then("vhost").tagged_to_dot("envoy.virtual_host", host, false)
}

/// Envoy finds the tags behind a virtual host's name only where that has no dot.
fn scope_of_cluster(host: &str, cluster: &str) -> ScopeName {
    let scope = scope_of_host(host).then("vcluster");
    if host.contains('.') {
        scope.then(cluster)
    } else {
        scope.tagged_to_dot("envoy.virtual_cluster", cluster, false)
    }
}

fn scope_of_route(host: &str, prefix: &str) -> ScopeName {
    let scope = scope_of_host(host).then("route");
    if host.contains('.') { scope.then(prefix) } else { scope.tagged_to_dot("envoy.route", prefix, true) }
}

/// A virtual cluster as one worker has it.
#[derive(Debug)]
pub(crate) struct VirtualCluster {
    /// Its name; the one for the rest has none.
    pub(crate) name: Option<Box<str>>,
    /// What belongs to it; `None` is nothing.
    headers: Option<Vec<HeaderMatcher>>,
    /// Its counters.
    pub(crate) traffic: Traffic,
}

/// The virtual cluster that a request belongs to.
pub(crate) fn find<'c>(
    clusters: &'c [Rc<VirtualCluster>],
    request: &impl RouteRequest,
) -> Option<&'c Rc<VirtualCluster>> {
    clusters.iter().find(|cluster| {
        let headers = cluster.headers.as_ref();
        headers.is_some_and(|headers| headers.iter().all(|header| header_matches(header, request)))
    })
}

/// One worker's counters.
#[derive(Debug)]
pub(crate) struct Traffic {
    shard: Shard<TrafficStat>,
    codes: StatusCounters,
    /// There from the first answer on.
    completed: OnceCell<DynamicCounter>,
    /// There from the first answer of a back-end on.
    time: OnceCell<Shard<TrafficTimeStat>>,
    registry: Arc<Registry>,
    worker: usize,
}

impl Traffic {
    /// Counts one thing.
    pub(crate) fn inc(&self, stat: TrafficStat) {
        self.shard.inc(stat);
    }

    /// Counts a response, or a local answer in place of one.
    pub(crate) fn count_status(&self, status: u16) {
        self.completed.get_or_init(|| self.shard.dynamic("upstream_rq_completed")).inc();
        self.codes.count(&self.shard, status);
    }

    /// Counts how long a back-end took to answer, in milliseconds.
    pub(crate) fn count_time(&self, millis: u64) {
        let time = self.time.get_or_init(|| {
            let scope: Scope<TrafficTimeStat> = self.registry.scope(self.shard.scope().name().clone());
            scope.shard(self.worker)
        });
        time.record(TrafficTimeStat::UpstreamRqTime, millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy 1.40 shows them for Prometheus.
    #[test]
    fn tags_are_found_where_envoy_finds_them() {
        let shown = |scope: ScopeName| {
            let tags: Vec<_> = scope.tags().iter().map(|(tag, value)| format!("{tag}={value}")).collect();
            format!("{} {}", scope.tagless(), tags.join(" "))
        };
        let host = "envoy.virtual_host";
        for (scope, expected) in [
            (
                scope_of_cluster("all", "users"),
                format!("vhost.vcluster {host}=all envoy.virtual_cluster=users"),
            ),
            (
                scope_of_cluster("all", "a:b.c"),
                format!("vhost.vcluster.c {host}=all envoy.virtual_cluster=a:b"),
            ),
            (
                scope_of_cluster("www.example.com", "users"),
                format!("vhost.example.com.vcluster.users {host}=www"),
            ),
            (scope_of_route("all", "to.x"), format!("vhost.route.x envoy.route=to {host}=all")),
            (scope_of_route("www.a", "to.x"), format!("vhost.a.route.to.x {host}=www")),
        ] {
            assert_eq!(shown(scope), expected);
        }
    }
}
