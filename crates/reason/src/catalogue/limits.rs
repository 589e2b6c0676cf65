//! Timeouts and limits of the configuration.

use super::grpc;
use crate::{Answer, Blame, Body, Details, Flag, ResetReason, Retry, Spec, Text};

/// What a gRPC client is told whose time is up.
const DEADLINE_EXCEEDED: u8 = 4;

const fn late(body: &'static str, flag: Option<Flag>, details: &'static str) -> Answer {
    Answer {
        status: 504,
        body: Body::Text(body),
        flag,
        details: Details::Text(details),
        close: false,
        overloaded: false,
    }
}

pub(super) const ROUTE_TIMEOUT: Spec = Spec {
    key: "route_timeout",
    answer: late("upstream request timeout", Some(Flag::UpstreamRequestTimeout), "response_timeout"),
    grpc: grpc(504),
    blame: Blame::Upstream,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The back-end did not answer completely within the route's timeout.",
        ko: "라우트의 timeout 안에 백엔드가 응답을 끝내지 못했습니다.",
    },
    advice: Text {
        en: "Make the back-end faster, or raise the route's `timeout` (15 s unless set; 0s turns it off).",
        ko: "백엔드를 빠르게 하거나 라우트의 `timeout`(기본 15초, 0s이면 끔)을 늘리십시오.",
    },
};

pub(super) const ROUTE_TIMEOUT_AFTER_HEAD: Spec = Spec {
    key: "route_timeout_after_head",
    answer: Answer {
        status: 0,
        body: Body::Empty,
        close: true,
        ..late("", Some(Flag::UpstreamRequestTimeout), "response_timeout")
    },
    grpc: DEADLINE_EXCEEDED,
    blame: Blame::Config,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The response had begun, and was cut off because the route's timeout passed before it was complete.",
        ko: "응답이 시작된 뒤 라우트의 timeout이 지나 본문이 중간에 잘렸습니다.",
    },
    advice: Text {
        en: "Set `timeout: 0s` on routes of downloads and streams (15 s unless set), and limit them by `idle_timeout` instead; the client sees status 200 and a body that is too short.",
        ko: "다운로드나 스트림 라우트에는 `timeout: 0s`(기본 15초)를 두고 대신 `idle_timeout`으로 제한하십시오. 클라이언트는 200과 잘린 본문을 보게 됩니다.",
    },
};

pub(super) const PER_TRY_TIMEOUT: Spec = Spec {
    key: "per_try_timeout",
    answer: late("upstream request timeout", Some(Flag::UpstreamRequestTimeout), "upstream_per_try_timeout"),
    grpc: grpc(504),
    blame: Blame::Upstream,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The back-end did not answer the attempt within the retry policy's per_try_timeout.",
        ko: "재시도 정책의 per_try_timeout 안에 백엔드가 시도에 응답하지 않았습니다.",
    },
    advice: Text {
        en: "Make the back-end faster, or raise `per_try_timeout`; `num_retries` says how many attempts follow, and the route's `timeout` is for all of them.",
        ko: "백엔드를 빠르게 하거나 `per_try_timeout`을 늘리십시오. 재시도 횟수는 `num_retries`, 전체 시간은 라우트의 `timeout`입니다.",
    },
};

pub(super) const PER_TRY_IDLE_TIMEOUT: Spec = Spec {
    key: "per_try_idle_timeout",
    answer: late(
        "upstream request timeout",
        Some(Flag::UpstreamRequestTimeout),
        "upstream_per_try_idle_timeout",
    ),
    grpc: grpc(504),
    blame: Blame::Upstream,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "Nothing moved on the attempt for the retry policy's per_try_idle_timeout.",
        ko: "재시도 정책의 per_try_idle_timeout 동안 시도에서 아무것도 전송되지 않았습니다.",
    },
    advice: Text {
        en: "See what the back-end waits for, or raise `per_try_idle_timeout`.",
        ko: "백엔드가 무엇을 기다리는지 확인하거나 `per_try_idle_timeout`을 늘리십시오.",
    },
};

pub(super) const STREAM_IDLE_TIMEOUT: Spec = Spec {
    key: "stream_idle_timeout",
    answer: late("stream timeout", Some(Flag::StreamIdleTimeout), "stream_idle_timeout"),
    grpc: grpc(504),
    blame: Blame::Upstream,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "Nothing moved on the request for the stream idle timeout.",
        ko: "스트림 유휴 타임아웃 동안 요청에 아무 움직임이 없었습니다.",
    },
    advice: Text {
        en: "Long polls and WebSockets need a longer stream_idle_timeout (5 min unless set) or the route's idle_timeout.",
        ko: "롱 폴링과 WebSocket에는 더 긴 stream_idle_timeout(기본 5분)이나 라우트의 idle_timeout이 필요합니다.",
    },
};

pub(super) const MAX_STREAM_DURATION: Spec = Spec {
    key: "max_stream_duration",
    answer: late("downstream duration timeout", None, "max_duration_timeout"),
    grpc: DEADLINE_EXCEEDED,
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "The request ran into max_stream_duration.",
        ko: "요청이 max_stream_duration에 도달했습니다.",
    },
    advice: Text {
        en: "Raise max_stream_duration of the route or connection manager if requests may take this long.",
        ko: "요청이 이만큼 걸려도 되면 라우트나 연결 관리자의 max_stream_duration을 늘리십시오.",
    },
};

