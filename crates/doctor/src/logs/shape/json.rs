//! JSON, one object a line, with the names that most people give to fields.

use std::borrow::Cow;

use serde_json::Value;

use crate::logs::entry::{Entry, Field};

/// What a name means; upper and lower case, `-` and `_` are the same.
pub(super) fn field(name: &str) -> Option<Field> {
    const NAMES: &[(Field, &[&str])] = &[
        (Field::Time, &["start_time", "time", "timestamp", "@timestamp", "ts"]),
        (Field::Status, &["response_code", "status", "status_code", "code", "http_status"]),
        (Field::Flags, &["response_flags", "flags", "response_flag"]),
        (Field::Details, &["response_code_details", "code_details", "details"]),
        (Field::Transport, &["upstream_transport_failure_reason", "transport_failure_reason", "tfr"]),
        (Field::Duration, &["duration", "duration_ms", "dur", "total_duration"]),
        (Field::Cluster, &["upstream_cluster", "cluster", "upstream_cluster_raw"]),
        (Field::Host, &["upstream_host", "upstream", "up", "upstream_remote_address"]),
        (Field::Method, &["method", "request_method", "http_method"]),
        (Field::Path, &["path", "request_path", "uri", "request_uri"]),
        (Field::Authority, &["authority", "request_authority", "http_host"]),
        (Field::ServiceTime, &["upstream_service_time", "x_envoy_upstream_service_time", "service_time"]),
        (Field::Why, &["why_code", "causeway_reason"]),
    ];
    let name = name.to_ascii_lowercase().replace('-', "_");
    NAMES.iter().find(|(_, names)| names.contains(&&*name)).map(|(field, _)| *field)
}

/// Reads an object; what is nested is looked at too.
pub(super) fn read(text: &str) -> Option<Entry<'_>> {
    let value = serde_json::from_str::<Value>(text).ok()?;
    let mut entry = Entry::default();
    collect(&value, &mut entry, 0);
    Some(entry)
}

fn collect(value: &Value, entry: &mut Entry<'_>, depth: usize) {
    /// Logs are as deep as somebody makes them; nobody makes them deeper.
    const DEEPEST: usize = 4;
    let Some(object) = value.as_object().filter(|_| depth < DEEPEST) else { return };
    for (name, value) in object {
        match (field(name), text_of(value)) {
            (Some(field), Some(text)) => entry.set(field, text),
            _ => collect(value, entry, depth + 1),
        }
    }
}

/// A scalar as a log of text would have it.
pub(super) fn text_of(value: &Value) -> Option<Cow<'static, str>> {
    match value {
        Value::String(text) => Some(text.clone().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Null => Some("".into()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
