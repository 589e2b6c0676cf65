//! Names that gave no address. They are met through the cluster's hosts: nobody is left to ask.

use super::grpc;
use crate::{Answer, Blame, Retry, Spec, Text};

const fn unresolved(key: &'static str, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::no_healthy_upstream(),
        grpc: grpc(503),
        blame: Blame::Dns,
        retry: Retry::Safe,
        sentence,
        advice,
    }
}

pub(super) const DNS_NAME_NOT_FOUND: Spec = unresolved(
    "dns_name_not_found",
    Text {
        en: "The back-end's name does not exist in DNS (NXDOMAIN).",
        ko: "백엔드 이름이 DNS에 없습니다(NXDOMAIN).",
    },
    Text {
        en: "Correct the name or its search domain; in containers, check that both are on one network.",
        ko: "이름이나 검색 도메인을 고치십시오. 컨테이너라면 같은 네트워크에 있는지 확인하십시오.",
    },
);

pub(super) const DNS_NO_ADDRESS: Spec = unresolved(
    "dns_no_address",
    Text {
        en: "The back-end's name exists, but has no address of the family that is asked for.",
        ko: "백엔드 이름은 있으나 요청한 주소 체계의 주소가 없습니다.",
    },
    Text {
        en: "Set dns_lookup_family to AUTO, V4_PREFERRED or ALL, or add the missing A or AAAA record.",
        ko: "dns_lookup_family를 AUTO, V4_PREFERRED 또는 ALL로 바꾸거나 A/AAAA 레코드를 추가하십시오.",
    },
);

pub(super) const DNS_SERVER_FAILURE: Spec = unresolved(
    "dns_server_failure",
    Text {
        en: "The name server answered that it failed, or that it refuses (SERVFAIL, REFUSED).",
        ko: "네임 서버가 실패 또는 거부로 응답했습니다(SERVFAIL, REFUSED).",
    },
    Text {
        en: "Ask the name server with `dig`; the fault is there or in the zone it serves.",
        ko: "`dig`로 네임 서버에 질의해 보십시오. 문제는 그 서버나 해당 존에 있습니다.",
    },
);

pub(super) const DNS_TIMEOUT: Spec = unresolved(
    "dns_timeout",
    Text {
        en: "No name server answered in time.", ko: "제시간에 응답한 네임 서버가 없습니다."
    },
    Text {
        en: "Check that the servers of /etc/resolv.conf, or of typed_dns_resolver_config, are reachable on port 53.",
        ko: "/etc/resolv.conf 또는 typed_dns_resolver_config의 서버에 53번 포트로 닿는지 확인하십시오.",
    },
);
