//! Protobuf bytes ↔ tree, by way of the same tables that read text.

use std::borrow::Cow;

use super::time::{Duration, Timestamp};
use super::walk::zero;
use super::{Any, Body, Entry, Item, Json, JsonKind, MapItem, MapKey, Message, Value, type_name};
use crate::schema::{self, Field, Form, Kind, Scalar};
use crate::source::Span;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireError {
    /// They end inside a field, or hold a length or a number that can't be.
    Malformed,
    /// A field has another wire type than the schema says.
    WireType,
    /// A string is not UTF-8.
    Utf8,
    /// Messages nest too deep.
    Depth,
    /// A field that the schema does not have.
    UnknownField(u32),
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("the bytes end inside a field or hold an impossible length"),
            Self::WireType => f.write_str("a field has another wire type than its definition"),
            Self::Utf8 => f.write_str("a string is not UTF-8"),
            Self::Depth => f.write_str("messages nest too deep"),
            Self::UnknownField(number) => write!(f, "a message has a field of the unknown number {number}"),
        }
    }
}

/// How deep messages may nest, as in protobuf.
const DEPTH_LIMIT: usize = 100;

/// Decodes a message.
pub(crate) fn decode<'a>(schema: schema::Message, bytes: &'a [u8]) -> Result<Message<'a>, WireError> {
    message(schema, &mut Reader { bytes }, Rules { depth: DEPTH_LIMIT, skip_unknown: false })
}

/// Decodes a message and passes over fields that the schema does not have.
pub(crate) fn decode_known<'a>(schema: schema::Message, bytes: &'a [u8]) -> Result<Message<'a>, WireError> {
    message(schema, &mut Reader { bytes }, Rules { depth: DEPTH_LIMIT, skip_unknown: true })
}

/// Decodes a message that [`encode`] made of text, which may nest deeper than protobuf allows.
pub(crate) fn decode_own<'a>(schema: schema::Message, bytes: &'a [u8]) -> Result<Message<'a>, WireError> {
    // A level of text is two of protobuf at most: a value, and the list or map in it.
    let rules = Rules { depth: 3 * crate::text::DEPTH_LIMIT, skip_unknown: false };
    message(schema, &mut Reader { bytes }, rules)
}

/// Encodes a message. Fields that say no more than their default are left out, as protobuf does.
pub(crate) fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

/// How a message is decoded.
#[derive(Clone, Copy)]
struct Rules {
    /// How deep messages may still nest.
    depth: usize,
    /// Whether fields that the schema does not have are passed over.
    skip_unknown: bool,
}

impl Rules {
    fn deeper(self) -> Result<Self, WireError> {
        let depth = self.depth.checked_sub(1).ok_or(WireError::Depth)?;
        Ok(Self { depth, ..self })
    }

    /// Passes over the value of a field that the schema does not have, or refuses it.
    fn unknown(self, number: u32, wire: u8, reader: &mut Reader<'_>) -> Result<(), WireError> {
        if !self.skip_unknown {
            return Err(WireError::UnknownField(number));
        }
        match wire {
            VARINT => reader.varint().map(|_| ()),
            FIXED64 => reader.take(8).map(|_| ()),
            DELIMITED => reader.delimited().map(|_| ()),
            FIXED32 => reader.take(4).map(|_| ()),
            // Groups are gone from protobuf since its third version.
            _ => Err(WireError::WireType),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or(WireError::Malformed)?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Malformed)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| WireError::Malformed)?;
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(WireError::Malformed)?;
        self.bytes = rest;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or(WireError::Malformed)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn delimited(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        self.take(length)
    }

    /// Number and wire type of the next field; `None` at the end.
    fn tag(&mut self) -> Result<Option<(u32, u8)>, WireError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::Malformed)?;
        let wire = u8::try_from(tag & 7).unwrap_or_default();
        if number == 0 { Err(WireError::Malformed) } else { Ok(Some((number, wire))) }
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;
const FIXED32: u8 = 5;

