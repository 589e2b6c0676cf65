//! The metrics that a request is about.

use causeway_stats::{Buckets, Reading, Registry, ScopeName};
use regex::Regex;

use super::Intervals;
use super::params::{Kind, StatsParams};

/// A metric, by its full name.
#[derive(Debug)]
pub(crate) struct Metric {
    /// `cluster.a.upstream_rq_200`
    pub(crate) name: String,
    pub(crate) value: Value,
    /// Which scope of [`Collected::scopes`] it is in.
    pub(crate) scope: usize,
}

impl Metric {
    /// The part of its name behind the scope's.
    pub(crate) fn own_name(&self, scope: &ScopeName) -> &str {
        let rest = self.name.strip_prefix(scope.path()).unwrap_or(&self.name);
        rest.strip_prefix('.').unwrap_or(rest)
    }
}

/// Its value.
#[derive(Debug)]
pub(crate) enum Value {
    Counter(u64),
    Gauge(i64),
    /// Since the start, and in the last interval.
    Histogram(Buckets, Buckets),
}

/// Metrics, sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) metrics: Vec<Metric>,
    pub(crate) scopes: Vec<ScopeName>,
}

/// Which metrics are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter<'a> {
    pub(crate) used_only: bool,
    pub(crate) hidden_only: bool,
    pub(crate) kind: Kind,
    pub(crate) name: Option<&'a Regex>,
    pub(crate) invert: bool,
}

impl<'a> From<&'a StatsParams> for Filter<'a> {
    fn from(params: &'a StatsParams) -> Self {
        Self {
            used_only: params.used_only,
            hidden_only: params.hidden_only,
            kind: params.kind,
            name: params.filter.as_ref(),
            invert: params.invert_filter,
        }
    }
}

impl Filter<'_> {
    fn takes_kind(self, reading: &Reading) -> bool {
        match self.kind {
            Kind::All => true,
            Kind::Counters => matches!(reading, Reading::Counter(_)),
            Kind::Gauges => matches!(reading, Reading::Gauge(..)),
            Kind::Histograms => matches!(reading, Reading::Histogram(_)),
            Kind::TextReadouts => false,
        }
    }

    fn takes_name(self, name: &str) -> bool {
        self.name.is_none_or(|regex| regex.is_match(name) != self.invert)
    }
}

impl Collected {
    /// Reads the metrics that the filter takes.
    pub(crate) fn new(registry: &Registry, intervals: &Intervals, filter: Filter<'_>) -> Self {
        let mut collected = Self::default();
        if filter.hidden_only {
            return collected;
        }
        for reading in registry.read() {
            let scope = collected.scopes.len();
            let before = collected.metrics.len();
            for sample in reading.samples {
                if filter.used_only && !sample.used || !filter.takes_kind(&sample.reading) {
                    continue;
                }
                let name = full_name(&reading.scope, &sample.name);
                if !filter.takes_name(&name) {
                    continue;
                }
                let value = match sample.reading {
                    Reading::Counter(count) => Value::Counter(count),
                    Reading::Gauge(level, _) => Value::Gauge(level),
                    Reading::Histogram(total) => Value::Histogram(total, intervals.of(&name)),
                };
                collected.metrics.push(Metric { name, value, scope });
            }
            if collected.metrics.len() > before {
                collected.scopes.push(reading.scope);
            }
        }
        collected.metrics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        collected
    }

    /// Counters and gauges.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, Number)> {
        self.metrics.iter().filter_map(|metric| match metric.value {
            Value::Counter(count) => Some((metric.name.as_str(), Number::Counter(count))),
            Value::Gauge(level) => Some((metric.name.as_str(), Number::Gauge(level))),
            Value::Histogram(..) => None,
        })
    }

    /// Histograms: their totals and their last intervals.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (&str, &Buckets, &Buckets)> {
        self.metrics.iter().filter_map(|metric| match &metric.value {
            Value::Histogram(total, interval) => Some((metric.name.as_str(), total, interval)),
            Value::Counter(_) | Value::Gauge(_) => None,
        })
    }
}

/// The value of a counter or gauge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Counter(u64),
    Gauge(i64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counter(count) => count.fmt(f),
            Self::Gauge(level) => level.fmt(f),
        }
    }
}

fn full_name(scope: &ScopeName, metric: &str) -> String {
    let path = scope.path();
    if path.is_empty() {
        return metric.to_owned();
    }
    let mut name = String::with_capacity(path.len() + 1 + metric.len());
    name.push_str(path);
    name.push('.');
    name.push_str(metric);
    name
}
