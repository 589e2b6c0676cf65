//! Copies of requests that go to other clusters (`request_mirror_policies`). Nobody waits for them, and nothing
//! that becomes of them touches the request.

mod feed;
mod stats;
mod task;

use std::rc::Rc;

use causeway_http::{Known, Method};
use causeway_model::{ClusterName, HeaderMutation, MirrorPolicy, Runtime};

use self::feed::Feed;
use self::task::Mirrored;
use super::Forwarding;
use crate::cluster::LocalCluster;
use crate::downstream::Downstream;
use crate::header_mutations::{Message, mutate_in_order};
use crate::record::ActiveRequest;
use crate::routes::RouteEntry;
use crate::timer::Millis;

pub(crate) use feed::Copies;
pub use stats::AsyncClientStat;

/// A mirror of a route, with everything worked out that does not change from request to request.
#[derive(Debug)]
pub(crate) struct Mirror {
    name: ClusterName,
    /// `None` where the request names it.
    cluster: Option<Rc<LocalCluster>>,
    /// So many of so many requests.
    share: (u64, u64),
    appends_suffix: bool,
    headers: Vec<HeaderMutation>,
    host_rewrite: Option<Box<str>>,
}

impl Mirror {
    pub(crate) fn new(policy: &MirrorPolicy, cluster: Option<Rc<LocalCluster>>, runtime: &Runtime) -> Self {
        Self {
            name: policy.cluster.clone(),
            cluster,
            share: policy.fraction.as_ref().map_or((1, 1), |fraction| fraction.resolve(runtime)),
            appends_suffix: policy.appends_suffix,
            headers: policy.headers.clone(),
            host_rewrite: policy.host_rewrite.clone(),
        }
    }

    /// So many of so many requests are copied.
    pub(super) const fn share(&self) -> (u64, u64) {
        self.share
    }

    /// Where a copy of the request goes, if there is to be one.
    fn cluster(&self, request: &ActiveRequest) -> Option<Rc<LocalCluster>> {
        let (numerator, denominator) = self.share;
        if request.random().checked_rem(denominator).is_none_or(|drawn| drawn >= numerator) {
            return None;
        }
        match &self.name {
            ClusterName::Fixed(_) => self.cluster.clone(),
            ClusterName::Header(name) => request.worker().cluster_named_in(&request.seen(), name),
        }
    }

    /// Makes a copy what it is to be.
    fn change(&self, copy: &mut ActiveRequest) {
        let viewer = copy.viewer();
        mutate_in_order(copy, Message::Request, &self.headers, &viewer);
        if let Some(host) = &self.host_rewrite {
            copy.request.set(Known::Host, host.as_bytes());
        } else if self.appends_suffix {
            let host = copy.request.get(Known::Host).map(shadow).unwrap_or_default();
            copy.request.set(Known::Host, &host);
        }
    }
}

/// Begins to send copies of a request, which is as its back-end gets it. What it returns is where its body is to be
/// copied to; there is nothing where it has none.
pub(super) fn begin(
    downstream: &Downstream,
    request: &ActiveRequest,
    entry: &RouteEntry,
    forwarding: &Forwarding,
) -> Option<Box<Copies>> {
    // What becomes a tunnel has no end that a copy could have.
    if request.facts.upgrade || request.method() == Method::Connect {
        return None;
    }
    let limit = downstream.listener.config.per_connection_buffer_limit_bytes;
    let most = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    let has_body = request.head.as_ref().is_some_and(|head| !head.framing.is_none());
    let mut feeds = Vec::new();
    for mirror in &entry.mirrors {
        let Some(cluster) = mirror.cluster(request) else { continue };
        let mut copy = request.successor();
        copy.facts.route.clone_from(&request.facts.route);
        mirror.change(&mut copy);
        copy.request.set(Known::EnvoyInternal, b"true");
        if let Some(own) = downstream.listener.manager.options.own_address {
            copy.request.extend_value(Known::XForwardedFor, b",", own.to_string().as_bytes());
        }
        copy.facts.internal = true;
        let feed = has_body.then(|| Feed::new(most));
        feeds.extend(feed.clone());
        let timeout: Option<Millis> = forwarding.timeout;
        let of = Rc::clone(&forwarding.cluster);
        let mirrored = Mirrored::new(copy, cluster, of, feed, timeout, Rc::clone(&downstream.info));
        downstream.worker.spawn(mirrored.send());
    }
    (!feeds.is_empty()).then(|| Box::new(Copies::new(feeds)))
}

/// The host of a copy: `a.test-shadow`, `a.test-shadow:80`.
fn shadow(host: &[u8]) -> Vec<u8> {
    // Colons of an address are not those of a port.
    let behind = host.iter().rposition(|byte| *byte == b']').map_or(0, |at| at + 1);
    let colon = host.iter().skip(behind).position(|byte| *byte == b':').map(|at| at + behind);
    let (name, port) = host.split_at(colon.unwrap_or(host.len()));
    [name, b"-shadow", port].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_copies_are_told_apart() {
        for (host, copied) in [
            ("a.test", "a.test-shadow"),
            ("a.test:80", "a.test-shadow:80"),
            ("[::1]", "[::1]-shadow"),
            ("[::1]:80", "[::1]-shadow:80"),
            ("", "-shadow"),
        ] {
            assert_eq!(shadow(host.as_bytes()), copied.as_bytes());
        }
    }
}
