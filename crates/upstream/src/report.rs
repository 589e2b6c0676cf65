//! Log lines about hosts and names: one for each change, with its cause.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use causeway_reason::{Failure, Reason};

use crate::cluster::Cluster;
use crate::cluster_core::Tally;
use crate::dns::NameReport;
use crate::flags::{Health, HealthFlags};
use crate::health::{AgentReport, CheckReport};
use crate::host::Host;
use crate::outlier::{Cause, Change, Kind};
use crate::words::Short;

/// What the last check of a host came to: the words for its life, and a line where that is news.
pub(crate) fn health(
    cluster: &Cluster,
    host: &Host,
    found: &CheckReport,
    is_news: bool,
    left: Tally,
) -> String {
    if host.flags().any(HealthFlags::FAILED_ACTIVE_HC) {
        // With several checks the one that came last need not be the one that failed.
        let reports = host.check_reports();
        let failure = found.failure.as_ref().or_else(|| reports.iter().find_map(|one| one.failure.as_ref()));
        let (key, words) = match failure {
            Some(failure) => (failure.reason.key(), failure.evidence.as_deref().unwrap_or_default()),
            None => ("health_check_pending", "another check has not been answered yet"),
        };
        let cause = format!("down: {key} ({words})");
        if is_news {
            let (name, address) = (cluster.name(), host.address());
            tracing::warn!(target: "hc", "{name} {address} is {cause}; {left}");
        }
        return cause;
    }
    let took = Short(found.took);
    let answer = match found.status {
        Some(status) => format!("{} answered {status} after {took}", found.check),
        None => format!("{} succeeded after {took}", found.check),
    };
    let state = match host.health() {
        Health::Degraded => "degraded",
        Health::Unhealthy if host.flags().any(HealthFlags::FAILED_OUTLIER_CHECK) => "up, but ejected",
        Health::Unhealthy if host.flags().any(HealthFlags::BY_AGENT) => "up, but out of use by its agent",
        // The checks are passed, but the file says otherwise.
        Health::Unhealthy => "up, but out of use by its health_status",
        Health::Healthy => "up",
    };
    let cause = format!("{state}: {answer}");
    if is_news {
        let (name, address) = (cluster.name(), host.address());
        tracing::info!(target: "hc", "{name} {address} is {cause}; {left}");
    }
    cause
}

/// What outlier detection did to a host, or would have done: the words for its life, and a line.
pub(crate) fn outlier(cluster: &Cluster, change: &Change, left: Tally) -> String {
    let found = |kind: Kind, words: String, out: Duration| {
        format!("{} ({words}), for {}", kind.name().to_ascii_lowercase(), Short(out))
    };
    let rate = |rate: f64| format!("{rate:.1} % of its requests went well");
    let (state, why) = match change.cause {
        Cause::Consecutive { kind, failures, status, out } => {
            let last = status.map(|status| format!(", the last with status {status}")).unwrap_or_default();
            ("ejected", found(kind, format!("{failures} in a row{last}"), out))
        }
        Cause::SuccessRate { kind, rate: own, rates, out } => {
            let (average, least) = (rates.average, rates.ejection_threshold);
            let words = format!("{}, of all {average:.1} %, ejected below {least:.1} %", rate(own));
            ("ejected", found(kind, words, out))
        }
        Cause::FailurePercentage { kind, rate: own, out } => ("ejected", found(kind, rate(own), out)),
        Cause::Degraded { out } => {
            ("degraded", format!("an answer said x-envoy-degraded, for {}", Short(out)))
        }
        Cause::Returned => ("back", "its ejection is over".into()),
        Cause::NoLongerDegraded => ("back", "it is no longer taken for degraded".into()),
        Cause::CheckPassed => ("back", "a health check succeeded".into()),
    };
    let (name, address) = (cluster.name(), change.host.address());
    let cause = format!("{state}: {why}");
    match (change.cause.kind(), change.enforced) {
        (None, _) => tracing::info!(target: "upstream", "{name} {address} is {cause}; {left}"),
        (Some(_), true) => tracing::warn!(target: "upstream", "{name} {address} is {cause}; {left}"),
        (Some(kind), false) => {
            let kind = kind.name().to_ascii_lowercase();
            tracing::debug!(target: "upstream", "{name} {address} is not {cause}: enforcing_{kind} spares it");
        }
    }
    cause
}

