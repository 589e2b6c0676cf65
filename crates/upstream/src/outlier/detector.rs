//! Which hosts are ejected, and for how long: Envoy's rules, on the main thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::OutlierDetection;
use causeway_stats::Shard;

use super::monitor::Origin;
use super::stats::{detected, enforced};
use super::{Kind, OutlierReport, OutlierStat, SuccessRates};
use crate::flags::HealthFlags;
use crate::host::{Host, HostId};
use crate::rng::Rng;

/// Watches all hosts of a cluster.
#[derive(Debug)]
pub(crate) struct Detector {
    config: Arc<OutlierDetection>,
    stats: Shard<OutlierStat>,
    hosts: Vec<Watched>,
    /// How many of them are ejected.
    active: u32,
    report: OutlierReport,
    rng: Rng,
}

#[derive(Debug)]
struct Watched {
    host: Arc<Host>,
    ejection: Sentence,
    degradation: Sentence,
    /// Number of ejections so far.
    ejections: u32,
    last_ejection: Option<Instant>,
    last_return: Option<Instant>,
}

/// How long a host is out, or last: longer with each time in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Sentence {
    /// How often the base time; it falls by one with each interval that passes without.
    times: u32,
    jitter: Duration,
    since: Option<Instant>,
}

/// What happened to a host.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) host: Arc<Host>,
    pub(crate) cause: Cause,
    /// Whether anything follows from it.
    pub(crate) enforced: bool,
    /// Number of the host's ejections so far.
    pub(crate) ejections: u32,
    /// Since it came back, or since it was ejected.
    pub(crate) since: Option<Duration>,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cause {
    /// So many failures in a row, the last an answer with that status, where there was one. It is out for so long at
    /// least.
    Consecutive { kind: Kind, failures: u32, status: Option<u32>, out: Duration },
    /// Its success rate, in per cent, and what it was compared with.
    SuccessRate { kind: Kind, rate: f64, rates: SuccessRates, out: Duration },
    /// Its success rate, in per cent.
    FailurePercentage { kind: Kind, rate: f64, out: Duration },
    /// It said so.
    Degraded { out: Duration },
    /// Its time is over.
    Returned,
    /// Its time is over.
    NoLongerDegraded,
    /// It is back early, because a health check succeeded.
    CheckPassed,
}

impl Cause {
    /// The name of what was found; `None` where a host is back.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Consecutive { kind, .. }
            | Self::SuccessRate { kind, .. }
            | Self::FailurePercentage { kind, .. } => Some(kind),
            Self::Degraded { .. } => Some(Kind::Degraded),
            Self::Returned | Self::NoLongerDegraded | Self::CheckPassed => None,
        }
    }
}

impl Detector {
    pub(crate) const fn new(config: Arc<OutlierDetection>, stats: Shard<OutlierStat>, rng: Rng) -> Self {
        Self {
            config,
            stats,
            hosts: Vec::new(),
            active: 0,
            report: OutlierReport { external: SuccessRates::UNKNOWN, local_origin: SuccessRates::UNKNOWN },
            rng,
        }
    }

    /// Time between two calls of [`Self::interval`].
    pub(crate) fn pause(&self) -> Duration {
        self.config.interval
    }

    /// What the success rates came to last.
    pub(crate) const fn report(&self) -> OutlierReport {
        self.report
    }

    /// Begins to watch a host. One at the same address that a former detector with the same rules has ejected stays
    /// out.
    pub(crate) fn admit(&mut self, host: &Arc<Host>, former: Option<&Self>) {
        let mut watched = Watched {
            host: Arc::clone(host),
            ejection: Sentence::default(),
            degradation: Sentence::default(),
            ejections: 0,
            last_ejection: None,
            last_return: None,
        };
        let former = former.filter(|former| former.config == self.config);
        let known = former
            .and_then(|former| former.hosts.iter().find(|other| *other.host.address() == *host.address()));
        if let Some(known) = known {
            watched = Watched { host: Arc::clone(host), ..*known };
            let kept = HealthFlags::BY_OUTLIERS.bits() & known.host.flags().bits();
            host.set_flags(host.flags() | HealthFlags::from_bits(kept));
            if is_out(host) {
                self.count_active(1);
            }
        }
        self.hosts.push(watched);
    }

