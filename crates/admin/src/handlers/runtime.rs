//! `/runtime` and `/runtime_modify`

use std::collections::BTreeSet;

use axum::http::StatusCode;
use causeway_model::Value as Setting;
use serde_json::{Map, Value, json};

use crate::ModifyRuntimeError;
use crate::http::{Reply, Request};
use crate::json::pretty;
use crate::state::Admin;
use crate::stats::number::shortest;

pub(crate) fn runtime(admin: &Admin, _: &Request) -> Reply {
    let runtime = admin.process.runtime();
    let keys: BTreeSet<_> = runtime.layers.iter().flat_map(|layer| layer.values.keys()).collect();
    let mut entries = Map::new();
    for key in keys {
        let layers = runtime.layers.iter().map(|layer| layer.values.get(key).map(text).unwrap_or_default());
        let entry = json!({
            "layer_values": layers.collect::<Vec<_>>(),
            "final_value": runtime.get(key).map(text).unwrap_or_default(),
        });
        entries.insert(key.to_string(), entry);
    }
    let layers: Vec<_> = runtime.layers.iter().map(|layer| &*layer.name).collect();
    Reply::json(pretty(&json!({"layers": layers, "entries": entries})))
}

pub(crate) fn modify(admin: &Admin, request: &Request) -> Reply {
    let values = request.query.all();
    if values.is_empty() {
        return Reply::fault(
            StatusCode::BAD_REQUEST,
            "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n       \
             or send the parameters as form values\n\
             use an empty value to remove a previously added override",
        );
    }
    match admin.process.modify_runtime(values) {
        Ok(()) => Reply::ok(),
        Err(ModifyRuntimeError::NoAdminLayer) => {
            Reply::fault(StatusCode::SERVICE_UNAVAILABLE, "No admin layer specified")
        }
        Err(ModifyRuntimeError::Invalid(why)) => Reply::fault(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// A value as text. Lists and objects are JSON here; Envoy prints its own debug form of them.
fn text(setting: &Setting) -> String {
    match setting {
        Setting::Null => String::new(),
        Setting::Bool(value) => value.to_string(),
        Setting::Number(value) => shortest(*value),
        Setting::String(text) => text.to_string(),
        Setting::List(_) | Setting::Object(_) => json_of(setting).to_string(),
    }
}

pub(crate) fn json_of(setting: &Setting) -> Value {
    match setting {
        Setting::Null => Value::Null,
        Setting::Bool(value) => (*value).into(),
        Setting::Number(value) => serde_json::from_str(&shortest(*value)).unwrap_or(Value::Null),
        Setting::String(text) => (**text).into(),
        Setting::List(items) => items.iter().map(json_of).collect(),
        Setting::Object(fields) => {
            Value::Object(fields.iter().map(|(key, field)| (key.to_string(), json_of(field))).collect())
        }
    }
}
