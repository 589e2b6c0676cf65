//! Counters of requests that belong together, whichever cluster they go to.

use causeway_conformance::{Answer, Case, Reply, Request, Run};
use serde_json::json;

/// What is counted below a name, in the order of the page.
async fn counted(run: &mut Run, prefix: &str) {
    let page = run.page(&format!("/stats?type=Counters&filter=^{}", prefix.replace('.', "\\."))).await;
    let lines: Vec<&str> = page.lines().collect();
    run.note(prefix, json!(lines));
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("stats_of_virtual_clusters")
            .virtual_host(
                r#"
                virtual_clusters:
                - name: users
                  headers: [{name: ":path", string_match: {prefix: /users}}, {name: ":method", string_match: {exact: GET}}]
                - name: "odd:name"
                  headers: [{name: x-odd, present_match: true}]"#,
            )
            .log("%VIRTUAL_CLUSTER_NAME% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%")
            .get("/users/1")
            .get("/else")
            .send(Request::get("/x").header("x-odd", "1"))
            .send(Request::get("/x").header("x-envoy-internal", "true"))
            .step(async |run: &mut Run| counted(run, "vhost.all").await),
        Case::new("a_virtual_cluster_that_nothing_fits_has_stats_too")
            .virtual_host("virtual_clusters: [{name: none, headers: [{name: x-none, present_match: true}]}]")
            .get("/")
            .step(async |run: &mut Run| counted(run, "vhost.all").await),
        Case::new("the_name_of_the_virtual_cluster_in_headers")
            .virtual_host("virtual_clusters: [{name: odd, headers: [{name: x-odd, present_match: true}]}]")
            .routes(
                r#"
                - match: {prefix: /}
                  route: {cluster: app}
                  request_headers_to_add: [{header: {key: x-vc, value: "<%VIRTUAL_CLUSTER_NAME%>"}}]
                  response_headers_to_add: [{header: {key: x-vc, value: "<%VIRTUAL_CLUSTER_NAME%>"}}]"#,
            )
            .send(Request::get("/").header("x-odd", "1"))
            .get("/"),
        Case::new("stats_of_a_route")
            .routes(
                "
                - match: {prefix: /a}
                  route: {cluster: app}
                  stat_prefix: first
                - match: {prefix: /b}
                  route: {cluster: app}
                  stat_prefix: first
                - match: {prefix: /c}
                  route: {cluster: app}
                  stat_prefix: 'odd:name.x'
                - match: {prefix: /direct}
                  direct_response: {status: 200}
                  stat_prefix: direct
                - match: {prefix: /}
                  route: {cluster_header: x-cluster}
                  stat_prefix: nowhere",
            )
            .get("/a")
            .get("/b")
            .get("/c")
            .get("/direct")
            .get("/")
            .step(async |run: &mut Run| counted(run, "vhost.all").await),
        Case::new("what_was_not_sent_is_answered_and_counted_but_is_no_request")
            .dead("app")
            .virtual_host("virtual_clusters: [{name: odd, headers: [{name: x-odd, present_match: true}]}]")
            .routes("- match: {prefix: /}\n  route: {cluster: app}\n  stat_prefix: own")
            .send(Request::get("/").header("x-odd", "1"))
            .step(async |run: &mut Run| counted(run, "vhost.all").await),
        Case::new("timeouts_of_virtual_clusters_and_routes")
            .backend("app", Answer::hang())
            .virtual_host("virtual_clusters: [{name: odd, headers: [{name: x-odd, present_match: true}]}]")
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.1s}\n  stat_prefix: own")
            .send(Request::get("/").header("x-odd", "1"))
            .step(async |run: &mut Run| counted(run, "vhost.all").await),
        Case::new("other_codes_have_their_own_counters")
            .backend("app", Reply::status(404))
            .virtual_host("virtual_clusters: [{name: odd, headers: [{name: x-odd, present_match: true}]}]")
            .get("/")
            .step(async |run: &mut Run| counted(run, "vhost.all.vcluster.other").await),
        Case::new("tags_of_virtual_clusters_and_routes")
            .virtual_hosts(
                r#"
                - name: plain
                  domains: [plain.test]
                  virtual_clusters: [{name: "odd:name.x", headers: [{name: x-odd, present_match: true}]}]
                  routes: [{match: {prefix: /}, route: {cluster: app}, stat_prefix: "odd:name.x"}]
                - name: www.dotted.test
                  domains: ["*"]
                  virtual_clusters: [{name: odd, headers: [{name: x-odd, present_match: true}]}]
                  routes: [{match: {prefix: /}, route: {cluster: app}, stat_prefix: own}]"#,
            )
            .send(Request::get("/").host("plain.test").header("x-odd", "1"))
            .send(Request::get("/").header("x-odd", "1"))
            .step(async |run: &mut Run| {
                let page = run.page("/stats/prometheus?filter=^vhost").await;
                let mut lines: Vec<&str> = page
                    .lines()
                    .filter(|line| !line.contains("_time") && !line.contains("_retry") && !line.starts_with('#'))
                    .collect();
                lines.sort_unstable();
                run.note("series", json!(lines));
            }),
    ]
}
