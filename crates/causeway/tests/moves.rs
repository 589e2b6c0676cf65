//! Apps that disappear and return under another address, as containers do, with a real name server: dnsmasq reads
//! another file of hosts at SIGHUP, and its answers hold for a second. Beside it there is traffic, of which no
//! request fails.
//!
//! `CAUSEWAY_MOVES` says how often an app moves, three times where it says nothing. Each move comes with
//! 2 500 requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is a failed test, and what was measured is shown"
)]

mod site;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use causeway_testkit::{
    Answer, Backend, Load, Netns, Process, ProcessBuilder, Reply, Scratch, Settled, Signal, eventually,
};
use site::{Listener, Options, Site, config};

const HOW: &str = "sudo -E CAUSEWAY_MOVES=20 cargo test -p causeway --test moves -- --nocapture";
const REQUESTS_PER_MOVE: u64 = 2500;
/// The TTL of an answer, and `dns_refresh_rate`.
const SECOND: Duration = Duration::from_secs(1);
/// What may come on top of both on a machine that has other things to do.
const MARGIN: Duration = Duration::from_millis(700);
/// How long it takes until a look-up or a check has noticed anything.
const NOTICED: Duration = Duration::from_secs(10);

/// What names the apps have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `app`, with three addresses.
    One,
    /// `app1` to `app3`, on a port of their own each.
    Three,
}

impl Names {
    fn of(self, app: usize) -> String {
        match self {
            Self::One => "app".to_owned(),
            Self::Three => format!("app{}", app + 1),
        }
    }

    fn port(self, app: usize) -> u16 {
        match self {
            Self::One => 5000,
            Self::Three => 5001 + u16::try_from(app).unwrap(),
        }
    }

    fn endpoints(self) -> Vec<(String, u16)> {
        let mut endpoints: Vec<_> = (0..3).map(|app| (self.of(app), self.port(app))).collect();
        endpoints.dedup();
        endpoints
    }

    /// The file: retries go to a host that was not tried yet, and there may be as many at a time as there are clients.
    fn file(self) -> String {
        let mut cluster = "- name: apps\n  type: STRICT_DNS\n  connect_timeout: 0.25s\n  dns_refresh_rate: 1s\n  \
             dns_lookup_family: V4_ONLY\n  typed_dns_resolver_config:\n    name: cares\n    typed_config:\n      \
             \"@type\": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n      \
             resolvers: [{socket_address: {address: 127.0.0.1, port_value: 53}}]\n      \
             dns_resolver_options: {no_default_search_domain: true}\n  \
             circuit_breakers: {thresholds: [{max_retries: 100}]}\n  \
             health_checks:\n  - {timeout: 0.5s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, \
             tcp_health_check: {}}\n  load_assignment:\n    cluster_name: apps\n    endpoints:\n    - lb_endpoints:\n"
            .to_owned();
        for (name, port) in self.endpoints() {
            let address = format!("{{socket_address: {{address: {name}, port_value: {port}}}}}");
            let _ = writeln!(cluster, "      - endpoint: {{address: {address}}}");
        }
        let routes = "- match: {prefix: /}\n  route:\n    cluster: apps\n    retry_policy:\n      \
             retry_on: connect-failure,refused-stream,reset\n      num_retries: 3\n      \
             host_selection_retry_max_attempts: 5\n      retry_host_predicate:\n      \
             - name: envoy.retry_host_predicates.previous_hosts\n        typed_config:\n          \
             \"@type\": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate\n"
            .to_owned();
        config(any(9901), &Listener { routes, ..Listener::default() }.yaml(any(80)), &cluster)
    }
}

fn any(port: u16) -> SocketAddr {
    ([0, 0, 0, 0], port).into()
}

/// Two machines with a cable between them: Causeway and the name server on one, the apps on the other.
struct Machines {
    edge: Netns,
    other: Netns,
    names: Names,
    apps: Vec<App>,
    /// The last part of the next address.
    next: u8,
    scratch: Scratch,
    dnsmasq: Option<Process>,
}

struct App {
    address: Ipv4Addr,
    /// Nothing while it has disappeared.
    running: Option<Settled<Backend>>,
}

