//! Starting a proxy with a configuration, and knowing when it serves.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::client::{Request, exchange};
use crate::netns::Netns;
use crate::peers::Peer;
use crate::process::{Process, ProcessBuilder};
use crate::scratch::Scratch;
use crate::wait::eventually;

/// Enough for a loaded machine and ten thousand routes; nobody waits for it unless something is wrong.
const START: Duration = Duration::from_secs(20);

/// A proxy to be started.
#[derive(Debug)]
pub struct ProxyBuilder<'a> {
    peer: Peer,
    binary: PathBuf,
    config: &'a str,
    concurrency: usize,
    args: Vec<String>,
    netns: Option<&'a Netns>,
    cpu: Option<usize>,
    listeners: Vec<u16>,
    admin: Option<SocketAddr>,
    scratch: Option<Scratch>,
    limit: Duration,
}

/// A running proxy; killed when dropped, with everything it left behind.
#[derive(Debug)]
pub struct Proxy {
    // The order is that of dropping: the process goes before what it uses.
    process: Process,
    _shared_memory: Option<SharedMemory>,
    scratch: Scratch,
    command: String,
    config: PathBuf,
}

/// Why a proxy does not serve.
#[derive(Debug)]
pub struct NotStarted {
    /// How it ended, if it did; otherwise it runs without serving, or could not be run at all.
    pub status: Option<ExitStatus>,
    /// What it has printed.
    pub log: String,
}

impl Proxy {
    /// Prepares a proxy with the text of its configuration.
    pub fn build<'a>(peer: Peer, binary: &Path, config: &'a str) -> ProxyBuilder<'a> {
        ProxyBuilder {
            peer,
            binary: binary.to_owned(),
            config,
            concurrency: 1,
            args: Vec::new(),
            netns: None,
            cpu: None,
            listeners: Vec::new(),
            admin: None,
            scratch: None,
            limit: START,
        }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it runs: relative paths of its configuration lead here.
    #[must_use]
    pub fn directory(&self) -> &Scratch {
        &self.scratch
    }

    /// The command that started it, as a shell would take it.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command
    }

    /// The configuration file as it is now.
    #[must_use]
    pub fn config(&self) -> String {
        fs::read_to_string(&self.config)
            .unwrap_or_else(|e| panic!("cannot read {}: {e}", self.config.display()))
    }

    /// Writes another configuration over the one it was started with.
    pub fn replace_config(&self, text: &str) {
        fs::write(&self.config, text)
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", self.config.display()));
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.stdout() + &self.process.stderr()
    }

    /// Asks it to end (SIGTERM) and waits; nothing if it is still there after that time.
    pub async fn stop(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.process.terminate(limit).await
    }
}

impl<'a> ProxyBuilder<'a> {
    /// The number of workers; one if nothing is said.
    #[must_use]
    pub fn concurrency(mut self, workers: usize) -> Self {
        self.concurrency = workers;
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Runs it in a network namespace.
    #[must_use]
    pub fn in_netns(mut self, netns: &'a Netns) -> Self {
        self.netns = Some(netns);
        self
    }

    /// Runs it on one processor.
    #[must_use]
    pub fn on_cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// It has started when it listens on this port, and on all others that are named.
    #[must_use]
    pub fn listener(mut self, port: u16) -> Self {
        self.listeners.push(port);
        self
    }

    /// It has started when `/ready` says so here.
    #[must_use]
    pub fn admin(mut self, address: SocketAddr) -> Self {
        self.admin = Some(address);
        self
    }

    /// Runs it in a directory in which there are files already.
    #[must_use]
    pub fn directory(mut self, scratch: Scratch) -> Self {
        self.scratch = Some(scratch);
        self
    }

    /// Another limit for starting than 20 seconds.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// When it ends first, as it does for a configuration it refuses, or does not serve in time.
    pub async fn start(mut self) -> Result<Proxy, NotStarted> {
        let scratch = self.scratch.take().unwrap_or_default();
        let config = scratch.write(self.config_name(), self.config);
        let command = self.command(&config, &scratch);
        let process = command.start(scratch.path()).map_err(|e| NotStarted {
            status: None,
            log: format!("cannot start {}: {e}", self.peer.name()),
        })?;
        let shared_memory = (self.peer == Peer::Envoy).then(|| SharedMemory(scratch.file("base-id")));
        let command = command.command_line();
        let mut proxy = Proxy { process, _shared_memory: shared_memory, scratch, command, config };
        let end = Instant::now() + self.limit;
        if self.serves(&mut proxy.process, end).await {
            return Ok(proxy);
        }
        let status = proxy.process.status();
        Err(NotStarted { status, log: proxy.log() })
    }

    fn config_name(&self) -> &'static str {
        match self.peer {
            Peer::Causeway | Peer::Envoy => "envoy.yaml",
            Peer::Haproxy => "haproxy.cfg",
            Peer::Nginx => "nginx.conf",
        }
    }

