//! Requests against the reference.

use causeway_http::h1::{
    BodyFraming, HeadLimits, HeadWriter, KeyFormat, Parsed, RequestHead, RequestRules, parse_request,
};
use causeway_http::{HeaderBlock, Known, Version, authority, forwarding};
use causeway_reason::Reason;

use super::{by_name, passed_on};
use crate::Choices;
use crate::choices::Arrival;
use crate::message::{MOST_TRAILERS, Message, Outcome, TRAILERS, read, write_body};
use crate::reference::{self, Body, Fields, Form, Length, No, Request, Taken};

/// What a client sends, read by both.
pub fn reference_request(data: &[u8]) {
    let Some((choices, mut input)) = Choices::split(data) else { return };
    let rules = RequestRules {
        limits: if choices.on(1) {
            HeadLimits { bytes: 128, fields: 4 }
        } else {
            HeadLimits { bytes: 8192, fields: 100 }
        },
        allow_absolute_url: choices.on(2),
        accept_http_10: choices.on(3),
        allow_chunked_length: choices.on(4),
        allow_custom_methods: choices.on(5),
    };
    for _ in 0..4 {
        let (outcome, mut block) =
            read(input, Arrival::Whole, Reason::RequestChunkMalformed, TRAILERS, |buffer, scanned, block| {
                Ok(match parse_request(buffer, scanned, &rules, block)? {
                    Parsed::Partial => Parsed::Partial,
                    Parsed::Complete { head, length } => {
                        let framing = head.framing;
                        Parsed::Complete { head: (head, framing), length }
                    }
                })
            });
        let shown = input.escape_ascii();
        let reference = reference::request(input);
        match (outcome, reference) {
            (Outcome::Read(message), Ok(reference)) => {
                same_head(&message, &block, &reference);
                let Some(end) = same_body(&message, &reference) else { return };
                // What has no path has no route.
                if !matches!(message.head.path(&block), [b'?' | b'#', ..]) {
                    forwarded(&message, &mut block, &reference);
                }
                input = &input[end..];
                continue;
            }
            (Outcome::BodyRefused(message, _), Ok(reference)) => {
                same_head(&message, &block, &reference);
                assert!(body_policy(&reference), "the body is refused by accident: {shown}");
            }
            (Outcome::Refused(reason), Ok(reference)) => {
                let policy = policy(reason, &reference, &rules);
                assert!(policy.is_some(), "refused by accident, as {reason:?}: {shown}");
            }
            (Outcome::Partial, Ok(_)) => panic!("not seen to be complete: {shown}"),
            (Outcome::Read(_) | Outcome::BodyRefused(..), Err(No::Refused(why))) => {
                panic!("accepted, but {why}: {shown}");
            }
            (Outcome::Read(_) | Outcome::BodyRefused(..), Err(No::More)) => {
                panic!("accepted too early: {shown}")
            }
            (Outcome::Refused(_) | Outcome::Partial, Err(_)) => {}
        }
        return;
    }
}

fn same_head(message: &Message<RequestHead>, block: &HeaderBlock, reference: &Request) {
    let head = &message.head;
    assert_eq!(head.method_name(block).as_bytes(), reference.method);
    assert_eq!(head.version == Version::Http10, reference.minor == 0);
    let hosts = block.values(Known::Host).collect::<Vec<_>>();
    match &reference.form {
        Form::Origin | Form::Asterisk => assert_eq!(head.path(block), reference.target),
        Form::Authority => {
            assert_eq!((head.path(block), hosts), (&reference.target[..], vec![&reference.target[..]]));
        }
        // Where absolute URLs are off, it is passed over as it is, and no route matches it.
        Form::Absolute { .. } if head.path(block) == reference.target => {}
        Form::Absolute { authority, rest, .. } => {
            // With a query and no path it is passed over as well, and has lost its host to the field.
            let path = if rest.is_empty() { b"/" } else { &rest[..] };
            let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
            assert_eq!((head.path(block), hosts), (path, vec![host]));
        }
    }
    let replaced = |name: &str| {
        // Replaced by the authority of the target, and left out beside chunks.
        match name {
            "host" => !matches!(reference.form, Form::Absolute { .. } | Form::Authority),
            "content-length" => reference.length != Length::Chunks,
            _ => true,
        }
    };
    assert_eq!(by_name(&message.fields, replaced), by_name(&reference.fields, replaced));
    let framing = match reference.length {
        Length::Bytes(0) => BodyFraming::None,
        Length::Bytes(length) => BodyFraming::Length(u64::try_from(length).unwrap_or(u64::MAX)),
        Length::Chunks => BodyFraming::Chunked,
        Length::Rest => BodyFraming::UntilClose,
    };
    assert_eq!(message.framing, framing);
    for forbidden in [Taken::SameLengths, Taken::Folded, Taken::OtherVersion] {
        assert!(!reference.used.has(forbidden), "{forbidden:?} is not for requests: {reference:?}");
    }
    if reference.used.has(Taken::BothLengths) {
        assert!(!head.keeps_alive(), "another request would be read behind two lengths");
    }
}

