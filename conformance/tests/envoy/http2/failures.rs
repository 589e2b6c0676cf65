//! What back-ends of HTTP/2 do wrong.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Frame, Reply, Script};
use serde_json::{Value, json};

use super::{HTTP2, case, what_was_told};

const OK: &[(&str, &str)] = &[(":status", "200")];

pub(crate) fn cases() -> Vec<Case> {
    [resets(), ends(), goaways(), malformed(), foreign(), floods()].into_iter().flatten().collect()
}

fn resets() -> Vec<Case> {
    vec![
        case(
            "streams_that_are_reset",
            Script::by(|request| {
                let code = request.path().trim_start_matches('/').parse().unwrap_or(0);
                Answer::frames([Frame::reset(code)])
            }),
        )
        .get("/0")
        .get("/1")
        .get("/2")
        .get("/7")
        .get("/8")
        .get("/10")
        .get("/11")
        .stats(&[
            "cluster.app.upstream_rq_rx_reset",
            "cluster.app.upstream_rq_tx_reset",
            "cluster.app.http2.rx_reset",
            "cluster.app.upstream_cx_total",
            "cluster.app.upstream_cx_active",
            "cluster.app.upstream_rq_502",
            "cluster.app.upstream_rq_503",
        ]),
        case(
            "streams_that_are_reset_behind_the_head",
            Script::by(|request| {
                let code = request.path().trim_start_matches('/').parse().unwrap_or(0);
                Answer::frames([Frame::headers(OK), Frame::data("part")])
                    .then_pause(Duration::from_millis(50))
                    .then_frames([Frame::reset(code)])
            }),
        )
        .get("/0")
        .get("/1")
        .get("/8")
        .stats(&[
            "cluster.app.upstream_rq_rx_reset",
            "cluster.app.upstream_rq_tx_reset",
            "cluster.app.upstream_cx_active",
        ]),
        case("a_stream_that_takes_too_long_is_reset", Answer::hang())
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, timeout: 0.3s}",
            )
            .get("/")
            .stats(&[
                "cluster.app.upstream_rq_timeout",
                "cluster.app.upstream_rq_tx_reset",
                "cluster.app.http2.tx_reset",
                "cluster.app.upstream_cx_active",
                "cluster.app.http2.streams_active",
            ]),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        case(
            "connections_that_are_closed_or_reset",
            Script::by(|request| match request.path() {
                "/close" => Answer::close(),
                "/reset" => Answer::reset(),
                "/close-in-body" => Answer::frames([Frame::headers(OK), Frame::data("part")])
                    .then_pause(Duration::from_millis(50))
                    .then_close(),
                _ => Reply::ok("fine").into(),
            }),
        )
        .get("/close")
        .get("/reset")
        .get("/close-in-body")
        .get("/")
        .stats(&[
            "cluster.app.upstream_cx_total",
            "cluster.app.upstream_cx_destroy_remote",
            "cluster.app.upstream_cx_destroy_remote_with_active_rq",
            "cluster.app.upstream_cx_destroy_local",
            "cluster.app.upstream_rq_pending_failure_eject",
            "cluster.app.upstream_rq_503",
        ]),
        Case::new("nobody_listens")
            .dead("dead")
            .cluster("dead", HTTP2)
            .routes(
                "
            - match: {prefix: /}
              route: {cluster: dead}",
            )
            .get("/")
            .stats(&["cluster.dead.upstream_cx_connect_fail", "cluster.dead.upstream_cx_http2_total"]),
    ]
}

fn goaways() -> Vec<Case> {
    vec![
        case(
            "a_goaway_that_leaves_the_request_out",
            Script::by(|request| match request.path() {
                "/out" => Answer::frames([Frame::goaway(0, 0)]),
                "/out-with-an-error" => Answer::frames([Frame::goaway(0, 2)]),
                _ => Reply::ok("fine").into(),
            }),
        )
        .get("/out")
        .get("/out-with-an-error")
        .get("/")
        .stats(&[
            "cluster.app.upstream_cx_total",
            "cluster.app.upstream_cx_close_notify",
            "cluster.app.upstream_rq_503",
        ]),
        case(
            "a_goaway_that_leaves_the_request_in",
            Script::by(|request| match request.path() {
                "/" => Reply::ok("fine").into(),
                _ => Answer::frames([Frame::goaway(0x7FFF_FFFF, 0)])
                    .then_pause(Duration::from_millis(50))
                    .then_frames([Frame::headers(OK), Frame::data("served").ending()]),
            }),
        )
        .get("/in")
        .get("/")
        .stats(&[
            "cluster.app.upstream_cx_total",
            "cluster.app.upstream_cx_close_notify",
            "cluster.app.upstream_rq_200",
        ]),
    ]
}

