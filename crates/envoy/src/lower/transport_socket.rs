//! What is spoken below HTTP with back-ends: `Cluster.transport_socket`, and `transport_socket_matches` that
//! choose one for each endpoint.

use std::sync::Arc;

use causeway_model::{
    PassThroughTlvs, ProxyProtocolConfig, ProxyProtocolUpstream, ProxyProtocolVersion, TlvEntry,
    TransportSocketMatch, UpstreamSocket,
};

use super::Cx;
use super::extension::{short_kind, type_place};
use super::value::value_of;
use crate::extension::Category;
use crate::tree::{JsonKind, Message};

impl Cx<'_> {
    /// `transport_socket` of a cluster, or of one of its matches; plain where there is none.
    pub(super) fn upstream_socket(&self, holder: &Message<'_>) -> UpstreamSocket {
        let socket = holder.message("transport_socket");
        socket.and_then(|socket| self.upstream_layers(socket)).unwrap_or_default()
    }

    fn upstream_layers(&self, socket: &Message<'_>) -> Option<UpstreamSocket> {
        let extension = self.extension(socket, Category::UpstreamSocket)?;
        match short_kind(extension.kind) {
            "RawBuffer" => Some(UpstreamSocket::default()),
            "UpstreamTlsContext" => {
                let tls = self.upstream_tls(&extension.config)?;
                Some(UpstreamSocket { proxy_protocol: None, tls: Some(tls) })
            }
            "ProxyProtocolUpstreamTransport" => {
                let config = &extension.config;
                let inner = config.message("transport_socket").and_then(|inner| self.upstream_layers(inner));
                let proxy_protocol = ProxyProtocolUpstream {
                    position: self.position(config),
                    config: self.proxy_protocol_config(config, "config").unwrap_or_default(),
                    allow_unspecified_address: config.bool("allow_unspecified_address"),
                };
                self.has_no_effect(config, "tlv_as_pool_key", "TLVs always tell connections apart");
                let inner = inner?;
                if inner.proxy_protocol.is_some() {
                    self.vital(type_place(socket), "a PROXY header in front of another is not implemented");
                    return None;
                }
                Some(UpstreamSocket { proxy_protocol: Some(Arc::new(proxy_protocol)), ..inner })
            }
            _ => {
                let text = format!("the transport socket {} is not implemented", extension.name);
                self.vital(type_place(socket), text);
                socket.settle_all();
                None
            }
        }
    }

    /// `Cluster.transport_socket_matches`.
    pub(super) fn transport_socket_matches(&self, cluster: &Message<'_>) -> Vec<TransportSocketMatch> {
        let mut found = Vec::new();
        for entry in cluster.messages("transport_socket_matches") {
            let criteria = match entry.json("match").map(|json| &json.kind) {
                Some(JsonKind::Object(fields)) => {
                    fields.iter().map(|(name, value)| (name.as_ref().into(), value_of(value))).collect()
                }
                _ => Vec::new(),
            };
            if !entry.has("transport_socket") {
                let text = "this match has no `transport_socket`";
                self.reject(entry.here(), "missing-field", text);
            }
            found.push(TransportSocketMatch {
                name: entry.text("name").into(),
                criteria,
                socket: self.upstream_socket(entry),
            });
        }
        found
    }

    /// `ProxyProtocolConfig`; `None` where it is not set.
    pub(super) fn proxy_protocol_config(
        &self,
        holder: &Message<'_>,
        field: &str,
    ) -> Option<ProxyProtocolConfig> {
        let config = holder.message(field)?;
        let version = match config.choice("version") {
            "V2" => ProxyProtocolVersion::V2,
            _ => ProxyProtocolVersion::V1,
        };
        let pass_through_tlvs = pass_through_tlvs(config);
        let added_tlvs = self.tlvs(config, "added_tlvs");
        let lowered = ProxyProtocolConfig { version, pass_through_tlvs, added_tlvs };
        if lowered.version == ProxyProtocolVersion::V1 {
            for field in ["pass_through_tlvs", "added_tlvs"] {
                if config.has(field) {
                    self.ignored(config.at_key(field), "version 1 of the PROXY protocol has no TLVs");
                }
            }
        }
        Some(lowered)
    }

    /// `TlvEntry`s.
    fn tlvs(&self, message: &Message<'_>, field: &str) -> Vec<TlvEntry> {
        let mut found = Vec::new();
        for entry in message.messages(field) {
            self.not_implemented_vital(entry, "format_string", "; write the bytes as `value`");
            if entry.bytes("value").is_empty() && !entry.has("format_string") {
                self.reject(entry.here(), "missing-field", "a TLV needs its `value`");
            }
            let kind = u8::try_from(entry.u32("type").unwrap_or(0)).ok();
            found.extend(kind.map(|kind| TlvEntry { kind, value: entry.bytes("value").into() }));
        }
        found
    }

    /// What `metadata.typed_filter_metadata` of an endpoint says of PROXY headers.
    pub(super) fn endpoint_tlvs(&self, endpoint: &Message<'_>) -> Vec<TlvEntry> {
        const KEY: &str = "envoy.transport_sockets.proxy_protocol";
        let Some(metadata) = endpoint.message("metadata") else { return Vec::new() };
        let mut found = Vec::new();
        for item in metadata.map("typed_filter_metadata") {
            let crate::tree::Value::Any(any) = &item.item.value else { continue };
            match any.message() {
                Some(config)
                    if item.key.to_text() == KEY
                        && config.schema.name() == "envoy.config.core.v3.PerHostConfig" =>
                {
                    found = self.tlvs(config, "added_tlvs");
                }
                other => {
                    let mut at = metadata.at("typed_filter_metadata");
                    at.span = item.key_span;
                    self.ignored(at, "there is no extension that reads this");
                    if let Some(message) = other {
                        message.settle_all();
                    }
                }
            }
        }
        found
    }
}

/// `pass_through_tlvs`; none where it is not set.
pub(super) fn pass_through_tlvs(holder: &Message<'_>) -> PassThroughTlvs {
    let Some(pass) = holder.message("pass_through_tlvs") else { return PassThroughTlvs::None };
    let kinds = pass.items("tlv_type").iter().filter_map(|item| match item.value {
        crate::tree::Value::Uint(number) => u8::try_from(number).ok(),
        _ => None,
    });
    match pass.choice("match_type") {
        "INCLUDE" => PassThroughTlvs::Only(kinds.collect()),
        _ => PassThroughTlvs::All,
    }
}
