//! What keeps one cluster up to date: look-ups and health checks, on the main thread.
//!
//! Decisions are made by [`Members`] and [`Session`]; this puts them on the clock and the network, and
//! publishes what comes of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::{Address, HealthCheck, HealthChecker};
use causeway_reason::{Failure, Reason};
use causeway_stats::Shard;
use tokio::task::{JoinHandle, spawn_local};

use crate::cluster::Cluster;
use crate::dns::{Lookup, Outcome as DnsOutcome, Resolvers};
use crate::flags::{Health, HealthFlags};
use crate::health::events::{self, EventLog};
use crate::health::{CheckReport, Event, Outcome, Prober, Session};
use crate::host::{Host, HostId};
use crate::host_set::HostSet;
use crate::members::Members;
use crate::report;
use crate::rng::Rng;
use crate::stats::{ClusterStat, HealthCheckStat};

/// Keeps a cluster up to date for as long as it lives.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    stats: Shard<ClusterStat>,
    check_stats: Option<Shard<HealthCheckStat>>,
    /// One for each health check of the cluster.
    event_logs: Vec<Option<Rc<EventLog>>>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    members: Members,
    checked: HashMap<HostId, Checked>,
    tasks: Vec<Task>,
    rng: Rng,
    /// Names that were not answered yet, by their targets.
    unanswered: Vec<usize>,
}

/// A host that is checked.
#[derive(Debug)]
struct Checked {
    host: Arc<Host>,
    /// One for each health check of the cluster.
    sessions: Vec<Session>,
    /// Held only so that the checks end with this.
    _tasks: Vec<Task>,
}

/// A task that ends with whoever holds it.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    /// Begins to keep a cluster up to date. `former` is the driver of the cluster before it was changed:
    /// what its health checks found still holds for hosts at the same address, if the checks are the same.
    /// Needs a `LocalSet` or a local runtime around it.
    pub(crate) fn start(
        cluster: Arc<Cluster>,
        former: Option<&Self>,
        resolvers: &Rc<Resolvers>,
        event_logs: Vec<Option<Rc<EventLog>>>,
        mut rng: Rng,
    ) -> Self {
        let config = Arc::clone(cluster.config());
        let registry = cluster.registry();
        let main = registry.main_shard();
        let check_stats = (!config.health_checks.is_empty())
            .then(|| registry.scope(cluster.stats().name().clone()).shard(main));
        let mut members = Members::new(Arc::clone(&config), main + 1);
        let former = former.map(|former| (former.shared.cluster.config(), former.shared.state.borrow()));
        let hosts = members.start(former.as_ref().map(|(_, state)| &state.members));
        let known: Vec<&Checked> = match &former {
            Some((former, state)) if former.health_checks == config.health_checks => {
                state.checked.values().collect()
            }
            _ => Vec::new(),
        };
        let inherited = hosts.iter().map(|host| inherit(host, &known)).collect::<Vec<_>>();
        drop(former);
        let names = members.names();
        let shared = Rc::new(Shared {
            stats: cluster.stats().shard(main),
            check_stats,
            event_logs,
            state: RefCell::new(State {
                unanswered: names.iter().map(|(target, _)| *target).collect(),
                checked: HashMap::new(),
                tasks: Vec::new(),
                rng: rng.split(),
                members,
            }),
            cluster,
        });
        let literals = u64::try_from(shared.state.borrow().members.literals()).unwrap_or(0);
        shared.stats.add(ClusterStat::UpdateAttempt, literals);
        shared.stats.add(ClusterStat::UpdateSuccess, literals);
        for (host, sessions) in hosts.iter().zip(inherited) {
            shared.admit(host, sessions);
        }
        shared.publish(!hosts.is_empty());
        for (target, name) in names {
            let task = spawn_local(resolve(Rc::downgrade(&shared), Rc::clone(resolvers), target, name));
            shared.state.borrow_mut().tasks.push(Task(task));
        }
        if shared.check_stats.is_some() {
            let cluster = Arc::clone(&shared.cluster);
            let task = spawn_local(watch_responses(Rc::downgrade(&shared), cluster));
            shared.state.borrow_mut().tasks.push(Task(task));
        }
        shared.note_progress();
        Self { shared }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.shared.cluster
    }
}

