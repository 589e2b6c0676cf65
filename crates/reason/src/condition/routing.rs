//! What requests are routed by, and what comes of it.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const ROUTE_SHADOWED: ConditionSpec = ConditionSpec {
    key: "route_shadowed",
    blame: Blame::Config,
    sentence: Text {
        en: "An earlier route of the same virtual host takes every request that this route would match.",
        ko: "같은 가상 호스트의 앞선 라우트가 이 라우트에 맞는 요청을 모두 가져갑니다.",
    },
    advice: Text {
        en: "Put the more specific route first: routes are tried in the order of the file, and the first that fits is taken.",
        ko: "더 구체적인 라우트를 앞에 두십시오. 라우트는 파일 순서대로 확인하며 처음 맞는 것이 선택됩니다.",
    },
};

pub(super) const REDIRECT_LOOP: ConditionSpec = ConditionSpec {
    key: "redirect_loop",
    blame: Blame::Config,
    sentence: Text {
        en: "The proxy redirects to https, and does not learn that the client already came by https: the redirect leads back to itself.",
        ko: "프록시가 https로 리다이렉트하지만 클라이언트가 이미 https로 왔다는 것을 알지 못해 리다이렉트가 반복됩니다.",
    },
    advice: Text {
        en: "Where a load balancer in front ends TLS, trust its X-Forwarded-Proto: `use_remote_address: true` with `xff_num_trusted_hops: 1`; otherwise redirect on the plain listener only.",
        ko: "앞단 로드 밸런서가 TLS를 종료한다면 X-Forwarded-Proto를 신뢰하도록 `use_remote_address: true`와 `xff_num_trusted_hops: 1`을 설정하십시오. 아니면 평문 리스너에서만 리다이렉트하십시오.",
    },
};

pub(super) const HAPROXY_NO_BACKEND: ConditionSpec = ConditionSpec {
    key: "haproxy_no_backend",
    blame: Blame::Config,
    sentence: Text {
        en: "HAProxy chose no backend for the request: no use_backend rule fits and there is no default_backend, or the backend has no server.",
        ko: "HAProxy가 요청의 백엔드를 정하지 못했습니다. 맞는 use_backend 규칙과 default_backend가 없거나 백엔드에 서버가 없습니다.",
    },
    advice: Text {
        en: "Add a default_backend, or correct the rule; `<NOSRV>` in the log names the frontend.",
        ko: "default_backend를 추가하거나 규칙을 고치십시오. 로그의 `<NOSRV>` 줄에 프런트엔드 이름이 있습니다.",
    },
};

pub(super) const CERTIFICATE_SHARED: ConditionSpec = ConditionSpec {
    key: "certificate_shared",
    blame: Blame::Config,
    sentence: Text {
        en: "The certificate names several hosts, so browsers send requests for one over the HTTP/2 connection of another, where no route fits.",
        ko: "인증서에 여러 호스트가 있어 브라우저가 다른 호스트의 HTTP/2 연결을 재사용하지만 그곳에는 맞는 라우트가 없습니다.",
    },
    advice: Text {
        en: "Route all hosts of the certificate on that listener, answer 421 for those that are not served there, or use a certificate of its own for each.",
        ko: "인증서의 모든 호스트를 그 리스너에서 라우팅하거나, 서비스하지 않는 호스트에는 421로 응답하거나, 호스트마다 인증서를 따로 쓰십시오.",
    },
};

pub(super) const HOST_KEPT_INTO_MESH: ConditionSpec = ConditionSpec {
    key: "host_kept_into_mesh",
    blame: Blame::Client,
    sentence: Text {
        en: "A proxy inside the application sends the Host that it was asked for, no service of the mesh has that name, and the request leaves in clear through PassthroughCluster.",
        ko: "애플리케이션의 프록시가 받은 Host를 그대로 보냅니다. 메시에 그 이름의 서비스가 없어 요청이 PassthroughCluster를 통해 평문으로 나갑니다.",
    },
    advice: Text {
        en: "Set the Host to the service's name: `req.Host = target.Host` in a Go Director, `proxy_set_header Host $proxy_host` in nginx, `header_up Host {upstream_hostport}` in Caddy.",
        ko: "Host를 서비스 이름으로 설정하십시오. Go Director에서는 `req.Host = target.Host`, nginx는 `proxy_set_header Host $proxy_host`, Caddy는 `header_up Host {upstream_hostport}`입니다.",
    },
};

