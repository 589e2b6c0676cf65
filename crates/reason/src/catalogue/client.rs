//! What clients do wrong, and what Envoy answers to it.

use super::grpc;
use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

const BAD: &str = "Bad Request";
const CODEC_ERROR: &str = "http1.codec_error";
const LARGE: &str = "Request Header Fields Too Large";

/// A request that is refused before it is routed.
const fn refused(key: &'static str, answer: Answer, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer,
        grpc: grpc(answer.status),
        blame: Blame::Client,
        retry: Retry::Never,
        sentence,
        advice,
    }
}

pub(super) const CLIENT_DISCONNECTED: Spec = Spec {
    key: "client_disconnected",
    answer: Answer {
        status: 0,
        body: Body::Empty,
        flag: Some(Flag::DownstreamConnectionTermination),
        details: Details::Text("downstream_remote_disconnect"),
        close: true,
        overloaded: false,
    },
    grpc: 1,
    blame: Blame::Client,
    retry: Retry::Never,
    sentence: Text {
        en: "The client closed the connection before its answer was complete.",
        ko: "응답이 끝나기 전에 클라이언트가 연결을 닫았습니다.",
    },
    advice: Text {
        en: "Look at the duration: a round number (5, 10, 30, 60 s) is the client's own timeout, or that of a proxy in front.",
        ko: "소요 시간을 확인하십시오. 5, 10, 30, 60초처럼 딱 떨어지면 클라이언트나 앞단 프록시의 타임아웃입니다.",
    },
};

pub(super) const REQUEST_NOT_HTTP: Spec = refused(
    "request_not_http",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "The first bytes are no HTTP: the client speaks another protocol.",
        ko: "첫 바이트가 HTTP가 아닙니다. 클라이언트가 다른 프로토콜을 사용하고 있습니다.",
    },
    Text {
        en: "The evidence names the protocol and the first bytes: a client with the wrong port, or a scanner. Behind other requests of the connection it is the rest of a body that was longer than announced.",
        ko: "증거에 프로토콜과 첫 바이트가 있습니다. 포트를 잘못 지정한 클라이언트이거나 스캐너입니다. 같은 연결의 다른 요청 뒤에 왔다면 알린 길이보다 긴 본문의 나머지입니다.",
    },
);

pub(super) const REQUEST_LINE_MALFORMED: Spec = refused(
    "request_line_malformed",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "The first line is not an HTTP request line, or its method is unknown.",
        ko: "첫 줄이 HTTP 요청 줄이 아니거나 알 수 없는 메서드입니다.",
    },
    Text {
        en: "The evidence has the line: mend the client, or set allow_custom_methods where the method is one of your own.",
        ko: "증거에 그 줄이 있습니다. 클라이언트를 고치거나, 직접 정한 메서드라면 allow_custom_methods를 설정하십시오.",
    },
);

pub(super) const REQUEST_HEADER_MALFORMED: Spec = refused(
    "request_header_malformed",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "A header line of the request is malformed: no colon, a bad name, or white space before the colon.",
        ko: "요청 헤더 줄의 형식이 잘못되었습니다(콜론 없음, 잘못된 이름, 콜론 앞 공백).",
    },
    Text {
        en: "The evidence names the byte; the client, or a proxy in front, has to send RFC 9112 header lines.",
        ko: "근거에 잘못된 위치가 있습니다. 클라이언트나 앞단 프록시가 RFC 9112 형식을 지켜야 합니다.",
    },
);

pub(super) const REQUEST_HEADER_CHARACTERS: Spec = refused(
    "request_header_characters",
    Answer::refused(400, BAD, "http1.invalid_characters"),
    Text {
        en: "A header value of the request holds a control character.",
        ko: "요청 헤더 값에 제어 문자가 있습니다.",
    },
    Text {
        en: "Encode the value in the client; control characters are a known way to smuggle requests.",
        ko: "클라이언트에서 값을 인코딩하십시오. 제어 문자는 요청 밀반입에 쓰이는 수법입니다.",
    },
);

