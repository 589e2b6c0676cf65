//! Commands that ask a running proxy, or the catalogue, why something failed.

use std::path::PathBuf;

use causeway_reason::Language;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::language::{language, spoken};
use super::{is_json, output};

/// `causeway why [ID]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WhyArguments {
    /// Where the admin server is; the file's, or the usual one, where nobody says.
    pub(crate) admin: Option<String>,
    /// The file that names the admin server.
    pub(crate) config: Option<PathBuf>,
    /// One failure.
    pub(crate) id: Option<String>,
    /// What else is asked for, by the names that `/why` gives it.
    pub(crate) parameters: Vec<(&'static str, String)>,
}

/// `causeway explain WHAT`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExplainArguments {
    /// A code, a reason, or a line of a log.
    pub(crate) what: String,
    pub(crate) language: Language,
}

pub(super) fn why_command() -> Command {
    let parameter = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("why")
        .about("Says what failed lately in a running Causeway, and why")
        .after_help(
            "Without ID: the causes since the start, most often first, and the last failures.\n\
             Ends with 0, with 1 where no failure has that ID, and with 3 where nobody answers.",
        )
        .arg(Arg::new("id").value_name("ID").help("One failure: %WHY_ID% of a log, or the x-request-id of its request"))
        .arg(
            Arg::new("admin")
                .long("admin")
                .value_name("ADDRESS")
                .help("The admin server: 127.0.0.1:9901, http://10.0.0.1:9901 or /run/admin.sock [default: that of -c, else 127.0.0.1:9901]"),
        )
        .arg(
            Arg::new("config-path")
                .short('c')
                .long("config-path")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The configuration that Causeway runs, which names its admin server"),
        )
        .arg(parameter("last", "N", "How many failures [default: 20]"))
        .arg(parameter("code", "CODE", "Only failures of this code or reason"))
        .arg(parameter("cluster", "NAME", "Only failures of this cluster"))
        .arg(parameter("since", "TIME", "Only failures of this time: 10m, 2h, or 2026-11-20T16:17:33Z"))
        .arg(output())
        .arg(language())
}

pub(super) fn explain_command() -> Command {
    Command::new("explain")
        .about("Says what a code, a reason, or a line of Envoy's access log means, without asking anybody")
        .after_help("Ends with 0, and with 1 where it knows nothing about it.")
        .arg(
            Arg::new("what")
                .value_name("CODE | 'LOG LINE'")
                .required(true)
                .num_args(1..)
                .action(ArgAction::Append)
                .help("T201, connect_refused, or a line such as '503 UF upstream_reset_before_response_started{…}'"),
        )
        .arg(language())
}

pub(super) fn why(matches: &ArgMatches) -> WhyArguments {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let mut parameters: Vec<_> = ["last", "code", "cluster", "since"]
        .into_iter()
        .filter_map(|name| text(name).map(|value| (name, value)))
        .collect();
    if is_json(matches) {
        parameters.push(("format", "json".to_owned()));
    }
    if spoken(matches) == Language::Korean {
        parameters.push(("lang", "ko".to_owned()));
    }
    WhyArguments {
        admin: text("admin"),
        config: matches.get_one::<PathBuf>("config-path").cloned(),
        id: text("id"),
        parameters,
    }
}

pub(super) fn explain(matches: &ArgMatches) -> ExplainArguments {
    let words: Vec<_> = matches.get_many::<String>("what").into_iter().flatten().cloned().collect();
    ExplainArguments { what: words.join(" "), language: spoken(matches) }
}
