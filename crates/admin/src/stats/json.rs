//! `/stats?format=json`: one line.

use std::fmt::Write as _;

use causeway_stats::{Buckets, bucket_lower_bound, bucket_width};

use super::params::Buckets as BucketMode;
use super::quantile::{BOUNDS, QUANTILES, cumulative, disjoint, quantiles};
use super::text::percent;
use super::{Collected, number};
use crate::json::quoted;

/// The metrics as JSON.
pub(crate) fn json(collected: &Collected, mode: BucketMode) -> String {
    let mut out = String::from("{\"stats\":[");
    let mut gap = "";
    for (name, value) in collected.numbers() {
        let _ = write!(out, "{gap}{{\"name\":{},\"value\":{value}}}", quoted(name));
        gap = ",";
    }
    let histograms: Vec<_> = collected.histograms().collect();
    if !histograms.is_empty() {
        out.push_str(gap);
        let (head, tail) = match mode {
            BucketMode::Unset | BucketMode::Summary | BucketMode::Native => {
                ("\"supported_quantiles\":", "\"computed_quantiles\":[")
            }
            BucketMode::Detailed => ("\"supported_percentiles\":", "\"details\":["),
            BucketMode::Cumulative | BucketMode::Disjoint => ("", "["),
        };
        out.push_str("{\"histograms\":");
        if !head.is_empty() {
            let percents = QUANTILES.map(|quantile| number::shortest(percent(quantile)));
            let _ = write!(out, "{{{head}[{}],", percents.join(","));
        }
        out.push_str(tail);
        for (index, (name, total, interval)) in histograms.into_iter().enumerate() {
            let gap = if index == 0 { "" } else { "," };
            let _ = write!(out, "{gap}{{\"name\":{},", quoted(name));
            histogram(&mut out, total, interval, mode);
            out.push('}');
        }
        out.push_str(if head.is_empty() { "]}" } else { "]}}" });
    }
    out.push_str("]}");
    out
}

fn histogram(out: &mut String, total: &Buckets, interval: &Buckets, mode: BucketMode) {
    match mode {
        BucketMode::Unset | BucketMode::Summary | BucketMode::Native => {
            out.push_str("\"values\":");
            percentiles(out, total, interval);
        }
        BucketMode::Cumulative => counts(out, &cumulative(total), &cumulative(interval)),
        BucketMode::Disjoint => counts(out, &disjoint(total), &disjoint(interval)),
        BucketMode::Detailed => {
            out.push_str("\"totals\":");
            details(out, total);
            out.push_str(",\"intervals\":");
            details(out, interval);
            out.push_str(",\"percentiles\":");
            percentiles(out, total, interval);
        }
    }
}

fn percentiles(out: &mut String, total: &Buckets, interval: &Buckets) {
    list(out, quantiles(total).into_iter().zip(quantiles(interval)), |out, (total, interval)| {
        let _ = write!(out, "{{\"cumulative\":{},\"interval\":{}}}", value(total), value(interval));
    });
}

fn counts(out: &mut String, total: &[u64], interval: &[u64]) {
    out.push_str("\"buckets\":");
    list(out, BOUNDS.iter().zip(interval.iter().zip(total)), |out, (bound, (interval, total))| {
        let bound = number::shortest(bound.value);
        let _ = write!(out, "{{\"upper_bound\":{bound},\"interval\":{interval},\"cumulative\":{total}}}");
    });
}

fn details(out: &mut String, buckets: &Buckets) {
    list(out, &buckets.0, |out, (bucket, count)| {
        let bound = number::shortest(bucket_lower_bound(*bucket));
        let width = number::shortest(bucket_width(*bucket));
        let _ = write!(out, "{{\"lower_bound\":{bound},\"width\":{width},\"count\":{count}}}");
    });
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn value(value: f64) -> String {
    if value.is_nan() { "null".to_owned() } else { number::shortest(value) }
}
