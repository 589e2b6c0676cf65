//! The schema of Envoy's configuration: every message, field, enum and rule of its API, as data.
//!
//! The tables are generated (`cargo xtask gen-schema`) and hold no pointers, so that they cost nothing
//! before the first byte of a file is read. The types here are handles: an index each.

mod rows;
#[rustfmt::skip]
mod tables;

use rows::{EnumRow, EnumValueRow, FieldRow, MessageRow, Text};

/// A rule that values of a field have to satisfy, as protoc-gen-validate enforces it for Envoy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// The message has to be there.
    Required,
    /// What is inside the message need not satisfy its rules.
    SkipMessage,
    /// An empty value is excused from the other rules.
    IgnoreEmpty,
    /// The only value allowed.
    Const(bool),
    /// Least number of characters.
    MinLen(u32),
    /// Largest number of characters.
    MaxLen(u32),
    /// Least number of bytes.
    MinBytes(u32),
    /// Largest number of bytes.
    MaxBytes(u32),
    /// A regular expression in RE2's language, searched for anywhere.
    Pattern(&'static str),
    /// How the text begins.
    Prefix(&'static str),
    /// How the text ends.
    Suffix(&'static str),
    /// The texts that are allowed.
    TextIn(Texts),
    /// A header name: a token where strict, else anything without NUL, CR and LF.
    HeaderName {
        /// Whether it has to be a token.
        strict: bool,
    },
    /// A header value: no control characters but tab where strict, else no NUL, CR and LF.
    HeaderValue {
        /// Whether control characters are refused.
        strict: bool,
    },
    /// The number, or the duration in nanoseconds, is greater.
    Gt(i64),
    /// … is greater or equal.
    Gte(i64),
    /// … is less.
    Lt(i64),
    /// … is less or equal.
    Lte(i64),
    /// The floating point number is greater.
    FloatGt(f64),
    /// … is greater or equal.
    FloatGte(f64),
    /// … is less.
    FloatLt(f64),
    /// … is less or equal.
    FloatLte(f64),
    /// The number of an enum has a name.
    DefinedOnly,
    /// The number of an enum is another.
    NotNumber(i64),
    /// Least number of items.
    MinItems(u32),
    /// Largest number of items.
    MaxItems(u32),
    /// No item stands twice.
    Unique,
    /// Each item satisfies these.
    Items(Rules),
    /// Least number of entries of a map.
    MinPairs(u32),
    /// Each key satisfies these.
    Keys(Rules),
    /// Each value satisfies these.
    Values(Rules),
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Message(u16);

/// A field of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Field(u16);

/// An enum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Enum(u16);

/// A value of an enum.
#[derive(Clone, Copy)]
pub(crate) struct EnumValue(EnumValueRow);

/// Several rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    first: u16,
    count: u8,
}

/// Several texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Texts {
    first: u16,
    count: u8,
}

/// Which messages have a form of their own in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// None: fields by name.
    Plain,
    /// What an entry of a map is on the wire.
    MapEntry,
    /// `google.protobuf.Any`.
    Any,
    /// `google.protobuf.Duration`: `"1.5s"`.
    Duration,
    /// `google.protobuf.Timestamp`: RFC 3339.
    Timestamp,
    /// `google.protobuf.Struct`: any object.
    Struct,
    /// `google.protobuf.Value`: any value.
    Value,
    /// `google.protobuf.ListValue`: any list.
    ListValue,
    /// `google.protobuf.FieldMask`: names joined by commas.
    FieldMask,
    /// `google.protobuf.UInt32Value` and the like: the value itself, with presence.
    Wrapper,
}

/// The type of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number, a bool, a string or bytes.
    Scalar(Scalar),
    /// An enum.
    Enum(Enum),
    /// A message.
    Message(Message),
}

/// Scalar types, as protobuf names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// 64-bit floating point.
    Double,
    /// 32-bit floating point.
    Float,
    /// Variable length.
    Int32,
    /// Variable length.
    Int64,
    /// Variable length.
    UInt32,
    /// Variable length.
    UInt64,
    /// Variable length, zigzag.
    SInt32,
    /// Variable length, zigzag.
    SInt64,
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    /// Four bytes.
    SFixed32,
    /// Eight bytes.
    SFixed64,
    /// `true` or `false`.
    Bool,
    /// UTF-8.
    String,
    /// Anything.
    Bytes,
}

