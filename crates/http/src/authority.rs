//! Authorities: `host`, `host:port`, `[::1]:port`.

/// Whether a `Host` value may be one (RFC 3986 §3.2, as Envoy reads it): no characters that end an
/// authority or that no URL holds. An empty one is valid (RFC 9110 §7.2).
#[must_use]
pub fn is_valid(authority: &[u8]) -> bool {
    authority.iter().all(|byte| IN_AUTHORITY.get(usize::from(*byte)).is_some_and(|valid| *valid))
}

/// Bytes that authorities are made of.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index fails the build")]
static IN_AUTHORITY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'@'
                    | b'['
                    | b']'
            );
        byte += 1;
    }
    table
};

/// Whether an authority is what an absolute URL may have: a host that is not empty, in brackets if it has colons, and
/// either no port or one of 0–65535.
#[must_use]
pub fn is_host_and_port(authority: &[u8]) -> bool {
    let (host, rest) = match authority {
        [b'[', inside @ ..] => match memchr::memchr(b']', inside) {
            Some(end) => (inside.get(..end), inside.get(end + 1..)),
            None => return false,
        },
        _ => {
            let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
            (authority.get(..end), authority.get(end..))
        }
    };
    let (host, rest) = (host.unwrap_or_default(), rest.unwrap_or_default());
    let port = match rest {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit) && port(rest).is_some_and(|(_, port)| port <= 65_535)
        }
        _ => false,
    };
    let host = match authority.first() {
        Some(b'[') => std::str::from_utf8(host).is_ok_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok()),
        _ => !host.is_empty(),
    };
    host && port && is_valid(authority)
}

/// Whether an authority is what CONNECT may ask for, as Envoy reads it: a name or address and a port of 0–65535. What
/// else authorities are made of, a name that can be connected to has not.
#[must_use]
pub fn is_connect_target(authority: &[u8]) -> bool {
    let Some((colon, number)) = port(authority) else { return false };
    let (host, digits) = (authority.get(..colon), authority.get(colon + 1..));
    let (host, digits) = (host.unwrap_or_default(), digits.unwrap_or_default());
    let is_host = match host {
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::IpAddr>().is_ok())
        }
        host => {
            !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
        }
    };
    is_host && number <= 65_535 && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// The number behind the last colon of an authority, and where that colon is. It is no port if it is above 65535, but
/// Envoy removes it as one.
#[must_use]
pub fn port(authority: &[u8]) -> Option<(usize, u32)> {
    let colon = memchr::memrchr(b':', authority)?;
    // The colons of an IPv6 address are inside brackets.
    if authority.first() == Some(&b'[') && memchr::memrchr(b']', authority)? > colon {
        return None;
    }
    let digits = authority.get(colon + 1..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(|port| (colon, port))
}

/// The authority without its port.
#[must_use]
pub fn without_port(authority: &[u8]) -> &[u8] {
    port(authority).and_then(|(colon, _)| authority.get(..colon)).unwrap_or(authority)
}

/// The authority without a dot at the end of its host; what follows its colon stays, also where it is no port. `None`
/// where there is no such dot.
#[must_use]
pub fn without_trailing_dot(authority: &[u8]) -> Option<Vec<u8>> {
    let dot = memchr::memrchr(b'.', authority)?;
    let rest = authority.get(dot + 1..)?;
    if !matches!(rest, [] | [b':', ..]) {
        return None;
    }
    Some([authority.get(..dot)?, rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_asks_for_a_host_and_a_port() {
        for target in
            ["a.test:443", "1.2.3.4:80", "[::1]:443", "[fe80::1.2.3.4]:80", "a..b:00443", "-:0", "a:65535"]
        {
            assert!(is_connect_target(target.as_bytes()), "{target}");
        }
        for target in [
            "a",
            "a:",
            ":443",
            "a:65536",
            "a:99999",
            "a:+1",
            "a:b:80",
            "[::1]",
            "[::1]:",
            "[x]:80",
            "[::1]x:80",
        ] {
            assert!(!is_connect_target(target.as_bytes()), "{target}");
        }
        for target in ["u@a:80", "%41:80", "a_b:80", "a!b:80", "a/b:80", "[::1%25lo]:80", "[]:80", "a:80/"] {
            assert!(!is_connect_target(target.as_bytes()), "{target}");
        }
    }

    #[test]
    fn ports() {
        for (authority, host, number) in [
            ("a", "a", None),
            ("a:80", "a", Some(80)),
            ("[::1]", "[::1]", None),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("a:", "a:", None),
            ("a:x", "a:x", None),
            ("a:99999", "a", Some(99_999)),
            ("a:9999999999", "a:9999999999", None),
        ] {
            assert_eq!(without_port(authority.as_bytes()), host.as_bytes());
            assert_eq!(port(authority.as_bytes()).map(|(_, port)| port), number, "{authority}");
        }
    }

    #[test]
    fn authorities_of_urls() {
        for good in ["a", "a:80", "a:000080", "a.test:0", "[::1]", "[::1]:65535", "127.0.0.1:1"] {
            assert!(is_host_and_port(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:x", "a:65536", "a:80:80", "::1", "[::1", "[]", "[x]", "[::1]x", "[::1]:",
            "a/b",
        ] {
            assert!(!is_host_and_port(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn dots() {
        assert_eq!(without_trailing_dot(b"a.b.:80"), Some(b"a.b:80".to_vec()));
        assert_eq!(without_trailing_dot(b"a.b."), Some(b"a.b".to_vec()));
        assert_eq!(without_trailing_dot(b"a.b.:x"), Some(b"a.b:x".to_vec()));
        assert_eq!(without_trailing_dot(b"a.b"), None);
        assert_eq!(without_trailing_dot(b"[::1.2.3.4]:80"), None);
    }

    #[test]
    fn validity() {
        assert!(is_valid(b"a.test:80") && is_valid(b"u@a") && is_valid(b"[::1]") && is_valid(b""));
        assert!(!is_valid(b"a b") && !is_valid(b"a/b") && !is_valid(b"a#b") && !is_valid(b"a\x01"));
    }
}