impl Machines {
    async fn new(names: Names) -> Self {
        let (edge, other) = (Netns::new(), Netns::new());
        let steps = [
            (&edge, format!("ip link add cable type veth peer name cable netns {}", other.name())),
            (&edge, "ip addr add 10.0.0.1/24 dev cable".to_owned()),
            (&edge, "ip link set cable up".to_owned()),
            (&other, "ip addr add 10.0.0.2/24 dev cable".to_owned()),
            (&other, "ip link set cable up".to_owned()),
        ];
        for (netns, step) in steps {
            netns.command(&step.split(' ').collect::<Vec<_>>()).unwrap();
        }
        let scratch = Scratch::new();
        let mut this = Self { edge, other, names, apps: Vec::new(), next: 10, scratch, dnsmasq: None };
        for app in 0..3 {
            this.apps.push(App { address: Ipv4Addr::UNSPECIFIED, running: None });
            this.start(app);
        }
        this.write_hosts();
        let dnsmasq = ProcessBuilder::new("dnsmasq")
            .args(["--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--pid-file="])
            // What it does not know of does not exist, rather than being asked of others.
            .args(["--no-resolv", "--no-hosts", "--domain-needed", "--local-ttl=1", "--log-facility=-"])
            .args(["--port=53", "--listen-address=127.0.0.1", "--bind-interfaces"])
            .arg(format!("--addn-hosts={}", this.scratch.file("hosts").display()))
            .in_netns(&this.edge)
            .start(this.scratch.path())
            .unwrap();
        let ready = eventually(NOTICED, async || dnsmasq.stderr().contains("read ")).await;
        assert!(ready, "dnsmasq does not start: {}", dnsmasq.stderr());
        this.dnsmasq = Some(dnsmasq);
        this
    }

    /// An app starts under an address that nobody has had.
    fn start(&mut self, app: usize) {
        let address = Ipv4Addr::new(10, 0, 0, self.next);
        self.next += 1;
        self.other.command(&["ip", "addr", "add", &format!("{address}/24"), "dev", "cable"]).unwrap();
        let at = SocketAddr::new(address.into(), self.names.port(app));
        // Requests take their time, so that some are under way when it disappears.
        let script = Answer::from(Reply::ok(format!("app{}", app + 1))).after(Duration::from_millis(5));
        let running = self.other.settle(async move || Backend::start_on(at, script).await);
        self.apps[app] = App { address, running: Some(running) };
    }

    /// The process is killed, then its address goes, as `docker rm -f` does it.
    fn stop(&mut self, app: usize) {
        self.apps[app].running = None;
        let address = format!("{}/24", self.apps[app].address);
        self.other.command(&["ip", "addr", "del", &address, "dev", "cable"]).unwrap();
    }

    fn write_hosts(&self) {
        let mut hosts = String::new();
        for (at, app) in self.apps.iter().enumerate().filter(|(_, app)| app.running.is_some()) {
            let _ = writeln!(hosts, "{} {}", app.address, self.names.of(at));
        }
        self.scratch.write("hosts", &hosts);
    }

    /// From now on the name server says what holds now.
    fn tell_names(&mut self) -> Instant {
        self.write_hosts();
        self.dnsmasq.as_mut().expect("it runs").signal(Signal::HUP);
        Instant::now()
    }

    async fn causeway(&self) -> Site {
        let at = |port| SocketAddr::new(self.edge.address(), port);
        let options = Options { netns: Some(&self.edge), ..Options::default() };
        Site::start(&self.names.file(), at(80), at(9901), &options).await.unwrap()
    }
}

/// What the log says of an app that went: it was refused while the address was there still, or nobody answered any more.
fn is_down(app: SocketAddr) -> String {
    format!("apps {app} is down: connect_")
}

/// What admin knows of a host's life, the oldest first.
async fn history(site: &Site, app: SocketAddr) -> Vec<String> {
    let page = site.json("/hosts?format=json").await;
    let clusters = page["clusters"].as_array().cloned().unwrap_or_default();
    let hosts = clusters.iter().flat_map(|cluster| cluster["hosts"].as_array().cloned().unwrap_or_default());
    let host = hosts.into_iter().find(|host| host["address"] == app.to_string());
    let changes = host.and_then(|host| host["history"].as_array().cloned()).unwrap_or_default();
    changes.iter().filter_map(|change| change["cause"].as_str().map(str::to_owned)).collect()
}

