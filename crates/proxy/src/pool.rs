//! Connections to one host, kept for the next request.
//!
//! A request takes an idle connection, or waits for one: for a connection that is being made, or for
//! one that another request gives back, whichever comes first. Connections that fail to be made fail
//! every request that waits, as with Envoy.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use causeway_model::{Address, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterStat, Health, Host, HostStat, Resource};

use crate::buffer::Buffer;
use crate::cluster::{LocalCluster, Permit};
use crate::connect::{Connected, TlsFacts, connect};
use crate::io::Transport;
use crate::timer::Millis;
use crate::way::Way;
use crate::worker::Worker;

/// The connections of one worker to one host, for one routing priority.
#[derive(Debug)]
pub(crate) struct HostPool {
    worker: Rc<Worker>,
    cluster: Weak<LocalCluster>,
    host: Arc<Host>,
    priority: RoutingPriority,
    /// Its connections are not for HTTP: each is a tunnel, and is never used again.
    raw: bool,
    /// How its connections are made beyond the address of the host.
    way: Option<Rc<Way>>,
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
}

#[derive(Debug)]
struct Idle {
    connection: Box<UpstreamConnection>,
    since: Millis,
}

/// A connection to a back-end, with everything that has to be given back when it goes.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    pub(crate) stream: Transport,
    /// What was read and not used up.
    pub(crate) buffer: Buffer,
    /// Its number, unique in the process.
    pub(crate) id: u64,
    pub(crate) local: Option<std::net::SocketAddr>,
    /// What is known of its TLS, where it speaks it.
    pub(crate) tls: Option<Rc<TlsFacts>>,
    pub(crate) remote: Arc<Address>,
    /// Requests that were sent on it before.
    pub(crate) served: u32,
    /// How long it had been idle when it was taken; 0 for a new one.
    pub(crate) idle_for: Millis,
    made: Instant,
    made_at: Millis,
    reaper: Waker,
    life: Life,
}

/// Counts the connection for as long as it exists.
#[derive(Debug)]
struct Life {
    pool: Rc<HostPool>,
    made: Instant,
    closed_by_peer: Cell<bool>,
    with_request: Cell<bool>,
    served: Cell<u32>,
    /// Held for its `Drop`.
    _permit: Permit,
}

/// A request that waits for a connection.
#[derive(Debug)]
struct Waiter {
    state: RefCell<WaiterState>,
}

#[derive(Debug)]
enum WaiterState {
    Waiting(Option<Waker>),
    Ready(Box<UpstreamConnection>),
    Failed(Failure),
    Gone,
}

