//! Requests (RFC 9112 §3).

use super::lines::{fields, is_token, section, start};
use super::{Body, Fields, Length, No, Permissions, Taken, body, content_length, list, values};

/// A request whose head is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) form: Form,
    /// The digit behind `HTTP/1.`
    pub(crate) minor: u8,
    pub(crate) fields: Fields,
    pub(crate) length: Length,
    /// How many bytes the head has, with empty lines in front of it.
    pub(crate) head: usize,
    pub(crate) body: Body,
    /// What it needed beyond the grammar.
    pub(crate) used: Permissions,
}

/// The form of a request target (RFC 9112 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Path and query.
    Origin,
    /// A URI: its scheme, its authority, and what is behind it.
    Absolute { scheme: Vec<u8>, authority: Vec<u8>, rest: Vec<u8> },
    /// Host and port, for CONNECT.
    Authority,
    /// `*`, for OPTIONS.
    Asterisk,
}

/// Reads the request that the input begins with.
pub(crate) fn request(input: &[u8]) -> Result<Request, No> {
    let mut used = Permissions::default();
    let start = start(input, &mut used);
    let head = section(input, start, &mut used)?;
    let Some((line, field_lines)) = head.lines.split_first() else { return Err(No::More) };
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(No::Refused("the request line has not three parts"));
    };
    if !is_token(method) {
        return Err(No::Refused("the method is no token"));
    }
    let minor = match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() => minor - b'0',
        _ => return Err(No::Refused("the version is not HTTP/1")),
    };
    if minor > 1 {
        used.take(Taken::OtherVersion);
    }
    let form = form(method, target, &mut used)?;
    let fields = fields(field_lines, false, &mut used)?;
    if values(&fields, "host").len() > 1 && !matches!(form, Form::Absolute { .. }) {
        return Err(No::Refused("more than one Host"));
    }
    let length = length(&fields, &mut used)?;
    let body = body::body(input, head.end, length, &mut used);
    Ok(Request {
        method: method.to_vec(),
        target: target.to_vec(),
        form,
        minor,
        fields,
        length,
        head: head.end,
        body,
        used,
    })
}

fn form(method: &[u8], target: &[u8], used: &mut Permissions) -> Result<Form, No> {
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(No::Refused("a character of the target is not visible"));
    }
    if method == b"CONNECT" {
        if !is_authority(target) {
            return Err(No::Refused("the target of CONNECT is no authority"));
        }
        // The port is not optional in the grammar (RFC 9112 §3.2.3).
        let port = target.rsplit(|byte| *byte == b':').next().filter(|port| port.len() < target.len());
        if !port.is_some_and(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit)) {
            used.take(Taken::OddTarget);
        }
        return Ok(Form::Authority);
    }
    if target == b"*" {
        let allowed = method == b"OPTIONS";
        return if allowed { Ok(Form::Asterisk) } else { Err(No::Refused("* is for OPTIONS")) };
    }
    if target.first() == Some(&b'*') && method == b"OPTIONS" {
        used.take(Taken::OddTarget);
        return Ok(Form::Asterisk);
    }
    if target.iter().any(|byte| b"\"<>[]\\^`{|}#".contains(byte)) {
        used.take(Taken::OddTarget);
    }
    if target.first() == Some(&b'/') {
        return Ok(Form::Origin);
    }
    let colon = target.iter().position(|byte| *byte == b':').unwrap_or(0);
    let scheme = &target[..colon];
    let regular = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(regular) {
        return Err(No::Refused("the target is neither a path nor a URI"));
    }
    let Some(rest) = target[colon + 1..].strip_prefix(b"//") else {
        return Err(No::Refused("the URI has no authority"));
    };
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    Ok(Form::Absolute { scheme: scheme.to_vec(), authority: authority.to_vec(), rest: rest.to_vec() })
}

/// Characters of an authority (RFC 3986 §3.2): unreserved ones, escapes, sub-delimiters, `:`, `@` and the
/// brackets of an address.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(byte))
}

/// The length of the body (RFC 9112 §6.3, rules 3 to 7).
fn length(fields: &Fields, used: &mut Permissions) -> Result<Length, No> {
    let bytes = content_length(fields, used)?;
    let codings = values(fields, "transfer-encoding");
    if codings.is_empty() {
        return Ok(Length::Bytes(bytes.unwrap_or(0)));
    }
    if bytes.is_some() {
        used.take(Taken::BothLengths);
    }
    let codings = list(&codings);
    let chunked = codings.iter().filter(|coding| coding.eq_ignore_ascii_case(b"chunked")).count();
    if chunked != 1 || !codings.last().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked")) {
        return Err(No::Refused("the last coding is not chunked, or it is not the only one"));
    }
    Ok(Length::Chunks)
}
