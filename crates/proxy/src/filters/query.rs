//! Changes to the parameters of a query.
//!
//! As with Envoy, a query that is changed at all is written anew: sorted by name, decoded where it was encoded,
//! and with `=` behind every name. Unlike with Envoy, white space and control characters stay encoded, because
//! they would end the path for whoever reads the first line (RFC 9112 §3).

use std::collections::BTreeMap;

use causeway_model::{AppendAction, QueryMutation};

use crate::exchange::Exchange;
use crate::format::{Absent, render};
use crate::record::Viewer;

/// Values by name, in the order in which they stand.
type Parameters = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// Applies changes, one after the other. Without any, nothing is touched.
pub(super) fn mutate_query(exchange: &mut Exchange, mutations: &[QueryMutation], viewer: &Viewer) {
    if mutations.is_empty() || exchange.path.is_empty() {
        return;
    }
    let mut parameters = parse(&exchange.path);
    for mutation in mutations {
        match mutation {
            QueryMutation::Remove(name) => {
                parameters.remove(name.as_bytes());
            }
            QueryMutation::Append { name, value, action } => {
                let mut text = Vec::new();
                viewer.view(exchange, |view| render(value, view, Absent::Nothing, &mut text));
                append(&mut parameters, name.as_bytes(), encoded(&text), *action);
            }
        }
    }
    write(&parameters, &mut exchange.path);
}

fn parse(path: &[u8]) -> Parameters {
    let mut parameters = Parameters::new();
    let query = memchr::memchr(b'?', path).and_then(|at| path.get(at + 1..)).unwrap_or_default();
    if query.is_empty() {
        return parameters;
    }
    // A sign at the end has nothing behind it.
    for parameter in query.strip_suffix(b"&").unwrap_or(query).split(|byte| *byte == b'&') {
        let equals = memchr::memchr(b'=', parameter);
        let (name, value) = match equals.and_then(|at| parameter.split_at_checked(at)) {
            Some((name, value)) => (decoded(name), decoded(value.get(1..).unwrap_or_default())),
            None => (decoded(parameter), Vec::new()),
        };
        parameters.entry(name).or_default().push(value);
    }
    parameters
}

fn append(parameters: &mut Parameters, name: &[u8], value: Vec<u8>, action: AppendAction) {
    let exists = parameters.contains_key(name);
    match action {
        AppendAction::AddIfAbsent if exists => {}
        AppendAction::OverwriteIfExists if !exists => {}
        AppendAction::AppendIfExistsOrAdd | AppendAction::AddIfAbsent => {
            parameters.entry(name.to_vec()).or_default().push(value);
        }
        AppendAction::OverwriteIfExistsOrAdd | AppendAction::OverwriteIfExists => {
            parameters.insert(name.to_vec(), vec![value]);
        }
    }
}

/// Puts the parameters behind the path, in place of those that were there.
fn write(parameters: &Parameters, path: &mut Vec<u8>) {
    path.truncate(memchr::memchr(b'?', path).unwrap_or(path.len()));
    let mut sign = b'?';
    for (name, values) in parameters {
        for value in values {
            path.push(sign);
            sign = b'&';
            put(name, path);
            path.push(b'=');
            put(value, path);
        }
    }
}

/// Adds a text; what would end the path stays encoded.
fn put(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if ends_path(*byte) { percent(*byte, out) } else { out.push(*byte) }
    }
}

fn ends_path(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

fn percent(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 0xf)).copied().unwrap_or_default();
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
}

/// Percent-encoded but for what Envoy leaves as it is: letters, digits and `-._*`.
fn encoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') {
            out.push(*byte);
        } else {
            percent(*byte, &mut out);
        }
    }
    out
}

/// Percent-decoded; a sign without two digits stands for itself.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        if *byte == b'%'
            && let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next()))
        {
            out.push(u8::try_from(high << 4 | low).unwrap_or_default());
            rest = ahead;
        } else {
            out.push(*byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(path: &str, change: impl FnOnce(&mut Parameters)) -> String {
        let mut parameters = parse(path.as_bytes());
        change(&mut parameters);
        let mut path = path.as_bytes().to_vec();
        write(&parameters, &mut path);
        String::from_utf8_lossy(&path).into_owned()
    }

    /// As Envoy 1.40 writes them.
    #[test]
    fn a_query_is_sorted_and_decoded() {
        for (path, expected) in [
            ("/a?x=a+b&over=1&over=2&b=%26%3d&flag&c==d=", "/a?b=&=&c==d=&flag=&over=1&over=2&x=a+b"),
            ("/a?&=v&&%zz=%2", "/a?=&=v&=&%zz=%2"),
            ("/?%41", "/?A="),
            ("/?a=1&", "/?a=1"),
            ("/?&&", "/?=&="),
            ("/a?", "/a"),
            ("/a", "/a"),
            ("/?B=1&a=1&A=2", "/?A=2&B=1&a=1"),
            ("/x?a=1?b=2", "/x?a=1?b=2"),
        ] {
            assert_eq!(rewritten(path, |_| {}), expected);
        }
    }

    #[test]
    fn what_would_end_the_path_stays_encoded() {
        assert_eq!(rewritten("/a?x=%20y%00%0D%0a%7f", |_| {}), "/a?x=%20y%00%0D%0A%7F");
    }

    #[test]
    fn values_are_encoded_and_names_are_not() {
        assert_eq!(encoded(b"aZ0-._* ~/%"), b"aZ0-._*%20%7E%2F%25");
        let add = |parameters: &mut Parameters| {
            append(parameters, b"k&=", encoded(b"&"), AppendAction::AppendIfExistsOrAdd);
        };
        assert_eq!(rewritten("/a", add), "/a?k&==%26");
    }

    #[test]
    fn every_action_does_what_its_name_says() {
        for (action, there, absent) in [
            (AppendAction::AppendIfExistsOrAdd, "/?a=1&a=2&a=n", "/?a=n"),
            (AppendAction::AddIfAbsent, "/?a=1&a=2", "/?a=n"),
            (AppendAction::OverwriteIfExistsOrAdd, "/?a=n", "/?a=n"),
            (AppendAction::OverwriteIfExists, "/?a=n", "/"),
        ] {
            let change = |parameters: &mut Parameters| append(parameters, b"a", b"n".to_vec(), action);
            assert_eq!(rewritten("/?a=1&a=2", change), there, "{action:?}");
            assert_eq!(rewritten("/", change), absent, "{action:?}");
        }
    }
}