    fn command(&self, config: &Path, scratch: &Scratch) -> ProcessBuilder {
        let mut command = ProcessBuilder::new(&self.binary);
        if let Some(netns) = self.netns {
            command = command.in_netns(netns);
        }
        if let Some(cpu) = self.cpu {
            command = command.on_cpu(cpu);
        }
        let workers = self.concurrency.to_string();
        let command = match self.peer {
            Peer::Causeway => command.arg("-c").arg(config).args(["--concurrency", &workers]),
            Peer::Envoy => command
                .arg("-c")
                .arg(config)
                .args(["--concurrency", &workers, "--use-dynamic-base-id", "--base-id-path"])
                .arg(scratch.file("base-id")),
            // In the foreground; the number of workers stands in the configuration.
            Peer::Haproxy => command.arg("-db").arg("-f").arg(config),
            Peer::Nginx => command
                .args(["-e", "stderr", "-g", "daemon off;", "-p"])
                .arg(scratch.path())
                .arg("-c")
                .arg(config)
                .ask_to_end(),
        };
        command.args(&self.args)
    }

    async fn serves(&self, process: &mut Process, end: Instant) -> bool {
        // Looking is not touching: a connection made to find out whether it listens would be counted
        // in the statistics that the test is about.
        let pid = process.pid();
        let started = async || {
            let ready = match self.admin {
                Some(admin) => exchange(admin, &Request::get("/ready")).await.is_ok_and(|r| r.status == 200),
                None => true,
            };
            ready && self.listeners.iter().all(|&port| listens(pid, port))
        };
        let ended_or_started = async || !process.is_running() || started().await;
        eventually(end.saturating_duration_since(Instant::now()), ended_or_started).await
            && process.is_running()
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "ended with {status}")?,
            None => write!(f, "does not serve")?,
        }
        write!(f, "; the last it said: ")?;
        let lines: Vec<&str> = self.log.lines().collect();
        f.write_str(&lines[lines.len().saturating_sub(12)..].join("\n"))
    }
}

impl std::error::Error for NotStarted {}

/// Envoy keeps a segment of shared memory for its hot restart and leaves it behind.
#[derive(Debug)]
struct SharedMemory(PathBuf);

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // Its number is that of the base id times ten, plus how often it was restarted.
        if let Ok(id) = fs::read_to_string(&self.0) {
            let _ = fs::remove_file(format!("/dev/shm/envoy_shared_memory_{}0", id.trim()));
        }
    }
}

/// Whether something listens on this port in the network of this process.
fn listens(pid: u32, port: u16) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        let sockets = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        // Columns: number, local address, remote address, state; 0A is "listen".
        sockets.lines().skip(1).any(|line| {
            let mut columns = line.split_ascii_whitespace().skip(1);
            let local = columns.next().unwrap_or_default();
            local.ends_with(&format!(":{port:04X}")) && columns.nth(1) == Some("0A")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Netns, Port, Script};

    #[test]
    fn sees_who_listens_without_connecting() {
        let port = Port::reserve();
        assert!(!listens(std::process::id(), port.number()));
        let _listener = std::net::TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        assert!(listens(std::process::id(), port.number()));
    }

    #[tokio::test]
    async fn starts_nginx_in_a_namespace_and_leaves_nothing() {
        let found =
            Netns::available().and_then(|()| Peer::Nginx.find().map_err(|missing| missing.to_string()));
        let binary = match found {
            Ok(binary) => binary,
            Err(why) => crate::skip!("starts_nginx", why, "sudo -E cargo test -p causeway-testkit"),
        };
        let netns = Netns::new();
        let config = "pid nginx.pid; error_log stderr; events {}\n\
                      http { access_log off; server { listen 8080; return 200 inside; } }\n";
        let builder = Proxy::build(Peer::Nginx, &binary, config).in_netns(&netns).listener(8080);
        let mut proxy = builder.start().await.unwrap();
        let address = (netns.address(), 8080).into();
        assert_eq!(exchange(address, &Request::get("/")).await.unwrap().text(), "inside");
        assert!(proxy.command_line().contains(netns.name()) && proxy.process().is_running());
        drop(proxy);
        // Its worker has gone with it: nobody is left to listen.
        assert!(exchange(address, &Request::get("/")).await.is_err());
    }

    #[tokio::test]
    async fn starts_haproxy_and_reports_what_it_refuses() {
        let Ok(binary) = Peer::Haproxy.find() else {
            crate::skip!(
                "starts_haproxy",
                Peer::Haproxy.find().unwrap_err(),
                "cargo test -p causeway-testkit"
            );
        };
        let (backend, port) = (Backend::start(Script::echo()).await, Port::reserve());
        let config = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\nlisten l\n \
             bind 127.0.0.1:{}\n server s 127.0.0.1:{}\n",
            port.number(),
            backend.port()
        );
        let mut proxy =
            Proxy::build(Peer::Haproxy, &binary, &config).listener(port.number()).start().await.unwrap();
        let address = ([127, 0, 0, 1], port.number()).into();
        assert_eq!(exchange(address, &Request::get("/")).await.unwrap().status, 200);
        assert!(proxy.stop(Duration::from_secs(10)).await.is_some());

        let refused = Proxy::build(Peer::Haproxy, &binary, "nonsense\n").start().await;
        let refused = match refused {
            // Without a port to wait for it counts as started until its end is seen.
            Ok(mut proxy) => {
                let status = proxy.process().wait(Duration::from_secs(10)).await;
                NotStarted { status, log: proxy.log() }
            }
            Err(refused) => refused,
        };
        assert_eq!(refused.status.and_then(|s| s.code()), Some(1));
        assert!(refused.to_string().contains("nonsense"));
    }
}
