//! What happens around attempts of which several are on their way: clients that leave, logs, HTTP/2, bodies, breakers,
//! and who may ask for it.

use std::time::Duration;

use causeway_conformance::frames::{Frame, Frames};
use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

use super::{COUNTED, LOG, ONCE, SHORT_LOG, TWICE, base, late, policy, told};

const PREVIOUS: &str = "retry_host_predicate: [{name: previous, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], host_selection_retry_max_attempts: 20";

/// The router with a log of its own that goes where the other lines go.
fn upstream_log(format: &str) -> String {
    format!(
        "
        upstream_log:
        - name: log
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
            path: '{{{{dir}}}}/access.log'
            log_format: {{text_format_source: {{inline_string: \"up {format}\\n\"}}}}"
    )
}

const UP: &str = "type=%ACCESS_LOG_TYPE% code=%RESPONSE_CODE% details=%RESPONSE_CODE_DETAILS% flags=%RESPONSE_FLAGS% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% own=%RESP(X-OWN)% received=%BYTES_RECEIVED% sent=%BYTES_SENT% remote=%UPSTREAM_REMOTE_ADDRESS% uws=%UPSTREAM_WIRE_BYTES_SENT% uwr=%UPSTREAM_WIRE_BYTES_RECEIVED%";

fn http2() -> &'static str {
    "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}"
}

/// A request whose client leaves after so many milliseconds.
fn leaves(case: Case, millis: u64) -> Case {
    case.step(async move |run: &mut Run| {
        let mut connection = run.connect().await;
        connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").await;
        tokio::time::sleep(Duration::from_millis(millis)).await;
        drop(connection);
    })
    .wait_for("/stats", "cluster.app.upstream_rq_active: 0")
    .asked("app")
    .stats(COUNTED)
    .clusters("app")
}

/// What happens around attempts of which several are on their way.
pub(super) fn cases() -> Vec<Case> {
    let slow_then_quick =
        || Script::in_turn([Answer::hang(), Reply::ok("second").header("x-own", "2").into()]);
    vec![
        leaves(base("the_client_leaves_while_two_are_on_their_way", ONCE, Script::always(Answer::hang())), 700),
        leaves(
            base(
                "the_client_leaves_during_the_pause",
                "timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s, retry_back_off: {base_interval: 90000s, max_interval: 90000s}}",
                Script::always(Answer::hang()),
            ),
            700,
        ),
        base("each_attempt_is_logged_by_the_router", TWICE, Script::in_turn([
            Answer::hang(),
            late(600, Reply::ok("second").header("x-own", "2")),
            late(100, Reply::status(503).header("x-own", "3").body("third")),
        ]))
        .router("suppress_envoy_headers: true")
        .router(&upstream_log(UP))
        .send(Request::post("/", "body")),
        base("attempts_that_all_fail_are_logged_by_the_router", "timeout: 1s, retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 0.3s}", Script::in_turn([
            Answer::hang(),
            Answer::hang(),
            late(100, Answer::close()),
        ]))
        .router("suppress_envoy_headers: true")
        .router(&upstream_log(UP))
        .send(Request::post("/", "body")),
        leaves(
            base("attempts_of_a_client_that_leaves_are_logged_by_the_router", ONCE, Script::always(Answer::hang()))
                .router("suppress_envoy_headers: true")
                .router(&upstream_log(UP)),
            700,
        ),
        told(
            base("streams_of_http2_the_second_first", ONCE, slow_then_quick().http2())
                .log(SHORT_LOG)
                .cluster("app", http2())
                .send(Request::post("/", "body")),
        )
        .step(async |run: &mut Run| run.note("resets", json!(run.backend("app").resets())))
        .stats(COUNTED),
        base("streams_of_http2_the_first_after_all", ONCE, Script::in_turn([late(700, Reply::ok("first")), Answer::hang()]).http2())
            .log(SHORT_LOG)
            .cluster("app", http2())
            .send(Request::post("/", "body"))
            .step(async |run: &mut Run| run.note("resets", json!(run.backend("app").resets())))
            .stats(COUNTED),
        base("streams_of_http2_that_are_answered_badly", ONCE, Script::in_turn([late(700, Reply::status(503).body("first")), late(100, Reply::status(503).body("second"))]).http2())
            .log(SHORT_LOG)
            .cluster("app", http2())
            .send(Request::post("/", "body"))
            .step(async |run: &mut Run| run.note("resets", json!(run.backend("app").resets())))
            .stats(COUNTED)
            .clusters("app"),
        base("a_client_of_http2_that_resets_its_stream", ONCE, Script::always(Answer::hang()))
            .router("suppress_envoy_headers: true")
            .router(&upstream_log("type=%ACCESS_LOG_TYPE% code=%RESPONSE_CODE% flags=%RESPONSE_FLAGS%"))
            .step(async |run: &mut Run| {
                for (at, code) in [8, 0].into_iter().enumerate() {
                    let mut client =
                        Frames::open(run.listener()).await.expect("a connection");
                    client.send(&[Frame::get(1, "/")]).await;
                    let late = format!("cluster.app.upstream_rq_retry_limit_exceeded: {}", at + 1);
                    run.wait_for("/stats", &late).await;
                    client.send(&[Frame::reset(1, code), Frame::ping()]).await;
                    run.note(format!("{code}: the connection lives on"), json!(client.expect(6, 0).await.is_some()));
                }
            })
            .wait_for("/stats", "cluster.app.upstream_rq_active: 0")
            .clusters("app"),
        base("each_attempt_is_logged_while_it_goes_on", ONCE, Script::in_turn([late(1300, Reply::ok("first")), Answer::hang()]))
            .router("suppress_envoy_headers: true\nupstream_log_options: {flush_upstream_log_on_upstream_stream: true, upstream_log_flush_interval: 0.4s}")
            .router(&upstream_log("type=%ACCESS_LOG_TYPE% code=%RESPONSE_CODE% flags=%RESPONSE_FLAGS%"))
            .send(Request::post("/", "body"))
            .sort_log(),
        base("a_client_of_http2", ONCE, slow_then_quick())
            .log(SHORT_LOG)
            .ask(Request::post("/", "body"))
            .stats(COUNTED),
        base("a_large_body_is_sent_twice", ONCE, slow_then_quick())
            .send(Request::post("/", vec![b'x'; 300_000]))
            .step(async |run: &mut Run| {
                let lengths: Vec<usize> = run.backend("app").received().iter().map(|r| r.body.len()).collect();
                run.note("lengths", json!(lengths));
            }),
        base("a_body_that_is_too_large_to_be_kept", "timeout: 1s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}", Script::always(Answer::hang()))
            .listener("per_connection_buffer_limit_bytes: 8192")
            .send(Request::post("/", vec![b'x'; 60_000]))
            .asked("app")
            .stats(&["cluster.app.retry_or_shadow_abandoned", "cluster.app.upstream_rq_timeout"]),
        base("a_body_in_chunks_is_sent_twice", ONCE, slow_then_quick())
            .log(SHORT_LOG)
            .raw("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            .step(async |run: &mut Run| {
                let bodies: Vec<_> =
                    run.backend("app").received().iter().map(|r| String::from_utf8_lossy(&r.body).into_owned()).collect();
                run.note("bodies", json!(bodies));
            }),
        Case::new("the_other_host_is_asked")
            .log(LOG)
            .endpoint("slow", Answer::hang())
            .endpoint("quick", late(100, Reply::ok("quick")))
            .pool("app", &["slow", "quick"])
            .routes(&policy(&format!("timeout: 5s, retry_policy: {{retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s, {PREVIOUS}}}")))
            .without_log()
            .tally(4, Request::get("/")),
        Case::new("no_host_is_left_for_the_second")
            .log(LOG)
            .backend("app", Answer::hang())
            .cluster("app", "common_lb_config: {healthy_panic_threshold: {value: 0}}\noutlier_detection: {consecutive_5xx: 1, consecutive_gateway_failure: 1, interval: 600s, max_ejection_percent: 100, enforcing_consecutive_gateway_failure: 100}")
            // The main thread ejects the host. What is tried sooner finds it still there.
            .routes(&policy(&ONCE.replace("num_retries", "retry_back_off: {base_interval: 2s, max_interval: 2s}, num_retries")))
            .get("/")
            .asked("app")
            .stats(COUNTED)
            .clusters("app"),
        Case::new("a_late_attempt_is_held_against_its_host")
            .log(LOG)
            .backend("app", Script::in_turn([late(450, Reply::ok("first")), late(900, Reply::ok("second"))]))
            .cluster("app", "outlier_detection: {split_external_local_origin_errors: true, consecutive_local_origin_failure: 1, interval: 600s, max_ejection_percent: 100}")
            .routes(&policy(ONCE))
            .get("/")
            .stats(&["cluster.app.outlier_detection.ejections_detected_consecutive_local_origin_failure", "cluster.app.outlier_detection.ejections_enforced_total"]),
        Case::new("the_second_waits_for_a_connection")
            .log(LOG)
            .backend("app", Script::in_turn([late(900, Reply::ok("first")), Reply::ok("second").into()]))
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1}]}")
            .routes(&policy(ONCE))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("the_breaker_of_requests_that_wait_is_open")
            .log(LOG)
            .backend("app", Script::in_turn([late(900, Reply::ok("first")), Reply::ok("second").into()]))
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1}]}")
            .routes(&policy("timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 3, per_try_timeout: 0.3s}"))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("the_duration_of_a_stream_ends_it_all")
            .log(LOG)
            .backend("app", Answer::hang())
            .cluster("app", "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, common_http_protocol_options: {max_stream_duration: 0.7s}, explicit_http_config: {http_protocol_options: {}}}}")
            .routes(&policy(ONCE))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("a_redirect_of_the_first_is_followed")
            .log(LOG)
            .backend("app", Script::by(|request| match (request.number, request.path()) {
                (0, _) => late(450, Reply::status(302).header("location", "http://test/other")),
                (_, "/other") => Reply::ok("other").into(),
                _ => Answer::hang(),
            }))
            .routes(&policy(&format!("internal_redirect_policy: {{}}, {ONCE}")))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("a_client_from_outside_cannot_ask_for_it")
            .log(LOG)
            .hcm("use_remote_address: true")
            .backend("app", Script::in_turn([late(700, Reply::ok("first")), late(100, Reply::ok("second"))]))
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}}")
            .send(Request::get("/").header("x-envoy-hedge-on-per-try-timeout", "true"))
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_timeout"]),
        told(Case::new("a_client_from_inside_can_ask_for_it_or_do_without")
            .log(LOG)
            .hcm(
                "
                use_remote_address: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .backend("app", Script::in_turn([late(700, Reply::ok("1")), late(900, Reply::ok("2")), late(700, Reply::ok("3")), late(100, Reply::ok("4")), late(700, Reply::ok("5")), late(700, Reply::ok("6"))]))
            .routes("
            - match: {prefix: /with}
              route: {cluster: app, timeout: 5s, hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}}
            - match: {prefix: /}
              route: {cluster: app, timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}}")
            .send(Request::get("/").header("x-envoy-hedge-on-per-try-timeout", "true"))
            .send(Request::get("/with").header("x-envoy-hedge-on-per-try-timeout", "false"))
            .send(Request::get("/with").header("x-envoy-hedge-on-per-try-timeout", "TRUE"))
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_timeout"])),
        Case::new("policies_of_virtual_hosts_hold_where_the_route_has_none")
            .log(LOG)
            .backend("app", Script::in_turn([late(700, Reply::ok("1")), late(900, Reply::ok("2")), late(700, Reply::ok("3")), late(100, Reply::ok("4"))]))
            .virtual_host("hedge_policy: {hedge_on_per_try_timeout: true}")
            .routes("
            - match: {prefix: /own}
              route: {cluster: app, timeout: 5s, hedge_policy: {}, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}}
            - match: {prefix: /}
              route: {cluster: app, timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}}")
            .get("/")
            .get("/own")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_timeout"]),
        base("requests_from_the_start_and_their_chance_count_for_nothing", "timeout: 5s", Script::echo())
            .routes("- match: {prefix: /x}\n  route: {cluster: app, hedge_policy: {initial_requests: 3, additional_request_chance: {numerator: 100}}}")
            .get("/x")
            .asked("app"),
        Case::new("budgets_of_time")
            .log(LOG)
            .backend("app", slow_then_quick())
            .cluster("app", "track_cluster_stats: {timeout_budgets: true}")
            .routes(&policy(ONCE))
            .get("/")
            .pause(Duration::from_millis(5500))
            .step(async |run: &mut Run| {
                let page = run.page("/stats?usedonly&filter=budget").await;
                run.note("budgets", json!(page.lines().map(|line| line.split(':').next().unwrap_or("").to_owned()).collect::<Vec<_>>()));
            }),
        base("a_websocket_is_asked_for_twice", ONCE, Script::always(Answer::websocket().after(Duration::from_millis(700))))
            .hcm("upgrade_configs: [{upgrade_type: websocket}]")
            .raw("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            .asked("app")
            .stats(COUNTED),
        base("a_breaker_by_budget", ONCE, Script::in_turn([late(700, Reply::ok("first"))]))
            .cluster("app", "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 1}, min_retry_concurrency: 0}}]}")
            .send(Request::post("/", "body"))
            .asked("app")
            .stats(COUNTED),
    ]
}
