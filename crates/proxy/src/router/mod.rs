//! The router: sends a request to a back-end and brings the response back.

mod answer;
mod envoy_headers;
mod hedge;
mod internal_redirect;
mod leave;
mod mirror;
mod outlier;
mod predicate;
mod rehearsal;
mod relay;
mod response;
mod retry;
mod rewrite;
mod stall;
mod stream;
mod tunnel;
mod upstream_request;
mod websocket;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use causeway_http::{Known, Method, Version};
use causeway_model::{ClusterName, LoadShedPointKind, RouteForward, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{Ask, ClusterStat, Host, Resource};

use crate::cluster::{LocalCluster, Permit};
use crate::deadlines::{Silence, Timer};
use crate::downstream::{After, Client, Downstream};
use crate::format::Decimal;
use crate::grpc_timeout;
use crate::local_reply::LocalReply;
use crate::pool::{HostPool, Upstream};
use crate::pump::Pump;
use crate::record::ActiveRequest;
use crate::routes::{RouteEntry, RouteTarget};
use crate::stats::HttpStat;
use crate::timer::Millis;
use crate::traffic::{self, TrafficStat};
use crate::way::Way;

use hedge::Hedge;
use relay::Relay;
use retry::{Again, Retry, Tried};
use stall::Stalls;

pub use mirror::AsyncClientStat;
pub(crate) use mirror::{Copies, Mirror};
pub(crate) use rehearsal::rehearse;
pub use rehearsal::{Sent, SentCopy};

/// What the router works with.
struct Forwarding {
    cluster: Rc<LocalCluster>,
    /// The cluster that the host is of: another one where the first has the hosts of others.
    hosts: Rc<LocalCluster>,
    priority: RoutingPriority,
    /// What is inside a tunnel goes to the back-end as it is (`connect_config`).
    raw: bool,
    /// The route's timeout; it runs from the end of the request.
    timeout: Option<Millis>,
    /// An attempt's; it runs from the moment that the request is complete and there is a connection.
    per_try: Option<Millis>,
    /// Nothing moves on an attempt for this time.
    per_try_idle: Option<Millis>,
    /// How long the exchange with the back-end may take, from the moment that there is a connection.
    duration: Option<Millis>,
    /// Whether it is sent again, and when.
    retry: Option<Box<Retry>>,
    /// There was an attempt before.
    tried: bool,
    /// The last one took too long.
    timed_out: bool,
    /// There from the first moment on that one side of the attempt had to wait for the other.
    stalls: Option<Box<Stalls>>,
    /// Something of the request has been sent.
    started: bool,
    /// It is sent once more because its connection was closed, on one of its own.
    fresh: bool,
    /// While there is an attempt.
    permit: Option<Permit>,
    /// Where another attempt may be made beside one that is late.
    hedge: Option<Box<Hedge>>,
    /// Where the body is copied to, before it is looked at.
    copies: Option<Box<Copies>>,
}

impl Forwarding {
    /// What holds for a request that nobody has been asked about yet; fields that are for this router alone are taken out
    /// of it (`respect_expected_rq_timeout`: [`envoy_headers::timeout`]).
    fn new(
        request: &mut ActiveRequest,
        route: &RouteForward,
        cluster: Rc<LocalCluster>,
        respect_expected: bool,
    ) -> Self {
        let hedge = Hedge::of(request, route);
        let duration = envoy_headers::stream_duration(request, &cluster);
        let timeout = envoy_headers::timeout(request, route, respect_expected);
        let per_try = envoy_headers::per_try_timeout(request, route, timeout);
        let policy = route.retry.as_ref();
        Self {
            hosts: Rc::clone(&cluster),
            cluster,
            priority: route.priority,
            raw: ends_tunnel(route, request.method()),
            timeout,
            per_try,
            per_try_idle: policy.and_then(|policy| crate::snapshot::timeout(policy.per_try_idle_timeout)),
            duration,
            retry: None,
            tried: false,
            timed_out: false,
            stalls: None,
            started: false,
            fresh: false,
            permit: None,
            hedge,
            copies: None,
        }
    }

    /// Gives back what circuit breakers count: nothing more is sent.
    fn give_back(&mut self) {
        self.permit = None;
        self.retry = None;
    }

    /// Chooses the host for the first attempt, or says why there is none.
    fn first_host(
        &mut self,
        downstream: &Downstream,
        request: &mut ActiveRequest,
        route: &RouteForward,
        target: &RouteTarget,
    ) -> Result<Arc<Host>, Failure> {
        let (hosts, forced) = self.cluster.member(&downstream.worker);
        self.hosts = hosts;
        let hash = self.hosts.hash_of(&route.hash_policy, request, &downstream.info);
        let subset = target.subset.as_deref();
        let destination = self.hosts.destination_of(request, Some(&downstream.info));
        self.choose(&Ask { hash, forced, subset, destination, ..Ask::default() })
    }

    /// Chooses a host, or says why there is none.
    fn choose(&self, ask: &Ask<'_>) -> Result<Arc<Host>, Failure> {
        let chosen = self.hosts.choose(ask);
        if chosen.is_err() && ask.forced.is_some() {
            self.cluster.stats().inc(ClusterStat::UpstreamCxNoneHealthy);
        }
        chosen
    }

    /// Tells the back-end how long it may take.
    fn tell_time(&self, downstream: &Downstream, request: &mut ActiveRequest, entry: &RouteEntry) {
        let suppress = downstream.listener.manager.config.suppress_envoy_headers;
        // With another attempt beside it, each has all the time there is.
        let per_try = self.per_try.filter(|_| self.hedge.is_none());
        let Some(mut expected) = per_try.or(self.timeout) else { return };
        if let (Some(timeout), Some(end)) = (self.timeout, request.facts.request_end.filter(|_| self.tried)) {
            let taken = downstream.worker.moment().millis_since(end);
            let left = timeout.saturating_sub(taken);
            // None would be without limit.
            expected = expected.min(left.max(1));
        }
        if !suppress {
            request.request.set(Known::EnvoyExpectedRqTimeoutMs, Decimal::new(expected).as_bytes());
        }
        if request.facts.grpc
            && let Some(route) = entry.forward()
            && route.grpc_timeout.is_some()
            && route.max_stream_duration.is_none()
        {
            grpc_timeout::tell(&mut request.request, expected);
        }
    }
}

/// What became of a request.
pub(crate) enum Served {
    /// It was served to its end.
    Ended(After),
    /// The back-end redirected it, and the proxy follows: this is the next request.
    Redirected(ActiveRequest),
}

/// Sends a request on, and serves it to its end.
pub(crate) async fn forward(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    entry: Rc<RouteEntry>,
) -> Served {
    let Some(route) = entry.forward() else {
        let reply = LocalReply::failed(Reason::Dropped.into());
        return Served::Ended(Box::pin(downstream.reply(request, reply)).await);
    };
    let (Some(target), Some(cluster)) = (request.facts.target.clone(), request.facts.cluster.clone()) else {
        let reply = not_found(downstream, &request, &entry, route);
        return Served::Ended(Box::pin(downstream.reply(request, reply)).await);
    };
    if !entry.virtual_clusters.is_empty() {
        request.facts.virtual_cluster = traffic::find(&entry.virtual_clusters, &request.seen()).cloned();
    }
    downstream.deadlines.limit_silence(Silence::PerTry, None);
    let strict = &downstream.listener.manager.config.strict_check_headers;
    if let Err(reply) = envoy_headers::check(&request, strict) {
        return Served::Ended(Box::pin(downstream.reply(request, reply)).await);
    }
    if downstream.sheds(LoadShedPointKind::HttpDownstreamFilterCheck) {
        downstream.listener.shards.http.inc(HttpStat::RqOverloadLocalReply);
        let mut reply = LocalReply::failed(downstream.overloaded(Reason::Overloaded));
        reply.by_router = true;
        return Served::Ended(Box::pin(downstream.reply(request, reply)).await);
    }
    let config = &downstream.listener.manager.config;
    let suppress = config.suppress_envoy_headers;
    let mut forwarding = Forwarding::new(&mut request, route, cluster, config.respect_expected_rq_timeout);
    forwarding.tell_time(downstream, &mut request, &entry);
    request.facts.attempts = 1;
    rewrite::rewrite(&mut request, &entry, &target, suppress);
    let host = match forwarding.first_host(downstream, &mut request, route, &target) {
        Ok(host) => host,
        Err(failure) => return Served::Ended(Box::pin(give_up(downstream, request, failure, None)).await),
    };
    request.facts.host_before = None;
    rewrite::host_of_chosen(&mut request, &entry, host.hostname(), suppress);
    request.facts.timeout = forwarding.timeout;
    forwarding.retry = Retry::of(&mut request, route);
    if !entry.mirrors.is_empty() {
        forwarding.copies = mirror::begin(downstream, &request, &entry, &forwarding);
    }
    let mut tried = pin!(attempt(downstream, request, &mut forwarding, host, None)).await;
    loop {
        match tried {
            Tried::Served(served) => return served,
            Tried::Again(again) => {
                tried = Box::pin(retry::again(downstream, &mut forwarding, *again)).await;
            }
        }
    }
}

/// Makes one attempt to have a host answer; `upload` is what has yet to come of the request's body, where an attempt
/// before this has begun with it.
async fn attempt(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    forwarding: &mut Forwarding,
    host: Arc<Host>,
    mut upload: Option<Box<Pump>>,
) -> Tried {
    request.facts.host = Some(Arc::clone(&host));
    if forwarding.tried {
        request.facts.forget_way();
        request.attempted.clear();
    }
    request.facts.connect_begin = Some(downstream.worker.moment());
    downstream.log_attempt_later();
    let pool = pool(downstream, &request, forwarding, &host);
    let idle = if forwarding.fresh { None } else { pool.take() };
    let connected = match idle {
        Some(connection) => {
            // The one that a redirect came on serves somebody else.
            request.again.as_mut().map(|again| std::mem::take(&mut again.held));
            Ok(connection)
        }
        None => Box::pin(connection(downstream, &mut request, forwarding, &pool, upload.is_none())).await,
    };
    match connected {
        Ok(connection) => {
            // Those who wait for a connection have not begun: Envoy counts who gets one.
            forwarding.permit = forwarding.hosts.acquire(forwarding.priority, Resource::Requests);
            if forwarding.permit.is_none() {
                connection.put_back();
                return Box::pin(one_too_many(downstream, request, forwarding, upload)).await;
            }
            request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Total));
            request.attempted.push((host, Some(connection.id())));
            let mut relay = Relay::new(downstream, request, forwarding, connection, upload);
            if let Err(failure) = relay.begin() {
                return Box::pin(relay.fail(failure)).await;
            }
            if relay.forwarding.raw {
                return relay::ended(Box::pin(tunnel::raw(relay)).await);
            }
            relay.serve().await
        }
        Err(Unconnected::Failed(failure)) => {
            outlier::note_failure(&request, &forwarding.hosts, &failure);
            if let Some(pause) = retry::after_failure(&mut request, forwarding, &failure) {
                request.end_attempt(Err(failure));
                forwarding.permit = None;
                forwarding.tried = true;
                return Tried::Again(Box::new(Again { request, upload, pause }));
            }
            if hedge::goes_on_after(forwarding, &failure) {
                return Box::pin(hedge::outlast_unconnected(downstream, request, forwarding, failure)).await;
            }
            hedge::abandon(&mut request, forwarding, &failure);
            let at_once = matches!(failure.reason, Reason::CircuitBreakerPending | Reason::OverloadedPool);
            if at_once {
                // It did not come as far as the host.
                request.facts.host = None;
            }
            forwarding.give_back();
            let unread = match forwarding.copies.take() {
                Some(copies) => Some(downstream.discard_copied_body(&mut request, Some(copies))),
                None => retry::unread(downstream, &mut request, upload.as_deref_mut()).or_else(|| {
                    // While a connection is made, what is there of the body is read.
                    (!at_once).then(|| downstream.discard_request_body(&mut request))
                }),
            };
            Tried::Served(Served::Ended(Box::pin(give_up(downstream, request, failure, unread)).await))
        }
        Err(Unconnected::Late(event)) => {
            Box::pin(hedge::settle(downstream, request, forwarding, event)).await
        }
        Err(Unconnected::ClientGone) => {
            hedge::outlive(&mut request, forwarding);
            downstream.note_gone(&mut request);
            Tried::Served(Served::Ended(After::Gone))
        }
    }
}

