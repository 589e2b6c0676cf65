//! What the admin server shows of a configuration: `/config_dump`.

use serde_json::Value as Json;

use crate::schema;
use crate::tree::{Any, Body, Message, Value, print, wire};

/// A configuration as it was given, in Envoy's form: no defaults, durations normalised, secrets
/// replaced.
///
/// It is kept in protobuf's wire format, which takes a tenth of the memory of the JSON, and printed
/// when asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigDump {
    bootstrap: Vec<u8>,
}

impl ConfigDump {
    pub(crate) fn new(root: &Message<'_>) -> Self {
        Self { bootstrap: wire::encode(root) }
    }

    /// The bootstrap, without a type.
    #[must_use]
    pub fn bootstrap(&self) -> Json {
        self.root().map_or(Json::Null, |root| print::print(&root))
    }

    /// The clusters with their types, by name.
    #[must_use]
    pub fn clusters(&self) -> Vec<(String, Json)> {
        let mut clusters = self.resources("clusters");
        clusters.sort_by(|(a, _), (b, _)| a.cmp(b));
        clusters
    }

    /// The listeners with their types, in the order of the file. A listener without a name has an empty
    /// one.
    #[must_use]
    pub fn listeners(&self) -> Vec<(String, Json)> {
        self.resources("listeners")
    }

    /// The route configurations with their types, in the order of the listeners they stand in.
    #[must_use]
    pub fn route_configs(&self) -> Vec<(String, Json)> {
        let Some(root) = self.root() else { return Vec::new() };
        let mut found = Vec::new();
        collect(&root, &mut found);
        found
    }

    fn root(&self) -> Option<Message<'_>> {
        let schema = schema::Message::find("envoy.config.bootstrap.v3.Bootstrap")?;
        wire::decode_own(schema, &self.bootstrap).ok()
    }

    fn resources(&self, field: &str) -> Vec<(String, Json)> {
        let Some(root) = self.root() else { return Vec::new() };
        let Some(resources) = root.message("static_resources") else { return Vec::new() };
        resources
            .messages(field)
            .map(|message| (message.text("name").to_owned(), print::print_typed(message)))
            .collect()
    }
}

/// Finds the route configurations of all HTTP connection managers.
fn collect(message: &Message<'_>, found: &mut Vec<(String, Json)>) {
    for entry in &message.entries {
        collect_value(&entry.value, found);
    }
    if message.schema.name().ends_with(".http_connection_manager.v3.HttpConnectionManager")
        && let Some(routes) = message.message("route_config")
    {
        found.push((routes.text("name").to_owned(), print::print_typed(routes)));
    }
}

fn collect_value(value: &Value<'_>, found: &mut Vec<(String, Json)>) {
    match value {
        Value::Message(message) => collect(message, found),
        Value::Any(any) => collect_any(any, found),
        Value::List(items) => items.iter().for_each(|item| collect_value(&item.value, found)),
        _ => {}
    }
}

fn collect_any(any: &Any<'_>, found: &mut Vec<(String, Json)>) {
    if let Body::Message(message) = &any.body {
        collect(message, found);
    }
}
