//! PROXY headers: however they arrive, and beside two other implementations.

use std::net::SocketAddr;

use causeway_inspect::proxy::{Addresses, Detected, Parsed, Version, detect, parse, write_v1, write_v2};

/// A header says the same in whatever pieces it arrives; what is taken, others take with the same addresses; and
/// written again it says the same.
pub fn proxy_header(data: &[u8]) {
    let among = [Version::V1, Version::V2];
    let Detected::Header(version) = detect(data, &among) else { return };
    let whole = parse(data, version);
    let Ok(Parsed::Complete(header)) = whole else {
        for end in 0..data.len() {
            let part = data.get(..end).unwrap_or_default();
            if detect(part, &among) == Detected::Header(version) {
                let complete = matches!(parse(part, version), Ok(Parsed::Complete(_)));
                assert!(!complete, "complete before its end: {}", part.escape_ascii());
            }
        }
        return;
    };
    assert!(header.length <= data.len());
    let own = data.get(..header.length).unwrap_or_default();
    for end in 0..own.len() {
        let part = own.get(..end).unwrap_or_default();
        match detect(part, &among) {
            Detected::NeedMore => {}
            Detected::Header(_) => match parse(part, version) {
                Ok(Parsed::NeedMore(wanted)) => assert!(wanted > end && wanted <= own.len()),
                other => panic!("{other:?} of {}", part.escape_ascii()),
            },
            Detected::Nothing => panic!("no header any more: {}", part.escape_ascii()),
        }
    }
    let Some(addresses) = header.addresses else { return };
    assert_eq!(by_ppp(own), Some(addresses), "ppp: {}", own.escape_ascii());
    assert_eq!(by_proxy_header(own), Some((addresses, own.len())), "proxy-header: {}", own.escape_ascii());
    let mut written = Vec::new();
    match version {
        Version::V1 => write_v1(&mut written, &addresses),
        Version::V2 => {
            // It fits where it was read from.
            let _ = write_v2(&mut written, Some(&addresses), header.tlvs, false);
        }
    }
    let Ok(Parsed::Complete(again)) = parse(&written, version) else {
        panic!("what is written is no header: {}", written.escape_ascii())
    };
    assert_eq!(again.addresses, Some(addresses));
}

fn pair(source: impl Into<SocketAddr>, destination: impl Into<SocketAddr>) -> Addresses {
    Addresses { source: source.into(), destination: destination.into() }
}

fn by_ppp(bytes: &[u8]) -> Option<Addresses> {
    use ppp::{HeaderResult, v1, v2};
    match HeaderResult::parse(bytes) {
        HeaderResult::V1(header) => match header.ok()?.addresses {
            v1::Addresses::Tcp4(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            v1::Addresses::Tcp6(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            v1::Addresses::Unknown => None,
        },
        HeaderResult::V2(header) => match header.ok()?.addresses {
            v2::Addresses::IPv4(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            v2::Addresses::IPv6(ip) => {
                Some(pair((ip.source_address, ip.source_port), (ip.destination_address, ip.destination_port)))
            }
            _ => None,
        },
    }
}

/// It reads the TLVs as well, of which those about TLS have to be text: they are left to the other one.
fn by_proxy_header(bytes: &[u8]) -> Option<(Addresses, usize)> {
    let config = proxy_header::ParseConfig { include_tlvs: false, ..Default::default() };
    let (header, length) = proxy_header::ProxyHeader::parse(bytes, config).ok()?;
    let address = header.proxied_address()?;
    Some((pair(address.source, address.destination), length))
}
