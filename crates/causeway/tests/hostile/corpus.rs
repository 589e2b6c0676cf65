//! Requests whose end one recipient may see elsewhere than another.
//!
//! Small tables are combined: what stands in a field, and where. Where it applies, a second request is
//! hidden in the part about which recipients could disagree.

use crate::spellings::{CODINGS, length_values, odd_bytes, sizes};
use crate::strict::{self, Read};

/// Stands for the number of the case; a number has as many characters.
const ID: &str = "@@@@@";
/// The request that is hidden.
const MARKER: &str = "GET /smuggled/@@@@@ HTTP/1.1\r\nhost: a.test\r\nx-case: smuggled-@@@@@\r\n\r\n";
/// Its length.
const N: usize = MARKER.len();
/// The chunk that it makes, with the last one behind it.
const DATA_END: &str = "\r\n0\r\n\r\n";

/// A request to be sent on a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    bytes: Vec<u8>,
}

impl Case {
    /// What is sent as the case of that number, of [`ID`]'s length.
    pub(crate) fn bytes(&self, number: &str) -> Vec<u8> {
        assert_eq!(number.len(), ID.len());
        let mut bytes = self.bytes.clone();
        for at in 0..bytes.len().saturating_sub(ID.len() - 1) {
            if bytes[at..].starts_with(ID.as_bytes()) {
                bytes[at..at + ID.len()].copy_from_slice(number.as_bytes());
            }
        }
        bytes
    }

    /// How many requests these bytes are by the grammar, if they are nothing else.
    pub(crate) fn by_grammar(&self) -> Option<usize> {
        let (mut at, mut requests) = (0, 0);
        while at < self.bytes.len() {
            match strict::request(&self.bytes[at..]) {
                Ok(Read::Whole(_, length)) => at += length,
                _ => return None,
            }
            requests += 1;
        }
        Some(requests)
    }

    /// Whether the request in front of the hidden one ends there for everybody who reads it at all: then it
    /// is not hidden, but the next.
    pub(crate) fn follows(&self) -> bool {
        let follows = |bytes: &[u8]| {
            matches!(strict::request(bytes), Ok(Read::Whole(_, length))
                if bytes[length..].starts_with(MARKER.as_bytes()))
        };
        follows(&self.bytes) || follows(&self.tolerated())
    }

    /// The bytes without what has one meaning although it is not in the grammar: a LF without a CR in the
    /// head, empty lines in front of it (RFC 9112 §2.2), and white space behind the size of a chunk.
    fn tolerated(&self) -> Vec<u8> {
        let text: String = self.bytes.iter().copied().map(char::from).collect();
        let text = text.trim_start_matches("\r\n").trim_start_matches('\n');
        let end = ["\n\n", "\n\r\n"].map(|end| text.find(end).map(|at| at + end.len()));
        let (head, body) = text.split_at(end.into_iter().flatten().min().unwrap_or(text.len()));
        let head = head.replace("\r\n", "\n").replace('\n', "\r\n");
        let body = body.replace("0 \r\n", "0\r\n").replace("0\t\r\n", "0\r\n");
        head.chars().chain(body.chars()).filter_map(|c| u8::try_from(c).ok()).collect()
    }

    /// Whether its responses are those to HEAD.
    pub(crate) fn is_head(&self) -> bool {
        self.bytes.starts_with(b"HEAD ")
    }
}

#[derive(Default)]
struct Corpus(Vec<Case>);

impl Corpus {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { name: name.into(), bytes: bytes.into() });
    }

    /// A POST with these field lines and what follows the head.
    fn post(&mut self, name: String, fields: &[u8], rest: &str) {
        self.add(name, [post("HTTP/1.1").as_bytes(), fields, b"\r\n", rest.as_bytes()].concat());
    }
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let mut corpus = Corpus::default();
    lengths(&mut corpus);
    codings(&mut corpus);
    chunk_sizes(&mut corpus);
    chunk_ends(&mut corpus);
    trailers(&mut corpus);
    bytes_in_places(&mut corpus);
    request_lines(&mut corpus);
    targets_and_hosts(&mut corpus);
    methods_with_bodies(&mut corpus);
    upgrades(&mut corpus);
    hop_by_hop(&mut corpus);
    corpus.0
}

fn post(version: &str) -> String {
    format!("POST /c/{ID} {version}\r\nhost: a.test\r\nx-case: {ID}\r\n")
}

