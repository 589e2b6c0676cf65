//! What clients do wrong with HTTP/2. There is no answer to most of it: the stream is reset, or the connection ends.

use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

/// A request that is not answered.
const fn unanswered(
    key: &'static str,
    flag: Flag,
    details: &'static str,
    sentence: Text,
    advice: Text,
) -> Spec {
    Spec {
        key,
        answer: Answer {
            status: 0,
            body: Body::Empty,
            flag: Some(flag),
            details: Details::Text(details),
            close: true,
            overloaded: false,
        },
        grpc: 13,
        blame: Blame::Client,
        retry: Retry::Never,
        sentence,
        advice,
    }
}

pub(super) const CLIENT_RESET: Spec = unanswered(
    "client_reset",
    Flag::DownstreamRemoteReset,
    "http2.remote_reset",
    Text {
        en: "The client reset the stream of its request before the answer was complete.",
        ko: "응답이 끝나기 전에 클라이언트가 요청의 스트림을 리셋했습니다.",
    },
    Text {
        en: "The evidence has the code: CANCEL means that it lost interest; a round duration is its own timeout.",
        ko: "근거에 코드가 있습니다. CANCEL은 클라이언트가 취소했다는 뜻이며, 소요 시간이 딱 떨어지면 클라이언트의 타임아웃입니다.",
    },
);

pub(super) const HTTP2_PROTOCOL_ERROR: Spec = unanswered(
    "http2_protocol_error",
    Flag::DownstreamProtocolError,
    "codec_error:The_user_callback_function_failed",
    Text {
        en: "The client sent a frame that breaks the rules of HTTP/2, so its connection ended.",
        ko: "클라이언트가 HTTP/2 규칙에 어긋난 프레임을 보내 연결을 끝냈습니다.",
    },
    Text {
        en: "The evidence says which rule; the client, or a proxy in front of it, has a fault.",
        ko: "근거에 어긴 규칙이 있습니다. 클라이언트나 앞단 프록시의 결함입니다.",
    },
);

pub(super) const HTTP2_FIELD_INVALID: Spec = unanswered(
    "http2_field_invalid",
    Flag::DownstreamProtocolError,
    "http2.invalid.header.field",
    Text {
        en: "The request has a header field that HTTP/2 does not allow.",
        ko: "요청에 HTTP/2가 허용하지 않는 헤더 필드가 있습니다.",
    },
    Text {
        en: "The evidence says what is wrong. override_stream_error_on_invalid_http_message lets the connection live on.",
        ko: "근거에 무엇이 잘못인지 있습니다. override_stream_error_on_invalid_http_message를 켜면 연결은 유지됩니다.",
    },
);

pub(super) const HTTP2_MESSAGE_INVALID: Spec = unanswered(
    "http2_message_invalid",
    Flag::DownstreamProtocolError,
    "http2.violation.of.messaging.rule",
    Text {
        en: "The header fields of the stream together are no request: something is missing, or contradicts.",
        ko: "스트림의 헤더 필드가 요청을 이루지 못합니다. 빠졌거나 서로 어긋난 것이 있습니다.",
    },
    Text {
        en: "The evidence says what is missing; every request has :method, :scheme, :path and an authority.",
        ko: "근거에 빠진 것이 있습니다. 모든 요청에는 :method, :scheme, :path와 authority가 있어야 합니다.",
    },
);

pub(super) const HTTP2_LENGTH_MISMATCH: Spec = unanswered(
    "http2_length_mismatch",
    Flag::DownstreamProtocolError,
    "http2.remote_reset",
    Text {
        en: "The body of the request is not as long as its content-length says.",
        ko: "요청 본문의 길이가 content-length와 다릅니다.",
    },
    Text {
        en: "Mend the client or the proxy in front: a length that is not kept is how requests are smuggled.",
        ko: "클라이언트나 앞단 프록시를 고치십시오. 지켜지지 않는 길이는 요청 밀반입 수법입니다.",
    },
);

