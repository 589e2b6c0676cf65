//! What holds of every message, whatever it is for: the rules of the schema, and what is deprecated.

mod deprecated;
mod rules;

use crate::diagnostic::{Draft, Kind as About, Sink};
use crate::schema::Rule;
use crate::tree::{Body, Entry, Message, Value};

/// Checks a message and everything inside it.
pub(crate) fn check(message: &Message<'_>, sink: &Sink) {
    Checker { patterns: rules::Patterns::default(), sink }.message(message);
}

struct Checker<'s> {
    patterns: rules::Patterns,
    sink: &'s Sink,
}

impl Checker<'_> {
    fn message(&self, message: &Message<'_>) {
        rules::check(message, &self.patterns, self.sink);
        for entry in &message.entries {
            self.deprecation(message, entry);
            // Envoy hands these on as they are.
            let skip = entry.field.name() == "typed_filter_metadata"
                || entry.field.rules().iter().any(|rule| rule == Rule::SkipMessage);
            if !skip {
                self.value(&entry.value);
            }
        }
    }

    fn value(&self, value: &Value<'_>) {
        match value {
            Value::Message(message) => self.message(message),
            Value::Any(any) => match &any.body {
                Body::Message(message) => self.message(message),
                Body::Struct { inner: Some(inner), .. } => self.message(inner),
                Body::Struct { inner: None, .. } | Body::Empty | Body::Value(..) | Body::Unknown(_) => {}
            },
            Value::List(items) => items.iter().for_each(|item| self.value(&item.value)),
            Value::Map(items) => items.iter().for_each(|item| self.value(&item.item.value)),
            _ => {}
        }
    }

    fn deprecation(&self, message: &Message<'_>, entry: &Entry<'_>) {
        let field = entry.field;
        if entry.is_default() {
            return;
        }
        let (owner, name) = (message.schema.short_name(), field.name());
        if field.is_disallowed() {
            let text = format!("`{name}` of {owner} is not supported by Envoy any more");
            self.sink.push(Draft::rejected("removed-field", text).at(message.at_key(name)));
        } else if field.is_deprecated() {
            let text = format!("`{name}` of {owner} is deprecated");
            let mut draft = Draft::new(About::Deprecated, "deprecated-field", text).at(message.at_key(name));
            if let Some(modern) = deprecated::modern_form(message.schema.name(), name) {
                draft = draft.help(modern.sentence);
                if !modern.yaml.is_empty() {
                    draft = draft.suggestion(modern.yaml);
                }
            }
            self.sink.push(draft);
        }
    }
}
