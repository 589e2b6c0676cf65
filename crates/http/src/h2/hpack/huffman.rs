//! The Huffman code of HPACK (RFC 7541 §5.2 and Appendix B).
//!
//! The code is canonical: the lengths of its codes say all of it. What is needed to read and write it is
//! computed from them when the program is built.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tables that are made at compile time, where a bad index fails the build; all else is looked up with `get`"
)]

use super::Malformed;

/// Symbols: all bytes, and the end of a string.
const SYMBOLS: usize = 257;

/// How many bits the code of each symbol has.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

/// The code of each symbol, in its last bits.
const CODES: [u32; SYMBOLS] = {
    let mut codes = [0; SYMBOLS];
    let mut code = 0;
    let mut length = 1;
    while length <= 30 {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] == length {
                codes[symbol] = code;
                code += 1;
            }
            symbol += 1;
        }
        code <<= 1;
        length += 1;
    }
    codes
};

/// Inner nodes of the tree: one less than there are symbols.
const NODES: usize = SYMBOLS - 1;
/// In the tree, numbers from here on are symbols.
const LEAF: u16 = 256;

/// The tree: what follows each node by a bit.
const TREE: [[u16; 2]; NODES] = {
    let mut tree = [[u16::MAX; 2]; NODES];
    let mut nodes = 1;
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let mut node = 0;
        let mut left = LENGTHS[symbol];
        while left > 0 {
            left -= 1;
            let bit = (CODES[symbol] >> left & 1) as usize;
            if left == 0 {
                tree[node][bit] = LEAF + symbol as u16;
            } else if tree[node][bit] == u16::MAX {
                tree[node][bit] = nodes;
                node = nodes as usize;
                nodes += 1;
            } else {
                node = tree[node][bit] as usize;
            }
        }
        symbol += 1;
    }
    tree
};

/// What four bits do in a node. No code is that short, so they end one symbol at most.
#[derive(Clone, Copy)]
struct Step {
    /// The node that follows.
    node: u8,
    /// A symbol ends here …
    emits: bool,
    /// … this one.
    symbol: u8,
    /// No string has these bits.
    bad: bool,
}

static STEPS: [[Step; 16]; NODES] = {
    let mut steps = [[Step { node: 0, emits: false, symbol: 0, bad: false }; 16]; NODES];
    let mut from = 0;
    while from < NODES {
        let mut bits = 0;
        while bits < 16 {
            let mut step = Step { node: 0, emits: false, symbol: 0, bad: false };
            let mut node = from;
            let mut left = 4;
            while left > 0 {
                left -= 1;
                let next = TREE[node][bits >> left & 1];
                if next == LEAF + 256 {
                    // The end of a string is not written (RFC 7541 §5.2).
                    step.bad = true;
                    node = 0;
                } else if next >= LEAF {
                    step.emits = true;
                    step.symbol = (next - LEAF) as u8;
                    node = 0;
                } else {
                    node = next as usize;
                }
            }
            step.node = node as u8;
            steps[from][bits] = step;
            bits += 1;
        }
        from += 1;
    }
    steps
};

/// Where a string may end: behind up to seven bits of the code that ends it, which are ones.
static ENDS: [bool; NODES] = {
    let mut ends = [false; NODES];
    let mut node = 0;
    let mut depth = 0;
    while depth < 8 {
        ends[node] = true;
        node = TREE[node][1] as usize;
        depth += 1;
    }
    ends
};

/// Reads a string behind what is in `out`.
///
/// # Errors
///
/// It is no string of this code: it holds the end of a string, or ends in the middle of a symbol.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.reserve(coded.len() * 8 / 5);
    let mut node = 0_u8;
    for byte in coded {
        for bits in [byte >> 4, byte & 15] {
            let step = STEPS.get(usize::from(node)).and_then(|steps| steps.get(usize::from(bits)));
            let step = step.filter(|step| !step.bad).ok_or(Malformed)?;
            if step.emits {
                out.push(step.symbol);
            }
            node = step.node;
        }
    }
    if ENDS.get(usize::from(node)).copied().unwrap_or(false) { Ok(()) } else { Err(Malformed) }
}

/// How many bytes a string has in this code.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Writes a string.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u64, 0_u32);
    for byte in text {
        let symbol = usize::from(*byte);
        let length = u32::from(LENGTHS[symbol]);
        held = held << length | u64::from(CODES[symbol]);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    if bits > 0 {
        out.push((held << (8 - bits) | (0xFF >> bits)) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_the_rfc() {
        // RFC 7541 C.4.1 and C.6.1
        for (text, coded) in [
            (
                &b"www.example.com"[..],
                &[0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF][..],
            ),
            (b"302", &[0x64, 0x02]),
            (b"private", &[0xAE, 0xC3, 0x77, 0x1A, 0x4B]),
        ] {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            encode(text, &mut there);
            assert_eq!((there.as_slice(), encoded_len(text)), (coded, coded.len()));
            decode(coded, &mut back).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).cycle().take(2000).collect();
        for length in 0..all.len() {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            encode(&all[..length], &mut there);
            decode(&there, &mut back).unwrap();
            assert_eq!(back, all[..length]);
        }
    }

    #[test]
    fn what_ends_in_a_symbol_is_none() {
        let bad: [&[u8]; 4] = [&[0xFF], &[0x00], &[0xFF, 0xFF, 0xFF, 0xFC], &[0xFF, 0xFF, 0xFF, 0xFF]];
        for bad in bad {
            assert!(decode(bad, &mut Vec::new()).is_err(), "{bad:x?}");
        }
        assert!(decode(&[0x07], &mut Vec::new()).is_ok(), "0 with three bits behind it");
    }
}
