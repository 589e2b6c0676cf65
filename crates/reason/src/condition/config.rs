//! What stands in a file, is accepted, and does not do what was meant.

use super::ConditionSpec;
use crate::{Blame, Text};

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
