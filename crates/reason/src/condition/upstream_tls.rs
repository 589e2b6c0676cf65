//! TLS between the proxy and a back-end.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const CLIENT_CERTIFICATE_EXPIRED: ConditionSpec = ConditionSpec {
    key: "client_certificate_expired",
    blame: Blame::Config,
    sentence: Text {
        en: "The client certificate that the cluster shows to its back-ends has expired.",
        ko: "클러스터가 백엔드에 제시하는 클라이언트 인증서가 만료되었습니다.",
    },
    advice: Text {
        en: "Renew the file named in tls_certificates of the cluster, and see why its rotation did not.",
        ko: "클러스터 tls_certificates에 지정된 파일을 갱신하고 자동 갱신이 왜 되지 않았는지 확인하십시오.",
    },
};

pub(super) const DOUBLE_TLS: ConditionSpec = ConditionSpec {
    key: "double_tls",
    blame: Blame::Config,
    sentence: Text {
        en: "What is sent to the cluster is TLS already, and the cluster puts TLS around it once more.",
        ko: "클러스터로 보내는 데이터가 이미 TLS인데 클러스터가 TLS를 한 번 더 씌웁니다.",
    },
    advice: Text {
        en: "Let one side do it: the application sends plain HTTP, or the cluster (DestinationRule in Istio) has no TLS.",
        ko: "한쪽만 TLS를 쓰게 하십시오. 애플리케이션이 평문 HTTP를 보내거나 클러스터(Istio는 DestinationRule)의 TLS를 끄십시오.",
    },
};

pub(super) const MESH_TLS_MISMATCH: ConditionSpec = ConditionSpec {
    key: "mesh_tls_mismatch",
    blame: Blame::Config,
    sentence: Text {
        en: "The mesh's two sides disagree: one demands mutual TLS and the other sends plain text, or the other way round.",
        ko: "메시의 양쪽 설정이 다릅니다. 한쪽은 상호 TLS를 요구하고 다른 쪽은 평문을 보내거나 그 반대입니다.",
    },
    advice: Text {
        en: "Compare PeerAuthentication of the receiving side with the TLS mode of the DestinationRule; `ISTIO_MUTUAL` goes with `STRICT`.",
        ko: "받는 쪽의 PeerAuthentication과 DestinationRule의 TLS mode를 비교하십시오. `STRICT`에는 `ISTIO_MUTUAL`이 맞습니다.",
    },
};

pub(super) const VERIFICATION_OFF: ConditionSpec = ConditionSpec {
    key: "verification_off",
    blame: Blame::Config,
    sentence: Text {
        en: "The cluster speaks TLS and accepts any certificate: whoever is in between can read and change everything.",
        ko: "클러스터가 TLS를 쓰지만 어떤 인증서든 받아들입니다. 중간에 있는 누구나 내용을 읽고 바꿀 수 있습니다.",
    },
    advice: Text {
        en: "Set validation_context.trusted_ca (`/etc/ssl/certs/ca-certificates.crt` for public certificates) and match_typed_subject_alt_names, or auto_sni_san_validation.",
        ko: "validation_context.trusted_ca(공인 인증서라면 `/etc/ssl/certs/ca-certificates.crt`)와 match_typed_subject_alt_names 또는 auto_sni_san_validation을 설정하십시오.",
    },
};

pub(super) const CERTIFICATE_EXPIRES_SOON: ConditionSpec = ConditionSpec {
    key: "certificate_expires_soon",
    blame: Blame::Config,
    sentence: Text {
        en: "A certificate will expire within days, and handshakes fail from that moment on.",
        ko: "인증서가 며칠 안에 만료되며 그때부터 핸드셰이크가 실패합니다.",
    },
    advice: Text {
        en: "Renew it, and see why its rotation has not done so yet.",
        ko: "인증서를 갱신하고 자동 갱신이 아직 되지 않은 이유를 확인하십시오.",
    },
};
