//! Whole probes of back-ends on real sockets.

use std::net::{Ipv4Addr, SocketAddr};

use causeway_envoy::{LoadOptions, Source, load};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Progress, probe};
use crate::finding::Severity;
use crate::report::Report;
use crate::selection::Selection;

/// What probing says of a cluster with these fields and an endpoint there.
async fn probed(at: SocketAddr, fields: &str) -> Report {
    let text = format!(
        "static_resources: {{clusters: [{{name: app{fields}, load_assignment: {{cluster_name: app, endpoints: \
         [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}}}]}}",
        at.ip(),
        at.port()
    );
    let source = Source::new("envoy.yaml", text);
    let loaded = load(&source, &LoadOptions::default());
    let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    let mut report = Report::default();
    probe(&bootstrap, &Selection::default(), &Progress::default(), &mut report).await;
    report.locate(&source, &LoadOptions::default());
    report
}

/// Codes, with `!` behind those of warnings, and what was observed for the last evidence of the first.
fn told(report: &Report) -> (Vec<String>, String) {
    let code = |finding: &crate::Finding| {
        let mark = if finding.severity == Severity::Warning { "!" } else { "" };
        format!("{}{mark}", finding.cause.code())
    };
    let codes = report.findings.iter().map(code).collect();
    let evidence = report.findings.first().and_then(|finding| finding.evidence.first());
    (
        codes,
        evidence
            .map(|evidence| format!("{} → {}", evidence.what.en, evidence.observed.en))
            .unwrap_or_default(),
    )
}

/// A back-end that answers what begins with `PING` with these bytes, everything else with a page, and may close then.
async fn store(answer: &'static [u8], closes: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 512];
                while stream.read(&mut read).await.is_ok_and(|count| count > 0) {
                    let is_ping = read.starts_with(b"PING");
                    let page = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    let sent = stream.write_all(if is_ping { answer } else { page }).await;
                    if sent.is_err() || (is_ping && closes) {
                        return;
                    }
                }
            });
        }
    });
    at
}

/// Sends `PING` and waits for `+PONG`.
const PING: &str = ", health_checks: [{timeout: 0.3s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {send: {text: \"50494e47\"}, receive: [{text: \"2b504f4e47\"}]}}]";

#[tokio::test]
async fn tcp_checks_that_send_bytes_are_made() {
    let well = probed(store(b"+PONG\r\n", false).await, PING).await;
    assert_eq!(told(&well), (Vec::new(), String::new()));
    let (codes, evidence) = told(&probed(store(b"-NOAUTH\r\n", false).await, PING).await);
    assert_eq!(codes, ["H507"]);
    assert!(evidence.contains("sends 4 bytes and waits for \"+PONG\""), "{evidence}");
    assert!(evidence.ends_with("\"-NOAUTH\\r\\n\" came, and nothing behind it"), "{evidence}");
    let (codes, evidence) = told(&probed(store(b"-ERR\r\n", true).await, PING).await);
    assert_eq!(codes, ["H507"]);
    assert!(evidence.ends_with("came, and the connection was closed"), "{evidence}");
    assert_eq!(told(&probed(store(b"", true).await, PING).await).0, ["H523"]);
    assert_eq!(told(&probed(store(b"", false).await, PING).await).0, ["H506"]);
}

#[tokio::test]
async fn the_header_of_a_tcp_check_is_sent_where_the_check_speaks() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = [0; 512];
            let count = stream.read(&mut read).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&read[..count]).into_owned();
            let answer: &[u8] = match text.split_once("\r\n") {
                Some((header, "PING")) if header.starts_with("PROXY ") => b"+PONG",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            };
            let _ = stream.write_all(answer).await;
        }
    });
    let fields = PING.replace("receive", "proxy_protocol_config: {version: V1}, receive");
    assert_eq!(told(&probed(at, &fields).await).0, [""; 0]);
    assert_eq!(told(&probed(at, PING).await).0, ["H507"]);
}
