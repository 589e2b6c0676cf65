//! Requests of HTTP/2: what is accepted is one request of HTTP/1, and the same one.

use causeway_http::h1::{
    BodyFraming, HeadLimits, HeadWriter, KeyFormat, Parsed, RequestRules, Target, parse_request,
};
use causeway_http::h2::HeadReader;
use causeway_http::h2::hpack::{Decoder, Encoder};
use causeway_http::{Field, HeaderBlock, Known, Method, Version};

use crate::Choices;

/// What nobody who writes HTTP/1 would refuse: the limits were those of HTTP/2.
const RULES: RequestRules = RequestRules {
    limits: HeadLimits { bytes: 1 << 20, fields: 1000 },
    allow_absolute_url: false,
    accept_http_10: false,
    allow_chunked_length: false,
    allow_custom_methods: true,
};

/// What a client sends in a HEADERS frame: blocks of fields, the length of each in the byte in front of it. They are
/// read without a panic; a head that is accepted can be written as HTTP/1 in one way and read in the same; and fields
/// that were written can be read again.
pub fn http2_request(data: &[u8]) {
    let Some((choices, mut input)) = Choices::split(data) else { return };
    let small = choices.on(1);
    let limits =
        if small { HeadLimits { bytes: 128, fields: 8 } } else { HeadLimits { bytes: 8192, fields: 100 } };
    let (mut decoder, mut encoder, mut again) = (Decoder::new(4096), Encoder::new(4096), Decoder::new(4096));
    while let Some((length, rest)) = input.split_first() {
        let (block, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        input = behind;
        let (mut fields, mut path) = (HeaderBlock::new(), Vec::new());
        let mut reader = HeadReader::new(&mut fields, &mut path, limits, choices.on(2));
        let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let read = decoder.decode(block, |field| {
            all.push((field.name.to_ascii_lowercase(), field.value.to_vec()));
            reader.field(field);
        });
        if read.is_err() {
            // No later one can be read.
            return;
        }
        compress(&all, &mut encoder, &mut again);
        let Ok((head, _)) = reader.finish(choices.on(3)) else { continue };
        if matches!(head.target, Target::NotPath(_)) || !path.is_ascii() {
            // No route matches the one; the other is passed on as it is, and HTTP/1 says nothing about it.
            continue;
        }
        let method = head.method_name(&fields).to_owned();
        let mut out = Vec::new();
        let mut writer = HeadWriter::request(&mut out, KeyFormat::LowerCase, &method, &path, Version::Http11);
        writer.fields(&fields, |known| !matches!(known, Some(Known::Connection | Known::Upgrade)));
        if head.framing == BodyFraming::Chunked {
            writer.field("transfer-encoding", b"chunked");
        }
        writer.end();
        out.extend_from_slice(b"GET /behind HTTP/1.1\r\nhost: a\r\n\r\n");
        let mut seen = HeaderBlock::new();
        let parsed = parse_request(&out, 0, &RULES, &mut seen);
        if head.method == Method::Connect && parsed.is_err() {
            // HTTP/1 wants a port.
            continue;
        }
        let Ok(Parsed::Complete { head: read, length }) = parsed else {
            panic!("{parsed:?} is what HTTP/1 makes of {}", out.escape_ascii());
        };
        assert!(out[length..].starts_with(b"GET /behind"), "it ends elsewhere: {}", out.escape_ascii());
        assert_eq!((read.method_name(&seen), read.path(&seen)), (method.as_str(), path.as_slice()));
        assert_eq!(seen.values(Known::Host).count(), 1, "{}", out.escape_ascii());
        let expected = match head.framing {
            BodyFraming::Length(length) => BodyFraming::of_length(length),
            other => other,
        };
        assert_eq!(read.framing, expected, "{}", out.escape_ascii());
    }
}

/// Fields that were written can be read again.
fn compress(all: &[(Vec<u8>, Vec<u8>)], encoder: &mut Encoder, again: &mut Decoder) {
    let mut block = Vec::new();
    encoder.begin(&mut block);
    for (name, value) in all {
        encoder.field(Field { name, value, known: Known::from_bytes(name) }, &mut block);
    }
    let mut back = Vec::new();
    let read = again.decode(&block, |field| back.push((field.name.to_vec(), field.value.to_vec())));
    assert!(read.is_ok() && back == all, "{all:?} became {back:?}");
}
