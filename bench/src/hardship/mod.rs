//! What a hostile or crowded internet does to a proxy: thousands of slow clients, idle ones, clients that do not
//! read, and no descriptors left. Each is measured against a limit, so that it is passed or failed.
//!
//! The load side is the crowd of the tests (`causeway_testkit::Crowd`): here memory and deadlines count, not
//! how fast it goes.

mod check;
mod descriptors;
mod failures;
mod idle;
mod site;
mod slow;
mod stalled;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use causeway_testkit::Peer;
use clap::Parser;
use serde_json::json;

use crate::contender::Contender;
use crate::machine;
use check::{Check, table};
use site::Site;

/// Measures what hardship does to a proxy, and fails where a limit is passed.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Only these: slow, idle, stalled, descriptors, failures
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// These proxies beside Causeway, whose figures are printed and judged by nobody: haproxy, nginx, envoy
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Slow connections, half of them with slow heads and half with slow bodies
    #[arg(long, default_value_t = 8000)]
    slow: usize,
    /// Idle connections that have had a response each
    #[arg(long, default_value_t = 4000)]
    idle: usize,
    /// Downloads that nobody reads
    #[arg(long, default_value_t = 400)]
    stalled: usize,
    /// MB of each of those downloads
    #[arg(long, default_value_t = 20)]
    download: usize,
    /// Descriptors of the proxy while there are too few
    #[arg(long, default_value_t = 250)]
    descriptors: u64,
    /// Requests that fail in a second, at least
    #[arg(long, default_value_t = 10_000)]
    failures: usize,
    /// Seconds for which requests fail
    #[arg(long, default_value_t = 60)]
    failing: u64,
    /// Seconds that a request has to arrive
    #[arg(long, default_value_t = 10)]
    deadline: u64,
    /// Seconds for which processor time is measured while there are no descriptors
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// KiB that a slow connection may cost
    #[arg(long, default_value_t = 8.0)]
    max_slow: f64,
    /// KiB that an idle connection may cost
    #[arg(long, default_value_t = 1.5)]
    max_idle: f64,
    /// KiB that a stalled download may cost
    #[arg(long, default_value_t = 64.0)]
    max_stalled: f64,
    /// Milliseconds of the 99th percentile of requests beside slow connections
    #[arg(long, default_value_t = 20.0)]
    max_p99: f64,
    /// KiB by which failures may make memory grow, once their journal is full
    #[arg(long, default_value_t = 256.0)]
    max_failures: f64,
    /// Where figures and configurations are written
    #[arg(long, default_value = "bench/out/hardship")]
    out: PathBuf,
    /// The processor of the proxy
    #[arg(long, default_value_t = 0)]
    proxy_cpu: usize,
    /// The processor of the load side
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
}

const KINDS: [&str; 5] = ["slow", "idle", "stalled", "descriptors", FAILURES];
/// Others keep no journal that this could be asked of.
const FAILURES: &str = "failures";

/// Measures, prints, writes; whether Causeway passed everything.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    if let Some(unknown) = options.only.iter().find(|name| !KINDS.contains(&name.as_str())) {
        return Err(format!("--only {unknown}: there are {}", KINDS.join(", ")));
    }
    machine::allow_descriptors()?;
    machine::stay_on(options.load_cpu)?;
    let mut checks = Vec::new();
    for contender in options.contenders()? {
        for kind in KINDS.into_iter().filter(|kind| options.wants(kind)) {
            if kind == FAILURES && contender.peer != Peer::Causeway {
                continue;
            }
            eprintln!("{}: {kind} …", contender.name);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
            let measured = runtime.block_on(options.measure(kind, &contender));
            let measured = measured.unwrap_or_else(|why| vec![Check::failed(kind, &why)]);
            let judged = contender.peer == Peer::Causeway;
            checks.extend(measured.into_iter().map(|check| check.of(&contender.name, judged)));
        }
    }
    let passed = checks.iter().all(|check| !check.is_judged() || check.passed());
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    let result = json!({
        "command": command,
        "machine": machine::describe(),
        "passed": passed,
        "checks": checks.iter().map(Check::to_json).collect::<Vec<_>>(),
    });
    let write = || {
        fs::create_dir_all(&options.out)?;
        fs::write(options.out.join("result.json"), format!("{result:#}\n"))
    };
    write().map_err(|e| format!("cannot write to {}: {e}", options.out.display()))?;
    print!("{}", table(&checks));
    Ok(passed)
}

impl Options {
    fn wants(&self, kind: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == kind)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }

    /// Causeway, and who is wanted beside it and is there.
    fn contenders(&self) -> Result<Vec<Contender>, String> {
        let causeway = Peer::Causeway.find().map_err(|missing| missing.to_string())?;
        let mut found = vec![Contender::new("causeway", Peer::Causeway, causeway)];
        for name in &self.peers {
            let peer = [Peer::Haproxy, Peer::Nginx, Peer::Envoy].into_iter().find(|peer| peer.name() == name);
            let peer = peer.ok_or(format!("--peers {name}: there are haproxy, nginx, envoy"))?;
            match peer.find() {
                Ok(binary) => found.push(Contender::new(name, peer, binary)),
                Err(missing) => eprintln!("SKIPPED {name}: {missing}"),
            }
        }
        Ok(found)
    }

    async fn measure(&self, kind: &str, contender: &Contender) -> Result<Vec<Check>, String> {
        let mut site = Site::start(contender, self).await?;
        match kind {
            "slow" => slow::measure(&site, self).await,
            "idle" => idle::measure(&site, self).await,
            "stalled" => stalled::measure(&site, self).await,
            FAILURES => failures::measure(&site, self).await,
            _ => descriptors::measure(&mut site, self).await,
        }
    }
}
