//! How load is spread over priorities: Envoy's arithmetic, in whole per cents.
//!
//! Each priority can take as much as its share of usable hosts, times the overprovisioning factor; what
//! one can't take goes to the next. Where too few hosts are left altogether, health is ignored (panic).

/// Hosts of one priority, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) hosts: u32,
    pub(crate) healthy: u32,
    pub(crate) degraded: u32,
    pub(crate) excluded: u32,
}

/// What one priority gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Of a hundred requests, so many go to its healthy hosts.
    pub(crate) healthy: u32,
    /// And so many to its degraded ones.
    pub(crate) degraded: u32,
    /// Its requests go to any of its hosts.
    pub(crate) panic: bool,
}

impl Counts {
    /// Hosts that count.
    const fn relevant(self) -> u32 {
        self.hosts.saturating_sub(self.excluded)
    }

    fn availability(self, usable: u32, overprovisioning_factor: u32) -> u32 {
        let relevant = u64::from(self.relevant());
        let percent = (u64::from(overprovisioning_factor) * u64::from(usable)).checked_div(relevant);
        u32::try_from(percent.unwrap_or(0).min(100)).unwrap_or(100)
    }

    /// Whether too few of them may be used.
    pub(crate) fn in_panic(self, threshold: u32) -> bool {
        let usable = u64::from(self.healthy) + u64::from(self.degraded);
        // The share is below the threshold; without hosts it is none.
        match self.relevant() {
            0 => threshold > 0,
            relevant => usable * 100 < u64::from(threshold) * u64::from(relevant),
        }
    }
}

/// Spreads a hundred requests over the priorities, of which there is at least one.
pub(crate) fn spread(counts: &[Counts], overprovisioning_factor: u32, panic_threshold: u32) -> Vec<Load> {
    spread_by(counts, &|_| overprovisioning_factor, panic_threshold)
}

/// The same where each priority has an overprovisioning factor of its own.
pub(crate) fn spread_by(
    counts: &[Counts],
    overprovisioning_factor: &dyn Fn(usize) -> u32,
    panic_threshold: u32,
) -> Vec<Load> {
    let each = |usable: fn(&Counts) -> u32| -> Vec<u32> {
        let factor = overprovisioning_factor;
        counts.iter().enumerate().map(|(at, one)| one.availability(usable(one), factor(at))).collect()
    };
    let healthy = each(|one| one.healthy);
    let degraded = each(|one| one.degraded);
    let total = healthy.iter().chain(&degraded).sum::<u32>().min(100);
    let mut loads = vec![Load::default(); counts.len()];
    if total > 0 {
        let mut left = 100;
        let mut take = |availability: u32| {
            let share = (availability * 100 / total).min(left);
            left -= share;
            share
        };
        for (load, availability) in loads.iter_mut().zip(&healthy) {
            load.healthy = take(*availability);
        }
        for (load, availability) in loads.iter_mut().zip(&degraded) {
            load.degraded = take(*availability);
        }
        // What rounding left over goes to the first that can take anything.
        if let Some(first) = healthy.iter().position(|availability| *availability > 0) {
            loads[first].healthy += left;
        } else if let Some(first) = degraded.iter().position(|availability| *availability > 0) {
            loads[first].degraded += left;
        }
    }
    if panic_threshold == 0 && total == 0 {
        // Nobody can be asked; the choice must still fall on something.
        if let Some(first) = loads.first_mut() {
            first.healthy = 100;
        }
        return loads;
    }
    if total < 100 {
        for (load, counts) in loads.iter_mut().zip(counts) {
            load.panic = counts.in_panic(panic_threshold);
        }
    }
    if loads.iter().all(|load| load.panic) {
        spread_in_total_panic(counts, &mut loads);
    }
    loads
}

