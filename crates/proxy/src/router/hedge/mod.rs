//! Several attempts at once (`hedge_policy`): one that takes longer than `per_try_timeout` goes on, and another is
//! made beside it. The client gets what comes first of what is well; the others are given up.
//!
//! The youngest attempt is served as any other: by the router, by its [`Relay`], by the pause before the next one. Those
//! that were late are kept here, and whoever waits for the youngest looks after them ([`poll`]). All of the request has
//! arrived before an attempt can be late, and is kept, so that there is nothing they would have to share.

mod late;
mod outcome;

use std::task::{Context, Poll, ready};

use causeway_http::h1::ResponseHead;
use causeway_http::{Known, KnownSet};
use causeway_model::RouteForward;
use causeway_reason::{Details, Failure, Flag, Reason};
use causeway_upstream::HostStat;

use super::relay::Relay;
use super::retry::{self, Again, Tried};
use super::{Forwarding, leave, outlier};
use crate::deadlines::{Silence, Timer};
use crate::record::ActiveRequest;
use crate::timer::Millis;
use crate::traffic::TrafficStat;

use late::Late;

pub(super) use outcome::{outlast, outlast_unconnected, settle};

/// A request of which several attempts may be on their way.
#[derive(Default)]
pub(super) struct Hedge {
    /// Attempts that were late and go on, the oldest first.
    late: Vec<Late>,
    /// What the head of the response is, where it has been read before the attempt was taken up.
    pub(super) won: Option<ResponseHead>,
    /// The youngest attempt has brought a response that the client gets only if nothing better comes.
    pub(super) unwanted: bool,
}

/// What became of an attempt that was late, where that concerns the request.
pub(super) enum Event {
    /// Its response is the one that the client gets.
    Won(Box<Late>, ResponseHead),
    /// It failed, and that is what the client is told.
    Lost(Box<Late>, Failure),
}

impl Hedge {
    /// What the route and a client from inside say. The field of the client is removed elsewhere.
    pub(super) fn of(request: &ActiveRequest, route: &RouteForward) -> Option<Box<Self>> {
        const FIELD: KnownSet = KnownSet::of(&[Known::EnvoyHedgeOnPerTryTimeout]);
        let mut wanted = route.hedge_on_per_try_timeout.unwrap_or(false);
        if request.request.may_have_any(FIELD) {
            wanted = match request.request.get(Known::EnvoyHedgeOnPerTryTimeout) {
                Some(b"true") => true,
                Some(b"false") => false,
                _ => wanted,
            };
        }
        wanted.then(Box::default)
    }

    /// Whether attempts that were late are on their way.
    pub(super) const fn has_late(&self) -> bool {
        !self.late.is_empty()
    }
}

/// Whether attempts that were late are on their way.
pub(super) fn has_late(forwarding: &Forwarding) -> bool {
    forwarding.hedge.as_ref().is_some_and(|hedge| hedge.has_late())
}

/// Whether a failure is one of the youngest attempt alone, and others may yet be answered.
pub(super) fn goes_on_after(forwarding: &Forwarding, failure: &Failure) -> bool {
    has_late(forwarding)
        && matches!(failure.answer().details, Details::ResetBefore(_) | Details::ResetAfter(_))
}

/// Looks after attempts that were late: ready where one of them decides what becomes of the request. `others` says whether
/// the youngest may yet be answered.
pub(super) fn poll(
    cx: &mut Context<'_>,
    request: &mut ActiveRequest,
    forwarding: &mut Forwarding,
    others: bool,
) -> Poll<Event> {
    let Some(mut hedge) = forwarding.hedge.take() else { return Poll::Pending };
    let event = hedge.poll(cx, request, forwarding, others);
    forwarding.hedge = Some(hedge);
    event
}

impl Hedge {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        request: &mut ActiveRequest,
        forwarding: &Forwarding,
        others: bool,
    ) -> Poll<Event> {
        let mut at = 0;
        while let Some(late) = self.late.get_mut(at) {
            late.tell(cx, request);
            let Poll::Ready(seen) = late.poll(cx, request) else {
                at += 1;
                continue;
            };
            let late = self.late.remove(at);
            // Where nothing has begun since, a log shows what it came to.
            if request.facts.resting && at == self.late.len() {
                request.facts.earlier = Some(Box::new(late.beside.facts.upstream_bytes()));
            }
            let others = others || self.has_late();
            if let Some(event) = late.seen(seen, request, forwarding, others) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    }

    /// Gives up all that are on their way beside the one that the request shows.
    pub(super) fn end(&mut self, request: &mut ActiveRequest) {
        for late in self.late.drain(..) {
            late.end(request, None);
        }
    }
}

/// The request ends without an answer of a back-end, because of this: attempts that are on their way end with it.
pub(super) fn abandon(request: &mut ActiveRequest, forwarding: &mut Forwarding, failure: &Failure) {
    let Some(hedge) = &mut forwarding.hedge else { return };
    for late in hedge.late.drain(..) {
        if failure.reason == Reason::RouteTimeout {
            let host = late.beside.facts.host.clone();
            forwarding.cluster.count_timeout(host.as_deref());
            request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Timeout));
            late.count(HostStat::RqError);
            request.charge(failure.answer().status);
        }
        late.end(request, None);
    }
}

