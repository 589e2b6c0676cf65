//! `/stats` as text: one line for each metric, histograms behind the rest.

use std::fmt::Write as _;

use causeway_stats::{Buckets, bucket_lower_bound, bucket_width};

use super::params::Buckets as BucketMode;
use super::quantile::{BOUNDS, QUANTILES, cumulative, disjoint, quantiles};
use super::{Collected, number};

/// The metrics as text.
pub(crate) fn text(collected: &Collected, mode: BucketMode) -> String {
    let mut out = String::new();
    for (name, value) in collected.numbers() {
        let _ = writeln!(out, "{name}: {value}");
    }
    for (name, total, interval) in collected.histograms() {
        histogram(&mut out, name, total, interval, mode);
    }
    out
}

fn histogram(out: &mut String, name: &str, total: &Buckets, interval: &Buckets, mode: BucketMode) {
    out.push_str(name);
    out.push(':');
    if total.0.is_empty() {
        out.push_str(" No recorded values\n");
        return;
    }
    match mode {
        BucketMode::Unset | BucketMode::Summary | BucketMode::Native => {
            out.push(' ');
            summary(out, total, interval);
        }
        BucketMode::Cumulative => counts(out, &cumulative(interval), &cumulative(total)),
        BucketMode::Disjoint => counts(out, &disjoint(interval), &disjoint(total)),
        BucketMode::Detailed => {
            out.push_str("\n  totals=");
            details(out, total);
            out.push_str("\n  intervals=");
            details(out, interval);
            out.push_str("\n  summary=");
            summary(out, total, interval);
        }
    }
    out.push('\n');
}

/// `P0(nan,4.05) P25(nan,4.05) …`: interval, total.
fn summary(out: &mut String, total: &Buckets, interval: &Buckets) {
    let values = quantiles(interval).into_iter().zip(quantiles(total));
    for (index, (quantile, (interval, total))) in QUANTILES.iter().zip(values).enumerate() {
        let gap = if index == 0 { "" } else { " " };
        let percent = number::shortest(percent(*quantile));
        let _ = write!(out, "{gap}P{percent}({},{})", plain(interval), plain(total));
    }
}

/// `B0.5(0,4) B1(0,4) …`: interval, total.
fn counts(out: &mut String, interval: &[u64], total: &[u64]) {
    for (bound, (interval, total)) in BOUNDS.iter().zip(interval.iter().zip(total)) {
        let _ = write!(out, " B{}({interval},{total})", bound.short);
    }
}

/// `0,0:2, 400,10:78`: lower bound, width and count of each bucket.
fn details(out: &mut String, buckets: &Buckets) {
    for (index, (bucket, count)) in buckets.0.iter().enumerate() {
        let gap = if index == 0 { "" } else { ", " };
        let bound = number::general(bucket_lower_bound(*bucket), 15);
        let _ = write!(out, "{gap}{bound},{}:{count}", number::general(bucket_width(*bucket), 15));
    }
}

/// 0.995 as 99.5, without the digits that multiplying leaves behind.
pub(super) fn percent(quantile: f64) -> f64 {
    (quantile * 1000.0).round() / 10.0
}

/// Never with an exponent; not a number in lower case.
fn plain(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { value.to_string() }
}
