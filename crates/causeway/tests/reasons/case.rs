//! One way to fail, made to happen, and what has to be said about it everywhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use causeway_reason::{Answer as Spec, Failure, Met, Reason};
use causeway_testkit::{
    Backend, Connection, DnsAnswer, DnsServer, End, Netns, NoResponse, Port, ProcessBuilder, Request,
    Response, Scratch, Script, TlsServer, eventually, exchange,
};

use crate::asked::is_asked;
use crate::site::{Listener, Options, Ports, Site, config, indent, machines};

/// The name of the back-end, where it has one.
const NAME: &str = "app.test";

/// One way to fail.
pub(crate) struct Case {
    pub(crate) reason: Reason,
    met: Met,
    listener: Listener,
    /// Fields of the cluster.
    cluster: String,
    behind: Behind,
    args: Vec<&'static str>,
    /// Fields at the top of the file.
    top: String,
    flow: Flow,
    /// What has to be in the evidence.
    evidence: &'static str,
    /// Status and body where they are not those of the catalogue.
    own: Option<(u16, &'static str)>,
    /// Flags where they are not those of the catalogue.
    flags: Option<&'static str>,
    inside: Option<fn(&Netns)>,
    /// The connection fails before anything can be asked on it.
    of_connection: bool,
}

/// What stands behind the cluster.
enum Behind {
    Script(Script),
    /// The echo, behind a handshake.
    Secure(TlsServer),
    /// Nothing listens there.
    Nobody,
    /// This, in the terms of the file.
    Endpoint(String),
    /// A back-end at this port of the namespace in which Causeway runs.
    Inside(u16),
    /// A name about which its name server says this.
    Name(DnsAnswer),
    /// Nothing at all.
    NoEndpoints,
}

/// What the client saw.
pub(crate) enum Seen {
    Answer(Result<Response, NoResponse>),
    /// It left, or had been told everything before.
    Nothing,
}

/// What the client does.
type Flow = Box<dyn for<'s> FnOnce(&'s mut Site) -> Pin<Box<dyn Future<Output = Seen> + 's>>>;

impl Case {
    /// A request to a back-end that answers; what is different has to be said.
    pub(crate) fn of(reason: Reason) -> Self {
        Self {
            reason,
            met: Met::Directly,
            listener: Listener::default(),
            cluster: String::new(),
            behind: Behind::Script(Script::echo()),
            args: Vec::new(),
            top: String::new(),
            flow: flow(async |site: &mut Site| {
                Seen::Answer(exchange(site.address, &Request::get("/")).await)
            }),
            evidence: "",
            own: None,
            flags: None,
            inside: None,
            of_connection: false,
        }
    }

    /// The back-end plays this.
    pub(crate) fn plays(mut self, script: impl Into<Script>) -> Self {
        self.behind = Behind::Script(script.into());
        self
    }

    /// The back-end speaks TLS that way.
    pub(crate) fn secure(mut self, server: TlsServer) -> Self {
        self.behind = Behind::Secure(server);
        self
    }

    /// Nothing listens where the back-end should be.
    pub(crate) fn nobody_listens(mut self) -> Self {
        self.behind = Behind::Nobody;
        self
    }

    /// The back-end is at this port of Causeway's own namespace.
    pub(crate) fn inside(mut self, port: u16) -> Self {
        self.behind = Behind::Inside(port);
        self
    }

    /// The back-end is at a name, about which this is said.
    pub(crate) fn named(mut self, answer: DnsAnswer) -> Self {
        self.behind = Behind::Name(answer);
        self
    }

    /// The cluster has no endpoints.
    pub(crate) fn no_endpoints(mut self) -> Self {
        self.behind = Behind::NoEndpoints;
        self
    }

