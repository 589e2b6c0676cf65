//! Hosts that may not be used, and how the health check came to say so.

use super::grpc;
use crate::{Answer, Blame, Retry, Spec, Text};

const fn unusable(key: &'static str, blame: Blame, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::no_healthy_upstream(),
        grpc: grpc(503),
        blame,
        retry: Retry::Safe,
        sentence,
        advice,
    }
}

pub(super) const NO_ENDPOINTS: Spec = unusable(
    "no_endpoints",
    Blame::Config,
    Text { en: "The cluster has no endpoints.", ko: "클러스터에 엔드포인트가 없습니다." },
    Text {
        en: "Add endpoints to the cluster's load_assignment.",
        ko: "클러스터의 load_assignment에 엔드포인트를 추가하십시오.",
    },
);

pub(super) const NO_SUBSET: Spec = unusable(
    "no_subset",
    Blame::Config,
    Text {
        en: "No endpoint of the cluster has the metadata that the route asks for.",
        ko: "라우트가 요구하는 메타데이터를 가진 엔드포인트가 클러스터에 없습니다.",
    },
    Text {
        en: "Compare metadata_match of the route with the metadata of the endpoints and with subset_selectors, or set a fallback_policy.",
        ko: "라우트의 metadata_match를 엔드포인트의 메타데이터 및 subset_selectors와 비교하거나 fallback_policy를 설정하십시오.",
    },
);

pub(super) const NO_ORIGINAL_DESTINATION: Spec = unusable(
    "no_original_destination",
    Blame::Client,
    Text {
        en: "The cluster has the hosts that requests are for, and this one does not say where it goes.",
        ko: "클러스터는 요청이 지정한 주소로 연결하는데, 이 요청은 목적지를 알려 주지 않았습니다.",
    },
    Text {
        en: "Send address and port in x-envoy-original-dst-host with use_http_header, or redirect connections with a firewall and the listener filter original_dst.",
        ko: "use_http_header를 켜고 x-envoy-original-dst-host에 주소와 포트를 보내거나, 방화벽과 리스너 필터 original_dst로 연결을 리다이렉트하십시오.",
    },
);

pub(super) const ENDPOINT_DISABLED: Spec = unusable(
    "endpoint_disabled",
    Blame::Config,
    Text {
        en: "The file itself takes the endpoint out of use: its health_status is UNHEALTHY, DRAINING or TIMEOUT.",
        ko: "설정 파일이 엔드포인트를 제외했습니다(health_status가 UNHEALTHY, DRAINING 또는 TIMEOUT).",
    },
    Text {
        en: "Remove health_status from the endpoint, or set it to HEALTHY.",
        ko: "엔드포인트에서 health_status를 지우거나 HEALTHY로 바꾸십시오.",
    },
);

pub(super) const OUTLIER_EJECTED: Spec = unusable(
    "outlier_ejected",
    Blame::Upstream,
    Text {
        en: "Outlier detection has ejected the endpoint for a while, because requests to it failed.",
        ko: "요청이 실패하여 이상치 감지가 엔드포인트를 잠시 제외했습니다.",
    },
    Text {
        en: "The evidence says what failed; /hosts has the endpoint's history. It is back after base_ejection_time times the number of ejections in a row.",
        ko: "근거에 실패 내용이 있고 /hosts에 엔드포인트의 이력이 있습니다. base_ejection_time에 연속 제외 횟수를 곱한 시간이 지나면 돌아옵니다.",
    },
);

pub(super) const HEALTH_CHECK_PENDING: Spec = unusable(
    "health_check_pending",
    Blame::Upstream,
    Text {
        en: "The endpoint's first health check has not been answered yet.",
        ko: "엔드포인트의 첫 헬스 체크가 아직 끝나지 않았습니다.",
    },
    Text {
        en: "Wait for one check; its timeout and interval say how long that can take.",
        ko: "한 번의 체크를 기다리십시오. timeout과 interval이 걸리는 시간을 정합니다.",
    },
);

pub(super) const HEALTH_CHECK_NOT_FOUND: Spec = unusable(
    "health_check_not_found",
    Blame::Config,
    Text {
        en: "The health check's path answers 404.", ko: "헬스 체크 경로가 404를 응답합니다."
    },
    Text {
        en: "Correct http_health_check.path; if it is right, set http_health_check.host, because the check sends the cluster's name as Host.",
        ko: "http_health_check.path를 고치십시오. 경로가 맞다면 http_health_check.host를 설정하십시오. 체크는 클러스터 이름을 Host로 보냅니다.",
    },
);

pub(super) const HEALTH_CHECK_REDIRECT: Spec = unusable(
    "health_check_redirect",
    Blame::Config,
    Text {
        en: "The health check's path answers with a redirect, which is not an expected status.",
        ko: "헬스 체크 경로가 리다이렉트를 응답합니다. 기대하는 상태가 아닙니다.",
    },
    Text {
        en: "Check the path that answers 200, or add `{start: 200, end: 400}` to expected_statuses.",
        ko: "200을 응답하는 경로를 쓰거나 expected_statuses에 `{start: 200, end: 400}`을 추가하십시오.",
    },
);