/// Where the message ends, if it does.
fn same_body(message: &Message<RequestHead>, reference: &Request) -> Option<usize> {
    match &reference.body {
        Body::Read { bytes, trailers, end } => {
            assert_eq!((&message.body, message.end), (bytes, Some(*end)));
            assert_eq!(by_name(&message.trailers, |_| true), passed_on(trailers));
            Some(*end)
        }
        Body::More(bytes) => {
            assert_eq!((&message.body, message.end), (bytes, None));
            None
        }
        Body::Refused(why) => {
            // What is wrong may lie behind what Causeway has needed to see.
            assert!(message.end.is_none(), "a body was accepted, but {why}: {message:?}");
            None
        }
    }
}

/// What goes to the back-end is in the grammar, and the same request.
fn forwarded(message: &Message<RequestHead>, block: &mut HeaderBlock, sent: &Request) {
    let head = &message.head;
    forwarding::remove_hop_by_hop_request(block, head.connection);
    for format in [KeyFormat::LowerCase, KeyFormat::ProperCaseWords, KeyFormat::Preserve] {
        let mut out = Vec::new();
        let (method, path) = (head.method_name(block).to_owned(), head.path(block).to_vec());
        let mut writer = HeadWriter::request(&mut out, format, &method, &path, Version::Http11);
        writer.fields(block, |_| true);
        if head.framing == BodyFraming::Chunked {
            writer.field("transfer-encoding", b"chunked");
        }
        writer.end();
        write_body(&mut out, message, 5);
        let end = out.len();
        out.extend_from_slice(b"GET /next HTTP/1.1\r\n\r\n");
        let shown = out.escape_ascii();
        let read = match reference::request(&out) {
            Ok(read) => read,
            Err(no) => panic!("{no:?}: {shown}"),
        };
        let odd = Taken::OddTarget;
        assert!(read.used.is_empty() || (read.used.has(odd) && sent.used.has(odd)), "{read:?}: {shown}");
        assert_eq!((&read.method, &read.target), (&sent.method, &path), "{shown}");
        let hop_by_hop = |name: &str| {
            let of_connection =
                ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
            of_connection.contains(&name) || name == "http2-settings" || name == "te"
        };
        let named = reference::list(&reference::values(&sent.fields, "connection"));
        let is_named = |name: &str| named.iter().any(|other| other.eq_ignore_ascii_case(name.as_bytes()));
        let replaced = matches!(sent.form, Form::Absolute { .. } | Form::Authority);
        let kept = |name: &str| match name {
            "host" => !replaced,
            "content-length" => sent.length != Length::Chunks,
            // What frames and routes it stays, whoever names it.
            name => !hop_by_hop(name) && !is_named(name),
        };
        assert_eq!(by_name(&read.fields, kept), by_name(&sent.fields, kept), "{shown}");
        // Nothing that is not kept is passed on but what says how long it is, and `te: trailers`.
        for (name, value) in by_name(&read.fields, |name| !kept(name)) {
            let own = match name.as_str() {
                "te" => value == b"trailers",
                "transfer-encoding" => value == b"chunked",
                name => name == "host",
            };
            assert!(own, "{name} was passed on: {shown}");
        }
        assert_eq!(read.length, sent.length, "{shown}");
        match (&read.body, &sent.body) {
            (
                Body::Read { bytes, trailers, end: read_end },
                Body::Read { bytes: sent_bytes, trailers: sent_trailers, .. },
            ) => {
                assert_eq!((bytes, *read_end), (sent_bytes, end), "{shown}");
                assert_eq!(by_name(trailers, |_| true), passed_on(sent_trailers));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The policy under which Causeway refuses a request that the reference takes.
fn policy(reason: Reason, request: &Request, rules: &RequestRules) -> Option<&'static str> {
    let fields = &request.fields;
    let both = request.used.has(Taken::BothLengths);
    let named = match reason {
        Reason::RequestHeadersTooLarge => (request.head > rules.limits.bytes, "max_request_headers_kb"),
        Reason::RequestHeadersTooMany => (fields.len() > rules.limits.fields, "max_headers_count"),
        Reason::RequestHttpVersion => {
            (request.minor > 1 || (request.minor == 0 && !rules.accept_http_10), "versions that are spoken")
        }
        Reason::RequestLineMalformed => {
            let custom = causeway_http::Method::from_name(&String::from_utf8_lossy(&request.method))
                == causeway_http::Method::Custom;
            (custom && !rules.allow_custom_methods, "allow_custom_methods")
        }
        // The URL stands for it only where URLs are read, and where it has a path.
        Reason::RequestHostInvalid => {
            let passed_over =
                matches!(&request.form, Form::Absolute { rest, .. } if matches!(rest[..], [b'?' | b'#', ..]));
            let stands_for_it = rules.allow_absolute_url && !passed_over;
            (!stands_for_it && reference::values(fields, "host").len() > 1, "one Host")
        }
        Reason::RequestSchemeInvalid => (other_scheme(&request.form), "schemes other than http and https"),
        Reason::RequestTargetInvalid => (
            odd_absolute(&request.form)
                || (matches!(request.form, Form::Authority) && authority::port(&request.target).is_none()),
            "the host and port of an absolute URL or of CONNECT",
        ),
        Reason::RequestFramingConflict => (
            (both && !rules.allow_chunked_length) || (request.minor == 0 && has(fields, "transfer-encoding")),
            "one length (RFC 9112 §6.1)",
        ),
        Reason::RequestLengthInvalid => {
            let long = |value: &&[u8]| value.len() > 19;
            let values = reference::values(fields, "content-length");
            (
                request.used.has(Taken::SameLengths) || values.iter().any(long),
                "one length of at most 19 digits",
            )
        }
        Reason::RequestTransferEncoding => {
            let values = reference::values(fields, "transfer-encoding");
            let plain = matches!(values[..], [value] if value.eq_ignore_ascii_case(b"chunked"));
            (!plain, "no coding but one `chunked`")
        }
        _ => return None,
    };
    named.0.then_some(named.1)
}

/// Whether a policy speaks against a body that the reference may take: limits of extensions and trailers, and
/// sizes that no number holds.
fn body_policy(request: &Request) -> bool {
    let Body::Read { trailers, .. } = &request.body else { return true };
    let bytes: usize = trailers.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    // White space around values counts as well, and can't be told from here.
    trailers.len() > MOST_TRAILERS || bytes > TRAILERS.bytes / 4 || has_long_size(request)
}

/// A size may have more than sixteen digits, or many bytes of extension: then the input is long.
fn has_long_size(request: &Request) -> bool {
    let Body::Read { bytes, end, .. } = &request.body else { return true };
    end - request.head - bytes.len() > 16
}

fn has(fields: &Fields, name: &str) -> bool {
    !reference::values(fields, name).is_empty()
}

fn other_scheme(form: &Form) -> bool {
    let Form::Absolute { scheme, .. } = form else { return false };
    !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https")
}

fn odd_absolute(form: &Form) -> bool {
    let Form::Absolute { authority, .. } = form else { return false };
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    !reference::is_authority(host) || !has_plain_port(&String::from_utf8_lossy(host))
}

/// A host, in brackets if it has colons, and behind a colon a number that a port can be.
fn has_plain_port(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let bracketed = inside.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok());
    let plain = !host.is_empty() && !host.starts_with('[') && !host.contains(':');
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    (bracketed || plain) && port.is_none_or(|port| digits(port) && port.parse::<u16>().is_ok())
}
