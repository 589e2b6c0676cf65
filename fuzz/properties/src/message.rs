//! Reading a message as the proxy does: a head from a buffer that fills, then a body.

use causeway_http::HeaderBlock;
use causeway_http::h1::{BodyDecoder, BodyFraming, Parsed, TrailerLimits};
use causeway_reason::{Failure, Reason};

use crate::choices::Arrival;

/// Most fields of trailers.
pub(crate) const MOST_TRAILERS: usize = 16;
/// Limits of trailers, small enough to be reached.
pub(crate) const TRAILERS: TrailerLimits = TrailerLimits { bytes: 512, fields: Some(MOST_TRAILERS) };
/// Room for the same trailers when they are written again, with a space behind each colon.
pub(crate) const TRAILERS_AGAIN: TrailerLimits = TrailerLimits { bytes: 1024, fields: Some(MOST_TRAILERS) };

/// Names and values of fields, in their order.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A message that was read, with what is special about its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message<H> {
    pub(crate) head: H,
    pub(crate) fields: Fields,
    pub(crate) framing: BodyFraming,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    /// Where in the input it ends; `None` where more is needed.
    pub(crate) end: Option<usize>,
}

/// What became of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<H> {
    /// The head is not complete.
    Partial,
    /// The head is refused.
    Refused(Reason),
    /// The head was read, and this much of the body, behind which it is refused.
    BodyRefused(Message<H>, Reason),
    /// It was read.
    Read(Message<H>),
}

/// Reads the first message of an input that arrives in pieces; `parse` is asked for the head.
pub(crate) fn read<H>(
    input: &[u8],
    arrival: Arrival,
    malformed: Reason,
    trailers: TrailerLimits,
    mut parse: impl FnMut(&[u8], usize, &mut HeaderBlock) -> Result<Parsed<(H, BodyFraming)>, Failure>,
) -> (Outcome<H>, HeaderBlock) {
    let ends = arrival.ends(input.len());
    let mut ends = ends.into_iter();
    let mut block = HeaderBlock::new();
    let mut scanned = 0;
    let ((head, framing), length, arrived) = loop {
        let Some(arrived) = ends.next() else { return (Outcome::Partial, block) };
        match parse(&input[..arrived], scanned, &mut block) {
            Ok(Parsed::Complete { head, length }) => break (head, length, arrived),
            Ok(Parsed::Partial) => scanned = arrived,
            Err(failure) => return (Outcome::Refused(failure.reason), block),
        }
    };
    assert!(length <= arrived, "a head of {length} bytes in {arrived}");

    let mut message =
        Message { head, fields: fields(&block), framing, body: Vec::new(), trailers: Vec::new(), end: None };
    let mut decoder = BodyDecoder::new(framing, malformed, trailers);
    let mut at = length;
    for arrived in std::iter::once(arrived).chain(ends) {
        while !decoder.is_done() && at < arrived {
            match decoder.decode(&input[at..arrived]) {
                Ok(decoded) => {
                    assert!(decoded.consumed > 0 || decoded.done, "no progress at {at}");
                    message.body.extend_from_slice(&input[at..][decoded.data_start..decoded.data_end]);
                    at += decoded.consumed;
                    assert!(at <= arrived, "more was used up than had arrived");
                    assert_eq!(decoded.done, decoder.is_done());
                }
                Err(failure) => {
                    let excess = matches!(
                        failure.reason,
                        Reason::RequestHeadersTooLarge | Reason::RequestHeadersTooMany
                    );
                    let of_request = malformed == Reason::RequestChunkMalformed;
                    assert!(failure.reason == malformed || (of_request && excess), "{failure:?}");
                    return (Outcome::BodyRefused(message, failure.reason), block);
                }
            }
        }
    }
    if decoder.is_done() || decoder.close() {
        message.end = Some(at);
        message.trailers = decoder.trailers().map(|block| fields(&block)).unwrap_or_default();
    }
    (Outcome::Read(message), block)
}

/// How a message arrives must make no difference, but for bad heads that never end: those are refused
/// when they are seen to be bad, which may be never.
pub(crate) fn same<H: PartialEq + std::fmt::Debug>(whole: &Outcome<H>, other: &Outcome<H>, ended: bool) {
    if !ended && matches!((whole, other), (Outcome::Refused(_), Outcome::Partial)) {
        return;
    }
    match (whole, other) {
        // How much of a body was passed on before it was refused depends on what had arrived.
        (Outcome::BodyRefused(whole, _), Outcome::BodyRefused(other, _)) => {
            assert_eq!((&whole.head, &whole.fields), (&other.head, &other.fields));
            assert_eq!(whole.body, other.body);
        }
        // Which protocol it is that is no HTTP may take more bytes to tell than that it is none; the client
        // is told the same.
        (Outcome::Refused(whole), Outcome::Refused(other))
            if names_protocol(*whole) || names_protocol(*other) =>
        {
            assert_eq!(whole.spec().answer, other.spec().answer, "{whole:?} {other:?}");
        }
        _ => assert_eq!(whole, other),
    }
}

/// Whether a reason says what the peer speaks instead of HTTP/1.
const fn names_protocol(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TlsOnPlainListener
            | Reason::Http2NotEnabled
            | Reason::ProxyHeaderUnexpected
            | Reason::RequestNotHttp
    )
}

/// Whether the input holds the end of a head: from then on, there is a verdict.
pub(crate) fn head_ends(input: &[u8]) -> bool {
    let start = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = &input[start..];
    rest.windows(2).any(|w| w == b"\n\n") || rest.windows(3).any(|w| w == b"\n\r\n")
}

/// Writes the body of a message, framed as the message says, in chunks of some length.
pub(crate) fn write_body<H>(out: &mut Vec<u8>, message: &Message<H>, chunk: usize) {
    match message.framing {
        BodyFraming::None => {}
        BodyFraming::Length(_) | BodyFraming::UntilClose => out.extend_from_slice(&message.body),
        BodyFraming::Chunked => {
            for data in message.body.chunks(chunk.max(1)) {
                let (line, length) = causeway_http::h1::chunk_header(data.len());
                out.extend_from_slice(&line[..length]);
                out.extend_from_slice(data);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n");
            for (name, value) in &message.trailers {
                out.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn fields(block: &HeaderBlock) -> Fields {
    block.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}
