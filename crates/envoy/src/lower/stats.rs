//! Where statistics are sent.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_model::{StatsMatcher, StatsReceiver, StatsSink};

use super::Cx;
use super::extension::short_kind;
use crate::tree::Message;

impl Cx<'_> {
    /// Where statistics are sent.
    pub(super) fn stats_sinks(&self, root: &Message<'_>) -> Vec<StatsSink> {
        root.messages("stats_sinks").filter_map(|sink| self.stats_sink(root, sink)).collect()
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

    fn stats_sink(&self, root: &Message<'_>, holder: &Message<'_>) -> Option<StatsSink> {
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
        let prefix = match config.text("prefix") {
            "" => "envoy".into(),
            prefix => prefix.into(),
        };
        let max_bytes_per_datagram = if tags { config.u64("max_bytes_per_datagram").unwrap_or(0) } else { 0 };
        let to = if !tags && config.which("statsd_specifier") == Some("tcp_cluster_name") {
            StatsReceiver::Cluster(self.stats_cluster(root, config)?)
        } else {
            StatsReceiver::Datagrams(self.datagram_address(config.message("address")?)?)
        };
        Some(StatsSink { to, prefix, tags, max_bytes_per_datagram })
    }

    /// `tcp_cluster_name`. Envoy's sink asks for a node with a name, though it does not send it.
    fn stats_cluster(&self, root: &Message<'_>, config: &Message<'_>) -> Option<Arc<str>> {
        let name = config.text("tcp_cluster_name");
        let at = config.at("tcp_cluster_name");
        let named = |field: &str, option: &Option<String>| {
            option.as_ref().is_some_and(|name| !name.is_empty())
                || root.message("node").is_some_and(|node| !node.text(field).is_empty())
        };
        if !named("id", &self.options.service_node) || !named("cluster", &self.options.service_cluster) {
            let text = "statistics over TCP need a `node` with `id` and `cluster`, or --service-node and --service-cluster";
            self.reject(at, "missing-node", text);
            return None;
        }
        let resources = root.message("static_resources");
        let clusters = || resources.into_iter().flat_map(|resources| resources.messages("clusters"));
        let Some(cluster) = clusters().find(|cluster| cluster.text("name") == name) else {
            self.reject(at, "unknown-cluster", format!("there is no cluster `{name}` to send statistics to"));
            return None;
        };
        if cluster.message("transport_socket").is_some_and(|socket| !is_raw(socket)) {
            let text = format!(
                "statistics are written as they are, and the hosts of the cluster `{name}` expect TLS"
            );
            self.unsupported(at, text);
            return None;
        }
        Some(name.into())
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

/// Whether a transport socket is none that changes bytes.
fn is_raw(socket: &Message<'_>) -> bool {
    socket.any("typed_config").is_some_and(|any| short_kind(any.inner_type_name()) == "RawBuffer")
}
