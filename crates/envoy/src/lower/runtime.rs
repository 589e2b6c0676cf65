//! `layered_runtime`.

use std::collections::{BTreeMap, HashSet};

use causeway_model::{Runtime, RuntimeLayer, Value};

use super::Cx;
use super::value::value_of;
use crate::diagnostic::{At, Draft, Kind};
use crate::source::Span;
use crate::tree::{Json, JsonKind, Message};

/// Beginnings of keys that Envoy reads by itself.
const ENVOY_KEYS: &[&str] = &[
    "circuit_breakers.",
    "envoy.resource_limits.",
    "health_check.",
    "http.",
    "listener.",
    "outlier_detection.",
    "overload.",
    "router.",
    "routing.",
    "ssl.",
    "tracing.",
    "upstream.",
];

/// Beginnings of keys that switch parts of Envoy's program.
const ENVOY_SWITCHES: &[&str] =
    &["envoy.reloadable_features.", "envoy.restart_features.", "envoy.features.", "re2."];

/// A key, and where it stands.
pub(super) struct Key {
    name: String,
    at: At,
}

impl Cx<'_> {
    /// The layers, and all keys in them.
    pub(super) fn runtime(&self, bootstrap: &Message<'_>) -> (Runtime, Vec<Key>) {
        let mut runtime = Runtime::default();
        let mut keys = Vec::new();
        let Some(layered) = bootstrap.message("layered_runtime") else { return (runtime, keys) };
        let mut names: HashSet<String> = HashSet::new();
        let mut admin: Option<Span> = None;
        for layer in layered.messages("layers") {
            let name = layer.text("name");
            if !name.is_empty() && !names.insert(name.to_owned()) {
                self.reject(
                    layer.at("name"),
                    "duplicate-layer",
                    format!("a second layer with the name `{name}`"),
                );
            }
            match layer.which("layer_specifier") {
                Some("static_layer") => {
                    let mut values = BTreeMap::new();
                    if let Some(json) = layer.json("static_layer") {
                        self.flatten("", json, layer, &mut values, &mut keys);
                    }
                    runtime.layers.push(RuntimeLayer { name: name.into(), is_admin: false, values });
                }
                Some("admin_layer") => {
                    if let Some(first) = admin {
                        self.push(
                            Draft::rejected("duplicate-layer", "there can be only one admin layer")
                                .at(layer.at_key("admin_layer"))
                                .related(first, "the first"),
                        );
                    }
                    admin = Some(layer.at_key("admin_layer").span);
                    layer.settle("admin_layer");
                    runtime.layers.push(RuntimeLayer {
                        name: name.into(),
                        is_admin: true,
                        values: BTreeMap::new(),
                    });
                }
                Some(other) => self.not_implemented(layer, other, ""),
                None => {}
            }
        }
        (runtime, keys)
    }

    /// Nested maps are dotted keys, but for shares.
    fn flatten(
        &self,
        prefix: &str,
        json: &Json<'_>,
        layer: &Message<'_>,
        values: &mut BTreeMap<Box<str>, Value>,
        keys: &mut Vec<Key>,
    ) {
        let at = |span: Span| {
            let mut at = layer.at("static_layer");
            at.span = span.or(at.span);
            at
        };
        let fields = match &json.kind {
            JsonKind::Object(fields) if !is_share(fields) => fields,
            JsonKind::List(_) | JsonKind::Null => {
                self.reject(
                    at(json.span),
                    "invalid-runtime-value",
                    format!("the runtime key `{prefix}` can't hold a list or nothing"),
                );
                return;
            }
            _ => {
                if !prefix.is_empty() {
                    keys.push(Key { name: prefix.to_owned(), at: at(json.span) });
                    values.insert(prefix.into(), value_of(json));
                }
                return;
            }
        };
        for (name, value) in fields {
            let key = if prefix.is_empty() { name.clone().into_owned() } else { format!("{prefix}.{name}") };
            self.flatten(&key, value, layer, values, keys);
        }
    }

    /// Says of every key that nobody reads what it would have done.
    pub(super) fn unread_runtime_keys(&self, keys: Vec<Key>) {
        let used = self.runtime_keys.borrow();
        for Key { name, at } in keys {
            let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
            if used.contains(&name) {
                continue;
            }
            if begins(ENVOY_SWITCHES) {
                self.ignored(at, format!("the runtime key `{name}` switches a part of Envoy's program"));
            } else if begins(ENVOY_KEYS) {
                self.unsupported(at, format!("the runtime key `{name}` is not implemented"));
            } else {
                self.push(
                    Draft::new(
                        Kind::Ignored,
                        "unread-runtime-key",
                        format!("nothing reads the runtime key `{name}`"),
                    )
                    .at(at),
                );
            }
        }
    }
}

/// Whether an object is a `FractionalPercent` rather than a part of keys.
fn is_share(fields: &[(std::borrow::Cow<'_, str>, Json<'_>)]) -> bool {
    fields.iter().any(|(name, _)| matches!(&**name, "numerator" | "denominator"))
}
