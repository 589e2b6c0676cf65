//! A validation context, loaded.

use std::fmt;
use std::sync::Arc;

use causeway_model::{CertificateValidation, DataSource, SanMatcher};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::chain::Ladder;
use super::names;
use super::rejection::{Rejection, RejectionKind};
use super::revocation::Lists;
use crate::certificate::{AlternativeName, Facts, sha256};

/// What the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A client that connected to a listener.
    Client,
    /// A back-end.
    Server,
}

/// A name that a certificate has to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedName<'a> {
    /// The one that was asked for, in place of the names that are configured (`auto_sni_san_validation`).
    AskedFor(&'a str),
    /// The host of the request, beside the names that are configured (`auto_san_validation`).
    OfRequest(&'a str),
}

/// Whom to trust, with everything that was read from files.
#[derive(Debug)]
pub struct Trust {
    role: Role,
    /// Certificates that are trusted; none where nobody asked for a chain.
    roots: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    /// Whether there has to be a way to one of those.
    verify_chain: bool,
    /// Lists of revoked certificates, where those are looked for.
    revoked: Option<Lists>,
    only_leaf: bool,
    hashes: Vec<[u8; 32]>,
    spki_hashes: Vec<[u8; 32]>,
    names: Vec<SanMatcher>,
    accept_untrusted: bool,
    allow_expired: bool,
    max_depth: Option<u32>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate above another.
struct Above {
    key: SubjectPublicKeyInfoDer<'static>,
    /// What the peer sent; of the trusted one only the key counts.
    certificate: Option<CertificateDer<'static>>,
}

/// Why a validation context can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// A file can't be read.
    Unreadable {
        /// Its path.
        path: Arc<str>,
        /// Why not.
        why: String,
    },
    /// What was read is of no use.
    Unusable {
        /// The path, or `<inline>`.
        source: Arc<str>,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, why } => write!(f, "can't read `{path}`: {why}"),
            Self::Unusable { source, why } => write!(f, "`{source}` {why}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Trust {
    /// Reads what the context names.
    ///
    /// # Errors
    ///
    /// Where a file can't be read, and where it holds no certificate.
    pub fn load(config: &CertificateValidation, role: Role) -> Result<Self, LoadError> {
        let mut roots = Vec::new();
        if let Some(source) = &config.trusted_ca {
            roots.extend(certificates(source)?);
        } else if config.system_root_certs {
            roots.extend(system_roots()?);
        }
        // What can't be an anchor for others may still be the peer's own.
        let anchors = roots
            .iter()
            .filter_map(|root| Some(webpki::anchor_from_trusted_cert(root).ok()?.to_owned()))
            .collect();
        let revoked = match &config.crl {
            // A list that can't be read revokes nothing, and is then missing: as in Envoy, nobody is trusted.
            Some(source) => Some(Lists::read(&read(source)?)),
            None => None,
        };
        Ok(Self {
            role,
            verify_chain: config.trusted_ca.is_some() || config.system_root_certs,
            roots,
            anchors,
            revoked,
            only_leaf: config.only_verify_leaf_cert_crl,
            hashes: config.certificate_hashes.clone(),
            spki_hashes: config.spki_hashes.clone(),
            names: config.subject_alt_names.clone(),
            accept_untrusted: config.accept_untrusted,
            allow_expired: config.allow_expired_certificate,
            max_depth: config.max_verify_depth,
            algorithms: rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms,
        })
    }

    /// Whether anything is looked at.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.verify_chain || !self.hashes.is_empty() || !self.spki_hashes.is_empty()
    }

    /// Whether there are certificates that are trusted.
    #[must_use]
    pub const fn verifies_chain(&self) -> bool {
        self.verify_chain
    }

    /// Whether what is not trusted is taken all the same.
    #[must_use]
    pub const fn accepts_untrusted(&self) -> bool {
        self.accept_untrusted
    }

    /// The names of those who are trusted, as DER, to tell clients whose certificates are wanted.
    #[must_use]
    pub fn subjects(&self) -> Vec<Vec<u8>> {
        self.roots
            .iter()
            .filter_map(|root| {
                let (_, certificate) = x509_parser::parse_x509_certificate(root).ok()?;
                Some(certificate.subject().as_raw().to_vec())
            })
            .collect()
    }

    /// Looks at the certificates of a peer, its own first. `expected` is a name that its own has to bear.
    ///
    /// # Errors
    ///
    /// Why they are not taken.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        expected: Option<ExpectedName<'_>>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        if self.verify_chain {
            self.verify_way(leaf, others, now)?;
        }
        if !self.names.is_empty() || expected.is_some() {
            let facts = Facts::of(leaf).ok_or_else(unreadable)?;
            self.verify_names(&facts.names, expected)?;
        }
        if !self.hashes.is_empty() || !self.spki_hashes.is_empty() {
            self.verify_pins(leaf)?;
        }
        Ok(())
    }

    fn verify_way(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Rejection> {
        let Some(ladder) = Ladder::new(leaf, others, &self.roots, now) else {
            return Err(unreadable());
        };
        if self.roots.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return match Ladder::new(leaf, &[], &[], now).and_then(|own| own.out_of_time()) {
                Some(rejection) if !self.allow_expired => Err(rejection),
                _ => Ok(()),
            };
        }
        let explain = |error: webpki::Error| ladder.explain(&error);
        let certificate = EndEntityCert::try_from(leaf).map_err(explain)?;
        let mut outcome = self.find_way(&certificate, others, now);
        if self.allow_expired {
            let mut moments = ladder.moments().into_iter();
            while let Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) = outcome
                && let Some(moment) = moments.next()
            {
                outcome = self.find_way(&certificate, others, moment);
            }
        }
        let above = outcome.map_err(explain)?;
        if !self.allow_expired
            && let Some(rejection) = ladder.out_of_time()
        {
            // webpki does not look at the time of those who are trusted.
            return Err(rejection);
        }
        if self.max_depth.is_some_and(|most| above.len() > usize::try_from(most).unwrap_or(usize::MAX)) {
            return Err(ladder.too_long());
        }
        let Some(revoked) = &self.revoked else { return Ok(()) };
        // Each certificate is looked for in the list of the one above it; nobody revokes who is trusted.
        let below = std::iter::once(leaf).chain(above.iter().filter_map(|above| above.certificate.as_ref()));
        for (depth, (certificate, issuer)) in below.zip(&above).enumerate() {
            revoked
                .check(certificate, &issuer.key, self.algorithms.all, now)
                .map_err(|doubt| ladder.doubted(depth, doubt))?;
            if self.only_leaf {
                break;
            }
        }
        Ok(())
    }

    /// The certificates above the peer's own, the trusted one last.
    fn find_way(
        &self,
        leaf: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Vec<Above>, webpki::Error> {
        let usage = match self.role {
            Role::Client => KeyUsage::client_auth(),
            Role::Server => KeyUsage::server_auth(),
        };
        // webpki wants all of one life; a copy is cheap beside a signature.
        let others: Vec<CertificateDer<'_>> = others.to_vec();
        let way =
            leaf.verify_for_usage(self.algorithms.all, &self.anchors, &others, now, usage, None, None)?;
        let between = way.intermediate_certificates().map(|certificate| Above {
            key: certificate.subject_public_key_info(),
            certificate: Some(certificate.der().into_owned()),
        });
        let trusted = Above { key: webpki::spki_for_anchor(way.anchor()), certificate: None };
        Ok(between.chain([trusted]).collect())
    }

    fn verify_names(
        &self,
        names: &[AlternativeName],
        expected: Option<ExpectedName<'_>>,
    ) -> Result<(), Rejection> {
        let shown = names::list(names);
        let refused = |words: String, wanted: &str| {
            let evidence = format!("{wanted}the certificate is for [{shown}]");
            Err(Rejection { kind: RejectionKind::Name, words, evidence })
        };
        let not_matched = || format!("SAN matcher, certificate SANs are [{shown}]");
        match expected {
            Some(ExpectedName::AskedFor(name)) if !names::is_for(name, names) => {
                refused(not_matched(), &format!("\"{name}\" was expected; "))
            }
            Some(ExpectedName::AskedFor(_)) => Ok(()),
            Some(ExpectedName::OfRequest(name)) if !names::is_for(name, names) => refused(
                format!("verify SAN list, expected SANs: [{name}], certificate SANs: [{shown}]"),
                &format!("\"{name}\" was expected; "),
            ),
            _ if self.names.is_empty() || names::matches(&self.names, names) => Ok(()),
            _ => refused(not_matched(), ""),
        }
    }

    fn verify_pins(&self, leaf: &CertificateDer<'_>) -> Result<(), Rejection> {
        let hash = sha256(leaf);
        let spki = x509_parser::parse_x509_certificate(leaf)
            .ok()
            .map(|(_, certificate)| sha256(certificate.public_key().raw));
        if self.hashes.contains(&hash) || spki.is_some_and(|spki| self.spki_hashes.contains(&spki)) {
            return Ok(());
        }
        Err(Rejection {
            kind: RejectionKind::Pin,
            words: "cert hash and spki".to_owned(),
            evidence: format!("the SHA-256 of the certificate is {}", crate::certificate::hex(&hash)),
        })
    }
}

