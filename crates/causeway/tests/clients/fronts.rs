//! HAProxy and nginx in front, which say in PROXY headers who their clients are, with TLS behind the header and without.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use causeway_testkit::{Backend, Connection, Peer, Pki, Port, Proxy, Reply, Request, Script, say_skipped};

use super::site::{Listener, Site};
use super::{cluster, start, tls};

/// Requests tell the back-end what is known of their client.
const TELLS: &str = "request_headers_to_add:
- {header: {key: x-client, value: \"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %PROTOCOL%\"}}
";

/// What nginx needs to pass on connections, as Debian installs it.
const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A client with an address that nobody else has.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));

/// Sites that want a PROXY header of every connection, without TLS behind it, and with.
async fn sites(folder: &Path) -> (Backend, [Site; 2]) {
    let script = Script::by(|request| Reply::ok(request.headers.get("x-client").unwrap_or_default()).into());
    let backend = Backend::start(script).await;
    let routes = format!(
        "- match: {{prefix: /}}\n  route: {{cluster: app}}\n{}",
        TELLS.lines().map(|line| format!("  {line}\n")).collect::<String>()
    );
    let clear = Listener {
        fields: "listener_filters:\n- name: envoy.filters.listener.proxy_protocol\n  typed_config:\n    \"@type\": \
                 type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol\n"
            .to_owned(),
        routes,
        ..Listener::default()
    };
    let secure = Listener { chain: tls(folder), ..clear.clone() };
    let clusters = cluster("app", backend.port());
    (backend, [start(&clear, &clusters).await, start(&secure, &clusters).await])
}

/// Asks a front, and finds that the back-end was told of this client, of where it connected to, and of the version.
async fn is_known(front: &Port, way: &str, version: &str) {
    let at = SocketAddr::from(([127, 0, 0, 1], front.number()));
    let mut client = Connection::open_from(CLIENT, at).await.unwrap();
    let from = client.local().unwrap();
    for _ in 0..2 {
        let answer = client.exchange(&Request::get("/")).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, format!("{from} {at} {version}")), "{way}");
    }
}

#[tokio::test]
async fn haproxy_in_front_says_who_its_client_is() {
    let Ok(binary) = Peer::Haproxy.find() else {
        say_skipped(
            "SKIPPED haproxy_in_front_says_who_its_client_is: there is no haproxy; apt-get install haproxy",
        );
        return;
    };
    let folder = Pki::get().folder();
    let (_backend, [clear, secure]) = sites(folder.path()).await;
    let trust = format!("ssl verify required ca-file {} sni str(lab.test)", folder.file("ca.pem").display());
    let servers = [
        (format!("{} send-proxy", clear.address), "HTTP/1.1"),
        (format!("{} send-proxy-v2", clear.address), "HTTP/1.1"),
        (format!("{} send-proxy-v2 proxy-v2-options crc32c,unique-id", clear.address), "HTTP/1.1"),
        (format!("{} send-proxy proto h2", clear.address), "HTTP/2"),
        (format!("{} send-proxy {trust}", secure.address), "HTTP/1.1"),
        (format!("{} send-proxy-v2 {trust}", secure.address), "HTTP/1.1"),
        (format!("{} send-proxy-v2 {trust} alpn h2", secure.address), "HTTP/2"),
    ];
    let fronts: Vec<_> = servers.iter().map(|_| Port::reserve()).collect();
    let mut text =
        "defaults\n  mode http\n  unique-id-format %ci-%ts\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n"
            .to_owned();
    for (front, (server, _)) in fronts.iter().zip(&servers) {
        let port = front.number();
        text += &format!("listen front{port}\n  bind 127.0.0.1:{port}\n  server one {server}\n");
    }
    let builder = fronts
        .iter()
        .fold(Proxy::build(Peer::Haproxy, &binary, &text), |builder, front| builder.listener(front.number()));
    let _haproxy = builder.start().await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    for (front, (server, version)) in fronts.iter().zip(&servers) {
        is_known(front, server, version).await;
    }
    for site in [clear, secure] {
        assert!(site.reasons().await.is_empty(), "{:?}", site.reasons().await);
    }
}

#[tokio::test]
async fn nginx_in_front_says_who_its_client_is() {
    const TEST: &str = "nginx_in_front_says_who_its_client_is";
    let Ok(binary) = Peer::Nginx.find() else {
        say_skipped(&format!("SKIPPED {TEST}: there is no nginx; apt-get install nginx"));
        return;
    };
    if !Path::new(STREAM).exists() {
        say_skipped(&format!("SKIPPED {TEST}: there is no {STREAM}; apt-get install libnginx-mod-stream"));
        return;
    }
    let folder = Pki::get().folder();
    let (_backend, [clear, secure]) = sites(folder.path()).await;
    let trust = format!(
        "proxy_ssl on; proxy_ssl_verify on; proxy_ssl_server_name on; proxy_ssl_name lab.test; \
         proxy_ssl_trusted_certificate {};",
        folder.file("ca.pem").display()
    );
    let (one, two) = (Port::reserve(), Port::reserve());
    let text = format!(
        "pid nginx.pid;\nerror_log stderr;\nload_module {STREAM};\nevents {{}}\nstream {{\n\
         server {{ listen 127.0.0.1:{}; proxy_pass {}; proxy_protocol on; }}\n\
         server {{ listen 127.0.0.1:{}; proxy_pass {}; proxy_protocol on; {trust} }}\n}}\n",
        one.number(),
        clear.address,
        two.number(),
        secure.address
    );
    let builder = Proxy::build(Peer::Nginx, &binary, &text).listener(one.number()).listener(two.number());
    let _nginx = builder.start().await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    is_known(&one, "without TLS", "HTTP/1.1").await;
    is_known(&two, "with TLS", "HTTP/1.1").await;
    for site in [clear, secure] {
        assert!(site.reasons().await.is_empty(), "{:?}", site.reasons().await);
    }
}
