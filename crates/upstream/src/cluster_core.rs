//! What decides about a cluster: which hosts it has, and what their health is.
//!
//! Results of look-ups and checks go in, with the time at which they came; times for the next ones come
//! out, and a new snapshot of the hosts is published to the workers. No socket, no clock.

mod agents;
mod checks;
mod destinations;
mod known;
mod outliers;
mod publish;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::DnsOptions;
use causeway_stats::Shard;

use crate::cluster::Cluster;
use crate::dns::{Lookup, Outcome as DnsOutcome};
use crate::flags::{Health, HealthFlags};
use crate::host::{Host, HostId};
use crate::life::HostChange;
use crate::members::Members;
use crate::outlier::Detector;
use crate::report;
use crate::rng::Rng;
use crate::stats::{ClusterStat, HealthCheckStat};
use checks::Checked;
pub(crate) use checks::NewCheck;
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
}

impl Now {
    /// The moment at which this is called.
    pub(crate) fn read() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }
}
