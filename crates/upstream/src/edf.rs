//! Weighted turns: earliest deadline first, as Envoy schedules endpoints of different weights.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A scheduler over the indices of a list. Each entry comes up as often as its weight says, as evenly
/// spaced as can be; over a period – the sum of the weights – the shares are exact.
#[derive(Debug)]
pub(crate) struct Edf {
    queue: BinaryHeap<Reverse<Entry>>,
    /// Numbers entries in the order they were put in, which decides between equal deadlines.
    next_order: u64,
}

/// An entry that is due for its n-th turn at n divided by its weight.
#[derive(Debug)]
struct Entry {
    turn: u64,
    weight: u32,
    order: u64,
    index: usize,
}

impl Edf {
    /// A scheduler for these weights, all positive, after so many turns. Workers that start at different
    /// turns do not all send their first request to the same host.
    pub(crate) fn new(weights: impl Iterator<Item = u32>, turns: u64) -> Self {
        let mut edf = Self { queue: BinaryHeap::new(), next_order: 0 };
        let mut period: u64 = 0;
        for (index, weight) in weights.enumerate() {
            period += u64::from(weight);
            edf.put(Entry { turn: 1, weight: weight.max(1), order: 0, index });
        }
        // Turns repeat after a period; a very long one is not worth walking through.
        for _ in 0..turns % period.clamp(1, 10_000) {
            edf.next();
        }
        edf
    }

    /// The next in turn.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let Reverse(entry) = self.queue.pop()?;
        let index = entry.index;
        self.put(Entry { turn: entry.turn + 1, ..entry });
        Some(index)
    }

    fn put(&mut self, entry: Entry) {
        self.queue.push(Reverse(Entry { order: self.next_order, ..entry }));
        self.next_order += 1;
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // a/b < c/d as a*d < c*b, which is exact: sums of rounded fractions drift apart, and with them the
        // shares.
        let product = |one: &Self, other: &Self| u128::from(one.turn) * u128::from(other.weight);
        product(self, other).cmp(&product(other, self)).then(self.order.cmp(&other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u32], start: u64, n: usize) -> String {
        let mut edf = Edf::new(weights.iter().copied(), start);
        (0..n).map(|_| char::from(b'a' + u8::try_from(edf.next().unwrap()).unwrap())).collect()
    }

    #[test]
    fn the_sequence_is_envoys() {
        // Seen from Envoy with weights 5, 1 and 2, which had begun one turn into the period.
        assert_eq!(turns(&[5, 1, 2], 1, 40), "acaabcaaacaabcaaacaabcaaacaabcaaacaabcaa");
    }

    #[test]
    fn shares_are_exact_over_a_period_wherever_it_begins() {
        for start in 0..20 {
            let sequence = turns(&[3, 1], start, 16);
            assert_eq!(sequence.matches('a').count(), 12, "{sequence}");
        }
    }

    #[test]
    fn nothing_to_schedule() {
        assert_eq!(Edf::new(std::iter::empty(), 7).next(), None);
    }
}
