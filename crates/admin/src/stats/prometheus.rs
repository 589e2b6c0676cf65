//! `/stats/prometheus`: the Prometheus text format, with Envoy's names, labels and order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write as _;

use causeway_stats::{Buckets, ScopeName};

use super::params::Buckets as BucketMode;
use super::quantile::{BOUNDS, QUANTILES, cumulative, quantiles, sum};
use super::{Collected, Metric, Value, number, tags};

/// Counters first, then gauges, then histograms, as Envoy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Type {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// The metrics for Prometheus.
pub(crate) fn prometheus(collected: &Collected, mode: BucketMode) -> String {
    let of_scopes: Vec<_> = collected.scopes.iter().map(scope_labels).collect();
    let mut families: HashMap<String, [Vec<Series<'_>>; 4]> = HashMap::new();
    let mut name = String::new();
    for metric in &collected.metrics {
        let Some((scope, labels)) = collected.scopes.get(metric.scope).zip(of_scopes.get(metric.scope))
        else {
            continue;
        };
        let own = tags::split(metric.own_name(scope));
        own.full_name(scope, &mut name);
        // Most metrics are of a family that is known.
        if !families.contains_key(&name) {
            families.insert(name.clone(), <[Vec<_>; 4]>::default());
        }
        if let Some(series) =
            families.get_mut(&name).and_then(|kinds| kinds.get_mut(kind(metric, mode) as usize))
        {
            series.push(Series { metric, own: own.tag, of_scope: labels });
        }
    }

    let mut families: Vec<_> = families.into_iter().collect();
    families.sort_unstable_by(|(a, _), (b, _)| by_element(a, b));
    let mut out = String::new();
    for kind in [Type::Counter, Type::Gauge, Type::Histogram, Type::Summary] {
        for (name, kinds) in &mut families {
            let Some(series) = kinds.get_mut(kind as usize).filter(|series| !series.is_empty()) else {
                continue;
            };
            series.sort_by(|a, b| by_element(&a.metric.name, &b.metric.name));
            family(&mut out, &sanitize(&format!("envoy.{name}")), kind, series);
        }
    }
    out
}

/// One metric of a family, and its labels in two parts: its own, and its scope's.
struct Series<'a> {
    metric: &'a Metric,
    own: Option<(&'static str, &'a str)>,
    of_scope: &'a str,
}

fn kind(metric: &Metric, mode: BucketMode) -> Type {
    match metric.value {
        Value::Counter(_) => Type::Counter,
        Value::Gauge(_) => Type::Gauge,
        Value::Histogram(..) if mode == BucketMode::Summary => Type::Summary,
        Value::Histogram(..) => Type::Histogram,
    }
}

fn family(out: &mut String, name: &str, kind: Type, series: &[Series<'_>]) {
    let _ = writeln!(out, "# TYPE {name} {}", kind.name());
    let mut labels = String::new();
    for one in series {
        labels.clear();
        if let Some((tag, value)) = one.own {
            label(&mut labels, tag, value);
        }
        if !labels.is_empty() && !one.of_scope.is_empty() {
            labels.push(',');
        }
        labels.push_str(one.of_scope);
        match &one.metric.value {
            Value::Counter(count) => {
                let _ = writeln!(out, "{name}{{{labels}}} {count}");
            }
            Value::Gauge(level) => {
                let _ = writeln!(out, "{name}{{{labels}}} {level}");
            }
            Value::Histogram(_, interval) if kind == Type::Summary => summary(out, name, &labels, interval),
            Value::Histogram(total, _) => histogram(out, name, &labels, total),
        }
    }
}

fn histogram(out: &mut String, name: &str, labels: &str, total: &Buckets) {
    let gap = if labels.is_empty() { "" } else { "," };
    let count = total.count();
    for (bound, below) in BOUNDS.iter().zip(cumulative(total)) {
        let _ = writeln!(out, "{name}_bucket{{{labels}{gap}le=\"{}\"}} {below}", bound.plain);
    }
    let _ = writeln!(out, "{name}_bucket{{{labels}{gap}le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", number::general(sum(total), 32));
    let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
}

/// Quantiles of the last interval, as Envoy gives them.
fn summary(out: &mut String, name: &str, labels: &str, interval: &Buckets) {
    let gap = if labels.is_empty() { "" } else { "," };
    for (quantile, value) in QUANTILES.iter().zip(quantiles(interval)) {
        let value = number::general(value, 32);
        let _ = writeln!(out, "{name}{{{labels}{gap}quantile=\"{quantile}\"}} {value}");
    }
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", number::general(sum(interval), 32));
    let _ = writeln!(out, "{name}_count{{{labels}}} {}", interval.count());
}

/// The labels of a scope, from the inside out: `envoy_worker_id="0",envoy_listener_address="…"`.
fn scope_labels(scope: &ScopeName) -> String {
    let mut out = String::new();
    for (tag, value) in scope.tags().iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        label(&mut out, tag, value);
    }
    out
}

fn label(out: &mut String, tag: &str, value: &str) {
    out.push_str(&sanitize(tag));
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What Prometheus does not take in a name becomes `_`.
fn sanitize(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Element by element: `cluster.x` stands in front of `cluster_manager.x`, and `a.b` in front of `a-b`.
fn by_element(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'.' { 0 } else { byte };
    let different = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    different.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| rank(a).cmp(&rank(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_ordered_by_element() {
        let mut names =
            ["cluster_manager.x", "cluster.b", "cluster-x.a", "cluster.a.z", "cluster.a", "cluster"];
        names.sort_by(|a, b| by_element(a, b));
        assert_eq!(
            names,
            ["cluster", "cluster.a", "cluster.a.z", "cluster.b", "cluster-x.a", "cluster_manager.x"]
        );
    }
}
