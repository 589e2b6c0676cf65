//! Buffers for what arrives, lent by the worker while something arrives.

use std::cell::RefCell;

/// Bytes that were read and not used up yet. An empty buffer may have no memory at all.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What has been read.
    pub(crate) fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether there is nothing to use up.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Uses up bytes from the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room to read into, behind what is there.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    /// Takes in what was read into [`Self::space`].
    pub(crate) fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.memory.len());
    }

    /// Size of its memory.
    pub(crate) const fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Moves what is left to the front, so that all room is behind it.
    pub(crate) fn compact(&mut self) {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// Sizes in which memory is lent.
const SMALL: usize = 4 * 1024;
const MEDIUM: usize = 16 * 1024;
/// Not 64 KiB: reads of just that size cost a large body half as much again (`bench/`, 1 MiB responses).
const LARGE: usize = 48 * 1024;
const SIZES: [usize; 3] = [SMALL, MEDIUM, LARGE];

/// Most unused memory that is kept per size.
const KEEP_BYTES: usize = 1 << 20;

/// Memory that one worker lends to its connections and gets back.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    free: RefCell<[Vec<Box<[u8]>>; 3]>,
}

impl BufferPool {
    /// Gives a buffer room for at least one byte, and a size of at least `wanted`. What it holds stays.
    /// Returns false where it has that size and is full.
    pub(crate) fn make_room(&self, buffer: &mut Buffer, wanted: usize) -> bool {
        // Nearly every call is this one.
        if buffer.memory.is_empty() && class(wanted).is_some() {
            buffer.memory = self.take(wanted);
            return true;
        }
        let held = buffer.end - buffer.start;
        if buffer.capacity() >= wanted && buffer.capacity() - buffer.end > 0 {
            return true;
        }
        if buffer.capacity() >= wanted && buffer.start > 0 {
            buffer.compact();
            return true;
        }
        if buffer.capacity() >= wanted {
            return false;
        }
        let target = SIZES.iter().copied().find(|size| *size >= wanted).unwrap_or(wanted);
        let mut larger = Buffer { memory: self.take(target), start: 0, end: held };
        if let Some(room) = larger.memory.get_mut(..held) {
            room.copy_from_slice(buffer.filled());
        }
        self.give(std::mem::replace(buffer, larger));
        true
    }

    /// Takes back the memory of a buffer that holds nothing.
    pub(crate) fn reclaim(&self, buffer: &mut Buffer) {
        if buffer.is_empty() && buffer.capacity() > 0 {
            self.give(std::mem::take(buffer));
        }
    }

    /// Takes back the memory of a buffer, whatever it holds.
    pub(crate) fn discard(&self, buffer: &mut Buffer) {
        let held = buffer.filled().len();
        buffer.consume(held);
        self.reclaim(buffer);
    }

    /// Lets go of memory that nobody uses.
    pub(crate) fn shrink(&self) {
        self.free.take();
    }

    fn take(&self, size: usize) -> Box<[u8]> {
        let reused = class(size).and_then(|class| self.free.borrow_mut().get_mut(class)?.pop());
        reused.unwrap_or_else(|| vec![0; size].into_boxed_slice())
    }

    fn give(&self, buffer: Buffer) {
        let size = buffer.memory.len();
        let Some(class) = class(size) else { return };
        if let Some(free) = self.free.borrow_mut().get_mut(class)
            && (free.len() + 1) * size <= KEEP_BYTES
        {
            free.push(buffer.memory);
        }
    }
}

/// Where memory of that size is kept.
const fn class(size: usize) -> Option<usize> {
    match size {
        SMALL => Some(0),
        MEDIUM => Some(1),
        LARGE => Some(2),
        _ => None,
    }
}

/// Room that the first bytes of a message get.
pub(crate) const FOR_HEAD: usize = SMALL;
/// Room that bodies get.
pub(crate) const FOR_BODY: usize = MEDIUM;
/// Room that bodies get once they turn out to be large.
pub(crate) const FOR_BULK: usize = LARGE;

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.space()[..bytes.len()].copy_from_slice(bytes);
        buffer.advance(bytes.len());
    }

    #[test]
    fn a_buffer_grows_and_keeps_what_it_holds() {
        let pool = BufferPool::default();
        let mut buffer = Buffer::default();
        assert!(pool.make_room(&mut buffer, FOR_HEAD));
        fill(&mut buffer, b"hello");
        buffer.consume(2);
        assert!(pool.make_room(&mut buffer, FOR_BODY));
        assert_eq!((buffer.filled(), buffer.capacity()), (&b"llo"[..], MEDIUM));
        let rest = vec![b'x'; buffer.space().len()];
        fill(&mut buffer, &rest);
        buffer.consume(1);
        assert!(pool.make_room(&mut buffer, FOR_BODY), "room is made at the front");
        assert!(pool.make_room(&mut buffer, FOR_BULK));
        let rest = vec![b'x'; buffer.space().len()];
        fill(&mut buffer, &rest);
        assert!(!pool.make_room(&mut buffer, FOR_BULK), "full");
        assert!(pool.make_room(&mut buffer, 3 * FOR_BULK), "a head may be larger than what is usual");
        assert_eq!((buffer.filled().len(), buffer.capacity()), (FOR_BULK, 3 * FOR_BULK));
    }

    #[test]
    fn memory_is_used_again() {
        let pool = BufferPool::default();
        let mut buffer = Buffer::default();
        pool.make_room(&mut buffer, FOR_HEAD);
        let address = buffer.memory.as_ptr();
        fill(&mut buffer, b"a");
        pool.reclaim(&mut buffer);
        assert_eq!(buffer.capacity(), SMALL, "a buffer that holds something stays");
        buffer.consume(1);
        pool.reclaim(&mut buffer);
        assert_eq!(buffer.capacity(), 0);
        pool.make_room(&mut buffer, 1);
        assert_eq!(buffer.memory.as_ptr(), address);
    }
}
