//! A second attempt beside one that is late.

mod answers;
mod surroundings;

use std::time::Duration;

use causeway_conformance::{Answer, Case, Request, Run, Script};
use serde_json::json;

const LOG: &str = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% \
    received=%BYTES_RECEIVED% sent=%BYTES_SENT% host=%UPSTREAM_HOST% tried=%UPSTREAM_HOSTS_ATTEMPTED% \
    remote=%UPSTREAM_REMOTE_ADDRESS% uws=%UPSTREAM_WIRE_BYTES_SENT% uwr=%UPSTREAM_WIRE_BYTES_RECEIVED%";

/// The same without bytes, where it is chance in how many pieces they come.
const SHORT_LOG: &str =
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%";

const COUNTED: &[&str] = &[
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_active",
    "cluster.app.upstream_rq_pending_total",
    "cluster.app.upstream_rq_pending_active",
    "cluster.app.upstream_rq_cancelled",
    "cluster.app.upstream_rq_completed",
    "cluster.app.upstream_rq_200",
    "cluster.app.upstream_rq_503",
    "cluster.app.upstream_rq_504",
    "cluster.app.external.upstream_rq_503",
    "cluster.app.retry.upstream_rq_503",
    "cluster.app.upstream_rq_timeout",
    "cluster.app.upstream_rq_per_try_timeout",
    "cluster.app.upstream_rq_per_try_idle_timeout",
    "cluster.app.upstream_rq_retry",
    "cluster.app.upstream_rq_retry_success",
    "cluster.app.upstream_rq_retry_limit_exceeded",
    "cluster.app.upstream_rq_retry_overflow",
    "cluster.app.upstream_rq_retry_backoff_exponential",
    "cluster.app.upstream_rq_rx_reset",
    "cluster.app.upstream_rq_tx_reset",
    "cluster.app.upstream_rq_max_duration_reached",
    "cluster.app.upstream_cx_total",
    "cluster.app.upstream_cx_active",
    "cluster.app.upstream_cx_destroy_local_with_active_rq",
    "cluster.app.upstream_cx_destroy_remote_with_active_rq",
    "cluster.app.circuit_breakers.default.rq_retry_open",
    "cluster.app.circuit_breakers.default.remaining_retries",
    "vhost.all.vcluster.all.upstream_rq_total",
    "vhost.all.vcluster.all.upstream_rq_completed",
    "vhost.all.vcluster.all.upstream_rq_retry",
    "vhost.all.vcluster.all.upstream_rq_retry_success",
    "vhost.all.vcluster.all.upstream_rq_timeout",
];

/// A late answer: `late(700, reply)`.
fn late(millis: u64, answer: impl Into<Answer>) -> Answer {
    answer.into().after(Duration::from_millis(millis))
}

fn policy(fields: &str) -> String {
    format!(
        "- match: {{prefix: /}}\n  route: {{cluster: app, hedge_policy: {{hedge_on_per_try_timeout: true}}, {fields}}}"
    )
}

/// A case in which a request is asked whose answers come in this order.
fn case(name: &'static str, fields: &str, answers: impl IntoIterator<Item = Answer>) -> Case {
    limited(name, "{max_retries: 3, track_remaining: true}", fields, answers)
}

/// The same with these circuit breakers.
fn limited(
    name: &'static str,
    breakers: &str,
    fields: &str,
    answers: impl IntoIterator<Item = Answer>,
) -> Case {
    base(name, fields, Script::in_turn(answers))
        .cluster("app", &format!("circuit_breakers: {{thresholds: [{breakers}]}}"))
        .send(Request::post("/", "body"))
        .asked("app")
        .stats(COUNTED)
        .clusters("app")
}

fn base(name: &'static str, fields: &str, script: Script) -> Case {
    Case::new(name)
        .log(LOG)
        .backend("app", script)
        .virtual_host(
            "include_request_attempt_count: true\ninclude_attempt_count_in_response: true\ninclude_is_timeout_retry_header: true\nvirtual_clusters: [{name: all, headers: [{name: ':path', string_match: {prefix: /}}]}]",
        )
        .routes(&policy(fields))
}

fn told(case: Case) -> Case {
    case.step(async |run: &mut Run| {
        let told = run.backend("app").received();
        let told = told.iter().map(|r| {
            let expected =
                r.headers.get("x-envoy-expected-rq-timeout-ms").and_then(|ms| ms.parse::<u64>().ok());
            json!([
                r.headers.get("x-envoy-is-timeout-retry"),
                r.headers.get("x-envoy-attempt-count"),
                r.headers.get("x-envoy-hedge-on-per-try-timeout"),
                expected.map(|ms| ms / 1000),
                String::from_utf8_lossy(&r.body),
            ])
        });
        run.note("told", told.collect());
    })
}

/// One attempt more is made where one is late.
const ONCE: &str = "timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.3s}";
const TWICE: &str = "timeout: 5s, retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 0.3s}";

pub(crate) fn cases() -> Vec<Case> {
    [answers::cases(), surroundings::cases()].into_iter().flatten().collect()
}
