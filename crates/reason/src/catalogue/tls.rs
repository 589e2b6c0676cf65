//! TLS with clients: handshakes that do not come to an end. Nothing is answered, as there is nothing to answer to.

use crate::{Answer, Blame, Body, Details, Retry, Spec, Text};

/// The connection is closed. Envoy has no details for it; the words of BoringSSL stand in
/// `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`.
const fn closed(key: &'static str, blame: Blame, sentence: Text, advice: Text) -> Spec {
    Spec {
        key,
        answer: Answer {
            status: 0,
            body: Body::Empty,
            flag: None,
            details: Details::Text(""),
            close: true,
            overloaded: false,
        },
        grpc: 14,
        blame,
        retry: Retry::Never,
        sentence,
        advice,
    }
}

pub(super) const TLS_NOT_SPOKEN: Spec = closed(
    "tls_not_spoken",
    Blame::Client,
    Text {
        en: "The client spoke without TLS to a listener that expects TLS.",
        ko: "TLS를 기다리는 리스너에 클라이언트가 TLS 없이 접속했습니다.",
    },
    Text {
        en: "The evidence shows the first bytes. A request of HTTP means http:// in place of https://, or a load balancer in front that has taken TLS off; PROXY means that the listener needs the listener filter proxy_protocol.",
        ko: "증거에 첫 바이트가 있습니다. HTTP 요청이면 https:// 대신 http://로 접속했거나 앞단 로드밸런서가 TLS를 벗긴 것입니다. PROXY로 시작하면 리스너에 proxy_protocol 리스너 필터가 필요합니다.",
    },
);

pub(super) const TLS_VERSION_UNSUPPORTED: Spec = closed(
    "tls_version_unsupported",
    Blame::Client,
    Text {
        en: "The client speaks no version of TLS that the listener allows.",
        ko: "클라이언트가 리스너가 허용하는 TLS 버전을 지원하지 않습니다.",
    },
    Text {
        en: "TLS 1.0 and 1.1 are not spoken by anyone who is up to date: update the client, or lower tls_minimum_protocol_version to TLSv1_2 where it is higher.",
        ko: "TLS 1.0과 1.1은 더 이상 안전하지 않으므로 클라이언트를 업데이트하십시오. tls_minimum_protocol_version이 TLSv1_2보다 높으면 낮추십시오.",
    },
);

pub(super) const TLS_NO_SHARED_CIPHER: Spec = closed(
    "tls_no_shared_cipher",
    Blame::Config,
    Text {
        en: "The client and the listener have no cipher suite, group or kind of certificate in common.",
        ko: "클라이언트와 리스너에 공통된 암호 스위트, 그룹 또는 인증서 종류가 없습니다.",
    },
    Text {
        en: "Look at cipher_suites and ecdh_curves in tls_params; old clients that know RSA only need a second certificate with an RSA key.",
        ko: "tls_params의 cipher_suites와 ecdh_curves를 확인하십시오. RSA만 아는 오래된 클라이언트에는 RSA 키를 가진 두 번째 인증서가 필요합니다.",
    },
);

pub(super) const TLS_OCSP_RESPONSE_MISSING: Spec = closed(
    "tls_ocsp_response_missing",
    Blame::Config,
    Text {
        en: "The client asked for an OCSP response, the certificate may not be shown without one, and the one that there is holds no more.",
        ko: "클라이언트가 OCSP 응답을 요청했고 인증서는 응답 없이 제시할 수 없는데, 가지고 있는 응답은 유효 기간이 지났습니다.",
    },
    Text {
        en: "Renew the file of ocsp_staple, which is read again when it changes: `openssl ocsp -issuer CA -cert CERT -url URL -respout FILE`. With ocsp_staple_policy: LENIENT_STAPLING certificates that do not demand a response themselves are shown without.",
        ko: "ocsp_staple 파일을 갱신하십시오. 파일이 바뀌면 다시 읽습니다: `openssl ocsp -issuer CA -cert CERT -url URL -respout FILE`. ocsp_staple_policy: LENIENT_STAPLING이면 스스로 응답을 요구하지 않는 인증서는 응답 없이 제시됩니다.",
    },
);

pub(super) const TLS_CLIENT_CERTIFICATE_MISSING: Spec = closed(
    "tls_client_certificate_missing",
    Blame::Client,
    Text {
        en: "The listener demands a certificate of its clients, and the client has shown none.",
        ko: "리스너가 클라이언트 인증서를 요구하지만 클라이언트가 제시하지 않았습니다.",
    },
    Text {
        en: "Give the client a certificate that is signed by trusted_ca, or set require_client_certificate: false. Names and hashes of the validation context (match_typed_subject_alt_names, verify_certificate_hash, verify_certificate_spki) demand one by themselves, as in Envoy.",
        ko: "클라이언트에 trusted_ca가 서명한 인증서를 설정하거나 require_client_certificate를 false로 하십시오. 검증 컨텍스트의 이름과 해시(match_typed_subject_alt_names, verify_certificate_hash, verify_certificate_spki)는 Envoy에서처럼 그 자체로 인증서를 요구합니다.",
    },
);

