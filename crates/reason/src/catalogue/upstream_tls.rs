//! TLS towards back-ends: handshakes that came to nothing.

use super::grpc;
use crate::{Answer, Blame, Flag, ResetReason, Retry, Spec, Text};

const fn refused(key: &'static str, reset: ResetReason, blame: Blame, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer::reset(503, Flag::UpstreamConnectionFailure, reset),
        grpc: grpc(503),
        blame,
        retry: Retry::Safe,
        sentence,
        advice,
    }
}

pub(super) const UPSTREAM_TLS_EXPIRED: Spec = refused(
    "upstream_tls_expired",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The time of the back-end's certificate is over, or that of one it was issued by.",
        ko: "백엔드의 인증서나 그 발급자의 인증서가 만료되었습니다.",
    },
    Text {
        en: "Renew it on the back-end; the evidence has its dates. If it was renewed, restart the back-end, and compare the clocks (`date -u`).",
        ko: "백엔드에서 인증서를 갱신하십시오. 근거에 유효 기간이 있습니다. 이미 갱신했다면 백엔드를 다시 시작하고 시계를 비교하십시오(`date -u`).",
    },
);

pub(super) const UPSTREAM_TLS_NOT_YET_VALID: Spec = refused(
    "upstream_tls_not_yet_valid",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The time of the back-end's certificate has not come yet.",
        ko: "백엔드의 인증서가 아직 유효하지 않습니다.",
    },
    Text {
        en: "Compare the clocks of both hosts (`date -u`) with the dates in the evidence.",
        ko: "두 호스트의 시계(`date -u`)를 근거에 있는 날짜와 비교하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_UNKNOWN_ISSUER: Spec = refused(
    "upstream_tls_unknown_issuer",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "Nobody in trusted_ca has issued the back-end's certificate.",
        ko: "trusted_ca에 있는 어떤 기관도 백엔드의 인증서를 발급하지 않았습니다.",
    },
    Text {
        en: "Put the issuer that the evidence names into trusted_ca; if it is an intermediate one, the back-end has to send it with its certificate.",
        ko: "근거에 있는 발급자를 trusted_ca에 넣으십시오. 중간 인증 기관이라면 백엔드가 인증서와 함께 보내야 합니다.",
    },
);

pub(super) const UPSTREAM_TLS_SELF_SIGNED: Spec = refused(
    "upstream_tls_self_signed",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end's certificate is signed by itself, or by an authority that is not in trusted_ca.",
        ko: "백엔드의 인증서가 자체 서명되었거나 trusted_ca에 없는 기관이 서명했습니다.",
    },
    Text {
        en: "Put that very certificate into trusted_ca, or give the back-end one that a trusted authority has issued.",
        ko: "그 인증서를 trusted_ca에 넣거나 백엔드에 신뢰하는 기관이 발급한 인증서를 설치하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_REVOKED: Spec = refused(
    "upstream_tls_revoked",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end's certificate has been revoked.", ko: "백엔드의 인증서가 폐기되었습니다."
    },
    Text {
        en: "Give the back-end a new certificate; `crl` lists this one.",
        ko: "백엔드에 새 인증서를 설치하십시오. `crl`에 이 인증서가 있습니다.",
    },
);

