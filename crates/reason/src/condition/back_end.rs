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
