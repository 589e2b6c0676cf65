//! Counters that move while somebody looks: what goes wrong now, without any log.
//!
//! A counter alone says that something happened since the process was started, which may be months ago. What grew between
//! two readings is happening; the rest is a note.

mod rules;

use causeway_reason::{Cause, Condition, Reason};
use serde_json::Value;

use super::fields::{at, text};
use super::observed::Observed;
use super::running::Running;
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::logs;
use crate::report::Report;
use crate::said;
use crate::said::Said;
use rules::{Of, RULES, Rule};

/// Notes about what happened before.
const NOTES: usize = 12;

/// Judges every counter that a rule knows.
pub(super) fn counters(observed: &Observed, running: &Running, report: &mut Report) {
    let mut found = Vec::new();
    let mut earlier = Vec::new();
    for (name, value) in observed.after.0.iter().filter(|(_, value)| **value > 0) {
        let Some((rule, owner)) = RULES.iter().find_map(|rule| Some((rule, rule.owner(name)?))) else {
            continue;
        };
        if means_nothing(observed, running, rule, owner) {
            continue;
        }
        let grew = observed.grew(name);
        let finding = of(observed, rule, owner, name, *value, grew);
        if grew > 0 { found.push(finding) } else { earlier.push((*value, finding)) }
    }
    earlier.sort_by_key(|(value, _)| std::cmp::Reverse(*value));
    let seconds = observed.between.as_secs_f64();
    if found.is_empty() {
        report.passed(
            "admin.counters",
            said!("nothing failed within {seconds:.1} s", "{seconds:.1}초 동안 실패한 것이 없습니다"),
        );
    } else {
        report.failed("admin.counters", found);
    }
    report.findings.extend(earlier.into_iter().take(NOTES).map(|(_, finding)| finding));
}

/// Counters that grow where nothing is wrong, or where something else is.
fn means_nothing(observed: &Observed, running: &Running, rule: &Rule, owner: &str) -> bool {
    match rule.counter {
        // A connection that is passed on counts as one request, whichever side closes it first.
        "upstream_cx_destroy_remote_with_active_rq" => running.is_passed_on(owner),
        // Where there is no host at all, nothing is sent to any.
        "lb_healthy_panic" => observed.after.get(&format!("cluster.{owner}.membership_total")) == 0,
        _ => false,
    }
}

fn of(observed: &Observed, rule: &Rule, owner: &str, name: &str, value: u64, grew: u64) -> Finding {
    let causes = causes(observed, rule, owner);
    let first = causes.first().copied().unwrap_or(Cause::Reason(Reason::UpstreamStatus));
    let seconds = observed.between.as_secs_f64();
    let (en, ko) = rule.what;
    let whose = rule.of.word();
    let (count, span_en, span_ko) = if grew > 0 {
        (grew, format!("in {seconds:.1} s"), format!("{seconds:.1}초 동안"))
    } else {
        (value, "since it was started".to_owned(), "시작 이후".to_owned())
    };
    let (place_en, place_ko) = if owner.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("{whose} `{owner}`: "), format!("{whose} `{owner}`: "))
    };
    let title = Said::new(
        format!("{place_en}{en}, {count} times {span_en}"),
        format!("{place_ko}{ko}, {span_ko} {count}회"),
    );
    let shown = Evidence::new(
        EvidenceKind::Admin,
        Said::plain("/stats"),
        said!("{name}: {value} (+{grew} in {seconds:.1} s)", "{name}: {value} ({seconds:.1}초 동안 +{grew})"),
    );
    let severity = if grew > 0 { rule.severity } else { Severity::Note };
    let grade = match causes.len() {
        1 if rule.exact => Grade::Proven,
        1 => Grade::Likely,
        _ => Grade::Possible,
    };
    let mut finding = Finding::new(first, severity, title, shown).grade(grade);
    if !owner.is_empty() {
        finding = finding.about(match rule.of {
            Of::Cluster => Subject::cluster(owner),
            Of::Http | Of::Listener | Of::Anything => Subject::listener(owner),
        });
    }
    if let Some((status, flags, details)) = rule.effect {
        finding = finding.effect(Effect {
            status: Some(status),
            flags: flags.to_owned(),
            details: details.to_owned(),
            words: None,
        });
    }
    if let Some(limit) = rule.threshold.and_then(|threshold| limit(observed, owner, threshold)) {
        finding = finding.and(limit);
    }
    // What was earlier is told in a line; what to look at stands with what happens now.
    if grew > 0 { tell_apart(finding, &causes) } else { finding }
}

