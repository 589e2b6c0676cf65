//! Connections that could not be made.

use super::grpc;
use crate::{Answer, Blame, Flag, ResetReason, Retry, Spec, Text};

const fn unconnected(
    key: &'static str,
    reset: ResetReason,
    blame: Blame,
    sentence: Text,
    advice: Text,
) -> Spec {
    Spec {
        key,
        answer: Answer::reset(503, Flag::UpstreamConnectionFailure, reset),
        grpc: grpc(503),
        blame,
        retry: Retry::Safe,
        sentence,
        advice,
    }
}

pub(super) const CONNECT_REFUSED: Spec = unconnected(
    "connect_refused",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end's host refused the connection: nothing listens on that address and port.",
        ko: "백엔드 호스트가 연결을 거부했습니다. 해당 주소와 포트에서 리스닝하는 프로그램이 없습니다.",
    },
    Text {
        en: "On the back-end run `ss -ltn`: start the service, correct the port, or bind it to 0.0.0.0 rather than 127.0.0.1.",
        ko: "백엔드에서 `ss -ltn`을 실행하십시오. 서비스를 시작하거나 포트를 고치거나 127.0.0.1 대신 0.0.0.0에 바인드하십시오.",
    },
);

pub(super) const CONNECT_REJECTED: Spec = unconnected(
    "connect_rejected",
    ResetReason::RemoteConnectionFailure,
    Blame::Network,
    Text {
        en: "A firewall refused the connection: the refusal came as an ICMP message, which no closed port sends.",
        ko: "방화벽이 연결을 거부했습니다. 닫힌 포트는 보내지 않는 ICMP 메시지로 거부되었습니다.",
    },
    Text {
        en: "The evidence names the address that sent it: look there for a REJECT rule (`iptables -L -n -v`, `nft list ruleset`).",
        ko: "근거에 보낸 주소가 있습니다. 그곳에서 REJECT 규칙을 찾으십시오(`iptables -L -n -v`, `nft list ruleset`).",
    },
);

pub(super) const CONNECT_TIMEOUT: Spec = unconnected(
    "connect_timeout",
    ResetReason::ConnectionTimeout,
    Blame::Network,
    Text {
        en: "The back-end did not answer the connection attempt within connect_timeout.",
        ko: "connect_timeout 안에 백엔드가 연결 시도에 응답하지 않았습니다.",
    },
    Text {
        en: "A firewall drops the packets, or the back-end's accept queue is full (`ss -ltn`: Recv-Q above Send-Q).",
        ko: "방화벽이 패킷을 버리거나 백엔드의 accept 큐가 가득 찼습니다(`ss -ltn`에서 Recv-Q > Send-Q).",
    },
);

pub(super) const HOST_UNREACHABLE: Spec = unconnected(
    "host_unreachable",
    ResetReason::RemoteConnectionFailure,
    Blame::Network,
    Text {
        en: "The back-end's host can't be reached: it does not answer on its network.",
        ko: "백엔드 호스트에 도달할 수 없습니다. 네트워크에서 응답하지 않습니다.",
    },
    Text {
        en: "The host is down or the address is on another network: see `ip neigh` and `ip route get ADDRESS`.",
        ko: "호스트가 꺼졌거나 다른 네트워크의 주소입니다. `ip neigh`와 `ip route get 주소`를 확인하십시오.",
    },
);

pub(super) const NETWORK_UNREACHABLE: Spec = unconnected(
    "network_unreachable",
    ResetReason::RemoteConnectionFailure,
    Blame::Host,
    Text {
        en: "There is no route to the back-end's network.",
        ko: "백엔드 네트워크로 가는 경로가 없습니다.",
    },
    Text {
        en: "Run `ip route get ADDRESS` on the proxy's host: add the route that is missing, or remove one of the type unreachable or blackhole.",
        ko: "프록시 호스트에서 `ip route get 주소`를 실행하십시오. 빠진 경로는 추가하고, unreachable이나 blackhole 경로는 지우십시오.",
    },
);

