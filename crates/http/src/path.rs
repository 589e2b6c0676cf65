//! Paths of requests: what is refused, and normalisation.
//!
//! Routing and the back-end see the same result, so that no rule can be walked around.

/// What to do with a path, in the terms of the connection manager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathRules {
    /// RFC 3986 normalisation.
    pub normalize: bool,
    /// `//` becomes `/`, but a path of nothing but slashes keeps two of them, as with Envoy.
    pub merge_slashes: bool,
    /// What happens to `%2F` and `%5C`.
    pub escaped_slashes: EscapedSlashes,
}

/// What happens to `%2F` and `%5C`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EscapedSlashes {
    /// They stay.
    #[default]
    Keep,
    /// The request is refused.
    Reject,
    /// The client is sent to the path with them unescaped.
    Redirect,
    /// They are unescaped.
    Unescape,
}

/// What became of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOutcome {
    /// It stays as it is.
    Unchanged,
    /// It is replaced by this one.
    Changed(Vec<u8>),
    /// It is refused. Envoy logs it with its escaped slashes taken out, which this is, where it had any.
    Rejected(Option<Vec<u8>>),
    /// The client is sent to this one.
    Redirect(Vec<u8>),
}

/// Applies the rules to a path with its query.
#[must_use]
pub fn apply(path: &[u8], rules: PathRules) -> PathOutcome {
    // A fragment never leaves a browser; one that arrives is meant to confuse rules (CVE-2021-32779).
    if memchr::memchr(b'#', path).is_some() {
        return PathOutcome::Rejected(None);
    }
    if rules == PathRules::default() {
        return PathOutcome::Unchanged;
    }
    let end = memchr::memchr(b'?', path).unwrap_or(path.len());
    let (path, query) = path.split_at_checked(end).unwrap_or((path, b""));
    let whole = |changed: Vec<u8>| {
        let mut changed = changed;
        changed.extend_from_slice(query);
        changed
    };

    let mut current = path.to_vec();
    let mut redirect = false;
    if rules.escaped_slashes != EscapedSlashes::Keep
        && let Some(unescaped) = unescape_slashes(&current)
    {
        current = unescaped;
        match rules.escaped_slashes {
            EscapedSlashes::Reject => return PathOutcome::Rejected(Some(whole(current))),
            EscapedSlashes::Redirect => redirect = true,
            EscapedSlashes::Keep | EscapedSlashes::Unescape => {}
        }
    }
    if rules.normalize {
        match normalize(&current) {
            Some(normalized) => current = normalized,
            None => return PathOutcome::Rejected(None),
        }
    }
    if rules.merge_slashes {
        let only_slashes = current.len() > 1 && current.iter().all(|byte| *byte == b'/');
        current.dedup_by(|byte, before| *byte == b'/' && *before == b'/');
        if only_slashes {
            current.push(b'/');
        }
    }
    if redirect {
        PathOutcome::Redirect(whole(current))
    } else if current == path {
        PathOutcome::Unchanged
    } else {
        PathOutcome::Changed(whole(current))
    }
}

