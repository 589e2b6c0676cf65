//! Version 2: binary (2.2).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{Addresses, Fault, Header, Parsed, V2_SIGNATURE, check, crc32c};

/// Signature, version and command, family and protocol, length of the rest.
pub(super) const HEAD: usize = 16;

/// Types of TLVs (2.2.1 and following).
pub mod tlv {
    /// The application protocol, as ALPN names it.
    pub const ALPN: u8 = 0x01;
    /// The name that the client asks for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// Filling.
    pub const NOOP: u8 = 0x04;
    /// An id of the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// About the client's TLS.
    pub const SSL: u8 = 0x20;
    /// The network namespace.
    pub const NETNS: u8 = 0x30;
}

/// One thing more that a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// What it is.
    pub kind: u8,
    /// What it says.
    pub value: &'a [u8],
}

/// The TLVs of a header, in order. They are known to be complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = split(self.0).ok()??;
        self.0 = rest;
        Some(tlv)
    }
}

/// The first TLV and what is behind it.
fn split(bytes: &[u8]) -> Result<Option<(Tlv<'_>, &[u8])>, Fault> {
    match bytes {
        [] => Ok(None),
        [kind, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, rest) = rest.split_at_checked(length).ok_or(Fault::Tlv(*kind))?;
            Ok(Some((Tlv { kind: *kind, value }, rest)))
        }
        _ => Err(Fault::TlvHead),
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Fault> {
    let Some(Some([version_and_command, protocol, high, low])) =
        bytes.get(V2_SIGNATURE.len()..).map(<[u8]>::first_chunk::<4>)
    else {
        return Ok(Parsed::NeedMore(HEAD));
    };
    if version_and_command >> 4 != 2 {
        return Err(Fault::Version(version_and_command >> 4));
    }
    let length = HEAD + usize::from(u16::from_be_bytes([*high, *low]));
    match version_and_command & 0xf {
        // What stands there has to be skipped, whatever it is.
        0 if bytes.len() < length => Ok(Parsed::NeedMore(length)),
        0 => Ok(Parsed::Complete(Header { length, addresses: None, tlvs: Tlvs::default() })),
        1 => behalf(bytes, length, *protocol),
        command => Err(Fault::Command(command)),
    }
}

/// A connection for somebody else. Faults that show before all of it has come are told at once.
fn behalf(bytes: &[u8], length: usize, protocol: u8) -> Result<Parsed<'_>, Fault> {
    // Unspecified ones and Unix sockets may be refused (2.2), and datagrams come over no TCP connection.
    let ip = match protocol {
        0x11 => 4,
        0x21 => 16,
        _ => return Err(Fault::Protocol(protocol)),
    };
    let (at_addresses, at_ports, at_tlvs) = (HEAD, HEAD + 2 * ip, HEAD + 2 * ip + 4);
    if length < at_tlvs {
        return Err(Fault::Short(length - HEAD));
    }
    let Some(header) = bytes.get(..length) else { return Ok(Parsed::NeedMore(length)) };
    let part = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
    let port = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    let end = |from: usize, at_port: usize| {
        check(SocketAddr::new(address(part(from, from + ip)), port(part(at_port, at_port + 2))))
    };
    let addresses = Addresses {
        source: end(at_addresses, at_ports)?,
        destination: end(at_addresses + ip, at_ports + 2)?,
    };
    let tlvs = part(at_tlvs, length);
    check_tlvs(header, tlvs)?;
    Ok(Parsed::Complete(Header { length, addresses: Some(addresses), tlvs: Tlvs(tlvs) }))
}

