//! What back-ends do once they are connected.

use causeway_reason::Reason;
use causeway_testkit::{Answer, Reply, Request, Script};

use crate::case::{Case, Seen, open};
use crate::site::Site;

/// The beginning of a response whose body is longer than what follows.
const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst";

pub(crate) fn cases() -> Vec<Case> {
    [gone(), cut(), unintelligible(), own()].into_iter().flatten().collect()
}

fn gone() -> Vec<Case> {
    vec![
        Case::of(Reason::UpstreamClosed).plays(Answer::close()).evidence("closed after 0 bytes"),
        Case::of(Reason::UpstreamReset).plays(Answer::reset()).evidence("0 bytes"),
        // It closes the connection on which it has served a request before; what is not idempotent is not sent again.
        Case::of(Reason::KeepaliveRace)
            .plays(Script::in_turn([Answer::from(Reply::ok("fine")), Answer::close()]))
            .evidence("request 2 on it")
            .client(async |site: &mut Site| {
                let mut connection = open(site).await;
                connection.exchange(&Request::get("/")).await.unwrap();
                Seen::Answer(connection.exchange(&Request::post("/", "body")).await)
            }),
        Case::of(Reason::UpstreamClosedInHead)
            .plays(Answer::raw("HTTP/1.1 200 OK\r\ncontent-").then_close())
            .evidence("bytes of an answer"),
    ]
}

fn cut() -> Vec<Case> {
    vec![
        Case::of(Reason::UpstreamClosedInBody)
            .plays(Answer::raw(BEGUN).then_close())
            .evidence("5 of 100 bytes"),
        Case::of(Reason::UpstreamResetInBody)
            .plays(Answer::raw(BEGUN).then_reset())
            .evidence("5 of 100 bytes"),
        Case::of(Reason::UpstreamChunkMalformed)
            .plays(Answer::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"))
            .evidence("z"),
    ]
    .into_iter()
    .map(Case::after_head)
    .collect()
}

fn unintelligible() -> Vec<Case> {
    let many = (0..120).fold(Reply::ok(""), |reply, i| reply.header(&format!("x-{i}"), "v"));
    vec![
        Case::of(Reason::UpstreamNotHttp).plays(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n")).evidence("SSH-2.0"),
        Case::of(Reason::UpstreamSpeaksTls)
            .plays(Answer::raw(&b"\x15\x03\x01\x00\x02\x02\x0a"[..]))
            .evidence("TLS record"),
        Case::of(Reason::UpstreamSpeaksHttp2)
            .plays(Answer::raw(&b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"[..]))
            .evidence("SETTINGS"),
        Case::of(Reason::UpstreamHeaderMalformed)
            .plays(Answer::raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"))
            .evidence("header line"),
        Case::of(Reason::UpstreamHeadUnterminated)
            .plays(Answer::raw("HTTP/1.1 200 OK\ncontent-length: 2\n\nok"))
            .evidence("bare LF"),
        Case::of(Reason::UpstreamFraming)
            .plays(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc"))
            .evidence("\"3\" and \"4\""),
        Case::of(Reason::UpstreamHeadersTooLarge)
            .plays(Reply::ok("").header("x", &"v".repeat(100_000)))
            .evidence("81920 bytes"),
        Case::of(Reason::UpstreamHeadersTooMany).plays(many).evidence("100"),
        Case::of(Reason::UpstreamSwitchedUnasked)
            .plays(Answer::raw("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
            .evidence("101"),
    ]
}

fn own() -> Vec<Case> {
    vec![
        Case::of(Reason::UpstreamStatus)
            .plays(Reply::status(503).body("their own"))
            .answered(503, "their own")
            .evidence("answered 503"),
    ]
}
