//! Operators about connections with TLS, of clients and to back-ends. Which of them Envoy has is in the table of
//! operators.

use causeway_model::{OperatorKind, SanKind, TimeZone, TlsFact};

use super::Command;
use super::operators::Wrong;
use super::parameters::time_format;

/// What an operator of that name is; `None` where it is about something else.
pub(super) fn operator(command: &Command<'_>) -> Result<Option<OperatorKind>, Wrong> {
    let (upstream, rest) =
        match (command.name.strip_prefix("UPSTREAM_"), command.name.strip_prefix("DOWNSTREAM_")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => return Ok(None),
        };
    let fact = match rest {
        "TLS_VERSION" => TlsFact::Version,
        "TLS_CIPHER" => TlsFact::Cipher,
        "TLS_GROUP" => TlsFact::Group,
        "TLS_SESSION_ID" => TlsFact::SessionId,
        "SERVER_NAME" => TlsFact::ServerName,
        "HANDSHAKE_DURATION" => TlsFact::HandshakeDuration,
        // Of back-ends it tells more than TLS.
        "TRANSPORT_FAILURE_REASON" if !upstream => TlsFact::FailureReason,
        "PEER_SUBJECT" => TlsFact::PeerSubject,
        "PEER_ISSUER" => TlsFact::PeerIssuer,
        "PEER_SERIAL" => TlsFact::PeerSerial,
        "PEER_FINGERPRINT_256" => TlsFact::PeerSha256,
        "PEER_FINGERPRINT_1" => TlsFact::PeerSha1,
        "PEER_ISSUER_FINGERPRINT_256" => TlsFact::PeerIssuerSha256,
        "PEER_ISSUER_SERIAL" => TlsFact::PeerIssuerSerial,
        "PEER_CHAIN_FINGERPRINTS_256" => TlsFact::PeerChainSha256,
        "PEER_CHAIN_FINGERPRINTS_1" => TlsFact::PeerChainSha1,
        "PEER_CHAIN_SERIALS" => TlsFact::PeerChainSerials,
        "PEER_CERT" => TlsFact::PeerCertificate,
        "PEER_CERT_V_START" => TlsFact::PeerValidFrom(time_format(command, TimeZone::Utc)?),
        "PEER_CERT_V_END" => TlsFact::PeerValidUntil(time_format(command, TimeZone::Utc)?),
        "LOCAL_SUBJECT" => TlsFact::LocalSubject,
        rest => {
            match (rest.strip_prefix("PEER_").and_then(names), rest.strip_prefix("LOCAL_").and_then(names)) {
                (Some(kind), _) => TlsFact::PeerNames(kind),
                (_, Some(kind)) => TlsFact::LocalNames(kind),
                (None, None) => return Ok(None),
            }
        }
    };
    Ok(Some(OperatorKind::Tls { upstream, fact }))
}

fn names(kind: &str) -> Option<SanKind> {
    Some(match kind {
        "DNS_SAN" => SanKind::Dns,
        "URI_SAN" => SanKind::Uri,
        "EMAIL_SAN" => SanKind::Email,
        "IP_SAN" => SanKind::IpAddress,
        "OTHERNAME_SAN" => SanKind::OtherName("".into()),
        _ => return None,
    })
}