fn address(bytes: &[u8]) -> IpAddr {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(bytes), _) => IpAddr::V4(bytes.into()),
        (_, Ok(bytes)) => IpAddr::V6(bytes.into()),
        // It has one of these lengths.
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// All TLVs have to be complete, and a checksum has to be right (2.2.3).
fn check_tlvs(header: &[u8], tlvs: &[u8]) -> Result<(), Fault> {
    let mut checksum = None;
    let mut rest = tlvs;
    while let Some((tlv, behind)) = split(rest)? {
        if tlv.kind == tlv::CRC32C {
            let told = <[u8; 4]>::try_from(tlv.value).map_err(|_| Fault::ChecksumForm)?;
            let end = header.len() - behind.len();
            if checksum.replace((u32::from_be_bytes(told), end)).is_some() {
                return Err(Fault::ChecksumForm);
            }
        }
        rest = behind;
    }
    let Some((told, end)) = checksum else { return Ok(()) };
    // It is computed as if the checksum itself were zero.
    let (before, behind) = (header.get(..end - 4), header.get(end..));
    let found = crc32c::of(&[before.unwrap_or_default(), &[0; 4], behind.unwrap_or_default()]);
    if told == found { Ok(()) } else { Err(Fault::Checksum { told, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version_and_command: u8, protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([version_and_command, protocol]);
        header.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        header.extend(body);
        header
    }

    const V4: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187];

    fn v4(behind: &[u8]) -> Vec<u8> {
        header(0x21, 0x11, &[V4, behind].concat())
    }

    fn v6(first: u8) -> Vec<u8> {
        let mut body = [0; 36];
        (body[0], body[15], body[31], body[33], body[35]) = (first, 1, 2, 3, 4);
        header(0x21, 0x21, &body)
    }

    fn complete(bytes: &[u8]) -> Header<'_> {
        match parse(bytes) {
            Ok(Parsed::Complete(header)) => header,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_of_both_families() {
        let bytes = v4(b"");
        let addresses = complete(&bytes).addresses.unwrap();
        assert_eq!(addresses.source, "1.2.3.4:80".parse().unwrap());
        assert_eq!(addresses.destination, "5.6.7.8:443".parse().unwrap());
        let bytes = v6(0x20);
        let addresses = complete(&bytes).addresses.unwrap();
        assert_eq!(addresses.source, "[2000::1]:3".parse().unwrap());
        assert_eq!(addresses.destination, "[::2]:4".parse().unwrap());
    }

    #[test]
    fn a_connection_of_the_proxy_itself_says_nothing() {
        for body in [&b""[..], V4, b"xyz", b"\x02\x00\x01a"] {
            let bytes = header(0x20, 0x11, body);
            let header = complete(&bytes);
            assert_eq!((header.length, header.addresses), (bytes.len(), None));
            assert_eq!(header.tlvs.count(), 0);
        }
    }

    #[test]
    fn headers_that_are_none() {
        let short = |protocol, length| parse(&header(0x21, protocol, &vec![1; length])).unwrap_err();
        assert_eq!(parse(&header(0x11, 0x11, V4)), Err(Fault::Version(1)));
        assert_eq!(parse(&header(0x22, 0x11, V4)), Err(Fault::Command(2)));
        for protocol in [0x00, 0x01, 0x10, 0x12, 0x13, 0x22, 0x31, 0x32, 0x41, 0xf1] {
            assert_eq!(short(protocol, 216), Fault::Protocol(protocol));
        }
        assert_eq!(short(0x11, 0), Fault::Short(0));
        assert_eq!(short(0x11, 11), Fault::Short(11));
        assert_eq!(short(0x21, 35), Fault::Short(35));
        assert_eq!(parse(&v6(0xff)), Err(Fault::NoHost("ff00::1".parse().unwrap())));
        assert_eq!(parse(&header(0x21, 0x11, &[0; 12])), Err(Fault::NoHost("0.0.0.0".parse().unwrap())));
    }

    #[test]
    fn tlvs_have_to_be_complete() {
        let bytes = v4(b"\x02\x00\x03abc\xea\x00\x00");
        let tlvs: Vec<_> = complete(&bytes).tlvs.collect();
        assert_eq!(tlvs, [Tlv { kind: 2, value: b"abc" }, Tlv { kind: 0xea, value: b"" }]);
        assert_eq!(parse(&v4(b"\x02\x00")), Err(Fault::TlvHead));
        assert_eq!(parse(&v4(b"\x02\x00\x04abc")), Err(Fault::Tlv(2)));
    }

    #[test]
    fn a_checksum_has_to_be_right() {
        let mut bytes = v4(b"\x02\x00\x01a\x03\x00\x04\0\0\0\0\x04\x00\x01x");
        let Err(Fault::Checksum { told: 0, found }) = parse(&bytes) else { panic!("it is wrong") };
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&found.to_be_bytes());
        assert_eq!(complete(&bytes).tlvs.count(), 3);
        bytes[20] ^= 1;
        assert!(matches!(parse(&bytes), Err(Fault::Checksum { told, .. }) if told == found));
        assert_eq!(parse(&v4(b"\x03\x00\x03abc")), Err(Fault::ChecksumForm));
    }

    #[test]
    fn it_is_told_how_much_is_missing_and_what_is_wrong_at_once() {
        let bytes = v4(b"\x02\x00\x03abc");
        for end in 12..bytes.len() {
            let wanted = if end < HEAD { HEAD } else { bytes.len() };
            assert_eq!(parse(&bytes[..end]), Ok(Parsed::NeedMore(wanted)));
        }
        assert_eq!(parse(&header(0x21, 0x31, &[0; 216])[..16]), Err(Fault::Protocol(0x31)));
    }
}
