//! Asking upstreams how they are, and noticing by oneself.

use std::time::Duration;

use causeway_conformance::{Answer, Backend, Case, Reply, Request, Run, Script, eventually};
use serde_json::json;

/// Quick also without traffic, which is what a test needs.
fn check(kind: &str) -> String {
    format!(
        "
        health_checks:
        - timeout: 0.5s
          interval: 0.1s
          no_traffic_interval: 0.1s
          unhealthy_threshold: 2
          healthy_threshold: 2
          {kind}"
    )
}

const NO_PANIC: &str = "common_lb_config: {healthy_panic_threshold: {value: 0}}";

/// Well or not by the path that is asked; requests of clients are always answered.
fn checked(health: u16) -> Script {
    Script::by(move |request| match request.path() {
        "/health" => Reply::status(health).into(),
        _ => Reply::ok("served").into(),
    })
}

/// Events stand in the log; moments are none of the comparison.
fn logged(case: Case) -> Case {
    case.without_log().mask_log(|line| {
        let Some((before, rest)) = line.split_once("\"timestamp\":\"") else { return line.into() };
        let (_, rest) = rest.split_once('"').unwrap_or_default();
        format!("{before}\"timestamp\":\"\"{rest}")
    })
}

/// A back-end that is well, then not, then well again, as it is told.
fn turns(case: Case) -> Case {
    let well = "app::127.0.0.1:{{app}}::health_flags::healthy";
    let sick = "app::127.0.0.1:{{app}}::health_flags::/failed_active_hc";
    case.backend("app", checked(200))
        .wait_for("/clusters", well)
        .step(async |run: &mut Run| run.backend("app").play(checked(500)))
        .wait_for("/clusters", sick)
        .step(async |run: &mut Run| run.backend("app").play(checked(200)))
        .wait_for("/clusters", well)
}

fn events() -> Vec<Case> {
    let http = "http_health_check: {path: /health}";
    vec![
        logged(turns(
            Case::new("events_are_written_to_a_file")
                .cluster("app", &check(&format!("{http}\n          event_log_path: '{{{{dir}}}}/access.log'"))),
        )),
        logged(turns(Case::new("events_are_written_by_a_sink").cluster(
            "app",
            &check(&format!(
                "{http}
          event_logger:
          - name: file
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink
              event_log_path: '{{{{dir}}}}/access.log'"
            )),
        ))),
        logged(
            Case::new("a_host_that_never_was_well_is_an_event")
                .backend("app", Script::by(|_| Answer::close()))
                .cluster("app", &check(&format!("{http}\n          event_log_path: '{{{{dir}}}}/access.log'")))
                .wait_for("/clusters", "::health_flags::/failed_active_hc"),
        ),
        logged(
            Case::new("a_response_that_takes_its_host_out_is_an_event")
                .cluster(
                    "app",
                    &check(&format!("{http}\n          event_log_path: '{{{{dir}}}}/access.log'")).replace("0.1s", "60s"),
                )
                .backend(
                    "app",
                    Script::by(|request| match request.path() {
                        "/health" => Reply::ok("").into(),
                        _ => Reply::ok("last").header("x-envoy-immediate-health-check-fail", "1").into(),
                    }),
                )
                .wait_for("/clusters", "::health_flags::healthy")
                .get("/1")
                .wait_for("/clusters", "/excluded_via_immediate_hc_fail"),
        ),
        logged(
            Case::new("degradation_is_an_event")
                .cluster("app", &check(&format!("{http}\n          event_log_path: '{{{{dir}}}}/access.log'")))
                .backend("app", checked(200))
                .wait_for("/clusters", "::health_flags::healthy")
                .step(async |run: &mut Run| {
                    run.backend("app").play(Reply::ok("").header("x-envoy-degraded", "1"));
                })
                .wait_for("/clusters", "::health_flags::/degraded_active_hc")
                .step(async |run: &mut Run| run.backend("app").play(checked(200)))
                .wait_for("/clusters", "::health_flags::healthy"),
        ),
        Case::new("each_check_may_be_an_event")
            .backend("app", checked(500))
            .cluster(
                "app",
                &check(&format!(
                    "{http}
          event_log_path: '{{{{dir}}}}/events'
          always_log_health_check_failures: true
          always_log_health_check_success: true"
                )),
            )
            .step(async |run: &mut Run| {
                let asked = async |count: usize| {
                    let now = run.backend("app").requests();
                    eventually(Duration::from_secs(5), async || run.backend("app").requests() > now + count).await
                };
                let failing = asked(3).await;
                run.backend("app").play(checked(200));
                let passing = asked(5).await;
                run.note("checks went on", json!([failing, passing]));
                run.proxy().stop(Duration::from_secs(5)).await;
                let events = run.proxy().directory().read("events");
                let count = |kind: &str| events.lines().filter(|line| line.contains(kind)).count();
                let more_than = |kind: &str, least: usize| json!([kind, count(kind) > least]);
                run.note(
                    "events",
                    json!([
                        more_than("health_check_failure_event", 2),
                        more_than("successful_health_check_event", 3),
                        more_than("add_healthy_event", 0),
                        more_than("add_healthy_event", 1),
                        more_than("eject_unhealthy_event", 0),
                    ]),
                );
            })
            .without_log(),
    ]
}