/// A certificate that is none.
fn unreadable() -> Rejection {
    let words = "X509_verify_cert: certificate verification error at depth 0: unspecified certificate verification error";
    Rejection {
        kind: RejectionKind::Invalid,
        words: words.to_owned(),
        evidence: "the certificate can't be read".to_owned(),
    }
}

/// The bytes of a source.
fn read(source: &DataSource) -> Result<Vec<u8>, LoadError> {
    match source {
        DataSource::Inline(bytes) => Ok(bytes.to_vec()),
        DataSource::File(path) => std::fs::read(&**path)
            .map_err(|error| LoadError::Unreadable { path: Arc::clone(path), why: error.to_string() }),
    }
}

fn name_of(source: &DataSource) -> Arc<str> {
    match source {
        DataSource::Inline(_) => "<inline>".into(),
        DataSource::File(path) => Arc::clone(path),
    }
}

/// The certificates in a source; at least one.
fn certificates(source: &DataSource) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let unusable = |why: &str| LoadError::Unusable { source: name_of(source), why: why.to_owned() };
    let bytes = read(source)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found: Vec<CertificateDer<'static>> =
        found.map_err(|_| unusable("is not made of certificates in PEM"))?;
    if found.is_empty() {
        return Err(unusable("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"));
    }
    if found.iter().any(|root| x509_parser::parse_x509_certificate(root).is_err()) {
        return Err(unusable("has a certificate that can't be read"));
    }
    Ok(found)
}

/// Where systems keep the certificates that they trust; the first that is there counts.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn system_roots() -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let path = SYSTEM_ROOTS.iter().find(|path| std::path::Path::new(path).is_file());
    let path = path.ok_or_else(|| LoadError::Unusable {
        source: "system_root_certs".into(),
        why: "finds no certificates: none of the files where systems keep them is there".to_owned(),
    })?;
    certificates(&DataSource::File((*path).into()))
}

#[cfg(test)]
mod tests;
