//! What is known of a client from its handshake.

use std::cell::OnceCell;
use std::sync::Arc;

use causeway_tls::certificate::{self, Facts};
use causeway_tls::identity::{Authorities, Identity};
use causeway_tls::names;
use causeway_tls::server::{Hello, Noted};
use causeway_tls::verify::Verdict;
use rustls::pki_types::CertificateDer;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

/// What is known of a client from its handshake, whether or not that came to an end.
#[derive(Debug, Default)]
pub(crate) struct TlsInfo {
    /// `TLSv1.3`; `None` while nothing is agreed on.
    pub(crate) version: Option<&'static str>,
    /// The cipher suite, as OpenSSL calls it.
    pub(crate) cipher: Option<&'static str>,
    /// The group of the key exchange, as BoringSSL calls it.
    pub(crate) group: Option<&'static str>,
    /// The id of the session: in TLS 1.2, where there is no ticket in its place, or where the session was taken up again.
    pub(crate) session_id: Option<Box<[u8]>>,
    /// How long the handshake took, in milliseconds.
    pub(crate) duration: Option<u64>,
    /// The name that the client asked for, in lower case.
    pub(crate) server_name: Option<Box<str>>,
    /// The application protocol that was agreed on.
    pub(crate) alpn: Option<Box<[u8]>>,
    /// The certificate that the client was shown.
    pub(crate) local: Option<Arc<Identity>>,
    /// The client's certificates, its own first.
    pub(crate) peer: Box<[CertificateDer<'static>]>,
    /// Those who are trusted, where the client's certificate has been looked at.
    pub(super) authorities: Option<Arc<Authorities>>,
    /// Somebody has looked at the client's certificate, and it is trusted.
    pub(crate) validated: bool,
    /// What the client's own certificate says, once somebody has asked.
    facts: OnceCell<Option<Box<Facts>>>,
}

impl TlsInfo {
    /// Takes in what both sides have agreed on so far, of what the client said first and what was noted since.
    pub(super) fn learn(&mut self, session: &CommonState, hello: &Hello, noted: &Noted) {
        self.version = session.protocol_version().map(names::version);
        self.cipher = session.negotiated_cipher_suite().map(|suite| names::cipher(suite.suite()));
        self.group = session.negotiated_key_exchange_group().map(|group| names::curve(group.name()));
        self.alpn = session.alpn_protocol().map(Into::into);
        self.peer = session.peer_certificates().unwrap_or(&noted.refused).into();
        // As with Envoy, nobody looks again at the certificate of a session that is taken up again.
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        self.validated = !resumed && noted.verdict == Some(Verdict::Trusted);
        let own = noted.session_id.filter(|_| !noted.ticketed).map(Box::from);
        let id = if resumed { Some(hello.session_id.clone()) } else { own };
        self.session_id = id.filter(|_| session.protocol_version() == Some(ProtocolVersion::TLSv1_2));
    }

    /// What the client's own certificate says; `None` where it has none.
    pub(crate) fn peer_facts(&self) -> Option<&Facts> {
        let read = || self.peer.first().and_then(|own| Facts::of(own)).map(Box::new);
        self.facts.get_or_init(read).as_deref()
    }

    /// The certificate of whoever signed the client's own: one that the client has shown as well, or one that is
    /// trusted.
    pub(crate) fn issuer(&self) -> Option<&CertificateDer<'static>> {
        let issuer = &self.peer_facts()?.issuer;
        let shown = self.peer.get(1).filter(|_| self.validated);
        shown.or_else(|| self.authorities.as_ref()?.named(issuer))
    }

    /// What the certificate that the client was shown says.
    pub(crate) fn local_facts(&self) -> Option<&Facts> {
        self.local.as_ref()?.facts.first()
    }

    /// SHA-256 of the client's own certificate in lower-case hex.
    pub(crate) fn peer_sha256(&self) -> Option<String> {
        self.peer.first().map(|own| certificate::hex(&certificate::sha256(own)))
    }
}
