//! Choosing a host: one balancer per worker and cluster.

mod drawing;
mod picker;
mod slow_start;
mod zones;

use std::sync::Arc;
use std::time::Instant;

use causeway_model::LocalityLb;
use causeway_reason::{Failure, Reason};
use causeway_stats::Shard;

use crate::aggregate::Forced;
use crate::cluster::Cluster;
use crate::destinations::Destination;
use crate::host::Host;
use crate::host_set::HostSet;
use crate::rng::Rng;
use crate::stats::ClusterStat;
use crate::subsets::SubsetKey;
use drawing::{Drawing, Nobody};
use picker::Picker;
use zones::ZoneRouting;

/// Chooses hosts for the requests of one worker.
///
/// It keeps the snapshot of hosts it last saw, and looks for a newer one with a single relaxed load
/// before every choice.
#[derive(Debug)]
pub struct LoadBalancer {
    cluster: Arc<Cluster>,
    stats: Shard<ClusterStat>,
    generation: u64,
    hosts: Arc<HostSet>,
    rng: Rng,
    picker: Picker,
    /// Turns within subsets, by their places.
    subset_pickers: Vec<Picker>,
    /// Where zones matter.
    zones: Option<Box<ZoneRouting>>,
}

/// What is known of a request or connection that a host is chosen for.
#[derive(Default)]
pub struct Ask<'a> {
    /// What policies that go by hashes take for it; chance without one.
    pub hash: Option<u64>,
    /// A host that is passed over is drawn again, so often, and then taken all the same.
    pub draws: u32,
    /// Which hosts are passed over.
    pub passed_over: Option<&'a dyn Fn(&Host) -> bool>,
    /// Priorities that are left out where that leaves a host that may be used. Policies that go by hashes take no
    /// notice, as in Envoy.
    pub left_out: &'a [usize],
    /// Where in this cluster it goes, because that is a member of another one. Policies that go by hashes take no
    /// notice, as in Envoy; that there is no host is counted by the other.
    pub forced: Option<Forced>,
    /// What it asks of hosts, where the cluster has subsets.
    pub subset: Option<&'a SubsetKey>,
    /// Where it goes, where the cluster has the hosts that requests are for ([`Destinations`](crate::Destinations)).
    pub destination: Destination<'a>,
}

/// A host for a request. Borrowed, because counting references would make workers write to one place.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'b> {
    /// The host.
    pub host: &'b Arc<Host>,
    /// Whether health was ignored, because too few hosts are healthy.
    pub panic: bool,
}

impl LoadBalancer {
    /// A balancer for a worker, by its number. The seed decides with which host it begins.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, worker: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let config = cluster.config();
        let zone_aware = matches!(config.locality_lb, LocalityLb::ZoneAware(_)) && !config.lb_policy.hashes();
        let surroundings = cluster.surroundings();
        let zone_aware = zone_aware && surroundings.own_cluster.is_some();
        let zones = surroundings.clusters().filter(|_| zone_aware).map(|all| ZoneRouting::new(all, worker));
        let mut this = Self {
            stats: cluster.stats().shard(worker),
            generation: cluster.generation(),
            hosts: cluster.host_set(),
            picker: Picker::new(&config.lb_policy, rng.next()),
            subset_pickers: Vec::new(),
            rng,
            zones: zones.map(Box::new),
            cluster,
        };
        this.make_subset_pickers();
        if let Some(zones) = &mut this.zones {
            zones.refresh(&this.cluster, &this.hosts, true, &this.stats);
        }
        this
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The hosts as they are now.
    pub fn hosts(&mut self) -> &Arc<HostSet> {
        self.refresh();
        &self.hosts
    }

    /// A host for the next request of which nothing is known, or why there is none.
    ///
    /// # Errors
    ///
    /// Why no host may be used.
    pub fn choose(&mut self, now: impl Fn() -> Instant) -> Result<Choice<'_>, Failure> {
        self.choose_for(&Ask::default(), &now)
    }

    /// A host for a request, or why there is none. Counts `lb_healthy_panic` and `upstream_cx_none_healthy`. The time
    /// is looked at only where there is none, and for slow start.
    ///
    /// # Errors
    ///
    /// Why no host may be used.
    pub fn choose_for(&mut self, ask: &Ask<'_>, now: &dyn Fn() -> Instant) -> Result<Choice<'_>, Failure> {
        self.refresh();
        let Self { cluster, stats, hosts, rng, picker, subset_pickers, zones, .. } = self;
        let mut drawing = Drawing { cluster, stats, rng, zones: zones.as_deref(), subset: None, ask, now };
        let found = match hosts.subsets() {
            None => drawing.draw(hosts, picker),
            Some(subsets) => drawing.draw_of_subsets(subsets, subset_pickers),
        };
        found.map_err(|why| {
            if ask.forced.is_none() {
                stats.inc(ClusterStat::UpstreamCxNoneHealthy);
            }
            failure(cluster, why, now())
        })
    }

    fn refresh(&mut self) {
        let generation = self.cluster.generation();
        let changed = generation != self.generation;
        if changed {
            self.generation = generation;
            self.hosts = self.cluster.host_set();
            self.picker.refresh();
            self.subset_pickers.iter_mut().for_each(Picker::refresh);
            self.make_subset_pickers();
        }
        if let Some(zones) = &mut self.zones {
            zones.refresh(&self.cluster, &self.hosts, changed, &self.stats);
        }
    }

    fn make_subset_pickers(&mut self) {
        let count = self.hosts.subsets().map_or(0, |subsets| subsets.all().len());
        while self.subset_pickers.len() < count {
            self.subset_pickers.push(Picker::new(&self.cluster.config().lb_policy, self.rng.next()));
        }
    }
}

/// Why there is no host.
fn failure(cluster: &Cluster, why: Nobody, now: Instant) -> Failure {
    match why {
        Nobody::NoneLeft => cluster.why_none(now),
        Nobody::NoSubset => Failure::no_host_left(Reason::NoSubset)
            .with_evidence("no endpoint has the metadata that metadata_match of the route asks for"),
        Nobody::Refused => {
            let failure = cluster.why_none(now);
            let why = failure.evidence.as_deref().unwrap_or_default();
            let threshold = cluster.spread().panic_threshold;
            let evidence =
                format!("fail_traffic_on_panic: fewer than {threshold} % of the hosts may be used; {why}");
            failure.with_evidence(evidence)
        }
    }
}
