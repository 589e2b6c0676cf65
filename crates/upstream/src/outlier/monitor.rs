//! What is counted of one host: written by all workers, where outliers are looked for at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use causeway_model::OutlierDetection;

use super::Kind;

/// What became of an attempt to use a host (`Outlier::Result`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostResult {
    /// There is a connection; what comes of it is reported for itself.
    Connected,
    /// There is a connection, and nobody looks at what comes of it.
    ConnectedAtLast,
    /// There is no connection, or it broke before an answer.
    Failed,
    /// Nothing came in time, which counts as an answer of 504.
    TimedOut,
    /// It answered with this status, or with one of gRPC that stands for this one.
    Answered(u16),
    /// It answered that it is degraded (`x-envoy-degraded`), beside [`Self::Answered`].
    Degraded,
}

impl HostResult {
    /// What a call of gRPC came to: its status stands for one of HTTP, and one that is none for an error.
    #[must_use]
    pub const fn of_grpc(status: Option<u64>) -> Self {
        Self::Answered(match status {
            Some(0) => 200,
            Some(1) => 499,
            Some(3 | 9 | 11) => 400,
            Some(4) => 504,
            Some(5) => 404,
            Some(6 | 10) => 409,
            Some(7) => 403,
            Some(8) => 429,
            Some(12) => 501,
            Some(14) => 503,
            Some(16) => 401,
            Some(_) | None => 500,
        })
    }

    /// What an answer with this status came to where a matcher says which are errors: one is a 5xx, and anything else a
    /// success.
    #[must_use]
    pub const fn of_match(is_error: bool, status: u16) -> Self {
        Self::Answered(match (is_error, status) {
            (false, _) => 200,
            (true, ..500) => 500,
            (true, status) => status,
        })
    }
}

/// The counters of a host.
#[derive(Debug)]
pub(crate) struct Monitor {
    config: Arc<OutlierDetection>,
    consecutive_5xx: AtomicU32,
    consecutive_gateway_failure: AtomicU32,
    consecutive_local_origin_failure: AtomicU32,
    external: Interval,
    local_origin: Interval,
    /// What the main thread has to look at: a bit for each of [`FOUND`].
    found: AtomicU8,
    /// The last failure's status; 0 where it had none.
    last_status: AtomicU32,
}

/// What a monitor finds by itself, in the order in which Envoy looks at it.
const FOUND: [Kind; 4] = [
    Kind::ConsecutiveGatewayFailure,
    Kind::Consecutive5xx,
    Kind::ConsecutiveLocalOriginFailure,
    Kind::Degraded,
];

/// The requests of the interval that runs.
#[derive(Debug, Default)]
struct Interval {
    all: AtomicU64,
    well: AtomicU64,
    /// Of the last interval, in per cent, as the bits of a float.
    shown: ShownRate,
}

/// A success rate as the admin server shows it; -1 where there were too few requests.
#[derive(Debug)]
struct ShownRate(AtomicU64);

impl Default for ShownRate {
    fn default() -> Self {
        Self(AtomicU64::new((-1.0_f64).to_bits()))
    }
}

/// Which requests are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    External,
    Local,
}

impl Monitor {
    pub(crate) fn new(config: Arc<OutlierDetection>) -> Self {
        Self {
            config,
            consecutive_5xx: AtomicU32::new(0),
            consecutive_gateway_failure: AtomicU32::new(0),
            consecutive_local_origin_failure: AtomicU32::new(0),
            external: Interval::default(),
            local_origin: Interval::default(),
            found: AtomicU8::new(0),
            last_status: AtomicU32::new(0),
        }
    }

    /// Takes a result; says whether the main thread has something to look at.
    pub(crate) fn report(&self, result: HostResult) -> bool {
        let split = self.config.split_external_local_origin_errors;
        match result {
            HostResult::Answered(status) => self.answered(status),
            HostResult::Degraded => self.config.detect_degraded_hosts && self.find(Kind::Degraded),
            HostResult::Connected | HostResult::ConnectedAtLast if split => {
                self.local_origin.count(true);
                self.consecutive_local_origin_failure.store(0, Relaxed);
                false
            }
            // What follows says more.
            HostResult::Connected => false,
            HostResult::ConnectedAtLast => self.answered(200),
            HostResult::Failed | HostResult::TimedOut if split => {
                self.local_origin.count(false);
                self.last_status.store(0, Relaxed);
                let most = self.config.consecutive_local_origin_failure.threshold;
                reaches(&self.consecutive_local_origin_failure, most)
                    && self.find(Kind::ConsecutiveLocalOriginFailure)
            }
            HostResult::Failed => self.answered(503),
            HostResult::TimedOut => self.answered(504),
        }
    }

