//! What agents say becomes weights and flags of hosts, a new snapshot, and lines.

use std::sync::Arc;

use causeway_model::AgentCheck;
use causeway_reason::{Failure, Reason};

use super::{Core, Now};
use crate::flags::HealthFlags;
use crate::health::{AgentReport, AgentState, CheckReport, Heard, Said, agent_label};
use crate::host::Host;
use crate::report;

impl Core {
    /// Hosts whose agents nobody asks yet, since this was last asked.
    pub(crate) fn take_new_agents(&mut self) -> Vec<Arc<Host>> {
        std::mem::take(&mut self.new_agents)
    }

    /// Begins to hear the agent of a host that is new. What the agent of `former` said, a host at the same address before
    /// the cluster was changed, holds until it says otherwise.
    pub(super) fn admit_agent(&mut self, host: &Arc<Host>, former: Option<(&Self, &Host)>) {
        let (Some(agent), Some(check)) = (host.agent(), &self.cluster.config().agent_check) else { return };
        if host.address().ip().is_none() {
            return;
        }
        if let Some((core, former)) = former
            && core.cluster.config().agent_check.as_ref().is_some_and(|other| other.port == check.port)
            && let Some(report) = former.agent_report()
        {
            host.set_flags(host.flags() | report.state.flags());
            agent.set_report(report);
        }
        self.new_agents.push(Arc::clone(host));
    }

    /// Takes what came of asking the agent of a host. What it changes is published by [`Self::publish_checks`], if
    /// nothing else does it before.
    pub(crate) fn agent_heard(&mut self, host: &Host, check: &AgentCheck, heard: Heard, now: Now) {
        let Some(agent) = host.agent() else { return };
        let before = agent.report();
        let state_before = before.as_ref().map(|report| report.state.clone()).unwrap_or_default();
        let (said, line, failure) = match heard.line {
            Ok(line) => {
                let said = Said::parse(&line);
                let words = said.unknown.as_ref().map(|word| format!("{word:?} is no word of agents"));
                let failure =
                    words.map(|words| Failure::new(Reason::HealthCheckProtocol).with_evidence(words));
                (said, String::from_utf8_lossy(&line).trim().into(), failure)
            }
            Err(failure) => (Said::default(), Arc::default(), Some(failure)),
        };
        let mut state = state_before.clone();
        state.take(&said);
        let found = CheckReport {
            check: agent_label(check),
            failure,
            status: None,
            at: now.instant,
            at_wall: now.wall,
            took: heard.took,
            next: now.instant + check.interval,
            in_a_row: 1,
            last_failure: None,
        };
        let found = found.behind(before.as_ref().map(|report| &report.check));
        self.note_agent_fault(host, before.as_deref(), &found);
        let line: Option<Arc<str>> = (!said.is_empty()).then_some(line);
        let same_flags = state.flags() == state_before.flags();
        let known = before.as_deref();
        let cause =
            line.clone().filter(|_| !same_flags).or_else(|| known.and_then(|report| report.cause.clone()));
        let changed = state != state_before;
        let report = AgentReport {
            line: line.or_else(|| known.and_then(|report| report.line.clone())),
            check: found,
            percent: state.percent(),
            cause,
            state,
        };
        let report = Arc::new(report);
        agent.set_report(Arc::clone(&report));
        if changed {
            self.follow_agent(host, &state_before, &report, now);
        }
    }

    fn follow_agent(&mut self, host: &Host, before: &AgentState, report: &AgentReport, now: Now) {
        let returns =
            before.flags().any(HealthFlags::AGENT_DOWN) && !report.state.flags().any(HealthFlags::AGENT_DOWN);
        if returns {
            host.set_well_since(now.instant);
        }
        self.put_flags(host, host.flags().with(HealthFlags::BY_AGENT, false) | report.state.flags());
        // Weights are read with the next snapshot, whether or not flags have changed.
        self.outdated = true;
        let cause = report::agent(&self.cluster, host, report, self.tally);
        self.note_life(host, cause, now);
    }

