//! TLS with clients: certificates that are renewed while it runs, clients and proxies that others have written, and
//! what a connection costs that is quiet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use causeway_testkit::{
    Authority, Backend, Connection, End, Identity, Peer, Pki, Port, ProcessBuilder, Proxy, Request, Scratch,
    Script, TlsWish, Wish, eventually, say_skipped,
};

use site::{Listener, Options, Ports, Site, config};

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/// Within this time a renewed certificate is shown.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A listener that answers by itself, with these fields in its context.
fn listener(common: &str, context: &str) -> Listener {
    Listener {
        routes: "- match: {prefix: /}\n  direct_response: {status: 200, body: {inline_string: in}}\n"
            .to_owned(),
        chain: format!(
            "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n{context}    \
             common_tls_context: {{{common}}}\n"
        ),
        ..Listener::default()
    }
}

fn from_files(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "tls_certificates: [{{certificate_chain: {{filename: {folder}/own.pem}}, private_key: {{filename: {folder}/own.key}}}}]"
    )
}

async fn start(ports: &Ports, listener: &Listener) -> Site {
    let text = config(ports.admin(), &listener.yaml(ports.listener()), "[]");
    let options = Options { workers: 2, ..Options::default() };
    Site::start(&text, ports.listener(), ports.admin(), &options).await.unwrap()
}

/// Writes both files in place, the certificate first, as most scripts do.
fn write(folder: &Path, identity: &Identity) {
    std::fs::write(folder.join("own.pem"), &identity.certificate).unwrap();
    std::fs::write(folder.join("own.key"), &identity.key).unwrap();
}

/// The certificate that a client is shown.
async fn shown(to: SocketAddr) -> Vec<u8> {
    let connection = TlsWish::to("lab.test").client().open(to).await.unwrap();
    connection.handshake().unwrap().peer.first().unwrap().clone()
}

