//! `/why`: what failed lately, why, and what to do. Envoy has no such view.
//!
//! `/why` has the causes since the start, most often first, and the last failures; `/why?last=N` has these alone, `/why/ID` has one: by the number that
//! logs print (`%WHY_ID%`) or by `x-request-id`.

mod html;
mod json;
mod near;
mod text;
mod words;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use causeway_journal::{Filter, Record, Tally};
use causeway_reason::{Language, Reason};

use near::Near;

use super::hosts::language;
use crate::http::{Reply, Request};
use crate::state::Admin;
use crate::time::parse_since;

/// Failures that are shown where nobody says how many.
const USUAL: usize = 20;

/// What is shown.
struct Page {
    /// Why nothing else is shown than what was asked for: it is one failure.
    id: Option<String>,
    /// Only failures were asked for, and no causes.
    only_failures: bool,
    records: Vec<Record>,
    tallies: Vec<Tally>,
    /// Failures since the start, and how many of them are kept.
    count: (u64, usize),
    now: SystemTime,
    language: Language,
    near: Near,
}

pub(crate) fn why(admin: &Admin, request: &Request) -> Reply {
    let query = &request.query;
    let filter = match filter(request) {
        Ok(filter) => filter,
        Err(fault) => return Reply::fault(StatusCode::BAD_REQUEST, format!("{fault}\n")),
    };
    let journal = admin.process.journal();
    let (id, language, now) = (query.value("id"), language(request), request.now);
    let records = match (id, query.value("last").map(str::parse)) {
        (Some(id), _) => journal.find(id),
        (None, None) => journal.newest(USUAL, &filter),
        (None, Some(Ok(last))) => journal.newest(last, &filter),
        (None, Some(Err(_))) => {
            return Reply::fault(StatusCode::BAD_REQUEST, "last is no number of failures\n");
        }
    };
    let mut tallies = if id.is_none() { journal.tallies() } else { Vec::new() };
    tallies.retain(|tally| {
        filter.reason.is_none_or(|reason| reason == tally.reason)
            && filter.cluster.as_ref().is_none_or(|cluster| **cluster == *tally.cluster)
            && filter.since.is_none_or(|since| tally.last >= since)
    });
    let only_failures = query.has("last");
    let page = Page {
        id: id.map(str::to_owned),
        only_failures,
        records,
        tallies,
        count: journal.count(),
        now,
        language,
        near: Near::default(),
    };
    let reply = match query.value("format") {
        Some("json") => Reply::json(json::page(&page)),
        Some("html") => Reply::html(html::page(&page, query)),
        _ => Reply::text(text::page(&page)),
    };
    let missing = page.id.is_some() && page.records.is_empty();
    if missing { reply.with_status(StatusCode::NOT_FOUND) } else { reply }
}

fn filter(request: &Request) -> Result<Filter, String> {
    let query = &request.query;
    let reason = match query.value("code") {
        Some(code) => {
            Some(Reason::find(code).ok_or_else(|| format!("{code} is no code; /reasons?all lists them"))?)
        }
        None => None,
    };
    let since = match query.value("since") {
        Some(text) => {
            let since = parse_since(text, request.now)
                .ok_or_else(|| format!("{text} is no time: 90s, 10m, 2h, 1d or 2026-11-20T16:17:33Z are"))?;
            Some(millis(since))
        }
        None => None,
    };
    Ok(Filter { reason, cluster: query.value("cluster").map(str::to_owned), since })
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn moment(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}
