//! Reading the head of a response (RFC 9112 §4).

use std::mem::MaybeUninit;

use causeway_reason::{Failure, Reason};

use super::head::{MessageFields, StackSlots, field_slots, load_fields, refused, up_to_fault};
use super::plain::{self, Plain};
use super::{BodyFraming, ConnectionOptions, HeadLimits, Parsed, head};
use crate::known::JOINED_IN_RESPONSES;
use crate::{HeaderBlock, Known, Method, Version};

/// What a response is read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRules {
    /// Limits of the head.
    pub limits: HeadLimits,
    /// Method of the request that it answers: it decides whether there is a body.
    pub method: Method,
    /// The request asked for an upgrade.
    pub upgrade: bool,
}

/// What the first line and the framing fields of a response say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead {
    /// Its status, 100–999.
    pub status: u16,
    /// Its version.
    pub version: Version,
    /// How long its body is.
    pub framing: BodyFraming,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// Bytes of its fields as Envoy counts them: names, values and three for each.
    pub field_bytes: u64,
}

impl ResponseHead {
    /// Whether another response, the final one, follows (RFC 9110 §15.2). A 101 is final: HTTP ends there.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// Whether the back-end lets the connection be used again.
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        match self.version {
            _ if matches!(self.framing, BodyFraming::UntilClose) => false,
            Version::Http11 => !self.connection.close,
            Version::Http2 => true,
            Version::Http10 => self.connection.keep_alive && !self.connection.close,
        }
    }
}

/// Reads the head of a response from the bytes that have arrived. `scanned` is as for
/// [`super::parse_request`].
///
/// # Errors
///
/// A failure that says why the response is refused; the connection can't be used any more.
pub fn parse_response(
    buffer: &[u8],
    scanned: usize,
    rules: &ResponseRules,
    block: &mut HeaderBlock,
) -> Result<Parsed<ResponseHead>, Failure> {
    if scanned >= FOREIGN_PREFACE && buffer.len() <= rules.limits.bytes && !head::ends(buffer, scanned) {
        return Ok(Parsed::Partial);
    }
    // Empty lines in front of a message are for servers to pass over, not for clients (RFC 9112 §2.2).
    if matches!(buffer, [b'\r' | b'\n', ..]) {
        return Err(refused(
            Reason::UpstreamNotHttp.into(),
            "an empty line stands before the status line",
            buffer,
        ));
    }
    if let Some(Plain { line: status, length, message }) = plain::response(buffer, rules.limits, block) {
        return finish(buffer, length, &message, status, Version::Http11, rules, block);
    }
    let mut stack: StackSlots<'_> = [const { MaybeUninit::uninit() }; _];
    let mut heap = Vec::new();
    let slots = field_slots(rules.limits.fields, buffer, &mut stack, &mut heap);
    let mut response = httparse::Response::new(&mut []);
    let status = parser().parse_response_with_uninit_headers(&mut response, buffer, slots);
    let (length, headers, version) = match status {
        Ok(httparse::Status::Complete(length)) => (length, &*response.headers, response.version),
        Ok(httparse::Status::Partial) => return partial(buffer, rules),
        Err(httparse::Error::Version) if odd_version(buffer) => return odd(buffer, rules, block),
        // Another few bytes will tell.
        Err(httparse::Error::Version) if begins_odd_version(buffer) => return Ok(Parsed::Partial),
        Err(_) if begins_foreign(buffer) => return Ok(Parsed::Partial),
        Err(error) => return Err(malformed(error, buffer, rules)),
    };
    let version = if version == Some(0) { Version::Http10 } else { Version::Http11 };
    let status = response.code.unwrap_or(0);
    if length > rules.limits.bytes {
        return Err(too_large(rules));
    }
    if headers.len() > rules.limits.fields {
        return Err(too_many(rules));
    }
    let head = buffer.get(..length).unwrap_or_default();
    let lines = Lines::of(head);
    if lines.bare_line_feed {
        return Err(refused(
            Reason::UpstreamHeadUnterminated.into(),
            "a line of the head ends in a bare LF",
            head,
        ));
    }
    if status < 100 {
        return Err(refused(Reason::UpstreamNotHttp.into(), "the status is below 100", head));
    }
    let message = load_fields(block, head, headers);
    if lines.folded {
        block.mend_values(unfolded);
    }
    finish(buffer, length, &message, status, version, rules, block)
}

