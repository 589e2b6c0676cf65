//! An Envoy that runs, or what speaks as one: Istio's proxy, Causeway.
//!
//! Its admin server is asked by `GET` only. Counters are since the start of the process and say nothing by themselves:
//! they are read twice.

mod ask;
pub mod assemble;
mod certificates;
mod counters;
mod difference;
mod failures;
mod hosts;
mod listeners;
mod observed;
mod state;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_envoy::{LoadOptions, Source};
use causeway_reason::Condition;
use serde_json::Value;

pub use observed::{Observed, Stats};

use super::http::AdminServer;
use crate::examine;
use crate::logs;
use crate::probe::Progress;
use crate::report::{Outcome, Report};
use crate::said;
use crate::selection::Selection;

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
) -> Result<Report, String> {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let wanted = |id: &str| question.selection.takes_some_of(id);
    let mut observed = ask::all(server)?;
    if wanted(failures::ID) {
        observed.why = failures::ask(server, &observed.server);
    }
    let mut report = Report { target: server.to_string(), started, ..Report::default() };
    let same = question.file.filter(|file| difference::is_same(&observed, file));
    let model = configuration(server, &observed, same, question.selection, progress, &mut report).await;
    if wanted("admin.counters") || wanted("admin.hosts") {
        tokio::time::sleep(question.interval.saturating_sub(began.elapsed())).await;
        ask::again(server, &mut observed, began.elapsed());
    }
    if wanted("admin.state") {
        state::state(&observed, &mut report);
    }
    if wanted("admin.updates") {
        state::updates(&observed, &mut report);
    }
    if wanted("admin.config") {
        difference::file(&observed, question.file, &mut report);
    }
    if wanted("admin.certificates") {
        certificates::certificates(&observed, &mut report);
    }
    if wanted("admin.listeners") {
        listeners::listeners(&observed, server.host(), &mut report);
    }
    if wanted("admin.hosts") {
        hosts::hosts(&observed, &model, &mut report);
    }
    if wanted(failures::ID) {
        failures::failures(&observed, &server.to_string(), same, &mut report);
    }
    if wanted("admin.counters") {
        counters::counters(&observed, &mut report);
    }
    drop_unwanted(&mut report, question.selection);
    logs::settle(&mut report);
    report.took = began.elapsed();
    Ok(report)
}

/// What a proxy runs, as a configuration; `None` where its admin server does not say.
#[must_use]
pub fn configuration_of(server: &AdminServer) -> Option<Source> {
    dumped(server, ask::dump(server).as_ref())
}

fn dumped(server: &AdminServer, dump: Option<&Value>) -> Option<Source> {
    let bootstrap = assemble::bootstrap(dump?)?;
    Some(Source::new(&format!("{server}/config_dump.json"), format!("{bootstrap:#}")))
}

/// What the rules and probes for configurations say about what runs.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Clusters whose endpoints all answered, and passed their health checks, a moment ago.
    pub(crate) well: Vec<String>,
}

/// Examines what runs as if it were a file: as the file itself, where there is one and it says the same, so that lines of it
/// are shown.
async fn configuration(
    server: &AdminServer,
    observed: &Observed,
    file: Option<&Source>,
    selection: &Selection,
    progress: &Progress,
    report: &mut Report,
) -> Model {
    let mut model = Model::default();
    let Some(source) = file.cloned().or_else(|| dumped(server, observed.dump.as_ref())) else { return model };
    let options = LoadOptions { allow_unsupported: true, allow_unknown: true, ..LoadOptions::default() };
    match examine::config(&source, &options, selection, progress).await {
        Ok(mut examined) => {
            if file.is_none() {
                // There is no file here that could be changed.
                let fixes = examined.findings.iter_mut().flat_map(|finding| &mut finding.fixes);
                fixes.for_each(|fix| fix.machine_applicable = false);
            }
            let passed = examined.checks.iter().filter(|check| check.outcome == Outcome::Passed);
            model.well =
                passed.filter_map(|check| check.id.strip_prefix("clusters.")).map(str::to_owned).collect();
            leave_out_own_sockets(&mut examined);
            report.ran_from = examined.ran_from;
            report.probes += examined.probes;
            report.checks.extend(examined.checks);
            report.findings.extend(examined.findings);
        }
        Err(diagnostics) => {
            let why = diagnostics.iter().next().map(|one| one.message.clone()).unwrap_or_default();
            report.inconclusive(
                "config",
                said!(
                    "what runs can't be loaded here, so that no rule and no probe was applied to it: {why}",
                    "실행 중인 설정을 여기서 읽을 수 없어 규칙과 프로브를 적용하지 못했습니다: {why}"
                ),
            );
        }
    }
    model
}

/// That its own ports are taken is as it should be; whether its listeners are open, its admin server says.
fn leave_out_own_sockets(examined: &mut Report) {
    let of_socket =
        |id: &str| id == "admin.address" || (id.starts_with("listeners.") && id.ends_with(".address"));
    examined.checks.retain(|check| !of_socket(&check.id));
    examined.findings.retain(|finding| finding.cause != Condition::ListenerNotOpen.into());
}

/// Checks and findings are made by area; those that nobody asked for are taken out again.
fn drop_unwanted(report: &mut Report, selection: &Selection) {
    report.checks.retain(|check| !check.id.starts_with("admin.") || selection.takes(&check.id));
}

/// A field of an object, by its path.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// A text of an object, by its path; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}
