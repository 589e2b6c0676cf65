//! What has happened, as both sides write it down.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// How many failures are kept in words; the rest is only counted.
const KEPT: usize = 50;

/// Shared by all clients, the origin and whoever watches: they run on one thread.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Requests whose end a client has seen, or that it gave up.
    pub(crate) requests: Cell<u64>,
    /// Bytes of bodies that were compared, both ways.
    pub(crate) bytes: Cell<u64>,
    /// Connections that clients have made.
    pub(crate) connections: Cell<u64>,
    /// How many failures there were.
    pub(crate) failed: Cell<u64>,
    failures: RefCell<Vec<String>>,
    /// What was done on purpose, by name, and how often.
    done: RefCell<BTreeMap<String, u64>>,
    /// One bit for each request that the origin has seen.
    seen: RefCell<Vec<u64>>,
    /// How often it has seen those that came more than once.
    again: RefCell<BTreeMap<u64, u32>>,
    /// The configuration under which the last response was made.
    pub(crate) marker: RefCell<String>,
}

impl Ledger {
    /// Notes that something is not as it should be.
    pub(crate) fn fail(&self, what: String) {
        self.failed.set(self.failed.get() + 1);
        let mut failures = self.failures.borrow_mut();
        if failures.len() < KEPT {
            failures.push(what);
        }
    }

    /// The first failures, in words.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.borrow().clone()
    }

    /// Notes something that was done on purpose.
    pub(crate) fn did(&self, what: String) {
        *self.done.borrow_mut().entry(what).or_default() += 1;
    }

    /// What was done on purpose, and how often.
    pub(crate) fn done(&self) -> BTreeMap<String, u64> {
        self.done.borrow().clone()
    }

    /// Notes that a request has reached the origin; how often it has by now.
    pub(crate) fn reached(&self, id: u64) -> u32 {
        if self.has_reached(id) {
            let mut again = self.again.borrow_mut();
            let times = again.entry(id).or_insert(1);
            *times += 1;
            return *times;
        }
        let mut seen = self.seen.borrow_mut();
        if let Ok(word) = usize::try_from(id / 64) {
            if seen.len() <= word {
                seen.resize(word + 1, 0);
            }
            if let Some(word) = seen.get_mut(word) {
                *word |= 1 << (id % 64);
            }
        }
        1
    }

    /// Whether a request has reached the origin.
    pub(crate) fn has_reached(&self, id: u64) -> bool {
        let word = usize::try_from(id / 64).ok();
        word.and_then(|word| self.seen.borrow().get(word).copied())
            .is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    /// Counts bytes of bodies.
    pub(crate) fn compared(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
    }
}

/// Holds what arrives of a body against what it should be.
#[derive(Debug)]
pub(crate) struct Compare<'l> {
    expected: &'static [u8],
    at: usize,
    ledger: &'l Ledger,
}

impl<'l> Compare<'l> {
    pub(crate) const fn with(expected: &'static [u8], ledger: &'l Ledger) -> Self {
        Self { expected, at: 0, ledger }
    }

    /// The next piece.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Result<(), super::wire::Broken> {
        if self.expected.get(self.at..self.at + piece.len()) != Some(piece) {
            let what =
                format!("other bytes than were sent, between {} and {}", self.at, self.at + piece.len());
            return Err(super::wire::Broken::Wrong(what));
        }
        self.at += piece.len();
        self.ledger.compared(piece.len());
        Ok(())
    }

    /// The body has ended.
    pub(crate) fn end(&self) -> Result<(), super::wire::Broken> {
        if self.at == self.expected.len() {
            return Ok(());
        }
        let what =
            format!("a body that is said to be complete has {} of {} bytes", self.at, self.expected.len());
        Err(super::wire::Broken::Wrong(what))
    }
}
