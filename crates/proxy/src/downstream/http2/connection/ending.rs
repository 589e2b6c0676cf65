//! How a connection ends: because the client broke a rule, because it is to drain, or because it is over.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use causeway_http::h2::{Code, Kind};
use causeway_model::Http2Options;
use causeway_reason::{Failure, Language, Reason};

use super::super::limits::Flood;
use super::super::receive::Fatal;
use super::super::session::End;
use super::{Connection, Drain};
use crate::buffer::FOR_BODY;
use crate::connection::ConnectionInfo;
use crate::deadlines::Timer;
use crate::downstream::linger::Lingering;
use crate::stats::{Http2Stat, HttpStat};
use crate::timer::millis;

impl Connection {
    /// The client broke a rule, or asks too much: the connection ends.
    pub(super) fn fail(&mut self, fatal: Fatal) {
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
                session.go_away(last, Flood::CODE);
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

    pub(super) fn end(&mut self, end: End) {
        let mut session = self.session.borrow_mut();
        self.opened.with_request |= session.open_streams > 0 || session.has_refused();
        session.finish(end);
    }

    /// Whether something says that the connection is to end behind what is open on it.
    pub(super) fn look_for_drain(&mut self, is_gone: bool) {
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
    pub(super) fn announce_end(&mut self) {
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
    pub(super) fn close(&mut self) {
        self.drain = Drain::Closing;
        let mut session = self.session.borrow_mut();
        let last = session.last_stream;
        self.receiver.last_served = Some(last);
        self.worker.http2().inc(Http2Stat::GoawaySent);
        session.go_away(last, Code::NO_ERROR);
    }

    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) {
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
    pub(super) fn schedule_ping(&self, options: &Http2Options) {
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
    pub(super) async fn finish(mut self: Box<Self>) {
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
        self.deadlines.clear_request();
        self.deadlines.set(Timer::Idle, None);
        self.deadlines.set(Timer::ConnectionDuration, None);
        poll_fn(|cx| {
            self.session.borrow_mut().output.shutdown_write(cx);
            Poll::Ready(())
        })
        .await;
        let Self { worker, listener, info, deadlines, inbound, session, .. } = self;
        let read = |cx: &mut Context<'_>| {
            let unread = inbound.filled().len();
            inbound.consume(unread);
            worker.buffers.make_room(inbound, FOR_BODY);
            session.borrow_mut().output.poll_read(cx, inbound)
        };
        if (Lingering { worker, listener, info, deadlines }).wait(read).await {
            self.opened.closed_by_peer = true;
        }
    }
}

/// Why the requests of a connection fail that can't go on.
pub(super) fn failure_of(fatal: &Fatal) -> Failure {
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
