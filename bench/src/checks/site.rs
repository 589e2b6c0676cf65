//! A proxy that checks thousands of endpoints and does nothing else.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_testkit::{Peer, Port, Proxy, Request, eventually, exchange};

use super::{Kind, Options};
use crate::contender::Contender;
use crate::usage::{Cpu, family, memory};

const ENVOY: &str = include_str!("../../configs/checks/envoy.yaml");
const HAPROXY: &str = include_str!("../../configs/checks/haproxy.cfg");

/// A proxy that runs.
pub(super) struct Site {
    proxy: Proxy,
    pids: Vec<u32>,
    admin: SocketAddr,
    peer: Peer,
    _ports: (Port, Port),
}

impl Site {
    pub(super) async fn start(
        contender: &Contender,
        kind: Kind,
        origin: u16,
        options: &Options,
    ) -> Result<Self, String> {
        let (listen, admin) = (Port::reserve(), Port::reserve());
        let config = config(contender.peer, kind, origin, options)
            .replace("{{listen}}", &listen.number().to_string())
            .replace("{{admin}}", &admin.number().to_string());
        let directory = options.out.join("configs");
        let write = || {
            fs::create_dir_all(&directory)?;
            fs::write(directory.join(format!("{}-{}", kind.name(), contender.name)), &config)
        };
        write().map_err(|e| format!("cannot write to {}: {e}", directory.display()))?;
        let builder = Proxy::build(contender.peer, &contender.binary, &config).on_cpu(options.proxy_cpu);
        let proxy = builder.listener(listen.number()).start().await.map_err(|e| e.to_string())?;
        Ok(Self {
            pids: family(proxy.pid()),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, admin.number())),
            peer: contender.peer,
            proxy,
            _ports: (listen, admin),
        })
    }

    /// Processor time since it was started, in microseconds.
    pub(super) fn cpu(&self) -> f64 {
        Cpu::of(&self.pids).sum()
    }

    /// Resident memory in MiB.
    pub(super) fn memory(&self) -> f64 {
        memory(&self.pids) as f64 / 1024.0
    }

    /// Waits until it takes all endpoints for healthy.
    pub(super) async fn all_are_well(&self, endpoints: usize, limit: Duration) -> Result<(), String> {
        if self.peer == Peer::Haproxy {
            // It takes servers for healthy until it knows better, and says when it does.
            tokio::time::sleep(limit).await;
            return still_down(&self.proxy.log()).map_or(Ok(()), |line| Err(line.to_owned()));
        }
        let wanted = format!("cluster.apps.membership_healthy: {endpoints}\n");
        let mut page = String::new();
        let well = async || {
            let request = Request::get("/stats?filter=^cluster.apps.membership_healthy$");
            page =
                exchange(self.admin, &request).await.map_or_else(|error| error.to_string(), |one| one.text());
            page == wanted
        };
        if eventually(limit, well).await { Ok(()) } else { Err(format!("not all are well: {page}")) }
    }
}

/// What HAProxy's log says last of a server that is down. While it starts one failure is enough, and it may be busy with
/// starting for longer than a check may take; such a server is back with its next check.
fn still_down(log: &str) -> Option<&str> {
    let server = |line: &str| line.split("Server ").nth(1)?.split(' ').next().map(str::to_owned);
    let mut down = std::collections::BTreeMap::new();
    for line in log.lines() {
        let Some(name) = server(line) else { continue };
        if line.contains(" is DOWN") {
            down.insert(name, line);
        } else if line.contains(" is UP") {
            down.remove(&name);
        }
    }
    down.into_values().next()
}

/// The endpoints have addresses of their own in 127.1.0.0/16, and one port.
fn config(peer: Peer, kind: Kind, origin: u16, options: &Options) -> String {
    let (template, check) = match (peer, kind) {
        (Peer::Haproxy, Kind::Tcp) => (HAPROXY, ""),
        (Peer::Haproxy, Kind::Http | Kind::HttpKept) => (HAPROXY, "option httpchk GET /health"),
        (_, Kind::Tcp) => (ENVOY, "tcp_health_check: {}"),
        (_, Kind::Http | Kind::HttpKept) => (ENVOY, "http_health_check: {path: /health}"),
    };
    let interval = options.interval;
    let mut out = String::new();
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim() != "{{endpoints}}" {
            // Writing to a string can't fail, here and below.
            let _ = writeln!(out, "{line}");
            continue;
        }
        for number in 0..options.endpoints {
            let ip = format!("127.1.{}.{}", number / 250, number % 250 + 1);
            let _ = match peer {
                Peer::Haproxy => {
                    writeln!(out, "{:indent$}server s{number} {ip}:{origin} check inter {interval}s", "")
                }
                _ => writeln!(
                    out,
                    "{:indent$}- endpoint: {{address: {{socket_address: {{address: {ip}, port_value: {origin}}}}}}}",
                    ""
                ),
            };
        }
    }
    out.replace("{{check}}", check)
        .replace("{{interval}}", &interval.to_string())
        .replace("{{reuse}}", if kind == Kind::HttpKept { "true" } else { "false" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_back_is_not_down() {
        let down = "[WARNING]  (8) : Server apps/s0 is DOWN, reason: Layer7 timeout";
        let up = "[WARNING]  (8) : Server apps/s0 is UP, reason: Layer7 check passed";
        assert_eq!(still_down(&format!("{down}\n{up}\n")), None);
        assert_eq!(still_down(&format!("{up}\n{down}\n")), Some(down));
        assert_eq!(still_down("[NOTICE] (1) : New worker (8) forked\n"), None);
    }
}
