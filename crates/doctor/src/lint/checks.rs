//! Health checks that tell less than they seem to, or later.

use std::time::Duration;

use causeway_model::{Bootstrap, Cluster, ClusterType, HealthCheck, HealthChecker};
use causeway_reason::Condition;

use super::timeouts::words;
use super::walk;
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, Subject, under};
use crate::said;

/// Envoy's no_traffic_interval, unless set.
const NO_TRAFFIC: Duration = Duration::from_secs(60);

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cluster in &bootstrap.clusters {
        for check in &cluster.health_checks {
            findings.extend(seldom(cluster, check));
            findings.extend(connects_only(bootstrap, cluster, check));
        }
        findings.extend(alone(cluster));
    }
    findings
}

/// Without panic mode, a cluster that nobody has asked yet gets no request before a check, and no early check before a
/// request.
fn seldom(cluster: &Cluster, check: &HealthCheck) -> Option<Finding> {
    let first = check.no_traffic_interval.is_none() && check.interval < NO_TRAFFIC;
    if !first || cluster.healthy_panic_threshold > 0.0 {
        return None;
    }
    let (name, interval) = (&cluster.name, words(check.interval));
    let title = said!(
        "with Envoy, a back-end of cluster `{name}` that starts later waits a minute or more for its first request",
        "Envoy에서는 클러스터 `{name}`의 백엔드가 늦게 시작하면 첫 요청까지 1분 이상 기다립니다"
    );
    let seen = said!(
        "no_traffic_interval is not set (60 s), interval is {interval}, and healthy_panic_threshold is 0",
        "no_traffic_interval이 없고(60초) interval은 {interval}, healthy_panic_threshold는 0입니다"
    );
    let fix = Fix::set(
        said!("check as often before the first request", "첫 요청 전에도 같은 간격으로 체크합니다"),
        under(&check.position, "no_traffic_interval"),
        interval.clone(),
    );
    Some(
        Finding::new(Condition::NoTrafficInterval, Severity::Warning, title, Evidence::file(seen))
            .about(Subject::cluster(name))
            .at(
                under(&check.position, "interval"),
                said!("holds only once there is traffic", "트래픽이 있은 뒤에만 적용됩니다"),
            )
            .effect(Effect {
                status: Some(503),
                flags: "UH".to_owned(),
                details: "no_healthy_upstream".to_owned(),
                words: Some(said!(
                    "with Envoy, while curl to the back-end says 200; Causeway checks every {interval}",
                    "Envoy에서, 백엔드에 직접 curl하면 200인 동안에도. Causeway는 {interval}마다 체크합니다"
                )),
            })
            .fix(fix),
    )
}

/// HTTP goes to a cluster of which only ports are checked.
fn connects_only(bootstrap: &Bootstrap, cluster: &Cluster, check: &HealthCheck) -> Option<Finding> {
    let HealthChecker::Tcp(tcp) = &check.checker else { return None };
    let others = cluster.health_checks.iter().any(|other| !matches!(other.checker, HealthChecker::Tcp(_)));
    if !tcp.receive.is_empty() || others {
        return None;
    }
    let asked = walk::forwards(bootstrap).any(|(_, forward)| {
        walk::clusters(bootstrap, forward).into_iter().any(|target| target.name == cluster.name)
    });
    if !asked {
        return None;
    }
    let name = &cluster.name;
    let title = said!(
        "the health check of cluster `{name}` does not notice an application that hangs",
        "클러스터 `{name}`의 헬스 체크는 멈춘 애플리케이션을 알아채지 못합니다"
    );
    let seen = said!(
        "the check only connects, and routes send HTTP requests there",
        "체크는 TCP 연결만 확인하는데 라우트는 HTTP 요청을 보냅니다"
    );
    Some(
        Finding::new(Condition::TcpCheckTellsNothing, Severity::Note, title, Evidence::file(seen))
            .about(Subject::cluster(name))
            .at(
                under(&check.position, "tcp_health_check"),
                said!("the kernel answers this", "커널이 응답합니다"),
            )
            .effect(Effect {
                status: Some(504),
                flags: "UT".to_owned(),
                details: "response_timeout".to_owned(),
                words: Some(said!("while the host counts as healthy", "호스트는 정상으로 간주됩니다")),
            }),
    )
}

