//! One line in the application log for each request, and each connection that is passed on, that failed, unless an access
//! log says why.
//!
//! A thousand clients that meet the same trouble say the same thing. The first is told in full; what
//! follows within the next seconds is counted and told in one line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use causeway_http::Known;
use causeway_reason::{Blame, Reason};

use crate::exchange::Subject;
use crate::failures::Failed;
use crate::timer::Millis;
use crate::worker::Worker;

/// Lines of one kind are told in full once in this time.
const WINDOW: Millis = 10_000;

/// Kinds that are told apart at most; what goes beyond is told in full.
const MOST_KINDS: usize = 1000;

/// What has been told lately, by reason and cluster.
#[derive(Debug, Default)]
pub(crate) struct FailureLog(RefCell<HashMap<(Reason, String), Kind>>);

#[derive(Debug)]
struct Kind {
    since: Millis,
    suppressed: u64,
}

impl FailureLog {
    /// Tells of a request that failed.
    pub(crate) fn note(&self, worker: &Worker, failed: Failed<'_>) {
        let Failed { exchange, failure, .. } = failed;
        let now = worker.now();
        let cluster = exchange.facts.cluster.as_ref().map_or("", |cluster| &*cluster.config().name);
        let mut kinds = self.0.borrow_mut();
        if kinds.len() >= MOST_KINDS {
            kinds.retain(|_, kind| now.saturating_sub(kind.since) < WINDOW);
        }
        let key = (failure.reason, cluster.to_owned());
        match kinds.get_mut(&key) {
            Some(kind) if now.saturating_sub(kind.since) < WINDOW => kind.suppressed += 1,
            Some(kind) => {
                let suppressed = std::mem::take(&mut kind.suppressed);
                kind.since = now;
                drop(kinds);
                tell(failed, suppressed);
            }
            None => {
                kinds.insert(key, Kind { since: now, suppressed: 0 });
                drop(kinds);
                tell(failed, 0);
            }
        }
    }

    /// Tells how many were left out, once it has been quiet for a while.
    pub(crate) fn summarize(&self, now: Millis) {
        self.0.borrow_mut().retain(|(reason, cluster), kind| {
            if now.saturating_sub(kind.since) < WINDOW {
                return true;
            }
            if kind.suppressed > 0 {
                let of = if cluster.is_empty() { String::new() } else { format!(" to cluster {cluster}") };
                tracing::warn!(target: "router", "{} more requests{of} failed: {}", kind.suppressed, reason.key());
                kind.suppressed = 0;
                kind.since = now;
                return true;
            }
            false
        });
    }
}

fn tell(failed: Failed<'_>, suppressed: u64) {
    let Failed { exchange, connection, failure, id } = failed;
    let facts = &exchange.facts;
    let spec = failure.spec();
    let mut line = String::with_capacity(256);
    match &exchange.head {
        Some(head) => {
            let host = exchange.request.get(Known::Host).unwrap_or_default();
            let _ = write!(
                line,
                "{} {}{}",
                head.method_name(&exchange.request),
                host.escape_ascii(),
                without_query(&exchange.path).escape_ascii()
            );
        }
        None => {
            let what = if facts.subject == Subject::Request { "request" } else { "connection" };
            let _ = write!(line, "{what} from {}", connection.remote);
        }
    }
    let _ = match facts.status {
        0 if facts.subject != Subject::Request => write!(line, " was closed"),
        0 => write!(line, " was not answered"),
        status => write!(line, " was answered {status}"),
    };
    let _ = write!(line, ": {} {}: {failure}", failure.reason.code(), spec.key);
    if let Some(cluster) = &facts.cluster {
        let _ = write!(line, " cluster={}", cluster.config().name);
    }
    if let Some(host) = &facts.host {
        let _ = write!(line, " host={}", host.address());
    }
    if let Some(entry) = &facts.route {
        let _ = write!(line, " route={}", entry.route.position);
    }
    if let Some(id) = exchange.request.get(Known::XRequestId) {
        let _ = write!(line, " request-id={}", id.escape_ascii());
    }
    let _ = write!(line, " why={id:016x}");
    if suppressed > 0 {
        let _ = write!(line, " (and {suppressed} more like it before)");
    }
    if spec.blame == Blame::Client {
        tracing::info!(target: "http", "{line}");
    } else {
        tracing::warn!(target: "router", "{line}");
    }
}

/// Queries hold secrets more often than they explain a failure.
pub(crate) fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr(b'?', path).and_then(|at| path.get(..at)).unwrap_or(path)
}
