//! Limits, and filters that turn requests away.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const RETRY_BREAKER: ConditionSpec = ConditionSpec {
    key: "retry_breaker",
    blame: Blame::Config,
    sentence: Text {
        en: "Requests are not retried since more retries run at once than the circuit breaker max_retries allows.",
        ko: "동시 재시도가 서킷 브레이커 max_retries를 넘어 요청을 재시도하지 않습니다.",
    },
    advice: Text {
        en: "Raise max_retries (3 unless set), or set retry_budget; upstream_rq_retry_overflow counts what was not retried.",
        ko: "max_retries(기본 3)를 늘리거나 retry_budget을 설정하십시오. 재시도하지 못한 수는 upstream_rq_retry_overflow에 있습니다.",
    },
};

pub(super) const RATE_LIMITED: ConditionSpec = ConditionSpec {
    key: "rate_limited",
    blame: Blame::Config,
    sentence: Text {
        en: "A rate limit turns requests away with 429.",
        ko: "속도 제한이 요청을 429로 거부합니다.",
    },
    advice: Text {
        en: "See whose requests they are; raise the token bucket of local_ratelimit, or the limit in the rate limit service.",
        ko: "누구의 요청인지 확인하고 local_ratelimit의 토큰 버킷이나 속도 제한 서비스의 한도를 늘리십시오.",
    },
};

pub(super) const RATE_LIMIT_SERVICE_DOWN: ConditionSpec = ConditionSpec {
    key: "rate_limit_service_down",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The rate limit service does not answer, and the filter is set to refuse requests then (failure_mode_deny).",
        ko: "속도 제한 서비스가 응답하지 않으며, 필터가 이때 요청을 거부하도록 설정되어 있습니다(failure_mode_deny).",
    },
    advice: Text {
        en: "Mend the service's cluster, or set failure_mode_deny to false.",
        ko: "서비스의 클러스터를 복구하거나 failure_mode_deny를 false로 설정하십시오.",
    },
};

pub(super) const RBAC_DENIED: ConditionSpec = ConditionSpec {
    key: "rbac_denied",
    blame: Blame::Config,
    sentence: Text {
        en: "A policy of the filter rbac refuses the request with 403.",
        ko: "rbac 필터의 정책이 요청을 403으로 거부합니다.",
    },
    advice: Text {
        en: "The details name the policy (`rbac_access_denied_matched_policy[NAME]`); `none` means that no ALLOW policy fits.",
        ko: "상세 문자열 `rbac_access_denied_matched_policy[NAME]`에 정책 이름이 있습니다. `none`이면 맞는 ALLOW 정책이 없다는 뜻입니다.",
    },
};

pub(super) const EXT_AUTHZ_DOWN: ConditionSpec = ConditionSpec {
    key: "ext_authz_down",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The authorization service does not answer, and requests are refused with 403: this is an outage, not a denial.",
        ko: "인가 서비스가 응답하지 않아 요청이 403으로 거부됩니다. 권한 문제가 아니라 장애입니다.",
    },
    advice: Text {
        en: "Mend the cluster of the service (`ext_authz_error` in the details, ext_authz.error in the statistics); status_on_error sets another status.",
        ko: "서비스의 클러스터를 복구하십시오(상세 문자열 `ext_authz_error`, 통계 ext_authz.error). status_on_error로 다른 상태를 쓸 수 있습니다.",
    },
};

pub(super) const EXT_AUTHZ_DENIED: ConditionSpec = ConditionSpec {
    key: "ext_authz_denied",
    blame: Blame::Client,
    sentence: Text {
        en: "The authorization service refuses the request.",
        ko: "인가 서비스가 요청을 거부합니다.",
    },
    advice: Text {
        en: "Look into the log of the authorization service: the proxy only passes its answer on.",
        ko: "인가 서비스의 로그를 확인하십시오. 프록시는 그 응답을 전달할 뿐입니다.",
    },
};

pub(super) const JWT_REFUSED: ConditionSpec = ConditionSpec {
    key: "jwt_refused",
    blame: Blame::Client,
    sentence: Text {
        en: "The request's token is missing or invalid, or the keys to check it by could not be fetched.",
        ko: "요청의 토큰이 없거나 유효하지 않거나, 검증할 키를 가져오지 못했습니다.",
    },
    advice: Text {
        en: "The body says which: `Jwt is missing` is the client's, `Jwks remote fetch is failed` is an outage of the key server.",
        ko: "응답 본문에 이유가 있습니다. `Jwt is missing`은 클라이언트 문제이고 `Jwks remote fetch is failed`는 키 서버 장애입니다.",
    },
};

pub(super) const REQUEST_BODY_TOO_LARGE: ConditionSpec = ConditionSpec {
    key: "request_body_too_large",
    blame: Blame::Config,
    sentence: Text {
        en: "The request's body is larger than what is buffered for a filter, and is refused with 413.",
        ko: "요청 본문이 필터를 위해 버퍼링할 수 있는 크기보다 커서 413으로 거부됩니다.",
    },
    advice: Text {
        en: "Raise max_request_bytes of the filter buffer, or per_connection_buffer_limit_bytes; a 413 with `via_upstream` is the back-end's own.",
        ko: "buffer 필터의 max_request_bytes나 per_connection_buffer_limit_bytes를 늘리십시오. `via_upstream`인 413은 백엔드의 응답입니다.",
    },
};

pub(super) const GLOBAL_CONNECTION_LIMIT: ConditionSpec = ConditionSpec {
    key: "global_connection_limit",
    blame: Blame::Config,
    sentence: Text {
        en: "As many connections from clients are open as the whole proxy may have, and new ones are closed at once, without a line in HTTP logs.",
        ko: "프록시 전체에 허용된 클라이언트 연결 수에 도달해 새 연결을 바로 닫습니다. HTTP 로그에는 남지 않습니다.",
    },
    advice: Text {
        en: "Raise max_active_downstream_connections of the resource monitor, or find out who keeps connections open; downstream_global_cx_overflow counts them.",
        ko: "리소스 모니터의 max_active_downstream_connections를 늘리거나 연결을 오래 여는 클라이언트를 찾으십시오. downstream_global_cx_overflow에 집계됩니다.",
    },
};

pub(super) const HAPROXY_QUEUE_TIMEOUT: ConditionSpec = ConditionSpec {
    key: "haproxy_queue_timeout",
    blame: Blame::Upstream,
    sentence: Text {
        en: "Requests wait for a free slot of a HAProxy server until `timeout queue`, and are answered 503 (`sQ--`).",
        ko: "요청이 HAProxy 서버의 빈 슬롯을 기다리다 `timeout queue`가 지나 503(`sQ--`)으로 응답됩니다.",
    },
    advice: Text {
        en: "Raise maxconn of the servers if they can take more, or add servers.",
        ko: "서버가 더 받을 수 있으면 maxconn을 늘리거나 서버를 추가하십시오.",
    },
};

pub(super) const DESCRIPTOR_LIMIT_LOW: ConditionSpec = ConditionSpec {
    key: "descriptor_limit_low",
    blame: Blame::Host,
    sentence: Text {
        en: "The process may have fewer open files than the configured limits of connections need.",
        ko: "프로세스의 열린 파일 한도가 설정된 연결 한도보다 작습니다.",
    },
    advice: Text {
        en: "Raise the limit (`LimitNOFILE=` of the systemd unit, `ulimit -n`) above the sum of connections from clients and to back-ends.",
        ko: "클라이언트 연결과 백엔드 연결의 합보다 크게 한도를 늘리십시오(systemd 유닛의 `LimitNOFILE=`, `ulimit -n`).",
    },
};
