//! What upstreams send: interim responses, bodies where there are none, ends in every phase, old versions.

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

use super::LOCAL;

/// Trailers pass to and from the upstream.
const TRAILERS: &str = r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    explicit_http_config: {http_protocol_options: {enable_trailers: true}}"#;

/// What counts connections that end, or bring what belongs to nothing.
const ENDED: &[&str] = &[
    "cluster.app.upstream_cx_protocol_error",
    "cluster.app.upstream_cx_destroy_local",
    "cluster.app.upstream_cx_destroy_remote",
    "cluster.app.upstream_cx_destroy_remote_with_active_rq",
    "cluster.app.upstream_cx_close_notify",
];

pub(crate) fn cases() -> Vec<Case> {
    [heads(), interim(), without_body(), ends(), reuse(), trailers(), old_upstreams()]
        .into_iter()
        .flatten()
        .collect()
}

fn heads() -> Vec<Case> {
    vec![
        Case::new("head_with_local_answers")
            .routes(LOCAL)
            .dead("dead")
            .on_one_connection(
                ["/local", "/redirect", "/nowhere", "/dead", "/app"].map(|path| Request::new("HEAD", path)),
            )
            .send(Request::new("HEAD", "/local").header("connection", "close")),
        Case::new("head_and_what_upstreams_say_of_the_body")
            .backend(
                "app",
                Script::by(|request| {
                    Answer::raw(match request.path() {
                        "/304" => "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
                        "/304-chunked" => "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",
                        "/chunked" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                        "/nothing" => "HTTP/1.1 200 OK\r\n\r\n",
                        "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                        "/404" => "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\n",
                        "/large" => "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                    })
                }),
            )
            .on_one_connection(
                ["/304", "/304-chunked", "/chunked", "/nothing", "/204", "/404", "/large", "/zero"]
                    .map(|path| Request::new("HEAD", path)),
            )
            .connected("app"),
        Case::new("head_with_a_body_all_the_same")
            .backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra"))
            .on_one_connection([Request::new("HEAD", "/1"), Request::get("/2")])
            .connected("app"),
        Case::new("head_with_a_request_body")
            .send(Request::new("HEAD", "/").body("body"))
            .send(Request::new("HEAD", "/").body("body").chunked()),
    ]
}

fn interim() -> Vec<Case> {
    vec![
        Case::new("interim_responses_in_front_of_the_final_one")
            .backend(
                "app",
                Script::by(|request| {
                    let last = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
                    let interim = match request.path() {
                        "/100" => "HTTP/1.1 100 Continue\r\n\r\n",
                        "/102" => "HTTP/1.1 102 Processing\r\n\r\n",
                        "/103-twice" => "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\n",
                        "/199" => "HTTP/1.1 199 Odd\r\n\r\n",
                        "/100-with-length" => "HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n",
                        "/102-with-length" => "HTTP/1.1 102 Processing\r\ncontent-length: 5\r\n\r\n",
                        _ => "",
                    };
                    Answer::raw(format!("{interim}{last}"))
                }),
            )
            .get("/100")
            .get("/102")
            .get("/103-twice")
            .get("/199")
            .get("/100-with-length")
            .get("/102-with-length")
            .get("/none")
            .connected("app"),
        Case::new("interim_responses_with_the_option_for_100")
            .differs(
                "D-07",
                &["11 raw \"GET /fields HTTP/1.1\" 0", "interim", "0", "headers", "keep-alive"],
                serde_json::Value::Null,
            )
            .hcm("proxy_100_continue: true")
            .backend(
                "app",
                Script::by(|request| {
                    let interim = match request.path() {
                        "/100" => "HTTP/1.1 100 Continue\r\nx-a: 1\r\n\r\n",
                        "/100-twice" => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
                        "/102" => "HTTP/1.1 102 Processing\r\n\r\n",
                        "/103" => "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n",
                        "/103-twice" => "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\n",
                        "/100-103" => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\n",
                        "/103-100" => "HTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
                        "/199" => "HTTP/1.1 199 Odd\r\nx-a: 1\r\n\r\n",
                        "/104" => "HTTP/1.1 104 Upload Resumption Supported\r\nx-a: 1\r\n\r\n",
                        "/fields" => "HTTP/1.1 103 Early Hints\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nX-A: 1\r\nserver: b\r\n\r\n",
                        "/199-103" => "HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\n",
                        _ => "",
                    };
                    Answer::raw(format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"))
                }),
            )
            .raw("GET /100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /100-twice HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /102 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /103 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /103-twice HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /100-103 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /103-100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /199 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /104 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /199-103 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /fields HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .stats(&[
                "cluster.app.upstream_rq_1xx",
                "cluster.app.upstream_rq_100",
                "cluster.app.upstream_rq_103",
                "cluster.app.upstream_rq_completed",
            ]),
        Case::new("a_flood_of_interim_responses")
            .backend(
                "app",
                Script::by(|request| {
                    let flood = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n".repeat(20_000);
                    match request.path() {
                        "/ends" => Answer::raw(flood + "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"),
                        _ => Answer::raw(flood).then(causeway_conformance::Act::Hang),
                    }
                }),
            )
            .routes(
                "
            - match: {prefix: /}
              route: {cluster: app, timeout: 1s}",
            )
            .get("/ends")
            .get("/never"),
        Case::new("an_interim_response_and_then_nothing")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/100" => Answer::raw("HTTP/1.1 100 Continue\r\n\r\n").then_close(),
                    "/100-part" => Answer::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2").then_close(),
                    "/100-garbage" => {
                        Answer::raw("HTTP/1.1 100 Continue\r\n\r\nnothing\r\n\r\n").then_close()
                    }
                    _ => Answer::raw("HTTP/1.1 103 Early Hints\r\n\r\n").then_close(),
                }),
            )
            .get("/100")
            .get("/103")
            .get("/100-part")
            .get("/100-garbage")
            .stats(&[
                "cluster.app.upstream_rq_100",
                "cluster.app.upstream_rq_103",
                "cluster.app.upstream_rq_5xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_cx_protocol_error",
            ]),
    ]
}

