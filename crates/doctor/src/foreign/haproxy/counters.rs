//! What grows, and what waits, while somebody looks.

use causeway_reason::{Cause, Condition, Reason};

use super::settle::{Counted, Symptom};
use super::shown::subject;
use super::state::{Observed, Row};
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity};
use crate::said;
use crate::said::Said;

/// Requests that wait because a server has as many as `maxconn` lets it have.
pub(super) fn queue(observed: &Observed, row: &Row) -> Option<Finding> {
    let (waiting, current, limit) = (row.number("qcur"), row.number("scur"), row.number("slim"));
    if waiting == 0 || limit == 0 || current < limit {
        return None;
    }
    let (backend, name) = (row.backend(), row.name());
    let failed = observed.grew(row, "dresp");
    Some(
        Finding::new(
            Condition::HaproxyQueueTimeout,
            Severity::Warning,
            said!(
                "{waiting} requests wait for {backend}/{name}, which has all of its maxconn {limit}",
                "{backend}/{name}의 maxconn {limit}이 다 차서 요청 {waiting}건이 기다립니다"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain(format!("show stat: {backend}/{name}")),
                Said::plain(format!("qcur {waiting}, scur {current}, slim {limit}, dresp +{failed}")),
            ),
        )
        .about(subject(observed, row))
        .grade(Grade::Likely)
        .effect(Effect { status: Some(503), details: "sQ--".to_owned(), ..Effect::default() }),
    )
}

/// A counter of a server, and what it means that it grows.
struct Rule {
    column: &'static str,
    /// What the log says of such requests.
    state: &'static str,
    symptom: Symptom,
    en: &'static str,
    ko: &'static str,
    causes: &'static [Cause],
}

const RULES: &[Rule] = &[
    Rule {
        column: "econ",
        state: "SC--",
        symptom: Symptom::Connect,
        en: "connections to it fail",
        ko: "연결이 실패합니다",
        causes: &[
            Cause::Reason(Reason::ConnectRefused),
            Cause::Reason(Reason::ConnectTimeout),
            Cause::Reason(Reason::UpstreamTlsPlain),
            Cause::Condition(Condition::AddressStale),
        ],
    },
    Rule {
        column: "eresp",
        state: "SH--",
        symptom: Symptom::Closed,
        en: "its answers fail",
        ko: "응답이 실패합니다",
        causes: &[
            Cause::Reason(Reason::UpstreamClosed),
            Cause::Reason(Reason::UpstreamSpeaksTls),
            Cause::Reason(Reason::UpstreamNotHttp),
            Cause::Reason(Reason::UpstreamHeadersTooLarge),
            Cause::Condition(Condition::ProxyHeaderWanted),
            Cause::Condition(Condition::HaproxyServerTimeout),
        ],
    },
];

/// What fails while somebody looks.
pub(super) fn counters(observed: &Observed, row: &Row) -> Vec<Counted> {
    let (backend, name) = (row.backend(), row.name());
    let seconds = observed.between.as_secs_f64();
    let of = |rule: &Rule| {
        let Rule { column, state, symptom, en, ko, causes } = rule;
        let grew = observed.grew(row, column);
        let first = causes.first().copied().filter(|_| grew > 0)?;
        let value = row.number(column);
        let retries = observed.grew(row, "wretr");
        let finding = Finding::new(
            first,
            Severity::Error,
            said!(
                "{backend}/{name}: {en}, {grew} times in {seconds:.1} s",
                "{backend}/{name}: {ko}. {seconds:.1}초 동안 {grew}회"
            ),
            Evidence::new(
                EvidenceKind::Admin,
                Said::plain(format!("show stat: {backend}/{name}")),
                Said::plain(format!("{column} {value} (+{grew}), wretr +{retries}")),
            ),
        )
        .about(subject(observed, row))
        .grade(Grade::Possible)
        .effect(Effect { details: (*state).to_owned(), ..Effect::default() });
        Some(Counted { finding: tell_apart(finding, causes), symptom: *symptom })
    };
    RULES.iter().filter_map(of).collect()
}
