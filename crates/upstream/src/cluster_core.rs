//! What decides about a cluster: which hosts it has, and what their health is.
//!
//! Results of look-ups and checks go in, with the time at which they came; times for the next ones come
//! out, and a new snapshot of the hosts is published to the workers. No socket, no clock.

mod agents;
mod destinations;
mod known;
mod outliers;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::{DnsOptions, HealthCheck};
use causeway_reason::{Failure, Reason};
use causeway_stats::Shard;

use crate::cluster::Cluster;
use crate::dns::{Lookup, Outcome as DnsOutcome};
use crate::flags::{Health, HealthFlags};
use crate::health::{CheckReport, Event, Outcome, Session, events};
use crate::host::{Host, HostId};
use crate::host_set::HostSet;
use crate::life::HostChange;
use crate::members::Members;
use crate::outlier::Detector;
use crate::report;
use crate::rng::Rng;
use crate::stats::{ClusterStat, HealthCheckStat};
use known::Known;

/// The state of a cluster, on the main thread.
#[derive(Debug)]
pub(crate) struct Core {
    cluster: Arc<Cluster>,
    stats: Shard<ClusterStat>,
    check_stats: Option<Shard<HealthCheckStat>>,
    members: Members,
    checked: HashMap<HostId, Checked>,
    /// Where outliers are looked for.
    outliers: Option<Detector>,
    rng: Rng,
    /// Names that were not answered yet, by their targets.
    unanswered: Vec<usize>,
    /// Lines for the event logs that were not fetched yet.
    lines: Vec<EventLine>,
    /// The subsets that can be asked for.
    subsets: RefCell<BTreeSet<String>>,
    /// How many of the hosts are healthy.
    tally: Tally,
    /// Checks or agents have changed flags or weights since the last snapshot.
    outdated: bool,
    /// Hosts whose agents are to be asked from now on.
    new_agents: Vec<Arc<Host>>,
}

/// A host that is checked.
#[derive(Debug)]
struct Checked {
    host: Arc<Host>,
    /// One for each health check of the cluster.
    sessions: Vec<Session>,
}

/// A health check that is to begin.
#[derive(Debug)]
pub(crate) struct NewCheck {
    pub(crate) host: Arc<Host>,
    /// Which of the cluster's checks.
    pub(crate) index: usize,
    pub(crate) config: Arc<HealthCheck>,
    /// Time to the first one.
    pub(crate) delay: Duration,
}

/// A line for an event log of the cluster.
#[derive(Debug)]
pub(crate) struct EventLine {
    pub(crate) log: EventLog,
    pub(crate) line: String,
}

/// One of the event logs that a cluster may have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EventLog {
    /// That of one of its checks.
    Check(usize),
    Outliers,
}

/// What a look-up came to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Time to the next one.
    pub(crate) next: Duration,
    pub(crate) begin: Vec<NewCheck>,
    /// Hosts that are gone: their checks end.
    pub(crate) end: Vec<HostId>,
}

/// How many hosts there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) healthy: usize,
    pub(crate) total: usize,
}

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: SystemTime,
}

