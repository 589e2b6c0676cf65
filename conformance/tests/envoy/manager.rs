//! Switches of the connection manager and of the router.

use std::time::{Duration, Instant};

use causeway_conformance::{Answer, Case, Reply, Request, Run};
use serde_json::json;

/// Sees how long a connection lasts behind its first request.
async fn lasts(run: &mut Run, from: u64, to: u64) {
    let start = Instant::now();
    let mut connection = run.connect().await;
    let _ = connection.exchange(&Request::get("/")).await;
    let (_, end) = connection.rest(Duration::from_secs(5)).await;
    let took = start.elapsed();
    run.note("end", json!(end.as_str()));
    run.note("in time", json!(took >= Duration::from_millis(from) && took < Duration::from_millis(to)));
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("path_normalization_options")
            .hcm("path_normalization_options: {forwarding_transformation: {operations: [{normalize_path_rfc_3986: {}}, {merge_slashes: {}}]}, http_filter_transformation: {operations: [{normalize_path_rfc_3986: {}}]}}")
            .get("/a/../b//c"),
        Case::new("xfcc_is_always_forwarded")
            .hcm("forward_client_cert_details: ALWAYS_FORWARD_ONLY")
            .send(Request::get("/").header("x-forwarded-client-cert", "By=a;Hash=b")),
        Case::new("xfcc_is_forwarded_only_over_mutual_tls")
            .hcm("forward_client_cert_details: FORWARD_ONLY")
            .send(Request::get("/").header("x-forwarded-client-cert", "By=a;Hash=b")),
        Case::new("xfcc_is_appended_only_over_mutual_tls")
            .hcm("forward_client_cert_details: APPEND_FORWARD\nset_current_client_cert_details: {subject: true, uri: true}")
            .send(Request::get("/").header("x-forwarded-client-cert", "By=a;Hash=b")),
        Case::new("xfcc_is_set_only_over_mutual_tls")
            .hcm("forward_client_cert_details: SANITIZE_SET\nset_current_client_cert_details: {subject: true, cert: true, chain: true, dns: true}")
            .send(Request::get("/").header("x-forwarded-client-cert", "By=a;Hash=b")),
        Case::new("forward_proto_by_port_https")
            .hcm("forward_proto_config: {https_destination_ports: [{{listen}}], http_destination_ports: [80]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "http")),
        Case::new("forward_proto_by_port_https_at_the_edge")
            .hcm("use_remote_address: true\nforward_proto_config: {https_destination_ports: [{{listen}}], http_destination_ports: [80]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "http")),
        Case::new("forward_proto_by_port_http")
            .hcm("use_remote_address: true\nforward_proto_config: {http_destination_ports: [{{listen}}], https_destination_ports: [443]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "https")),
        Case::new("forward_proto_of_another_port")
            .hcm("use_remote_address: true\nforward_proto_config: {http_destination_ports: [80], https_destination_ports: [443]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "https")),
        Case::new("forward_proto_with_hops")
            .hcm("use_remote_address: true\nxff_num_trusted_hops: 1\nforward_proto_config: {https_destination_ports: [{{listen}}]}")
            .get("/")
            .send(Request::get("/").header("x-forwarded-proto", "http").header("x-forwarded-for", "1.2.3.4")),
        Case::new("forward_proto_and_a_scheme")
            .hcm("use_remote_address: true\nscheme_header_transformation: {scheme_to_overwrite: http}\nforward_proto_config: {https_destination_ports: [{{listen}}]}")
            .get("/"),
        Case::new("early_header_mutation")
            .hcm(r#"
use_remote_address: true
early_header_mutation_extensions:
- name: early
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations:
    - append: {header: {key: x-new, value: "%REQ(x-a)%-%DOWNSTREAM_LOCAL_PORT%"}, append_action: APPEND_IF_EXISTS_OR_ADD}
    - append: {header: {key: x-twice, value: two}, append_action: APPEND_IF_EXISTS_OR_ADD}
    - append: {header: {key: x-over, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
    - append: {header: {key: x-absent, value: new}, append_action: ADD_IF_ABSENT}
    - append: {header: {key: x-forwarded-for, value: "1.2.3.4"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
    - append: {header: {key: x-envoy-retry-on, value: "5xx"}}
    - remove: x-gone
- name: early2
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations:
    - append: {header: {key: x-second, value: "%REQ(x-new)%"}}
    - append: {header: {key: x-route, value: "yes"}}"#)
            .mask_log(|line| line.to_owned())
            .routes("
                - match: {prefix: /, headers: [{name: x-route, string_match: {exact: 'yes'}}]}
                  route: {cluster: app}")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&Request::get("/").header("x-a", "1").header("x-over", "old").header("x-twice", "one").header("x-gone", "x").header("x-absent", "there").header("x-forwarded-for", "9.9.9.9")).await;
                run.note("status", json!(response.as_ref().map(|r| r.status).ok()));
                let asked = run.backend("app").received();
                for name in ["x-over", "x-gone", "x-absent", "x-envoy-retry-on", "x-route", "x-envoy-external-address"] {
                    run.note(name, json!(asked.first().and_then(|r| r.headers.get(name).map(str::to_owned))));
                }
                let all: Vec<String> = asked.first().map(|r| r.headers.all("x-twice").map(str::to_owned).collect()).unwrap_or_default();
                run.note("x-twice", json!(all));
                let xff = asked.first().and_then(|r| r.headers.get("x-forwarded-for").map(|v| v.split(',').next().unwrap_or("").to_owned()));
                run.note("xff", json!(xff));
                let new = asked.first().and_then(|r| r.headers.get("x-new").map(str::to_owned));
                let second = asked.first().and_then(|r| r.headers.get("x-second").map(str::to_owned));
                run.note("second is new", json!(new == second));
                run.note("new begins", json!(new.map(|n| n.starts_with("1-"))));
            }),
        Case::new("early_header_mutation_of_the_path")
            .hcm(r#"
normalize_path: true
early_header_mutation_extensions:
- name: early
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations:
    - append: {header: {key: ":path", value: "/new/../%REQ(:path)%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
    - append: {header: {key: ":authority", value: "other.test"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}"#),
        Case::new("a_connection_grows_old")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.4s}\ndrain_timeout: 0.3s")
            .step(async |run: &mut Run| lasts(run, 1650, 2400).await)
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http.ingress.downstream_cx_http1_soft_drain"]),
        Case::new("a_connection_grows_old_safely")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.3s}\nhttp1_safe_max_connection_duration: true\ndrain_timeout: 0.2s")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let first = connection.exchange(&Request::get("/1")).await;
                run.note_response("first", &first);
                causeway_conformance::eventually(Duration::from_millis(900), async || false).await;
                let soft = run.stats().await.get("http.ingress.downstream_cx_http1_soft_drain").copied();
                run.note("soft drain", json!(soft));
                let second = connection.exchange(&Request::get("/2")).await;
                run.note_response("second", &second);
            })
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http.ingress.downstream_cx_http1_soft_drain"]),
        Case::new("a_connection_grows_old_safely_and_idle")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.3s, idle_timeout: 1s}\nhttp1_safe_max_connection_duration: true\ndrain_timeout: 0.2s")
            .step(async |run: &mut Run| lasts(run, 900, 3000).await)
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http.ingress.downstream_cx_idle_timeout", "http.ingress.downstream_cx_http1_soft_drain"]),
        Case::new("a_connection_grows_old_during_a_request")
            .differs("D-10", &["response", "end"], "fin")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.4s}\ndrain_timeout: 5s")
            .backend("app", Answer::from(Reply::ok("late")).after(Duration::from_millis(900)))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&Request::get("/")).await;
                run.note_response("response", &response);
            })
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http.ingress.downstream_cx_http1_soft_drain"]),
        Case::new("a_connection_grows_old_during_a_long_request")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.3s}\ndrain_timeout: 0.3s")
            .backend("app", Answer::from(Reply::ok("late")).after(Duration::from_millis(1500)))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                let response = connection.exchange(&Request::get("/")).await;
                run.note_response("response", &response);
            })
            .stats(&["http.ingress.downstream_cx_max_duration_reached", "http.ingress.downstream_cx_drain_close"]),
        Case::new("old_age_has_a_jitter")
            .hcm("common_http_protocol_options: {max_connection_duration: 0.3s, max_connection_duration_jitter: {value: 50}}\ndrain_timeout: 0.1s\ndrain_timeout_jitter: {value: 50}")
            .step(async |run: &mut Run| lasts(run, 1350, 2200).await),
        Case::new("an_upgrade_that_is_passed_over")
            .hcm("upgrade_configs: [{upgrade_type: websocket}]\nhttp_protocol_options: {ignore_http_11_upgrade: [{prefix: TLS/}, {exact: foo}]}")
            .send(Request::get("/").header("Connection", "Upgrade, x-a").header("x-a", "1").header("Upgrade", "TLS/1.2"))
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "foo"))
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "FOO"))
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "foo, TLS/1.0"))
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "foo, bar")),
        Case::new("a_whole_url_to_the_back_end")
            .echoes(&["app"])
            .cluster("app", r#"
                typed_extension_protocol_options:
                  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                    explicit_http_config: {http_protocol_options: {send_fully_qualified_url: true}}"#)
            .get("/a?b=c")
            .send(Request::get("/x").header("x-forwarded-proto", "https")),
        Case::new("filters_of_an_upgrade")
            .hcm(r#"
upgrade_configs:
- upgrade_type: websocket
  filters:
  - name: mutate
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
      mutations: {request_mutations: [{append: {header: {key: x-upgrade, value: "1"}}}], response_mutations: [{append: {header: {key: x-upgrade-back, value: "1"}}}]}
  - name: envoy.filters.http.router
    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}"#)
            .filters(r#"
- name: mutate-plain
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
    mutations: {request_mutations: [{append: {header: {key: x-plain, value: "1"}}}]}"#)
            .get("/")
            .send(Request::get("/").header("Connection", "Upgrade").header("Upgrade", "websocket")),
        Case::new("x_envoy_headers_are_checked")
            .hcm(r#"
http_filters:
- name: router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
    strict_check_headers: [x-envoy-upstream-rq-timeout-ms, x-envoy-upstream-rq-per-try-timeout-ms, x-envoy-max-retries, x-envoy-retry-on, x-envoy-retry-grpc-on]
use_remote_address: true
internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"#)
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "junk"))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "1000"))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", ""))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "-1"))
            .send(Request::get("/").header("x-envoy-upstream-rq-per-try-timeout-ms", "1.5"))
            .send(Request::get("/").header("x-envoy-max-retries", "1x"))
            .send(Request::get("/").header("x-envoy-retry-on", "5xx,nonsense"))
            .send(Request::get("/").header("x-envoy-retry-on", "5xx"))
            .send(Request::get("/").header("x-envoy-retry-on", "5xx, connect-failure"))
            .send(Request::get("/").header("x-envoy-retry-grpc-on", "cancelled,nonsense"))
            .send(Request::get("/").header("x-envoy-retry-grpc-on", "cancelled"))
            .send(Request::post("/", "abc").header("x-envoy-max-retries", "no"))
            .asked("app")
            .stats(&["http.ingress.rq_total", "http.ingress.downstream_rq_4xx", "cluster.app.upstream_rq_400", "cluster.app.upstream_rq_completed"]),
        Case::new("the_expected_timeout_is_respected")
            .hcm(r#"
http_filters:
- name: router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
    respect_expected_rq_timeout: true
use_remote_address: true
internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"#)
            .send(Request::get("/").header("x-envoy-expected-rq-timeout-ms", "700"))
            .send(Request::get("/").header("x-envoy-expected-rq-timeout-ms", "700").header("x-envoy-upstream-rq-timeout-ms", "800"))
            .send(Request::get("/").header("x-envoy-upstream-rq-timeout-ms", "800"))
            .send(Request::get("/").header("x-envoy-expected-rq-timeout-ms", "junk"))
            .send(Request::get("/").header("x-envoy-expected-rq-timeout-ms", "0"))
            .get("/"),
        Case::new("grpc_failures_are_not_5xx")
            .hcm(r#"
http_filters:
- name: router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
    suppress_grpc_request_failure_code_stats: true"#)
            .backend("app", Reply::ok("x").header("grpc-status", "14").header("content-type", "application/grpc"))
            .dead("dead")
            .routes("
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /}
                  route: {cluster: app}")
            .send(Request::post("/", "x").header("content-type", "application/grpc"))
            .send(Request::post("/dead", "x").header("content-type", "application/grpc"))
            .get("/dead")
            .stats(&["cluster.app.upstream_rq_200", "cluster.app.upstream_rq_503","cluster.app.upstream_rq_5xx","cluster.app.upstream_rq_completed", "cluster.dead.upstream_rq_503", "cluster.dead.upstream_rq_200", "cluster.dead.upstream_rq_completed"]),
        Case::new("grpc_failures_are_5xx")
            .backend("app", Reply::ok("x").header("grpc-status", "14").header("content-type", "application/grpc"))
            .dead("dead")
            .routes("
                - match: {prefix: /dead}
                  route: {cluster: dead}
                - match: {prefix: /}
                  route: {cluster: app}")
            .send(Request::post("/", "x").header("content-type", "application/grpc"))
            .send(Request::post("/dead", "x").header("content-type", "application/grpc"))
            .get("/dead")
            .stats(&["cluster.app.upstream_rq_200", "cluster.app.upstream_rq_503","cluster.app.upstream_rq_5xx","cluster.app.upstream_rq_completed", "cluster.dead.upstream_rq_503", "cluster.dead.upstream_rq_200", "cluster.dead.upstream_rq_completed"]),
    ]
}
