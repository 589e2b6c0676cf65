//! What probes found, for somebody who has an haproxy.cfg.

use causeway_reason::{Cause, Condition, Reason};

use super::super::shown::no_server;
use super::Model;
use crate::finding::{Fix, Severity};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Without the places and words of a file that there is not, and with HAProxy's causes where they have their own.
pub(in super::super) fn in_words_of_haproxy(model: &Model, report: &mut Report) {
    for finding in &mut report.findings {
        for subject in finding.also_explains.iter_mut().chain([&mut finding.subject]) {
            if let Some(cluster) = &mut subject.cluster {
                let backend = model.backend_of(cluster).to_owned();
                for title in [&mut finding.title.en, &mut finding.title.ko] {
                    *title = title.replace(&format!("`{cluster}`"), &format!("`{backend}`"));
                }
                *cluster = backend;
            }
        }
        finding.spot = None;
        finding.place = None;
        finding.field.clear();
        finding.label = Said::plain("");
        finding.fixes.clear();
        match finding.cause {
            // It is `timeout server` that would end such a request.
            Cause::Reason(Reason::RouteTimeout) => {
                finding.cause = Condition::HaproxyServerTimeout.into();
                finding.severity = Severity::Error;
            }
            // A connection that is used again is given up in silence, for a new one.
            Cause::Reason(Reason::KeepaliveRace) => finding.severity = Severity::Note,
            _ => {}
        }
        if let Some(effect) = &mut finding.effect {
            *effect = match &*effect.flags {
                "UH" => no_server(),
                _ => crate::Effect { status: effect.status, ..crate::Effect::default() },
            };
        }
        if let Some(fix) = advice(finding.cause) {
            finding.fixes.push(Fix::manual(fix));
        }
    }
    // Of several groups of servers of a backend each has its check.
    for check in &mut report.checks {
        if let Some(rest) = check.id.strip_prefix("clusters.")
            && let Some((cluster, backend)) = model.renamed().find(|(cluster, _)| rest.starts_with(*cluster))
        {
            check.id = format!("clusters.{backend}{}", rest.get(cluster.len()..).unwrap_or_default());
        }
    }
}

