//! The way to endpoints, as far as this host knows it without sending anything.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use causeway_reason::Reason;

use super::{Context, Verdict};
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject, under};
use crate::said;

/// Whether the kernel has a route to each endpoint.
pub(super) fn routes(context: &Context<'_>) -> Verdict {
    let mut findings = Vec::new();
    let mut asked = 0_usize;
    for (cluster, endpoint, address) in context.endpoints() {
        asked += 1;
        let Some(number) = route(address) else { continue };
        let Some(missing) = Missing::of(number) else { continue };
        let ip = address.ip();
        let title = said!(
            "this host has no way to {address}, an endpoint of `{cluster}`",
            "이 호스트에서 `{cluster}`의 엔드포인트 {address}로 가는 경로가 없습니다",
            cluster = cluster.name
        );
        let seen = Evidence::new(
            EvidenceKind::Host,
            said!("route to {ip}, without sending anything", "{ip}로 가는 경로(패킷을 보내지 않고 확인)"),
            missing.said(),
        )
        .command(format!("ip route get {ip}"));
        findings.push(
            Finding::new(missing.reason(), Severity::Error, title, seen)
                .about(Subject::cluster(&cluster.name).endpoint(address))
                .at(under(&endpoint.position, ""), said!("no route there", "경로 없음"))
                .effect(Effect {
                    status: Some(503),
                    flags: "UF".to_owned(),
                    details: format!("immediate_connect_error:_{}", missing.details()),
                    words: None,
                })
                .ruled_out([said!(
                    "firewall and back-end (the kernel refuses before anything is sent)",
                    "방화벽과 백엔드(패킷을 보내기 전에 커널이 거부)"
                )]),
        );
    }
    if findings.is_empty() {
        return Verdict::Passed(said!("{asked} addresses have one", "주소 {asked}개 모두 경로 있음"));
    }
    Verdict::Failed(findings)
}

/// What the kernel has in place of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Network,
    Unreachable,
    Blackhole,
    Prohibited,
}

impl Missing {
    /// By the number of the error of connect(2); `None` for what says nothing about routes.
    fn of(number: i32) -> Option<Self> {
        let kind = std::io::Error::from_raw_os_error(number).kind();
        match kind {
            std::io::ErrorKind::NetworkUnreachable => Some(Self::Network),
            std::io::ErrorKind::HostUnreachable => Some(Self::Unreachable),
            // A route of the type `blackhole` is answered by EINVAL, one of `prohibit` by EACCES.
            std::io::ErrorKind::InvalidInput => Some(Self::Blackhole),
            std::io::ErrorKind::PermissionDenied => Some(Self::Prohibited),
            _ => None,
        }
    }

    const fn reason(self) -> Reason {
        match self {
            Self::Network | Self::Unreachable | Self::Blackhole => Reason::NetworkUnreachable,
            Self::Prohibited => Reason::ConnectNotPermitted,
        }
    }

    fn said(self) -> crate::Said {
        match self {
            Self::Network => said!("no route (ENETUNREACH)", "경로 없음(ENETUNREACH)"),
            Self::Unreachable => {
                said!(
                    "a route of the type unreachable (EHOSTUNREACH)",
                    "unreachable 유형의 경로(EHOSTUNREACH)"
                )
            }
            Self::Blackhole => {
                said!("a route of the type blackhole (EINVAL)", "blackhole 유형의 경로(EINVAL)")
            }
            Self::Prohibited => {
                said!("a route of the type prohibit (EACCES)", "prohibit 유형의 경로(EACCES)")
            }
        }
    }

    const fn details(self) -> &'static str {
        match self {
            Self::Network => "Network_is_unreachable",
            Self::Unreachable => "No_route_to_host",
            Self::Blackhole => "Invalid_argument",
            Self::Prohibited => "Permission_denied",
        }
    }
}

