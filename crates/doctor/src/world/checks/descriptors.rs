//! The limit of open files and what the configuration may open.

use causeway_model::{Address, Bootstrap};
use causeway_reason::Condition;

use super::{Context, Verdict};
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, under};
use crate::said;

/// Who sets so many means no limit at all.
const NO_LIMIT: u64 = 1_000_000;
/// Logs, listeners, event queues, health checks.
const RESERVE: u64 = 100;

/// What connections a file allows.
struct Allowed {
    clusters: u64,
    /// `None` where nothing limits them.
    clients: Option<u64>,
}

pub(super) fn check(context: &Context<'_>) -> Verdict {
    let running = running(context);
    let limit = match running.and_then(|process| process.limit) {
        Some(limit) => limit.soft,
        None => match context.world.descriptors {
            // A proxy raises what holds to what it may.
            Some(limit) => limit.hard,
            None => {
                return Verdict::Inconclusive(said!(
                    "/proc/self/limits can't be read: `ulimit -Hn` shows the limit of open files",
                    "/proc/self/limits를 읽을 수 없습니다. 열린 파일 제한은 `ulimit -Hn`으로 확인하세요"
                ));
            }
        },
    };
    let allowed = Allowed::of(context.bootstrap);
    let needed = allowed.clusters + allowed.clients.unwrap_or_default() + RESERVE;
    if needed <= limit {
        return Verdict::Passed(match limit {
            u64::MAX => said!("no limit of open files", "열린 파일 제한 없음"),
            _ => said!("{limit} open files are allowed", "열린 파일 {limit}개까지 허용"),
        });
    }
    let whose = match running {
        Some(process) => {
            let name = process.shown();
            Evidence::new(
                EvidenceKind::Host,
                said!("limit of open files of {name}", "{name}의 열린 파일 제한"),
                said!("{limit}", "{limit}"),
            )
            .command(format!("grep 'open files' /proc/{}/limits", process.pid))
        }
        None => Evidence::new(
            EvidenceKind::Host,
            said!("limit of open files here", "이 환경의 열린 파일 제한"),
            said!("{limit}", "{limit}"),
        )
        .command("ulimit -Hn"),
    };
    let (clusters, clients) = (allowed.clusters, allowed.clients);
    let counted = match clients {
        Some(clients) => said!(
            "{clusters} connections to back-ends (max_connections of all clusters), {clients} of clients",
            "백엔드 연결 {clusters}개(모든 클러스터의 max_connections 합), 클라이언트 연결 {clients}개"
        ),
        None => said!(
            "{clusters} connections to back-ends (max_connections of all clusters), and any number of clients",
            "백엔드 연결 {clusters}개(모든 클러스터의 max_connections 합), 클라이언트 연결은 제한 없음"
        ),
    };
    let title = said!(
        "the file allows more connections than open files: {needed} are needed at most, {limit} allowed",
        "설정이 허용하는 연결 수가 열린 파일 제한보다 많습니다. 최대 {needed}개 필요, 제한 {limit}개"
    );
    // The limit of a service is not that of a shell.
    let grade = if running.is_some() { Grade::Proven } else { Grade::Likely };
    let mut finding = Finding::new(Condition::DescriptorLimitLow, Severity::Warning, title, whose)
        .grade(grade)
        .and(Evidence::file(counted))
        .effect(Effect {
            status: Some(503),
            flags: "UF".to_owned(),
            details: "local_connection_failure|socket_creation_failure".to_owned(),
            words: Some(said!("under load, and new clients wait", "부하가 걸리면 발생하며, 새 클라이언트는 대기합니다")),
        })
        .fix(Fix::manual(said!(
            "raise the limit of the service: LimitNOFILE={needed} in its unit (systemd), --ulimit nofile (Docker)",
            "서비스의 제한을 올리세요. systemd 유닛의 LimitNOFILE={needed}, Docker는 --ulimit nofile"
        )));
    if let Some(largest) = context.bootstrap.clusters.iter().max_by_key(|cluster| {
        Some(cluster.circuit_breakers.default.max_connections).filter(|most| u64::from(*most) < NO_LIMIT)
    }) {
        let most = largest.circuit_breakers.default.max_connections;
        finding = finding.at(
            under(&largest.position, "circuit_breakers"),
            said!("max_connections is {most}", "max_connections는 {most}입니다"),
        );
    }
    Verdict::Failed(vec![finding])
}

/// The proxy that runs this file, where it runs.
fn running<'a>(context: &'a Context<'_>) -> Option<&'a crate::world::process::Process> {
    let addresses = context.bootstrap.listeners.iter().flat_map(|listener| &listener.addresses);
    let found = addresses.filter_map(Address::ip).find_map(|address| {
        let socket = context.world.sockets.in_the_way(address).next()?;
        context.world.holders.of(socket.inode)
    });
    found.filter(|process| process.runs(context.file))
}

impl Allowed {
    fn of(bootstrap: &Bootstrap) -> Self {
        let most = bootstrap.clusters.iter().map(|cluster| {
            let breakers = &cluster.circuit_breakers;
            u64::from(breakers.default.max_connections)
        });
        let listeners: Option<u64> =
            bootstrap.listeners.iter().map(|listener| listener.connection_limit).sum();
        let clients = match (bootstrap.overload.max_connections, listeners) {
            (Some(all), Some(each)) => Some(all.min(each)),
            (all, each) => all.or(each),
        };
        Self {
            clusters: most.filter(|most| *most < NO_LIMIT).sum(),
            clients: clients.filter(|most| *most < NO_LIMIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::World;
    use super::super::super::kernel::DescriptorLimit;
    use super::*;
    use crate::testing;

    fn verdict(limit: u64) -> Verdict {
        let bootstrap = testing::bootstrap(
            "static_resources:\n  clusters:\n  - {name: a, connect_timeout: 1s}\n  - name: b\n    circuit_breakers: \
             {thresholds: [{max_connections: 4294967295}]}\n",
        );
        let descriptors = Some(DescriptorLimit { soft: 10, hard: limit });
        let world = World { descriptors, ..World::default() };
        check(&Context { world: &world, bootstrap: &bootstrap, file: "envoy.yaml" })
    }

    #[test]
    fn the_sum_of_all_connections_has_to_fit() {
        assert!(matches!(verdict(1024 + RESERVE), Verdict::Passed(_)));
        let Verdict::Failed(findings) = verdict(1024) else { panic!("it does not fit") };
        assert_eq!(findings[0].cause.code(), "L725");
        assert_eq!(findings[0].grade, Grade::Likely, "a shell's limit is not that of a service");
    }
}
