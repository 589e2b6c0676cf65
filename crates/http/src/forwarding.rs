//! Fields that tell where a request came from, and fields that go no further than one connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::h1::ConnectionOptions;
use crate::{HeaderBlock, Known, KnownSet, h1};

/// The address in `x-forwarded-for` that is `hops` places from the right, and whether the chain ends
/// there. `None` where there are not that many, or the text is no address.
#[must_use]
pub fn address_from_right(value: &[u8], hops: usize) -> Option<IpAddr> {
    let mut rest = value;
    for _ in 0..hops {
        let comma = memchr::memrchr(b',', rest)?;
        rest = rest.get(..comma)?;
    }
    let start = memchr::memrchr(b',', rest).map_or(0, |comma| comma + 1);
    parse_address(rest.get(start..)?.trim_ascii())
}

/// The addresses of `x-forwarded-for` from the right; a text that is no address ends them with `None`.
pub fn addresses_from_right(value: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    value.rsplit(|byte| *byte == b',').map(|text| parse_address(text.trim_ascii()))
}

/// An address without a port. Brackets around IPv6 are not part of it in this header.
#[must_use]
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    // `Ipv6Addr` knows no zones, and neither does an address from elsewhere mean one of ours.
    text.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| text.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

/// Why a request's `Connection` is refused: it names a field that is not the client's to remove.
#[must_use]
pub fn names_protected_field(block: &HeaderBlock) -> bool {
    block.values(Known::Connection).flat_map(h1_tokens).any(|token| {
        matches!(
            Known::from_bytes(token),
            Some(Known::XForwardedFor | Known::XForwardedHost | Known::XForwardedProto)
        ) || token.first() == Some(&b':')
    })
}

/// Whether `Connection` names `Host`, which is then as good as not there.
#[must_use]
pub fn names_host(block: &HeaderBlock) -> bool {
    block.values(Known::Connection).flat_map(h1_tokens).any(|token| token.eq_ignore_ascii_case(b"host"))
}

/// Fields of one connection, in requests: what `Connection` names beside them stands there as well.
const OF_ONE_CONNECTION: KnownSet = KnownSet::of(&[
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::Http2Settings,
]);

/// Removes the fields that belong to the connection on which the request arrived (RFC 9110 §7.6.1). `TE:
/// trailers` stays, since it speaks of the whole way.
pub fn remove_hop_by_hop_request(block: &mut HeaderBlock, options: ConnectionOptions) {
    let keeps_trailers = speaks_of_trailers(block);
    remove_named_by_connection(block, options);
    block.remove_all(OF_ONE_CONNECTION);
    if keeps_trailers {
        block.set(Known::Te, b"trailers");
    } else {
        block.remove(Known::Te);
    }
}

/// Whether a field always belongs to one connection. `TE` does not where it says `trailers`.
#[must_use]
pub const fn is_hop_by_hop(name: Known) -> bool {
    matches!(
        name,
        Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::Http2Settings
    )
}

/// The same, in responses.
const OF_ONE_CONNECTION_BACK: KnownSet = KnownSet::of(&[
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::TransferEncoding,
    Known::Upgrade,
]);

/// What nobody but the proxy says of the connection on which the response goes on.
pub const OF_THE_NEXT_CONNECTION: KnownSet =
    KnownSet::of(&[Known::Connection, Known::ProxyConnection, Known::TransferEncoding, Known::Upgrade]);

/// Removes the fields that belong to the connection on which the response arrived.
pub fn remove_hop_by_hop_response(block: &mut HeaderBlock, options: ConnectionOptions) {
    remove_named_by_connection(block, options);
    block.remove_all(OF_ONE_CONNECTION_BACK);
}

