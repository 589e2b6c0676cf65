//! What the stats socket says of servers: why they are down, what they still use, what fails now.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use causeway_reason::{Cause, Condition, Reason};

use super::cfg::Cfg;
use super::state::{Observed, Row, ServerState};
use super::{no_server, process};
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

pub(super) fn judge(observed: &Observed, cfg: Option<&Cfg>, report: &mut Report) {
    process::process(observed, report);
    process::resolvers(observed, report);
    process::errors(observed, report);
    process::certificates(observed, report);
    let mut backends: Vec<&str> = observed.server_rows().map(Row::backend).collect();
    backends.dedup();
    for backend in backends {
        let rows: Vec<_> = observed.server_rows().filter(|row| row.backend() == backend).collect();
        let usable = rows.iter().filter(|row| is_usable(row)).count();
        let mut found: Vec<Finding> =
            rows.iter().filter_map(|row| down(observed, cfg, row, usable)).collect();
        found.extend(rows.iter().filter_map(|row| stale(observed, cfg, row)));
        found.extend(rows.iter().filter_map(|row| queue(observed, row)));
        let count = rows.len();
        if found.is_empty() {
            report.passed(
                format!("haproxy.{backend}"),
                said!("{usable}/{count} up", "{count}개 중 {usable}개 UP"),
            );
        } else {
            report.failed(format!("haproxy.{backend}"), found);
        }
        let moving: Vec<_> = rows.iter().flat_map(|row| counters(observed, row)).collect();
        report.failed(format!("haproxy.{backend}.counters"), moving);
    }
}

fn is_usable(row: &Row) -> bool {
    let status = row.text("status");
    status.starts_with("UP") || status == "no check"
}

fn shown(row: &Row) -> Evidence {
    let mut text = row.text("status").to_owned();
    for column in ["check_status", "check_code", "last_chk"] {
        let value = row.text(column);
        if !value.is_empty() {
            text.push(' ');
            text.push_str(value);
        }
    }
    if !row.text("check_duration").is_empty() {
        text.push_str(&format!(" {} ms", row.text("check_duration")));
    }
    let place = format!("show stat: {}/{}", row.backend(), row.name());
    Evidence::new(EvidenceKind::Admin, Said::plain(place), Said::plain(text))
}

/// A server, by its address: a socket of a low level shows that in `show servers state` only.
fn subject(observed: &Observed, row: &Row) -> Subject {
    let subject = Subject::cluster(row.backend());
    let shown = row.text("addr");
    if !shown.is_empty() {
        return subject.endpoint(shown);
    }
    let state = state_of(observed, row);
    match state.and_then(|state| Some(SocketAddr::new(state.address.as_ref()?.parse().ok()?, state.port))) {
        Some(address) => subject.endpoint(address),
        None => subject.endpoint(row.name()),
    }
}

/// Why a server gets no requests; nothing where it does.
fn down(observed: &Observed, cfg: Option<&Cfg>, row: &Row, usable: usize) -> Option<Finding> {
    if is_usable(row) {
        return None;
    }
    let (backend, name) = (row.backend(), row.name());
    let status = row.text("status");
    let severity = if usable == 0 { Severity::Error } else { Severity::Warning };
    if status.starts_with("MAINT (resolution)") {
        return Some(unresolved(observed, row, severity));
    }
    if status.starts_with("MAINT") || status.starts_with("DRAIN") || status.starts_with("NOLB") {
        let finding = Finding::new(
            Reason::EndpointDisabled,
            if usable == 0 { Severity::Error } else { Severity::Note },
            said!(
                "{backend}/{name} gets no new requests: {status}",
                "{backend}/{name}에 새 요청을 보내지 않습니다: {status}"
            ),
            shown(row),
        );
        return Some(finding.about(subject(observed, row)).fix(Fix::manual(said!(
            "somebody, or an agent, has put it there: `set server {backend}/{name} state ready` undoes it",
            "누군가 또는 에이전트가 설정한 상태입니다. `set server {backend}/{name} state ready`로 되돌립니다"
        ))));
    }
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
    Some(tell_apart(finding, &causes))
}

