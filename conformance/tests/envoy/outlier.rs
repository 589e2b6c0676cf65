//! Hosts that fail requests, and are taken out of use for a while.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

pub(crate) const COUNTED: &[&str] = &[
    "cluster.app.outlier_detection.ejections_active",
    "cluster.app.outlier_detection.ejections_total",
    "cluster.app.outlier_detection.ejections_overflow",
    "cluster.app.outlier_detection.ejections_consecutive_5xx",
    "cluster.app.outlier_detection.ejections_success_rate",
    "cluster.app.outlier_detection.ejections_enforced_total",
    "cluster.app.outlier_detection.ejections_enforced_consecutive_5xx",
    "cluster.app.outlier_detection.ejections_enforced_consecutive_gateway_failure",
    "cluster.app.outlier_detection.ejections_enforced_consecutive_local_origin_failure",
    "cluster.app.outlier_detection.ejections_enforced_success_rate",
    "cluster.app.outlier_detection.ejections_enforced_failure_percentage",
    "cluster.app.outlier_detection.ejections_enforced_local_origin_success_rate",
    "cluster.app.outlier_detection.ejections_enforced_local_origin_failure_percentage",
    "cluster.app.outlier_detection.ejections_detected_consecutive_5xx",
    "cluster.app.outlier_detection.ejections_detected_consecutive_gateway_failure",
    "cluster.app.outlier_detection.ejections_detected_consecutive_local_origin_failure",
    "cluster.app.outlier_detection.ejections_detected_success_rate",
    "cluster.app.outlier_detection.ejections_detected_failure_percentage",
    "cluster.app.outlier_detection.ejections_detected_local_origin_success_rate",
    "cluster.app.outlier_detection.ejections_detected_local_origin_failure_percentage",
    "cluster.app.outlier_detection.ejections_detected_degradation",
    "cluster.app.membership_healthy",
    "cluster.app.membership_degraded",
    "cluster.app.lb_healthy_panic",
];

/// The statistics of outliers, without what chance decides of the traffic.
const FEW: &[&str] = &[
    "cluster.app.outlier_detection.ejections_active",
    "cluster.app.outlier_detection.ejections_enforced_total",
    "cluster.app.outlier_detection.ejections_overflow",
    "cluster.app.membership_healthy",
];

/// A cluster in which nobody is spared, and nothing waits.
fn rules(fields: &str) -> String {
    format!(
        "
        outlier_detection: {{interval: 0.2s, base_ejection_time: 30s, max_ejection_percent: 100, {fields}}}
        common_lb_config: {{update_merge_window: 0s, healthy_panic_threshold: {{value: 0}}}}"
    )
}

