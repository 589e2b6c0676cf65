//! Whole probes of back-ends on real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_envoy::{LoadOptions, Source, load};
use causeway_testkit::{Act, Answer, Backend, Frame, Reply, Script};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Progress, probe};
use crate::finding::Severity;
use crate::report::Report;
use crate::selection::Selection;

/// What probing says of a cluster with these fields and an endpoint there.
async fn probed(at: SocketAddr, fields: &str) -> Report {
    selected(at, fields, &Selection::default()).await
}

/// The same with another selection.
async fn selected(at: SocketAddr, fields: &str, selection: &Selection) -> Report {
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
    probe(&bootstrap, selection, &Progress::default(), &mut report).await;
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

const HTTP2: &str = ", http2_protocol_options: {}";

/// What is said of a back-end that plays this by HTTP/2.
async fn by_http2(answer: impl Into<Answer>) -> (Vec<String>, String) {
    let backend = Backend::start(Script::always(answer).http2()).await;
    told(&probed(backend.address(), HTTP2).await)
}

fn frame(frame: Frame) -> Answer {
    Answer::frames([frame])
}

fn call(status: &str) -> Answer {
    let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status)];
    frame(Frame::headers(&fields).ending())
}

#[tokio::test]
async fn a_cluster_of_http2_is_sent_a_request() {
    let backend = Backend::start(Script::always(Reply::ok("two")).http2()).await;
    assert_eq!(told(&probed(backend.address(), HTTP2).await).0, [""; 0]);
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].method.as_str(), received[0].path()), ("GET", "/"));

    let (codes, evidence) = by_http2(Reply::status(503)).await;
    assert_eq!(codes, ["P417!"]);
    assert!(evidence.ends_with("503 (HTTP/2)"), "{evidence}");
    assert_eq!(by_http2(Reply::status(404)).await.0, [""; 0]);
    let (codes, evidence) = by_http2(call("14")).await;
    assert_eq!(codes, ["P417!"]);
    assert!(evidence.ends_with("200, grpc-status 14 (HTTP/2)"), "{evidence}");
    assert_eq!(by_http2(call("12")).await.0, [""; 0]);
}

#[tokio::test]
async fn what_becomes_of_a_stream_is_told() {
    let (codes, evidence) = by_http2(frame(Frame::reset(2))).await;
    assert_eq!(codes, ["P409"]);
    assert!(evidence.ends_with("RST_STREAM with INTERNAL_ERROR"), "{evidence}");
    assert_eq!(by_http2(frame(Frame::reset(7))).await.0, ["P440"]);
    let (codes, evidence) = by_http2(frame(Frame::goaway(0, 11)).then_close()).await;
    assert_eq!(codes, ["P410"]);
    assert!(evidence.ends_with("GOAWAY with ENHANCE_YOUR_CALM"), "{evidence}");
    assert_eq!(by_http2(Answer::close()).await.0, ["P443"]);
}

/// As older servers of gRPC in Go do it.
#[tokio::test]
async fn a_server_that_takes_calls_alone_is_well() {
    let script = Script::by(|request| match &*request.method {
        "POST" => call("12"),
        _ => frame(Frame::reset(1)),
    });
    let backend = Backend::start(script.http2()).await;
    assert_eq!(told(&probed(backend.address(), HTTP2).await).0, [""; 0]);
}

#[tokio::test]
async fn an_answer_that_goes_on_is_one() {
    let head = Frame::headers(&[(":status", "200")]);
    assert_eq!(by_http2(frame(head).then(Act::Hang)).await.0, [""; 0]);
}

#[tokio::test]
async fn http1_where_http2_is_meant() {
    let backend = Backend::start(Reply::ok("one")).await;
    let report = probed(backend.address(), HTTP2).await;
    let (codes, evidence) = told(&report);
    assert_eq!(codes, ["P402"]);
    assert!(evidence.contains("begins \"HTTP/1.1"), "{evidence}");
    let patch = report.patches.values().next().unwrap();
    let new = patch.lines().skip(2).find(|line| line.starts_with('+')).unwrap();
    assert!(patch.contains("http2_protocol_options") && !new.contains("http2_protocol_options"), "{patch}");
}

/// A back-end that closes what is idle for so long.
async fn impatient(idle: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 512];
                while let Ok(Ok(1..)) = tokio::time::timeout(idle, stream.read(&mut read)).await {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                }
            });
        }
    });
    at
}

#[tokio::test]
async fn idle_connections_are_held_where_that_is_asked_for() {
    let at = impatient(Duration::from_millis(300)).await;
    let held = Selection { idle: Some(Duration::from_millis(800)), ..Selection::default() };
    let report = selected(at, "", &held).await;
    let (codes, _) = told(&report);
    assert_eq!(codes, ["P421!"]);
    let seen = &report.findings[0].evidence[0].observed.en;
    assert!(seen.starts_with("200; it closed the idle connection after 0.3 s"), "{seen}");
    assert!(report.patches[&(0, 0)].contains("idle_timeout"), "{:?}", report.patches);
    let shorter = ", common_http_protocol_options: {idle_timeout: 0.2s}";
    let report = selected(at, shorter, &held).await;
    assert_eq!(told(&report).0, [""; 0]);
    assert!(
        report.checks[0].words.en.ends_with("idle connections are closed after 0.3 s"),
        "{:?}",
        report.checks
    );
    assert_eq!(told(&probed(at, "").await).0, [""; 0], "nobody asked for it");
    let patient = impatient(Duration::from_secs(60)).await;
    let report = selected(patient, "", &held).await;
    assert!(report.checks[0].words.en.ends_with("stand for 1 s at least"), "{:?}", report.checks);
}
