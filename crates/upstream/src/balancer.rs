//! Choosing a host: one balancer per worker and cluster.

use std::sync::Arc;
use std::time::Instant;

use causeway_model::LbPolicy;
use causeway_reason::Failure;
use causeway_stats::Shard;

use crate::cluster::Cluster;
use crate::edf::Edf;
use crate::host::Host;
use crate::host_set::{Among, HostSet};
use crate::rng::Rng;
use crate::stats::ClusterStat;

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
    /// Where each group's turns began, and begin again when its hosts change.
    seed: u64,
    /// Whose turn it is, for each priority's groups of hosts.
    turns: Vec<Turns>,
}

/// A host for a request. Borrowed, because counting references would make workers write to one place.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'b> {
    /// The host.
    pub host: &'b Arc<Host>,
    /// Whether health was ignored, because too few hosts are healthy.
    pub panic: bool,
}

#[derive(Debug)]
struct Turns {
    /// Number of turns taken.
    taken: u64,
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    /// Not looked at since the hosts changed.
    Unknown,
    /// All the same: a strict rotation.
    Equal,
    /// Different.
    Different(Edf),
}

impl LoadBalancer {
    /// A balancer for a worker, by its number. The seed decides with which host it begins.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, worker: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            stats: cluster.stats().shard(worker),
            generation: cluster.generation(),
            hosts: cluster.host_set(),
            seed: rng.next(),
            rng,
            turns: Vec::new(),
            cluster,
        }
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

    /// A host for the next request, or why there is none. Counts `lb_healthy_panic` and
    /// `upstream_cx_none_healthy`. The time is looked at only where there is none.
    pub fn choose(&mut self, now: impl FnOnce() -> Instant) -> Result<Choice<'_>, Failure> {
        self.choose_by_hash(None, now)
    }

    /// A host for another attempt of a request. One that is passed over is drawn again, so often, and then taken all
    /// the same; priorities are left out where that leaves a host that may be used.
    pub fn choose_again(
        &mut self,
        draws: u32,
        left_out: &[usize],
        passed_over: &dyn Fn(&Host) -> bool,
        now: impl Fn() -> Instant,
    ) -> Result<Arc<Host>, Failure> {
        let mut drawn = 0;
        loop {
            let host = Arc::clone(self.choose_among(None, left_out, &now)?.host);
            if drawn >= draws || !passed_over(&host) {
                return Ok(host);
            }
            drawn += 1;
        }
    }

    /// The same for something that has a hash, which policies that go by hashes take for it.
    pub fn choose_by_hash(
        &mut self,
        hash: Option<u64>,
        now: impl FnOnce() -> Instant,
    ) -> Result<Choice<'_>, Failure> {
        self.choose_among(hash, &[], now)
    }

    fn choose_among(
        &mut self,
        hash: Option<u64>,
        left_out: &[usize],
        now: impl FnOnce() -> Instant,
    ) -> Result<Choice<'_>, Failure> {
        self.refresh();
        let by_hash = matches!(self.cluster.config().lb_policy, LbPolicy::RingHash(_) | LbPolicy::Maglev(_));
        let number = hash.filter(|_| by_hash).unwrap_or_else(|| self.rng.next());
        let without = (!left_out.is_empty())
            .then(|| self.hosts.choose_without(left_out, self.cluster.spread(), number))
            .flatten();
        let (priority, which) = without.unwrap_or_else(|| self.hosts.choose(number));
        let panic = which == Among::All;
        if panic {
            self.stats.inc(ClusterStat::LbHealthyPanic);
        }
        let refused = panic && self.cluster.config().fail_traffic_on_panic;
        let turn = if refused || by_hash { None } else { self.turn(priority, which) };
        let found = self.hosts.priorities().get(priority);
        let host = match turn {
            Some(turn) => found.and_then(|priority| priority.among(which).get(turn)),
            None if refused => None,
            None => found.and_then(|priority| priority.by_hash(number)),
        };
        match host {
            Some(host) => Ok(Choice { host, panic }),
            None => {
                self.stats.inc(ClusterStat::UpstreamCxNoneHealthy);
                let failure = self.cluster.why_none(now());
                if !refused {
                    return Err(failure);
                }
                let why = failure.evidence.as_deref().unwrap_or_default();
                let threshold = self.cluster.spread().panic_threshold;
                let evidence = format!(
                    "fail_traffic_on_panic: fewer than {threshold} % of the hosts may be used; {why}"
                );
                Err(failure.with_evidence(evidence))
            }
        }
    }

    /// Which of these hosts has its turn; `None` where there are none.
    fn turn(&mut self, priority: usize, which: Among) -> Option<usize> {
        let hosts = self.hosts.priorities().get(priority)?.among(which);
        let len = u64::try_from(hosts.len()).ok().filter(|len| *len > 0)?;
        let turn = match self.cluster.config().lb_policy {
            LbPolicy::RingHash(_) | LbPolicy::Maglev(_) => return None,
            LbPolicy::Random => self.rng.below(len),
            LbPolicy::RoundRobin => {
                let slot = priority * Among::COUNT + which as usize;
                while self.turns.len() <= slot {
                    self.turns.push(Turns { taken: self.seed, weights: Weights::Unknown });
                }
                let turns = self.turns.get_mut(slot)?;
                if matches!(turns.weights, Weights::Unknown) {
                    turns.weights = if weights_differ(hosts) {
                        Weights::Different(Edf::new(hosts.iter().map(|host| host.weight()), self.seed))
                    } else {
                        Weights::Equal
                    };
                }
                if let Weights::Different(edf) = &mut turns.weights {
                    return edf.next();
                }
                let turn = turns.taken % len;
                turns.taken = turns.taken.wrapping_add(1);
                turn
            }
        };
        usize::try_from(turn).ok()
    }

    fn refresh(&mut self) {
        let generation = self.cluster.generation();
        if generation != self.generation {
            self.generation = generation;
            self.hosts = self.cluster.host_set();
            // As in Envoy the count of turns goes on, while weighted turns begin anew.
            for turns in &mut self.turns {
                turns.weights = Weights::Unknown;
            }
        }
    }
}

fn weights_differ(hosts: &[Arc<Host>]) -> bool {
    hosts.first().is_some_and(|first| hosts.iter().any(|host| host.weight() != first.weight()))
}
