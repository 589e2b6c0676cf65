//! Requests that are sent again by HTTP/2.

use causeway_conformance::{Answer, Case, Frame, Reply, Request, Run, Script};
use serde_json::json;

use super::case;

const COUNTED: &[&str] = &[
    "cluster.app.upstream_rq_retry",
    "cluster.app.upstream_rq_retry_success",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_rx_reset",
    "cluster.app.upstream_rq_tx_reset",
    "cluster.app.upstream_cx_total",
];

fn policy(on: &str) -> String {
    format!(
        "- match: {{prefix: /}}\n  route: {{cluster: app, retry_policy: {{retry_on: '{on}', num_retries: 2}}}}"
    )
}

fn bodies(run: &mut Run) {
    let bodies: Vec<_> =
        run.backend("app").received().iter().map(|r| String::from_utf8_lossy(&r.body).into_owned()).collect();
    run.note("bodies", json!(bodies));
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "streams_that_are_refused_are_opened_again",
            Script::in_turn([
                Answer::frames([Frame::reset(7)]),
                Answer::frames([Frame::reset(7)]),
                Reply::ok("fine").into(),
            ]),
        )
        .routes(&policy("refused-stream"))
        .send(Request::post("/", "body"))
        .step(async |run: &mut Run| bodies(run))
        .stats(COUNTED),
        case(
            "streams_that_are_reset_otherwise_are_not_refused",
            Script::in_turn([Answer::frames([Frame::reset(2)]), Reply::ok("fine").into()]),
        )
        .routes(&policy("refused-stream"))
        .get("/")
        .asked("app")
        .stats(COUNTED),
        case(
            "an_answer_that_is_not_wanted_is_reset",
            Script::in_turn([Reply::status(503).body("left"), Reply::status(503), Reply::ok("fine")]),
        )
        .routes(&policy("5xx"))
        .send(Request::post("/", "body"))
        .step(async |run: &mut Run| bodies(run))
        .stats(COUNTED),
    ]
}