fn places() -> Vec<Case> {
    vec![
        Case::new("checks_may_go_to_another_port")
            .backend("app", checked(200))
            .endpoint("health", checked(200))
            .cluster("app", &check("http_health_check: {path: /health}\n          alt_port: {{health}}"))
            .wait_for("/clusters", "app::127.0.0.1:{{app}}::health_flags::healthy")
            .step(async |run: &mut Run| {
                run.note("asked at its own port", json!(run.backend("app").requests() > 0));
                run.note("asked at the other port", json!(run.backend("health").requests() > 0));
            })
            .differs("D-198", &["asked at its own port"], false)
            .differs("D-198", &["asked at the other port"], true),
        Case::new("each_check_may_have_its_own_connection")
            .backend("app", Script::echo())
            .cluster("app", &check("http_health_check: {path: /health}\n          reuse_connection: false"))
            .step(async |run: &mut Run| {
                run.backend("app").wait_for_requests(4).await;
                let question = run.backend("app").received()[1].to_json();
                let (requests, connections) =
                    (run.backend("app").requests(), run.backend("app").connections());
                run.note("question", question);
                run.note("one each", json!(connections >= requests && requests >= 4));
            }),
        unchecked("hosts_that_were_not_checked_yet_may_be_left_out", "type: STRICT_DNS"),
        unchecked("hosts_that_are_written_down_are_not_left_out", "type: STATIC"),
        // What HAProxy calls `fastinter`: the checks of a host that is about to change.
        Case::new("a_host_that_changes_is_asked_more_often")
            .backend("app", checked(200))
            .cluster(
                "app",
                "
                health_checks:
                - timeout: 0.5s
                  interval: 1s
                  no_traffic_interval: 0.2s
                  healthy_edge_interval: 0.02s
                  unhealthy_edge_interval: 0.02s
                  unhealthy_interval: 1s
                  unhealthy_threshold: 20
                  healthy_threshold: 20
                  http_health_check: {path: /health}",
            )
            .get("/x")
            .wait_for("/clusters", "::health_flags::healthy")
            .step(async |run: &mut Run| {
                for (script, flags) in [
                    (Script::by(|_| Answer::close()), "::health_flags::/failed_active_hc"),
                    (checked(200), "::health_flags::healthy"),
                ] {
                    run.backend("app").play(script);
                    let begun = std::time::Instant::now();
                    let changed = run.wait_for("/clusters", flags).await;
                    let quick = begun.elapsed() < Duration::from_secs(5);
                    run.note(flags, json!([changed, quick]));
                }
            })
            .without_log(),
    ]
}

