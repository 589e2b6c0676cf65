//! Hostile framing against the program, from both sides: whatever a client or a back-end sends, no recipient
//! may see the end of a message elsewhere than the proxy did (RFC 9112 §11).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a panic is a failed test, and the counts are said"
)]

mod answers;
mod client;
mod corpus;
mod origin;
mod requests;
mod responses;
#[path = "../site/mod.rs"]
mod site;
mod spellings;
mod strict;

use std::fmt::Write as _;
use std::net::SocketAddr;

/// Exchanges at the same time.
const AT_ONCE: usize = 40;

/// Most faults that are shown.
const SHOWN: usize = 25;

/// A listener whose log says of each request which one it was and whether it went to a back-end.
fn listener(name: &str, at: SocketAddr, manager: &str, routes: &str) -> String {
    let manager = site::indent(manager, 10);
    let routes = site::indent(routes, 14);
    format!(
        r#"  - name: {name}
    address: {{socket_address: {{address: {}, port_value: {}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
{manager}          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {name}.log
              log_format: {{text_format_source: {{inline_string: "%REQ(X-CASE)%\t%UPSTREAM_HOST%\t%RESPONSE_CODE%\t%CAUSEWAY_REASON%\n"}}}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
{routes}          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#,
        at.ip(),
        at.port()
    )
}

/// A cluster with one back-end.
fn cluster(name: &str, at: SocketAddr) -> String {
    format!(
        "- name: {name}\n  type: STATIC\n  load_assignment:\n    cluster_name: {name}\n    endpoints:\n    - lb_endpoints:\n      \
         - endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}\n",
        at.ip(),
        at.port()
    )
}

/// Fails with what is wrong, the first of it in full.
fn nothing_wrong(wrong: &[String]) {
    let mut text = String::new();
    for one in wrong.iter().take(SHOWN) {
        let _ = writeln!(text, "{one}");
    }
    assert!(wrong.is_empty(), "{} faults, of which the first are\n{text}", wrong.len());
}
