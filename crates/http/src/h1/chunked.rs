//! Reading chunks (RFC 9112 §7.1), strictly.
//!
//! A size is one to sixteen hexadecimal digits, every line ends in CR LF, an extension holds no control
//! characters. Extensions and their like have cost every proxy a smuggling advisory: nothing lenient
//! here, and nothing of an extension is passed on.

use causeway_reason::{Failure, Reason};

use crate::{HeaderBlock, Known};

/// Most bytes of extensions in one body; they carry nothing that anyone uses.
const MAX_EXTENSION_BYTES: usize = 4096;

/// Limits of the trailer section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailerLimits {
    /// Most bytes.
    pub bytes: usize,
    /// Most fields; `None` where they are thrown away, and nobody counts them.
    pub fields: Option<usize>,
}

/// Finds the data in a chunked body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// What the failure is called: whose body it is.
    malformed: Reason,
    extension_bytes: usize,
    limits: TrailerLimits,
    /// The trailer section, collected up to its end.
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Digits of a size: the size so far, and how many digits.
    Size(u64, u8),
    /// White space behind a size, with which some servers pad it.
    Padding(u64),
    /// Behind the `;` of a size, up to the line end.
    Extension(u64),
    /// The LF behind a size.
    SizeLf(u64),
    /// This many bytes of data are left.
    Data(u64),
    /// The CR behind the data.
    DataCr,
    /// The LF behind the data.
    DataLf,
    /// In the trailer section.
    Trailers,
    /// Behind the body.
    Done,
}

/// A step of decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes of the input that are used up.
    pub(super) consumed: usize,
    /// Where in the input the data is: `data.0..data.1`.
    pub(super) data: (usize, usize),
}

impl ChunkedDecoder {
    /// A decoder at the beginning of a body. `malformed` is the reason that is given for a body that is
    /// refused.
    #[must_use]
    pub const fn new(malformed: Reason, limits: TrailerLimits) -> Self {
        Self { state: State::Size(0, 0), malformed, extension_bytes: 0, limits, trailers: Vec::new() }
    }

    /// Whether the last chunk and the trailer section have been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The trailer section, without fields that would change what the message is (RFC 9110 §6.5.1).
    #[must_use]
    pub fn trailers(&self) -> Option<HeaderBlock> {
        if self.trailers.len() <= 2 {
            return None;
        }
        let mut slots = self.slots();
        let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(&self.trailers, &mut slots)
        else {
            return None;
        };
        let mut block = HeaderBlock::new();
        for field in fields.iter().filter(|field| may_trail(field.name)) {
            block.append(field.name, field.value);
        }
        (!block.is_empty()).then_some(block)
    }

