//! Several clusters beside one another: with subsets, zones, an aggregate over them, and the process's own.
//!
//! One of them fails, moves, changes its configuration or is gone, in any order. Whatever happens, a request gets a
//! host that is there and fits, an aggregate takes the first that can take it, and zones get their shares.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::{
    Address, Cluster as Config, ClusterType, Endpoint, EndpointAddress, HealthCheck, LbPolicy, LeastRequest,
    Locality, LocalityBasis, LocalityEndpoints, LocalityLb, Maglev, Metadata, RingHash, SubsetConfig,
    SubsetCriteria, SubsetFallback, SubsetSelector, Value, ZoneAware,
};
use causeway_reason::{Failure, Reason};
use causeway_stats::Registry;

use super::config::dns_options;
use super::fits::{Fitting, fitting};
use super::shares::{self, Shares};
use crate::aggregate::Aggregate;
use crate::balancer::{Ask, Choice, LoadBalancer};
use crate::cluster::Cluster;
use crate::cluster_core::{Core, Now};
use crate::dns::Lookup;
use crate::flags::Health;
use crate::health::{CheckFailure, FailureKind, Outcome};
use crate::host::Host;
use crate::manager::{ClusterMap, Clusters, Surroundings};
use crate::rng::Rng;
use crate::subsets::SubsetKey;
use crate::test_config::{cluster_of, endpoint, http_check};

/// The members of the aggregate, in its order.
const MEMBERS: [&str; 3] = ["a", "b", "c"];
const AGGREGATE: &str = "all";
const OWN: &str = "own";
const ZONES: [&str; 3] = ["x", "y", "z"];
const STAGES: [&str; 3] = ["prod", "test", "dev"];
const VERSIONS: [&str; 3] = ["1", "2", "3"];
const STEPS: usize = 150;
/// So many requests show which share a zone has.
const DRAWS: u32 = 600;
/// Five standard deviations of the share that varies most.
const TOLERANCE: f64 = 0.105;

#[test]
fn whatever_happens_requests_get_hosts_that_fit() {
    super::for_all_seeds(|seed| Several::new(seed).run());
}

struct Several {
    rng: Rng,
    now: Now,
    registry: Arc<Registry>,
    clusters: Clusters,
    surroundings: Arc<Surroundings>,
    here: &'static str,
    /// What each cluster is decided by, and whom a worker asks.
    lives: BTreeMap<&'static str, (Core, LoadBalancer)>,
    aggregate: Aggregate,
    /// Its `healthy_panic_threshold`.
    panic_threshold: u32,
}

