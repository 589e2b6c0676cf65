//! The data plane from outside: starting it, giving it a configuration, ending it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use causeway_journal::Journal;
use causeway_model::{Address, Listener};
use causeway_stats::{Registry, ScopeName};
use causeway_upstream::Cluster;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::listener::{BindError, Reservation, SocketKey, WorkerSocket};
use crate::overload::Changes;
use crate::snapshot::Snapshot;
use crate::stats::Http1Stat;
use crate::worker::{Clusters, Command, Drain, Held, SharedByWorkers, Worker};

/// How the data plane is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Number of workers, at least 1.
    pub workers: usize,
    /// Random: request ids and choices of hosts follow from it.
    pub seed: u64,
    /// Lines of access logs are handed over after this time at most.
    pub log_flush: Duration,
    /// How long connections that are passed on as they are may go on when a reload has taken their listener away.
    pub drain_time: Duration,
}

/// The workers, and what they listen on.
#[derive(Debug)]
pub struct DataPlane {
    workers: Vec<WorkerThread>,
    shared: Arc<SharedByWorkers>,
    /// Sockets that the workers have, and where they are bound.
    bound: RefCell<HashMap<SocketKey, Address>>,
}

/// The sockets that a configuration needs and the workers do not have: bound, so that they can't be taken
/// by anyone else, but not listening. Dropping it lets them go.
#[derive(Debug)]
pub struct Reserved {
    sockets: Vec<Reservation>,
    wanted: HashSet<SocketKey>,
}

/// Counts the clients' connections that are open.
#[derive(Debug, Clone)]
pub struct OpenConnections(Arc<SharedByWorkers>);

impl OpenConnections {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.open_connections.load(Relaxed)
    }
}

#[derive(Debug)]
struct WorkerThread {
    commands: UnboundedSender<Command>,
    thread: RefCell<Option<JoinHandle<()>>>,
}

impl DataPlane {
    /// Starts the workers. They have nothing to do until a configuration is published. What fails at them stands in the
    /// journal.
    ///
    /// # Errors
    ///
    /// Where a thread or its runtime can't be made.
    pub fn start(
        options: &StartOptions,
        registry: &Arc<Registry>,
        journal: &Arc<Journal>,
    ) -> io::Result<Self> {
        let shared = Arc::new(SharedByWorkers {
            connection_ids: AtomicU64::new(1),
            open_connections: AtomicU64::new(0),
            counted_connections: Arc::default(),
            failing: AtomicBool::new(false),
            log_flush: options.log_flush,
            workers: OnceLock::new(),
            journal: Arc::clone(journal),
            drain_time: options.drain_time,
        });
        let http1 = registry.scope::<Http1Stat>(ScopeName::root().then("http1"));
        let workers = (0..options.workers.max(1))
            .map(|id| {
                let seed = options.seed.wrapping_add(id as u64);
                let (http1, registry, shared) = (http1.clone(), Arc::clone(registry), Arc::clone(&shared));
                WorkerThread::start(id, move || Worker::new(id, seed, http1.shard(id), registry, shared))
            })
            .collect::<io::Result<Vec<WorkerThread>>>()?;
        let _ = shared.workers.set(workers.iter().map(|worker| worker.commands.downgrade()).collect());
        Ok(Self { workers, shared, bound: RefCell::default() })
    }

    /// Binds what a configuration listens on and the workers do not have yet. Nobody listens there before
    /// [`Self::publish`], so that no connection is taken that could not be served.
    ///
    /// # Errors
    ///
    /// All that can't be bound.
    pub fn reserve(&self, snapshot: &Snapshot) -> Result<Reserved, Vec<BindError>> {
        let wanted: HashSet<SocketKey> =
            snapshot.listeners.iter().flat_map(|listener| SocketKey::of(&listener.config)).collect();
        let mut sockets = Vec::new();
        let mut faults = Vec::new();
        let bound = self.bound.borrow();
        for key in wanted.iter().filter(|key| !bound.contains_key(*key)) {
            let ours = bound.keys().any(|bound| bound.address() == key.address());
            match Reservation::bind(key, self.workers.len(), ours) {
                Ok(reservation) => sockets.push(reservation),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Reserved { sockets, wanted }) } else { Err(faults) }
    }

