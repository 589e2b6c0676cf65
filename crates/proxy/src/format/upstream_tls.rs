//! What operators print of TLS with back-ends.

use causeway_model::TlsPart;
use causeway_tls::certificate::{Facts, pem, url_encoded};

use super::operator::Operand;
use super::time::WallTime;
use super::tls::names;
use crate::connect::TlsFacts;

/// A part of what is known. Certificates are read here, so that only logs that ask for them pay for it.
pub(super) fn fact<'a>(part: &'a TlsPart, tls: &'a TlsFacts) -> Operand<'a> {
    let peer = || tls.peer.as_ref().and_then(|der| Facts::of(der));
    match part {
        TlsPart::Version => tls.version.into(),
        TlsPart::Cipher => tls.cipher.into(),
        TlsPart::Group => tls.group.into(),
        TlsPart::ServerName => Some(&*tls.server_name).filter(|name| !name.is_empty()).into(),
        TlsPart::PeerSubject => peer().map(|facts| facts.subject).filter(|text| !text.is_empty()).into(),
        TlsPart::PeerIssuer => peer().map(|facts| facts.issuer).filter(|text| !text.is_empty()).into(),
        TlsPart::PeerCertificate => tls.peer.as_ref().map(|der| url_encoded(&pem(der))).into(),
        TlsPart::PeerNames(kind) => peer().and_then(|facts| names(&facts, kind)).into(),
        TlsPart::PeerStart(format) => peer()
            .map_or(Operand::Absent, |facts| Operand::Time(format, WallTime::of_seconds(facts.not_before))),
        TlsPart::PeerEnd(format) => peer()
            .map_or(Operand::Absent, |facts| Operand::Time(format, WallTime::of_seconds(facts.not_after))),
        TlsPart::LocalNames(kind) => {
            let own = tls.identity.as_ref().and_then(|identity| identity.facts.first());
            own.and_then(|facts| names(facts, kind)).into()
        }
    }
}
