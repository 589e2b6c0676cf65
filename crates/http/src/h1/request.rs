//! Reading the head of a request (RFC 9112 §3).

use std::mem::MaybeUninit;

use causeway_reason::{Failure, Reason};

use super::foreign::{TLS_HANDSHAKE, recognise};
use super::head::{
    MessageFields, StackSlots, behind_empty_lines, field_slots, load_fields, place, refused, up_to_fault,
};
use super::plain::{self, Plain};
use super::{BodyFraming, ConnectionOptions, HeadLimits, Parsed, head};
use crate::header_block::Span;
use crate::known::JOINED_IN_REQUESTS;
use crate::{HeaderBlock, Known, Method, Version, authority};

/// What a listener accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each switch of Http1ProtocolOptions")]
pub struct RequestRules {
    /// Limits of the head.
    pub limits: HeadLimits,
    /// `GET http://host/path` is understood.
    pub allow_absolute_url: bool,
    /// HTTP/1.0 is served.
    pub accept_http_10: bool,
    /// Where a request has both, `Content-Length` is dropped and `Transfer-Encoding` believed; it is the last
    /// of its connection.
    pub allow_chunked_length: bool,
    /// Any token is a method.
    pub allow_custom_methods: bool,
}

/// What the first line and the framing fields of a request say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub target: Target,
    /// Its version.
    pub version: Version,
    /// How long its body is.
    pub framing: BodyFraming,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// It waits for `100 Continue` before it sends its body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// Bytes of its fields as Envoy counts them: names, values and three for each.
    pub field_bytes: u64,
    method_name: Span,
}

/// The target of a request (RFC 9112 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A path, with its query.
    Origin(PathSpan),
    /// An absolute URL: its scheme and authority have been taken off, the authority has replaced `Host`.
    Absolute(PathSpan),
    /// The authority of a CONNECT request.
    Authority(PathSpan),
    /// Something that no route can match: `*`, an absolute URL where those are off, or one with a query and no path.
    NotPath(PathSpan),
}

/// A place in the head of a request; read with [`RequestHead::path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathSpan(Span);

impl PathSpan {
    pub(crate) const fn of(span: Span) -> Self {
        Self(span)
    }

    pub(super) const fn span(self) -> Span {
        self.0
    }
}

impl RequestHead {
    /// The head of a request that came by HTTP/2, with its parts in the block.
    pub(crate) const fn over_http2(
        method: Method,
        method_name: Span,
        target: Target,
        framing: BodyFraming,
        connection: ConnectionOptions,
        expects_continue: bool,
    ) -> Self {
        let version = Version::Http2;
        Self { method, target, version, framing, connection, expects_continue, field_bytes: 0, method_name }
    }

    /// The method's name.
    #[must_use]
    pub fn method_name<'b>(&self, block: &'b HeaderBlock) -> &'b str {
        match self.method {
            Method::Custom => std::str::from_utf8(block.bytes(self.method_name)).unwrap_or_default(),
            known => known.as_str(),
        }
    }

    /// The target as the request line for an origin server has it: path and query, an authority for
    /// CONNECT, or `*`.
    #[must_use]
    pub fn path<'b>(&self, block: &'b HeaderBlock) -> &'b [u8] {
        let (Target::Origin(PathSpan(span))
        | Target::Absolute(PathSpan(span))
        | Target::Authority(PathSpan(span))
        | Target::NotPath(PathSpan(span))) = self.target;
        match block.bytes(span) {
            b"" => b"/",
            path => path,
        }
    }

    /// Whether the client lets the connection be used again (RFC 9112 §9.3).
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        match self.version {
            Version::Http11 => !self.connection.close,
            // There, requests say nothing about their connection.
            Version::Http2 => true,
            Version::Http10 => self.connection.keep_alive && !self.connection.close,
        }
    }
}

