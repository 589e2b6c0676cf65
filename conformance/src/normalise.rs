//! Taking out what differs between two runs of the same program.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// What the ports and paths of one run are called.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) ports: Vec<(u16, String)>,
    pub(crate) directory: String,
}

/// One pass over the text finds whatever may differ; the first alternative that fits wins.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)",
        r"|(?P<date>\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b)",
        r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)",
        r"|(?P<ms>\b\d+ms\b)",
        r"|(?P<service>x-envoy-upstream-service-time: \d+)",
        r"|(?P<number>\d+)",
    ))
    .expect("a constant expression")
});

impl Names {
    /// Puts names in the place of ports, paths, ids, dates and times.
    pub(crate) fn text(&self, text: &str) -> String {
        let text = if self.directory.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(text.replace(&self.directory, "<dir>"))
        };
        VARIABLE
            .replace_all(&text, |found: &Captures<'_>| {
                let whole = found.get(0).map_or("", |m| m.as_str());
                if found.name("number").is_some() {
                    let before = &text[..found.get(0).map_or(0, |m| m.start())];
                    return self.number(whole, before);
                }
                let kinds = [
                    ("uuid", "<uuid>"),
                    ("date", "<date>"),
                    ("time", "<time>"),
                    ("ms", "<n>ms"),
                    ("service", "x-envoy-upstream-service-time: <ms>"),
                ];
                let kind = kinds.iter().find(|(kind, _)| found.name(kind).is_some());
                kind.map_or(whole, |(_, name)| name).to_owned()
            })
            .into_owned()
    }

    /// The same for every string and key in a value.
    pub(crate) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(list) => list.iter().map(|v| self.value(v)).collect(),
            Value::Object(map) => map.iter().map(|(k, v)| (self.text(k), self.value(v))).collect(),
            Value::Number(number) => match number.as_u64().and_then(|n| self.port(n)) {
                Some(name) => Value::String(format!("<{name}>")),
                None => value.clone(),
            },
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    fn number(&self, digits: &str, before: &str) -> String {
        match digits.parse().ok().and_then(|n| self.port(n)) {
            Some(name) => format!("<{name}>"),
            // The port of a client's side of a connection is nobody's choice.
            None if before.ends_with("127.0.0.1:") => "<port>".into(),
            None => digits.into(),
        }
    }

    fn port(&self, number: u64) -> Option<&str> {
        self.ports.iter().find(|(port, _)| u64::from(*port) == number).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names() -> Names {
        Names { ports: vec![(40001, "app".into())], directory: "/tmp/x".into() }
    }

    #[test]
    fn what_varies_gets_a_name() {
        let cases = [
            ("127.0.0.1:40001 127.0.0.1:51234", "127.0.0.1:<app> 127.0.0.1:<port>"),
            ("listener.127.0.0.1_40001.x", "listener.127.0.0.1_<app>.x"),
            ("Fri, 20 Nov 2026 19:28:42 GMT", "<date>"),
            ("[2026-11-20T16:18:16.660Z]", "[<time>]"),
            ("287e4148-f53e-4122-a69a-6693b7008b68", "<uuid>"),
            ("12ms 400010 15000", "<n>ms 400010 15000"),
            ("/tmp/x/access.log", "<dir>/access.log"),
        ];
        for (before, after) in cases {
            assert_eq!(names().text(before), after);
        }
    }

    #[test]
    fn values_are_changed_at_every_depth() {
        let value = json!({"127.0.0.1:40001": [40001, 5, true, {"a": "40001"}]});
        assert_eq!(names().value(&value), json!({"127.0.0.1:<app>": ["<app>", 5, true, {"a": "<app>"}]}));
    }
}