impl Several {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let here = any(&mut rng, &ZONES);
        let clusters = Clusters::default();
        let own = (rng.below(4) > 0).then(|| OWN.into());
        let locality = Locality { zone: here.into(), ..Locality::default() };
        let surroundings = Arc::new(Surroundings::new(locality, own, &clusters));
        let registry = Registry::new(1);
        let members = MEMBERS.iter().map(|name| (*name).into()).collect();
        let config = cluster_of(AGGREGATE, ClusterType::Aggregate(members), Vec::new());
        let config = Config { healthy_panic_threshold: any_threshold(&mut rng), ..config };
        let over = Arc::new(Cluster::new(Arc::new(config), Arc::clone(&surroundings), &registry));
        let panic_threshold = over.spread().panic_threshold;
        let aggregate = Aggregate::new(&over, rng.next()).unwrap();
        let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let lives = BTreeMap::new();
        let mut this =
            Self { rng, now, registry, clusters, surroundings, here, lives, aggregate, panic_threshold };
        for name in MEMBERS.iter().chain(&[OWN]) {
            this.configure(name);
        }
        this
    }

    fn run(&mut self) {
        // Not everything is sick at the beginning, or little would ever be chosen.
        for name in MEMBERS.iter().chain(&[OWN]) {
            self.look_up(name);
            for _ in 0..10 {
                self.answer(name, 8);
            }
        }
        for _ in 0..STEPS {
            let time = Duration::from_millis(self.rng.below(50));
            self.now = Now { instant: self.now.instant + time, wall: self.now.wall + time };
            let name = any(&mut self.rng, &["a", "a", "b", "c", OWN]);
            match self.rng.below(40) {
                0 => self.configure(name),
                1 if self.lives.len() > 1 => self.remove(name),
                2..5 => self.look_up(name),
                5..18 => self.answer(name, 5),
                18..28 => self.ask(name),
                28..39 => self.ask_aggregate(),
                _ => self.count(name),
            }
        }
        MEMBERS.iter().for_each(|name| self.count(name));
    }

    /// A cluster is new, or another than before.
    fn configure(&mut self, name: &'static str) {
        let config = Arc::new(self.any_config(name));
        let cluster = Arc::new(Cluster::new(config, Arc::clone(&self.surroundings), &self.registry));
        let former = self.lives.get(name).map(|(core, _)| core);
        let (core, _) = Core::start(Arc::clone(&cluster), former, self.now, self.rng.split());
        let balancer = LoadBalancer::new(cluster, 0, self.rng.next());
        self.lives.insert(name, (core, balancer));
        self.publish();
    }

    fn remove(&mut self, name: &str) {
        self.lives.remove(name);
        self.publish();
    }

    fn publish(&self) {
        let active =
            self.lives.iter().map(|(name, (_, balancer))| ((*name).into(), Arc::clone(balancer.cluster())));
        self.clusters.store(active.collect::<ClusterMap>());
    }

    fn look_up(&mut self, name: &str) {
        let Some((core, _)) = self.lives.get_mut(name) else { return };
        for (target, _) in core.names() {
            let count = self.rng.below(5);
            let mut addresses: Vec<IpAddr> = (0..count).map(|_| super::any_ip(&mut self.rng)).collect();
            addresses.sort_unstable();
            addresses.dedup();
            let failure = addresses.is_empty().then(|| {
                let reason = any(&mut self.rng, &[Reason::DnsServerFailure, Reason::DnsNameNotFound]);
                Failure::no_host_left(reason).with_evidence("so it was")
            });
            let (source, took) = ("10.0.0.53:53".into(), Duration::from_millis(1));
            core.resolved(target, &Lookup { addresses, ttl: None, failure, source, took }, self.now);
        }
    }

    /// One check of each host that chance chooses, which `well` of ten pass.
    fn answer(&mut self, name: &str, well: u64) {
        let Some((core, balancer)) = self.lives.get_mut(name) else { return };
        let hosts: Vec<Arc<Host>> = balancer.cluster().host_set().hosts().cloned().collect();
        for host in hosts.iter().filter(|host| host.is_checked()) {
            let outcome = match self.rng.below(20) {
                drawn if drawn < 2 * well => Outcome::Passed { status: Some(200), degraded: drawn == 0 },
                _ => Outcome::Failed(CheckFailure {
                    kind: FailureKind::Active,
                    status: None,
                    leave_alone: false,
                    failure: Failure::new(Reason::HealthCheckServerError).with_evidence("so it was"),
                }),
            };
            if self.rng.below(2) == 0 {
                let label = "GET /".into();
                core.answered(host.id(), 0, &label, outcome, Duration::from_millis(1), self.now);
            }
        }
        core.publish_checks();
    }

    /// A request to a cluster, which asks for a subset where it has some.
    fn ask(&mut self, name: &str) {
        let criteria = self.any_criteria();
        let key = SubsetKey::new(&criteria);
        let hash = self.rng.next();
        let now = self.now.instant;
        let Some((_, balancer)) = self.lives.get_mut(name) else { return };
        let cluster = Arc::clone(balancer.cluster());
        let hosts: Vec<Arc<Host>> = cluster.host_set().hosts().cloned().collect();
        let ask = Ask { hash: Some(hash), subset: key.as_ref(), ..Ask::default() };
        let found = balancer.choose_for(&ask, &|| now);
        let allowed = match &cluster.config().subsets {
            None => Fitting::Some(hosts.clone()),
            Some(config) => fitting(config, &hosts, &criteria),
        };
        match (&allowed, found) {
            (Fitting::Nobody, Err(failure)) => assert_eq!(failure.reason, Reason::NoSubset, "{criteria:?}"),
            (Fitting::Nobody, Ok(choice)) => panic!("{:?} for {criteria:?}, which nobody has", choice.host),
            (Fitting::One(host), found) => assert_eq!(found.unwrap().host.id(), host.id(), "{criteria:?}"),
            (Fitting::Some(those), Ok(choice)) => {
                // Where even the fallback has nobody, any host may do.
                let config = cluster.config().subsets.as_ref();
                let rescued = config.is_some_and(|config| config.panic_mode_any);
                let fits = those.iter().any(|host| host.id() == choice.host.id());
                let nobody = rescued && may_have_nobody(&cluster, those);
                assert!(fits || nobody, "{:?} for {criteria:?} of {those:?}", choice.host);
                let among = if fits { those } else { &hosts };
                check_health(&cluster, among, &choice);
            }
            (Fitting::Some(those), Err(failure)) => {
                assert_ne!(failure.reason, Reason::NoSubset, "{criteria:?} of {those:?}");
                assert!(!failure.evidence.as_deref().unwrap_or_default().is_empty());
                assert!(may_have_nobody(&cluster, those), "{failure:?} of {those:?}");
            }
        }
    }

    /// A request to the aggregate: the first of its members that can take it gets it.
    fn ask_aggregate(&mut self) {
        let map = self.clusters.load();
        let members: Vec<&Arc<Cluster>> = MEMBERS.iter().filter_map(|name| map.get(*name)).collect();
        let Some((member, forced)) = self.aggregate.choose() else {
            return assert!(members.is_empty(), "{} members and none is chosen", members.len());
        };
        let member = Arc::clone(member);
        let at = members.iter().position(|one| Arc::ptr_eq(one, &member));
        let at = at.unwrap_or_else(|| panic!("{} is gone or another by now", member.name()));
        // How much of everything those in front of it can take, and all.
        let (mut before, mut total, mut degraded) = (0, 0, 0);
        for (index, one) in members.iter().enumerate() {
            for (priority, hosts) in one.host_set().priorities().iter().enumerate() {
                let factor = usize::try_from(one.config().overprovisioning_factor).unwrap();
                let relevant = hosts.hosts().len() - usize::try_from(hosts.excluded()).unwrap();
                let part = |usable: usize| (factor * usable).checked_div(relevant).unwrap_or(0).min(100);
                let healthy = part(hosts.healthy().len());
                before += if (index, priority) < (at, forced.priority) { healthy } else { 0 };
                total += healthy;
                degraded += part(hosts.degraded().len());
            }
        }
        let chosen = member.host_set();
        let chosen = &chosen.priorities()[forced.priority];
        if total >= 100 {
            assert!(!forced.degraded, "healthy hosts can take everything");
            assert!(before < 100, "those before {} {} can take everything", member.name(), forced.priority);
        }
        if total + degraded >= 100 || (total + degraded > 0 && self.panic_threshold == 0) {
            let usable = if forced.degraded { chosen.degraded() } else { chosen.healthy() };
            assert!(!usable.is_empty(), "{} {forced:?} has nobody", member.name());
        }
        if member.config().subsets.is_none() && !member.config().lb_policy.hashes() {
            let now = self.now.instant;
            let in_panic = chosen.in_panic();
            let (_, balancer) =
                self.lives.values_mut().find(|(_, one)| Arc::ptr_eq(one.cluster(), &member)).unwrap();
            let ask = Ask { forced: Some(forced), ..Ask::default() };
            if let Ok(choice) = balancer.choose_for(&ask, &|| now) {
                let host = choice.host;
                assert!(member.host_set().hosts().any(|one| one.id() == host.id()), "{host:?} is gone");
                assert_eq!(usize::try_from(host.priority()).unwrap(), forced.priority);
                assert_eq!(choice.panic, in_panic);
                let wanted = if forced.degraded { Health::Degraded } else { Health::Healthy };
                assert!(choice.panic || host.health() == wanted, "{host:?} of {forced:?}");
            }
        }
    }

    /// Many requests to a cluster: each zone has its share of those that go to healthy hosts of the first priority.
    fn count(&mut self, name: &str) {
        let own = self.surroundings.own_cluster.as_deref().and_then(|own| self.clusters.get(own));
        let now = self.now.instant;
        let here = self.here;
        let Some((_, balancer)) = self.lives.get_mut(name) else { return };
        let cluster = Arc::clone(balancer.cluster());
        let config = cluster.config();
        let set = cluster.host_set();
        let first = &set.priorities()[0];
        if config.subsets.is_some()
            || config.lb_policy.hashes()
            || first.in_panic()
            || first.load().0 < 50
            || first.healthy().is_empty()
        {
            return;
        }
        let expected = match &config.locality_lb {
            LocalityLb::Weighted => {
                shares::by_weight(&cluster).unwrap_or_else(|| shares::without_zones(&cluster))
            }
            LocalityLb::ZoneAware(zone_aware) => {
                let plain = shares::without_zones(&cluster);
                let own = own.as_deref();
                // Where the process's own cluster is in panic, nobody knows what is fair.
                let lost = own.is_none_or(|own| {
                    own.host_set().priorities()[0].counts().in_panic(cluster.spread().panic_threshold)
                });
                match shares::with_zones(zone_aware, &cluster, own, here) {
                    Some(_) if lost && config.fail_traffic_on_panic => return,
                    Some(zoned) if !lost => mixed(&zoned, &plain, zone_aware.routing_enabled),
                    _ => plain,
                }
            }
        };
        let (mut seen, mut counted) = (Shares::new(), 0.0);
        for _ in 0..DRAWS {
            let Ok(choice) = balancer.choose(|| now) else { continue };
            if choice.host.priority() == 0 && choice.host.health() == Health::Healthy {
                *seen.entry(shares::zone_of(choice.host)).or_default() += 1.0;
                counted += 1.0;
            }
        }
        let tolerance = TOLERANCE * (f64::from(DRAWS) / f64::max(counted, 1.0)).sqrt();
        for zone in ZONES {
            let seen = seen.get(zone).copied().unwrap_or(0.0) / counted;
            let share = expected.get(zone).copied().unwrap_or(0.0);
            let words = format!("zone {zone} of {name}, here {here}: {seen} for {share}, {expected:?}");
            assert!(
                (seen - share).abs() < tolerance,
                "{words} {:?} {:?}",
                config.locality_lb,
                set.hosts().collect::<Vec<_>>()
            );
        }
    }

    fn any_criteria(&mut self) -> SubsetCriteria {
        let text = |value: &str| Value::String(value.into());
        let mut criteria = SubsetCriteria::new();
        if self.rng.below(3) > 0 {
            criteria.insert("stage".into(), text(any(&mut self.rng, &STAGES)));
        }
        if self.rng.below(3) > 0 {
            criteria.insert("version".into(), text(any(&mut self.rng, &VERSIONS)));
        }
        criteria
    }

    fn any_config(&mut self, name: &str) -> Config {
        let names = self.rng.below(2) == 0;
        let count = 1 + self.rng.below(5);
        let localities: Vec<LocalityEndpoints> = (0..count).map(|at| self.any_locality(at, names)).collect();
        let rng = &mut self.rng;
        let locality_lb = if rng.below(3) == 0 {
            LocalityLb::Weighted
        } else {
            LocalityLb::ZoneAware(ZoneAware {
                routing_enabled: any(rng, &[100, 100, 60]),
                min_cluster_size: rng.below(5),
                force_local_zone: any(rng, &[None, None, Some(2)]),
                basis: any(rng, &[LocalityBasis::HealthyHosts, LocalityBasis::HealthyWeight]),
            })
        };
        let lb_policy = any_policy(rng);
        let subsets = rng.below(2) == 0 && name != OWN;
        let health_checks: Vec<HealthCheck> = (0..any(rng, &[0, 1, 1])).map(|_| http_check("/")).collect();
        Config {
            localities,
            health_checks,
            healthy_panic_threshold: any_threshold(rng),
            fail_traffic_on_panic: rng.below(5) == 0,
            locality_lb,
            lb_policy,
            subsets: subsets.then(|| Arc::new(any_subsets(rng))),
            ..cluster_of(
                name,
                if names { ClusterType::StrictDns(dns_options()) } else { ClusterType::Static },
                Vec::new(),
            )
        }
    }

    fn any_locality(&mut self, at: u64, names: bool) -> LocalityEndpoints {
        let rng = &mut self.rng;
        let count = if names { 1 } else { 1 + rng.below(4) };
        let endpoints = (0..count).map(|n| {
            let address = if names {
                EndpointAddress::Name { host: "app.test".into(), port: u16::try_from(at + 80).unwrap() }
            } else {
                let ip = [10, 1, u8::try_from(at).unwrap(), u8::try_from(n).unwrap()];
                EndpointAddress::Resolved(Address::Ip((ip, 80).into()))
            };
            let mut metadata = Metadata::default();
            let text = |value: &str| Value::String(value.into());
            if rng.below(5) > 0 {
                metadata.set("envoy.lb", "stage", text(any(rng, &STAGES)));
            }
            match rng.below(5) {
                0 => {}
                1 => metadata.set("envoy.lb", "version", Value::List(vec![text("1"), text("3")])),
                _ => metadata.set("envoy.lb", "version", text(any(rng, &VERSIONS))),
            }
            let weight = any(rng, &[1, 1, 3]);
            Endpoint { weight, metadata, ..endpoint(address) }
        });
        let endpoints = endpoints.collect();
        let priority = any(rng, &[0, 0, 0, 1]);
        let locality = Locality { zone: any(rng, &ZONES).into(), ..Locality::default() };
        LocalityEndpoints { locality, priority, weight: u32::try_from(rng.below(4)).unwrap(), endpoints }
    }
}

