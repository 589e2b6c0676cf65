//! Which version of HTTP a client speaks, from the first line that it sends. It is Envoy's idea of HTTP: what the
//! codec says of the rest is another matter.

/// How a client of HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// There is too little to tell.
    NeedMore,
    /// No HTTP.
    Other,
    /// HTTP/1.0, or what is neither HTTP/1.1 nor HTTP/2.
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// Looks at the first bytes of a connection.
#[must_use]
pub fn spoken(bytes: &[u8]) -> Spoken {
    if bytes.starts_with(PREFACE) {
        return Spoken::Http2;
    }
    if PREFACE.starts_with(bytes) {
        return Spoken::NeedMore;
    }
    let method = bytes.iter().take_while(|byte| is_token(**byte)).count();
    let Some(behind) = bytes.get(method) else { return Spoken::NeedMore };
    if method == 0 || !matches!(behind, b' ' | b'\t') {
        return Spoken::Other;
    }
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Spoken::NeedMore };
    let mut words = bytes
        .get(method..end)
        .unwrap_or_default()
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .filter(|word| !word.is_empty());
    let is_connect = bytes.starts_with(b"CONNECT") && method == b"CONNECT".len();
    match (words.next(), words.next(), words.next()) {
        (Some(target), version, None) if is_target(target, is_connect) => match version {
            None => Spoken::Http10,
            Some(version) => version_of(version),
        },
        _ => Spoken::Other,
    }
}

/// RFC 9110 §5.6.2
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_target(target: &[u8], is_connect: bool) -> bool {
    let is_form = match target {
        [b'/', ..] | b"*" => true,
        _ if is_connect => true,
        _ => target.windows(3).any(|part| part == b"://"),
    };
    is_form && target.iter().all(|byte| *byte < 0x7f)
}

fn version_of(version: &[u8]) -> Spoken {
    match version {
        b"HTTP/1.1" => Spoken::Http11,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Spoken::Http10
        }
        _ => Spoken::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // All of it is what Envoy 1.40 says of these.
    #[test]
    fn first_lines() {
        use Spoken::{Http2, Http10, Http11, NeedMore, Other};
        for (bytes, wanted) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], Http11),
            (b"GET / HTTP/1.1\n", Http11),
            (b"get / HTTP/1.1\r\n", Http11),
            (b"1GET  /\x01  HTTP/1.1 \r\r\n", Http11),
            (b"GET\t/\tHTTP/1.1\r\nfoo", Http11),
            (b"CONNECT a:1 HTTP/1.1\r\n", Http11),
            (b"GET http://a/ HTTP/1.1\r\n", Http11),
            (b"OPTIONS * HTTP/1.1\r\n", Http11),
            (b"PRI * HTTP/1.1\r\n", Http11),
            (b"GET / HTTP/1.0\r\n", Http10),
            (b"GET / HTTP/1.2\r\n", Http10),
            (b"GET / HTTP/2.0\r\n", Http10),
            (b"GET /\r\n", Http10),
            (b"PRI * HTTP/2.0\r\n\r\nXX", Http10),
            (PREFACE, Http2),
            (b"", NeedMore),
            (b"HELLO", NeedMore),
            (b"GET \x01", NeedMore),
            (b"GET / HTTP/1.1\r", NeedMore),
            (b"PRI * HTTP/2.0\r\n", NeedMore),
            (b" GET / HTTP/1.1\r\n", Other),
            (b"\r\n", Other),
            (b"\x16\x03\x01", Other),
            (b"G\x01", Other),
            (b"GET\r\n", Other),
            (b"GET \r\n", Other),
            (b"GET / http/1.1\r\n", Other),
            (b"GET /a b HTTP/1.1\r\n", Other),
            (b"GET foo HTTP/1.1\r\n", Other),
            (b"GET /\xe9 HTTP/1.1\r\n", Other),
            (b"GET /\x7f HTTP/1.1\r\n", Other),
            (b"GET / HTTP/1.10\r\n", Other),
            (b"GET / HTTP/1.\r\n", Other),
            (b"HTTP/1.1 200 OK\r\n", Other),
            (b"SSH-2.0-x\r\n", Other),
        ] {
            assert_eq!(spoken(bytes), wanted, "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
