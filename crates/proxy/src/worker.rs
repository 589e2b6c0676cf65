//! A worker: one thread, one runtime, everything its connections need. Workers share nothing on the way
//! of a request but circuit breakers.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_http::RequestIdSource;
use causeway_http::date::imf_fixdate;
use causeway_journal::Journal;
use causeway_model::{Address, HeaderName};
use causeway_stats::{Registry, ScopeName, Shard};
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::task::AbortHandle;

use crate::access_log::LogBuffers;
use crate::buffer::BufferPool;
use crate::cluster::LocalCluster;
use crate::connection::ConnectionInfo;
use crate::crew::Crew;
use crate::downstream::{Coroutines, Downstream, OutputPool, SeenByRouting, StreamJob};
use crate::exchange::ExchangePool;
use crate::failures::Failures;
use crate::format::Clock;
use crate::listener::{self, HandedOver, ListenerSlot, SocketKey, WorkerSocket};
use crate::moment::Moment;
use crate::overload::{Changes, WorkerOverload};
use crate::pool::Reaper;
use crate::refusals::Refusals;
use crate::router::AsyncClientStat;
use crate::snapshot::{ListenerRuntime, Snapshot};
use crate::stats::{Http1Stat, Http2Stat};
use crate::timer::{Deadline, Millis, Timers, millis};
use causeway_upstream::Cluster;

/// The clusters that hold from now on.
pub(crate) type Clusters = Arc<[Arc<Cluster>]>;

/// What the main thread tells a worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new configuration holds from now on.
    Update {
        snapshot: Arc<Snapshot>,
        clusters: Clusters,
        /// Sockets that were not there before.
        sockets: Vec<WorkerSocket>,
    },
    /// No more connections are taken; those that are open end behind their next response.
    Drain(Drain),
    /// The overload manager found something.
    Overload(Changes),
    /// Another worker took a connection that this one is to have.
    Take(Box<HandedOver>),
    /// Access logs are handed over now.
    FlushLogs(tokio::sync::oneshot::Sender<()>),
    /// Who is still connected?
    Connections(tokio::sync::oneshot::Sender<Vec<Held>>),
    /// What still runs is cut.
    Stop,
}

/// Which listeners drain, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Only those whose traffic direction is inbound.
    pub inbound_only: bool,
    /// No more connections are taken.
    pub stop_listening: bool,
    /// How connections that are open end; `None` where they do not.
    pub end_connections: Option<Ending>,
    /// How long an idle connection is left open for a request that may be on its way.
    pub grace: Duration,
    /// The process ends: connections that never come to an end by themselves end when they are idle.
    pub ending: bool,
}

/// How connections end behind a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Behind the next one.
    AtOnce,
    /// Behind the next one with a probability that grows to 1 over this time, so that not all clients come back at once
    /// (`--drain-strategy gradual`).
    Over(Duration),
}

/// A connection that is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Listener that took it.
    pub listener: Arc<str>,
    /// The client.
    pub remote: String,
    /// Its age.
    pub age: Duration,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct SharedByWorkers {
    pub(crate) connection_ids: AtomicU64,
    pub(crate) open_connections: AtomicU64,
    /// Those of clients that count among those that the process may have.
    pub(crate) counted_connections: Arc<AtomicU64>,
    /// The process says that it is not to be used: connections end behind their next response.
    pub(crate) failing: AtomicBool,
    /// Access logs are handed over after this time at most.
    pub(crate) log_flush: Duration,
    /// By their numbers, once all have started.
    pub(crate) workers: OnceLock<Vec<WeakUnboundedSender<Command>>>,
    /// What failed at all of them.
    pub(crate) journal: Arc<Journal>,
    /// How long connections that never come to an end by themselves outlive their listener.
    pub(crate) drain_time: Duration,
}

/// One connection among those that the process may have, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU64>);

