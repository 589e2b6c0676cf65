//! Whether an address can be listened on, and who has it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use causeway_envoy::Spot;
use causeway_model::Address;
use causeway_reason::Condition;
use socket2::{Domain, Protocol, Socket, Type};

use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject};
use crate::said;
use crate::said::Said;
use crate::world::{Verdict, World};

/// What came of binding a socket to an address, without listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// It can be had.
    Free,
    /// Somebody has it.
    InUse,
    /// It is no address of this host.
    NotOurs,
    /// It takes a privilege that this process does not have.
    NotPermitted,
    /// There is no such folder.
    NoFolder,
    /// Something else.
    Failed(io::ErrorKind),
}

/// Whose addresses they are.
pub(super) struct Owner<'a> {
    pub(super) subject: Subject,
    pub(super) spot: Spot,
    pub(super) addresses: &'a [Address],
    /// Its sockets have options that may change what can be bound.
    pub(super) has_options: bool,
}

impl Trial {
    /// Binds as the proxy would, but listens to nobody.
    pub(super) fn of(address: SocketAddr, ipv4_compat: bool) -> Self {
        let bind = || -> io::Result<()> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            // Connections that wait until nothing late can arrive are in nobody's way.
            socket.set_reuse_address(true)?;
            if address.is_ipv6() {
                socket.set_only_v6(!ipv4_compat)?;
            }
            socket.bind(&address.into())
        };
        bind().err().map_or(Self::Free, |error| Self::of_error(error.kind()))
    }

    /// Looks at the folder of a Unix socket. One that is there is replaced.
    pub(super) fn of_path(path: &str) -> Self {
        if path.starts_with('@') {
            return Self::Free;
        }
        match Path::new(path).parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Self::NoFolder,
            _ => Self::Free,
        }
    }

    const fn of_error(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::AddrInUse => Self::InUse,
            io::ErrorKind::AddrNotAvailable => Self::NotOurs,
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            kind => Self::Failed(kind),
        }
    }
}

/// What it means, for the first of the addresses that can't be had.
pub(super) fn decide<'a>(
    owner: &Owner<'_>,
    tried: impl Iterator<Item = (&'a Address, Trial)>,
    world: &World,
    file: &str,
) -> Verdict {
    let mut seen: Option<Said> = None;
    for (address, trial) in tried {
        match of(owner, address, trial, world, file) {
            Verdict::Passed(words) => seen = Some(seen.unwrap_or(words)),
            other => return other,
        }
    }
    Verdict::Passed(seen.unwrap_or_else(|| said!("", "")))
}

fn of(owner: &Owner<'_>, address: &Address, trial: Trial, world: &World, file: &str) -> Verdict {
    match (trial, address.ip()) {
        (Trial::Free, _) => Verdict::Passed(said!("{address} is free", "{address} 사용 가능")),
        (Trial::InUse, Some(ip)) => in_use(owner, ip, world, file),
        (Trial::NotOurs, Some(_)) if owner.has_options => Verdict::Inconclusive(said!(
            "{address} is no address of this host; its socket_options may allow it (IP_FREEBIND, IP_TRANSPARENT)",
            "{address}는 이 호스트의 주소가 아닙니다. socket_options(IP_FREEBIND, IP_TRANSPARENT)로 허용될 수 있습니다"
        )),
        (Trial::NotOurs, Some(ip)) => not_ours(owner, ip, world),
        (Trial::NotPermitted, Some(ip)) => not_permitted(owner, ip, world),
        (Trial::NoFolder, _) => failed(
            owner,
            address,
            said!("there is no folder for the socket {address}", "소켓 {address}의 디렉터리가 없습니다"),
            Evidence::new(
                EvidenceKind::Host,
                said!("folder of {address}", "{address}의 디렉터리"),
                said!("not there", "없음"),
            ),
            Severity::Error,
        ),
        (trial, _) => {
            let error = match trial {
                Trial::Failed(kind) => kind.to_string(),
                other => format!("{other:?}"),
            };
            failed(
                owner,
                address,
                said!("{address} can't be listened on: {error}", "{address}를 열 수 없습니다: {error}"),
                bound(address, said!("{error}", "{error}")),
                Severity::Error,
            )
        }
    }
}

