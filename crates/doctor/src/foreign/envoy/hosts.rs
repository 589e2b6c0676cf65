//! Hosts of clusters: why requests are answered `no healthy upstream`.

use causeway_reason::{Cause, Condition, Line, Reason};
use serde_json::Value;

use super::fields::{at, text};
use super::observed::{Host, Observed, hosts as of};
use super::running::Running;
use super::shown::{counters_of, no_host};
use super::subsets;
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Looks at each cluster of `/clusters`.
pub(super) fn hosts(observed: &Observed, running: &Running, report: &mut Report) {
    for (name, cluster) in observed.clusters() {
        let id = format!("admin.hosts.{name}");
        let all: Vec<_> = of(cluster).collect();
        let usable = all.iter().filter(|host| host.is_usable()).count();
        let found = if all.is_empty() {
            nobody(observed, name)
        } else if usable < all.len() {
            unusable(observed, running, name, &all, usable)
        } else {
            subsets::missed(observed, running, name).into_iter().collect()
        };
        let count = all.len();
        if found.is_empty() {
            let words = said!("{usable}/{count} usable", "{count}개 중 {usable}개 사용 가능");
            report.passed(id, words);
        } else {
            report.failed(id, found);
        }
    }
}

/// A cluster without any host. What has its hosts from requests needs none.
fn nobody(observed: &Observed, name: &str) -> Vec<Finding> {
    let config = observed.cluster_config(name);
    let kind = config.map_or("", |config| text(config, &["type"]));
    let extension = config.map_or("", |config| text(config, &["cluster_type", "name"]));
    let dns = matches!(kind, "STRICT_DNS" | "LOGICAL_DNS") || extension.contains("dns");
    if config.is_none() || kind == "ORIGINAL_DST" || (!extension.is_empty() && !dns) {
        return Vec::new();
    }
    let shown = Evidence::new(EvidenceKind::Admin, Said::plain("/clusters"), said!("no host", "호스트 없음"));
    let (causes, counters): (Vec<Cause>, &[&str]) = if dns {
        let failed = observed.after.get(&format!("cluster.{name}.update_failure"));
        let answered = observed.after.get(&format!("cluster.{name}.update_success"));
        let causes = match (answered, failed) {
            // An answer without an address is a success of a look-up to STRICT_DNS, and a failure to LOGICAL_DNS.
            (1.., 0) => vec![Reason::DnsNameNotFound.into(), Reason::DnsNoAddress.into()],
            (_, 1..) if kind == "STRICT_DNS" => {
                vec![Reason::DnsServerFailure.into(), Reason::DnsTimeout.into()]
            }
            _ => vec![
                Reason::DnsNameNotFound.into(),
                Reason::DnsNoAddress.into(),
                Reason::DnsServerFailure.into(),
                Reason::DnsTimeout.into(),
            ],
        };
        (causes, &["update_attempt", "update_success", "update_failure", "update_no_rebuild"])
    } else {
        (vec![Reason::NoEndpoints.into()], &["membership_total", "update_success", "update_rejected"])
    };
    let first = causes.first().copied().unwrap_or(Cause::Reason(Reason::NoEndpoints));
    let title = if dns {
        said!(
            "`{name}` has no hosts: its names give no address",
            "`{name}`에 호스트가 없습니다. 이름에서 주소가 나오지 않습니다"
        )
    } else {
        said!("`{name}` has no hosts", "`{name}`에 호스트가 없습니다")
    };
    let finding = Finding::new(first, Severity::Error, title, shown)
        .and(counters_of(observed, name, counters))
        .about(Subject::cluster(name))
        .grade(if causes.len() > 1 { Grade::Possible } else { Grade::Proven })
        .effect(no_host());
    vec![tell_apart(finding, &causes)]
}