/// What is known of a host at the same address that was checked in the same way.
fn inherit(host: &Arc<Host>, known: &[&Checked]) -> Option<Vec<Session>> {
    let same = |other: &&&Checked| {
        *other.host.address() == *host.address() && other.host.settings().check == host.settings().check
    };
    let former = known.iter().find(same)?;
    host.inherit(&former.host);
    Some(former.sessions.clone())
}

/// Looks a name up, for ever.
async fn resolve(shared: Weak<Shared>, resolvers: Rc<Resolvers>, target: usize, name: Arc<str>) {
    loop {
        let options = {
            let Some(shared) = shared.upgrade() else { return };
            shared.stats.inc(ClusterStat::UpdateAttempt);
            let Some(options) = shared.state.borrow().members.dns().cloned() else { return };
            options
        };
        let lookup = resolvers.lookup(&options.resolver, &name, options.lookup_family).await;
        let pause = {
            let Some(shared) = shared.upgrade() else { return };
            let Some(pause) = shared.resolved(target, &lookup) else { return };
            pause
        };
        tokio::time::sleep(pause).await;
    }
}

/// Checks a host, for ever.
async fn check(
    shared: Weak<Shared>,
    host: Arc<Host>,
    index: usize,
    config: Arc<HealthCheck>,
    mut prober: Prober,
    first: Duration,
) {
    let mut pause = first;
    loop {
        tokio::time::sleep(pause).await;
        {
            let Some(shared) = shared.upgrade() else { return };
            shared.count_check(HealthCheckStat::Attempt);
        }
        let (outcome, took) = prober.check(&check_address(&host, &config)).await;
        let Some(shared) = shared.upgrade() else { return };
        let Some(next) = shared.answered(host.id(), index, prober.label(), outcome, took) else { return };
        pause = next;
    }
}

/// Takes notice of responses that asked for no more traffic.
async fn watch_responses(shared: Weak<Shared>, cluster: Arc<Cluster>) {
    loop {
        cluster.failed_now.notified().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.failed_by_response();
    }
}

/// Where checks of a host go: the endpoint's own settings come before those of the check.
fn check_address(host: &Host, config: &HealthCheck) -> Address {
    let target = &host.settings().check;
    let port = target.port.or(config.alt_port);
    match (target.address.map(Address::Ip).unwrap_or_else(|| (*host.address()).clone()), port) {
        (Address::Ip(mut ip), Some(port)) => {
            ip.set_port(port);
            Address::Ip(ip)
        }
        (address, _) => address,
    }
}

impl Shared {
    /// Begins to check a host, where it is to be checked.
    fn admit(self: &Rc<Self>, host: &Arc<Host>, inherited: Option<Vec<Session>>) {
        self.stats.inc(ClusterStat::DefaultTotalMatchCount);
        if !host.is_checked {
            return;
        }
        let config = self.cluster.config();
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        let reports = host.check_reports();
        let was_inherited = inherited.is_some();
        let sessions = inherited.unwrap_or_else(|| {
            config.health_checks.iter().map(|check| Session::new(Arc::new(check.clone()))).collect()
        });
        let mut tasks = Vec::new();
        for (index, session) in sessions.iter().enumerate() {
            let first = match reports.get(index).filter(|_| was_inherited) {
                Some(report) => report.next.saturating_duration_since(now),
                None => session.first_delay(&mut state.rng),
            };
            let config = Arc::clone(session.config());
            let prober = Prober::new(Arc::clone(&config), host_header(host, &config, self.cluster.name()));
            let task = check(Rc::downgrade(self), Arc::clone(host), index, config, prober, first);
            tasks.push(Task(spawn_local(task)));
        }
        let checked = Checked { host: Arc::clone(host), sessions, _tasks: tasks };
        state.checked.insert(host.id(), checked);
    }

