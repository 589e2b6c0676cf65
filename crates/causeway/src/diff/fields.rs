//! What is different between two messages, field by field, in the words of the configuration.

use serde_json::Value;

/// Most characters of a value that are shown.
const SHOWN: usize = 100;

/// A field that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldChange {
    /// Its path in the message; empty for the whole of it.
    pub(crate) path: String,
    /// What it was; `None` where it was not set.
    pub(crate) old: Option<String>,
    /// What it is; `None` where it is not set.
    pub(crate) new: Option<String>,
}

/// All fields that differ, in the order of the first message.
pub(crate) fn changes(old: &Value, new: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", Some(old), Some(new), &mut found);
    found
}

fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<FieldChange>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                // The type says nothing that the fields do not.
                let path = if key == "typed_config" { path.to_owned() } else { joined(path, key) };
                compare(&path, old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => elements(path, old, new, found),
        (old, new) => {
            found.push(FieldChange { path: path.to_owned(), old: old.map(shown), new: new.map(shown) });
        }
    }
}

/// Elements that have names, and each another one, are compared by them; others by their place.
fn elements(path: &str, old: &[Value], new: &[Value], found: &mut Vec<FieldChange>) {
    let names = |list: &[Value]| -> Option<Vec<String>> {
        let names: Option<Vec<String>> =
            list.iter().map(|item| Some(item.get("name")?.as_str()?.to_owned())).collect();
        names.filter(|names| names.iter().collect::<std::collections::HashSet<_>>().len() == names.len())
    };
    match (names(old), names(new)) {
        (Some(old_names), Some(new_names)) => {
            let find = |list: &[Value], names: &[String], name: &String| {
                names.iter().position(|known| known == name).and_then(|at| list.get(at)).cloned()
            };
            let added = new_names.iter().filter(|name| !old_names.contains(name));
            for name in old_names.iter().chain(added) {
                let (old, new) = (find(old, &old_names, name), find(new, &new_names, name));
                compare(&format!("{path}[{name}]"), old.as_ref(), new.as_ref(), found);
            }
            let kept = |names: &[String], others: &[String]| -> Vec<String> {
                names.iter().filter(|name| others.contains(name)).cloned().collect()
            };
            let (before, after) = (kept(&old_names, &new_names), kept(&new_names, &old_names));
            if before != after {
                let path = joined(path, "(order)");
                let (old, new) = (Some(before.join(", ")), Some(after.join(", ")));
                found.push(FieldChange { path, old, new });
            }
        }
        _ => {
            for at in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{at}]"), old.get(at), new.get(at), found);
            }
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.escape_debug().to_string(),
        other => other.to_string(),
    };
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_named_by_their_paths() {
        let old = json!({"a": {"b": "1s", "c": [1, 2]}, "gone": true, "list": [{"name": "x", "v": 1}, {"name": "y"}]});
        let new = json!({"a": {"b": "2s", "c": [1]}, "list": [{"name": "y"}, {"name": "x", "v": 2}], "more": {"d": 1}});
        let said: Vec<String> = changes(&old, &new)
            .into_iter()
            .map(|change| format!("{}: {:?} {:?}", change.path, change.old, change.new))
            .collect();
        assert_eq!(
            said,
            [
                r#"a.b: Some("1s") Some("2s")"#,
                r#"a.c[1]: Some("2") None"#,
                r#"gone: Some("true") None"#,
                r#"list[x].v: Some("1") Some("2")"#,
                r#"list.(order): Some("x, y") Some("y, x")"#,
                r#"more: None Some("{\"d\":1}")"#,
            ]
        );
        assert!(changes(&old, &old).is_empty());
    }
}
