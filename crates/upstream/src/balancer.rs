//! Choosing a host: one balancer per worker and cluster.

mod picker;
mod slow_start;
mod zones;

use std::sync::Arc;
use std::time::Instant;

use causeway_model::LocalityLb;
use causeway_reason::Failure;
use causeway_stats::Shard;

use crate::cluster::Cluster;
use crate::host::Host;
use crate::host_set::{Among, HostSet};
use crate::manager::Clusters;
use crate::rng::Rng;
use crate::stats::ClusterStat;
use picker::{Circumstances, Picker};
use zones::Zones;

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
}

/// A host for a request. Borrowed, because counting references would make workers write to one place.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'b> {
    /// The host.
    pub host: &'b Arc<Host>,
    /// Whether health was ignored, because too few hosts are healthy.
    pub panic: bool,
}

/// How requests are routed by zones, and what that was reckoned from.
#[derive(Debug)]
struct ZoneRouting {
    zones: Zones,
    clusters: Clusters,
    /// The map of clusters in which the process's own was looked for.
    map_generation: Option<u64>,
    own_cluster: Option<Arc<Cluster>>,
    own_generation: u64,
    own_hosts: Option<Arc<HostSet>>,
}

/// Why no host was chosen.
enum Nobody {
    /// There is none.
    NoneLeft,
    /// The priority is in panic, and that is a reason to refuse.
    Refused,
}

