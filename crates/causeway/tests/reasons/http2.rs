//! What back-ends do on connections of HTTP/2.

use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Answer, Frame, Request, Script};

use crate::case::Case;

const OK: &[(&str, &str)] = &[(":status", "200")];

/// An empty SETTINGS frame, with which a server begins.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

pub(crate) fn cases() -> Vec<Case> {
    [resets(), ends(), broken()].into_iter().flatten().collect()
}

/// A back-end that answers with these frames.
fn of(reason: Reason, frames: impl Into<Vec<Frame>>) -> Case {
    Case::of(reason)
        .plays(Script::always(Answer::frames(frames)).http2())
        .cluster("http2_protocol_options: {}")
}

fn resets() -> Vec<Case> {
    vec![
        of(Reason::UpstreamStreamReset, [Frame::reset(2)]).evidence("INTERNAL_ERROR"),
        of(Reason::UpstreamStreamReset, [Frame::headers(OK), Frame::data("part"), Frame::reset(8)])
            .evidence("CANCEL")
            .after_head(),
        of(Reason::UpstreamStreamRefused, [Frame::reset(7)]).evidence("REFUSED_STREAM"),
        of(Reason::UpstreamGoaway, [Frame::goaway(0, 11)]).evidence("ENHANCE_YOUR_CALM, last stream 0"),
        of(Reason::UpstreamTunnelFailed, [Frame::reset(10)]).evidence("CONNECT_ERROR"),
        of(Reason::UpstreamFoundFault, [Frame::reset(1)]).evidence("PROTOCOL_ERROR"),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case::of(Reason::UpstreamConnectionLost)
            .plays(Script::always(Answer::close()).http2())
            .cluster("http2_protocol_options: {}")
            .evidence("closed after 0 bytes on the stream"),
        Case::of(Reason::UpstreamPingTimeout)
            .plays(
                Script::always(Answer::hang())
                    .greeting(Answer::raw(SETTINGS).then(causeway_testkit::Act::Hang)),
            )
            .cluster("http2_protocol_options: {connection_keepalive: {interval: 0.2s, timeout: 0.2s}}")
            .evidence("PING"),
    ]
}

fn broken() -> Vec<Case> {
    let many: Vec<_> = (0..120).map(|number| format!("x-{number}")).collect();
    let mut head = OK.to_vec();
    head.extend(many.iter().map(|name| (name.as_str(), "v")));
    vec![
        Case::of(Reason::UpstreamSpeaksHttp1)
            .plays(Script::echo().greeting(
                // What it says next resets the connection, and is to come when this has been read.
                Answer::raw("HTTP/1.1 400 Bad Request\r\n\r\n").then_pause(Duration::from_millis(500)),
            ))
            .cluster("http2_protocol_options: {}")
            .evidence("HTTP/1.1 400 Bad"),
        of(Reason::UpstreamHttp2Broken, [Frame::data("x").on(0)]).evidence("stream 1 of a connection"),
        of(
            Reason::UpstreamMessageMalformed,
            [Frame::headers(&[(":status", "200"), ("connection", "close")])],
        )
        .evidence("stream 1 of a connection"),
        of(
            Reason::UpstreamMessageMalformed,
            [Frame::headers(&[(":status", "200"), ("content-length", "9")]), Frame::data("short").ending()],
        )
        .evidence("bytes of the body")
        .after_head(),
        of(Reason::UpstreamFlood, vec![Frame::new(2, 0, [0, 0, 0, 0, 1]).on(3); 500])
            .evidence("max_inbound_priority_frames_per_stream"),
        of(Reason::UpstreamHeadOverflow, [Frame::headers(&head).ending()]).evidence("121 fields"),
        of(Reason::RequestUnsendable, [Frame::headers(OK).ending()])
            .send(Request::get("/").host("a%41.test"))
            .evidence("authority \"a%41.test\""),
    ]
}
