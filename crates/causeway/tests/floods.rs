//! Attacks on servers of HTTP/2: each is bounded in time and memory, has its name, and harms nobody else.
//!
//! They are those of `security` reports: CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316, CVE-2025-8671,
//! RUSTSEC-2026-0258, and what was called the HTTP/2 bomb in 2026.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

#[path = "site/mod.rs"]
mod site;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_testkit::frames::{Frame, Frames, PREFACE, request};
use causeway_testkit::{Backend, Reply, Request, exchange};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use site::{Listener, Options, Ports, Site, config};

/// Memory that an attack may cost.
const GROWTH: u64 = 5 << 20;
/// Others are served within this time while it goes on. Debug builds on busy machines are slow.
const SERVED: Duration = Duration::from_secs(2);

/// A site whose back-end has a large answer.
async fn site() -> (Site, Backend) {
    let backend = Backend::start(Reply::ok("x".repeat(300_000))).await;
    let ports = Ports::reserve();
    let address = backend.address();
    let cluster = format!(
        "- name: app\n  connect_timeout: 2s\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}\n",
        address.ip(),
        address.port()
    );
    let text = config(ports.admin(), &Listener::default().yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    (site, backend)
}

/// Sends a flood until the connection is closed, and nothing more can be sent; says how many bytes were taken. The
/// answers are not read unless the socket has to be emptied for the close to be seen.
async fn flood(to: SocketAddr, chunks: impl Iterator<Item = Vec<u8>>) -> (usize, bool) {
    let socket = TcpSocket::new_v4().unwrap();
    // What is not read has to wait at the other end.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let mut sent = 0;
    for bytes in std::iter::once(PREFACE.to_vec()).chain(chunks) {
        match tokio::time::timeout(Duration::from_secs(2), stream.write_all(&bytes)).await {
            Ok(Ok(())) => sent += bytes.len(),
            _ => break,
        }
    }
    let closed = tokio::time::timeout(Duration::from_secs(10), drain(&mut stream)).await.is_ok();
    (sent, closed)
}

async fn drain(stream: &mut TcpStream) {
    let mut bytes = vec![0; 1 << 16];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}

/// Runs an attack while somebody else asks; fails when that one is not served, when the attacker is not sent away
/// where it has to be, or when it costs more memory than it may.
async fn attack(name: &str, reason: Option<&str>, chunks: impl Iterator<Item = Vec<u8>> + 'static) {
    let (mut site, _backend) = site().await;
    // What every worker needs once is no growth.
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 200);
    let before = site.proxy.process().memory();
    let to = site.address;
    let local = tokio::task::LocalSet::new();
    let (sent, closed) = local
        .run_until(async {
            let attacker = tokio::task::spawn_local(flood(to, chunks));
            let mut slowest = Duration::ZERO;
            while !attacker.is_finished() {
                let begun = Instant::now();
                let answer = exchange(to, &Request::get("/")).await.expect("others are served");
                assert_eq!(answer.status, 200, "{name}");
                slowest = slowest.max(begun.elapsed());
            }
            assert!(slowest < SERVED, "{name}: somebody else waited for {slowest:?}");
            attacker.await.unwrap()
        })
        .await;
    let growth = site.proxy.process().memory().saturating_sub(before);
    assert!(growth < GROWTH, "{name}: {growth} bytes more than before, after {sent} bytes of attack");
    if let Some(reason) = reason {
        assert!(closed, "{name}: the connection is open after {sent} bytes");
        let counted = site.reasons().await;
        assert!(counted.contains_key(reason), "{name}: {counted:?}");
    }
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}

/// The same frames, so many times.
fn again(frames: &[Frame], times: usize) -> impl Iterator<Item = Vec<u8>> + use<> {
    std::iter::repeat_n(bytes(frames), times)
}

#[tokio::test]
async fn rapid_reset() {
    let pairs = (0..30_000_u32)
        .map(|number| bytes(&[Frame::get(number * 2 + 1, "/"), Frame::reset(number * 2 + 1, 8)]));
    attack("rapid reset", Some("http2_reset_flood"), pairs).await;
}

#[tokio::test]
async fn made_you_reset() {
    // The server resets by itself: what is sent on each stream breaks a promise.
    let short = |number: u32| {
        let stream = number * 2 + 1;
        let fields = [&request("POST", "/")[..], &[("content-length", "1")]].concat();
        bytes(&[Frame::headers(stream, &fields, false), Frame::data(stream, "ab", true)])
    };
    attack("made you reset", Some("http2_reset_flood"), (0..30_000).map(short)).await;
}

