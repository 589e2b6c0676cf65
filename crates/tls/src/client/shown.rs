//! The certificate that is shown to back-ends, and whether they have asked for one.

use std::cell::Cell;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::identity::Identity;

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the back-end of a handshake on this thread has asked for a certificate since the last time. To be asked
/// behind each step of a handshake, before another one goes on.
#[must_use]
pub fn take_asked() -> bool {
    ASKED.take()
}

/// Shows one certificate, or none, to whoever asks.
#[derive(Debug)]
pub(super) struct Shown(Option<Arc<CertifiedKey>>);

impl Shown {
    pub(super) fn new(identity: Option<&Identity>) -> Self {
        Self(identity.map(|identity| Arc::clone(&identity.key)))
    }
}

impl ResolvesClientCert for Shown {
    /// Shown whomever the back-end says it trusts, as BoringSSL does: it may know better than its list.
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        ASKED.set(true);
        self.0.as_ref().filter(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        // Also where there is none: otherwise nobody would learn that it was asked for.
        true
    }
}
