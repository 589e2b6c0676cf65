//! The fields of a message: the bytes that arrived, and what was changed since.

use std::fmt;

use crate::known::JOINED_IN_RESPONSES;
use crate::{Known, KnownSet};

/// The fields of a head, in their order, names in the case in which they arrived.
///
/// The head is copied here once; fields are places in that copy, and values that are set later are
/// appended to it. A block is cleared and used again, so that a connection allocates for its largest
/// head and never again.
#[derive(Default, Clone)]
pub struct HeaderBlock {
    bytes: Vec<u8>,
    fields: Vec<Slot>,
    /// Known names that some field has; never misses one, may hold one that was removed.
    present: KnownSet,
    removed: usize,
}

/// A place in the bytes of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// A field, and where it lies in the bytes of its block.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    name: Span,
    pub(crate) value: Span,
    pub(crate) known: Option<Known>,
    removed: bool,
}

/// The name of a field, known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// One that the proxy itself asks for.
    Known(Known),
    /// Any other, in any case.
    Other(&'a str),
}

impl<'a> Name<'a> {
    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Known(known) => known.as_str(),
            Self::Other(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        Known::from_bytes(text.as_bytes()).map_or(Self::Other(text), Self::Known)
    }
}

impl From<Known> for Name<'_> {
    fn from(known: Known) -> Self {
        Self::Known(known)
    }
}

/// A field as it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name in the case in which it arrived.
    pub name: &'a [u8],
    /// Its value, without white space around it; any bytes but control characters.
    pub value: &'a [u8],
    /// The known name that it is.
    pub known: Option<Known>,
}

