//! Base64, as protobuf's JSON has it for bytes: both alphabets, padding or none.

/// Decodes; `None` where the text is no base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let digit = match group.get(at) {
                Some(byte) => value(*byte)?,
                None => 0,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let [_, a, b, c] = bits.to_be_bytes();
        match group.len() {
            4 => out.extend([a, b, c]),
            3 => out.extend([a, b]),
            2 => out.push(a),
            _ => return None,
        }
    }
    Some(out)
}

/// Encodes with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at > group.len() {
                out.push('=');
            } else {
                let digit = (bits >> (18 - 6 * at)) & 63;
                out.push(char::from(ALPHABET.get(digit as usize).copied().unwrap_or(b'A')));
            }
        }
    }
    out
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_both_alphabets_with_and_without_padding() {
        assert_eq!(decode("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decode("aGVsbG8").unwrap(), b"hello");
        assert_eq!(decode("-_-_"), decode("+/+/"));
        assert_eq!(decode("").unwrap(), b"");
        for text in ["a*b", "abcde", "aGV sbG8=", "a===", "a"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn encodes_with_padding() {
        for (bytes, text) in
            [(&b""[..], ""), (b"h", "aA=="), (b"he", "aGU="), (b"hel", "aGVs"), (b"\xff\xfe\xfd", "//79")]
        {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).unwrap(), bytes);
        }
    }
}