/// Hosts that get no requests, by why.
fn unusable(
    observed: &Observed,
    running: &Running,
    name: &str,
    all: &[Host<'_>],
    usable: usize,
) -> Vec<Finding> {
    let of_flag = |flag: &str| all.iter().copied().filter(|host| host.flag(flag)).collect::<Vec<_>>();
    let mut found = Vec::new();
    let immediate = of_flag("excluded_via_immediate_hc_fail");
    // What a back-end says of itself counts as a check that failed.
    let mut failed = of_flag("failed_active_health_check");
    failed.retain(|host| !host.flag("excluded_via_immediate_hc_fail"));
    if !failed.is_empty() {
        found.push(checks(observed, running, name, &failed));
    }
    let ejected = of_flag("failed_outlier_check");
    if !ejected.is_empty() {
        found.push(about(name, &ejected, Reason::OutlierEjected.into(), "failed_outlier_check").and(
            counters_of(
                observed,
                name,
                &[
                    "outlier_detection.ejections_active",
                    "outlier_detection.ejections_enforced_total",
                    "upstream_rq_5xx",
                ],
            ),
        ));
    }
    if !immediate.is_empty() {
        found.push(about(
            name,
            &immediate,
            Condition::ImmediateHealthCheckFail.into(),
            "excluded_via_immediate_hc_fail",
        ));
    }
    let said: Vec<_> = all
        .iter()
        .copied()
        .filter(|host| matches!(host.said_health(), "UNHEALTHY" | "DRAINING" | "TIMEOUT"))
        .collect();
    if !said.is_empty() {
        found.push(about(name, &said, Reason::EndpointDisabled.into(), "eds_health_status"));
    }
    let count = all.len();
    for finding in &mut found {
        let panics = observed.grew(&format!("cluster.{name}.lb_healthy_panic"));
        if usable > 0 {
            finding.severity = Severity::Warning;
            finding.effect = Some(Effect {
                words: Some(said!(
                    "the other {usable} of {count} hosts get its requests",
                    "나머지 호스트 {usable}개(전체 {count}개)가 요청을 받습니다"
                )),
                ..Effect::default()
            });
        } else if panics > 0 {
            finding.evidence.push(Evidence::new(
                EvidenceKind::Admin,
                Said::plain("/stats"),
                said!(
                    "lb_healthy_panic +{panics}: it is in panic mode (H509), and sends to hosts it knows to be unhealthy",
                    "lb_healthy_panic +{panics}: 패닉 모드(H509)라서 비정상 호스트로도 보냅니다"
                ),
            ));
        }
    }
    found
}

/// Hosts whose health check fails, or has not been made again.
fn checks(observed: &Observed, running: &Running, name: &str, failed: &[Host<'_>]) -> Finding {
    let counters = counters_of(
        observed,
        name,
        &[
            "health_check.attempt",
            "health_check.success",
            "health_check.failure",
            "health_check.network_failure",
            "upstream_cx_total",
        ],
    );
    let config = observed.cluster_config(name);
    let check = config.and_then(|config| config.get("health_checks")?.get(0));
    let value = |field: &str| check.and_then(|check| at(check, &[field])).and_then(Value::as_str);
    let is_well = running.well.iter().any(|well| well == name);
    let attempts = observed.grew(&format!("cluster.{name}.health_check.attempt"));
    let seconds = observed.between.as_secs();
    if is_well && attempts == 0 {
        let waits = value("no_traffic_interval").unwrap_or("60s (default)").to_owned();
        let interval = value("interval").unwrap_or("?").to_owned();
        return about(name, failed, Condition::NoTrafficInterval.into(), "failed_active_health_check")
            .and(Evidence::new(
                EvidenceKind::Probe,
                said!("the same health check, asked from here", "같은 헬스 체크를 여기서 실행"),
                said!("passes", "통과"),
            ))
            .and(Evidence::new(
                EvidenceKind::Admin,
                said!("health_check.attempt over {seconds} s", "{seconds}초 동안의 health_check.attempt"),
                said!(
                    "stands still, though interval is {interval}: no_traffic_interval is {waits}",
                    "늘지 않습니다. interval은 {interval}인데 no_traffic_interval이 {waits}입니다"
                ),
            ))
            .and(counters)
            .grade(Grade::Proven);
    }
    if is_well {
        return about(name, failed, Condition::CheckerBlocked.into(), "failed_active_health_check")
            .and(Evidence::new(
                EvidenceKind::Probe,
                said!("the same health check, asked from here", "같은 헬스 체크를 여기서 실행"),
                said!("passes", "통과"),
            ))
            .and(counters)
            .grade(Grade::Possible);
    }
    if failed.iter().all(|host| host.flag("active_hc_timeout")) {
        return about(name, failed, Reason::HealthCheckTimeout.into(), "active_hc_timeout").and(counters);
    }
    let causes = Line::of_parts(503, "UH", "no_healthy_upstream", "").causes;
    let causes: Vec<_> = causes
        .into_iter()
        .filter(|cause| {
            let key = cause.key();
            key.starts_with("health_check") || *cause == Condition::NoTrafficInterval.into()
        })
        .collect();
    let first = causes.first().copied().unwrap_or(Cause::Reason(Reason::HealthCheckStatus));
    let finding =
        about(name, failed, first, "failed_active_health_check").and(counters).grade(Grade::Possible);
    tell_apart(finding, &causes)
}

fn about(name: &str, hosts: &[Host<'_>], cause: Cause, flag: &str) -> Finding {
    /// More are counted.
    const SHOWN: usize = 6;
    let count = hosts.len();
    let mut list = hosts.iter().take(SHOWN).map(|host| host.address()).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        list.push_str(", …");
    }
    let subject = match hosts {
        [host] => Subject::cluster(name).endpoint(host.address()),
        _ => Subject::cluster(name),
    };
    let sentence = cause.sentence();
    let (en, ko) = (sentence.en.trim_end_matches('.'), sentence.ko.trim_end_matches('.'));
    let (en, ko) = if cause == Condition::NoTrafficInterval.into() {
        (
            "they wait for the next health check, which no_traffic_interval puts off",
            "no_traffic_interval 때문에 다음 헬스 체크를 기다리고 있습니다",
        )
    } else if flag == "failed_active_health_check" {
        ("health checks fail", "헬스 체크가 실패합니다")
    } else {
        (en, ko)
    };
    let of = if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") };
    Finding::new(
        cause,
        Severity::Error,
        said!(
            "{of} of `{name}` without requests: {en}",
            "`{name}`의 호스트 {count}개가 요청을 받지 못합니다: {ko}"
        ),
        Evidence::new(EvidenceKind::Admin, Said::plain("/clusters"), Said::plain(format!("{flag}: {list}"))),
    )
    .about(subject)
    .effect(no_host())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::Stats;
    use super::*;

    fn observed(config: Value, hosts: Value, before: &[(&str, u64)], after: &[(&str, u64)]) -> Observed {
        let stats =
            |of: &[(&str, u64)]| Stats(of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect());
        Observed {
            dump: Some(
                json!({"configs": [{"@type": "x.ClustersConfigDump", "static_clusters": [{"cluster": config}]}]}),
            ),
            clusters: json!({"cluster_statuses": [{"name": "app", "host_statuses": hosts}]}),
            before: stats(before),
            after: stats(after),
            between: Duration::from_secs(5),
            ..Observed::default()
        }
    }

    fn found(observed: &Observed, well: &[&str]) -> Vec<(&'static str, Grade, Severity)> {
        let well = well.iter().map(|name| (*name).to_owned()).collect();
        let mut report = Report::default();
        hosts(observed, &Running { well, ..Running::default() }, &mut report);
        report.findings.iter().map(|one| (one.cause.code(), one.grade, one.severity)).collect()
    }

    fn host(port: u16, health: Value) -> Value {
        json!({"address": {"socket_address": {"address": "10.0.0.1", "port_value": port}}, "health_status": health})
    }

    #[test]
    fn a_check_that_passes_and_is_not_made_again_waits_for_traffic() {
        let failed = json!([host(80, json!({"failed_active_health_check": true}))]);
        let config = json!({"name": "app", "health_checks": [{"interval": "2s"}]});
        let attempts = [("cluster.app.health_check.attempt", 2)];
        let still = observed(config.clone(), failed.clone(), &attempts, &attempts);
        assert_eq!(found(&still, &["app"]), [("H516", Grade::Proven, Severity::Error)]);
        let moving = observed(config, failed, &attempts, &[("cluster.app.health_check.attempt", 4)]);
        assert_eq!(found(&moving, &["app"]), [("H513", Grade::Possible, Severity::Error)]);
        assert_eq!(found(&moving, &[]).first().map(|one| one.1), Some(Grade::Possible));
    }

    #[test]
    fn flags_of_hosts_say_why_they_get_nothing() {
        let config = json!({"name": "app"});
        for (health, code) in [
            (json!({"failed_outlier_check": true}), "H511"),
            (json!({"eds_health_status": "DRAINING"}), "H521"),
            (json!({"failed_active_health_check": true, "active_hc_timeout": true}), "H506"),
        ] {
            let observed = observed(config.clone(), json!([host(80, health), host(81, json!({}))]), &[], &[]);
            let found = found(&observed, &[]);
            assert_eq!(found, [(code, Grade::Proven, Severity::Warning)]);
        }
    }

    #[test]
    fn a_cluster_without_hosts_has_none_or_names_without_addresses() {
        let dns = json!({"name": "app", "type": "STRICT_DNS"});
        let nx = observed(dns.clone(), json!([]), &[], &[("cluster.app.update_success", 9)]);
        assert_eq!(found(&nx, &[]), [("D101", Grade::Possible, Severity::Error)]);
        let dead = observed(dns, json!([]), &[], &[("cluster.app.update_failure", 9)]);
        assert_eq!(found(&dead, &[]), [("D104", Grade::Possible, Severity::Error)]);
        let empty = observed(json!({"name": "app", "type": "EDS"}), json!([]), &[], &[]);
        assert_eq!(found(&empty, &[]), [("H520", Grade::Proven, Severity::Error)]);
        let forward = observed(json!({"name": "app", "type": "ORIGINAL_DST"}), json!([]), &[], &[]);
        assert_eq!(found(&forward, &[]), []);
    }
}
