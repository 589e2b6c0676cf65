//! A configuration, what stands behind it, and what the doctor has to say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_testkit::{
    Backend, DnsAnswer, DnsServer, Netns, Port, ProcessBuilder, Scratch, Script, TlsServer,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::site::{Listener, config, indent, machines};

/// How long the doctor may take, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(40);

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

enum Behind {
    Script(Script),
    Secure(TlsServer, Script),
    Nobody,
    /// An `address` of the file. `HOST` is the address outside of the namespace, `SELF` the one inside.
    Endpoint(String),
    /// A back-end in the namespace at this address.
    Inside(&'static str, &'static str),
    /// A name, of which each name server says this; and what stands behind it.
    Name(Vec<DnsAnswer>, Script),
    /// A back-end that wants a PROXY header, or that refuses one.
    Picky(bool),
    /// There is no endpoint.
    NoEndpoints,
    /// Nobody accepts, and the queue is full.
    Full,
    Pipe,
}

/// What has to live while the doctor looks.
#[derive(Default)]
struct Kept {
    backends: Vec<Backend>,
    servers: Vec<DnsServer>,
    ports: Vec<Port>,
    tasks: Vec<Task>,
    settled: Vec<Box<dyn std::any::Any>>,
    scratch: Vec<Scratch>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
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

    pub(crate) fn nobody(mut self) -> Self {
        self.behind = Behind::Nobody;
        self
    }

    pub(crate) fn full(mut self) -> Self {
        self.behind = Behind::Full;
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

    /// The name has these answers, one for each server.
    pub(crate) fn named(mut self, answers: impl Into<Vec<DnsAnswer>>, script: impl Into<Script>) -> Self {
        self.behind = Behind::Name(answers.into(), script.into());
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

    /// Gives what is wrong with what the doctor says.
    pub(crate) async fn run(self) -> Result<(), String> {
        let netns = self.inside.map(|prepare| {
            let netns = Netns::new();
            prepare(&netns);
            netns
        });
        let mut kept = Kept::default();
        let (address, more) = self.behind.prepare(netns.as_ref(), &mut kept).await;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let endpoints = match &*address {
            "" => String::new(),
            address => format!("{{lb_endpoints: [{{endpoint: {{address: {{{address}}}}}}}]}}"),
        };
        let cluster = format!(
            "- name: app\n{}  load_assignment: {{cluster_name: app, endpoints: [{endpoints}]}}\n",
            indent(&format!("{more}{}", self.cluster), 2)
        );
        let text = config(admin, &self.listener.yaml(SocketAddr::from((Ipv4Addr::LOCALHOST, 2))), &cluster);
        let report = doctor(&text, netns.as_ref(), &["--only", "clusters"]).await?;
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
}

/// Runs the doctor on a configuration, and gives its report.
pub(crate) async fn doctor(text: &str, netns: Option<&Netns>, more: &[&str]) -> Result<Value, String> {
    let scratch = Scratch::new();
    let file = scratch.write("envoy.yaml", text);
    let mut command =
        ProcessBuilder::new(env!("CARGO_BIN_EXE_causeway")).args(["doctor", "-o", "json", "-c"]);
    command = command.arg(&file).args(more);
    if let Some(netns) = netns {
        command = command.in_netns(netns);
    }
    let mut process = command.start(scratch.path()).map_err(|error| error.to_string())?;
    process.wait(LIMIT).await.ok_or("the doctor does not come to an end")?;
    let printed = process.stdout();
    serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}{}\n{text}", process.stderr()))
}

/// The codes of errors and warnings.
pub(crate) fn codes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings
        .filter(|finding| finding["severity"] != "note")
        .filter_map(|finding| finding["code"].as_str().map(str::to_owned))
        .collect()
}

impl Behind {
    /// The `address` in the file, and more fields of the cluster.
    async fn prepare(self, netns: Option<&Netns>, kept: &mut Kept) -> (String, String) {
        let here = |port: u16| format!("socket_address: {{address: 127.0.0.1, port_value: {port}}}");
        let plain = |text: String| (text, String::new());
        match self {
            Self::Script(script) => {
                let backend = match netns {
                    Some(netns) => {
                        let address = SocketAddr::new(netns.host_address(), 0);
                        Backend::start_on(address, script).await
                    }
                    None => Backend::start(script).await,
                };
                let at = backend.address();
                kept.backends.push(backend);
                plain(format!("socket_address: {{address: {}, port_value: {}}}", at.ip(), at.port()))
            }
            Self::Secure(tls, script) => {
                let backend = Backend::start_tls(tls, script).await;
                let port = backend.port();
                kept.backends.push(backend);
                plain(here(port))
            }
            Self::Nobody => {
                let port = match netns {
                    Some(netns) => Port::reserve_on(netns.host_address()),
                    None => Port::reserve(),
                };
                let number = port.number();
                kept.ports.push(port);
                match netns {
                    Some(netns) => plain(format!(
                        "socket_address: {{address: {}, port_value: {number}}}",
                        netns.host_address()
                    )),
                    None => plain(here(number)),
                }
            }
            Self::NoEndpoints => (String::new(), String::new()),
            Self::Endpoint(text) => {
                let host = netns.map(|netns| netns.host_address().to_string()).unwrap_or_default();
                let own = netns.map(|netns| netns.address().to_string()).unwrap_or_default();
                plain(text.replace("HOST", &host).replace("SELF", &own))
            }
            Self::Inside(listens, file) => {
                let netns = netns.expect("a namespace");
                let address: SocketAddr =
                    listens.replace("SELF", &netns.address().to_string()).parse().expect("an address");
                let settled = netns.settle(async move || Backend::start_on(address, Script::echo()).await);
                kept.settled.push(Box::new(settled));
                let file = file.replace("SELF", &netns.address().to_string());
                let (ip, port) = file.rsplit_once(':').expect("an address");
                plain(format!("socket_address: {{address: {ip}, port_value: {port}}}"))
            }
            Self::Name(answers, script) => named(answers, script, kept).await,
            Self::Picky(wants) => {
                let (port, task) = picky(wants).await;
                kept.tasks.push(task);
                plain(here(port))
            }
            Self::Full => {
                let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
                socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
                let listener = socket.listen(1).expect("a listener");
                let address = listener.local_addr().expect("an address");
                let mut queue = Vec::new();
                while let Ok(connected) =
                    tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address))
                        .await
                {
                    queue.push(connected.expect("a connection"));
                }
                kept.settled.push(Box::new((listener, queue)));
                plain(here(address.port()))
            }
            Self::Pipe => {
                let scratch = Scratch::new();
                let path = scratch.file("app.sock");
                let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
                let task = tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(answer(stream));
                    }
                });
                kept.tasks.push(Task(task));
                kept.scratch.push(scratch);
                plain(format!("pipe: {{path: {}}}", path.display()))
            }
        }
    }
}