/// Asks the kernel for a route: a datagram socket that is connected looks one up and sends nothing. The number of the error,
/// where there is none.
fn route(to: SocketAddr) -> Option<i32> {
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    // Port 0 is nobody's, and some kernels say so.
    let to = SocketAddr::new(to.ip(), to.port().max(1));
    let error = UdpSocket::bind(any).and_then(|socket| socket.connect(to)).err()?;
    error.raw_os_error()
}

/// Whether an endpoint on the same link has not answered for its address.
pub(super) fn neighbours(context: &Context<'_>) -> Verdict {
    let Some(silent) = &context.world.silent_neighbours else {
        return Verdict::Inconclusive(said!(
            "/proc/net/arp can't be read: `ip neigh` shows who answers",
            "/proc/net/arp를 읽을 수 없습니다. `ip neigh`로 확인하세요"
        ));
    };
    let mut findings = Vec::new();
    for (cluster, endpoint, address) in context.endpoints() {
        let Some(entry) = silent.iter().find(|entry| entry.ip == address.ip()) else { continue };
        let (ip, device) = (entry.ip, &entry.device);
        let title = said!(
            "{ip}, an endpoint of `{cluster}`, does not answer on its link",
            "`{cluster}`의 엔드포인트 {ip}가 링크에서 응답하지 않습니다",
            cluster = cluster.name
        );
        let seen = Evidence::new(
            EvidenceKind::Host,
            said!("ARP table", "ARP 테이블"),
            said!("nobody on {device} has answered for {ip}", "{device}에서 {ip}에 응답한 호스트가 없습니다"),
        )
        .command(format!("ip neigh show {ip}"));
        findings.push(
            Finding::new(Reason::HostUnreachable, Severity::Error, title, seen)
                // What has been asked a moment ago looks the same for a moment.
                .grade(Grade::Likely)
                .about(Subject::cluster(&cluster.name).endpoint(address))
                .at(under(&endpoint.position, ""), said!("nobody answers for it", "응답하는 호스트 없음"))
                .effect(Effect {
                    status: Some(503),
                    flags: "UF".to_owned(),
                    details: "delayed_connect_error:_No_route_to_host".to_owned(),
                    words: Some(said!(
                        "after three seconds, or connection_timeout where connect_timeout is shorter",
                        "3초 뒤. connect_timeout이 더 짧으면 connection_timeout"
                    )),
                }),
        );
    }
    if findings.is_empty() {
        return Verdict::Passed(said!("none is silent (IPv4)", "응답 없는 이웃 없음(IPv4)"));
    }
    Verdict::Failed(findings)
}

#[cfg(test)]
mod tests {
    use super::super::super::World;
    use super::super::super::kernel::SilentNeighbour;
    use super::*;
    use crate::testing;

    #[test]
    fn this_host_knows_the_way_to_itself() {
        assert_eq!(route("127.0.0.1:80".parse().unwrap()), None);
    }

    #[test]
    fn errors_of_connect_name_the_type_of_route() {
        // Numbers of Linux (asm-generic/errno.h).
        let cases = [(101, "T206"), (113, "T206"), (22, "T206"), (13, "T220")];
        for (number, code) in cases {
            assert_eq!(Missing::of(number).unwrap().reason().code(), code, "{number}");
        }
        assert_eq!(Missing::of(98), None);
    }

    #[test]
    fn an_endpoint_without_an_answer_is_found() {
        let bootstrap = testing::bootstrap(&testing::one_cluster("10.0.0.2", 8080));
        let verdict = |ip: &str| {
            let silent = SilentNeighbour { ip: ip.parse().unwrap(), device: "eth0".to_owned() };
            let world = World { silent_neighbours: Some(vec![silent]), ..World::default() };
            neighbours(&Context { world: &world, bootstrap: &bootstrap, file: "envoy.yaml" })
        };
        assert!(matches!(verdict("10.0.0.3"), Verdict::Passed(_)));
        let Verdict::Failed(findings) = verdict("10.0.0.2") else { panic!("nobody answers") };
        assert_eq!(findings[0].cause.code(), "T205");
    }
}
