//! JSON as protobuf prints it.

use std::fmt::Write as _;
use std::net::IpAddr;

use causeway_model::{Address, Locality};
use serde_json::{Map, Value, json};

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A document with one blank of indentation and a line end, as Envoy's endpoints give it.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out.push('\n');
    out
}

fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                next_line(out, index > 0, depth + 1);
                write(out, item, depth + 1);
            }
            next_line(out, false, depth);
            out.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            out.push('{');
            for (index, (key, field)) in fields.iter().enumerate() {
                next_line(out, index > 0, depth + 1);
                string(out, key);
                out.push_str(": ");
                write(out, field, depth + 1);
            }
            next_line(out, false, depth);
            out.push('}');
        }
        Value::String(text) => string(out, text),
        other => out.push_str(&other.to_string()),
    }
}

fn next_line(out: &mut String, comma: bool, depth: usize) {
    out.push_str(if comma { ",\n" } else { "\n" });
    out.extend(std::iter::repeat_n(' ', depth));
}

/// A text in quotes, with what protobuf escapes beyond what it has to: `<`, `>` and DEL.
fn string(out: &mut String, text: &str) {
    let quoted = quoted(text);
    let mut rest = quoted.as_str();
    while let Some(at) = rest.find(['<', '>', '\u{7f}']) {
        let (plain, special) = rest.split_at(at);
        let escaped = special.as_bytes().first().copied().unwrap_or_default();
        let _ = write!(out, "{plain}\\u{escaped:04x}");
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// `config.core.v3.Address`
pub(crate) fn address(address: &Address) -> Value {
    match address {
        Address::Ip(addr) => socket_address(addr.ip(), addr.port()),
        Address::Pipe { path, .. } => json!({"pipe": {"path": &**path}}),
    }
}

fn socket_address(ip: IpAddr, port: u16) -> Value {
    json!({"socket_address": {"address": ip.to_string(), "port_value": port}})
}

/// `config.core.v3.Locality`; what is empty is left out.
pub(crate) fn locality(locality: &Locality) -> Value {
    let mut object = Map::new();
    for (key, value) in
        [("region", &locality.region), ("zone", &locality.zone), ("sub_zone", &locality.sub_zone)]
    {
        if !value.is_empty() {
            object.insert(key.to_owned(), Value::from(&**value));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_look_like_envoys() {
        let value = json!({"configs": [{"@type": "t", "empty": {}, "list": []}], "n": 1, "b": true});
        assert_eq!(
            pretty(&value),
            "{\n \"configs\": [\n  {\n   \"@type\": \"t\",\n   \"empty\": {},\n   \"list\": []\n  }\n ],\n \"n\": 1,\n \"b\": true\n}\n"
        );
        assert_eq!(pretty(&json!({})), "{}\n");
    }

    /// What Envoy 1.40 prints for such a node id.
    #[test]
    fn escapes_are_protobufs() {
        let value = json!({"a<b>&'\"é": "c/\\x\u{1}\u{7f}\n"});
        assert_eq!(pretty(&value), "{\n \"a\\u003cb\\u003e&'\\\"é\": \"c/\\\\x\\u0001\\u007f\\n\"\n}\n");
    }

    #[test]
    fn addresses_have_no_brackets() {
        let v6 = address(&Address::Ip("[::1]:80".parse().unwrap()));
        assert_eq!(v6, json!({"socket_address": {"address": "::1", "port_value": 80}}));
        let pipe = address(&Address::Pipe { path: "@x".into(), mode: 0 });
        assert_eq!(pipe, json!({"pipe": {"path": "@x"}}));
    }
}