fn without_body() -> Vec<Case> {
    vec![
        Case::new("statuses_without_a_body_that_say_they_have_one")
            .backend(
                "app",
                Script::by(|request| {
                    Answer::raw(match request.path() {
                        "/204-zero" => "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
                        "/204-length" => "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello",
                        "/204-bytes" => "HTTP/1.1 204 No Content\r\n\r\nhello",
                        "/304-zero" => "HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n",
                        "/304-bytes" => "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello",
                        "/304-chunked" => "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",
                        "/205-length" => "HTTP/1.1 205 Reset Content\r\ncontent-length: 5\r\n\r\nhello",
                        _ => "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
                    })
                }),
            )
            .get("/204-zero")
            .get("/204-length")
            .get("/204-bytes")
            .get("/304-zero")
            .get("/304-bytes")
            .get("/304-chunked")
            .get("/205-length")
            .get("/205-zero")
            .connected("app"),
        Case::new("local_answers_without_a_body")
            .differs("D-41", &["2 GET /204-body", "headers", "content-length"], serde_json::Value::Null)
            .routes(
                "
            - match: {path: /204}
              direct_response: {status: 204}
            - match: {path: /204-body}
              direct_response: {status: 204, body: {inline_string: x}}
            - match: {path: /304}
              direct_response: {status: 304, body: {inline_string: x}}
            - match: {path: /205}
              direct_response: {status: 205, body: {inline_string: x}}
            - match: {path: /200}
              direct_response: {status: 200}",
            )
            .on_one_connection(["/204", "/204-body", "/304", "/205", "/200"].map(Request::get)),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case::new("bytes_that_belong_to_nothing")
            .backend(
                "app",
                Script::by(|request| {
                    Answer::raw(match request.path() {
                        "/204" => "HTTP/1.1 204 No Content\r\n\r\nbytes",
                        "/304" => "HTTP/1.1 304 Not Modified\r\n\r\nbytes",
                        "/old" => "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok bytes",
                    })
                }),
            )
            .get("/204")
            .get("/304")
            .get("/behind")
            .get("/old")
            .send(Request::new("HEAD", "/head"))
            .stats(ENDED),
        Case::new("the_upstream_closes_in_each_phase")
            .backend(
                "app",
                Script::by(|request| {
                    let bytes = match request.path() {
                        "/in-status" => "HTTP/1.1 20",
                        "/in-field" => "HTTP/1.1 200 OK\r\ncontent-le",
                        "/before-empty-line" => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n",
                        "/before-body" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                        "/before-chunks" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                        "/in-size" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5",
                        "/before-last-chunk" => {
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"
                        }
                        "/in-last-chunk" => {
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                        }
                        "/nothing" => "HTTP/1.1 200 OK\r\n\r\n",
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                    };
                    Answer::raw(bytes).then_close()
                }),
            )
            .get("/in-status")
            .get("/in-field")
            .get("/before-empty-line")
            .get("/before-body")
            .get("/before-chunks")
            .get("/in-size")
            .get("/before-last-chunk")
            .get("/in-last-chunk")
            .get("/nothing")
            .get("/complete")
            .connected("app")
            .stats(ENDED),
        Case::new("the_upstream_resets_in_each_phase")
            .backend(
                "app",
                Script::by(|request| {
                    let bytes = match request.path() {
                        "/in-status" => "HTTP/1.1 20",
                        "/before-empty-line" => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n",
                        "/in-body" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe",
                        "/in-chunks" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                    };
                    Answer::raw(bytes).then_pause(std::time::Duration::from_millis(100)).then_reset()
                }),
            )
            .get("/in-status")
            .get("/before-empty-line")
            .get("/in-body")
            .get("/in-chunks")
            .get("/complete"),
        Case::new("a_reset_in_a_body_without_a_length")
            .differs("D-43", &["complete"], false)
            .backend(
                "app",
                Answer::raw("HTTP/1.1 200 OK\r\n\r\npart")
                    .then_pause(std::time::Duration::from_millis(100))
                    .then_reset(),
            )
            .without_log()
            .step(async |run: &mut Run| {
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note("complete", json!(response.map(|r| r.complete).ok()));
            }),
        Case::new("a_client_that_ends_in_the_middle_of_its_message").without_log().step(
            async |run: &mut Run| {
                for (label, bytes) in [
                    ("in the request line", "GET / HT"),
                    ("in a field", "GET / HTTP/1.1\r\nHo"),
                    ("in its body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"),
                    ("in a chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
                    ("before the first byte", ""),
                ] {
                    let mut connection = run.connect().await;
                    connection.write(bytes).await;
                    connection.finish().await;
                    let (received, end) = connection.rest(std::time::Duration::from_millis(500)).await;
                    run.note_bytes(format!("{label}: received"), &received);
                    run.note(format!("{label}: end"), json!(end.as_str()));
                }
            },
        ),
        Case::new("a_client_that_does_not_read")
            .hcm("stream_idle_timeout: 0.5s")
            .backend("app", Reply::ok(vec![b'x'; 30_000_000]))
            .log("%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/large")).await;
                let timed_out = run.wait_for("/stats", "downstream_rq_idle_timeout: 1").await;
                run.note("is given up", json!(timed_out));
                drop(connection);
            })
            .stats(&["http.ingress.downstream_rq_active", "cluster.app.upstream_rq_active"]),
        Case::new("an_early_response_and_then_the_rest_of_the_body")
            .backend("app", Script::always(Reply::ok("early")).early())
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst").await;
                let response = connection.response("POST").await;
                run.note_response("early", &response);
                connection.write("later").await;
                connection.write("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
                let (received, end) = connection.rest(std::time::Duration::from_millis(500)).await;
                run.note_bytes("then", &received);
                run.note("end", json!(end.as_str()));
            }),
    ]
}

