//! What waits to be written on a connection, and the connection that it is written to.
//!
//! Frames are put behind each other, so that those of many streams leave in one write. A large piece of a body is
//! written from where it lies, behind what waits.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_http::h2::{FRAME_HEADER, FrameHeader, Kind, flags};

use super::session::LARGEST_FRAME;
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::io::Transport;
use crate::snapshot::HttpRuntime;
use crate::stats::{Http2Stat, HttpStat};
use crate::worker::Worker;

/// Bytes that may wait to be written before no more bodies are taken from back-ends.
pub(super) const ROOM: usize = 32 * 1024;
/// Frames that are written from where they lie at once: as many as a large read of a body makes.
const AT_ONCE: usize = 3;
/// Frames of which an idle connection remembers that they waited.
const FEW_FRAMES: usize = 16;

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Output {
    worker: Rc<Worker>,
    info: Rc<ConnectionInfo>,
    /// Who counts what is written.
    pub(super) listener: Rc<HttpRuntime>,
    /// `None` once it is closed.
    transport: Option<Transport>,
    /// Bytes to be written, and how many of them have been.
    out: Vec<u8>,
    written: usize,
    /// All bytes that were ever put there.
    queued: u64,
    /// For each frame that waits: where it ends among all bytes, and whether it is one of those that a client can
    /// make us send for nothing.
    frames: VecDeque<(u64, bool)>,
    control_frames: u32,
    /// What the gauges say that waits: frames, and those a client can ask for.
    shown: (i64, i64),
    /// The client takes no more now.
    blocked: bool,
}

/// What came of writing a piece of a body from where it lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Through {
    /// Frames with that many bytes of it are on their way.
    Sent(usize),
    /// The client takes no more now. There is something that waits to be written, and somebody to be told of it.
    Blocked,
    /// That can't be done; the piece has to be put behind what waits.
    Not,
}

impl Output {
    pub(super) const fn new(
        worker: Rc<Worker>,
        info: Rc<ConnectionInfo>,
        listener: Rc<HttpRuntime>,
        transport: Transport,
    ) -> Self {
        Self {
            worker,
            info,
            listener,
            transport: Some(transport),
            out: Vec::new(),
            written: 0,
            queued: 0,
            frames: VecDeque::new(),
            control_frames: 0,
            shown: (0, 0),
            blocked: false,
        }
    }

    /// Bytes that wait to be written.
    pub(super) const fn pending(&self) -> usize {
        self.out.len() - self.written
    }

    /// Frames that wait to be written, and how many of those a client can ask for.
    pub(super) fn waiting_frames(&self) -> (usize, u32) {
        (self.frames.len(), self.control_frames)
    }

