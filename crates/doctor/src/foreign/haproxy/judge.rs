//! What the stats socket says of servers: why they are down, what they still use, what fails now.

use causeway_reason::{Cause, Condition, Reason};

use super::cfg::Cfg;
use super::check::{of_check, symptom};
use super::counters::{counters, queue};
use super::settle::Counted;
use super::shown::{no_server, shown, subject};
use super::state::{Observed, Row};
use super::{certificates, errors, file, names, process};
use crate::candidates::tell_apart;
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Writes down what is known for sure, and gives what is a symptom first.
pub(super) fn judge(observed: &Observed, cfg: Option<&Cfg>, report: &mut Report) -> Vec<Counted> {
    process::process(observed, report);
    process::resolvers(observed, report);
    certificates::certificates(observed, cfg, report);
    file::file(observed, cfg, report);
    let mut counted = errors::errors(observed, cfg);
    note(report, "haproxy.errors".to_owned(), counted.iter().map(|one| &one.finding));
    let mut backends: Vec<&str> = observed.server_rows().map(Row::backend).collect();
    backends.dedup();
    for backend in backends {
        let rows: Vec<_> = observed.server_rows().filter(|row| row.backend() == backend).collect();
        let usable = rows.iter().filter(|row| is_usable(row)).count();
        let failing: Vec<_> = rows.iter().filter_map(|row| failing(observed, cfg, row, usable)).collect();
        let mut found: Vec<_> = rows.iter().filter_map(|row| out_of_service(observed, row, usable)).collect();
        found.extend(rows.iter().filter_map(|row| names::stale(observed, cfg, row)));
        found.extend(rows.iter().filter_map(|row| queue(observed, row)));
        let count = rows.len();
        let id = format!("haproxy.{backend}");
        if found.is_empty() && failing.is_empty() {
            report.passed(id, said!("{usable}/{count} up", "{count}개 중 {usable}개 UP"));
        } else {
            note(report, id, found.iter().chain(failing.iter().map(|one| &one.finding)));
        }
        report.findings.extend(found);
        let moving: Vec<_> = rows.iter().flat_map(|row| counters(observed, row)).collect();
        note(report, format!("haproxy.{backend}.counters"), moving.iter().map(|one| &one.finding));
        counted.extend(failing);
        counted.extend(moving);
    }
    let empty: Vec<_> = observed.backend_rows().filter_map(|row| without_servers(observed, row)).collect();
    for finding in empty {
        let id = format!("haproxy.{}", finding.subject.cluster.as_deref().unwrap_or_default());
        report.failed(id, [finding]);
    }
    counted
}

/// A check with what came of it. The findings themselves are written down once it is known what explains them.
fn note<'a>(report: &mut Report, id: String, findings: impl Iterator<Item = &'a Finding>) {
    let before = report.findings.len();
    report.failed(id, findings.cloned());
    report.findings.truncate(before);
}

/// A backend that has no servers, and gets requests.
fn without_servers(observed: &Observed, row: &Row) -> Option<Finding> {
    let backend = row.backend();
    let failed = row.number("econ");
    if failed == 0 || observed.server_rows().any(|server| server.backend() == backend) {
        return None;
    }
    let finding = Finding::new(
        Reason::NoEndpoints,
        Severity::Error,
        said!("backend {backend} has no servers", "백엔드 {backend}에 서버가 없습니다"),
        Evidence::new(
            EvidenceKind::Admin,
            Said::plain(format!("show stat: {backend}/BACKEND")),
            Said::plain(format!("econ {failed}")),
        ),
    );
    Some(finding.about(Subject::cluster(backend)).effect(no_server()).fix(Fix::manual(said!(
        "give it `server` lines, or a rule that answers",
        "`server` 줄이나 응답하는 규칙을 추가하십시오"
    ))))
}

/// Without a file nobody knows what a server is sent in front of a request, and how: of one with which HAProxy has no trouble,
/// only that it can't be reached is believed.
pub(super) fn believe_haproxy(observed: &Observed, report: &mut Report) {
    let has_trouble = |row: &Row| {
        let counted = ["econ", "eresp", "hrsp_5xx", "wretr"].iter().any(|column| row.number(column) > 0);
        counted || row.text("status").starts_with("DOWN")
    };
    let troubled: Vec<_> =
        observed.server_rows().filter(|row| has_trouble(row)).map(|row| subject(observed, row)).collect();
    let is_connection = |finding: &Finding| finding.cause.code().starts_with('T');
    report.findings.retain(|finding| is_connection(finding) || troubled.contains(&finding.subject));
}

