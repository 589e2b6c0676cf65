//! How often something failed, however long ago.

use std::collections::HashMap;

use causeway_reason::Reason;

/// Tallies of one worker that are told apart; what goes beyond counts for its reason alone.
pub const MOST_TALLIES: usize = 512;

/// Milliseconds of the interval that rates are counted in.
const MINUTE: u64 = 60_000;

/// How often a reason was met at a cluster by a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The reason.
    pub reason: Reason,
    /// The cluster's name; empty where none was chosen.
    pub cluster: Box<str>,
    /// Where the route stands in the file; empty where there was none.
    pub route: Box<str>,
    /// How often.
    pub total: u64,
    /// When it was met first: milliseconds since 1970.
    pub first: u64,
    /// When it was met last.
    pub last: u64,
    /// The minute since 1970 that `this_minute` is about.
    minute: u64,
    this_minute: u64,
    last_minute: u64,
}

impl Tally {
    fn new(reason: Reason, cluster: &str, route: &str, at: u64) -> Self {
        Self {
            reason,
            cluster: cluster.into(),
            route: route.into(),
            total: 0,
            first: at,
            last: at,
            minute: at / MINUTE,
            this_minute: 0,
            last_minute: 0,
        }
    }

    fn count(&mut self, at: u64) {
        self.turn(at / MINUTE);
        self.this_minute += 1;
        self.total += 1;
        self.last = self.last.max(at);
    }

    /// Goes on to another minute.
    fn turn(&mut self, minute: u64) {
        if minute > self.minute {
            self.last_minute = if minute == self.minute + 1 { self.this_minute } else { 0 };
            self.this_minute = 0;
            self.minute = minute;
        }
    }

    /// How often it was met in the 60 seconds before `now` (milliseconds since 1970): those of this minute, and the part of
    /// the minute before that is not over yet, as if they had come evenly.
    #[must_use]
    pub fn per_minute(&self, now: u64) -> u64 {
        let mut then = self.clone();
        then.turn(now / MINUTE);
        let left = MINUTE - now % MINUTE;
        then.this_minute + (then.last_minute * left).div_ceil(MINUTE)
    }

    /// Adds what another worker has counted of the same.
    pub(crate) fn add(&mut self, other: &Self) {
        let newest = self.minute.max(other.minute);
        let mut other = other.clone();
        self.turn(newest);
        other.turn(newest);
        self.total += other.total;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.this_minute += other.this_minute;
        self.last_minute += other.last_minute;
    }
}

/// The tallies of one worker.
#[derive(Debug, Default)]
pub(crate) struct Tallies(HashMap<u64, Tally, foldhash::fast::FixedState>);

impl Tallies {
    /// Counts a failure. Two places of which the hashes are the same are counted as one, which does not happen in the
    /// life of a process: they are 64 bits, of some hundred places.
    pub(crate) fn count(&mut self, reason: Reason, cluster: &str, route: &str, at: u64) {
        use std::hash::BuildHasher as _;
        let (cluster, route) =
            if self.0.len() < MOST_TALLIES { (cluster, route) } else { self.known(reason, cluster, route) };
        let key = self.0.hasher().hash_one((reason, cluster, route));
        self.0.entry(key).or_insert_with(|| Tally::new(reason, cluster, route, at)).count(at);
    }

    /// The place where there is a tally for it, else none.
    fn known<'a>(&self, reason: Reason, cluster: &'a str, route: &'a str) -> (&'a str, &'a str) {
        use std::hash::BuildHasher as _;
        let key = self.0.hasher().hash_one((reason, cluster, route));
        if self.0.contains_key(&key) { (cluster, route) } else { ("", "") }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tally> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_what_is_a_minute_old() {
        let mut tally = Tally::new(Reason::RouteTimeout, "a", "r", 0);
        for second in 0..60 {
            tally.count(second * 1000);
        }
        assert_eq!(tally.per_minute(59_999), 60);
        assert_eq!(tally.per_minute(90_000), 30);
        assert_eq!(tally.per_minute(120_000), 0);
        assert_eq!((tally.total, tally.first, tally.last), (60, 0, 59_000));
    }

    #[test]
    fn two_workers_count_together() {
        let mut one = Tally::new(Reason::RouteTimeout, "a", "r", 61_000);
        one.count(61_000);
        let mut other = Tally::new(Reason::RouteTimeout, "a", "r", 1000);
        other.count(1000);
        one.add(&other);
        assert_eq!((one.total, one.first, one.last), (2, 1000, 61_000));
        assert_eq!((one.this_minute, one.last_minute), (1, 1));
    }

    #[test]
    fn more_places_than_there_is_room_for_count_for_their_reason() {
        let mut tallies = Tallies::default();
        for cluster in 0..MOST_TALLIES + 10 {
            tallies.count(Reason::ConnectRefused, &cluster.to_string(), "r", 1);
        }
        tallies.count(Reason::ConnectRefused, "7", "r", 1);
        assert_eq!(tallies.0.len(), MOST_TALLIES + 1);
        let of =
            |cluster: &str| tallies.iter().find(|tally| &*tally.cluster == cluster).map(|tally| tally.total);
        assert_eq!((of("7"), of("")), (Some(2), Some(10)));
    }
}
