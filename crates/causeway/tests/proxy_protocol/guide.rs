//! Envoy's guide to PROXY headers from end to end: its cluster, in front of a listener that expects the header, with
//! both versions, with and without TLS. A sniffer is the witness.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_testkit::{Connection, Pki, Request, Scratch, say_skipped};

use crate::capture::{Capture, Segment};
use crate::site::{Listener, Options, Ports, Site, config};

/// The cluster of the guide, word for word.
const OF_THE_GUIDE: &str = r#"- name: service1
  connect_timeout: 0.25s
  type: strict_dns
  lb_policy: round_robin
  transport_socket:
    name: envoy.transport_sockets.upstream_proxy_protocol
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
      config:
        version: V1
      transport_socket:
        name: envoy.transport_sockets.raw_buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer
"#;

/// Its last lines, and what stands there for TLS.
const RAW: &str = r#"        name: envoy.transport_sockets.raw_buffer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer
"#;
const TLS: &str = r#"        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: lab.test
"#;

const TERMINATES: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const EXPECTS: &str = "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

/// How many clients there are, and how many requests each of them sends.
const CLIENTS: usize = 2;
const REQUESTS: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Variant {
    version: &'static str,
    tls: bool,
}

impl Variant {
    fn cluster(self, back: SocketAddr) -> String {
        let mut text = OF_THE_GUIDE.replace("version: V1", &format!("version: {}", self.version));
        if self.tls {
            text = text.replace(RAW, TLS);
        }
        format!(
            "{text}  load_assignment: {{cluster_name: service1, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
             {{socket_address: {{address: localhost, port_value: {}}}}}}}}}]}}]}}\n",
            back.port()
        )
    }

    /// The back-end: it expects a header, and answers with the client that it has learnt of.
    fn listener(self, folder: &Scratch) -> Listener {
        let at = folder.path().display();
        let chain = format!(
            "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {TERMINATES}\n    common_tls_context:\n      \
             tls_certificates: [{{certificate_chain: {{filename: {at}/server.pem}}, private_key: {{filename: {at}/server.key}}}}]\n"
        );
        Listener {
            name: "back",
            fields: format!("listener_filters: [{{name: pp, typed_config: {{\"@type\": {EXPECTS}}}}}]\n"),
            chain: if self.tls { chain } else { String::new() },
            routes: "- match: {prefix: /}\n  direct_response: {status: 200}\n  response_headers_to_add: [{header: {key: \
                     x-client, value: \"%DOWNSTREAM_REMOTE_ADDRESS%\"}}]\n"
                .to_owned(),
            ..Listener::default()
        }
    }

    /// The header for a client of the front.
    fn header(self, client: SocketAddr, front: SocketAddr) -> Vec<u8> {
        if self.version == "V1" {
            let (from, to) = (client.port(), front.port());
            return format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").into_bytes();
        }
        let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01".to_vec();
        header.extend(client.port().to_be_bytes());
        header.extend(front.port().to_be_bytes());
        header
    }
}

/// When a segment was seen that fits.
fn when(segments: &[Segment], fits: impl Fn(&Segment) -> bool) -> Option<Duration> {
    segments.iter().find(|segment| fits(segment)).map(|segment| segment.at)
}

/// # Errors
/// The sentence says why there is no sniffer; what can be seen without one has been looked at.
async fn case(variant: Variant) -> Result<(), String> {
    let (folder, ports, back) = (Pki::get().folder(), Ports::reserve(), Ports::reserve());
    let (front, back) = (ports.listener(), back.listener());
    let routes = "- match: {prefix: /}\n  route: {cluster: service1}\n".to_owned();
    let listeners =
        Listener { routes, ..Listener::default() }.yaml(front) + &variant.listener(&folder).yaml(back);
    let text = config(ports.admin(), &listeners, &variant.cluster(back));
    let started = Site::start(&text, front, ports.admin(), &Options::default()).await;
    let site = started.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let sniffer = Capture::of(&[front.port(), back.port()]).await;

    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Connection::open(front).await.unwrap();
        let own = client.local().unwrap();
        for _ in 0..REQUESTS {
            let response = client.exchange(&Request::get("/")).await.unwrap();
            let seen = response.headers.get("x-client").unwrap_or_default().to_owned();
            assert_eq!((response.status, seen), (200, own.to_string()), "{variant:?}");
        }
        clients.push(client);
    }
    let addresses: Vec<_> = clients.iter().map(|client| client.local().unwrap()).collect();
    assert_eq!(site.stat("cluster.service1.upstream_cx_total").await, CLIENTS as u64, "{variant:?}");
    assert_eq!(site.stat("cluster.service1.upstream_cx_active").await, CLIENTS as u64, "{variant:?}");
    drop(clients);

    let capture = sniffer?;
    let to_back = |segment: &&Segment| segment.ports.1 == back.port();
    let ended = |segments: &[Segment]| {
        let ends = segments.iter().filter(to_back).filter(|segment| segment.ends);
        ends.map(|segment| segment.ports.0).collect::<std::collections::BTreeSet<_>>().len() >= CLIENTS
    };
    let segments = capture.until(ended).await;
    let opened: Vec<u16> =
        segments.iter().filter(to_back).filter(|segment| segment.opens).map(|s| s.ports.0).collect();
    assert_eq!(opened.len(), CLIENTS, "{variant:?}: a connection for each client");
    for client in addresses {
        let header = variant.header(client, front);
        let own = opened.iter().filter(|port| sent(&segments, (**port, back.port())).starts_with(&header));
        let [own] = own.collect::<Vec<_>>()[..] else { panic!("{variant:?}: one connection says {client}") };
        let bytes = sent(&segments, (*own, back.port()));
        let rest = &bytes[header.len()..];
        if variant.tls {
            assert!(rest.starts_with(b"\x16\x03\x01"), "{variant:?}: a ClientHello: {}", rest.escape_ascii());
        } else {
            let requests = rest.windows(6).filter(|window| *window == b"GET / ").count();
            assert_eq!((rest.starts_with(b"GET / "), requests), (true, REQUESTS), "{variant:?}");
        }
        let gone = when(&segments, |s| s.ends && s.ports == (client.port(), front.port()));
        let closed = when(&segments, |s| s.ends && s.ports == (*own, back.port()));
        let (gone, closed) = (gone.expect("the client has gone"), closed.expect("its connection has ended"));
        let late = closed.saturating_sub(gone);
        assert!(late < Duration::from_secs(1), "{variant:?}: {late:?} behind the client");
    }
    Ok(())
}

/// All bytes that were sent from one port to another, in order.
fn sent(segments: &[Segment], ports: (u16, u16)) -> Vec<u8> {
    segments
        .iter()
        .filter(|segment| segment.ports == ports)
        .flat_map(|segment| segment.bytes.clone())
        .collect()
}

#[tokio::test]
async fn a_sniffer_sees_what_the_guide_promises() {
    let mut blind = None;
    for version in ["V1", "V2"] {
        for tls in [false, true] {
            blind = case(Variant { version, tls }).await.err().or(blind);
        }
    }
    if let Some(why) = blind {
        say_skipped(&format!("SKIPPED a_sniffer_sees_what_the_guide_promises: {why}"));
    }
}
