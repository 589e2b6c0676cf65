//! What `x-envoy-*` fields of a request say to the router.

use causeway_http::{HeaderBlock, Known, KnownSet};
use causeway_model::{HeaderName, RouteForward};
use causeway_reason::{Failure, Reason};

use crate::cluster::LocalCluster;
use crate::grpc_timeout;
use crate::local_reply::LocalReply;
use crate::record::ActiveRequest;
use crate::timer::Millis;

/// Refuses a request with a field that has a value it can't have (`strict_check_headers`).
pub(super) fn check(request: &ActiveRequest, names: &[HeaderName]) -> Result<(), LocalReply> {
    for name in names {
        let Some(value) = request.request.get(name.as_str()) else { continue };
        if is_valid(name.as_str(), value) {
            continue;
        }
        let evidence = format!("{name} is \"{}\"", value.escape_ascii());
        let body = [format!("invalid header '{name}' with value '").as_bytes(), value, b"'"].concat();
        let failure = Failure::new(Reason::RequestEnvoyHeaderInvalid).with_evidence(evidence);
        return Err(LocalReply::failed(failure)
            .with_body(body, None)
            .with_details(format!("request_headers_failed_strict_check{{{name}}}")));
    }
    Ok(())
}

fn is_valid(name: &str, value: &[u8]) -> bool {
    match name {
        "x-envoy-retry-on" => are(value, &RETRY_ON),
        "x-envoy-retry-grpc-on" => are(value, &RETRY_GRPC_ON),
        _ => number(value).is_some(),
    }
}

/// Policies of `x-envoy-retry-on`.
const RETRY_ON: [&str; 11] = [
    "5xx",
    "gateway-error",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "reset",
    "reset-before-request",
    "http3-post-connect-failure",
];

/// Policies of `x-envoy-retry-grpc-on`.
const RETRY_GRPC_ON: [&str; 5] =
    ["cancelled", "deadline-exceeded", "resource-exhausted", "unavailable", "internal"];

fn are(value: &[u8], known: &[&str]) -> bool {
    let mut policies = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    policies.all(|policy| known.iter().any(|name| name.as_bytes() == policy))
}

pub(super) fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Fields that are for this router, and no other, beside those that are about retries ([`super::retry`]).
const FOR_THE_ROUTER: KnownSet = KnownSet::of(&[
    Known::EnvoyUpstreamAltStatName,
    Known::EnvoyUpstreamRqTimeoutAltResponse,
    Known::EnvoyUpstreamStreamDurationMs,
    Known::EnvoyHedgeOnPerTryTimeout,
]);

/// How long the exchange with the back-end may take: what its cluster says, unless a trusted client says otherwise.
pub(super) fn stream_duration(request: &ActiveRequest, cluster: &LocalCluster) -> Option<Millis> {
    match request.request.get(Known::EnvoyUpstreamStreamDurationMs).and_then(number) {
        Some(millis) => (millis > 0).then_some(millis),
        None => crate::snapshot::timeout(cluster.config().http.max_stream_duration),
    }
}

/// How long an attempt may take: what the route says, unless a trusted client says otherwise. One that is no shorter
/// than the time of all attempts does not hold.
pub(super) fn per_try_timeout(
    request: &mut ActiveRequest,
    route: &RouteForward,
    timeout: Option<Millis>,
) -> Option<Millis> {
    let name = Known::EnvoyUpstreamRqPerTryTimeoutMs;
    let by_client = request.request.get(name).map(number);
    if by_client.is_some() {
        request.request.remove(name);
    }
    let by_route =
        || route.retry.as_ref().and_then(|policy| crate::snapshot::timeout(policy.per_try_timeout));
    let per_try = by_client.flatten().map_or_else(by_route, |millis| (millis > 0).then_some(millis));
    per_try.filter(|per_try| timeout.is_none_or(|timeout| *per_try < timeout))
}

/// How long the back-end may take: what the route says, unless a trusted client says otherwise.
///
/// Where `respect_expected` is set, a proxy in front has said how long it waits, and that is the time; what the
/// client wanted beyond that is none of ours then.
pub(super) fn timeout(
    request: &mut ActiveRequest,
    route: &RouteForward,
    respect_expected: bool,
) -> Option<Millis> {
    let asked = |request: &HeaderBlock, name| request.get(name).and_then(number);
    let expected = respect_expected && request.request.has(Known::EnvoyExpectedRqTimeoutMs);
    let by_client = if expected {
        asked(&request.request, Known::EnvoyExpectedRqTimeoutMs)
    } else {
        let by_client = asked(&request.request, Known::EnvoyUpstreamRqTimeoutMs);
        request.request.remove(Known::EnvoyUpstreamRqTimeoutMs);
        request.request.remove(Known::EnvoyExpectedRqTimeoutMs);
        by_client
    };
    request.facts.late_is_no_content = request.request.has(Known::EnvoyUpstreamRqTimeoutAltResponse);
    request.request.remove_all(FOR_THE_ROUTER);
    match by_client {
        Some(0) => None,
        Some(millis) => Some(millis),
        None if route.max_stream_duration.is_some() => None,
        None => match route.grpc_timeout.as_ref().filter(|_| request.facts.grpc) {
            Some(limits) => grpc_timeout::route_timeout(limits, &request.request),
            None => crate::snapshot::timeout(route.timeout),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_name() {
        for (name, value, valid) in [
            ("x-envoy-max-retries", "3", true),
            ("x-envoy-max-retries", "", false),
            ("x-envoy-max-retries", "-1", false),
            ("x-envoy-upstream-rq-timeout-ms", "1.5", false),
            ("x-envoy-retry-on", "5xx, reset", true),
            ("x-envoy-retry-on", "5xx,sometimes", false),
            ("x-envoy-retry-grpc-on", "cancelled", true),
            ("x-envoy-retry-grpc-on", "5xx", false),
        ] {
            assert_eq!(is_valid(name, value.as_bytes()), valid, "{name}: {value}");
        }
    }
}
