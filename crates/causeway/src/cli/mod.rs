//! The command line.

mod ask;
mod back_end;
mod diff;
mod doctor;
mod examination;
mod flags;
mod foreign;
mod language;
mod reason_header;
mod route;
mod tables;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use causeway_admin::view::{CommandLineOptions, DrainStrategy, IpVersion, ServerMode};
use causeway_log::{Component, Format, Level, Output, parse_component_levels};
use causeway_proxy::ReasonHeader;
use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Error, value_parser};

use crate::version;
pub(crate) use ask::{ExplainArguments, WhyArguments};
pub(crate) use diff::DiffArguments;
pub(crate) use doctor::{DoctorArguments, Examine, FixArguments};
use flags::{FLAGS, Flag, Meaning, Value};
pub(crate) use foreign::ForeignArguments;
pub(crate) use route::RouteArguments;
pub(crate) use tables::{Form, Subject, TableArguments};

/// What the program is asked to do.
pub(crate) enum Command {
    Serve(Box<ServeArguments>),
    Validate(ValidateArguments),
    Demo(DemoArguments),
    Why(WhyArguments),
    Explain(ExplainArguments),
    Doctor(DoctorArguments),
    Route(Box<RouteArguments>),
    Diff(DiffArguments),
    Table(TableArguments),
    /// Print this and end.
    Print(String),
}

/// `causeway -c envoy.yaml`
#[derive(Debug, Clone)]
pub(crate) struct ServeArguments {
    pub(crate) config: ConfigArguments,
    pub(crate) mode: ServerMode,
    pub(crate) workers: usize,
    pub(crate) log: causeway_log::Options,
    /// The form of log lines was given, so that the configuration's is not used.
    pub(crate) log_format_given: bool,
    pub(crate) log_flush: Duration,
    pub(crate) drain_time: Duration,
    /// Connections end one after the other within that time, and not all at once.
    pub(crate) drain_gradually: bool,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) admin_address_path: Option<PathBuf>,
    pub(crate) ip_version: IpVersion,
    pub(crate) skip_deprecated: bool,
    /// Failures of each worker that are kept.
    pub(crate) failures_kept: usize,
    /// What clients are told of failures, where they are told something.
    pub(crate) reason_header: Option<Arc<ReasonHeader>>,
    /// Options that were given and change nothing, and why.
    pub(crate) without_meaning: Vec<(&'static str, &'static str)>,
    /// What `/server_info` shows.
    pub(crate) shown: CommandLineOptions,
}

/// Where the configuration is, and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct ConfigArguments {
    /// The file; none where all stands in `--config-yaml`.
    pub(crate) path: Option<PathBuf>,
    pub(crate) options: causeway_envoy::LoadOptions,
}

/// `causeway validate FILE`
#[derive(Debug)]
pub(crate) struct ValidateArguments {
    pub(crate) path: PathBuf,
    pub(crate) json: bool,
    pub(crate) options: causeway_envoy::LoadOptions,
}

/// `causeway demo`
#[derive(Debug)]
pub(crate) struct DemoArguments {
    /// Added to every port.
    pub(crate) port_offset: u16,
}

/// With it the largest port of the demo is still one.
pub(crate) const LARGEST_PORT_OFFSET: u16 = 47_000;

/// Access logs are written after this time, unless the command line says otherwise.
const LOG_FLUSH: Duration = Duration::from_secs(1);
/// How long requests may take to end, unless the command line says otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the command line.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let table = matches.subcommand().and_then(|(name, matches)| tables::arguments(name, matches));
    if let Some(arguments) = table {
        return Ok(Command::Table(arguments));
    }
    match matches.subcommand() {
        Some(("validate", matches)) => Ok(Command::Validate(validate_arguments(matches))),
        Some(("demo", matches)) => {
            Ok(Command::Demo(DemoArguments { port_offset: number(matches, "port-offset").unwrap_or(0) }))
        }
        Some(("why", matches)) => Ok(Command::Why(ask::why(matches))),
        Some(("explain", matches)) => Ok(Command::Explain(ask::explain(matches))),
        Some(("doctor", matches)) => doctor::doctor(matches).map(Command::Doctor),
        Some(("diff", matches)) => Ok(Command::Diff(diff::arguments(matches))),
        Some(("route", matches)) => Ok(Command::Route(Box::new(route::arguments(matches)))),
        _ if matches.get_flag("version") => {
            Ok(Command::Print(format!("causeway  version: {}\n", version::text())))
        }
        _ if matches.get_flag("hot-restart-version") => Ok(Command::Print("disabled\n".to_owned())),
        _ => serve_arguments(&matches).map(|arguments| Command::Serve(Box::new(arguments))),
    }
}