fn malformed() -> Vec<Case> {
    let heads: [(&'static str, &[(&str, &str)]); 8] = [
        ("a_name_in_upper_case", &[(":status", "200"), ("X-Upper", "1")]),
        ("a_response_without_a_status", &[("x", "1")]),
        ("a_status_that_is_no_number", &[(":status", "abc")]),
        ("a_status_of_two_digits", &[(":status", "99")]),
        ("a_pseudo_header_that_there_is_not", &[(":status", "200"), (":foo", "1")]),
        ("a_connection_header", &[(":status", "200"), ("connection", "close")]),
        ("a_transfer_encoding", &[(":status", "200"), ("transfer-encoding", "chunked")]),
        ("a_name_with_a_space", &[(":status", "200"), ("x y", "1")]),
    ];
    let mut cases: Vec<_> = heads
        .into_iter()
        .map(|(name, head)| {
            case(name, Answer::frames([Frame::headers(head).ending()])).get("/").stats(&[
                "cluster.app.upstream_cx_active",
                "cluster.app.upstream_rq_502",
                "cluster.app.upstream_rq_tx_reset",
            ])
        })
        .collect();
    cases.extend([
        case("data_before_the_head", Answer::frames([Frame::data("x").ending()])).get("/").stats(&[
            "cluster.app.upstream_cx_protocol_error",
            "cluster.app.upstream_rq_502",
            "cluster.app.upstream_cx_destroy_local",
        ]),
        case("a_switch_that_nobody_asked_for", Answer::frames([Frame::headers(&[(":status", "101")])]))
            .get("/"),
        case(
            "a_length_without_a_body",
            Answer::frames([Frame::headers(&[(":status", "200"), ("content-length", "5")]).ending()]),
        )
        .get("/"),
        case("a_frame_on_the_wrong_stream", Answer::frames([Frame::data("x").on(0)])).get("/"),
        case("a_push_that_nobody_wants", Answer::frames([Frame::new(5, 4, [0, 0, 0, 2, 0x82])])).get("/"),
        case(
            "what_a_back_end_is_told_that_breaks_the_rules",
            Script::by(|request| match request.path() {
                "/data-on-no-stream" => Answer::frames([Frame::data("x").on(0)]),
                "/push" => Answer::frames([Frame::new(5, 4, [0, 0, 0, 2, 0x82])]),
                "/hpack" => Answer::frames([Frame::new(1, 5, [0xFF; 6])]),
                "/ping-on-a-stream" => Answer::frames([Frame::new(6, 0, [0; 8])]),
                "/settings" => Answer::frames([Frame::new(4, 0, [0, 5, 0, 0, 0, 1]).on(0)]),
                "/window" => Answer::frames([Frame::new(8, 0, [0x7F, 0xFF, 0xFF, 0xFF]).on(0)]),
                _ => Answer::frames([Frame::new(8, 0, [0; 4]).on(0)]),
            }),
        )
        .get("/data-on-no-stream")
        .get("/push")
        .get("/hpack")
        .get("/ping-on-a-stream")
        .get("/settings")
        .get("/window")
        .get("/no-window")
        .step(what_was_told)
        // Two of seven are told by Envoy, one of them by another code.
        .differs(
            "D-156",
            &["told"],
            json!([1, 1, 1, 1, 1, 3, 1].map(|code| format!("GOAWAY: {code}"))),
        ),
        case(
            "trailers_that_break_the_rules",
            Script::by(|request| {
                let trailers: &[(&str, &str)] = match request.path() {
                    "/upper" => &[("X-Upper", "1")],
                    "/pseudo" => &[(":status", "200")],
                    "/connection" => &[("connection", "close")],
                    _ => &[("x y", "1")],
                };
                Answer::frames([Frame::headers(OK), Frame::data("body"), Frame::headers(trailers).ending()])
            }),
        )
        .without_log()
        .get("/upper")
        .get("/connection")
        .get("/space")
        .get("/pseudo")
        .stats(&["cluster.app.http2.rx_messaging_error"])
        .step(what_was_told)
        .differs("D-157", &["5 stats", "cluster.app.http2.rx_messaging_error"], 1)
        .differs("D-157", &["told"], json!(["GOAWAY: 1", "reset of 1: 1", "GOAWAY: 1"]))
        .differs("D-157", &["4 GET /pseudo", "complete"], Value::Null)
        .differs("D-157", &["4 GET /pseudo", "end"], "open"),
        case("bytes_that_hpack_does_not_know", Answer::frames([Frame::new(1, 5, [0xFF; 6])])).get("/"),
    ]);
    cases
}

fn foreign() -> Vec<Case> {
    vec![
        Case::new("a_back_end_that_speaks_http1")
            .backend("app", Script::echo())
            .cluster("app", HTTP2)
            .get("/")
            .stats(&["cluster.app.upstream_rq_502", "cluster.app.upstream_cx_protocol_error"]),
        Case::new("a_back_end_that_speaks_http2_only").backend("app", Script::echo().http2()).get("/"),
    ]
}

fn floods() -> Vec<Case> {
    vec![
        case("empty_frames", Answer::frames([vec![Frame::headers(OK)], vec![Frame::data(""); 50]].concat()))
            .get("/")
            .stats(&["cluster.app.http2.inbound_empty_frames_flood", "cluster.app.upstream_cx_active"]),
        case("priority_frames", Answer::frames(vec![Frame::new(2, 0, [0, 0, 0, 0, 1]).on(3); 300]))
            .get("/")
            .stats(&["cluster.app.http2.inbound_priority_frames_flood", "cluster.app.upstream_rq_502"]),
        case("window_updates", Answer::frames(vec![Frame::new(8, 0, [0, 0, 0, 1]).on(0); 300]))
            .get("/")
            .stats(&["cluster.app.http2.inbound_window_update_frames_flood", "cluster.app.upstream_rq_502"]),
    ]
}
