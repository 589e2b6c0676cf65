//! Moving a body from one side to the other, whatever protocol either speaks.
//!
//! Small pieces are put behind what waits to be written, so that a head and a short body leave in one
//! write. Large pieces are written from where they were read. Nothing more is read while the other side
//! can't take it: with HTTP/2 that is what its windows are for.

mod ends;
mod kept;

use std::io;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use causeway_http::HeaderBlock;
use causeway_http::h1::{BodyDecoder, HeadWriter, KeyFormat, LAST_CHUNK, chunk_header};
use causeway_reason::Failure;

use crate::buffer::{BufferPool, FOR_BODY, FOR_BULK};
use crate::exchange::Next;
use crate::router::Copies;
use ends::Frame;
pub(crate) use ends::{Ends, Sink, Source};
pub(crate) use kept::Kept;

/// Pieces up to this size are copied.
const COPY: usize = 4 * 1024;
/// What is copied is written when there is that much of it.
const COPIED: usize = 16 * 1024;

/// The state of one body on its way.
#[derive(Debug)]
pub(crate) struct Pump {
    coming: Coming,
    going: Going,
    /// A piece that is being written.
    piece: Option<Piece>,
    /// What becomes of trailers on their way.
    trailers: Trailers,
    ended: bool,
    /// What happens with the sink behind the body.
    next: Next,
    /// The body is kept as well, as long as it is not too long.
    kept: Option<Kept>,
    /// Where it is copied to.
    copies: Option<Box<Copies>>,
    /// The last read filled all room: there is a lot.
    bulk: bool,
    /// There while the sink takes nothing.
    stalled: Option<Stalled>,
    /// Data bytes that had been passed when the source was read last.
    bytes_before: u64,
    /// Data bytes that were passed.
    pub(crate) bytes: u64,
    /// Bytes read from the source.
    pub(crate) read: u64,
    /// Bytes of the body that were used up, with what stands around its data.
    pub(crate) consumed: u64,
    /// Bytes written to the other side, with what stands around the data there.
    pub(crate) written: u64,
}

/// What waits for a sink that takes nothing, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stalled {
    /// Of it, what has not left the source's buffer.
    pub(crate) unread: usize,
    /// All of it.
    pub(crate) unwritten: usize,
}

/// What becomes of the trailers of a body.
#[derive(Debug)]
enum Trailers {
    /// They pass as they came.
    Pass,
    /// They are shown to somebody first, who may change them.
    Show,
    /// Those that pass.
    Changed(Box<HeaderBlock>),
}

/// How the body is told from what comes.
#[derive(Debug)]
enum Coming {
    /// HTTP/1: by its framing.
    Framed(BodyDecoder),
    /// HTTP/2: it is a stream of its own.
    Stream { done: bool, trailers: Option<Box<HeaderBlock>> },
}

/// How the body is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Going {
    /// HTTP/1, as it is: the head says how long it is, or there is nothing behind it.
    Plain,
    /// HTTP/1, in chunks.
    Chunked {
        /// Trailers are passed on behind it. Their names are in lower case, as with Envoy, whatever those of heads are.
        trailers: bool,
    },
    /// It is thrown away: nothing may follow the head.
    Nowhere,
    /// HTTP/2: in frames of its stream.
    Stream {
        /// Trailers are passed on behind it.
        trailers: bool,
    },
}

/// What is being written.
#[derive(Debug)]
enum Piece {
    /// It lies in the source's buffer, and that much is used up with it.
    InBuffer { start: usize, end: usize, consumed: usize },
    /// The data of a frame.
    OfFrame(Bytes),
}

/// Why a body does not arrive.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The source closed before the end.
    SourceClosed,
    /// The source failed: it was reset, mostly.
    Source(io::Error),
    /// The stream that the source is ended before the body did.
    SourceStream(h2::Error),
    /// The source broke the protocol.
    Malformed(Failure),
    /// The other side failed.
    Sink,
}