/// Reads the head of a request from the bytes that have arrived.
///
/// `scanned` says how many of them an earlier call has seen; it called the head partial then. Empty
/// lines in front of the request line are passed over (RFC 9112 §2.2).
///
/// # Errors
///
/// A failure that says why the request is refused. The connection can't be used any more, because the
/// end of the request is not known for sure.
pub fn parse_request(
    buffer: &[u8],
    scanned: usize,
    rules: &RequestRules,
    block: &mut HeaderBlock,
) -> Result<Parsed<RequestHead>, Failure> {
    if scanned >= FOREIGN_PREFACE && buffer.len() <= rules.limits.bytes && !head::ends(buffer, scanned) {
        return Ok(Parsed::Partial);
    }
    if let Some(Plain { line, length, message }) = plain::request(buffer, rules.limits, block) {
        let line = Line {
            method: line.method,
            method_name: Span::new(0, line.method_length),
            target: line.target,
            target_start: line.method_length + 1,
            version: Version::Http11,
        };
        return finish(&line, length, message, rules, block);
    }
    let mut stack: StackSlots<'_> = [const { MaybeUninit::uninit() }; _];
    let mut heap = Vec::new();
    let slots = field_slots(rules.limits.fields, buffer, &mut stack, &mut heap);
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(buffer, slots);
    let length = match status {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return partial(buffer, rules),
        // One byte of TLS is not enough to tell.
        Err(_) if buffer == [TLS_HANDSHAKE] => return Ok(Parsed::Partial),
        // The answer to another version is another one than that to no version.
        Err(httparse::Error::Version) if may_name_version(buffer) => return partial(buffer, rules),
        Err(error) => return Err(malformed(error, buffer, rules)),
    };
    if length > rules.limits.bytes {
        return Err(too_large(rules));
    }
    if request.headers.len() > rules.limits.fields {
        return Err(too_many(rules));
    }
    let head = buffer.get(..length).unwrap_or_default();
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    let (Some(method_place), Some(target_place)) =
        (place(head, method.as_bytes()), place(head, target.as_bytes()))
    else {
        return Err(Reason::RequestLineMalformed.into());
    };
    let version = match request.version {
        Some(1) => Version::Http11,
        _ if rules.accept_http_10 => Version::Http10,
        _ => return Err(refused(Reason::RequestHttpVersion.into(), "the request is HTTP/1.0", head)),
    };
    let known_method = Method::from_name(method);
    if known_method == Method::Custom && !rules.allow_custom_methods {
        return Err(refused(Reason::RequestLineMalformed.into(), "the method is unknown", head));
    }
    if let Some(byte) = target.bytes().find(|byte| !byte.is_ascii_graphic()) {
        let what = format!("the request target holds the byte {byte:#04x}");
        return Err(refused(Reason::RequestLineMalformed.into(), &what, head));
    }
    let line = Line {
        method: known_method,
        method_name: Span::new(method_place.start, method_place.len()),
        target,
        target_start: target_place.start,
        version,
    };
    finish(&line, length, load_fields(block, head, request.headers), rules, block)
}

/// The first line of a request.
struct Line<'b> {
    method: Method,
    method_name: Span,
    target: &'b str,
    /// Where it is in the head.
    target_start: usize,
    version: Version,
}

/// Makes a head of its parts, or says why it is refused. The block has its fields.
fn finish(
    line: &Line<'_>,
    length: usize,
    mut message: MessageFields,
    rules: &RequestRules,
    block: &mut HeaderBlock,
) -> Result<Parsed<RequestHead>, Failure> {
    let expects_continue = message.expect && takes_continue(block);
    let framing = framing(message.framing, line.version, rules, block)?;
    // Where both fields are allowed, what follows may still be what somebody in front took for the body, so
    // it is never read as a request (RFC 9112 §6.1).
    message.connection.close |= message.framing.coded && message.framing.length.is_some();
    let target = Target::read(line.method, line.target, line.target_start, rules, block)?;
    // A target in absolute form stands for `Host`, so a missing or second one does no harm then.
    if message.hosts > 1 && !matches!(target, Target::Absolute(_)) {
        return Err(
            Failure::new(Reason::RequestHostInvalid).with_evidence("the request has more than one Host")
        );
    }
    if message.repeated {
        block.join_repeated(JOINED_IN_REQUESTS);
    }
    Ok(Parsed::Complete {
        head: RequestHead {
            method: line.method,
            target,
            version: line.version,
            framing,
            connection: message.connection,
            expects_continue,
            field_bytes: message.bytes,
            method_name: line.method_name,
        },
        length,
    })
}

