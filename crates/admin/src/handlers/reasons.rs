//! `/reasons`: why requests failed, how often, what it means and what to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use causeway_reason::{Language, Reason};
use causeway_stats::{Reading, Registry};
use serde_json::{Value, json};

use super::hosts::{explained, language};
use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::state::Admin;

/// How often a reason was met, and where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: u64,
    /// By the scope that counted it: `http.ingress`.
    pub(super) scopes: BTreeMap<String, u64>,
}

pub(crate) fn reasons(admin: &Admin, request: &Request) -> Reply {
    let mut counts = counts(admin.process.stats());
    if request.query.has("all") {
        for reason in Reason::ALL {
            counts.entry(*reason).or_default();
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Those that happened most come first; the rest stays in the order of the catalogue.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(count.total));
    let language = language(request);
    if request.query.value("format") == Some("json") {
        let reasons: Vec<_> = counts.iter().map(|(reason, count)| json(*reason, count, language)).collect();
        return Reply::json(pretty(&json!({"reasons": reasons})));
    }
    if counts.is_empty() {
        return Reply::text("No request has failed.\n");
    }
    Reply::text(counts.iter().map(|(reason, count)| text(*reason, count, language)).collect::<String>())
}

/// All reasons that were met since the start, or since the counters were reset. Connection managers and
/// TCP proxies count them, and listeners of connections that come to neither; what others count of the same
/// requests is left out.
pub(super) fn counts(registry: &Registry) -> BTreeMap<Reason, Count> {
    let mut counts = BTreeMap::<_, Count>::new();
    for reading in registry.read() {
        let path = reading.scope.path();
        if !["http.", "tcp.", "listener."].iter().any(|counts| path.starts_with(counts)) {
            continue;
        }
        for sample in &reading.samples {
            if let Some(key) = sample.name.strip_prefix("reason.")
                && let (Some(reason), Reading::Counter(times)) = (Reason::from_key(key), &sample.reading)
                && *times > 0
            {
                let count = counts.entry(reason).or_default();
                count.total += times;
                *count.scopes.entry(path.to_owned()).or_default() += times;
            }
        }
    }
    counts
}

fn text(reason: Reason, count: &Count, language: Language) -> String {
    let spec = reason.spec();
    let mut out = format!("{} {}", count.total, spec.key);
    let status = match spec.answer.status {
        0 => "no answer".to_owned(),
        status => status.to_string(),
    };
    let flag = spec.answer.flag.map_or("-", |flag| flag.short());
    let _ = writeln!(out, " ({status}, {flag}, to act: {})", spec.blame.word());
    let _ = writeln!(out, "    {}", spec.sentence.get(language));
    let _ = writeln!(out, "    {}", spec.advice.get(language));
    for (scope, times) in &count.scopes {
        let _ = writeln!(out, "    {scope}: {times}");
    }
    out
}

fn json(reason: Reason, count: &Count, language: Language) -> Value {
    let spec = reason.spec();
    let value = json!({
        "reason": spec.key,
        "count": count.total,
        "status": spec.answer.status,
        "flag": spec.answer.flag.map(|flag| flag.short()),
        "blame": spec.blame.word(),
        "retry": spec.retry.words(),
        "scopes": count.scopes,
    });
    explained(value, Some(reason), language)
}
