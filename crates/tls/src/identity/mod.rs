//! Identities: a certificate, those that lead from it to an authority, and the private key.

mod der;
mod encrypted;
mod ocsp;

use std::fmt;
use std::sync::Arc;

use causeway_model::{CertificateValidation, TlsCertificate};
use rustls::SignatureScheme;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::certificate::Facts;
use crate::source::{self, Unreadable};

pub use encrypted::EncryptedKeyError;
pub use ocsp::{OcspError, OcspStaple};

/// A certificate with its key, ready to be shown.
#[derive(Debug)]
pub struct Identity {
    /// As rustls uses it, without an OCSP response.
    pub key: Arc<CertifiedKey>,
    /// The same with the OCSP response, where there is one.
    pub stapled: Option<Arc<CertifiedKey>>,
    /// What its certificates say, its own first.
    pub facts: Vec<Facts>,
    /// What kind of key it is.
    pub kind: KeyKind,
    /// The OCSP response.
    pub ocsp: Option<OcspStaple>,
    /// Whether the certificate demands one (RFC 7633).
    pub must_staple: bool,
    /// Where the certificate comes from, for people.
    pub path: String,
}

/// Kinds of keys, as far as the choice between certificates depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA, which signs in this way.
    Ecdsa(SignatureScheme),
    /// Anything newer.
    Other,
}

/// Why a certificate can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityError {
    /// A file can't be read.
    Unreadable(Unreadable),
    /// There is no certificate in it.
    NoCertificate(String),
    /// There is something that should be a certificate, and is none.
    BadCertificate(String),
    /// There is no private key in it.
    NoKey(String),
    /// The private key is encrypted, and can't be decrypted.
    EncryptedKey(String, EncryptedKeyError),
    /// There is something that should be a private key, and is none that can be used.
    BadKey(String, String),
    /// The key is that of another certificate.
    Mismatch {
        /// Where the certificate comes from.
        certificate: String,
        /// Where the key comes from.
        key: String,
    },
    /// The OCSP response can't be used.
    Ocsp(String, OcspError),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NoCertificate(path) => {
                write!(f, "`{path}` holds no certificate (PEM, `BEGIN CERTIFICATE`)")
            }
            Self::BadCertificate(path) => write!(f, "a certificate in `{path}` is broken"),
            Self::NoKey(path) => write!(f, "`{path}` holds no private key (PEM, `BEGIN PRIVATE KEY`)"),
            Self::EncryptedKey(path, error) => write!(f, "the private key in `{path}` {error}"),
            Self::BadKey(path, why) => write!(f, "the private key in `{path}` can't be used: {why}"),
            Self::Mismatch { certificate, key } => {
                write!(f, "the private key in `{key}` does not belong to the certificate in `{certificate}`")
            }
            Self::Ocsp(path, error) => write!(f, "the OCSP response in `{path}` can't be used: {error}"),
        }
    }
}

impl From<Unreadable> for IdentityError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl Identity {
    /// Reads a certificate and all that belongs to it.
    ///
    /// # Errors
    ///
    /// Where something is missing, can't be read, or does not belong together.
    pub fn load(config: &TlsCertificate) -> Result<Self, IdentityError> {
        let path = source::shown(config.chain.as_ref());
        let key_path = source::shown(config.private_key.as_ref());
        let chain = config.chain.as_ref().ok_or_else(|| IdentityError::NoCertificate(path.clone()))?;
        let chain = certificates(&source::read(chain)?, &path)?;
        let key = config.private_key.as_ref().ok_or_else(|| IdentityError::NoKey(key_path.clone()))?;
        let password = config.password.as_ref().map(source::read).transpose()?;
        let key = private_key(&source::read(key)?, password.as_deref(), &key_path)?;
        let facts: Option<Vec<_>> = chain.iter().map(|certificate| Facts::of(certificate)).collect();
        let facts = facts.ok_or_else(|| IdentityError::BadCertificate(path.clone()))?;
        let first = chain.first().ok_or_else(|| IdentityError::NoCertificate(path.clone()))?;
        let (_, parsed) =
            X509Certificate::from_der(first).map_err(|_| IdentityError::BadCertificate(path.clone()))?;
        if key.public_key().is_none_or(|public| *public != *parsed.public_key().raw) {
            return Err(IdentityError::Mismatch { certificate: path, key: key_path });
        }
        let must_staple = ocsp::must_staple(&parsed);
        let ocsp = match &config.ocsp_staple {
            Some(staple) => Some((source::shown(Some(staple)), source::read(staple)?)),
            None => None,
        };
        // A file without anything is as good as none, as with Envoy.
        let ocsp = match ocsp.filter(|(_, response)| !response.is_empty()) {
            Some((shown, response)) => {
                let read = OcspStaple::read(&response, &parsed);
                Some(read.map_err(|error| IdentityError::Ocsp(shown, error))?)
            }
            None => None,
        };
        let kind = kind_of(&*key);
        let certified = CertifiedKey::new(chain, key);
        let stapled = ocsp.as_ref().map(|ocsp| {
            let mut certified = certified.clone();
            certified.ocsp = Some(ocsp.response.clone());
            Arc::new(certified)
        });
        Ok(Self { key: Arc::new(certified), stapled, facts, kind, ocsp, must_staple, path })
    }

