//! Causes, made for real: for each the doctor has to name the code, and nothing beside it; of what is healthy it has to say
//! nothing. The end of the output is the score, with what no case covers and why.
//!
//! What requests meet and the journal says of it has its cases in `tests/reasons`, one for each reason at least; they are
//! counted here, not written again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a panic is a failed test, and what is skipped is said"
)]

mod case;
mod connect;
mod health;
mod healthy;
mod http;
#[path = "../site/mod.rs"]
mod site;
mod tls;
mod world;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use causeway_reason::{Cause, Reason};
use causeway_testkit::Port;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use case::{Case, codes, doctor};
use site::{Listener, config};

/// Cases that are made at the same time.
const AT_ONCE: usize = 6;
const HOW: &str = "sudo -E cargo test -p causeway --test causes";

/// What a probe could find and no case makes, and why not.
const NOT_MADE: &[(&str, &str)] = &[
    (
        "D106",
        "the resolv.conf of the host that runs the tests is not theirs to change; decided in a table of the prober",
    ),
    ("D107", "is about a proxy that runs, not about a file"),
    ("D109", "is a note, no error; decided in a table of the prober"),
    ("D110", "needs a container whose host has the port; decided in a table of the prober"),
    (
        "T208",
        "takes every port of a namespace, which the doctor needs too; made through the proxy in tests/reasons",
    ),
    ("T209", "takes every descriptor of the doctor itself; made through the proxy in tests/reasons"),
    ("S316", "needs a certificate of days, and the test's last for years; decided in a table of the prober"),
    ("P409", "is seen by requests that a probe does not send; made through the proxy in tests/reasons"),
    ("P410", "is seen by requests that a probe does not send; made through the proxy in tests/reasons"),
];

fn families() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("connect", connect::cases()),
        ("tls", tls::cases()),
        ("http", http::cases()),
        ("health", health::cases()),
        ("healthy", healthy::cases()),
    ]
}

/// Runs cases; gives how many there were and how many of them came out as they should.
async fn run(family: &str, cases: Vec<Case>) {
    let local = LocalSet::new();
    let turns = Rc::new(Semaphore::new(AT_ONCE));
    let only = std::env::var("CAUSE").ok();
    let mut running = Vec::new();
    for case in cases.into_iter().filter(|case| only.as_ref().is_none_or(|only| case.name.contains(only))) {
        let name = case.name;
        if let Err(why) = case.possible() {
            causeway_testkit::say_skipped(&format!("SKIPPED {name}: {why}; run it with {HOW}"));
            continue;
        }
        let turns = Rc::clone(&turns);
        let task = local.spawn_local(async move {
            let _turn = turns.acquire().await;
            case.run().await
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

#[tokio::test]
async fn connections() {
    run("connect", connect::cases()).await;
}

#[tokio::test]
async fn handshakes() {
    run("tls", tls::cases()).await;
}

#[tokio::test]
async fn answers() {
    run("http", http::cases()).await;
}

#[tokio::test]
async fn checks() {
    run("health", health::cases()).await;
}

#[tokio::test]
async fn what_is_healthy_has_no_findings() {
    run("healthy", healthy::cases()).await;
}

/// The score, and what is not covered.
#[test]
fn the_score_is_told() {
    let families = families();
    let cases = || families.iter().flat_map(|(_, cases)| cases);
    let faulty = cases().filter(|case| !case.codes.is_empty()).count();
    let healthy = cases().filter(|case| case.codes.is_empty()).count();
    let by_doctor: BTreeSet<&str> = cases().flat_map(|case| case.codes).copied().collect();
    // Each reason has a case in tests/reasons, which fails where one has none; but for the one that is a defect.
    let by_journal: BTreeSet<&str> =
        Reason::ALL.iter().filter(|reason| **reason != Reason::Dropped).map(|reason| reason.code()).collect();
    let all: BTreeSet<&str> = Cause::all().map(Cause::code).collect();
    let covered: BTreeSet<&str> = by_doctor.union(&by_journal).copied().collect();
    let unknown: Vec<_> = by_doctor.difference(&all).collect();
    assert!(unknown.is_empty(), "codes that the catalogue does not have: {unknown:?}");
    assert!(healthy >= 15, "{healthy} healthy controls");
    let line = format!(
        "CAUSES: {faulty} faults of {} codes by the doctor, {healthy} healthy, {} codes by the journal; catalogue: {} of {}",
        by_doctor.len(),
        by_journal.len(),
        covered.len(),
        all.len()
    );
    causeway_testkit::say_skipped(&line);
    for (code, why) in NOT_MADE {
        assert!(all.contains(code), "{code} is in no catalogue");
        assert!(!by_doctor.contains(code), "{code} is made");
        causeway_testkit::say_skipped(&format!("NOT MADE {code}: {why}"));
    }
    let rest: Vec<_> = all
        .difference(&covered)
        .filter(|code| NOT_MADE.iter().all(|(not, _)| not != *code))
        .copied()
        .collect();
    causeway_testkit::say_skipped(&format!(
        "NOT PROBED (lints, the host, other proxies, filters that Causeway does not have): {}",
        rest.join(" ")
    ));
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
