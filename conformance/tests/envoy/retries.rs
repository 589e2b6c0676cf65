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

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("an_answer_of_class_5xx")
            .refused("D-60", "`retry_policy` of ")
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
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Reply::status(503).header("x-own", "1").body("broken"))
            .virtual_host("include_request_attempt_count: true\ninclude_attempt_count_in_response: true")
            .routes(&policy("retry_on: 5xx, num_retries: 2"))
            .get("/")
            .asked("app")
            .stats(COUNTED),
        Case::new("one_retry_if_no_number_is_given")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Reply::status(500))
            .routes(&policy("retry_on: 5xx"))
            .get("/")
            .asked("app"),
        Case::new("a_refused_connection")
            .refused("D-60", "`retry_policy` of ")
            .dead("app")
            .virtual_host("include_attempt_count_in_response: true")
            .routes(&policy("retry_on: connect-failure, num_retries: 2"))
            .get("/")
            .stats(&["cluster.app.upstream_cx_connect_fail", "cluster.app.upstream_rq_retry"]),
        Case::new("a_connection_that_is_cut")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", fails_first(Answer::close()))
            .routes(&policy("retry_on: reset, num_retries: 3"))
            .get("/2")
            .asked("app")
            .stats(COUNTED),
        Case::new("only_before_the_request_was_sent")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", fails_first(Answer::close()))
            .routes(&policy("retry_on: reset-before-request, num_retries: 3"))
            .get("/1")
            .asked("app"),
        Case::new("what_does_not_fit_is_not_tried_again")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", fails_first(Reply::status(500)))
            .routes(&policy("retry_on: 'connect-failure,gateway-error', num_retries: 3"))
            .get("/1")
            .asked("app"),
        Case::new("gateway_errors")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Script::in_turn([Reply::status(502), Reply::status(503), Reply::status(504), Reply::ok("x")]))
            .routes(&policy("retry_on: gateway-error, num_retries: 3"))
            .get("/")
            .asked("app"),
        Case::new("conflicts_and_chosen_statuses")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Script::in_turn([Reply::status(409), Reply::status(418), Reply::status(409), Reply::ok("x")]))
            .routes(&policy(
                "retry_on: 'retriable-4xx,retriable-status-codes', num_retries: 5, retriable_status_codes: [418]",
            ))
            .get("/")
            .asked("app"),
        Case::new("chosen_headers")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Script::in_turn([Reply::ok("no").header("x-again", "yes"), Reply::ok("fine")]))
            .routes(&policy(
                "retry_on: retriable-headers, num_retries: 2, retriable_headers: [{name: x-again, string_match: {exact: 'yes'}}]",
            ))
            .get("/")
            .asked("app"),
        Case::new("each_try_has_its_time")
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Script::in_turn([Answer::hang(), Reply::ok("quick").into()]))
            .routes(&policy("retry_on: 5xx, num_retries: 2, per_try_timeout: 0.3s"))
            .get("/")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_per_try_timeout", "cluster.app.upstream_rq_retry_success"]),
        Case::new("all_tries_together_have_the_time_of_the_route")
            .refused("D-60", "`retry_policy` of ")
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
            .refused("D-60", "`retry_policy` of ")
            .backend("app", Answer::hang())
            .routes(&policy("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s"))
            .get("/")
            .asked("app"),
        Case::new("a_policy_for_all_routes_of_a_host")
            .refused("D-60", "`retry_policy` of ")
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
            .differs("D-61", &["1 GET /2", "body"], "")
            .differs("D-61", &["1 GET /2", "headers", "content-length"], "0")
            .differs("D-61", &["1 GET /2", "reason"], "Internal Server Error")
            .differs("D-61", &["1 GET /2", "status"], 500)
            .differs("D-61", &["2 requests of app"], 1)
            .differs("D-61", &["log", "0"], "GET /2 HTTP/1.1 500 - via_upstream received=0 sent=0 cluster=app host=127.0.0.1:<app>")
            .hcm(
                "
                use_remote_address: true
                internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}",
            )
            .backend("app", fails_first(Reply::status(500)))
            .send(Request::get("/2").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "3"))
            .asked("app"),
        Case::new("another_host_is_tried")
            .refused("D-60", "`retry_policy` of ")
            .endpoint("good", Reply::ok("good"))
            .endpoint("bad", Answer::close())
            .pool("app", &["good", "bad"])
            .routes(&policy(
                "retry_on: reset, num_retries: 3, host_selection_retry_max_attempts: 9, retry_host_predicate: [{name: previous, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]",
            ))
            .without_log()
            .tally(6, Request::get("/")),
    ]
}
