//! The choice between several certificates, in Envoy's order.
//!
//! Those that bear the client's server name come first: exactly, then by a wildcard. Among them one with a key of a
//! kind that the client can check, ECDSA before RSA. Where none bears the name, the first certificate is shown, or
//! all are looked through for one that fits the client.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_model::OcspStaplePolicy;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureScheme};

use super::noted::note;
use crate::identity::{Identity, KeyKind};

/// The certificates of a context, and how to choose between them.
#[derive(Debug)]
pub(super) struct Certificates {
    identities: Vec<Arc<Identity>>,
    /// Places of certificates by the names that they bear; `.b.test` for `*.b.test`.
    by_name: HashMap<String, Vec<usize>>,
    policy: OcspStaplePolicy,
    full_scan: bool,
}

/// A client that takes OCSP responses, or one that does not.
#[derive(Debug)]
pub(super) struct Chooser {
    pub(super) certificates: Arc<Certificates>,
    pub(super) takes_ocsp: bool,
}

/// What is done about the OCSP response of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staple {
    /// It is sent.
    Send,
    /// The certificate is shown without.
    Omit,
    /// The certificate is not shown.
    Fail,
}

impl Certificates {
    pub(super) fn new(identities: Vec<Arc<Identity>>, policy: OcspStaplePolicy, full_scan: bool) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, identity) in identities.iter().enumerate() {
            for name in identity.server_names() {
                let key = match name.strip_prefix('*') {
                    Some(parent) if parent.starts_with('.') => parent.to_owned(),
                    _ => name,
                };
                let places = by_name.entry(key).or_default();
                // Of several with the same name and kind of key, the first counts.
                let known = |other: &usize| {
                    identities.get(*other).is_some_and(|it| it.is_ecdsa() == identity.is_ecdsa())
                };
                if !places.iter().any(known) {
                    places.push(place);
                }
            }
        }
        Self { identities, by_name, policy, full_scan }
    }

    /// The place of the certificate for a client, and what is done about its OCSP response.
    fn choose(&self, client: &Client<'_>) -> Option<(usize, Staple)> {
        if let Some(name) = client.name {
            let name = name.to_ascii_lowercase();
            let exact = || self.by_name.get(&name);
            let wildcard = || {
                let dot = name.char_indices().skip(1).find(|(_, letter)| *letter == '.')?.0;
                self.by_name.get(name.get(dot..)?)
            };
            for places in [exact(), wildcard()].into_iter().flatten() {
                if let Some(found) = self.best(places.iter().copied(), client) {
                    return Some(found);
                }
            }
            if !self.full_scan {
                return self.first(client);
            }
        }
        self.best(0..self.identities.len(), client).or_else(|| self.first(client))
    }

    fn first(&self, client: &Client<'_>) -> Option<(usize, Staple)> {
        let staple = self.staple(self.identities.first()?, client);
        Some((0, staple))
    }

    /// The first that fits best.
    fn best(&self, places: impl Iterator<Item = usize>, client: &Client<'_>) -> Option<(usize, Staple)> {
        let mut second_best = None;
        for place in places {
            let Some(identity) = self.identities.get(place) else { continue };
            let staple = self.staple(identity, client);
            if staple == Staple::Fail {
                continue;
            }
            match identity.kind {
                KeyKind::Ecdsa(scheme) if client.ecdsa.contains(&scheme) => return Some((place, staple)),
                KeyKind::Ecdsa(_) => {}
                KeyKind::Rsa | KeyKind::Other if client.ecdsa.is_empty() => return Some((place, staple)),
                KeyKind::Rsa | KeyKind::Other => second_best = second_best.or(Some((place, staple))),
            }
        }
        second_best
    }

    fn staple(&self, identity: &Identity, client: &Client<'_>) -> Staple {
        // Who does not ask for a response is shown the certificate without, whatever it demands.
        if !client.takes_ocsp {
            return Staple::Omit;
        }
        let fresh = identity.ocsp.as_ref().is_some_and(|ocsp| ocsp.is_fresh(client.now));
        let must = identity.must_staple || self.policy == OcspStaplePolicy::MustStaple;
        match (self.policy, fresh, identity.ocsp.is_some()) {
            (_, true, _) => Staple::Send,
            (OcspStaplePolicy::Strict, false, true) => Staple::Fail,
            _ if must => Staple::Fail,
            _ => Staple::Omit,
        }
    }
}

/// What the choice depends on.
struct Client<'a> {
    name: Option<&'a str>,
    /// The kinds of ECDSA that it can check.
    ecdsa: Vec<SignatureScheme>,
    takes_ocsp: bool,
    now: i64,
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let client = Client {
            name: hello.server_name(),
            ecdsa: ecdsa_of(&hello),
            takes_ocsp: self.takes_ocsp,
            now: super::now(),
        };
        let (place, staple) = self.certificates.choose(&client)?;
        let identity = self.certificates.identities.get(place)?;
        note(|noted| {
            noted.certificate = Some(place);
            noted.stapled = staple == Staple::Send;
            noted.staple_failed = staple == Staple::Fail;
        });
        match staple {
            Staple::Send => identity.stapled.clone(),
            Staple::Omit => Some(Arc::clone(&identity.key)),
            Staple::Fail => None,
        }
    }
}

/// The kinds of ECDSA that a client can check; none where it speaks TLS 1.2 and has no suite for it.
fn ecdsa_of(hello: &ClientHello<'_>) -> Vec<SignatureScheme> {
    let suits = |suite: &CipherSuite| {
        matches!(
            suite,
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS13_AES_256_GCM_SHA384
                | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        )
    };
    if !hello.cipher_suites().iter().any(suits) {
        return Vec::new();
    }
    let known = [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ECDSA_NISTP521_SHA512,
    ];
    hello.signature_schemes().iter().copied().filter(|scheme| known.contains(scheme)).collect()
}
