//! All scopes, and reading them.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::scope::ScopeData;
use crate::{Buckets, Kind, Schema, Scope, ScopeName};

/// All scopes of a process.
#[derive(Debug)]
pub struct Registry {
    shards: usize,
    scopes: Mutex<Scopes>,
}

/// Tells by its full name whether a metric is to be shown.
pub struct NameFilter(Box<dyn Fn(&str) -> bool + Send + Sync>);

impl NameFilter {
    /// A filter that shows what this says yes to.
    pub fn new(shows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(shows))
    }
}

impl std::fmt::Debug for NameFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameFilter")
    }
}

#[derive(Debug, Default)]
struct Scopes {
    /// By path and schema; one path may hold several schemas.
    alive: BTreeMap<(String, TypeId), Weak<ScopeData>>,
    /// Which metrics there are to be, by full name; none where all are.
    filter: Option<NameFilter>,
    /// What counters had counted when they were last reset, by full name.
    baseline: HashMap<String, u64>,
}

/// A metric's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge, and whether it was ever written.
    Gauge(i64, bool),
    /// Of a histogram, since the start.
    Histogram(Buckets),
}

/// A metric that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name without the scope's.
    pub name: Box<str>,
    /// Its value.
    pub reading: Reading,
    /// Whether it was ever written; a reset of the counters does not take that back.
    pub used: bool,
}

/// A scope that was read.
#[derive(Debug, Clone)]
pub struct ScopeReading {
    /// Its name.
    pub scope: ScopeName,
    /// Its metrics, in the order of the schema, then those outside it.
    pub samples: Vec<Sample>,
}

