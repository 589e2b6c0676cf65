//! Headers to add and to remove.

use causeway_model::{AppendAction, HeaderMutations, HeaderName, HeaderValueOption, OperatorKind, Template};

use super::Cx;
use crate::diagnostic::{At, Draft};
use crate::tree::Message;

impl Cx<'_> {
    /// `…_headers_to_add` and `…_headers_to_remove` of a route, virtual host, or the like.
    pub(super) fn mutations(&self, message: &Message<'_>, which: &str) -> HeaderMutations {
        let (add, remove) = (format!("{which}_headers_to_add"), format!("{which}_headers_to_remove"));
        HeaderMutations {
            remove: self.headers_to_remove(message, &remove),
            add: self.headers_to_add(message, &add),
        }
    }

    /// A list of `HeaderValueOption`.
    pub(super) fn headers_to_add(&self, message: &Message<'_>, field: &str) -> Vec<HeaderValueOption> {
        message.messages(field).filter_map(|option| self.header_value_option(option)).collect()
    }

    /// A list of names.
    fn headers_to_remove(&self, message: &Message<'_>, field: &str) -> Vec<HeaderName> {
        message
            .texts(field)
            .enumerate()
            .filter_map(|(index, name)| {
                let at = message.at_item(field, index);
                if self.is_protected(name) {
                    self.protected(at, name, "removed");
                    return None;
                }
                self.header_name(name, at, "no message has such a header")
            })
            .collect()
    }

    /// `HeaderValueOption`.
    pub(super) fn header_value_option(&self, option: &Message<'_>) -> Option<HeaderValueOption> {
        let keep_empty_value = option.bool("keep_empty_value");
        let action = self.append_action(option);
        let header = option.message("header")?;
        let key = header.text("key");
        let value = self.header_value(header);
        if self.is_protected(key) {
            self.protected(header.at("key"), key, "changed");
            return None;
        }
        let name = self.header_name(key, header.at("key"), "it is not added")?;
        Some(HeaderValueOption { name, value, action, keep_empty_value })
    }

    fn header_value(&self, header: &Message<'_>) -> Template {
        self.has_no_effect(header, "raw_value", "Envoy adds what `value` says, which may stay empty");
        self.template_of_header(header.text("value"), &header.at("value"))
    }

    /// The value of a header. What has to be measured is measured for access logs only.
    fn template_of_header(&self, text: &str, at: &At) -> Template {
        let template = self.header_template(text, at);
        if template.any_operator(OperatorKind::is_measured) {
            let what =
                "`%ROUTE_RESOLUTION_TIME_US%` and `%DOWNSTREAM_CX_RTT%` are not implemented in headers";
            self.push(Draft::unsupported("unsupported-operator", what).at(at.clone()));
        }
        template
    }

    fn append_action(&self, option: &Message<'_>) -> AppendAction {
        let append = option.bool_value("append");
        if append.is_some() && option.has("append_action") {
            self.push(
                Draft::rejected("conflict", "`append` and `append_action` exclude each other")
                    .at(option.at_key("append"))
                    .label("remove this one"),
            );
        }
        match (append, option.choice("append_action")) {
            (Some(false), _) | (None, "OVERWRITE_IF_EXISTS_OR_ADD") => AppendAction::OverwriteIfExistsOrAdd,
            (None, "ADD_IF_ABSENT") => AppendAction::AddIfAbsent,
            (None, "OVERWRITE_IF_EXISTS") => AppendAction::OverwriteIfExists,
            _ => AppendAction::AppendIfExistsOrAdd,
        }
    }

    /// Whether Envoy keeps its hands off a header.
    fn is_protected(&self, name: &str) -> bool {
        name.starts_with(':') || name.eq_ignore_ascii_case("host")
    }

    fn protected(&self, at: At, name: &str, how: &str) {
        let mut draft = Draft::rejected("protected-header", format!("`{name}` can't be {how} here")).at(at);
        if name.eq_ignore_ascii_case("host") || name == ":authority" {
            draft = draft.help("a route changes the host with `host_rewrite_literal`");
        } else if name == ":path" {
            draft = draft.help("a route changes the path with `prefix_rewrite` or `regex_rewrite`");
        }
        self.push(draft);
    }
}