pub(super) const REGISTRY_ONLY: ConditionSpec = ConditionSpec {
    key: "registry_only",
    blame: Blame::Config,
    sentence: Text {
        en: "The mesh lets requests out to registered services only (REGISTRY_ONLY), and answers all others with 502 itself.",
        ko: "메시가 등록된 서비스로만 요청을 내보내며(REGISTRY_ONLY) 나머지에는 직접 502로 응답합니다.",
    },
    advice: Text {
        en: "Register the destination with a ServiceEntry, or set outboundTrafficPolicy to ALLOW_ANY.",
        ko: "ServiceEntry로 목적지를 등록하거나 outboundTrafficPolicy를 ALLOW_ANY로 설정하십시오.",
    },
};

pub(super) const ROUTER_MISSING: ConditionSpec = ConditionSpec {
    key: "router_missing",
    blame: Blame::Config,
    sentence: Text {
        en: "The HTTP filters do not end in the router: requests are read and never answered.",
        ko: "HTTP 필터 목록이 라우터로 끝나지 않아 요청을 읽기만 하고 응답하지 않습니다.",
    },
    advice: Text {
        en: "Add envoy.filters.http.router as the last entry of http_filters.",
        ko: "http_filters의 마지막에 envoy.filters.http.router를 추가하십시오.",
    },
};

pub(super) const CORS_ORIGIN_REFUSED: ConditionSpec = ConditionSpec {
    key: "cors_origin_refused",
    blame: Blame::Config,
    sentence: Text {
        en: "The origin of the browser's page is none that the cors policy allows, so the browser keeps the answer from the page.",
        ko: "브라우저 페이지의 오리진이 cors 정책에 허용되어 있지 않아 브라우저가 응답을 페이지에 전달하지 않습니다.",
    },
    advice: Text {
        en: "Add the origin, with scheme and port, to allow_origin_string_match; cors.origin_invalid counts these requests.",
        ko: "스킴과 포트를 포함한 오리진을 allow_origin_string_match에 추가하십시오. 이런 요청은 cors.origin_invalid에 집계됩니다.",
    },
};

pub(super) const CORS_METHOD_REFUSED: ConditionSpec = ConditionSpec {
    key: "cors_method_refused",
    blame: Blame::Config,
    sentence: Text {
        en: "The method or a header that the page asks for is not in the cors policy, so the browser never sends the request.",
        ko: "페이지가 요청하는 메서드나 헤더가 cors 정책에 없어 브라우저가 요청을 보내지 않습니다.",
    },
    advice: Text {
        en: "Add it to allow_methods or allow_headers of the policy.",
        ko: "정책의 allow_methods 또는 allow_headers에 추가하십시오.",
    },
};

pub(super) const DOMAIN_IS_URL: ConditionSpec = ConditionSpec {
    key: "domain_is_url",
    blame: Blame::Config,
    sentence: Text {
        en: "A domain of the virtual host is written as a URL; the Host of a request never has a scheme or a path, so it fits none.",
        ko: "가상 호스트의 도메인이 URL로 적혀 있습니다. 요청의 Host에는 스킴이나 경로가 없으므로 절대 일치하지 않습니다.",
    },
    advice: Text {
        en: "Write the host name alone, `www.example.com`; paths belong to the routes' match.",
        ko: "`www.example.com`처럼 호스트 이름만 적으십시오. 경로는 라우트의 match에 씁니다.",
    },
};
