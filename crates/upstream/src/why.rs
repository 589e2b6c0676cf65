//! Why no host of a cluster may be used.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_reason::{Failure, Reason};

use crate::dns::NameReport;
use crate::flags::{Health, HealthFlags};
use crate::health::CheckReport;
use crate::host::Host;
use crate::host_set::HostSet;
use crate::words::Short;

/// One thing that is in the way.
struct Cause {
    reason: Reason,
    evidence: String,
}

/// The most frequent reason for which a host or a name can't be used, with an example in the evidence, and
/// the other reasons behind it.
pub(crate) fn no_host_left(hosts: &HostSet, names: &[Arc<NameReport>], now: Instant) -> Failure {
    let mut causes: Vec<Cause> = names.iter().filter_map(|name| of_name(name, now)).collect();
    causes.extend(hosts.hosts().filter_map(|host| of_host(host, now)));
    let count = |reason| causes.iter().filter(|cause| cause.reason == reason).count();
    // The first of the most frequent ones.
    let Some(main) = causes.iter().rev().max_by_key(|cause| count(cause.reason)) else {
        return Failure::no_host_left(Reason::NoEndpoints).with_evidence("the cluster has no endpoints");
    };
    let mut evidence = main.evidence.clone();
    let more = count(main.reason) - 1;
    if more > 0 {
        let _ = write!(evidence, "; {more} more with {}", main.reason.key());
    }
    let mut named = vec![main.reason];
    for cause in &causes {
        if !named.contains(&cause.reason) {
            named.push(cause.reason);
            let _ = write!(evidence, "; {} with {}", count(cause.reason), cause.reason.key());
        }
    }
    Failure::no_host_left(main.reason).with_evidence(evidence)
}

fn of_host(host: &Host, now: Instant) -> Option<Cause> {
    let flags = host.flags();
    if flags.health() != Health::Unhealthy {
        return None;
    }
    let address = host.address();
    if flags.any(HealthFlags::DISABLED) {
        let status =
            if flags.any(HealthFlags::EDS_STATUS_DRAINING) { "DRAINING" } else { "UNHEALTHY or TIMEOUT" };
        let evidence = format!("health_status of {address} is {status} in the file");
        return Some(Cause { reason: Reason::EndpointDisabled, evidence });
    }
    // Who is withdrawn is not brought back by panic either, whatever checks find.
    let down = flags.any(HealthFlags::AGENT_DOWN) && !flags.any(HealthFlags::FAILED_ACTIVE_HC);
    if down || flags.any(HealthFlags::WITHDRAWN) {
        return Some(by_agent(host, now));
    }
    if !flags.any(HealthFlags::FAILED_ACTIVE_HC) {
        let last = host.changes().pop();
        let evidence = match &last {
            Some(change) => {
                format!("{address} is {}; {} ago", change.cause, ago(now, change.at))
            }
            None => format!("{address} is ejected"),
        };
        return Some(Cause { reason: Reason::OutlierEjected, evidence });
    }
    let reports = host.check_reports();
    let failed = reports.iter().find_map(|report| Some((report, report.failure.as_ref()?)));
    Some(match failed {
        Some((report, failure)) => {
            let words = failure.evidence.as_deref().unwrap_or_else(|| failure.reason.key());
            let evidence = format!("health check of {address}: {words}; {}", times(report, now));
            Cause { reason: failure.reason, evidence }
        }
        // Healthy again, but not often enough.
        None => match reports.first() {
            Some(report) => {
                let evidence = format!(
                    "health check of {address}: {} succeeds, but not yet healthy_threshold times in a row; {}",
                    report.check,
                    times(report, now)
                );
                Cause { reason: Reason::HealthCheckPending, evidence }
            }
            None => {
                let evidence = format!("no health check of {address} has been answered yet");
                Cause { reason: Reason::HealthCheckPending, evidence }
            }
        },
    })
}

/// A host that its agent takes out of use.
fn by_agent(host: &Host, now: Instant) -> Cause {
    let withdrawn = host.flags().any(HealthFlags::WITHDRAWN);
    let reason = if withdrawn { Reason::AgentDrained } else { Reason::AgentDown };
    let address = host.address();
    let evidence = match host.agent_report() {
        Some(report) => {
            let words = report.cause.as_deref().unwrap_or_default();
            format!("the agent of {address} said {words:?}; {}", times(&report.check, now))
        }
        None => format!("the agent of {address} said so"),
    };
    Cause { reason, evidence }
}

fn of_name(name: &NameReport, now: Instant) -> Option<Cause> {
    if !name.in_use.is_empty() {
        return None;
    }
    let failure = name.failure.as_ref()?;
    let words = failure.evidence.as_deref().unwrap_or_else(|| failure.reason.key());
    let evidence = format!("{words}; {} ago, next in {}", ago(now, name.at), until(now, name.next));
    Some(Cause { reason: failure.reason, evidence })
}

fn times(report: &CheckReport, now: Instant) -> String {
    format!("{} ago, next in {}", ago(now, report.at), until(now, report.next))
}

fn ago(now: Instant, then: Instant) -> Short {
    Short(now.saturating_duration_since(then))
}

fn until(now: Instant, then: Instant) -> Short {
    Short(then.checked_duration_since(now).unwrap_or(Duration::ZERO))
}
