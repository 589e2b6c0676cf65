//! The last moment of a connection: its client reads what it was sent to the end, and closes.
//!
//! To close a connection with unread bytes on it is a reset, which would take the last answer with it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::connection::ConnectionInfo;
use crate::deadlines::{Deadlines, Timer};
use crate::snapshot::HttpRuntime;
use crate::stats::HttpStat;
use crate::timer::millis;
use crate::worker::Worker;

/// A connection whose client is waited for.
pub(super) struct Lingering<'a> {
    pub(super) worker: &'a Worker,
    pub(super) listener: &'a HttpRuntime,
    pub(super) info: &'a ConnectionInfo,
    pub(super) deadlines: &'a mut Deadlines,
}

impl Lingering<'_> {
    /// Waits for `delayed_close_timeout` at most, and says whether the client has closed. What it still sends is
    /// thrown away by `read`, which reads once; 0 is the end.
    pub(super) async fn wait(
        self,
        mut read: impl FnMut(&mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> bool {
        let Self { worker, listener, info, deadlines } = self;
        let most = listener.manager.config.delayed_close_timeout;
        if most == Duration::ZERO {
            return false;
        }
        let http = &listener.shards.http;
        deadlines.set(Timer::Close, Some(worker.now() + millis(most)));
        let closed = poll_fn(|cx| {
            loop {
                match read(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(true),
                    Poll::Ready(Err(_)) => {
                        info.course.was_reset.set(true);
                        return Poll::Ready(true);
                    }
                    Poll::Ready(Ok(count)) => {
                        http.add(HttpStat::DownstreamCxRxBytesTotal, count as u64);
                        info.course.received.set(info.course.received.get() + count as u64);
                    }
                    Poll::Pending => break,
                }
            }
            loop {
                match deadlines.poll(cx, || worker.timers.now()) {
                    Poll::Ready(Timer::Close) => return Poll::Ready(false),
                    Poll::Ready(_) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        if !closed {
            http.inc(HttpStat::DownstreamCxDelayedCloseTimeout);
            info.course.ending().closed_because.set(Some("triggered_delayed_close_timeout"));
        }
        closed
    }
}