impl LoadBalancer {
    /// A balancer for a worker, by its number. The seed decides with which host it begins.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, worker: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let config = cluster.config();
        let zone_aware = matches!(config.locality_lb, LocalityLb::ZoneAware(_)) && !config.lb_policy.hashes();
        let zones = cluster.surroundings().clusters().filter(|_| zone_aware).map(ZoneRouting::new);
        let mut this = Self {
            stats: cluster.stats().shard(worker),
            generation: cluster.generation(),
            hosts: cluster.host_set(),
            picker: Picker::new(&config.lb_policy, rng.next()),
            rng,
            zones: zones.map(Box::new),
            cluster,
        };
        this.route_by_zones(true);
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
        let number = ask.hash.filter(|_| self.cluster.config().lb_policy.hashes());
        let number = number.unwrap_or_else(|| self.rng.next());
        let mut attempt = 0;
        let (at, which, panic) = loop {
            let found = if self.cluster.config().lb_policy.hashes() {
                self.by_hash(number, attempt)
            } else {
                let number = if attempt == 0 { number } else { self.rng.next() };
                self.in_turn(ask, number, now)
            };
            let (at, which) = match found {
                Ok(found) => found,
                Err(why) => return Err(self.nobody(&why, now())),
            };
            let host = self.hosts.priorities().get(at.0).and_then(|priority| priority.among(which).get(at.1));
            let again = attempt < ask.draws
                && host.is_some_and(|host| ask.passed_over.is_some_and(|passed_over| passed_over(host)));
            if !again {
                break (at, which, which == Among::All);
            }
            attempt += 1;
        };
        match self.hosts.priorities().get(at.0).and_then(|priority| priority.among(which).get(at.1)) {
            Some(host) => Ok(Choice { host, panic }),
            None => Err(self.cluster.why_none(now())),
        }
    }

    /// The host that serves a hash: its priority and its place there.
    fn by_hash(&self, hash: u64, attempt: u32) -> Result<((usize, usize), Among), Nobody> {
        let (at, _) = self.hosts.choose(hash);
        let priority = self.hosts.priorities().get(at).ok_or(Nobody::NoneLeft)?;
        if priority.in_panic() {
            self.stats.inc(ClusterStat::LbHealthyPanic);
        }
        let hosts = priority.among(priority.hashed());
        let active = |index: usize| hosts.get(index).map_or(0, |host| host.active());
        let found = priority.table().and_then(|table| table.find(hash, attempt, active));
        found.map(|index| ((at, index), priority.hashed())).ok_or(Nobody::NoneLeft)
    }

    /// The host that has its turn: its priority and its place there.
    fn in_turn(
        &mut self,
        ask: &Ask<'_>,
        number: u64,
        now: &dyn Fn() -> Instant,
    ) -> Result<((usize, usize), Among), Nobody> {
        let without = (!ask.left_out.is_empty())
            .then(|| self.hosts.choose_without(ask.left_out, self.cluster.spread(), number))
            .flatten();
        let (at, which) = without.unwrap_or_else(|| self.hosts.choose(number));
        if which == Among::All {
            self.stats.inc(ClusterStat::LbHealthyPanic);
            if self.cluster.config().fail_traffic_on_panic {
                return Err(Nobody::Refused);
            }
        }
        let which = self.place(at, which)?;
        let priority = self.hosts.priorities().get(at).ok_or(Nobody::NoneLeft)?;
        let policy = &self.cluster.config().lb_policy;
        let mut circumstances = Circumstances { policy, rng: &mut self.rng, now };
        let turn = self.picker.turn((at, priority), which, &mut circumstances);
        turn.map(|index| ((at, index), which)).ok_or(Nobody::NoneLeft)
    }

    /// Where localities matter, which of them.
    fn place(&mut self, at: usize, which: Among) -> Result<Among, Nobody> {
        if which == Among::All {
            return Ok(which);
        }
        let config = self.cluster.config();
        match (&config.locality_lb, &self.zones) {
            (LocalityLb::Weighted, _) => Ok(self.picker.locality(&self.hosts, at, which).unwrap_or(which)),
            (LocalityLb::ZoneAware(zone_aware), Some(routing)) if at == 0 && routing.zones != Zones::None => {
                if self.rng.below(100) >= zone_aware.routing_enabled {
                    return Ok(which);
                }
                let own = routing.own_hosts.as_ref().and_then(|set| set.priorities().first());
                let threshold = self.cluster.spread().panic_threshold;
                if own.is_none_or(|own| own.counts().in_panic(threshold)) {
                    self.stats.inc(ClusterStat::LbLocalClusterNotOk);
                    let refused = config.fail_traffic_on_panic;
                    return if refused { Err(Nobody::Refused) } else { Ok(which) };
                }
                let zone = routing.zones.draw(&mut self.rng, &mut |stat| self.stats.inc(stat));
                Ok(zone.map_or(which, |zone| which.of(zone)))
            }
            (LocalityLb::ZoneAware(_), _) => Ok(which),
        }
    }

    /// Counts that there is no host, and says why.
    fn nobody(&self, why: &Nobody, now: Instant) -> Failure {
        self.stats.inc(ClusterStat::UpstreamCxNoneHealthy);
        let failure = self.cluster.why_none(now);
        match why {
            Nobody::NoneLeft => failure,
            Nobody::Refused => {
                let why = failure.evidence.as_deref().unwrap_or_default();
                let threshold = self.cluster.spread().panic_threshold;
                let evidence = format!(
                    "fail_traffic_on_panic: fewer than {threshold} % of the hosts may be used; {why}"
                );
                failure.with_evidence(evidence)
            }
        }
    }

    fn refresh(&mut self) {
        let generation = self.cluster.generation();
        let changed = generation != self.generation;
        if changed {
            self.generation = generation;
            self.hosts = self.cluster.host_set();
            self.picker.refresh();
        }
        if self.zones.is_some() {
            self.route_by_zones(changed);
        }
    }

    /// Reckons anew how requests are routed by zones, where hosts have changed, or those of the process's own cluster
    /// have.
    fn route_by_zones(&mut self, changed: bool) {
        let Some(routing) = &mut self.zones else { return };
        let LocalityLb::ZoneAware(config) = &self.cluster.config().locality_lb else { return };
        let map_generation = routing.clusters.generation();
        if routing.map_generation != Some(map_generation) {
            routing.map_generation = Some(map_generation);
            let name = self.cluster.surroundings().own_cluster.as_deref();
            routing.own_cluster = name.and_then(|name| routing.clusters.get(name));
            routing.own_hosts = None;
        }
        let own_generation = routing.own_cluster.as_ref().map_or(0, |own| own.generation());
        let same_hosts = routing.own_generation == own_generation
            && routing.own_hosts.is_some() == routing.own_cluster.is_some();
        if same_hosts && !changed {
            return;
        }
        routing.own_generation = own_generation;
        routing.own_hosts = routing.own_cluster.as_ref().map(|own| own.host_set());
        let own = routing.own_hosts.as_ref().and_then(|set| set.priorities().first());
        if let Some(first) = self.hosts.priorities().first() {
            let stats = &self.stats;
            routing.zones = Zones::new(config, first, own, &mut |stat| stats.inc(stat));
        }
    }
}

impl ZoneRouting {
    const fn new(clusters: Clusters) -> Self {
        Self {
            zones: Zones::None,
            clusters,
            map_generation: None,
            own_cluster: None,
            own_generation: 0,
            own_hosts: None,
        }
    }
}
