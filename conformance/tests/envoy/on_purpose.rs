//! What Causeway does otherwise on purpose; `docs/differences.md` says why.
//!
//! Differences that show in a case about something else are named there.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Request, Run, Script, Signal, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = messages();
    cases.extend(configurations());
    cases.extend(over_time());
    cases
}

fn messages() -> Vec<Case> {
    vec![
        refused("a_folded_header", "D-01", "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n"),
        refused("two_host_headers", "D-02", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
        refused("a_bare_cr_in_a_header", "D-03", "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r2\r\n\r\n"),
        refused(
            "chunks_in_http_1_0",
            "D-04",
            "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .hcm("http_protocol_options: {accept_http_10: true}"),
        refused(
            "a_chunk_size_of_two_numbers",
            "D-17",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 0\r\na\r\n0\r\n\r\n",
        ),
        Case::new("a_length_beside_chunks")
            .differs("D-13", &["closes"], true)
            .hcm("http_protocol_options: {allow_chunked_length: true}")
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = run.connect().await;
                client
                    .write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                    .await;
                let response = client.response("POST").await.ok();
                run.note("closes", json!(response.map(|response| response.announces_close())));
            }),
        Case::new("dot_segments_with_parameters")
            .differs("D-05", &["1 GET /a/%2e%2e;x=1/b", "body", "target"], "/b")
            .hcm("normalize_path: true")
            .without_log()
            .step(async |run: &mut Run| {
                let label = run.label("GET /a/%2e%2e;x=1/b");
                let response = run.connect().await.exchange(&Request::get("/a/%2e%2e;x=1/b")).await;
                let echo = response.ok().and_then(|r| serde_json::from_slice::<Value>(&r.body).ok());
                run.note(label, json!({"body": {"target": echo.map(|echo| echo["target"].clone())}}));
            }),
    ]
}

/// A request that Envoy passes on and Causeway refuses.
fn refused(name: &'static str, id: &'static str, request: &'static str) -> Case {
    Case::new(name).differs(id, &["status"], 400).without_log().step(async move |run: &mut Run| {
        let mut client = run.connect().await;
        client.write(request).await;
        let response = client.response("GET").await;
        run.note("status", json!(response.map(|response| response.status).ok()));
    })
}

/// A file that Envoy refuses, and Causeway understands.
fn without_type(name: &'static str) -> Case {
    Case::new(name)
        .differs("D-08", &["config"], "accepted")
        .differs("D-08", &["exit"], "exit status: 0")
        .without_log()
        .backend("app", Reply::ok("x"))
}

/// A file that Envoy takes, and Causeway does not.
fn nonsense(name: &'static str, id: &'static str) -> Case {
    Case::new(name)
        .differs(id, &["config"], "refused")
        .differs(id, &["exit"], Value::Null)
        .without_log()
        .backend("app", Reply::ok("x"))
}

/// A load balancing policy as an extension.
fn policy(kind: &str, fields: &str) -> String {
    format!(
        "load_balancing_policy: {{policies: [{{typed_extension_config: {{name: x, typed_config: {{'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.{kind}, {fields}}}}}}}]}}"
    )
}

fn configurations() -> Vec<Case> {
    vec![
        Case::new("a_router_without_its_configuration")
            .differs("D-08", &["config"], "accepted")
            .differs("D-08", &["exit"], "exit status: 0")
            .without_log().file(
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
        without_type("a_listener_filter_without_its_configuration")
            .listener("listener_filters: [{name: envoy.filters.listener.http_inspector}]"),
        without_type("a_transport_socket_without_its_configuration")
            .cluster("app", "transport_socket: {name: envoy.transport_sockets.raw_buffer}"),
        nonsense("a_choice_of_one", "D-347").cluster("app", &policy("least_request.v3.LeastRequest", "choice_count: 1")),
        nonsense("a_ring_of_no_size", "D-347").cluster("app", &policy("ring_hash.v3.RingHash", "minimum_ring_size: 0")),
        nonsense("priorities_that_are_never_thought_over", "D-347").routes(
            "
            - match: {prefix: /}
              route:
                cluster: app
                retry_policy:
                  retry_on: 5xx
                  retry_priority:
                    name: envoy.retry_priorities.previous_priorities
                    typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig}",
        ),
        nonsense("a_path_among_names", "D-348").cluster(
            "app",
            "
            type: STRICT_DNS
            load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: '{{dir}}/x.sock'}}}}]}]}",
        ),
        nonsense("a_port_that_is_none", "D-348").cluster(
            "app",
            "
            health_checks:
            - {timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, alt_port: 65536, tcp_health_check: {}}",
        ),
        Case::new("health_checks_without_names")
            .differs("D-09", &["config"], "accepted")
            .differs("D-09", &["exit"], "exit status: 0")
            .without_log()
            .backend("app", Reply::ok("x"))
            .cluster(
                "app",
                "
                health_checks:
                - {timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}
                - {timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /}}",
            ),
        Case::new("hosts_that_filters_choose")
            .refused("D-66", "the load balancing policy OverrideHost is not implemented")
            .cluster(
                "app",
                "
                load_balancing_policy:
                  policies:
                  - typed_extension_config:
                      name: first
                      typed_config:
                        '@type': type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
                        override_host_sources: [{header: x-host}]
                        fallback_policy:
                          policies:
                          - typed_extension_config:
                              name: then
                              typed_config:
                                '@type': type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
            )
            .backend("app", Reply::ok("x")),
    ]
}

