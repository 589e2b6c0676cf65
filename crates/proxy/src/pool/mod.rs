//! Connections to one host, kept for the next request.
//!
//! A request takes an idle connection, or waits for one: for a connection that is being made, or for
//! one that another request gives back, whichever comes first. Connections that fail to be made fail
//! every request that waits, as with Envoy.

mod connection;
mod http2;
mod reaper;
mod upstream;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use causeway_model::{Address, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterStat, Health, Host, HostStat, Resource};

use crate::buffer::Buffer;
use crate::cluster::{LocalCluster, Permit};
use crate::connect::{Connected, connect};
use crate::io::Transport;
use crate::snapshot::timeout;
use crate::timer::{Millis, millis};
use crate::way::Way;
use crate::worker::Worker;

use connection::Life;
use http2::{Session, Sessions};
use waiting::{Place, Waiter, WaiterState};

pub(crate) use connection::UpstreamConnection;
pub(crate) use http2::{Head, StreamCount, UpstreamStream};
pub(crate) use reaper::Reaper;
pub(crate) use upstream::Upstream;

/// What the connections of a pool are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PoolKind {
    /// HTTP/1: one request at a time.
    Http1,
    /// HTTP/2: many at a time.
    Http2,
    /// HTTP/1 or HTTP/2, as each back-end chooses by ALPN.
    Auto,
    /// Not HTTP: each is a tunnel, and is never used again.
    Raw,
}

/// The connections of one worker to one host, for one routing priority.
#[derive(Debug)]
pub(crate) struct HostPool {
    worker: Rc<Worker>,
    cluster: Weak<LocalCluster>,
    host: Arc<Host>,
    priority: RoutingPriority,
    kind: PoolKind,
    /// How its connections are made beyond the address of the host.
    way: Option<Rc<Way>>,
    limits: Limits,
    /// Those of HTTP/2.
    sessions: Sessions,
    /// The one given back last is taken first, so that the others can grow old.
    idle: RefCell<Vec<Idle>>,
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
    connecting: Cell<usize>,
    /// Connections that exist, idle or not.
    open: Cell<usize>,
    /// Connections made before this moment are not used again.
    drained_at: Cell<Millis>,
    /// How the host was when the host set changed last.
    health: Cell<Health>,
    closed: Cell<bool>,
    /// Idle connections were given back that the reaper has yet to watch.
    has_unwatched: Cell<bool>,
}

/// How long the connections of a pool are used, by `common_http_protocol_options` of the cluster.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// `max_connection_duration`.
    age: Option<Millis>,
    /// `max_requests_per_connection`.
    requests: Option<u32>,
    /// `idle_timeout`.
    idle: Option<Millis>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<UpstreamConnection>,
    since: Millis,
    /// The reaper hears when it becomes readable.
    watched: bool,
}

