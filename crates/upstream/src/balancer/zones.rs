//! Zone aware routing: requests stay in the zone where they are, as far as the others get no more than their share by
//! that. Envoy's arithmetic, in whole parts of ten thousand.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_model::{Locality, LocalityBasis, LocalityLb, ZoneAware};
use causeway_stats::Shard;

use crate::cluster::Cluster;
use crate::host_set::{HostSet, Priority};
use crate::localities::Group;
use crate::manager::Clusters;
use crate::rng::Rng;
use crate::stats::ClusterStat;
use crate::subsets::SubsetHosts;

/// How requests to the first priority are routed by zones.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Zones {
    /// Not at all.
    None,
    /// All of them stay.
    Direct,
    /// Some do, and the others go where there is capacity left.
    Residual {
        /// Of ten thousand, so many stay.
        local: u64,
        /// What each zone has left, with those before it.
        residual: Vec<u64>,
    },
}

impl Zones {
    /// How requests to these hosts are routed, where the cluster of the process itself has those. `places` is in how many
    /// zones the cluster has hosts, of which these may be a part; `count` is told what Envoy counts.
    pub(super) fn new(
        config: &ZoneAware,
        hosts: &Priority,
        places: usize,
        own_cluster: Option<&Priority>,
        count: &mut dyn FnMut(ClusterStat),
    ) -> Self {
        count(ClusterStat::LbRecalculateZoneStructures);
        let Some(localities) = hosts.localities() else { return Self::None };
        let zones = localities.groups();
        if places < if config.force_local_zone.is_some() { 1 } else { 2 } {
            return Self::None;
        }
        let Some(own_cluster) = own_cluster.filter(|own| !own.hosts().is_empty()) else { return Self::None };
        if (hosts.healthy().len() as u64) < config.min_cluster_size {
            count(ClusterStat::LbZoneClusterTooSmall);
            return Self::None;
        }
        let own_zones = own_cluster.localities().map_or(&[][..], |localities| localities.groups());
        let shares = Shares::new(config.basis, zones, own_zones);
        let here = localities.own().map(|own| (own, shares.of(own)));
        if let Some((own, share)) = &here {
            let forced =
                config.force_local_zone.is_some_and(|least| own.healthy.len() as u64 >= least.into());
            if forced || share.hosts > 0 && share.hosts >= share.own {
                return Self::Direct;
            }
        }
        let local =
            here.as_ref().map_or(0, |(_, share)| (share.hosts * 10_000).checked_div(share.own).unwrap_or(0));
        let mut left = 0;
        let residual = zones.iter().enumerate().map(|(index, zone)| {
            if index > 0 || here.is_none() {
                let share = shares.of(zone);
                left += share.hosts.saturating_sub(share.own);
            }
            left
        });
        Self::Residual { local, residual: residual.collect() }
    }

    /// The zone that a request goes to.
    pub(super) fn draw(&self, rng: &mut Rng, count: &mut dyn FnMut(ClusterStat)) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Direct => {
                count(ClusterStat::LbZoneRoutingAllDirectly);
                Some(0)
            }
            Self::Residual { local, .. } if rng.below(10_000) < *local => {
                count(ClusterStat::LbZoneRoutingSampled);
                Some(0)
            }
            Self::Residual { residual, .. } => {
                count(ClusterStat::LbZoneRoutingCrossZone);
                let left = residual.last().copied().unwrap_or(0);
                if left == 0 {
                    count(ClusterStat::LbZoneNoCapacityLeft);
                    return usize::try_from(rng.below(residual.len() as u64)).ok();
                }
                let at = rng.below(left);
                residual.iter().position(|sum| at <= *sum)
            }
        }
    }
}

/// How requests are routed by zones, and what that was reckoned from.
#[derive(Debug)]
pub(super) struct ZoneRouting {
    /// Among all hosts; nobody looks at it where there are subsets.
    whole: Zones,
    /// Among those of each subset, by its place.
    subsets: Vec<Zones>,
    /// How often a change is counted: the first worker counts for the main thread as well, which reckons too in Envoy.
    each: u64,
    clusters: Clusters,
    /// The map of clusters in which the process's own was looked for.
    map_generation: Option<u64>,
    own_cluster: Option<Arc<Cluster>>,
    own_generation: u64,
    /// The hosts of the process's own cluster.
    pub(super) own_hosts: Option<Arc<HostSet>>,
}

