//! Clients that speak HTTP/2.

use std::time::Duration;

use causeway_conformance::frames::{Frame, request};
use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script, Streams, TlsWish};
use serde_json::{Value, json};

/// Envoy leaves connections open for a second before it closes them.
const SOON: &str = "delayed_close_timeout: 0.1s";
/// A message that is malformed ends its stream alone.
const LENIENT: &str = "http2_protocol_options: {override_stream_error_on_invalid_http_message: true}";
/// Trailers of HTTP/1 are passed on.
const TRAILERS: &str = "
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}";
const LOG: &str = "%PROTOCOL% %REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %RESPONSE_CODE% %RESPONSE_FLAGS% \
                   %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT%";

pub(crate) fn cases() -> Vec<Case> {
    [requests(), responses(), heads(), heads_alone(), frames(), ends(), grpc(), limits(), tunnels(), tls()]
        .into_iter()
        .flatten()
        .collect()
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&request("GET", "/")[..], more].concat()
}

/// A request with these fields besides.
fn get(more: &[(&str, &str)]) -> Frame {
    Frame::headers(1, &with(more), true)
}

fn requests() -> Vec<Case> {
    vec![
        Case::new("a_request_reaches_an_http1_back_end")
            .log(LOG)
            .ask(Request::get("/x?y=1").header("x-a", "1")),
        Case::new("methods_of_any_kind")
            .ask_all(["HEAD", "PUT", "DELETE", "OPTIONS", "FOO"].map(|method| Request::new(method, "/x"))),
        Case::new("sizes_of_fields_before_compression")
            .hcm("server_header_transformation: PASS_THROUGH")
            .router("suppress_envoy_headers: true")
            .backend("app", Script::always(Reply::ok("x").header("x-own", "a")))
            .backend("second", Script::always(Reply::ok("x").header("x-own", "a")).http2())
            .cluster("second", "http2_protocol_options: {}")
            .dead("dead")
            .routes(
                "
                - match: {prefix: /second}
                  route: {cluster: second}
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .log(
                "%REQ(:PATH)% %DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED% %DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT% \
                 %UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED% %UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT%",
            )
            .get("/1")
            .get("/second/1")
            .ask(Request::get("/2").header("x-a", "1"))
            .ask(Request::get("/second/2").header("x-a", "1"))
            .ask(Request::post("/second/3", "body"))
            .ask(Request::get("/dead")),
        Case::new("bodies_with_and_without_a_length").log(LOG).ask_all([
            Request::post("/", "abc"),
            Request::post("/", "abc").header("content-length", "3"),
            Request::post("/", "").chunked(),
            Request::post("/", ""),
            Request::get("/").body("of a GET"),
            Request::post("/", "x".repeat(200_000)),
        ]),
        Case::new("trailers_of_requests")
            .echoes(&["app"])
            .cluster("app", TRAILERS)
            .ask(Request::post("/", "abc").trailer("x-sum", "1").trailer("x-other", "2")),
        Case::new("trailers_of_requests_that_nobody_wants")
            .ask(Request::post("/", "abc").trailer("x-sum", "1")),
        Case::new("pieces_of_a_cookie_are_joined")
            .ask(Request::get("/").header("cookie", "a=1").header("x-b", "1").header("cookie", "b=2")),
        Case::new("te_and_fields_that_are_there_twice").ask(
            Request::get("/")
                .header("te", "trailers")
                .header("accept", "a")
                .header("accept", "b")
                .header("x-a", "1")
                .header("x-a", "2"),
        ),
        Case::new("a_continue_is_answered_at_once")
            .ask(Request::post("/", "abc").header("expect", "100-continue")),
        Case::new("streams_one_after_the_other")
            .ask_all((0..5).map(|number| Request::get(&format!("/{number}")))),
        Case::new("the_edge_sees_the_client")
            .hcm("use_remote_address: true")
            .ask(Request::get("/").header("x-forwarded-for", "1.2.3.4").header("x-request-id", "mine")),
        Case::new("both_versions_on_one_listener").log(LOG).get("/one").ask(Request::get("/two")),
        Case::new("only_http1").hcm("codec_type: HTTP1").get("/one"),
        Case::new("only_http2").hcm("codec_type: HTTP2").ask(Request::get("/two")),
    ]
}

fn responses() -> Vec<Case> {
    let hop_by_hop = Reply::ok("abc")
        .header("Connection", "x-hop")
        .header("X-Hop", "1")
        .header("Keep-Alive", "timeout=5")
        .header("X-Mixed", "V")
        .header("Set-Cookie", "a=1")
        .header("Set-Cookie", "b=2");
    vec![
        Case::new("fields_of_a_connection_stay_behind")
            .backend("app", hop_by_hop)
            .ask(Request::get("/"))
            .differs("D-07", &["1 h2 GET /", "headers", "x-hop"], Value::Null),
        Case::new("chunks_become_frames").backend("app", Reply::ok("abc").chunked()).ask(Request::get("/")),
        Case::new("a_body_up_to_the_close")
            .backend("app", Reply::ok("abc").until_close())
            .ask(Request::get("/")),
        Case::new("large_bodies")
            .log(LOG)
            .backend("app", Reply::ok("x".repeat(1_000_000)))
            .ask(Request::get("/")),
        Case::new("trailers_of_responses")
            .cluster("app", TRAILERS)
            .backend("app", Reply::ok("abc").chunked().trailer("x-sum", "1"))
            .ask(Request::get("/")),
        Case::new("without_content").backend("app", Reply::status(204)).ask(Request::get("/")),
        Case::new("not_modified")
            .backend("app", Reply::status(304).header("content-length", "7").header("etag", "x"))
            .ask(Request::get("/")),
        Case::new("a_response_that_is_cut_is_reset")
            .log(LOG)
            .backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc").then_close())
            .ask(Request::get("/")),
        Case::new("the_proxy_s_own_answers")
            .log(LOG)
            .dead("dead")
            .routes(
                "
            - match: {prefix: /direct}
              direct_response: {status: 200, body: {inline_string: hello}}
            - match: {prefix: /redirect}
              redirect: {path_redirect: /there}
            - match: {prefix: /dead}
              route: {cluster: dead}",
            )
            .ask_all(["/direct", "/redirect", "/dead", "/none"].map(Request::get))
            .ask(Request::new("HEAD", "/direct"))
            .stats(&["http.ingress.downstream_rq_http2_total", "http.ingress.downstream_cx_http2_total"]),
        Case::new("a_back_end_that_is_late")
            .log(LOG)
            .backend("app", Answer::hang())
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.3s}")
            .ask(Request::get("/")),
    ]
}