impl HostPool {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        cluster: &Rc<LocalCluster>,
        host: &Arc<Host>,
        priority: RoutingPriority,
        kind: PoolKind,
        way: Option<Rc<Way>>,
    ) -> Rc<Self> {
        let http = &cluster.config().http;
        let limits = Limits {
            age: http.max_connection_duration.map(millis),
            requests: http.max_requests_per_connection,
            idle: timeout(http.idle_timeout),
        };
        Rc::new(Self {
            limits,
            worker: Rc::clone(worker),
            cluster: Rc::downgrade(cluster),
            host: Arc::clone(host),
            priority,
            kind,
            way,
            sessions: Sessions::default(),
            idle: RefCell::default(),
            waiting: RefCell::default(),
            connecting: Cell::new(0),
            open: Cell::new(0),
            drained_at: Cell::new(0),
            health: Cell::new(host.health()),
            closed: Cell::new(false),
            has_unwatched: Cell::new(false),
        })
    }

    /// Takes an idle connection that is still good, or a stream of one that has room for it.
    pub(crate) fn take(&self) -> Option<Upstream> {
        match self.kind {
            PoolKind::Http1 | PoolKind::Raw => self.take_idle().map(Upstream::Http1),
            PoolKind::Http2 => self.take_stream().map(Upstream::Http2),
            PoolKind::Auto => {
                let stream = self.take_stream().map(Upstream::Http2);
                stream.or_else(|| self.take_idle().map(Upstream::Http1))
            }
        }
    }

    /// Takes a stream of the youngest connection that has room.
    fn take_stream(&self) -> Option<Box<UpstreamStream>> {
        let sessions = self.sessions.open.borrow();
        let drained = self.drained_at.get();
        let session =
            sessions.iter().rev().find(|session| !session.is_older_than(drained) && session.has_room());
        let session = session.map(Rc::clone);
        drop(sessions);
        session.map(|session| session.take())
    }

    fn take_idle(&self) -> Option<Box<UpstreamConnection>> {
        loop {
            let Idle { mut connection, since, .. } = self.idle.borrow_mut().pop()?;
            let now = self.worker.now();
            if connection.made_at < self.drained_at.get() {
                continue;
            }
            // The janitor may be late.
            if self.is_too_old(&connection, now) {
                self.count(ClusterStat::UpstreamCxMaxDurationReached);
                continue;
            }
            // The runtime may know already that the back-end closed it, or said something nobody asked.
            if connection.stream.may_be_readable() && !self.is_quiet(&mut connection) {
                continue;
            }
            connection.idle_for = now.saturating_sub(since);
            return Some(connection);
        }
    }

    /// Looks into a connection that claims to be readable.
    fn is_quiet(&self, connection: &mut UpstreamConnection) -> bool {
        let mut quiet = Context::from_waker(Waker::noop());
        self.worker.buffers.make_room(&mut connection.buffer, 1);
        let quiet = match connection.stream.poll_read(&mut quiet, &mut connection.buffer) {
            Poll::Pending => true,
            Poll::Ready(Ok(0) | Err(_)) => {
                connection.life.closed_by_peer();
                false
            }
            Poll::Ready(Ok(_)) => {
                self.count(ClusterStat::UpstreamCxProtocolError);
                tracing::debug!(target: "pool", "{} sent bytes on an idle connection, which is closed", self.host.address());
                false
            }
        };
        if quiet {
            self.worker.buffers.reclaim(&mut connection.buffer);
        }
        quiet
    }

    fn is_too_old(&self, connection: &UpstreamConnection, now: Millis) -> bool {
        self.limits.age.is_some_and(|most| now.saturating_sub(connection.made_at) >= most)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// Why there is none: circuit breakers, or why connecting failed.
    pub(crate) async fn wait(self: &Rc<Self>) -> Result<Upstream, Failure> {
        let Some(cluster) = self.cluster.upgrade() else {
            return Err(Failure::new(Reason::ClusterNotFound).with_evidence("the cluster was removed"));
        };
        let Some(permit) = cluster.acquire(self.priority, Resource::Pending) else {
            cluster.stats().inc(ClusterStat::UpstreamRqPendingOverflow);
            let most = cluster.limit(self.priority, Resource::Pending);
            return Err(Failure::new(Reason::CircuitBreakerPending).with_evidence(format!(
                "{most} requests wait for a connection, which is max_pending_requests"
            )));
        };
        cluster.stats().inc(ClusterStat::UpstreamRqPendingTotal);
        cluster.stats().adjust(ClusterStat::UpstreamRqPendingActive, 1);
        cluster.cells(&self.host).inc(HostStat::RqPendingActive);
        let place = Place::last(self, cluster, permit);
        self.connect_for_waiting();
        place.turn().await
    }

    /// Makes as many connections as there are requests waiting, as far as the circuit breaker lets.
    fn connect_for_waiting(self: &Rc<Self>) {
        let Some(cluster) = self.cluster.upgrade() else { return };
        let each = self.requests_of_one(&cluster);
        while self.connecting.get().saturating_mul(each) < self.waiting.borrow().len() {
            let permit = match cluster.acquire(self.priority, Resource::Connections) {
                Some(permit) => permit,
                None => {
                    cluster.stats().inc(ClusterStat::UpstreamCxOverflow);
                    // A host that has no connection at all gets one: otherwise it could never be reached.
                    if self.open.get() + self.connecting.get() > 0 {
                        return;
                    }
                    cluster.acquire_beyond(self.priority, Resource::Connections)
                }
            };
            self.connecting.set(self.connecting.get() + 1);
            let pool = Rc::clone(self);
            self.worker.spawn(pool.make_connection(permit));
        }
    }

    /// How many of the requests that wait a connection is for, as far as that can be known before it is there.
    fn requests_of_one(&self, cluster: &LocalCluster) -> usize {
        let http = &cluster.config().http;
        match (self.kind, http.protocol.http2()) {
            (PoolKind::Http2, Some(options)) => {
                let streams = options.max_concurrent_streams;
                let most = http.max_requests_per_connection.map_or(streams, |most| most.min(streams));
                usize::try_from(most).unwrap_or(usize::MAX).max(1)
            }
            _ => 1,
        }
    }

    async fn make_connection(self: Rc<Self>, permit: Permit) {
        let Some(cluster) = self.cluster.upgrade() else {
            self.connecting.set(self.connecting.get() - 1);
            return;
        };
        cluster.note_connection(self.kind);
        cluster.stats().adjust(ClusterStat::UpstreamCxActive, 1);
        let cells = cluster.cells(&self.host);
        cells.inc(HostStat::CxTotal);
        cells.inc(HostStat::CxActive);
        self.open.set(self.open.get() + 1);
        let life = Life::new(&self, permit);
        let address = self.host.address();
        let alpn: &[&str] = match self.kind {
            PoolKind::Http1 => &["http/1.1"],
            PoolKind::Http2 => &["h2"],
            PoolKind::Auto => &["h2", "http/1.1"],
            PoolKind::Raw => &[],
        };
        let result = connect(&address, &self.host, &cluster, self.way.as_deref(), alpn).await;
        self.connecting.set(self.connecting.get() - 1);
        match result {
            Ok(Connected { stream, local, tls }) => {
                let http2 = match self.kind {
                    PoolKind::Auto => tls.as_ref().is_some_and(|tls| tls.http2),
                    PoolKind::Http2 => true,
                    PoolKind::Http1 | PoolKind::Raw => false,
                };
                if let PoolKind::Auto = self.kind {
                    cluster.note_protocol(if http2 { PoolKind::Http2 } else { PoolKind::Http1 });
                }
                life.speaks_tls(tls);
                let took = life.made().elapsed().as_millis();
                cluster
                    .stats()
                    .record(ClusterStat::UpstreamCxConnectMs, u64::try_from(took).unwrap_or(u64::MAX));
                // Requests share it with this worker alone.
                let remote = Rc::new(Address::clone(&address));
                self.begin(&cluster, http2, stream, local, remote, life).await;
            }
            Err(failure) => {
                cluster.stats().inc(ClusterStat::UpstreamCxConnectFail);
                match failure.reason {
                    Reason::ConnectTimeout | Reason::UpstreamTlsTimeout => {
                        cluster.stats().inc(ClusterStat::UpstreamCxConnectTimeout);
                    }
                    Reason::SourceBindFailed => {
                        // An option that can't be set is no error of binding, and has no words of Envoy's.
                        if failure.transport.is_some() {
                            cluster.stats().inc(ClusterStat::BindErrors);
                        }
                    }
                    _ => life.closed_by_peer(),
                }
                cells.inc(HostStat::CxConnectFail);
                self.fail_waiting(&cluster, &failure);
            }
        }
    }

    /// Nobody who waits gets a connection.
    fn fail_waiting(&self, cluster: &LocalCluster, failure: &Failure) {
        let failed: Vec<_> = self.waiting.borrow_mut().drain(..).collect();
        for waiter in failed {
            cluster.stats().inc(ClusterStat::UpstreamRqPendingFailureEject);
            cluster.cells(&self.host).inc(HostStat::RqError);
            waiter.finish(WaiterState::Failed(failure.clone()));
        }
    }

    /// Begins to use a connection that was made.
    async fn begin(
        self: &Rc<Self>,
        cluster: &LocalCluster,
        http2: bool,
        stream: Transport,
        local: Option<SocketAddr>,
        remote: Rc<Address>,
        life: Life,
    ) {
        if http2 {
            match Session::begin(self, stream, local, remote, &cluster.config().http, life).await {
                Ok(session) => {
                    self.sessions.open.borrow_mut().push(session);
                    self.look_after_idle();
                    self.serve_waiting();
                }
                Err(error) => {
                    let failure =
                        Failure::new(Reason::UpstreamConnectionLost).with_evidence(error.to_string());
                    self.fail_waiting(cluster, &failure);
                }
            }
            return;
        }
        let id = self.worker.next_connection_id();
        let made = life.made();
        self.give(Box::new(UpstreamConnection {
            stream,
            buffer: Buffer::default(),
            id,
            local,
            remote,
            served: 0,
            idle_for: 0,
            made,
            made_at: self.worker.timers.at(made),
            reaper: self.worker.reaper.waker(id, self),
            life,
        }));
    }

    /// Gives streams to those who wait, as far as there is room, and makes connections for the others.
    fn serve_waiting(self: &Rc<Self>) {
        if self.waiting.borrow().is_empty() {
            return;
        }
        while let Some(stream) = self.take_stream() {
            let mut upstream = Upstream::Http2(stream);
            loop {
                let Some(waiter) = ({ self.waiting.borrow_mut().pop_front() }) else { return };
                match waiter.finish(WaiterState::Ready(upstream)) {
                    None => break,
                    Some(WaiterState::Ready(back)) => upstream = back,
                    Some(_) => return,
                }
            }
            if self.waiting.borrow().is_empty() {
                return;
            }
        }
        self.connect_for_waiting();
    }

    /// A connection of HTTP/2 has ended.
    fn session_ended(self: &Rc<Self>, session: &Rc<Session>) {
        self.sessions.open.borrow_mut().retain(|open| !Rc::ptr_eq(open, session));
        self.serve_waiting();
    }

    /// Something is idle from now on: it is looked at when it has been for too long.
    fn look_after_idle(&self) {
        if let Some(idle) = self.limits.idle {
            self.worker.janitor_at(self.worker.now() + idle);
        }
    }

    /// Takes a connection back that can serve another request.
    pub(crate) fn give_back(self: &Rc<Self>, connection: Box<UpstreamConnection>) {
        if self.limits.requests.is_some_and(|most| connection.served >= most) {
            self.count(ClusterStat::UpstreamCxMaxRequests);
            return;
        }
        if self.is_too_old(&connection, self.worker.now()) {
            self.count(ClusterStat::UpstreamCxMaxDurationReached);
            return;
        }
        self.give(connection);
    }

    /// Gives a connection to the request that waits longest, or keeps it.
    ///
    /// Who waits is served also where the pool is closed or drained: the request was there before, and nobody
    /// else will give it a connection. Only one that was drained while it was in use serves nobody any more.
    fn give(self: &Rc<Self>, mut connection: Box<UpstreamConnection>) {
        let drained = connection.made_at < self.drained_at.get();
        if drained && connection.served > 0 {
            return;
        }
        while let Some(waiter) = { self.waiting.borrow_mut().pop_front() } {
            match waiter.finish(WaiterState::Ready(Upstream::Http1(connection))) {
                None => return,
                Some(WaiterState::Ready(Upstream::Http1(back))) => connection = back,
                Some(_) => return,
            }
        }
        if matches!(self.kind, PoolKind::Raw) || drained || self.closed.get() {
            return;
        }
        // The next request may use another connection, and finds this memory warm.
        self.worker.buffers.reclaim(&mut connection.buffer);
        let now = self.worker.now();
        if let Some(most) = self.limits.age {
            self.worker.janitor_at(connection.made_at + most);
        }
        self.idle.borrow_mut().push(Idle { connection, since: now, watched: false });
        if !self.has_unwatched.replace(true) {
            self.worker.reaper.watch_later(self, now);
        }
        self.look_after_idle();
    }

    /// Closes what is idle and has become too old.
    fn close_old(&self, now: Millis) {
        let Some(most) = self.limits.age else { return };
        let mut idle = self.idle.borrow_mut();
        let old: Vec<_> = idle.extract_if(.., |idle| self.is_too_old(&idle.connection, now)).collect();
        if let Some(oldest) = idle.iter().map(|idle| idle.connection.made_at).min() {
            self.worker.janitor_at(oldest + most);
        }
        drop(idle);
        for _ in &old {
            self.count(ClusterStat::UpstreamCxMaxDurationReached);
        }
    }

    /// Closes what has been idle for too long, or is too old.
    pub(crate) fn close_idle(&self, now: Millis) {
        self.close_old(now);
        let Some(timeout) = self.limits.idle else { return };
        let mut idle = self.idle.borrow_mut();
        let expired = idle.iter().take_while(|idle| now.saturating_sub(idle.since) >= timeout).count();
        let closed: Vec<_> = idle.drain(..expired).collect();
        if let Some(next) = idle.first() {
            self.worker.janitor_at(next.since + timeout);
        }
        drop(idle);
        for _ in &closed {
            self.count(ClusterStat::UpstreamCxIdleTimeout);
        }
        drop(closed);
        self.close_idle_sessions(now, timeout);
    }

    fn close_idle_sessions(&self, now: Millis, timeout: Millis) {
        for session in &*self.sessions.open.borrow() {
            let Some(since) = session.idle_since() else { continue };
            if now.saturating_sub(since) >= timeout {
                self.count(ClusterStat::UpstreamCxIdleTimeout);
                session.close();
            } else {
                self.worker.janitor_at(since + timeout);
            }
        }
    }

    /// The host that its connections lead to.
    pub(crate) const fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Takes note of how the host is, and says whether that is new.
    pub(crate) fn note_health(&self, health: Health) -> bool {
        self.health.replace(health) != health
    }

    /// Connections that exist are not used for another request.
    pub(crate) fn drain(&self) {
        self.drained_at.set(self.worker.now() + 1);
        let closed = std::mem::take(&mut *self.idle.borrow_mut());
        drop(closed);
        self.drain_sessions();
    }

    fn drain_sessions(&self) {
        for session in &*self.sessions.open.borrow() {
            session.drain();
        }
    }

    /// The host is gone, or its cluster: nothing is kept any more once those who wait are served.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let closed = std::mem::take(&mut *self.idle.borrow_mut());
        drop(closed);
        self.drain_sessions();
    }

    /// Whether nobody uses it, and nothing is kept in it.
    pub(crate) fn is_unused(&self) -> bool {
        self.open.get() == 0 && self.connecting.get() == 0 && self.waiting.borrow().is_empty()
    }

    fn count(&self, stat: ClusterStat) {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.stats().inc(stat);
        }
    }
}