impl Registry {
    /// A registry for this many workers and the main thread.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { shards: workers + 1, scopes: Mutex::default() })
    }

    /// The number under which the main thread's cells are found.
    #[must_use]
    pub const fn main_shard(&self) -> usize {
        self.shards - 1
    }

    /// The scope of that name: the one that is alive already, or a new one with all metrics at zero.
    #[must_use]
    pub fn scope<S: Schema>(&self, name: ScopeName) -> Scope<S> {
        let key = (name.path().to_owned(), TypeId::of::<S>());
        let mut scopes = self.lock();
        let data = scopes.alive.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let data = Arc::new(ScopeData::new(name, S::METRICS, self.shards));
            scopes.alive.insert(key, Arc::downgrade(&data));
            data
        });
        Scope { data, schema: PhantomData }
    }

    /// Shows only metrics that the filter takes (`stats_matcher`). The others are counted, since that costs
    /// less than to ask, and nobody sees them.
    pub fn show_only(&self, filter: Option<NameFilter>) {
        self.lock().filter = filter;
    }

    /// Reads everything that is to be shown, sorted by the scopes' names.
    #[must_use]
    pub fn read(&self) -> Vec<ScopeReading> {
        let mut scopes = self.lock();
        scopes.alive.retain(|_, scope| scope.strong_count() > 0);
        let alive: Vec<_> = scopes.alive.values().filter_map(Weak::upgrade).collect();
        let mut readings: Vec<_> = alive.iter().map(|scope| read_scope(scope, &scopes.baseline)).collect();
        if let Some(NameFilter(shows)) = &scopes.filter {
            for reading in &mut readings {
                let scope = &reading.scope;
                reading.samples.retain(|sample| shows(&full_name(scope, &sample.name)));
            }
        }
        readings
    }

    /// Reads the histograms that hold anything: their full names and values since the start.
    #[must_use]
    pub fn histograms(&self) -> Vec<(String, Buckets)> {
        let alive: Vec<_> = self.lock().alive.values().filter_map(Weak::upgrade).collect();
        let mut found = Vec::new();
        for scope in alive {
            for (index, metric) in scope.metrics.iter().enumerate() {
                if metric.kind == Kind::Histogram {
                    let buckets = read_histogram(&scope, index);
                    if !buckets.0.is_empty() {
                        found.push((full_name(&scope.name, metric.name), buckets));
                    }
                }
            }
        }
        found
    }

    /// Counters start at zero again (`/reset_counters`). Workers go on counting; what they had is
    /// taken off when the counters are read.
    pub fn reset_counters(&self) {
        let mut scopes = self.lock();
        let alive: Vec<_> = scopes.alive.values().filter_map(Weak::upgrade).collect();
        let nothing = HashMap::new();
        for scope in alive {
            let reading = read_scope(&scope, &nothing);
            for sample in reading.samples {
                if let Reading::Counter(count) = sample.reading {
                    scopes.baseline.insert(full_name(&reading.scope, &sample.name), count);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Scopes> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full_name(scope: &ScopeName, metric: &str) -> String {
    if scope.path().is_empty() { metric.to_owned() } else { format!("{}.{metric}", scope.path()) }
}

fn read_scope(scope: &ScopeData, baseline: &HashMap<String, u64>) -> ScopeReading {
    let since_reset = |name: &str, count: u64| {
        let before = if baseline.is_empty() { None } else { baseline.get(&full_name(&scope.name, name)) };
        // A scope that came back under an old name has counted less than its forerunner.
        count.checked_sub(before.copied().unwrap_or(0)).unwrap_or(count)
    };
    let mut samples = Vec::with_capacity(scope.metrics.len());
    for (index, metric) in scope.metrics.iter().enumerate() {
        let cells = || scope.shards.iter().filter_map(|shard| shard.cell(index));
        let (reading, used) = match metric.kind {
            Kind::Counter => {
                let count = cells().map(|cell| cell.counted()).fold(0, u64::wrapping_add);
                (Reading::Counter(since_reset(metric.name, count)), count > 0)
            }
            Kind::Gauge => {
                let (value, used) = cells()
                    .map(|cell| cell.level())
                    .fold((0_i64, false), |sum, one| (sum.0.wrapping_add(one.0), sum.1 | one.1));
                (Reading::Gauge(value, used), used)
            }
            Kind::Histogram => {
                let buckets = read_histogram(scope, index);
                let used = !buckets.0.is_empty();
                (Reading::Histogram(buckets), used)
            }
        };
        samples.push(Sample { name: metric.name.into(), reading, used });
    }
    let mut dynamic: BTreeMap<Box<str>, u64> = BTreeMap::new();
    for shard in &scope.shards {
        for (name, cell) in shard.lock_dynamic().iter() {
            *dynamic.entry(name.clone()).or_default() += cell.counted();
        }
    }
    for (name, count) in dynamic {
        let reading = Reading::Counter(since_reset(&name, count));
        samples.push(Sample { name, reading, used: count > 0 });
    }
    ScopeReading { scope: scope.name.clone(), samples }
}

fn read_histogram(scope: &ScopeData, index: usize) -> Buckets {
    let mut sum = Vec::new();
    for shard in &scope.shards {
        if let Some(histogram) = shard.histograms.get(index) {
            histogram.add_to(&mut sum);
        }
    }
    Buckets::from_sum(&sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::schema! {
        enum Stat {
            Total = counter "total",
            Active = gauge "active",
            Time = histogram "time",
        }
    }

    fn find<'a>(readings: &'a [ScopeReading], name: &str) -> &'a Reading {
        readings
            .iter()
            .flat_map(|scope| &scope.samples)
            .find(|sample| &*sample.name == name)
            .map(|sample| &sample.reading)
            .unwrap()
    }

    #[test]
    fn workers_are_summed() {
        let registry = Registry::new(2);
        let scope = registry.scope::<Stat>(ScopeName::root().then("x"));
        for worker in 0..3 {
            let shard = scope.shard(worker);
            shard.add(Stat::Total, 2);
            shard.adjust(Stat::Active, 1);
            shard.record(Stat::Time, 7);
            shard.dynamic("rq_404").inc();
            shard.dynamic("rq_404").inc();
        }
        let readings = registry.read();
        assert_eq!(find(&readings, "total"), &Reading::Counter(6));
        assert_eq!(find(&readings, "active"), &Reading::Gauge(3, true));
        assert_eq!(find(&readings, "rq_404"), &Reading::Counter(6));
        let Reading::Histogram(buckets) = find(&readings, "time") else { panic!("no histogram") };
        assert_eq!(buckets.count(), 3);
        assert_eq!((scope.counter(Stat::Total), scope.gauge(Stat::Active)), (6, 3));
        assert_eq!(registry.histograms(), [("x.time".to_owned(), buckets.clone())]);
    }

    #[test]
    fn what_is_not_to_be_shown_is_not_read() {
        let registry = Registry::new(1);
        let shard = registry.scope::<Stat>(ScopeName::root().then("x")).shard(0);
        registry.show_only(Some(NameFilter::new(|name| name == "x.active" || name == "x.rq_1")));
        shard.inc(Stat::Total);
        shard.dynamic("rq_1").inc();
        let names: Vec<_> =
            registry.read().into_iter().flat_map(|scope| scope.samples).map(|sample| sample.name).collect();
        assert_eq!(names, ["active".into(), "rq_1".into()]);
        registry.show_only(None);
        assert_eq!(registry.read()[0].samples.len(), 4);
    }

    #[test]
    fn a_reset_takes_off_what_was_counted() {
        let registry = Registry::new(1);
        let shard = registry.scope::<Stat>(ScopeName::root().then("x")).shard(0);
        shard.add(Stat::Total, 5);
        shard.dynamic("rq_1").inc();
        registry.reset_counters();
        shard.inc(Stat::Total);
        let readings = registry.read();
        assert_eq!(find(&readings, "total"), &Reading::Counter(1));
        assert_eq!(find(&readings, "rq_1"), &Reading::Counter(0));
        let used = |name: &str| readings[0].samples.iter().find(|sample| &*sample.name == name).unwrap().used;
        assert!(used("rq_1") && !used("active") && !used("time"));
    }

    #[test]
    fn a_scope_lives_as_long_as_somebody_holds_it() {
        let registry = Registry::new(1);
        let first = registry.scope::<Stat>(ScopeName::root().then("x"));
        first.shard(0).inc(Stat::Total);
        let second = registry.scope::<Stat>(ScopeName::root().then("x"));
        drop(first);
        assert_eq!(second.counter(Stat::Total), 1);
        drop(second);
        assert!(registry.read().is_empty());
    }
}
