//! The tables of HPACK: the static one (RFC 7541 Appendix A), and the one that a connection fills.

use std::collections::VecDeque;

use crate::Known;

/// A field of a table.
pub(super) struct Entry {
    /// Name and value.
    bytes: Box<[u8]>,
    name: usize,
    pub(super) known: Option<Known>,
}

impl Entry {
    fn new(name: &[u8], value: &[u8], known: Option<Known>) -> Self {
        Self { bytes: [name, value].concat().into(), name: name.len(), known }
    }

    pub(super) fn name(&self) -> &[u8] {
        self.bytes.get(..self.name).unwrap_or_default()
    }

    pub(super) fn value(&self) -> &[u8] {
        self.bytes.get(self.name..).unwrap_or_default()
    }

    fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// What an entry counts beside its bytes (RFC 7541 §4.1).
pub(super) const OVERHEAD: usize = 32;

/// The fields of a connection, newest first.
pub(super) struct Dynamic {
    entries: VecDeque<Entry>,
    size: usize,
    most: usize,
    /// How many there have ever been.
    inserted: u32,
}

impl Dynamic {
    pub(super) const fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), size: 0, most, inserted: 0 }
    }

    /// The entry at a place behind the static table.
    pub(super) fn get(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// How many there have ever been; the newest is the one before.
    pub(super) const fn inserted(&self) -> u32 {
        self.inserted
    }

    /// The place of the entry that was inserted after that many others, while it is there.
    pub(super) fn place_of(&self, number: u32) -> Option<usize> {
        // Numbers may come around; whoever finds an entry looks whether it is the one.
        let at = usize::try_from(self.inserted.wrapping_sub(number).checked_sub(1)?).ok()?;
        (at < self.entries.len()).then_some(at)
    }

    /// Most bytes that it may hold.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Changes how much it may hold.
    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.evict(0);
    }

    /// Adds a field; one that is larger than the table empties it (RFC 7541 §4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], known: Option<Known>) {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(size);
        if size <= self.most {
            self.inserted = self.inserted.wrapping_add(1);
            self.size += size;
            self.entries.push_front(Entry::new(name, value, known));
        }
    }

    fn evict(&mut self, room: usize) {
        while self.size + room > self.most
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
    }
}

/// Entries of the static table.
pub(super) const STATIC: usize = 61;

/// The entry at a place of the static table, from 1 on.
pub(super) fn static_entry(index: usize) -> Option<&'static (&'static str, &'static str)> {
    ENTRIES.get(index.checked_sub(1)?)
}

/// The first place in the static table of a name, which is in lower case.
pub(super) fn static_index(name: &[u8]) -> Option<usize> {
    let first = *name.first()?;
    ENTRIES
        .iter()
        .position(|(text, _)| {
            let text = text.as_bytes();
            text.first() == Some(&first) && text == name
        })
        .map(|at| at + 1)
}

#[rustfmt::skip]
static ENTRIES: [(&str, &str); STATIC] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""),
    ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""),
    ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""),
    ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
    ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""),
    ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
    ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_forgets_its_oldest() {
        let mut table = Dynamic::new(100);
        table.insert(b"a", b"1", None);
        table.insert(b"b", b"2", None);
        assert_eq!((table.place_of(0), table.place_of(1), table.place_of(2)), (Some(1), Some(0), None));
        table.insert(b"c", b"3", None);
        assert_eq!((table.place_of(0), table.place_of(1)), (None, Some(1)), "34 bytes each");
        table.insert(b"d", &[b'x'; 100], None);
        assert!(table.get(0).is_none(), "too large for all of it");
        table.insert(b"e", b"", None);
        assert_eq!(table.get(0).map(Entry::name), Some(&b"e"[..]));
        table.resize(0);
        assert!(table.get(0).is_none());
    }

    #[test]
    fn the_static_table() {
        assert_eq!(static_entry(61), Some(&("www-authenticate", "")));
        assert_eq!((static_entry(0), static_entry(62)), (None, None));
        assert_eq!((static_index(b"date"), static_index(b"x")), (Some(33), None));
    }
}
