//! What tells causes apart that give the same line: the question that only one of them answers like that.

use crate::{Cause, Condition, Reason, Text};

impl Cause {
    /// What shows that it is this cause, and none of those that give the same line of a log; `None` where its line is
    /// its own.
    #[must_use]
    pub fn told_apart_by(self) -> Option<Text> {
        APART.iter().find(|(cause, _)| *cause == self).map(|(_, text)| *text)
    }
}

const fn reason(reason: Reason, en: &'static str, ko: &'static str) -> (Cause, Text) {
    (Cause::Reason(reason), Text { en, ko })
}

const fn condition(condition: Condition, en: &'static str, ko: &'static str) -> (Cause, Text) {
    (Cause::Condition(condition), Text { en, ko })
}

const APART: &[(Cause, Text)] = &[
    reason(
        Reason::ConnectRefused,
        "connecting by hand is refused at once, and on the back-end's host `ss -ltn` shows no line for the port",
        "직접 연결해도 즉시 거부되고, 백엔드 호스트의 `ss -ltn`에 그 포트가 없습니다",
    ),
    condition(
        Condition::ListensOnLoopback,
        "on the back-end's host `ss -ltn` shows 127.0.0.1 or ::1 in front of the port",
        "백엔드 호스트의 `ss -ltn`에서 포트 앞 주소가 127.0.0.1 또는 ::1입니다",
    ),
    reason(
        Reason::ConnectRejected,
        "the port answers on the back-end's host itself, and the counters of its firewall (`nft list ruleset`, `iptables -L -v`) move with each attempt",
        "백엔드 호스트 안에서는 포트가 응답하고, 시도할 때마다 그 방화벽의 카운터(`nft list ruleset`, `iptables -L -v`)가 올라갑니다",
    ),
    condition(
        Condition::AddressStale,
        "the name gives another address now than the one in use",
        "지금 이름을 조회하면 사용 중인 주소와 다른 주소가 나옵니다",
    ),
    reason(
        Reason::HostUnreachable,
        "it takes about 3 s (nobody answers ARP: `ip neigh` says FAILED); at once, it is a firewall or a route",
        "3초쯤 걸리면 ARP 응답이 없는 것이고(`ip neigh`가 FAILED), 즉시 실패하면 방화벽이나 라우팅입니다",
    ),
    reason(
        Reason::NetworkUnreachable,
        "`ip route get ADDRESS` on the proxy's host says that there is no route",
        "프록시 호스트의 `ip route get 주소`가 경로가 없다고 합니다",
    ),
    reason(
        Reason::ConnectTimeout,
        "connecting by hand gets no answer either, while another port of the same host answers",
        "직접 연결해도 응답이 없고, 같은 호스트의 다른 포트는 응답합니다",
    ),
    condition(
        Condition::AcceptQueueFull,
        "on the back-end's host `ss -ltn` shows Recv-Q above Send-Q for the port, and `nstat TcpExtListenOverflows` grows",
        "백엔드 호스트의 `ss -ltn`에서 Recv-Q가 Send-Q보다 크고 `nstat TcpExtListenOverflows`가 늘어납니다",
    ),
    condition(
        Condition::ConnectTimeoutTooShort,
        "connecting by hand works, and takes longer than connect_timeout",
        "직접 연결하면 되지만 connect_timeout보다 오래 걸립니다",
    ),
    reason(
        Reason::UpstreamTlsTimeout,
        "TCP connects; a ClientHello gets no answer (`openssl s_client`)",
        "TCP는 연결되지만 ClientHello에 응답이 없습니다(`openssl s_client`)",
    ),
    reason(
        Reason::UpstreamClosed,
        "none of the others fits: always the same method or path, and the back-end's log says why",
        "다른 원인이 모두 아니고, 항상 같은 메서드나 경로에서 일어나며 백엔드 로그에 이유가 있습니다",
    ),
    reason(
        Reason::UpstreamReset,
        "as P412, but the capture shows RST instead of FIN",
        "P412와 같지만 패킷 캡처에서 FIN 대신 RST가 보입니다",
    ),
    reason(
        Reason::KeepaliveRace,
        "it is intermittent, the first request of a connection never fails, and the back-end's keep-alive time (`Keep-Alive: timeout=`) is below the proxy's idle time",
        "간헐적이고 연결의 첫 요청은 실패하지 않으며, 백엔드의 keep-alive 시간(`Keep-Alive: timeout=`)이 프록시의 유휴 시간보다 짧습니다",
    ),
    reason(
        Reason::UpstreamSpeaksTls,
        "`openssl s_client -connect ADDRESS` gets a certificate from the port that is spoken to in clear",
        "평문으로 연결하는 포트에 `openssl s_client -connect 주소`를 하면 인증서가 옵니다",
    ),
    condition(
        Condition::ProxyHeaderWanted,
        "`curl --haproxy-protocol` gets an answer where plain curl gets none",
        "그냥 curl은 응답이 없지만 `curl --haproxy-protocol`은 응답을 받습니다",
    ),
    condition(
        Condition::MeshTlsMismatch,
        "the peer is a mesh sidecar under STRICT mTLS: its `listener.*.ssl.connection_error` grows",
        "상대가 STRICT mTLS 사이드카입니다. 그쪽의 `listener.*.ssl.connection_error`가 늘어납니다",
    ),
    reason(
        Reason::UpstreamTlsClientCertificateMissing,
        "`openssl s_client` prints `Acceptable client certificate CA names`, and the cluster has no certificate; with TLS 1.3 `ssl.handshake` and `ssl.connection_error` grow together",
        "`openssl s_client`가 `Acceptable client certificate CA names`를 출력하는데 클러스터에 인증서가 없습니다. TLS 1.3이면 `ssl.handshake`와 `ssl.connection_error`가 함께 늘어납니다",
    ),
    reason(
        Reason::UpstreamTlsClosed,
        "try the handshake with and without SNI, client certificate, TLS 1.2 and 1.3: what works names the fault",
        "SNI, 클라이언트 인증서, TLS 1.2와 1.3을 바꿔 가며 핸드셰이크해 보십시오. 성공하는 조합이 원인을 말해 줍니다",
    ),
    reason(
        Reason::UpstreamTlsServerName,
        "the handshake works with `-servername NAME` and not without",
        "`-servername 이름`을 주면 핸드셰이크가 되고 없으면 안 됩니다",
    ),
    reason(
        Reason::UpstreamTlsPlain,
        "plain `curl http://ADDRESS` gets an answer",
        "평문 `curl http://주소`가 응답을 받습니다",
    ),
    reason(
        Reason::UpstreamNotHttp,
        "the port sends something before it is asked (`nc ADDRESS PORT` shows a banner)",
        "요청 전에 포트가 먼저 무언가를 보냅니다(`nc 주소 포트`로 배너가 보입니다)",
    ),
    reason(
        Reason::UpstreamSpeaksHttp2,
        "`curl --http2-prior-knowledge` works, plain curl does not",
        "`curl --http2-prior-knowledge`는 되고 그냥 curl은 안 됩니다",
    ),
    reason(
        Reason::UpstreamSpeaksHttp1,
        "plain curl works, and the cluster sets http2_protocol_options; `upstream_cx_http2_total` and `upstream_rq_tx_reset` grow",
        "그냥 curl은 되는데 클러스터에 http2_protocol_options가 있습니다. `upstream_cx_http2_total`과 `upstream_rq_tx_reset`이 늘어납니다",
    ),
    reason(
        Reason::UpstreamHeadersTooMany,
        "`curl -sD- -o /dev/null` counts more than 100 response headers",
        "`curl -sD- -o /dev/null`의 응답 헤더가 100개를 넘습니다",
    ),
    reason(
        Reason::UpstreamHeadersTooLarge,
        "`curl -sD- -o /dev/null | wc -c` is large (cookies)",
        "`curl -sD- -o /dev/null | wc -c`가 큽니다(쿠키)",
    ),
    reason(
        Reason::UpstreamFraming,
        "`curl -sD-` shows Content-Length and Transfer-Encoding together, or one of them twice",
        "`curl -sD-`에 Content-Length와 Transfer-Encoding이 함께 있거나 같은 것이 두 번 있습니다",
    ),
    reason(
        Reason::UpstreamHeaderMalformed,
        "`curl -sD-` shows a line without a colon, or a broken status line",
        "`curl -sD-`에 콜론이 없는 줄이나 깨진 상태 줄이 있습니다",
    ),
    reason(
        Reason::NoEndpoints,
        "/clusters shows the cluster without any host",
        "/clusters에 그 클러스터의 호스트가 하나도 없습니다",
    ),
    reason(
        Reason::DnsNameNotFound,
        "/clusters shows no host, and `dig NAME` says NXDOMAIN; `update_success` grows with `update_no_rebuild`",
        "/clusters에 호스트가 없고 `dig 이름`이 NXDOMAIN입니다. `update_success`와 `update_no_rebuild`가 함께 늘어납니다",
    ),
    reason(
        Reason::DnsNoAddress,
        "`dig A NAME` and `dig AAAA NAME` differ, and dns_lookup_family asks for the empty one",
        "`dig A 이름`과 `dig AAAA 이름`의 결과가 다르고 dns_lookup_family가 빈 쪽을 찾습니다",
    ),
    reason(
        Reason::DnsServerFailure,
        "`dig NAME` says SERVFAIL or REFUSED; `update_failure` grows",
        "`dig 이름`이 SERVFAIL이나 REFUSED입니다. `update_failure`가 늘어납니다",
    ),
    reason(
        Reason::DnsTimeout,
        "`dig @SERVER NAME` gets no answer for a server of /etc/resolv.conf",
        "/etc/resolv.conf의 서버에 `dig @서버 이름`을 해도 응답이 없습니다",
    ),
    reason(
        Reason::HealthCheckNotFound,
        "the check's path answers 404 to `curl -H 'Host: CLUSTER'`",
        "헬스 체크 경로가 `curl -H 'Host: 클러스터'`에 404로 응답합니다",
    ),
    reason(
        Reason::HealthCheckRedirect,
        "the check's path answers 3xx to curl: only 200 is healthy unless expected_statuses says more",
        "헬스 체크 경로가 3xx로 응답합니다. expected_statuses가 없으면 200만 정상입니다",
    ),
    reason(
        Reason::HealthCheckUnauthorized,
        "the check's path answers 401 or 403 to curl without credentials",
        "인증 없이 curl하면 헬스 체크 경로가 401이나 403으로 응답합니다",
    ),
    reason(
        Reason::HealthCheckServerError,
        "the check's path answers 5xx to curl with the check's method and Host",
        "헬스 체크의 메서드와 Host로 curl하면 5xx로 응답합니다",
    ),
    reason(
        Reason::HealthCheckTimeout,
        "/clusters says `/active_hc_timeout`; the path takes longer than the check's timeout",
        "/clusters에 `/active_hc_timeout`이 있고 경로의 응답이 체크 timeout보다 오래 걸립니다",
    ),
    reason(
        Reason::HealthCheckPending,
        "the check's request succeeds now, and `health_check.attempt` stands still",
        "지금 체크 요청을 보내면 성공하는데 `health_check.attempt`가 늘지 않습니다",
    ),
    condition(
        Condition::NoTrafficInterval,
        "as H508: no_traffic_interval (60 s unless set) is what it waits for",
        "H508과 같고, 기다리는 시간은 no_traffic_interval(설정하지 않으면 60초)입니다",
    ),
    condition(
        Condition::HealthCheckHost,
        "the path answers 200 with the site's own Host, and not with that of the check",
        "사이트의 Host로는 200인데 체크의 Host로는 아닙니다",
    ),
    condition(
        Condition::HealthCheckMethod,
        "the path answers 200 to GET, and not to the check's method (HAProxy: OPTIONS unless set)",
        "GET에는 200인데 체크의 메서드에는 아닙니다(HAProxy 기본값은 OPTIONS)",
    ),
    condition(
        Condition::CheckTimeoutIsInter,
        "`show stat` says L7TOUT after as many milliseconds as `inter`, and `timeout check` is not set",
        "`show stat`의 L7TOUT 시간이 `inter`와 같고 `timeout check`가 없습니다",
    ),
    condition(
        Condition::HaproxyServerUnresolved,
        "`show stat` says `MAINT (resolution)`",
        "`show stat`에 `MAINT (resolution)`이 있습니다",
    ),
    reason(
        Reason::OutlierEjected,
        "/clusters says `/failed_outlier_check`, and `outlier_detection.ejections_active` is above 0",
        "/clusters에 `/failed_outlier_check`가 있고 `outlier_detection.ejections_active`가 0보다 큽니다",
    ),
    reason(
        Reason::NoSubset,
        "the route has a metadata_match, and `lb_subsets_fallback` or `lb_subsets_selected` says that none fits",
        "라우트에 metadata_match가 있고 `lb_subsets_fallback`, `lb_subsets_selected`가 맞는 서브셋이 없다고 합니다",
    ),
    reason(
        Reason::NoVirtualHost,
        "the request's Host is in no list of domains: try it with a name that is",
        "요청의 Host가 어느 domains에도 없습니다. 목록에 있는 이름으로 시도해 보십시오",
    ),
    reason(
        Reason::PortInHost,
        "the request's Host has a port, and the domains have it without",
        "요청의 Host에 포트가 있고 domains에는 포트 없이 적혀 있습니다",
    ),
    reason(
        Reason::PreflightUnrouted,
        "the method is OPTIONS with Access-Control-Request-Method, and the routes match other methods only",
        "메서드가 Access-Control-Request-Method가 있는 OPTIONS인데 라우트는 다른 메서드만 받습니다",
    ),
    reason(
        Reason::NoRoute,
        "the Host fits, and no route takes its path, method and headers",
        "Host는 맞지만 그 경로, 메서드, 헤더를 받는 라우트가 없습니다",
    ),
    condition(Condition::ExtAuthzDown, "`ext_authz.error` grows", "`ext_authz.error`가 늘어납니다"),
    condition(Condition::ExtAuthzDenied, "`ext_authz.denied` grows", "`ext_authz.denied`가 늘어납니다"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Line;

    #[test]
    fn each_cause_is_told_apart_once_in_both_languages() {
        for (at, (cause, text)) in APART.iter().enumerate() {
            assert!(!APART.iter().skip(at + 1).any(|(other, _)| other == cause), "{} twice", cause.code());
            assert!(!text.en.ends_with('.') && !text.ko.ends_with('.'), "{}", cause.code());
            assert!(text.ko.chars().any(|c| ('가'..='힣').contains(&c)), "{}", cause.code());
        }
    }

    /// The groups of lines that operators meet most: nothing in them is left without a question.
    #[test]
    fn the_commonest_lines_are_told_apart_completely() {
        for line in [
            "503 UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
            "404 NR route_not_found",
        ] {
            for cause in Line::read(line).causes {
                assert!(cause.told_apart_by().is_some(), "{line}: {}", cause.code());
            }
        }
    }
}
