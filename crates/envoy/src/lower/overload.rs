//! `overload_manager`: what is watched, and what is done about it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    LoadShedPoint, LoadShedPointKind, OverloadAction, OverloadActionKind, OverloadManager, Resource,
    ResourceMonitor, Runtime, ScaledTimer, TimerLeast, TimerType, Trigger, TriggerCurve,
};

use super::Cx;
use super::extension::short_kind;
use crate::tree::Message;

/// The runtime key that limits connections in old files.
const OLD_LIMIT: &str = "overload.global_downstream_max_connections";
const CONNECTIONS: &str = "envoy.resource_monitors.global_downstream_max_connections";

/// The names that triggers may have.
struct Names<'m> {
    known: HashSet<&'m str>,
    /// Monitors that are not implemented, which has been said.
    left_out: HashSet<&'m str>,
}

impl Cx<'_> {
    /// `Bootstrap.overload_manager`, and the runtime key for one of its limits.
    pub(super) fn overload_manager(&self, root: &Message<'_>, runtime: &Runtime) -> OverloadManager {
        self.uses_runtime_key(OLD_LIMIT);
        let old_limit = runtime.integer(OLD_LIMIT);
        let Some(message) = root.message("overload_manager") else {
            return OverloadManager { max_connections: old_limit, ..OverloadManager::default() };
        };
        self.not_implemented(message, "buffer_factory_config", "");
        let mut left_out = HashSet::new();
        let monitors = self.resource_monitors(message, &mut left_out);
        let names = Names {
            known: monitors.iter().map(|monitor| &*monitor.name).collect(),
            left_out: left_out.iter().map(String::as_str).collect(),
        };
        let connections = monitors.iter().find_map(|monitor| match monitor.resource {
            Resource::Connections { most } => Some(most),
            Resource::Heap { .. } | Resource::Cgroup { .. } => None,
        });
        OverloadManager {
            refresh_interval: self
                .duration(message, "refresh_interval")
                .filter(|interval| !interval.is_zero())
                .unwrap_or(Duration::from_secs(1)),
            actions: self.overload_actions(message, &names),
            load_shed_points: self.load_shed_points(message, &names),
            max_connections: connections.or(old_limit),
            monitors,
        }
    }

    /// The monitors; `left_out` gets the names of those that are spoken of and not there.
    fn resource_monitors(
        &self,
        manager: &Message<'_>,
        left_out: &mut HashSet<String>,
    ) -> Vec<ResourceMonitor> {
        let mut found: Vec<ResourceMonitor> = Vec::new();
        let mut names = HashSet::new();
        for message in manager.messages("resource_monitors") {
            let name = message.text("name").to_owned();
            if !names.insert(name.clone()) {
                let text = format!("a second resource monitor with the name `{name}`");
                self.reject(message.at("name"), "duplicate-monitor", text);
            }
            let Some(config) = self.typed(message) else {
                if !message.has("typed_config") {
                    self.reject(
                        message.here(),
                        "missing-type",
                        format!("the resource monitor `{name}` needs a `typed_config`"),
                    );
                }
                continue;
            };
            let resource = match short_kind(config.schema.name()) {
                "FixedHeapConfig" => Resource::Heap { most: config.u64("max_heap_size_bytes").unwrap_or(0) },
                "CgroupMemoryConfig" => {
                    Resource::Cgroup { most: config.u64("max_memory_bytes").filter(|most| *most > 0) }
                }
                "DownstreamConnectionsConfig" => Resource::Connections {
                    most: config.u64("max_active_downstream_connections").unwrap_or(0),
                },
                other => {
                    self.extension_not_implemented(message, &format!("the resource monitor {other}"));
                    left_out.insert(name);
                    continue;
                }
            };
            if matches!(resource, Resource::Connections { .. }) && name != CONNECTIONS {
                let text = format!("this resource monitor has to be called `{CONNECTIONS}`");
                self.reject(message.at("name"), "wrong-monitor", text);
            }
            found.push(ResourceMonitor { name: name.as_str().into(), resource });
        }
        found
    }

    fn overload_actions(&self, manager: &Message<'_>, names: &Names<'_>) -> Vec<OverloadAction> {
        let mut found: Vec<OverloadAction> = Vec::new();
        let mut seen = HashSet::new();
        for message in manager.messages("actions") {
            let name = message.text("name").to_owned();
            if !seen.insert(name.clone()) {
                let text = format!("a second overload action with the name `{name}`");
                self.reject(message.at("name"), "duplicate-action", text);
            }
            let triggers = self.triggers(message, names, &format!("the overload action `{name}`"));
            let kind = OverloadActionKind::ALL.into_iter().find(|kind| kind.name() == name);
            let Some(kind) = kind else {
                match name.as_str() {
                    "envoy.overload_actions.close_idle_http_connections" => self.ignored(
                        message.at("name"),
                        format!("`{name}` has no effect here: it closes no connection of HTTP/1, with Envoy neither"),
                    ),
                    "envoy.overload_actions.reset_high_memory_stream" => {
                        self.unsupported(
                            message.at("name"),
                            format!("the overload action `{name}` is not implemented"),
                        );
                    }
                    _ => self.reject(
                        message.at("name"),
                        "unknown-action",
                        format!("there is no overload action `{name}`"),
                    ),
                }
                message.settle_all();
                continue;
            };
            let timers = match (kind, message.has("typed_config")) {
                (OverloadActionKind::ReduceTimeouts, true) => self.scaled_timers(message),
                (OverloadActionKind::ReduceTimeouts, false) => {
                    self.reject(
                        message.here(),
                        "missing-type",
                        format!("the overload action `{name}` needs a `typed_config`"),
                    );
                    Vec::new()
                }
                (OverloadActionKind::ShrinkHeap, true) => {
                    self.shrink_heap(message);
                    Vec::new()
                }
                (_, true) => {
                    self.reject(
                        message.at_key("typed_config"),
                        "unexpected-config",
                        format!("the overload action `{name}` has no `typed_config`"),
                    );
                    message.settle("typed_config");
                    Vec::new()
                }
                (_, false) => Vec::new(),
            };
            found.push(OverloadAction { kind, triggers, timers });
        }
        found
    }

    /// `ShrinkHeapConfig` tunes Envoy's allocator.
    fn shrink_heap(&self, action: &Message<'_>) {
        let Some(config) = action.any("typed_config").and_then(|any| any.message()) else { return };
        for entry in &config.entries {
            let field = entry.field.name();
            self.ignored(config.at_key(field), format!("`{field}` tunes an allocator that is not used here"));
        }
        config.settle_all();
    }

    fn scaled_timers(&self, action: &Message<'_>) -> Vec<ScaledTimer> {
        let Some(config) = action.any("typed_config").and_then(|any| any.message()) else {
            return Vec::new();
        };
        let mut timers = Vec::new();
        for factor in config.messages("timer_scale_factors") {
            let timer = match factor.choice("timer") {
                "HTTP_DOWNSTREAM_CONNECTION_IDLE" => TimerType::ConnectionIdle,
                "HTTP_DOWNSTREAM_STREAM_IDLE" => TimerType::StreamIdle,
                "HTTP_DOWNSTREAM_CONNECTION_MAX" => TimerType::ConnectionMax,
                other => {
                    self.unsupported(factor.at("timer"), format!("the timer {other} is not implemented"));
                    factor.settle_all();
                    continue;
                }
            };
            let least = match factor.which("overload_adjust") {
                Some("min_timeout") => {
                    TimerLeast::Time(self.duration(factor, "min_timeout").unwrap_or_default())
                }
                _ => TimerLeast::Share(
                    factor.message("min_scale").map_or(0.0, |percent| self.percent(percent) / 100.0),
                ),
            };
            timers.push(ScaledTimer { timer, least });
        }
        timers
    }

    fn load_shed_points(&self, manager: &Message<'_>, names: &Names<'_>) -> Vec<LoadShedPoint> {
        let mut found = Vec::new();
        for message in manager.messages("loadshed_points") {
            let name = message.text("name").to_owned();
            let triggers = self.triggers(message, names, &format!("the load shed point `{name}`"));
            match LoadShedPointKind::ALL.into_iter().find(|kind| kind.name() == name) {
                Some(kind) => found.push(LoadShedPoint { kind, triggers }),
                // Those of HTTP/3, and names that Envoy does not know either.
                None => self.ignored(
                    message.at("name"),
                    format!("nothing here comes to the load shed point `{name}`"),
                ),
            }
        }
        found
    }

    fn triggers(&self, holder: &Message<'_>, names: &Names<'_>, of: &str) -> Vec<Trigger> {
        let mut found: Vec<Trigger> = Vec::new();
        for message in holder.messages("triggers") {
            let name = message.text("name");
            if found.iter().any(|trigger| &*trigger.monitor == name) {
                let text = format!("{of} has two triggers for `{name}`");
                self.reject(message.at("name"), "duplicate-trigger", text);
                continue;
            }
            let curve = match message.which("trigger_oneof") {
                Some("scaled") => {
                    let scaled = message.message("scaled");
                    let number = |field| scaled.and_then(|scaled| scaled.double(field)).unwrap_or(0.0);
                    let (from, to) = (number("scaling_threshold"), number("saturation_threshold"));
                    if from >= to {
                        self.reject(
                            message.at_key("scaled"),
                            "invalid-trigger",
                            "`scaling_threshold` has to be less than `saturation_threshold`",
                        );
                    }
                    TriggerCurve::Scaled(from, to)
                }
                _ => TriggerCurve::Threshold(
                    message
                        .message("threshold")
                        .and_then(|threshold| threshold.double("value"))
                        .unwrap_or(0.0),
                ),
            };
            if !names.known.contains(name) {
                if !names.left_out.contains(name) {
                    let text =
                        format!("{of} is triggered by `{name}`, and there is no such resource monitor");
                    self.reject(message.at("name"), "unknown-monitor", text);
                }
                continue;
            }
            found.push(Trigger { monitor: Arc::from(name), curve });
        }
        found
    }
}
