//! Health checks over HTTP/2, and those of gRPC.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Frame, Reply, Run, Script, eventually};
use serde_json::json;

use super::HTTP2;

const GRPC: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

fn check(kind: &str) -> String {
    format!(
        "
        common_lb_config: {{healthy_panic_threshold: {{value: 0}}}}
        health_checks:
        - timeout: 0.4s
          interval: 0.1s
          no_traffic_interval: 0.1s
          unhealthy_threshold: 2
          healthy_threshold: 1
          {kind}{HTTP2}"
    )
    .replace("\n        ", "\n")
}

/// What the gRPC health service answers: a message with this content, and this status behind it.
fn says(content: &[u8], status: &str) -> Answer {
    let length = u32::try_from(content.len()).unwrap_or(0).to_be_bytes();
    let message = [&[0][..], &length, content].concat();
    let trailers = Frame::headers(&[("grpc-status", status)]).ending();
    Answer::frames([Frame::headers(GRPC), Frame::data(message), trailers])
}

fn checked(name: &'static str, answer: impl Into<Answer>) -> Case {
    let answer = answer.into();
    let script = Script::by(move |request| match request.path() {
        "/grpc.health.v1.Health/Check" => answer.clone(),
        _ => Reply::ok("served").into(),
    });
    Case::new(name)
        .backend("app", script.http2())
        .cluster("app", &check("grpc_health_check: {service_name: svc}"))
        .step(settled)
        .get("/")
}

/// Waits for the first round of checks, and notes what it found.
async fn settled(run: &mut Run) {
    let checked = async || run.backend("app").requests() >= 1;
    run.note("asked", json!(eventually(Duration::from_secs(5), checked).await));
    tokio::time::sleep(Duration::from_millis(500)).await;
}

pub(crate) fn cases() -> Vec<Case> {
    [questions(), answers()].into_iter().flatten().collect()
}

fn questions() -> Vec<Case> {
    let asked = async |run: &mut Run| {
        run.backend("app").wait_for_requests(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut asked = run.backend("app").received()[0].to_json();
        // One that differs from the other in the order of its fields alone is the same.
        if let Some(headers) = asked["headers"].as_array_mut() {
            headers.sort_by_key(ToString::to_string);
        }
        run.note("question", asked);
    };
    vec![
        Case::new("the_question_of_an_http_check_in_http2")
            .backend("app", Script::echo().http2())
            .cluster(
                "app",
                &check(
                    "http_health_check: {path: '/health?full', codec_client_type: HTTP2, request_headers_to_add: [{header: {key: x-a, value: b}}]}",
                ),
            )
            .step(asked),
        Case::new("the_question_of_a_grpc_check")
            .backend("app", Script::always(says(b"\x08\x01", "0")).http2())
            .cluster("app", &check("grpc_health_check: {service_name: a.Service}"))
            .step(asked),
        Case::new("the_question_of_a_grpc_check_can_be_shaped")
            .backend("app", Script::always(says(b"\x08\x01", "0")).http2())
            .cluster(
                "app",
                &check(
                    "grpc_health_check: {authority: check.test, initial_metadata: [{header: {key: x-meta, value: data}}]}",
                ),
            )
            .step(asked),
    ]
}

fn answers() -> Vec<Case> {
    vec![
        Case::new("an_http_check_in_http2_that_fails")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/health" => Reply::status(503).into(),
                    _ => Reply::ok("served").into(),
                })
                .http2(),
            )
            .cluster("app", &check("http_health_check: {path: /health, codec_client_type: HTTP2}"))
            .step(settled)
            .get("/"),
        checked("a_service_that_serves", says(b"\x08\x01", "0")),
        checked("a_service_that_does_not_serve", says(b"\x08\x02", "0")),
        checked("a_service_that_does_not_know", says(b"", "0")),
        checked("a_service_of_another_future", says(b"\x12\x01x\x08\x01", "0")),
        checked(
            "a_server_without_a_health_service",
            Answer::frames([Frame::headers(&[GRPC, &[("grpc-status", "12")]].concat()).ending()]),
        ),
        checked(
            "an_answer_without_a_grpc_status",
            Answer::frames([Frame::headers(GRPC), Frame::data(&b"\0\0\0\0\x02\x08\x01"[..]).ending()]),
        ),
        checked("an_answer_of_another_type", Answer::from(Reply::ok("well"))),
        checked(
            "an_answer_with_two_messages",
            Answer::frames([
                Frame::headers(GRPC),
                Frame::data(&b"\0\0\0\0\x02\x08\x01\0\0\0\0\x02\x08\x01"[..]),
                Frame::headers(&[("grpc-status", "0")]).ending(),
            ]),
        ),
        checked("an_answer_that_is_no_protobuf", says(b"\xFF", "0")),
        checked("an_answer_that_never_comes", Answer::hang())
            .stats(&["cluster.app.health_check.healthy", "cluster.app.membership_healthy"]),
        checked("a_question_that_is_reset", Answer::frames([Frame::reset(7)])),
        checked("a_connection_that_is_closed", Answer::close()),
        Case::new("a_grpc_check_of_a_cluster_of_http1")
            .backend("app", Script::echo())
            .cluster("app", &check("grpc_health_check: {}").replace(HTTP2, "")),
    ]
}