    /// Puts a frame behind those that wait.
    pub(super) fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        let header = FrameHeader { length: payload.len(), kind, flags, stream };
        let out = self.room();
        out.extend_from_slice(&header.bytes());
        out.extend_from_slice(payload);
        self.queued(FRAME_HEADER + payload.len(), !matches!(kind, Kind::Data | Kind::Headers));
    }

    /// The same, for a piece of a body: there is room for as much as may wait, and not for twice that.
    pub(super) fn data(&mut self, flags: u8, stream: u32, data: &[u8]) {
        let out = self.room();
        if out.capacity() < out.len() + FRAME_HEADER + data.len() {
            out.reserve_exact((ROOM + FRAME_HEADER + data.len()).saturating_sub(out.len()));
        }
        self.frame(Kind::Data, flags, stream, data);
    }

    fn room(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = self.worker.http2_outputs.take();
        }
        &mut self.out
    }

    fn queued(&mut self, bytes: usize, control: bool) {
        self.queued += bytes as u64;
        self.frames.push_back((self.queued, control));
        self.control_frames += u32::from(control);
    }

    /// Puts fields behind the frames that wait, in as many as it takes; says how many bytes they are.
    pub(super) fn fields(&mut self, stream: u32, ends: bool, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let out = self.room();
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_HEADER]);
        write(out);
        let length = out.len() - start - FRAME_HEADER;
        let end_stream = if ends { flags::END_STREAM } else { 0 };
        let added = if length <= LARGEST_FRAME {
            let flags = end_stream | flags::END_HEADERS;
            let header = FrameHeader { length, kind: Kind::Headers, flags, stream };
            if let Some(place) = out.get_mut(start..start + FRAME_HEADER) {
                place.copy_from_slice(&header.bytes());
            }
            FRAME_HEADER + length
        } else {
            split(out, start, end_stream, stream)
        };
        self.queued(added, false);
        added
    }

    /// Writes frames of a piece of a body from where it lies, as far as the client takes it at once. Where it takes
    /// a part of a frame, the rest of that one waits.
    pub(super) fn write_through(&mut self, stream: u32, data: &[u8], last: bool) -> io::Result<Through> {
        if self.blocked && self.pending() > 0 {
            return Ok(Through::Blocked);
        }
        let Some(transport) = &self.transport else { return Ok(Through::Not) };
        let pending = self.pending();
        let mut pieces = [&[][..]; AT_ONCE];
        let mut headers = [[0; FRAME_HEADER]; AT_ONCE];
        let mut rest = data;
        for (piece, header) in pieces.iter_mut().zip(&mut headers) {
            if rest.is_empty() {
                break;
            }
            let (own, behind) = rest.split_at(rest.len().min(LARGEST_FRAME));
            let flags = if last && behind.is_empty() { flags::END_STREAM } else { 0 };
            let frame = FrameHeader { length: own.len(), kind: Kind::Data, flags, stream };
            (*piece, *header, rest) = (own, frame.bytes(), behind);
        }
        let [a, b, c] = &headers;
        let [x, y, z] = pieces;
        let waiting = self.out.get(self.written..).unwrap_or_default();
        let shown =
            |header: &'_ [u8; FRAME_HEADER], piece: &[u8]| if piece.is_empty() { 0 } else { header.len() };
        let slices = [
            IoSlice::new(waiting),
            IoSlice::new(a),
            IoSlice::new(x),
            IoSlice::new(b.get(..shown(b, y)).unwrap_or_default()),
            IoSlice::new(y),
            IoSlice::new(c.get(..shown(c, z)).unwrap_or_default()),
            IoSlice::new(z),
        ];
        let count = match transport.try_write_vectored(&slices) {
            None => return Ok(Through::Not),
            Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Some(Ok(count)) => count,
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Some(Err(error)) => return Err(error),
        };
        self.count(count);
        self.wrote(count.min(pending));
        let mut left = count.saturating_sub(pending);
        let mut sent = 0;
        for (piece, header) in pieces.iter().zip(&headers) {
            if left == 0 || piece.is_empty() {
                break;
            }
            sent += piece.len();
            let whole = FRAME_HEADER + piece.len();
            if left < whole {
                let of_header = header.get(left..).unwrap_or_default();
                let of_piece = piece.get(left.saturating_sub(FRAME_HEADER)..).unwrap_or_default();
                let out = self.room();
                out.reserve_exact(whole - left);
                out.extend_from_slice(of_header);
                out.extend_from_slice(of_piece);
                self.queued(whole - left, false);
            }
            left = left.saturating_sub(whole);
        }
        self.blocked = self.pending() > 0 || sent == 0;
        Ok(match sent {
            0 if self.pending() == 0 => Through::Not,
            0 => Through::Blocked,
            sent => Through::Sent(sent),
        })
    }

    /// Writes what waits; ready when that is all. Says by `made_room` that some of it was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, made_room: &mut bool) -> Poll<io::Result<()>> {
        let flushed = self.poll_write_out(cx, made_room);
        self.show_waiting();
        flushed
    }

    /// Has the gauges say what waits.
    fn show_waiting(&mut self) {
        let frames = i64::try_from(self.frames.len()).unwrap_or(i64::MAX);
        let waiting = (frames, i64::from(self.control_frames));
        if waiting != self.shown {
            let stats = self.worker.http2();
            stats.adjust(Http2Stat::OutboundFramesActive, waiting.0 - self.shown.0);
            stats.adjust(Http2Stat::OutboundControlFramesActive, waiting.1 - self.shown.1);
            self.shown = waiting;
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>, made_room: &mut bool) -> Poll<io::Result<()>> {
        while self.pending() > 0 {
            let Some(transport) = &mut self.transport else { break };
            let rest = self.out.get(self.written..).unwrap_or_default();
            let Poll::Ready(written) = transport.poll_write(cx, rest) else {
                self.blocked = true;
                // What has been written makes room for what waits.
                self.out.drain(..self.written);
                self.written = 0;
                return Poll::Pending;
            };
            let count = written?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *made_room = true;
            self.count(count);
            self.wrote(count);
        }
        self.blocked = false;
        Poll::Ready(Ok(()))
    }

    /// That much of what waited has been written.
    fn wrote(&mut self, count: usize) {
        self.written += count;
        let written = self.queued - self.pending() as u64;
        while self.frames.front().is_some_and(|(end, _)| *end <= written) {
            let control = self.frames.pop_front().is_some_and(|(_, control)| control);
            self.control_frames -= u32::from(control);
        }
        if self.pending() == 0 {
            self.out.clear();
            self.out.shrink_to(ROOM);
            self.written = 0;
        }
    }

    fn count(&self, count: usize) {
        if count > 0 {
            self.listener.shards.http.add(HttpStat::DownstreamCxTxBytesTotal, count as u64);
            let sent = &self.info.course.sent;
            sent.set(sent.get() + count as u64);
        }
    }

    /// Lets go of memory that an idle connection does not need.
    pub(super) fn rest(&mut self) {
        if self.pending() == 0 {
            self.worker.http2_outputs.give(std::mem::take(&mut self.out));
            self.written = 0;
            self.frames.shrink_to(FEW_FRAMES);
        }
    }

    /// Reads what the client sends; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Some(transport) => transport.poll_read(cx, buffer),
            None => Poll::Ready(Ok(0)),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn shutdown_write(&mut self, cx: &mut Context<'_>) {
        if let Some(transport) = &mut self.transport {
            transport.shutdown_write(cx);
        }
    }

    /// The kernel's estimate of the round trip to the client, in microseconds.
    pub(super) fn round_trip(&self) -> Option<u32> {
        self.transport.as_ref()?.round_trip()
    }

    /// Whether large pieces can be written from where they lie.
    pub(super) const fn writes_through(&self) -> bool {
        matches!(self.transport, Some(Transport::Tcp(_) | Transport::Unix(_)))
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        self.transport = None;
        self.frames.clear();
        self.control_frames = 0;
        self.show_waiting();
        self.out = Vec::new();
        self.written = 0;
    }
}

/// Fields that are more than a frame may hold go on in others (RFC 9113 §6.10).
fn split(out: &mut Vec<u8>, start: usize, end_stream: u8, stream: u32) -> usize {
    let block = out.split_off(start + FRAME_HEADER);
    out.truncate(start);
    let mut pieces = block.chunks(LARGEST_FRAME).peekable();
    let mut kind = Kind::Headers;
    let mut flags = end_stream;
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= flags::END_HEADERS;
        }
        out.extend_from_slice(&FrameHeader { length: piece.len(), kind, flags, stream }.bytes());
        out.extend_from_slice(piece);
        (kind, flags) = (Kind::Continuation, 0);
    }
    out.len() - start
}
