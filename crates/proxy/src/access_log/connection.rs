//! Logs of a listener: a line for each connection, when it is closed.

use std::time::Instant;

use crate::connection::ConnectionInfo;
use crate::exchange::Exchange;
use crate::format::View;
use crate::snapshot::ListenerRuntime;
use crate::worker::Worker;

/// Writes the lines of a connection that is closed.
pub(crate) fn log_connection(worker: &Worker, listener: &ListenerRuntime, info: &ConnectionInfo) {
    let logs = &listener.snapshot().logs;
    if logs.is_empty() {
        return;
    }
    let mut exchange = Exchange::default();
    exchange.facts.begun = Some(info.opened);
    exchange.facts.reply_end = Some(Instant::now());
    let random = worker.random();
    let clock = worker.clock.borrow();
    let view = View {
        exchange: &exchange,
        connection: info,
        clock: &clock,
        unique: random,
        log_type: "NotSet",
        unfinished: None,
    };
    for log in logs {
        worker.logs.write(log, &view, random);
    }
}
