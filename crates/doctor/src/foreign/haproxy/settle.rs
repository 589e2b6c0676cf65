//! What HAProxy counts, logs and says of checks is a symptom; what a probe, a file or a state says is a cause. One fault is
//! told once, with all that speaks for it.
//!
//! Each symptom of a server, or of a backend, is joined with the cause that was found for the same one and can bring it
//! about. A symptom that nothing explains stays, with all causes that it may have.

use causeway_reason::{Cause, Condition, Reason};

use crate::finding::{EvidenceKind, Finding, Grade, Severity};
use crate::report::Report;

/// What stands for a server where there is none.
const NO_SERVER: &str = "<NOSRV>";

/// What HAProxy sees of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symptom {
    /// A check that does not come as far as a connection.
    CheckConnects,
    /// A check that does not come as far as a request.
    CheckHandshakes,
    /// A check that is not answered as it should be.
    CheckAnswered,
    /// No server is left: `<NOSRV>`.
    NoServer,
    /// Connections are not made: `SC`, `sC`, and the counter econ.
    Connect,
    /// No answer comes: `SH`, and the counter eresp.
    Closed,
    /// No answer comes in time: `sH`.
    Late,
    /// The answer is none: `PH`.
    Broken,
    /// The answer is not whole: `SD`, `sD`.
    Body,
    /// The server's own status.
    Status,
    /// A request that a client has not sent well: `PR`, `cR`.
    Request,
    /// Anything else.
    Other,
}

/// A finding about a symptom.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) finding: Finding,
    pub(super) symptom: Symptom,
}

impl Symptom {
    /// Of the termination state of a line.
    fn of_line(state: &str, has_server: bool) -> Self {
        match state.as_bytes() {
            [b'S', b'C', ..] if !has_server => Self::NoServer,
            [b'S' | b's', b'C', ..] => Self::Connect,
            [b'S', b'H', ..] => Self::Closed,
            [b's', b'H', ..] => Self::Late,
            [b'P', b'H', ..] => Self::Broken,
            [b'S' | b's', b'D' | b'L', ..] => Self::Body,
            [b'P' | b'c', b'R' | b'T', ..] => Self::Request,
            [b'-', b'-', ..] => Self::Status,
            _ => Self::Other,
        }
    }

    /// Whether a cause of this family brings it about.
    fn may_come_of(self, cause: Cause) -> bool {
        let families = match self {
            Self::CheckConnects => "TD",
            Self::CheckHandshakes => "STDP",
            Self::CheckAnswered => "HPSOTD",
            Self::NoServer => "DTSPHOR",
            // HTTP/2 that is not understood ends before there is a request.
            Self::Connect => "TSDP",
            Self::Closed => "PSO",
            Self::Late => "OPST",
            Self::Broken => "PS",
            Self::Body => "PO",
            Self::Status => "PS",
            Self::Request => "KLO",
            Self::Other => "",
        };
        cause.code().starts_with(|family| families.contains(family))
    }

    const fn is_of_check(self) -> bool {
        matches!(self, Self::CheckConnects | Self::CheckHandshakes | Self::CheckAnswered)
    }
}

/// Joins what was counted with what was found.
pub(super) fn settle(mut counted: Vec<Counted>, report: &mut Report) {
    report.join();
    by_stale_addresses(&mut counted, report);
    by_short_checks(&mut counted, report);
    by_hand(report);
    by_checks(report);
    // What a check or an answer says is more than what a counter does.
    counted.sort_by_key(|one| one.finding.grade);
    for mut one in counted {
        let is_late = one.symptom.is_of_check() && one.finding.cause == Reason::HealthCheckTimeout.into();
        if one.symptom == Symptom::Status || (is_late && one.finding.grade == Grade::Proven) {
            take_silence(&mut one.finding, report);
        }
        match explained_by(&one, &report.findings).and_then(|at| report.findings.get_mut(at)) {
            Some(known) => merge(known, one.finding),
            None => report.findings.push(one.finding),
        }
    }
}

/// Silence is all that a probe hears which does not wait long enough: where HAProxy has waited for an answer, or its check has
/// given up, that is what it was.
fn take_silence(counted: &mut Finding, report: &mut Report) {
    let is_silence = |finding: &Finding| {
        finding.cause == Condition::HaproxyServerTimeout.into()
            && finding.evidence.first().is_some_and(|evidence| evidence.kind == EvidenceKind::Probe)
            && is_about_the_same(counted, finding)
    };
    let (silent, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_silence);
    report.findings = others;
    silent.into_iter().for_each(|finding| counted.evidence.extend(finding.evidence));
}

