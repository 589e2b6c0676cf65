//! Network filters: the last of a chain, and those that stand in front of it.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    ConnectionLimit, ConnectionRateLimit, NetworkFilter, NetworkGate, RuntimeFlag, TokenBucket,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use crate::diagnostic::Draft;
use crate::extension::Category;
use crate::tree::Message;

/// Envoy fills no bucket more often.
const LEAST_FILL_INTERVAL: Duration = Duration::from_millis(50);

/// A network filter, and where it belongs.
enum Lowered {
    /// In front.
    Gate(NetworkGate),
    /// At the end.
    Last(NetworkFilter),
}

impl Cx<'_> {
    /// `filters`: the last one ends the chain.
    pub(super) fn network_filters(&self, chain: &Message<'_>) -> (Vec<NetworkGate>, Option<NetworkFilter>) {
        let filters: Vec<_> = chain.messages("filters").collect();
        let mut gates = Vec::new();
        let mut last = if filters.is_empty() { Some(NetworkFilter::None) } else { None };
        for (at, filter) in filters.iter().enumerate() {
            let is_last = at + 1 == filters.len();
            let order = |what: String| Draft::rejected("filter-order", what).at(filter.here());
            let Some((name, lowered)) = self.network_filter(filter) else { continue };
            match lowered {
                Lowered::Gate(_) if is_last => {
                    self.push(order(format!("{name} can't be the last filter of its chain")));
                }
                Lowered::Gate(gate) => gates.push(gate),
                Lowered::Last(_) if !is_last => {
                    self.push(order(format!("{name} has to be the last filter of its chain")));
                }
                Lowered::Last(filter) => last = Some(filter),
            }
        }
        (gates, last)
    }

    /// A network filter and its name.
    fn network_filter(&self, filter: &Message<'_>) -> Option<(&'static str, Lowered)> {
        if filter.has("config_discovery") {
            self.vital(
                filter.at_key("config_discovery"),
                "extensions by discovery (ECDS) are not implemented",
            );
            filter.settle_all();
            return None;
        }
        let extension = self.extension(filter, Category::NetworkFilter)?;
        let config = &*extension.config;
        let lowered = match short_kind(extension.kind) {
            "HttpConnectionManager" => {
                let manager = self.http_connection_manager(config)?;
                Lowered::Last(NetworkFilter::HttpConnectionManager(Arc::new(manager)))
            }
            "TcpProxy" => Lowered::Last(NetworkFilter::TcpProxy(Arc::new(self.tcp_proxy(config)?))),
            "Echo" => Lowered::Last(NetworkFilter::Echo),
            "Config" if extension.name == "envoy.filters.network.direct_response" => {
                let response = match config.has("response") {
                    true => self.data_source(config, "response")?,
                    false => Vec::new(),
                };
                Lowered::Last(NetworkFilter::DirectResponse(response.into()))
            }
            "ConnectionLimit" => Lowered::Gate(self.connection_limit(config)),
            "LocalRateLimit" => Lowered::Gate(self.connection_rate_limit(config)?),
            "SniCluster" => Lowered::Gate(NetworkGate::SniCluster),
            _ => {
                let text = format!("the network filter {} is not implemented", extension.name);
                self.vital(type_place(filter), text);
                filter.settle_all();
                return None;
            }
        };
        Some((extension.name, lowered))
    }

    /// `connection_limit.v3.ConnectionLimit`.
    fn connection_limit(&self, limit: &Message<'_>) -> NetworkGate {
        NetworkGate::ConnectionLimit(ConnectionLimit {
            stat_prefix: limit.text("stat_prefix").into(),
            max_connections: limit.u64("max_connections").unwrap_or(0),
            delay: self.duration(limit, "delay").unwrap_or(Duration::ZERO),
            enabled: self.runtime_flag(limit, "runtime_enabled"),
        })
    }

    /// `local_ratelimit.v3.LocalRateLimit`.
    fn connection_rate_limit(&self, limit: &Message<'_>) -> Option<NetworkGate> {
        let bucket = limit.message("token_bucket").and_then(|bucket| self.token_bucket(bucket));
        let enabled = self.runtime_flag(limit, "runtime_enabled");
        Some(NetworkGate::LocalRateLimit(ConnectionRateLimit {
            stat_prefix: limit.text("stat_prefix").into(),
            share_key: limit.text("share_key").into(),
            bucket: bucket?,
            enabled,
        }))
    }

    /// `TokenBucket`.
    fn token_bucket(&self, bucket: &Message<'_>) -> Option<TokenBucket> {
        let fill_interval = self.duration(bucket, "fill_interval");
        let (max_tokens, tokens_per_fill) = (bucket.u32("max_tokens"), bucket.u32("tokens_per_fill"));
        let fill_interval = fill_interval?;
        if fill_interval < LEAST_FILL_INTERVAL {
            let text = "`fill_interval` of a token bucket can't be less than 50 ms";
            self.reject(bucket.at("fill_interval"), "invalid-duration", text);
        }
        Some(TokenBucket {
            max_tokens: max_tokens.unwrap_or(0),
            tokens_per_fill: tokens_per_fill.unwrap_or(1),
            fill_interval,
        })
    }

    /// `RuntimeFeatureFlag`; on where there is none.
    fn runtime_flag(&self, message: &Message<'_>, field: &str) -> RuntimeFlag {
        let Some(flag) = message.message(field) else { return RuntimeFlag::on() };
        let key = flag.text("runtime_key");
        self.uses_runtime_key(key);
        RuntimeFlag { default: flag.bool_value("default_value").unwrap_or(false), runtime_key: key.into() }
    }
}