/// The path with `%2F` and `%5C` unescaped; `None` where there are none.
fn unescape_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    let mut found = false;
    while let Some((byte, tail)) = rest.split_first() {
        match rest {
            [b'%', b'2', b'f' | b'F', after @ ..] => {
                out.push(b'/');
                rest = after;
                found = true;
            }
            [b'%', b'5', b'c' | b'C', after @ ..] => {
                out.push(b'\\');
                rest = after;
                found = true;
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    found.then_some(out)
}

/// RFC 3986 §6.2.2, as browsers do it: `\` is a slash, escapes of unreserved characters are undone, what may not
/// stand in a path is escaped, dot segments are resolved. A dot segment with parameters (`..;x`) is one too, since
/// there are servers that cut parameters off. `None` where the path holds a NUL, escaped or not.
fn normalize(path: &[u8]) -> Option<Vec<u8>> {
    let decoded = normalize_escapes(path)?;
    let mut out: Vec<u8> = Vec::with_capacity(decoded.len());
    let mut segments = decoded.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        match name {
            b"." if last => out.push(b'/'),
            b"." => {}
            b".." => {
                let parent = memchr::memrchr(b'/', &out).unwrap_or(0);
                out.truncate(parent);
                if last {
                    out.push(b'/');
                }
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

/// Undoes escapes of unreserved characters, escapes what may not stand in a path, and makes `\` a slash. `None` where
/// there is a NUL.
fn normalize_escapes(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut bare = Vec::new();
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        match escaped(rest) {
            Some(0) => return None,
            Some(plain @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')) => {
                out.push(plain);
                rest = rest.get(3..).unwrap_or_default();
            }
            Some(_) => {
                out.extend_from_slice(rest.get(..3).unwrap_or_default());
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                if *byte == b'%' {
                    bare.push(out.len());
                }
                match *byte {
                    0 => return None,
                    b'\\' => out.push(b'/'),
                    byte if is_escaped_in_paths(byte) => out.extend_from_slice(&escape(byte)),
                    byte => out.push(byte),
                }
                rest = tail;
            }
        }
    }
    Some(with_bare_percents_kept(out, &bare))
}

/// Whether a byte stands in a path as an escape only. Brackets, which RFC 3986 §3.3 has not in paths either, stay with
/// Envoy as with browsers.
const fn is_escaped_in_paths(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f..)
}

/// The escape of a byte.
fn escape(byte: u8) -> [u8; 3] {
    let digit = |value: u8| b"0123456789ABCDEF".get(usize::from(value)).copied().unwrap_or_default();
    [b'%', digit(byte >> 4), digit(byte & 15)]
}

/// The byte that an escape at the beginning of the text stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    match text {
        [b'%', high, low, ..] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    }
}

/// A `%` that began no escape must not begin one now, made up of what was unescaped behind it: `%2%65`
/// would come out as `%2e`, a dot for the back-end that no rule has seen. It becomes `%25`, as with Envoy.
fn with_bare_percents_kept(path: Vec<u8>, bare: &[usize]) -> Vec<u8> {
    let begins_escape = |at: usize| path.get(at..).and_then(escaped).is_some();
    if !bare.iter().any(|at| begins_escape(*at)) {
        return path;
    }
    let mut out = Vec::with_capacity(path.len() + 2 * bare.len());
    for (at, byte) in path.iter().enumerate() {
        out.push(*byte);
        if *byte == b'%' && bare.binary_search(&at).is_ok() && begins_escape(at) {
            out.extend_from_slice(b"25");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NORMALIZE: PathRules =
        PathRules { normalize: true, merge_slashes: false, escaped_slashes: EscapedSlashes::Keep };

    fn changed(path: &str, rules: PathRules) -> String {
        match apply(path.as_bytes(), rules) {
            PathOutcome::Unchanged => path.to_owned(),
            PathOutcome::Changed(path) => String::from_utf8(path).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn dot_segments_and_escapes() {
        for (path, expected) in [
            ("/ok/../ok/x", "/ok/x"),
            ("/x/../ok", "/ok"),
            ("/ok/./y", "/ok/y"),
            ("/ok/..", "/"),
            ("/ok/.", "/ok/"),
            ("/../ok", "/ok"),
            ("/x/%2e%2E/ok", "/ok"),
            ("/ok/%41%7e", "/ok/A~"),
            ("/ok/%2f..", "/ok/%2f.."),
            ("/ok\\..\\z", "/z"),
            ("/ok/%zz", "/ok/%zz"),
            ("/ok?x=/../y", "/ok?x=/../y"),
            ("/ok//a", "/ok//a"),
            ("/ok/%c3%a9", "/ok/%c3%a9"),
            ("/ok/..;/z", "/z"),
            ("/ok/..;x=y/z?q=..;/", "/z?q=..;/"),
            ("/ok/%2e.;/z", "/z"),
            ("/ok/.;", "/ok/"),
            ("/a/%2%65%2%65/b", "/a/%252e%252e/b"),
            ("/a/%%32e/b", "/a/%252e/b"),
            ("/a/%2%66b", "/a/%252fb"),
            ("/%%30%30", "/%2500"),
            ("/%%%32%65", "/%%252e"),
            ("/a/%2%6/%", "/a/%2%6/%"),
            ("/ok/...;/z", "/ok/...;/z"),
            ("/a//..;/b", "/a/b"),
            ("/a/;/../b", "/a/b"),
            ("/a/;x/b", "/a/;x/b"),
            ("/", "/"),
            ("/{a}|b^c`d", "/%7Ba%7D%7Cb%5Ec%60d"),
            ("/\"<>?\"<>{}", "/%22%3C%3E?\"<>{}"),
            ("/\u{e9}", "/%C3%A9"),
            ("/%7b{", "/%7b%7B"),
            ("/%{7b%%{", "/%%7B7b%%%7B"),
            ("/{/../[x]!$&'()*+,:;=@~", "/[x]!$&'()*+,:;=@~"),
        ] {
            assert_eq!(changed(path, NORMALIZE), expected, "{path}");
        }
        assert_eq!(apply(b"/a%00", NORMALIZE), PathOutcome::Rejected(None));
    }

    #[test]
    fn escaped_slashes() {
        let rules = |escaped_slashes| PathRules { normalize: true, merge_slashes: false, escaped_slashes };
        assert_eq!(changed("/a%2fb?q=%2F", rules(EscapedSlashes::Unescape)), "/a/b?q=%2F");
        assert_eq!(changed("/a%5Cb", rules(EscapedSlashes::Unescape)), "/a/b");
        assert_eq!(changed("/a%252Fb", rules(EscapedSlashes::Unescape)), "/a%252Fb");
        assert_eq!(
            apply(b"/a%5cb", rules(EscapedSlashes::Reject)),
            PathOutcome::Rejected(Some(b"/a\\b".to_vec()))
        );
        assert_eq!(
            apply(b"/%2F%2Fx", rules(EscapedSlashes::Redirect)),
            PathOutcome::Redirect(b"///x".to_vec())
        );
        assert_eq!(apply(b"/plain", rules(EscapedSlashes::Redirect)), PathOutcome::Unchanged);
    }

    #[test]
    fn slashes_are_merged_and_fragments_refused() {
        let rules =
            PathRules { normalize: false, merge_slashes: true, escaped_slashes: EscapedSlashes::Keep };
        assert_eq!(changed("//a///b?//", rules), "/a/b?//");
        assert_eq!(changed("/a//", rules), "/a/");
        assert_eq!(changed("/", rules), "/");
        assert_eq!(changed("//", rules), "//");
        assert_eq!(changed("////?//", rules), "//?//");
        assert_eq!(apply(b"/a#b", PathRules::default()), PathOutcome::Rejected(None));
    }

    proptest! {
        #[test]
        fn normal_paths_stay_as_they_are(path in "/[a-zA-Z./%\\\\2eEfF5cC]{0,40}") {
            if let PathOutcome::Changed(once) = apply(path.as_bytes(), NORMALIZE) {
                // Escapes are undone once only, so `%252e` may become `%2e` but never more.
                let segments: Vec<_> = once.split(|byte| *byte == b'/').collect();
                prop_assert!(!segments.contains(&&b".."[..]) && !segments.contains(&&b"."[..]));
                prop_assert_eq!(once.first(), Some(&b'/'));
            }
        }
    }
}
