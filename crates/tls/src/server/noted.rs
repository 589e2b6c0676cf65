//! What happens inside a handshake and is told to nobody by rustls. It is left here for whoever drives the
//! handshake, who has to ask at once, before another handshake goes on.

use std::cell::RefCell;

use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;

use crate::verify::Verdict;

/// What a step of a handshake came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The certificate that was chosen, by its place.
    pub certificate: Option<usize>,
    /// An OCSP response was sent along.
    pub stapled: bool,
    /// A certificate was left out because its OCSP response is missing or old.
    pub staple_failed: bool,
    /// A ticket was made, which takes the place of an id of the session.
    pub ticketed: bool,
    /// The id under which the session was put aside.
    pub session_id: Option<[u8; 32]>,
    /// How the client has signed.
    pub signature: Option<SignatureScheme>,
    /// What became of the client's certificate.
    pub verdict: Option<Verdict>,
    /// The client's certificates, its own first, where they are refused; rustls forgets them then.
    pub refused: Box<[CertificateDer<'static>]>,
}

impl Noted {
    /// Takes in what has been noted since.
    pub fn add(&mut self, later: Self) {
        self.certificate = later.certificate.or(self.certificate);
        self.stapled |= later.stapled;
        self.staple_failed |= later.staple_failed;
        self.ticketed |= later.ticketed;
        self.session_id = later.session_id.or(self.session_id);
        self.signature = later.signature.or(self.signature);
        self.verdict = later.verdict.or(self.verdict);
        if !later.refused.is_empty() {
            self.refused = later.refused;
        }
    }
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

/// What has been noted on this thread since the last time.
#[must_use]
pub fn take() -> Noted {
    NOTED.take()
}

pub(super) fn note(change: impl FnOnce(&mut Noted)) {
    NOTED.with_borrow_mut(change);
}
