//! Peers that speak something else than HTTP/1, by the first bytes that they send.
//!
//! A port that is open to the world is spoken to in every language there is, and so is one behind a load
//! balancer that was told the wrong one. Which it is decides who has to change what.

use causeway_reason::Reason;

use super::head::behind_empty_lines;

/// The type of a TLS record that holds a handshake message (RFC 8446 §5.1).
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

/// The type of a TLS record that holds an alert.
const TLS_ALERT: u8 = 0x15;

/// With what clients of mail and file servers begin.
const MAIL: [&str; 4] = ["EHLO ", "HELO ", "USER ", "AUTH "];

/// What the peer speaks, where its first bytes tell, and how the evidence calls it.
///
/// Bytes that can't begin a request in text are nobody's HTTP, whether they are recognised or not.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<(Reason, &'static str)> {
    // A PROXY header of version 2 begins with line ends.
    if bytes.starts_with(b"\r\n\r\n\0") {
        return Some((Reason::ProxyHeaderUnexpected, "a PROXY protocol header, version 2"));
    }
    let line = behind_empty_lines(bytes);
    let other = |what| Some((Reason::RequestNotHttp, what));
    match line {
        [TLS_HANDSHAKE, 3, ..] => Some((Reason::TlsOnPlainListener, "a TLS ClientHello")),
        // SSLv2, whose records have no type: a length, and the message ClientHello.
        [0x80..=0x9f, _, 1, 0 | 3, _, ..] => Some((Reason::TlsOnPlainListener, "an SSL 2 ClientHello")),
        [TLS_ALERT, 3, ..] => {
            Some((Reason::TlsOnPlainListener, "a TLS alert, as of a client that gives up a handshake"))
        }
        _ if line.starts_with(b"PRI * HTTP/2") => Some((Reason::Http2NotEnabled, "the HTTP/2 preface")),
        _ if line.starts_with(b"PROXY ") && !names_http(line) => {
            Some((Reason::ProxyHeaderUnexpected, "a PROXY protocol header, version 1"))
        }
        _ if line.starts_with(b"SSH-") && !names_http(line) => other("the banner of an SSH client"),
        [3, 0, _, _, ..] => other("the remote desktop protocol (RDP)"),
        [0, _, _, _, 0xff | 0xfe, b'S', b'M', b'B', ..] => other("Windows file sharing (SMB)"),
        // The length, and the code of a request for TLS or of protocol 3.0.
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, ..] | [0, 0, _, _, 0, 3, 0, 0, ..] => other("PostgreSQL"),
        [0x10, .., b'M', b'Q', b'T', b'T', _] | [0x10, _, 0, 4, b'M', b'Q', b'T', b'T', ..] => other("MQTT"),
        [5, 1..=4, 0..=2, ..] => other("SOCKS 5"),
        [4, 1 | 2, _, _, ..] => other("SOCKS 4"),
        [b'*', rest @ ..] if is_redis(rest) => other("Redis"),
        _ if MAIL.iter().any(|word| line.starts_with(word.as_bytes())) && !names_http(line) => {
            other("a command of a mail or file server")
        }
        [first, ..] if !first.is_ascii_graphic() => other("bytes that are no text"),
        _ => None,
    }
}

/// Whether the first line ends as that of a request does: then its first word is a method, whatever else it means.
fn names_http(line: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
    line.get(..end).is_some_and(|line| memchr::memmem::find(line, b" HTTP/").is_some())
}

/// Whether this is the rest of a command of Redis behind its first byte: how many words there are, and the first
/// of them.
fn is_redis(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits..).is_some_and(|words| words.starts_with(b"\r\n$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_speaks_is_told_from_its_first_bytes() {
        use Reason as R;
        for (bytes, reason, what) in [
            (&b"\x16\x03\x01\x02\x00\x01"[..], R::TlsOnPlainListener, "ClientHello"),
            (b"\x80\x2e\x01\x03\x01", R::TlsOnPlainListener, "SSL 2"),
            (b"\x15\x03\x01\x00\x02\x02\x28", R::TlsOnPlainListener, "alert"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", R::Http2NotEnabled, "preface"),
            (b"PROXY UNKNOWN\r\n", R::ProxyHeaderUnexpected, "version 1"),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", R::ProxyHeaderUnexpected, "version 2"),
            (b"\r\nSSH-2.0-x\r\n", R::RequestNotHttp, "SSH"),
            (b"\x03\x00\x00\x13\x0e\xe0\x00\x00", R::RequestNotHttp, "RDP"),
            (b"\x00\x00\x00\x85\xffSMB", R::RequestNotHttp, "SMB"),
            (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", R::RequestNotHttp, "PostgreSQL"),
            (b"\x10\x16\x00\x04MQTT\x04", R::RequestNotHttp, "MQTT"),
            (b"\x05\x01\x00", R::RequestNotHttp, "SOCKS 5"),
            (b"\x04\x01\x00\x50\x01", R::RequestNotHttp, "SOCKS 4"),
            (b"*1\r\n$4\r\nPING\r\n", R::RequestNotHttp, "Redis"),
            (b"EHLO there\r\n", R::RequestNotHttp, "mail"),
            (b"\x00", R::RequestNotHttp, "no text"),
            (b"\xffGET /", R::RequestNotHttp, "no text"),
        ] {
            let (found, words) = recognise(bytes).unwrap_or_else(|| panic!("{}", bytes.escape_ascii()));
            assert_eq!(found, reason, "{}", bytes.escape_ascii());
            assert!(words.contains(what), "{words}");
        }
    }

    #[test]
    fn requests_that_are_only_wrong_are_still_requests() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "AUTH / HTTP/1.2\r\n",
            "PROXY / HTTP/1.2\r\n",
            "SSH-2.0 / HTTP/1.1\r\n",
            "hello\r\n",
            "*",
            "PROXY",
            "",
        ] {
            assert_eq!(recognise(line.as_bytes()), None, "{line}");
        }
    }
}