async fn is_shown(to: SocketAddr, identity: &Identity) -> bool {
    shown(to).await == identity.chain().first().unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_under_load_and_no_handshake_fails() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    let authority = Authority::new("root");
    let identities: Vec<_> =
        (1..=6).map(|serial| authority.issue(&Wish::server("lab.test").serial(serial))).collect();
    write(folder.path(), &identities[0]);
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    let (stop, good, bad) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (stop, good, bad, to) =
                (Arc::clone(&stop), Arc::clone(&good), Arc::clone(&bad), site.address);
            tokio::spawn(async move {
                let wish =
                    if number % 2 == 0 { TlsWish::to("lab.test") } else { TlsWish::to("lab.test").resumes() };
                let client = wish.client();
                while !stop.load(Ordering::Relaxed) {
                    let count = match client.open(to).await {
                        Ok(mut connection) => match connection.exchange(&Request::get("/")).await {
                            Ok(response) if response.status == 200 => &good,
                            _ => &bad,
                        },
                        Err(_) => &bad,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for identity in &identities[1..] {
        write(folder.path(), identity);
        let since = Instant::now();
        assert!(eventually(2 * AT_ONCE, async || is_shown(site.address, identity).await).await);
        assert!(since.elapsed() < AT_ONCE + Duration::from_millis(300), "after {:?}", since.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(bad.load(Ordering::Relaxed), 0, "{}", site.proxy.log());
    assert!(good.load(Ordering::Relaxed) > 20);
    assert_eq!(site.stat(&format!("{}.ssl.connection_error", scope(site.address))).await, 0);
}

#[tokio::test]
async fn what_can_not_be_used_changes_nothing_and_is_said() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    let (first, second) = (Pki::get().identity("server"), Pki::get().identity("a"));
    write(folder.path(), first);
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    let stat = async |name: &str| {
        site.stat(&format!("{}.ssl.causeway_certificates.{name}", scope(site.address))).await
    };
    std::fs::write(folder.path().join("own.key"), &second.key).unwrap();
    assert!(eventually(3 * AT_ONCE, async || stat("stale").await == 1).await);
    assert!(is_shown(site.address, first).await, "what was there before is still used");
    assert!(site.proxy.log().contains("does not belong to the certificate"), "{}", site.proxy.log());
    std::fs::remove_file(folder.path().join("own.pem")).unwrap();
    assert!(eventually(3 * AT_ONCE, async || stat("renewal_failed").await == 2).await);
    assert!(is_shown(site.address, first).await);
    write(folder.path(), second);
    assert!(eventually(2 * AT_ONCE, async || is_shown(site.address, second).await).await);
    assert_eq!((stat("stale").await, stat("renewed").await), (0, 1));
}

#[tokio::test]
async fn a_link_that_is_swapped_counts_as_a_change() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    let (first, second) = (Pki::get().identity("server"), Pki::get().identity("a"));
    // As Kubernetes does it: the files are links into a folder that is a link itself.
    for (name, identity) in [("1", first), ("2", second)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        write(&folder.path().join(name), identity);
    }
    let swap = |to: &str| {
        std::os::unix::fs::symlink(to, folder.path().join("new")).unwrap();
        std::fs::rename(folder.path().join("new"), folder.path().join("data")).unwrap();
    };
    swap("1");
    for file in ["own.pem", "own.key"] {
        std::os::unix::fs::symlink(format!("data/{file}"), folder.path().join(file)).unwrap();
    }
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    assert!(is_shown(site.address, first).await);
    swap("2");
    assert!(eventually(2 * AT_ONCE, async || is_shown(site.address, second).await).await);
}

#[tokio::test]
async fn a_file_of_secrets_is_followed() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    let (first, second) = (Pki::get().identity("server"), Pki::get().identity("a"));
    let quoted = |text: &str| format!("\"{}\"", text.replace('\n', "\\n"));
    let secret = |identity: &Identity| {
        format!(
            "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: own\n  \
             tls_certificate: {{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}\n",
            quoted(&identity.certificate),
            quoted(&identity.key)
        )
    };
    let put = |text: &str| {
        let new = folder.write("new.yaml", text);
        std::fs::rename(new, folder.file("secrets.yaml")).unwrap();
    };
    put("resources: []\n");
    let common = format!(
        "tls_certificate_sds_secret_configs: [{{name: own, sds_config: {{path_config_source: {{path: {}}}}}}}]",
        folder.file("secrets.yaml").display()
    );
    let site = start(&ports, &listener(&common, "")).await;
    let client = TlsWish::to("lab.test").client();
    assert!(client.open(site.address).await.is_err(), "there is no certificate yet");
    put(&secret(first));
    assert!(eventually(3 * AT_ONCE, async || client.open(site.address).await.is_ok()).await);
    assert!(is_shown(site.address, first).await);
    put(&secret(second));
    assert!(eventually(2 * AT_ONCE, async || is_shown(site.address, second).await).await);
    put("resources: [}\n");
    assert!(eventually(3 * AT_ONCE, async || site.proxy.log().contains("can't be used")).await);
    assert!(is_shown(site.address, second).await);
    let updates = format!("{}.server_ssl_socket_factory.ssl_context_update_by_sds", scope(site.address));
    assert_eq!(site.stat(&updates).await, 2);
}

#[tokio::test]
async fn what_is_about_to_expire_is_said() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    write(folder.path(), &Identity::self_signed(&Wish::server("lab.test").valid(2020, 2021)));
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    assert!(eventually(3 * AT_ONCE, async || site.proxy.log().contains("(CN=lab.test) has expired")).await);
    assert_eq!(site.stat("server.days_until_first_cert_expiring").await, 0);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_after_ten_seconds() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    write(folder.path(), Pki::get().identity("server"));
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    let since = Instant::now();
    let mut client = Connection::open(site.address).await.unwrap();
    client.write(b"\x16\x03\x01\x02\x00\x01\x00").await;
    assert_ne!(client.end(Duration::from_secs(15)).await, End::Open);
    assert!(since.elapsed() > Duration::from_secs(9) && since.elapsed() < Duration::from_secs(13));
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    write(folder.path(), Pki::get().identity("server"));
    let backend = Backend::start(Script::echo()).await;
    let routed = Listener {
        routes: "- match: {prefix: /}\n  route: {cluster: app}\n".to_owned(),
        ..listener(&from_files(folder.path()), "")
    };
    let cluster = format!(
        "- name: app\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
         {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let text = config(ports.admin(), &routed.yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    for wish in [TlsWish::to("lab.test"), TlsWish::to("lab.test").only_tls12()] {
        let mut connection = wish.client().open(site.address).await.unwrap();
        for length in [0, 1, 16_384, 16_385, 3_000_000] {
            let body: String =
                (0..length).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect();
            let response = connection.exchange(&Request::post("/", body.as_str())).await.unwrap();
            assert!(response.complete && response.text().contains(&body), "{length} bytes");
        }
    }
}

#[tokio::test]
async fn clients_that_others_have_written() {
    let (folder, ports) = (Pki::get().folder(), Ports::reserve());
    write(folder.path(), Pki::get().identity("server"));
    let trust = format!(
        "{}, validation_context: {{trusted_ca: {{filename: {}/ca.pem}}}}",
        from_files(folder.path()),
        folder.path().display()
    );
    let site = start(&ports, &listener(&trust, "    require_client_certificate: true\n")).await;
    let port = site.address.port();
    let to = format!("https://lab.test:{port}/");
    let resolve = format!("lab.test:{port}:127.0.0.1");
    let curl = async |more: &[&str]| {
        let common = ["-sS", "--http1.1", "--cacert", "ca.pem", "--resolve", &resolve, &to];
        run("curl", common.iter().chain(more), folder.path(), "").await
    };
    let Some(answer) = curl(&["--cert", "client.pem", "--key", "client.key"]).await else { return };
    assert_eq!(answer, "in");
    let Some(answer) = curl(&["--cert", "client.pem", "--key", "client.key", "--tls-max", "1.2"]).await
    else {
        return;
    };
    assert_eq!(answer, "in");
    let Some(answer) = curl(&["--tls-max", "1.2"]).await else { return };
    assert!(
        answer.contains("alert handshake failure") || answer.contains("alert certificate required"),
        "{answer}"
    );
    let connect = format!("127.0.0.1:{port}");
    let openssl = async |more: &[&str]| {
        let common = [
            "s_client",
            "-connect",
            &connect,
            "-cert",
            "client.pem",
            "-key",
            "client.key",
            "-CAfile",
            "ca.pem",
        ];
        run("openssl", common.iter().chain(more), folder.path(), "Q\n").await
    };
    let Some(answer) = openssl(&["-tls1_2", "-servername", "lab.test", "-reconnect"]).await else { return };
    assert!(answer.contains("Verify return code: 0 (ok)"), "{answer}");
    assert_eq!(answer.matches("Reused, TLSv1.2").count(), 5, "{answer}");
    let Some(answer) = openssl(&["-tls1_1"]).await else { return };
    assert!(!answer.contains("Verify return code: 0 (ok)\n---\nread"), "{answer}");
}

#[tokio::test]
async fn proxies_in_front_that_encrypt_again() {
    let (folder, ports) = (Pki::get().folder(), Ports::reserve());
    write(folder.path(), Pki::get().identity("server"));
    let site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    let (to, ca) = (site.address, folder.path().join("ca.pem").display().to_string());
    let (for_nginx, for_haproxy) = (Port::reserve(), Port::reserve());
    let nginx = format!(
        "events {{}}\nhttp {{\n  access_log off;\n  server {{\n    listen 127.0.0.1:{};\n    \
         location / {{\n      proxy_pass https://{to};\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      \
         proxy_ssl_server_name on;\n      proxy_ssl_name lab.test;\n      proxy_ssl_verify on;\n      \
         proxy_ssl_trusted_certificate {ca};\n    }}\n  }}\n}}\n",
        for_nginx.number()
    );
    let haproxy = format!(
        "defaults\n  mode http\n  timeout connect 2s\n  timeout client 5s\n  timeout server 5s\nlisten front\n  bind 127.0.0.1:{}\n  \
         server one {to} ssl verify required ca-file {ca} sni str(lab.test)\n",
        for_haproxy.number()
    );
    for (peer, text, port) in [(Peer::Nginx, &nginx, &for_nginx), (Peer::Haproxy, &haproxy, &for_haproxy)] {
        let Ok(program) = peer.find() else {
            say_skipped(&format!("SKIPPED {} in front: it is not here; install it", peer.name()));
            continue;
        };
        let front = Proxy::build(peer, &program, text).listener(port.number()).start().await;
        let _front = front.unwrap_or_else(|error| panic!("{} does not start: {}", peer.name(), error.log));
        let at = SocketAddr::from(([127, 0, 0, 1], port.number()));
        for _ in 0..3 {
            let response = causeway_testkit::exchange(at, &Request::get("/")).await.unwrap();
            assert_eq!((response.status, response.text().as_str()), (200, "in"), "{}", peer.name());
        }
    }
    assert!(site.stat(&format!("{}.ssl.handshake", scope(to))).await > 0);
}

#[tokio::test]
async fn a_quiet_connection_costs_little() {
    const MANY: usize = 300;
    let (folder, ports) = (Scratch::new(), Ports::reserve());
    write(folder.path(), Pki::get().identity("server"));
    let mut site = start(&ports, &listener(&from_files(folder.path()), "")).await;
    let client = TlsWish::to("lab.test").client();
    let open = async |count: usize| {
        let mut held = Vec::new();
        for _ in 0..count {
            let mut connection = client.open(site.address).await.unwrap();
            assert_eq!(connection.exchange(&Request::get("/")).await.unwrap().status, 200);
            held.push(connection);
        }
        held
    };
    // What is allocated once is there already.
    let first = open(50).await;
    let before = site.proxy.process().memory();
    let held = open(MANY).await;
    let after = site.proxy.process().memory();
    let each = after.saturating_sub(before) / MANY as u64;
    assert!(each <= 16, "{each} KiB for each");
    drop((first, held));
}

/// The scope of the listener's statistics.
fn scope(at: SocketAddr) -> String {
    format!("listener.{}_{}", at.ip(), at.port())
}

/// Runs a program and returns what it prints; `None`, with a line that says so, where it is not here.
async fn run<'a>(
    program: &str,
    arguments: impl Iterator<Item = &'a &'a str>,
    folder: &Path,
    input: &str,
) -> Option<String> {
    let line: Vec<_> = arguments.map(|argument| format!("'{argument}'")).collect();
    let shell = format!("printf '{input}' | {program} {} 2>&1", line.join(" "));
    let found = std::env::split_paths(&std::env::var_os("PATH")?).any(|path| path.join(program).exists());
    if !found {
        say_skipped(&format!("SKIPPED {program} as a client: it is not here; install it"));
        return None;
    }
    let mut process = ProcessBuilder::new("sh").arg("-c").arg(shell).start(folder).unwrap();
    process.wait(Duration::from_secs(10)).await;
    Some(process.stdout())
}
