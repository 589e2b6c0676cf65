//! Failures that were counted, and what was found elsewhere: a probe that says why a cluster fails says too which of the causes
//! it was.

use causeway_reason::{Cause, Condition, HaproxyLine, Line, Protocol, Reason};

use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity};
use crate::report::Report;
use crate::said;

/// What leaves a cluster without hosts, beside the causes that lines name.
const OF_NO_HOST: &[Cause] = &[
    Cause::Condition(Condition::NoTrafficInterval),
    Cause::Condition(Condition::HealthCheckHost),
    Cause::Condition(Condition::HealthCheckMethod),
    Cause::Condition(Condition::LoopbackInContainer),
    Cause::Condition(Condition::NetworkNotShared),
];

/// What ends requests with a connection, beside the causes that lines name.
const OF_CLOSED: &[Cause] =
    &[Cause::Reason(Reason::UpstreamClosedInBody), Cause::Reason(Reason::UpstreamClosedInHead)];

/// Joins each finding about what was counted, in a log or by a proxy, with the one about the same cluster that names its cause:
/// one fault is said once, with all that speaks for it.
pub fn settle(report: &mut Report) {
    let (mut counted, mut known): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(is_counted);
    // The surest first: a line that only one cause gives says which of them a counter stands for.
    counted.sort_by_key(|finding| finding.grade);
    for finding in counted {
        let fitting = which(&finding, &known);
        match &fitting[..] {
            [] => match known.iter_mut().find(|other| is_alike(&finding, other)) {
                Some(other) => agree(other, finding),
                None => known.push(finding),
            },
            [first, ..] if !finding.subject.is_empty() || fitting.len() == 1 => {
                if let Some(other) = known.get_mut(*first) {
                    other.evidence.extend(finding.evidence);
                    // What happens is said rather than what would.
                    if finding.cause == other.cause && finding.severity < other.severity {
                        other.title = finding.title;
                        other.effect = finding.effect.or(other.effect.take());
                    }
                    other.severity = other.severity.min(finding.severity);
                }
            }
            several => {
                let finding = one_of(finding, several.iter().filter_map(|at| known.get(*at)));
                known.push(finding);
            }
        }
    }
    report.findings = known;
}

/// Whether a log and a counter tell of the same failures, and neither knows the cause.
fn is_alike(finding: &Finding, other: &Finding) -> bool {
    let flags =
        |finding: &Finding| finding.effect.as_ref().map(|effect| effect.flags.clone()).unwrap_or_default();
    open(finding)
        && open(other)
        && is_counted_by(finding, EvidenceKind::Log) != is_counted_by(other, EvidenceKind::Log)
        && finding.severity != Severity::Note
        && other.severity != Severity::Note
        && !flags(finding).is_empty()
        && flags(finding) == flags(other)
        && finding.subject.cluster == other.subject.cluster
}

/// What both witnesses allow is what it may be; where that is one cause, it is likely the one.
fn agree(known: &mut Finding, mut other: Finding) {
    // A log has the details, and says how many requests it were.
    if is_counted_by(&other, EvidenceKind::Log) {
        std::mem::swap(known, &mut other);
    }
    let mut causes = known.candidates.clone();
    if causes.iter().any(|cause| other.candidates.contains(cause)) {
        causes.retain(|cause| other.candidates.contains(cause));
    }
    known.evidence.append(&mut other.evidence);
    known.severity = known.severity.min(other.severity);
    let Some(first) = causes.first() else { return };
    known.cause = *first;
    known.candidates.clear();
    known.fixes.clear();
    if causes.len() == 1 {
        known.grade = Grade::Likely;
    }
    *known = tell_apart(known.clone(), &causes);
}

/// Whether it was counted rather than asked for.
fn is_counted(finding: &Finding) -> bool {
    is_counted_by(finding, EvidenceKind::Log) || is_counted_by(finding, EvidenceKind::Admin)
}

fn is_counted_by(finding: &Finding, kind: EvidenceKind) -> bool {
    finding.evidence.first().is_some_and(|evidence| evidence.kind == kind)
}

