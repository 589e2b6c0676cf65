//! What requests and responses have in common: reading the fields of a head.

use std::mem::MaybeUninit;
use std::ops::Range;

use causeway_reason::Failure;

use super::framing::FramingFields;
use crate::header_block::Span;
use crate::{HeaderBlock, Known};

/// The result of reading a head from what has arrived so far.
#[derive(Debug)]
pub enum Parsed<T> {
    /// The head is complete and takes this many bytes.
    Complete {
        /// What the head says.
        head: T,
        /// Its length in bytes, with the empty line behind it.
        length: usize,
    },
    /// More bytes are needed.
    Partial,
}

/// Limits of a head. What goes beyond is refused while it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Most bytes.
    pub bytes: usize,
    /// Most fields.
    pub fields: usize,
}

/// What `Connection` says (RFC 9110 §7.6.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
    /// It names other fields, which go no further than here.
    pub names_fields: bool,
}

impl ConnectionOptions {
    /// Takes in the value of a `Connection` or `Proxy-Connection` field.
    pub(crate) fn take(&mut self, value: &[u8]) {
        // Nearly all there is, and no list.
        if matches!(value, b"keep-alive" | b"Keep-Alive") {
            self.keep_alive = true;
            return;
        }
        for option in tokens(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else {
                self.names_fields = true;
            }
        }
    }
}

/// The elements of a comma-separated list, without white space around them; empty ones are left out
/// (RFC 9110 §5.6.1).
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Most fields that are read without allocating. The usual limit is 100.
const ON_STACK: usize = 128;

/// Slots for `httparse` to write fields to, on the stack.
pub(super) type StackSlots<'b> = [MaybeUninit<httparse::Header<'b>>; ON_STACK];

/// Slots for one field more than is allowed, so that one too many is told apart from the last: those on
/// the stack where they are enough, else those made in `heap`. A head can't have more fields than lines,
/// whatever is allowed.
pub(super) fn field_slots<'s, 'b>(
    limit: usize,
    buffer: &[u8],
    stack: &'s mut StackSlots<'b>,
    heap: &'s mut Vec<MaybeUninit<httparse::Header<'b>>>,
) -> &'s mut [MaybeUninit<httparse::Header<'b>>] {
    if limit < ON_STACK {
        return stack;
    }
    let lines = memchr::memchr_iter(b'\n', buffer).count();
    if lines < ON_STACK {
        return stack;
    }
    heap.resize_with(limit.min(lines).saturating_add(1), MaybeUninit::uninit);
    heap
}

/// What the fields that concern the message itself say.
#[derive(Debug, Default)]
pub(super) struct MessageFields {
    pub(super) framing: FramingFields,
    pub(super) connection: ConnectionOptions,
    pub(super) hosts: usize,
    pub(super) expect: bool,
    /// Bytes of the fields, as Envoy counts them.
    pub(super) bytes: u64,
    /// A known name came more than once.
    pub(super) repeated: bool,
}

/// What Envoy counts for a field beside its name and value, whatever stands there.
const BESIDE_NAME_AND_VALUE: usize = 3;

impl MessageFields {
    /// Takes in what the next field says.
    #[inline]
    pub(super) fn take(&mut self, name: &[u8], known: Option<Known>, value: &[u8]) {
        self.bytes += (name.len() + value.len() + BESIDE_NAME_AND_VALUE) as u64;
        match known {
            Some(Known::Host) => self.hosts += 1,
            Some(Known::ContentLength) => self.framing.content_length(value),
            Some(Known::TransferEncoding) => self.framing.transfer_encoding(value),
            Some(Known::Connection | Known::ProxyConnection) => self.connection.take(value),
            Some(Known::Expect) => self.expect = true,
            _ => {}
        }
    }
}

/// Copies the head into the block and declares its fields.
pub(super) fn load_fields(
    block: &mut HeaderBlock,
    head: &[u8],
    parsed: &[httparse::Header<'_>],
) -> MessageFields {
    block.load(head);
    let mut message = MessageFields::default();
    for header in parsed {
        let (Some(name), Some(value)) = (place(head, header.name.as_bytes()), place(head, header.value))
        else {
            continue;
        };
        let known = Known::from_bytes(header.name.as_bytes());
        message.take(header.name.as_bytes(), known, header.value);
        let (name, value) = (Span::new(name.start, name.len()), Span::new(value.start, value.len()));
        message.repeated |= block.declare(name, value, known);
    }
    message
}

/// Where a part of a slice lies in it.
pub(super) fn place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// Whether a head may still become complete: its end has not arrived, and it is not too large yet.
/// Asked before parsing again, so that a head that drips in byte by byte is not read from its
/// beginning each time.
#[must_use]
pub(super) fn ends(buffer: &[u8], from: usize) -> bool {
    let from = from.saturating_sub(3);
    let Some(rest) = buffer.get(from..) else { return false };
    memchr::memchr_iter(b'\n', rest)
        .any(|at| matches!(rest.get(at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
}

/// A head that is refused, up to the first byte that can't be right, and what the parser says of it.
///
/// What is wrong is told from these bytes alone, so that it does not depend on what has arrived besides.
/// It costs a dozen more rounds of the parser, once, on a connection that ends here.
pub(super) fn up_to_fault(
    buffer: &[u8],
    fault: impl Fn(&[u8]) -> Option<httparse::Error>,
) -> Option<(&[u8], httparse::Error)> {
    let mut found = (buffer, fault(buffer)?);
    let (mut good, mut bad) = (0, buffer.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        let prefix = buffer.get(..middle).unwrap_or_default();
        match fault(prefix) {
            Some(error) => {
                found = (prefix, error);
                bad = middle;
            }
            None => good = middle,
        }
    }
    Some(found)
}

/// The bytes behind the empty lines in front of a message.
pub(super) fn behind_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// The evidence for bytes that are refused: what they are, and the first of them.
pub(super) fn refused(failure: Failure, what: &str, bytes: &[u8]) -> Failure {
    failure.with_evidence(format!("{what}; {}", first_bytes(bytes)))
}

/// `it begins with "…"`: the first bytes of what a peer sent, escaped and at most 64 of them, so that neither
/// a log nor a terminal has to take what a stranger likes to write.
#[must_use]
pub fn first_bytes(bytes: &[u8]) -> String {
    let shown = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let more = if bytes.len() > shown.len() { "…" } else { "" };
    format!("it begins with \"{}{more}\"", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_across_reads() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        for from in 0..head.len() {
            assert!(ends(head, from));
            assert!(!ends(&head[..head.len() - 1], from));
        }
        assert!(ends(b"a\n\nrest", 0));
    }

    #[test]
    fn connection_options_are_words() {
        let mut options = ConnectionOptions::default();
        options.take(b"Keep-Alive, , Upgrade");
        assert!(options.keep_alive && options.upgrade && !options.close && !options.names_fields);
        options.take(b"closed");
        assert!(!options.close && options.names_fields);
    }
}