/// The entry of a generated table, whose indices all stand in it: the generator made them. A wrong index
/// (there is none) yields the first entry.
macro_rules! row {
    ($table:ident, $index:expr) => {
        tables::$table.get(usize::from($index)).unwrap_or(&tables::$table[0])
    };
}

impl Message {
    /// The message of that full name, `envoy.config.cluster.v3.Cluster`.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let index = tables::MESSAGES.binary_search_by(|row| Text(row.0).get().cmp(name)).ok()?;
        u16::try_from(index).ok().map(Self)
    }

    /// The message that took the place of one of version 2 of the API.
    pub(crate) fn find_previous(name: &str) -> Option<Self> {
        let index = tables::PREVIOUS.binary_search_by(|row| Text(row.0).get().cmp(name)).ok()?;
        tables::PREVIOUS.get(index).map(|row| Self(row.1))
    }

    /// All messages, by name.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..tables::MESSAGES.len()).filter_map(|index| u16::try_from(index).ok().map(Self))
    }

    fn row(self) -> &'static MessageRow {
        row!(MESSAGES, self.0)
    }

    /// Full name.
    pub(crate) fn name(self) -> &'static str {
        Text(self.row().0).get()
    }

    /// Name without the package, `Cluster` or `Cluster.EdsClusterConfig`.
    pub(crate) fn short_name(self) -> &'static str {
        short(self.name())
    }

    /// Its form in JSON.
    pub(crate) fn form(self) -> Form {
        match self.row().7 {
            1 => Form::MapEntry,
            2 => Form::Any,
            3 => Form::Duration,
            4 => Form::Timestamp,
            5 => Form::Struct,
            6 => Form::Value,
            7 => Form::ListValue,
            8 => Form::FieldMask,
            9 => Form::Wrapper,
            _ => Form::Plain,
        }
    }

    /// Its fields, by number.
    pub(crate) fn fields(self) -> impl Iterator<Item = Field> {
        let row = self.row();
        (row.1..row.1 + u16::from(row.2)).map(Field)
    }

    /// The field of that name, as the proto has it or in camel case.
    pub(crate) fn field(self, name: &str) -> Option<Field> {
        self.fields().find(|field| field.name() == name || field.is_json_name(name))
    }

    /// The field of that number.
    pub(crate) fn field_by_number(self, number: u32) -> Option<Field> {
        self.fields().find(|field| field.number() == number)
    }

    /// Name of a oneof, and whether one of its fields has to be set.
    pub(crate) fn oneofs(self) -> impl Iterator<Item = (u8, &'static str, bool)> {
        let row = self.row();
        (0..row.4).map(move |index| {
            let oneof = row!(ONEOFS, row.3 + u16::from(index));
            (index, Text(oneof.0).get(), oneof.1)
        })
    }

    /// Whether a field of that name was removed.
    pub(crate) fn is_reserved(self, name: &str) -> bool {
        let row = self.row();
        (row.5..row.5 + u16::from(row.6)).any(|index| row!(RESERVED, index).get() == name)
    }

    /// What is wrapped, for a message of that form; the first field of any other.
    pub(crate) fn wrapped(self) -> Field {
        Field(self.row().1)
    }

    /// Key and value of an entry of a map.
    pub(crate) fn map_entry(self) -> (Field, Field) {
        (Field(self.row().1), Field(self.row().1 + 1))
    }
}