impl Place {
    /// Takes a place; `None` where all of them are taken.
    fn take(taken: &Arc<AtomicU64>, most: Option<u64>) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        let before = taken.fetch_add(1, Relaxed);
        most.is_none_or(|most| before < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) id: usize,
    pub(crate) timers: Rc<Timers>,
    pub(crate) buffers: BufferPool,
    pub(crate) exchanges: ExchangePool,
    /// What serves the requests of connections, where it serves nobody.
    pub(crate) coroutines: Coroutines,
    pub(crate) http2_outputs: OutputPool,
    /// Tasks that wait for a connection of HTTP.
    pub(crate) connection_tasks: Crew<Box<Downstream>>,
    /// Tasks that wait for a stream of HTTP/2.
    pub(crate) stream_tasks: Crew<StreamJob>,
    pub(crate) clock: RefCell<Clock>,
    pub(crate) logs: LogBuffers,
    pub(crate) failures: Failures,
    pub(crate) refusals: Refusals,
    pub(crate) http1: Shard<Http1Stat>,
    /// There from the first connection on, as with Envoy.
    http2: OnceCell<Shard<Http2Stat>>,
    /// There from the first request of the proxy's own on.
    own_requests: OnceCell<Shard<AsyncClientStat>>,
    registry: Arc<Registry>,
    pub(crate) reaper: Reaper,
    /// When the task that runs was woken; see [`Self::spawn`].
    woken: Cell<Moment>,
    /// The same in milliseconds.
    woken_at: Cell<Millis>,
    date: Cell<(Millis, [u8; 29])>,
    random: RefCell<RequestIdSource>,
    clusters: RefCell<HashMap<Arc<str>, Rc<LocalCluster>>>,
    slots: RefCell<Vec<Rc<ListenerSlot>>>,
    /// Listeners without sockets.
    unbound: RefCell<Vec<Rc<ListenerSlot>>>,
    overload: RefCell<Option<Rc<WorkerOverload>>>,
    /// By numbers of our own.
    connections: RefCell<foldhash::HashMap<u64, Rc<ConnectionInfo>>>,
    grace: Cell<Duration>,
    /// The process ends, since then.
    ending: Cell<Option<Millis>>,
    stopping: Cell<bool>,
    janitor: Deadline,
    janitor_at: Cell<Millis>,
    shared: Arc<SharedByWorkers>,
}

impl Worker {
    pub(crate) fn new(
        id: usize,
        seed: u64,
        http1: Shard<Http1Stat>,
        registry: Arc<Registry>,
        shared: Arc<SharedByWorkers>,
    ) -> Rc<Self> {
        let epoch = Moment::now();
        let timers = Timers::new(epoch);
        Rc::new(Self {
            id,
            janitor: Deadline::new(&timers),
            buffers: BufferPool::default(),
            exchanges: ExchangePool::default(),
            coroutines: Coroutines::default(),
            http2_outputs: OutputPool::default(),
            connection_tasks: Crew::default(),
            stream_tasks: Crew::default(),
            clock: RefCell::new(Clock::now()),
            logs: LogBuffers::default(),
            failures: Failures::new(shared.journal.ring()),
            refusals: Refusals::default(),
            http1,
            http2: OnceCell::new(),
            own_requests: OnceCell::new(),
            registry,
            reaper: Reaper::new(&timers),
            woken: Cell::new(epoch),
            woken_at: Cell::new(0),
            date: Cell::new((0, [0; 29])),
            random: RefCell::new(RequestIdSource::new(seed)),
            clusters: RefCell::default(),
            slots: RefCell::default(),
            unbound: RefCell::default(),
            overload: RefCell::default(),
            connections: RefCell::default(),
            grace: Cell::new(Duration::from_secs(1)),
            ending: Cell::new(None),
            stopping: Cell::new(false),
            janitor_at: Cell::new(Millis::MAX),
            shared,
            timers,
        })
    }

    /// What is counted about clients that speak HTTP/2.
    pub(crate) fn http2(&self) -> &Shard<Http2Stat> {
        self.http2.get_or_init(|| self.registry.scope(ScopeName::root().then("http2")).shard(self.id))
    }

    /// Counts a request of the proxy's own.
    pub(crate) fn count_own_request(&self) {
        let name = || {
            let manager = "envoy.http_conn_manager_prefix";
            ScopeName::root().then("http").tagged(manager, "async-client")
        };
        let shard = self.own_requests.get_or_init(|| self.registry.scope(name()).shard(self.id));
        shard.inc(AsyncClientStat::RqTotal);
    }

