//! Slow clients: half of them never finish the head of a request, half never its body.

use std::time::Duration;

use causeway_testkit::{Crowd, Fate};

use super::Options;
use super::check::Check;
use super::site::{Site, reached};

const KIND: &str = "slow";
const HEAD: &str = "GET / HTTP/1.1\r\nHost: hardship.test\r\nUser-Agent: slow\r\nX-Slow: ";
const BODY: &str =
    "POST /slow HTTP/1.1\r\nHost: hardship.test\r\nUser-Agent: slow\r\nContent-Length: 1000\r\n\r\n";
/// Each sends a byte now and then.
const EVERY: Duration = Duration::from_secs(2);
/// How much later than its deadline an answer may be.
const GRACE: Duration = Duration::from_secs(1);
/// The connections before those that are counted, which make the proxy take what it needs once.
const FIRST: usize = 64;

pub(super) async fn measure(site: &Site, options: &Options) -> Result<Vec<Check>, String> {
    let crowd = |words: &str| Crowd::to(site.address).says(words).drips("a", EVERY);
    let first = (crowd(HEAD).gather(FIRST), crowd(BODY).gather(FIRST));
    reached("slow clients", FIRST, Duration::from_secs(10), || first.0.ready().min(first.1.ready())).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = site.settled_memory().await;
    let beside = site.requests_beside();

    let heads = crowd(HEAD).gather(options.slow / 2);
    let bodies = crowd(BODY).gather(options.slow - options.slow / 2);
    let ready = || heads.ready() + bodies.ready();
    reached("slow connections", options.slow, options.deadline(), ready).await?;
    // All of them are there, and the first are not late yet.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = (ready() - heads.ended() - bodies.ended()) as f64;
    let cost = (site.memory() - before) / held.max(1.0);

    let limit = options.deadline() + Duration::from_secs(20);
    let (heads, bodies) = tokio::join!(heads.fates(limit), bodies.fates(limit));
    let beside = beside.stop().await;
    let fates: Vec<Fate> = heads.into_iter().chain(bodies).collect();
    let in_time = options.deadline() + GRACE;
    let ended = fates.iter().filter(|fate| fate.opened && fate.took <= in_time && is_told(fate)).count();
    let told = fates.iter().filter(|fate| fate.status == Some(408)).count();
    let last = fates.iter().map(|fate| fate.took).max().unwrap_or_default();
    drop(first);
    Ok(vec![
        Check::at_least(KIND, "connections held at the same time", held, options.slow as f64 * 0.9, ""),
        Check::at_most(KIND, "memory for each", cost, options.max_slow, "KiB"),
        Check::at_least(KIND, "answered 408 or closed in time", ended as f64, options.slow as f64, ""),
        Check::at_least(KIND, "of them answered 408", told as f64, 0.0, ""),
        Check::at_most(KIND, "the last of them after", last.as_secs_f64(), in_time.as_secs_f64(), "s"),
        Check::at_most(KIND, "requests beside them that failed", beside.failed() as f64, 0.0, ""),
        Check::at_least(KIND, "requests beside them", beside.ok() as f64, 100.0, ""),
        Check::at_most(
            KIND,
            "their 99th percentile",
            beside.latency(0.99).as_secs_f64() * 1e3,
            options.max_p99,
            "ms",
        ),
    ])
}

/// Whether it was answered in the right way, or closed without an answer.
fn is_told(fate: &Fate) -> bool {
    match fate.status {
        Some(status) => status == 408,
        None => fate.closed,
    }
}
