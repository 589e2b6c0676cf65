//! `/listeners`

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::http::{Reply, Request};
use crate::json::{address, pretty};
use crate::state::Admin;
use crate::view::ListenerStatus;

pub(crate) fn listeners(admin: &Admin, request: &Request) -> Reply {
    let listeners = admin.process.listeners();
    if request.query.value("format") == Some("json") {
        let mut object = Map::new();
        if !listeners.is_empty() {
            object.insert("listener_statuses".to_owned(), listeners.iter().map(json).collect());
        }
        return Reply::json(pretty(&Value::Object(object)));
    }
    let mut out = String::new();
    for listener in &listeners {
        for address in &listener.addresses {
            let _ = writeln!(out, "{}::{address}", listener.name);
        }
    }
    Reply::text(out)
}

/// `admin.v3.ListenerStatus`
fn json(listener: &ListenerStatus) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), (*listener.name).into());
    let mut addresses = listener.addresses.iter().map(address);
    if let Some(first) = addresses.next() {
        object.insert("local_address".to_owned(), first);
    }
    let more: Vec<_> = addresses.collect();
    if !more.is_empty() {
        object.insert("additional_local_addresses".to_owned(), more.into());
    }
    Value::Object(object)
}