/// Which connections to the upstream serve another request.
fn reuse() -> Vec<Case> {
    vec![
        Case::new("what_the_upstream_says_of_its_connection")
            .backend(
                "app",
                Script::by(|request| {
                    let fields = match request.path() {
                        "/list" => "connection: keep-alive, close\r\n",
                        "/upper" => "CONNECTION: CLOSE\r\n",
                        "/twice" => "connection: keep-alive\r\nconnection: close\r\n",
                        "/proxy" => "proxy-connection: close\r\n",
                        "/other" => "connection: closed\r\n",
                        "/keep-alive" => "keep-alive: timeout=1\r\n",
                        _ => "",
                    };
                    Answer::raw(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok"))
                }),
            )
            .get("/none")
            .connected("app")
            .get("/list")
            .get("/none")
            .connected("app")
            .get("/upper")
            .get("/none")
            .connected("app")
            .get("/twice")
            .get("/none")
            .connected("app")
            .get("/proxy")
            .get("/none")
            .connected("app")
            .get("/other")
            .get("/none")
            .connected("app")
            .get("/keep-alive")
            .get("/none")
            .connected("app"),
        Case::new("what_the_client_says_of_its_connection")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\nCONNECTION: CLOSE\r\n\r\n")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .connected("app"),
        Case::new("an_upload_that_the_client_breaks_off_spoils_the_connection").without_log().step(
            async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await;
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                drop(connection);
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                let response = run.connect().await.exchange(&Request::get("/next")).await;
                run.note_response("next", &response);
            },
        )
        .connected("app"),
        Case::new("a_response_that_the_client_breaks_off_spoils_the_connection")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/slow" => Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")
                        .then_pause(std::time::Duration::from_millis(400))
                        .then_send("later"),
                    _ => Reply::ok("next").into(),
                }),
            )
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.send(&Request::get("/slow")).await;
                connection.read(10).await;
                drop(connection);
                tokio::time::sleep(std::time::Duration::from_millis(600)).await;
                let response = run.connect().await.exchange(&Request::get("/next")).await;
                run.note_response("next", &response);
            })
            .connected("app"),
        Case::new("a_response_before_the_end_of_the_request_spoils_the_connection")
            .backend("app", Script::always(Reply::ok("early")).early())
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await;
                let response = connection.response("POST").await;
                run.note_response("early", &response);
                drop(connection);
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                let response = run.connect().await.exchange(&Request::get("/next")).await;
                run.note_response("next", &response);
            })
            .connected("app"),
    ]
}

