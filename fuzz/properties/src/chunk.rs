//! Chunked bodies, against a reader that has all of the body before it and takes nothing but the grammar.

use causeway_http::h1::{BodyDecoder, BodyFraming};
use causeway_reason::Reason;

use crate::Choices;
use crate::choices::Arrival;
use crate::message::{MOST_TRAILERS, TRAILERS};

/// Most bytes of extensions, as the decoder has it.
const EXTENSIONS: usize = 4096;

/// What became of a body.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Read: the data, where the body ends, names of the trailer fields.
    Done(Vec<u8>, usize),
    /// More is needed; the data so far.
    More(Vec<u8>),
    Refused,
}

/// A chunked body is read as the simple reader reads it, in whatever pieces it arrives.
pub fn chunk(data: &[u8]) {
    let Some((choices, input)) = Choices::split(data) else { return };
    let expected = reference(input);
    let all = choices.arrivals(input).chain([Arrival::Whole]);
    for arrival in all {
        assert_eq!(decode(input, arrival), expected, "{arrival:?}: {}", input.escape_ascii());
    }
}

fn decode(input: &[u8], arrival: Arrival) -> Outcome {
    let mut decoder = BodyDecoder::new(BodyFraming::Chunked, Reason::RequestChunkMalformed, TRAILERS);
    let mut data = Vec::new();
    let mut at = 0;
    for arrived in arrival.ends(input.len()) {
        while at < arrived && !decoder.is_done() {
            let Ok(decoded) = decoder.decode(&input[at..arrived]) else { return Outcome::Refused };
            data.extend_from_slice(&input[at..][decoded.data_start..decoded.data_end]);
            at += decoded.consumed;
        }
    }
    assert!(decoder.is_done() || at == input.len(), "input is left over without an end");
    // The end of the connection is no end of a chunked body.
    assert_eq!(decoder.close(), decoder.is_done());
    if decoder.is_done() { Outcome::Done(data, at) } else { Outcome::More(data) }
}

/// Reads a chunked body (RFC 9112 §7.1). Behind a size there may be white space, and behind a `;` anything
/// but control characters up to the line end; nothing of it is passed on.
fn reference(input: &[u8]) -> Outcome {
    let mut data = Vec::new();
    let mut rest = input;
    let mut extensions = 0;
    loop {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > 16 || (digits == 0 && !rest.is_empty()) {
            return Outcome::Refused;
        }
        let text = std::str::from_utf8(&rest[..digits]).unwrap_or_default();
        let after = &rest[digits..];
        // A line end, or what is no extension.
        let extension = after
            .iter()
            .position(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
            .map_or(after, |end| &after[..end]);
        let behind_padding = extension.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        if behind_padding.is_some_and(|byte| *byte != b';') {
            return Outcome::Refused;
        }
        // The first character only says that there is one.
        extensions += extension.len().saturating_sub(1);
        if extensions > EXTENSIONS {
            return Outcome::Refused;
        }
        match &after[extension.len()..] {
            [] | [b'\r'] => return Outcome::More(data),
            [b'\r', b'\n', tail @ ..] => rest = tail,
            _ => return Outcome::Refused,
        }
        let size = u64::from_str_radix(text, 16).unwrap_or_default();
        if size == 0 {
            return trailers(input, rest, data);
        }
        let here = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        data.extend_from_slice(&rest[..here]);
        rest = &rest[here..];
        match rest {
            _ if (here as u64) < size => return Outcome::More(data),
            [] | [b'\r'] => return Outcome::More(data),
            [b'\r', b'\n', tail @ ..] => rest = tail,
            _ => return Outcome::Refused,
        }
    }
}

/// Reads the trailer section: lines that end in CR LF, up to an empty one.
fn trailers(input: &[u8], section: &[u8], data: Vec<u8>) -> Outcome {
    let end = if section.starts_with(b"\r\n") {
        Some(2)
    } else {
        section.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
    };
    let Some(end) = end else {
        return if section.len() > TRAILERS.bytes { Outcome::Refused } else { Outcome::More(data) };
    };
    if end > TRAILERS.bytes {
        return Outcome::Refused;
    }
    let mut lines = &section[..end - 2];
    let mut count = 0;
    while !lines.is_empty() {
        let Some(at) = lines.windows(2).position(|w| w == b"\r\n") else { return Outcome::Refused };
        if !is_field(&lines[..at]) {
            return Outcome::Refused;
        }
        count += 1;
        lines = &lines[at + 2..];
    }
    if count > MOST_TRAILERS {
        return Outcome::Refused;
    }
    Outcome::Done(data, input.len() - section.len() + end)
}

/// A name, a colon, and a value without control characters (RFC 9110 §5.1, §5.5).
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty()
        && name.iter().all(token)
        && !value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127))
}
