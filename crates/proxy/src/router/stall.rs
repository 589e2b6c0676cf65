//! What is counted while one side takes a body more slowly than the other sends it.

use std::rc::Rc;

use causeway_upstream::ClusterStat;

use super::Forwarding;
use super::relay::Relay;
use crate::cluster::LocalCluster;
use crate::pump::Stalled;
use crate::snapshot::HttpRuntime;
use crate::stats::HttpStat;

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the back-end.
    Up,
    /// To the client.
    Down,
}

/// The bodies of an attempt that wait. Dropping it takes their part out of the gauges.
pub(super) struct Stalls {
    listener: Rc<HttpRuntime>,
    cluster: Rc<LocalCluster>,
    up: Option<Stalled>,
    down: Option<Stalled>,
}

impl Relay<'_> {
    /// Takes note whether the sink of that direction takes something.
    pub(super) fn note_stall(&mut self, direction: Direction, stalled: Option<Stalled>) {
        if stalled.is_none() && self.forwarding.stalls.is_none() {
            return;
        }
        let Forwarding { stalls, hosts, .. } = &mut *self.forwarding;
        let stalls = stalls.get_or_insert_with(|| {
            Box::new(Stalls {
                listener: Rc::clone(&self.downstream.listener),
                cluster: Rc::clone(hosts),
                up: None,
                down: None,
            })
        });
        stalls.change(direction, stalled);
    }
}

impl Stalls {
    fn change(&mut self, direction: Direction, now: Option<Stalled>) {
        let slot = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        let before = std::mem::replace(slot, now);
        if before == now {
            return;
        }
        let (http, cluster) = (&self.listener.shards.http, self.cluster.stats());
        let (old, new) = (before.unwrap_or_default(), now.unwrap_or_default());
        let (unread, unwritten) = (by(old.unread, new.unread), by(old.unwritten, new.unwritten));
        match direction {
            Direction::Up => {
                http.adjust(HttpStat::DownstreamCxRxBytesBuffered, unread);
                cluster.adjust(ClusterStat::UpstreamCxTxBytesBuffered, unwritten);
            }
            Direction::Down => {
                cluster.adjust(ClusterStat::UpstreamCxRxBytesBuffered, unread);
                http.adjust(HttpStat::DownstreamCxTxBytesBuffered, unwritten);
            }
        }
        match (direction, before.is_some(), now.is_some()) {
            (Direction::Up, false, true) => {
                cluster.inc(ClusterStat::UpstreamFlowControlBackedUpTotal);
                http.inc(HttpStat::DownstreamFlowControlPausedReadingTotal);
            }
            (Direction::Up, true, false) => {
                cluster.inc(ClusterStat::UpstreamFlowControlDrainedTotal);
                http.inc(HttpStat::DownstreamFlowControlResumedReadingTotal);
            }
            (Direction::Down, false, true) => cluster.inc(ClusterStat::UpstreamFlowControlPausedReadingTotal),
            (Direction::Down, true, false) => {
                cluster.inc(ClusterStat::UpstreamFlowControlResumedReadingTotal);
            }
            _ => {}
        }
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.change(Direction::Up, None);
        self.change(Direction::Down, None);
    }
}

/// What a gauge changes by between these.
fn by(old: usize, new: usize) -> i64 {
    let count = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
    count(new).saturating_sub(count(old))
}
