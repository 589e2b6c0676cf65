//! TLS with back-ends and PROXY headers in front of it, with programs that operators have behind their proxies, and
//! while files change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_testkit::{
    Authority, Backend, Connection, Peer, Pki, Port, ProcessBuilder, Proxy, Reply, Request, TlsServer, Wish,
    eventually, exchange, say_skipped,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use site::{Listener, Options, Ports, Site, config};

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const RAW: &str = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
const PROXY: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";

/// A transport socket of TLS that trusts the root in a folder, and shows a client's certificate.
fn tls(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "{{name: tls, typed_config: {{\"@type\": {TLS}, sni: lab.test, common_tls_context: {{tls_params: \
         {{tls_maximum_protocol_version: TLSv1_3}}, tls_certificates: [{{certificate_chain: {{filename: \
         {at}/client.pem}}, private_key: {{filename: {at}/client.key}}}}], validation_context: {{trusted_ca: \
         {{filename: {at}/ca.pem}}, match_typed_subject_alt_names: [{{san_type: DNS, matcher: {{exact: \
         lab.test}}}}]}}}}}}}}"
    )
}

/// The same behind a PROXY header.
fn behind_header(version: &str, socket: &str) -> String {
    format!(
        "{{name: proxy, typed_config: {{\"@type\": {PROXY}, config: {{version: {version}}}, transport_socket: {socket}}}}}"
    )
}

fn raw() -> String {
    format!("{{name: raw, typed_config: {{\"@type\": {RAW}}}}}")
}

/// Causeway in front of a back-end with this transport socket.
async fn site(port: u16, socket: &str, listener: &Listener) -> Site {
    let ports = Ports::reserve();
    let cluster = format!(
        "- name: app\n  connect_timeout: 5s\n  transport_socket: {socket}\n  load_assignment: {{cluster_name: app, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: \
         {port}}}}}}}}}]}}]}}\n"
    );
    let text = config(ports.admin(), &listener.yaml(ports.listener()), &cluster);
    let started = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await;
    started.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Finds a program of another, or says that the test is skipped.
fn find(peer: Peer) -> Option<PathBuf> {
    let found = peer.find();
    if let Err(missing) = &found {
        say_skipped(&format!("SKIPPED upstream_tls: {missing}"));
    }
    found.ok()
}

async fn body(site: &Site, path: &str) -> String {
    exchange(site.address, &Request::get(path)).await.unwrap().text()
}

#[tokio::test]
async fn nginx_knows_the_client_by_its_certificate_and_by_the_header() {
    let Some(binary) = find(Peer::Nginx) else { return };
    let (folder, plain, headed) = (Pki::get().folder(), Port::reserve(), Port::reserve());
    let at = folder.path().display();
    let server = |listen: &str| {
        format!(
            "server {{ listen 127.0.0.1:{listen}; ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key; \
             ssl_client_certificate {at}/ca.pem; ssl_verify_client on; ssl_protocols TLSv1.3; set_real_ip_from 127.0.0.1; \
             location / {{ return 200 \"$ssl_protocol $ssl_client_verify $ssl_server_name $proxy_protocol_addr\"; }} }}\n"
        )
    };
    let nginx = format!(
        "pid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{}{}}}\n",
        server(&format!("{} ssl", plain.number())),
        server(&format!("{} ssl proxy_protocol", headed.number())),
    );
    let builder =
        Proxy::build(Peer::Nginx, &binary, &nginx).listener(plain.number()).listener(headed.number());
    let _nginx = builder.start().await.unwrap();
    let socket = tls(folder.path());
    let through = site(plain.number(), &socket, &Listener::default()).await;
    assert_eq!(body(&through, "/").await, "TLSv1.3 SUCCESS lab.test ");
    for version in ["V1", "V2"] {
        let through = site(headed.number(), &behind_header(version, &socket), &Listener::default()).await;
        assert_eq!(body(&through, "/").await, "TLSv1.3 SUCCESS lab.test 127.0.0.1", "{version}");
    }
}

#[tokio::test]
async fn haproxy_takes_the_header_in_front_of_tls_and_without_it() {
    let Some(binary) = find(Peer::Haproxy) else { return };
    let (folder, secure, plain) = (Pki::get().folder(), Port::reserve(), Port::reserve());
    let at = folder.path().display();
    let both = ["server.pem", "server.key"].map(|name| folder.read(name)).concat();
    folder.write("both.pem", &both);
    let haproxy = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n\
         frontend secure\n  bind 127.0.0.1:{} accept-proxy ssl crt {at}/both.pem ca-file {at}/ca.pem verify required\n  \
         http-request return status 200 content-type text/plain lf-string \"%[ssl_fc_sni] %[ssl_c_s_dn(cn)] %[src]:%[src_port]\"\n\
         frontend plain\n  bind 127.0.0.1:{} accept-proxy\n  \
         http-request return status 200 content-type text/plain lf-string \"%[src]:%[src_port]\"\n",
        secure.number(),
        plain.number()
    );
    let builder =
        Proxy::build(Peer::Haproxy, &binary, &haproxy).listener(secure.number()).listener(plain.number());
    let _haproxy = builder.start().await.unwrap();
    for version in ["V1", "V2"] {
        let socket = behind_header(version, &tls(folder.path()));
        let through = site(secure.number(), &socket, &Listener::default()).await;
        let mut client = Connection::open(through.address).await.unwrap();
        let from = client.local().unwrap();
        let answer = client.exchange(&Request::get("/")).await.unwrap();
        assert_eq!(answer.text(), format!("lab.test client {from}"), "{version}");
        let through = site(plain.number(), &behind_header(version, &raw()), &Listener::default()).await;
        let mut client = Connection::open(through.address).await.unwrap();
        let from = client.local().unwrap();
        assert_eq!(client.exchange(&Request::get("/")).await.unwrap().text(), from.to_string(), "{version}");
    }
}

