//! Filters in front of others, and filters that serve by themselves.

use std::time::Duration;

use causeway_conformance::{Case, End, Request, Run, Script};
use causeway_testkit::Pki;
use serde_json::json;

use super::{COUNTERS, app, echo, gate, greets, left, note_gone, note_rest, note_talk, site};

pub(super) fn gates() -> Vec<Case> {
    let gated = |name, gate: &str| {
        Case::new(name).file(&site(gate, "cluster: app", &app("", &["one"]))).endpoint("one", greets(echo()))
    };
    vec![
        gated(
            "so_many_connections_and_no_more",
            &gate("connection_limit.v3.ConnectionLimit", "stat_prefix: few\nmax_connections: 1"),
        )
        .step(async |run: &mut Run| {
            let mut first = run.connect().await;
            first.read(5).await;
            note_talk(run, "second", "").await;
            drop(first);
            left(run).await;
            note_talk(run, "third", "").await;
            note_gone(run).await;
        })
        .stats(&["connection_limit.few.limited_connections", "connection_limit.few.active_connections"])
        .stats(COUNTERS),
        gated(
            "one_connection_too_many_waits_for_its_end",
            &gate("connection_limit.v3.ConnectionLimit", "stat_prefix: few\nmax_connections: 1\ndelay: 0.5s"),
        )
        .step(async |run: &mut Run| {
            let mut first = run.connect().await;
            first.read(5).await;
            let mut second = run.connect().await;
            let early = second.end(Duration::from_millis(250)).await;
            run.note("in the beginning", json!(early.as_str()));
            let late = second.end(Duration::from_secs(2)).await;
            run.note("later", json!(late.as_str()));
        }),
        gated(
            "a_connection_takes_a_token",
            &gate(
                "local_ratelimit.v3.LocalRateLimit",
                "stat_prefix: slow\ntoken_bucket: {max_tokens: 2, tokens_per_fill: 2, fill_interval: 60s}",
            ),
        )
        .step(async |run: &mut Run| {
            for turn in 1..=3 {
                note_talk(run, &format!("turn {turn}"), "").await;
            }
            note_gone(run).await;
        })
        .stats(&["local_rate_limit.slow.rate_limited"])
        .stats(COUNTERS),
        gated(
            "a_limit_may_be_switched_off",
            &gate(
                "local_ratelimit.v3.LocalRateLimit",
                "stat_prefix: slow\ntoken_bucket: {max_tokens: 1, fill_interval: 60s}\nruntime_enabled: {default_value: false, runtime_key: limit}",
            ),
        )
        .step(async |run: &mut Run| {
            for turn in 1..=2 {
                note_talk(run, &format!("turn {turn}"), "").await;
            }
        })
        .stats(&["local_rate_limit.slow.rate_limited"]),
        Case::new("limits_stand_in_front_of_http_too")
            .file(&http_behind(&gate("connection_limit.v3.ConnectionLimit", "stat_prefix: few\nmax_connections: 1")))
            .endpoint("one", Script::echo())
            .step(async |run: &mut Run| {
                let mut first = run.connect().await;
                let answer = first.exchange(&Request::get("/")).await;
                run.note("first", json!(answer.map(|answer| answer.status).ok()));
                note_talk(run, "second", "").await;
            })
            .stats(&[
                "connection_limit.few.limited_connections",
                "http.in.downstream_cx_total",
                "http.in.downstream_cx_destroy",
                "http.in.downstream_cx_destroy_local",
                "http.in.downstream_rq_total",
            ]),
        behind_tls("a_client_that_does_not_speak_tls")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write("this is no TLS at all, and long enough to be seen as such").await;
                let (_, end) = connection.rest(Duration::from_secs(2)).await;
                run.note("ends", json!(end != End::Open));
            })
            .stats(&["tcp.in.downstream_cx_total", "cluster.app.upstream_cx_total"])
            .differs("D-122", &["1 stats", "cluster.app.upstream_cx_total"], 0),
        ends_with("echo_sends_back", &gate("echo.v3.Echo", "")).step(async |run: &mut Run| {
            let mut connection = run.connect().await;
            connection.write("one").await;
            let echo = connection.read(3).await;
            run.note_bytes("echo", &echo);
            let large = vec![b'e'; 300_000];
            connection.write(&large).await;
            let echo = connection.read(large.len()).await;
            run.note("large echo", json!(echo == large));
            connection.finish().await;
            note_rest(run, "rest", &mut connection).await;
        }),
        ends_with(
            "a_direct_response_says_one_thing",
            &gate("direct_response.v3.Config", "response: {inline_string: \"closed today\"}"),
        )
        .step(async |run: &mut Run| {
            note_talk(run, "said", "").await;
        }),
        ends_with("a_chain_without_filters_closes", "").step(async |run: &mut Run| {
            note_talk(run, "said", "").await;
        }),
    ]
}

/// A chain that ends with this filter.
fn ends_with(name: &'static str, filter: &str) -> Case {
    let filters: String = filter.lines().map(|line| format!("      {line}\n")).collect();
    let filters = if filters.is_empty() {
        "    - filters: []\n".to_owned()
    } else {
        format!("    - filters:\n{filters}")
    };
    let file = format!(
        r#"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}
    filter_chains:
{filters}    access_log:
    - name: file
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
        path: {{{{dir}}}}/access.log
        log_format: {{text_format_source: {{inline_string: "rx=%BYTES_RECEIVED% tx=%BYTES_SENT% closed=%DOWNSTREAM_LOCAL_CLOSE_REASON% seen=%DOWNSTREAM_DETECTED_CLOSE_TYPE%\n"}}}}
"#
    );
    Case::new(name).file(&file).stats(&[
        "listener.127.0.0.1_{{listen}}.downstream_cx_total",
        "listener.127.0.0.1_{{listen}}.network_extension_config_missing",
    ])
}

/// A connection manager behind this filter.
fn http_behind(gate: &str) -> String {
    let gate: String = gate.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        r#"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}
    filter_chains:
    - filters:
{gate}      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts: [{{name: v, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: app}}}}]}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: app
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{one}}}}}}}}}}}}]}}]
"#
    )
}

/// A TCP proxy behind TLS.
fn behind_tls(name: &'static str) -> Case {
    let socket = r#"    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - {certificate_chain: {filename: "{{dir}}/server.pem"}, private_key: {filename: "{{dir}}/server.key"}}
      filters:
"#;
    let file = site("", "cluster: app", &app("", &["one"])).replacen("    - filters:\n", socket, 1);
    let identity = Pki::get().identity("server");
    Case::new(name)
        .file(&file)
        .with_file("server.pem", &identity.certificate)
        .with_file("server.key", &identity.key)
        .endpoint("one", greets(echo()))
        // Who had been connected is in the log, and nobody is, here.
        .mask_log(|line| line.split(' ').take(4).collect::<Vec<_>>().join(" "))
}