    /// The back-end is at this `address`.
    pub(crate) fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.behind = Behind::Endpoint(address.into());
        self
    }

    /// The back-end is at this host and port.
    pub(crate) fn endpoint_at(self, host: &str, port: u16) -> Self {
        self.endpoint(format!("socket_address: {{address: {host}, port_value: {port}}}"))
    }

    /// Fields of the connection manager.
    pub(crate) fn manager(mut self, yaml: &str) -> Self {
        self.listener.manager = yaml.to_owned();
        self
    }

    /// Fields of the listener, because of which a connection fails that these bytes come on.
    pub(crate) fn connection(mut self, yaml: &str, bytes: &'static str) -> Self {
        self.listener.fields = yaml.to_owned();
        self.of_connection = true;
        self.client(async move |site: &mut Site| {
            let mut connection = open(site).await;
            connection.write(bytes.as_bytes()).await;
            // It is closed without a word.
            let _ = connection.response("GET").await;
            Seen::Nothing
        })
    }

    /// Fields of the cluster.
    pub(crate) fn cluster(mut self, yaml: impl AsRef<str>) -> Self {
        let _ = writeln!(self.cluster, "{}", yaml.as_ref());
        self
    }

    /// The list of routes.
    pub(crate) fn routes(mut self, yaml: &str) -> Self {
        self.listener.routes = yaml.to_owned();
        self
    }

    /// A TCP proxy with these fields stands in place of the connection manager.
    pub(crate) fn tcp(mut self, yaml: &str) -> Self {
        self.listener.tcp = Some(yaml.to_owned());
        self
    }

    /// A network filter stands in front.
    pub(crate) fn gate(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.listener.gates);
        self
    }

    /// Fields of the filter chain.
    pub(crate) fn chain(mut self, yaml: impl Into<String>) -> Self {
        self.listener.chain = yaml.into();
        self
    }

    /// What the router is told, behind a comma.
    pub(crate) fn router(mut self, yaml: &'static str) -> Self {
        self.listener.router = yaml;
        self
    }

    /// HTTP filters in front of the router.
    pub(crate) fn filters(mut self, yaml: &str) -> Self {
        self.listener.filters = yaml.to_owned();
        self
    }

    /// The domain of the virtual host.
    pub(crate) fn domain(mut self, domain: &'static str) -> Self {
        self.listener.domains = domain;
        self
    }

    /// Fields at the top of the file.
    pub(crate) fn top(mut self, yaml: impl Into<String>) -> Self {
        self.top = yaml.into();
        self
    }

    /// More of the command line.
    pub(crate) fn args(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }

    /// The client sends this.
    pub(crate) fn send(self, request: Request) -> Self {
        self.client(async move |site: &mut Site| Seen::Answer(exchange(site.address, &request).await))
    }

    /// The client sends these bytes and waits for an answer.
    pub(crate) fn write(self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        self.client(async move |site: &mut Site| {
            let mut connection = open(site).await;
            connection.write(&bytes).await;
            Seen::Answer(connection.response("GET").await)
        })
    }

    /// The client does this.
    pub(crate) fn client(mut self, client: impl AsyncFnOnce(&mut Site) -> Seen + 'static) -> Self {
        self.flow = flow(client);
        self
    }

    /// The reason took the last host away before.
    pub(crate) fn no_host_left(mut self) -> Self {
        self.met = Met::NoHostLeft;
        self
    }

    /// The head of the answer was out.
    pub(crate) fn after_head(mut self) -> Self {
        self.met = Met::AfterHead;
        self
    }

    /// The evidence holds this.
    pub(crate) fn evidence(mut self, words: &'static str) -> Self {
        self.evidence = words;
        self
    }

    /// Status and body are somebody else's.
    pub(crate) fn answered(mut self, status: u16, body: &'static str) -> Self {
        self.own = Some((status, body));
        self
    }

    /// The flags are not those of the catalogue.
    pub(crate) fn fails_with(mut self, flags: &'static str) -> Self {
        self.flags = Some(flags);
        self
    }

    /// Causeway runs in a network namespace of its own, which is prepared by this.
    pub(crate) fn in_namespace(mut self, prepare: fn(&Netns)) -> Self {
        self.inside = Some(prepare);
        self
    }

    /// Whether it can be run here.
    pub(crate) fn possible(&self) -> Result<(), String> {
        if self.inside.is_some() { machines() } else { Ok(()) }
    }

    /// Makes it fail, and says what is not as it should be.
    pub(crate) async fn run(self) -> Vec<String> {
        let Self {
            reason,
            met,
            listener,
            mut cluster,
            behind,
            mut args,
            top,
            flow,
            evidence,
            own,
            flags,
            inside,
            of_connection,
        } = self;
        let ports = Ports::reserve();
        let netns = inside.map(|prepare| {
            let netns = Netns::new();
            prepare(&netns);
            netns
        });
        let mut backend = None;
        let mut dead = None;
        let mut names = None;
        let mut settled = None;
        let endpoint = match behind {
            Behind::Script(script) => {
                let started = match &netns {
                    Some(netns) => Backend::start_on((netns.host_address(), 0).into(), script).await,
                    None => Backend::start(script).await,
                };
                let address = started.address();
                backend = Some(started);
                Some(socket_address(address))
            }
            Behind::Secure(server) => {
                let started = Backend::start_tls(server, Script::echo()).await;
                let address = started.address();
                backend = Some(started);
                Some(socket_address(address))
            }
            Behind::Nobody => {
                let port = Port::reserve();
                let address = socket_address(([127, 0, 0, 1], port.number()).into());
                dead = Some(port);
                Some(address)
            }
            Behind::Endpoint(endpoint) => Some(endpoint),
            Behind::Inside(port) => {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                let netns = netns.as_ref().expect("a case that asks for a namespace");
                settled = Some(netns.settle(async move || Backend::start_on(address, Script::echo()).await));
                Some(socket_address(address))
            }
            Behind::Name(answer) => {
                let server = DnsServer::start().await;
                server.set(NAME, answer);
                cluster.push_str(&resolved_by(&server));
                names = Some(server);
                Some(format!("socket_address: {{address: {NAME}, port_value: 80}}"))
            }
            Behind::NoEndpoints => None,
        };
        let (listen, admin, reach) = match &netns {
            // Nobody else is in there, so its ports need no reserving.
            Some(netns) => {
                let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
                (any(80), any(9901), Some(netns.address()))
            }
            None => (ports.listener(), ports.admin(), None),
        };
        let text = config(admin, &listener.yaml(listen), &cluster_yaml(&cluster, endpoint.as_deref())) + &top;
        let outside = |at: SocketAddr| reach.map_or(at, |ip| SocketAddr::new(ip, at.port()));
        args.push("--reason-header");
        let options = Options { args: &args, netns: netns.as_ref(), ..Options::default() };
        let started = Site::start(&text, outside(listen), outside(admin), &options).await;
        let mut site = match started {
            Ok(site) => site,
            Err(error) => return vec![format!("Causeway does not start: {error}\n{text}")],
        };
        let seen = flow(&mut site).await;
        let of_listener = of_connection.then(|| listen.to_string().replace(':', "_"));
        let tcp = listener.tcp.is_some();
        let expected = Expected { reason, met, own, flags, evidence, tcp, of_listener };
        let mut wrong = Vec::new();
        if let Seen::Answer(answer) = &seen {
            expected.check_client(answer, &mut wrong);
        }
        expected.check_logs(&site, &mut wrong).await;
        expected.check_metrics(&mut site, &mut wrong).await;
        expected.check_journal(&mut site, &mut wrong).await;
        expected.check_doctor(&site, &mut wrong).await;
        if !wrong.is_empty() {
            wrong.push(format!("access log: {:?}", site.access_log()));
            wrong.push(format!("application log: {}", site.proxy.log()));
        }
        drop((site, backend, dead, names, settled, netns));
        wrong
    }
}

