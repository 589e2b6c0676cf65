//! Findings that two checks came to in different ways are one, with the evidence of both.

use super::Report;
use crate::finding::Finding;

impl Report {
    /// Puts findings together that name the same cause of the same endpoint of the same cluster.
    pub fn join(&mut self) {
        let mut joined: Vec<Finding> = Vec::with_capacity(self.findings.len());
        for finding in self.findings.drain(..) {
            match joined.iter_mut().find(|known| is_same(known, &finding)) {
                Some(known) => known.join(finding),
                None => joined.push(finding),
            }
        }
        self.findings = joined;
    }
}

fn is_same(a: &Finding, b: &Finding) -> bool {
    let of = |finding: &Finding| {
        (finding.cause, finding.subject.cluster.clone(), finding.subject.endpoint.clone())
    };
    a.subject.cluster.is_some() && a.subject.endpoint.is_some() && of(a) == of(b)
}

impl Finding {
    /// The surer and the worse of both hold.
    fn join(&mut self, other: Self) {
        self.severity = self.severity.min(other.severity);
        self.grade = self.grade.min(other.grade);
        self.evidence.extend(other.evidence);
        for excluded in other.ruled_out {
            if !self.ruled_out.contains(&excluded) {
                self.ruled_out.push(excluded);
            }
        }
        self.also_explains.extend(other.also_explains);
        for fix in other.fixes {
            if !self.fixes.contains(&fix) {
                self.fixes.push(fix);
            }
        }
        self.effect = self.effect.take().or(other.effect);
    }
}

#[cfg(test)]
mod tests {
    use causeway_reason::Reason;

    use super::*;
    use crate::finding::{Evidence, Grade, Severity, Subject};
    use crate::said::Said;

    #[test]
    fn the_same_cause_of_the_same_endpoint_is_said_once() {
        let finding = |endpoint: &str, seen: &str| {
            let seen = Evidence::file(Said::plain(seen));
            Finding::new(Reason::NetworkUnreachable, Severity::Error, Said::plain(""), seen)
                .about(Subject::cluster("app").endpoint(endpoint))
        };
        let listener = || {
            let seen = Evidence::file(Said::plain("c"));
            Finding::new(Reason::NetworkUnreachable, Severity::Error, Said::plain(""), seen)
        };
        let likely = finding("10.0.0.1:80", "a").grade(Grade::Likely);
        let findings =
            vec![likely, finding("10.0.0.2:80", "b"), finding("10.0.0.1:80", "d"), listener(), listener()];
        let mut report = Report { findings, ..Report::default() };
        report.join();
        let counts: Vec<_> = report.findings.iter().map(|finding| finding.evidence.len()).collect();
        assert_eq!(counts, [2, 1, 1, 1]);
        assert_eq!(report.findings[0].grade, Grade::Proven);
    }
}