/// The causes of a rule, as far as other counters of the cluster tell them apart.
fn causes(observed: &Observed, rule: &Rule, owner: &str) -> Vec<Cause> {
    let moved = |counter: &str| {
        let name = format!("cluster.{owner}.{counter}");
        observed.grew(&name) > 0 || (observed.grew(&rule.name(owner)) == 0 && observed.after.get(&name) > 0)
    };
    let reasons = |all: &[Reason]| all.iter().copied().map(Cause::from).collect::<Vec<_>>();
    match rule.counter {
        "upstream_cx_destroy_remote_with_active_rq" if owner == logs::PASSTHROUGH => {
            vec![Condition::HostKeptIntoMesh.into()]
        }
        "upstream_cx_connect_fail" if moved("upstream_cx_connect_timeout") => {
            let mut all = reasons(&[Reason::ConnectTimeout, Reason::UpstreamTlsPlain]);
            all.insert(1, Condition::AcceptQueueFull.into());
            all
        }
        "upstream_cx_connect_fail" if moved("ssl.fail_verify_san") => {
            reasons(&[Reason::UpstreamTlsNameMismatch])
        }
        "upstream_cx_connect_fail" if moved("ssl.fail_verify_cert_hash") => {
            reasons(&[Reason::UpstreamTlsPinMismatch])
        }
        "upstream_cx_connect_fail" if moved("ssl.fail_verify_error") => reasons(&[
            Reason::UpstreamTlsUnknownIssuer,
            Reason::UpstreamTlsExpired,
            Reason::UpstreamTlsSelfSigned,
        ]),
        "upstream_cx_connect_fail" if moved("ssl.connection_error") => reasons(&[
            Reason::UpstreamTlsPlain,
            Reason::UpstreamTlsClientCertificateMissing,
            Reason::UpstreamTlsClientCertificateRefused,
            Reason::UpstreamTlsVersion,
            Reason::UpstreamTlsServerName,
        ]),
        "upstream_cx_destroy_remote_with_active_rq"
            if moved("ssl.handshake") && moved("ssl.connection_error") =>
        {
            // With TLS 1.3 it is said behind the handshake, whatever is wrong with the certificate.
            let mut all = reasons(&[
                Reason::UpstreamTlsClientCertificateMissing,
                Reason::UpstreamTlsClientCertificateRefused,
            ]);
            all.push(Condition::ClientCertificateExpired.into());
            all
        }
        // HTTP/1 counts `connection: close` there.
        "upstream_cx_destroy_remote_with_active_rq"
            if moved("upstream_cx_close_notify")
                && observed.after.get(&format!("cluster.{owner}.upstream_cx_http2_total")) > 0 =>
        {
            reasons(&[Reason::UpstreamGoaway, Reason::UpstreamConnectionLost])
        }
        "upstream_cx_protocol_error" if moved("upstream_cx_http2_total") && moved("upstream_rq_tx_reset") => {
            reasons(&[Reason::UpstreamSpeaksHttp1, Reason::UpstreamTlsAlpn])
        }
        // Behind the head there is no status left to answer with.
        "upstream_rq_timeout" if !moved("upstream_rq_504") => reasons(&[Reason::RouteTimeoutAfterHead]),
        _ => rule.causes.to_vec(),
    }
}

