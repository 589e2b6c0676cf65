//! Ways to write a change. Each is only a try: whoever asks reads it again.

use super::place::{self, Found, Holder, byte, column, end, entry_end, line_start, next_line, start};
use super::plain::{Plain, key_text};
use crate::locate::Step;
use crate::text::{Node, NodeKind};

/// Ways to give a field a value, the best first. `written` is the value as it is wanted, `value` what it says.
pub(super) fn set(
    text: &str,
    root: &Node<'_>,
    steps: &[Step<'_>],
    written: &str,
    value: &Plain,
) -> Vec<String> {
    let found = place::follow(text, root, steps);
    let missing = steps.get(steps.len() - found.missing..).unwrap_or_default();
    let new = New { text, missing, written: written.trim_end(), value, lists: list_indent(text, root) };
    if missing.is_empty() { new.replace(&found) } else { new.insert(&found) }
}

/// Ways to remove a field or an item.
pub(super) fn remove(text: &str, root: &Node<'_>, steps: &[Step<'_>]) -> Vec<String> {
    let found = place::follow(text, root, steps);
    let Some(holder) = found.holder.filter(|_| found.missing == 0) else { return Vec::new() };
    let (spans, at): (Vec<(usize, usize)>, usize) = match holder {
        Holder::Map(entries, at) => (
            entries
                .iter()
                .map(|(key, value)| (key.span.start as usize, entry_end(text, key, value)))
                .collect(),
            at,
        ),
        Holder::List(items, at) if found.inside => {
            (items.iter().map(|item| (start(item), end(text, item))).collect(), at)
        }
        Holder::List(items, at) => {
            (items.iter().map(|item| (dash(text, item), end(text, item))).collect(), at)
        }
    };
    let Some((from, to)) = spans.get(at).copied() else { return Vec::new() };
    let next = spans.get(at + 1).map(|(start, _)| *start);
    if found.inside {
        return match (next, at.checked_sub(1).and_then(|before| spans.get(before))) {
            (Some(next), _) => vec![spliced(text, from, next, "")],
            (None, Some((_, before))) => vec![spliced(text, *before, to, "")],
            (None, None) => vec![spliced(text, from, to, "")],
        };
    }
    if spans.len() == 1 {
        return match holder {
            Holder::Map(..) => vec![spliced(text, from, to, "{}")],
            // A list may stand no deeper than its key, and its brackets may not.
            Holder::List(..) => vec![spliced(text, from, to, "  []"), spliced(text, from, to, "[]")],
        };
    }
    let mut ways = Vec::new();
    if place::begins_line(text, from) {
        ways.push(spliced(text, line_start(text, from), next_line(text, to), ""));
    }
    if let Some(next) = next {
        let between = text.get(to..next).unwrap_or_default();
        if !between.contains('#') {
            ways.push(spliced(text, from, next, ""));
        }
    }
    ways.push(spliced(text, from, next_line(text, to), ""));
    ways.push(spliced(text, from, to, ""));
    ways
}

/// A value to be written.
struct New<'s> {
    text: &'s str,
    /// What is not there of its path.
    missing: &'s [Step<'s>],
    written: &'s str,
    value: &'s Plain,
    /// How far lists of this file are moved to the right below their keys.
    lists: usize,
}

