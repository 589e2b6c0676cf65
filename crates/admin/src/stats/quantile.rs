//! What is told of a histogram: quantiles, counts below bounds, the sum.
//!
//! A histogram keeps two digits of each value. Where in its bucket a value lies is estimated as
//! OpenHistogram does it, so that the numbers are Envoy's to the last digit: the k-th of n values of a
//! bucket at k/(n+1) of its width.

use causeway_stats::{Buckets, bucket_lower_bound, bucket_of, bucket_width};

/// The quantiles that are told.
pub(crate) const QUANTILES: [f64; 10] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0];

/// A bound below which values are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// The bound itself.
    pub(crate) value: f64,
    /// In the short form of `B1.8e+06(0,4)`.
    pub(crate) short: &'static str,
    /// In the plain form of `le="1800000"`.
    pub(crate) plain: &'static str,
}

macro_rules! bounds {
    ($($value:literal $short:literal $plain:literal,)*) => {
        [$(Bound { value: $value, short: $short, plain: $plain },)*]
    };
}

/// Envoy's bounds.
pub(crate) const BOUNDS: [Bound; 19] = bounds![
    0.5 "0.5" "0.5",
    1.0 "1" "1",
    5.0 "5" "5",
    10.0 "10" "10",
    25.0 "25" "25",
    50.0 "50" "50",
    100.0 "100" "100",
    250.0 "250" "250",
    500.0 "500" "500",
    1000.0 "1000" "1000",
    2500.0 "2500" "2500",
    5000.0 "5000" "5000",
    10_000.0 "10000" "10000",
    30_000.0 "30000" "30000",
    60_000.0 "60000" "60000",
    300_000.0 "300000" "300000",
    600_000.0 "600000" "600000",
    1_800_000.0 "1.8e+06" "1800000",
    3_600_000.0 "3.6e+06" "3600000",
];

/// The values at [`QUANTILES`]; not a number where there are no values.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
pub(crate) fn quantiles(buckets: &Buckets) -> [f64; QUANTILES.len()] {
    let total = buckets.count() as f64;
    let mut below = 0.0;
    let mut rest = buckets.0.iter().peekable();
    QUANTILES.map(|quantile| {
        // How many values lie at or below the quantile; the least value belongs to 0 too.
        let rank = total * quantile;
        while let Some((_, count)) = rest.peek()
            && below + (*count as f64) < rank
        {
            below += *count as f64;
            rest.next();
        }
        let Some(&&(bucket, count)) = rest.peek() else { return f64::NAN };
        let within = (rank - below).ceil().max(1.0);
        bucket_lower_bound(bucket) + within / (count as f64 + 1.0) * bucket_width(bucket)
    })
}

/// For each of [`BOUNDS`] the number of values up to it, as far as two digits tell them apart.
pub(crate) fn cumulative(buckets: &Buckets) -> [u64; BOUNDS.len()] {
    let mut rest = buckets.0.iter().peekable();
    let mut count = 0;
    BOUNDS.map(|bound| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let last = bucket_of(bound.value as u64);
        while let Some((_, more)) = rest.next_if(|(bucket, _)| *bucket <= last) {
            count += more;
        }
        count
    })
}

/// For each of [`BOUNDS`] the number of values between it and the one before.
pub(crate) fn disjoint(buckets: &Buckets) -> [u64; BOUNDS.len()] {
    let mut before = 0;
    cumulative(buckets).map(|count| count - std::mem::replace(&mut before, count))
}

/// The sum of all values, each taken for the point of its bucket where the relative error is least.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
pub(crate) fn sum(buckets: &Buckets) -> f64 {
    let value = |bucket| {
        let (bottom, width) = (bucket_lower_bound(bucket), bucket_width(bucket));
        if width == 0.0 { bottom } else { bottom + width * (bottom / (bottom + (bottom + width))) }
    };
    // Adding to a plain zero: the sum of nothing would be -0.
    buckets.0.iter().fold(0.0, |sum, (bucket, count)| sum + value(*bucket) * *count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(values: &[(u64, u64)]) -> Buckets {
        Buckets(values.iter().map(|(value, count)| (bucket_of(*value), *count)).collect())
    }

    fn told(values: &[(u64, u64)]) -> String {
        quantiles(&buckets(values)).map(|value| value.to_string()).join(" ")
    }

    /// From answers of Envoy 1.40 with `histogram_buckets=detailed`, which tells the buckets too.
    #[test]
    fn quantiles_are_envoys_to_the_last_digit() {
        for (values, expected) in [
            (&[(4, 1)][..], "4.05 4.05 4.05 4.05 4.05 4.05 4.05 4.05 4.05 4.05"),
            (&[(0, 5)], "0 0 0 0 0 0 0 0 0 0"),
            (
                &[(1, 34)],
                "1.002857142857143 1.0257142857142858 1.0485714285714285 1.0742857142857143 1.0885714285714285 \
                 1.0942857142857143 1.0971428571428572 1.0971428571428572 1.0971428571428572 1.0971428571428572",
            ),
            (
                &[(0, 2), (400, 78)],
                "0 402.27848101265823 404.8101265822785 407.34177215189874 408.8607594936709 \
                 409.36708860759495 409.873417721519 409.873417721519 409.873417721519 409.873417721519",
            ),
            (&[(0, 81), (2, 1), (3, 1)], "0 0 0 0 0 0 3.05 3.05 3.05 3.05"),
            (
                &[(400_000, 2), (4_123_456, 1), (123_456_789, 1)],
                "403333.3333333333 403333.3333333333 406666.6666666667 4149999.9999999995 125000000 125000000 \
                 125000000 125000000 125000000 125000000",
            ),
        ] {
            assert_eq!(told(values), expected);
        }
        assert!(quantiles(&Buckets::default()).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn counts_are_of_whole_buckets() {
        let all = buckets(&[(0, 2), (1, 3), (400, 78), (505, 1), (510, 1)]);
        let counts = cumulative(&all);
        // 505 is kept as 500–509, which counts as up to 500.
        assert_eq!(counts[..10], [2, 5, 5, 5, 5, 5, 5, 5, 84, 85]);
        assert_eq!(disjoint(&all)[..10], [2, 3, 0, 0, 0, 0, 0, 0, 79, 1]);
        assert_eq!(counts[18], 85);
    }

    #[test]
    fn every_bound_counts_its_own_bucket() {
        for (index, bound) in BOUNDS.iter().enumerate().skip(1) {
            assert_eq!(bound.plain.parse(), Ok(bound.value));
            assert_eq!(bound.short.parse(), Ok(bound.value));
            let bucket = buckets(&[(bound.plain.parse().unwrap(), 1)]);
            let counts = cumulative(&bucket);
            assert_eq!((counts[index], counts[index - 1]), (1, 0), "{}", bound.plain);
        }
    }

    #[test]
    fn sums_are_envoys() {
        let told = |values| super::super::number::general(sum(&buckets(values)), 32);
        assert_eq!(told(&[(0, 2), (400, 3)]), "1214.8148148148147811298258602619");
        assert_eq!(told(&[(0, 2), (400, 86)]), "34824.69135802469099871814250946");
        assert_eq!(
            told(&[(400_000, 2), (4_123_456, 1), (123_456_789, 1)]),
            "129759274.13357132673263549804688"
        );
        assert_eq!(told(&[]), "0");
    }
}
