//! What rustls asks about the certificates of a peer.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
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

/// What handshakes came to that nobody else is told of. It is shared by all connections of a context.
#[derive(Debug, Default)]
pub struct Tally {
    /// Certificates that were not trusted and taken all the same, by counter.
    errors: AtomicU64,
    names: AtomicU64,
    hashes: AtomicU64,
    /// Signatures of peers, by scheme.
    signatures: [AtomicU64; SCHEMES.len()],
}

/// Schemes of signatures that are verified, and their names in statistics.
const SCHEMES: &[(SignatureScheme, &str)] = &[
    (SignatureScheme::ECDSA_NISTP256_SHA256, "ecdsa_secp256r1_sha256"),
    (SignatureScheme::RSA_PSS_SHA256, "rsa_pss_rsae_sha256"),
    (SignatureScheme::RSA_PKCS1_SHA256, "rsa_pkcs1_sha256"),
    (SignatureScheme::ECDSA_NISTP384_SHA384, "ecdsa_secp384r1_sha384"),
    (SignatureScheme::RSA_PSS_SHA384, "rsa_pss_rsae_sha384"),
    (SignatureScheme::RSA_PKCS1_SHA384, "rsa_pkcs1_sha384"),
    (SignatureScheme::RSA_PSS_SHA512, "rsa_pss_rsae_sha512"),
    (SignatureScheme::RSA_PKCS1_SHA512, "rsa_pkcs1_sha512"),
    (SignatureScheme::ECDSA_NISTP521_SHA512, "ecdsa_secp521r1_sha512"),
    (SignatureScheme::ED25519, "ed25519"),
];

impl Tally {
    /// What has come together since the last time, for statistics: counters, and schemes of signatures by name.
    pub fn drain(&self, mut failed: impl FnMut(Counter, u64), mut signed: impl FnMut(&'static str, u64)) {
        for (counter, count) in [
            (Counter::VerifyError, &self.errors),
            (Counter::Name, &self.names),
            (Counter::CertificateHash, &self.hashes),
        ] {
            match count.swap(0, Ordering::Relaxed) {
                0 => {}
                count => failed(counter, count),
            }
        }
        for ((_, name), count) in SCHEMES.iter().zip(&self.signatures) {
            match count.swap(0, Ordering::Relaxed) {
                0 => {}
                count => signed(name, count),
            }
        }
    }

    fn count(&self, counter: Counter) {
        let count = match counter {
            Counter::VerifyError | Counter::ConnectionError => &self.errors,
            Counter::Name => &self.names,
            Counter::CertificateHash => &self.hashes,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn signed(&self, scheme: SignatureScheme) {
        let known = SCHEMES.iter().zip(&self.signatures).find(|((known, _), _)| *known == scheme);
        if let Some((_, count)) = known {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Asks a [`Trust`] on behalf of rustls; without one, every certificate is taken.
pub struct Verifier {
    trust: Option<Arc<Trust>>,
    /// How the name is found that the certificate has to bear in place of the configured ones.
    expected: Expected,
    /// Clients: whether they need a certificate.
    mandatory: bool,
    /// Clients: whose certificates are wanted.
    subjects: Vec<DistinguishedName>,
    schemes: Vec<SignatureScheme>,
    algorithms: WebPkiSupportedAlgorithms,
    tally: Arc<Tally>,
}

/// Which name a certificate has to bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// None.
    Configured,
    /// The one that was asked for, in place of the configured ones.
    ServerName,
    /// This one, beside the configured ones.
    Name(Box<str>),
}

impl Verifier {
    /// For back-ends.
    #[must_use]
    pub fn of_servers(trust: Option<Arc<Trust>>, expected: Expected, tally: Arc<Tally>) -> Self {
        Self::new(trust, expected, tally)
    }

    /// For clients: whether they need a certificate, and whether they are told whose are wanted.
    #[must_use]
    pub fn of_clients(trust: Option<Arc<Trust>>, mandatory: bool, tell: bool, tally: Arc<Tally>) -> Self {
        let subjects = trust.as_ref().filter(|_| tell).map(|trust| trust.subjects()).unwrap_or_default();
        let subjects = subjects.into_iter().map(DistinguishedName::from).collect();
        Self { mandatory, subjects, ..Self::new(trust, Expected::Configured, tally) }
    }

    fn new(trust: Option<Arc<Trust>>, expected: Expected, tally: Arc<Tally>) -> Self {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self {
            trust,
            expected,
            mandatory: false,
            subjects: Vec::new(),
            schemes: algorithms.supported_schemes(),
            algorithms,
            tally,
        }
    }

    /// The same, with these schemes of signatures alone, the best first.
    #[must_use]
    pub fn with_schemes(mut self, schemes: Vec<SignatureScheme>) -> Self {
        if !schemes.is_empty() {
            self.schemes = schemes;
        }
        self
    }

    /// What handshakes came to.
    #[must_use]
    pub const fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: Option<&str>,
        now: UnixTime,
    ) -> Result<(), Error> {
        REJECTION.set(None);
        check_key_usage(leaf).map_err(refuse)?;
        let Some(trust) = &self.trust else { return Ok(()) };
        let expected = match &self.expected {
            Expected::Configured => None,
            Expected::ServerName => name.map(ExpectedName::AskedFor),
            Expected::Name(name) => Some(ExpectedName::OfRequest(name)),
        };
        match trust.verify(leaf, others, expected, now) {
            Ok(()) => Ok(()),
            Err(rejection) if trust.accepts_untrusted() => {
                self.tally.count(rejection.counter());
                Ok(())
            }
            Err(rejection) => Err(refuse(rejection)),
        }
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

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("expected", &self.expected).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        self.verify(end_entity, intermediates, name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.tally.signed(dss.scheme);
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.tally.signed(dss.scheme);
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl ClientCertVerifier for Verifier {
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
        self.verify(end_entity, intermediates, None, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
