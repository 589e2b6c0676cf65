//! Bytes as text.

use std::fmt::Write as _;

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A certificate as PEM (RFC 7468).
#[must_use]
pub fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        base64(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Text in which what has a meaning in URLs and headers is percent-encoded, as Envoy does it with PEM.
#[must_use]
pub fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for byte in text.bytes() {
        if matches!(byte, b'+' | b'/' | b'=' | b' ' | b'\n' | b'\r' | b'%') {
            let _ = write!(out, "%{byte:02X}");
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// Appends bytes as base64 with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | group.get(at).copied().map_or(0, u32::from);
        }
        for at in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap_or_default();
            let letter = ALPHABET.get(index).copied().map_or('=', char::from);
            out.push(if at <= group.len() { letter } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn base64_has_the_answers_of_its_rfc() {
        for (bytes, text) in
            [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            let mut out = String::new();
            base64(bytes.as_bytes(), &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn pem_is_encoded_for_headers() {
        assert_eq!(url_encoded("a b\n+/=%"), "a%20b%0A%2B%2F%3D%25");
        assert!(pem(&[0; 100]).lines().all(|line| line.len() <= 64));
    }
}
