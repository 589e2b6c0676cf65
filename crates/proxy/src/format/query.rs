//! What operators print of the query of a path.

use std::borrow::Cow;

/// A path, or the value of a header that is one, up to its query.
pub(super) fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr(b'?', path).and_then(|at| path.get(..at)).unwrap_or(path)
}

/// The whole query, without its question mark; with escapes resolved where that is wanted.
pub(super) fn query_params(path: &[u8], decoded: bool) -> Option<Cow<'_, [u8]>> {
    let query = path.get(memchr::memchr(b'?', path)? + 1..)?;
    Some(if decoded { decode_visible(query) } else { Cow::Borrowed(query) })
}

/// Signs that have to be escaped in a URL.
const NOT_IN_URLS: &[u8] = b"\"<>\\^{|}";

/// Resolves escapes of signs that may stand in a URL; any other escape stays as it is. What is none loses its percent
/// sign where two bytes or more follow, as with Envoy.
fn decode_visible(text: &[u8]) -> Cow<'_, [u8]> {
    decode(text, |escape| match escape {
        Escape::Of(sign) if sign.is_ascii_graphic() && !NOT_IN_URLS.contains(&sign) => Meaning::Byte(sign),
        Escape::Of(_) | Escape::CutOff => Meaning::Itself,
        Escape::Wrong => Meaning::Nothing,
    })
}

/// Resolves every escape but those of control characters: a new line would end a line of a log, or a field of a header.
fn decode_value(text: &[u8]) -> Cow<'_, [u8]> {
    decode(text, |escape| match escape {
        Escape::Of(sign) if sign == b'\t' || !sign.is_ascii_control() => Meaning::Byte(sign),
        Escape::Of(_) | Escape::Wrong | Escape::CutOff => Meaning::Itself,
    })
}

/// What begins with a percent sign.
enum Escape {
    Of(u8),
    /// Two bytes follow, and are no number.
    Wrong,
    /// Fewer than two follow.
    CutOff,
}

/// What is written in place of it.
enum Meaning {
    Byte(u8),
    /// The percent sign, and what follows behind it.
    Itself,
    /// What follows alone.
    Nothing,
}

fn decode(text: &[u8], meaning: impl Fn(Escape) -> Meaning) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let escape = match *rest.as_slice() {
            [high, low, ..] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).map_or(Escape::Wrong, Escape::Of),
                _ => Escape::Wrong,
            },
            _ => Escape::CutOff,
        };
        match meaning(escape) {
            Meaning::Byte(sign) => {
                out.push(sign);
                rest.nth(1);
            }
            Meaning::Itself => out.push(b'%'),
            Meaning::Nothing => {}
        }
    }
    Cow::Owned(out)
}

/// The first value of a query parameter; names and values are decoded, as they are for routing.
pub(super) fn query_param<'a>(path: &'a [u8], name: &[u8]) -> Option<Cow<'a, [u8]>> {
    let query = path.get(memchr::memchr(b'?', path)? + 1..)?;
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (*decode_value(pair.get(..end)?) == *name)
            .then(|| decode_value(pair.get(end + 1..).unwrap_or_default()))
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
        assert_eq!(
            query_param(b"/?%61=%e2%82%ac%20%zz%4", b"a").as_deref(),
            Some(&b"\xe2\x82\xac %zz%4"[..])
        );
        assert_eq!(query_param(b"/?a%20b=1%26a=+", b"a b").as_deref(), Some(&b"1&a=+"[..]));
        assert_eq!(query_param(b"/?a%20b=1", b"a%20b"), None);
        assert_eq!(
            query_param(b"/?a=%00%0d%0A%7f%09%2541", b"a").as_deref(),
            Some(&b"%00%0d%0A%7f\t%41"[..])
        );
        assert_eq!(query_param(b"/p", b"a"), None);
    }

    #[test]
    fn a_query_is_decoded_where_it_can_be() {
        assert_eq!(query_params(b"/p?a=%41&b=%4g%", false).as_deref(), Some(&b"a=%41&b=%4g%"[..]));
        assert_eq!(query_params(b"/p?a=%41&b=%4g%", true).as_deref(), Some(&b"a=A&b=4g%"[..]));
        assert_eq!(query_params(b"/p?%20%22%2f%ff", true).as_deref(), Some(&b"%20%22/%ff"[..]));
        for (query, decoded) in [
            ("%4", "%4"),
            ("%%", "%%"),
            ("%zz1", "zz1"),
            ("%%41", "A"),
            ("%%%41", "A"),
            ("%2%zz", "2zz"),
            ("%41%4", "A%4"),
            ("%25", "%"),
        ] {
            let path = format!("/?{query}");
            assert_eq!(query_params(path.as_bytes(), true).as_deref(), Some(decoded.as_bytes()), "{query}");
        }
        assert_eq!(query_params(b"/p", true), None);
    }
}
