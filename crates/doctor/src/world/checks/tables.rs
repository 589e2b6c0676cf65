//! Tables of the kernel that fill up: local ports and connections that are kept track of.

use causeway_reason::{Condition, Reason};

use super::{Context, Verdict};
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject, under};
use crate::said;

/// From this share on, in per cent, it is worth a warning.
const NEARLY: u64 = 80;
/// From this share on, in per cent, there is nothing left that anybody would find in time.
const FULL: u64 = 98;

/// A share in per cent.
fn share(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

/// Local ports towards each endpoint.
pub(super) fn ports(context: &Context<'_>) -> Verdict {
    let Some((first, last)) = context.world.port_range else {
        return Verdict::Inconclusive(said!(
            "the range of local ports can't be read: sysctl net.ipv4.ip_local_port_range",
            "로컬 포트 범위를 읽을 수 없습니다. sysctl net.ipv4.ip_local_port_range로 확인하세요"
        ));
    };
    let range = u64::from(last - first) + 1;
    let mut findings = Vec::new();
    for (cluster, endpoint, address) in context.endpoints() {
        let (all, late) = context.world.sockets.towards(address);
        let used = u64::try_from(all).unwrap_or(u64::MAX);
        let part = share(used, range);
        if part < NEARLY {
            continue;
        }
        let severity = if part >= FULL { Severity::Error } else { Severity::Warning };
        let title = said!(
            "{part} % of the local ports towards {address} are in use",
            "{address}로 가는 로컬 포트의 {part}%가 사용 중입니다"
        );
        let seen = Evidence::new(
            EvidenceKind::Host,
            said!("connections from here to {address}", "이 호스트에서 {address}로 가는 연결"),
            said!(
                "{all}, of which {late} are in TIME_WAIT; the range is {first}–{last}, {range} ports",
                "{all}개, 그중 TIME_WAIT {late}개. 포트 범위는 {first}–{last}, {range}개"
            ),
        )
        .command(format!("ss -Htan dst {address} | awk '{{print $1}}' | sort | uniq -c"));
        findings.push(
            Finding::new(Reason::LocalPortsExhausted, severity, title, seen)
                .about(Subject::cluster(&cluster.name).endpoint(address))
                .at(under(&endpoint.position, ""), said!("this endpoint", "이 엔드포인트"))
                .effect(Effect {
                    status: Some(503),
                    flags: "UF".to_owned(),
                    details: "immediate_connect_error:_Cannot_assign_requested_address".to_owned(),
                    words: None,
                }),
        );
    }
    if findings.is_empty() {
        return Verdict::Passed(said!(
            "local ports {first}–{last}, plenty free",
            "로컬 포트 {first}–{last}, 여유 있음"
        ));
    }
    Verdict::Failed(findings)
}

/// The table of connections that the firewall keeps.
pub(super) fn conntrack(context: &Context<'_>) -> Verdict {
    let Some(table) = context.world.conntrack else {
        return Verdict::Passed(said!(
            "connections are not kept track of here",
            "이 호스트는 연결을 추적하지 않습니다"
        ));
    };
    let (count, max) = (table.count, table.max);
    let part = share(count, max);
    if part < NEARLY {
        return Verdict::Passed(said!("{count} of {max} entries", "{max}개 중 {count}개"));
    }
    let full = part >= FULL;
    let title = said!(
        "the table of tracked connections is {part} % full",
        "연결 추적 테이블(conntrack)이 {part}% 찼습니다"
    );
    let seen = Evidence::new(
        EvidenceKind::Host,
        said!("nf_conntrack_count of nf_conntrack_max", "nf_conntrack_count / nf_conntrack_max"),
        said!("{count} of {max}", "{count} / {max}"),
    )
    .command("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
    let severity = if full { Severity::Error } else { Severity::Warning };
    let finding = Finding::new(Condition::ConntrackFull, severity, title, seen)
        .grade(if full { Grade::Proven } else { Grade::Likely })
        .effect(Effect {
            status: Some(503),
            flags: "UF".to_owned(),
            details: "connection_timeout".to_owned(),
            words: Some(said!(
                "the kernel drops packets of new connections, in both directions",
                "커널이 양방향 모두 새 연결의 패킷을 버립니다"
            )),
        });
    Verdict::Failed(vec![finding])
}

#[cfg(test)]
mod tests {
    use super::super::super::World;
    use super::super::super::kernel::Conntrack;
    use super::*;
    use crate::testing;
    use causeway_sys::sockets::Sockets;

    fn context_of(world: &World, check: fn(&Context<'_>) -> Verdict) -> Verdict {
        let bootstrap = testing::bootstrap(&testing::one_cluster("10.0.0.2", 8080));
        check(&Context { world, bootstrap: &bootstrap, file: "envoy.yaml" })
    }

    #[test]
    fn ports_that_wait_count_too() {
        if !cfg!(target_endian = "little") {
            return;
        }
        let table = |count: u16| {
            let line = |port: u16| format!("0: 0100000A:{port:04X} 0200000A:1F90 06 0:0 0:0 0 0 0 0\n");
            (0..count).map(line).collect::<String>()
        };
        let verdict = |count: u16| {
            let sockets = Sockets::parse(&table(count), "");
            context_of(&World { sockets, port_range: Some((40_000, 40_099)), ..World::default() }, ports)
        };
        assert!(matches!(verdict(79), Verdict::Passed(_)));
        let Verdict::Failed(findings) = verdict(80) else { panic!("80 of 100") };
        assert_eq!((findings[0].cause.code(), findings[0].severity), ("T208", Severity::Warning));
        let Verdict::Failed(findings) = verdict(100) else { panic!("100 of 100") };
        assert_eq!(findings[0].severity, Severity::Error);
        assert!(matches!(context_of(&World::default(), ports), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_full_table_of_connections_is_found() {
        let verdict = |count| {
            context_of(
                &World { conntrack: Some(Conntrack { count, max: 1000 }), ..World::default() },
                conntrack,
            )
        };
        assert!(matches!(verdict(500), Verdict::Passed(_)));
        let Verdict::Failed(findings) = verdict(1000) else { panic!("it is full") };
        assert_eq!((findings[0].cause.code(), findings[0].severity), ("T216", Severity::Error));
        assert!(matches!(context_of(&World::default(), conntrack), Verdict::Passed(_)));
    }
}
