//! Byte streams.

mod session;
mod tls;

use std::io::{self, IoSlice};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::coop;

use crate::buffer::Buffer;

pub(crate) use session::Session;
pub(crate) use tls::{TlsError, TlsStream};

/// A connection of any kind.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Reads once into the buffer's room, which must not be empty; 0 is the end of the stream.
    ///
    /// A read that does not fill the room tells the runtime that there is nothing more, so that waiting
    /// for the next bytes costs no system call of its own.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        if let Self::Tcp(stream) = self {
            let count = ready!(receive(stream, cx, buffer.space()))?;
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
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, room),
            Self::Tls(stream) => stream.poll_read(cx, room),
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
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
        // Nothing is read, so nothing is known afterwards that was not before.
        match self {
            Self::Tcp(stream) => Some(stream.try_io(Interest::READABLE, || Ok(())).is_ok()),
            Self::Unix(stream) => Some(stream.try_io(Interest::READABLE, || Ok(())).is_ok()),
            Self::Tls(_) => None,
        }
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => transmit(stream, cx, bytes, SendFlags::NOSIGNAL),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => stream.poll_write(cx, &[IoSlice::new(bytes)], false),
        }
    }

    /// Writes some of the bytes, behind which the stream is closed at once: the kernel holds the last of them
    /// back, so that they leave in one packet with the end of the stream.
    pub(crate) fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => transmit(stream, cx, bytes, SendFlags::MORE | SendFlags::NOSIGNAL),
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
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => stream.poll_write(cx, slices, false),
        }
    }

    /// The same at once or not at all, by anybody: who waits for the stream goes on waiting. `None` with TLS, which has
    /// to be given the same bytes again.
    pub(crate) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Some(stream.try_write_vectored(slices)),
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

    /// Says that nothing more will be written. Never waits.
    pub(crate) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        // Sockets shut down at once; an error means that the peer is gone already.
        let _ = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => {
                stream.shutdown_write(cx);
                return;
            }
        };
    }

    /// The kernel's estimate of the round trip to the peer in microseconds; a Unix socket has none.
    pub(crate) fn round_trip(&self) -> Option<u64> {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Unix(_) => return None,
            Self::Tls(stream) => return stream.socket().round_trip(),
        };
        let time = causeway_sys::round_trip_time(stream.as_fd()).ok()?;
        u64::try_from(time.as_micros()).ok()
    }

    /// Makes closing the stream a reset, so that the peer can't take what it got for complete.
    pub(crate) fn reset_on_close(&mut self) {
        match self {
            Self::Tcp(stream) => {
                // Fails only where the peer is gone already.
                let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            }
            Self::Unix(_) => {}
            Self::Tls(stream) => stream.reset_on_close(),
        }
    }
}

/// Reads once from a socket; 0 is the end.
///
/// The runtime is asked whether the socket is ready only where it is not known to be: most reads come when it has just
/// said so. A read that fills all room may be followed by another at once, and so on for as long as the peer likes:
/// such reads use up what a task may do before it has to let others run.
///
/// The system call is made here and not by the C library, whose functions are points at which a thread may be
/// cancelled, and prepare for that each time. So is that of [`transmit`]. Both are made for each message.
fn receive(stream: &TcpStream, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
    let wanted = room.len();
    loop {
        if coop::has_budget_remaining()
            && let Some(read) = once(stream, Interest::READABLE, wanted, || {
                recv(stream, &mut *room, RecvFlags::empty()).map(|(count, _)| count)
            })
        {
            if matches!(read, Ok(count) if count == wanted)
                && let Poll::Ready(used) = coop::poll_proceed(cx)
            {
                used.made_progress();
            }
            return Poll::Ready(read);
        }
        ready!(stream.poll_read_ready(cx))?;
    }
}

/// Writes some of the bytes to a socket, as [`receive`] reads. Whatever is written was read somewhere, so that this uses
/// up nothing.
fn transmit(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
    flags: SendFlags,
) -> Poll<io::Result<usize>> {
    loop {
        if coop::has_budget_remaining()
            && let Some(written) =
                once(stream, Interest::WRITABLE, bytes.len(), || send(stream, bytes, flags))
        {
            return Poll::Ready(written);
        }
        ready!(stream.poll_write_ready(cx))?;
    }
}

/// One system call that moves up to `wanted` bytes; `None` where it would have to wait. Where it moved fewer, the
/// runtime is told that it would have to wait now, as it does by itself.
fn once(
    stream: &TcpStream,
    interest: Interest,
    wanted: usize,
    mut call: impl FnMut() -> rustix::io::Result<usize>,
) -> Option<io::Result<usize>> {
    let mut moved = Err(io::ErrorKind::WouldBlock.into());
    // What came of it is in `moved`.
    let _ = stream.try_io(interest, || {
        moved = rustix::io::retry_on_intr(&mut call).map_err(io::Error::from);
        match &moved {
            Ok(count) if *count == 0 || *count == wanted => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Ok(()),
            Ok(_) | Err(_) => Err(io::Error::from(io::ErrorKind::WouldBlock)),
        }
    });
    match moved {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        moved => Some(moved),
    }
}
