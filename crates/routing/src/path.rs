//! Pieces of a path as it stands in the request line.

use std::borrow::Cow;

/// The path without its query. Envoy cuts a fragment too, although the connection manager has refused
/// such requests before.
pub(crate) fn without_query(path: &[u8]) -> &[u8] {
    memchr::memchr2(b'?', b'#', path).and_then(|end| path.get(..end)).unwrap_or(path)
}

/// The query, without its question mark; empty where there is none.
pub(crate) fn query(path: &[u8]) -> &[u8] {
    memchr::memchr(b'?', path).and_then(|at| path.get(at + 1..)).unwrap_or_default()
}

/// A path (without query) without the `;parameters` of its segments, as
/// `ignore_path_parameters_in_path_matching` wants it compared.
pub(crate) fn without_parameters(path: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b';', path).is_none() {
        return Cow::Borrowed(path);
    }
    let mut plain = Vec::with_capacity(path.len());
    for (at, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if at > 0 {
            plain.push(b'/');
        }
        plain.extend(segment.iter().take_while(|byte| **byte != b';'));
    }
    Cow::Owned(plain)
}

/// The value of the first query parameter of that name, neither decoded; a parameter without `=` has an
/// empty one.
pub(crate) fn query_parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    query(path).split(|byte| *byte == b'&').find_map(|parameter| {
        let end = memchr::memchr(b'=', parameter);
        let (found, value) = match end {
            Some(end) => (parameter.get(..end)?, parameter.get(end + 1..)?),
            None => (parameter, &[][..]),
        };
        (found == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_every_segment_are_left_out() {
        for (path, plain) in [
            ("/a/b", "/a/b"),
            ("/path;a;b/x;c", "/path/x"),
            ("/path/x;q/", "/path/x/"),
            ("/;/", "//"),
            ("/;a/;b", "//"),
            (";", ""),
        ] {
            assert_eq!(without_parameters(path.as_bytes()), plain.as_bytes(), "{path}");
        }
    }

    #[test]
    fn query_parameters_are_compared_as_they_were_sent() {
        let value = |path: &'static str, name: &str| query_parameter(path.as_bytes(), name.as_bytes());
        assert_eq!(value("/?k=v&flag", "k"), Some(&b"v"[..]));
        assert_eq!(value("/?k=v&flag", "flag"), Some(&b""[..]));
        assert_eq!(value("/?k=x&k=v", "k"), Some(&b"x"[..]));
        assert_eq!(value("/?a=b=c", "a"), Some(&b"b=c"[..]));
        assert_eq!(value("/?K=v", "k"), None);
        assert_eq!(value("/k=v", "k"), None);
        assert_eq!(value("/?&&k", "k"), Some(&b""[..]));
    }

    #[test]
    fn queries_and_fragments_are_no_part_of_the_path() {
        assert_eq!(without_query(b"/a?b?c"), b"/a");
        assert_eq!(without_query(b"/a#b?c"), b"/a");
        assert_eq!(without_query(b"/a"), b"/a");
        assert_eq!(query(b"/a?b?c"), b"b?c");
    }
}
