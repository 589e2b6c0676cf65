//! What a record shows beside its reason: the reason says what ended the request, and some facts say what else was so.
//!
//! Nothing of it is kept: it is read out of the record when somebody looks, so that requests pay nothing for it.

use causeway_reason::{Condition, Reason};

use crate::record::{Fact, Record, Subject};

/// What is noted of a host that asked for no more requests.
const ASKED_FOR_NO_MORE: &str = "a response said x-envoy-immediate-health-check-fail";
/// What Istio calls the cluster of all hosts that it does not know, where it lets them pass.
const PASSTHROUGH: &str = "PassthroughCluster";
/// The same, where it does not (`REGISTRY_ONLY`).
const BLACK_HOLE: &str = "BlackHoleCluster";

/// Whether a record shows it.
type Look = fn(&Record) -> bool;

impl Record {
    /// The conditions that the facts of this record show. One that rests on the name of a cluster alone holds as far as
    /// clusters are named as Istio names them.
    pub fn also(&self) -> impl Iterator<Item = Condition> {
        const LOOKS: &[(Condition, Look)] = &[
            (Condition::RetriesExhausted, |of| of.has_flag("URX") && of.attempts > 1),
            (Condition::RetryBreaker, retry_breaker),
            (Condition::PanicMode, |of| of.fact(Fact::Choice).ends_with("in panic")),
            (Condition::GrpcErrorInOk, grpc_in_ok),
            (Condition::ClientCertificateExpired, expired),
            (Condition::ImmediateHealthCheckFail, |of| of.fact(Fact::Evidence).contains(ASKED_FOR_NO_MORE)),
            (Condition::CallerSetTimeout, caller_set),
            (Condition::MeshTlsMismatch, mesh_tls),
            (Condition::HostKeptIntoMesh, |of| of.fact(Fact::Cluster) == PASSTHROUGH && is_request(of)),
            (Condition::RegistryOnly, |of| of.fact(Fact::Cluster) == BLACK_HOLE),
        ];
        LOOKS.iter().filter(|(_, shows)| shows(self)).map(|(condition, _)| *condition)
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.fact(Fact::Flags).split(',').any(|one| one == flag)
    }
}

fn is_request(record: &Record) -> bool {
    record.subject == Subject::Request
}

/// The flag of a full breaker stands beside a reason that is none: it is that of retries.
fn retry_breaker(record: &Record) -> bool {
    let is_breaker = matches!(
        record.reason,
        Reason::CircuitBreakerConnections
            | Reason::CircuitBreakerPending
            | Reason::CircuitBreakerRequests
            | Reason::Overloaded
            | Reason::OverloadedDispatch
            | Reason::OverloadedPool
            | Reason::OverloadedConnection
    );
    record.has_flag("UO") && !is_breaker && is_request(record)
}

/// A failure is answered 200 before any byte of a back-end came: that is how calls of gRPC are told.
fn grpc_in_ok(record: &Record) -> bool {
    record.status == 200
        && record.answer.is_none()
        && record.fact(Fact::Method) == "POST"
        && !record.fact(Fact::Details).contains("after_response_started")
}

/// `certificate_expired` (RFC 8446 §6.2) is about the certificate that was shown.
fn expired(record: &Record) -> bool {
    record.reason == Reason::UpstreamTlsClientCertificateRefused
        && record.fact(Fact::Evidence).contains("\"certificate expired\" (45)")
}

fn caller_set(record: &Record) -> bool {
    matches!(record.reason, Reason::RouteTimeout | Reason::RouteTimeoutAfterHead)
        && record.fact(Fact::Evidence).contains("which the request itself asked for")
}

/// `outbound|8080||shop.default.svc.cluster.local`: both ends have their TLS from the mesh, and do not agree.
fn mesh_tls(record: &Record) -> bool {
    record.fact(Fact::Cluster).starts_with("outbound|")
        && matches!(
            record.reason,
            Reason::UpstreamSpeaksTls
                | Reason::UpstreamTlsPlain
                | Reason::UpstreamTlsClientCertificateMissing
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(reason: Reason, facts: &[(Fact, &str)], change: fn(&mut Record)) -> Vec<&'static str> {
        let mut record = Record::new(1, 2, reason);
        for (fact, text) in facts {
            record.note(*fact, text);
        }
        change(&mut record);
        record.also().map(Condition::code).collect()
    }

    #[test]
    fn facts_say_what_else_was_so() {
        let refused = Reason::ConnectRefused;
        assert_eq!(codes(refused, &[(Fact::Flags, "UF")], |_| {}), [""; 0]);
        assert_eq!(codes(refused, &[(Fact::Flags, "UF,URX")], |record| record.attempts = 3), ["P418"]);
        assert_eq!(codes(refused, &[(Fact::Flags, "UF,UO")], |_| {}), ["L703"]);
        assert_eq!(codes(Reason::CircuitBreakerPending, &[(Fact::Flags, "UO")], |_| {}), [""; 0]);
        let panic = "ROUND_ROBIN among 0 healthy of 1 host, in panic";
        assert_eq!(codes(refused, &[(Fact::Choice, panic)], |_| {}), ["H509"]);
        assert_eq!(codes(refused, &[(Fact::Method, "POST")], |record| record.status = 200), ["P419"]);
        assert_eq!(codes(refused, &[(Fact::Cluster, PASSTHROUGH)], |_| {}), ["R612"]);
        assert_eq!(codes(Reason::NoEndpoints, &[(Fact::Cluster, BLACK_HOLE)], |_| {}), ["R613"]);
        let mesh = [(Fact::Cluster, "outbound|80||shop.svc")];
        assert_eq!(codes(Reason::UpstreamSpeaksTls, &mesh, |_| {}), ["S314"]);
        assert_eq!(codes(refused, &mesh, |_| {}), [""; 0]);
        let asked = [(Fact::Evidence, "50 ms, which the request itself asked for")];
        assert_eq!(codes(Reason::RouteTimeout, &asked, |_| {}), ["O810"]);
        let said = [(Fact::Evidence, ASKED_FOR_NO_MORE)];
        assert_eq!(codes(Reason::HealthCheckServerError, &said, |_| {}), ["H512"]);
        let alert = [(Fact::Evidence, "the back-end sent the alert \"certificate expired\" (45)")];
        assert_eq!(codes(Reason::UpstreamTlsClientCertificateRefused, &alert, |_| {}), ["S308"]);
    }
}
