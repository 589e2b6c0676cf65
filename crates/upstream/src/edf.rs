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
    weight: u64,
    order: u64,
    index: usize,
}

impl Edf {
    /// A scheduler for these weights, all positive, after so many turns. Workers that start at different
    /// turns do not all send their first request to the same host.
    pub(crate) fn new(weights: impl Iterator<Item = u64>, turns: u64) -> Self {
        let mut edf = Self { queue: BinaryHeap::new(), next_order: 0 };
        let mut period: u64 = 0;
        for (index, weight) in weights.enumerate() {
            period = period.saturating_add(weight);
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

/// A scheduler over the indices of a list whose weights move: each is asked for anew whenever its entry has had its
/// turn. Deadlines are floating point, as in Envoy, so that shares are right in the long run and not turn by turn.
#[derive(Debug, Default)]
pub(crate) struct MovingEdf {
    queue: BinaryHeap<Reverse<Due>>,
    /// The deadline of the entry that had its turn last.
    now: f64,
    next_order: u64,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    deadline: f64,
    order: u64,
    index: usize,
}

impl MovingEdf {
    /// A scheduler for so many entries, after some turns, fewer than a round of them.
    pub(crate) fn new(count: usize, turns: u64, weight: impl Fn(usize) -> f64) -> Self {
        let mut edf = Self::default();
        for index in 0..count {
            edf.put(index, weight(index));
        }
        for _ in 0..turns.checked_rem(count as u64).unwrap_or(0) {
            edf.next(&weight);
        }
        edf
    }

    /// The next in turn. An entry without any weight stays where it is for ever, unless there are no others.
    pub(crate) fn next(&mut self, weight: impl Fn(usize) -> f64) -> Option<usize> {
        let Reverse(due) = self.queue.pop()?;
        self.now = due.deadline;
        self.put(due.index, weight(due.index));
        Some(due.index)
    }

    fn put(&mut self, index: usize, weight: f64) {
        let deadline = self.now + 1.0 / weight.max(f64::MIN_POSITIVE);
        self.queue.push(Reverse(Due { deadline, order: self.next_order, index }));
        self.next_order += 1;
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deadline.total_cmp(&other.deadline).then(self.order.cmp(&other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

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

    fn turns(weights: &[u64], start: u64, n: usize) -> String {
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
    fn weights_that_move_count_from_the_next_turn_on() {
        let mut edf = MovingEdf::new(2, 0, |_| 1.0);
        let share = |edf: &mut MovingEdf, weights: [f64; 2]| {
            (0..400).filter(|_| edf.next(|index| weights[index]) == Some(0)).count()
        };
        assert_eq!(share(&mut edf, [1.0, 1.0]), 200);
        assert!((298..=302).contains(&share(&mut edf, [3.0, 1.0])));
        assert!((78..=82).contains(&share(&mut edf, [0.25, 1.0])));
        assert_eq!(MovingEdf::new(0, 7, |_| 1.0).next(|_| 1.0), None);
    }

    #[test]
    fn nothing_to_schedule() {
        assert_eq!(Edf::new(std::iter::empty(), 7).next(), None);
    }
}
