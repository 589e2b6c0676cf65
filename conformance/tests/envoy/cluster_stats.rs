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

fn counted(name: &'static str, script: impl Into<Script>) -> Case {
    Case::new(name).backend("app", script).bootstrap("stats_flush_interval: 0.1s").cluster("app", BOTH)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
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
