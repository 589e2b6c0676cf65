//! Responses against the reference.

use causeway_http::h1::{
    BodyFraming, HeadLimits, HeadWriter, KeyFormat, Parsed, ResponseHead, ResponseRules, parse_response,
};
use causeway_http::{HeaderBlock, Method, Version, forwarding};
use causeway_reason::Reason;

use super::{by_name, passed_on};
use crate::Choices;
use crate::choices::Arrival;
use crate::message::{MOST_TRAILERS, Message, Outcome, TRAILERS, read, write_body};
use crate::reference::{self, Body, Length, No, Response, Taken};

/// What a back-end sends, read by both.
pub fn reference_response(data: &[u8]) {
    let Some((choices, mut input)) = Choices::split(data) else { return };
    let method = if choices.on(2) { Method::Head } else { Method::Get };
    let rules = ResponseRules {
        limits: if choices.on(1) {
            HeadLimits { bytes: 128, fields: 4 }
        } else {
            HeadLimits { bytes: 8192, fields: 100 }
        },
        method,
        upgrade: choices.on(3),
    };
    for _ in 0..4 {
        let (outcome, mut block) = read(
            input,
            Arrival::Whole,
            Reason::UpstreamChunkMalformed,
            TRAILERS,
            |buffer, scanned, block| {
                Ok(match parse_response(buffer, scanned, &rules, block)? {
                    Parsed::Partial => Parsed::Partial,
                    Parsed::Complete { head, length } => {
                        Parsed::Complete { head: (head, head.framing), length }
                    }
                })
            },
        );
        let shown = input.escape_ascii();
        match (outcome, reference::response(input, method == Method::Head)) {
            (Outcome::Read(message), Ok(reference)) => {
                same_head(&message, &reference);
                let Some(end) = same_body(&message, &reference) else { return };
                forwarded(&message, &mut block, &reference, method);
                if reference.length == Length::Rest {
                    return;
                }
                input = &input[end..];
                continue;
            }
            (Outcome::BodyRefused(message, _), Ok(reference)) => {
                same_head(&message, &reference);
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

/// A 1xx or 204 has no length, whatever it says.
fn without_length(status: u16) -> impl Fn(&str) -> bool {
    move |name| !(name == "content-length" && matches!(status, 100..=199 | 204))
}

fn same_head(message: &Message<ResponseHead>, reference: &Response) {
    let head = &message.head;
    assert_eq!(head.status, reference.status);
    assert_eq!(head.version == Version::Http10, reference.version == b"1.0");
    let kept = without_length(head.status);
    assert_eq!(by_name(&message.fields, &kept), by_name(&reference.fields, &kept));
    let framing = match reference.length {
        Length::Bytes(0) => BodyFraming::None,
        Length::Bytes(length) => BodyFraming::Length(u64::try_from(length).unwrap_or(u64::MAX)),
        Length::Chunks => BodyFraming::Chunked,
        Length::Rest => BodyFraming::UntilClose,
    };
    assert_eq!(message.framing, framing);
    for forbidden in [Taken::SameLengths, Taken::BothLengths, Taken::BareLineFeed] {
        assert!(!reference.used.has(forbidden), "{forbidden:?} is not for responses: {reference:?}");
    }
    let closes = reference::list(&reference::values(&reference.fields, "connection"));
    let closes = closes.iter().any(|option| option.eq_ignore_ascii_case(b"close"));
    let reused = head.keeps_alive();
    assert!(!reused || !(closes || reference.length == Length::Rest), "the connection can't be used again");
    assert!(!reused || !reference.used.has(Taken::OtherVersion));
}

/// Where the message ends, if it does.
fn same_body(message: &Message<ResponseHead>, reference: &Response) -> Option<usize> {
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
            assert!(message.end.is_none(), "a body was accepted, but {why}: {message:?}");
            None
        }
    }
}

/// What goes to the client is in the grammar, and the same response.
fn forwarded(message: &Message<ResponseHead>, block: &mut HeaderBlock, sent: &Response, method: Method) {
    let head = &message.head;
    forwarding::remove_hop_by_hop_response(block, head.connection);
    // What ends with the connection goes on in chunks, which end with a chunk.
    let chunked = matches!(message.framing, BodyFraming::Chunked | BodyFraming::UntilClose);
    let mut framed = message.clone();
    if chunked {
        framed.framing = BodyFraming::Chunked;
    }
    let mut out = Vec::new();
    let mut writer = HeadWriter::response(&mut out, KeyFormat::LowerCase, Version::Http11, head.status);
    writer.fields(block, |_| true);
    if chunked {
        writer.field("transfer-encoding", b"chunked");
    }
    writer.end();
    write_body(&mut out, &framed, 5);
    let end = out.len();
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    let shown = out.escape_ascii();
    let read = match reference::response(&out, method == Method::Head) {
        Ok(read) => read,
        Err(no) => panic!("{no:?}: {shown}"),
    };
    assert!(read.used.is_empty(), "{read:?}: {shown}");
    assert_eq!(read.status, sent.status);
    let named = reference::list(&reference::values(&sent.fields, "connection"));
    let is_named = |name: &str| named.iter().any(|other| other.eq_ignore_ascii_case(name.as_bytes()));
    let kept = |name: &str| {
        let of_connection = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
        let stays = ["host", "content-length", "te"].contains(&name) || !is_named(name);
        !of_connection.contains(&name) && stays && without_length(sent.status)(name)
    };
    assert_eq!(by_name(&read.fields, kept), by_name(&sent.fields, kept), "{shown}");
    for (name, value) in by_name(&read.fields, |name| !kept(name)) {
        assert!(name == "transfer-encoding" && value == b"chunked", "{name} was passed on: {shown}");
    }
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

/// The policy under which Causeway refuses a response that the reference takes.
fn policy(reason: Reason, response: &Response, rules: &ResponseRules) -> Option<&'static str> {
    let fields = &response.fields;
    let lengths = reference::values(fields, "content-length");
    let codings = reference::values(fields, "transfer-encoding");
    let named = match reason {
        Reason::UpstreamHeadersTooLarge => (response.head > rules.limits.bytes, "max_response_headers_kb"),
        Reason::UpstreamHeadersTooMany => (fields.len() > rules.limits.fields, "max_headers_count"),
        Reason::UpstreamHeadUnterminated => {
            (response.used.has(Taken::BareLineFeed), "lines of responses end in CR LF")
        }
        Reason::UpstreamSwitchedUnasked => {
            (response.status == 101 && !rules.upgrade, "101 only if asked for")
        }
        Reason::UpstreamFraming => {
            let plain = matches!(codings[..], [] | [_])
                && codings.iter().all(|value| value.eq_ignore_ascii_case(b"chunked"));
            let empty = matches!(response.status, 100..=199 | 204);
            let long = |value: &&[u8]| value.len() > 19;
            let several = response.used.has(Taken::BothLengths) || response.used.has(Taken::SameLengths);
            let body =
                !codings.is_empty() || lengths.iter().any(|value| value.iter().any(|byte| *byte != b'0'));
            (
                several || !plain || lengths.iter().any(long) || (empty && body) || folded(response),
                "one length of at most 19 digits or one `chunked`, and none where there is no body",
            )
        }
        _ => return None,
    };
    named.0.then_some(named.1)
}

/// Where fields are folded, one of those that frame the message may have been.
fn folded(response: &Response) -> bool {
    response.used.has(Taken::Folded)
}

/// As of requests.
fn body_policy(response: &Response) -> bool {
    let Body::Read { bytes, trailers, end } = &response.body else { return true };
    let section: usize = trailers.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
    trailers.len() > MOST_TRAILERS || section > TRAILERS.bytes / 4 || end - response.head - bytes.len() > 16
}
