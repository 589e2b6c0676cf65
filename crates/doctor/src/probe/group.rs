//! One root cause is told once, however many it concerns.

use causeway_reason::{Cause, Condition, Reason};

use crate::finding::{Finding, Severity};
use crate::said::Said;

/// What findings have in common that have the same root.
#[derive(Debug)]
struct Root {
    cause: Cause,
    severity: Severity,
    /// The cluster and the endpoint, where the cause is within one of them.
    within: Option<(Option<String>, Option<String>)>,
}

impl Root {
    fn is_that_of(&self, other: &Self) -> bool {
        let is_within = match (&self.within, &other.within) {
            (None, None) => true,
            (Some((cluster, endpoint)), Some(other)) => *cluster == other.0 || *endpoint == other.1,
            (None, Some(_)) | (Some(_), None) => false,
        };
        is_within && (self.cause, self.severity) == (other.cause, other.severity)
    }
}

/// Joins findings that have the same root: the first is kept, and says what else it explains. What belongs to a cluster is
/// joined within the cluster, and so is what concerns one address in several of them; names that nobody answers for, and addresses that can't be reached, over all of them.
pub(super) fn join(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<(Root, Finding)> = Vec::new();
    for finding in findings {
        let root = root(&finding);
        match kept.iter_mut().find(|(known, _)| known.is_that_of(&root)) {
            Some((_, first)) => first.also_explains.push(finding.subject),
            None => kept.push((root, finding)),
        }
    }
    kept.into_iter().map(|(_, finding)| counted(finding)).collect()
}

fn root(finding: &Finding) -> Root {
    let of_all = matches!(
        finding.cause,
        Cause::Reason(
            Reason::DnsTimeout
                | Reason::DnsServerFailure
                | Reason::ConnectTimeout
                | Reason::HostUnreachable
                | Reason::NetworkUnreachable
                | Reason::DescriptorsExhausted
                | Reason::LocalPortsExhausted
                | Reason::ConnectNotPermitted
        ) | Cause::Condition(Condition::ResolverMissed)
    );
    let subject = &finding.subject;
    let within = (!of_all).then(|| (subject.cluster.clone(), subject.endpoint.clone()));
    Root { cause: finding.cause, severity: finding.severity, within }
}

fn counted(mut finding: Finding) -> Finding {
    let more = finding.also_explains.len();
    if more > 0 {
        let Said { en, ko } = &finding.title;
        finding.title = Said::new(format!("{en} (and {more} more)"), format!("{ko} (외 {more}개)"));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Evidence, Subject};

    fn finding(cause: impl Into<Cause>, cluster: &str, endpoint: &str) -> Finding {
        Finding::new(cause, Severity::Error, Said::plain("t"), Evidence::file(Said::plain("e")))
            .about(Subject::cluster(cluster).endpoint(endpoint))
    }

    #[test]
    fn a_dead_name_server_is_told_of_once() {
        let many = (0..40).map(|n| finding(Reason::DnsTimeout, &format!("c{n}"), "x")).collect();
        let joined = join(many);
        assert_eq!(joined.len(), 1);
        let only = joined.first().unwrap();
        assert_eq!((only.also_explains.len(), &*only.title.en), (39, "t (and 39 more)"));
    }

    #[test]
    fn what_belongs_to_a_cluster_stays_with_it() {
        let found = vec![
            finding(Reason::ConnectRefused, "a", "1"),
            finding(Reason::ConnectRefused, "a", "2"),
            finding(Reason::ConnectRefused, "b", "3"),
            finding(Reason::HealthCheckNotFound, "b", "1"),
        ];
        assert_eq!(join(found).len(), 3);
        let same = vec![finding(Reason::ConnectRefused, "a", "1"), finding(Reason::ConnectRefused, "b", "1")];
        assert_eq!(join(same).len(), 1, "two clusters with one endpoint");
    }
}
