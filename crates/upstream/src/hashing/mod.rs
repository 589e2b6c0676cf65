//! Consistent hashing: the host of a hash, which stays the same as far as it can when hosts come and go.
//!
//! Tables are Envoy's, place by place, so that what was with one host stays there when Causeway takes over. They are
//! made where a set of hosts is published, and shared by all workers.

mod bounded;
mod maglev;
mod murmur;
mod ring;
mod xxhash;

use std::sync::Arc;

use causeway_model::{LbPolicy, Value};
use causeway_stats::{Registry, Scope, ScopeName};

use crate::host::Host;
use crate::host_set::{Layout, Priority};
use bounded::Bounded;
use maglev::Maglev;
use ring::Ring;
pub use xxhash::xxh64;

/// Which host serves which hash.
#[derive(Debug)]
pub(crate) struct HashTable {
    kind: Kind,
    /// Where each of the hosts that are hashed stands in the list of its priority, if not at its own place.
    places: Option<Vec<usize>>,
    bounded: Option<Bounded>,
}

#[derive(Debug)]
enum Kind {
    Ring(Ring),
    Maglev(Maglev),
}

/// The smallest and the largest number of places that hosts have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shares {
    least: u64,
    most: u64,
}

causeway_stats::schema! {
    /// `cluster.<name>.ring_hash_lb.`
    pub(crate) enum RingHashStat {
        /// Places of the host that has the most.
        MaxHashesPerHost = gauge "max_hashes_per_host",
        /// Places of the host that has the fewest.
        MinHashesPerHost = gauge "min_hashes_per_host",
        /// Places.
        Size = gauge "size",
    }
}

causeway_stats::schema! {
    /// `cluster.<name>.maglev_lb.`
    pub(crate) enum MaglevStat {
        /// Places of the host that has the most.
        MaxEntriesPerHost = gauge "max_entries_per_host",
        /// Places of the host that has the fewest.
        MinEntriesPerHost = gauge "min_entries_per_host",
    }
}

/// A host as tables know it.
type Hashed<'h> = (&'h Arc<Host>, f64);

impl HashTable {
    /// A table for the hosts of a priority, where the policy hashes.
    pub(crate) fn new(priority: &Priority, layout: &Layout<'_>) -> Option<Self> {
        let (use_hostname, balance_factor) = match layout.policy {
            LbPolicy::RoundRobin(_) | LbPolicy::LeastRequest(_) | LbPolicy::Random => return None,
            LbPolicy::RingHash(config) => (config.use_hostname, config.balance_factor),
            LbPolicy::Maglev(config) => (config.use_hostname, config.balance_factor),
        };
        let listed = priority.among(priority.hashed());
        let by_locality = priority.localities().filter(|_| layout.weighted);
        let mut hosts: Vec<Hashed<'_>> = Vec::new();
        match by_locality {
            Some(localities) if localities.groups().iter().any(|group| group.weight > 0) => {
                let total: u64 = localities.groups().iter().map(|group| u64::from(group.weight)).sum();
                for group in localities.groups().iter().filter(|group| group.weight > 0) {
                    let of_group = if priority.in_panic() { &group.hosts } else { &group.healthy };
                    #[expect(clippy::cast_precision_loss, reason = "Envoy reckons in the same numbers")]
                    share_out(of_group, f64::from(group.weight) / total as f64, &mut hosts);
                }
            }
            _ => share_out(listed, 1.0, &mut hosts),
        }
        let places = by_locality.map(|_| {
            let place = |(host, _): &Hashed<'_>| listed.iter().position(|other| other.id() == host.id());
            hosts.iter().map(|hashed| place(hashed).unwrap_or(0)).collect()
        });
        let shares: Vec<(String, f64)> =
            hosts.iter().map(|(host, share)| (key_of(host, use_hostname), *share)).collect();
        let kind = match layout.policy {
            LbPolicy::RingHash(config) => Kind::Ring(Ring::new(&shares, config)),
            LbPolicy::Maglev(config) => Kind::Maglev(Maglev::new(&shares, config.table_size)),
            LbPolicy::RoundRobin(_) | LbPolicy::LeastRequest(_) | LbPolicy::Random => return None,
        };
        let parts = || shares.iter().map(|(_, share)| *share).collect();
        let bounded = balance_factor.map(|factor| Bounded::new(factor, parts()));
        Some(Self { kind, places, bounded })
    }

    /// The index of the host that serves a hash, among those of its priority that are hashed. `attempt` counts from 0
    /// on; each leads elsewhere. `active` are the requests under way with a host.
    pub(crate) fn find(&self, hash: u64, attempt: u32, active: impl Fn(usize) -> u64) -> Option<usize> {
        let place = |host: u32| {
            let host = usize::try_from(host).unwrap_or(0);
            self.places.as_ref().map_or(Some(host), |places| places.get(host).copied())
        };
        let found = match &self.kind {
            Kind::Ring(ring) => ring.find(hash, attempt),
            Kind::Maglev(maglev) => maglev.find(hash, attempt),
        };
        match &self.bounded {
            None => place(found?),
            Some(bounded) => {
                let active = |host| place(host).map_or(0, &active);
                place(bounded.find(hash, found?, active))
            }
        }
    }
}

