//! Which setting a deadline comes from, with its value and its place in the file: evidence of requests that ran into it.

use std::time::Duration;

use causeway_model::RouteForward;

use super::Downstream;
use crate::deadlines::{Silence, Timer};
use crate::exchange::Facts;
use crate::routes::RouteEntry;
use crate::snapshot::timeout;
use crate::timer::Millis;

/// What holds where the file says nothing.
const STREAM_IDLE: Duration = Duration::from_secs(300);

impl Downstream {
    /// The setting behind a deadline of a request, "`timeout` of 200 ms (envoy.yaml:12:45)"; empty for a deadline that is
    /// none of a request's.
    pub(super) fn limit(&self, timer: Timer, facts: &Facts) -> String {
        let route = facts.route.as_deref();
        let forward = route.and_then(RouteEntry::forward);
        match timer {
            Timer::Route => forward.map(|forward| route_timeout(forward, route, facts)).unwrap_or_default(),
            Timer::PerTry => of_policy(route, "per_try_timeout", |policy| policy.per_try_timeout),
            Timer::PerTryIdle => {
                of_policy(route, "per_try_idle_timeout", |policy| policy.per_try_idle_timeout)
            }
            Timer::StreamIdle => self.stream_idle_timeout(forward, route),
            Timer::StreamDuration => self.stream_duration(forward, route),
            Timer::UpstreamDuration => facts.cluster.as_ref().map_or_else(String::new, |cluster| {
                let config = cluster.config();
                let value = timeout(config.http.max_stream_duration).unwrap_or(0);
                format!("`max_stream_duration` of {value} ms of the cluster ({})", config.position)
            }),
            Timer::Idle
            | Timer::ConnectionDuration
            | Timer::RequestHeaders
            | Timer::Request
            | Timer::AccessLog
            | Timer::UpstreamLog
            | Timer::Close
            | Timer::Watch => String::new(),
        }
    }

    fn stream_idle_timeout(&self, forward: Option<&RouteForward>, route: Option<&RouteEntry>) -> String {
        let value = self.deadlines.silence(Silence::Stream).unwrap_or(0);
        let manager = &self.listener.manager.config;
        match (forward.and_then(|forward| forward.idle_timeout), route) {
            (Some(_), Some(route)) => {
                format!("`idle_timeout` of {value} ms of the route ({})", route.route.position)
            }
            _ => {
                let usual = manager.stream_idle_timeout == Some(STREAM_IDLE);
                let usual = if usual { ", which is the default" } else { "" };
                format!("`stream_idle_timeout` of {value} ms{usual} ({})", manager.position)
            }
        }
    }

    fn stream_duration(&self, forward: Option<&RouteForward>, route: Option<&RouteEntry>) -> String {
        let of_route = forward.and_then(|forward| forward.max_stream_duration);
        match (of_route, route) {
            (Some(limits), Some(route))
                if limits.max.is_some() || limits.grpc_timeout_header_max.is_some() =>
            {
                format!("`max_stream_duration` of the route ({})", route.route.position)
            }
            _ => {
                let manager = &self.listener.manager.config;
                let value = timeout(manager.max_stream_duration).unwrap_or(0);
                format!("`max_stream_duration` of {value} ms ({})", manager.position)
            }
        }
    }
}

/// The time that the back-end had: what the request asked for, or the route, or nobody.
fn route_timeout(forward: &RouteForward, route: Option<&RouteEntry>, facts: &Facts) -> String {
    let value: Millis = facts.timeout.unwrap_or(0);
    if facts.timeout != timeout(forward.timeout) {
        return format!("{value} ms, which the request itself asked for");
    }
    match (&forward.timeout_position, route) {
        (Some(position), _) => format!("`timeout` of {value} ms ({position})"),
        (None, Some(route)) => {
            format!(
                "`timeout` of {value} ms, which is the default: the route has none ({})",
                route.route.position
            )
        }
        (None, None) => format!("`timeout` of {value} ms"),
    }
}

/// A setting of the retry policy; without a value where the request itself asked for it.
fn of_policy(
    route: Option<&RouteEntry>,
    name: &str,
    value: impl Fn(&causeway_model::RetryPolicy) -> Option<Duration>,
) -> String {
    let Some(route) = route else { return String::new() };
    let policy = route.forward().and_then(|forward| forward.retry.as_deref());
    match policy.and_then(value).and_then(|value| timeout(Some(value))) {
        Some(value) => format!("`{name}` of {value} ms of the route ({})", route.route.position),
        None => format!("`{name}`, which the request itself asked for"),
    }
}
