//! What back-ends do once they are connected.

use super::grpc;
use crate::{Answer, Blame, Body, Details, Flag, ResetReason, Retry, Spec, Text};

/// The connection ended under the request: 503, `UC`.
const fn terminated(key: &'static str, retry: Retry, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::reset(503, Flag::UpstreamConnectionTermination, ResetReason::ConnectionTermination),
        grpc: grpc(503),
        blame: Blame::Upstream,
        retry,
        sentence,
        advice,
    }
}

/// The back-end's bytes are not the protocol that was expected: 502, `UPE`.
const fn unintelligible(key: &'static str, blame: Blame, sentence: Text, advice: Text) -> Spec {
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

/// The response broke off behind its head.
const fn cut(key: &'static str, flag: Flag, reset: ResetReason, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::cut(flag, reset),
        grpc: 14,
        blame: Blame::Upstream,
        retry: Retry::Never,
        sentence,
        advice,
    }
}

pub(super) const UPSTREAM_CLOSED: Spec = terminated(
    "upstream_closed",
    Retry::IfIdempotent,
    Text {
        en: "The back-end accepted the request and closed the connection without answering.",
        ko: "백엔드가 요청을 받은 뒤 응답 없이 연결을 닫았습니다.",
    },
    Text {
        en: "It crashed on this request, or expects TLS or PROXY protocol on that port: see its log at that moment.",
        ko: "이 요청 처리 중 종료되었거나 그 포트가 TLS/PROXY 프로토콜을 기대합니다. 해당 시각의 백엔드 로그를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_RESET: Spec = terminated(
    "upstream_reset",
    Retry::IfIdempotent,
    Text {
        en: "The back-end reset the connection without answering.",
        ko: "백엔드가 응답 없이 연결을 리셋했습니다.",
    },
    Text {
        en: "A reset means that a process died or closed with unread data, or that a device on the way cut the connection.",
        ko: "프로세스가 죽었거나 읽지 않은 데이터가 있는 채 닫혔거나 중간 장비가 연결을 끊은 것입니다.",
    },
);

pub(super) const KEEPALIVE_RACE: Spec = terminated(
    "keepalive_race",
    Retry::IfIdempotent,
    Text {
        en: "The back-end closed an idle connection at the moment the request was sent on it.",
        ko: "요청을 보내는 순간 백엔드가 유휴 연결을 닫았습니다.",
    },
    Text {
        en: "Set the cluster's idle_timeout below the back-end's keep-alive timeout (node 5 s, gunicorn 2 s, nginx 75 s).",
        ko: "클러스터의 idle_timeout을 백엔드의 keep-alive 타임아웃(node 5초, gunicorn 2초, nginx 75초)보다 짧게 하십시오.",
    },
);

pub(super) const UPSTREAM_CLOSED_IN_HEAD: Spec = unintelligible(
    "upstream_closed_in_head",
    Blame::Upstream,
    Text {
        en: "The back-end closed the connection in the middle of the response's head.",
        ko: "백엔드가 응답 헤더 도중에 연결을 닫았습니다.",
    },
    Text {
        en: "It crashed while answering: see its log at that moment.",
        ko: "응답 중 비정상 종료되었습니다. 해당 시각의 백엔드 로그를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_CLOSED_IN_BODY: Spec = cut(
    "upstream_closed_in_body",
    Flag::UpstreamProtocolError,
    ResetReason::ProtocolError,
    Text {
        en: "The back-end closed the connection before the response's body was complete.",
        ko: "응답 본문이 끝나기 전에 백엔드가 연결을 닫았습니다.",
    },
    Text {
        en: "The client got part of the body under status 200: look for a crash, a timeout or a wrong Content-Length in the back-end.",
        ko: "클라이언트는 200과 함께 본문 일부만 받았습니다. 백엔드의 종료, 타임아웃, 잘못된 Content-Length를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_RESET_IN_BODY: Spec = cut(
    "upstream_reset_in_body",
    Flag::UpstreamProtocolError,
    ResetReason::ProtocolError,
    Text {
        en: "The back-end reset the connection before the response's body was complete.",
        ko: "응답 본문이 끝나기 전에 백엔드가 연결을 리셋했습니다.",
    },
    Text {
        en: "The client got part of the body: a process died, or a device on the way cut the connection.",
        ko: "클라이언트는 본문 일부만 받았습니다. 프로세스가 죽었거나 중간 장비가 연결을 끊었습니다.",
    },
);

pub(super) const UPSTREAM_NOT_HTTP: Spec = unintelligible(
    "upstream_not_http",
    Blame::Config,
    Text {
        en: "The back-end answered with something that is not HTTP/1.",
        ko: "백엔드가 HTTP/1이 아닌 응답을 보냈습니다.",
    },
    Text {
        en: "The port belongs to another service: compare the first bytes in the log.",
        ko: "다른 서비스의 포트입니다. 로그의 첫 바이트를 확인하십시오.",
    },
);

pub(super) const UPSTREAM_SPEAKS_TLS: Spec = unintelligible(
    "upstream_speaks_tls",
    Blame::Config,
    Text {
        en: "The back-end speaks TLS: plain HTTP was sent to a TLS port.",
        ko: "백엔드가 TLS를 사용합니다. TLS 포트에 평문 HTTP를 보냈습니다.",
    },
    Text {
        en: "Give the cluster a TLS transport_socket, or use the back-end's plain port.",
        ko: "클러스터에 TLS transport_socket을 설정하거나 백엔드의 평문 포트를 사용하십시오.",
    },
);

pub(super) const UPSTREAM_SPEAKS_HTTP2: Spec = unintelligible(
    "upstream_speaks_http2",
    Blame::Config,
    Text {
        en: "The back-end answered with HTTP/2 frames to an HTTP/1 request.",
        ko: "HTTP/1 요청에 백엔드가 HTTP/2 프레임으로 응답했습니다.",
    },
    Text {
        en: "Set explicit_http_config.http2_protocol_options for the cluster: gRPC servers speak HTTP/2 only.",
        ko: "클러스터에 explicit_http_config.http2_protocol_options를 설정하십시오. gRPC 서버는 HTTP/2만 사용합니다.",
    },
);

pub(super) const UPSTREAM_HEADER_MALFORMED: Spec = unintelligible(
    "upstream_header_malformed",
    Blame::Upstream,
    Text {
        en: "A header line of the back-end's response is malformed.",
        ko: "백엔드 응답의 헤더 줄 형식이 잘못되었습니다.",
    },
    Text {
        en: "The evidence names the byte; mend the application that writes this header.",
        ko: "근거에 잘못된 위치가 있습니다. 이 헤더를 쓰는 애플리케이션을 고치십시오.",
    },
);

pub(super) const UPSTREAM_HEAD_UNTERMINATED: Spec = terminated(
    "upstream_head_unterminated",
    Retry::IfIdempotent,
    Text {
        en: "The head of the back-end's response ends its lines in a bare line feed.",
        ko: "백엔드 응답 헤더의 줄이 LF만으로 끝납니다.",
    },
    Text {
        en: "Mend the back-end: HTTP/1 lines end in CR LF (RFC 9112 §2.2).",
        ko: "백엔드를 고치십시오. HTTP/1의 줄은 CR LF로 끝나야 합니다(RFC 9112 §2.2).",
    },
);

pub(super) const UPSTREAM_FRAMING: Spec = unintelligible(
    "upstream_framing",
    Blame::Upstream,
    Text {
        en: "The length of the back-end's response can't be told: its framing headers conflict or are malformed.",
        ko: "백엔드 응답의 길이를 알 수 없습니다. 프레이밍 헤더가 충돌하거나 잘못되었습니다.",
    },
    Text {
        en: "The back-end sends Content-Length and Transfer-Encoding together, or one of them twice: often a copied header of its own upstream.",
        ko: "백엔드가 Content-Length와 Transfer-Encoding을 함께 또는 중복해 보냅니다. 자신의 업스트림 헤더를 복사한 경우가 많습니다.",
    },
);

pub(super) const UPSTREAM_CHUNK_MALFORMED: Spec = cut(
    "upstream_chunk_malformed",
    Flag::UpstreamProtocolError,
    ResetReason::ProtocolError,
    Text {
        en: "A chunk of the back-end's response body is malformed.",
        ko: "백엔드 응답 본문의 청크 형식이 잘못되었습니다.",
    },
    Text {
        en: "The client got part of the body; mend the back-end's chunked encoding.",
        ko: "클라이언트는 본문 일부만 받았습니다. 백엔드의 청크 인코딩을 고치십시오.",
    },
);

pub(super) const UPSTREAM_HEADERS_TOO_LARGE: Spec = unintelligible(
    "upstream_headers_too_large",
    Blame::Upstream,
    Text {
        en: "The head of the back-end's response is larger than allowed.",
        ko: "백엔드 응답 헤더가 허용 크기보다 큽니다.",
    },
    Text {
        en: "Usually cookies: make them smaller, or raise max_response_headers_kb in the cluster's HttpProtocolOptions.",
        ko: "대개 쿠키 때문입니다. 줄이거나 클러스터 HttpProtocolOptions의 max_response_headers_kb를 늘리십시오.",
    },
);

pub(super) const UPSTREAM_HEADERS_TOO_MANY: Spec = unintelligible(
    "upstream_headers_too_many",
    Blame::Upstream,
    Text {
        en: "The back-end's response has more header fields than allowed.",
        ko: "백엔드 응답의 헤더 개수가 허용 범위를 넘었습니다.",
    },
    Text {
        en: "Raise common_http_protocol_options.max_headers_count in the cluster's HttpProtocolOptions (default 100).",
        ko: "클러스터 HttpProtocolOptions의 common_http_protocol_options.max_headers_count(기본 100)를 늘리십시오.",
    },
);

pub(super) const UPSTREAM_SWITCHED_UNASKED: Spec = unintelligible(
    "upstream_switched_unasked",
    Blame::Upstream,
    Text {
        en: "The back-end answered 101 Switching Protocols to a request that asked for no upgrade.",
        ko: "업그레이드를 요청하지 않았는데 백엔드가 101 Switching Protocols로 응답했습니다.",
    },
    Text {
        en: "Mend the back-end: what follows such an answer could be taken for the answer to somebody else.",
        ko: "백엔드를 고치십시오. 이런 응답 뒤의 바이트는 다른 사람의 응답으로 오인될 수 있습니다.",
    },
);

pub(super) const UPSTREAM_STATUS: Spec = Spec {
    key: "upstream_status",
    answer: Answer {
        status: 0,
        body: Body::Empty,
        flag: None,
        details: Details::Text("via_upstream"),
        close: false,
        overloaded: false,
    },
    grpc: 2,
    blame: Blame::Upstream,
    retry: Retry::IfIdempotent,
    sentence: Text {
        en: "The back-end itself answered with this server error.",
        ko: "백엔드가 직접 이 서버 오류를 응답했습니다.",
    },
    advice: Text {
        en: "The proxy passed it on unchanged: see the back-end's log at that moment.",
        ko: "프록시는 그대로 전달했습니다. 해당 시각의 백엔드 로그를 확인하십시오.",
    },
};
