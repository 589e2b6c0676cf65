//! What was probably meant.

mod distance;
mod legacy;

use crate::diagnostic::Draft;
use crate::extension;
use crate::schema::{Enum, Form, Message};
use crate::text::{Node, NodeKind};
use distance::nearest;

/// A field that its message does not have.
pub(crate) struct UnknownField<'a> {
    /// As it was written.
    pub(crate) name: &'a str,
    /// Its value.
    pub(crate) value: &'a Node<'a>,
    /// The message it stands in.
    pub(crate) message: Message,
    /// The messages around it, the outermost first, `message` last.
    pub(crate) parents: &'a [Message],
    /// The type of the `typed_config` beside it.
    pub(crate) any_type: Option<&'a str>,
    /// The `name` beside it.
    pub(crate) sibling_name: Option<&'a str>,
}

/// How far inside a message a lost field is looked for, and how far around it.
const INSIDE: usize = 6;
const AROUND: usize = 2;

/// Says what an unknown field may have been meant to be.
pub(crate) fn unknown_field(draft: Draft, unknown: &UnknownField<'_>) -> Draft {
    let UnknownField { name, message, .. } = *unknown;
    if name == "<<" {
        return draft
            .label("merge keys are not understood")
            .help("Envoy's YAML has anchors and aliases, but no merge keys: write the fields out");
    }
    if name == "@type" {
        return draft
            .label("only typed configurations have a type")
            .help("`@type` belongs to the first level inside `typed_config`");
    }
    if let Some(advice) = legacy::find(unknown) {
        let draft = draft.label(advice.label).help(advice.help);
        return match advice.suggestion {
            Some(yaml) => draft.suggestion(yaml),
            None => draft,
        };
    }
    let names: Vec<_> = message.fields().map(|field| field.name()).collect();
    let meant = nearest(name, &names);
    if let Some((meant, 0 | 1)) = meant {
        return draft.label(format!("did you mean `{meant}`?"));
    }
    if let Some((label, help)) = home(unknown) {
        let draft = draft.label(label).help(help);
        return match meant {
            Some((meant, _)) => draft.help(format!("or did you mean `{meant}`?")),
            None => draft,
        };
    }
    if let Some((meant, _)) = meant {
        return draft.label(format!("did you mean `{meant}`?"));
    }
    if message.is_reserved(name) {
        return draft.label("removed from Envoy's API");
    }
    if let Some(homes) = elsewhere(name) {
        return draft.help(format!("`{name}` is a field of {homes}"));
    }
    let listed = list(&names);
    if listed.is_empty() {
        draft.help(format!("{} has no fields", message.short_name()))
    } else {
        draft.help(format!("{} has: {listed}", message.short_name()))
    }
}

/// The message the field belongs to, as a label and a sentence.
fn home(unknown: &UnknownField<'_>) -> Option<(String, String)> {
    let name = unknown.name;
    // The typed configuration beside it: the field stands one level too high.
    if let Some(schema) = unknown.any_type.and_then(Message::find) {
        if schema.field(name).is_some() {
            return Some((
                "move it into `typed_config`".to_owned(),
                format!("`{name}` is a field of {}: write it inside `typed_config`", schema.short_name()),
            ));
        }
        if let Some((path, home)) = search(schema, name, INSIDE) {
            return Some((
                format!("belongs to {}", home.short_name()),
                format!(
                    "`{name}` is a field of {}: write it at `typed_config.{path}.{name}`",
                    home.short_name()
                ),
            ));
        }
    }
    // Further inside.
    if let Some((path, home)) = search(unknown.message, name, INSIDE) {
        return Some((
            format!("belongs to {}", home.short_name()),
            format!(
                "`{name}` is a field of {}: write it at `{path}.{name}`, counted from here",
                home.short_name()
            ),
        ));
    }
    // Further outside.
    let outer = unknown.parents.iter().rev().skip(1);
    for (levels, message) in outer.enumerate() {
        if message.field(name).is_some() {
            let level =
                if levels == 0 { "one level up".to_owned() } else { format!("{} levels up", levels + 1) };
            return Some((
                format!("belongs to {}", message.short_name()),
                format!(
                    "`{name}` is a field of {}, {level}; is the line indented too far?",
                    message.short_name()
                ),
            ));
        }
        if let Some((path, home)) = search(*message, name, AROUND) {
            return Some((
                format!("belongs to {}", home.short_name()),
                format!(
                    "`{name}` is a field of {}: write it at `{path}.{name}` of the {} around this",
                    home.short_name(),
                    message.short_name()
                ),
            ));
        }
    }
    None
}

