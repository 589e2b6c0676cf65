//! Answers that the proxy makes because something failed: status, body, headers, flag and details.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Connection, Reply, Request, Run, Script};

pub(crate) fn cases() -> Vec<Case> {
    [failures(), mapped(), own()].into_iter().flatten().collect()
}

/// Answers that the configuration gives.
fn own() -> Vec<Case> {
    let direct = |statuses: &[u16]| {
        let routes = statuses
            .iter()
            .map(|status| format!("- match: {{path: /{status}}}\n  direct_response: {{status: {status}}}"));
        routes.collect::<Vec<_>>().join("\n")
    };
    let grpc = |target: &str| Request::post(target, "").header("content-type", "application/grpc");
    let statuses = [200, 204, 301, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504, 599];
    let all = |case: Case| statuses.iter().fold(case, |case, status| case.send(grpc(&format!("/{status}"))));
    vec![
        all(Case::new("grpc_is_told_by_the_status").routes(&direct(&statuses))),
        Case::new("grpc_is_told_by_the_status_of_a_mapper_and_of_a_cluster_that_is_not_there")
            .dead("app")
            .hcm(
                "
                local_reply_config:
                  mappers:
                  - filter: {response_flag_filter: {flags: [UF]}}
                    status_code: 429",
            )
            .routes(
                "
                - match: {path: /missing}
                  route: {cluster_header: x, cluster_not_found_response_code: NOT_FOUND}
                - match: {path: /broken}
                  route: {cluster_header: x, cluster_not_found_response_code: INTERNAL_SERVER_ERROR}
                - match: {prefix: /}
                  route: {cluster: app}",
            )
            .send(grpc("/missing"))
            .send(grpc("/broken"))
            .send(grpc("/")),
        Case::new("grpc_has_no_parameters_in_its_content_type")
            .routes(&direct(&[503]))
            .send(Request::post("/503", "").header("content-type", "application/grpc;charset=utf-8"))
            .send(Request::post("/503", "").header("content-type", "application/grpc+proto"))
            .send(Request::post("/503", "").header("content-type", "application/grpc-web")),
        Case::new("grpc_is_told_of_paths_that_are_refused")
            .hcm("path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT\nnormalize_path: true")
            .send(grpc("/a%2fb"))
            .send(grpc("/a%00"))
            .send(Request::get("/a%2fb")),
        Case::new("behind_a_400_of_its_own_the_connection_ends")
            .backend("app", Reply::status(400))
            .routes(&format!("{}\n- match: {{prefix: /}}\n  route: {{cluster: app}}", direct(&[400, 401, 404])))
            .get("/400")
            .send(Request::new("HEAD", "/400"))
            .get("/401")
            .get("/404")
            .get("/theirs"),
        Case::new("an_answer_without_a_body_has_no_content_type")
            .routes(
                "
                - match: {path: /empty}
                  direct_response: {status: 200}
                  response_headers_to_add: [{header: {key: content-type, value: text/odd}}]
                - match: {path: /to}
                  redirect: {path_redirect: /}
                  response_headers_to_add: [{header: {key: content-type, value: text/odd}}]
                - match: {path: /full}
                  direct_response: {status: 200, body: {inline_string: x}}
                  response_headers_to_add: [{header: {key: content-type, value: text/odd}}]
                - match: {path: /formatted}
                  direct_response: {status: 200, body: {inline_string: x}, body_format: {json_format: {a: b}}}
                  response_headers_to_add: [{header: {key: content-type, value: text/odd}}]",
            )
            .get("/empty")
            .get("/to")
            .get("/full")
            .get("/formatted"),
        Case::new("what_the_format_of_a_direct_response_knows")
            .routes(
                "
                - match: {path: /text}
                  direct_response:
                    status: 200
                    body_format: {text_format: '%RESPONSE_CODE_DETAILS%|%RESPONSE_FLAGS%|%RESP(x-a)%|%RESPONSE_CODE%'}
                  response_headers_to_add: [{header: {key: x-a, value: '%RESPONSE_CODE_DETAILS%'}}]",
            )
            .get("/text"),
        Case::new("a_mapper_adds_what_was_true_before_it")
            .routes("- match: {prefix: /}\n  direct_response: {status: 404, body: {inline_string: b}}")
            .hcm(
                "
                local_reply_config:
                  mappers:
                  - filter:
                      duration_filter: {comparison: {op: GE, value: {default_value: 0, runtime_key: none}}}
                    status_code: 410
                    headers_to_add:
                    - {header: {key: x-code, value: '%RESPONSE_CODE%'}}
                    - {header: {key: content-type, value: text/odd}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                    body_format_override: {json_format: {code: '%RESPONSE_CODE%'}}",
            )
            .get("/"),
    ]
}

fn failures() -> Vec<Case> {
    vec![
        Case::new("no_route")
            .routes("- match: {prefix: /only}\n  route: {cluster: app}")
            .get("/other")
            .send(Request::new("HEAD", "/other"))
            .send(Request::post("/other", "body"))
            .stats(&["http.ingress.no_route", "http.ingress.downstream_rq_4xx", "http.ingress.downstream_rq_completed"]),
        Case::new("a_cluster_without_hosts")
            .pool("app", &[])
            .get("/")
            .send(Request::new("HEAD", "/"))
            .stats(&[
                "cluster.app.upstream_cx_none_healthy",
                "cluster.app.upstream_rq_total",
                "cluster.app.upstream_rq_503",
                "http.ingress.downstream_rq_5xx",
            ]),
        Case::new("a_refused_connection")
            .dead("app")
            .get("/")
            .send(Request::post("/", "body"))
            .stats(&[
                "cluster.app.upstream_cx_connect_fail",
                "cluster.app.upstream_cx_total",
                "cluster.app.upstream_rq_503",
                "cluster.app.upstream_rq_pending_failure_eject",
            ]),
        Case::new("a_connection_closed_or_reset_before_the_headers")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/close" => Answer::close(),
                    "/reset" => Answer::reset(),
                    "/part" => Answer::raw("HTTP/1.1 200 OK\r\ncontent-").then_close(),
                    _ => Answer::raw("HTTP/1.1 200 OK\r\ncontent-").then_reset(),
                }),
            )
            .get("/close")
            .get("/reset")
            .get("/part")
            .get("/part-reset")
            .stats(&[
                "cluster.app.upstream_cx_destroy_remote_with_active_rq",
                "cluster.app.upstream_rq_rx_reset",
                "cluster.app.upstream_rq_503",
            ]),
        Case::new("an_upstream_that_speaks_something_else")
            .backend("app", Answer::raw("SSH-2.0-OpenSSH_9.2\r\n"))
            .get("/")
            .stats(&["cluster.app.upstream_cx_protocol_error", "cluster.app.upstream_rq_502"]),
        Case::new("response_headers_beyond_the_limit")
            .backend(
                "app",
                Script::by(|request| match request.path() {
                    "/large" => Reply::ok("x").header("x-big", &"v".repeat(100_000)).into(),
                    _ => (0..120).fold(Reply::ok("x"), |r, i| r.header(&format!("x-{i}"), "v")).into(),
                }),
            )
            .get("/large")
            .get("/many"),
        Case::new("the_errors_of_the_upstream_are_its_own")
            .backend(
                "app",
                Script::by(|request| {
                    let status = request.path().trim_start_matches('/').parse().expect("a status");
                    Reply::status(status).header("x-own", "1").body("theirs").into()
                }),
            )
            .get("/503")
            .get("/404")
            .get("/500")
            .get("/431")
            .stats(&["cluster.app.upstream_rq_5xx", "cluster.app.upstream_rq_503", "cluster.app.upstream_rq_404"]),
        Case::new("bytes_after_a_response_spoil_the_connection")
            .backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"))
            .on_one_connection([Request::get("/1"), Request::get("/2")])
            .asked("app")
            .connected("app"),
        Case::new("an_upgrade_header_without_a_switch")
            .backend("app", Answer::raw("HTTP/1.1 200 OK\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\nx"))
            .get("/"),
        Case::new("grpc_failures_are_grpc_statuses")
            .pool("app", &[])
            .dead("dead")
            .routes(
                "
                - match: {prefix: /none/}
                  route: {cluster: app}
                - match: {prefix: /dead/}
                  route: {cluster: dead}",
            )
            .send(Request::post("/none/m", "").header("content-type", "application/grpc"))
            .send(Request::post("/dead/m", "").header("content-type", "application/grpc"))
            .send(Request::post("/else/m", "").header("content-type", "application/grpc")),
    ]
}

