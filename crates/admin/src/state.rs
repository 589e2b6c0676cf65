//! What requests share.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Process;
use crate::schema::{AdminStats, ServerStats};
use crate::stats::Intervals;

/// The admin server, as handlers see it.
pub(crate) struct Admin {
    pub(crate) process: Arc<dyn Process>,
    pub(crate) own: AdminStats,
    server: ServerStats,
    intervals: Mutex<Intervals>,
}

impl Admin {
    pub(crate) fn new(process: Arc<dyn Process>) -> Self {
        let registry = process.stats();
        let (own, server) = (AdminStats::new(registry), ServerStats::new(registry));
        Self { process, own, server, intervals: Mutex::default() }
    }

    /// Brings the metrics of the process up to date.
    pub(crate) fn refresh(&self) {
        let process = &self.process;
        self.server.refresh(process.state(), &process.info(), &process.vitals());
    }

    /// An interval of the statistics is over.
    pub(crate) fn flush(&self) {
        self.refresh();
        self.with_intervals(|intervals| intervals.flush(self.process.stats()));
    }

    pub(crate) fn with_intervals<T>(&self, f: impl FnOnce(&mut Intervals) -> T) -> T {
        f(&mut self.intervals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