pub(super) const REQUEST_CONNECTION_HEADER: Spec = refused(
    "request_connection_header",
    Answer::refused(400, BAD, "http1.connection_header_rejected"),
    Text {
        en: "The request's Connection header names a field that the proxy itself relies on.",
        ko: "요청의 Connection 헤더가 프록시가 사용하는 필드를 지정했습니다.",
    },
    Text {
        en: "This would let a client delete trusted headers; find out who sends it.",
        ko: "신뢰하는 헤더를 지우려는 시도일 수 있습니다. 보낸 곳을 확인하십시오.",
    },
);

pub(super) const REQUEST_LENGTH_INVALID: Spec = refused(
    "request_length_invalid",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "Content-Length is repeated or is not a plain number.",
        ko: "Content-Length가 중복되었거나 숫자가 아닙니다.",
    },
    Text {
        en: "Mend the client or the proxy in front: a length that can be read in two ways is refused.",
        ko: "클라이언트나 앞단 프록시를 고치십시오. 두 가지로 읽힐 수 있는 길이는 거부합니다.",
    },
);

pub(super) const REQUEST_FRAMING_CONFLICT: Spec = refused(
    "request_framing_conflict",
    Answer::refused(400, BAD, "http1.content_length_and_chunked_not_allowed"),
    Text {
        en: "The request has both Content-Length and Transfer-Encoding.",
        ko: "요청에 Content-Length와 Transfer-Encoding이 함께 있습니다.",
    },
    Text {
        en: "Send one of them; both together is how requests are smuggled past proxies.",
        ko: "둘 중 하나만 보내십시오. 함께 보내는 것은 요청 밀반입 수법입니다.",
    },
);

pub(super) const REQUEST_TRANSFER_ENCODING: Spec = refused(
    "request_transfer_encoding",
    Answer::refused(501, "Not Implemented", "http1.invalid_transfer_encoding"),
    Text {
        en: "The request uses a transfer coding other than exactly one `chunked`.",
        ko: "요청의 전송 코딩이 `chunked` 하나가 아닙니다.",
    },
    Text {
        en: "Send `Transfer-Encoding: chunked` or a Content-Length.",
        ko: "`Transfer-Encoding: chunked` 또는 Content-Length를 사용하십시오.",
    },
);

pub(super) const REQUEST_CHUNK_MALFORMED: Spec = refused(
    "request_chunk_malformed",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "A chunk of the request's body is malformed.", ko: "요청 본문의 청크 형식이 잘못되었습니다."
    },
    Text {
        en: "The evidence names the byte; mend the client's chunked encoding.",
        ko: "근거에 잘못된 바이트가 있습니다. 클라이언트의 청크 인코딩을 고치십시오.",
    },
);

pub(super) const REQUEST_HEADERS_TOO_LARGE: Spec = refused(
    "request_headers_too_large",
    Answer::refused(431, LARGE, "http1.headers_too_large"),
    Text {
        en: "The head of the request, or its trailers, are larger than max_request_headers_kb allows.",
        ko: "요청 헤더 또는 트레일러가 max_request_headers_kb 제한보다 큽니다.",
    },
    Text {
        en: "Usually cookies: make them smaller, or raise max_request_headers_kb (default 60 KiB).",
        ko: "대개 쿠키 때문입니다. 줄이거나 max_request_headers_kb(기본 60KiB)를 늘리십시오.",
    },
);

pub(super) const REQUEST_HEADERS_TOO_MANY: Spec = refused(
    "request_headers_too_many",
    Answer::refused(431, LARGE, "http1.too_many_headers"),
    Text {
        en: "The request has more header fields, or more trailers, than max_headers_count allows.",
        ko: "요청 헤더 또는 트레일러 개수가 max_headers_count 제한을 넘었습니다.",
    },
    Text {
        en: "Send fewer fields, or raise common_http_protocol_options.max_headers_count (default 100).",
        ko: "헤더 수를 줄이거나 common_http_protocol_options.max_headers_count(기본 100)를 늘리십시오.",
    },
);