/// The threshold of a circuit breaker, and what there is of it now.
fn limit(observed: &Observed, cluster: &str, (threshold, gauge): (&str, &str)) -> Option<Evidence> {
    let (_, status) = observed.clusters().find(|(name, _)| *name == cluster)?;
    let thresholds = at(status, &["circuit_breakers", "thresholds"])?.as_array()?;
    let default = thresholds.iter().find(|one| matches!(text(one, &["priority"]), "" | "DEFAULT"))?;
    // What is at its largest is left out, as zero is elsewhere.
    let value = default.get(threshold).and_then(Value::as_u64)?;
    let now = observed.after.get(&format!("cluster.{cluster}.{gauge}"));
    Some(Evidence::new(
        EvidenceKind::Admin,
        Said::plain("/clusters"),
        said!("{threshold} is {value}; now {gauge} is {now}", "{threshold} = {value}, 현재 {gauge} = {now}"),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::Stats;
    use super::*;

    fn judged(before: &[(&str, u64)], after: &[(&str, u64)]) -> Report {
        let stats =
            |of: &[(&str, u64)]| Stats(of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect());
        let observed = Observed {
            clusters: json!({"cluster_statuses": [{"name": "app", "circuit_breakers": {"thresholds": [
                {"max_connections": 1024, "max_pending_requests": 3}, {"priority": "HIGH", "max_pending_requests": 9}]}}]}),
            before: stats(before),
            after: stats(after),
            between: Duration::from_secs(5),
            ..Observed::default()
        };
        let mut report = Report::default();
        counters(&observed, &Running::default(), &mut report);
        report
    }

    fn codes(report: &Report) -> Vec<(&'static str, Severity)> {
        report.findings.iter().map(|one| (one.cause.code(), one.severity)).collect()
    }

    #[test]
    fn what_grows_is_an_error_and_what_does_not_a_note() {
        let name = "cluster.a.b.upstream_cx_connect_fail";
        assert_eq!(codes(&judged(&[(name, 1)], &[(name, 4)])), [("T201", Severity::Error)]);
        let earlier = judged(&[(name, 4)], &[(name, 4)]);
        assert_eq!(codes(&earlier), [("T201", Severity::Note)]);
        let finding = earlier.findings.first().unwrap();
        assert_eq!(finding.subject.cluster.as_deref(), Some("a.b"));
        assert_eq!(
            finding.title.en,
            "cluster `a.b`: connections can't be made, 4 times since it was started"
        );
        assert_eq!(codes(&judged(&[], &[])), []);
    }

    #[test]
    fn other_counters_tell_causes_apart() {
        for (counters, code) in [
            (&["upstream_cx_connect_fail", "ssl.fail_verify_san"][..], "S305"),
            (&["upstream_cx_connect_fail", "ssl.fail_verify_error"], "S303"),
            (&["upstream_cx_connect_fail", "ssl.connection_error"], "S301"),
            (&["upstream_cx_connect_fail", "upstream_cx_connect_timeout"], "T204"),
            (&["upstream_cx_destroy_remote_with_active_rq", "ssl.handshake", "ssl.connection_error"], "S306"),
            (&["upstream_cx_protocol_error", "upstream_cx_http2_total", "upstream_rq_tx_reset"], "P402"),
        ] {
            let names: Vec<_> = counters.iter().map(|counter| format!("cluster.app.{counter}")).collect();
            let after: Vec<_> = names.iter().map(|name| (&**name, 1)).collect();
            let report = judged(&[], &after);
            assert!(
                report.findings.iter().any(|one| one.cause.code() == code),
                "{counters:?}: {:?}",
                codes(&report)
            );
        }
    }

    #[test]
    fn a_breaker_is_told_with_its_threshold() {
        let report = judged(
            &[],
            &[("cluster.app.upstream_rq_pending_overflow", 2), ("cluster.app.upstream_rq_pending_active", 3)],
        );
        assert_eq!(codes(&report), [("L720", Severity::Error)]);
        let seen = &report.findings.first().unwrap().evidence.last().unwrap().observed.en;
        assert_eq!(seen, "max_pending_requests is 3; now upstream_rq_pending_active is 3");
    }

    #[test]
    fn listeners_filters_and_the_process_have_counters_too() {
        for (name, code) in [
            ("listener.0.0.0.0_443.no_filter_chain_match", "K903"),
            ("listener.0.0.0.0_443.ssl.fail_verify_no_cert", "K904"),
            ("http.web.no_route", "R601"),
            ("http.web.rbac.denied", "L706"),
            ("http.web.ext_authz.error", "L707"),
            ("listener.0.0.0.0_443.downstream_global_cx_overflow", "L715"),
        ] {
            assert_eq!(codes(&judged(&[], &[(name, 1)])).first().map(|one| one.0), Some(code), "{name}");
        }
    }
}
