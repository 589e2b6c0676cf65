//! What is done when there is not enough of something: the overload manager, limits of connections, and places at
//! which work is refused.

use std::time::Duration;

use causeway_conformance::frames::{Frame, Frames};
use causeway_conformance::{Case, Connection, Request, Run};
use serde_json::json;

/// A heap of which everything is used, whatever happens.
const FULL: &str = "
  - name: envoy.resource_monitors.fixed_heap
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
      max_heap_size_bytes: 1000";

const REDUCE: &str = "type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = actions();
    cases.extend(limits());
    cases.extend(places());
    cases.extend(files());
    cases
}

/// An action that a full heap triggers.
fn action(name: &str, more: &str) -> String {
    format!(
        "overload_manager:
  refresh_interval: 0.1s
  resource_monitors:{FULL}
  actions:
  - name: envoy.overload_actions.{name}
    triggers: [{{name: envoy.resource_monitors.fixed_heap, threshold: {{value: 0.95}}}}]
    {more}"
    )
}

fn overloaded(case: &'static str, name: &str, more: &str) -> Case {
    Case::new(case).bootstrap(&action(name, more)).wait_for("/stats?filter=overload_actions", ".active: 1")
}

fn actions() -> Vec<Case> {
    vec![
        overloaded("requests_are_not_accepted", "stop_accepting_requests", "")
            .on_one_connection([Request::get("/a"), Request::post("/b", "body")])
            .send(Request::get("/grpc").header("content-type", "application/grpc"))
            .stats(&[
                "overload.envoy.overload_actions.stop_accepting_requests.active",
                "overload.envoy.overload_actions.stop_accepting_requests.scale_percent",
                "overload.envoy.resource_monitors.fixed_heap.failed_updates",
                "overload.envoy.resource_monitors.fixed_heap.skipped_updates",
                "http.ingress.downstream_rq_overload_close",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.rq_total",
                "http.ingress.downstream_cx_protocol_error",
            ]),
        overloaded("an_answer_may_say_so", "stop_accepting_requests", "")
            .hcm("append_local_overload: true")
            .get("/a")
            .send(Request::get("/grpc").header("content-type", "application/grpc")),
        overloaded("an_answer_says_so_without_headers_of_envoy_too", "stop_accepting_requests", "")
            .hcm("append_local_overload: true")
            .router("suppress_envoy_headers: true")
            .get("/a"),
        Case::new("idle_connections_of_http_1_stay")
            .bootstrap(&action("close_idle_http_connections", ""))
            .pause(Duration::from_millis(300))
            .on_one_connection([Request::get("/a"), Request::get("/b")])
            .stats(&["http.ingress.downstream_cx_idle_timeout"]),
        overloaded("connections_end_behind_their_response", "disable_http_keepalive", "")
            .differs("D-10", &["2 GET /a", "end"], "fin").get("/a").stats(&[
            "http.ingress.downstream_cx_overload_disable_keepalive",
            "http.ingress.downstream_cx_drain_close",
        ]),
        overloaded("connections_are_closed_at_once", "reject_incoming_connections", "")
            .step(async |run: &mut Run| ends(run, "a connection").await)
            .stats(&["listener.127.0.0.1_{{listen}}.downstream_cx_overload_reject"]),
        overloaded("connections_are_not_taken", "stop_accepting_connections", "").step(async |run: &mut Run| {
            let mut connection = run.connect().await.patience(Duration::from_millis(500));
            connection.send(&Request::get("/")).await;
            let response = connection.response("GET").await;
            run.note("a connection", json!(response.map_or_else(|none| none.end.as_str().to_owned(), |r| r.status.to_string())));
        }),
        overloaded("memory_is_given_back", "shrink_heap", "")
            .get("/")
            .stats(&["overload.envoy.overload_actions.shrink_heap.active"]),
        overloaded(
            "an_idle_connection_is_closed_sooner",
            "reduce_timeouts",
            &format!(
                "typed_config: {{'@type': {REDUCE}, timer_scale_factors: [{{timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_timeout: 0.3s}}]}}"
            ),
        )
        .hcm("drain_timeout: 0.1s")
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            let _ = connection.exchange(&Request::get("/")).await;
            let end = connection.end(Duration::from_secs(6)).await;
            run.note("an idle connection", json!(end.as_str()));
        })
        .stats(&["http.ingress.downstream_cx_idle_timeout"]),
        overloaded(
            "a_stream_is_cut_sooner",
            "reduce_timeouts",
            &format!(
                "typed_config: {{'@type': {REDUCE}, timer_scale_factors: [{{timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: {{value: 10}}}}]}}"
            ),
        )
        .hcm("stream_idle_timeout: 4s")
        .step(async |run: &mut Run| {
            let mut connection = run.connect().await.patience(Duration::from_secs(2));
            connection.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
            let response = connection.response("POST").await;
            run.note_response("half a body", &response);
        }),
        Case::new("a_listener_that_overload_does_not_concern")
            .bootstrap(&action("stop_accepting_requests", ""))
            .listener("bypass_overload_manager: true")
            .wait_for("/stats?filter=overload_actions", ".active: 1")
            .get("/"),
    ]
}

