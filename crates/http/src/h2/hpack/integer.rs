//! Numbers of HPACK (RFC 7541 §5.1).

use super::Malformed;

/// Reads a number whose first `prefix` bits are the last ones of the first byte; says how many bytes it takes.
///
/// # Errors
///
/// It is cut, or larger than anything that could be meant.
pub(super) fn decode(bytes: &[u8], prefix: u32) -> Result<(usize, usize), Malformed> {
    let most = (1_usize << prefix) - 1;
    let first = usize::from(*bytes.first().ok_or(Malformed)?) & most;
    if first < most {
        return Ok((first, 1));
    }
    let mut number = most;
    // Four bytes of seven bits are more than any length or place.
    for (at, byte) in bytes.iter().skip(1).take(4).enumerate() {
        number += usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((number, at + 2));
        }
    }
    Err(Malformed)
}

/// Writes a number; `kind` is what the first byte holds besides.
#[expect(clippy::cast_possible_truncation, reason = "what is written is below 256")]
pub(super) fn encode(number: usize, prefix: u32, kind: u8, out: &mut Vec<u8>) {
    let most = (1_usize << prefix) - 1;
    if number < most {
        out.push(kind | number as u8);
        return;
    }
    out.push(kind | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(rest as u8 & 0x7F | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        // RFC 7541 C.1
        for (number, prefix, bytes) in [(10, 5, &[10][..]), (1337, 5, &[31, 154, 10]), (42, 8, &[42])] {
            let mut out = Vec::new();
            encode(number, prefix, 0, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(decode(bytes, prefix), Ok((number, bytes.len())));
        }
        for number in [0, 30, 31, 32, 127, 128, 300, 65_535, 1 << 20] {
            for prefix in 4..=8 {
                let mut out = Vec::new();
                encode(number, prefix, 0, &mut out);
                assert_eq!(decode(&out, prefix), Ok((number, out.len())));
            }
        }
        assert!(decode(&[31, 255, 255, 255, 255, 15], 5).is_err() && decode(&[31, 255], 5).is_err());
        assert!(decode(&[], 5).is_err());
    }
}