/// What an agent said of its host: the words for its life, and a line.
pub(crate) fn agent(cluster: &Cluster, host: &Host, report: &AgentReport, left: Tally) -> String {
    let flags = host.flags();
    let state = match () {
        () if flags.any(HealthFlags::AGENT_MAINT) => "in maintenance".to_owned(),
        () if flags.any(HealthFlags::AGENT_DOWN) => format!("down: {}", Reason::AgentDown.key()),
        () if flags.any(HealthFlags::AGENT_DRAIN) => "drained".to_owned(),
        () => format!("in use with {} % of its weight", report.percent),
    };
    let cause = format!("{state} (its agent says {:?})", report.line.as_deref().unwrap_or_default());
    let (name, address) = (cluster.name(), host.address());
    if flags.any(HealthFlags::AGENT_DOWN) {
        tracing::warn!(target: "hc", "{name} {address} is {cause}; {left}");
    } else {
        tracing::info!(target: "hc", "{name} {address} is {cause}; {left}");
    }
    cause
}

/// An agent that is not heard or not understood, or is again.
pub(crate) fn agent_fault(cluster: &Cluster, host: &Host, failure: Option<&Failure>) {
    let (name, address) = (cluster.name(), host.address());
    match failure {
        Some(failure) => {
            let (key, words) = (failure.reason.key(), failure.evidence.as_deref().unwrap_or_default());
            tracing::warn!(target: "hc", "{name}: the agent of {address} can't be understood: {key} ({words}); what it said before holds");
        }
        None => tracing::info!(target: "hc", "{name}: the agent of {address} can be understood"),
    }
}

/// A host that stays though its name does not stand for it any more, or does again.
pub(crate) fn removal(cluster: &Cluster, host: &Host) -> String {
    let (name, address) = (cluster.name(), host.address());
    if host.flags().any(HealthFlags::PENDING_DYNAMIC_REMOVAL) {
        let cause = "kept: its name does not stand for it any more, but its health checks succeed";
        tracing::info!(target: "dns", "{name} {address} is {cause}");
        return cause.into();
    }
    let cause = "back: its name stands for it again";
    tracing::info!(target: "dns", "{name} {address} is {cause}");
    cause.into()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} hosts healthy", self.healthy, self.total)
    }
}

/// A name that stands for other addresses than before, or failed otherwise than before.
pub(crate) fn name(cluster: &str, before: Option<&NameReport>, after: &NameReport) {
    let reason = |report: &NameReport| report.failure.as_ref().map(|failure| failure.reason);
    let same_addresses = before.is_some_and(|before| before.in_use == after.in_use);
    if same_addresses && before.and_then(reason) == reason(after) {
        return;
    }
    let name = &after.name;
    match &after.failure {
        None => {
            let mut line = format!("{cluster}: {name} stands for {}", list(&after.in_use));
            match before {
                Some(before) if !before.in_use.is_empty() && !same_addresses => {
                    let _ = write!(line, ", before for {}", list(&before.in_use));
                }
                Some(before) if before.failure.is_some() => line.push_str(" again"),
                _ => {}
            }
            tracing::info!(target: "dns", "{line}");
        }
        Some(failure) => {
            let (key, words) = (failure.reason.key(), failure.evidence.as_deref().unwrap_or_default());
            let rest = match after.in_use.as_slice() {
                [] => String::new(),
                addresses => format!("; {} stay in use", list(addresses)),
            };
            let what = match failure.reason {
                Reason::DnsNameNotFound | Reason::DnsNoAddress => "has no address",
                _ => "can't be looked up",
            };
            tracing::warn!(target: "dns", "{cluster}: {name} {what}: {key} ({words}){rest}");
        }
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}
