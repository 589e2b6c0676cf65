//! A site as operators have it: `/api` goes to a back-end on another machine that is checked, the rest to a
//! front-end on this one. Then the back-end, the network, the health page or the name breaks, and everything
//! that can be asked has to name the same cause. The machines are network namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is a failed test, and what is skipped is said"
)]

mod site;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_reason::{Failure, Reason};
use causeway_testkit::{
    Answer, Backend, DnsAnswer, DnsServer, Netns, Reply, Request, Response, Script, Settled, eventually,
    exchange,
};

use site::{Listener, Options, Site, config};

const BACKEND: &str = "10.0.0.100:18443";
const HEALTH: &str = "/api/health";
const HOW: &str = "sudo -E cargo test -p causeway --test seeds";

/// Time between two health checks.
const INTERVAL: Duration = Duration::from_secs(1);
/// What may come on top of it on a machine that has other things to do.
const MARGIN: Duration = Duration::from_millis(700);
/// Three checks fail, each of them late, before the host is taken out of use.
const UNTIL_FOUND: Duration = Duration::from_secs(15);

/// What the file says that differs from test to test.
#[derive(Clone, Copy)]
struct File {
    address: &'static str,
    port: u16,
    /// Of the host share below which health is ignored; Envoy's default is 50.
    panic_threshold: Option<u32>,
    healthy_threshold: u32,
    /// The port of the name server, where the address is a name.
    resolver: Option<u16>,
}

/// Health is not ignored, so a host that fails its checks is not used.
const STRICT: File = File {
    address: "10.0.0.100",
    port: 18443,
    panic_threshold: Some(0),
    healthy_threshold: 2,
    resolver: None,
};

/// Nothing is said about panic.
const AS_IT_IS: File = File { panic_threshold: None, ..STRICT };

impl File {
    fn text(&self) -> String {
        let Self { address, port, healthy_threshold, .. } = self;
        let panic = self.panic_threshold.map_or_else(String::new, |value| {
            format!("  common_lb_config: {{healthy_panic_threshold: {{value: {value}}}}}\n")
        });
        let resolver = self.resolver.map_or_else(String::new, |port| {
            format!(
                "  typed_dns_resolver_config:\n    name: cares\n    typed_config:\n      \"@type\": \
                 type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig\n      \
                 resolvers: [{{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}]\n      \
                 dns_resolver_options: {{no_default_search_domain: true}}\n"
            )
        });
        let cluster = |name: &str, address: &str, port: u16, more: &str| {
            format!(
                "- name: {name}\n  connect_timeout: 0.5s\n  type: LOGICAL_DNS\n  dns_lookup_family: V4_ONLY\n{more}  \
                 load_assignment:\n    cluster_name: {name}\n    endpoints:\n    - lb_endpoints:\n      - endpoint: \
                 {{address: {{socket_address: {{address: {address}, port_value: {port}}}}}}}\n"
            )
        };
        let checks = format!(
            "{panic}{resolver}  health_checks:\n  - timeout: 0.5s\n    interval: 1s\n    unhealthy_threshold: 3\n    \
             healthy_threshold: {healthy_threshold}\n    http_health_check:\n      path: {HEALTH}\n      \
             expected_statuses: [{{start: 200, end: 299}}]\n"
        );
        let clusters = cluster("backend_cluster", address, *port, &checks)
            + &cluster("frontend_cluster", "localhost", 9443, "");
        let listener = Listener {
            routes: "- match: {prefix: /api}\n  route: {cluster: backend_cluster}\n\
                     - match: {prefix: /}\n  route: {cluster: frontend_cluster}\n"
                .to_owned(),
            ..Listener::default()
        };
        config(any(9901), &listener.yaml(any(80)), &clusters)
    }
}

fn any(port: u16) -> SocketAddr {
    ([0, 0, 0, 0], port).into()
}

/// Two machines with a cable between them.
struct Machines {
    /// Here Causeway runs, and the front-end.
    edge: Netns,
    /// Here the back-end runs, at 10.0.0.100.
    other: Netns,
    _front: Settled<Backend>,
}

