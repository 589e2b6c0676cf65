//! Byte streams.

mod session;
mod socket;
mod tls;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::UnixStream;

use crate::buffer::Buffer;

pub(crate) use session::Session;
pub(crate) use socket::Socket;
pub(crate) use tls::{TlsError, TlsStream};

/// A connection of any kind.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(Socket),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Reads once into the buffer's room, which must not be empty; 0 is the end of the stream.
    ///
    /// A read that does not fill the room tells the runtime that there is nothing more, so that waiting
    /// for the next bytes costs no system call of its own.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        if let Self::Tcp(socket) = self {
            let count = ready!(socket.poll_read(cx, buffer.space()))?;
            buffer.advance(count);
            return Poll::Ready(Ok(count));
        }
        let mut room = ReadBuf::new(buffer.space());
        ready!(self.poll_read_buf(cx, &mut room))?;
        let count = room.filled().len();
        buffer.advance(count);
        Poll::Ready(Ok(count))
    }

    /// The same, into room of any kind.
    pub(crate) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_read_buf(cx, room),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Tls(stream) => stream.poll_read(cx, room),
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Tls(stream) => stream.poll_read_ready(cx),
        }
    }

    /// The same without waiting for it: whether anything is known to have come since the last read, or the end.
    pub(crate) fn may_be_readable(&self) -> bool {
        let mut quiet = Context::from_waker(Waker::noop());
        self.is_readable().unwrap_or_else(|| self.poll_read_ready(&mut quiet).is_ready())
    }

    /// The same where that can be said without anybody who waits being forgotten, which it can't with TLS.
    pub(crate) fn is_readable(&self) -> Option<bool> {
        match self {
            Self::Tcp(socket) => Some(socket.may_be_readable()),
            // Nothing is read, so nothing is known afterwards that was not before.
            Self::Unix(stream) => Some(stream.try_io(Interest::READABLE, || Ok(())).is_ok()),
            Self::Tls(_) => None,
        }
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(socket) => socket.poll_write(cx, bytes, SendFlags::NOSIGNAL),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => stream.poll_write(cx, &[IoSlice::new(bytes)], false),
        }
    }

    /// Writes some of the bytes, behind which the stream is closed at once: the kernel holds the last of them
    /// back, so that they leave in one packet with the end of the stream.
    pub(crate) fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(socket) => socket.poll_write(cx, bytes, SendFlags::MORE | SendFlags::NOSIGNAL),
            Self::Unix(_) => self.poll_write(cx, bytes),
            Self::Tls(stream) => stream.poll_write(cx, &[IoSlice::new(bytes)], true),
        }
    }

    /// Writes some of the bytes of several slices.
    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(socket) => socket.poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => stream.poll_write(cx, slices, false),
        }
    }

    /// The same at once or not at all, by anybody: who waits for the stream goes on waiting. `None` with TLS, which has
    /// to be given the same bytes again.
    pub(crate) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        match self {
            Self::Tcp(socket) => Some(socket.try_write_vectored(slices)),
            Self::Unix(stream) => Some(stream.try_write_vectored(slices)),
            Self::Tls(_) => None,
        }
    }

    #[expect(dead_code, reason = "asked where bytes are written by others, as those of HTTP/2")]
    /// Writes what was taken and still waits; without TLS that is nothing.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => stream.poll_flush(cx),
        }
    }

    /// Whether nobody would be woken by what happens to it: see [`Socket`].
    pub(crate) const fn is_unwatched(&self) -> bool {
        matches!(self, Self::Tcp(socket) if socket.is_unwatched())
    }

    /// Whether the peer has ended it, or it broke, where nobody would be woken by that.
    pub(crate) fn has_ended_unwatched(&self) -> bool {
        matches!(self, Self::Tcp(socket) if socket.has_ended_unwatched())
    }

    /// Has what happens to it wake whoever waits for it, from now on. Where that can't be, reading says so.
    pub(crate) fn watch(&mut self) {
        if let Self::Tcp(socket) = self {
            drop(socket.watch());
        }
    }

    /// Says that nothing more will be written. Never waits.
    pub(crate) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Tcp(socket) => socket.shutdown_write(cx),
            // It shuts down at once; an error means that the peer is gone already.
            Self::Unix(stream) => drop(Pin::new(stream).poll_shutdown(cx)),
            Self::Tls(stream) => stream.shutdown_write(cx),
        }
    }

    /// The kernel's estimate of the round trip to the peer in microseconds; a Unix socket has none.
    pub(crate) fn round_trip(&self) -> Option<u32> {
        let socket = match self {
            Self::Tcp(socket) => socket.descriptor()?,
            Self::Unix(_) => return None,
            Self::Tls(stream) => return stream.socket().round_trip(),
        };
        let time = causeway_sys::round_trip_time(socket).ok()?;
        u32::try_from(time.as_micros()).ok()
    }

    /// Makes closing the stream a reset, so that the peer can't take what it got for complete.
    pub(crate) fn reset_on_close(&mut self) {
        match self {
            Self::Tcp(socket) => {
                if let Some(socket) = socket.descriptor() {
                    // Fails only where the peer is gone already.
                    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
            }
            Self::Unix(_) => {}
            Self::Tls(stream) => stream.reset_on_close(),
        }
    }
}
