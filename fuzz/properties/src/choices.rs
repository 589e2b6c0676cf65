//! What an input chooses besides the bytes that are read.

/// Two bytes in front of an input: switches, and where what follows is cut into pieces.
///
/// Letters are the usual values, so that inputs can be written by hand: `AA` has no switch but bit 0 and
/// 6 on and is cut somehow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    switches: u8,
    cuts: u8,
}

/// How an input arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// At once.
    Whole,
    /// One byte at a time.
    Dripping,
    /// In pieces whose lengths follow from a seed.
    Pieces(u8),
}

impl Choices {
    /// The choices, and the rest of the input; `None` where it is too short.
    pub(crate) fn split(data: &[u8]) -> Option<(Self, &[u8])> {
        match data {
            [switches, cuts, rest @ ..] => Some((Self { switches: *switches, cuts: *cuts }, rest)),
            _ => None,
        }
    }

    /// Whether a switch, 0–7, is on.
    pub(crate) const fn on(self, switch: u8) -> bool {
        self.switches >> switch & 1 == 1
    }

    /// The pieces that are compared with the whole.
    pub(crate) fn arrivals(self, input: &[u8]) -> impl Iterator<Item = Arrival> {
        // Byte by byte costs the square of the length, so that is for short ones.
        let dripping = (input.len() <= 512).then_some(Arrival::Dripping);
        dripping.into_iter().chain([Arrival::Pieces(self.cuts)])
    }
}

impl Arrival {
    /// Where the pieces of an input of that length end, the last at its end.
    pub(crate) fn ends(self, length: usize) -> Vec<usize> {
        let mut state = match self {
            Self::Whole => return vec![length],
            Self::Dripping => return (1..=length).collect(),
            Self::Pieces(seed) => u32::from(seed) | 0x100,
        };
        let mut ends = Vec::new();
        let mut at = 0;
        while at < length {
            // Xorshift: short pieces are frequent, long ones occur.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let bits = state >> 8 & 7;
            at = length.min(at + 1 + (state as usize & ((1 << bits) - 1)));
            ends.push(at);
        }
        ends
    }
}
