//! Writing fields (RFC 7541 §6), with the choices that the library of Envoy (nghttp2) makes: what is written has as
//! many bytes, and logs count them.

use super::table::{Dynamic, LAST_OF_SEVERAL, OVERHEAD, STATIC, static_entry, static_index, static_index_of};
use super::{huffman, integer};
use crate::Field;

/// Writes the blocks of fields of one connection, one after the other.
pub struct Encoder {
    table: Dynamic,
    /// Most that the table may become, whatever the peer allows.
    most: usize,
    /// The peer has changed how large it may be: since then, it was once as small as this.
    changed: Option<usize>,
    /// Numbers of the entries that were inserted last with a name and value, and with a name, by their hashes.
    found: Box<[Found; SLOTS]>,
}

/// Entries are looked for at one place each: a table of 4 KiB has some sixty.
const SLOTS: usize = 128;

#[derive(Clone, Copy, Default)]
struct Found {
    field: u32,
    name: u32,
}

impl Encoder {
    /// An encoder whose table has at most that many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { table: Dynamic::new(most), most, changed: None, found: Box::new([Found::default(); SLOTS]) }
    }

    /// The peer allows a table of that size (`SETTINGS_HEADER_TABLE_SIZE`).
    pub fn allow(&mut self, size: usize) {
        let size = size.min(self.most);
        self.table.resize(size);
        self.changed = Some(self.changed.map_or(size, |least| least.min(size)));
    }

    /// What stands in front of a block: that the size of the table has changed, if it has.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(least) = self.changed.take() {
            if least < self.table.most() {
                integer::encode(least, 5, 0x20, out);
            }
            integer::encode(self.table.most(), 5, 0x20, out);
        }
    }

    /// Writes the status of a response.
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        if let Some(index) = static_status(status) {
            out.push(0x80 | index);
            return;
        }
        let digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + (digit % 10) as u8);
        self.write(b":status", &digits, Some(usize::from(FIRST_STATUS)), out);
    }

    /// Writes a field; its name gets small letters (RFC 9113 §8.2.1).
    pub fn field(&mut self, field: Field<'_>, out: &mut Vec<u8>) {
        match field.known {
            Some(known) => self.write(known.as_str().as_bytes(), field.value, static_index_of(known), out),
            None if field.name.iter().any(u8::is_ascii_uppercase) => {
                let name = field.name.to_ascii_lowercase();
                self.write(&name, field.value, static_index(&name), out);
            }
            None => self.write(field.name, field.value, static_index(field.name), out),
        }
    }

    /// Writes a field whose name is in lower case, and first stands at that place of the static table.
    fn write(&mut self, name: &[u8], value: &[u8], by_name: Option<usize>, out: &mut Vec<u8>) {
        let kind = self.kind(name, value);
        if let Some(index) = by_name.and_then(|index| static_match(index, name, value)) {
            integer::encode(index, 7, 0x80, out);
            return;
        }
        // Names are told apart by a part of what tells fields apart.
        let of_name = hash(0, name);
        // Only what was inserted can be found.
        let of_field = if kind == Kind::Indexed { hash(of_name, value) } else { 0 };
        if kind == Kind::Indexed
            && let Some(index) = self.find(
                of_field,
                |found| found.field,
                |entry| entry.name() == name && entry.value() == value,
            )
        {
            integer::encode(index, 7, 0x80, out);
            return;
        }
        let index = by_name.or_else(|| self.find(of_name, |found| found.name, |entry| entry.name() == name));
        let (prefix, bits) = match kind {
            Kind::Indexed => (6, 0x40),
            Kind::Plain => (4, 0),
            Kind::Never => (4, 0x10),
        };
        integer::encode(index.unwrap_or(0), prefix, bits, out);
        if index.is_none() {
            string(name, out);
        }
        string(value, out);
        if kind == Kind::Indexed {
            self.insert(name, value, (of_name, of_field));
        }
    }

    fn insert(&mut self, name: &[u8], value: &[u8], hashes: (usize, usize)) {
        self.table.insert(name, value, None);
        let number = self.table.inserted();
        if let Some(found) = self.found.get_mut(hashes.0 % SLOTS) {
            found.name = number;
        }
        if let Some(found) = self.found.get_mut(hashes.1 % SLOTS) {
            found.field = number;
        }
    }

    fn find(
        &self,
        hash: usize,
        number: impl Fn(&Found) -> u32,
        is: impl Fn(&super::table::Entry) -> bool,
    ) -> Option<usize> {
        let number = number(self.found.get(hash % SLOTS)?).checked_sub(1)?;
        let at = self.table.place_of(number)?;
        is(self.table.get(at)?).then_some(STATIC + 1 + at)
    }

    fn kind(&self, name: &[u8], value: &[u8]) -> Kind {
        match name {
            // Short secrets can be guessed where tables tell what was sent before (RFC 7541 §7.1.3).
            b"authorization" => Kind::Never,
            b"cookie" if value.len() < 20 => Kind::Never,
            // They are hardly ever the same twice.
            b":path" | b"age" | b"content-length" | b"etag" | b"if-modified-since" | b"if-none-match"
            | b"location" | b"set-cookie" => Kind::Plain,
            _ if name.len() + value.len() + OVERHEAD > self.table.most() * 3 / 4 => Kind::Plain,
            _ => Kind::Indexed,
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("most", &self.most).finish_non_exhaustive()
    }
}

/// How a field is written that no table has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The table gets it.
    Indexed,
    /// It does not.
    Plain,
    /// Nor does any table further on.
    Never,
}

/// The place of the static entry with that name and value; `first` is the first one of the name.
fn static_match(first: usize, name: &[u8], value: &[u8]) -> Option<usize> {
    if first > LAST_OF_SEVERAL {
        let (_, only) = static_entry(first)?;
        return (only.as_bytes() == value).then_some(first);
    }
    (first..=LAST_OF_SEVERAL)
        .map_while(|index| {
            static_entry(index).filter(|entry| entry.0.as_bytes() == name).map(|entry| (index, entry))
        })
        .find(|(_, entry)| entry.1.as_bytes() == value)
        .map(|(index, _)| index)
}

/// The place of the static entry of a status that has one.
const fn static_status(status: u16) -> Option<u8> {
    Some(match status {
        200 => FIRST_STATUS,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => return None,
    })
}

/// The place of the static table at which `:status` first stands.
const FIRST_STATUS: u8 = 8;

fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::encode(coded, 7, 0x80, out);
        huffman::encode(text, out);
    } else {
        integer::encode(text.len(), 7, 0, out);
        out.extend_from_slice(text);
    }
}

/// Tells fields apart well enough to find most of them at the first look; goes on from the hash of what stands in
/// front.
fn hash(front: usize, bytes: &[u8]) -> usize {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(MIX).rotate_left(29);
    let sum =
        words.iter().fold(front as u64 ^ bytes.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    let sum = if rest.is_empty() { sum } else { mix(sum, last) };
    #[expect(clippy::cast_possible_truncation, reason = "some bits are enough")]
    let hash = sum as usize;
    hash ^ hash >> 17
}
