//! Listener filters.

use causeway_model::{
    ConnectionPredicate, ListenerFilter, ListenerFilterKind, OriginalSrc, PassThroughTlvs, ProxyProtocol,
    TlsInspector, TlvEncoding, TlvLocation, TlvRule,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use super::transport_socket::pass_through_tlvs;
use crate::diagnostic::Draft;
use crate::extension::Category;
use crate::tree::{Message, Value};

/// Where the PROXY protocol's metadata goes unless a rule says otherwise.
const PROXY_PROTOCOL: &str = "envoy.filters.listener.proxy_protocol";

impl Cx<'_> {
    /// `listener_filters`, and those that are there without being written.
    pub(super) fn listener_filters(
        &self,
        listener: &Message<'_>,
        asks_for_tls: Option<&Message<'_>>,
    ) -> Vec<ListenerFilter> {
        let mut filters: Vec<_> =
            listener.messages("listener_filters").filter_map(|filter| self.listener_filter(filter)).collect();
        let has_inspector =
            filters.iter().any(|filter| matches!(filter.kind, ListenerFilterKind::TlsInspector(_)));
        if let Some(chain) = asks_for_tls.filter(|_| !has_inspector) {
            self.push(
                self.suspicious(
                    chain.at("filter_chain_match"),
                    "tls-inspector-missing",
                    "without the TLS inspector no connection fits this: nobody else finds out what it asks for",
                )
                .suggestion(
                    "listener_filters:\n- name: envoy.filters.listener.tls_inspector\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
                ),
            );
        }
        if listener.bool_value("use_original_dst") == Some(true) {
            filters.push(ListenerFilter { disabled: None, kind: ListenerFilterKind::OriginalDst });
        }
        // Envoy asks the first chain only, and looks for the header behind all other filters.
        let first = listener.messages("filter_chains").next();
        if first.is_some_and(|chain| chain.bool_value("use_proxy_proto") == Some(true)) {
            filters.push(ListenerFilter {
                disabled: None,
                kind: ListenerFilterKind::ProxyProtocol(plain_proxy_protocol()),
            });
        }
        filters
    }

    fn listener_filter(&self, filter: &Message<'_>) -> Option<ListenerFilter> {
        if filter.has("config_discovery") {
            self.vital(
                filter.at_key("config_discovery"),
                "extensions by discovery (ECDS) are not implemented",
            );
            filter.settle_all();
            return None;
        }
        let disabled =
            filter.message("filter_disabled").and_then(|condition| self.connection_predicate(condition));
        let extension = self.extension(filter, Category::ListenerFilter)?;
        let kind = match short_kind(extension.kind) {
            "HttpInspector" => ListenerFilterKind::HttpInspector,
            "ProxyProtocol" => ListenerFilterKind::ProxyProtocol(self.proxy_protocol(&extension.config)?),
            "TlsInspector" => ListenerFilterKind::TlsInspector(self.tls_inspector(&extension.config)),
            "OriginalDst" => ListenerFilterKind::OriginalDst,
            "OriginalSrc" => ListenerFilterKind::OriginalSrc(OriginalSrc {
                bind_port: extension.config.bool("bind_port"),
                mark: extension.config.u32("mark").unwrap_or_default(),
            }),
            _ => {
                let text = format!("the listener filter {} is not implemented", extension.name);
                self.vital(type_place(filter), text);
                filter.settle_all();
                return None;
            }
        };
        Some(ListenerFilter { disabled, kind })
    }

    /// `ListenerFilterChainMatchPredicate`.
    fn connection_predicate(&self, condition: &Message<'_>) -> Option<ConnectionPredicate> {
        let all = |field: &str| -> Vec<_> {
            let set = condition.message(field);
            let rules: Vec<_> = set.map(|set| set.messages("rules").collect()).unwrap_or_default();
            rules.into_iter().filter_map(|rule| self.connection_predicate(rule)).collect()
        };
        Some(match condition.which("rule")? {
            "any_match" => {
                condition.bool("any_match");
                ConnectionPredicate::Any
            }
            "not_match" => {
                let inner = self.connection_predicate(condition.message("not_match")?)?;
                ConnectionPredicate::Not(Box::new(inner))
            }
            "and_match" => ConnectionPredicate::And(all("and_match")),
            "or_match" => ConnectionPredicate::Or(all("or_match")),
            _ => {
                let range = condition.message("destination_port_range")?;
                let number = |field: &str| i32::try_from(range.i64(field)).unwrap_or_default();
                ConnectionPredicate::DestinationPort { start: number("start"), end: number("end") }
            }
        })
    }

    fn tls_inspector(&self, config: &Message<'_>) -> TlsInspector {
        self.has_no_effect(config, "initial_read_buffer_size", "what has arrived is read at once");
        let defaults = TlsInspector::default();
        TlsInspector {
            enable_ja3_fingerprinting: config.bool_value("enable_ja3_fingerprinting").unwrap_or_default(),
            enable_ja4_fingerprinting: config.bool_value("enable_ja4_fingerprinting").unwrap_or_default(),
            close_connection_on_client_hello_parsing_errors: config
                .bool("close_connection_on_client_hello_parsing_errors"),
            max_client_hello_size: config
                .u32("max_client_hello_size")
                .unwrap_or(defaults.max_client_hello_size),
        }
    }

    fn proxy_protocol(&self, config: &Message<'_>) -> Option<ProxyProtocol> {
        let mut lowered = ProxyProtocol {
            rules: config.messages("rules").map(tlv_rule).collect(),
            tlv_location: match config.choice("tlv_location") {
                "FILTER_STATE" => TlvLocation::FilterState,
                _ => TlvLocation::DynamicMetadata,
            },
            allow_requests_without_proxy_protocol: config.bool("allow_requests_without_proxy_protocol"),
            pass_through_tlvs: pass_through_tlvs(config),
            stat_prefix: config.text("stat_prefix").into(),
            ..plain_proxy_protocol()
        };
        for item in config.items("disallowed_versions") {
            match item.value {
                // `ProxyProtocolConfig.Version`: V1, V2.
                Value::Enum(0) => lowered.allow_v1 = false,
                Value::Enum(1) => lowered.allow_v2 = false,
                _ => {}
            }
        }
        if !lowered.allow_v1 && !lowered.allow_v2 {
            self.push(
                Draft::rejected("contradiction", "all versions of the PROXY protocol are disallowed")
                    .at(config.at("disallowed_versions"))
                    .help("leave one of them out, or the filter"),
            );
        }
        Some(lowered)
    }
}

/// A header of either version, and nothing else.
fn plain_proxy_protocol() -> ProxyProtocol {
    ProxyProtocol {
        rules: Vec::new(),
        tlv_location: TlvLocation::DynamicMetadata,
        allow_requests_without_proxy_protocol: false,
        pass_through_tlvs: PassThroughTlvs::None,
        allow_v1: true,
        allow_v2: true,
        stat_prefix: "".into(),
    }
}

fn tlv_rule(rule: &Message<'_>) -> TlvRule {
    let pair = rule.message("on_tlv_present");
    let text = |field: &str| pair.map_or("", |pair| pair.text(field));
    TlvRule {
        tlv_type: rule.u32("tlv_type").and_then(|number| u8::try_from(number).ok()).unwrap_or_default(),
        namespace: match text("metadata_namespace") {
            "" => PROXY_PROTOCOL.into(),
            namespace => namespace.into(),
        },
        key: text("key").into(),
        encoding: match pair.map(|pair| pair.choice("value_string_encoding")) {
            Some("BASE64") => TlvEncoding::Base64,
            _ => TlvEncoding::SanitizedUtf8,
        },
    }
}
