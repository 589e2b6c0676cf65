//! A client's side of a request: the connection of HTTP/1, or the stream of HTTP/2, that it came on.

use std::io;
use std::task::{Context, Poll};

use tokio::task::coop;

use super::ClientStream;
use crate::buffer::{Buffer, BufferPool};
use crate::exchange::{Facts, Outgoing};
use crate::io::Transport;
use crate::pump::{Sink, Source};

/// A client's side of a request.
#[derive(Debug)]
pub(crate) enum Client {
    /// A connection of HTTP/1, on which requests come one after the other.
    Http1 {
        stream: Transport,
        /// What the client sent and nobody used up yet.
        inbound: Buffer,
        /// The task that serves the connection is woken when something comes: that has been asked for, and nothing has
        /// been read since.
        watched: bool,
    },
    /// A stream of HTTP/2: one request.
    Http2(ClientStream),
}

impl Client {
    /// A connection of HTTP/1, and what has been read from it.
    pub(crate) const fn http1(stream: Transport, inbound: Buffer) -> Self {
        Self::Http1 { stream, inbound, watched: false }
    }

    /// Where the body of a request comes from.
    pub(crate) const fn source(&mut self) -> Source<'_> {
        match self {
            Self::Http1 { stream, inbound, watched } => {
                *watched = false;
                Source::Http1 { stream, buffer: inbound }
            }
            Self::Http2(stream) => Source::Client(stream),
        }
    }

    /// Where the body of a response goes to, behind what waits to be written.
    pub(crate) const fn sink<'a>(&'a mut self, out: &'a mut Outgoing) -> Sink<'a> {
        match self {
            Self::Http1 { stream, .. } => Sink::Http1 { stream, out },
            Self::Http2(stream) => Sink::Client(stream),
        }
    }

    /// Notes how many bytes a request and its response were, where only the client's side knows.
    pub(crate) fn count_into(&self, facts: &mut Facts) {
        if let Self::Http2(stream) = self {
            let (received, sent, head) = stream.wire();
            facts.wire_received = received;
            facts.wire_sent = sent;
            facts.response_field_bytes = head;
        }
    }

    /// Bytes that have arrived and that nobody has used up.
    pub(super) fn unread(&self) -> &[u8] {
        match self {
            Self::Http1 { inbound, .. } => inbound.filled(),
            // What has arrived is a piece of its body, and is taken as such.
            Self::Http2(_) => &[],
        }
    }

    /// Uses up bytes that have arrived.
    pub(super) fn consume(&mut self, count: usize) {
        match self {
            Self::Http1 { inbound, .. } => inbound.consume(count),
            Self::Http2(_) => {}
        }
    }

    /// Gives back the memory that held what arrived, unless it still holds something.
    pub(super) fn reclaim(&mut self, pool: &BufferPool) {
        match self {
            Self::Http1 { inbound, .. } => pool.reclaim(inbound),
            Self::Http2(_) => {}
        }
    }

    /// Makes room for what arrives; false where there is that much and it is full.
    pub(super) fn make_room(&mut self, pool: &BufferPool, wanted: usize) -> bool {
        match self {
            Self::Http1 { inbound, .. } => pool.make_room(inbound, wanted),
            Self::Http2(_) => false,
        }
    }

    /// Reads once into the room that was made; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1 { stream, inbound, watched } => {
                *watched = false;
                stream.poll_read(cx, inbound)
            }
            Self::Http2(_) => Poll::Ready(Ok(0)),
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early. Polled by the task that serves the
    /// connection, and no other.
    pub(super) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Http1 { stream, watched, .. } => {
                // A request is served between two looks, mostly, and meanwhile nothing comes.
                if *watched && let Some(readable) = stream.is_readable() {
                    *watched = !readable;
                    return if readable { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
                let ready = stream.poll_read_ready(cx);
                // A task that has had its turn is told to wait without being heard.
                *watched = ready.is_pending() && coop::has_budget_remaining();
                ready
            }
            Self::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether nobody would be woken by what the client does.
    pub(super) const fn is_unwatched(&self) -> bool {
        matches!(self, Self::Http1 { stream, .. } if stream.is_unwatched())
    }

    /// Whether something has come since somebody was told to wait for it, as far as is known.
    pub(super) fn has_stirred(&self) -> bool {
        matches!(self, Self::Http1 { stream, watched: true, .. } if stream.is_readable() == Some(true))
    }

    /// Whether the client has left, where nobody would be woken by that.
    pub(super) fn has_left_unwatched(&self) -> bool {
        matches!(self, Self::Http1 { stream, .. } if stream.has_ended_unwatched())
    }

    /// Has what the client does wake the task that serves the connection.
    pub(super) fn watch(&mut self) {
        if let Self::Http1 { stream, .. } = self {
            stream.watch();
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Http1 { stream, .. } => stream.shutdown_write(cx),
            Self::Http2(_) => {}
        }
    }

    /// The kernel's estimate of the round trip to the client, in microseconds.
    pub(super) fn round_trip(&self) -> Option<u32> {
        match self {
            Self::Http1 { stream, .. } => stream.round_trip(),
            // Its connection is asked.
            Self::Http2(_) => None,
        }
    }

    /// The response is not complete, and its end can't be told from one that is: the client has to see it.
    pub(crate) fn break_off(&mut self) {
        match self {
            Self::Http1 { stream, .. } => stream.reset_on_close(),
            // It is reset when it is dropped.
            Self::Http2(_) => {}
        }
    }
}
