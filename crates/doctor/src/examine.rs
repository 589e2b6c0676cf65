//! Examinations: which parts are looked at, in which order.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use causeway_envoy::{Diagnostics, LoadOptions, Severity as Level, Source, load};
use causeway_model::Bootstrap;

use crate::lint;
use crate::listeners;
use crate::probe::{self, Progress};
use crate::report::Report;
use crate::said::Said;
use crate::selection::Selection;
use crate::world::{self, World};

/// Examines a configuration and the world around it.
///
/// # Errors
///
/// What is wrong with a configuration that can't be used at all.
pub async fn config(
    source: &Source,
    options: &LoadOptions,
    selection: &Selection,
    progress: &Progress,
) -> Result<Report, Diagnostics> {
    let began = Instant::now();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut report = Report { target: source.name().to_string(), started, ..Report::default() };
    let mut loaded = load(source, options);
    // Files that are not as they should be are findings; the rest is examined all the same.
    if loaded.bootstrap.is_none()
        && let Some(faults) = listeners::faults(&loaded.diagnostics)
    {
        report.failed("config", faults);
        loaded.bootstrap = load(source, &LoadOptions { check_files: false, ..options.clone() }).bootstrap;
    }
    let Some(bootstrap) = &loaded.bootstrap else { return Err(loaded.diagnostics) };
    if selection.takes("config") && report.checks.is_empty() {
        summary(source, bootstrap, &loaded.diagnostics, &mut report);
    }
    lint::lint(bootstrap, selection, &mut report);
    around(bootstrap, selection, &mut report);
    probe::probe(bootstrap, selection, progress, &mut report).await;
    report.join();
    report.locate(source, options);
    report.took = began.elapsed();
    Ok(report)
}

/// This host, and what the proxy opens on it.
fn around(bootstrap: &Bootstrap, selection: &Selection, report: &mut Report) {
    report.ran_from = world::ran_from();
    if !world::names().chain(listeners::names()).any(|name| selection.takes_some_of(area(&name))) {
        return;
    }
    let mut world = World::read();
    if selection.takes("host.firewall") {
        world = world.with_firewall();
    }
    world::check(&world, bootstrap, selection, report);
    listeners::check(&world, bootstrap, selection, report);
}

/// The first part of a name.
fn area(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// What the file is.
fn summary(source: &Source, bootstrap: &Bootstrap, diagnostics: &Diagnostics, report: &mut Report) {
    let name = source.name();
    let (listeners, clusters) = (bootstrap.listeners.len(), bootstrap.clusters.len());
    let warnings = diagnostics.count(Level::Warning);
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let en = format!(
        "{name}: {}, {}; causeway validate has {}",
        counted(listeners, "listener"),
        counted(clusters, "cluster"),
        counted(warnings, "warning")
    );
    let ko =
        format!("{name}: 리스너 {listeners}개, 클러스터 {clusters}개. causeway validate 경고 {warnings}개");
    report.passed("config", Said::new(en, ko));
}
