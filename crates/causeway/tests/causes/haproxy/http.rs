//! What is spoken behind the connection.

use std::time::Duration;

use causeway_testkit::{Answer, Reply, Script};

use super::case::Case;
use crate::world::Behind;

pub(super) fn cases() -> Vec<Case> {
    let raw = |name, codes, bytes: &[u8]| Case::new(name, codes).plays(Answer::raw(bytes).then_close());
    let mut many = Reply::ok("");
    for n in 0..120 {
        many = many.header(&format!("x-{n}"), "1");
    }
    vec![
        Case::new("another protocol", &["P401"])
            .plays(Script::echo().greeting(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n"))),
        Case::new("another protocol, and connecting is the check", &["P401"])
            .plays(Script::echo().greeting(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n")))
            .server("check inter 500"),
        Case::new("h2 to HTTP/1", &["P402"]).plays(Reply::ok("one")).server("proto h2"),
        Case::new("HTTP/1 to h2c", &["P403"]).plays(Script::always(Reply::ok("two")).http2()),
        raw(
            "two lengths",
            &["P404"],
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        ),
        Case::new("too many fields", &["P405"]).plays(many),
        Case::new("a head that is larger than the buffer", &["P406"])
            .plays(Reply::ok("").header("x-large", &"x".repeat(20 << 10))),
        raw("a bad status line", &["P401"], b"HTTQ/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        raw("a bad status", &["P401"], b"HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n"),
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
        Case::new("it closes without an answer", &["P412"]).plays(Answer::close()),
        Case::new("it closes without an answer, and connecting is the check", &["P412"])
            .plays(Answer::close())
            .server("check inter 500"),
        Case::new("it resets without an answer", &["P430"]).plays(Answer::reset()),
        Case::new("it wants a PROXY header", &["P413"]).behind(Behind::Picky(true)),
        Case::new("it wants a PROXY header, and connecting is the check", &["P413"])
            .behind(Behind::Picky(true))
            .server("check inter 500"),
        Case::new("it wants a PROXY header, which the check on another port does not send", &["P413"])
            .behind(Behind::Picky(true))
            .backend("option httpchk GET /health")
            .server("send-proxy check inter 500 port PORT"),
        Case::new("it wants no PROXY header", &["P414"]).behind(Behind::Picky(false)).server("send-proxy"),
        Case::new("it wants no PROXY header of version 2", &["P414"])
            .behind(Behind::Picky(false))
            .server("send-proxy-v2"),
        Case::new("it knows another host", &["P415"])
            .backend("http-request set-header Host old.example.test")
            .backend("option httpchk")
            .backend("http-check send meth GET uri /health hdr Host www.example.test")
            .server("check inter 500")
            .plays(Script::by(|request| match request.headers.get("host") {
                Some("www.example.test") => Reply::ok("").into(),
                _ => Answer::from(Reply::status(421)),
            })),
        Case::new("it fails by itself", &["P417"]).plays(Reply::status(503)),
        Case::new("it fails for one page alone", &["P417"]).plays(Script::by(|request| {
            match request.path() {
                "/page" => Reply::status(500).into(),
                _ => Answer::from(Reply::ok("")),
            }
        })),
        // As an HAProxy does it, whose three retries take a second each.
        Case::new("it fails after seconds, as another HAProxy would", &["P417"])
            .plays(Answer::from(Reply::status(503)).after(Duration::from_millis(3010)))
            .defaults("timeout server 5s")
            .requests(1),
        Case::new("it does not answer", &["O807"]).plays(Answer::hang()).requests(1),
        Case::new("it does not answer, and connecting is the check", &["O807"])
            .plays(Answer::hang())
            .server("check inter 500")
            .requests(1),
        Case::new("it answers after the timeout", &["O807"])
            .plays(Answer::from(Reply::ok("late")).after(Duration::from_millis(1200)))
            .requests(1),
        Case::new("its body does not go on", &["O807"])
            .plays(
                Answer::raw(&b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nshort"[..])
                    .then(causeway_testkit::Act::Hang),
            )
            .requests(1),
    ]
}

pub(super) fn healthy() -> Vec<Case> {
    let well = |name| Case::new(name, &[]);
    vec![
        well("its root is empty").plays(Script::by(|request| match request.path() {
            "/" => Reply::status(404).into(),
            _ => Answer::from(Reply::ok("")),
        })),
        well("its root redirects").plays(Reply::status(302).header("location", "/home")),
        well("its root wants a login").plays(Reply::status(401)),
        well("its answers have chunks").plays(Reply::ok("chunks").chunked()),
        well("its answers end with the connection").plays(Reply::ok("rest").until_close()),
        well("it closes behind each answer")
            .plays(Answer::from(Reply::ok("").header("connection", "close")).then_close()),
        well("it takes its time").plays(Answer::from(Reply::ok("")).after(Duration::from_millis(500))),
        well("its answer is large").plays(Reply::ok(vec![b'x'; 3 << 20])),
        well("its head is as large as it may be")
            .plays(Reply::ok("").header("x-large", &"x".repeat(12 << 10))),
        well("a PROXY header that is wanted")
            .behind(Behind::Picky(true))
            .server("send-proxy check inter 500"),
        well("h2c").plays(Script::echo().http2()).server("proto h2"),
    ]
}
