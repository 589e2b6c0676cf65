//! What a request of HTTP/1 becomes.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script};
use serde_json::{Value, json};

use super::{HTTP2, case, options, order};

pub(crate) fn cases() -> Vec<Case> {
    [heads(), bodies(), upgrades(), whole()].into_iter().flatten().collect()
}

fn heads() -> Vec<Case> {
    vec![
        case("a_request_becomes_one_of_http2", Script::echo())
            .get("/x?q=1")
            .send(Request::get("/").header("X-Case", "Kept").header("x-twice", "1").header("x-twice", "2"))
            .send(Request::get("/").header("cookie", "a=1; b=2").header("Cookie", "c=3"))
            .send(Request::new("HEAD", "/head"))
            .send(Request::new("OPTIONS", "/"))
            .send(Request::new("PATCH", "/"))
            .stats(&[
                "cluster.app.upstream_cx_total",
                "cluster.app.upstream_cx_http1_total",
                "cluster.app.upstream_cx_http2_total",
                "cluster.app.upstream_cx_active",
                "cluster.app.upstream_rq_total",
                "cluster.app.upstream_rq_active",
                "cluster.app.upstream_rq_pending_total",
                "cluster.app.http2.streams_active",
                "cluster.app.http2.trailers",
                "cluster.app.http2.tx_reset",
            ]),
        case("fields_of_a_connection_stay_on_it", Script::echo())
            .send(
                Request::get("/")
                    .header("connection", "keep-alive, x-hop")
                    .header("x-hop", "1")
                    .header("keep-alive", "timeout=5")
                    .header("proxy-connection", "keep-alive"),
            )
            .send(Request::get("/").header("te", "trailers"))
            .send(Request::get("/").header("te", "gzip, trailers"))
            .send(Request::get("/").header("te", "gzip"))
            .send(
                Request::get("/")
                    .header("connection", "Upgrade, HTTP2-Settings")
                    .header("upgrade", "h2c")
                    .header("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
            ),
        case("settings_in_a_field_stay_behind", Script::echo())
            .without_log()
            .send(Request::get("/").header("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"))
            .differs("D-154", &["1 GET /", "body", "headers", "http2-settings"], Value::Null),
        Case::new("settings_in_a_field_stay_behind_by_http1_as_well")
            .without_log()
            .backend("app", Reply::ok("fine"))
            .send(Request::get("/").header("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"))
            .step(async |run: &mut Run| {
                let seen = run.backend("app").received();
                run.note("settings", json!(seen[0].headers.get("http2-settings")));
            })
            .differs("D-154", &["settings"], Value::Null),
        case("rewritten_requests_are_rewritten_in_http2_as_well", Script::echo())
            .routes(
                "
                - match: {prefix: /a/}
                  route: {cluster: app, prefix_rewrite: /b/, host_rewrite_literal: other.test}
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add: [{header: {key: x-added, value: \"%PROTOCOL%\"}}]",
            )
            .get("/a/1")
            .get("/c")
            .send(Request::get("/c").header("x-forwarded-proto", "https")),
        case("odd_paths_are_sent_as_they_are", Script::echo())
            .get("/a//b/../c;d=1?e=%20&f[]={g}|h")
            .get("/caf\u{e9}")
            .get("/%7e%2f"),
        case("a_host_that_is_no_authority_of_http2", Script::echo())
            .send(Request::get("/").host("a%41.test")),
    ]
}

fn bodies() -> Vec<Case> {
    vec![
        case("bodies_with_and_without_a_length", Script::echo())
            .send(Request::post("/length", "body"))
            .send(Request::post("/empty", ""))
            .send(Request::post("/chunks", "body of chunks").chunked())
            .send(Request::new("DELETE", "/none")),
        case("a_large_body_goes_through", Script::by(|request| {
            Reply::ok(format!("{} bytes, complete: {}", request.body.len(), request.complete)).into()
        }))
        .send(Request::post("/", vec![b'x'; 3 << 20]))
        .send(Request::post("/chunked", vec![b'y'; 1 << 20]).chunked()),
        case("trailers_of_a_request", Script::echo())
            .hcm("http_protocol_options: {enable_trailers: true}")
            .raw("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"),
        case("trailers_of_a_request_are_dropped_unless_they_are_wanted", Script::echo())
            .raw("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"),
        case("an_expectation_is_met_by_the_proxy", Script::echo())
            .send(Request::post("/", "body").header("expect", "100-continue")),
        case("an_upload_that_breaks_off_is_reset", Answer::hang())
            .step(async |run: &mut Run| {
                let mut client = run.connect().await;
                client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(client);
                tokio::time::sleep(Duration::from_millis(200)).await;
                run.note("requests", json!(run.backend("app").requests()));
            })
            .stats(&["cluster.app.upstream_rq_tx_reset", "cluster.app.upstream_cx_active", "cluster.app.http2.tx_reset"]),
    ]
}

fn upgrades() -> Vec<Case> {
    vec![
        case(
            "a_websocket_becomes_an_extended_connect",
            Script::always(Answer::default().then(Act::EchoBytes)).extended_connect(),
        )
        .cluster("app", &options("allow_connect: true", ""))
        .hcm("upgrade_configs: [{upgrade_type: websocket}]")
        .step(async |run: &mut Run| {
            let mut client = run.connect().await;
            client
                .send(
                    &Request::get("/ws")
                        .header("connection", "Upgrade")
                        .header("upgrade", "websocket")
                        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                        .header("sec-websocket-version", "13"),
                )
                .await;
            let response = client.response("GET").await;
            run.note_response("switched", &response);
            client.write("ping").await;
            run.note("echo", json!(String::from_utf8_lossy(&client.read(4).await)));
            let seen = run.backend("app").received();
            run.note("asked", seen[0].to_json());
        })
        .stats(&[
            "cluster.app.upstream_rq_1xx",
            "cluster.app.upstream_rq_101",
            "http.ingress.downstream_cx_upgrades_total",
        ])
        // RFC 6455 §1.3
        .differs(
            "D-153",
            &["switched", "headers", "sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ),
        case("a_websocket_that_is_refused", Script::always(Reply::status(403)).extended_connect())
            .cluster("app", &options("allow_connect: true", ""))
            .hcm("upgrade_configs: [{upgrade_type: websocket}]")
            .send(
                Request::get("/ws")
                    .header("connection", "Upgrade")
                    .header("upgrade", "websocket")
                    .header("sec-websocket-version", "13"),
            ),
    ]
}

fn whole() -> Vec<Case> {
    vec![
        Case::new("the_first_bytes_are_those_of_envoy")
            .backend("app", Script::echo().http2())
            .cluster("app", &options("initial_stream_window_size: 70000, initial_connection_window_size: 200000, max_concurrent_streams: 7, hpack_table_size: 1024, allow_connect: true", ""))
            .get("/")
            .step(first_bytes),
        case("the_order_of_pseudo_headers", Script::echo())
            .get("/")
            .step(order)
            .differs("D-155", &["requests", "0"], ":method :scheme :authority :path"),
        case("the_first_bytes_by_default", Script::echo()).get("/").step(first_bytes),
        Case::new("the_deprecated_fields_mean_the_same")
            .backend("app", Script::echo().http2())
            .cluster("app", "http2_protocol_options: {max_concurrent_streams: 3}")
            .get("/")
            .step(first_bytes),
        Case::new("what_the_client_speaks_is_spoken")
            .backend("app", Script::echo())
            .cluster(
                "app",
                &HTTP2.replace("explicit_http_config", "use_downstream_protocol_config"),
            )
            .get("/"),
        Case::new("what_the_client_speaks_is_spoken_by_the_deprecated_field_too")
            .backend("app", Script::echo())
            .cluster("app", "protocol_selection: USE_DOWNSTREAM_PROTOCOL\nhttp2_protocol_options: {}")
            .get("/"),
    ]
}

/// Notes the preface, and what SETTINGS and WINDOW_UPDATE frames of the connection say.
async fn first_bytes(run: &mut Run) {
    let bytes = run.backend("app").first_bytes();
    let mut frames = Vec::new();
    let mut rest = bytes.get(24..).unwrap_or_default();
    while let [a, b, c, kind, flags, _, _, _, stream, content @ ..] = rest {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if matches!((kind, flags, stream), (4 | 8, 0, 0)) {
            frames.push(json!([kind, content.get(..length).unwrap_or_default()]));
        }
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    run.note("preface", json!(String::from_utf8_lossy(bytes.get(..24).unwrap_or_default())));
    run.note("frames", json!(frames));
}