/// Joins what a log has counted with what was found.
pub fn settle_log(report: &mut Report) {
    let is_line = |finding: &Finding| {
        let of_log = finding.evidence.first().is_some_and(|evidence| evidence.kind == EvidenceKind::Log);
        of_log && finding.effect.as_ref().is_some_and(|effect| effect.flags.is_empty())
    };
    let (lines, known): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_line);
    report.findings = known;
    let counted = |finding: Finding| {
        let details = finding.effect.as_ref().map_or("", |effect| &*effect.details);
        Counted { symptom: Symptom::of_line(details, !details.ends_with(NO_SERVER)), finding }
    };
    settle(lines.into_iter().map(counted).collect(), report);
}

/// That nobody, or somebody else, answers at an address which its name has left is no fault of its own.
fn by_stale_addresses(counted: &mut Vec<Counted>, report: &mut Report) {
    let is_stale =
        |finding: &Finding| finding.cause == Condition::AddressStale.into() && finding.grade == Grade::Proven;
    let (mut stale, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_stale);
    let explains = |stale: &Finding, other: &Finding| {
        stale.subject == other.subject
            && !matches!(other.cause.code().as_bytes().first(), Some(b'C' | b'D' | b'L'))
    };
    for other in others {
        match stale.iter_mut().find(|stale| explains(stale, &other)) {
            Some(stale) => merge(stale, other),
            None => report.findings.push(other),
        }
    }
    counted.retain(|one| match stale.iter_mut().find(|stale| explains(stale, &one.finding)) {
        Some(stale) => {
            merge(stale, one.finding.clone());
            false
        }
        None => true,
    });
    report.findings.extend(stale);
}

/// Where `inter` is the time of a check, that is why it is too late, and that the probe was too is the same.
fn by_short_checks(counted: &mut Vec<Counted>, report: &mut Report) {
    let is_short = |finding: &Finding| {
        finding.cause == Condition::CheckTimeoutIsInter.into() && finding.grade == Grade::Proven
    };
    let (short, rest): (Vec<_>, Vec<_>) =
        std::mem::take(counted).into_iter().partition(|one| is_short(&one.finding));
    *counted = rest;
    for Counted { mut finding, .. } in short {
        // Something came, and not what was waited for: more time would change nothing.
        let is_other = |other: &&mut Finding| {
            other.cause == Reason::HealthCheckProtocol.into() && other.subject == finding.subject
        };
        if let Some(other) = report.findings.iter_mut().find(is_other) {
            merge(other, finding);
            continue;
        }
        let late = |other: &Finding| {
            other.subject == finding.subject
                && (other.cause == Reason::HealthCheckTimeout.into()
                    || other.cause == Condition::HaproxyServerTimeout.into())
        };
        let (same, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut report.findings).into_iter().partition(late);
        report.findings = others;
        same.into_iter().for_each(|other| merge(&mut finding, other));
        report.findings.push(finding);
    }
}

/// Who was taken out of service may fail its check, which may even be how that was done (`disable-on-404`).
fn by_hand(report: &mut Report) {
    let is_set = |finding: &Finding| finding.cause == Reason::EndpointDisabled.into();
    let (mut set, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_set);
    for finding in others {
        let is_same = |other: &&mut Finding| is_check(finding.cause) && other.subject == finding.subject;
        match set.iter_mut().find(is_same) {
            // On purpose, and of no weight where another server is left.
            Some(set) => set.evidence.extend(finding.evidence),
            None => report.findings.push(finding),
        }
    }
    report.findings.extend(set);
}

/// Requests are asked for the page of the check: where that fails, or is late, the check is what it is about.
fn by_checks(report: &mut Report) {
    let is_of_page = |finding: &Finding| {
        let causes = [Reason::UpstreamStatus.into(), Condition::HaproxyServerTimeout.into()];
        let is_probe = finding.evidence.first().is_some_and(|evidence| evidence.kind == EvidenceKind::Probe);
        is_probe && causes.contains(&finding.cause)
    };
    let (failing, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_of_page);
    report.findings = others;
    for finding in failing {
        let is_check = |other: &&mut Finding| is_check(other.cause) && other.subject == finding.subject;
        match report.findings.iter_mut().find(is_check) {
            Some(check) => merge(check, finding),
            None => report.findings.push(finding),
        }
    }
}

/// Whether it is about a check that fails.
fn is_check(cause: Cause) -> bool {
    cause.key().starts_with("health_check") || cause == Condition::CheckTimeoutIsInter.into()
}

/// The cause of a symptom, the best of those that were found.
fn explained_by(one: &Counted, known: &[Finding]) -> Option<usize> {
    let fits = |other: &Finding| {
        other.severity != Severity::Note
            && is_about_the_same(&one.finding, other)
            && (other.cause == one.finding.cause
                || one.symptom.may_come_of(other.cause)
                || (other.cause == Condition::AddressStale.into() && one.symptom != Symptom::Request))
    };
    let rank = |other: &Finding| {
        let kinship = match () {
            () if other.cause == one.finding.cause => 0,
            () if one.symptom.is_of_check() == is_check(other.cause) => 1,
            () => 2,
        };
        (kinship, other.severity, other.grade)
    };
    let fitting = known.iter().enumerate().filter(|(_, other)| fits(other));
    fitting.min_by_key(|(_, other)| rank(other)).map(|(at, _)| at)
}

