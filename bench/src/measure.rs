//! One measurement: a proxy is started, warmed up, measured and stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_testkit::{Pki, Port, Proxy, Scratch};
use serde_json::{Value, json};

use crate::contender::{Contender, Places};
use crate::engine::{Engine, Errors, Outcome, TlsEngine};
use crate::usage::{family, memory};
use crate::work::Work;

/// Enough for pools to fill and branches to be learnt.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long opening all idle connections may take.
const OPENING: Duration = Duration::from_secs(30);
/// The connections before those that are counted, which make the proxy take what it needs once.
const FIRST: usize = 64;

/// The figures of one round. Those that a kind of work does not have are zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Microseconds of processor time for each request.
    pub(crate) cpu: f64,
    pub(crate) user: f64,
    pub(crate) system: f64,
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// MiB at the end.
    pub(crate) memory: f64,
    /// KiB for each idle connection.
    pub(crate) idle: f64,
    /// Seconds from the start until it listened.
    pub(crate) start: f64,
    /// The shares of their processors that the proxy and the load side used.
    pub(crate) proxy_busy: f64,
    pub(crate) load_busy: f64,
    pub(crate) requests: u64,
    pub(crate) errors: Errors,
}

/// Where things run and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) proxy_cpu: usize,
    pub(crate) time: Duration,
}

/// A measurement with what is needed to repeat it.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    pub(crate) config: String,
    pub(crate) command: String,
}

pub(crate) fn measure(contender: &Contender, work: &Work, setting: Setting) -> Result<Measured, String> {
    let mut engine = Load::new(work).map_err(|e| format!("cannot start the origin: {e}"))?;
    let (listen, admin, scratch) = (Port::reserve(), Port::reserve(), Scratch::new());
    let places = Places {
        listen: listen.number(),
        admin: admin.number(),
        origin: engine.port(),
        directory: scratch.path(),
    };
    let config = contender.config(work, &places);
    if work.tls {
        write_certificates(scratch.path());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;

    let begin = Instant::now();
    let builder = Proxy::build(contender.peer, &contender.binary, &config);
    let builder = builder.on_cpu(setting.proxy_cpu).listener(listen.number()).directory(scratch);
    let builder = contender.options.iter().fold(builder, |builder, option| builder.arg(option));
    let proxy = runtime.block_on(builder.start()).map_err(|e| e.to_string())?;
    let start = begin.elapsed().as_secs_f64();

    let pids = family(proxy.pid());
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, listen.number()));
    let figures = if work.idle {
        idle(&mut engine, to, work, &pids)
    } else {
        let outcome = engine.run(to, work, (WARM_UP, setting.time), &pids);
        outcome.map(|outcome| Figures::of(&outcome))
    };
    let mut figures = figures.map_err(|e| format!("the load side has failed: {e}"))?;
    figures.memory = memory(&pids) as f64 / 1024.0;
    figures.start = start;
    Ok(Measured { figures, config, command: proxy.command_line().to_owned() })
}

/// The load side, with TLS or without.
enum Load {
    Plain(Engine),
    Tls(TlsEngine),
}

impl Load {
    fn new(work: &Work) -> std::io::Result<Self> {
        // The clients of HTTP/2 do TLS themselves.
        let tls = work.tls && work.http2.is_none();
        Ok(if tls { Self::Tls(TlsEngine::new()?) } else { Self::Plain(Engine::new()?) })
    }

    fn port(&self) -> u16 {
        match self {
            Self::Plain(engine) => engine.port(),
            Self::Tls(engine) => engine.port(),
        }
    }

    fn run(
        &mut self,
        to: SocketAddr,
        work: &Work,
        times: (Duration, Duration),
        pids: &[u32],
    ) -> rustix::io::Result<Outcome> {
        match self {
            Self::Plain(engine) => engine.run(to, &work.request(), work.clients, times, pids),
            Self::Tls(engine) => Ok(engine.run(to, &work.request(), work.clients, times, pids)),
        }
    }

