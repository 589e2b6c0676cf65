//! Connections that are closed before anything can be asked on them.

use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

/// Nobody is answered; logs of listeners have the flag and details.
const fn closed(flag: Option<Flag>, details: &'static str) -> Answer {
    Answer {
        status: 0,
        body: Body::Empty,
        flag,
        details: Details::Text(details),
        close: true,
        overloaded: false,
    }
}

const fn spec(key: &'static str, answer: Answer, blame: Blame, sentence: Text, advice: Text) -> Spec {
    Spec { key, answer, grpc: 1, blame, retry: Retry::Never, sentence, advice }
}

pub(super) const PROXY_HEADER_MISSING: Spec = spec(
    "proxy_header_missing",
    closed(None, "-"),
    Blame::Client,
    Text {
        en: "The connection does not begin with a PROXY protocol header, which the listener demands.",
        ko: "리스너가 요구하는 PROXY 프로토콜 헤더 없이 연결이 시작되었습니다.",
    },
    Text {
        en: "Turn the PROXY protocol on in the load balancer in front. Health checks of it that do not send the header need `allow_requests_without_proxy_protocol`, which is safe only where nobody else can connect.",
        ko: "앞단 로드 밸런서에서 PROXY 프로토콜을 켜십시오. 헤더를 보내지 않는 헬스 체크에는 `allow_requests_without_proxy_protocol`이 필요하지만, 다른 곳에서 접속할 수 없을 때만 안전합니다.",
    },
);

pub(super) const PROXY_HEADER_INVALID: Spec = spec(
    "proxy_header_invalid",
    closed(None, "-"),
    Blame::Client,
    Text {
        en: "The connection begins with a PROXY protocol header that is malformed or not allowed.",
        ko: "연결 앞의 PROXY 프로토콜 헤더가 잘못되었거나 허용되지 않습니다.",
    },
    Text {
        en: "The evidence says what is wrong with it. Where the version is meant to be taken, remove it from `disallowed_versions`.",
        ko: "증거에 무엇이 잘못되었는지 있습니다. 그 버전을 받아야 한다면 `disallowed_versions`에서 빼십시오.",
    },
);

pub(super) const CLIENT_HELLO_INVALID: Spec = spec(
    "client_hello_invalid",
    closed(None, "-"),
    Blame::Client,
    Text {
        en: "The connection does not begin with a TLS ClientHello that can be read.",
        ko: "읽을 수 있는 TLS ClientHello로 시작하지 않는 연결입니다.",
    },
    Text {
        en: "The evidence says what came instead. The TLS inspector closes such connections because of `close_connection_on_client_hello_parsing_errors`, or of `max_client_hello_size`.",
        ko: "증거에 무엇이 왔는지 있습니다. TLS 인스펙터는 `close_connection_on_client_hello_parsing_errors`나 `max_client_hello_size` 때문에 이런 연결을 닫습니다.",
    },
);

pub(super) const LISTENER_FILTERS_TIMEOUT: Spec = spec(
    "listener_filters_timeout",
    closed(None, "-"),
    Blame::Client,
    Text {
        en: "The client did not send enough in time to tell what its connection is for.",
        ko: "연결의 용도를 알 수 있을 만큼의 데이터를 클라이언트가 제때 보내지 않았습니다.",
    },
    Text {
        en: "Port scanners and idle preconnections look like this. Clients that wait for the server to speak first need `continue_on_listener_filters_timeout`; slow ones a longer `listener_filters_timeout` (15 s unless set).",
        ko: "포트 스캐너나 미리 맺어 둔 유휴 연결이 이렇게 보입니다. 서버가 먼저 말하기를 기다리는 클라이언트에는 `continue_on_listener_filters_timeout`, 느린 클라이언트에는 더 긴 `listener_filters_timeout`(기본 15초)이 필요합니다.",
    },
);

pub(super) const NO_FILTER_CHAIN: Spec = spec(
    "no_filter_chain",
    closed(Some(Flag::NoRouteFound), "filter_chain_not_found"),
    Blame::Config,
    Text {
        en: "No filter chain of the listener is for the connection.",
        ko: "이 연결에 맞는 필터 체인이 리스너에 없습니다.",
    },
    Text {
        en: "The evidence has all that chains are chosen by. Conditions are looked at one after the other, and the best of each is kept, without a way back; `default_filter_chain` takes what is left over.",
        ko: "증거에 체인을 고르는 데 쓰인 값이 모두 있습니다. 조건은 차례로 보며 각 조건에서 가장 잘 맞는 것만 남고 되돌아가지 않습니다. 나머지는 `default_filter_chain`이 받습니다.",
    },
);
