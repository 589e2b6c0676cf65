//! A client's connection: waiting for requests, serving them one after the other, closing.

mod arrival;
mod client;
mod coroutine;
mod http2;
mod limit;
mod linger;
mod manager;
mod opened;
mod read;
mod reader;
mod rehearsal;
mod respond;
mod seen;
mod unread;
mod upgrade;

pub(crate) use client::Client;
pub(crate) use coroutine::Coroutines;
pub(crate) use http2::{ClientStream, OutputPool, StreamJob};
pub(crate) use opened::Opened;
pub(crate) use rehearsal::{Course, Rehearsed};
pub(crate) use respond::BodyToClient;
pub(crate) use seen::SeenByRouting;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_model::TimerType;
use tokio::task::coop;

use crate::buffer::{Buffer, FOR_HEAD};
use crate::connection::ConnectionInfo;
use crate::crew::{Crew, Job};
use crate::deadlines::{Deadlines, Timer};
use crate::io::Transport;
use crate::listener::{ListenerSlot, OpenConnection};
use crate::overload::WorkerOverload;
use crate::record::ActiveRequest;
use crate::snapshot::{HttpRuntime, timeout};
use crate::stats::HttpStat;
use crate::timer::{Millis, millis};
use crate::worker::Worker;
use linger::Lingering;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Downstream {
    pub(crate) worker: Rc<Worker>,
    slot: Rc<ListenerSlot>,
    pub(crate) info: Rc<ConnectionInfo>,
    /// The listener and its connection manager as they are now: a reload replaces them between two requests.
    pub(crate) listener: Rc<HttpRuntime>,
    /// The generation of the listener for which that holds.
    generation: u64,
    /// The client's side.
    pub(crate) client: Client,
    pub(crate) deadlines: Deadlines,
    /// Requests that were served.
    pub(crate) served: u32,
    /// The connection ends behind the next response.
    pub(crate) draining: bool,
    /// The upgrade that the request asks for and may have.
    pub(crate) upgrade: Option<Box<[u8]>>,
    idle_since: Millis,
    /// While the connection is idle, it is closed at this time.
    close_at: Option<Millis>,
    /// It has been given `drain_timeout` to end.
    drained: bool,
    /// The connection, where it is this one; that of a stream is served elsewhere. The last to be dropped: then it is
    /// logged.
    opened: Option<Opened>,
}

// An idle connection is this, what is known about it, and what the runtime holds for it.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<Downstream>() <= 376 && size_of::<ConnectionInfo>() <= 208);

/// What happens behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request.
    KeepAlive,
    /// Nothing more is read or written.
    Close,
    /// The client has yet to see the end of its answer: it is waited for a moment, since closing a
    /// connection with unread bytes on it is a reset, which takes the answer with it.
    Linger,
    /// The client closed, or broke.
    Gone,
    /// The client speaks HTTP/2, and goes on in a task that does as well.
    Http2,
}

/// How the client is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linger {
    /// It is told that nothing more comes.
    Shut,
    /// It is told nothing.
    Open,
}

/// Why waiting for a request ended.
enum Wait {
    Readable,
    Close,
}

/// A connection is served by one task at a time.
impl Job for Box<Downstream> {
    /// As many as coroutines: where each request has a connection of its own, one of either serves it.
    const MOST: usize = coroutine::MOST;

    fn crew(worker: &Worker) -> &Crew<Self> {
        &worker.connection_tasks
    }

    fn serve(self, _: &Rc<Worker>) -> impl Future<Output = ()> {
        self.serve_connection()
    }
}

impl Downstream {
    /// A connection of a connection manager, of which some bytes may have been read already.
    pub(crate) fn new(
        slot: &Rc<ListenerSlot>,
        listener: Rc<HttpRuntime>,
        open: OpenConnection,
        stream: Transport,
        inbound: Buffer,
    ) -> Self {
        let (worker, info) = (Rc::clone(open.worker()), Rc::clone(open.info()));
        Self {
            deadlines: Deadlines::new(&worker.timers),
            slot: Rc::clone(slot),
            info,
            // It may have changed since the connection was accepted.
            generation: 0,
            upgrade: None,
            idle_since: worker.now(),
            close_at: None,
            drained: false,
            client: Client::http1(stream, inbound),
            served: 0,
            draining: false,
            opened: Some(Opened::new(open, &listener)),
            worker,
            listener,
        }
    }

