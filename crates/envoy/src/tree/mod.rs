//! The value tree: a configuration, typed by the schema, with the place of every value.
//!
//! Text and protobuf bytes meet here ([`walk`], [`wire`]). Lowering reads fields through the accessors
//! of [`Message`], which remember what was read: a field that is set and was never read is a field that
//! Causeway does not implement, and is reported as such.

pub(crate) mod any;
pub(crate) mod base64;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod print;
pub(crate) mod time;
pub(crate) mod walk;
pub(crate) mod wire;

mod merge;

use std::borrow::Cow;
use std::cell::Cell;

use crate::diagnostic::{At, Owner};
use crate::schema::{self, Field, Kind};
use crate::source::Span;
pub(crate) use time::Duration;
use time::Timestamp;

/// A message: fields that are set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) schema: schema::Message,
    pub(crate) span: Span,
    /// Whether it had fields that the schema does not know, or twice: what seems missing may be among
    /// them.
    pub(crate) flawed: bool,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// A field that is set.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) field: Field,
    /// Place of its name.
    pub(crate) key: Span,
    /// Place of its value.
    pub(crate) span: Span,
    pub(crate) value: Value<'a>,
    usage: Cell<Usage>,
}

/// Whether anybody took note of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Nobody did.
    Unread,
    /// It was read; what is inside it counts for itself.
    Read,
    /// It was dealt with, and everything inside it.
    Settled,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// Something was set, but it did not fit, and that was reported.
    Invalid,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Enum(i32),
    Duration(Duration),
    Timestamp(Timestamp),
    Mask(Vec<Cow<'a, str>>),
    /// `google.protobuf.Struct`, `Value` and `ListValue`.
    Json(Box<Json<'a>>),
    Message(Box<Message<'a>>),
    Any(Box<Any<'a>>),
    List(Vec<Item<'a>>),
    Map(Vec<MapItem<'a>>),
}

/// A value of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item<'a> {
    pub(crate) span: Span,
    pub(crate) value: Value<'a>,
}

/// An entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapItem<'a> {
    pub(crate) key_span: Span,
    pub(crate) key: MapKey<'a>,
    pub(crate) item: Item<'a>,
}

/// The key of an entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MapKey<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(Cow<'a, str>),
}

/// Untyped data with places.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json<'a> {
    pub(crate) span: Span,
    pub(crate) kind: JsonKind<'a>,
}

/// What untyped data is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonKind<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// `google.protobuf.Any`: a message of any type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Any<'a> {
    /// `type.googleapis.com/…`; empty where none is given.
    pub(crate) type_url: Cow<'a, str>,
    pub(crate) type_span: Span,
    pub(crate) span: Span,
    pub(crate) body: Body<'a>,
}

/// What is inside an `Any`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body<'a> {
    /// Nothing.
    Empty,
    /// A message.
    Message(Message<'a>),
    /// A message of a type with a form of its own in JSON, `google.protobuf.Duration`.
    Value(schema::Message, Value<'a>),
    /// A `TypedStruct`, and the message it stands for, where its type is known.
    Struct { wrapper: Message<'a>, inner: Option<Message<'a>> },
    /// Bytes of a type that the schema does not know.
    Unknown(Cow<'a, [u8]>),
}

impl PartialEq for Entry<'_> {
    /// Compares what is set, not where, nor whether it was read.
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.value == other.value
    }
}

impl<'a> Message<'a> {
    /// A message without fields.
    pub(crate) fn empty(schema: schema::Message, span: Span) -> Self {
        Self { schema, span, flawed: false, entries: Vec::new() }
    }

    /// The message itself, as the subject of a diagnostic.
    pub(crate) fn here(&self) -> At {
        At { span: self.span, owner: Owner::Node { address: self.address(), rest: String::new() } }
    }

    /// The value of a field, as the subject of a diagnostic; the message where the field is not set.
    pub(crate) fn at(&self, field: &str) -> At {
        let span = self.find(field).map_or(self.span, |entry| entry.span.or(entry.key));
        At { span, owner: Owner::Node { address: self.address(), rest: field.to_owned() } }
    }

