//! Absolute URLs, as they stand in `Location` (RFC 9110 §10.2.2).

/// The parts of an absolute URL that a request is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsoluteUrl<'a> {
    /// `http`, in the case in which it is written.
    pub scheme: &'a [u8],
    /// Host, and port where one is written. Who the user is, is left out.
    pub authority: &'a [u8],
    /// Path and query; `/` where there is neither. What follows `#` is left out.
    pub path: &'a [u8],
}

impl<'a> AbsoluteUrl<'a> {
    /// Takes a URL apart; `None` where it is no absolute one, or holds what no URL holds.
    #[must_use]
    pub fn parse(url: &'a [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', url)?;
        let (scheme, rest) = url.split_at_checked(colon)?;
        let rest = rest.strip_prefix(b"://")?;
        if scheme.is_empty() || !scheme.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        // White space and control characters end a request line.
        if rest.iter().any(|byte| *byte <= b' ' || *byte == 0x7F) {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let authority = match memchr::memrchr(b'@', authority) {
            Some(at) => authority.get(at + 1..)?,
            None => authority,
        };
        if !is_host_and_port(authority) {
            return None;
        }
        let path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
        Some(Self { scheme, authority, path: if path.is_empty() { b"/" } else { path } })
    }
}

fn is_host_and_port(authority: &[u8]) -> bool {
    let (host, port) = match authority.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let (host, behind) = rest.split_at(end);
            if !host.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'%')) {
                return false;
            }
            (host, behind.get(1..).unwrap_or_default())
        }
        None => {
            let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            if !host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
                return false;
            }
            (host, port)
        }
    };
    let port_is_one = match port.strip_prefix(b":") {
        Some(digits) => std::str::from_utf8(digits).is_ok_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }),
        None => port.is_empty(),
    };
    !host.is_empty() && port_is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Option<(String, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let url = AbsoluteUrl::parse(url.as_bytes())?;
        Some((text(url.scheme), text(url.authority), text(url.path)))
    }

    #[test]
    fn a_url_has_three_parts() {
        for (url, scheme, authority, path) in [
            ("http://a.test/to?x=1#part", "http", "a.test", "/to?x=1"),
            ("HTTPS://A.Test:8443", "HTTPS", "A.Test:8443", "/"),
            ("http://user:pass@a.test/x", "http", "a.test", "/x"),
            ("http://[::1]:80/x", "http", "[::1]:80", "/x"),
            ("http://a.test?x=1", "http", "a.test", "?x=1"),
        ] {
            assert_eq!(parts(url), Some((scheme.into(), authority.into(), path.into())), "{url}");
        }
    }

    #[test]
    fn what_is_no_absolute_url_has_none() {
        for url in [
            "",
            "/to",
            "//a.test/to",
            "nonsense",
            "http:/a",
            "http://",
            "://a",
            "h2://a",
            "http://a b/",
            "http://a/t o",
            "http://a:99999/",
            "http://a:x/",
            "http://[::1/",
            "http://[::1]x/",
            "http://a/\u{7f}",
        ] {
            assert_eq!(parts(url), None, "{url}");
        }
    }
}
