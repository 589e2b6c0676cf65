//! Slow start: a host that is new, or well again, gets less than its weight for a while, so that its caches fill
//! before everything comes down on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::SlowStart;

use crate::flags::Health;
use crate::host::Host;

/// The slow start of a cluster's hosts, as one worker sees it.
#[derive(Debug)]
pub(super) struct SlowStarts {
    config: SlowStart,
    /// When the last of them began.
    latest: Option<Instant>,
}

impl SlowStarts {
    pub(super) const fn new(config: SlowStart) -> Self {
        Self { config, latest: None }
    }

    /// Looks at hosts that have changed.
    pub(super) fn note(&mut self, hosts: &[Arc<Host>], now: Instant) {
        for host in hosts.iter().filter(|host| host.health() == Health::Healthy) {
            let well_for = host.well_for(now).unwrap_or_default();
            if well_for < self.config.window {
                self.latest = self.latest.max(now.checked_sub(well_for));
            }
        }
    }

    /// Whether any host has less than its weight.
    pub(super) fn any(&self, now: Instant) -> bool {
        self.latest.is_some_and(|latest| now.saturating_duration_since(latest) <= self.config.window)
    }

    /// What is left of a host's weight.
    pub(super) fn weight(&self, weight: f64, host: &Host, now: Instant) -> f64 {
        let well_for = host.well_for(now).filter(|_| host.health() == Health::Healthy);
        let Some(well_for) = well_for.filter(|well_for| *well_for < self.config.window) else {
            return weight;
        };
        let over = well_for.max(Duration::from_millis(1)).as_secs_f64() / self.config.window.as_secs_f64();
        let share =
            if self.config.aggression == 1.0 { over } else { over.powf(1.0 / self.config.aggression) };
        weight * share.max(self.config.min_weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::host;

    #[test]
    fn a_host_gets_its_weight_by_and_by() {
        let config = SlowStart { window: Duration::from_secs(100), aggression: 1.0, min_weight: 0.1 };
        let mut starts = SlowStarts::new(config);
        let (host, now) = (host(80), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(starts.weight(4.0, &host, now), 4.0);
        host.set_well_since(now);
        starts.note(&[Arc::clone(&host)], now);
        assert_eq!(starts.weight(4.0, &host, at(5)), 0.4);
        assert!((starts.weight(4.0, &host, at(50)) - 2.0).abs() < 1e-9);
        assert!(starts.any(at(100)) && !starts.any(at(101)));
        assert_eq!(starts.weight(4.0, &host, at(100)), 4.0);
        let steep = SlowStarts::new(SlowStart { aggression: 2.0, ..config });
        assert!((steep.weight(4.0, &host, at(25)) - 2.0).abs() < 1e-9);
    }
}
