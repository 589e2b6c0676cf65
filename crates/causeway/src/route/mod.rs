//! `causeway route`: where a request would go, and why not elsewhere.
//!
//! What is said is what the data plane's own code does with the request, on a [`Stage`] instead of a network.

mod aim;
mod json;
mod text;
mod words;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use causeway_doctor::said;
use causeway_doctor::said::Said;
use causeway_envoy::{ConfigDump, Kind, LoadOptions, Source, load};
use causeway_model::{
    Bootstrap, DownstreamSocket, FilterChain, HttpConnectionManager, Listener, NetworkFilter,
};
use causeway_proxy::{Caller, Chance, DataPlaneOptions, Heard, Knock, Question, Stage};

use crate::cli::{RouteArguments, complain, print};
pub(crate) use aim::{Url, default_client, listener_at};
pub(crate) use json::place;
pub(crate) use text::{millis, route_name, share};

/// The file or the command line can't be used.
pub(crate) const UNUSABLE: u8 = 2;

/// A configuration that is only looked at.
#[derive(Debug)]
pub(crate) struct Looked {
    /// What it says.
    pub(crate) bootstrap: Bootstrap,
    /// The messages that it was made of.
    pub(crate) dump: ConfigDump,
    /// What was left out of it, or not looked for.
    pub(crate) notes: Vec<Said>,
}

/// What is to be said about a request.
#[derive(Debug)]
pub(crate) struct Report {
    /// The request as it was asked for.
    pub(crate) url: Url,
    pub(crate) question: Question,
    pub(crate) caller: Caller,
    /// No listener has this port, which is that of the URL, and this is the only one that can be meant.
    pub(crate) missing_port: Option<u16>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) knock: Knock,
    /// What the filter chain does.
    pub(crate) end: End,
}

/// What becomes of a request or its connection.
#[derive(Debug)]
pub(crate) enum End {
    /// No chain is for the connection.
    NoChain,
    /// Client and chain do not agree on TLS: the chain speaks it, where this is true.
    Transport(bool),
    /// The chain serves no HTTP.
    NotHttp(NetworkFilter),
    /// HTTP: all that may come of it, with their shares.
    Http(Arc<HttpConnectionManager>, Vec<(Chance, Heard)>),
}

impl Report {
    /// The filter chain that the connection gets.
    pub(crate) fn chain(&self) -> Option<&Arc<FilterChain>> {
        self.listener.chains().nth(self.knock.chain?)
    }

    /// Whether something takes the request.
    pub(crate) fn is_taken(&self) -> bool {
        match &self.end {
            End::NoChain | End::Transport(_) | End::NotHttp(NetworkFilter::None) => false,
            End::NotHttp(_) => true,
            End::Http(_, outcomes) => outcomes.iter().any(|(_, heard)| heard.is_taken()),
        }
    }
}

/// Prints where a request would go.
pub(crate) fn run(arguments: &RouteArguments) -> ExitCode {
    let (looked, report) = match look(&arguments.config, &arguments.options)
        .and_then(|looked| report(&looked.bootstrap, arguments).map(|report| (looked, report)))
    {
        Ok(found) => found,
        Err(fault) => {
            complain(&fault);
            return ExitCode::from(UNUSABLE);
        }
    };
    let said = if arguments.json {
        format!("{:#}\n", json::report(&looked, &report))
    } else {
        text::report(&looked, &report, arguments.language)
    };
    print(&said);
    if report.is_taken() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads a file that is only looked at: the files that it names need not be here.
pub(crate) fn look(path: &Path, options: &LoadOptions) -> Result<Looked, String> {
    let name = path.display();
    let source = Source::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let mut notes = Vec::new();
    let mut loaded = load(&source, options);
    if loaded.bootstrap.is_none() {
        let elsewhere = load(&source, &LoadOptions { check_files: false, ..options.clone() });
        if elsewhere.bootstrap.is_some() {
            notes.push(said!(
                "files that {name} names are not here, and count as empty: causeway validate {name} says which",
                "{name}이(가) 가리키는 파일이 여기에 없어 빈 것으로 봅니다. causeway validate {name}으로 어떤 파일인지 확인하십시오"
            ));
            loaded = elsewhere;
        }
    }
    let Some(bootstrap) = loaded.bootstrap else {
        return Err(format!("{name} can't be used:\n{}", loaded.diagnostics.render(false).trim_end()));
    };
    let unsupported =
        loaded.diagnostics.iter().filter(|diagnostic| diagnostic.kind == Kind::Unsupported).count();
    if unsupported > 0 {
        notes.push(said!(
            "{unsupported} things in {name} are left out, and might answer: causeway validate {name} says which",
            "{name}의 설정 {unsupported}개는 구현되어 있지 않아 빼고 봅니다. 실제로는 그 설정이 응답할 수 있습니다. causeway validate {name}으로 확인하십시오"
        ));
    }
    Ok(Looked { bootstrap, dump: loaded.dump, notes })
}

/// Finds out what becomes of a request.
fn report(bootstrap: &Bootstrap, arguments: &RouteArguments) -> Result<Report, String> {
    let url = Url::parse(&arguments.url)?;
    let question = aim::question(&url, arguments)?;
    let aimed = aim::aim(bootstrap, &url, arguments)?;
    let stage = stage(bootstrap)?;
    let listener = bootstrap.listeners.get(aimed.listener).ok_or("there is no such listener")?;
    let knock = stage.knock(aimed.listener, &aimed.caller).ok_or("there is no such listener")?;
    let end =
        end(&stage, (aimed.listener, listener), &knock, &aimed.caller, &question, arguments.random, true);
    Ok(Report {
        url,
        question,
        caller: aimed.caller,
        missing_port: aimed.missing_port,
        listener: Arc::clone(listener),
        knock,
        end,
    })
}

/// Where requests are rehearsed.
pub(crate) fn stage(bootstrap: &Bootstrap) -> Result<Stage, String> {
    let own_address = crate::serve::own_address(causeway_admin::view::IpVersion::V4);
    Stage::new(bootstrap, DataPlaneOptions { own_address, ..DataPlaneOptions::default() })
        .map_err(|error| format!("the configuration can't be rehearsed: {error}"))
}

/// What becomes of a request on a connection that arrived so. `random` is what chance draws; all that it may draw is
/// looked at where it is not given. Why routes are passed over is found out where `thorough` is set.
pub(crate) fn end(
    stage: &Stage,
    (number, listener): (usize, &Listener),
    knock: &Knock,
    caller: &Caller,
    question: &Question,
    random: Option<u64>,
    thorough: bool,
) -> End {
    let Some((at, chain)) = knock.chain.and_then(|at| Some((at, listener.chains().nth(at)?))) else {
        return End::NoChain;
    };
    let speaks_tls = matches!(chain.transport_socket, DownstreamSocket::Tls(_));
    let NetworkFilter::HttpConnectionManager(manager) = &chain.filter else {
        return End::NotHttp(chain.filter.clone());
    };
    if speaks_tls != caller.tls.is_some() {
        return End::Transport(speaks_tls);
    }
    let ask = |random| stage.ask((number, at), caller, question, random, thorough);
    let whole = |random| Chance { share: 1.0, about: false, random };
    let Some(first) = ask(random.unwrap_or(0)) else { return End::NoChain };
    let outcomes = if random.is_some() || first.chances.is_empty() {
        vec![(whole(random.unwrap_or(0)), first)]
    } else {
        first
            .chances
            .into_iter()
            .filter_map(|chance| ask(chance.random).map(|heard| (chance, heard)))
            .collect()
    };
    End::Http(Arc::clone(manager), outcomes)
}
