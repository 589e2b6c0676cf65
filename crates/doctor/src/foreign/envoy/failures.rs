//! What failed lately, by the journal of a Causeway: the cause of each request is known where it failed, so nothing has to be
//! concluded from counters. Envoy keeps no such journal.

use std::collections::BTreeMap;

use causeway_envoy::{LoadOptions, Source};
use causeway_model::SourcePosition;
use causeway_reason::{Blame, Cause, Reason};
use jiff::Timestamp;
use serde_json::Value;

use super::fields::text;
use super::observed::Observed;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Fix, Grade, Severity, Subject, under};
use crate::foreign::http::AdminServer;
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// The check's name.
pub(super) const ID: &str = "admin.failures";
/// Causes that are said one by one; the others are counted.
const SHOWN: usize = 16;
/// What was met last before that many seconds is over: it is told, and counts for nothing.
const LATELY: i64 = 600;
/// Failures that are asked for at first.
const LAST: usize = 100;

/// What the journal says; null where there is none, as of an Envoy.
pub(super) fn ask(server: &AdminServer, info: &Value) -> Value {
    let is_causeway = Observed { server: info.clone(), ..Observed::default() }.is_causeway();
    if !is_causeway {
        return Value::Null;
    }
    let mut why = get(server, &format!("/why?format=json&last={LAST}"));
    // Of a cause that is not among the last there is still one that says how it was.
    let missing: Vec<_> = causes(&why)
        .into_iter()
        .take(SHOWN)
        .filter(|met| newest(&why, met).is_none())
        .map(|met| met.code.to_owned())
        .collect();
    for code in missing {
        let of_code = get(server, &format!("/why?format=json&last={LAST}&code={code}"));
        let more = of_code.get("failures").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(known) = why.get_mut("failures").and_then(Value::as_array_mut) {
            known.extend(more);
        }
    }
    why
}

fn get(server: &AdminServer, target: &str) -> Value {
    let answer = server.get(target).ok().filter(|(status, _)| *status == 200);
    answer.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or(Value::Null)
}

/// Says each cause; `file` is what runs, where somebody has named it.
pub(super) fn failures(observed: &Observed, server: &str, file: Option<&Source>, report: &mut Report) {
    if observed.why.is_null() {
        return;
    }
    let all = causes(&observed.why);
    if all.is_empty() {
        report.passed(ID, said!("no request has failed", "실패한 요청이 없습니다"));
        return;
    }
    let mut found = Report::default();
    for met in all.iter().take(SHOWN) {
        let last = newest(&observed.why, met);
        let finding = of(observed, server, met, last);
        found.findings.extend(last.into_iter().flat_map(|last| also(last, met, &finding)));
        found.findings.push(finding);
    }
    if let Some(file) = file {
        found.locate(file, &LoadOptions { allow_unsupported: true, ..LoadOptions::default() });
    }
    found.findings.sort_by_key(|finding| finding.severity);
    report.failed(ID, found.findings);
    let rest = all.get(SHOWN..).unwrap_or_default();
    if !rest.is_empty() {
        let (kinds, count) = (rest.len(), rest.iter().map(|met| met.total).sum::<u64>());
        report.passed(
            format!("{ID}.more"),
            said!(
                "{kinds} more causes, of {count} failures, are not shown: {server}/why has them",
                "그 밖의 원인 {kinds}가지, 실패 {count}건은 생략했습니다. {server}/why에 있습니다"
            ),
        );
    }
}

/// A cause, and how often it was met at a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Met<'v> {
    code: &'v str,
    reason: Reason,
    cluster: &'v str,
    /// Where the routes stand in the file.
    routes: Vec<&'v str>,
    total: u64,
    last_minute: u64,
    first: &'v str,
    last: &'v str,
}

/// The causes, those that were met most often first.
fn causes(why: &Value) -> Vec<Met<'_>> {
    let mut met: BTreeMap<(&str, &str), Met<'_>> = BTreeMap::new();
    for cause in why.get("causes").and_then(Value::as_array).into_iter().flatten() {
        let number = |name: &str| cause.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (code, cluster) = (text(cause, &["code"]), text(cause, &["cluster"]));
        // One of a newer version than this doctor.
        let Some(reason) = Reason::find(code) else { continue };
        let (first, last) = (text(cause, &["first"]), text(cause, &["last"]));
        let one = met.entry((code, cluster)).or_insert(Met {
            code,
            reason,
            cluster,
            routes: Vec::new(),
            total: 0,
            last_minute: 0,
            first,
            last,
        });
        one.total += number("total");
        one.last_minute += number("last_minute");
        // Times are written so that the earlier is the smaller text.
        one.first = one.first.min(first);
        one.last = one.last.max(last);
        one.routes.extend(Some(text(cause, &["route"])).filter(|route| !route.is_empty()));
    }
    let mut met: Vec<_> = met.into_values().collect();
    met.sort_by_key(|met| std::cmp::Reverse(met.total));
    met
}

