//! What a connection that is passed on counts while it does.

use std::rc::Rc;

use causeway_stats::Shard;
use causeway_upstream::ClusterStat;

use super::TcpRuntime;
use super::relay::Way;
use super::stats::TcpStat;
use crate::cluster::LocalCluster;

/// What has been counted of a connection so far. Dropping it takes its part out of the gauges.
#[derive(Debug)]
pub(super) struct Meter {
    proxy: Rc<TcpRuntime>,
    cluster: Rc<LocalCluster>,
    up: Counted,
    down: Counted,
    /// The client said something since the last time.
    client_spoke: bool,
    client_spoke_last: bool,
}

/// The same of one direction.
#[derive(Debug, Default)]
struct Counted {
    read: u64,
    written: u64,
    blocked: bool,
    /// Its part of the gauge of bytes received: what the last turn read, as Envoy has it.
    received: i64,
    /// Its part of the gauge of bytes to be sent.
    waiting: i64,
}

/// How far a direction has come since the last look.
struct Moved {
    read: u64,
    written: u64,
    paused: bool,
    resumed: bool,
    received: i64,
    waiting: i64,
}

impl Counted {
    fn look(&mut self, way: &Way) -> Moved {
        let read = way.read - self.read;
        let received = if read > 0 { gauge(read) } else { self.received };
        let waiting = gauge(way.read - way.written);
        let moved = Moved {
            read,
            written: way.written - self.written,
            paused: way.blocked && !self.blocked,
            resumed: self.blocked && !way.blocked,
            received: received - self.received,
            waiting: waiting - self.waiting,
        };
        let blocked = way.blocked;
        *self = Self { read: way.read, written: way.written, blocked, received, waiting };
        moved
    }
}

impl Meter {
    /// Nothing has moved yet.
    pub(super) fn new(proxy: &Rc<TcpRuntime>, cluster: &Rc<LocalCluster>) -> Self {
        Self {
            proxy: Rc::clone(proxy),
            cluster: Rc::clone(cluster),
            up: Counted::default(),
            down: Counted::default(),
            client_spoke: false,
            client_spoke_last: false,
        }
    }

    /// The cluster that it goes to.
    pub(super) const fn cluster(&self) -> &Rc<LocalCluster> {
        &self.cluster
    }

    /// Counts what has moved since the last time; whether anything has.
    pub(super) fn count(&mut self, up: &Way, down: &Way) -> bool {
        let (tcp, stats) = (&self.proxy.stats, self.cluster.stats());
        let up = self.up.look(up);
        add(tcp, TcpStat::DownstreamCxRxBytesTotal, up.read);
        adjust(tcp, TcpStat::DownstreamCxRxBytesBuffered, up.received);
        add(stats, ClusterStat::UpstreamCxTxBytesTotal, up.written);
        adjust(stats, ClusterStat::UpstreamCxTxBytesBuffered, up.waiting);
        add(tcp, TcpStat::DownstreamFlowControlPausedReadingTotal, u64::from(up.paused));
        add(tcp, TcpStat::DownstreamFlowControlResumedReadingTotal, u64::from(up.resumed));
        let down = self.down.look(down);
        add(stats, ClusterStat::UpstreamCxRxBytesTotal, down.read);
        adjust(stats, ClusterStat::UpstreamCxRxBytesBuffered, down.received);
        add(tcp, TcpStat::DownstreamCxTxBytesTotal, down.written);
        adjust(tcp, TcpStat::DownstreamCxTxBytesBuffered, down.waiting);
        add(stats, ClusterStat::UpstreamFlowControlPausedReadingTotal, u64::from(down.paused));
        add(stats, ClusterStat::UpstreamFlowControlResumedReadingTotal, u64::from(down.resumed));
        self.client_spoke = up.read > 0;
        if up.read + down.read > 0 {
            // Where both have spoken, the back-end was asked later.
            self.client_spoke_last = down.read == 0;
        }
        up.read + up.written + down.read + down.written > 0
    }

    /// Whether nothing has come from the back-end since the client spoke.
    pub(super) const fn client_spoke_last(&self) -> bool {
        self.client_spoke_last
    }

    /// Whether the client said something since the last time but one that was counted.
    pub(super) const fn client_spoke(&self) -> bool {
        self.client_spoke
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let (tcp, stats) = (&self.proxy.stats, self.cluster.stats());
        adjust(tcp, TcpStat::DownstreamCxRxBytesBuffered, -self.up.received);
        adjust(stats, ClusterStat::UpstreamCxTxBytesBuffered, -self.up.waiting);
        adjust(stats, ClusterStat::UpstreamCxRxBytesBuffered, -self.down.received);
        adjust(tcp, TcpStat::DownstreamCxTxBytesBuffered, -self.down.waiting);
    }
}

fn gauge(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn add<S: causeway_stats::Schema>(shard: &Shard<S>, stat: S, count: u64) {
    if count > 0 {
        shard.add(stat, count);
    }
}

fn adjust<S: causeway_stats::Schema>(shard: &Shard<S>, stat: S, by: i64) {
    if by != 0 {
        shard.adjust(stat, by);
    }
}
