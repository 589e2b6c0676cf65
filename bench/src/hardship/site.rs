//! A proxy with one worker, and an origin behind it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_testkit::{
    Answer, Backend, Connection, Load, Peer, Port, Proxy, Reply, Request, Scratch, Script, eventually,
};

use super::Options;
use crate::contender::Contender;
use crate::usage::{family, memory};

const HAPROXY: &str = include_str!("../../configs/hardship/haproxy.cfg");
const NGINX: &str = include_str!("../../configs/hardship/nginx.conf");
const ENVOY: &str = include_str!("../../configs/hardship/envoy.yaml");

/// What asks for a long body.
pub(super) const DOWNLOAD: &str = "GET /download HTTP/1.1\r\nHost: hardship.test\r\n\r\n";
/// What asks for a short one.
pub(super) const SHORT: &str = "GET / HTTP/1.1\r\nHost: hardship.test\r\n\r\n";

/// A proxy that runs.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// Its admin server, where it has one.
    pub(super) admin: SocketAddr,
    pub(super) origin: Backend,
    pub(super) pids: Vec<u32>,
    proxy: Proxy,
    _ports: [Port; 3],
}

impl Site {
    pub(super) async fn start(contender: &Contender, options: &Options) -> Result<Self, String> {
        let length = options.download.saturating_mul(1_000_000);
        let script = Script::by(move |request| match request.target.as_str() {
            "/download" => Answer::fill(length),
            _ => Reply::ok("x").into(),
        });
        let origin = Backend::start(script).await;
        let [listen, admin, nobody] = std::array::from_fn(|_| Port::reserve());
        let scratch = Scratch::new();
        let template = match contender.peer {
            Peer::Haproxy => HAPROXY,
            Peer::Nginx => NGINX,
            Peer::Causeway | Peer::Envoy => ENVOY,
        };
        let config = template
            .replace("{{listen}}", &listen.number().to_string())
            .replace("{{admin}}", &admin.number().to_string())
            .replace("{{origin}}", &origin.port().to_string())
            .replace("{{nobody}}", &nobody.number().to_string())
            .replace("{{deadline}}", &options.deadline.to_string())
            .replace("{{dir}}", &scratch.path().display().to_string());
        let directory = options.out.join("configs");
        let write = || {
            fs::create_dir_all(&directory)?;
            fs::write(directory.join(&contender.name), &config)
        };
        write().map_err(|e| format!("cannot write to {}: {e}", directory.display()))?;
        let builder = Proxy::build(contender.peer, &contender.binary, &config).on_cpu(options.proxy_cpu);
        let builder = builder.listener(listen.number()).directory(scratch);
        let proxy = builder.start().await.map_err(|e| e.to_string())?;
        let site = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, listen.number())),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin.number())),
            origin,
            pids: family(proxy.pid()),
            proxy,
            _ports: [listen, admin, nobody],
        };
        // What it takes once for all is not what a connection costs.
        let warm = Load::to(site.address).connections(64).run(Duration::from_millis(500)).await;
        match warm.failed() {
            0 => Ok(site),
            failed => Err(format!("{failed} requests failed before anything was measured")),
        }
    }

    /// Lines that it has printed.
    pub(super) fn printed(&self) -> usize {
        self.proxy.log().lines().count()
    }

    /// Resident memory in KiB.
    pub(super) fn memory(&self) -> f64 {
        memory(&self.pids) as f64
    }

    /// Its memory, once it grows no more.
    pub(super) async fn settled_memory(&self) -> f64 {
        let mut before = self.memory();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = self.memory();
            if now - before < before / 200.0 {
                return now;
            }
            before = now;
        }
        before
    }

    /// Requests from time to time, to see what becomes of them.
    pub(super) fn requests_beside(&self) -> causeway_testkit::Running {
        Load::to(self.address).pause(Duration::from_millis(10)).start()
    }

    /// A connection that has had a response.
    pub(super) async fn known_client(&self) -> Result<Connection, String> {
        let connection = Connection::open(self.address).await.map_err(|e| e.to_string())?;
        let mut connection = connection.patience(Duration::from_secs(2));
        match connection.exchange(&Request::get("/")).await {
            Ok(response) if response.status == 200 => Ok(connection),
            other => Err(format!("a request before anything was measured: {other:?}")),
        }
    }
}

/// Waits until so many are there.
pub(super) async fn reached(
    what: &str,
    wanted: usize,
    limit: Duration,
    count: impl Fn() -> usize,
) -> Result<(), String> {
    if eventually(limit, async || count() >= wanted).await {
        return Ok(());
    }
    Err(format!("only {} of {wanted} {what} after {} s", count(), limit.as_secs()))
}
