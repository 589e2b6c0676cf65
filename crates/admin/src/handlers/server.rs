//! `/ready`, `/server_info`, `/memory`, `/hot_restart_version`

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::runtime::json_of;
use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::memory::Memory;
use crate::state::Admin;
use crate::view::{
    CommandLineOptions, DrainStrategy, Extension, IpVersion, NodeInfo, ServerMode, ServerState,
};

pub(crate) fn ready(admin: &Admin, _: &Request) -> Reply {
    let state = admin.process.state();
    let status = if state == ServerState::Live { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Reply::text(format!("{}\n", state.name())).with_status(status)
}

pub(crate) fn hot_restart_version(admin: &Admin, _: &Request) -> Reply {
    Reply::text(admin.process.info().hot_restart_version.clone())
}

/// Envoy's fields. What only TCMalloc could know is 0.
pub(crate) fn memory(_: &Admin, _: &Request) -> Reply {
    let memory = Memory::now();
    Reply::json(pretty(&json!({
        "allocated": memory.allocated.to_string(),
        "heap_size": memory.heap.to_string(),
        "pageheap_unmapped": "0",
        "pageheap_free": "0",
        "total_thread_cache": "0",
        "total_physical_bytes": memory.physical.to_string(),
    })))
}

pub(crate) fn server_info(admin: &Admin, _: &Request) -> Reply {
    let process = &admin.process;
    let (info, vitals) = (process.info(), process.vitals());
    Reply::json(pretty(&json!({
        "version": info.version,
        "state": process.state().name(),
        "uptime_current_epoch": seconds(vitals.uptime),
        "uptime_all_epochs": seconds(vitals.uptime_all_epochs),
        "hot_restart_version": info.hot_restart_version,
        "command_line_options": options(&info.options),
        "node": node(&info.node),
        "hot_restart_initializing": false,
    })))
}

/// As protobuf prints it, with three digits behind the point where there are some.
fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        millis => format!("{}.{millis:03}s", duration.as_secs()),
    }
}

/// `admin.v3.CommandLineOptions`, in Envoy's order.
fn options(options: &CommandLineOptions) -> Value {
    let ip_version = match options.local_address_ip_version {
        IpVersion::V4 => "v4",
        IpVersion::V6 => "v6",
    };
    let mode = match options.mode {
        ServerMode::Serve => "Serve",
        ServerMode::Validate => "Validate",
        ServerMode::InitOnly => "InitOnly",
    };
    let strategy = match options.drain_strategy {
        DrainStrategy::Gradual => "Gradual",
        DrainStrategy::Immediate => "Immediate",
    };
    json!({
        "base_id": options.base_id.to_string(),
        "concurrency": options.concurrency,
        "config_path": options.config_path,
        "config_yaml": options.config_yaml,
        "allow_unknown_static_fields": options.allow_unknown_static_fields,
        "admin_address_path": options.admin_address_path,
        "local_address_ip_version": ip_version,
        "log_level": options.log_level.name(),
        "component_log_level": options.component_log_level,
        "log_format": options.log_format,
        "log_path": options.log_path,
        "service_cluster": options.service_cluster,
        "service_node": options.service_node,
        "service_zone": options.service_zone,
        "file_flush_interval": seconds(options.file_flush_interval),
        "drain_time": seconds(options.drain_time),
        "parent_shutdown_time": seconds(options.parent_shutdown_time),
        "mode": mode,
        "disable_hot_restart": options.disable_hot_restart,
        "enable_mutex_tracing": false,
        "restart_epoch": options.restart_epoch,
        "cpuset_threads": options.cpuset_threads,
        "reject_unknown_dynamic_fields": options.reject_unknown_dynamic_fields,
        "log_format_escaped": options.log_format_escaped,
        "disabled_extensions": options.disabled_extensions,
        "ignore_unknown_dynamic_fields": options.ignore_unknown_dynamic_fields,
        "use_dynamic_base_id": options.use_dynamic_base_id,
        "base_id_path": options.base_id_path,
        "drain_strategy": strategy,
        "enable_fine_grain_logging": false,
        "socket_path": options.socket_path,
        "socket_mode": options.socket_mode,
        "enable_core_dump": options.enable_core_dump,
        "stats_tag": options.stats_tag,
        "skip_hot_restart_on_no_parent": options.skip_hot_restart_on_no_parent,
        "skip_hot_restart_parent_stats": options.skip_hot_restart_parent_stats,
        "skip_deprecated_logs": options.skip_deprecated_logs,
        "file_flush_min_size": options.file_flush_min_size,
        "log_stacktrace_single_entry": false,
    })
}

/// `config.core.v3.Node`, with every field that is no message, as Envoy prints it here.
fn node(node: &NodeInfo) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    set("id", node.id.as_str().into());
    set("cluster", node.cluster.as_str().into());
    if !node.metadata.is_empty() {
        set("metadata", node.metadata.iter().map(|(key, value)| (key.to_string(), json_of(value))).collect());
    }
    if let Some(locality) = &node.locality {
        let (region, zone, sub_zone) = (&*locality.region, &*locality.zone, &*locality.sub_zone);
        set("locality", json!({"region": region, "zone": zone, "sub_zone": sub_zone}));
    }
    set("user_agent_name", node.user_agent_name.as_str().into());
    let metadata: Map<_, _> =
        node.build.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
    set(
        "user_agent_build_version",
        json!({
            "version": {
                "major_number": node.build.major,
                "minor_number": node.build.minor,
                "patch": node.build.patch,
            },
            "metadata": metadata,
        }),
    );
    set("extensions", node.extensions.iter().map(extension).collect());
    set("client_features", json!([]));
    set("listening_addresses", json!([]));
    set("dynamic_parameters", json!({}));
    Value::Object(object)
}

fn extension(extension: &Extension) -> Value {
    json!({
        "name": extension.name,
        "category": extension.category,
        "type_descriptor": "",
        "disabled": false,
        "type_urls": extension.type_urls,
    })
}
