//! Aggregate clusters: clusters in a row, of which the next is used where those before it can't take everything.
//!
//! The priorities of all members are taken for those of one cluster, as in Envoy. Which member gets a request is
//! decided here; which of its hosts, by the member's own balancer.

use std::sync::Arc;

use causeway_model::ClusterType;

use crate::cluster::Cluster;
use crate::manager::Clusters;
use crate::priority::{Counts, Load, spread_by};
use crate::rng::Rng;

/// Chooses members of an aggregate cluster for the requests of one worker.
#[derive(Debug)]
pub struct Aggregate {
    cluster: Arc<Cluster>,
    clusters: Clusters,
    /// The map in which the members were looked for.
    map_generation: Option<u64>,
    members: Vec<Member>,
    /// The priorities of all members, in their order: the member, its priority, and what that gets.
    row: Vec<(usize, usize, Load)>,
    rng: Rng,
}

#[derive(Debug)]
struct Member {
    cluster: Arc<Cluster>,
    generation: u64,
}

/// Where in a member a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    pub(crate) priority: usize,
    /// To its degraded hosts.
    pub(crate) degraded: bool,
}

impl Aggregate {
    /// For a cluster that is one. The seed decides what is left to chance.
    #[must_use]
    pub fn new(cluster: &Arc<Cluster>, seed: u64) -> Option<Self> {
        let ClusterType::Aggregate(_) = &cluster.config().kind else { return None };
        Some(Self {
            clusters: cluster.surroundings().clusters()?,
            cluster: Arc::clone(cluster),
            map_generation: None,
            members: Vec::new(),
            row: Vec::new(),
            rng: Rng::new(seed),
        })
    }

    /// The member that gets the next request, and where in it; `None` where there is none.
    pub fn choose(&mut self) -> Option<(&Arc<Cluster>, Forced)> {
        self.refresh();
        let at = u32::try_from(self.rng.below(100)).unwrap_or(0) + 1;
        let mut sum = 0;
        for degraded in [false, true] {
            for (member, priority, load) in &self.row {
                sum += if degraded { load.degraded } else { load.healthy };
                if at <= sum {
                    let member = self.members.get(*member)?;
                    return Some((&member.cluster, Forced { priority: *priority, degraded }));
                }
            }
        }
        None
    }

    fn refresh(&mut self) {
        let map_generation = self.clusters.generation();
        let same_members = self.map_generation == Some(map_generation);
        if same_members && self.members.iter().all(|member| member.cluster.generation() == member.generation)
        {
            return;
        }
        if !same_members {
            self.map_generation = Some(map_generation);
            let ClusterType::Aggregate(names) = &self.cluster.config().kind else { return };
            let found = names.iter().filter_map(|name| self.clusters.get(name));
            self.members = found.map(|cluster| Member { cluster, generation: 0 }).collect();
        }
        let mut places = Vec::new();
        let mut counts: Vec<Counts> = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            member.generation = member.cluster.generation();
            for (priority, hosts) in member.cluster.host_set().priorities().iter().enumerate() {
                places.push((index, priority));
                counts.push(hosts.counts());
            }
        }
        let factor = |at: usize| {
            let member = places.get(at).and_then(|(member, _)| self.members.get(*member));
            member.map_or(0, |member| member.cluster.spread().overprovisioning_factor)
        };
        let loads = spread_by(&counts, &factor, self.cluster.spread().panic_threshold);
        self.row = places.into_iter().zip(loads).map(|((at, priority), load)| (at, priority, load)).collect();
    }
}
