//! What back-ends do on connections of HTTP/2.

use super::grpc;
use crate::{Answer, Blame, Flag, ResetReason, Retry, Spec, Text};

/// The back-end reset the stream: 503, `UR`.
const fn reset(key: &'static str, reset: ResetReason, retry: Retry, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::reset(503, Flag::UpstreamRemoteReset, reset),
        grpc: grpc(503),
        blame: Blame::Upstream,
        retry,
        sentence,
        advice,
    }
}

/// The connection ended under the request: 503, `UC`.
const fn terminated(key: &'static str, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::reset(503, Flag::UpstreamConnectionTermination, ResetReason::ConnectionTermination),
        grpc: grpc(503),
        blame: Blame::Upstream,
        retry: Retry::IfIdempotent,
        sentence,
        advice,
    }
}

/// What came breaks the rules: 502, `UPE`.
const fn broken(key: &'static str, blame: Blame, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::reset(502, Flag::UpstreamProtocolError, ResetReason::ProtocolError),
        grpc: grpc(502),
        blame,
        retry: Retry::IfIdempotent,
        sentence,
        advice,
    }
}

pub(super) const UPSTREAM_STREAM_RESET: Spec = reset(
    "upstream_stream_reset",
    ResetReason::RemoteReset,
    Retry::IfIdempotent,
    Text {
        en: "The back-end reset the stream of the request (RST_STREAM).",
        ko: "백엔드가 요청의 스트림을 리셋했습니다(RST_STREAM).",
    },
    Text {
        en: "The evidence has its error code: INTERNAL_ERROR is a fault in the handler, CANCEL often a deadline; see the back-end's log at that moment.",
        ko: "근거에 오류 코드가 있습니다. INTERNAL_ERROR는 핸들러 오류, CANCEL은 대개 기한 초과입니다. 해당 시각의 백엔드 로그를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_STREAM_REFUSED: Spec = reset(
    "upstream_stream_refused",
    ResetReason::RemoteRefusedStreamReset,
    Retry::Safe,
    Text {
        en: "The back-end refused the stream before it did anything with the request (REFUSED_STREAM).",
        ko: "백엔드가 요청을 처리하기 전에 스트림을 거부했습니다(REFUSED_STREAM).",
    },
    Text {
        en: "It has too many streams or is about to stop: lower max_concurrent_streams in the cluster's http2_protocol_options, or give it more capacity.",
        ko: "스트림이 너무 많거나 종료 중입니다. 클러스터 http2_protocol_options의 max_concurrent_streams를 낮추거나 백엔드 용량을 늘리십시오.",
    },
);

pub(super) const UPSTREAM_GOAWAY: Spec = reset(
    "upstream_goaway",
    ResetReason::RemoteRefusedStreamReset,
    Retry::Safe,
    Text {
        en: "The back-end ended the connection (GOAWAY) and says that it did nothing with this request.",
        ko: "백엔드가 연결을 끝내면서(GOAWAY) 이 요청은 처리하지 않았다고 알렸습니다.",
    },
    Text {
        en: "It restarts, or limits the age of connections: a request that is sent again is safe; set max_connection_duration below the back-end's limit.",
        ko: "백엔드가 재시작 중이거나 연결 수명을 제한합니다. 다시 보내도 안전합니다. max_connection_duration을 백엔드의 제한보다 짧게 설정하십시오.",
    },
);

pub(super) const UPSTREAM_TUNNEL_FAILED: Spec = reset(
    "upstream_tunnel_failed",
    ResetReason::RemoteConnectError,
    Retry::IfIdempotent,
    Text {
        en: "The back-end could not open, or lost, the connection that CONNECT asked for (CONNECT_ERROR).",
        ko: "백엔드가 CONNECT로 요청된 연결을 열지 못했거나 잃었습니다(CONNECT_ERROR).",
    },
    Text {
        en: "The other end of the tunnel is what failed: look at it from the back-end.",
        ko: "터널의 반대편이 실패했습니다. 백엔드 쪽에서 확인하십시오.",
    },
);

pub(super) const UPSTREAM_FOUND_FAULT: Spec = broken(
    "upstream_found_fault",
    Blame::Upstream,
    Text {
        en: "The back-end reset the stream because it took the request for malformed (PROTOCOL_ERROR).",
        ko: "백엔드가 요청 형식이 잘못되었다고 보고 스트림을 리셋했습니다(PROTOCOL_ERROR).",
    },
    Text {
        en: "Look for a header it does not like, such as a Content-Length that does not fit or a path it can't read; its log may name it.",
        ko: "맞지 않는 Content-Length나 읽을 수 없는 경로처럼 백엔드가 거부하는 헤더를 찾으십시오. 백엔드 로그에 있을 수 있습니다.",
    },
);

pub(super) const UPSTREAM_CONNECTION_LOST: Spec = terminated(
    "upstream_connection_lost",
    Text {
        en: "The back-end closed an HTTP/2 connection while requests were on it.",
        ko: "요청이 진행 중인 HTTP/2 연결을 백엔드가 닫았습니다.",
    },
    Text {
        en: "It crashed, or stopped without GOAWAY; every request on the connection fails: see its log at that moment.",
        ko: "비정상 종료되었거나 GOAWAY 없이 멈췄습니다. 그 연결의 모든 요청이 실패합니다. 해당 시각의 백엔드 로그를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_PING_TIMEOUT: Spec = terminated(
    "upstream_ping_timeout",
    Text {
        en: "The back-end did not answer a PING within connection_keepalive.timeout, and its connection was closed.",
        ko: "백엔드가 connection_keepalive.timeout 안에 PING에 응답하지 않아 연결을 닫았습니다.",
    },
    Text {
        en: "The back-end hangs or the network lost the connection; raise the timeout if it is only slow.",
        ko: "백엔드가 멈췄거나 네트워크에서 연결이 끊어졌습니다. 느릴 뿐이라면 timeout을 늘리십시오.",
    },
);

pub(super) const UPSTREAM_SPEAKS_HTTP1: Spec = broken(
    "upstream_speaks_http1",
    Blame::Config,
    Text {
        en: "The back-end answered in HTTP/1 on a connection of HTTP/2.",
        ko: "HTTP/2 연결에 백엔드가 HTTP/1로 응답했습니다.",
    },
    Text {
        en: "Remove http2_protocol_options from the cluster, or use the port on which the back-end speaks HTTP/2.",
        ko: "클러스터에서 http2_protocol_options를 제거하거나 백엔드가 HTTP/2를 사용하는 포트를 지정하십시오.",
    },
);

pub(super) const UPSTREAM_HTTP2_BROKEN: Spec = broken(
    "upstream_http2_broken",
    Blame::Upstream,
    Text {
        en: "The back-end broke the rules of HTTP/2, and the connection with all its requests had to end.",
        ko: "백엔드가 HTTP/2 규칙을 어겨 연결과 그 위의 모든 요청이 끝났습니다.",
    },
    Text {
        en: "The evidence names the fault; check that the port speaks HTTP/2, and update the back-end's HTTP/2 library.",
        ko: "근거에 오류 내용이 있습니다. 해당 포트가 HTTP/2인지 확인하고 백엔드의 HTTP/2 라이브러리를 갱신하십시오.",
    },
);

pub(super) const UPSTREAM_MESSAGE_MALFORMED: Spec = broken(
    "upstream_message_malformed",
    Blame::Upstream,
    Text {
        en: "The back-end's response is no valid message of HTTP/2.",
        ko: "백엔드의 응답이 올바른 HTTP/2 메시지가 아닙니다.",
    },
    Text {
        en: "Look for header names in upper case, connection headers, a missing :status or a Content-Length that does not fit (RFC 9113 §8).",
        ko: "대문자 헤더 이름, 연결 헤더, 누락된 :status, 맞지 않는 Content-Length를 확인하십시오(RFC 9113 §8).",
    },
);

pub(super) const UPSTREAM_FLOOD: Spec = broken(
    "upstream_flood",
    Blame::Upstream,
    Text {
        en: "The back-end flooded the connection with frames that carry nothing, and it was closed.",
        ko: "백엔드가 내용 없는 프레임을 과도하게 보내 연결을 닫았습니다.",
    },
    Text {
        en: "The evidence names the frames and the limit, which is a field of http2_protocol_options; update the back-end if it is not under attack.",
        ko: "근거에 프레임 종류와 한도(http2_protocol_options의 필드)가 있습니다. 공격이 아니라면 백엔드를 갱신하십시오.",
    },
);

pub(super) const UPSTREAM_HEAD_OVERFLOW: Spec = reset(
    "upstream_head_overflow",
    ResetReason::RemoteReset,
    Retry::IfIdempotent,
    Text {
        en: "The head of the back-end's HTTP/2 response is larger, or has more fields, than allowed.",
        ko: "백엔드의 HTTP/2 응답 헤더가 허용 크기나 개수를 넘었습니다.",
    },
    Text {
        en: "Usually cookies: make them fewer, or raise max_headers_count or max_response_headers_kb in the cluster's HttpProtocolOptions.",
        ko: "대개 쿠키 때문입니다. 줄이거나 클러스터 HttpProtocolOptions의 max_headers_count 또는 max_response_headers_kb를 늘리십시오.",
    },
);

pub(super) const REQUEST_UNSENDABLE: Spec = Spec {
    retry: Retry::Never,
    ..broken(
        "request_unsendable",
        Blame::Client,
        Text {
            en: "The request can't be sent in HTTP/2: its Host or method may not stand in a message of HTTP/2.",
            ko: "요청을 HTTP/2로 보낼 수 없습니다. Host나 메서드가 HTTP/2 메시지에 쓸 수 없는 값입니다.",
        },
        Text {
            en: "The evidence names it; a Host with percent signs or other punctuation is no name that anybody serves.",
            ko: "근거에 해당 값이 있습니다. 퍼센트 기호나 특수 문자가 있는 Host는 실제로 쓰이지 않는 이름입니다.",
        },
    )
};