/// The marker as a chunk with the last one behind it.
fn chunked_marker() -> String {
    format!("{N:x}\r\n{MARKER}{DATA_END}")
}

fn lengths(corpus: &mut Corpus) {
    for value in length_values(N) {
        let field = [b"content-length: ".as_slice(), &value, b"\r\n"].concat();
        let zero = b"content-length: 0\r\n".as_slice();
        let coded = b"transfer-encoding: chunked\r\n".as_slice();
        let name = format!("length \"{}\"", value.escape_ascii());
        corpus.post(name.clone(), &field, MARKER);
        corpus.post(format!("{name} before 0"), &[&field, zero].concat(), MARKER);
        corpus.post(format!("{name} behind 0"), &[zero, &field].concat(), MARKER);
        corpus.post(format!("{name} before chunked"), &[&field, coded].concat(), &chunked_marker());
        corpus.post(
            format!("{name} behind chunked"),
            &[coded, &field].concat(),
            &format!("0\r\n\r\n{MARKER}"),
        );
    }
    for name in [
        "Content-Length ",
        "Content-Length\t",
        " Content-Length",
        "Content_Length",
        "Content Length",
        "Content-Length\0",
        "\0Content-Length",
        "Content-Length\x0b",
        "Content-Length\r",
        "Content\r\n-Length",
        "Content-\u{13a}ength",
        "Content-Lengt\u{29}h",
        "\"Content-Length\"",
        "Content-Length:",
        ":Content-Length",
        "CONTENT-LENGTH",
        "X-Content-Length",
        "Content--Length",
    ] {
        let named = format!("length named \"{}\"", name.escape_debug());
        corpus.post(named.clone(), format!("{name}: {N}\r\n").as_bytes(), MARKER);
        let with = format!("{name}: {N}\r\ncontent-length: 0\r\n");
        corpus.post(format!("{named} and 0"), with.as_bytes(), MARKER);
    }
}

fn codings(corpus: &mut Corpus) {
    let by_chunks = format!("0\r\n\r\n{MARKER}");
    let by_length = chunked_marker();
    let size_line = format!("{N:x}\r\n").len();
    let good = "transfer-encoding: chunked\r\n";
    for line in CODINGS {
        let name = format!("coding \"{}\"", line.escape_debug());
        let field = format!("{line}\r\n");
        let long = format!("content-length: {}\r\n", by_chunks.len());
        let short = format!("content-length: {size_line}\r\n");
        corpus.post(name.clone(), field.as_bytes(), &by_length);
        corpus.post(format!("{name}, CL.TE"), format!("{long}{field}").as_bytes(), &by_chunks);
        corpus.post(format!("{name}, TE.CL"), format!("{field}{short}").as_bytes(), &by_length);
        corpus.post(format!("{name}, TE.0"), format!("{field}content-length: 0\r\n").as_bytes(), &by_length);
        corpus.post(format!("{name}, chunked"), format!("{field}{good}").as_bytes(), &by_length);
        corpus.post(format!("chunked, {name}"), format!("{good}{field}").as_bytes(), &by_length);
        let old = format!("{}{long}{field}\r\n{by_chunks}", post("HTTP/1.0"));
        corpus.add(format!("{name}, HTTP/1.0 CL.TE"), old);
        let old = format!("{}connection: keep-alive\r\n{field}\r\n{by_length}", post("HTTP/1.0"));
        corpus.add(format!("{name}, HTTP/1.0"), old);
    }
}

fn chunk_sizes(corpus: &mut Corpus) {
    let head = b"transfer-encoding: chunked\r\n";
    for size in sizes(N) {
        let name: String = format!("chunk size \"{}\"", size.escape_debug()).chars().take(60).collect();
        for end in ["\r\n", "\n", "\r", "\r\r\n", "\n\r\n"] {
            let body = format!("{size}{end}{MARKER}{DATA_END}");
            corpus.post(format!("{name} + {end:?}"), head, &body);
        }
        // As the last chunk: what follows is another request, or part of this one.
        let last = size.replace(&format!("{N:x}"), "0").replace(&format!("{N:X}"), "0");
        corpus.post(format!("{name} as the last"), head, &format!("1\r\na\r\n{last}\r\n\r\n{MARKER}"));
    }
}

