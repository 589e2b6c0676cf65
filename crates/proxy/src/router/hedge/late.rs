//! An attempt that was late, and goes on beside others.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use causeway_http::h1::ResponseHead;
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterStat, Ending, HostStat};

use super::Event;
use crate::cluster::{LocalCluster, Permit};
use crate::deadlines::Timer;
use crate::downstream::Downstream;
use crate::exchange::{Beside, Facts, Outgoing, UpstreamAnswer};
use crate::pool::Upstream;
use crate::record::ActiveRequest;
use crate::router::answer::HeadReader;
use crate::router::relay::{Relay, Running};
use crate::router::{Forwarding, leave, outlier, retry};
use crate::snapshot::timeout;
use crate::timer::{Deadline, Millis};

/// An attempt that was late, and goes on beside others.
pub(in crate::router) struct Late {
    pub(super) beside: Beside,
    upstream: Upstream,
    hosts: Rc<LocalCluster>,
    /// What is left to be written of the request in HTTP/1, …
    out: Outgoing,
    /// … and in HTTP/2.
    resend: Option<Box<Bytes>>,
    /// The back-end takes no more of it.
    deaf: bool,
    scanned: u32,
    /// An upgrade was asked for.
    upgrade: bool,
    /// `max_stream_duration` of the cluster: when it ends, and what tells of it.
    duration: Option<(Millis, Deadline)>,
    /// When the router's logs are told of it again, and how often they are.
    told: Option<(Deadline, Millis)>,
    permit: Option<Permit>,
    running: Running,
}

/// What is seen of it.
pub(super) enum Seen {
    Head(ResponseHead),
    Failed(Failure),
}

impl Late {
    /// What a relay has of its attempt, which it leaves; `duration` is when the attempt has taken too long, and `told` when
    /// the router's logs are told of it again.
    pub(super) fn of(
        relay: Relay<'_>,
        duration: Option<Millis>,
        told: Option<Millis>,
    ) -> (Self, ActiveRequest, &mut Forwarding) {
        let Relay {
            downstream,
            mut request,
            forwarding,
            upstream,
            upload_failed,
            resend,
            scanned,
            running,
            ..
        } = relay;
        let facts = &mut request.facts;
        facts.take_count();
        // Until the next attempt begins, a log shows this one.
        let shown = Facts {
            host: facts.host.clone(),
            upstream_local: facts.upstream_local,
            upstream_remote: facts.upstream_remote.clone(),
            upstream_tls: facts.upstream_tls.clone(),
            upstream_connection: facts.upstream_connection,
            earlier: Some(Box::new(facts.upstream_bytes())),
            resting: true,
            ..Facts::default()
        };
        let mut beside = Beside { facts: Box::new(shown), ..Beside::default() };
        request.swap_attempt(&mut beside);
        let timer = |at| {
            let deadline = Deadline::new(&downstream.worker.timers);
            deadline.set(Some(at));
            deadline
        };
        let interval = timeout(downstream.listener.manager.config.upstream_log_options.interval);
        let told = told.zip(interval).map(|(at, interval)| (timer(at), interval.max(1)));
        let duration = duration.map(|at| (at, timer(at)));
        let late = Self {
            beside,
            upstream,
            hosts: Rc::clone(&forwarding.hosts),
            out: std::mem::take(&mut request.to_upstream),
            resend,
            deaf: upload_failed,
            scanned,
            upgrade: downstream.upgrade.is_some(),
            duration,
            told,
            permit: forwarding.permit.take(),
            running,
        };
        (late, request, forwarding)
    }