    /// A host is gone.
    pub(crate) fn remove(&mut self, id: HostId) {
        let Some(at) = self.hosts.iter().position(|watched| watched.host.id() == id) else { return };
        if is_out(&self.hosts.remove(at).host) {
            self.count_active(-1);
        }
    }

    /// Looks at what monitors have found by themselves.
    pub(crate) fn look(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        for at in 0..self.hosts.len() {
            let host = Arc::clone(&self.hosts[at].host);
            let Some(monitor) = host.monitor() else { continue };
            for kind in monitor.take_found() {
                if kind == Kind::Degraded {
                    changes.extend(self.degrade(at, now));
                    continue;
                }
                if is_out(&host) {
                    continue;
                }
                self.stats.inc(detected(kind));
                let (failures, status) = (self.threshold(kind), monitor.last_status());
                let cause = |out| Cause::Consecutive { kind, failures, status, out };
                changes.extend(self.eject(at, kind, cause, now));
                if kind == Kind::Consecutive5xx {
                    self.stats.inc(OutlierStat::EjectionsConsecutive5xx);
                }
                monitor.forget(kind);
            }
        }
        changes
    }

    /// Looks at all hosts: those whose time is over come back, and those that do worse than others go.
    pub(crate) fn interval(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        for at in 0..self.hosts.len() {
            let watched = &self.hosts[at];
            if is_out(&watched.host) && watched.ejection.is_over(&self.config, now) {
                changes.extend(self.bring_back(at, Cause::Returned, now));
            }
            let watched = &self.hosts[at];
            if is_degraded(&watched.host) && watched.degradation.is_over(&self.config, now) {
                set(&watched.host, HealthFlags::DEGRADED_OUTLIER_DETECTION, false);
                let (host, ejections) = (Arc::clone(&watched.host), watched.ejections);
                let (cause, since) = (Cause::NoLongerDegraded, since(watched.last_ejection, now));
                changes.push(Change { host, cause, enforced: false, ejections, since });
            }
        }
        self.compare(Origin::External, now, &mut changes);
        self.compare(Origin::Local, now, &mut changes);
        for watched in &mut self.hosts {
            if !is_out(&watched.host) {
                watched.ejection.times = watched.ejection.times.saturating_sub(1);
            }
            if !is_degraded(&watched.host) {
                watched.degradation.times = watched.degradation.times.saturating_sub(1);
            }
        }
        changes
    }

    /// A health check of the host succeeded, and it is healthy by all of them.
    pub(crate) fn check_passed(&mut self, id: HostId, now: Instant) -> Option<Change> {
        if !self.config.uneject_by_health_check {
            return None;
        }
        let at = self.hosts.iter().position(|watched| watched.host.id() == id)?;
        is_out(&self.hosts[at].host).then(|| self.bring_back(at, Cause::CheckPassed, now))?
    }

