//! The schema between descriptors and tables.

/// All of it.
pub(super) struct Schema {
    /// By full name, in order.
    pub(super) messages: Vec<Message>,
    /// By full name, in order.
    pub(super) enums: Vec<Enum>,
    /// Names that extension messages had in version 2 of the API, in order, and the message today.
    pub(super) previous: Vec<(String, usize)>,
}

pub(super) struct Message {
    pub(super) name: String,
    pub(super) form: Form,
    /// By number, in order.
    pub(super) fields: Vec<Field>,
    pub(super) oneofs: Vec<Oneof>,
    /// Names of fields that are gone.
    pub(super) reserved: Vec<String>,
}

/// Which messages have a form of their own in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain = 0,
    MapEntry = 1,
    Any = 2,
    Duration = 3,
    Timestamp = 4,
    Struct = 5,
    Value = 6,
    ListValue = 7,
    FieldMask = 8,
    Wrapper = 9,
}

impl Form {
    pub(super) fn of(name: &str, map_entry: bool) -> Self {
        if map_entry {
            return Self::MapEntry;
        }
        match name.strip_prefix("google.protobuf.") {
            Some("Any") => Self::Any,
            Some("Duration") => Self::Duration,
            Some("Timestamp") => Self::Timestamp,
            Some("Struct") => Self::Struct,
            Some("Value") => Self::Value,
            Some("ListValue") => Self::ListValue,
            Some("FieldMask") => Self::FieldMask,
            Some(
                "BoolValue" | "Int32Value" | "Int64Value" | "UInt32Value" | "UInt64Value" | "FloatValue"
                | "DoubleValue" | "StringValue" | "BytesValue",
            ) => Self::Wrapper,
            _ => Self::Plain,
        }
    }
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) list: bool,
    pub(super) map: bool,
    pub(super) presence: bool,
    pub(super) deprecated: bool,
    pub(super) disallowed: bool,
    pub(super) sensitive: bool,
    /// Index among the message's oneofs.
    pub(super) oneof: Option<usize>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Scalar(u8),
    Enum(usize),
    Message(usize),
}

pub(super) struct Oneof {
    pub(super) name: String,
    pub(super) required: bool,
}

pub(super) struct Enum {
    pub(super) name: String,
    pub(super) values: Vec<EnumValue>,
}

pub(super) struct EnumValue {
    pub(super) name: String,
    pub(super) number: i32,
    pub(super) deprecated: bool,
    pub(super) disallowed: bool,
}

/// One rule of protoc-gen-validate. Variants are named as in the tables.
pub(super) enum Rule {
    Required,
    SkipMessage,
    IgnoreEmpty,
    Const(bool),
    MinLen(u64),
    MaxLen(u64),
    MinBytes(u64),
    MaxBytes(u64),
    Pattern(String),
    Prefix(String),
    Suffix(String),
    TextIn(Vec<String>),
    HeaderName {
        strict: bool,
    },
    HeaderValue {
        strict: bool,
    },
    /// A bound of integers, or of durations in nanoseconds: one of `Gt`, `Gte`, `Lt`, `Lte`.
    Bound(&'static str, i64),
    /// The same for floating point numbers.
    FloatBound(&'static str, f64),
    DefinedOnly,
    NotNumber(i64),
    MinItems(u64),
    MaxItems(u64),
    Unique,
    Items(Vec<Self>),
    MinPairs(u64),
    Keys(Vec<Self>),
    Values(Vec<Self>),
}