fn wire_type(kind: Kind) -> u8 {
    match kind {
        Kind::Scalar(Scalar::Double | Scalar::Fixed64 | Scalar::SFixed64) => FIXED64,
        Kind::Scalar(Scalar::Float | Scalar::Fixed32 | Scalar::SFixed32) => FIXED32,
        Kind::Scalar(Scalar::String | Scalar::Bytes) | Kind::Message(_) => DELIMITED,
        Kind::Scalar(_) | Kind::Enum(_) => VARINT,
    }
}

fn message<'a>(
    schema: schema::Message,
    reader: &mut Reader<'a>,
    rules: Rules,
) -> Result<Message<'a>, WireError> {
    let rules = rules.deeper()?;
    let mut out = Message::empty(schema, Span::NONE);
    while let Some((number, wire)) = reader.tag()? {
        let Some(field) = schema.field_by_number(number) else {
            rules.unknown(number, wire, reader)?;
            continue;
        };
        let expected = wire_type(field.kind());
        let packed = field.is_list() && wire == DELIMITED && expected != DELIMITED;
        if wire != expected && !packed {
            return Err(WireError::WireType);
        }
        if let Some(oneof) = field.oneof() {
            out.entries.retain(|entry| entry.field == field || entry.field.oneof() != Some(oneof));
        }
        if field.is_map() {
            add_pair(&mut out, field, map_item(field, reader.delimited()?, rules)?);
        } else if packed {
            let mut items = Reader { bytes: reader.delimited()? };
            while !items.bytes.is_empty() {
                let value = value(field, &mut items, rules)?;
                add_item(&mut out, field, value);
            }
        } else {
            let value = value(field, reader, rules)?;
            if field.is_list() {
                add_item(&mut out, field, value);
            } else {
                out.put(Entry::bare(field, value));
            }
        }
    }
    for entry in &mut out.entries {
        if let Value::Map(items) = &mut entry.value {
            super::merge::keep_last(items);
        }
    }
    Ok(out)
}

fn bare(value: Value<'_>) -> Item<'_> {
    Item { span: Span::NONE, value }
}

fn add_item<'a>(message: &mut Message<'a>, field: Field, value: Value<'a>) {
    match message.entries.iter_mut().find(|entry| entry.field == field).map(|entry| &mut entry.value) {
        Some(Value::List(items)) => items.push(bare(value)),
        _ => message.entries.push(Entry::bare(field, Value::List(vec![bare(value)]))),
    }
}

fn add_pair<'a>(message: &mut Message<'a>, field: Field, item: MapItem<'a>) {
    match message.entries.iter_mut().find(|entry| entry.field == field).map(|entry| &mut entry.value) {
        Some(Value::Map(items)) => items.push(item),
        _ => message.entries.push(Entry::bare(field, Value::Map(vec![item]))),
    }
}

