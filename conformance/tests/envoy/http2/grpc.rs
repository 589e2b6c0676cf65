//! gRPC, whose status stands behind the body.

use causeway_conformance::{Answer, Case, Frame, Reply, Request, Script};

use super::case;

const HEAD: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

/// A message, and this status behind it.
fn says(status: &str) -> Answer {
    Answer::frames([
        Frame::headers(HEAD),
        Frame::data(&b"\0\0\0\0\x02hi"[..]),
        Frame::headers(&[("grpc-status", status), ("grpc-message", "words")]).ending(),
    ])
}

fn call(target: &str) -> Request {
    Request::post(target, &b"\0\0\0\0\x03abc"[..])
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

pub(crate) fn cases() -> Vec<Case> {
    let script = || {
        Script::by(|request| match request.path() {
            "/only" => Answer::frames([Frame::headers(&[HEAD, &[("grpc-status", "12")]].concat()).ending()]),
            "/none" => Reply::ok("x").header("content-type", "application/grpc").into(),
            "/http" => Reply::status(503).into(),
            "/teapot" => Reply::status(418).into(),
            "/reset" => Answer::frames([Frame::reset(2)]),
            path => says(path.trim_start_matches('/')),
        })
    };
    let log = "%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %GRPC_STATUS% %GRPC_STATUS_NUMBER%";
    let mut cases: Vec<_> = [
        ("a_call_that_succeeds", "/0"),
        ("a_call_that_is_unknown", "/2"),
        ("a_call_that_is_not_found", "/5"),
        ("a_call_that_is_unimplemented", "/12"),
        ("a_call_that_is_internal", "/13"),
        ("a_call_that_is_unavailable", "/14"),
        ("a_call_of_trailers_only", "/only"),
        ("a_call_without_a_status", "/none"),
        ("a_call_that_fails_by_http", "/http"),
        ("a_call_that_is_no_call", "/teapot"),
        ("a_call_that_is_reset", "/reset"),
    ]
    .into_iter()
    .map(|(name, path)| {
        case(name, script())
            .hcm("http_protocol_options: {enable_trailers: true}")
            .log(log)
            .send(call(path))
            .clusters("app")
            .stats(&[
                "cluster.app.upstream_rq_2xx",
                "cluster.app.upstream_rq_5xx",
                "cluster.app.upstream_rq_4xx",
            ])
    })
    .collect();
    cases.push(
        case("a_call_that_no_host_may_have", Script::echo())
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, timeout: 0.2s}",
            )
            .backend("app", Script::always(Answer::hang()).http2())
            .log(log)
            .send(call("/"))
            .clusters("app"),
    );
    cases
}
