//! Who is woken by what happens next.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Waker};

/// The waker of the one task that waits for something, in one thread.
#[derive(Default)]
pub(crate) struct WakerCell(Cell<Option<Waker>>);

impl WakerCell {
    /// Has the current task woken next, and nobody else.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.0.take();
        match &mut waker {
            // Leaves one alone that wakes the same task.
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        self.0.set(waker);
    }

    /// Wakes who waits, once.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// The waker of who waits, to be woken later.
    pub(crate) fn take(&self) -> Option<Waker> {
        self.0.take()
    }
}

impl fmt::Debug for WakerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WakerCell")
    }
}
