//! What trials and questions did, and what came of them, in words and as commands that show the same.

use std::fmt::Write as _;

use causeway_model::{Address, HealthChecker, ProxyProtocolVersion};
use causeway_reason::Reason;
use causeway_upstream::Told;

use super::dns::{Answered, Name};
use super::endpoint::{Again, Ask, BodyEnd, CameEnd, CheckAsk, Got, Security, Seen, Trial};
use super::plan::Target;
use crate::finding::{Evidence, EvidenceKind};
use crate::said;
use crate::said::Said;
use crate::time::date;

/// A trial as evidence.
pub(super) fn evidence(target: &Target, trial: &Trial, seen: &Seen) -> Evidence {
    let observed = observed(seen, &format!("{}: ", trial.to));
    let mut evidence = Evidence::new(EvidenceKind::Probe, what(target, trial), observed).took(seen.took);
    evidence.command = command(target, trial);
    evidence
}

fn what(target: &Target, trial: &Trial) -> Said {
    let to = &trial.to;
    let (asked, ko) = match &trial.ask {
        Ask::Nothing if trial.security == Security::Plain => ("connecting".to_owned(), "연결".to_owned()),
        Ask::Nothing => ("TLS handshake".to_owned(), "TLS 핸드셰이크".to_owned()),
        Ask::Get { host, path } | Ask::Auto { host, path } => {
            let text = format!("GET {path} with Host: {host}");
            (text, format!("GET {path} (Host: {host})"))
        }
        Ask::Hold { host, path, .. } => (
            format!("GET {path} with Host: {host}, and then nothing on the connection"),
            format!("GET {path} (Host: {host}) 뒤 유휴 상태로 유지"),
        ),
        Ask::Http2 => ("preface of HTTP/2".to_owned(), "HTTP/2 프리페이스".to_owned()),
        Ask::GetHttp2 { host, path } => (
            format!("GET {path} by HTTP/2 with :authority {host}"),
            format!("HTTP/2로 GET {path} (:authority {host})"),
        ),
        Ask::Grpc { .. } => ("call of gRPC's health service".to_owned(), "gRPC 헬스 서비스 호출".to_owned()),
        Ask::Check(check) => check_words(target, check),
    };
    let (mut en, mut ko) = (format!("{to}: {asked}"), format!("{to}: {ko}"));
    match &trial.security {
        Security::Plain if target.tls.is_some() => {
            en.push_str(", without TLS");
            ko.push_str(", TLS 없이");
        }
        Security::Plain => {}
        Security::Configured => {
            en.push_str(", with TLS as configured");
            ko.push_str(", 설정대로 TLS 사용");
        }
        Security::Any { name: Some(name) } if !name.is_empty() => {
            let _ = write!(en, ", with any TLS, asking for {name}");
            let _ = write!(ko, ", 아무 TLS 버전으로, SNI {name}");
        }
        Security::Any { .. } => {
            en.push_str(", with any TLS, without a server name");
            ko.push_str(", 아무 TLS 버전으로, SNI 없이");
        }
    }
    match (trial.header, target.header) {
        (Some(version), _) => {
            let number = if version == ProxyProtocolVersion::V1 { 1 } else { 2 };
            let _ = write!(en, ", behind a PROXY header (v{number})");
            let _ = write!(ko, ", PROXY 헤더(v{number}) 뒤에");
        }
        (None, Some(_)) => {
            en.push_str(", without a PROXY header");
            ko.push_str(", PROXY 헤더 없이");
        }
        (None, None) => {}
    }
    Said::new(en, ko)
}

fn check_words(target: &Target, ask: &CheckAsk) -> (String, String) {
    let planned = target.checks.iter().find(|check| check.index == ask.index);
    let host = ask.host.as_deref().or_else(|| planned.map(|check| &*check.host)).unwrap_or_default();
    match target.check(ask.index).map(|check| &check.checker) {
        Some(HealthChecker::Http(http)) => {
            let method = if ask.by_get { "GET" } else { &http.method };
            let path = ask.path.as_deref().unwrap_or(&http.path);
            (
                format!("health check {method} {path} with Host: {host}"),
                format!("헬스 체크 {method} {path} (Host: {host})"),
            )
        }
        Some(HealthChecker::Grpc(grpc)) => {
            let name = &grpc.service_name;
            (format!("gRPC health check of \"{name}\""), format!("gRPC 헬스 체크 (서비스 \"{name}\")"))
        }
        // What is sent may be a password.
        Some(HealthChecker::Tcp(tcp)) if !tcp.receive.is_empty() => {
            let (bytes, awaited) = (tcp.send.len(), tcp.receive.iter().map(|part| part.escape_ascii()));
            let awaited: Vec<_> = awaited.map(|part| format!("\"{part}\"")).collect();
            let awaited = awaited.join(" … ");
            (
                format!("health check by TCP that sends {bytes} bytes and waits for {awaited}"),
                format!("{bytes}바이트를 보내고 {awaited}을(를) 기다리는 TCP 헬스 체크"),
            )
        }
        Some(HealthChecker::Tcp(_)) | None => ("health check by TCP".to_owned(), "TCP 헬스 체크".to_owned()),
    }
}

