//! `causeway doctor`

use std::path::PathBuf;
use std::time::Duration;

use causeway_doctor::backend::{self, BackEnd};
use causeway_doctor::{Selection, checks};
use causeway_reason::{Cause, Language};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, Error, value_parser};

use super::back_end::{self, back_end};
use super::examination::{about_reports, selection, switch};
use super::foreign::{self, ForeignArguments};
use super::language::spoken;
use super::{is_json, usage};

/// `causeway doctor -c FILE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoctorArguments {
    pub(crate) what: Examine,
    pub(crate) selection: Selection,
    pub(crate) json: bool,
    pub(crate) language: Language,
    /// Every check is printed, also those that passed.
    pub(crate) all: bool,
    /// Errors only.
    pub(crate) quiet: bool,
    /// Warnings change how it ends.
    pub(crate) strict: bool,
    /// Addresses and names of hosts are replaced.
    pub(crate) redact: bool,
    /// Everything that is known is written here too, without what is secret.
    pub(crate) bundle: Option<PathBuf>,
    /// It is repeated until all is well, for this long.
    pub(crate) wait: Option<Duration>,
    /// What the findings propose to write is written, or shown.
    pub(crate) fix: Option<FixArguments>,
}

impl DoctorArguments {
    /// With the options of every examination.
    fn of(matches: &ArgMatches, what: Examine, selection: Selection) -> Self {
        Self {
            what,
            selection,
            json: is_json(matches),
            language: spoken(matches),
            all: matches.get_flag("all"),
            quiet: matches.get_flag("quiet"),
            strict: matches.get_flag("strict"),
            redact: matches.get_flag("redact"),
            bundle: None,
            wait: matches.get_one::<u64>("wait").copied().map(Duration::from_secs),
            fix: None,
        }
    }
}

/// `--fix [CODE…] [--apply]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FixArguments {
    /// Findings with these causes; those whose fixes a program may apply, where there are none.
    pub(crate) causes: Vec<Cause>,
    /// The file is changed.
    pub(crate) apply: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Examine {
    /// A configuration and the world around it.
    Config(PathBuf),
    /// This host, as that of a back-end.
    BackEnd(BackEnd),
    /// A log or a proxy that runs, perhaps with a configuration.
    Foreign(ForeignArguments),
    /// These names of checks are printed.
    List(Vec<String>),
    /// The schema of reports as JSON is printed.
    Schema,
}

/// Areas of checks that make connections.
const PROBES: &[&str] = &["clusters", "admin.listeners"];

pub(super) fn command() -> Command {
    Command::new("doctor")
        .subcommand(back_end::command())
        .args_conflicts_with_subcommands(true)
        .about("Examines a configuration and the world around it, and proves what is wrong")
        .after_help(
            "Examples: causeway doctor -c envoy.yaml\n          \
             causeway doctor --envoy http://127.0.0.1:9901 --log access.log\n\n\
             Ends with 0 where all is well, 1 with errors, 2 where the configuration can't be used, 3 where nothing could \
             be checked, and 4 with warnings under --strict.",
        )
        .arg(
            Arg::new("config-path")
                .short('c')
                .long("config-path")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The configuration to examine"),
        )
        .args(foreign::arguments())
        .arg(switch("no-probe", "Makes no connection and asks no name server: looks only"))
        .arg(
            Arg::new("idle")
                .long("idle")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .conflicts_with_all(["no-probe", "wait"])
                .help(
                    "Holds an idle connection to each endpoint for at most so long, to see whether the back-end closes it \
                     before the proxy does",
                ),
        )
        .arg(
            Arg::new("bundle")
                .long("bundle")
                .value_name("FILE")
                .conflicts_with_all(["fix", "haproxy"])
                .value_parser(value_parser!(PathBuf))
                .help(
                    "Writes all that is known of a file or of a proxy that runs to a new file, as JSON, redacted and without \
                     what is secret, to send to others",
                ),
        )
        .arg(switch("schema", "Prints the JSON schema of reports"))
        .arg(
            Arg::new("fix")
                .long("fix")
                .value_name("CODE")
                .num_args(0..)
                .value_delimiter(',')
                .value_parser(cause)
                .requires("config-path")
                .conflicts_with_all(["wait", "redact", "log", "envoy", "istio", "haproxy"])
                .help(
                    "Shows what the findings propose to write, as a diff: what can be left to a program, or, by their codes, \
                     also what has to be thought about",
                ),
        )
        .arg(switch("apply", "With --fix: changes the file, if that mends it").requires("fix"))
        .args(about_reports())
}

/// A cause, by its code or name.
fn cause(text: &str) -> Result<Cause, String> {
    Cause::find(text).ok_or_else(|| "no such code; docs/reasons.md lists all".to_owned())
}

pub(super) fn doctor(matches: &ArgMatches) -> Result<DoctorArguments, Error> {
    if let Some(("backend", matches)) = matches.subcommand() {
        let names: Vec<_> = backend::names().collect();
        let selection = selection(matches, &names)?;
        let what = match back_end(matches) {
            Some(back_end) if !matches.get_flag("list") => Examine::BackEnd(back_end),
            Some(_) | None => Examine::List(names),
        };
        return Ok(DoctorArguments::of(matches, what, selection));
    }
    let known: Vec<_> = checks::names().collect();
    let mut selection = selection(matches, &known)?;
    let what = if matches.get_flag("list") {
        Examine::List(known)
    } else if matches.get_flag("schema") {
        Examine::Schema
    } else if let Some(foreign) = foreign::foreign(matches)? {
        Examine::Foreign(foreign)
    } else if let Some(path) = matches.get_one::<PathBuf>("config-path") {
        Examine::Config(path.clone())
    } else {
        return Err(usage(
            ErrorKind::MissingRequiredArgument,
            "what is to be examined? -c FILE names a configuration, --log FILE a log, --envoy URL or --haproxy SOCKET a proxy that runs",
        ));
    };
    selection.idle = matches.get_one::<u64>("idle").copied().map(Duration::from_secs);
    if matches.get_flag("no-probe") {
        selection.skip.extend(PROBES.iter().map(|&area| area.to_owned()));
    }
    let has_configuration = ["config-path", "envoy"].into_iter().any(|name| matches.contains_id(name));
    if matches.contains_id("bundle") && !has_configuration && !matches.get_flag("istio") {
        return Err(usage(
            ErrorKind::MissingRequiredArgument,
            "--bundle needs a configuration: -c FILE, --envoy URL or --istio",
        ));
    }
    let fix = matches.contains_id("fix").then(|| FixArguments {
        causes: matches.get_many::<Cause>("fix").into_iter().flatten().copied().collect(),
        apply: matches.get_flag("apply"),
    });
    if fix.is_some() && is_json(matches) {
        return Err(usage(
            ErrorKind::ArgumentConflict,
            "--fix prints a diff; without it, -o json has one for each fix",
        ));
    }
    let bundle = matches.get_one::<PathBuf>("bundle").cloned();
    Ok(DoctorArguments { fix, bundle, ..DoctorArguments::of(matches, what, selection) })
}
