//! Reading heads that are written as nearly all are: HTTP/1.1, lines that end in CR LF, values with one space or none
//! before them, none behind, and no tabs.
//!
//! They are read in one pass, eight bytes at a time. Whatever is not written so – malformed, incomplete, folded, too
//! large – is left alone: `httparse` reads it, and says what is wrong with it. A head that is read here is read by it
//! in the same way.

use super::HeadLimits;
use super::head::MessageFields;
use crate::header_block::Span;
use crate::{HeaderBlock, Known, Method};

/// A head that was read, with its fields in the block.
#[derive(Debug)]
pub(super) struct Plain<Line> {
    /// What its first line says.
    pub(super) line: Line,
    /// Its length in bytes, with the empty line behind it.
    pub(super) length: usize,
    /// What its fields say of the message.
    pub(super) message: MessageFields,
}

/// The first line of a request; its version is 1.1.
#[derive(Debug)]
pub(super) struct RequestLine<'b> {
    /// One that has a name of its own.
    pub(super) method: Method,
    /// Length of its name, with which the line begins.
    pub(super) method_length: usize,
    /// Visible characters of ASCII, one at least.
    pub(super) target: &'b str,
}

/// Reads the head of a request. `None` says nothing about it; the block is empty then.
pub(super) fn request<'b>(
    buffer: &'b [u8],
    limits: HeadLimits,
    block: &mut HeaderBlock,
) -> Option<Plain<RequestLine<'b>>> {
    let method_length = buffer.iter().position(|byte| !byte.is_ascii_uppercase())?;
    let behind = buffer.get(method_length..)?.strip_prefix(b" ")?;
    let target_length = not_visible(behind).filter(|length| *length > 0)?;
    let behind = behind.get(target_length..)?.strip_prefix(b" HTTP/1.1\r\n")?;
    let words = std::str::from_utf8(buffer.get(..method_length + 1 + target_length)?).ok()?;
    let (method, target) = words.split_at_checked(method_length)?;
    let (method, target) = (Method::from_name(method), target.strip_prefix(' ')?);
    if method == Method::Custom {
        return None;
    }
    let line = RequestLine { method, method_length, target };
    let (length, message) = fields(buffer, behind, limits, block)?;
    Some(Plain { line, length, message })
}

/// Reads the head of a response; its line is the status, its version 1.1. `None` says nothing about it; the block is
/// empty then.
pub(super) fn response(buffer: &[u8], limits: HeadLimits, block: &mut HeaderBlock) -> Option<Plain<u16>> {
    let [hundreds @ b'1'..=b'9', tens, ones, b' ', behind @ ..] = buffer.strip_prefix(b"HTTP/1.1 ")? else {
        return None;
    };
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let digit = |digit: &u8| u16::from(digit - b'0');
    let status = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
    let (_, behind) = behind.split_at_checked(control(behind)?)?;
    let (length, message) = fields(buffer, behind.strip_prefix(b"\r\n")?, limits, block)?;
    Some(Plain { line: status, length, message })
}

/// Reads the fields behind the first line; says how long the head is.
fn fields(
    buffer: &[u8],
    behind_line: &[u8],
    limits: HeadLimits,
    block: &mut HeaderBlock,
) -> Option<(usize, MessageFields)> {
    block.clear(usize::MAX);
    let mut message = MessageFields::default();
    let length = declare(buffer, behind_line, limits, block, &mut message);
    let head = length.and_then(|length| buffer.get(..length)).filter(|head| head.len() <= limits.bytes);
    match head {
        Some(head) => {
            block.take_bytes(head);
            Some((head.len(), message))
        }
        None => {
            block.clear(usize::MAX);
            None
        }
    }
}

