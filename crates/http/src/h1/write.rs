//! Writing heads and chunks.

use crate::{HeaderBlock, Known, Version, reason_phrase};

/// How header names are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// `content-type`, as Envoy does by default.
    #[default]
    LowerCase,
    /// `Content-Type`.
    ProperCaseWords,
    /// As they arrived.
    Preserve,
}

/// The last chunk, with an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes a head to the end of a buffer.
///
/// A line is ended by what comes behind it, so that the end and the name behind it are one piece to be copied.
#[derive(Debug)]
pub struct HeadWriter<'b> {
    out: &'b mut Vec<u8>,
    format: KeyFormat,
}

impl<'b> HeadWriter<'b> {
    /// Begins a request.
    pub fn request(
        out: &'b mut Vec<u8>,
        format: KeyFormat,
        method: &str,
        target: &[u8],
        version: Version,
    ) -> Self {
        out.extend_from_slice(method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(target);
        out.push(b' ');
        out.extend_from_slice(version.as_str().as_bytes());
        Self { out, format }
    }

    /// Begins a response.
    pub fn response(out: &'b mut Vec<u8>, format: KeyFormat, version: Version, status: u16) -> Self {
        out.extend_from_slice(version.as_str().as_bytes());
        let digit = |n: u16| b'0' + u8::try_from(n % 10).unwrap_or(0);
        out.extend_from_slice(&[b' ', digit(status / 100), digit(status / 10), digit(status), b' ']);
        out.extend_from_slice(reason_phrase(status).as_bytes());
        Self { out, format }
    }

    /// Begins the last chunk, with its trailer section.
    pub fn last_chunk(out: &'b mut Vec<u8>, format: KeyFormat) -> Self {
        out.push(b'0');
        Self { out, format }
    }

    /// Writes a field whose name is in lower case.
    pub fn field(&mut self, name: &str, value: &[u8]) {
        self.out.extend_from_slice(b"\r\n");
        match self.format {
            KeyFormat::LowerCase | KeyFormat::Preserve => self.out.extend_from_slice(name.as_bytes()),
            KeyFormat::ProperCaseWords => self.proper_case(name.as_bytes()),
        }
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
    }

    /// Writes the fields of a block for whose known name, or none, the condition holds.
    pub fn fields(&mut self, block: &HeaderBlock, keep: impl Fn(Option<Known>) -> bool) {
        for slot in block.in_order().filter(|slot| keep(slot.known)) {
            match (self.format, slot.known) {
                // Known names need no look at their bytes.
                (KeyFormat::LowerCase, Some(known)) => {
                    self.out.extend_from_slice(known.line_start().as_bytes());
                }
                _ => {
                    self.out.extend_from_slice(b"\r\n");
                    self.name(block.name(slot));
                    self.out.extend_from_slice(b": ");
                }
            }
            self.out.extend_from_slice(block.bytes(slot.value));
        }
    }

    /// Bytes behind which the next field is written. What lies between two of these numbers are the fields
    /// that were written meanwhile.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.out.len()
    }

    /// Ends the head.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n\r\n");
    }

    fn name(&mut self, name: &[u8]) {
        match self.format {
            KeyFormat::Preserve => self.out.extend_from_slice(name),
            KeyFormat::ProperCaseWords => self.proper_case(name),
            KeyFormat::LowerCase => {
                let start = self.out.len();
                self.out.extend_from_slice(name);
                if let Some(name) = self.out.get_mut(start..) {
                    name.make_ascii_lowercase();
                }
            }
        }
    }

    fn proper_case(&mut self, name: &[u8]) {
        let mut begins = true;
        for byte in name {
            self.out.push(if begins { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() });
            begins = !byte.is_ascii_alphanumeric();
        }
    }
}

/// The line in front of a chunk: its size and the line end, in a buffer on the stack.
#[must_use]
pub fn chunk_header(size: usize) -> ([u8; 18], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 18];
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut rest = size;
    for slot in out.iter_mut().take(digits).rev() {
        *slot = HEX.get(rest & 0xF).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    for (slot, byte) in out.iter_mut().skip(digits).zip(b"\r\n") {
        *slot = *byte;
    }
    (out, digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let mut block = HeaderBlock::new();
        block.append("X-UPPER-lower", b"1");
        block.append("host", b"a");
        for (format, expected) in [
            (KeyFormat::LowerCase, "GET /p HTTP/1.1\r\nx-upper-lower: 1\r\nhost: a\r\n\r\n"),
            (KeyFormat::ProperCaseWords, "GET /p HTTP/1.1\r\nX-Upper-Lower: 1\r\nHost: a\r\n\r\n"),
            (KeyFormat::Preserve, "GET /p HTTP/1.1\r\nX-UPPER-lower: 1\r\nhost: a\r\n\r\n"),
        ] {
            let mut out = Vec::new();
            let mut head = HeadWriter::request(&mut out, format, "GET", b"/p", Version::Http11);
            head.fields(&block, |_| true);
            head.end();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        let mut head = HeadWriter::response(&mut out, KeyFormat::LowerCase, Version::Http11, 503);
        head.field("server", b"envoy");
        head.end();
        assert_eq!(out, b"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n\r\n");
        let mut out = Vec::new();
        HeadWriter::last_chunk(&mut out, KeyFormat::LowerCase).end();
        assert_eq!(out, LAST_CHUNK);
    }

    #[test]
    fn chunk_sizes() {
        for (size, expected) in
            [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (65536, "10000\r\n"), (0, "0\r\n")]
        {
            let (bytes, length) = chunk_header(size);
            assert_eq!(&bytes[..length], expected.as_bytes());
        }
        let (bytes, length) = chunk_header(usize::MAX);
        assert_eq!(&bytes[..length], b"ffffffffffffffff\r\n");
    }
}
