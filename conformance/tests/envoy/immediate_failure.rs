//! Answers that ask for no more requests (`x-envoy-immediate-health-check-fail`), wherever they are met.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Run, Script};

/// One check at the start, and no other for as long as the case takes.
const CHECKED: &str = "
    health_checks:
    - {timeout: 5s, interval: 60s, unhealthy_threshold: 2, healthy_threshold: 2, http_health_check: {path: /health}}
    common_lb_config: {healthy_panic_threshold: {value: 0}, update_merge_window: 0s}";

const STATS: &[&str] = &[
    "cluster.app.health_check.failure",
    "cluster.app.health_check.passive_failure",
    "cluster.app.health_check.healthy",
    "cluster.app.membership_healthy",
    "cluster.app.membership_excluded",
    "cluster.app.upstream_rq_retry",
];

/// Well for checks; requests get an answer by their path and by which attempt they are.
fn answering(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Script {
    Script::by(move |request| match request.path() {
        "/health" => Reply::ok("").into(),
        path => answer(path, request.headers.get("x-envoy-attempt-count").unwrap_or_default()),
    })
}

fn leaving(status: u16) -> Reply {
    Reply::status(status).header("x-envoy-immediate-health-check-fail", "true")
}

/// A back-end that is well at first and answers so.
fn case(name: &'static str, answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Case {
    Case::new(name)
        .backend("app", answering(answer))
        .virtual_host("include_request_attempt_count: true")
        .cluster("app", CHECKED)
        .wait_for("/clusters", "app::127.0.0.1:{{app}}::health_flags::healthy")
}

/// What became of the back-end.
fn told(case: Case) -> Case {
    case.pause(Duration::from_millis(150))
        .step(async |run: &mut Run| {
            let page = run.page("/clusters").await;
            let of_app = |line: &&str| line.starts_with("app::") && line.contains("::health_flags::");
            let flags: Vec<_> = page.lines().filter(of_app).collect();
            run.note("flags", serde_json::json!(flags));
        })
        .stats(STATS)
}

const AGAIN: &str = "- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 1, \
                     retry_back_off: {base_interval: 0.001s}}}";

pub(crate) fn cases() -> Vec<Case> {
    let well = || Reply::ok("well").into();
    let always = |answer: Answer| move |_: &str, _: &str| answer.clone();
    let late = Answer::from(leaving(503)).after(Duration::from_millis(300));
    let early = Answer::raw(
        "HTTP/1.1 103 Early\r\nx-envoy-immediate-health-check-fail: 1\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    );
    let upgrade = leaving(101).header("upgrade", "websocket").header("connection", "Upgrade");
    vec![
        told(case("on_the_answer_that_the_client_gets", always(leaving(200).into())).get("/1")).get("/2"),
        // In panic it is asked again all the same.
        told(
            case("on_an_answer_that_is_tried_again", move |_, attempt| match attempt {
                "1" => leaving(503).into(),
                _ => well(),
            })
            .cluster("app", "common_lb_config: {healthy_panic_threshold: {value: 50}}")
            .routes(AGAIN)
            .get("/1"),
        ),
        told(
            case("on_a_redirect_that_is_followed", move |path, _| match path {
                "/1" => leaving(302).header("location", "http://a.test/2").into(),
                _ => well(),
            })
            .cluster("app", "common_lb_config: {healthy_panic_threshold: {value: 50}}")
            .routes("- match: {prefix: /}\n  route: {cluster: app, internal_redirect_policy: {}}")
            .get("/1"),
        ),
        told(
            case("on_an_upgrade", always(upgrade.into()))
                .hcm("upgrade_configs: [{upgrade_type: websocket}]")
                .raw("GET /1 HTTP/1.1\r\nhost: a.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
        ),
        told(case("not_on_an_interim_answer", always(early)).hcm("proxy_100_continue: true").get("/1")),
        told(
            case("on_the_answer_of_a_mirror", always(leaving(200).into()))
                .backend("front", Reply::ok("front"))
                .routes(
                    "- match: {prefix: /}\n  route: {cluster: front, request_mirror_policies: [{cluster: app}]}",
                )
                .get("/1")
                .without_log(),
        ),
        told(
            case("on_a_late_answer_that_is_not_wanted", always(late))
                .routes(
                    "- match: {prefix: /}\n  route: {cluster: app, hedge_policy: {hedge_on_per_try_timeout: true}, \
                     retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s}}",
                )
                .get("/1"),
        ),
        told(case("nowhere_without_checks", always(leaving(200).into())).get("/1").get("/2"))
            .cluster("app", "health_checks: []"),
    ]
}