/// Those that may say why, the best first.
fn which(finding: &Finding, known: &[Finding]) -> Vec<usize> {
    let none = Effect::default();
    let effect = finding.effect.as_ref().unwrap_or(&none);
    let causes = causes_of(finding, effect);
    let has = |name: &str| effect.flags.split(',').any(|flag| flag == name);
    let (of_no_host, of_closed) = (has("UH"), has("UC"));
    let fits = |other: &Finding| {
        if finding.grade != Grade::Possible || other.severity == Severity::Note {
            return (other.cause == finding.cause || refines(other, finding, &causes))
                && same_subject(finding, other);
        }
        // A rule about the file says what would happen, not what does.
        let asked = other.evidence.iter().any(|evidence| evidence.kind != EvidenceKind::File);
        let same_flags = !effect.flags.is_empty()
            && other.effect.as_ref().is_some_and(|other| other.flags == effect.flags);
        let explains = other.cause == finding.cause
            || causes.contains(&other.cause)
            || same_flags
            || (of_no_host && OF_NO_HOST.contains(&other.cause))
            || (of_closed && OF_CLOSED.contains(&other.cause))
            || (other.grade == Grade::Proven
                && (same_endpoint(finding, other) || happens_now(finding, other)))
            || (is_check(finding.cause) && is_check(other.cause));
        let nameless = finding.subject.is_empty() && same_flags;
        // What never came to a cluster: a counter has the name of statistics, and others that of the listener, or none.
        let no_cluster = |finding: &Finding| finding.subject.cluster.is_none();
        let before = no_cluster(finding) && no_cluster(other) && same_flags;
        asked && explains && (nameless || before || same_subject(finding, other))
    };
    let mut fitting: Vec<_> =
        known.iter().enumerate().filter(|(_, other)| !open(other) && fits(other)).collect();
    let is_named = |other: &Finding| causes.contains(&other.cause);
    fitting.sort_by_key(|(_, other)| {
        (other.cause != finding.cause, other.severity, other.grade, !is_named(other))
    });
    fitting.into_iter().map(|(at, _)| at).collect()
}

/// Whether a probe proves which of the causes of a line it is, where a proxy knows what happened to it and not why there: it is
/// refused, and the back-end listens on its loopback address.
fn refines(other: &Finding, finding: &Finding, causes: &[Cause]) -> bool {
    finding.subject.cluster.is_some()
        && other.grade == Grade::Proven
        && other.evidence.first().is_some_and(|evidence| evidence.kind == EvidenceKind::Probe)
        && causes.contains(&other.cause)
}

/// What gives such a line, of Envoy or of HAProxy.
fn causes_of(finding: &Finding, effect: &Effect) -> Vec<Cause> {
    let status = effect.status.unwrap_or(0);
    let backend = finding.subject.cluster.as_deref().unwrap_or_default();
    let state = effect.details.split(' ').next().unwrap_or_default();
    let protocol = match state.len() {
        4 if effect.flags.is_empty() => Protocol::Http,
        2 if effect.flags.is_empty() => Protocol::Tcp,
        _ => return Line::of_parts(status, &effect.flags, &effect.details, "").causes,
    };
    let of = |server: &str| {
        HaproxyLine { protocol, time: "", frontend: "", backend, server, total: None, status, state }.causes()
    };
    [of("<NOSRV>"), of("one")].concat()
}

fn same_endpoint(finding: &Finding, other: &Finding) -> bool {
    let (a, b) = (&finding.subject, &other.subject);
    a.cluster.is_some() && a.cluster == b.cluster && a.endpoint.is_some() && a.endpoint == b.endpoint
}

/// Whether what a proxy counts just now is what its back-ends do just now: as long as every request fails for a reason that is
/// proven, nothing else can be told from counters. A health check that fails is no reason for what becomes of requests.
fn happens_now(finding: &Finding, other: &Finding) -> bool {
    is_counted_by(finding, EvidenceKind::Admin)
        && finding.severity != Severity::Note
        && (is_counted_by(other, EvidenceKind::Probe) || is_counted_by(other, EvidenceKind::Dns))
        && other.severity == Severity::Error
        && !is_check(other.cause)
}

/// Whether it is counted, and its cause is not known.
fn open(finding: &Finding) -> bool {
    is_counted(finding) && finding.grade == Grade::Possible
}

/// Whether it is about a health check that fails.
fn is_check(cause: Cause) -> bool {
    cause.key().starts_with("health_check")
}

/// Requests of a line that does not name their cluster may have met any of these.
fn one_of<'a>(mut finding: Finding, others: impl Iterator<Item = &'a Finding>) -> Finding {
    let others: Vec<_> = others.collect();
    let Some(first) = others.first() else { return finding };
    finding.cause = first.cause;
    finding.grade = Grade::Likely;
    finding.fixes.clear();
    let mut codes: Vec<_> = others.iter().map(|other| other.cause.code()).collect();
    codes.dedup();
    let codes = codes.join(", ");
    for other in others {
        let (code, en, ko) = (other.cause.code(), &other.title.en, &other.title.ko);
        finding = finding.and(Evidence::new(
            EvidenceKind::Probe,
            said!("asked now", "지금 확인"),
            said!("{code}: {en}", "{code}: {ko}"),
        ));
    }
    finding.fix(Fix::manual(said!(
        "mend what is said of {codes}; a log format with %UPSTREAM_CLUSTER% says which it was",
        "{codes}을(를) 조치하십시오. 로그 형식에 %UPSTREAM_CLUSTER%가 있으면 어느 것인지 알 수 있습니다"
    )))
}

fn same_subject(finding: &Finding, other: &Finding) -> bool {
    let (a, b) = (&finding.subject, &other.subject);
    let endpoint = a.endpoint.is_some() && a.endpoint == b.endpoint;
    let same = |subject: &crate::Subject| a.cluster.is_some() && a.cluster == subject.cluster;
    let contradicts = a.endpoint.is_some() && b.endpoint.is_some() && !endpoint;
    (same(b) || endpoint || other.also_explains.iter().any(same)) && !contradicts
}
