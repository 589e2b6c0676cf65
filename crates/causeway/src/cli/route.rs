//! `causeway route`: its command line.

use std::path::PathBuf;

use causeway_envoy::LoadOptions;
use causeway_reason::Language;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::language::{language, spoken};
use super::{is_json, output};

/// `causeway route -c FILE URL`
#[derive(Debug, Clone)]
pub(crate) struct RouteArguments {
    pub(crate) config: PathBuf,
    pub(crate) options: LoadOptions,
    pub(crate) url: String,
    pub(crate) method: Option<String>,
    /// As curl takes them: `name: value`.
    pub(crate) headers: Vec<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) listener: Option<String>,
    pub(crate) sni: Option<String>,
    pub(crate) alpn: Vec<String>,
    pub(crate) http2: bool,
    pub(crate) random: Option<u64>,
    pub(crate) json: bool,
    pub(crate) language: Language,
}

/// The file of a command that only reads it.
pub(super) fn config() -> Arg {
    Arg::new("config-path")
        .short('c')
        .long("config-path")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The configuration")
}

/// Whether what is not implemented is left out.
pub(super) fn lenient() -> [Arg; 2] {
    [
        Arg::new("allow-unsupported")
            .long("allow-unsupported")
            .action(ArgAction::SetTrue)
            .help("Leaves out what Causeway does not implement, and says so, unless that were dangerous"),
        Arg::new("allow-unknown-static-fields")
            .long("allow-unknown-static-fields")
            .action(ArgAction::SetTrue)
            .help("Leaves out fields that Envoy does not know, and says so"),
    ]
}

/// How the file is read.
pub(super) fn options(matches: &ArgMatches) -> LoadOptions {
    LoadOptions {
        allow_unsupported: matches.get_flag("allow-unsupported"),
        allow_unknown: matches.get_flag("allow-unknown-static-fields"),
        check_files: true,
        ..LoadOptions::default()
    }
}

pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("route")
        .about("Says where a request would go, and why not elsewhere, without sending it")
        .after_help(
            "Example: causeway route -c envoy.yaml -X POST -H 'x-tenant: blue' https://www.example.com/api/orders\n\n\
             Nothing is sent: the file is all that is looked at. Fields that the command line does not name are not \
             there, not even user-agent.\nEnds with 0 where a route takes the request, with 1 where none does, and \
             with 2 where the file or the command line can't be used.",
        )
        .arg(Arg::new("url").value_name("URL").required(true).help("http://… or https://…; http where it does not say"))
        .arg(config())
        .arg(
            Arg::new("method").short('X').long("method").visible_alias("request").value_name("METHOD")
                .help("The method [default: GET]"),
        )
        .arg(
            Arg::new("header").short('H').long("header").value_name("NAME: VALUE").action(ArgAction::Append)
                .help("A header field; Host takes the place of that of the URL"),
        )
        .arg(text("from", "ADDRESS", "The client's address [default: 192.0.2.1:50000, or this machine where a listener takes nobody else]"))
        .arg(text("to", "ADDRESS:PORT", "Where the client connects to [default: the listener with the port of the URL, else the only one that can be meant]"))
        .arg(text("listener", "NAME", "The listener, by its name").conflicts_with("to"))
        .arg(text("sni", "NAME", "The name that the client asks for in its handshake [default: that of the URL]"))
        .arg(text("alpn", "LIST", "The protocols that it speaks, by commas [default: http/1.1, or h2 with --http2]").value_delimiter(',').action(ArgAction::Append))
        .arg(Arg::new("http2").long("http2").action(ArgAction::SetTrue).help("The client speaks HTTP/2"))
        .arg(
            text("random", "N", "The number that chance draws, for weights and fractions [default: all that may come of it, with their shares]")
                .value_parser(value_parser!(u64)),
        )
        .args(lenient())
        .arg(output())
        .arg(language())
}

pub(super) fn arguments(matches: &ArgMatches) -> RouteArguments {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let texts = |name: &str| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
    RouteArguments {
        config: matches.get_one::<PathBuf>("config-path").cloned().unwrap_or_default(),
        options: options(matches),
        url: text("url").unwrap_or_default(),
        method: text("method"),
        headers: texts("header"),
        from: text("from"),
        to: text("to"),
        listener: text("listener"),
        sni: text("sni"),
        alpn: texts("alpn"),
        http2: matches.get_flag("http2"),
        random: matches.get_one::<u64>("random").copied(),
        json: is_json(matches),
        language: spoken(matches),
    }
}