/// Requests one after the other, each with time for what follows from it.
pub(crate) async fn hit(run: &mut Run, times: usize, request: &Request) {
    let label = run.label(&format!("{times} times {}", request.target()));
    let mut seen = Vec::new();
    for _ in 0..times {
        let answer = run.connect().await.exchange(request).await;
        seen.push(
            answer.map_or_else(|none| none.end.as_str().to_owned(), |answer| answer.status.to_string()),
        );
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    run.note(label, json!(seen));
}

fn hits(case: Case, times: usize, request: Request) -> Case {
    case.step(async move |run: &mut Run| hit(run, times, &request).await)
}

/// A case of one back-end, and so many requests to it.
pub(crate) fn alone(name: &'static str, fields: &str, backend: impl Into<Script>, times: usize) -> Case {
    let case = Case::new(name).backend("app", backend).cluster("app", &rules(fields));
    hits(case, times, Request::get("/"))
}

/// Events stand in the log; moments and times are none of the comparison.
pub(crate) fn logged(case: Case) -> Case {
    case.without_log()
        .bootstrap("cluster_manager: {outlier_detection: {event_log_path: '{{dir}}/access.log'}}")
        .mask_log(|line| {
            let Some((before, rest)) = line.split_once("\"timestamp\":\"") else { return line.into() };
            let (time, rest) = rest.split_once('"').unwrap_or_default();
            format!("{before}\"timestamp\":\"{}\"{rest}", time.len())
        })
}

pub(crate) fn cases() -> Vec<Case> {
    in_a_row().into_iter().chain(by_share()).chain(others()).chain(connections()).collect()
}

fn in_a_row() -> Vec<Case> {
    let grpc =
        |status: &str| Reply::ok("").header("content-type", "application/grpc").header("grpc-status", status);
    vec![
        alone("answers_of_5xx_in_a_row", "consecutive_5xx: 3", Reply::status(500), 5).clusters("app").stats(COUNTED),
        alone(
            "another_answer_breaks_the_row",
            "consecutive_5xx: 2",
            Script::in_turn([500, 404, 500, 200, 500, 500].map(Reply::status)),
            8,
        )
        .stats(FEW),
        logged(
            alone(
                "what_is_not_enforced_is_written_to_the_event_log",
                "consecutive_5xx: 3, consecutive_gateway_failure: 2, base_ejection_time: 0.6s",
                Reply::status(503),
                4,
            )
            .stats(COUNTED)
            .wait_for("/clusters", "::health_flags::healthy")
            .step(async |run: &mut Run| hit(run, 4, &Request::get("/")).await),
        ),
        alone(
            "failures_of_gateways_can_be_enforced",
            "consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100",
            Script::in_turn([502, 500, 504, 503].map(Reply::status)),
            6,
        )
        .stats(COUNTED),
        alone("zero_switches_a_row_off", "consecutive_5xx: 0", Reply::status(500), 7).stats(FEW),
        alone("nothing_is_enforced_by_zero", "consecutive_5xx: 2, enforcing_consecutive_5xx: 0", Reply::status(500), 5)
            .stats(COUNTED),
        hits(
            Case::new("what_the_proxy_meets_counts_as_answers").dead("app").cluster("app", &rules("consecutive_5xx: 2")),
            4,
            Request::get("/"),
        )
        .stats(COUNTED),
        hits(
            Case::new("what_the_proxy_meets_has_a_row_of_its_own")
                .dead("app")
                .cluster("app", &rules("split_external_local_origin_errors: true, consecutive_5xx: 1, consecutive_local_origin_failure: 3")),
            5,
            Request::get("/"),
        )
        .stats(COUNTED),
        alone(
            "answers_are_told_apart_where_both_are_split",
            "split_external_local_origin_errors: true, consecutive_5xx: 9, consecutive_gateway_failure: 2, \
             enforcing_consecutive_gateway_failure: 100",
            Reply::status(503),
            4,
        )
        .stats(COUNTED),
        alone("connections_that_break_count", "consecutive_5xx: 2", Answer::close(), 4).stats(COUNTED),
        alone(
            "answers_that_break_off_count_beside_their_head",
            "consecutive_5xx: 1",
            Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").then_close(),
            3,
        )
        .stats(FEW),
        alone("timeouts_count", "consecutive_5xx: 2, consecutive_gateway_failure: 2", Answer::hang(), 3)
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.1s}")
            .stats(COUNTED),
        alone("timeouts_of_attempts_count_each", "consecutive_5xx: 3", Answer::hang(), 2)
            .routes(
                "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 2, \
                 per_try_timeout: 0.1s, retry_back_off: {base_interval: 0.001s}}}",
            )
            .stats(FEW),
        alone("retries_count_each", "consecutive_5xx: 3", Reply::status(503), 2)
            .routes(
                "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 2, \
                 retry_back_off: {base_interval: 0.001s}}}",
            )
            .stats(FEW),
        alone("an_overflow_is_nobodys_fault", "consecutive_5xx: 1", Reply::ok("never"), 3)
            .cluster("app", "circuit_breakers: {thresholds: [{max_requests: 0}]}")
            .stats(FEW),
        hits(
            Case::new("statuses_of_grpc_stand_for_others")
                .backend("app", Script::by(move |request| {
                    let status = request.path().trim_start_matches('/').to_owned();
                    grpc(&status).into()
                }))
                .cluster("app", &rules("consecutive_5xx: 2")),
            3,
            Request::post("/5", "").header("content-type", "application/grpc").header("te", "trailers"),
        )
        .step(async |run: &mut Run| {
            let request = Request::post("/14", "").header("content-type", "application/grpc").header("te", "trailers");
            hit(run, 4, &request).await;
        })
        .stats(FEW),
        alone("values_of_the_runtime_come_first", "consecutive_5xx: 9", Reply::status(500), 4)
            .bootstrap("layered_runtime: {layers: [{name: l, static_layer: {outlier_detection: {consecutive_5xx: 2}}}]}")
            .stats(FEW),
    ]
}

