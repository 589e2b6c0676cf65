//! Filling in JSON templates.

use causeway_model::{AddressPart, JsonTemplate, OperatorKind, TemplatePart, Value};

use super::operator::{Operand, evaluate};
use super::{Absent, View, render};

/// Fills in a JSON template, at the end of `out`.
///
/// A text that is nothing but one operator keeps the type of its value; an absent one is `null`, or is
/// left out with `omit_empty`.
pub(crate) fn render_json(template: &JsonTemplate, omit_empty: bool, view: &View<'_>, out: &mut Vec<u8>) {
    write_node(template, omit_empty, view, out);
}

/// Writes one value and says whether it says anything: with `omit_empty`, `null` and objects without fields do not,
/// and are left out of what they stand in.
fn write_node(template: &JsonTemplate, omit_empty: bool, view: &View<'_>, out: &mut Vec<u8>) -> bool {
    match template {
        JsonTemplate::Value(value) if omit_empty => return write_full(out, value),
        JsonTemplate::Value(value) => write_value(out, value),
        JsonTemplate::Text(text) => match text.0.as_slice() {
            [TemplatePart::Operator(operator)] => {
                let mut operand = evaluate(&operator.kind, view);
                // Unix sockets have no port, which a text shows as nothing at all.
                if let OperatorKind::Address { part: AddressPart::Port, .. } = operator.kind
                    && operand == Operand::Bytes(b"".into())
                {
                    operand = Operand::Absent;
                }
                match (operand, operator.max_length) {
                    (Operand::Absent, _) if omit_empty => return false,
                    (Operand::Absent, _) => out.extend_from_slice(b"null"),
                    // Envoy has the status among the fields, which are text.
                    (operand @ Operand::Number(_), most) if is_field(&operator.kind) => {
                        let mut text = Vec::new();
                        operand.write(&mut text);
                        text.truncate(most.unwrap_or(usize::MAX));
                        write_string(out, &text);
                    }
                    (operand @ (Operand::Number(_) | Operand::Ip(_, _, AddressPart::Port)), _) => {
                        operand.write(out);
                    }
                    (Operand::Json(Value::String(text)), Some(most)) => {
                        write_string(out, text.as_bytes().get(..most).unwrap_or(text.as_bytes()));
                    }
                    // Only texts have a length, as in Envoy.
                    (Operand::Json(value), _) => write_value(out, value),
                    (operand, most) => {
                        let mut text = Vec::new();
                        operand.write(&mut text);
                        text.truncate(most.unwrap_or(usize::MAX));
                        write_string(out, &text);
                    }
                }
            }
            _ => {
                let absent = Absent::in_text(omit_empty);
                let mut line = Vec::new();
                render(text, view, absent, &mut line);
                write_string(out, &line);
            }
        },
        JsonTemplate::List(items) => {
            out.push(b'[');
            let mut first = true;
            for item in items {
                write_separated(out, &mut first, |out| write_node(item, omit_empty, view, out));
            }
            out.push(b']');
        }
        JsonTemplate::Object(fields) => {
            out.push(b'{');
            let mut first = true;
            for (key, item) in fields {
                write_separated(out, &mut first, |out| {
                    write_string(out, key.as_bytes());
                    out.push(b':');
                    write_node(item, omit_empty, view, out)
                });
            }
            out.push(b'}');
            return !(omit_empty && first);
        }
    }
    true
}

/// Whether an operator prints a field.
const fn is_field(kind: &OperatorKind) -> bool {
    matches!(kind, OperatorKind::ResponseHeader { .. })
}

/// Writes a value of the configuration without what is empty in it, and says whether anything is left.
fn write_full(out: &mut Vec<u8>, value: &Value) -> bool {
    let mut first = true;
    match value {
        Value::Null => return false,
        Value::List(items) => {
            out.push(b'[');
            for item in items {
                write_separated(out, &mut first, |out| write_full(out, item));
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (key, item) in fields {
                write_separated(out, &mut first, |out| {
                    write_string(out, key.as_bytes());
                    out.push(b':');
                    write_full(out, item)
                });
            }
            out.push(b'}');
            return !first;
        }
        plain => write_value(out, plain),
    }
    true
}

/// Writes an element behind a comma, and takes all of it back where there turned out to be none.
fn write_separated(out: &mut Vec<u8>, first: &mut bool, element: impl FnOnce(&mut Vec<u8>) -> bool) {
    let start = out.len();
    if !*first {
        out.push(b',');
    }
    if element(out) {
        *first = false;
    } else {
        out.truncate(start);
    }
}

/// Writes a value of the configuration.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_string(out, text.as_bytes()),
        Value::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (at, (key, item)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(out, key.as_bytes());
                out.push(b':');
                write_value(out, item);
            }
            out.push(b'}');
        }
    }
}

/// Writes a value of the configuration as a text, in which Envoy escapes more than JSON demands: what could end a
/// script in a page, or is not seen (the printer of JSON of protobuf).
pub(crate) fn write_escaped(out: &mut Vec<u8>, value: &Value) {
    let mut plain = Vec::new();
    write_value(&mut plain, value);
    for character in String::from_utf8_lossy(&plain).chars() {
        match character {
            '<'
            | '>'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{603}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}' => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write_escape(out, u32::from(*unit));
                }
            }
            plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Writes a string. Bytes that are not UTF-8 are taken for Latin-1, so that nothing is lost and the line
/// stays valid JSON.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\u{8}' => out.extend_from_slice(b"\\b"),
                '\u{c}' => out.extend_from_slice(b"\\f"),
                control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                    write_escape(out, u32::from(control));
                }
                plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            write_escape(out, u32::from(*byte));
        }
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, code: u32) {
    out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &[u8]) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_always_valid_json() {
        assert_eq!(string(b"tab\there"), r#""tab\there""#);
        assert_eq!(string(b"quo\"te\\"), r#""quo\"te\\""#);
        assert_eq!(string(b"caf\xe9"), r#""caf\u00e9""#);
        assert_eq!(string("caf\u{e9} \u{7f}\u{1}".as_bytes()), "\"caf\u{e9} \\u007f\\u0001\"");
    }
}
