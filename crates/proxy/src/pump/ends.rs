//! The two ends of a body's way.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use causeway_http::HeaderBlock;

use super::PumpError;
use crate::buffer::{Buffer, BufferPool};
use crate::downstream::ClientStream;
use crate::exchange::{Next, Outgoing};
use crate::http2;
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
    /// A stream of HTTP/2 from a back-end.
    Http2(&'a mut h2::RecvStream),
    /// A stream of a client.
    Client(&'a mut ClientStream),
}

/// What comes next of a body that is a stream.
pub(super) enum Frame {
    /// A piece; whether it is known to be the last thing.
    Data(Bytes, bool),
    /// Nothing more, and what stands behind it.
    End(Option<HeaderBlock>),
}

impl Source<'_> {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, PumpError>> {
        match self {
            Self::Http1 { .. } => Poll::Ready(Err(PumpError::SourceClosed)),
            Self::Http2(stream) => match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => Poll::Ready(Ok(Frame::Data(data, stream.is_end_stream()))),
                Some(Err(error)) => Poll::Ready(Err(PumpError::SourceStream(error))),
                None => {
                    let found = ready!(stream.poll_trailers(cx)).map_err(PumpError::SourceStream)?;
                    Poll::Ready(Ok(Frame::End(found.map(|fields| http2::block(&fields)))))
                }
            },
            Self::Client(stream) => match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => Poll::Ready(Ok(Frame::Data(data, stream.is_at_end()))),
                Some(Err(error)) => Poll::Ready(Err(PumpError::Source(error))),
                None => Poll::Ready(Ok(Frame::End(stream.trailers()))),
            },
        }
    }

    /// So much of what came in frames has been taken.
    pub(super) fn release(&mut self, count: usize) {
        match self {
            Self::Http1 { .. } => {}
            // Fails only where the stream is gone, and then nobody waits for room on it.
            Self::Http2(stream) => {
                let _ = stream.flow_control().release_capacity(count);
            }
            Self::Client(stream) => stream.release(count),
        }
    }
}

/// Where it goes to.
pub(crate) enum Sink<'a> {
    /// A connection of HTTP/1, and what waits to be written to it.
    Http1 { stream: &'a mut Transport, out: &'a mut Outgoing },
    /// A stream of HTTP/2 to a back-end. What is sent on it is written by its connection.
    Http2(&'a mut h2::SendStream<Bytes>),
    /// A stream of a client.
    Client(&'a mut ClientStream),
}

impl Sink<'_> {
    /// Bytes that wait here to be written.
    pub(super) fn pending(&self) -> usize {
        match self {
            Self::Http1 { out, .. } => out.pending(),
            Self::Http2(_) | Self::Client(_) => 0,
        }
    }

    /// Whether it is worth to read much at once: what goes in frames goes in pieces of that size anyway, unless many
    /// of them can be written from where they lie.
    pub(super) fn takes_large_pieces(&self) -> bool {
        match self {
            Self::Http1 { .. } => true,
            Self::Http2(_) => false,
            Self::Client(stream) => stream.takes_large_pieces(),
        }
    }

    /// Writes what waits here; what happens next with the sink is known.
    pub(crate) fn poll_flush_before(&mut self, next: Next, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Http1 { stream, out } => out.poll_flush_before(next, cx, stream),
            Self::Http2(_) | Self::Client(_) => Poll::Ready(Ok(())),
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
            Self::Client(stream) => stream.poll_write(cx, data, last),
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
            Self::Client(stream) => {
                let count = ready!(stream.poll_room(cx, data.len()))?;
                let piece = data.split_to(count);
                stream.send(&piece, last && data.is_empty());
                Poll::Ready(Ok(count))
            }
        }
    }

    /// Ends what is a stream, with trailers where there are some.
    pub(crate) fn end_stream(&mut self, trailers: Option<&HeaderBlock>) -> Result<(), PumpError> {
        match (self, trailers) {
            (Self::Http1 { .. }, _) => Ok(()),
            (Self::Http2(stream), trailers) => match trailers {
                Some(trailers) => stream.send_trailers(http2::fields(trailers)),
                None => stream.send_data(Bytes::new(), true),
            }
            .map_err(|_| PumpError::Sink),
            (Self::Client(stream), Some(trailers)) => {
                stream.send_trailers(trailers);
                Ok(())
            }
            (Self::Client(stream), None) => {
                stream.end();
                Ok(())
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
