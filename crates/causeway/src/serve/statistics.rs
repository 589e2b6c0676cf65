//! Statistics that nobody but the main thread knows.

use std::time::Duration;

use causeway_admin::{ListenerManagerStat, RuntimeStat, ServerStat, WatchdogStat};
use causeway_model::{Bootstrap, Runtime};
use causeway_proxy::{FilesystemShard, LogFiles};
use causeway_stats::{Registry, Scope, ScopeName, Shard};

use super::names::Names;

/// The main thread's cells.
#[derive(Debug)]
pub(super) struct Statistics {
    server: Shard<ServerStat>,
    listeners: Shard<ListenerManagerStat>,
    runtime: Shard<RuntimeStat>,
    filesystem: FilesystemShard,
    names: Names,
    /// Nothing watches threads yet; the names exist for dashboards.
    _watchdogs: Vec<Scope<WatchdogStat>>,
}

impl Statistics {
    pub(super) fn new(registry: &Registry, workers: usize) -> Self {
        let main = registry.main_shard();
        let scope = |name: &str| ScopeName::root().then(name);
        let mut watchdogs = vec![scope("main_thread"), scope("workers"), scope("server").then("main_thread")];
        watchdogs.extend((0..workers).map(|worker| scope("server").then(&format!("worker_{worker}"))));
        Self {
            server: registry.scope(scope("server")).shard(main),
            listeners: registry.scope(scope("listener_manager")).shard(main),
            runtime: registry.scope(scope("runtime")).shard(main),
            filesystem: FilesystemShard::new(registry),
            names: Names::new(registry, workers),
            _watchdogs: watchdogs.into_iter().map(|name| registry.scope(name)).collect(),
        }
    }

    /// The process serves, after this time.
    pub(super) fn initialized(&self, after: Duration) {
        self.server
            .record(ServerStat::InitializationTimeMs, u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self.listeners.set(ListenerManagerStat::WorkersStarted, 1);
    }

    /// A configuration came into force.
    pub(super) fn published(&self, old: Option<&Bootstrap>, new: &Bootstrap, workers: usize) {
        let before = old.map_or(&[][..], |old| &old.listeners);
        for listener in &new.listeners {
            match before.iter().find(|known| known.name == listener.name) {
                None => {
                    self.listeners.inc(ListenerManagerStat::ListenerAdded);
                    self.listeners.add(ListenerManagerStat::ListenerCreateSuccess, workers as u64);
                }
                Some(known) if known != listener => self.listeners.inc(ListenerManagerStat::ListenerModified),
                Some(_) => {}
            }
        }
        let gone =
            before.iter().filter(|known| !new.listeners.iter().any(|listener| listener.name == known.name));
        self.listeners.add(ListenerManagerStat::ListenerRemoved, gone.count() as u64);
        self.listeners.set(ListenerManagerStat::TotalListenersActive, gauge(new.listeners.len()));
        self.listeners.set(ListenerManagerStat::TotalListenersWarming, 0);
        self.names.clusters(gauge(new.clusters.len()));
    }

    /// Listeners stopped listening.
    pub(super) fn stopped(&self, listeners: usize) {
        self.listeners.add(ListenerManagerStat::ListenerStopped, listeners as u64);
    }

    /// A runtime came into force.
    pub(super) fn runtime(&self, runtime: &Runtime, overrides: usize) {
        let keys: std::collections::BTreeSet<_> =
            runtime.layers.iter().flat_map(|layer| layer.values.keys()).collect();
        self.runtime.inc(RuntimeStat::LoadSuccess);
        self.runtime.set(RuntimeStat::NumKeys, gauge(keys.len()));
        self.runtime.set(RuntimeStat::NumLayers, gauge(runtime.layers.len()));
        self.runtime.set(RuntimeStat::AdminOverridesActive, gauge(overrides));
    }

    /// Uses of fields that are about to go.
    pub(super) fn deprecated(&self, uses: usize) {
        self.runtime.add(RuntimeStat::DeprecatedFeatureUse, uses as u64);
        let seen = self.runtime.scope().gauge(RuntimeStat::DeprecatedFeatureSeenSinceProcessStart);
        self.runtime.set(RuntimeStat::DeprecatedFeatureSeenSinceProcessStart, seen + gauge(uses));
    }

    /// Takes over what the thread that writes access logs has counted.
    pub(super) fn count_files(&self, files: &LogFiles) {
        files.count_into(&self.filesystem);
    }
}

fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