fn trailers() -> Vec<Case> {
    let malformed = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nno colon\r\n\r\n";
    let names = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\nx-b: 2\r\nX-A: 3\r\n\r\n";
    vec![
        Case::new("trailers_of_requests")
            .hcm("http_protocol_options: {enable_trailers: true}")
            .cluster("app", TRAILERS)
            .backend("app", Script::echo())
            .raw(names)
            .raw(malformed),
        Case::new("trailers_that_are_not_asked_for").raw(names).raw(malformed),
        Case::new("trailers_of_responses")
            .hcm("http_protocol_options: {enable_trailers: true}")
            .cluster("app", TRAILERS)
            .backend(
                "app",
                Script::by(|request| {
                    let trailers = match request.path() {
                        "/several" => "X-A: 1\r\nx-b: 2\r\nX-A: 3\r\n",
                        "/malformed" => "no colon\r\n",
                        _ => "",
                    };
                    Answer::raw(format!(
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{trailers}\r\n"
                    ))
                }),
            )
            .get("/several")
            .get("/none")
            .get("/malformed")
            .connected("app"),
    ]
}

fn old_upstreams() -> Vec<Case> {
    vec![
        Case::new("upstreams_of_http_1_0")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/keep" => Answer::raw(
                        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok",
                    ),
                    "/length" => Answer::raw("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
                    "/chunked" => Answer::raw(
                        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                    ),
                    "/204" => Answer::raw("HTTP/1.0 204 No Content\r\n\r\n"),
                    _ => Answer::raw("HTTP/1.0 200 OK\r\n\r\nuntil close").then_close(),
                }),
            )
            .on_one_connection(["/keep", "/keep", "/length", "/204", "/chunked", "/close"].map(Request::get))
            .asked("app")
            .connected("app"),
        Case::new("a_status_of_two_digits")
            .differs("D-44", &["status"], 502)
            .backend("app", Answer::raw("HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n"))
            .without_log()
            .step(async |run: &mut Run| {
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note("status", json!(response.map(|r| r.status).ok()));
            }),
        Case::new("a_switch_that_nobody_has_asked_for")
            .differs("D-46", &["status"], 502)
            .backend(
                "app",
                Answer::raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
                    .then_close(),
            )
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                let response = connection.response("GET").await;
                run.note("status", json!(response.map(|r| r.status).ok()));
            }),
        Case::new("heads_of_responses_in_odd_forms")
            .backend(
                "app",
                Script::by(|request| {
                    Answer::raw(match request.path() {
                        "/no-phrase" => "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n",
                        "/empty-phrase" => "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
                        "/long-phrase" => {
                            "HTTP/1.1 200 All is well, and more than that\r\ncontent-length: 0\r\n\r\n"
                        }
                        "/phrase-bytes" => "HTTP/1.1 200 \u{e9}\r\ncontent-length: 0\r\n\r\n",
                        "/600" => "HTTP/1.1 600 High\r\ncontent-length: 0\r\n\r\n",
                        "/999" => "HTTP/1.1 999 High\r\ncontent-length: 0\r\n\r\n",
                        "/lower" => "http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                        "/empty-lines" => "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                        "/space-before-colon" => "HTTP/1.1 200 OK\r\nx-a : 1\r\ncontent-length: 0\r\n\r\n",
                        "/empty-name" => "HTTP/1.1 200 OK\r\n: 1\r\ncontent-length: 0\r\n\r\n",
                        "/empty-value" => "HTTP/1.1 200 OK\r\nx-a:\r\ncontent-length: 0\r\n\r\n",
                        "/fold" => "HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\ncontent-length: 0\r\n\r\n",
                        "/same-lengths" => {
                            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok"
                        }
                        "/length-list" => "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
                        "/gzip-chunked" => {
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
                        }
                        "/identity" => {
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok"
                        }
                        _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                    })
                }),
            )
            .get("/no-phrase")
            .get("/empty-phrase")
            .get("/long-phrase")
            .get("/phrase-bytes")
            .get("/600")
            .get("/999")
            .get("/lower")
            .get("/empty-lines")
            .get("/space-before-colon")
            .get("/empty-name")
            .get("/empty-value")
            .get("/fold")
            .get("/same-lengths")
            .get("/length-list")
            .get("/gzip-chunked")
            .get("/identity")
            .get("/fine"),
    ]
}
