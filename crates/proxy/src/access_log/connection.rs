//! Logs of a listener: a line for each connection, when it is closed.

use causeway_http::Version;
use causeway_reason::{Flag, Reason};

use crate::connection::ConnectionInfo;
use crate::exchange::{Exchange, Subject};
use crate::format::View;
use crate::moment::Moment;
use crate::snapshot::ListenerRuntime;
use crate::worker::Worker;

/// Writes the lines of a connection that is closed.
pub(crate) fn log_connection(worker: &Worker, listener: &ListenerRuntime, info: &ConnectionInfo) {
    let logs = &listener.snapshot().logs;
    if logs.is_empty() {
        return;
    }
    let mut exchange = Exchange::default();
    exchange.facts.subject = Subject::Client;
    exchange.facts.begun = Some(info.opened);
    exchange.facts.ended = Some(Moment::now());
    let course = &info.course;
    exchange.facts.bytes_received = course.received.get();
    exchange.facts.bytes_sent = course.sent.get();
    exchange.facts.protocol = course.speaks_http.get().then_some(Version::Http11);
    // Whoever closes, Envoy calls it normal unless it is a reset.
    exchange.facts.client_close = Some(if course.was_reset.get() { "RemoteReset" } else { "Normal" });
    if course.broke_protocol.get() {
        exchange.facts.flags.set(Flag::DownstreamProtocolError);
    }
    if let Some(failure) = course.known_ending().and_then(|ending| ending.failure.take()) {
        if failure.reason == Reason::NoFilterChain {
            exchange.facts.flags.set(Flag::NoRouteFound);
            exchange.facts.details = "filter_chain_not_found".into();
        }
        exchange.facts.failure = Some(failure);
    }
    if let Some(found) = &info.inspected {
        exchange.facts.dynamic_metadata = found.metadata.clone();
    }
    log_exchange(worker, listener, info, &exchange, info.number());
}

/// The same, of a connection about which this is known.
pub(crate) fn log_exchange(
    worker: &Worker,
    listener: &ListenerRuntime,
    info: &ConnectionInfo,
    exchange: &Exchange,
    random: u64,
) {
    let clock = worker.clock.borrow();
    let view = View {
        exchange,
        connection: info,
        clock: &clock,
        unique: random,
        log_type: "NotSet",
        unfinished: None,
        now: None,
    };
    for log in &listener.snapshot().logs {
        worker.logs.write(log, &view, random);
    }
}