fn chunk_ends(corpus: &mut Corpus) {
    let ends = ["\r\n", "\n", "\r", "", " \r\n", "xx", "\r\r\n", "\n\n", "\r\n\r\n", "\0\0"];
    let lasts = [
        "0\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\r",
        "0\r\r\n\r\n",
        "0\r\n\r",
        "0\r\n\rX",
        "00\r\n\r\n",
        "0000000000000000000\r\n\r\n",
        "0;x\r\n\r\n",
        "0 \r\n\r\n",
        " 0\r\n\r\n",
        "-0\r\n\r\n",
        "0x0\r\n\r\n",
        "\r\n\r\n",
        "\r\n",
        "0\r\n",
        "0",
        "",
    ];
    for end in ends {
        for last in lasts {
            let body = format!("{N:x}\r\n{MARKER}{end}{last}");
            corpus.post(
                format!("chunk end {end:?}, last {last:?}"),
                b"transfer-encoding: chunked\r\n",
                &body,
            );
        }
        let data = format!("5\r\nabcde{end}{N:x}\r\n{MARKER}\r\n0\r\n\r\n");
        corpus.post(format!("chunk end {end:?} between two"), b"transfer-encoding: chunked\r\n", &data);
    }
    for last in lasts {
        let body = format!("1\r\na\r\n{last}{MARKER}");
        corpus.post(format!("last {last:?}, then a request"), b"transfer-encoding: chunked\r\n", &body);
    }
}

fn trailers(corpus: &mut Corpus) {
    let names = [
        "content-length",
        "transfer-encoding",
        "host",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "authorization",
        "cookie",
        "content-type",
        "content-encoding",
        "expect",
        "range",
        "x-forwarded-for",
        "x-case",
        "x-plain",
        "content_length",
        "content-length ",
        " content-length",
        "content\tlength",
        "",
    ];
    for name in names {
        for value in ["5", "chunked", "evil.test", "a\r\n b", "a\rb", "a\nb: c", "a\0b"] {
            let body = format!("{N:x}\r\n{MARKER}\r\n0\r\n{name}: {value}\r\n\r\n");
            let fields = b"te: trailers\r\ntrailer: x-plain\r\ntransfer-encoding: chunked\r\n";
            corpus.post(format!("trailer {name:?}: {value:?}"), fields, &body);
        }
    }
    for trailer in ["x", "x\r\n y: z", "GET /smuggled/@@@@@ HTTP/1.1", "x: y\n", "\n", ":\r\n", "x: y\r\n\n"]
    {
        let body = format!("1\r\na\r\n0\r\n{trailer}\r\n\r\n{MARKER}");
        corpus.post(format!("trailer line {trailer:?}"), b"transfer-encoding: chunked\r\n", &body);
    }
}

fn bytes_in_places(corpus: &mut Corpus) {
    let length = format!("content-length: {N}");
    let places: [(&str, String, String); 14] = [
        ("before the method", String::new(), format!("{}{length}\r\n\r\n{MARKER}", post("HTTP/1.1"))),
        ("in the method", "PO".into(), format!("{}{length}\r\n\r\n{MARKER}", &post("HTTP/1.1")[2..])),
        (
            "behind the method",
            "POST".into(),
            format!("{}{length}\r\n\r\n{MARKER}", &post("HTTP/1.1")["POST".len()..]),
        ),
        (
            "in the target",
            format!("POST /c/{ID}"),
            format!("x HTTP/1.1\r\nhost: a.test\r\nx-case: {ID}\r\n{length}\r\n\r\n{MARKER}"),
        ),
        (
            "in the version",
            format!("POST /c/{ID} HTTP/1"),
            format!(".1\r\nhost: a.test\r\nx-case: {ID}\r\n{length}\r\n\r\n{MARKER}"),
        ),
        (
            "behind the version",
            format!("POST /c/{ID} HTTP/1.1"),
            format!("\r\nhost: a.test\r\nx-case: {ID}\r\n{length}\r\n\r\n{MARKER}"),
        ),
        ("before a name", post("HTTP/1.1"), format!("{length}\r\n\r\n{MARKER}")),
        ("in a name", format!("{}content", post("HTTP/1.1")), format!("-length: {N}\r\n\r\n{MARKER}")),
        ("behind a name", format!("{}content-length", post("HTTP/1.1")), format!(": {N}\r\n\r\n{MARKER}")),
        ("behind a colon", format!("{}content-length:", post("HTTP/1.1")), format!("{N}\r\n\r\n{MARKER}")),
        ("in a value", format!("{}x: y", post("HTTP/1.1")), format!("{length}\r\n\r\n{MARKER}")),
        ("behind a value", format!("{}{length}", post("HTTP/1.1")), format!("\r\n\r\n{MARKER}")),
        ("at a line end", format!("{}x: y\r", post("HTTP/1.1")), format!("\n{length}\r\n\r\n{MARKER}")),
        ("in the empty line", format!("{}{length}\r\n", post("HTTP/1.1")), format!("\r\n{MARKER}")),
    ];
    for odd in odd_bytes() {
        for (place, before, behind) in &places {
            let name = format!("\"{}\" {place}", odd.escape_ascii());
            corpus.add(name, [before.as_bytes(), &odd, behind.as_bytes()].concat());
        }
    }
}

