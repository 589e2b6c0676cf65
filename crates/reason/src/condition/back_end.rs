//! What back-ends want, as far as other questions than the configured ones bring it to light.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const PROXY_HEADER_WANTED: ConditionSpec = ConditionSpec {
    key: "proxy_header_wanted",
    blame: Blame::Config,
    sentence: Text {
        en: "The back-end wants a PROXY header in front of each connection, and the cluster sends none.",
        ko: "백엔드는 연결마다 PROXY 헤더를 요구하지만 클러스터는 보내지 않습니다.",
    },
    advice: Text {
        en: "Wrap the cluster's transport_socket in envoy.transport_sockets.upstream_proxy_protocol; health checks send the header too then.",
        ko: "클러스터의 transport_socket을 envoy.transport_sockets.upstream_proxy_protocol로 감싸십시오. 헬스 체크도 그 헤더를 보냅니다.",
    },
};

pub(super) const PROXY_HEADER_UNWANTED: ConditionSpec = ConditionSpec {
    key: "proxy_header_unwanted",
    blame: Blame::Config,
    sentence: Text {
        en: "The cluster sends a PROXY header, and the back-end, which expects none, takes it for a malformed request.",
        ko: "클러스터가 PROXY 헤더를 보내지만 백엔드는 이를 기대하지 않아 잘못된 요청으로 처리합니다.",
    },
    advice: Text {
        en: "Remove envoy.transport_sockets.upstream_proxy_protocol from the cluster, or have the back-end expect the header (`proxy_protocol` on nginx's listen line).",
        ko: "클러스터에서 envoy.transport_sockets.upstream_proxy_protocol을 빼거나 백엔드가 헤더를 받게 하십시오(nginx는 listen 줄의 `proxy_protocol`).",
    },
};

pub(super) const HOST_UNKNOWN_TO_BACK_END: ConditionSpec = ConditionSpec {
    key: "host_unknown_to_back_end",
    blame: Blame::Config,
    sentence: Text {
        en: "The back-end has no site for the Host that it is sent, and does answer for another name.",
        ko: "백엔드에 요청의 Host에 해당하는 사이트가 없습니다. 다른 이름으로는 응답합니다.",
    },
    advice: Text {
        en: "Send the name that the back-end knows: `auto_host_rewrite: true` or `host_rewrite_literal` on the route.",
        ko: "백엔드가 아는 이름을 보내십시오. 라우트에 `auto_host_rewrite: true` 또는 `host_rewrite_literal`을 설정합니다.",
    },
};

pub(super) const REWRITE_DOUBLES_SLASH: ConditionSpec = ConditionSpec {
    key: "rewrite_doubles_slash",
    blame: Blame::Config,
    sentence: Text {
        en: "Of `prefix` and `prefix_rewrite` only one ends in a slash, so rewritten paths get `//`, or lose the slash between two names.",
        ko: "`prefix`와 `prefix_rewrite` 중 하나만 슬래시로 끝나서, 바뀐 경로에 `//`가 생기거나 이름 사이의 슬래시가 사라집니다.",
    },
    advice: Text {
        en: "Have both end in a slash or neither; `/api` that becomes `/` is best written as two routes, `path: /api` and `prefix: /api/`.",
        ko: "둘 다 슬래시로 끝나거나 둘 다 끝나지 않게 하십시오. `/api`를 `/`로 바꾸려면 `path: /api`와 `prefix: /api/` 두 라우트로 나누는 것이 좋습니다.",
    },
};

pub(super) const RETRIES_EXHAUSTED: ConditionSpec = ConditionSpec {
    key: "retries_exhausted",
    blame: Blame::Upstream,
    sentence: Text {
        en: "Every attempt that the retry policy allows failed; the client got the last failure.",
        ko: "재시도 정책이 허용하는 모든 시도가 실패했고 클라이언트는 마지막 실패를 받았습니다.",
    },
    advice: Text {
        en: "Look at the cause of each attempt, not at the last alone: where they are the same, more attempts do not help.",
        ko: "마지막 시도만 보지 말고 시도마다 원인을 확인하십시오. 원인이 모두 같다면 재시도를 늘려도 소용없습니다.",
    },
};

pub(super) const GRPC_ERROR_IN_OK: ConditionSpec = ConditionSpec {
    key: "grpc_error_in_ok",
    blame: Blame::Upstream,
    sentence: Text {
        en: "Calls of gRPC fail in answers with status 200, which counters of 5xx do not see.",
        ko: "gRPC 호출이 상태 200인 응답 안에서 실패합니다. 5xx 집계에는 나타나지 않습니다.",
    },
    advice: Text {
        en: "Watch `grpc-status` in the access log (`%GRPC_STATUS%`) and the statistics of the filter grpc_stats.",
        ko: "액세스 로그의 `grpc-status`(`%GRPC_STATUS%`)와 grpc_stats 필터의 통계를 확인하십시오.",
    },
};

pub(super) const WEB_SOCKET_REFUSED: ConditionSpec = ConditionSpec {
    key: "web_socket_refused",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The proxy passed the upgrade to WebSocket on, and the back-end answered it as an ordinary request.",
        ko: "프록시는 WebSocket 업그레이드를 전달했지만 백엔드가 일반 요청으로 응답했습니다.",
    },
    advice: Text {
        en: "Ask the back-end directly with `Upgrade: websocket`: a wrong path, a login in front, or a proxy between that drops the Upgrade header.",
        ko: "`Upgrade: websocket`으로 백엔드에 직접 요청해 보십시오. 경로가 틀렸거나 앞에 로그인이 있거나 중간 프록시가 Upgrade 헤더를 지운 것입니다.",
    },
};

pub(super) const KEEPALIVE_TOO_LONG: ConditionSpec = ConditionSpec {
    key: "keepalive_too_long",
    blame: Blame::Config,
    sentence: Text {
        en: "The proxy keeps idle connections to the cluster for longer than the back-end does, and a request that meets its closing fails.",
        ko: "프록시가 유휴 연결을 백엔드보다 오래 유지합니다. 백엔드가 닫는 순간에 보낸 요청은 실패합니다.",
    },
    advice: Text {
        en: "Set idle_timeout in common_http_protocol_options of the cluster below the back-end's keep-alive time, and `retry_on: reset` on routes whose requests may be sent twice.",
        ko: "클러스터 common_http_protocol_options의 idle_timeout을 백엔드의 keep-alive 시간보다 짧게 하고, 두 번 보내도 되는 요청의 라우트에 `retry_on: reset`을 설정하십시오.",
    },
};
