//! What a tally says: one finding for each kind of failure.

use std::fmt::Write as _;

use causeway_reason::{Cause, Condition, Maker, Reason};

use super::tally::{Group, Tally};
use crate::candidates::tell_apart;
use crate::finding::{Effect, Evidence, EvidenceKind, Finding, Grade, Severity, Subject};
use crate::report::Report;
use crate::said;
use crate::said::Said;

/// Kinds that are said one by one.
const SHOWN: usize = 20;

pub(super) fn judge(tally: &mut Tally, name: &str, report: &mut Report) {
    let groups = tally.groups();
    let Tally { lines, requests, failed, .. } = tally;
    if *requests == 0 {
        report.inconclusive(
            "log.read",
            said!(
                "{name}: none of its {lines} lines tells of a request in a format that is known; -c FILE names the format of an envoy.yaml",
                "{name}: {lines}줄 중 알아볼 수 있는 형식의 요청이 없습니다. -c FILE로 envoy.yaml의 형식을 알려 주십시오"
            ),
        );
        return;
    }
    let share = share(*failed, *requests);
    let (proxy, upstream, client) = makers(&groups);
    let rest = groups.len().saturating_sub(SHOWN);
    let mut words = said!(
        "{name}: {requests} requests, {failed} failed ({share}): {proxy} by the proxy, {upstream} by back-ends, {client} by clients",
        "{name}: 요청 {requests}건 중 {failed}건 실패({share}). 프록시 {proxy}건, 백엔드 {upstream}건, 클라이언트 {client}건"
    );
    if rest > 0 || tally.others > 0 {
        let count: u64 = groups.iter().skip(SHOWN).map(|group| group.count).sum::<u64>() + tally.others;
        let _ = write!(words.en, "; {rest} more kinds, {count} requests, are not shown");
        let _ = write!(words.ko, ". 그 밖의 {rest}종류 {count}건은 생략했습니다");
    }
    report.passed("log.read", words);
    for group in groups.into_iter().take(SHOWN) {
        let finding = finding(&group, tally, name);
        let target = if group.cluster.is_empty() { "requests" } else { &*group.cluster };
        report.failed(format!("log.{target}.{}", finding.cause.code()), [finding]);
    }
}

fn makers(groups: &[Group]) -> (u64, u64, u64) {
    let of = |maker: Option<Maker>| {
        groups.iter().filter(|group| group.made_by == maker).map(|group| group.count).sum::<u64>()
    };
    (of(Some(Maker::Proxy)) + of(None), of(Some(Maker::Upstream)), of(Some(Maker::Client)))
}

fn finding(group: &Group, tally: &Tally, name: &str) -> Finding {
    let causes = causes(group);
    let cause = causes.first().copied().unwrap_or(Cause::Reason(Reason::UpstreamStatus));
    let mut finding = Finding::new(cause, severity(group), title(group), evidence(group, tally, name))
        .grade(grade(group, &causes))
        .about(subject(group))
        .effect(Effect {
            status: Some(group.status),
            flags: group.flags.clone(),
            details: details(group),
            words: Some(maker(group.made_by)),
        });
    if let Some(limit) = group.durations.limit() {
        finding = finding.and(of_limit(group, limit));
    }
    if let Some(missed) = &group.missed {
        let request = &missed.request;
        finding = finding.and(Evidence::new(
            EvidenceKind::File,
            said!("the routes that it has, for {request}", "{request}에 대한 라우트"),
            Said::plain(missed.nearest.clone()),
        ));
    }
    tell_apart(finding, &causes)
}

