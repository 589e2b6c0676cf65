//! Connections that are passed on as they are.

mod choices;
mod failures;
mod files;
mod gates;
mod passing;

use std::time::Duration;

use causeway_conformance::{Act, Answer, Case, Connection, Run, Script, eventually};
use serde_json::json;

/// What logs of these cases show.
const LOG: &str = "%ACCESS_LOG_TYPE% flags=%RESPONSE_FLAGS% code=%RESPONSE_CODE% details=%RESPONSE_CODE_DETAILS% \
                   term=%CONNECTION_TERMINATION_DETAILS% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% \
                   cluster=%UPSTREAM_CLUSTER% host=%UPSTREAM_HOST% tries=%UPSTREAM_REQUEST_ATTEMPT_COUNT%,%UPSTREAM_HOSTS_ATTEMPTED% \
                   rx=%BYTES_RECEIVED% tx=%BYTES_SENT% up=%UPSTREAM_WIRE_BYTES_SENT%,%UPSTREAM_WIRE_BYTES_RECEIVED% \
                   down=%DOWNSTREAM_WIRE_BYTES_RECEIVED%,%DOWNSTREAM_WIRE_BYTES_SENT% \
                   closed=%DOWNSTREAM_LOCAL_CLOSE_REASON%,%UPSTREAM_LOCAL_CLOSE_REASON% \
                   seen=%DOWNSTREAM_DETECTED_CLOSE_TYPE%,%UPSTREAM_DETECTED_CLOSE_TYPE% \
                   proto=%PROTOCOL%,%UPSTREAM_PROTOCOL% route=%ROUTE_NAME% id=%STREAM_ID% method=%REQ(:METHOD)% shaken=%DOWNSTREAM_HANDSHAKE_DURATION% tx=%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%";

/// Counters that move with each connection that is passed on.
const COUNTERS: &[&str] = &[
    "tcp.in.downstream_cx_total",
    "tcp.in.downstream_cx_rx_bytes_total",
    "tcp.in.downstream_cx_tx_bytes_total",
    "tcp.in.downstream_cx_rx_bytes_buffered",
    "tcp.in.downstream_cx_no_route",
    "tcp.in.idle_timeout",
    "tcp.in.max_downstream_connection_duration",
    "cluster.app.upstream_cx_total",
    "cluster.app.upstream_cx_active",
    "cluster.app.upstream_cx_connect_fail",
    "cluster.app.upstream_cx_connect_attempts_exceeded",
    "cluster.app.upstream_cx_destroy",
    "cluster.app.upstream_cx_destroy_local",
    "cluster.app.upstream_cx_destroy_remote",
    "cluster.app.upstream_cx_destroy_with_active_rq",
    "cluster.app.upstream_cx_destroy_local_with_active_rq",
    "cluster.app.upstream_cx_destroy_remote_with_active_rq",
    "cluster.app.upstream_cx_rx_bytes_total",
    "cluster.app.upstream_cx_tx_bytes_total",
    "cluster.app.upstream_cx_none_healthy",
    "cluster.app.upstream_cx_overflow",
    "cluster.app.upstream_cx_http1_total",
    "cluster.app.upstream_rq_total",
    "cluster.app.upstream_rq_active",
    "cluster.app.upstream_rq_pending_total",
    "cluster.app.upstream_rq_pending_active",
    "cluster.app.upstream_rq_pending_failure_eject",
    "cluster.app.upstream_rq_pending_overflow",
    "listener.127.0.0.1_{{listen}}.downstream_cx_total",
    "listener.127.0.0.1_{{listen}}.downstream_cx_active",
    "listener.127.0.0.1_{{listen}}.downstream_cx_destroy",
];

/// A file with one listener, whose TCP proxy has these fields.
fn site(gates: &str, proxy: &str, clusters: &str) -> String {
    let indented =
        |text: &str, by: usize| text.lines().map(|line| format!("{:by$}{line}\n", "")).collect::<String>();
    format!(
        r#"admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}
    filter_chains:
    - filters:
{}      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: in
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {{{{dir}}}}/access.log
              log_format: {{text_format_source: {{inline_string: "{LOG}\n"}}}}
{}  clusters:
{}"#,
        indented(gates, 6),
        indented(proxy, 10),
        indented(clusters, 2),
    )
}

/// The cluster `app` with these fields and endpoints.
fn app(fields: &str, endpoints: &[&str]) -> String {
    let mut text = "- name: app\n  connect_timeout: 1s\n".to_owned();
    for line in fields.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    if !endpoints.is_empty() {
        text.push_str("  load_assignment:\n    cluster_name: app\n    endpoints:\n    - lb_endpoints:\n");
    }
    for endpoint in endpoints {
        text.push_str(&format!(
            "      - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{{endpoint}}}}}}}}}}}\n"
        ));
    }
    text
}

/// A case with one back-end and a TCP proxy with these fields.
fn passed_on(name: &'static str, proxy: &str, backend: Answer) -> Case {
    Case::new(name)
        .file(&site("", &format!("cluster: app\n{proxy}"), &app("", &["one"])))
        .endpoint("one", greets(backend))
}

/// A network filter as a list item.
fn gate(kind: &str, fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "- name: gate\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.network.{kind}\n{fields}"
    )
}

/// A back-end that does this with each connection.
fn greets(answer: Answer) -> Script {
    Script::echo().greeting(answer)
}

/// Says hello, and then sends back what comes.
fn echo() -> Answer {
    Answer::raw("hello").then(Act::EchoBytes)
}

/// Reads to the end.
async fn note_rest(run: &mut Run, label: &str, connection: &mut Connection) {
    let (bytes, end) = connection.rest(Duration::from_secs(2)).await;
    run.note_bytes(label, &bytes);
    run.note(format!("{label} ends with"), json!(end.as_str()));
}

/// Connects, sends this, and reads to the end, or until it is quiet for a moment.
async fn note_talk(run: &mut Run, label: &str, bytes: &str) {
    let mut connection = run.connect().await;
    if !bytes.is_empty() {
        connection.write(bytes).await;
    }
    let (rest, end) = connection.rest(Duration::from_millis(300)).await;
    run.note(label, json!([String::from_utf8_lossy(&rest), end.as_str()]));
}

/// Waits until the back-end has no connection any more.
async fn note_gone(run: &mut Run) {
    let gone = left(run).await;
    run.note("the back-end is left", json!(gone));
}

async fn left(run: &Run) -> bool {
    eventually(Duration::from_secs(3), async || run.backend("one").open_connections() == 0).await
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = passing::both_ways();
    cases.extend(failures::failures());
    cases.extend(passing::times());
    cases.extend(gates::gates());
    cases.extend(choices::choices());
    cases.extend(files::files());
    cases
}
