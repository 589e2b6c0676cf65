//! Every reason of the catalogue, made to happen for real against the program: the client's answer, the
//! access log, the application log, the metrics and the admin pages must all give the same one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a panic is a failed test, and what is skipped is said"
)]

mod asked;
mod backend;
mod case;
mod client;
mod connect;
mod connection;
mod dns;
mod health;
mod http2;
mod limits;
mod listener;
mod local;
mod routing;
#[path = "../site/mod.rs"]
mod site;
mod streams;
mod tls;
mod upstream_tls;

use std::collections::HashSet;
use std::rc::Rc;

use causeway_reason::Reason;
use causeway_testkit::{Port, Request, exchange};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use case::Case;
use site::{Listener, Options, Ports, Site, config};

/// Reasons that nothing from outside can make happen.
const DEFECTS: &[(Reason, &str)] =
    &[(Reason::Dropped, "a request without an outcome is a defect of Causeway, so there is no way to one")];

/// Cases that run at the same time, for each family.
const AT_ONCE: usize = 3;

fn families() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("client", client::cases()),
        ("listener", listener::cases()),
        ("tls", tls::cases()),
        ("streams", streams::cases()),
        ("routing", routing::cases()),
        ("dns", dns::cases()),
        ("connect", connect::cases()),
        ("upstream_tls", upstream_tls::cases()),
        ("health", health::cases()),
        ("backend", backend::cases()),
        ("http2", http2::cases()),
        ("limits", limits::cases()),
        ("connection", connection::cases()),
        ("local", local::cases()),
    ]
}

#[test]
fn every_reason_has_a_case() {
    let covered: HashSet<Reason> =
        families().iter().flat_map(|(_, cases)| cases.iter().map(|case| case.reason)).collect();
    let excepted: HashSet<Reason> = DEFECTS.iter().map(|(reason, _)| *reason).collect();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !covered.contains(reason) && !excepted.contains(reason))
        .map(|reason| reason.key())
        .collect();
    assert!(missing.is_empty(), "reasons that no case makes happen: {missing:?}");
    let both: Vec<_> = covered.intersection(&excepted).collect();
    assert!(both.is_empty(), "no longer impossible: {both:?}");
}

#[test]
fn families_are_those_of_the_catalogue() {
    for ((name, cases), (family, members)) in families().iter().zip(Reason::FAMILIES) {
        assert_eq!(name, family);
        let strangers: Vec<_> =
            cases.iter().filter(|case| !members.contains(&case.reason)).map(|case| case.reason).collect();
        assert!(strangers.is_empty(), "{name}: {strangers:?}");
    }
}

/// Operators read one log or the other: nothing is told twice.
#[tokio::test]
async fn an_access_log_that_holds_every_reason_makes_the_application_log_silent() {
    let (ports, dead) = (Ports::reserve(), Port::reserve());
    let endpoint = format!("socket_address: {{address: 127.0.0.1, port_value: {}}}", dead.number());
    let filtered = config(
        ports.admin(),
        &Listener::default().yaml(ports.listener()),
        &case::cluster_yaml("", Some(&endpoint)),
    );
    let filter = filtered.lines().find(|line| line.contains("duration_filter")).unwrap();
    let text = filtered.replace(&format!("{filter}\n"), "");
    let site = Site::start(&text, ports.listener(), ports.admin(), &Options::default()).await.unwrap();
    assert_eq!(exchange(site.address, &Request::get("/")).await.unwrap().status, 503);
    assert!(site.logged("connect_refused").await.is_some());
    assert!(!site.proxy.log().contains("connect_refused"), "{}", site.proxy.log());
}

/// Runs the cases of a family and fails with all that is wrong with any of them.
async fn run(cases: Vec<Case>) {
    let local = LocalSet::new();
    let turns = Rc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for case in cases {
        let reason = case.reason.key();
        if let Err(why) = case.possible() {
            causeway_testkit::say_skipped(&format!(
                "SKIPPED {reason}: {why}; run it with sudo -E cargo test -p causeway --test reasons"
            ));
            continue;
        }
        let turns = Rc::clone(&turns);
        let task = local.spawn_local(async move {
            let _turn = turns.acquire().await;
            case.run().await
        });
        running.push((reason, task));
    }
    let mut wrong = Vec::new();
    local
        .run_until(async {
            for (reason, task) in running {
                let found = task.await.unwrap_or_else(|error| vec![error.to_string()]);
                if !found.is_empty() {
                    wrong.push(format!("{reason}:\n    {}", found.join("\n    ")));
                }
            }
        })
        .await;
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn client() {
    run(client::cases()).await;
}

#[tokio::test]
async fn listener() {
    run(listener::cases()).await;
}

#[tokio::test]
async fn tls() {
    run(tls::cases()).await;
}

#[tokio::test]
async fn streams() {
    run(streams::cases()).await;
}

#[tokio::test]
async fn routing() {
    run(routing::cases()).await;
}

#[tokio::test]
async fn dns() {
    run(dns::cases()).await;
}

#[tokio::test]
async fn connect() {
    run(connect::cases()).await;
}

#[tokio::test]
async fn upstream_tls() {
    run(upstream_tls::cases()).await;
}

#[tokio::test]
async fn health() {
    run(health::cases()).await;
}

#[tokio::test]
async fn backend() {
    run(backend::cases()).await;
}

#[tokio::test]
async fn http2() {
    run(http2::cases()).await;
}

#[tokio::test]
async fn limits() {
    run(limits::cases()).await;
}

#[tokio::test]
async fn connection() {
    run(connection::cases()).await;
}

#[tokio::test]
async fn local() {
    run(local::cases()).await;
}