    /// Goes on up to the end of the next piece of data, or of the input.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<Step, Failure> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data(left) => {
                    let here = input.len() - at;
                    let take = usize::try_from(left).map_or(here, |left| left.min(here));
                    let left = left - take as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                    return Ok(Step { consumed: at + take, data: (at, at + take) });
                }
                State::Trailers => {
                    at += self.take_trailers(input.get(at..).unwrap_or_default())?;
                }
                State::Done => break,
                _ => {
                    self.state = self.framing_byte(byte).map_err(|what| {
                        let near =
                            input.get(at.saturating_sub(16)..(at + 16).min(input.len())).unwrap_or_default();
                        Failure::new(self.malformed)
                            .with_evidence(format!("{what}, near \"{}\"", near.escape_ascii()))
                    })?;
                    at += 1;
                }
            }
        }
        Ok(Step { consumed: at, data: (at, at) })
    }

    fn framing_byte(&mut self, byte: u8) -> Result<State, &'static str> {
        Ok(match (self.state, byte) {
            (State::Size(size, digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if digits == 16 {
                    return Err("a chunk size has more than 16 digits");
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                State::Size(size << 4 | u64::from(digit), digits + 1)
            }
            (State::Size(_, 0), _) => return Err("a chunk size is missing"),
            (State::Size(size, _) | State::Padding(size), b'\r') => State::SizeLf(size),
            (State::Size(size, _), b';') => State::Extension(size),
            (State::Size(size, _), b' ' | b'\t') => State::Padding(size),
            (State::Padding(size), b';' | b' ' | b'\t') => {
                self.count_extension()?;
                if byte == b';' { State::Extension(size) } else { State::Padding(size) }
            }
            (State::Padding(_), _) => {
                return Err("behind a chunk size stands something that is no extension");
            }
            (State::Size(..), _) => return Err("a chunk size holds something that is no hexadecimal digit"),
            (State::Extension(size), b'\r') => State::SizeLf(size),
            (State::Extension(_), 0..=8 | 10..=31 | 127) => {
                return Err("a chunk extension holds a control character");
            }
            (State::Extension(size), _) => {
                self.count_extension()?;
                State::Extension(size)
            }
            (State::SizeLf(0), b'\n') => State::Trailers,
            (State::SizeLf(size), b'\n') => State::Data(size),
            (State::SizeLf(_), _) => return Err("the line of a chunk size does not end in CR LF"),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0, 0),
            (State::DataCr | State::DataLf, _) => return Err("the data of a chunk is not followed by CR LF"),
            (state @ (State::Data(_) | State::Trailers | State::Done), _) => state,
        })
    }

    fn count_extension(&mut self) -> Result<(), &'static str> {
        self.extension_bytes += 1;
        if self.extension_bytes > MAX_EXTENSION_BYTES {
            return Err("chunk extensions are too long");
        }
        Ok(())
    }

    /// Collects the trailer section; says how many bytes of the input belong to it.
    fn take_trailers(&mut self, input: &[u8]) -> Result<usize, Failure> {
        for (at, byte) in input.iter().enumerate() {
            self.trailers.push(*byte);
            if self.trailers.len() > self.limits.bytes {
                let evidence = format!("the trailer section is longer than {} bytes", self.limits.bytes);
                return Err(Failure::new(self.excess(Reason::RequestHeadersTooLarge)).with_evidence(evidence));
            }
            if *byte == b'\n' && (self.trailers == b"\r\n" || self.trailers.ends_with(b"\r\n\r\n")) {
                self.check_trailers()?;
                self.state = State::Done;
                return Ok(at + 1);
            }
        }
        Ok(input.len())
    }

    fn check_trailers(&self) -> Result<(), Failure> {
        if self.trailers == b"\r\n" {
            return Ok(());
        }
        let malformed = |what: &str| {
            let shown = self.trailers.get(..self.trailers.len().min(64)).unwrap_or_default();
            Err(Failure::new(self.malformed).with_evidence(format!("{what}: \"{}\"", shown.escape_ascii())))
        };
        // A line feed that no CR precedes would end a line for some readers and not for others.
        let bare = memchr::memchr_iter(b'\n', &self.trailers)
            .any(|at| at.checked_sub(1).and_then(|before| self.trailers.get(before)) != Some(&b'\r'));
        if bare {
            return malformed("a line of the trailer section ends in a bare LF");
        }
        let mut slots = self.slots();
        match httparse::parse_headers(&self.trailers, &mut slots) {
            Ok(httparse::Status::Complete((_, fields))) => match self.limits.fields {
                Some(most) if fields.len() > most => {
                    let evidence = format!("the trailer section has {} fields, of {most}", fields.len());
                    Err(Failure::new(self.excess(Reason::RequestHeadersTooMany)).with_evidence(evidence))
                }
                _ => Ok(()),
            },
            Ok(_) | Err(_) => malformed("a line of the trailer section is malformed"),
        }
    }

    /// Room for all fields of the trailer section: each has a line of its own.
    fn slots(&self) -> Vec<httparse::Header<'_>> {
        vec![httparse::EMPTY_HEADER; memchr::memchr_iter(b'\n', &self.trailers).count()]
    }

    /// Why a trailer section that is too large is refused. A client is told this reason; of a back-end it is one more way
    /// to send what can't be passed on.
    const fn excess(&self, of_request: Reason) -> Reason {
        match self.malformed {
            Reason::RequestChunkMalformed => of_request,
            malformed => malformed,
        }
    }
}