impl HeaderBlock {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and keeps the memory, unless a head made it larger than `keep` bytes.
    pub fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.fields.clear();
        self.present = KnownSet::default();
        self.removed = 0;
        self.bytes.shrink_to(keep);
        self.fields.shrink_to(keep / 32);
    }

    /// Number of fields.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len() - self.removed
    }

    /// Whether there are no fields.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.in_order().map(|slot| Field {
            name: self.name(slot),
            value: self.bytes(slot.value),
            known: slot.known,
        })
    }

    /// The same, where not all of each is looked at.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Slot> {
        self.fields.iter().filter(|slot| !slot.removed)
    }

    /// Whether there is a field of that known name. Costs nothing where there is none.
    #[must_use]
    pub fn has(&self, name: Known) -> bool {
        self.present.contains(name) && self.slots(name.into()).next().is_some()
    }

    /// The value of the first field of that name.
    #[must_use]
    pub fn get<'n>(&self, name: impl Into<Name<'n>>) -> Option<&[u8]> {
        let name = name.into();
        if !self.may_have(name) {
            return None;
        }
        let slot = self.fields.iter().find(|slot| !slot.removed && slot.is(&self.bytes, name))?;
        Some(self.bytes(slot.value))
    }

    /// The values of all fields of that name, in their order.
    pub fn values<'s, 'n: 's>(&'s self, name: impl Into<Name<'n>>) -> impl Iterator<Item = &'s [u8]> {
        let slots = self.slots(name.into());
        slots.map(|slot| self.bytes(slot.value))
    }

    /// The value of a name, with those of repeated fields joined by `,`; written to `joined` only where
    /// there are several.
    #[must_use]
    pub fn joined<'s, 'n: 's>(
        &'s self,
        name: impl Into<Name<'n>>,
        joined: &'s mut Vec<u8>,
    ) -> Option<&'s [u8]> {
        let mut values = self.values(name);
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        joined.clear();
        joined.extend_from_slice(first);
        for value in std::iter::once(second).chain(values) {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    /// Adds a field behind all others.
    pub fn append<'n>(&mut self, name: impl Into<Name<'n>>, value: &[u8]) {
        let value = self.store(value);
        self.add(name.into(), value);
    }

    /// Gives the first field of that name this value and removes the others; adds one where there is
    /// none.
    pub fn set<'n>(&mut self, name: impl Into<Name<'n>>, value: &[u8]) {
        let name = name.into();
        let value_span = self.store(value);
        let mut found = false;
        if self.may_have(name) {
            let Self { bytes, fields, removed, .. } = self;
            for slot in fields.iter_mut().filter(|slot| !slot.removed && slot.is(bytes, name)) {
                if found {
                    slot.removed = true;
                    *removed += 1;
                } else {
                    slot.value = value_span;
                    found = true;
                }
            }
        }
        if !found {
            self.add(name, value_span);
        }
    }

    /// Gives the first field of that name the value behind its own, with `separator` between; adds a
    /// field where there is none. Of two values of which one is empty the other stays alone: an empty member of a list
    /// means nothing (RFC 9110 §5.6.1).
    pub fn extend_value<'n>(&mut self, name: impl Into<Name<'n>>, separator: &[u8], value: &[u8]) {
        let name = name.into();
        match self.get(name).map(<[u8]>::to_vec) {
            Some(old) if old.is_empty() => self.set(name, value),
            Some(_) if value.is_empty() => {}
            Some(mut old) => {
                old.extend_from_slice(separator);
                old.extend_from_slice(value);
                self.set(name, &old);
            }
            None => self.append(name, value),
        }
    }

    /// Removes all fields of that name and says whether there were any.
    pub fn remove<'n>(&mut self, name: impl Into<Name<'n>>) -> bool {
        let name = name.into();
        if !self.may_have(name) {
            return false;
        }
        let Self { bytes, fields, removed, .. } = self;
        let before = *removed;
        for slot in fields.iter_mut().filter(|slot| !slot.removed && slot.is(bytes, name)) {
            slot.removed = true;
            *removed += 1;
        }
        if let Name::Known(known) = name {
            self.present.remove(known);
        }
        self.removed != before
    }

    /// Whether there may be fields of these names; false is certain. Costs nothing.
    #[must_use]
    pub const fn may_have_any(&self, names: KnownSet) -> bool {
        self.present.intersects(names)
    }

    /// Removes all fields of these names. Costs nothing where there are none.
    pub fn remove_all(&mut self, names: KnownSet) {
        if !self.may_have_any(names) {
            return;
        }
        let is_one =
            |slot: &&mut Slot| !slot.removed && slot.known.is_some_and(|known| names.contains(known));
        for slot in self.fields.iter_mut().filter(is_one) {
            slot.removed = true;
            self.removed += 1;
        }
        self.present = self.present.without(names);
    }

    /// Removes the fields for which the condition holds.
    pub fn remove_where(&mut self, mut condition: impl FnMut(Field<'_>) -> bool) {
        for at in 0..self.fields.len() {
            let Some(slot) = self.fields.get(at).copied() else { break };
            if slot.removed {
                continue;
            }
            let field = Field { name: self.name(&slot), value: self.bytes(slot.value), known: slot.known };
            if condition(field)
                && let Some(slot) = self.fields.get_mut(at)
            {
                slot.removed = true;
                self.removed += 1;
            }
        }
    }

    /// Bytes that names and values take, with `: ` and the line end of each field.
    #[must_use]
    pub fn wire_size(&self) -> usize {
        self.iter().map(|field| field.name.len() + field.value.len() + 4).sum()
    }

    /// Joins the values of a response that stand in several fields, where Envoy does so. A response of HTTP/1 is read
    /// like that; this is for one that was put together field by field.
    pub fn join_repeated_in_response(&mut self) {
        self.join_repeated(JOINED_IN_RESPONSES);
    }

    /// Joins the values of these names where they came more than once, but for those that are empty.
    pub(crate) fn join_repeated(&mut self, names: &[Known]) {
        let present = self.present;
        for known in names.iter().copied().filter(|known| present.contains(*known)) {
            if self.values(known).nth(1).is_some() {
                let values: Vec<_> = self.values(known).filter(|value| !value.is_empty()).collect();
                let joined = values.join(&b',');
                self.set(known, &joined);
            }
        }
    }

    /// Takes a copy of a head's bytes, of which fields are then declared with [`Self::declare`].
    pub(crate) fn load(&mut self, head: &[u8]) {
        self.clear(usize::MAX);
        self.take_bytes(head);
    }

    /// The same, of a head whose fields have been declared already, in a block that was cleared before.
    pub(crate) fn take_bytes(&mut self, head: &[u8]) {
        self.bytes.extend_from_slice(head);
    }

    /// Declares a field of the head that was loaded: where its name and value lie in it. Says whether it has a known
    /// name that one before it has.
    pub(crate) fn declare(&mut self, name: Span, value: Span, known: Option<Known>) -> bool {
        self.push(name, value, known)
    }

    /// The name of a field, as it arrived or was set.
    pub(crate) fn name(&self, slot: &Slot) -> &[u8] {
        match slot.known {
            Some(known) if slot.name == Span::KNOWN => known.as_str().as_bytes(),
            _ => self.bytes(slot.name),
        }
    }

    /// Bytes at a place of the loaded head.
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.bytes.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// Gives a field another value where `mend` says so.
    pub(crate) fn mend_values(&mut self, mend: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        for at in 0..self.fields.len() {
            let Some(slot) = self.fields.get(at).copied() else { break };
            if let Some(mended) = mend(self.bytes(slot.value)) {
                let value = self.store(&mended);
                if let Some(slot) = self.fields.get_mut(at) {
                    slot.value = value;
                }
            }
        }
    }

    /// Keeps bytes that are no field, such as the name of a method.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Span {
        self.store(bytes)
    }

    fn store(&mut self, bytes: &[u8]) -> Span {
        let span = Span::new(self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(bytes);
        span
    }

    /// Adds a field of that name, whose value is in the block already.
    #[inline]
    fn add(&mut self, name: Name<'_>, value: Span) {
        match name {
            Name::Known(known) => self.push(Span::KNOWN, value, Some(known)),
            Name::Other(text) => {
                let name = self.store(text.as_bytes());
                self.push(name, value, None)
            }
        };
    }

    /// Adds a field; says whether it has a known name that may have been there already.
    #[inline]
    fn push(&mut self, name: Span, value: Span, known: Option<Known>) -> bool {
        self.fields.push(Slot { name, value, known, removed: false });
        known.is_some_and(|known| !self.present.insert(known))
    }

    fn may_have(&self, name: Name<'_>) -> bool {
        match name {
            Name::Known(known) => self.present.contains(known),
            Name::Other(_) => true,
        }
    }

    fn slots<'s, 'n: 's>(&'s self, name: Name<'n>) -> impl Iterator<Item = &'s Slot> {
        let candidates: &[Slot] = if self.may_have(name) { &self.fields } else { &[] };
        candidates.iter().filter(move |slot| !slot.removed && slot.is(&self.bytes, name))
    }
}

