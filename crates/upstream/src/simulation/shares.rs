//! Which share of the requests each zone should have, from what Envoy's documentation says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_model::{LbPolicy, LocalityBasis, ZoneAware};

use crate::cluster::Cluster;
use crate::flags::Health;
use crate::host::Host;

/// Parts of one, by the zone's name.
pub(super) type Shares = BTreeMap<String, f64>;

pub(super) fn zone_of(host: &Host) -> String {
    host.locality().zone.to_string()
}

/// The hosts of the first priority that are healthy.
fn healthy(cluster: &Cluster) -> Vec<Arc<Host>> {
    let set = cluster.host_set();
    set.hosts().filter(|host| host.priority() == 0 && host.health() == Health::Healthy).cloned().collect()
}

/// Sums by zones, over the sum of all.
fn shares(hosts: &[Arc<Host>], size: impl Fn(&Host) -> u32) -> Shares {
    let mut shares = Shares::new();
    for host in hosts {
        *shares.entry(zone_of(host)).or_default() += f64::from(size(host));
    }
    let total: f64 = shares.values().sum();
    shares.values_mut().for_each(|share| *share /= total);
    shares
}

/// What zones get without a thought of zones.
pub(super) fn without_zones(cluster: &Cluster) -> Shares {
    // Chance alone does not look at weights.
    let by_count = cluster.config().lb_policy == LbPolicy::Random;
    shares(&healthy(cluster), |host| if by_count { 1 } else { host.weight() })
}

/// What zones get where requests stay in `here` as far as that is fair; `None` where zones do not matter.
pub(super) fn with_zones(
    config: &ZoneAware,
    cluster: &Cluster,
    own: Option<&Cluster>,
    here: &str,
) -> Option<Shares> {
    let set = cluster.host_set();
    let mut zones: Vec<String> =
        set.hosts().filter(|host| host.priority() == 0).map(|h| zone_of(h)).collect();
    zones.sort();
    zones.dedup();
    let healthy_here = healthy(cluster);
    let own = own?;
    let anybody_of_ours = own.host_set().hosts().any(|host| host.priority() == 0);
    let enough = u64::try_from(healthy_here.len()).unwrap() >= config.min_cluster_size;
    let least_zones = if config.force_local_zone.is_some() { 1 } else { 2 };
    if zones.len() < least_zones || !anybody_of_ours || !enough {
        return None;
    }
    let size = |host: &Host| match config.basis {
        LocalityBasis::HealthyHosts => 1,
        LocalityBasis::HealthyWeight => host.weight(),
    };
    let (theirs, ours) = (shares(&healthy_here, size), shares(&healthy(own), size));
    let of = |shares: &Shares, zone: &str| shares.get(zone).copied().unwrap_or(0.0);
    let (capacity, need) = (of(&theirs, here), of(&ours, here));
    let in_zone = healthy_here.iter().filter(|host| zone_of(host) == here).count();
    let known = zones.iter().any(|zone| zone == here);
    let forced = config.force_local_zone.is_some_and(|least| in_zone >= least as usize);
    if known && (forced || capacity > 0.0 && capacity >= need) {
        return Some([(here.to_owned(), 1.0)].into());
    }
    // What stays is what is there to be had; the rest goes where more is to be had than is needed.
    let stays = if need > 0.0 { capacity / need } else { 0.0 };
    let left =
        |zone: &String| if zone == here { 0.0 } else { (of(&theirs, zone) - of(&ours, zone)).max(0.0) };
    let all_left: f64 = zones.iter().map(left).sum();
    let share = |zone: &String| {
        let somebody = of(&theirs, zone) > 0.0;
        // Where nothing is left anywhere it is up to chance, and what falls on a zone without hosts is lost.
        let any = if somebody { 1.0 / theirs.len() as f64 } else { 0.0 };
        let more = if all_left > 1e-3 { left(zone) / all_left } else { any };
        (1.0 - stays) * more + if zone == here { stays } else { 0.0 }
    };
    Some(zones.iter().map(|zone| (zone.clone(), share(zone))).collect())
}

/// What zones get where each has a weight: as much of it as its healthy hosts can take.
pub(super) fn by_weight(cluster: &Cluster) -> Option<Shares> {
    let set = cluster.host_set();
    let mut zones: BTreeMap<String, (u32, u32, u32)> = BTreeMap::new();
    for host in set.hosts().filter(|host| host.priority() == 0) {
        let (weight, healthy, counted) = zones.entry(zone_of(host)).or_default();
        *weight = host.locality_weight();
        *healthy += u32::from(host.health() == Health::Healthy);
        *counted += u32::from(!host.flags().is_excluded());
    }
    let factor = f64::from(cluster.config().overprovisioning_factor) / 100.0;
    let effective = |(weight, healthy, counted): (u32, u32, u32)| {
        f64::from(weight) * (factor * f64::from(healthy) / f64::from(counted.max(1))).min(1.0)
    };
    let mut shares: Shares = zones.into_iter().map(|(zone, counts)| (zone, effective(counts))).collect();
    let total: f64 = shares.values().sum();
    shares.values_mut().for_each(|share| *share /= total);
    (total > 0.0).then_some(shares)
}