/// Ends an attempt whose request may not be sent: there are as many as the circuit breaker lets.
#[cold]
async fn one_too_many(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    forwarding: &mut Forwarding,
    mut upload: Option<Box<Pump>>,
) -> Tried {
    let failure = too_many(&forwarding.hosts, forwarding.priority);
    retry::after_failure(&mut request, forwarding, &failure);
    if hedge::has_late(forwarding) {
        return hedge::outlast_unconnected(downstream, request, forwarding, failure).await;
    }
    let unread = retry::unread(downstream, &mut request, upload.as_deref_mut());
    Tried::Served(Served::Ended(give_up(downstream, request, failure, unread).await))
}

/// Whether a request with this method is a tunnel that ends here.
pub(crate) fn ends_tunnel(route: &RouteForward, method: Method) -> bool {
    route.connect.is_some_and(|connect| match method {
        Method::Connect => true,
        Method::Post => connect.allow_post,
        _ => false,
    })
}

/// The answer where the cluster that the route leads to does not exist.
fn not_found(
    downstream: &Downstream,
    request: &ActiveRequest,
    entry: &RouteEntry,
    route: &RouteForward,
) -> LocalReply {
    let mut reason = Reason::ClusterNotFound;
    let evidence = match request.facts.target.as_ref().map(|target| &target.name) {
        Some(ClusterName::Header(name)) => match request.seen().read_field(name.as_str(), <[u8]>::to_vec) {
            Some(named) => format!(
                "the header {name} names the cluster \"{}\", which does not exist",
                named.escape_ascii()
            ),
            None => {
                reason = Reason::ClusterHeaderUnusable;
                format!("the request has no header {name}, which names the cluster")
            }
        },
        Some(ClusterName::Fixed(name)) if name.is_empty() => {
            format!("the route at {} leaves its requests to filters, and none answered", entry.route.position)
        }
        Some(ClusterName::Fixed(name)) => {
            format!("the route at {} names the cluster {name}, which does not exist", entry.route.position)
        }
        None => format!("the route at {} has no cluster", entry.route.position),
    };
    downstream.listener.shards.http.inc(HttpStat::NoCluster);
    LocalReply::failed(Failure::new(reason).with_evidence(evidence))
        .with_status(route.cluster_not_found_status)
}

