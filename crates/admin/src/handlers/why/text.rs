//! `/why` as text.

use std::fmt::Write as _;

use causeway_journal::{Fact, Outcome, Record, Subject, Tally};
use causeway_reason::Language;

use super::words::{self, Words};
use super::{Page, millis, moment};
use crate::time::{between, human, timestamp};

pub(super) fn page(page: &Page) -> String {
    let mut out = String::new();
    match &page.id {
        Some(id) if page.records.is_empty() => {
            let _ = writeln!(
                out,
                "{} {}",
                words::unknown(id, page.language),
                words::counted(page.count, page.language)
            );
        }
        Some(_) => {}
        None if page.only_failures && !page.records.is_empty() => {}
        None if page.count.0 == 0 => {
            let _ = writeln!(out, "{}", words::none(page.language));
        }
        None => {
            summary(&mut out, page);
            if !page.records.is_empty() {
                let _ = writeln!(out, "\n{}:\n", words::last(page.records.len(), page.language));
            }
        }
    }
    for (at, record) in page.records.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        self::record(&mut out, page, record);
    }
    out
}

fn summary(out: &mut String, page: &Page) {
    let language = page.language;
    let _ = writeln!(out, "{}\n", words::counted(page.count, language));
    if page.tallies.is_empty() {
        let _ = writeln!(out, "{}", words::none_of_those(language));
        return;
    }
    let [times, minute, since, last, why, ..] = words::titles(language);
    for title in [times, minute, since, last] {
        let _ = write!(out, "{}  ", words::right(title, 9));
    }
    let _ = writeln!(out, "{why}");
    for tally in &page.tallies {
        let ago = |at| human(between(moment(at), page.now));
        let _ = writeln!(
            out,
            "{:>9}  {:>9}  {:>9}  {:>9}  {} {}{}",
            tally.total,
            tally.per_minute(millis(page.now)),
            ago(tally.first),
            ago(tally.last),
            tally.reason.code(),
            tally.reason.key(),
            place(tally),
        );
    }
}

/// ` cluster=backend route=envoy.yaml:40`
fn place(tally: &Tally) -> String {
    let mut place = String::new();
    for (name, value) in [("cluster", &tally.cluster), ("route", &tally.route)] {
        if !value.is_empty() {
            let _ = write!(place, " {name}={value}");
        }
    }
    place
}

fn record(out: &mut String, page: &Page, record: &Record) {
    let spec = record.reason.spec();
    let at = moment(record.at);
    let _ = writeln!(
        out,
        "{} {}  {}  {}  {}  why={:016x}",
        record.reason.code(),
        spec.key,
        answer(record, page.language),
        timestamp(at),
        words::ago(&human(between(at, page.now)), page.language),
        record.id
    );
    let _ = writeln!(out, "    {}", subject(record, page.language));
    let _ = writeln!(out, "    {}", spec.sentence.get(page.language));
    let evidence = record.fact(Fact::Evidence);
    if !evidence.is_empty() {
        let _ = writeln!(out, "    [{evidence}]");
    }
    let _ = writeln!(out, "    {}", spec.advice.get(page.language));
    for (name, value) in details(page, record) {
        let pad = 13_usize.saturating_sub(words::width(name)).max(1);
        let _ = writeln!(out, "    {name}{:pad$}{value}", "");
    }
}

/// `503 UF`, or `no answer -`.
pub(super) fn answer(record: &Record, language: Language) -> String {
    let flags = match record.fact(Fact::Flags) {
        "" => "-",
        flags => flags,
    };
    match record.status {
        0 => format!("{} {flags}", Words::of(language).no_answer),
        status => format!("{status} {flags}"),
    }
}

/// `GET api.test/users from 10.0.0.7 after 3 ms`
pub(super) fn subject(record: &Record, language: Language) -> String {
    let (authority, client) = (record.fact(Fact::Authority), record.fact(Fact::Client));
    let what = match (record.subject, record.fact(Fact::Method)) {
        (Subject::Request, "") => Words::of(language).unreadable.to_owned(),
        (Subject::Request, method) => format!("{method} {authority}{}", record.fact(Fact::Path)),
        (Subject::Connection, _) => words::connection(authority, language),
    };
    words::subject(&what, client, record.took, language)
}

/// What else is known, by name.
pub(super) fn details(page: &Page, record: &Record) -> Vec<(&'static str, String)> {
    let language = page.language;
    let fact = |fact: Fact| Some(record.fact(fact)).filter(|text| !text.is_empty());
    let mut all = Vec::new();
    let said = Words::of(language);
    let mut add = |name, value: Option<String>| {
        all.extend(value.map(|value| (words::label(name, language), value)));
    };
    for condition in page.near.also(record) {
        let spec = condition.spec();
        add("also", Some(format!("{} {}: {}", condition.code(), spec.key, spec.sentence.get(language))));
    }
    add("listener", fact(Fact::Listener).map(str::to_owned));
    let virtual_host = fact(Fact::VirtualHost).map(|name| format!("{}{name}", said.virtual_host));
    add("route", fact(Fact::Route).map(|route| format!("{route}{}", virtual_host.unwrap_or_default())));
    add("cluster", fact(Fact::Cluster).map(str::to_owned));
    add("host", fact(Fact::Host).map(str::to_owned));
    add("its state", fact(Fact::HostState).map(str::to_owned));
    add("chosen", fact(Fact::Choice).map(str::to_owned));
    add("its name", fact(Fact::Name).map(str::to_owned));
    let attempts: Vec<_> = record
        .failed_attempts
        .iter()
        .enumerate()
        .map(|(at, attempt)| {
            let outcome = match attempt.outcome {
                Outcome::Failed(reason) => {
                    format!(
                        "{} {}",
                        reason.code(),
                        reason.spec().sentence.get(language).trim_end_matches('.')
                    )
                }
                Outcome::Answered(status) => words::answered(status, language),
            };
            let host = if attempt.host.as_str().is_empty() { said.no_host } else { attempt.host.as_str() };
            words::attempt(at + 1, host, attempt.took, &outcome, language)
        })
        .collect();
    if !attempts.is_empty() {
        let more = match record.attempts.saturating_sub(1) as usize {
            all if all > attempts.len() => words::more(all - attempts.len(), language),
            _ => String::new(),
        };
        add("before that", Some(format!("{}{more}", attempts.join("; "))));
    }
    add("connecting", record.connect.map(|took| format!("{took} ms")));
    add("answering", record.answer.map(|took| format!("{took} ms")));
    add("TLS", fact(Fact::UpstreamTls).map(str::to_owned));
    let moved = record.upstream_sent > 0 || record.upstream_received > 0;
    add("passed", moved.then(|| words::passed(record.upstream_sent, record.upstream_received, language)));
    add("closed", fact(Fact::UpstreamClose).map(str::to_owned));
    add("details", fact(Fact::Details).map(str::to_owned));
    let upstream = record.upstream_connection.map(|number| format!("{}{number}", said.to_back_end));
    let connection =
        (record.connection > 0).then(|| format!("{}{}", record.connection, upstream.unwrap_or_default()));
    add("connection", connection);
    add("request id", fact(Fact::RequestId).map(str::to_owned));
    all
}
