//! Requests of HTTP/2 that would be two of HTTP/1, or another one, if a proxy wrote down what it was sent
//! (CVE-2021-39240, CVE-2023-27493, CVE-2026-42926 and others): none of them reaches the back-end as anything else
//! than it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

#[path = "site/mod.rs"]
mod site;

use std::time::Duration;

use causeway_testkit::frames::{Frame, Frames, request};
use causeway_testkit::{Backend, Received, Reply};

use site::{Listener, Options, Ports, Site, config};

/// What would begin another request, or another field.
const SPLITS: [&str; 8] = [
    "\r\n\r\nGET /evil HTTP/1.1\r\nhost: evil\r\n\r\n",
    " HTTP/1.1\r\nx-evil: 1\r\nx: ",
    "\r\nx-evil: 1",
    "\nx-evil: 1",
    "\rx-evil: 1",
    "\r\ntransfer-encoding: chunked",
    "\0x-evil: 1",
    "\r\n x-evil: 1",
];

type Fields = Vec<(String, String)>;

fn head(method: &str) -> Fields {
    request(method, "/asked").iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A head with this behind the value at a place.
fn behind(at: usize, split: &str) -> Fields {
    let mut fields = head("GET");
    fields[at].1.push_str(split);
    fields
}

fn with(name: &str, value: &str) -> Fields {
    let mut fields = head("POST");
    fields.push((name.to_owned(), value.to_owned()));
    fields
}

/// 48 ways to split a head, by what is in its parts.
fn splits() -> Vec<(Fields, &'static str)> {
    let mut ways = Vec::new();
    for split in SPLITS {
        // Method, scheme, authority and path.
        ways.extend((0..4).map(|at| (behind(at, split), "")));
        ways.push((with("x-field", &format!("1{split}")), ""));
        ways.push((with(&format!("x-field{split}"), "1"), ""));
    }
    ways
}

/// 16 ways to lie about the body.
fn lengths() -> Vec<(Fields, &'static str)> {
    const SECOND: &str = "GET /evil HTTP/1.1\r\nhost: evil\r\n\r\n";
    const CHUNKS: &str = "0\r\n\r\nGET /evil HTTP/1.1\r\nhost: evil\r\n\r\n";
    vec![
        (with("content-length", "0"), SECOND),
        (with("content-length", "5"), SECOND),
        (with("content-length", "500"), SECOND),
        (with("content-length", "+35"), SECOND),
        (with("content-length", "35, 0"), SECOND),
        (with("content-length", " 0"), SECOND),
        (with("content-length", "0x0"), SECOND),
        (with("content-length", ""), SECOND),
        (with("transfer-encoding", "chunked"), CHUNKS),
        (with("Transfer-Encoding", "chunked"), CHUNKS),
        (with("transfer-encoding", "identity"), CHUNKS),
        (with("transfer-encoding ", "chunked"), CHUNKS),
        (with("connection", "upgrade"), SECOND),
        (with("upgrade", "h2c"), SECOND),
        (with("te", "trailers, chunked"), CHUNKS),
        (with("x", "1"), CHUNKS),
    ]
}

#[tokio::test]
async fn sixty_four_ways_to_split_a_request_split_none() {
    let backend = Backend::start(Reply::ok("seen")).await;
    let ports = Ports::reserve();
    let address = backend.address();
    let cluster = format!(
        "- name: app\n  connect_timeout: 2s\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}\n",
        address.ip(),
        address.port()
    );
    // That a stream fails is no reason to send the rest on another connection.
    let listener = Listener::default();
    let text = config(ports.admin(), &listener.yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let ways: Vec<_> = splits().into_iter().chain(lengths()).collect();
    assert_eq!(ways.len(), 64);
    for (fields, body) in &ways {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut client = Frames::open(site.address).await.unwrap().patience(Duration::from_secs(2));
        let mut frames = vec![Frame::headers(1, &fields, body.is_empty())];
        if !body.is_empty() {
            frames.push(Frame::data(1, *body, true));
        }
        // What somebody else asks is what is split off, where anything is.
        frames.push(Frame::get(3, "/next"));
        client.send(&frames).await;
        loop {
            match client.next().await {
                Some(frame) if frame.stream == 3 && frame.kind == 1 => break,
                Some(_) => {}
                // Its connection has ended, as it may.
                None => break,
            }
        }
    }
    let received = backend.received();
    let split: Vec<&Received> = received.iter().filter(|request| !is_asked(request)).collect();
    assert!(split.is_empty(), "{split:?}");
    assert!(received.iter().any(|request| request.target == "/asked"), "the last one is right");
}

/// Whether a request is one that was asked, with nothing in it that was not.
fn is_asked(request: &Received) -> bool {
    let lengths =
        request.headers.all("content-length").count() + request.headers.all("transfer-encoding").count();
    matches!(request.target.as_str(), "/asked" | "/next")
        && matches!(request.method.as_str(), "GET" | "POST")
        && request.headers.get("x-evil").is_none()
        && request.headers.get("host") == Some("test")
        && lengths <= 1
}