fn map_item<'a>(field: Field, bytes: &'a [u8], rules: Rules) -> Result<MapItem<'a>, WireError> {
    let entry = field.message().ok_or(WireError::WireType)?;
    let (key_field, value_field) = entry.map_entry();
    let mut pair = message(entry, &mut Reader { bytes }, rules)?;
    let mut take = |field: Field| {
        let at = pair.entries.iter().position(|entry| entry.field == field)?;
        Some(pair.entries.swap_remove(at).value)
    };
    let key = match take(key_field).unwrap_or_else(|| zero(key_field)) {
        Value::Bool(value) => MapKey::Bool(value),
        Value::Int(value) => MapKey::Int(value),
        Value::Uint(value) => MapKey::Uint(value),
        Value::Text(text) => MapKey::Text(text),
        _ => return Err(WireError::WireType),
    };
    let value = match take(value_field) {
        Some(value) => value,
        None => match value_field.kind() {
            Kind::Message(schema) => message_value(schema, &[], rules)?,
            _ => zero(value_field),
        },
    };
    Ok(MapItem { key_span: Span::NONE, key, item: bare(value) })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "protobuf cuts varints to the width of the field"
)]
fn value<'a>(field: Field, reader: &mut Reader<'a>, rules: Rules) -> Result<Value<'a>, WireError> {
    let zigzag = |value: u64| (value >> 1) as i64 ^ -((value & 1) as i64);
    Ok(match field.kind() {
        Kind::Scalar(scalar) => match scalar {
            Scalar::Double => Value::Float(f64::from_le_bytes(reader.fixed()?)),
            Scalar::Float => Value::Float(f64::from(f32::from_le_bytes(reader.fixed()?))),
            Scalar::Int32 => Value::Int(i64::from(reader.varint()? as i32)),
            Scalar::Int64 => Value::Int(reader.varint()? as i64),
            Scalar::UInt32 => Value::Uint(u64::from(reader.varint()? as u32)),
            Scalar::UInt64 => Value::Uint(reader.varint()?),
            Scalar::SInt32 => Value::Int(i64::from(zigzag(u64::from(reader.varint()? as u32)) as i32)),
            Scalar::SInt64 => Value::Int(zigzag(reader.varint()?)),
            Scalar::Fixed32 => Value::Uint(u64::from(u32::from_le_bytes(reader.fixed()?))),
            Scalar::Fixed64 => Value::Uint(u64::from_le_bytes(reader.fixed()?)),
            Scalar::SFixed32 => Value::Int(i64::from(i32::from_le_bytes(reader.fixed()?))),
            Scalar::SFixed64 => Value::Int(i64::from_le_bytes(reader.fixed()?)),
            Scalar::Bool => Value::Bool(reader.varint()? != 0),
            Scalar::String => {
                let text = std::str::from_utf8(reader.delimited()?).map_err(|_| WireError::Utf8)?;
                Value::Text(text.into())
            }
            Scalar::Bytes => Value::Bytes(reader.delimited()?.into()),
        },
        Kind::Enum(_) => Value::Enum(reader.varint()? as i32),
        Kind::Message(schema) => message_value(schema, reader.delimited()?, rules)?,
    })
}

/// A message in the form the tree has for it.
fn message_value<'a>(schema: schema::Message, bytes: &'a [u8], rules: Rules) -> Result<Value<'a>, WireError> {
    let plain = |rules| message(schema, &mut Reader { bytes }, rules);
    let nanos = |message: &Message<'_>| i32::try_from(message.i64("nanos")).unwrap_or_default();
    Ok(match schema.form() {
        Form::Plain | Form::MapEntry => Value::Message(Box::new(plain(rules)?)),
        Form::Any => Value::Any(Box::new(any(schema, bytes, rules)?)),
        Form::Duration => {
            let message = plain(rules)?;
            Value::Duration(Duration { seconds: message.i64("seconds"), nanos: nanos(&message) })
        }
        Form::Timestamp => {
            let message = plain(rules)?;
            Value::Timestamp(Timestamp { seconds: message.i64("seconds"), nanos: nanos(&message) })
        }
        Form::Struct | Form::Value | Form::ListValue => Value::Json(Box::new(json(schema, bytes, rules)?)),
        Form::FieldMask => {
            let paths = plain(rules)?.entries.into_iter().next().map(|entry| entry.value);
            let Some(Value::List(items)) = paths else { return Ok(Value::Mask(Vec::new())) };
            let texts = items.into_iter().filter_map(|item| match item.value {
                Value::Text(text) => Some(text),
                _ => None,
            });
            Value::Mask(texts.collect())
        }
        Form::Wrapper => {
            let wrapped = plain(rules)?.entries.into_iter().next().map(|entry| entry.value);
            wrapped.unwrap_or_else(|| zero(schema.wrapped()))
        }
    })
}

