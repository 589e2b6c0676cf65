//! The task of a connection of HTTP/2: reads frames, begins requests, writes what they send, and ends.

mod ending;
mod requests;

pub(in crate::downstream) use ending::tell;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_http::h2::hpack::Decoder;
use causeway_http::h2::{Kind, PREFACE, Setting};
use causeway_model::{Http2Options, LoadShedPointKind, TimerType};

use super::output::Output;
use super::receive::{Event, Fatal, Receiver};
use super::session::{DEFAULT_WINDOW, End, Session, Stream};
use crate::buffer::{Buffer, FOR_BODY};
use crate::connection::ConnectionInfo;
use crate::deadlines::{Deadlines, Timer};
use crate::downstream::Opened;
use crate::io::Transport;
use crate::listener::ListenerSlot;
use crate::snapshot::{HttpRuntime, timeout};
use crate::stats::{Http2Stat, HttpStat};
use crate::timer::{Deadline, Millis};
use crate::worker::Worker;

/// Frames that are taken at one go, so that the requests that they begin get their turn.
const AT_ONE_GO: u32 = 256;
/// A head has this long to arrive, as one of HTTP/1 has where the file says nothing.
const HEAD: Millis = 10_000;
/// A stream that the client resets within this time, without an answer, was opened for nothing.
const EARLY: Duration = Duration::from_secs(1);

/// What a connection of HTTP/1 hands over when its client turns out to speak HTTP/2.
pub(in crate::downstream) struct Handover {
    pub(in crate::downstream) worker: Rc<Worker>,
    pub(in crate::downstream) slot: Rc<ListenerSlot>,
    pub(in crate::downstream) listener: Rc<HttpRuntime>,
    pub(in crate::downstream) info: Rc<ConnectionInfo>,
    pub(in crate::downstream) opened: Opened,
    pub(in crate::downstream) stream: Transport,
    pub(in crate::downstream) inbound: Buffer,
    pub(in crate::downstream) deadlines: Deadlines,
}

/// How far a connection is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    /// The client was told to open no more streams; those that it has opened meanwhile are served.
    Announced,
    /// No more are served.
    Closing,
}

/// A connection.
struct Connection {
    worker: Rc<Worker>,
    slot: Rc<ListenerSlot>,
    listener: Rc<HttpRuntime>,
    info: Rc<ConnectionInfo>,
    opened: Opened,
    inbound: Buffer,
    deadlines: Deadlines,
    session: Rc<RefCell<Session>>,
    receiver: Receiver,
    decoder: Decoder,
    drain: Drain,
    requests: u64,
    idle_since: Millis,
    /// When the next PING is due, or the answer to the last one is late.
    keepalive: Option<Deadline>,
    pinged: bool,
    /// Nothing more is read.
    read_closed: bool,
}

/// Serves a connection to its end.
pub(in crate::downstream) async fn serve(handover: Handover) {
    let mut connection = Box::new(Connection::new(handover));
    connection.begin();
    poll_fn(|cx| connection.poll(cx)).await;
    connection.finish().await;
}

impl Connection {
    fn new(handover: Handover) -> Self {
        let Handover { worker, slot, listener, info, opened, stream, inbound, deadlines } = handover;
        let options = Rc::new(Http2Options::clone(&listener.manager.config.http2));
        let table = usize::try_from(options.hpack_table_size).unwrap_or(0);
        let output = Output::new(Rc::clone(&worker), Rc::clone(&info), Rc::clone(&listener), stream);
        let keepalive = options.keepalive.is_some_and(|keepalive| keepalive.interval.is_some());
        let receiver = Receiver::new(listener.manager.shared().request_rules.limits.bytes);
        Self {
            session: Rc::new(RefCell::new(Session::new(&worker, &options, output))),
            keepalive: keepalive.then(|| Deadline::new(&worker.timers)),
            idle_since: worker.now(),
            worker,
            slot,
            listener,
            info,
            opened,
            inbound,
            deadlines,
            receiver,
            decoder: Decoder::new(table),
            drain: Drain::No,
            requests: 0,
            pinged: false,
            read_closed: false,
        }
    }

    /// Says what the client has to keep to.
    fn begin(&mut self) {
        self.opened.speaks_http2();
        self.info.course.speaks_http.set(true);
        self.inbound.consume(PREFACE.len());
        let mut session = self.session.borrow_mut();
        let options = Rc::clone(&session.options);
        let mut settings = Vec::with_capacity(48);
        // Envoy says what differs from what holds anyway, and these.
        Setting::HEADER_TABLE_SIZE.write(options.hpack_table_size, &mut settings);
        Setting::ENABLE_CONNECT_PROTOCOL.write(u32::from(options.allow_connect), &mut settings);
        Setting::MAX_CONCURRENT_STREAMS.write(options.max_concurrent_streams, &mut settings);
        Setting::INITIAL_WINDOW_SIZE.write(options.initial_stream_window_size, &mut settings);
        for (number, value) in &options.custom_settings {
            Setting(*number).write(*value, &mut settings);
        }
        session.frame(Kind::Settings, 0, 0, &settings);
        let more = i64::from(options.initial_connection_window_size) - DEFAULT_WINDOW;
        if let Ok(more @ 1..) = u32::try_from(more) {
            session.frame(Kind::WindowUpdate, 0, 0, &more.to_be_bytes());
        }
        drop(session);
        let stats = self.worker.http2();
        stats.inc(Http2Stat::Nghttp2DownstreamConnections);
        // Envoy has touched them with the first frame.
        for gauge in [
            Http2Stat::OutboundControlFramesActive,
            Http2Stat::OutboundFramesActive,
            Http2Stat::PendingSendBytes,
        ] {
            stats.adjust(gauge, 0);
        }
        self.schedule_ping(&options);
        self.shed();
    }

