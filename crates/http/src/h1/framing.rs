//! How long a body is (RFC 9112 §6.3).

use crate::{HeaderBlock, Known};

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// Exactly this many bytes: at least 1, but for HTTP/2, where the end of the stream has yet to come.
    Length(u64),
    /// Chunks, up to the last.
    Chunked,
    /// Everything up to the end of the connection. Responses only.
    UntilClose,
}

impl BodyFraming {
    /// Whether `Content-Length`, where there is one, says the length of this body and nothing else.
    #[must_use]
    pub fn fits(self, block: &HeaderBlock) -> bool {
        let mut said = block.values(Known::ContentLength);
        let Some(first) = said.next() else { return true };
        let length = match self {
            Self::None => 0,
            Self::Length(length) => length,
            Self::Chunked | Self::UntilClose => return false,
        };
        parse_length(first) == Some(length) && said.next().is_none()
    }

    /// How the body of a message of HTTP/2 with these fields ends; `ends` where nothing follows its head. Where no length
    /// is said, its frames are to it what chunks are in HTTP/1.
    #[must_use]
    pub fn of_stream(ends: bool, block: &HeaderBlock) -> Self {
        match length_in(block) {
            _ if ends => Self::None,
            Some(length) => Self::Length(length),
            None => Self::Chunked,
        }
    }

    /// A body of that length.
    #[must_use]
    pub const fn of_length(length: u64) -> Self {
        if length == 0 { Self::None } else { Self::Length(length) }
    }

    /// Whether there is no body.
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

/// What the framing fields of a head say, before it is known what the message is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FramingFields {
    /// `Content-Length`, where there is one that is a plain number.
    pub(super) length: Option<u64>,
    /// More than one `Content-Length`, or one that is no plain number.
    pub(super) length_invalid: bool,
    /// There is a `Transfer-Encoding`.
    pub(super) coded: bool,
    /// `Transfer-Encoding` is something other than one `chunked`.
    pub(super) coding_unknown: bool,
}

impl FramingFields {
    /// Takes in a `Content-Length` field. A repeated one is refused even where the numbers agree: a
    /// proxy in front may have read the other.
    pub(super) fn content_length(&mut self, value: &[u8]) {
        match parse_length(value) {
            Some(length) if self.length.is_none() && !self.length_invalid => self.length = Some(length),
            _ => self.length_invalid = true,
        }
    }

    /// Takes in a `Transfer-Encoding` field.
    pub(super) const fn transfer_encoding(&mut self, value: &[u8]) {
        if self.coded || !value.eq_ignore_ascii_case(b"chunked") {
            self.coding_unknown = true;
        }
        self.coded = true;
    }
}

/// The length that the one `Content-Length` says.
fn length_in(block: &HeaderBlock) -> Option<u64> {
    let mut values = block.values(Known::ContentLength);
    values.next().and_then(parse_length).filter(|_| values.next().is_none())
}

/// A length: decimal digits and nothing else, at most what fits.
pub(crate) fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value
        .iter()
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_content_length_says_fits_or_does_not() {
        let fits = |framing: BodyFraming, said: &[&str]| {
            let mut block = HeaderBlock::new();
            said.iter().for_each(|length| block.append("content-length", length.as_bytes()));
            framing.fits(&block)
        };
        for framing in [BodyFraming::None, BodyFraming::Length(3), BodyFraming::Chunked] {
            assert!(fits(framing, &[]));
            assert!(!fits(framing, &["4"]) && !fits(framing, &["x"]));
        }
        assert!(fits(BodyFraming::None, &["0"]) && fits(BodyFraming::Length(3), &["3"]));
        assert!(!fits(BodyFraming::Length(3), &["3", "3"]) && !fits(BodyFraming::Length(3), &["3,3"]));
        assert!(!fits(BodyFraming::Chunked, &["0"]));
    }

    #[test]
    fn a_stream_is_as_long_as_its_head_says_once() {
        let of = |ends: bool, said: &[&str]| {
            let mut block = HeaderBlock::new();
            said.iter().for_each(|length| block.append("content-length", length.as_bytes()));
            BodyFraming::of_stream(ends, &block)
        };
        assert_eq!(of(true, &["5"]), BodyFraming::None);
        assert_eq!(of(false, &["5"]), BodyFraming::Length(5));
        for said in [&[][..], &["5", "5"], &["x"]] {
            assert_eq!(of(false, said), BodyFraming::Chunked, "{said:?}");
        }
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        assert_eq!(parse_length(b"0"), Some(0));
        assert_eq!(parse_length(b"005"), Some(5));
        assert_eq!(parse_length(b"9223372036854775807"), Some(i64::MAX as u64));
        for bad in ["", "+5", "-1", "0x5", "5 ", "1_0", "5,5", "99999999999999999999", "٣"] {
            assert_eq!(parse_length(bad.as_bytes()), None, "{bad}");
        }
    }
}