fn mapped() -> Vec<Case> {
    vec![
        Case::new("bodies_and_statuses_can_be_replaced")
            .dead("app")
            .hcm(
                r#"
                local_reply_config:
                  mappers:
                  - filter:
                      status_code_filter:
                        comparison: {op: EQ, value: {default_value: 503, runtime_key: none}}
                    status_code: 599
                    body: {inline_string: "sorry"}
                    headers_to_add: [{header: {key: x-mapped, value: "yes"}}]
                  - filter: {response_flag_filter: {flags: [NR]}}
                    body_format_override:
                      json_format: {code: "%RESPONSE_CODE%", path: "%REQ(:PATH)%", body: "%LOCAL_REPLY_BODY%"}"#,
            )
            .routes("- match: {prefix: /app}\n  route: {cluster: app}")
            .get("/app")
            .get("/none")
            .send(Request::new("HEAD", "/app")),
        Case::new("a_body_format_for_all_local_replies")
            .dead("app")
            .hcm(
                r#"
                local_reply_config:
                  body_format:
                    content_type: text/html; charset=UTF-8
                    text_format_source:
                      inline_string: "<h1>%RESPONSE_CODE%</h1><p>%LOCAL_REPLY_BODY%</p>\n""#,
            )
            .backend("ok", Reply::status(500).body("own error"))
            .routes(
                "
                - match: {prefix: /app}
                  route: {cluster: app}
                - match: {prefix: /own}
                  route: {cluster: ok}",
            )
            .get("/app")
            .get("/none")
            .get("/own"),
        Case::new("flags_of_what_can_t_be_parsed_come_behind_the_answer")
            .hcm(
                r#"
                local_reply_config:
                  mappers:
                  - filter: {response_flag_filter: {flags: [DPE]}}
                    status_code: 477
                  body_format:
                    text_format_source: {inline_string: "%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% %RESPONSE_CODE%"}"#,
            )
            .raw("nonsense\r\n\r\n")
            .raw("GET / HTTP/1.0\r\n\r\n")
            .raw("GET / HTTP/1.1\r\n\r\n")
            .raw("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Case::new("a_slow_client_is_told")
            .hcm("request_headers_timeout: 0.3s")
            .step(async |run: &mut Run| {
                let mut connection: Connection = run.connect().await;
                connection.write("GET / HTTP/1.1\r\nHost: a\r\n").await;
                let response = connection.response("GET").await;
                run.note_response("no end of the head", &response);
            })
            .stats(&["http.ingress.downstream_rq_header_timeout", "http.ingress.downstream_rq_4xx"]),
        Case::new("a_slow_body_is_told")
            .hcm("request_timeout: 0.4s")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("no end of the body", &response);
            })
            .stats(&["http.ingress.downstream_rq_timeout", "http.ingress.downstream_rq_4xx"])
            .pause(Duration::from_millis(50)),
    ]
}
