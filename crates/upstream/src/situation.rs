//! What was known of a host when a request to it failed, in words: for the journal, which asks only then.

use std::fmt::Write as _;
use std::time::Instant;

use causeway_model::{ClusterType, LbPolicy};

use crate::cluster::Cluster;
use crate::host::Host;
use crate::words::Short;

impl Cluster {
    /// The host's health, and what its last checks said: `/failed_active_hc; GET /health failed 2.1 s ago, next in 3 s`.
    #[must_use]
    pub fn state_of(&self, host: &Host, now: Instant) -> String {
        let mut words = host.flags().to_string();
        for report in host.check_reports() {
            let ended = Short(now.saturating_duration_since(report.at));
            let next = Short(report.next.saturating_duration_since(now));
            let came = match (&report.failure, report.status) {
                (None, Some(status)) => format!("answered {status}"),
                (None, None) => "passed".to_owned(),
                (Some(_), Some(status)) => format!("failed with {status}"),
                (Some(failure), None) => format!("failed ({})", failure.reason.key()),
            };
            let _ = write!(words, "; {} {came} {ended} ago, next in {next}", report.check);
        }
        words
    }

    /// How the host came to be chosen: `ROUND_ROBIN among 1 healthy of 3 hosts, priority 0 of 2, in panic`.
    #[must_use]
    pub fn choice_of(&self, host: &Host) -> String {
        match self.config().kind {
            ClusterType::OriginalDst(_) => return "as the request or its connection said".to_owned(),
            ClusterType::Aggregate(_) => return "by a cluster of the aggregate".to_owned(),
            ClusterType::Static | ClusterType::StrictDns(_) | ClusterType::LogicalDns(_) => {}
        }
        let set = self.host_set();
        let mut words = String::from(policy(&self.config().lb_policy));
        let Some(index) = set.priority_of(host) else {
            words.push_str("; the host has left the cluster since");
            return words;
        };
        let Some(priority) = set.priorities().get(index) else { return words };
        let (healthy, all) = (priority.healthy().len(), priority.hosts().len());
        let hosts = if all == 1 { "host" } else { "hosts" };
        let _ = write!(words, " among {healthy} healthy of {all} {hosts}");
        if set.priorities().len() > 1 {
            let _ = write!(words, ", priority {index} of {}", set.priorities().len());
        }
        if priority.in_panic() {
            words.push_str(", in panic");
        }
        words
    }

    /// How old the answer is that the host's address comes from: `app.test was 10.0.0.3, as 10.0.0.53:53 answered 12 s ago`;
    /// empty where its address is written in the file.
    #[must_use]
    pub fn name_of(&self, host: &Host, now: Instant) -> String {
        let Some(address) = host.address().ip().map(|address| address.ip()) else { return String::new() };
        let names = self.names();
        let Some(name) = names.iter().find(|name| name.in_use.contains(&address)) else {
            return String::new();
        };
        let Some(answered) = name.answered else { return String::new() };
        let age = Short(now.saturating_duration_since(answered));
        let mut words = format!("{} was {address}, as {} answered {age} ago", name.name, name.source);
        if let Some(failure) = &name.failure {
            let _ =
                write!(words, "; since then {} look-ups failed ({})", name.failures, failure.reason.key());
        }
        words
    }
}

const fn policy(policy: &LbPolicy) -> &'static str {
    match policy {
        LbPolicy::RoundRobin(_) => "ROUND_ROBIN",
        LbPolicy::LeastRequest(_) => "LEAST_REQUEST",
        LbPolicy::Random => "RANDOM",
        LbPolicy::RingHash(_) => "RING_HASH",
        LbPolicy::Maglev(_) => "MAGLEV",
    }
}
