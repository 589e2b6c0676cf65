//! What is counted of some responses of a cluster beside what is counted of all: of those of canaries, and of those
//! that came from one zone to another.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use causeway_stats::{Scope, Shard};
use causeway_upstream::{Cluster, ClusterShareStat, Host};

use crate::stats::StatusCounters;

/// Something that is counted of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    /// There is one, with this status.
    Status(u16),
    /// There is one, whatever its status is.
    Completed,
    /// It took so many milliseconds.
    Time(u64),
}

/// One worker's cells of the canaries and zones of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// There from the first response on.
    canary: OnceCell<Share>,
    /// For each zone that hosts are in, there from its first response on.
    zones: RefCell<Vec<(Box<str>, Rc<Share>)>>,
}

#[derive(Debug)]
struct Share {
    stats: Shard<ClusterShareStat>,
    codes: StatusCounters,
}

impl Shares {
    /// Counts a response of this host, or one in place of its own.
    pub(crate) fn count(
        &self,
        (cluster, worker): (&Cluster, usize),
        host: Option<&Host>,
        canary: bool,
        counted: Counted,
    ) {
        if canary {
            self.canary.get_or_init(|| Share::new(&cluster.canary_stats(), worker)).count(counted);
        }
        let to = host.map(|host| &*host.locality().zone).filter(|zone| !zone.is_empty());
        if let (Some(from), Some(to)) = (cluster.own_zone(), to) {
            let mut zones = self.zones.borrow_mut();
            let known = zones.iter().find(|(zone, _)| **zone == *to).map(|(_, share)| Rc::clone(share));
            let share = known.unwrap_or_else(|| {
                let share = Rc::new(Share::new(&cluster.zone_stats(from, to), worker));
                zones.push((to.into(), Rc::clone(&share)));
                share
            });
            share.count(counted);
        }
    }
}

impl Share {
    fn new(scope: &Scope<ClusterShareStat>, worker: usize) -> Self {
        Self { stats: scope.shard(worker), codes: StatusCounters::new("upstream_rq_") }
    }

    fn count(&self, counted: Counted) {
        match counted {
            Counted::Status(status) => {
                self.codes.count(&self.stats, status);
                self.stats.inc(ClusterShareStat::UpstreamRqCompleted);
            }
            Counted::Completed => self.stats.inc(ClusterShareStat::UpstreamRqCompleted),
            Counted::Time(millis) => self.stats.record(ClusterShareStat::UpstreamRqTime, millis),
        }
    }
}
