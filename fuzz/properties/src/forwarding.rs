//! `x-forwarded-for` and authorities, against a reading of their texts as texts.

use std::net::IpAddr;

use causeway_http::{authority, forwarding};

/// A value of `x-forwarded-for` or of `host`; both may be anything.
pub fn forwarding(data: &[u8]) {
    addresses(data);
    host(data);
}

fn addresses(value: &[u8]) {
    // Bytes above ASCII are no part of an address, wherever they stand.
    let text: String =
        value.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' }).collect();
    let mut expected: Vec<Option<IpAddr>> = text.split(',').map(|part| address(part.trim_ascii())).collect();
    expected.reverse();
    assert_eq!(forwarding::addresses_from_right(value).collect::<Vec<_>>(), expected);
    for (hops, address) in expected.iter().enumerate() {
        assert_eq!(forwarding::address_from_right(value, hops), *address, "{hops}");
    }
    for beyond in [expected.len(), expected.len() + 1, usize::MAX] {
        assert_eq!(forwarding::address_from_right(value, beyond), None);
    }
}

/// An address as it is usually written: no port, no zone, no brackets, no octal numbers.
fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let ip4 = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let ip6 = text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
    assert!(if address.is_ipv4() { ip4 } else { ip6 }, "{text} is an address");
    Some(address)
}

fn host(value: &[u8]) {
    let without = authority::without_port(value);
    match authority::port(value) {
        Some((colon, number)) => {
            assert_eq!((without, value.get(colon)), (&value[..colon], Some(&b':')));
            let digits = String::from_utf8_lossy(&value[colon + 1..]).into_owned();
            assert_eq!(digits.parse(), Ok(number));
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
        }
        None => assert_eq!(without, value),
    }
    // The colons of an address in brackets are not the one in front of a port.
    if let Some(end) = value.iter().rposition(|byte| *byte == b']').filter(|_| value.starts_with(b"[")) {
        assert!(without.len() > end, "{}", value.escape_ascii());
    }
    if let Some(shorter) = authority::without_trailing_dot(value) {
        // One dot, at the end or in front of a colon, behind which there is no other.
        let same = shorter.iter().zip(value).take_while(|(short, long)| short == long).count();
        assert_eq!([&shorter[..same], b".", &shorter[same..]].concat(), value);
        assert!(!shorter[same..].contains(&b'.') && matches!(shorter.get(same), None | Some(b':')));
    }
    if authority::is_valid(value) {
        let ends_one = |byte: &u8| !byte.is_ascii_graphic() || b"/?#\\\"<>^`{|}".contains(byte);
        assert!(!value.iter().any(ends_one), "{}", value.escape_ascii());
        assert!(authority::is_valid(without));
    }
}
