//! What Causeway does otherwise on purpose; `docs/differences.md` says why.
//!
//! Differences that show in a case about something else are named there.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script, Signal, eventually};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = messages();
    cases.extend(configurations());
    cases.extend(over_time());
    cases
}

fn messages() -> Vec<Case> {
    vec![
        Case::new("a_folded_header")
            .without_log()
            .raw("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\nConnection: close\r\n\r\n"),
        Case::new("two_host_headers")
            .without_log()
            .raw("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n"),
        Case::new("a_bare_cr_in_a_header")
            .without_log()
            .raw("GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r2\r\nConnection: close\r\n\r\n"),
        Case::new("chunks_in_http_1_0")
            .hcm("http_protocol_options: {accept_http_10: true}")
            .without_log()
            .raw("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case::new("chunk_data_ends_with_something_else")
            .without_log()
            .raw("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n"),
        Case::new("an_http_2_preface_where_http_1_is_spoken")
            .hcm("codec_type: HTTP1")
            .without_log()
            .raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Case::new("dot_segments_with_parameters")
            .hcm("normalize_path: true")
            .send(Request::get("/a/%2e%2e;x=1/b")),
    ]
}

fn configurations() -> Vec<Case> {
    vec![
        Case::new("a_router_without_its_configuration").without_log().file(
            "
admin: {address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: {{listen}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          route_config:
            virtual_hosts:
            - {name: a, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 204}}]}
          http_filters: [{name: envoy.filters.http.router}]
",
        ),
        Case::new("least_request")
            .refused("D-66", "the load balancing policy LEAST_REQUEST is not implemented").cluster("app", "lb_policy: LEAST_REQUEST"),
    ]
}

fn over_time() -> Vec<Case> {
    vec![
        Case::new("the_interval_of_checks_holds_without_traffic")
            .cluster(
                "app",
                "health_checks: [{timeout: 1s, interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health}}]",
            )
            .backend("app", Script::always(Reply::status(500)))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .step(async |run: &mut Run| {
                run.backend("app").play(Script::always(Reply::ok("well")));
                tokio::time::sleep(Duration::from_secs(2)).await;
                let page = run.page("/clusters").await;
                run.note("is used again within two seconds", json!(page.contains("health_flags::healthy")));
            }),
        Case::new("sighup_reads_the_file_again").get("/").step(async |run: &mut Run| {
            let text = run.proxy().config().replace("prefix: /", "prefix: /new");
            run.proxy().replace_config(&text);
            run.proxy().process().signal(Signal::HUP);
            let answer = eventually(Duration::from_secs(3), async || {
                let response = run.connect().await.exchange(&Request::get("/")).await;
                response.is_ok_and(|response| response.status == 404)
            });
            let follows = answer.await;
            run.note("the new route holds", json!(follows));
        }),
        Case::new("sigterm_lets_requests_end")
            .backend("app", Answer::from(Reply::ok("late")).after(Duration::from_millis(500)))
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = run.connect().await;
                client.send(&Request::get("/")).await;
                run.backend("app").wait_for_requests(1).await;
                run.proxy().process().signal(Signal::TERM);
                let response = client.response("GET").await;
                run.note("status", json!(response.map(|response| response.status).ok()));
            }),
    ]
}