impl Core {
    /// The state of a cluster at its beginning, and the checks that are to begin. `former` is the state of
    /// the cluster before it was changed: what its health checks found still holds for hosts at the same
    /// address, if the checks are the same.
    pub(crate) fn start(
        cluster: Arc<Cluster>,
        former: Option<&Self>,
        now: Now,
        mut rng: Rng,
    ) -> (Self, Vec<NewCheck>) {
        let config = Arc::clone(cluster.config());
        let main = cluster.registry().main_shard();
        let check_stats = (!config.health_checks.is_empty())
            .then(|| cluster.registry().scope(cluster.stats().name().clone()).shard(main));
        let mut members = Members::new(Arc::clone(&config), main + 1);
        let outliers = members.outliers().map(|detection| {
            let stats = cluster.registry().scope(cluster.stats().name().clone()).shard(main);
            Detector::new(detection, stats, rng.split())
        });
        let hosts = members.start(former.map(|former| &former.members));
        let mut this = Self {
            stats: cluster.stats().shard(main),
            check_stats,
            checked: HashMap::new(),
            outliers,
            rng,
            unanswered: members.names().iter().map(|(target, _)| *target).collect(),
            lines: Vec::new(),
            subsets: RefCell::default(),
            tally: Tally::default(),
            outdated: false,
            new_agents: Vec::new(),
            members,
            cluster,
        };
        let literals = u64::try_from(this.members.literals()).unwrap_or(0);
        this.stats.add(ClusterStat::UpdateAttempt, literals);
        this.stats.add(ClusterStat::UpdateSuccess, literals);
        let same_checks =
            former.is_some_and(|former| former.cluster.config().health_checks == config.health_checks);
        let known = former.map(Known::of);
        let mut begin = Vec::new();
        for host in &hosts {
            let inherited = known.as_ref().filter(|_| same_checks).and_then(|known| known.hand_over(host));
            this.be_born(host, known.as_ref(), now);
            begin.extend(this.admit(host, inherited, now.instant));
        }
        this.publish(!hosts.is_empty());
        this.note_progress();
        (this, begin)
    }

    /// The names to look up: their target's number and the name.
    pub(crate) fn names(&self) -> Vec<(usize, Arc<str>)> {
        self.members.names()
    }

    /// How names are looked up.
    pub(crate) fn dns(&self) -> Option<&DnsOptions> {
        self.members.dns()
    }

    /// Lines for the event logs since this was last asked.
    pub(crate) fn take_lines(&mut self) -> Vec<EventLine> {
        std::mem::take(&mut self.lines)
    }

    /// Counts a look-up that begins.
    pub(crate) fn note_lookup(&self) {
        self.stats.inc(ClusterStat::UpdateAttempt);
    }

    /// Counts a check that begins.
    pub(crate) fn note_check(&self) {
        self.count_check(HealthCheckStat::Attempt);
    }

    /// Takes the result of a look-up; `None` where the target has no name.
    pub(crate) fn resolved(&mut self, target: usize, lookup: &Lookup, now: Now) -> Option<Resolved> {
        let before = self.members.report(target).cloned();
        let (delta, next) = self.members.resolved(target, lookup, now.instant, &mut self.rng)?;
        self.unanswered.retain(|waiting| *waiting != target);
        for host in &delta.removed {
            self.checked.remove(&host.id());
            if let Some(outliers) = &mut self.outliers {
                outliers.remove(host.id());
            }
        }
        let logical = self.members.is_logical();
        match (lookup.outcome(), logical) {
            (DnsOutcome::Found, _) | (DnsOutcome::Nothing, false) => {
                self.stats.inc(ClusterStat::UpdateSuccess);
            }
            (DnsOutcome::Failed, _) | (DnsOutcome::Nothing, true) => {
                self.stats.inc(ClusterStat::UpdateFailure);
            }
        }
        if !logical && lookup.outcome() != DnsOutcome::Failed && !delta.is_new_set() {
            self.stats.inc(ClusterStat::UpdateNoRebuild);
        }
        let mut begin = Vec::new();
        for host in &delta.added {
            self.be_born(host, None, now);
            begin.extend(self.admit(host, None, now.instant));
        }
        for host in &delta.marked {
            let cause = report::removal(&self.cluster, host);
            self.note_life(host, cause, now);
        }
        self.cluster.publish_names(self.members.reports());
        if let Some(after) = self.members.report(target) {
            report::name(self.cluster.name(), before.as_deref(), after);
        }
        if delta.is_new_set() || delta.changed || !delta.marked.is_empty() {
            self.publish(delta.is_new_set());
            if !logical {
                let heaviest = self.members.hosts().iter().map(|host| i64::from(host.weight())).max();
                self.stats.set(ClusterStat::MaxHostWeight, heaviest.unwrap_or(0));
            }
        }
        self.note_progress();
        let end = delta.removed.iter().map(|host| host.id()).collect();
        Some(Resolved { next, begin, end })
    }

