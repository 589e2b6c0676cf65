//! Logs of the router, with a line for each attempt.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use tokio::io::AsyncWriteExt as _;

/// The log of a router with these operators.
fn router(format: &str) -> String {
    router_with(format, "")
}

fn router_with(format: &str, filter: &str) -> String {
    let filter = if filter.is_empty() { String::new() } else { format!("\n  filter: {filter}") };
    format!(
        r#"
upstream_log:
- name: log{filter}
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: "{{{{dir}}}}/access.log"
    log_format: {{text_format_source: {{inline_string: "up {format}\n"}}}}"#
    )
}

const REQUEST: &str = "type=%ACCESS_LOG_TYPE% %REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(:SCHEME)% %REQ(X-A)% %REQ(X-ENVOY-ORIGINAL-PATH)% \
    proto=%PROTOCOL%/%UPSTREAM_PROTOCOL% path=%PATH(WQ)% q=%QUERY_PARAM(a)%";
const RESPONSE: &str = "code=%RESPONSE_CODE% details=%RESPONSE_CODE_DETAILS% flags=%RESPONSE_FLAGS%/%RESPONSE_FLAGS_LONG% \
    status=%RESP(:STATUS)% own=%RESP(X-OWN)% time=server=%RESP(SERVER)% added=%RESP(X-ADDED)% trailer=%TRAILER(X-T)% grpc=%GRPC_STATUS% body=%LOCAL_REPLY_BODY% term=%CONNECTION_TERMINATION_DETAILS% transport=%UPSTREAM_TRANSPORT_FAILURE_REASON%";
const BYTES: &str = "received=%BYTES_RECEIVED% sent=%BYTES_SENT% dwr=%DOWNSTREAM_WIRE_BYTES_RECEIVED% dws=%DOWNSTREAM_WIRE_BYTES_SENT% \
    dhr=%DOWNSTREAM_HEADER_BYTES_RECEIVED% dhs=%DOWNSTREAM_HEADER_BYTES_SENT% uwr=%UPSTREAM_WIRE_BYTES_RECEIVED% \
    uhr=%UPSTREAM_HEADER_BYTES_RECEIVED% uws=%UPSTREAM_WIRE_BYTES_SENT% uhs=%UPSTREAM_HEADER_BYTES_SENT% rqh=%REQUEST_HEADERS_BYTES% rsh=%RESPONSE_HEADERS_BYTES% rst=%RESPONSE_TRAILERS_BYTES%";
const WAY: &str = "attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% route=%ROUTE_NAME% vc=%VIRTUAL_CLUSTER_NAME% cluster=%UPSTREAM_CLUSTER%/%UPSTREAM_CLUSTER_RAW% \
    host=%UPSTREAM_HOST% name=%UPSTREAM_HOST_NAME% remote=%UPSTREAM_REMOTE_ADDRESS% client=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% to=%DOWNSTREAM_LOCAL_ADDRESS% \
    listener=%LISTENER_NAME% chain=%FILTER_CHAIN_NAME% tried=%UPSTREAM_HOSTS_ATTEMPTED% \
    close=%DOWNSTREAM_DETECTED_CLOSE_TYPE%/%UPSTREAM_DETECTED_CLOSE_TYPE% res=%ROUTE_RESOLUTION_COUNT% id=%STREAM_ID% name=%REQUESTED_SERVER_NAME(HOST_FIRST)%";
const TIMES: &str = "d=%DURATION% q=%REQUEST_DURATION% t=%REQUEST_TX_DURATION% r=%RESPONSE_DURATION% x=%RESPONSE_TX_DURATION% \
    ready=%UPSTREAM_CONNECTION_POOL_READY_DURATION% cx=%COMMON_DURATION(US_CX_BEG:US_CX_END:ms)% tx=%COMMON_DURATION(US_TX_BEG:US_TX_END:ms)% \
    rx=%COMMON_DURATION(US_RX_BEG:US_RX_END:ms)% ds=%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)% dt=%COMMON_DURATION(DS_TX_BEG:DS_TX_END:ms)% start=%START_TIME%";

