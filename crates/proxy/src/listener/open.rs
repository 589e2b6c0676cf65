//! A connection that has its filter chain.

use std::rc::Rc;

use crate::access_log::{log_connection, log_exchange};
use crate::connection::ConnectionInfo;
use crate::exchange::Exchange;
use crate::gate::Admitted;
use crate::snapshot::ListenerRuntime;
use crate::worker::Worker;

/// A connection of a listener, held by whoever serves it. The listener counts it as open, and the worker knows
/// it, until this is dropped; then the listener's logs get their lines.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    worker: Rc<Worker>,
    listener: Rc<ListenerRuntime>,
    info: Rc<ConnectionInfo>,
    /// What filters in front count it as; held for its `Drop`.
    admitted: Box<[Admitted]>,
}

impl OpenConnection {
    pub(super) fn new(worker: &Rc<Worker>, listener: &Rc<ListenerRuntime>, info: ConnectionInfo) -> Self {
        let info = Rc::new(info);
        listener.shards.connection_opened();
        worker.connection_opened(&info);
        Self { worker: Rc::clone(worker), listener: Rc::clone(listener), info, admitted: Box::default() }
    }

    /// Filters in front have let it through.
    pub(super) fn admit(&mut self, admitted: Box<[Admitted]>) {
        self.admitted = admitted;
    }

    /// Writes the lines of the listener's logs now, as of a connection about which more is known.
    pub(crate) fn log_as(&mut self, exchange: &Exchange, random: u64) {
        log_exchange(&self.worker, &self.listener, &self.info, exchange, random);
        self.info.course.logged.set(true);
    }

    pub(crate) const fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// What is known about it.
    pub(crate) const fn info(&self) -> &Rc<ConnectionInfo> {
        &self.info
    }

    /// Milliseconds since it was taken.
    pub(crate) fn age(&self) -> u64 {
        self.worker.moment().millis_since(self.info.opened)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.listener.shards.connection_closed(self.age());
        self.worker.connection_closed(&self.info);
        if !self.info.course.logged.get() {
            log_connection(&self.worker, &self.listener, &self.info);
        }
    }
}