pub(super) const REQUEST_HTTP_VERSION: Spec = refused(
    "request_http_version",
    Answer::refused(426, "Upgrade Required", "low_version"),
    Text {
        en: "The request is not HTTP/1.1, and HTTP/1.0 is not accepted here.",
        ko: "HTTP/1.1 요청이 아니며 이 리스너는 HTTP/1.0을 받지 않습니다.",
    },
    Text {
        en: "Set http_protocol_options.accept_http_10, or proxy_http_version 1.1 in an nginx in front.",
        ko: "http_protocol_options.accept_http_10을 켜거나 앞단 nginx에 proxy_http_version 1.1을 설정하십시오.",
    },
);

pub(super) const REQUEST_HOST_MISSING: Spec = refused(
    "request_host_missing",
    Answer::empty(400, None, "missing_host_header").closing(),
    Text {
        en: "An HTTP/1.1 request without a Host header.", ko: "Host 헤더가 없는 HTTP/1.1 요청입니다."
    },
    Text {
        en: "Often the health check of a load balancer in front: configure a Host there.",
        ko: "앞단 로드 밸런서의 헬스 체크인 경우가 많습니다. 거기에 Host를 설정하십시오.",
    },
);

pub(super) const REQUEST_HOST_INVALID: Spec = refused(
    "request_host_invalid",
    Answer::refused(400, BAD, "http.invalid_authority"),
    Text {
        en: "The Host header is repeated, or is not a host and port.",
        ko: "Host 헤더가 중복되었거나 호스트와 포트 형식이 아닙니다.",
    },
    Text {
        en: "Send one Host header with a host name or address and, where needed, a port.",
        ko: "호스트 이름이나 주소(필요하면 포트)로 된 Host 헤더 하나만 보내십시오.",
    },
);

pub(super) const REQUEST_CONNECT_WITH_BODY: Spec = refused(
    "request_connect_with_body",
    Answer::refused(400, BAD, "http1.body_disallowed"),
    Text {
        en: "A CONNECT request says by Content-Length that it has a body.",
        ko: "CONNECT 요청이 Content-Length로 본문이 있다고 합니다.",
    },
    Text {
        en: "Send CONNECT without Content-Length: what follows its head is the tunnel's, and whoever reads it as a body loses it.",
        ko: "CONNECT는 Content-Length 없이 보내십시오. 헤더 뒤의 내용은 터널의 것이며, 본문으로 읽으면 사라집니다.",
    },
);

pub(super) const REQUEST_TARGET_INVALID: Spec = refused(
    "request_target_invalid",
    Answer::refused(400, BAD, "http1.invalid_url"),
    Text {
        en: "The request target is neither a path nor an absolute http URL.",
        ko: "요청 대상이 경로도 절대 http URL도 아닙니다.",
    },
    Text {
        en: "Send a target that begins with `/`, or an absolute URL with a host.",
        ko: "`/`로 시작하는 경로나 호스트가 있는 절대 URL을 보내십시오.",
    },
);

pub(super) const REQUEST_SCHEME_INVALID: Spec = refused(
    "request_scheme_invalid",
    Answer::refused(400, BAD, "http1.invalid_scheme"),
    Text {
        en: "The request target is an absolute URL whose scheme is neither http nor https.",
        ko: "요청 대상이 http도 https도 아닌 스킴의 절대 URL입니다.",
    },
    Text {
        en: "The client takes this proxy for a forward proxy of another protocol; point it elsewhere.",
        ko: "클라이언트가 다른 프로토콜의 포워드 프록시로 착각하고 있습니다. 대상을 바꾸십시오.",
    },
);

pub(super) const REQUEST_HTTPS_ON_PLAIN: Spec = refused(
    "request_https_on_plain",
    Answer::refused(403, "Forbidden", "http1.https_url_on_plaintext_connection"),
    Text {
        en: "The request target is an absolute https URL, and the connection has no TLS.",
        ko: "TLS가 없는 연결에서 https 절대 URL을 요청했습니다.",
    },
    Text {
        en: "Ask for it over TLS; if a proxy in front ends TLS, set xff_num_trusted_hops.",
        ko: "TLS로 요청하십시오. 앞단 프록시가 TLS를 종료한다면 xff_num_trusted_hops를 설정하십시오.",
    },
);

