//! What is said of two configurations, for people and for tools.

use std::fmt::Write as _;

use causeway_model::SourcePosition;
use causeway_reason::Language;
use serde_json::{Value, json};

use super::examples::Example;
use super::verdict::Verdict;
use super::words::{Words, more_alike, more_fields, summary};
use super::{Report, ThingChange};
use crate::route::place;

/// Most fields of one thing that are shown.
const FIELDS: usize = 20;

/// Most examples that are shown of those that differ in the same way.
const ALIKE: usize = 3;

/// Examples that differ in the same way: where they went and go, and the facts that are not as they were.
struct Group<'r> {
    examples: Vec<&'r Example>,
    before: &'r Verdict,
    after: &'r Verdict,
    facts: Vec<(&'r str, Option<&'r str>, Option<&'r str>)>,
}

/// For people.
pub(super) fn text(report: &Report, language: Language) -> String {
    let words = Words::of(language);
    let mut out = String::new();
    for note in &report.notes {
        let _ = writeln!(out, "{}: {}", words.note, note.get(language));
    }
    for thing in &report.things {
        let word = match (&thing.old, &thing.new) {
            (Some(_), Some(_)) => words.changed,
            (None, _) => words.added,
            (_, None) => words.removed,
        };
        let _ = writeln!(out, "{word} {} {}  ({})", thing.kind, thing.name, places(thing));
        for field in thing.fields.iter().take(FIELDS) {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| words.not_set.to_owned());
            let _ = writeln!(out, "          {}: {} → {}", field.path, value(&field.old), value(&field.new));
        }
        if thing.fields.len() > FIELDS {
            let _ = writeln!(out, "          {}", more_fields(thing.fields.len() - FIELDS).get(language));
        }
        if thing.fields.is_empty() && thing.old.is_some() && thing.new.is_some() {
            let _ = writeln!(out, "          {}", words.elsewhere);
        }
    }
    let groups = groups(report);
    if !report.things.is_empty() && !groups.is_empty() {
        out.push('\n');
    }
    for group in &groups {
        for example in group.examples.iter().take(ALIKE) {
            let _ = writeln!(out, "{}", shown(example, words));
        }
        if group.examples.len() > ALIKE {
            let _ = writeln!(out, "{}", more_alike(group.examples.len() - ALIKE).get(language));
        }
        let (before, after) = (&group.before.destination, &group.after.destination);
        match before == after {
            true => {
                let _ = writeln!(out, "    {}{}", before.get(language), words.as_before);
            }
            false => {
                let _ = writeln!(out, "    {} → {}", before.get(language), after.get(language));
            }
        }
        if let Some(routes) = routes(group, words) {
            let _ = writeln!(out, "    {routes}");
        }
        let same_place = before == after;
        for (name, old, new) in group.facts.iter().filter(|_| same_place) {
            let value = |value: &Option<&str>| {
                value.map_or(words.none.to_owned(), |text| text.escape_debug().to_string())
            };
            let _ = writeln!(out, "      {name}: {} → {}", value(old), value(new));
        }
        out.push('\n');
    }
    let said = summary(report.things.len(), report.examples.len(), report.tried, report.cut);
    let _ = writeln!(out, "{}", said.get(language));
    out
}

/// Examples by the way in which they differ.
fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (example, before, after) in &report.examples {
        let facts = differing(before, after);
        let same_place = before.destination == after.destination;
        let known = groups.iter_mut().find(|group| {
            group.before.destination == before.destination
                && group.after.destination == after.destination
                && group.before.route == before.route
                && name_of(group.before) == name_of(before)
                && name_of(group.after) == name_of(after)
                && (!same_place || group.facts == facts)
        });
        match known {
            Some(group) => group.examples.push(example),
            None => groups.push(Group { examples: vec![example], before, after, facts }),
        }
    }
    groups
}

fn name_of(verdict: &Verdict) -> Option<&str> {
    verdict.route.as_ref().map(|(name, _)| name.as_str())
}

