//! A connection that is passed on, from its beginning to its end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_model::{DrainType, Listener, LoadShedPointKind, TcpConnect, TcpProxy};
use causeway_reason::{Failure, Flag, Reason};

use super::TcpRuntime;
use super::meter::Meter;
use super::record::{PURGED, Record};
use super::relay::{Broken, Ends, Way};
use super::stats::TcpStat;
use super::upstream::Upstream;
use crate::buffer::Buffer;
use crate::connection::ConnectionInfo;
use crate::deadlines::{Deadlines, Timer};
use crate::exchange::Subject;
use crate::gate::Refused;
use crate::io::Transport;
use crate::listener::{ListenerSlot, OpenConnection};
use crate::overload::WorkerOverload;
use crate::snapshot::timeout;
use crate::timer::{Millis, millis};
use crate::worker::Worker;

/// A connection that is passed on.
#[derive(Debug)]
pub(crate) struct TcpSession {
    pub(super) worker: Rc<Worker>,
    slot: Rc<ListenerSlot>,
    pub(super) info: Rc<ConnectionInfo>,
    pub(super) proxy: Rc<TcpRuntime>,
    pub(super) stream: Transport,
    /// What the client sent and the back-end has not yet.
    pub(super) inbound: Buffer,
    deadlines: Deadlines,
    idle: Option<Millis>,
    /// When something moved last.
    moved_at: Millis,
    /// It was the client that spoke last, and an answer may be on its way; so it is before the back-end is connected.
    client_waits: bool,
    /// Its listener is gone, since then.
    gone_since: Option<Millis>,
    /// When the close timer was last told to fire. It is set again only when
    /// that changes, because a deadline that is set anew has not fired yet.
    close_at: Option<Millis>,
    /// The last to be dropped: then it is logged.
    pub(super) record: Record,
}

/// Envoy's word for connections that the overload manager closes.
pub(super) const OVERLOADED: &str = "overload_manager_close";

/// Both directions, and what is counted of them.
struct Ways {
    up: Way,
    down: Way,
    meter: Meter,
}

/// How the passing on ends.
enum End {
    /// Both sides have said all they had to say; whether the back-end was the last.
    Both { upstream_last: bool },
    /// The client's side broke.
    Client(io::Error),
    /// The back-end's side broke.
    Upstream(io::Error),
    /// It is closed from here.
    Closed(Cut),
}

/// Why a connection is closed from here, whatever it does.
pub(super) enum Cut {
    /// `idle_timeout`.
    Idle,
    /// `max_downstream_connection_duration`.
    TooOld,
    /// `check_drain_close`.
    Drained,
    /// Its listener was removed a while ago.
    Removed,
    /// It is idle, and the process ends.
    Ended,
    /// `tcp_proxy_on_data`.
    Overloaded,
}

impl TcpSession {
    /// A connection of a TCP proxy, of which some bytes may have been read already.
    pub(crate) fn new(
        slot: &Rc<ListenerSlot>,
        proxy: &Rc<TcpRuntime>,
        open: OpenConnection,
        stream: Transport,
        inbound: Buffer,
    ) -> Self {
        let worker = Rc::clone(open.worker());
        Self {
            slot: Rc::clone(slot),
            info: Rc::clone(open.info()),
            stream,
            inbound,
            deadlines: Deadlines::new(&worker.timers),
            idle: timeout(proxy.shared.config.idle_timeout),
            moved_at: worker.now(),
            client_waits: true,
            gone_since: None,
            close_at: None,
            record: Record::new(proxy, open),
            proxy: Rc::clone(proxy),
            worker,
        }
    }

    /// The client did not come as far as to be passed on.
    pub(crate) fn without_handshake(proxy: &Rc<TcpRuntime>, open: OpenConnection, failure: Failure) {
        Record::new(proxy, open).fail(failure, &[]);
    }

    /// A filter in front did not let the connection through.
    pub(crate) async fn refuse(mut self: Box<Self>, refused: Refused) {
        self.record.facts().subject = Subject::RefusedConnection;
        self.record.closed_because(refused.closed_because);
        let flags: Vec<_> = refused.failure.flag().into_iter().collect();
        self.record.fail(refused.failure, &flags);
        if refused.after > Duration::ZERO {
            tokio::time::sleep(refused.after).await;
        }
    }

