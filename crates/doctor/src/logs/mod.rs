//! Access logs of Envoy, Istio, HAProxy and of ourselves: what failed, how often, and what may be behind it.
//!
//! ```text
//!  a line ── shape ──▶ Entry ── tally ──▶ Group: one kind of failure ── judge ──▶ Finding
//! ```
//!
//! A log can be larger than memory: lines are read one by one, only groups are kept, and there is a most of them.

mod entry;
mod judge;
mod missed;
mod rounds;
mod settle;
mod shape;
mod tally;
mod time;

use causeway_model::Bootstrap;

use crate::report::Report;

pub use settle::settle;

use shape::Shapes;
use tally::Tally;

/// Istio's cluster for requests whose `Host` is no service that it knows: they go where the client connected to, in clear.
pub(crate) const PASSTHROUGH: &str = "PassthroughCluster";

/// Reads a log, line by line.
#[derive(Debug)]
pub struct Reader {
    shapes: Shapes,
    tally: Tally,
}

impl Reader {
    /// A reader of lines in any of the usual formats, and in those of a configuration, where there is one; that says too
    /// which cluster an endpoint belongs to.
    #[must_use]
    pub fn new(bootstrap: Option<&Bootstrap>) -> Self {
        Self { shapes: Shapes::new(bootstrap), tally: Tally::new(bootstrap) }
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match self.shapes.read(text) {
            Some(entry) => self.tally.add(&entry),
            None => self.tally.foreign(),
        }
    }

    /// How many lines there were.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.tally.lines
    }

    /// Says what was found; `name` is that of the log.
    pub fn finish(mut self, name: &str, report: &mut Report) {
        judge::judge(&mut self.tally, name, report);
    }
}

#[cfg(test)]
mod tests;
