//! Hours of traffic with everything that goes wrong in it, and reloads in between: nothing may grow, nothing
//! may break that was not broken on purpose.
//!
//! One process under test with one worker; origin and clients are in this process, on one thread, so that
//! they share what they know. `plan` decides what becomes of each request, `origin` and `client` do it and
//! hold each message against it, `ledger` is what they write down, `watch` is what the process holds.

mod client;
mod ledger;
mod origin;
mod plan;
mod watch;
mod wire;

use std::cell::Cell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use causeway_testkit::{Peer, Port, Proxy, Request, Scratch, Signal, exchange};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};

use client::Traffic;
use ledger::Ledger;
use watch::{Growth, Sample, defects};

const CONFIG: &str = include_str!("../../configs/soak.yaml");
/// How long it is measured what the machine can do.
const FULL_SPEED: Duration = Duration::from_secs(3);
/// Time between two lines about how it goes.
const TELL: Duration = Duration::from_secs(10);
/// Every how many reloads one is of an invalid file.
const INVALID: u64 = 5;
/// How soon responses have to be made under a new configuration.
const IN_FORCE: Duration = Duration::from_secs(3);
/// How long what belongs to requests that have ended may stay.
const LET_GO: Duration = Duration::from_secs(5);
/// Descriptors that may be left when all connections of clients have ended: those to the origin stay.
const LEFT: usize = 200;

/// Runs traffic with faults through Causeway for a long time, and fails when anything grows or breaks.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long the traffic lasts
    #[arg(long, default_value_t = 20.0)]
    minutes: f64,
    /// How many clients there are
    #[arg(long, default_value_t = 64)]
    clients: u64,
    /// Requests per second of all clients; half of what was measured at full speed unless given
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds between two reloads
    #[arg(long, default_value_t = 60.0)]
    reload: f64,
    /// What all plans follow from; the same seed gives the same requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The process to test, if not the one that the bench would find
    #[arg(long, value_name = "BIN")]
    binary: Option<PathBuf>,
    /// Where figures, and the logs of a run that has failed, are written
    #[arg(long, default_value = "bench/out")]
    out: PathBuf,
}

/// Runs it; whether all was as it should be.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    tokio::task::LocalSet::new().block_on(&runtime, soak(options))
}

/// The text of a configuration.
struct Config {
    listen: u16,
    admin: u16,
    origin: u16,
    directory: String,
}

impl Config {
    /// The one of two that has this letter.
    fn text(&self, letter: &str) -> String {
        CONFIG
            .replace("{{listen}}", &self.listen.to_string())
            .replace("{{admin}}", &self.admin.to_string())
            .replace("{{origin}}", &self.origin.to_string())
            .replace("{{dir}}", &self.directory)
            .replace("{{letter}}", letter)
            .replace("{{seconds}}", if letter == "a" { "15" } else { "16" })
    }

    /// One that is refused.
    fn invalid(&self) -> String {
        self.text("a").replace("cluster: origin,", "cluster: nobody,")
    }
}

async fn soak(options: &Options) -> Result<bool, String> {
    let binary = match &options.binary {
        Some(path) => crate::existing(path)?,
        None => Peer::Causeway.find().map_err(|missing| missing.to_string())?,
    };
    let ledger = Rc::new(Ledger::default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(|e| format!("cannot start the origin: {e}"))?;
    let origin = listener.local_addr().map_err(|e| format!("the origin has no address: {e}"))?.port();
    tokio::task::spawn_local(origin::serve(listener, options.seed, Rc::clone(&ledger)));

    let (listen, admin, scratch) = (Port::reserve(), Port::reserve(), Scratch::new());
    let config = Config {
        listen: listen.number(),
        admin: admin.number(),
        origin,
        directory: scratch.path().display().to_string(),
    };
    let text = config.text("a");
    let builder = Proxy::build(Peer::Causeway, &binary, &text).listener(config.listen).directory(scratch);
    let mut proxy = builder.start().await.map_err(|e| e.to_string())?;
    let traffic = Rc::new(Traffic {
        to: SocketAddr::from((Ipv4Addr::LOCALHOST, config.listen)),
        seed: options.seed,
        ledger,
        next: Cell::new(0),
        pace: Cell::new(Duration::ZERO),
        ends: Cell::new(false),
    });
    let mut soak = Soak {
        options,
        config,
        begun: Instant::now(),
        samples: Vec::new(),
        reloads: 0,
        faults: Vec::new(),
        rate: 0.0,
    };
    soak.traffic(&mut proxy, &traffic).await;
    soak.end(&mut proxy, &traffic).await;
    soak.report(&proxy, &traffic.ledger)
}

/// A run.
struct Soak<'o> {
    options: &'o Options,
    config: Config,
    begun: Instant,
    samples: Vec<Sample>,
    reloads: u64,
    /// What is wrong with the process, beside what the ledger has about single requests.
    faults: Vec<String>,
    rate: f64,
}

