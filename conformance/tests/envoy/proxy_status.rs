//! `proxy_status_config`: what went wrong, in a field of the answer (RFC 9209).

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run};

const ROUTES: &str = "
    - match: {prefix: /dead}
      route: {cluster: dead}
    - match: {prefix: /empty}
      route: {cluster: empty}
    - match: {prefix: /missing}
      route: {cluster: missing}
    - match: {prefix: /slow}
      route: {cluster: slow, timeout: 0.3s}
    - match: {prefix: /idle}
      route: {cluster: slow, idle_timeout: 0.3s}
    - match: {prefix: /duration}
      route: {cluster: slow, max_stream_duration: {max_stream_duration: 0.3s}}
    - match: {prefix: /close}
      route: {cluster: close}
    - match: {prefix: /reset}
      route: {cluster: reset}
    - match: {prefix: /junk}
      route: {cluster: junk}
    - match: {prefix: /half}
      route: {cluster: half}
    - match: {prefix: /fails}
      route: {cluster: fails}
    - match: {prefix: /own}
      route: {cluster: own}
    - match: {prefix: /full}
      route: {cluster: full}
    - match: {prefix: /direct}
      direct_response: {status: 503, body: {inline_string: x}}
    - match: {prefix: /moved}
      redirect: {path_redirect: /x}
    - match: {prefix: /app}
      route: {cluster: app}";

fn everything(name: &'static str, config: &str) -> Case {
    Case::new(name)
        .hcm(config)
        .echoes(&["app"])
        .dead("dead")
        .backend("slow", Answer::from(Reply::ok("late")).after(Duration::from_millis(1500)))
        .backend("close", Answer::close())
        .backend("reset", Answer::reset())
        .backend("junk", Answer::raw("junk\r\n\r\n"))
        .backend("half", Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").then_close())
        .backend("fails", Reply::status(503).body("up"))
        .backend("own", Reply::status(502).header("proxy-status", "other; error=x").body("up"))
        .backend("full", Reply::ok("x"))
        .cluster("full", "circuit_breakers: {thresholds: [{max_requests: 0}]}")
        .more_clusters(
            "
            - name: empty
              connect_timeout: 1s
              type: STATIC
              load_assignment: {cluster_name: empty, endpoints: []}",
        )
        .route_config("validate_clusters: false")
        .routes(ROUTES)
        .get("/app")
        .get("/dead")
        .get("/empty")
        .get("/missing")
        .get("/slow")
        .get("/idle")
        .get("/duration")
        .get("/close")
        .get("/reset")
        .get("/junk")
        .get("/half")
        .get("/fails")
        .get("/own")
        .get("/full")
        .get("/direct")
        .get("/moved")
        .get("/none")
        .send(Request::get("/app").without_host())
        .send(Request::get("/app").version("HTTP/1.0"))
        .send(Request::get("/app").header("a b", "c"))
        .send(Request::get("/dead").header("content-type", "application/grpc"))
        .send(Request::get("/app").header("Connection", "Upgrade").header("Upgrade", "websocket"))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        everything("with_everything", "proxy_status_config: {}"),
        everything("with_a_name", "proxy_status_config: {literal_proxy_name: lab.test}"),
        everything("with_the_name_of_the_server", "server_name: me\nproxy_status_config: {}"),
        everything("with_the_recommended_status", "proxy_status_config: {set_recommended_response_code: true}"),
        everything("without_anything", "proxy_status_config: {remove_details: true, remove_connection_termination_details: true, remove_response_flags: true}"),
        Case::new("with_the_id_of_the_node")
            .bootstrap("node: {id: node-7, cluster: c}")
            .hcm("proxy_status_config: {use_node_id: true, remove_details: true}")
            .dead("app")
            .get("/"),
        Case::new("with_the_id_of_the_node_even_if_not")
            .bootstrap("node: {id: node-7, cluster: c}")
            .hcm("proxy_status_config: {use_node_id: false}")
            .dead("app")
            .get("/"),
        Case::new("a_body_that_is_malformed")
            .hcm("proxy_status_config: {}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
                let response = connection.response("POST").await;
                run.note_response("malformed", &response);
            }),
        Case::new("the_client_is_late")
            .hcm("proxy_status_config: {set_recommended_response_code: true}\nstream_idle_timeout: 0.3s\nrequest_timeout: 0.6s")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
                let response = connection.response("POST").await;
                run.note_response("late", &response);
            }),
        Case::new("what_is_counted")
            .hcm("proxy_status_config: {set_recommended_response_code: true}")
            .dead("app")
            .get("/")
            .stats(&[
                "http.ingress.downstream_rq_5xx",
                "cluster.app.upstream_rq_502",
                "cluster.app.upstream_rq_503",
            ]),
        Case::new("without_connection_details")
            .hcm("proxy_status_config: {remove_connection_termination_details: true}")
            .dead("app")
            .get("/"),
        Case::new("without_flags")
            .hcm("proxy_status_config: {remove_response_flags: true}")
            .dead("app")
            .get("/"),
        Case::new("a_local_reply_that_is_mapped")
            .hcm("proxy_status_config: {set_recommended_response_code: true}
local_reply_config: {mappers: [{filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: k}}}}, status_code: 599, body: {inline_string: sorry}}]}")
            .dead("app")
            .get("/"),
    ]
}