impl Target {
    fn read(
        method: Method,
        target: &str,
        start: usize,
        rules: &RequestRules,
        block: &mut HeaderBlock,
    ) -> Result<Self, Failure> {
        let invalid = |what: &str| {
            Failure::new(Reason::RequestTargetInvalid).with_evidence(format!("{what}: \"{target}\""))
        };
        let at = |from: usize, len: usize| PathSpan(Span::new(start + from, len));
        if method == Method::Connect {
            if !authority::is_valid(target.as_bytes()) || authority::port(target.as_bytes()).is_none() {
                return Err(invalid("the target of CONNECT is not a host and port"));
            }
            block.set(Known::Host, target.as_bytes());
            return Ok(Self::Authority(at(0, target.len())));
        }
        if target.starts_with('/') {
            return Ok(Self::Origin(at(0, target.len())));
        }
        if target.starts_with('*') && method == Method::Options {
            return Ok(Self::NotPath(at(0, target.len())));
        }
        if target == "*" {
            return Err(invalid("only OPTIONS may ask for"));
        }
        let Some((scheme, _)) = target.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            let what = "the target is neither a path nor an absolute http URL";
            return Err(refused(Reason::RequestLineMalformed.into(), what, target.as_bytes()));
        };
        if !rules.allow_absolute_url {
            return Ok(Self::NotPath(at(0, target.len())));
        }
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(Failure::new(Reason::RequestSchemeInvalid)
                .with_evidence(format!("the scheme is \"{scheme}\"")));
        }
        let scheme_length = scheme.len() + 3;
        let rest = target.get(scheme_length..).unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        // Who the client says it is, is nobody's business but the server's that never gets it this way.
        let host = authority.rsplit('@').next().unwrap_or_default();
        if !authority::is_host_and_port(host.as_bytes()) {
            return Err(invalid("the absolute URL has no valid host"));
        }
        block.set(Known::Host, host.as_bytes());
        let path = rest.get(end..).unwrap_or_default();
        if !path.is_empty() && !path.starts_with('/') {
            // It is not completed: what has no path has no route.
            return Ok(Self::NotPath(at(scheme_length + end, path.len())));
        }
        Ok(Self::Absolute(at(scheme_length + end, path.len())))
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn framing(
    fields: super::framing::FramingFields,
    version: Version,
    rules: &RequestRules,
    block: &mut HeaderBlock,
) -> Result<BodyFraming, Failure> {
    let value = |name: Known, block: &HeaderBlock| {
        block.values(name).map(|value| value.escape_ascii().to_string()).collect::<Vec<_>>().join("\" and \"")
    };
    if fields.length_invalid {
        let evidence = format!("content-length is \"{}\"", value(Known::ContentLength, block));
        return Err(Failure::new(Reason::RequestLengthInvalid).with_evidence(evidence));
    }
    if fields.coding_unknown {
        let evidence = format!("transfer-encoding is \"{}\"", value(Known::TransferEncoding, block));
        return Err(Failure::new(Reason::RequestTransferEncoding).with_evidence(evidence));
    }
    if fields.coded {
        // HTTP/1.0 has no transfer codings; a proxy in front may have gone by the length (RFC 9112 §6.1).
        if version == Version::Http10 || (fields.length.is_some() && !rules.allow_chunked_length) {
            let evidence = format!(
                "transfer-encoding is \"{}\", content-length is \"{}\"",
                value(Known::TransferEncoding, block),
                value(Known::ContentLength, block)
            );
            return Err(Failure::new(Reason::RequestFramingConflict).with_evidence(evidence));
        }
        block.remove(Known::ContentLength);
        return Ok(BodyFraming::Chunked);
    }
    Ok(fields.length.map_or(BodyFraming::None, BodyFraming::of_length))
}

