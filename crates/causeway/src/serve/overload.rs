//! The overload manager's eyes: looks from time to time at what the process uses, and tells the workers.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::server::Server;

/// How often it is looked for something to watch, where there is nothing.
const NOTHING_TO_WATCH: Duration = Duration::from_millis(250);

/// How often memory is given back, as long as there is too little of it.
const SHRINKING: Duration = Duration::from_secs(10);

/// Watches for as long as the process runs.
pub(super) async fn watch(server: Rc<Server>) {
    let mut due = Instant::now();
    let mut shrunk: Option<Instant> = None;
    loop {
        let overload = server.snapshot.borrow().as_ref().map(|snapshot| snapshot.overload().clone());
        let Some((overload, interval)) = overload.and_then(|overload| {
            let interval = overload.interval()?;
            Some((overload, interval))
        }) else {
            tokio::time::sleep(NOTHING_TO_WATCH).await;
            due = Instant::now();
            continue;
        };
        let mut changes = overload.look(server.data_plane.counted_connections(), due.elapsed());
        changes.shrink &= shrunk.is_none_or(|last| last.elapsed() >= SHRINKING);
        if changes.shrink {
            shrunk = Some(Instant::now());
            overload.shrunk();
        }
        if changes.levels || changes.shrink {
            server.data_plane.overload_changed(changes);
        }
        if changes.shrink {
            causeway_sys::give_back_memory();
        }
        due = Instant::now() + interval;
        tokio::time::sleep_until(due).await;
    }
}
