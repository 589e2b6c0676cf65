//! Durations that are a limit of somebody: always the same, or round.

/// How long requests of one kind took, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Durations {
    count: u64,
    least: u64,
    most: u64,
    near: [u64; LIMITS.len()],
}

/// What people and programs set as limits of time, in milliseconds.
const LIMITS: [u64; 17] = [
    1_000, 2_000, 3_000, 5_000, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 180_000,
    300_000, 350_000, 600_000, 3_600_000,
];

impl Durations {
    pub(super) fn add(&mut self, milliseconds: u64) {
        if self.count == 0 || milliseconds < self.least {
            self.least = milliseconds;
        }
        self.most = self.most.max(milliseconds);
        self.count += 1;
        for (near, limit) in self.near.iter_mut().zip(LIMITS) {
            if within(milliseconds, limit) {
                *near += 1;
            }
        }
    }

    /// Those of another as well.
    pub(super) fn join(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.least = if self.count == 0 { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        self.count += other.count;
        for (near, more) in self.near.iter_mut().zip(other.near) {
            *near += more;
        }
    }

    /// Shortest and longest.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        (self.count > 0).then_some((self.least, self.most))
    }

    /// The limit that most of them ended at: a usual one, or, where all took the same time, that time.
    pub(super) fn limit(&self) -> Option<u64> {
        let (at, near) = self.near.iter().enumerate().max_by_key(|(_, near)| **near)?;
        if self.count > 0 && *near * 10 >= self.count * 8 {
            return LIMITS.get(at).copied();
        }
        // One alone says nothing.
        let same = self.count >= 3 && self.least >= 500 && within(self.most, self.least);
        same.then_some(self.least)
    }
}

/// Whether something ended at a limit: at most 1 % or, for short ones, 25 ms behind it, and not before it by more than a tick.
const fn within(milliseconds: u64, limit: u64) -> bool {
    let slack = limit / 100;
    let slack = if slack < 25 { 25 } else { slack };
    milliseconds + 2 >= limit && milliseconds <= limit + slack
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(of: &[u64]) -> Option<u64> {
        let mut durations = Durations::default();
        of.iter().for_each(|time| durations.add(*time));
        durations.limit()
    }

    #[test]
    fn what_ends_at_a_limit_is_told_from_what_just_takes_long() {
        assert_eq!(limit(&[15_000, 15_001, 15_003, 15_090]), Some(15_000));
        assert_eq!(limit(&[14_999]), Some(15_000));
        assert_eq!(limit(&[15_000, 3, 9_000]), None);
        assert_eq!(limit(&[7_250, 7_251, 7_259]), Some(7_250));
        assert_eq!(limit(&[7_250]), None);
        assert_eq!(limit(&[0, 1, 2, 0]), None);
        assert_eq!(limit(&[]), None);
    }
}