fn parser() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    // Envoy joins folded lines of responses, so back-ends that send them are in use.
    config.allow_obsolete_multiline_headers_in_responses(true);
    config
}

/// A version that is none of ours but looks like one: Envoy goes by the rest of the line, and so do we.
fn odd(
    buffer: &[u8],
    rules: &ResponseRules,
    block: &mut HeaderBlock,
) -> Result<Parsed<ResponseHead>, Failure> {
    if buffer.len() <= rules.limits.bytes && !head::ends(buffer, 0) {
        return Ok(Parsed::Partial);
    }
    let mut copy = buffer.to_vec();
    if let Some(version) = copy.get_mut(5..8) {
        version.copy_from_slice(b"1.1");
    }
    match parse_response(&copy, 0, rules, block)? {
        Parsed::Complete { mut head, length } => {
            // Nothing is known about how such a server keeps connections.
            head.connection.close = true;
            Ok(Parsed::Complete { head, length })
        }
        Parsed::Partial => Ok(Parsed::Partial),
    }
}

fn odd_version(buffer: &[u8]) -> bool {
    matches!(buffer, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', ..]
        if major.is_ascii_digit() && minor.is_ascii_digit() && (*major, *minor) != (b'1', b'1') && (*major, *minor) != (b'1', b'0'))
}

/// Most bytes by which a back-end that speaks something else is told apart: an HTTP/2 frame header. Heads
/// of fewer bytes are read again when more arrive.
const FOREIGN_PREFACE: usize = 9;

/// Whether these few bytes may become a version that is none of ours.
fn begins_odd_version(buffer: &[u8]) -> bool {
    let line = buffer;
    let is = |at: usize, fits: fn(u8) -> bool| line.get(at).is_none_or(|byte| fits(*byte));
    line.len() < 9
        && line.starts_with(b"HTTP/")
        && is(5, |byte| byte.is_ascii_digit())
        && is(6, |byte| byte == b'.')
        && is(7, |byte| byte.is_ascii_digit())
}

/// Whether these few bytes may become a TLS record or an HTTP/2 frame.
fn begins_foreign(buffer: &[u8]) -> bool {
    let is = |at: usize, expected: u8| buffer.get(at).is_none_or(|byte| *byte == expected);
    let settings = buffer.len() < 9 && is(0, 0) && is(3, 4) && (5..9).all(|at| is(at, 0));
    settings || matches!(buffer, [0x15 | 0x16])
}

/// Makes a head of its parts, or says why it is refused. The block has its fields.
fn finish(
    buffer: &[u8],
    length: usize,
    message: &MessageFields,
    status: u16,
    version: Version,
    rules: &ResponseRules,
    block: &mut HeaderBlock,
) -> Result<Parsed<ResponseHead>, Failure> {
    let head = buffer.get(..length).unwrap_or_default();
    let fields = message.framing;
    if fields.length_invalid || fields.coding_unknown || (fields.coded && fields.length.is_some()) {
        let show = |name: Known| {
            block
                .values(name)
                .map(|value| value.escape_ascii().to_string())
                .collect::<Vec<_>>()
                .join("\" and \"")
        };
        let evidence = format!(
            "content-length is \"{}\", transfer-encoding is \"{}\"",
            show(Known::ContentLength),
            show(Known::TransferEncoding)
        );
        return Err(Failure::new(Reason::UpstreamFraming).with_evidence(evidence));
    }
    // Such a response has no body (RFC 9110 §8.6): one that says otherwise is not understood.
    if matches!(status, 100..=199 | 204) {
        if fields.coded || fields.length.is_some_and(|length| length > 0) {
            let what = "a response that can have no body says that it has one";
            return Err(refused(Reason::UpstreamFraming.into(), what, head));
        }
        block.remove(Known::ContentLength);
    }
    if message.repeated {
        block.join_repeated(JOINED_IN_RESPONSES);
    }
    if status == 101 && !rules.upgrade {
        return Err(refused(Reason::UpstreamSwitchedUnasked.into(), "the status is 101", head));
    }
    let without_body = matches!(status, 100..=199 | 204 | 304) || rules.method == Method::Head;
    let framing = match (without_body, fields.coded, fields.length) {
        (true, ..) => BodyFraming::None,
        (false, true, _) => BodyFraming::Chunked,
        (false, false, Some(length)) => BodyFraming::of_length(length),
        (false, false, None) => BodyFraming::UntilClose,
    };
    Ok(Parsed::Complete {
        head: ResponseHead {
            status,
            version,
            framing,
            connection: message.connection,
            field_bytes: message.bytes,
        },
        length,
    })
}