    /// The name of a field, as the subject of a diagnostic.
    pub(crate) fn at_key(&self, field: &str) -> At {
        let span = self.find(field).map_or(self.span, |entry| entry.key.or(entry.span));
        At { span, owner: Owner::Node { address: self.address(), rest: field.to_owned() } }
    }

    /// An item of a list.
    pub(crate) fn at_item(&self, field: &str, index: usize) -> At {
        let span = self.find(field).and_then(|entry| match &entry.value {
            Value::List(items) => items.get(index).map(|item| item.span),
            _ => Some(entry.span),
        });
        let rest = format!("{field}[{index}]");
        At { span: span.unwrap_or(self.span), owner: Owner::Node { address: self.address(), rest } }
    }

    /// Where it lies in memory, which is its identity as long as the tree stands.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// A field, without taking note of it.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry<'a>> {
        debug_assert!(self.schema.field(name).is_some(), "{} has no field {name}", self.schema.name());
        self.entries.iter().find(|entry| entry.field.name() == name)
    }

    /// Whether a field is set, without taking note of it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some_and(|entry| !entry.is_default())
    }

    /// A field, read.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry<'a>> {
        let entry = self.find(name)?;
        entry.mark(Usage::Read);
        Some(entry)
    }

    /// Takes note of a field and of everything inside it.
    pub(crate) fn settle(&self, name: &str) {
        if let Some(entry) = self.find(name) {
            entry.mark(Usage::Settled);
        }
    }

    /// Takes note of every field.
    pub(crate) fn settle_all(&self) {
        for entry in &self.entries {
            entry.mark(Usage::Settled);
        }
    }

    /// Which field of a oneof is set.
    pub(crate) fn which(&self, oneof: &str) -> Option<&'static str> {
        let (wanted, ..) = self.schema.oneofs().find(|(_, name, _)| *name == oneof)?;
        self.entries.iter().find(|entry| entry.field.oneof() == Some(wanted)).map(|entry| entry.field.name())
    }

    /// A string; empty where it is not set.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.text_value(name).unwrap_or_default()
    }

    /// A string, where it is set.
    pub(crate) fn text_value(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A bool; false where it is not set.
    pub(crate) fn bool(&self, name: &str) -> bool {
        self.bool_value(name).unwrap_or(false)
    }

    /// A bool, where it is set.
    pub(crate) fn bool_value(&self, name: &str) -> Option<bool> {
        match self.get(name)?.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A number that is not negative, where it is set.
    pub(crate) fn u64(&self, name: &str) -> Option<u64> {
        match self.get(name)?.value {
            Value::Uint(value) => Some(value),
            Value::Int(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The same of at most 32 bits, which the schema guarantees for its 32-bit types.
    pub(crate) fn u32(&self, name: &str) -> Option<u32> {
        u32::try_from(self.u64(name)?).ok()
    }

    /// A signed number; 0 where it is not set.
    pub(crate) fn i64(&self, name: &str) -> i64 {
        match self.get(name).map(|entry| &entry.value) {
            Some(Value::Int(value)) => *value,
            Some(Value::Uint(value)) => i64::try_from(*value).unwrap_or(i64::MAX),
            _ => 0,
        }
    }

    /// A floating point number, where it is set.
    pub(crate) fn double(&self, name: &str) -> Option<f64> {
        match self.get(name)?.value {
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    /// Bytes; empty where they are not set.
    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        match self.get(name).map(|entry| &entry.value) {
            Some(Value::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// The name of an enum's value; that of number 0 where it is not set, and the empty string for a
    /// number without a name.
    pub(crate) fn choice(&self, name: &str) -> &'static str {
        let number = match self.get(name).map(|entry| &entry.value) {
            Some(Value::Enum(number)) => *number,
            _ => 0,
        };
        match self.schema.field(name).map(Field::kind) {
            Some(Kind::Enum(kind)) => kind.value_by_number(number).map_or("", |value| value.name()),
            _ => "",
        }
    }

    /// A duration, where it is set.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        match self.get(name)?.value {
            Value::Duration(duration) => Some(duration),
            _ => None,
        }
    }

    /// A message, where it is set.
    pub(crate) fn message(&self, name: &str) -> Option<&Self> {
        match &self.get(name)?.value {
            Value::Message(message) => Some(message),
            _ => None,
        }
    }

    /// A message of any type, where it is set.
    pub(crate) fn any(&self, name: &str) -> Option<&Any<'a>> {
        match &self.get(name)?.value {
            Value::Any(any) => Some(any),
            _ => None,
        }
    }

    /// Untyped data, where it is set.
    pub(crate) fn json(&self, name: &str) -> Option<&Json<'a>> {
        match &self.get(name)?.value {
            Value::Json(json) => Some(json),
            _ => None,
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self, name: &str) -> &[Item<'a>] {
        match self.get(name).map(|entry| &entry.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The messages of a list.
    pub(crate) fn messages(&self, name: &str) -> impl DoubleEndedIterator<Item = &Self> + '_ {
        self.items(name).iter().filter_map(|item| match &item.value {
            Value::Message(message) => Some(&**message),
            _ => None,
        })
    }

    /// The strings of a list.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> + '_ {
        self.items(name).iter().filter_map(|item| match &item.value {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// The entries of a map.
    pub(crate) fn map(&self, name: &str) -> &[MapItem<'a>] {
        match self.get(name).map(|entry| &entry.value) {
            Some(Value::Map(items)) => items,
            _ => &[],
        }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn new(field: Field, key: Span, item: Item<'a>) -> Self {
        Self { field, key, span: item.span, value: item.value, usage: Cell::new(Usage::Unread) }
    }

    /// Whether anybody took note of it.
    pub(crate) fn usage(&self) -> Usage {
        self.usage.get()
    }

    fn mark(&self, usage: Usage) {
        if self.usage.get() != Usage::Settled {
            self.usage.set(usage);
        }
    }

    /// Whether it says no more than if it were not set.
    pub(crate) fn is_default(&self) -> bool {
        if self.field.has_presence() {
            return false;
        }
        match &self.value {
            Value::List(items) => items.is_empty(),
            Value::Map(items) => items.is_empty(),
            value => value.is_zero(),
        }
    }
}

impl Value<'_> {
    /// Whether it is the default of its type.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Float(value) => *value == 0.0 && value.is_sign_positive(),
            Self::Text(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Enum(number) => *number == 0,
            _ => false,
        }
    }
}

impl<'a> Any<'a> {
    /// The name of the type, without the host before it.
    pub(crate) fn type_name(&self) -> &str {
        type_name(&self.type_url)
    }

    /// The message, out of its `TypedStruct` where it is in one.
    pub(crate) fn message(&self) -> Option<&Message<'a>> {
        match &self.body {
            Body::Message(message) => Some(message),
            Body::Struct { inner, .. } => inner.as_ref(),
            Body::Empty | Body::Value(..) | Body::Unknown(_) => None,
        }
    }

    /// The name of the type that is meant, out of its `TypedStruct` where it is in one.
    pub(crate) fn inner_type_name(&self) -> &str {
        match &self.body {
            Body::Struct { wrapper, .. } => match wrapper.find("type_url").map(|entry| &entry.value) {
                Some(Value::Text(url)) => type_name(url),
                _ => "",
            },
            Body::Message(message) => message.schema.name(),
            Body::Empty | Body::Value(..) | Body::Unknown(_) => self.type_name(),
        }
    }
}

impl MapKey<'_> {
    /// The key as text.
    pub(crate) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Bool(value) => value.to_string().into(),
            Self::Int(value) => value.to_string().into(),
            Self::Uint(value) => value.to_string().into(),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// What stands behind the last slash.
pub(crate) fn type_name(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}
