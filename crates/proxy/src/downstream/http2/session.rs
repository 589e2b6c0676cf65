//! What the task of a connection and those of its streams share.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use causeway_http::h2::hpack::Encoder;
use causeway_http::h2::{Code, FRAME_HEADER, FrameHeader, Kind, flags};
use causeway_http::{HeaderBlock, Known};
use causeway_model::Http2Options;
use causeway_reason::Failure;

use super::limits::Limits;
use crate::io::Transport;
use crate::stats::Http2Stat;
use crate::worker::Worker;

/// Bytes that may wait to be written before no more bodies are taken from back-ends.
const ROOM: usize = 32 * 1024;
/// Once fewer wait, streams go on.
const ENOUGH_ROOM: usize = ROOM / 2;
/// Largest frame that is written, unless the client takes larger ones: nobody gains by those.
const LARGEST_FRAME: usize = 16_384;
/// Streams of which is remembered that they were reset here while the client was still sending on them: what
/// is on its way for them is no error (RFC 9113 §5.1).
const REMEMBERED: usize = 1024;

/// What a connection and its streams share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) worker: Rc<Worker>,
    /// Bytes to be written, and how many of them have been.
    out: Vec<u8>,
    written: usize,
    /// All bytes that were ever put there.
    queued: u64,
    /// For each frame that waits: where it ends among all bytes, and whether it is one of those that a client can
    /// make us send for nothing.
    frames: VecDeque<(u64, bool)>,
    control_frames: u32,
    pub(super) streams: foldhash::HashMap<u32, Rc<RefCell<Stream>>>,
    /// Highest stream that the client has opened.
    pub(super) last_stream: u32,
    pub(super) encoder: Encoder,
    /// What may be sent on all streams together.
    pub(super) send_window: i64,
    /// What the client may send on all streams together, and what has been taken of that.
    pub(super) receive_window: Window,
    /// What a stream of the client takes at first.
    pub(super) first_send_window: i64,
    /// Streams that wait for room.
    waiting: Vec<u32>,
    driver: Option<Waker>,
    reset_here: VecDeque<u32>,
    pub(super) limits: Limits,
    /// The connection is gone, or is to go: how.
    pub(super) end: Option<End>,
    pub(super) options: Rc<Http2Options>,
    /// Streams that are not over.
    pub(super) open_streams: u32,
    /// The client has been told to open no more streams.
    pub(super) drain: bool,
}

/// How a connection ends.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The client closed it.
    Closed,
    /// It broke.
    Broken,
    /// The client broke the rules: why, in the words of a log (`%RESPONSE_CODE_DETAILS%`).
    Refused(Rc<Failure>),
    /// It is closed from here.
    Local,
}

/// A window for what a client sends.
#[derive(Debug)]
pub(super) struct Window {
    /// What may still come.
    pub(super) left: i64,
    /// What has been taken and not been given back yet.
    taken: u32,
    size: u32,
}

impl Window {
    pub(super) const fn new(size: u32) -> Self {
        Self { left: size as i64, taken: 0, size }
    }

    /// Something has been taken: how much the window is opened, where that is worth a frame.
    fn take(&mut self, count: u32) -> Option<u32> {
        self.taken = self.taken.saturating_add(count);
        (self.taken >= self.size / 2).then(|| {
            self.left += i64::from(self.taken);
            std::mem::take(&mut self.taken)
        })
    }
}

/// A request and its response.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) send_window: i64,
    pub(super) receive_window: Window,
    /// What has arrived of the body.
    pub(super) body: VecDeque<Bytes>,
    /// What stood behind it.
    pub(super) trailers: Option<HeaderBlock>,
    /// What content-length still promises.
    pub(super) promised: Option<u64>,
    /// Nothing more comes.
    pub(super) client_ended: bool,
    /// Nothing more goes.
    pub(super) ended: bool,
    /// It was reset: by whom, and with which code.
    pub(super) reset: Option<Reset>,
    /// The task that serves it.
    pub(super) waker: Option<Waker>,
    /// It waits for room, and is noted there.
    pub(super) waiting: bool,
    /// A head was sent, so the request was answered.
    pub(super) answered: bool,
    /// When its head was complete.
    pub(super) begun: Instant,
    /// Bytes of its frames, from the client.
    pub(super) wire_received: u64,
    /// Bytes of its frames, to the client.
    pub(super) wire_sent: u64,
    /// Bytes of its frames with fields, to the client.
    pub(super) head_sent: u64,
}

