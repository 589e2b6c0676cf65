//! Hosts that fail, recover and flap, names that change and vanish, in virtual time: one cluster here, several with
//! subsets, zones and aggregates over them in [`several`].
//!
//! Each run is determined by its seed. A failure names the seed; `CAUSEWAY_SIMULATION_SEED` runs that one
//! alone, `CAUSEWAY_SIMULATION_RUNS` sets how many are run.

mod agents;
mod config;
mod fits;
mod invariants;
mod lines;
mod several;
mod shares;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::{Address, Cluster as Config, HealthCheck, LbPolicy, LocalityLb};
use causeway_reason::{Failure, Reason};
use causeway_stats::Registry;

use crate::balancer::{Ask, LoadBalancer};
use crate::cluster::Cluster;
use crate::cluster_core::{Core, NewCheck, Now, Resolved};
use crate::destinations::Destination;
use crate::dns::Lookup;
use crate::flags::{Health, HealthFlags};
use crate::health::{CheckFailure, FailureKind, Outcome};
use crate::host::{Host, HostId, HostStat};
use crate::outlier::HostResult;
use crate::rng::Rng;
use agents::Said;
use config::{any_config, any_ip};

const RUNS: u64 = 500;
/// Events of one run, before everything is left to recover.
const EVENTS: usize = 250;

#[test]
fn whatever_happens_the_invariants_hold() {
    for_all_seeds(|seed| Simulation::new(seed).run());
}

