//! What the status of a check stands for.

use causeway_reason::{Cause, Condition, Reason};

use super::cfg::{Cfg, Server};
use super::settle::Symptom;
use super::state::{Observed, Row};
use crate::finding::{Evidence, EvidenceKind, Finding, Severity};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// What the status of a check stands for.
pub(super) fn of_check(cfg: Option<&Cfg>, row: &Row) -> (Vec<Cause>, Option<Evidence>) {
    let reasons = |all: &[Reason]| all.iter().copied().map(Cause::from).collect::<Vec<_>>();
    let check = row.text("check_status").trim_start_matches("* ");
    let said = row.text("last_chk").to_ascii_lowercase();
    let backend = cfg.and_then(|cfg| cfg.backend(row.backend()));
    let causes = match check {
        "L4CON" if said.contains("refused") => {
            let mut causes = reasons(&[Reason::ConnectRefused, Reason::ConnectRejected]);
            causes.insert(1, Condition::ListensOnLoopback.into());
            causes
        }
        "L4CON" if said.contains("unreachable") || said.contains("no route") => {
            // Nobody answers ARP for some three seconds; a firewall says so at once.
            let at_once = row.number("check_duration") < 1_000;
            if at_once {
                reasons(&[Reason::ConnectRejected, Reason::NetworkUnreachable])
            } else {
                reasons(&[Reason::HostUnreachable])
            }
        }
        "L4CON" => reasons(&[Reason::ConnectFailed, Reason::ConnectRefused]),
        "L4TOUT" => {
            let mut causes = reasons(&[Reason::ConnectTimeout]);
            causes.push(Condition::AcceptQueueFull.into());
            causes
        }
        // Who speaks no TLS often waits for more.
        "L6TOUT" => reasons(&[Reason::UpstreamTlsPlain, Reason::UpstreamTlsTimeout]),
        "L6RSP" => reasons(&[
            Reason::UpstreamTlsPlain,
            Reason::UpstreamTlsServerName,
            Reason::UpstreamTlsUnknownIssuer,
            Reason::UpstreamTlsVersion,
            Reason::UpstreamTlsClientCertificateMissing,
        ]),
        "L7TOUT" => return of_timeout(cfg, row),
        "L7RSP" if said.contains("content check did not match") => reasons(&[Reason::HealthCheckStatus]),
        "L7RSP" => reasons(&[Reason::HealthCheckProtocol, Reason::HealthCheckClosed]),
        "L7STS" => match row.number("check_code") {
            404 => reasons(&[Reason::HealthCheckNotFound]),
            401 | 403 => reasons(&[Reason::HealthCheckUnauthorized]),
            400 | 421 => {
                let mut causes = reasons(&[Reason::HealthCheckStatus]);
                causes.insert(0, Condition::HealthCheckHost.into());
                causes
            }
            405 | 501 => vec![Condition::HealthCheckMethod.into()],
            500.. => {
                let mut causes = reasons(&[Reason::HealthCheckServerError]);
                if backend
                    .is_none_or(|backend| backend.http_check.as_ref().is_none_or(|it| it.method == "OPTIONS"))
                {
                    causes.push(Condition::HealthCheckMethod.into());
                }
                causes
            }
            _ => reasons(&[Reason::HealthCheckStatus]),
        },
        "SOCKERR" => reasons(&[Reason::HealthCheckClosed, Reason::ConnectReset]),
        _ => reasons(&[Reason::HealthCheckClosed, Reason::HealthCheckStatus]),
    };
    (causes, None)
}

/// A check that was not answered in time: in whose time?
fn of_timeout(cfg: Option<&Cfg>, row: &Row) -> (Vec<Cause>, Option<Evidence>) {
    let took = row.number("check_duration");
    let backend = cfg.and_then(|cfg| cfg.backend(row.backend()));
    let server = backend.and_then(|backend| backend.server(row.name()));
    let inter = server.map(Server::inter);
    // Without a file: two seconds are its default, and nobody's choice.
    let near = |limit: u64| took + 5 >= limit && took <= limit + 50;
    match (backend.map(|backend| backend.timeout_check), inter) {
        // Nothing else ends a check then, however busy the machine is.
        (Some(None), Some(inter)) if took + 5 >= inter => {
            let seen = said!(
                "`timeout check` is not set, and `inter` is {inter} ms: the check ended after {took} ms",
                "`timeout check`가 없고 `inter`가 {inter} ms입니다. 체크가 {took} ms에 끝났습니다"
            );
            let line = server.map_or(0, |server| server.line);
            let name = cfg.map_or("", |cfg| &*cfg.name);
            let place = format!("{name}:{line}");
            (
                vec![Condition::CheckTimeoutIsInter.into()],
                Some(Evidence::new(EvidenceKind::File, Said::plain(place), seen)),
            )
        }
        (None, _) if near(2_000) => {
            (vec![Condition::CheckTimeoutIsInter.into(), Reason::HealthCheckTimeout.into()], None)
        }
        _ => (vec![Reason::HealthCheckTimeout.into()], None),
    }
}

/// How far a check came.
pub(super) fn symptom(row: &Row) -> Symptom {
    match row.text("check_status").trim_start_matches("* ") {
        status if status.starts_with("L4") => Symptom::CheckConnects,
        status if status.starts_with("L6") => Symptom::CheckHandshakes,
        _ => Symptom::CheckAnswered,
    }
}

/// A check that only connects keeps a server in use whose requests all fail.
pub(super) fn say_what_tells_nothing(observed: &Observed, cfg: Option<&Cfg>, report: &mut Report) {
    let rows = observed.server_rows().filter(|row| row.text("status").starts_with("UP"));
    for row in rows.filter(|row| matches!(row.text("check_status").trim_start_matches("* "), "L4OK" | "L6OK"))
    {
        let subject = super::shown::subject(observed, row);
        let is_http = cfg.and_then(|cfg| cfg.backend(row.backend())).is_none_or(|backend| !backend.tcp);
        let fails = report.findings.iter().any(|finding| {
            finding.subject == subject
                && finding.severity != Severity::Note
                && finding.cause.code().starts_with(['P', 'S', 'O'])
        });
        if !fails || !is_http {
            continue;
        }
        let (backend, name, status) = (row.backend(), row.name(), row.text("check_status"));
        let finding = Finding::new(
            Condition::TcpCheckTellsNothing,
            Severity::Note,
            said!(
                "the check of {backend}/{name} only connects, so that it stays UP",
                "{backend}/{name}의 체크는 연결만 확인하므로 UP으로 남습니다"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain(format!("show stat: {backend}/{name}")),
                Said::plain(format!("UP {status}")),
            ),
        );
        report.findings.push(finding.about(subject));
    }
}