/// Of one host, none or all are healthy; and where none is, panic mode uses it all the same.
fn alone(cluster: &Cluster) -> Option<Finding> {
    if cluster.health_checks.is_empty() {
        return None;
    }
    let one = match &cluster.kind {
        ClusterType::Static | ClusterType::LogicalDns(_) => walk::endpoints(cluster).count() == 1,
        // A name may have any number of addresses.
        ClusterType::StrictDns(_) | ClusterType::Aggregate(_) | ClusterType::OriginalDst(_) => false,
    };
    if !one || cluster.healthy_panic_threshold <= 0.0 || cluster.fail_traffic_on_panic {
        return None;
    }
    let (name, threshold) = (&cluster.name, cluster.healthy_panic_threshold);
    let title = said!(
        "the health check of cluster `{name}` keeps no request away: its only host is used when it fails, too",
        "클러스터 `{name}`의 헬스 체크는 요청을 막지 못합니다. 유일한 호스트가 실패해도 계속 사용됩니다"
    );
    let seen = said!(
        "one host, and panic mode below {threshold} % healthy hosts",
        "호스트가 하나이고, 정상 호스트가 {threshold}%보다 적으면 패닉 모드입니다"
    );
    Some(
        Finding::new(Condition::TooFewHostsForPanic, Severity::Note, title, Evidence::file(seen))
            .about(Subject::cluster(name))
            .at(under(&cluster.position, "health_checks"), said!("tells, and decides nothing", "상태만 알려 줍니다"))
            .effect(Effect {
                words: Some(said!(
                    "where the host fails its checks, requests go to it all the same (lb_healthy_panic counts them)",
                    "호스트가 체크에 실패해도 요청은 그대로 전달됩니다(lb_healthy_panic에 집계)"
                )),
                ..Effect::default()
            })
            .fix(
                Fix::set(
                    said!("refuse requests instead, at once (503 UH)", "대신 바로 거부합니다(503 UH)"),
                    under(&cluster.position, "common_lb_config.healthy_panic_threshold.value"),
                    "0",
                )
                .to_be_considered(),
            ),
    )
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, findings, host, http, indented, quiet};

    fn file(kind: &str, check: &str, more: &str) -> String {
        let check = format!(
            "- timeout: 1s\n  interval: 2s\n  unhealthy_threshold: 2\n  healthy_threshold: 2\n{}",
            indented(check, 2)
        );
        let fields = format!("type: {kind}\n{more}\nhealth_checks:\n{check}");
        http(&host("- match: {prefix: /}\n  route: {cluster: app}\n"), &cluster(&fields))
    }

    const HTTP: &str = "http_health_check: {path: /health}";
    const NO_PANIC: &str = "common_lb_config: {healthy_panic_threshold: {value: 0}}";

    #[test]
    fn without_panic_mode_a_minute_may_pass_before_the_first_request() {
        let file = |check: &str, more: &str| file("STATIC", check, more);
        assert_eq!(codes("checks", &file(HTTP, NO_PANIC)), ["H516 2s"]);
        let found = findings("checks", &file(HTTP, NO_PANIC));
        assert_eq!(found[0].fixes[0].edits[0].value.as_deref(), Some("2s"));
        assert!(found[0].fixes[0].machine_applicable);
        assert!(quiet("checks", &file(&format!("no_traffic_interval: 2s\n{HTTP}"), NO_PANIC)));
    }

    #[test]
    fn a_check_of_the_only_host_decides_nothing() {
        assert_eq!(codes("checks", &file("STATIC", HTTP, "")), ["H518 health_checks"]);
        assert!(quiet("checks", &file("STRICT_DNS", HTTP, "")), "a name may have several addresses");
    }

    #[test]
    fn a_check_that_only_connects_says_little_about_http() {
        let tcp = "no_traffic_interval: 2s\ntcp_health_check: {}";
        assert_eq!(codes("checks", &file("STATIC", tcp, NO_PANIC)), ["H510 tcp_health_check"]);
        let asks =
            "no_traffic_interval: 2s\ntcp_health_check: {send: {text: \"00\"}, receive: [{text: \"00\"}]}";
        assert!(quiet("checks", &file("STATIC", asks, NO_PANIC)));
    }
}
