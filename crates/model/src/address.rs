//! Addresses to listen on and to connect to, and ranges of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An address a socket can be bound or connected to (`config.core.v3.Address`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4 or IPv6 with a port.
    Ip(SocketAddr),
    /// A Unix stream socket; a path that begins with `@` is in the abstract namespace.
    Pipe {
        /// Path of the socket.
        path: Arc<str>,
        /// Permission bits set on the socket after binding; 0 leaves them as the umask gives them.
        mode: u32,
    },
}

impl Address {
    /// The IP address, where there is one.
    #[must_use]
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            Self::Pipe { .. } => None,
        }
    }

    /// As the names of Envoy's listener statistics have it: `:` becomes `_`.
    #[must_use]
    pub fn stat_name(&self) -> String {
        self.to_string().replace(':', "_")
    }
}

/// As Envoy prints addresses: `10.0.0.1:80`, `[::1]:80`, or the path.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => fmt::Display::fmt(addr, f),
            Self::Pipe { path, .. } => f.write_str(path),
        }
    }
}

/// Where an endpoint of a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointAddress {
    /// An address that can be used as it is.
    Resolved(Address),
    /// A host name that has to be looked up (`socket_address.address` of a DNS cluster).
    Name {
        /// The name, without a trailing dot unless one was written.
        host: Arc<str>,
        /// The port, 0–65535.
        port: u16,
    },
}

/// A range of IP addresses (`config.core.v3.CidrRange`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CidrRange {
    prefix: IpAddr,
    len: u8,
}

impl CidrRange {
    /// The range of all addresses that share the first `len` bits with `prefix`; a length beyond the
    /// address is cut to it. Bits behind the prefix are ignored.
    #[must_use]
    pub fn new(prefix: IpAddr, len: u8) -> Self {
        match prefix {
            IpAddr::V4(ip) => {
                let len = len.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
                Self { prefix: IpAddr::V4((u32::from(ip) & mask).into()), len }
            }
            IpAddr::V6(ip) => {
                let len = len.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
                Self { prefix: IpAddr::V6((u128::from(ip) & mask).into()), len }
            }
        }
    }

    /// How many bits the addresses share: the more, the narrower the range.
    #[must_use]
    pub const fn prefix_len(&self) -> u8 {
        self.len
    }

    /// Whether the address lies in the range. An IPv4 address never lies in an IPv6 range.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.prefix, ip) {
            (IpAddr::V4(prefix), IpAddr::V4(ip)) => {
                let differing = u32::from(prefix) ^ u32::from(ip);
                self.len == 0 || differing >> (32 - u32::from(self.len)) == 0
            }
            (IpAddr::V6(prefix), IpAddr::V6(ip)) => {
                let differing = u128::from(prefix) ^ u128::from(ip);
                self.len == 0 || differing >> (128 - u32::from(self.len)) == 0
            }
            _ => false,
        }
    }
}

/// As it is written: `10.0.0.0/8`.
impl fmt::Display for CidrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.prefix, self.len)
    }
}

/// Several ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CidrSet(pub Vec<CidrRange>);

impl CidrSet {
    /// Whether the address lies in any of the ranges.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_compare_their_prefix_only() {
        let range = CidrRange::new("10.1.2.3".parse().unwrap(), 8);
        assert!(range.contains("10.255.0.1".parse().unwrap()));
        assert!(!range.contains("11.0.0.1".parse().unwrap()));
        assert!(!range.contains("::1".parse().unwrap()));
        assert!(CidrRange::new("::".parse().unwrap(), 0).contains("fe80::1".parse().unwrap()));
        assert!(CidrRange::new("1.2.3.4".parse().unwrap(), 99).contains("1.2.3.4".parse().unwrap()));
    }
}