pub(super) const UPSTREAM_TLS_REVOCATION_UNKNOWN: Spec = refused(
    "upstream_tls_revocation_unknown",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "Whether the back-end's certificate is revoked can't be told: `crl` has no current list of its issuer.",
        ko: "백엔드 인증서의 폐기 여부를 알 수 없습니다. `crl`에 그 발급자의 최신 목록이 없습니다.",
    },
    Text {
        en: "Add a current list for each issuer on the way, or set only_verify_leaf_cert_crl.",
        ko: "경로에 있는 발급자마다 최신 목록을 추가하거나 only_verify_leaf_cert_crl을 설정하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_PURPOSE: Spec = refused(
    "upstream_tls_purpose",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end's certificate is not made for servers.",
        ko: "백엔드의 인증서는 서버용이 아닙니다.",
    },
    Text {
        en: "Issue it with `extendedKeyUsage = serverAuth` and `keyUsage = digitalSignature`.",
        ko: "`extendedKeyUsage = serverAuth`와 `keyUsage = digitalSignature`로 발급하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_NAME_MISMATCH: Spec = refused(
    "upstream_tls_name_mismatch",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end's certificate bears none of the names that are expected.",
        ko: "백엔드의 인증서에 기대하는 이름이 없습니다.",
    },
    Text {
        en: "Compare the names in the evidence with match_typed_subject_alt_names, sni or the host of the request.",
        ko: "근거에 있는 이름을 match_typed_subject_alt_names, sni, 요청의 호스트와 비교하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_PIN_MISMATCH: Spec = refused(
    "upstream_tls_pin_mismatch",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end's certificate is none of those in verify_certificate_hash and verify_certificate_spki.",
        ko: "백엔드의 인증서가 verify_certificate_hash와 verify_certificate_spki에 없습니다.",
    },
    Text {
        en: "If the back-end has a new certificate, add its hash, which the evidence has.",
        ko: "백엔드의 인증서가 바뀌었다면 근거에 있는 해시를 추가하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_BAD_CERTIFICATE: Spec = refused(
    "upstream_tls_bad_certificate",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end's certificates don't belong together, or can't be read.",
        ko: "백엔드의 인증서들이 서로 맞지 않거나 읽을 수 없습니다.",
    },
    Text {
        en: "Look at them with `openssl s_client -connect HOST:PORT -showcerts`.",
        ko: "`openssl s_client -connect HOST:PORT -showcerts`로 확인하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_CLIENT_CERTIFICATE_MISSING: Spec = refused(
    "upstream_tls_no_client_certificate",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end demands a client certificate, and none is configured.",
        ko: "백엔드가 클라이언트 인증서를 요구하지만 설정되어 있지 않습니다.",
    },
    Text {
        en: "Set tls_certificates in the cluster's UpstreamTlsContext to one that the back-end trusts.",
        ko: "클러스터의 UpstreamTlsContext에 백엔드가 신뢰하는 tls_certificates를 설정하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_CLIENT_CERTIFICATE_REFUSED: Spec = refused(
    "upstream_tls_client_certificate_refused",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end does not take our client certificate.",
        ko: "백엔드가 클라이언트 인증서를 거부했습니다.",
    },
    Text {
        en: "The alert in the evidence says why: expired, revoked, or issued by somebody whom the back-end does not trust.",
        ko: "근거에 있는 알림이 이유입니다. 만료되었거나 폐기되었거나 백엔드가 신뢰하지 않는 기관이 발급했습니다.",
    },
);

pub(super) const UPSTREAM_TLS_VERSION: Spec = refused(
    "upstream_tls_version",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end and the proxy have no version of TLS in common.",
        ko: "백엔드와 프록시가 함께 쓸 수 있는 TLS 버전이 없습니다.",
    },
    Text {
        en: "Towards back-ends the most is TLS 1.2 unless tls_maximum_protocol_version says TLSv1_3.",
        ko: "tls_maximum_protocol_version이 TLSv1_3이 아니면 백엔드와는 TLS 1.2까지만 사용합니다.",
    },
);

pub(super) const UPSTREAM_TLS_NO_COMMON_PARAMETERS: Spec = refused(
    "upstream_tls_no_common_parameters",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end finds nothing to agree on: no cipher suite, group or signature in common.",
        ko: "백엔드와 함께 쓸 수 있는 암호 스위트, 그룹, 서명 방식이 없습니다.",
    },
    Text {
        en: "Compare tls_params with what the back-end offers: `openssl s_client -connect HOST:PORT`.",
        ko: "tls_params를 백엔드가 제공하는 것과 비교하십시오: `openssl s_client -connect HOST:PORT`.",
    },
);

pub(super) const UPSTREAM_TLS_SERVER_NAME: Spec = refused(
    "upstream_tls_server_name",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end does not know the name of the server that was asked for, or got none.",
        ko: "백엔드가 요청된 서버 이름을 모르거나 이름을 받지 못했습니다.",
    },
    Text {
        en: "Set sni to a name the back-end serves, or auto_host_sni, or auto_sni to take the request's host.",
        ko: "백엔드가 제공하는 이름으로 sni를 설정하거나 auto_host_sni 또는 요청의 호스트를 쓰는 auto_sni를 설정하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_ALPN: Spec = refused(
    "upstream_tls_alpn",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end speaks none of the protocols that were offered by ALPN.",
        ko: "백엔드가 ALPN으로 제안된 프로토콜을 사용하지 않습니다.",
    },
    Text {
        en: "Set alpn_protocols or the HTTP version of the cluster to what the back-end speaks.",
        ko: "alpn_protocols나 클러스터의 HTTP 버전을 백엔드에 맞게 설정하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_ALERT: Spec = refused(
    "upstream_tls_alert",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end ended the TLS handshake with an alert.",
        ko: "백엔드가 경고를 보내고 TLS 핸드셰이크를 끝냈습니다.",
    },
    Text {
        en: "The evidence has the alert; the back-end's log says more.",
        ko: "근거에 경고가 있습니다. 자세한 내용은 백엔드의 로그를 보십시오.",
    },
);