    /// That an agent is not heard, or not understood, is said once, and so is its end.
    fn note_agent_fault(&self, host: &Host, before: Option<&AgentReport>, found: &CheckReport) {
        let reason = |report: &CheckReport| report.failure.as_ref().map(|failure| failure.reason);
        let reason_before = before.and_then(|before| reason(&before.check));
        if reason_before != reason(found) {
            report::agent_fault(&self.cluster, host, found.failure.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant, SystemTime};

    use causeway_model::{
        Cluster as Config, HashFunction, LbPolicy, LeastRequest, Locality, LocalityEndpoints, LocalityLb,
        Maglev, RingHash, RoundRobin, SlowStart,
    };
    use causeway_stats::Registry;

    use super::*;
    use crate::balancer::{Ask, LoadBalancer};
    use crate::cluster::Cluster;
    use crate::destinations::Destination;
    use crate::rng::Rng;
    use crate::stats::ClusterStat;
    use crate::test_config::{agent_check, cluster};

    /// A cluster whose hosts have agents.
    struct Site {
        cluster: Arc<Cluster>,
        core: Core,
        now: Now,
    }

    impl Site {
        /// Hosts at 10.0.0.1 with the ports from 1 on.
        fn new(hosts: u16, change: impl FnOnce(&mut Config)) -> Self {
            let addresses: Vec<_> = (1..=hosts).map(|port| ([10, 0, 0, 1], port).into()).collect();
            let mut config = Config { agent_check: Some(agent_check()), ..cluster("a", &addresses) };
            change(&mut config);
            let cluster = Arc::new(Cluster::new(Arc::new(config), Arc::default(), &Registry::new(1)));
            let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
            let (mut core, _) = Core::start(Arc::clone(&cluster), None, now, Rng::new(1));
            assert_eq!(core.take_new_agents().len(), usize::from(hosts));
            Self { cluster, core, now }
        }

        /// The agent of the host with this port says a line.
        fn say(&mut self, port: u16, line: &str) {
            let hosts = self.cluster.host_set();
            let host =
                hosts.hosts().find(|host| host.address().ip().is_some_and(|ip| ip.port() == port)).unwrap();
            let heard = Heard { line: Ok(line.into()), took: Duration::ZERO };
            self.core.agent_heard(host, &agent_check(), heard, self.now);
            self.core.publish_checks();
        }

        /// How many of so many requests each port gets. Each has another hash, but the same at each call.
        fn spread(&self, requests: usize) -> BTreeMap<u16, usize> {
            let mut balancer = LoadBalancer::new(Arc::clone(&self.cluster), 0, 1);
            let mut hashes = Rng::new(7);
            let mut counts = BTreeMap::new();
            for _ in 0..requests {
                let ask = Ask {
                    hash: Some(hashes.next()),
                    draws: 1,
                    passed_over: None,
                    left_out: &[],
                    forced: None,
                    subset: None,
                    destination: Destination::Unknown,
                };
                let choice = balancer.choose_for(&ask, &|| self.now.instant).unwrap();
                *counts.entry(choice.host.address().ip().unwrap().port()).or_default() += 1;
            }
            counts
        }

        fn gauges(&self) -> [i64; 3] {
            [ClusterStat::MembershipTotal, ClusterStat::MembershipHealthy, ClusterStat::MembershipExcluded]
                .map(|stat| self.cluster.stats().gauge(stat))
        }

        fn why(&self) -> Failure {
            let mut balancer = LoadBalancer::new(Arc::clone(&self.cluster), 0, 1);
            balancer.choose(|| self.now.instant).unwrap_err()
        }
    }

    fn policies() -> Vec<LbPolicy> {
        let slow_start = Some(SlowStart { window: Duration::from_secs(1), aggression: 1.0, min_weight: 0.1 });
        vec![
            LbPolicy::RoundRobin(RoundRobin { slow_start: None }),
            LbPolicy::RoundRobin(RoundRobin { slow_start }),
            LbPolicy::LeastRequest(LeastRequest {
                choice_count: 2,
                active_request_bias: 1.0,
                full_scan: false,
                slow_start: None,
            }),
            LbPolicy::RingHash(RingHash {
                minimum_ring_size: 4096,
                maximum_ring_size: 8192,
                hash_function: HashFunction::XxHash,
                use_hostname: false,
                balance_factor: None,
            }),
            LbPolicy::Maglev(Maglev { table_size: 4099, use_hostname: false, balance_factor: None }),
        ]
    }

    #[test]
    fn every_policy_with_weights_goes_by_what_agents_say() {
        for policy in policies() {
            let mut site = Site::new(2, |config| config.lb_policy = policy);
            let mut first = |line: &str| {
                site.say(1, line);
                // Slow start is over.
                site.now.instant += Duration::from_secs(2);
                site.spread(2000).get(&1).copied().unwrap_or(0)
            };
            let near = |expected: usize, found: usize| {
                assert!(found.abs_diff(expected) < 80, "{policy:?}: {found} instead of {expected}");
            };
            near(1000, first("100%"));
            near(400, first("25%"));
            near(1500, first("300%"));
            assert_eq!(first("drain"), 0, "{policy:?}");
            assert_eq!(first("100%"), 0, "{policy:?}: only `ready` ends it");
            near(1000, first("ready"));
            assert_eq!(first("0%"), 0, "{policy:?}");
            assert_eq!(first("ready"), 0, "{policy:?}: only another weight ends it");
            near(400, first("25%"));
            assert_eq!(first("down"), 0, "{policy:?}");
            near(400, first("up"));
        }
    }

    #[test]
    fn what_agents_say_multiplies_the_weights_of_the_file() {
        let mut site = Site::new(2, |config| config.localities[0].endpoints[1].weight = 3);
        assert_eq!(site.spread(400), BTreeMap::from([(1, 100), (2, 300)]));
        site.say(2, "50%");
        assert_eq!(site.spread(500), BTreeMap::from([(1, 200), (2, 300)]));
        // A host that HAProxy would not make heavier than 256.
        site.say(2, "10000%");
        assert_eq!(site.spread(2570), BTreeMap::from([(1, 10), (2, 2560)]));
    }

    #[test]
    fn a_locality_has_its_share_by_the_hosts_that_are_left() {
        let mut site = Site::new(4, |config| {
            let endpoints = std::mem::take(&mut config.localities[0].endpoints);
            config.localities = endpoints
                .chunks(2)
                .zip(["x", "y"])
                .map(|(endpoints, zone)| LocalityEndpoints {
                    locality: Locality { zone: zone.into(), ..Locality::default() },
                    priority: 0,
                    weight: 1,
                    endpoints: endpoints.to_vec(),
                })
                .collect();
            config.locality_lb = LocalityLb::Weighted;
        });
        // Half of a zone is drained on purpose: the other half takes all that the zone gets.
        site.say(1, "drain");
        assert_eq!(site.spread(400), BTreeMap::from([(2, 200), (3, 100), (4, 100)]));
        site.say(2, "maint");
        assert_eq!(site.spread(400), BTreeMap::from([(3, 200), (4, 200)]));
        site.say(4, "25%");
        assert_eq!(site.spread(400), BTreeMap::from([(3, 320), (4, 80)]));
    }

    #[test]
    fn panic_brings_back_who_is_down_and_nobody_who_is_drained() {
        let mut site = Site::new(4, |config| config.healthy_panic_threshold = 50.0);
        assert_eq!(site.gauges(), [4, 4, 0]);
        site.say(1, "drain");
        site.say(2, "down");
        // Two of three: no panic yet.
        assert_eq!(site.gauges(), [4, 2, 1]);
        assert_eq!(site.spread(100), BTreeMap::from([(3, 50), (4, 50)]));
        site.say(3, "down");
        site.say(4, "down");
        assert_eq!(site.gauges(), [4, 0, 1]);
        assert_eq!(site.spread(99), BTreeMap::from([(2, 33), (3, 33), (4, 33)]));
        for port in 2..=4 {
            site.say(port, "maint");
        }
        assert_eq!(site.gauges(), [4, 0, 4]);
        assert_eq!(site.why().reason, Reason::AgentDrained);
        site.say(3, "ready");
        assert_eq!(site.spread(9), BTreeMap::from([(3, 9)]), "it is down, but there is nobody else");
    }

    #[test]
    fn a_priority_that_is_drained_leaves_everything_to_the_next() {
        let mut site = Site::new(2, |config| {
            config.healthy_panic_threshold = 50.0;
            let second = config.localities[0].endpoints.remove(1);
            let place =
                LocalityEndpoints { priority: 1, endpoints: vec![second], ..config.localities[0].clone() };
            config.localities.push(place);
        });
        assert_eq!(site.spread(10), BTreeMap::from([(1, 10)]));
        site.say(1, "drain");
        assert_eq!(site.spread(10), BTreeMap::from([(2, 10)]));
    }

    #[test]
    fn a_snapshot_is_published_where_something_changed() {
        let mut site = Site::new(2, |_| {});
        let before = site.cluster.generation();
        for line in ["100%", "up", "ready", "bogus", "", "# nothing"] {
            site.say(1, line);
        }
        assert_eq!(site.cluster.generation(), before);
        site.say(1, "99%");
        assert_ne!(site.cluster.generation(), before);
    }
}
