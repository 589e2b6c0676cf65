//! Values for a field of any type, from the schema: some of them will be valid, and none is the default.

use crate::schema::{self, Field, Form, Kind, Rule, Scalar};
use crate::source::Span;
use crate::tree::time::{Duration, Timestamp};
use crate::tree::{Any, Body, Entry, Item, Json, JsonKind, MapItem, MapKey, Message, Value};

/// How deep messages are filled.
const DEPTH: usize = 5;

/// Texts that some field or other takes: a cluster that exists, a path, an address, a name of a header, …
const TEXTS: &[&str] = &[
    "app",
    "/probe",
    "127.0.0.9",
    "x-probe",
    "probe",
    "10.0.0.0/8",
    "200",
    "probe.test:80",
    "^a$",
    "5",
    "UF",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "X25519",
    "ed25519",
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=",
];

/// Values to try.
pub(super) fn of(field: Field) -> Vec<Value<'static>> {
    values(field, DEPTH)
}

fn values(field: Field, depth: usize) -> Vec<Value<'static>> {
    if field.is_map() {
        let Some((key, value)) = field.message().map(schema::Message::map_entry) else { return Vec::new() };
        let key = match key.kind() {
            Kind::Scalar(Scalar::String) => MapKey::Text("probe".into()),
            Kind::Scalar(Scalar::Bool) => MapKey::Bool(true),
            _ => MapKey::Uint(1),
        };
        let pair = |value| MapItem { key_span: Span::NONE, key: key.clone(), item: bare(value) };
        return values(value, depth).into_iter().map(|value| Value::Map(vec![pair(value)])).collect();
    }
    let singles = single(field, depth);
    if field.is_list() {
        singles.into_iter().map(|value| Value::List(vec![bare(value)])).collect()
    } else {
        singles
    }
}

fn bare(value: Value<'static>) -> Item<'static> {
    Item { span: Span::NONE, value }
}

fn single(field: Field, depth: usize) -> Vec<Value<'static>> {
    match field.kind() {
        Kind::Scalar(scalar) => scalars(scalar, field.has_presence()),
        Kind::Enum(kind) => {
            let zero_counts = field.has_presence();
            let numbers = kind.values().map(schema::EnumValue::number);
            numbers.filter(|number| zero_counts || *number != 0).map(Value::Enum).collect()
        }
        Kind::Message(message) => messages(message, depth),
    }
}

fn scalars(scalar: Scalar, zero_counts: bool) -> Vec<Value<'static>> {
    match scalar {
        Scalar::Bool if zero_counts => vec![Value::Bool(true), Value::Bool(false)],
        Scalar::Bool => vec![Value::Bool(true)],
        Scalar::String => TEXTS.iter().map(|text| Value::Text((*text).into())).collect(),
        Scalar::Bytes => vec![Value::Bytes(b"probe".to_vec().into())],
        Scalar::Double | Scalar::Float => [0.5, 7.0, 70.0].into_iter().map(Value::Float).collect(),
        Scalar::Int32
        | Scalar::Int64
        | Scalar::SInt32
        | Scalar::SInt64
        | Scalar::SFixed32
        | Scalar::SFixed64 => [7, 404, 70_000].into_iter().map(Value::Int).collect(),
        Scalar::UInt32 | Scalar::UInt64 | Scalar::Fixed32 | Scalar::Fixed64 => {
            [7, 1, 404, 70_000, 1 << 22].into_iter().map(Value::Uint).collect()
        }
    }
}

fn messages(message: schema::Message, depth: usize) -> Vec<Value<'static>> {
    match message.form() {
        Form::Plain | Form::MapEntry => {
            plain(message, depth).into_iter().map(|message| Value::Message(Box::new(message))).collect()
        }
        Form::Any => {
            let router = schema::Message::find("envoy.extensions.filters.http.router.v3.Router");
            let body = router.map_or(Body::Empty, |router| Body::Message(Message::empty(router, Span::NONE)));
            let url = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
            let any = Any { type_url: url.into(), type_span: Span::NONE, span: Span::NONE, body };
            vec![Value::Any(Box::new(any))]
        }
        Form::Duration => [(7, 0), (0, 7_000_000), (70_000, 0)]
            .into_iter()
            .map(|(seconds, nanos)| Value::Duration(Duration { seconds, nanos }))
            .collect(),
        Form::Timestamp => vec![Value::Timestamp(Timestamp { seconds: 7, nanos: 0 })],
        Form::Struct => vec![json(JsonKind::Object(vec![("probe".into(), text())]))],
        Form::ListValue => vec![json(JsonKind::List(vec![text()]))],
        Form::Value => vec![json(JsonKind::Text("probe".into()))],
        Form::FieldMask => vec![Value::Mask(vec!["probe".into()])],
        Form::Wrapper => match message.wrapped().kind() {
            Kind::Scalar(scalar) => scalars(scalar, true),
            Kind::Enum(_) | Kind::Message(_) => Vec::new(),
        },
    }
}

fn json(kind: JsonKind<'static>) -> Value<'static> {
    Value::Json(Box::new(Json { span: Span::NONE, kind }))
}

fn text() -> Json<'static> {
    Json { span: Span::NONE, kind: JsonKind::Text("probe".into()) }
}

/// A message with what it has to have; the same with one more field each; the same with other values of
/// what it has to have.
fn plain(schema: schema::Message, depth: usize) -> Vec<Message<'static>> {
    let Some(depth) = depth.checked_sub(1) else { return vec![Message::empty(schema, Span::NONE)] };
    let with = |entries: &[(Field, Value<'static>)]| {
        let mut message = Message::empty(schema, Span::NONE);
        message.entries.extend(entries.iter().map(|(field, value)| Entry::bare(*field, value.clone())));
        message
    };
    // What it has to have, with the values to choose from.
    let mut needed: Vec<(Field, Vec<Value<'static>>)> = Vec::new();
    for (oneof, _, required) in schema.oneofs() {
        let first = schema.fields().find(|field| field.oneof() == Some(oneof));
        needed.extend(first.filter(|_| required).map(|field| (field, values(field, depth))));
    }
    for field in schema.fields().filter(|field| field.oneof().is_none() && is_needed(*field)) {
        needed.push((field, values(field, depth)));
    }
    needed.retain(|(_, values)| !values.is_empty());
    let most = needed.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let mut made = Vec::new();
    for turn in 0..most.min(12) {
        let chosen: Vec<_> = needed
            .iter()
            .filter_map(|(field, values)| Some((*field, values.get(turn % values.len())?.clone())))
            .collect();
        made.push(with(&chosen));
    }
    let first: Vec<_> =
        needed.iter().filter_map(|(field, values)| Some((*field, values.first()?.clone()))).collect();
    for field in schema.fields().filter(|field| field.oneof().is_none()) {
        if needed.iter().any(|(needed, _)| *needed == field) {
            continue;
        }
        if let Some(value) = values(field, depth.min(1)).into_iter().next() {
            let mut chosen = first.clone();
            chosen.push((field, value));
            made.push(with(&chosen));
        }
    }
    made.truncate(24);
    made
}

fn is_needed(field: Field) -> bool {
    field.rules().iter().any(|rule| {
        matches!(
            rule,
            Rule::Required
                | Rule::MinLen(1..)
                | Rule::MinBytes(1..)
                | Rule::MinItems(1..)
                | Rule::MinPairs(1..)
                | Rule::Gt(0)
                | Rule::Gte(1..)
        )
    })
}
