//! `/stats/prometheus`: the Prometheus text format, with Envoy's names, labels and order.

use std::cmp::Ordering;
use std::fmt::Write as _;

use causeway_stats::{Buckets, ScopeName};

use super::params::Buckets as BucketMode;
use super::quantile::{BOUNDS, QUANTILES, cumulative, quantiles, sum};
use super::tags::Tagged;
use super::{Collected, Metric, Value, number};

/// Counters first, then gauges, then histograms, as Envoy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    let mut series: Vec<_> = collected
        .metrics
        .iter()
        .map(|metric| {
            let kind = match metric.value {
                Value::Counter(_) => Type::Counter,
                Value::Gauge(_) => Type::Gauge,
                Value::Histogram(..) if mode == BucketMode::Summary => Type::Summary,
                Value::Histogram(..) => Type::Histogram,
            };
            (kind, tagged(collected, metric), metric)
        })
        .collect();
    series.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| by_element(&a.1.name, &b.1.name))
            .then_with(|| by_element(&a.2.name, &b.2.name))
    });

    let mut out = String::new();
    let mut group: Option<(Type, &str)> = None;
    let mut name = String::new();
    for (kind, tagged, metric) in &series {
        if group != Some((*kind, tagged.name.as_str())) {
            group = Some((*kind, tagged.name.as_str()));
            name = sanitize(&format!("envoy.{}", tagged.name));
            let _ = writeln!(out, "# TYPE {name} {}", kind.name());
        }
        let labels = labels(tagged);
        match &metric.value {
            Value::Counter(count) => {
                let _ = writeln!(out, "{name}{{{labels}}} {count}");
            }
            Value::Gauge(level) => {
                let _ = writeln!(out, "{name}{{{labels}}} {level}");
            }
            Value::Histogram(_, interval) if *kind == Type::Summary => {
                summary(&mut out, &name, &labels, interval);
            }
            Value::Histogram(total, _) => histogram(&mut out, &name, &labels, total),
        }
    }
    out
}

fn tagged<'a>(collected: &'a Collected, metric: &'a Metric) -> Tagged<'a> {
    static ROOT: std::sync::LazyLock<ScopeName> = std::sync::LazyLock::new(ScopeName::root);
    let scope = collected.scopes.get(metric.scope).unwrap_or(&ROOT);
    let rest = metric.name.strip_prefix(scope.path()).unwrap_or(&metric.name);
    Tagged::new(scope, rest.strip_prefix('.').unwrap_or(rest))
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

/// `envoy_response_code="200",envoy_cluster_name="a"`
fn labels(tagged: &Tagged<'_>) -> String {
    let mut out = String::new();
    for (index, (tag, value)) in tagged.tags.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let _ = write!(out, "{}=\"", sanitize(tag));
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
    out
}

/// What Prometheus does not take in a name becomes `_`.
fn sanitize(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Element by element: `cluster.x` stands in front of `cluster_manager.x`, whatever follows.
fn by_element(a: &str, b: &str) -> Ordering {
    a.split('.').cmp(b.split('.'))
}
