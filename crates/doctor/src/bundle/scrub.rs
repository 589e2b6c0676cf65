//! What may be secret in a configuration though its schema does not say so, and in what a proxy says.

use serde_json::{Map, Value};

use crate::redact::{REDACTED, Redactor};

/// Texts written in place: code, bodies, keys, whatever they are.
const IN_PLACE: &[&str] =
    &["inline_string", "inline_bytes", "inline_code", "raw_value", "text", "binary", "opaque", "value"];

/// Parts whose texts anybody may have chosen for anything.
const FREE: &[&str] = &[
    "metadata",
    "filter_metadata",
    "typed_filter_metadata",
    "static_layer",
    "opaque_config",
    "value",
    "context_extensions",
    "initial_metadata",
];

/// In the names of fields that are secret by themselves.
const SECRET: &[&str] =
    &["password", "secret", "token", "credential", "private", "api_key", "authorization", "cookie"];

/// Facts about failures that show bytes of back-ends or of clients.
const BYTES: &[&str] = &["evidence", "head", "bytes", "excerpt", "first"];

/// A configuration that can be shown to others.
pub(super) fn configuration(mut value: Value, redactor: &mut Redactor) -> Value {
    scrub(&mut value, redactor);
    value
}

/// An answer of an admin server that can be shown to others.
pub(super) fn answer(mut value: Value, redactor: &mut Redactor) -> Value {
    walk(&mut value, redactor);
    value
}

fn walk(value: &mut Value, redactor: &mut Redactor) {
    match value {
        Value::String(text) => *text = redactor.text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, redactor)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if BYTES.iter().any(|part| name.contains(part)) {
                    blank(field);
                } else {
                    walk(field, redactor);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn scrub(value: &mut Value, redactor: &mut Redactor) {
    match value {
        Value::String(text) => *text = redactor.text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, redactor)),
        Value::Object(fields) => object(fields, redactor),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn object(fields: &mut Map<String, Value>, redactor: &mut Redactor) {
    // A matcher of a header, a cookie or a parameter: what it compares with may be a secret that both sides share. Those of
    // the request line are not.
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    let compares =
        !name.is_empty() && !name.starts_with(':') && fields.keys().any(|field| field.ends_with("_match"));
    for (name, field) in fields.iter_mut() {
        let is_text = field.is_string() || field.is_array();
        let is_secret = is_text && SECRET.iter().any(|part| name.contains(part));
        let in_place = is_text && IN_PLACE.contains(&name.as_str());
        if is_secret || in_place || FREE.contains(&name.as_str()) || (compares && name.ends_with("_match")) {
            blank(field);
        } else {
            scrub(field, redactor);
        }
    }
}

/// Every text in it is replaced.
fn blank(value: &mut Value) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => REDACTED.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| {
            if name != "@type" {
                blank(field);
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