impl Machines {
    fn new() -> Self {
        let (edge, other) = (Netns::new(), Netns::new());
        let steps = [
            (&edge, format!("ip link add cable type veth peer name cable netns {}", other.name())),
            (&edge, "ip addr add 10.0.0.1/24 dev cable".to_owned()),
            (&edge, "ip link set cable up".to_owned()),
            (&other, "ip addr add 10.0.0.100/24 dev cable".to_owned()),
            (&other, "ip link set cable up".to_owned()),
        ];
        for (netns, step) in steps {
            netns.command(&step.split(' ').collect::<Vec<_>>()).unwrap();
        }
        let front =
            edge.settle(async || Backend::start_on(([127, 0, 0, 1], 9443).into(), Reply::ok("front")).await);
        Self { edge, other, _front: front }
    }

    /// Starts the back-end: it serves everything, and its health page answers this.
    fn backend(&self, health: impl Into<Answer>) -> Settled<Backend> {
        let health = health.into();
        let script = Script::by(move |request| match request.path() {
            HEALTH => health.clone(),
            _ => Reply::ok("back").into(),
        });
        self.other.settle(async move || Backend::start_on(BACKEND.parse().unwrap(), script).await)
    }

    async fn causeway(&self, file: File) -> Site {
        let at = |port| SocketAddr::new(self.edge.address(), port);
        let options = Options { args: &["--reason-header"], netns: Some(&self.edge), ..Options::default() };
        Site::start(&file.text(), at(80), at(9901), &options).await.unwrap()
    }
}

async fn get(site: &Site, path: &str) -> Response {
    exchange(site.address, &Request::get(path)).await.unwrap()
}

/// Whether the only host of the back-end may be used.
async fn is_healthy(site: &Site) -> bool {
    let line = format!("backend_cluster::{BACKEND}::health_flags::healthy");
    site.page("/clusters").await.lines().any(|one| one == line)
}

/// Something breaks while the site is in use; what is left of the back-end is given back.
async fn broken(
    name: &str,
    file: File,
    failure: Failure,
    evidence: &str,
    breaks: impl FnOnce(&Machines, Settled<Backend>) -> Option<Settled<Backend>>,
) {
    let machines = Machines::new();
    let backend = machines.backend(well());
    let site = machines.causeway(file).await;
    for (path, body) in [("/api/items", "back"), ("/", "front")] {
        let response = get(&site, path).await;
        assert_eq!((response.status, response.text().as_str()), (200, body), "{name}: {path}");
    }
    let _left = breaks(&machines, backend);
    found(name, &site, &file, "last_health_check", &failure).await;
    blamed(name, &site, &failure, evidence).await;
    assert_eq!(get(&site, "/").await.text(), "front", "{name}: the front-end has nothing to do with it");
}

/// The answer of a health page.
fn well() -> Reply {
    Reply::ok("{\"status\": \"ok\"}").header("content-type", "application/json")
}

/// The back-end begins to answer its health page so.
fn health_page(
    machines: &Machines,
    backend: Settled<Backend>,
    answer: impl Into<Answer>,
) -> Option<Settled<Backend>> {
    drop(backend);
    Some(machines.backend(answer))
}

/// A firewall rule on the back-end's machine against new connections; those from before are closed, so that
/// all meet it. What they still send passes: the kernel sends one refusal in a second, which is for the others.
fn firewall(machines: &Machines, backend: Settled<Backend>, what: &str) -> Option<Settled<Backend>> {
    machines.other.iptables(&format!("-A INPUT -p tcp --syn --dport 18443 -j {what}"));
    drop(backend);
    Some(machines.backend(well()))
}

/// The check, or the look-up, has found it, and `/clusters` names it.
async fn found(name: &str, site: &Site, file: &File, what: &str, failure: &Failure) {
    let (key, File { address, port, .. }) = (failure.reason.key(), file);
    let line = match what {
        "dns" => format!("backend_cluster::dns::{address}::{key} "),
        what => format!("backend_cluster::{address}:{port}::{what}::{key} "),
    };
    let named = async || {
        let page = site.page("/clusters").await;
        let out = format!("backend_cluster::{address}:{port}::health_flags::/failed_active_hc");
        (what == "dns" || page.contains(&out)) && page.lines().any(|one| one.starts_with(&line))
    };
    assert!(eventually(UNTIL_FOUND, named).await, "{name}: no {line}:\n{}", site.page("/clusters").await);
}

