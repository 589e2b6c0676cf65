//! `causeway clusters`, `endpoints`, `listeners`, `routes`, `secrets`: their command lines.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

/// What is to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Clusters,
    Endpoints,
    Listeners,
    Routes,
    Secrets,
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    /// With all columns.
    Wide,
    Json,
}

/// `causeway clusters [NAME]` and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableArguments {
    pub(crate) subject: Subject,
    /// Where the admin server is; the file's, or the usual one, where nobody says.
    pub(crate) admin: Option<String>,
    /// The file that names the admin server.
    pub(crate) config: Option<PathBuf>,
    /// A name, a part of one, or a pattern with `*`.
    pub(crate) name: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) form: Form,
}

/// The commands, with what they list and an example.
const COMMANDS: [(&str, Subject, &str, &str); 5] = [
    (
        "clusters",
        Subject::Clusters,
        "Lists the clusters of a running Causeway or Envoy: type, balancing, endpoints, TLS, breakers, requests",
        "causeway clusters --admin 127.0.0.1:15000 '*.shop.svc.*' -o wide",
    ),
    (
        "endpoints",
        Subject::Endpoints,
        "Lists the endpoints of a running Causeway or Envoy: address, health and why not, weight, requests, errors",
        "causeway endpoints --cluster backend",
    ),
    (
        "listeners",
        Subject::Listeners,
        "Lists the listeners of a running Causeway or Envoy: address, filter chains, names, what they do",
        "causeway listeners --port 443",
    ),
    (
        "routes",
        Subject::Routes,
        "Lists the routes of a running Causeway or Envoy: domains, match, action, timeout",
        "causeway routes www.example.com --cluster backend",
    ),
    (
        "secrets",
        Subject::Secrets,
        "Lists the certificates of a running Causeway or Envoy: names, until when, how many days, serial",
        "causeway secrets -o json",
    ),
];

pub(super) fn commands() -> impl Iterator<Item = Command> {
    COMMANDS.into_iter().map(|(name, subject, about, example)| {
        let command = Command::new(name)
            .about(about)
            .after_help(format!(
                "Example: {example}\n\nEnds with 0, with 1 where nothing fits, and with 3 where nobody answers who is \
                 a Causeway or an Envoy."
            ))
            .arg(Arg::new("name").value_name("NAME").help(match subject {
                Subject::Clusters | Subject::Endpoints => "Only clusters of this name, or with this in it; * stands for anything",
                Subject::Listeners => "Only listeners of this name, or with this in it; * stands for anything",
                Subject::Routes => "Only virtual hosts with this name or domain, or with this in one; * stands for anything",
                Subject::Secrets => "Only certificates of this name, or with this in one of their names; * stands for anything",
            }))
            .arg(Arg::new("admin").long("admin").value_name("ADDRESS").help(
                "The admin server: 127.0.0.1:9901, http://10.0.0.1:15000 or /run/admin.sock [default: that of -c, else 127.0.0.1:9901]",
            ))
            .arg(
                Arg::new("config-path")
                    .short('c')
                    .long("config-path")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .help("The configuration that is run, which names the admin server"),
            )
            .arg(
                Arg::new("output")
                    .short('o')
                    .long("output")
                    .value_name("FORM")
                    .value_parser(["table", "wide", "json"])
                    .default_value("table")
                    .help("For people, with all columns, or for tools"),
            );
        let cluster = Arg::new("cluster").long("cluster").value_name("NAME");
        let port = Arg::new("port").long("port").value_name("PORT").value_parser(value_parser!(u16));
        match subject {
            Subject::Clusters | Subject::Endpoints => command
                .arg(cluster.help("The same as NAME"))
                .arg(port.help("Only those with an endpoint of this port")),
            Subject::Listeners => command
                .arg(cluster.help("Only filter chains that pass connections on to this cluster"))
                .arg(port.help("Only listeners of this port")),
            Subject::Routes => command.arg(cluster.help("Only routes to this cluster")),
            Subject::Secrets => command,
        }
    })
}

/// The arguments of a command, where it is one of these.
pub(super) fn arguments(name: &str, matches: &ArgMatches) -> Option<TableArguments> {
    let (_, subject, ..) = *COMMANDS.iter().find(|(command, ..)| *command == name)?;
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    Some(TableArguments {
        subject,
        admin: text("admin"),
        config: matches.get_one::<PathBuf>("config-path").cloned(),
        name: text("name"),
        cluster: text("cluster"),
        port: matches.try_get_one::<u16>("port").ok().flatten().copied(),
        form: match text("output").as_deref() {
            Some("json") => Form::Json,
            Some("wide") => Form::Wide,
            _ => Form::Table,
        },
    })
}