    /// What serves a request of a stream, whose connection is served elsewhere.
    pub(crate) fn of_stream(
        worker: &Rc<Worker>,
        slot: Rc<ListenerSlot>,
        listener: Rc<HttpRuntime>,
        info: Rc<ConnectionInfo>,
        client: Client,
    ) -> Self {
        Self {
            opened: None,
            deadlines: Deadlines::new(&worker.timers),
            worker: Rc::clone(worker),
            slot,
            info,
            generation: 0,
            upgrade: None,
            idle_since: worker.now(),
            close_at: None,
            drained: false,
            listener,
            client,
            served: 0,
            draining: false,
        }
    }

    /// Serves the request of a stream.
    pub(crate) async fn serve_stream(&mut self, request: ActiveRequest) {
        self.arm_arrival();
        self.log_later();
        // What becomes of the stream is seen from how far its response has come.
        let _ = self.handle(request).await;
        if let Client::Http2(stream) = &self.client
            && stream.is_answered_early()
        {
            self.count_early_answer();
        }
    }

    /// Serves the connection to its end.
    ///
    /// It is boxed because a future holds what it was called with beside what becomes of it: unboxed, an idle
    /// connection would be there twice.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would hold `self` twice")]
    fn serve_connection(mut self: Box<Self>) -> impl Future<Output = ()> {
        async move {
            let opened = self.worker.timers.at(self.info.opened);
            let config = &self.listener.manager.config;
            if let Some(most) = timeout(config.max_connection_duration) {
                let most = most + self.worker.jitter(config.max_connection_duration_jitter);
                let most = self.scaled(TimerType::ConnectionMax, most);
                self.deadlines.set(Timer::ConnectionDuration, Some(opened + most));
            }
            let after = loop {
                match self.wait_for_request().await {
                    Wait::Readable => {}
                    // Envoy gives the client the time to close it itself.
                    Wait::Close if self.drained => {
                        Box::pin(self.linger(Linger::Open)).await;
                        break After::Close;
                    }
                    Wait::Close => break After::Close,
                }
                let after;
                (self, after) = self.serve_requests().await;
                match after {
                    After::KeepAlive => {}
                    After::Http2 => return self.serve_http2().await,
                    after => break after,
                }
            };
            if after == After::Gone {
                self.note_closed_by_peer();
            }
            if after == After::Linger {
                Box::pin(self.linger(Linger::Shut)).await;
            }
            self.closed();
        }
    }

    /// Goes on as a connection of HTTP/2.
    async fn serve_http2(self: Box<Self>) {
        let Self { worker, slot, info, listener, client, deadlines, opened, .. } = *self;
        let (Client::Http1 { stream, inbound, .. }, Some(opened)) = (client, opened) else { return };
        let handover = http2::Handover { worker, slot, listener, info, opened, stream, inbound, deadlines };
        Box::pin(http2::serve(handover)).await;
    }

    /// Waits until the client sends something, without holding memory for it.
    async fn wait_for_request(&mut self) -> Wait {
        self.client.reclaim(&self.worker.buffers);
        self.deadlines.set(Timer::Close, self.close_at);
        let mut ends = None;
        let wait = poll_fn(|cx| {
            // Something may have been read while it was found out what it is.
            if !self.client.unread().is_empty() || self.client.poll_read_ready(cx).is_ready() {
                return Poll::Ready(Wait::Readable);
            }
            self.poll_drain(cx);
            // It may have become shorter since.
            let idle = timeout(self.listener.manager.config.idle_timeout);
            let idle = idle.map(|idle| self.idle_since + self.scaled(TimerType::ConnectionIdle, idle));
            if std::mem::replace(&mut ends, idle) != idle {
                self.deadlines.set(Timer::Idle, idle);
            }
            loop {
                let stat = match self.deadlines.poll(cx, || self.worker.timers.now()) {
                    // One that has been used may be about to be used again: it drains.
                    Poll::Ready(Timer::Idle) if self.served > 0 && self.close_at.is_none() => {
                        self.listener.shards.http.inc(HttpStat::DownstreamCxIdleTimeout);
                        self.drain();
                        continue;
                    }
                    Poll::Ready(Timer::Idle) => {
                        self.info.course.ending().closed_because.set(Some("on_idle_timeout"));
                        HttpStat::DownstreamCxIdleTimeout
                    }
                    // Nothing was ever asked on it, and nothing is to be waited for.
                    Poll::Ready(Timer::ConnectionDuration) if self.served == 0 => {
                        HttpStat::DownstreamCxMaxDurationReached
                    }
                    Poll::Ready(Timer::ConnectionDuration) => {
                        self.grow_old();
                        continue;
                    }
                    Poll::Ready(Timer::Close) if self.drained => return Poll::Ready(Wait::Close),
                    Poll::Ready(Timer::Close) => HttpStat::DownstreamCxDrainClose,
                    Poll::Ready(_) => continue,
                    Poll::Pending => return Poll::Pending,
                };
                self.listener.shards.http.inc(stat);
                return Poll::Ready(Wait::Close);
            }
        })
        .await;
        self.deadlines.set(Timer::Idle, None);
        self.deadlines.set(Timer::Close, None);
        wait
    }

