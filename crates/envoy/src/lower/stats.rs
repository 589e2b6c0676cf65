//! Where statistics are sent.

use std::net::SocketAddr;

use causeway_model::{StatsMatcher, StatsSink};

use super::Cx;
use super::extension::short_kind;
use crate::tree::Message;

impl Cx<'_> {
    /// Where statistics are sent.
    pub(super) fn stats_sinks(&self, root: &Message<'_>) -> Vec<StatsSink> {
        root.messages("stats_sinks").filter_map(|sink| self.stats_sink(sink)).collect()
    }

    /// `StatsConfig.stats_matcher`: which statistics there are.
    pub(super) fn stats_matcher(&self, config: &Message<'_>) -> Option<StatsMatcher> {
        let matcher = config.message("stats_matcher")?;
        let patterns = |field| Some(self.string_matchers(matcher.message(field)?, "patterns"));
        match matcher.which("stats_matcher")? {
            "exclusion_list" => Some(StatsMatcher::AllBut(patterns("exclusion_list")?)),
            "inclusion_list" => Some(StatsMatcher::Only(patterns("inclusion_list")?)),
            _ => matcher.bool("reject_all").then_some(StatsMatcher::Nothing),
        }
    }

    fn stats_sink(&self, holder: &Message<'_>) -> Option<StatsSink> {
        let Some(config) = self.typed(holder) else {
            if !holder.has("typed_config") {
                let what = "this sink has no `typed_config`";
                self.reject(holder.here(), "missing-type", what);
            }
            return None;
        };
        let tags = match short_kind(config.schema.name()) {
            "StatsdSink" => false,
            "DogStatsdSink" => true,
            other => {
                self.extension_not_implemented(holder, &format!("the statistics sink {other}"));
                return None;
            }
        };
        if !tags {
            self.not_implemented(config, "tcp_cluster_name", ": statsd is spoken over UDP");
        }
        let prefix = match config.text("prefix") {
            "" => "envoy".into(),
            prefix => prefix.into(),
        };
        let max_bytes_per_datagram = if tags { config.u64("max_bytes_per_datagram").unwrap_or(0) } else { 0 };
        let address = self.datagram_address(config.message("address")?)?;
        Some(StatsSink { address, prefix, tags, max_bytes_per_datagram })
    }

    /// Where datagrams are sent; that they are is clear, whatever the protocol is said to be.
    fn datagram_address(&self, address: &Message<'_>) -> Option<SocketAddr> {
        let Some(socket) = address.message("socket_address") else {
            self.unsupported(address.here(), "statistics can be sent to IP addresses only");
            address.settle_all();
            return None;
        };
        socket.settle("protocol");
        socket.settle("ipv4_compat");
        self.not_implemented(socket, "network_namespace_filepath", "");
        let port = self.port(socket);
        let ip = self.ip(socket.text("address"), socket.at("address"));
        Some(SocketAddr::new(ip?, port?))
    }
}
