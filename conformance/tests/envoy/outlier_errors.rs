//! Which answers are failures for outlier detection, where the cluster's protocol options say so (`error_matcher`).

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};

use crate::outlier::{COUNTED, alone, hit, logged};

/// Protocol options with a matcher of errors.
fn errors(case: Case, matcher: &str) -> Case {
    case.cluster(
        "app",
        &format!(
            "
            typed_extension_protocol_options:
              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                explicit_http_config: {{http_protocol_options: {{}}}}
                outlier_detection: {{{matcher}}}"
        ),
    )
}

/// A back-end whose answers are matched, and so many requests to it.
fn of(name: &'static str, matcher: &str, backend: impl Into<Script>, times: usize) -> Case {
    let rows = "consecutive_5xx: 3, consecutive_gateway_failure: 2";
    errors(alone(name, rows, backend, times), &format!("error_matcher: {{{matcher}}}")).stats(COUNTED)
}

const CLIENT_ERRORS: &str =
    "http_response_headers_match: {headers: [{name: ':status', range_match: {start: 400, end: 500}}]}";

const OVERLOADED: &str =
    "http_response_headers_match: {headers: [{name: x-overloaded, string_match: {exact: 'yes'}}]}";

pub(crate) fn cases() -> Vec<Case> {
    [statuses(), logic(), parts(), grpc()].into_iter().flatten().collect()
}

fn statuses() -> Vec<Case> {
    let overloaded = |status| Reply::status(status).header("x-overloaded", "yes");
    vec![
        of("a_status_that_is_no_5xx_may_be_an_error", CLIENT_ERRORS, Reply::status(404), 4),
        of("what_is_not_matched_is_a_success", CLIENT_ERRORS, Reply::status(500), 5),
        of(
            "a_success_breaks_the_row",
            CLIENT_ERRORS,
            Script::in_turn([404, 404, 503, 404, 404, 200, 404, 404].map(Reply::status)),
            8,
        ),
        of("a_header_may_say_so", OVERLOADED, overloaded(200), 4),
        of("an_error_keeps_its_status_from_500_on", OVERLOADED, overloaded(503), 4),
        of("a_status_beyond_all_classes_is_kept", OVERLOADED, overloaded(600), 5),
        logged(of("the_event_log_does_not_say_which_status_it_was", OVERLOADED, overloaded(418), 4)),
        of("without_headers_everything_is_an_error", "http_response_headers_match: {}", Reply::ok("x"), 4),
        errors(alone("without_a_matcher_statuses_count", "consecutive_5xx: 2", Reply::status(500), 3), "")
            .stats(COUNTED),
        of(
            "values_of_a_name_are_not_joined",
            "http_response_headers_match: {headers: [{name: x-v, string_match: {exact: 'a,b'}}]}",
            Reply::ok("x").header("x-v", "a").header("x-v", "b"),
            4,
        ),
        of(
            "any_value_of_a_name_will_do",
            "http_response_headers_match: {headers: [{name: x-v, string_match: {exact: b}}]}",
            Reply::ok("x").header("x-v", "a").header("x-v", "b"),
            4,
        ),
        errors(
            alone("each_attempt_is_looked_at", "consecutive_5xx: 3", Reply::status(503), 2),
            &format!("error_matcher: {{{CLIENT_ERRORS}}}"),
        )
        .routes(
            "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 2, \
                 retry_back_off: {base_interval: 0.001s}}}",
        )
        .stats(COUNTED),
        of(
            "several_headers_have_to_fit",
            "http_response_headers_match: {headers: [{name: ':status', string_match: {exact: '200'}}, \
             {name: x-overloaded, string_match: {exact: 'yes'}}]}",
            Script::in_turn([
                Reply::ok("a"),
                overloaded(200),
                overloaded(201),
                overloaded(200),
                overloaded(200),
                overloaded(200),
            ]),
            7,
        ),
        of(
            "a_header_that_is_not_there",
            "http_response_headers_match: {headers: [{name: x-overloaded, string_match: {exact: 'yes'}, invert_match: true}]}",
            Reply::ok("x"),
            4,
        ),
        of(
            "a_header_that_is_not_there_may_count_as_empty",
            "http_response_headers_match: {headers: [{name: x-overloaded, string_match: {exact: 'yes'}, invert_match: true, \
             treat_missing_header_as_empty: true}]}",
            Reply::ok("x"),
            4,
        ),
    ]
}