pub(super) const CONNECT_RESET: Spec = unconnected(
    "connect_reset",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The connection was reset while it was being made.", ko: "연결을 맺는 도중 리셋되었습니다."
    },
    Text {
        en: "A load balancer without back-ends, a connection limit or a TCP wrapper stands behind that address.",
        ko: "그 주소 뒤에 백엔드 없는 로드 밸런서, 연결 제한 또는 TCP 래퍼가 있습니다.",
    },
);

pub(super) const LOCAL_PORTS_EXHAUSTED: Spec = unconnected(
    "local_ports_exhausted",
    ResetReason::RemoteConnectionFailure,
    Blame::Host,
    Text {
        en: "All local ports towards the back-end are in use.",
        ko: "백엔드로 향하는 로컬 포트가 모두 사용 중입니다.",
    },
    Text {
        en: "Keep upstream connections alive, widen net.ipv4.ip_local_port_range, or use more addresses; `ss -s` counts them.",
        ko: "업스트림 연결을 유지하고 net.ipv4.ip_local_port_range를 넓히거나 주소를 늘리십시오. `ss -s`로 확인합니다.",
    },
);

pub(super) const DESCRIPTORS_EXHAUSTED: Spec = unconnected(
    "descriptors_exhausted",
    ResetReason::LocalConnectionFailure,
    Blame::Host,
    Text {
        en: "The proxy has no file descriptor left.",
        ko: "프록시의 파일 디스크립터가 모두 소진되었습니다.",
    },
    Text {
        en: "Raise LimitNOFILE (systemd) or `ulimit -n`, or lower the connection limits.",
        ko: "LimitNOFILE(systemd)이나 `ulimit -n`을 늘리거나 연결 수 제한을 낮추십시오.",
    },
);

pub(super) const SOURCE_BIND_FAILED: Spec = unconnected(
    "source_bind_failed",
    ResetReason::LocalConnectionFailure,
    Blame::Host,
    Text {
        en: "The connection could not be bound to the source that upstream_bind_config or original_src names.",
        ko: "upstream_bind_config 또는 original_src로 지정된 출발지에 연결을 바인드하지 못했습니다.",
    },
    Text {
        en: "`ip addr` has to show the source address; give it to an interface or correct the file. It has to be of the back-end's family: extra_source_addresses takes one for the other.",
        ko: "`ip addr`에 출발지 주소가 있어야 합니다. 인터페이스에 추가하거나 설정을 고치십시오. 백엔드와 IPv4/IPv6 종류가 같아야 하며, 다른 종류의 주소는 extra_source_addresses에 적습니다.",
    },
);

pub(super) const CONNECT_NOT_PERMITTED: Spec = unconnected(
    "connect_not_permitted",
    ResetReason::RemoteConnectionFailure,
    Blame::Host,
    Text {
        en: "The kernel of the proxy's host does not let it connect there.",
        ko: "프록시 호스트의 커널이 그곳으로의 연결을 허용하지 않습니다.",
    },
    Text {
        en: "A `prohibit` route, a local firewall or a missing permission on a Unix socket: see `ip route get ADDRESS`.",
        ko: "`prohibit` 경로, 로컬 방화벽 또는 유닉스 소켓 권한 문제입니다. `ip route get 주소`를 확인하십시오.",
    },
);

pub(super) const SOCKET_PATH_MISSING: Spec = unconnected(
    "socket_path_missing",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end's Unix socket does not exist.", ko: "백엔드의 유닉스 소켓이 없습니다."
    },
    Text {
        en: "Start the back-end, or correct the path in `pipe`.",
        ko: "백엔드를 시작하거나 `pipe`의 경로를 고치십시오.",
    },
);

pub(super) const CONNECT_FAILED: Spec = unconnected(
    "connect_failed",
    ResetReason::RemoteConnectionFailure,
    Blame::Host,
    Text {
        en: "Connecting failed with the error that the evidence names.",
        ko: "근거에 적힌 오류로 연결에 실패했습니다.",
    },
    Text {
        en: "Look at routing and limits of the proxy's host: the error came from its own kernel.",
        ko: "프록시 호스트의 라우팅과 제한을 확인하십시오. 그 커널에서 난 오류입니다.",
    },
);