/// What the status of a check stands for.
fn of_check(cfg: Option<&Cfg>, row: &Row) -> (Vec<Cause>, Option<Evidence>) {
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
        "L6TOUT" => reasons(&[Reason::UpstreamTlsTimeout]),
        "L6RSP" => reasons(&[
            Reason::UpstreamTlsPlain,
            Reason::UpstreamTlsServerName,
            Reason::UpstreamTlsUnknownIssuer,
            Reason::UpstreamTlsVersion,
            Reason::UpstreamTlsClientCertificateMissing,
        ]),
        "L7TOUT" => return of_timeout(cfg, row),
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
    let inter = server.map(super::cfg::Server::inter);
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

fn unresolved(observed: &Observed, row: &Row, severity: Severity) -> Finding {
    let (backend, name) = (row.backend(), row.name());
    let fqdn = state_of(observed, row).and_then(|state| state.fqdn.clone()).unwrap_or_default();
    let mut finding = Finding::new(
        Condition::HaproxyServerUnresolved,
        severity,
        said!(
            "{backend}/{name} has no address: {fqdn} is not resolved",
            "{backend}/{name}에 주소가 없습니다. {fqdn}이(가) 조회되지 않습니다"
        ),
        shown(row),
    )
    .about(subject(observed, row));
    if !fqdn.is_empty() {
        let seen = match look_up(&fqdn, 0) {
            Ok(addresses) => said!(
                "the system's resolver says {addresses:?}: the resolvers section asks another server",
                "시스템 리졸버는 {addresses:?}라고 합니다. resolvers 섹션은 다른 서버에 묻습니다"
            ),
            Err(why) => said!(
                "the system's resolver finds nothing either: {why}",
                "시스템 리졸버도 찾지 못합니다: {why}"
            ),
        };
        finding = finding.and(Evidence::new(EvidenceKind::Dns, Said::plain(fqdn), seen));
    }
    if severity == Severity::Error { finding.effect(no_server()) } else { finding }
}

/// An address that the name does not have any more: without `resolvers` it is looked up once, at start.
fn stale(observed: &Observed, cfg: Option<&Cfg>, row: &Row) -> Option<Finding> {
    let (backend, name) = (row.backend(), row.name());
    let state = state_of(observed, row)?;
    let in_use: IpAddr = state.address.as_ref()?.parse().ok()?;
    let server = cfg.and_then(|cfg| cfg.backend(backend)).and_then(|backend| backend.server(name));
    let host = server.map(|server| server.host.clone()).or_else(|| state.fqdn.clone())?;
    if host.is_empty() || host == "localhost" || host.parse::<IpAddr>().is_ok() || host.contains(['/', '@']) {
        return None;
    }
    let now = look_up(&host, state.port).ok()?;
    if now.contains(&in_use) {
        return None;
    }
    let finding = Finding::new(
        Condition::AddressStale,
        Severity::Error,
        said!(
            "{backend}/{name} still uses {in_use}, which {host} is not any more",
            "{backend}/{name}가 {host}의 지난 주소 {in_use}을(를) 계속 씁니다"
        ),
        Evidence::new(EvidenceKind::Dns, Said::plain(host), Said::plain(format!("{now:?}"))),
    )
    .and(Evidence::new(
        EvidenceKind::Admin,
        Said::plain("show servers state"),
        Said::plain(format!("srv_addr {in_use}")),
    ))
    .about(subject(observed, row));
    let follows = server.is_some_and(|server| server.has("resolvers"));
    Some(if follows {
        // It looks the name up by itself; this host may be told something else.
        finding.grade(Grade::Possible)
    } else {
        finding.fix(Fix::manual(said!(
            "add a `resolvers` section, and `resolvers NAME init-addr last,libc,none` to the server line; a reload looks it up once more",
            "`resolvers` 섹션을 추가하고 server 줄에 `resolvers 이름 init-addr last,libc,none`을 쓰십시오. 지금은 reload하면 다시 조회합니다"
        )))
    })
}

fn look_up(host: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

fn state_of<'a>(observed: &'a Observed, row: &Row) -> Option<&'a ServerState> {
    observed.servers.iter().find(|state| state.backend == row.backend() && state.name == row.name())
}