fn takes_continue(block: &HeaderBlock) -> bool {
    // Twice is a list of two, which is another expectation to Envoy.
    let mut values = block.values(Known::Expect).filter(|value| !value.is_empty());
    values.next().is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")) && values.next().is_none()
}

fn partial(buffer: &[u8], rules: &RequestRules) -> Result<Parsed<RequestHead>, Failure> {
    if buffer.len() > rules.limits.bytes {
        return Err(too_large(rules));
    }
    Ok(Parsed::Partial)
}

fn too_large(rules: &RequestRules) -> Failure {
    Failure::new(Reason::RequestHeadersTooLarge)
        .with_evidence(format!("the head is larger than {} bytes", rules.limits.bytes))
}

fn too_many(rules: &RequestRules) -> Failure {
    Failure::new(Reason::RequestHeadersTooMany)
        .with_evidence(format!("the head has more than {} fields", rules.limits.fields))
}

/// Most bytes by which a peer that speaks something else is told apart: `PRI * HTTP/2`. Heads of fewer
/// bytes are read again when more arrive.
const FOREIGN_PREFACE: usize = 12;

/// Says what is wrong with a head that is none.
fn malformed(error: httparse::Error, buffer: &[u8], rules: &RequestRules) -> Failure {
    use httparse::Error as E;
    let fault = |bytes: &[u8]| {
        let mut stack: StackSlots<'_> = [const { MaybeUninit::uninit() }; _];
        let mut heap = Vec::new();
        let slots = field_slots(rules.limits.fields, buffer, &mut stack, &mut heap);
        httparse::Request::new(&mut []).parse_with_uninit_headers(bytes, slots).err()
    };
    let (bad, error) = up_to_fault(buffer, fault).unwrap_or((buffer, error));
    // As long as it could be a version, it was a head that is not complete, to which the limit applies.
    let counted = if error == E::Version { version_end(buffer).max(bad.len()) } else { bad.len() };
    if counted > rules.limits.bytes {
        return too_large(rules);
    }
    let line = behind_empty_lines(bad);
    // Where nothing came before the fault, nothing tells who speaks.
    if !line.is_empty()
        && is_first_line(line)
        && let Some((reason, what)) = recognise(buffer)
    {
        return refused(reason.into(), what, buffer);
    }
    let (reason, what) = match error {
        E::TooManyHeaders => return too_many(rules),
        E::HeaderName => (Reason::RequestHeaderMalformed, "a header name is malformed"),
        E::HeaderValue => match bad.last() {
            Some(b'\r' | b'\n') | None => {
                (Reason::RequestHeaderMalformed, "a header line is folded or malformed")
            }
            Some(byte) if *byte < 0x20 || *byte == 0x7f => {
                (Reason::RequestHeaderCharacters, "a header value holds a control character")
            }
            Some(_) => (Reason::RequestHeaderMalformed, "a header line is folded or malformed"),
        },
        _ if memchr::memchr(b'\n', line).is_some() => {
            (Reason::RequestHeaderMalformed, "a header line is malformed")
        }
        E::Version if names_version(behind_empty_lines(buffer)) => {
            (Reason::RequestHttpVersion, "the first line ends in no version that is spoken here")
        }
        E::Version | E::NewLine | E::Token | E::Status if is_simple(line) => {
            (Reason::RequestHttpVersion, "a request without a version, as in HTTP/0.9")
        }
        E::Version | E::NewLine | E::Token | E::Status => {
            (Reason::RequestLineMalformed, "the first line is not a request line")
        }
    };
    refused(reason.into(), what, buffer)
}

/// Whether the fault is in the first line, where another protocol shows itself. A PROXY header is a line of
/// its own, and what follows may be blamed for it.
fn is_first_line(up_to_fault: &[u8]) -> bool {
    up_to_fault.starts_with(b"PROXY ")
        || memchr::memchr(b'\n', up_to_fault).is_none_or(|end| end + 1 == up_to_fault.len())
}

