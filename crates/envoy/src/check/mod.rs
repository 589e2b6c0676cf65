//! What holds of every message, whatever it is for: the rules of the schema, and what is deprecated.

mod deprecated;
mod rules;

use crate::diagnostic::{Draft, Kind as About, Sink};
use crate::schema::Rule;
use crate::tree::{Body, Duration, Entry, Message, Value};

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
            self.duration(message, entry);
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

    /// Envoy wants every duration to be one, also those that nothing looks at.
    fn duration(&self, message: &Message<'_>, entry: &Entry<'_>) {
        let Value::Duration(duration) = &entry.value else { return };
        let name = entry.field.name();
        let bounded = || entry.field.rules().iter().any(|rule| matches!(rule, Rule::Gt(_) | Rule::Gte(_)));
        let text = match duration.to_std() {
            Some(duration) if duration.as_secs() <= Duration::LONGEST_TAKEN => return,
            Some(_) => format!("`{name}` is too long"),
            // What is said where a rule wants more than nothing.
            None if duration.seconds <= 0 && bounded() => return,
            None => format!("`{name}` can't be negative"),
        };
        self.sink.push(Draft::rejected("invalid-duration", text).at(message.at(name)));
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