/// The last failure of that cause.
fn newest<'v>(why: &'v Value, met: &Met<'_>) -> Option<&'v Value> {
    let failures = why.get("failures").and_then(Value::as_array);
    failures
        .into_iter()
        .flatten()
        .find(|failure| text(failure, &["code"]) == met.code && text(failure, &["cluster"]) == met.cluster)
}

fn of(observed: &Observed, server: &str, met: &Met<'_>, last: Option<&Value>) -> Finding {
    let cause = Cause::Reason(met.reason);
    let Met { total, last_minute, first, last: at, .. } = met;
    let status = last.and_then(|last| last.get("status")?.as_u64()).and_then(|it| u16::try_from(it).ok());
    let sentence = cause.sentence();
    let (en, ko) = (sentence.en.trim_end_matches('.'), sentence.ko.trim_end_matches('.'));
    let place = if met.cluster.is_empty() { String::new() } else { format!("`{}`: ", met.cluster) };
    let times = if *total == 1 { "once".to_owned() } else { format!("{total} times") };
    let title = said!("{place}{en}, {times}", "{place}{ko}, {total}회");
    let counted = Evidence::new(
        EvidenceKind::Admin,
        Said::plain("/why"),
        said!(
            "{} {total}, {last_minute} of them within a minute; since {first}, last {at}",
            "{} {total}건, 최근 1분 {last_minute}건. 처음 {first}, 마지막 {at}",
            met.code
        ),
    );
    let mut subject = Subject {
        cluster: Some(met.cluster.to_owned()).filter(|name| !name.is_empty()),
        route: met.routes.first().map(|route| (*route).to_owned()),
        ..Subject::default()
    };
    let mut finding =
        Finding::new(cause, severity(observed, met, status), title, counted).grade(Grade::Proven);
    if let Some(last) = last {
        finding = finding.and(of_last(server, last));
        let named = |name: &str| Some(text(last, &[name]).to_owned()).filter(|name| !name.is_empty());
        subject.listener = named("listener").filter(|_| subject.cluster.is_none());
        subject.virtual_host = named("virtual_host");
        finding = finding.effect(Effect {
            status,
            flags: text(last, &["flags"]).to_owned(),
            details: text(last, &["details"]).to_owned(),
            words: None,
        });
    }
    finding = finding.about(subject);
    if let Some(position) = met.routes.first().and_then(|route| position(route)) {
        finding = finding.at(under(&position, ""), said!("requests by this route", "이 라우트의 요청"));
    }
    let advice = cause.advice();
    finding.fix(Fix::manual(Said::new(advice.en.trim_end_matches('.'), advice.ko.trim_end_matches('.'))))
}

/// What the facts of the last one show beside its cause.
fn also<'v>(
    last: &'v Value,
    met: &'v Met<'_>,
    finding: &'v Finding,
) -> impl Iterator<Item = Finding> + use<'v> {
    let conditions = last.get("also").and_then(Value::as_array).into_iter().flatten();
    conditions.filter_map(|also| Cause::find(text(also, &["code"]))).map(move |cause| {
        let sentence = cause.sentence();
        let (en, ko) = (sentence.en.trim_end_matches('.'), sentence.ko.trim_end_matches('.'));
        let place = if met.cluster.is_empty() { String::new() } else { format!("`{}`: ", met.cluster) };
        let (code, id) = (met.code, text(last, &["id"]));
        let seen = Evidence::new(
            EvidenceKind::Admin,
            Said::plain(format!("/why/{id}")),
            said!("as the last failure by {code} shows", "{code}에 의한 마지막 실패에서 확인"),
        );
        // The failure itself is said with its cause.
        Finding::new(
            cause,
            finding.severity.max(Severity::Warning),
            said!("{place}{en}", "{place}{ko}"),
            seen,
        )
        .about(finding.subject.clone())
        .grade(Grade::Likely)
    })
}

/// `GET shop.test/cart at 10.0.0.3:80: nothing listens there`
fn of_last(server: &str, last: &Value) -> Evidence {
    let fact = |name: &str| text(last, &[name]);
    let id = fact("id");
    let what = match fact("method") {
        "" => "connection".to_owned(),
        method => format!("{method} {}{}", fact("authority"), fact("path")),
    };
    let evidence = fact("evidence");
    // Most of what is observed of a host begins with its address.
    let host = Some(fact("host")).filter(|host| !host.is_empty() && !evidence.starts_with(host));
    let host = host.map(|host| format!(" at {host}")).unwrap_or_default();
    Evidence::new(
        EvidenceKind::Admin,
        said!("the last of them, {id}", "그중 마지막, {id}"),
        Said::plain(format!("{what}{host}: {evidence}")),
    )
    .command(format!("curl -s {server}/why/{id}"))
}