/// Prints a text to standard output. That nobody reads it is no failure.
pub(crate) fn print(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Says on standard error why nothing comes of it.
pub(crate) fn complain(error: &dyn std::fmt::Display) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "causeway: {error}");
    ExitCode::FAILURE
}

fn command() -> clap::Command {
    let mut command = clap::Command::new("causeway")
        .about("An edge proxy and load balancer that runs your envoy.yaml and says why every failed request failed")
        .after_help("Signals: SIGHUP reloads the configuration, SIGUSR1 opens log files anew, SIGTERM and SIGINT let\nrequests end and then the process; a second one ends it at once.")
        .disable_version_flag(true)
        .args_conflicts_with_subcommands(true)
        .override_usage("causeway -c FILE [OPTIONS]\n       causeway validate FILE [OPTIONS]\n       causeway why [ID] [OPTIONS]\n       causeway explain CODE | 'LOG LINE'\n       causeway route -c FILE URL [OPTIONS]\n       causeway diff OLD NEW [OPTIONS]\n       causeway clusters|endpoints|listeners|routes|secrets [NAME] [OPTIONS]\n       causeway doctor backend --port PORT [OPTIONS]\n       causeway doctor -c FILE [OPTIONS]\n       causeway demo [OPTIONS]")
        .subcommand(validate_command())
        .subcommand(ask::why_command())
        .subcommand(ask::explain_command())
        .subcommand(doctor::command())
        .subcommand(route::command())
        .subcommand(diff::command())
        .subcommands(tables::commands())
        .subcommand(demo_command());
    for flag in FLAGS {
        command = command.arg(argument(flag));
    }
    command
}

fn validate_command() -> clap::Command {
    clap::Command::new("validate")
        .about("Says everything there is to say about a configuration")
        .after_help("Ends with 0 where the configuration can be used, with 1 where it can't.")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The configuration"),
        )
        .arg(output())
        .arg(
            Arg::new("no-files")
                .long("no-files")
                .action(ArgAction::SetTrue)
                .help("Does not look for the files that the configuration names, such as certificates"),
        )
        .arg(Arg::new("allow-unsupported").long("allow-unsupported").action(ArgAction::SetTrue).help(
            "Warns of what Causeway does not implement instead of refusing it, unless that were dangerous",
        ))
        .arg(
            Arg::new("allow-unknown-static-fields")
                .long("allow-unknown-static-fields")
                .action(ArgAction::SetTrue)
                .help("Warns of fields that Envoy does not know instead of refusing them"),
        )
}

/// In which form something is said.
fn output() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORM")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("For people or for tools")
}

fn is_json(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_some_and(|form| form == "json")
}

fn demo_command() -> clap::Command {
    clap::Command::new("demo")
        .about("A little site on this machine: three apps, a front-end, and the proxy in front of them")
        .arg(
            Arg::new("port-offset")
                .long("port-offset")
                .value_name("N")
                .value_parser(value_parser!(u16).range(..=i64::from(LARGEST_PORT_OFFSET)))
                .help("Added to every port, where the usual ones are in use"),
        )
}

fn argument(flag: &'static Flag) -> Arg {
    let mut argument = Arg::new(flag.long).long(flag.long).help(flag.help);
    if let Some(short) = flag.short {
        argument = argument.short(short);
    }
    let text: ValueParser = value_parser!(OsString);
    argument = match flag.value {
        Value::Switch => argument.action(ArgAction::SetTrue),
        Value::Text(name) => argument.value_name(name).value_parser(text).allow_hyphen_values(true),
        Value::Number(name) => argument.value_name(name).value_parser(value_parser!(u32)),
        Value::Texts(name) => argument.value_name(name).value_parser(text).action(ArgAction::Append),
    };
    match flag.meaning {
        Meaning::Here => argument,
        Meaning::Ours => argument.help_heading("Options that Envoy does not have"),
        Meaning::None(_) | Meaning::Refused { .. } => {
            argument.help_heading("Options of Envoy that do nothing here").hide_short_help(true)
        }
    }
}

