//! What operators print of connections with TLS and of certificates.

use std::borrow::Cow;

use causeway_http::Known;
use causeway_inspect::tls::name_of;
use causeway_model::{HostSource, NameSource, RequestedServerName, SanKind, TlsFact};
use causeway_tls::certificate::{AlternativeName, Facts, hex, pem, sha1_hex, sha256, url_encoded};
use rustls::pki_types::CertificateDer;

use super::View;
use super::operator::Operand;
use super::time::WallTime;
use crate::connect::TlsFacts;
use crate::exchange::Subject;
use crate::tls::TlsInfo;

/// What is known of a connection with TLS.
#[derive(Clone, Copy)]
enum Shaken<'a> {
    Client(&'a TlsInfo),
    BackEnd(&'a TlsFacts),
}

impl<'a> Shaken<'a> {
    /// The peer's certificates, its own first.
    fn chain(self) -> &'a [CertificateDer<'static>] {
        match self {
            Self::Client(tls) => &tls.peer,
            Self::BackEnd(tls) => tls.peer.as_slice(),
        }
    }

    /// What the peer's own certificate says. Those of back-ends are read here, so that only logs that ask for them pay
    /// for it.
    fn peer(self) -> Option<Cow<'a, Facts>> {
        match self {
            Self::Client(tls) => tls.peer_facts().map(Cow::Borrowed),
            Self::BackEnd(tls) => Facts::of(tls.peer.as_ref()?).map(Cow::Owned),
        }
    }

    /// What the certificate says that the peer was shown.
    fn local(self) -> Option<&'a Facts> {
        match self {
            Self::Client(tls) => tls.local_facts(),
            Self::BackEnd(tls) => tls.identity.as_ref()?.facts.first(),
        }
    }

    /// The certificate of whoever signed the peer's.
    fn issuer(self) -> Option<&'a CertificateDer<'static>> {
        match self {
            Self::Client(tls) => tls.issuer(),
            Self::BackEnd(_) => None,
        }
    }
}

/// What the TLS inspector of Envoy says of a connection that does not begin with a ClientHello.
fn without_tls(number: u16) -> String {
    let (code, name) = (0x1000_0000 + u32::from(number), name_of(number));
    format!("TLS_error|error:{code:08x}:SSL_routines:OPENSSL_internal:{name}:TLS_error_end")
}

/// A fact about the connection of the client, or the one to the back-end; absent without TLS.
pub(super) fn fact<'a>(upstream: bool, fact: &'a TlsFact, view: &View<'a>) -> Operand<'a> {
    if *fact == TlsFact::FailureReason {
        let Some(ending) = view.connection.course.known_ending() else { return Operand::Absent };
        if let Some(words) = ending.transport_failure.get() {
            return super::operator::one_word(words).into();
        }
        // What listener filters find out is told of the connection, and not of its requests.
        let no_tls = ending.no_tls.get().filter(|_| view.exchange.facts.subject != Subject::Request);
        return no_tls.map(without_tls).into();
    }
    let shaken = if upstream {
        view.exchange.facts.upstream_tls.as_deref().map(Shaken::BackEnd)
    } else {
        view.connection.tls.get().map(|tls| Shaken::Client(tls))
    };
    let Some(shaken) = shaken else { return Operand::Absent };
    match (fact, shaken) {
        // BoringSSL says so of connections on which nothing is agreed on.
        (TlsFact::Version, Shaken::Client(tls)) => tls.version.unwrap_or("TLSv1.2").into(),
        (TlsFact::Version, Shaken::BackEnd(tls)) => tls.version.into(),
        (
            TlsFact::Cipher,
            Shaken::Client(TlsInfo { cipher, .. }) | Shaken::BackEnd(TlsFacts { cipher, .. }),
        ) => (*cipher).into(),
        (TlsFact::Group, Shaken::Client(TlsInfo { group, .. }) | Shaken::BackEnd(TlsFacts { group, .. })) => {
            (*group).into()
        }
        (TlsFact::SessionId, Shaken::Client(tls)) => tls.session_id.as_deref().map(hex).into(),
        // Envoy knows it of requests.
        (TlsFact::HandshakeDuration, Shaken::Client(tls)) => match view.exchange.facts.subject {
            Subject::Request | Subject::Client => tls.duration.map_or(Operand::Absent, Operand::Number),
            Subject::Connection | Subject::RefusedConnection => Operand::Absent,
        },
        (TlsFact::ServerName, Shaken::BackEnd(tls)) => present(Cow::Borrowed(&*tls.server_name)),
        (TlsFact::SessionId | TlsFact::HandshakeDuration, Shaken::BackEnd(_))
        | (TlsFact::ServerName, Shaken::Client(_))
        | (TlsFact::FailureReason, _) => Operand::Absent,
        (TlsFact::LocalSubject, _) => {
            shaken.local().map_or(Operand::Absent, |facts| present(Cow::Borrowed(&facts.subject)))
        }
        (TlsFact::LocalNames(kind), _) => shaken.local().and_then(|facts| names(facts, kind)).into(),
        (
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
            | TlsFact::PeerNames(_),
            _,
        ) => of_peer(fact, shaken),
    }
}