/// A cluster of this type with a host that never answers its first check.
fn unchecked(name: &'static str, kind: &str) -> Case {
    Case::new(name)
        .endpoint("slow", Script::by(|_| Answer::hang()))
        .endpoint("well", checked(200))
        .pool("app", &["slow", "well"])
        .cluster("app", &check("http_health_check: {path: /health}").replace("0.5s", "6s"))
        .cluster("app", kind)
        .cluster(
            "app",
            "wait_for_warm_on_init: false\ncommon_lb_config: {ignore_new_hosts_until_first_hc: true}",
        )
        .wait_for("/clusters", "app::127.0.0.1:{{well}}::health_flags::healthy")
        .clusters("app")
        .differs("D-22", &["2 /clusters of app", "app::127.0.0.1:<slow>::last_health_check"], "<any>")
        .stats(&["cluster.app.membership_excluded", "cluster.app.membership_healthy"])
}

pub(crate) fn cases() -> Vec<Case> {
    [http(), others(), events(), places()].into_iter().flatten().collect()
}

fn http() -> Vec<Case> {
    vec![
        Case::new("the_form_of_the_question")
            .cluster("app", &check("http_health_check: {path: '/health?full'}"))
            .backend("app", Script::echo())
            .step(async |run: &mut Run| {
                run.backend("app").wait_for_requests(1).await;
                let asked = run.backend("app").received()[0].to_json();
                run.note("question", asked);
            }),
        Case::new("the_question_can_be_shaped")
            .cluster(
                "app",
                &check(
                    "http_health_check:
            path: /health
            host: check.test
            method: HEAD
            request_headers_to_add: [{header: {key: x-check, value: '1'}}]
            request_headers_to_remove: [user-agent]",
                ),
            )
            .backend("app", Script::echo())
            .step(async |run: &mut Run| {
                run.backend("app").wait_for_requests(1).await;
                let asked = run.backend("app").received()[0].to_json();
                run.note("question", asked);
            }),
        Case::new("the_question_can_be_without_content")
            .cluster("app", &check("http_health_check: {path: /health, method: OPTIONS}"))
            .backend("app", Script::echo())
            .step(async |run: &mut Run| {
                run.backend("app").wait_for_requests(1).await;
                let asked = run.backend("app").received()[0].to_json();
                run.note("question", asked);
            }),
        Case::new("operators_in_the_question")
            .cluster(
                "app",
                &format!(
                    "\n        load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{app}}}}}}}}}}, metadata: {{filter_metadata: {{envoy.lb: {{k: v, n: 1}}}}}}}}]}}]}}{}",
                    check(
                        "http_health_check:
            path: /health
            request_headers_to_add:
            - {header: {key: x-a, value: '[%UPSTREAM_METADATA(envoy.lb:k)%|%UPSTREAM_METADATA(envoy.lb:n)%|%UPSTREAM_METADATA(envoy.lb:x)%]'}}
            - {header: {key: x-b, value: '[%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_LOCAL_ADDRESS%|%DOWNSTREAM_REMOTE_PORT%]'}}
            - {header: {key: x-c, value: '[%UPSTREAM_HOST%|%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%]'}}
            - {header: {key: x-d, value: '[%RESPONSE_CODE%|%BYTES_SENT%|%BYTES_RECEIVED%|%PROTOCOL%]'}}
            - {header: {key: x-e, value: '[%START_TIME(%Y)%]'}}
            - {header: {key: x-f, value: '[%REQ(:path)%|%DURATION%|%RESPONSE_FLAGS%|%UPSTREAM_CLUSTER%]'}}",
                    )
                ),
            )
            .backend("app", Script::echo())
            .differs("D-346", &["question", "headers", "6", "1"], "[]")
            .step(async |run: &mut Run| {
                run.backend("app").wait_for_requests(1).await;
                let asked = run.backend("app").received()[0].to_json();
                run.note("question", asked);
            }),
        Case::new("a_host_that_is_well")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .backend("app", checked(200))
            .clusters("app")
            .get("/")
            .stats(&[
                "cluster.app.membership_healthy",
                "cluster.app.membership_total",
                "cluster.app.health_check.healthy",
            ]),
        Case::new("a_host_that_is_not_well_gets_nothing_without_panic")
            .differs(
                "D-22",
                &["3 /clusters of app", "app::127.0.0.1:<app>::last_health_check"],
                "health_check_server_error at=<any>",
            )
            .cluster("app", &check("http_health_check: {path: /health}"))
            .cluster("app", NO_PANIC)
            .backend("app", checked(503))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/")
            .clusters("app")
            .stats(&[
                "cluster.app.membership_healthy",
                "cluster.app.lb_healthy_panic",
                "cluster.app.health_check.healthy",
            ]),
        Case::new("in_panic_everybody_is_asked")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .backend("app", checked(503))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/")
            .stats(&["cluster.app.lb_healthy_panic", "cluster.app.membership_healthy"]),
        Case::new("a_host_that_gets_well_is_used_again")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .cluster("app", NO_PANIC)
            .backend("app", checked(500))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/")
            .step(async |run: &mut Run| {
                run.backend("app").play(checked(200));
                let well = run.wait_for("/clusters", "::health_flags::healthy").await;
                run.note("gets well", json!(well));
            })
            .get("/"),
        Case::new("expected_statuses_have_an_open_end")
            .endpoint("edge", checked(399))
            .endpoint("within", checked(398))
            .cluster(
                "app",
                &check("http_health_check: {path: /health, expected_statuses: [{start: 200, end: 399}]}"),
            )
            .pool("app", &["edge", "within"])
            .wait_for("/clusters", "app::127.0.0.1:{{edge}}::health_flags::/failed_active_hc")
            .wait_for("/clusters", "app::127.0.0.1:{{within}}::health_flags::healthy")
            .sort_log()
            .tally(4, Request::get("/")),
        Case::new("a_check_that_takes_too_long")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .backend("app", Answer::hang())
            .wait_for("/clusters", "::health_flags::/failed_active_hc/active_hc_timeout")
            .stats(&["cluster.app.membership_healthy"]),
        Case::new("a_host_that_refuses_connections")
            .differs(
                "D-22",
                &["3 /clusters of app", "app::127.0.0.1:<app>::last_health_check"],
                "connect_refused at=<any>",
            )
            .cluster("app", &check("http_health_check: {path: /health}"))
            .dead("app")
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/")
            .clusters("app"),
        Case::new("a_host_that_says_it_is_degraded")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .backend("app", Reply::ok("x").header("x-envoy-degraded", "1"))
            .wait_for("/clusters", "::health_flags::/degraded_active_hc")
            .get("/")
            .stats(&["cluster.app.membership_degraded", "cluster.app.membership_healthy"]),
        Case::new("a_response_can_take_its_host_out")
            .differs(
                "D-22",
                &["3 /clusters of app", "app::127.0.0.1:<app>::last_health_check"],
                "health_check_server_error at=<any>",
            )
            // One check at the start, and no other for as long as the case takes.
            .cluster("app", &check("http_health_check: {path: /health}").replace("0.1s", "60s"))
            .cluster("app", NO_PANIC)
            .backend("app", Reply::ok("last").header("x-envoy-immediate-health-check-fail", "1"))
            .backend("well", Reply::ok("x"))
            .wait_for("/clusters", "app::127.0.0.1:{{app}}::cx_total")
            .get("/1")
            .pause(Duration::from_millis(50))
            .clusters("app")
            .get("/2"),
    ]
}

