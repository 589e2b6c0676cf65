//! What the task of a connection and those of its streams share.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_http::h2::hpack::Encoder;
use causeway_http::h2::{Code, FRAME_HEADER, Kind, flags};
use causeway_http::{HeaderBlock, Known};
use causeway_model::Http2Options;
use causeway_reason::Failure;

use super::limits::Limits;
use super::output::{Output, ROOM, Through};
use crate::buffer::FOR_BULK;
use crate::moment::Moment;
use crate::stats::Http2Stat;
use crate::waker_cell::WakerCell;
use crate::worker::Worker;

/// Once fewer bytes wait to be written, streams go on.
const ENOUGH_ROOM: usize = ROOM / 2;
/// A piece of a body that is as large as this is written from where it lies, in bytes.
const LARGE_PIECE: usize = 2 * LARGEST_FRAME;
/// Streams that an idle connection has memory for.
const FEW_STREAMS: usize = 8;
/// Largest frame that is written, unless the client takes larger ones: nobody gains by those.
pub(super) const LARGEST_FRAME: usize = 16_384;
/// Streams of which is remembered that they were reset here while the client was still sending on them: what
/// is on its way for them is no error (RFC 9113 §5.1).
const REMEMBERED: usize = 1024;

/// What a connection and its streams share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) worker: Rc<Worker>,
    pub(super) output: Output,
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
    driver: WakerCell,
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
    pub(super) waker: WakerCell,
    /// It waits for room, and is noted there.
    pub(super) waiting: bool,
    /// A head was sent, so the request was answered.
    pub(super) answered: bool,
    /// When its head was complete.
    pub(super) begun: Moment,
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
        self.waker.wake();
    }
}

impl Session {
    pub(super) fn new(worker: &Rc<Worker>, options: &Rc<Http2Options>, output: Output) -> Self {
        Self {
            worker: Rc::clone(worker),
            output,
            streams: foldhash::HashMap::default(),
            last_stream: 0,
            encoder: Encoder::new(usize::try_from(options.hpack_table_size).unwrap_or(0)),
            send_window: DEFAULT_WINDOW,
            receive_window: Window::new(options.initial_connection_window_size),
            first_send_window: DEFAULT_WINDOW,
            waiting: Vec::new(),
            driver: WakerCell::default(),
            reset_here: VecDeque::new(),
            limits: Limits::default(),
            end: None,
            options: Rc::clone(options),
            open_streams: 0,
            drain: false,
        }
    }

    /// The task of the connection goes on when something is there to be written.
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        self.driver.register(cx);
    }

    /// Wakes the task of the connection.
    pub(super) fn wake_driver(&mut self) {
        self.driver.wake();
    }

    /// Puts a frame behind those that wait.
    pub(super) fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        self.output.frame(kind, flags, stream, payload);
        self.wake_driver();
    }

    /// Puts fields behind the frames that wait; says how many bytes they are. Names are written in lower case
    /// (RFC 9113 §8.2).
    pub(super) fn fields(
        &mut self,
        stream: u32,
        status: Option<u16>,
        block: &HeaderBlock,
        ends: bool,
    ) -> u64 {
        let encoder = &mut self.encoder;
        let bytes = self.output.fields(stream, ends, |out| {
            encoder.begin(out);
            if let Some(status) = status {
                encoder.status(status, out);
            }
            for field in block.iter().filter(|field| !field.known.is_some_and(is_of_http1)) {
                encoder.field(field, out);
            }
        });
        self.wake_driver();
        bytes as u64
    }

    /// Writes what can be written now of a piece of a body: how many bytes of it that are. Where it is nothing, the
    /// stream is woken when that may have changed.
    pub(super) fn write(&mut self, stream: &mut Stream, data: &[u8], last: bool) -> io::Result<usize> {
        let windows = self.windows(stream).min(data.len());
        if windows >= LARGE_PIECE {
            let piece = data.get(..windows).unwrap_or_default();
            match self.output.write_through(stream.id, piece, last && windows == data.len())? {
                Through::Sent(count) => {
                    self.sent(stream, count, count.div_ceil(LARGEST_FRAME));
                    if last && count == data.len() {
                        self.end(stream);
                    }
                    if self.output.pending() > 0 {
                        self.wake_driver();
                    }
                    return Ok(count);
                }
                Through::Blocked => {
                    self.wake_driver();
                    self.wait(stream);
                    return Ok(0);
                }
                Through::Not => {}
            }
        }
        let count = self.room(stream, data.len());
        if count > 0 {
            self.data(stream, data.get(..count).unwrap_or_default(), last && count == data.len());
        }
        Ok(count)
    }

    fn windows(&self, stream: &Stream) -> usize {
        usize::try_from(self.send_window.min(stream.send_window)).unwrap_or(0)
    }

    /// Whether a stream can take large pieces of a body, and soon more of them.
    pub(super) fn takes_large_pieces(&self, stream: &Stream) -> bool {
        self.output.writes_through() && self.windows(stream) >= FOR_BULK
    }

    /// A stream waits for room.
    fn wait(&mut self, stream: &mut Stream) {
        if !std::mem::replace(&mut stream.waiting, true) {
            self.waiting.push(stream.id);
        }
    }

    /// So many bytes of a body are on their way, in so many frames.
    fn sent(&mut self, stream: &mut Stream, bytes: usize, frames: usize) {
        let count = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.send_window -= count;
        stream.send_window -= count;
        stream.wire_sent += (frames * FRAME_HEADER + bytes) as u64;
        (0..frames).for_each(|_| self.limits.data_sent());
    }

    /// How much of a body can go now. Where it is nothing, the stream is woken when that may have changed.
    pub(super) fn room(&mut self, stream: &mut Stream, wanted: usize) -> usize {
        if stream.send_window <= 0 {
            // It is woken by its own window.
            return 0;
        }
        let free = ROOM.saturating_sub(self.output.pending());
        if free == 0 || self.send_window <= 0 {
            self.wait(stream);
            return 0;
        }
        wanted.min(self.windows(stream)).min(free).min(LARGEST_FRAME)
    }

    /// Sends a piece of a body for which there is room.
    pub(super) fn data(&mut self, stream: &mut Stream, data: &[u8], ends: bool) {
        self.sent(stream, data.len(), 1);
        self.output.data(if ends { flags::END_STREAM } else { 0 }, stream.id, data);
        self.wake_driver();
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
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut made_room = false;
        let flushed = self.output.poll_flush(cx, &mut made_room);
        if !self.waiting.is_empty()
            && (made_room || flushed.is_ready())
            && self.output.pending() < ENOUGH_ROOM
            && self.send_window > 0
        {
            self.wake_waiting();
        }
        flushed
    }

    /// Lets go of memory that an idle connection does not need.
    pub(super) fn rest(&mut self) {
        self.output.rest();
        self.streams.shrink_to(FEW_STREAMS);
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
