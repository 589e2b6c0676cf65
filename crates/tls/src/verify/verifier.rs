//! What rustls asks about the certificates of back-ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::judge::{Judge, Verdict};
use super::rejection::Counter;
use super::trust::{ExpectedName, Trust};

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
#[derive(Debug)]
pub struct Verifier {
    judge: Judge,
    /// How the name is found that the certificate has to bear in place of the configured ones.
    expected: Expected,
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
    /// One that takes these schemes of signatures alone, the best first; all that there are where there is none.
    #[must_use]
    pub fn new(
        trust: Option<Arc<Trust>>,
        expected: Expected,
        schemes: &[SignatureScheme],
        tally: Arc<Tally>,
    ) -> Self {
        Self { judge: Judge::new(trust, schemes), expected, tally }
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
        let expected = match (&self.expected, server_name) {
            (Expected::ServerName, ServerName::DnsName(name)) => Some(ExpectedName::AskedFor(name.as_ref())),
            (Expected::Name(name), _) => Some(ExpectedName::OfRequest(name)),
            (Expected::Configured | Expected::ServerName, _) => None,
        };
        if let Verdict::Tolerated(counter) = self.judge.judge(end_entity, intermediates, expected, now)? {
            self.tally.count(counter);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.tally.signed(dss.scheme);
        self.judge.signature12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.tally.signed(dss.scheme);
        self.judge.signature13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.schemes()
    }
}
