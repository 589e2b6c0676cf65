//! Clients that speak something else than the listener does: what it is, and who they are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use causeway_http::h1::recognise;
use causeway_model::{Address, Bootstrap, CodecType, DownstreamSocket, ListenerFilterKind, NetworkFilter};
use causeway_reason::Reason;

use super::observed::Observed;
use super::running::Running;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::world::overhear::{Opening, overhear};

/// The check's name.
pub(super) const ID: &str = "admin.clients";

/// What a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// HTTP in clear; whether HTTP/2 too.
    Http(bool),
    Tls,
}

/// Ports of listeners with the listener's name and what is spoken there, where that is one thing.
fn ports(bootstrap: &Bootstrap) -> BTreeMap<u16, (String, Speaks)> {
    let mut ports: BTreeMap<u16, (String, Speaks)> = BTreeMap::new();
    let mut mixed = Vec::new();
    for listener in &bootstrap.listeners {
        // What comes first is for that filter.
        if listener
            .listener_filters
            .iter()
            .any(|filter| matches!(filter.kind, ListenerFilterKind::ProxyProtocol(_)))
        {
            continue;
        }
        for chain in listener.chains() {
            let speaks = match (&chain.transport_socket, &chain.filter) {
                (DownstreamSocket::Tls(_), _) => Speaks::Tls,
                (DownstreamSocket::RawBuffer, NetworkFilter::HttpConnectionManager(manager)) => {
                    Speaks::Http(manager.codec_type != CodecType::Http1)
                }
                // Anything may be passed on.
                (DownstreamSocket::RawBuffer, _) => {
                    mixed.extend(
                        listener.addresses.iter().filter_map(Address::ip).map(|address| address.port()),
                    );
                    continue;
                }
            };
            for address in listener.addresses.iter().filter_map(Address::ip) {
                let known =
                    ports.entry(address.port()).or_insert_with(|| (listener.name.to_string(), speaks));
                if known.1 != speaks {
                    mixed.push(address.port());
                }
            }
        }
    }
    ports.retain(|port, _| !mixed.contains(port));
    ports
}

/// Whether there is a reason to listen: clients have sent what is no HTTP, or handshakes with them have failed.
pub(super) fn is_of_interest(observed: &Observed) -> bool {
    let counts = |(name, value): (&String, &u64)| {
        let of_http = name.ends_with(".downstream_cx_protocol_error") && !name.starts_with("http.admin.");
        let of_tls = name.ends_with(".ssl.connection_error") && name.starts_with("listener.");
        (of_http || of_tls) && *value > 0
    };
    observed.after.0.iter().any(counts)
}

/// Listens to what clients of the listeners send first, for so long, and says what was no HTTP. It blocks.
pub(super) fn callers(running: &Running, time: Duration) -> Report {
    let mut report = Report::default();
    let ports = running.bootstrap.as_ref().map(ports).unwrap_or_default();
    if ports.is_empty() {
        return report;
    }
    match overhear(&ports.keys().copied().collect::<Vec<_>>(), time) {
        Ok(openings) => judge(&ports, &openings, time, &mut report),
        Err(error) => report.inconclusive(
            ID,
            said!(
                "clients send what is no HTTP; what it is can be heard on the proxy's host, by root: {error}",
                "클라이언트가 HTTP가 아닌 것을 보냅니다. 무엇인지는 프록시 호스트에서 root로 실행하면 알 수 있습니다: {error}"
            ),
        ),
    }
    report
}

fn judge(ports: &BTreeMap<u16, (String, Speaks)>, openings: &[Opening], time: Duration, report: &mut Report) {
    // What was sent, by listener: by whom, and how often.
    let mut found: BTreeMap<(&str, &str), (Reason, Vec<IpAddr>, usize)> = BTreeMap::new();
    for opening in openings {
        let Some((listener, speaks)) = ports.get(&opening.port) else { continue };
        let Some((reason, what)) = wrong(&opening.first, *speaks) else { continue };
        let (_, from, count) = found.entry((listener, what)).or_insert((reason, Vec::new(), 0));
        *count += 1;
        if !from.contains(&opening.from.ip()) {
            from.push(opening.from.ip());
        }
    }
    let (all, seconds) = (openings.len(), time.as_secs_f64());
    if all == 0 {
        report.inconclusive(
            ID,
            said!(
                "no client connected within {seconds:.1} s: --interval SECONDS listens for longer",
                "{seconds:.1}초 동안 접속한 클라이언트가 없습니다. --interval 초로 더 오래 들을 수 있습니다"
            ),
        );
        return;
    }
    if found.is_empty() {
        report.passed(
            ID,
            said!(
                "{all} connections in {seconds:.1} s, and each began as it should",
                "{seconds:.1}초 동안 연결 {all}개, 모두 정상적으로 시작"
            ),
        );
        return;
    }
    let findings: Vec<_> = found
        .into_iter()
        .map(|((listener, what), (reason, from, count))| {
            finding(listener, what, reason, &from, (count, all, seconds))
        })
        .collect();
    report.failed(ID, findings);
}

