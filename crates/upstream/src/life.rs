//! A host's life: its last changes, for who asks what became of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwapOption;

use crate::flags::HealthFlags;

/// How many changes are kept for each host.
const KEPT: usize = 20;

/// A change in the life of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChange {
    /// When.
    pub at: Instant,
    /// When, by the clock on the wall.
    pub at_wall: SystemTime,
    /// What is wrong with it from then on.
    pub flags: HealthFlags,
    /// Why: a phrase such as `down: connect_refused (…)`.
    pub cause: Arc<str>,
}

/// The last changes of a host, the oldest first. Written by the main thread, read by the admin server.
#[derive(Debug, Default)]
pub(crate) struct Life(ArcSwapOption<VecDeque<HostChange>>);

impl Life {
    /// Notes a change.
    pub(crate) fn note(&self, change: HostChange) {
        let mut changes = self.0.load_full().map_or_else(VecDeque::new, |changes| (*changes).clone());
        if changes.len() >= KEPT {
            changes.pop_front();
        }
        changes.push_back(change);
        self.0.store(Some(Arc::new(changes)));
    }

    /// The changes, the oldest first.
    pub(crate) fn changes(&self) -> Vec<HostChange> {
        self.0.load_full().map_or_else(Vec::new, |changes| changes.iter().cloned().collect())
    }

    /// Takes over what is known of another host at the same address.
    pub(crate) fn inherit(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_last_changes_are_kept() {
        let life = Life::default();
        assert!(life.changes().is_empty());
        for n in 0..50 {
            let cause = n.to_string().into();
            let (at, at_wall) = (Instant::now(), UNIX_EPOCH);
            life.note(HostChange { at, at_wall, flags: HealthFlags::NONE, cause });
        }
        let causes: Vec<_> = life.changes().iter().map(|change| change.cause.to_string()).collect();
        assert_eq!(causes, (30..50).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}
