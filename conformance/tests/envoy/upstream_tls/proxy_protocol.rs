//! PROXY headers towards back-ends.

#![allow(clippy::unwrap_used, reason = "a panic is a failed case")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_conformance::{Case, Request, Run, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::files;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const TYPE: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";
const RAW: &str = "{name: raw, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}";
const TLS: &str = "{name: tls, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: lab.test}}";

/// A listener filter that keeps all TLVs.
const FILTER: &str = "
    listener_filters:
    - name: proxy
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
        allow_requests_without_proxy_protocol: true
        pass_through_tlvs: {match_type: INCLUDE_ALL}";

fn socket(config: &str, inner: &str) -> String {
    format!(
        "transport_socket: {{name: proxy, typed_config: {{\"@type\": {TYPE}, config: {{{config}}}, transport_socket: {inner}}}}}"
    )
}

/// What a back-end has seen of its connections.
#[derive(Clone, Default)]
struct Seen {
    /// The header of each, and what came behind it.
    heads: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<usize>>,
}

impl Seen {
    /// Listens in place of the back-end that refuses connections.
    async fn listen(run: &Run) -> Self {
        let seen = Self::default();
        let listener = TcpListener::bind(run.address("app")).await.unwrap();
        let (kept, front) = (seen.clone(), run.listener().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(kept.clone().serve(stream, front));
            }
        });
        seen
    }

    async fn serve(self, mut stream: TcpStream, front: u16) {
        let mut bytes = Vec::new();
        let length = loop {
            let mut room = [0; 4096];
            let Ok(count @ 1..) = stream.read(&mut room).await else { return };
            bytes.extend_from_slice(&room[..count]);
            if let Some(length) = header_length(&bytes).filter(|length| bytes.len() > *length) {
                break length;
            }
        };
        let (head, rest) = bytes.split_at(length);
        let next = match rest {
            [22, 3, ..] => "TLS",
            [b'G', ..] => "HTTP",
            _ => "something else",
        };
        self.heads.lock().unwrap().push(format!("{} then {next}", shown(head, front)));
        let mut requests = rest.to_vec();
        loop {
            if next == "HTTP" && requests.ends_with(b"\r\n\r\n") {
                requests.clear();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
            let mut room = [0; 4096];
            match stream.read(&mut room).await {
                Ok(count @ 1..) => requests.extend_from_slice(&room[..count]),
                _ => break,
            }
            if next == "TLS" {
                return;
            }
        }
        *self.ended.lock().unwrap() += 1;
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// How long the header is, once that can be told.
fn header_length(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"PROXY ") {
        return bytes.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
    }
    if bytes.starts_with(SIGNATURE) {
        return Some(16 + usize::from(u16::from_be_bytes([*bytes.get(14)?, *bytes.get(15)?])));
    }
    (bytes.len() >= SIGNATURE.len()).then_some(0)
}

/// A header without the ports that chance decides.
fn shown(head: &[u8], front: u16) -> String {
    let port = |port: u16| match port {
        1111 | 2222 => port.to_string(),
        port if port == front => "<listen>".to_owned(),
        _ => "<port>".to_owned(),
    };
    if let Ok(line) = std::str::from_utf8(head)
        && line.starts_with("PROXY ")
    {
        let words = line.trim_end().split(' ').enumerate();
        let words =
            words.map(|(at, word)| if at > 3 { port(word.parse().unwrap()) } else { word.to_owned() });
        return words.collect::<Vec<_>>().join(" ");
    }
    let mut head = head.to_vec();
    if head.len() >= 28 && head[13] == 0x11 {
        let ports = [u16::from_be_bytes([head[24], head[25]]), u16::from_be_bytes([head[26], head[27]])];
        head.drain(24..28);
        let rest = head.split_off(16);
        return format!("{} {} {}", rest.escape_ascii(), port(ports[0]), port(ports[1]));
    }
    head.get(12..).unwrap_or_default().escape_ascii().to_string()
}

/// What stands in front of a request.
fn v2(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut body = vec![1, 2, 3, 4, 5, 6, 7, 8];
    body.extend_from_slice(&1111_u16.to_be_bytes());
    body.extend_from_slice(&2222_u16.to_be_bytes());
    for (kind, value) in tlvs {
        body.push(*kind);
        body.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
    }
    let mut head = SIGNATURE.to_vec();
    head.extend_from_slice(&[0x21, 0x11]);
    head.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    head.extend_from_slice(&body);
    head
}

/// Two requests on each of several connections, which begin with these headers.
fn requests(
    name: &'static str,
    config: &'static str,
    fields: &str,
    fronts: &'static [&'static [u8]],
) -> Case {
    Case::new(name)
        .listener(FILTER)
        .dead("app")
        .cluster("app", fields)
        .cluster("app", &socket(config, RAW))
        .without_log()
        .step(async move |run: &mut Run| {
            let seen = Seen::listen(run).await;
            let own = v2(&[(0xEA, b"vpce"), (0xEB, b"other")]);
            for front in std::iter::once(&own[..]).chain(fronts.iter().copied()) {
                let mut client = run.connect().await;
                client.write(front).await;
                for _ in 0..2 {
                    let answer = client.exchange(&Request::get("/")).await;
                    assert_eq!(answer.map(|answer| answer.status).ok(), Some(200));
                }
            }
            run.note("headers", json!(seen.heads()));
        })
}