/// What is wrong with how a connection begins, and what it is.
fn wrong(first: &[u8], speaks: Speaks) -> Option<(Reason, &'static str)> {
    let recognised = recognise(first);
    match speaks {
        Speaks::Http(http2) => recognised.filter(|(reason, _)| *reason != Reason::Http2NotEnabled || !http2),
        Speaks::Tls => match recognised {
            Some((Reason::TlsOnPlainListener, _)) => None,
            Some((_, what)) => Some((Reason::TlsNotSpoken, what)),
            None => Some((Reason::TlsNotSpoken, "a request of HTTP without TLS")),
        },
    }
}

fn finding(
    listener: &str,
    what: &str,
    reason: Reason,
    from: &[IpAddr],
    (count, all, seconds): (usize, usize, f64),
) -> Finding {
    /// More are counted.
    const SHOWN: usize = 6;
    let mut list = from.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if from.len() > SHOWN {
        list.push_str(", …");
    }
    let title = said!(
        "clients of listener `{listener}` begin with {what}: {list}",
        "리스너 `{listener}`의 클라이언트가 보내는 첫 바이트: {what} ({list})"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("first bytes of connections, over {seconds:.1} s", "{seconds:.1}초 동안 연결의 첫 바이트"),
        said!("{what}: {count} of {all} new connections", "새 연결 {all}개 중 {count}개: {what}"),
    );
    let finding = Finding::new(reason, Severity::Warning, title, seen).about(Subject::listener(listener));
    if reason == Reason::TlsNotSpoken {
        return finding.effect(Effect {
            words: Some(said!(
                "the connection is closed; no access log but the listener's has a line of it",
                "연결을 끊습니다. 리스너의 액세스 로그에만 기록됩니다"
            )),
            ..Effect::default()
        });
    }
    finding.effect(Effect {
        status: Some(400),
        flags: "DPE".to_owned(),
        details: "http1.codec_error".to_owned(),
        words: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_http_is_told_by_listener_and_client() {
        let opening = |port, from: &str, first: &[u8]| Opening {
            from: format!("{from}:1000").parse().unwrap(),
            port,
            first: first.to_vec(),
        };
        let ports = BTreeMap::from([
            (80, ("web".to_owned(), Speaks::Http(false))),
            (81, ("both".to_owned(), Speaks::Http(true))),
            (443, ("secure".to_owned(), Speaks::Tls)),
        ]);
        let openings = [
            opening(80, "10.0.0.1", b"GET / HTTP/1.1\r\n"),
            opening(80, "10.0.0.2", b"\x16\x03\x01\x02\x00"),
            opening(80, "10.0.0.3", b"PRI * HTTP/2.0\r\n\r\n"),
            opening(81, "10.0.0.3", b"PRI * HTTP/2.0\r\n\r\n"),
            opening(443, "10.0.0.4", b"\x16\x03\x01\x02\x00"),
            opening(443, "10.0.0.5", b"GET / HTTP/1.1\r\n"),
        ];
        let mut report = Report::default();
        judge(&ports, &openings, Duration::from_secs(1), &mut report);
        let found: Vec<_> =
            report.findings.iter().map(|one| (one.cause.code(), one.title.en.as_str())).collect();
        assert_eq!(
            found,
            [
                ("K901", "clients of listener `secure` begin with a request of HTTP without TLS: 10.0.0.5"),
                ("K902", "clients of listener `web` begin with a TLS ClientHello: 10.0.0.2"),
                ("K911", "clients of listener `web` begin with the HTTP/2 preface: 10.0.0.3"),
            ]
        );
        let mut report = Report::default();
        judge(&ports, &openings[..1], Duration::from_secs(1), &mut report);
        assert_eq!((report.findings.len(), report.checks.len()), (0, 1));
    }
}
