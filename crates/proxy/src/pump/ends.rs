//! The two ends of a body's way.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};

use crate::buffer::{Buffer, BufferPool};
use crate::exchange::{Next, Outgoing};
use crate::io::Transport;

/// The two ends of a body's way.
pub(crate) struct Ends<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) sink: Sink<'a>,
    pub(crate) pool: &'a BufferPool,
    /// Most that is read from the source at once, rounded up to a size that memory is lent in; 0 is no limit.
    pub(crate) most: u32,
}

/// Where a body comes from.
pub(crate) enum Source<'a> {
    /// A connection of HTTP/1, and what was read from it.
    Http1 { stream: &'a mut Transport, buffer: &'a mut Buffer },
    /// A stream of HTTP/2.
    Http2(&'a mut h2::RecvStream),
}

/// Where it goes to.
pub(crate) enum Sink<'a> {
    /// A connection of HTTP/1, and what waits to be written to it.
    Http1 { stream: &'a mut Transport, out: &'a mut Outgoing },
    /// A stream of HTTP/2. What is sent on it is written by its connection.
    Http2(&'a mut h2::SendStream<Bytes>),
}

impl Sink<'_> {
    /// Bytes that wait here to be written.
    pub(super) fn pending(&self) -> usize {
        match self {
            Self::Http1 { out, .. } => out.pending(),
            Self::Http2(_) => 0,
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_before(Next::More, cx)
    }

    /// Writes what waits here; what happens next with the sink is known.
    pub(crate) fn poll_flush_before(&mut self, next: Next, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Http1 { stream, out } => out.poll_flush_before(next, cx, stream),
            Self::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// Writes some of the data; `last` where the body ends with it.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1 { stream, out } => out.poll_write_behind(cx, stream, data),
            Self::Http2(stream) => {
                let count = ready!(poll_room(stream, cx, data.len()))?;
                let piece = data.get(..count).unwrap_or_default();
                let ends = last && count == data.len();
                stream.send_data(Bytes::copy_from_slice(piece), ends).map_err(io::Error::other)?;
                Poll::Ready(Ok(count))
            }
        }
    }

    /// Writes some of the data of a frame, which is taken off it.
    pub(crate) fn poll_write_frame(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1 { stream, out } => {
                let count = ready!(out.poll_write_behind(cx, stream, data))?;
                data.advance(count);
                Poll::Ready(Ok(count))
            }
            Self::Http2(stream) => {
                let count = ready!(poll_room(stream, cx, data.len()))?;
                let piece = data.split_to(count);
                stream.send_data(piece, last && data.is_empty()).map_err(io::Error::other)?;
                Poll::Ready(Ok(count))
            }
        }
    }
}

/// Waits until the windows of the stream and its connection have room for some of that many bytes.
fn poll_room(
    stream: &mut h2::SendStream<Bytes>,
    cx: &mut Context<'_>,
    wanted: usize,
) -> Poll<io::Result<usize>> {
    stream.reserve_capacity(wanted);
    loop {
        let room = stream.capacity();
        if room > 0 {
            return Poll::Ready(Ok(room.min(wanted)));
        }
        match ready!(stream.poll_capacity(cx)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}
