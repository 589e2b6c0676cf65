//! Diagnostics for tools.

use serde_json::{Map, Value, json};

use super::{Diagnostic, Diagnostics, Place, Severity};

/// Version of the form. It changes only if a field changes its meaning.
const VERSION: u32 = 1;

pub(super) fn to_json(diagnostics: &Diagnostics) -> Value {
    json!({
        "version": VERSION,
        "errors": diagnostics.count(Severity::Error),
        "warnings": diagnostics.count(Severity::Warning),
        "notes": diagnostics.count(Severity::Note),
        "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(diagnostic: &Diagnostic) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("severity", diagnostic.severity.to_string().into());
    put("kind", diagnostic.kind.to_string().into());
    put("code", diagnostic.code.into());
    put("message", diagnostic.message.as_str().into());
    put("path", diagnostic.path.as_str().into());
    put("place", diagnostic.place.as_ref().map_or(Value::Null, place));
    put("label", diagnostic.label.as_str().into());
    put("help", diagnostic.help.iter().map(String::as_str).collect());
    put("suggestion", diagnostic.suggestion.as_deref().into());
    let related = diagnostic.related.iter().map(|(at, what)| json!({ "message": what, "place": place(at) }));
    put("related", related.collect());
    Value::Object(out)
}

fn place(place: &Place) -> Value {
    json!({
        "file": &*place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    })
}
