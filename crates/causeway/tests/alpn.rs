//! What is spoken with back-ends over TLS is what both sides choose by ALPN (RFC 7301).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use causeway_testkit::{Backend, Reply, Request, Script, TlsServer, exchange};

use site::{Listener, Options, Ports, Site, config};

/// What the back-end saw of a few requests through a cluster with these HTTP options, and over how many connections.
async fn versions(protocol: &str, offered: &[&str]) -> (Vec<String>, usize) {
    let script = Script::by(|request| Reply::ok(request.version.clone()).into()).http2();
    let backend = Backend::start_tls(TlsServer::new("server", false, offered), script).await;
    let clusters = format!(
        "- name: app
  connect_timeout: 2s
  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: \
         {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}
  transport_socket:
    name: tls
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      {protocol}
",
        backend.port()
    );
    let ports = Ports::reserve();
    let text = config(ports.admin(), &Listener::default().yaml(ports.listener()), &clusters);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = exchange(site.address, &Request::get("/")).await.unwrap();
        seen.push(if answer.status == 200 {
            answer.text()
        } else {
            format!("{}: {}", answer.status, answer.text())
        });
    }
    (seen, backend.connections())
}

#[tokio::test]
async fn http2_is_spoken_over_tls() {
    let explicit = "explicit_http_config: {http2_protocol_options: {}}";
    assert_eq!(versions(explicit, &["h2"]).await, (vec!["HTTP/2".to_owned(); 3], 1));
}

#[tokio::test]
async fn the_back_end_chooses() {
    let auto = "auto_config: {http2_protocol_options: {max_concurrent_streams: 5}}";
    let cases: [(&[&str], &str); 3] =
        [(&["h2", "http/1.1"], "HTTP/2"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")];
    for (offered, version) in cases {
        assert_eq!(versions(auto, offered).await, (vec![version.to_owned(); 3], 1), "{offered:?}");
    }
}
