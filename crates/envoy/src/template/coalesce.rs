//! `%COALESCE({"operators": [{"command": "REQ", "param": "X"}, "PROTOCOL"]})%`: the first operator of several
//! that has a value.

use causeway_model::{Operator, OperatorKind};
use serde_json::Value;

use super::Command;
use super::operators::{Wrong, operator};

/// Reads the parameter, which is a JSON object with a list of operators in it.
pub(super) fn read(parameter: &str) -> Result<OperatorKind, Wrong> {
    let wrong = |what: &str| Wrong::new(format!("`%COALESCE%` {what}"));
    let json: Value = serde_json::from_str(parameter)
        .map_err(|error| wrong(&format!("needs a JSON object, and this is none: {error}")))?;
    let Some(operators) = json.get("operators").and_then(Value::as_array) else {
        return Err(wrong("needs a list named `operators`"));
    };
    if operators.is_empty() {
        return Err(wrong("needs at least one operator"));
    }
    operators.iter().map(entry).collect::<Result<_, _>>().map(OperatorKind::Coalesce)
}

/// A name, or an object with `command`, `param` and `max_length`.
fn entry(entry: &Value) -> Result<Operator, Wrong> {
    let wrong = |what: &str| Wrong::new(format!("an operator of `%COALESCE%` {what}: {entry}"));
    let name = match entry {
        Value::String(name) => name.as_str(),
        Value::Object(fields) => {
            fields.get("command").and_then(Value::as_str).ok_or_else(|| wrong("has no `command`"))?
        }
        _ => return Err(wrong("is a name or an object")),
    };
    let max_length = match entry.get("max_length") {
        None => None,
        Some(length) => {
            let length = length.as_u64().filter(|length| *length > 0);
            let length = length.ok_or_else(|| wrong("has a `max_length` that is no positive number"))?;
            Some(usize::try_from(length).unwrap_or(usize::MAX))
        }
    };
    let parameter = entry.get("param").and_then(Value::as_str).filter(|parameter| !parameter.is_empty());
    let command = Command { name, parameter, max_length, length: 0, text: name };
    let kind = operator(&command, false)?;
    Ok(Operator { kind, max_length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_names_or_objects() {
        let text = r#"{"operators": [{"command": "PATH", "param": "NQ", "max_length": 5}, "PROTOCOL"]}"#;
        let Ok(OperatorKind::Coalesce(operators)) = read(text) else { panic!("it is right") };
        let [path, protocol] = operators.as_slice() else { panic!("{operators:?}") };
        assert!(matches!(path.kind, OperatorKind::Path { with_query: false, .. }));
        assert_eq!((path.max_length, protocol.max_length), (Some(5), None));
        assert_eq!(protocol.kind, OperatorKind::Protocol);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("x", "JSON"),
            ("{}", "list named `operators`"),
            (r#"{"operators": []}"#, "at least one"),
            (r#"{"operators": [{}]}"#, "`command`"),
            (r#"{"operators": [{"command": "REQ", "param": "a", "max_length": "3"}]}"#, "`max_length`"),
            (r#"{"operators": ["NOPE"]}"#, "NOPE"),
        ] {
            let message = read(text).err().map(|wrong| wrong.message).unwrap_or_default();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
