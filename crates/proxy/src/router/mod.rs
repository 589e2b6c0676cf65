//! The router: sends a request to a back-end and brings the response back.

mod envoy_headers;
mod internal_redirect;
mod relay;
mod response;
mod tunnel;
mod upstream_request;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use causeway_http::{Known, Method};
use causeway_model::{ClusterSpecifier, HostRewrite, RouteForward, RoutingPriority};
use causeway_reason::{Failure, Reason};
use causeway_routing::{rewrite_host, rewrite_path};
use causeway_upstream::{ClusterStat, Host, Resource};

use crate::cluster::{LocalCluster, Permit};
use crate::deadlines::Timer;
use crate::downstream::{After, Downstream, SeenByRouting};
use crate::format::Decimal;
use crate::header_rules::mutate_request;
use crate::local_reply::LocalReply;
use crate::pool::UpstreamConnection;
use crate::record::ActiveRequest;
use crate::snapshot::{RouteEntry, RouteTarget};
use crate::timer::Millis;

/// What the router works with.
struct Forwarding {
    cluster: Rc<LocalCluster>,
    priority: RoutingPriority,
    /// What is inside a tunnel goes to the back-end as it is (`connect_config`).
    raw: bool,
    /// The route's timeout; it runs from the end of the request.
    timeout: Option<Millis>,
    /// Held for its `Drop`.
    _permit: Permit,
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
    let (target, cluster) = match choose_cluster(downstream, &mut request, &entry, route) {
        Ok(chosen) => chosen,
        Err(reply) => return Served::Ended(Box::pin(downstream.reply(request, reply)).await),
    };
    request.facts.target = Some(Rc::clone(&target));
    request.facts.cluster = Some(Rc::clone(&cluster));
    let config = Arc::clone(&downstream.listener.manager.config);
    if let Err(reply) = envoy_headers::check(&request, &config.strict_check_headers) {
        return Served::Ended(Box::pin(downstream.reply(request, reply)).await);
    }
    let timeout = envoy_headers::timeout(&mut request, route, config.respect_expected_rq_timeout);
    let suppress = config.suppress_envoy_headers;
    if let Some(timeout) = timeout
        && !suppress
    {
        request.request.set(Known::EnvoyExpectedRqTimeoutMs, Decimal::new(timeout).as_bytes());
    }
    request.facts.attempts = 1;
    let host = match cluster.choose() {
        Ok(host) => host,
        Err(failure) => return Served::Ended(Box::pin(give_up(downstream, request, failure, None)).await),
    };
    rewrite(&mut request, &entry, route, &target, &host, suppress);
    request.facts.host = Some(Arc::clone(&host));

    let Some(permit) = cluster.acquire(route.priority, Resource::Requests) else {
        cluster.stats().inc(ClusterStat::UpstreamRqActiveOverflow);
        let most = cluster.limit(route.priority, Resource::Requests);
        let failure = Failure::new(Reason::CircuitBreakerRequests)
            .with_evidence(format!("{most} requests are running, which is max_requests"));
        return Served::Ended(Box::pin(give_up(downstream, request, failure, None)).await);
    };
    let forwarding = Forwarding {
        cluster,
        priority: route.priority,
        raw: is_raw(&request, route),
        timeout,
        _permit: permit,
    };
    match connection(downstream, &mut request, &forwarding, &host).await {
        Ok(connection) => relay::relay(downstream, request, forwarding, connection).await,
        Err(Unconnected::Failed(failure)) => {
            if failure.reason == Reason::CircuitBreakerPending {
                // It did not come as far as the host.
                request.facts.host = None;
            }
            Served::Ended(Box::pin(give_up(downstream, request, failure, None)).await)
        }
        Err(Unconnected::ClientGone) => {
            let evidence = request.facts.so_far();
            request.fail(Failure::new(Reason::ClientDisconnected).with_evidence(evidence));
            Served::Ended(After::Gone)
        }
    }
}

/// Whether the request is a tunnel that ends here.
fn is_raw(request: &ActiveRequest, route: &RouteForward) -> bool {
    route.connect.is_some_and(|connect| match request.method() {
        Method::Connect => true,
        Method::Post => connect.allow_post,
        _ => false,
    })
}

