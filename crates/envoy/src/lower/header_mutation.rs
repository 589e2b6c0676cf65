//! The filter that changes header fields and the query (`envoy.filters.http.header_mutation`).

use causeway_model::{AppendAction, HeaderMutation, MessageMutations, QueryMutation};

use super::Cx;
use crate::diagnostic::At;
use crate::tree::{Json, JsonKind, Message};

/// What a request can't do without, under Envoy's names.
pub(super) const OF_REQUESTS: &[&str] = &[":authority", ":method", ":path"];
/// What a response can't do without.
const OF_RESPONSES: &[&str] = &[":status"];

impl Cx<'_> {
    /// `HeaderMutation.mutations` and `HeaderMutationPerRoute.mutations`.
    pub(super) fn message_mutations(&self, config: &Message<'_>) -> MessageMutations {
        let Some(mutations) = config.message("mutations") else { return MessageMutations::default() };
        self.has_query_formatter.set(self.formatters(mutations));
        let query = mutations.messages("query_parameter_mutations");
        let mutations = MessageMutations {
            request: self.sequence(mutations, "request_mutations", OF_REQUESTS),
            query: query.filter_map(|mutation| self.query_mutation(mutation)).collect(),
            response: self.sequence(mutations, "response_mutations", OF_RESPONSES),
            request_trailers: self.sequence(mutations, "request_trailers_mutations", &[]),
            response_trailers: self.sequence(mutations, "response_trailers_mutations", &[]),
        };
        self.has_query_formatter.set(false);
        mutations
    }

    /// Changes in their order; `needed` can't be removed.
    pub(super) fn sequence(
        &self,
        mutations: &Message<'_>,
        field: &str,
        needed: &[&str],
    ) -> Vec<HeaderMutation> {
        mutations.messages(field).filter_map(|mutation| self.header_mutation(mutation, needed)).collect()
    }

    /// `config.common.mutation_rules.v3.HeaderMutation`.
    fn header_mutation(&self, mutation: &Message<'_>, needed: &[&str]) -> Option<HeaderMutation> {
        match mutation.which("action")? {
            "remove" => {
                let (text, at) = (mutation.text("remove"), mutation.at("remove"));
                if text.is_empty() {
                    return None;
                }
                let name = self.header_name(text, at.clone(), "no message has such a header")?;
                // `Host` is `:authority` to Envoy.
                let known = if name.as_str() == "host" { ":authority" } else { name.as_str() };
                if needed.contains(&known) {
                    self.unsupported(at, format!("removing `{name}`, which can't be done without"));
                    return None;
                }
                if name.is_pseudo() {
                    let text = format!("there is no `{name}` that could be removed");
                    self.push(self.suspicious(at, "protected-header", text).label("has no effect"));
                    return None;
                }
                Some(HeaderMutation::Remove(name))
            }
            "remove_on_match" => {
                let matcher = mutation.message("remove_on_match")?.message("key_matcher")?;
                let compiled = self.string_matcher(matcher)?;
                if let Some(name) = needed.iter().find(|name| compiled.matches(name.as_bytes())) {
                    // Envoy answers every request with an error then, or sends it without a host.
                    let text = format!("this matches `{name}` as well, which can't be done without");
                    self.unsupported(matcher.here(), text);
                    return None;
                }
                Some(HeaderMutation::RemoveOnMatch(compiled))
            }
            "append" => self.header_value_option(mutation.message("append")?).map(HeaderMutation::Append),
            other => {
                self.not_implemented(mutation, other, "");
                None
            }
        }
    }

    /// `KeyValueMutation` of a query parameter.
    fn query_mutation(&self, mutation: &Message<'_>) -> Option<QueryMutation> {
        let removed = mutation.text("remove");
        let Some(append) = mutation.message("append") else {
            if removed.is_empty() {
                self.reject(mutation.here(), "missing-field", "this says neither `append` nor `remove`");
                return None;
            }
            return Some(QueryMutation::Remove(removed.into()));
        };
        if !removed.is_empty() {
            self.has_no_effect(mutation, "remove", "`append` is what is done");
        }
        let action = match append.choice("action") {
            "ADD_IF_ABSENT" => AppendAction::AddIfAbsent,
            "OVERWRITE_IF_EXISTS_OR_ADD" => AppendAction::OverwriteIfExistsOrAdd,
            "OVERWRITE_IF_EXISTS" => AppendAction::OverwriteIfExists,
            _ => AppendAction::AppendIfExistsOrAdd,
        };
        if append.has("entry") {
            append.settle("entry");
            self.ignored(append.at_key("entry"), "`entry` has no effect here: `record` is what is added");
        }
        let Some(record) = append.message("record") else {
            self.reject(append.here(), "missing-field", "a query parameter is added by `record`");
            return None;
        };
        let name = record.text("key").into();
        let value = record.json("value");
        let at = record.at("value");
        match value.map(|value| (&value.kind, value)) {
            Some((JsonKind::Text(text), json)) => {
                let value = self.template(text, &place(json, at));
                Some(QueryMutation::Append { name, value, action })
            }
            _ => {
                self.reject(at, "invalid-query-value", "the value of a query parameter has to be a string");
                None
            }
        }
    }
}

/// The place of a value, or of what holds it.
fn place(json: &Json<'_>, at: At) -> At {
    At { span: json.span.or(at.span), owner: at.owner }
}
