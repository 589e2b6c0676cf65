//! Agents beside the back-ends, which only Causeway asks: the file is the same for both.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script, eventually};
use serde_json::{Value, json};

/// A back-end with an agent that says a line to whoever connects.
fn with_agent(name: &'static str, line: &'static str) -> Case {
    Case::new(name)
        .backend("app", Reply::ok("served"))
        .endpoint("agent", Script::echo().greeting(Answer::raw(line)))
        .cluster(
            "app",
            "metadata: {filter_metadata: {causeway: {agent_check: {port: {{agent}}, interval: 0.05s}}}}",
        )
        .step(async |run: &mut Run| {
            let agent = run.backend("agent");
            let asked = eventually(Duration::from_secs(1), async || agent.connections() > 1).await;
            run.note("the agent is asked", json!(asked));
        })
        .differs("D-240", &["the agent is asked"], true)
}

pub(crate) fn cases() -> Vec<Case> {
    let of_agent = ["1 /clusters of app", "app::127.0.0.1:<app>::agent"];
    let flags = ["1 /clusters of app", "app::127.0.0.1:<app>::health_flags"];
    vec![
        with_agent("what_an_agent_says_is_shown_and_the_rest_of_the_page_is_the_same", "50%\n")
            .clusters("app")
            .differs("D-240", &of_agent, "weight=50% line=\"50%\" ok at=<any>")
            .get("/")
            .stats(&[
                "cluster.app.membership_total",
                "cluster.app.membership_healthy",
                "cluster.app.membership_excluded",
                "cluster.app.lb_healthy_panic",
            ]),
        with_agent("a_back_end_whose_agent_drains_it_gets_no_requests", "drain # for the night\n")
            .clusters("app")
            .differs("D-240", &of_agent, "weight=100% line=\"drain # for the night\" ok at=<any>")
            .differs("D-240", &flags, "/agent_drain")
            .without_log()
            .tally(3, Request::get("/"))
            .differs("D-240", &["2 3 × GET /", "200 served"], Value::Null)
            .differs("D-240", &["2 3 × GET /", "503 no healthy upstream"], 3)
            .stats(&["cluster.app.membership_total", "cluster.app.membership_excluded"])
            .differs("D-240", &["3 stats", "cluster.app.membership_excluded"], 1),
        Case::new("an_agent_that_is_not_there_changes_nothing")
            .backend("app", Reply::ok("served"))
            .cluster(
                "app",
                "metadata: {filter_metadata: {causeway: {agent_check: {port: 1, interval: 0.05s}}}}",
            )
            .get("/")
            .stats(&["cluster.app.membership_healthy", "cluster.app.upstream_rq_2xx"]),
        Case::new("metadata_of_others_is_left_alone")
            .backend("app", Reply::ok("served"))
            .cluster("app", "metadata: {filter_metadata: {other: {agent_check: {port: zero}}}}")
            .clusters("app")
            .get("/"),
    ]
}
