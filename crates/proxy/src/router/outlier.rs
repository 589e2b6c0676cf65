//! What attempts say of their hosts, as Envoy's router reports it: mostly to outlier detection.

use causeway_http::Known;
use causeway_http::h1::ResponseHead;
use causeway_reason::{Details, Failure, Met, Reason, ResetReason};
use causeway_upstream::HostResult;

use super::predicate;
use crate::cluster::LocalCluster;
use crate::record::ActiveRequest;

/// Reports what became of the attempt that is made at the moment, where its host is known.
pub(super) fn note(request: &ActiveRequest, cluster: &LocalCluster, result: HostResult) {
    if let Some(host) = &request.facts.host {
        cluster.shared().note_result(host, result);
    }
}

/// Reports an attempt that failed, if that was any fault of the host.
pub(super) fn note_failure(request: &ActiveRequest, cluster: &LocalCluster, failure: &Failure) {
    if !cluster.looks_for_outliers() {
        return;
    }
    // That it is late has been said before.
    if failure.reason == Reason::RouteTimeout && request.facts.late.is_some() {
        return;
    }
    if let Some(result) = of_failure(failure, request.facts.connect_end.is_some()) {
        note(request, cluster, result);
    }
}

/// Reports the head of a response, whether it is passed on or another attempt follows. A host that asks for no more
/// requests gets none, where its health is checked.
pub(super) fn note_answer(request: &ActiveRequest, cluster: &LocalCluster, head: &ResponseHead) {
    let fields = &request.response;
    if fields.has(Known::EnvoyImmediateHealthCheckFail)
        && let Some(host) = &request.facts.host
    {
        cluster.shared().note_immediate_health_check_fail(host);
    }
    if !cluster.looks_for_outliers() {
        return;
    }
    let result = match (request.facts.grpc, &cluster.config().http.error_matcher) {
        // Of calls the matcher hears nothing.
        (true, _) => fields.get(Known::GrpcStatus).map_or(HostResult::Answered(head.status), of_grpc),
        (false, Some(errors)) => {
            HostResult::of_match(predicate::fits(errors, head.status, fields), head.status)
        }
        (false, None) => HostResult::Answered(head.status),
    };
    note(request, cluster, result);
    if fields.get("x-envoy-degraded").is_some() {
        note(request, cluster, HostResult::Degraded);
    }
}

/// What a failure says of the host; `connected` says whether there was a connection to it.
fn of_failure(failure: &Failure, connected: bool) -> Option<HostResult> {
    match failure.reason {
        Reason::PerTryTimeout | Reason::PerTryIdleTimeout => Some(HostResult::TimedOut),
        // Once an answer has begun, the host is not the one to blame.
        Reason::RouteTimeout if connected && failure.met != Met::AfterHead => Some(HostResult::TimedOut),
        _ => match failure.answer().details {
            Details::ResetBefore(ResetReason::Overflow) | Details::Text(_) => None,
            Details::ResetBefore(_) | Details::ResetAfter(_) => Some(HostResult::Failed),
        },
    }
}

/// What a status of gRPC in the head of a response says.
fn of_grpc(status: &[u8]) -> HostResult {
    HostResult::of_grpc(std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_to_blame_for_what_they_did() {
        let of = |reason: Reason| of_failure(&reason.into(), true);
        assert_eq!(of(Reason::ConnectRefused), Some(HostResult::Failed));
        assert_eq!(of(Reason::UpstreamReset), Some(HostResult::Failed));
        assert_eq!(of(Reason::RouteTimeout), Some(HostResult::TimedOut));
        assert_eq!(of(Reason::PerTryTimeout), Some(HostResult::TimedOut));
        assert_eq!(of(Reason::CircuitBreakerPending), None);
        assert_eq!(of(Reason::RequestChunkMalformed), None);
        assert_eq!(of_failure(&Reason::RouteTimeout.into(), false), None);
        let late = Failure { met: Met::AfterHead, ..Failure::from(Reason::RouteTimeout) };
        assert_eq!(of_failure(&late, true), None);
        let cut = Failure { met: Met::AfterHead, ..Failure::from(Reason::UpstreamResetInBody) };
        assert_eq!(of_failure(&cut, true), Some(HostResult::Failed));
    }
}
