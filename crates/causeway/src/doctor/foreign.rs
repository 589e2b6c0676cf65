//! `causeway doctor --log`, `--envoy`, `--haproxy`: logs, and proxies that run.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use causeway_doctor::foreign::envoy::{self, Question};
use causeway_doctor::foreign::haproxy;
use causeway_doctor::{Progress, Report, examine, logs};
use causeway_envoy::{Source, load};
use causeway_model::Bootstrap;

use super::{UNUSABLE, log, options, progress, unusable};
use crate::cli::{DoctorArguments, ForeignArguments, complain};

/// Nobody answers.
const UNREACHABLE: u8 = 3;

/// Examines what was given, all in one report: what a log counts and what a probe proves belong together. With it comes the
/// file, where one was named.
pub(super) async fn report(
    foreign: &ForeignArguments,
    arguments: &DoctorArguments,
) -> Result<(Option<Source>, Report), ExitCode> {
    let began = Instant::now();
    let file = foreign.config.as_deref().map(read).transpose()?;
    let progress = Progress::default();
    let mut running = None;
    let mut report = match (&foreign.envoy, &file) {
        (Some(server), file) => {
            let question =
                Question { file: file.as_ref(), interval: foreign.interval, selection: &arguments.selection };
            let examined = envoy::examine(server, question, &progress);
            let examined = progress::shown(examined, &progress, arguments.language).await;
            let examined = examined.map_err(|fault| {
                complain(&fault);
                ExitCode::from(UNREACHABLE)
            })?;
            running = examined.bootstrap;
            examined.report
        }
        (None, Some(file)) => {
            let options = options();
            let examined = examine::config(file, &options, &arguments.selection, &progress);
            progress::shown(examined, &progress, arguments.language).await.map_err(|diagnostics| {
                unusable(&diagnostics, arguments);
                ExitCode::from(UNUSABLE)
            })?
        }
        (None, None) => Report::default(),
    };
    if let Some((socket, cfg)) = &foreign.haproxy {
        let written = cfg.as_deref().and_then(|path| path.metadata().ok()?.modified().ok());
        let cfg = cfg.as_deref().map(read).transpose()?;
        let cfg = cfg.map(|cfg| {
            let mut read = haproxy::Cfg::read(cfg.name(), &String::from_utf8_lossy(cfg.bytes()));
            read.written = written;
            read
        });
        let question = haproxy::Question {
            cfg: cfg.as_ref(),
            interval: foreign.interval,
            selection: &arguments.selection,
        };
        let examined = haproxy::examine(socket, question, &progress);
        let examined = progress::shown(examined, &progress, arguments.language).await.map_err(|fault| {
            complain(&fault);
            ExitCode::from(UNREACHABLE)
        })?;
        report = joined(report, examined);
    }
    if let Some(path) = &foreign.log {
        // What runs has written the log.
        let bootstrap = running.or_else(|| file.as_ref().and_then(model));
        let (name, reader) = log::read(path, bootstrap.as_ref()).map_err(|error| {
            complain(&format!("cannot read {}: {error}", path.display()));
            ExitCode::from(UNUSABLE)
        })?;
        if report.target.is_empty() {
            report.target.clone_from(&name);
        }
        reader.finish(&name, &mut report);
        if foreign.haproxy.is_some() {
            haproxy::settle_log(&mut report);
        } else {
            logs::settle(&mut report);
        }
    }
    report.took = began.elapsed();
    Ok((file, report))
}

/// One report of two.
fn joined(mut report: Report, other: Report) -> Report {
    if report.target.is_empty() {
        return other;
    }
    report.probes += other.probes;
    report.checks.extend(other.checks);
    report.findings.extend(other.findings);
    report
}

fn read(path: &Path) -> Result<Source, ExitCode> {
    Source::read(path).map_err(|error| {
        complain(&format!("cannot read {}: {error}", path.display()));
        ExitCode::from(UNUSABLE)
    })
}

fn model(file: &Source) -> Option<Bootstrap> {
    load(file, &options()).bootstrap
}
