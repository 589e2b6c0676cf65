//! What is set and was never read: fields that Causeway does not implement.

use crate::diagnostic::{Draft, Kind, Sink};
use crate::tree::{Body, Entry, Message, Usage, Value};

/// Reports every field that is set and that nobody took note of.
pub(crate) fn report(root: &Message<'_>, sink: &Sink) {
    Sweep { sink }.message(root);
}

struct Sweep<'s> {
    sink: &'s Sink,
}

impl Sweep<'_> {
    fn message(&self, message: &Message<'_>) {
        for entry in &message.entries {
            if entry.value == Value::Invalid {
                continue;
            }
            match entry.usage() {
                Usage::Settled => {}
                Usage::Read => self.value(&entry.value),
                Usage::Unread if entry.is_default() => {}
                Usage::Unread => self.field(message, entry),
            }
        }
    }

    fn value(&self, value: &Value<'_>) {
        match value {
            Value::Message(message) => self.message(message),
            Value::Any(any) => match &any.body {
                Body::Message(message) => self.message(message),
                Body::Struct { inner: Some(inner), .. } => self.message(inner),
                Body::Struct { inner: None, .. } | Body::Empty | Body::Value(..) | Body::Unknown(_) => {}
            },
            Value::List(items) => items.iter().for_each(|item| self.value(&item.value)),
            Value::Map(items) => items.iter().for_each(|item| self.value(&item.item.value)),
            _ => {}
        }
    }

    fn field(&self, message: &Message<'_>, entry: &Entry<'_>) {
        let (owner, name) = (message.schema.name(), entry.field.name());
        let at = message.at_key(name);
        let draft = match harmless(owner, name) {
            Some(why) => Draft::new(Kind::Ignored, "ignored", format!("`{name}` has no effect here: {why}")),
            None => Draft::unsupported(
                "unsupported",
                format!("`{name}` of {} is not implemented", message.schema.short_name()),
            ),
        };
        self.sink.push(draft.at(at));
    }
}

/// Why it does no harm to leave a field out.
fn harmless(message: &str, field: &str) -> Option<&'static str> {
    let message = message.strip_prefix("envoy.").unwrap_or(message);
    HARMLESS
        .iter()
        .find(|(owner, fields, _)| *owner == message && fields.contains(&field))
        .map(|(.., why)| *why)
}

/// Fields that can be left out without harm, by message, and why.
const HARMLESS: &[(&str, &[&str], &str)] = &[
    (
        "config.core.v3.Node",
        &[
            "user_agent_name",
            "user_agent_version",
            "user_agent_build_version",
            "extensions",
            "client_features",
            "listening_addresses",
            "dynamic_parameters",
        ],
        "only control planes ask for it",
    ),
    ("config.bootstrap.v3.Bootstrap", &["node_context_params"], "only control planes ask for it"),
    ("config.bootstrap.v3.Bootstrap", &["watchdog", "watchdogs"], "it guards Envoy's event loops"),
    ("config.bootstrap.v3.Bootstrap", &["enable_dispatcher_stats"], "it measures Envoy's event loops"),
    (
        "config.bootstrap.v3.Bootstrap",
        &["deferred_stat_options"],
        "it saves memory that statistics do not take here",
    ),
    ("config.bootstrap.v3.Bootstrap", &["inline_headers"], "it makes Envoy's header maps faster"),
    ("config.bootstrap.v3.Bootstrap", &["memory_allocator_manager"], "it tunes Envoy's memory allocator"),
    (
        "config.bootstrap.v3.Bootstrap",
        &["perf_tracing_file_path"],
        "only special builds of Envoy write that file",
    ),
    ("config.bootstrap.v3.Bootstrap", &["grpc_async_client_manager_config"], "there are no gRPC clients"),
    ("config.bootstrap.v3.Bootstrap", &["enable_worker_cpu_affinity"], "workers are placed by the system"),
    (
        "config.bootstrap.v3.Admin",
        &["ignore_global_conn_limit"],
        "connections of the admin server never count among those of clients",
    ),
    (
        "config.cluster.v3.Cluster",
        &["close_connections_on_host_health_failure"],
        "it is about TCP connections; requests never wait on those of a host that failed",
    ),
    (
        "config.bootstrap.v3.ClusterManager",
        &["enable_deferred_cluster_creation"],
        "it saves memory that unused clusters do not take here",
    ),
    (
        "config.listener.v3.Listener",
        &["listener_filters_timeout", "continue_on_listener_filters_timeout"],
        "no listener filter waits for anything",
    ),
    ("config.listener.v3.FilterChain", &["metadata"], "nothing asks for it"),
    (
        "config.listener.v3.FilterChain",
        &["transport_socket_connect_timeout"],
        "there is no handshake to wait for",
    ),
    (
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        &["add_proxy_protocol_connection_state"],
        "the PROXY protocol is not implemented",
    ),
    (
        "config.core.v3.Http1ProtocolOptions",
        &["send_fully_qualified_url"],
        "it is about requests to back-ends only",
    ),
    ("config.core.v3.Http1ProtocolOptions", &["use_balsa_parser"], "it chooses one of Envoy's parsers"),
    ("config.route.v3.RouteConfiguration", &["metadata"], "nothing asks for it"),
    (
        "config.cluster.v3.Cluster",
        &["cleanup_interval", "original_dst_lb_config"],
        "it is for clusters of type ORIGINAL_DST only",
    ),
    (
        "config.cluster.v3.Cluster.CommonLbConfig",
        &["update_merge_window"],
        "changes of the set of hosts take effect at once",
    ),
    (
        "config.cluster.v3.UpstreamConnectionOptions",
        &["set_local_interface_name_on_upstream_connections"],
        "nothing asks for the name",
    ),
    ("config.endpoint.v3.LocalityLbEndpoints", &["proximity", "metadata"], "nothing asks for it"),
    (
        "config.endpoint.v3.ClusterLoadAssignment.Policy",
        &["endpoint_stale_after"],
        "these endpoints do not get stale",
    ),
    (
        "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        &["udp_max_queries", "max_udp_channel_duration", "reinit_channel_on_timeout", "qcache_max_ttl"],
        "it tunes Envoy's resolver",
    ),
    (
        "extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
        &["formatter_type_on_envoy_headers"],
        "headers that are added are in lower case",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn every_field_of_the_table_exists() {
        for (message, fields, _) in HARMLESS {
            let message =
                schema::Message::find(&format!("envoy.{message}")).unwrap_or_else(|| panic!("{message}"));
            for field in *fields {
                assert!(message.field(field).is_some(), "{message:?}.{field}");
            }
        }
    }
}