/// What the doctor says of a running Causeway, of what failed alone.
async fn ask_doctor(site: &Site) -> serde_json::Value {
    let scratch = Scratch::new();
    let admin = format!("http://{}", site.admin);
    let mut process = ProcessBuilder::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["doctor", "-o", "json", "--only", "admin.failures", "--interval", "0", "--envoy"])
        .arg(admin)
        .start(scratch.path())
        .expect("a doctor");
    process.wait(Duration::from_secs(20)).await;
    serde_json::from_str(&process.stdout()).unwrap_or_default()
}

/// Opens a connection to the listener.
pub(crate) async fn open(site: &Site) -> Connection {
    Connection::open(site.address).await.expect("Causeway listens")
}

fn flow(client: impl AsyncFnOnce(&mut Site) -> Seen + 'static) -> Flow {
    Box::new(|site| Box::pin(client(site)))
}

fn socket_address(address: SocketAddr) -> String {
    format!("socket_address: {{address: {}, port_value: {}}}", address.ip(), address.port())
}

/// Names are looked up at this server, once.
fn resolved_by(server: &DnsServer) -> String {
    let address = socket_address(server.address());
    format!(
        r#"type: STRICT_DNS
dns_lookup_family: V4_ONLY
typed_dns_resolver_config:
  name: cares
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    resolvers: [{{{address}}}]
    dns_resolver_options: {{no_default_search_domain: true}}
    query_timeout_seconds: 1
    query_tries: 1
"#
    )
}

