//! What is left to do with an `Any` out of protobuf.
//!
//! In a text, what an `Any` holds is read as it is met. Bytes are decoded without anybody to report to, so
//! types that nobody knows are reported here; and the untyped data of a `TypedStruct` becomes the message
//! it stands for.

use super::path::Step;
use super::walk::Walker;
use super::{Any, Body, Entry, Json, JsonKind, Message, Value};
use crate::diagnostic::Sink;
use crate::source::Span;
use crate::text::{Key, Node, NodeKind};

/// Looks into every `Any` below a message.
pub(crate) fn settle(root: &mut Message<'_>, sink: &Sink) {
    let mut walker = Walker::new(sink);
    message(root, &mut walker);
}

fn message(message: &mut Message<'_>, walker: &mut Walker<'_>) {
    for entry in &mut message.entries {
        walker.enter(Step::Field(entry.field.name()));
        field(entry, walker);
        walker.leave();
    }
}

fn field(entry: &mut Entry<'_>, walker: &mut Walker<'_>) {
    match &mut entry.value {
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walker.enter(Step::Index(index));
                value(&mut item.value, walker);
                walker.leave();
            }
        }
        Value::Map(items) => {
            for entry in items {
                walker.enter(Step::Key(entry.key.to_text().into_owned()));
                value(&mut entry.item.value, walker);
                walker.leave();
            }
        }
        single => value(single, walker),
    }
}

fn value(value: &mut Value<'_>, walker: &mut Walker<'_>) {
    match value {
        Value::Message(inner) => message(inner, walker),
        Value::Any(inner) => any(inner, walker),
        _ => {}
    }
}

fn any(any: &mut Any<'_>, walker: &mut Walker<'_>) {
    match &mut any.body {
        Body::Message(inner) => message(inner, walker),
        Body::Struct { wrapper, inner: inner @ None } => {
            let mut entries = Vec::new();
            for entry in &wrapper.entries {
                entries.push((key(entry.field.name()), node_of(&entry.value)));
            }
            let node = Node { span: Span::NONE, kind: NodeKind::Map(entries) };
            *inner = walker.struct_content(&node);
        }
        Body::Unknown(_) => walker.unknown_type(&any.type_url),
        Body::Struct { inner: Some(_), .. } | Body::Empty | Body::Value(..) => {}
    }
}

fn key<'a>(name: &'static str) -> Key<'a> {
    Key { span: Span::NONE, text: name.into() }
}

/// A field of a `TypedStruct`, as a text has it.
fn node_of<'a>(value: &Value<'a>) -> Node<'a> {
    let kind = match value {
        Value::Text(text) => NodeKind::Text(text.clone()),
        Value::Json(json) => return node(json),
        _ => NodeKind::Null,
    };
    Node { span: Span::NONE, kind }
}

fn node<'a>(json: &Json<'a>) -> Node<'a> {
    let kind = match &json.kind {
        JsonKind::Null => NodeKind::Null,
        JsonKind::Bool(value) => NodeKind::Bool(*value),
        JsonKind::Number(number) => NodeKind::Number(number.to_string().into()),
        JsonKind::Text(text) => NodeKind::Text(text.clone()),
        JsonKind::List(items) => NodeKind::List(items.iter().map(node).collect()),
        JsonKind::Object(fields) => NodeKind::Map(
            fields
                .iter()
                .map(|(name, json)| (Key { span: Span::NONE, text: name.clone() }, node(json)))
                .collect(),
        ),
    };
    Node { span: Span::NONE, kind }
}