fn any<'a>(schema: schema::Message, bytes: &'a [u8], rules: Rules) -> Result<Any<'a>, WireError> {
    let rules = rules.deeper()?;
    let mut type_url = "";
    let mut payload: &[u8] = &[];
    let mut reader = Reader { bytes };
    while let Some((number, wire)) = reader.tag()? {
        let Some(field) = schema.field_by_number(number) else {
            rules.unknown(number, wire, &mut reader)?;
            continue;
        };
        if wire != DELIMITED {
            return Err(WireError::WireType);
        }
        match field.name() {
            "type_url" => type_url = std::str::from_utf8(reader.delimited()?).map_err(|_| WireError::Utf8)?,
            _ => payload = reader.delimited()?,
        }
    }
    let body = if type_url.is_empty() && payload.is_empty() {
        Body::Empty
    } else {
        match schema::Message::find(type_name(type_url)) {
            None => Body::Unknown(payload.into()),
            Some(inner) if inner.form() == Form::Plain => {
                let message = message(inner, &mut Reader { bytes: payload }, rules)?;
                if matches!(inner.name(), "xds.type.v3.TypedStruct" | "udpa.type.v1.TypedStruct") {
                    // What it stands for is read by `any::settle`.
                    message.settle_all();
                    Body::Struct { wrapper: message, inner: None }
                } else {
                    Body::Message(message)
                }
            }
            Some(inner) => Body::Value(inner, message_value(inner, payload, rules)?),
        }
    };
    Ok(Any { type_url: type_url.into(), type_span: Span::NONE, span: Span::NONE, body })
}

fn json<'a>(schema: schema::Message, bytes: &'a [u8], rules: Rules) -> Result<Json<'a>, WireError> {
    let rules = rules.deeper()?;
    let mut reader = Reader { bytes };
    let mut kind = match schema.form() {
        Form::Struct => JsonKind::Object(Vec::new()),
        Form::ListValue => JsonKind::List(Vec::new()),
        _ => JsonKind::Null,
    };
    while let Some((number, wire)) = reader.tag()? {
        let Some(field) = schema.field_by_number(number) else {
            rules.unknown(number, wire, &mut reader)?;
            continue;
        };
        if wire != wire_type(field.kind()) {
            return Err(WireError::WireType);
        }
        match (&mut kind, field.name()) {
            (JsonKind::Object(fields), "fields") => {
                let mut pair = Reader { bytes: reader.delimited()? };
                let mut key = "";
                let mut value = Json { span: Span::NONE, kind: JsonKind::Null };
                let entry = field.message().ok_or(WireError::WireType)?;
                while let Some((number, wire)) = pair.tag()? {
                    let Some(part) = entry.field_by_number(number) else {
                        rules.unknown(number, wire, &mut pair)?;
                        continue;
                    };
                    if wire != DELIMITED {
                        return Err(WireError::WireType);
                    }
                    let bytes = pair.delimited()?;
                    match part.message() {
                        Some(schema) => value = json(schema, bytes, rules)?,
                        None => key = std::str::from_utf8(bytes).map_err(|_| WireError::Utf8)?,
                    }
                }
                fields.push((key.into(), value));
            }
            (JsonKind::List(items), "values") => {
                let schema = field.message().ok_or(WireError::WireType)?;
                items.push(json(schema, reader.delimited()?, rules)?);
            }
            (kind, name) => {
                *kind = match name {
                    "number_value" => JsonKind::Number(f64::from_le_bytes(reader.fixed()?)),
                    "string_value" => {
                        let text = std::str::from_utf8(reader.delimited()?).map_err(|_| WireError::Utf8)?;
                        JsonKind::Text(text.into())
                    }
                    "bool_value" => JsonKind::Bool(reader.varint()? != 0),
                    "struct_value" | "list_value" => {
                        let schema = field.message().ok_or(WireError::WireType)?;
                        json(schema, reader.delimited()?, rules)?.kind
                    }
                    _ => {
                        reader.varint()?;
                        JsonKind::Null
                    }
                };
            }
        }
    }
    if let JsonKind::Object(fields) = &mut kind {
        keep_last(fields);
    }
    Ok(Json { span: Span::NONE, kind })
}