    /// Serves the connection to its end.
    ///
    /// It is boxed because a future holds what it was called with beside what becomes of it.
    pub(crate) async fn serve(mut self: Box<Self>) {
        let options = self.config().access_log_options;
        if options.on_start {
            self.record.log_unfinished("TcpConnectionStart");
        }
        self.set_deadlines();
        if let TcpConnect::OnData { most } = self.config().connect
            && !self.wait_for_data(most).await
        {
            return;
        }
        let Some(upstream) = self.connect().await else { return };
        if options.on_connected {
            self.record.log_unfinished("TcpUpstreamConnected");
        }
        self.pass_on(upstream).await;
    }

    pub(super) fn config(&self) -> &TcpProxy {
        &self.proxy.shared.config
    }

    fn set_deadlines(&mut self) {
        let opened = self.worker.timers.at(self.info.opened);
        let proxy = Rc::clone(&self.proxy);
        let config = &proxy.shared.config;
        if let Some(most) = config.max_connection_duration {
            let jitter = most.mul_f64(config.max_connection_duration_jitter / 100.0);
            let at = opened + millis(most) + self.worker.jitter(jitter);
            self.deadlines.set(Timer::ConnectionDuration, Some(at));
        }
        if let Some(interval) = config.access_log_options.interval {
            self.deadlines.set(Timer::AccessLog, Some(opened + millis(interval)));
        }
    }

    /// Waits until the client says something, of which it reads no more than so much. Says whether it goes on.
    async fn wait_for_data(&mut self, most: u32) -> bool {
        if self.inbound.is_empty() {
            let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
            let read = poll_fn(|cx| {
                self.worker.buffers.make_room(&mut self.inbound, most.min(crate::buffer::FOR_HEAD));
                match self.stream.poll_read(cx, &mut self.inbound) {
                    Poll::Ready(read) => Poll::Ready(Ok(read)),
                    Poll::Pending => {
                        self.worker.buffers.reclaim(&mut self.inbound);
                        self.poll_cut(cx).map(Err)
                    }
                }
            });
            match read.await {
                Ok(Ok(0)) => {
                    // Nothing was said, and there is nobody to listen.
                    self.proxy.stats.inc(TcpStat::EarlyDataReceivedCountTotal);
                    self.record.done();
                    return false;
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    self.client_broke(&error);
                    return false;
                }
                Err(cut) => {
                    self.cut(&cut).await;
                    return false;
                }
            }
        }
        // It has come, whether or not there will be somebody to take it.
        let count = u64::try_from(self.inbound.filled().len()).unwrap_or(u64::MAX);
        let facts = self.record.facts();
        (facts.bytes_received, facts.wire_received) = (count, count);
        self.info.course.received.set(count);
        self.proxy.stats.inc(TcpStat::EarlyDataReceivedCountTotal);
        true
    }

    /// The overload manager, where it has something to say about this connection.
    pub(super) fn overload(&self) -> Option<Rc<WorkerOverload>> {
        let bypass = self.info.listener.as_ref().is_some_and(|listener| listener.bypass_overload_manager);
        if bypass { None } else { self.worker.overload() }
    }

    /// Whether the overload manager says that this is not to go on.
    pub(super) fn is_shed(&self, point: LoadShedPointKind) -> bool {
        self.overload().is_some_and(|overload| overload.sheds(point, self.worker.random()))
    }

    /// Why, where it does.
    pub(super) fn overloaded(&self, reason: Reason) -> Failure {
        let evidence = self.overload().map_or_else(String::new, |overload| overload.shared.evidence());
        Failure::new(reason).with_evidence(evidence)
    }

    /// Passes bytes on until both sides have ended, or one of them breaks.
    async fn pass_on(&mut self, mut upstream: Box<Upstream>) {
        self.client_waits = !self.inbound.is_empty();
        self.touch();
        let mut ways = Ways {
            up: Way::after(self.inbound.filled().len()),
            down: Way::default(),
            meter: Meter::new(&self.proxy, upstream.cluster()),
        };
        let end = poll_fn(|cx| self.poll_ways(&mut upstream, &mut ways, cx)).await;
        match end {
            End::Both { upstream_last } => {
                if upstream_last {
                    upstream.closed_by_peer();
                }
                self.record.done();
            }
            End::Client(error) => {
                if self.client_broke(&error) {
                    upstream.stream.reset_on_close();
                }
            }
            End::Upstream(error) => {
                upstream.closed_by_peer();
                self.upstream_broke(&error);
            }
            End::Closed(cut) => {
                poll_fn(|cx| {
                    upstream.stream.shutdown_write(cx);
                    Poll::Ready(())
                })
                .await;
                self.cut(&cut).await;
            }
        }
        self.worker.buffers.discard(&mut upstream.buffer);
        self.worker.buffers.discard(&mut self.inbound);
    }

