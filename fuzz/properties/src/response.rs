//! Responses: one meaning, however they arrive, and the same after they are written again.

use causeway_http::h1::{
    BodyFraming, HeadLimits, HeadWriter, KeyFormat, Parsed, ResponseRules, TrailerLimits, parse_response,
};
use causeway_http::{HeaderBlock, Method, Version};
use causeway_reason::Reason;

use crate::Choices;
use crate::choices::Arrival;
use crate::message::{Message, Outcome, TRAILERS, TRAILERS_AGAIN, head_ends, read, same, write_body};

/// What is compared of the first line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    status: u16,
    version: Version,
    interim: bool,
    keeps_alive: bool,
}

/// What a back-end sends: the meaning depends on the method of the request, and not on how it arrives;
/// what is accepted is read the same after it was written again.
pub fn http1_response(data: &[u8]) {
    let Some((choices, mut input)) = Choices::split(data) else { return };
    let method = match (choices.on(2), choices.on(3)) {
        (true, false) => Method::Head,
        (true, true) => Method::Connect,
        (false, true) => Method::Post,
        (false, false) => Method::Get,
    };
    let limits = if choices.on(1) {
        HeadLimits { bytes: 128, fields: 4 }
    } else {
        HeadLimits { bytes: 8192, fields: 100 }
    };
    let rules = ResponseRules { limits, method, upgrade: choices.on(4) };
    // Interim responses and a final one.
    for _ in 0..4 {
        let (whole, block) = parse(input, Arrival::Whole, TRAILERS, &rules);
        for arrival in choices.arrivals(input) {
            same(&whole, &parse(input, arrival, TRAILERS, &rules).0, head_ends(input));
        }
        let Outcome::Read(message) = whole else { return };
        check(&message, &rules);
        other_methods(input, &message, &rules);
        let Some(end) = message.end else { return };
        round_trip(&message, &block, &rules, input);
        if !message.head.interim {
            return;
        }
        input = &input[end..];
    }
}

fn parse(
    input: &[u8],
    arrival: Arrival,
    trailers: TrailerLimits,
    rules: &ResponseRules,
) -> (Outcome<Line>, HeaderBlock) {
    read(input, arrival, Reason::UpstreamChunkMalformed, trailers, |buffer, scanned, block| {
        Ok(match parse_response(buffer, scanned, rules, block)? {
            Parsed::Partial => Parsed::Partial,
            Parsed::Complete { head, length } => {
                let line = Line {
                    status: head.status,
                    version: head.version,
                    interim: head.is_interim(),
                    keeps_alive: head.keeps_alive(),
                };
                Parsed::Complete { head: (line, head.framing), length }
            }
        })
    })
}

/// What no response may have that was accepted.
fn check(message: &Message<Line>, rules: &ResponseRules) {
    let head = &message.head;
    assert!((100..=999).contains(&head.status));
    assert!(head.status != 101 || rules.upgrade);
    assert!(message.fields.len() <= rules.limits.fields);
    for (name, value) in &message.fields {
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
        assert!(!value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)), "{message:?}");
        assert_eq!(value.trim_ascii(), value.as_slice(), "{message:?}");
    }
    let count =
        |name: &[u8]| message.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name)).count();
    let (lengths, codings) = (count(b"content-length"), count(b"transfer-encoding"));
    assert!(lengths + codings <= 1, "{message:?}");
    let without_body = matches!(head.status, 100..=199 | 204 | 304) || rules.method == Method::Head;
    match message.framing {
        BodyFraming::None => assert!(without_body || lengths == 1, "{message:?}"),
        BodyFraming::Length(_) => assert!(!without_body && lengths == 1, "{message:?}"),
        BodyFraming::Chunked => assert!(!without_body && codings == 1, "{message:?}"),
        BodyFraming::UntilClose => {
            assert!(!without_body && lengths + codings == 0 && !head.keeps_alive, "{message:?}");
        }
    }
}

/// The method changes whether there is a body, and nothing else.
fn other_methods(input: &[u8], message: &Message<Line>, rules: &ResponseRules) {
    for method in [Method::Get, Method::Head, Method::Connect, Method::Delete] {
        let other = match parse(input, Arrival::Whole, TRAILERS, &ResponseRules { method, ..*rules }).0 {
            Outcome::Read(other) | Outcome::BodyRefused(other, _) => other,
            refused => panic!("{method:?}: {refused:?}"),
        };
        assert_eq!((other.head.status, &other.fields), (message.head.status, &message.fields));
        if (method == Method::Head) == (rules.method == Method::Head) {
            assert_eq!(other.framing, message.framing);
        }
    }
}

/// Written in every form, and read again.
fn round_trip(message: &Message<Line>, block: &HeaderBlock, rules: &ResponseRules, input: &[u8]) {
    // Read as 1.1, and the connection is closed whatever it says: the version is not kept.
    let odd = input.trim_ascii_start().get(..8).is_none_or(|v| v != b"HTTP/1.1" && v != b"HTTP/1.0");
    let rules =
        ResponseRules { limits: HeadLimits { bytes: 1 << 20, fields: rules.limits.fields }, ..*rules };
    for format in [KeyFormat::Preserve, KeyFormat::LowerCase, KeyFormat::ProperCaseWords] {
        let mut out = Vec::new();
        let head = &message.head;
        let mut writer = HeadWriter::response(&mut out, format, head.version, head.status);
        writer.fields(block, |_| true);
        writer.end();
        write_body(&mut out, message, 5);
        let length = out.len();
        if message.framing != BodyFraming::UntilClose {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
        }
        let (Outcome::Read(mut again), _) = parse(&out, Arrival::Whole, TRAILERS_AGAIN, &rules) else {
            panic!("refused when read again: {}", out.escape_ascii());
        };
        assert_eq!(again.end, Some(length), "another length: {}", out.escape_ascii());
        let mut expected = message.clone();
        expected.end = Some(length);
        if odd {
            expected.head.keeps_alive = again.head.keeps_alive;
        }
        if format != KeyFormat::Preserve {
            for field in expected.fields.iter_mut().chain(&mut again.fields) {
                field.0.make_ascii_lowercase();
            }
        }
        assert_eq!(again, expected);
    }
}