/// Of fields that share a name, keeps the last.
fn keep_last<'a>(fields: &mut Vec<(Cow<'a, str>, Json<'a>)>) {
    let mut seen = std::collections::HashSet::new();
    let mut keep: Vec<bool> = fields.iter().rev().map(|(name, _)| seen.insert(name.clone())).collect();
    keep.reverse();
    let mut keep = keep.into_iter();
    fields.retain(|_| keep.next().unwrap_or(true));
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

fn put_tag(number: u32, wire: u8, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | u64::from(wire), out);
}

fn put_delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, DELIMITED, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn encode_message(message: &Message<'_>, out: &mut Vec<u8>) {
    let mut entries: Vec<_> =
        message.entries.iter().filter(|entry| !entry.is_default() && entry.value != Value::Invalid).collect();
    entries.sort_by_key(|entry| entry.field.number());
    for entry in entries {
        let field = entry.field;
        match &entry.value {
            Value::List(items) if wire_type(field.kind()) != DELIMITED => {
                // Numbers are packed, as in every proto3 list.
                let mut packed = Vec::new();
                for item in items {
                    encode_scalar(field, &item.value, &mut packed);
                }
                put_delimited(field.number(), &packed, out);
            }
            Value::List(items)
                if !matches!(field.message().map(schema::Message::form), Some(Form::ListValue)) =>
            {
                for item in items {
                    encode_field(field, &item.value, out);
                }
            }
            Value::Map(items) => {
                let Some((key_field, value_field)) = field.message().map(schema::Message::map_entry) else {
                    continue;
                };
                for item in items {
                    let mut pair = Vec::new();
                    let key = match &item.key {
                        MapKey::Bool(value) => Value::Bool(*value),
                        MapKey::Int(value) => Value::Int(*value),
                        MapKey::Uint(value) => Value::Uint(*value),
                        MapKey::Text(text) => Value::Text(Cow::Borrowed(text)),
                    };
                    encode_field(key_field, &key, &mut pair);
                    encode_field(value_field, &item.item.value, &mut pair);
                    put_delimited(field.number(), &pair, out);
                }
            }
            value => encode_field(field, value, out),
        }
    }
}

/// One value with its tag.
fn encode_field(field: Field, value: &Value<'_>, out: &mut Vec<u8>) {
    let wire = wire_type(field.kind());
    if wire == DELIMITED {
        put_delimited(field.number(), &encode_delimited(field, value), out);
    } else {
        put_tag(field.number(), wire, out);
        encode_scalar(field, value, out);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the schema keeps values within the width of their field; varints are two's complement"
)]
fn encode_scalar(field: Field, value: &Value<'_>, out: &mut Vec<u8>) {
    match (field.kind(), value) {
        (Kind::Scalar(Scalar::Float), Value::Float(value)) => out.extend((*value as f32).to_le_bytes()),
        (_, Value::Float(value)) => out.extend(value.to_le_bytes()),
        (Kind::Scalar(Scalar::SInt32 | Scalar::SInt64), Value::Int(value)) => {
            put_varint(((value << 1) ^ (value >> 63)) as u64, out);
        }
        (Kind::Scalar(Scalar::SFixed32), Value::Int(value)) => out.extend((*value as i32).to_le_bytes()),
        (Kind::Scalar(Scalar::SFixed64), Value::Int(value)) => out.extend(value.to_le_bytes()),
        (Kind::Scalar(Scalar::Fixed32), Value::Uint(value)) => out.extend((*value as u32).to_le_bytes()),
        (Kind::Scalar(Scalar::Fixed64), Value::Uint(value)) => out.extend(value.to_le_bytes()),
        (_, Value::Int(value)) => put_varint(*value as u64, out),
        (_, Value::Uint(value)) => put_varint(*value, out),
        (_, Value::Enum(value)) => put_varint(i64::from(*value) as u64, out),
        (_, Value::Bool(value)) => put_varint(u64::from(*value), out),
        _ => {}
    }
}