/// A value without its folds: a space stands for each line end and the white space around it (RFC 9112
/// §5.2). `None` where the value is not folded.
fn unfolded(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'\r', b'\n', value)?;
    let lines: Vec<_> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    Some(lines.join(&b' '))
}

/// How the lines of a head end.
struct Lines {
    /// One of them without CR.
    bare_line_feed: bool,
    /// One goes on in the next, which begins with white space.
    folded: bool,
}

impl Lines {
    /// Each byte is looked at beside the one before it, in a loop that the compiler makes one of sixteen bytes at a
    /// time: a head has many short lines, of which each costs more to look for than all bytes to pass. It does so for
    /// sums of bytes, not of `bool`.
    fn of(head: &[u8]) -> Self {
        let (mut bare, mut folded) = (u8::from(head.first() == Some(&b'\n')), 0);
        for (before, byte) in head.iter().zip(head.get(1..).unwrap_or_default()) {
            bare |= u8::from(*byte == b'\n') & u8::from(*before != b'\r');
            folded |= u8::from(*before == b'\n') & (u8::from(*byte == b' ') | u8::from(*byte == b'\t'));
        }
        Self { bare_line_feed: bare != 0, folded: folded != 0 }
    }
}

fn partial(buffer: &[u8], rules: &ResponseRules) -> Result<Parsed<ResponseHead>, Failure> {
    if buffer.len() > rules.limits.bytes {
        return Err(too_large(rules));
    }
    Ok(Parsed::Partial)
}

fn too_large(rules: &ResponseRules) -> Failure {
    Failure::new(Reason::UpstreamHeadersTooLarge)
        .with_evidence(format!("the head is larger than {} bytes", rules.limits.bytes))
}

fn too_many(rules: &ResponseRules) -> Failure {
    Failure::new(Reason::UpstreamHeadersTooMany)
        .with_evidence(format!("the head has more than {} fields", rules.limits.fields))
}