enum Unconnected {
    Failed(Failure),
    /// An attempt that was late decides.
    Late(hedge::Event),
    ClientGone,
}

/// Why a request may not be sent where the circuit breaker is open.
#[cold]
fn too_many(cluster: &LocalCluster, priority: RoutingPriority) -> Failure {
    cluster.stats().inc(ClusterStat::UpstreamRqActiveOverflow);
    let most = cluster.limit(priority, Resource::Requests);
    Failure::new(Reason::CircuitBreakerRequests)
        .with_evidence(format!("{most} requests are running, which is max_requests"))
}

/// The connections that the request may have.
fn pool(
    downstream: &Downstream,
    request: &ActiveRequest,
    forwarding: &Forwarding,
    host: &Arc<Host>,
) -> Rc<HostPool> {
    let Forwarding { hosts: cluster, priority, raw, .. } = forwarding;
    let way = Way::of(request, &downstream.info, cluster, host);
    if *raw {
        return cluster.raw_pool(&downstream.worker, host, *priority, way);
    }
    let client = request.facts.protocol.unwrap_or(Version::Http11);
    cluster.pool(&downstream.worker, host, *priority, (&downstream.info, client), way)
}

/// Waits for a connection to the host. Meanwhile the client may leave, and time may run out.
async fn connection(
    downstream: &mut Downstream,
    request: &mut ActiveRequest,
    forwarding: &mut Forwarding,
    pool: &Rc<HostPool>,
    arrived: bool,
) -> Result<Upstream, Unconnected> {
    let held = request.again.as_mut().map(|again| std::mem::take(&mut again.held));
    let shed = downstream.worker.overload();
    let random = downstream.worker.random();
    if shed.is_some_and(|overload| overload.sheds(LoadShedPointKind::ConnectionPoolNewConnection, random)) {
        forwarding.hosts.stats().inc(ClusterStat::UpstreamRqPendingTotal);
        return Err(Unconnected::Failed(downstream.overloaded(Reason::OverloadedPool)));
    }
    let complete = arrived && !request.is_open_ended();
    // A tunnel has no end before its connection has.
    let tunnel = request.method() == Method::Connect;
    if !tunnel && (complete || request.head.as_ref().is_some_and(|head| head.framing.is_none())) {
        start_timeout(downstream, forwarding);
    }
    let mut waiting = std::pin::pin!(pool.wait());
    let mut held = Some(held);
    poll_fn(|cx| {
        let mut result = waiting.as_mut().poll(cx);
        // Whoever waits may have the one that the redirect came on: this request, mostly.
        if held.take().flatten().is_some() && result.is_pending() {
            result = waiting.as_mut().poll(cx);
        }
        if let Poll::Ready(result) = result {
            let left = result.is_err() && downstream.client_has_left(cx);
            return Poll::Ready(result.map_err(|failure| match left {
                true => Unconnected::ClientGone,
                false => Unconnected::Failed(failure),
            }));
        }
        if forwarding.hedge.is_some()
            && let Poll::Ready(event) = hedge::poll(cx, request, forwarding, true)
        {
            return Poll::Ready(Err(Unconnected::Late(event)));
        }
        if downstream.poll_client_gone(cx) {
            return Poll::Ready(Err(Unconnected::ClientGone));
        }
        match downstream.poll_timeout(cx, complete, request) {
            Poll::Ready(failure) => Poll::Ready(Err(Unconnected::Failed(failure))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The request is complete: from now on the back-end's time runs.
fn start_timeout(downstream: &mut Downstream, forwarding: &Forwarding) {
    if let Some(timeout) = forwarding.timeout
        && !downstream.deadlines.is_set(Timer::Route)
    {
        let at = downstream.worker.now() + timeout;
        downstream.deadlines.set(Timer::Route, Some(at));
    }
}

/// Answers a request that no back-end has answered. `unread` says whether some of it has not arrived; `None` where that
/// is found out at once, and nothing of its body has been looked at. As with Envoy nobody does, then.
async fn give_up(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    failure: Failure,
    unread: Option<bool>,
) -> After {
    if failure.reason == Reason::RouteTimeout
        && !request.facts.resting
        && let Some(cluster) = &request.facts.cluster
    {
        cluster.count_timeout(request.facts.host.as_deref());
        request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Timeout));
    }
    let unread = unread.unwrap_or_else(|| downstream.leave_unread(&request));
    if unread && let Client::Http1 { .. } = &downstream.client {
        downstream.count_early_answer();
    }
    if let Reason::RequestChunkMalformed | Reason::RequestHeadersTooLarge | Reason::RequestHeadersTooMany =
        failure.reason
    {
        downstream.note_broken_protocol();
    }
    let attempts = request.facts.attempts;
    let late =
        matches!(failure.reason, Reason::RouteTimeout | Reason::PerTryTimeout | Reason::PerTryIdleTimeout);
    let too_long = failure.reason == Reason::UpstreamMaxStreamDuration;
    let mut reply = LocalReply::failed(failure);
    if late && request.facts.late_is_no_content {
        reply = reply.with_status(204).with_body(Vec::new(), None);
    }
    if too_long && unread {
        reply = reply.of_late_client();
    }
    if attempts > 1 {
        reply = reply.after_retries();
    }
    if request.facts.route.as_ref().is_some_and(|entry| entry.virtual_host.include_attempt_count_in_response)
    {
        reply = reply.with_header(Known::EnvoyAttemptCount.as_str(), attempts.to_string().into_bytes());
    }
    downstream.local_answer(&mut request, reply, unread).await
}