    /// Makes a configuration hold: listens on what is new, hands it to the workers, closes what is gone.
    ///
    /// # Errors
    ///
    /// Where a socket can't listen. Then nothing has changed.
    pub fn publish(
        &self,
        snapshot: &Arc<Snapshot>,
        clusters: &[Arc<Cluster>],
        reserved: Reserved,
    ) -> Result<(), Vec<BindError>> {
        let mut sockets: Vec<Vec<WorkerSocket>> = self.workers.iter().map(|_| Vec::new()).collect();
        let mut faults = Vec::new();
        let mut new = Vec::new();
        for reservation in reserved.sockets {
            new.push((reservation.key().clone(), reservation.address().clone()));
            match reservation.listen() {
                Ok(listening) => {
                    for (worker, socket) in sockets.iter_mut().zip(listening) {
                        worker.push(socket);
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut bound = self.bound.borrow_mut();
        bound.retain(|key, _| reserved.wanted.contains(key));
        bound.extend(new);
        drop(bound);
        let clusters: Clusters = clusters.into();
        for (worker, sockets) in self.workers.iter().zip(sockets) {
            worker.tell(Command::Update {
                snapshot: Arc::clone(snapshot),
                clusters: Arc::clone(&clusters),
                sockets,
            });
        }
        Ok(())
    }

    /// Where a listener is bound: with the ports that the system gave where the file says 0.
    #[must_use]
    pub fn addresses(&self, listener: &Listener) -> Vec<Address> {
        let bound = self.bound.borrow();
        let keys = SocketKey::of(listener);
        keys.iter().map(|key| bound.get(key).unwrap_or_else(|| key.address()).clone()).collect()
    }

    /// Number of workers.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Lets connections end, and stops taking new ones.
    pub fn drain(&self, drain: Drain) {
        for worker in &self.workers {
            worker.tell(Command::Drain(drain));
        }
    }

    /// Says that the process is not to be used (`true`): connections end behind their next response, and
    /// new ones are taken all the same. `/healthcheck/fail` and `ok`.
    pub fn set_failing(&self, failing: bool) {
        self.shared.failing.store(failing, Relaxed);
    }

    /// Counts the clients' connections that are open, from any thread.
    #[must_use]
    pub fn connections(&self) -> OpenConnections {
        OpenConnections(Arc::clone(&self.shared))
    }

    /// Connections of clients that count among those that the process may have.
    #[must_use]
    pub fn counted_connections(&self) -> u64 {
        self.shared.counted_connections.load(Relaxed)
    }

    /// Has the workers do what the overload manager found.
    pub fn overload_changed(&self, changes: Changes) {
        for worker in &self.workers {
            worker.tell(Command::Overload(changes));
        }
    }

    /// The connections that are open, oldest first.
    pub async fn held(&self) -> Vec<Held> {
        let mut all = Vec::new();
        for worker in &self.workers {
            let (answer, held) = oneshot::channel();
            worker.tell(Command::Connections(answer));
            all.extend(held.await.unwrap_or_default());
        }
        all.sort_by_key(|held| std::cmp::Reverse(held.age));
        all
    }

    /// Has the workers hand over their access logs.
    pub async fn flush_logs(&self) {
        for worker in &self.workers {
            let (done, flushed) = oneshot::channel();
            worker.tell(Command::FlushLogs(done));
            // A worker that has ended has handed over everything.
            let _ = flushed.await;
        }
    }

    /// Ends the workers and waits for them. What is still being served is cut.
    pub fn stop(&self) {
        for worker in &self.workers {
            worker.tell(Command::Stop);
        }
        for thread in self.workers.iter().filter_map(|worker| worker.thread.take()) {
            if thread.join().is_err() {
                tracing::error!(target: "main", "a worker panicked");
            }
        }
    }
}

impl WorkerThread {
    /// Starts a worker, which is made on its own thread.
    fn start(id: usize, make: impl FnOnce() -> Rc<Worker> + Send + 'static) -> io::Result<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name(format!("worker-{id}")).spawn(move || {
            let runtime =
                Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
            let (said, runtime) = match runtime {
                Ok(runtime) => (Ok(()), Some(runtime)),
                Err(error) => (Err(error), None),
            };
            // Whoever started the thread waits for this.
            let _ = ready.send(said);
            if let Some(runtime) = runtime {
                run(runtime, &make(), received);
            }
        })?;
        started.recv().map_err(|_| io::Error::other("the worker ended at once"))??;
        Ok(Self { commands, thread: RefCell::new(Some(thread)) })
    }

    /// A worker that panicked hears nothing; that it did is said when it is joined.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

fn run(runtime: LocalRuntime, worker: &Rc<Worker>, commands: UnboundedReceiver<Command>) {
    runtime.block_on(Rc::clone(worker).run(commands));
    // Tasks that are left are dropped with the runtime, and write their records.
    drop(runtime);
    worker.finish();
}