    /// Takes the result of a look-up; gives the time to the next.
    fn resolved(self: &Rc<Self>, target: usize, lookup: &Lookup) -> Option<Duration> {
        let (before, delta, pause, after, logical) = {
            let state = &mut *self.state.borrow_mut();
            let before = state.members.report(target).cloned();
            let (delta, pause) = state.members.resolved(target, lookup, Instant::now(), &mut state.rng)?;
            state.unanswered.retain(|waiting| *waiting != target);
            for host in &delta.removed {
                state.checked.remove(&host.id());
            }
            let after = state.members.report(target).cloned();
            (before, delta, pause, after, state.members.is_logical())
        };
        match (lookup.outcome(), logical) {
            (DnsOutcome::Found, _) | (DnsOutcome::Nothing, false) => {
                self.stats.inc(ClusterStat::UpdateSuccess);
            }
            (DnsOutcome::Failed, _) | (DnsOutcome::Nothing, true) => {
                self.stats.inc(ClusterStat::UpdateFailure);
            }
        }
        let failed = lookup.outcome() == DnsOutcome::Failed;
        if !logical && !failed && !delta.is_new_set() {
            self.stats.inc(ClusterStat::UpdateNoRebuild);
        }
        for host in &delta.added {
            self.admit(host, None);
        }
        self.cluster.publish_names(self.state.borrow().members.reports());
        if let Some(after) = &after {
            report::name(self.cluster.name(), before.as_deref(), after);
        }
        if delta.is_new_set() || delta.changed {
            self.publish(delta.is_new_set());
            if !logical {
                let hosts = self.cluster.host_set();
                let heaviest = hosts.hosts().map(|host| i64::from(host.weight())).max().unwrap_or(0);
                self.stats.set(ClusterStat::MaxHostWeight, heaviest);
            }
        }
        self.note_progress();
        Some(pause)
    }

    /// Takes the result of a check; gives the time to the next.
    fn answered(
        &self,
        id: HostId,
        index: usize,
        label: &Arc<str>,
        outcome: Outcome,
        took: Duration,
    ) -> Option<Duration> {
        let now = Instant::now();
        let (host, verdict, flags, first, config) = {
            let state = &mut *self.state.borrow_mut();
            let checked = state.checked.get_mut(&id)?;
            let session = checked.sessions.get_mut(index)?;
            let first = session.is_first();
            let verdict = session.handle(&outcome, self.cluster.had_traffic(), &mut state.rng);
            let config = Arc::clone(session.config());
            (Arc::clone(&checked.host), verdict, self.flags_of(checked), first, config)
        };
        let (failure, status) = match outcome {
            Outcome::Passed { status, .. } => {
                self.count_check(HealthCheckStat::Success);
                (None, status)
            }
            Outcome::Failed(failed) => {
                self.count_check(HealthCheckStat::Failure);
                if failed.kind.is_network() {
                    self.count_check(HealthCheckStat::NetworkFailure);
                }
                (Some(failed.failure), failed.status)
            }
        };
        let found = Arc::new(CheckReport {
            check: Arc::clone(label),
            failure,
            status,
            at: now,
            at_wall: SystemTime::now(),
            took,
            next: now + verdict.next,
        });
        host.set_report(index, Arc::clone(&found));
        self.write_events(index, &config, &host, &verdict.events);
        self.set_flags(&host, flags, first, &found);
        if first {
            self.note_progress();
        }
        Some(verdict.next)
    }

    /// Takes hosts out of use whose responses said so.
    fn failed_by_response(&self) {
        let now = Instant::now();
        let mut failed = Vec::new();
        {
            let state = &mut *self.state.borrow_mut();
            for checked in state.checked.values_mut().filter(|checked| checked.host.take_failed_now()) {
                let Some(session) = checked.sessions.first_mut() else { continue };
                let (_, events) = session.fail_passively();
                let config = Arc::clone(session.config());
                failed.push((Arc::clone(&checked.host), events, config, self.flags_of(checked)));
            }
        }
        for (host, events, config, flags) in failed {
            self.count_check(HealthCheckStat::Failure);
            self.count_check(HealthCheckStat::PassiveFailure);
            let words = "a response said x-envoy-immediate-health-check-fail";
            let failure = Failure::new(Reason::HealthCheckServerError).with_evidence(words);
            let last = host.check_reports().into_iter().next();
            let found = Arc::new(CheckReport {
                check: "response".into(),
                failure: Some(failure),
                status: None,
                at: now,
                at_wall: SystemTime::now(),
                took: Duration::ZERO,
                next: last.map_or(now, |last| last.next),
            });
            host.set_report(0, Arc::clone(&found));
            self.write_events(0, &config, &host, &events);
            self.set_flags(&host, flags, false, &found);
        }
    }

