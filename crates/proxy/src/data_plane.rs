//! The data plane from outside: starting it, giving it a configuration, ending it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use causeway_stats::{Registry, ScopeName};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;

use crate::listener::{BindError, SocketKey, WorkerSocket, bind};
use crate::snapshot::Snapshot;
use crate::stats::Http1Stat;
use crate::worker::{Command, Drain, Held, SharedByWorkers, Worker};

/// How the data plane is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Number of workers, at least 1.
    pub workers: usize,
    /// Random: request ids and choices of hosts follow from it.
    pub seed: u64,
    /// Lines of access logs are handed over after this time at most.
    pub log_flush: Duration,
}

/// The workers, and what they listen on.
#[derive(Debug)]
pub struct DataPlane {
    workers: Vec<WorkerThread>,
    shared: Arc<SharedByWorkers>,
    /// Sockets that the workers have.
    bound: HashMap<SocketKey, ()>,
}

#[derive(Debug)]
struct WorkerThread {
    commands: UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

impl DataPlane {
    /// Starts the workers. They have nothing to do until a configuration is published.
    ///
    /// # Errors
    ///
    /// Where a thread or its runtime can't be made.
    pub fn start(options: &StartOptions, registry: &Registry) -> io::Result<Self> {
        let shared = Arc::new(SharedByWorkers {
            connection_ids: AtomicU64::new(0),
            open_connections: AtomicU64::new(0),
            log_flush: options.log_flush,
        });
        let http1 = registry.scope::<Http1Stat>(ScopeName::root().then("http1"));
        let workers = (0..options.workers.max(1))
            .map(|id| {
                let (commands, received) = mpsc::unbounded_channel();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time();
                let shared = Arc::clone(&shared);
                let http1 = http1.shard(id);
                let seed = options.seed.wrapping_add(id as u64);
                let (ready, started) = std::sync::mpsc::channel();
                let thread = thread::Builder::new().name(format!("worker-{id}")).spawn(move || {
                    let runtime = match tokio::runtime::Builder::new_current_thread()
                        .enable_io()
                        .enable_time()
                        .build_local(tokio::runtime::LocalOptions::default())
                    {
                        Ok(runtime) => runtime,
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return;
                        }
                    };
                    let _ = ready.send(Ok(()));
                    let worker = Worker::new(id, seed, http1, shared);
                    runtime.block_on(std::rc::Rc::clone(&worker).run(received));
                    // Tasks that are left are dropped with the runtime, and write their records.
                    drop(runtime);
                    worker.finish();
                })?;
                let _ = runtime;
                started.recv().map_err(|_| io::Error::other("the worker ended at once"))??;
                Ok(WorkerThread { commands, thread })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { workers, shared, bound: HashMap::new() })
    }

    /// Makes a configuration hold: binds what is new, hands it to the workers, closes what is gone.
    ///
    /// # Errors
    ///
    /// What can't be bound. Then nothing has changed.
    pub fn publish(&mut self, snapshot: &Arc<Snapshot>) -> Result<(), Vec<BindError>> {
        let wanted: Vec<SocketKey> =
            snapshot.listeners.iter().flat_map(|listener| SocketKey::of(&listener.config)).collect();
        let mut sockets: Vec<Vec<WorkerSocket>> = self.workers.iter().map(|_| Vec::new()).collect();
        let mut faults = Vec::new();
        for key in wanted.iter().filter(|key| !self.bound.contains_key(*key)) {
            let ours = self.bound.keys().any(|bound| bound.address == key.address);
            match bind(key, self.workers.len(), ours) {
                Ok(listeners) => {
                    for (worker, listener) in sockets.iter_mut().zip(listeners) {
                        worker.push(WorkerSocket { key: key.clone(), listener });
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        self.bound = wanted.into_iter().map(|key| (key, ())).collect();
        for (worker, sockets) in self.workers.iter().zip(sockets) {
            let _ = worker.commands.send(Command::Update { snapshot: Arc::clone(snapshot), sockets });
        }
        Ok(())
    }

    /// Lets connections end, and stops taking new ones.
    pub fn drain(&self, drain: Drain) {
        for worker in &self.workers {
            let _ = worker.commands.send(Command::Drain(drain));
        }
    }

    /// Number of clients' connections that are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.shared.open_connections.load(Relaxed)
    }

    /// The connections that are open, oldest first.
    pub async fn held(&self) -> Vec<Held> {
        let mut all = Vec::new();
        for worker in &self.workers {
            let (answer, held) = oneshot::channel();
            let _ = worker.commands.send(Command::Connections(answer));
            all.extend(held.await.unwrap_or_default());
        }
        all.sort_by_key(|held| std::cmp::Reverse(held.age));
        all
    }

    /// Has the workers hand over their access logs.
    pub async fn flush_logs(&self) {
        for worker in &self.workers {
            let (done, flushed) = oneshot::channel();
            let _ = worker.commands.send(Command::FlushLogs(done));
            let _ = flushed.await;
        }
    }

    /// Ends the workers. What is still being served is cut.
    pub fn stop(self) {
        for worker in &self.workers {
            let _ = worker.commands.send(Command::Stop);
        }
        for worker in self.workers {
            if worker.thread.join().is_err() {
                tracing::error!(target: "main", "a worker panicked");
            }
        }
    }
}
