//! What is spoken below HTTP towards back-ends: `Cluster.transport_socket` and what chooses among several.

use std::sync::Arc;

use crate::{SourcePosition, UpstreamTls, Value};

/// `Cluster.transport_socket`: layers around the bytes, each only where it is configured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpstreamSocket {
    /// Sent before anything else, also before TLS.
    pub proxy_protocol: Option<Arc<ProxyProtocolUpstream>>,
    /// TLS.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// `Cluster.TransportSocketMatch`.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportSocketMatch {
    /// Its name, in statistics.
    pub name: Arc<str>,
    /// What the endpoint's metadata under `envoy.transport_socket_match` has to have; nothing fits all.
    pub criteria: Vec<(Box<str>, Value)>,
    /// What is spoken with the endpoints that fit.
    pub socket: UpstreamSocket,
}

/// `extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyProtocolUpstream {
    /// Where it is written.
    pub position: SourcePosition,
    /// What is sent.
    pub config: ProxyProtocolConfig,
    /// Whether the header of a client without an IP address is sent on its behalf, without addresses, rather than on
    /// that of the proxy (`allow_unspecified_address`).
    pub allow_unspecified_address: bool,
}

/// `config.core.v3.ProxyProtocolConfig`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProxyProtocolConfig {
    /// `version`.
    pub version: ProxyProtocolVersion,
    /// Which of the TLVs that the client's header had are sent on (`pass_through_tlvs`).
    pub pass_through_tlvs: PassThroughTlvs,
    /// TLVs that are sent in every header (`added_tlvs`).
    pub added_tlvs: Vec<TlvEntry>,
}

/// `ProxyProtocolConfig.Version`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxyProtocolVersion {
    /// A line of text.
    #[default]
    V1,
    /// Binary, with TLVs.
    V2,
}

/// `config.core.v3.ProxyProtocolPassThroughTLVs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PassThroughTlvs {
    /// None: it is not set.
    #[default]
    None,
    /// All (`INCLUDE_ALL`).
    All,
    /// Those of these types (`INCLUDE`).
    Only(Vec<u8>),
}

impl PassThroughTlvs {
    /// Whether a TLV of that type is passed.
    #[must_use]
    pub fn takes(&self, kind: u8) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

/// `config.core.v3.TlvEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvEntry {
    /// Its type.
    pub kind: u8,
    /// What it holds (`value`).
    pub value: Box<[u8]>,
}