/// Fields that mean something for framing, routing, or trust have no business behind the body.
pub(crate) fn may_trail(name: &str) -> bool {
    match Known::from_bytes(name.as_bytes()) {
        None => {
            !["authorization", "cookie", "set-cookie", "cache-control", "content-encoding", "content-range"]
                .iter()
                .any(|refused| name.eq_ignore_ascii_case(refused))
        }
        Some(known) => matches!(known, Known::GrpcStatus | Known::GrpcMessage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TrailerLimits = TrailerLimits { bytes: 1000, fields: Some(10) };

    /// Decodes in pieces of every size, which must make no difference.
    fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, Option<HeaderBlock>), String> {
        let mut results = (1..=input.len()).map(|piece| {
            let mut decoder = ChunkedDecoder::new(Reason::RequestChunkMalformed, LIMITS);
            let mut body = Vec::new();
            let mut used = 0;
            for part in input.chunks(piece) {
                let mut part = part;
                while !part.is_empty() && !decoder.is_done() {
                    let step = decoder
                        .step(part)
                        .map_err(|failure| failure.evidence.unwrap_or_default().into_string())?;
                    body.extend_from_slice(&part[step.data.0..step.data.1]);
                    used += step.consumed;
                    part = &part[step.consumed..];
                }
            }
            if decoder.is_done() {
                Ok((body, used, decoder.trailers()))
            } else {
                Err("incomplete".to_owned())
            }
        });
        let first = results.next().unwrap();
        for other in results {
            match (&first, &other) {
                (Ok(a), Ok(b)) => assert_eq!((&a.0, a.1), (&b.0, b.1)),
                (Err(_), Err(_)) => {}
                _ => panic!("pieces differ: {first:?} {other:?}"),
            }
        }
        first
    }

    #[test]
    fn chunks_are_joined_and_the_rest_is_left() {
        let (body, used, trailers) =
            decode(b"3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET").unwrap();
        assert_eq!((&body[..], used), (&b"abc0123456789"[..], 36));
        assert!(trailers.is_none());
    }

    #[test]
    fn sizes_may_be_padded() {
        let (body, ..) = decode(b"3  \r\nabc\r\n1 ;x\r\nd\r\n0\t\r\n\r\n").unwrap();
        assert_eq!(body, b"abcd");
    }

    #[test]
    fn trailers_are_kept_but_for_dangerous_ones() {
        let (_, _, trailers) = decode(b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: evil\r\n\r\n").unwrap();
        let names: Vec<_> = trailers.unwrap().iter().map(|field| field.name.to_vec()).collect();
        assert_eq!(names, [b"X-Sum"]);
    }

    #[test]
    fn whatever_can_be_read_in_two_ways_is_refused() {
        for bad in [
            "zz\r\n",
            "\r\n",
            "-3\r\nabc\r\n",
            "+3\r\nabc\r\n",
            "0x3\r\nabc\r\n",
            "3\nabc\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabc0\r\n\r\n",
            "11111111111111111\r\na",
            "3;a\nb\r\nabc\r\n",
            "3;\0\r\nabc\r\n",
            "3;a\r\rabc\r\n",
            "3\r\rabc",
            "0\r\na b: 1\r\n\r\n",
            "0\r\n a: 1\r\n\r\n",
            "0\r\na: 1\nb: 2\r\n\r\n",
            "0\n\n",
            "3_\r\nabc\r\n",
            "3 0\r\nabc\r\n0\r\n\r\n",
            "3\t3\r\nabc\r\n0\r\n\r\n",
            "3 x\r\nabc\r\n0\r\n\r\n",
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(5000));
        assert!(decode(long.as_bytes()[..5003].into()).is_err());
    }

    #[test]
    fn trailers_beyond_the_limits_say_which() {
        let read = |malformed: Reason, fields: Option<usize>, trailers: &str| {
            let mut decoder = ChunkedDecoder::new(malformed, TrailerLimits { bytes: 1000, fields });
            let result = decoder.step(format!("0\r\n{trailers}\r\n").as_bytes());
            result.map(|_| decoder.is_done()).map_err(|failure| failure.reason)
        };
        let (many, large) = ("a: 1\r\n".repeat(11), format!("a: {}\r\n", "1".repeat(1000)));
        let (of_request, of_response) = (Reason::RequestChunkMalformed, Reason::UpstreamChunkMalformed);
        assert_eq!(read(of_request, Some(10), &many), Err(Reason::RequestHeadersTooMany));
        assert_eq!(read(of_request, Some(11), &many), Ok(true));
        assert_eq!(read(of_request, None, &many), Ok(true), "they are thrown away");
        for fields in [Some(10), None] {
            assert_eq!(read(of_request, fields, &large), Err(Reason::RequestHeadersTooLarge));
            assert_eq!(read(of_response, fields, &large), Err(of_response));
        }
        assert_eq!(read(of_response, Some(10), &many), Err(of_response));
    }

    #[test]
    fn sizes_up_to_the_largest() {
        let mut decoder = ChunkedDecoder::new(Reason::RequestChunkMalformed, LIMITS);
        let input = b"ffffffffffffffff\r\nabc";
        let step = decoder.step(input).unwrap();
        assert_eq!(&input[step.data.0..step.data.1], b"abc");
    }
}