async fn whoever_moves_is_found(names: Names) {
    let number = std::env::var("CAUSEWAY_MOVES").ok().map(|text| text.parse::<u64>().unwrap());
    let moves = number.unwrap_or(3);
    let mut machines = Machines::new(names).await;
    let site = machines.causeway().await;
    let load = Load::to(site.address).connections(8).pause(Duration::from_millis(1)).start();
    let mut found: Vec<Duration> = Vec::new();
    let mut gone: Vec<SocketAddr> = Vec::new();
    for turn in 0..moves {
        let app = usize::try_from(turn % 3).unwrap();
        let before = SocketAddr::new(machines.apps[app].address.into(), names.port(app));
        machines.stop(app);
        // Every other one is back before anybody has noticed that it was gone.
        if turn % 2 == 0 {
            machines.tell_names();
            let line = is_down(before);
            let told = eventually(NOTICED, async || site.proxy.log().contains(&line)).await;
            assert!(told, "{line} is missing:\n{}", site.proxy.log());
        }
        machines.start(app);
        let told = machines.tell_names();
        let running = machines.apps[app].running.as_ref().unwrap();
        let used = async || running.requests() > 0;
        assert!(eventually(NOTICED, used).await, "move {turn}: not in use:\n{}", site.proxy.log());
        let took = told.elapsed();
        assert!(took <= SECOND + SECOND + MARGIN, "move {turn}: in use after {took:?} only");
        found.push(took);
        gone.push(before);

        let after = SocketAddr::new(machines.apps[app].address.into(), names.port(app));
        let life = history(&site, after).await;
        assert_eq!(life.first().map(String::as_str), Some("added"), "{life:?}");
        assert!(life.last().is_some_and(|last| last.starts_with("up: ")), "{life:?}");
        assert!(site.proxy.log().contains(&format!("apps {after} is up: ")), "{}", site.proxy.log());
    }
    let enough = moves * REQUESTS_PER_MOVE;
    let asked = async || site.stat("http.ingress.downstream_rq_total").await >= enough;
    assert!(eventually(Duration::from_secs(120), asked).await, "there are not {enough} requests");
    let report = load.stop().await;

    // Those that are gone were found to be down, and have been forgotten since.
    let log = || site.proxy.log();
    for app in &gone {
        let line = is_down(*app);
        assert!(eventually(NOTICED, async || log().contains(&line)).await, "{line} is missing:\n{}", log());
        let forgotten = async || history(&site, *app).await.is_empty();
        assert!(eventually(NOTICED, forgotten).await, "{app} is still known");
    }
    let log = log();
    assert!(log.lines().any(|line| line.contains(" is down: ") && line.contains("; 2 of ")), "{log}");
    found.sort_unstable();
    let (retries, median) = (site.stat("cluster.apps.upstream_rq_retry").await, found[found.len() / 2]);
    eprintln!(
        "{names:?}: {moves} moves, {} requests, {} failed, {retries} retried; in use after {median:.2?} in the middle, \
         {:.2?} at most",
        report.ok() + report.failed(),
        report.failed(),
        found.last().unwrap()
    );
    assert_eq!(report.failed(), 0, "{report:?}\n{}", site.proxy.directory().read("access.log"));
    assert!(retries > 0, "no request has met an app that was gone");
    assert_eq!(site.stat("cluster.apps.membership_total").await, 3);
    assert_eq!(site.stat("cluster.apps.membership_healthy").await, 3);
}

/// Whether all of it can be had here.
fn available() -> Result<(), String> {
    Netns::available()?;
    let version = Command::new("dnsmasq").arg("--version").output();
    version.map(drop).map_err(|error| format!("dnsmasq is needed ({error})"))
}

#[tokio::test]
async fn one_of_three_behind_one_name_moves() {
    if let Err(why) = available() {
        causeway_testkit::skip!("one_of_three_behind_one_name_moves", why, HOW);
    }
    whoever_moves_is_found(Names::One).await;
}

#[tokio::test]
async fn one_of_three_with_names_of_their_own_moves() {
    if let Err(why) = available() {
        causeway_testkit::skip!("one_of_three_with_names_of_their_own_moves", why, HOW);
    }
    whoever_moves_is_found(Names::Three).await;
}
