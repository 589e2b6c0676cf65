//! How long a gRPC client wants to wait, and what routes make of it. The echo shows what the back-end is told.

use causeway_conformance::{Case, Request};

fn grpc(path: &str, timeout: &str) -> Request {
    let request = Request::post(path, "x").header("content-type", "application/grpc");
    if timeout.is_empty() { request } else { request.header("grpc-timeout", timeout) }
}

fn asked(case: Case, path: &str, timeouts: &[&str]) -> Case {
    timeouts.iter().fold(case, |case, timeout| case.send(grpc(path, timeout)))
}

pub(crate) fn cases() -> Vec<Case> {
    let limits = Case::new("the_header_is_honoured_up_to_a_limit").routes(
        "
        - match: {prefix: /most}
          route: {cluster: app, max_stream_duration: {grpc_timeout_header_max: 5s}}
        - match: {prefix: /any}
          route: {cluster: app, max_stream_duration: {grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 1s}}
        - match: {prefix: /both}
          route: {cluster: app, timeout: 3s, max_stream_duration: {max_stream_duration: 2s, grpc_timeout_header_max: 4s}}
        - match: {prefix: /duration}
          route: {cluster: app, timeout: 3s, max_stream_duration: {max_stream_duration: 2s}}
        - match: {prefix: /none}
          route: {cluster: app, max_stream_duration: {max_stream_duration: 0s}}
        - match: {prefix: /}
          route: {cluster: app}",
    );
    let limits = asked(limits, "/most", &["1S", "10S", "2H", "3000000u", "123456789S", "x", ""]);
    let limits = asked(limits, "/any", &["10S", "27777H", "99999999H", "99999999M", ""]);
    let limits = asked(limits, "/both", &["1S", "10S", "x", ""]);
    let limits = asked(limits, "/duration", &["1S", ""]);
    let limits = asked(limits, "/none", &["1S", ""]);
    let limits = asked(limits, "/", &["1S", ""])
        .send(Request::get("/most").header("grpc-timeout", "10S"))
        .send(Request::get("/duration"));
    let old = Case::new("the_deprecated_limits_take_the_place_of_the_timeout").routes(
        "
        - match: {prefix: /most}
          route: {cluster: app, max_grpc_timeout: 4s}
        - match: {prefix: /any}
          route: {cluster: app, max_grpc_timeout: 0s, grpc_timeout_offset: 1s}",
    );
    let old = asked(old, "/most", &["1S", "10S", "0S", "x", ""]);
    let old = asked(old, "/any", &["10S", "100m", "0S", ""])
        .send(Request::get("/most").header("grpc-timeout", "10S"));
    let manager = Case::new("without_a_limit_of_the_route_the_connection_manager_s_is_told")
        .hcm("common_http_protocol_options: {max_stream_duration: 9s}")
        .routes(
            "
            - match: {prefix: /most}
              route: {cluster: app, max_stream_duration: {grpc_timeout_header_max: 5s}}
            - match: {prefix: /}
              route: {cluster: app}",
        );
    let manager = asked(manager, "/most", &["1S", "x", ""]);
    vec![
        limits,
        old,
        asked(manager, "/", &["1S", ""]),
        Case::new("a_client_that_gives_no_time_gets_no_answer_of_the_back_end")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, max_stream_duration: {grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 1s}}",
            )
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER%")
            .send(Request::get("/").header("grpc-timeout", "0S"))
            .send(Request::get("/").header("grpc-timeout", "100m"))
            .send(Request::get("/").header("grpc-timeout", "0S").header("content-type", "application/grpc"))
            .stats(&["http.ingress.downstream_rq_max_duration_reached"]),
        Case::new("no_time_at_all_for_a_body")
            .routes(
                "
                - match: {prefix: /}
                  route: {cluster: app, max_stream_duration: {grpc_timeout_header_max: 10s}}",
            )
            .log("%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED%")
            .on_one_connection([
                Request::post("/whole", "abc").header("grpc-timeout", "0S"),
                Request::post("/grpc", "abc").header("grpc-timeout", "0S").header("content-type", "application/grpc"),
            ])
            .raw("POST /half HTTP/1.1\r\nhost: test\r\ngrpc-timeout: 0S\r\ncontent-length: 3\r\n\r\na")
            .raw("POST /chunks HTTP/1.1\r\nhost: test\r\ngrpc-timeout: 0S\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .stats(&["http.ingress.downstream_rq_max_duration_reached", "http.ingress.downstream_rq_response_before_rq_complete"]),
    ]
}
