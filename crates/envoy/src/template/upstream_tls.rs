//! Operators about TLS with back-ends.

use causeway_model::{SanKind, TimeZone, TlsPart};

use super::Command;
use super::operators::Wrong;
use super::parameters::time_format;

/// What an operator of that name tells; `None` where it is about something else.
pub(super) fn part(command: &Command<'_>) -> Result<Option<TlsPart>, Wrong> {
    Ok(Some(match command.name {
        "UPSTREAM_TLS_VERSION" => TlsPart::Version,
        "UPSTREAM_TLS_CIPHER" => TlsPart::Cipher,
        "UPSTREAM_TLS_GROUP" => TlsPart::Group,
        "UPSTREAM_SERVER_NAME" => TlsPart::ServerName,
        "UPSTREAM_PEER_SUBJECT" => TlsPart::PeerSubject,
        "UPSTREAM_PEER_ISSUER" => TlsPart::PeerIssuer,
        "UPSTREAM_PEER_CERT" => TlsPart::PeerCertificate,
        "UPSTREAM_PEER_DNS_SAN" => TlsPart::PeerNames(SanKind::Dns),
        "UPSTREAM_PEER_URI_SAN" => TlsPart::PeerNames(SanKind::Uri),
        "UPSTREAM_PEER_IP_SAN" => TlsPart::PeerNames(SanKind::IpAddress),
        "UPSTREAM_PEER_CERT_V_START" => TlsPart::PeerStart(time_format(command, TimeZone::Utc)?),
        "UPSTREAM_PEER_CERT_V_END" => TlsPart::PeerEnd(time_format(command, TimeZone::Utc)?),
        "UPSTREAM_LOCAL_DNS_SAN" => TlsPart::LocalNames(SanKind::Dns),
        "UPSTREAM_LOCAL_URI_SAN" => TlsPart::LocalNames(SanKind::Uri),
        "UPSTREAM_LOCAL_IP_SAN" => TlsPart::LocalNames(SanKind::IpAddress),
        _ => return Ok(None),
    }))
}
