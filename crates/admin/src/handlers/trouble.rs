//! What is wrong with hosts and names, in `/clusters`, where Envoy says nothing. A cluster that never
//! had trouble has nothing of this.

use std::fmt::Write as _;
use std::time::SystemTime;

use causeway_reason::Reason;
use serde_json::{Map, Value, json};

use crate::time::{between, human, timestamp};
use crate::view::{
    AgentStatus, CheckOutcome, DnsStatus, HealthCheckResult, HealthCheckStatus, HealthFlag, HealthFlags,
    HostStatus,
};

/// The health checks of a host that is in trouble, or was.
pub(crate) fn host(host: &HostStatus) -> Option<&HealthCheckStatus> {
    host.health_check.as_ref().filter(|check| check.last_failure.is_some() || !host.health.usable())
}

/// Why the last health check of a host failed, where it did.
pub(crate) fn check_failure(host: &HostStatus) -> Option<Reason> {
    match host.health_check.as_ref()?.last.as_ref()?.outcome {
        CheckOutcome::Failed { reason, .. } => Some(reason),
        CheckOutcome::Passed { .. } => None,
    }
}

/// Lines for `/clusters`, each with this in front.
pub(crate) fn host_lines(out: &mut String, prefix: &str, status: &HealthCheckStatus, now: SystemTime) {
    match &status.last {
        Some(last) => {
            let _ = write!(out, "{prefix}::last_health_check::");
            check_line(out, last, now);
            let _ = write!(out, " in_a_row={}", status.in_a_row);
        }
        None => {
            let _ = write!(out, "{prefix}::last_health_check::none");
        }
    }
    next(out, status.next, now);
    out.push('\n');
    // The last failure is told apart where it is not the last check.
    if let Some(failure) = earlier_failure(status) {
        let _ = write!(out, "{prefix}::last_failed_health_check::");
        check_line(out, failure, now);
        out.push('\n');
    }
}

/// Why the agent of a host keeps it out of use, where it does.
pub(crate) fn agent_reason(health: HealthFlags) -> Option<Reason> {
    let withdrawn = [HealthFlag::DrainedByAgent, HealthFlag::MaintenanceByAgent];
    if withdrawn.into_iter().any(|flag| health.contains(flag)) {
        return Some(Reason::AgentDrained);
    }
    health.contains(HealthFlag::DownByAgent).then_some(Reason::AgentDown)
}

/// `…::agent::weight=25% line="25%" ok at=…`: what the agent of a host has said, and how it was asked last.
pub(crate) fn agent_line(out: &mut String, prefix: &str, agent: &AgentStatus, now: SystemTime) {
    let _ = write!(out, "{prefix}::agent::weight={}%", agent.percent);
    if let Some(line) = &agent.line {
        let _ = write!(out, " line={line:?}");
    }
    if let Some(last) = &agent.check.last {
        out.push(' ');
        check_line(out, last, now);
    }
    next(out, agent.check.next, now);
    out.push('\n');
}

/// The same for JSON.
pub(crate) fn agent_json(agent: &AgentStatus) -> Value {
    json!({
        "weight_percent": agent.percent,
        "line": agent.line.as_deref(),
        "last_answer": agent.check.last.as_ref().map_or(Value::Null, check_json),
        "next_question": moment(agent.check.next),
    })
}

/// The last failure, where checks have passed since.
pub(crate) fn earlier_failure(status: &HealthCheckStatus) -> Option<&HealthCheckResult> {
    status.last_failure.as_ref().filter(|failure| status.last.as_ref() != Some(failure))
}