/// How much it matters: what clients do, and what the configuration turns away on purpose, is a note.
fn severity(observed: &Observed, met: &Met<'_>, status: Option<u16>) -> Severity {
    let now = i64::try_from(observed.now).unwrap_or(i64::MAX);
    let last = met.last.parse::<Timestamp>().map_or(now, Timestamp::as_second);
    let on_purpose = matches!(
        met.reason,
        Reason::DirectResponse | Reason::ConnectionLimit | Reason::ConnectionRateLimited
    );
    if on_purpose || now.saturating_sub(last) > LATELY {
        return Severity::Note;
    }
    match met.reason.spec().blame {
        Blame::Client | Blame::Operator => Severity::Note,
        // What a back-end answers is its own affair first.
        _ if met.reason == Reason::UpstreamStatus => Severity::Warning,
        Blame::Config | Blame::Dns | Blame::Network | Blame::Upstream | Blame::Host | Blame::Proxy => {
            if status.is_some_and(|status| (400..500).contains(&status)) {
                Severity::Warning
            } else {
                Severity::Error
            }
        }
    }
}

/// `envoy.yaml:12:3`
fn position(route: &str) -> Option<SourcePosition> {
    let (rest, column) = route.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some(SourcePosition { file: Some(file.into()), line: line.parse().ok()?, column: column.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(causes: Value, failures: Value) -> Report {
        let now: Timestamp = "2026-11-20T16:00:00Z".parse().unwrap();
        let observed = Observed {
            why: json!({"causes": causes, "failures": failures}),
            now: u64::try_from(now.as_second()).unwrap(),
            ..Observed::default()
        };
        let mut report = Report::default();
        super::failures(&observed, "http://127.0.0.1:9901", None, &mut report);
        report
    }

    fn cause(code: &str, cluster: &str, route: &str, last: &str) -> Value {
        json!({"code": code, "cluster": cluster, "route": route, "total": 3, "last_minute": 1,
            "first": "2026-11-20T15:00:00.000Z", "last": last})
    }

    const NOW: &str = "2026-11-20T15:59:30.000Z";

    #[test]
    fn routes_of_a_cause_are_one_finding_with_the_last_failure() {
        let report = found(
            json!([cause("T201", "app", "envoy.yaml:7:3", NOW), cause("T201", "app", "envoy.yaml:9:3", NOW)]),
            json!([{"id": "00ab", "code": "T201", "cluster": "app", "host": "10.0.0.3:80", "method": "GET",
                "authority": "a.test", "path": "/x", "evidence": "refused by the host", "status": 503, "flags": "UF,URX",
                "details": "d", "also": [{"code": "P418"}]}]),
        );
        let shown: Vec<_> =
            report.findings.iter().map(|one| (one.cause.code(), one.severity, one.grade)).collect();
        assert_eq!(
            shown,
            [("T201", Severity::Error, Grade::Proven), ("P418", Severity::Warning, Grade::Likely)]
        );
        let finding = report.findings.first().unwrap();
        assert!(finding.title.en.ends_with(", 6 times"), "{}", finding.title.en);
        assert_eq!(
            finding.evidence.last().unwrap().observed.en,
            "GET a.test/x at 10.0.0.3:80: refused by the host"
        );
    }

    #[test]
    fn what_clients_do_and_what_is_over_is_a_note() {
        let severity = |code: &str, last: &str| {
            found(json!([cause(code, "", "", last)]), json!([])).findings.first().map(|one| one.severity)
        };
        assert_eq!(severity("O808", NOW), Some(Severity::Note));
        assert_eq!(severity("L714", NOW), Some(Severity::Note));
        assert_eq!(severity("P417", NOW), Some(Severity::Warning));
        assert_eq!(severity("T201", "2026-11-20T15:01:00.000Z"), Some(Severity::Note));
        assert_eq!(severity("T201", NOW), Some(Severity::Error));
    }

    #[test]
    fn there_are_at_most_so_many() {
        let causes: Vec<_> = (0..40).map(|n| cause("T201", &format!("c{n}"), "", NOW)).collect();
        let report = found(json!(causes), json!([]));
        assert_eq!(report.findings.len(), SHOWN);
        assert_eq!(report.checks.last().unwrap().id, "admin.failures.more");
        assert!(found(json!([]), json!([])).findings.is_empty());
    }
}