fn in_use(owner: &Owner<'_>, address: SocketAddr, world: &World, file: &str) -> Verdict {
    let command = format!("sudo ss -ltnp 'sport = :{}'", address.port());
    let Some(socket) = world.sockets.in_the_way(address).next() else {
        let title = said!(
            "{address} is taken by a socket that does not listen",
            "{address}를 듣지 않는 소켓이 차지하고 있습니다"
        );
        let seen = bound(&Address::Ip(address), said!("address in use (EADDRINUSE)", "사용 중(EADDRINUSE)"));
        return failed(owner, &Address::Ip(address), title, seen.command(command), Severity::Error);
    };
    let Some(process) = world.holders.of(socket.inode) else {
        let uid = socket.uid;
        if !world.holders.blind {
            return Verdict::Inconclusive(said!(
                "{address} is held by a process that can't be seen from here: one of another container, or outside of this one",
                "{address}를 여기서 보이지 않는 프로세스가 쓰고 있습니다. 다른 컨테이너나 이 컨테이너 밖의 프로세스입니다"
            ));
        }
        return Verdict::Inconclusive(said!(
            "{address} is held by a process of user {uid}; only root sees whether it is the proxy: {command}",
            "{address}는 사용자 {uid}의 프로세스가 쓰고 있습니다. 프록시인지는 root만 알 수 있습니다: {command}"
        ));
    };
    let shown = process.shown();
    if process.runs(file) {
        return Verdict::Passed(said!(
            "{address} is open: {shown} runs this file",
            "{address} 열려 있음. {shown} 이(가) 이 파일로 실행 중"
        ));
    }
    let local = socket.local;
    let user = &process.user;
    let seen = bound(&Address::Ip(address), said!("address in use (EADDRINUSE)", "사용 중(EADDRINUSE)"));
    let holder = Evidence::new(
        EvidenceKind::Host,
        said!("who listens on {local}", "{local}에서 듣는 프로세스"),
        said!(
            "{shown}, user {user}: {command}",
            "{shown}, 사용자 {user}: {command}",
            command = process.command.join(" ")
        ),
    )
    .command(command);
    let (title, severity, grade) = if process.is_proxy() {
        let title = said!(
            "{address} is held by {shown}, which does not name this file",
            "{address}를 {shown} 이(가) 쓰고 있는데, 이 파일로 실행된 것이 아닙니다"
        );
        (title, Severity::Warning, Grade::Likely)
    } else {
        let title = said!("{address} is held by {shown}", "{address}를 {shown} 이(가) 쓰고 있습니다");
        (title, Severity::Error, Grade::Proven)
    };
    let finding = finding(owner, &Address::Ip(address), title, seen, severity).grade(grade).and(holder).fix(
        Fix::manual(said!(
            "stop {shown}, or give this listener another port",
            "{shown} 을(를) 멈추거나 이 리스너의 포트를 바꾸세요"
        )),
    );
    Verdict::Failed(vec![finding])
}

fn not_ours(owner: &Owner<'_>, address: SocketAddr, world: &World) -> Verdict {
    let own: Vec<_> = world.addresses.iter().flatten().map(ToString::to_string).collect();
    let own = own.join(", ");
    let title = said!("{address} is no address of this host", "{address}는 이 호스트의 주소가 아닙니다");
    let seen = bound(
        &Address::Ip(address),
        said!("address not available (EADDRNOTAVAIL)", "사용할 수 없는 주소(EADDRNOTAVAIL)"),
    );
    let finding = finding(owner, &Address::Ip(address), title, seen, Severity::Error)
        .and(
            Evidence::new(
                EvidenceKind::Host,
                said!("addresses of this host", "이 호스트의 주소"),
                said!("{own}", "{own}"),
            )
            .command("ip -brief address"),
        )
        .fix(Fix::manual(said!(
            "write one of its addresses, or 0.0.0.0 for all of them",
            "이 호스트의 주소나, 모든 주소를 뜻하는 0.0.0.0을 쓰세요"
        )));
    Verdict::Failed(vec![finding])
}

