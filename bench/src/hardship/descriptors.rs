//! More connections than the proxy may have descriptors.

use std::fs;
use std::time::{Duration, Instant};

use causeway_testkit::{Connection, Crowd, Request, eventually};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::Options;
use super::check::Check;
use super::site::{Site, reached};
use crate::usage::Cpu;

const KIND: &str = "descriptors";
/// How soon it must be as before, once there are descriptors again.
const RECOVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn measure(site: &mut Site, options: &Options) -> Result<Vec<Check>, String> {
    let mut known = site.known_client().await?;
    for pid in site.pids.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
        let limit = Rlimit { current: Some(options.descriptors), maximum: Some(options.descriptors) };
        prlimit(Some(pid), Resource::Nofile, limit).map_err(|e| format!("cannot limit descriptors: {e}"))?;
    }
    let most = usize::try_from(options.descriptors).unwrap_or(usize::MAX);
    // They say nothing, so each costs one descriptor.
    let crowd = Crowd::to(site.address).gather(most * 2);
    reached("connections", most * 2, PATIENCE, || crowd.ready()).await?;
    // A few may be kept for other things than clients.
    reached("descriptors", most * 4 / 5, PATIENCE, || open_files(&site.pids)).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (start, cpu) = (Instant::now(), Cpu::of(&site.pids));
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let busy = Cpu::of(&site.pids).since(cpu).sum() / (start.elapsed().as_secs_f64() * 1e6) * 100.0;
    let answered = known.exchange(&Request::get("/")).await.is_ok_and(|response| response.status == 200);

    let left = Instant::now();
    drop(crowd);
    let serves = async || {
        let Ok(connection) = Connection::open(site.address).await else { return false };
        let mut connection = connection.patience(Duration::from_secs(5));
        connection.exchange(&Request::get("/")).await.is_ok_and(|response| response.status == 200)
    };
    let again = eventually(PATIENCE, serves).await;
    let recovery = if again { left.elapsed().as_secs_f64() } else { f64::INFINITY };
    Ok(vec![
        Check::at_most(KIND, "processor while there are none", busy, 5.0, "%"),
        Check::at_least(KIND, "a request on an open connection", f64::from(u8::from(answered)), 1.0, ""),
        Check::at_most(KIND, "serves again after", recovery, RECOVERY.as_secs_f64(), "s"),
    ])
}

fn open_files(pids: &[u32]) -> usize {
    let of = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    pids.iter().map(of).max().unwrap_or(0)
}
