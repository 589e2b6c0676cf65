//! One record for each request, written when it goes – whatever the way.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use causeway_http::Version;
use causeway_reason::{Failure, Met, Reason};
use causeway_upstream::{ClusterBudgetStat, ClusterSizeStat, ClusterStat, HostStat};

use crate::cluster::LocalCluster;

use crate::connection::ConnectionInfo;
use crate::downstream::SeenByRouting;
use crate::exchange::{Beside, Exchange, Facts};
use crate::failures::{Failed, note_attempt};
use crate::format::{FieldSize, View};
use crate::local_reply::note_failure;
use crate::moment::Moment;
use crate::shares::Counted;
use crate::snapshot::HttpRuntime;
use crate::stats::{HttpStat, RouteResolutionStat};
use crate::worker::Worker;

/// A request that is being served. Dropping it writes its record: counters, access logs, and, where it
/// failed and no log says why, one line in the application log. That a request is dropped without an
/// outcome is itself such a record.
#[derive(Debug)]
pub(crate) struct ActiveRequest {
    /// Taken by `Drop` alone.
    exchange: Option<Box<Exchange>>,
    worker: Rc<Worker>,
    listener: Rc<HttpRuntime>,
    connection: Rc<ConnectionInfo>,
    random: u64,
}

impl ActiveRequest {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        listener: &Rc<HttpRuntime>,
        connection: &Rc<ConnectionInfo>,
    ) -> Self {
        Self {
            exchange: Some(worker.exchanges.take()),
            random: worker.random(),
            worker: Rc::clone(worker),
            listener: Rc::clone(listener),
            connection: Rc::clone(connection),
        }
    }

    /// A request of a rehearsal, whose random number is given.
    pub(crate) fn rehearsed(
        worker: &Rc<Worker>,
        listener: &Rc<HttpRuntime>,
        connection: &Rc<ConnectionInfo>,
        random: u64,
    ) -> Self {
        let mut request = Self::new(worker, listener, connection);
        request.random = random;
        request
    }

    /// The request that is served in place of this one, because the back-end redirected it: from the same
    /// client, with the same fields, and with what is known from the client. It is not counted before
    /// [`Self::begin`].
    pub(crate) fn successor(&self) -> Self {
        let mut next = Self::new(&self.worker, &self.listener, &self.connection);
        next.head.clone_from(&self.head);
        next.path.extend_from_slice(&self.path);
        next.request.clone_from(&self.request);
        let facts = &self.facts;
        next.facts = Facts {
            protocol: facts.protocol,
            remote: facts.remote,
            internal: facts.internal,
            https: facts.https,
            grpc: facts.grpc,
            request_end: facts.request_end,
            bytes_received: facts.bytes_received,
            wire_received: facts.wire_received,
            request_field_bytes: facts.request_field_bytes,
            request_spelling: facts.request_spelling.clone(),
            health_check: facts.health_check,
            ..Facts::default()
        };
        next
    }

    /// The request's first byte was seen.
    pub(crate) fn begin(&mut self, now: Moment) {
        self.facts.begun = Some(now);
        let http = &self.listener.shards.http;
        http.inc(HttpStat::DownstreamRqTotal);
        http.inc(match self.facts.protocol {
            Some(Version::Http2) => HttpStat::DownstreamRqHttp2Total,
            Some(Version::Http10 | Version::Http11) | None => HttpStat::DownstreamRqHttp1Total,
        });
        http.adjust(HttpStat::DownstreamRqActive, 1);
    }

    /// The random number of this request: the same for every decision about it.
    pub(crate) const fn random(&self) -> u64 {
        self.random
    }

    pub(crate) const fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    pub(crate) const fn listener(&self) -> &Rc<HttpRuntime> {
        &self.listener
    }

    /// Shows the request to routing.
    pub(crate) fn seen(&self) -> SeenByRouting<'_> {
        SeenByRouting { exchange: self, connection: &self.connection, random: self.random }
    }

    /// Shows the exchange to templates.
    pub(crate) fn viewer(&self) -> Viewer {
        Viewer {
            worker: Rc::clone(&self.worker),
            connection: Rc::clone(&self.connection),
            random: self.random,
            log_type: "NotSet",
            unfinished: None,
        }
    }

    /// Writes a line for each log about the request while it is served.
    pub(crate) fn log_unfinished(&self, log_type: &'static str) {
        let logs = &self.listener.manager.shared().logs;
        let viewer = Viewer { log_type, unfinished: Some(self.worker.moment()), ..self.viewer() };
        viewer.view(self, |view| {
            for log in logs {
                self.worker.logs.write(log, view, self.random);
            }
        });
    }

    /// There is a connection for the attempt to have a back-end answer: the router's logs may want to know.
    pub(crate) fn log_connected(&mut self) {
        if self.listener.manager.config.upstream_log_options.on_connection
            && let Some(mut exchange) = self.exchange.take()
        {
            self.log_attempt(&mut exchange, "UpstreamPoolReady", Some(self.worker.moment()));
            self.exchange = Some(exchange);
        }
    }

    /// Writes a line for each of the router's logs about the attempt that goes on.
    pub(crate) fn log_attempt_so_far(&self) {
        let facts = &self.facts;
        let mut copy = Exchange {
            request: self.request.clone(),
            head: self.head.clone(),
            path: self.path.clone(),
            attempted: self.attempted.clone(),
            facts: facts.of_attempt(),
            ..Exchange::default()
        };
        if let Some(answer) = &facts.answer {
            copy.response.clone_from(&answer.fields);
        }
        self.write_attempt(&copy, "UpstreamPeriodic", Some(self.worker.moment()));
    }

    /// Writes a line for each of the router's logs about the attempt to have a back-end answer.
    fn log_attempt(&self, exchange: &mut Exchange, log_type: &'static str, unfinished: Option<Moment>) {
        if self.listener.manager.shared().upstream_logs.is_empty() || !exchange.facts.was_attempted() {
            return;
        }
        exchange.as_attempt(|attempt| self.write_attempt(attempt, log_type, unfinished));
    }

    fn write_attempt(&self, attempt: &Exchange, log_type: &'static str, unfinished: Option<Moment>) {
        let viewer = Viewer { log_type, unfinished, ..self.viewer() };
        viewer.view(attempt, |view| {
            for log in &self.listener.manager.shared().upstream_logs {
                self.worker.logs.write(log, view, self.random);
            }
        });
    }

    /// An attempt to have a back-end answer is over, and there will be another: this was answered, or this is why it was
    /// no answer. What was counted and logged at the end of the request otherwise is now.
    pub(crate) fn end_attempt(&mut self, outcome: Result<u16, Failure>) {
        if let (Some(cluster), Some(host)) = (&self.facts.cluster, &self.facts.host)
            && self.facts.connect_end.is_some()
        {
            cluster.cells(host).inc(HostStat::RqError);
        }
        self.close_attempt(outcome, true);
        let exchange = &mut **self;
        exchange.facts.forget_attempt();
        exchange.response.clear(usize::MAX);
        exchange.to_upstream.forget();
    }

    /// Counts an attempt that is over while the request is not: with this answer, 0 where it was given up; `logged` where
    /// the router's logs are told of it now. What it says of the host is counted elsewhere.
    fn close_attempt(&mut self, outcome: Result<u16, Failure>, logged: bool) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let facts = &mut exchange.facts;
        let flags = facts.flags;
        let status = *outcome.as_ref().unwrap_or(&0);
        if let Err(failure) = outcome {
            failure.flag().into_iter().for_each(|flag| facts.flags.set(flag));
            facts.failure = Some(Box::new(failure));
        }
        facts.ended = Some(self.worker.moment());
        facts.take_count();
        note_attempt(&mut exchange, status);
        if let Some(cluster) = exchange.facts.cluster.clone() {
            count_attempt(&exchange, &cluster);
            let facts = &exchange.facts;
            if facts.upstream_count.is_none() {
                cluster.stats().add(ClusterStat::UpstreamCxTxBytesTotal, facts.upstream_wire_sent());
            }
        }
        if logged {
            self.log_attempt(&mut exchange, "UpstreamEnd", None);
        }
        exchange.facts.flags = flags;
        exchange.facts.failure = None;
        self.exchange = Some(exchange);
    }

    /// An attempt beside the one that the request shows is over: `failure` is why, where it was not given up.
    pub(crate) fn end_beside(&mut self, mut beside: Beside, failure: Option<Failure>) {
        self.swap_attempt(&mut beside);
        self.close_attempt(failure.map_or(Ok(0), Err), true);
        self.swap_attempt(&mut beside);
    }

    /// The same where the request is over as well, and its logs are told first.
    pub(crate) fn outlive(&mut self, mut beside: Beside) {
        self.swap_attempt(&mut beside);
        self.close_attempt(Ok(0), false);
        self.swap_attempt(&mut beside);
        self.again.get_or_insert_default().outlived.push(beside);
    }

    /// Counts what an attempt came to of which the client hears nothing.
    pub(crate) fn charge(&self, status: u16) {
        let facts = &self.facts;
        let Some(cluster) = facts.cluster.as_ref().filter(|_| !facts.health_check) else { return };
        if facts.grpc && self.listener.manager.config.suppress_grpc_code_stats {
            cluster.count_completed(facts.internal);
            cluster.count_apart(facts, Counted::Completed);
        } else {
            cluster.count_status(status, facts.internal);
            cluster.count_apart(facts, Counted::Status(status));
            facts.traffic().for_each(|traffic| traffic.count_status(status));
        }
    }

    /// A copy of a request for a mirror is over: `failure` is why it has no answer. It is no request of a client, so that
    /// only the router's logs hear of it.
    pub(crate) fn end_copy(&mut self, failure: Option<Failure>) {
        let Some(mut exchange) = self.exchange.take() else { return };
        if let Some(flag) = failure.as_ref().and_then(Failure::flag) {
            exchange.facts.flags.set(flag);
        }
        exchange.facts.failure = failure.map(Box::new);
        exchange.facts.ended = Some(self.worker.moment());
        if let Some(cluster) = exchange.facts.cluster.clone() {
            count_attempt(&exchange, &cluster);
        }
        self.log_attempt(&mut exchange, "UpstreamEnd", None);
        self.exchange = Some(exchange);
    }

    /// It failed and can't be answered any more, or was answered already.
    pub(crate) fn fail(&mut self, failure: Failure) {
        note_failure(self, Box::new(failure));
        self.facts.finished = true;
    }
}

