//! Reading from a connection, and how it ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;

use crate::message::{Body, Framing, Head, Headers};
use crate::tls::Socket;

/// No header section of any test is longer; what is longer is not HTTP.
const LONGEST_HEAD: usize = 4 << 20;

/// The state of a connection as the side that reads sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is still there.
    Open,
    /// The peer closed it in an orderly way.
    Fin,
    /// The peer cut it.
    Reset,
}

impl End {
    /// `open`, `fin` or `reset`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Fin => "fin",
            Self::Reset => "reset",
        }
    }
}

/// A connection with what was read from it and not yet used.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) socket: Socket,
    pub(crate) buffer: Vec<u8>,
    pub(crate) end: End,
}

impl Stream {
    pub(crate) fn new(socket: TcpStream) -> Self {
        // Tests send in pieces on purpose; Nagle's algorithm would glue them together.
        let _ = socket.set_nodelay(true);
        Self::over(Socket::Tcp(socket))
    }

    pub(crate) fn over(socket: Socket) -> Self {
        Self { socket, buffer: Vec::new(), end: End::Open }
    }

    /// Takes what can be sent and what has arrived, once either is possible; the number of bytes sent,
    /// or nothing when the connection has ended.
    pub(crate) async fn write_or_fill(&mut self, bytes: &[u8]) -> Option<usize> {
        let Socket::Tcp(socket) = &mut self.socket else {
            // With TLS, what is to be sent and what arrives can't be told apart from outside.
            return self.socket.write(bytes).await.ok();
        };
        let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await.ok()?;
        if ready.is_readable() {
            match socket.try_read_buf(&mut self.buffer) {
                Ok(0) => self.end = End::Fin,
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => self.end = end_of(&e),
                _ => {}
            }
        }
        if self.end != End::Open {
            return None;
        }
        if !ready.is_writable() {
            return Some(0);
        }
        match socket.try_write(bytes) {
            Ok(count) => Some(count),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    /// Reads what there is; false when the connection has ended.
    pub(crate) async fn fill(&mut self) -> bool {
        if self.end != End::Open {
            return false;
        }
        match self.socket.read_buf(&mut self.buffer).await {
            Ok(0) => self.end = End::Fin,
            Ok(_) => {}
            Err(e) => self.end = end_of(&e),
        }
        self.end == End::Open
    }

    /// Waits for the end; stops early when bytes arrive that nobody expected.
    pub(crate) async fn watch(&mut self, limit: Duration) -> End {
        if self.buffer.is_empty() {
            // Running out of time is the answer "open".
            let _ = tokio::time::timeout(limit, self.fill()).await;
        }
        self.end
    }

    /// A header section, or nothing if the connection ended first.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        let mut searched = 0;
        loop {
            // Empty lines before a start line mean nothing (RFC 9112, section 2.2).
            while searched == 0 && self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
            }
            if let Some(end) = end_of_head(&self.buffer, searched) {
                return Some(Head::parse(&self.take(end)));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > LONGEST_HEAD || !self.fill().await {
                return None;
            }
        }
    }

    /// Reads a body into one that the caller holds, so that what came before a time-out is kept.
    pub(crate) async fn body(&mut self, framing: Framing, body: &mut Body) {
        body.complete = match framing {
            Framing::Empty => true,
            Framing::Length(length) => self.counted(length, &mut body.bytes).await,
            Framing::UntilClose => loop {
                body.bytes.append(&mut self.buffer);
                if !self.fill().await {
                    break self.end == End::Fin;
                }
            },
            Framing::Chunked => self.chunked(body).await.is_some(),
        };
    }

    async fn chunked(&mut self, body: &mut Body) -> Option<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(|&b| b == b';').next()?;
            let size = u64::from_str_radix(str::from_utf8(size).ok()?.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            if !self.counted(size, &mut body.bytes).await || !self.line().await?.is_empty() {
                return None;
            }
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                body.trailers = Headers::parse(trailers.iter().map(Vec::as_slice));
                return Some(());
            }
            trailers.push(line);
        }
    }

    /// Exactly `length` bytes; false, with what there was, if the connection ended first.
    async fn counted(&mut self, length: u64, out: &mut Vec<u8>) -> bool {
        let mut left = usize::try_from(length).unwrap_or(usize::MAX);
        loop {
            let now = left.min(self.buffer.len());
            out.extend(self.buffer.drain(..now));
            left -= now;
            if left == 0 {
                return true;
            }
            if !self.fill().await {
                return false;
            }
        }
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.iter().position(|&b| b == b'\n') {
                let mut line = self.take(at + 1);
                line.pop();
                line.pop_if(|b| *b == b'\r');
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }
}

pub(crate) fn end_of(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            End::Reset
        }
        _ => End::Fin,
    }
}

/// Makes the next close of the socket a reset: what is not yet sent is thrown away and the peer is
/// told so.
pub(crate) fn reset_on_close(socket: &TcpStream) {
    // It fails only on a socket that is gone already.
    let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

fn end_of_head(buffer: &[u8], from: usize) -> Option<usize> {
    (from..buffer.len()).find_map(|i| {
        let rest = &buffer[i..];
        if rest.starts_with(b"\r\n\r\n") { Some(i + 4) } else { rest.starts_with(b"\n\n").then_some(i + 2) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn pair() -> (TcpStream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (there, Stream::new(listener.accept().await.unwrap().0))
    }

    #[tokio::test]
    async fn reads_a_chunked_message_in_pieces() {
        let (mut there, mut here) = pair().await;
        for piece in
            ["\r\nPOST / HT", "TP/1.1\r\nA: 1\r\n\r", "\n5;x=y\r\nhel", "lo\r\n0\r\nT: v\r\n\r\nrest"]
        {
            there.write_all(piece.as_bytes()).await.unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
        }
        assert_eq!(here.head().await.unwrap().line, "POST / HTTP/1.1");
        let mut body = Body::default();
        here.body(Framing::Chunked, &mut body).await;
        assert_eq!((body.bytes.as_slice(), body.complete), (&b"hello"[..], true));
        assert_eq!(body.trailers.get("t"), Some("v"));
        assert_eq!(here.buffer, b"rest");
    }

    #[tokio::test]
    async fn tells_a_close_from_a_reset() {
        let (there, mut here) = pair().await;
        assert_eq!(here.watch(Duration::from_millis(5)).await, End::Open);
        drop(there);
        assert_eq!(here.watch(Duration::from_secs(5)).await, End::Fin);

        let (there, mut here) = pair().await;
        reset_on_close(&there);
        drop(there);
        assert_eq!(here.watch(Duration::from_secs(5)).await, End::Reset);
    }

    #[tokio::test]
    async fn a_short_body_is_not_complete() {
        let (mut there, mut here) = pair().await;
        there.write_all(b"abc").await.unwrap();
        drop(there);
        let mut body = Body::default();
        here.body(Framing::Length(5), &mut body).await;
        assert_eq!((body.bytes.as_slice(), body.complete), (&b"abc"[..], false));
    }
}
