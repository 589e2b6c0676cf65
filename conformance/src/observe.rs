//! What was seen, as values that can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use causeway_testkit::{Headers, NoResponse, Response, latin1};
use serde_json::{Map, Value, json};

use crate::normalise::Names;

/// A body longer than this is compared by length and hash: nobody reads more in a report.
const READABLE: usize = 2000;

/// How much of a message's form is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Header fields by name; the order only of those of one name.
    ByName,
    /// Header fields as a list in order.
    InOrder,
}

pub(crate) fn response(result: &Result<Response, NoResponse>, form: Form, names: &Names) -> Value {
    let response = match result {
        Ok(response) => response,
        Err(none) => return json!({"none": none.end.as_str(), "received": names.text(&none.received)}),
    };
    let mut seen = json!({
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "headers": headers(&response.headers, form, names),
        "body": body(&response.body, form, names),
        "end": response.end.as_str(),
    });
    if !response.complete {
        seen["complete"] = json!(false);
    }
    if !response.trailers.is_empty() {
        seen["trailers"] = headers(&response.trailers, form, names);
    }
    if !response.interim.is_empty() {
        let interim = response.interim.iter();
        seen["interim"] =
            interim.map(|(s, h)| json!({"status": s, "headers": headers(h, form, names)})).collect();
    }
    seen
}

/// Bytes as they are, or short; the JSON of an echo as the request that it is.
pub(crate) fn body(bytes: &[u8], form: Form, names: &Names) -> Value {
    if let Ok(Value::Object(mut echo)) = serde_json::from_slice(bytes)
        && echo.contains_key("target")
        && let Some(Value::Array(fields)) = echo.get("headers")
    {
        let pair =
            |field: &Value| Some((field.get(0)?.as_str()?.to_owned(), field.get(1)?.as_str()?.to_owned()));
        let fields: Headers = fields.iter().filter_map(pair).collect();
        echo.insert("headers".into(), headers(&fields, form, names));
        let sent = echo.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
        let target = echo.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
        echo.insert("body".into(), text(&sent, names));
        echo.insert("target".into(), text(&target, names));
        return Value::Object(echo);
    }
    text(&latin1(bytes), names)
}

pub(crate) fn headers(headers: &Headers, form: Form, names: &Names) -> Value {
    let value = |name: &str, value: &str| -> String {
        // How long the upstream took is the one time that is written without a unit.
        if name.eq_ignore_ascii_case("x-envoy-upstream-service-time") && value.parse::<u64>().is_ok() {
            return "<ms>".into();
        }
        // A length may happen to be the number of a port.
        if name.eq_ignore_ascii_case("content-length") {
            return value.into();
        }
        names.text(value)
    };
    if form == Form::InOrder {
        return headers.iter().map(|(n, v)| json!([n, value(n, v)])).collect();
    }
    let mut map = Map::new();
    for (name, v) in headers.iter() {
        let v = Value::String(value(name, v));
        match map.get_mut(name) {
            None => {
                map.insert(name.into(), v);
            }
            Some(Value::Array(list)) => list.push(v),
            Some(first) => *first = Value::Array(vec![first.take(), v]),
        }
    }
    Value::Object(map)
}

fn text(text: &str, names: &Names) -> Value {
    let text = names.text(text);
    if text.len() <= READABLE {
        return Value::String(text);
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    json!({"length": text.len(), "hash": format!("{:016x}", hasher.finish())})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_grouped_by_name_or_listed_in_order() {
        let fields: Headers = [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")].into_iter().collect();
        let names = Names::default();
        assert_eq!(headers(&fields, Form::ByName, &names), json!({"b": ["1", "3", "4"], "a": "2"}));
        assert_eq!(headers(&fields, Form::InOrder, &names)[2], json!(["b", "3"]));
    }

    #[test]
    fn an_echo_is_taken_apart_and_a_long_body_is_cut() {
        let names = Names::default();
        let echo = br#"{"target": "/", "headers": [["host", "a"]], "body": ""}"#;
        assert_eq!(body(echo, Form::ByName, &names)["headers"]["host"], "a");
        assert_eq!(body(b"{}", Form::ByName, &names), "{}");
        assert_eq!(body(&[b'x'; 3000], Form::ByName, &names)["length"], 3000);
    }
}
