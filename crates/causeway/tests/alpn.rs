//! What is spoken with back-ends over TLS is what both sides choose by ALPN (RFC 7301).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use causeway_testkit::{
    Backend, Peer, Pki, Port, Proxy, Reply, Request, Script, TlsServer, exchange, say_skipped,
};

use site::{Listener, Options, Ports, Site, config};

/// What the back-end saw of a few requests through a cluster with these HTTP options, and over how many connections.
async fn versions(protocol: &str, offered: &[&str]) -> (Vec<String>, usize) {
    let script = Script::by(|request| Reply::ok(request.version.clone()).into()).http2();
    let backend = Backend::start_tls(TlsServer::new("server", false, offered), script).await;
    let seen = answers(protocol, backend.port()).await;
    (seen, backend.connections())
}

/// What is answered to a few requests through a cluster with these HTTP options and this host.
async fn answers(protocol: &str, port: u16) -> Vec<String> {
    let clusters = format!(
        "- name: app
  connect_timeout: 2s
  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: \
         {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}
  transport_socket:
    name: tls
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      {protocol}
"
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
    seen
}

#[tokio::test]
async fn http2_is_spoken_over_tls() {
    let explicit = "explicit_http_config: {http2_protocol_options: {}}";
    assert_eq!(versions(explicit, &["h2"]).await, (vec!["HTTP/2".to_owned(); 3], 1));
}

/// The back-end may choose either version.
const AUTO: &str = "auto_config: {http2_protocol_options: {max_concurrent_streams: 5}}";

#[tokio::test]
async fn the_back_end_chooses() {
    let cases: [(&[&str], &str); 3] =
        [(&["h2", "http/1.1"], "HTTP/2"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")];
    for (offered, version) in cases {
        assert_eq!(versions(AUTO, offered).await, (vec![version.to_owned(); 3], 1), "{offered:?}");
    }
}

#[tokio::test]
async fn nginx_and_haproxy_choose() {
    let (folder, new, old) = (Pki::get().folder(), Port::reserve(), Port::reserve());
    folder.write("both.pem", &(folder.read("server.pem") + &folder.read("server.key")));
    let (at, new_port, old_port) = (folder.path().display(), new.number(), old.number());
    let server = |listen: &str| {
        format!(
            "server {{ listen 127.0.0.1:{listen}; ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key; \
             location / {{ return 200 $server_protocol; }} }}\n"
        )
    };
    let nginx = format!(
        "pid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{}{}}}\n",
        server(&format!("{new_port} ssl http2")),
        server(&format!("{old_port} ssl"))
    );
    let front = |port: u16, alpn: &str| {
        format!(
            "frontend at{port}\n  bind 127.0.0.1:{port} ssl crt {at}/both.pem alpn {alpn}\n  http-request return status 200 \
             content-type text/plain lf-string \"HTTP/%[req.ver]\"\n"
        )
    };
    let haproxy = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n{}{}",
        front(new_port, "h2,http/1.1"),
        front(old_port, "http/1.1")
    );
    for (peer, text) in [(Peer::Nginx, nginx), (Peer::Haproxy, haproxy)] {
        let Ok(binary) = peer.find() else {
            let name = peer.name();
            say_skipped(&format!(
                "SKIPPED nginx_and_haproxy_choose: there is no {name}; apt-get install {name}"
            ));
            continue;
        };
        let builder = Proxy::build(peer, &binary, &text).listener(new_port).listener(old_port);
        let _server = builder.start().await.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(answers(AUTO, new_port).await, ["HTTP/2.0"; 3], "{}", peer.name());
        assert_eq!(answers(AUTO, old_port).await, ["HTTP/1.1"; 3], "{}", peer.name());
    }
}