pub(super) const HEALTH_CHECK_UNAUTHORIZED: Spec = unusable(
    "health_check_unauthorized",
    Blame::Config,
    Text {
        en: "The health check is refused for lack of credentials (401 or 403).",
        ko: "인증이 없어 헬스 체크가 거부되었습니다(401 또는 403).",
    },
    Text {
        en: "Exempt the health path from authentication, or add the credentials with request_headers_to_add.",
        ko: "헬스 체크 경로를 인증에서 제외하거나 request_headers_to_add로 인증 정보를 추가하십시오.",
    },
);

pub(super) const HEALTH_CHECK_SERVER_ERROR: Spec = unusable(
    "health_check_server_error",
    Blame::Upstream,
    Text {
        en: "The health check's path answers with a server error (5xx).",
        ko: "헬스 체크 경로가 서버 오류(5xx)를 응답합니다.",
    },
    Text {
        en: "The back-end says of itself that it is not well: look at its log and at what its health page tests.",
        ko: "백엔드 스스로 비정상이라고 응답합니다. 백엔드 로그와 헬스 페이지의 점검 항목을 확인하십시오.",
    },
);

pub(super) const HEALTH_CHECK_STATUS: Spec = unusable(
    "health_check_status",
    Blame::Config,
    Text {
        en: "The health check's path answers a status that expected_statuses does not hold.",
        ko: "헬스 체크 경로가 expected_statuses에 없는 상태를 응답합니다.",
    },
    Text {
        en: "Without expected_statuses only 200 counts; the end of a range is not part of it.",
        ko: "expected_statuses가 없으면 200만 정상입니다. 범위의 end 값은 포함되지 않습니다.",
    },
);

pub(super) const HEALTH_CHECK_TIMEOUT: Spec = unusable(
    "health_check_timeout",
    Blame::Upstream,
    Text {
        en: "The health check was not answered within its timeout.",
        ko: "헬스 체크가 timeout 안에 응답되지 않았습니다.",
    },
    Text {
        en: "The back-end is overloaded or hangs, or the check's timeout is shorter than its health page takes.",
        ko: "백엔드가 과부하이거나 멈췄거나, timeout이 헬스 페이지 처리 시간보다 짧습니다.",
    },
);

pub(super) const HEALTH_CHECK_CLOSED: Spec = unusable(
    "health_check_closed",
    Blame::Upstream,
    Text {
        en: "The back-end closed the connection without answering the health check.",
        ko: "백엔드가 헬스 체크에 응답하지 않고 연결을 닫았습니다.",
    },
    Text {
        en: "It may expect TLS or PROXY protocol on that port, or it crashes on the request.",
        ko: "그 포트가 TLS나 PROXY 프로토콜을 기대하거나 요청 처리 중 종료되었을 수 있습니다.",
    },
);

pub(super) const HEALTH_CHECK_PROTOCOL: Spec = unusable(
    "health_check_protocol",
    Blame::Config,
    Text {
        en: "The answer to the health check is not what the checker speaks.",
        ko: "헬스 체크 응답이 체커가 사용하는 프로토콜이 아닙니다.",
    },
    Text {
        en: "The port belongs to another protocol (TLS, HTTP/2, PROXY), or the expected payload differs; see the first bytes.",
        ko: "포트가 다른 프로토콜(TLS, HTTP/2, PROXY)이거나 기대한 내용이 다릅니다. 첫 바이트를 확인하십시오.",
    },
);

pub(super) const HEALTH_CHECK_NOT_SERVING: Spec = unusable(
    "health_check_not_serving",
    Blame::Upstream,
    Text {
        en: "The gRPC health service does not say that the service is SERVING.",
        ko: "gRPC 헬스 서비스가 SERVING을 응답하지 않습니다.",
    },
    Text {
        en: "Register the service with grpc.health.v1.Health under the name in grpc_health_check.service_name; without a name the server as a whole is asked.",
        ko: "grpc_health_check.service_name의 이름으로 grpc.health.v1.Health에 서비스를 등록하십시오. 이름이 없으면 서버 전체를 묻습니다.",
    },
);

pub(super) const AGENT_DOWN: Spec = unusable(
    "agent_down",
    Blame::Upstream,
    Text {
        en: "The agent beside the back-end says that it is down.",
        ko: "백엔드의 에이전트가 백엔드가 다운되었다고 알립니다.",
    },
    Text {
        en: "See what the agent said behind its word, and why. Only the agent brings the host back: it has to say `up`.",
        ko: "에이전트가 남긴 설명과 원인을 확인하십시오. 에이전트가 `up`을 보내야만 호스트가 다시 사용됩니다.",
    },
);

pub(super) const AGENT_DRAINED: Spec = unusable(
    "agent_drained",
    Blame::Config,
    Text {
        en: "The agent beside the back-end wants no new requests for it (drain, maint or a weight of 0%).",
        ko: "백엔드의 에이전트가 새 요청을 받지 않겠다고 알립니다(drain, maint 또는 가중치 0%).",
    },
    Text {
        en: "Somebody has taken all hosts of the cluster out of use. `ready` of an agent ends drain and maint, a weight above `0%` the other.",
        ko: "클러스터의 모든 호스트가 사용 중지되었습니다. 에이전트의 `ready`가 drain과 maint를 해제하고, `0%`보다 큰 가중치가 0%를 해제합니다.",
    },
);