    /// Ready when nothing more is to be done but to close.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.session.borrow_mut().register(cx);
        self.info.listen(cx);
        let mut more = false;
        if self.session.borrow().end.is_none() {
            let current = self.slot.http_in_place_of(&self.listener);
            let is_gone = current.is_none();
            if let Some(current) = current {
                self.session.borrow_mut().output.listener = Rc::clone(&current);
                self.listener = current;
            }
            more = self.read(cx);
            self.look_for_drain(is_gone);
            self.poll_timers(cx);
        }
        let flushed = self.session.borrow_mut().poll_flush(cx);
        if let Poll::Ready(Err(_)) = flushed {
            self.info.course.was_reset.set(true);
            self.end(End::Broken);
        }
        let session = self.session.borrow();
        let quiet = session.streams.is_empty();
        let over = match session.end {
            Some(_) => flushed.is_ready() || quiet || self.read_closed,
            None => self.drain == Drain::Closing && quiet && flushed.is_ready(),
        };
        drop(session);
        if over {
            return Poll::Ready(());
        }
        if more {
            // Streams get their turn before the next frames are taken.
            cx.waker().wake_by_ref();
        } else {
            self.rest(flushed.is_ready());
        }
        Poll::Pending
    }

    /// An idle connection holds no memory for what may come.
    fn rest(&mut self, flushed: bool) {
        let mut session = self.session.borrow_mut();
        let idle = session.streams.is_empty();
        if idle && flushed {
            session.rest();
        }
        self.worker.buffers.reclaim(&mut self.inbound);
        let idle_timeout = timeout(self.listener.manager.config.idle_timeout);
        let at = idle_timeout.filter(|_| idle && self.drain == Drain::No).map(|idle| {
            let bypass = self.listener.config.bypass_overload_manager;
            let overload = self.worker.overload().filter(|_| !bypass);
            let idle =
                overload.map_or(idle, |overload| overload.shared.timer(TimerType::ConnectionIdle, idle));
            self.idle_since + idle
        });
        self.deadlines.set(Timer::Idle, at);
    }

    /// Reads and takes in frames; says whether there may be more at once.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..AT_ONE_GO {
            if !self.inbound.is_empty() {
                match self.receiver.take(&self.session, self.inbound.filled()) {
                    Ok((0, _)) => {}
                    Ok((used, event)) => {
                        self.inbound.consume(used);
                        if let Err(fatal) = self.event(event) {
                            self.fail(fatal);
                            return false;
                        }
                        continue;
                    }
                    Err(fatal) => {
                        self.fail(fatal);
                        return false;
                    }
                }
            }
            let wanted = self.receiver.needed(self.inbound.filled()).max(FOR_BODY);
            self.worker.buffers.make_room(&mut self.inbound, wanted);
            let read = self.session.borrow_mut().output.poll_read(cx, &mut self.inbound);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => {
                    self.opened.closed_by_peer = true;
                    self.read_closed = true;
                    self.end(End::Closed);
                    return false;
                }
                Poll::Ready(Ok(count)) => {
                    self.listener.shards.http.add(HttpStat::DownstreamCxRxBytesTotal, count as u64);
                    let received = &self.info.course.received;
                    received.set(received.get() + count as u64);
                    self.idle_since = self.worker.now();
                    if self.shed() {
                        return false;
                    }
                }
                Poll::Ready(Err(_)) => {
                    self.info.course.was_reset.set(true);
                    self.opened.closed_by_peer = true;
                    self.read_closed = true;
                    self.end(End::Broken);
                    return false;
                }
            }
        }
        true
    }

    /// Something has come: the overload manager may want the client to go. True where it goes at once.
    fn shed(&mut self) -> bool {
        let bypass = self.listener.config.bypass_overload_manager;
        let Some(overload) = self.worker.overload().filter(|_| !bypass) else { return false };
        let sheds = |point| overload.sheds(point, self.worker.random());
        let close = sheds(LoadShedPointKind::Http2ServerGoAwayAndCloseOnDispatch);
        if !close && !sheds(LoadShedPointKind::Http2ServerGoAwayOnDispatch) {
            return false;
        }
        self.announce_end();
        if close {
            self.close();
            self.end(End::Local);
        }
        close
    }

    fn event(&mut self, event: Event) -> Result<(), Fatal> {
        let between = self.receiver.is_between();
        if between == self.deadlines.is_set(Timer::RequestHeaders) {
            let at = (!between).then(|| self.worker.now() + HEAD);
            self.deadlines.set(Timer::RequestHeaders, at);
        }
        match event {
            Event::Nothing => Ok(()),
            Event::Pong => {
                if std::mem::take(&mut self.pinged) {
                    let options = Rc::clone(&self.session.borrow().options);
                    self.schedule_ping(&options);
                }
                Ok(())
            }
            Event::Fields(block) if block.ignored => Ok(self.decoder.decode(&block.bytes, |_| {})?),
            Event::Fields(block) if block.trailers => self.trailers(&block),
            Event::Fields(block) => self.request(&block),
        }
    }
}

/// Whether a stream that was reset was opened for nothing.
pub(super) fn was_early(stream: &Stream, worker: &Worker) -> bool {
    !stream.answered && worker.moment().since(stream.begun) < EARLY
}
