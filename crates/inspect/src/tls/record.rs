//! The first message of a handshake out of its records (RFC 8446 §5.1).

use super::Fault;

/// Type, version, length.
const HEAD: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Type and length of a message.
const MESSAGE_HEAD: usize = 4;
/// What a record in the clear may hold.
const RECORD_MAX: usize = 16 * 1024;
/// What any record may hold, with what encryption adds. Envoy waits for those that are too long to be in the clear.
const ENCRYPTED_MAX: usize = RECORD_MAX + 320;
/// Largest ClientHello. Those with post-quantum key shares have about 1,800 bytes.
const MESSAGE_MAX: usize = 16 * 1024;
/// Records with nothing inside, one behind the other.
const EMPTY_MAX: usize = 32;

/// What came of reading.
pub(super) enum Read<'a> {
    /// There are too few bytes.
    NeedMore(usize),
    /// The body of a ClientHello.
    Message {
        body: &'a [u8],
        /// Bytes of the records that it came in.
        length: usize,
    },
}

/// Reads the first message, which has to be a ClientHello.
pub(super) fn message<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<Read<'a>, Fault> {
    scratch.clear();
    let mut at = 0;
    let mut empty = 0;
    loop {
        let content = match record(bytes, at)? {
            Ok(content) => content,
            Err(wanted) => return Ok(Read::NeedMore(wanted)),
        };
        at += HEAD + content.len();
        if content.is_empty() {
            empty += 1;
            if empty > EMPTY_MAX {
                return Err(Fault::EmptyRecords);
            }
            continue;
        }
        empty = 0;
        // Nearly always it is all in the first one.
        let first = scratch.is_empty();
        if first && let Some(wanted) = length(content)? {
            if content.len() > wanted {
                check_kind(content)?;
                return Err(Fault::Behind);
            }
            if content.len() == wanted {
                check_kind(content)?;
                return Ok(Read::Message {
                    body: content.get(MESSAGE_HEAD..).unwrap_or_default(),
                    length: at,
                });
            }
        }
        scratch.extend_from_slice(content);
        let Some(wanted) = length(scratch)? else { continue };
        if scratch.len() >= wanted {
            check_kind(scratch)?;
        }
        if scratch.len() > wanted {
            return Err(Fault::Behind);
        }
        if scratch.len() == wanted {
            return Ok(Read::Message { body: scratch.get(MESSAGE_HEAD..).unwrap_or_default(), length: at });
        }
    }
}

/// What the record at a place holds; how many bytes there have to be where it is not complete.
fn record(bytes: &[u8], at: usize) -> Result<Result<&[u8], usize>, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(&[kind, major, _, high, low]) = rest.first_chunk::<HEAD>() else { return Ok(Err(at + HEAD)) };
    if at == 0 && [&b"GET "[..], b"POST ", b"HEAD ", b"PUT "].iter().any(|word| rest.starts_with(word)) {
        return Err(Fault::HttpRequest);
    }
    if at == 0 && rest.starts_with(b"CONNE") {
        return Err(Fault::ProxyRequest);
    }
    if major != 3 {
        return Err(Fault::RecordVersion);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > ENCRYPTED_MAX {
        return Err(Fault::RecordLength);
    }
    let Some(content) = rest.get(HEAD..HEAD + length) else { return Ok(Err(at + HEAD + length)) };
    if length > RECORD_MAX {
        return Err(Fault::RecordLength);
    }
    if kind != HANDSHAKE {
        return Err(Fault::RecordType(kind));
    }
    Ok(Ok(content))
}

/// The length of a message with its head, once that is there.
fn length(message: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(&[_, high, middle, low]) = message.first_chunk::<MESSAGE_HEAD>() else { return Ok(None) };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > MESSAGE_MAX { Err(Fault::MessageLength(length)) } else { Ok(Some(MESSAGE_HEAD + length)) }
}

/// What kind of message it is; Envoy looks when all of it has come.
fn check_kind(message: &[u8]) -> Result<(), Fault> {
    match message.first() {
        Some(&CLIENT_HELLO) | None => Ok(()),
        Some(&kind) => Err(Fault::MessageType(kind)),
    }
}
