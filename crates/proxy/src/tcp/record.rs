//! One record for each connection that is passed on, written when it goes – whatever the way.

use std::rc::Rc;
use std::sync::Arc;

use causeway_reason::{Failure, Flag, Reason};
use causeway_upstream::Host;

use super::TcpRuntime;
use super::stats::TcpStat;
use crate::exchange::{Exchange, Facts, Subject};
use crate::failures::Failed;
use crate::format::View;
use crate::listener::OpenConnection;
use crate::moment::Moment;

/// Envoy's word for connections that the end of the process closes.
pub(super) const PURGED: &str = "purging_socket_that_have_not_progressed_to_connections";

/// What is known of a connection that is passed on. Dropping it writes its record: logs of the listener and of the
/// proxy, and, where it failed and no log says why, one line in the application log.
#[derive(Debug)]
pub(super) struct Record {
    exchange: Box<Exchange>,
    proxy: Rc<TcpRuntime>,
    /// The random number of the connection: the same for every decision about it.
    random: u64,
    /// The last to be dropped: then the listener counts it no more.
    open: OpenConnection,
}

impl Record {
    /// The record of a connection that has just come.
    pub(super) fn new(proxy: &Rc<TcpRuntime>, open: OpenConnection) -> Self {
        proxy.stats.inc(TcpStat::DownstreamCxTotal);
        let mut exchange = Box::<Exchange>::default();
        let facts = &mut exchange.facts;
        facts.subject = Subject::Connection;
        facts.begun = Some(open.info().opened);
        // Whoever closes, Envoy calls it normal unless it is a reset.
        facts.client_close = Some("Normal");
        facts.upstream_close = Some("Normal");
        facts.upstream_connection = Some(0);
        if let Some(found) = &open.info().inspected {
            facts.dynamic_metadata = found.metadata.clone();
        }
        let random = open.worker().random();
        Self { exchange, proxy: Rc::clone(proxy), random, open }
    }

    pub(super) const fn facts(&mut self) -> &mut Facts {
        &mut self.exchange.facts
    }

    /// A host is tried.
    pub(super) fn attempt(&mut self, host: &Arc<Host>) {
        self.exchange.facts.attempts += 1;
        self.exchange.attempted.push((Arc::clone(host), None));
    }

    /// The host that was tried last is connected by this connection.
    pub(super) fn connected(&mut self, connection: u64) {
        self.exchange.facts.upstream_connection = Some(connection);
        if let Some((_, attempted)) = self.exchange.attempted.last_mut() {
            *attempted = Some(connection);
        }
    }

    /// The connection ended as connections do.
    pub(super) const fn done(&mut self) {
        self.exchange.facts.finished = true;
    }

    /// The connection failed.
    pub(super) fn fail(&mut self, failure: Failure, flags: &[Flag]) {
        let facts = &mut self.exchange.facts;
        flags.iter().for_each(|flag| facts.flags.set(*flag));
        facts.failure.get_or_insert_with(|| Box::new(failure));
        facts.finished = true;
    }

    /// It is closed from this side, for this reason in Envoy's words; and so is the connection to the back-end, where
    /// there is one.
    pub(super) fn closed_because(&mut self, why: &'static str) {
        self.open.info().course.ending().closed_because.set(Some(why));
        let facts = &mut self.exchange.facts;
        if facts.upstream_local.is_some() || facts.upstream_remote.is_some() {
            facts.upstream_closed_because = Some(why);
        }
    }

    /// How much has been passed on, in words.
    pub(super) fn passed(&self) -> String {
        let facts = &self.exchange.facts;
        let (received, sent) = (facts.bytes_received, facts.bytes_sent);
        format!("{received} bytes had come from the client and {sent} had gone to it")
    }

    /// Writes a line for each log about the connection while it is open.
    pub(super) fn log_unfinished(&self, log_type: &'static str) {
        self.log(log_type, Some(self.open.worker().moment()));
    }

    fn log(&self, log_type: &'static str, unfinished: Option<Moment>) {
        let logs = &self.proxy.shared.logs;
        if logs.is_empty() {
            return;
        }
        let worker = self.open.worker();
        let view = View {
            exchange: &self.exchange,
            connection: self.open.info(),
            clock: &worker.clock.borrow(),
            unique: self.random,
            log_type,
            unfinished,
            now: None,
        };
        for log in logs {
            worker.logs.write(log, &view, self.random);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let worker = Rc::clone(self.open.worker());
        self.exchange.facts.ended = Some(worker.moment());
        if !self.exchange.facts.finished {
            let stopping = worker.is_stopping();
            let reason = if stopping { Reason::DrainDeadline } else { Reason::Dropped };
            let failure = Failure::new(reason).with_evidence(self.passed());
            self.exchange.facts.failure = Some(Box::new(failure));
            if stopping {
                self.closed_because(PURGED);
            }
            debug_assert!(
                stopping || std::thread::panicking(),
                "a connection ended without an outcome: {:?}",
                self.exchange
            );
        }
        self.open.log_as(&self.exchange, self.random);
        self.log("TcpConnectionEnd", None);
        let facts = &self.exchange.facts;
        let Some(failure) = &facts.failure else { return };
        self.proxy.reasons.count(&self.proxy.stats, failure.reason);
        if let Some(cluster) = &facts.cluster {
            cluster.count_reason(failure.reason);
        }
        let failed =
            Failed { exchange: &self.exchange, connection: self.open.info(), failure, id: self.random };
        worker.failures.note(&worker, failed, self.proxy.shared.logs_hold_failures);
    }
}
