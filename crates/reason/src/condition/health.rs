//! Health checks, panic mode and ejection: what takes hosts out, or leaves them in.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const HEALTH_CHECK_HOST: ConditionSpec = ConditionSpec {
    key: "health_check_host",
    blame: Blame::Config,
    sentence: Text {
        en: "The back-end refuses the health check because of its Host, which is the cluster's name unless set, and answers other names.",
        ko: "백엔드가 헬스 체크의 Host 때문에 거부합니다. 설정하지 않으면 클러스터 이름이 Host로 전송됩니다. 다른 이름에는 응답합니다.",
    },
    advice: Text {
        en: "Set http_health_check.host to a name that the back-end serves; in HAProxy `http-check send ... hdr Host NAME`.",
        ko: "http_health_check.host를 백엔드가 서비스하는 이름으로 설정하십시오. HAProxy는 `http-check send ... hdr Host NAME`입니다.",
    },
};

pub(super) const PANIC_MODE: ConditionSpec = ConditionSpec {
    key: "panic_mode",
    blame: Blame::Upstream,
    sentence: Text {
        en: "Fewer hosts are healthy than healthy_panic_threshold (50 % unless set), so requests go to unhealthy hosts too.",
        ko: "정상 호스트 비율이 healthy_panic_threshold(기본 50%)보다 낮아 비정상 호스트에도 요청을 보냅니다.",
    },
    advice: Text {
        en: "Mend the hosts; where failing at once is better than trying, set common_lb_config.healthy_panic_threshold to 0.",
        ko: "호스트를 복구하십시오. 시도하지 않고 바로 실패하는 편이 나으면 common_lb_config.healthy_panic_threshold를 0으로 설정하십시오.",
    },
};

pub(super) const TCP_CHECK_TELLS_NOTHING: ConditionSpec = ConditionSpec {
    key: "tcp_check_tells_nothing",
    blame: Blame::Config,
    sentence: Text {
        en: "The health check only connects, so hosts whose application does not answer count as healthy.",
        ko: "헬스 체크가 TCP 연결만 확인하므로 애플리케이션이 응답하지 않는 호스트도 정상으로 간주됩니다.",
    },
    advice: Text {
        en: "Use http_health_check with a path that says whether the application works.",
        ko: "애플리케이션 상태를 알려 주는 경로로 http_health_check를 사용하십시오.",
    },
};

pub(super) const IMMEDIATE_HEALTH_CHECK_FAIL: ConditionSpec = ConditionSpec {
    key: "immediate_health_check_fail",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The back-end takes itself out of service with the header x-envoy-immediate-health-check-fail.",
        ko: "백엔드가 x-envoy-immediate-health-check-fail 헤더로 스스로를 서비스에서 제외했습니다.",
    },
    advice: Text {
        en: "Ask why the back-end says so: mostly it is draining, or /healthcheck/fail was posted to the Envoy in front of it.",
        ko: "백엔드가 왜 이 헤더를 보내는지 확인하십시오. 대개 드레인 중이거나 그 앞의 Envoy에 /healthcheck/fail이 호출된 것입니다.",
    },
};

pub(super) const CHECKER_BLOCKED: ConditionSpec = ConditionSpec {
    key: "checker_blocked",
    blame: Blame::Upstream,
    sentence: Text {
        en: "The back-end refuses the health checks and answers the same question from elsewhere: a block list, a rate limit or a login.",
        ko: "백엔드가 헬스 체크는 거부하면서 다른 곳에서 보낸 같은 요청에는 응답합니다. 차단 목록, 속도 제한 또는 로그인 때문입니다.",
    },
    advice: Text {
        en: "Except the proxy's address, or the health path, from that rule in the back-end.",
        ko: "백엔드의 해당 규칙에서 프록시 주소나 헬스 체크 경로를 예외로 두십시오.",
    },
};

pub(super) const HOST_FLAPPING: ConditionSpec = ConditionSpec {
    key: "host_flapping",
    blame: Blame::Config,
    sentence: Text {
        en: "A host changes between healthy and unhealthy again and again.",
        ko: "호스트가 정상과 비정상을 반복하고 있습니다.",
    },
    advice: Text {
        en: "Raise unhealthy_threshold and healthy_threshold, or the check's timeout, if single checks are slow; otherwise see what in the back-end comes and goes.",
        ko: "체크가 가끔 느린 것이라면 unhealthy_threshold, healthy_threshold 또는 체크의 timeout을 늘리고, 아니면 백엔드에서 무엇이 반복되는지 확인하십시오.",
    },
};

pub(super) const NO_TRAFFIC_INTERVAL: ConditionSpec = ConditionSpec {
    key: "no_traffic_interval",
    blame: Blame::Config,
    sentence: Text {
        en: "A cluster that has had no requests is checked every no_traffic_interval (60 s unless set), and without panic mode it gets no requests before.",
        ko: "요청이 없던 클러스터는 no_traffic_interval(기본 60초)마다 체크되며, 패닉 모드가 없으면 그 전에는 요청을 받지 못합니다.",
    },
    advice: Text {
        en: "Set no_traffic_interval of the health check to its interval; Causeway uses the interval where it is not set, Envoy does not.",
        ko: "헬스 체크의 no_traffic_interval을 interval과 같게 설정하십시오. 설정하지 않으면 Causeway는 interval을 쓰지만 Envoy는 60초를 씁니다.",
    },
};

pub(super) const HEALTH_CHECK_METHOD: ConditionSpec = ConditionSpec {
    key: "health_check_method",
    blame: Blame::Config,
    sentence: Text {
        en: "The back-end fails the health check's method (OPTIONS or HEAD) and answers the same path to GET.",
        ko: "백엔드가 헬스 체크의 메서드(OPTIONS 또는 HEAD)에는 실패하고 같은 경로의 GET에는 정상 응답합니다.",
    },
    advice: Text {
        en: "Check with GET: http_health_check.method in Envoy, `http-check send meth GET uri PATH` in HAProxy, whose default is OPTIONS.",
        ko: "GET으로 체크하십시오. Envoy는 http_health_check.method, 기본값이 OPTIONS인 HAProxy는 `http-check send meth GET uri PATH`입니다.",
    },
};

pub(super) const TOO_FEW_HOSTS_FOR_PANIC: ConditionSpec = ConditionSpec {
    key: "too_few_hosts_for_panic",
    blame: Blame::Config,
    sentence: Text {
        en: "The cluster has so few hosts that one failing puts it into panic mode, so its health checks keep no request away.",
        ko: "클러스터의 호스트가 너무 적어 하나만 실패해도 패닉 모드가 되므로 헬스 체크가 요청을 막지 못합니다.",
    },
    advice: Text {
        en: "Set common_lb_config.healthy_panic_threshold to 0 where a failing host is meant to get nothing, or add hosts.",
        ko: "실패한 호스트에 요청을 보내지 않으려면 common_lb_config.healthy_panic_threshold를 0으로 설정하거나 호스트를 늘리십시오.",
    },
};