/// A host that was chosen among these is well, unless too few of them are.
fn check_health(cluster: &Cluster, among: &[Arc<Host>], choice: &Choice<'_>) {
    let host = choice.host;
    assert!(choice.panic || host.health() != Health::Unhealthy, "{host:?}");
    let beside = among.iter().filter(|one| one.priority() == host.priority() && !one.flags().is_excluded());
    let (mut usable, mut counted) = (0, 0);
    for one in beside {
        usable += u32::from(one.health() != Health::Unhealthy);
        counted += 1;
    }
    let threshold = cluster.spread().panic_threshold;
    assert!(
        !choice.panic || usable * 100 < threshold * counted.max(1),
        "{usable} of {counted} are well: {among:?}"
    );
}

/// Whether there may be no host for a request to these: nobody is usable, or too few are and the file says that this is
/// a reason, or what is left to chance leads nowhere.
fn may_have_nobody(cluster: &Cluster, among: &[Arc<Host>]) -> bool {
    let config = cluster.config();
    let usable = among.iter().any(|host| host.health() != Health::Unhealthy);
    let refused = config.fail_traffic_on_panic && cluster.spread().panic_threshold > 0;
    if !usable || refused {
        return true;
    }
    if config.lb_policy.hashes() {
        // Hashes lead to healthy hosts only, and to none of a locality without weight.
        let degraded = among.iter().any(|host| host.health() == Health::Degraded);
        return degraded || config.locality_lb == LocalityLb::Weighted;
    }
    // A request that leaves its zone is lost in a zone that has nobody for it, as in Envoy.
    let zoned = config.locality_lb != LocalityLb::Weighted && cluster.surroundings().own_cluster.is_some();
    let misses = |health| {
        let with = among.iter().filter(|host| host.priority() == 0 && host.health() == health);
        let zones: BTreeSet<String> = with.map(|host| shares::zone_of(host)).collect();
        !zones.is_empty() && zones.len() < ZONES.len()
    };
    zoned && (misses(Health::Healthy) || misses(Health::Degraded))
}