fn differing<'r>(
    before: &'r Verdict,
    after: &'r Verdict,
) -> Vec<(&'r str, Option<&'r str>, Option<&'r str>)> {
    let added = after.facts.keys().filter(|name| !before.facts.contains_key(*name));
    let value = |verdict: &'r Verdict, name: &str| verdict.facts.get(name).map(String::as_str);
    before
        .facts
        .keys()
        .chain(added)
        .map(|name| (name.as_str(), value(before, name), value(after, name)))
        .filter(|(_, old, new)| old != new)
        .collect()
}

fn routes(group: &Group<'_>, words: &Words) -> Option<String> {
    let route = |verdict: &Verdict| match &verdict.route {
        Some((name, position)) => format!("{} {name} ({position})", words.route),
        None => words.no_route.to_owned(),
    };
    (group.before.route.is_some() || group.after.route.is_some())
        .then(|| format!("{} → {}", route(group.before), route(group.after)))
}

/// A request as a line.
fn shown(example: &Example, words: &Words) -> String {
    let Example { caller, question } = example;
    let scheme = if caller.tls.is_some() { "https" } else { "http" };
    let mut out = match question.method.as_str() {
        "CONNECT" => format!("CONNECT {}", question.target),
        method => format!("{method} {scheme}://{}{}", question.authority, question.target),
    };
    for (name, value) in &question.fields {
        let _ = write!(out, " -H '{name}: {value}'");
    }
    let _ = write!(out, "  {} {}", words.to, caller.to);
    if let Some(hello) = &caller.tls
        && *hello.server_name != *question.authority
    {
        let _ = write!(out, ", --sni {}", hello.server_name);
    }
    if caller.http2 {
        out.push_str(", --http2");
    }
    out
}

fn places(thing: &ThingChange) -> String {
    match (&thing.old, &thing.new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (Some(place), None) | (None, Some(place)) => place.to_string(),
        (None, None) => String::new(),
    }
}

/// For tools.
pub(super) fn json(report: &Report) -> Value {
    let position = |position: &Option<SourcePosition>| position.as_ref().map_or(Value::Null, place);
    let things: Vec<Value> = report
        .things
        .iter()
        .map(|thing| {
            let fields = thing.fields.iter();
            let fields: Vec<Value> =
                fields.map(|field| json!({"path": field.path, "old": field.old, "new": field.new})).collect();
            json!({
                "kind": thing.kind,
                "name": thing.name,
                "change": match (&thing.old, &thing.new) {
                    (Some(_), Some(_)) => "changed",
                    (None, _) => "added",
                    (_, None) => "removed",
                },
                "old": position(&thing.old),
                "new": position(&thing.new),
                "fields": fields,
            })
        })
        .collect();
    let side = |verdict: &Verdict| {
        json!({
            "destination": verdict.destination.en,
            "route": verdict.route.as_ref().map(|(name, at)| json!({"name": name, "place": place(at)})),
        })
    };
    let examples: Vec<Value> = report
        .examples
        .iter()
        .map(|(example, before, after)| {
            let Example { caller, question } = example;
            let facts: Vec<Value> = differing(before, after)
                .into_iter()
                .map(|(name, old, new)| json!({"fact": name, "old": old, "new": new}))
                .collect();
            json!({
                "method": question.method,
                "authority": question.authority,
                "target": question.target,
                "headers": question.fields,
                "tls": caller.tls.is_some(),
                "sni": caller.tls.as_ref().map(|hello| hello.server_name.clone()),
                "http": if caller.http2 { 2 } else { 1 },
                "from": caller.from.to_string(),
                "to": caller.to.to_string(),
                "old": side(before),
                "new": side(after),
                "facts": facts,
            })
        })
        .collect();
    json!({
        "schema": "diff/1",
        "different": !(report.things.is_empty() && report.examples.is_empty()),
        "notes": report.notes.iter().map(|note| &note.en).collect::<Vec<_>>(),
        "things": things,
        "examples": examples,
        "tried": report.tried,
        "cut": report.cut,
    })
}
