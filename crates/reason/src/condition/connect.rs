//! Between the proxy and the port of a back-end.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const LISTENS_ON_LOOPBACK: ConditionSpec = ConditionSpec {
    key: "listens_on_loopback",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The back-end listens on its loopback address only, so connections from other hosts are refused.",
        ko: "백엔드가 루프백 주소에서만 리슨하므로 다른 호스트의 접속이 거부됩니다.",
    },
    advice: Text {
        en: "Have the application listen on 0.0.0.0 (or `::`), or on the address that the proxy connects to.",
        ko: "애플리케이션이 0.0.0.0(또는 `::`)이나 프록시가 접속하는 주소에서 리슨하게 하십시오.",
    },
};

pub(super) const ACCEPT_QUEUE_FULL: ConditionSpec = ConditionSpec {
    key: "accept_queue_full",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The back-end's accept queue is full: it does not take connections as fast as they come, and the kernel drops new ones.",
        ko: "백엔드의 accept 큐가 가득 찼습니다. 애플리케이션이 연결을 제때 받지 못해 커널이 새 연결을 버립니다.",
    },
    advice: Text {
        en: "On the back-end's host, `ss -ltn` shows Recv-Q at its limit Send-Q: see why the application hangs, give it more workers, or raise its listen backlog and net.core.somaxconn.",
        ko: "백엔드 호스트에서 `ss -ltn`의 Recv-Q가 한도인 Send-Q에 도달해 있습니다. 애플리케이션이 멈춘 이유를 확인하고 워커를 늘리거나 listen backlog와 net.core.somaxconn을 늘리십시오.",
    },
};

pub(super) const SIDECAR_REDIRECT_LOOP: ConditionSpec = ConditionSpec {
    key: "sidecar_redirect_loop",
    blame: Blame::Config,
    sentence: Text {
        en: "The host's redirection rules treat the application as the sidecar itself, so its traffic passes by the proxy or returns to where it came from.",
        ko: "호스트의 리다이렉트 규칙이 애플리케이션을 사이드카로 취급하여 트래픽이 프록시를 우회하거나 되돌아옵니다.",
    },
    advice: Text {
        en: "Do not run the application as the sidecar's user (1337 in Istio); `iptables -t nat -S` shows the owner and port rules.",
        ko: "애플리케이션을 사이드카의 사용자(Istio는 1337)로 실행하지 마십시오. `iptables -t nat -S`에서 owner와 포트 규칙을 확인할 수 있습니다.",
    },
};

pub(super) const CONNECT_TIMEOUT_TOO_SHORT: ConditionSpec = ConditionSpec {
    key: "connect_timeout_too_short",
    blame: Blame::Config,
    sentence: Text {
        en: "connect_timeout is shorter than it takes to connect to the back-end, with the TLS handshake where there is one.",
        ko: "connect_timeout이 백엔드 연결에 걸리는 시간(TLS라면 핸드셰이크 포함)보다 짧습니다.",
    },
    advice: Text {
        en: "Raise connect_timeout above the time that was measured, with room for load; Envoy's default is 5 s.",
        ko: "connect_timeout을 측정된 시간보다 여유 있게 늘리십시오. Envoy의 기본값은 5초입니다.",
    },
};

pub(super) const ANOTHER_PORT_LISTENS: ConditionSpec = ConditionSpec {
    key: "another_port_listens",
    blame: Blame::Config,
    sentence: Text {
        en: "Nothing listens on the configured port, and the service is found on another port of the same host.",
        ko: "설정된 포트에서는 아무것도 리슨하지 않고, 같은 호스트의 다른 포트에서 서비스가 발견되었습니다.",
    },
    advice: Text {
        en: "Correct port_value of the endpoint; behind a Kubernetes service compare its targetPort with the port that the container listens on.",
        ko: "엔드포인트의 port_value를 고치십시오. Kubernetes 서비스라면 targetPort와 컨테이너가 리슨하는 포트를 비교하십시오.",
    },
};

pub(super) const CONNTRACK_FULL: ConditionSpec = ConditionSpec {
    key: "conntrack_full",
    blame: Blame::Host,
    sentence: Text {
        en: "The kernel's connection tracking table is full, and packets of new connections are dropped.",
        ko: "커널의 conntrack 테이블이 가득 차서 새 연결의 패킷이 버려집니다.",
    },
    advice: Text {
        en: "Raise net.netfilter.nf_conntrack_max, or have clients and back-ends keep connections; `dmesg` says `nf_conntrack: table full`.",
        ko: "net.netfilter.nf_conntrack_max를 늘리거나 연결을 재사용하게 하십시오. `dmesg`에 `nf_conntrack: table full`이 있습니다.",
    },
};