/// A request fails, and everybody says why: the answer, the access log, the application log, the metrics.
async fn blamed(name: &str, site: &Site, failure: &Failure, evidence: &str) {
    let (key, answer) = (failure.reason.key(), failure.answer());
    let response = get(site, "/api/items").await;
    assert_eq!(response.status, answer.status, "{name}");
    assert_eq!(response.text(), answer.body.to_string(), "{name}");
    assert_eq!(response.headers.get("x-causeway-reason"), Some(key), "{name}");
    let logged =
        site.logged(key).await.unwrap_or_else(|| panic!("{name}: no {key}: {:?}", site.access_log()));
    assert_eq!(logged.flags, failure.flag().unwrap().short(), "{name}");
    assert!(logged.evidence.contains(evidence), "{name}: {}", logged.evidence);
    let told = site.told(key).await.unwrap_or_else(|| panic!("{name}: no {key}: {}", site.proxy.log()));
    assert!(told.contains(&logged.evidence) && told.contains(failure.spec().sentence.en), "{name}: {told}");
    assert_eq!(site.reasons().await, [(key.to_owned(), 1)].into(), "{name}");
    for metric in ["http.ingress.reason", "cluster.backend_cluster.reason"] {
        assert_eq!(site.stat(&format!("{metric}.{key}")).await, 1, "{name}: {metric}");
    }
}

/// Skips the test where there are no namespaces.
macro_rules! machines_or_skip {
    ($name:literal) => {
        if let Err(why) = site::machines() {
            causeway_testkit::skip!($name, why, HOW);
        }
    };
}

#[tokio::test]
async fn a_back_end_that_is_stopped() {
    machines_or_skip!("a_back_end_that_is_stopped");
    let stop = |_: &Machines, backend| {
        drop(backend);
        None
    };
    let reason = Reason::ConnectRefused;
    tokio::join!(
        broken(
            "panic",
            AS_IT_IS,
            Failure::new(reason),
            "10.0.0.100:18443: connection refused by the host",
            stop
        ),
        broken("strict", STRICT, Failure::no_host_left(reason), "health check of 10.0.0.100:18443", stop),
    );
}

#[tokio::test]
async fn a_firewall_that_drops() {
    machines_or_skip!("a_firewall_that_drops");
    let drops = |machines: &Machines, backend| firewall(machines, backend, "DROP");
    let reason = Reason::ConnectTimeout;
    tokio::join!(
        broken("panic", AS_IT_IS, Failure::new(reason), "no answer to the connection attempt", drops),
        broken("strict", STRICT, Failure::no_host_left(reason), "no answer to the connection attempt", drops),
    );
}

#[tokio::test]
async fn a_firewall_that_rejects() {
    machines_or_skip!("a_firewall_that_rejects");
    let rejects = |machines: &Machines, backend| firewall(machines, backend, "REJECT");
    let reason = Reason::ConnectRejected;
    tokio::join!(
        broken("panic", AS_IT_IS, Failure::new(reason), "ICMP port unreachable", rejects),
        broken("strict", STRICT, Failure::no_host_left(reason), "from 10.0.0.100", rejects),
    );
}

#[tokio::test]
async fn a_health_page_that_is_not_there_or_fails() {
    machines_or_skip!("a_health_page_that_is_not_there_or_fails");
    let case = async |status, reason, words| {
        let page = |machines: &Machines, backend| health_page(machines, backend, Reply::status(status));
        broken("strict", STRICT, Failure::no_host_left(reason), words, page).await;
    };
    tokio::join!(
        case(404, Reason::HealthCheckNotFound, "answered 404"),
        case(500, Reason::HealthCheckServerError, "answered 500"),
    );
}

#[tokio::test]
async fn a_health_page_that_hangs() {
    machines_or_skip!("a_health_page_that_hangs");
    let hangs = |machines: &Machines, backend| health_page(machines, backend, Answer::hang());
    let reason = Reason::HealthCheckTimeout;
    broken("strict", STRICT, Failure::no_host_left(reason), "no answer within", hangs).await;
}

