//! Watching what the process uses, and working out what is to be done about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use causeway_model::{OverloadActionKind, Resource, Trigger};

use super::stats::{ActionStat, LoadShedStat, MonitorStat, OverloadStat};
use super::{ALL, Overload};

/// What a look has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Workers have to look at the levels again.
    pub levels: bool,
    /// Memory that is kept for later is to be given back.
    pub shrink: bool,
}

impl Overload {
    /// How often to look; `None` where there is nothing to watch.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        (!self.config.monitors.is_empty()).then_some(self.config.refresh_interval)
    }

    /// Looks at everything that is watched, and sets what is to be done. `connections` are those of clients
    /// that count; `late` is how much later this look is than it should be.
    pub fn look(&self, connections: u64, late: Duration) -> Changes {
        let late = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        let cells = self.scopes.watcher();
        cells.overload.record(OverloadStat::RefreshIntervalDelay, late);
        let mut pressures = Vec::with_capacity(self.config.monitors.len());
        for (monitor, shard) in self.config.monitors.iter().zip(&cells.monitors) {
            let pressure = pressure(monitor.resource, connections);
            match pressure {
                Some(pressure) => shard.set(MonitorStat::Pressure, percent(pressure)),
                None => shard.inc(MonitorStat::FailedUpdates),
            }
            pressures.push((&*monitor.name, pressure));
        }
        let strength = |triggers: &[Trigger]| -> Option<f64> {
            let of = |trigger: &Trigger| {
                let (_, pressure) = pressures.iter().find(|(name, _)| *name == &*trigger.monitor)?;
                pressure.map(|pressure| trigger.curve.at(pressure))
            };
            triggers.iter().filter_map(of).reduce(f64::max)
        };
        let mut changes = Changes::default();
        let mut any = false;
        for (action, shard) in self.config.actions.iter().zip(&cells.actions) {
            let Some(cell) = self.actions.get(action.kind as usize) else { continue };
            // What could not be seen changes nothing.
            let level = strength(&action.triggers).map_or_else(|| cell.load(Relaxed), level);
            any |= level > 0;
            let before = cell.swap(level, Relaxed);
            if before != level {
                changes.levels = true;
                if (before == ALL) != (level == ALL) {
                    let became = if level == ALL { "active" } else { "inactive" };
                    tracing::info!(target: "main", "overload action {} became {became}", action.kind.name());
                }
            }
            shard.set(ActionStat::Active, i64::from(level == ALL));
            shard.set(ActionStat::ScalePercent, i64::from(level / (ALL / 100)));
            if action.kind == OverloadActionKind::ShrinkHeap && level == ALL {
                changes.shrink = true;
            }
        }
        for (point, (_, shard)) in self.config.load_shed_points.iter().zip(&cells.points) {
            let Some(cell) = self.points.get(point.kind as usize) else { continue };
            let level = strength(&point.triggers).map_or_else(|| cell.load(Relaxed), level);
            any |= level > 0;
            cell.store(level, Relaxed);
            shard.set(LoadShedStat::ScalePercent, i64::from(level / (ALL / 100)));
        }
        self.any.store(any, Relaxed);
        changes
    }

    /// Memory was given back.
    pub fn shrunk(&self) {
        self.scopes.shrunk();
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 1")]
fn level(strength: f64) -> u32 {
    (strength.clamp(0.0, 1.0) * f64::from(ALL)) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and a gauge can't show more")]
fn percent(pressure: f64) -> i64 {
    (pressure * 100.0) as i64
}

/// The share that is used; `None` where it can't be seen.
fn pressure(resource: Resource, connections: u64) -> Option<f64> {
    let share = |used: u64, most: u64| (most > 0).then(|| used as f64 / most as f64);
    match resource {
        Resource::Heap { most } => share(own_memory()?, most),
        Resource::Connections { most } => share(connections, most),
        Resource::Cgroup { most } => {
            let group = Group::find()?;
            let limit = group.limit();
            let most = most.map_or(limit, |most| Some(limit.map_or(most, |limit| limit.min(most))));
            // Without a limit it can't be full.
            most.map_or(Some(0.0), |most| share(group.used()?, most))
        }
    }
}

/// Resident memory of this process in bytes (proc(5), status).
fn own_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A control group of memory, of either version.
struct Group {
    used: PathBuf,
    limit: PathBuf,
}

impl Group {
    fn find() -> Option<Self> {
        let at = |folder: &Path, used: &str, limit: &str| {
            let group = Self { used: folder.join(used), limit: folder.join(limit) };
            group.used.exists().then_some(group)
        };
        let root = Path::new("/sys/fs/cgroup");
        at(root, "memory.current", "memory.max")
            .or_else(|| at(&root.join("memory"), "memory.usage_in_bytes", "memory.limit_in_bytes"))
    }

    fn used(&self) -> Option<u64> {
        fs::read_to_string(&self.used).ok()?.trim().parse().ok()
    }

    /// `max` is no limit.
    fn limit(&self) -> Option<u64> {
        fs::read_to_string(&self.limit).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_model::{OverloadAction, OverloadManager, ResourceMonitor, TriggerCurve};
    use causeway_stats::Registry;

    use super::*;

    #[test]
    fn actions_follow_the_strongest_of_their_triggers() {
        let monitor = |name: &str, most| ResourceMonitor {
            name: name.into(),
            resource: Resource::Connections { most },
        };
        let trigger = |name: &str, curve| Trigger { monitor: name.into(), curve };
        let config = OverloadManager {
            monitors: vec![monitor("few", 10), monitor("many", 1000)],
            actions: vec![OverloadAction {
                kind: OverloadActionKind::StopAcceptingRequests,
                triggers: vec![
                    trigger("few", TriggerCurve::Scaled(0.5, 1.0)),
                    trigger("many", TriggerCurve::Threshold(0.9)),
                ],
                timers: Vec::new(),
            }],
            ..OverloadManager::default()
        };
        let overload: Arc<Overload> = Overload::new(&config, &Registry::new(1));
        let action = OverloadActionKind::StopAcceptingRequests;
        assert_eq!(overload.look(5, Duration::ZERO), Changes::default());
        assert!(!overload.acts(action, 0));
        assert!(overload.look(6, Duration::ZERO).levels);
        assert!(
            overload.acts(action, 0) && !overload.acts(action, 999_999) && !overload.is_saturated(action)
        );
        overload.look(10, Duration::ZERO);
        assert!(overload.is_saturated(action) && overload.acts(action, 999_999));
        overload.look(0, Duration::ZERO);
        assert!(!overload.acts(action, 0));
    }

    #[test]
    fn memory_of_this_process_is_seen() {
        assert!(own_memory().is_some_and(|bytes| bytes > 1 << 20));
        let pressure = pressure(Resource::Heap { most: 1 }, 0);
        assert!(pressure.is_some_and(|pressure| pressure > 1e6));
    }
}
