//! What the results of a host's checks mean: thresholds and intervals, as in Envoy.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::HealthCheck;

use crate::flags::HealthFlags;
use crate::health::{FailureKind, Outcome};
use crate::rng::Rng;

/// One health check of one host. Results go in, verdicts come out.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    config: Arc<HealthCheck>,
    /// No result yet.
    first: bool,
    failed: bool,
    degraded: bool,
    timed_out: bool,
    leave_alone: bool,
    /// In a row, while the host is out of use.
    successes: u32,
    /// In a row, while it is in use.
    failures: u32,
}

/// What a result came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) change: Change,
    /// Time to the next check.
    pub(crate) next: Duration,
    /// For the event log, in Envoy's order.
    pub(crate) events: Vec<Event>,
}

/// Whether a result changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    No,
    /// It will, if more like it follow.
    Pending,
    Yes,
}

/// A line of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    AddHealthy { first: bool },
    EjectUnhealthy { kind: FailureKind, status: u16 },
    Failure { kind: FailureKind, first: bool, status: u16 },
    Success,
    Degraded,
    NoLongerDegraded,
}

impl Session {
    pub(crate) const fn new(config: Arc<HealthCheck>) -> Self {
        Self {
            config,
            first: true,
            failed: true,
            degraded: false,
            timed_out: false,
            leave_alone: false,
            successes: 0,
            failures: 0,
        }
    }

    /// The check.
    pub(crate) const fn config(&self) -> &Arc<HealthCheck> {
        &self.config
    }

    /// Whether no result has come yet.
    pub(crate) const fn is_first(&self) -> bool {
        self.first
    }

    /// Time to the first check.
    pub(crate) fn first_delay(&self, rng: &mut Rng) -> Duration {
        random(rng, self.config.initial_jitter)
    }

    /// Takes a result. `traffic` says whether a request was ever sent to the cluster.
    pub(crate) fn handle(&mut self, outcome: &Outcome, traffic: bool, rng: &mut Rng) -> Verdict {
        let mut events = Vec::new();
        let (change, healthy) = match outcome {
            Outcome::Passed { degraded, .. } => (self.succeed(*degraded, &mut events), true),
            Outcome::Failed(failure) => {
                let change = self.fail(failure.kind, failure.status, failure.leave_alone, &mut events);
                (change, false)
            }
        };
        Verdict { change, next: self.interval(healthy, change, traffic, rng), events }
    }

    /// Takes notice of a response that asked for no more traffic. The next check comes when it is due.
    pub(crate) fn fail_passively(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.fail(FailureKind::Passive, None, true, &mut events);
        events
    }

    /// The flags that this check gives its host.
    pub(crate) fn flags(&self, pending: bool) -> HealthFlags {
        HealthFlags::NONE
            .with(HealthFlags::FAILED_ACTIVE_HC, self.failed)
            .with(HealthFlags::DEGRADED_ACTIVE_HC, self.degraded)
            .with(HealthFlags::ACTIVE_HC_TIMEOUT, self.failed && self.timed_out)
            .with(HealthFlags::EXCLUDED_VIA_IMMEDIATE_HC_FAIL, self.leave_alone)
            .with(HealthFlags::PENDING_ACTIVE_HC, pending && self.first)
    }

    fn succeed(&mut self, degraded: bool, events: &mut Vec<Event>) -> Change {
        self.failures = 0;
        self.timed_out = false;
        let mut change = Change::No;
        if self.failed {
            self.successes += 1;
            // The first result counts whatever the threshold, so that a start is quick.
            if self.first || self.successes >= self.config.healthy_threshold {
                self.failed = false;
                self.leave_alone = false;
                events.push(Event::AddHealthy { first: self.first });
                change = Change::Yes;
            } else {
                change = Change::Pending;
            }
        }
        if self.config.always_log_success {
            events.push(Event::Success);
        }
        if degraded != self.degraded {
            self.degraded = degraded;
            events.push(if degraded { Event::Degraded } else { Event::NoLongerDegraded });
            if change == Change::No {
                change = Change::Yes;
            }
        }
        self.first = false;
        change
    }

