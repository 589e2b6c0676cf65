//! `causeway doctor`: runs examinations and prints their reports.

mod bundle;
mod fix;
mod foreign;
mod log;
mod progress;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use causeway_doctor::report::{SCHEMA, TextOptions};
use causeway_doctor::{Progress, Redactor, Report, backend, examine, refused};
use causeway_envoy::{Diagnostic, Diagnostics, LoadOptions, Source, load};
use causeway_reason::Cause;

use tokio::runtime::Builder;

use crate::cli::{DoctorArguments, Examine, complain, print};

/// The configuration can't be used.
const UNUSABLE: u8 = 2;
/// The examination itself failed.
const INTERNAL: u8 = 70;
/// Between two examinations of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

/// Examines, prints, and ends as the report says.
pub(crate) fn run(arguments: &DoctorArguments) -> ExitCode {
    match &arguments.what {
        Examine::List(names) => print(&(names.join("\n") + "\n")),
        Examine::Schema => print(SCHEMA),
        Examine::Config(_) | Examine::Foreign(_) | Examine::BackEnd(_) => {
            match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(until_well(arguments)),
                Err(error) => {
                    complain(&format!("no runtime: {error}"));
                    ExitCode::from(INTERNAL)
                }
            }
        }
    }
}

/// Examines, again and again where somebody waits for all to be well.
async fn until_well(arguments: &DoctorArguments) -> ExitCode {
    let began = Instant::now();
    loop {
        let examined = match &arguments.what {
            Examine::Config(path) => {
                config(path, arguments).await.map(|(source, report)| (Some(source), report))
            }
            Examine::Foreign(foreign) => foreign::report(foreign, arguments).await,
            // Nothing else is done meanwhile that it could keep waiting.
            Examine::BackEnd(back_end) => Ok((None, backend::examine(back_end, &arguments.selection))),
            Examine::List(_) | Examine::Schema => return ExitCode::SUCCESS,
        };
        let (source, report) = match examined {
            Ok(examined) => examined,
            Err(code) => return code,
        };
        if let (Some(what), Examine::Config(path), Some(source)) = (&arguments.fix, &arguments.what, &source)
        {
            return fix::fix(path, source, &options(), &report, arguments, what).await;
        }
        let code = report.exit_code(arguments.strict);
        if code != 0 && arguments.wait.is_some_and(|wait| began.elapsed() + PAUSE < wait) {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        show(&report, redactor(source.as_ref()), arguments);
        if let Some(file) = &arguments.bundle
            && let Err(error) =
                bundle::write(file, &arguments.what, source.as_ref(), &report, arguments.language)
        {
            complain(&format!("cannot write {}: {error}", file.display()));
            return ExitCode::from(UNUSABLE);
        }
        return ExitCode::from(code);
    }
}

async fn config(path: &Path, arguments: &DoctorArguments) -> Result<(Source, Report), ExitCode> {
    let source = Source::read(path).map_err(|error| {
        complain(&format!("cannot read {}: {error}", path.display()));
        ExitCode::from(UNUSABLE)
    })?;
    let options = options();
    let progress = Progress::default();
    let examined = examine::config(&source, &options, &arguments.selection, &progress);
    let report = progress::shown(examined, &progress, arguments.language).await.map_err(|diagnostics| {
        unusable(&diagnostics, arguments);
        ExitCode::from(UNUSABLE)
    })?;
    Ok((source, report))
}

/// What this version does not implement is no reason not to look at the rest.
fn options() -> LoadOptions {
    LoadOptions { allow_unsupported: true, check_files: true, ..LoadOptions::default() }
}

/// What replaces names of hosts: it knows those of the file that is examined.
fn redactor(source: Option<&Source>) -> Redactor {
    source.map(|source| Redactor::of(&load(source, &options()).dump.bootstrap())).unwrap_or_default()
}

fn show(report: &Report, mut redactor: Redactor, arguments: &DoctorArguments) {
    let redacted = arguments.redact.then(|| redactor.report(report));
    let report = redacted.as_ref().unwrap_or(report);
    if arguments.json {
        print(&format!("{:#}\n", report.to_json(arguments.language)));
    } else {
        let options = TextOptions { color: colors(), all: arguments.all, quiet: arguments.quiet };
        print(&report.to_text(arguments.language, &options));
    }
}

/// What is wrong with a configuration that can't be used. Its messages quote what is written, which is not for others.
fn unusable(diagnostics: &Diagnostics, arguments: &DoctorArguments) {
    if arguments.redact {
        let line = |found: &Diagnostic| {
            let place = found.place.as_ref().map_or(0, |place| place.line);
            format!("{} line {place}\n", found.code)
        };
        print(&diagnostics.iter().map(line).collect::<String>());
    } else if arguments.json {
        let mut json = diagnostics.to_json();
        let each = json.get_mut("diagnostics").and_then(serde_json::Value::as_array_mut);
        for (one, diagnostic) in each.into_iter().flatten().zip(diagnostics.iter()) {
            one["cause"] = refused::cause(diagnostic).map(Cause::code).into();
        }
        print(&format!("{json:#}\n"));
    } else {
        let mut text = diagnostics.render(colors());
        let mut causes: Vec<_> = diagnostics.iter().filter_map(refused::cause).collect();
        causes.sort_unstable();
        causes.dedup();
        for cause in causes {
            let sentence = cause.sentence().get(arguments.language);
            let _ = writeln!(text, "{cause}: {sentence}");
        }
        print(&text);
    }
}

fn colors() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
