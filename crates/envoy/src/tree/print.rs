//! Tree → JSON, as Envoy's `/config_dump` prints it: fields by their number under the names they have in
//! the proto, nothing that is default, `@type` first, secrets replaced.

use serde_json::{Map, Number, Value as Out};

use super::{Any, Body, Entry, Json, JsonKind, Message, Value, base64};
use crate::schema::{Enum, Field, Kind, Scalar};

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Prints a message.
pub(crate) fn print(message: &Message<'_>) -> Out {
    Out::Object(fields(message, false))
}

/// Prints a message with its type in front.
pub(crate) fn print_typed(message: &Message<'_>) -> Out {
    let mut out = Map::new();
    out.insert("@type".to_owned(), format!("type.googleapis.com/{}", message.schema.name()).into());
    out.extend(fields(message, false));
    Out::Object(out)
}

fn fields(message: &Message<'_>, secret: bool) -> Map<String, Out> {
    let mut entries: Vec<&Entry<'_>> = message.entries.iter().filter(|entry| !entry.is_default()).collect();
    entries.sort_by_key(|entry| entry.field.number());
    let mut out = Map::with_capacity(entries.len());
    for entry in entries {
        let secret = secret || entry.field.is_sensitive();
        if let Some(printed) = value(entry.field, &entry.value, secret) {
            out.insert(entry.field.name().to_owned(), printed);
        }
    }
    out
}

/// A value; `None` for a secret that is not even shown as one, because it is a number.
fn value(field: Field, value_: &Value<'_>, secret: bool) -> Option<Out> {
    Some(match value_ {
        Value::List(items) => {
            Out::Array(items.iter().filter_map(|item| value(field, &item.value, secret)).collect())
        }
        Value::Map(items) => {
            let (_, inner) = field.message()?.map_entry();
            let mut out = Map::with_capacity(items.len());
            for item in items {
                if let Some(printed) = value(inner, &item.item.value, secret) {
                    out.insert(item.key.to_text().into_owned(), printed);
                }
            }
            Out::Object(out)
        }
        Value::Invalid => return None,
        Value::Text(_) if secret => REDACTED.into(),
        Value::Text(text) => text.as_ref().into(),
        Value::Bytes(_) if secret => base64::encode(REDACTED.as_bytes()).into(),
        Value::Bytes(bytes) => base64::encode(bytes).into(),
        Value::Message(message) => Out::Object(fields(message, secret)),
        Value::Any(inner) => any(inner, secret),
        Value::Json(inner) => json(inner, secret),
        _ if secret => return None,
        Value::Bool(value) => (*value).into(),
        // 64-bit numbers are strings in protobuf's JSON.
        Value::Int(number) if is_long(field) => number.to_string().into(),
        Value::Int(number) => (*number).into(),
        Value::Uint(number) if is_long(field) => number.to_string().into(),
        Value::Uint(number) => (*number).into(),
        Value::Float(number) => float(*number, is_short_float(field)),
        Value::Enum(number) => enumeration(field, *number),
        Value::Duration(duration) => duration.to_string().into(),
        Value::Timestamp(timestamp) => timestamp.to_string().into(),
        Value::Mask(names) => names.iter().map(|name| camel_case(name)).collect::<Vec<_>>().join(",").into(),
    })
}

/// The scalar of a field, or of what a wrapper wraps.
fn scalar(field: Field) -> Option<Scalar> {
    match field.kind() {
        Kind::Scalar(scalar) => Some(scalar),
        Kind::Message(message) => match message.wrapped().kind() {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::Enum(_) | Kind::Message(_) => None,
        },
        Kind::Enum(_) => None,
    }
}

fn is_long(field: Field) -> bool {
    use Scalar::{Fixed64, Int64, SFixed64, SInt64, UInt64};
    matches!(scalar(field), Some(Int64 | UInt64 | SInt64 | Fixed64 | SFixed64))
}

fn is_short_float(field: Field) -> bool {
    scalar(field) == Some(Scalar::Float)
}

