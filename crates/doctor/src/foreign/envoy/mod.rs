//! An Envoy that runs, or what speaks as one: Istio's proxy, Causeway.
//!
//! Its admin server is asked by `GET` only. Counters are since the start of the process and say nothing by themselves:
//! they are read twice.

mod ask;
pub mod assemble;
mod callers;
mod certificates;
mod counters;
mod difference;
mod failures;
mod fields;
mod hosts;
mod listeners;
mod observed;
mod running;
mod shown;
mod stale;
mod state;
mod subsets;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_envoy::Source;
use causeway_model::Bootstrap;

pub use observed::{Observed, Stats};

use super::http::AdminServer;
use crate::logs;
use crate::probe::Progress;
use crate::report::Report;
use crate::selection::Selection;

/// How long clients are listened to, at least: those that ask again and again do so within that time, mostly.
const LISTENING: Duration = Duration::from_secs(1);

/// What an examination of a proxy needs besides its address.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The file that it is said to run, where somebody names one.
    pub file: Option<&'a Source>,
    /// Time between the two readings of its counters, at least.
    pub interval: Duration,
    /// Which checks are made.
    pub selection: &'a Selection,
}

/// What an examination came to.
#[derive(Debug)]
pub struct Examined {
    /// What was found.
    pub report: Report,
    /// What runs, as far as it can be loaded here: what its access log looks like, and where requests go.
    pub bootstrap: Option<Bootstrap>,
}

/// Names of all checks, with `*` in place of a name.
pub fn names() -> impl Iterator<Item = String> {
    [
        "admin.state",
        "admin.config",
        "admin.updates",
        "admin.certificates",
        "admin.listeners.*",
        "admin.hosts.*",
        "admin.failures",
        "admin.counters",
        callers::ID,
    ]
    .into_iter()
    .map(str::to_owned)
}

/// Examines a proxy by what its admin server says, and by the same rules and probes as its configuration would be.
///
/// # Errors
///
/// The admin server does not answer.
pub async fn examine(
    server: &AdminServer,
    question: Question<'_>,
    progress: &Progress,
) -> Result<Examined, String> {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let wanted = |id: &str| question.selection.takes_some_of(id);
    let mut observed = ask::all(server)?;
    if wanted(failures::ID) {
        observed.why = failures::ask(server, &observed.server);
    }
    let mut report = Report { target: server.to_string(), started, ..Report::default() };
    let started_with = difference::started_with(&observed);
    let own = started_with.as_ref().and_then(|(_, source)| source.as_ref().ok());
    let same = question.file.or(own).filter(|file| difference::is_same(&observed, file));
    let running = running::examine(server, &observed, same, question.selection, progress, &mut report).await;
    if wanted("admin.counters") || wanted("admin.hosts") {
        let rest = question.interval.saturating_sub(began.elapsed());
        if wanted(callers::ID) && callers::is_of_interest(&observed) && !question.interval.is_zero() {
            let heard = callers::callers(&running, rest.max(LISTENING));
            report.checks.extend(heard.checks);
            report.findings.extend(heard.findings);
        } else {
            tokio::time::sleep(rest).await;
        }
        ask::again(server, &mut observed, began.elapsed());
    }
    if wanted("admin.state") {
        state::state(&observed, &mut report);
    }
    if wanted("admin.updates") {
        state::updates(&observed, &mut report);
    }
    if wanted("admin.config") {
        difference::file(&observed, question.file, started_with.as_ref(), &mut report);
    }
    if wanted("admin.certificates") {
        certificates::certificates(&observed, &mut report);
    }
    if wanted("admin.listeners") {
        listeners::listeners(&observed, server.host(), &mut report);
    }
    if wanted("admin.hosts") {
        hosts::hosts(&observed, &running, &mut report);
        stale::stale(&observed, &running, &mut report).await;
    }
    if wanted(failures::ID) {
        failures::failures(&observed, &server.to_string(), same, &mut report);
    }
    if wanted("admin.counters") {
        counters::counters(&observed, &running, &mut report);
    }
    drop_unwanted(&mut report, question.selection);
    logs::settle(&mut report);
    report.took = began.elapsed();
    Ok(Examined { report, bootstrap: running.bootstrap })
}

/// What a proxy runs, as a configuration; `None` where its admin server does not say.
#[must_use]
pub fn configuration_of(server: &AdminServer) -> Option<Source> {
    let bootstrap = assemble::bootstrap(&ask::dump(server)?)?;
    Some(assemble::source(server, &bootstrap))
}

/// Checks and findings are made by area; those that nobody asked for are taken out again.
fn drop_unwanted(report: &mut Report, selection: &Selection) {
    report.checks.retain(|check| !check.id.starts_with("admin.") || selection.takes(&check.id));
}
