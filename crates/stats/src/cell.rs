//! Cells with one writer and any number of readers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter or gauge of one worker. Only its owner writes, so a load and a store do; readers may see
/// a value that is a moment old, never a torn one.
///
/// A gauge is kept shifted by one bit; the lowest bit says whether it was ever written, because
/// `usedonly` shows a gauge that came back to zero.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn count(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn counted(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn adjust(&self, by: i64) {
        let value = self.0.load(Relaxed).wrapping_add(by.wrapping_mul(2).cast_unsigned());
        self.0.store(value | 1, Relaxed);
    }

    pub(crate) fn assign(&self, value: i64) {
        self.0.store(value.wrapping_mul(2).cast_unsigned() | 1, Relaxed);
    }

    /// The gauge's value, and whether it was ever written.
    pub(crate) fn level(&self) -> (i64, bool) {
        let raw = self.0.load(Relaxed);
        (raw.cast_signed() >> 1, raw & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_remembers_that_it_was_written() {
        let cell = Cell::default();
        assert_eq!(cell.level(), (0, false));
        cell.adjust(3);
        cell.adjust(-5);
        assert_eq!(cell.level(), (-2, true));
        cell.assign(0);
        assert_eq!(cell.level(), (0, true));
    }
}