/// The same server, or the same backend where one of both names no more; a frontend is one by either of its names.
fn is_about_the_same(a: &Finding, b: &Finding) -> bool {
    let place =
        |finding: &Finding| finding.subject.cluster.clone().or_else(|| finding.subject.listener.clone());
    let contradicts = match (&a.subject.endpoint, &b.subject.endpoint) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    };
    let also = b
        .also_explains
        .iter()
        .any(|subject| subject.cluster == a.subject.cluster && a.subject.cluster.is_some());
    ((place(a).is_some() && place(a) == place(b)) || also) && !contradicts
}

fn merge(known: &mut Finding, other: Finding) {
    known.severity = known.severity.min(other.severity);
    if known.cause == other.cause {
        known.grade = known.grade.min(other.grade);
    }
    // What happens is said rather than what would.
    let is_counted = other.evidence.first().is_some_and(|evidence| evidence.kind == EvidenceKind::Log);
    known.effect =
        if is_counted { other.effect.or(known.effect.take()) } else { known.effect.take().or(other.effect) };
    known.evidence.extend(other.evidence);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Effect, Evidence, Subject};
    use crate::said::Said;

    fn finding(cause: impl Into<Cause>, endpoint: &str, kind: EvidenceKind) -> Finding {
        let evidence = Evidence::new(kind, Said::plain("seen"), Said::plain("so"));
        let subject = Subject::cluster("apps");
        Finding::new(cause, Severity::Error, Said::plain("it fails"), evidence)
            .about(if endpoint.is_empty() { subject } else { subject.endpoint(endpoint) })
    }

    fn probed(cause: impl Into<Cause>, endpoint: &str) -> Finding {
        finding(cause, endpoint, EvidenceKind::Probe)
    }

    fn line(cause: impl Into<Cause>, state: &str) -> Finding {
        let effect = Effect { status: Some(503), details: state.to_owned(), ..Effect::default() };
        finding(cause, "", EvidenceKind::Log).grade(Grade::Possible).effect(effect)
    }

    fn left(report: &Report) -> Vec<(&'static str, usize)> {
        report.findings.iter().map(|one| (one.cause.code(), one.evidence.len())).collect()
    }

    #[test]
    fn a_stale_address_explains_what_is_at_it_and_nothing_else() {
        let findings = vec![
            probed(Reason::ConnectRefused, "10.0.0.100:5002"),
            probed(Reason::ConnectRefused, "10.0.0.7:5002"),
            probed(Reason::HealthCheckStatus, "10.0.0.100:5002"),
            probed(Condition::AddressStale, "10.0.0.100:5002"),
        ];
        let mut report = Report { findings, ..Report::default() };
        settle(Vec::new(), &mut report);
        assert_eq!(left(&report), [("T201", 1), ("D107", 3)]);
    }

    #[test]
    fn a_check_that_has_inter_for_its_time_is_one_fault() {
        let checked = finding(Condition::CheckTimeoutIsInter, "10.0.0.7:80", EvidenceKind::Admin);
        let mut report =
            Report { findings: vec![probed(Reason::HealthCheckTimeout, "10.0.0.7:80")], ..Report::default() };
        settle(vec![Counted { finding: checked, symptom: Symptom::CheckAnswered }], &mut report);
        assert_eq!(left(&report), [("O822", 2)]);
    }

    #[test]
    fn lines_are_joined_with_what_can_bring_them_about() {
        for (state, cause, joined) in [
            ("SC--", Cause::from(Reason::ConnectRejected), true),
            ("SC--", Reason::UpstreamTlsExpired.into(), true),
            ("SC--", Reason::HealthCheckNotFound.into(), false),
            ("SC-- <NOSRV>", Reason::HealthCheckNotFound.into(), true),
            ("SH--", Condition::ProxyHeaderWanted.into(), true),
            ("SH--", Reason::ConnectRejected.into(), false),
            ("PH--", Reason::UpstreamSpeaksTls.into(), true),
            ("----", Reason::ConnectRefused.into(), false),
        ] {
            let of_line =
                if state == "SC-- <NOSRV>" { Reason::HealthCheckStatus } else { Reason::UpstreamClosed };
            let findings = vec![probed(cause, "10.0.0.7:80"), line(of_line, state)];
            let mut report = Report { findings, ..Report::default() };
            settle_log(&mut report);
            assert_eq!(report.findings.len(), if joined { 1 } else { 2 }, "{state} {}", cause.code());
            assert_eq!(report.findings.first().unwrap().cause, cause);
        }
    }
}
