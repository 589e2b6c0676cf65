//! From being taken to being served: listener filters, and the choice of a filter chain.

mod chains;
pub(crate) mod hello;
mod inspectors;
mod proxy_protocol;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use causeway_conformance::{Case, Connection, Run};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    [chains::cases(), inspectors::cases(), proxy_protocol::cases()].into_iter().flatten().collect()
}

/// A request that every chain understands that speaks HTTP.
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Statistics of the listener that tell how far connections came.
const STATS: &[&str] = &[
    "listener.127.0.0.1_{{listen}}.downstream_cx_total",
    "listener.127.0.0.1_{{listen}}.downstream_cx_active",
    "listener.127.0.0.1_{{listen}}.downstream_pre_cx_active",
    "listener.127.0.0.1_{{listen}}.downstream_pre_cx_timeout",
    "listener.127.0.0.1_{{listen}}.downstream_listener_filter_error",
    "listener.127.0.0.1_{{listen}}.downstream_listener_filter_remote_close",
    "listener.127.0.0.1_{{listen}}.no_filter_chain_match",
];

/// Listener filters by their names and fields.
fn listener_filters(filters: &[(&str, &str)]) -> String {
    let mut text = "listener_filters:\n".to_owned();
    for (name, fields) in filters {
        let (folder, kind) = match *name {
            "http" => ("http_inspector", "HttpInspector"),
            "tls" => ("tls_inspector", "TlsInspector"),
            _ => ("proxy_protocol", "ProxyProtocol"),
        };
        text.push_str(&format!(
            "- name: envoy.filters.listener.{folder}\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.listener.{folder}.v3.{kind}\n"
        ));
        for line in fields.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// A file with a listener that has these fields and chains: each answers with its name and closes.
fn site(listener: &str, chains: &[(&str, &str)]) -> String {
    let mut text = r#"admin: {address: {socket_address: {address: 127.0.0.1, port_value: {{admin}}}}}
static_resources:
  listeners:
  - name: main
    address: {socket_address: {address: 127.0.0.1, port_value: {{listen}}}}
"#
    .to_owned();
    for line in listener.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str("    filter_chains:\n");
    for (conditions, name) in chains {
        text.push_str(&format!(
            r#"    - name: {name}
      filter_chain_match: {conditions}
      filters:
      - name: answer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config
          response: {{inline_string: "{name}"}}
"#
        ));
    }
    text
}

/// Notes what a connection is told that sends this.
async fn tell(run: &mut Run, label: &str, bytes: &[u8]) {
    let mut connection = run.connect().await;
    connection.write(bytes).await;
    note(run, label, connection).await;
}

/// The same from another address of the loopback interface.
async fn tell_from(run: &mut Run, host: u8, label: &str, bytes: &[u8]) {
    let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
    let mut connection = Connection::open_from(from, run.listener()).await.expect("it listens");
    connection.write(bytes).await;
    note(run, label, connection).await;
}

/// Notes what comes until the end. How it ends is noted where nothing came: a reset may overtake the words.
async fn note(run: &mut Run, label: &str, mut connection: Connection) {
    let (bytes, end) = connection.rest(Duration::from_secs(3)).await;
    let value = if bytes.is_empty() { json!(end.as_str()) } else { json!(String::from_utf8_lossy(&bytes)) };
    run.note(label, value);
}
