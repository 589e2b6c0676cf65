//! What becomes of responses.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Frame, Reply, Request, Script};
use serde_json::Value;

use super::{case, options};

const OK: &[(&str, &str)] = &[(":status", "200")];

pub(crate) fn cases() -> Vec<Case> {
    [heads(), bodies(), interim()].into_iter().flatten().collect()
}

fn heads() -> Vec<Case> {
    vec![
        case(
            "responses_of_http2_are_passed_on",
            Script::by(|request| match request.path() {
                "/204" => Reply::status(204).into(),
                "/304" => Reply::status(304).header("etag", "x").into(),
                "/404" => Reply::status(404).body("no").into(),
                "/500" => Reply::status(500).into(),
                "/999" => Reply::status(999).into(),
                "/cookies" => Reply::ok("c")
                    .header("set-cookie", "a=1")
                    .header("x", "1")
                    .header("set-cookie", "b=2")
                    .into(),
                "/length" => Reply::ok("five!").header("content-length", "5").into(),
                _ => Reply::ok("body").into(),
            }),
        )
        .get("/")
        .get("/204")
        .get("/304")
        .get("/404")
        .get("/500")
        .get("/999")
        .get("/cookies")
        .get("/length")
        .send(Request::new("HEAD", "/length"))
        .send(Request::new("HEAD", "/"))
        .stats(&[
            "cluster.app.upstream_cx_total",
            "cluster.app.upstream_rq_2xx",
            "cluster.app.upstream_rq_5xx",
        ]),
        case("too_many_fields_of_a_response", Answer::frames([many(101)])).get("/").stats(&[
            "cluster.app.http2.header_overflow",
            "cluster.app.upstream_rq_rx_reset",
            "cluster.app.upstream_rq_503",
        ]),
        case("the_status_is_a_field_too", Answer::frames([many(100)])).get("/"),
        case("as_many_fields_as_are_allowed", Answer::frames([many(99)])).get("/"),
        Case::new("more_fields_where_they_are_allowed")
            .backend("app", Script::always(Answer::frames([many(300)])).http2())
            .cluster("app", &options("", "max_headers_count: 400"))
            .get("/"),
        case(
            "a_large_head",
            Answer::frames([Frame::headers(&[(":status", "200"), ("x", &"y".repeat(12_000))]).ending()]),
        )
        .get("/"),
        case(
            "heads_around_the_limit",
            Script::by(|request| {
                let each = request.path().trim_start_matches('/').parse().unwrap_or(0);
                Answer::frames(large(each))
            }),
        )
        .get("/5900")
        .get("/6100")
        .get("/6200")
        .get("/7900")
        .get("/12000")
        .stats(&["cluster.app.http2.header_overflow", "cluster.app.upstream_cx_total"]),
        case(
            "a_response_to_head_that_ends_later",
            Answer::frames([Frame::headers(OK), Frame::data("").ending()]),
        )
        .send(Request::new("HEAD", "/"))
        .stats(&["cluster.app.upstream_rq_tx_reset", "cluster.app.upstream_cx_active"]),
    ]
}