impl Soak<'_> {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.options.minutes.max(0.01) * 60.0)
    }

    /// What memory and descriptors do up to here says nothing: pools fill, the first reloads have their turn.
    fn warm_up(&self) -> f64 {
        (self.time().as_secs_f64() / 4.0).min(150.0)
    }

    /// Traffic, up to the end or a fault of the process.
    async fn traffic(&mut self, proxy: &mut Proxy, traffic: &Rc<Traffic>) {
        let ledger = &traffic.ledger;
        let clients: Vec<_> = (0..self.options.clients)
            .map(|number| tokio::task::spawn_local(client::run(Rc::clone(traffic), number)))
            .collect();
        sleep(FULL_SPEED).await;
        let full = ledger.requests.get() as f64 / FULL_SPEED.as_secs_f64();
        self.rate = self.options.rate.unwrap_or(full / 2.0).max(1.0);
        traffic.pace.set(Duration::from_secs_f64(self.options.clients as f64 / self.rate));
        println!("{full:.0} requests per second at full speed; going on with {:.0}", self.rate);

        self.begun = Instant::now();
        let (mut next, mut tell) = (self.begun, self.begun + TELL);
        let every = Duration::from_secs_f64(self.options.reload.max(1.0));
        let (mut reload, mut in_force) = (self.begun + every, None);
        while self.begun.elapsed() < self.time() && self.faults.is_empty() {
            next += Duration::from_secs(1);
            sleep_until(next).await;
            match Sample::take(proxy.pid(), self.begun.elapsed().as_secs_f64()) {
                Some(sample) if proxy.process().is_running() => self.samples.push(sample),
                _ => self.faults.push(format!("the process has ended: {:?}", proxy.process().status())),
            }
            if Instant::now() >= reload {
                reload += every;
                in_force = self.reload(proxy).map(|letter| (letter, Instant::now() + IN_FORCE));
            }
            if let Some((letter, _)) = in_force.filter(|due: &(_, Instant)| Instant::now() >= due.1) {
                in_force = None;
                if *ledger.marker.borrow() != letter {
                    self.faults.push(format!("{letter} is not in force {IN_FORCE:?} after the reload"));
                }
            }
            if Instant::now() >= tell {
                tell += TELL;
                self.look(proxy).await;
                self.tell(ledger);
            }
        }
        traffic.ends.set(true);
        for client in clients {
            // It waits for its last response, at most for its patience.
            if let Err(e) = client.await {
                self.faults.push(format!("a client of the soak has ended: {e}"));
            }
        }
    }

    /// Asks for a reload; the letter of the configuration that has to hold soon.
    fn reload(&mut self, proxy: &mut Proxy) -> Option<&'static str> {
        self.reloads += 1;
        let invalid = self.reloads.is_multiple_of(INVALID);
        let letter = if self.reloads % 2 == 1 { "b" } else { "a" };
        proxy.replace_config(&if invalid { self.config.invalid() } else { self.config.text(letter) });
        proxy.process().signal(Signal::HUP);
        (!invalid).then_some(letter)
    }

    /// Looks for what must not be there in logs and metrics.
    async fn look(&mut self, proxy: &Proxy) {
        self.faults.extend(defects(&proxy.log()));
        match self.ask("/stats/prometheus").await {
            Ok(metrics) => {
                let dropped =
                    |line: &&str| line.contains("causeway_reason=\"dropped\"") && !line.ends_with(" 0");
                self.faults.extend(metrics.lines().filter(dropped).map(str::to_owned));
            }
            Err(why) => self.faults.push(format!("the admin server: {why}")),
        }
    }

    async fn ask(&self, path: &str) -> Result<String, String> {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.config.admin));
        exchange(to, &Request::get(path)).await.map(|answer| answer.text()).map_err(|e| e.to_string())
    }

    fn tell(&self, ledger: &Ledger) {
        let Some(sample) = self.samples.last() else { return };
        println!(
            "{:5.0} s: {} requests, {} connections, {:.1} GiB compared, {} reloads; {:.1} MiB, {} descriptors; \
             {} failures",
            sample.at,
            ledger.requests.get(),
            ledger.connections.get(),
            ledger.bytes.get() as f64 / f64::from(1 << 30),
            self.reloads,
            sample.memory / 1024.0,
            sample.descriptors,
            ledger.failed.get(),
        );
    }

    /// When all clients have gone: nothing of theirs may be left, and the process has to end as it is told.
    async fn end(&mut self, proxy: &mut Proxy, traffic: &Rc<Traffic>) {
        if !proxy.process().is_running() {
            return;
        }
        let until = Instant::now() + LET_GO;
        let mut held = self.held().await;
        while !held.is_empty() && Instant::now() < until {
            sleep(Duration::from_millis(100)).await;
            held = self.held().await;
        }
        self.faults
            .extend(held.into_iter().map(|line| format!("left over when all clients have gone: {line}")));
        let left = watch::descriptors(proxy.pid()).unwrap_or(0);
        if left > LEFT {
            self.faults.push(format!("{left} descriptors are open when all clients have gone"));
        }
        self.look(proxy).await;
        match proxy.stop(Duration::from_secs(40)).await {
            Some(status) if status.success() => {}
            Some(status) => self.faults.push(format!("told to end, it ended with {status}")),
            None => self.faults.push("told to end, it goes on".into()),
        }
        self.faults.extend(defects(&proxy.log()));
        self.tell(&traffic.ledger);
    }

    /// Gauges of requests and clients that are not zero.
    async fn held(&self) -> Vec<String> {
        let gauges = [
            "downstream_cx_active",
            "downstream_rq_active",
            "upstream_rq_active",
            "upstream_rq_pending_active",
        ];
        let stats = self.ask("/stats").await.unwrap_or_else(|why| format!("/stats: {why}"));
        let mine = |line: &&str| {
            !line.contains("admin")
                && line.split_once(": ").is_none_or(|(name, value)| {
                    value.trim() != "0" && gauges.iter().any(|gauge| name.ends_with(&format!(".{gauge}")))
                })
        };
        stats.lines().filter(|line| !line.is_empty()).filter(mine).map(str::to_owned).collect()
    }

    /// Prints the verdict and writes everything down; whether all was as it should be.
    fn report(&mut self, proxy: &Proxy, ledger: &Ledger) -> Result<bool, String> {
        let warm: Vec<Sample> = self.samples.iter().copied().filter(|s| s.at >= self.warm_up()).collect();
        let growth = Growth::of(&warm);
        self.faults.extend(growth.faults());
        self.faults.dedup();
        let failures = ledger.failures();
        let good = self.faults.is_empty() && ledger.failed.get() == 0;
        let out = &self.options.out;
        let written = fs::create_dir_all(out).and_then(|()| {
            let result = self.to_json(good, growth, &failures, ledger);
            fs::write(out.join("soak.json"), serde_json::to_string_pretty(&result).unwrap_or_default())?;
            if !good {
                fs::write(out.join("soak.log"), proxy.log())?;
                fs::copy(proxy.directory().file("access.log"), out.join("soak-access.log"))?;
            }
            Ok(())
        });
        written.map_err(|e| format!("cannot write to {}: {e}", out.display()))?;
        for (what, times) in ledger.done() {
            println!("{times:>9} {what}");
        }
        println!(
            "memory: {:+.0} KiB in ten minutes; descriptors: {} at first, {} at last",
            growth.memory_rate, growth.descriptors.0, growth.descriptors.1
        );
        failures.iter().chain(&self.faults).for_each(|fault| println!("FAILED: {fault}"));
        println!("{}", if good { "everything was as it should be" } else { "it has failed" });
        Ok(good)
    }

    fn to_json(&self, good: bool, growth: Growth, failures: &[String], ledger: &Ledger) -> Value {
        json!({
            "good": good,
            "command": std::env::args().collect::<Vec<_>>().join(" "),
            "machine": crate::machine::describe(),
            "seconds": self.begun.elapsed().as_secs_f64(),
            "rate": self.rate,
            "requests": ledger.requests.get(),
            "connections": ledger.connections.get(),
            "bytes_compared": ledger.bytes.get(),
            "reloads": self.reloads,
            "done": ledger.done(),
            "failed": ledger.failed.get(),
            "failures": failures,
            "faults": self.faults,
            "memory_kib_per_10_minutes": growth.memory_rate,
            "descriptors": [growth.descriptors.0, growth.descriptors.1],
            "samples_s_kib_descriptors": self.samples.iter().map(|s| s.to_json()).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled_in_and_the_invalid_one_is_another() {
        let config = Config { listen: 1, admin: 2, origin: 3, directory: "/d".into() };
        for text in [config.text("a"), config.text("b"), config.invalid()] {
            assert!(!text.lines().skip(1).any(|line| line.contains("{{")), "{text}");
        }
        assert_ne!(config.text("a"), config.text("b"));
        assert_ne!(config.text("a"), config.invalid());
    }
}
