//! The way from a peer's certificate up to one that is trusted, and what is wrong with it.
//!
//! webpki finds the way and checks signatures; it says what is wrong, but not where. This room finds the place, for
//! the error that Envoy would have.

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::rejection::{Rejection, RejectionKind};
use super::revocation::Doubt;

/// What BoringSSL says in front of a complaint about revocation.
const REVOCATION: &str = "certificate revocation check against provided CRLs failed: ";

/// The certificates of a peer, those that sign another in their order; others are left out.
pub(super) struct Ladder<'a> {
    rungs: Vec<X509Certificate<'a>>,
    now: UnixTime,
}

impl<'a> Ladder<'a> {
    /// Reads what the peer sent and what is trusted; `None` where its own certificate can't be read.
    pub(super) fn new(
        leaf: &'a CertificateDer<'_>,
        others: &'a [CertificateDer<'_>],
        trusted: &'a [CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<Self> {
        /// Nobody has a ladder that is longer; without a limit a circle would be one without end.
        const HIGHEST: usize = 10;
        let read = |der: &'a CertificateDer<'_>| X509Certificate::from_der(der).ok().map(|(_, it)| it);
        let mut rungs = vec![read(leaf)?];
        let above: Vec<_> = trusted.iter().chain(others).filter_map(read).collect();
        while let Some(last) = rungs.last()
            && !is_self_issued(last)
            && rungs.len() < HIGHEST
            && let Some(next) =
                above.iter().find(|next| next.subject().as_raw() == last.issuer().as_raw()).cloned()
        {
            rungs.push(next);
        }
        Some(Self { rungs, now })
    }

    /// Whether the highest one is a certificate that has signed itself, or so it says.
    fn ends_in_itself(&self) -> bool {
        self.rungs.last().is_some_and(|last| is_self_issued(last) && may_sign(last))
    }

    fn find(&self, wanted: impl Fn(usize, &X509Certificate<'a>) -> bool) -> Option<usize> {
        self.rungs.iter().enumerate().position(|(depth, rung)| wanted(depth, rung))
    }

    /// The first certificate that is not valid now.
    pub(super) fn out_of_time(&self) -> Option<Rejection> {
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        let ended = |rung: &X509Certificate<'_>| rung.validity().not_after.timestamp() < now;
        let depth = self.find(|_, rung| ended(rung) || rung.validity().not_before.timestamp() > now)?;
        let rung = self.rungs.get(depth)?;
        let (kind, words) = if ended(rung) {
            (RejectionKind::Expired, "certificate has expired")
        } else {
            (RejectionKind::NotYetValid, "certificate is not yet valid")
        };
        Some(self.rejection(kind, depth, words))
    }

    /// Times at which one certificate or another begins or ceases to be valid.
    pub(super) fn moments(&self) -> Vec<UnixTime> {
        let seconds = self
            .rungs
            .iter()
            .flat_map(|rung| [rung.validity().not_before.timestamp(), rung.validity().not_after.timestamp()]);
        let since = |seconds| std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        seconds.map(|seconds| UnixTime::since_unix_epoch(since(seconds))).collect()
    }

    /// What an error of webpki comes to.
    pub(super) fn explain(&self, error: &Error) -> Rejection {
        match error {
            Error::UnknownIssuer => match (self.rungs.len(), self.ends_in_itself()) {
                (1, true) => self.rejection(RejectionKind::SelfSigned, 0, "self signed certificate"),
                (count, true) => self.rejection(
                    RejectionKind::SelfSigned,
                    count - 1,
                    "self signed certificate in certificate chain",
                ),
                (count, false) => self.rejection(
                    RejectionKind::UnknownIssuer,
                    count.saturating_sub(1),
                    "unable to get local issuer certificate",
                ),
            },
            Error::CertExpired { .. } => self
                .out_of_time()
                .unwrap_or_else(|| self.rejection(RejectionKind::Expired, 0, "certificate has expired")),
            Error::CertNotValidYet { .. } => self.out_of_time().unwrap_or_else(|| {
                self.rejection(RejectionKind::NotYetValid, 0, "certificate is not yet valid")
            }),
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
                self.rejection(RejectionKind::Purpose, 0, "unsupported certificate purpose")
            }
            Error::EndEntityUsedAsCa => {
                let wrong = self.find(|depth, rung| depth > 0 && !is_authority(rung));
                self.rejection(RejectionKind::Invalid, wrong.unwrap_or(1), "invalid CA certificate")
            }
            Error::PathLenConstraintViolated => {
                let wrong = self.find(|depth, rung| {
                    let limit = rung.basic_constraints().ok().flatten();
                    let limit = limit.and_then(|basic| basic.value.path_len_constraint);
                    limit.is_some_and(|limit| depth > 0 && depth - 1 > usize::try_from(limit).unwrap_or(0))
                });
                let words = "path length constraint exceeded";
                self.rejection(RejectionKind::Invalid, wrong.unwrap_or(1), words)
            }
            Error::NameConstraintViolation => {
                self.rejection(RejectionKind::Invalid, 0, "permitted subtree violation")
            }
            Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => {
                self.rejection(RejectionKind::Invalid, 0, "certificate signature failure")
            }
            Error::UnsupportedCriticalExtension => {
                self.rejection(RejectionKind::Invalid, 0, "unhandled critical extension")
            }
            Error::MaximumPathDepthExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumSignatureChecksExceeded => self.too_long(),
            other => {
                let words = "unspecified certificate verification error";
                let mut rejection = self.rejection(RejectionKind::Invalid, 0, words);
                rejection.evidence = format!("{other:?}: {}", rejection.evidence);
                rejection
            }
        }
    }

    /// A certificate, by its place, that is revoked, or of which that can't be told.
    pub(super) fn doubted(&self, depth: usize, doubt: Doubt) -> Rejection {
        let (kind, words) = match doubt {
            Doubt::Revoked => (RejectionKind::Revoked, "certificate revoked"),
            Doubt::NoList => (RejectionKind::NoRevocationList, "unable to get certificate CRL"),
            Doubt::Expired => (RejectionKind::NoRevocationList, "CRL has expired"),
        };
        self.rejection(kind, depth, &format!("{REVOCATION}{words}"))
    }

    /// There are more certificates than may be.
    pub(super) fn too_long(&self) -> Rejection {
        let top = self.rungs.len().saturating_sub(1);
        self.rejection(RejectionKind::Invalid, top, "certificate chain too long")
    }

    fn rejection(&self, kind: RejectionKind, depth: usize, words: &str) -> Rejection {
        let evidence = self.rungs.get(depth).map_or_else(String::new, |rung| {
            format!(
                "the certificate of \"{}\", issued by \"{}\", valid from {} to {}",
                rung.subject(),
                rung.issuer(),
                rung.validity().not_before,
                rung.validity().not_after
            )
        });
        let words = format!("X509_verify_cert: certificate verification error at depth {depth}: {words}");
        Rejection { kind, words, evidence }
    }
}

fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Whether it may sign certificates: where it does not say what it is for, it may.
fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    certificate.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign())
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    certificate.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca)
}
