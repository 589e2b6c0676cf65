//! Sets of bytes, as classes are written.

use std::fmt::Write as _;

/// A set of bytes.
pub(super) struct Set([bool; 256]);

impl Set {
    pub(super) const fn new() -> Self {
        Self([false; 256])
    }

    pub(super) fn add(&mut self, low: u8, high: u8) {
        for byte in low..=high {
            if let Some(member) = self.0.get_mut(usize::from(byte)) {
                *member = true;
            }
        }
    }

    pub(super) fn add_all(&mut self, other: &Self, negated: bool) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own |= other != negated;
        }
    }

    pub(super) fn write(&self, negated: bool, out: &mut String) {
        out.push_str(if negated { "[^" } else { "[" });
        let mut empty = true;
        let mut bytes = (0..=u8::MAX).zip(self.0).peekable();
        while let Some((low, member)) = bytes.next() {
            if !member {
                continue;
            }
            let mut high = low;
            while let Some((next, _)) = bytes.next_if(|(_, member)| *member) {
                high = next;
            }
            empty = false;
            let _ = write!(out, "\\x{low:02x}-\\x{high:02x}");
        }
        if empty {
            // Of a class without members, the complement of everything.
            out.push_str("^\\x00-\\xff");
        }
        out.push(']');
    }
}