    fn poll_ways(&mut self, upstream: &mut Upstream, ways: &mut Ways, cx: &mut Context<'_>) -> Poll<End> {
        let Ways { up, down, meter } = ways;
        let mut end = None;
        if !up.ended {
            let overload = self.overload();
            let worker = &self.worker;
            let shed = || {
                overload.as_ref().is_some_and(|overload| {
                    overload.sheds(LoadShedPointKind::TcpProxyOnData, worker.random())
                })
            };
            let mut ends = Ends {
                shed: &shed,
                source: &mut self.stream,
                buffer: &mut self.inbound,
                sink: &mut upstream.stream,
                pool: &self.worker.buffers,
                most: self
                    .info
                    .listener
                    .as_ref()
                    .map_or(0, |listener| listener.per_connection_buffer_limit_bytes),
            };
            end = match up.poll(cx, &mut ends) {
                Poll::Ready(Ok(())) => down.ended.then_some(End::Both { upstream_last: false }),
                Poll::Ready(Err(Broken::Source(error))) => Some(End::Client(error)),
                Poll::Ready(Err(Broken::Sink(error))) => Some(End::Upstream(error)),
                Poll::Ready(Err(Broken::Shed)) => {
                    self.proxy.stats.inc(TcpStat::DownstreamCxOverloadClose);
                    Some(End::Closed(Cut::Overloaded))
                }
                Poll::Pending => None,
            };
        }
        if end.is_none() && !down.ended {
            let mut ends = Ends {
                shed: &|| false,
                source: &mut upstream.stream,
                buffer: &mut upstream.buffer,
                sink: &mut self.stream,
                pool: &self.worker.buffers,
                most: meter.cluster().config().per_connection_buffer_limit_bytes,
            };
            end = match down.poll(cx, &mut ends) {
                Poll::Ready(Ok(())) => up.ended.then_some(End::Both { upstream_last: true }),
                Poll::Ready(Err(Broken::Source(error))) => Some(End::Upstream(error)),
                Poll::Ready(Err(Broken::Sink(error))) => Some(End::Client(error)),
                Poll::Ready(Err(Broken::Shed)) | Poll::Pending => None,
            };
        }
        self.count(ways);
        if let Some(end) = end {
            return Poll::Ready(end);
        }
        if ways.meter.client_spoke() && self.config().check_drain_close && self.is_draining() {
            self.proxy.stats.inc(TcpStat::DownstreamCxDrainClose);
            return Poll::Ready(End::Closed(Cut::Drained));
        }
        self.poll_cut(cx).map(End::Closed)
    }

    /// Counts what has moved.
    fn count(&mut self, ways: &mut Ways) {
        let Ways { up, down, meter } = ways;
        if !meter.count(up, down) {
            return;
        }
        let facts = self.record.facts();
        facts.bytes_received = up.read;
        facts.wire_received = up.read;
        facts.body_passed = up.written;
        facts.bytes_sent = down.written;
        facts.wire_sent = down.written;
        facts.upstream_wire_received = down.read;
        self.info.course.received.set(up.read);
        self.info.course.sent.set(down.written);
        self.client_waits = meter.client_spoke_last();
        self.touch();
    }

    /// Something moved.
    fn touch(&mut self) {
        self.moved_at = self.worker.now();
        if let Some(idle) = self.idle {
            self.deadlines.set(Timer::Idle, Some(self.worker.now() + idle));
        }
    }

    /// Whether the listener drains, or the process says that it is not to be used.
    fn is_draining(&self) -> bool {
        let fails = |listener: &Arc<Listener>| listener.drain_type == DrainType::Default;
        self.slot.is_draining() || self.worker.is_failing() && self.info.listener.as_ref().is_some_and(fails)
    }

    /// When a connection ends whose listener drains. At the end of the process it does so as soon as it is idle: then
    /// the client has had its answer, as far as can be told from outside, and it would be cut sooner or later.
    fn end_of_drain(&mut self) -> Option<Millis> {
        if let Some(since) = self.worker.ending() {
            let idle_since = self.moved_at.max(since);
            return (!self.client_waits).then(|| idle_since + millis(self.worker.drain_grace()));
        }
        if !self.slot.is_gone() {
            return None;
        }
        let since = *self.gone_since.get_or_insert(self.worker.now());
        Some(since + millis(self.worker.drain_time()))
    }

