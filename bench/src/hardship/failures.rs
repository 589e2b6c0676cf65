//! Requests that fail, thousands in a second: what is kept of them must not grow, and what is logged must be read.

use std::time::{Duration, Instant};

use causeway_testkit::{Load, LoadReport, Request, exchange};
use serde_json::Value;

use super::check::Check;
use super::site::Site;
use super::{FAILURES, Options};

/// What fails, each for a cause of its own.
const PATHS: [&str; 2] = ["/refused", "/unrouted"];
/// Clients of each cause. They wait for each other's answers, so there are more than are busy at a time.
const CLIENTS: usize = 48;
/// As long as it takes at the most until the journal is full, and all else that is taken once has been.
const WARM_UP: Duration = Duration::from_secs(5);
/// Lines that each cause may have in a second.
const LINES: f64 = 1.0;

pub(super) async fn measure(site: &Site, options: &Options) -> Result<Vec<Check>, String> {
    let time = Duration::from_secs(options.failing);
    let told = failures(site).await?;
    let printed = site.printed();
    let start = Instant::now();
    let running =
        PATHS.map(|path| Load::to(site.address).connections(CLIENTS).request(Request::get(path)).start());
    tokio::time::sleep(WARM_UP.min(time / 2)).await;
    let (mut least, mut most) = (site.memory(), site.memory());
    while start.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(500)).await;
        (least, most) = (least.min(site.memory()), most.max(site.memory()));
    }
    let [refused, unrouted] = running;
    let reports = [refused.stop().await, unrouted.stop().await];
    let seconds = start.elapsed().as_secs_f64();
    let answered = |report: &LoadReport| report.statuses.get(&503).copied().unwrap_or(0);
    let all: usize = reports.iter().map(answered).sum();
    let other: usize = reports.iter().map(|report| report.failed() - answered(report) + report.ok()).sum();
    let lines = (site.printed() - printed) as f64 / seconds / PATHS.len() as f64;
    let missed = (all as u64).abs_diff(failures(site).await? - told);
    Ok(vec![
        Check::at_least(FAILURES, "failures in a second", all as f64 / seconds, options.failures as f64, ""),
        Check::at_most(FAILURES, "requests that fared otherwise", other as f64, 0.0, ""),
        Check::at_most(FAILURES, "failures that were not counted", missed as f64, 0.0, ""),
        Check::at_most(FAILURES, "growth of memory", most - least, options.max_failures, "KiB"),
        Check::at_most(FAILURES, "lines for a cause in a second", lines, LINES, ""),
    ])
}

/// How many failures the journal knows of since the start.
async fn failures(site: &Site) -> Result<u64, String> {
    let response = exchange(site.admin, &Request::get("/why?format=json")).await;
    let response = response.map_err(|fault| format!("the journal does not answer: {fault:?}"))?;
    let journal: Value = serde_json::from_slice(&response.body).map_err(|e| format!("the journal: {e}"))?;
    journal["total"].as_u64().ok_or_else(|| "the journal says no total".to_owned())
}
