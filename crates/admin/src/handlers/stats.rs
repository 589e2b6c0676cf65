//! `/stats` and what is under it.

use axum::http::StatusCode;

use crate::http::{Reply, Request};
use crate::state::Admin;
use crate::stats::{self, BadParam, Collected, Filter, Format, StatsParams};

pub(crate) fn stats(admin: &Admin, request: &Request) -> Reply {
    match StatsParams::new(&request.query) {
        Ok(params) => answer(admin, request, &params),
        Err(BadParam(text)) => Reply::fault(StatusCode::BAD_REQUEST, text),
    }
}

pub(crate) fn prometheus(admin: &Admin, request: &Request) -> Reply {
    match StatsParams::prometheus(&request.query) {
        Ok(params) => answer(admin, request, &params),
        Err(BadParam(text)) => Reply::fault(StatusCode::BAD_REQUEST, text),
    }
}

/// No metric is ever looked up by its name, so there is nothing to track.
pub(crate) fn recent_lookups(_: &Admin, _: &Request) -> Reply {
    Reply::text("Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n")
}

fn answer(admin: &Admin, request: &Request, params: &StatsParams) -> Reply {
    admin.refresh();
    let registry = admin.process.stats();
    let collected =
        admin.with_intervals(|intervals| Collected::new(registry, intervals, Filter::from(params)));
    match params.format {
        Format::Text => Reply::text(stats::text(&collected, params.buckets)),
        Format::Json => Reply::json(stats::json(&collected, params.buckets)),
        Format::Prometheus => Reply::text(stats::prometheus(&collected, params.buckets)),
        Format::Html => Reply::html(stats::html(&request.query, &stats::text(&collected, params.buckets))),
    }
}
