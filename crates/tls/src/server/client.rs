//! What rustls asks about the certificates of clients. Much of the answer is noted for whoever drives the handshake.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::noted::note;
use crate::verify::{Judge, Trust};

/// Asks a [`Judge`], and notes what it says.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    judge: Judge,
    /// Whether clients need a certificate.
    mandatory: bool,
    /// Whose certificates are wanted.
    subjects: Vec<DistinguishedName>,
}

impl ClientVerifier {
    /// One that takes these schemes of signatures alone. Without a trust, clients are asked for certificates that nobody
    /// looks at; they are told whose are wanted only where `tell` says so.
    pub(super) fn new(
        trust: Option<Arc<Trust>>,
        mandatory: bool,
        tell: bool,
        schemes: &[SignatureScheme],
    ) -> Self {
        let subjects = trust.as_ref().filter(|_| tell).map(|trust| trust.subjects()).unwrap_or_default();
        let subjects = subjects.into_iter().map(DistinguishedName::from).collect();
        Self { judge: Judge::new(trust, schemes), mandatory, subjects }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.judge.judge(end_entity, intermediates, None, now).inspect_err(|_| {
            let shown = std::iter::once(end_entity).chain(intermediates);
            let shown = shown.map(|one| one.clone().into_owned()).collect();
            note(|noted| noted.refused = shown);
        })?;
        note(|noted| noted.verdict = Some(verdict));
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note(|noted| noted.signature = Some(dss.scheme));
        self.judge.signature12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note(|noted| noted.signature = Some(dss.scheme));
        self.judge.signature13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.schemes()
    }
}
