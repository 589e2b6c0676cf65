//! Tree → model.
//!
//! One function per message. Each reads every field it understands before it gives up on any, so that
//! one run says everything; what nobody read is reported afterwards ([`crate::unread`]).

mod access_log;
mod action;
mod agent_check;
mod bind;
mod bootstrap;
mod cluster;
mod cluster_http;
mod cors;
mod data_source;
mod dns;
mod endpoint;
mod error_matcher;
mod extension;
mod filter_chain;
mod filters;
mod hash_policy;
mod hcm;
mod header_mutation;
mod headers;
mod health_check;
mod http2;
mod internal_redirect;
mod lb_policy;
mod listener;
mod listener_filter;
mod local_reply;
mod matcher;
mod mirror;
mod network_filter;
mod original_dst;
mod outlier;
mod overload;
mod path_normalization;
mod retry;
mod rewrite;
mod route;
mod route_cluster;
mod route_config;
mod runtime;
mod stats;
mod subsets;
mod tcp_proxy;
mod template;
mod tls;
mod transport_socket;
mod uri_template;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};

use causeway_model::{Bootstrap, NamedSecret, Runtime, SourcePosition};

use crate::LoadOptions;
use crate::diagnostic::{At, Draft, Kind, Sink};
use crate::source::{Files, Span};
use crate::tree::Message;

/// Makes the model of a whole configuration. Without errors, nothing is missing.
pub(crate) fn lower(root: &Message<'_>, files: &Files<'_>, options: &LoadOptions, sink: &Sink) -> Bootstrap {
    let clusters = root
        .find("static_resources")
        .and_then(|entry| match &entry.value {
            crate::tree::Value::Message(resources) => Some(resources),
            _ => None,
        })
        .map(|resources| {
            resources.messages("clusters").map(|cluster| cluster.text("name").to_owned()).collect()
        })
        .unwrap_or_default();
    bootstrap::bootstrap(&Cx::new(files, options, sink, clusters), root)
}

/// Makes secrets of a `service.discovery.v3.DiscoveryResponse`.
pub(crate) fn lower_secrets(
    response: &Message<'_>,
    files: &Files<'_>,
    options: &LoadOptions,
    sink: &Sink,
) -> Vec<NamedSecret> {
    tls::secrets_of(&Cx::new(files, options, sink, HashSet::new()), response)
}

/// What every function of lowering is given.
pub(crate) struct Cx<'a> {
    sink: &'a Sink,
    files: &'a Files<'a>,
    options: &'a LoadOptions,
    /// The names of all clusters.
    clusters: HashSet<String>,
    /// The runtime keys that something reads.
    runtime_keys: RefCell<BTreeSet<String>>,
    /// The runtime as the file has it.
    runtime: RefCell<Runtime>,
    /// Whether the connection manager at hand has a CORS filter.
    has_cors: Cell<bool>,
    /// Whether a formatter beside the text that is read brings `REQ_WITHOUT_QUERY`.
    has_query_formatter: Cell<bool>,
    /// Whether routes of the table at hand may name clusters that do not exist.
    any_cluster: Cell<bool>,
    /// Whether it is known which cluster the process belongs to.
    has_own_cluster: Cell<bool>,
    /// Secrets by their names.
    secrets: RefCell<tls::Secrets>,
}

impl<'a> Cx<'a> {
    fn new(
        files: &'a Files<'a>,
        options: &'a LoadOptions,
        sink: &'a Sink,
        clusters: HashSet<String>,
    ) -> Self {
        Self {
            sink,
            files,
            options,
            clusters,
            runtime_keys: RefCell::default(),
            runtime: RefCell::default(),
            has_cors: Cell::new(true),
            has_query_formatter: Cell::new(false),
            any_cluster: Cell::new(false),
            has_own_cluster: Cell::new(false),
            secrets: RefCell::default(),
        }
    }
}

impl Cx<'_> {
    fn push(&self, draft: Draft) {
        self.sink.push(draft);
    }

    fn reject(&self, at: At, code: &'static str, message: impl Into<String>) {
        self.push(Draft::rejected(code, message).at(at));
    }

    fn suspicious(&self, at: At, code: &'static str, message: impl Into<String>) -> Draft {
        Draft::suspicious(code, message).at(at)
    }

    /// A field that Causeway does not implement.
    fn unsupported(&self, at: At, message: impl Into<String>) {
        self.push(Draft::unsupported("unsupported", message).at(at));
    }

    /// The same, where leaving it out would be dangerous or make no sense.
    fn vital(&self, at: At, message: impl Into<String>) {
        self.push(Draft::unsupported("unsupported", message).at(at).vital());
    }

    fn ignored(&self, at: At, message: impl Into<String>) {
        self.push(Draft::new(Kind::Ignored, "ignored", message).at(at));
    }

    /// Takes note of a field that changes nothing here, and says why wherever it is set.
    fn has_no_effect(&self, message: &Message<'_>, field: &str, why: &str) {
        if message.has(field) {
            self.ignored(message.at_key(field), format!("`{field}` has no effect here: {why}"));
        }
        message.settle(field);
    }

    /// Takes note of a field nobody implements, and reports it, wherever it says more than its default.
    fn not_implemented(&self, message: &Message<'_>, field: &str, why: &str) {
        if message.has(field) {
            let name = message.schema.short_name();
            self.unsupported(message.at_key(field), format!("`{field}` of {name} is not implemented{why}"));
        }
        message.settle(field);
    }

    /// The same, where leaving it out would be dangerous.
    fn not_implemented_vital(&self, message: &Message<'_>, field: &str, why: &str) {
        if message.has(field) {
            let name = message.schema.short_name();
            self.vital(message.at_key(field), format!("`{field}` of {name} is not implemented{why}"));
        }
        message.settle(field);
    }

    fn position(&self, message: &Message<'_>) -> SourcePosition {
        self.position_of(message.span)
    }

    fn position_of(&self, span: Span) -> SourcePosition {
        match self.files.file(span) {
            Some((file, range)) => {
                let place = file.line_column(range.start);
                SourcePosition { file: Some(file.name.clone()), line: place.line, column: place.column }
            }
            None => SourcePosition::default(),
        }
    }

    /// The text of a place, as it is written.
    fn source(&self, span: Span) -> Option<&str> {
        let (file, range) = self.files.file(span)?;
        file.text.get(range)
    }

    /// The place of a part of a string, where the string is written as it is; else the whole.
    fn part(&self, at: &At, text: &str, part: std::ops::Range<usize>) -> At {
        let mut at = at.clone();
        let found = self.source(at.span).and_then(|source| source.find(text));
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        if let Some(start) = found.filter(|_| !text.is_empty()) {
            let start = at.span.start.saturating_add(offset(start));
            at.span = Span {
                start: start.saturating_add(offset(part.start)),
                end: start.saturating_add(offset(part.end)),
            };
        }
        at
    }

    /// Notes that something reads a runtime key.
    fn uses_runtime_key(&self, key: &str) {
        if !key.is_empty() {
            self.runtime_keys.borrow_mut().insert(key.to_owned());
        }
    }
}