/// Says what is wrong with a head that is none.
fn malformed(error: httparse::Error, buffer: &[u8], rules: &ResponseRules) -> Failure {
    use httparse::Error as E;
    let fault = |bytes: &[u8]| {
        let mut stack: StackSlots<'_> = [const { MaybeUninit::uninit() }; _];
        let mut heap = Vec::new();
        let slots = field_slots(rules.limits.fields, buffer, &mut stack, &mut heap);
        parser().parse_response_with_uninit_headers(&mut httparse::Response::new(&mut []), bytes, slots).err()
    };
    let (bad, error) = up_to_fault(buffer, fault).unwrap_or((buffer, error));
    if bad.len() > rules.limits.bytes {
        return too_large(rules);
    }
    let in_status_line = memchr::memchr(b'\n', bad).is_none();
    let (reason, what) = match error {
        // A TLS alert or handshake record.
        _ if matches!(buffer, [0x15 | 0x16, 3, ..]) => (Reason::UpstreamSpeaksTls, "a TLS record"),
        // A frame header of type SETTINGS on stream 0: length, type 4, flags, stream.
        _ if matches!(buffer, [0, _, _, 4, _, 0, 0, 0, 0, ..]) => {
            (Reason::UpstreamSpeaksHttp2, "an HTTP/2 SETTINGS frame")
        }
        E::TooManyHeaders => return too_many(rules),
        _ if in_status_line => (Reason::UpstreamNotHttp, "the first line is not a status line"),
        _ if bad.last() == Some(&0) => (Reason::UpstreamHeaderMalformed, "a header line holds NUL"),
        E::HeaderName | E::HeaderValue | E::NewLine | E::Status | E::Token | E::Version => {
            (Reason::UpstreamHeaderMalformed, "a header line is malformed")
        }
    };
    refused(reason.into(), what, buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ResponseRules = ResponseRules {
        limits: HeadLimits { bytes: 80 * 1024, fields: 100 },
        method: Method::Get,
        upgrade: false,
    };

    fn parse_with(bytes: &[u8], rules: &ResponseRules) -> Result<(ResponseHead, HeaderBlock), Reason> {
        let mut block = HeaderBlock::new();
        match parse_response(bytes, 0, rules, &mut block) {
            Ok(Parsed::Complete { head, .. }) => Ok((head, block)),
            Ok(Parsed::Partial) => panic!("partial: {}", bytes.escape_ascii()),
            Err(failure) => Err(failure.reason),
        }
    }

    fn parse(bytes: &[u8]) -> Result<(ResponseHead, HeaderBlock), Reason> {
        parse_with(bytes, &RULES)
    }

    #[test]
    fn framing_follows_status_and_method() {
        let framing = |bytes: &[u8]| parse(bytes).unwrap().0.framing;
        assert_eq!(framing(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"), BodyFraming::Length(2));
        assert_eq!(framing(b"HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n"), BodyFraming::Chunked);
        assert_eq!(framing(b"HTTP/1.0 200 OK\r\n\r\n"), BodyFraming::UntilClose);
        assert_eq!(framing(b"HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n"), BodyFraming::None);
        assert_eq!(framing(b"HTTP/1.1 304 No\r\ncontent-length: 2\r\n\r\n"), BodyFraming::None);
        assert_eq!(framing(b"HTTP/1.1 100 Continue\r\n\r\n"), BodyFraming::None);
        let rules = ResponseRules { method: Method::Head, ..RULES };
        let (head, _) = parse_with(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", &rules).unwrap();
        assert_eq!(head.framing, BodyFraming::None);
    }

    #[test]
    fn what_back_ends_get_wrong() {
        for (bytes, expected) in [
            (&b"hello\r\n\r\n"[..], Reason::UpstreamNotHttp),
            (b"HTTP/1.1 abc OK\r\n\r\n", Reason::UpstreamNotHttp),
            (b"SSH-2.0-x\r\n", Reason::UpstreamNotHttp),
            (b"\r\nHTTP/1.1 200 OK\r\n\r\n", Reason::UpstreamNotHttp),
            (b"HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\n", Reason::UpstreamFraming),
            (b"HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n", Reason::UpstreamFraming),
            (b"HTTP/1.1 200 OK\r\nfoo\r\n\r\n", Reason::UpstreamHeaderMalformed),
            (b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n", Reason::UpstreamHeaderMalformed),
            (b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", Reason::UpstreamHeaderMalformed),
            (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok", Reason::UpstreamHeadUnterminated),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n", Reason::UpstreamFraming),
            (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", Reason::UpstreamFraming),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Reason::UpstreamFraming),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                Reason::UpstreamFraming,
            ),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Reason::UpstreamSwitchedUnasked),
            (b"\x15\x03\x01\0\x02\x02\x0a", Reason::UpstreamSpeaksTls),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", Reason::UpstreamSpeaksHttp2),
        ] {
            assert_eq!(parse(bytes).map(|_| ()), Err(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn folded_lines_are_joined() {
        let (_, block) = parse(b"HTTP/1.1 200 OK\r\nx: a\r\n \tb\r\ncontent-length: 2\r\n\r\n").unwrap();
        assert_eq!(block.get("x"), Some(&b"a b"[..]));
    }

    #[test]
    fn odd_versions_are_read_and_not_kept_alive() {
        let (head, _) = parse(b"HTTP/3.9 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(head.status, 200);
        assert!(!head.keeps_alive());
    }

    #[test]
    fn reuse() {
        let keeps = |bytes: &[u8]| parse(bytes).unwrap().0.keeps_alive();
        assert!(keeps(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"));
        assert!(!keeps(b"HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!keeps(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Close\r\n\r\n"));
        assert!(!keeps(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n"));
        assert!(keeps(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n"));
    }
}
