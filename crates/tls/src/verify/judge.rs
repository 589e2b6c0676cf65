//! What becomes of a certificate, whichever side shows it.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::prelude::FromDer as _;

use super::rejection::{Counter, Rejection, RejectionKind};
use super::trust::{ExpectedName, Trust};

thread_local! {
    /// Why the last handshake on this thread was refused.
    static REJECTION: RefCell<Option<Rejection>> = const { RefCell::new(None) };
}

/// Why the handshake that has just failed on this thread was refused, where it was because of a certificate. To be
/// asked at once, before another handshake goes on.
#[must_use]
pub fn take_rejection() -> Option<Rejection> {
    REJECTION.with_borrow_mut(Option::take)
}

/// What became of a certificate that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was looked at, and is trusted.
    Trusted,
    /// It is not trusted, and was taken all the same (`ACCEPT_UNTRUSTED`); this is counted.
    Tolerated(Counter),
    /// Nobody looked at it.
    Unseen,
}

/// Asks a [`Trust`]; without one, every certificate is taken. It knows the signatures that may be made as well.
pub(crate) struct Judge {
    trust: Option<Arc<Trust>>,
    schemes: Vec<SignatureScheme>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    /// One that takes these schemes of signatures alone, the best first; all that there are where there is none.
    pub(crate) fn new(trust: Option<Arc<Trust>>, schemes: &[SignatureScheme]) -> Self {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let schemes = if schemes.is_empty() { algorithms.supported_schemes() } else { schemes.to_vec() };
        Self { trust, schemes, algorithms }
    }

    /// The certificates of a peer, its own first, at this time. Why they are refused is left for
    /// [`take_rejection`].
    pub(crate) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        expected: Option<ExpectedName<'_>>,
        now: UnixTime,
    ) -> Result<Verdict, Error> {
        REJECTION.set(None);
        check_key_usage(leaf).map_err(refuse)?;
        let Some(trust) = &self.trust else { return Ok(Verdict::Unseen) };
        match trust.verify(leaf, others, expected, now) {
            Ok(()) if trust.verifies() || trust.accepts_untrusted() => Ok(Verdict::Trusted),
            Ok(()) => Ok(Verdict::Unseen),
            Err(rejection) if trust.accepts_untrusted() => Ok(Verdict::Tolerated(rejection.counter())),
            Err(rejection) => Err(refuse(rejection)),
        }
    }

    /// A signature of the peer in TLS 1.2.
    pub(crate) fn signature12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    /// The same in TLS 1.3.
    pub(crate) fn signature13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    pub(crate) fn schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("schemes", &self.schemes).finish_non_exhaustive()
    }
}

/// A certificate that has a `keyUsage` has to allow signatures, which is all it is used for (RFC 5280 §4.2.1.3).
fn check_key_usage(leaf: &CertificateDer<'_>) -> Result<(), Rejection> {
    let usage =
        x509_parser::certificate::X509Certificate::from_der(leaf).ok().and_then(|(_, certificate)| {
            certificate.key_usage().ok().flatten().map(|usage| usage.value.digital_signature())
        });
    match usage {
        Some(false) => Err(Rejection {
            kind: RejectionKind::KeyUsage,
            words: "key usage bit incorrect".to_owned(),
            evidence: "the certificate's keyUsage does not have digitalSignature".to_owned(),
        }),
        Some(true) | None => Ok(()),
    }
}

/// Leaves the refusal for whoever drives the handshake; the peer gets the alert that BoringSSL would send.
fn refuse(rejection: Rejection) -> Error {
    let error = match rejection.kind {
        RejectionKind::Expired => CertificateError::Expired,
        RejectionKind::NotYetValid => CertificateError::NotValidYet,
        RejectionKind::UnknownIssuer | RejectionKind::SelfSigned => CertificateError::UnknownIssuer,
        RejectionKind::Revoked => CertificateError::Revoked,
        RejectionKind::Purpose => CertificateError::InvalidPurpose,
        RejectionKind::NoRevocationList
        | RejectionKind::KeyUsage
        | RejectionKind::Name
        | RejectionKind::Pin
        | RejectionKind::Invalid => CertificateError::Other(OtherError(Arc::new(rejection.clone()))),
    };
    REJECTION.set(Some(rejection));
    Error::InvalidCertificate(error)
}
