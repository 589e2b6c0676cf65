//! What templates print of connections with TLS.

use crate::{SanKind, TimeFormat};

/// What is known of a connection with TLS. The docs name Envoy's operators without `DOWNSTREAM_` and `UPSTREAM_`; Envoy
/// has fewer of them for back-ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFact {
    /// `TLS_VERSION`.
    Version,
    /// `TLS_CIPHER`.
    Cipher,
    /// `TLS_GROUP`.
    Group,
    /// `TLS_SESSION_ID`; of clients alone.
    SessionId,
    /// `SERVER_NAME`: the name that a back-end is asked for.
    ServerName,
    /// `HANDSHAKE_DURATION`: milliseconds; of clients alone.
    HandshakeDuration,
    /// `TRANSPORT_FAILURE_REASON`; here of clients alone.
    FailureReason,
    /// `PEER_SUBJECT`.
    PeerSubject,
    /// `PEER_ISSUER`.
    PeerIssuer,
    /// `PEER_SERIAL`.
    PeerSerial,
    /// `PEER_FINGERPRINT_256`.
    PeerSha256,
    /// `PEER_FINGERPRINT_1`.
    PeerSha1,
    /// `PEER_ISSUER_FINGERPRINT_256`: of the certificate behind the peer's own.
    PeerIssuerSha256,
    /// `PEER_ISSUER_SERIAL`.
    PeerIssuerSerial,
    /// `PEER_CHAIN_FINGERPRINTS_256`: of all, with commas between them.
    PeerChainSha256,
    /// `PEER_CHAIN_FINGERPRINTS_1`.
    PeerChainSha1,
    /// `PEER_CHAIN_SERIALS`.
    PeerChainSerials,
    /// `PEER_CERT`: PEM, percent-encoded.
    PeerCertificate,
    /// `PEER_CERT_V_START(FORMAT)`.
    PeerValidFrom(TimeFormat),
    /// `PEER_CERT_V_END(FORMAT)`.
    PeerValidUntil(TimeFormat),
    /// `PEER_URI_SAN` and the like: alternative names of the peer's certificate, with commas between them.
    PeerNames(SanKind),
    /// `LOCAL_SUBJECT`: of the certificate that the peer was shown.
    LocalSubject,
    /// `LOCAL_URI_SAN` and the like.
    LocalNames(SanKind),
}
