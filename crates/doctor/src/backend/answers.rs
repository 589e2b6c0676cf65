//! What an answer of a back-end means.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use causeway_reason::{Cause, Condition, Reason};

use super::BackEnd;
use super::ask::{Answer, Head, Instead, Seen};
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Severity, Subject};
use crate::said;
use crate::said::Said;

/// Words where all is well, else what is wrong.
///
/// `listens` says that a socket takes connections to this address for certain: one of IPv6 may take IPv4 too, or not.
pub(super) fn judge(
    back_end: &BackEnd,
    address: SocketAddr,
    listens: bool,
    seen: &Seen,
) -> Result<Said, Box<Finding>> {
    let asked = Asked { back_end, address, seen };
    match seen.instead {
        Some(Instead::Other) => return Err(Box::new(asked.other())),
        Some(Instead::BehindProxyHeader) => return Err(Box::new(asked.wants_proxy_header())),
        None => {}
    }
    let checks = back_end.health.is_some();
    match &seen.answer {
        Answer::Http(head) => asked.status(head),
        Answer::NotConnected(kind) => asked.not_connected(*kind, listens),
        Answer::NoHandshake(error) => Err(Box::new(asked.failed(
            Reason::UpstreamTlsClosed,
            said!(
                "{address} does not complete a TLS handshake",
                "{address}가 TLS 핸드셰이크를 끝내지 않습니다"
            ),
            said!("{error}", "{error}"),
        ))),
        Answer::Silence => Err(Box::new(asked.failed(
            if checks { Reason::HealthCheckTimeout } else { Reason::RouteTimeout },
            said!(
                "{address} takes the connection and does not answer",
                "{address}가 연결은 받지만 응답하지 않습니다"
            ),
            said!("nothing within 3 s", "3초 안에 아무것도 오지 않음"),
        ))),
        Answer::Closed => Err(Box::new(asked.failed(
            if checks { Reason::HealthCheckClosed } else { Reason::UpstreamClosed },
            said!(
                "{address} closes the connection without an answer",
                "{address}가 응답 없이 연결을 닫습니다"
            ),
            said!("closed (FIN), not a byte", "FIN으로 닫힘, 받은 바이트 없음"),
        ))),
        Answer::Reset => Err(Box::new(asked.failed(
            if checks { Reason::HealthCheckClosed } else { Reason::UpstreamReset },
            said!(
                "{address} resets the connection without an answer",
                "{address}가 응답 없이 연결을 리셋합니다"
            ),
            said!("reset (RST), not a byte", "RST로 끊김, 받은 바이트 없음"),
        ))),
        Answer::NotHttp(bytes) if is_settings(bytes) => Err(Box::new(asked.speaks_http2())),
        Answer::NotHttp(bytes) => {
            let bytes = shown(bytes);
            Err(Box::new(asked.failed(
                Reason::UpstreamNotHttp,
                said!("{address} does not answer in HTTP/1", "{address}의 응답이 HTTP/1이 아닙니다"),
                said!("first bytes: {bytes}", "첫 바이트: {bytes}"),
            )))
        }
    }
}

/// A request and what came of it.
struct Asked<'a> {
    back_end: &'a BackEnd,
    address: SocketAddr,
    seen: &'a Seen,
}