    /// Takes the result of a check; gives the time to the next, or `None` where the host is gone. `label`
    /// says what was asked. What it changes is published by [`Self::publish_checks`], if nothing else does it before.
    pub(crate) fn answered(
        &mut self,
        id: HostId,
        check: usize,
        label: &Arc<str>,
        outcome: Outcome,
        took: Duration,
        now: Now,
    ) -> Option<Duration> {
        let checked = self.checked.get_mut(&id)?;
        let session = checked.sessions.get_mut(check)?;
        let first = session.is_first();
        let verdict = session.handle(&outcome, self.cluster.had_traffic(), &mut self.rng);
        let config = Arc::clone(session.config());
        let host = Arc::clone(&checked.host);
        let flags = self.flags_of(id, &host);
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
        let found = CheckReport {
            check: Arc::clone(label),
            failure,
            status,
            at: now.instant,
            at_wall: now.wall,
            took,
            next: now.instant + verdict.next,
            in_a_row: 1,
            last_failure: None,
        };
        let found = found.behind(host.check_report(check).as_ref());
        host.set_report(check, Arc::clone(&found));
        self.note_events(check, &config, &host, &verdict.events, now.wall);
        let failed = |flags: HealthFlags| flags.any(HealthFlags::FAILED_ACTIVE_HC);
        if failed(host.flags()) && !failed(flags) {
            host.set_well_since(now.instant);
        }
        self.set_flags(&host, flags, first, &found, now);
        if found.failure.is_none() && !flags.any(HealthFlags::FAILED_ACTIVE_HC) {
            self.check_passed(id, now);
        }
        if first {
            self.note_progress();
        }
        Some(verdict.next)
    }

    /// Takes hosts out of use whose responses to requests said so.
    pub(crate) fn failed_by_response(&mut self, now: Now) {
        let noted = self.checked.values().filter(|checked| checked.host.take_failed_now());
        let hosts: Vec<Arc<Host>> = noted.map(|checked| Arc::clone(&checked.host)).collect();
        for host in hosts {
            let session = self.checked.get_mut(&host.id()).and_then(|checked| checked.sessions.first_mut());
            let Some(session) = session else { continue };
            let events = session.fail_passively();
            let config = Arc::clone(session.config());
            let flags = self.flags_of(host.id(), &host);
            self.count_check(HealthCheckStat::Failure);
            self.count_check(HealthCheckStat::PassiveFailure);
            let words = "a response said x-envoy-immediate-health-check-fail";
            let failure = Failure::new(Reason::HealthCheckServerError).with_evidence(words);
            let last = host.check_report(0);
            let found = CheckReport {
                check: "response".into(),
                failure: Some(failure),
                status: None,
                at: now.instant,
                at_wall: now.wall,
                took: Duration::ZERO,
                next: last.as_ref().map_or(now.instant, |last| last.next),
                in_a_row: 1,
                last_failure: None,
            };
            let found = found.behind(last.as_ref());
            host.set_report(0, Arc::clone(&found));
            self.note_events(0, &config, &host, &events, now.wall);
            self.set_flags(&host, flags, false, &found, now);
        }
        self.publish_checks();
    }

    /// Begins to check a host, where it is to be checked.
    fn admit(&mut self, host: &Arc<Host>, inherited: Option<Vec<Session>>, now: Instant) -> Vec<NewCheck> {
        match self.cluster.sockets().of(host).filter(|socket| !socket.name.is_empty()) {
            Some(socket) => self.stats.dynamic(&format!("{}.total_match_count", socket.name)).inc(),
            None => self.stats.inc(ClusterStat::DefaultTotalMatchCount),
        }
        if !host.is_checked() {
            host.set_well_since(now);
            return Vec::new();
        }
        // Checks of a former host go on when they would have.
        let due = if inherited.is_some() { host.check_reports() } else { Vec::new() };
        let sessions = inherited.unwrap_or_else(|| {
            let checks = self.cluster.config().health_checks.iter();
            checks.map(|check| Session::new(Arc::new(check.clone()))).collect()
        });
        let begin = sessions.iter().enumerate().map(|(index, session)| NewCheck {
            host: Arc::clone(host),
            index,
            config: Arc::clone(session.config()),
            delay: match due.get(index) {
                Some(report) => report.next.saturating_duration_since(now),
                None => session.first_delay(&mut self.rng),
            },
        });
        let begin = begin.collect();
        self.checked.insert(host.id(), Checked { host: Arc::clone(host), sessions });
        begin
    }

