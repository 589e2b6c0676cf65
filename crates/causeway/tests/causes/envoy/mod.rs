//! The same causes behind the real Envoy: it runs the file of a case, clients ask it, and the doctor is told no more than
//! where its admin server is and, where a case says so, its access log.
//!
//! A sample runs always; `CAUSES_ENVOY=all` runs them all, prints the score, and says of each line of the log that has several
//! causes how many of them the doctor told apart.

mod cases;
mod connections;
mod groups;
mod hosts;
mod requests;
mod run;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use causeway_testkit::{Peer, say_skipped};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use cases::Behind;
use run::{Outcome, Verdict};

/// Cases that are made at the same time: each is an Envoy and a doctor.
const AT_ONCE: usize = 4;
const HOW: &str = "conformance/install-envoy.sh; CAUSES_ENVOY=all sudo -E cargo test -p causeway --test causes -- --nocapture envoy";

/// What the doctor does not find behind Envoy, and why not.
const MISSED: &[(&str, &str)] = &[
    ("an unknown cluster", OF_CLUSTER_HEADER),
    ("no cluster is named", OF_CLUSTER_HEADER),
    (
        "a client that does not trust the proxy",
        "Envoy counts handshakes that fail, and not whose alert it was; the doctor names it among others",
    ),
];
const OF_CLUSTER_HEADER: &str = "whether a request had the header that `cluster_header` names, and what was in it, stands in no log and no \
                                 counter of Envoy; the doctor names both causes";

/// What runs always: some of each family, those that take no time.
const SAMPLE: &[(&str, &str)] = &[
    ("connect", "nobody listens"),
    ("connect", "no such name"),
    ("tls", "plain to a TLS port"),
    ("tls", "no client certificate, TLS 1.3"),
    ("http", "HTTP/1 to h2c"),
    ("http", "it closes without an answer"),
    ("health", "404"),
    ("requests", "no route for the path"),
    ("hosts", "no subset matches"),
    ("healthy", "TLS of both sides"),
];

/// Whether all are run.
fn is_whole() -> bool {
    std::env::var("CAUSES_ENVOY").is_ok_and(|which| which == "all")
}

fn is_wanted(behind: &Behind) -> bool {
    if let Ok(only) = std::env::var("CAUSE") {
        return behind.name().contains(&only);
    }
    is_whole() || SAMPLE.contains(&(behind.family, behind.name()))
}

#[tokio::test]
async fn the_doctor_behind_envoy() {
    let envoy = match Peer::Envoy.find() {
        Ok(envoy) => envoy,
        Err(missing) => causeway_testkit::skip!("the_doctor_behind_envoy", missing, HOW),
    };
    let (envoy, turns) = (Rc::new(envoy), Rc::new(Semaphore::new(AT_ONCE)));
    let local = LocalSet::new();
    let mut running = Vec::new();
    for behind in cases::all().into_iter().filter(is_wanted) {
        if let Err(why) = behind.case.possible() {
            say_skipped(&format!("SKIPPED {} behind Envoy: {why}; run it with {HOW}", behind.name()));
            continue;
        }
        let (envoy, turns) = (Rc::clone(&envoy), Rc::clone(&turns));
        running.push(local.spawn_local(async move {
            let _turn = turns.acquire().await;
            behind.run(&envoy).await
        }));
    }
    let mut outcomes = Vec::new();
    local
        .run_until(async {
            for task in running {
                outcomes.push(task.await.expect("a case comes to an end"));
            }
        })
        .await;
    again(&mut outcomes, &envoy, &local).await;
    tell(&outcomes);
    groups::tell(&outcomes);
    let unexpected: Vec<_> = outcomes
        .iter()
        .filter(|one| {
            matches!(one.verdict, Verdict::Wrong(_)) && MISSED.iter().all(|(name, _)| *name != one.name)
        })
        .map(|one| one.name)
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    if is_whole() {
        let found =
            |name: &str| outcomes.iter().any(|one| one.name == name && matches!(one.verdict, Verdict::Right));
        let known: Vec<_> = MISSED.iter().map(|(name, _)| *name).filter(|name| found(name)).collect();
        assert!(known.is_empty(), "found, though they are said to be missed: {known:?}");
    }
}

/// A machine that has other things to do is slow, and slowness is a fault too: what was wrong is looked at once more, alone.
async fn again(outcomes: &mut [Outcome], envoy: &Path, local: &LocalSet) {
    for one in outcomes {
        let Verdict::Wrong(why) = &one.verdict else { continue };
        if MISSED.iter().any(|(name, _)| *name == one.name) {
            continue;
        }
        say_skipped(&format!("ENVOY AGAIN {} {}: {why}", one.family, one.name));
        let behind = cases::all().into_iter().find(|it| (it.family, it.name()) == (one.family, one.name));
        *one = local.run_until(behind.expect("it was there").run(envoy)).await;
    }
}

/// A case that is said to be missed and is not, or that nobody makes any more, is said to be one no longer.
#[test]
fn what_is_missed_is_a_case() {
    let all = cases::all();
    for (name, _) in MISSED.iter().copied().chain(SAMPLE.iter().map(|(_, name)| (*name, ""))) {
        assert!(all.iter().any(|behind| behind.name() == name), "{name}");
    }
}

/// The score, by family and in all, with each miss.
fn tell(outcomes: &[Outcome]) {
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in outcomes {
        match &one.verdict {
            Verdict::Right => {
                let family = families.entry(one.family).or_default();
                *family = (family.0 + 1, family.1 + 1);
            }
            Verdict::Wrong(why) => {
                families.entry(one.family).or_default().1 += 1;
                let known = MISSED.iter().find(|(name, _)| *name == one.name).map_or("", |(_, why)| why);
                say_skipped(&format!("ENVOY MISS {} {}: {why} ({known})", one.family, one.name));
            }
            Verdict::Refused(why) => {
                say_skipped(&format!("ENVOY REFUSES {} {}: {why}", one.family, one.name));
            }
        }
        if !one.beside.is_empty() {
            say_skipped(&format!("ENVOY BESIDE {} {}: {}", one.family, one.name, one.beside.join(", ")));
        }
    }
    for (family, (right, all)) in &families {
        say_skipped(&format!("ENVOY {family}: {right} of {all}"));
    }
    let healthy = families.remove("healthy").unwrap_or_default();
    let (right, all) = families.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    say_skipped(&format!("ENVOY: {right} of {all} faults, {} of {} healthy", healthy.0, healthy.1));
}