    /// Compares the success rates of the interval that ends here.
    fn compare(&mut self, origin: Origin, now: Instant, changes: &mut Vec<Change>) {
        let (rates, percentages) = (self.config.success_rate, self.config.failure_percentage);
        let hosts = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let enough_hosts = hosts >= rates.minimum_hosts.min(percentages.minimum_hosts);
        let mut valid = (Vec::new(), Vec::new());
        for (at, watched) in self.hosts.iter().enumerate() {
            let Some(monitor) = watched.host.monitor() else { continue };
            let (all, well) = monitor.end_interval(origin);
            if is_out(&watched.host) || all == 0 || !enough_hosts {
                continue;
            }
            let rate = share(well, all);
            let enough = |volume: u32| all >= u64::from(volume);
            if enough(rates.request_volume.min(percentages.request_volume)) {
                monitor.show(origin, rate);
            }
            if enough(rates.request_volume) {
                valid.0.push((at, rate));
            }
            if enough(percentages.request_volume) {
                valid.1.push((at, rate));
            }
        }
        let (of_rates, of_percentages) = valid;
        let enough = |hosts: &[(usize, f64)], least: u32| {
            !hosts.is_empty() && hosts.len() >= usize::try_from(least).unwrap_or(usize::MAX)
        };
        let mut found = SuccessRates::UNKNOWN;
        if enough(&of_rates, rates.minimum_hosts) {
            found = threshold(&of_rates, f64::from(rates.stdev_factor) / 1000.0);
            let kind = match origin {
                Origin::External => Kind::SuccessRate,
                Origin::Local => Kind::SuccessRateLocalOrigin,
            };
            for (at, rate) in of_rates.into_iter().filter(|(_, rate)| *rate < found.ejection_threshold) {
                self.stats.inc(OutlierStat::EjectionsSuccessRate);
                self.stats.inc(detected(kind));
                let cause = |out| Cause::SuccessRate { kind, rate, rates: found, out };
                changes.extend(self.eject(at, kind, cause, now));
            }
        }
        match origin {
            Origin::External => self.report.external = found,
            Origin::Local => self.report.local_origin = found,
        }
        if enough(&of_percentages, percentages.minimum_hosts) {
            let kind = match origin {
                Origin::External => Kind::FailurePercentage,
                Origin::Local => Kind::FailurePercentageLocalOrigin,
            };
            let most = f64::from(percentages.threshold);
            for (at, rate) in of_percentages.into_iter().filter(|(_, rate)| 100.0 - rate >= most) {
                self.stats.inc(detected(kind));
                // Other than Envoy: one that the rules above have just ejected is not ejected twice, so that the
                // gauge does not count it twice either.
                if !is_out(&self.hosts[at].host) {
                    let cause = |out| Cause::FailurePercentage { kind, rate, out };
                    changes.extend(self.eject(at, kind, cause, now));
                }
            }
        }
    }

    /// Ejects a host, if that is allowed and chance does not spare it.
    fn eject(
        &mut self,
        at: usize,
        kind: Kind,
        cause: impl FnOnce(Duration) -> Cause,
        now: Instant,
    ) -> Option<Change> {
        let share = share(u64::from(self.active) + 1, self.hosts.len() as u64);
        let first = self.config.always_eject_one_host && self.active == 0;
        if share > f64::from(self.config.max_ejection_percent) && !first {
            self.stats.inc(OutlierStat::EjectionsOverflow);
            return None;
        }
        if matches!(kind, Kind::Consecutive5xx | Kind::SuccessRate) {
            self.stats.inc(OutlierStat::EjectionsTotal);
        }
        let enforce = self.rng.below(100) < u64::from(self.enforcing(kind).min(100));
        if enforce {
            self.count_active(1);
            self.stats.inc(OutlierStat::EnforcedTotal);
            if let Some(stat) = enforced(kind) {
                self.stats.inc(stat);
            }
            let watched = &mut self.hosts[at];
            set(&watched.host, HealthFlags::FAILED_OUTLIER_CHECK, true);
            watched.ejections = watched.ejections.saturating_add(1);
            watched.last_ejection = Some(now);
            watched.ejection.begin(&self.config, now, &mut self.rng);
        }
        let watched = &self.hosts[at];
        Some(Change {
            host: Arc::clone(&watched.host),
            cause: cause(watched.ejection.length(&self.config)),
            enforced: enforce,
            ejections: watched.ejections,
            since: since(watched.last_return, now),
        })
    }

    /// A host says that it is degraded.
    fn degrade(&mut self, at: usize, now: Instant) -> Option<Change> {
        let watched = &mut self.hosts[at];
        if is_degraded(&watched.host) {
            return None;
        }
        self.stats.inc(detected(Kind::Degraded));
        set(&watched.host, HealthFlags::DEGRADED_OUTLIER_DETECTION, true);
        watched.degradation.begin(&self.config, now, &mut self.rng);
        Some(Change {
            host: Arc::clone(&watched.host),
            cause: Cause::Degraded { out: watched.degradation.length(&self.config) },
            enforced: true,
            ejections: watched.ejections,
            since: since(watched.last_return, now),
        })
    }