fn not_permitted(owner: &Owner<'_>, address: SocketAddr, world: &World) -> Verdict {
    let (port, first) = (address.port(), world.first_unprivileged_port);
    if port >= first || world.is_privileged {
        let title =
            said!("this process may not listen on {address}", "이 프로세스는 {address}를 열 권한이 없습니다");
        let seen = bound(&Address::Ip(address), said!("permission denied (EACCES)", "권한 거부(EACCES)"));
        return failed(owner, &Address::Ip(address), title, seen, Severity::Error);
    }
    let title = said!(
        "port {port} takes a privilege that this user does not have",
        "포트 {port}를 열려면 이 사용자에게 없는 권한이 필요합니다"
    );
    let seen = bound(
        &Address::Ip(address),
        said!(
            "permission denied (EACCES); ports below {first} take CAP_NET_BIND_SERVICE",
            "권한 거부(EACCES). {first} 미만 포트에는 CAP_NET_BIND_SERVICE가 필요합니다"
        ),
    );
    // Nobody says that the proxy runs as whoever asks.
    let finding = finding(owner, &Address::Ip(address), title, seen, Severity::Warning).grade(Grade::Possible).fix(
        Fix::manual(said!(
            "where the proxy runs as this user: AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit, or sysctl \
             net.ipv4.ip_unprivileged_port_start={port}",
            "프록시가 이 사용자로 실행된다면 유닛에 AmbientCapabilities=CAP_NET_BIND_SERVICE를 추가하거나 sysctl \
             net.ipv4.ip_unprivileged_port_start={port}를 설정하세요"
        )),
    );
    Verdict::Failed(vec![finding])
}

fn bound(address: &Address, observed: Said) -> Evidence {
    Evidence::new(
        EvidenceKind::Host,
        said!("bind a socket to {address}, without listening", "{address}에 소켓 바인드(듣지는 않음)"),
        observed,
    )
}

fn failed(owner: &Owner<'_>, address: &Address, title: Said, seen: Evidence, severity: Severity) -> Verdict {
    Verdict::Failed(vec![finding(owner, address, title, seen, severity)])
}

fn finding(owner: &Owner<'_>, address: &Address, title: Said, seen: Evidence, severity: Severity) -> Finding {
    Finding::new(Condition::ListenerNotOpen, severity, title, seen)
        .about(owner.subject.clone().endpoint(address))
        .at(owner.spot.clone(), said!("this address", "이 주소"))
        .effect(Effect {
            words: Some(said!(
                "a proxy that starts with this file does not get the port, and ends",
                "이 파일로 시작하는 프록시는 포트를 얻지 못하고 종료됩니다"
            )),
            ..Effect::default()
        })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::world::World;

    fn verdict(address: &str, trial: Trial, world: &World) -> Verdict {
        let addresses = [Address::Ip(address.parse().unwrap())];
        let owner = Owner {
            subject: Subject::listener("web"),
            spot: Spot::Path("admin".into()),
            addresses: &addresses,
            has_options: false,
        };
        decide(&owner, addresses.iter().map(|address| (address, trial)), world, "envoy.yaml")
    }

    #[test]
    fn each_error_of_bind_has_its_meaning() {
        let world = World { first_unprivileged_port: 1024, ..World::default() };
        assert!(matches!(verdict("127.0.0.1:80", Trial::Free, &world), Verdict::Passed(_)));
        let failed = |address: &str, trial| match verdict(address, trial, &world) {
            Verdict::Failed(findings) => (findings[0].cause.code(), findings[0].severity, findings[0].grade),
            other => panic!("{other:?}"),
        };
        assert_eq!(failed("10.0.0.1:80", Trial::NotOurs), ("K916", Severity::Error, Grade::Proven));
        assert_eq!(failed("0.0.0.0:80", Trial::NotPermitted), ("K916", Severity::Warning, Grade::Possible));
        assert_eq!(failed("0.0.0.0:80", Trial::InUse), ("K916", Severity::Error, Grade::Proven));
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        assert_eq!(Trial::of(address, false), Trial::InUse);
        let Verdict::Failed(findings) = verdict(&address.to_string(), Trial::InUse, &World::read()) else {
            panic!("it is held")
        };
        assert_eq!(findings[0].severity, Severity::Error);
        assert!(findings[0].title.en.contains(&std::process::id().to_string()), "{}", findings[0].title.en);
        drop(holder);
        assert_eq!(Trial::of(address, false), Trial::Free);
    }
}