fn logic() -> Vec<Case> {
    let by_path = || {
        Script::by(|request| {
            let reply = Reply::status(if request.path().contains("bad") { 404 } else { 200 });
            let reply =
                if request.path().contains("over") { reply.header("x-overloaded", "yes") } else { reply };
            reply.into()
        })
    };
    let each = |name, matcher: &str| {
        let case = errors(
            alone(name, "consecutive_5xx: 0, failure_percentage_request_volume: 99", by_path(), 0),
            &format!("error_matcher: {{{matcher}}}"),
        );
        // A row of one: whoever errs is out at once, and comes back before the next.
        let case =
            case.cluster("app", "outlier_detection: {consecutive_5xx: 1, enforcing_consecutive_5xx: 0}");
        case.step(async |run: &mut Run| {
            for path in ["/well", "/bad", "/over", "/bad/over"] {
                hit(run, 1, &Request::get(path)).await;
                let found = "cluster.app.outlier_detection.ejections_detected_consecutive_5xx";
                let count = run.stats().await.get(found).copied().unwrap_or_default();
                run.note(format!("found by {path}"), serde_json::json!(count));
            }
        })
    };
    vec![
        each("errors_by_any_rule", &format!("or_match: {{rules: [{{{CLIENT_ERRORS}}}, {{{OVERLOADED}}}]}}")),
        each(
            "errors_by_all_rules",
            &format!("and_match: {{rules: [{{{CLIENT_ERRORS}}}, {{{OVERLOADED}}}]}}"),
        ),
        each("errors_by_no_rule", &format!("not_match: {{{CLIENT_ERRORS}}}")),
        each("everything_is_an_error", "any_match: true"),
        each(
            "rules_in_rules",
            &format!(
                "and_match: {{rules: [{{not_match: {{{CLIENT_ERRORS}}}}}, {{or_match: {{rules: [{{{OVERLOADED}}}, {{{CLIENT_ERRORS}}}]}}}}]}}"
            ),
        ),
    ]
}

/// Other parts of an exchange than the head of the response.
fn parts() -> Vec<Case> {
    let any = "headers: [{name: ':status', present_match: true}]";
    let both = |name: &'static str, negated: &'static str, part: &str| {
        [
            of(name, part, Reply::ok("words"), 4),
            of(negated, &format!("not_match: {{{part}}}"), Reply::ok("words"), 4),
        ]
    };
    let path = "http_request_headers_match: {headers: [{name: ':path', present_match: true}]}";
    let trailers = format!("http_response_trailers_match: {{{any}}}");
    let body = "http_response_generic_body_match: {patterns: [{string_match: words}]}";
    let either = format!("or_match: {{rules: [{{{path}}}, {{{OVERLOADED}}}]}}");
    let mut cases = vec![];
    cases.extend(both("requests_are_not_looked_at", "that_requests_are_not_looked_at_can_be_negated", path));
    cases.extend(both(
        "trailers_are_not_looked_at",
        "that_trailers_are_not_looked_at_can_be_negated",
        &trailers,
    ));
    cases.extend(both("bodies_are_not_looked_at", "that_bodies_are_not_looked_at_can_be_negated", body));
    cases.push(of("one_of_two_parts_is_looked_at", &either, Reply::ok("x").header("x-overloaded", "yes"), 4));
    cases
}

fn grpc() -> Vec<Case> {
    let answer = |status: &'static str| {
        Reply::ok("").header("content-type", "application/grpc").header("grpc-status", status)
    };
    let request =
        || Request::post("/s/m", "").header("content-type", "application/grpc").header("te", "trailers");
    let calls = |name, matcher: &str, backend: Reply| {
        let case = errors(
            alone(name, "consecutive_5xx: 3, consecutive_gateway_failure: 2", backend, 0),
            &format!("error_matcher: {{{matcher}}}"),
        );
        case.step(async move |run: &mut Run| hit(run, 4, &request()).await).stats(COUNTED)
    };
    let without_matcher = |name, backend: Reply| {
        alone(name, "consecutive_5xx: 3, consecutive_gateway_failure: 2", backend, 0)
            .step(async move |run: &mut Run| hit(run, 4, &request()).await)
            .stats(COUNTED)
    };
    let exhausted =
        "http_response_headers_match: {headers: [{name: grpc-status, string_match: {exact: '8'}}]}";
    vec![
        calls("a_status_of_grpc_may_be_an_error", exhausted, answer("8")),
        calls("a_status_of_grpc_that_is_not_matched", exhausted, answer("14")),
        calls("a_status_of_grpc_that_stands_for_an_error", "any_match: true", answer("14")),
        calls(
            "an_answer_to_a_call_without_a_status",
            "any_match: true",
            Reply::ok("").header("content-type", "application/grpc"),
        ),
        calls("a_5xx_to_a_call_without_a_status", CLIENT_ERRORS, Reply::status(503)),
        calls(
            "a_5xx_to_a_call_with_a_status_that_is_none",
            "any_match: true",
            Reply::status(503).header("content-type", "application/grpc").header("grpc-status", "x"),
        ),
        without_matcher("a_5xx_to_a_call_where_statuses_count", Reply::status(503)),
        without_matcher(
            "a_5xx_to_a_call_of_grpc_where_statuses_count",
            Reply::status(503).header("content-type", "application/grpc"),
        ),
        of("what_the_proxy_meets_is_not_matched", CLIENT_ERRORS, Answer::close(), 4),
    ]
}