    fn bring_back(&mut self, at: usize, cause: Cause, now: Instant) -> Option<Change> {
        self.count_active(-1);
        let watched = &mut self.hosts[at];
        set(&watched.host, HealthFlags::FAILED_OUTLIER_CHECK, false);
        watched.host.monitor()?.forget_all();
        watched.last_return = Some(now);
        let (host, ejections) = (Arc::clone(&watched.host), watched.ejections);
        Some(Change { host, cause, enforced: false, ejections, since: since(watched.last_ejection, now) })
    }

    fn enforcing(&self, kind: Kind) -> u32 {
        let config = &self.config;
        match kind {
            Kind::Consecutive5xx => config.consecutive_5xx.enforcing,
            Kind::ConsecutiveGatewayFailure => config.consecutive_gateway_failure.enforcing,
            Kind::ConsecutiveLocalOriginFailure => config.consecutive_local_origin_failure.enforcing,
            Kind::SuccessRate => config.success_rate.enforcing,
            Kind::SuccessRateLocalOrigin => config.success_rate.enforcing_local_origin,
            Kind::FailurePercentage => config.failure_percentage.enforcing,
            Kind::FailurePercentageLocalOrigin => config.failure_percentage.enforcing_local_origin,
            Kind::Degraded => 100,
        }
    }

    fn threshold(&self, kind: Kind) -> u32 {
        let config = &self.config;
        match kind {
            Kind::Consecutive5xx => config.consecutive_5xx.threshold,
            Kind::ConsecutiveGatewayFailure => config.consecutive_gateway_failure.threshold,
            Kind::ConsecutiveLocalOriginFailure => config.consecutive_local_origin_failure.threshold,
            Kind::SuccessRate
            | Kind::SuccessRateLocalOrigin
            | Kind::FailurePercentage
            | Kind::FailurePercentageLocalOrigin
            | Kind::Degraded => 0,
        }
    }

    fn count_active(&mut self, by: i32) {
        self.active = self.active.saturating_add_signed(by);
        self.stats.adjust(OutlierStat::EjectionsActive, i64::from(by));
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        self.stats.adjust(OutlierStat::EjectionsActive, -i64::from(self.active));
    }
}

impl Sentence {
    fn begin(&mut self, config: &OutlierDetection, now: Instant, rng: &mut Rng) {
        let most = u64::try_from(config.max_ejection_time_jitter.as_millis()).unwrap_or(u64::MAX);
        self.jitter = Duration::from_millis(rng.below(most.saturating_add(1)));
        self.since = Some(now);
        let (base, longest) = (config.base_ejection_time, config.max_ejection_time);
        if base.saturating_mul(self.times) < longest.saturating_add(base) {
            self.times += 1;
        }
    }

    fn length(&self, config: &OutlierDetection) -> Duration {
        config.base_ejection_time.saturating_mul(self.times).min(config.max_ejection_time) + self.jitter
    }

    fn is_over(&self, config: &OutlierDetection, now: Instant) -> bool {
        self.since.is_none_or(|since| self.length(config) <= now.saturating_duration_since(since))
    }
}

fn is_out(host: &Host) -> bool {
    host.flags().any(HealthFlags::FAILED_OUTLIER_CHECK)
}

fn is_degraded(host: &Host) -> bool {
    host.flags().any(HealthFlags::DEGRADED_OUTLIER_DETECTION)
}

fn set(host: &Host, flag: HealthFlags, on: bool) {
    host.set_flags(host.flags().with(flag, on));
}

fn since(then: Option<Instant>, now: Instant) -> Option<Duration> {
    then.map(|then| now.saturating_duration_since(then))
}

/// In per cent.
#[expect(clippy::cast_precision_loss, reason = "numbers of requests and hosts are far below 2^52")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 * 100.0 / all as f64
}

/// The average, and what lies so many standard deviations below it.
fn threshold(rates: &[(usize, f64)], factor: f64) -> SuccessRates {
    let count = f64::from(u32::try_from(rates.len()).unwrap_or(u32::MAX));
    let average = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - average).powi(2)).sum::<f64>() / count;
    SuccessRates { average, ejection_threshold: average - factor * variance.sqrt() }
}

#[cfg(test)]
mod tests;