/// The same of a request that asks for an upgrade, or of the answer that grants it: `Upgrade` and `Connection` go on, and so
/// do the fields that `Connection` names. Several lines of `Connection` become one, with commas.
pub fn remove_hop_by_hop_upgrade(block: &mut HeaderBlock) {
    let lines: Vec<&[u8]> = block.values(Known::Connection).collect();
    if lines.len() > 1 {
        let joined = lines.join(&b","[..]);
        block.set(Known::Connection, &joined);
    }
    let keeps_trailers = speaks_of_trailers(block);
    block.remove_all(OF_ONE_CONNECTION_UPGRADED);
    if !keeps_trailers {
        block.remove(Known::Te);
    }
}

/// What does not go on even then.
const OF_ONE_CONNECTION_UPGRADED: KnownSet =
    KnownSet::of(&[Known::KeepAlive, Known::ProxyConnection, Known::TransferEncoding, Known::Http2Settings]);

fn speaks_of_trailers(block: &HeaderBlock) -> bool {
    block.values(Known::Te).flat_map(h1_tokens).any(|token| token == b"trailers")
}

fn remove_named_by_connection(block: &mut HeaderBlock, options: ConnectionOptions) {
    if !options.names_fields {
        return;
    }
    let named: Vec<Vec<u8>> =
        block.values(Known::Connection).flat_map(h1_tokens).map(<[u8]>::to_vec).collect();
    for token in named {
        if let Ok(name) = std::str::from_utf8(&token)
            && !matches!(Known::from_bytes(&token), Some(known) if is_end_to_end(known))
        {
            block.remove(name);
        }
    }
}

/// Fields that frame or route the message stay, whatever `Connection` says of them.
const fn is_end_to_end(known: Known) -> bool {
    matches!(known, Known::Host | Known::ContentLength | Known::TransferEncoding | Known::Te)
}

fn h1_tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    h1::tokens(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fields: &[(&str, &str)]) -> (HeaderBlock, ConnectionOptions) {
        let mut block = HeaderBlock::new();
        let mut options = ConnectionOptions::default();
        for (name, value) in fields {
            block.append(*name, value.as_bytes());
            if name.eq_ignore_ascii_case("connection") {
                options.take(value.as_bytes());
            }
        }
        (block, options)
    }

    #[test]
    fn addresses_are_counted_from_the_right() {
        let value = b"junk, 1.1.1.1,2001:db8::1 , 3.3.3.3";
        let at = |hops| address_from_right(value, hops).map(|ip| ip.to_string());
        assert_eq!(at(0).as_deref(), Some("3.3.3.3"));
        assert_eq!(at(1).as_deref(), Some("2001:db8::1"));
        assert_eq!(at(3), None);
        assert_eq!(at(4), None);
        assert_eq!(addresses_from_right(value).count(), 4);
    }

    #[test]
    fn connection_fields_go_no_further() {
        let (mut fields, options) = block(&[
            ("host", "a"),
            ("Connection", "x-a, Keep-Alive, content-length"),
            ("X-A", "1"),
            ("Keep-Alive", "5"),
            ("TE", "gzip, trailers"),
            ("content-length", "3"),
        ]);
        remove_hop_by_hop_request(&mut fields, options);
        let left: Vec<_> = fields.iter().map(|field| format!("{field:?}")).collect();
        assert_eq!(left, ["host: a", "te: trailers", "content-length: 3"]);
    }

    #[test]
    fn an_upgrade_goes_further() {
        let (mut fields, _) = block(&[
            ("host", "a"),
            ("Connection", "keep-alive"),
            ("Upgrade", "websocket"),
            ("Keep-Alive", "5"),
            ("X-A", "1"),
            ("Connection", "Upgrade, X-A"),
        ]);
        remove_hop_by_hop_upgrade(&mut fields);
        let left: Vec<_> = fields.iter().map(|field| format!("{field:?}")).collect();
        assert_eq!(left, ["host: a", "connection: keep-alive,Upgrade, X-A", "upgrade: websocket", "X-A: 1"]);
    }

    #[test]
    fn trusted_fields_can_not_be_named() {
        assert!(names_protected_field(&block(&[("connection", "close, X-Forwarded-For")]).0));
        assert!(!names_protected_field(&block(&[("connection", "close, x-mine")]).0));
    }
}
