//! The counters that are known, and what each stands for.

use causeway_reason::{Cause, Condition, Reason};

use crate::finding::Severity;

/// A counter, and what it stands for when it grows.
pub(super) struct Rule {
    /// Whose it is.
    pub(super) of: Of,
    /// Its name behind that of its owner.
    pub(super) counter: &'static str,
    /// What makes it grow, the commonest first.
    pub(super) causes: &'static [Cause],
    pub(super) severity: Severity,
    /// Nothing else makes it grow.
    pub(super) exact: bool,
    /// Status, flags and details of the requests.
    pub(super) effect: Option<(u16, &'static str, &'static str)>,
    /// The field of `circuit_breakers` that it is about, and the gauge that is held against it.
    pub(super) threshold: Option<(&'static str, &'static str)>,
    /// What happens, in English and Korean.
    pub(super) what: (&'static str, &'static str),
}

/// Whose a counter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// `cluster.NAME.`
    Cluster,
    /// `http.STAT_PREFIX.`
    Http,
    /// `listener.ADDRESS.`
    Listener,
    /// Whatever stands in front: a prefix that the file gives.
    Anything,
}

impl Of {
    /// What it is called.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Http => "http",
            Self::Listener => "listener",
            Self::Anything => "stat_prefix",
        }
    }
}

