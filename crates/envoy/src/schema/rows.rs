//! The rows of the generated tables. They hold numbers only: offsets into the pool of names, and
//! indices into other tables.

use super::tables;

/// A name in the pool: its offset in the upper 20 bits, its length in the lower 12.
#[derive(Clone, Copy)]
pub(super) struct Text(pub(super) u32);

impl Text {
    pub(super) fn get(self) -> &'static str {
        let start = (self.0 >> 12) as usize;
        let end = start + (self.0 & 0xfff) as usize;
        tables::POOL.get(start..end).unwrap_or_default()
    }
}

/// Name, first field and number of fields, of oneofs and of reserved names, form.
#[derive(Clone, Copy)]
pub(super) struct MessageRow(
    pub(super) u32,
    pub(super) u16,
    pub(super) u8,
    pub(super) u16,
    pub(super) u8,
    pub(super) u16,
    pub(super) u8,
    pub(super) u8,
);

/// Name, number, kind, flags, target, oneof, first rule and number of rules.
#[derive(Clone, Copy)]
pub(super) struct FieldRow(
    pub(super) u32,
    pub(super) u32,
    pub(super) u8,
    pub(super) u8,
    pub(super) u16,
    pub(super) u8,
    pub(super) u16,
    pub(super) u8,
);

/// Name, and whether one of its fields has to be set.
#[derive(Clone, Copy)]
pub(super) struct OneofRow(pub(super) u32, pub(super) bool);

/// Name, first value and number of values.
#[derive(Clone, Copy)]
pub(super) struct EnumRow(pub(super) u32, pub(super) u16, pub(super) u16);

/// Name, number, flags.
#[derive(Clone, Copy)]
pub(super) struct EnumValueRow(pub(super) u32, pub(super) i32, pub(super) u8);

/// The name a message had in version 2, and the message.
#[derive(Clone, Copy)]
pub(super) struct PreviousRow(pub(super) u32, pub(super) u16);

/// A rule that a value has to satisfy (protoc-gen-validate).
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The message has to be there.
    Required,
    /// The rules inside the message do not count.
    SkipMessage,
    /// An empty value is excused from the other rules.
    IgnoreEmpty,
    /// The only value allowed.
    Const(bool),
    /// Characters.
    MinLen(u32),
    /// Characters.
    MaxLen(u32),
    /// Bytes.
    MinBytes(u32),
    /// Bytes.
    MaxBytes(u32),
    /// Regular expression in RE2's language.
    Pattern(Text),
    Prefix(Text),
    Suffix(Text),
    /// The values allowed: first text and number of texts.
    TextIn(u16, u8),
    /// A header name; strict or not.
    HeaderName(bool),
    /// A header value; strict or not.
    HeaderValue(bool),
    /// Bounds of integers, and of durations in nanoseconds.
    Gt(i64),
    Gte(i64),
    Lt(i64),
    Lte(i64),
    FloatGt(f64),
    FloatGte(f64),
    FloatLt(f64),
    FloatLte(f64),
    /// The number of an enum has a name.
    DefinedOnly,
    /// The number of an enum is another.
    NotNumber(i64),
    MinItems(u32),
    MaxItems(u32),
    Unique,
    /// Rules of each item: first rule and number of rules.
    Items(u16, u8),
    MinPairs(u32),
    Keys(u16, u8),
    Values(u16, u8),
}
