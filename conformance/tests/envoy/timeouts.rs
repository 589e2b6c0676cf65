//! Waiting has an end.

use std::time::{Duration, Instant};

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

/// Clients on this machine are inside.
const INSIDE: &str = "
                use_remote_address: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}";

fn slow(milliseconds: u64) -> Answer {
    Answer::from(Reply::ok("late")).after(Duration::from_millis(milliseconds))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the_timeout_of_a_route")
            .backend("app", slow(1200))
            .routes(
                "
                - match: {prefix: /short}
                  route: {cluster: app, timeout: 0.3s}
                - match: {prefix: /none}
                  route: {cluster: app, timeout: 0s}",
            )
            .step(async |run: &mut Run| {
                let start = Instant::now();
                let response = run.connect().await.exchange(&Request::get("/short")).await;
                run.note_response("short", &response);
                let took = start.elapsed();
                run.note(
                    "in time",
                    json!(took >= Duration::from_millis(300) && took < Duration::from_millis(1100)),
                );
            })
            .get("/none")
            .stats(&[
                "cluster.app.upstream_rq_timeout",
                "cluster.app.upstream_rq_504",
                "cluster.app.upstream_rq_tx_reset",
                "cluster.app.upstream_cx_destroy_local_with_active_rq",
            ]),
        Case::new("the_upstream_is_told_how_long_it_has")
            .routes(
                "
                - match: {prefix: /a}
                  route: {cluster: app, timeout: 1.5s}
                - match: {prefix: /b}
                  route: {cluster: app, timeout: 0s}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/a")
            .get("/b")
            .get("/c")
            .send(Request::get("/a").header("x-envoy-upstream-rq-timeout-ms", "700"))
            .send(Request::get("/a").header("x-envoy-upstream-rq-timeout-ms", "junk"))
            .send(Request::get("/a").header("x-envoy-expected-rq-timeout-ms", "5")),
        Case::new("a_client_from_outside_may_not_ask_for_less")
            .backend("app", slow(600))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "200")),
        Case::new("a_client_from_inside_may_ask_for_less")
            .backend("app", slow(1000))
            .hcm(INSIDE)
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "200")),
        Case::new("a_timeout_in_the_middle_of_the_response_cuts_it")
            .backend(
                "app",
                Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst")
                    .then_pause(Duration::from_secs(5)),
            )
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.4s}")
            .get("/"),
        Case::new("nothing_moves_on_a_stream")
            .hcm("stream_idle_timeout: 0.4s")
            .backend("app", Answer::hang())
            .get("/")
            .stats(&["http.ingress.downstream_rq_idle_timeout"]),
        Case::new("a_body_that_stops_coming").hcm("stream_idle_timeout: 0.4s").step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
            let response = connection.response("POST").await;
            run.note_response("half a body", &response);
        }),
        Case::new("a_route_has_its_own_idea_of_idle")
            .hcm("stream_idle_timeout: 30s")
            .backend("app", slow(1200))
            .routes(
                "
                - match: {prefix: /short}
                  route: {cluster: app, idle_timeout: 0.3s}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/short")
            .get("/long"),
        Case::new("bytes_that_move_keep_a_stream")
            .hcm("stream_idle_timeout: 0.6s")
            .backend(
                "app",
                (0..4).fold(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"), |answer, _| {
                    answer.then_pause(Duration::from_millis(300)).then_send("x")
                }),
            )
            .get("/"),
        Case::new("the_longest_a_stream_may_take")
            .backend("app", slow(1500))
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, timeout: 0s, max_stream_duration: {max_stream_duration: 0.4s}}",
            )
            .get("/")
            .stats(&["http.ingress.downstream_rq_max_duration_reached"]),
        Case::new("a_whole_request_has_a_time_and_then_no_more")
            .hcm("request_timeout: 0.3s")
            .backend("app", slow(600))
            .get("/complete"),
        Case::new("a_head_may_take_for_ever_where_the_file_says_so").hcm("request_headers_timeout: 0s").step(
            async |run: &mut Run| {
                let mut connection = run.connect().await.patience(Duration::from_secs(11));
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n").await;
                let (early, end) = connection.rest(Duration::from_millis(10_500)).await;
                run.note("nothing is said", json!((early.len(), end.as_str())));
                connection.write("\r\n").await;
                let response = connection.response("GET").await;
                run.note_response("late", &response);
            },
        ),
        Case::new("a_response_that_has_begun_ends_the_time_of_its_request")
            .hcm("request_timeout: 0.4s")
            .backend(
                "app",
                Script::always(
                    Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na")
                        .then_pause(Duration::from_millis(900))
                        .then_send("b"),
                )
                .early(),
            )
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("early", &response);
            })
            .stats(&["http.ingress.downstream_rq_timeout"]),
        Case::new("a_timeout_while_the_pool_is_full")
            .backend(
                "app",
                Script::by(|request| if request.number == 0 { slow(1500) } else { Reply::ok("x").into() }),
            )
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1}]}")
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.5s}")
            .sort_log()
            .at_once(2, Request::get("/")),
        Case::new("the_longest_a_stream_may_take_for_everyone")
            .hcm("common_http_protocol_options: {max_stream_duration: 0.4s}")
            .backend("app", slow(1500))
            .routes(
                "
                - match: {prefix: /more}
                  route: {cluster: app, max_stream_duration: {max_stream_duration: 3s}}
                - match: {prefix: /none}
                  route: {cluster: app, max_stream_duration: {max_stream_duration: 0s}}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/")
            .get("/more")
            .get("/none")
            .stats(&["http.ingress.downstream_rq_max_duration_reached", "cluster.app.upstream_rq_tx_reset"]),
        Case::new("the_longest_a_stream_may_take_towards_a_cluster")
            .backend("app", slow(1500))
            .cluster("app", CLUSTER_STREAM_DURATION)
            .get("/")
            .stats(&[
                "cluster.app.upstream_rq_max_duration_reached",
                "cluster.app.upstream_rq_504",
                "cluster.app.upstream_rq_timeout",
                "cluster.app.upstream_cx_destroy_local_with_active_rq",
            ]),
        Case::new("a_slow_request_and_the_longest_a_stream_may_take_towards_a_cluster")
            .echoes(&["app"])
            .cluster("app", CLUSTER_STREAM_DURATION)
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("half a body", &response);
            }),
        Case::new("a_client_from_inside_may_say_what_it_is_told_when_it_is_late")
            .backend("app", slow(1500))
            .hcm(INSIDE)
            .routes(
                "
                - match: {prefix: /try}
                  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 0, per_try_timeout: 0.3s}}
                - match: {prefix: /idle}
                  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 0, per_try_idle_timeout: 0.3s}}
                - match: {prefix: /}
                  route: {cluster: app, timeout: 0.3s}",
            )
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-alt-response", "1"))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-alt-response", ""))
            .send(Request::get("/try").header("x-envoy-upstream-rq-timeout-alt-response", "1"))
            .send(Request::get("/idle").header("x-envoy-upstream-rq-timeout-alt-response", "1")),
        Case::new("a_client_from_inside_may_say_how_long_a_stream_may_take")
            .backend("app", slow(700))
            .cluster("app", CLUSTER_STREAM_DURATION)
            .hcm(INSIDE)
            .send(Request::get("/").header("x-envoy-upstream-stream-duration-ms", "200"))
            .send(Request::get("/").header("x-envoy-upstream-stream-duration-ms", "0"))
            .send(Request::get("/").header("x-envoy-upstream-stream-duration-ms", "soon"))
            .stats(&["cluster.app.upstream_rq_max_duration_reached"]),
        Case::new("a_client_from_outside_may_not_say_how_long_a_stream_may_take")
            .send(Request::get("/").header("x-envoy-upstream-stream-duration-ms", "1")),
        Case::new("the_longest_a_stream_may_take_ends_a_response")
            .backend(
                "app",
                Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst").then_pause(Duration::from_secs(5)),
            )
            .cluster("app", CLUSTER_STREAM_DURATION)
            .get("/")
            .stats(&["cluster.app.upstream_rq_max_duration_reached"]),
        Case::new("a_slow_request_and_the_longest_a_stream_may_take")
            .hcm("common_http_protocol_options: {max_stream_duration: 0.4s}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("half a body", &response);
            }),
        Case::new("a_head_that_stops_coming")
            .hcm("request_headers_timeout: 0.4s")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n").await;
                let response = connection.response("GET").await;
                run.note_response("half a head", &response);
            })
            .stats(&["http.ingress.downstream_rq_header_timeout", "http.ingress.downstream_rq_4xx", "http.ingress.downstream_rq_timeout"]),
        Case::new("a_request_that_stops_coming")
            .hcm("request_timeout: 0.4s")
            .step(async |run: &mut Run| {
                for (label, bytes) in [
                    ("half a head", "GET / HTTP/1.1\r\nHost: a\r\n"),
                    ("half a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"),
                    ("no chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                ] {
                    let mut connection = run.connect().await;
                    connection.write(bytes).await;
                    let response = connection.response("POST").await;
                    run.note_response(label, &response);
                }
            })
            .stats(&["http.ingress.downstream_rq_timeout", "http.ingress.downstream_rq_4xx"]),
        Case::new("a_connection_without_requests")
            .hcm("common_http_protocol_options: {idle_timeout: 0.4s}\ndrain_timeout: 0.4s\ndelayed_close_timeout: 0.4s")
            .step(async |run: &mut Run| {
                for first in [false, true] {
                    let mut connection = run.connect().await;
                    if first {
                        let _ = connection.exchange(&Request::get("/")).await;
                    }
                    let start = Instant::now();
                    let (_, end) = connection.rest(Duration::from_secs(3)).await;
                    run.note(format!("behind a request: {first}"), json!(end.as_str()));
                    let took = start.elapsed();
                    run.note(format!("in time: {first}"), json!(took > Duration::from_millis(if first { 1100 } else { 300 }) && took < Duration::from_millis(2000)));
                }
            })
            .stats(&["http.ingress.downstream_cx_idle_timeout", "http.ingress.downstream_cx_destroy_local"]),
        Case::new("a_connection_to_a_back_end_without_requests")
            .echoes(&["app"])
            .cluster("app", CLUSTER_IDLE)
            .get("/1")
            .pause(Duration::from_millis(900))
            .get("/2")
            .stats(&["cluster.app.upstream_cx_idle_timeout", "cluster.app.upstream_cx_total", "cluster.app.upstream_cx_destroy_local"]),
        Case::new("an_old_connection_to_a_back_end")
            .echoes(&["app"])
            .cluster("app", CLUSTER_OLD)
            .get("/1")
            .pause(Duration::from_millis(600))
            .get("/2")
            .stats(&["cluster.app.upstream_cx_max_duration_reached", "cluster.app.upstream_cx_total"]),
        Case::new("an_old_connection_to_a_back_end_that_nobody_uses")
            .echoes(&["app"])
            .cluster("app", CLUSTER_OLD)
            .get("/1")
            .wait_for("/stats", "cluster.app.upstream_cx_max_duration_reached: 1")
            .stats(&["cluster.app.upstream_cx_active", "cluster.app.upstream_cx_destroy_local"]),
        Case::new("a_connection_to_a_back_end_becomes_old_in_a_request")
            .backend("app", slow(700))
            .cluster("app", CLUSTER_OLD)
            .get("/1")
            .stats(&[
                "cluster.app.upstream_cx_max_duration_reached",
                "cluster.app.upstream_cx_active",
                "cluster.app.upstream_cx_destroy_local",
            ]),
        Case::new("grpc_says_how_long_it_waits")
            .backend("app", slow(1500))
            .routes(
                "
                - match: {prefix: /max}
                  route: {cluster: app, timeout: 5s, max_stream_duration: {grpc_timeout_header_max: 0.4s}}
                - match: {prefix: /any}
                  route: {cluster: app, timeout: 5s, max_stream_duration: {grpc_timeout_header_max: 0s}}
                - match: {prefix: /offset}
                  route: {cluster: app, timeout: 5s, max_stream_duration: {grpc_timeout_header_max: 5s, grpc_timeout_header_offset: 0.2s}}
                - match: {prefix: /both}
                  route: {cluster: app, timeout: 5s, max_stream_duration: {max_stream_duration: 3s, grpc_timeout_header_max: 5s}}
                - match: {prefix: /old}
                  route: {cluster: app, timeout: 5s, max_grpc_timeout: 0.4s}
                - match: {prefix: /older}
                  route: {cluster: app, timeout: 5s, max_grpc_timeout: 5s, grpc_timeout_offset: 0.2s}
                - match: {prefix: /}
                  route: {cluster: app, timeout: 5s}",
            )
            .send(grpc("/max", "10S"))
            .send(grpc("/max", "200m"))
            .send(grpc("/any", "300m"))
            .send(grpc("/any", "300000u"))
            .send(grpc("/offset", "500m"))
            .send(grpc("/both", "300m"))
            .send(grpc("/old", "9S"))
            .send(grpc("/older", "500m"))
            .send(grpc("/none", "300m"))
            .send(grpc("/any", "junk"))
            .send(Request::post("/max", "").header("content-type", "application/grpc"))
            .send(Request::post("/max", "").header("grpc-timeout", "100m"))
            .stats(&["http.ingress.downstream_rq_max_duration_reached", "cluster.app.upstream_rq_timeout"]),
        Case::new("what_the_connection_manager_ends_is_not_held_against_the_host")
            .backend("app", Answer::hang())
            .routes(
                "
                - match: {prefix: /idle}
                  route: {cluster: app, idle_timeout: 0.2s}
                - match: {prefix: /}
                  route: {cluster: app, max_stream_duration: {max_stream_duration: 0.2s}}",
            )
            .get("/idle")
            .get("/")
            .stats(&["cluster.app.upstream_rq_504", "cluster.app.upstream_rq_completed", "cluster.app.upstream_rq_total"])
            .clusters("app"),
    ]
}

fn grpc(target: &str, timeout: &str) -> Request {
    Request::post(target, "").header("content-type", "application/grpc").header("grpc-timeout", timeout)
}

const CLUSTER_STREAM_DURATION: &str = r#"
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {max_stream_duration: 0.4s}
    explicit_http_config: {http_protocol_options: {}}"#;

const CLUSTER_IDLE: &str = r#"
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {idle_timeout: 0.4s}
    explicit_http_config: {http_protocol_options: {}}"#;

const CLUSTER_OLD: &str = r#"
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {max_connection_duration: 0.4s}
    explicit_http_config: {http_protocol_options: {}}"#;
