//! Connections on which nothing happens after the first response.

use std::time::Duration;

use causeway_testkit::Crowd;

use super::Options;
use super::check::Check;
use super::site::{SHORT, Site, reached};

const KIND: &str = "idle";
/// As with slow clients.
const FIRST: usize = 64;
const OPENING: Duration = Duration::from_secs(60);

pub(super) async fn measure(site: &Site, options: &Options) -> Result<Vec<Check>, String> {
    let crowd = Crowd::to(site.address).says(SHORT);
    let first = crowd.gather(FIRST);
    reached("answers", FIRST, OPENING, || first.answered()).await?;
    let before = site.settled_memory().await;
    let idle = crowd.gather(options.idle);
    reached("answers", options.idle, OPENING, || idle.answered()).await?;
    let cost = (site.settled_memory().await - before) / options.idle.max(1) as f64;
    let open = options.idle - idle.ended();
    Ok(vec![
        Check::at_most(KIND, "memory for each", cost, options.max_idle, "KiB"),
        Check::at_least(KIND, "connections that are open", open as f64, options.idle as f64, ""),
    ])
}