/// The cluster with more fields and an endpoint.
pub(crate) fn cluster_yaml(fields: &str, endpoint: Option<&str>) -> String {
    let timeout = if fields.contains("connect_timeout") { "" } else { "  connect_timeout: 2s\n" };
    let mut yaml = format!("- name: app\n{timeout}{}", indent(fields, 2));
    if let Some(endpoint) = endpoint
        && !fields.contains("load_assignment")
    {
        let _ = writeln!(
            yaml,
            "  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{{endpoint}}}}}}}]}}]}}"
        );
    }
    yaml
}

/// What has to be said everywhere.
struct Expected {
    reason: Reason,
    met: Met,
    own: Option<(u16, &'static str)>,
    flags: Option<&'static str>,
    evidence: &'static str,
    /// It is a matter of a TCP proxy, which knows no status and no details.
    tcp: bool,
    /// The name in statistics of the listener, where it is a matter of the listener.
    of_listener: Option<String>,
}

impl Expected {
    fn failure(&self) -> Failure {
        Failure { met: self.met, ..Failure::new(self.reason) }
    }

    fn spec(&self) -> Spec {
        self.failure().answer()
    }

    fn check_client(&self, answer: &Result<Response, NoResponse>, wrong: &mut Vec<String>) {
        let mut differs = |what: &str, is: &dyn std::fmt::Debug, should: &dyn std::fmt::Debug| {
            wrong.push(format!("client: {what} is {is:?}, not {should:?}"));
        };
        let spec = self.spec();
        let response = match answer {
            Ok(response) => response,
            Err(error) => return differs("the answer", error, &self.reason),
        };
        let (status, body) = self.own.unwrap_or((spec.status, ""));
        if status == 0 || self.met == Met::AfterHead {
            // The head was the back-end's. What counts is that the client can see the body is not whole.
            if response.complete || response.end == End::Open {
                differs("a cut message", response, &"visibly cut");
            }
            return;
        }
        if response.status != status {
            differs("the status", &response.status, &status);
        }
        let body = if self.own.is_some() { body.to_owned() } else { spec.body.to_string() };
        if response.text() != body {
            differs("the body", &response.text(), &body);
        }
        if self.own.is_none() && response.headers.get("x-causeway-reason") != Some(self.reason.key()) {
            differs("x-causeway-reason", &response.headers.get("x-causeway-reason"), &self.reason.key());
        }
        if response.headers.get("x-envoy-overloaded").is_some() != spec.overloaded {
            differs("x-envoy-overloaded", &response.headers, &spec.overloaded);
        }
        if spec.close && (!response.announces_close() || response.end == End::Open) {
            differs("the connection", &response.end, &"closed, and announced to be");
        }
    }

    async fn check_logs(&self, site: &Site, wrong: &mut Vec<String>) {
        let (key, failure) = (self.reason.key(), self.failure());
        let Some(line) = site.logged(key).await else {
            wrong.push(format!("the access log has no line with {key}"));
            return;
        };
        let flags = self.flags.unwrap_or_else(|| failure.flag().map_or("-", |flag| flag.short()));
        if line.flags != flags {
            wrong.push(format!("%RESPONSE_FLAGS% is {}, not {flags}", line.flags));
        }
        // Details may say more behind a bar: what the transport said.
        let mut details = failure.details().to_string();
        let mut words = line.details.split('|').next().unwrap_or_default();
        // Some say more than the catalogue can.
        if !details.contains('{') {
            words = words.split('{').next().unwrap_or_default();
        }
        if self.tcp || details.is_empty() {
            details = "-".to_owned();
        }
        if words.trim_end_matches('}') != details.trim_end_matches('}') {
            wrong.push(format!("%RESPONSE_CODE_DETAILS% is {}, not {details}", line.details));
        }
        let spec = self.spec();
        let status = self.own.map_or(spec.status, |(status, _)| status);
        if status != 0 && !self.tcp && line.code != status.to_string() {
            wrong.push(format!("%RESPONSE_CODE% is {}, not {status}", line.code));
        }
        if self.reason == Reason::DirectResponse {
            // Nothing has failed, so nothing is told.
            return;
        }
        if line.evidence == "-" || !line.evidence.contains(self.evidence) {
            wrong.push(format!("%CAUSEWAY_EVIDENCE% is {:?}, without {:?}", line.evidence, self.evidence));
        }
        match site.told(key).await {
            None => wrong.push(format!("the application log has no line with {key}")),
            Some(told) => {
                let sentence = failure.spec().sentence.en;
                if !told.contains(sentence) || !told.contains(&format!("[{}]", line.evidence)) {
                    wrong.push(format!("the application log says without sentence or evidence: {told}"));
                }
            }
        }
    }

