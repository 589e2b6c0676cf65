//! The configuration itself, and whether it is what runs.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const RELOAD_NOT_DONE: ConditionSpec = ConditionSpec {
    key: "reload_not_done",
    blame: Blame::Operator,
    sentence: Text {
        en: "The file has changed since the proxy read it: what runs is not what stands there.",
        ko: "프록시가 읽은 뒤에 파일이 바뀌었습니다. 실행 중인 설정이 파일과 다릅니다.",
    },
    advice: Text {
        en: "Restart Envoy, or use its hot restart: it ignores SIGHUP. Causeway reloads on SIGHUP and with POST /reload.",
        ko: "Envoy는 SIGHUP을 무시하므로 재시작하거나 hot restart를 사용하십시오. Causeway는 SIGHUP과 POST /reload로 다시 읽습니다.",
    },
};

pub(super) const UPDATE_REJECTED: ConditionSpec = ConditionSpec {
    key: "update_rejected",
    blame: Blame::Config,
    sentence: Text {
        en: "The proxy refused an update of its configuration, and goes on with what it had.",
        ko: "프록시가 설정 업데이트를 거부하고 이전 설정으로 계속 동작합니다.",
    },
    advice: Text {
        en: "error_state in /config_dump holds the reason; correct what the control plane sends.",
        ko: "/config_dump의 error_state에 이유가 있습니다. 컨트롤 플레인이 보내는 설정을 고치십시오.",
    },
};

pub(super) const REMOVED_FIELD: ConditionSpec = ConditionSpec {
    key: "removed_field",
    blame: Blame::Config,
    sentence: Text {
        en: "The file uses fields of an older API of Envoy, which current versions refuse (`no such field`).",
        ko: "파일에 현재 버전의 Envoy가 거부하는 옛 API 필드가 있습니다(`no such field`).",
    },
    advice: Text {
        en: "`causeway validate` names each field with its line and its successor, such as load_assignment for hosts.",
        ko: "`causeway validate`가 필드마다 줄 번호와 대체 필드를 알려 줍니다. 예를 들어 hosts는 load_assignment입니다.",
    },
};

pub(super) const CERTIFICATE_NOT_RELOADED: ConditionSpec = ConditionSpec {
    key: "certificate_not_reloaded",
    blame: Blame::Operator,
    sentence: Text {
        en: "The certificate on disk is newer than the one that the proxy shows.",
        ko: "디스크의 인증서가 프록시가 제시하는 인증서보다 새것입니다.",
    },
    advice: Text {
        en: "Restart or reload the proxy; Envoy follows certificate files only where they come by SDS (path_config_source) with watched_directory.",
        ko: "프록시를 재시작하거나 다시 읽게 하십시오. Envoy는 watched_directory가 있는 SDS(path_config_source)일 때만 인증서 파일 변경을 따라갑니다.",
    },
};

pub(super) const CLOCK_SKEW: ConditionSpec = ConditionSpec {
    key: "clock_skew",
    blame: Blame::Host,
    sentence: Text {
        en: "This host's clock differs from that of its peers, so certificates look expired or not yet valid.",
        ko: "이 호스트의 시계가 상대방과 달라 인증서가 만료되었거나 아직 유효하지 않은 것으로 보입니다.",
    },
    advice: Text {
        en: "Set the clock and see why NTP does not (`timedatectl`, `chronyc tracking`).",
        ko: "시계를 맞추고 NTP 동기화가 왜 되지 않는지 확인하십시오(`timedatectl`, `chronyc tracking`).",
    },
};

pub(super) const CONFIG_UNUSABLE: ConditionSpec = ConditionSpec {
    key: "config_unusable",
    blame: Blame::Config,
    sentence: Text {
        en: "The configuration can't be loaded, so a proxy that is started with it ends at once.",
        ko: "설정을 읽을 수 없어 이 설정으로 시작한 프록시는 바로 종료됩니다.",
    },
    advice: Text {
        en: "`causeway validate FILE` shows each fault with its line.",
        ko: "`causeway validate FILE`로 오류와 줄 번호를 확인하십시오.",
    },
};