impl New<'_> {
    fn insert(&self, found: &Found<'_, '_>) -> Vec<String> {
        let node = found.node;
        let inside = found.inside || place::is_flow(self.text, node);
        let mut ways = Vec::new();
        match &node.resolve().kind {
            _ if matches!(&node.kind, NodeKind::Shared(shared) if shared.span != node.span) => {}
            NodeKind::Map(entries) if inside => {
                let at = entries.first().map_or(start(node) + 1, |(key, _)| key.span.start as usize);
                let behind = if entries.is_empty() { "" } else { ", " };
                ways.extend(self.flow_entries().map(|entry| self.with(at, &format!("{entry}{behind}"))));
            }
            NodeKind::List(items) if inside => {
                let at = items.last().map_or(start(node) + 1, |item| end(self.text, item));
                let before = if items.is_empty() { "" } else { ", " };
                let rest = self.missing.get(1..).unwrap_or_default();
                ways.extend(self.flow_values(rest).map(|value| self.with(at, &format!("{before}{value}"))));
            }
            NodeKind::Map(entries) => {
                // Behind the first entry, which is what a thing is called in most files; or behind the last.
                for (key, value) in entries.first().into_iter().chain(entries.last()) {
                    let indent = column(self.text, key.span.start as usize);
                    ways.push(
                        self.behind(entry_end(self.text, key, value), &self.block(self.missing, indent)),
                    );
                }
            }
            NodeKind::List(items) => {
                if let Some(last) = items.last() {
                    let indent = column(self.text, dash(self.text, last));
                    ways.push(self.behind(end(self.text, last), &self.block(self.missing, indent)));
                }
            }
            NodeKind::Null => ways.extend(self.below_nothing(found)),
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::Text(_) | NodeKind::Shared(_) => {}
        }
        ways
    }

    /// Below a key that has no value, or `null`.
    fn below_nothing(&self, found: &Found<'_, '_>) -> Vec<String> {
        let node = found.node;
        let values = self.flow_values(self.missing);
        if node.span.start < node.span.end {
            return values
                .map(|value| spliced(self.text, start(node), node.span.end as usize, &value))
                .collect();
        }
        let Some(Holder::Map(entries, at)) = found.holder else { return Vec::new() };
        let Some((key, _)) = entries.get(at) else { return Vec::new() };
        let colon = place::colon(self.text, key);
        let indent = column(self.text, key.span.start as usize);
        let deeper = match self.missing.first() {
            Some(Step::Next | Step::Index(_)) => indent + self.lists,
            _ => indent + 2,
        };
        let mut ways = Vec::new();
        if !found.inside {
            ways.push(self.behind(colon, &self.block(self.missing, deeper)));
        }
        ways.extend(values.map(|value| self.with(colon, &format!(" {value}"))));
        ways
    }

    fn replace(&self, found: &Found<'_, '_>) -> Vec<String> {
        let node = found.node;
        let mut ways = Vec::new();
        let one_place = place::is_flow(self.text, node)
            || !matches!(node.resolve().kind, NodeKind::Map(_) | NodeKind::List(_))
            || matches!(&node.kind, NodeKind::Shared(shared) if shared.span != node.span);
        let several = self.written.contains('\n');
        if one_place && node.span.start < node.span.end && (!several || found.inside) {
            for value in self.flow_values(&[]) {
                ways.push(spliced(self.text, start(node), node.span.end as usize, &value));
            }
        }
        match found.holder {
            Some(Holder::Map(entries, at)) => {
                let Some((key, value)) = entries.get(at) else { return ways };
                let (from, to) = (place::colon(self.text, key), entry_end(self.text, key, value));
                if several && !found.inside {
                    let indent = column(self.text, key.span.start as usize);
                    let block = self.value_below(indent);
                    ways.push(spliced(self.text, from, to, &block));
                }
                for value in self.flow_values(&[]) {
                    ways.push(spliced(self.text, from, to, &format!(" {value}")));
                }
            }
            Some(Holder::List(items, at)) => {
                let Some(item) = items.get(at) else { return ways };
                let indent = column(self.text, start(item));
                let lines = self.moved(indent);
                ways.push(spliced(self.text, start(item), end(self.text, item), lines.trim_start()));
            }
            None => {}
        }
        ways
    }

    /// The steps that are missing and the value, in lines of their own at that indentation, without a line end.
    fn block(&self, steps: &[Step<'_>], indent: usize) -> String {
        let spaces = " ".repeat(indent);
        let Some((step, rest)) = steps.split_first() else { return self.moved(indent) };
        match step {
            Step::Field(name) | Step::Key(name) => {
                let key = key_text(name);
                match rest.first() {
                    None if self.written.contains('\n') => {
                        format!("{spaces}{key}:{}", self.value_below(indent))
                    }
                    None => format!("{spaces}{key}: {}", self.written),
                    Some(Step::Field(_) | Step::Key(_)) => {
                        format!("{spaces}{key}:{}{}", self.line_end(), self.block(rest, indent + 2))
                    }
                    Some(Step::Index(_) | Step::Next) => {
                        format!("{spaces}{key}:{}{}", self.line_end(), self.block(rest, indent + self.lists))
                    }
                }
            }
            Step::Index(_) | Step::Next => {
                let item = self.block(rest, indent + 2);
                format!("{spaces}- {}", item.trim_start_matches(' '))
            }
        }
    }

    /// The value below a key at that indentation, with the line end before it.
    fn value_below(&self, indent: usize) -> String {
        let is_list = matches!(self.value, Plain::List(_));
        let deeper = if is_list { indent + self.lists } else { indent + 2 };
        format!("{}{}", self.line_end(), self.moved(deeper))
    }

    /// The lines of the value, moved to the right.
    fn moved(&self, indent: usize) -> String {
        let spaces = " ".repeat(indent);
        let lines = self.written.lines().map(|line| match line.trim_end() {
            "" => String::new(),
            line => format!("{spaces}{line}"),
        });
        lines.collect::<Vec<_>>().join(self.line_end())
    }

    /// The missing entry, for a place inside brackets.
    fn flow_entries(&self) -> impl Iterator<Item = String> {
        let key = match self.missing.first() {
            Some(Step::Field(name) | Step::Key(name)) => key_text(name),
            Some(Step::Index(_) | Step::Next) | None => String::new(),
        };
        let rest = self.missing.get(1..).unwrap_or_default();
        self.flow_values(rest).map(move |value| format!("{key}: {value}"))
    }

    /// The value inside the steps, in one line: as it is wanted, and as it is safe.
    fn flow_values(&self, steps: &[Step<'_>]) -> impl Iterator<Item = String> + use<> {
        let wanted = (!self.written.contains('\n')).then(|| self.written.to_owned());
        let wrapped = |value: String| {
            steps.iter().rev().fold(value, |value, step| match step {
                Step::Field(name) | Step::Key(name) => format!("{{{}: {value}}}", key_text(name)),
                Step::Index(_) | Step::Next => format!("[{value}]"),
            })
        };
        let ways: Vec<_> = wanted.into_iter().chain([self.value.flow()]).map(wrapped).collect();
        ways.into_iter()
    }

    fn with(&self, at: usize, new: &str) -> String {
        spliced(self.text, at, at, new)
    }

    /// The text with new lines behind the line of a place.
    fn behind(&self, at: usize, lines: &str) -> String {
        let at = next_line(self.text, at);
        let line_end = self.line_end();
        if at > 0 && byte(self.text, at - 1) != Some(b'\n') {
            return self.with(at, &format!("{line_end}{lines}"));
        }
        self.with(at, &format!("{lines}{line_end}"))
    }

    fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }
}

/// The dash of an item of a list.
fn dash(text: &str, item: &Node<'_>) -> usize {
    let at = start(item);
    text.get(..at).and_then(|before| before.rfind('-')).unwrap_or(at)
}

/// How far the first list of a file that stands below a key is to the right of it.
fn list_indent(text: &str, root: &Node<'_>) -> usize {
    fn of(text: &str, node: &Node<'_>) -> Option<usize> {
        match &node.kind {
            NodeKind::Map(entries) => entries.iter().find_map(|(key, value)| {
                let list = match &value.kind {
                    NodeKind::List(items) if !place::is_flow(text, value) => items.first(),
                    _ => None,
                };
                let right = list.and_then(|item| {
                    column(text, dash(text, item)).checked_sub(column(text, key.span.start as usize))
                });
                right.or_else(|| of(text, value))
            }),
            NodeKind::List(items) => items.iter().find_map(|item| of(text, item)),
            _ => None,
        }
    }
    of(text, root).unwrap_or(0)
}

fn spliced(text: &str, from: usize, to: usize, new: &str) -> String {
    let (before, behind) = (text.get(..from).unwrap_or_default(), text.get(to..).unwrap_or_default());
    [before, new, behind].concat()
}