impl HostPool {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        cluster: &Rc<LocalCluster>,
        host: &Arc<Host>,
        priority: RoutingPriority,
        raw: bool,
        way: Option<Rc<Way>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            worker: Rc::clone(worker),
            cluster: Rc::downgrade(cluster),
            host: Arc::clone(host),
            priority,
            raw,
            way,
            idle: RefCell::default(),
            waiting: RefCell::default(),
            connecting: Cell::new(0),
            open: Cell::new(0),
            drained_at: Cell::new(0),
            health: Cell::new(host.health()),
            closed: Cell::new(false),
        })
    }

    /// Takes an idle connection that is still good.
    pub(crate) fn take_idle(&self) -> Option<Box<UpstreamConnection>> {
        loop {
            let Idle { mut connection, since } = self.idle.borrow_mut().pop()?;
            let now = self.worker.now();
            if connection.made_at < self.drained_at.get() {
                continue;
            }
            if self.is_too_old(&connection, now) {
                self.count(ClusterStat::UpstreamCxMaxDurationReached);
                continue;
            }
            // The runtime may know already that the back-end closed it, or said something nobody asked.
            let mut quiet = Context::from_waker(Waker::noop());
            if connection.stream.poll_read_ready(&mut quiet).is_ready() && !self.is_quiet(&mut connection) {
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
                connection.life.closed_by_peer.set(true);
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
        self.cluster.upgrade().is_some_and(|cluster| {
            let most = cluster.config().http.max_connection_duration.map(crate::timer::millis);
            most.is_some_and(|most| now.saturating_sub(connection.made_at) >= most)
        })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// Why there is none: circuit breakers, or why connecting failed.
    pub(crate) async fn wait(self: &Rc<Self>) -> Result<Box<UpstreamConnection>, Failure> {
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
        let waiter = Rc::new(Waiter { state: RefCell::new(WaiterState::Waiting(None)) });
        self.waiting.borrow_mut().push_back(Rc::clone(&waiter));
        let place = Place { pool: Rc::clone(self), waiter, cluster, _permit: permit };
        self.connect_for_waiting();
        place.turn().await
    }

    /// Makes as many connections as there are requests waiting, as far as the circuit breaker lets.
    fn connect_for_waiting(self: &Rc<Self>) {
        let Some(cluster) = self.cluster.upgrade() else { return };
        while self.connecting.get() < self.waiting.borrow().len() {
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

    async fn make_connection(self: Rc<Self>, permit: Permit) {
        let Some(cluster) = self.cluster.upgrade() else {
            self.connecting.set(self.connecting.get() - 1);
            return;
        };
        cluster.note_connection(!self.raw);
        cluster.stats().adjust(ClusterStat::UpstreamCxActive, 1);
        let cells = cluster.cells(&self.host);
        cells.inc(HostStat::CxTotal);
        cells.inc(HostStat::CxActive);
        self.open.set(self.open.get() + 1);
        let made = Instant::now();
        let life = Life {
            pool: Rc::clone(&self),
            made,
            closed_by_peer: Cell::new(false),
            with_request: Cell::new(false),
            served: Cell::new(0),
            _permit: permit,
        };
        let address = self.host.address();
        let alpn: &[&str] = if self.raw { &[] } else { &["http/1.1"] };
        let result = connect(&address, &self.host, &cluster, self.way.as_deref(), alpn).await;
        self.connecting.set(self.connecting.get() - 1);
        match result {
            Ok(Connected { stream, local, tls }) => {
                let took = made.elapsed().as_millis();
                cluster
                    .stats()
                    .record(ClusterStat::UpstreamCxConnectMs, u64::try_from(took).unwrap_or(u64::MAX));
                let id = self.worker.next_connection_id();
                self.give(Box::new(UpstreamConnection {
                    stream,
                    buffer: Buffer::default(),
                    id,
                    local,
                    tls,
                    remote: address,
                    served: 0,
                    idle_for: 0,
                    made,
                    made_at: self.worker.timers.at(made),
                    reaper: self.worker.reaper.waker(id, &self),
                    life,
                }));
            }
            Err(failure) => {
                cluster.stats().inc(ClusterStat::UpstreamCxConnectFail);
                match failure.reason {
                    Reason::ConnectTimeout | Reason::UpstreamTlsTimeout => {
                        cluster.stats().inc(ClusterStat::UpstreamCxConnectTimeout)
                    }
                    Reason::SourceBindFailed => {
                        // An option that can't be set is no error of binding, and has no words of Envoy's.
                        if failure.transport.is_some() {
                            cluster.stats().inc(ClusterStat::BindErrors);
                        }
                    }
                    _ => life.closed_by_peer.set(true),
                }
                cells.inc(HostStat::CxConnectFail);
                let failed: Vec<_> = self.waiting.borrow_mut().drain(..).collect();
                for waiter in failed {
                    cluster.stats().inc(ClusterStat::UpstreamRqPendingFailureEject);
                    cells.inc(HostStat::RqError);
                    waiter.finish(WaiterState::Failed(failure.clone()));
                }
            }
        }
    }

    /// Takes a connection back that can serve another request.
    pub(crate) fn give_back(self: &Rc<Self>, connection: Box<UpstreamConnection>) {
        let most =
            self.cluster.upgrade().and_then(|cluster| cluster.config().http.max_requests_per_connection);
        if most.is_some_and(|most| connection.served >= most) {
            self.count(ClusterStat::UpstreamCxMaxRequests);
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
            match waiter.finish(WaiterState::Ready(connection)) {
                None => return,
                Some(WaiterState::Ready(back)) => connection = back,
                Some(_) => return,
            }
        }
        if self.raw || drained || self.closed.get() {
            return;
        }
        // The next request may use another connection, and finds this memory warm.
        self.worker.buffers.reclaim(&mut connection.buffer);
        // Whatever the back-end says or does now, nobody is there to hear it but the reaper.
        let mut cx = Context::from_waker(&connection.reaper);
        if connection.stream.poll_read_ready(&mut cx).is_ready() {
            connection.reaper.wake_by_ref();
        }
        let now = self.worker.now();
        self.idle.borrow_mut().push(Idle { connection, since: now });
        if let Some(idle) = self.idle_timeout() {
            self.worker.janitor_at(now + idle);
        }
    }

    fn idle_timeout(&self) -> Option<Millis> {
        crate::snapshot::timeout(self.cluster.upgrade()?.config().http.idle_timeout)
    }

    /// Closes what has been idle for too long.
    pub(crate) fn close_idle(&self, now: Millis) {
        let Some(timeout) = self.idle_timeout() else { return };
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
    }

    /// A connection that nobody uses became readable: the back-end closed it, mostly.
    pub(crate) fn reap(&self, id: u64) {
        let mut idle = self.idle.borrow_mut();
        let Some(at) = idle.iter().position(|idle| idle.connection.id == id) else { return };
        let Some(found) = idle.get_mut(at) else { return };
        if self.is_quiet(&mut found.connection) {
            let mut cx = Context::from_waker(&found.connection.reaper);
            if found.connection.stream.poll_read_ready(&mut cx).is_ready() {
                found.connection.reaper.wake_by_ref();
            }
        } else {
            let closed = idle.remove(at);
            drop(idle);
            drop(closed);
        }
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
    }

    /// The host is gone, or its cluster: nothing is kept any more once those who wait are served.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let closed = std::mem::take(&mut *self.idle.borrow_mut());
        drop(closed);
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

/// A place in the queue. Leaving it before its turn takes the request out.
struct Place {
    pool: Rc<HostPool>,
    waiter: Rc<Waiter>,
    cluster: Rc<LocalCluster>,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl Place {
    async fn turn(self) -> Result<Box<UpstreamConnection>, Failure> {
        poll_fn(|cx| {
            let mut state = self.waiter.state.borrow_mut();
            match &mut *state {
                WaiterState::Waiting(waker) => {
                    *waker = Some(cx.waker().clone());
                    Poll::Pending
                }
                _ => match std::mem::replace(&mut *state, WaiterState::Gone) {
                    WaiterState::Ready(connection) => Poll::Ready(Ok(connection)),
                    WaiterState::Failed(failure) => Poll::Ready(Err(failure)),
                    WaiterState::Waiting(_) | WaiterState::Gone => Poll::Pending,
                },
            }
        })
        .await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.cluster.stats().adjust(ClusterStat::UpstreamRqPendingActive, -1);
        self.cluster.cells(&self.pool.host).dec(HostStat::RqPendingActive);
        let state = self.waiter.state.replace(WaiterState::Gone);
        match state {
            WaiterState::Waiting(_) => {
                self.cluster.stats().inc(ClusterStat::UpstreamRqCancelled);
                self.pool.waiting.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
            }
            // It came at the last moment: somebody else can use it.
            WaiterState::Ready(connection) => self.pool.give(connection),
            WaiterState::Failed(_) | WaiterState::Gone => {}
        }
    }
}

impl Waiter {
    /// Hands over what was waited for; gives it back where nobody waits any more.
    fn finish(&self, outcome: WaiterState) -> Option<WaiterState> {
        let mut state = self.state.borrow_mut();
        let WaiterState::Waiting(waker) = &mut *state else { return Some(outcome) };
        let waker = waker.take();
        *state = outcome;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }
}

impl UpstreamConnection {
    /// The connection is used for a request.
    pub(crate) fn begin_request(&mut self) {
        self.served += 1;
        self.life.served.set(self.served);
        self.life.with_request.set(true);
    }

    /// The request on it is complete.
    pub(crate) fn end_request(&self) {
        self.life.with_request.set(false);
    }

    /// The back-end closed it.
    pub(crate) fn closed_by_peer(&self) {
        self.life.closed_by_peer.set(true);
    }

    /// Its age.
    pub(crate) fn age(&self) -> std::time::Duration {
        self.made.elapsed()
    }

    /// The pool it belongs to.
    pub(crate) fn pool(&self) -> Rc<HostPool> {
        Rc::clone(&self.life.pool)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let pool = &self.pool;
        pool.open.set(pool.open.get() - 1);
        pool.host.cells(pool.worker.id).dec(HostStat::CxActive);
        let Some(cluster) = pool.cluster.upgrade() else { return };
        let stats = cluster.stats();
        stats.adjust(ClusterStat::UpstreamCxActive, -1);
        stats.inc(ClusterStat::UpstreamCxDestroy);
        let by_peer = self.closed_by_peer.get();
        stats.inc(if by_peer {
            ClusterStat::UpstreamCxDestroyRemote
        } else {
            ClusterStat::UpstreamCxDestroyLocal
        });
        if self.with_request.get() {
            stats.inc(ClusterStat::UpstreamCxDestroyWithActiveRq);
            stats.inc(if by_peer {
                ClusterStat::UpstreamCxDestroyRemoteWithActiveRq
            } else {
                ClusterStat::UpstreamCxDestroyLocalWithActiveRq
            });
        }
        let length = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.record(ClusterStat::UpstreamCxLengthMs, length);
        // One that was never made served nobody, which says nothing about the others.
        if self.served.get() > 0 {
            stats.record(ClusterStat::UpstreamRqPerCx, u64::from(self.served.get()));
        }
        // Somebody may have waited for this one to go.
        if !pool.waiting.borrow().is_empty() {
            pool.connect_for_waiting();
        }
    }
}

/// Hears when idle connections become readable, and tells their pools.
#[derive(Debug)]
pub(crate) struct Reaper {
    queue: Arc<ReaperQueue>,
    pools: RefCell<std::collections::HashMap<u64, Weak<HostPool>>>,
}

#[derive(Debug, Default)]
struct ReaperQueue {
    /// Numbers of connections, and the reaper's own waker.
    woken: Mutex<(Vec<u64>, Option<Waker>)>,
}

struct ReaperWaker {
    connection: u64,
    queue: Arc<ReaperQueue>,
}

impl Wake for ReaperWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.queue.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.0.push(self.connection);
        if let Some(waker) = woken.1.take() {
            waker.wake();
        }
    }
}

impl Reaper {
    pub(crate) fn new() -> Self {
        Self { queue: Arc::default(), pools: RefCell::default() }
    }

    /// The waker for a connection.
    fn waker(&self, connection: u64, pool: &Rc<HostPool>) -> Waker {
        self.pools.borrow_mut().insert(connection, Rc::downgrade(pool));
        Waker::from(Arc::new(ReaperWaker { connection, queue: Arc::clone(&self.queue) }))
    }

    /// Looks after idle connections. Runs as a task of its own for as long as the worker lives.
    pub(crate) async fn run(worker: Rc<Worker>) {
        loop {
            let woken = poll_fn(|cx| {
                let mut woken = worker.reaper.queue.woken.lock().unwrap_or_else(PoisonError::into_inner);
                if woken.0.is_empty() {
                    woken.1 = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(std::mem::take(&mut woken.0))
            })
            .await;
            for connection in woken {
                let pool = worker.reaper.pools.borrow().get(&connection).and_then(Weak::upgrade);
                if let Some(pool) = pool {
                    pool.reap(connection);
                }
            }
        }
    }

    fn forget(&self, connection: u64) {
        self.pools.borrow_mut().remove(&connection);
    }
}

impl Drop for UpstreamConnection {
    fn drop(&mut self) {
        self.life.pool.worker.reaper.forget(self.id);
        self.life.pool.worker.buffers.reclaim(&mut self.buffer);
    }
}
