//! What holds at every moment, whatever has happened.

use std::sync::Arc;

use super::Simulation;
use crate::flags::{Health, HealthFlags};
use crate::host::Host;
use crate::host_set::HostSet;
use crate::outlier::OutlierStat;
use crate::stats::{ClusterStat, HealthCheckStat};

impl Simulation {
    pub(super) fn check_invariants(&mut self) {
        let set = self.cluster.host_set();
        let mut loads = 0;
        for priority in set.priorities() {
            for host in priority.hosts() {
                let listed = |list: &[Arc<Host>]| list.iter().any(|other| other.id() == host.id());
                assert_eq!(listed(priority.healthy()), host.health() == Health::Healthy, "{host:?}");
                assert_eq!(listed(priority.degraded()), host.health() == Health::Degraded, "{host:?}");
            }
            loads += priority.load().0 + priority.load().1;
        }
        assert_eq!(loads, 100);
        self.check_gauges(&set);
        for host in set.hosts() {
            let life = host.changes();
            assert!((1..=20).contains(&life.len()), "{life:?}");
            assert_eq!(life.last().unwrap().flags, host.flags(), "{life:?}");
            assert!(life.iter().all(|change| !change.cause.is_empty()), "{life:?}");
            assert!(life.is_sorted_by_key(|change| change.at), "{life:?}");
            self.check_agent(host);
        }
        for host in set.hosts().filter(|host| host.is_checked()) {
            let mut checks =
                (0..self.config.health_checks.len()).map(|check| self.oracles.get(&(host.id(), check)));
            let failed = checks.any(|oracle| oracle.is_none_or(|oracle| oracle.failed));
            assert_eq!(host.flags().any(HealthFlags::FAILED_ACTIVE_HC), failed, "{host:?}");
        }
        self.check_outliers(&set);
        let generation = self.cluster.generation();
        assert!(generation >= self.generation);
        self.generation = generation;
    }

    /// Every host is healthy, degraded or neither, and those that are excluded are among the latter. The gauges say so,
    /// as Envoy's do.
    fn check_gauges(&self, set: &HostSet) {
        let gauge = |stat| usize::try_from(self.cluster.stats().gauge(stat)).unwrap();
        let count = |wanted: &dyn Fn(&Host) -> bool| set.hosts().filter(|host| wanted(host)).count();
        let [total, healthy, degraded, excluded] = [
            ClusterStat::MembershipTotal,
            ClusterStat::MembershipHealthy,
            ClusterStat::MembershipDegraded,
            ClusterStat::MembershipExcluded,
        ]
        .map(gauge);
        assert_eq!(total, count(&|_| true));
        assert_eq!(healthy, count(&|host| host.health() == Health::Healthy));
        assert_eq!(degraded, count(&|host| host.health() == Health::Degraded));
        let is_excluded = |host: &Host| host.flags().is_excluded() || host.is_withdrawn();
        assert_eq!(excluded, count(&is_excluded));
        let unhealthy = |host: &Host| host.health() == Health::Unhealthy;
        assert_eq!(count(&|host| is_excluded(host) && !unhealthy(host)), 0);
        assert_eq!(
            total,
            healthy + degraded + excluded + count(&|host| unhealthy(host) && !is_excluded(host))
        );
        assert_eq!(healthy, set.healthy_count());
        if !self.config.health_checks.is_empty() {
            let checked =
                self.cluster.registry().scope::<HealthCheckStat>(self.cluster.stats().name().clone());
            let well = |host: &Host| host.is_checked() && !host.flags().any(HealthFlags::FAILED_ACTIVE_HC);
            assert_eq!(usize::try_from(checked.gauge(HealthCheckStat::Healthy)).unwrap(), count(&well));
        }
    }

    /// No more hosts are out than may be, and the gauge knows how many.
    fn check_outliers(&self, set: &HostSet) {
        let Some(detection) = &self.config.outlier_detection else { return };
        let out = set.hosts().filter(|host| host.flags().any(HealthFlags::FAILED_OUTLIER_CHECK)).count();
        let scope = self.cluster.registry().scope::<OutlierStat>(self.cluster.stats().name().clone());
        assert_eq!(usize::try_from(scope.gauge(OutlierStat::EjectionsActive)).unwrap(), out);
        let total = set.hosts().count();
        let most =
            usize::try_from(detection.max_ejection_percent).unwrap() * self.most_hosts.max(total) / 100;
        assert!(out <= most.max(usize::from(detection.always_eject_one_host)), "{out} of {total} are out");
    }
}
