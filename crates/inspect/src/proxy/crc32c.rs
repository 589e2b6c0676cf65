//! CRC-32C (Castagnoli), the checksum of headers (2.2.3): RFC 4960 appendix B, as iSCSI has it.

/// The polynomial, with its bits in reverse.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "it runs when this is compiled")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is less than 256")]
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// The checksum of several pieces, one behind the other.
pub(super) fn of(pieces: &[&[u8]]) -> u32 {
    !pieces.iter().copied().flatten().fold(u32::MAX, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        (sum >> 8) ^ TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3720 B.4
    #[test]
    fn the_vectors_of_iscsi() {
        assert_eq!(of(&[b"123456789"]), 0xe306_9283);
        assert_eq!(of(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(of(&[&[0xff; 16], &[0xff; 16]]), 0x62a8_ab43);
        assert_eq!(of(&[]), 0);
    }
}
