//! Memory that connections of HTTP/2 lend each other for what waits to be written.

use std::cell::RefCell;

use super::output::ROOM;

/// Pieces of memory that wait at most.
const OUTPUTS: usize = 16;
/// Bytes that such a piece has at first: the heads and small bodies of some responses.
const OUTPUT: usize = 2048;

/// Pieces of one worker that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct OutputPool(RefCell<Vec<Vec<u8>>>);

impl OutputPool {
    /// Memory for what waits to be written.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(OUTPUT))
    }

    /// Takes back such memory.
    pub(super) fn give(&self, mut output: Vec<u8>) {
        let mut outputs = self.0.borrow_mut();
        if output.capacity() > 0 && output.capacity() <= ROOM && outputs.len() < OUTPUTS {
            output.clear();
            outputs.push(output);
        }
    }
}
