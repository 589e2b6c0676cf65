//! Idle connections that become readable.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

use super::HostPool;
use crate::worker::Worker;

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
    pub(super) fn waker(&self, connection: u64, pool: &Rc<HostPool>) -> Waker {
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

    pub(super) fn forget(&self, connection: u64) {
        self.pools.borrow_mut().remove(&connection);
    }
}
