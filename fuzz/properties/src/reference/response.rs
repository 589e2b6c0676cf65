//! Responses (RFC 9112 §4).

use super::lines::{fields, is_value, section};
use super::{Body, Fields, Length, No, Permissions, Taken, body, content_length, list, values};

/// A response whose head is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// `1.1` and the like.
    pub(crate) version: Vec<u8>,
    pub(crate) fields: Fields,
    pub(crate) length: Length,
    /// How many bytes the head has.
    pub(crate) head: usize,
    pub(crate) body: Body,
    /// What it needed beyond the grammar.
    pub(crate) used: Permissions,
}

/// Reads the response that the input begins with, to a request that was HEAD or not.
pub(crate) fn response(input: &[u8], to_head: bool) -> Result<Response, No> {
    let mut used = Permissions::default();
    let head = section(input, 0, &mut used)?;
    let Some((line, field_lines)) = head.lines.split_first() else {
        return Err(No::Refused("an empty line stands before the status line"));
    };
    let Some(rest) = line.strip_prefix(b"HTTP/") else { return Err(No::Refused("it is not HTTP")) };
    let [major, b'.', minor, b' ', a, b, c, behind @ ..] = rest else {
        return Err(No::Refused("no version and status"));
    };
    if ![major, minor, a, b, c].iter().all(|digit| digit.is_ascii_digit()) {
        return Err(No::Refused("version and status are no numbers"));
    }
    if !matches!((major, minor), (b'1', b'0' | b'1')) {
        used.take(Taken::OtherVersion);
    }
    match behind {
        [] => used.take(Taken::NoReasonSpace),
        [b' ', phrase @ ..] if is_value(phrase) => {}
        _ => return Err(No::Refused("no reason phrase behind the status")),
    }
    let status = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    if status < 100 {
        return Err(No::Refused("the status is below 100"));
    }
    let fields = fields(field_lines, true, &mut used)?;
    let without_body = to_head || matches!(status, 100..=199 | 204 | 304);
    let length = length(&fields, without_body, &mut used)?;
    let body = body::body(input, head.end, length, &mut used);
    let version = vec![*major, b'.', *minor];
    Ok(Response { status, version, fields, length, head: head.end, body, used })
}

/// The length of the body (RFC 9112 §6.3, rules 1 to 5 and 8).
fn length(fields: &Fields, without_body: bool, used: &mut Permissions) -> Result<Length, No> {
    let bytes = content_length(fields, used)?;
    let codings = values(fields, "transfer-encoding");
    if !codings.is_empty() && bytes.is_some() {
        used.take(Taken::BothLengths);
    }
    if without_body {
        return Ok(Length::Bytes(0));
    }
    if codings.is_empty() {
        return Ok(bytes.map_or(Length::Rest, Length::Bytes));
    }
    let codings = list(&codings);
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.iter().filter(|coding| is_chunked(coding)).count() {
        1 if codings.last().is_some_and(is_chunked) => Ok(Length::Chunks),
        0 => Ok(Length::Rest),
        _ => Err(No::Refused("chunked is not the last coding, or is there twice")),
    }
}