impl ZoneRouting {
    pub(super) const fn new(clusters: Clusters, worker: usize) -> Self {
        Self {
            whole: Zones::None,
            subsets: Vec::new(),
            each: if worker == 0 { 2 } else { 1 },
            clusters,
            map_generation: None,
            own_cluster: None,
            own_generation: 0,
            own_hosts: None,
        }
    }

    /// Reckons it anew where hosts have changed, or those of the process's own cluster have.
    pub(super) fn refresh(
        &mut self,
        cluster: &Cluster,
        hosts: &HostSet,
        changed: bool,
        stats: &Shard<ClusterStat>,
    ) {
        let LocalityLb::ZoneAware(config) = &cluster.config().locality_lb else { return };
        let map_generation = self.clusters.generation();
        if self.map_generation != Some(map_generation) {
            self.map_generation = Some(map_generation);
            let name = cluster.surroundings().own_cluster.as_deref();
            self.own_cluster = name.and_then(|name| self.clusters.get(name));
            self.own_hosts = None;
        }
        let own_generation = self.own_cluster.as_ref().map_or(0, |own| own.generation());
        let same_hosts =
            self.own_generation == own_generation && self.own_hosts.is_some() == self.own_cluster.is_some();
        if same_hosts && !changed {
            return;
        }
        self.own_generation = own_generation;
        self.own_hosts = self.own_cluster.as_ref().map(|own| own.host_set());
        let own = self.own_hosts.as_ref().and_then(|set| set.priorities().first());
        let zones_of = |set: &HostSet| set.priorities().first()?.localities().map(|all| all.groups().len());
        let places = zones_of(hosts).unwrap_or(0);
        let of = |set: &HostSet| match set.priorities().first() {
            Some(first) => Zones::new(config, first, places, own, &mut |stat| stats.add(stat, self.each)),
            None => Zones::None,
        };
        match hosts.subsets() {
            None => self.whole = of(hosts),
            Some(subsets) => {
                let each = subsets.all().iter().map(|subset| match &subset.hosts {
                    SubsetHosts::Set(set) => of(set),
                    SubsetHosts::Single(_) => Zones::None,
                });
                self.subsets = each.collect();
            }
        }
    }

    /// How requests to these hosts are routed: those of the subset at this place, or else all.
    pub(super) fn among(&self, subset: Option<usize>) -> &Zones {
        match subset {
            None => &self.whole,
            Some(at) => self.subsets.get(at).unwrap_or(&Zones::None),
        }
    }
}

/// Parts of ten thousand that zones have.
struct Shares<'z> {
    basis: LocalityBasis,
    total: u64,
    own_total: u64,
    own: HashMap<&'z Locality, u64>,
}

/// Parts of ten thousand that one zone has.
#[derive(Debug, Default)]
struct Share {
    /// Of the hosts to choose from.
    hosts: u64,
    /// Of the process's own cluster.
    own: u64,
}

impl<'z> Shares<'z> {
    fn new(basis: LocalityBasis, zones: &[Group], own: &'z [Group]) -> Self {
        let own: HashMap<_, _> = own.iter().map(|zone| (&zone.locality, size(zone, basis))).collect();
        Self {
            basis,
            total: zones.iter().map(|zone| size(zone, basis)).sum(),
            own_total: own.values().sum(),
            own,
        }
    }

    fn of(&self, zone: &Group) -> Share {
        if zone.healthy.is_empty() {
            return Share::default();
        }
        let own = self.own.get(&zone.locality).copied().unwrap_or(0);
        let part = |size: u64, total: u64| (size * 10_000).checked_div(total).unwrap_or(0);
        Share { hosts: part(size(zone, self.basis), self.total), own: part(own, self.own_total) }
    }
}

fn size(zone: &Group, basis: LocalityBasis) -> u64 {
    match basis {
        LocalityBasis::HealthyHosts => zone.healthy.len() as u64,
        LocalityBasis::HealthyWeight => zone.healthy.iter().map(|host| host.share()).sum(),
    }
}
