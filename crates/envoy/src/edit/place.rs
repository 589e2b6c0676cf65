//! Where the pieces of a path stand in a text.

use super::plain::position;
use crate::locate::Step;
use crate::text::{Key, Node, NodeKind};

/// The part of a path that is there.
pub(super) struct Found<'n, 'a> {
    /// The last node of it.
    pub(super) node: &'n Node<'a>,
    /// What holds it; `None` for the whole text.
    pub(super) holder: Option<Holder<'n, 'a>>,
    /// The steps that nothing is there for.
    pub(super) missing: usize,
    /// Whether the node stands inside brackets.
    pub(super) inside: bool,
}

/// What holds a node.
#[derive(Clone, Copy)]
pub(super) enum Holder<'n, 'a> {
    /// An entry of a map.
    Map(&'n [(Key<'a>, Node<'a>)], usize),
    /// An item of a list.
    List(&'n [Node<'a>], usize),
}

/// Follows a path as far as it goes.
pub(super) fn follow<'n, 'a>(text: &str, root: &'n Node<'a>, steps: &[Step<'_>]) -> Found<'n, 'a> {
    let mut found = Found { node: root, holder: None, missing: steps.len(), inside: false };
    let mut steps = steps;
    while let Some((step, rest)) = steps.split_first() {
        let node = found.node.resolve();
        let holder = match (&node.kind, step) {
            (NodeKind::Map(entries), Step::Field(name) | Step::Key(name)) => {
                let is_field = matches!(step, Step::Field(_));
                let at = position(entries.iter().map(|(key, _)| &*key.text), name, is_field);
                match at {
                    Some(at) => Holder::Map(entries, at),
                    None if is_typed_struct(node) => {
                        // Its fields are one level deeper than the path says.
                        let Some(at) = entries.iter().position(|(key, _)| key.text == "value") else { break };
                        found.inside |= is_flow(text, node);
                        found.holder = Some(Holder::Map(entries, at));
                        let Some((_, value)) = entries.get(at) else { break };
                        found.node = value;
                        continue;
                    }
                    None => break,
                }
            }
            (NodeKind::List(items), Step::Index(at)) if *at < items.len() => Holder::List(items, *at),
            _ => break,
        };
        found.inside |= is_flow(text, node);
        let Some(child) = holder.node() else { break };
        found.node = child;
        found.holder = Some(holder);
        steps = rest;
        found.missing = rest.len();
    }
    found
}

impl<'n, 'a> Holder<'n, 'a> {
    fn node(self) -> Option<&'n Node<'a>> {
        match self {
            Self::Map(entries, at) => entries.get(at).map(|(_, value)| value),
            Self::List(items, at) => items.get(at),
        }
    }
}

fn is_typed_struct(node: &Node<'_>) -> bool {
    let url = node.get("@type").and_then(Node::as_text);
    url.is_some_and(|url| url.ends_with("TypedStruct")) && node.get("value").is_some_and(is_map)
}

fn is_map(node: &Node<'_>) -> bool {
    matches!(node.resolve().kind, NodeKind::Map(_))
}

/// Whether it is a map or list in brackets.
pub(super) fn is_flow(text: &str, node: &Node<'_>) -> bool {
    let collection = matches!(node.resolve().kind, NodeKind::Map(_) | NodeKind::List(_));
    collection && byte(text, start(node)).is_some_and(|byte| matches!(byte, b'{' | b'['))
}

pub(super) fn start(node: &Node<'_>) -> usize {
    node.span.start as usize
}

/// The end of what is written of a node, without white space and comments behind it.
pub(super) fn end(text: &str, node: &Node<'_>) -> usize {
    let of_kind = match &node.kind {
        NodeKind::Map(entries) if !is_flow(text, node) => {
            entries.iter().map(|(key, value)| entry_end(text, key, value)).max()
        }
        NodeKind::List(items) if !is_flow(text, node) => items.iter().map(|item| end(text, item)).max(),
        // What an anchor names, at the anchor; elsewhere only its name is written.
        NodeKind::Shared(shared) if shared.span == node.span => Some(end(text, shared)),
        _ => Some(node.span.end as usize),
    };
    let end = of_kind.unwrap_or(node.span.end as usize).min(text.len());
    text.get(..end).map_or(end, |before| before.trim_end().len())
}

/// The end of an entry; one without a value ends in its colon.
pub(super) fn entry_end(text: &str, key: &Key<'_>, value: &Node<'_>) -> usize {
    let colon = colon(text, key);
    if matches!(value.kind, NodeKind::Null) && value.span.start == value.span.end {
        colon
    } else {
        end(text, value).max(colon)
    }
}

/// The place behind the colon of a key.
pub(super) fn colon(text: &str, key: &Key<'_>) -> usize {
    let end = key.span.end as usize;
    let behind = text.get(end..).and_then(|rest| rest.find(':'));
    behind.map_or(end, |at| end + at + 1)
}

pub(super) fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

/// The beginning of the line of a place.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// The beginning of the next line, or the end.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| at + end + 1)
}

/// How far a place is from the beginning of its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text.get(line_start(text, at)..at).map_or(0, |before| before.chars().count())
}

/// Whether only white space stands before a place in its line.
pub(super) fn begins_line(text: &str, at: usize) -> bool {
    text.get(line_start(text, at)..at).is_some_and(|before| before.trim().is_empty())
}