impl Slot {
    fn is(&self, bytes: &[u8], name: Name<'_>) -> bool {
        match name {
            Name::Known(known) => self.known == Some(known),
            Name::Other(text) => {
                self.name.len as usize == text.len() && {
                    let start = self.name.start as usize;
                    bytes
                        .get(start..start + text.len())
                        .is_some_and(|own| own.eq_ignore_ascii_case(text.as_bytes()))
                }
            }
        }
    }
}

impl Span {
    /// What lies in front of it.
    pub(crate) const fn before(self) -> Self {
        Self { start: 0, len: self.start }
    }

    /// In place of a name that has no place, since it is known.
    const KNOWN: Self = Self { start: u32::MAX, len: 0 };

    /// A place in a head. Heads are limited far below 4 GiB.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a head is at most 8 MiB, and so is what is added to it"
    )]
    pub(crate) const fn new(start: usize, len: usize) -> Self {
        Self { start: start as u32, len: len as u32 }
    }
}

impl fmt::Debug for HeaderBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fields: &[(&str, &str)]) -> HeaderBlock {
        let mut block = HeaderBlock::new();
        for (name, value) in fields {
            block.append(*name, value.as_bytes());
        }
        block
    }

    fn shown(block: &HeaderBlock) -> Vec<String> {
        block.iter().map(|field| format!("{field:?}")).collect()
    }

    #[test]
    fn names_are_found_in_any_case() {
        let block = block(&[("X-Thing", "1"), ("HOST", "a"), ("x-thing", "2")]);
        assert_eq!(block.get("x-THING"), Some(&b"1"[..]));
        assert_eq!(block.values("X-Thing").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(block.get(Known::Host), Some(&b"a"[..]));
        assert!(block.has(Known::Host) && !block.has(Known::Te));
        let mut joined = Vec::new();
        assert_eq!(block.joined("x-thing", &mut joined), Some(&b"1,2"[..]));
        assert_eq!(block.joined("x-none", &mut Vec::new()), None);
    }

    #[test]
    fn setting_keeps_the_place_and_leaves_one() {
        let mut block = block(&[("a", "1"), ("server", "x"), ("b", "2"), ("Server", "y")]);
        block.set("server", b"envoy");
        assert_eq!(shown(&block), ["a: 1", "server: envoy", "b: 2"]);
        block.set("date", b"now");
        assert_eq!(block.len(), 4);
        block.extend_value("a", b",", b"3");
        block.extend_value("c", b",", b"4");
        assert_eq!(shown(&block), ["a: 1,3", "server: envoy", "b: 2", "date: now", "c: 4"]);
    }

    #[test]
    fn an_empty_value_is_no_member_of_a_list() {
        let mut block = block(&[
            ("via", ""),
            ("a", "1"),
            ("via", "x"),
            ("via", ""),
            ("via", "y"),
            ("te", ""),
            ("te", ""),
        ]);
        block.join_repeated(&[Known::Via, Known::Te]);
        assert_eq!(shown(&block), ["via: x,y", "a: 1", "te: "]);
        block.extend_value("te", b",", b"z");
        block.extend_value("a", b",", b"");
        assert_eq!(shown(&block), ["via: x,y", "a: 1", "te: z"]);
    }

    #[test]
    fn removal_takes_every_occurrence() {
        let mut block = block(&[("te", "1"), ("a", "1"), ("TE", "2")]);
        assert!(block.remove("te") && !block.remove(Known::Te));
        assert_eq!(shown(&block), ["a: 1"]);
        block.append("te", b"3");
        assert!(block.has(Known::Te));
        block.remove_where(|field| field.name == b"a");
        assert_eq!((block.len(), shown(&block)), (1, vec!["te: 3".to_owned()]));
    }

    #[test]
    fn a_cleared_block_is_empty() {
        let mut block = block(&[("host", "1")]);
        block.clear(0);
        assert!(block.is_empty() && !block.has(Known::Host) && block.iter().next().is_none());
    }
}
