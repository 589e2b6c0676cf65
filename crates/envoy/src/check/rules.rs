//! The rules of protoc-gen-validate, with its semantics: a field without presence is checked even where
//! it is not set, a member of a oneof only where it is.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use regex::bytes::Regex;

use crate::diagnostic::{At, Draft, Sink};
use crate::schema::{Field, Kind, Rule, Rules};
use crate::tree::{Entry, Item, Message, Value};

/// The patterns of the rules met so far, compiled. There are a dozen, and thousands of fields they hold for.
#[derive(Default)]
pub(super) struct Patterns {
    compiled: RefCell<HashMap<&'static str, Option<Regex>>>,
}

impl Patterns {
    fn allow(&self, pattern: &'static str, text: &str) -> bool {
        let mut compiled = self.compiled.borrow_mut();
        let regex = compiled.entry(pattern).or_insert_with(|| Regex::new(pattern).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text.as_bytes()))
    }
}

/// Checks the fields of a message, not what is inside them.
pub(super) fn check(message: &Message<'_>, patterns: &Patterns, sink: &Sink) {
    let checker = Rulebook { message, patterns, sink };
    for (index, name, required) in message.schema.oneofs() {
        if required
            && !message.flawed
            && message.entries.iter().all(|entry| entry.field.oneof() != Some(index))
        {
            checker.missing_oneof(index, name);
        }
    }
    for field in message.schema.fields() {
        if !field.rules().is_empty() {
            let entry = message.entries.iter().find(|entry| entry.field == field);
            checker.field(field, entry);
        }
    }
}

struct Rulebook<'a, 's> {
    message: &'a Message<'a>,
    patterns: &'s Patterns,
    sink: &'s Sink,
}

impl Rulebook<'_, '_> {
    fn missing_oneof(&self, index: u8, oneof: &str) {
        let members = self.message.schema.fields().filter(|field| field.oneof() == Some(index));
        let names: Vec<_> = members
            .filter(|field| !field.is_deprecated())
            .map(|field| format!("`{}`", field.name()))
            .collect();
        let names = match names.as_slice() {
            [] => format!("`{oneof}`"),
            [only] => only.clone(),
            [all @ .., last] => format!("{} or {last}", all.join(", ")),
        };
        let owner = self.message.schema.short_name();
        self.sink.push(
            Draft::rejected("missing-field", format!("{owner} needs one of its fields: {names}"))
                .at(self.message.here()),
        );
    }

    fn field(&self, field: Field, entry: Option<&Entry<'_>>) {
        let rules = field.rules();
        match entry.map(|entry| &entry.value) {
            Some(Value::Invalid) => {}
            Some(Value::List(items)) => self.list(field, rules, items),
            Some(Value::Map(items)) => self.map(field, rules, items),
            Some(value) => {
                for rule in applicable(rules, value) {
                    if let Some(what) = self.broken(rule, value, field) {
                        self.report(field, self.message.at(field.name()), &what);
                    }
                }
            }
            None => self.unset(field, rules),
        }
    }

    /// A field that is not set, or is a list or map without entries.
    fn unset(&self, field: Field, rules: Rules) {
        if self.message.flawed {
            // A name nearby is wrong; it may have been meant for this one.
            return;
        }
        let name = field.name();
        let required = rules.iter().any(|rule| match rule {
            Rule::Required => field.oneof().is_none(),
            Rule::MinItems(count) | Rule::MinPairs(count) => count > 0,
            _ => false,
        });
        let checked = !field.has_presence() && !field.is_list() && !field.is_map();
        let default = default_value(field);
        let broken =
            checked && applicable(rules, &default).any(|rule| self.broken(rule, &default, field).is_some());
        if required || broken {
            let owner = self.message.schema.short_name();
            self.sink.push(
                Draft::rejected("missing-field", format!("{owner} needs the field `{name}`"))
                    .at(self.message.at(name)),
            );
        }
    }

