//! What failed at all workers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_reason::Reason;

use crate::record::{Fact, Record};
use crate::ring::Ring;
use crate::tally::Tally;

/// The rings of all workers.
#[derive(Debug)]
pub struct Journal {
    capacity: usize,
    rings: Mutex<Vec<Arc<Ring>>>,
}

/// Which failures are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this reason.
    pub reason: Option<Reason>,
    /// Only this cluster.
    pub cluster: Option<String>,
    /// Only what happened then or later: milliseconds since 1970.
    pub since: Option<u64>,
}

impl Filter {
    fn fits(&self, record: &Record) -> bool {
        self.reason.is_none_or(|reason| reason == record.reason)
            && self.cluster.as_ref().is_none_or(|cluster| cluster == record.fact(Fact::Cluster))
            && self.since.is_none_or(|since| record.at >= since)
    }
}

impl Journal {
    /// One that keeps so many failures of each worker; with 0, it only counts them.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, rings: Mutex::new(Vec::new()) }
    }

    /// The ring of one more worker.
    pub fn ring(&self) -> Arc<Ring> {
        let ring = Arc::new(Ring::new(self.capacity));
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&ring));
        ring
    }

    /// The newest failures that fit, newest first, at most so many.
    #[must_use]
    pub fn newest(&self, most: usize, filter: &Filter) -> Vec<Record> {
        self.collect(most, |record| filter.fits(record))
    }

    /// The failures with this number, or with this `x-request-id`: newest first. A request whose id other requests
    /// bear too, such as those it caused elsewhere, is found with them.
    #[must_use]
    pub fn find(&self, id: &str) -> Vec<Record> {
        let number = u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16);
        // What is longer than what is kept is found by what is.
        let kept = id.get(..id.floor_char_boundary(Fact::RequestId.limit())).unwrap_or(id);
        self.collect(usize::MAX, |record| {
            number == Some(record.id) || (!kept.is_empty() && record.fact(Fact::RequestId) == kept)
        })
    }

    /// How often each reason was met at each cluster by each route, since the start; most often first.
    #[must_use]
    pub fn tallies(&self) -> Vec<Tally> {
        let mut all = HashMap::<_, Tally>::new();
        for tally in self.rings().iter().flat_map(|ring| ring.tallies()) {
            let key = (tally.reason, tally.cluster.clone(), tally.route.clone());
            match all.get_mut(&key) {
                Some(sum) => sum.add(&tally),
                None => {
                    all.insert(key, tally);
                }
            }
        }
        let mut all: Vec<_> = all.into_values().collect();
        all.sort_by(|a, b| {
            let place = |tally: &Tally| (tally.reason, tally.cluster.clone(), tally.route.clone());
            b.total.cmp(&a.total).then_with(|| place(a).cmp(&place(b)))
        });
        all
    }

    /// Failures since the start, and how many of them are kept.
    #[must_use]
    pub fn count(&self) -> (u64, usize) {
        self.rings().iter().map(|ring| ring.count()).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    fn collect(&self, most: usize, fits: impl Fn(&Record) -> bool) -> Vec<Record> {
        let mut all: Vec<_> = self.rings().iter().flat_map(|ring| ring.newest(most, &fits)).collect();
        // Those of one worker stay in their order.
        all.sort_by_key(|record| std::cmp::Reverse(record.at));
        all.truncate(most);
        all
    }

    fn rings(&self) -> Vec<Arc<Ring>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(crate::CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CAPACITY;

    fn record(id: u64, at: u64, reason: Reason, cluster: &str) -> Record {
        let mut record = Record::new(id, at, reason);
        record.note(Fact::Cluster, cluster);
        record.note(Fact::RequestId, format_args!("request-{id}"));
        record
    }

    fn ids(records: &[Record]) -> Vec<u64> {
        records.iter().map(|record| record.id).collect()
    }

    #[test]
    fn the_newest_of_all_workers_come_first() {
        let journal = Journal::default();
        let (one, other) = (journal.ring(), journal.ring());
        one.write(record(1, 10, Reason::ConnectRefused, "a"));
        other.write(record(2, 20, Reason::ConnectTimeout, "b"));
        one.write(record(3, 30, Reason::ConnectRefused, "b"));
        let all = Filter::default();
        assert_eq!(ids(&journal.newest(9, &all)), [3, 2, 1]);
        assert_eq!(ids(&journal.newest(2, &all)), [3, 2]);
        let refused = Filter { reason: Some(Reason::ConnectRefused), ..Filter::default() };
        assert_eq!(ids(&journal.newest(9, &refused)), [3, 1]);
        let of_b = Filter { cluster: Some("b".into()), since: Some(25), ..Filter::default() };
        assert_eq!(ids(&journal.newest(9, &of_b)), [3]);
        assert_eq!(ids(&journal.find("request-2")), [2]);
        assert_eq!(ids(&journal.find("0000000000000003")), [3]);
        assert!(journal.find("3").is_empty() && journal.find("").is_empty());
        assert_eq!(journal.count(), (3, 3));
        let tallies = journal.tallies();
        assert_eq!(
            tallies.iter().map(|tally| (&*tally.cluster, tally.total)).collect::<Vec<_>>(),
            [("a", 1), ("b", 1), ("b", 1)]
        );
    }

    #[test]
    fn a_journal_without_room_counts() {
        let journal = Journal::new(0);
        let ring = journal.ring();
        ring.write(Record::new(1, 1, Reason::ConnectRefused));
        ring.write(Record::new(2, 2, Reason::ConnectRefused));
        assert_eq!(journal.count(), (2, 0));
        assert!(journal.newest(10, &Filter::default()).is_empty());
        assert_eq!(journal.tallies().first().map(|tally| tally.total), Some(2));
    }

    #[test]
    fn the_oldest_is_written_over_and_still_counted() {
        let journal = Journal::default();
        let ring = journal.ring();
        let most = CAPACITY as u64;
        for id in 0..most + 5 {
            ring.write(record(id, id, Reason::ConnectRefused, "a"));
        }
        let kept = journal.newest(usize::MAX, &Filter::default());
        assert_eq!(ids(&kept), (5..most + 5).rev().collect::<Vec<_>>());
        assert_eq!(journal.count(), (most + 5, CAPACITY));
        assert_eq!(journal.tallies()[0].total, most + 5);
    }
}
