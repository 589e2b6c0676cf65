//! Circuit breakers that are open from the beginning.

use causeway_model::Bootstrap;
use causeway_reason::Reason;

use crate::Said;
use crate::finding::{Effect, Evidence, Finding, Severity, Subject, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cluster in &bootstrap.clusters {
        let name = &cluster.name;
        let limits = &cluster.circuit_breakers.default;
        let all = said!("the cluster gets no request at all", "클러스터로 요청이 전혀 가지 않습니다");
        let beside = said!("while another request runs", "다른 요청이 실행 중인 동안");
        let waiting = said!("where no connection is free", "사용 가능한 연결이 없을 때");
        let rules: [(u32, u32, Reason, &str, &Said); 4] = [
            (limits.max_requests, 0, Reason::CircuitBreakerRequests, "max_requests", &all),
            (limits.max_pending_requests, 0, Reason::CircuitBreakerPending, "max_pending_requests", &all),
            (limits.max_requests, 1, Reason::CircuitBreakerRequests, "max_requests", &beside),
            (limits.max_pending_requests, 1, Reason::CircuitBreakerPending, "max_pending_requests", &waiting),
        ];
        for (value, wanted, reason, field, words) in rules {
            if value != wanted {
                continue;
            }
            // A request that waits for the first connection is one too many already.
            let severity = if value == 0 { Severity::Error } else { Severity::Note };
            let title = said!(
                "circuit breaker {field} of cluster `{name}` is {value}",
                "클러스터 `{name}`의 서킷 브레이커 {field}가 {value}입니다"
            );
            let seen = said!("{field} is {value}, 1024 unless set", "{field}는 {value}입니다(기본 1024)");
            findings.push(
                Finding::new(reason, severity, title, Evidence::file(seen))
                    .about(Subject::cluster(name))
                    .at(under(&cluster.position, "circuit_breakers"), said!("", ""))
                    .effect(Effect {
                        status: Some(503),
                        flags: "UO".to_owned(),
                        details: "upstream_reset_before_response_started{overflow}".to_owned(),
                        words: Some(words.clone()),
                    }),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::{cluster, findings, host, http, quiet};

    fn file(thresholds: &str) -> String {
        let fields = format!("circuit_breakers: {{thresholds: [{{{thresholds}}}]}}");
        http(&host("- match: {prefix: /}\n  route: {cluster: app}\n"), &cluster(&fields))
    }

    #[test]
    fn limits_that_let_nothing_through_are_told() {
        let found = findings("breakers", &file("max_requests: 0"));
        assert_eq!((found[0].cause.code(), found[0].severity), ("L702", Severity::Error));
        let found = findings("breakers", &file("max_pending_requests: 0"));
        assert_eq!((found[0].cause.code(), found[0].severity), ("L720", Severity::Error));
        let found = findings("breakers", &file("max_pending_requests: 1"));
        assert_eq!((found[0].cause.code(), found[0].severity), ("L720", Severity::Note));
        assert!(quiet("breakers", &file("max_connections: 1, max_pending_requests: 2, max_requests: 2")));
    }
}