    fn list(&self, field: Field, rules: Rules, items: &[Item<'_>]) {
        let excused = items.is_empty() && rules.iter().any(|rule| rule == Rule::IgnoreEmpty);
        for rule in rules.iter().filter(|_| !excused) {
            let count = items.len();
            let what = match rule {
                Rule::MinItems(least) if count < least as usize => {
                    Some(format!("needs {}", plural(least, "item")))
                }
                Rule::MaxItems(most) if count > most as usize => {
                    Some(format!("can't have more than {}, but has {count}", plural(most, "item")))
                }
                Rule::Unique => {
                    let mut seen = HashSet::new();
                    let twice = items.iter().position(|item| !seen.insert(identity(&item.value)));
                    twice.map(|at| format!("can't have an item twice, but item {at} stands there before"))
                }
                Rule::Items(rules) => {
                    for (index, item) in items.iter().enumerate() {
                        for rule in applicable(rules, &item.value) {
                            if let Some(what) = self.broken(rule, &item.value, field) {
                                self.report(field, self.message.at_item(field.name(), index), &what);
                            }
                        }
                    }
                    None
                }
                _ => None,
            };
            if let Some(what) = what {
                self.report(field, self.message.at(field.name()), &what);
            }
        }
    }

    fn map(&self, field: Field, rules: Rules, items: &[crate::tree::MapItem<'_>]) {
        for rule in rules.iter() {
            let count = items.len();
            let what = match rule {
                Rule::MinPairs(least) if count < least as usize => {
                    Some(format!("needs {}", plural(least, "entry")))
                }
                Rule::Keys(rules) => {
                    for item in items {
                        let key = Value::Text(item.key.to_text());
                        if let Some(what) =
                            applicable(rules, &key).find_map(|rule| self.broken(rule, &key, field))
                        {
                            let mut at = self.message.at(field.name());
                            at.span = item.key_span;
                            self.report(field, at, &format!("has a key that {what}"));
                        }
                    }
                    None
                }
                Rule::Values(rules) => {
                    for item in items {
                        let value = &item.item.value;
                        if let Some(what) =
                            applicable(rules, value).find_map(|rule| self.broken(rule, value, field))
                        {
                            let mut at = self.message.at(field.name());
                            at.span = item.item.span;
                            self.report(field, at, &format!("has a value that {what}"));
                        }
                    }
                    None
                }
                _ => None,
            };
            if let Some(what) = what {
                self.report(field, self.message.at(field.name()), &what);
            }
        }
    }

    /// What is wrong with a value under a rule, as the end of a sentence about its field.
    fn broken(&self, rule: Rule, value: &Value<'_>, field: Field) -> Option<String> {
        match (rule, value) {
            (Rule::Const(wanted), Value::Bool(value)) => {
                (*value != wanted).then(|| format!("can only be {wanted}"))
            }
            (Rule::Pattern(pattern), Value::Text(text)) => {
                (!self.patterns.allow(pattern, text)).then(|| format!("has to match `{pattern}`"))
            }
            (_, Value::Text(text)) => text_rule(rule, text),
            (Rule::MinBytes(least), Value::Bytes(bytes)) => {
                (bytes.len() < least as usize).then(|| format!("needs at least {}", plural(least, "byte")))
            }
            (Rule::MaxBytes(most), Value::Bytes(bytes)) => (bytes.len() > most as usize)
                .then(|| format!("can't be longer than {}", plural(most, "byte"))),
            (Rule::DefinedOnly, Value::Enum(number)) => match field.kind() {
                Kind::Enum(kind) if kind.value_by_number(*number).is_none() => {
                    Some(format!("is {number}, which {} does not have", kind.short_name()))
                }
                _ => None,
            },
            (Rule::NotNumber(wrong), Value::Enum(number)) => {
                (i64::from(*number) == wrong).then(|| match field.kind() {
                    Kind::Enum(kind) => {
                        let name = kind.value_by_number(*number).map_or("", |value| value.name());
                        format!("can't be `{name}`")
                    }
                    Kind::Scalar(_) | Kind::Message(_) => format!("can't be {wrong}"),
                })
            }
            (rule, Value::Float(value)) => float_rule(rule, *value),
            (rule, Value::Int(value)) => bound_rule(rule, i128::from(*value), |bound| bound.to_string()),
            (rule, Value::Uint(value)) => bound_rule(rule, i128::from(*value), |bound| bound.to_string()),
            (rule, Value::Duration(value)) => bound_rule(rule, value.nanoseconds(), |bound| {
                let nanos = i32::try_from(bound % 1_000_000_000).unwrap_or_default();
                crate::tree::time::Duration { seconds: bound / 1_000_000_000, nanos }.to_string()
            }),
            _ => None,
        }
    }

    fn report(&self, field: Field, at: At, what: &str) {
        self.sink.push(Draft::rejected("rule-violated", format!("`{}` {what}", field.name())).at(at));
    }
}

/// The rules that count for a value.
fn applicable<'v>(rules: Rules, value: &'v Value<'_>) -> impl Iterator<Item = Rule> + 'v {
    let excused = value.is_zero() && rules.iter().any(|rule| rule == Rule::IgnoreEmpty);
    rules.iter().filter(move |_| !excused)
}

/// What two equal values have in common, and no others of the same field.
fn identity<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(format!("{other:?}")),
    }
}