fn encode_delimited(field: Field, value: &Value<'_>) -> Vec<u8> {
    match (field.kind(), value) {
        (Kind::Message(schema), value) => encode_value(schema, value),
        (_, Value::Text(text)) => text.as_bytes().to_vec(),
        (_, Value::Bytes(bytes)) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

/// A message out of the form the tree has for it.
fn encode_value(schema: schema::Message, value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let time = |seconds: i64, nanos: i32, out: &mut Vec<u8>| {
        let mut message = Message::empty(schema, Span::NONE);
        for (name, value) in [("seconds", seconds), ("nanos", i64::from(nanos))] {
            message.entries.extend(schema.field(name).map(|field| Entry::bare(field, Value::Int(value))));
        }
        encode_message(&message, out);
    };
    match value {
        Value::Message(message) => encode_message(message, &mut out),
        Value::Any(any) => encode_any(any, &mut out),
        Value::Duration(duration) => time(duration.seconds, duration.nanos, &mut out),
        Value::Timestamp(timestamp) => time(timestamp.seconds, timestamp.nanos, &mut out),
        Value::Json(json) => encode_json(schema, json, &mut out),
        Value::Mask(names) => {
            for name in names {
                put_delimited(schema.wrapped().number(), name.as_bytes(), &mut out);
            }
        }
        value if schema.form() == Form::Wrapper && !value.is_zero() => {
            encode_field(schema.wrapped(), value, &mut out);
        }
        _ => {}
    }
    out
}

fn encode_any(any: &Any<'_>, out: &mut Vec<u8>) {
    let payload = match &any.body {
        Body::Empty => Vec::new(),
        Body::Message(message) | Body::Struct { wrapper: message, .. } => encode(message),
        Body::Value(schema, value) => encode_value(*schema, value),
        Body::Unknown(bytes) => bytes.to_vec(),
    };
    // `google.protobuf.Any`: type_url = 1, value = 2.
    if !any.type_url.is_empty() {
        put_delimited(1, any.type_url.as_bytes(), out);
    }
    if !payload.is_empty() {
        put_delimited(2, &payload, out);
    }
}

fn encode_json(schema: schema::Message, json: &Json<'_>, out: &mut Vec<u8>) {
    let field = |name: &str| schema.field(name);
    match (schema.form(), &json.kind) {
        (Form::Struct, JsonKind::Object(fields)) => {
            let Some(field) = field("fields") else { return };
            let Some((key, value)) = field.message().map(schema::Message::map_entry) else { return };
            let Some(inner) = value.message() else { return };
            for (name, json) in fields {
                let mut pair = Vec::new();
                put_delimited(key.number(), name.as_bytes(), &mut pair);
                let mut bytes = Vec::new();
                encode_json(inner, json, &mut bytes);
                put_delimited(value.number(), &bytes, &mut pair);
                put_delimited(field.number(), &pair, out);
            }
        }
        (Form::ListValue, JsonKind::List(items)) => {
            let Some((field, inner)) = field("values").and_then(|field| Some((field, field.message()?)))
            else {
                return;
            };
            for json in items {
                let mut bytes = Vec::new();
                encode_json(inner, json, &mut bytes);
                put_delimited(field.number(), &bytes, out);
            }
        }
        (_, kind) => {
            let name = match kind {
                JsonKind::Null => "null_value",
                JsonKind::Bool(_) => "bool_value",
                JsonKind::Number(_) => "number_value",
                JsonKind::Text(_) => "string_value",
                JsonKind::List(_) => "list_value",
                JsonKind::Object(_) => "struct_value",
            };
            let Some(field) = field(name) else { return };
            match kind {
                JsonKind::Null => encode_field(field, &Value::Enum(0), out),
                JsonKind::Bool(value) => encode_field(field, &Value::Bool(*value), out),
                JsonKind::Number(value) => encode_field(field, &Value::Float(*value), out),
                JsonKind::Text(text) => put_delimited(field.number(), text.as_bytes(), out),
                JsonKind::List(_) | JsonKind::Object(_) => {
                    let Some(inner) = field.message() else { return };
                    let mut bytes = Vec::new();
                    encode_json(inner, json, &mut bytes);
                    put_delimited(field.number(), &bytes, out);
                }
            }
        }
    }
}