    /// Does what the main thread says, until it says stop or is gone.
    pub(crate) async fn run(self: Rc<Self>, mut commands: UnboundedReceiver<Command>) {
        tokio::task::spawn_local(Rc::clone(&self.timers).drive());
        self.spawn(Reaper::run(Rc::clone(&self)));
        self.spawn(Reaper::watch(Rc::clone(&self)));
        self.spawn(Rc::clone(&self).clean_up());
        self.spawn(Rc::clone(&self).tick());
        while let Some(command) = commands.recv().await {
            self.look_at_clock();
            match command {
                Command::Update { snapshot, clusters, sockets } => self.update(&snapshot, &clusters, sockets),
                Command::Drain(drain) => self.drain(drain),
                Command::Overload(changes) => self.overload_changed(changes),
                Command::Take(taken) => self.take_over(*taken),
                Command::FlushLogs(done) => {
                    self.logs.flush();
                    let _ = done.send(());
                }
                Command::Connections(answer) => {
                    let _ = answer.send(self.held());
                }
                Command::Stop => break,
            }
        }
        // Whatever is cut now says so in its record.
        self.stopping.set(true);
        for cluster in self.clusters.take().values() {
            cluster.close();
        }
    }

    /// Hands over what waits for logs; the last thing a worker does.
    pub(crate) fn finish(&self) {
        self.logs.flush();
    }

    /// Takes over a configuration.
    pub(crate) fn update(
        self: &Rc<Self>,
        snapshot: &Arc<Snapshot>,
        shared: &[Arc<Cluster>],
        sockets: Vec<WorkerSocket>,
    ) {
        let mut clusters = HashMap::with_capacity(shared.len());
        let old = self.clusters.take();
        for shared in shared {
            let local = match old.get(shared.name()) {
                Some(local) if Arc::ptr_eq(local.shared(), shared) => Rc::clone(local),
                _ => LocalCluster::new(shared, self.id, self.random()),
            };
            clusters.insert(Arc::clone(shared.name()), local);
        }
        for (name, local) in &old {
            if !clusters.get(name).is_some_and(|kept| Rc::ptr_eq(kept, local)) {
                local.close();
            }
        }
        *self.overload.borrow_mut() = Some(Rc::new(WorkerOverload::new(&snapshot.overload, self.id)));
        let mut wanted: HashMap<SocketKey, Rc<ListenerRuntime>> = HashMap::new();
        let mut unbound: HashMap<SocketKey, Rc<ListenerRuntime>> = HashMap::new();
        for listener in &snapshot.listeners {
            let runtime = ListenerRuntime::new(listener, &clusters, &snapshot.options, self.id);
            let place = if listener.config.bind_to_port { &mut wanted } else { &mut unbound };
            for key in SocketKey::as_if_bound(&listener.config) {
                place.insert(key, Rc::clone(&runtime));
            }
        }
        *self.clusters.borrow_mut() = clusters;
        let mut slots = self.slots.borrow_mut();
        self.keep(&mut slots, &wanted);
        let mut without = self.unbound.borrow_mut();
        self.keep(&mut without, &unbound);
        for (key, runtime) in unbound {
            if !without.iter().any(|slot| *slot.key() == key) {
                without.push(ListenerSlot::unbound(key, runtime));
            }
        }
        for socket in sockets {
            if let Some(runtime) = wanted.get(&socket.key) {
                slots.push(ListenerSlot::open(self, socket, Rc::clone(runtime)));
            }
        }
    }

    /// Gives listeners that stay what they are from now on, and closes those that are gone.
    fn keep(&self, slots: &mut Vec<Rc<ListenerSlot>>, wanted: &HashMap<SocketKey, Rc<ListenerRuntime>>) {
        slots.retain(|slot| match wanted.get(slot.key()) {
            Some(runtime) => {
                slot.replace(Rc::clone(runtime));
                true
            }
            None => {
                slot.close();
                self.wake_draining(slot);
                false
            }
        });
    }