fn of_peer<'a>(fact: &'a TlsFact, shaken: Shaken<'a>) -> Operand<'a> {
    let chain = shaken.chain();
    let Some(own) = chain.first() else { return Operand::Absent };
    let each = |value: &dyn Fn(&[u8]) -> Option<String>| {
        let values: Vec<_> = chain.iter().filter_map(|certificate| value(certificate)).collect();
        Operand::from(values.join(","))
    };
    let serial = |certificate: &[u8]| Facts::of(certificate).map(|facts| facts.serial);
    // What needs no look into the certificate.
    match fact {
        TlsFact::PeerSha256 => return hex(&sha256(own)).into(),
        TlsFact::PeerSha1 => return sha1_hex(own).into(),
        TlsFact::PeerIssuerSha256 => return shaken.issuer().map(|issuer| hex(&sha256(issuer))).into(),
        TlsFact::PeerIssuerSerial => return shaken.issuer().and_then(|issuer| serial(issuer)).into(),
        TlsFact::PeerChainSha256 => return each(&|certificate| Some(hex(&sha256(certificate)))),
        TlsFact::PeerChainSha1 => return each(&|certificate| Some(sha1_hex(certificate))),
        TlsFact::PeerChainSerials => return each(&serial),
        TlsFact::PeerCertificate => return url_encoded(&pem(own)).into(),
        _ => {}
    }
    let Some(facts) = shaken.peer() else { return Operand::Absent };
    let text = |pick: fn(&Facts) -> &String| match &facts {
        Cow::Borrowed(facts) => present(Cow::Borrowed(pick(facts))),
        Cow::Owned(facts) => present(Cow::Owned(pick(facts).clone())),
    };
    match fact {
        TlsFact::PeerSubject => text(|facts| &facts.subject),
        TlsFact::PeerIssuer => text(|facts| &facts.issuer),
        TlsFact::PeerSerial => text(|facts| &facts.serial),
        TlsFact::PeerValidFrom(format) => Operand::Time(format, WallTime::of_seconds(facts.not_before)),
        TlsFact::PeerValidUntil(format) => Operand::Time(format, WallTime::of_seconds(facts.not_after)),
        TlsFact::PeerNames(kind) => names(&facts, kind).into(),
        _ => Operand::Absent,
    }
}

/// A text; an empty one is as good as none, as with Envoy.
fn present(text: Cow<'_, str>) -> Operand<'_> {
    match text {
        text if text.is_empty() => Operand::Absent,
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    }
}

/// The names of one kind, with commas between them; `None` where there is none.
fn names(facts: &Facts, kind: &SanKind) -> Option<String> {
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
        // To a log of an attempt that came to no connection, the request is not known.
        if view.exchange.facts.attempt && view.exchange.facts.connect_end.is_none() {
            return None;
        }
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
