//! What clusters count only where they are asked to: how much of their time requests take, and how large they are.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

const BOTH: &str = "track_cluster_stats: {timeout_budgets: true, request_response_sizes: true}";

/// The buckets of the histograms of the cluster, but for how many per cent of a timeout it was: that is chance.
async fn buckets(run: &mut Run) {
    let path =
        "/stats?histogram_buckets=disjoint&filter=^cluster\\.app\\.upstream_r[qs]_(body|head|timeout_b)";
    // Envoy merges what was recorded at each flush.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut lines: Vec<String> = Vec::new();
    for line in run.page(path).await.lines() {
        let (name, rest) = line.split_once(':').unwrap_or((line, ""));
        let counts: u64 = rest
            .split_whitespace()
            .filter_map(|bucket| {
                bucket.rsplit_once(':')?.1.split_once(',')?.1.trim_end_matches(')').parse::<u64>().ok()
            })
            .sum();
        lines.push(if name.contains("percent_used") { format!("{name}: {counts}") } else { line.to_owned() });
    }
    run.note("histograms", json!(lines));
}

/// What is counted of canaries and zones.
async fn apart(run: &mut Run) {
    run.wait_for("/stats?filter=^cluster.*upstream_rq_active", "upstream_rq_active: 0").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let page = run.page("/stats?filter=^cluster\\.[^.]*\\.(canary|zone)\\.").await;
    // How long it took is chance.
    let shown = |line: &str| match line.split_once("_time: ") {
        Some((name, _)) => format!("{name}_time"),
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = page.lines().map(shown).collect();
    lines.sort_unstable();
    run.note("counted apart", json!(lines));
    let names: Vec<String> = run
        .page("/stats/prometheus?filter=^cluster\\.[^.]*\\.(canary|zone)\\..*upstream_rq_[0-9c]")
        .await
        .lines()
        .map(str::to_owned)
        .collect();
    run.note("for Prometheus", json!(names));
}

/// A cluster whose endpoint is in the zone `z1`, with this metadata.
fn zoned(metadata: &str) -> String {
    format!(
        "load_assignment: {{cluster_name: app, endpoints: [{{locality: {{zone: z1}}, lb_endpoints: [{{{metadata}endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{app}}}}}}}}}}}}]}}]}}"
    )
}

fn counted(name: &'static str, script: impl Into<Script>) -> Case {
    Case::new(name).backend("app", script).bootstrap("stats_flush_interval: 0.1s").cluster("app", BOTH)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("of_canaries_by_what_they_say")
            .backend(
                "app",
                Script::by(|request| {
                    let reply = match request.path() {
                        "/canary" => Reply::ok("x").header("x-envoy-upstream-canary", "true"),
                        "/ill" => Reply::status(503).header("x-envoy-upstream-canary", "true"),
                        "/loud" => Reply::ok("x").header("x-envoy-upstream-canary", "TRUE"),
                        "/hidden" => Reply::status(404).header("x-envoy-upstream-canary", "true"),
                        _ => Reply::ok("x"),
                    };
                    reply.into()
                }),
            )
            .dead("dead")
            .routes(
                "
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /hidden}
                  response_headers_to_remove: [x-envoy-upstream-canary]
                  route: {cluster: app}
                - match: {prefix: /added}
                  response_headers_to_add: [{header: {key: x-envoy-upstream-canary, value: 'true'}}]
                  route: {cluster: app}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .get("/canary")
            .get("/ill")
            .get("/loud")
            .get("/plain")
            .get("/hidden")
            .get("/added")
            .get("/dead")
            .step(apart),
        Case::new("of_canaries_and_zones_by_their_hosts")
            .bootstrap("node: {id: n, cluster: c, locality: {zone: z0}}")
            .backend("app", Reply::ok("x"))
            .cluster("app", &zoned("metadata: {filter_metadata: {envoy.lb: {canary: true}}}, "))
            .get("/1")
            .get("/2")
            .step(apart),
        Case::new("of_zones_where_nobody_answers")
            .bootstrap("node: {id: n, cluster: c, locality: {zone: z0}}")
            .backend("app", Answer::close())
            .cluster("app", &zoned(""))
            .get("/1")
            .step(apart),
        Case::new("of_zones_where_this_one_is_not_known")
            .backend("app", Reply::ok("x"))
            .cluster("app", &zoned(""))
            .get("/1")
            .step(apart),
        Case::new("gauges_of_breakers_that_have_been_used")
            .backend("app", Reply::ok("x"))
            .get("/")
            .stats(&["cluster.app.upstream_rq_total"])
            .admin("/stats?usedonly&filter=(circuit_breakers|pre_cx_active)"),
        counted("of_a_request_and_its_response", Reply::ok("12345678").header("x-own", "a"))
            .send(Request::post("/p", "12345").header("x-a", "bb"))
            .step(buckets),
        counted("without_a_body", Reply::status(204)).get("/").step(buckets),
        counted("of_chunks", Reply::ok("hello").chunked()).get("/").step(buckets),
        counted("where_there_is_no_answer", Answer::close()).get("/").step(buckets),
        counted(
            "of_half_an_answer",
            Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234").then_close(),
        )
        .get("/")
        .step(buckets),
        counted("of_a_timeout", Answer::hang())
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.2s}")
            .get("/")
            .step(buckets),
        counted("where_a_circuit_breaker_is_open", Reply::ok("x"))
            .cluster("app", "circuit_breakers: {thresholds: [{max_requests: 0}]}")
            .get("/")
            .step(buckets),
        counted(
            "of_a_redirect_that_is_followed",
            Script::in_turn([Reply::status(302).header("location", "http://test/next"), Reply::ok("there")]),
        )
        .routes("- match: {prefix: /}\n  route: {cluster: app, internal_redirect_policy: {}}")
        .get("/")
        .step(buckets),
        counted("of_head", Reply::ok("12345")).send(Request::new("HEAD", "/")).step(buckets),
        Case::new("the_deprecated_switch")
            .backend("app", Reply::ok("x"))
            .bootstrap("stats_flush_interval: 0.1s")
            .cluster("app", "track_timeout_budgets: true")
            .get("/")
            .step(buckets),
        Case::new("only_where_it_is_asked_for").get("/").step(buckets),
        Case::new("the_other_switch_goes_before_the_deprecated_one")
            .backend("app", Reply::ok("x"))
            .bootstrap("stats_flush_interval: 0.1s")
            .cluster("app", "track_timeout_budgets: true\ntrack_cluster_stats: {}")
            .get("/")
            .step(buckets),
    ]
}