/// What tables look like, in the statistics of their cluster; written by the main thread only.
#[derive(Debug)]
pub(crate) enum TableStats {
    Ring(Scope<RingHashStat>),
    Maglev(Scope<MaglevStat>),
}

impl TableStats {
    /// For a cluster, where its policy hashes.
    pub(crate) fn new(policy: &LbPolicy, registry: &Registry, cluster: &ScopeName) -> Option<Self> {
        match policy {
            LbPolicy::RoundRobin(_) | LbPolicy::LeastRequest(_) | LbPolicy::Random => None,
            LbPolicy::RingHash(_) => Some(Self::Ring(registry.scope(cluster.clone().then("ring_hash_lb")))),
            LbPolicy::Maglev(_) => Some(Self::Maglev(registry.scope(cluster.clone().then("maglev_lb")))),
        }
    }

    /// Shows a table.
    pub(crate) fn show(&self, table: &HashTable, registry: &Registry) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let main = registry.main_shard();
        match (self, &table.kind) {
            (Self::Ring(scope), Kind::Ring(ring)) => {
                let shard = scope.shard(main);
                shard.set(RingHashStat::Size, gauge(ring.size()));
                shard.set(RingHashStat::MinHashesPerHost, gauge(ring.shares.least));
                shard.set(RingHashStat::MaxHashesPerHost, gauge(ring.shares.most));
            }
            (Self::Maglev(scope), Kind::Maglev(maglev)) => {
                let shard = scope.shard(main);
                shard.set(MaglevStat::MinEntriesPerHost, gauge(maglev.shares.least));
                shard.set(MaglevStat::MaxEntriesPerHost, gauge(maglev.shares.most));
            }
            // A cluster has one policy for its life.
            (Self::Ring(_), Kind::Maglev(_)) | (Self::Maglev(_), Kind::Ring(_)) => {}
        }
    }
}

/// Adds hosts with their parts of a share of the load.
fn share_out<'h>(hosts: &'h [Arc<Host>], share: f64, all: &mut Vec<Hashed<'h>>) {
    let total: u64 = hosts.iter().map(|host| host.share()).sum();
    #[expect(clippy::cast_precision_loss, reason = "Envoy reckons in the same numbers")]
    let part = |host: &Host| host.share() as f64 * share / total.max(1) as f64;
    all.extend(hosts.iter().map(|host| (host, part(host))));
}

/// The key in the metadata of the endpoint, its name, or its address.
fn key_of(host: &Host, use_hostname: bool) -> String {
    match host.metadata().get("envoy.lb", &["hash_key".into()]) {
        Some(Value::String(key)) => key.to_string(),
        _ if use_hostname => host.hostname().to_string(),
        _ => host.address().to_string(),
    }
}

fn index_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use causeway_model::{HashFunction, RingHash};

    use super::*;

    const RING: RingHash = RingHash {
        minimum_ring_size: 1024,
        maximum_ring_size: 8 * 1024 * 1024,
        hash_function: HashFunction::XxHash,
        use_hostname: false,
        balance_factor: None,
    };

    fn hosts(keys: &[&str]) -> Vec<(String, f64)> {
        keys.iter().map(|key| ((*key).to_owned(), 1.0 / keys.len() as f64)).collect()
    }

    /// The hosts of 127.0.0.2 and the following, by the last letter of their key.
    fn by_source(find: impl Fn(u64) -> Option<u32>, count: u8) -> String {
        let host = |last: u8| find(xxh64(format!("127.0.0.{last}").as_bytes(), 0));
        (2..2 + count).map(|last| ['a', 'b', 'e'][host(last).unwrap() as usize]).collect()
    }

    /// As Envoy 1.40 sends them.
    #[test]
    fn a_ring_is_envoys() {
        let ring = Ring::new(&hosts(&["ka", "kb", "ke"]), &RING);
        assert_eq!((ring.size(), ring.shares), (1026, Shares { least: 342, most: 342 }));
        assert_eq!(by_source(|hash| ring.find(hash, 0), 28), "eaebeebebeebbeeaaaaeeeebbeea");
    }

    /// As Envoy 1.40 sends them.
    #[test]
    fn a_maglev_table_is_envoys() {
        let maglev = Maglev::new(&hosts(&["ka", "kb", "ke"]), 65_537);
        assert_eq!(maglev.shares, Shares { least: 21_845, most: 21_846 });
        assert_eq!(by_source(|hash| maglev.find(hash, 0), 28), "ebabeabbeeebabbeebababbeabbe");
    }

    #[test]
    fn a_ring_without_hosts_serves_nobody() {
        assert_eq!(Ring::new(&[], &RING).find(7, 0), None);
        assert_eq!(Maglev::new(&[], 65_537).find(7, 0), None);
    }

    #[test]
    fn a_ring_is_no_larger_than_it_may_be() {
        let config = RingHash { minimum_ring_size: 10, maximum_ring_size: 10, ..RING };
        let ring = Ring::new(&[("a".into(), 0.1), ("b".into(), 0.9)], &config);
        assert_eq!((ring.size(), ring.shares), (10, Shares { least: 1, most: 9 }));
    }

    #[test]
    fn weights_count_in_a_maglev_table() {
        let maglev = Maglev::new(&[("a".into(), 0.25), ("b".into(), 0.75)], 101);
        assert_eq!(maglev.shares, Shares { least: 26, most: 75 });
    }
}
