//! What it costs to check the health of thousands of endpoints: share of a processor and memory, beside Envoy and
//! HAProxy with the same endpoints and the same interval.

mod origin;
mod site;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use causeway_testkit::Peer;
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use crate::contender::Contender;
use crate::machine;
use origin::Origin;
use site::Site;

/// Measures what the health checks of thousands of endpoints cost.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Only these kinds of checks
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Only these proxies: haproxy, envoy, causeway
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Endpoints, each with an address of its own
    #[arg(long, default_value_t = 10_000)]
    endpoints: usize,
    /// Seconds from one check of an endpoint to the next
    #[arg(long, default_value_t = 5)]
    interval: u64,
    /// How many intervals each measurement takes
    #[arg(long, default_value_t = 2)]
    intervals: u32,
    /// How many rounds there are; the table shows medians
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Where figures and configurations are written
    #[arg(long, default_value = "bench/out/checks")]
    out: PathBuf,
    /// The processor of the proxies
    #[arg(long, default_value_t = 0)]
    proxy_cpu: usize,
    /// The processor of the endpoints
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
}

/// How endpoints are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// By a connection
    Tcp,
    /// By a request, on a connection of its own
    Http,
    /// By a request, on a connection that is kept; HAProxy makes a new one all the same
    HttpKept,
}

/// What was measured once.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Per cent of a processor.
    share: f64,
    /// Microseconds of a processor for each check.
    each: f64,
    /// MiB of resident memory.
    memory: f64,
    /// Seconds of a processor until every endpoint was checked twice.
    start: f64,
}

/// All that was measured of one proxy and one kind.
struct Row {
    kind: Kind,
    contender: Contender,
    rounds: Vec<Figures>,
    failure: Option<String>,
}

/// Measures, prints, writes; whether everything could be measured.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    machine::allow_descriptors()?;
    let machine = machine::describe();
    machine::stay_on(options.load_cpu)?;
    let contenders = options.contenders()?;
    let kinds = Kind::value_variants().iter().copied().filter(|kind| options.wants(*kind));
    let row = |kind, contender: &Contender| {
        let contender = contender.clone();
        Row { kind, contender, rounds: Vec::new(), failure: None }
    };
    let mut rows: Vec<Row> = kinds.flat_map(|kind| contenders.iter().map(move |c| row(kind, c))).collect();
    for round in 1..=options.rounds.max(1) {
        for row in rows.iter_mut().filter(|row| row.failure.is_none()) {
            eprint!("round {round}, {}, {}: ", row.kind.name(), row.contender.name);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
            match runtime.block_on(options.measure(row.kind, &row.contender)) {
                Ok(figures) => {
                    eprintln!("{:.1} %, {:.0} MiB", figures.share, figures.memory);
                    row.rounds.push(figures);
                }
                Err(why) => {
                    eprintln!("{why}");
                    row.failure = Some(why);
                }
            }
        }
    }
    let result = json!({
        "command": std::env::args().collect::<Vec<_>>().join(" "),
        "machine": machine,
        "endpoints": options.endpoints,
        "interval": options.interval,
        "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
    });
    let write = || {
        fs::create_dir_all(&options.out)?;
        fs::write(options.out.join("result.json"), format!("{result:#}\n"))
    };
    write().map_err(|e| format!("cannot write to {}: {e}", options.out.display()))?;
    print!("{}", table(&rows));
    Ok(rows.iter().all(|row| row.failure.is_none()))
}

impl Options {
    fn wants(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// Everybody who is there; who is not is named and left out.
    fn contenders(&self) -> Result<Vec<Contender>, String> {
        let mut found = Vec::new();
        for peer in [Peer::Haproxy, Peer::Envoy, Peer::Causeway] {
            if !self.peers.is_empty() && !self.peers.iter().any(|name| name == peer.name()) {
                continue;
            }
            match peer.find() {
                Ok(binary) => found.push(Contender::new(peer.name(), peer, binary)),
                Err(missing) => eprintln!("SKIPPED {}: {missing}", peer.name()),
            }
        }
        if found.is_empty() { Err("there is no proxy to measure".into()) } else { Ok(found) }
    }

    async fn measure(&self, kind: Kind, contender: &Contender) -> Result<Figures, String> {
        let origin = Origin::start().await?;
        let site = Site::start(contender, kind, origin.port, self).await?;
        let interval = Duration::from_secs(self.interval.max(1));
        // The first round is over for all, and a half of the second: whatever a round begins with is in the middle.
        tokio::time::sleep(interval * 2 + interval / 2).await;
        let start = site.cpu();
        let (began, before) = (Instant::now(), checks(kind, &origin));
        tokio::time::sleep(interval * self.intervals.max(1)).await;
        let (took, used) = (began.elapsed().as_secs_f64(), site.cpu() - start);
        let seen = (checks(kind, &origin) - before) as f64 / took;
        let memory = site.memory();
        let wanted = self.endpoints as f64 / interval.as_secs_f64();
        if (seen / wanted - 1.0).abs() > 0.1 {
            return Err(format!("{seen:.0} checks a second instead of {wanted:.0}"));
        }
        site.all_are_well(self.endpoints, Duration::from_secs(1)).await?;
        let share = used / took / 1e4;
        Ok(Figures { share, each: used / took / seen, memory, start: start / 1e6 })
    }
}

/// How many checks there were until now. Without a request they are seen by the connections that the kernel begins, all
/// of which are taken for the proxy's.
fn checks(kind: Kind, origin: &Origin) -> usize {
    match kind {
        Kind::Tcp => machine::connections_begun(),
        Kind::Http | Kind::HttpKept => origin.requests(),
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::HttpKept => "http-kept",
        }
    }
}

impl Row {
    fn median(&self, figure: fn(&Figures) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn to_json(&self) -> Value {
        let rounds = self.rounds.iter().map(
            |one| json!({"share": one.share, "each": one.each, "memory": one.memory, "start": one.start}),
        );
        json!({
            "kind": self.kind.name(),
            "proxy": self.contender.name,
            "version": self.contender.version,
            "rounds": rounds.collect::<Vec<_>>(),
            "failure": self.failure,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| checks | proxy | of a processor | each | memory | start |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (kind, name) = (row.kind.name(), &row.contender.name);
        // Writing to a string can't fail.
        let _ = match &row.failure {
            Some(why) => writeln!(out, "| {kind} | {name} | {why} | | | |"),
            None => writeln!(
                out,
                "| {kind} | {name} | {:.1} % | {:.1} µs | {:.0} MiB | {:.1} s |",
                row.median(|one| one.share),
                row.median(|one| one.each),
                row.median(|one| one.memory),
                row.median(|one| one.start),
            ),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_shown_and_failures_named() {
        let contender = Contender::new("x", Peer::Causeway, PathBuf::new());
        let figures = |share| Figures { share, each: 2.0, memory: 3.0, start: 4.0 };
        let rounds = vec![figures(9.0), figures(1.0), figures(5.0)];
        let row = Row { kind: Kind::Tcp, contender: contender.clone(), rounds, failure: None };
        let failed = Row { kind: Kind::Http, contender, rounds: Vec::new(), failure: Some("why".into()) };
        let text = table(&[row, failed]);
        assert!(text.contains("| tcp | x | 5.0 % | 2.0 µs | 3 MiB | 4.0 s |"), "{text}");
        assert!(text.contains("| http | x | why |"), "{text}");
    }
}
