//! The whole configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_model::{
    AccessLog, AccessLogSink, Admin, ApplicationLogFormat, Bootstrap, Listener, Node, Runtime, Value,
};

use super::Cx;
use super::extension::short_kind;
use crate::tree::{JsonKind, Message};

/// `Bootstrap`.
pub(super) fn bootstrap(cx: &Cx<'_>, root: &Message<'_>) -> Bootstrap {
    let defaults = cx.dns_defaults(root);
    let (runtime, keys) = cx.runtime(root);
    cx.runtime.borrow_mut().clone_from(&runtime);
    cx.default_regex_engine(root);
    let stats_sinks = cx.stats_sinks(root);
    if root.bool("stats_flush_on_admin") && !stats_sinks.is_empty() {
        cx.not_implemented(root, "stats_flush_on_admin", "");
    } else if root.has("stats_flush_on_admin") {
        cx.ignored(root.at_key("stats_flush_on_admin"), "statistics are current whenever they are read");
        root.settle("stats_flush_on_admin");
    }
    cx.check_intervals(root);
    let mut bootstrap = Bootstrap {
        node: cx.node(root),
        admin: root.message("admin").and_then(|admin| cx.admin(admin)),
        stats_sinks,
        stats_matcher: root.message("stats_config").and_then(|config| cx.stats_matcher(config)),
        stats_flush_interval: cx.duration(root, "stats_flush_interval"),
        stats_server_version_override: root.u64("stats_server_version_override"),
        application_log_format: cx.application_log(root),
        ..Bootstrap::default()
    };
    let manager = root.message("cluster_manager");
    let bind = manager.and_then(|manager| cx.bind_config(manager));
    let outlier_log = manager.and_then(|manager| cx.outlier_event_log(manager));
    bootstrap.local_cluster_name = cx.local_cluster_name(root);
    if let Some(resources) = root.message("static_resources") {
        cx.static_secrets(resources);
        bootstrap.listeners = cx.listeners(resources);
        bootstrap.clusters = cx.clusters(resources, &defaults, bind.as_ref(), outlier_log.as_ref());
        cx.unused_secrets(resources);
    }
    for listener in &mut bootstrap.listeners {
        limit_connections(listener, &runtime);
    }
    bootstrap.overload = cx.overload_manager(root, &runtime);
    bootstrap.runtime = runtime;
    cx.unread_runtime_keys(keys);
    bootstrap
}

impl Cx<'_> {
    /// `cluster_manager.local_cluster_name`.
    fn local_cluster_name(&self, root: &Message<'_>) -> Option<Arc<str>> {
        let manager = root.message("cluster_manager")?;
        let name = manager.text("local_cluster_name");
        if name.is_empty() {
            return None;
        }
        if !self.clusters.contains(name) {
            let text = format!("there is no cluster `{name}`");
            self.reject(manager.at("local_cluster_name"), "unknown-cluster", text);
        }
        self.has_own_cluster.set(true);
        Some(name.into())
    }
}

impl Cx<'_> {
    /// What Envoy asks of settings that mean nothing here.
    fn check_intervals(&self, root: &Message<'_>) {
        let millis = |field: &str| self.duration(root, field).map(|duration| duration.as_millis());
        let flush = millis("stats_flush_interval").unwrap_or(5000);
        let eviction = millis("stats_eviction_interval");
        if eviction.is_some_and(|eviction| flush > 0 && eviction % flush != 0) {
            let text = "`stats_eviction_interval` has to be a multiple of `stats_flush_interval`, which is 5s unless set";
            self.reject(root.at("stats_eviction_interval"), "conflict", text);
        }
        self.has_no_effect(
            root,
            "stats_eviction_interval",
            "it saves memory that statistics do not take here",
        );
        if root.has("watchdog") && root.has("watchdogs") {
            self.reject(root.at_key("watchdog"), "conflict", "`watchdogs` takes the place of `watchdog`");
        }
    }
}

/// `envoy.resource_limits.listener.<name>.connection_limit`
fn limit_connections(listener: &mut Arc<Listener>, runtime: &Runtime) {
    let key = format!("envoy.resource_limits.listener.{}.connection_limit", listener.name);
    if let Some(limit) = runtime.integer(&key) {
        Arc::make_mut(listener).connection_limit = Some(limit);
    }
}

impl Cx<'_> {
    fn node(&self, root: &Message<'_>) -> Node {
        let mut node = root.message("node").map_or_else(Node::default, |node| Node {
            id: node.text("id").into(),
            cluster: node.text("cluster").into(),
            locality: self.locality(node, "locality"),
            metadata: match node.json("metadata").map(super::value::value_of) {
                Some(Value::Object(fields)) => fields,
                _ => BTreeMap::new(),
            },
        });
        let set = |own: &mut Box<str>, option: &Option<String>| {
            if let Some(value) = option.as_ref().filter(|value| !value.is_empty()) {
                *own = value.as_str().into();
            }
        };
        set(&mut node.id, &self.options.service_node);
        set(&mut node.cluster, &self.options.service_cluster);
        set(&mut node.locality.zone, &self.options.service_zone);
        node
    }

    /// `Admin`; none without an address, as in Envoy.
    fn admin(&self, admin: &Message<'_>) -> Option<Admin> {
        if admin.has("profile_path") {
            self.ignored(admin.at_key("profile_path"), "there is no CPU profiler that would write there");
            admin.settle("profile_path");
        }
        let mut access_logs = self.access_logs(admin, "access_log");
        let path = admin.text("access_log_path");
        if !path.is_empty() {
            self.check_log_path(path, admin.at("access_log_path"));
            access_logs.push(AccessLog {
                filter: None,
                sink: AccessLogSink::File(path.into()),
                format: super::access_log::default_format(),
            });
        }
        let allow_paths = self.string_matchers(admin, "allow_paths");
        let (address, _) = self.address(admin.message("address")?)?;
        Some(Admin { position: self.position(admin), address, access_logs, allow_paths })
    }

    fn default_regex_engine(&self, root: &Message<'_>) {
        let Some(holder) = root.message("default_regex_engine") else { return };
        match self.typed(holder).map(|config| short_kind(config.schema.name()).to_owned()) {
            Some(name) if name == "GoogleRE2" => {}
            Some(name) => self.extension_not_implemented(holder, &format!("the regex engine {name}")),
            None => {}
        }
    }

    fn application_log(&self, root: &Message<'_>) -> Option<ApplicationLogFormat> {
        let format = root.message("application_log_config")?.message("log_format")?;
        match format.which("log_format")? {
            "text_format" => Some(ApplicationLogFormat::Text(format.text("text_format").into())),
            _ => {
                let json = format.json("json_format")?;
                let JsonKind::Object(fields) = &json.kind else { return None };
                let mut lines = BTreeMap::new();
                for (name, value) in fields {
                    let JsonKind::Text(text) = &value.kind else {
                        let mut at = format.at("json_format");
                        at.span = value.span.or(at.span);
                        self.unsupported(at, format!("`{name}` of the application log has to be a string"));
                        continue;
                    };
                    if text.contains("%v") || text.contains("%_") {
                        let mut at = format.at("json_format");
                        at.span = value.span.or(at.span);
                        let text = "`%v` and `%_` can't stand in a JSON log; `%j` is the message, escaped";
                        self.reject(at, "invalid-log-format", text);
                    }
                    lines.insert(name.as_ref().into(), text.as_ref().into());
                }
                Some(ApplicationLogFormat::Json(lines))
            }
        }
    }
}
