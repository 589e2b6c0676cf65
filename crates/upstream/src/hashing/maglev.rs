//! Envoy's table (`MAGLEV`): hosts take places in turn, each in an order of its own, until none is left
//! ("Maglev: A Fast and Reliable Software Network Load Balancer", §3.4).

use super::xxhash::xxh64;
use super::{Shares, index_of};

/// A table.
#[derive(Debug)]
pub(super) struct Maglev {
    hosts: Vec<u32>,
    /// How many places the hosts have, those with the fewest and the most.
    pub(super) shares: Shares,
}

struct Entry {
    host: u32,
    /// Where it would like to be first, and how far from there next.
    offset: u64,
    skip: u64,
    next: u64,
    weight: f64,
    target: f64,
    count: u64,
}

const FREE: u32 = u32::MAX;

impl Maglev {
    /// A table of this size, which is a prime number, for hosts given by their keys and shares of the load.
    pub(super) fn new(hosts: &[(String, f64)], size: u64) -> Self {
        let len = usize::try_from(size).unwrap_or(0);
        if hosts.is_empty() || len < 2 {
            return Self { hosts: Vec::new(), shares: Shares::default() };
        }
        let most = hosts.iter().map(|(_, share)| *share).fold(0.0, f64::max);
        let mut order: Vec<_> = hosts.iter().enumerate().collect();
        // The same hosts make the same table, whatever their order.
        order.sort_by_key(|(index, (key, _))| (key, *index));
        let entry = |(index, (key, share)): (usize, &(String, f64))| Entry {
            host: index_of(index),
            offset: xxh64(key.as_bytes(), 0) % size,
            skip: xxh64(key.as_bytes(), 1) % (size - 1) + 1,
            next: 0,
            weight: *share,
            target: 0.0,
            count: 0,
        };
        let mut entries: Vec<_> = order.into_iter().map(entry).collect();
        let mut table = vec![FREE; len];
        let mut left = len;
        let mut iteration = 1.0;
        while left > 0 {
            for entry in &mut entries {
                if left == 0 {
                    break;
                }
                // A host with half the weight has its turn every other time.
                if iteration * entry.weight < entry.target {
                    continue;
                }
                entry.target += most;
                entry.take(&mut table, size);
                left -= 1;
            }
            iteration += 1.0;
        }
        let counts = || entries.iter().map(|entry| entry.count);
        let shares = Shares { least: counts().min().unwrap_or(0), most: counts().max().unwrap_or(0) };
        Self { hosts: table, shares }
    }

    /// The host that serves a hash; `None` where there are none. Further attempts have another hash.
    pub(super) fn find(&self, hash: u64, attempt: u32) -> Option<u32> {
        let hash = if attempt > 0 { hash ^ (u64::MAX - u64::from(attempt) + 1) } else { hash };
        let at = hash.checked_rem(self.hosts.len() as u64)?;
        self.hosts.get(usize::try_from(at).ok()?).copied()
    }
}

impl Entry {
    /// Takes the next place of its order that is free; there is one.
    fn take(&mut self, table: &mut [u32], size: u64) {
        loop {
            let at = (self.offset + self.skip * self.next) % size;
            self.next += 1;
            if let Some(place) = usize::try_from(at).ok().and_then(|at| table.get_mut(at))
                && *place == FREE
            {
                *place = self.host;
                self.count += 1;
                return;
            }
        }
    }
}