#[tokio::test]
async fn windows_that_can_not_be() {
    let nothing = [Frame::headers(1, &request("POST", "/"), false), Frame::window(1, 0)];
    attack("a window of nothing", Some("http2_protocol_error"), again(&nothing, 1)).await;
    let much = [Frame::headers(1, &request("POST", "/"), false), Frame::window(0, 0x7FFF_FFFF)];
    attack("a window without end", Some("http2_protocol_error"), again(&much, 1)).await;
    // One stream alone is reset: who does it again and again opens streams for nothing.
    let streams = (0..1000_u32).map(|number| number * 2 + 1).map(|stream| {
        bytes(&[Frame::headers(stream, &request("POST", "/"), false), Frame::window(stream, 0x7FFF_FFFF)])
    });
    attack("streams with windows without end", Some("http2_reset_flood"), streams).await;
}

#[tokio::test]
async fn heads_without_end() {
    let begin = || {
        std::iter::once(bytes(&[Frame::new(1, 1, 1, causeway_testkit::frames::block(&request("GET", "/")))]))
    };
    let field = causeway_testkit::frames::block(&[("x-field", &"x".repeat(1000))]);
    let large = Frame::new(9, 0, 1, field);
    attack("large", Some("http2_continuation_flood"), begin().chain(again(&[large], 10_000))).await;
    let empty = Frame::new(9, 0, 1, Vec::new());
    attack("empty", Some("http2_continuation_flood"), begin().chain(again(&[empty], 10_000))).await;
}

/// A head that fills the table with one large field, and then names it again and again.
fn bomb(stream: u32, entry: &[u8], times: usize) -> Frame {
    let mut block = causeway_testkit::frames::block(&request("GET", "/"));
    block.extend_from_slice(entry);
    block.extend(std::iter::repeat_n(0xBE, times));
    Frame::new(1, 5, stream, block)
}

/// A field that goes to the table.
fn kept(name: &str, value: &str) -> Vec<u8> {
    let mut field = causeway_testkit::frames::block(&[(name, value)]);
    field[0] = 0x40;
    field
}

#[tokio::test]
async fn fields_that_are_named_again_and_again() {
    let large = kept("x-bomb", &"x".repeat(3900));
    let heads = (0..300_u32)
        .map(move |number| bytes(&[bomb(number * 2 + 1, if number == 0 { &large } else { &[] }, 12_000)]));
    attack("large fields", Some("http2_fields_too_large"), heads).await;
    let tiny = kept("a", "");
    let heads = (0..300_u32)
        .map(move |number| bytes(&[bomb(number * 2 + 1, if number == 0 { &tiny } else { &[] }, 16_000)]));
    let no_window = std::iter::once(bytes(&[Frame::setting(4, 0)]));
    attack("tiny fields", Some("http2_too_many_fields"), no_window.chain(heads)).await;
    let crumb = kept("cookie", "");
    let heads = (0..300_u32)
        .map(move |number| bytes(&[bomb(number * 2 + 1, if number == 0 { &crumb } else { &[] }, 16_000)]));
    attack("crumbs of a cookie", Some("http2_too_many_fields"), heads).await;
}

#[tokio::test]
async fn answers_that_nobody_reads() {
    let settings = vec![Frame::setting(4, 65_535); 2000];
    attack("SETTINGS", Some("http2_control_flood"), again(&settings, 400)).await;
    let pings = vec![Frame::ping(); 2000];
    attack("PING", Some("http2_control_flood"), again(&pings, 400)).await;
}

#[tokio::test]
async fn frames_that_do_nothing() {
    let priorities = vec![Frame::new(2, 0, 1, [0, 0, 0, 0, 1]); 100];
    attack("PRIORITY", Some("http2_priority_flood"), again(&priorities, 1000)).await;
    let open = std::iter::once(bytes(&[Frame::headers(1, &request("POST", "/"), false)]));
    let empty = vec![Frame::data(1, "", false); 100];
    attack("empty DATA", Some("http2_empty_frame_flood"), open.chain(again(&empty, 1000))).await;
}

#[tokio::test]
async fn windows_that_open_byte_by_byte() {
    let open = std::iter::once(bytes(&[Frame::setting(4, 0), Frame::get(1, "/")]));
    let one = vec![Frame::window(1, 1); 100];
    attack("byte by byte", Some("http2_window_flood"), open.chain(again(&one, 1000))).await;
}

/// Large answers for which there is no window: as many as are allowed stand still, and hold little.
#[tokio::test]
async fn answers_that_stand_still() {
    let (mut site, _backend) = site().await;
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 200);
    let before = site.proxy.process().memory();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Frames::open(site.address).await.unwrap();
        client.send(&[Frame::setting(4, 0)]).await;
        let requests: Vec<Frame> = (0..50).map(|number| Frame::get(number * 2 + 1, "/")).collect();
        client.send(&requests).await;
        // Back-ends answer in any order.
        let mut answered = 0;
        while answered < 50 {
            let frame = client.next().await.expect("as many answers as requests");
            answered += usize::from(frame.kind == 1);
        }
        clients.push(client);
    }
    let each = site.proxy.process().memory().saturating_sub(before) / 200;
    assert!(each < 64 * 1024, "{each} bytes for each stream");
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 200);
}