/// Where all priorities are in panic, each gets its share of all hosts.
fn spread_in_total_panic(counts: &[Counts], loads: &mut [Load]) {
    let total: u64 = counts.iter().map(|one| u64::from(one.hosts)).sum();
    let mut left = 100;
    for (load, counts) in loads.iter_mut().zip(counts) {
        let share = (100 * u64::from(counts.hosts)).checked_div(total).unwrap_or(0);
        let share = u32::try_from(share).unwrap_or(100);
        *load = Load { healthy: share, degraded: 0, panic: true };
        left -= share;
    }
    let first = counts.iter().position(|one| one.hosts > 0).unwrap_or(0);
    if let Some(first) = loads.get_mut(first) {
        first.healthy += left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn counts(hosts: u32, healthy: u32, degraded: u32) -> Counts {
        Counts { hosts, healthy, degraded, excluded: 0 }
    }

    fn shares(loads: &[Load]) -> Vec<(u32, u32, bool)> {
        loads.iter().map(|load| (load.healthy, load.degraded, load.panic)).collect()
    }

    #[test]
    fn what_a_priority_can_not_take_goes_to_the_next() {
        let spread = |counts: &[Counts]| shares(&spread(counts, 140, 0));
        assert_eq!(spread(&[counts(2, 2, 0), counts(1, 1, 0)]), [(100, 0, false), (0, 0, false)]);
        assert_eq!(spread(&[counts(2, 1, 0), counts(1, 1, 0)]), [(70, 0, false), (30, 0, false)]);
        assert_eq!(spread(&[counts(4, 3, 0), counts(1, 1, 0)]), [(100, 0, false), (0, 0, false)]);
        assert_eq!(spread(&[counts(2, 0, 0), counts(1, 1, 0)]), [(0, 0, false), (100, 0, false)]);
        assert_eq!(spread(&[counts(0, 0, 0), counts(1, 1, 0)]), [(0, 0, false), (100, 0, false)]);
    }

    #[test]
    fn degraded_hosts_take_what_healthy_ones_can_not() {
        // As seen: 2 healthy and 1 degraded of 5 that count.
        let one = Counts { hosts: 6, healthy: 2, degraded: 1, excluded: 1 };
        assert_eq!(shares(&spread(&[one], 140, 50)), [(67, 33, false)]);
        assert_eq!(shares(&spread(&[counts(2, 0, 2)], 140, 50)), [(0, 100, false)]);
        // Envoy's own example: 10, 20, 10 % healthy and 20, 10, 0 % degraded.
        let three = [counts(14, 1, 2), counts(14, 2, 1), counts(14, 1, 0)];
        assert_eq!(shares(&spread(&three, 140, 0)), [(16, 28, false), (28, 14, false), (14, 0, false)]);
    }

    #[test]
    fn panic_sets_in_below_the_threshold() {
        assert_eq!(shares(&spread(&[counts(2, 1, 0)], 140, 50)), [(100, 0, false)]);
        assert_eq!(shares(&spread(&[counts(4, 1, 0)], 140, 50)), [(100, 0, true)]);
        assert_eq!(shares(&spread(&[counts(4, 0, 0)], 140, 50)), [(100, 0, true)]);
        assert_eq!(shares(&spread(&[counts(4, 0, 0)], 140, 0)), [(100, 0, false)]);
        assert_eq!(shares(&spread(&[counts(0, 0, 0)], 140, 50)), [(100, 0, true)]);
        assert_eq!(shares(&spread(&[counts(0, 0, 0)], 140, 0)), [(100, 0, false)]);
    }

    #[test]
    fn no_priority_panics_while_all_together_can_take_everything() {
        let loads = spread(&[counts(10, 1, 0), counts(10, 10, 0)], 140, 50);
        assert_eq!(shares(&loads), [(14, 0, false), (86, 0, false)]);
    }

    #[test]
    fn in_total_panic_hosts_count_whatever_their_health() {
        // As seen: two of two sick, one of two healthy, threshold 60.
        let loads = spread(&[counts(2, 0, 0), counts(2, 1, 0)], 140, 60);
        assert_eq!(shares(&loads), [(50, 0, true), (50, 0, true)]);
        let loads = spread(&[counts(0, 0, 0), counts(3, 0, 0), counts(3, 0, 0)], 140, 50);
        assert_eq!(shares(&loads), [(0, 0, true), (50, 0, true), (50, 0, true)]);
    }

    #[test]
    fn a_hundred_requests_are_always_spread() {
        let mut rng = Rng::new(5);
        let mut below = |n: u32| u32::try_from(rng.below(u64::from(n) + 1)).unwrap();
        for _ in 0..20_000 {
            let priorities = below(3) + 1;
            let counts: Vec<Counts> = (0..priorities)
                .map(|_| {
                    let hosts = below(7);
                    let healthy = below(hosts);
                    let degraded = below(hosts - healthy);
                    let excluded = below(hosts - healthy - degraded);
                    Counts { hosts, healthy, degraded, excluded }
                })
                .collect();
            let loads = spread(&counts, 100 + below(100), below(100));
            let sum: u32 = loads.iter().map(|load| load.healthy + load.degraded).sum();
            assert_eq!(sum, 100, "{counts:?} {loads:?}");
        }
    }
}
