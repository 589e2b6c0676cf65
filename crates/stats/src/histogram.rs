//! Log-linear histograms: two significant decimal digits, as Envoy's.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Decades that are told apart: 1 to 10^10 − 1. Larger values fall into the last bucket, which for
/// milliseconds is beyond 100 days.
const DECADES: usize = 10;
const BUCKETS: usize = 1 + DECADES * 90;

/// Powers of ten, for finding the decade of a value.
const POWERS: [u64; DECADES + 1] = {
    let mut powers = [1; DECADES + 1];
    let mut i = 1;
    while i <= DECADES {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// One worker's histogram. It takes 7 KiB, and none until the first value.
#[derive(Debug, Default)]
pub struct HistogramCells(OnceLock<Box<[AtomicU64]>>);

/// Counts per bucket, read: for each bucket that is not empty its index and count, in order of value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets(pub Vec<(usize, u64)>);

impl HistogramCells {
    /// Counts a value.
    pub fn record(&self, value: u64) {
        let cells = self.0.get_or_init(|| (0..BUCKETS).map(|_| AtomicU64::new(0)).collect());
        if let Some(cell) = cells.get(bucket_of(value)) {
            cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Adds the counts to those of other workers. `sum` has one slot for each bucket.
    pub(crate) fn add_to(&self, sum: &mut Vec<u64>) {
        let Some(cells) = self.0.get() else { return };
        sum.resize(BUCKETS, 0);
        for (slot, cell) in sum.iter_mut().zip(cells) {
            *slot += cell.load(Relaxed);
        }
    }
}

impl Buckets {
    pub(crate) fn from_sum(sum: &[u64]) -> Self {
        Self(sum.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect())
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What was counted since an earlier reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: usize| {
            earlier.0.binary_search_by_key(&bucket, |(b, _)| *b).map_or(0, |at| earlier.0[at].1)
        };
        let grown = self.0.iter().map(|&(bucket, count)| (bucket, count.saturating_sub(before(bucket))));
        Self(grown.filter(|(_, count)| *count > 0).collect())
    }
}

/// The bucket a value falls into.
#[must_use]
pub fn bucket_of(value: u64) -> usize {
    if value == 0 {
        return 0;
    }
    let value = value.min(POWERS[DECADES] - 1);
    let decade = POWERS.partition_point(|power| *power <= value) - 1;
    // The first two digits, 10..=99; a value below ten has a zero behind it.
    let digits = value * 10 / POWERS[decade];
    1 + decade * 90 + (usize::try_from(digits).unwrap_or(99) - 10)
}

/// The least value of a bucket, rounded as Envoy's histograms round it: two digits, one of them behind
/// the point, times a power of ten.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub fn bucket_lower_bound(bucket: usize) -> f64 {
    match bucket.checked_sub(1) {
        None => 0.0,
        Some(at) => ((at % 90) + 10) as f64 / 10.0 * POWERS[at / 90] as f64,
    }
}

/// The width of a bucket; that of the bucket of zero is 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub fn bucket_width(bucket: usize) -> f64 {
    match bucket.checked_sub(1) {
        None => 0.0,
        Some(at) => POWERS[at / 90] as f64 / 10.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_kept() {
        for (value, lower) in [(0, 0.0), (1, 1.0), (9, 9.0), (10, 10.0), (123, 120.0), (99_999, 99_000.0)] {
            assert!((bucket_lower_bound(bucket_of(value)) - lower).abs() < 1e-9, "{value}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn bounds_are_rounded_as_envoys() {
        // `/stats?histogram_buckets=detailed&format=json` of Envoy 1.40 for a value of 4 123 456.
        assert_eq!(bucket_lower_bound(bucket_of(4_123_456)).to_string(), "4099999.9999999995");
    }

    #[test]
    fn buckets_are_ordered_and_touch() {
        for bucket in 1..BUCKETS - 1 {
            let end = bucket_lower_bound(bucket) + bucket_width(bucket);
            assert!((end - bucket_lower_bound(bucket + 1)).abs() < end * 1e-12, "{bucket}");
        }
    }

    #[test]
    fn a_difference_holds_what_came_since() {
        let cells = HistogramCells::default();
        let read = || {
            let mut sum = Vec::new();
            cells.add_to(&mut sum);
            Buckets::from_sum(&sum)
        };
        cells.record(5);
        let earlier = read();
        cells.record(5);
        cells.record(70);
        assert_eq!(read().since(&earlier).count(), 2);
        assert_eq!(read().count(), 3);
    }
}