impl Rule {
    /// Whose counter that is, where it is one of this rule.
    pub(super) fn owner<'a>(&self, name: &'a str) -> Option<&'a str> {
        let owned = name.strip_suffix(self.counter)?;
        // What is wrong with requests to the admin server is nobody's concern but of whoever sends them.
        if matches!(owned, "http.admin." | "listener.admin.") {
            return None;
        }
        match self.of {
            Of::Anything if owned.is_empty() => Some(owned),
            Of::Anything => owned.strip_suffix('.'),
            Of::Cluster | Of::Http | Of::Listener => {
                owned.strip_suffix('.')?.strip_prefix(self.of.word())?.strip_prefix('.')
            }
        }
    }

    /// Its whole name.
    pub(super) fn name(&self, owner: &str) -> String {
        match self.of {
            Of::Anything => format!("{owner}.{}", self.counter),
            Of::Cluster | Of::Http | Of::Listener => format!("{}.{owner}.{}", self.of.word(), self.counter),
        }
    }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        of: Of::Cluster,
        counter: "upstream_cx_connect_fail",
        causes: &[
            Cause::Reason(Reason::ConnectRefused),
            Cause::Reason(Reason::ConnectRejected),
            Cause::Reason(Reason::UpstreamTlsClosed),
            Cause::Condition(Condition::ListensOnLoopback),
            Cause::Condition(Condition::AddressStale),
        ],
        severity: Severity::Error,
        exact: false,
        effect: Some((503, "UF", "upstream_reset_before_response_started{remote_connection_failure}")),
        threshold: None,
        what: ("connections can't be made", "연결에 실패합니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_cx_destroy_remote_with_active_rq",
        causes: &[
            Cause::Reason(Reason::UpstreamClosed),
            Cause::Reason(Reason::KeepaliveRace),
            Cause::Reason(Reason::UpstreamSpeaksTls),
            Cause::Condition(Condition::ProxyHeaderWanted),
            Cause::Condition(Condition::MeshTlsMismatch),
        ],
        severity: Severity::Error,
        exact: false,
        effect: Some((503, "UC", "upstream_reset_before_response_started{connection_termination}")),
        threshold: None,
        what: ("the back-end closes connections under requests", "백엔드가 요청 도중 연결을 끊습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_cx_protocol_error",
        causes: &[
            Cause::Reason(Reason::UpstreamNotHttp),
            Cause::Reason(Reason::UpstreamSpeaksHttp2),
            Cause::Reason(Reason::UpstreamHeadersTooMany),
            Cause::Reason(Reason::UpstreamHeadersTooLarge),
            Cause::Reason(Reason::UpstreamFraming),
            Cause::Reason(Reason::UpstreamHeaderMalformed),
        ],
        severity: Severity::Error,
        exact: false,
        effect: Some((502, "UPE", "upstream_reset_before_response_started{protocol_error}")),
        threshold: None,
        what: ("answers are not the protocol that is expected", "응답이 기대한 프로토콜이 아닙니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_cx_none_healthy",
        causes: &[
            Cause::Reason(Reason::NoEndpoints),
            Cause::Reason(Reason::DnsNameNotFound),
            Cause::Reason(Reason::HealthCheckStatus),
            Cause::Condition(Condition::NoTrafficInterval),
            Cause::Reason(Reason::OutlierEjected),
        ],
        severity: Severity::Error,
        exact: false,
        effect: Some((503, "UH", "no_healthy_upstream")),
        threshold: None,
        what: ("requests find no healthy host", "요청을 보낼 정상 호스트가 없습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_pending_overflow",
        causes: &[Cause::Reason(Reason::CircuitBreakerPending)],
        severity: Severity::Error,
        exact: true,
        effect: Some((503, "UO", "upstream_reset_before_response_started{overflow}")),
        threshold: Some(("max_pending_requests", "upstream_rq_pending_active")),
        what: ("requests that wait for a connection are too many", "연결을 기다리는 요청이 너무 많습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_active_overflow",
        causes: &[Cause::Reason(Reason::CircuitBreakerRequests)],
        severity: Severity::Error,
        exact: true,
        effect: Some((503, "UO", "upstream_reset_before_response_started{overflow}")),
        threshold: Some(("max_requests", "upstream_rq_active")),
        what: ("requests at a time are too many", "동시 요청이 너무 많습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_cx_overflow",
        causes: &[Cause::Reason(Reason::CircuitBreakerConnections)],
        severity: Severity::Warning,
        exact: true,
        effect: None,
        threshold: Some(("max_connections", "upstream_cx_active")),
        what: ("no more connections may be made", "더 이상 연결을 만들 수 없습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_retry_overflow",
        causes: &[Cause::Condition(Condition::RetryBreaker)],
        severity: Severity::Warning,
        exact: true,
        effect: None,
        threshold: Some(("max_retries", "upstream_rq_retry")),
        what: ("retries at a time are too many", "동시 재시도가 너무 많습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_retry_limit_exceeded",
        causes: &[Cause::Condition(Condition::RetriesExhausted)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("retries are used up", "재시도를 모두 소진합니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_timeout",
        causes: &[Cause::Reason(Reason::RouteTimeout)],
        severity: Severity::Error,
        exact: true,
        effect: Some((504, "UT", "response_timeout")),
        threshold: None,
        what: ("the route's timeout passes without an answer", "라우트 timeout 안에 응답이 오지 않습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_per_try_timeout",
        causes: &[Cause::Reason(Reason::PerTryTimeout)],
        severity: Severity::Error,
        exact: true,
        effect: Some((504, "UT", "upstream_per_try_timeout")),
        threshold: None,
        what: ("per_try_timeout passes without an answer", "per_try_timeout 안에 응답이 오지 않습니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_max_duration_reached",
        causes: &[Cause::Reason(Reason::UpstreamMaxStreamDuration)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: (
            "requests reach the cluster's max_stream_duration",
            "요청이 클러스터의 max_stream_duration에 도달합니다",
        ),
    },
    Rule {
        of: Of::Cluster,
        counter: "upstream_rq_maintenance_mode",
        causes: &[Cause::Reason(Reason::DirectResponse)],
        severity: Severity::Error,
        exact: true,
        effect: Some((503, "UO", "maintenance_mode")),
        threshold: None,
        what: ("maintenance mode answers requests", "점검 모드가 응답합니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "bind_errors",
        causes: &[Cause::Reason(Reason::SourceBindFailed)],
        severity: Severity::Error,
        exact: true,
        effect: Some((503, "UF", "upstream_reset_before_response_started{local_connection_failure}")),
        threshold: None,
        what: (
            "connections can't come from where upstream_bind_config says",
            "upstream_bind_config의 주소에서 연결할 수 없습니다",
        ),
    },
    Rule {
        of: Of::Cluster,
        counter: "lb_healthy_panic",
        causes: &[Cause::Condition(Condition::PanicMode)],
        severity: Severity::Warning,
        exact: true,
        effect: None,
        threshold: None,
        what: (
            "panic mode sends requests to hosts whatever their health",
            "패닉 모드가 상태와 관계없이 호스트로 요청을 보냅니다",
        ),
    },
    Rule {
        of: Of::Cluster,
        counter: "outlier_detection.ejections_enforced_total",
        causes: &[Cause::Reason(Reason::OutlierEjected)],
        severity: Severity::Warning,
        exact: true,
        effect: None,
        threshold: None,
        what: ("hosts are ejected", "호스트가 제외됩니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "health_check.failure",
        causes: &[
            Cause::Reason(Reason::HealthCheckStatus),
            Cause::Reason(Reason::HealthCheckNotFound),
            Cause::Reason(Reason::HealthCheckRedirect),
            Cause::Reason(Reason::HealthCheckServerError),
            Cause::Reason(Reason::HealthCheckTimeout),
            Cause::Condition(Condition::HealthCheckHost),
        ],
        severity: Severity::Warning,
        exact: false,
        effect: None,
        threshold: None,
        what: ("health checks fail", "헬스 체크가 실패합니다"),
    },
    Rule {
        of: Of::Cluster,
        counter: "http2.rx_reset",
        causes: &[Cause::Reason(Reason::UpstreamStreamReset), Cause::Reason(Reason::UpstreamStreamRefused)],
        severity: Severity::Warning,
        exact: false,
        effect: Some((503, "UR", "upstream_reset_before_response_started{remote_reset}")),
        threshold: None,
        what: ("the back-end resets streams", "백엔드가 스트림을 리셋합니다"),
    },
    Rule {
        of: Of::Http,
        counter: "no_route",
        causes: &[
            Cause::Reason(Reason::NoVirtualHost),
            Cause::Reason(Reason::PortInHost),
            Cause::Reason(Reason::NoRoute),
            Cause::Reason(Reason::PreflightUnrouted),
        ],
        severity: Severity::Warning,
        exact: false,
        effect: Some((404, "NR", "route_not_found")),
        threshold: None,
        what: ("requests fit no route", "요청에 맞는 라우트가 없습니다"),
    },
    Rule {
        of: Of::Http,
        counter: "no_cluster",
        causes: &[Cause::Reason(Reason::ClusterNotFound), Cause::Reason(Reason::ClusterHeaderUnusable)],
        severity: Severity::Error,
        exact: false,
        effect: Some((503, "NC", "cluster_not_found")),
        threshold: None,
        what: ("routes lead to a cluster that does not exist", "라우트가 없는 클러스터를 가리킵니다"),
    },
    Rule {
        of: Of::Http,
        counter: "downstream_rq_ws_on_non_ws_route",
        causes: &[Cause::Reason(Reason::UpgradeNotEnabled)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((403, "", "upgrade_failed")),
        threshold: None,
        what: ("upgrades are asked for that are not enabled", "활성화되지 않은 업그레이드 요청이 옵니다"),
    },
    Rule {
        of: Of::Http,
        counter: "downstream_rq_overload_close",
        causes: &[Cause::Reason(Reason::Overloaded)],
        severity: Severity::Error,
        exact: true,
        effect: Some((503, "", "overload")),
        threshold: None,
        what: ("the overload manager refuses requests", "오버로드 매니저가 요청을 거부합니다"),
    },
    Rule {
        of: Of::Http,
        counter: "downstream_cx_protocol_error",
        causes: &[
            Cause::Reason(Reason::RequestNotHttp),
            Cause::Reason(Reason::TlsOnPlainListener),
            Cause::Reason(Reason::ProxyHeaderUnexpected),
            Cause::Reason(Reason::Http2NotEnabled),
        ],
        severity: Severity::Warning,
        exact: false,
        effect: Some((400, "DPE", "http1.codec_error")),
        threshold: None,
        what: ("clients send what is no HTTP", "클라이언트가 HTTP가 아닌 것을 보냅니다"),
    },
    Rule {
        of: Of::Http,
        counter: "downstream_rq_too_large",
        causes: &[Cause::Condition(Condition::RequestBodyTooLarge)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((413, "", "request_payload_too_large")),
        threshold: None,
        what: ("request bodies are too large", "요청 본문이 너무 큽니다"),
    },
    Rule {
        of: Of::Http,
        counter: "rbac.denied",
        causes: &[Cause::Condition(Condition::RbacDenied)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((403, "", "rbac_access_denied")),
        threshold: None,
        what: ("RBAC denies requests", "RBAC가 요청을 거부합니다"),
    },
    Rule {
        of: Of::Http,
        counter: "ext_authz.error",
        causes: &[Cause::Condition(Condition::ExtAuthzDown)],
        severity: Severity::Error,
        exact: true,
        effect: Some((403, "UAEX", "ext_authz_error")),
        threshold: None,
        what: ("the authorization service fails", "인가 서비스가 실패합니다"),
    },
    Rule {
        of: Of::Http,
        counter: "ext_authz.denied",
        causes: &[Cause::Condition(Condition::ExtAuthzDenied)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((403, "UAEX", "ext_authz_denied")),
        threshold: None,
        what: ("the authorization service denies requests", "인가 서비스가 요청을 거부합니다"),
    },
    Rule {
        of: Of::Http,
        counter: "jwt_authn.denied",
        causes: &[Cause::Condition(Condition::JwtRefused)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((401, "", "jwt_authn_access_denied")),
        threshold: None,
        what: ("tokens are refused", "토큰이 거부됩니다"),
    },
    Rule {
        of: Of::Http,
        counter: "cors.origin_invalid",
        causes: &[Cause::Condition(Condition::CorsOriginRefused)],
        severity: Severity::Warning,
        exact: true,
        effect: None,
        threshold: None,
        what: ("origins are not allowed by CORS", "CORS에서 허용하지 않은 출처입니다"),
    },
    Rule {
        of: Of::Anything,
        counter: "http_local_rate_limit.rate_limited",
        causes: &[Cause::Condition(Condition::RateLimited)],
        severity: Severity::Warning,
        exact: true,
        effect: Some((429, "RL", "local_rate_limited")),
        threshold: None,
        what: ("requests are over the rate limit", "요청이 속도 제한을 넘습니다"),
    },
    Rule {
        of: Of::Anything,
        counter: "ratelimit.error",
        causes: &[Cause::Condition(Condition::RateLimitServiceDown)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("the rate limit service fails", "속도 제한 서비스가 실패합니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "no_filter_chain_match",
        causes: &[Cause::Reason(Reason::NoFilterChain)],
        severity: Severity::Error,
        exact: true,
        effect: Some((0, "NR", "filter_chain_not_found")),
        threshold: None,
        what: ("connections fit no filter chain", "연결에 맞는 필터 체인이 없습니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "downstream_global_cx_overflow",
        causes: &[Cause::Condition(Condition::GlobalConnectionLimit)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("connections are over the limit of the process", "프로세스의 연결 한도를 넘습니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "downstream_cx_overflow",
        causes: &[Cause::Reason(Reason::ConnectionLimit)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("connections are over the listener's limit", "리스너의 연결 한도를 넘습니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "ssl.fail_verify_no_cert",
        causes: &[Cause::Reason(Reason::TlsClientCertificateMissing)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("clients come without a certificate", "클라이언트가 인증서 없이 접속합니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "ssl.fail_verify_error",
        causes: &[Cause::Reason(Reason::TlsClientCertificateRefused)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("certificates of clients are not accepted", "클라이언트 인증서를 받아들일 수 없습니다"),
    },
    Rule {
        of: Of::Listener,
        counter: "ssl.connection_error",
        causes: &[
            Cause::Reason(Reason::TlsNotSpoken),
            Cause::Reason(Reason::TlsRefusedByClient),
            Cause::Reason(Reason::TlsVersionUnsupported),
            Cause::Reason(Reason::TlsNoSharedCipher),
        ],
        severity: Severity::Warning,
        exact: false,
        effect: None,
        threshold: None,
        what: ("handshakes with clients fail", "클라이언트와의 핸드셰이크가 실패합니다"),
    },
    Rule {
        of: Of::Anything,
        counter: "proxy_proto.not_found_disallowed",
        causes: &[Cause::Reason(Reason::ProxyHeaderMissing)],
        severity: Severity::Error,
        exact: true,
        effect: None,
        threshold: None,
        what: ("connections come without a PROXY header", "PROXY 헤더 없이 연결이 옵니다"),
    },
];