impl Field {
    fn row(self) -> &'static FieldRow {
        row!(FIELDS, self.0)
    }

    /// Name, as the proto has it.
    pub(crate) fn name(self) -> &'static str {
        Text(self.row().0).get()
    }

    /// Number on the wire.
    pub(crate) fn number(self) -> u32 {
        self.row().1
    }

    /// Type, of one item where it is a list, of an entry where it is a map.
    pub(crate) fn kind(self) -> Kind {
        let row = self.row();
        Kind::Scalar(match row.2 {
            0 => Scalar::Double,
            1 => Scalar::Float,
            2 => Scalar::Int32,
            3 => Scalar::Int64,
            4 => Scalar::UInt32,
            5 => Scalar::UInt64,
            6 => Scalar::SInt32,
            7 => Scalar::SInt64,
            8 => Scalar::Fixed32,
            9 => Scalar::Fixed64,
            10 => Scalar::SFixed32,
            11 => Scalar::SFixed64,
            12 => Scalar::Bool,
            13 => Scalar::String,
            14 => Scalar::Bytes,
            15 => return Kind::Enum(Enum(row.4)),
            _ => return Kind::Message(Message(row.4)),
        })
    }

    fn flag(self, bit: u8) -> bool {
        self.row().3 & (1 << bit) != 0
    }

    /// Whether it holds many values.
    pub(crate) fn is_list(self) -> bool {
        self.flag(0)
    }

    /// Whether it is a map.
    pub(crate) fn is_map(self) -> bool {
        self.flag(1)
    }

    /// Whether a default value differs from none.
    pub(crate) fn has_presence(self) -> bool {
        self.flag(2)
    }

    /// Whether Envoy warns of it.
    pub(crate) fn is_deprecated(self) -> bool {
        self.flag(3)
    }

    /// Whether Envoy refuses it unless told otherwise.
    pub(crate) fn is_disallowed(self) -> bool {
        self.flag(4)
    }

    /// Whether Envoy hides it in what it shows.
    pub(crate) fn is_sensitive(self) -> bool {
        self.flag(5)
    }

    /// The oneof it belongs to, by its index in the message.
    pub(crate) fn oneof(self) -> Option<u8> {
        Some(self.row().5).filter(|oneof| *oneof != u8::MAX)
    }

    /// Its rules.
    pub(crate) fn rules(self) -> Rules {
        Rules { first: self.row().6, count: self.row().7 }
    }

    /// The message it holds, one of many or of a map included.
    pub(crate) fn message(self) -> Option<Message> {
        match self.kind() {
            Kind::Message(message) => Some(message),
            Kind::Scalar(_) | Kind::Enum(_) => None,
        }
    }

    /// Whether the text is its name in camel case.
    fn is_json_name(self, text: &str) -> bool {
        let mut text = text.bytes();
        let mut upper = false;
        for byte in self.name().bytes() {
            if byte == b'_' {
                upper = true;
                continue;
            }
            let expected = if upper { byte.to_ascii_uppercase() } else { byte };
            upper = false;
            if text.next() != Some(expected) {
                return false;
            }
        }
        text.next().is_none()
    }
}

impl Enum {
    fn row(self) -> &'static EnumRow {
        row!(ENUMS, self.0)
    }

    /// Name without the package.
    pub(crate) fn short_name(self) -> &'static str {
        short(Text(self.row().0).get())
    }

    /// Its values.
    pub(crate) fn values(self) -> impl Iterator<Item = EnumValue> {
        let row = self.row();
        (row.1..row.1 + row.2).map(|index| EnumValue(*row!(ENUM_VALUES, index)))
    }

    /// The value of that name, in whatever case.
    pub(crate) fn value(self, name: &str) -> Option<EnumValue> {
        self.values().find(|value| value.name().eq_ignore_ascii_case(name))
    }

    /// The value of that number; the first where several share it.
    pub(crate) fn value_by_number(self, number: i32) -> Option<EnumValue> {
        self.values().find(|value| value.number() == number)
    }
}

impl EnumValue {
    /// Name.
    pub(crate) fn name(self) -> &'static str {
        Text(self.0.0).get()
    }

    /// Number.
    pub(crate) fn number(self) -> i32 {
        self.0.1
    }

    /// Whether Envoy warns of it.
    pub(crate) fn is_deprecated(self) -> bool {
        self.0.2 & 1 != 0
    }

    /// Whether Envoy refuses it unless told otherwise.
    pub(crate) fn is_disallowed(self) -> bool {
        self.0.2 & 2 != 0
    }
}

impl Rules {
    /// The rules, in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Rule> {
        (self.first..self.first + u16::from(self.count)).map(|index| rule(*row!(RULES, index)))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl Texts {
    /// The texts, in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static str> {
        (self.first..self.first + u16::from(self.count)).map(|index| row!(RULE_TEXTS, index).get())
    }
}

