//! Listeners.

use std::sync::Arc;
use std::time::Duration;

use crate::{AccessLog, Address, FilterChain, ListenerFilter, Metadata, SourcePosition};

/// `config.listener.v3.Listener`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name; its address where none was given.
    pub name: Arc<str>,
    /// `address` and `additional_addresses`; at least one.
    pub addresses: Vec<Address>,
    /// The name in statistics (`stat_prefix`); the address unless set.
    pub stat_name: Arc<str>,
    /// `filter_chains`; no two of them fit the same connections in the same way.
    pub filter_chains: Vec<Arc<FilterChain>>,
    /// For connections that none of them fits (`default_filter_chain`), whatever its own conditions.
    pub default_filter_chain: Option<Arc<FilterChain>>,
    /// What looks at a connection before a filter chain is chosen (`listener_filters`), in order.
    pub listener_filters: Vec<ListenerFilter>,
    /// A connection whose local address they changed goes to the listener of that address, where there is one
    /// (`use_original_dst`); they end with [`crate::ListenerFilterKind::OriginalDst`] then.
    pub use_original_dst: bool,
    /// How long they may take (`listener_filters_timeout`); 15 s unless set, any time where it is none.
    pub listener_filters_timeout: Option<Duration>,
    /// A connection for which they take longer goes on as it is (`continue_on_listener_filters_timeout`); else
    /// it is closed.
    pub continue_on_listener_filters_timeout: bool,
    /// Bytes of a body that are read from a client at once, and so held until the back-end takes them
    /// (`per_connection_buffer_limit_bytes`); rounded up to one of the sizes that buffers have. 1 MiB unless
    /// set, which is more than they ever have, and so is 0.
    pub per_connection_buffer_limit_bytes: u32,
    /// Length of the kernel's queue of connections (`tcp_backlog_size`); the system's maximum unless set.
    pub tcp_backlog_size: Option<u32>,
    /// Connections taken from the kernel's queue at one go
    /// (`max_connections_to_accept_per_socket_event`).
    pub max_connections_to_accept_per_socket_event: Option<u32>,
    /// Whether each worker has a socket of its own (`enable_reuse_port`, true unless set).
    pub enable_reuse_port: bool,
    /// Whether the port is bound at all (`bind_to_port`, true unless set).
    pub bind_to_port: bool,
    /// IPv6 sockets take IPv4 connections too (`ipv4_compat`).
    pub ipv4_compat: bool,
    /// Length of the queue of TCP Fast Open requests (`tcp_fast_open_queue_length`).
    pub tcp_fast_open_queue_length: Option<u32>,
    /// Connections that may be open at once (the runtime key
    /// `envoy.resource_limits.listener.<name>.connection_limit`).
    pub connection_limit: Option<u64>,
    /// Its connections count as none of those that the process may have (`ignore_global_conn_limit`).
    pub ignore_global_conn_limit: bool,
    /// The overload manager has nothing to say about it (`bypass_overload_manager`).
    pub bypass_overload_manager: bool,
    /// Each connection goes to the worker that has the fewest of them (`connection_balance_config.exact_balance`),
    /// and not to the one that took it.
    pub exact_balance: bool,
    /// Further socket options.
    pub socket_options: Vec<SocketOption>,
    /// What the traffic is; only `/drain_listeners?inboundonly` asks.
    pub traffic_direction: TrafficDirection,
    /// Its connections go on when the process says that it is not to be used (`drain_type`).
    pub drain_type: DrainType,
    /// Logs of connections (`access_log`).
    pub access_logs: Vec<AccessLog>,
    /// `metadata`.
    pub metadata: Metadata,
}

impl Listener {
    /// All filter chains, the default one last.
    pub fn chains(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        self.filter_chains.iter().chain(&self.default_filter_chain)
    }
}

/// `config.core.v3.SocketOption`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketOption {
    /// Level, as for `setsockopt`.
    pub level: i32,
    /// Name, as for `setsockopt`.
    pub name: i32,
    /// Value; an integer is in the machine's byte order.
    pub value: Vec<u8>,
    /// When it is set.
    pub state: SocketState,
}

/// `SocketOption.SocketState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// Before binding.
    Prebind,
    /// After binding.
    Bound,
    /// After listening began.
    Listening,
}

/// `Listener.DrainType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DrainType {
    /// Connections end when the listener changes or goes, and on `/healthcheck/fail`.
    #[default]
    Default,
    /// `/healthcheck/fail` changes nothing.
    ModifyOnly,
}

/// `config.core.v3.TrafficDirection`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrafficDirection {
    /// Not said.
    #[default]
    Unspecified,
    /// From outside.
    Inbound,
    /// To the outside.
    Outbound,
}
