//! A connection of HTTP/1 to a back-end, and what every connection counts.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use causeway_model::Address;
use causeway_upstream::{ClusterStat, HostStat};

use super::HostPool;
use crate::buffer::Buffer;
use crate::cluster::Permit;
use crate::connect::TlsFacts;
use crate::io::Transport;
use crate::moment::Moment;
use crate::timer::Millis;

/// A connection to a back-end, with everything that has to be given back when it goes.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    pub(crate) stream: Transport,
    /// What was read and not used up.
    pub(crate) buffer: Buffer,
    /// Its number, unique in the process.
    pub(crate) id: u64,
    pub(crate) local: Option<std::net::SocketAddr>,
    pub(crate) remote: Rc<Address>,
    /// Requests that were sent on it before.
    pub(crate) served: u32,
    /// How long it had been idle when it was taken; 0 for a new one.
    pub(crate) idle_for: Millis,
    pub(super) made: Moment,
    pub(super) made_at: Millis,
    pub(super) reaper: Waker,
    pub(super) life: Life,
}

/// Counts the connection for as long as it exists.
#[derive(Debug)]
pub(super) struct Life {
    pool: Rc<HostPool>,
    made: Moment,
    closed_by_peer: Cell<bool>,
    with_request: Cell<bool>,
    served: Cell<u32>,
    /// What is known of its TLS, where it speaks it.
    tls: OnceCell<Rc<TlsFacts>>,
    /// Held for its `Drop`.
    _permit: Permit,
}

impl Life {
    /// Of a connection that is being made.
    pub(super) fn new(pool: &Rc<HostPool>, permit: Permit) -> Self {
        Self {
            pool: Rc::clone(pool),
            made: Moment::now(),
            closed_by_peer: Cell::new(false),
            with_request: Cell::new(false),
            served: Cell::new(0),
            tls: OnceCell::new(),
            _permit: permit,
        }
    }

    /// Takes note of its TLS.
    pub(super) fn speaks_tls(&self, tls: Option<Rc<TlsFacts>>) {
        if let Some(tls) = tls {
            // It is said once.
            let _ = self.tls.set(tls);
        }
    }

    /// What is known of its TLS, where it speaks it.
    pub(super) fn tls(&self) -> Option<Rc<TlsFacts>> {
        self.tls.get().cloned()
    }

    /// When making it began.
    pub(super) const fn made(&self) -> Moment {
        self.made
    }

    /// That many requests have been, or are, on it.
    pub(super) fn begin(&self, served: u32) {
        self.served.set(served);
        self.with_request.set(true);
    }

    /// No request is on it.
    pub(super) fn end(&self) {
        self.with_request.set(false);
    }

    /// The back-end closed it.
    pub(super) fn closed_by_peer(&self) {
        self.closed_by_peer.set(true);
    }
}

impl UpstreamConnection {
    /// The connection is used for a request.
    pub(crate) fn begin_request(&mut self) {
        self.served += 1;
        self.life.begin(self.served);
    }

    /// The request on it is complete.
    pub(crate) fn end_request(&self) {
        self.life.end();
    }

    /// The back-end closed it.
    pub(crate) fn closed_by_peer(&self) {
        self.life.closed_by_peer();
    }

    /// Has the reaper hear when something comes, or has come already.
    pub(super) fn tell_reaper(&self) {
        let mut cx = Context::from_waker(&self.reaper);
        if self.stream.poll_read_ready(&mut cx).is_ready() {
            self.reaper.wake_by_ref();
        }
    }

    /// What is known of its TLS, where it speaks it.
    pub(crate) fn tls(&self) -> Option<Rc<TlsFacts>> {
        self.life.tls()
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
        let length = Moment::now().millis_since(self.made);
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

impl Drop for UpstreamConnection {
    fn drop(&mut self) {
        self.life.pool.worker.reaper.forget(self.id);
        self.life.pool.worker.buffers.reclaim(&mut self.buffer);
    }
}
