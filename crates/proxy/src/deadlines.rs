//! The deadlines of one connection, of which the earliest has a timer.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

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
    /// When that fires: at the first of these or, since most of them only ever move away, before it. Then it is looked
    /// for.
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
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = at;
        }
        if at < self.first {
            self.first = at;
            self.earliest.set(Some(at));
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
        self.first = self.at.iter().copied().min().unwrap_or(NEVER);
        self.earliest.set(Some(self.first).filter(|at| *at != NEVER));
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
    }

    /// Ready with a deadline that has passed; it is taken away.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: impl Fn() -> Millis) -> Poll<Timer> {
        loop {
            ready!(self.earliest.poll(cx));
            let now = now();
            let passed = TIMERS
                .into_iter()
                .filter(|timer| self.at.get(*timer as usize).is_some_and(|at| *at <= now))
                .min_by_key(|timer| self.at.get(*timer as usize).copied());
            if let Some(timer) = passed {
                self.set(timer, None);
                return Poll::Ready(timer);
            }
            self.find_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::moment::Moment;

    fn run(test: impl AsyncFnOnce(&Rc<Timers>, Deadlines)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let timers = Timers::new(Moment::now());
            tokio::task::spawn_local(Rc::clone(&timers).drive());
            test(&timers, Deadlines::new(&timers)).await;
        });
    }

    async fn next(timers: &Rc<Timers>, deadlines: &mut Deadlines) -> (Timer, Millis) {
        let timer = poll_fn(|cx| deadlines.poll(cx, || timers.now())).await;
        (timer, timers.now())
    }

    #[test]
    fn whatever_was_set_before_the_first_that_is_left_is_told_in_its_time() {
        run(async |timers, mut deadlines| {
            let start = timers.now();
            deadlines.set(Timer::Route, Some(start + 5));
            deadlines.set(Timer::Idle, Some(start + 90));
            deadlines.clear_request();
            deadlines.set(Timer::Route, Some(start + 50));
            deadlines.set(Timer::Request, Some(start + 30));
            deadlines.set(Timer::Request, None);
            let (timer, at) = next(timers, &mut deadlines).await;
            assert_eq!(timer, Timer::Route);
            assert!((50..90).contains(&(at - start)), "{}", at - start);
            let (timer, at) = next(timers, &mut deadlines).await;
            assert_eq!(timer, Timer::Idle);
            assert!(at - start >= 90);
        });
    }

    #[test]
    fn of_several_that_have_passed_the_first_is_told_first() {
        run(async |timers, mut deadlines| {
            let now = timers.now();
            deadlines.set(Timer::Idle, Some(now + 4));
            deadlines.set(Timer::Close, Some(now + 2));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            assert_eq!(next(timers, &mut deadlines).await.0, Timer::Close);
            assert_eq!(next(timers, &mut deadlines).await.0, Timer::Idle);
        });
    }

    #[test]
    fn silences_begin_again_with_whatever_moves() {
        run(async |timers, mut deadlines| {
            let now = timers.now();
            deadlines.limit_silence(Silence::Stream, Some(1000));
            deadlines.touch(now);
            deadlines.limit_silence(Silence::PerTry, Some(7));
            deadlines.touch(now + 3);
            assert_eq!(deadlines.at(Timer::StreamIdle), Some(now + 1003));
            assert_eq!(deadlines.at(Timer::PerTryIdle), Some(now + 10));
            deadlines.limit_silence(Silence::PerTry, None);
            deadlines.touch(now + 5);
            assert_eq!(deadlines.at(Timer::PerTryIdle), Some(now + 10));
            assert_eq!(
                (deadlines.silence(Silence::PerTry), deadlines.silence(Silence::Stream)),
                (None, Some(1000))
            );
        });
    }
}
