//! What a text says, without its places, and what a change makes of it.

use crate::locate::Step;
use crate::text::{Node, NodeKind};

/// A tree to compare: maps are in the order of their keys, and anchors are what they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Plain {
    pub(super) fn of(node: &Node<'_>) -> Self {
        match &node.resolve().kind {
            NodeKind::Null | NodeKind::Shared(_) => Self::Null,
            NodeKind::Bool(value) => Self::Bool(*value),
            NodeKind::Number(text) => Self::Number(text.clone().into_owned()),
            NodeKind::Text(text) => Self::Text(text.clone().into_owned()),
            NodeKind::List(items) => Self::List(items.iter().map(Self::of).collect()),
            NodeKind::Map(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| (key.text.clone().into_owned(), Self::of(value)))
                    .collect();
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Map(entries)
            }
        }
    }

    /// Makes a change; `None` where the path does not fit.
    pub(super) fn change(&mut self, steps: &[Step<'_>], value: Option<&Self>) -> Option<()> {
        let Some((step, rest)) = steps.split_first() else {
            *self = value?.clone();
            return Some(());
        };
        match (step, &mut *self) {
            (Step::Field(_) | Step::Key(_), Self::Null) if value.is_some() => {
                *self = Self::Map(Vec::new());
                self.change(steps, value)
            }
            (Step::Next | Step::Index(0), Self::Null) if value.is_some() => {
                *self = Self::List(Vec::new());
                self.change(steps, value)
            }
            (Step::Field(name) | Step::Key(name), Self::Map(entries)) => {
                let at =
                    position(entries.iter().map(|(key, _)| &**key), name, matches!(step, Step::Field(_)));
                if at.is_none()
                    && let Some(inner) = typed_struct(entries)
                {
                    return entries.get_mut(inner)?.1.change(steps, value);
                }
                match (at, value, rest) {
                    (Some(at), None, []) => {
                        entries.remove(at);
                    }
                    (Some(at), ..) => entries.get_mut(at)?.1.change(rest, value)?,
                    (None, None, _) => return None,
                    (None, Some(_), _) => {
                        let mut new = Self::Null;
                        new.change(rest, value)?;
                        let at = entries.partition_point(|(key, _)| **key < **name);
                        entries.insert(at, ((*name).to_owned(), new));
                    }
                }
                Some(())
            }
            (Step::Index(index), Self::List(items)) if *index < items.len() => {
                if value.is_none() && rest.is_empty() {
                    items.remove(*index);
                    return Some(());
                }
                items.get_mut(*index)?.change(rest, value)
            }
            (Step::Next, Self::List(items)) if value.is_some() => append(items, rest, value),
            (Step::Index(index), Self::List(items)) if value.is_some() && *index == items.len() => {
                append(items, rest, value)
            }
            _ => None,
        }
    }

    /// In one line, for a place inside brackets.
    pub(super) fn flow(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", key_text(key), value.flow()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

fn append(items: &mut Vec<Plain>, rest: &[Step<'_>], value: Option<&Plain>) -> Option<()> {
    let mut new = Plain::Null;
    new.change(rest, value)?;
    items.push(new);
    Some(())
}

/// A key as it is written.
pub(super) fn key_text(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/');
    if key.starts_with(|first: char| first.is_ascii_alphabetic()) && key.bytes().all(plain) {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    }
}

/// Which of the keys a step names: fields may be written in either of protobuf's ways.
pub(super) fn position<'k>(
    mut keys: impl Iterator<Item = &'k str> + Clone,
    name: &str,
    is_field: bool,
) -> Option<usize> {
    let exact = keys.clone().position(|key| key == name);
    exact.or_else(|| is_field.then(|| json_name(name)).and_then(|name| keys.position(|key| key == name)))
}

/// `connect_timeout` as JSON has it: `connectTimeout`.
fn json_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(letter.to_ascii_uppercase());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Where the fields of what a `TypedStruct` stands for are.
fn typed_struct(entries: &[(String, Plain)]) -> Option<usize> {
    let is_struct = entries.iter().any(|(key, value)| {
        key == "@type" && matches!(value, Plain::Text(url) if url.ends_with("TypedStruct"))
    });
    is_struct.then(|| entries.iter().position(|(key, _)| key == "value")).flatten()
}