/// Heads that Envoy refuses: one connection each.
const REFUSED: &[(&str, &[(&str, &str)])] = &[
    ("upper case", &[("X-Up", "1")]),
    ("a name that is empty", &[("", "1")]),
    ("a name with a space", &[("x y", "1")]),
    ("a line end", &[("x", "a\r\nb: c")]),
    ("NUL", &[("x", "a\0b")]),
    ("connection", &[("connection", "close")]),
    ("keep-alive", &[("keep-alive", "1")]),
    ("proxy-connection", &[("proxy-connection", "close")]),
    ("transfer-encoding", &[("transfer-encoding", "chunked")]),
    ("upgrade", &[("upgrade", "h2c")]),
    ("te", &[("te", "gzip")]),
    ("unknown pseudo", &[(":foo", "1")]),
    ("status", &[(":status", "200")]),
    ("a second path", &[(":path", "/b")]),
    ("pseudo behind others", &[("x", "1"), (":authority", "test")]),
    ("two lengths", &[("content-length", "0"), ("content-length", "0")]),
    ("no length", &[("content-length", "x")]),
    ("a length without a body", &[("content-length", "5")]),
    ("protocol", &[(":protocol", "websocket")]),
];

fn heads() -> Vec<Case> {
    let refused = |name, hcm: &str| {
        REFUSED.iter().fold(Case::new(name).hcm(hcm).log(LOG), |case, (label, fields)| {
            case.frames(label, [get(fields)])
        })
    };
    let both = format!("{SOON}\n{LENIENT}");
    vec![
        refused("heads_that_break_the_rules", SOON),
        refused("heads_that_break_the_rules_end_their_streams", &both).stats(&[
            "http2.rx_messaging_error",
            "http2.tx_reset",
            "http.ingress.downstream_rq_rx_reset",
        ]),
        refused(
            "heads_that_break_the_rules_of_the_manager",
            &format!("{SOON}\nstream_error_on_invalid_http_message: true"),
        ),
        Case::new("white_space_around_a_value")
            .hcm(SOON)
            .without_log()
            .frames("in front", [get(&[("x", " a")])])
            .differs("D-56", &["in front", "closed"], true)
            .differs("D-56", &["in front", "frames"], json!([])),
        Case::new("heads_that_are_taken")
            .log(LOG)
            .frames("host and authority", [get(&[("host", "other")])])
            .frames("a tab", [get(&[("x", "a\tb")])])
            .frames("no value", [get(&[("x", "")])])
            .frames("te in other letters", [get(&[("te", "Trailers")])])
            .asked("app"),
    ]
}

