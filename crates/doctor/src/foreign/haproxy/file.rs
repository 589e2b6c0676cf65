//! Whether the process runs what its file says.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use causeway_reason::Condition;

use super::cfg::{At, Cfg};
use super::state::{Observed, Row};
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Differences that are said one by one.
const SHOWN: usize = 8;
/// Who starts a program right behind writing its file has both in one second.
const SLACK: Duration = Duration::from_secs(2);

pub(super) fn file(observed: &Observed, cfg: Option<&Cfg>, report: &mut Report) {
    let Some(cfg) = cfg else { return };
    let name = &cfg.name;
    let differences = differences(observed, cfg);
    let written = since_start(observed, cfg);
    if differences.is_empty() && written.is_none() {
        report
            .passed("haproxy.file", said!("it runs what {name} says", "{name}의 내용대로 동작하고 있습니다"));
        return;
    }
    let title = said!("it does not run what {name} says", "{name}의 내용대로 동작하고 있지 않습니다");
    let later = written.map(|after| {
        said!(
            "written {after} s after the process was started",
            "프로세스가 시작되고 {after}초 뒤에 고쳐졌습니다"
        )
    });
    let of_file = |seen: Said| Evidence::new(EvidenceKind::Host, Said::plain(name), seen);
    let mut evidence = differences.iter().take(SHOWN).cloned().chain(later).map(of_file);
    let Some(first) = evidence.next() else { return };
    let mut finding = Finding::new(Condition::ReloadNotDone, Severity::Warning, title, first)
        // That it was written says not that anything in it is different.
        .grade(if differences.is_empty() { Grade::Likely } else { Grade::Proven })
        .about(Subject { file: Some(name.clone()), ..Subject::default() })
        .fix(Fix::manual(said!(
            "check it with `haproxy -c -f {name}`, and reload: `systemctl reload haproxy`",
            "`haproxy -c -f {name}`로 확인한 뒤 `systemctl reload haproxy`로 다시 읽게 하십시오"
        )));
    finding.evidence.extend(evidence);
    report.failed("haproxy.file", [finding]);
}

/// How many seconds behind its start the file was written; nothing where it was before.
fn since_start(observed: &Observed, cfg: &Cfg) -> Option<u64> {
    let uptime: u64 = observed.info.get("Uptime_sec")?.parse().ok()?;
    let started = SystemTime::now().checked_sub(Duration::from_secs(uptime))?;
    let after = cfg.written?.duration_since(started).ok()?;
    (after > SLACK).then_some(after.as_secs())
}

/// Servers and addresses that only one of both has.
fn differences(observed: &Observed, cfg: &Cfg) -> Vec<Said> {
    let mut found = Vec::new();
    let in_file: BTreeSet<(&str, &str)> = cfg
        .backends()
        .flat_map(|(name, backend)| backend.servers().map(move |(server, _)| (name, server)))
        .collect();
    let running: BTreeSet<(&str, &str)> =
        observed.server_rows().map(|row| (row.backend(), row.name())).collect();
    // What server-template, commands of the socket and files beside this one make is in no file that is known.
    let backends: BTreeSet<&str> = cfg.backends().map(|(name, _)| name).collect();
    for (backend, server) in in_file.difference(&running) {
        found.push(said!(
            "server {backend}/{server} stands in the file, and does not run",
            "서버 {backend}/{server}가 파일에는 있지만 실행 중인 설정에는 없습니다"
        ));
    }
    let replaced = |backend: &str| in_file.difference(&running).any(|(other, _)| *other == backend);
    for (backend, server) in
        running.difference(&in_file).filter(|(name, _)| backends.contains(name) && replaced(name))
    {
        found.push(said!(
            "server {backend}/{server} runs, and does not stand in the file",
            "서버 {backend}/{server}가 실행 중이지만 파일에는 없습니다"
        ));
    }
    found.extend(observed.server_rows().filter_map(|row| other_address(observed, cfg, row)));
    found
}

/// An address of the file that is not the one in use.
fn other_address(observed: &Observed, cfg: &Cfg, row: &Row) -> Option<Said> {
    let (backend, name) = (row.backend(), row.name());
    let state = observed.state_of(row)?;
    let in_use: IpAddr = state.address.as_ref()?.parse().ok()?;
    let At::Host(host, port) = &cfg.backend(backend)?.server(name)?.at else { return None };
    let host: IpAddr = host.parse().ok()?;
    if host == in_use && (*port == state.port || *port == 0) {
        return None;
    }
    Some(said!(
        "server {backend}/{name} is at {host}:{port} in the file, and at {in_use}:{} in the process",
        "서버 {backend}/{name}의 주소가 파일에서는 {host}:{port}, 실행 중에는 {in_use}:{}입니다",
        state.port
    ))
}
