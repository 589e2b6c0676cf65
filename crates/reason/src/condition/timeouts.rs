//! Times that fit neither the work nor each other.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const HAPROXY_SERVER_TIMEOUT: ConditionSpec = ConditionSpec {
    key: "haproxy_server_timeout",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The server did not answer within HAProxy's `timeout server` (504, `sH--`).",
        ko: "서버가 HAProxy의 `timeout server` 안에 응답하지 않았습니다(504, `sH--`).",
    },
    advice: Text {
        en: "Make the server faster, or raise `timeout server` for that backend.",
        ko: "서버를 빠르게 하거나 그 backend의 `timeout server`를 늘리십시오.",
    },
};

pub(super) const OUTER_BALANCER_TIMEOUT: ConditionSpec = ConditionSpec {
    key: "outer_balancer_timeout",
    blame: Blame::Client,
    sentence: Text {
        en: "A load balancer in front of the proxy gives up before the proxy answers: requests end after the same round time.",
        ko: "앞단 로드 밸런서가 프록시보다 먼저 포기합니다. 요청이 항상 같은 시간에 끝납니다.",
    },
    advice: Text {
        en: "Compare its idle timeout (60 s in AWS ALB, 350 s in NLB) with the routes' timeouts, and keep the outer one the longest.",
        ko: "로드 밸런서의 유휴 타임아웃(AWS ALB 60초, NLB 350초)과 라우트의 timeout을 비교하고 바깥쪽을 가장 길게 하십시오.",
    },
};

pub(super) const CALLER_SET_TIMEOUT: ConditionSpec = ConditionSpec {
    key: "caller_set_timeout",
    blame: Blame::Client,
    sentence: Text {
        en: "The caller shortens the timeout itself, with x-envoy-upstream-rq-timeout-ms or grpc-timeout.",
        ko: "호출자가 x-envoy-upstream-rq-timeout-ms 또는 grpc-timeout 헤더로 타임아웃을 직접 줄였습니다.",
    },
    advice: Text {
        en: "Correct the caller; x-envoy-* headers are obeyed only from the addresses in internal_address_config, and max_grpc_timeout bounds grpc-timeout.",
        ko: "호출자를 고치십시오. x-envoy-* 헤더는 internal_address_config의 주소에서 온 것만 적용되고, grpc-timeout의 상한은 max_grpc_timeout입니다.",
    },
};

pub(super) const TIMEOUTS_CONTRADICT: ConditionSpec = ConditionSpec {
    key: "timeouts_contradict",
    blame: Blame::Config,
    sentence: Text {
        en: "Two timeouts contradict each other: the one always ends what the other is meant to limit.",
        ko: "두 타임아웃이 모순됩니다. 한쪽이 항상 먼저 끝나 다른 쪽이 의미가 없습니다.",
    },
    advice: Text {
        en: "Order them from inside to outside: connect_timeout below per_try_timeout, and per_try_timeout times the attempts below the route's timeout.",
        ko: "안쪽부터 바깥쪽으로 커지게 하십시오. connect_timeout < per_try_timeout, per_try_timeout × 시도 횟수 < 라우트 timeout입니다.",
    },
};

pub(super) const CHECK_TIMEOUT_IS_INTER: ConditionSpec = ConditionSpec {
    key: "check_timeout_is_inter",
    blame: Blame::Config,
    sentence: Text {
        en: "`timeout check` is not set, so HAProxy gives the whole check the time `inter` (2 s unless set), whatever `timeout connect` and `timeout server` say.",
        ko: "`timeout check`가 없어 HAProxy가 체크 전체에 `inter`(기본 2초)를 적용합니다. `timeout connect`나 `timeout server`는 관계없습니다.",
    },
    advice: Text {
        en: "Set `timeout check` above the time that the health path takes.",
        ko: "`timeout check`를 헬스 체크 경로의 응답 시간보다 길게 설정하십시오.",
    },
};
