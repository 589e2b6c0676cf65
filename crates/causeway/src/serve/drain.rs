//! The end: requests are served to theirs, and nobody is kept waiting for ever.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use causeway_proxy::{Drain, Ending, Held};

use super::server::Server;
use crate::views::took;

/// An idle connection is left open this long for a request that may be on its way.
pub(super) const IDLE_GRACE: Duration = Duration::from_secs(1);
/// Time between two looks at what is left.
const LOOK: Duration = Duration::from_millis(20);
/// Time between two lines about who is waited for.
const TELL: Duration = Duration::from_secs(5);
/// Connections that are named in one line.
const NAMED: usize = 5;

impl Server {
    /// Ends the process in good order. `second` resolves when it is to be quick.
    pub(super) async fn end(&self, why: &str, second: impl Future<Output = ()>) -> ExitCode {
        self.shared.set_draining();
        let timeout = self.arguments.shutdown_timeout;
        let open = self.data_plane.connections();
        tracing::info!(
            target: "main",
            "{why}: no more connections are taken; {} are open and may take up to {} to end",
            open.count(),
            took(timeout),
        );
        let begun = Instant::now();
        self.data_plane.drain(Drain {
            inbound_only: false,
            stop_listening: true,
            end_connections: Some(Ending::AtOnce),
            grace: IDLE_GRACE.min(timeout),
            ending: true,
        });
        let cut = tokio::select! {
            done = self.wait(begun, timeout) => !done,
            () = second => {
                tracing::warn!(target: "main", "told again: ending at once");
                true
            }
        };
        if cut {
            let held = self.data_plane.held().await;
            if !held.is_empty() {
                tracing::warn!(target: "main", "{} are cut after {}: {}", count(&held), took(begun.elapsed()), names(&held));
            }
        }
        self.data_plane.stop();
        self.files.flush();
        if let Some(admin) = self.admin.take() {
            // Whoever still reads from it has had its time.
            let _ = admin.shut_down(Duration::from_secs(1));
        }
        tracing::info!(target: "main", "exiting after {}", took(begun.elapsed()));
        ExitCode::SUCCESS
    }

    /// Waits until no connection is left; says whether that came in time.
    async fn wait(&self, begun: Instant, timeout: Duration) -> bool {
        let open = self.data_plane.connections();
        let mut told = begun;
        loop {
            // A connection that was taken a moment ago may not have been counted yet.
            tokio::time::sleep(LOOK).await;
            if open.count() == 0 {
                return true;
            }
            if begun.elapsed() >= timeout {
                return false;
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                let held = self.data_plane.held().await;
                tracing::info!(target: "main", "waiting for {}: {}", count(&held), names(&held));
            }
        }
    }
}

fn count(held: &[Held]) -> String {
    match held.len() {
        1 => "1 connection".to_owned(),
        number => format!("{number} connections"),
    }
}

/// The oldest connections, in words.
fn names(held: &[Held]) -> String {
    let mut words: Vec<_> = held
        .iter()
        .take(NAMED)
        .map(|held| format!("{} on {} for {}", held.remote, held.listener, took(held.age)))
        .collect();
    if held.len() > NAMED {
        words.push(format!("and {} more", held.len() - NAMED));
    }
    words.join(", ")
}