/// Whether checks of a back-end that answers succeed.
fn tells_of_successes(case: Case) -> Case {
    case.without_log().backend("app", Reply::ok("served")).pause(Duration::from_secs(1)).step(
        async |run: &mut Run| {
            let successes = run.stats().await.get("cluster.app.health_check.success").copied().unwrap_or(0);
            run.note("successes", json!(successes > 0));
        },
    )
}

fn others() -> Vec<Case> {
    vec![
        Case::new("a_tcp_check_is_a_connection")
            .endpoint("up", Script::always(Reply::ok("served")))
            .endpoint("down", Reply::ok("never"))
            .cluster("app", &check("tcp_health_check: {}"))
            .pool("app", &["up", "down"])
            .step(async |run: &mut Run| {
                run.take_backend("down").stop().await;
                let flags = "app::127.0.0.1:{{down}}::health_flags::/failed_active_hc";
                let failed = run.wait_for("/clusters", flags).await;
                run.note("the other is out", json!(failed));
            })
            .tally(4, Request::get("/")),
        Case::new("a_tcp_check_without_bytes_comes_to_nobodys_notice")
            .differs("D-230", &["the program sees most checks"], false)
            .without_log()
            .backend("app", Reply::ok("served"))
            .cluster("app", &check("tcp_health_check: {}"))
            .pause(Duration::from_secs(1))
            .step(async |run: &mut Run| {
                let (seen, checks) = (run.backend("app").connections(), run.stats().await);
                let checks = checks.get("cluster.app.health_check.attempt").copied().unwrap_or(0);
                run.note("there were checks", json!(checks > 3));
                run.note("the program sees most checks", json!(seen as u64 * 2 > checks));
            }),
        Case::new("a_tcp_check_can_expect_bytes")
            .endpoint("right", Script::echo().greeting(Answer::raw("HELLO there")))
            .endpoint("wrong", Script::echo().greeting(Answer::raw("BYE")))
            .cluster("app", &check("tcp_health_check: {receive: [{text: '48454c4c4f'}]}"))
            .pool("app", &["right", "wrong"])
            .without_log()
            .wait_for("/clusters", "app::127.0.0.1:{{right}}::health_flags::healthy")
            .wait_for("/clusters", "app::127.0.0.1:{{wrong}}::health_flags::/failed_active_hc"),
        tells_of_successes(
            Case::new("a_tcp_check_can_say_bytes")
                .cluster("app", &check("tcp_health_check: {send: {text: '474554202f20485454502f312e310d0a686f73743a20780d0a0d0a'}, receive: [{text: '485454502f'}]}")),
        ),
        tells_of_successes(
            Case::new("a_tcp_check_can_say_bytes_that_are_no_digits")
                .differs("D-344", &["successes"], true)
                .cluster("app", &check("tcp_health_check: {send: {binary: R0VUIC8gSFRUUC8xLjENCmhvc3Q6IHgNCg0K}, receive: [{text: '485454502f'}]}")),
        ),
        Case::new("failures_in_a_row_take_a_host_out")
            .endpoint("bad", Reply::status(500))
            .endpoint("good", Reply::ok("good"))
            .pool("app", &["bad", "good"])
            .cluster(
                "app",
                "
                outlier_detection:
                  consecutive_5xx: 3
                  interval: 0.2s
                  base_ejection_time: 30s
                  max_ejection_percent: 50",
            )
            .without_log()
            .step(async |run: &mut Run| {
                let mut failures = 0;
                for _ in 0..30 {
                    let response = run.connect().await.exchange(&Request::get("/")).await.expect("an answer");
                    failures += usize::from(response.status == 500);
                }
                run.note("failures until it was out", json!(failures));
            })
            .wait_for("/clusters", "app::127.0.0.1:{{bad}}::health_flags::/failed_outlier_check")
            .stats(&[
                "cluster.app.outlier_detection.ejections_active",
                "cluster.app.outlier_detection.ejections_enforced_total",
                "cluster.app.outlier_detection.ejections_enforced_consecutive_5xx",
                "cluster.app.outlier_detection.ejections_detected_consecutive_5xx",
                "cluster.app.membership_healthy",
            ]),
        Case::new("refused_connections_take_a_host_out_too")
            .endpoint("good", Reply::ok("good"))
            .dead("bad")
            .pool("app", &["bad", "good"])
            .cluster("app", "outlier_detection: {consecutive_5xx: 2, max_ejection_percent: 50}")
            .routes("- match: {prefix: /}\n  route: {cluster: app}")
            .without_log()
            .tally(12, Request::get("/"))
            .wait_for("/clusters", "app::127.0.0.1:{{bad}}::health_flags::/failed_outlier_check"),
        Case::new("hosts_of_lower_priority_wait")
            .endpoint("first", checked(200))
            .endpoint("second", Reply::ok("spare"))
            .cluster("app", &check("http_health_check: {path: /health}"))
            .cluster(
                "app",
                "
                load_assignment:
                  cluster_name: app
                  endpoints:
                  - priority: 0
                    lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{first}}}}}}]
                  - priority: 1
                    lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{second}}}}}}]",
            )
            .wait_for("/clusters", "app::127.0.0.1:{{first}}::health_flags::healthy")
            .tally(4, Request::get("/x"))
            .step(async |run: &mut Run| {
                run.backend("first").play(checked(500));
                let flags = "app::127.0.0.1:{{first}}::health_flags::/failed_active_hc";
                let failed = run.wait_for("/clusters", flags).await;
                run.note("the first is out", json!(failed));
            })
            .tally(4, Request::get("/x")),
        Case::new("an_upstream_that_was_down_at_the_start")
            .cluster("app", &check("http_health_check: {path: /health}"))
            .cluster("app", NO_PANIC)
            .backend("app", checked(200))
            .step(async |run: &mut Run| {
                let backend = run.take_backend("app");
                let address = backend.address();
                backend.stop().await;
                let down = run.wait_for("/clusters", "::health_flags::/failed_active_hc").await;
                run.note("down", json!(down));
                let _again = Backend::start_on(address, checked(200)).await;
                let served = async || {
                    let response = run.connect().await.exchange(&Request::get("/")).await;
                    response.is_ok_and(|r| r.status == 200)
                };
                let up = eventually(Duration::from_secs(3), served).await;
                run.note("served again", json!(up));
            })
            .without_log(),
        Case::new("the_health_check_filter_answers_by_itself")
            .differs("D-10", &["5 GET /healthz", "end"], "fin")
            .differs("D-10", &["6 GET /other", "end"], "fin")
            .filters(
                r#"
                - name: hc
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    headers: [{name: ":path", string_match: {exact: /healthz}}]"#,
            )
            .get("/healthz")
            .get("/other")
            .asked("app")
            .ask_admin(Request::new("POST", "/healthcheck/fail"))
            .get("/healthz")
            .get("/other")
            .admin("/ready")
            .ask_admin(Request::new("POST", "/healthcheck/ok"))
            .get("/healthz"),
        Case::new("the_health_check_filter_lets_others_answer")
            .differs("D-10", &["4 GET /pass", "end"], "fin")
            .differs("D-10", &["5 GET /other", "end"], "fin")
            .filters(
                r#"
                - name: hc
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: true
                    headers: [{name: ":path", string_match: {exact: /pass}}]"#,
            )
            .get("/pass")
            .get("/other")
            .ask_admin(Request::new("POST", "/healthcheck/fail"))
            .get("/pass")
            .get("/other")
            .ask_admin(Request::new("POST", "/healthcheck/ok"))
            .get("/pass")
            .asked("app")
            .stats(&[
                "http.ingress.health_check.cached_response",
                "http.ingress.health_check.degraded",
                "http.ingress.health_check.failed",
                "http.ingress.health_check.failed_cluster_empty",
                "http.ingress.health_check.failed_cluster_not_found",
                "http.ingress.health_check.failed_cluster_unhealthy",
                "http.ingress.health_check.ok",
                "http.ingress.health_check.request_total",
                "http.ingress.downstream_rq_2xx",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.downstream_rq_completed",
                "http.ingress.downstream_rq_total",
                "http.ingress.no_route",
                "http.ingress.rq_total",
                "http.ingress.tracing.health_check",
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_total",
            ]),
        Case::new("the_health_check_filter_keeps_an_answer")
            .differs("D-10", &["5 GET /kept", "end"], "fin")
            .filters(
                r#"
                - name: hc
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: true
                    cache_time: 600s
                    headers: [{name: ":path", string_match: {exact: /kept}}]"#,
            )
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/kept" => Reply::status(210).header("x-envoy-degraded", "1").into(),
                    _ => Answer::from(Reply::ok("fine")),
                }),
            )
            .get("/kept")
            .get("/kept")
            .get("/other")
            .ask_admin(Request::new("POST", "/healthcheck/fail"))
            .get("/kept")
            .ask_admin(Request::new("POST", "/healthcheck/ok"))
            .get("/kept")
            .asked("app")
            .stats(&[
                "http.ingress.health_check.cached_response",
                "http.ingress.health_check.degraded",
                "http.ingress.health_check.failed",
                "http.ingress.health_check.failed_cluster_empty",
                "http.ingress.health_check.failed_cluster_not_found",
                "http.ingress.health_check.failed_cluster_unhealthy",
                "http.ingress.health_check.ok",
                "http.ingress.health_check.request_total",
                "http.ingress.downstream_rq_2xx",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.downstream_rq_completed",
                "http.ingress.downstream_rq_total",
                "http.ingress.no_route",
                "http.ingress.rq_total",
                "http.ingress.tracing.health_check",
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_total",
            ]),
        Case::new("the_health_check_filter_looks_at_clusters")
            .echoes(&["app"])
            .dead("gone")
            .cluster("gone", &check("http_health_check: {path: /health}"))
            .pool("empty", &[])
            .bootstrap("node: {id: here, cluster: front}")
            .filters(
                r#"
                - name: one
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    cluster_min_healthy_percentages: {app: {value: 100}}
                    headers: [{name: ":path", string_match: {exact: /well}}]
                - name: two
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    cluster_min_healthy_percentages: {app: {value: 50}, gone: {value: 50}}
                    headers: [{name: ":path", string_match: {exact: /both}}]
                - name: three
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    cluster_min_healthy_percentages: {nowhere: {value: 0}}
                    headers: [{name: ":path", string_match: {exact: /none}}]
                - name: four
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    cluster_min_healthy_percentages: {empty: {value: 1}}
                    headers: [{name: ":path", string_match: {exact: /empty}}]
                - name: five
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    cluster_min_healthy_percentages: {empty: {value: 0}}
                    headers: [{name: ":path", string_match: {exact: /empty-is-fine}}]"#,
            )
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .get("/well")
            .get("/both")
            .get("/none")
            .get("/empty")
            .get("/empty-is-fine")
            .get("/other")
            .stats(&[
                "http.ingress.health_check.cached_response",
                "http.ingress.health_check.degraded",
                "http.ingress.health_check.failed",
                "http.ingress.health_check.failed_cluster_empty",
                "http.ingress.health_check.failed_cluster_not_found",
                "http.ingress.health_check.failed_cluster_unhealthy",
                "http.ingress.health_check.ok",
                "http.ingress.health_check.request_total",
                "http.ingress.downstream_rq_2xx",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.downstream_rq_completed",
                "http.ingress.downstream_rq_total",
                "http.ingress.no_route",
                "http.ingress.rq_total",
                "http.ingress.tracing.health_check",
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_total",
            ]),
        Case::new("the_health_check_filter_needs_no_route")
            .filters(
                r#"
                - name: hc
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    headers: [{name: ":path", string_match: {exact: /healthz}}]"#,
            )
            .routes("- match: {prefix: /app}\n  route: {cluster: app}")
            .log(
                r#"
                - name: file
                  filter: {not_health_check_filter: {}}
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                    path: "{{dir}}/access.log"
                    log_format: {text_format_source: {inline_string: "%REQ(:PATH)% %RESPONSE_CODE%\n"}}"#,
            )
            .get("/healthz")
            .get("/nowhere")
            .get("/app")
            .send(Request::new("HEAD", "/healthz"))
            .send(Request::post("/healthz", "a body"))
            .get("/healthz?x=1")
            .stats(&[
                "http.ingress.health_check.cached_response",
                "http.ingress.health_check.degraded",
                "http.ingress.health_check.failed",
                "http.ingress.health_check.failed_cluster_empty",
                "http.ingress.health_check.failed_cluster_not_found",
                "http.ingress.health_check.failed_cluster_unhealthy",
                "http.ingress.health_check.ok",
                "http.ingress.health_check.request_total",
                "http.ingress.downstream_rq_2xx",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.downstream_rq_completed",
                "http.ingress.downstream_rq_total",
                "http.ingress.no_route",
                "http.ingress.rq_total",
                "http.ingress.tracing.health_check",
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_completed",
                "cluster.app.upstream_rq_total",
            ]),
        Case::new("the_health_check_filter_waits_for_the_body")
            .filters(
                r#"
                - name: hc
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                    pass_through_mode: false
                    headers: [{name: ":path", string_match: {exact: /healthz}}]"#,
            )
            .on_one_connection([
                Request::post("/healthz", "a body that is read"),
                Request::get("/healthz"),
                Request::get("/other"),
            ]),
    ]
}