    /// Names of servers that the certificate is for, in lower case: those in `subjectAltName`, or the common name
    /// where it has none of them.
    #[must_use]
    pub fn server_names(&self) -> Vec<String> {
        let Some(own) = self.facts.first() else { return Vec::new() };
        let mut names: Vec<_> = own
            .names_of(crate::certificate::AlternativeName::dns)
            .map(|name| name.to_ascii_lowercase())
            .collect();
        if names.is_empty() {
            names.extend(own.common_name.as_ref().map(|name| name.to_ascii_lowercase()));
        }
        names
    }

    /// Whether its key is one for ECDSA.
    #[must_use]
    pub const fn is_ecdsa(&self) -> bool {
        matches!(self.kind, KeyKind::Ecdsa(_))
    }

    /// When the first of its certificates ends to be valid, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.facts.iter().map(|facts| facts.not_after).min().unwrap_or(i64::MAX)
    }
}

/// Certificates of those who are trusted, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities {
    /// What they say.
    pub facts: Vec<Facts>,
    /// Where they come from.
    pub path: String,
    /// They themselves, as many as `facts`.
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// The authorities of a validation context. What can't be read is left out: whoever verifies says so.
    #[must_use]
    pub fn of(validation: &CertificateValidation) -> Self {
        let Some(source) = &validation.trusted_ca else { return Self::default() };
        let path = source::shown(Some(source));
        let found = source::read(source).ok().and_then(|pem| certificates(&pem, &path).ok());
        let known = |certificate: CertificateDer<'static>| Some((Facts::of(&certificate)?, certificate));
        let (facts, certificates) = found.into_iter().flatten().filter_map(known).unzip();
        Self { facts, path, certificates }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, subject: &str) -> Option<&CertificateDer<'static>> {
        let at = self.facts.iter().position(|facts| facts.subject == subject)?;
        self.certificates.get(at)
    }
}

/// All certificates in a text, the first of which is the one that the rest leads up from.
///
/// # Errors
///
/// Where there is none, or one of them is broken.
pub fn certificates(pem: &[u8], path: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(IdentityError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
        Err(_) => Err(IdentityError::BadCertificate(path.to_owned())),
    }
}

/// The first private key in a text: PKCS #8, PKCS #1 or SEC 1, or PKCS #8 encrypted.
fn private_key(
    pem: &[u8],
    password: Option<&[u8]>,
    path: &str,
) -> Result<Arc<dyn SigningKey>, IdentityError> {
    let bad = |why: String| IdentityError::BadKey(path.to_owned(), why);
    let key = if encrypted::is_encrypted(pem) {
        encrypted::decrypt(pem, password)
            .map_err(|error| IdentityError::EncryptedKey(path.to_owned(), error))?
    } else {
        match PrivateKeyDer::from_pem_slice(pem) {
            Ok(key) => key,
            Err(rustls_pki_types::pem::Error::NoItemsFound) => {
                return Err(IdentityError::NoKey(path.to_owned()));
            }
            Err(error) => return Err(bad(format!("{error:?}"))),
        }
    };
    rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|_| bad("it is neither RSA with at least 2048 bits nor ECDSA nor Ed25519".to_owned()))
}

fn kind_of(key: &dyn SigningKey) -> KeyKind {
    match key.algorithm() {
        rustls::SignatureAlgorithm::RSA => KeyKind::Rsa,
        rustls::SignatureAlgorithm::ECDSA => {
            let schemes = [
                SignatureScheme::ECDSA_NISTP256_SHA256,
                SignatureScheme::ECDSA_NISTP384_SHA384,
                SignatureScheme::ECDSA_NISTP521_SHA512,
            ];
            let own = schemes.into_iter().find(|scheme| key.choose_scheme(&[*scheme]).is_some());
            own.map_or(KeyKind::Other, KeyKind::Ecdsa)
        }
        _ => KeyKind::Other,
    }
}
