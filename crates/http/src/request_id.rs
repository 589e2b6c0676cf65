//! `x-request-id`.

/// Makes request ids: random UUIDs (version 4, RFC 9562) from a seeded generator, one for each worker.
#[derive(Debug, Clone)]
pub struct RequestIdSource {
    state: [u64; 4],
}

impl RequestIdSource {
    /// A generator. Workers need different seeds, and the seed has to be random: ids have to be unique
    /// over the whole fleet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // The state must not be all zero; the recommended way is to fill it from another generator.
        let mut splitmix = seed;
        let state = [0; 4].map(|_: u64| {
            splitmix = splitmix.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = splitmix;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// Sixty-four random bits (xoshiro256++).
    pub const fn random(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A UUID as text.
    pub fn uuid(&mut self) -> [u8; 36] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let high = (self.random() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let low = (self.random() >> 2) | (1 << 63);
        let bits = (u128::from(high) << 64) | u128::from(low);
        let mut out = [b'-'; 36];
        let mut shift = 128;
        for (at, slot) in out.iter_mut().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                continue;
            }
            shift -= 4;
            *slot = HEX.get(usize::try_from((bits >> shift) & 0xF).unwrap_or(0)).copied().unwrap_or(b'0');
        }
        out
    }
}

/// Whether a text has the form of a UUID.
#[must_use]
pub fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_and_differ() {
        let mut source = RequestIdSource::new(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let id = source.uuid();
            assert!(is_uuid(&id) && id[14] == b'4' && matches!(id[19], b'8' | b'9' | b'a' | b'b'));
            assert!(seen.insert(id));
        }
        assert_ne!(RequestIdSource::new(1).uuid(), RequestIdSource::new(2).uuid());
    }
}