impl Asked<'_> {
    fn path(&self) -> &str {
        self.back_end.health.as_deref().unwrap_or("/")
    }

    fn status(&self, head: &Head) -> Result<Said, Box<Finding>> {
        let (path, status, ms) = (self.path(), head.status, self.seen.took.as_millis());
        let idle = idle(head);
        // Without a health check there is no status that is wrong.
        if self.back_end.health.is_none() || status == 200 {
            let (en, ko) = (idle.en, idle.ko);
            return Ok(said!("GET {path} → {status} ({ms} ms){en}", "GET {path} → {status} ({ms} ms){ko}"));
        }
        let (reason, title) = match status {
            300..=399 => (
                Reason::HealthCheckRedirect,
                said!(
                    "the health check {path} gets a redirect",
                    "헬스 체크 {path}에 리다이렉트로 응답합니다"
                ),
            ),
            401 | 403 | 407 => (
                Reason::HealthCheckUnauthorized,
                said!("the health check {path} asks for a login", "헬스 체크 {path}가 인증을 요구합니다"),
            ),
            404 => (Reason::HealthCheckNotFound, said!("there is no {path}", "{path} 경로가 없습니다")),
            500..=599 => (
                Reason::HealthCheckServerError,
                said!("the health check {path} fails", "헬스 체크 {path}가 실패합니다"),
            ),
            _ => (
                Reason::HealthCheckStatus,
                said!("the health check {path} gets {status}", "헬스 체크 {path}의 응답이 {status}입니다"),
            ),
        };
        let to = head.location.as_ref().map_or_else(String::new, |to| format!(" → {to}"));
        Err(Box::new(self.failed(reason, title, said!("{status}{to}", "{status}{to}"))))
    }

    fn not_connected(&self, kind: io::ErrorKind, listens: bool) -> Result<Said, Box<Finding>> {
        let address = self.address;
        match kind {
            io::ErrorKind::ConnectionRefused if !listens => Ok(said!("not listened on (IPv6 only)", "IPv6로만 리슨")),
            io::ErrorKind::ConnectionRefused => Err(Box::new(self.failed(
                Reason::ConnectRejected,
                said!(
                    "{address} refuses connections though somebody listens there: a rule of this host's firewall",
                    "{address}에서 듣는 프로세스가 있는데도 연결이 거부됩니다. 이 호스트의 방화벽 규칙입니다"
                ),
                said!("connection refused", "연결 거부"),
            ))),
            io::ErrorKind::TimedOut => Err(Box::new(self.failed(
                Reason::ConnectTimeout,
                said!("{address} does not take connections, not even from here", "{address}가 이 호스트에서 오는 연결도 받지 않습니다"),
                said!("no answer to a connection within 2 s", "2초 안에 연결되지 않음"),
            ))),
            kind => {
                let error = kind.to_string();
                Err(Box::new(self.failed(
                    Reason::ConnectFailed,
                    said!("{address} can't be connected from here: {error}", "이 호스트에서 {address}에 연결할 수 없습니다: {error}"),
                    said!("{error}", "{error}"),
                )))
            }
        }
    }

    /// It speaks TLS where plain text was wanted, or the other way round.
    fn other(&self) -> Finding {
        let address = self.address;
        let (reason, title, seen, fix) = if self.back_end.tls {
            (
                Reason::UpstreamTlsPlain,
                said!("{address} speaks plain HTTP, not TLS", "{address}는 TLS가 아니라 평문 HTTP입니다"),
                said!(
                    "no handshake; the same request in clear is answered",
                    "핸드셰이크 실패, 같은 요청을 평문으로 보내면 응답함"
                ),
                said!(
                    "remove transport_socket from the cluster, or turn TLS on here",
                    "클러스터의 transport_socket을 빼거나 백엔드에서 TLS를 켜세요"
                ),
            )
        } else {
            (
                Reason::UpstreamSpeaksTls,
                said!("{address} speaks TLS, not plain HTTP", "{address}는 평문 HTTP가 아니라 TLS입니다"),
                said!(
                    "no good answer in clear; the same request over TLS is answered",
                    "평문에는 정상 응답 없음, 같은 요청을 TLS로 보내면 응답함"
                ),
                said!(
                    "give the cluster a transport_socket with TLS; `--tls` examines the rest",
                    "클러스터에 TLS transport_socket을 설정하세요. 나머지는 `--tls`로 확인할 수 있습니다"
                ),
            )
        };
        self.failed(reason, title, seen).fix(Fix::manual(fix))
    }

    fn wants_proxy_header(&self) -> Finding {
        let address = self.address;
        let title = said!(
            "{address} wants a PROXY header in front of requests",
            "{address}는 요청 앞에 PROXY 헤더를 요구합니다"
        );
        let seen = said!(
            "no answer; the same request behind `PROXY TCP4 …` is answered",
            "응답 없음. 같은 요청을 `PROXY TCP4 …` 뒤에 보내면 응답함"
        );
        self.failed(Condition::ProxyHeaderWanted, title, seen)
    }

    /// It is a back-end of gRPC, or another that speaks HTTP/2 without TLS; which is no fault.
    fn speaks_http2(&self) -> Finding {
        let address = self.address;
        let title = said!(
            "{address} speaks HTTP/2 without TLS, as gRPC does; the cluster has to say so",
            "{address}는 gRPC처럼 TLS 없는 HTTP/2를 씁니다. 클러스터에 설정해야 합니다"
        );
        let seen = said!("a SETTINGS frame in answer to HTTP/1", "HTTP/1 요청에 SETTINGS 프레임으로 응답");
        let mut finding = self.failed(Reason::UpstreamSpeaksHttp2, title, seen);
        finding.severity = Severity::Note;
        finding
    }

    fn failed(&self, reason: impl Into<Cause>, title: Said, observed: Said) -> Finding {
        let (path, address) = (self.path(), self.address);
        let scheme = if self.back_end.tls { "https" } else { "http" };
        let seen = Evidence::new(
            EvidenceKind::Probe,
            said!(
                "GET {path} at {scheme}://{address}, from this host",
                "이 호스트에서 {scheme}://{address}로 GET {path}"
            ),
            observed,
        )
        .took(self.seen.took)
        .command(self.command(scheme));
        let cause = reason.into();
        Finding::new(cause, Severity::Error, title, seen)
            .about(Subject::default().endpoint(address))
            .effect(effect(cause))
            .ruled_out([said!(
                "network, routes and firewalls between the proxy and this host",
                "프록시와 이 호스트 사이의 네트워크, 경로, 방화벽"
            )])
    }

    fn command(&self, scheme: &str) -> String {
        let mut command = String::from("curl -si");
        if self.back_end.tls {
            command.push('k');
        }
        if let Some(host) = &self.back_end.host {
            let _ = write!(command, " -H 'Host: {host}'");
        }
        let _ = write!(command, " {scheme}://{}{}", self.address, self.path());
        command
    }
}