/// How a connection ends that asks for something.
async fn ends(run: &mut Run, label: &str) {
    let mut connection = run.connect().await.patience(Duration::from_secs(2));
    connection.send(&Request::get("/")).await;
    let response = connection.response("GET").await;
    let seen = match response {
        Ok(response) => json!(response.status),
        // Whether the request was read before the end is chance.
        Err(none) => json!(if none.end.as_str() == "open" { "open" } else { "closed" }),
    };
    run.note(label, seen);
}

/// Two connections that stay, and a third.
async fn three(run: &mut Run) {
    let mut held: Vec<Connection> = Vec::new();
    for _ in 0..2 {
        let mut connection = run.connect().await;
        let response = connection.exchange(&Request::get("/")).await;
        run.note(format!("connection {}", held.len() + 1), json!(response.map(|r| r.status).ok()));
        held.push(connection);
    }
    ends(run, "connection 3").await;
    let stats = run.stats().await;
    for (name, value) in stats {
        if name.ends_with("global_cx_overflow") && !name.contains("admin") {
            run.note("global overflow", json!(value));
        }
    }
    drop(held.remove(0));
    tokio::time::sleep(Duration::from_millis(300)).await;
    ends(run, "connection 4, after the first has left").await;
}

const MONITOR: &str = "overload_manager:
  refresh_interval: 0.1s
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      '@type': type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: 2";

fn limits() -> Vec<Case> {
    vec![
        Case::new("connections_of_the_process").bootstrap(MONITOR).sort_log().step(async |run: &mut Run| three(run).await),
        Case::new("connections_of_the_process_by_runtime")
            .differs("D-29", &["global overflow"], 1)
            .bootstrap("layered_runtime: {layers: [{name: a, static_layer: {overload: {global_downstream_max_connections: 2}}}]}")
            .sort_log()
            .step(async |run: &mut Run| three(run).await),
        Case::new("a_listener_that_is_not_limited")
            .bootstrap(MONITOR)
            .listener("ignore_global_conn_limit: true")
            .sort_log()
            .step(async |run: &mut Run| three(run).await),
    ]
}

/// A place that a full heap closes.
fn place(case: &'static str, name: &str) -> Case {
    Case::new(case)
        .bootstrap(&format!(
            "overload_manager:
  refresh_interval: 0.1s
  resource_monitors:{FULL}
  loadshed_points:
  - name: envoy.load_shed_points.{name}
    triggers: [{{name: envoy.resource_monitors.fixed_heap, threshold: {{value: 0.9}}}}]"
        ))
        .wait_for("/stats?filter=load_shed", "scale_percent: 100")
}