    /// The listener of an address, or of all addresses with that port.
    pub(crate) fn listener_at(&self, address: &Address) -> Option<Rc<ListenerSlot>> {
        let (slots, unbound) = (self.slots.borrow(), self.unbound.borrow());
        let all = || slots.iter().chain(unbound.iter());
        let of_all = |slot: &&Rc<ListenerSlot>| match (slot.key().address(), address) {
            (Address::Ip(any), Address::Ip(ip)) => {
                any.ip().is_unspecified() && any.is_ipv4() == ip.is_ipv4() && any.port() == ip.port()
            }
            _ => false,
        };
        all().find(|slot| slot.key().address() == address).or_else(|| all().find(of_all)).cloned()
    }

    fn drain(&self, drain: Drain) {
        self.grace.set(drain.grace);
        if drain.ending {
            self.ending.set(Some(self.now()));
        }
        for slot in self.slots.borrow().iter().chain(self.unbound.borrow().iter()) {
            if drain.inbound_only && !slot.is_inbound() {
                continue;
            }
            if drain.stop_listening {
                slot.stop_listening();
            }
            match drain.end_connections {
                Some(Ending::AtOnce) => {
                    slot.drain();
                    self.wake_draining(slot);
                }
                Some(Ending::Over(over)) => slot.drain_over(self.now(), millis(over)),
                None => {}
            }
        }
    }

    /// Has another worker serve a connection.
    pub(crate) fn hand_over(&self, to: usize, taken: HandedOver) {
        if let Some(worker) = self.shared.workers.get().and_then(|workers| workers.get(to)) {
            // Nobody tells a worker that has ended; what it was to have is closed.
            let _ = worker.upgrade().map(|worker| worker.send(Command::Take(Box::new(taken))));
        }
    }

    fn take_over(self: &Rc<Self>, taken: HandedOver) {
        let slot = self.slots.borrow().iter().find(|slot| *slot.key() == taken.key).cloned();
        // Where the listener is gone, so is the connection.
        if let Some(slot) = slot {
            listener::take_over(self, &slot, taken);
        }
    }

    /// Does what the overload manager found to be done.
    fn overload_changed(&self, changes: Changes) {
        if changes.levels {
            self.slots.borrow().iter().for_each(|slot| slot.look_again());
            // Idle connections may have less time than they had.
            self.connections.borrow().values().for_each(|connection| connection.wake());
        }
        if changes.shrink {
            self.buffers.shrink();
            self.exchanges.shrink();
            self.coroutines.shrink();
        }
    }

    /// The overload manager, while it has anything to do.
    pub(crate) fn overload(&self) -> Option<Rc<WorkerOverload>> {
        self.overload.borrow().as_ref().filter(|overload| overload.shared.acts_at_all()).cloned()
    }

    /// A place among the connections that the process may have; `None` where there is none.
    pub(crate) fn take_place(&self) -> Option<Place> {
        let most = self.overload.borrow().as_ref().and_then(|overload| overload.shared.max_connections());
        Place::take(&self.shared.counted_connections, most)
    }

    /// Idle connections of a listener that drains have to hear of it.
    fn wake_draining(&self, slot: &Rc<ListenerSlot>) {
        for connection in self.connections.borrow().values() {
            if slot.took(connection) {
                connection.wake();
            }
        }
    }

    fn held(&self) -> Vec<Held> {
        let mut held: Vec<_> = self
            .connections
            .borrow()
            .values()
            .map(|connection| Held {
                listener: connection.listener_name().into(),
                remote: connection.remote.to_string(),
                age: connection.opened.elapsed(),
            })
            .collect();
        held.sort_by_key(|held| std::cmp::Reverse(held.age));
        held
    }

    /// What has to be done from time to time.
    async fn tick(self: Rc<Self>) {
        let every = self.shared.log_flush.clamp(Duration::from_millis(10), Duration::from_secs(1));
        let mut last_second = Moment::now();
        loop {
            tokio::time::sleep(every).await;
            if !self.logs.is_empty() {
                self.logs.flush();
            }
            if last_second.elapsed() >= Duration::from_secs(1) {
                last_second = Moment::now();
                *self.clock.borrow_mut() = Clock::now();
                self.date.set((0, self.date.get().1));
                self.failures.summarize(self.now());
            }
        }
    }

    /// Closes idle connections to back-ends when their time has come.
    async fn clean_up(self: Rc<Self>) {
        loop {
            std::future::poll_fn(|cx| self.janitor.poll(cx)).await;
            self.janitor_at.set(Millis::MAX);
            self.janitor.set(None);
            let now = self.now();
            let clusters: Vec<_> = self.clusters.borrow().values().cloned().collect();
            for cluster in clusters {
                cluster.close_idle(now);
            }
        }
    }

