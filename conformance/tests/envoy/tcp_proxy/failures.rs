//! Back-ends that can't be reached.

use std::time::Duration;

use causeway_conformance::{Case, End, Run, eventually};
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
        shed("an_overloaded_proxy_connects_to_nobody", "tcp_proxy_upstream_connect"),
        shed("an_overloaded_proxy_passes_nothing_on", "tcp_proxy_on_data"),
        shed("an_overloaded_proxy_makes_no_connection", "connection_pool_new_connection"),
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

/// A TCP proxy that comes to this load shed point, where nothing goes on.
fn shed(name: &'static str, point: &str) -> Case {
    let manager = format!(
        "overload_manager:
  refresh_interval: 0.1s
  resource_monitors:
  - name: envoy.resource_monitors.fixed_heap
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
      max_heap_size_bytes: 1000
  loadshed_points:
  - name: envoy.load_shed_points.{point}
    triggers: [{{name: envoy.resource_monitors.fixed_heap, threshold: {{value: 0.5}}}}]
"
    );
    let shed = format!("overload.envoy.load_shed_points.{point}.shed_load_count");
    Case::new(name)
        .file(&(manager + &site("", "cluster: app\nmax_connect_attempts: 2", &app("", &["one"]))))
        .endpoint("one", greets(echo()))
        .step(async |run: &mut Run| {
            // Nothing tells that the points know of it, and they do right behind the monitor.
            let full = async || {
                let pressure = "overload.envoy.resource_monitors.fixed_heap.pressure";
                run.stats().await.get(pressure).is_some_and(|pressure| *pressure > 0)
            };
            run.note("full", json!(eventually(Duration::from_secs(5), full).await));
            tokio::time::sleep(Duration::from_millis(150)).await;
        })
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await.patience(Duration::from_millis(300));
            let hello = connection.read(5).await;
            run.note("hello", json!(String::from_utf8_lossy(&hello)));
            connection.write("x").await;
            let (rest, end) = connection.rest(Duration::from_secs(1)).await;
            run.note("rest", json!([String::from_utf8_lossy(&rest), end != End::Open]));
        })
        .stats(COUNTERS)
        .stats(&["tcp.in.downstream_cx_overload_close", "cluster.app.upstream_rq_cancelled", &shed])
}
