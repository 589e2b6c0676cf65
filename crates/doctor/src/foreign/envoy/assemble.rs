//! What runs, as one configuration: a bootstrap in which everything stands that a control plane has added.

use causeway_envoy::Source;
use serde_json::{Map, Value, json};

use super::fields::text;
use crate::foreign::http::AdminServer;

/// `/config_dump` as a bootstrap: listeners and clusters of a control plane beside those of the file, their routes and
/// endpoints inside them. Secrets stay as they were shown, which is without what is secret. `None` where the dump holds
/// no bootstrap.
#[must_use]
pub fn bootstrap(dump: &Value) -> Option<Value> {
    let sections = || dump.get("configs").and_then(Value::as_array).into_iter().flatten();
    let of = |kind: &'static str| sections().filter(move |section| text(section, &["@type"]).ends_with(kind));
    let list = |kind: &'static str, name: &'static str| {
        of(kind).filter_map(move |section| section.get(name)?.as_array()).flatten()
    };
    let mut bootstrap = of("BootstrapConfigDump").find_map(|section| section.get("bootstrap"))?.clone();
    let endpoints: Vec<_> = list("EndpointsConfigDump", "dynamic_endpoint_configs")
        .filter_map(|entry| entry.get("endpoint_config"))
        .collect();
    let routes: Vec<_> = list("RoutesConfigDump", "dynamic_route_configs")
        .filter_map(|entry| entry.get("route_config"))
        .collect();
    let clusters: Vec<_> = list("ClustersConfigDump", "dynamic_active_clusters")
        .filter_map(|entry| entry.get("cluster"))
        .map(|cluster| with_endpoints(bare(cluster), &endpoints))
        .collect();
    let listeners: Vec<_> = list("ListenersConfigDump", "dynamic_listeners")
        .filter_map(|entry| entry.get("active_state")?.get("listener"))
        .map(bare)
        .collect();
    let root = bootstrap.as_object_mut()?;
    // Extensions that are linked in say nothing about the configuration, and where it comes from is of no use here.
    for name in ["node", "dynamic_resources"] {
        root.remove(name);
    }
    let resources = root.entry("static_resources").or_insert_with(|| json!({}));
    let resources = resources.as_object_mut()?;
    extend(resources, "clusters", clusters);
    extend(resources, "listeners", listeners);
    for cluster in items(resources, "clusters") {
        let whole = with_endpoints(std::mem::take(cluster), &endpoints);
        *cluster = whole;
    }
    for listener in items(resources, "listeners") {
        with_routes(listener, &routes);
    }
    Some(bootstrap)
}

/// What was assembled, as a file that a server has.
pub(super) fn source(server: &AdminServer, bootstrap: &Value) -> Source {
    Source::new(&format!("{server}/config_dump.json"), format!("{bootstrap:#}"))
}

/// The bootstrap of `/config_dump` as it is: what the file said.
pub(super) fn bootstrap_of_file(dump: &Value) -> Option<Value> {
    let configs = dump.get("configs")?.as_array()?;
    let section =
        configs.iter().find(|section| text(section, &["@type"]).ends_with("BootstrapConfigDump"))?;
    let mut bootstrap = section.get("bootstrap")?.clone();
    bootstrap.as_object_mut()?.remove("node");
    Some(bootstrap)
}

fn extend(resources: &mut Map<String, Value>, name: &str, more: Vec<Value>) {
    if let Some(list) = resources.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        list.extend(more);
    }
}

fn items<'a>(resources: &'a mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'a mut Value> {
    resources.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// A message without the type that stands in a dump.
fn bare(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(object) = message.as_object_mut() {
        object.remove("@type");
    }
    message
}

/// A cluster of type EDS becomes one of type STATIC with the endpoints that it was given.
fn with_endpoints(mut cluster: Value, endpoints: &[&Value]) -> Value {
    if text(&cluster, &["type"]) != "EDS" {
        return cluster;
    }
    let service = text(&cluster, &["eds_cluster_config", "service_name"]);
    let name = if service.is_empty() { text(&cluster, &["name"]) } else { service }.to_owned();
    let own = text(&cluster, &["name"]).to_owned();
    let assignment = endpoints.iter().find(|endpoints| text(endpoints, &["cluster_name"]) == name);
    let mut assignment = assignment.map_or_else(|| json!({}), |assignment| bare(assignment));
    if let Some(object) = cluster.as_object_mut() {
        object.remove("eds_cluster_config");
        object.insert("type".to_owned(), json!("STATIC"));
        if let Some(assignment) = assignment.as_object_mut() {
            assignment.insert("cluster_name".to_owned(), json!(own));
        }
        object.insert("load_assignment".to_owned(), assignment);
    }
    cluster
}

/// Where a connection manager asks for routes, those that it was given are put in.
fn with_routes(value: &mut Value, routes: &[&Value]) {
    match value {
        Value::Object(object) => {
            let wanted = object.get("rds").map(|rds| text(rds, &["route_config_name"]).to_owned());
            if let Some(found) =
                wanted.and_then(|name| routes.iter().find(|routes| text(routes, &["name"]) == name))
            {
                object.remove("rds");
                object.insert("route_config".to_owned(), bare(found));
            }
            object.values_mut().for_each(|value| with_routes(value, routes));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| with_routes(value, routes)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use causeway_envoy::{LoadOptions, Source, load};

    use super::*;

    #[test]
    fn what_a_control_plane_added_stands_in_one_bootstrap() {
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "web",
            "rds": {"route_config_name": "r", "config_source": {"ads": {}}},
            "http_filters": [{"name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
        });
        let dump = json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {
                "node": {"id": "a"}, "dynamic_resources": {"ads_config": {}},
                "static_resources": {"clusters": [{"name": "own"}]}}},
            {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "dynamic_active_clusters": [
                {"cluster": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "app", "type": "EDS",
                    "eds_cluster_config": {"service_name": "svc", "eds_config": {"ads": {}}}}}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump", "dynamic_endpoint_configs": [
                {"endpoint_config": {"@type": "x", "cluster_name": "svc", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}}}]}]}}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": [
                {"name": "web", "active_state": {"listener": {"@type": "x", "name": "web",
                    "address": {"socket_address": {"address": "0.0.0.0", "port_value": 8080}},
                    "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}}}]},
            {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": [
                {"route_config": {"@type": "x", "name": "r", "virtual_hosts": [{"name": "all", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}]}]}}]},
        ]});
        let whole = bootstrap(&dump).unwrap();
        let source = Source::new("dump.json", whole.to_string());
        let loaded = load(&source, &LoadOptions::default());
        let model = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        assert_eq!(model.clusters.iter().map(|cluster| &*cluster.name).collect::<Vec<_>>(), ["own", "app"]);
        assert_eq!(model.clusters.last().unwrap().localities.first().unwrap().endpoints.len(), 1);
        assert_eq!(model.listeners.len(), 1);
    }

    #[test]
    fn a_dump_without_a_bootstrap_is_none() {
        assert_eq!(bootstrap(&json!({"configs": []})), None);
        assert_eq!(bootstrap(&Value::Null), None);
    }
}