fn request_lines(corpus: &mut Corpus) {
    let rest = format!("host: a.test\r\nx-case: {ID}\r\ncontent-length: {N}\r\n\r\n{MARKER}");
    for version in [
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2.0",
        "HTTP/9.9",
        "HTTP/11",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1.01",
        "http/1.1",
        "Http/1.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/1 .1",
        "HTTP/1,1",
        "HTTP/+1.1",
        "HTTP/-1.1",
        "HTTP/1.1x",
        "HTTP/1.1 HTTP/1.1",
        "HTTPS/1.1",
        "RTSP/1.0",
        "ICAP/1.0",
        "HTTP/1.1 x",
        "HTTP/1.1;",
        "H",
        "",
    ] {
        corpus.add(format!("version {version:?}"), format!("POST /c/{ID} {version}\r\n{rest}"));
        corpus.add(format!("version {version:?}, no target"), format!("POST {version}\r\n{rest}"));
    }
    corpus.add("HTTP/0.9", format!("GET /c/{ID}\r\n{MARKER}"));
    for method in [
        "post",
        "Post",
        "POST:",
        "P\u{d6}ST",
        "",
        "\"POST\"",
        "PO ST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PRI",
        "PURGE",
        "M-SEARCH",
        "GETPOST",
        "GET\\",
        "(POST)",
        "A,B",
        "PROXY",
        "{",
        "=",
    ] {
        corpus.add(format!("method {method:?}"), format!("{method} /c/{ID} HTTP/1.1\r\n{rest}"));
    }
    let huge = "M".repeat(100_000);
    corpus.add("a huge method", format!("{huge} /c/{ID} HTTP/1.1\r\n{rest}"));
    corpus.add("a huge target", format!("POST /c/{ID}/{huge} HTTP/1.1\r\n{rest}"));
    corpus.add("a huge value", format!("POST /c/{ID} HTTP/1.1\r\nx: {huge}\r\n{rest}"));
    corpus.add("a huge name", format!("POST /c/{ID} HTTP/1.1\r\n{huge}: x\r\n{rest}"));
    for count in [99, 100, 127, 128, 129, 300, 20_000] {
        let many = "a: b\r\n".repeat(count);
        corpus.add(format!("{count} more fields"), format!("POST /c/{ID} HTTP/1.1\r\n{many}{rest}"));
        corpus.add(
            format!("{count} empty lines"),
            format!("{}POST /c/{ID} HTTP/1.1\r\n{rest}", "\r\n".repeat(count)),
        );
    }
}

fn targets_and_hosts(corpus: &mut Corpus) {
    let targets = [
        "/c/@@@@@",
        "http://a.test/c/@@@@@",
        "http://evil.test/c/@@@@@",
        "HTTP://a.test/c/@@@@@",
        "https://a.test/c/@@@@@",
        "ftp://a.test/c/@@@@@",
        "http://u:p@a.test/c/@@@@@",
        "http://a.test@evil/c/@@@@@",
        "http:///c/@@@@@",
        "http://",
        "http://a.test",
        "http://a.test?x",
        "http://a.test:99999/c/@@@@@",
        "http://a.test\\@evil/c/@@@@@",
        "http://[::1/c/@@@@@",
        "//a.test/c/@@@@@",
        "a.test/c/@@@@@",
        "c/@@@@@",
        "*",
        "a.test:80",
        "?x",
        "#",
        "/c/@@@@@#x",
        "/c/@@@@@?x#y",
        "/c/@@@@@%00",
        "/c/@@@@@%0d%0a",
        "/c/@@@@@%",
        "/c/@@@@@%2e%2e/",
        "/c/../c/@@@@@",
        "/c/@@@@@\\..\\",
        "/c/@@@@@;x",
        "/c//@@@@@",
        "/c/@@@@@|{}\"<>^`",
        "/c/@@@@@\u{e4}",
        "/c/@@@@@%ff",
        "\\c\\@@@@@",
        "javascript:x",
        "://",
        "/c/@@@@@ HTTP/1.1 ",
    ];
    let hosts = [
        "host: a.test\r\n",
        "",
        "host: a.test\r\nhost: a.test\r\n",
        "host: a.test\r\nhost: evil.test\r\n",
        "host: a.test, evil.test\r\n",
        "host: a.test/x\r\n",
        "host: \r\n",
        "host : a.test\r\n",
        "host: a.test\r\n evil.test\r\n",
        "host: a@b\r\n",
        "host: a.test:x\r\n",
        "host: a b\r\n",
    ];
    for target in targets {
        for host in hosts {
            let head = format!("POST {target} HTTP/1.1\r\n{host}x-case: {ID}\r\n");
            let name = format!("target {target:?}, {host:?}");
            corpus.add(name, format!("{head}content-length: {N}\r\n\r\n{MARKER}"));
        }
    }
}

