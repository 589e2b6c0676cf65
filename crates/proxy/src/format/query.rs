//! What operators print of the query of a path.

use std::borrow::Cow;

/// A path, or the value of a header that is one, up to its query.
pub(super) fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr(b'?', path).and_then(|at| path.get(..at)).unwrap_or(path)
}

/// The whole query, without its question mark; with escapes resolved where that is wanted.
pub(super) fn query_params(path: &[u8], decoded: bool) -> Option<Cow<'_, [u8]>> {
    let query = path.get(memchr::memchr(b'?', path)? + 1..)?;
    Some(if decoded { decode(query) } else { Cow::Borrowed(query) })
}

/// Signs that have to be escaped in a URL.
const NOT_IN_URLS: &[u8] = b"\"<>\\^{|}";

/// Resolves escapes of signs that may stand in a URL; any other escape stays as it is.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        let behind = rest.as_slice();
        match (byte, digit(behind.first()), digit(behind.get(1))) {
            (b'%', Some(high), Some(low)) => match u8::try_from(high * 16 + low) {
                Ok(sign) if sign.is_ascii_graphic() && !NOT_IN_URLS.contains(&sign) => {
                    out.push(sign);
                    rest.nth(1);
                }
                _ => out.push(*byte),
            },
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// The first value of a query parameter, decoded.
pub(super) fn query_param<'a>(path: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let query = path.get(memchr::memchr(b'?', path)? + 1..)?;
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (pair.get(..end)? == name).then(|| decode(pair.get(end + 1..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_parameter_is_found_by_its_name() {
        let path = b"/p?a=1&b&c=&a=2&q=%41";
        assert_eq!(query_param(path, b"a").as_deref(), Some(&b"1"[..]));
        assert_eq!(query_param(path, b"b").as_deref(), Some(&b""[..]));
        assert_eq!(query_param(path, b"c").as_deref(), Some(&b""[..]));
        assert_eq!(query_param(path, b"q").as_deref(), Some(&b"A"[..]));
        assert_eq!(query_param(path, b"x"), None);
        assert_eq!(query_param(b"/p", b"a"), None);
    }

    #[test]
    fn a_query_is_decoded_where_it_can_be() {
        assert_eq!(query_params(b"/p?a=%41&b=%4g%", false).as_deref(), Some(&b"a=%41&b=%4g%"[..]));
        assert_eq!(query_params(b"/p?a=%41&b=%4g%", true).as_deref(), Some(&b"a=A&b=%4g%"[..]));
        assert_eq!(query_params(b"/p?%20%22%2f%ff", true).as_deref(), Some(&b"%20%22/%ff"[..]));
        assert_eq!(query_params(b"/p", true), None);
    }
}
