use causeway_model::{Consecutive, FailurePercentage, SuccessRate};
use causeway_stats::{Registry, ScopeName};

use super::*;
use crate::host::tests::settings;
use crate::outlier::HostResult;

const SECOND: Duration = Duration::from_secs(1);

struct Run {
    detector: Detector,
    hosts: Vec<Arc<Host>>,
    registry: Arc<Registry>,
    now: Instant,
}

impl Run {
    fn new(hosts: u16, config: OutlierDetection) -> Self {
        let (registry, config) = (Registry::new(1), Arc::new(config));
        let stats = registry.scope(ScopeName::root()).shard(0);
        let mut detector = Detector::new(Arc::clone(&config), stats, Rng::new(1));
        let host = |port| {
            let address = causeway_model::Address::Ip(([10, 0, 0, 1], port).into());
            Arc::new(Host::new(address, settings(), 0, false, 1).watched(Some(&config)))
        };
        let hosts: Vec<_> = (1..=hosts).map(host).collect();
        hosts.iter().for_each(|host| detector.admit(host, None));
        Self { detector, hosts, registry, now: Instant::now() }
    }

    fn answer(&self, host: usize, status: u16, times: usize) {
        for _ in 0..times {
            self.hosts[host].monitor().unwrap().report(HostResult::Answered(status));
        }
    }

    fn look(&mut self) -> Vec<String> {
        said(&self.detector.look(self.now))
    }

    /// The interval that ends so much later.
    fn interval(&mut self, later: Duration) -> Vec<String> {
        self.now += later;
        said(&self.detector.interval(self.now))
    }

    fn count(&self, stat: OutlierStat) -> u64 {
        self.registry.scope::<OutlierStat>(ScopeName::root()).counter(stat)
    }

    fn active(&self) -> i64 {
        self.registry.scope::<OutlierStat>(ScopeName::root()).gauge(OutlierStat::EjectionsActive)
    }
}

/// `10.0.0.1:1 SUCCESS_RATE`, `10.0.0.1:1 back`
fn said(changes: &[Change]) -> Vec<String> {
    let what = |change: &Change| match (change.cause.kind(), change.enforced) {
        (Some(kind), true) => kind.name(),
        (Some(_), false) => "spared",
        (None, _) => "back",
    };
    changes.iter().map(|change| format!("{} {}", change.host.address(), what(change))).collect()
}

fn config() -> OutlierDetection {
    OutlierDetection {
        interval: SECOND,
        base_ejection_time: 2 * SECOND,
        max_ejection_time: 5 * SECOND,
        max_ejection_percent: 100,
        consecutive_5xx: Consecutive { threshold: 3, enforcing: 100 },
        ..OutlierDetection::default()
    }
}

#[test]
fn failures_in_a_row_put_a_host_out_for_longer_each_time() {
    let mut run = Run::new(2, config());
    for expected in [2, 4, 5, 5] {
        run.answer(0, 500, 3);
        assert_eq!(run.look(), ["10.0.0.1:1 CONSECUTIVE_5XX"]);
        assert_eq!(run.active(), 1);
        let mut waited = 0;
        while run.interval(SECOND).is_empty() {
            waited += 1;
        }
        assert_eq!(waited + 1, expected);
        assert_eq!(run.active(), 0);
        // With the interval that brought it back it is one shorter; that makes up for it.
        run.detector.hosts[0].ejection.times += 1;
    }
    assert_eq!(run.count(OutlierStat::EnforcedConsecutive5xx), 4);
    assert_eq!(run.count(OutlierStat::EjectionsTotal), 4);
}

#[test]
fn intervals_without_an_ejection_are_credited() {
    let mut run = Run::new(2, config());
    run.answer(0, 500, 3);
    run.look();
    assert_eq!(run.detector.hosts[0].ejection.times, 1);
    run.interval(SECOND);
    assert_eq!(run.detector.hosts[0].ejection.times, 1);
    assert_eq!(run.interval(SECOND), ["10.0.0.1:1 back"]);
    assert_eq!(run.detector.hosts[0].ejection.times, 0);
}

#[test]
fn a_share_of_the_hosts_stays() {
    let mut run = Run::new(4, OutlierDetection { max_ejection_percent: 50, ..config() });
    (0..4).for_each(|host| run.answer(host, 500, 3));
    assert_eq!(run.look(), ["10.0.0.1:1 CONSECUTIVE_5XX", "10.0.0.1:2 CONSECUTIVE_5XX"]);
    assert_eq!(run.count(OutlierStat::EjectionsOverflow), 2);
    assert_eq!(run.count(OutlierStat::DetectedConsecutive5xx), 4);
    // One that was let off counts from the beginning.
    run.answer(2, 500, 2);
    assert!(run.look().is_empty());
}

#[test]
fn one_host_may_go_whatever_the_share() {
    let one = OutlierDetection { max_ejection_percent: 10, ..config() };
    let mut run = Run::new(1, one.clone());
    run.answer(0, 500, 3);
    assert!(run.look().is_empty());
    let mut run = Run::new(2, OutlierDetection { always_eject_one_host: true, ..one });
    (0..2).for_each(|host| run.answer(host, 500, 3));
    assert_eq!(run.look().len(), 1);
}