    fn answered(&self, status: u16) -> bool {
        let well = !(500..600).contains(&status);
        self.external.count(well);
        if well {
            self.consecutive_5xx.store(0, Relaxed);
            self.consecutive_gateway_failure.store(0, Relaxed);
            return false;
        }
        self.last_status.store(u32::from(status), Relaxed);
        let mut found = false;
        if matches!(status, 502..=504) {
            let most = self.config.consecutive_gateway_failure.threshold;
            if reaches(&self.consecutive_gateway_failure, most) {
                found |= self.find(Kind::ConsecutiveGatewayFailure);
            }
        } else {
            self.consecutive_gateway_failure.store(0, Relaxed);
        }
        if reaches(&self.consecutive_5xx, self.config.consecutive_5xx.threshold) {
            found |= self.find(Kind::Consecutive5xx);
        }
        found
    }

    fn find(&self, kind: Kind) -> bool {
        self.found.fetch_or(bit(kind), Relaxed);
        true
    }

    /// What was found since this was last asked.
    pub(super) fn take_found(&self) -> impl Iterator<Item = Kind> + use<> {
        let found = if self.found.load(Relaxed) == 0 { 0 } else { self.found.swap(0, Relaxed) };
        FOUND.into_iter().filter(move |kind| found & bit(*kind) != 0)
    }

    /// Begins to count failures in a row anew.
    pub(super) fn forget(&self, kind: Kind) {
        match kind {
            Kind::Consecutive5xx => self.consecutive_5xx.store(0, Relaxed),
            Kind::ConsecutiveGatewayFailure => self.consecutive_gateway_failure.store(0, Relaxed),
            Kind::ConsecutiveLocalOriginFailure => self.consecutive_local_origin_failure.store(0, Relaxed),
            Kind::SuccessRate
            | Kind::SuccessRateLocalOrigin
            | Kind::FailurePercentage
            | Kind::FailurePercentageLocalOrigin
            | Kind::Degraded => {}
        }
    }

    /// The host is back: it begins without a past.
    pub(super) fn forget_all(&self) {
        FOUND.into_iter().for_each(|kind| self.forget(kind));
        self.found.fetch_and(bit(Kind::Degraded), Relaxed);
    }

    /// The requests of the interval that ends here: how many, and how many of them went well.
    pub(super) fn end_interval(&self, origin: Origin) -> (u64, u64) {
        let interval = self.interval(origin);
        interval.shown.0.store((-1.0_f64).to_bits(), Relaxed);
        let all = interval.all.swap(0, Relaxed);
        (all, interval.well.swap(0, Relaxed).min(all))
    }

    pub(super) fn show(&self, origin: Origin, rate: f64) {
        self.interval(origin).shown.0.store(rate.to_bits(), Relaxed);
    }

    pub(super) fn shown(&self, origin: Origin) -> f64 {
        f64::from_bits(self.interval(origin).shown.0.load(Relaxed))
    }

    /// The success rates of the last interval, of answers and of the proxy's own failures; -1 where there were too few.
    pub(crate) fn rates(&self) -> (f64, f64) {
        (self.shown(Origin::External), self.shown(Origin::Local))
    }

    /// Status of the last failure, where it was an answer.
    pub(super) fn last_status(&self) -> Option<u32> {
        Some(self.last_status.load(Relaxed)).filter(|status| *status > 0)
    }

    const fn interval(&self, origin: Origin) -> &Interval {
        match origin {
            Origin::External => &self.external,
            Origin::Local => &self.local_origin,
        }
    }
}

impl Interval {
    fn count(&self, well: bool) {
        self.all.fetch_add(1, Relaxed);
        if well {
            self.well.fetch_add(1, Relaxed);
        }
    }
}

