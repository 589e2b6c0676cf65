//! Where connections to back-ends come from.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_model::{BindConfig, SocketOption, SocketState, SourceAddress};

use super::Cx;
use crate::diagnostic::At;
use crate::tree::Message;

/// A `BindConfig` as it is written. What of a cluster holds depends on that of the cluster manager.
#[derive(Default)]
pub(super) struct Bind {
    sources: Vec<Source>,
    freebind: Option<bool>,
    socket_options: Vec<SocketOption>,
}

struct Source {
    address: SocketAddr,
    /// `None` where the options of all hold.
    socket_options: Option<Vec<SocketOption>>,
}

impl Cx<'_> {
    /// `upstream_bind_config` of a cluster or of the cluster manager.
    pub(super) fn bind_config(&self, message: &Message<'_>) -> Option<Bind> {
        let bind = message.message("upstream_bind_config")?;
        self.not_implemented_vital(bind, "local_address_selector", "");
        let mut sources = Vec::new();
        let mut places = Vec::new();
        if let Some(socket) = bind.message("source_address") {
            places.push(socket.here());
            let address = self.source_address(socket);
            sources.extend(address.map(|address| Source { address, socket_options: None }));
        }
        let mut further = None;
        for extra in bind.messages("extra_source_addresses") {
            further = Some("extra_source_addresses");
            places.push(extra.here());
            let address = extra.message("address").and_then(|socket| self.source_address(socket));
            let options = extra.message("socket_options").map(|options| self.options_before_binding(options));
            sources.extend(address.map(|address| Source { address, socket_options: options }));
        }
        for socket in bind.messages("additional_source_addresses") {
            if further == Some("extra_source_addresses") {
                self.reject(
                    bind.at_key("additional_source_addresses"),
                    "conflict",
                    "`additional_source_addresses` is the old name of `extra_source_addresses`; only one may be set",
                );
                bind.settle_all();
                break;
            }
            further = Some("additional_source_addresses");
            places.push(socket.here());
            let address = self.source_address(socket);
            sources.extend(address.map(|address| Source { address, socket_options: None }));
        }
        if let Some(field) = further.filter(|_| !bind.has("source_address")) {
            let text = format!("`{field}` can be set only beside `source_address`");
            self.reject(bind.at_key(field), "missing-field", text);
        }
        self.check_families(&sources, places);
        Some(Bind {
            sources,
            freebind: bind.bool_value("freebind"),
            socket_options: self.options_before_binding(bind),
        })
    }

    fn source_address(&self, socket: &Message<'_>) -> Option<SocketAddr> {
        let port = self.port(socket);
        // It is about sockets that listen.
        self.has_no_effect(socket, "ipv4_compat", "nobody listens on this address");
        self.socket_address_rest(socket);
        let ip = self.ip(socket.text("address"), socket.at("address"));
        Some(SocketAddr::new(ip?, port?))
    }

    /// There is one source for each family.
    fn check_families(&self, sources: &[Source], mut places: Vec<At>) {
        let family = |source: &Source| source.address.is_ipv4();
        let text = match sources {
            [_, _, _, ..] => "there is place for two source addresses, one for IPv4 and one for IPv6",
            [one, other] if family(one) == family(other) => {
                "the two source addresses are of the same family; the second has to be of the other"
            }
            _ => return,
        };
        if let Some(at) = places.pop() {
            self.reject(at, "invalid-address", text);
        }
    }

    /// Options are set before binding only: what is to be set later, Envoy passes over as well.
    fn options_before_binding(&self, message: &Message<'_>) -> Vec<SocketOption> {
        for option in message.messages("socket_options") {
            if matches!(option.choice("state"), "STATE_BOUND" | "STATE_LISTENING") {
                self.ignored(
                    option.at("state"),
                    "on connections to back-ends, only options with the state STATE_PREBIND are set",
                );
            }
        }
        let mut options = self.socket_options(message);
        options.retain(|option| option.state == SocketState::Prebind);
        options
    }
}

impl Bind {
    /// What holds for a cluster. Addresses are the cluster's as soon as it has a message of its own, however
    /// empty; `freebind` and options are the cluster manager's until the cluster sets them.
    pub(super) fn of_cluster(own: Option<&Self>, manager: Option<&Self>) -> Option<Arc<BindConfig>> {
        let sources = &own.or(manager)?.sources;
        let freebind = own.and_then(|own| own.freebind).or_else(|| manager?.freebind).unwrap_or(false);
        let socket_options = own
            .map(|own| &own.socket_options)
            .filter(|options| !options.is_empty())
            .or_else(|| Some(&manager?.socket_options))
            .cloned()
            .unwrap_or_default();
        let sources = sources.iter().map(|source| SourceAddress {
            address: source.address,
            socket_options: source.socket_options.as_ref().unwrap_or(&socket_options).clone(),
        });
        let bind = BindConfig { sources: sources.collect(), freebind, socket_options };
        (bind != BindConfig::default()).then(|| Arc::new(bind))
    }
}
