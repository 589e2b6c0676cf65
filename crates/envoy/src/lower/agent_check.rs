//! What a cluster's metadata asks of Causeway: `filter_metadata` → `causeway`.
//!
//! Envoy has no field for agents, and takes no notice of metadata under a name that it does not know, so the file still
//! runs there. Nothing checks this by a schema: every fault is found here, with its place.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{AgentCheck, EndpointAddress, LocalityEndpoints};

use super::Cx;
use super::cluster::Sort;
use crate::diagnostic::{At, Draft, Owner};
use crate::suggest;
use crate::tree::{Duration as Written, Json, JsonKind, Message, Value};

/// The namespace of what is ours.
const NAMESPACE: &str = "causeway";

/// What may stand in it.
const KEYS: &[&str] = &["agent_check"];

/// What may stand in `agent_check`.
const FIELDS: &[&str] = &["port", "interval", "timeout", "send"];

/// Time from one answer to the next question, unless it is set.
const INTERVAL: Duration = Duration::from_secs(5);

/// Part of the metadata of a cluster.
#[derive(Clone, Copy)]
struct Part<'p> {
    cluster: &'p Message<'p>,
    json: &'p Json<'p>,
    name: &'p str,
}

impl Cx<'_> {
    /// How agents of a cluster's hosts are asked, where its metadata says so.
    pub(super) fn agent_check(
        &self,
        cluster: &Message<'_>,
        sort: Option<Sort>,
        localities: &[LocalityEndpoints],
    ) -> Option<Arc<AgentCheck>> {
        let metadata = cluster.message("metadata")?;
        let mut namespaces = metadata.map("filter_metadata").iter();
        let ours = namespaces.find(|item| item.key.to_text() == NAMESPACE)?;
        let Value::Json(json) = &ours.item.value else { return None };
        let fields = self.fields(Part { cluster, json, name: "" }, KEYS)?;
        let (_, json) = fields.iter().find(|(name, _)| name == "agent_check")?;
        let whole = Part { cluster, json, name: "agent_check" };
        let fields = self.fields(whole, FIELDS)?;
        let part = |name: &'static str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, json)| Part { cluster, json, name })
        };
        if let Some(sort) = sort.filter(|sort| sort.chooses()) {
            let why = match sort {
                Sort::Aggregate => {
                    "an aggregate cluster has the hosts of others: agents belong to those clusters"
                }
                _ => "requests to a cluster of type ORIGINAL_DST say where they go, whatever an agent says",
            };
            self.reject(whole.at(), "invalid-agent-check", why);
            return None;
        }
        let pipes = localities.iter().flat_map(|locality| &locality.endpoints);
        let is_pipe = |address: &EndpointAddress| matches!(address, EndpointAddress::Resolved(address) if address.ip().is_none());
        if pipes.into_iter().any(|endpoint| is_pipe(&endpoint.address)) {
            self.ignored(
                whole.at(),
                "endpoints that are Unix sockets have no port, so their agents are not asked",
            );
        }
        let interval = part("interval").map_or(Some(INTERVAL), |part| self.time(part));
        let timeout = part("timeout").map_or(interval, |part| self.time(part));
        let send = part("send").map_or(Some(""), |part| match &part.json.kind {
            JsonKind::Text(text) => Some(text),
            _ => self.wrong(part, "a text"),
        });
        let port = match part("port") {
            Some(part) => self.agent_port(part),
            None => {
                self.reject(
                    whole.at(),
                    "invalid-agent-check",
                    "`agent_check` needs `port`, where agents listen",
                );
                None
            }
        };
        Some(Arc::new(AgentCheck {
            port: port?,
            interval: interval?,
            timeout: timeout?,
            send: send?.as_bytes().into(),
        }))
    }

    /// The fields of an object, all of which have to be known.
    fn fields<'p>(
        &self,
        part: Part<'p>,
        known: &[&str],
    ) -> Option<&'p [(std::borrow::Cow<'p, str>, Json<'p>)]> {
        let JsonKind::Object(fields) = &part.json.kind else {
            return self.wrong(part, "a map");
        };
        for (name, json) in fields.iter().filter(|(name, _)| !known.contains(&&**name)) {
            let holder = if part.name.is_empty() { NAMESPACE } else { part.name };
            let text = format!("`{holder}` in the metadata of a cluster has no `{name}`");
            let mut draft = Draft::rejected("unknown-field", text).at(Part { json, name, ..part }.at());
            if let Some(meant) = suggest::among(name, known) {
                draft = draft.label(format!("did you mean `{meant}`?"));
            }
            self.push(draft);
        }
        Some(fields)
    }

    /// A port, which is not 0.
    fn agent_port(&self, part: Part<'_>) -> Option<u16> {
        let JsonKind::Number(number) = part.json.kind else {
            return self.wrong(part, "a number");
        };
        // A whole number is written without a point.
        let port = number.to_string().parse().ok().filter(|port| *port != 0);
        if port.is_none() {
            self.reject(part.at(), "invalid-agent-check", "`port` is a number from 1 to 65535");
        }
        port
    }

    /// A duration, which is longer than zero.
    fn time(&self, part: Part<'_>) -> Option<Duration> {
        let JsonKind::Text(text) = &part.json.kind else {
            return self.wrong(part, "a duration such as `5s`");
        };
        let written = Written::parse(text).map(Written::to_std);
        match written {
            Ok(Some(time)) if !time.is_zero() && time <= Duration::from_secs(Written::LONGEST_TAKEN) => {
                Some(time)
            }
            Ok(_) => {
                let text = format!("`{}` is longer than zero, and shorter than 300 years", part.name);
                self.reject(part.at(), "invalid-duration", text);
                None
            }
            Err(why) => {
                self.reject(part.at(), "invalid-duration", why);
                None
            }
        }
    }

    fn wrong<T>(&self, part: Part<'_>, wanted: &str) -> Option<T> {
        let name = if part.name.is_empty() { NAMESPACE } else { part.name };
        let text = format!("`{name}` in the metadata of a cluster is {wanted}");
        self.reject(part.at(), "wrong-type", text);
        None
    }
}

impl Part<'_> {
    /// Its place in the file, and in the cluster.
    fn at(&self) -> At {
        let mut at = self.cluster.at("metadata");
        at.span = self.json.span;
        if let Owner::Node { rest, .. } = &mut at.owner {
            let inner = match self.name {
                "" => "",
                "agent_check" => ".agent_check",
                _ => ".agent_check.",
            };
            let name = if inner.ends_with('.') { self.name } else { "" };
            *rest = format!("metadata.filter_metadata.{NAMESPACE}{inner}{name}");
        }
        at
    }
}
