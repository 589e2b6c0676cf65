//! Latencies, in buckets that are never wider than three per cent of their value.

use std::fmt;
use std::time::Duration;

/// Each power of two is cut into so many buckets.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Counts of durations.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u32>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; 64 * 32], count: 0 }
    }

    pub(crate) fn add(&mut self, value: Duration) {
        let nanoseconds = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(index(nanoseconds)) {
            *bucket += 1;
            self.count += 1;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        self.count = 0;
    }

    /// The least duration within which this share of all lies, in microseconds; 0 for none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = share * self.count as f64;
        let mut seen = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += u64::from(count);
            if count > 0 && seen as f64 >= wanted {
                return upper(index as u64) as f64 / 1000.0;
            }
        }
        0.0
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values, half of them below {} µs", self.count, self.quantile(0.5))
    }
}

/// Small values have a bucket each; from then on the highest bits decide.
fn index(value: u64) -> usize {
    let magnitude = u64::from((value | STEPS).ilog2() - STEP_BITS);
    let index = magnitude * STEPS + (value >> magnitude);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The first value that is beyond a bucket.
fn upper(index: u64) -> u64 {
    if index < 2 * STEPS {
        return index + 1;
    }
    let magnitude = index / STEPS - 1;
    (index % STEPS + STEPS + 1) << magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_narrow() {
        let mut last = 0;
        for value in [0, 1, 31, 32, 33, 63, 64, 65, 1000, 1_000_000, 123_456_789, u64::MAX / 4] {
            let index = index(value);
            assert!(index >= last, "{value} lies in {index}, before {last}");
            last = index;
            let upper = upper(index as u64);
            assert!(
                upper > value && (upper - value) as f64 <= 1.0 + value as f64 / 32.0,
                "{value} < {upper}"
            );
        }
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::new();
        assert!(histogram.quantile(0.5) == 0.0);
        for microseconds in 1..=100 {
            histogram.add(Duration::from_micros(microseconds));
        }
        let near = |share, expected: f64| (histogram.quantile(share) / expected - 1.0).abs() < 0.04;
        assert!(near(0.5, 50.0) && near(0.99, 99.0) && near(1.0, 100.0));
        histogram.clear();
        assert!(histogram.quantile(0.5) == 0.0);
    }
}