pub(super) const UPSTREAM_MAX_STREAM_DURATION: Spec = Spec {
    key: "upstream_max_stream_duration",
    answer: late(
        "upstream max stream duration reached",
        Some(Flag::UpstreamMaxStreamDurationReached),
        "upstream_max_stream_duration_reached",
    ),
    grpc: grpc(504),
    blame: Blame::Config,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The back-end took longer than the cluster's max_stream_duration.",
        ko: "백엔드가 클러스터의 max_stream_duration보다 오래 걸렸습니다.",
    },
    advice: Text {
        en: "Raise max_stream_duration in common_http_protocol_options of the cluster if requests may take this long.",
        ko: "요청이 이만큼 걸려도 되면 클러스터 common_http_protocol_options의 max_stream_duration을 늘리십시오.",
    },
};

const fn overflow(key: &'static str, sentence: Text, advice: Text) -> Spec {
    let answer = Answer::reset(503, Flag::UpstreamOverflow, ResetReason::Overflow);
    Spec {
        key,
        answer: Answer { overloaded: true, ..answer },
        grpc: grpc(503),
        blame: Blame::Config,
        retry: Retry::Safe,
        sentence,
        advice,
    }
}

pub(super) const CIRCUIT_BREAKER_CONNECTIONS: Spec = overflow(
    "circuit_breaker_connections",
    Text {
        en: "More connections to the cluster are open than the circuit breaker max_connections allows.",
        ko: "클러스터로 열린 연결이 서킷 브레이커 max_connections를 넘었습니다.",
    },
    Text {
        en: "Each connection of a TCP proxy has one of its own to the back-end: raise max_connections (1024 unless set) if the back-end can take more.",
        ko: "TCP 프록시의 연결마다 백엔드 연결이 하나씩 필요합니다. 백엔드가 더 받을 수 있으면 max_connections(기본 1024)를 늘리십시오.",
    },
);

pub(super) const CIRCUIT_BREAKER_PENDING: Spec = overflow(
    "circuit_breaker_pending",
    Text {
        en: "More requests wait for a connection than the circuit breaker max_pending_requests allows.",
        ko: "연결을 기다리는 요청이 서킷 브레이커 max_pending_requests를 넘었습니다.",
    },
    Text {
        en: "The back-end is too slow for the load, or max_connections and max_pending_requests are too low (1024 unless set).",
        ko: "부하에 비해 백엔드가 느리거나 max_connections와 max_pending_requests(기본 1024)가 너무 작습니다.",
    },
);

pub(super) const CIRCUIT_BREAKER_REQUESTS: Spec = overflow(
    "circuit_breaker_requests",
    Text {
        en: "More requests run at once than the circuit breaker max_requests allows.",
        ko: "동시 요청이 서킷 브레이커 max_requests를 넘었습니다.",
    },
    Text {
        en: "The back-end is too slow for the load, or max_requests is too low (1024 unless set).",
        ko: "부하에 비해 백엔드가 느리거나 max_requests(기본 1024)가 너무 작습니다.",
    },
);

/// What has to change where the overload manager does its work.
pub(super) const LESS_LOAD: Text = Text {
    en: "See overload.* in the statistics for what is used up; give the process more of it, or take load away.",
    ko: "통계의 overload.*에서 무엇이 부족한지 확인하고 자원을 늘리거나 부하를 줄이십시오.",
};

pub(super) const OVERLOADED: Spec = Spec {
    key: "overloaded",
    answer: Answer {
        status: 503,
        body: Body::Text("envoy overloaded"),
        flag: None,
        details: Details::Text("overload"),
        close: false,
        overloaded: false,
    },
    grpc: grpc(503),
    blame: Blame::Config,
    retry: Retry::Safe,
    sentence: Text {
        en: "The proxy is overloaded, and the overload manager lets no request through.",
        ko: "프록시가 과부하 상태이며 과부하 관리자가 요청을 받지 않습니다.",
    },
    advice: LESS_LOAD,
};

pub(super) const OVERLOADED_DISPATCH: Spec = Spec {
    key: "overloaded_dispatch",
    answer: Answer::refused(500, "Internal Server Error", "overload"),
    grpc: grpc(500),
    blame: Blame::Config,
    retry: Retry::Safe,
    sentence: Text {
        en: "The proxy is overloaded, and the overload manager lets no request be read.",
        ko: "프록시가 과부하 상태이며 과부하 관리자가 요청을 읽지 않습니다.",
    },
    advice: LESS_LOAD,
};

pub(super) const OVERLOADED_POOL: Spec = overflow(
    "overloaded_pool",
    Text {
        en: "The proxy is overloaded, and the overload manager lets no connection to a back-end be made.",
        ko: "프록시가 과부하 상태이며 과부하 관리자가 백엔드 연결을 만들지 않습니다.",
    },
    LESS_LOAD,
);
