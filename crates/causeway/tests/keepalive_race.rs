//! The commonest 503 of all: a back-end closes a connection that was idle just as a request is sent on it
//! (RFC 9112 §9.3.1). Here it costs no request; what it costs with Envoy is counted beside it, where Envoy is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod site;

use std::net::SocketAddr;
use std::time::Duration;

use causeway_testkit::{Connection, Peer, Port, Proxy, Request, say_skipped};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use site::{Listener, config};

/// How long the back-end keeps a connection that is idle.
const IDLE: Duration = Duration::from_secs(1);
/// How long it takes from the decision to close one until that is done.
const BUSY: Duration = Duration::from_millis(20);
/// Each has a cluster of its own, and so a connection that nobody else uses.
const CLIENTS: u64 = 60;
const ROUNDS: u64 = 6;

/// Answers every request, and closes connections that were idle for too long.
async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let Ok(read) = timeout(IDLE, stream.read(&mut piece)).await else {
            // It has made up its mind, and something else to do before.
            sleep(BUSY).await;
            return;
        };
        let Ok(count @ 1..) = read else { return };
        request.extend_from_slice(&piece[..count]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

async fn back_end() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// Everybody asks once a second, up to a tenth of a second earlier or later by chance. How often was the answer no 200?
async fn failures(proxy: SocketAddr) -> usize {
    let start = Instant::now() + Duration::from_millis(200);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(async move {
            let mut connection = Connection::open(proxy).await.unwrap();
            let mut failed = 0;
            let request = Request::get(&format!("/{client}/"));
            let mut next = start;
            for round in 0..ROUNDS {
                sleep_until(next).await;
                let answer = connection.exchange(&request).await;
                // Chance that is the same in every run.
                let drawn = (client * ROUNDS + round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                next = Instant::now() + Duration::from_millis(900 + drawn % 200);
                failed += usize::from(answer.is_ok_and(|answer| answer.status != 200));
            }
            failed
        });
    }
    clients.join_all().await.into_iter().sum()
}

/// Starts a proxy in front of a back-end of its own.
async fn start(peer: Peer) -> Result<(Proxy, SocketAddr), String> {
    let binary = match peer {
        Peer::Causeway => env!("CARGO_BIN_EXE_causeway").into(),
        _ => peer.find().map_err(|missing| missing.to_string())?,
    };
    let (listener, admin) = (Port::reserve(), Port::reserve());
    let at = |port: &Port| SocketAddr::from(([127, 0, 0, 1], port.number()));
    let port = back_end().await;
    let cluster = |name: u64| {
        format!(
            "- name: c{name}\n  connect_timeout: 1s\n  load_assignment: {{cluster_name: c{name}, endpoints: [{{lb_endpoints: \
             [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
        )
    };
    let clusters: String = (0..CLIENTS).map(cluster).collect();
    let route = |name: u64| format!("- match: {{prefix: /{name}/}}\n  route: {{cluster: c{name}}}\n");
    let routes = (0..CLIENTS).map(route).collect();
    let manager = Listener { routes, ..Listener::default() }.yaml(at(&listener));
    // The other one does not know all columns of this log.
    let ours = ["%CAUSEWAY_REASON%\\t%CAUSEWAY_EVIDENCE%\\t", "\\t%WHY_CODE%\\t%WHY_ID%"];
    let manager = ours.iter().fold(manager, |manager, columns| manager.replace(columns, ""));
    let text = config(at(&admin), &manager, &clusters);
    let address = at(&listener);
    let proxy =
        Proxy::build(peer, &binary, &text).admin(at(&admin)).listener(listener.number()).start().await;
    proxy.map(|proxy| (proxy, address)).map_err(|refused| format!("{refused:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_just_closed_costs_no_request() {
    let (_proxy, ours) = start(Peer::Causeway).await.unwrap();
    match start(Peer::Envoy).await {
        Ok((_envoy, theirs)) => {
            let (ours, theirs) = tokio::join!(failures(ours), failures(theirs));
            println!("of {} requests failed: {ours}, with Envoy {theirs}", CLIENTS * ROUNDS);
            assert_eq!(ours, 0);
        }
        Err(why) => {
            say_skipped(&format!("SKIPPED the count for Envoy: {why}"));
            assert_eq!(failures(ours).await, 0);
        }
    }
}
