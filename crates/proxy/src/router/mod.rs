//! The router: sends a request to a back-end and brings the response back.

mod relay;
mod response;
mod rewrite;
mod tunnel;
mod upstream_request;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use causeway_http::Known;
use causeway_model::{ClusterName, LoadShedPointKind, RouteForward, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_upstream::{ClusterStat, Host, Resource};

use crate::cluster::{LocalCluster, Permit};
use crate::deadlines::Timer;
use crate::downstream::{After, Downstream, SeenByRouting};
use crate::format::Decimal;
use crate::grpc_timeout;
use crate::local_reply::LocalReply;
use crate::pool::UpstreamConnection;
use crate::record::ActiveRequest;
use crate::routes::RouteEntry;
use crate::snapshot::timeout;
use crate::timer::Millis;
use crate::traffic::{self, TrafficStat};

/// What the router works with.
struct Forwarding {
    cluster: Rc<LocalCluster>,
    priority: RoutingPriority,
    /// The route's timeout; it runs from the end of the request.
    timeout: Option<Millis>,
    /// Held for its `Drop`.
    _permit: Permit,
}

/// Sends a request on, and serves it to its end.
pub(crate) async fn forward(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    entry: Rc<RouteEntry>,
) -> After {
    let Some(route) = entry.forward() else {
        return Box::pin(downstream.reply(request, LocalReply::failed(Reason::Dropped.into()))).await;
    };
    let (Some(target), Some(cluster)) = (request.facts.target.clone(), request.facts.cluster.clone()) else {
        let reply = not_found(downstream, &request, &entry, route);
        return Box::pin(downstream.reply(request, reply)).await;
    };
    if !entry.virtual_clusters.is_empty() {
        let seen = SeenByRouting { exchange: &request, random: request.random() };
        request.facts.virtual_cluster = traffic::find(&entry.virtual_clusters, &seen).cloned();
    }
    let timeout = request_timeout(&mut request, route);
    let suppress = downstream.listener.manager.config.suppress_envoy_headers;
    if let Some(timeout) = timeout
        && !suppress
    {
        request.request.set(Known::EnvoyExpectedRqTimeoutMs, Decimal::new(timeout).as_bytes());
    }
    if let Some(timeout) = timeout
        && request.facts.grpc
        && route.grpc_timeout.is_some()
        && route.max_stream_duration.is_none()
    {
        grpc_timeout::tell(&mut request.request, timeout);
    }
    request.facts.attempts = 1;
    let host = match cluster.choose() {
        Ok(host) => host,
        Err(failure) => return Box::pin(give_up(downstream, request, failure, None)).await,
    };
    rewrite::rewrite(&mut request, &entry, &target, &host, suppress);
    request.facts.host = Some(Arc::clone(&host));

    let Some(permit) = cluster.acquire(route.priority, Resource::Requests) else {
        cluster.stats().inc(ClusterStat::UpstreamRqActiveOverflow);
        let most = cluster.limit(route.priority, Resource::Requests);
        let failure = Failure::new(Reason::CircuitBreakerRequests)
            .with_evidence(format!("{most} requests are running, which is max_requests"));
        return Box::pin(give_up(downstream, request, failure, None)).await;
    };
    let forwarding = Forwarding { cluster, priority: route.priority, timeout, _permit: permit };
    match connection(downstream, &mut request, &forwarding, &host).await {
        Ok(connection) => {
            request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Total));
            relay::relay(downstream, request, forwarding, connection).await
        }
        Err(Unconnected::Failed(failure)) => {
            if matches!(failure.reason, Reason::CircuitBreakerPending | Reason::OverloadedPool) {
                // It did not come as far as the host.
                request.facts.host = None;
            }
            Box::pin(give_up(downstream, request, failure, None)).await
        }
        Err(Unconnected::ClientGone) => {
            let evidence = request.facts.so_far();
            request.fail(Failure::new(Reason::ClientDisconnected).with_evidence(evidence));
            After::Gone
        }
    }
}

