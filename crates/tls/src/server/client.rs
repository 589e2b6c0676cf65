//! What rustls asks about the certificates of clients. Much of the answer is noted for whoever drives the handshake.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::noted::{Verdict, note};
use crate::verify::{Trust, Verifier};

/// Asks a [`Verifier`], and notes what it says.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) verifier: Verifier,
    /// Without one, clients are asked for certificates that nobody looks at.
    pub(super) trust: Option<Arc<Trust>>,
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        ClientCertVerifier::client_auth_mandatory(&self.verifier)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let taken = self.verifier.verify_client_cert(end_entity, intermediates, now)?;
        let verdict = match &self.trust {
            Some(trust) if trust.accepts_untrusted() => {
                match trust.verify(end_entity, intermediates, None, now) {
                    Ok(()) => Verdict::Trusted,
                    Err(rejection) => Verdict::Tolerated(rejection.counter()),
                }
            }
            Some(trust) if trust.verifies() => Verdict::Trusted,
            Some(_) | None => Verdict::Unseen,
        };
        note(|noted| noted.verdict = Some(verdict));
        Ok(taken)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note(|noted| noted.signature = Some(dss.scheme));
        ClientCertVerifier::verify_tls12_signature(&self.verifier, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note(|noted| noted.signature = Some(dss.scheme));
        ClientCertVerifier::verify_tls13_signature(&self.verifier, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ClientCertVerifier::supported_verify_schemes(&self.verifier)
    }
}