/// What came of it; `prefix` is the address, which stands in front already.
fn observed(seen: &Seen, prefix: &str) -> Said {
    let words = match &seen.got {
        Got::NoConnection(failure) | Got::NoHandshake(failure) | Got::Broken(failure) => {
            match &failure.evidence {
                Some(evidence) => {
                    let en = evidence.strip_prefix(prefix).unwrap_or(evidence);
                    Said::new(en, not_connected(failure.reason).unwrap_or(en))
                }
                None => failure.spec().sentence.into(),
            }
        }
        Got::Connected if seen.is_secure() => {
            said!("the handshake is complete", "핸드셰이크가 완료되었습니다")
        }
        Got::Connected => said!("connected", "연결됨"),
        Got::Answer(answer) => {
            let status = answer.status;
            let mut words = Said::plain(match (answer.http2, answer.grpc) {
                (true, Some(code)) => format!("{status}, grpc-status {code} (HTTP/2)"),
                (true, None) => format!("{status} (HTTP/2)"),
                (false, _) => status.to_string(),
            });
            if let Some(location) = &answer.location {
                words = said!("{status}, to {location}", "{status}, {location}(으)로 리다이렉트");
            }
            let more = match (answer.end, answer.again) {
                (BodyEnd::Cut, _) => {
                    said!(", and the connection ended inside the body", ", 본문 도중에 연결이 끊김")
                }
                (_, Some(Again::Closed)) => {
                    said!(
                        "; the same again on this connection: closed without an answer",
                        ". 같은 연결로 다시 보내니 응답 없이 닫힘"
                    )
                }
                (_, Some(Again::Silence)) => {
                    said!(
                        "; the same again on this connection: no answer",
                        ". 같은 연결로 다시 보내니 응답 없음"
                    )
                }
                (BodyEnd::Complete | BodyEnd::Unread, _) => Said::plain(""),
            };
            let mut said = Said::new(words.en + &more.en, words.ko + &more.ko);
            if let Some(idle) = answer.idle.map(|idle| idle.as_secs_f64()) {
                let _ = write!(said.en, "; it closed the idle connection after {idle:.1} s");
                let _ = write!(said.ko, ". 유휴 연결을 {idle:.1}초 뒤에 닫음");
            }
            match answer.keep_alive.map(|time| time.as_secs()) {
                Some(time) => Said::new(
                    format!("{}; Keep-Alive: timeout={time}", said.en),
                    format!("{}. Keep-Alive: timeout={time}", said.ko),
                ),
                None => said,
            }
        }
        Got::Frames => said!("it answers with frames of HTTP/2", "HTTP/2 프레임으로 응답"),
        Got::Unanswered => {
            said!("its settings of HTTP/2 came, and no answer", "HTTP/2 SETTINGS는 왔으나 응답이 오지 않음")
        }
        Got::Reply(status) => Said::plain(format!("{status} (HTTP/2)")),
        Got::Grpc(None) => Said::plain("SERVING"),
        Got::Grpc(Some(words)) => Said::plain(words.clone()),
        Got::Came(came) => {
            let shown = &came.shown;
            match came.end {
                CameEnd::Expected => said!("\"{shown}\" came", "\"{shown}\" 수신"),
                CameEnd::Waiting => {
                    said!("\"{shown}\" came, and nothing behind it", "\"{shown}\" 수신, 그 뒤로는 없음")
                }
                CameEnd::Closed => {
                    said!(
                        "\"{shown}\" came, and the connection was closed",
                        "\"{shown}\" 수신 후 연결이 닫힘"
                    )
                }
                CameEnd::TooMuch => said!(
                    "more than 64 KiB came, without it; the first are \"{shown}\"",
                    "기다리던 것 없이 64 KiB 넘게 수신. 처음은 \"{shown}\""
                ),
            }
        }
        Got::Closed => said!("the connection was closed without an answer", "응답 없이 연결이 닫힘(FIN)"),
        Got::Reset => said!("the connection was reset without an answer", "응답 없이 연결이 리셋됨(RST)"),
        Got::Silence => said!("connected, and no answer came", "연결은 되었으나 응답이 오지 않음"),
        Got::NotAsked(why) => said!("not asked: {why}", "묻지 않음: {why}"),
    };
    let Some(tls) = seen.tls.as_ref() else { return words };
    let (mut en, mut ko) = (words.en, words.ko);
    if !tls.version.is_empty() {
        let mut agreed = format!(" [{}", tls.version);
        if let Some(alpn) = &tls.alpn {
            let _ = write!(agreed, ", ALPN {alpn}");
        }
        en.push_str(&agreed);
        ko.push_str(&agreed);
        if let Some(certificate) = &tls.certificate {
            let names: Vec<String> = certificate.names_of(|name| name.dns().or_else(|| name.ip())).collect();
            let of = shown(&certificate.subject, &names);
            let (issuer, until) = (&certificate.issuer, date(certificate.not_after));
            let _ = write!(en, ", certificate of {of}, issued by {issuer}, until {until}");
            let _ = write!(ko, ", 인증서 {of}, 발급자 {issuer}, {until}까지");
        }
        en.push(']');
        ko.push(']');
    }
    if tls.asked {
        en.push_str("; it asked for a client certificate");
        ko.push_str(". 클라이언트 인증서를 요구함");
    }
    Said::new(en, ko)
}