    /// Looks after it: ready when it is answered, or has failed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, request: &ActiveRequest) -> Poll<Seen> {
        self.poll_send(cx, request);
        let Beside { facts, response } = &mut self.beside;
        let mut reader = HeadReader {
            worker: request.worker(),
            hosts: &self.hosts,
            method: request.method(),
            upgrade: self.upgrade,
            response,
            facts,
            scanned: &mut self.scanned,
        };
        match reader.poll(cx, &mut self.upstream) {
            Poll::Ready(Ok(head)) => {
                self.keep_answer(&head, request);
                return Poll::Ready(Seen::Head(head));
            }
            Poll::Ready(Err(failure)) => return Poll::Ready(Seen::Failed(failure)),
            Poll::Pending => {}
        }
        match &self.duration {
            Some((_, deadline)) if deadline.poll(cx).is_ready() => {
                self.hosts.stats().inc(ClusterStat::UpstreamRqMaxDurationReached);
                Poll::Ready(Seen::Failed(Reason::UpstreamMaxStreamDuration.into()))
            }
            _ => Poll::Pending,
        }
    }

    /// Tells the router's logs of it again, where it is time.
    pub(super) fn tell(&mut self, cx: &mut Context<'_>, request: &mut ActiveRequest) {
        let Some((deadline, interval)) = &self.told else { return };
        while deadline.poll(cx).is_ready() {
            request.swap_attempt(&mut self.beside);
            request.log_attempt_so_far();
            request.swap_attempt(&mut self.beside);
            deadline.set(Some(request.worker().now() + interval));
        }
    }

    /// Sends what is left of the request. Where that fails, the back-end may have answered before: reading tells.
    fn poll_send(&mut self, cx: &mut Context<'_>, request: &ActiveRequest) {
        if self.deaf {
            return;
        }
        let sent = match &mut self.upstream {
            Upstream::Http1(connection) if self.out.pending() > 0 => {
                self.out.poll_flush(cx, &mut connection.stream)
            }
            Upstream::Http2(stream) => loop {
                let Some(left) = self.resend.as_deref_mut() else { return };
                let Some(mut sink) = stream.sink() else { break Poll::Pending };
                match sink.poll_write_frame(cx, left, true) {
                    Poll::Ready(Ok(_)) if left.is_empty() => {
                        self.resend = None;
                        stream.request_complete();
                        break Poll::Ready(Ok(()));
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => break Poll::Pending,
                }
            },
            Upstream::Http1(_) => return,
        };
        match sent {
            Poll::Ready(Ok(())) => {
                let now = request.worker().moment();
                self.beside.facts.upstream_request_end.get_or_insert(now);
            }
            Poll::Ready(Err(_)) => self.deaf = true,
            Poll::Pending => {}
        }
    }

    /// Keeps what the back-end says for the router's logs, and for statistics of its size.
    fn keep_answer(&mut self, head: &ResponseHead, request: &ActiveRequest) {
        let sizes = request.facts.cluster.as_ref().is_some_and(|cluster| cluster.sizes().is_some());
        let logged = !request.listener().manager.shared().upstream_logs.is_empty();
        if (logged || sizes) && !head.is_interim() {
            let fields = self.beside.response.clone();
            self.beside.facts.answer = Some(Box::new(UpstreamAnswer { status: head.status, fields }));
        }
    }

    /// What it means for the request, unless that goes on without it. `others` says whether something better may come.
    pub(super) fn seen(
        mut self,
        seen: Seen,
        request: &mut ActiveRequest,
        forwarding: &Forwarding,
        others: bool,
    ) -> Option<Event> {
        match seen {
            Seen::Head(head) => {
                request.swap_attempt(&mut self.beside);
                let ending = if !head.is_interim() && retry::wants(request, forwarding, &head) {
                    Ending::AnsweredBadly
                } else {
                    Ending::Answered
                };
                let wins = ending.is_final(others);
                if !wins {
                    outlier::note_answer(request, &self.hosts, &head);
                }
                request.swap_attempt(&mut self.beside);
                if wins {
                    return Some(Event::Won(Box::new(self), head));
                }
                self.count(HostStat::RqError);
                let reusable = head.framing.is_none()
                    && head.keeps_alive()
                    && !self.deaf
                    && !self.upgrade
                    && self.out.pending() == 0;
                let Self { beside, upstream, running, .. } = self;
                request.end_beside(beside, None);
                drop(running);
                leave::let_go(upstream, &head, reusable);
            }
            // The duration of a stream is one of the whole request, as with Envoy.
            Seen::Failed(failure)
                if failure.reason == Reason::UpstreamMaxStreamDuration || Ending::Failed.is_final(others) =>
            {
                return Some(Event::Lost(Box::new(self), failure));
            }
            Seen::Failed(failure) => {
                self.fail(request, failure);
            }
        }
        None
    }

    /// Takes note that it failed.
    pub(super) fn fail(mut self, request: &mut ActiveRequest, failure: Failure) {
        request.swap_attempt(&mut self.beside);
        outlier::note_failure(request, &self.hosts, &failure);
        request.swap_attempt(&mut self.beside);
        if failure.reason != Reason::UpstreamMaxStreamDuration {
            self.count(HostStat::RqError);
            request.charge(failure.answer().status);
        }
        self.end(request, Some(failure));
    }

    /// Counts something of its host.
    pub(super) fn count(&self, stat: HostStat) {
        if let Some(host) = &self.beside.facts.host {
            self.hosts.cells(host).inc(stat);
        }
    }

    /// Gives it up, or takes note that it failed. Its stream is reset, and its connection of HTTP/1 closed: an answer that
    /// may still come would be taken for one of the next request.
    pub(super) fn end(self, request: &mut ActiveRequest, failure: Option<Failure>) {
        request.end_beside(self.beside, failure);
    }

    /// Gives it up, and leaves what is known of it.
    pub(super) fn into_beside(self) -> Beside {
        self.beside
    }

    /// A relay that goes on with it, and what is known of the attempt that the request showed before.
    pub(super) fn into_relay<'d>(
        self,
        downstream: &'d mut Downstream,
        mut request: ActiveRequest,
        forwarding: &'d mut Forwarding,
    ) -> (Box<Relay<'d>>, Beside) {
        let Self {
            mut beside,
            upstream,
            hosts,
            out,
            resend,
            deaf,
            scanned,
            upgrade: _,
            duration,
            told: _,
            permit,
            running,
        } = self;
        show(&mut request, &mut beside);
        request.to_upstream = out;
        forwarding.hosts = hosts;
        forwarding.permit = permit;
        downstream.deadlines.set(Timer::UpstreamDuration, duration.map(|(at, _)| at));
        let mut relay = Relay::with(downstream, request, forwarding, upstream, None, running);
        relay.resend = resend;
        relay.upload_failed = deaf;
        relay.scanned = scanned;
        relay.answered = true;
        (relay, beside)
    }
}

