//! Writing headers.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::v2::HEAD;
use super::{Addresses, Tlv, V2_SIGNATURE, crc32c, tlv};

/// The TLVs are too many for a header: it can say a length of 65,535 bytes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderTooLong;

impl fmt::Display for HeaderTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PROXY header has no room for so many TLVs")
    }
}

impl std::error::Error for HeaderTooLong {}

/// Appends a header of version 1. Where one end has an IPv4 address and the other one of IPv6, the former is
/// written as the IPv6 address that stands for it (RFC 4291 §2.5.5.2).
pub fn write_v1(out: &mut Vec<u8>, addresses: &Addresses) {
    let Addresses { source, destination } = one_family(addresses);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    // Writing to a vector does not fail.
    let _ = write!(
        out,
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    );
}

/// Appends a header of version 1 that says nothing about the client.
pub fn write_v1_unknown(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PROXY UNKNOWN\r\n");
}

/// Appends a header of version 2: on behalf of a client, or, without addresses, of the proxy itself (`LOCAL`).
/// With `checksum` its last TLV is a CRC-32C of it; those among `tlvs` would be wrong and are left out.
///
/// # Errors
///
/// Where the TLVs do not fit. Then nothing is written.
pub fn write_v2<'a>(
    out: &mut Vec<u8>,
    addresses: Option<&Addresses>,
    tlvs: impl IntoIterator<Item = Tlv<'a>>,
    checksum: bool,
) -> Result<(), HeaderTooLong> {
    let start = out.len();
    let written = write_all(out, start, addresses, tlvs, checksum);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_all<'a>(
    out: &mut Vec<u8>,
    start: usize,
    addresses: Option<&Addresses>,
    tlvs: impl IntoIterator<Item = Tlv<'a>>,
    checksum: bool,
) -> Result<(), HeaderTooLong> {
    out.extend_from_slice(V2_SIGNATURE);
    let addresses = addresses.map(one_family);
    out.extend_from_slice(match addresses {
        None => &[0x20, 0x00],
        Some(addresses) if addresses.source.is_ipv4() => &[0x21, 0x11],
        Some(_) => &[0x21, 0x21],
    });
    out.extend_from_slice(&[0, 0]);
    if let Some(Addresses { source, destination }) = addresses {
        for ip in [source.ip(), destination.ip()] {
            match ip {
                IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
                IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
            }
        }
        out.extend_from_slice(&source.port().to_be_bytes());
        out.extend_from_slice(&destination.port().to_be_bytes());
    }
    for tlv in tlvs.into_iter().filter(|tlv| tlv.kind != tlv::CRC32C) {
        let length = u16::try_from(tlv.value.len()).map_err(|_| HeaderTooLong)?;
        out.push(tlv.kind);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(tlv.value);
    }
    if checksum {
        out.extend_from_slice(&[tlv::CRC32C, 0, 4, 0, 0, 0, 0]);
    }
    let length = u16::try_from(out.len() - start - HEAD).map_err(|_| HeaderTooLong)?;
    put(out, start + HEAD - 2, &length.to_be_bytes());
    if checksum {
        let sum = crc32c::of(&[out.get(start..).unwrap_or_default()]);
        let at = out.len() - 4;
        put(out, at, &sum.to_be_bytes());
    }
    Ok(())
}

/// Writes over bytes that are there.
fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn one_family(addresses: &Addresses) -> Addresses {
    let Addresses { source, destination } = *addresses;
    if source.is_ipv4() == destination.is_ipv4() {
        return *addresses;
    }
    let v6 = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    Addresses { source: v6(source), destination: v6(destination) }
}