/// Declares the fields of a head, whose bytes the block has yet to get, and says where it ends.
fn declare(
    buffer: &[u8],
    behind_line: &[u8],
    limits: HeadLimits,
    block: &mut HeaderBlock,
    message: &mut MessageFields,
) -> Option<usize> {
    let mut rest = behind_line;
    loop {
        let start = buffer.len() - rest.len();
        if rest.starts_with(b"\r\n") {
            return Some(start + 2);
        }
        let (name, behind) = rest.split_at_checked(colon(rest)?)?;
        let known = Known::from_bytes(name);
        if known.is_none() && !is_token(name) || block.len() == limits.fields {
            return None;
        }
        let value = behind.strip_prefix(b":")?;
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let value_start = buffer.len() - value.len();
        let (value, behind) = value.split_at_checked(control(value)?)?;
        if let [b' ', ..] | [.., b' '] = value {
            return None;
        }
        rest = behind.strip_prefix(b"\r\n")?;
        message.take(name, known, value);
        let (name, value) = (Span::new(start, name.len()), Span::new(value_start, value.len()));
        message.repeated |= block.declare(name, value, known);
    }
}

/// Whether it may be the name of a field: a token (RFC 9110 §5.6.2).
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| TOKEN.get(usize::from(*byte)).is_some_and(|token| *token))
}

/// Bytes that tokens are made of.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index fails the build")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < HIGHEST {
        table[byte as usize] = matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
                | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        );
        byte += 1;
    }
    table
};

/// Where the first colon is.
fn colon(bytes: &[u8]) -> Option<usize> {
    first(bytes, |eight| zeroes(eight ^ each(b':')), |byte| byte == b':')
}

/// Where the first control character is.
fn control(bytes: &[u8]) -> Option<usize> {
    first(bytes, |eight| below(eight, b' ') | zeroes(eight ^ each(0x7f)), |byte| byte.is_ascii_control())
}

/// Where the first byte is that is no visible character of ASCII.
fn not_visible(bytes: &[u8]) -> Option<usize> {
    first(
        bytes,
        |eight| below(eight, b'!') | zeroes(eight ^ each(0x7f)) | eight & each(HIGHEST),
        |byte| !byte.is_ascii_graphic(),
    )
}

/// Where the first byte of some kind is. `marks` says it of eight bytes, the first of which is the lowest: by the
/// highest bit of the first of them that is of this kind, and whatever in bytes behind it.
fn first(bytes: &[u8], marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*eight));
        if marks != 0 {
            return Some(at * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| is(*byte)).map(|at| eights.len() * 8 + at)
}

/// The highest bit of a byte.
const HIGHEST: u8 = 0x80;

/// Eight times the same byte.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks bytes that are 0. Those behind the first may be marked wrongly: it borrows from them.
const fn zeroes(eight: u64) -> u64 {
    below(eight, 1)
}