pub(crate) fn cases() -> Vec<Case> {
    const FRONTS: &[&[u8]] = &[
        b"",
        b"PROXY TCP4 9.9.9.9 8.8.8.8 1111 2222\r\n",
        b"PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n",
    ];
    let per_host = "load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{app}}}}}
          metadata:
            typed_filter_metadata:
              envoy.transport_sockets.proxy_protocol:
                \"@type\": type.googleapis.com/envoy.config.core.v3.PerHostConfig
                added_tlvs: [{type: 0xE1, value: aG9zdA==}, {type: 0xF0, value: aG9zdA==}]";
    let host_case = |name| {
        Case::new(name)
            .listener(FILTER)
            .dead("app")
            .without_log()
            .more_clusters(&format!(
                "- name: told\n  type: STATIC\n  {}\n  {}",
                per_host.replace('\n', "\n  ").replace("\n      ", "\n  "),
                socket("version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}, added_tlvs: [{type: 0xF0, value: bGFi}]", RAW)
            ))
            .routes("- {match: {prefix: /}, route: {cluster: told}}")
            .step(async |run: &mut Run| {
                let seen = Seen::listen(run).await;
                let mut client = run.connect().await;
                client.write(&v2(&[(0xF0, b"client"), (0xEB, b"other")])).await;
                let answer = client.exchange(&Request::get("/")).await;
                run.note("status", json!(answer.map(|answer| answer.status).ok()));
                run.note("headers", json!(seen.heads()));
            })
    };
    vec![
        requests("version_1_says_who_the_client_is", "version: V1", "", FRONTS),
        requests("version_2_says_who_the_client_is", "version: V2", "", FRONTS),
        requests(
            "all_tlvs_are_passed",
            "version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}",
            "",
            FRONTS,
        ),
        requests(
            "some_tlvs_are_passed",
            "version: V2, pass_through_tlvs: {match_type: INCLUDE, tlv_type: [0xEA]}",
            "",
            FRONTS,
        ),
        requests(
            "tlvs_that_are_added_come_first",
            "version: V2, pass_through_tlvs: {match_type: INCLUDE_ALL}, added_tlvs: [{type: 0xF0, value: bGFi}, {type: 0xEA, value: b3Zlcg==}]",
            "",
            FRONTS,
        ),
        host_case("tlvs_of_the_endpoint_take_the_place_of_those_of_the_cluster"),
        Case::new("clients_share_no_connection")
            .dead("app")
            .cluster("app", &socket("version: V1", RAW))
            .without_log()
            .step(async |run: &mut Run| {
                let seen = Seen::listen(run).await;
                for _ in 0..3 {
                    let mut client = run.connect().await;
                    let answer = client.exchange(&Request::get("/")).await;
                    assert_eq!(answer.map(|answer| answer.status).ok(), Some(200));
                }
                run.note("connections", json!(seen.heads().len()));
            }),
        Case::new("the_connection_ends_with_the_client")
            .dead("app")
            .cluster("app", &socket("version: V1", RAW))
            .without_log()
            .step(async |run: &mut Run| {
                let seen = Seen::listen(run).await;
                let mut client = run.connect().await;
                let answer = client.exchange(&Request::get("/")).await;
                assert_eq!(answer.map(|answer| answer.status).ok(), Some(200));
                drop(client);
                let ended =
                    eventually(Duration::from_secs(1), async || *seen.ended.lock().unwrap() == 1).await;
                run.note("ended", json!(ended));
            })
            .differs("D-92", &["ended"], true),
        files(
            Case::new("the_header_comes_before_tls")
                .dead("app")
                .cluster("app", &socket("version: V1", TLS))
                .without_log()
                .step(async |run: &mut Run| {
                    let seen = Seen::listen(run).await;
                    let mut client = run.connect().await;
                    let answer = client.exchange(&Request::get("/")).await;
                    run.note("status", json!(answer.map(|answer| answer.status).ok()));
                    run.note("headers", json!(seen.heads()));
                }),
        ),
    ]
}