fn mixed(zoned: &Shares, plain: &Shares, percent: u64) -> Shares {
    let part = percent as f64 / 100.0;
    let of = |shares: &Shares, zone: &str| shares.get(zone).copied().unwrap_or(0.0);
    let mix = |zone: &str| part * of(zoned, zone) + (1.0 - part) * of(plain, zone);
    ZONES.iter().map(|zone| ((*zone).to_owned(), mix(zone))).collect()
}

fn any<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[usize::try_from(rng.below(of.len() as u64)).unwrap()]
}

fn any_threshold(rng: &mut Rng) -> f64 {
    any(rng, &[0.0, 0.0, 30.0, 50.0, 100.0])
}

fn any_policy(rng: &mut Rng) -> LbPolicy {
    let hash_function = causeway_model::HashFunction::XxHash;
    let (minimum_ring_size, maximum_ring_size) = (16, 64);
    let least =
        LeastRequest { choice_count: 2, active_request_bias: 1.0, full_scan: false, slow_start: None };
    let (use_hostname, balance_factor) = (false, None);
    let ring = RingHash { minimum_ring_size, maximum_ring_size, hash_function, use_hostname, balance_factor };
    match rng.below(6) {
        0 => LbPolicy::Random,
        1 => LbPolicy::LeastRequest(least),
        2 => LbPolicy::LeastRequest(LeastRequest { full_scan: true, ..least }),
        3 => LbPolicy::RingHash(ring),
        4 => LbPolicy::Maglev(Maglev { table_size: 31, use_hostname, balance_factor }),
        _ => LbPolicy::default(),
    }
}

