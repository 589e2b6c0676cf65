//! One header for each thing that can be right or wrong with one, sent to a listener that expects headers. Where other
//! proxies are known to disagree, the row says so.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_testkit::{Connection, Request, eventually};

use crate::site::{Listener, Options, Ports, Site, config};

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const FILTER: &str = r#"listener_filters:
- name: envoy.filters.listener.proxy_protocol
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
    stat_prefix: edge
"#;

/// The fixed part of a header of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// 192.0.2.1 port 1111 speaks to 198.51.100.2 port 443.
const V4: &[u8] = b"\xc0\0\x02\x01\xc6\x33\x64\x02\x04\x57\x01\xbb";
/// The same with 2001:db8::1 and 2001:db8::2.
const V6: &[u8] =
    b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x04\x57\x01\xbb";

/// What becomes of a connection, and what it counts as.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// The request behind the header is answered, and comes from this address; without one, from where it does.
    Taken(Option<&'static str>, Counted),
    /// It is closed, for a reason and with these words among the evidence.
    Closed(&'static str, &'static str, Counted),
}

/// The counters that go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// A header of this version.
    Found(u8),
    /// What was none, of this version.
    Error(u8),
    /// No header at all.
    NotFound,
}

use Becomes::{Closed, Taken};
use Counted::{Error, Found, NotFound};

const CLIENT: Option<&str> = Some("192.0.2.1:1111");
const CLIENT_OF_V6: Option<&str> = Some("[2001:db8::1]:1111");
const INVALID: &str = "proxy_header_invalid";
const MISSING: &str = "proxy_header_missing";

fn v1(line: &str) -> Vec<u8> {
    format!("{line}\r\n").into_bytes()
}

fn v2(version_and_command: u8, protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, protocol], &length, body].concat()
}

/// On behalf of a client by TCP over IPv4, with something behind the addresses.
fn v2_with(tlvs: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[V4, tlvs].concat())
}

fn vectors() -> Vec<(&'static str, Vec<u8>, Becomes)> {
    let checksum = |value: [u8; 4]| v2_with(&[&[3, 0, 4], value.as_slice()].concat());
    let right = crc32c(&checksum([0; 4]));
    vec![
        // Version 1.
        ("IPv4", v1("PROXY TCP4 192.0.2.1 198.51.100.2 1111 443"), Taken(CLIENT, Found(1))),
        ("IPv6", v1("PROXY TCP6 2001:db8::1 2001:db8::2 1111 443"), Taken(CLIENT_OF_V6, Found(1))),
        (
            "the longest of IPv6",
            v1(
                "PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0001 2001:0db8:0000:0000:0000:0000:0000:0002 1111 443",
            ),
            Taken(CLIENT_OF_V6, Found(1)),
        ),
        ("UNKNOWN", v1("PROXY UNKNOWN"), Taken(None, Found(1))),
        (
            "UNKNOWN with addresses",
            v1("PROXY UNKNOWN 192.0.2.1 198.51.100.2 1111 443"),
            Taken(None, Found(1)),
        ),
        // The specification has it skipped to the end of the line; HAProxy closes.
        ("UNKNOWN with anything", v1("PROXY UNKNOWN junk"), Taken(None, Found(1))),
        // HAProxy takes these three for the port 34463 and for 1.2.4.144 and 1.2.3.4.
        (
            "a port above 65535",
            v1("PROXY TCP4 192.0.2.1 198.51.100.2 99999 443"),
            Closed(INVALID, "a port", Error(1)),
        ),
        (
            "a byte above 255",
            v1("PROXY TCP4 1.2.3.400 198.51.100.2 1111 443"),
            Closed(INVALID, "an address", Error(1)),
        ),
        (
            "a leading zero in an address",
            v1("PROXY TCP4 01.2.3.4 198.51.100.2 1111 443"),
            Closed(INVALID, "an address", Error(1)),
        ),
        // Envoy takes this one (D-120).
        (
            "a leading zero in a port",
            v1("PROXY TCP4 192.0.2.1 198.51.100.2 01111 443"),
            Closed(INVALID, "a port", Error(1)),
        ),
        (
            "a port below 0",
            v1("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443"),
            Closed(INVALID, "a port", Error(1)),
        ),
        (
            "a port is missing",
            v1("PROXY TCP4 192.0.2.1 198.51.100.2 1111"),
            Closed(INVALID, "the fields", Error(1)),
        ),
        (
            "two spaces",
            v1("PROXY TCP4  192.0.2.1 198.51.100.2 1111 443"),
            Closed(INVALID, "its line", Error(1)),
        ),
        (
            "IPv6 said to be IPv4",
            v1("PROXY TCP4 2001:db8::1 2001:db8::2 1111 443"),
            Closed(INVALID, "an address", Error(1)),
        ),
        (
            "another protocol",
            v1("PROXY UDP4 192.0.2.1 198.51.100.2 1111 443"),
            Closed(INVALID, "the fields", Error(1)),
        ),
        (
            "LF without CR",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 1111 443\n".to_vec(),
            Closed(INVALID, "CR LF", Error(1)),
        ),
        (
            "a line of 108 bytes",
            v1(&format!("PROXY UNKNOWN {}", "x".repeat(92))),
            Closed(INVALID, "its line", Error(1)),
        ),
        (
            "an address of nobody",
            v1("PROXY TCP4 0.0.0.0 198.51.100.2 1111 443"),
            Closed(INVALID, "0.0.0.0", Error(1)),
        ),
        (
            "small letters",
            v1("proxy tcp4 192.0.2.1 198.51.100.2 1111 443"),
            Closed(MISSING, "proxy tcp4", NotFound),
        ),
        // Version 2.
        ("binary, IPv4", v2_with(b""), Taken(CLIENT, Found(2))),
        ("binary, IPv6", v2(0x21, 0x21, V6), Taken(CLIENT_OF_V6, Found(2))),
        ("with TLVs", v2_with(b"\x01\0\x02h2\x05\0\x03abc\x04\0\x01\0"), Taken(CLIENT, Found(2))),
        ("LOCAL", v2(0x20, 0x00, b""), Taken(None, Found(2))),
        ("LOCAL with addresses", v2(0x20, 0x11, V4), Taken(None, Found(2))),
        ("a right checksum", checksum(right), Taken(CLIENT, Found(2))),
        // Envoy takes these two (D-121).
        ("a wrong checksum", checksum([1, 2, 3, 4]), Closed(INVALID, "its checksum is 01020304", Error(2))),
        ("datagrams", v2(0x21, 0x12, V4), Closed(INVALID, "datagrams", Error(2))),
        ("Unix sockets", v2(0x21, 0x31, &[0; 216]), Closed(INVALID, "Unix sockets", Error(2))),
        ("no family", v2(0x21, 0x00, V4), Closed(INVALID, "no family", Error(2))),
        ("too short for its addresses", v2(0x21, 0x21, V4), Closed(INVALID, "12 bytes", Error(2))),
        ("another version", v2(0x31, 0x11, V4), Closed(INVALID, "version 3", Error(2))),
        ("another command", v2(0x22, 0x11, V4), Closed(INVALID, "command 2", Error(2))),
        ("a TLV beyond the end", v2_with(b"\x01\0\x09h2"), Closed(INVALID, "TLV 0x01", Error(2))),
        ("half a TLV", v2_with(b"\x01\0"), Closed(INVALID, "middle of a TLV", Error(2))),
        // No header.
        ("a request", Vec::new(), Closed(MISSING, "GET / HTTP/1.1", NotFound)),
        (
            "TLS",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            Closed(MISSING, r"\x16\x03\x01", NotFound),
        ),
    ]
}