    /// The overload manager, where it has something to say about this connection.
    pub(crate) fn overload(&self) -> Option<Rc<WorkerOverload>> {
        if self.listener.config.bypass_overload_manager { None } else { self.worker.overload() }
    }

    /// How long a timer runs that is set to that long.
    pub(crate) fn scaled(&self, timer: TimerType, set: Millis) -> Millis {
        self.overload().map_or(set, |overload| overload.shared.timer(timer, set))
    }

    /// The connection is as old as it may become: it ends behind the next response. Where it is idle, it has
    /// `drain_timeout` for that, or all the time there is if it is to be closed safely only.
    pub(crate) fn grow_old(&mut self) {
        let config = &self.listener.manager.config;
        let http = &self.listener.shards.http;
        http.inc(HttpStat::DownstreamCxMaxDurationReached);
        self.draining = true;
        if config.safe_max_connection_duration {
            if let Some(opened) = &mut self.opened {
                opened.drain_softly();
            }
            return;
        }
        self.drain();
    }

    /// The connection ends behind the next response, or when `drain_timeout` has passed without one.
    fn drain(&mut self) {
        let config = &self.listener.manager.config;
        let drain = millis(config.drain_timeout) + self.worker.jitter(config.drain_timeout_jitter);
        self.draining = true;
        self.drained = true;
        let at = self.worker.now() + drain;
        self.close_at = Some(self.close_at.map_or(at, |earlier| earlier.min(at)));
        self.deadlines.set(Timer::Close, self.close_at);
    }

    /// An idle connection has to go where the listener drains. It is given a moment for a request that
    /// may be on its way: closing under it would fail it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) {
        self.info.listen(cx);
        if self.slot.is_draining() && self.close_at.is_none() {
            self.draining = true;
            let grace = millis(self.worker.drain_grace());
            self.close_at = Some(self.worker.now() + grace);
            self.deadlines.set(Timer::Close, self.close_at);
        }
    }

    /// Serves requests until nothing of one is there.
    async fn requests(&mut self) -> After {
        let mut woken = true;
        loop {
            let generation = self.slot.generation();
            if std::mem::replace(&mut self.generation, generation) != generation {
                match self.slot.http_in_place_of(&self.listener) {
                    Some(current) => self.listener = current,
                    None => self.draining = true,
                }
            }
            match self.request(std::mem::take(&mut woken)).await {
                // Many requests in one piece, all of which are answered here, must not keep others waiting.
                Some(After::KeepAlive) if !self.client.unread().is_empty() => coop::consume_budget().await,
                Some(After::KeepAlive) => {}
                Some(after) => return after,
                None => return After::KeepAlive,
            }
        }
    }

    /// Waits for the client to close, so that it reads its answer to the end. What it still sends is
    /// thrown away.
    async fn linger(&mut self, how: Linger) {
        if how == Linger::Shut {
            poll_fn(|cx| {
                self.client.shutdown_write(cx);
                Poll::Ready(())
            })
            .await;
        }
        let (client, worker) = (&mut self.client, &self.worker);
        let lingering =
            Lingering { worker, listener: &self.listener, info: &self.info, deadlines: &mut self.deadlines };
        let read = |cx: &mut Context<'_>| {
            client.consume(client.unread().len());
            client.make_room(&worker.buffers, FOR_HEAD);
            client.poll_read(cx)
        };
        if lingering.wait(read).await {
            self.note_closed_by_peer();
        }
    }

    fn note_closed_by_peer(&mut self) {
        if let Some(opened) = &mut self.opened {
            opened.closed_by_peer = true;
        }
    }

    /// What has arrived belongs to nobody.
    fn throw_away(&mut self) {
        let unread = self.client.unread().len();
        self.client.consume(unread);
    }

    fn closed(&mut self) {
        self.throw_away();
        self.client.reclaim(&self.worker.buffers);
        self.measure_round_trip();
    }

    /// Asks the kernel for the round trip to the client, where a log shows it.
    fn measure_round_trip(&self) {
        if self.listener.manager.shared().measures.round_trip {
            self.info.round_trip.set(self.client.round_trip());
        }
    }
}