/// Whether the third word is a version, if not one of ours: `HTTP/3.0`.
fn names_version(line: &[u8]) -> bool {
    let version = line.split(|byte| *byte == b' ').nth(2).unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r' | b'\n', ..]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// How far the third word of the line is, or may be the beginning of, a version.
fn version_end(buffer: &[u8]) -> usize {
    let line = behind_empty_lines(buffer);
    let mut words = line.split(|byte| *byte == b' ');
    let before: usize = words.by_ref().take(2).map(|word| word.len() + 1).sum();
    let is_like = |(byte, like): &(&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        _ => byte == like,
    };
    let like = words.next().unwrap_or_default().iter().zip(b"HTTP/0.0").take_while(is_like).count();
    buffer.len() - line.len() + before + like
}

/// Whether the line may yet turn out to name a version.
fn may_name_version(buffer: &[u8]) -> bool {
    let version = behind_empty_lines(buffer).split(|byte| *byte == b' ').nth(2).unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', major] => major.is_ascii_digit(),
        [b'H', b'T', b'T', b'P', b'/', major, b'.'] => major.is_ascii_digit(),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        _ => false,
    }
}

/// Whether it is a request of HTTP/0.9, which has no version at all: `GET /path` and a line end.
fn is_simple(line: &[u8]) -> bool {
    if !line.ends_with(b"\r") && !line.ends_with(b"\n") {
        return false;
    }
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    matches!((words.next(), words.next(), words.next()), (Some(method), Some([b'/', ..]), None)
        if Method::from_name(&String::from_utf8_lossy(method)) != Method::Custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RequestRules = RequestRules {
        limits: HeadLimits { bytes: 60 * 1024, fields: 100 },
        allow_absolute_url: true,
        accept_http_10: false,
        allow_chunked_length: false,
        allow_custom_methods: false,
    };

    fn parse(bytes: &[u8]) -> Result<(RequestHead, HeaderBlock, usize), Reason> {
        parse_with(bytes, &RULES)
    }

    fn parse_with(bytes: &[u8], rules: &RequestRules) -> Result<(RequestHead, HeaderBlock, usize), Reason> {
        let mut block = HeaderBlock::new();
        match parse_request(bytes, 0, rules, &mut block) {
            Ok(Parsed::Complete { head, length }) => Ok((head, block, length)),
            Ok(Parsed::Partial) => panic!("partial: {}", bytes.escape_ascii()),
            Err(failure) => Err(failure.reason),
        }
    }

    fn reason(bytes: &[u8]) -> Reason {
        match parse(bytes) {
            Ok((head, block, _)) => panic!("accepted {head:?} {block:?}"),
            Err(reason) => reason,
        }
    }

    #[test]
    fn an_ordinary_request() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-Y:  z \r\n\r\nabc";
        let (head, block, length) = parse(bytes).unwrap();
        assert_eq!(
            (head.method, head.path(&block), head.version),
            (Method::Post, &b"/a?b"[..], Version::Http11)
        );
        assert_eq!((head.framing, length), (BodyFraming::Length(3), bytes.len() - 3));
        assert_eq!(block.get("x-y"), Some(&b"z"[..]));
        assert!(head.keeps_alive());
    }

    #[test]
    fn a_user_in_an_absolute_url_is_left_out() {
        let (_, block, _) = parse(b"GET http://u:p@abs.test:81/x HTTP/1.1\r\nhost: y\r\n\r\n").unwrap();
        assert_eq!(block.get(Known::Host), Some(&b"abs.test:81"[..]));
    }

    #[test]
    fn a_space_in_the_target_is_no_question_of_the_version() {
        assert_eq!(reason(b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n"), Reason::RequestLineMalformed);
        assert_eq!(reason(b"GET / HTTP/1.2\r\nhost: x\r\n\r\n"), Reason::RequestHttpVersion);
    }

    #[test]
    fn a_byte_that_no_target_has_is_no_question_of_the_version() {
        assert_eq!(reason("GET /é HTTP/1.1\r\nhost: x\r\n\r\n".as_bytes()), Reason::RequestLineMalformed);
        assert_eq!(reason(b"GET /\x7f\r\n\r\n"), Reason::RequestLineMalformed);
        assert_eq!(reason(b"GET /path\r\n\r\n"), Reason::RequestHttpVersion);
    }

    #[test]
    fn a_head_that_drips_in_is_read_at_its_end() {
        let bytes = b"\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut block = HeaderBlock::new();
        for end in 1..bytes.len() {
            let got = parse_request(&bytes[..end], end - 1, &RULES, &mut block);
            assert!(matches!(got, Ok(Parsed::Partial)), "{end}: {got:?}");
        }
        let got = parse_request(bytes, bytes.len() - 1, &RULES, &mut block);
        assert!(matches!(got, Ok(Parsed::Complete { .. })), "{got:?}");
    }

    #[test]
    fn lengths_that_can_be_read_in_two_ways_are_refused() {
        for (fields, expected) in [
            ("Content-Length: 3\r\nContent-Length: 4", Reason::RequestLengthInvalid),
            ("Content-Length: 3\r\nContent-Length: 3", Reason::RequestLengthInvalid),
            ("Content-Length: 3, 3", Reason::RequestLengthInvalid),
            ("Content-Length: +3", Reason::RequestLengthInvalid),
            ("Content-Length:", Reason::RequestLengthInvalid),
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", Reason::RequestFramingConflict),
            ("Transfer-Encoding: gzip, chunked", Reason::RequestTransferEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Reason::RequestTransferEncoding),
            ("Transfer-Encoding: identity", Reason::RequestTransferEncoding),
            ("Transfer-Encoding: \"chunked\"", Reason::RequestTransferEncoding),
            ("Transfer-Encoding : chunked", Reason::RequestHeaderMalformed),
            ("Transfer-Encoding: chunked\x0b", Reason::RequestHeaderCharacters),
            (" Transfer-Encoding: chunked", Reason::RequestHeaderMalformed),
            ("X: a\r\n b", Reason::RequestHeaderMalformed),
        ] {
            let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
            assert_eq!(reason(bytes.as_bytes()), expected, "{fields}");
        }
        let (head, _, _) =
            parse(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked\r\n\r\n").unwrap();
        assert_eq!(head.framing, BodyFraming::Chunked);
    }

    #[test]
    fn chunked_wins_where_both_are_allowed() {
        let rules = RequestRules { allow_chunked_length: true, ..RULES };
        let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (head, block, _) = parse_with(bytes, &rules).unwrap();
        assert_eq!(head.framing, BodyFraming::Chunked);
        assert!(!block.has(Known::ContentLength));
        assert!(!head.keeps_alive(), "what follows is what another may have read as the body");
    }

    #[test]
    fn versions() {
        for line in ["GET / HTTP/1.0", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET /"] {
            assert_eq!(
                reason(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()),
                Reason::RequestHttpVersion,
                "{line}"
            );
        }
        for line in ["GET / HTTP/3", "GET / HTTP/11", "GET / HTTP/1", "GET / HTTP/x.1"] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(reason(head.as_bytes()), Reason::RequestLineMalformed, "{line}");
        }
        let partial = parse_request(b"GET / HTTP/2.", 0, &RULES, &mut HeaderBlock::new());
        assert!(matches!(partial, Ok(Parsed::Partial)));
        assert_eq!(reason(b"GET / HTTX/1.1\r\nHost: a\r\n\r\n"), Reason::RequestLineMalformed);
        let rules = RequestRules { accept_http_10: true, ..RULES };
        let (head, _, _) = parse_with(b"GET / HTTP/1.0\r\n\r\n", &rules).unwrap();
        assert!(!head.keeps_alive());
        let coded = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse_with(coded, &rules).map(|_| ()), Err(Reason::RequestFramingConflict));
    }

    #[test]
    fn peers_that_speak_something_else_are_named() {
        for (bytes, expected) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], Reason::TlsOnPlainListener),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason::Http2NotEnabled),
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n\r\n", Reason::ProxyHeaderUnexpected),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", Reason::ProxyHeaderUnexpected),
            (b"\0\x01\x02\r\n\r\n", Reason::RequestNotHttp),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Reason::RequestNotHttp),
            (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::RequestLineMalformed),
            (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::RequestLineMalformed),
        ] {
            assert_eq!(reason(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn targets() {
        let target = |line: &str| parse(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        let (head, block, _) = target("GET http://u.test:81/p?q").unwrap();
        assert_eq!((head.path(&block), block.get(Known::Host)), (&b"/p?q"[..], Some(&b"u.test:81"[..])));
        let (head, block, _) = target("GET HTTP://u.test").unwrap();
        assert_eq!(head.path(&block), b"/");
        let (head, block, _) = target("OPTIONS *").unwrap();
        assert!(matches!(head.target, Target::NotPath(_)));
        assert_eq!(head.path(&block), b"*");
        let (head, block, _) = target("CONNECT up.test:443").unwrap();
        assert_eq!(
            (head.path(&block), block.get(Known::Host)),
            (&b"up.test:443"[..], Some(&b"up.test:443"[..]))
        );
        for (line, expected) in [
            ("GET *", Reason::RequestTargetInvalid),
            ("GET a/b", Reason::RequestLineMalformed),
            ("GET http:///p", Reason::RequestTargetInvalid),
            ("GET ftp://a/p", Reason::RequestSchemeInvalid),
            ("GET /\u{e9}", Reason::RequestLineMalformed),
            ("CONNECT /", Reason::RequestTargetInvalid),
        ] {
            assert_eq!(target(line).map(|_| ()), Err(expected), "{line}");
        }
    }

    #[test]
    fn limits_hold_while_the_head_arrives() {
        let rules = RequestRules { limits: HeadLimits { bytes: 100, fields: 3 }, ..RULES };
        let mut block = HeaderBlock::new();
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(100));
        let got = parse_request(long.as_bytes(), 0, &rules, &mut block).map(|_| ()).map_err(|f| f.reason);
        assert_eq!(got, Err(Reason::RequestHeadersTooLarge));
        let many = b"GET / HTTP/1.1\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n";
        assert_eq!(parse_with(many, &rules).map(|_| ()), Err(Reason::RequestHeadersTooMany));
        let rules = RequestRules { limits: HeadLimits { bytes: 100_000, fields: 500 }, ..RULES };
        let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: 1\r\n".repeat(499));
        assert_eq!(parse_with(many.as_bytes(), &rules).unwrap().1.len(), 500);
        let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: 1\r\n".repeat(900));
        assert_eq!(parse_with(many.as_bytes(), &rules).map(|_| ()), Err(Reason::RequestHeadersTooMany));
        // No limit at all costs no more than what comes.
        let rules = RequestRules { limits: HeadLimits { bytes: usize::MAX, fields: usize::MAX }, ..RULES };
        assert_eq!(parse_with(many.as_bytes(), &rules).unwrap().1.len(), 901);
    }

    #[test]
    fn repeated_lists_are_joined() {
        let (_, block, _) =
            parse(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\nX-A: 1\r\nX-A: 2\r\nx-forwarded-for: 2\r\n\r\n").unwrap();
        assert_eq!(block.values(Known::XForwardedFor).collect::<Vec<_>>(), [b"1,2"]);
        assert_eq!(block.values("x-a").count(), 2);
    }

    #[test]
    fn one_host_and_no_more() {
        assert_eq!(reason(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), Reason::RequestHostInvalid);
        let (_, block, _) = parse(b"GET http://c/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").unwrap();
        assert_eq!(block.values(Known::Host).collect::<Vec<_>>(), [b"c"]);
    }
}
