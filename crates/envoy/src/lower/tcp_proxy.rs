//! `extensions.filters.network.tcp_proxy.v3.TcpProxy`.

use std::time::Duration;

use causeway_model::{
    Backoff, TcpAccessLogOptions, TcpConnect, TcpHashPolicy, TcpProxy, TcpTarget, WeightedTcpCluster,
};

use super::Cx;
use crate::diagnostic::{At, Draft};
use crate::suggest;
use crate::tree::Message;

/// `idle_timeout` unless it is set.
const IDLE: Duration = Duration::from_secs(60 * 60);

impl Cx<'_> {
    /// A TCP proxy.
    pub(super) fn tcp_proxy(&self, proxy: &Message<'_>) -> Option<TcpProxy> {
        let target = self.tcp_target(proxy);
        for field in ["downstream_idle_timeout", "upstream_idle_timeout"] {
            self.has_no_effect(
                proxy,
                field,
                "Envoy does not read it either; `idle_timeout` is for both sides",
            );
        }
        self.not_implemented_vital(proxy, "tunneling_config", "");
        self.not_implemented_vital(proxy, "on_demand", "");
        self.not_implemented(proxy, "proxy_protocol_tlvs", "");
        self.has_no_effect(proxy, "proxy_protocol_tlv_merge_policy", "no `proxy_protocol_tlvs` are merged");
        let connect = self.tcp_connect(proxy);
        let jitter = proxy.message("max_downstream_connection_duration_jitter_percentage");
        let max_connect_attempts = proxy.u32("max_connect_attempts").unwrap_or(1);
        let backoff = proxy.message("backoff_options").and_then(|backoff| self.tcp_backoff(backoff));
        Some(TcpProxy {
            stat_prefix: proxy.text("stat_prefix").into(),
            idle_timeout: self.timeout(proxy, "idle_timeout", Some(IDLE)),
            max_connection_duration: self.duration(proxy, "max_downstream_connection_duration"),
            max_connection_duration_jitter: jitter.map_or(0.0, |percent| self.percent(percent)),
            max_connect_attempts,
            backoff,
            connect: connect?,
            metadata_match: self.metadata_match(proxy),
            hash_policy: self.tcp_hash_policy(proxy),
            check_drain_close: proxy.bool_value("check_drain_close").unwrap_or(false),
            access_logs: self.access_logs(proxy, "access_log"),
            access_log_options: self.tcp_access_log_options(proxy),
            target: target?,
        })
    }

    fn tcp_target(&self, proxy: &Message<'_>) -> Option<TcpTarget> {
        match proxy.which("cluster_specifier")? {
            "cluster" => {
                let name = proxy.text("cluster");
                self.tcp_cluster(name, proxy.at("cluster"));
                Some(TcpTarget::Cluster(name.into()))
            }
            "weighted_clusters" => {
                let weighted = proxy.message("weighted_clusters")?;
                let clusters = weighted.messages("clusters").map(|cluster| {
                    let name = cluster.text("name");
                    self.tcp_cluster(name, cluster.at("name"));
                    WeightedTcpCluster {
                        name: name.into(),
                        weight: cluster.u32("weight").unwrap_or(0),
                        metadata_match: self.metadata_match(cluster),
                    }
                });
                Some(TcpTarget::Weighted(clusters.collect()))
            }
            other => {
                self.not_implemented_vital(proxy, other, "");
                None
            }
        }
    }

    /// Envoy takes a cluster that does not exist, and closes connections that would go there.
    fn tcp_cluster(&self, name: &str, at: At) {
        if self.clusters.contains(name) {
            return;
        }
        let names: Vec<_> = self.clusters.iter().map(String::as_str).collect();
        let mut draft = self.suspicious(at, "unknown-cluster", format!("there is no cluster `{name}`"));
        draft = match suggest::among(name, &names) {
            Some(meant) => draft.label(format!("did you mean `{meant}`?")),
            None => draft.label("connections that would go there are closed"),
        };
        self.push(draft);
    }

    fn tcp_connect(&self, proxy: &Message<'_>) -> Option<TcpConnect> {
        let most = proxy.u32("max_early_data_bytes");
        let mode = proxy.choice("upstream_connect_mode");
        match (mode, most) {
            // A TLS client is not served before its handshake is done, whatever the mode says.
            ("ON_DOWNSTREAM_DATA", Some(most)) => Some(TcpConnect::OnData { most }),
            ("ON_DOWNSTREAM_TLS_HANDSHAKE", Some(_)) => {
                self.has_no_effect(
                    proxy,
                    "max_early_data_bytes",
                    "the back-end is not connected before the handshake is done",
                );
                Some(TcpConnect::AtOnce)
            }
            ("ON_DOWNSTREAM_DATA" | "ON_DOWNSTREAM_TLS_HANDSHAKE", None) => {
                let text =
                    "`max_early_data_bytes` has to be set where `upstream_connect_mode` is not IMMEDIATE";
                self.reject(proxy.at("upstream_connect_mode"), "missing-field", text);
                None
            }
            (_, Some(_)) => {
                self.has_no_effect(
                    proxy,
                    "max_early_data_bytes",
                    "nothing is read before the back-end is connected",
                );
                Some(TcpConnect::AtOnce)
            }
            (_, None) => Some(TcpConnect::AtOnce),
        }
    }

    fn tcp_backoff(&self, backoff: &Message<'_>) -> Option<Backoff> {
        let base = self.duration(backoff, "base_interval");
        let max = self.duration(backoff, "max_interval");
        let base = base?;
        let max = max.unwrap_or(base * 10);
        if max < base {
            let text = "`max_interval` can't be less than `base_interval`";
            self.reject(backoff.at("max_interval"), "invalid-duration", text);
        }
        Some(Backoff { base, max })
    }

    fn tcp_hash_policy(&self, proxy: &Message<'_>) -> Option<TcpHashPolicy> {
        let policy = proxy.messages("hash_policy").next()?;
        match policy.which("policy_specifier")? {
            "source_ip" => {
                policy.settle("source_ip");
                Some(TcpHashPolicy::SourceIp)
            }
            "filter_state" => {
                // What no filter has set hashes to nothing, with Envoy too.
                self.has_no_effect(
                    policy,
                    "filter_state",
                    "no filter here sets an object that can be hashed",
                );
                None
            }
            other => {
                self.not_implemented(policy, other, "");
                None
            }
        }
    }

    /// `access_log_options`, or the fields that it has taken the place of.
    fn tcp_access_log_options(&self, proxy: &Message<'_>) -> TcpAccessLogOptions {
        let old = ["access_log_flush_interval", "flush_access_log_on_connected"];
        let options = proxy.message("access_log_options");
        if options.is_some() {
            for field in old.into_iter().filter(|field| proxy.has(field)) {
                let what = format!("`access_log_options` and `{field}` exclude each other");
                self.push(Draft::rejected("conflict", what).at(proxy.at_key(field)));
                proxy.settle(field);
            }
        }
        let from = options.unwrap_or(proxy);
        TcpAccessLogOptions {
            on_start: options.is_some_and(|options| options.bool("flush_access_log_on_start")),
            on_connected: from.bool("flush_access_log_on_connected"),
            interval: self.duration(from, "access_log_flush_interval"),
        }
    }
}