fn default_value(field: Field) -> Value<'static> {
    crate::tree::walk::zero(field)
}

fn bound_rule(rule: Rule, value: i128, print: impl Fn(i64) -> String) -> Option<String> {
    let (bound, holds, words) = match rule {
        Rule::Gt(bound) => (bound, value > i128::from(bound), "has to be greater than"),
        Rule::Gte(bound) => (bound, value >= i128::from(bound), "has to be at least"),
        Rule::Lt(bound) => (bound, value < i128::from(bound), "has to be less than"),
        Rule::Lte(bound) => (bound, value <= i128::from(bound), "has to be at most"),
        _ => return None,
    };
    (!holds).then(|| format!("{words} {}", print(bound)))
}

fn float_rule(rule: Rule, value: f64) -> Option<String> {
    // Comparisons with NaN are false, so that it passes, as in Envoy.
    let (bound, fails, words) = match rule {
        Rule::FloatGt(bound) => (bound, value <= bound, "has to be greater than"),
        Rule::FloatGte(bound) => (bound, value < bound, "has to be at least"),
        Rule::FloatLt(bound) => (bound, value >= bound, "has to be less than"),
        Rule::FloatLte(bound) => (bound, value > bound, "has to be at most"),
        _ => return None,
    };
    fails.then(|| format!("{words} {bound}"))
}

fn text_rule(rule: Rule, text: &str) -> Option<String> {
    let characters = || text.chars().count();
    match rule {
        Rule::MinLen(1) if text.is_empty() => Some("can't be empty".to_owned()),
        Rule::MinLen(least) if characters() < least as usize => {
            Some(format!("needs at least {}", plural(least, "character")))
        }
        Rule::MaxLen(most) if characters() > most as usize => {
            Some(format!("can't be longer than {}", plural(most, "character")))
        }
        Rule::MinBytes(least) if text.len() < least as usize => {
            Some(format!("needs at least {}", plural(least, "byte")))
        }
        Rule::MaxBytes(most) if text.len() > most as usize => {
            Some(format!("can't be longer than {}", plural(most, "byte")))
        }
        Rule::Prefix(prefix) if !text.starts_with(prefix) => Some(format!("has to begin with `{prefix}`")),
        Rule::Suffix(suffix) if !text.ends_with(suffix) => Some(format!("has to end with `{suffix}`")),
        Rule::TextIn(texts) if texts.iter().all(|allowed| allowed != text) => {
            let allowed: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
            let meant = crate::suggest::among(text, &texts.iter().collect::<Vec<_>>());
            Some(match meant {
                Some(meant) => format!("can't be `{text}`; did you mean `{meant}`?"),
                None => format!("has to be one of {}", allowed.join(", ")),
            })
        }
        Rule::HeaderName { strict: true } => {
            let token = text.strip_prefix(':').unwrap_or(text);
            let valid = !token.is_empty() && token.bytes().all(is_token);
            (!valid).then(|| format!("is `{}`, which is not a header name", text.escape_debug()))
        }
        Rule::HeaderValue { strict: true } => text
            .bytes()
            .any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f)
            .then(|| "can't hold control characters".to_owned()),
        // Loosely, a name is what a value is, and may be empty.
        Rule::HeaderName { strict: false } | Rule::HeaderValue { strict: false } => {
            text.contains(['\0', '\n', '\r']).then(|| "can't hold line ends".to_owned())
        }
        _ => None,
    }
}

const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

fn plural(count: u32, noun: &str) -> String {
    match (count, noun) {
        (1, noun) => format!("1 {noun}"),
        (count, "entry") => format!("{count} entries"),
        (count, noun) => format!("{count} {noun}s"),
    }
}