/// The nearest message below that has the field, and the way to it.
fn search(from: Message, name: &str, depth: usize) -> Option<(String, Message)> {
    let mut seen = vec![from];
    let mut level = vec![(String::new(), from)];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (path, message) in level {
            for field in message.fields().filter(|field| !field.is_deprecated()) {
                let Some(target) = field.message().filter(|target| target.form() == Form::Plain) else {
                    continue;
                };
                if seen.contains(&target) {
                    continue;
                }
                seen.push(target);
                let dot = if path.is_empty() { "" } else { "." };
                let brackets = if field.is_list() { "[]" } else { "" };
                let path = format!("{path}{dot}{}{brackets}", field.name());
                if target.field(name).is_some() {
                    return Some((path, target));
                }
                next.push((path, target));
            }
        }
        level = next;
    }
    None
}

/// Messages that have the field, wherever they are, if they are few.
fn elsewhere(name: &str) -> Option<String> {
    const FEW: usize = 3;
    let homes: Vec<_> = Message::all()
        .filter(|message| {
            message.name().starts_with("envoy.config.") || message.name().starts_with("envoy.extensions.")
        })
        .filter(|message| message.fields().any(|field| field.name() == name))
        .map(Message::short_name)
        .take(FEW + 1)
        .collect();
    match homes.as_slice() {
        [] => None,
        [only] => Some((*only).to_owned()),
        [all @ .., last] if homes.len() <= FEW => Some(format!("{} and of {last}", all.join(", "))),
        _ => None,
    }
}

/// Says which value of an enum may have been meant.
pub(crate) fn enum_value(draft: Draft, kind: Enum, text: &str) -> Draft {
    let names: Vec<_> = kind.values().map(|value| value.name()).collect();
    match among(text, &names) {
        Some(meant) => draft.label(format!("did you mean `{meant}`?")),
        None => placeholder(draft, text).help(format!("{} is one of: {}", kind.short_name(), list(&names))),
    }
}

/// Says how a duration would be written.
pub(crate) fn duration(draft: Draft, text: &str) -> Draft {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit.trim() {
        "ms" => 1.0,
        "us" | "µs" => 0.001,
        "s" | "S" | "sec" | "secs" | "second" | "seconds" | "" => 1000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hr" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        _ => return placeholder(draft, text),
    };
    match number.parse::<f64>() {
        Ok(number) => draft.help(format!("write `{}s`", number * milliseconds / 1000.0)),
        Err(_) => draft,
    }
}

/// Says that a template tool has to run first, where the text looks like it.
pub(crate) fn placeholder(draft: Draft, text: &str) -> Draft {
    let shell = text.starts_with('$') || text.contains("${");
    let template = text.contains("{{") || text.starts_with("<%") || text.starts_with("__");
    let shouted = text.len() > 3
        && text.contains('_')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit());
    if shell || template || shouted {
        return draft.help(format!(
            "`{text}` looks like a placeholder; the file has to be filled in (`envsubst`, a template tool) before it is loaded"
        ));
    }
    draft
}

/// What to say of a type that the schema does not have.
pub(crate) fn unknown_type(name: &str) -> Draft {
    if extension::is_known_but_absent(name) {
        return Draft::unsupported("unsupported-extension", format!("`{name}` is not implemented"));
    }
    let draft = Draft::rejected("unknown-type", format!("there is no type `{name}`"));
    if let Some(today) = Message::find_previous(name) {
        return Draft::rejected(
            "unknown-type",
            format!("`{name}` is a type of version 2 of Envoy's API, which is gone"),
        )
        .label("version 2")
        .suggestion(format!("\"@type\": type.googleapis.com/{}", today.name()));
    }
    // The names of extensions are long, and share most of their letters: only the last part tells.
    let short = name.rsplit('.').next().unwrap_or(name);
    let names: Vec<_> = extension::type_names().collect();
    if let Some(meant) = names.iter().find(|known| known.rsplit('.').next() == Some(short)) {
        return draft.label(format!("did you mean `{meant}`?"));
    }
    match among(name, &names) {
        Some(meant) => draft.label(format!("did you mean `{meant}`?")),
        None => draft,
    }
}

/// Says which of some names was meant, where one is near.
pub(crate) fn among<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    nearest(name, names).map(|(meant, _)| meant)
}

/// Names for a sentence, not too many of them.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 24;
    let mut out = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        out.push_str(", …");
    }
    out
}

/// Text of a scalar, for a snippet.
fn scalar_text(node: &Node<'_>) -> Option<String> {
    match &node.resolve().kind {
        NodeKind::Text(text) | NodeKind::Number(text) => Some(text.clone().into_owned()),
        NodeKind::Bool(value) => Some(value.to_string()),
        NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) | NodeKind::Shared(_) => None,
    }
}