/// Why a stream ended before its time.
#[derive(Debug, Clone)]
pub(super) enum Reset {
    /// The client reset it.
    ByClient(Code),
    /// What the client sent on it breaks the rules.
    Refused(Rc<Failure>),
}

impl Stream {
    /// Whether nothing more comes and nothing more goes.
    pub(super) const fn is_over(&self) -> bool {
        self.reset.is_some() || (self.client_ended && self.ended)
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Session {
    pub(super) fn new(worker: &Rc<Worker>, options: &Rc<Http2Options>) -> Self {
        Self {
            worker: Rc::clone(worker),
            out: Vec::new(),
            written: 0,
            queued: 0,
            frames: VecDeque::new(),
            control_frames: 0,
            streams: foldhash::HashMap::default(),
            last_stream: 0,
            encoder: Encoder::new(usize::try_from(options.hpack_table_size).unwrap_or(0)),
            send_window: DEFAULT_WINDOW,
            receive_window: Window::new(options.initial_connection_window_size),
            first_send_window: DEFAULT_WINDOW,
            waiting: Vec::new(),
            driver: None,
            reset_here: VecDeque::new(),
            limits: Limits::default(),
            end: None,
            options: Rc::clone(options),
            open_streams: 0,
            drain: false,
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

    /// The task of the connection goes on when something is there to be written.
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        match &mut self.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Wakes the task of the connection.
    pub(super) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// Puts a frame behind those that wait.
    pub(super) fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        FrameHeader { length: payload.len(), kind, flags, stream }.write(&mut self.out);
        self.out.extend_from_slice(payload);
        self.queued(FRAME_HEADER + payload.len(), !matches!(kind, Kind::Data | Kind::Headers));
    }

    fn queued(&mut self, bytes: usize, control: bool) {
        self.queued += bytes as u64;
        self.frames.push_back((self.queued, control));
        self.control_frames += u32::from(control);
        self.wake_driver();
    }

    /// Puts fields behind the frames that wait, in as many as it takes; says how many bytes they are. Names are
    /// written in lower case (RFC 9113 §8.2).
    pub(super) fn fields(
        &mut self,
        stream: u32,
        status: Option<u16>,
        block: &HeaderBlock,
        ends: bool,
    ) -> u64 {
        let start = self.out.len();
        FrameHeader { length: 0, kind: Kind::Headers, flags: 0, stream }.write(&mut self.out);
        self.encoder.begin(&mut self.out);
        if let Some(status) = status {
            self.encoder.status(status, &mut self.out);
        }
        for field in block.iter().filter(|field| !field.known.is_some_and(is_of_http1)) {
            self.encoder.field(field, &mut self.out);
        }
        let length = self.out.len() - start - FRAME_HEADER;
        let end_stream = if ends { flags::END_STREAM } else { 0 };
        let mut added = FRAME_HEADER + length;
        if length <= LARGEST_FRAME {
            let header =
                FrameHeader { length, kind: Kind::Headers, flags: end_stream | flags::END_HEADERS, stream };
            self.overwrite(start, header);
        } else {
            added = self.split(start, end_stream, stream);
        }
        self.queued(added, false);
        added as u64
    }

    fn overwrite(&mut self, at: usize, header: FrameHeader) {
        let mut bytes = Vec::with_capacity(FRAME_HEADER);
        header.write(&mut bytes);
        if let Some(place) = self.out.get_mut(at..at + FRAME_HEADER) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Fields that are more than a frame may hold go on in others (RFC 9113 §6.10).
    fn split(&mut self, start: usize, end_stream: u8, stream: u32) -> usize {
        let block = self.out.split_off(start + FRAME_HEADER);
        self.out.truncate(start);
        let mut pieces = block.chunks(LARGEST_FRAME).peekable();
        let mut kind = Kind::Headers;
        let mut flags = end_stream;
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= flags::END_HEADERS;
            }
            FrameHeader { length: piece.len(), kind, flags, stream }.write(&mut self.out);
            self.out.extend_from_slice(piece);
            (kind, flags) = (Kind::Continuation, 0);
        }
        self.out.len() - start
    }

    /// How much of a body can go now. Where it is nothing, the stream is woken when that may have changed.
    pub(super) fn room(&mut self, stream: &mut Stream, wanted: usize) -> usize {
        if stream.send_window <= 0 {
            // It is woken by its own window.
            return 0;
        }
        let free = ROOM.saturating_sub(self.pending());
        if free == 0 || self.send_window <= 0 {
            if !std::mem::replace(&mut stream.waiting, true) {
                self.waiting.push(stream.id);
            }
            return 0;
        }
        let windows = usize::try_from(self.send_window.min(stream.send_window)).unwrap_or(0);
        wanted.min(windows).min(free).min(LARGEST_FRAME)
    }

    /// Sends a piece of a body for which there is room.
    pub(super) fn data(&mut self, stream: &mut Stream, data: &[u8], ends: bool) {
        let count = i64::try_from(data.len()).unwrap_or(i64::MAX);
        self.send_window -= count;
        stream.send_window -= count;
        stream.wire_sent += (FRAME_HEADER + data.len()) as u64;
        self.limits.data_sent();
        // As much as may wait, and not twice that.
        if self.out.capacity() < self.out.len() + FRAME_HEADER + data.len() {
            self.out.reserve_exact((ROOM + FRAME_HEADER + data.len()).saturating_sub(self.out.len()));
        }
        self.frame(Kind::Data, if ends { flags::END_STREAM } else { 0 }, stream.id, data);
        if ends {
            self.end(stream);
        }
    }

    /// Nothing more goes on a stream.
    pub(super) fn end(&mut self, stream: &mut Stream) {
        if !std::mem::replace(&mut stream.ended, true) && stream.client_ended {
            self.over();
        }
    }

    /// A stream that was open is over.
    pub(super) fn over(&mut self) {
        self.open_streams = self.open_streams.saturating_sub(1);
        self.worker.http2().adjust(Http2Stat::StreamsActive, -1);
    }

    /// A body, or a part of it, has been taken: the client may send more.
    pub(super) fn taken(&mut self, stream: &mut Stream, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if !stream.client_ended
            && stream.reset.is_none()
            && let Some(more) = stream.receive_window.take(count)
        {
            self.frame(Kind::WindowUpdate, 0, stream.id, &more.to_be_bytes());
        }
        self.taken_of_connection(count);
    }

    /// The same, of what belongs to no stream any more.
    pub(super) fn taken_of_connection(&mut self, count: u32) {
        if let Some(more) = self.receive_window.take(count) {
            self.frame(Kind::WindowUpdate, 0, 0, &more.to_be_bytes());
        }
    }

    /// Resets a stream.
    pub(super) fn reset(&mut self, stream: &mut Stream, code: Code) {
        self.frame(Kind::RstStream, 0, stream.id, &code.0.to_be_bytes());
        self.worker.http2().inc(Http2Stat::TxReset);
        stream.wire_sent += (FRAME_HEADER + 4) as u64;
        if !stream.is_over() {
            self.over();
        }
        if !stream.client_ended {
            self.remember(stream.id);
        }
        stream.ended = true;
        stream.client_ended = true;
    }

    /// Resets a stream that nobody serves.
    pub(super) fn refuse(&mut self, id: u32, code: Code) {
        self.frame(Kind::RstStream, 0, id, &code.0.to_be_bytes());
        self.worker.http2().inc(Http2Stat::TxReset);
        self.remember(id);
    }

    fn remember(&mut self, id: u32) {
        if self.reset_here.len() >= REMEMBERED {
            self.reset_here.pop_front();
        }
        self.reset_here.push_back(id);
    }

    /// Whether what comes on a stream that is gone is no error.
    pub(super) fn was_reset_here(&self, id: u32) -> bool {
        self.reset_here.contains(&id)
    }

    /// The client is told to open no more streams, if it has not been: those that are on their way are served.
    pub(super) fn announce_end(&mut self) {
        if !std::mem::replace(&mut self.drain, true) {
            self.go_away(LAST_STREAM, Code::NO_ERROR);
        }
    }

    /// Says which streams will still be served (RFC 9113 §6.8).
    pub(super) fn go_away(&mut self, last: u32, code: Code) {
        let [a, b, c, d] = last.to_be_bytes();
        let [e, f, g, h] = code.0.to_be_bytes();
        self.frame(Kind::GoAway, 0, 0, &[a, b, c, d, e, f, g, h]);
    }

    /// Streams that wait for room look again.
    pub(super) fn wake_waiting(&mut self) {
        for id in std::mem::take(&mut self.waiting) {
            if let Some(stream) = self.streams.get(&id) {
                let mut stream = stream.borrow_mut();
                stream.waiting = false;
                stream.wake();
            }
        }
    }

    /// Whether a request is still there whose client broke the rules.
    pub(super) fn has_refused(&self) -> bool {
        self.streams.values().any(|stream| matches!(stream.borrow().reset, Some(Reset::Refused(_))))
    }

    /// All streams look again.
    pub(super) fn wake_all(&mut self) {
        self.waiting.clear();
        for stream in self.streams.values() {
            stream.borrow_mut().wake();
        }
    }

    /// The connection ends.
    pub(super) fn finish(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.wake_all();
        }
    }

    /// Writes what waits; ready when that is all.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut Transport,
        sent: &mut u64,
    ) -> Poll<io::Result<()>> {
        while self.pending() > 0 {
            let rest = self.out.get(self.written..).unwrap_or_default();
            let Poll::Ready(written) = transport.poll_write(cx, rest) else {
                self.compact();
                return Poll::Pending;
            };
            let count = written?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            *sent += count as u64;
            let written = self.queued - self.pending() as u64;
            while self.frames.front().is_some_and(|(end, _)| *end <= written) {
                let control = self.frames.pop_front().is_some_and(|(_, control)| control);
                self.control_frames -= u32::from(control);
            }
            if self.pending() < ENOUGH_ROOM && !self.waiting.is_empty() && self.send_window > 0 {
                self.wake_waiting();
            }
        }
        self.out.clear();
        self.out.shrink_to(ROOM);
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// What has been written makes room for what waits.
    fn compact(&mut self) {
        self.out.drain(..self.written);
        self.written = 0;
    }

    /// Lets go of memory that an idle connection does not need.
    pub(super) fn rest(&mut self) {
        if self.pending() == 0 {
            self.out = Vec::new();
            self.frames.shrink_to(0);
            self.streams.shrink_to(0);
        }
    }
}

/// Fields about a connection of HTTP/1, which no message of HTTP/2 has (RFC 9113 §8.2.2).
const fn is_of_http1(known: Known) -> bool {
    matches!(
        known,
        Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding
            | Known::Upgrade
            | Known::Http2Settings
    )
}

/// What either side may send at first (RFC 9113 §6.9.2).
pub(super) const DEFAULT_WINDOW: i64 = 65_535;
/// The highest number of a stream.
const LAST_STREAM: u32 = 0x7FFF_FFFF;
/// The largest window there is.
pub(super) const LARGEST_WINDOW: i64 = 0x7FFF_FFFF;