pub(super) const HTTP2_TOO_MANY_FIELDS: Spec = unanswered(
    "http2_too_many_fields",
    Flag::DownstreamRemoteReset,
    "http2.too_many_headers",
    Text {
        en: "The request has more header fields than max_headers_count; each piece of a cookie counts.",
        ko: "요청의 헤더 필드 수가 max_headers_count를 넘었습니다. 나뉜 쿠키는 조각마다 셉니다.",
    },
    Text {
        en: "Raise common_http_protocol_options.max_headers_count if clients really need that many.",
        ko: "정말 필요한 클라이언트라면 common_http_protocol_options.max_headers_count를 올리십시오.",
    },
);

pub(super) const HTTP2_FIELDS_TOO_LARGE: Spec = unanswered(
    "http2_fields_too_large",
    Flag::DownstreamRemoteReset,
    "http2.header_list_size_too_large",
    Text {
        en: "The header fields of the request are larger than max_request_headers_kb.",
        ko: "요청의 헤더 필드가 max_request_headers_kb보다 큽니다.",
    },
    Text {
        en: "Raise max_request_headers_kb, or find out why the client's cookies grow.",
        ko: "max_request_headers_kb를 올리거나 쿠키가 커지는 이유를 찾으십시오.",
    },
);

pub(super) const HTTP2_UNDERSCORE_HEADER: Spec = unanswered(
    "http2_underscore_header",
    Flag::DownstreamRemoteReset,
    "http2.unexpected_underscore",
    Text {
        en: "A header name of the request has an underscore, and those are refused.",
        ko: "요청 헤더 이름에 밑줄이 있어 거부했습니다.",
    },
    Text {
        en: "Rename the header, or set headers_with_underscores_action to ALLOW or DROP_HEADER.",
        ko: "헤더 이름을 바꾸거나 headers_with_underscores_action을 ALLOW나 DROP_HEADER로 설정하십시오.",
    },
);

pub(super) const HTTP2_TOO_MANY_STREAMS: Spec = unanswered(
    "http2_too_many_streams",
    Flag::DownstreamRemoteReset,
    "http2.remote_refuse",
    Text {
        en: "The client opened more streams at once than max_concurrent_streams allows.",
        ko: "클라이언트가 max_concurrent_streams보다 많은 스트림을 동시에 열었습니다.",
    },
    Text {
        en: "The client does not keep to the SETTINGS that it was sent; raise max_concurrent_streams if it is a proxy that needs more.",
        ko: "클라이언트가 받은 SETTINGS를 지키지 않습니다. 더 필요한 프록시라면 max_concurrent_streams를 올리십시오.",
    },
);

pub(super) const HTTP2_PING_TIMEOUT: Spec = unanswered(
    "http2_ping_timeout",
    Flag::DownstreamConnectionTermination,
    "downstream_local_disconnect(http2_ping_timeout)",
    Text {
        en: "The client did not answer a PING frame in time, so its connection was closed.",
        ko: "클라이언트가 PING 프레임에 제때 응답하지 않아 연결을 닫았습니다.",
    },
    Text {
        en: "The client is gone, or the network drops its packets; look at connection_keepalive if it is only slow.",
        ko: "클라이언트가 사라졌거나 네트워크가 패킷을 버립니다. 느릴 뿐이라면 connection_keepalive를 확인하십시오.",
    },
);

pub(super) const HTTP2_RESET_FLOOD: Spec = unanswered(
    "http2_reset_flood",
    Flag::DownstreamProtocolError,
    "too_many_premature_resets",
    Text {
        en: "The client opens streams and has them reset at once, again and again: rapid reset.",
        ko: "클라이언트가 스트림을 열자마자 리셋하기를 되풀이합니다(Rapid Reset).",
    },
    Text {
        en: "This is an attack; block the address if it goes on.",
        ko: "공격입니다. 계속되면 그 주소를 차단하십시오.",
    },
);