/// Three back-ends, of which the first fails.
fn of_three(name: &'static str, fields: &str) -> Case {
    Case::new(name)
        .endpoint("bad", Reply::status(500))
        .endpoint("one", Reply::ok("one"))
        .endpoint("two", Reply::ok("two"))
        .pool("app", &["bad", "one", "two"])
        .cluster(
            "app",
            &format!(
                "
                outlier_detection: {{interval: 1.2s, max_ejection_percent: 100, consecutive_5xx: 0, {fields}}}
                common_lb_config: {{update_merge_window: 0s}}"
            ),
        )
        .without_log()
        .step(async |run: &mut Run| {
            for _ in 0..24 {
                let _ = run.connect().await.exchange(&Request::get("/")).await;
            }
        })
}

fn by_share() -> Vec<Case> {
    let rates =
        "success_rate_minimum_hosts: 2, success_rate_request_volume: 3, success_rate_stdev_factor: 500";
    let shares = "failure_percentage_minimum_hosts: 2, failure_percentage_request_volume: 3, \
                  failure_percentage_threshold: 60, enforcing_failure_percentage: 100";
    let out = "app::127.0.0.1:{{bad}}::health_flags::/failed_outlier_check";
    vec![
        logged(of_three("one_that_does_worse_than_the_others", rates).wait_for("/clusters", out))
            .clusters("app")
            .admin("/clusters?format=json&filter=nothing")
            .stats(COUNTED),
        logged(
            of_three("one_that_fails_too_much", &format!("{shares}, success_rate_minimum_hosts: 9"))
                .wait_for("/clusters", out),
        )
        .clusters("app")
        .stats(COUNTED),
        of_three("too_few_hosts_to_compare", &rates.replace("hosts: 2", "hosts: 4"))
            .pause(Duration::from_millis(1500))
            .clusters("app")
            .stats(FEW),
        of_three("one_that_both_rules_find", &format!("{rates}, {shares}"))
            .wait_for("/clusters", out)
            .stats(FEW)
            .differs("D-195", &["2 stats", "cluster.app.outlier_detection.ejections_active"], 1)
            .differs("D-195", &["2 stats", "cluster.app.outlier_detection.ejections_enforced_total"], 1),
    ]
}

