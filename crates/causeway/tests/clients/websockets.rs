//! WebSockets of Python's library `websockets`, on both sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_testkit::{
    Connection, Pki, Port, Process, ProcessBuilder, Request, Scratch, eventually, say_skipped,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::site::{Listener, Site};
use super::{PATIENCE, WITH_WEBSOCKETS, cluster, run, start, tls};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/talk.py");

/// What the client sees of a back-end that it talks to without a proxy between them.
const SEEN: &str = "\
extensions ['permessage-deflate']
echo True
echo True
echo True
echo True
large True
many True
fragments in three fragments
pong
closed here 4001 enough
extensions []
echo True
echo True
echo True
echo True
large True
many True
fragments in three fragments
pong
closed here 4001 enough
ping the client answered a ping
closed there 1000 as was asked
closed there 1001 as was asked
closed there 1011 as was asked
closed there 4321 as was asked
refused 403 not you
";

/// The Python that has the library, or a line that says that the test is skipped.
pub(crate) fn python(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/websockets/bin/python");
    let found = path.is_file().then_some(path);
    if found.is_none() {
        say_skipped(&format!(
            "SKIPPED {test}: the library websockets is not there; conformance/install-websockets.sh installs it"
        ));
    }
    found
}

/// A back-end that the library makes.
pub(crate) async fn back_end(python: &Path, port: &Port) -> (Process, Scratch) {
    let (folder, number) = (Scratch::new(), port.number().to_string());
    let process = ProcessBuilder::new(python).args([PROGRAM, "serve", &number]).start(folder.path()).unwrap();
    let listens = async || TcpStream::connect(("127.0.0.1", port.number())).await.is_ok();
    assert!(eventually(PATIENCE, listens).await, "{}", process.stderr());
    (process, folder)
}

#[tokio::test]
async fn the_library_sees_no_proxy() {
    let Some(python) = python("the_library_sees_no_proxy") else { return };
    let (folder, port) = (Pki::get().folder(), Port::reserve());
    let (process, _scratch) = back_end(&python, &port).await;
    let clear = Listener { manager: WITH_WEBSOCKETS.to_owned(), ..Listener::default() };
    let secure = Listener { chain: tls(folder.path()), ..clear.clone() };
    let clusters = cluster("app", port.number());
    let (clear, secure) = (start(&clear, &clusters).await, start(&secure, &clusters).await);
    let ca = folder.file("ca.pem").display().to_string();

    let to = format!("ws://lab.test:{}", clear.address.port());
    assert_eq!(run(&python, &[PROGRAM, "ask", &to]).await, SEEN);
    all_is_over(&clear, 8).await;
    let to = format!("wss://lab.test:{}", secure.address.port());
    assert_eq!(run(&python, &[PROGRAM, "ask", &to, &ca]).await, SEEN);
    all_is_over(&secure, 8).await;

    // The codes that the client closes with arrive, before its connections end.
    let told = || process.stdout().matches("closed by the client: 4001 enough").count();
    assert!(eventually(Duration::from_secs(5), async || told() == 4).await, "{}", process.stdout());
}

/// A client of HTTP/1, Causeway, Causeway, and a back-end of HTTP/1. Between the two there is HTTP/2, and the second forgets the
/// key, so that each makes what HTTP/1 demands and HTTP/2 does not have (RFC 8441, section 5).
#[tokio::test]
async fn a_key_and_its_answer_are_made_where_http2_has_none() {
    let Some(python) = python("a_key_and_its_answer_are_made_where_http2_has_none") else { return };
    let port = Port::reserve();
    let (_process, _scratch) = back_end(&python, &port).await;
    let routes =
        "- match: {prefix: /}\n  route: {cluster: app}\n  request_headers_to_remove: [sec-websocket-key]\n"
            .to_owned();
    let behind = Listener { manager: WITH_WEBSOCKETS.to_owned(), routes, ..Listener::default() };
    let behind = start(&behind, &cluster("app", port.number())).await;
    let front = Listener { manager: WITH_WEBSOCKETS.to_owned(), ..Listener::default() };
    let front = start(&front, &(cluster("app", behind.address.port()) + OF_HTTP2)).await;
    let to = format!("ws://lab.test:{}", front.address.port());
    assert_eq!(run(&python, &[PROGRAM, "ask", &to]).await, SEEN);
    all_is_over(&front, 8).await;
    all_is_over(&behind, 8).await;
}

/// A cluster of HTTP/2 back-ends that take WebSockets.
const OF_HTTP2: &str = "  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: {http2_protocol_options: {allow_connect: true}}
";

/// What a client sends behind its request must not be taken for another request by a back-end that refuses.
#[tokio::test]
async fn nothing_passes_before_the_101() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let site = start(
        &Listener { manager: WITH_WEBSOCKETS.to_owned(), ..Listener::default() },
        &cluster("app", listener.local_addr().unwrap().port()),
    )
    .await;
    let upgrade = Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
    let mut client = Connection::open(site.address).await.unwrap();
    client.write([&upgrade.to_bytes()[..], b"early"].concat()).await;
    let (mut taken, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert_ne!(taken.read_buf(&mut seen).await.unwrap(), 0);
    }
    let more = timeout(Duration::from_millis(300), taken.read_buf(&mut seen)).await;
    assert!(more.is_err(), "{}", String::from_utf8_lossy(&seen));
    taken
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    let mut early = [0; 5];
    taken.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");
    assert_eq!(client.response("GET").await.unwrap().status, 101);
}

/// So many have asked for a WebSocket, none is left, and nothing has failed: that one side has closed a WebSocket is no
/// failure.
pub(crate) async fn all_is_over(site: &Site, asked: u64) {
    let gauge = "http.ingress.downstream_cx_upgrades_active";
    assert!(eventually(Duration::from_secs(5), async || site.stat(gauge).await == 0).await);
    assert_eq!(site.stat("http.ingress.downstream_cx_upgrades_total").await, asked);
    // Browsers open more connections than they need, and leave them, and their own requests, when they like.
    let is_browsers_own =
        |failure: &Value| failure["reason"] == "tls_handshake_closed" || failure["path"] == "/favicon.ico";
    let journal = site.json("/why?format=json").await;
    let failures = journal["failures"].as_array().unwrap();
    assert!(failures.iter().all(is_browsers_own), "{}", site.page("/why").await);
}