    /// So many more connections that are quiet behind their first response.
    fn hold(&mut self, to: SocketAddr, work: &Work, clients: usize) -> rustix::io::Result<Errors> {
        match self {
            Self::Plain(engine) => engine.idle(to, &work.request(), clients, OPENING),
            Self::Tls(engine) => Ok(engine.idle(to, &work.request(), clients)),
        }
    }
}

/// The certificate with its key, in two files and, as HAProxy wants it, in one.
fn write_certificates(folder: &Path) {
    Pki::get().write_to(folder);
    let own = Pki::get().identity("server");
    let both = format!("{}{}", own.certificate, own.key);
    // Who misses it says so.
    let _ = std::fs::write(folder.join("both.pem"), both);
}

fn idle(engine: &mut Load, to: SocketAddr, work: &Work, pids: &[u32]) -> rustix::io::Result<Figures> {
    let mut errors = engine.hold(to, work, FIRST)?;
    let before = memory(pids);
    if errors.sum() == 0 {
        errors = engine.hold(to, work, work.clients)?;
    }
    let grown = memory(pids).saturating_sub(before);
    Ok(Figures {
        idle: grown as f64 / work.clients as f64,
        requests: work.clients as u64,
        errors,
        ..Figures::default()
    })
}

/// The median; 0 of nothing.
pub(crate) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

impl Figures {
    fn of(outcome: &Outcome) -> Self {
        let requests = outcome.requests.max(1) as f64;
        let wall = outcome.wall.as_secs_f64();
        Self {
            cpu: outcome.cpu.sum() / requests,
            user: outcome.cpu.user / requests,
            system: outcome.cpu.system / requests,
            per_second: outcome.requests as f64 / wall,
            p50: outcome.latencies.quantile(0.5),
            p99: outcome.latencies.quantile(0.99),
            proxy_busy: outcome.cpu.sum() / (wall * 1e6),
            load_busy: outcome.load_busy,
            requests: outcome.requests,
            errors: outcome.errors,
            ..Self::default()
        }
    }

    /// The middle of each figure; requests and errors are summed.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| middle(rounds.iter().map(figure).collect());
        let mut errors = Errors::default();
        for round in rounds {
            errors.status += round.errors.status;
            errors.short += round.errors.short;
            errors.reset += round.errors.reset;
            errors.refused += round.errors.refused;
            errors.stuck += round.errors.stuck;
        }
        Self {
            cpu: middle(|f| f.cpu),
            user: middle(|f| f.user),
            system: middle(|f| f.system),
            per_second: middle(|f| f.per_second),
            p50: middle(|f| f.p50),
            p99: middle(|f| f.p99),
            memory: middle(|f| f.memory),
            idle: middle(|f| f.idle),
            start: middle(|f| f.start),
            proxy_busy: middle(|f| f.proxy_busy),
            load_busy: middle(|f| f.load_busy),
            requests: rounds.iter().map(|f| f.requests).sum(),
            errors,
        }
    }

    pub(crate) fn to_json(self) -> Value {
        json!({
            "cpu_us": self.cpu,
            "user_us": self.user,
            "system_us": self.system,
            "requests_per_second": self.per_second,
            "p50_us": self.p50,
            "p99_us": self.p99,
            "memory_mib": self.memory,
            "idle_kib": self.idle,
            "start_s": self.start,
            "proxy_busy": self.proxy_busy,
            "load_busy": self.load_busy,
            "requests": self.requests,
            "errors": {
                "status": self.errors.status,
                "short": self.errors.short,
                "reset": self.errors.reset,
                "refused": self.errors.refused,
                "stuck": self.errors.stuck,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_each_figure_and_errors_add_up() {
        let round = |cpu, reset| Figures {
            cpu,
            errors: Errors { reset, ..Errors::default() },
            requests: 10,
            ..Figures::default()
        };
        let median = Figures::median(&[round(3.0, 0), round(1.0, 1), round(2.0, 2)]);
        assert_eq!((median.cpu, median.errors.reset, median.requests), (2.0, 3, 30));
        assert_eq!(Figures::median(&[round(1.0, 0), round(2.0, 0)]).cpu, 1.5);
        assert_eq!(Figures::median(&[]).cpu, 0.0);
    }
}
