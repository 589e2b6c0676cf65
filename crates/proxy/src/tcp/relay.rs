//! Bytes both ways: each direction has one buffer, which is lent while something is in it. Nothing more is read while
//! the other side can't take what was.
//!
//! Bytes are copied. Having the kernel move them (splice(2)) costs a sixth more in pieces of the same size, and no less
//! in pieces of 1 MiB, for which every connection would hold two pipes.

use std::io;
use std::task::{Context, Poll};

use crate::buffer::{Buffer, BufferPool, FOR_BODY, FOR_BULK};
use crate::io::Transport;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The source has nothing more to say.
    source_ended: bool,
    /// And the sink was told so.
    pub(super) ended: bool,
    /// The sink takes nothing for the moment.
    pub(super) blocked: bool,
    /// The last read filled all room: there is a lot.
    bulk: bool,
    /// Bytes that were read.
    pub(super) read: u64,
    /// Bytes that were written.
    pub(super) written: u64,
}

/// The two ends of a direction.
pub(super) struct Ends<'a> {
    pub(super) source: &'a mut Transport,
    pub(super) buffer: &'a mut Buffer,
    pub(super) sink: &'a mut Transport,
    pub(super) pool: &'a BufferPool,
    /// Most that is read from the source at once, rounded up to a size that memory is lent in; 0 is no limit.
    pub(super) most: u32,
    /// Asked of whatever comes from the source, and of its end: whether it is to be dropped.
    pub(super) shed: &'a dyn Fn() -> bool,
}

/// Why a direction can't go on.
#[derive(Debug)]
pub(super) enum Broken {
    Source(io::Error),
    Sink(io::Error),
    /// What came is not wanted.
    Shed,
}

impl Way {
    /// A direction of which so many bytes have been read before.
    pub(super) fn after(read: usize) -> Self {
        Self { read: read as u64, ..Self::default() }
    }

    /// Moves what can be moved. Ready once the source has ended, and all it had said is passed on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if !ends.buffer.is_empty() {
                match ends.sink.poll_write(cx, ends.buffer.filled()) {
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
                    }
                    Poll::Ready(Ok(count)) => {
                        ends.buffer.consume(count);
                        self.written += count as u64;
                        self.blocked = false;
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Sink(error))),
                    Poll::Pending => {
                        self.blocked = true;
                        return Poll::Pending;
                    }
                }
            }
            if self.source_ended {
                ends.sink.shutdown_write(cx);
                ends.pool.reclaim(ends.buffer);
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            let wanted = if self.bulk { FOR_BULK } else { FOR_BODY };
            let wanted = match usize::try_from(ends.most) {
                Ok(most) if most > 0 => wanted.min(most),
                _ => wanted,
            };
            ends.pool.make_room(ends.buffer, wanted);
            let room = ends.buffer.capacity();
            match ends.source.poll_read(cx, ends.buffer) {
                Poll::Ready(Ok(count)) => {
                    self.source_ended = count == 0;
                    self.bulk = count == room;
                    self.read += count as u64;
                    if (ends.shed)() {
                        return Poll::Ready(Err(Broken::Shed));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Source(error))),
                Poll::Pending => {
                    // What waits for its next bytes holds no memory for them.
                    ends.pool.reclaim(ends.buffer);
                    return Poll::Pending;
                }
            }
        }
    }
}
