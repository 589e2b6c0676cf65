//! Moving a body from one connection to another.
//!
//! Small pieces are put behind what waits to be written, so that a head and a short body leave in one
//! write. Large pieces are written from where they were read. Nothing more is read while the other side
//! can't take it.

use std::io;
use std::task::{Context, Poll};

use causeway_http::HeaderBlock;
use causeway_http::h1::{BodyDecoder, HeadWriter, KeyFormat, LAST_CHUNK, chunk_header};
use causeway_reason::Failure;

use crate::buffer::{Buffer, BufferPool, FOR_BODY, FOR_BULK};
use crate::exchange::{Next, Outgoing};
use crate::io::Transport;

/// Pieces up to this size are copied.
const COPY: usize = 4 * 1024;
/// What is copied is written when there is that much of it.
const COPIED: usize = 16 * 1024;

/// The state of one body on its way.
#[derive(Debug)]
pub(crate) struct Pump {
    decoder: BodyDecoder,
    /// The body is written in chunks.
    chunked: bool,
    /// Trailers are passed on behind a chunked body.
    pass_trailers: Option<KeyFormat>,
    /// A large piece that is being written.
    piece: Option<Piece>,
    /// What becomes of trailers on their way.
    trailers: Trailers,
    ended: bool,
    /// What happens with the sink behind the body.
    next: Next,
    /// The body is kept as well, as long as it is not too long.
    kept: Option<Kept>,
    /// The last read filled all room: there is a lot.
    bulk: bool,
    /// Data bytes that were passed.
    pub(crate) bytes: u64,
    /// Bytes read from the source.
    pub(crate) read: u64,
    /// Bytes of the body that were used up, with what stands around its data.
    pub(crate) consumed: u64,
    /// Bytes written to the other side, with what stands around the data there.
    pub(crate) written: u64,
}

/// What becomes of the trailers of a body.
#[derive(Debug)]
enum Trailers {
    /// They pass as they came.
    Pass,
    /// They are shown to somebody first, who may change them.
    Show,
    /// Those that pass.
    Changed(HeaderBlock),
}

/// A body that may have to be sent once more.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    /// Most bytes that are kept.
    most: usize,
    /// There were more, and nothing is kept.
    overflowed: bool,
}

impl Kept {
    /// Nothing so far.
    pub(crate) const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, overflowed: false }
    }

    /// Whether there was too much of it.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The body, unless there was too much of it.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.overflowed).then_some(self.bytes)
    }

    fn add(&mut self, data: &[u8]) {
        if self.overflowed {
            return;
        }
        if self.bytes.len() + data.len() > self.most {
            *self = Self { overflowed: true, ..Self::new(self.most) };
        } else {
            self.bytes.extend_from_slice(data);
        }
    }
}

/// Where in the source's buffer a piece lies, and what is used up with it.
#[derive(Debug)]
struct Piece {
    start: usize,
    end: usize,
    consumed: usize,
}

/// Why a body does not arrive.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The source closed before the end.
    SourceClosed,
    /// The source failed: it was reset, mostly.
    Source(io::Error),
    /// The source broke the protocol.
    Malformed(Failure),
    /// The other side failed.
    Sink,
}

/// The two ends of a body's way.
pub(crate) struct Ends<'a> {
    pub(crate) source: &'a mut Transport,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) sink: &'a mut Transport,
    pub(crate) out: &'a mut Outgoing,
    pub(crate) pool: &'a BufferPool,
    /// Most that is read from the source at once, rounded up to a size that memory is lent in; 0 is no limit.
    pub(crate) most: u32,
}

impl Pump {
    /// A pump at the beginning of a body.
    pub(crate) const fn new(decoder: BodyDecoder, chunked: bool, pass_trailers: Option<KeyFormat>) -> Self {
        Self {
            decoder,
            chunked,
            pass_trailers,
            piece: None,
            trailers: Trailers::Pass,
            ended: false,
            next: Next::More,
            kept: None,
            bulk: false,
            bytes: 0,
            read: 0,
            consumed: 0,
            written: 0,
        }
    }

    /// The same, where this happens with the sink as soon as the body is complete.
    pub(crate) const fn before(mut self, next: Next) -> Self {
        self.next = next;
        self
    }

    /// The same, where trailers are shown before they pass ([`Self::trailers_to_change`]).
    pub(crate) fn showing_trailers(mut self, show: bool) -> Self {
        if show {
            self.trailers = Trailers::Show;
        }
        self
    }

    /// Trailers that wait to be changed. A body is not complete before [`Self::change_trailers`] where there are some.
    pub(crate) fn trailers_to_change(&self) -> Option<HeaderBlock> {
        match self.trailers {
            Trailers::Show if self.decoder.is_done() => self.decoder.trailers(),
            _ => None,
        }
    }

    /// Has these pass.
    pub(crate) fn change_trailers(&mut self, trailers: HeaderBlock) {
        self.trailers = Trailers::Changed(trailers);
    }

    /// The same, and the body is kept while it passes.
    pub(crate) fn keeping(mut self, most: Option<usize>) -> Self {
        self.kept = most.map(Kept::new);
        self
    }

    /// What has been kept, where it was to be.
    pub(crate) const fn take_kept(&mut self) -> Option<Kept> {
        self.kept.take()
    }

