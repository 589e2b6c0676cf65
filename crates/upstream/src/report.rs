//! Log lines about hosts and names: one for each change, with its cause.

use std::fmt::Write as _;
use std::net::IpAddr;

use causeway_reason::Reason;

use crate::cluster::Cluster;
use crate::dns::NameReport;
use crate::flags::{Health, HealthFlags};
use crate::health::CheckReport;
use crate::host::Host;
use crate::words::Short;

/// A host that came up or went down, by what its last check found.
pub(crate) fn health(cluster: &Cluster, host: &Host, found: &CheckReport) {
    let hosts = cluster.host_set();
    let (name, address) = (cluster.name(), host.address());
    let left = format!("{} of {} hosts healthy", hosts.healthy_count(), hosts.hosts().count());
    if host.flags().any(HealthFlags::FAILED_ACTIVE_HC) {
        // With several checks the one that came last need not be the one that failed.
        let reports = host.check_reports();
        let failure = found.failure.as_ref().or_else(|| reports.iter().find_map(|one| one.failure.as_ref()));
        let (key, words) = match failure {
            Some(failure) => (failure.reason.key(), failure.evidence.as_deref().unwrap_or_default()),
            None => ("health_check_pending", "another check has not been answered yet"),
        };
        tracing::warn!(target: "hc", "{name} {address} is down: {key} ({words}); {left}");
        return;
    }
    let took = Short(found.took);
    let answer = match found.status {
        Some(status) => format!("{} answered {status} after {took}", found.check),
        None => format!("{} succeeded after {took}", found.check),
    };
    let state = match host.health() {
        Health::Degraded => "degraded",
        // The checks are passed, but the file says otherwise.
        Health::Unhealthy => "up, but out of use by its health_status",
        Health::Healthy => "up",
    };
    tracing::info!(target: "hc", "{name} {address} is {state}: {answer}; {left}");
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