    /// The flags that all checks of a host give it together, and those that others gave it.
    fn flags_of(&self, checked: &Checked) -> HealthFlags {
        let pending = self.cluster.config().ignore_new_hosts_until_first_health_check;
        let others = checked.host.flags().with(HealthFlags::BY_CHECKS, false);
        checked.sessions.iter().fold(others, |flags, session| flags | session.flags(pending))
    }

    /// Publishes what a check changed, and says so. The first result of a host is news in any case.
    fn set_flags(&self, host: &Host, flags: HealthFlags, first: bool, found: &CheckReport) {
        let before = host.flags();
        host.set_flags(flags);
        if before != flags {
            self.publish(false);
        }
        let failed = |flags: HealthFlags| flags.any(HealthFlags::FAILED_ACTIVE_HC);
        let degraded = |flags: HealthFlags| flags.health() == Health::Degraded;
        if first || failed(before) != failed(flags) || degraded(before) != degraded(flags) {
            report::health(&self.cluster, host, found);
        }
    }

    /// Publishes a snapshot of the hosts. `new_set` says that there are others than before.
    fn publish(&self, new_set: bool) {
        let hosts = HostSet::new(self.state.borrow().members.by_priority(), self.cluster.spread());
        let total: usize = hosts.priorities().iter().map(|priority| priority.hosts().len()).sum();
        let degraded: usize = hosts.priorities().iter().map(|priority| priority.degraded().len()).sum();
        let excluded: u32 = hosts.priorities().iter().map(|priority| priority.excluded()).sum();
        let gauge = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.stats.set(ClusterStat::MembershipTotal, gauge(total));
        self.stats.set(ClusterStat::MembershipHealthy, gauge(hosts.healthy_count()));
        self.stats.set(ClusterStat::MembershipDegraded, gauge(degraded));
        self.stats.set(ClusterStat::MembershipExcluded, i64::from(excluded));
        if new_set {
            self.stats.inc(ClusterStat::MembershipChange);
        }
        if let Some(stats) = &self.check_stats {
            let with = |wanted: &dyn Fn(HealthFlags) -> bool| {
                gauge(hosts.hosts().filter(|host| host.is_checked && wanted(host.flags())).count())
            };
            stats.set(HealthCheckStat::Healthy, with(&|flags| !flags.any(HealthFlags::FAILED_ACTIVE_HC)));
            stats.set(HealthCheckStat::Degraded, with(&|flags| flags.any(HealthFlags::DEGRADED_ACTIVE_HC)));
        }
        self.cluster.publish(hosts);
    }

    /// Looks whether the cluster has become warm: all names answered, all hosts checked once.
    fn note_progress(&self) {
        if self.cluster.is_warm() {
            return;
        }
        let warm = {
            let state = self.state.borrow();
            let waits = |checked: &Checked| checked.sessions.iter().any(Session::is_first);
            state.unanswered.is_empty() && !state.checked.values().any(waits)
        };
        if warm {
            self.stats.set(ClusterStat::WarmingState, 0);
            self.cluster.set_warm();
        }
    }

    fn write_events(&self, index: usize, config: &HealthCheck, host: &Host, events: &[Event]) {
        if let Some(Some(log)) = self.event_logs.get(index) {
            let now = SystemTime::now();
            for event in events {
                log.write(&events::line(*event, config, self.cluster.name(), host, now));
            }
        }
    }

    fn count_check(&self, stat: HealthCheckStat) {
        if let Some(stats) = &self.check_stats {
            stats.inc(stat);
        }
    }
}

/// `Host` of HTTP checks: the endpoint's own, the check's, the cluster's name.
fn host_header(host: &Host, config: &HealthCheck, cluster: &str) -> Box<str> {
    let own = &*host.settings().check.hostname;
    let checks = match &config.checker {
        HealthChecker::Http(http) => &*http.host,
        HealthChecker::Tcp(_) => "",
    };
    [own, checks].into_iter().find(|name| !name.is_empty()).unwrap_or(cluster).into()
}
