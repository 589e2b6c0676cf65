//! A client of HTTP/2 that may send any frames, right or wrong, and sees those that come.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::message::to_bytes;

/// What a client sends first (RFC 9113 §3.4), with a SETTINGS frame that says nothing.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// How long is waited for what should come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its type (RFC 9113 §6).
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame of a type.
    #[must_use]
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A HEADERS frame that is a whole block of fields; `ends` where nothing follows on the stream.
    #[must_use]
    pub fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Self {
        Self::new(1, 0x4 | u8::from(ends), stream, block(fields))
    }

    /// The head of a request without a body.
    #[must_use]
    pub fn get(stream: u32, path: &str) -> Self {
        Self::headers(stream, &request("GET", path), true)
    }

    /// A DATA frame.
    #[must_use]
    pub fn data(stream: u32, data: impl Into<Vec<u8>>, ends: bool) -> Self {
        Self::new(0, u8::from(ends), stream, data)
    }

    /// A RST_STREAM frame.
    #[must_use]
    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(3, 0, stream, code.to_be_bytes())
    }

    /// A SETTINGS frame with one setting.
    #[must_use]
    pub fn setting(number: u16, value: u32) -> Self {
        Self::new(4, 0, 0, [&number.to_be_bytes()[..], &value.to_be_bytes()].concat())
    }

    /// A PING frame.
    #[must_use]
    pub fn ping() -> Self {
        Self::new(6, 0, 0, *b"testping")
    }

    /// A WINDOW_UPDATE frame.
    #[must_use]
    pub fn window(stream: u32, more: u32) -> Self {
        Self::new(8, 0, stream, more.to_be_bytes())
    }

    /// The bytes of the frame.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(self.stream, &mut bytes);
        bytes
    }

    /// The same, put behind others, as one of another stream.
    pub(crate) fn write_to(&self, stream: u32, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
    }

    /// The error code of a RST_STREAM or GOAWAY frame.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            3 => 0,
            7 => 4,
            _ => return None,
        };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().ok()?))
    }
}

/// The fields of a request to `test`.
#[must_use]
pub const fn request<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
}

/// A block of fields that neither uses nor fills tables (RFC 7541 §6.2.2). Characters stand for the byte of their number.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&to_bytes(name), &mut block);
        string(&to_bytes(value), &mut block);
    }
    block
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text.len();
    if rest < 127 {
        out.push(u8::try_from(rest).unwrap_or(0));
    } else {
        out.push(127);
        rest -= 127;
        while rest >= 128 {
            out.push(u8::try_from(rest % 128).unwrap_or(0) | 0x80);
            rest /= 128;
        }
        out.push(u8::try_from(rest).unwrap_or(0));
    }
    out.extend_from_slice(text);
}

/// A connection on which frames are sent and seen.
#[derive(Debug)]
pub struct Frames {
    stream: TcpStream,
    held: Vec<u8>,
    patience: Duration,
}

impl Frames {
    /// Connects, and sends what comes first.
    ///
    /// # Errors
    ///
    /// Nobody takes the connection.
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let mut frames = Self { stream, held: Vec::new(), patience: PATIENCE };
        frames.write(PREFACE).await;
        Ok(frames)
    }

    /// The same, where that long is waited for what should come.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends bytes; that nobody takes them is seen by reading.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends frames in one piece.
    pub async fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.write(bytes).await;
    }

    /// The next frame; `None` where the connection ends, or nothing comes for a long time.
    pub async fn next(&mut self) -> Option<Frame> {
        self.frame_or_end().await.ok()
    }

    /// The next frame; if there is none, whether the connection ended.
    async fn frame_or_end(&mut self) -> Result<Frame, bool> {
        loop {
            if let Some(frame) = self.take() {
                return Ok(frame);
            }
            let mut bytes = [0; 16 * 1024];
            match timeout(self.patience, self.stream.read(&mut bytes)).await {
                Err(_) => return Err(false),
                Ok(Err(_) | Ok(0)) => return Err(true),
                Ok(Ok(count)) => self.held.extend_from_slice(&bytes[..count]),
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let header: [u8; 9] = self.held.get(..9)?.try_into().ok()?;
        let [a, b, c, kind, flags, s, t, u, v] = header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let payload = self.held.get(9..9 + length)?.to_vec();
        self.held.drain(..9 + length);
        Some(Frame { kind, flags, stream: u32::from_be_bytes([s, t, u, v]), payload })
    }

    /// The next frame of a type on a stream; others are passed over.
    pub async fn expect(&mut self, kind: u8, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if (frame.kind, frame.stream) == (kind, stream) {
                return Some(frame);
            }
        }
    }

    /// All frames up to the end of the connection, or until nothing more comes; and whether it ended.
    pub async fn rest(&mut self) -> (Vec<Frame>, bool) {
        let mut frames = Vec::new();
        loop {
            match self.frame_or_end().await {
                Ok(frame) => frames.push(frame),
                Err(closed) => return (frames, closed),
            }
        }
    }

    /// The head of the response on a stream.
    pub async fn head(&mut self, stream: u32) -> Option<Frame> {
        self.expect(1, stream).await
    }
}
