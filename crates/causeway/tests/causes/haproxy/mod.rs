//! The same behind a real HAProxy: an haproxy.cfg with a fault, requests, and the doctor that asks the stats socket, reads the
//! file and the log. For each fault it has to name the code and nothing beside it; of what is healthy it has to say nothing.
//!
//! What HAProxy logs of many causes is the same line; the score says of each such line how many of its causes were told
//! apart.
//!
//! ```sh
//! cargo test -p causeway --test causes -- --nocapture haproxy                       # a sample
//! CAUSES_HAPROXY=all cargo test -p causeway --test causes -- --nocapture haproxy    # all, or those with this in their name
//! ```

mod case;
mod checks;
mod connect;
mod http;
mod names;
mod process;
mod running;
mod shapes;
mod tls;
mod traffic;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use causeway_testkit::{Peer, say_skipped};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use case::{Case, Outcome};

/// Cases that are made at the same time: most of their time is waiting.
const AT_ONCE: usize = 8;
/// Of each family, every so-manieth case is the sample.
const SAMPLE: usize = 8;
const HOW: &str = "apt-get install haproxy; sudo -E cargo test -p causeway --test causes haproxy";

type Family = (&'static str, Vec<Case>);

fn families() -> Vec<Family> {
    let mut healthy = connect::healthy();
    healthy.extend(names::healthy());
    healthy.extend(tls::healthy());
    healthy.extend(http::healthy());
    healthy.extend(checks::healthy());
    healthy.extend(process::healthy());
    healthy.extend(shapes::healthy());
    vec![
        ("names", names::cases()),
        ("connect", connect::cases()),
        ("tls", tls::cases()),
        ("http", http::cases()),
        ("checks", checks::cases()),
        ("process", process::cases()),
        ("shapes", shapes::cases()),
        ("healthy", healthy),
    ]
}

/// The codes of all cases.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    families().into_iter().flat_map(|(_, cases)| cases).flat_map(|case| case.codes).copied()
}

/// The cases that are wanted.
fn wanted() -> Vec<Family> {
    let only = std::env::var("CAUSES_HAPROXY").ok();
    let mut number = 0;
    let mut is_wanted = |case: &Case| {
        number += 1;
        match only.as_deref() {
            Some("all") => true,
            Some(word) => case.name.contains(word),
            None => number % SAMPLE == 1,
        }
    };
    let chosen = |(name, cases): Family| (name, cases.into_iter().filter(|case| is_wanted(case)).collect());
    families().into_iter().map(chosen).collect()
}

/// A case that has left a line in HAProxy's log.
struct OfLine {
    codes: &'static [&'static str],
    right: bool,
}

/// What is counted.
#[derive(Default)]
struct Score {
    all: usize,
    right: usize,
}

#[tokio::test]
async fn behind_haproxy() {
    let haproxy = match Peer::Haproxy.find() {
        Ok(haproxy) => haproxy,
        Err(missing) => causeway_testkit::skip!("behind_haproxy", missing, HOW),
    };
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for (family, cases) in wanted() {
        for case in cases {
            let (name, codes) = (case.name, case.codes);
            if let Err(why) = case.possible() {
                say_skipped(&format!("SKIPPED {name}: {why}; run it with {HOW}"));
                continue;
            }
            let (turns, haproxy) = (Arc::clone(&turns), haproxy.clone());
            let task = tokio::spawn(async move {
                let _turn = turns.acquire().await;
                tokio::task::spawn_blocking(move || alone(case, &haproxy)).await
            });
            running.push((family, name, codes, task));
        }
    }
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut lines: BTreeMap<String, Vec<OfLine>> = BTreeMap::new();
    let mut misses = Vec::new();
    for (family, name, codes, task) in running {
        let outcome = task.await.and_then(|made| made).unwrap_or_else(|error| Err(error.to_string()));
        let outcome = outcome.unwrap_or_else(|why| Outcome { lines: [].into(), miss: Some(why) });
        let right = outcome.miss.is_none();
        let score = scores.entry(family).or_default();
        score.all += 1;
        score.right += usize::from(right);
        for line in outcome.lines.into_iter().filter(|_| !codes.is_empty()) {
            lines.entry(line).or_default().push(OfLine { codes, right });
        }
        if let Some(why) = outcome.miss {
            misses.push(format!("HAPROXY MISS {family}: {name}: {why}"));
        }
    }
    tell(&scores, &lines, &misses);
    assert!(misses.is_empty(), "{} misses, see above", misses.len());
}

/// Makes a case on a thread of its own: what is waited for in one must not be late in another.
fn alone(case: Case, haproxy: &Path) -> Result<Outcome, String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, case.run(haproxy))
}

/// Prints the score.
fn tell(scores: &BTreeMap<&str, Score>, lines: &BTreeMap<String, Vec<OfLine>>, misses: &[String]) {
    for (line, cases) in lines {
        let mut causes: Vec<_> = cases.iter().flat_map(|of| of.codes).copied().collect();
        causes.sort_unstable();
        causes.dedup();
        if causes.len() < 2 {
            continue;
        }
        let wrong = |code: &&str| cases.iter().any(|of| of.codes.contains(code) && !of.right);
        let told = causes.len() - causes.iter().filter(|code| wrong(code)).count();
        say_skipped(&format!(
            "HAPROXY LINE {line}: {told} of {} causes told apart: {}",
            causes.len(),
            causes.join(" ")
        ));
    }
    for (family, score) in scores {
        say_skipped(&format!("HAPROXY {family}: {} of {}", score.right, score.all));
    }
    for miss in misses {
        say_skipped(miss);
    }
    let healthy = scores.get("healthy");
    let faults = scores.iter().filter(|(family, _)| **family != "healthy");
    let (right, all) = faults.fold((0, 0), |(right, all), (_, score)| (right + score.right, all + score.all));
    let (well, controls) = healthy.map_or((0, 0), |score| (score.right, score.all));
    say_skipped(&format!("HAPROXY: {right} of {all} faults, {well} of {controls} healthy"));
}