fn heads_alone() -> Vec<Case> {
    let without = |at: usize| {
        let mut fields = request("GET", "/").to_vec();
        fields.remove(at);
        Frame::headers(1, &fields, true)
    };
    let path = |path| Frame::headers(1, &request("GET", path), true);
    let authority = |authority| {
        let mut fields = request("GET", "/").to_vec();
        fields[2].1 = authority;
        Frame::headers(1, &fields, true)
    };
    vec![
        Case::new("what_a_request_has_to_have")
            .hcm(SOON)
            .log(LOG)
            .frames("no method", [without(0)])
            .frames("no scheme", [without(1)])
            .frames("no authority", [without(2)])
            .frames("no path", [without(3)]),
        Case::new("paths_and_authorities")
            .hcm(SOON)
            .log(LOG)
            .frames("an empty path", [path("")])
            .frames("a path without a slash", [path("x")])
            .frames("an asterisk", [path("*")])
            .frames("a space", [path("/a b")])
            .frames("a fragment", [path("/a#b")])
            .frames("a user", [authority("u@test")])
            .frames("an empty authority", [authority("")])
            .frames("a space in the authority", [authority("a b")])
            .frames("options", [Frame::headers(1, &request("OPTIONS", "*"), true)]),
    ]
}

fn frames() -> Vec<Case> {
    let open = || Frame::headers(1, &request("POST", "/"), false);
    let wrong: Vec<(&'static str, Vec<Frame>)> = vec![
        ("data on no stream", vec![Frame::data(0, "x", false)]),
        ("data on a stream that is idle", vec![Frame::data(1, "x", false)]),
        ("settings that are cut", vec![Frame::new(4, 0, 0, *b"abc")]),
        ("a ping that is short", vec![Frame::new(6, 0, 0, *b"1234")]),
        ("a continuation of nothing", vec![Frame::new(9, 4, 1, *b"\x82")]),
        ("a frame between those of a head", vec![Frame::new(1, 0, 1, *b"\x82"), Frame::ping()]),
        ("more padding than frame", vec![open(), Frame::new(0, 9, 1, *b"\x05ab")]),
        ("fields that can't be read", vec![Frame::new(1, 5, 1, *b"\x80")]),
        ("a frame that is too large", vec![open(), Frame::data(1, vec![0; 16_385], false)]),
    ];
    // What Envoy closes the connection for without a word, and the code that Causeway tells.
    let untold: Vec<(&'static str, Frame, u32)> = vec![
        ("an even stream", Frame::get(2, "/"), 1),
        ("stream 0", Frame::get(0, "/"), 1),
        ("a window of nothing", Frame::window(0, 0), 1),
        ("a window that is too large", Frame::window(0, 0x7FFF_FFFF), 3),
        ("a window of an idle stream", Frame::window(1, 1), 1),
        ("a reset of an idle stream", Frame::reset(1, 0), 1),
        ("settings of a stream", Frame::new(4, 0, 1, []), 1),
        ("a frame size that is too small", Frame::setting(5, 1), 1),
        ("a window that no stream may have", Frame::setting(4, 0x8000_0000), 3),
        ("a promise", Frame::new(5, 4, 1, *b"\0\0\0\x02"), 1),
        ("a ping of a stream", Frame::new(6, 0, 3, *b"12345678"), 1),
        ("a goodbye of a stream", Frame::new(7, 0, 3, [0; 8]), 1),
        ("a head that waits for itself", Frame::new(1, 0x25, 1, *b"\0\0\0\x01\x01\x82"), 1),
    ];
    let all = |name| Case::new(name).hcm(SOON).without_log().backend("app", Answer::hang());
    let errors = &["http.ingress.downstream_cx_protocol_error"];
    vec![
        wrong
            .into_iter()
            .fold(all("frames_that_break_the_rules"), |case, (label, frames)| case.frames(label, frames))
            .stats(errors),
        untold
            .into_iter()
            .fold(all("frames_of_which_the_client_is_told"), |case, (label, frame, code)| {
                case.frames(label, [frame]).differs(
                    "D-150",
                    &[label, "frames"],
                    json!([format!("GOAWAY behind 0: {code}")]),
                )
            })
            .stats(errors),
        all("a_window_of_a_stream_that_is_too_large")
            .frames("both", [open(), Frame::window(1, 0x7FFF_FFFF), Frame::ping()])
            .differs("D-151", &["both", "frames"], json!(["reset of 1: 3", "the answer to a PING"]))
            .differs("D-151", &["both", "closed"], false),
        all("frames_of_priority_that_break_the_rules")
            .frames("of no stream", [Frame::new(2, 0, 0, *b"\0\0\0\0\x01")])
            .frames("of a stream that waits for itself", [Frame::new(2, 0, 1, *b"\0\0\0\x01\x01")])
            .differs("D-152", &["of no stream", "frames"], json!(["GOAWAY behind 0: 1"]))
            .differs("D-152", &["of no stream", "closed"], true)
            .differs("D-152", &["of a stream that waits for itself", "frames"], json!(["GOAWAY behind 0: 1"]))
            .differs("D-152", &["of a stream that waits for itself", "closed"], true),
        Case::new("frames_that_say_nothing")
            .hcm(SOON)
            .frames("an unknown one", [Frame::new(99, 0, 1, *b"x"), Frame::ping()])
            .frames("an unknown setting", [Frame::setting(99, 1), Frame::ping()])
            .frames("an answer to no ping", [Frame::new(6, 1, 0, *b"12345678"), Frame::ping()]),
        Case::new("a_stream_below_the_last_one")
            .hcm(SOON)
            .without_log()
            .frames("stream 1 behind 3", [Frame::get(3, "/"), Frame::get(1, "/")])
            .differs("D-49", &["stream 1 behind 3", "closed"], true)
            .differs("D-49", &["stream 1 behind 3", "frames"], json!([])),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case::new("a_client_that_resets_its_stream")
            .log(LOG)
            .backend("app", Answer::hang())
            .step(async |run: &mut Run| {
                for code in [8, 0, 7, 2] {
                    let mut client =
                        causeway_conformance::frames::Frames::open(run.listener()).await.expect("a connection");
                    client.send(&[Frame::get(1, "/")]).await;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    client.send(&[Frame::reset(1, code), Frame::ping()]).await;
                    run.note(format!("{code}: the connection lives on"), json!(client.expect(6, 0).await.is_some()));
                }
            })
            .stats(&["http2.rx_reset", "http.ingress.downstream_rq_rx_reset"]),
        Case::new("a_client_that_leaves").log(LOG).backend("app", Answer::hang()).step(async |run: &mut Run| {
            let mut client =
                causeway_conformance::frames::Frames::open(run.listener()).await.expect("a connection");
            client.send(&[Frame::get(1, "/")]).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }),
        Case::new("an_answer_before_the_request_is_complete")
            .log(LOG)
            .routes("- match: {prefix: /}\n  direct_response: {status: 200, body: {inline_string: early}}")
            .frames("no end", [Frame::headers(1, &request("POST", "/"), false)])
            .stats(&["http.ingress.downstream_rq_response_before_rq_complete", "http2.tx_reset"]),
        Case::new("a_body_that_nobody_will_take_is_not_read")
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED%")
            .more_clusters("- {name: empty, load_assignment: {cluster_name: empty}}")
            .routes("- match: {prefix: /}\n  route: {cluster: empty}")
            .frames("ended", [Frame::headers(1, &request("POST", "/"), false), Frame::data(1, "abc", true)])
            .frames("open", [Frame::headers(1, &request("POST", "/"), false), Frame::data(1, "abc", false)])
            .stats(&[
                "http.ingress.downstream_rq_response_before_rq_complete",
                "http.ingress.downstream_rq_rx_reset",
            ]),
        Case::new("a_body_that_is_not_as_long_as_it_says")
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%")
            .backend("app", Answer::hang())
            .frames("shorter", [Frame::headers(1, &with(&[("content-length", "5")]), false), Frame::data(1, "abc", true)])
            .frames("longer", [Frame::headers(1, &with(&[("content-length", "2")]), false), Frame::data(1, "abc", true)]),
        Case::new("a_connection_that_is_old")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.3s}\ndrain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("all", [Frame::get(1, "/")])
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http2.goaway_sent"]),
        Case::new("a_connection_that_is_idle")
            .hcm("common_http_protocol_options: {idle_timeout: 0.3s}\ndrain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("all", [Frame::get(1, "/")])
            .stats(&["http.ingress.downstream_cx_idle_timeout"]),
        Case::new("a_connection_with_enough_requests")
            .hcm("common_http_protocol_options: {max_requests_per_connection: 2}\ndrain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("all", [Frame::get(1, "/"), Frame::get(3, "/")])
            .stats(&["http.ingress.downstream_cx_max_requests_reached"]),
        Case::new("a_connection_with_more_than_enough_requests")
            .hcm("common_http_protocol_options: {max_requests_per_connection: 2}\ndrain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("all", [1, 3, 5, 7].map(|stream| Frame::get(stream, "/")))
            .without_log()
            .stats(&["http.ingress.downstream_cx_max_requests_reached"]),
    ]
}

fn grpc() -> Vec<Case> {
    let call =
        |path| Request::post(path, "abc").header("content-type", "application/grpc").header("te", "trailers");
    vec![
        Case::new("grpc_is_answered_in_its_own_terms")
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %GRPC_STATUS%")
            .dead("dead")
            .routes(
                "
            - match: {prefix: /direct}
              direct_response: {status: 200, body: {inline_string: hello}}
            - match: {prefix: /dead}
              route: {cluster: dead}",
            )
            .ask_all([call("/direct"), call("/dead"), call("/none")]),
        Case::new("the_status_of_grpc_comes_in_trailers")
            .cluster("app", TRAILERS)
            .backend(
                "app",
                Reply::ok("abc")
                    .chunked()
                    .header("content-type", "application/grpc")
                    .trailer("grpc-status", "0"),
            )
            .ask(call("/")),
    ]
}

fn limits() -> Vec<Case> {
    let many = |count: usize| {
        let mut fields = request("GET", "/").to_vec();
        fields.extend(vec![("x", "1"); count]);
        Frame::headers(1, &fields, true)
    };
    let large = |size: usize| {
        let text = "x".repeat(size);
        Frame::headers(1, &[&request("GET", "/")[..], &[("x", text.as_str())]].concat(), true)
    };
    vec![
        Case::new("as_many_fields_as_there_may_be").log(LOG).frames("100", [many(96)]).frames("101", [many(97)]),
        Case::new("as_large_as_a_head_may_be")
            .hcm("max_request_headers_kb: 1")
            .log(LOG)
            .frames("1024 bytes", [large(1024 - 42)])
            .frames("1025 bytes", [large(1025 - 42)]),
        Case::new("names_with_underscores_are_refused")
            .hcm("common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}")
            .log(LOG)
            .frames("refused", [get(&[("a_b", "1")])])
            .stats(&["http2.requests_rejected_with_underscores_in_headers"]),
        Case::new("names_with_underscores_are_dropped")
            .hcm("common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}")
            .ask(Request::get("/").header("a_b", "1").header("c", "2"))
            .stats(&["http2.dropped_headers_with_underscores"]),
        Case::new("fewer_frames_for_a_response")
            .log("%DOWNSTREAM_HEADER_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_RECEIVED% %DOWNSTREAM_WIRE_BYTES_SENT%")
            .hcm("server_header_transformation: PASS_THROUGH")
            .router("suppress_envoy_headers: true")
            .backend("app", Reply::ok("abc").header("date", "x"))
            .frames("all", [Frame::get(1, "/")])
            .differs("D-47", &["log", "0"], "62 62 29"),
    ]
}

fn tunnels() -> Vec<Case> {
    let connect = |protocol| {
        let mut fields = request("CONNECT", "/ws").to_vec();
        fields.push((":protocol", protocol));
        Frame::headers(1, &fields, false)
    };
    vec![
        Case::new("an_extended_connect_that_is_not_allowed_ends_the_connection")
            .hcm("http2_protocol_options: {allow_connect: true}\ndrain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("refused", [connect("websocket")]),
        Case::new("a_tunnel_that_both_end_and_one_that_is_reset")
            .hcm("http2_protocol_options: {allow_connect: true}\nupgrade_configs: [{upgrade_type: CONNECT}]")
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_PROTOCOL%")
            .routes(
                "
                - match: {connect_matcher: {}}
                  route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}",
            )
            .backend(
                "app",
                Script::always(Answer::default())
                    .greeting(Answer::raw("hello ").then(Act::EchoBytes)),
            )
            .step(async |run: &mut Run| {
                let mut client =
                    causeway_conformance::frames::Frames::open(run.listener()).await.expect("a connection");
                let connect =
                    |stream| Frame::headers(stream, &[(":method", "CONNECT"), (":authority", "db.test:1")], false);
                client.send(&[connect(1)]).await;
                run.note("opened", json!(client.expect(0, 1).await.is_some()));
                client.send(&[Frame::data(1, "x", true)]).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                client.send(&[connect(3)]).await;
                run.note("opened again", json!(client.expect(0, 3).await.is_some()));
                client.send(&[Frame::reset(3, 8)]).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }),
        Case::new("a_websocket_by_extended_connect")
            .hcm(
                "http2_protocol_options: {allow_connect: true}\nupgrade_configs: [{upgrade_type: websocket}]",
            )
            .backend("app", Answer::websocket())
            .without_log()
            .frames("asked", [connect("websocket"), Frame::data(1, "hello", false)])
            .stats(&["http.ingress.downstream_cx_upgrades_total"]),
        Case::new("the_key_of_a_websocket")
            .hcm(
                "http2_protocol_options: {allow_connect: true}\nupgrade_configs: [{upgrade_type: websocket}]",
            )
            .backend("app", Answer::websocket())
            .without_log()
            .frames("asked", [connect("websocket")])
            .step(async |run: &mut Run| {
                // It is another one each time, and only how long it is can be compared.
                let seen = run.backend("app").received();
                let key = seen[0].headers.get("sec-websocket-key").map(str::len);
                run.note("length of the key", json!(key));
            })
            .differs("D-153", &["length of the key"], 24),
        Case::new("a_websocket_whose_answer_belongs_to_another_key")
            .hcm(
                "http2_protocol_options: {allow_connect: true}\nupgrade_configs: [{upgrade_type: websocket}]",
            )
            .backend(
                "app",
                Answer::from(
                    Reply::status(101)
                        .header("Upgrade", "websocket")
                        .header("Connection", "Upgrade")
                        .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                )
                .then(Act::EchoBytes),
            )
            .log(&format!("{LOG} %RESP(SEC-WEBSOCKET-ACCEPT)%"))
            .frames("asked", [connect("websocket"), Frame::data(1, "hello", false)])
            .stats(&["http.ingress.downstream_cx_upgrades_total", "cluster.app.upstream_rq_101"]),
        Case::new("extended_connect_that_is_not_allowed")
            .hcm(SOON)
            .log(LOG)
            .frames("asked", [connect("websocket")]),
        Case::new("connect_without_a_route")
            .log(LOG)
            .frames("asked", [Frame::headers(1, &[(":method", "CONNECT"), (":authority", "test:80")], true)]),
        Case::new("two_clients_at_once").without_log().step(async |run: &mut Run| {
            let mut one = Streams::open(run.listener()).await.expect("a connection");
            let mut other = Streams::open(run.listener()).await.expect("a connection");
            let (a, b) = (Request::get("/a"), Request::get("/b"));
            let (first, second) = tokio::join!(one.ask(&a), other.ask(&b));
            run.note_response("a", &first);
            run.note_response("b", &second);
        }),
    ]
}

fn tls() -> Vec<Case> {
    let asked = || Request::get("/x");
    let wish = |alpn: &[&str]| TlsWish::to("lab.test").alpn(alpn);
    let secure = |name| Case::new(name).hcm(SOON).log("%PROTOCOL% %RESPONSE_CODE% %DOWNSTREAM_TLS_VERSION%");
    vec![
        secure("tls_that_agrees_on_http2")
            .tls("", "alpn_protocols: [h2, http/1.1]")
            .shake_and_stream("HTTP/2", wish(&["h2", "http/1.1"]), asked())
            .shake_and_stream("nothing is offered", wish(&[]), asked())
            .shake_and_ask("HTTP/1 alone", wish(&["http/1.1"]), asked())
            .shake_and_ask("neither", wish(&[]), asked()),
        secure("tls_that_agrees_on_another_version")
            .tls("", "alpn_protocols: [h2, http/1.1]")
            .without_log()
            .shake_and_ask("HTTP/1 where HTTP/2 was agreed on", wish(&["h2"]), asked())
            .shake_and_stream("HTTP/2 where HTTP/1 was agreed on", wish(&["http/1.1"]), asked())
            .stats(&["http.ingress.downstream_cx_protocol_error", "http.ingress.downstream_cx_http2_total"]),
        secure("tls_that_agrees_on_nothing")
            .tls("", "")
            .shake_and_stream("HTTP/2", wish(&["h2", "http/1.1"]), asked())
            .shake_and_ask("HTTP/1", wish(&["http/1.1"]), asked()),
    ]
}
