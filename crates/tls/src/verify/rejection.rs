//! Why the certificates of a peer are not taken.

use std::fmt;

/// A refusal, in the words of Envoy and with evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What it is.
    pub kind: RejectionKind,
    /// What Envoy says of it behind `verify cert failed: `; for [`RejectionKind::KeyUsage`] it says something else.
    pub words: String,
    /// What was seen, for operators: names, dates.
    pub evidence: String,
}

/// The kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// The time of a certificate is over.
    Expired,
    /// The time of a certificate has not come.
    NotYetValid,
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// It has signed itself, and is not trusted.
    SelfSigned,
    /// It was revoked.
    Revoked,
    /// Whether it was revoked can't be known: there is no list of its issuer, or the list is out of date.
    NoRevocationList,
    /// It is not for this use (`extendedKeyUsage`).
    Purpose,
    /// It is not for signatures (`keyUsage`), which the handshake needs.
    KeyUsage,
    /// It bears none of the names that are expected.
    Name,
    /// It is none of those that were pinned.
    Pin,
    /// Anything else: it can't be read, its signature is wrong, it was signed by what is no authority.
    Invalid,
}

/// Which of the counters below `ssl.` a refusal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// `fail_verify_error`.
    VerifyError,
    /// `fail_verify_san`.
    Name,
    /// `fail_verify_cert_hash`.
    CertificateHash,
    /// `connection_error`.
    ConnectionError,
}

impl Rejection {
    /// Envoy's counter for it.
    #[must_use]
    pub const fn counter(&self) -> Counter {
        match self.kind {
            RejectionKind::Name => Counter::Name,
            RejectionKind::Pin => Counter::CertificateHash,
            RejectionKind::KeyUsage => Counter::ConnectionError,
            RejectionKind::Expired
            | RejectionKind::NotYetValid
            | RejectionKind::UnknownIssuer
            | RejectionKind::SelfSigned
            | RejectionKind::Revoked
            | RejectionKind::NoRevocationList
            | RejectionKind::Purpose
            | RejectionKind::Invalid => Counter::VerifyError,
        }
    }

    /// The error of BoringSSL, as Envoy shows it between `TLS_error:|` and `:TLS_error_end`.
    #[must_use]
    pub fn boring_ssl(&self) -> String {
        match self.kind {
            RejectionKind::KeyUsage => {
                "268435758:SSL routines:OPENSSL_internal:KEY_USAGE_BIT_INCORRECT".to_owned()
            }
            _ => format!(
                "268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: {}",
                self.words
            ),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words, self.evidence)
    }
}

impl std::error::Error for Rejection {}