/// All that it takes to show an exchange to a template, but for the exchange, which changes meanwhile.
#[derive(Debug)]
pub(crate) struct Viewer {
    worker: Rc<Worker>,
    connection: Rc<ConnectionInfo>,
    random: u64,
    log_type: &'static str,
    unfinished: Option<Moment>,
}

impl Viewer {
    /// Shows the exchange to routing.
    pub(crate) fn seen<'a>(&'a self, exchange: &'a Exchange) -> SeenByRouting<'a> {
        SeenByRouting { exchange, connection: &self.connection, random: self.random }
    }

    /// Does something with a view of the exchange.
    pub(crate) fn view<T>(&self, exchange: &Exchange, then: impl FnOnce(&View<'_>) -> T) -> T {
        then(&View {
            exchange,
            connection: &self.connection,
            clock: &self.worker.clock.borrow(),
            unique: self.random,
            log_type: self.log_type,
            unfinished: self.unfinished,
            now: Some(self.worker.moment()),
        })
    }
}

impl Deref for ActiveRequest {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        match &self.exchange {
            Some(exchange) => exchange,
            None => unreachable!("only `Drop` takes it"),
        }
    }
}

impl DerefMut for ActiveRequest {
    fn deref_mut(&mut self) -> &mut Exchange {
        match &mut self.exchange {
            Some(exchange) => exchange,
            None => unreachable!("only `Drop` takes it"),
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Some(mut exchange) = self.exchange.take() else { return };
        if let Some(begun) = exchange.facts.begun {
            let now = *exchange.facts.ended.insert(exchange.facts.reply_end.unwrap_or(self.worker.moment()));
            if !exchange.facts.finished {
                let reason = if self.worker.is_stopping() { Reason::DrainDeadline } else { Reason::Dropped };
                let failure = Failure::new(reason).with_evidence(exchange.facts.so_far());
                note_failure(&mut exchange, Box::new(failure));
                debug_assert!(
                    reason != Reason::Dropped || std::thread::panicking(),
                    "a request ended without an outcome: {exchange:?}"
                );
            }
            // It is for the texts of answers; a log has nothing to print there, as with Envoy.
            exchange.local_body.clear();
            exchange.facts.take_count();
            let millis = now.millis_since(begun);
            self.count(&exchange, millis);
            // What goes because the client did is heard of by the router last.
            let first = !exchange.facts.outlived_by_attempt();
            if first {
                self.log_attempts(&mut exchange);
            }
            self.log(&exchange);
            if !first {
                self.log_attempts(&mut exchange);
            }
        }
        self.worker.exchanges.give(exchange);
    }
}

impl ActiveRequest {
    fn count(&self, exchange: &Exchange, millis: u64) {
        let facts = &exchange.facts;
        let shards = &self.listener.shards;
        shards.http.adjust(HttpStat::DownstreamRqActive, -1);
        if facts.upgrade {
            shards.http.adjust(HttpStat::DownstreamCxUpgradesActive, -1);
        }
        if facts.health_check {
            shards.http.inc(HttpStat::TracingHealthCheck);
        }
        if facts.status > 0 && !facts.redirected {
            // Health checks are no traffic: they would hide what clients see.
            if !facts.health_check {
                shards.response_completed(facts.status);
            }
            shards.http.record(HttpStat::DownstreamRqTime, millis);
        }
        if let Some(routes) = &shards.routes {
            let (count, time) = (facts.route_resolutions, facts.route_resolution_micros);
            routes.record(RouteResolutionStat::DownstreamRqRouteResolutions, u64::from(count));
            routes.record(RouteResolutionStat::DownstreamRqRouteResolutionTimeUs, time.unwrap_or(0));
        }
        // A tunnel that somebody closed has flags and details in logs, as with Envoy, but nothing has failed.
        if let Some(failure) = &facts.failure
            && !facts.tunnel_closed
        {
            shards.reasons.count(&shards.http, failure.reason);
            if let Some(cluster) = &facts.cluster {
                cluster.count_reason(failure.reason);
            }
        }
        let Some(cluster) = &facts.cluster else { return };
        if facts.was_attempted() {
            count_attempt(exchange, cluster);
        }
        // A connection that many share counts by itself.
        if facts.upstream_count.is_none() {
            cluster.stats().add(ClusterStat::UpstreamCxTxBytesTotal, facts.upstream_wire_sent());
        }
        if facts.redirected {
            return;
        }
        let charged = !ended_from_outside(facts) && !facts.uncounted;
        if facts.status > 0 && facts.attempts > 0 && !facts.health_check && charged && !facts.resting {
            if facts.grpc && self.listener.manager.config.suppress_grpc_code_stats {
                cluster.count_completed(facts.internal);
                cluster.count_apart(facts, Counted::Completed);
            } else {
                let status = facts.own_status.unwrap_or(facts.status);
                cluster.count_status(status, facts.internal);
                cluster.count_apart(facts, Counted::Status(status));
                facts.traffic().for_each(|traffic| traffic.count_status(status));
            }
        }
        if let Some(host) = &facts.host
            && facts.connect_end.is_some()
            && charged
        {
            let by_status = facts.status < 500;
            let well = if facts.grpc { exchange.grpc_went_well() } else { by_status };
            let answered = facts.response_begin.is_some() && well;
            cluster.cells(host).inc(if answered { HostStat::RqSuccess } else { HostStat::RqError });
        }
        if let (Some(begin), Some(end)) = (facts.connect_end, facts.response_end)
            && !facts.health_check
        {
            let took = end.millis_since(begin);
            cluster.count_time(took, facts.internal);
            cluster.count_apart(facts, Counted::Time(took));
            facts.traffic().for_each(|traffic| traffic.count_time(took));
        }
    }