    /// Asks for a look at idle connections at that time.
    pub(crate) fn janitor_at(&self, at: Millis) {
        if at < self.janitor_at.get() {
            self.janitor_at.set(at);
            self.janitor.set(Some(at));
        }
    }

    /// The cluster of that name.
    pub(crate) fn cluster(&self, name: &str) -> Option<Rc<LocalCluster>> {
        self.clusters.borrow().get(name).cloned()
    }

    /// The cluster that a field of a request names.
    pub(crate) fn cluster_named_in(
        &self,
        seen: &SeenByRouting<'_>,
        field: &HeaderName,
    ) -> Option<Rc<LocalCluster>> {
        seen.read_field(field.as_str(), |name| self.cluster(std::str::from_utf8(name).ok()?)).flatten()
    }

    /// Runs a task whose every turn begins with a look at the clock. That is what [`Self::moment`] tells
    /// until it waits again: a request needs the time a dozen times, and a turn takes microseconds.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        tokio::task::spawn_local(Turns { worker: Rc::clone(self), task: Box::pin(task) }).abort_handle()
    }

    fn look_at_clock(&self) {
        let now = Moment::now();
        self.woken.set(now);
        self.woken_at.set(self.timers.at(now));
    }

    /// When the task that runs was woken.
    pub(crate) const fn moment(&self) -> Moment {
        self.woken.get()
    }

    /// The same, in milliseconds since the worker started.
    pub(crate) const fn now(&self) -> Millis {
        self.woken_at.get()
    }

    /// Random bits.
    pub(crate) fn random(&self) -> u64 {
        self.random.borrow_mut().random()
    }

    /// A random part of a time.
    pub(crate) fn jitter(&self, most: Duration) -> Millis {
        self.random() % millis(most).saturating_add(1)
    }

    /// A new request id.
    pub(crate) fn uuid(&self) -> [u8; 36] {
        self.random.borrow_mut().uuid()
    }

    /// The `Date` of a response made now.
    pub(crate) fn date(&self) -> [u8; 29] {
        let (until, date) = self.date.get();
        if self.now() < until {
            return date;
        }
        let now = self.clock.borrow().wall(self.moment());
        let date = imf_fixdate(now.seconds());
        self.date.set((self.now() + u64::from(now.millis_left()), date));
        date
    }

    /// A number for a connection that no other has.
    pub(crate) fn next_connection_id(&self) -> u64 {
        self.shared.connection_ids.fetch_add(1, Relaxed)
    }

    /// How long an idle connection is left open when its listener drains.
    pub(crate) const fn drain_grace(&self) -> Duration {
        self.grace.get()
    }

    /// Since when the process ends, where it does.
    pub(crate) const fn ending(&self) -> Option<Millis> {
        self.ending.get()
    }

    /// How long connections that never come to an end by themselves outlive their listener.
    pub(crate) fn drain_time(&self) -> Duration {
        self.shared.drain_time
    }

    /// Whether connections end behind their next response, all of them.
    pub(crate) fn is_failing(&self) -> bool {
        self.shared.failing.load(Relaxed)
    }

    /// Whether what ends now is cut by the end of the process.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    pub(crate) fn connection_opened(&self, connection: &Rc<ConnectionInfo>) {
        self.shared.open_connections.fetch_add(1, Relaxed);
        self.connections.borrow_mut().insert(connection.id, Rc::clone(connection));
    }

    pub(crate) fn connection_closed(&self, connection: &ConnectionInfo) {
        self.shared.open_connections.fetch_sub(1, Relaxed);
        self.connections.borrow_mut().remove(&connection.id);
    }
}

impl ConnectionInfo {
    /// Wakes whoever serves the connection.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Has the current task woken by [`Self::wake`].
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        self.waker.register(cx);
    }
}

/// A task of a worker.
struct Turns<F> {
    worker: Rc<Worker>,
    task: Pin<Box<F>>,
}

impl<F: Future<Output = ()>> Future for Turns<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.worker.look_at_clock();
        self.task.as_mut().poll(cx)
    }
}
