//! Text → tree: what Envoy's JSON reader does with a message, and what it says of it.

use std::borrow::Cow;

use super::number::{self, NumberError};
use super::path::{self, Step};
use super::time::{Duration, Timestamp};
use super::{Any, Body, Entry, Item, Json, JsonKind, MapItem, MapKey, Message, Value, base64, type_name};
use crate::diagnostic::{At, Draft, Owner, Sink};
use crate::schema::{self, Enum, Field, Form, Kind, Scalar};
use crate::source::Span;
use crate::suggest;
use crate::text::{Key, Node, NodeKind};

/// Values that aliases may bring in. A file of ordinary size never gets near; ten aliases of ten aliases
/// of … ("billion laughs") does.
const ALIAS_BUDGET: usize = 1_000_000;

/// Makes a message of a node. What does not fit is reported and left out.
pub(crate) fn walk<'a>(schema: schema::Message, node: Node<'a>, sink: &Sink) -> Message<'a> {
    Walker::new(sink).message(schema, node)
}

/// Makes values of nodes, and knows where it is.
pub(super) struct Walker<'s> {
    sink: &'s Sink,
    /// Where we are.
    steps: Vec<Step>,
    /// The messages we are in.
    parents: Vec<schema::Message>,
    /// How many aliases we are in.
    shared: usize,
    budget: usize,
}

impl<'s> Walker<'s> {
    pub(super) const fn new(sink: &'s Sink) -> Self {
        Self { sink, steps: Vec::new(), parents: Vec::new(), shared: 0, budget: ALIAS_BUDGET }
    }