    /// Writes a line for each of the router's logs about each attempt that ends with the request, the oldest first.
    fn log_attempts(&self, exchange: &mut Exchange) {
        let outlived = exchange.again.as_mut().map(|again| std::mem::take(&mut again.outlived));
        for mut beside in outlived.into_iter().flatten() {
            exchange.swap_attempt(&mut beside);
            self.log_attempt(exchange, "UpstreamEnd", None);
            exchange.swap_attempt(&mut beside);
        }
        self.log_attempt(exchange, "UpstreamEnd", None);
    }

    fn log(&self, exchange: &Exchange) {
        let manager = self.listener.manager.shared();
        if !manager.logs.is_empty() {
            let viewer = Viewer { log_type: "DownstreamEnd", ..self.viewer() };
            viewer.view(exchange, |view| {
                for log in &manager.logs {
                    self.worker.logs.write(log, view, self.random);
                }
            });
        }
        if let Some(failure) = &exchange.facts.failure
            && !exchange.facts.tunnel_closed
        {
            let failed = Failed { exchange, connection: &self.connection, failure, id: self.random };
            self.worker.failures.note(&self.worker, failed, manager.logs_hold_failures);
        }
    }
}

/// Whether the request ended, before it had an answer, because of something that is none of the router's business: that
/// is counted neither by its cluster nor by its host.
fn ended_from_outside(facts: &Facts) -> bool {
    // A client that says that nothing is wrong, and leaves, has failed at nothing.
    let Some(failure) = &facts.failure else { return facts.status == 0 };
    if failure.met == Met::AfterHead {
        return false;
    }
    match failure.reason {
        Reason::ClientDisconnected | Reason::ClientReset => facts.status == 0,
        Reason::UpstreamMaxStreamDuration
        | Reason::StreamIdleTimeout
        | Reason::RequestIdleTimeout
        | Reason::MaxStreamDuration
        | Reason::RequestMaxDuration
        | Reason::RequestTimeout
        | Reason::RequestChunkMalformed
        | Reason::RequestHeadersTooLarge
        | Reason::RequestHeadersTooMany => true,
        _ => false,
    }
}

/// Counts how large the request and its response were, and how much of its time it took, where the cluster tracks
/// that.
fn count_attempt(exchange: &Exchange, cluster: &LocalCluster) {
    let facts = &exchange.facts;
    if let Some(sizes) = cluster.sizes() {
        let head = FieldSize::of_request(exchange);
        sizes.record(ClusterSizeStat::RqHeadersCount, head.fields);
        sizes.record(ClusterSizeStat::RqHeadersSize, head.bytes);
        let sent = if facts.connect_end.is_some() { facts.bytes_received } else { 0 };
        sizes.record(ClusterSizeStat::RqBodySize, sent);
        if let Some(answer) = &facts.answer {
            let head = FieldSize::of_response(&answer.fields);
            sizes.record(ClusterSizeStat::RsHeadersCount, head.fields);
            sizes.record(ClusterSizeStat::RsHeadersSize, head.bytes);
            sizes.record(ClusterSizeStat::RsBodySize, facts.bytes_sent);
        }
    }
    if let Some(budgets) = cluster.budgets() {
        let timed_out = facts.failure.as_ref().is_some_and(|failure| {
            matches!(failure.reason, Reason::RouteTimeout | Reason::RouteTimeoutAfterHead)
        });
        if !timed_out {
            // No attempt has a timeout of its own, which Envoy shows as 0.
            budgets.record(ClusterBudgetStat::PerTryPercentUsed, 0);
        }
        let complete = facts.response_end.is_some() && facts.connect_end.is_some() && !facts.redirected;
        if let (true, Some(since), Some(ended)) = (complete || timed_out, facts.request_end, facts.ended) {
            let taken = ended.millis_since(since);
            let percent = facts.timeout.map_or(0, |timeout| taken.saturating_mul(100) / timeout.max(1));
            budgets.record(ClusterBudgetStat::PercentUsed, percent);
        }
    }
}
