//! Filter chains of a listener: which connections they are for, and what they do with them.

use std::sync::Arc;

use causeway_model::{DownstreamSocket, FilterChain, FilterChainMatch, SourceType};

use super::Cx;
use super::extension::{short_kind, type_place};
use crate::diagnostic::Draft;
use crate::extension::Category;
use crate::tree::{Item, Message, Value};

impl Cx<'_> {
    /// `filter_chains` and `default_filter_chain`.
    pub(super) fn filter_chains(
        &self,
        listener: &Message<'_>,
    ) -> (Vec<Arc<FilterChain>>, Option<Arc<FilterChain>>) {
        let default = listener.message("default_filter_chain");
        let chains: Vec<_> = listener.messages("filter_chains").collect();
        if chains.is_empty() && default.is_none() {
            self.reject(listener.here(), "missing-field", "this listener has no filter chain");
        }
        let lowered: Vec<_> = chains.iter().map(|chain| self.filter_chain(chain)).collect();
        for (at, (message, chain)) in chains.iter().zip(&lowered).enumerate() {
            let Some(chain) = chain else { continue };
            let before = chains.iter().zip(&lowered).take(at).find(|(_, before)| {
                before.as_ref().is_some_and(|before| before.matcher.overlaps(&chain.matcher))
            });
            if let Some((first, _)) = before {
                self.push(
                    Draft::rejected("overlapping-chains", "this filter chain is for the same connections")
                        .at(message.at("filter_chain_match"))
                        .related(first.span, "as this one")
                        .help("two filter chains have to differ in at least one condition that both have"),
                );
            } else if chain.matcher.repeats_itself() {
                let text = "one of these conditions names something twice";
                self.reject(message.at("filter_chain_match"), "overlapping-chains", text);
            }
        }
        let default = default.and_then(|chain| self.filter_chain(chain)).map(Arc::new);
        (lowered.into_iter().flatten().map(Arc::new).collect(), default)
    }

    fn filter_chain(&self, chain: &Message<'_>) -> Option<FilterChain> {
        // It belongs to the listener's filters, where that of the first chain is read.
        chain.settle("use_proxy_proto");
        let matcher = chain.message("filter_chain_match").map(|condition| self.chain_match(condition));
        let transport_socket = self.downstream_socket(chain);
        let (gates, filter) = self.network_filters(chain);
        let connect_timeout = self.duration(chain, "transport_socket_connect_timeout");
        Some(FilterChain {
            position: self.position(chain),
            name: chain.text("name").into(),
            metadata: self.metadata(chain, "metadata"),
            matcher: matcher.unwrap_or_default(),
            transport_socket: transport_socket?,
            transport_socket_connect_timeout: connect_timeout,
            gates,
            filter: filter?,
        })
    }

    fn chain_match(&self, condition: &Message<'_>) -> FilterChainMatch {
        for field in ["address_suffix", "suffix_len"] {
            if condition.has(field) {
                let text = format!("`{field}` is not implemented, in Envoy neither");
                self.reject(condition.at_key(field), "unimplemented-field", text);
            }
            condition.settle(field);
        }
        FilterChainMatch {
            destination_port: condition.u32("destination_port").and_then(|port| u16::try_from(port).ok()),
            prefix_ranges: self.cidrs(condition, "prefix_ranges").0,
            server_names: self.server_names(condition),
            transport_protocol: condition.text("transport_protocol").into(),
            application_protocols: condition.texts("application_protocols").map(Into::into).collect(),
            direct_source_prefix_ranges: self.cidrs(condition, "direct_source_prefix_ranges").0,
            source_type: match condition.choice("source_type") {
                "SAME_IP_OR_LOOPBACK" => SourceType::SameIpOrLoopback,
                "EXTERNAL" => SourceType::External,
                _ => SourceType::Any,
            },
            source_prefix_ranges: self.cidrs(condition, "source_prefix_ranges").0,
            source_ports: condition.items("source_ports").iter().filter_map(port_of).collect(),
        }
    }

    /// `server_names` as they are compared: in lower case, and `*.a.test` as `.a.test`.
    fn server_names(&self, condition: &Message<'_>) -> Vec<Box<str>> {
        let mut names = Vec::new();
        for (at, name) in condition.texts("server_names").enumerate() {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("*.") {
                Some(_) => names.push(name.trim_start_matches('*').into()),
                None if name.contains('*') => self.push(
                    Draft::rejected(
                        "invalid-server-name",
                        format!("`{name}`: a part of a name can't be left open"),
                    )
                    .at(condition.at_item("server_names", at))
                    .help(
                        "`*.example.com` fits all names that end so; for all names leave the condition out",
                    ),
                ),
                None => names.push(name.into()),
            }
        }
        names
    }

    /// `transport_socket`; plain bytes where there is none.
    fn downstream_socket(&self, chain: &Message<'_>) -> Option<DownstreamSocket> {
        let Some(socket) = chain.message("transport_socket") else {
            return Some(DownstreamSocket::RawBuffer);
        };
        let extension = self.extension(socket, Category::DownstreamSocket)?;
        match short_kind(extension.kind) {
            "RawBuffer" => Some(DownstreamSocket::RawBuffer),
            "DownstreamTlsContext" => {
                let tls = self.downstream_tls(&extension.config)?;
                Some(DownstreamSocket::Tls(tls))
            }
            _ => {
                let text = format!("the transport socket {} is not implemented", extension.name);
                self.vital(type_place(socket), text);
                socket.settle_all();
                None
            }
        }
    }
}

/// A port, which is a number in any case.
fn port_of(item: &Item<'_>) -> Option<u16> {
    match item.value {
        Value::Uint(port) => u16::try_from(port).ok(),
        _ => None,
    }
}
