//! The proxy's own life.

use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

/// Nothing can be answered any more.
const GONE: Answer = Answer {
    status: 0,
    body: Body::Empty,
    flag: Some(Flag::LocalReset),
    details: Details::Text("local_connection_closed"),
    close: true,
    overloaded: false,
};

/// What the filter `health_check` answers where something is not well.
const fn unwell(
    key: &'static str,
    blame: Blame,
    details: &'static str,
    sentence: Text,
    advice: Text,
) -> Spec {
    let answer = Answer::empty(503, Some(Flag::FailedLocalHealthCheck), details);
    Spec { key, answer, grpc: 14, blame, retry: Retry::Never, sentence, advice }
}

pub(super) const DECLARED_FAILING: Spec = unwell(
    "declared_failing",
    Blame::Operator,
    "health_check_failed",
    Text {
        en: "The proxy was asked whether it is well, and has been told to say no (/healthcheck/fail).",
        ko: "프록시의 상태를 물었으나, 실패로 답하도록 지시된 상태입니다(/healthcheck/fail).",
    },
    Text {
        en: "Once the work on it is done, POST /healthcheck/ok on the admin interface.",
        ko: "작업이 끝나면 관리 인터페이스에서 POST /healthcheck/ok를 실행하십시오.",
    },
);

pub(super) const OWN_HEALTH_CLUSTER_NOT_FOUND: Spec = unwell(
    "own_health_cluster_not_found",
    Blame::Config,
    "health_check_failed_no_cluster_found",
    Text {
        en: "The proxy is only well while a certain cluster is, and that cluster does not exist.",
        ko: "프록시의 상태가 특정 클러스터에 달려 있는데, 그 클러스터가 존재하지 않습니다.",
    },
    Text {
        en: "Correct the name in cluster_min_healthy_percentages of the filter health_check, or add the cluster.",
        ko: "health_check 필터의 cluster_min_healthy_percentages에 적은 이름을 고치거나 클러스터를 추가하십시오.",
    },
);

pub(super) const OWN_HEALTH_CLUSTER_EMPTY: Spec = unwell(
    "own_health_cluster_empty",
    Blame::Config,
    "health_check_failed_cluster_empty",
    Text {
        en: "The proxy is only well while a certain cluster is, and that cluster has no endpoints.",
        ko: "프록시의 상태가 특정 클러스터에 달려 있는데, 그 클러스터에 엔드포인트가 없습니다.",
    },
    Text {
        en: "See in /clusters why it has none: a name that has no address stands there with its reason.",
        ko: "/clusters에서 엔드포인트가 없는 이유를 확인하십시오. 주소를 얻지 못한 이름은 원인과 함께 나옵니다.",
    },
);

pub(super) const OWN_HEALTH_CLUSTER_UNHEALTHY: Spec = unwell(
    "own_health_cluster_unhealthy",
    Blame::Upstream,
    "health_check_failed_cluster_unhealthy",
    Text {
        en: "The proxy is only well while a certain cluster is, and too few of that cluster's hosts are usable.",
        ko: "프록시의 상태가 특정 클러스터에 달려 있는데, 그 클러스터에서 쓸 수 있는 호스트가 너무 적습니다.",
    },
    Text {
        en: "See in /clusters which hosts are not healthy, and why.",
        ko: "/clusters에서 어느 호스트가 왜 비정상인지 확인하십시오.",
    },
);

pub(super) const OWN_HEALTH_KEPT: Spec = unwell(
    "own_health_kept",
    Blame::Upstream,
    "health_check_cached",
    Text {
        en: "The proxy was asked whether it is well, and gave the failure that a back-end answered a while ago.",
        ko: "프록시의 상태를 물었고, 백엔드가 얼마 전에 답한 실패를 그대로 답했습니다.",
    },
    Text {
        en: "Look at the back-end's health path; its answer is kept for cache_time of the filter health_check.",
        ko: "백엔드의 헬스체크 경로를 확인하십시오. 그 답은 health_check 필터의 cache_time 동안 유지됩니다.",
    },
);

pub(super) const DRAIN_DEADLINE: Spec = Spec {
    key: "drain_deadline",
    answer: GONE,
    grpc: 14,
    blame: Blame::Operator,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The proxy was stopped, and the request was not done by the end of the drain time.",
        ko: "프록시가 종료되었고 드레인 시간 안에 요청이 끝나지 않았습니다.",
    },
    advice: Text {
        en: "Raise the shutdown deadline (--shutdown-timeout-s) above the longest request that must survive a restart.",
        ko: "재시작에도 살아남아야 하는 가장 긴 요청보다 종료 기한(--shutdown-timeout-s)을 길게 하십시오.",
    },
};

pub(super) const DROPPED: Spec = Spec {
    key: "dropped",
    answer: Answer { details: Details::Text("dropped_without_outcome"), ..GONE },
    grpc: 13,
    blame: Blame::Proxy,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The proxy dropped the request without an outcome: this is a defect of Causeway.",
        ko: "프록시가 결과 없이 요청을 버렸습니다. Causeway의 결함입니다.",
    },
    advice: Text {
        en: "Please report it with the log lines around it.",
        ko: "주변 로그와 함께 신고해 주십시오.",
    },
};
