//! Reading fields (RFC 7541 §6).

use super::table::{Dynamic, STATIC, static_entry};
use super::{Malformed, huffman, integer};
use crate::{Field, Known};

/// Reads the blocks of fields of one connection, one after the other.
pub struct Decoder {
    table: Dynamic,
    /// Most that the peer may make of the table: what it was told.
    most: usize,
    /// Strings that have to be put together.
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Strings that are longer than this are not kept for the next block, in bytes.
const KEEP: usize = 1024;

impl Decoder {
    /// A decoder whose table has at most that many bytes (`SETTINGS_HEADER_TABLE_SIZE`).
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { table: Dynamic::new(most), most, name: Vec::new(), value: Vec::new() }
    }

    /// Reads a block, and hands over its fields in their order. Names are as they were sent.
    ///
    /// # Errors
    ///
    /// The block can't be read, and no later one can: the connection has to end (RFC 9113 §4.3).
    pub fn decode(&mut self, block: &[u8], mut field: impl FnMut(Field<'_>)) -> Result<(), Malformed> {
        let mut rest = block;
        let mut begun = false;
        while let Some(first) = rest.first().copied() {
            if first & 0x80 != 0 {
                let index = take_integer(&mut rest, 7)?;
                self.indexed(index, &mut field)?;
            } else if first & 0x60 == 0x20 {
                // Only in front of all fields (RFC 7541 §4.2).
                let size = take_integer(&mut rest, 5)?;
                if begun || size > self.most {
                    return Err(Malformed);
                }
                self.table.resize(size);
                continue;
            } else {
                let (prefix, kept) = if first & 0x40 != 0 { (6, true) } else { (4, false) };
                let index = take_integer(&mut rest, prefix)?;
                self.literal(index, kept, &mut rest, &mut field)?;
            }
            begun = true;
        }
        self.name.clear();
        self.value.clear();
        self.name.shrink_to(KEEP);
        self.value.shrink_to(KEEP);
        Ok(())
    }

    fn indexed(&self, index: usize, field: &mut impl FnMut(Field<'_>)) -> Result<(), Malformed> {
        if let Some((name, value)) = static_entry(index) {
            let known = Known::from_bytes(name.as_bytes());
            field(Field { name: name.as_bytes(), value: value.as_bytes(), known });
            return Ok(());
        }
        let entry = index.checked_sub(STATIC + 1).and_then(|at| self.table.get(at)).ok_or(Malformed)?;
        field(Field { name: entry.name(), value: entry.value(), known: entry.known });
        Ok(())
    }

    fn literal(
        &mut self,
        index: usize,
        kept: bool,
        rest: &mut &[u8],
        field: &mut impl FnMut(Field<'_>),
    ) -> Result<(), Malformed> {
        self.name.clear();
        let known = if index == 0 {
            take_string(rest, &mut self.name)?;
            Known::from_bytes(&self.name)
        } else if let Some((name, _)) = static_entry(index) {
            self.name.extend_from_slice(name.as_bytes());
            Known::from_bytes(name.as_bytes())
        } else {
            let entry = index.checked_sub(STATIC + 1).and_then(|at| self.table.get(at)).ok_or(Malformed)?;
            self.name.extend_from_slice(entry.name());
            entry.known
        };
        self.value.clear();
        take_string(rest, &mut self.value)?;
        field(Field { name: &self.name, value: &self.value, known });
        if kept {
            self.table.insert(&self.name, &self.value, known);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("most", &self.most).finish_non_exhaustive()
    }
}

fn take_integer(rest: &mut &[u8], prefix: u32) -> Result<usize, Malformed> {
    let (number, length) = integer::decode(rest, prefix)?;
    *rest = rest.get(length..).ok_or(Malformed)?;
    Ok(number)
}

fn take_string(rest: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let coded = rest.first().ok_or(Malformed)? & 0x80 != 0;
    let length = take_integer(rest, 7)?;
    let (string, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = behind;
    if coded {
        huffman::decode(string, out)
    } else {
        out.extend_from_slice(string);
        Ok(())
    }
}
