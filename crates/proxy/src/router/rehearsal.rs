//! What the router would send, and to whom: found out by what sends it, without a connection.
//!
//! The steps are those of [`super::forward`] up to the point where a host is needed. Which host that would be depends
//! on what is going on at the time, and is left open.

use std::rc::Rc;
use std::sync::Arc;

use causeway_model::{ClusterName, ClusterType, EndpointAddress, HostRewrite, RouteForward, RoutingPriority};

use super::retry::Retry;
use super::{Forwarding, envoy_headers, not_found, rewrite, upstream_request};
use crate::deadlines::{Silence, Timer};
use crate::downstream::Downstream;
use crate::local_reply::LocalReply;
use crate::record::ActiveRequest;
use crate::routes::RouteEntry;
use crate::timer::Millis;
use crate::traffic;

/// What a back-end would be sent, and what holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The cluster.
    pub cluster: Arc<str>,
    /// The virtual cluster that counts it.
    pub virtual_cluster: Option<Box<str>>,
    /// First line and fields as they stand on a connection of HTTP/1; HTTP/2 says the same in its own way.
    pub head: Vec<u8>,
    /// The host of the request is the name of the host that is chosen (`auto_host_rewrite`), which may be any of these;
    /// `head` has it where there is but one.
    pub host_names: Vec<Box<str>>,
    /// From the end of the request to the end of the response, in milliseconds; `None` without limit.
    pub timeout: Option<u64>,
    /// Nothing moves for so many milliseconds.
    pub idle_timeout: Option<u64>,
    /// From the beginning of the request to its end, where a limit is set that takes the place of `timeout`.
    pub stream_duration: Option<u64>,
    /// What makes it be sent again, by Envoy's names, and how often at most; empty where nothing does.
    pub retry_on: Vec<&'static str>,
    /// Attempts beside the first.
    pub retries: u32,
    /// Each attempt may take so many milliseconds.
    pub per_try_timeout: Option<u64>,
    /// Nothing moves on an attempt for so many milliseconds.
    pub per_try_idle_timeout: Option<u64>,
    /// An attempt that takes too long goes on beside the next (`hedge_policy`).
    pub hedged: bool,
    /// Whether it is counted with those of high priority.
    pub high_priority: bool,
    /// Where copies go.
    pub copies: Vec<SentCopy>,
}

/// A copy of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCopy {
    /// The cluster, or the request header that names it.
    pub cluster: String,
    /// Of so many requests …
    pub of: u64,
    /// … so many.
    pub share: u64,
}

/// Does what the router does with a request before it chooses a host.
///
/// # Errors
///
/// The answer that the router itself gives.
pub(crate) fn rehearse(
    downstream: &Downstream,
    request: &mut ActiveRequest,
    entry: &Rc<RouteEntry>,
) -> Result<Sent, Box<LocalReply>> {
    let Some(route) = entry.forward() else { return Err(Box::new(dropped())) };
    let (Some(target), Some(cluster)) = (request.facts.target.clone(), request.facts.cluster.clone()) else {
        return Err(Box::new(not_found(downstream, request, entry, route)));
    };
    if !entry.virtual_clusters.is_empty() {
        request.facts.virtual_cluster = traffic::find(&entry.virtual_clusters, &request.seen()).cloned();
    }
    let config = Arc::clone(&downstream.listener.manager.config);
    envoy_headers::check(request, &config.strict_check_headers).map_err(Box::new)?;
    let forwarding = Forwarding::new(request, route, cluster, config.respect_expected_rq_timeout);
    forwarding.tell_time(downstream, request, entry);
    request.facts.attempts = 1;
    rewrite::rewrite(request, entry, &target, config.suppress_envoy_headers);
    let host_names = host_names(&forwarding, route);
    if let [only] = &host_names[..] {
        rewrite::host_of_chosen(request, entry, only, config.suppress_envoy_headers);
    }
    let retry = Retry::of(request, route);
    let (retry_on, retries) = retry.map_or((Vec::new(), 0), |retry| {
        let (on, most) = retry.terms();
        (on.names().collect(), most)
    });
    if !forwarding.raw {
        upstream_request::write_head(request, downstream.upgrade.as_deref());
    }
    let pending = request.to_upstream.pending();
    Ok(Sent {
        cluster: Arc::clone(forwarding.cluster.shared().name()),
        virtual_cluster: request.facts.virtual_cluster.as_ref().and_then(|found| found.name.clone()),
        head: request.to_upstream.take(pending).to_vec(),
        host_names,
        timeout: forwarding.timeout,
        idle_timeout: downstream.deadlines.silence(Silence::Stream),
        stream_duration: downstream.whole_time(),
        retry_on,
        retries,
        per_try_timeout: forwarding.per_try,
        per_try_idle_timeout: forwarding.per_try_idle,
        hedged: forwarding.hedge.is_some(),
        high_priority: route.priority == RoutingPriority::High,
        copies: copies(entry, route),
    })
}

/// The names that the host of the request may become, each once.
fn host_names(forwarding: &Forwarding, route: &RouteForward) -> Vec<Box<str>> {
    if route.host_rewrite != Some(HostRewrite::Auto) {
        return Vec::new();
    }
    let config = forwarding.cluster.config();
    let looked_up = matches!(config.kind, ClusterType::StrictDns(_) | ClusterType::LogicalDns(_));
    let mut names: Vec<Box<str>> = Vec::new();
    for endpoint in config.localities.iter().flat_map(|locality| &locality.endpoints) {
        let name: Box<str> = match &endpoint.address {
            _ if !endpoint.hostname.is_empty() => endpoint.hostname.clone(),
            EndpointAddress::Name { host, .. } if looked_up => (**host).into(),
            EndpointAddress::Name { .. } | EndpointAddress::Resolved(_) => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn copies(entry: &RouteEntry, route: &RouteForward) -> Vec<SentCopy> {
    let policies = route.mirrors.as_deref().unwrap_or_default();
    let copy = |(policy, mirror): (&causeway_model::MirrorPolicy, &super::Mirror)| {
        let (share, of) = mirror.share();
        let cluster = match &policy.cluster {
            ClusterName::Fixed(name) => name.to_string(),
            ClusterName::Header(name) => format!("(the header {name})"),
        };
        SentCopy { cluster, of, share }
    };
    policies.iter().zip(&entry.mirrors).map(copy).collect()
}

fn dropped() -> LocalReply {
    LocalReply::failed(causeway_reason::Reason::Dropped.into())
}

impl Downstream {
    /// How long the whole request may take, where route or connection manager say so.
    fn whole_time(&self) -> Option<Millis> {
        let until = self.deadlines.at(Timer::StreamDuration)?;
        Some(until.saturating_sub(self.worker.now()))
    }
}