/// Marks bytes that are below a limit, which is 0x80 at most. Those behind the first may be marked wrongly.
const fn below(eight: u64, limit: u8) -> u64 {
    eight.wrapping_sub(each(limit)) & !eight & each(HIGHEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1000, fields: 3 };

    /// What `httparse` reads, the block that comes of it.
    type Read = (String, String, usize, Vec<(Vec<u8>, Vec<u8>)>);

    fn shown(fields: &HeaderBlock) -> Vec<(Vec<u8>, Vec<u8>)> {
        fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
    }

    fn of_httparse(fields: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
        fields.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect()
    }

    fn plain_request(bytes: &[u8]) -> Option<Read> {
        let mut block = HeaderBlock::new();
        let read = request(bytes, LIMITS, &mut block);
        if read.is_none() {
            assert!(block.is_empty());
        }
        let Plain { line, length, .. } = read?;
        Some((line.method.as_str().to_owned(), line.target.to_owned(), length, shown(&block)))
    }

    fn other_request(bytes: &[u8]) -> Option<Read> {
        let mut slots = [httparse::EMPTY_HEADER; 8];
        let mut request = httparse::Request::new(&mut slots);
        let httparse::Status::Complete(length) = request.parse(bytes).ok()? else { return None };
        let fields = of_httparse(request.headers);
        Some((request.method?.to_owned(), request.path?.to_owned(), length, fields))
    }

    fn plain_response(bytes: &[u8]) -> Option<Read> {
        let mut block = HeaderBlock::new();
        let Plain { line, length, .. } = response(bytes, LIMITS, &mut block)?;
        Some((line.to_string(), String::new(), length, shown(&block)))
    }

    fn other_response(bytes: &[u8]) -> Option<Read> {
        let mut slots = [httparse::EMPTY_HEADER; 8];
        let mut response = httparse::Response::new(&mut slots);
        let httparse::Status::Complete(length) = response.parse(bytes).ok()? else { return None };
        Some((response.code?.to_string(), String::new(), length, of_httparse(response.headers)))
    }

    const REQUEST: &[u8] =
        b"POST /a/path?with=query HTTP/1.1\r\nHost: example.com:80\r\nX-Odd: a b\xe9\r\nempty:\r\n\r\nbody: 1\r\n";
    const RESPONSE: &[u8] =
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX-Odd: a b\xe9\r\nempty: \r\n\r\nbody: 1\r\n";

    #[test]
    fn ordinary_heads_are_read() {
        assert_eq!(plain_request(REQUEST), other_request(REQUEST));
        assert!(plain_request(REQUEST).is_some());
        assert_eq!(plain_response(RESPONSE), other_response(RESPONSE));
        assert!(plain_response(RESPONSE).is_some());
        assert!(plain_request(b"GET / HTTP/1.1\r\n\r\n").is_some());
    }

    #[test]
    fn what_is_not_complete_is_left_alone() {
        for end in 0..REQUEST.len() - b"body: 1\r\n".len() {
            assert_eq!(plain_request(&REQUEST[..end]), None);
        }
        for end in 0..RESPONSE.len() - b"body: 1\r\n".len() {
            assert_eq!(plain_response(&RESPONSE[..end]), None);
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_left_alone() {
        let head = |line: &str, fields: usize| {
            format!("{line}\r\n{}\r\n", format!("x: {}\r\n", "y".repeat(300)).repeat(fields))
        };
        assert!(plain_request(head("GET / HTTP/1.1", 3).as_bytes()).is_some());
        assert!(plain_response(head("HTTP/1.1 200 OK", 3).as_bytes()).is_some());
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1000));
        assert_eq!(plain_request(long.as_bytes()), None);
        assert_eq!(plain_request(b"GET / HTTP/1.1\r\na:1\r\na:1\r\na:1\r\na:1\r\n\r\n"), None);
    }

    /// What is read here is read by `httparse` in the same way, with any byte at any place.
    #[test]
    fn any_byte_at_any_place_means_the_same() {
        for (sample, read, other) in [
            (REQUEST, plain_request as fn(&[u8]) -> Option<Read>, other_request as fn(&[u8]) -> Option<Read>),
            (RESPONSE, plain_response, other_response),
        ] {
            for at in 0..sample.len() {
                for byte in 0..=u8::MAX {
                    let mut bytes = sample.to_vec();
                    bytes[at] = byte;
                    let found = read(&bytes);
                    assert!(found.is_none() || found == other(&bytes), "{}", bytes.escape_ascii());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn heads_of_odd_pieces_mean_the_same(pieces in proptest::collection::vec(
            prop_oneof![
                Just("GET "), Just("/"), Just(" HTTP/1.1"), Just("HTTP/1.1 200 "), Just("\r\n"), Just("\n"),
                Just("\r"), Just(" "), Just("\t"), Just("x-name"), Just("host"), Just(":"), Just(": "),
                Just("a value"), Just("\x7f"), Just("é"), Just("\0"),
            ], 0..16), request in any::<bool>())
        {
            let begin = if request { "GET / HTTP/1.1\r\n" } else { "HTTP/1.1 200 OK\r\n" };
            let bytes = format!("{begin}{}", pieces.concat()).into_bytes();
            let found = plain_request(&bytes);
            prop_assert!(found.is_none() || found == other_request(&bytes));
            let found = plain_response(&bytes);
            prop_assert!(found.is_none() || found == other_response(&bytes));
        }
    }
}