    fn fail(
        &mut self,
        kind: FailureKind,
        status: Option<u16>,
        leave_alone: bool,
        events: &mut Vec<Event>,
    ) -> Change {
        let status = status.unwrap_or(0);
        let before = (self.timed_out, self.leave_alone);
        self.successes = 0;
        self.timed_out = kind == FailureKind::NetworkTimeout;
        self.leave_alone |= leave_alone;
        let mut change = Change::No;
        if !self.failed {
            self.failures += 1;
            if kind.is_decisive() || self.failures >= self.config.unhealthy_threshold {
                self.failed = true;
                self.failures = 0;
                events.push(Event::EjectUnhealthy { kind, status });
                change = Change::Yes;
            } else {
                change = Change::Pending;
            }
        } else if before != (self.timed_out, self.leave_alone) || self.first {
            // Its flags change, which others see.
            change = Change::Yes;
        }
        if self.first || self.config.always_log_failures {
            events.push(Event::Failure { kind, first: self.first, status });
        }
        self.first = false;
        change
    }

    /// Time to the next check, behind one with this result.
    fn interval(&self, healthy: bool, change: Change, traffic: bool, rng: &mut Rng) -> Duration {
        let config = &self.config;
        let no_traffic = config.no_traffic_interval.filter(|_| !traffic);
        let healthy_no_traffic =
            config.no_traffic_healthy_interval.filter(|_| !traffic && healthy).or(no_traffic);
        // Other than Envoy: a host that comes back is to be used within one interval, so that the checks
        // which it has to pass one after the other share it.
        let returning = config.interval / config.healthy_threshold.max(1);
        let base = match (if healthy { healthy_no_traffic } else { no_traffic }, healthy, change) {
            (Some(no_traffic), _, _) => no_traffic,
            // The edge intervals stand between the results that add up to a threshold.
            (None, true, Change::Pending) => config.healthy_edge_interval.unwrap_or(returning),
            (None, true, _) => config.interval,
            (None, false, Change::Pending) => {
                config.unhealthy_edge_interval.or(config.unhealthy_interval).unwrap_or(config.interval)
            }
            (None, false, _) => config.unhealthy_interval.unwrap_or(returning),
        };
        let share = base.saturating_mul(config.interval_jitter_percent) / 100;
        let with_jitter = base + random(rng, share) + random(rng, config.interval_jitter);
        with_jitter.max(Duration::from_millis(1))
    }
}

