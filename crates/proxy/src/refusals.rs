//! Connections that are closed as soon as they are taken, since the process has as many as it may: nothing is known of them,
//! so there is no record and no access log. That there are some is said in the application log, which Envoy leaves to a counter.

use std::cell::Cell;

use causeway_reason::Condition;

use crate::timer::Millis;

/// It is said once in this time, with how many there were meanwhile.
const WINDOW: Millis = 10_000;

/// What has been refused since it was said last.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: Cell<u64>,
    said: Cell<Option<Millis>>,
}

impl Refusals {
    /// One more, at the listener of that name.
    pub(crate) fn note(&self, now: Millis, listener: &str) {
        let count = self.count.get() + 1;
        if self.said.get().is_some_and(|said| now.saturating_sub(said) < WINDOW) {
            self.count.set(count);
            return;
        }
        self.said.set(Some(now));
        self.count.set(0);
        let condition = Condition::GlobalConnectionLimit;
        let connections = if count == 1 { "a connection was" } else { "connections were" };
        tracing::warn!(
            target: "conn_handler",
            "{condition}: {count} {connections} closed at once, the last at listener {listener}: the process has as many of clients as \
             it may (global_downstream_max_connections)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_between_is_counted() {
        let refusals = Refusals::default();
        let mut counts = Vec::new();
        for now in [0, 1, 2, WINDOW - 1, WINDOW, WINDOW + 1] {
            refusals.note(now, "web");
            counts.push(refusals.count.get());
        }
        assert_eq!(counts, [0, 1, 2, 3, 0, 1]);
    }
}