/// CRC-32C bit by bit (RFC 3720 appendix B.4), as a header has it when the place for it is zero.
fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
    let byte = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum));
    (!bytes.iter().fold(u32::MAX, byte)).to_be_bytes()
}

/// All counters of the filter.
async fn counters(site: &Site) -> Vec<String> {
    let page = site.page("/stats?filter=proxy_proto").await;
    page.lines().filter(|line| !line.ends_with(": 0")).map(str::to_owned).collect()
}

/// What they are after one connection.
fn expected(counted: Counted) -> Vec<String> {
    let lines: &[&str] = match counted {
        Found(1) => &["proxy_proto.edge.versions.v1.found: 1"],
        Found(_) => &["proxy_proto.edge.versions.v2.found: 1"],
        Error(1) => &["downstream_cx_proxy_proto_error: 1", "proxy_proto.edge.versions.v1.error: 1"],
        Error(_) => &["downstream_cx_proxy_proto_error: 1", "proxy_proto.edge.versions.v2.error: 1"],
        NotFound => &["downstream_cx_proxy_proto_error: 1", "proxy_proto.edge.not_found_disallowed: 1"],
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Sends a vector and the request behind it, at once or in two pieces.
async fn send(site: &Site, header: &[u8], split: bool) -> (Connection, SocketAddr) {
    let mut client = Connection::open(site.address).await.unwrap();
    let own = client.local().unwrap();
    let bytes = [header, &Request::get("/").to_bytes()].concat();
    let (first, second) = bytes.split_at(if split { header.len() / 2 } else { 0 });
    client.write(first).await;
    if split {
        // The two have to arrive one by one.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.write(second).await;
    (client, own)
}

#[tokio::test]
async fn each_header_is_taken_or_refused_with_its_reason_and_counted() {
    let ports = Ports::reserve();
    let routes = "- match: {prefix: /}\n  direct_response: {status: 200}\n  response_headers_to_add: [{header: {key: \
                  x-client, value: \"%DOWNSTREAM_REMOTE_ADDRESS%\"}}]\n";
    let listener = Listener { fields: FILTER.to_owned(), routes: routes.to_owned(), ..Listener::default() };
    let text = config(ports.admin(), &listener.yaml(ports.listener()), "- name: app\n");
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    let mut wrong = Vec::new();
    for (name, header, becomes) in vectors() {
        for split in [false, true] {
            let reset = Request::new("POST", "/reset_counters").header("content-length", "0");
            causeway_testkit::exchange(site.admin, &reset).await.unwrap();
            let logged = site.access_log().len();
            let (mut client, own) = send(&site, &header, split).await;
            let answer = client.response("GET").await;
            drop(client);
            // Of each connection the listener logs a line, and the connection manager one of its request.
            let lines = if matches!(becomes, Taken(..)) { 2 } else { 1 };
            let all = async || site.access_log().len() >= logged + lines;
            assert!(eventually(PATIENCE, all).await, "{name}: {:?}", site.access_log());
            let line = site.access_log().remove(logged);
            let (is, counted) = match becomes {
                Taken(client, counted) => {
                    let client = client.map_or_else(|| own.to_string(), str::to_owned);
                    let seen =
                        answer.ok().and_then(|answer| answer.headers.get("x-client").map(str::to_owned));
                    (seen == Some(client), counted)
                }
                Closed(reason, words, counted) => {
                    (answer.is_err() && line.reason == reason && line.evidence.contains(words), counted)
                }
            };
            let counters = counters(&site).await;
            if !is || counters != expected(counted) {
                wrong.push(format!("{name} (split: {split}): {line:?} {counters:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