/// The name `app.test`, with a server for each answer.
async fn named(answers: Vec<DnsAnswer>, script: Script, kept: &mut Kept) -> (String, String) {
    let backend = Backend::start(script).await;
    let mut servers = Vec::new();
    for answer in answers {
        let server = DnsServer::start().await;
        server.set("app.test", answer);
        servers.push(format!("{{socket_address: {{address: 127.0.0.1, port_value: {}}}}}", server.port()));
        kept.servers.push(server);
    }
    let more = format!(
        "type: STRICT_DNS\ntyped_dns_resolver_config:\n  name: cares\n  typed_config:\n    \"@type\": \
         type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n    resolvers: [{}]\n    \
         dns_resolver_options: {{no_default_search_domain: true}}\n",
        servers.join(", ")
    );
    let address = format!("socket_address: {{address: app.test, port_value: {}}}", backend.port());
    kept.backends.push(backend);
    (address, more)
}

/// A back-end that closes what does not begin with a PROXY header, or answers 400 to what does.
async fn picky(wants: bool) -> (u16, Task) {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0; 6];
                let peeked = stream.peek(&mut first).await.unwrap_or(0);
                let has_header = first[..peeked].starts_with(b"PROXY");
                if has_header == wants {
                    answer(stream).await;
                } else if !wants {
                    use tokio::io::AsyncWriteExt as _;
                    let mut stream = stream;
                    let _ = stream
                        .write_all(
                            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                        )
                        .await;
                }
            });
        }
    });
    (port, Task(task))
}

/// Answers every request, whatever stands in front of it.
async fn answer(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    }
}
