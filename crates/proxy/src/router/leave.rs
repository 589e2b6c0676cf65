//! Leaving an attempt because there will be another: what belongs to the request is taken along, and the connection serves
//! others, where nothing is left on it.

use causeway_http::h1::ResponseHead;
use causeway_reason::Failure;

use super::relay::Relay;
use super::retry::{Again, Tried};
use crate::deadlines::{Silence, Timer};
use crate::pool::Upstream;
use crate::timer::Millis;

impl Relay<'_> {
    /// Leaves a response that is not passed on.
    pub(super) fn leave_response(mut self, head: &ResponseHead, pause: Millis) -> Tried {
        if head.framing.is_none() {
            self.request.facts.response_end = Some(self.downstream.worker.moment());
        }
        self.forwarding.timed_out = false;
        self.forwarding.started = true;
        self.request.facts.status = 0;
        let suppress = self.downstream.listener.manager.config.suppress_grpc_code_stats;
        let by_status = !(suppress && self.request.facts.grpc);
        self.forwarding.cluster.count_retried(head.status, by_status);
        let reusable = self.is_reusable(head);
        let (upstream, again) = self.leave(Ok(head.status));
        let_go(upstream, head, reusable);
        Tried::Again(Box::new(Again { pause, ..again }))
    }

    /// Whether its connection can serve others though nobody has read the response: nothing of it follows.
    pub(super) fn is_reusable(&self, head: &ResponseHead) -> bool {
        head.framing.is_none()
            && head.keeps_alive()
            && self.upload.is_none()
            && !self.upload_failed
            && !self.request.facts.upgrade
    }

    /// Leaves an attempt that failed.
    pub(super) fn leave_failed(self, failure: Failure, pause: Millis) -> Tried {
        let (upstream, again) = self.leave(Err(failure));
        drop(upstream);
        Tried::Again(Box::new(Again { pause, ..again }))
    }

    fn leave(mut self, outcome: Result<u16, Failure>) -> (Upstream, Again) {
        self.detach();
        self.request.end_attempt(outcome);
        self.forwarding.permit = None;
        let Relay { request, upstream, upload, .. } = self;
        (upstream, Again { request, upload, pause: 0 })
    }

    /// Takes what belongs to the request, and not to the attempt, before the attempt is left.
    pub(super) fn detach(&mut self) {
        if let Some(kept) = self.kept.take()
            && let Some(bytes) = kept.into_bytes()
        {
            self.request.again.get_or_insert_default().body = bytes;
        }
        for timer in [Timer::PerTry, Timer::PerTryIdle, Timer::UpstreamDuration, Timer::UpstreamLog] {
            self.downstream.deadlines.set(timer, None);
        }
        self.downstream.deadlines.limit_silence(Silence::PerTry, None);
        self.forwarding.tried = true;
    }
}

/// Lets what has brought a response go. Where a body follows, nobody reads it, and the connection goes, or the stream.
pub(super) fn let_go(upstream: Upstream, head: &ResponseHead, reusable: bool) {
    match upstream {
        Upstream::Http1(connection) => {
            if reusable && connection.buffer.is_empty() {
                connection.end_request();
                connection.pool().give_back(connection);
            }
        }
        Upstream::Http2(stream) => {
            if !head.framing.is_none() {
                stream.abandon();
            }
        }
    }
}
