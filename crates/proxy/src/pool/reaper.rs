//! Idle connections that become readable.
//!
//! A busy connection is idle for less than a millisecond, and to be woken by it costs as much as to parse what it says.
//! So they are watched when they have been idle for a moment. Until then nothing is lost: who takes one looks whether it
//! is quiet.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

use super::HostPool;
use crate::timer::{Deadline, Millis, Timers};
use crate::worker::Worker;

/// How long connections are idle at most before somebody watches them.
const UNWATCHED: Millis = 50;

/// Hears when idle connections become readable, and tells their pools.
#[derive(Debug)]
pub(crate) struct Reaper {
    queue: Arc<ReaperQueue>,
    pools: RefCell<std::collections::HashMap<u64, Weak<HostPool>>>,
    /// Pools with connections that nobody watches.
    unwatched: RefCell<Vec<Weak<HostPool>>>,
    /// When they are.
    watch: Deadline,
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
    pub(crate) fn new(timers: &Rc<Timers>) -> Self {
        let (pools, unwatched) = (RefCell::default(), RefCell::default());
        Self { queue: Arc::default(), pools, unwatched, watch: Deadline::new(timers) }
    }

    /// Has the idle connections of a pool watched before long.
    pub(super) fn watch_later(&self, pool: &Rc<HostPool>, now: Millis) {
        let mut unwatched = self.unwatched.borrow_mut();
        if unwatched.is_empty() {
            self.watch.set(Some(now + UNWATCHED));
        }
        unwatched.push(Rc::downgrade(pool));
    }

    /// Begins to watch connections when they have been idle for long enough. Runs as a task of its own for as long as
    /// the worker lives.
    pub(crate) async fn watch(worker: Rc<Worker>) {
        let reaper = &worker.reaper;
        loop {
            poll_fn(|cx| reaper.watch.poll(cx)).await;
            reaper.watch.set(None);
            let pools = reaper.unwatched.take();
            pools.iter().filter_map(Weak::upgrade).for_each(|pool| pool.watch_idle());
        }
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

impl HostPool {
    /// Has the reaper hear what the back-ends of idle connections say or do: nobody else is there to hear it.
    fn watch_idle(&self) {
        self.has_unwatched.set(false);
        for idle in self.idle.borrow_mut().iter_mut().filter(|idle| !idle.watched) {
            idle.watched = true;
            idle.connection.tell_reaper();
        }
    }

    /// A connection that nobody uses became readable: the back-end closed it, mostly.
    fn reap(&self, id: u64) {
        let mut idle = self.idle.borrow_mut();
        let Some(at) = idle.iter().position(|idle| idle.connection.id == id) else { return };
        let Some(found) = idle.get_mut(at) else { return };
        if self.is_quiet(&mut found.connection) {
            found.connection.tell_reaper();
        } else {
            let closed = idle.remove(at);
            drop(idle);
            drop(closed);
        }
    }
}