/// The answer where the cluster that the route leads to does not exist.
fn not_found(
    downstream: &Downstream,
    request: &ActiveRequest,
    entry: &RouteEntry,
    route: &RouteForward,
) -> LocalReply {
    let evidence = match request.facts.target.as_ref().map(|target| &target.name) {
        Some(ClusterName::Header(name)) => match request.request.get(name.as_str()) {
            Some(named) => format!(
                "the header {name} names the cluster \"{}\", which does not exist",
                named.escape_ascii()
            ),
            None => format!("the request has no header {name}, which names the cluster"),
        },
        Some(ClusterName::Fixed(name)) if name.is_empty() => {
            format!("the route at {} leaves its requests to filters, and none answered", entry.route.position)
        }
        Some(ClusterName::Fixed(name)) => {
            format!("the route at {} names the cluster {name}, which does not exist", entry.route.position)
        }
        None => format!("the route at {} has no cluster", entry.route.position),
    };
    downstream.listener.shards.http.inc(crate::stats::HttpStat::NoCluster);
    LocalReply::failed(Failure::new(Reason::ClusterNotFound).with_evidence(evidence))
        .with_status(route.cluster_not_found_status)
}

/// How long the back-end may take: what the route says, unless a trusted client says otherwise.
fn request_timeout(request: &mut ActiveRequest, route: &RouteForward) -> Option<Millis> {
    let by_client = request
        .request
        .get(Known::EnvoyUpstreamRqTimeoutMs)
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|text| text.parse::<Millis>().ok());
    for name in [
        Known::EnvoyUpstreamRqTimeoutMs,
        Known::EnvoyUpstreamRqPerTryTimeoutMs,
        Known::EnvoyUpstreamRqTimeoutAltResponse,
        Known::EnvoyExpectedRqTimeoutMs,
    ] {
        request.request.remove(name);
    }
    match by_client {
        Some(0) => None,
        Some(millis) => Some(millis),
        None if route.max_stream_duration.is_some() => None,
        None => match route.grpc_timeout.as_ref().filter(|_| request.facts.grpc) {
            Some(limits) => grpc_timeout::route_timeout(limits, &request.request),
            None => timeout(route.timeout),
        },
    }
}

enum Unconnected {
    Failed(Failure),
    ClientGone,
}

/// Takes or waits for a connection to the host. Meanwhile the client may leave, and time may run out.
async fn connection(
    downstream: &mut Downstream,
    request: &mut ActiveRequest,
    forwarding: &Forwarding,
    host: &Arc<Host>,
) -> Result<Box<UpstreamConnection>, Unconnected> {
    request.facts.connect_begin = Some(downstream.worker.instant());
    let pool = forwarding.cluster.pool(&downstream.worker, host, forwarding.priority);
    if let Some(connection) = pool.take_idle() {
        return Ok(connection);
    }
    let shed = downstream.worker.overload();
    let random = downstream.worker.random();
    if shed.is_some_and(|overload| overload.sheds(LoadShedPointKind::ConnectionPoolNewConnection, random)) {
        forwarding.cluster.stats().inc(ClusterStat::UpstreamRqPendingTotal);
        return Err(Unconnected::Failed(downstream.overloaded(Reason::OverloadedPool)));
    }
    let complete = !request.is_open_ended();
    if request.head.as_ref().is_some_and(|head| head.framing.is_none()) {
        start_timeout(downstream, forwarding);
    }
    let mut waiting = Box::pin(pool.wait());
    poll_fn(|cx| {
        if let Poll::Ready(result) = waiting.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(Unconnected::Failed));
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
    if let Some(timeout) = forwarding.timeout {
        let at = downstream.worker.now() + timeout;
        downstream.deadlines.set(Timer::Route, Some(at));
    }
}

/// Answers a request that no back-end has answered. `unread` says whether some of it has not arrived; `None`
/// where nothing of its body has been looked at.
async fn give_up(
    downstream: &mut Downstream,
    mut request: ActiveRequest,
    failure: Failure,
    unread: Option<bool>,
) -> After {
    if failure.reason == Reason::RouteTimeout
        && let Some(cluster) = &request.facts.cluster
    {
        cluster.count_timeout(request.facts.host.as_deref());
        request.facts.traffic().for_each(|traffic| traffic.inc(TrafficStat::Timeout));
    }
    let unread = unread.unwrap_or_else(|| downstream.discard_request_body(&mut request));
    let mut reply = LocalReply::failed(failure);
    if request.facts.route.as_ref().is_some_and(|entry| entry.virtual_host.include_attempt_count_in_response)
    {
        reply = reply.with_header(Known::EnvoyAttemptCount.as_str(), b"1".to_vec());
    }
    downstream.local_answer(&mut request, reply, unread).await
}