/// The client left: attempts that are on their way end behind the request.
pub(super) fn outlive(request: &mut ActiveRequest, forwarding: &mut Forwarding) {
    let Some(hedge) = &mut forwarding.hedge else { return };
    for late in hedge.late.drain(..) {
        request.outlive(late.into_beside());
    }
}

impl Relay<'_> {
    /// Looks after attempts that were late, while the youngest waits for its response.
    #[cold]
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        if let Some(head) = self.forwarding.hedge.as_mut().and_then(|hedge| hedge.won.take()) {
            return Poll::Ready(Ok(head));
        }
        match ready!(poll(cx, &mut self.request, self.forwarding, true)) {
            Event::Won(late, head) => {
                self.take_up(*late);
                Poll::Ready(Ok(head))
            }
            Event::Lost(late, failure) => {
                late.fail(&mut self.request, failure.clone());
                self.forwarding.retry = None;
                Poll::Ready(Err(failure))
            }
        }
    }

    /// Whether a failure says only that the attempt takes long, which is no end of it.
    pub(super) const fn is_late(&self, failure: &Failure) -> bool {
        self.forwarding.hedge.is_some()
            && matches!(failure.reason, Reason::PerTryTimeout | Reason::PerTryIdleTimeout)
    }

    /// The attempt is late. The pause before another is made beside it, if there may be one.
    pub(super) fn late(&mut self, failure: &Failure) -> Option<Millis> {
        outlier::note_failure(&self.request, &self.forwarding.hosts, failure);
        self.request.facts.late = flag_of(failure.reason);
        retry::after_late(&mut self.request, self.forwarding)
    }

    /// Leaves the attempt to itself, since another is made beside it.
    pub(super) fn leave_late(mut self, pause: Millis) -> Tried {
        let duration = self.downstream.deadlines.at(Timer::UpstreamDuration);
        let told = self.downstream.deadlines.at(Timer::UpstreamLog);
        self.detach();
        self.forwarding.timed_out = true;
        self.forwarding.started = true;
        let (late, request, forwarding) = Late::of(self, duration, told);
        if let Some(hedge) = &mut forwarding.hedge {
            hedge.late.push(late);
        }
        Tried::Again(Box::new(Again { request, upload: None, pause }))
    }

    /// The response that is there is the one that counts: there is no other attempt any more.
    #[cold]
    pub(super) fn win(&mut self) {
        self.forwarding.retry = None;
        if let Some(hedge) = &mut self.forwarding.hedge {
            hedge.end(&mut self.request);
        }
        self.downstream.deadlines.limit_silence(Silence::PerTry, None);
        self.downstream.deadlines.set(Timer::PerTry, None);
        self.downstream.deadlines.set(Timer::PerTryIdle, None);
    }

    /// Whether the response is one that the client gets only if nothing better comes. Where it is not, it wins.
    #[cold]
    pub(super) fn is_unwanted(&mut self) -> bool {
        let unwanted =
            self.forwarding.hedge.as_mut().is_some_and(|hedge| std::mem::take(&mut hedge.unwanted));
        if !unwanted {
            self.win();
        }
        unwanted
    }

    /// Leaves a response that the client gets only if nothing better comes, and waits for that.
    pub(super) async fn leave_unwanted(self: Box<Self>, head: &ResponseHead) -> Tried {
        let reusable = self.is_reusable(head);
        self.outlast(Ok((head, reusable))).await
    }

    /// Leaves an attempt that failed, and waits for the others.
    pub(super) async fn leave_lost(self: Box<Self>, failure: Failure) -> Tried {
        self.request.charge(failure.answer().status);
        self.outlast(Err(failure)).await
    }

    async fn outlast(mut self: Box<Self>, outcome: Result<(&ResponseHead, bool), Failure>) -> Tried {
        self.detach();
        let answered = outcome.as_ref().ok().copied();
        self.request.end_attempt(outcome.map(|(head, _)| head.status));
        // A log shows what the attempt that began last came to, as with Envoy.
        self.request.facts.shown = self.request.facts.earlier.clone();
        self.forwarding.permit = None;
        let Self { downstream, request, forwarding, upstream, running, .. } = *self;
        drop(running);
        match answered {
            Some((head, reusable)) => leave::let_go(upstream, head, reusable),
            None => drop(upstream),
        }
        outlast(downstream, request, forwarding).await
    }

    /// Goes on with an attempt that was late; the one that the relay had is given up, and so are all others.
    fn take_up(&mut self, late: Late) {
        let own = self.exchange_for(late);
        if let Some(hedge) = &mut self.forwarding.hedge {
            hedge.late.push(own);
        }
        self.win();
        self.downstream.log_attempt_later();
    }
}

/// The flag of a time that an attempt takes too much of, as the router's own logs show it.
pub(super) const fn flag_of(reason: Reason) -> Option<Flag> {
    match reason {
        Reason::PerTryTimeout => Some(Flag::UpstreamRequestTimeout),
        Reason::PerTryIdleTimeout => Some(Flag::StreamIdleTimeout),
        _ => None,
    }
}