#[test]
fn what_is_not_enforced_is_found_all_the_same() {
    let consecutive = Consecutive { threshold: 3, enforcing: 0 };
    let mut run = Run::new(2, OutlierDetection { consecutive_5xx: consecutive, ..config() });
    run.answer(0, 500, 3);
    assert_eq!(run.look(), ["10.0.0.1:1 spared"]);
    assert_eq!(run.count(OutlierStat::DetectedConsecutive5xx), 1);
    assert_eq!(run.count(OutlierStat::EnforcedTotal), 0);
    assert_eq!(run.active(), 0);
}

#[test]
fn one_that_does_worse_than_the_others_goes() {
    let success_rate =
        SuccessRate { minimum_hosts: 3, request_volume: 10, stdev_factor: 1000, ..config().success_rate };
    let mut run = Run::new(4, OutlierDetection { success_rate, ..config() });
    (0..3).for_each(|host| run.answer(host, 200, 10));
    run.answer(0, 500, 2);
    // Too few requests to be looked at.
    run.answer(3, 404, 9);
    assert_eq!(run.interval(SECOND), ["10.0.0.1:1 SUCCESS_RATE"]);
    let rates = run.detector.report().external;
    assert!((rates.average - 94.444).abs() < 0.001, "{rates:?}");
    assert_eq!(run.hosts[0].success_rates().0.round(), 83.0);
    assert_eq!(run.hosts[3].success_rates(), (-1.0, -1.0));
    assert_eq!(run.count(OutlierStat::EjectionsSuccessRate), 1);
    assert!(run.interval(SECOND).is_empty());
    assert_eq!(run.detector.report(), OutlierReport::default());
}

#[test]
fn one_that_fails_too_much_goes_and_is_counted_once() {
    let failure_percentage = FailurePercentage {
        minimum_hosts: 2,
        request_volume: 4,
        threshold: 60,
        enforcing: 100,
        enforcing_local_origin: 0,
    };
    let success_rate =
        SuccessRate { minimum_hosts: 2, request_volume: 4, stdev_factor: 500, ..config().success_rate };
    let never = Consecutive { threshold: 0, enforcing: 100 };
    let only = OutlierDetection { failure_percentage, consecutive_5xx: never, ..config() };
    let mut run = Run::new(3, only.clone());
    run.answer(0, 500, 4);
    (1..3).for_each(|host| run.answer(host, 200, 4));
    assert_eq!(run.interval(SECOND), ["10.0.0.1:1 FAILURE_PERCENTAGE"]);
    let mut run = Run::new(3, OutlierDetection { success_rate, ..only });
    run.answer(0, 500, 4);
    (1..3).for_each(|host| run.answer(host, 200, 4));
    assert_eq!(run.interval(SECOND), ["10.0.0.1:1 SUCCESS_RATE"]);
    assert_eq!(run.count(OutlierStat::DetectedFailurePercentage), 1);
    assert_eq!(run.active(), 1);
}

#[test]
fn a_degraded_host_is_used_last_for_a_while() {
    let mut run = Run::new(2, OutlierDetection { detect_degraded_hosts: true, ..config() });
    run.hosts[0].monitor().unwrap().report(HostResult::Degraded);
    assert_eq!(run.look(), ["10.0.0.1:1 DEGRADED"]);
    assert_eq!(run.hosts[0].health(), crate::Health::Degraded);
    assert!(run.interval(SECOND).is_empty());
    assert_eq!(run.interval(SECOND), ["10.0.0.1:1 back"]);
    assert_eq!(run.active(), 0);
}

#[test]
fn a_health_check_brings_a_host_back() {
    for uneject_by_health_check in [true, false] {
        let mut run = Run::new(2, OutlierDetection { uneject_by_health_check, ..config() });
        assert!(run.detector.check_passed(run.hosts[0].id(), run.now).is_none());
        run.answer(0, 500, 3);
        run.look();
        let back = run.detector.check_passed(run.hosts[0].id(), run.now);
        assert_eq!(back.is_some(), uneject_by_health_check);
        assert_eq!(run.active(), i64::from(!uneject_by_health_check));
    }
}

#[test]
fn hosts_and_detectors_that_go_take_their_ejections_along() {
    let mut run = Run::new(2, config());
    run.answer(0, 500, 3);
    run.answer(1, 500, 3);
    assert_eq!(run.look().len(), 2);
    run.detector.remove(run.hosts[0].id());
    assert_eq!(run.active(), 1);
    let stats = run.registry.scope(ScopeName::root()).shard(0);
    let mut next = Detector::new(Arc::clone(&run.detector.config), stats, Rng::new(2));
    let monitored = Host::new((*run.hosts[1].address()).clone(), settings(), 0, false, 1);
    let monitored = Arc::new(monitored.watched(Some(&run.detector.config)));
    next.admit(&monitored, Some(&run.detector));
    assert!(is_out(&monitored));
    run.detector = next;
    assert_eq!(run.active(), 1);
    assert_eq!(run.interval(2 * SECOND), ["10.0.0.1:2 back"]);
    assert_eq!(run.active(), 0);
}

#[test]
fn jitter_is_added_and_no_longer_than_it_may_be() {
    let jitter = OutlierDetection { max_ejection_time_jitter: SECOND, ..config() };
    let mut run = Run::new(1, jitter);
    let mut seen = Vec::new();
    for _ in 0..20 {
        run.answer(0, 500, 3);
        run.look();
        seen.push(run.detector.hosts[0].ejection.jitter);
        while run.interval(SECOND).is_empty() {}
    }
    assert!(seen.iter().all(|jitter| *jitter <= SECOND));
    seen.dedup();
    assert!(seen.len() > 10);
}
