//! Messages with and without a body, both ways.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};

/// Trailers pass to and from the back-end.
const TRAILERS: &str = r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    explicit_http_config: {http_protocol_options: {enable_trailers: true}}"#;

/// A request in chunks with these lines behind its body.
fn trailing(path: &str, lines: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    format!("{head}3\r\nabc\r\n0\r\n{lines}\r\n")
}

/// More fields, and more bytes, than are allowed.
fn beyond_limits(case: Case) -> Case {
    case.echoes(&["app"])
        .raw(trailing("/many", "a: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n"))
        .raw(trailing("/large", &format!("a: 1\r\nb: {}\r\n", "x".repeat(3000))))
        .stats(&[
            "http.ingress.downstream_cx_protocol_error",
            "http.ingress.downstream_rq_4xx",
            "cluster.app.upstream_rq_tx_reset",
        ])
}

/// The limits of these cases.
const FEW: &str = "max_request_headers_kb: 2\ncommon_http_protocol_options: {max_headers_count: 4}";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("request_bodies_arrive_whole")
            .send(Request::post("/", "x"))
            .send(Request::post("/", vec![b'y'; 200_000]))
            .send(Request::new("PUT", "/").body(vec![0xff; 3000]))
            .send(Request::new("DELETE", "/").body("gone"))
            .send(Request::get("/").body("a body on GET"))
            .send(Request::post("/", "").header("content-length", "0"))
            .send(Request::new("POST", "/")),
        Case::new("chunked_request_bodies_arrive_whole")
            .send(Request::post("/", "chunked").chunked())
            .send(Request::post("/", vec![b'z'; 100_000]).chunked())
            .send(Request::post("/", "").chunked())
            .raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        Case::new("trailers_are_dropped_by_default")
            .backend("app", Reply::echo().trailer("x-after", "1"))
            .send(Request::post("/", "x").trailer("x-late", "1")),
        Case::new("trailers_pass_if_both_sides_are_asked_to")
            .hcm("http_protocol_options: {enable_trailers: true}")
            .backend("app", Reply::echo().header("trailer", "x-after").trailer("x-after", "1"))
            .cluster("app", TRAILERS)
            .send(Request::post("/", "x").trailer("x-late", "1")),
        beyond_limits(Case::new("trailers_that_are_too_many_or_too_large"))
            .hcm(&format!("http_protocol_options: {{enable_trailers: true}}\n{FEW}"))
            .cluster("app", TRAILERS),
        beyond_limits(Case::new("trailers_that_are_dropped_are_too_many_or_too_large")).hcm(FEW),
        Case::new("fields_that_have_no_place_in_trailers")
            .hcm("http_protocol_options: {enable_trailers: true}")
            .without_log()
            .echoes(&["app"])
            .cluster("app", TRAILERS)
            .step(async |run: &mut Run| {
                let request = Request::post("/", "abc").chunked().trailer("content-length", "5").trailer("x-sum", "1");
                let response = run.connect().await.exchange(&request).await;
                let seen = response.ok().and_then(|response| serde_json::from_slice::<serde_json::Value>(&response.body).ok());
                run.note("trailers", seen.map_or(serde_json::Value::Null, |seen| seen["trailers"].clone()));
            })
            .differs("D-324", &["trailers"], serde_json::json!([["x-sum", "1"]])),
        Case::new("response_bodies_of_every_framing")
            .backend("app", script_by_path())
            .get("/length")
            .get("/empty")
            .get("/chunked")
            .get("/large")
            .get("/large-chunked")
            .get("/close")
            .get("/old"),
        Case::new("statuses_without_a_body")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/204" => Reply::status(204).into(),
                    "/304" => Reply::status(304).header("content-length", "5").header("etag", "\"x\"").into(),
                    "/205" => Reply::status(205).into(),
                    _ => Answer::raw("HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n"),
                }),
            )
            .get("/204")
            .get("/304")
            .get("/205")
            .get("/bad-204"),
        Case::new("answers_to_head_have_no_body")
            .backend("app", script_by_path())
            .send(Request::new("HEAD", "/length"))
            .send(Request::new("HEAD", "/chunked"))
            .send(Request::new("HEAD", "/empty"))
            .on_one_connection([Request::new("HEAD", "/length"), Request::get("/length")]),
        Case::new("early_hints_pass_if_they_are_asked_for")
            .backend("app", Answer::raw("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"))
            .get("/"),
        Case::new("expect_is_answered_by_the_proxy")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
                let answer = connection.read(1).await;
                run.note_bytes("before the body", &answer);
                connection.write("body").await;
                let response = connection.response("POST").await;
                run.note_response("after the body", &response);
            })
            .send(Request::post("/", "x").header("Expect", "100-Continue"))
            .send(Request::post("/", "x").header("Expect", "something")),
        Case::new("bodies_are_streamed_in_both_directions")
            .backend(
                "app",
                Script::always(
                    Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")
                        .then_pause(Duration::from_millis(300))
                        .then_send("later"),
                ),
            )
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/")).await;
                // The head is there, with what has come of the body, before the rest is sent.
                let mut early = connection.read(1).await;
                while !early.ends_with(b"first") {
                    let more = connection.read(1).await;
                    assert!(!more.is_empty(), "the first part does not come");
                    early.extend(more);
                }
                run.note("the first part came alone", true.into());
                let rest = connection.read(5).await;
                run.note_bytes("the rest", &rest);
            }),
    ]
}

fn script_by_path() -> Script {
    Script::by(|request| match request.path() {
        "/length" => Reply::ok("twelve bytes").into(),
        "/empty" => Reply::ok("").into(),
        "/chunked" => Reply::ok("in chunks").chunked().into(),
        "/large" => Reply::ok(vec![b'L'; 1 << 20]).into(),
        "/large-chunked" => Reply::ok(vec![b'C'; 1 << 20]).chunked().into(),
        "/close" => Reply::ok("until the end").until_close().into(),
        _ => Answer::raw("HTTP/1.0 200 OK\r\nx-old: 1\r\n\r\nold").then_close(),
    })
}
