//! Requests that no back-end was asked about.

use super::grpc;
use crate::{Answer, Blame, Body, Details, Flag, Retry, Spec, Text};

pub(super) const NO_VIRTUAL_HOST: Spec = Spec {
    key: "no_virtual_host",
    answer: Answer::empty(404, Some(Flag::NoRouteFound), "route_not_found"),
    grpc: grpc(404),
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "No virtual host has a domain that matches the request's Host.",
        ko: "요청의 Host와 일치하는 도메인을 가진 가상 호스트가 없습니다.",
    },
    advice: Text {
        en: "Add the host to `domains`. A port counts: `a.com:8080` is not `a.com`, unless strip_any_host_port or ignore_port_in_host_matching is set.",
        ko: "`domains`에 호스트를 추가하십시오. 포트도 비교합니다. strip_any_host_port나 ignore_port_in_host_matching이 없으면 `a.com:8080`은 `a.com`과 다릅니다.",
    },
};

pub(super) const PORT_IN_HOST: Spec = Spec {
    key: "port_in_host",
    sentence: Text {
        en: "A virtual host has the domain of the request's Host, but not with that port.",
        ko: "Host의 이름은 가상 호스트의 도메인에 있지만 포트까지 같은 도메인은 없습니다.",
    },
    advice: Text {
        en: "Set strip_any_host_port on the connection manager or ignore_port_in_host_matching on the route table, or add the name with its port to `domains`.",
        ko: "연결 관리자에 strip_any_host_port를, 또는 라우트 테이블에 ignore_port_in_host_matching을 설정하거나, 포트를 붙인 이름을 `domains`에 추가하십시오.",
    },
    ..NO_VIRTUAL_HOST
};

pub(super) const NO_ROUTE: Spec = Spec {
    key: "no_route",
    answer: Answer::empty(404, Some(Flag::NoRouteFound), "route_not_found"),
    grpc: grpc(404),
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "The virtual host has no route that matches the request.",
        ko: "가상 호스트에 요청과 일치하는 라우트가 없습니다.",
    },
    advice: Text {
        en: "Compare path, method and headers with the `match` of the virtual host's routes.",
        ko: "경로, 메서드, 헤더를 가상 호스트 라우트의 `match`와 비교하십시오.",
    },
};

pub(super) const PREFLIGHT_UNROUTED: Spec = Spec {
    key: "preflight_unrouted",
    sentence: Text {
        en: "A browser's CORS preflight (OPTIONS with Origin and Access-Control-Request-Method) has no route.",
        ko: "브라우저의 CORS 프리플라이트(Origin과 Access-Control-Request-Method가 있는 OPTIONS)에 맞는 라우트가 없습니다.",
    },
    advice: Text {
        en: "Let the route match OPTIONS too, and put the filter envoy.filters.http.cors with a policy on the route in front of the router, which answers it.",
        ko: "라우트가 OPTIONS도 받게 하고, 라우터 앞에 envoy.filters.http.cors 필터와 라우트의 CORS 정책을 두어 응답하게 하십시오.",
    },
    ..NO_ROUTE
};

pub(super) const CLUSTER_HEADER_UNUSABLE: Spec = Spec {
    key: "cluster_header_unusable",
    sentence: Text {
        en: "The request does not say which cluster it is for: it lacks the header that cluster_header names.",
        ko: "요청에 cluster_header가 지정한 헤더가 없어 어느 클러스터로 보낼지 알 수 없습니다.",
    },
    advice: Text {
        en: "Have clients, or the proxy in front, send that header, or name the cluster in the route.",
        ko: "클라이언트나 앞단 프록시가 그 헤더를 보내게 하거나 라우트에 클러스터 이름을 쓰십시오.",
    },
    ..CLUSTER_NOT_FOUND
};

pub(super) const CLUSTER_NOT_FOUND: Spec = Spec {
    key: "cluster_not_found",
    answer: Answer::empty(503, Some(Flag::NoClusterFound), "cluster_not_found"),
    grpc: grpc(503),
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "The route leads to a cluster that does not exist.",
        ko: "라우트가 존재하지 않는 클러스터를 가리킵니다.",
    },
    advice: Text {
        en: "Add the cluster, or correct the name in the route or in the request header that cluster_header names.",
        ko: "클러스터를 추가하거나 라우트 또는 cluster_header가 지정한 요청 헤더의 이름을 고치십시오.",
    },
};

pub(super) const UPGRADE_NOT_ENABLED: Spec = Spec {
    key: "upgrade_not_enabled",
    answer: Answer::empty(403, None, "upgrade_failed"),
    grpc: grpc(403),
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "The request asks for an upgrade (such as WebSocket) that is not configured here.",
        ko: "설정되지 않은 업그레이드(WebSocket 등)를 요청했습니다.",
    },
    advice: Text {
        en: "Add `upgrade_configs: [{upgrade_type: websocket}]` to the connection manager or to the route.",
        ko: "연결 관리자나 라우트에 `upgrade_configs: [{upgrade_type: websocket}]`를 추가하십시오.",
    },
};

pub(super) const DIRECT_RESPONSE: Spec = Spec {
    key: "direct_response",
    answer: Answer {
        status: 0,
        body: Body::Empty,
        flag: None,
        details: Details::Text("direct_response"),
        close: false,
        overloaded: false,
    },
    grpc: 2,
    blame: Blame::Config,
    retry: Retry::Never,
    sentence: Text {
        en: "The route answers by itself, as it is configured to.",
        ko: "설정대로 라우트가 직접 응답했습니다.",
    },
    advice: Text {
        en: "Nothing is broken; the status is the one in direct_response or redirect.",
        ko: "고장이 아닙니다. direct_response나 redirect에 설정된 상태 코드입니다.",
    },
};
