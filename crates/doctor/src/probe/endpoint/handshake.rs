//! The handshake failed: what of TLS does not fit, or whether TLS is spoken at all.

use causeway_model::TlsVersion;
use causeway_reason::{Condition, Failure, Reason};

use super::case::{Case, speaks_of_tls};
use super::diagnosis::{Diagnosis, Remedy};
use super::observations::Step;
use super::trial::{Security, Seen};
use crate::finding::Grade;
use crate::said;
use crate::said::Said;

impl Case<'_> {
    /// The handshake failed.
    pub(super) fn no_handshake(&self, failure: &Failure) -> Result<Diagnosis, Step> {
        let plain = Diagnosis::met(failure.clone(), self.at);
        let asked = self.main.asked();
        match failure.reason {
            Reason::UpstreamTlsExpired
            | Reason::UpstreamTlsNotYetValid
            | Reason::UpstreamTlsUnknownIssuer
            | Reason::UpstreamTlsSelfSigned
            | Reason::UpstreamTlsRevoked
            | Reason::UpstreamTlsRevocationUnknown
            | Reason::UpstreamTlsPurpose
            | Reason::UpstreamTlsPinMismatch
            | Reason::UpstreamTlsBadCertificate
            | Reason::UpstreamTlsNotReady
            | Reason::UpstreamTlsAlpn => return Ok(plain.not(verified())),
            Reason::UpstreamTlsNameMismatch => {
                let shown = self.any_tls(Some(self.main.tls.as_ref().map_or("", |tls| &*tls.name)))?;
                return Ok(match shown {
                    Some((at, _)) => plain.proof(at).not(verified()),
                    None => plain.not(verified()),
                });
            }
            _ => {}
        }
        if asked && self.target.has_expired(self.seen.now) {
            return Ok(Diagnosis::of(Condition::ClientCertificateExpired, self.at).meets(failure.clone()));
        }
        if asked && self.target.identity.is_none() {
            let reason = Reason::UpstreamTlsClientCertificateMissing;
            return Ok(Diagnosis::of(reason, self.at).meets(failure.clone()).not(verified()));
        }
        if failure.reason == Reason::UpstreamTlsClientCertificateRefused {
            return Ok(plain.not(verified()));
        }
        if asked && matches!(failure.reason, Reason::UpstreamTlsClosed | Reason::UpstreamTlsReset) {
            // Its alert may be lost where it resets the connection behind it.
            let reason = Reason::UpstreamTlsClientCertificateRefused;
            let found = Diagnosis::of(reason, self.at).meets(failure.clone()).grade(Grade::Likely);
            return Ok(found.not(verified()));
        }
        // A plain server shows itself by its answer.
        if let Some((at, seen)) =
            self.varied(|trial| (trial.security, trial.ask) = (Security::Plain, self.target.get()))?
            && (seen.answer().is_some_and(|answer| !speaks_of_tls(answer.status, &answer.body)))
        {
            self.confirmed()?;
            return Ok(Diagnosis::of(Reason::UpstreamTlsPlain, self.at)
                .meets(failure.clone())
                .proof(at)
                .helps(Remedy::RemoveTls)
                .not([said!(
                    "certificates and names: TLS is not spoken at all",
                    "인증서·이름: TLS 자체를 쓰지 않습니다"
                )]));
        }
        // Any TLS at all, by the name that is configured, then by others.
        let own = self.main.tls.as_ref().map(|tls| tls.name.clone()).filter(|name| !name.is_empty());
        if let Some((at, seen)) = self.any_tls(own.as_deref())? {
            if seen.is_secure() {
                self.confirmed()?;
                return Ok(self.other_parameters(failure, at, seen));
            }
            if seen.asked() && self.target.identity.is_none() {
                let reason = Reason::UpstreamTlsClientCertificateMissing;
                return Ok(Diagnosis::of(reason, self.at).meets(failure.clone()).proof(at));
            }
        }
        let shown = own.unwrap_or_default();
        for name in self
            .target
            .names
            .iter()
            .filter(|name| **name != shown && name.parse::<std::net::IpAddr>().is_err())
        {
            if let Some((at, seen)) = self.any_tls(Some(name))?
                && seen.is_secure()
            {
                self.confirmed()?;
                return Ok(Diagnosis::of(Reason::UpstreamTlsServerName, self.at)
                    .meets(failure.clone())
                    .proof(at)
                    .helps(Remedy::ServerName(name.clone())));
            }
        }
        if let Some(found) = self.header(failure, Seen::is_secure)? {
            return Ok(found);
        }
        Ok(plain.grade(Grade::Likely))
    }

    /// TLS works, but not with the versions and suites of the file.
    fn other_parameters(&self, failure: &Failure, at: usize, seen: &Seen) -> Diagnosis {
        let is_13 = seen.tls.as_ref().is_some_and(|tls| tls.version == "TLSv1.3");
        let most = self.target.tls.as_ref().and_then(|tls| tls.common.params.maximum);
        if is_13 && most != Some(TlsVersion::V13) {
            return Diagnosis::of(Reason::UpstreamTlsVersion, self.at)
                .meets(failure.clone())
                .proof(at)
                .helps(Remedy::AllowTls13);
        }
        let least = self.target.tls.as_ref().and_then(|tls| tls.common.params.minimum);
        if !is_13 && least == Some(TlsVersion::V13) {
            return Diagnosis::of(Reason::UpstreamTlsVersion, self.at).meets(failure.clone()).proof(at);
        }
        if seen.asked() {
            let reason = match self.target.identity {
                Some(_) => Reason::UpstreamTlsClientCertificateRefused,
                None => Reason::UpstreamTlsClientCertificateMissing,
            };
            return Diagnosis::of(reason, self.at).meets(failure.clone()).grade(Grade::Likely).proof(at);
        }
        Diagnosis::of(Reason::UpstreamTlsNoCommonParameters, self.at).meets(failure.clone()).proof(at)
    }
}

fn verified() -> [Said; 2] {
    [
        said!("the network: the connection stands", "네트워크: 연결은 됩니다"),
        said!("a plain port: TLS is spoken there", "평문 포트: TLS를 사용하고 있습니다"),
    ]
}
