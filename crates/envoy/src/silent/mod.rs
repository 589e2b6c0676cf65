//! Nothing that is set passes in silence: a test.
//!
//! Every message of a configuration that has one of nearly everything is given each of the fields that the
//! schema knows for it, one at a time. With each of them, the model has to become another, or something
//! has to be said of it. The exceptions stand in [`allowed`], each with its reason.

mod allowed;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use causeway_model::Bootstrap;

use crate::LoadOptions;
use crate::diagnostic::{Diagnostic, Kind, Sink};
use crate::schema::{self, Field};
use crate::source::Files;
use crate::text::yaml;
use crate::tree::{self, Body, Entry, Item, Message, Value};
use crate::{check, lower, unread};

const EVERYTHING: &str = include_str!("everything.yaml");

#[test]
fn a_field_that_is_set_changes_the_model_or_is_spoken_of() {
    let mut files = Files::default();
    let base = files.add("everything.yaml".into(), EVERYTHING.into()).unwrap();
    let schema = schema::Message::find("envoy.config.bootstrap.v3.Bootstrap").unwrap();
    let sink = Sink::default();
    let parsed = yaml::parse(files.text(base), base).unwrap();
    let root = tree::walk::walk(schema, parsed.root, &sink);
    assert_eq!(sink.finish(&files, false, |_| None), []);
    let before = outcome(&root, &files);
    let errors: Vec<_> = before.said.iter().filter(|(kind, ..)| kind == "rejected").collect();
    assert!(errors.is_empty(), "{errors:#?}");

    let mut verdicts: BTreeMap<Verdict, BTreeSet<String>> = BTreeMap::new();
    for at in 0..count(&root) {
        let message = nth(&root, at);
        let path = tree::path::find(&root, &[message.address()]).remove(&message.address()).unwrap();
        // What holds it is not implemented as a whole, and that is said.
        if before.left_out.iter().any(|left_out| path.starts_with(left_out)) {
            continue;
        }
        for field in message.schema.fields() {
            if message.entries.iter().any(|entry| entry.field == field) {
                continue;
            }
            let verdict = probe(&root, at, field, &before, &files);
            let name = format!("{}.{}", message.schema.short_name(), field.name());
            if verdict == Verdict::Silent && !allowed::SILENT.iter().any(|(allowed, _)| *allowed == name) {
                println!("{path}.{}", field.name());
            }
            verdicts.entry(verdict).or_default().insert(name);
        }
    }
    // One that is spoken of in one place and not in another is silent all the same.
    let mut silent = verdicts.remove(&Verdict::Silent).unwrap_or_default();
    let found = silent.clone();
    silent.retain(|name| !allowed::SILENT.iter().any(|(allowed, _)| allowed == name));
    let mut refused = verdicts.remove(&Verdict::Refused).unwrap_or_default();
    for heard in verdicts.values() {
        refused.retain(|name| !heard.contains(name));
    }
    refused.retain(|name| !allowed::NOT_TRIED.iter().any(|(allowed, _)| allowed == name));
    for (verdict, names) in &verdicts {
        println!("{verdict:?}: {}", names.len());
    }
    let unused: Vec<_> = allowed::SILENT.iter().filter(|(name, _)| !found.contains(*name)).collect();
    assert!(unused.is_empty(), "no longer silent: {unused:#?}");
    assert!(silent.is_empty(), "set in silence: {silent:#?}");
    assert!(refused.is_empty(), "no value was found that is valid: {refused:#?}");
}

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// It makes another model.
    Honoured,
    /// It is spoken of.
    Reported,
    /// All values that were tried are invalid.
    Refused,
    /// Nothing.
    Silent,
}

/// What a configuration comes to.
struct Outcome {
    model: Bootstrap,
    /// Kind, message and path of what is said.
    said: BTreeSet<(String, String, String)>,
    /// Paths of what is left out with everything inside it.
    left_out: BTreeSet<String>,
}

