//! One case against one proxy.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use causeway_testkit::{
    Backend, Connection, DnsServer, NoResponse, Peer, Port, Proxy, Request, Response, Scratch, eventually,
    exchange, latin1,
};
use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::normalise::Names;
use crate::observe::{self, Form};
use crate::text::fill;

/// Even a busy machine starts Envoy in a second. What takes longer does not serve, and there are hundreds
/// of cases to wait for.
const START: Duration = Duration::from_secs(8);
/// Clients are gone by then; a proxy sees that at once.
const CLOSE: Duration = Duration::from_secs(1);
/// Draining takes a second or two; what takes longer hangs.
const STOP: Duration = Duration::from_secs(10);

/// A case that is being run against a proxy: what a step has to work with.
#[derive(Debug)]
pub struct Run {
    proxy: Option<Proxy>,
    backends: HashMap<String, Backend>,
    dns: Option<DnsServer>,
    ports: Vec<(Port, String)>,
    names: Names,
    seen: Map<String, Value>,
    count: usize,
}

/// What was seen during a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) leaves: Map<String, Value>,
    /// What the proxy printed, for the one who looks for the cause.
    pub(crate) log: String,
}

pub(crate) async fn run(case: &Case, peer: Peer, binary: &Path) -> Seen {
    let directory = Scratch::new();
    let mut run = Run {
        proxy: None,
        backends: HashMap::new(),
        dns: None,
        ports: Vec::new(),
        names: Names { ports: Vec::new(), directory: directory.path().display().to_string() },
        seen: Map::new(),
        count: 0,
    };
    for (name, text) in &case.files {
        directory.write(name, text);
    }
    for (name, script) in &case.backends {
        match script {
            Some(script) => {
                let tls = case.secure.iter().find(|(secure, _)| secure == name);
                let backend = match tls {
                    Some((_, tls)) => Backend::start_tls(tls(), script.clone()).await,
                    None => Backend::start(script.clone()).await,
                };
                run.names.ports.push((backend.port(), name.clone()));
                run.backends.insert(name.clone(), backend);
            }
            None => run.reserve(name),
        }
    }
    if !case.names.is_empty() {
        let dns = DnsServer::start().await;
        case.names.iter().for_each(|(name, answer)| dns.set(name, answer.clone()));
        run.names.ports.push((dns.port(), "dns".into()));
        run.dns = Some(dns);
    }
    run.reserve("listen");
    run.reserve("admin");
    let config = case.config.render();
    crate::tls::write_certificates(&config, directory.path());
    for name in ports_named_in(&config) {
        run.reserve(&name);
    }
    let text = run.fill(&config);
    let mut builder =
        Proxy::build(peer, binary, &text).directory(directory).limit(START).concurrency(case.workers);
    if config.contains("{{admin}}") {
        builder = builder.admin(run.admin_address());
    }
    if config.contains("{{listen}}") {
        builder = builder.listener(run.address("listen").port());
    }
    match builder.start().await {
        Ok(proxy) => run.proxy = Some(proxy),
        Err(refused) => {
            let verdict = if refused.status.is_some() { "refused" } else { "does not serve" };
            return Seen { leaves: Map::from_iter([("config".into(), json!(verdict))]), log: refused.log };
        }
    }
    run.note("config", json!("accepted"));
    for step in &case.steps {
        step.perform(&mut run).await;
    }
    run.finish(case).await
}

impl Run {
    /// The address of the proxy's listener.
    #[must_use]
    pub fn listener(&self) -> SocketAddr {
        self.address("listen")
    }

