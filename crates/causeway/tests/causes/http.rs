//! What is spoken behind the connection.

use std::time::Duration;

use causeway_testkit::{Answer, Reply, Script};

use crate::case::Case;

const PROXIED: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";

/// A PROXY header in front.
pub(crate) fn with_header() -> String {
    format!(
        "transport_socket: {{name: proxy, typed_config: {{\"@type\": {PROXIED}, config: {{version: V1}}, \
         transport_socket: {{name: raw, typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}}}}}}"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    let raw = |name, codes, bytes: &[u8]| Case::new(name, codes).plays(Answer::raw(bytes).then_close());
    let mut many = Reply::ok("");
    for n in 0..120 {
        many = many.header(&format!("x-{n}"), "1");
    }
    vec![
        Case::new("another protocol", &["P401"])
            .plays(Script::echo().greeting(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n"))),
        Case::new("h2 to HTTP/1", &["P402"]).plays(Reply::ok("one")).cluster("http2_protocol_options: {}"),
        Case::new("HTTP/1 to h2c", &["P403"]).plays(Script::always(Reply::ok("two")).http2()),
        raw(
            "two lengths",
            &["P404"],
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        Case::new("too many fields", &["P405"]).plays(many).fixed_by("max_headers_count"),
        Case::new("a head that is too large", &["P406"])
            .plays(Reply::ok("").header("x-large", &"x".repeat(100 << 10))),
        raw(
            "a field that is none",
            &["P407"],
            b"HTTP/1.1 200 OK\r\nbad field: 1\r\ncontent-length: 0\r\n\r\n",
        ),
        raw("a body that ends early", &["P408"], b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nshort"),
        raw("a head that ends early", &["P431"], b"HTTP/1.1 200 OK\r\ncontent-"),
        raw(
            "a chunk that is none",
            &["P434"],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ),
        Case::new("it closes behind each answer", &["P411"])
            .plays(Answer::from(Reply::ok("once")).then_close()),
        Case::new("it closes without an answer", &["P412"]).plays(Answer::close()),
        Case::new("it resets without an answer", &["P430"]).plays(Answer::reset()),
        Case::new("it wants a PROXY header", &["P413"]).wants_header(true),
        Case::new("it wants no PROXY header", &["P414"]).wants_header(false).cluster(with_header()),
        Case::new("it knows another host", &["P415"]).domain("www.example.test").plays(Script::by(
            |request| match request.headers.get("host") {
                Some("app") => Reply::ok("").into(),
                _ => Answer::from(Reply::status(421)),
            },
        )),
        Case::new("it fails by itself", &["P417"]).plays(Reply::status(503)),
        Case::new("it keeps connections for five seconds", &["P421"])
            .plays(Reply::ok("").header("keep-alive", "timeout=5"))
            .fixed_by("idle_timeout"),
        Case::new("it does not answer", &["O801"]).plays(Answer::hang()),
        Case::new("it answers after seconds", &["O801"])
            .plays(Answer::from(Reply::ok("late")).after(Duration::from_secs(4))),
    ]
}
