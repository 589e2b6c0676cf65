//! Scopes, and the cells of one worker in them.

use std::cell;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cell::Cell;
use crate::{HistogramCells, ScopeName};

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Grows only.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Values by size.
    Histogram,
}

/// A metric of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Envoy's name, without the scope's.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
}

/// Metrics that belong together. Made by [`crate::schema!`].
pub trait Schema: Copy + 'static {
    /// The metrics, in the order of their indices.
    const METRICS: &'static [Metric];

    /// Index of this metric.
    fn index(self) -> usize;
}

/// All workers' cells of one instance of a schema. Cheap to clone; the metrics are gone from the
/// [`crate::Registry`] once the last clone and shard are.
#[derive(Debug)]
pub struct Scope<S> {
    pub(crate) data: Arc<ScopeData>,
    pub(crate) schema: PhantomData<fn(S)>,
}

impl<S> Clone for Scope<S> {
    fn clone(&self) -> Self {
        Self { data: Arc::clone(&self.data), schema: PhantomData }
    }
}

impl<S: Schema> Scope<S> {
    /// The cells of one worker, by its number, or of the main thread, by the number of workers. Every
    /// shard must be written by one thread only; a number too large gives the last.
    #[must_use]
    pub fn shard(&self, worker: usize) -> Shard<S> {
        let shards = &self.data.shards;
        // There is one shard at least.
        let cells = Arc::clone(&shards[worker.min(shards.len().saturating_sub(1))]);
        Shard { scope: self.clone(), cells, one_thread: PhantomData }
    }

    /// The scope's name.
    #[must_use]
    pub fn name(&self) -> &ScopeName {
        &self.data.name
    }

    /// The sum of a counter over all workers.
    #[must_use]
    pub fn counter(&self, metric: S) -> u64 {
        self.data.shards.iter().map(|shard| shard.cell(metric.index()).map_or(0, Cell::counted)).sum()
    }

    /// The sum of a gauge over all workers.
    #[must_use]
    pub fn gauge(&self, metric: S) -> i64 {
        self.data.shards.iter().map(|shard| shard.cell(metric.index()).map_or(0, |cell| cell.level().0)).sum()
    }
}

/// One worker's cells of a scope. Can be sent to its worker, but not shared.
#[derive(Debug)]
pub struct Shard<S> {
    scope: Scope<S>,
    /// Those of the scope that are this worker's: held here as well, since each request counts a few dozen times.
    cells: Arc<ShardCells>,
    one_thread: PhantomData<cell::Cell<()>>,
}

impl<S: Schema> Shard<S> {
    /// Adds one to a counter.
    pub fn inc(&self, metric: S) {
        self.add(metric, 1);
    }

    /// Adds to a counter.
    pub fn add(&self, metric: S, n: u64) {
        if let Some(cell) = self.cells.cell(metric.index()) {
            cell.count(n);
        }
    }

    /// Raises or lowers a gauge.
    pub fn adjust(&self, metric: S, by: i64) {
        if let Some(cell) = self.cells.cell(metric.index()) {
            cell.adjust(by);
        }
    }

    /// Sets this worker's part of a gauge.
    pub fn set(&self, metric: S, value: i64) {
        if let Some(cell) = self.cells.cell(metric.index()) {
            cell.assign(value);
        }
    }

    /// Counts a value in a histogram.
    pub fn record(&self, metric: S, value: u64) {
        if let Some(histogram) = self.cells.histograms.get(metric.index()) {
            histogram.record(value);
        }
    }

    /// A counter that the schema does not name, such as `upstream_rq_404`. Takes a lock: keep it.
    #[must_use]
    pub fn dynamic(&self, name: &str) -> DynamicCounter {
        let mut dynamic = self.cells.lock_dynamic();
        if let Some((_, cell)) = dynamic.iter().find(|(known, _)| &**known == name) {
            return DynamicCounter { cell: Arc::clone(cell), one_thread: PhantomData };
        }
        let cell = Arc::new(Cell::default());
        dynamic.push((name.into(), Arc::clone(&cell)));
        DynamicCounter { cell, one_thread: PhantomData }
    }

    /// The scope it belongs to.
    #[must_use]
    pub fn scope(&self) -> &Scope<S> {
        &self.scope
    }
}

/// A counter outside the schema, of one worker.
#[derive(Debug)]
pub struct DynamicCounter {
    cell: Arc<Cell>,
    one_thread: PhantomData<cell::Cell<()>>,
}

impl DynamicCounter {
    /// Adds one.
    pub fn inc(&self) {
        self.cell.count(1);
    }
}

/// What a scope is made of.
#[derive(Debug)]
pub(crate) struct ScopeData {
    pub(crate) name: ScopeName,
    pub(crate) metrics: &'static [Metric],
    pub(crate) shards: Box<[Arc<ShardCells>]>,
}

/// One worker's part, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ShardCells {
    cells: Box<[Cell]>,
    pub(crate) histograms: Box<[HistogramCells]>,
    dynamic: Mutex<Vec<(Box<str>, Arc<Cell>)>>,
}

impl ScopeData {
    pub(crate) fn new(name: ScopeName, metrics: &'static [Metric], shards: usize) -> Self {
        // A schema without histograms keeps no slots for them.
        let histograms =
            metrics.iter().rposition(|metric| metric.kind == Kind::Histogram).map_or(0, |last| last + 1);
        let shard = || {
            Arc::new(ShardCells {
                cells: metrics.iter().map(|_| Cell::default()).collect(),
                histograms: (0..histograms).map(|_| HistogramCells::default()).collect(),
                dynamic: Mutex::default(),
            })
        };
        Self { name, metrics, shards: (0..shards.max(1)).map(|_| shard()).collect() }
    }
}

impl ShardCells {
    pub(crate) fn cell(&self, index: usize) -> Option<&Cell> {
        self.cells.get(index)
    }

    pub(crate) fn lock_dynamic(&self) -> MutexGuard<'_, Vec<(Box<str>, Arc<Cell>)>> {
        self.dynamic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
