//! Clients that read slowly what back-ends have sent to its end.

use std::task::{Context, Poll};

use causeway_model::TimerType;

use super::{Client, Downstream};
use crate::deadlines::{Silence, Timer};
use crate::exchange::Exchange;
use crate::snapshot::timeout;
use crate::stats::{Http2Stat, HttpStat};

impl Downstream {
    /// All of the response is here: what is left is for the client to take. Nobody else is late from now on, and it has
    /// the time that Envoy gives it, however much it takes of it: `flush_timeout` of the route or
    /// `stream_flush_timeout`, or, where nothing but its connection waits for it, `idle_timeout`.
    pub(crate) fn wait_for_reader(&mut self, request: &Exchange) {
        for timer in [
            Timer::Route,
            Timer::PerTry,
            Timer::PerTryIdle,
            Timer::StreamDuration,
            Timer::UpstreamDuration,
            Timer::UpstreamLog,
        ] {
            self.deadlines.set(timer, None);
        }
        self.deadlines.limit_silence(Silence::PerTry, None);
        self.deadlines.limit_silence(Silence::Stream, None);
        let config = &self.listener.manager.config;
        let (timer, most) = match &self.client {
            Client::Http1 { .. } => (TimerType::ConnectionIdle, config.idle_timeout),
            Client::Http2(_) => {
                let forward = request.facts.route.as_ref().and_then(|entry| entry.forward());
                let of_route = forward.and_then(|forward| forward.flush_timeout);
                (TimerType::StreamIdle, of_route.or(config.stream_flush_timeout))
            }
        };
        let most = timeout(most).map(|most| self.worker.now() + self.scaled(timer, most));
        self.deadlines.set(Timer::StreamIdle, most);
    }

    /// Ready once that time is over.
    pub(crate) fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let late = self.poll_write_deadline(cx);
        if late.is_ready() {
            match &self.client {
                Client::Http1 { .. } => self.listener.shards.http.inc(HttpStat::DownstreamCxIdleTimeout),
                Client::Http2(_) => self.worker.http2().inc(Http2Stat::TxFlushTimeout),
            }
        }
        late
    }
}