    /// The failure is found by the number that the access log has, with what the log says.
    async fn check_journal(&self, site: &mut Site, wrong: &mut Vec<String>) {
        let Some(line) = site.logged(self.reason.key()).await else { return };
        let code = self.reason.code();
        if line.why_code != code {
            wrong.push(format!("%WHY_CODE% is {}, not {code}", line.why_code));
        }
        if !site.proxy.process().is_running() {
            // It was told to end, so nobody can ask it any more.
            return;
        }
        let page = site.json(&format!("/why/{}?format=json", line.why_id)).await;
        if self.reason == Reason::DirectResponse {
            // Nothing has failed.
            if page["failures"] != serde_json::json!([]) {
                wrong.push(format!("/why has {page}"));
            }
            return;
        }
        let failure = &page["failures"][0];
        // What is long is cut.
        let evidence = failure["evidence"].as_str().unwrap_or_default();
        if failure["code"] != code || !line.evidence.starts_with(evidence) || evidence.is_empty() {
            wrong.push(format!("/why/{} is not {code} with the evidence of {line:?}: {page}", line.why_id));
        }
        // Of a host that was asked, it is known how it came to that.
        let known = |fact: &str| failure[fact].as_str().is_some_and(|text| !text.is_empty());
        if known("host") && !(known("host_state") && known("choice")) {
            wrong.push(format!("/why/{} does not say how its host was chosen: {failure}", line.why_id));
        }
        let causes = site.json("/why?format=json").await;
        if causes["total"] != 1 || causes["causes"][0]["code"] != code {
            wrong.push(format!("/why has other causes than {code}: {causes}"));
        }
    }

    /// The doctor names it too, to whoever has nothing but the admin server.
    async fn check_doctor(&self, site: &Site, wrong: &mut Vec<String>) {
        if !is_asked(self.reason) {
            return;
        }
        let (report, code) = (ask_doctor(site).await, self.reason.code());
        let findings = report["findings"].as_array();
        let found = findings.into_iter().flatten().find(|finding| finding["code"] == code);
        if found.is_none_or(|found| found["evidence"].as_array().is_none_or(|all| all.len() < 2)) {
            wrong.push(format!("the doctor does not name {code} with the last failure: {report:#}"));
        }
    }

    async fn check_metrics(&self, site: &mut Site, wrong: &mut Vec<String>) {
        if !site.proxy.process().is_running() {
            // It was told to end, so nobody can ask it any more.
            return;
        }
        let key = self.reason.key();
        let expected = BTreeMap::from([(key.to_owned(), 1)]);
        let counted = site.reasons().await;
        if counted != expected {
            wrong.push(format!("/reasons counts {counted:?}, not {expected:?}"));
        }
        let (scope, tag, of) = match &self.of_listener {
            Some(listener) => ("listener", "envoy_listener_address", listener.as_str()),
            None if self.tcp => ("tcp", "envoy_tcp_prefix", "ingress"),
            None => ("http", "envoy_http_conn_manager_prefix", "ingress"),
        };
        let name = format!("{scope}.{of}.reason.{key}");
        let count = site.stat(&name).await;
        if count != 1 {
            wrong.push(format!("/stats: {name} is {count}"));
        }
        let exposed = format!("envoy_{scope}_reason{{causeway_reason=\"{key}\",{tag}=\"{of}\"}} 1");
        let page = site.page("/stats/prometheus").await;
        if !page.lines().any(|line| line == exposed) {
            let lines: Vec<_> = page.lines().filter(|line| line.contains("_reason{")).collect();
            wrong.push(format!("/stats/prometheus says {lines:?}, not {exposed}"));
        }
        // Whatever was in use has been given back.
        for gauge in [
            "http.ingress.downstream_rq_active",
            "tcp.ingress.downstream_cx_rx_bytes_buffered",
            "cluster.app.upstream_rq_active",
            "cluster.app.upstream_rq_pending_active",
        ] {
            if !eventually(Duration::from_secs(2), async || site.stat(gauge).await == 0).await {
                wrong.push(format!("/stats: {gauge} is {}", site.stat(gauge).await));
            }
        }
        let of_cluster = site.logged(key).await.is_some_and(|line| line.cluster == "app");
        let name = format!("cluster.app.reason.{key}");
        let count = site.stat(&name).await;
        if count != u64::from(of_cluster) {
            wrong.push(format!("/stats: {name} is {count}"));
        }
    }
}
