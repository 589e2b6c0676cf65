//! Lines of a format that nobody named: flags and details are looked for.

use causeway_reason::Flag;

use crate::logs::entry::{Entry, Field};

/// Reads a line word by word: `key=value`, and by itself what can be nothing else.
pub(super) fn read(text: &str) -> Option<Entry<'_>> {
    let mut entry = Entry::default();
    let mut before = "";
    for word in split(text) {
        match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                if let Some(field) = super::json::field(key) {
                    entry.set(field, value.trim_matches('"'));
                }
            }
            _ => bare(&mut entry, word, before),
        }
        before = word;
    }
    (!entry.flags.is_empty() || !entry.details.is_empty() || entry.status.is_some()).then_some(entry)
}

/// What a word is that stands alone.
fn bare<'a>(entry: &mut Entry<'a>, word: &'a str, before: &'a str) {
    if entry.time.is_empty() && super::super::time::looks_like(word) {
        entry.set(Field::Time, word);
    } else if entry.flags.is_empty() && is_flags(word) {
        entry.set(Field::Flags, word);
        if entry.status.is_none() && is_status(before) {
            entry.set(Field::Status, before);
        }
    } else if entry.details.is_empty() && is_details(word) {
        entry.set(Field::Details, word);
        if entry.status.is_none() && is_status(before) {
            entry.set(Field::Status, before);
        }
    } else if word == "-" && entry.status.is_none() && is_status(before) {
        entry.set(Field::Status, before);
    }
}

/// The parts of a line: between spaces, what is quoted or in brackets as a whole and without them.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let close = match rest.as_bytes().first()? {
            b'"' => Some('"'),
            b'[' => Some(']'),
            _ => None,
        };
        if let Some(close) = close
            && let Some((word, behind)) = rest.get(1..).and_then(|inner| inner.split_once(close))
        {
            rest = behind;
            return Some(word);
        }
        // A value of `key="…"` ends with its quote.
        let end = match rest.find("=\"") {
            Some(at) if rest.find(' ').is_none_or(|space| at < space) => {
                rest.get(at + 2..).and_then(|value| value.find('"')).map_or(rest.len(), |end| at + 3 + end)
            }
            _ => rest.find(' ').unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(word)
    })
}

fn is_status(word: &str) -> bool {
    word.len() == 3 && word.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)) || word == "0"
}

fn is_flags(word: &str) -> bool {
    !word.is_empty()
        && word
            .split(',')
            .all(|name| Flag::ALL.iter().any(|flag| flag.short() == name || flag.long() == name))
}

fn is_details(word: &str) -> bool {
    ["via_upstream", "upstream_reset_", "response_timeout", "no_healthy_upstream", "route_not_found"]
        .iter()
        .any(|details| word.starts_with(details))
}
