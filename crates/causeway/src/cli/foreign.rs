//! `causeway doctor --log`, `--envoy`, `--istio`, `--haproxy`: what is examined beside, or instead of, a file.

use std::path::PathBuf;
use std::time::Duration;

use causeway_doctor::foreign::haproxy::StatsSocket;
use causeway_doctor::foreign::http::AdminServer;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Error, value_parser};

use super::usage;

/// A log, or a proxy that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignArguments {
    /// An access log; `-` is standard input.
    pub(crate) log: Option<PathBuf>,
    /// The admin server of an Envoy, or of what speaks as one.
    pub(crate) envoy: Option<AdminServer>,
    /// The stats socket of an HAProxy, and its file.
    pub(crate) haproxy: Option<(StatsSocket, Option<PathBuf>)>,
    /// The file that it is said to run, or whose formats a log has.
    pub(crate) config: Option<PathBuf>,
    /// Time between two readings of counters.
    pub(crate) interval: Duration,
}

/// Seconds between two readings, unless somebody says otherwise.
const INTERVAL: u64 = 5;

/// Where Istio's proxy has its admin server.
const ISTIO: &str = "http://127.0.0.1:15000";

pub(super) fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("log")
            .long("log")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("An access log of Envoy, Istio, HAProxy or Causeway; - for standard input. -c FILE names its format"),
        Arg::new("envoy")
            .long("envoy")
            .value_name("URL")
            .help("The admin server of an Envoy or a Causeway that runs, such as http://127.0.0.1:9901"),
        Arg::new("istio")
            .long("istio")
            .action(ArgAction::SetTrue)
            .conflicts_with("envoy")
            .help(format!("The same as --envoy {ISTIO}")),
        Arg::new("haproxy")
            .long("haproxy")
            .value_name("SOCKET")
            .conflicts_with_all(["envoy", "istio"])
            .help("The stats socket of an HAProxy that runs, such as /run/haproxy/admin.sock"),
        Arg::new("haproxy-cfg")
            .long("haproxy-cfg")
            .value_name("FILE")
            .requires("haproxy")
            .value_parser(value_parser!(PathBuf))
            .help("Its file, which says what the socket does not: timeouts, checks, names of servers"),
        Arg::new("interval")
            .long("interval")
            .value_name("SECONDS")
            .value_parser(value_parser!(u64))
            .help("Time between two readings of the counters of a proxy that runs [default: 5]"),
    ]
}

/// What of it was given; nothing where only a file was.
pub(super) fn foreign(matches: &ArgMatches) -> Result<Option<ForeignArguments>, Error> {
    let url = if matches.get_flag("istio") {
        Some(ISTIO)
    } else {
        matches.get_one::<String>("envoy").map(String::as_str)
    };
    let envoy = url
        .map(AdminServer::parse)
        .transpose()
        .map_err(|fault| usage(ErrorKind::ValueValidation, format!("--envoy {fault}")))?;
    let log = matches.get_one::<PathBuf>("log").cloned();
    let haproxy = matches
        .get_one::<String>("haproxy")
        .map(|socket| (StatsSocket::new(socket), matches.get_one::<PathBuf>("haproxy-cfg").cloned()));
    let interval = matches.get_one::<u64>("interval").copied();
    if envoy.is_none() && haproxy.is_none() && interval.is_some() {
        return Err(usage(
            ErrorKind::MissingRequiredArgument,
            "--interval is for --envoy, --istio and --haproxy",
        ));
    }
    if envoy.is_none() && log.is_none() && haproxy.is_none() {
        return Ok(None);
    }
    Ok(Some(ForeignArguments {
        log,
        envoy,
        haproxy,
        config: matches.get_one::<PathBuf>("config-path").cloned(),
        interval: Duration::from_secs(interval.unwrap_or(INTERVAL)),
    }))
}