pub(super) const REQUEST_TARGET_NOT_PATH: Spec = refused(
    "request_target_not_path",
    Answer::empty(404, None, "absolute_path_rejected"),
    Text {
        en: "The request target is not a path: `OPTIONS *`, or an absolute URL where those are off.",
        ko: "요청 대상이 경로가 아닙니다(`OPTIONS *` 또는 허용되지 않은 절대 URL).",
    },
    Text {
        en: "Ask for a path, or set http_protocol_options.allow_absolute_url.",
        ko: "경로를 요청하거나 http_protocol_options.allow_absolute_url을 설정하십시오.",
    },
);

pub(super) const REQUEST_QUERY_WITHOUT_TYPE: Spec = refused(
    "request_query_without_type",
    Answer::empty(400, None, "query_missing_content_type"),
    Text {
        en: "A QUERY request has to say what its body is, and this one has no Content-Type.",
        ko: "QUERY 요청에는 본문의 종류를 알리는 Content-Type이 필요하지만 없습니다.",
    },
    Text {
        en: "Send a Content-Type with the query.", ko: "쿼리와 함께 Content-Type을 보내십시오."
    },
);

pub(super) const REQUEST_PATH_REJECTED: Spec = refused(
    "request_path_rejected",
    Answer::empty(400, None, "path_normalization_failed").closing(),
    Text {
        en: "The path holds a fragment, an escaped NUL or, where they are refused, escaped slashes.",
        ko: "경로에 프래그먼트, 이스케이프된 NUL 또는 거부 설정된 이스케이프 슬래시가 있습니다.",
    },
    Text {
        en: "Mend the link; what is allowed is set by normalize_path and path_with_escaped_slashes_action.",
        ko: "링크를 고치십시오. 허용 범위는 normalize_path와 path_with_escaped_slashes_action이 정합니다.",
    },
);

pub(super) const REQUEST_UNDERSCORE_HEADER: Spec = refused(
    "request_underscore_header",
    Answer::refused(400, BAD, "http1.unexpected_underscore"),
    Text {
        en: "A header name holds an underscore, and headers_with_underscores_action is REJECT_REQUEST.",
        ko: "헤더 이름에 밑줄이 있으며 headers_with_underscores_action이 REJECT_REQUEST입니다.",
    },
    Text {
        en: "Use a dash in the name: some back-ends read `_` and `-` as the same, which lets clients forge headers.",
        ko: "이름에 하이픈을 쓰십시오. 일부 백엔드는 `_`와 `-`를 같게 읽어 헤더 위조가 가능합니다.",
    },
);

pub(super) const REQUEST_ENVOY_HEADER_INVALID: Spec = refused(
    "request_envoy_header_invalid",
    Answer::empty(400, Some(Flag::InvalidEnvoyRequestHeaders), "request_headers_failed_strict_check")
        .closing(),
    Text {
        en: "An x-envoy-* header of the request has a value that it can't have, and strict_check_headers is set.",
        ko: "strict_check_headers 설정에서 요청의 x-envoy-* 헤더 값이 올바르지 않습니다.",
    },
    Text {
        en: "The evidence names the header and its value; correct whoever sets it, mostly a proxy or service in front.",
        ko: "근거에 헤더와 값이 있습니다. 그 헤더를 설정하는 앞단 프록시나 서비스를 고치십시오.",
    },
);

pub(super) const TLS_ON_PLAIN_LISTENER: Spec = refused(
    "tls_on_plain_listener",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "The client began a TLS handshake on a listener that speaks plain HTTP.",
        ko: "평문 HTTP 리스너에 클라이언트가 TLS 핸드셰이크를 시작했습니다.",
    },
    Text {
        en: "Use http:// for this port, or give the listener's filter chain a TLS transport_socket.",
        ko: "이 포트에는 http://를 쓰거나 리스너 필터 체인에 TLS transport_socket을 설정하십시오.",
    },
);

pub(super) const PROXY_HEADER_UNEXPECTED: Spec = refused(
    "proxy_header_unexpected",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "The client sent a PROXY protocol header to a listener that expects none.",
        ko: "PROXY 프로토콜을 기대하지 않는 리스너에 PROXY 헤더가 왔습니다.",
    },
    Text {
        en: "Add the proxy_protocol listener filter, or turn PROXY protocol off in the load balancer in front.",
        ko: "proxy_protocol 리스너 필터를 추가하거나 앞단 로드 밸런서의 PROXY 프로토콜을 끄십시오.",
    },
);