pub(super) const UPSTREAM_TLS_PLAIN: Spec = refused(
    "upstream_tls_plain",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The back-end answered the TLS handshake in plain text: it does not speak TLS on this port.",
        ko: "백엔드가 TLS 핸드셰이크에 평문으로 응답했습니다. 이 포트에서는 TLS를 사용하지 않습니다.",
    },
    Text {
        en: "Remove transport_socket from the cluster, or use the port of the back-end that speaks TLS.",
        ko: "클러스터에서 transport_socket을 제거하거나 백엔드의 TLS 포트를 사용하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_BROKEN: Spec = refused(
    "upstream_tls_broken",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "What the back-end said in the TLS handshake breaks the protocol.",
        ko: "백엔드가 TLS 핸드셰이크에서 프로토콜을 어겼습니다.",
    },
    Text {
        en: "The evidence says how; try `openssl s_client -connect HOST:PORT` from this host.",
        ko: "근거에 이유가 있습니다. 이 호스트에서 `openssl s_client -connect HOST:PORT`를 실행하십시오.",
    },
);

pub(super) const UPSTREAM_TLS_CLOSED: Spec = refused(
    "upstream_tls_closed",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The back-end closed the connection in the TLS handshake without saying why.",
        ko: "백엔드가 이유를 알리지 않고 TLS 핸드셰이크 중에 연결을 닫았습니다.",
    },
    Text {
        en: "It may demand a client certificate, another version or a server name, or expect a PROXY header: see its log.",
        ko: "클라이언트 인증서, 다른 버전, 서버 이름 또는 PROXY 헤더를 요구할 수 있습니다. 백엔드의 로그를 보십시오.",
    },
);

pub(super) const UPSTREAM_TLS_RESET: Spec = refused(
    "upstream_tls_reset",
    ResetReason::RemoteConnectionFailure,
    Blame::Upstream,
    Text {
        en: "The connection was reset in the TLS handshake.",
        ko: "TLS 핸드셰이크 중에 연결이 재설정되었습니다.",
    },
    Text {
        en: "Often no filter chain or virtual server is there for the server name that was asked for, or the port is for something else.",
        ko: "요청된 서버 이름에 맞는 필터 체인이나 가상 서버가 없거나 다른 용도의 포트인 경우가 많습니다.",
    },
);

pub(super) const UPSTREAM_TLS_TIMEOUT: Spec = refused(
    "upstream_tls_timeout",
    ResetReason::ConnectionTimeout,
    Blame::Upstream,
    Text {
        en: "The back-end took the connection, but did not finish the TLS handshake within connect_timeout.",
        ko: "백엔드가 연결을 받았지만 connect_timeout 안에 TLS 핸드셰이크를 끝내지 않았습니다.",
    },
    Text {
        en: "Programs that speak plain text wait for more after a ClientHello: check the port; otherwise the back-end is overloaded.",
        ko: "평문을 사용하는 프로그램은 ClientHello 뒤에 계속 기다립니다. 포트를 확인하십시오. 그렇지 않으면 백엔드에 부하가 많습니다.",
    },
);

pub(super) const UPSTREAM_TLS_NOT_READY: Spec = refused(
    "upstream_tls_not_ready",
    ResetReason::RemoteConnectionFailure,
    Blame::Config,
    Text {
        en: "The cluster's TLS can't be used: a secret is missing, or nothing is left of what is configured.",
        ko: "클러스터의 TLS를 사용할 수 없습니다. 비밀 값이 없거나 설정에서 사용할 수 있는 것이 없습니다.",
    },
    Text {
        en: "The evidence says what is missing; the file of secrets is read again when it changes.",
        ko: "근거에 무엇이 없는지 있습니다. 비밀 파일은 바뀌면 다시 읽습니다.",
    },
);
