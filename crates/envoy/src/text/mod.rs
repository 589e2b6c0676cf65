//! Texts as trees, before anything is known of their schema.
//!
//! A [`Node`] is what Envoy's YAML reader makes of a document before it hands it on as JSON: its bools
//! and integers are decided here, by the rules of YAML 1.1 as yaml-cpp has them, and everything else is
//! a string.

pub(crate) mod json;
pub(crate) mod scalar;
pub(crate) mod yaml;

use std::borrow::Cow;
use std::rc::Rc;

use crate::source::Span;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) span: Span,
    pub(crate) kind: NodeKind<'a>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind<'a> {
    Null,
    Bool(bool),
    /// A number in JSON's notation.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the text.
    Map(Vec<(Key<'a>, Node<'a>)>),
    /// What an anchor names, wherever it stands.
    Shared(Rc<Node<'a>>),
}

/// The key of an entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key<'a> {
    pub(crate) span: Span,
    pub(crate) text: Cow<'a, str>,
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextError {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Something in a text that is read, but probably not as it was meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextWarning {
    /// A key stands twice in one map; the last wins.
    DuplicateKey { key: String, first: Span, last: Span },
    /// More documents follow; only the first is read.
    SecondDocument { span: Span },
}

/// A tree, and what is odd about its text.
#[derive(Debug, PartialEq)]
pub(crate) struct Parsed<'a> {
    pub(crate) root: Node<'a>,
    pub(crate) warnings: Vec<TextWarning>,
}

/// How deep texts may nest. Envoy's limit is protobuf's, 100 messages.
pub(crate) const DEPTH_LIMIT: usize = 128;

impl<'a> Node<'a> {
    /// The node itself, where this stands for one that an anchor names.
    pub(crate) fn resolve(&self) -> &Self {
        let mut node = self;
        while let NodeKind::Shared(shared) = &node.kind {
            node = shared;
        }
        node
    }

    /// What it is, for "expected a list, found …".
    pub(crate) fn describe(&self) -> &'static str {
        match &self.resolve().kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "a bool",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a string",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) | NodeKind::Shared(_) => "a map",
        }
    }

    /// The value of a key, the last where it stands twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.resolve().kind {
            NodeKind::Map(entries) => entries.iter().rev().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.resolve().kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node without what it is shared with.
    pub(crate) fn into_kind(self) -> NodeKind<'a> {
        match self.kind {
            NodeKind::Shared(shared) => match Rc::try_unwrap(shared) {
                Ok(node) => node.into_kind(),
                Err(shared) => shared.resolve().kind.clone(),
            },
            kind => kind,
        }
    }
}
