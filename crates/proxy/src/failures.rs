//! What failed: a record in the journal, and a line in the application log where no access log says why.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causeway_http::Known;
use causeway_journal::{Attempt, Fact, Outcome, Record, Ring, Short, Subject as What};
use causeway_reason::{Failure, Reason};
use causeway_upstream::Host;

use crate::cluster::LocalCluster;
use crate::connection::ConnectionInfo;
use crate::exchange::{Exchange, Facts, Subject};
use crate::failure_log::{FailureLog, without_query};
use crate::moment::Moment;
use crate::timer::{Millis, whole_millis};
use crate::worker::Worker;

/// Where a worker's failures go.
#[derive(Debug)]
pub(crate) struct Failures {
    ring: Arc<Ring>,
    log: FailureLog,
}

/// A request, or a connection, that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) connection: &'a ConnectionInfo,
    pub(crate) failure: &'a Failure,
    /// By which it is found again (`%WHY_ID%`).
    pub(crate) id: u64,
}

impl Failures {
    /// What fails goes to this ring.
    pub(crate) fn new(ring: Arc<Ring>) -> Self {
        Self { ring, log: FailureLog::default() }
    }

    /// Notes it. Where an access log says why (`logged`), the application log is silent.
    pub(crate) fn note(&self, worker: &Worker, failed: Failed<'_>, logged: bool) {
        // Answers that the configuration asks for are no failures, whatever their status.
        if failed.failure.reason == Reason::DirectResponse {
            return;
        }
        self.ring.write(record(failed));
        if !logged {
            self.log.note(worker, failed);
        }
    }

    /// Notes a connection that was refused, of which there is no record.
    pub(crate) fn note_refused(
        &self,
        worker: &Worker,
        connection: &ConnectionInfo,
        failure: &Failure,
        logged: bool,
    ) {
        let mut exchange = Exchange::default();
        exchange.facts.subject = Subject::RefusedConnection;
        let id = connection.number();
        self.note(worker, Failed { exchange: &exchange, connection, failure, id }, logged);
    }

    /// Tells how many lines were left out, once it has been quiet for a while.
    pub(crate) fn summarize(&self, now: Millis) {
        self.log.summarize(now);
    }
}

/// Notes an attempt that is over and not the last: why it failed, or the status that the policy does not want. One that
/// was given up (0) has neither.
pub(crate) fn note_attempt(exchange: &mut Exchange, status: u16) {
    let facts = &exchange.facts;
    let outcome = match &facts.failure {
        Some(failure) => Outcome::Failed(failure.reason),
        None if status == 0 => return,
        None => Outcome::Answered(status),
    };
    let host = facts.host.as_ref().map_or_else(|| Short::of(""), |host| Short::of(host.address()));
    let took = between(facts.connect_begin, facts.ended).unwrap_or(0);
    exchange.failed_attempts.get_or_insert_default().push(Attempt { outcome, host, took });
}

fn record(failed: Failed<'_>) -> Record {
    let Failed { exchange, connection, failure, id } = failed;
    let facts = &exchange.facts;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, whole_millis);
    let mut record = Record::new(id, now, failure.reason);
    record.subject = match facts.subject {
        Subject::Request => What::Request,
        Subject::Connection | Subject::RefusedConnection | Subject::Client => What::Connection,
    };
    record.status = facts.status;
    record.took = short(whole_millis(lasted(facts, connection)));
    record.connect = between(facts.connect_begin, facts.connect_end);
    record.answer = between(facts.upstream_request_end, facts.response_begin);
    record.attempts = facts.attempts;
    record.failed_attempts = exchange.failed_attempts.as_deref().copied().unwrap_or_default();
    record.connection = connection.id;
    record.upstream_connection = facts.upstream_connection.filter(|number| *number > 0);
    record.upstream_sent = facts.upstream_wire_sent();
    record.upstream_received = facts.upstream_wire_received;
    if let Some(id) = exchange.request.get(Known::XRequestId) {
        record.note(Fact::RequestId, id.escape_ascii());
    }
    match &exchange.head {
        Some(head) => {
            let authority = exchange.request.get(Known::Host).unwrap_or_default();
            record.note(Fact::Method, head.method_name(&exchange.request));
            record.note(Fact::Authority, authority.escape_ascii());
            record.note(Fact::Path, without_query(&exchange.path).escape_ascii());
        }
        None => record.note(Fact::Authority, connection.server_name().unwrap_or_default()),
    }
    match &facts.remote {
        Some(remote) => record.note(Fact::Client, remote.ip),
        None => record.note(Fact::Client, &connection.remote),
    }
    record.note(Fact::Listener, connection.listener_name());
    if let Some(entry) = &facts.route {
        record.note(Fact::VirtualHost, &entry.virtual_host.name);
        record.note(Fact::Route, &entry.route.position);
    }
    if let Some(cluster) = &facts.cluster {
        record.note(Fact::Cluster, &cluster.config().name);
    }
    if let Some(host) = &facts.host {
        record.note(Fact::Host, host.address());
        note_host(&mut record, facts.cluster.as_deref(), host);
    }
    if let Some(tls) = &facts.upstream_tls {
        let version = tls.version.unwrap_or("no version");
        let protocol = if tls.http2 { "h2" } else { "http/1.1 or none" };
        let name = if tls.server_name.is_empty() { "none" } else { &*tls.server_name };
        record.note(Fact::UpstreamTls, format_args!("{version}, ALPN {protocol}, SNI {name}"));
    }
    if !facts.flags.is_empty() {
        record.note(Fact::Flags, facts.flags.short());
    }
    record.note(Fact::Details, failure.details());
    record.note(Fact::UpstreamClose, facts.upstream_close.unwrap_or_default());
    record.note(Fact::Evidence, failure.evidence.as_deref().unwrap_or_default());
    record
}

/// What is known of the host: of one whose cluster is gone, its health alone.
fn note_host(record: &mut Record, cluster: Option<&LocalCluster>, host: &Host) {
    let Some(cluster) = cluster else {
        record.note(Fact::HostState, host.flags());
        return;
    };
    let (cluster, now) = (cluster.shared(), Instant::now());
    record.note(Fact::HostState, cluster.state_of(host, now));
    record.note(Fact::Choice, cluster.choice_of(host));
    record.note(Fact::Name, cluster.name_of(host, now));
}

/// How long it took: a connection that no record was begun for counts from its own beginning.
fn lasted(facts: &Facts, connection: &ConnectionInfo) -> Duration {
    let begun = facts.begun.unwrap_or(connection.opened);
    facts.ended.unwrap_or_else(Moment::now).since(begun)
}

fn between(from: Option<Moment>, to: Option<Moment>) -> Option<u32> {
    Some(short(to?.millis_since(from?)))
}

/// Seven weeks are the most that is told apart.
fn short(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}
