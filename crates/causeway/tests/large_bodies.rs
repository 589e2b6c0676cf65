//! Bodies that are larger than any memory pass in a constant amount of it.
//!
//! They are made while they are sent and compared while they arrive, by the origin and a client that keep nothing.
//! With the binary of a debug build it is a quarter of a GiB each way; how many MiB it is is said by
//! `CAUSEWAY_BODY_MIB`, and which binary by `CAUSEWAY_BIN`:
//!
//! ```text
//! CAUSEWAY_BODY_MIB=10240 CAUSEWAY_BIN=$PWD/target/release/causeway cargo test -p causeway --test large_bodies -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

use std::path::PathBuf;
use std::time::Duration;

use causeway_testkit::{Peer, Port, Proxy, Request, exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const MIB: u64 = 1 << 20;
/// The length of the pattern that bodies repeat: no divisor of any buffer, so that a piece that is lost or
/// comes twice is seen.
const PATTERN: usize = 65_521;
/// The buffers of both connections, what is pooled, and what the allocator does not give back, in KiB. A body that
/// is kept anywhere is larger by far.
const GROWTH: u64 = 4 * 1024;
/// For each body; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(1800);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunked,
}

/// The pattern twice, so that any piece of it lies in one place.
fn pattern() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let once: Vec<u8> = (0..PATTERN).map(|_| next()).collect();
    once.repeat(2)
}

fn place(at: u64) -> usize {
    usize::try_from(at % PATTERN as u64).unwrap()
}

/// Sends a body that is made on the way.
async fn send(to: &mut TcpStream, framing: Framing, length: u64) {
    let pattern = pattern();
    let mut at = 0;
    let mut piece = Vec::new();
    while at < length {
        let here = usize::try_from((length - at).min(60_000)).unwrap();
        let data = &pattern[place(at)..][..here];
        piece.clear();
        if framing == Framing::Chunked {
            piece.extend_from_slice(format!("{here:x}\r\n").as_bytes());
            piece.extend_from_slice(data);
            piece.extend_from_slice(b"\r\n");
            to.write_all(&piece).await.unwrap();
        } else {
            to.write_all(data).await.unwrap();
        }
        at += here as u64;
    }
    if framing == Framing::Chunked {
        to.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

/// A connection that is read in pieces.
struct Reader {
    buffer: Vec<u8>,
    used: usize,
}

impl Reader {
    async fn fill(&mut self, from: &mut TcpStream) {
        if self.used == self.buffer.len() {
            self.buffer.clear();
            self.used = 0;
        }
        assert!(from.read_buf(&mut self.buffer).await.unwrap() > 0, "the connection ended too early");
    }

    /// A line without its end.
    async fn line(&mut self, from: &mut TcpStream) -> String {
        loop {
            let rest = &self.buffer[self.used..];
            if let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.used += end + 2;
                return line;
            }
            self.fill(from).await;
        }
    }

    /// The first line of a head, and how its body is framed: the length, or chunks where there is none.
    async fn head(&mut self, from: &mut TcpStream) -> (String, Option<u64>) {
        let first = self.line(from).await;
        let mut length = None;
        loop {
            let line = self.line(from).await;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = Some(value.parse().unwrap());
            }
            if line.is_empty() {
                return (first, length);
            }
        }
    }

    /// Compares a body with the pattern; how long it was.
    async fn body(&mut self, from: &mut TcpStream, length: Option<u64>) -> u64 {
        let pattern = pattern();
        let mut at = 0;
        loop {
            let size = match length {
                Some(length) => length,
                None => u64::from_str_radix(&self.line(from).await, 16).unwrap(),
            };
            let end = at + size;
            while at < end {
                if self.used == self.buffer.len() {
                    self.fill(from).await;
                }
                let rest = &self.buffer[self.used..];
                let here = usize::try_from(end - at).unwrap_or(usize::MAX).min(rest.len()).min(PATTERN);
                assert!(rest[..here] == pattern[place(at)..][..here], "other bytes behind {at}");
                at += here as u64;
                self.used += here;
            }
            if length.is_some() {
                return at;
            }
            assert_eq!(self.line(from).await, "");
            if size == 0 {
                return at;
            }
        }
    }
}