#[tokio::test]
async fn openssl_agrees_on_versions_and_tells_what_it_saw() {
    let (folder, port) = (Pki::get().folder(), Port::reserve());
    let at = |name: &str| folder.file(name).display().to_string();
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (number, own, key, ca) =
            (port.number().to_string(), at("server.pem"), at("server.key"), at("ca.pem"));
        let server = ProcessBuilder::new("openssl").args([
            "s_server", "-accept", &number, "-cert", &own, "-key", &key, "-CAfile", &ca, "-Verify", "2",
            "-www", flag,
        ]);
        let Ok(_server) = server.start(folder.path()) else {
            say_skipped(
                "SKIPPED openssl_agrees_on_versions_and_tells_what_it_saw: openssl is not there: apt-get install openssl",
            );
            return;
        };
        let listens = async || TcpStream::connect(("127.0.0.1", port.number())).await.is_ok();
        assert!(eventually(PATIENCE, listens).await);
        let through = site(port.number(), &tls(folder.path()), &Listener::default()).await;
        let seen = body(&through, "/").await;
        assert!(seen.contains(version) && seen.replace(" = ", "=").contains("CN=client"), "{flag}: {seen}");
    }
}

/// Before anything of the handshake; and what it says is who the client is.
#[tokio::test]
async fn the_header_comes_before_the_first_byte_of_tls() {
    let folder = Pki::get().folder();
    let first = |socket: String| async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let through = site(port, &socket, &Listener::default()).await;
        let mut client = Connection::open(through.address).await.unwrap();
        let (from, to) = (client.local().unwrap(), through.address);
        client.send(&Request::get("/")).await;
        let (mut taken, _) = listener.accept().await.unwrap();
        let expected =
            format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", from.port(), to.port()).into_bytes();
        let mut seen = vec![0; expected.len() + 3];
        taken.read_exact(&mut seen).await.unwrap();
        let rest = seen.split_off(expected.len());
        assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&expected));
        rest
    };
    assert_eq!(first(behind_header("V1", &tls(folder.path()))).await, b"\x16\x03\x01", "a ClientHello");
    assert_eq!(first(behind_header("V1", &raw())).await, b"GET", "a request");
}

#[tokio::test]
async fn two_clients_never_share_a_connection_and_it_ends_with_its_client() {
    let port = Port::reserve();
    let (seen, listener) =
        (Arc::new(Mutex::new(Vec::new())), TcpListener::bind(("127.0.0.1", port.number())).await.unwrap());
    let (log, ended) = (Arc::clone(&seen), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&ended);
    let _task = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (log, count) = (Arc::clone(&log), Arc::clone(&count));
            tokio::spawn(async move {
                let mut text = Vec::new();
                let mut chunk = [0; 4096];
                loop {
                    let length = socket.read(&mut chunk).await.unwrap_or(0);
                    if length == 0 {
                        break;
                    }
                    text.extend_from_slice(&chunk[..length]);
                    if text.ends_with(b"\r\n\r\n") {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        let _ = socket.write_all(answer).await;
                    }
                }
                log.lock().unwrap().push(String::from_utf8_lossy(&text).into_owned());
                count.fetch_add(1, Relaxed);
            });
        }
    });
    let through = site(port.number(), &behind_header("V1", &raw()), &Listener::default()).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Connection::open(through.address).await.unwrap();
        for _ in 0..3 {
            assert_eq!(client.exchange(&Request::get("/")).await.unwrap().status, 200);
        }
        clients.push(client);
    }
    assert_eq!(ended.load(Relaxed), 0, "both are there as long as their clients");
    let ports: Vec<_> = clients.iter().map(|client| client.local().unwrap().port()).collect();
    drop(clients);
    let both_ended = async || ended.load(Relaxed) == 2;
    assert!(eventually(PATIENCE, both_ended).await);
    let seen = seen.lock().unwrap();
    for port in ports {
        let own: Vec<_> = seen.iter().filter(|text| text.contains(&format!(" {port} "))).collect();
        let [own] = own.as_slice() else { panic!("{seen:?}") };
        assert_eq!((own.matches("PROXY").count(), own.matches("GET").count()), (1, 3), "{own}");
    }
}

#[tokio::test]
async fn whom_to_trust_is_read_again_when_the_file_changes() {
    let (folder, other) = (Pki::get().folder(), Authority::new("other root"));
    let identity = other.issue(&Wish::server("lab.test"));
    let server = TlsServer::with(&identity, false, &[], rustls::ALL_VERSIONS);
    let backend = Backend::start_tls(server, Reply::ok("trusted")).await;
    let through = site(backend.port(), &tls(folder.path()), &Listener::default()).await;
    assert_eq!(exchange(through.address, &Request::get("/")).await.unwrap().status, 503);
    assert!(through.logged("upstream_tls_unknown_issuer").await.is_some());
    folder.write("ca.pem", "no certificate");
    let stale = async || through.stat("cluster.app.ssl.causeway_certificates.stale").await == 1;
    assert!(eventually(PATIENCE, stale).await, "{}", through.proxy.log());
    folder.write("ca.pem", &other.certificate());
    let answered = async || body(&through, "/").await == "trusted";
    assert!(eventually(PATIENCE, answered).await, "{}", through.proxy.log());
    assert_eq!(through.stat("cluster.app.ssl.causeway_certificates.stale").await, 0);
    assert!(through.page("/certs").await.contains(&folder.file("ca.pem").display().to_string()));
}