fn random(rng: &mut Rng, below: Duration) -> Duration {
    Duration::from_nanos(rng.below(u64::try_from(below.as_nanos()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
pub(crate) mod tests {
    use causeway_model::{HealthChecker, SourcePosition, TcpHealthCheck};
    use causeway_reason::{Failure, Reason};

    use super::*;
    use crate::health::CheckFailure;

    pub(crate) const SECOND: Duration = Duration::from_secs(1);

    pub(crate) fn check() -> HealthCheck {
        HealthCheck {
            position: SourcePosition::default(),
            timeout: SECOND,
            interval: 10 * SECOND,
            initial_jitter: Duration::ZERO,
            interval_jitter: Duration::ZERO,
            interval_jitter_percent: 0,
            unhealthy_threshold: 3,
            healthy_threshold: 2,
            reuse_connection: true,
            no_traffic_interval: None,
            no_traffic_healthy_interval: None,
            unhealthy_interval: None,
            unhealthy_edge_interval: None,
            healthy_edge_interval: None,
            alt_port: None,
            alpn: Vec::new(),
            transport_socket_match_criteria: None,
            checker: HealthChecker::Tcp(TcpHealthCheck::default()),
            event_log_path: None,
            always_log_failures: false,
            always_log_success: false,
        }
    }

    pub(crate) const PASSED: Outcome = Outcome::Passed { status: Some(200), degraded: false };

    pub(crate) fn failed(kind: FailureKind) -> Outcome {
        Outcome::Failed(CheckFailure {
            kind,
            status: None,
            leave_alone: false,
            failure: Failure::new(Reason::HealthCheckClosed),
        })
    }

    fn flags(session: &Session) -> String {
        session.flags(false).to_string()
    }

    struct Run(Session, Rng);

    impl Run {
        fn new(config: HealthCheck) -> Self {
            Self(Session::new(Arc::new(config)), Rng::new(1))
        }

        fn give(&mut self, outcome: &Outcome) -> (Change, Duration) {
            let verdict = self.0.handle(outcome, true, &mut self.1);
            (verdict.change, verdict.next)
        }
    }

    #[test]
    fn the_first_result_counts_at_once() {
        let mut run = Run::new(check());
        assert_eq!(flags(&run.0), "/failed_active_hc");
        assert_eq!(run.give(&PASSED).0, Change::Yes);
        assert_eq!(flags(&run.0), "healthy");
        let mut run = Run::new(check());
        assert_eq!(run.give(&failed(FailureKind::Network)).0, Change::Yes);
        assert_eq!(flags(&run.0), "/failed_active_hc");
    }

    #[test]
    fn network_failures_and_successes_add_up_to_their_thresholds() {
        let mut run = Run::new(check());
        run.give(&PASSED);
        let closed = failed(FailureKind::Network);
        assert_eq!(run.give(&closed).0, Change::Pending);
        assert_eq!(run.give(&closed).0, Change::Pending);
        assert_eq!(flags(&run.0), "healthy");
        assert_eq!(run.give(&closed).0, Change::Yes);
        assert_eq!(flags(&run.0), "/failed_active_hc");
        assert_eq!(run.give(&PASSED).0, Change::Pending);
        assert_eq!(run.give(&closed).0, Change::No);
        assert_eq!(run.give(&PASSED).0, Change::Pending);
        assert_eq!(run.give(&PASSED).0, Change::Yes);
        assert_eq!(run.give(&closed).0, Change::Pending);
    }

    #[test]
    fn a_bad_status_counts_at_once_unless_it_is_retriable() {
        let mut run = Run::new(check());
        run.give(&PASSED);
        assert_eq!(run.give(&failed(FailureKind::ActiveRetriable)).0, Change::Pending);
        assert_eq!(run.give(&failed(FailureKind::Active)).0, Change::Yes);
    }

    #[test]
    fn a_timeout_shows_for_as_long_as_it_is_the_last_failure() {
        let mut run = Run::new(check());
        run.give(&failed(FailureKind::NetworkTimeout));
        assert_eq!(flags(&run.0), "/failed_active_hc/active_hc_timeout");
        assert_eq!(run.give(&failed(FailureKind::Active)).0, Change::Yes);
        assert_eq!(flags(&run.0), "/failed_active_hc");
        run.give(&failed(FailureKind::NetworkTimeout));
        run.give(&PASSED);
        run.give(&PASSED);
        assert_eq!(flags(&run.0), "healthy");
    }

    #[test]
    fn degraded_hosts_come_and_go() {
        let mut run = Run::new(HealthCheck { always_log_success: true, ..check() });
        let degraded = Outcome::Passed { status: Some(200), degraded: true };
        run.give(&PASSED);
        let verdict = run.0.handle(&degraded, true, &mut run.1);
        assert_eq!(verdict.change, Change::Yes);
        assert_eq!(verdict.events, [Event::Success, Event::Degraded]);
        assert_eq!(flags(&run.0), "/degraded_active_hc");
        assert_eq!(run.give(&degraded).0, Change::No);
        let verdict = run.0.handle(&PASSED, true, &mut run.1);
        assert_eq!(verdict.events, [Event::Success, Event::NoLongerDegraded]);
    }

    #[test]
    fn who_wants_to_be_left_alone_is_until_a_check_succeeds() {
        let mut run = Run::new(HealthCheck { healthy_threshold: 1, ..check() });
        run.give(&PASSED);
        assert_eq!(run.0.fail_passively(), [Event::EjectUnhealthy { kind: FailureKind::Passive, status: 0 }]);
        assert_eq!(flags(&run.0), "/failed_active_hc/excluded_via_immediate_hc_fail");
        run.give(&PASSED);
        assert_eq!(flags(&run.0), "healthy");
    }

    #[test]
    fn events_are_those_of_envoy() {
        let mut run = Run::new(HealthCheck { unhealthy_threshold: 2, ..check() });
        let mut events = |outcome: &Outcome| run.0.handle(outcome, true, &mut run.1).events;
        let closed = failed(FailureKind::Network);
        let kind = FailureKind::Network;
        assert_eq!(events(&closed), [Event::Failure { kind, first: true, status: 0 }]);
        assert_eq!(events(&closed), []);
        assert_eq!(events(&PASSED), []);
        assert_eq!(events(&PASSED), [Event::AddHealthy { first: false }]);
        assert_eq!(events(&closed), []);
        assert_eq!(events(&closed), [Event::EjectUnhealthy { kind, status: 0 }]);
        let mut run = Run::new(HealthCheck { always_log_failures: true, ..check() });
        run.give(&PASSED);
        let failure = Event::Failure { kind, first: false, status: 0 };
        assert_eq!(run.0.handle(&closed, true, &mut run.1).events, [failure]);
    }

    #[test]
    fn intervals_follow_the_state_and_its_edges() {
        let config = HealthCheck {
            interval: 2 * SECOND,
            unhealthy_threshold: 3,
            healthy_threshold: 3,
            unhealthy_interval: Some(4 * SECOND),
            unhealthy_edge_interval: Some(6 * SECOND),
            healthy_edge_interval: Some(8 * SECOND),
            ..check()
        };
        let mut run = Run::new(config);
        let closed = failed(FailureKind::Network);
        // As measured with Envoy: healthy, three failures and more, three successes and more.
        let mut seconds = vec![run.give(&PASSED).1.as_secs(), run.give(&PASSED).1.as_secs()];
        seconds.extend((0..5).map(|_| run.give(&closed).1.as_secs()));
        seconds.extend((0..4).map(|_| run.give(&PASSED).1.as_secs()));
        assert_eq!(seconds, [2, 2, 6, 6, 4, 4, 4, 8, 8, 2, 2]);
    }

    #[test]
    fn a_host_that_comes_back_is_used_within_one_interval() {
        let config =
            HealthCheck { interval: 12 * SECOND, unhealthy_threshold: 1, healthy_threshold: 3, ..check() };
        let mut run = Run::new(config);
        let closed = failed(FailureKind::Network);
        run.give(&PASSED);
        assert_eq!(run.give(&closed).1, 4 * SECOND);
        assert_eq!(run.give(&closed).1, 4 * SECOND);
        assert_eq!(run.give(&PASSED).1, 4 * SECOND);
        assert_eq!(run.give(&PASSED).1, 4 * SECOND);
        assert_eq!(run.give(&PASSED).1, 12 * SECOND);
    }

    #[test]
    fn without_traffic_checks_may_come_less_often_but_only_if_asked_to() {
        let next = |config: HealthCheck, outcome: &Outcome, traffic| {
            Session::new(Arc::new(config)).handle(outcome, traffic, &mut Rng::new(1)).next.as_secs()
        };
        let closed = failed(FailureKind::Network);
        assert_eq!(next(check(), &PASSED, false), 10);
        let slow = HealthCheck { no_traffic_interval: Some(60 * SECOND), ..check() };
        assert_eq!(next(slow.clone(), &PASSED, false), 60);
        assert_eq!(next(slow.clone(), &closed, false), 60);
        assert_eq!(next(slow.clone(), &PASSED, true), 10);
        let healthy = HealthCheck { no_traffic_healthy_interval: Some(90 * SECOND), ..slow };
        assert_eq!(next(healthy.clone(), &PASSED, false), 90);
        assert_eq!(next(healthy, &closed, false), 60);
        let only_healthy = HealthCheck { no_traffic_healthy_interval: Some(90 * SECOND), ..check() };
        assert_eq!(next(only_healthy.clone(), &PASSED, false), 90);
        // It needs two in a row, so that it is asked twice.
        assert_eq!(next(only_healthy, &closed, false), 5);
    }

    #[test]
    fn jitter_is_added() {
        let config = HealthCheck {
            interval_jitter: SECOND,
            interval_jitter_percent: 20,
            initial_jitter: SECOND,
            ..check()
        };
        let mut run = Run::new(config);
        assert!(run.0.first_delay(&mut run.1) < SECOND);
        let next: Vec<Duration> = (0..200).map(|_| run.give(&PASSED).1).collect();
        assert!(next.iter().all(|next| (10 * SECOND..13 * SECOND).contains(next)));
        assert!(next.iter().any(|next| *next > 12 * SECOND) && next.iter().any(|next| *next < 11 * SECOND));
    }
}