/// What becomes of requests through a proxy.
fn effect(cause: Cause) -> Effect {
    let (status, flags, details) = match cause {
        Cause::Reason(Reason::UpstreamSpeaksTls | Reason::UpstreamClosed | Reason::UpstreamReset)
        | Cause::Condition(Condition::ProxyHeaderWanted) => (503, "UC", "connection_termination"),
        Cause::Reason(Reason::UpstreamNotHttp | Reason::UpstreamSpeaksHttp2) => {
            (502, "UPE", "protocol_error")
        }
        Cause::Reason(Reason::UpstreamTlsPlain | Reason::UpstreamTlsClosed | Reason::ConnectFailed) => {
            (503, "UF", "remote_connection_failure")
        }
        Cause::Reason(Reason::ConnectRejected) => (503, "UF", "delayed_connect_error:_Connection_refused"),
        Cause::Reason(Reason::ConnectTimeout) => (503, "UF", "connection_timeout"),
        Cause::Reason(Reason::RouteTimeout) => (504, "UT", "response_timeout"),
        Cause::Reason(_) | Cause::Condition(_) => (503, "UH", "no_healthy_upstream"),
    };
    let words = (flags == "UH").then(|| {
        said!(
            "where the cluster checks health by this path, and expects 200",
            "클러스터가 이 경로로 헬스 체크를 하고 200을 기대하는 경우"
        )
    });
    Effect { status: Some(status), flags: flags.to_owned(), details: details.to_owned(), words }
}

/// Whether bytes begin with a SETTINGS frame of the connection (RFC 9113 §6.5).
fn is_settings(bytes: &[u8]) -> bool {
    matches!(bytes, [0, _, _, 4, _, 0, 0, 0, 0, ..])
}

/// What it says of idle connections: the cluster's `idle_timeout` has to be shorter.
fn idle(head: &Head) -> Said {
    match (head.idle, head.closes) {
        (Some(seconds), _) => said!(
            "; closes idle connections after {seconds} s (Keep-Alive): idle_timeout of the cluster has to be shorter",
            ". 유휴 연결을 {seconds}초 뒤 닫음(Keep-Alive). 클러스터의 idle_timeout은 이보다 짧아야 합니다"
        ),
        (None, true) => said!("; closes each connection behind its response", ". 응답마다 연결을 닫음"),
        (None, false) => said!("", ""),
    }
}

/// The beginning of some bytes, as people can read it.
fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let beginning = bytes.get(..SHOWN).unwrap_or(bytes);
    format!("\"{}\"", beginning.escape_ascii())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn code(
        health: Option<&str>,
        tls: bool,
        answer: Answer,
        instead: Option<Instead>,
    ) -> Option<&'static str> {
        let back_end = BackEnd { port: 80, health: health.map(str::to_owned), host: None, tls };
        let seen = Seen { answer, instead, took: Duration::from_millis(3), connections: 1 };
        judge(&back_end, "127.0.0.1:80".parse().unwrap(), false, &seen)
            .err()
            .map(|finding| finding.cause.code())
    }

    #[test]
    fn each_status_of_a_health_check_has_its_cause() {
        let http = |status| Answer::Http(Head { status, ..Head::default() });
        let of = |status| code(Some("/health"), false, http(status), None);
        let found = [200, 301, 401, 403, 404, 429, 500, 503].map(of);
        let expected = [
            None,
            Some("H502"),
            Some("H503"),
            Some("H503"),
            Some("H501"),
            Some("H522"),
            Some("H504"),
            Some("H504"),
        ];
        assert_eq!(found, expected);
        assert_eq!(code(None, false, http(404), None), None, "any answer will do");
    }

    #[test]
    fn what_is_no_answer_has_its_cause() {
        assert_eq!(code(Some("/"), false, Answer::Silence, None), Some("H506"));
        assert_eq!(code(Some("/"), false, Answer::Closed, None), Some("H523"));
        assert_eq!(code(None, false, Answer::Closed, None), Some("P412"));
        assert_eq!(code(None, false, Answer::Reset, None), Some("P430"));
        assert_eq!(code(None, false, Answer::Closed, Some(Instead::BehindProxyHeader)), Some("P413"));
        assert_eq!(code(None, false, Answer::NotHttp(b"\0\0\0\x04\0\0\0\0\0".to_vec()), None), Some("P403"));
        assert_eq!(code(None, false, Answer::Closed, Some(Instead::Other)), Some("S302"));
        assert_eq!(code(None, true, Answer::NoHandshake("x".into()), Some(Instead::Other)), Some("S301"));
        assert_eq!(code(None, false, Answer::NotHttp(b"SSH-2.0".to_vec()), None), Some("P401"));
        assert_eq!(code(None, false, Answer::NotConnected(io::ErrorKind::TimedOut), None), Some("T204"));
        assert_eq!(code(None, false, Answer::NotConnected(io::ErrorKind::ConnectionRefused), None), None);
    }
}
