//! Causes, made for real: for each the doctor has to name the code, and nothing beside it; of what is healthy it has to say
//! nothing. Of a Causeway that runs with a fault, it has to say so itself, and the doctor too. The end of the output is the score,
//! with what no case covers and why.
//!
//! What requests meet and the journal says of it has its cases in `tests/reasons`, one for each reason at least, where the doctor
//! is asked too; they are counted here, not written again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a panic is a failed test, and what is skipped is said"
)]

#[path = "../reasons/asked.rs"]
mod asked;
mod beside;
mod case;
mod connect;
mod envoy;
mod haproxy;
mod health;
mod healthy;
mod http;
mod life;
mod loaded;
mod running;
mod score;
#[path = "../site/mod.rs"]
mod site;
mod tls;
mod world;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use causeway_reason::Cause;
use causeway_testkit::{Port, Request, exchange};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use case::{Case, all_codes, ask, codes, doctor};
use running::Running;
use site::{Listener, Options, Ports, Site, config};

/// Cases that are made at the same time.
const AT_ONCE: usize = 6;
const HOW: &str = "sudo -E cargo test -p causeway --test causes";

fn families() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("connect", connect::cases()),
        ("tls", tls::cases()),
        ("http", http::cases()),
        ("health", health::cases()),
        ("healthy", healthy::cases()),
    ]
}

/// Causeways that run with a fault.
fn running() -> Vec<Running> {
    [loaded::cases(), beside::cases(), life::cases()].into_iter().flatten().collect()
}

/// A case of any sort: its name, why it can't be made here, and how it is made.
type Made = (&'static str, Result<(), String>, Pin<Box<dyn Future<Output = Result<(), String>>>>);

/// Runs cases, and fails with all that is wrong with any of them.
async fn run(family: &str, cases: impl IntoIterator<Item = Made>) {
    let local = LocalSet::new();
    let turns = Rc::new(Semaphore::new(AT_ONCE));
    let only = std::env::var("CAUSE").ok();
    let mut running = Vec::new();
    for (name, possible, made) in cases {
        if only.as_ref().is_some_and(|only| !name.contains(&**only)) {
            continue;
        }
        if let Err(why) = possible {
            causeway_testkit::say_skipped(&format!("SKIPPED {name}: {why}; run it with {HOW}"));
            continue;
        }
        let turns = Rc::clone(&turns);
        let task = local.spawn_local(async move {
            let _turn = turns.acquire().await;
            made.await
        });
        running.push((name, task));
    }
    let all = running.len();
    let mut wrong = Vec::new();
    local
        .run_until(async {
            for (name, task) in running {
                if let Err(why) = task.await.unwrap_or_else(|error| Err(error.to_string())) {
                    wrong.push(format!("{name}: {why}"));
                }
            }
        })
        .await;
    causeway_testkit::say_skipped(&format!("CAUSES {family}: {} of {all}", all - wrong.len()));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

fn files(cases: Vec<Case>) -> impl Iterator<Item = Made> {
    cases.into_iter().map(|case| (case.name, case.possible(), Box::pin(case.run()) as _))
}

fn proxies(cases: Vec<Running>) -> impl Iterator<Item = Made> {
    cases.into_iter().map(|case| (case.name, case.possible(), Box::pin(case.run()) as _))
}

#[tokio::test]
async fn connections() {
    run("connect", files(connect::cases())).await;
}

#[tokio::test]
async fn handshakes() {
    run("tls", files(tls::cases())).await;
}

#[tokio::test]
async fn answers() {
    run("http", files(http::cases())).await;
}

#[tokio::test]
async fn checks() {
    run("health", files(health::cases())).await;
}

#[tokio::test]
async fn what_loads_and_does_not_do_what_was_meant() {
    run("loaded", proxies(loaded::cases())).await;
}

#[tokio::test]
async fn what_failures_show_beside_their_cause() {
    run("beside", proxies(beside::cases())).await;
}

#[tokio::test]
async fn configurations() {
    let refused = life::REFUSED.iter().map(|code| (*code, Ok(()), Box::pin(life::refused(code)) as _));
    run("life", proxies(life::cases()).chain(refused)).await;
}

#[tokio::test]
async fn what_is_healthy_has_no_findings() {
    run("healthy", files(healthy::cases())).await;
}

/// Of a Causeway that is well neither it has anything to say of itself, nor the doctor.
#[tokio::test]
async fn a_causeway_that_is_well_says_nothing() {
    let backend = causeway_testkit::Backend::start(causeway_testkit::Script::echo()).await;
    let cluster = format!(
        "- name: app\n  connect_timeout: 1s\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: \
         {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let ports = Ports::reserve();
    let text = config(ports.admin(), &Listener::default().yaml(ports.listener()), &cluster);
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 200);
    let admin = format!("http://{}", site.admin);
    let report = ask(&["--envoy", &admin, "--interval", "0"], None).await.unwrap();
    assert!(all_codes(&report).is_empty(), "{report:#}");
    let said: Vec<_> = Cause::all().map(|cause| cause.to_string()).collect();
    let log = site.proxy.log();
    let named: Vec<_> =
        log.lines().filter(|line| said.iter().any(|code| line.contains(code.as_str()))).collect();
    assert!(named.is_empty(), "{named:?}");
}

/// Forty endpoints behind a firewall that drops are one finding, and do not take minutes.
#[tokio::test]
async fn forty_dead_endpoints_are_one_finding_in_seconds() {
    if let Err(why) = site::machines() {
        causeway_testkit::skip!("forty_dead_endpoints", why, HOW);
    }
    let netns = causeway_testkit::Netns::new();
    netns.iptables("-A OUTPUT -p tcp --dport 8000:8029 -j DROP");
    let mut clusters = String::new();
    let host = netns.host_address();
    for n in 0..40 {
        clusters += &format!(
            "- name: c{n}\n  load_assignment: {{cluster_name: c{n}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
             {{socket_address: {{address: {host}, port_value: {}}}}}}}}}]}}]}}\n",
            8000 + n % 30
        );
    }
    let routes = "- match: {prefix: /}\n  route: {cluster: c0}\n";
    let listener = Listener { routes: routes.to_owned(), ..Listener::default() };
    let at = "127.0.0.1:2".parse().unwrap();
    let text = config("127.0.0.1:1".parse().unwrap(), &listener.yaml(at), &clusters);
    let began = Instant::now();
    let report = doctor(&text, Some(&netns), &["--only", "clusters"]).await.unwrap();
    let took = began.elapsed();
    assert_eq!(codes(&report), BTreeSet::from(["T204".to_owned()]));
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report:#}");
    assert_eq!(findings[0]["also_explains"].as_array().unwrap().len(), 39);
    assert!(took.as_secs() < 15, "{took:?}");
}

