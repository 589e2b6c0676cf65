//! Listener filters: what looks at a connection before its filter chain is chosen.

use crate::PassThroughTlvs;

/// `config.listener.v3.ListenerFilter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerFilter {
    /// Connections that it does not look at (`filter_disabled`).
    pub disabled: Option<ConnectionPredicate>,
    /// What it does.
    pub kind: ListenerFilterKind,
}

/// `config.listener.v3.ListenerFilterChainMatchPredicate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionPredicate {
    /// Every connection (`any_match`).
    Any,
    /// All but these (`not_match`).
    Not(Box<Self>),
    /// Those that all of these fit (`and_match`).
    And(Vec<Self>),
    /// Those that one of these fits (`or_match`).
    Or(Vec<Self>),
    /// Those to a port from `start` on and below `end` (`destination_port_range`).
    DestinationPort {
        /// The first port.
        start: i32,
        /// The one behind the last.
        end: i32,
    },
}

impl ConnectionPredicate {
    /// Whether it fits a connection to this port; a Unix socket has none, and is to no port.
    #[must_use]
    pub fn fits(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Not(inner) => !inner.fits(port),
            Self::And(all) => all.iter().all(|inner| inner.fits(port)),
            Self::Or(any) => any.iter().any(|inner| inner.fits(port)),
            Self::DestinationPort { start, end } => {
                port.is_some_and(|port| (*start..*end).contains(&i32::from(port)))
            }
        }
    }
}

/// An extension of the category `envoy.filters.listener`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerFilterKind {
    /// `filters.listener.http_inspector.v3.HttpInspector`: which version of HTTP the client speaks, as its
    /// application protocol.
    HttpInspector,
    /// `filters.listener.tls_inspector.v3.TlsInspector`: whether the client speaks TLS, which name it asks for, and
    /// which protocols it speaks.
    TlsInspector(TlsInspector),
    /// `filters.listener.original_dst.v3.OriginalDst`: where the client connected to before a firewall of this machine
    /// sent it here.
    OriginalDst,
    /// `filters.listener.original_src.v3.OriginalSrc`: connections to back-ends come from the client's address.
    OriginalSrc(OriginalSrc),
    /// `filters.listener.proxy_protocol.v3.ProxyProtocol`: the client's address from a PROXY header.
    ProxyProtocol(ProxyProtocol),
}

/// `filters.listener.original_src.v3.OriginalSrc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginalSrc {
    /// Whether they come from the client's port too.
    pub bind_port: bool,
    /// The mark of their packets (`SO_MARK`), by which the answers are routed back; none where it is 0.
    pub mark: u32,
}

/// `filters.listener.tls_inspector.v3.TlsInspector`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInspector {
    /// Whether the client gets a JA3 fingerprint.
    pub enable_ja3_fingerprinting: bool,
    /// Whether it gets a JA4 fingerprint.
    pub enable_ja4_fingerprinting: bool,
    /// What does not begin with a ClientHello is closed; else it goes on without TLS.
    pub close_connection_on_client_hello_parsing_errors: bool,
    /// Most bytes of a ClientHello with its records; 16 KiB unless set. With more, the connection is closed.
    pub max_client_hello_size: u32,
}

impl Default for TlsInspector {
    fn default() -> Self {
        Self {
            enable_ja3_fingerprinting: false,
            enable_ja4_fingerprinting: false,
            close_connection_on_client_hello_parsing_errors: false,
            max_client_hello_size: 16 * 1024,
        }
    }
}

/// `filters.listener.proxy_protocol.v3.ProxyProtocol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// TLVs that something is made of (`rules`).
    pub rules: Vec<TlvRule>,
    /// What is made of them (`tlv_location`).
    pub tlv_location: TlvLocation,
    /// Connections without a header are taken as they are (`allow_requests_without_proxy_protocol`).
    pub allow_requests_without_proxy_protocol: bool,
    /// TLVs that are kept for connections to back-ends (`pass_through_tlvs`).
    pub pass_through_tlvs: PassThroughTlvs,
    /// Version 1 is taken: it is not among `disallowed_versions`.
    pub allow_v1: bool,
    /// Version 2 is.
    pub allow_v2: bool,
    /// A part of the names of its statistics (`stat_prefix`), without a dot; may be empty.
    pub stat_prefix: Box<str>,
}

/// The key of the object in the filter state that TLVs become with [`TlvLocation::FilterState`].
pub const PROXY_PROTOCOL_TLV: &str = "envoy.network.proxy_protocol.tlv";

/// `ProxyProtocol.TlvLocation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvLocation {
    /// Metadata of the connection.
    DynamicMetadata,
    /// One object of its filter state, [`PROXY_PROTOCOL_TLV`], with a field for each key.
    FilterState,
}

/// `ProxyProtocol.Rule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvRule {
    /// The type.
    pub tlv_type: u8,
    /// Where its value goes (`metadata_namespace`); of filter state there is but one.
    pub namespace: Box<str>,
    /// Under which key (`key`).
    pub key: Box<str>,
    /// In which form.
    pub encoding: TlvEncoding,
}

/// `ProxyProtocol.KeyValuePair.ValueStringEncoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvEncoding {
    /// As text; what is no UTF-8 becomes `!`.
    SanitizedUtf8,
    /// In base64.
    Base64,
}
