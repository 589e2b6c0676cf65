//! What stands around the facts, in both languages.
//!
//! Conditions and names are those of the configuration, and are the same in both.

use std::fmt::Display;

use causeway_reason::Language;

/// Labels and sentences.
pub(super) struct Words {
    pub(super) listener: &'static str,
    pub(super) chain: &'static str,
    pub(super) host: &'static str,
    pub(super) route: &'static str,
    pub(super) on: &'static str,
    pub(super) domain: (&'static str, &'static str),
    pub(super) only_one: (&'static str, &'static str),
    pub(super) not: &'static str,
    pub(super) filters: &'static str,
    pub(super) cluster: &'static str,
    pub(super) timeout: &'static str,
    pub(super) retry: &'static str,
    pub(super) copies: &'static str,
    pub(super) answer: &'static str,
    pub(super) why: &'static str,
    pub(super) note: &'static str,
    pub(super) request: &'static str,
    pub(super) sent: &'static str,
    pub(super) answered: &'static str,
    pub(super) nobody: &'static str,
    pub(super) no_chain: &'static str,
    pub(super) only_tls: &'static str,
    pub(super) no_tls: &'static str,
    pub(super) no_filter: &'static str,
    pub(super) passed_on: &'static str,
    pub(super) echo: &'static str,
    pub(super) told: &'static str,
    pub(super) unnamed: &'static str,
    pub(super) default_chain: &'static str,
    pub(super) never: &'static str,
    pub(super) default: &'static str,
    pub(super) asked_for: &'static str,
    pub(super) no_retry: &'static str,
    pub(super) by_filter: &'static str,
    pub(super) by_manager: &'static str,
    pub(super) by_host: &'static str,
    pub(super) by_redirect: &'static str,
    pub(super) by_direct: &'static str,
    pub(super) by_router: &'static str,
    pub(super) of_requests: &'static str,
    pub(super) certificate: &'static str,
    pub(super) gates: &'static str,
    pub(super) health: &'static str,
    pub(super) high: &'static str,
    pub(super) idle: &'static str,
    pub(super) per_try: &'static str,
    pub(super) per_try_idle: &'static str,
    pub(super) hedged: &'static str,
    pub(super) more: (&'static str, &'static str),
    /// Behind a part of a whole.
    pub(super) part: (&'static str, &'static str),
}

impl Words {
    /// Why the listener is one with another port.
    pub(super) fn only_one(&self, port: u16) -> String {
        let (before, behind) = self.only_one;
        format!("{before}{port}{behind}")
    }

    /// So many more, which are not shown.
    pub(super) fn more(&self, count: usize) -> String {
        let (before, behind) = self.more;
        format!("… {before}{count}{behind}")
    }

    /// So many of so many.
    pub(super) fn part(&self, part: impl Display, whole: impl Display) -> String {
        match self.part {
            ("", between) => format!(", {part}{between}{whole}"),
            (between, behind) => format!(", {whole}{between}{part}{behind}"),
        }
    }

    pub(super) const fn of(language: Language) -> Self {
        match language {
            Language::English => Self {
                listener: "listener",
                chain: "filter chain",
                host: "virtual host",
                route: "route",
                on: "on",
                domain: (", which has ", ""),
                only_one: ("no listener has port ", ", and this is the only one for such requests"),
                not: "not",
                filters: "filters",
                cluster: "cluster",
                timeout: "timeout",
                retry: "retry",
                copies: "copy to",
                answer: "answer",
                why: "why",
                note: "note",
                request: "as routed",
                sent: "A back-end is sent:",
                answered: "The client is answered:",
                nobody: "none",
                no_chain: "none: the connection is closed",
                only_tls: "the filter chain speaks TLS, and the client does not: there is no handshake, and no answer",
                no_tls: "the client speaks TLS, and the filter chain does not: what it says is no HTTP",
                no_filter: "the filter chain has no network filter: the connection is closed",
                passed_on: "the connection is passed on as it is (tcp_proxy), whatever is asked for on it",
                echo: "the connection gets back what it sends (echo)",
                told: "the connection is told one thing and closed (direct_response)",
                unnamed: "without a name",
                default_chain: "default_filter_chain",
                never: "never",
                default: ", the default",
                asked_for: ", as the request asks for",
                no_retry: "none",
                by_filter: "by the HTTP filter",
                by_manager: "by the connection manager",
                by_host: "by the virtual host (require_tls)",
                by_redirect: "by the route (redirect)",
                by_direct: "by the route (direct_response)",
                by_router: "by the router",
                of_requests: "of requests",
                certificate: "the client has to show a certificate (require_client_certificate, or names or hashes of the validation context)",
                gates: "network filters in front may close the connection",
                health: "what the filter answers depends on the health of clusters, which is not known here",
                high: ", priority HIGH",
                idle: ", idle ",
                per_try: ", per try ",
                per_try_idle: ", per try idle ",
                hedged: ", hedged",
                more: ("", " more"),
                part: ("", " of "),
            },
            Language::Korean => Self {
                listener: "리스너",
                chain: "필터 체인",
                host: "가상 호스트",
                route: "라우트",
                on: "@",
                domain: (", 도메인 ", ""),
                only_one: ("포트 ", "의 리스너가 없고, 이런 요청을 받을 수 있는 리스너는 이것뿐입니다"),
                not: "제외",
                filters: "필터",
                cluster: "클러스터",
                timeout: "타임아웃",
                retry: "재시도",
                copies: "복사 대상",
                answer: "응답",
                why: "이유",
                note: "참고",
                request: "라우팅 대상",
                sent: "백엔드가 받는 요청:",
                answered: "클라이언트가 받는 응답:",
                nobody: "없음",
                no_chain: "없음: 연결을 닫습니다",
                only_tls: "필터 체인은 TLS를 쓰는데 클라이언트는 쓰지 않습니다. 핸드셰이크도 응답도 없습니다",
                no_tls: "클라이언트는 TLS를 쓰는데 필터 체인은 쓰지 않습니다. 받은 내용은 HTTP가 아닙니다",
                no_filter: "필터 체인에 네트워크 필터가 없어 연결을 닫습니다",
                passed_on: "연결을 그대로 전달합니다(tcp_proxy). 요청 내용은 보지 않습니다",
                echo: "보낸 내용을 그대로 돌려줍니다(echo)",
                told: "정해진 내용을 보내고 연결을 닫습니다(direct_response)",
                unnamed: "이름 없음",
                default_chain: "default_filter_chain",
                never: "없음",
                default: "(기본값)",
                asked_for: "(요청이 지정)",
                no_retry: "없음",
                by_filter: "HTTP 필터가 응답:",
                by_manager: "연결 관리자가 응답",
                by_host: "가상 호스트가 응답(require_tls)",
                by_redirect: "라우트가 응답(redirect)",
                by_direct: "라우트가 응답(direct_response)",
                by_router: "라우터가 응답",
                of_requests: "의 요청",
                certificate: "클라이언트가 인증서를 제시해야 합니다(require_client_certificate 또는 검증 컨텍스트의 이름이나 해시)",
                gates: "앞에 있는 네트워크 필터가 연결을 닫을 수 있습니다",
                health: "이 필터의 응답은 클러스터 상태에 달려 있으며 여기서는 알 수 없습니다",
                high: ", 우선순위 HIGH",
                idle: ", 유휴 ",
                per_try: ", 시도마다 ",
                per_try_idle: ", 시도마다 유휴 ",
                hedged: ", 헤징",
                more: ("그 밖에 ", "개"),
                part: (" 중 ", ""),
            },
        }
    }
}
