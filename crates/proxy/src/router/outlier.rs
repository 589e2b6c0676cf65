//! What outlier detection hears of attempts, as Envoy's router reports them.

use causeway_http::Known;
use causeway_http::h1::ResponseHead;
use causeway_reason::{Details, Failure, Met, Reason, ResetReason};
use causeway_upstream::HostResult;

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

/// Reports the head of a response.
pub(super) fn note_answer(request: &ActiveRequest, cluster: &LocalCluster, head: &ResponseHead) {
    if !cluster.looks_for_outliers() {
        return;
    }
    let by_grpc = request.response.get(Known::GrpcStatus).filter(|_| request.facts.grpc);
    note(request, cluster, by_grpc.map_or(HostResult::Answered(head.status), of_grpc));
    if request.response.get("x-envoy-degraded").is_some() {
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
