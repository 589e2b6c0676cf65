//! MurmurHash2 of 64 bits, as `std::hash` of libstdc++ has it, which Envoy offers for rings (`MURMUR_HASH_2`).

/// The seed of libstdc++.
const SEED: u64 = 0xc70f_6907;
const M: u64 = 0xc6a4_a793_5bd1_e995;

/// The hash of some bytes.
pub(super) fn murmur2(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = mix(u64::from_le_bytes(*word).wrapping_mul(M)).wrapping_mul(M);
        hash = (hash ^ word).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0_u64, |last, byte| (last << 8) | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    mix(mix(hash).wrapping_mul(M))
}

const fn mix(hash: u64) -> u64 {
    hash ^ (hash >> 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `std::hash` of GCC 12 says.
    #[test]
    fn known_values() {
        for (text, hash) in [
            ("", 6_142_509_188_972_423_790),
            ("foo", 9_631_199_822_919_835_226),
            ("foobarbaz", 17_442_412_730_328_607_556),
            ("127.0.0.1:8080_17", 3_591_327_324_750_848_891),
            ("a longer text of more than sixteen", 984_815_048_327_992_332),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }
}