fn methods_with_bodies(corpus: &mut Corpus) {
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT", "PUT"] {
        for expect in [
            "",
            "expect: 100-continue\r\n",
            "expect: y 100-continue\r\n",
            "expect: 100-Continue\r\nexpect: x\r\n",
            "expect:\r\n",
        ] {
            let target = if method == "CONNECT" { "a.test:80" } else { "/c/@@@@@" };
            let head = format!("{method} {target} HTTP/1.1\r\nhost: a.test\r\nx-case: {ID}\r\n{expect}");
            let name = format!("{method} with {expect:?}");
            corpus.add(format!("{name}, a length"), format!("{head}content-length: {N}\r\n\r\n{MARKER}"));
            corpus.add(
                format!("{name}, chunks"),
                format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked_marker()),
            );
            corpus.add(
                format!("{name}, CL.TE"),
                format!("{head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{MARKER}"),
            );
            corpus.add(
                format!("{name}, less than said"),
                format!("{head}content-length: {}\r\n\r\n{MARKER}", N + 1),
            );
            corpus.add(format!("{name}, nothing said"), format!("{head}\r\n{MARKER}"));
        }
    }
}

fn upgrades(corpus: &mut Corpus) {
    let h2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for upgrade in [
        "websocket",
        "WebSocket",
        "h2c",
        "h2c, websocket",
        "websocket, h2c",
        "TLS/1.2",
        "HTTP/2.0",
        "foo",
        "",
        "websocket\x0b",
    ] {
        for connection in
            ["upgrade", "Upgrade, HTTP2-Settings", "keep-alive, upgrade", "close, upgrade", "upgrade,", "x"]
        {
            let head = format!(
                "GET /c/{ID} HTTP/1.1\r\nhost: a.test\r\nx-case: {ID}\r\nconnection: {connection}\r\nupgrade: {upgrade}\r\n\
                 http2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            );
            let name = format!("upgrade {upgrade:?}, connection {connection:?}");
            corpus.add(format!("{name}, early"), format!("{head}\r\n{h2}{MARKER}"));
            corpus
                .add(format!("{name}, with a length"), format!("{head}content-length: {N}\r\n\r\n{MARKER}"));
            corpus.add(
                format!("{name}, with chunks"),
                format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked_marker()),
            );
        }
    }
    corpus.add("the preface of HTTP/2", format!("{h2}{MARKER}"));
    corpus.add("a PROXY header", format!("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n{MARKER}"));
    corpus.add("a ClientHello", format!("\x16\x03\x01\x02\0\x01{MARKER}"));
}

fn hop_by_hop(corpus: &mut Corpus) {
    for option in [
        "content-length",
        "transfer-encoding",
        "host",
        "x-case",
        "te",
        "close, content-length",
        "keep-alive, host",
        "connection",
        "upgrade",
        "x-forwarded-for",
        "cookie",
        "content-length\x0b",
        ",,,",
        "\"close\"",
        "close\0",
        "transfer-encoding, content-length",
    ] {
        for name in ["connection", "proxy-connection", "keep-alive"] {
            let fields = format!("{name}: {option}\r\n");
            let named = format!("{name}: {option:?}");
            corpus.post(
                format!("{named}, a length"),
                format!("{fields}content-length: {N}\r\n").as_bytes(),
                MARKER,
            );
            corpus.post(
                format!("{named}, chunks"),
                format!("{fields}transfer-encoding: chunked\r\n").as_bytes(),
                &chunked_marker(),
            );
        }
    }
}
