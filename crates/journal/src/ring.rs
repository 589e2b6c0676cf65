//! What failed at one worker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Fact, Record};
use crate::tally::{Tallies, Tally};

/// Failures that are kept of each worker, unless somebody says otherwise.
pub const CAPACITY: usize = 1024;

/// The last failures of one worker.
///
/// The worker is the only one to write. Whoever reads copies what it asks for while the worker would wait; that is less
/// than a millisecond, and only when the worker has a failure to write.
#[derive(Debug)]
pub struct Ring {
    /// Records that are kept. Where it is 0, failures are counted and nothing is kept of them.
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Grows to its capacity, and is overwritten then: who never fails pays for nothing.
    records: Vec<Record>,
    /// Where the next is written, once the ring is full.
    next: usize,
    /// Failures since the start.
    written: u64,
    tallies: Tallies,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Writes a failure over the oldest.
    pub fn write(&self, record: Record) {
        let mut state = self.lock();
        state.tallies.count(record.reason, record.fact(Fact::Cluster), record.fact(Fact::Route), record.at);
        state.written += 1;
        if state.records.len() < self.capacity {
            state.records.push(record);
            return;
        }
        let at = state.next;
        if let Some(oldest) = state.records.get_mut(at) {
            *oldest = record;
        }
        state.next = (at + 1).checked_rem(self.capacity).unwrap_or(0);
    }

    /// Copies of the newest records that fit, newest first, at most so many.
    pub(crate) fn newest(&self, most: usize, fits: impl Fn(&Record) -> bool) -> Vec<Record> {
        let state = self.lock();
        let (behind, before) = state.records.split_at(state.next.min(state.records.len()));
        behind
            .iter()
            .rev()
            .chain(before.iter().rev())
            .filter(|record| fits(record))
            .take(most)
            .cloned()
            .collect()
    }

    /// Failures since the start, and those that are kept.
    pub(crate) fn count(&self) -> (u64, usize) {
        let state = self.lock();
        (state.written, state.records.len())
    }

    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.lock().tallies.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
