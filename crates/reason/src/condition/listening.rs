//! The proxy's own ports, and who may reach them.

use super::ConditionSpec;
use crate::{Blame, Text};

pub(super) const LISTENER_NOT_OPEN: ConditionSpec = ConditionSpec {
    key: "listener_not_open",
    blame: Blame::Config,
    sentence: Text {
        en: "The listener is configured and its port is not open: it could not bind, was refused, waits for a certificate, or was drained.",
        ko: "리스너가 설정되어 있지만 포트가 열려 있지 않습니다. 바인드 실패, 거부, 인증서 대기 또는 드레인 상태입니다.",
    },
    advice: Text {
        en: "Look at /listeners and the log of the start; `ss -ltnp` shows who has the port.",
        ko: "/listeners와 시작 로그를 확인하십시오. `ss -ltnp`로 포트를 쓰는 프로세스를 알 수 있습니다.",
    },
};

pub(super) const ADMIN_MIXED_UP: ConditionSpec = ConditionSpec {
    key: "admin_mixed_up",
    blame: Blame::Config,
    sentence: Text {
        en: "Requests meant for a listener go to the admin port, or questions for the admin interface go to a listener.",
        ko: "리스너로 가야 할 요청이 admin 포트로 가거나, admin 요청이 리스너로 가고 있습니다.",
    },
    advice: Text {
        en: "Compare admin.address with the listeners' addresses, and with the port that clients or published ports use.",
        ko: "admin.address와 리스너 주소, 그리고 클라이언트나 공개된 포트를 비교하십시오.",
    },
};

pub(super) const ADMIN_OPEN_TO_ALL: ConditionSpec = ConditionSpec {
    key: "admin_open_to_all",
    blame: Blame::Config,
    sentence: Text {
        en: "The admin interface listens on all addresses, and whoever reaches it can stop the proxy and read its configuration.",
        ko: "admin 인터페이스가 모든 주소에서 리슨합니다. 접속할 수 있는 누구나 프록시를 멈추고 설정을 읽을 수 있습니다.",
    },
    advice: Text {
        en: "Bind it to 127.0.0.1, and in a container publish its port to 127.0.0.1 only.",
        ko: "127.0.0.1에 바인드하고, 컨테이너라면 포트를 127.0.0.1에만 공개하십시오.",
    },
};

pub(super) const CERTIFICATE_UNUSABLE: ConditionSpec = ConditionSpec {
    key: "certificate_unusable",
    blame: Blame::Config,
    sentence: Text {
        en: "A listener's certificate or private key can't be used: it is missing, can't be read, is expired, or one does not belong to the other.",
        ko: "리스너의 인증서나 개인 키를 사용할 수 없습니다. 없거나, 읽을 수 없거나, 만료되었거나, 서로 맞지 않습니다.",
    },
    advice: Text {
        en: "Look at the files as the proxy's user; `openssl x509 -noout -pubkey` and `openssl pkey -pubout` have to print the same key.",
        ko: "프록시 사용자 권한으로 파일을 확인하십시오. `openssl x509 -noout -pubkey`와 `openssl pkey -pubout`의 출력이 같아야 합니다.",
    },
};

pub(super) const USE_REMOTE_ADDRESS_MISSING: ConditionSpec = ConditionSpec {
    key: "use_remote_address_missing",
    blame: Blame::Config,
    sentence: Text {
        en: "The listener faces clients, and takes for their address what they write into X-Forwarded-For, since use_remote_address is not set.",
        ko: "클라이언트를 직접 받는 리스너인데 use_remote_address가 없어 클라이언트가 X-Forwarded-For에 적은 주소를 그대로 믿습니다.",
    },
    advice: Text {
        en: "Set `use_remote_address: true` in the connection manager of an edge proxy, with xff_num_trusted_hops for trusted proxies in front.",
        ko: "엣지 프록시의 연결 관리자에 `use_remote_address: true`를 설정하고, 앞에 신뢰하는 프록시가 있으면 xff_num_trusted_hops를 설정하십시오.",
    },
};
