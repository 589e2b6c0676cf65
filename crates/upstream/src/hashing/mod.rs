//! Consistent hashing: the host of a hash, which stays the same as far as it can when hosts come and go.
//!
//! Tables are Envoy's, place by place, so that what was with one host stays there when Causeway takes over. They are
//! made where a set of hosts is published, and shared by all workers.

mod maglev;
mod murmur;
mod ring;
mod xxhash;

use std::sync::Arc;

use causeway_model::{LbPolicy, Value};
use causeway_stats::{Registry, Scope, ScopeName};

use crate::host::Host;
use maglev::Maglev;
use ring::Ring;
pub use xxhash::xxh64;

/// Which host serves which hash.
#[derive(Debug)]
pub(crate) struct HashTable(Kind);

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

impl HashTable {
    /// A table for these hosts, where the policy hashes.
    pub(crate) fn new(hosts: &[Arc<Host>], policy: &LbPolicy) -> Option<Self> {
        Some(Self(match policy {
            LbPolicy::RoundRobin | LbPolicy::Random => return None,
            LbPolicy::RingHash(config) => Kind::Ring(Ring::new(&shares(hosts, config.use_hostname), config)),
            LbPolicy::Maglev(config) => {
                Kind::Maglev(Maglev::new(&shares(hosts, config.use_hostname), config.table_size))
            }
        }))
    }

    /// The index of the host that serves a hash.
    pub(crate) fn find(&self, hash: u64) -> Option<usize> {
        let found = match &self.0 {
            Kind::Ring(ring) => ring.find(hash),
            Kind::Maglev(maglev) => maglev.find(hash),
        };
        usize::try_from(found?).ok()
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
            LbPolicy::RoundRobin | LbPolicy::Random => None,
            LbPolicy::RingHash(_) => Some(Self::Ring(registry.scope(cluster.clone().then("ring_hash_lb")))),
            LbPolicy::Maglev(_) => Some(Self::Maglev(registry.scope(cluster.clone().then("maglev_lb")))),
        }
    }

    /// Shows a table.
    pub(crate) fn show(&self, table: &HashTable, registry: &Registry) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let main = registry.main_shard();
        match (self, &table.0) {
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

/// What is hashed of each host, and its share of the load.
fn shares(hosts: &[Arc<Host>], use_hostname: bool) -> Vec<(String, f64)> {
    let total: u64 = hosts.iter().map(|host| u64::from(host.weight())).sum();
    #[expect(clippy::cast_precision_loss, reason = "Envoy reckons in the same numbers")]
    let share = |host: &Host| f64::from(host.weight()) / total.max(1) as f64;
    hosts.iter().map(|host| (key_of(host, use_hostname), share(host))).collect()
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
        assert_eq!(by_source(|hash| ring.find(hash), 28), "eaebeebebeebbeeaaaaeeeebbeea");
    }

    /// As Envoy 1.40 sends them.
    #[test]
    fn a_maglev_table_is_envoys() {
        let maglev = Maglev::new(&hosts(&["ka", "kb", "ke"]), 65_537);
        assert_eq!(maglev.shares, Shares { least: 21_845, most: 21_846 });
        assert_eq!(by_source(|hash| maglev.find(hash), 28), "ebabeabbeeebabbeebababbeabbe");
    }

    #[test]
    fn a_ring_without_hosts_serves_nobody() {
        assert_eq!(Ring::new(&[], &RING).find(7), None);
        assert_eq!(Maglev::new(&[], 65_537).find(7), None);
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