fn is_usable(row: &Row) -> bool {
    let status = row.text("status");
    (status.starts_with("UP") || status == "no check") && row.text("weight") != "0"
}

/// A server that nobody would ask whatever its check says; nothing where its check decides.
fn out_of_service(observed: &Observed, row: &Row, usable: usize) -> Option<Finding> {
    let status = row.text("status");
    let severity = if usable == 0 { Severity::Error } else { Severity::Warning };
    if status.starts_with("MAINT (resolution)") {
        return (!names::is_free_slot(observed, row)).then(|| names::unresolved(observed, row, severity));
    }
    let (backend, name) = (row.backend(), row.name());
    let by_agent = status.ends_with("(agent)");
    let by_hand = status == "DOWN" && has_passed(row);
    let weightless = !status.starts_with("DOWN") && row.text("weight") == "0";
    let is_set = ["MAINT", "DRAIN", "NOLB"].iter().any(|word| status.starts_with(word));
    if !by_agent && !by_hand && !is_set && !weightless {
        return None;
    }
    let cause = match by_agent {
        true if status.starts_with("DOWN") => Reason::AgentDown,
        true => Reason::AgentDrained,
        false => Reason::EndpointDisabled,
    };
    let mut finding = Finding::new(
        cause,
        if usable == 0 { Severity::Error } else { Severity::Note },
        said!(
            "{backend}/{name} gets no new requests: {status}, weight {}",
            "{backend}/{name}에 새 요청을 보내지 않습니다: {status}, weight {}",
            row.text("weight")
        ),
        shown(row),
    )
    .about(subject(observed, row));
    if usable == 0 {
        finding = finding.effect(no_server());
    }
    if by_agent {
        let said = ["agent_status", "last_agt", "agent_desc"].map(|column| row.text(column)).join(" ");
        let what = Said::plain(format!("show stat: {backend}/{name}, agent"));
        finding = finding.and(Evidence::new(EvidenceKind::Admin, what, Said::plain(said.trim())));
        return Some(finding.fix(Fix::manual(said!(
            "ask the agent on the server why it says so (agent-check)",
            "서버의 에이전트(agent-check)가 왜 그렇게 응답하는지 확인하십시오"
        ))));
    }
    Some(finding.fix(Fix::manual(said!(
        "somebody has put it there: `set server {backend}/{name} state ready`, or `health up`, undoes it, and `disabled` in the file keeps it there",
        "누군가 설정한 상태입니다. `set server {backend}/{name} state ready` 또는 `health up`으로 되돌립니다. 파일에 `disabled`가 있으면 다시 시작해도 그대로입니다"
    ))))
}

/// Whether the last check was passed, or there is none: then it is not the check that keeps it down.
fn has_passed(row: &Row) -> bool {
    matches!(row.text("check_status").trim_start_matches("* "), "L4OK" | "L6OK" | "L7OK" | "")
}