    /// The flags that all checks of a host give it together, and those that others gave it.
    fn flags_of(&self, id: HostId, host: &Host) -> HealthFlags {
        let pending = self.members.are_pending_at_first();
        let others = host.flags().with(HealthFlags::BY_CHECKS, false);
        let sessions = self.checked.get(&id).map_or(&[][..], |checked| &checked.sessions);
        sessions.iter().fold(others, |flags, session| flags | session.flags(pending))
    }

    /// Takes what a check changed, and says so. The first result of a host is news in any case.
    fn set_flags(&mut self, host: &Host, flags: HealthFlags, first: bool, found: &CheckReport, now: Now) {
        let before = self.put_flags(host, flags);
        let failed = |flags: HealthFlags| flags.any(HealthFlags::FAILED_ACTIVE_HC);
        let degraded = |flags: HealthFlags| flags.health() == Health::Degraded;
        let turned = first || failed(before) != failed(flags) || degraded(before) != degraded(flags);
        if turned || before != flags {
            let cause = report::health(&self.cluster, host, found, turned, self.tally);
            self.note_life(host, cause, now);
        }
    }

    /// Gives a host other flags, and takes note of what that changes; gives those that it had.
    fn put_flags(&mut self, host: &Host, flags: HealthFlags) -> HealthFlags {
        let before = host.flags();
        host.set_flags(flags);
        self.outdated |= before != flags;
        self.tally.healthy -= usize::from(before.health() == Health::Healthy).min(self.tally.healthy);
        self.tally.healthy += usize::from(flags.health() == Health::Healthy);
        before
    }

    /// Begins to watch a host that is new.
    fn be_born(&mut self, host: &Arc<Host>, known: Option<&Known<'_>>, now: Now) {
        if let Some(outliers) = &mut self.outliers {
            outliers.admit(host, known.and_then(|known| known.core.outliers.as_ref()));
        }
        let former = known.and_then(|known| Some((known.core, &**known.hosts.get(&host.address())?)));
        self.admit_agent(host, former);
        match former {
            Some((_, known)) => {
                host.life().inherit(known.life());
                self.note_life(host, "the cluster was changed".into(), now);
            }
            None => self.note_life(host, "added".into(), now),
        }
    }

    fn note_life(&self, host: &Host, cause: String, now: Now) {
        let cause = cause.into();
        host.life().note(HostChange { at: now.instant, at_wall: now.wall, flags: host.flags(), cause });
    }

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
    fn publish(&mut self, new_set: bool) {
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
    fn note_progress(&mut self) {
        let waits = |checked: &Checked| checked.sessions.iter().any(Session::is_first);
        if !self.cluster.is_warm() && self.unanswered.is_empty() && !self.checked.values().any(waits) {
            self.publish_checks();
            self.stats.set(ClusterStat::WarmingState, 0);
            self.cluster.set_warm();
        }
    }

    fn note_events(
        &mut self,
        check: usize,
        config: &HealthCheck,
        host: &Host,
        events: &[Event],
        wall: SystemTime,
    ) {
        if config.event_log_path.is_some() {
            let name = self.cluster.name();
            let lines = events.iter().map(|event| events::line(*event, config, name, host, wall));
            self.lines.extend(lines.map(|line| EventLine { log: EventLog::Check(check), line }));
        }
    }

    fn count_check(&self, stat: HealthCheckStat) {
        if let Some(stats) = &self.check_stats {
            stats.inc(stat);
        }
    }
}

impl Now {
    /// The moment at which this is called.
    pub(crate) fn read() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }
}
