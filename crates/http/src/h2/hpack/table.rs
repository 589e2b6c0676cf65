//! The tables of HPACK: the static one (RFC 7541 Appendix A), and the one that a connection fills.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a table that is made at compile time, where a bad index fails the build; all else is looked up with `get`"
)]

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

/// The last place of a name that stands in the static table more than once.
pub(super) const LAST_OF_SEVERAL: usize = 14;

/// The first place in the static table of a name, which is in lower case.
pub(super) fn static_index(name: &[u8]) -> Option<usize> {
    let is = |(text, _): &(&str, &str)| text.len() == name.len() && text.as_bytes() == name;
    ENTRIES.iter().position(is).map(|at| at + 1)
}

/// The same, of a name that is known.
pub(super) fn static_index_of(name: Known) -> Option<usize> {
    let index = usize::from(*INDICES.get(name as usize)?);
    (index > 0).then_some(index)
}

/// Where known names stand in the static table; 0 is nowhere.
const INDICES: [u8; Known::ALL.len()] = {
    let mut indices = [0; Known::ALL.len()];
    let mut of = 0;
    while of < indices.len() {
        let name = Known::ALL[of].as_str().as_bytes();
        let mut at = STATIC;
        while at > 0 {
            at -= 1;
            if is_same(ENTRIES[at].0.as_bytes(), name) {
                indices[of] = at as u8 + 1;
            }
        }
        of += 1;
    }
    indices
};

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
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
        for (at, (name, _)) in ENTRIES.iter().enumerate() {
            let first = ENTRIES.iter().position(|(other, _)| other == name).unwrap() + 1;
            assert!(first == at + 1 || at < LAST_OF_SEVERAL, "{name}");
            assert_eq!(static_index(name.as_bytes()), Some(first), "{name}");
        }
        for known in Known::ALL {
            assert_eq!(static_index_of(*known), static_index(known.as_str().as_bytes()));
        }
    }
}