pub(super) const TLS_CLIENT_CERTIFICATE_REFUSED: Spec = closed(
    "tls_client_certificate_refused",
    Blame::Client,
    Text {
        en: "The client's certificate is not accepted by the validation context.",
        ko: "클라이언트 인증서가 validation_context의 검증을 통과하지 못했습니다.",
    },
    Text {
        en: "The evidence says why: not signed by trusted_ca, out of date, revoked, or without a name or hash that is asked for.",
        ko: "증거에 이유가 있습니다. trusted_ca의 서명이 아니거나, 기간이 지났거나, 폐기되었거나, 요구하는 이름이나 해시가 없습니다.",
    },
);

pub(super) const TLS_REFUSED_BY_CLIENT: Spec = closed(
    "tls_refused_by_client",
    Blame::Config,
    Text {
        en: "The client has ended the handshake with an alert: it does not accept what it was shown.",
        ko: "클라이언트가 경고(alert)를 보내고 핸드셰이크를 끝냈습니다. 제시된 인증서나 설정을 받아들이지 않았습니다.",
    },
    Text {
        en: "The alert is in the evidence. unknown_ca and bad_certificate mean that certificate_chain lacks an intermediate certificate, or that the client does not trust who signed it; certificate_expired, that it has to be renewed.",
        ko: "증거에 경고가 있습니다. unknown_ca나 bad_certificate이면 certificate_chain에 중간 인증서가 없거나 클라이언트가 서명자를 신뢰하지 않는 것이고, certificate_expired이면 인증서를 갱신해야 합니다.",
    },
);

pub(super) const TLS_HANDSHAKE_CLOSED: Spec = closed(
    "tls_handshake_closed",
    Blame::Client,
    Text {
        en: "The client closed the connection in the middle of the handshake.",
        ko: "클라이언트가 핸드셰이크 도중에 연결을 닫았습니다.",
    },
    Text {
        en: "Many of them from one address are a health check of a load balancer in front, which only connects, or a scanner. Clients that do not trust a certificate may close without saying so.",
        ko: "한 주소에서 많이 온다면 연결만 해 보는 앞단 로드밸런서의 상태 확인이거나 스캐너입니다. 인증서를 신뢰하지 않는 클라이언트가 말없이 닫기도 합니다.",
    },
);

pub(super) const TLS_HANDSHAKE_TIMEOUT: Spec = closed(
    "tls_handshake_timeout",
    Blame::Client,
    Text {
        en: "The handshake was not complete when transport_socket_connect_timeout had passed.",
        ko: "transport_socket_connect_timeout 안에 핸드셰이크가 끝나지 않았습니다.",
    },
    Text {
        en: "The evidence says how much had come. Clients that only connect send nothing; for slow networks raise transport_socket_connect_timeout of the filter chain (10 s unless set).",
        ko: "증거에 도착한 바이트 수가 있습니다. 연결만 하는 클라이언트는 아무것도 보내지 않습니다. 느린 네트워크라면 필터 체인의 transport_socket_connect_timeout(기본 10초)을 늘리십시오.",
    },
);

pub(super) const TLS_HANDSHAKE_FAILED: Spec = closed(
    "tls_handshake_failed",
    Blame::Client,
    Text {
        en: "The client broke the rules of TLS in the handshake.",
        ko: "클라이언트가 핸드셰이크에서 TLS 규칙을 어겼습니다.",
    },
    Text {
        en: "The evidence says which. It is a broken client, something in between that changes bytes, or a scanner.",
        ko: "증거에 어떤 규칙인지 있습니다. 클라이언트의 결함이거나 중간에서 바이트를 바꾸는 장비, 또는 스캐너입니다.",
    },
);

pub(super) const TLS_SECRET_MISSING: Spec = closed(
    "tls_secret_missing",
    Blame::Config,
    Text {
        en: "A certificate or validation context that comes from a file of secrets is not there yet.",
        ko: "시크릿 파일에서 가져오는 인증서나 validation_context가 아직 없습니다.",
    },
    Text {
        en: "Look at the file named by sds_config: connections are refused until it has the secret.",
        ko: "sds_config가 가리키는 파일을 확인하십시오. 시크릿이 생길 때까지 연결이 거부됩니다.",
    },
);
