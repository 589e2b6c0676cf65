//! An haproxy.cfg with a fault, what stands behind it, requests, and what the doctor has to say of all that.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use causeway_testkit::{
    DnsAnswer, DnsServer, Identity, Netns, Peer, Pki, Port, Proxy, Scratch, Script, TlsServer, eventually,
};

use super::names::HostsFile;
use super::running::{Given, Running, doctor, lines, noted, summary};
use super::traffic::Traffic;
use crate::case::codes;
use crate::site::{Listener, machines};
use crate::world::{Behind, World};

/// How long checks may take to come to something.
const CHECKED: Duration = Duration::from_secs(6);
/// Where HAProxy listens in a namespace, in which nobody else does.
const INSIDE: u16 = 7000;

/// An haproxy.cfg with a fault, and what the doctor has to say.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Codes of all errors and warnings. None for what is healthy.
    pub(super) codes: &'static [&'static str],
    /// Codes of notes that there have to be beside them.
    notes: &'static [&'static str],
    behind: Behind,
    inside: Option<fn(&Netns)>,
    /// Addresses of `app.test` in /etc/hosts of the namespace: at the start of HAProxy, and then.
    hosts: Option<(&'static str, &'static str)>,
    /// The address of the server, if it is not that of what stands behind; `PORT` is its port, `SELF` the namespace's.
    address: &'static str,
    /// Whether there is the server line `s1`.
    own_server: bool,
    /// Words of the server line behind the address.
    server: String,
    backend: String,
    frontend: String,
    bind: &'static str,
    defaults: String,
    /// More sections; `DNS` is the address of the name server, which says this of `app.test`.
    sections: String,
    dns: Option<DnsAnswer>,
    files: Vec<(&'static str, String)>,
    traffic: Traffic,
    /// What the doctor is given beside the socket.
    given: Given,
    /// What has to be so before that.
    until: Option<fn(&Running<'_>) -> bool>,
    then: Option<fn(&Running<'_>)>,
}

/// What came of a case.
pub(super) struct Outcome {
    /// Status and termination state of the failures in HAProxy's log: `503 SC-- <NOSRV>`.
    pub(super) lines: BTreeSet<String>,
    /// Nothing, or what is wrong with what the doctor says.
    pub(super) miss: Option<String>,
}

impl Case {
    pub(super) fn new(name: &'static str, codes: &'static [&'static str]) -> Self {
        Self {
            name,
            codes,
            notes: &[],
            behind: Behind::Script(Script::echo()),
            inside: None,
            hosts: None,
            address: "",
            own_server: true,
            server: String::new(),
            backend: String::new(),
            frontend: String::new(),
            bind: "",
            defaults: String::new(),
            sections: String::new(),
            dns: None,
            files: Vec::new(),
            traffic: Traffic::Requests(2),
            given: Given { level: "admin", cfg: true, log: true },
            until: None,
            then: None,
        }
    }

    pub(super) fn behind(mut self, behind: Behind) -> Self {
        self.behind = behind;
        self
    }

    pub(super) fn plays(self, script: impl Into<Script>) -> Self {
        self.behind(Behind::Script(script.into()))
    }

    pub(super) fn secure(self, server: TlsServer) -> Self {
        self.behind(Behind::Secure(server, Script::echo()))
    }

    pub(super) const fn noted(mut self, codes: &'static [&'static str]) -> Self {
        self.notes = codes;
        self
    }

    pub(super) fn in_namespace(mut self, prepare: fn(&Netns)) -> Self {
        self.inside = Some(prepare);
        self
    }

    pub(super) fn hosts(mut self, first: &'static str, then: &'static str) -> Self {
        self.hosts = Some((first, then));
        self
    }

    pub(super) fn at(mut self, address: &'static str) -> Self {
        self.address = address;
        self
    }

    /// Words of the server line.
    pub(super) fn server(mut self, words: &str) -> Self {
        let _ = write!(self.server, " {words}");
        self
    }

    /// A line of the backend.
    pub(super) fn backend(mut self, line: &str) -> Self {
        let _ = writeln!(self.backend, "  {line}");
        self
    }

    /// A line of the frontend. With one that says where requests go, they don't go to the backend `app`.
    pub(super) fn frontend(mut self, line: &str) -> Self {
        let _ = writeln!(self.frontend, "  {line}");
        self
    }

    pub(super) const fn bind(mut self, words: &'static str) -> Self {
        self.bind = words;
        self
    }

    /// A line of the defaults.
    pub(super) fn defaults(mut self, line: &str) -> Self {
        let _ = writeln!(self.defaults, "  {line}");
        self
    }

    pub(super) fn sections(mut self, text: &str) -> Self {
        let _ = writeln!(self.sections, "{text}");
        self
    }

    pub(super) fn dns(mut self, answer: DnsAnswer) -> Self {
        self.dns = Some(answer);
        self
    }

    /// A certificate with its key, as HAProxy wants them: in one file.
    pub(super) fn pem(mut self, name: &'static str, identity: &Identity) -> Self {
        self.files.push((name, format!("{}{}", identity.certificate, identity.key)));
        self
    }

    pub(super) fn file(mut self, name: &'static str, text: String) -> Self {
        self.files.push((name, text));
        self
    }

    pub(super) fn requests(mut self, count: usize) -> Self {
        self.traffic = Traffic::Requests(count);
        self
    }

    pub(super) fn busy(mut self, count: usize) -> Self {
        self.traffic = Traffic::Busy(count);
        self
    }

    pub(super) fn leaves(mut self) -> Self {
        self.traffic = Traffic::Leaves;
        self
    }

    pub(super) fn sends(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.traffic = Traffic::Bytes(bytes.into());
        self
    }

    /// The socket has this level.
    pub(super) const fn level(mut self, level: &'static str) -> Self {
        self.given.level = level;
        self
    }

    pub(super) const fn without_cfg(mut self) -> Self {
        self.given.cfg = false;
        self
    }

    pub(super) const fn without_log(mut self) -> Self {
        self.given.log = false;
        self
    }

    /// There is no server line but those of [`Self::backend`].
    pub(super) const fn no_server_line(mut self) -> Self {
        self.own_server = false;
        self
    }

    /// Requests are sent once this is so.
    pub(super) fn until(mut self, is_so: fn(&Running<'_>) -> bool) -> Self {
        self.until = Some(is_so);
        self
    }

    /// Done before requests are sent, once every check has come to something.
    pub(super) fn then(mut self, act: fn(&Running<'_>)) -> Self {
        self.then = Some(act);
        self
    }

    /// Whether it can be made here.
    ///
    /// # Errors
    /// The sentence says why not.
    pub(super) fn possible(&self) -> Result<(), String> {
        if self.inside.is_some() { machines() } else { Ok(()) }
    }

    /// Makes it, and has the doctor look at it.
    ///
    /// # Errors
    /// It could not be made.
    pub(super) async fn run(self, haproxy: &Path) -> Result<Outcome, String> {
        let world = World::make(&self.behind, self.inside, "", &Listener::default()).await;
        let netns = world.netns.as_ref();
        let hosts = self.hosts.zip(netns).map(|((first, _), netns)| HostsFile::of(netns, first));
        let scratch = Scratch::new();
        Pki::get().write_to(scratch.path());
        for (name, text) in &self.files {
            scratch.write(name, text);
        }
        let socket = scratch.file("h.sock");
        let port = netns.is_none().then(Port::reserve);
        let number = port.as_ref().map_or(INSIDE, Port::number);
        let listens = SocketAddr::new(netns.map_or(Ipv4Addr::LOCALHOST.into(), Netns::address), number);
        let text = self.text(&world, &socket, listens).await;
        let mut builder = Proxy::build(Peer::Haproxy, haproxy, &text.0).listener(number).directory(scratch);
        if let Some(netns) = netns {
            builder = builder.in_netns(netns);
        }
        let proxy = builder.start().await.map_err(|fault| format!("{fault}\n{}", text.0))?;
        let running = Running { socket: &socket, files: proxy.directory() };
        let is_well = self.codes.is_empty();
        let is_so = |running: &Running<'_>| self.until.is_none_or(|is_so| is_so(running));
        let is_ready = async || running.is_checked() && (!is_well || running.is_up()) && is_so(&running);
        eventually(CHECKED, is_ready).await;
        if let (Some(hosts), Some((_, then))) = (&hosts, self.hosts) {
            hosts.write(then);
        }
        if let Some(act) = self.then {
            act(&running);
        }
        let busy = self.traffic.run(listens).await;
        let report = doctor(&proxy, &socket, netns, !busy.is_empty(), self.given).await;
        drop(busy);
        let report = report?;
        let log = proxy.directory().read("stdout");
        let found = codes(&report);
        let expected: BTreeSet<String> = self.codes.iter().map(|code| (*code).to_owned()).collect();
        let notes = noted(&report);
        let is_noted = self.notes.iter().all(|code| notes.contains(*code));
        let miss = (found != expected || !is_noted).then(|| {
            let stat = running.tell("show stat");
            format!("expected {expected:?}, found {found:?}\n{}\n{}\n{log}\n{stat}", summary(&report), text.0)
        });
        Ok(Outcome { lines: lines(&log), miss })
    }

    /// The file, and the name server that it is about.
    async fn text(&self, world: &World, socket: &Path, listens: SocketAddr) -> (String, Option<DnsServer>) {
        let dns = match &self.dns {
            Some(answer) => {
                let server = DnsServer::start().await;
                server.set("app.test", answer.clone());
                Some(server)
            }
            None => None,
        };
        let behind = address(&world.cluster);
        let port = behind.rsplit_once(':').map_or("", |(_, port)| port).to_owned();
        let own = world.netns.as_ref().map_or_else(String::new, |netns| netns.address().to_string());
        let filled =
            |text: &str| text.replace("PORT", &port).replace("SELF", &own).replace("BEHIND", &behind);
        let address = if self.address.is_empty() { behind.clone() } else { filled(self.address) };
        let Self { server, backend, frontend, bind, defaults, .. } = self;
        let sections = match &dns {
            Some(server) => self.sections.replace("DNS", &server.address().to_string()),
            None => self.sections.clone(),
        };
        let goes = if frontend.contains("_backend") { "" } else { "  default_backend app\n" };
        let server = match &self.behind {
            Behind::NoEndpoints => String::new(),
            _ if !self.own_server => String::new(),
            _ => format!("  server s1 {address}{}\n", filled(server)),
        };
        let text = format!(
            "global\n  log stdout format raw local0\n  nbthread 1\n  stats socket {} mode 600 level {}\n\
             defaults\n  mode http\n  log global\n  option httplog\n  retries 0\n  timeout connect 1s\n  timeout client 5s\n  \
             timeout server 1s\n{defaults}frontend fe\n  bind {listens} {bind}\n{frontend}{goes}backend app\n{}{server}{}",
            socket.display(),
            self.given.level,
            filled(backend),
            filled(&sections),
        );
        (text, dns)
    }
}

/// The one address that a cluster has, as a server line has it.
fn address(cluster: &str) -> String {
    let value = |name: &str| {
        let (_, rest) = cluster.split_once(name)?;
        rest.split([',', '}']).next().map(str::trim)
    };
    match (value("path: "), value("socket_address: {address: "), value("port_value: ")) {
        (Some(path), ..) => path.to_owned(),
        (None, Some(ip), Some(port)) => format!("{ip}:{port}"),
        _ => String::new(),
    }
}
