//! What an admin server said: values, so that rules can be tested without one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::fields::{at, text};

/// What an admin server said. What it did not answer is null.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// `/server_info`
    pub server: Value,
    /// Status and body of `/ready`.
    pub ready: (u16, String),
    /// `/config_dump?include_eds`
    pub dump: Option<Value>,
    /// `/clusters?format=json`
    pub clusters: Value,
    /// `/listeners?format=json`
    pub listeners: Value,
    /// `/certs`
    pub certificates: Value,
    /// `/runtime`
    pub runtime: Value,
    /// `/init_dump`
    pub init: Value,
    /// `/why`, the journal of a Causeway.
    pub why: Value,
    /// `/reload/status`, of a Causeway.
    pub reload: Value,
    /// `/stats` at first.
    pub before: Stats,
    /// `/stats` again.
    pub after: Stats,
    /// Time between both.
    pub between: Duration,
    /// When it was asked, in seconds since 1970.
    pub now: u64,
}

/// Counters and gauges by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats(pub BTreeMap<String, u64>);

impl Stats {
    /// Out of `/stats?format=json`.
    #[must_use]
    pub fn of(json: &Value) -> Self {
        let stats = json.get("stats").and_then(Value::as_array).into_iter().flatten();
        Self(
            stats
                .filter_map(|stat| {
                    Some((stat.get("name")?.as_str()?.to_owned(), stat.get("value")?.as_u64()?))
                })
                .collect(),
        )
    }

    /// A value; 0 where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}

/// A host of a cluster, as `/clusters` has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host<'a>(pub(super) &'a Value);

impl Observed {
    /// How much a counter grew between both readings.
    #[must_use]
    pub fn grew(&self, name: &str) -> u64 {
        self.after.get(name).saturating_sub(self.before.get(name))
    }

    /// How long it runs, in seconds.
    #[must_use]
    pub fn uptime(&self) -> Option<u64> {
        text(&self.server, &["uptime_all_epochs"]).trim_end_matches('s').parse().ok()
    }

    /// Whether it is a Causeway: it has statistics of its own, and says so.
    #[must_use]
    pub fn is_causeway(&self) -> bool {
        text(&self.server, &["version"]).to_ascii_lowercase().contains("causeway")
            || text(&self.server, &["node", "user_agent_name"]) == "causeway"
    }

    /// The clusters of `/clusters`, by name.
    pub(super) fn clusters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let statuses = self.clusters.get("cluster_statuses").and_then(Value::as_array);
        statuses.into_iter().flatten().map(|cluster| (text(cluster, &["name"]), cluster))
    }

    /// What a cluster is configured to be, out of `/config_dump`.
    pub(super) fn cluster_config(&self, name: &str) -> Option<&Value> {
        let configs = self.sections("ClustersConfigDump");
        let of = |section: &'static str| {
            configs.clone().filter_map(move |dump| dump.get(section)?.as_array()).flatten()
        };
        of("static_clusters")
            .chain(of("dynamic_active_clusters"))
            .filter_map(|entry| entry.get("cluster"))
            .find(|cluster| text(cluster, &["name"]) == name)
    }

    /// The parts of `/config_dump` of a type.
    pub(super) fn sections<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> + Clone {
        let configs = self.dump.as_ref().and_then(|dump| dump.get("configs")).and_then(Value::as_array);
        configs.into_iter().flatten().filter(move |config| text(config, &["@type"]).ends_with(kind))
    }
}

/// The hosts of a cluster.
pub(super) fn hosts(cluster: &Value) -> impl Iterator<Item = Host<'_>> {
    cluster.get("host_statuses").and_then(Value::as_array).into_iter().flatten().map(Host)
}

impl<'a> Host<'a> {
    /// Address and port, or the path of a socket.
    pub(super) fn address(self) -> String {
        let address = self.0.get("address").unwrap_or(&Value::Null);
        address_of(address)
    }

    /// A flag of its health.
    pub(super) fn flag(self, name: &str) -> bool {
        at(self.0, &["health_status", name]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// What the configuration or the control plane says of its health.
    pub(super) fn said_health(self) -> &'a str {
        text(self.0, &["health_status", "eds_health_status"])
    }

    /// Whether requests may be sent to it.
    pub(super) fn is_usable(self) -> bool {
        const FLAGS: &[&str] = &[
            "failed_active_health_check",
            "failed_outlier_check",
            "pending_dynamic_removal",
            "excluded_via_immediate_hc_fail",
        ];
        !FLAGS.iter().any(|flag| self.flag(flag))
            && !matches!(self.said_health(), "UNHEALTHY" | "DRAINING" | "TIMEOUT")
    }
}

/// An address as Envoy writes it in JSON: `10.0.0.1:80`, `[::1]:80`, a path.
pub(super) fn address_of(address: &Value) -> String {
    let path = text(address, &["pipe", "path"]);
    if !path.is_empty() {
        return path.to_owned();
    }
    let host = text(address, &["socket_address", "address"]);
    let port = at(address, &["socket_address", "port_value"]).and_then(Value::as_u64).unwrap_or(0);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
