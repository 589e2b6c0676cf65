//! `/config_dump`

use axum::http::StatusCode;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::filter::full_filter;
use crate::http::{Media, Reply, Request};
use crate::json::{address, locality, pretty};
use crate::mask::Mask;
use crate::state::Admin;
use crate::time::timestamp;
use crate::view::{ClusterStatus, ConfigDump, ConfigEntry, HealthFlag, HostStatus};

/// A message of the dump: its name, its fields, and those of them that are lists, with the name and the
/// fields of their elements.
struct Section {
    message: &'static str,
    fields: &'static [Field],
    values: Map<String, Value>,
}

struct Field {
    name: &'static str,
    /// For a list the message that its elements are, and that message's fields.
    element: Option<(&'static str, &'static [&'static str])>,
}

const fn field(name: &'static str) -> Field {
    Field { name, element: None }
}

const fn list(name: &'static str, message: &'static str, fields: &'static [&'static str]) -> Field {
    Field { name, element: Some((message, fields)) }
}

const BOOTSTRAP: &[Field] = &[field("bootstrap"), field("last_updated")];
const CLUSTERS: &[Field] = &[
    field("version_info"),
    list("static_clusters", "StaticCluster", &["cluster", "last_updated"]),
    list("dynamic_active_clusters", "DynamicCluster", DYNAMIC_CLUSTER),
    list("dynamic_warming_clusters", "DynamicCluster", DYNAMIC_CLUSTER),
];
const DYNAMIC_CLUSTER: &[&str] = &["version_info", "cluster", "last_updated", "error_state", "client_status"];
const ENDPOINTS: &[Field] = &[
    list("static_endpoint_configs", "StaticEndpointConfig", &["endpoint_config", "last_updated"]),
    list(
        "dynamic_endpoint_configs",
        "DynamicEndpointConfig",
        &["version_info", "endpoint_config", "last_updated", "error_state", "client_status"],
    ),
];
const LISTENERS: &[Field] = &[
    field("version_info"),
    list("static_listeners", "StaticListener", &["listener", "last_updated"]),
    list(
        "dynamic_listeners",
        "DynamicListener",
        &["name", "active_state", "warming_state", "draining_state", "error_state", "client_status"],
    ),
];
const SCOPED_ROUTES: &[Field] = &[
    list(
        "inline_scoped_route_configs",
        "InlineScopedRouteConfigs",
        &["name", "scoped_route_configs", "last_updated"],
    ),
    list(
        "dynamic_scoped_route_configs",
        "DynamicScopedRouteConfigs",
        &["name", "version_info", "scoped_route_configs", "last_updated", "error_state", "client_status"],
    ),
];
const ROUTES: &[Field] = &[
    list("static_route_configs", "StaticRouteConfig", &["route_config", "last_updated"]),
    list(
        "dynamic_route_configs",
        "DynamicRouteConfig",
        &["version_info", "route_config", "last_updated", "error_state", "client_status"],
    ),
];
const SECRETS: &[Field] = &[
    list("static_secrets", "StaticSecret", &["name", "last_updated", "secret"]),
    list("dynamic_active_secrets", "DynamicSecret", DYNAMIC_SECRET),
    list("dynamic_warming_secrets", "DynamicSecret", DYNAMIC_SECRET),
];
const DYNAMIC_SECRET: &[&str] =
    &["name", "version_info", "last_updated", "secret", "error_state", "client_status"];

pub(crate) fn config_dump(admin: &Admin, request: &Request) -> Reply {
    let names = match request.query.value("name_regex").map(full_filter).transpose() {
        Ok(names) => names,
        Err(error) => {
            let text = format!("INVALID_ARGUMENT: Error while parsing name_regex: {}", error.0);
            return fault(StatusCode::BAD_REQUEST, text);
        }
    };
    let endpoints = request.query.has("include_eds").then(|| admin.process.clusters());
    let sections = sections(admin.process.config_dump(), endpoints.as_deref(), names.as_ref());
    let mask = request.query.value("mask");
    let configs = match request.query.value("resource") {
        Some(resource) => elements(sections, resource, mask),
        None => messages(sections, mask),
    };
    match configs {
        Ok(configs) if configs.is_empty() => Reply::json(pretty(&json!({}))),
        Ok(configs) => Reply::json(pretty(&json!({"configs": configs}))),
        Err((status, text)) => fault(status, text),
    }
}

fn fault(status: StatusCode, text: String) -> Reply {
    Reply { status, media: Media::BareText, body: text }
}

fn typed(message: &str, fields: Map<String, Value>) -> Value {
    let mut object = Map::new();
    object.insert("@type".to_owned(), format!("type.googleapis.com/envoy.admin.v3.{message}").into());
    object.extend(fields);
    Value::Object(object)
}

/// The whole dump, or of each message what the mask keeps; a mask that fits none of them is a fault.
fn messages(sections: Vec<Section>, mask: Option<&str>) -> Result<Vec<Value>, (StatusCode, String)> {
    let Some(text) = mask else {
        return Ok(sections.into_iter().map(|section| typed(section.message, section.values)).collect());
    };
    let mask = Mask::parse(text);
    let kept: Vec<_> = sections
        .into_iter()
        .filter(|section| {
            mask.fields().all(|(name, inner)| {
                // Masks lead into messages, but not through lists.
                let field = section.fields.iter().find(|field| field.name == name);
                field.is_some_and(|field| field.element.is_none() || inner.keeps_all())
            })
        })
        .filter_map(|section| mask.apply(typed(section.message, section.values)).ok())
        .collect();
    if kept.is_empty() {
        let text = format!("FieldMask {text} could not be successfully applied to any configs.");
        return Err((StatusCode::BAD_REQUEST, text));
    }
    Ok(kept)
}

/// The elements of one list, or of each what the mask keeps.
fn elements(
    sections: Vec<Section>,
    resource: &str,
    mask: Option<&str>,
) -> Result<Vec<Value>, (StatusCode, String)> {
    for mut section in sections {
        let Some(field) = section.fields.iter().find(|field| field.name == resource) else { continue };
        let Some((element, fields)) = field.element else {
            let text =
                format!("{resource} is not a repeated field. Use ?mask={resource} to get only this field");
            return Err((StatusCode::BAD_REQUEST, text));
        };
        let Some(Value::Array(items)) = section.values.remove(resource) else { return Ok(Vec::new()) };
        let message = format!("{}.{element}", section.message);
        let mask_of = mask.map(Mask::parse).unwrap_or_default();
        let known = mask_of.fields().all(|(name, _)| fields.contains(&name));
        let kept = items.into_iter().map(|item| match item {
            Value::Object(values) => mask_of.apply(typed(&message, values)).ok(),
            _ => None,
        });
        return match kept.collect::<Option<Vec<_>>>() {
            Some(kept) if known => Ok(kept),
            _ => {
                let text = mask.unwrap_or_default();
                let text = format!("FieldMask {text} could not be successfully used.");
                Err((StatusCode::BAD_REQUEST, text))
            }
        };
    }
    Err((StatusCode::NOT_FOUND, format!("{resource} not found in config dump")))
}

/// All messages of the dump, in Envoy's order.
fn sections(dump: ConfigDump, endpoints: Option<&[ClusterStatus]>, names: Option<&Regex>) -> Vec<Section> {
    let ConfigDump { bootstrap, bootstrap_updated, mut clusters, listeners, routes } = dump;
    clusters.sort_by(|a, b| a.name.cmp(&b.name));
    let has_routes = !routes.is_empty();
    let lists = |key: &str, inner: &str, entries: Vec<ConfigEntry>| {
        let chosen =
            entries.into_iter().filter(|entry| names.is_none_or(|names| names.is_match(&entry.name)));
        let items: Vec<_> = chosen
            .map(|entry| {
                let mut object = Map::new();
                object.insert(inner.to_owned(), entry.config);
                object.insert("last_updated".to_owned(), timestamp(entry.last_updated).into());
                Value::Object(object)
            })
            .collect();
        values(key, items)
    };

    let mut of_bootstrap = Map::new();
    of_bootstrap.insert("bootstrap".to_owned(), bootstrap);
    if let Some(updated) = bootstrap_updated {
        of_bootstrap.insert("last_updated".to_owned(), timestamp(updated).into());
    }
    let mut sections = vec![
        Section { message: "BootstrapConfigDump", fields: BOOTSTRAP, values: of_bootstrap },
        Section {
            message: "ClustersConfigDump",
            fields: CLUSTERS,
            values: lists("static_clusters", "cluster", clusters),
        },
    ];
    if let Some(clusters) = endpoints.filter(|clusters| !clusters.is_empty()) {
        let mut clusters: Vec<_> = clusters.iter().collect();
        clusters.sort_by(|a, b| a.name.cmp(&b.name));
        let chosen = clusters.into_iter().filter(|c| names.is_none_or(|names| names.is_match(&c.name)));
        let items = chosen.map(|cluster| json!({"endpoint_config": load_assignment(cluster)})).collect();
        sections.push(Section {
            message: "EndpointsConfigDump",
            fields: ENDPOINTS,
            values: values("static_endpoint_configs", items),
        });
    }
    sections.push(Section {
        message: "ListenersConfigDump",
        fields: LISTENERS,
        values: lists("static_listeners", "listener", listeners),
    });
    if has_routes {
        sections.push(Section {
            message: "ScopedRoutesConfigDump",
            fields: SCOPED_ROUTES,
            values: Map::new(),
        });
        sections.push(Section {
            message: "RoutesConfigDump",
            fields: ROUTES,
            values: lists("static_route_configs", "route_config", routes),
        });
    }
    sections.push(Section { message: "SecretsConfigDump", fields: SECRETS, values: Map::new() });
    sections
}

/// A list under its key; an empty one is left out.
fn values(key: &str, items: Vec<Value>) -> Map<String, Value> {
    let mut object = Map::new();
    if !items.is_empty() {
        object.insert(key.to_owned(), items.into());
    }
    object
}

/// `config.endpoint.v3.ClusterLoadAssignment`, from the hosts that there are.
fn load_assignment(cluster: &ClusterStatus) -> Value {
    let mut object = Map::new();
    object.insert(
        "@type".to_owned(),
        "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment".into(),
    );
    object.insert("cluster_name".to_owned(), (*cluster.name).into());
    let localities: Vec<_> = cluster
        .hosts
        .chunk_by(|a, b| a.priority == b.priority && a.locality == b.locality)
        .filter_map(|hosts| {
            let first = hosts.first()?;
            let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
            let mut object = Map::new();
            object.insert("locality".to_owned(), locality(&first.locality));
            object.insert("lb_endpoints".to_owned(), endpoints.into());
            // Envoy shows the weight that localities have by themselves.
            if cluster.localities_have_weights {
                object.insert("load_balancing_weight".to_owned(), 0.into());
            }
            if first.priority > 0 {
                object.insert("priority".to_owned(), first.priority.into());
            }
            Some(Value::Object(object))
        })
        .collect();
    if !localities.is_empty() {
        object.insert("endpoints".to_owned(), localities.into());
    }
    object.insert("policy".to_owned(), json!({"overprovisioning_factor": cluster.overprovisioning_factor}));
    Value::Object(object)
}

fn endpoint(host: &HostStatus) -> Value {
    let mut endpoint = Map::new();
    endpoint.insert("address".to_owned(), address(&host.address));
    endpoint.insert("health_check_config".to_owned(), json!({}));
    if !host.hostname.is_empty() {
        endpoint.insert("hostname".to_owned(), (*host.hostname).into());
    }
    let degraded = [HealthFlag::DegradedByCheck, HealthFlag::DegradedByConfig];
    let health = if !host.health.usable() {
        "UNHEALTHY"
    } else if degraded.into_iter().any(|flag| host.health.contains(flag)) {
        "DEGRADED"
    } else {
        "HEALTHY"
    };
    json!({
        "endpoint": endpoint,
        "health_status": health,
        "load_balancing_weight": host.weight,
    })
}
