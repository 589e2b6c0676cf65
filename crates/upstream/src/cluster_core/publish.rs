//! What the workers get to see of a cluster: snapshots of its hosts, and how many of them are well.

use std::collections::BTreeSet;

use super::checks::Checked;
use super::{Core, Tally};
use crate::flags::HealthFlags;
use crate::health::Session;
use crate::host_set::HostSet;
use crate::stats::{ClusterStat, HealthCheckStat};

impl Core {
    /// Whether what checks found has still to be published. Who has many results publishes them all at once, since a
    /// snapshot takes as long as there are hosts.
    pub(crate) const fn is_outdated(&self) -> bool {
        self.outdated
    }

    /// Publishes what checks have found since the last snapshot.
    pub(crate) fn publish_checks(&mut self) {
        if self.outdated {
            self.publish(false);
        }
    }

    /// Publishes a snapshot of the hosts. `new_set` says that there are others than before.
    pub(super) fn publish(&mut self, new_set: bool) {
        self.outdated = false;
        let hosts = HostSet::new(self.members.by_priority(), &self.cluster.layout());
        let total: usize = hosts.priorities().iter().map(|priority| priority.hosts().len()).sum();
        self.tally = Tally { healthy: hosts.healthy_count(), total };
        let degraded: usize = hosts.priorities().iter().map(|priority| priority.degraded().len()).sum();
        let excluded: u32 = hosts.priorities().iter().map(|priority| priority.excluded()).sum();
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.stats.set(ClusterStat::MembershipTotal, gauge(total));
        self.stats.set(ClusterStat::MembershipHealthy, gauge(self.tally.healthy));
        self.stats.set(ClusterStat::MembershipDegraded, gauge(degraded));
        self.stats.set(ClusterStat::MembershipExcluded, i64::from(excluded));
        if new_set {
            self.stats.inc(ClusterStat::MembershipChange);
        }
        if let Some(stats) = &self.check_stats {
            let with = |wanted: &dyn Fn(HealthFlags) -> bool| {
                gauge(hosts.hosts().filter(|host| host.is_checked() && wanted(host.flags())).count())
            };
            stats.set(HealthCheckStat::Healthy, with(&|flags| !flags.any(HealthFlags::FAILED_ACTIVE_HC)));
            stats.set(HealthCheckStat::Degraded, with(&|flags| flags.any(HealthFlags::DEGRADED_ACTIVE_HC)));
        }
        self.note_subsets(&hosts);
        self.cluster.publish(hosts);
    }

    /// Counts subsets that come and go.
    fn note_subsets(&self, hosts: &HostSet) {
        let Some(subsets) = hosts.subsets() else { return };
        let now: BTreeSet<String> = subsets.names().collect();
        let before = self.subsets.replace(now.clone());
        // As in Envoy, whose workers and main thread have each their own.
        let each = self.cluster.registry().main_shard() + 1;
        let count = |names: usize| u64::try_from(names * each).unwrap_or(0);
        self.stats.add(ClusterStat::LbSubsetsCreated, count(now.difference(&before).count()));
        self.stats.add(ClusterStat::LbSubsetsRemoved, count(before.difference(&now).count()));
        self.stats.set(ClusterStat::LbSubsetsActive, i64::try_from(now.len() * each).unwrap_or(i64::MAX));
    }

    /// Looks whether the cluster has become warm: all names answered, all hosts checked once.
    pub(super) fn note_progress(&mut self) {
        let waits = |checked: &Checked| checked.sessions.iter().any(Session::is_first);
        if !self.cluster.is_warm() && self.unanswered.is_empty() && !self.checked.values().any(waits) {
            self.publish_checks();
            self.stats.set(ClusterStat::WarmingState, 0);
            self.cluster.set_warm();
        }
    }
}