/// Answers `GET /length` and `GET /chunked` with a body, and everything else with the length of what came.
async fn origin(listener: TcpListener, length: u64) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut reader = Reader { buffer: Vec::with_capacity(256 * 1024), used: 0 };
            while socket.readable().await.is_ok() && socket.peek(&mut [0]).await.is_ok_and(|n| n > 0) {
                let (line, announced) = reader.head(&mut socket).await;
                if line.starts_with("GET /length") {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                    socket.write_all(head.as_bytes()).await.unwrap();
                    send(&mut socket, Framing::Length, length).await;
                } else if line.starts_with("GET /chunked") {
                    socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
                    send(&mut socket, Framing::Chunked, length).await;
                } else {
                    let came = reader.body(&mut socket, announced).await.to_string();
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", came.len());
                    socket.write_all((head + &came).as_bytes()).await.unwrap();
                }
            }
        });
    }
}

async fn upload(to: u16, framing: Framing, length: u64) {
    let mut socket = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let announced = match framing {
        Framing::Length => format!("content-length: {length}"),
        Framing::Chunked => "transfer-encoding: chunked".to_owned(),
    };
    let head = format!("POST /up HTTP/1.1\r\nhost: test\r\n{announced}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    send(&mut socket, framing, length).await;
    let mut reader = Reader { buffer: Vec::new(), used: 0 };
    let (line, answer) = reader.head(&mut socket).await;
    assert_eq!((line.as_str(), answer), ("HTTP/1.1 200 OK", Some(length.to_string().len() as u64)));
    while reader.buffer.len() - reader.used < length.to_string().len() {
        reader.fill(&mut socket).await;
    }
    assert_eq!(String::from_utf8_lossy(&reader.buffer[reader.used..]), length.to_string());
}

async fn download(to: u16, framing: Framing, length: u64) {
    let mut socket = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let path = if framing == Framing::Length { "length" } else { "chunked" };
    let head = format!("GET /{path} HTTP/1.1\r\nhost: test\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut reader = Reader { buffer: Vec::with_capacity(256 * 1024), used: 0 };
    let (line, announced) = reader.head(&mut socket).await;
    assert_eq!(line, "HTTP/1.1 200 OK");
    assert_eq!(announced, (framing == Framing::Length).then_some(length));
    assert_eq!(reader.body(&mut socket, announced).await, length);
}

#[tokio::test]
async fn bodies_of_any_length_pass_in_constant_memory() {
    let mib: u64 =
        std::env::var("CAUSEWAY_BODY_MIB").map_or(256, |text| text.parse().expect("a number of MiB"));
    let binary = std::env::var_os("CAUSEWAY_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_causeway")),
        |path| PathBuf::from(path).canonicalize().unwrap(),
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let back_end = listener.local_addr().unwrap().port();
    // One byte more, so that no border of a buffer falls on the end.
    let length = mib * MIB + 1;
    let _origin = tokio::spawn(origin(listener, length));
    let (listen, admin) = (Port::reserve(), Port::reserve());
    let config = format!(
        r#"
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {listen}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: app, timeout: 0s}}}}]}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: app
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {back_end}}}}}}}}}]}}]
"#,
        admin = admin.number(),
        listen = listen.number(),
    );
    let proxy = Proxy::build(Peer::Causeway, &binary, &config).listener(listen.number());
    let mut proxy = proxy.start().await.unwrap();
    let to = listen.number();
    // What is taken once is taken by one request.
    assert_eq!(exchange(([127, 0, 0, 1], to).into(), &Request::post("/up", "")).await.unwrap().status, 200);

    let before = proxy.process().memory();
    let mut most = before;
    for (up, framing) in [
        (true, Framing::Length),
        (true, Framing::Chunked),
        (false, Framing::Length),
        (false, Framing::Chunked),
    ] {
        let work = tokio::spawn(async move {
            if up { upload(to, framing, length).await } else { download(to, framing, length).await }
        });
        tokio::pin!(work);
        let mut most_here = 0;
        let begun = std::time::Instant::now();
        loop {
            let ended = timeout(Duration::from_millis(20), &mut work).await;
            most_here = most_here.max(proxy.process().memory());
            assert!(begun.elapsed() < PATIENCE, "{mib} MiB take too long");
            if let Ok(ended) = ended {
                ended.unwrap();
                break;
            }
        }
        let way = if up { "upload" } else { "download" };
        println!(
            "{mib} MiB, {way}, {framing:?}: {most_here} KiB at most, {before} KiB before, {:?}",
            begun.elapsed()
        );
        most = most.max(most_here);
    }
    let after = proxy.process().memory();
    println!("{before} KiB before, {most} KiB at most, {after} KiB after");
    assert!(most < before + GROWTH, "memory has grown from {before} to {most} KiB");
}