/// A server whose check fails.
fn failing(observed: &Observed, cfg: Option<&Cfg>, row: &Row, usable: usize) -> Option<Counted> {
    if is_usable(row) || out_of_service(observed, row, usable).is_some() {
        return None;
    }
    let (backend, name) = (row.backend(), row.name());
    let status = row.text("status");
    // One more check, and it is back: `DOWN 1/2`.
    if has_passed(row) {
        return None;
    }
    let severity = if usable == 0 { Severity::Error } else { Severity::Warning };
    let (causes, more) = of_check(cfg, row);
    let first = causes.first().copied().unwrap_or(Cause::Reason(Reason::HealthCheckClosed));
    let mut finding = Finding::new(
        first,
        severity,
        said!(
            "{backend}/{name} is {status}: its check fails",
            "{backend}/{name}가 {status}입니다. 체크가 실패합니다"
        ),
        shown(row),
    )
    .about(subject(observed, row))
    .grade(if causes.len() == 1 { Grade::Proven } else { Grade::Possible });
    finding.evidence.extend(more);
    if usable == 0 {
        finding = finding.effect(no_server());
    }
    if first == Condition::CheckTimeoutIsInter.into() {
        finding = finding.fix(Fix::manual(said!(
            "set `timeout check 5s`, or a longer `inter`: `timeout connect` and `timeout server` do not hold for checks",
            "`timeout check 5s`를 설정하거나 `inter`를 늘리십시오. `timeout connect`와 `timeout server`는 체크에 적용되지 않습니다"
        )));
    }
    Some(Counted { finding: tell_apart(finding, &causes), symptom: symptom(row) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        let mut all = vec![
            ("type", "2"),
            ("pxname", "be"),
            ("svname", "s1"),
            ("addr", "10.0.0.1:80"),
            ("status", "DOWN"),
        ];
        all.extend_from_slice(columns);
        Row::of(&all)
    }

    fn judged(row: Row, before: Row, cfg: Option<&Cfg>) -> Vec<(&'static str, Grade)> {
        let observed = Observed {
            after: vec![row],
            before: vec![before],
            between: Duration::from_secs(5),
            ..Observed::default()
        };
        let mut report = Report::default();
        report.findings = judge(&observed, cfg, &mut report)
            .into_iter()
            .map(|one| one.finding)
            .chain(report.findings)
            .collect();
        report.findings.iter().map(|one| (one.cause.code(), one.grade)).collect()
    }

    fn of(columns: &[(&str, &str)], cfg: Option<&Cfg>) -> (&'static str, Grade) {
        judged(row(columns), row(&[]), cfg).first().copied().unwrap_or(("none", Grade::Possible))
    }

    #[test]
    fn what_a_check_says_names_its_cause() {
        for (columns, code, grade) in [
            (&[("check_status", "L4CON"), ("last_chk", "Connection refused")][..], "T201", Grade::Possible),
            (
                &[("check_status", "L4CON"), ("last_chk", "Host is unreachable"), ("check_duration", "3027")],
                "T205",
                Grade::Proven,
            ),
            (&[("check_status", "L4TOUT")], "T204", Grade::Possible),
            (&[("check_status", "L7STS"), ("check_code", "404")], "H501", Grade::Proven),
            (&[("check_status", "L7STS"), ("check_code", "400")], "H505", Grade::Possible),
            (&[("check_status", "L7STS"), ("check_code", "500")], "H504", Grade::Possible),
            (&[("check_status", "* L7TOUT"), ("check_duration", "2001")], "O822", Grade::Possible),
            (&[("status", "MAINT (resolution)")], "D113", Grade::Proven),
            (&[("status", "MAINT")], "H521", Grade::Proven),
        ] {
            assert_eq!(of(columns, None), (code, grade), "{columns:?}");
        }
        assert_eq!(of(&[("status", "UP")], None).0, "none");
    }

    #[test]
    fn the_file_tells_whose_time_a_check_took() {
        let read = |text: &str| Cfg::read("haproxy.cfg", text);
        let timeout = [("check_status", "L7TOUT"), ("check_duration", "2001")];
        let unset = read("backend be\n server s1 10.0.0.1:80 check\n");
        assert_eq!(of(&timeout, Some(&unset)), ("O822", Grade::Proven));
        let set = read("backend be\n timeout check 2s\n server s1 10.0.0.1:80 check\n");
        assert_eq!(of(&timeout, Some(&set)), ("H506", Grade::Proven));
        let longer = read("backend be\n server s1 10.0.0.1:80 check inter 6s\n");
        assert_eq!(of(&timeout, Some(&longer)), ("H506", Grade::Proven));
    }

    #[test]
    fn counters_that_grow_and_queues_that_are_full_are_told() {
        let up = |columns: &[(&str, &'static str)]| {
            let mut all = vec![("status", "UP")];
            all.extend_from_slice(columns);
            row(&all)
        };
        assert_eq!(judged(up(&[("econ", "5")]), up(&[("econ", "5")]), None), []);
        assert_eq!(judged(up(&[("econ", "7")]), up(&[("econ", "5")]), None), [("T201", Grade::Possible)]);
        let full = [("qcur", "3"), ("scur", "1"), ("slim", "1")];
        assert_eq!(judged(up(&full), up(&[]), None), [("L716", Grade::Likely)]);
    }

    #[test]
    fn a_name_server_that_never_answers_is_found() {
        let observed = Observed {
            resolvers: "Resolvers section dns\n nameserver ns1:\n  sent:        6\n  valid:       0\n nameserver ns2:\n  sent: 9\n  valid: 9\n".to_owned(),
            ..Observed::default()
        };
        let mut report = Report::default();
        judge(&observed, None, &mut report);
        let codes: Vec<_> = report.findings.iter().map(|one| one.cause.code()).collect();
        assert_eq!(codes, ["D105"]);
    }

    #[test]
    fn who_keeps_a_server_down_is_told() {
        for (columns, code) in [
            (&[("check_status", "L4OK")][..], "H521"),
            (&[("status", "DOWN (agent)"), ("agent_status", "L7STS")], "H525"),
            (&[("status", "DRAIN (agent)"), ("check_status", "L7OK")], "H526"),
        ] {
            assert_eq!(of(columns, None), (code, Grade::Proven), "{columns:?}");
        }
    }
}
