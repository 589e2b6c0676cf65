//! Listeners.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{Address, DrainType, Listener, SocketOption, SocketState, TrafficDirection};

use super::Cx;
use crate::diagnostic::Draft;
use crate::source::Span;
use crate::tree::Message;

impl Cx<'_> {
    /// `static_resources.listeners`.
    pub(super) fn listeners(&self, resources: &Message<'_>) -> Vec<Arc<Listener>> {
        let mut listeners = Vec::new();
        let mut names: HashMap<String, Span> = HashMap::new();
        let mut addresses: HashMap<Address, (String, Span)> = HashMap::new();
        for message in resources.messages("listeners") {
            let name = message.text("name").to_owned();
            if let Some(first) = names.get(&name).filter(|_| !name.is_empty()) {
                self.push(
                    self.suspicious(
                        message.at("name"),
                        "duplicate-listener",
                        format!("a second listener with the name `{name}`"),
                    )
                    .label("Envoy leaves it out without a word, and so does Causeway")
                    .related(*first, "the first"),
                );
                message.settle_all();
                continue;
            }
            names.insert(name, message.at("name").span);
            let Some(listener) = self.listener(message) else { continue };
            for address in &listener.addresses {
                // Port 0 is a port of its own each time.
                if matches!(address, Address::Ip(ip) if ip.port() == 0) {
                    continue;
                }
                let place = (listener.name.to_string(), message.at("address").span);
                if let Some((other, first)) = addresses.insert(address.clone(), place) {
                    if *other == *listener.name {
                        continue;
                    }
                    self.push(
                        Draft::rejected("duplicate-address", format!("two listeners on `{address}`"))
                            .at(message.at("address"))
                            .related(first, format!("listener `{other}` listens here already")),
                    );
                }
            }
            listeners.push(Arc::new(listener));
        }
        listeners
    }

    fn listener(&self, message: &Message<'_>) -> Option<Listener> {
        // Listeners of another kind, of which nothing else is understood.
        for field in ["udp_listener_config", "api_listener", "internal_listener"] {
            if message.has(field) {
                self.not_implemented_vital(message, field, "");
                message.settle_all();
                return None;
            }
        }
        if is_udp(message) {
            self.vital(message.at("address"), "UDP is not implemented");
            message.settle_all();
            return None;
        }
        for field in ["filter_chain_matcher", "fcds_config"] {
            self.not_implemented_vital(message, field, "");
        }
        let (addresses, ipv4_compat) = self.listener_addresses(message);
        let first = addresses.first();
        let shown = first.map(ToString::to_string).unwrap_or_default();
        let name: Arc<str> = match message.text("name") {
            "" => shown.as_str().into(),
            name => name.into(),
        };
        let stat_name = match message.text("stat_prefix") {
            "" => first.map(Address::stat_name).unwrap_or_default(),
            prefix => prefix.to_owned(),
        };
        let mut socket_options = self.transparency(message, first);
        socket_options.extend(self.listener_keepalive(message));
        socket_options.extend(self.socket_options(message));
        let (filter_chains, default_filter_chain) = self.filter_chains(message);
        let chains = message.messages("filter_chains").zip(&filter_chains);
        let asks_for_tls =
            chains.filter(|(_, chain)| chain.matcher.needs_tls_inspector()).map(|(at, _)| at).next();
        let listener_filters = self.listener_filters(message, asks_for_tls);
        let bind_to_port = message.bool_value("bind_to_port");
        let deprecated = message.message("deprecated_v1").and_then(|old| old.bool_value("bind_to_port"));
        let deprecated_reuse = message.bool("reuse_port");
        let limit_key = format!("envoy.resource_limits.listener.{name}.connection_limit");
        self.uses_runtime_key(&limit_key);
        let listener = Listener {
            position: self.position(message),
            stat_name: stat_name.into(),
            filter_chains,
            default_filter_chain,
            listener_filters,
            use_original_dst: message.bool_value("use_original_dst").unwrap_or_default(),
            listener_filters_timeout: match self.duration(message, "listener_filters_timeout") {
                None => Some(Duration::from_secs(15)),
                Some(Duration::ZERO) => None,
                some => some,
            },
            continue_on_listener_filters_timeout: message.bool("continue_on_listener_filters_timeout"),
            per_connection_buffer_limit_bytes: message
                .u32("per_connection_buffer_limit_bytes")
                .unwrap_or(1024 * 1024),
            tcp_backlog_size: message.u32("tcp_backlog_size"),
            max_connections_to_accept_per_socket_event: message
                .u32("max_connections_to_accept_per_socket_event"),
            enable_reuse_port: message.bool_value("enable_reuse_port").unwrap_or(true) || deprecated_reuse,
            bind_to_port: bind_to_port.or(deprecated).unwrap_or(true),
            ipv4_compat,
            tcp_fast_open_queue_length: message.u32("tcp_fast_open_queue_length"),
            // Filled in once the runtime is known.
            connection_limit: None,
            ignore_global_conn_limit: message.bool("ignore_global_conn_limit"),
            bypass_overload_manager: message.bool("bypass_overload_manager"),
            exact_balance: self.exact_balance(message),
            socket_options,
            traffic_direction: match message.choice("traffic_direction") {
                "INBOUND" => TrafficDirection::Inbound,
                "OUTBOUND" => TrafficDirection::Outbound,
                _ => TrafficDirection::Unspecified,
            },
            drain_type: match message.choice("drain_type") {
                "MODIFY_ONLY" => DrainType::ModifyOnly,
                _ => DrainType::Default,
            },
            access_logs: self.access_logs(message, "access_log"),
            metadata: self.metadata(message, "metadata"),
            addresses,
            name,
        };
        (!listener.addresses.is_empty()).then_some(listener)
    }

    /// `connection_balance_config`.
    fn exact_balance(&self, message: &Message<'_>) -> bool {
        let Some(config) = message.message("connection_balance_config") else { return false };
        match config.which("balance_type") {
            Some("exact_balance") => {
                config.settle("exact_balance");
                true
            }
            Some(other) => {
                self.not_implemented(config, other, "");
                false
            }
            None => false,
        }
    }

    /// An address to listen on, and whether IPv6 is to take IPv4 too.
    fn listener_address(&self, message: &Message<'_>) -> Option<(Address, bool)> {
        let (address, compat) = self.address(message)?;
        let may = match address.ip().map(|address| address.ip()) {
            Some(IpAddr::V6(ip)) => ip.is_unspecified() || ip.to_ipv4_mapped().is_some(),
            Some(IpAddr::V4(_)) => false,
            None => true,
        };
        if compat
            && !may
            && let Some(socket) = message.message("socket_address")
        {
            let text = "`ipv4_compat` is for `::` and IPv6 addresses that stand for one of IPv4";
            self.reject(socket.at_key("ipv4_compat"), "invalid-address", text);
        }
        Some((address, compat))
    }

    fn listener_addresses(&self, message: &Message<'_>) -> (Vec<Address>, bool) {
        let mut addresses = Vec::new();
        let mut compat = false;
        match message.message("address") {
            Some(address) => {
                if let Some((address, ipv4_compat)) = self.listener_address(address) {
                    compat |= ipv4_compat;
                    addresses.push(address);
                }
            }
            None => self.push(
                Draft::rejected("missing-field", "Listener needs the field `address`").at(message.here()),
            ),
        }
        for additional in message.messages("additional_addresses") {
            match additional.message("address").map(|address| self.listener_address(address)) {
                Some(Some((address, ipv4_compat))) => {
                    compat |= ipv4_compat;
                    addresses.push(address);
                }
                Some(None) => {}
                None => self.push(
                    Draft::rejected("missing-field", "AdditionalAddress needs the field `address`")
                        .at(additional.here()),
                ),
            }
        }
        (addresses, compat)
    }

    /// `freebind` and `transparent` are socket options by another name (Linux: ip(7), ipv6(7)).
    fn transparency(&self, message: &Message<'_>, address: Option<&Address>) -> Vec<SocketOption> {
        const IPPROTO_IP: i32 = 0;
        const IPPROTO_IPV6: i32 = 41;
        const IP_FREEBIND: i32 = 15;
        const IPV6_FREEBIND: i32 = 78;
        const IP_TRANSPARENT: i32 = 19;
        const IPV6_TRANSPARENT: i32 = 75;
        let v6 = address.and_then(Address::ip).is_some_and(|ip| ip.is_ipv6());
        let mut options = Vec::new();
        for (field, v4_name, v6_name) in
            [("freebind", IP_FREEBIND, IPV6_FREEBIND), ("transparent", IP_TRANSPARENT, IPV6_TRANSPARENT)]
        {
            if let Some(on) = message.bool_value(field) {
                let (level, name) = if v6 { (IPPROTO_IPV6, v6_name) } else { (IPPROTO_IP, v4_name) };
                let value = i32::from(on).to_ne_bytes().to_vec();
                options.push(SocketOption { level, name, value, state: SocketState::Prebind });
            }
        }
        options
    }

    /// `tcp_keepalive` as socket options: connections inherit them from the socket that takes them (tcp(7)).
    fn listener_keepalive(&self, message: &Message<'_>) -> Vec<SocketOption> {
        const SOL_SOCKET: i32 = 1;
        const SO_KEEPALIVE: i32 = 9;
        const IPPROTO_TCP: i32 = 6;
        const TCP_KEEPIDLE: i32 = 4;
        const TCP_KEEPINTVL: i32 = 5;
        const TCP_KEEPCNT: i32 = 6;
        let Some(keepalive) = self.keepalive(message, "tcp_keepalive") else { return Vec::new() };
        let option = |level, name, value: u32| SocketOption {
            level,
            name,
            value: value.to_ne_bytes().to_vec(),
            state: SocketState::Prebind,
        };
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let mut options = vec![option(SOL_SOCKET, SO_KEEPALIVE, 1)];
        options.extend(keepalive.probes.map(|probes| option(IPPROTO_TCP, TCP_KEEPCNT, probes)));
        options.extend(keepalive.time.map(|time| option(IPPROTO_TCP, TCP_KEEPIDLE, seconds(time))));
        options.extend(keepalive.interval.map(|time| option(IPPROTO_TCP, TCP_KEEPINTVL, seconds(time))));
        options
    }
}

/// Whether a listener takes datagrams.
fn is_udp(listener: &Message<'_>) -> bool {
    let socket = listener.message("address").and_then(|address| address.message("socket_address"));
    socket.is_some_and(|socket| socket.choice("protocol") == "UDP")
}
