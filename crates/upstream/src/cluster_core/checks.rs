//! What health checks find of hosts becomes flags, events and lines.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use causeway_model::HealthCheck;
use causeway_reason::{Failure, Reason};

use super::{Core, EventLine, EventLog, Now};
use crate::flags::{Health, HealthFlags};
use crate::health::{CheckReport, Event, Outcome, Session, events};
use crate::host::{Host, HostId};
use crate::report;
use crate::stats::{ClusterStat, HealthCheckStat};

/// A host that is checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) host: Arc<Host>,
    /// One for each health check of the cluster.
    pub(super) sessions: Vec<Session>,
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

impl Core {
    /// Counts a check that begins.
    pub(crate) fn note_check(&self) {
        self.count_check(HealthCheckStat::Attempt);
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
    pub(super) fn admit(
        &mut self,
        host: &Arc<Host>,
        inherited: Option<Vec<Session>>,
        now: Instant,
    ) -> Vec<NewCheck> {
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