/// One more in a row; says whether that is as many as it takes. One that goes beyond was found before.
fn reaches(counter: &AtomicU32, threshold: u32) -> bool {
    counter.fetch_add(1, Relaxed).wrapping_add(1) == threshold
}

fn bit(kind: Kind) -> u8 {
    FOUND.iter().position(|found| *found == kind).map_or(0, |at| 1 << at)
}

#[cfg(test)]
mod tests {
    use causeway_model::Consecutive;

    use super::*;

    fn monitor(change: impl Fn(&mut OutlierDetection)) -> Monitor {
        let mut config = OutlierDetection {
            consecutive_5xx: Consecutive { threshold: 3, enforcing: 100 },
            consecutive_gateway_failure: Consecutive { threshold: 2, enforcing: 100 },
            consecutive_local_origin_failure: Consecutive { threshold: 2, enforcing: 100 },
            ..OutlierDetection::default()
        };
        change(&mut config);
        Monitor::new(Arc::new(config))
    }

    fn found(monitor: &Monitor) -> Vec<Kind> {
        monitor.take_found().collect()
    }

    #[test]
    fn an_error_that_is_matched_is_a_5xx_and_anything_else_a_success() {
        // As Envoy 1.40 counts them.
        let of = HostResult::of_match;
        assert_eq!(of(true, 200), HostResult::Answered(500));
        assert_eq!(of(true, 418), HostResult::Answered(500));
        assert_eq!(of(true, 503), HostResult::Answered(503));
        assert_eq!(of(true, 600), HostResult::Answered(600));
        assert_eq!(of(false, 503), HostResult::Answered(200));
    }

    #[test]
    fn failures_in_a_row_are_found_once() {
        let monitor = monitor(|_| ());
        let mut news = |status| monitor.report(HostResult::Answered(status));
        assert_eq!([500, 500, 404, 500, 500].map(&mut news), [false; 5]);
        assert!(news(500) && !news(500));
        assert_eq!(found(&monitor), [Kind::Consecutive5xx]);
        assert!(found(&monitor).is_empty());
    }

    #[test]
    fn other_failures_do_not_count_as_those_of_gateways() {
        let monitor = monitor(|_| ());
        for status in [503, 500, 503] {
            monitor.report(HostResult::Answered(status));
        }
        assert_eq!(found(&monitor), [Kind::Consecutive5xx]);
        monitor.report(HostResult::Answered(504));
        assert_eq!(found(&monitor), [Kind::ConsecutiveGatewayFailure]);
    }

    #[test]
    fn what_the_proxy_met_counts_as_an_answer_unless_it_is_split() {
        let together = monitor(|_| ());
        together.report(HostResult::Failed);
        together.report(HostResult::Connected);
        together.report(HostResult::TimedOut);
        assert_eq!(found(&together), [Kind::ConsecutiveGatewayFailure]);
        assert_eq!(together.end_interval(Origin::External), (2, 0));
        let split = monitor(|config| config.split_external_local_origin_errors = true);
        split.report(HostResult::Failed);
        split.report(HostResult::Connected);
        split.report(HostResult::Failed);
        assert!(found(&split).is_empty());
        split.report(HostResult::TimedOut);
        assert_eq!(found(&split), [Kind::ConsecutiveLocalOriginFailure]);
        assert_eq!(split.end_interval(Origin::External), (0, 0));
        assert_eq!(split.end_interval(Origin::Local), (4, 1));
    }

    #[test]
    fn a_connection_that_is_all_there_is_went_well() {
        let monitor = monitor(|_| ());
        monitor.report(HostResult::Failed);
        monitor.report(HostResult::ConnectedAtLast);
        assert_eq!(monitor.end_interval(Origin::External), (2, 1));
        assert!(!monitor.report(HostResult::Failed));
    }

    #[test]
    fn statuses_of_grpc_stand_for_those_of_http() {
        let all = [Some(0), Some(2), Some(4), Some(8), Some(14), Some(17), None].map(HostResult::of_grpc);
        assert_eq!(all, [200, 500, 504, 429, 503, 500, 500].map(HostResult::Answered));
    }

    #[test]
    fn degradation_is_found_where_it_is_looked_for() {
        assert!(!monitor(|_| ()).report(HostResult::Degraded));
        assert!(monitor(|config| config.detect_degraded_hosts = true).report(HostResult::Degraded));
    }
}