/// In Korean why there is no connection; `None` for what has more to it than that.
const fn not_connected(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::ConnectRefused => "호스트가 연결을 거부함(ECONNREFUSED)",
        Reason::ConnectRejected => "방화벽이 연결을 거절함",
        Reason::ConnectTimeout => "연결 시도에 응답이 없음",
        Reason::HostUnreachable => "호스트에 닿을 수 없음(EHOSTUNREACH)",
        Reason::NetworkUnreachable => "네트워크에 닿을 수 없음(ENETUNREACH)",
        Reason::ConnectReset => "연결하자마자 리셋됨(ECONNRESET)",
        _ => return None,
    })
}

fn shown(subject: &str, names: &[String]) -> String {
    if names.is_empty() { subject.to_owned() } else { names.join(", ") }
}

/// A command that shows the same, where there is one.
fn command(target: &Target, trial: &Trial) -> Option<String> {
    let Address::Ip(address) = trial.to else { return None };
    let haproxy = if trial.header.is_some() { " --haproxy-protocol" } else { "" };
    let (scheme, insecure) = match &trial.security {
        Security::Plain => ("http", ""),
        Security::Configured | Security::Any { .. } => ("https", " -k"),
    };
    Some(match &trial.ask {
        Ask::Nothing => match &trial.security {
            Security::Plain => format!("nc -vz {} {}", address.ip(), address.port()),
            Security::Configured | Security::Any { .. } => {
                let name = match &trial.security {
                    Security::Any { name: Some(name) } if !name.is_empty() => format!(" -servername {name}"),
                    Security::Configured => {
                        target.tls.as_ref().filter(|tls| !tls.sni.is_empty()).map_or_else(
                            || " -noservername".to_owned(),
                            |tls| format!(" -servername {}", tls.sni),
                        )
                    }
                    Security::Plain | Security::Any { .. } => " -noservername".to_owned(),
                };
                format!("openssl s_client -connect {address}{name} </dev/null")
            }
        },
        Ask::Get { host, path } | Ask::Auto { host, path } | Ask::Hold { host, path, .. } => {
            format!("curl -si{insecure}{haproxy} -H 'Host: {host}' {scheme}://{address}{path}")
        }
        Ask::Http2 => format!("curl -si{insecure} --http2-prior-knowledge {scheme}://{address}/"),
        Ask::GetHttp2 { host, path } => format!(
            "curl -si{insecure}{haproxy} --http2-prior-knowledge -H 'Host: {host}' {scheme}://{address}{path}"
        ),
        Ask::Grpc { .. } => {
            let plain = if trial.security == Security::Plain { " -plaintext" } else { " -insecure" };
            format!("grpcurl{plain} {address} grpc.health.v1.Health/Check")
        }
        Ask::Check(ask) => {
            let Some(HealthChecker::Http(http)) = target.check(ask.index).map(|check| &check.checker) else {
                return None;
            };
            let planned = target.checks.iter().find(|check| check.index == ask.index);
            let host = ask.host.as_deref().or_else(|| planned.map(|check| &*check.host)).unwrap_or_default();
            let path = ask.path.as_deref().unwrap_or(&http.path);
            let method = match (&*http.method, ask.by_get) {
                ("GET", _) | (_, true) => String::new(),
                (method, false) => format!(" -X {method}"),
            };
            format!("curl -si{insecure}{haproxy}{method} -H 'Host: {host}' {scheme}://{address}{path}")
        }
    })
}

/// An answer of a name server as evidence.
pub(super) fn of_answer(name: &Name, answer: &Answered) -> Evidence {
    let (server, record, host) = (answer.server, answer.kind.record(), &name.name);
    let what = said!(
        "asking {server} for the {record} record of {host}",
        "{server}에 {host}의 {record} 레코드를 질의"
    );
    let observed = match &answer.told {
        Told::Addresses(addresses) => {
            Said::plain(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Told::NoData => said!("an empty answer: no such record", "빈 응답: 해당 레코드 없음"),
        Told::NoName => said!("NXDOMAIN: no such name", "NXDOMAIN: 없는 이름"),
        Told::Failure(code) => Said::plain(code.clone()),
        Told::Silence(words) => said!("no answer: {words}", "응답 없음: {words}"),
    };
    let port = if server.port() == 53 { String::new() } else { format!(" -p {}", server.port()) };
    Evidence::new(EvidenceKind::Dns, what, observed)
        .took(answer.took)
        .command(format!("dig @{}{port} {host} {record}", server.ip()))
}
