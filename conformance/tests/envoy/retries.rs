//! Trying again.

use std::time::{Duration, Instant};

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

const COUNTED: &[&str] = &[
    "cluster.app.upstream_rq_retry",
    "cluster.app.upstream_rq_retry_success",
    "cluster.app.upstream_rq_retry_limit_exceeded",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_completed",
    "cluster.app.upstream_rq_5xx",
    "cluster.app.upstream_rq_500",
    "cluster.app.upstream_rq_503",
    "cluster.app.external.upstream_rq_503",
    "cluster.app.upstream_rq_retry_backoff_exponential",
    "cluster.app.upstream_rq_retry_overflow",
    "cluster.app.retry_or_shadow_abandoned",
];

/// Fails as often as the number in the path says, then succeeds.
fn fails_first(failure: impl Into<Answer>) -> Script {
    let failure = failure.into();
    Script::by(move |request| {
        let failures: usize = request.path().trim_start_matches('/').parse().unwrap_or(0);
        if request.number < failures { failure.clone() } else { Reply::ok("fine").into() }
    })
}

fn policy(fields: &str) -> String {
    format!("- match: {{prefix: /}}\n  route: {{cluster: app, retry_policy: {{{fields}}}}}")
}

/// The router with a log of its own that goes where the other lines go.
fn upstream_log(format: &str) -> String {
    format!(
        "
        - name: envoy.filters.http.router
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
            upstream_log:
            - name: log
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                path: '{{{{dir}}}}/access.log'
                log_format: {{text_format_source: {{inline_string: \"{format}\\n\"}}}}"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("an_answer_of_class_5xx")
            .backend("app", fails_first(Reply::status(500).body("broken")))
            .virtual_host("include_request_attempt_count: true")
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .send(Request::post("/2", "body"))
            .step(async |run: &mut Run| {
                let tries = run.backend("app").received();
                let tries = tries.iter().map(|r| json!([r.headers.get("x-envoy-attempt-count"), r.body == b"body"]));
                run.note("each try", tries.collect());
            })
            .stats(COUNTED),
        Case::new("the_last_answer_counts_when_all_fail")
            .backend("app", Reply::status(503).header("x-own", "1").body("broken"))
            .virtual_host("include_request_attempt_count: true\ninclude_attempt_count_in_response: true")
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("one_retry_if_no_number_is_given")
            .backend("app", Reply::status(500))
            .routes(&policy("retry_on: 5xx"))
            .get("/")
            .asked("app"),
        Case::new("a_refused_connection")
            .dead("app")
            .virtual_host("include_attempt_count_in_response: true")
            .routes(&policy("retry_on: connect-failure, num_retries: 2"))
            .get("/")
            .stats(&["cluster.app.upstream_cx_connect_fail", "cluster.app.upstream_rq_retry"]),
        Case::new("a_connection_that_is_cut")
            .backend("app", fails_first(Answer::close()))
            .routes(&policy("retry_on: reset, num_retries: 3"))
            .get("/2")
            .asked("app")
            .stats(COUNTED),
        Case::new("only_before_the_request_was_sent")
            .backend("app", fails_first(Answer::close()))
            .routes(&policy("retry_on: reset-before-request, num_retries: 3"))
            .get("/1")
            .asked("app"),
        Case::new("what_does_not_fit_is_not_tried_again")
            .backend("app", fails_first(Reply::status(500)))
            .routes(&policy("retry_on: 'connect-failure,gateway-error', num_retries: 3"))
            .get("/1")
            .asked("app"),
        Case::new("gateway_errors")
            .backend("app", Script::in_turn([Reply::status(502), Reply::status(503), Reply::status(504), Reply::ok("x")]))
            .routes(&policy("retry_on: gateway-error, num_retries: 3"))
            .get("/")
            .asked("app"),
        Case::new("conflicts_and_chosen_statuses")
            .backend("app", Script::in_turn([Reply::status(409), Reply::status(418), Reply::status(409), Reply::ok("x")]))
            .routes(&policy(
                "retry_on: 'retriable-4xx,retriable-status-codes', num_retries: 5, retriable_status_codes: [418]",
            ))
            .get("/")
            .asked("app"),
        Case::new("chosen_headers")
            .backend("app", Script::in_turn([Reply::ok("no").header("x-again", "yes"), Reply::ok("fine")]))
            .routes(&policy(
                "retry_on: retriable-headers, num_retries: 2, retriable_headers: [{name: x-again, string_match: {exact: 'yes'}}]",
            ))
            .get("/")
            .asked("app"),
        Case::new("the_status_is_one_of_the_headers")
            .backend("app", Script::in_turn([Reply::status(207), Reply::status(206), Reply::ok("fine")]))
            .routes(&policy(
                "retry_on: retriable-headers, num_retries: 2, retriable_headers: [{name: ':status', range_match: {start: 206, end: 208}}]",
            ))
            .get("/")
            .asked("app"),
        Case::new("each_try_has_its_time")
            .backend("app", Script::in_turn([Answer::hang(), Reply::ok("quick").into()]))
            .routes(&policy("retry_on: 5xx, num_retries: 2, per_try_timeout: 0.3s"))
            .get("/")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_timeout", "cluster.app.upstream_rq_retry_success"]),
        Case::new("all_tries_together_have_the_time_of_the_route")
            .backend("app", Answer::hang())
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.7s, retry_policy: {retry_on: 5xx, num_retries: 9, per_try_timeout: 0.3s}}")
            .step(async |run: &mut Run| {
                let start = Instant::now();
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note_response("in the end", &response);
                let took = start.elapsed();
                run.note("in time", json!(took > Duration::from_millis(650) && took < Duration::from_millis(1500)));
            }),
        Case::new("tries_that_all_take_too_long")
            .backend("app", Answer::hang())
            .routes(&policy("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s"))
            .get("/")
            .asked("app"),
        Case::new("a_policy_for_all_routes_of_a_host")
            .backend("app", fails_first(Reply::status(500)))
            .virtual_host("retry_policy: {retry_on: 5xx, num_retries: 2}")
            .get("/2")
            .asked("app"),
        Case::new("a_client_from_outside_cannot_ask_for_tries")
            .hcm("use_remote_address: true")
            .backend("app", fails_first(Reply::status(500)))
            .send(Request::get("/2").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "3"))
            .asked("app"),
        Case::new("a_client_from_inside_can_ask_for_tries")
            .hcm(
                "
                use_remote_address: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .backend("app", fails_first(Reply::status(500)))
            .send(Request::get("/2").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "3"))
            .asked("app"),
        Case::new("another_host_is_tried")
            .endpoint("good", Reply::ok("good"))
            .endpoint("bad", Answer::close())
            .pool("app", &["good", "bad"])
            .routes(&policy(
                "retry_on: reset, num_retries: 3, host_selection_retry_max_attempts: 9, retry_host_predicate: [{name: previous, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]",
            ))
            .without_log()
            .tally(6, Request::get("/")),
        Case::new("all_connections_refused")
            .dead("app")
            .virtual_host("include_request_attempt_count: true\ninclude_attempt_count_in_response: true")
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOSTS_ATTEMPTED% %UPSTREAM_HOST%")
            .routes(&policy("retry_on: connect-failure, num_retries: 2"))
            .get("/")
            .stats(COUNTED),
        Case::new("each_attempt_is_logged_by_the_router")
            .backend("app", fails_first(Reply::status(503).body("no")))
            .filters(&upstream_log("%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %BYTES_SENT% %BYTES_RECEIVED%"))
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .get("/2"),
        Case::new("each_connection_that_is_refused_is_logged_by_the_router")
            .dead("app")
            .filters(&upstream_log("%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%"))
            .routes(&policy("retry_on: 5xx, num_retries: 1"))
            .get("/"),
        Case::new("a_limit_of_none")
            .backend("app", Reply::status(503))
            .routes(&policy("retry_on: 5xx, num_retries: 0"))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("a_body_that_is_too_large_is_not_sent_again")
            .listener("per_connection_buffer_limit_bytes: 8192")
            .backend("app", fails_first(Reply::status(503)))
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .send(Request::post("/1", vec![b'x'; 60_000]))
            .asked("app")
            .stats(COUNTED),
        Case::new("a_body_in_chunks_is_sent_again")
            .backend("app", fails_first(Reply::status(503)))
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .raw("POST /1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            .step(async |run: &mut Run| {
                let bodies: Vec<_> =
                    run.backend("app").received().iter().map(|r| String::from_utf8_lossy(&r.body).into_owned()).collect();
                run.note("bodies", json!(bodies));
            }),
        Case::new("an_answer_that_comes_before_the_body_has")
            .backend("app", Script::in_turn([Reply::status(503), Reply::ok("fine")]).early())
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .without_log()
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst").await;
                let sent_again = run.wait_for("/stats", "cluster.app.upstream_rq_retry: 1").await;
                run.note("sent again", json!(sent_again));
                connection.write("other").await;
                let response = connection.response("POST").await;
                // The second answer may come before the rest of the body as well, and then the connection ends.
                run.note("in the end", json!(response.map(|r| (r.status, r.text())).ok()));
            }),
        Case::new("an_empty_answer_leaves_its_connection_in_use")
            .backend("app", fails_first(Reply::status(503)))
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .get("/2")
            .stats(&["cluster.app.upstream_cx_total"]),
        Case::new("an_answer_with_a_body_loses_its_connection")
            .backend("app", fails_first(Reply::status(503).body("left")))
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .get("/2")
            .stats(&["cluster.app.upstream_cx_total"]),
        Case::new("an_attempt_on_which_nothing_moves")
            .backend("app", Script::in_turn([Answer::hang(), Reply::ok("quick").into()]))
            .routes(&policy("retry_on: reset, num_retries: 2, per_try_idle_timeout: 0.3s"))
            .get("/")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_idle_timeout", "cluster.app.upstream_rq_retry_success"]),
        Case::new("attempts_may_be_timed_without_being_made_again")
            .backend("app", Answer::hang())
            .routes(&policy("per_try_timeout: 0.3s"))
            .get("/")
            .stats(&["cluster.app.upstream_rq_per_try_timeout", "cluster.app.upstream_rq_timeout"]),
        Case::new("a_back_end_is_told_the_time_of_its_attempt")
            .virtual_host("include_is_timeout_retry_header: true\ninclude_request_attempt_count: true")
            .backend("app", Script::in_turn([Answer::hang(), Reply::status(503).into(), Reply::ok("x").into()]))
            .routes(&policy("retry_on: 5xx, num_retries: 3, per_try_timeout: 0.3s"))
            .get("/")
            .step(async |run: &mut Run| {
                let told = run.backend("app").received();
                let told = told.iter().map(|r| {
                    json!([
                        r.headers.get("x-envoy-expected-rq-timeout-ms"),
                        r.headers.get("x-envoy-is-timeout-retry"),
                        r.headers.get("x-envoy-attempt-count")
                    ])
                });
                run.note("told", told.collect());
            }),
        Case::new("logs_show_the_attempt_that_began_last_and_the_bytes_of_all")
            .backend("app", Script::in_turn([Reply::status(503).body("no").into(), Answer::close(), Reply::ok("fine").into()]))
            .log("%UPSTREAM_HOSTS_ATTEMPTED% %UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_HEADER_BYTES_SENT% %UPSTREAM_HEADER_BYTES_RECEIVED%")
            .filters(&upstream_log("%RESPONSE_CODE% %UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_HEADER_BYTES_SENT% %UPSTREAM_HEADER_BYTES_RECEIVED% %UPSTREAM_HOSTS_ATTEMPTED%"))
            .hcm("generate_request_id: false")
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 2}}")
            .get("/")
            .stats(&["cluster.app.upstream_cx_tx_bytes_total", "cluster.app.retry.upstream_rq_503", "cluster.app.retry.upstream_rq_5xx", "cluster.app.retry.upstream_rq_completed"]),
        Case::new("attempts_that_take_too_long_have_flags_of_their_own")
            .backend("app", Answer::hang())
            .filters(&upstream_log("%RESPONSE_CODE% %RESPONSE_FLAGS%"))
            .routes(
                "
                - match: {prefix: /silent}
                  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_idle_timeout: 0.2s}}
                - match: {prefix: /}
                  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s}}",
            )
            .get("/")
            .get("/silent"),
        Case::new("an_interim_answer_ends_retries_and_is_counted")
            .backend(
                "app",
                Answer::from(Reply::status(103).header("link", "a"))
                    .then_send("HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nfirst"),
            )
            .routes(&policy("retry_on: 5xx"))
            .get("/")
            .asked("app")
            .stats(&[
                "cluster.app.upstream_rq_1xx",
                "cluster.app.upstream_rq_103",
                "cluster.app.external.upstream_rq_103",
                "cluster.app.external.upstream_rq_completed",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_retry",
            ]),
        Case::new("a_typed_policy_is_no_policy")
            .backend("app", Reply::status(503))
            .virtual_host("retry_policy: {retry_on: 5xx, num_retries: 3}")
            .routes(
                "
                - match: {prefix: /typed}
                  route: {cluster: app, retry_policy_typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.RetryPolicy, retry_on: 5xx, num_retries: 2}}
                - match: {prefix: /both}
                  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 1}, retry_policy_typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.RetryPolicy, retry_on: 5xx, num_retries: 4}}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .virtual_host("include_attempt_count_in_response: true")
            .get("/typed")
            .get("/both")
            .get("/"),
        Case::new("a_typed_policy_of_a_host_is_no_policy")
            .backend("app", Reply::status(503))
            .virtual_host("retry_policy_typed_config: {'@type': type.googleapis.com/envoy.config.route.v3.RetryPolicy, retry_on: 5xx, num_retries: 3}")
            .virtual_host("include_attempt_count_in_response: true")
            .get("/"),
        Case::new("only_requests_with_chosen_fields")
            .backend("app", Reply::status(503))
            .routes(&policy(
                "retry_on: 5xx, num_retries: 1, retriable_request_headers: [{name: ':method', string_match: {exact: GET}}]",
            ))
            .get("/")
            .send(Request::post("/", ""))
            .asked("app"),
        Case::new("a_back_end_asks_for_a_pause")
            .backend("app", Script::in_turn([Reply::status(503).header("retry-after", "1"), Reply::ok("x")]))
            .routes(&policy(
                "retry_on: 5xx, num_retries: 1, rate_limited_retry_back_off: {reset_headers: [{name: retry-after, format: SECONDS}]}",
            ))
            .step(async |run: &mut Run| {
                let start = Instant::now();
                let response = run.connect().await.exchange(&Request::get("/")).await;
                run.note_response("in the end", &response);
                let took = start.elapsed();
                run.note("in time", json!(took > Duration::from_millis(950) && took < Duration::from_millis(3000)));
            })
            .stats(&["cluster.app.upstream_rq_retry_backoff_ratelimited", "cluster.app.upstream_rq_retry_backoff_exponential"]),
        Case::new("answers_of_a_rate_limiter")
            .backend("app", Script::in_turn([
                Reply::status(503).header("x-envoy-ratelimited", "true"),
                Reply::status(429).header("x-envoy-ratelimited", "true"),
                Reply::ok("x"),
            ]))
            .routes(
                "
                - match: {prefix: /a}
                  route: {cluster: app, retry_policy: {retry_on: 5xx}}
                - match: {prefix: /}
                  route: {cluster: app, retry_policy: {retry_on: envoy-ratelimited}}",
            )
            .get("/a")
            .get("/b")
            .asked("app"),
        Case::new("statuses_of_grpc")
            .backend("app", Script::in_turn([
                Reply::ok("").header("grpc-status", "14"),
                Reply::ok("").header("grpc-status", "1"),
                Reply::ok("").header("grpc-status", "13"),
                Reply::ok("").header("grpc-status", "0"),
            ]))
            .routes(&policy("retry_on: 'cancelled,unavailable', num_retries: 5"))
            .get("/")
            .asked("app"),
        Case::new("a_host_that_follows_the_attempt")
            .endpoint("good", Reply::ok("good"))
            .endpoint("bad", Reply::status(503))
            .pool("app", &["bad", "good"])
            .cluster("app", "lb_policy: RANDOM")
            .routes(&policy(
                "retry_on: 5xx, num_retries: 4, host_selection_retry_max_attempts: 20, retry_host_predicate: [{name: previous, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]",
            ))
            .without_log()
            .tally(12, Request::get("/")),
        Case::new("the_time_of_the_route_ends_a_pause")
            .backend("app", Reply::status(503))
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.5s, retry_policy: {retry_on: 5xx, num_retries: 9, rate_limited_retry_back_off: {reset_headers: [{name: x-wait}]}, retriable_status_codes: [503], retry_back_off: {base_interval: 100s}}}")
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("an_unknown_condition_never_holds")
            .backend("app", Reply::status(503))
            .routes(&policy("retry_on: 'sometimes, retriable-4xx'"))
            .get("/")
            .asked("app"),
        Case::new("requests_of_a_client_with_its_own_conditions")
            .hcm(
                "
                use_remote_address: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .backend("app", Reply::status(418).header("x-own", "1"))
            .send(
                Request::get("/statuses")
                    .header("x-envoy-retry-on", "retriable-status-codes")
                    .header("x-envoy-retriable-status-codes", "400, 418"),
            )
            .send(
                Request::get("/fields")
                    .header("x-envoy-retry-on", "retriable-headers")
                    .header("x-envoy-retriable-header-names", "x-other,x-own"),
            )
            .send(Request::get("/number").header("x-envoy-max-retries", "3"))
            .asked("app"),
        just_closed("a_connection_that_was_just_closed_costs_no_request")
            .differs("D-140", &["statuses"], json!([200, 200, 200])),
        just_closed("whatever_the_policy_says_unless_it_speaks_of_this")
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 'connect-failure,retriable-4xx'}}")
            .differs("D-140", &["statuses"], json!([200, 200, 200])),
        just_closed("a_policy_that_speaks_of_connections_that_were_just_closed")
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: reset, retry_back_off: {base_interval: 0.01s}}}"),
    ]
}

/// A back-end that closes a connection at the second request on it.
fn just_closed(name: &'static str) -> Case {
    Case::new(name)
        .backend(
            "app",
            Script::in_turn([
                Reply::ok("a").into(),
                Answer::close(),
                Reply::ok("b").into(),
                Reply::ok("c").into(),
            ]),
        )
        .without_log()
        .step(async |run: &mut Run| {
            let mut statuses = Vec::new();
            let mut connection = run.connect().await;
            for _ in 0..3 {
                statuses.push(
                    connection.exchange(&Request::get("/")).await.map(|answer| answer.status).unwrap_or(0),
                );
            }
            run.note("statuses", json!(statuses));
        })
}
