//! What a TCP check waits for.

/// Bytes of an answer that a TCP check looks through.
pub const MAX_ANSWER: usize = 64 << 10;

/// Whether these byte strings stand in what came, in this order, anything between them.
#[must_use]
pub fn contains_in_order(received: &[u8], expected: &[Vec<u8>]) -> bool {
    let mut rest = received;
    expected.iter().all(|part| match memchr::memmem::find(rest, part) {
        Some(at) => {
            rest = rest.get(at + part.len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_in_their_order() {
        let expected = [b"HELLO".to_vec(), b"WORLD".to_vec()];
        assert!(contains_in_order(b"xxHELLOyyWORLDzz", &expected));
        assert!(!contains_in_order(b"WORLD HELLO", &expected));
        assert!(!contains_in_order(b"HELLOWORL", &expected));
        assert!(!contains_in_order(b"aa", &[b"aa".to_vec(), b"a".to_vec()]));
        assert!(contains_in_order(b"", &[]));
    }
}
