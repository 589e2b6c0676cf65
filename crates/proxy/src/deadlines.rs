//! The deadlines of one connection, of which the earliest has a timer.

use std::rc::Rc;
use std::task::{Context, Poll};

use crate::timer::{Deadline, Millis, Timers};

/// What may take too long. The doc names the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Timer {
    /// Nothing is asked on the connection: `idle_timeout`.
    Idle,
    /// The connection is old: `max_connection_duration`.
    ConnectionDuration,
    /// The head of a request: `request_headers_timeout`.
    RequestHeaders,
    /// The whole request: `request_timeout`.
    Request,
    /// The route's `timeout`.
    Route,
    /// `per_try_timeout` of a retry policy.
    PerTry,
    /// `per_try_idle_timeout` of a retry policy.
    PerTryIdle,
    /// Nothing moves: `stream_idle_timeout`, the route's `idle_timeout`.
    StreamIdle,
    /// `max_stream_duration`.
    StreamDuration,
    /// Another line of the access log about the request: `access_log_flush_interval`.
    AccessLog,
    /// Another line of the router's logs about the attempt: `upstream_log_flush_interval`.
    UpstreamLog,
    /// `max_stream_duration` of the cluster.
    UpstreamDuration,
    /// A closed connection waits for the client to close: `delayed_close_timeout`. Also: a connection
    /// that drains waits for a last request.
    Close,
    /// A client that nobody watches is watched from now on, so that it is noticed when it leaves. No setting.
    Watch,
}

const TIMERS: [Timer; 14] = [
    Timer::Idle,
    Timer::ConnectionDuration,
    Timer::RequestHeaders,
    Timer::Request,
    Timer::Route,
    Timer::PerTry,
    Timer::PerTryIdle,
    Timer::StreamIdle,
    Timer::StreamDuration,
    Timer::AccessLog,
    Timer::UpstreamLog,
    Timer::UpstreamDuration,
    Timer::Close,
    Timer::Watch,
];

const NEVER: Millis = Millis::MAX;

/// The deadlines of one connection.
#[derive(Debug)]
pub(crate) struct Deadlines {
    earliest: Deadline,
    /// When that is; [`NEVER`] where none is set.
    first: Millis,
    at: [Millis; TIMERS.len()],
    /// How long nothing may move; [`NEVER`] where that may last.
    silences: [Millis; 2],
}

/// What may not be silent for too long. The doc names the setting.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Silence {
    /// The attempt that is made: `per_try_idle_timeout`.
    PerTry,
    /// The request that is served: `stream_idle_timeout`, the route's `idle_timeout`.
    Stream,
}

impl Deadlines {
    pub(crate) fn new(timers: &Rc<Timers>) -> Self {
        Self {
            earliest: Deadline::new(timers),
            first: NEVER,
            at: [NEVER; TIMERS.len()],
            silences: [NEVER; 2],
        }
    }

    /// Moves a deadline; `None` takes it away.
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Millis>) {
        let at = at.unwrap_or(NEVER);
        let before = self.at.get_mut(timer as usize).map_or(at, |slot| std::mem::replace(slot, at));
        // Most of them move far behind the first.
        if before != at && before.min(at) <= self.first {
            self.find_first();
        }
    }

    /// How long nothing may move from the next [`Self::touch`] on; `None` says that it may last. A deadline that is
    /// set stays.
    pub(crate) fn limit_silence(&mut self, silence: Silence, most: Option<Millis>) {
        if let Some(slot) = self.silences.get_mut(silence as usize) {
            *slot = most.unwrap_or(NEVER);
        }
    }

    /// How long nothing may move.
    pub(crate) fn silence(&self, silence: Silence) -> Option<Millis> {
        self.silences.get(silence as usize).copied().filter(|most| *most != NEVER)
    }

    /// Something moved: silences begin again.
    pub(crate) fn touch(&mut self, now: Millis) {
        for (silence, timer) in [(Silence::PerTry, Timer::PerTryIdle), (Silence::Stream, Timer::StreamIdle)] {
            if let Some(most) = self.silence(silence) {
                self.set(timer, Some(now + most));
            }
        }
    }

    fn find_first(&mut self) {
        let first = self.at.iter().copied().min().unwrap_or(NEVER);
        if std::mem::replace(&mut self.first, first) != first {
            self.earliest.set(Some(first).filter(|at| *at != NEVER));
        }
    }

    /// Whether a deadline is set.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.at.get(timer as usize).is_some_and(|at| *at != NEVER)
    }

    /// When a deadline is, where it is set.
    pub(crate) fn at(&self, timer: Timer) -> Option<Millis> {
        self.at.get(timer as usize).copied().filter(|at| *at != NEVER)
    }

    /// Takes away the deadlines of a request.
    pub(crate) fn clear_request(&mut self) {
        for timer in [
            Timer::RequestHeaders,
            Timer::Request,
            Timer::Route,
            Timer::PerTry,
            Timer::PerTryIdle,
            Timer::StreamIdle,
            Timer::StreamDuration,
            Timer::AccessLog,
            Timer::UpstreamLog,
            Timer::UpstreamDuration,
            Timer::Watch,
        ] {
            if let Some(slot) = self.at.get_mut(timer as usize) {
                *slot = NEVER;
            }
        }
        self.find_first();
    }

    /// Ready with a deadline that has passed; it is taken away.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: impl FnOnce() -> Millis) -> Poll<Timer> {
        match self.earliest.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let now = now();
                let passed = TIMERS
                    .into_iter()
                    .filter(|timer| self.at.get(*timer as usize).is_some_and(|at| *at <= now))
                    .min_by_key(|timer| self.at.get(*timer as usize).copied());
                match passed {
                    Some(timer) => {
                        self.set(timer, None);
                        Poll::Ready(timer)
                    }
                    None => Poll::Pending,
                }
            }
        }
    }
}