    /// Goes a step down.
    pub(super) fn enter(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Goes back up.
    pub(super) fn leave(&mut self) {
        self.steps.pop();
    }

    /// Reports a type that the schema does not have.
    pub(super) fn unknown_type(&self, url: &str) {
        self.push(suggest::unknown_type(type_name(url)).at(self.at(Span::NONE)).vital());
    }

    fn at(&self, span: Span) -> At {
        At { span, owner: Owner::Path(path::join(&self.steps)) }
    }

    fn reject(&self, span: Span, code: &'static str, message: impl Into<String>) -> Draft {
        Draft::rejected(code, message).at(self.at(span))
    }

    fn push(&self, draft: Draft) {
        self.sink.push(draft);
    }

    /// The value does not have the kind that is wanted.
    fn mismatch(&self, node: &Node<'_>, wanted: &str) {
        self.push(self.reject(
            node.span,
            "wrong-type",
            format!("{} has to be {wanted}, but is {}", self.subject(), node.describe()),
        ));
    }

    /// The field we are in, in quotes.
    fn subject(&self) -> String {
        let name = self.steps.iter().rev().find_map(|step| match step {
            Step::Field(name) => Some(*name),
            Step::Index(_) | Step::Key(_) => None,
        });
        name.map_or_else(|| "the file".to_owned(), |name| format!("`{name}`"))
    }

    /// Counts a value that an alias brought in; false where there are too many.
    fn afford(&mut self, span: Span) -> bool {
        if self.shared == 0 {
            return true;
        }
        match self.budget {
            0 => false,
            1 => {
                self.budget = 0;
                self.push(self.reject(
                    span,
                    "too-large",
                    "the aliases of this file stand for too many values",
                ));
                false
            }
            _ => {
                self.budget -= 1;
                true
            }
        }
    }

    fn message<'a>(&mut self, schema: schema::Message, node: Node<'a>) -> Message<'a> {
        let span = node.span;
        let mut message = Message::empty(schema, span);
        let shared = matches!(node.kind, NodeKind::Shared(_));
        self.shared += usize::from(shared);
        match self.entries(node) {
            Ok(entries) => {
                self.parents.push(schema);
                self.fields(&mut message, entries);
                self.parents.pop();
            }
            Err(node) => {
                if node.kind != NodeKind::Null {
                    self.mismatch(&node, &format!("a map with the fields of {}", schema.short_name()));
                }
            }
        }
        self.shared -= usize::from(shared);
        message
    }

    /// The entries of a map; the node, where it is none.
    fn entries<'a>(&self, node: Node<'a>) -> Result<Vec<(Key<'a>, Node<'a>)>, Node<'a>> {
        let span = node.span;
        match node.into_kind() {
            NodeKind::Map(entries) => Ok(entries),
            kind => Err(Node { span, kind }),
        }
    }

    fn fields<'a>(&mut self, message: &mut Message<'a>, entries: Vec<(Key<'a>, Node<'a>)>) {
        message.entries.reserve_exact(entries.len());
        // What stands beside an unknown field may tell where it belongs.
        let strange = entries.iter().any(|(key, _)| message.schema.field(&key.text).is_none());
        let beside = |name: &str| {
            let (_, value) = entries.iter().find(|(key, _)| strange && key.text == name)?;
            Some(value.clone())
        };
        let any_type =
            beside("typed_config").and_then(|value| Some(value.get("@type")?.as_text()?.to_owned()));
        let sibling_name = beside("name").and_then(|value| Some(value.as_text()?.to_owned()));
        for (key, node) in entries {
            if !self.afford(key.span) {
                return;
            }
            let Some(field) = message.schema.field(&key.text) else {
                message.flawed |= !self.sink.allows_unknown();
                let any_type = any_type.as_deref().map(type_name);
                self.unknown_field(message, &key, &node, any_type, sibling_name.as_deref());
                continue;
            };
            self.steps.push(Step::Field(field.name()));
            let null = node.resolve().kind == NodeKind::Null && !takes_null(field);
            if !null {
                let span = node.span;
                let item = self.field(field, node).unwrap_or(Item { span, value: Value::Invalid });
                self.set(message, field, key.span, item);
            }
            self.steps.pop();
        }
    }

    fn set<'a>(&self, message: &mut Message<'a>, field: Field, key: Span, item: Item<'a>) {
        let rival = field
            .oneof()
            .and_then(|oneof| message.entries.iter().find(|entry| entry.field.oneof() == Some(oneof)));
        if let Some(rival) = rival {
            let (own, other) = (field.name(), rival.field.name());
            let text = if own == other {
                format!("`{own}` is set twice")
            } else {
                format!("`{own}` and `{other}` exclude each other")
            };
            self.push(
                self.reject(key, "oneof-conflict", text)
                    .label("remove one of the two")
                    .related(rival.key, "set here already"),
            );
            return;
        }
        if let Some(earlier) = message.entries.iter().find(|entry| entry.field == field) {
            self.push(
                Draft::suspicious("duplicate-key", format!("`{}` is set twice", field.name()))
                    .at(self.at(key))
                    .related(earlier.key, "and here")
                    .help("lists are joined; of anything else, the last wins"),
            );
        }
        message.set(field, key, item);
    }

    fn unknown_field(
        &self,
        message: &Message<'_>,
        key: &Key<'_>,
        node: &Node<'_>,
        any_type: Option<&str>,
        sibling_name: Option<&str>,
    ) {
        let path = path::join(&self.steps);
        let path =
            if path.is_empty() { key.text.clone().into_owned() } else { format!("{path}.{}", key.text) };
        let text = format!("`{}` is not a field of {}", key.text, message.schema.short_name());
        let draft = match self.sink.allows_unknown() {
            true => Draft::suspicious("unknown-field", text + " and has no effect"),
            false => Draft::rejected("unknown-field", text),
        };
        let draft = draft.at(At { span: key.span, owner: Owner::Path(path) });
        self.push(suggest::unknown_field(
            draft,
            &suggest::UnknownField {
                name: &key.text,
                value: node,
                message: message.schema,
                parents: &self.parents,
                any_type,
                sibling_name,
            },
        ));
    }

    /// The value of a field; `None` where it is wrong.
    fn field<'a>(&mut self, field: Field, node: Node<'a>) -> Option<Item<'a>> {
        let span = node.span;
        if field.is_map() {
            return Some(Item { span, value: self.map(field, node)? });
        }
        if field.is_list() {
            let mut items = Vec::new();
            self.list(field, node, &mut items);
            return Some(Item { span, value: Value::List(items) });
        }
        self.single(field, node)
    }

    /// The items of a list. Lists in lists are joined, and what is no list is one of one item.
    fn list<'a>(&mut self, field: Field, node: Node<'a>, items: &mut Vec<Item<'a>>) {
        let span = node.span;
        let shared = matches!(node.kind, NodeKind::Shared(_));
        self.shared += usize::from(shared);
        let whole =
            field.message().is_some_and(|message| matches!(message.form(), Form::ListValue | Form::Value));
        match node.into_kind() {
            NodeKind::List(nodes) if !whole || items.is_empty() => {
                items.reserve_exact(nodes.len());
                for node in nodes {
                    self.steps.push(Step::Index(items.len()));
                    if matches!(node.resolve().kind, NodeKind::List(_)) && !whole {
                        self.list(field, node, items);
                    } else if self.afford(node.span) {
                        items.extend(self.item(field, node));
                    }
                    self.steps.pop();
                }
            }
            kind => {
                self.steps.push(Step::Index(items.len()));
                items.extend(self.item(field, Node { span, kind }));
                self.steps.pop();
            }
        }
        self.shared -= usize::from(shared);
    }

    /// An item of a list; nothing stands for an empty one.
    fn item<'a>(&mut self, field: Field, node: Node<'a>) -> Option<Item<'a>> {
        if node.resolve().kind != NodeKind::Null || takes_null(field) {
            return self.single(field, node);
        }
        let value = match field.kind() {
            Kind::Scalar(Scalar::String) => Value::Text("".into()),
            Kind::Scalar(Scalar::Bytes) => Value::Bytes(Cow::Borrowed(&[])),
            Kind::Scalar(Scalar::Bool) => Value::Bool(false),
            Kind::Scalar(Scalar::Double | Scalar::Float) => Value::Float(0.0),
            Kind::Scalar(_) => Value::Uint(0),
            Kind::Enum(_) => Value::Enum(0),
            Kind::Message(_) => {
                let empty = Node { span: node.span, kind: NodeKind::Map(Vec::new()) };
                return self.single(field, empty);
            }
        };
        Some(Item { span: node.span, value })
    }

    fn map<'a>(&mut self, field: Field, node: Node<'a>) -> Option<Value<'a>> {
        let (key_field, value_field) = field.message()?.map_entry();
        let shared = matches!(node.kind, NodeKind::Shared(_));
        let entries = match self.entries(node) {
            Ok(entries) => entries,
            Err(node) => {
                self.mismatch(&node, "a map");
                return None;
            }
        };
        self.shared += usize::from(shared);
        let mut items = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            if !self.afford(key.span) {
                break;
            }
            self.steps.push(Step::Key(key.text.clone().into_owned()));
            let item = self.item(value_field, node);
            if let (Some(map_key), Some(item)) = (self.map_key(key_field, &key), item) {
                items.push(MapItem { key_span: key.span, key: map_key, item });
            }
            self.steps.pop();
        }
        self.shared -= usize::from(shared);
        super::merge::keep_last(&mut items);
        Some(Value::Map(items))
    }

    fn map_key<'a>(&self, field: Field, key: &Key<'a>) -> Option<MapKey<'a>> {
        let Kind::Scalar(scalar) = field.kind() else { return None };
        if scalar == Scalar::String {
            return Some(MapKey::Text(key.text.clone()));
        }
        if scalar == Scalar::Bool {
            let value = match &*key.text {
                "true" => Some(MapKey::Bool(true)),
                "false" => Some(MapKey::Bool(false)),
                _ => None,
            };
            if value.is_none() {
                self.push(self.reject(key.span, "wrong-type", "the keys of this map are `true` and `false`"));
            }
            return value;
        }
        match self.integer(scalar, &key.text, key.span)? {
            Value::Int(value) => Some(MapKey::Int(value)),
            Value::Uint(value) => Some(MapKey::Uint(value)),
            _ => None,
        }
    }

    /// One value.
    fn single<'a>(&mut self, field: Field, node: Node<'a>) -> Option<Item<'a>> {
        let span = node.span;
        let value = match field.kind() {
            Kind::Scalar(scalar) => self.scalar(scalar, node)?,
            Kind::Enum(kind) => self.enumeration(kind, node)?,
            Kind::Message(message) => self.value_of(message, node)?,
        };
        Some(Item { span, value })
    }

    /// A message, in the form it has in JSON.
    fn value_of<'a>(&mut self, message: schema::Message, node: Node<'a>) -> Option<Value<'a>> {
        match message.form() {
            Form::Plain | Form::MapEntry => Some(Value::Message(Box::new(self.message(message, node)))),
            Form::Any => Some(Value::Any(Box::new(self.any(node)?))),
            Form::Duration => self.duration(message, node),
            Form::Timestamp => self.timestamp(message, node),
            Form::Struct => match &node.resolve().kind {
                NodeKind::Map(_) => Some(Value::Json(Box::new(self.json(node)))),
                _ => {
                    self.mismatch(&node, "a map");
                    None
                }
            },
            Form::ListValue => match &node.resolve().kind {
                NodeKind::List(_) => Some(Value::Json(Box::new(self.json(node)))),
                _ => {
                    self.mismatch(&node, "a list");
                    None
                }
            },
            Form::Value => Some(Value::Json(Box::new(self.json(node)))),
            Form::FieldMask => match node.resolve().kind.clone() {
                NodeKind::Text(text) => {
                    let names = text.split(',').filter(|name| !name.is_empty());
                    Some(Value::Mask(names.map(|name| Cow::Owned(snake_case(name))).collect()))
                }
                _ => {
                    self.mismatch(&node, "names of fields, joined by commas");
                    None
                }
            },
            Form::Wrapper => {
                // `{value: 5}` stands for `5`.
                if let NodeKind::Map(_) = &node.resolve().kind {
                    let wrapper = self.message(message, node);
                    let value = wrapper.entries.into_iter().next().map(|entry| entry.value);
                    return Some(value.unwrap_or_else(|| zero(message.wrapped())));
                }
                self.single(message.wrapped(), node).map(|item| item.value)
            }
        }
    }

    fn scalar<'a>(&self, scalar: Scalar, node: Node<'a>) -> Option<Value<'a>> {
        let span = node.span;
        match (scalar, node.into_kind()) {
            (Scalar::Bool, NodeKind::Bool(value)) => Some(Value::Bool(value)),
            (Scalar::Bool, NodeKind::Text(text)) => {
                let value = number::boolean(&text);
                if value.is_none() {
                    self.push(self.reject(
                        span,
                        "wrong-type",
                        format!("{} has to be `true` or `false`, but is `{text}`", self.subject()),
                    ));
                }
                value.map(Value::Bool)
            }
            (Scalar::Bool, kind) => {
                self.mismatch(&Node { span, kind }, "`true` or `false`");
                None
            }
            (Scalar::String, NodeKind::Text(text)) => Some(Value::Text(text)),
            (Scalar::String, kind) => {
                self.not_a_string(&Node { span, kind });
                None
            }
            (Scalar::Bytes, NodeKind::Text(text)) => match base64::decode(&text) {
                Some(bytes) => Some(Value::Bytes(bytes.into())),
                None => {
                    let text = format!("{} has to be base64", self.subject());
                    self.push(self.reject(span, "invalid-base64", text));
                    None
                }
            },
            (Scalar::Bytes, kind) => {
                self.mismatch(&Node { span, kind }, "a string of base64");
                None
            }
            (Scalar::Double | Scalar::Float, NodeKind::Number(text) | NodeKind::Text(text)) => {
                let value = number::float(&text);
                if value.is_none() {
                    let text = format!("{} has to be a number, but is `{text}`", self.subject());
                    self.push(self.reject(span, "invalid-number", text));
                }
                #[expect(clippy::cast_possible_truncation, reason = "the field is that short")]
                value.map(|value| match scalar {
                    Scalar::Float => Value::Float(f64::from(value as f32)),
                    _ => Value::Float(value),
                })
            }
            (_, NodeKind::Number(text) | NodeKind::Text(text)) => self.integer(scalar, &text, span),
            (_, kind) => {
                self.mismatch(&Node { span, kind }, "a number");
                None
            }
        }
    }

    fn not_a_string(&self, node: &Node<'_>) {
        let mut draft = self.reject(
            node.span,
            "wrong-type",
            format!("{} has to be a string, but is {}", self.subject(), node.describe()),
        );
        if matches!(node.kind, NodeKind::Number(_) | NodeKind::Bool(_)) {
            draft = draft.label("quote it").help(
                "YAML takes plain digits for numbers and words such as `yes`, `no`, `on`, `off`, `y` and `n` for \
                 bools; in quotes they are strings",
            );
        }
        self.push(draft);
    }

    fn integer<'a>(&self, scalar: Scalar, text: &str, span: Span) -> Option<Value<'a>> {
        let (least, most) = match scalar {
            Scalar::Int32 | Scalar::SInt32 | Scalar::SFixed32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Scalar::Int64 | Scalar::SInt64 | Scalar::SFixed64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
            Scalar::UInt32 | Scalar::Fixed32 => (0, i128::from(u32::MAX)),
            _ => (0, i128::from(u64::MAX)),
        };
        let error = match number::whole(text, least, most) {
            Ok(value) if least < 0 => return i64::try_from(value).ok().map(Value::Int),
            Ok(value) => return u64::try_from(value).ok().map(Value::Uint),
            Err(error) => error,
        };
        let subject = self.subject();
        let message = match error {
            NumberError::NotANumber => format!("{subject} has to be a number, but is `{text}`"),
            NumberError::Fraction => format!("{subject} has to be a whole number, but is `{text}`"),
            NumberError::Range => format!("{subject} has to lie between {least} and {most}, but is {text}"),
        };
        let draft = self.reject(span, "invalid-number", message);
        self.push(suggest::placeholder(draft, text));
        None
    }

    fn enumeration<'a>(&self, kind: Enum, node: Node<'a>) -> Option<Value<'a>> {
        let span = node.span;
        let node_kind = node.into_kind();
        let text = match &node_kind {
            NodeKind::Text(text) | NodeKind::Number(text) => text,
            NodeKind::Null => return Some(Value::Enum(0)),
            _ => {
                self.mismatch(&Node { span, kind: node_kind }, &format!("a value of {}", kind.short_name()));
                return None;
            }
        };
        if let Some(value) = kind.value(text) {
            if value.is_disallowed() {
                self.push(self.reject(
                    span,
                    "removed-value",
                    format!("`{}` is not supported by Envoy any more", value.name()),
                ));
            } else if value.is_deprecated() {
                self.push(
                    Draft::new(
                        crate::diagnostic::Kind::Deprecated,
                        "deprecated-value",
                        format!("`{}` is deprecated", value.name()),
                    )
                    .at(self.at(span)),
                );
            } else if **text != *value.name() && text.eq_ignore_ascii_case(value.name()) {
                let what = format!("`{text}` is `{}` in other letters", value.name());
                self.push(
                    Draft::new(crate::diagnostic::Kind::Deprecated, "enum-case", what)
                        .at(self.at(span))
                        .label(format!("write `{}`", value.name())),
                );
            }
            return Some(Value::Enum(value.number()));
        }
        if let Ok(number) = text.parse::<i32>() {
            return Some(Value::Enum(number));
        }
        let draft = self.reject(
            span,
            "unknown-enum-value",
            format!("`{text}` is not a value of {}", kind.short_name()),
        );
        self.push(suggest::enum_value(draft, kind, text));
        None
    }

    fn duration<'a>(&mut self, schema: schema::Message, node: Node<'a>) -> Option<Value<'a>> {
        let span = node.span;
        if matches!(node.resolve().kind, NodeKind::Map(_)) {
            let message = self.message(schema, node);
            let seconds = message.i64("seconds");
            let nanos = i32::try_from(message.i64("nanos")).unwrap_or_default();
            return Some(Value::Duration(Duration { seconds, nanos }));
        }
        match node.into_kind() {
            NodeKind::Text(text) => match Duration::parse(&text) {
                Ok(duration) => Some(Value::Duration(duration)),
                Err(why) => {
                    let message = format!("`{text}` is not a duration");
                    let draft = self.reject(span, "invalid-duration", message).label(why);
                    self.push(suggest::duration(draft, &text));
                    None
                }
            },
            kind => {
                let number =
                    if let NodeKind::Number(text) = &kind { Some(text.clone().into_owned()) } else { None };
                let text = format!(
                    "{} has to be a duration, but is {}",
                    self.subject(),
                    Node { span, kind }.describe()
                );
                let mut draft = self.reject(span, "invalid-duration", text);
                if let Some(number) = number {
                    draft = draft.label(format!("write `{number}s` for seconds"));
                }
                self.push(draft);
                None
            }
        }
    }

    fn timestamp<'a>(&mut self, schema: schema::Message, node: Node<'a>) -> Option<Value<'a>> {
        if matches!(node.resolve().kind, NodeKind::Map(_)) {
            let message = self.message(schema, node);
            let seconds = message.i64("seconds");
            let nanos = i32::try_from(message.i64("nanos")).unwrap_or_default();
            return Some(Value::Timestamp(Timestamp { seconds, nanos }));
        }
        match node.as_text().and_then(Timestamp::parse) {
            Some(time) => Some(Value::Timestamp(time)),
            None => {
                self.mismatch(&node, "a time such as `2026-01-31T12:00:00Z`");
                None
            }
        }
    }

    fn json<'a>(&mut self, node: Node<'a>) -> Json<'a> {
        let span = node.span;
        let shared = matches!(node.kind, NodeKind::Shared(_));
        self.shared += usize::from(shared);
        let kind = match node.into_kind() {
            NodeKind::Null | NodeKind::Shared(_) => JsonKind::Null,
            NodeKind::Bool(value) => JsonKind::Bool(value),
            NodeKind::Number(text) => number::float(&text).map_or(JsonKind::Null, JsonKind::Number),
            NodeKind::Text(text) => JsonKind::Text(text),
            NodeKind::List(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for node in nodes {
                    if self.afford(node.span) {
                        items.push(self.json(node));
                    }
                }
                JsonKind::List(items)
            }
            NodeKind::Map(entries) => {
                let mut fields = Vec::with_capacity(entries.len());
                for (key, node) in entries {
                    if self.afford(node.span) {
                        fields.push((key.text, self.json(node)));
                    }
                }
                JsonKind::Object(fields)
            }
        };
        self.shared -= usize::from(shared);
        Json { span, kind }
    }

    fn any<'a>(&mut self, node: Node<'a>) -> Option<Any<'a>> {
        let span = node.span;
        let shared = matches!(node.kind, NodeKind::Shared(_));
        let mut entries = match self.entries(node) {
            Ok(entries) => entries,
            Err(node) => {
                self.mismatch(&node, "a map with an `@type`");
                return None;
            }
        };
        if entries.is_empty() {
            return Some(Any { type_url: "".into(), type_span: span, span, body: Body::Empty });
        }
        let Some(at) = entries.iter().rposition(|(key, _)| key.text == "@type") else {
            let draft =
                self.reject(span, "missing-type", format!("{} does not say what it is", self.subject()));
            self.push(draft.label("`@type` is missing").help(
                "the first field of a typed configuration is `\"@type\": type.googleapis.com/…` with the full name of its message",
            ));
            return None;
        };
        let (key, url) = entries.remove(at);
        entries.retain(|(key, _)| key.text != "@type");
        let type_span = url.span;
        let NodeKind::Text(type_url) = url.into_kind() else {
            self.push(self.reject(key.span, "invalid-type", "`@type` has to be a string"));
            return None;
        };
        self.shared += usize::from(shared);
        let body = self.any_body(&type_url, type_span, Node { span, kind: NodeKind::Map(entries) });
        self.shared -= usize::from(shared);
        Some(Any { type_url, type_span, span, body: body? })
    }

    fn any_body<'a>(&mut self, url: &str, span: Span, node: Node<'a>) -> Option<Body<'a>> {
        let name = type_name(url);
        if url.find('/').is_none_or(|slash| slash == 0) {
            let draft = self.reject(span, "invalid-type", format!("`{url}` is not a type"));
            self.push(draft.label(format!("write `type.googleapis.com/{name}`")));
            return None;
        }
        let Some(schema) = schema::Message::find(name) else {
            let draft = suggest::unknown_type(name);
            self.push(draft.at(self.at(span)));
            return None;
        };
        match schema.form() {
            Form::Plain if matches!(name, "xds.type.v3.TypedStruct" | "udpa.type.v1.TypedStruct") => {
                Some(self.typed_struct(schema, node))
            }
            Form::Plain | Form::MapEntry => Some(Body::Message(self.message(schema, node))),
            _ => {
                let entries = self.entries(node).unwrap_or_default();
                let mut value = None;
                for (key, node) in entries {
                    if key.text == "value" {
                        value = Some(node);
                    } else {
                        self.push(self.reject(
                            key.span,
                            "unknown-field",
                            format!("{} in an Any has the one field `value`", schema.short_name()),
                        ));
                    }
                }
                let value = value.unwrap_or(Node { span, kind: NodeKind::Null });
                if value.kind == NodeKind::Null && schema.form() != Form::Value {
                    return Some(Body::Empty);
                }
                Some(Body::Value(schema, self.value_of(schema, value)?))
            }
        }
    }

    /// A `TypedStruct` holds another message as untyped data.
    fn typed_struct<'a>(&mut self, schema: schema::Message, node: Node<'a>) -> Body<'a> {
        let inner = self.struct_content(&node);
        let wrapper = self.message(schema, node);
        wrapper.settle_all();
        Body::Struct { wrapper, inner }
    }

    /// The message that the fields of a `TypedStruct` stand for; `None` where its type is not known, which
    /// is reported.
    pub(super) fn struct_content<'a>(&mut self, node: &Node<'a>) -> Option<Message<'a>> {
        let url = node.get("type_url").or_else(|| node.get("typeUrl"));
        let url = url.and_then(|url| Some((url.span, type_name(url.as_text()?).to_owned())));
        let Some((span, name)) = url.filter(|(_, name)| !name.is_empty()) else {
            self.push(self.reject(node.span, "missing-type", "a TypedStruct needs a `type_url`"));
            return None;
        };
        let Some(schema) = schema::Message::find(&name).filter(|schema| schema.form() == Form::Plain) else {
            let draft = suggest::unknown_type(&name);
            self.push(draft.at(self.at(span)));
            return None;
        };
        let value = match node.get("value") {
            Some(value) if matches!(value.resolve().kind, NodeKind::Map(_)) => value.clone(),
            _ => Node { span: node.span, kind: NodeKind::Map(Vec::new()) },
        };
        self.steps.push(Step::Field("value"));
        let inner = self.message(schema, value);
        self.steps.pop();
        Some(inner)
    }
}

