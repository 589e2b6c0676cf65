//! `overload.…`

use causeway_model::{LoadShedPointKind, OverloadActionKind, OverloadManager, Resource};
use causeway_stats::{Registry, Scope, ScopeName, Shard, schema};

schema! {
    /// `overload.<action>.`
    pub enum ActionStat {
        /// 1 while all of it is done.
        Active = gauge "active",
        /// How much of it is done, in per cent.
        ScalePercent = gauge "scale_percent",
    }
}

schema! {
    /// `overload.envoy.overload_actions.shrink_heap.`
    pub enum ShrinkStat {
        /// How often memory was given back.
        ShrinkCount = counter "shrink_count",
    }
}

schema! {
    /// `overload.<load shed point>.`
    pub enum LoadShedStat {
        /// How much is refused there, in per cent.
        ScalePercent = gauge "scale_percent",
        /// What was refused.
        ShedLoadCount = counter "shed_load_count",
    }
}

schema! {
    /// `overload.<monitor>.`
    pub enum MonitorStat {
        /// Looks that told nothing.
        FailedUpdates = counter "failed_updates",
        /// How much of it is used, in per cent.
        Pressure = gauge "pressure",
    }
}

schema! {
    /// `overload.<monitor>.`, of monitors that are asked from time to time.
    pub enum PolledMonitorStat {
        /// Looks left out because the one before was not done.
        SkippedUpdates = counter "skipped_updates",
    }
}

schema! {
    /// `overload.`
    pub enum OverloadStat {
        /// How late the monitors looked, in milliseconds.
        RefreshIntervalDelay = histogram "refresh_interval_delay",
    }
}

/// The names of what one configuration has. Only the one who watches writes most of them.
#[derive(Debug)]
pub(super) struct Scopes {
    main: usize,
    overload: Scope<OverloadStat>,
    pub(super) monitors: Vec<Scope<MonitorStat>>,
    actions: Vec<Scope<ActionStat>>,
    shrink: Option<Scope<ShrinkStat>>,
    points: Vec<(LoadShedPointKind, Scope<LoadShedStat>)>,
    /// Held so that the names are there.
    _polled: Vec<Scope<PolledMonitorStat>>,
}

/// The cells of the one who watches.
pub(super) struct Watcher {
    pub(super) overload: Shard<OverloadStat>,
    pub(super) monitors: Vec<Shard<MonitorStat>>,
    pub(super) actions: Vec<Shard<ActionStat>>,
    pub(super) points: Vec<(LoadShedPointKind, Shard<LoadShedStat>)>,
}

impl Scopes {
    pub(super) fn new(config: &OverloadManager, registry: &Registry) -> Self {
        let name = |of: &str| ScopeName::root().then("overload").then(of);
        let polled = |resource| !matches!(resource, Resource::Connections { .. });
        let actions = || config.actions.iter().map(|action| action.kind);
        let shrinks = actions().find(|kind| *kind == OverloadActionKind::ShrinkHeap);
        let monitors = || config.monitors.iter();
        Self {
            main: registry.main_shard(),
            overload: registry.scope(ScopeName::root().then("overload")),
            monitors: monitors().map(|monitor| registry.scope(name(&monitor.name))).collect(),
            actions: actions().map(|kind| registry.scope(name(kind.name()))).collect(),
            shrink: shrinks.map(|kind| registry.scope(name(kind.name()))),
            points: config
                .load_shed_points
                .iter()
                .map(|point| (point.kind, registry.scope(name(point.kind.name()))))
                .collect(),
            _polled: monitors()
                .filter(|monitor| polled(monitor.resource))
                .map(|monitor| registry.scope(name(&monitor.name)))
                .collect(),
        }
    }

    /// What one worker counts.
    pub(super) fn points(&self, worker: usize) -> Vec<(LoadShedPointKind, Shard<LoadShedStat>)> {
        self.points.iter().map(|(kind, scope)| (*kind, scope.shard(worker))).collect()
    }

    /// What the one who watches counts.
    pub(super) fn watcher(&self) -> Watcher {
        Watcher {
            overload: self.overload.shard(self.main),
            monitors: self.monitors.iter().map(|scope| scope.shard(self.main)).collect(),
            actions: self.actions.iter().map(|scope| scope.shard(self.main)).collect(),
            points: self.points(self.main),
        }
    }

    /// Memory was given back.
    pub(super) fn shrunk(&self) {
        if let Some(shrink) = &self.shrink {
            shrink.shard(self.main).inc(ShrinkStat::ShrinkCount);
        }
    }
}