fn bodies() -> Vec<Case> {
    vec![
        case("a_large_response_goes_through", Script::always(Answer::default().then(Act::Fill(3 << 20))))
            .get("/")
            .stats(&["cluster.app.upstream_cx_active"]),
        case("trailers_of_a_response", Reply::ok("body").trailer("x-t", "1").trailer("grpc-status", "0"))
            .hcm("http_protocol_options: {enable_trailers: true}")
            .log("%TRAILER(x-t)% %RESPONSE_CODE% %BYTES_SENT%")
            .get("/")
            .stats(&["cluster.app.http2.trailers"]),
        case(
            "trailers_of_a_response_are_dropped_unless_they_are_wanted",
            Reply::ok("body").trailer("x-t", "1"),
        )
        .log("%TRAILER(x-t)% %RESPONSE_CODE%")
        .get("/"),
        case(
            "nothing_but_trailers",
            Reply::status(200).trailer("grpc-status", "12").header("content-type", "application/grpc"),
        )
        .get("/"),
        case(
            "a_body_that_is_too_short",
            Answer::frames([
                Frame::headers(&[(":status", "200"), ("content-length", "5")]),
                Frame::data("abc").ending(),
            ]),
        )
        .get("/")
        .stats(&[
            "cluster.app.upstream_rq_tx_reset",
            "cluster.app.upstream_cx_active",
            "cluster.app.http2.tx_reset",
        ]),
        case(
            "a_body_that_is_too_long",
            Answer::frames([
                Frame::headers(&[(":status", "200"), ("content-length", "2")]),
                Frame::data("abc").ending(),
            ]),
        )
        .get("/")
        .stats(&["cluster.app.upstream_rq_tx_reset", "cluster.app.upstream_cx_active"]),
        case(
            "a_body_with_two_lengths",
            Answer::frames([
                Frame::headers(&[(":status", "200"), ("content-length", "3"), ("content-length", "3")]),
                Frame::data("abc").ending(),
            ]),
        )
        .get("/"),
        case(
            "a_length_that_the_configuration_changes",
            Script::by(|request| match request.path() {
                "/none" => Answer::frames([Frame::headers(OK), Frame::data("abc").ending()]),
                _ => Answer::frames([
                    Frame::headers(&[(":status", "200"), ("content-length", "3")]),
                    Frame::data("abc").ending(),
                ]),
            }),
        )
        .routes(
            "- match: {prefix: /}
  route: {cluster: app}
  response_headers_to_add:
  - header: {key: content-length, value: '2'}
    append_action: OVERWRITE_IF_EXISTS_OR_ADD",
        )
        .get("/")
        .get("/none")
        .without_log()
        .differs("D-300", &["1 GET /", "headers", "content-length"], Value::Null)
        .differs("D-300", &["1 GET /", "headers", "transfer-encoding"], "chunked")
        .differs("D-300", &["1 GET /", "body"], "abc")
        .differs("D-300", &["2 GET /none", "headers", "content-length"], Value::Null)
        .differs("D-300", &["2 GET /none", "headers", "transfer-encoding"], "chunked")
        .differs("D-300", &["2 GET /none", "body"], "abc"),
        case("an_answer_before_the_request_is_complete", Script::always(Reply::status(413)).early())
            .raw("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
            .stats(&[
                "cluster.app.upstream_rq_tx_reset",
                "cluster.app.upstream_rq_4xx",
                "cluster.app.upstream_cx_active",
            ]),
        case(
            "a_response_that_is_complete_and_then_reset",
            Answer::frames([Frame::headers(OK), Frame::data("all of it").ending(), Frame::reset(0)]),
        )
        .get("/")
        .send(Request::post("/", "body"))
        .stats(&["cluster.app.upstream_rq_rx_reset", "cluster.app.upstream_rq_tx_reset"]),
    ]
}

fn interim() -> Vec<Case> {
    vec![
        case(
            "interim_responses",
            Answer::from(Reply::status(103).header("link", "</a>")).then(Act::Reply(Reply::ok("final"))),
        )
        .get("/"),
        case(
            "interim_responses_where_they_are_wanted",
            Answer::from(Reply::status(100))
                .then_pause(Duration::from_millis(50))
                .then(Act::Reply(Reply::ok("final"))),
        )
        .hcm("proxy_100_continue: true")
        .send(Request::post("/", "body").header("expect", "100-continue")),
    ]
}

/// A head with that many fields beside the status.
fn many(count: usize) -> Frame {
    let names: Vec<_> = (0..count).map(|number| format!("x-{number}")).collect();
    let mut fields = OK.to_vec();
    fields.extend(names.iter().map(|name| (name.as_str(), "1")));
    Frame::headers(&fields).ending()
}

/// A head with ten fields of that size, in two frames where it takes more than one.
fn large(each: usize) -> Vec<Frame> {
    let value = "~".repeat(each.saturating_sub(3));
    let names: Vec<_> = (0..10).map(|number| format!("x{number}")).collect();
    let mut fields = OK.to_vec();
    fields.extend(names.iter().map(|name| (name.as_str(), value.as_str())));
    Frame::headers(&fields).ending().in_pieces(16_000)
}
