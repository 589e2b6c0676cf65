//! The things of two configurations, by Envoy's names: which are there, and which have changed.
//!
//! Whether something has changed is asked of the model, in which a file that was only reformatted is the same as
//! before; what has changed is asked of the messages that it was made of.

use std::sync::Arc;

use causeway_envoy::ConfigDump;
use causeway_model::{
    Bootstrap, FilterChain, HttpConnectionManager, Listener, NetworkFilter, Route, RouteAction,
    RouteConfiguration, SourcePosition, VirtualHost,
};
use serde_json::Value;

use super::fields::{FieldChange, changes};
use crate::route::route_name;

/// A thing that is not as it was.
#[derive(Debug)]
pub(crate) struct ThingChange {
    /// `listener`, `filter chain`, `virtual host`, `route`, `cluster`, `setting`.
    pub(crate) kind: &'static str,
    /// Its name, behind those of the things that it stands in.
    pub(crate) name: String,
    /// Where it was; `None` where it is new.
    pub(crate) old: Option<SourcePosition>,
    /// Where it is; `None` where it is gone.
    pub(crate) new: Option<SourcePosition>,
    /// What has changed, where it was there and still is.
    pub(crate) fields: Vec<FieldChange>,
}

/// A thing of one file.
struct Thing {
    kind: &'static str,
    name: String,
    position: SourcePosition,
    model: Model,
    message: Value,
}

/// What it is, without the things that stand in it.
#[derive(PartialEq)]
enum Model {
    Listener(Box<Listener>),
    Chain(Box<FilterChain>),
    Host(Box<VirtualHost>),
    Route(Box<Route>),
    Cluster(Arc<causeway_model::Cluster>),
    /// What a file says beside all that.
    Rest(Box<Bootstrap>),
}

/// All things that are not as they were, in the order of the files.
pub(crate) fn compare(old: (&Bootstrap, &ConfigDump), new: (&Bootstrap, &ConfigDump)) -> Vec<ThingChange> {
    let (old, new) = (things(old.0, old.1), things(new.0, new.1));
    let same = |one: &Thing, other: &Thing| one.kind == other.kind && one.name == other.name;
    let mut found = Vec::new();
    for before in &old {
        match new.iter().find(|after| same(before, after)) {
            Some(after) if before.model == after.model => {}
            Some(after) => found.push(ThingChange {
                kind: before.kind,
                name: before.name.clone(),
                old: Some(before.position.clone()),
                new: Some(after.position.clone()),
                fields: changes(&before.message, &after.message),
            }),
            None => found.push(ThingChange {
                kind: before.kind,
                name: before.name.clone(),
                old: Some(before.position.clone()),
                new: None,
                fields: Vec::new(),
            }),
        }
    }
    let added = new.iter().filter(|after| !old.iter().any(|before| same(before, after)));
    found.extend(added.map(|after| ThingChange {
        kind: after.kind,
        name: after.name.clone(),
        old: None,
        new: Some(after.position.clone()),
        fields: Vec::new(),
    }));
    found
}

fn things(bootstrap: &Bootstrap, dump: &ConfigDump) -> Vec<Thing> {
    let mut things = Vec::new();
    let mut root = dump.bootstrap();
    let mut resources =
        |field: &str| match root.get_mut("static_resources").and_then(|all| all.get_mut(field)) {
            Some(Value::Array(list)) => std::mem::take(list),
            _ => Vec::new(),
        };
    let (listeners, clusters) = (resources("listeners"), resources("clusters"));
    let rest = Bootstrap { listeners: Vec::new(), clusters: Vec::new(), ..bootstrap.clone() };
    let file = bootstrap.listeners.first().and_then(|listener| listener.position.file.clone());
    let position = SourcePosition { file, line: 1, column: 1 };
    things.push(Thing {
        kind: "setting",
        name: "of the proxy".into(),
        position,
        model: Model::Rest(Box::new(rest)),
        message: root,
    });
    for (at, listener) in bootstrap.listeners.iter().enumerate() {
        of_listener(listener, listeners.get(at).cloned().unwrap_or_default(), &mut things);
    }
    for (at, cluster) in bootstrap.clusters.iter().enumerate() {
        things.push(Thing {
            kind: "cluster",
            name: cluster.name.to_string(),
            position: cluster.position.clone(),
            model: Model::Cluster(Arc::clone(cluster)),
            message: clusters.get(at).cloned().unwrap_or_default(),
        });
    }
    things
}

