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