fn probe(root: &Message<'_>, at: usize, field: Field, before: &Outcome, files: &Files<'_>) -> Verdict {
    let mut verdict = Verdict::Refused;
    for value in values::of(field) {
        let mut changed = root.clone();
        let message = nth_mut(&mut changed, at);
        if let Some(oneof) = field.oneof() {
            message.entries.retain(|entry| entry.field.oneof() != Some(oneof));
        }
        message.entries.push(Entry::new(field, message.span, Item { span: message.span, value }));
        let after = outcome(&changed, files);
        let new: Vec<_> = after.said.difference(&before.said).collect();
        if new.iter().any(|(kind, ..)| kind == "rejected") {
            continue;
        }
        if new.iter().any(|(.., path)| path.contains(field.name())) {
            return Verdict::Reported;
        }
        if after.model != before.model {
            return Verdict::Honoured;
        }
        verdict = Verdict::Silent;
    }
    verdict
}

fn outcome(root: &Message<'_>, files: &Files<'_>) -> Outcome {
    let sink = Sink::default();
    check::check(root, &sink);
    let model = lower::lower(root, files, &LoadOptions::default(), &sink);
    unread::report(root, &sink);
    let paths = tree::path::find(root, &sink.addresses());
    let list = sink.finish(files, false, |address| paths.get(&address).cloned());
    let left_out = list.iter().filter(|said| matches!(said.kind, Kind::Unsupported | Kind::Ignored));
    let left_out = left_out.map(|said| said.path.trim_end_matches(".typed_config").to_owned()).collect();
    let said = list.into_iter().map(|Diagnostic { kind, message, path, .. }| {
        let kind = if kind == Kind::Rejected { "rejected" } else { "other" };
        (kind.to_owned(), message, path)
    });
    Outcome { model, said: said.collect(), left_out }
}

/// How many messages there are in a tree, itself among them.
fn count(message: &Message<'_>) -> usize {
    1 + message.entries.iter().flat_map(|entry| inner(&entry.value)).map(count).sum::<usize>()
}

/// A message of a tree, by its place in depth-first order.
fn nth<'m, 'a>(message: &'m Message<'a>, at: usize) -> &'m Message<'a> {
    if at == 0 {
        return message;
    }
    let mut left = at - 1;
    for inner in message.entries.iter().flat_map(|entry| inner(&entry.value)) {
        let here = count(inner);
        if left < here {
            return nth(inner, left);
        }
        left -= here;
    }
    panic!("there is no such message")
}

fn nth_mut<'m, 'a>(message: &'m mut Message<'a>, at: usize) -> &'m mut Message<'a> {
    if at == 0 {
        return message;
    }
    let mut left = at - 1;
    for inner in message.entries.iter_mut().flat_map(|entry| inner_mut(&mut entry.value)) {
        let here = count(inner);
        if left < here {
            return nth_mut(inner, left);
        }
        left -= here;
    }
    panic!("there is no such message")
}

fn inner<'m, 'a>(value: &'m Value<'a>) -> Vec<&'m Message<'a>> {
    match value {
        Value::Message(message) => vec![message],
        Value::Any(any) => match &any.body {
            Body::Message(message) => vec![message],
            _ => Vec::new(),
        },
        Value::List(items) => items.iter().flat_map(|item| inner(&item.value)).collect(),
        Value::Map(items) => items.iter().flat_map(|item| inner(&item.item.value)).collect(),
        _ => Vec::new(),
    }
}

fn inner_mut<'m, 'a>(value: &'m mut Value<'a>) -> Vec<&'m mut Message<'a>> {
    match value {
        Value::Message(message) => vec![message],
        Value::Any(any) => match &mut any.body {
            Body::Message(message) => vec![message],
            _ => Vec::new(),
        },
        Value::List(items) => items.iter_mut().flat_map(|item| inner_mut(&mut item.value)).collect(),
        Value::Map(items) => items.iter_mut().flat_map(|item| inner_mut(&mut item.item.value)).collect(),
        _ => Vec::new(),
    }
}
