//! A body that may have to be sent once more.

/// A body that may have to be sent once more.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    /// Most bytes that are kept.
    most: usize,
    /// There were more, and nothing is kept.
    overflowed: bool,
    /// Somebody has heard of that.
    told: bool,
}

impl Kept {
    /// Nothing so far.
    pub(crate) const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, overflowed: false, told: false }
    }

    /// Whether there was too much of it.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The same, once.
    pub(super) const fn tell_overflow(&mut self) -> bool {
        let news = self.overflowed && !self.told;
        self.told |= news;
        news
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body, unless there was too much of it.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.overflowed).then_some(self.bytes)
    }

    pub(super) fn add(&mut self, data: &[u8]) {
        if self.overflowed {
            return;
        }
        if self.bytes.len() + data.len() > self.most {
            *self = Self { overflowed: true, ..Self::new(self.most) };
        } else {
            self.bytes.extend_from_slice(data);
        }
    }
}