/// The cluster that the route leads to.
fn choose_cluster(
    downstream: &Downstream,
    request: &mut ActiveRequest,
    entry: &RouteEntry,
    route: &RouteForward,
) -> Result<(Rc<RouteTarget>, Rc<LocalCluster>), LocalReply> {
    let Some(target) = entry.draw(request.random()).map(Rc::clone) else {
        return Err(not_found(downstream, route, "the route has no cluster with a weight"));
    };
    let found = match &route.cluster {
        ClusterSpecifier::Header(name) => {
            let named =
                request.request.get(name.as_str()).map(|value| String::from_utf8_lossy(value).into_owned());
            let cluster = named.as_deref().and_then(|name| downstream.worker.cluster(name));
            cluster.ok_or_else(|| match named {
                Some(named) => format!(
                    "the header {name} names the cluster \"{}\", which does not exist",
                    named.escape_default()
                ),
                None => format!("the request has no header {name}, which names the cluster"),
            })
        }
        ClusterSpecifier::Cluster(_) | ClusterSpecifier::Weighted { .. } => {
            target.cluster.clone().ok_or_else(|| {
                format!(
                    "the route at {} names the cluster {}, which does not exist",
                    entry.route.position, target.name
                )
            })
        }
    };
    match found {
        Ok(cluster) => Ok((target, cluster)),
        Err(evidence) => {
            request.facts.target = Some(target);
            Err(not_found(downstream, route, &evidence))
        }
    }
}

fn not_found(downstream: &Downstream, route: &RouteForward, evidence: &str) -> LocalReply {
    downstream.listener.shards.http.inc(crate::stats::HttpStat::NoCluster);
    LocalReply::failed(Failure::new(Reason::ClusterNotFound).with_evidence(evidence))
        .with_status(route.cluster_not_found_status)
}

/// Changes the request as the route says: fields first, then path and host.
fn rewrite(
    request: &mut ActiveRequest,
    entry: &RouteEntry,
    route: &RouteForward,
    target: &RouteTarget,
    host: &Host,
    suppress: bool,
) {
    if entry.virtual_host.include_request_attempt_count {
        request.request.set(Known::EnvoyAttemptCount, b"1");
    }
    if !target.request_levels.is_empty() {
        let viewer = request.viewer();
        for level in &target.request_levels {
            mutate_request(request, level, &viewer);
        }
    }
    if route.path_rewrite.is_none() && route.host_rewrite.is_none() && target.host_rewrite.is_none() {
        return;
    }
    let by_target = target.host_rewrite.clone().map(HostRewrite::Literal);
    let host_rewrite = by_target.as_ref().or(route.host_rewrite.as_ref());
    let mut new_host = Vec::new();
    let seen = SeenByRouting { exchange: request, random: request.random() };
    let has_host =
        host_rewrite.is_some_and(|rewrite| rewrite_host(rewrite, &seen, host.hostname(), &mut new_host));
    let mut new_path = Vec::new();
    // CONNECT has no path (RFC 9110 §9.3.6).
    let rewrite = route.path_rewrite.as_ref().filter(|_| request.method() != Method::Connect);
    let has_path = rewrite
        .is_some_and(|rewrite| rewrite_path(&entry.route.matcher, rewrite, &request.path, &mut new_path));
    if has_path {
        let old = std::mem::replace(&mut request.path, new_path);
        if !suppress {
            request.request.set(Known::EnvoyOriginalPath, &old);
        }
    }
    if has_host {
        let old = request.request.get(Known::Host).map(<[u8]>::to_vec).unwrap_or_default();
        if route.append_x_forwarded_host && by_target.is_none() {
            request.request.extend_value(Known::XForwardedHost, b",", &old);
        }
        if !suppress && by_target.is_none() {
            request.request.set(Known::EnvoyOriginalHost, &old);
        }
        request.request.set(Known::Host, &new_host);
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
    let pool = if forwarding.raw {
        forwarding.cluster.raw_pool(&downstream.worker, host, forwarding.priority)
    } else {
        forwarding.cluster.pool(&downstream.worker, host, forwarding.priority)
    };
    let held = request.again.as_mut().map(|again| std::mem::take(&mut again.held));
    if let Some(connection) = pool.take_idle() {
        return Ok(connection);
    }
    let complete = !request.is_open_ended();
    // A tunnel has no end before its connection has.
    let tunnel = request.method() == Method::Connect;
    if !tunnel && (complete || request.head.as_ref().is_some_and(|head| head.framing.is_none())) {
        start_timeout(downstream, forwarding);
    }
    let mut waiting = Box::pin(pool.wait());
    let mut held = Some(held);
    poll_fn(|cx| {
        let mut result = waiting.as_mut().poll(cx);
        // Whoever waits may have the one that the redirect came on: this request, mostly.
        if held.take().flatten().is_some() && result.is_pending() {
            result = waiting.as_mut().poll(cx);
        }
        if let Poll::Ready(result) = result {
            return Poll::Ready(result.map_err(Unconnected::Failed));
        }
        if downstream.poll_client_gone(cx) {
            return Poll::Ready(Err(Unconnected::ClientGone));
        }
        match downstream.poll_timeout(cx, complete, &request.facts) {
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
    }
    let unread = unread.unwrap_or_else(|| downstream.discard_request_body(&mut request));
    let mut reply = LocalReply::failed(failure);
    if request.facts.route.as_ref().is_some_and(|entry| entry.virtual_host.include_attempt_count_in_response)
    {
        reply = reply.with_header(Known::EnvoyAttemptCount.as_str(), b"1".to_vec());
    }
    downstream.local_answer(&mut request, reply, unread).await
}