fn any_subsets(rng: &mut Rng) -> SubsetConfig {
    let (stage, version): (Box<str>, Box<str>) = ("stage".into(), "version".into());
    let keys = [vec![stage.clone()], vec![version.clone()], vec![stage.clone(), version.clone()]];
    let plain = [None, Some(SubsetFallback::None), Some(SubsetFallback::Any), Some(SubsetFallback::Default)];
    let selectors = keys.into_iter().filter_map(|keys| {
        let both = keys.len() == 2;
        let fewer = both && rng.below(2) == 0;
        let selector = SubsetSelector {
            fallback: if fewer { Some(SubsetFallback::Keys) } else { any(rng, &plain) },
            fallback_keys: if fewer {
                vec![if rng.below(2) == 0 { stage.clone() } else { version.clone() }]
            } else {
                Vec::new()
            },
            single_host: rng.below(6) == 0,
            keys,
        };
        (rng.below(4) > 0).then_some(selector)
    });
    let selectors = selectors.collect();
    SubsetConfig {
        fallback: any(rng, &[SubsetFallback::None, SubsetFallback::Any, SubsetFallback::Default]),
        default_subset: [(stage.clone(), Value::String("prod".into()))].into(),
        selectors,
        locality_weight_aware: rng.below(2) == 0,
        scale_locality_weight: rng.below(2) == 0,
        panic_mode_any: rng.below(3) == 0,
        list_as_any: rng.below(2) == 0,
        metadata_fallback_list: false,
    }
}
