//! Reading the messages of Envoy's admin pages.

use serde_json::Value;

/// The field behind a path of names.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> &'v Value {
    path.iter().fold(value, |value, name| value.get(name).unwrap_or(&Value::Null))
}

/// A text; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at(value, path).as_str().unwrap_or_default()
}

/// The elements of a list; none where there is no list.
pub(super) fn items<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// A number, which protobuf's JSON may have as a text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// `10.0.0.1:80`, or the path of a socket.
pub(super) fn address(value: &Value) -> String {
    let socket = at(value, &["socket_address"]);
    if socket.is_null() {
        return match text(value, &["pipe", "path"]) {
            "" => text(value, &["envoy_internal_address", "server_listener_name"]).to_owned(),
            path => path.to_owned(),
        };
    }
    let host = text(socket, &["address"]);
    let port = match (port(value), text(socket, &["named_port"])) {
        (Some(port), _) => port.to_string(),
        (None, named) => named.to_owned(),
    };
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The port of an address.
pub(super) fn port(value: &Value) -> Option<u64> {
    number(at(value, &["socket_address", "port_value"]))
}

/// The dumps of one type in `/config_dump`.
pub(super) fn dumps<'v>(dump: &'v Value, kind: &'static str) -> impl Iterator<Item = &'v Value> {
    items(dump, &["configs"]).iter().filter(move |config| text(config, &["@type"]).ends_with(kind))
}

/// What is in the named lists of dumps, each under the path that leads to it.
pub(super) fn resources<'v>(
    dump: &'v Value,
    kind: &'static str,
    lists: &[(&str, &[&str])],
) -> Vec<&'v Value> {
    let mut found = Vec::new();
    for config in dumps(dump, kind) {
        for (name, path) in lists {
            found.extend(
                items(config, &[name]).iter().map(|entry| at(entry, path)).filter(|item| !item.is_null()),
            );
        }
    }
    found
}

/// The last part of a type or of the name of an extension.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
