//! Frames (RFC 9113 §4.1, §6, §7).

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's header.
pub const FRAME_HEADER: usize = 9;

/// Flags of frames.
pub mod flags {
    /// Nothing more comes on the stream (DATA, HEADERS).
    pub const END_STREAM: u8 = 0x1;
    /// It answers another one (SETTINGS, PING).
    pub const ACK: u8 = 0x1;
    /// The block of fields ends here (HEADERS, CONTINUATION).
    pub const END_HEADERS: u8 = 0x4;
    /// There is padding (DATA, HEADERS).
    pub const PADDED: u8 = 0x8;
    /// There is a priority (HEADERS).
    pub const PRIORITY: u8 = 0x20;
}

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Part of a body.
    Data,
    /// Fields.
    Headers,
    /// Whom to prefer.
    Priority,
    /// A stream ends before its time.
    RstStream,
    /// What the other side has to keep to.
    Settings,
    /// A response that nobody asked for.
    PushPromise,
    /// Are you there?
    Ping,
    /// No more streams.
    GoAway,
    /// Room for more of a body.
    WindowUpdate,
    /// More fields.
    Continuation,
    /// Something else, which is passed over (RFC 9113 §4.1).
    Unknown(u8),
}

impl Kind {
    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            other => Self::Unknown(other),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Headers => 1,
            Self::Priority => 2,
            Self::RstStream => 3,
            Self::Settings => 4,
            Self::PushPromise => 5,
            Self::Ping => 6,
            Self::GoAway => 7,
            Self::WindowUpdate => 8,
            Self::Continuation => 9,
            Self::Unknown(number) => number,
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes behind it.
    pub length: usize,
    /// What they are.
    pub kind: Kind,
    /// Flags.
    pub flags: u8,
    /// The stream that it is about; 0 is the connection.
    pub stream: u32,
}

impl FrameHeader {
    /// Reads a header; `None` where there are too few bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, s, t, u, v] = *bytes.first_chunk::<FRAME_HEADER>()?;
        Some(Self {
            length: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind: Kind::of(kind),
            flags,
            // The first bit says nothing (RFC 9113 §4.1).
            stream: u32::from_be_bytes([s, t, u, v]) & 0x7FFF_FFFF,
        })
    }

    /// The header as it is written.
    #[must_use]
    pub fn bytes(self) -> [u8; FRAME_HEADER] {
        let [_, a, b, c] = u32::try_from(self.length).unwrap_or(0).to_be_bytes();
        let [s, t, u, v] = self.stream.to_be_bytes();
        [a, b, c, self.kind.number(), self.flags, s, t, u, v]
    }

    /// Writes the header.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes());
    }

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Why a stream or connection ends (RFC 9113 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0);
    /// The protocol was broken.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// Something went wrong here.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More was sent than there was room for.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// Settings were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(4);
    /// The stream has ended already.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame has a length that it can't have.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// Nothing of it was looked at.
    pub const REFUSED_STREAM: Self = Self(7);
    /// It is no longer wanted.
    pub const CANCEL: Self = Self(8);
    /// Fields can't be read.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// The connection of a CONNECT request broke.
    pub const CONNECT_ERROR: Self = Self(10);
    /// Too much of everything.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "NO_ERROR",
            1 => "PROTOCOL_ERROR",
            2 => "INTERNAL_ERROR",
            3 => "FLOW_CONTROL_ERROR",
            4 => "SETTINGS_TIMEOUT",
            5 => "STREAM_CLOSED",
            6 => "FRAME_SIZE_ERROR",
            7 => "REFUSED_STREAM",
            8 => "CANCEL",
            9 => "COMPRESSION_ERROR",
            10 => "CONNECT_ERROR",
            11 => "ENHANCE_YOUR_CALM",
            12 => "INADEQUATE_SECURITY",
            13 => "HTTP_1_1_REQUIRED",
            _ => "an unknown code",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for (length, number) in [(0, 0), (16_384, 4), (0x00FF_FFFF, 200)] {
            let header = FrameHeader { length, kind: Kind::of(number), flags: 0x25, stream: 0x7FFF_FFFF };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            assert_eq!(bytes.len(), FRAME_HEADER);
            assert_eq!(FrameHeader::read(&bytes), Some(header));
            assert_eq!(FrameHeader::read(&bytes[..8]), None);
            bytes.push(7);
            assert_eq!(FrameHeader::read(&bytes), Some(header));
        }
        assert!((0..=255).all(|number| Kind::of(number).number() == number));
    }
}
