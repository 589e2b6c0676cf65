//! Names that are looked up, and what is connected to because of them.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const IPV6_CHOSEN: ConditionSpec = ConditionSpec {
    key: "ipv6_chosen",
    blame: Blame::Config,
    sentence: Text {
        en: "The cluster connects to an IPv6 address of the name, and the service answers on IPv4 only.",
        ko: "클러스터가 이름의 IPv6 주소로 접속하지만 서비스는 IPv4에서만 응답합니다.",
    },
    advice: Text {
        en: "Set `dns_lookup_family: V4_PREFERRED` or `V4_ONLY` on the cluster, or have the service listen on IPv6 too.",
        ko: "클러스터에 `dns_lookup_family: V4_PREFERRED` 또는 `V4_ONLY`를 설정하거나 서비스가 IPv6에서도 리슨하게 하십시오.",
    },
};

pub(super) const RESOLVER_MISSED: ConditionSpec = ConditionSpec {
    key: "resolver_missed",
    blame: Blame::Config,
    sentence: Text {
        en: "This host can look the name up, but the name servers that the proxy asks do not know it.",
        ko: "이 호스트에서는 이름이 조회되지만 프록시가 묻는 네임 서버는 그 이름을 모릅니다.",
    },
    advice: Text {
        en: "Compare /etc/hosts, /etc/resolv.conf and the cluster's typed_dns_resolver_config, and have the proxy ask the server that knows the name (in Docker, 127.0.0.11).",
        ko: "/etc/hosts, /etc/resolv.conf, 클러스터의 typed_dns_resolver_config를 비교하고, 이름을 아는 서버(Docker에서는 127.0.0.11)에 프록시가 묻도록 하십시오.",
    },
};

pub(super) const ADDRESS_STALE: ConditionSpec = ConditionSpec {
    key: "address_stale",
    blame: Blame::Config,
    sentence: Text {
        en: "The proxy still uses an address that the name no longer has.",
        ko: "이름의 주소가 바뀌었는데 프록시가 예전 주소를 계속 사용하고 있습니다.",
    },
    advice: Text {
        en: "Have the proxy follow the name: a cluster of type STRICT_DNS or LOGICAL_DNS in Envoy, `resolvers` on the server line in HAProxy, which otherwise looks names up once, at its start.",
        ko: "프록시가 이름을 계속 조회하게 하십시오. Envoy는 STRICT_DNS나 LOGICAL_DNS 클러스터를, HAProxy는 server 줄의 `resolvers`를 사용합니다. HAProxy는 설정하지 않으면 시작할 때 한 번만 조회합니다.",
    },
};

pub(super) const NAME_IN_STATIC_CLUSTER: ConditionSpec = ConditionSpec {
    key: "name_in_static_cluster",
    blame: Blame::Config,
    sentence: Text {
        en: "A cluster of type STATIC has a host name as its endpoint, and only addresses are allowed there.",
        ko: "STATIC 타입 클러스터의 엔드포인트에 호스트 이름이 있습니다. 이 타입에는 IP 주소만 쓸 수 있습니다.",
    },
    advice: Text {
        en: "Set `type: STRICT_DNS` or `type: LOGICAL_DNS` on the cluster, or write the address.",
        ko: "클러스터에 `type: STRICT_DNS` 또는 `type: LOGICAL_DNS`를 설정하거나 IP 주소를 적으십시오.",
    },
};

pub(super) const LOGICAL_DNS_USES_ONE: ConditionSpec = ConditionSpec {
    key: "logical_dns_uses_one",
    blame: Blame::Config,
    sentence: Text {
        en: "The name has several addresses, and a cluster of type LOGICAL_DNS uses only the first of each answer.",
        ko: "이름의 주소가 여러 개지만 LOGICAL_DNS 클러스터는 응답의 첫 번째 주소만 사용합니다.",
    },
    advice: Text {
        en: "Use `type: STRICT_DNS` where requests are meant to be spread over all addresses.",
        ko: "요청을 모든 주소에 나누어 보내려면 `type: STRICT_DNS`를 사용하십시오.",
    },
};

pub(super) const LOOPBACK_IN_CONTAINER: ConditionSpec = ConditionSpec {
    key: "loopback_in_container",
    blame: Blame::Config,
    sentence: Text {
        en: "The endpoint is a loopback address, and the proxy runs in a container, where that is the container itself.",
        ko: "엔드포인트가 루프백 주소인데 프록시가 컨테이너에서 실행 중입니다. 컨테이너 안의 루프백은 컨테이너 자신입니다.",
    },
    advice: Text {
        en: "Name the back-end as other containers see it: its service name, `host.docker.internal` for a service of the host, or run the proxy with the host's network.",
        ko: "다른 컨테이너에서 보이는 이름을 쓰십시오. 서비스 이름이나 호스트의 서비스라면 `host.docker.internal`을 쓰거나 프록시를 호스트 네트워크로 실행하십시오.",
    },
};

pub(super) const NETWORK_NOT_SHARED: ConditionSpec = ConditionSpec {
    key: "network_not_shared",
    blame: Blame::Network,
    sentence: Text {
        en: "The proxy's container is in none of the networks in which the back-end can be reached.",
        ko: "프록시 컨테이너가 백엔드에 접속할 수 있는 네트워크에 연결되어 있지 않습니다.",
    },
    advice: Text {
        en: "Put both containers into one network (`docker network connect`, or `networks:` in the compose file).",
        ko: "두 컨테이너를 같은 네트워크에 연결하십시오(`docker network connect` 또는 compose 파일의 `networks:`).",
    },
};

pub(super) const DYNAMIC_NAME_FAILED: ConditionSpec = ConditionSpec {
    key: "dynamic_name_failed",
    blame: Blame::Dns,
    sentence: Text {
        en: "The dynamic forward proxy could not look up the host that the request names.",
        ko: "동적 포워드 프록시가 요청의 호스트 이름을 조회하지 못했습니다.",
    },
    advice: Text {
        en: "Envoy's details hold what the name server answered (`dns_resolution_failure{...}`): correct the host that clients ask for, or the name servers of dns_cache_config.",
        ko: "Envoy의 상세 문자열 `dns_resolution_failure{...}`에 네임 서버의 응답이 있습니다. 클라이언트가 요청하는 호스트나 dns_cache_config의 네임 서버를 고치십시오.",
    },
};

pub(super) const HAPROXY_SERVER_UNRESOLVED: ConditionSpec = ConditionSpec {
    key: "haproxy_server_unresolved",
    blame: Blame::Dns,
    sentence: Text {
        en: "HAProxy has no address for the server's name, and keeps the server out of service (`MAINT (resolution)`).",
        ko: "HAProxy가 서버 이름의 주소를 얻지 못해 서버를 사용하지 않습니다(`MAINT (resolution)`).",
    },
    advice: Text {
        en: "`show resolvers` on HAProxy's socket tells what the name servers answered; correct the name, or the nameserver lines of the `resolvers` section.",
        ko: "HAProxy 소켓에서 `show resolvers`로 네임 서버의 응답을 확인하고, 이름이나 `resolvers` 섹션의 nameserver 줄을 고치십시오.",
    },
};