    /// The address of the admin interface.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.address("admin")
    }

    /// The address of what has this name: a back-end, or a port of the configuration.
    #[must_use]
    pub fn address(&self, name: &str) -> SocketAddr {
        let port = self.names.ports.iter().find(|(_, n)| n == name).map(|(port, _)| *port);
        (Ipv4Addr::LOCALHOST, port.unwrap_or_else(|| panic!("nothing is named {name}"))).into()
    }

    /// The back-end of this name.
    #[must_use]
    pub fn backend(&self, name: &str) -> &Backend {
        self.backends.get(name).unwrap_or_else(|| panic!("no back-end is named {name}"))
    }

    /// Takes a back-end away, to stop it.
    pub fn take_backend(&mut self, name: &str) -> Backend {
        self.backends.remove(name).unwrap_or_else(|| panic!("no back-end is named {name}"))
    }

    /// The name server of [`Case::names`].
    #[must_use]
    pub fn dns(&self) -> &DnsServer {
        self.dns.as_ref().expect("the case has a name server")
    }

    /// Connects to the proxy's listener.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.listener()).await.expect("the proxy listens")
    }

    /// Puts a value into what is compared.
    ///
    /// # Panics
    /// If there is one of this name: it would be lost.
    pub fn note(&mut self, label: impl Into<String>, value: Value) {
        let label = label.into();
        assert!(!self.seen.contains_key(&label), "{label} is noted twice");
        let value = self.names.value(&value);
        self.seen.insert(label, value);
    }

    /// Puts a response, or that there was none, into what is compared.
    pub fn note_response(&mut self, label: impl Into<String>, result: &Result<Response, NoResponse>) {
        let seen = observe::response(result, Form::ByName, &self.names);
        self.note(label, seen);
    }

    /// The same, with the header fields as a list in order, in the echoed request too.
    pub fn note_order(&mut self, label: impl Into<String>, result: &Result<Response, NoResponse>) {
        let seen = observe::response(result, Form::InOrder, &self.names);
        self.note(label, seen);
    }

    /// Puts bytes into what is compared, as text.
    pub fn note_bytes(&mut self, label: impl Into<String>, bytes: &[u8]) {
        self.note(label, json!(latin1(bytes)));
    }

    /// A label that no other step has.
    #[must_use]
    pub fn label(&mut self, what: &str) -> String {
        self.count += 1;
        self.names.text(&format!("{} {what}", self.count))
    }

    /// Replaces `{{name}}` in a text.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        fill(text, |name| match name {
            "dir" => Some(self.names.directory.clone()),
            _ => self.names.ports.iter().find(|(_, n)| n == name).map(|(port, _)| port.to_string()),
        })
    }

    /// Asks the admin interface.
    pub async fn admin(&self, request: &Request) -> Result<Response, NoResponse> {
        exchange(self.admin_address(), request).await
    }

    /// The text of a page of the admin interface; empty if there is none.
    pub async fn page(&self, path: &str) -> String {
        self.admin(&Request::get(path)).await.map(|r| r.text()).unwrap_or_default()
    }

    /// The counters and gauges.
    pub async fn stats(&self) -> BTreeMap<String, u64> {
        let page = self.page("/stats").await;
        let line = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        page.lines().filter_map(line).collect()
    }

    /// Waits until a page of the admin interface contains a text; whether it came to that.
    pub async fn wait_for(&self, path: &str, text: &str) -> bool {
        let text = self.fill(text);
        eventually(Duration::from_secs(8), async || self.page(path).await.contains(&text)).await
    }

    /// The running proxy.
    pub fn proxy(&mut self) -> &mut Proxy {
        self.proxy.as_mut().expect("the proxy runs")
    }

    fn reserve(&mut self, name: &str) {
        let port = Port::reserve();
        self.names.ports.push((port.number(), name.into()));
        self.ports.push((port, name.into()));
    }

    async fn finish(mut self, case: &Case) -> Seen {
        // What a proxy logs of a connection that is closed depends on whether it has seen that before
        // it is stopped.
        let active = |name: &String| name.starts_with("http.") && name.ends_with(".downstream_cx_active");
        let closed = async || {
            let stats = self.stats().await;
            stats.iter().all(|(name, count)| *count == 0 || !active(name) || name.starts_with("http.admin."))
        };
        eventually(CLOSE, closed).await;
        let stopped = self.proxy().stop(STOP).await;
        let exit = stopped.map_or_else(|| "goes on".into(), |status| status.to_string());
        self.note("exit", json!(exit));
        let proxy = self.proxy();
        let (log, access) = (proxy.log(), proxy.directory().read("access.log"));
        if !access.is_empty() || case.config.log.as_deref() != Some("") {
            let mask = |line: &str| case.mask_log.map_or_else(|| line.into(), |mask| mask(line));
            let mut lines: Vec<String> = access.lines().map(|line| self.names.text(&mask(line))).collect();
            // Only now: the numbers of the ports must not decide.
            if case.sort_log {
                lines.sort();
            }
            // A line of JSON is compared by its fields, whose order says nothing.
            let value = |line: String| match serde_json::from_str(&line) {
                Ok(value @ Value::Object(_)) => value,
                _ => Value::String(line),
            };
            self.note("log", lines.into_iter().map(value).collect());
        }
        Seen { leaves: self.seen, log }
    }
}

/// The ports that only the configuration knows: `{{port:name}}`.
fn ports_named_in(config: &str) -> Vec<String> {
    let mut names: Vec<String> = config
        .split("{{")
        .filter_map(|part| part.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| name.starts_with("port:"))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_ports_are_found_once() {
        assert_eq!(ports_named_in("{{port:b}} {{listen}} {{port:a}} {{port:b}}"), ["port:a", "port:b"]);
    }
}