/// What to write into haproxy.cfg; `None` where the catalogue's advice holds for it too.
fn advice(cause: Cause) -> Option<Said> {
    Some(match cause {
        Cause::Reason(Reason::HealthCheckNotFound) => said!(
            "correct the path of `option httpchk GET /path`; if it is right, send the site's name: `http-check send hdr Host www.example.com`",
            "`option httpchk GET /path`의 경로를 고치십시오. 경로가 맞다면 `http-check send hdr Host www.example.com`으로 Host를 보내십시오"
        ),
        Cause::Reason(Reason::HealthCheckServerError | Reason::HealthCheckStatus)
        | Cause::Condition(Condition::HealthCheckMethod) => said!(
            "ask with GET and the page that is meant for it: `option httpchk GET /health` (without words HAProxy asks `OPTIONS /` of HTTP/1.0)",
            "`option httpchk GET /health`처럼 GET과 상태 확인용 페이지로 체크하십시오(인자가 없으면 HTTP/1.0의 `OPTIONS /`로 묻습니다)"
        ),
        Cause::Condition(Condition::HealthCheckHost) => said!(
            "send the site's name: `http-check send hdr Host www.example.com`",
            "`http-check send hdr Host www.example.com`으로 Host를 보내십시오"
        ),
        Cause::Reason(Reason::HealthCheckUnauthorized) => said!(
            "check a path that needs no credentials, or `http-check expect status 401`",
            "인증이 필요 없는 경로로 체크하거나 `http-check expect status 401`을 쓰십시오"
        ),
        Cause::Reason(Reason::HealthCheckTimeout) => said!(
            "give the check more time: `timeout check`, or find out why the page takes so long",
            "`timeout check`를 늘리거나 페이지가 느린 이유를 찾으십시오"
        ),
        Cause::Reason(Reason::UpstreamSpeaksTls) => said!(
            "add `ssl` to the server line, with `verify required ca-file …` or `verify none`",
            "server 줄에 `ssl`과 `verify required ca-file …`(또는 `verify none`)을 추가하십시오"
        ),
        Cause::Reason(Reason::UpstreamTlsPlain) => {
            said!(
                "take `ssl` off the server line, or correct its port",
                "server 줄의 `ssl`을 빼거나 포트를 고치십시오"
            )
        }
        Cause::Reason(Reason::UpstreamTlsServerName) => said!(
            "name it: `sni str(www.example.com)`, and `check-sni www.example.com` for checks, which do not use `sni`",
            "`sni str(www.example.com)`을 추가하고, 체크는 `sni`를 쓰지 않으므로 `check-sni www.example.com`도 추가하십시오"
        ),
        Cause::Condition(Condition::ProxyHeaderWanted) => said!(
            "add `send-proxy-v2` to the server line, and `check-send-proxy` for checks",
            "server 줄에 `send-proxy-v2`를, 체크용으로 `check-send-proxy`를 추가하십시오"
        ),
        Cause::Condition(Condition::ProxyHeaderUnwanted) => {
            said!("take `send-proxy` off the server line", "server 줄의 `send-proxy`를 빼십시오")
        }
        Cause::Reason(Reason::UpstreamTlsUnknownIssuer | Reason::UpstreamTlsSelfSigned) => said!(
            "name the authority that signed it: `ca-file` of the server line",
            "인증서를 서명한 CA를 server 줄의 `ca-file`에 지정하십시오"
        ),
        Cause::Reason(Reason::UpstreamTlsNameMismatch) => said!(
            "expect the name that the certificate has: `verifyhost`, or `sni str(name)`",
            "인증서에 있는 이름을 `verifyhost` 또는 `sni str(이름)`으로 지정하십시오"
        ),
        Cause::Reason(Reason::UpstreamTlsClientCertificateMissing) => said!(
            "show a certificate: `crt FILE` on the server line, with its key in the same file",
            "server 줄에 `crt FILE`로 클라이언트 인증서를 지정하십시오. 키도 같은 파일에 있어야 합니다"
        ),
        Cause::Reason(Reason::UpstreamTlsVersion) => said!(
            "allow the version that it speaks: `ssl-min-ver`, `ssl-max-ver` of the server line, or of ssl-default-server-options",
            "서버가 쓰는 버전을 허용하십시오. server 줄 또는 ssl-default-server-options의 `ssl-min-ver`, `ssl-max-ver`입니다"
        ),
        Cause::Reason(Reason::UpstreamSpeaksHttp2) => said!(
            "speak HTTP/2 to it: `proto h2` on the server line, or `alpn h2` with TLS",
            "server 줄에 `proto h2`를, TLS라면 `alpn h2`를 추가하십시오"
        ),
        Cause::Reason(Reason::UpstreamSpeaksHttp1) => {
            said!("take `proto h2` off the server line", "server 줄의 `proto h2`를 빼십시오")
        }
        Cause::Reason(Reason::UpstreamHeadersTooLarge) => said!(
            "have the application send less in its head (cookies, mostly), or raise `tune.bufsize` in global",
            "애플리케이션이 보내는 헤더(대개 쿠키)를 줄이거나 global의 `tune.bufsize`를 키우십시오"
        ),
        Cause::Reason(Reason::UpstreamHeadersTooMany) => said!(
            "have the application send fewer fields, or raise `tune.http.maxhdr` in global",
            "애플리케이션이 보내는 헤더 수를 줄이거나 global의 `tune.http.maxhdr`를 키우십시오"
        ),
        Cause::Condition(Condition::HostUnknownToBackEnd) => said!(
            "send the Host that it knows: `http-request set-header Host NAME`",
            "서버가 아는 Host를 `http-request set-header Host NAME`으로 보내십시오"
        ),
        Cause::Condition(Condition::ConnectTimeoutTooShort) => {
            said!("raise `timeout connect`", "`timeout connect`를 늘리십시오")
        }
        Cause::Reason(Reason::SourceBindFailed) => said!(
            "correct the address behind `source`: it has to be one of this host",
            "`source` 뒤의 주소를 이 호스트의 주소로 고치십시오"
        ),
        Cause::Condition(Condition::HaproxyServerTimeout) => said!(
            "find out why it takes so long, or raise `timeout server`",
            "응답이 느린 이유를 찾거나 `timeout server`를 늘리십시오"
        ),
        _ => return None,
    })
}
