//! Requests: one meaning, however they arrive, and the same after they are written again.

use causeway_http::h1::{
    BodyFraming, HeadLimits, HeadWriter, KeyFormat, Parsed, RequestHead, RequestRules, Target, TrailerLimits,
    parse_request,
};
use causeway_http::{HeaderBlock, Known, Version, authority};
use causeway_reason::Reason;

use crate::Choices;
use crate::choices::Arrival;
use crate::message::{Message, Outcome, TRAILERS, TRAILERS_AGAIN, head_ends, read, same, write_body};

/// What is compared of the first line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    method: String,
    path: Vec<u8>,
    version: Version,
    kind: Kind,
    keeps_alive: bool,
    expects_continue: bool,
    hosts: Vec<Vec<u8>>,
}

/// What sort of target it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A path, whether it came alone or in a URL.
    Path,
    Authority,
    NotPath,
}

/// What a client sends: the meaning does not depend on how it arrives; what is accepted is read the same
/// after it was written again; and what follows a message is read as if it stood alone.
pub fn http1_request(data: &[u8]) {
    let Some((choices, mut input)) = Choices::split(data) else { return };
    let small = choices.on(1);
    let rules = RequestRules {
        limits: if small {
            HeadLimits { bytes: 128, fields: 4 }
        } else {
            HeadLimits { bytes: 8192, fields: 100 }
        },
        allow_absolute_url: choices.on(2),
        accept_http_10: choices.on(3),
        allow_chunked_length: choices.on(4),
        allow_custom_methods: choices.on(5),
    };
    // A few requests on one connection, each as the first of what is left.
    for _ in 0..4 {
        let (whole, block) = parse(input, Arrival::Whole, TRAILERS, &rules);
        for arrival in choices.arrivals(input) {
            same(&whole, &parse(input, arrival, TRAILERS, &rules).0, head_ends(input));
        }
        let Outcome::Read(message) = whole else { return };
        check(&message, &rules);
        let Some(end) = message.end else { return };
        if message.head.kind == Kind::NotPath && matches!(message.head.path.first(), Some(b'?' | b'#')) {
            // No route matches it, so nobody writes it again.
            input = &input[end..];
            continue;
        }
        round_trip(&message, &block, &rules);
        input = &input[end..];
    }
}

fn parse(
    input: &[u8],
    arrival: Arrival,
    trailers: TrailerLimits,
    rules: &RequestRules,
) -> (Outcome<Line>, HeaderBlock) {
    read(input, arrival, Reason::RequestChunkMalformed, trailers, |buffer, scanned, block| {
        Ok(match parse_request(buffer, scanned, rules, block)? {
            Parsed::Partial => Parsed::Partial,
            Parsed::Complete { head, length } => {
                let framing = head.framing;
                Parsed::Complete { head: (line(&head, block), framing), length }
            }
        })
    })
}

fn line(head: &RequestHead, block: &HeaderBlock) -> Line {
    Line {
        method: head.method_name(block).to_owned(),
        path: head.path(block).to_vec(),
        version: head.version,
        kind: match head.target {
            Target::Origin(_) | Target::Absolute(_) => Kind::Path,
            Target::Authority(_) => Kind::Authority,
            Target::NotPath(_) => Kind::NotPath,
        },
        keeps_alive: head.keeps_alive(),
        expects_continue: head.expects_continue,
        hosts: block.values(Known::Host).map(<[u8]>::to_vec).collect(),
    }
}

/// What no request may have that was accepted.
fn check(message: &Message<Line>, rules: &RequestRules) {
    use causeway_http::h1::BodyFraming;
    let head = &message.head;
    assert!(!head.method.is_empty() && head.method.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!head.path.is_empty() && head.path.iter().all(u8::is_ascii_graphic), "{head:?}");
    assert!(head.hosts.len() <= 1, "two hosts: {head:?}");
    match head.kind {
        Kind::Path => assert_eq!(head.path.first(), Some(&b'/')),
        Kind::Authority => assert!(authority::is_valid(&head.path)),
        // A URL with a query and no path is as good as none.
        Kind::NotPath => assert!(
            matches!(head.path.first(), Some(b'*' | b'?' | b'#')) || !rules.allow_absolute_url,
            "{head:?}"
        ),
    }
    // The host of the target may have become a field.
    assert!(message.fields.len() <= rules.limits.fields + 1);
    for (name, value) in &message.fields {
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
        assert!(!value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)), "{message:?}");
        assert_eq!(value.trim_ascii(), value.as_slice(), "{message:?}");
    }
    let count =
        |name: &[u8]| message.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name)).count();
    let (lengths, codings) = (count(b"content-length"), count(b"transfer-encoding"));
    // One of the two at most, once at most: there is no second way to read it.
    assert!(lengths + codings <= 1, "{message:?}");
    assert_eq!(message.framing == BodyFraming::Chunked, codings == 1, "{message:?}");
    assert!(lengths == 1 || !matches!(message.framing, BodyFraming::Length(_)), "{message:?}");
    assert!(message.framing != BodyFraming::UntilClose);
    if let BodyFraming::Length(length) = message.framing {
        assert!(message.end.is_none() || message.body.len() as u64 == length);
    }
}

/// Written in every form, and read again.
fn round_trip(message: &Message<Line>, block: &HeaderBlock, rules: &RequestRules) {
    let rules =
        RequestRules { limits: HeadLimits { bytes: 1 << 20, fields: rules.limits.fields + 1 }, ..*rules };
    for format in [KeyFormat::Preserve, KeyFormat::LowerCase, KeyFormat::ProperCaseWords] {
        let mut out = Vec::new();
        let head = &message.head;
        let mut writer = HeadWriter::request(&mut out, format, &head.method, &head.path, head.version);
        writer.fields(block, |_| true);
        writer.end();
        write_body(&mut out, message, 7);
        let length = out.len();
        out.extend_from_slice(b"GET /next HTTP/1.1\r\n\r\n");
        let (Outcome::Read(mut again), _) = parse(&out, Arrival::Whole, TRAILERS_AGAIN, &rules) else {
            panic!("refused when read again: {}", out.escape_ascii());
        };
        assert_eq!(again.end, Some(length), "another length: {}", out.escape_ascii());
        let mut expected = message.clone();
        expected.end = Some(length);
        // A length beside chunks ends the connection, and is not written.
        if rules.allow_chunked_length && expected.framing == BodyFraming::Chunked {
            expected.head.keeps_alive |= again.head.keeps_alive;
        }
        if format != KeyFormat::Preserve {
            for field in expected.fields.iter_mut().chain(&mut again.fields) {
                field.0.make_ascii_lowercase();
            }
        }
        assert_eq!(again, expected);
    }
}
