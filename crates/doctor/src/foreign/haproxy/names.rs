//! Names of servers: those that have no address, and those whose address is not the one in use.

use std::net::{IpAddr, ToSocketAddrs as _};

use causeway_reason::Condition;

use super::cfg::Cfg;
use super::shown::{no_server, shown, subject};
use super::state::{Observed, Row};
use crate::finding::{Evidence, EvidenceKind, Finding, Fix, Grade, Severity};
use crate::said;
use crate::said::Said;

/// A name may have fewer addresses than a `server-template` has places for them.
pub(super) fn is_free_slot(observed: &Observed, row: &Row) -> bool {
    let Some(state) = observed.state_of(row) else { return false };
    let is_same =
        |other: &super::state::ServerState| other.backend == state.backend && other.fqdn == state.fqdn;
    state.fqdn.is_some() && observed.servers.iter().any(|other| is_same(other) && other.address.is_some())
}

/// A server that is kept out of service since its name has no address.
pub(super) fn unresolved(observed: &Observed, row: &Row, severity: Severity) -> Finding {
    let (backend, name) = (row.backend(), row.name());
    let fqdn = observed.state_of(row).and_then(|state| state.fqdn.clone()).unwrap_or_default();
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
pub(super) fn stale(observed: &Observed, cfg: Option<&Cfg>, row: &Row) -> Option<Finding> {
    let (backend, name) = (row.backend(), row.name());
    let state = observed.state_of(row)?;
    let in_use: IpAddr = state.address.as_ref()?.parse().ok()?;
    let server = cfg.and_then(|cfg| cfg.backend(backend)).and_then(|backend| backend.server(name));
    let host = server
        .map(|server| server.host().to_owned())
        .filter(|host| !host.is_empty())
        .or_else(|| state.fqdn.clone())?;
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
