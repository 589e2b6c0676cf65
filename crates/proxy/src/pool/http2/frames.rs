//! The heads of frames (RFC 9113 §4.1), read off the bytes of a connection as they pass.

/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Bytes of a frame's content that are kept: what GOAWAY and RST_STREAM say.
const KEPT: usize = 8;

/// Types of frames (RFC 9113 §6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// `END_STREAM` of DATA and HEADERS, and `ACK` of SETTINGS and PING.
pub(crate) const END_STREAM: u8 = 1;

/// What the head of a frame says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    /// Bytes behind the head.
    pub(crate) length: u32,
}

impl Frame {
    /// Bytes of the whole frame.
    pub(crate) const fn size(self) -> u64 {
        self.length as u64 + HEAD as u64
    }
}

/// What is seen of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Its head.
    Head(Frame),
    /// The first bytes of a GOAWAY or RST_STREAM frame, zeros where it has fewer.
    Content(Frame, [u8; KEPT]),
}

/// How far the frames of one direction have passed.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; HEAD],
    held: usize,
    frame: Frame,
    left: usize,
    content: [u8; KEPT],
    kept: usize,
}

impl Frames {
    /// Looks at the bytes that pass next.
    pub(crate) fn pass(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen)) {
        while let Some(first) = bytes.first() {
            if self.held < HEAD {
                if let Some(room) = self.head.get_mut(self.held) {
                    *room = *first;
                }
                self.held += 1;
                bytes = bytes.get(1..).unwrap_or_default();
                if self.held == HEAD {
                    self.begin();
                    seen(Seen::Head(self.frame));
                }
            } else {
                let count = self.left.min(bytes.len());
                let (now, rest) = bytes.split_at(count);
                if let Some(room) = self.content.get_mut(self.kept..) {
                    let kept = room.len().min(now.len());
                    room.iter_mut().zip(now).for_each(|(room, byte)| *room = *byte);
                    self.kept += kept;
                }
                self.left -= count;
                bytes = rest;
            }
            if self.held == HEAD && self.left == 0 {
                if matches!(self.frame.kind, kind::GOAWAY | kind::RST_STREAM) {
                    seen(Seen::Content(self.frame, self.content));
                }
                self.held = 0;
            }
        }
    }

    fn begin(&mut self) {
        let [a, b, c, kind, flags, s @ ..] = self.head;
        self.frame = Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(s) & 0x7FFF_FFFF,
            length: u32::from_be_bytes([0, a, b, c]),
        };
        self.left = usize::try_from(self.frame.length).unwrap_or(usize::MAX);
        self.content = [0; KEPT];
        self.kept = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_seen_in_whatever_pieces_they_pass() {
        let bytes = [
            &b"\0\0\x03\x00\x01\0\0\0\x05abc"[..],
            b"\0\0\x04\x03\x00\0\0\0\x05\0\0\0\x07",
            b"\0\0\x00\x04\x01\0\0\0\0",
            b"\0\0\x0B\x07\x00\0\0\0\0\0\0\0\x09\0\0\0\x02bye",
        ]
        .concat();
        let head = |kind, flags, stream, length| Frame { kind, flags, stream, length };
        let reset = head(kind::RST_STREAM, 0, 5, 4);
        let goaway = head(kind::GOAWAY, 0, 0, 11);
        let expected = [
            Seen::Head(head(kind::DATA, END_STREAM, 5, 3)),
            Seen::Head(reset),
            Seen::Content(reset, [0, 0, 0, 7, 0, 0, 0, 0]),
            Seen::Head(head(kind::SETTINGS, 1, 0, 0)),
            Seen::Head(goaway),
            Seen::Content(goaway, [0, 0, 0, 9, 0, 0, 0, 2]),
        ];
        for size in 1..=bytes.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            bytes.chunks(size).for_each(|piece| frames.pass(piece, |what| seen.push(what)));
            assert_eq!(seen, expected, "in pieces of {size}");
        }
        assert_eq!(goaway.size(), 20);
    }
}