    /// Does something unless the connection is to be closed before it is done.
    pub(super) async fn unless_cut<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cut> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_cut(cx).map(Err),
        })
        .await
    }

    /// Ready when the connection is to be closed from here.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        self.info.listen(cx);
        if self.slot.is_draining() {
            let end = self.end_of_drain();
            if std::mem::replace(&mut self.close_at, end) != end {
                self.deadlines.set(Timer::Close, end);
            }
        }
        loop {
            match self.deadlines.poll(cx, || self.worker.timers.now()) {
                Poll::Ready(Timer::Idle) => {
                    self.proxy.stats.inc(TcpStat::IdleTimeout);
                    return Poll::Ready(Cut::Idle);
                }
                Poll::Ready(Timer::ConnectionDuration) => {
                    self.proxy.stats.inc(TcpStat::MaxDownstreamConnectionDuration);
                    return Poll::Ready(Cut::TooOld);
                }
                Poll::Ready(Timer::Close) if self.worker.ending().is_some() => {
                    return Poll::Ready(Cut::Ended);
                }
                Poll::Ready(Timer::Close) => return Poll::Ready(Cut::Removed),
                Poll::Ready(Timer::AccessLog) => {
                    self.record.log_unfinished("TcpPeriodic");
                    let interval = self.config().access_log_options.interval.map(millis);
                    self.deadlines
                        .set(Timer::AccessLog, interval.map(|interval| self.worker.now() + interval));
                }
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The connection is closed from here.
    pub(super) async fn cut(&mut self, cut: &Cut) {
        poll_fn(|cx| {
            self.stream.shutdown_write(cx);
            Poll::Ready(())
        })
        .await;
        let config = &self.proxy.shared.config;
        let (why, outcome) = match cut {
            Cut::Idle => {
                let evidence = format!("nothing moved for {:?}", config.idle_timeout.unwrap_or_default());
                ("tcp_session_idle_timeout", Some((Reason::TcpIdleTimeout, evidence, None)))
            }
            Cut::TooOld => {
                let age = config.max_connection_duration.unwrap_or_default();
                let evidence = format!("max_downstream_connection_duration is {age:?}");
                let flag = Some(Flag::DurationTimeout);
                ("max_connection_duration_reached", Some((Reason::TcpMaxDuration, evidence, flag)))
            }
            Cut::Drained => ("tcp_proxy_drain_close", None),
            Cut::Ended => (PURGED, None),
            Cut::Overloaded => {
                let evidence =
                    self.overload().map_or_else(String::new, |overload| overload.shared.evidence());
                let flag = Some(Flag::OverloadManagerTerminated);
                (OVERLOADED, Some((Reason::OverloadedConnection, evidence, flag)))
            }
            Cut::Removed => {
                let evidence = "the listener was removed, and drain-time-s has passed".to_owned();
                ("drain_close", Some((Reason::DrainDeadline, evidence, None)))
            }
        };
        self.record.closed_because(why);
        match outcome {
            Some((reason, evidence, flag)) => {
                let passed = self.record.passed();
                let failure = Failure::new(reason).with_evidence(format!("{evidence}; {passed}"));
                let flags: Vec<_> = flag.into_iter().collect();
                self.record.fail(failure, &flags);
            }
            None => self.record.done(),
        }
    }

    /// The client's side broke; whether that was a reset.
    fn client_broke(&mut self, error: &io::Error) -> bool {
        if error.kind() != io::ErrorKind::ConnectionReset {
            self.record.done();
            return false;
        }
        self.info.course.was_reset.set(true);
        self.record.facts().client_close = Some("RemoteReset");
        let failure = Failure::new(Reason::TcpClientReset).with_evidence(self.record.passed());
        self.record.fail(failure, &[]);
        true
    }

    /// The back-end's side broke. The client gets a reset for a reset.
    fn upstream_broke(&mut self, error: &io::Error) {
        let failure = Failure::new(Reason::TcpUpstreamReset)
            .with_evidence(format!("{error}; {}", self.record.passed()));
        if error.kind() != io::ErrorKind::ConnectionReset {
            self.record.fail(failure, &[]);
            return;
        }
        let facts = self.record.facts();
        facts.upstream_close = Some("RemoteReset");
        facts.client_close = Some("LocalReset");
        self.stream.reset_on_close();
        self.record.fail(failure, &[Flag::UpstreamRemoteReset]);
    }
}
