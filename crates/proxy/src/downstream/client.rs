//! A client's side of a request: the connection of HTTP/1 that it came on.

use std::io;
use std::task::{Context, Poll};

use crate::buffer::{Buffer, BufferPool};
use crate::exchange::Outgoing;
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
    },
}

impl Client {
    /// A connection of HTTP/1, and what has been read from it.
    pub(crate) const fn http1(stream: Transport, inbound: Buffer) -> Self {
        Self::Http1 { stream, inbound }
    }

    /// Where the body of a request comes from.
    pub(crate) const fn source(&mut self) -> Source<'_> {
        match self {
            Self::Http1 { stream, inbound } => Source::Http1 { stream, buffer: inbound },
        }
    }

    /// Where the body of a response goes to, behind what waits to be written.
    pub(crate) const fn sink<'a>(&'a mut self, out: &'a mut Outgoing) -> Sink<'a> {
        match self {
            Self::Http1 { stream, .. } => Sink::Http1 { stream, out },
        }
    }

    /// Bytes that have arrived and that nobody has used up.
    pub(super) fn unread(&self) -> &[u8] {
        match self {
            Self::Http1 { inbound, .. } => inbound.filled(),
        }
    }

    /// Uses up bytes that have arrived.
    pub(super) fn consume(&mut self, count: usize) {
        match self {
            Self::Http1 { inbound, .. } => inbound.consume(count),
        }
    }

    /// Gives back the memory that held what arrived, unless it still holds something.
    pub(super) fn reclaim(&mut self, pool: &BufferPool) {
        match self {
            Self::Http1 { inbound, .. } => pool.reclaim(inbound),
        }
    }

    /// Makes room for what arrives; false where there is that much and it is full.
    pub(super) fn make_room(&mut self, pool: &BufferPool, wanted: usize) -> bool {
        match self {
            Self::Http1 { inbound, .. } => pool.make_room(inbound, wanted),
        }
    }

    /// Reads once into the room that was made; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1 { stream, inbound } => stream.poll_read(cx, inbound),
        }
    }

    /// Ready once there is something to read, or the end. May be ready too early.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Http1 { stream, .. } => stream.poll_read_ready(cx),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Http1 { stream, .. } => stream.shutdown_write(cx),
        }
    }

    /// The kernel's estimate of the round trip to the client, in microseconds.
    pub(super) fn round_trip(&self) -> Option<u64> {
        match self {
            Self::Http1 { stream, .. } => stream.round_trip(),
        }
    }

    /// The response is not complete, and its end can't be told from one that is: the client has to see it.
    pub(crate) fn break_off(&mut self) {
        match self {
            Self::Http1 { stream, .. } => stream.reset_on_close(),
        }
    }
}