fn float(number: f64, short: bool) -> Out {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if short {
        // The digits that tell one 32-bit float from another, no more.
        #[expect(clippy::cast_possible_truncation, reason = "it came from 32 bits")]
        let text = (number as f32).to_string();
        if let Ok(number) = text.parse() {
            return whole_or_float(number);
        }
    }
    whole_or_float(number)
}

/// Whole numbers have no point, as protobuf prints them.
fn whole_or_float(number: f64) -> Out {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and to fit")]
    if number.fract() == 0.0 && number.abs() < 1e15 && (number != 0.0 || number.is_sign_positive()) {
        return (number as i64).into();
    }
    Number::from_f64(number).map_or(Out::Null, Out::Number)
}

fn enumeration(field: Field, number: i32) -> Out {
    let name = |kind: Enum| kind.value_by_number(number).map(|value| value.name());
    match field.kind() {
        Kind::Enum(kind) => name(kind).map_or_else(|| number.into(), Out::from),
        Kind::Scalar(_) | Kind::Message(_) => number.into(),
    }
}

fn any(any: &Any<'_>, secret: bool) -> Out {
    let mut out = Map::new();
    if !any.type_url.is_empty() {
        out.insert("@type".to_owned(), any.type_url.as_ref().into());
    }
    match &any.body {
        Body::Empty | Body::Unknown(_) => {}
        Body::Message(message) | Body::Struct { wrapper: message, .. } => out.extend(fields(message, secret)),
        Body::Value(schema, inner) => {
            let printed = match inner {
                Value::Json(inner) => Some(json(inner, secret)),
                Value::Message(message) => Some(Out::Object(fields(message, secret))),
                inner => value(schema.wrapped(), inner, secret),
            };
            out.extend(printed.map(|printed| ("value".to_owned(), printed)));
        }
    }
    Out::Object(out)
}

fn json(json_: &Json<'_>, secret: bool) -> Out {
    match &json_.kind {
        JsonKind::Text(_) if secret => REDACTED.into(),
        JsonKind::Null => Out::Null,
        JsonKind::Bool(value) => (*value).into(),
        JsonKind::Number(number) => float(*number, false),
        JsonKind::Text(text) => text.as_ref().into(),
        JsonKind::List(items) => Out::Array(items.iter().map(|item| json(item, secret)).collect()),
        JsonKind::Object(fields) => Out::Object(
            fields.iter().map(|(name, item)| (name.clone().into_owned(), json(item, secret))).collect(),
        ),
    }
}

/// `foo_bar` → `fooBar`, as field masks have it.
fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use crate::source::Span;
    use crate::tree::Item;

    const SECRET: &str = "a secret";

    /// A message with a secret in each of its texts, as deep as it goes.
    fn full(schema: schema::Message, depth: usize) -> Message<'static> {
        let mut message = Message::empty(schema, Span::NONE);
        message.entries.extend(schema.fields().filter_map(|field| entry(field, depth)));
        message
    }

    fn entry(field: Field, depth: usize) -> Option<Entry<'static>> {
        let value = match field.kind() {
            Kind::Scalar(Scalar::String) => Value::Text(SECRET.into()),
            Kind::Scalar(Scalar::Bytes) => Value::Bytes(SECRET.as_bytes().into()),
            Kind::Message(message) if depth > 0 && !field.is_map() => {
                Value::Message(Box::new(full(message, depth - 1)))
            }
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Message(_) => return None,
        };
        let value = if field.is_list() { Value::List(vec![Item { span: Span::NONE, value }]) } else { value };
        Some(Entry::new(field, Span::NONE, Item { span: Span::NONE, value }))
    }

    #[test]
    fn no_text_of_a_sensitive_field_is_printed() {
        let mut looked_at = 0;
        for schema in schema::Message::all() {
            let secret = schema.fields().filter(|field| field.is_sensitive());
            let mut message = Message::empty(schema, Span::NONE);
            message.entries.extend(secret.filter_map(|field| entry(field, 3)));
            looked_at += message.entries.len();
            let printed = print(&message).to_string();
            let hidden = !printed.contains(SECRET) && !printed.contains(&base64::encode(SECRET.as_bytes()));
            assert!(hidden, "{}: {printed}", schema.name());
        }
        assert!(looked_at > 10, "there are {looked_at} sensitive fields");
    }
}
