//! Where fields of a configuration are written, for whoever has something to say about them later.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_model::SourcePosition;

use crate::diagnostic::{Place, Sink, place};
use crate::load::{Inputs, LoadOptions};
use crate::source::{Files, Source, Span};
use crate::tree::path::{Step as TreeStep, join};
use crate::tree::{Any, Body, MapKey, Message, Value};

/// A field, by a name that does not depend on the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// By its path, `static_resources.clusters[0].connect_timeout`, as diagnostics name it.
    Path(String),
    /// By where the message that holds it is written, as the model remembers it, and the rest of the path, which may be
    /// empty.
    Under(SourcePosition, String),
}

/// Where a field is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its path.
    pub path: String,
    /// The place of its value; where it is not set, that of the name of the nearest field above it that is.
    pub place: Place,
    /// Whether the field itself is set.
    pub is_set: bool,
}

/// Finds fields. The file is read anew: this is for the few fields of a report, not for all. `None` for what no file
/// holds, and for files that have no lines (protobuf).
#[must_use]
pub fn locate(source: &Source, options: &LoadOptions, spots: &[Spot]) -> Vec<Option<Located>> {
    let nowhere = || vec![None; spots.len()];
    let sink = Sink::new(options.allow_unknown);
    let mut files = Files::default();
    let Some(inputs) = Inputs::read(source, options, &mut files, &sink) else { return nowhere() };
    let Some(root) = inputs.root("envoy.config.bootstrap.v3.Bootstrap", source, &files, &sink) else {
        return nowhere();
    };
    let mut search = Search { files: &files, wanted: HashMap::new(), steps: Vec::new() };
    for spot in spots {
        if let Spot::Under(position, _) = spot {
            search.wanted.insert((position.line, position.column), None);
        }
    }
    if !search.wanted.is_empty() {
        search.message(&root);
    }
    let find = |spot: &Spot| {
        let path = match spot {
            Spot::Path(path) => path.clone(),
            Spot::Under(position, rest) => {
                let (file, path) = search.wanted.get(&(position.line, position.column))?.as_ref()?;
                (position.file.as_ref() == Some(file)).then(|| with_rest(path.clone(), rest))?
            }
        };
        let (span, is_set) = find(&root, &path);
        Some(Located { path, place: place(&files, span)?, is_set })
    };
    spots.iter().map(find).collect()
}

fn with_rest(path: String, rest: &str) -> String {
    if rest.is_empty() {
        path
    } else if path.is_empty() {
        rest.to_owned()
    } else if rest.starts_with('[') {
        path + rest
    } else {
        format!("{path}.{rest}")
    }
}

/// The file and the path of the message that is written at a position, once it is found.
type Found = Option<(Arc<str>, String)>;

/// Looks for the messages that are written at positions, all in one walk.
struct Search<'s> {
    files: &'s Files<'s>,
    /// By line and column: the file, and the path of the outermost message that begins there.
    wanted: HashMap<(u32, u32), Found>,
    steps: Vec<TreeStep>,
}

impl Search<'_> {
    fn message(&mut self, message: &Message<'_>) {
        self.note(message.span);
        for entry in &message.entries {
            self.within(TreeStep::Field(entry.field.name()), &entry.value);
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Message(message) => self.message(message),
            Value::Any(any) => {
                if let Some(message) = message_of(any) {
                    self.message(message);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.within(TreeStep::Index(index), &item.value);
                }
            }
            Value::Map(items) => {
                for item in items {
                    self.within(TreeStep::Key(item.key.to_text().into_owned()), &item.item.value);
                }
            }
            _ => {}
        }
    }

    fn within(&mut self, step: TreeStep, value: &Value<'_>) {
        self.steps.push(step);
        self.value(value);
        self.steps.pop();
    }

    fn note(&mut self, span: Span) {
        let Some((file, range)) = self.files.file(span) else { return };
        let at = file.line_column(range.start);
        if let Some(found @ None) = self.wanted.get_mut(&(at.line, at.column)) {
            *found = Some((file.name.clone(), join(&self.steps)));
        }
    }
}

/// The place of a field, and whether it is set.
fn find(root: &Message<'_>, path: &str) -> (Span, bool) {
    let mut at = Node::Message(root);
    let mut nearest = Span::NONE;
    let mut rest = path;
    while let Some((step, behind)) = next_step(rest) {
        rest = behind;
        let Some((next, whole, name)) = at.child(step) else { return (nearest, false) };
        // Of a message that goes on for lines, its name says more than its first line.
        nearest = name.or(whole);
        at = next;
        if rest.is_empty() {
            let place = if matches!(at, Node::Leaf) { whole.or(name) } else { nearest };
            return (place, true);
        }
    }
    (nearest, nearest.is_some())
}

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
    /// Behind the last item of a list.
    Next,
}