    /// Trailers behind the body.
    pub(crate) fn trailers(&self) -> Option<HeaderBlock> {
        match &self.trailers {
            Trailers::Changed(trailers) => Some(trailers.clone()),
            Trailers::Pass | Trailers::Show => self.decoder.trailers(),
        }
    }

    /// Moves what can be moved. Ready when the body is complete and written, or trailers wait to be changed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        loop {
            if self.piece.is_some() {
                match self.write_piece(cx, ends) {
                    Poll::Ready(Ok(())) => continue,
                    other => return other,
                }
            }
            if self.decoder.is_done() {
                if self.trailers_to_change().is_some() {
                    return Poll::Ready(Ok(()));
                }
                self.end(ends.out);
                return ends.out.poll_flush_before(self.next, cx, ends.sink).map_err(|_| PumpError::Sink);
            }
            if !ends.buffer.is_empty() {
                self.decode(ends)?;
                if ends.out.pending() >= COPIED {
                    match ends.out.poll_flush(cx, ends.sink) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Sink)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                continue;
            }
            match ends.out.poll_flush(cx, ends.sink) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Sink)),
                Poll::Pending => return Poll::Pending,
            }
            match self.read(cx, ends) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
    }

    /// Throws away what has arrived of the body, and says whether that is all of it.
    pub(crate) fn discard(&mut self, buffer: &mut Buffer) -> bool {
        if let Some(piece) = self.piece.take() {
            buffer.consume(piece.consumed);
        }
        while !self.decoder.is_done() && !buffer.is_empty() {
            let Ok(found) = self.decoder.decode(buffer.filled()) else { return false };
            self.bytes += (found.data_end - found.data_start) as u64;
            buffer.consume(found.consumed);
        }
        self.decoder.is_done()
    }

    fn write_piece(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        let Some(piece) = &mut self.piece else { return Poll::Ready(Ok(())) };
        let data = ends.buffer.filled().get(piece.start..piece.end).unwrap_or_default();
        match ends.out.poll_write_behind(cx, ends.sink, data) {
            Poll::Ready(Ok(count)) => piece.start += count,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Sink)),
            Poll::Pending => return Poll::Pending,
        }
        if piece.start >= piece.end {
            ends.buffer.consume(piece.consumed);
            self.piece = None;
            if self.chunked {
                ends.out.bytes().extend_from_slice(b"\r\n");
            }
        }
        Poll::Ready(Ok(()))
    }

    fn decode(&mut self, ends: &mut Ends<'_>) -> Result<(), PumpError> {
        let found = self.decoder.decode(ends.buffer.filled()).map_err(PumpError::Malformed)?;
        let length = found.data_end - found.data_start;
        self.consumed += found.consumed as u64;
        if length == 0 {
            ends.buffer.consume(found.consumed);
            return Ok(());
        }
        self.bytes += length as u64;
        self.written += length as u64;
        if let Some(kept) = &mut self.kept {
            kept.add(ends.buffer.filled().get(found.data_start..found.data_end).unwrap_or_default());
        }
        if self.chunked {
            let (header, size) = chunk_header(length);
            self.written += (size + b"\r\n".len()) as u64;
            ends.out.bytes().extend_from_slice(header.get(..size).unwrap_or_default());
        }
        if length <= COPY {
            let data = ends.buffer.filled().get(found.data_start..found.data_end).unwrap_or_default();
            ends.out.bytes().extend_from_slice(data);
            if self.chunked {
                ends.out.bytes().extend_from_slice(b"\r\n");
            }
            ends.buffer.consume(found.consumed);
        } else {
            self.piece =
                Some(Piece { start: found.data_start, end: found.data_end, consumed: found.consumed });
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Outgoing) {
        if std::mem::replace(&mut self.ended, true) || !self.chunked {
            return;
        }
        let before = out.pending();
        match self.pass_trailers.zip(self.trailers()) {
            Some((format, trailers)) => {
                out.bytes().extend_from_slice(b"0\r\n");
                let mut fields = HeadWriter::trailers(out.bytes(), format);
                fields.fields(&trailers, |_| true);
                fields.end();
            }
            None => out.bytes().extend_from_slice(LAST_CHUNK),
        }
        self.written += (out.pending() - before) as u64;
    }

    fn read(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        let wanted = if self.bulk { FOR_BULK } else { FOR_BODY };
        let wanted = match usize::try_from(ends.most) {
            Ok(most) if most > 0 => wanted.min(most),
            _ => wanted,
        };
        ends.pool.make_room(ends.buffer, wanted);
        let room = ends.buffer.capacity();
        match ends.source.poll_read(cx, ends.buffer) {
            Poll::Ready(Ok(0)) if self.decoder.close() => Poll::Ready(Ok(())),
            Poll::Ready(Ok(0)) => Poll::Ready(Err(PumpError::SourceClosed)),
            Poll::Ready(Ok(count)) => {
                self.bulk = count == room;
                self.read += count as u64;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Source(error))),
            Poll::Pending => {
                // What waits for its next bytes holds no memory for them.
                ends.pool.reclaim(ends.buffer);
                Poll::Pending
            }
        }
    }
}
