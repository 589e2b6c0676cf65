//! How hosts come and go, and what checks and outlier detection do to them.

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Reply, Request, Run, Script, Signal};
use serde_json::json;

use super::{BY_HEADER, NAME, STATS, Wanted, all, case, original};

/// The hosts of the cluster that `/clusters` shows.
async fn hosts(run: &Run) -> Vec<String> {
    let page = run.page("/clusters").await;
    let hosts = page.lines().filter(|line| line.starts_with("asked::") && line.contains("::weight::"));
    hosts.map(str::to_owned).collect()
}

/// Waits until there are as many hosts.
async fn until(run: &Run, count: usize) -> Vec<String> {
    for _ in 0..100 {
        let hosts = hosts(run).await;
        if hosts.len() == count {
            return hosts;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    hosts(run).await
}

fn request(run: &Run, to: &str) -> Request {
    Request::get("/").header(NAME, &run.fill(to))
}

pub(super) fn cases() -> Vec<Case> {
    let soon = format!("{BY_HEADER}\ncleanup_interval: 0.4s");
    let checked = format!(
        "{BY_HEADER}\nhealth_checks: [{{timeout: 1s, interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {{path: /health}}}}]"
    );
    let watched = format!(
        "{BY_HEADER}\noutlier_detection: {{interval: 0.2s, consecutive_5xx: 1, max_ejection_percent: 100}}"
    );
    vec![
        all(
            Case::new("hosts_are_forgotten_once_nobody_uses_them")
                .endpoint("a", Reply::ok("a"))
                .endpoint("b", Reply::ok("b").header("connection", "close")),
            &soon,
        )
        .step(async |run: &mut Run| {
            let mut kept = run.connect().await;
            let first = kept.exchange(&request(run, "127.0.0.1:{{a}}")).await;
            run.note_response("first", &first);
            let second = kept.exchange(&request(run, "127.0.0.1:{{b}}")).await;
            run.note_response("second", &second);
            let both = until(run, 2).await;
            run.note("both", json!(both));
            let one = until(run, 1).await;
            run.note("the one whose connection is kept", json!(one));
            tokio::time::sleep(Duration::from_millis(1000)).await;
            let still = hosts(run).await;
            run.note("it stays", json!(still));
            let again = kept.exchange(&request(run, "127.0.0.1:{{b}}")).await;
            run.note_response("again", &again);
        })
        .stats(STATS),
        case("hosts_of_the_admin_pages", BY_HEADER)
            .to(NAME, &["127.0.0.1:{{a}}"])
            .admin("/clusters?format=json")
            .admin("/config_dump?include_eds&resource=static_endpoint_configs"),
        all(
            Case::new("a_host_that_fails_its_checks_is_used_all_the_same")
                .endpoint("a", Script::by(|request| {
                    let answer = Answer::default();
                    // The check begins with the first request, and must not end before it.
                    let waits = if request.path() == "/health" { Duration::from_millis(300) } else { Duration::ZERO };
                    answer.then_pause(waits).then(Act::Reply(Reply::status(503).body("down")))
                }))
                .endpoint("b", Reply::ok("b")),
            &checked,
        )
        .to(NAME, &["127.0.0.1:{{a}}"])
        .wait_for("/clusters", "health_flags::/failed_active_hc")
        // The workers hear of it later, and close the connections then.
        .pause(Duration::from_millis(200))
        .to(NAME, &["127.0.0.1:{{b}}", "127.0.0.1:{{a}}"])
        .clusters("asked")
        .stats(&[
            "cluster.asked.membership_total",
            "cluster.asked.membership_healthy",
            "cluster.asked.health_check.healthy",
            "cluster.asked.lb_healthy_panic",
            "cluster.asked.upstream_cx_none_healthy",
        ])
        // Envoy may end by itself when it is told to end.
        .without_log()
        .step(async |run: &mut Run| {
            let process = run.proxy().process();
            process.signal(Signal::KILL);
            process.wait(Duration::from_secs(5)).await;
        })
        .differs("D-22", &["5 /clusters of asked", "asked::127.0.0.1:<a>::last_health_check"], "<any>")
        .differs("D-211", &["6 stats", "cluster.asked.membership_healthy"], 1),
        all(
            Case::new("a_host_that_is_ejected_is_used_all_the_same")
                .endpoint("a", Script::in_turn([200, 500, 500].map(Reply::status)))
                .endpoint("b", Reply::ok("b")),
            &watched,
        )
        // Envoy's main thread hears of a host later than who has asked it, and nobody counts its failures before.
        .to(NAME, &["127.0.0.1:{{b}}", "127.0.0.1:{{a}}"])
        .wait_for("/clusters", "127.0.0.1:{{a}}::")
        .to(NAME, &["127.0.0.1:{{a}}"])
        .wait_for("/clusters", "health_flags::/failed_outlier_check")
        .to(NAME, &["127.0.0.1:{{a}}"])
        .clusters("asked")
        .stats(&[
            "cluster.asked.membership_total",
            "cluster.asked.membership_healthy",
            "cluster.asked.outlier_detection.ejections_active",
            "cluster.asked.outlier_detection.ejections_enforced_total",
            "cluster.asked.lb_healthy_panic",
            "cluster.asked.upstream_cx_none_healthy",
        ]),
        Case::new("a_member_of_an_aggregate")
            .endpoint("a", Reply::ok("a"))
            .backend("other", Reply::ok("other"))
            .more_clusters(&original(BY_HEADER))
            .more_clusters(
                "
                - name: row
                  connect_timeout: 1s
                  lb_policy: CLUSTER_PROVIDED
                  cluster_type:
                    name: envoy.clusters.aggregate
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
                      clusters: [asked, other]",
            )
            .routes("- match: {prefix: /direct}\n  route: {cluster: asked}\n- match: {prefix: /}\n  route: {cluster: row}")
            .to(NAME, &["127.0.0.1:{{a}}"])
            .step(async |run: &mut Run| {
                let request = Request::get("/direct").header(NAME, &run.fill("127.0.0.1:{{a}}"));
                let result = causeway_conformance::exchange(run.listener(), &request).await;
                run.note_response("direct", &result);
                until(run, 1).await;
            })
            .to(NAME, &["127.0.0.1:{{a}}"])
            .stats(STATS),
    ]
}
