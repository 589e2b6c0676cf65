//! Finding the data of a body in the bytes that arrive.

use causeway_reason::{Failure, Reason};

use super::{BodyFraming, ChunkedDecoder, TrailerLimits};
use crate::HeaderBlock;

/// Finds the data of one body, whatever its framing.
#[derive(Debug)]
pub struct BodyDecoder(Kind);

#[derive(Debug)]
enum Kind {
    Done,
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
    UntilClose,
}

/// What was found in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// This many bytes of the input are used up; the rest is to be shown again, with what follows it.
    pub consumed: usize,
    /// Where in the input the data begins.
    pub data_start: usize,
    /// Where it ends; there may be none, and more behind what was consumed.
    pub data_end: usize,
    /// Whether the body ends here. What follows in the input belongs to the next message.
    pub done: bool,
}

impl BodyDecoder {
    /// A decoder at the beginning of a body. `malformed` is the reason given for chunks that are refused.
    #[must_use]
    pub fn new(framing: BodyFraming, malformed: Reason, limits: TrailerLimits) -> Self {
        Self(match framing {
            BodyFraming::None => Kind::Done,
            BodyFraming::Length(length) => Kind::Length(length),
            BodyFraming::Chunked => Kind::Chunked(Box::new(ChunkedDecoder::new(malformed, limits))),
            BodyFraming::UntilClose => Kind::UntilClose,
        })
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Kind::Done => true,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::Length(_) | Kind::UntilClose => false,
        }
    }

    /// Finds the next piece of data in the input.
    ///
    /// # Errors
    ///
    /// Chunks that are malformed.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, Failure> {
        let all = input.len();
        match &mut self.0 {
            Kind::Done => Ok(Decoded { consumed: 0, data_start: 0, data_end: 0, done: true }),
            Kind::UntilClose => Ok(Decoded { consumed: all, data_start: 0, data_end: all, done: false }),
            Kind::Length(left) => {
                let take = usize::try_from(*left).map_or(all, |left| left.min(all));
                *left -= take as u64;
                let done = *left == 0;
                if done {
                    self.0 = Kind::Done;
                }
                Ok(Decoded { consumed: take, data_start: 0, data_end: take, done })
            }
            Kind::Chunked(chunked) => {
                let step = chunked.step(input)?;
                let (data_start, data_end) = step.data;
                Ok(Decoded { consumed: step.consumed, data_start, data_end, done: chunked.is_done() })
            }
        }
    }

    /// The connection was closed by the peer: whether the body is complete now. A body without a length
    /// is; any other that is not complete never will be.
    pub fn close(&mut self) -> bool {
        if matches!(self.0, Kind::UntilClose) {
            self.0 = Kind::Done;
        }
        self.is_done()
    }

    /// The trailer section of a chunked body that is complete.
    #[must_use]
    pub fn trailers(&self) -> Option<HeaderBlock> {
        match &self.0 {
            Kind::Chunked(chunked) => chunked.trailers(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_ends_where_it_says() {
        let limits = TrailerLimits { bytes: 100, fields: Some(10) };
        let mut decoder = BodyDecoder::new(BodyFraming::Length(5), Reason::RequestChunkMalformed, limits);
        assert_eq!(
            decoder.decode(b"abc").unwrap(),
            Decoded { consumed: 3, data_start: 0, data_end: 3, done: false }
        );
        assert!(!decoder.close());
        assert_eq!(
            decoder.decode(b"deGET").unwrap(),
            Decoded { consumed: 2, data_start: 0, data_end: 2, done: true }
        );
        assert!(decoder.is_done());
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let limits = TrailerLimits { bytes: 100, fields: Some(10) };
        let mut decoder = BodyDecoder::new(BodyFraming::UntilClose, Reason::UpstreamChunkMalformed, limits);
        assert_eq!(decoder.decode(b"abc").unwrap().data_end, 3);
        assert!(!decoder.is_done() && decoder.close() && decoder.is_done());
    }
}