/// The causes of a kind, those that its durations speak for first.
fn causes(group: &Group) -> Vec<Cause> {
    if let Some(missed) = &group.missed {
        return vec![missed.reason.into()];
    }
    if is_passed_through(group) {
        return vec![Condition::HostKeptIntoMesh.into()];
    }
    let mut causes = group.line.causes.clone();
    // A refusal by ARP takes its time, one by a firewall none.
    if let Some((least, most)) = group.durations.range() {
        let waits = Cause::from(Reason::HostUnreachable);
        if most < 1_000 && causes.contains(&Reason::ConnectRejected.into()) {
            causes.retain(|cause| *cause != waits);
        }
        if least >= 2_500 && causes.contains(&waits) {
            causes.retain(|cause| *cause == waits);
        }
    }
    causes
}

/// Whether a mesh has let requests out that were for one of its own services, which closes what comes in clear: the client's proxy
/// keeps a `Host` that is none of the mesh.
fn is_passed_through(group: &Group) -> bool {
    let has = |name: &str| group.flags.split(',').any(|flag| flag == name);
    group.cluster == super::PASSTHROUGH && (has("UC") || has("UF"))
}

fn severity(group: &Group) -> Severity {
    match group.made_by {
        Some(Maker::Client) => {
            if group.durations.limit().is_some() {
                Severity::Warning
            } else {
                Severity::Note
            }
        }
        // What a back-end answers is its own affair first.
        Some(Maker::Upstream) => Severity::Warning,
        Some(Maker::Proxy) | None if group.status == 0 || group.status >= 500 || group.status < 400 => {
            Severity::Error
        }
        Some(Maker::Proxy) | None => Severity::Warning,
    }
}

/// Several causes give the same line; one alone is sure only where its details are its own words.
fn grade(group: &Group, causes: &[Cause]) -> Grade {
    if let Some(missed) = &group.missed {
        return if missed.sure { Grade::Proven } else { Grade::Likely };
    }
    if is_passed_through(group) {
        return Grade::Likely;
    }
    match causes {
        [_] if group.is_known || group.line.details.is_some() || group.made_by == Some(Maker::Upstream) => {
            Grade::Proven
        }
        [_] => Grade::Likely,
        _ => Grade::Possible,
    }
}

fn subject(group: &Group) -> Subject {
    let endpoint = match &group.hosts[..] {
        // HAProxy writes the name of a server, not where it is.
        [(host, _)] if host.contains([':', '/']) => Some(host.clone()),
        _ => None,
    };
    let cluster = (!group.cluster.is_empty()).then(|| group.cluster.clone());
    Subject { cluster, endpoint, ..Subject::default() }
}

fn title(group: &Group) -> Said {
    let line = line_of(group);
    let count = group.count;
    let (en, ko) = match (&group.cluster, &group.hosts[..]) {
        (cluster, _) if !cluster.is_empty() => (format!(" to `{cluster}`"), format!("`{cluster}`로 간 ")),
        (_, [(host, _)]) if !host.is_empty() => (format!(" to {host}"), format!("{host}로 간 ")),
        _ => (String::new(), String::new()),
    };
    if group.connections {
        let details = &group.details;
        let connections = if count == 1 { "connection" } else { "connections" };
        return Said::new(
            format!("{count} {connections}{en}: {details}"),
            format!("{ko}연결 {count}건: {details}"),
        );
    }
    let (requests, ended) = if count == 1 { ("request", "ended") } else { ("requests", "ended") };
    Said::new(
        format!("{count} {requests}{en} {ended} in {line}"),
        format!("{ko}요청 {count}건이 {line}로 끝났습니다"),
    )
}

/// Status, flags and details as Envoy has them in a line; status and termination state as HAProxy has them.
fn line_of(group: &Group) -> String {
    let flags = if group.flags.is_empty() { "-" } else { &group.flags };
    let details = group.details.split('{').next().unwrap_or_default();
    if group.line.flags.is_empty() && group.flags.is_empty() && details.len() <= 4 && !details.is_empty() {
        return format!("{} {details}", group.status);
    }
    format!("{} {flags} {details}", group.status).trim_end().to_owned()
}