/// Runs a simulation with one seed after the other, and names the one that fails.
fn for_all_seeds(simulation: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("CAUSEWAY_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAUSEWAY_SIMULATION_RUNS").unwrap_or(RUNS),
    };
    for seed in seeds {
        let run = catch_unwind(AssertUnwindSafe(|| simulation(seed)));
        if let Err(panic) = run {
            eprintln!("run it again with CAUSEWAY_SIMULATION_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// What a host does with checks at the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Degraded,
    /// A bad status.
    Sick,
    Dead,
    Slow,
    /// Anything, by chance.
    Flapping,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Check(HostId, usize),
    Lookup(usize),
    Mood,
    Zone,
    Request,
    Response,
    Outliers,
    Agent,
}

/// What the rules say of one check of one host, from its results alone.
#[derive(Debug, Default)]
struct Oracle {
    results: usize,
    failed: bool,
    /// Of the kind that is not the present state, in a row.
    streak: u32,
}

struct Simulation {
    rng: Rng,
    now: Now,
    began: Instant,
    queue: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    order: u64,
    config: Arc<Config>,
    cluster: Arc<Cluster>,
    core: Core,
    balancer: LoadBalancer,
    hosts: BTreeMap<HostId, Arc<Host>>,
    moods: BTreeMap<String, Mood>,
    zone: Option<Vec<IpAddr>>,
    oracles: BTreeMap<(HostId, usize), Oracle>,
    /// What the agents of hosts have said.
    said: BTreeMap<HostId, Said>,
    generation: u64,
    last_answer: Vec<Address>,
    /// The most hosts there ever were: a share of them may be out.
    most_hosts: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let config = Arc::new(any_config(&mut rng));
        let registry = Registry::new(1);
        let cluster = Arc::new(Cluster::new(Arc::clone(&config), Arc::default(), &registry));
        let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let (core, checks) = Core::start(Arc::clone(&cluster), None, now, rng.split());
        let balancer = LoadBalancer::new(Arc::clone(&cluster), 0, rng.next());
        let mut this = Self {
            rng,
            now,
            began: now.instant,
            queue: BinaryHeap::new(),
            order: 0,
            core,
            balancer,
            hosts: BTreeMap::new(),
            moods: BTreeMap::new(),
            zone: Some(Vec::new()),
            oracles: BTreeMap::new(),
            said: BTreeMap::new(),
            generation: 0,
            last_answer: Vec::new(),
            most_hosts: 0,
            cluster,
            config,
        };
        for host in this.cluster.host_set().hosts() {
            this.meet(host);
        }
        this.begin(checks);
        for (target, _) in this.core.names() {
            this.schedule(Duration::ZERO, Event::Lookup(target));
        }
        for event in [Event::Mood, Event::Zone, Event::Request, Event::Response] {
            let delay = this.millis(100);
            this.schedule(delay, event);
        }
        if let Some(pause) = this.core.outlier_pause() {
            this.schedule(pause, Event::Outliers);
        }
        if this.config.agent_check.is_some() {
            this.schedule(Duration::ZERO, Event::Agent);
        }
        this
    }

    /// What is known of hosts from now on.
    fn meet(&mut self, host: &Arc<Host>) {
        self.hosts.insert(host.id(), Arc::clone(host));
        self.moods.entry(host.address().to_string()).or_insert(Mood::Well);
        self.most_hosts = self.most_hosts.max(self.cluster.host_set().hosts().count());
    }

    fn run(&mut self) {
        lines::keep();
        for _ in 0..EVENTS {
            self.step();
            self.check_invariants();
            self.check_lines();
        }
        self.recover();
    }

    fn step(&mut self) {
        let Reverse((at, _, event)) = self.queue.pop().unwrap();
        if self.now.instant != self.began + at {
            lines::forget();
        }
        self.now.instant = self.began + at;
        self.now.wall = SystemTime::UNIX_EPOCH + at;
        match event {
            Event::Check(host, check) => self.answer(host, check),
            Event::Lookup(target) => self.look_up(target),
            Event::Mood => {
                let names: Vec<String> = self.moods.keys().cloned().collect();
                if !names.is_empty() {
                    let name = names[self.index(names.len())].clone();
                    let mood = self.any_mood();
                    self.moods.insert(name, mood);
                }
                self.again(300, event);
            }
            Event::Zone => {
                self.zone = match self.index(5) {
                    0 => None,
                    n => Some((0..n).map(|_| any_ip(&mut self.rng)).collect()),
                };
                self.again(2000, event);
            }
            Event::Request => {
                self.request();
                self.again(50, event);
            }
            Event::Response => {
                self.refuse_by_response();
                self.again(1500, event);
            }
            Event::Outliers => self.compare_outliers(),
            Event::Agent => {
                self.hear_an_agent();
                self.again(200, event);
            }
        }
    }

    fn answer(&mut self, id: HostId, check: usize) {
        let host = Arc::clone(&self.hosts[&id]);
        let mood = self.mood(&host);
        let outcome = self.outcome(mood);
        let threshold = &self.config.health_checks[check];
        let label = "GET /".into();
        let given = outcome.clone();
        let Some(next) = self.core.answered(id, check, &label, outcome, Duration::from_millis(1), self.now)
        else {
            assert!(self.cluster.host_set().hosts().all(|host| host.id() != id), "a host that is there");
            return;
        };
        self.core.publish_checks();
        self.oracles.entry((id, check)).or_default().take(&given, threshold);
        let pauses = [
            threshold.interval,
            threshold.unhealthy_interval.unwrap_or(threshold.interval),
            threshold.healthy_edge_interval.unwrap_or(threshold.interval),
        ];
        let longest = pauses.into_iter().max().unwrap() + threshold.interval_jitter;
        assert!(next <= longest, "{next:?} is longer than {longest:?}");
        self.schedule_in(next, Event::Check(id, check));
    }

    fn look_up(&mut self, target: usize) {
        let before: Vec<Address> = self.addresses();
        let failure = |reason| Some(Failure::no_host_left(reason).with_evidence("so it was"));
        let (addresses, failure) = match &self.zone {
            None => (Vec::new(), failure(Reason::DnsServerFailure)),
            Some(none) if none.is_empty() => (Vec::new(), failure(Reason::DnsNameNotFound)),
            Some(some) => (some.clone(), None),
        };
        let mut unique: Vec<IpAddr> = Vec::new();
        for address in addresses {
            if !unique.contains(&address) {
                unique.push(address);
            }
        }
        let failed = self.zone.is_none();
        let lookup = Lookup {
            addresses: unique.clone(),
            ttl: None,
            failure,
            source: "10.0.0.53:53".into(),
            took: Duration::from_millis(1),
        };
        let Resolved { next, begin, end } = self.core.resolved(target, &lookup, self.now).unwrap();
        let after = self.addresses();
        if failed {
            assert_eq!(before, after, "a failed look-up changed the hosts");
        } else {
            for ip in &unique {
                assert!(after.iter().any(|address| address.ip().unwrap().ip() == *ip), "{ip} is missing");
            }
            for host in self.cluster.host_set().hosts() {
                let known = unique.contains(&host.address().ip().unwrap().ip());
                let flagged = host.flags().any(HealthFlags::PENDING_DYNAMIC_REMOVAL);
                assert_eq!(known, !flagged, "{host:?}");
                assert!(known || !host.flags().any(HealthFlags::FAILED_ACTIVE_HC), "{host:?}");
            }
        }
        self.last_answer = after;
        for id in end {
            self.hosts.remove(&id);
            self.oracles.retain(|(host, _), _| *host != id);
            self.said.remove(&id);
            self.queue
                .retain(|Reverse((_, _, event))| !matches!(event, Event::Check(host, _) if *host == id));
        }
        for host in self.cluster.host_set().hosts() {
            self.meet(host);
        }
        self.begin(begin);
        self.schedule_in(next, Event::Lookup(target));
    }

    fn request(&mut self) {
        let now = self.now.instant;
        let set = self.cluster.host_set();
        let usable = set.hosts().filter(|host| host.health() != Health::Unhealthy).count();
        let hash = (self.index(2) == 0).then(|| self.rng.next());
        let passed_over = |host: &Host| host.weight() > 2;
        let ask = Ask {
            hash,
            draws: 3,
            passed_over: Some(&passed_over),
            left_out: &[],
            forced: None,
            subset: None,
            destination: Destination::Unknown,
        };
        match self.balancer.choose_for(&ask, &|| now) {
            Ok(choice) => {
                // It runs for as long as the simulation, or ends at once.
                if hash.is_some_and(|hash| hash % 3 == 0) {
                    choice.host.cells(0).inc(HostStat::RqActive);
                }
                assert!(set.hosts().any(|host| host.id() == choice.host.id()), "a host that is gone");
                let at = usize::try_from(choice.host.priority()).unwrap();
                assert_eq!(choice.panic, set.priorities()[at].in_panic());
                assert!(choice.panic || choice.host.health() != Health::Unhealthy, "{:?}", choice.host);
                assert!(!choice.host.is_withdrawn(), "{:?}", choice.host);
                let host = Arc::clone(choice.host);
                self.report(&host);
            }
            Err(failure) => {
                assert!(!failure.evidence.as_deref().unwrap_or_default().is_empty());
                assert_eq!(failure.answer().status, 503);
                // Hashes lead to healthy hosts only, and to none of a locality without weight.
                let degraded = set.hosts().any(|host| host.health() == Health::Degraded);
                let weight = |wanted: fn(u32) -> bool| {
                    self.config.localities.iter().any(|locality| wanted(locality.weight))
                };
                let weightless = weight(|weight| weight > 0) && weight(|weight| weight == 0);
                let missed = self.config.lb_policy.hashes() && (degraded || weightless);
                let usable = if missed { 0 } else { usable };
                let in_panic = set.priorities().iter().any(|priority| priority.in_panic());
                assert!(usable == 0 || in_panic, "{usable} hosts are usable: {failure:?}");
            }
        }
    }

    /// What becomes of a request is as the host is.
    fn report(&mut self, host: &Host) {
        let results: &[HostResult] = match self.mood(host) {
            Mood::Well | Mood::Flapping => &[HostResult::Connected, HostResult::Answered(200)],
            Mood::Degraded => &[HostResult::Connected, HostResult::Answered(200), HostResult::Degraded],
            Mood::Sick => &[HostResult::Connected, HostResult::Answered(503)],
            Mood::Dead => &[HostResult::Failed],
            Mood::Slow => &[HostResult::Connected, HostResult::TimedOut],
        };
        for result in results {
            self.cluster.note_result(host, *result);
        }
        self.core.look_for_outliers(self.now);
    }

    fn compare_outliers(&mut self) {
        self.core.compare_outliers(self.now);
        if let Some(pause) = self.core.outlier_pause() {
            self.schedule_in(pause, Event::Outliers);
        }
    }

    fn refuse_by_response(&mut self) {
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.index(ids.len())];
        let host = Arc::clone(&self.hosts[&id]);
        self.cluster.note_immediate_health_check_fail(&host);
        self.core.failed_by_response(self.now);
        if host.is_checked() {
            assert!(host.flags().any(HealthFlags::EXCLUDED_VIA_IMMEDIATE_HC_FAIL), "{host:?}");
            let oracle = self.oracles.entry((host.id(), 0)).or_default();
            oracle.results += 1;
            oracle.failed = true;
            oracle.streak = 0;
        }
    }

    /// Everything is well again: soon every host that is named is used, in turn.
    fn recover(&mut self) {
        self.zone = Some(vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])]);
        let until = self.now.instant - self.began + Duration::from_secs(15);
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at < until) {
            let Reverse((at, _, event)) = self.queue.pop().unwrap();
            self.now.instant = self.began + at;
            for mood in self.moods.values_mut() {
                *mood = Mood::Well;
            }
            self.bring_agents_back();
            match event {
                Event::Check(host, check) => self.answer(host, check),
                Event::Lookup(target) => self.look_up(target),
                Event::Outliers => self.compare_outliers(),
                Event::Mood | Event::Zone | Event::Request | Event::Response | Event::Agent => {}
            }
            self.check_invariants();
        }
        assert!(self.cluster.is_warm());
        let set = self.cluster.host_set();
        let well = |host: &&Arc<Host>| host.health() == Health::Healthy;
        let count = set.hosts().count();
        assert_eq!(set.hosts().filter(well).count(), count, "{:?}", set.hosts().collect::<Vec<_>>());
        let first = set.priorities()[0].hosts();
        let same_weights = first.iter().all(|host| host.weight() == first[0].weight());
        let plain =
            self.config.lb_policy == LbPolicy::default() && self.config.locality_lb == LocalityLb::default();
        if plain && same_weights && !first.is_empty() {
            let mut turn: Vec<HostId> =
                first.iter().map(|_| self.balancer.choose(Instant::now).unwrap().host.id()).collect();
            turn.sort_unstable();
            turn.dedup();
            assert_eq!(turn.len(), first.len(), "everyone has a turn");
        }
    }

    fn begin(&mut self, checks: Vec<NewCheck>) {
        for check in checks {
            self.meet(&check.host);
            self.schedule_in(check.delay, Event::Check(check.host.id(), check.index));
        }
    }

    fn addresses(&self) -> Vec<Address> {
        self.cluster.host_set().hosts().map(|host| (*host.address()).clone()).collect()
    }

    fn mood(&mut self, host: &Host) -> Mood {
        match self.moods.get(&host.address().to_string()) {
            Some(Mood::Flapping) => self.any_mood(),
            Some(mood) => *mood,
            None => Mood::Well,
        }
    }

    fn any_mood(&mut self) -> Mood {
        [Mood::Well, Mood::Degraded, Mood::Sick, Mood::Dead, Mood::Slow, Mood::Flapping, Mood::Well]
            [self.index(7)]
    }

    fn outcome(&self, mood: Mood) -> Outcome {
        let failed = |kind, reason| {
            let failure = Failure::new(reason).with_evidence("so it was");
            Outcome::Failed(CheckFailure { kind, status: None, leave_alone: false, failure })
        };
        match mood {
            Mood::Well | Mood::Flapping => Outcome::Passed { status: Some(200), degraded: false },
            Mood::Degraded => Outcome::Passed { status: Some(200), degraded: true },
            Mood::Sick => failed(FailureKind::Active, Reason::HealthCheckServerError),
            Mood::Dead => failed(FailureKind::Network, Reason::ConnectRefused),
            Mood::Slow => failed(FailureKind::NetworkTimeout, Reason::HealthCheckTimeout),
        }
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.rng.below(u64::try_from(below).unwrap())).unwrap()
    }

    fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.rng.below(below))
    }

    fn again(&mut self, below: u64, event: Event) {
        let delay = self.millis(below);
        self.schedule_in(delay, event);
    }

    fn schedule_in(&mut self, delay: Duration, event: Event) {
        self.schedule(self.now.instant - self.began + delay, event);
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((at, self.order, event)));
    }
}

impl Oracle {
    fn take(&mut self, outcome: &Outcome, check: &HealthCheck) {
        let first = self.results == 0;
        self.results += 1;
        match outcome {
            Outcome::Passed { .. } if self.failed || first => {
                self.streak += 1;
                if first || self.streak >= check.healthy_threshold {
                    *self = Self { results: self.results, failed: false, streak: 0 };
                }
            }
            Outcome::Failed(_) if first => *self = Self { results: 1, failed: true, streak: 0 },
            Outcome::Failed(failure) if !self.failed => {
                self.streak += 1;
                let at_once = failure.kind == FailureKind::Active;
                if at_once || self.streak >= check.unhealthy_threshold {
                    *self = Self { results: self.results, failed: true, streak: 0 };
                }
            }
            Outcome::Passed { .. } | Outcome::Failed(_) => self.streak = 0,
        }
    }
}