/// `connect_refused at=… ago=2.1s took=1ms status=500 evidence="…"`
fn check_line(out: &mut String, check: &HealthCheckResult, now: SystemTime) {
    let (word, status, evidence) = match &check.outcome {
        CheckOutcome::Passed { status } => ("ok", *status, None),
        CheckOutcome::Failed { reason, status, evidence } => (reason.key(), *status, evidence.as_deref()),
    };
    let ago = human(between(check.at, now));
    let _ = write!(out, "{word} at={} ago={ago} took={}", timestamp(check.at), human(check.took));
    if let Some(status) = status {
        let _ = write!(out, " status={status}");
    }
    if let Some(evidence) = evidence {
        let _ = write!(out, " evidence={evidence:?}");
    }
}

fn next(out: &mut String, next: Option<SystemTime>, now: SystemTime) {
    match next {
        Some(next) => {
            let _ = write!(out, " next_in={}", human(between(now, next)));
        }
        None => out.push_str(" next_in=now"),
    }
}

/// The line of a name whose lookup failed.
pub(crate) fn dns_line(out: &mut String, cluster: &str, dns: &DnsStatus, now: SystemTime) {
    let Some(failure) = &dns.failure else { return };
    let answer = dns.answer.as_ref().map_or_else(|| "never".to_owned(), |a| human(between(a.at, now)));
    let _ = write!(
        out,
        "{cluster}::dns::{}::{} at={} ago={} in_a_row={} last_answer_ago={answer}",
        dns.name,
        failure.reason.key(),
        timestamp(failure.at),
        human(between(failure.at, now)),
        failure.in_a_row,
    );
    next(out, dns.next, now);
    if let Some(evidence) = &failure.evidence {
        let _ = write!(out, " evidence={evidence:?}");
    }
    out.push('\n');
}

/// The same for JSON.
pub(crate) fn host_json(status: &HealthCheckStatus) -> Value {
    let mut object = Map::new();
    object.insert("last_health_check".to_owned(), status.last.as_ref().map_or(Value::Null, check_json));
    if let Some(failure) = earlier_failure(status) {
        object.insert("last_failed_health_check".to_owned(), check_json(failure));
    }
    object.insert("in_a_row".to_owned(), status.in_a_row.into());
    object.insert("next_health_check".to_owned(), moment(status.next));
    Value::Object(object)
}

/// One check for JSON.
pub(crate) fn check_json(check: &HealthCheckResult) -> Value {
    let mut object = Map::new();
    let (result, status) = match &check.outcome {
        CheckOutcome::Passed { status } => ("ok", status),
        CheckOutcome::Failed { reason, status, .. } => (reason.key(), status),
    };
    object.insert("result".to_owned(), result.into());
    object.insert("at".to_owned(), timestamp(check.at).into());
    object.insert("took_ms".to_owned(), millis(check));
    if let Some(status) = status {
        object.insert("status".to_owned(), (*status).into());
    }
    if let CheckOutcome::Failed { evidence: Some(evidence), .. } = &check.outcome {
        object.insert("evidence".to_owned(), (**evidence).into());
    }
    Value::Object(object)
}

fn millis(check: &HealthCheckResult) -> Value {
    // To the microsecond.
    let micros = u32::try_from(check.took.as_micros()).unwrap_or(u32::MAX);
    (f64::from(micros) / 1000.0).into()
}

/// A name for JSON.
pub(crate) fn dns_json(dns: &DnsStatus) -> Value {
    let failure = dns.failure.as_ref().map_or(Value::Null, |failure| {
        json!({
            "reason": failure.reason.key(),
            "at": timestamp(failure.at),
            "in_a_row": failure.in_a_row,
            "evidence": failure.evidence.as_deref(),
        })
    });
    let answer = dns.answer.as_ref().map_or(Value::Null, |answer| {
        let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
        json!({
            "at": timestamp(answer.at),
            "addresses": addresses,
            "ttl_seconds": answer.ttl.map(|ttl| ttl.as_secs()),
        })
    });
    json!({
        "name": &*dns.name,
        "failure": failure,
        "last_answer": answer,
        "next_lookup": moment(dns.next),
    })
}

fn moment(time: Option<SystemTime>) -> Value {
    time.map_or(Value::Null, |time| timestamp(time).into())
}
