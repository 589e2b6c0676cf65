//! What is counted while one side takes a body more slowly than the other sends it. How often and how much depends on who
//! holds what on the way, so it is compared whether anything is.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Reply, Run, Script};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// More than what systems and proxies hold on the way.
const LARGE: usize = 20 * 1024 * 1024;

/// What is counted when reading stops and when it goes on, for each way, and where bytes wait meanwhile.
const TO_CLIENT: [&str; 3] = [
    "cluster.app.upstream_flow_control_paused_reading_total",
    "cluster.app.upstream_flow_control_resumed_reading_total",
    "http.ingress.downstream_cx_tx_bytes_buffered",
];
const TO_UPSTREAM: [&str; 3] = [
    "http.ingress.downstream_flow_control_paused_reading_total",
    "http.ingress.downstream_flow_control_resumed_reading_total",
    "cluster.app.upstream_cx_tx_bytes_buffered",
];
const UPSTREAM: [&str; 3] = [
    "cluster.app.upstream_flow_control_backed_up_total",
    "cluster.app.upstream_flow_control_drained_total",
    "cluster.app.upstream_cx_tx_bytes_buffered",
];

const WAITS: &str = "while it waits";

/// Notes for each of them whether it has waited, whether it went on behind that, and whether bytes wait now.
async fn note(run: &mut Run, when: &str) {
    let stats = run.stats().await;
    let of = |name: &str| stats.get(name).copied().unwrap_or_default();
    let ways = [("to the client", TO_CLIENT), ("to the back-end", TO_UPSTREAM), ("the back-end", UPSTREAM)];
    let seen: Map<String, Value> = ways
        .iter()
        .map(|(way, [paused, resumed, waiting])| {
            // Envoy says of most responses that end like that, that reading went on, but not of all.
            let goes_on = when == WAITS || of(resumed) > 0;
            ((*way).to_owned(), json!([of(paused) > 0, goes_on, of(waiting) > 0]))
        })
        .collect();
    run.note(when, seen.into());
}

async fn connect(run: &Run) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(run.listener()).await.expect("a connection")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_client_that_reads_slowly")
            .backend("app", Reply::ok("x".repeat(LARGE)))
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = connect(run).await;
                let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
                client.write_all(request).await.expect("a request");
                tokio::time::sleep(Duration::from_millis(700)).await;
                note(run, WAITS).await;
                let mut answer = Vec::new();
                let _ = client.read_to_end(&mut answer).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
                note(run, "behind it").await;
            }),
        Case::new("a_back_end_that_reads_slowly")
            .backend(
                "app",
                Script::always(Answer::default().then_pause(Duration::from_millis(1500)).then_reset())
                    .early(),
            )
            .without_log()
            .step(async |run: &mut Run| {
                let mut client = connect(run).await;
                let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n");
                client.write_all(head.as_bytes()).await.expect("a request");
                let body = vec![b'x'; LARGE];
                let _ = tokio::time::timeout(Duration::from_millis(700), client.write_all(&body)).await;
                note(run, WAITS).await;
                tokio::time::sleep(Duration::from_millis(1200)).await;
                note(run, "behind it").await;
            }),
    ]
}