fn validate_arguments(matches: &ArgMatches) -> ValidateArguments {
    ValidateArguments {
        path: matches.get_one::<PathBuf>("file").cloned().unwrap_or_default(),
        json: is_json(matches),
        options: causeway_envoy::LoadOptions {
            allow_unsupported: matches.get_flag("allow-unsupported"),
            allow_unknown: matches.get_flag("allow-unknown-static-fields"),
            check_files: !matches.get_flag("no-files"),
            ..Default::default()
        },
    }
}

fn serve_arguments(matches: &ArgMatches) -> Result<ServeArguments, Error> {
    refuse(matches)?;
    let path = matches.get_one::<OsString>("config-path").map(PathBuf::from);
    // Envoy takes an empty one for none.
    let overlay = text(matches, "config-yaml").filter(|text| !text.is_empty());
    if path.is_none() && overlay.is_none() {
        return Err(usage(
            ErrorKind::MissingRequiredArgument,
            "a configuration is needed: -c FILE, or --config-yaml YAML",
        ));
    }
    let mode = match text(matches, "mode").as_deref() {
        None | Some("serve") => ServerMode::Serve,
        Some("validate") => ServerMode::Validate,
        Some("init_only") => ServerMode::InitOnly,
        Some(other) => {
            return Err(usage(
                ErrorKind::InvalidValue,
                format!("unknown mode '{other}': serve, validate or init_only"),
            ));
        }
    };
    let ip_version = match text(matches, "local-address-ip-version").as_deref() {
        None | Some("v4") => IpVersion::V4,
        Some("v6") => IpVersion::V6,
        Some(other) => {
            return Err(usage(
                ErrorKind::InvalidValue,
                format!("unknown address version '{other}': v4 or v6"),
            ));
        }
    };
    let seconds = |name| number::<u32>(matches, name).map(|n| Duration::from_secs(n.into()));
    let workers = match number::<u32>(matches, "concurrency") {
        Some(given) => usize::try_from(given.max(1)).unwrap_or(1),
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    let mut arguments = ServeArguments {
        config: ConfigArguments {
            path,
            options: causeway_envoy::LoadOptions {
                allow_unsupported: matches.get_flag("allow-unsupported"),
                allow_unknown: matches.get_flag("allow-unknown-static-fields")
                    || matches.get_flag("allow-unknown-fields"),
                check_files: true,
                overlay,
                service_node: text(matches, "service-node"),
                service_cluster: text(matches, "service-cluster"),
                service_zone: text(matches, "service-zone"),
            },
        },
        mode,
        workers,
        log: log_options(matches)?,
        log_format_given: matches.contains_id("log-format"),
        log_flush: number::<u32>(matches, "file-flush-interval-msec")
            .map_or(LOG_FLUSH, |millis| Duration::from_millis(millis.max(1).into())),
        drain_time: seconds("drain-time-s").unwrap_or(Duration::from_secs(600)),
        drain_gradually: text(matches, "drain-strategy").as_deref() != Some("immediate"),
        shutdown_timeout: seconds("shutdown-timeout-s").unwrap_or(SHUTDOWN_TIMEOUT),
        admin_address_path: matches.get_one::<OsString>("admin-address-path").map(PathBuf::from),
        ip_version,
        skip_deprecated: matches.get_flag("skip-deprecated-logs"),
        failures_kept: number::<u32>(matches, "failures-kept")
            .map_or(causeway_journal::CAPACITY, |kept| usize::try_from(kept).unwrap_or(usize::MAX)),
        reason_header: reason_header::read(matches)?,
        without_meaning: without_meaning(matches),
        shown: CommandLineOptions::default(),
    };
    arguments.shown = shown(matches, &arguments);
    Ok(arguments)
}

/// Refuses options that can't be honoured.
fn refuse(matches: &ArgMatches) -> Result<(), Error> {
    for flag in FLAGS {
        let Meaning::Refused { unless, why } = &flag.meaning else { continue };
        let given = match flag.value {
            Value::Number(_) => number::<u32>(matches, flag.long).map(|n| n.to_string()),
            _ => matches.get_one::<OsString>(flag.long).map(|text| text.to_string_lossy().into_owned()),
        };
        if given.is_some_and(|given| given != *unless) {
            return Err(usage(ErrorKind::InvalidValue, format!("--{}: {why}", flag.long)));
        }
    }
    Ok(())
}

fn without_meaning(matches: &ArgMatches) -> Vec<(&'static str, &'static str)> {
    let given = |flag: &Flag| matches.value_source(flag.long) == Some(ValueSource::CommandLine);
    FLAGS
        .iter()
        .filter(|flag| given(flag))
        .filter_map(|flag| match flag.meaning {
            Meaning::None(why) => Some((flag.long, why)),
            Meaning::Here | Meaning::Ours | Meaning::Refused { .. } => None,
        })
        .collect()
}

fn log_options(matches: &ArgMatches) -> Result<causeway_log::Options, Error> {
    let level = match text(matches, "log-level") {
        None => Level::Info,
        Some(name) => name.parse().map_err(|error| usage(ErrorKind::InvalidValue, error))?,
    };
    let components: Vec<(Component, Level)> = match text(matches, "component-log-level") {
        None => Vec::new(),
        Some(list) => parse_component_levels(&list).map_err(|error| usage(ErrorKind::InvalidValue, error))?,
    };
    let pattern = text(matches, "log-format");
    let pattern = pattern.as_deref().unwrap_or(causeway_log::DEFAULT_FORMAT);
    Ok(causeway_log::Options {
        level,
        components,
        format: Format::text(pattern, matches.get_flag("log-format-escaped")),
        output: matches
            .get_one::<OsString>("log-path")
            .map_or(Output::Stderr, |path| Output::File(path.into())),
    })
}

/// The options as `/server_info` shows them, those without a meaning as they were given.
fn shown(matches: &ArgMatches, arguments: &ServeArguments) -> CommandLineOptions {
    let words = |name| text(matches, name).unwrap_or_default();
    let switch = |name| matches.get_flag(name);
    let int = |name| number::<u32>(matches, name);
    let defaults = CommandLineOptions::default();
    CommandLineOptions {
        base_id: int("base-id").unwrap_or(0).into(),
        use_dynamic_base_id: switch("use-dynamic-base-id"),
        base_id_path: words("base-id-path"),
        skip_hot_restart_on_no_parent: switch("skip-hot-restart-on-no-parent"),
        skip_hot_restart_parent_stats: switch("skip-hot-restart-parent-stats"),
        concurrency: u32::try_from(arguments.workers).unwrap_or(u32::MAX),
        config_path: words("config-path"),
        config_yaml: words("config-yaml"),
        allow_unknown_static_fields: switch("allow-unknown-static-fields") || switch("allow-unknown-fields"),
        reject_unknown_dynamic_fields: switch("reject-unknown-dynamic-fields"),
        ignore_unknown_dynamic_fields: switch("ignore-unknown-dynamic-fields"),
        skip_deprecated_logs: arguments.skip_deprecated,
        admin_address_path: words("admin-address-path"),
        local_address_ip_version: arguments.ip_version,
        log_level: arguments.log.level,
        component_log_level: words("component-log-level"),
        log_format: text(matches, "log-format").unwrap_or(defaults.log_format),
        log_format_escaped: switch("log-format-escaped"),
        log_path: words("log-path"),
        service_cluster: words("service-cluster"),
        service_node: words("service-node"),
        service_zone: words("service-zone"),
        file_flush_interval: arguments.log_flush,
        file_flush_min_size: int("file-flush-min-size-kb").unwrap_or(0),
        drain_time: arguments.drain_time,
        drain_strategy: match words("drain-strategy").as_str() {
            "immediate" => DrainStrategy::Immediate,
            _ => DrainStrategy::Gradual,
        },
        parent_shutdown_time: int("parent-shutdown-time-s")
            .map_or(defaults.parent_shutdown_time, |seconds| Duration::from_secs(seconds.into())),
        mode: arguments.mode,
        disable_hot_restart: switch("disable-hot-restart"),
        restart_epoch: 0,
        cpuset_threads: switch("cpuset-threads"),
        disabled_extensions: Vec::new(),
        stats_tag: Vec::new(),
        socket_path: text(matches, "socket-path").unwrap_or(defaults.socket_path),
        socket_mode: text(matches, "socket-mode")
            .and_then(|mode| u32::from_str_radix(&mode, 8).ok())
            .unwrap_or(0),
        enable_core_dump: switch("enable-core-dump"),
    }
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<OsString>(name).map(|text| text.to_string_lossy().into_owned())
}

fn number<T: Copy + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).copied()
}