/// Whether `null` is a value of the field, rather than none.
fn takes_null(field: Field) -> bool {
    field.message().is_some_and(|message| message.form() == Form::Value)
}

/// The default of a field's type.
pub(crate) fn zero<'a>(field: Field) -> Value<'a> {
    match field.kind() {
        Kind::Scalar(Scalar::Bool) => Value::Bool(false),
        Kind::Scalar(Scalar::String) => Value::Text("".into()),
        Kind::Scalar(Scalar::Bytes) => Value::Bytes(Cow::Borrowed(&[])),
        Kind::Scalar(Scalar::Double | Scalar::Float) => Value::Float(0.0),
        Kind::Scalar(
            Scalar::Int32
            | Scalar::Int64
            | Scalar::SInt32
            | Scalar::SInt64
            | Scalar::SFixed32
            | Scalar::SFixed64,
        ) => Value::Int(0),
        Kind::Scalar(_) | Kind::Message(_) => Value::Uint(0),
        Kind::Enum(_) => Value::Enum(0),
    }
}

/// `fooBar` → `foo_bar`, as field masks have it.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl<'a> Entry<'a> {
    /// A field of which only the value is known.
    pub(crate) fn bare(field: Field, value: Value<'a>) -> Self {
        Self::new(field, Span::NONE, Item { span: Span::NONE, value })
    }
}