pub(super) const HTTP2_NOT_ENABLED: Spec = refused(
    "http2_not_enabled",
    Answer::refused(400, BAD, CODEC_ERROR),
    Text {
        en: "The client began HTTP/2 on a listener that speaks HTTP/1 only.",
        ko: "HTTP/1 전용 리스너에 클라이언트가 HTTP/2를 시작했습니다.",
    },
    Text {
        en: "Let the client speak HTTP/1.1, or enable HTTP/2 in the connection manager's codec_type.",
        ko: "클라이언트가 HTTP/1.1을 쓰게 하거나 codec_type에서 HTTP/2를 켜십시오.",
    },
);

pub(super) const REQUEST_HEADERS_TIMEOUT: Spec = refused(
    "request_headers_timeout",
    timeout("request header timeout", None, "request_header_timeout"),
    Text {
        en: "The head of the request did not arrive within request_headers_timeout.",
        ko: "request_headers_timeout 안에 요청 헤더가 도착하지 않았습니다.",
    },
    Text {
        en: "A slow or stalled client; many of them at once are an attack (slowloris). request_headers_timeout is 10 s unless set, 0s switches it off.",
        ko: "느리거나 멈춘 클라이언트입니다. 동시에 많으면 공격(slowloris)입니다. request_headers_timeout은 설정하지 않으면 10초이고 0s로 끕니다.",
    },
);

pub(super) const REQUEST_TIMEOUT: Spec = refused(
    "request_timeout",
    timeout("request timeout", None, "request_overall_timeout"),
    Text {
        en: "The request did not arrive completely within request_timeout.",
        ko: "request_timeout 안에 요청 전체가 도착하지 않았습니다.",
    },
    Text {
        en: "A slow upload or a stalled client; raise request_timeout if uploads may take longer. Unless set, it is 300 s and one more for each KiB of body; 0s switches it off.",
        ko: "느린 업로드나 멈춘 클라이언트입니다. 업로드가 더 걸릴 수 있으면 request_timeout을 늘리십시오. 설정하지 않으면 300초에 받은 본문 1KiB마다 1초를 더한 시간이며 0s로 끕니다.",
    },
);

pub(super) const REQUEST_IDLE_TIMEOUT: Spec = refused(
    "request_idle_timeout",
    timeout("stream timeout", Some(Flag::StreamIdleTimeout), "stream_idle_timeout"),
    Text {
        en: "The client sent nothing of its request's body for the stream idle timeout.",
        ko: "스트림 유휴 타임아웃 동안 클라이언트가 요청 본문을 보내지 않았습니다.",
    },
    Text {
        en: "A stalled upload: the client's network, or a client that waits for an answer before it goes on; stream_idle_timeout is 5 min unless set.",
        ko: "업로드가 멈췄습니다. 클라이언트 네트워크 문제이거나 응답을 기다리는 클라이언트입니다. stream_idle_timeout 기본값은 5분입니다.",
    },
);

pub(super) const REQUEST_MAX_DURATION: Spec = Spec {
    grpc: 4,
    ..refused(
        "request_max_duration",
        timeout("downstream duration timeout", None, "max_duration_timeout"),
        Text {
            en: "The request had not arrived completely when max_stream_duration had passed.",
            ko: "max_stream_duration이 지날 때까지 요청이 모두 도착하지 않았습니다.",
        },
        Text {
            en: "A slow upload: raise max_stream_duration of the route or connection manager if uploads may take this long.",
            ko: "느린 업로드입니다. 업로드가 이만큼 걸려도 되면 라우트나 연결 관리자의 max_stream_duration을 늘리십시오.",
        },
    )
};

/// 408 with the words Envoy has for a request that is too slow.
const fn timeout(body: &'static str, flag: Option<Flag>, details: &'static str) -> Answer {
    Answer {
        status: 408,
        body: Body::Text(body),
        flag,
        details: Details::Text(details),
        close: true,
        overloaded: false,
    }
}