fn of_listener(listener: &Listener, mut message: Value, things: &mut Vec<Thing>) {
    let chains = taken(&mut message, "filter_chains");
    let default = message.get_mut("default_filter_chain").map(Value::take);
    let bare = Listener { filter_chains: Vec::new(), default_filter_chain: None, ..listener.clone() };
    things.push(Thing {
        kind: "listener",
        name: listener.name.to_string(),
        position: listener.position.clone(),
        model: Model::Listener(Box::new(bare)),
        message,
    });
    for (at, chain) in listener.filter_chains.iter().enumerate() {
        let message = chains.get(at).cloned().unwrap_or_default();
        let own = match &*chain.name {
            // Chains without a name are told apart by what they are for.
            "" => match message.get("filter_chain_match") {
                Some(conditions) => conditions.to_string(),
                None => "without a name".to_owned(),
            },
            name => name.to_owned(),
        };
        of_chain(
            chain,
            message,
            unique(things, "filter chain", format!("{} / {own}", listener.name)),
            things,
        );
    }
    if let Some(chain) = &listener.default_filter_chain {
        of_chain(
            chain,
            default.unwrap_or_default(),
            format!("{} / default_filter_chain", listener.name),
            things,
        );
    }
}

fn of_chain(chain: &FilterChain, mut message: Value, name: String, things: &mut Vec<Thing>) {
    let last =
        message.get_mut("filters").and_then(Value::as_array_mut).and_then(|filters| filters.last_mut());
    let mut table = last.and_then(|last| last.get_mut("typed_config")?.get_mut("route_config"));
    let hosts = table.as_mut().map(|table| taken(table, "virtual_hosts")).unwrap_or_default();
    let NetworkFilter::HttpConnectionManager(manager) = &chain.filter else {
        let model = Model::Chain(Box::new(chain.clone()));
        things.push(Thing { kind: "filter chain", name, position: chain.position.clone(), model, message });
        return;
    };
    let route_config = RouteConfiguration { virtual_hosts: Vec::new(), ..(*manager.route_config).clone() };
    let bare = HttpConnectionManager { route_config: Arc::new(route_config), ..(**manager).clone() };
    let filter = NetworkFilter::HttpConnectionManager(Arc::new(bare));
    let model = Model::Chain(Box::new(FilterChain { filter, ..chain.clone() }));
    things.push(Thing {
        kind: "filter chain",
        name: name.clone(),
        position: chain.position.clone(),
        model,
        message,
    });
    for (at, host) in manager.route_config.virtual_hosts.iter().enumerate() {
        let mut message = hosts.get(at).cloned().unwrap_or_default();
        let routes = taken(&mut message, "routes");
        let name = unique(things, "virtual host", format!("{name} / {}", host.name));
        let model = Model::Host(Box::new(VirtualHost { routes: Vec::new(), ..(**host).clone() }));
        things.push(Thing {
            kind: "virtual host",
            name: name.clone(),
            position: host.position.clone(),
            model,
            message,
        });
        for (at, route) in host.routes.iter().enumerate() {
            let message = routes.get(at).cloned().unwrap_or_default();
            let own = match &*route.name {
                "" => conditions(route, &message),
                name => name.to_owned(),
            };
            let name = unique(things, "route", format!("{name} / {own}"));
            let model = Model::Route(Box::new(meaning(route)));
            things.push(Thing { kind: "route", name, position: route.position.clone(), model, message });
        }
    }
}

/// A route without where its timeout is written: whether it is written at all makes no difference.
fn meaning(route: &Route) -> Route {
    let mut meaning = route.clone();
    if let RouteAction::Forward(forward) = &mut meaning.action {
        forward.timeout_position = None;
    }
    meaning
}

/// What a route without a name is known by: its path, and whatever else it asks for.
fn conditions(route: &Route, message: &Value) -> String {
    let mut others = message.get("match").cloned().unwrap_or_default();
    if let Some(fields) = others.as_object_mut() {
        fields
            .retain(|name, _| !matches!(&**name, "prefix" | "path" | "path_separated_prefix" | "safe_regex"));
    }
    match others.as_object().is_none_or(serde_json::Map::is_empty) {
        true => route_name(route, None),
        false => format!("{} {others}", route_name(route, None)),
    }
}

/// A name that no other thing of the kind has.
fn unique(things: &[Thing], kind: &str, name: String) -> String {
    let taken = |name: &str| things.iter().any(|thing| thing.kind == kind && thing.name == name);
    if !taken(&name) {
        return name;
    }
    let numbered = |number: usize| format!("{name} ({number})");
    (2..).map(numbered).find(|name| !taken(name)).unwrap_or(name)
}

fn taken(message: &mut Value, field: &str) -> Vec<Value> {
    match message.as_object_mut().and_then(|fields| fields.remove(field)) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}
