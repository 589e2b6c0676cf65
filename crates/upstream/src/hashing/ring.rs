//! Envoy's ring (`RING_HASH`): each host stands on it many times, and serves the hashes up to each of its places.

use causeway_model::{HashFunction, RingHash};

use super::murmur::murmur2;
use super::xxhash::xxh64;
use super::{Shares, index_of};

/// A ring.
#[derive(Debug)]
pub(super) struct Ring {
    /// Hashes in order, and the hosts that stand there.
    places: Vec<(u64, u32)>,
    /// How many places the hosts have, those with the fewest and the most.
    pub(super) shares: Shares,
}

impl Ring {
    /// A ring of hosts, given by their keys and shares of the load, which come to one.
    pub(super) fn new(hosts: &[(String, f64)], config: &RingHash) -> Self {
        let least = hosts.iter().map(|(_, share)| *share).fold(f64::INFINITY, f64::min);
        if hosts.is_empty() {
            return Self { places: Vec::new(), shares: Shares::default() };
        }
        // The host with the least weight has a whole number of places.
        #[expect(clippy::cast_precision_loss, reason = "sizes of rings are far below 2^53")]
        let (minimum, maximum) = (config.minimum_ring_size as f64, config.maximum_ring_size as f64);
        let scale = ((least * minimum).ceil() / least).min(maximum);
        let mut places = Vec::new();
        let mut shares = Shares { least: u64::MAX, most: 0 };
        // Running sums, so that the places of all hosts together are right whatever is left of each.
        let (mut made, mut wanted) = (0.0, 0.0);
        for (index, (key, share)) in hosts.iter().enumerate() {
            wanted += scale * share;
            let mut own: u64 = 0;
            while made < wanted {
                places.push((hash(config.hash_function, &format!("{key}_{own}")), index_of(index)));
                own += 1;
                made += 1.0;
            }
            shares = Shares { least: shares.least.min(own), most: shares.most.max(own) };
        }
        places.sort_unstable_by_key(|(hash, _)| *hash);
        Self { places, shares }
    }

    /// The host that serves a hash; `None` where there are none. Further attempts lead to the places behind it.
    pub(super) fn find(&self, hash: u64, attempt: u32) -> Option<u32> {
        let at = self.places.partition_point(|(place, _)| *place < hash).checked_rem(self.places.len())?;
        let at = at.saturating_add(usize::try_from(attempt).unwrap_or(0)) % self.places.len();
        self.places.get(at).map(|(_, host)| *host)
    }

    /// Number of places.
    pub(super) fn size(&self) -> u64 {
        self.places.len() as u64
    }
}

fn hash(function: HashFunction, key: &str) -> u64 {
    match function {
        HashFunction::XxHash => xxh64(key.as_bytes(), 0),
        HashFunction::MurmurHash2 => murmur2(key.as_bytes()),
    }
}