fn usage(kind: ErrorKind, message: impl std::fmt::Display) -> Error {
    command().error(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, Error> {
        parse(std::iter::once("causeway").chain(arguments.iter().copied()).map(OsString::from))
    }

    fn served(arguments: &[&str]) -> ServeArguments {
        match parsed(arguments) {
            Ok(Command::Serve(arguments)) => *arguments,
            Ok(_) => panic!("another command"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_table_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_script_that_starts_envoy_starts_causeway() {
        let arguments = served(&[
            "-c",
            "/etc/envoy.yaml",
            "--service-cluster",
            "edge",
            "--concurrency",
            "4",
            "-l",
            "warning",
            "--base-id",
            "7",
            "--disable-hot-restart",
            "--file-flush-interval-msec=50",
            "--drain-time-s",
            "5",
        ]);
        assert_eq!(arguments.config.path.as_deref(), Some("/etc/envoy.yaml".as_ref()));
        assert_eq!((arguments.workers, arguments.log.level), (4, Level::Warning));
        assert_eq!(arguments.log_flush, Duration::from_millis(50));
        assert_eq!(arguments.drain_time, Duration::from_secs(5));
        let without: Vec<_> = arguments.without_meaning.iter().map(|(name, _)| *name).collect();
        assert_eq!(without, ["base-id", "disable-hot-restart"]);
        assert_eq!(arguments.shown.base_id, 7);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (arguments, expected) in [
            (&["-c", "x", "--stats-tag", "a:b"][..], "tags for all metrics"),
            (&["-c", "x", "--restart-epoch", "1"], "no hot restart"),
            (&["--config-yaml", ""], "a configuration is needed"),
            (&["-c", "x", "--mode", "dance"], "unknown mode 'dance'"),
            (&["-c", "x", "-l", "loud"], "loud"),
            (&["-c", "x", "--concurency", "2"], "--concurrency"),
            (&[], "a configuration is needed"),
        ] {
            let error = parsed(arguments).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
        assert_eq!(served(&["-c", "x", "--restart-epoch", "0"]).shown.restart_epoch, 0);
    }

    #[test]
    fn the_doctor_leaves_out_nothing_that_was_asked_for() {
        let file = ["doctor", "-c", "x.yaml"];
        for (more, expected) in [
            (&["--only", "lint.ruoter"][..], "no check has the name 'lint.ruoter'"),
            (&["--skip", "nonsense"], "no check has the name 'nonsense'"),
            (&["--interval", "3"], "--interval is for"),
            (&["--bundle", "b.json", "--haproxy", "h.sock"], "cannot be used with"),
        ] {
            let arguments: Vec<_> = file.iter().chain(more).copied().collect();
            let error = parsed(&arguments).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{more:?}: {error}");
        }
        for more in
            [&["--only", "clusters.web,lint"][..], &["--skip", "host.firewall"], &["--bundle", "b.json"]]
        {
            let arguments: Vec<_> = file.iter().chain(more).copied().collect();
            assert!(parsed(&arguments).is_ok(), "{more:?}");
        }
    }

    #[test]
    fn commands_have_options_of_their_own() {
        let Ok(Command::Validate(validate)) = parsed(&["validate", "a.yaml", "-o", "json", "--no-files"])
        else {
            panic!("validate")
        };
        assert!(validate.json && !validate.options.check_files);
        let Ok(Command::Demo(demo)) = parsed(&["demo", "--port-offset", "1000"]) else { panic!("demo") };
        assert_eq!(demo.port_offset, 1000);
        let Ok(Command::Why(why)) =
            parsed(&["why", "0190-abc", "--since", "10m", "-o", "json", "--lang", "ko"])
        else {
            panic!("why")
        };
        assert_eq!(why.id.as_deref(), Some("0190-abc"));
        let asked: Vec<_> = why.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(asked, [("since", "10m"), ("format", "json"), ("lang", "ko")]);
        let Ok(Command::Explain(explain)) = parsed(&["explain", "503", "UF", "x{y}"]) else {
            panic!("explain")
        };
        assert_eq!(explain.what, "503 UF x{y}");
        let Ok(Command::Table(table)) = parsed(&["endpoints", "back", "--port", "80", "-o", "wide"]) else {
            panic!("endpoints")
        };
        assert_eq!((table.subject, table.form, table.port), (Subject::Endpoints, Form::Wide, Some(80)));
        assert!(parsed(&["secrets", "--port", "80"]).is_err(), "certificates have no port");
        assert!(matches!(parsed(&["--version"]), Ok(Command::Print(text)) if text.contains("version:")));
    }
}
