//! Byte streams.

use std::io::{self, IoSlice};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::buffer::Buffer;

/// A connection of any kind. Transports such as TLS become variants here.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Transport {
    /// Reads once into the buffer's room, which must not be empty; 0 is the end of the stream.
    ///
    /// A read that does not fill the room tells the runtime that there is nothing more, so that waiting
    /// for the next bytes costs no system call of its own.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(buffer.space());
        ready!(self.poll_read_into(cx, &mut room))?;
        let count = room.filled().len();
        buffer.advance(count);
        Poll::Ready(Ok(count))
    }

    /// Reads once into this room; what is not longer than before is the end of the stream.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, room),
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Writes some of the bytes, behind which the stream is closed at once: the kernel holds the last of them
    /// back, so that they leave in one packet with the end of the stream.
    pub(crate) fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self::Tcp(stream) = self else { return self.poll_write(cx, bytes) };
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let written = stream.try_io(Interest::WRITABLE, || {
                Ok(send(&*stream, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
            });
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes some of the bytes of several slices.
    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    /// Says that nothing more will be written. Never waits.
    pub(crate) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        // Both kinds shut down at once; an error means that the peer is gone already.
        let _ = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        };
    }

    /// The kernel's estimate of the round trip to the peer in microseconds; a Unix socket has none.
    pub(crate) fn round_trip(&self) -> Option<u64> {
        let Self::Tcp(stream) = self else { return None };
        let time = causeway_sys::round_trip_time(stream.as_fd()).ok()?;
        u64::try_from(time.as_micros()).ok()
    }

    /// Makes closing the stream a reset, so that the peer can't take what it got for complete.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            // Fails only where the peer is gone already.
            let _ = socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}