/// With Envoy's default, too few healthy hosts are no reason not to ask those that are left.
#[tokio::test]
async fn a_failing_health_page_alone_takes_nothing_away_unless_the_file_says_so() {
    machines_or_skip!("a_failing_health_page_alone_takes_nothing_away_unless_the_file_says_so");
    let machines = Machines::new();
    let _backend = machines.backend(Reply::status(404));
    let site = machines.causeway(AS_IT_IS).await;
    found("panic", &site, &AS_IT_IS, "last_health_check", &Failure::new(Reason::HealthCheckNotFound)).await;
    assert_eq!(get(&site, "/api/items").await.text(), "back");
    assert_eq!(site.stat("cluster.backend_cluster.lb_healthy_panic").await, 1);
}

#[tokio::test]
async fn a_wrong_port() {
    machines_or_skip!("a_wrong_port");
    let case = async |file, failure| {
        let (machines, file) = (Machines::new(), File { port: 18444, ..file });
        let _backend = machines.backend(well());
        let site = machines.causeway(file).await;
        found("wrong port", &site, &file, "last_health_check", &failure).await;
        blamed("wrong port", &site, &failure, "10.0.0.100:18444").await;
    };
    tokio::join!(
        case(AS_IT_IS, Failure::new(Reason::ConnectRefused)),
        case(STRICT, Failure::no_host_left(Reason::ConnectRefused)),
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_and_one_that_does_later() {
    machines_or_skip!("a_name_that_does_not_resolve_and_one_that_does_later");
    let case = async |file| {
        let machines = Machines::new();
        let _backend = machines.backend(well());
        let names = machines.edge.settle(async || DnsServer::start_on(([127, 0, 0, 1], 5353).into()).await);
        names.set("api.site.test", DnsAnswer::NxDomain);
        let file = File { address: "api.site.test", resolver: Some(5353), ..file };
        let site = machines.causeway(file).await;
        let failure = Failure::no_host_left(Reason::DnsNameNotFound);
        found("no name", &site, &file, "dns", &failure).await;
        blamed("no name", &site, &failure, "api.site.test does not exist: NXDOMAIN").await;
        // Names are looked up every five seconds.
        names.set("api.site.test", DnsAnswer::addresses(["10.0.0.100".parse().unwrap()]));
        let served = async || get(&site, "/api/items").await.status == 200;
        assert!(
            eventually(Duration::from_secs(6) + MARGIN, served).await,
            "{}",
            site.page("/clusters").await
        );
    };
    tokio::join!(case(AS_IT_IS), case(STRICT));
}

/// A back-end that comes back is found by its checks, whether anybody asks for it or not.
#[tokio::test]
async fn a_back_end_that_comes_back_is_used_within_one_interval() {
    machines_or_skip!("a_back_end_that_comes_back_is_used_within_one_interval");
    let case = async |healthy_threshold| {
        let machines = Machines::new();
        // It is down from the start, so nothing was ever sent to the cluster.
        let file = File { healthy_threshold, ..STRICT };
        let site = machines.causeway(file).await;
        found("down", &site, &file, "last_health_check", &Failure::new(Reason::ConnectRefused)).await;
        let begun = Instant::now();
        let _backend = machines.backend(well());
        assert!(eventually(UNTIL_FOUND, async || is_healthy(&site).await).await, "{}", site.proxy.log());
        let took = begun.elapsed();
        assert!(took < INTERVAL + MARGIN, "it took {took:?} for {healthy_threshold} checks");
        assert_eq!(site.stat("cluster.backend_cluster.upstream_rq_total").await, 0, "nobody has asked");
        assert_eq!(get(&site, "/api/items").await.text(), "back");
    };
    tokio::join!(case(1), case(2));
}

/// Where health is ignored, it is used by the next request.
#[tokio::test]
async fn a_back_end_that_comes_back_is_used_at_once_where_health_is_ignored() {
    machines_or_skip!("a_back_end_that_comes_back_is_used_at_once_where_health_is_ignored");
    let machines = Machines::new();
    let site = machines.causeway(AS_IT_IS).await;
    assert_eq!(get(&site, "/api/items").await.status, 503);
    let _backend = machines.backend(well());
    assert_eq!(get(&site, "/api/items").await.text(), "back");
}
