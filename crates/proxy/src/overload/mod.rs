//! What is done when the process has less left than it needs: what workers look at.
//!
//! One thread watches ([`watch`]) and writes how much is to be done; workers read numbers. As long as there
//! is enough of everything, that is one relaxed load wherever they ask.

mod stats;
mod watch;

pub use watch::Changes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use causeway_model::{
    LoadShedPointKind, OverloadActionKind, OverloadManager, ScaledTimer, TimerLeast, TimerType,
};
use causeway_stats::{Registry, Shard};

use crate::timer::{Millis, millis};
use stats::{LoadShedStat, Scopes};

/// Everything, in the unit of levels.
const ALL: u32 = 1_000_000;

/// The overload manager of one configuration.
#[derive(Debug)]
pub struct Overload {
    config: OverloadManager,
    /// Whether anything is to be done at all.
    any: AtomicBool,
    actions: [AtomicU32; OverloadActionKind::ALL.len()],
    points: [AtomicU32; LoadShedPointKind::ALL.len()],
    scopes: Scopes,
}

impl Overload {
    pub(crate) fn new(config: &OverloadManager, registry: &Registry) -> Arc<Self> {
        Arc::new(Self {
            scopes: Scopes::new(config, registry),
            config: config.clone(),
            any: AtomicBool::new(false),
            actions: Default::default(),
            points: Default::default(),
        })
    }

    /// Connections of clients that may be open at once.
    pub(crate) const fn max_connections(&self) -> Option<u64> {
        self.config.max_connections
    }

    /// Whether anything is to be done.
    pub(crate) fn acts_at_all(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Whether all of something is to be done.
    pub(crate) fn is_saturated(&self, action: OverloadActionKind) -> bool {
        self.level(action) == ALL
    }

    /// Whether something is to be done now; what is to be done to some is decided by the random number.
    pub(crate) fn acts(&self, action: OverloadActionKind, random: u64) -> bool {
        falls(self.level(action), random)
    }

    /// What is used up, for whoever asks why something was refused.
    pub(crate) fn evidence(&self) -> String {
        let monitors = self.config.monitors.iter().zip(&self.scopes.monitors);
        let used: Vec<_> = monitors
            .map(|(monitor, scope)| {
                let percent = scope.gauge(stats::MonitorStat::Pressure);
                format!("{percent} % of {} are used", monitor.name)
            })
            .collect();
        used.join(", ")
    }

    fn level(&self, action: OverloadActionKind) -> u32 {
        self.actions.get(action as usize).map_or(0, |level| level.load(Relaxed))
    }

    /// How long a timer runs that is set to that long.
    pub(crate) fn timer(&self, timer: TimerType, set: Millis) -> Millis {
        let level = self.level(OverloadActionKind::ReduceTimeouts);
        if level == 0 {
            return set;
        }
        let actions = self.config.actions.iter().filter(|a| a.kind == OverloadActionKind::ReduceTimeouts);
        let scaled = actions.flat_map(|action| &action.timers).find(|scaled| scaled.timer == timer);
        scaled.map_or(set, |scaled| shortened(*scaled, set, level))
    }
}

/// The overload manager as one worker has it.
#[derive(Debug)]
pub(crate) struct WorkerOverload {
    pub(crate) shared: Arc<Overload>,
    points: Vec<(LoadShedPointKind, Shard<LoadShedStat>)>,
}

impl WorkerOverload {
    pub(crate) fn new(shared: &Arc<Overload>, worker: usize) -> Self {
        Self { points: shared.scopes.points(worker), shared: Arc::clone(shared) }
    }

    /// Whether work is refused at a place; counted where it is.
    pub(crate) fn sheds(&self, point: LoadShedPointKind, random: u64) -> bool {
        let level = self.shared.points.get(point as usize).map_or(0, |level| level.load(Relaxed));
        if !falls(level, random) {
            return false;
        }
        if let Some((_, shard)) = self.points.iter().find(|(kind, _)| *kind == point) {
            shard.inc(LoadShedStat::ShedLoadCount);
        }
        true
    }
}

/// Whether one falls among those to whom something is done.
const fn falls(level: u32, random: u64) -> bool {
    level == ALL || random % (ALL as u64) < level as u64
}

fn shortened(scaled: ScaledTimer, set: Millis, level: u32) -> Millis {
    let least = match scaled.least {
        TimerLeast::Time(time) => millis(time).min(set),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of it")]
        TimerLeast::Share(share) => (set as f64 * share.clamp(0.0, 1.0)) as Millis,
    };
    least
        + (set - least) / u64::from(ALL) * u64::from(ALL - level)
        + (set - least) % u64::from(ALL) * u64::from(ALL - level) / u64::from(ALL)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_shrink_to_their_least() {
        let by_time =
            ScaledTimer { timer: TimerType::ConnectionIdle, least: TimerLeast::Time(Duration::from_secs(2)) };
        assert_eq!(shortened(by_time, 10_000, 1), 9_999);
        assert_eq!(shortened(by_time, 10_000, ALL / 2), 6_000);
        assert_eq!(shortened(by_time, 10_000, ALL), 2_000);
        assert_eq!(shortened(by_time, 1_000, ALL), 1_000, "never longer than it is set");
        let by_share = ScaledTimer { least: TimerLeast::Share(0.1), ..by_time };
        assert_eq!(shortened(by_share, 3_600_000, ALL), 360_000);
    }

    #[test]
    fn a_share_of_them_falls() {
        assert!(falls(ALL, u64::MAX) && !falls(0, 0));
        assert_eq!((0..ALL).filter(|n| falls(ALL / 4, u64::from(*n))).count(), 250_000);
    }
}
