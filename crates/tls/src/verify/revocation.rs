//! Lists of revoked certificates (RFC 5280 §5).
//!
//! Lists of version 1, and those without the number that version 2 demands, are common; they are read as well.

use std::collections::HashSet;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer,
    UnixTime,
};
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

/// The lists of a context.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<List>);

#[derive(Debug)]
struct List {
    /// Who made it, as DER.
    issuer: Vec<u8>,
    /// Serial numbers without leading zeros.
    serials: HashSet<Vec<u8>>,
    next_update: Option<i64>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a certificate is not known to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is revoked.
    Revoked,
    /// Nobody who may has made a list for its issuer.
    NoList,
    /// The list is out of date.
    Expired,
}

impl Lists {
    /// Reads lists in PEM. One that can't be read, or demands more than is understood, is none.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let lists = CertificateRevocationListDer::pem_slice_iter(bytes).flatten();
        Self(lists.filter_map(|der| List::read(&der)).collect())
    }

    /// Whether a certificate is revoked by the list of its issuer, whose key is given.
    pub(super) fn check(
        &self,
        certificate: &CertificateDer<'_>,
        issuer_key: &SubjectPublicKeyInfoDer<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
        now: UnixTime,
    ) -> Result<(), Doubt> {
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Err(Doubt::NoList) };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let mut doubt = Doubt::NoList;
        for list in self.0.iter().filter(|list| list.issuer == parsed.issuer().as_raw()) {
            if !list.is_by(issuer_key, algorithms) {
                continue;
            }
            if list.serials.contains(significant(parsed.raw_serial())) {
                return Err(Doubt::Revoked);
            }
            if list.next_update.is_some_and(|until| until < now) {
                doubt = Doubt::Expired;
                continue;
            }
            return Ok(());
        }
        Err(doubt)
    }
}

impl List {
    fn read(der: &CertificateRevocationListDer<'_>) -> Option<Self> {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        // One that is for some certificates only says so in an extension that is critical.
        if list.extensions().iter().any(|extension| extension.critical) {
            return None;
        }
        let serials =
            list.iter_revoked_certificates().map(|revoked| significant(revoked.raw_serial()).to_vec());
        Some(Self {
            issuer: list.issuer().as_raw().to_vec(),
            serials: serials.collect(),
            next_update: list.next_update().map(|time| time.timestamp()),
            signed: list.tbs_cert_list.as_ref().to_vec(),
            signature: list.signature_value.data.to_vec(),
        })
    }

    fn is_by(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let Ok(key) = RawPublicKeyEntity::try_from(key) else { return false };
        algorithms
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, &self.signed, &self.signature).is_ok())
    }
}

/// A serial number without leading zeros.
fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}
