//! A running Causeway, and all the places where it says what became of a request: access log,
//! application log, metrics, admin pages.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use causeway_testkit::{Netns, NotStarted, Peer, Port, Proxy, Request, eventually, exchange};
use serde_json::Value;

/// The access log, with a line of this form for each request.
///
/// The log has a filter that lets everything pass: a log without one that holds the reason makes lines in
/// the application log superfluous, and there are none then.
fn access_log(format: &str) -> String {
    format!(
        r#"access_log:
- name: file
  filter: {{duration_filter: {{comparison: {{op: GE, value: {{default_value: 0, runtime_key: none}}}}}}}}
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: access.log
    log_format:
      text_format_source:
        inline_string: "{format}\n"
"#
    )
}

/// What [`Logged`] takes apart. The details hold `|`, so tabs stand between the columns.
const FORMAT: &str = r"%RESPONSE_CODE%\t%RESPONSE_FLAGS%\t%RESPONSE_CODE_DETAILS%\t%CAUSEWAY_REASON%\t%CAUSEWAY_EVIDENCE%\t%UPSTREAM_CLUSTER%\t%WHY_CODE%\t%WHY_ID%";

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const TCP: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// How long to wait for what has to come.
const SOON: Duration = Duration::from_secs(5);

/// What a listener and its connection manager look like.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    /// Fields of the listener. With some, it has the access log too, for connections that nothing was asked on.
    pub(crate) fields: String,
    /// Fields of the connection manager.
    pub(crate) manager: String,
    pub(crate) domains: &'static str,
    /// The list of routes.
    pub(crate) routes: String,
    /// HTTP filters in front of the router.
    pub(crate) filters: String,
    /// What the router is told, behind a comma.
    pub(crate) router: &'static str,
    /// Fields of the TCP proxy that stands in place of the connection manager.
    pub(crate) tcp: Option<String>,
    /// Network filters in front.
    pub(crate) gates: String,
    /// Fields of the filter chain. Where there are some, what is logged of requests is logged of connections too.
    pub(crate) chain: String,
    /// A line of the access log, as it stands between quotes in YAML.
    pub(crate) log: &'static str,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            name: "main",
            fields: String::new(),
            manager: String::new(),
            domains: "*",
            routes: "- match: {prefix: /}\n  route: {cluster: app}\n".to_owned(),
            filters: String::new(),
            router: "",
            tcp: None,
            gates: String::new(),
            chain: String::new(),
            log: FORMAT,
        }
    }
}

impl Listener {
    /// The listener on a port of an address.
    pub(crate) fn yaml(&self, at: SocketAddr) -> String {
        let Self { name, fields, manager, domains, routes, filters, router, tcp, gates, chain, log } = self;
        let log = access_log(log);
        let of_connections = if fields.is_empty() && chain.is_empty() { "" } else { &*log };
        let fields = indent(fields, 4) + &indent(of_connections, 4);
        let manager = indent(manager, 10);
        let log = indent(&log, 10);
        let gates = indent(gates, 6);
        let (ip, port) = (at.ip(), at.port());
        if let Some(fields) = tcp {
            let fields = indent(fields, 10);
            return format!(
                r#"  - name: {name}
    address: {{socket_address: {{address: {ip}, port_value: {port}}}}}
    filter_chains:
    - filters:
{gates}      - name: tcp
        typed_config:
          "@type": {TCP}
          stat_prefix: ingress
{fields}{log}"#
            );
        }
        let routes = indent(routes, 14);
        let filters = indent(filters, 10);
        let chain = indent(chain, 6);
        format!(
            r#"  - name: {name}
    address: {{socket_address: {{address: {ip}, port_value: {port}}}}}
{fields}    filter_chains:
    - filters:
{gates}      - name: hcm
        typed_config:
          "@type": {HCM}
          stat_prefix: ingress
{manager}{log}          route_config:
            virtual_hosts:
            - name: all
              domains: ["{domains}"]
              routes:
{routes}          http_filters:
{filters}          - {{name: router, typed_config: {{"@type": {ROUTER}{router}}}}}
{chain}"#
        )
    }
}

/// A file with an admin server, listeners and clusters.
pub(crate) fn config(admin: SocketAddr, listeners: &str, clusters: &str) -> String {
    format!(
        "admin: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}\n\
         static_resources:\n  listeners:\n{listeners}  clusters:\n{}",
        admin.ip(),
        admin.port(),
        indent(clusters, 2)
    )
}

