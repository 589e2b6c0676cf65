//! Back-ends that can't be reached.

use causeway_conformance::{Case, Run};
use serde_json::json;

use super::{COUNTERS, app, echo, greets, note_gone, note_talk, site};

pub(super) fn failures() -> Vec<Case> {
    let refused = |name, proxy: &str| {
        Case::new(name)
            .file(&site("", &format!("cluster: app\n{proxy}"), &app("", &["port:nobody"])))
            .step(async |run: &mut Run| note_talk(run, "refused", "").await)
            .stats(COUNTERS)
            .clusters("app")
    };
    vec![
        refused("a_back_end_that_refuses", ""),
        refused("a_back_end_that_refuses_three_times", "max_connect_attempts: 3"),
        refused(
            "a_pause_between_attempts",
            "max_connect_attempts: 3\nbackoff_options: {base_interval: 0.01s, max_interval: 0.02s}",
        ),
        Case::new("the_next_endpoint_is_tried")
            .file(&site("", "cluster: app\nmax_connect_attempts: 2", &app("", &["port:nobody", "one"])))
            .endpoint("one", greets(echo()))
            .mask_log(|_| "a line".to_owned())
            .step(async |run: &mut Run| {
                // Whose turn it is in the beginning is chance; from then on it is always the other's.
                let mut first = run.connect().await;
                first.read(5).await;
                let failures =
                    async |run: &Run| run.stats().await.get("cluster.app.upstream_cx_connect_fail").copied();
                for turn in 1..=3 {
                    let before = failures(run).await;
                    note_talk(run, &format!("turn {turn}"), "x").await;
                    let after = failures(run).await;
                    run.note(
                        format!("failures in turn {turn}"),
                        json!(after.zip(before).map(|(after, before)| after - before)),
                    );
                }
            }),
        Case::new("a_cluster_without_endpoints")
            .file(&site("", "cluster: app\nmax_connect_attempts: 3", &app("", &[])))
            .step(async |run: &mut Run| note_talk(run, "none", "").await)
            .stats(COUNTERS)
            .stats(&["cluster.app.lb_healthy_panic"]),
        Case::new("a_cluster_that_does_not_exist")
            .file(&site("", "cluster: nobody", &app("", &[])))
            .step(async |run: &mut Run| note_talk(run, "unknown", "").await)
            .stats(COUNTERS),
        Case::new("the_circuit_breaker_of_connections")
            .file(&site(
                "",
                "cluster: app",
                &app("circuit_breakers: {thresholds: [{max_connections: 1}]}", &["one"]),
            ))
            .endpoint("one", greets(echo()))
            .step(async |run: &mut Run| {
                let mut first = run.connect().await;
                first.read(5).await;
                note_talk(run, "second", "").await;
                run.note(
                    "open",
                    json!(run.stats().await.get("cluster.app.circuit_breakers.default.cx_open")),
                );
                drop(first);
                note_gone(run).await;
            })
            .stats(COUNTERS),
        Case::new("the_circuit_breaker_of_what_waits")
            .file(&site(
                "",
                "cluster: app",
                &app("circuit_breakers: {thresholds: [{max_pending_requests: 0}]}", &["one"]),
            ))
            .endpoint("one", greets(echo()))
            .step(async |run: &mut Run| note_talk(run, "none may wait", "").await)
            .stats(COUNTERS),
        Case::new("the_circuit_breaker_of_requests_does_not_count")
            .file(&site(
                "",
                "cluster: app",
                &app("circuit_breakers: {thresholds: [{max_requests: 0}]}", &["one"]),
            ))
            .endpoint("one", greets(echo()))
            .step(async |run: &mut Run| note_talk(run, "all the same", "x").await)
            .stats(COUNTERS),
    ]
}