/// Ten clusters that are well take no time that anybody notices.
#[tokio::test]
async fn ten_healthy_clusters_take_less_than_three_seconds() {
    let mut backends = Vec::new();
    let mut clusters = String::new();
    for n in 0..10 {
        let backend = causeway_testkit::Backend::start(causeway_testkit::Script::echo()).await;
        clusters += &format!(
            "- name: c{n}\n  load_assignment: {{cluster_name: c{n}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
             {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
            backend.port()
        );
        backends.push(backend);
    }
    let routes = "- match: {prefix: /}\n  route: {cluster: c0}\n";
    let listener = Listener { routes: routes.to_owned(), ..Listener::default() };
    let at = "127.0.0.1:2".parse().unwrap();
    let text = config("127.0.0.1:1".parse().unwrap(), &listener.yaml(at), &clusters);
    let began = Instant::now();
    let report = doctor(&text, None, &["--only", "clusters"]).await.unwrap();
    let took = began.elapsed();
    assert!(codes(&report).is_empty(), "{report:#}");
    assert_eq!(report["checks"].as_array().unwrap().len(), 10);
    assert!(took.as_secs() < 3, "{took:?}");
    for backend in &backends {
        assert!(backend.received().iter().all(|request| request.method == "GET"));
        let agents: Vec<_> = backend
            .received()
            .iter()
            .filter_map(|request| request.headers.get("user-agent").map(str::to_owned))
            .collect();
        assert!(agents.iter().all(|agent| agent.starts_with("causeway-doctor/")), "{agents:?}");
    }
}

/// Without probes nobody is asked anything.
#[tokio::test]
async fn without_probes_no_connection_is_made() {
    let backend = causeway_testkit::Backend::start(causeway_testkit::Script::echo()).await;
    let _dead = Port::reserve();
    let cluster = format!(
        "- name: app\n  load_assignment: {{cluster_name: app, endpoints: [{{lb_endpoints: [{{endpoint: {{address: \
         {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}]}}\n",
        backend.port()
    );
    let at = "127.0.0.1:2".parse().unwrap();
    let text = config("127.0.0.1:1".parse().unwrap(), &Listener::default().yaml(at), &cluster);
    let report = doctor(&text, None, &["--no-probe"]).await.unwrap();
    assert_eq!(backend.connections(), 0);
    assert!(
        !report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| { check["id"].as_str().is_some_and(|id| id.starts_with("clusters")) })
    );
}
