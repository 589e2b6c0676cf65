//! Requests that wait for a connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use causeway_reason::Failure;
use causeway_upstream::{ClusterStat, HostStat};

use super::{HostPool, Upstream};
use crate::cluster::{LocalCluster, Permit};

/// A request that waits for a connection.
#[derive(Debug)]
pub(super) struct Waiter {
    state: RefCell<WaiterState>,
}

#[derive(Debug)]
pub(super) enum WaiterState {
    Waiting(Option<Waker>),
    Ready(Upstream),
    Failed(Failure),
    Gone,
}

/// A place in the queue. Leaving it before its turn takes the request out.
pub(super) struct Place {
    pool: Rc<HostPool>,
    waiter: Rc<Waiter>,
    cluster: Rc<LocalCluster>,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl Place {
    /// A place at the end of the queue.
    pub(super) fn last(pool: &Rc<HostPool>, cluster: Rc<LocalCluster>, permit: Permit) -> Self {
        let waiter = Rc::new(Waiter { state: RefCell::new(WaiterState::Waiting(None)) });
        pool.waiting.borrow_mut().push_back(Rc::clone(&waiter));
        Self { pool: Rc::clone(pool), waiter, cluster, _permit: permit }
    }

    pub(super) async fn turn(self) -> Result<Upstream, Failure> {
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
            WaiterState::Ready(Upstream::Http1(connection)) => self.pool.give(connection),
            // Its place is free for somebody else as soon as it is dropped.
            WaiterState::Ready(Upstream::Http2(_)) => {}
            WaiterState::Failed(_) | WaiterState::Gone => {}
        }
    }
}

impl Waiter {
    /// Hands over what was waited for; gives it back where nobody waits any more.
    pub(super) fn finish(&self, outcome: WaiterState) -> Option<WaiterState> {
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