fn places() -> Vec<Case> {
    vec![
        place("a_place_accept", "tcp_listener_accept")
            .step(async |run: &mut Run| ends(run, "a connection").await)
            .stats(&[
                "overload.envoy.load_shed_points.tcp_listener_accept.shed_load_count",
                "listener.127.0.0.1_{{listen}}.downstream_cx_overload_reject",
            ]),
        place("a_place_decode_headers", "http_connection_manager_decode_headers").get("/a").stats(&[
            "overload.envoy.load_shed_points.http_connection_manager_decode_headers.shed_load_count",
            "http.ingress.downstream_rq_overload_close",
            "http.ingress.downstream_rq_5xx",
        ]),
        place("a_place_filters", "http_downstream_filter_check")
            .hcm("append_local_overload: true")
            .filters(
                r#"
                - name: cors
                  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}"#,
            )
            .get("/a")
            .send(Request::post("/b", "body"))
            .stats(&[
                "overload.envoy.load_shed_points.http_downstream_filter_check.shed_load_count",
                "http.ingress.rq_overload_local_reply",
                "http.ingress.downstream_rq_overload_close",
                "http.ingress.downstream_rq_5xx",
                "http.ingress.rq_total",
            ]),
        place("a_place_filters_before_a_direct_response", "http_downstream_filter_check")
            .routes("- match: {prefix: /}\n  direct_response: {status: 200}")
            .get("/a")
            .stats(&["http.ingress.rq_direct_response", "http.ingress.rq_total"]),
        place("a_place_filters_where_there_is_no_route", "http_downstream_filter_check")
            .routes("- match: {prefix: /other}\n  direct_response: {status: 200}")
            .get("/a")
            .stats(&["http.ingress.no_route", "http.ingress.rq_total"]),
        place("a_place_dispatch", "http1_server_abort_dispatch").get("/a").stats(&[
            "overload.envoy.load_shed_points.http1_server_abort_dispatch.shed_load_count",
            "http.ingress.downstream_rq_overload_close",
            "http.ingress.downstream_cx_protocol_error",
            "http.ingress.downstream_rq_5xx",
        ]),
        place("a_place_of_http2", "http2_server_go_away_on_dispatch")
            .hcm("drain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("at once", [Frame::get(1, "/"), Frame::get(3, "/"), Frame::ping()])
            .step(async |run: &mut Run| {
                let mut client = Frames::open(run.listener()).await.expect("a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                client.send(&[Frame::get(1, "/")]).await;
                let served = client.head(1).await.is_some();
                client.send(&[Frame::get(3, "/"), Frame::ping()]).await;
                run.note("one after the other", json!([served, client.head(3).await.is_some()]));
            })
            .get("/http1")
            // How often it is counted depends on how the bytes come.
            .stats(&[
                "http.ingress.downstream_rq_overload_close",
                "http.ingress.downstream_cx_protocol_error",
                "http.ingress.downstream_rq_total",
                "http2.goaway_sent",
            ]),
        place("a_place_of_http2_that_closes", "http2_server_go_away_and_close_on_dispatch")
            .hcm("drain_timeout: 0.2s\ndelayed_close_timeout: 0.1s")
            .frames("at once", [Frame::get(1, "/"), Frame::ping()])
            .get("/http1")
            .stats(&[
                "overload.envoy.load_shed_points.http2_server_go_away_and_close_on_dispatch.shed_load_count",
                "http.ingress.downstream_rq_overload_close",
                "http.ingress.downstream_cx_protocol_error",
                "http.ingress.downstream_rq_total",
                "http2.goaway_sent",
            ]),
        place("a_place_codec", "hcm_ondata_creating_codec")
            .step(async |run: &mut Run| ends(run, "a connection").await)
            .stats(&[
                "overload.envoy.load_shed_points.hcm_ondata_creating_codec.shed_load_count",
                "http.ingress.downstream_rq_overload_close",
                "http.ingress.downstream_rq_total",
                "http.ingress.downstream_cx_destroy_local",
            ]),
        place("a_place_pool", "connection_pool_new_connection").get("/a").stats(&[
            "overload.envoy.load_shed_points.connection_pool_new_connection.shed_load_count",
            "cluster.app.upstream_rq_pending_overflow",
            "cluster.app.upstream_cx_overflow",
            "cluster.app.upstream_rq_503",
            "cluster.app.upstream_rq_pending_total",
            "cluster.app.upstream_rq_total",
        ]),
    ]
}

/// What Envoy says to files that make no sense.
fn files() -> Vec<Case> {
    let trigger = |monitor: &str, curve: &str| {
        format!(
            "overload_manager:
  resource_monitors:{FULL}
  actions: [{{name: envoy.overload_actions.stop_accepting_requests, triggers: [{{name: {monitor}, {curve}}}]}}]"
        )
    };
    let fixed = "envoy.resource_monitors.fixed_heap";
    vec![
        Case::new("a_trigger_of_nothing").without_log().bootstrap(&trigger("none", "threshold: {value: 0.9}")),
        Case::new("a_trigger_of_connections").without_log().bootstrap(&format!(
            "{MONITOR}\n  actions: [{{name: envoy.overload_actions.stop_accepting_requests, triggers: [{{name: envoy.resource_monitors.global_downstream_max_connections, threshold: {{value: 0.9}}}}]}}]"
        )),
        Case::new("a_scale_the_wrong_way")
            .without_log()
            .bootstrap(&trigger(fixed, "scaled: {scaling_threshold: 0.9, saturation_threshold: 0.8}")),
        Case::new("a_scale_of_nothing")
            .without_log()
            .bootstrap(&trigger(fixed, "scaled: {scaling_threshold: 0.9, saturation_threshold: 0.9}")),
        Case::new("an_action_that_is_none").without_log().bootstrap(&action("make_coffee", "")),
        Case::new("timeouts_without_a_configuration").without_log().bootstrap(&action("reduce_timeouts", "")),
        Case::new("an_action_with_a_configuration_it_has_not").without_log().bootstrap(&action(
            "stop_accepting_requests",
            &format!("typed_config: {{'@type': {REDUCE}, timer_scale_factors: [{{timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: {{value: 10}}}}]}}"),
        )),
        Case::new("a_place_that_is_none").without_log().bootstrap(&format!(
            "overload_manager:\n  resource_monitors:{FULL}\n  loadshed_points: [{{name: nowhere, triggers: [{{name: {fixed}, threshold: {{value: 0.9}}}}]}}]"
        )),
        Case::new("two_monitors_of_one_name")
            .without_log()
            .bootstrap(&format!("overload_manager:\n  resource_monitors:{FULL}{FULL}")),
    ]
}