impl Stalled {
    /// A piece for that sink, behind what waits there already. What waits for the windows of a stream, which its
    /// connection counts, is none of it.
    fn of_piece(piece: &[u8], sink: &Sink<'_>) -> Self {
        match sink {
            Sink::Http1 { out, .. } => Self { unread: piece.len(), unwritten: piece.len() + out.pending() },
            Sink::Http2(_) | Sink::Client(_) => Self::default(),
        }
    }
}

impl Pump {
    /// A pump at the beginning of a body that comes by HTTP/1.
    pub(crate) const fn new(decoder: BodyDecoder, going: Going) -> Self {
        Self::with(Coming::Framed(decoder), going)
    }

    /// A pump at the beginning of a body that comes by HTTP/2; `done` where it has ended with its head.
    pub(crate) const fn of_stream(done: bool, going: Going) -> Self {
        Self::with(Coming::Stream { done, trailers: None }, going)
    }

    const fn with(coming: Coming, going: Going) -> Self {
        Self {
            coming,
            going,
            piece: None,
            trailers: Trailers::Pass,
            ended: false,
            next: Next::More,
            kept: None,
            copies: None,
            bulk: false,
            stalled: None,
            bytes_before: 0,
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
            Trailers::Show if self.has_come() => self.trailers_that_came(),
            _ => None,
        }
    }

    /// Has these pass.
    pub(crate) fn change_trailers(&mut self, trailers: HeaderBlock) {
        self.trailers = Trailers::Changed(Box::new(trailers));
    }

    /// The same, and the body is kept while it passes.
    pub(crate) fn keeping(mut self, most: Option<usize>) -> Self {
        self.kept = most.map(Kept::new);
        self
    }

    /// The same, and the body is copied to these while it passes.
    pub(crate) fn copying(mut self, copies: Option<Box<Copies>>) -> Self {
        self.copies = copies;
        self
    }

    /// What has been kept, where it was to be.
    pub(crate) const fn take_kept(&mut self) -> Option<Kept> {
        self.kept.take()
    }

    /// Whether there was more than could be kept; said once.
    pub(crate) fn has_given_up(&mut self) -> bool {
        self.kept.as_mut().is_some_and(Kept::tell_overflow)
    }