/// Whether there can be machines and firewalls of the test's own.
///
/// # Errors
/// The sentence says why not.
pub(crate) fn machines() -> Result<(), String> {
    Netns::available()?;
    match Command::new("iptables").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("iptables does not work here ({})", output.status)),
        Err(error) => Err(format!("iptables is needed ({error})")),
    }
}

/// A text with so many spaces before each line.
pub(crate) fn indent(text: &str, spaces: usize) -> String {
    text.lines().map(|line| format!("{:spaces$}{line}\n", "")).collect()
}

/// Ports of loopback that belong to the test.
#[derive(Debug)]
pub(crate) struct Ports {
    listener: Port,
    admin: Port,
}

impl Ports {
    pub(crate) fn reserve() -> Self {
        Self { listener: Port::reserve(), admin: Port::reserve() }
    }

    pub(crate) fn listener(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.listener.number()).into()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.admin.number()).into()
    }
}

/// How Causeway is started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// More of the command line.
    pub(crate) args: &'a [&'a str],
    /// The network namespace it runs in.
    pub(crate) netns: Option<&'a Netns>,
    /// Number of workers; one if nothing is said.
    pub(crate) workers: usize,
}

/// A running Causeway.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) proxy: Proxy,
    /// Where clients go.
    pub(crate) address: SocketAddr,
    /// Where operators go.
    pub(crate) admin: SocketAddr,
}

/// One line of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) code: String,
    pub(crate) flags: String,
    pub(crate) details: String,
    pub(crate) reason: String,
    pub(crate) evidence: String,
    pub(crate) cluster: String,
    pub(crate) why_code: String,
    pub(crate) why_id: String,
}

impl Site {
    /// Starts Causeway and waits until it serves. Access logs are written without delay.
    pub(crate) async fn start(
        config: &str,
        address: SocketAddr,
        admin: SocketAddr,
        options: &Options<'_>,
    ) -> Result<Self, NotStarted> {
        let binary = Path::new(env!("CARGO_BIN_EXE_causeway"));
        let mut builder = Proxy::build(Peer::Causeway, binary, config)
            .listener(address.port())
            .admin(admin)
            .concurrency(options.workers.max(1))
            .arg("--file-flush-interval-msec")
            .arg("10");
        for arg in options.args {
            builder = builder.arg(*arg);
        }
        if let Some(netns) = options.netns {
            builder = builder.in_netns(netns);
        }
        Ok(Self { proxy: builder.start().await?, address, admin })
    }

    /// A page of the admin server.
    pub(crate) async fn page(&self, path: &str) -> String {
        match exchange(self.admin, &Request::get(path)).await {
            Ok(response) => response.text(),
            Err(error) => format!("the admin server does not answer: {error}"),
        }
    }

    /// A page of the admin server that is JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = exchange(self.admin, &Request::get(path)).await;
        answer.ok().and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default()
    }

    /// The counters of reasons, by connection manager: `/reasons`.
    pub(crate) async fn reasons(&self) -> BTreeMap<String, u64> {
        let page = self.json("/reasons?format=json").await;
        let reasons = page["reasons"].as_array().cloned().unwrap_or_default();
        let pairs = reasons
            .iter()
            .filter_map(|one| Some((one["reason"].as_str()?.to_owned(), one["count"].as_u64()?)));
        pairs.collect()
    }

    /// A counter or gauge of `/stats`; 0 where there is none.
    pub(crate) async fn stat(&self, name: &str) -> u64 {
        let page = self.page(&format!("/stats?filter=^{}$", name.replace('.', "\\."))).await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }

    /// The lines of the access log.
    pub(crate) fn access_log(&self) -> Vec<Logged> {
        let text = self.proxy.directory().read("access.log");
        let lines = text.lines().map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut next = || columns.next().unwrap_or_default();
            Logged {
                code: next(),
                flags: next(),
                details: next(),
                reason: next(),
                evidence: next(),
                cluster: next(),
                why_code: next(),
                why_id: next(),
            }
        });
        lines.collect()
    }

    /// Waits for the line of the access log that has this reason.
    pub(crate) async fn logged(&self, reason: &str) -> Option<Logged> {
        let find = || self.access_log().into_iter().find(|line| line.reason == reason);
        eventually(SOON, async || find().is_some()).await;
        find()
    }

    /// Waits for the line of the application log about a request that failed for this reason.
    pub(crate) async fn told(&self, reason: &str) -> Option<String> {
        let named = format!(" {reason}: ");
        let find = || {
            let log = self.proxy.log();
            let line = log.lines().find(|line| line.contains(&named) && line.contains(" was "));
            line.map(str::to_owned)
        };
        eventually(SOON, async || find().is_some()).await;
        find()
    }
}