/// Details; behind a termination state of HAProxy also that there was no server.
fn details(group: &Group) -> String {
    let of_haproxy =
        group.flags.is_empty() && group.line.details.is_some() && matches!(group.details.len(), 2 | 4);
    if of_haproxy && group.hosts.is_empty() {
        return format!("{} <NOSRV>", group.details);
    }
    group.details.clone()
}

fn maker(made_by: Option<Maker>) -> Said {
    match made_by {
        Some(Maker::Proxy) => said!("the proxy made this answer", "프록시가 만든 응답입니다"),
        Some(Maker::Upstream) => said!(
            "the back-end made this answer, and the proxy passed it on",
            "백엔드가 만든 응답이고 프록시는 전달했습니다"
        ),
        Some(Maker::Client) => said!("the client was gone before the end", "클라이언트가 먼저 끊었습니다"),
        None => said!("the log does not say who made this answer", "누가 만든 응답인지 로그에 없습니다"),
    }
}

fn evidence(group: &Group, tally: &Tally, name: &str) -> Evidence {
    let (count, requests) = (group.count, tally.requests);
    let share = share(count, requests);
    let mut seen =
        said!("{count} of {requests} requests ({share})", "요청 {requests}건 중 {count}건({share})");
    let mut both = |en: &str, ko: &str| {
        seen.en.push_str(en);
        seen.ko.push_str(ko);
    };
    let (first, last) = (&group.span.first, &group.span.last);
    if first == last {
        if !first.is_empty() {
            both(&format!(", at {first}"), &format!(", {first}"));
        }
    } else {
        both(&format!(", first {first}, last {last}"), &format!(", 처음 {first}, 마지막 {last}"));
        if let Some(minutes) = group.span.seconds().map(|seconds| seconds / 60.0).filter(|it| *it >= 0.5) {
            // A count of this size loses nothing that is printed.
            #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52, and one digit is printed")]
            let rate = count as f64 / minutes;
            both(&format!(", {rate:.1} a minute"), &format!(", 분당 {rate:.1}건"));
        }
    }
    if group.hosts.len() > 1 {
        let hosts: Vec<_> = group
            .hosts
            .iter()
            .map(|(host, count)| format!("{} {count}", if host.is_empty() { "…" } else { host }))
            .collect();
        let hosts = hosts.join(", ");
        both(&format!("; by host: {hosts}"), &format!(". 호스트별: {hosts}"));
    }
    if let Some((least, most)) = group.durations.range() {
        let times = if least == most { format!("{least} ms") } else { format!("{least}–{most} ms") };
        both(&format!("; took {times}"), &format!(". 걸린 시간 {times}"));
    }
    Evidence::new(EvidenceKind::Log, Said::plain(name), seen)
}

/// Where requests end at a limit, somebody has set it.
fn of_limit(group: &Group, limit: u64) -> Evidence {
    let what = said!("their durations", "걸린 시간");
    let seen = if group.made_by == Some(Maker::Client) {
        said!(
            "they end {limit} ms after they began: the limit of time of whoever asks",
            "시작하고 {limit} ms 뒤에 끝납니다. 요청하는 쪽의 제한 시간입니다"
        )
    } else if group.flags.split(',').any(|flag| flag == "UT" || flag == "UpstreamRequestTimeout") {
        let default = if limit == 15_000 { (", Envoy's default", "(Envoy 기본값)") } else { ("", "") };
        let (en, ko) = default;
        said!(
            "they end at {limit} ms: the route's timeout{en}",
            "{limit} ms에 끝납니다. 라우트의 timeout입니다{ko}"
        )
    } else {
        said!("they end at {limit} ms: a limit of time", "{limit} ms에 끝납니다. 어떤 제한 시간입니다")
    };
    Evidence::new(EvidenceKind::Log, what, seen)
}

/// A share in per cent.
fn share(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    if thousandths == 0 && part > 0 {
        return "< 0.1 %".to_owned();
    }
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