    /// Whether all that has passed is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| !kept.overflowed())
    }

    /// Begins anew with what has yet to come, towards another sink. What has come so far was kept, and is returned.
    pub(crate) fn begin_again(&mut self, source: &mut Source<'_>, going: Going) -> Vec<u8> {
        match (self.piece.take(), source) {
            (Some(Piece::InBuffer { consumed, .. }), Source::Http1 { buffer, .. }) => {
                buffer.consume(consumed);
            }
            (Some(Piece::OfFrame(data)), source) => source.release(data.len()),
            (Some(Piece::InBuffer { .. }) | None, _) => {}
        }
        self.going = going;
        self.ended = false;
        self.written = 0;
        self.kept.as_ref().map(|kept| kept.bytes().to_vec()).unwrap_or_default()
    }

    /// Trailers behind the body.
    pub(crate) fn trailers(&self) -> Option<HeaderBlock> {
        match &self.trailers {
            Trailers::Changed(trailers) => Some((**trailers).clone()),
            Trailers::Pass | Trailers::Show => self.trailers_that_came(),
        }
    }

    fn trailers_that_came(&self) -> Option<HeaderBlock> {
        match &self.coming {
            Coming::Framed(decoder) => decoder.trailers(),
            Coming::Stream { trailers, .. } => trailers.as_deref().cloned(),
        }
    }

    /// The source failed, but behind the end of the body.
    pub(crate) const fn source_ended(&mut self) {
        if let Coming::Stream { done, .. } = &mut self.coming {
            *done = true;
        }
    }

    /// Takes what came with something malformed as not passed: nothing of it leaves Envoy's codec.
    pub(crate) const fn forget_last_read(&mut self) {
        self.bytes = self.bytes_before;
    }

    /// What waits where the sink took nothing when it was given something last.
    pub(crate) const fn stalled(&self) -> Option<Stalled> {
        self.stalled
    }

    /// Whether all of the body has come.
    pub(crate) fn has_come(&self) -> bool {
        match &self.coming {
            Coming::Framed(decoder) => decoder.is_done(),
            Coming::Stream { done, .. } => *done,
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
            if self.has_come() {
                if self.trailers_to_change().is_some() {
                    return Poll::Ready(Ok(()));
                }
                if let Some(copies) = self.copies.take() {
                    copies.end(self.trailers().as_ref());
                }
                self.end(ends)?;
                return self.flush(self.next, cx, ends);
            }
            if let Some(copies) = &self.copies
                && copies.poll_room(cx).is_pending()
            {
                // What has come so far need not wait.
                ready!(self.flush(Next::More, cx, ends))?;
                return Poll::Pending;
            }
            if let (Source::Http1 { buffer, .. }, Coming::Framed(_)) = (&ends.source, &self.coming)
                && !buffer.is_empty()
            {
                self.decode(ends)?;
                if ends.sink.pending() >= COPIED {
                    ready!(self.flush(Next::More, cx, ends))?;
                }
                continue;
            }
            ready!(self.flush(Next::More, cx, ends))?;
            match self.read(cx, ends) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
    }

    /// Throws away what comes of the body, to its end.
    pub(crate) fn poll_away(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Source<'_>,
        pool: &BufferPool,
    ) -> Poll<Result<(), PumpError>> {
        while !self.has_come() {
            match (&mut self.coming, &mut *source) {
                (Coming::Framed(decoder), Source::Http1 { buffer, .. }) if !buffer.is_empty() => {
                    let found = decoder.decode(buffer.filled()).map_err(PumpError::Malformed)?;
                    self.bytes += (found.data_end - found.data_start) as u64;
                    buffer.consume(found.consumed);
                }
                (Coming::Framed(decoder), Source::Http1 { stream, buffer }) => {
                    pool.make_room(buffer, FOR_BODY);
                    match stream.poll_read(cx, buffer) {
                        Poll::Ready(Ok(0)) if decoder.close() => {}
                        Poll::Ready(Ok(0)) => return Poll::Ready(Err(PumpError::SourceClosed)),
                        Poll::Ready(Ok(count)) => self.read += count as u64,
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Source(error))),
                        Poll::Pending => {
                            pool.reclaim(buffer);
                            return Poll::Pending;
                        }
                    }
                }
                (Coming::Stream { done, trailers }, source) => match ready!(source.poll_frame(cx))? {
                    Frame::Data(data, last) => {
                        source.release(data.len());
                        self.read += data.len() as u64;
                        self.bytes += data.len() as u64;
                        *done = last;
                    }
                    Frame::End(found) => {
                        *trailers = found.map(Box::new);
                        *done = true;
                    }
                },
                (Coming::Framed(_), _) => return Poll::Ready(Err(PumpError::SourceClosed)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Throws away what has arrived of the body, and says whether that is all of it. What it is copied to gets it.
    pub(crate) fn discard(&mut self, source: &mut Source<'_>) -> bool {
        let copies = self.copies.take();
        let complete = self.discard_to(source, copies.as_deref());
        if let Some(copies) = copies.filter(|_| complete) {
            copies.end(self.trailers().as_ref());
        }
        complete
    }

    fn discard_to(&mut self, source: &mut Source<'_>, copies: Option<&Copies>) -> bool {
        match (&mut self.coming, source) {
            (Coming::Framed(decoder), Source::Http1 { buffer, .. }) => {
                if let Some(Piece::InBuffer { consumed, .. }) = self.piece.take() {
                    buffer.consume(consumed);
                }
                while !decoder.is_done() && !buffer.is_empty() {
                    let Ok(found) = decoder.decode(buffer.filled()) else { return false };
                    if let Some(copies) = copies {
                        copies.add(buffer.filled().get(found.data_start..found.data_end).unwrap_or_default());
                    }
                    self.bytes += (found.data_end - found.data_start) as u64;
                    self.consumed += found.consumed as u64;
                    buffer.consume(found.consumed);
                }
                decoder.is_done()
            }
            (Coming::Stream { done, .. }, Source::Http2(stream)) => {
                self.piece = None;
                *done || stream.is_end_stream()
            }
            (Coming::Stream { done, .. }, Source::Client(stream)) => {
                if let Some(Piece::OfFrame(data)) = self.piece.take() {
                    stream.release(data.len());
                }
                let mut quiet = Context::from_waker(Waker::noop());
                while let Some(copies) = copies
                    && let Poll::Ready(Some(Ok(data))) = stream.poll_data(&mut quiet)
                {
                    copies.add(&data);
                    self.bytes += data.len() as u64;
                    stream.release(data.len());
                }
                let (count, complete) = stream.discard();
                self.bytes += count as u64;
                *done || complete
            }
            _ => false,
        }
    }

    fn flush(
        &mut self,
        next: Next,
        cx: &mut Context<'_>,
        ends: &mut Ends<'_>,
    ) -> Poll<Result<(), PumpError>> {
        let flushed = ends.sink.poll_flush_before(next, cx);
        self.stalled = flushed.is_pending().then(|| Stalled { unread: 0, unwritten: ends.sink.pending() });
        flushed.map_err(|_| PumpError::Sink)
    }

    fn write_piece(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        // Whoever gets the last bytes of a stream need not be told its end in another frame.
        let last = self.has_come() && self.trailers().is_none();
        let sink_failed = |_| PumpError::Sink;
        match (&mut self.piece, &mut ends.source) {
            (Some(Piece::InBuffer { start, end, consumed }), Source::Http1 { buffer, .. }) => {
                let data = buffer.filled().get(*start..*end).unwrap_or_default();
                let written = ends.sink.poll_write(cx, data, last);
                self.stalled = written.is_pending().then(|| Stalled::of_piece(data, &ends.sink));
                *start += ready!(written).map_err(sink_failed)?;
                if start < end {
                    return Poll::Ready(Ok(()));
                }
                buffer.consume(*consumed);
            }
            (Some(Piece::OfFrame(data)), source) => {
                let written = ends.sink.poll_write_frame(cx, data, last);
                self.stalled = written.is_pending().then(|| Stalled::of_piece(data, &ends.sink));
                source.release(ready!(written).map_err(sink_failed)?);
                if !data.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            _ => {}
        }
        self.piece = None;
        self.ended |= last && matches!(self.going, Going::Stream { .. });
        if let (Going::Chunked { .. }, Sink::Http1 { out, .. }) = (self.going, &mut ends.sink) {
            out.bytes().extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(()))
    }

    fn decode(&mut self, ends: &mut Ends<'_>) -> Result<(), PumpError> {
        let (Coming::Framed(decoder), Source::Http1 { buffer, .. }) = (&mut self.coming, &mut ends.source)
        else {
            return Ok(());
        };
        let found = decoder.decode(buffer.filled()).map_err(PumpError::Malformed)?;
        let length = found.data_end - found.data_start;
        self.consumed += found.consumed as u64;
        if length == 0 {
            buffer.consume(found.consumed);
            return Ok(());
        }
        let data = buffer.filled().get(found.data_start..found.data_end).unwrap_or_default();
        if let Some(kept) = &mut self.kept {
            kept.add(data);
        }
        if let Some(copies) = &self.copies {
            copies.add(data);
        }
        self.announce(length, &mut ends.sink);
        match &mut ends.sink {
            Sink::Http1 { out, .. } if length <= COPY => {
                out.bytes().extend_from_slice(data);
                if let Going::Chunked { .. } = self.going {
                    out.bytes().extend_from_slice(b"\r\n");
                }
                buffer.consume(found.consumed);
            }
            _ => {
                let (start, end, consumed) = (found.data_start, found.data_end, found.consumed);
                self.piece = Some(Piece::InBuffer { start, end, consumed });
            }
        }
        Ok(())
    }

    /// Data of that length is what is written next.
    fn announce(&mut self, length: usize, sink: &mut Sink<'_>) {
        self.bytes += length as u64;
        self.written += length as u64;
        if let (Going::Chunked { .. }, Sink::Http1 { out, .. }) = (self.going, sink) {
            let (header, size) = chunk_header(length);
            self.written += (size + b"\r\n".len()) as u64;
            out.bytes().extend_from_slice(header.get(..size).unwrap_or_default());
        }
    }

    fn end(&mut self, ends: &mut Ends<'_>) -> Result<(), PumpError> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        match (self.going, &mut ends.sink) {
            (Going::Chunked { trailers }, Sink::Http1 { out, .. }) => {
                let before = out.pending();
                match trailers.then(|| self.trailers()).flatten() {
                    Some(trailers) => {
                        let mut fields = HeadWriter::last_chunk(out.bytes(), KeyFormat::LowerCase);
                        fields.fields(&trailers, |_| true);
                        fields.end();
                    }
                    None => out.bytes().extend_from_slice(LAST_CHUNK),
                }
                self.written += (out.pending() - before) as u64;
            }
            (Going::Stream { trailers }, sink) => {
                let trailers = trailers.then(|| self.trailers()).flatten();
                sink.end_stream(trailers.as_ref())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        match (&mut self.coming, &mut ends.source) {
            (Coming::Framed(decoder), Source::Http1 { stream, buffer }) => {
                let bulk = self.bulk && ends.sink.takes_large_pieces();
                let wanted = if bulk { FOR_BULK } else { FOR_BODY };
                let wanted = match usize::try_from(ends.most) {
                    Ok(most) if most > 0 => wanted.min(most),
                    _ => wanted,
                };
                self.bytes_before = self.bytes;
                ends.pool.make_room(buffer, wanted);
                let room = buffer.capacity();
                match stream.poll_read(cx, buffer) {
                    Poll::Ready(Ok(0)) if decoder.close() => Poll::Ready(Ok(())),
                    Poll::Ready(Ok(0)) => Poll::Ready(Err(PumpError::SourceClosed)),
                    Poll::Ready(Ok(count)) => {
                        self.bulk = count == room;
                        self.read += count as u64;
                        Poll::Ready(Ok(()))
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Source(error))),
                    Poll::Pending => {
                        // What waits for its next bytes holds no memory for them.
                        ends.pool.reclaim(buffer);
                        Poll::Pending
                    }
                }
            }
            (Coming::Stream { .. }, _) => self.read_frame(cx, ends),
            _ => Poll::Ready(Err(PumpError::SourceClosed)),
        }
    }

    fn read_frame(&mut self, cx: &mut Context<'_>, ends: &mut Ends<'_>) -> Poll<Result<(), PumpError>> {
        let frame = ready!(ends.source.poll_frame(cx))?;
        let Coming::Stream { done, trailers } = &mut self.coming else { return Poll::Ready(Ok(())) };
        let data = match frame {
            Frame::Data(data, last) => {
                *done = last;
                data
            }
            Frame::End(found) => {
                *trailers = found.map(Box::new);
                *done = true;
                return Poll::Ready(Ok(()));
            }
        };
        self.read += data.len() as u64;
        self.consumed += data.len() as u64;
        if let Going::Nowhere = self.going {
            ends.source.release(data.len());
            return Poll::Ready(Ok(()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(kept) = &mut self.kept {
            kept.add(&data);
        }
        if let Some(copies) = &self.copies {
            copies.add(&data);
        }
        self.announce(data.len(), &mut ends.sink);
        match &mut ends.sink {
            Sink::Http1 { out, .. } if data.len() <= COPY => {
                out.bytes().extend_from_slice(&data);
                if let Going::Chunked { .. } = self.going {
                    out.bytes().extend_from_slice(b"\r\n");
                }
                ends.source.release(data.len());
            }
            _ => self.piece = Some(Piece::OfFrame(data)),
        }
        Poll::Ready(Ok(()))
    }
}