/// A router whose log says everything, and that adds nothing whose length is chance.
fn everything() -> String {
    format!(
        "suppress_envoy_headers: true\n{}",
        router(&format!("{REQUEST} {RESPONSE} {BYTES} {WAY}")).trim_start()
    )
}

fn masked(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('N') {
            out.push('N');
        }
    }
    out
}

fn several(name: &'static str, format: &str) -> Case {
    served(name, &router(format))
}

fn served(name: &'static str, router: &str) -> Case {
    Case::new(name)
        .log("down %ACCESS_LOG_TYPE% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_REQUEST_ATTEMPT_COUNT%")
        .backend(
            "app",
            Reply::status(201).header("x-own", "o").body("12345678"),
        )
        .dead("dead")
        .backend("silent", Answer::hang())
        .backend("closing", Answer::close())
        // How long the time in `x-envoy-upstream-service-time` is would be chance.
        .router("suppress_envoy_headers: true")
        .router(router)
        .virtual_host("response_headers_to_add: [{header: {key: x-added, value: added}}]\nvirtual_clusters: [{name: vc, headers: [{name: ':path', string_match: {prefix: /}}]}]")
        .routes(
            "
            - name: the-dead
              match: {prefix: /dead}
              route: {cluster: dead}
            - name: silent
              match: {prefix: /silent}
              route: {cluster: silent, timeout: 0.1s}
            - name: closing
              match: {prefix: /closing}
              route: {cluster: closing}
            - name: direct
              match: {prefix: /direct}
              direct_response: {status: 200}
            - name: the-app
              match: {prefix: /}
              route: {cluster: app, prefix_rewrite: /new/}",
        )
        .send(Request::post("/app?a=1", "12345").header("x-a", "a"))
        .get("/dead")
        .get("/silent")
        .get("/closing")
        .get("/direct")
        .get("/again")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        several("about_the_request", REQUEST),
        several("about_the_response", RESPONSE),
        several("about_bytes", BYTES),
        several("about_the_way", WAY),
        several("about_times", TIMES).mask_log(masked),
        served("with_the_usual_format", "
upstream_log:
- name: log
  typed_config: {\"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: \"{{dir}}/access.log\"}").hcm("generate_request_id: false").mask_log(masked),
        filtered("by_status_codes", "{status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: x}}}}"),
        filtered("by_status_code_zero", "{status_code_filter: {comparison: {op: EQ, value: {default_value: 0, runtime_key: x}}}}"),
        filtered("by_flags", "{response_flag_filter: {}}"),
        filtered("by_header", "{header_filter: {header: {name: x-a, string_match: {exact: a}}}}"),
        filtered("by_type", "{log_type_filter: {types: [UpstreamEnd]}}"),
        filtered("by_other_types", "{log_type_filter: {types: [DownstreamEnd]}}"),
        filtered("by_grpc", "{grpc_status_filter: {statuses: [OK]}}"),
        Case::new("a_line_when_there_is_a_connection")
            .backend("app", Answer::from(Reply::status(201).body("12345678")).after(Duration::from_millis(50)))
            .dead("dead")
            .router("upstream_log_options: {flush_upstream_log_on_upstream_stream: true}")
            .router(&everything())
            .routes("- match: {prefix: /dead}\n  route: {cluster: dead}\n- match: {prefix: /}\n  route: {cluster: app}")
            .get("/p")
            .get("/dead"),
        Case::new("times_when_there_is_a_connection")
            .backend("app", Answer::from(Reply::status(201).body("12345678")).after(Duration::from_millis(50)))
            .router("upstream_log_options: {flush_upstream_log_on_upstream_stream: true}")
            .router(&router(TIMES))
            .mask_log(masked)
            .send(Request::post("/p", "12345")),
        Case::new("lines_at_intervals")
            .backend("app", Answer::from(Reply::status(201).body("12345678")).after(Duration::from_millis(500)))
            .dead("dead")
            .router("upstream_log_options: {upstream_log_flush_interval: 0.2s}")
            .router(&everything())
            .routes("- match: {prefix: /dead}\n  route: {cluster: dead}\n- match: {prefix: /}\n  route: {cluster: app}")
            .send(Request::post("/p", "12345"))
            .get("/dead"),
        Case::new("chunks_and_trailers")
            .backend("app", Reply::ok("12345678").chunked().trailer("x-t", "t").trailer("grpc-status", "5").header("content-type", "application/grpc"))
            .hcm("http_protocol_options: {enable_trailers: true}")
            .cluster("app", "http_protocol_options: {enable_trailers: true}")
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES}"))
            .send(Request::post("/p", "12345").header("content-type", "application/grpc")),
        Case::new("a_redirect_that_is_followed")
            .backend("app", Script::in_turn([Reply::status(302).header("location", "http://test/next"), Reply::ok("there")]))
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .routes("- match: {prefix: /}\n  route: {cluster: app, internal_redirect_policy: {}}")
            .get("/"),
        Case::new("an_upgrade")
            .backend("app", Answer::websocket())
            .hcm("upgrade_configs: [{upgrade_type: websocket}]")
            .router(&everything())
            .raw("GET /chat HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello"),
        Case::new("a_broken_answer")
            .backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234").then_close())
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .get("/")
            .stats(&["http.ingress.downstream_rq_tx_reset", "http.ingress.downstream_rq_rx_reset"]),
        Case::new("no_http")
            .backend("app", Answer::raw("SSH\r\n\r\n"))
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .get("/"),
        Case::new("a_client_that_leaves")
            .backend("app", Answer::hang())
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .step(leave),
        Case::new("too_many_requests")
            .backend("app", Reply::ok("x"))
            .cluster("app", "circuit_breakers: {thresholds: [{max_requests: 0}]}")
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .get("/"),
        Case::new("too_many_pending")
            .backend("app", Reply::ok("x"))
            .cluster("app", "circuit_breakers: {thresholds: [{max_pending_requests: 0}]}")
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .get("/"),
        Case::new("no_host")
            .pool("app", &[])
            .router(&everything())
            .log(&format!("down {RESPONSE} {BYTES} {WAY}"))
            .get("/"),
        times(Case::new("times_of_a_client_that_leaves").backend("app", Answer::hang())).step(leave),
        times(Case::new("times_of_a_client_that_leaves_late").backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234"))).step(leave),
        times(Case::new("times_of_a_broken_answer").backend("app", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234").then_close())).get("/"),
        times(Case::new("times_of_no_answer").backend("app", Answer::close())).get("/"),
        times(Case::new("times_of_a_redirect_that_is_followed")
            .backend("app", Script::in_turn([Reply::status(302).header("location", "http://test/next"), Reply::ok("there")]))
            .routes("- match: {prefix: /}\n  route: {cluster: app, internal_redirect_policy: {}}"))
            .get("/"),
        times(Case::new("times_of_a_timeout").backend("app", Answer::hang())
            .routes("- match: {prefix: /}\n  route: {cluster: app, timeout: 0.1s}"))
            .get("/"),
        times(Case::new("times_of_an_upgrade")
            .backend("app", Answer::websocket())
            .hcm("upgrade_configs: [{upgrade_type: websocket}]"))
            .raw("GET /chat HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello"),
    ]
}

fn times(case: Case) -> Case {
    case.router(&router(TIMES)).log(&format!("down {TIMES}")).mask_log(masked)
}

async fn leave(run: &mut Run) {
    let mut stream = tokio::net::TcpStream::connect(run.listener()).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("a request");
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn filtered(name: &'static str, filter: &str) -> Case {
    served(name, &router_with("%REQ(:PATH)%", filter))
}
