//! Downloads of which the client reads nothing.

use std::time::Duration;

use causeway_testkit::Crowd;

use super::Options;
use super::check::Check;
use super::site::{DOWNLOAD, Site, reached};

const KIND: &str = "stalled";
/// As with slow clients.
const FIRST: usize = 8;
const OPENING: Duration = Duration::from_secs(60);

pub(super) async fn measure(site: &Site, options: &Options) -> Result<Vec<Check>, String> {
    let crowd = Crowd::to(site.address).says(DOWNLOAD).reads_nothing();
    let asked = site.origin.requests();
    let first = crowd.gather(FIRST);
    reached("downloads", asked + FIRST, OPENING, || site.origin.requests()).await?;
    let before = site.settled_memory().await;
    let stalled = crowd.gather(options.stalled);
    reached("downloads", asked + FIRST + options.stalled, OPENING, || site.origin.requests()).await?;
    // Until all buffers on the way are full.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cost = (site.settled_memory().await - before) / options.stalled.max(1) as f64;
    let beside = site.requests_beside();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let beside = beside.stop().await;
    drop((first, stalled));
    Ok(vec![
        Check::at_most(KIND, "memory for each", cost, options.max_stalled, "KiB"),
        Check::at_most(KIND, "requests beside them that failed", beside.failed() as f64, 0.0, ""),
    ])
}
