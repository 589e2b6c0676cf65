//! Following a redirect of the back-end in the client's place (`internal_redirect_policy`).
//!
//! With Envoy, what follows is a request of its own: it is routed, filtered, counted and logged as if a client
//! had sent it, with the fields that the one before it went to the back-end with.

use std::rc::Rc;
use std::sync::Arc;

use causeway_http::h1::{BodyFraming, ResponseHead};
use causeway_http::{AbsoluteUrl, Known, Method};
use causeway_model::{InternalRedirectPolicy, RedirectPredicate};
use causeway_routing::Lookup;
use causeway_upstream::ClusterStat;

use super::relay::Relay;
use crate::downstream::SeenByRouting;
use crate::exchange::{Again, Held, Rerouted, ResponseDetails};
use crate::pool::Upstream;
use crate::record::ActiveRequest;
use crate::routes::RouteEntry;
use crate::stats::HttpStat;

impl Relay<'_> {
    /// The request that takes the place of this one, where the response is a redirect that is to be followed
    /// and can be.
    pub(super) fn follow(&mut self, head: &ResponseHead) -> Option<ActiveRequest> {
        let entry = Rc::clone(self.request.facts.route.as_ref()?);
        let policy = entry.forward()?.internal_redirects.as_ref()?;
        if !policy.statuses.contains(&head.status) {
            return None;
        }
        let next = self.redirected(&entry, policy, head.status);
        let stats = self.forwarding.cluster.stats();
        stats.inc(match next {
            Some(_) => ClusterStat::UpstreamInternalRedirectSucceededTotal,
            None => ClusterStat::UpstreamInternalRedirectFailedTotal,
        });
        next
    }

    fn redirected(
        &mut self,
        entry: &RouteEntry,
        policy: &InternalRedirectPolicy,
        status: u16,
    ) -> Option<ActiveRequest> {
        let http = &self.downstream.listener.shards.http;
        if self.upload.is_some() || self.upload_failed || self.downstream.upgrade.is_some() {
            return None;
        }
        let mut again = self.request.again.take().unwrap_or_default();
        if let Some(kept) = self.kept.take() {
            again.body = kept.into_bytes()?;
        }
        let location = self.request.response.get("location")?;
        let Some(url) = AbsoluteUrl::parse(location) else {
            http.inc(HttpStat::PassthroughInternalRedirectBadLocation);
            return None;
        };
        // Clients speak plain text here, so it is always http that the redirect leads away from.
        let to_http = url.scheme.eq_ignore_ascii_case(b"http");
        if !to_http && !policy.allow_cross_scheme {
            http.inc(HttpStat::PassthroughInternalRedirectUnsafeScheme);
            return None;
        }
        if again.redirects >= policy.max {
            http.inc(HttpStat::PassthroughInternalRedirectTooManyRedirects);
            return None;
        }
        let mut next = self.request.successor();
        next.facts.https = !to_http;
        for name in &policy.response_headers_to_copy {
            next.request.remove(name.as_str());
            for value in self.request.response.values(name.as_str()) {
                next.request.append(name.as_str(), value);
            }
        }
        next.request.set(Known::Host, url.authority);
        next.path.clear();
        next.path.extend_from_slice(url.path);

        let listener = Rc::clone(&self.downstream.listener);
        // What was drawn for the first request holds.
        let random = self.request.random();
        let seen = SeenByRouting { random, ..next.seen() };
        let found = listener.manager.shared().table.lookup(&seen);
        self.request.facts.route_was_looked_for(None);
        let route = match found {
            Lookup::Route(found) => listener.manager.entry(found.route_index).map(Rc::clone),
            // There is one, which redirects to https.
            Lookup::TlsRequired { .. } => None,
            Lookup::NoRoute { .. } | Lookup::NoVirtualHost => {
                self.request.facts.rerouted = Some(Box::default());
                http.inc(HttpStat::PassthroughInternalRedirectNoRoute);
                return None;
            }
        };
        let name = route.as_ref().map_or_else(|| Arc::from(""), |route| Arc::clone(&route.route.name));
        let cluster = route
            .as_ref()
            .and_then(|route| route.draw(&SeenByRouting { random, ..next.seen() })?.cluster.clone());
        self.request.facts.rerouted = Some(Box::new(Rerouted { route, cluster }));
        let allowed = |predicate| is_allowed(predicate, &entry.route.name, &name, to_http, &mut again);
        if !policy.predicates.iter().all(allowed) {
            http.inc(HttpStat::PassthroughInternalRedirectPredicate);
            return None;
        }
        if status == 303 {
            become_get(&mut next, &mut again);
        }
        let url = [b"http://", self.request.request.get(Known::Host).unwrap_or_default(), &self.request.path];
        next.request.set(Known::EnvoyOriginalUrl, &url.concat());
        again.redirects += 1;
        next.again = Some(again);
        Some(next)
    }

    /// Ends this request, and begins the next.
    pub(super) fn leave_for(mut self, mut next: ActiveRequest, head: &ResponseHead) -> ActiveRequest {
        let now = self.downstream.worker.moment();
        let body = next.again.as_ref().map_or(0, |again| again.body.len() as u64);
        let facts = &mut self.request.facts;
        facts.status = head.status;
        facts.details = ResponseDetails::from("internal_redirect");
        facts.redirected = true;
        facts.finished = true;
        facts.wire_received += facts.body_read;
        if head.framing.is_none() {
            facts.response_end = Some(now);
        }
        next.facts.wire_received = facts.wire_received;
        next.facts.bytes_received += body;
        // A log shows the request as it goes on.
        self.request.head.clone_from(&next.head);
        self.request.path.clone_from(&next.path);
        self.request.request.clone_from(&next.request);

        next.begin(self.request.facts.begun.unwrap_or(now));
        let Relay { upstream, .. } = self;
        // Where a body follows, nobody reads it, and the connection goes, or the stream.
        if let Upstream::Http1(upstream) = upstream
            && head.framing.is_none()
            && head.keeps_alive()
            && upstream.buffer.is_empty()
        {
            upstream.end_request();
            if let Some(again) = &mut next.again {
                again.held = Held(Some(upstream));
            }
        }
        next
    }
}

fn is_allowed(
    predicate: &RedirectPredicate,
    from: &Arc<str>,
    to: &Arc<str>,
    to_http: bool,
    again: &mut Again,
) -> bool {
    match predicate {
        RedirectPredicate::PreviousRoutes => {
            let been = again.previous_routes.iter().any(|(one, other)| one == from && other == to);
            if !been {
                again.previous_routes.push((Arc::clone(from), Arc::clone(to)));
            }
            !been
        }
        RedirectPredicate::AllowListedRoutes(names) => names.contains(to),
        RedirectPredicate::SafeCrossScheme => to_http,
    }
}

/// "See other" is looked at, whatever the request was (RFC 9110 §15.4.4).
fn become_get(next: &mut ActiveRequest, again: &mut Again) {
    if let Some(head) = &mut next.head
        && !matches!(head.method, Method::Get | Method::Head)
    {
        head.method = Method::Get;
        head.framing = BodyFraming::None;
        next.request.remove(Known::ContentLength);
        again.body = Vec::new();
    }
}