/// The first step of a path, and what is behind it; `None` at the end, and where it is none.
pub(crate) fn next_step(path: &str) -> Option<(Step<'_>, &str)> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(rest) = path.strip_prefix("[\"") {
        let (key, rest) = rest.split_once("\"]")?;
        return Some((Step::Key(key), rest));
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        if index.is_empty() {
            return Some((Step::Next, rest));
        }
        return Some((Step::Index(index.parse().ok()?), rest));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    (!name.is_empty()).then_some((Step::Field(name), rest))
}

/// Something that a step leads to.
enum Node<'a, 'b> {
    Message(&'b Message<'a>),
    Value(&'b Value<'a>),
    Leaf,
}

impl<'a, 'b> Node<'a, 'b> {
    fn of(value: &'b Value<'a>) -> Self {
        match value {
            Value::Message(message) => Self::Message(message),
            Value::Any(any) => message_of(any).map_or(Self::Leaf, Self::Message),
            Value::List(_) | Value::Map(_) => Self::Value(value),
            _ => Self::Leaf,
        }
    }

    /// What is there, the place of its value and that of its name.
    fn child(&self, step: Step<'_>) -> Option<(Self, Span, Span)> {
        match (self, step) {
            (Self::Message(message), Step::Field(name)) => {
                let entry = message.entries.iter().find(|entry| entry.field.name() == name)?;
                Some((Self::of(&entry.value), entry.span, entry.key))
            }
            (Self::Value(Value::List(items)), Step::Index(index)) => {
                let item = items.get(index)?;
                Some((Self::of(&item.value), item.span, Span::NONE))
            }
            (Self::Value(Value::Map(items)), Step::Key(key)) => {
                let item = items.iter().find(|item| match &item.key {
                    MapKey::Text(text) => text == key,
                    other => other.to_text() == key,
                })?;
                Some((Self::of(&item.item.value), item.item.span, item.key_span))
            }
            _ => None,
        }
    }
}

/// The message that an `Any` holds.
fn message_of<'a, 'b>(any: &'b Any<'a>) -> Option<&'b Message<'a>> {
    match &any.body {
        Body::Message(message) | Body::Struct { inner: Some(message), .. } => Some(message),
        Body::Struct { wrapper, inner: None } => Some(wrapper),
        Body::Empty | Body::Value(..) | Body::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"static_resources:
  clusters:
  - name: a
    connect_timeout: 1s
  - name: b
    health_checks:
    - timeout: 1s
      http_health_check:
        path: /health
"#;

    fn at(path: &str) -> Option<(u32, u32, bool)> {
        let source = Source::new("envoy.yaml", FILE);
        let spots = [Spot::Path(path.to_owned())];
        let found = locate(&source, &LoadOptions::default(), &spots).pop().flatten();
        found.map(|found| (found.place.line, found.place.column, found.is_set))
    }

    #[test]
    fn fields_are_found_by_their_paths() {
        assert_eq!(at("static_resources.clusters[0].connect_timeout"), Some((4, 22, true)));
        assert_eq!(
            at("static_resources.clusters[1].health_checks[0].http_health_check.path"),
            Some((9, 15, true))
        );
        assert_eq!(at("static_resources.clusters[1].health_checks"), Some((6, 5, true)));
    }

    #[test]
    fn messages_are_found_by_their_positions() {
        let source = Source::new("envoy.yaml", FILE);
        let position = SourcePosition { file: Some("envoy.yaml".into()), line: 7, column: 7 };
        let spots = [Spot::Under(position, "timeout".to_owned())];
        let found = locate(&source, &LoadOptions::default(), &spots).pop().flatten().unwrap();
        assert_eq!(found.path, "static_resources.clusters[1].health_checks[0].timeout");
        assert_eq!((found.place.line, found.place.column), (7, 16));
    }

    #[test]
    fn what_is_not_set_is_where_it_would_belong() {
        let path = "static_resources.clusters[1].health_checks[0].http_health_check.host";
        assert_eq!(at(path), Some((8, 7, false)));
        assert_eq!(at("static_resources.clusters[1].outlier_detection.interval"), Some((5, 5, false)));
        assert_eq!(at("admin"), None);
        assert_eq!(at("static_resources.clusters[7]"), Some((2, 3, false)));
    }
}
