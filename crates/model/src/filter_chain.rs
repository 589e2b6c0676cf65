//! Filter chains: which connections they are for, and what happens with those.

use std::sync::Arc;
use std::time::Duration;

use crate::{
    CidrRange, DownstreamTls, HttpConnectionManager, Metadata, NetworkGate, SourcePosition, TcpProxy,
};

/// `config.listener.v3.FilterChain`.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterChain {
    /// Where it is written.
    pub position: SourcePosition,
    /// Its name, which may be empty.
    pub name: Arc<str>,
    /// Its metadata, for logs.
    pub metadata: Metadata,
    /// Which connections it is for.
    pub matcher: FilterChainMatch,
    /// What the bytes of its connections are wrapped in (`transport_socket`).
    pub transport_socket: DownstreamSocket,
    /// How long the handshake of the transport socket may take (`transport_socket_connect_timeout`); 10 s unless
    /// set, any time where it is zero.
    pub transport_socket_connect_timeout: Option<Duration>,
    /// Network filters that connections have to pass before, in their order.
    pub gates: Vec<NetworkGate>,
    /// What its connections are for.
    pub filter: NetworkFilter,
}

/// The transport socket towards clients.
#[derive(Debug, Clone, PartialEq)]
pub enum DownstreamSocket {
    /// Bytes as they are (`RawBuffer`).
    RawBuffer,
    /// TLS (`DownstreamTlsContext`).
    Tls(Arc<DownstreamTls>),
}

/// The network filter that ends a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkFilter {
    /// None: such connections are closed at once.
    None,
    /// HTTP.
    HttpConnectionManager(Arc<HttpConnectionManager>),
    /// They are passed on as they are.
    TcpProxy(Arc<TcpProxy>),
    /// They get back what they send (`extensions.filters.network.echo.v3.Echo`).
    Echo,
    /// They are told this, and closed (`extensions.filters.network.direct_response.v3.Config`).
    DirectResponse(Arc<[u8]>),
}

/// `config.listener.v3.FilterChainMatch`: a connection has to meet each condition; a list that is empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterChainMatch {
    /// Port that the client connected to.
    pub destination_port: Option<u16>,
    /// Where it connected to.
    pub prefix_ranges: Vec<CidrRange>,
    /// Names that the client asks for, in lower case: `www.test`, or `.test` for all names that end so.
    pub server_names: Vec<Box<str>>,
    /// `raw_buffer` or `tls`, as listener filters have found out; any where it is empty.
    pub transport_protocol: Box<str>,
    /// Protocols that the client speaks, as listener filters have found out.
    pub application_protocols: Vec<Box<str>>,
    /// The machine that is connected, whatever the PROXY protocol says (`direct_source_prefix_ranges`).
    pub direct_source_prefix_ranges: Vec<CidrRange>,
    /// Whether the client is on this machine.
    pub source_type: SourceType,
    /// Where the client is.
    pub source_prefix_ranges: Vec<CidrRange>,
    /// The client's port.
    pub source_ports: Vec<u16>,
}

/// `FilterChainMatch.ConnectionSourceType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceType {
    /// Anywhere.
    #[default]
    Any,
    /// The address is the one that the client connected to, or of the loopback interface.
    SameIpOrLoopback,
    /// Any other.
    External,
}

impl FilterChainMatch {
    /// Whether connections may fit both of two conditions equally well, so that it would be open which is meant:
    /// they have something in common in every respect.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.destination_port == other.destination_port
            && in_common(&self.prefix_ranges, &other.prefix_ranges)
            && texts_in_common(&self.server_names, &other.server_names)
            && self.transport_protocol == other.transport_protocol
            && texts_in_common(&self.application_protocols, &other.application_protocols)
            && in_common(&self.direct_source_prefix_ranges, &other.direct_source_prefix_ranges)
            && self.source_type == other.source_type
            && in_common(&self.source_prefix_ranges, &other.source_prefix_ranges)
            && in_common(&self.source_ports, &other.source_ports)
    }

    /// Whether a list names something twice.
    #[must_use]
    pub fn repeats_itself(&self) -> bool {
        repeats(&self.prefix_ranges)
            || repeats(&self.server_names)
            || repeats(&self.application_protocols)
            || repeats(&self.direct_source_prefix_ranges)
            || repeats(&self.source_prefix_ranges)
            || repeats(&self.source_ports)
    }

    /// Whether it asks what only the TLS inspector finds out.
    #[must_use]
    pub fn needs_tls_inspector(&self) -> bool {
        match &*self.transport_protocol {
            "" => self.server_names.iter().any(|name| !name.is_empty()),
            protocol => protocol == "tls",
        }
    }
}

/// Two conditions on one thing have something in common: both are none, or name the same.
fn in_common<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    if one.is_empty() { other.is_empty() } else { one.iter().any(|item| other.contains(item)) }
}

/// The same for texts, of which an empty one stands for any as well.
fn texts_in_common(one: &[Box<str>], other: &[Box<str>]) -> bool {
    let any = |texts: &[Box<str>]| texts.is_empty() || texts.iter().any(|text| text.is_empty());
    any(one) && any(other) || one.iter().any(|text| !text.is_empty() && other.contains(text))
}

fn repeats<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(at, item)| items.iter().take(at).any(|before| before == item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> FilterChainMatch {
        let server_names = names.iter().map(|name| (*name).into()).collect();
        FilterChainMatch { server_names, ..FilterChainMatch::default() }
    }

    #[test]
    fn conditions_overlap_where_they_have_something_in_common_in_every_respect() {
        assert!(names(&[]).overlaps(&names(&[])));
        assert!(names(&["a", "b"]).overlaps(&names(&["b", "c"])));
        assert!(!names(&["a"]).overlaps(&names(&[])), "the one that says more is meant");
        let port = FilterChainMatch { destination_port: Some(1), ..names(&["a"]) };
        assert!(!port.overlaps(&names(&["a"])));
    }

    #[test]
    fn ranges_are_the_same_whatever_stands_behind_their_prefix() {
        let range = |text: &str| FilterChainMatch {
            prefix_ranges: vec![CidrRange::new(text.parse().unwrap(), 8)],
            ..FilterChainMatch::default()
        };
        assert!(range("10.0.0.1").overlaps(&range("10.9.9.9")));
        assert!(!range("10.0.0.1").overlaps(&range("11.0.0.1")));
    }

    #[test]
    fn the_tls_inspector_is_needed_where_the_transport_is_open() {
        assert!(names(&["a"]).needs_tls_inspector());
        assert!(!names(&[]).needs_tls_inspector());
        let raw = FilterChainMatch { transport_protocol: "raw_buffer".into(), ..names(&["a"]) };
        assert!(!raw.needs_tls_inspector());
    }
}
