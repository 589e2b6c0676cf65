//! What operators print of the client's handshake and certificates.

use causeway_http::Known;
use causeway_model::{HostSource, NameSource, RequestedServerName, SanKind, TlsFact};
use causeway_tls::certificate::{AlternativeName, Facts, hex, pem, sha1_hex, sha256, url_encoded};

use super::View;
use super::operator::Operand;
use super::time::WallTime;
use crate::tls::TlsInfo;

/// A fact about the client's handshake; absent without TLS.
pub(super) fn fact<'a>(fact: &'a TlsFact, view: &View<'a>) -> Operand<'a> {
    let connection = view.connection;
    if *fact == TlsFact::FailureReason {
        let failure = connection.course.transport_failure.get();
        return failure.map(|words| super::operator::one_word(words)).into();
    }
    let Some(tls) = connection.tls.get() else { return Operand::Absent };
    match fact {
        // BoringSSL says so of connections on which nothing is agreed on.
        TlsFact::Version => tls.version.unwrap_or("TLSv1.2").into(),
        TlsFact::Cipher => tls.cipher.into(),
        TlsFact::Group => tls.group.into(),
        TlsFact::SessionId => tls.session_id.as_deref().map(hex).into(),
        TlsFact::FailureReason => Operand::Absent,
        TlsFact::HandshakeDuration => tls.duration.map_or(Operand::Absent, Operand::Number),
        TlsFact::LocalSubject => tls.local_facts().map(|facts| facts.subject.as_str()).into(),
        TlsFact::LocalNames(kind) => tls.local_facts().and_then(|facts| names(facts, kind)).into(),
        TlsFact::PeerSubject
        | TlsFact::PeerIssuer
        | TlsFact::PeerSerial
        | TlsFact::PeerSha256
        | TlsFact::PeerSha1
        | TlsFact::PeerIssuerSha256
        | TlsFact::PeerIssuerSerial
        | TlsFact::PeerChainSha256
        | TlsFact::PeerChainSha1
        | TlsFact::PeerChainSerials
        | TlsFact::PeerCertificate
        | TlsFact::PeerValidFrom(_)
        | TlsFact::PeerValidUntil(_)
        | TlsFact::PeerNames(_) => of_peer(fact, tls),
    }
}

fn of_peer<'a>(fact: &'a TlsFact, tls: &'a TlsInfo) -> Operand<'a> {
    let (Some(own), Some(facts)) = (tls.peer.first(), tls.peer_facts()) else { return Operand::Absent };
    let each = |value: &dyn Fn(&[u8]) -> Option<String>| {
        let values: Vec<_> = tls.peer.iter().filter_map(|certificate| value(certificate)).collect();
        Operand::from(values.join(","))
    };
    let serial = |certificate: &[u8]| Facts::of(certificate).map(|facts| facts.serial);
    match fact {
        TlsFact::PeerSubject => facts.subject.as_str().into(),
        TlsFact::PeerIssuer => facts.issuer.as_str().into(),
        TlsFact::PeerSerial => facts.serial.as_str().into(),
        TlsFact::PeerSha256 => hex(&sha256(own)).into(),
        TlsFact::PeerSha1 => sha1_hex(own).into(),
        TlsFact::PeerIssuerSha256 => tls.issuer().map(|issuer| hex(&sha256(issuer))).into(),
        TlsFact::PeerIssuerSerial => tls.issuer().and_then(|issuer| serial(issuer)).into(),
        TlsFact::PeerChainSha256 => each(&|certificate| Some(hex(&sha256(certificate)))),
        TlsFact::PeerChainSha1 => each(&|certificate| Some(sha1_hex(certificate))),
        TlsFact::PeerChainSerials => each(&serial),
        TlsFact::PeerCertificate => url_encoded(&pem(own)).into(),
        TlsFact::PeerValidFrom(format) => Operand::Time(format, WallTime::of_seconds(facts.not_before)),
        TlsFact::PeerValidUntil(format) => Operand::Time(format, WallTime::of_seconds(facts.not_after)),
        TlsFact::PeerNames(kind) => names(facts, kind).into(),
        _ => Operand::Absent,
    }
}

/// The names of one kind, with commas between them; `None` where there is none.
pub(super) fn names(facts: &Facts, kind: &SanKind) -> Option<String> {
    let pick = match kind {
        SanKind::Dns => AlternativeName::dns,
        SanKind::Uri => AlternativeName::uri,
        SanKind::Email => AlternativeName::email,
        SanKind::IpAddress => AlternativeName::ip,
        SanKind::OtherName(_) => AlternativeName::other,
    };
    let found: Vec<_> = facts.names_of(pick).collect();
    (!found.is_empty()).then(|| found.join(","))
}

/// The name that the client asked for.
pub(super) fn requested_server_name<'a>(wanted: RequestedServerName, view: &View<'a>) -> Operand<'a> {
    let request = &view.exchange.request;
    let by_handshake = || view.connection.server_name().filter(|name| !name.is_empty()).map(str::as_bytes);
    let by_request = || {
        let (original, current) = (request.get(Known::EnvoyOriginalHost), request.get(Known::Host));
        let host = match wanted.host {
            HostSource::Original => original,
            HostSource::Current => current,
            HostSource::OriginalOrCurrent => original.or(current),
        };
        host.map(without_port).filter(|host| !host.is_empty())
    };
    match wanted.name {
        NameSource::SniOnly => by_handshake(),
        NameSource::SniFirst => by_handshake().or_else(by_request),
        NameSource::HostFirst => by_request().or_else(by_handshake),
    }
    .into()
}

fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !host.ends_with(b"]") => host.get(..colon).unwrap_or(host),
        _ => host,
    }
}
