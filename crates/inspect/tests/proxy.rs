//! PROXY headers: what is written is read, and what two other implementations say of the same bytes.

use std::net::{IpAddr, SocketAddr};

use causeway_inspect::proxy::{
    Addresses, Detected, Fault, Parsed, Tlv, Version, detect, parse, tlv, write_v1, write_v1_unknown,
    write_v2,
};
use proptest::collection::vec;
use proptest::prelude::*;

const BOTH: &[Version] = &[Version::V1, Version::V2];

/// The address of a host.
fn address(v6: bool) -> BoxedStrategy<SocketAddr> {
    let is_host = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
    };
    let ip = if v6 {
        any::<[u8; 16]>().prop_map(IpAddr::from).boxed()
    } else {
        any::<[u8; 4]>().prop_map(IpAddr::from).boxed()
    };
    (ip.prop_filter("a host", is_host), any::<u16>()).prop_map(SocketAddr::from).boxed()
}

fn addresses() -> impl Strategy<Value = Addresses> {
    any::<bool>()
        .prop_flat_map(|v6| (address(v6), address(v6)))
        .prop_map(|(source, destination)| Addresses { source, destination })
}

fn tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = any::<u8>().prop_filter("no checksum", |kind| *kind != tlv::CRC32C);
    vec((kind, vec(any::<u8>(), 0..40)), 0..6)
}

fn read(bytes: &[u8]) -> Result<Parsed<'_>, Fault> {
    match detect(bytes, BOTH) {
        Detected::Header(version) => parse(bytes, version),
        Detected::NeedMore => Ok(Parsed::NeedMore(bytes.len() + 1)),
        Detected::Nothing => panic!("no header"),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(addresses in addresses(), tlvs in tlvs(), sum in any::<bool>(), behind in vec(any::<u8>(), 0..20)) {
        let mut v1 = Vec::new();
        write_v1(&mut v1, &addresses);
        prop_assert!(v1.len() <= 107);
        let mut v2 = Vec::new();
        let said = tlvs.iter().map(|(kind, value)| Tlv { kind: *kind, value });
        write_v2(&mut v2, Some(&addresses), said.clone(), sum).unwrap();
        for (written, with_tlvs) in [(v1, false), (v2, true)] {
            let bytes = [written.clone(), behind.clone()].concat();
            let Ok(Parsed::Complete(header)) = read(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(header.length, written.len());
            prop_assert_eq!(header.addresses, Some(addresses));
            let found: Vec<_> = header.tlvs.filter(|tlv| tlv.kind != tlv::CRC32C).collect();
            let wanted: Vec<_> = if with_tlvs { said.clone().collect() } else { Vec::new() };
            prop_assert_eq!(found, wanted);
            for end in 0..written.len() {
                let part = read(&written[..end]);
                let waits = matches!(part, Ok(Parsed::NeedMore(wanted)) if wanted > end && wanted <= written.len());
                prop_assert!(waits, "{:?} of {:?}", part, &written[..end]);
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_passes_a_checksum(addresses in addresses(), tlvs in tlvs(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = Vec::new();
        let said = tlvs.iter().map(|(kind, value)| Tlv { kind: *kind, value });
        write_v2(&mut bytes, Some(&addresses), said, true).unwrap();
        // Behind the signature: what decides whether there is a checksum is left alone.
        let addresses = if addresses.source.is_ipv4() { 12 } else { 36 };
        let at = 16 + at.index(addresses);
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn whatever_is_taken_others_take_as_well(bytes in hostile()) {
        let Detected::Header(version) = detect(&bytes, BOTH) else { return Ok(()) };
        let Ok(Parsed::Complete(header)) = parse(&bytes, version) else { return Ok(()) };
        let Some(ours) = header.addresses else { return Ok(()) };
        let whole = &bytes[..header.length];
        prop_assert_eq!(by_ppp(whole), Some(ours), "ppp");
        prop_assert_eq!(by_proxy_header(whole), Some((ours, header.length)), "proxy-header");
    }

    #[test]
    fn nothing_panics(bytes in vec(any::<u8>(), 0..200)) {
        for version in BOTH {
            let _ = parse(&[version_signature(*version), &bytes].concat(), *version);
        }
    }
}

fn version_signature(version: Version) -> &'static [u8] {
    match version {
        Version::V1 => b"PROXY ",
        Version::V2 => b"\r\n\r\n\0\r\nQUIT\n",
    }
}

/// Headers with some bytes changed.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (addresses(), tlvs(), any::<[bool; 2]>(), vec(change, 0..3)).prop_map(
        |(addresses, tlvs, [v1, sum], changes)| {
            let mut bytes = Vec::new();
            if v1 {
                write_v1(&mut bytes, &addresses);
            } else {
                let said = tlvs.iter().map(|(kind, value)| Tlv { kind: *kind, value });
                write_v2(&mut bytes, Some(&addresses), said, sum).expect("it is short");
            }
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.extend(b"GET / HTTP/1.1\r\n\r\n");
            bytes
        },
    )
}

fn by_ppp(bytes: &[u8]) -> Option<Addresses> {
    match ppp::HeaderResult::parse(bytes) {
        ppp::HeaderResult::V1(header) => match header.ok()?.addresses {
            ppp::v1::Addresses::Tcp4(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            ppp::v1::Addresses::Tcp6(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            ppp::v1::Addresses::Unknown => None,
        },
        ppp::HeaderResult::V2(header) => match header.ok()?.addresses {
            ppp::v2::Addresses::IPv4(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            ppp::v2::Addresses::IPv6(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            _ => None,
        },
    }
}

fn pair(source: impl Into<SocketAddr>, destination: impl Into<SocketAddr>) -> Addresses {
    Addresses { source: source.into(), destination: destination.into() }
}

fn by_proxy_header(bytes: &[u8]) -> Option<(Addresses, usize)> {
    let (header, length) =
        proxy_header::ProxyHeader::parse(bytes, proxy_header::ParseConfig::default()).ok()?;
    let address = header.proxied_address()?;
    Some((pair(address.source, address.destination), length))
}

#[test]
fn a_header_that_says_nothing() {
    let mut bytes = Vec::new();
    write_v1_unknown(&mut bytes);
    assert!(matches!(read(&bytes), Ok(Parsed::Complete(header)) if header.addresses.is_none()));
    bytes.clear();
    write_v2(&mut bytes, None, [], true).unwrap();
    assert!(matches!(read(&bytes), Ok(Parsed::Complete(header)) if header.addresses.is_none()));
}

#[test]
fn ends_of_two_families_become_one() {
    let mixed = pair(([1, 2, 3, 4], 1), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 2));
    for v2 in [false, true] {
        let mut bytes = Vec::new();
        if v2 {
            write_v2(&mut bytes, Some(&mixed), [], false).unwrap();
        } else {
            write_v1(&mut bytes, &mixed);
        }
        let Ok(Parsed::Complete(header)) = read(&bytes) else { panic!("{bytes:?}") };
        let addresses = header.addresses.unwrap();
        assert_eq!(addresses.source, "[::ffff:1.2.3.4]:1".parse().unwrap());
        assert_eq!(addresses.destination, mixed.destination);
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let value = vec![0; 40_000];
    let mut bytes = b"before".to_vec();
    let twice = [Tlv { kind: 0xe0, value: &value }; 2];
    assert!(write_v2(&mut bytes, None, twice, true).is_err());
    assert_eq!(bytes, b"before");
}
