//! Which connections are used again, and when they are closed.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("one_connection_carries_many_requests")
            .on_one_connection((0..5).map(|i| Request::post(&format!("/{i}"), "body")))
            .asked("app")
            .connected("app")
            .stats(&["http.ingress.downstream_cx_total", "http.ingress.downstream_rq_total", "cluster.app.upstream_cx_total"]),
        Case::new("the_client_asks_to_close")
            .send(Request::get("/").header("Connection", "close"))
            .send(Request::get("/").header("Connection", "Keep-Alive, Close"))
            .get("/")
            .asked("app")
            .connected("app"),
        Case::new("the_upstream_connection_outlives_the_client")
            .get("/1")
            .get("/2")
            .get("/3")
            .asked("app")
            .connected("app"),
        Case::new("the_upstream_asks_to_close")
            .backend("app", Reply::ok("x").header("connection", "close"))
            .on_one_connection([Request::get("/1"), Request::get("/2")])
            .asked("app")
            .connected("app")
            .stats(&["cluster.app.upstream_cx_close_notify", "cluster.app.upstream_cx_total"]),
        Case::new("requests_in_a_pipeline_are_answered_in_order")
            .raw("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Case::new("a_limit_of_requests_on_a_connection_of_a_client")
            .hcm("common_http_protocol_options: {max_requests_per_connection: 2}")
            .on_one_connection([Request::get("/1"), Request::get("/2")])
            .stats(&["http.ingress.downstream_cx_max_requests_reached"]),
        Case::new("a_limit_of_requests_on_a_connection_to_the_upstream")
            .cluster(
                "app",
                r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    common_http_protocol_options: {max_requests_per_connection: 2}
                    explicit_http_config: {http_protocol_options: {}}"#,
            )
            .backend("app", Script::echo())
            .on_one_connection((0..4).map(|i| Request::get(&format!("/{i}"))))
            .asked("app")
            .connected("app")
            .stats(&["cluster.app.upstream_cx_max_requests"]),
        Case::new("idle_connections_of_clients_are_closed")
            .hcm("common_http_protocol_options: {idle_timeout: 0.4s}\ndrain_timeout: 0.3s")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&Request::get("/")).await;
                run.note_response("first", &response);
                let end = connection.end(Duration::from_secs(3)).await;
                run.note("then", json!(end.as_str()));
                let mut fresh = run.connect().await;
                let end = fresh.end(Duration::from_secs(3)).await;
                run.note("without a request", json!(end.as_str()));
            })
            .stats(&["http.ingress.downstream_cx_idle_timeout"]),
        Case::new("idle_connections_to_the_upstream_are_closed")
            .cluster(
                "app",
                r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    common_http_protocol_options: {idle_timeout: 0.2s}
                    explicit_http_config: {http_protocol_options: {}}"#,
            )
            .backend("app", Script::echo())
            .get("/1")
            .pause(Duration::from_millis(600))
            .step(async |run: &mut Run| {
                let open = run.backend("app").open_connections();
                run.note("open after a while", json!(open));
            })
            // The second connection stays out of it: it may idle out too before anybody looks.
            .stats(&["cluster.app.upstream_cx_idle_timeout"])
            .get("/2")
            .asked("app")
            .connected("app"),
        Case::new("a_connection_that_the_upstream_has_closed_is_not_used")
            .backend("app", Answer::from(Reply::ok("x")).then_close())
            .get("/1")
            .pause(Duration::from_millis(100))
            .get("/2")
            .pause(Duration::from_millis(100))
            .get("/3")
            .asked("app")
            .connected("app"),
        Case::new("connections_do_not_live_forever")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.4s}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let end = connection.end(Duration::from_secs(3)).await;
                run.note("an idle connection", json!(end.as_str()));
            })
            .stats(&["http.ingress.downstream_cx_max_duration_reached"]),
    ]
}
