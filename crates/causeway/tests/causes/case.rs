//! A configuration, what stands behind it, and what the doctor has to say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_testkit::{DnsAnswer, Netns, ProcessBuilder, Scratch, Script, TlsServer};
use serde_json::Value;

use crate::site::{Listener, machines};
use crate::world::{Behind, World};

/// How long the doctor may take, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(60);
/// Where the admin server of a file is that only the doctor reads.
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A configuration, what stands behind it, and what the doctor has to say.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Codes of all errors and warnings. None for what is healthy.
    pub(crate) codes: &'static [&'static str],
    behind: Behind,
    cluster: String,
    listener: Listener,
    inside: Option<fn(&Netns)>,
    /// Machine-applicable fixes hold this.
    fix: &'static str,
}

impl Case {
    pub(crate) fn new(name: &'static str, codes: &'static [&'static str]) -> Self {
        Self {
            name,
            codes,
            behind: Behind::Script(Script::echo()),
            cluster: String::new(),
            listener: Listener::default(),
            inside: None,
            fix: "",
        }
    }

    pub(crate) fn healthy(name: &'static str) -> Self {
        Self::new(name, &[])
    }

    pub(crate) fn plays(mut self, script: impl Into<Script>) -> Self {
        self.behind = Behind::Script(script.into());
        self
    }

    pub(crate) fn secure(mut self, server: TlsServer, script: impl Into<Script>) -> Self {
        self.behind = Behind::Secure(server, script.into());
        self
    }

    /// The same, by somebody who closes where others send an alert.
    pub(crate) fn tacit(mut self) -> Self {
        if let Behind::Secure(server, script) = self.behind {
            self.behind = Behind::Tacit(server, script);
        }
        self
    }

    pub(crate) fn nobody(mut self) -> Self {
        self.behind = Behind::Nobody;
        self
    }

    pub(crate) fn full(mut self) -> Self {
        self.behind = Behind::Full;
        self
    }

    pub(crate) fn hangs_up(mut self) -> Self {
        self.behind = Behind::HangsUp;
        self
    }

    pub(crate) fn nobody_at_all(mut self) -> Self {
        self.behind = Behind::NoEndpoints;
        self
    }

    pub(crate) fn pipe(mut self) -> Self {
        self.behind = Behind::Pipe;
        self
    }

    pub(crate) fn wants_header(mut self, wants: bool) -> Self {
        self.behind = Behind::Picky(wants);
        self
    }

    pub(crate) fn at(mut self, host: &str, port: u16) -> Self {
        self.behind = Behind::Endpoint(format!("socket_address: {{address: {host}, port_value: {port}}}"));
        self
    }

    pub(crate) fn endpoint(mut self, address: &str) -> Self {
        self.behind = Behind::Endpoint(address.to_owned());
        self
    }

    /// A back-end listens there, inside, and the file says it is here.
    pub(crate) fn within(mut self, listens: &'static str, file: &'static str) -> Self {
        self.behind = Behind::Inside(listens, file);
        self
    }

    /// Its name is looked up as one of many addresses, of which one is used.
    pub(crate) fn logical(mut self) -> Self {
        if let Behind::Name(_, _, kind) = &mut self.behind {
            *kind = "LOGICAL_DNS";
        }
        self
    }

    /// The name has these answers, one for each server.
    pub(crate) fn named(mut self, answers: impl Into<Vec<DnsAnswer>>, script: impl Into<Script>) -> Self {
        self.behind = Behind::Name(answers.into(), script.into(), "STRICT_DNS");
        self
    }

    pub(crate) fn cluster(mut self, yaml: impl AsRef<str>) -> Self {
        let _ = writeln!(self.cluster, "{}", yaml.as_ref());
        self
    }

    /// A health check with these fields of the request.
    pub(crate) fn checked(self, http: &str) -> Self {
        self.cluster(format!(
            "health_checks: [{{timeout: 0.7s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, \
             http_health_check: {{{http}}}}}]"
        ))
    }

    pub(crate) fn tcp(mut self) -> Self {
        self.listener.tcp = Some("cluster: app".to_owned());
        self
    }

    /// Another listener than the usual one.
    pub(crate) fn listened(mut self, change: impl FnOnce(&mut Listener)) -> Self {
        change(&mut self.listener);
        self
    }

    pub(crate) fn routes(self, yaml: &str) -> Self {
        self.listened(|listener| yaml.clone_into(&mut listener.routes))
    }

    pub(crate) fn domain(mut self, domain: &'static str) -> Self {
        self.listener.domains = domain;
        self
    }

    pub(crate) fn in_namespace(mut self, prepare: fn(&Netns)) -> Self {
        self.inside = Some(prepare);
        self
    }

    pub(crate) fn fixed_by(mut self, text: &'static str) -> Self {
        self.fix = text;
        self
    }

    /// Whether it can be made here.
    ///
    /// # Errors
    /// The sentence says why not.
    pub(crate) fn possible(&self) -> Result<(), String> {
        if self.inside.is_some() { machines() } else { Ok(()) }
    }

    /// Gives what is wrong with what the doctor says of the file.
    pub(crate) async fn run(self) -> Result<(), String> {
        let world = self.make().await;
        let text = world.file(ADMIN, SocketAddr::from((Ipv4Addr::LOCALHOST, 2)));
        let report = doctor(&text, world.netns.as_ref(), &["--only", "clusters"]).await?;
        let found = codes(&report);
        let expected: BTreeSet<String> = self.codes.iter().map(|code| (*code).to_owned()).collect();
        if found != expected {
            return Err(format!("expected {expected:?}, found {found:?}\n{report:#}\n{text}"));
        }
        let fixes = report.to_string();
        if !fixes.contains(self.fix) {
            return Err(format!("no fix holds `{}`\n{report:#}", self.fix));
        }
        Ok(())
    }

    /// Makes what the file is about: back-ends, name servers, a namespace.
    pub(crate) async fn make(&self) -> World {
        World::make(&self.behind, self.inside, &self.cluster, &self.listener).await
    }
}

/// Runs the doctor on a configuration, and gives its report.
pub(crate) async fn doctor(text: &str, netns: Option<&Netns>, more: &[&str]) -> Result<Value, String> {
    let scratch = Scratch::new();
    let file = scratch.write("envoy.yaml", text).display().to_string();
    let arguments: Vec<&str> = ["-c", &*file].into_iter().chain(more.iter().copied()).collect();
    ask(&arguments, netns).await.map_err(|error| format!("{error}\n{text}"))
}

/// Runs the doctor, and gives its report.
pub(crate) async fn ask(arguments: &[&str], netns: Option<&Netns>) -> Result<Value, String> {
    let scratch = Scratch::new();
    let mut command =
        ProcessBuilder::new(env!("CARGO_BIN_EXE_causeway")).args(["doctor", "-o", "json"]).args(arguments);
    if let Some(netns) = netns {
        command = command.in_netns(netns);
    }
    let mut process = command.start(scratch.path()).map_err(|error| error.to_string())?;
    process.wait(LIMIT).await.ok_or("the doctor does not come to an end")?;
    let printed = process.stdout();
    serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}{}", process.stderr()))
}

/// The codes of errors and warnings.
pub(crate) fn codes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .filter(|finding| finding["severity"] != "note")
        .filter_map(|finding| finding["code"].as_str().map(str::to_owned))
        .collect()
}

/// The codes of everything, notes and what keeps a file from being loaded included.
pub(crate) fn all_codes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten().map(|finding| &finding["code"]);
    let refused = report["diagnostics"].as_array().into_iter().flatten().map(|one| &one["cause"]);
    findings.chain(refused).filter_map(|code| code.as_str().map(str::to_owned)).collect()
}