fn others() -> Vec<Case> {
    let two_bad = |name, fields: &str| {
        Case::new(name)
            .endpoint("one", Reply::status(500))
            .endpoint("two", Reply::status(500))
            .pool("app", &["one", "two"])
            .cluster("app", &rules(fields).replace("max_ejection_percent: 100, ", ""))
            .step(async |run: &mut Run| hit(run, 8, &Request::get("/")).await)
            .without_log()
    };
    vec![
        two_bad("a_share_of_the_hosts_may_go", "consecutive_5xx: 2, max_ejection_percent: 50").stats(COUNTED),
        two_bad("the_share_is_small", "consecutive_5xx: 2").stats(COUNTED),
        two_bad("one_host_may_always_go", "consecutive_5xx: 2, always_eject_one_host: true").stats(FEW),
        alone("a_panic_uses_what_is_ejected", "consecutive_5xx: 1", Reply::status(500), 3)
            .cluster(
                "app",
                "common_lb_config: {healthy_panic_threshold: {value: 50}, update_merge_window: 0s}",
            )
            .stats(COUNTED),
        alone("it_comes_back", "consecutive_5xx: 2, base_ejection_time: 0.3s", Reply::status(500), 3)
            .wait_for("/clusters", "::health_flags::healthy")
            .step(async |run: &mut Run| hit(run, 3, &Request::get("/")).await)
            .stats(&["cluster.app.outlier_detection.ejections_enforced_total"]),
        checked("a_health_check_brings_it_back", "consecutive_5xx: 2"),
        checked(
            "a_health_check_need_not",
            "consecutive_5xx: 2, successful_active_health_check_uneject_host: false",
        ),
        logged(
            Case::new("one_that_says_that_it_is_degraded")
                .endpoint("tired", Reply::ok("tired").header("x-envoy-degraded", "1"))
                .endpoint("fresh", Reply::ok("fresh"))
                .pool("app", &["tired", "fresh"])
                .cluster("app", &rules("detect_degraded_hosts: true, base_ejection_time: 0.6s")),
        )
        .step(async |run: &mut Run| {
            for _ in 0..2 {
                let _ = run.connect().await.exchange(&Request::get("/")).await;
            }
        })
        .wait_for("/clusters", "app::127.0.0.1:{{tired}}::health_flags::/degraded_outlier_detection")
        .stats(COUNTED)
        .wait_for("/clusters", "app::127.0.0.1:{{tired}}::health_flags::healthy"),
    ]
}

/// Connections that are passed on, to one back-end that nobody listens at, and perhaps one that is well.
fn passed_on(name: &'static str, fields: &str, proxy: &str, endpoints: &str) -> Case {
    let file = format!(
        r#"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: in
          cluster: app
          {proxy}
  clusters:
  - name: app
    connect_timeout: 1s
    outlier_detection: {{interval: 0.2s, base_ejection_time: 30s, max_ejection_percent: 100, {fields}}}
    common_lb_config: {{update_merge_window: 0s, healthy_panic_threshold: {{value: 0}}}}
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints: [{endpoints}]
"#
    );
    Case::new(name).dead("down").endpoint("up", Reply::ok("up")).file(&file).without_log().step(
        async |run: &mut Run| {
            for _ in 0..6 {
                let _ = run.connect().await.exchange(&Request::get("/")).await;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        },
    )
}

fn connections() -> Vec<Case> {
    let host = |name: &str| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{{name}}}}}}}}}}}}}"
        )
    };
    let both = format!("{}, {}", host("down"), host("up"));
    vec![
        passed_on("connections_that_are_refused_count", "consecutive_5xx: 2", "", &host("down")).stats(COUNTED),
        passed_on(
            "connections_have_a_row_of_their_own",
            "split_external_local_origin_errors: true, consecutive_5xx: 1, consecutive_local_origin_failure: 3",
            "",
            &host("down"),
        )
        .stats(COUNTED),
        passed_on(
            "each_attempt_to_connect_counts",
            "consecutive_5xx: 2, consecutive_gateway_failure: 1",
            "max_connect_attempts: 3",
            &both,
        )
        .wait_for("/clusters", "app::127.0.0.1:{{down}}::health_flags::/failed_outlier_check")
        .stats(FEW),
    ]
}

/// A host that fails requests and passes its checks.
fn checked(name: &'static str, fields: &str) -> Case {
    let backend = Script::by(|request| match request.path() {
        "/health" => Reply::ok("").into(),
        _ => Reply::status(500).into(),
    });
    Case::new(name)
        .backend("app", backend)
        .cluster("app", &rules(fields))
        .cluster(
            "app",
            "health_checks: [{timeout: 1s, interval: 0.4s, no_traffic_interval: 0.4s, unhealthy_threshold: 1, \
             healthy_threshold: 1, http_health_check: {path: /health}}]",
        )
        .without_log()
        .step(async |run: &mut Run| {
            for _ in 0..2 {
                let _ = run.connect().await.exchange(&Request::get("/")).await;
            }
        })
        .wait_for("/stats", "cluster.app.outlier_detection.ejections_enforced_total: 1")
        .pause(Duration::from_millis(600))
        .stats(FEW)
}
