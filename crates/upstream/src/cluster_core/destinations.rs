//! Hosts that workers have made for requests that said where they go, and how they are forgotten.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::ClusterType;

use super::{Core, NewCheck, Now};
use crate::host::{Host, HostId};
use crate::stats::ClusterStat;

impl Core {
    /// Time from one look for hosts that nobody uses to the next, where requests say where they go.
    pub(crate) fn cleanup_pause(&self) -> Option<Duration> {
        match &self.cluster.config().kind {
            ClusterType::OriginalDst(config) => Some(config.cleanup_interval),
            ClusterType::Static
            | ClusterType::StrictDns(_)
            | ClusterType::LogicalDns(_)
            | ClusterType::Aggregate(_) => None,
        }
    }

    /// Takes hosts that workers have made; gives the checks that are to begin. Of several at one address the first stays.
    pub(crate) fn found(&mut self, hosts: Vec<Arc<Host>>, now: Now) -> Vec<NewCheck> {
        let address = |host: &Host| host.address().ip();
        let known = self.members.destinations().iter().filter_map(|host| address(host));
        let mut known: HashSet<SocketAddr> = known.collect();
        let mut begin = Vec::new();
        let destinations = self.members.destinations().len();
        for host in hosts {
            if !address(&host).is_some_and(|address| known.insert(address)) {
                continue;
            }
            self.be_born(&host, None, now);
            begin.extend(self.admit(&host, None, now.instant));
            self.members.destinations().push(host);
        }
        let added = self.members.destinations().get(destinations..).map_or(0, <[_]>::len);
        if added > 0 {
            self.publish(true);
            // Envoy takes them one by one.
            self.stats.add(ClusterStat::MembershipChange, u64::try_from(added - 1).unwrap_or(0));
        }
        // Who sees this sees a snapshot that has it, or had it.
        self.members.destinations().iter().skip(destinations).for_each(|host| host.adopt());
        begin
    }

