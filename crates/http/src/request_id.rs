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
        let high = (self.random() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let low = (self.random() >> 2) | (1 << 63);
        let [a, b, c, d] = [hex(high >> 32), hex(high), hex(low >> 32), hex(low)];
        let mut out = [b'-'; 36];
        out[..8].copy_from_slice(&a);
        out[9..13].copy_from_slice(&b[..4]);
        out[14..18].copy_from_slice(&b[4..]);
        out[19..23].copy_from_slice(&c[..4]);
        out[24..28].copy_from_slice(&c[4..]);
        out[28..].copy_from_slice(&d);
        out
    }
}

/// The lower 32 bits in lower case, all eight digits at once: every request without an id gets one.
const fn hex(bits: u64) -> [u8; 8] {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // One digit to a byte.
    let bits = bits & 0xFFFF_FFFF;
    let bits = (bits | bits << 16) & 0x0000_FFFF_0000_FFFF;
    let bits = (bits | bits << 8) & 0x00FF_00FF_00FF_00FF;
    let digits = (bits | bits << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    // Adding 6 carries those above 9 into the upper half of their byte; no byte overflows.
    let letters = (digits + 6 * ONES) >> 4 & ONES;
    (digits + b'0' as u64 * ONES + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
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

    #[test]
    fn digits_are_those_of_the_number() {
        let mut source = RequestIdSource::new(7);
        for bits in (0..10_000).map(|_| source.random()).chain([0, 0x9abc_def0, 0x0123_4567, u64::MAX]) {
            assert_eq!(hex(bits), *format!("{:08x}", bits & 0xFFFF_FFFF).as_bytes());
        }
    }

    /// The same bits in the same order, with those of the version and the variant set.
    #[test]
    fn an_id_is_two_random_numbers() {
        let mut source = RequestIdSource::new(7);
        let mut same = source.clone();
        for _ in 0..1000 {
            let (high, low) = (same.random() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, same.random() >> 2 | 1 << 63);
            let text = format!("{high:016x}{low:016x}");
            let id = String::from_utf8(source.uuid().to_vec()).unwrap();
            assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert_eq!(id.replace('-', ""), text);
        }
    }
}
