//! The task of a connection of HTTP/2: reads frames, begins requests, writes what they send, and ends.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_http::h2::{Code, Kind, PREFACE, Setting};
use causeway_model::{Http2Options, LoadShedPointKind, TimerType};
use causeway_reason::{Failure, Language, Reason};

use super::heads::{self, Block, Refused};
use super::output::Output;
use super::receive::{Event, Fatal, Receiver};
use super::session::{DEFAULT_WINDOW, End, Reset, Session, Stream, Window};
use super::spares::Job;
use super::stream::ClientStream;
use crate::buffer::{Buffer, FOR_BODY};
use crate::connection::ConnectionInfo;
use crate::deadlines::{Deadlines, Timer};
use crate::downstream::{Client, Opened};
use crate::io::Transport;
use crate::listener::ListenerSlot;
use crate::record::ActiveRequest;
use crate::snapshot::{HttpRuntime, timeout};
use crate::stats::{Http2Stat, HttpStat};
use crate::timer::{Deadline, Millis, millis};
use crate::worker::Worker;
use causeway_http::h2::hpack::Decoder;

/// Frames that are taken at one go, so that the requests that they begin get their turn.
const AT_ONE_GO: u32 = 256;
/// A head has this long to arrive, as one of HTTP/1 has where the file says nothing.
const HEAD: Millis = 10_000;
/// Requests that were reset and whose tasks have not heard of it yet, beside those that may be open.
const UNHEARD: usize = 100;
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

    fn trailers(&mut self, block: &Block) -> Result<(), Fatal> {
        self.worker.http2().inc(Http2Stat::Trailers);
        let read = heads::read_trailers(&mut self.decoder, block, &self.listener)?;
        let mut session = self.session.borrow_mut();
        let Some(stream) = session.streams.get(&block.stream).cloned() else { return Ok(()) };
        let mut stream = stream.borrow_mut();
        stream.wire_received += block.wire;
        let read = match (read, stream.promised) {
            (Ok(_), Some(1..)) => Err(Refused::of_length()),
            (read, _) => read,
        };
        match read {
            Ok(trailers) => {
                if !trailers.is_empty() {
                    stream.trailers = Some(trailers);
                }
                session.client_ended(&mut stream);
                Ok(())
            }
            Err(refused) => {
                let goes_on = self.refused(&session, &refused);
                let Refused { failure, code, .. } = refused;
                if goes_on {
                    session.refuse_stream(&mut stream, failure, code);
                    return Ok(session.limits.closed(true)?);
                }
                stream.reset = Some(Reset::Refused(Rc::new(failure)));
                session.over();
                stream.wake();
                Err(Fatal::Silent("the trailers of a stream break the rules"))
            }
        }
    }

    /// A request has begun.
    fn request(&mut self, block: &Block) -> Result<(), Fatal> {
        let (mut request, read) =
            heads::read_head(&mut self.decoder, block, &self.worker, &self.listener, &self.info);
        let taken = match read {
            Ok(taken) => taken,
            Err(malformed) => {
                let fatal = Fatal::from(malformed);
                request.fail(failure_of(&fatal));
                self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
                return Err(fatal);
            }
        };
        self.requests += 1;
        let taken = taken.and_then(|()| self.may_open());
        if let Err(refused) = taken {
            return self.refuse(request, block.stream, refused);
        }
        self.open(block, request);
        let most = self.listener.manager.config.max_requests_per_connection;
        if most.is_some_and(|most| self.requests >= u64::from(most)) && self.drain == Drain::No {
            self.listener.shards.http.inc(HttpStat::DownstreamCxMaxRequestsReached);
            self.announce_end();
        }
        Ok(())
    }

    /// Whether one more stream may be open.
    fn may_open(&self) -> Result<(), Refused> {
        let session = self.session.borrow();
        let most = session.options.max_concurrent_streams;
        let held = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(UNHEARD);
        if session.open_streams < most && session.streams.len() < held {
            return Ok(());
        }
        Err(Refused::too_many_streams(most))
    }

    fn refuse(&mut self, mut request: ActiveRequest, stream: u32, refused: Refused) -> Result<(), Fatal> {
        self.listener.shards.http.inc(HttpStat::DownstreamRqRxReset);
        let mut session = self.session.borrow_mut();
        let goes_on = self.refused(&session, &refused);
        let Refused { failure, code, .. } = refused;
        request.fail(failure);
        if !goes_on {
            drop(request);
            drop(session);
            self.opened.with_request = true;
            return Err(Fatal::Silent("the fields of a request break the rules"));
        }
        session.refuse(stream, code);
        request.facts.wire_sent = 13;
        drop(request);
        super::receive::outbound(&session)?;
        Ok(session.limits.closed(true)?)
    }

    /// Counts a stream that is refused; says whether the connection goes on.
    fn refused(&self, session: &Session, refused: &Refused) -> bool {
        if let Some(stat) = refused.stat {
            self.worker.http2().inc(stat);
        }
        !refused.breaks_rules || session.options.stream_error_on_invalid_message
    }

    /// Begins to serve a request.
    fn open(&mut self, block: &Block, request: ActiveRequest) {
        let mut session = self.session.borrow_mut();
        let stream = Rc::new(RefCell::new(Stream {
            id: block.stream,
            send_window: session.first_send_window,
            receive_window: Window::new(session.options.initial_stream_window_size),
            body: std::collections::VecDeque::new(),
            trailers: None,
            promised: heads::promised(&request),
            client_ended: block.ends,
            ended: false,
            reset: None,
            waker: None,
            waiting: false,
            answered: false,
            begun: self.worker.instant(),
            wire_received: block.wire,
            wire_sent: 0,
            head_sent: 0,
        }));
        session.streams.insert(block.stream, Rc::clone(&stream));
        session.open_streams += 1;
        self.worker.http2().adjust(Http2Stat::StreamsActive, 1);
        drop(session);
        let client = Client::Http2(ClientStream::new(Rc::clone(&self.session), stream));
        let (slot, listener, info) =
            (Rc::clone(&self.slot), Rc::clone(&self.listener), Rc::clone(&self.info));
        self.worker.http2_spares.serve(&self.worker, Job { slot, listener, info, client, request });
    }

    /// The client broke a rule, or asks too much: the connection ends.
    fn fail(&mut self, fatal: Fatal) {
        let failure = failure_of(&fatal);
        let http = &self.listener.shards.http;
        http.inc(HttpStat::DownstreamCxProtocolError);
        self.info.course.broke_protocol.set(true);
        let mut session = self.session.borrow_mut();
        match &fatal {
            Fatal::GoAway(code, _) => {
                let last = session.last_stream;
                session.go_away(last, *code);
            }
            Fatal::Silent(_) => {}
            Fatal::Flood(flood) => {
                if let Some(stat) = flood.stat {
                    self.worker.http2().inc(stat);
                }
                if flood.failure.reason == Reason::Http2ResetFlood {
                    http.inc(HttpStat::DownstreamRqTooManyPrematureResets);
                }
                let last = session.last_stream;
                session.go_away(last, super::limits::Flood::CODE);
            }
        }
        drop(session);
        self.tell(&failure);
        self.end(End::Refused(Rc::new(failure)));
    }

    /// Tells of a failure for which there is no request that tells of it.
    fn tell(&self, failure: &Failure) {
        if self.opened.with_request || self.session.borrow().open_streams > 0 {
            return;
        }
        self.listener.shards.reasons.count(&self.listener.shards.http, failure.reason);
        tell(&self.info, failure);
    }

    fn end(&mut self, end: End) {
        let mut session = self.session.borrow_mut();
        self.opened.with_request |= session.open_streams > 0 || session.has_refused();
        session.finish(end);
    }

    /// Whether something says that the connection is to end behind what is open on it.
    fn look_for_drain(&mut self, is_gone: bool) {
        if self.drain != Drain::No {
            return;
        }
        if self.slot.is_draining() || is_gone {
            self.announce_end();
            let grace = millis(self.worker.drain_grace());
            self.deadlines.set(Timer::Close, Some(self.worker.now() + grace));
        } else if self.session.borrow().drain {
            self.announce_end();
        }
    }

    /// The client is told to open no more streams. Those that are on their way are served, for `drain_timeout`.
    fn announce_end(&mut self) {
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Announced;
        let config = &self.listener.manager.config;
        let after = millis(config.drain_timeout) + self.worker.jitter(config.drain_timeout_jitter);
        self.deadlines.set(Timer::Close, Some(self.worker.now() + after));
        self.session.borrow_mut().announce_end();
    }

    /// No more streams are served than are open.
    fn close(&mut self) {
        self.drain = Drain::Closing;
        let mut session = self.session.borrow_mut();
        let last = session.last_stream;
        self.receiver.last_served = Some(last);
        self.worker.http2().inc(Http2Stat::GoawaySent);
        session.go_away(last, Code::NO_ERROR);
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>) {
        self.poll_keepalive(cx);
        loop {
            let timer = match self.deadlines.poll(cx, || self.worker.timers.now()) {
                Poll::Ready(timer) => timer,
                Poll::Pending => return,
            };
            let http = &self.listener.shards.http;
            match timer {
                Timer::Idle if self.session.borrow().streams.is_empty() => {
                    http.inc(HttpStat::DownstreamCxIdleTimeout);
                    self.announce_end();
                }
                Timer::ConnectionDuration => {
                    http.inc(HttpStat::DownstreamCxMaxDurationReached);
                    self.announce_end();
                }
                Timer::Close if self.drain == Drain::Announced => self.close(),
                Timer::RequestHeaders => {
                    http.inc(HttpStat::DownstreamRqHeaderTimeout);
                    let evidence = "the first of a head's frames came 10 s ago, and the last has not";
                    let failure = Failure::new(Reason::RequestHeadersTimeout).with_evidence(evidence);
                    let last = self.session.borrow().last_stream;
                    self.session.borrow_mut().go_away(last, Code::ENHANCE_YOUR_CALM);
                    self.tell(&failure);
                    self.end(End::Refused(Rc::new(failure)));
                }
                _ => {}
            }
        }
    }

    /// When the next PING is due (`connection_keepalive`).
    fn schedule_ping(&self, options: &Http2Options) {
        let (Some(deadline), Some(keepalive)) = (&self.keepalive, &options.keepalive) else { return };
        let Some(interval) = keepalive.interval else { return };
        let jitter = interval.mul_f64(keepalive.interval_jitter.clamp(0.0, 100.0) / 100.0);
        deadline.set(Some(self.worker.now() + millis(interval) + self.worker.jitter(jitter)));
    }

    fn poll_keepalive(&mut self, cx: &mut Context<'_>) {
        let Some(deadline) = &self.keepalive else { return };
        if deadline.poll(cx).is_pending() {
            return;
        }
        deadline.set(None);
        let options = Rc::clone(&self.session.borrow().options);
        let Some(keepalive) = &options.keepalive else { return };
        if self.pinged {
            self.worker.http2().inc(Http2Stat::KeepaliveTimeout);
            let evidence = format!("no answer to a PING frame for {} ms", keepalive.timeout.as_millis());
            let failure = Failure::new(Reason::Http2PingTimeout).with_evidence(evidence);
            self.tell(&failure);
            self.end(End::Refused(Rc::new(failure)));
            return;
        }
        self.pinged = true;
        deadline.set(Some(self.worker.now() + millis(keepalive.timeout).max(1)));
        // Once more, so that it wakes this task.
        let _ = deadline.poll(cx);
        self.session.borrow_mut().frame(Kind::Ping, 0, 0, b"causeway");
    }

    /// Closes the connection, and is there until its last request has heard of it.
    async fn finish(mut self: Box<Self>) {
        self.end(End::Local);
        if !self.read_closed {
            self.linger().await;
        }
        if self.listener.manager.shared().measures.round_trip {
            self.info.round_trip.set(self.session.borrow().output.round_trip());
        }
        let unread = self.inbound.filled().len();
        self.inbound.consume(unread);
        self.worker.buffers.reclaim(&mut self.inbound);
        let session = Rc::clone(&self.session);
        session.borrow_mut().output.close();
        let Self { opened, .. } = *self;
        poll_fn(|cx| {
            let mut session = session.borrow_mut();
            session.register(cx);
            if session.streams.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(opened);
    }

    /// Waits for the client to close, so that it reads to the end what was sent. What it still sends is thrown away.
    async fn linger(&mut self) {
        let most = self.listener.manager.config.delayed_close_timeout;
        if most == Duration::ZERO {
            return;
        }
        self.deadlines.clear_request();
        self.deadlines.set(Timer::Idle, None);
        self.deadlines.set(Timer::ConnectionDuration, None);
        self.deadlines.set(Timer::Close, Some(self.worker.now() + millis(most)));
        let mut shut = false;
        let in_time = poll_fn(|cx| {
            if !std::mem::replace(&mut shut, true) {
                self.session.borrow_mut().output.shutdown_write(cx);
            }
            loop {
                let unread = self.inbound.filled().len();
                self.inbound.consume(unread);
                self.worker.buffers.make_room(&mut self.inbound, FOR_BODY);
                let read = self.session.borrow_mut().output.poll_read(cx, &mut self.inbound);
                match read {
                    Poll::Ready(Ok(0) | Err(_)) => {
                        self.opened.closed_by_peer = true;
                        return Poll::Ready(true);
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
            loop {
                match self.deadlines.poll(cx, || self.worker.timers.now()) {
                    Poll::Ready(Timer::Close) => return Poll::Ready(false),
                    Poll::Ready(_) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        if !in_time {
            self.listener.shards.http.inc(HttpStat::DownstreamCxDelayedCloseTimeout);
            self.info.course.closed_because.set(Some("triggered_delayed_close_timeout"));
        }
    }
}

/// Why the requests of a connection fail that can't go on.
fn failure_of(fatal: &Fatal) -> Failure {
    match fatal {
        Fatal::GoAway(_, what) | Fatal::Silent(what) => {
            Failure::new(Reason::Http2ProtocolError).with_evidence(*what)
        }
        Fatal::Flood(flood) => flood.failure.clone(),
    }
}

/// Tells the application log why a connection ends that had no request.
pub(in crate::downstream) fn tell(info: &ConnectionInfo, failure: &Failure) {
    let evidence = failure.evidence.as_deref().unwrap_or_default();
    tracing::info!(
        target: "http2",
        "the connection of {} ends: {}: {} [{evidence}]",
        info.remote,
        failure.reason.key(),
        failure.spec().sentence.get(Language::English)
    );
}

/// Whether a stream that was reset was opened for nothing.
pub(super) fn was_early(stream: &Stream, worker: &Worker) -> bool {
    !stream.answered && worker.instant().saturating_duration_since(stream.begun) < EARLY
}