pub(super) const HTTP2_CONTINUATION_FLOOD: Spec = unanswered(
    "http2_continuation_flood",
    Flag::DownstreamProtocolError,
    "codec_error:The_user_callback_function_failed",
    Text {
        en: "The client sends a head in CONTINUATION frames that does not end.",
        ko: "클라이언트가 끝나지 않는 CONTINUATION 프레임으로 헤더를 보냅니다.",
    },
    Text {
        en: "This is an attack; block the address if it goes on.",
        ko: "공격입니다. 계속되면 그 주소를 차단하십시오.",
    },
);

pub(super) const HTTP2_CONTROL_FLOOD: Spec = unanswered(
    "http2_control_flood",
    Flag::DownstreamProtocolError,
    "http2.outbound_control_frames_flood",
    Text {
        en: "The client sends PING, SETTINGS or other frames that are answered, and does not read the answers.",
        ko: "클라이언트가 응답이 필요한 PING, SETTINGS 등의 프레임을 보내고 응답은 읽지 않습니다.",
    },
    Text {
        en: "This is an attack; block the address if it goes on.",
        ko: "공격입니다. 계속되면 그 주소를 차단하십시오.",
    },
);

pub(super) const HTTP2_OUTBOUND_FLOOD: Spec = unanswered(
    "http2_outbound_flood",
    Flag::DownstreamProtocolError,
    "http2.outbound_frames_flood",
    Text {
        en: "More frames wait for the client to read than max_outbound_frames allows.",
        ko: "클라이언트가 읽지 않아 쌓인 프레임이 max_outbound_frames를 넘었습니다.",
    },
    Text {
        en: "A client that reads does not come near; raise max_outbound_frames only for a proxy with very many streams.",
        ko: "읽는 클라이언트라면 이 한도에 닿지 않습니다. 스트림이 아주 많은 프록시에만 max_outbound_frames를 올리십시오.",
    },
);

pub(super) const HTTP2_PRIORITY_FLOOD: Spec = unanswered(
    "http2_priority_flood",
    Flag::DownstreamProtocolError,
    "codec_error:The_user_callback_function_failed",
    Text {
        en: "The client sends PRIORITY frames and little else.",
        ko: "클라이언트가 PRIORITY 프레임만 잔뜩 보냅니다.",
    },
    Text {
        en: "This is an attack; block the address if it goes on.",
        ko: "공격입니다. 계속되면 그 주소를 차단하십시오.",
    },
);

pub(super) const HTTP2_WINDOW_FLOOD: Spec = unanswered(
    "http2_window_flood",
    Flag::DownstreamProtocolError,
    "codec_error:The_user_callback_function_failed",
    Text {
        en: "The client sends WINDOW_UPDATE frames for hardly any data.",
        ko: "클라이언트가 데이터도 거의 없이 WINDOW_UPDATE 프레임을 보냅니다.",
    },
    Text {
        en: "Windows opened byte by byte are an attack, or a broken client; raise max_inbound_window_update_frames_per_data_frame_sent only for the latter.",
        ko: "한 바이트씩 창을 여는 것은 공격이거나 클라이언트 결함입니다. 결함일 때만 max_inbound_window_update_frames_per_data_frame_sent를 올리십시오.",
    },
);

pub(super) const HTTP2_EMPTY_FRAME_FLOOD: Spec = unanswered(
    "http2_empty_frame_flood",
    Flag::DownstreamProtocolError,
    "http2.inbound_empty_frames_flood",
    Text {
        en: "The client sends frames with nothing in them, one behind the other.",
        ko: "클라이언트가 내용 없는 프레임을 잇달아 보냅니다.",
    },
    Text {
        en: "This is an attack; raise max_consecutive_inbound_frames_with_empty_payload only for a client that is known to do it.",
        ko: "공격입니다. 그렇게 동작하는 것으로 알려진 클라이언트에만 max_consecutive_inbound_frames_with_empty_payload를 올리십시오.",
    },
);