fn rule(row: rows::Rule) -> Rule {
    match row {
        rows::Rule::Required => Rule::Required,
        rows::Rule::SkipMessage => Rule::SkipMessage,
        rows::Rule::IgnoreEmpty => Rule::IgnoreEmpty,
        rows::Rule::Const(value) => Rule::Const(value),
        rows::Rule::MinLen(length) => Rule::MinLen(length),
        rows::Rule::MaxLen(length) => Rule::MaxLen(length),
        rows::Rule::MinBytes(length) => Rule::MinBytes(length),
        rows::Rule::MaxBytes(length) => Rule::MaxBytes(length),
        rows::Rule::Pattern(text) => Rule::Pattern(text.get()),
        rows::Rule::Prefix(text) => Rule::Prefix(text.get()),
        rows::Rule::Suffix(text) => Rule::Suffix(text.get()),
        rows::Rule::TextIn(first, count) => Rule::TextIn(Texts { first, count }),
        rows::Rule::HeaderName(strict) => Rule::HeaderName { strict },
        rows::Rule::HeaderValue(strict) => Rule::HeaderValue { strict },
        rows::Rule::Gt(bound) => Rule::Gt(bound),
        rows::Rule::Gte(bound) => Rule::Gte(bound),
        rows::Rule::Lt(bound) => Rule::Lt(bound),
        rows::Rule::Lte(bound) => Rule::Lte(bound),
        rows::Rule::FloatGt(bound) => Rule::FloatGt(bound),
        rows::Rule::FloatGte(bound) => Rule::FloatGte(bound),
        rows::Rule::FloatLt(bound) => Rule::FloatLt(bound),
        rows::Rule::FloatLte(bound) => Rule::FloatLte(bound),
        rows::Rule::DefinedOnly => Rule::DefinedOnly,
        rows::Rule::NotNumber(number) => Rule::NotNumber(number),
        rows::Rule::MinItems(count) => Rule::MinItems(count),
        rows::Rule::MaxItems(count) => Rule::MaxItems(count),
        rows::Rule::Unique => Rule::Unique,
        rows::Rule::Items(first, count) => Rule::Items(Rules { first, count }),
        rows::Rule::MinPairs(count) => Rule::MinPairs(count),
        rows::Rule::Keys(first, count) => Rule::Keys(Rules { first, count }),
        rows::Rule::Values(first, count) => Rule::Values(Rules { first, count }),
    }
}

/// A full name without its package, whose parts are in lower case.
fn short(name: &str) -> &str {
    let mut start = 0;
    for (at, _) in name.match_indices('.') {
        if name.as_bytes().get(start).is_some_and(u8::is_ascii_uppercase) {
            break;
        }
        start = at + 1;
    }
    name.get(start..).unwrap_or(name)
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_message_by_name() {
        let cluster = Message::find("envoy.config.cluster.v3.Cluster").unwrap();
        assert_eq!(cluster.short_name(), "Cluster");
        let name = cluster.field("name").unwrap();
        assert_eq!((name.number(), name.is_list()), (1, false));
        assert!(name.rules().iter().any(|rule| rule == Rule::MinLen(1)));
        assert_eq!(cluster.field("connectTimeout"), cluster.field("connect_timeout"));
        assert_eq!(cluster.field("Connect_timeout"), None);
        assert!(cluster.is_reserved("hosts"));
        let lb = cluster.field("lb_policy").unwrap();
        let Kind::Enum(policy) = lb.kind() else { panic!("not an enum") };
        assert_eq!(policy.value("round_robin").unwrap().number(), 0);
        assert_eq!(Message::find("envoy.config.cluster.v3.Clusters"), None);
    }

    #[test]
    fn short_names_keep_what_is_nested() {
        assert_eq!(short("envoy.config.cluster.v3.Cluster.RefreshRate"), "Cluster.RefreshRate");
        assert_eq!(short("google.protobuf.Any"), "Any");
        assert_eq!(short("Alone"), "Alone");
    }

    #[test]
    fn messages_of_version_2_lead_to_those_of_version_3() {
        let old = "envoy.config.filter.network.http_connection_manager.v2.HttpConnectionManager";
        assert_eq!(Message::find_previous(old).unwrap().short_name(), "HttpConnectionManager");
    }

    #[test]
    fn every_index_of_the_tables_stands_in_them() {
        for message in Message::all() {
            assert!(Message::find(message.name()) == Some(message), "{}", message.name());
            for field in message.fields() {
                assert!(!field.name().is_empty());
                match field.kind() {
                    Kind::Enum(kind) => assert!(kind.values().count() > 0),
                    Kind::Message(kind) => assert!(!kind.name().is_empty()),
                    Kind::Scalar(_) => {}
                }
                assert!(field.oneof().is_none_or(|oneof| message.oneofs().any(|(index, ..)| index == oneof)));
                assert_eq!(field.rules().is_empty(), field.rules().iter().count() == 0);
            }
        }
    }
}
