//! Limits on what an upstream is asked to do at once.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run};
use serde_json::json;

fn slow() -> Answer {
    Answer::from(Reply::ok("served")).after(Duration::from_millis(500))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("one_connection_and_one_in_the_queue")
            .backend("app", slow())
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1}]}")
            .sort_log()
            .step(async |run: &mut Run| {
                let (mut first, mut second) = (run.connect().await, run.connect().await);
                first.send(&Request::get("/first")).await;
                run.backend("app").wait_for_requests(1).await;
                second.send(&Request::get("/queued")).await;
                run.wait_for("/stats", "cluster.app.upstream_rq_pending_active: 1").await;
                let refused = run.connect().await.exchange(&Request::get("/refused")).await;
                run.note_response("refused", &refused);
                let first = first.response("GET").await;
                run.note_response("first", &first);
                let second = second.response("GET").await;
                run.note_response("queued", &second);
            })
            .stats(&[
                "cluster.app.upstream_rq_pending_overflow",
                "cluster.app.upstream_rq_200",
                "cluster.app.upstream_rq_503",
                "cluster.app.circuit_breakers.default.cx_open",
                "cluster.app.circuit_breakers.default.rq_pending_open",
            ]),
        Case::new("a_body_that_nobody_will_take_is_not_read")
            .more_clusters("- {name: empty, load_assignment: {cluster_name: empty}}")
            .cluster("full", "circuit_breakers: {thresholds: [{max_connections: 0, max_pending_requests: 0}]}")
            .dead("full")
            .dead("dead")
            .routes(
                "
                - match: {prefix: /empty}
                  route: {cluster: empty}
                - match: {prefix: /full}
                  route: {cluster: full}
                - match: {prefix: /dead}
                  route: {cluster: dead}",
            )
            .log("%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %DOWNSTREAM_WIRE_BYTES_RECEIVED%")
            .send(Request::post("/empty", "abc"))
            .send(Request::post("/empty", "abc").chunked())
            .send(Request::post("/full", "abc"))
            .send(Request::get("/empty"))
            .send(Request::post("/dead", "abc"))
            .stats(&[
                "http.ingress.downstream_rq_response_before_rq_complete",
                "http.ingress.downstream_rq_rx_reset",
            ]),
        Case::new("a_limit_of_requests")
            .backend("app", slow())
            .cluster("app", "circuit_breakers: {thresholds: [{max_requests: 2}]}")
            .sort_log()
            .at_once(5, Request::get("/"))
            .stats(&["cluster.app.upstream_rq_pending_overflow", "cluster.app.circuit_breakers.default.rq_open"]),
        Case::new("requests_that_wait_for_a_connection_are_no_requests_yet")
            .backend("app", Answer::from(Reply::ok("served")).after(Duration::from_millis(100)))
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 1, max_requests: 1}]}")
            .sort_log()
            .at_once(4, Request::get("/"))
            .stats(&[
                "cluster.app.upstream_rq_pending_overflow",
                "cluster.app.upstream_rq_active_overflow",
                "cluster.app.upstream_rq_total",
                "cluster.app.upstream_cx_total",
            ]),
        Case::new("what_remains_is_told_if_asked")
            .cluster(
                "app",
                "circuit_breakers: {thresholds: [{max_connections: 7, max_pending_requests: 8, max_requests: 9, max_retries: 2, track_remaining: true}]}",
            )
            .backend("app", Reply::ok("x"))
            .differs(
                "D-307",
                &["1 stats", "cluster.app.circuit_breakers.default.remaining_cx_pools"],
                i64::MAX >> 1,
            )
            .stats(&[
                "cluster.app.circuit_breakers.default.remaining_cx_pools",
                "cluster.app.circuit_breakers.default.remaining_cx",
                "cluster.app.circuit_breakers.default.remaining_pending",
                "cluster.app.circuit_breakers.default.remaining_rq",
                "cluster.app.circuit_breakers.default.remaining_retries",
                "cluster.app.circuit_breakers.high.remaining_cx",
            ])
            .clusters("app"),
        Case::new("priorities_have_limits_of_their_own")
            .backend("app", slow())
            .cluster(
                "app",
                "
                circuit_breakers:
                  thresholds:
                  - {priority: DEFAULT, max_requests: 0}
                  - {priority: HIGH, max_requests: 5}",
            )
            .routes(
                "
                - match: {prefix: /high}
                  route: {cluster: app, priority: HIGH}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/high")
            .get("/default"),
        Case::new("a_limit_of_retries")
            .backend("app", Reply::status(503))
            .cluster("app", "circuit_breakers: {thresholds: [{max_retries: 0}]}")
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 3}}")
            .get("/")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_retry_overflow", "cluster.app.upstream_rq_retry"]),
        Case::new("a_budget_of_retries")
            .backend("app", Reply::status(503))
            .cluster("app", "circuit_breakers: {thresholds: [{max_retries: 9, retry_budget: {budget_percent: {value: 50}, min_retry_concurrency: 0}}]}")
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 3}}")
            .get("/")
            .asked("app")
            .stats(&["cluster.app.upstream_rq_retry_overflow", "cluster.app.upstream_rq_retry", "cluster.app.circuit_breakers.default.rq_retry_open"])
            .clusters("app"),
        Case::new("a_budget_that_always_allows_some")
            .backend("app", Reply::status(503))
            .cluster("app", "circuit_breakers: {thresholds: [{retry_budget: {min_retry_concurrency: 2}, track_remaining: true}]}")
            .routes("- match: {prefix: /}\n  route: {cluster: app, retry_policy: {retry_on: 5xx, num_retries: 3}}")
            .get("/")
            .asked("app")
            .stats(&[
                "cluster.app.upstream_rq_retry_overflow",
                "cluster.app.upstream_rq_retry",
                "cluster.app.circuit_breakers.default.rq_retry_open",
                "cluster.app.circuit_breakers.default.remaining_retries",
            ]),
        Case::new("nothing_is_left_open_afterwards")
            .backend("app", slow())
            .cluster("app", "circuit_breakers: {thresholds: [{max_connections: 2}]}")
            .sort_log()
            .at_once(6, Request::get("/"))
            .step(async |run: &mut Run| {
                let settled = run.wait_for("/stats", "cluster.app.upstream_rq_active: 0").await;
                run.note("settled", json!(settled));
            })
            .stats(&[
                "cluster.app.upstream_rq_active",
                "cluster.app.upstream_rq_pending_active",
                "cluster.app.circuit_breakers.default.cx_open",
                "cluster.app.circuit_breakers.default.rq_open",
            ]),
    ]
}