/// Has the request show this attempt.
fn show(request: &mut ActiveRequest, beside: &mut Beside) {
    request.swap_attempt(beside);
    request.attempted.clear();
    if let Some(host) = request.facts.host.clone() {
        let connection = request.facts.upstream_connection;
        request.attempted.push((host, connection));
    }
}

impl Relay<'_> {
    /// Takes up an attempt that was late, and leaves its own.
    pub(super) fn exchange_for(&mut self, late: Late) -> Late {
        use std::mem::replace;
        let Late {
            mut beside,
            upstream,
            hosts,
            out,
            resend,
            deaf,
            scanned,
            upgrade,
            duration,
            told: _,
            permit,
            running,
        } = late;
        // A log shows what the attempt that began last came to, as with Envoy.
        self.request.facts.take_count();
        self.request.facts.shown = Some(Box::new(self.request.facts.upstream_bytes()));
        show(&mut self.request, &mut beside);
        self.downstream.deadlines.set(Timer::UpstreamDuration, duration.map(|(at, _)| at));
        self.answered = true;
        Late {
            beside,
            upstream: replace(&mut self.upstream, upstream),
            hosts: replace(&mut self.forwarding.hosts, hosts),
            out: replace(&mut self.request.to_upstream, out),
            resend: replace(&mut self.resend, resend),
            deaf: replace(&mut self.upload_failed, deaf),
            scanned: replace(&mut self.scanned, scanned),
            upgrade,
            duration: None,
            told: None,
            permit: replace(&mut self.forwarding.permit, permit),
            running: replace(&mut self.running, running),
        }
    }
}