/// Requests that wait because a server has as many as `maxconn` lets it have.
fn queue(observed: &Observed, row: &Row) -> Option<Finding> {
    let (waiting, current, limit) = (row.number("qcur"), row.number("scur"), row.number("slim"));
    if waiting == 0 || limit == 0 || current < limit {
        return None;
    }
    let (backend, name) = (row.backend(), row.name());
    let failed = observed.grew(row, "dresp");
    Some(
        Finding::new(
            Condition::HaproxyQueueTimeout,
            Severity::Warning,
            said!(
                "{waiting} requests wait for {backend}/{name}, which has all of its maxconn {limit}",
                "{backend}/{name}의 maxconn {limit}이 다 차서 요청 {waiting}건이 기다립니다"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain(format!("show stat: {backend}/{name}")),
                Said::plain(format!("qcur {waiting}, scur {current}, slim {limit}, dresp +{failed}")),
            ),
        )
        .about(subject(observed, row))
        .grade(Grade::Likely)
        .effect(Effect { status: Some(503), details: "sQ--".to_owned(), ..Effect::default() }),
    )
}

/// What fails while somebody looks.
fn counters(observed: &Observed, row: &Row) -> Vec<Finding> {
    const RULES: &[(&str, &str, &str, &str, &[Cause])] = &[
        (
            "econ",
            "SC--",
            "connections to it fail",
            "연결이 실패합니다",
            &[
                Cause::Reason(Reason::ConnectRefused),
                Cause::Reason(Reason::ConnectTimeout),
                Cause::Reason(Reason::UpstreamTlsPlain),
                Cause::Condition(Condition::AddressStale),
            ],
        ),
        (
            "eresp",
            "SH--",
            "its answers fail",
            "응답이 실패합니다",
            &[
                Cause::Reason(Reason::UpstreamClosed),
                Cause::Reason(Reason::UpstreamSpeaksTls),
                Cause::Reason(Reason::UpstreamNotHttp),
                Cause::Reason(Reason::UpstreamHeadersTooLarge),
                Cause::Condition(Condition::ProxyHeaderWanted),
                Cause::Condition(Condition::HaproxyServerTimeout),
            ],
        ),
    ];
    let (backend, name) = (row.backend(), row.name());
    let seconds = observed.between.as_secs_f64();
    let of = |(column, state, en, ko, causes): &(&str, &str, &str, &str, &[Cause])| {
        let grew = observed.grew(row, column);
        let first = causes.first().copied().filter(|_| grew > 0)?;
        let value = row.number(column);
        let retries = observed.grew(row, "wretr");
        let finding = Finding::new(
            first,
            Severity::Error,
            said!(
                "{backend}/{name}: {en}, {grew} times in {seconds:.1} s",
                "{backend}/{name}: {ko}. {seconds:.1}초 동안 {grew}회"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain(format!("show stat: {backend}/{name}")),
                Said::plain(format!("{column} {value} (+{grew}), wretr +{retries}")),
            ),
        )
        .about(subject(observed, row))
        .grade(Grade::Possible)
        .effect(Effect { details: (*state).to_owned(), ..Effect::default() });
        Some(tell_apart(finding, causes))
    };
    RULES.iter().filter_map(of).collect()
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
        judge(&observed, cfg, &mut report);
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
    fn a_name_server_that_never_answers_and_a_broken_answer_are_found() {
        let observed = Observed {
            resolvers: "Resolvers section dns\n nameserver ns1:\n  sent:        6\n  valid:       0\n nameserver ns2:\n  sent: 9\n  valid: 9\n".to_owned(),
            errors: "Total events captured on [x] : 1\n\n[x] backend be (#3): invalid response\n  frontend fe (#2), server s1 (#1), event #0\n\n  00000  SSH-2.0-OpenSSH_9.2\\r\\n\n".to_owned(),
            ..Observed::default()
        };
        let mut report = Report::default();
        judge(&observed, None, &mut report);
        let codes: Vec<_> = report.findings.iter().map(|one| one.cause.code()).collect();
        assert_eq!(codes, ["D105", "P401"]);
        let raw = &report.findings.last().unwrap().evidence.last().unwrap().observed.en;
        assert_eq!(raw, "00000  SSH-2.0-OpenSSH_9.2\\r\\n");
    }
}
