//! The PROXY protocol: what a proxy in front says about the client, in front of the client's first byte.
//!
//! The specification is HAProxy's `doc/proxy-protocol.txt`, cited here by section; version 1 is a line of text
//! (2.1), version 2 is binary (2.2). Both are found by their signatures. What the specification leaves open is
//! decided as Envoy decides it; what it forbids is refused, also where Envoy takes it.

mod crc32c;
mod fault;
mod v1;
mod v2;
mod write;

use std::net::{IpAddr, SocketAddr};

pub use fault::Fault;
pub use v2::{Tlv, Tlvs, tlv};
pub use write::{HeaderTooLong, write_v1, write_v1_unknown, write_v2};

/// How a header of version 1 begins.
pub const V1_SIGNATURE: &[u8] = b"PROXY ";
/// How a header of version 2 begins.
pub const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1 in bytes, its line end among them (2.1).
pub const V1_MAX: usize = 107;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What the first bytes of a connection look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    /// There are too few of them to tell.
    NeedMore,
    /// No header that is looked for.
    Nothing,
    /// A header of this version.
    Header(Version),
}

/// Looks for the signature of a header, of the versions in `among`.
#[must_use]
pub fn detect(bytes: &[u8], among: &[Version]) -> Detected {
    let mut may_be = false;
    for version in among {
        let signature = match version {
            Version::V1 => V1_SIGNATURE,
            Version::V2 => V2_SIGNATURE,
        };
        if bytes.starts_with(signature) {
            return Detected::Header(*version);
        }
        may_be |= signature.starts_with(bytes);
    }
    if may_be { Detected::NeedMore } else { Detected::Nothing }
}

/// What came of reading a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// It is not complete before there are this many bytes, and maybe not then.
    NeedMore(usize),
    /// It is complete.
    Complete(Header<'a>),
}

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its length in bytes; what the client sent is behind it.
    pub length: usize,
    /// Whom the connection is for; `None` where the addresses of the connection itself hold, because the proxy
    /// connected on its own account (`LOCAL`) or does not know (`UNKNOWN`).
    pub addresses: Option<Addresses>,
    /// What else it says; nothing where the proxy connected on its own account.
    pub tlvs: Tlvs<'a>,
}

/// The ends of the connection that the client made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// Reads the header that the bytes begin with, of a version that [`detect`] found.
///
/// # Errors
///
/// Where it is no valid header, or one for anything but a TCP connection.
pub fn parse(bytes: &[u8], version: Version) -> Result<Parsed<'_>, Fault> {
    match version {
        Version::V1 => v1::parse(bytes),
        Version::V2 => v2::parse(bytes),
    }
}

/// Whether a TCP connection can have this end.
fn check(address: SocketAddr) -> Result<SocketAddr, Fault> {
    let is_one_host = match address.ip() {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
    };
    if is_one_host { Ok(address) } else { Err(Fault::NoHost(address.ip())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Version] = &[Version::V1, Version::V2];

    #[test]
    fn a_header_is_found_by_its_signature() {
        assert_eq!(detect(b"", BOTH), Detected::NeedMore);
        assert_eq!(detect(b"PROXY", BOTH), Detected::NeedMore);
        assert_eq!(detect(b"PROXY\r", BOTH), Detected::Nothing);
        assert_eq!(detect(b"PROXY TCP4", BOTH), Detected::Header(Version::V1));
        assert_eq!(detect(b"\r\n\r\n", BOTH), Detected::NeedMore);
        assert_eq!(detect(b"\r\n\r\n\0\r\nQUIT\n", BOTH), Detected::Header(Version::V2));
        assert_eq!(detect(b"\r\n\r\nG", BOTH), Detected::Nothing);
        assert_eq!(detect(b"GET ", BOTH), Detected::Nothing);
    }

    #[test]
    fn a_version_that_is_not_looked_for_is_no_header() {
        assert_eq!(detect(b"PROXY TCP4", &[Version::V2]), Detected::Nothing);
        assert_eq!(detect(b"PRO", &[Version::V2]), Detected::Nothing);
    }
}