fn over_time() -> Vec<Case> {
    vec![
        Case::new("the_interval_of_checks_holds_without_traffic")
            .differs("D-30", &["is used again within two seconds"], true)
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
        Case::new("a_host_comes_back_within_one_interval")
            .differs("D-34", &["is used again within one interval"], true)
            .cluster(
                "app",
                "health_checks: [{timeout: 1s, interval: 2s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 4, http_health_check: {path: /health}}]",
            )
            .backend("app", Script::always(Reply::status(500)))
            .wait_for("/clusters", "::health_flags::/failed_active_hc")
            .step(async |run: &mut Run| {
                // From now on there is traffic, so that only `interval` counts.
                let _ = run.connect().await.exchange(&Request::get("/")).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                run.backend("app").play(Script::always(Reply::ok("well")));
                let well = eventually(Duration::from_millis(2300), async || {
                    run.page("/clusters").await.contains("health_flags::healthy")
                });
                let well = well.await;
                run.note("is used again within one interval", json!(well));
            }),
        Case::new("a_head_that_never_ends_is_answered")
            .differs("D-35", &["status"], 408)
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = run.connect().await.patience(Duration::from_secs(12));
                client.write("GET / HTTP/1.1\r\nHost: x\r\n").await;
                let response = client.response("GET").await;
                run.note("status", json!(response.map(|response| response.status).ok()));
            }),
        Case::new("sighup_reads_the_file_again")
            .differs("D-12", &["the new route holds"], true)
            .without_log()
            .get("/").step(async |run: &mut Run| {
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
            .differs("D-11", &["status"], 200)
            .backend("app", Answer::from(Reply::ok("late")).after(Duration::from_millis(500)))
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = run.connect().await;
                client.send(&Request::get("/")).await;
                run.backend("app").wait_for_requests(1).await;
                run.proxy().process().signal(Signal::TERM);
                let response = client.response("GET").await;
                run.note("status", json!(response.map(|response| response.status).ok()));
                // A second signal would end it in another way.
                run.proxy().process().wait(Duration::from_secs(5)).await;
            }),
        Case::new("a_log_with_a_filter_in_cel")
            .refused("D-69", "`extension_filter` of AccessLogFilter is not implemented")
            .log(
                r#"
                - name: log
                  filter:
                    extension_filter:
                      name: cel
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter
                        expression: response.code >= 400
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                    path: "{{dir}}/access.log""#,
            )
            .get("/"),
        Case::new("an_operator_in_cel")
            .refused("D-69", "the operator `%CEL(response.code)%` is not implemented")
            .log("%CEL(response.code)%")
            .get("/"),
        Case::new("streams_that_hold_much_memory")
            .refused("D-70", "the overload action `envoy.overload_actions.reset_high_memory_stream` is not implemented")
            .bootstrap(
                r#"
                overload_manager:
                  buffer_factory_config: {minimum_account_to_track_power_of_two: 20}
                  resource_monitors:
                  - name: envoy.resource_monitors.fixed_heap
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
                      max_heap_size_bytes: 100000000000
                  actions:
                  - name: envoy.overload_actions.reset_high_memory_stream
                    triggers:
                    - name: envoy.resource_monitors.fixed_heap
                      scaled: {scaling_threshold: 0.5, saturation_threshold: 0.9}"#,
            )
            .get("/"),
        Case::new("filters_towards_back_ends")
            .refused("D-71", "a filter towards back-ends is not implemented")
            .router(
                r#"
                upstream_http_filters:
                - name: mutate
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                    mutations: {request_mutations: [{append: {header: {key: x-a, value: b}}}]}
                - name: codec
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"#,
            )
            .get("/"),
    ]
}
