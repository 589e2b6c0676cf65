//! The application log of a simulation: each change in the life of a host is one line of it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::Simulation;
use crate::flags::HealthFlags;
use crate::life::HostChange;

thread_local! {
    /// Lines of this thread; `None` where nobody asks for them.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Keeps lines by thread. One for all threads, since tests of other threads would switch lines off otherwise.
struct ByThread;

/// Begins to keep the lines of this thread: those of one moment.
pub(super) fn keep() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(ByThread).unwrap());
    forget();
}

/// Time goes on.
pub(super) fn forget() {
    LINES.set(Some(Vec::new()));
}

impl Simulation {
    /// What has happened to hosts at this moment stands in the log, each change in a line of its own.
    pub(super) fn check_lines(&self) {
        LINES.with_borrow(|lines| self.look_for_changes(lines.as_deref().unwrap_or_default()));
    }

    fn look_for_changes(&self, lines: &[String]) {
        for host in self.hosts.values() {
            let changes = host.changes();
            if changes.last().is_none_or(|last| last.at != self.now.instant) {
                continue;
            }
            let address = host.address();
            for (at, change) in changes.iter().enumerate().filter(|(_, change)| change.at == self.now.instant)
            {
                let Some(before) = at.checked_sub(1).and_then(|at| changes.get(at)) else { continue };
                let text = format!("a {address} is {}", change.cause);
                let found = lines.iter().filter(|line| line.strip_prefix(&text).is_some_and(ends)).count();
                // The same cause may have come twice at a moment.
                let alike = |other: &&HostChange| other.at == change.at && other.cause == change.cause;
                let most = changes.iter().filter(alike).count();
                let least = usize::from(is_another_state(before.flags, change.flags));
                assert!((least..=most).contains(&found), "{found} lines for {text:?}: {lines:#?}");
            }
        }
    }
}

/// Whether this may stand behind a cause: how many hosts are left, or nothing.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with("; ")
}

/// Whether a host is used in another way, rather than out of use for more reasons or fewer.
fn is_another_state(before: HealthFlags, after: HealthFlags) -> bool {
    before.health() != after.health() || before.any(HealthFlags::BY_AGENT) != after.any(HealthFlags::BY_AGENT)
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

impl Subscriber for ByThread {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        matches!(metadata.target(), "hc" | "dns" | "upstream")
    }

    fn event(&self, event: &Event<'_>) {
        LINES.with_borrow_mut(|lines| {
            let Some(lines) = lines else { return };
            let mut message = Message(String::new());
            event.record(&mut message);
            lines.push(message.0);
        });
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}
