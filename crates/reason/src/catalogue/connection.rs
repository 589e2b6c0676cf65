//! Connections that end as a whole: those that are passed on byte by byte, and those that are not let through.

use super::limits::LESS_LOAD;
use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

/// Nothing is answered; the connection is closed. The details are Envoy's word for why.
const fn closed(
    key: &'static str,
    details: &'static str,
    flag: Option<Flag>,
    blame: Blame,
    sentence: Text,
    advice: Text,
) -> Spec {
    Spec {
        key,
        answer: Answer {
            status: 0,
            body: Body::Empty,
            flag,
            details: Details::Text(details),
            close: true,
            overloaded: false,
        },
        grpc: 14,
        blame,
        retry: Retry::Never,
        sentence,
        advice,
    }
}

pub(super) const CONNECTION_LIMIT: Spec = closed(
    "connection_limit",
    "over_connection_limit",
    None,
    Blame::Config,
    Text {
        en: "More connections are open than the network filter connection_limit allows.",
        ko: "열린 연결이 네트워크 필터 connection_limit의 한도를 넘었습니다.",
    },
    Text {
        en: "Raise max_connections of the filter, or find out which clients keep so many connections open.",
        ko: "필터의 max_connections를 늘리거나 연결을 많이 열어 두는 클라이언트를 찾으십시오.",
    },
);

pub(super) const CONNECTION_RATE_LIMITED: Spec = closed(
    "connection_rate_limited",
    "local_ratelimit_close_over_limit",
    Some(Flag::UpstreamRetryLimitExceeded),
    Blame::Config,
    Text {
        en: "Connections come faster than the network filter local_ratelimit allows.",
        ko: "연결이 네트워크 필터 local_ratelimit가 허용하는 것보다 빨리 들어옵니다.",
    },
    Text {
        en: "Raise max_tokens or tokens_per_fill of the filter's token_bucket, or let clients keep their connections.",
        ko: "필터 token_bucket의 max_tokens나 tokens_per_fill을 늘리거나 클라이언트가 연결을 유지하게 하십시오.",
    },
);

pub(super) const OVERLOADED_CONNECTION: Spec = closed(
    "overloaded_connection",
    "overload_manager_close",
    Some(Flag::OverloadManagerTerminated),
    Blame::Config,
    Text {
        en: "The proxy is overloaded, and the overload manager lets no connection be passed on.",
        ko: "프록시가 과부하 상태이며 과부하 관리자가 연결을 전달하지 않습니다.",
    },
    LESS_LOAD,
);

pub(super) const TCP_IDLE_TIMEOUT: Spec = closed(
    "tcp_idle_timeout",
    "tcp_session_idle_timeout",
    None,
    Blame::Config,
    Text {
        en: "Nothing moved on the connection for the TCP proxy's idle_timeout.",
        ko: "TCP 프록시의 idle_timeout 동안 연결에 아무 움직임이 없었습니다.",
    },
    Text {
        en: "Where connections may be silent for longer, raise idle_timeout (1 h unless set; 0s turns it off), or have the peers send keep-alives.",
        ko: "연결이 더 오래 조용해도 되면 idle_timeout(기본 1시간, 0s이면 끔)을 늘리거나 양쪽이 keep-alive를 보내게 하십시오.",
    },
);

pub(super) const TCP_MAX_DURATION: Spec = closed(
    "tcp_max_duration",
    "max_connection_duration_reached",
    Some(Flag::DurationTimeout),
    Blame::Config,
    Text {
        en: "The connection reached the TCP proxy's max_downstream_connection_duration.",
        ko: "연결이 TCP 프록시의 max_downstream_connection_duration에 도달했습니다.",
    },
    Text {
        en: "Raise max_downstream_connection_duration if connections may be older; clients have to connect anew.",
        ko: "연결이 더 오래 유지되어도 되면 max_downstream_connection_duration을 늘리십시오. 클라이언트는 다시 연결해야 합니다.",
    },
);

pub(super) const TCP_CLIENT_RESET: Spec = closed(
    "tcp_client_reset",
    "downstream_remote_disconnect",
    None,
    Blame::Client,
    Text {
        en: "The client reset the connection instead of closing it.",
        ko: "클라이언트가 연결을 정상적으로 닫지 않고 재설정했습니다.",
    },
    Text {
        en: "The client died, or closed with unread bytes; a round duration (10, 30, 60 s) is its own timeout.",
        ko: "클라이언트가 죽었거나 읽지 않은 데이터가 있는 채 닫았습니다. 10, 30, 60초처럼 딱 떨어지면 클라이언트의 타임아웃입니다.",
    },
);

pub(super) const TCP_UPSTREAM_RESET: Spec = closed(
    "tcp_upstream_reset",
    "upstream_remote_reset",
    Some(Flag::UpstreamRemoteReset),
    Blame::Upstream,
    Text {
        en: "The back-end reset the connection that was passed on to it.",
        ko: "전달하던 연결을 백엔드가 재설정했습니다.",
    },
    Text {
        en: "Look into the back-end's log: it crashed, restarted, or refuses what the client sent. A firewall between may do it too.",
        ko: "백엔드 로그를 확인하십시오. 죽었거나 재시작했거나 클라이언트가 보낸 것을 거부했습니다. 중간의 방화벽일 수도 있습니다.",
    },
);