    /// Forgets the hosts that were not chosen since this was last done, and have no connections. Gives those whose checks
    /// end.
    pub(crate) fn forget_unused(&mut self) -> Vec<HostId> {
        let mut gone = Vec::new();
        self.members.destinations().retain(|host| {
            // Both are asked, since asking whether it was chosen takes note of it.
            let stays = host.take_chosen() || host.is_in_use();
            if !stays {
                gone.push(host.id());
            }
            stays
        });
        for id in &gone {
            self.checked.remove(id);
            if let Some(outliers) = &mut self.outliers {
                outliers.remove(*id);
            }
        }
        if !gone.is_empty() {
            self.publish(true);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use causeway_model::{ClusterType, OriginalDst};
    use causeway_stats::Registry;
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::cluster::Cluster;
    use crate::destinations::{Destination, Destinations};
    use crate::host::HostStat;
    use crate::rng::Rng;
    use crate::test_config::{cluster_of, http_check};

    /// A cluster, the state of the main thread, and what two workers know.
    struct Site {
        cluster: Arc<Cluster>,
        core: Core,
        found: UnboundedReceiver<Arc<Host>>,
        workers: [Destinations; 2],
        now: Now,
    }

    impl Site {
        fn new(change: impl FnOnce(&mut causeway_model::Cluster)) -> Self {
            let kind = OriginalDst {
                metadata_key: None,
                header: None,
                port: None,
                cleanup_interval: Duration::from_secs(5),
            };
            let mut config = cluster_of("asked", ClusterType::OriginalDst(Box::new(kind)), Vec::new());
            change(&mut config);
            let registry = Registry::new(2);
            let cluster = Arc::new(Cluster::new(Arc::new(config), Arc::default(), &registry));
            let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
            let (core, checks) = Core::start(Arc::clone(&cluster), None, now, Rng::new(1));
            assert!(checks.is_empty() && cluster.is_warm());
            let found = cluster.found.receive().unwrap();
            let workers = [0, 1].map(|worker| Destinations::new(&cluster, worker).unwrap());
            Self { cluster, core, found, workers, now }
        }

        fn choose(&mut self, worker: usize, address: &str) -> Arc<Host> {
            self.workers[worker].choose(Destination::parse(address.as_bytes())).unwrap()
        }

        /// The main thread hears of what workers have made.
        fn tell(&mut self) -> Vec<NewCheck> {
            let hosts = std::iter::from_fn(|| self.found.try_recv().ok()).collect();
            self.core.found(hosts, self.now)
        }

        fn hosts(&self) -> Vec<String> {
            self.cluster.host_set().hosts().map(|host| host.address().to_string()).collect()
        }

        fn counted(&self, stat: ClusterStat) -> u64 {
            self.cluster.stats().counter(stat)
        }
    }

    #[test]
    fn a_host_is_used_at_once_and_then_known_to_all() {
        let mut site = Site::new(|_| {});
        let first = site.choose(0, "192.0.2.1:80");
        assert_eq!(first.hostname(), "asked192.0.2.1:80");
        assert_eq!(site.choose(0, "192.0.2.1:80").id(), first.id(), "before anybody was told");
        assert_eq!(site.hosts(), [""; 0]);
        site.tell();
        assert_eq!(site.hosts(), ["192.0.2.1:80"]);
        assert_eq!(site.choose(1, "192.0.2.1:80").id(), first.id());
        assert!(site.found.try_recv().is_err(), "nothing new was made");
    }

    #[test]
    fn of_two_hosts_at_one_address_the_first_stays() {
        let mut site = Site::new(|_| {});
        let mine = site.choose(0, "192.0.2.1:80");
        let other = site.choose(1, "192.0.2.1:80");
        assert_ne!(mine.id(), other.id());
        site.tell();
        assert_eq!(site.hosts().len(), 1);
        assert!(!site.workers[1].has(&other));
        assert!(site.workers[1].has(&mine));
        assert_eq!(site.choose(1, "192.0.2.1:80").id(), mine.id());
    }

    #[test]
    fn a_host_that_was_never_published_is_told_of_again() {
        let mut site = Site::new(|_| {});
        let mine = site.choose(0, "192.0.2.1:80");
        let other = site.choose(1, "192.0.2.1:80");
        site.tell();
        // It was chosen, so it takes two turns.
        for _ in 0..2 {
            site.core.forget_unused();
        }
        assert_eq!(site.hosts(), [""; 0]);
        assert_eq!(site.choose(1, "192.0.2.1:80").id(), other.id(), "this worker has seen neither snapshot");
        site.tell();
        assert!(!site.workers[0].has(&mine));
        assert_eq!(site.choose(0, "192.0.2.1:80").id(), other.id());
    }

    #[test]
    fn hosts_are_forgotten_where_nobody_chose_or_uses_them() {
        let mut site = Site::new(|_| {});
        assert_eq!(site.core.cleanup_pause(), Some(Duration::from_secs(5)));
        let [used, idle] = ["192.0.2.1:80", "192.0.2.2:80"].map(|address| site.choose(0, address));
        site.tell();
        used.cells(0).inc(HostStat::CxActive);
        assert!(site.core.forget_unused().is_empty(), "both were chosen");
        assert_eq!(site.core.forget_unused(), [idle.id()]);
        assert!(!site.workers[0].has(&idle));
        assert_eq!(site.hosts(), ["192.0.2.1:80"]);
        assert!(site.core.forget_unused().is_empty(), "it has a connection");
        site.choose(0, "192.0.2.1:80");
        used.cells(0).dec(HostStat::CxActive);
        assert!(site.core.forget_unused().is_empty(), "it was chosen again");
        assert_eq!(site.core.forget_unused(), [used.id()]);
        assert_ne!(site.choose(0, "192.0.2.1:80").id(), used.id());
    }

    #[test]
    fn each_host_counts_as_a_change() {
        let mut site = Site::new(|_| {});
        for address in ["192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"] {
            site.choose(0, address);
        }
        site.tell();
        assert_eq!(site.counted(ClusterStat::MembershipChange), 3);
        assert_eq!(site.counted(ClusterStat::DefaultTotalMatchCount), 3);
        assert_eq!(site.cluster.stats().gauge(ClusterStat::MembershipTotal), 3);
    }

    #[test]
    fn checks_begin_with_a_host_and_end_with_it() {
        let mut site = Site::new(|config| config.health_checks = vec![http_check("/health")]);
        let host = site.choose(0, "192.0.2.1:80");
        assert_eq!(host.flags().to_string(), "healthy", "requests do not wait for a check");
        let checks = site.tell();
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].host.id(), host.id());
        site.core.forget_unused();
        assert_eq!(site.core.forget_unused(), [host.id()]);
        assert!(site.core.checked.is_empty());
    }

    #[test]
    fn without_a_destination_it_is_said_what_is_missing() {
        let mut site = Site::new(|_| {});
        let failure = site.workers[0].choose(Destination::Unknown).unwrap_err();
        assert_eq!(failure.reason, causeway_reason::Reason::NoOriginalDestination);
        assert_eq!(failure.evidence.as_deref(), Some("the connection came here directly"));
        let failure = site.workers[0].choose(Destination::parse(b"x")).unwrap_err();
        assert_eq!(failure.evidence.as_deref(), Some("\"x\" is no address with a port"));
        assert_eq!(site.counted(ClusterStat::UpstreamCxNoneHealthy), 2);
    }
}
