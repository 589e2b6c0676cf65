//! What a request costs in Causeway, HAProxy, nginx and Envoy: one worker on one processor, origin and
//! clients on another, the rounds of all proxies interleaved.
//!
//! `README.md` says how it is measured, and why so.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the program is for")]

mod checks;
mod contender;
mod engine;
mod hardship;
mod histogram;
mod machine;
mod measure;
mod report;
mod soak;
mod usage;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use causeway_testkit::Peer;
use clap::Parser;

use contender::Contender;
use measure::{Setting, measure};
use report::{Report, Row};
use work::{WORKS, Work};

/// Measures what a request costs in each proxy.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these kinds of work, by the beginnings of their names, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these proxies: haproxy, nginx, envoy, causeway
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Another build of Causeway, under a name of its own; may be repeated
    #[arg(long, value_name = "NAME=PATH")]
    peer: Vec<String>,
    /// Causeway with further options, under a name of its own, as --with 'quiet=--failures-kept 0'; may be repeated
    #[arg(long, value_name = "NAME=OPTIONS", allow_hyphen_values = true)]
    with: Vec<String>,
    /// Compares this older build of Causeway with the current one, and nobody else
    #[arg(long, value_name = "BIN")]
    vs: Option<PathBuf>,
    /// How long each measurement takes
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How many rounds there are; the table shows medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where table, figures and configurations are written
    #[arg(long, default_value = "bench/out")]
    out: PathBuf,
    /// The processor of the proxies
    #[arg(long, default_value_t = 0)]
    proxy_cpu: usize,
    /// The processor of origin and clients
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// Prints the kinds of work
    #[arg(long)]
    list: bool,
}

/// What else there is to do.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Traffic with faults for a long time: fails when anything grows or breaks
    Soak(soak::Options),
    /// Slow, idle, stalled and too many clients, against limits
    Hardship(hardship::Options),
    /// Health checks of thousands of endpoints
    Checks(checks::Options),
}

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        Some(Command::Soak(options)) => return ended("soak", soak::run(options)),
        Some(Command::Hardship(options)) => return ended("hardship", hardship::run(options)),
        Some(Command::Checks(options)) => return ended("checks", checks::run(options)),
        None => {}
    }
    if args.list {
        WORKS.iter().for_each(|work| println!("{:<20} {}", work.name, work.title));
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(report) => {
            println!("{}", report.text());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("causeway-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// 1 where a limit was passed, 2 where nothing could be measured.
fn ended(command: &str, result: Result<bool, String>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("causeway-bench {command}: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<Report, String> {
    let works: Vec<Work> = WORKS.iter().copied().filter(|work| args.wants(work)).collect();
    if works.is_empty() {
        return Err("no such work; --list prints all".into());
    }
    let contenders = args.contenders()?;
    if args.proxy_cpu == args.load_cpu {
        return Err("proxy and load side need a processor each".into());
    }
    let machine = machine::describe();
    if machine::load() > 0.5 {
        eprintln!(
            "others are using this machine (load {}); only ratios are worth something",
            machine::load()
        );
    }
    machine::stay_on(args.load_cpu)?;
    let setting = Setting { proxy_cpu: args.proxy_cpu, time: Duration::from_secs_f64(args.seconds.max(0.1)) };

    let row = |work, contender: &Contender| {
        let contender = contender.clone();
        Row { work, contender, rounds: Vec::new(), failure: None }
    };
    let mut rows: Vec<Row> =
        works.into_iter().flat_map(|work| contenders.iter().map(move |c| row(work, c))).collect();
    // What changes on the machine in the course of time falls on all proxies, and on all kinds of work.
    for round in 1..=args.rounds.max(1) {
        for row in rows.iter_mut().filter(|row| row.failure.is_none()) {
            eprint!("round {round}, {}, {}: ", row.work.title, row.contender.name);
            match measure(&row.contender, &row.work, setting) {
                Ok(measured) => {
                    let figures = measured.figures;
                    eprintln!("{:.1} µs, {:.0}/s, {:.1} KiB", figures.cpu, figures.per_second, figures.idle);
                    row.rounds.push(measured);
                }
                Err(why) => {
                    eprintln!("{why}");
                    row.failure = Some(why);
                }
            }
        }
    }
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    let report = Report { rows, machine, command, base: args.vs.as_ref().map(|_| "before".into()) };
    report.write(&args.out).map_err(|e| format!("cannot write to {}: {e}", args.out.display()))?;
    Ok(report)
}

impl Args {
    fn wants(&self, work: &Work) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| work.name.starts_with(name.as_str()))
    }

    /// Everybody who is there; who is not is named and left out.
    fn contenders(&self) -> Result<Vec<Contender>, String> {
        let mut found = Vec::new();
        if let Some(before) = &self.vs {
            found.push(Contender::new("before", Peer::Causeway, existing(before)?));
            let after = Peer::Causeway.find().map_err(|missing| missing.to_string())?;
            found.push(Contender::new("after", Peer::Causeway, after));
        } else {
            for peer in [Peer::Haproxy, Peer::Nginx, Peer::Envoy, Peer::Causeway] {
                if !self.peers.is_empty() && !self.peers.iter().any(|name| name == peer.name()) {
                    continue;
                }
                match peer.find() {
                    Ok(binary) => found.push(Contender::new(peer.name(), peer, binary)),
                    Err(missing) => eprintln!("SKIPPED {}: {missing}", peer.name()),
                }
            }
        }
        for named in &self.peer {
            let (name, path) = named.split_once('=').ok_or(format!("--peer {named}: NAME=PATH is needed"))?;
            found.push(Contender::new(name, Peer::Causeway, existing(Path::new(path))?));
        }
        for named in &self.with {
            let (name, options) =
                named.split_once('=').ok_or(format!("--with {named}: NAME=OPTIONS is needed"))?;
            let binary = Peer::Causeway.find().map_err(|missing| missing.to_string())?;
            found.push(Contender::new(name, Peer::Causeway, binary).with(options));
        }
        if found.is_empty() { Err("there is no proxy to measure".into()) } else { Ok(found) }
    }
}

/// Proxies run in directories of their own, so paths must not be relative.
fn existing(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))
}
