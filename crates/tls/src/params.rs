//! `TlsParameters` in the terms of rustls.

use causeway_model::{CipherSuite, Curve, SignatureAlgorithm, TlsParams, TlsVersion};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion};

/// Envoy's suites of TLS 1.2 where none are named, the best first, those of equal rank together.
const DEFAULT_SUITES: &[&[CipherSuite]] = &[
    &[CipherSuite::EcdsaAes128, CipherSuite::EcdsaChacha20],
    &[CipherSuite::RsaAes128, CipherSuite::RsaChacha20],
    &[CipherSuite::EcdsaAes256],
    &[CipherSuite::RsaAes256],
];

/// Suites of TLS 1.3, which can't be chosen.
const SUITES_13: &[SupportedCipherSuite] = &[
    aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
    aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
    aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// Envoy's groups where none are named, the best first.
const DEFAULT_CURVES: &[Curve] = &[Curve::X25519MlKem768, Curve::X25519, Curve::P256];

/// The kinds of ciphers of TLS 1.2, as somebody likes them: the best first.
pub type Liking = [Cipher; 3];

/// A cipher, whoever signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES with 128 bits.
    Aes128,
    /// AES with 256 bits.
    Aes256,
    /// ChaCha20.
    Chacha20,
}

/// All the ways to like ciphers. The first is that of whoever likes none more than another.
pub const LIKINGS: [Liking; 6] = {
    use Cipher::{Aes128, Aes256, Chacha20};
    [
        [Aes128, Aes256, Chacha20],
        [Aes128, Chacha20, Aes256],
        [Aes256, Aes128, Chacha20],
        [Aes256, Chacha20, Aes128],
        [Chacha20, Aes128, Aes256],
        [Chacha20, Aes256, Aes128],
    ]
};

/// What rustls is to use; defaults are those of Envoy.
#[must_use]
pub fn provider(params: &TlsParams) -> CryptoProvider {
    provider_of(params, suites(params, None))
}

/// The same for a client of TLS 1.2 that likes ciphers in this order: it chooses among suites that are worth the same.
#[must_use]
pub fn provider_for(params: &TlsParams, liking: Liking) -> CryptoProvider {
    provider_of(params, suites(params, Some(liking)))
}

fn provider_of(params: &TlsParams, suites: Vec<CipherSuite>) -> CryptoProvider {
    let curves = if params.curves.is_empty() { DEFAULT_CURVES } else { &params.curves };
    CryptoProvider {
        cipher_suites: SUITES_13.iter().copied().chain(suites.into_iter().map(suite)).collect(),
        kx_groups: curves.iter().copied().map(group).collect(),
        ..aws_lc_rs::default_provider()
    }
}

/// The suites of TLS 1.2 in their order, where those of a group come in the order in which somebody likes them.
#[must_use]
pub fn suites(params: &TlsParams, liking: Option<Liking>) -> Vec<CipherSuite> {
    let mut all = Vec::new();
    let mut add = |group: &[CipherSuite]| {
        let start = all.len();
        all.extend_from_slice(group);
        if let (Some(liking), Some(group)) = (liking, all.get_mut(start..)) {
            group.sort_by_key(|suite| liking.iter().position(|liked| *liked == cipher(*suite)));
        }
    };
    if params.cipher_suites.is_empty() {
        DEFAULT_SUITES.iter().for_each(|group| add(group));
    } else {
        params.cipher_suites.iter().for_each(|group| add(group));
    }
    all
}

const fn cipher(suite: CipherSuite) -> Cipher {
    match suite {
        CipherSuite::EcdsaAes128 | CipherSuite::RsaAes128 => Cipher::Aes128,
        CipherSuite::EcdsaAes256 | CipherSuite::RsaAes256 => Cipher::Aes256,
        CipherSuite::EcdsaChacha20 | CipherSuite::RsaChacha20 => Cipher::Chacha20,
    }
}

/// The versions from the least to the most, where one that is not set is the default.
#[must_use]
pub fn versions(params: &TlsParams, most: TlsVersion) -> Vec<&'static SupportedProtocolVersion> {
    let (least, most) = (params.minimum.unwrap_or(TlsVersion::V12), params.maximum.unwrap_or(most));
    [(TlsVersion::V13, &rustls::version::TLS13), (TlsVersion::V12, &rustls::version::TLS12)]
        .into_iter()
        .filter(|(version, _)| (least..=most).contains(version))
        .map(|(_, version)| version)
        .collect()
}

/// Ways to sign, where some are named.
#[must_use]
pub fn signature_schemes(params: &TlsParams) -> Option<Vec<SignatureScheme>> {
    let named = &params.signature_algorithms;
    (!named.is_empty()).then(|| named.iter().copied().map(scheme).collect())
}

const fn suite(suite: CipherSuite) -> SupportedCipherSuite {
    match suite {
        CipherSuite::EcdsaAes128 => aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdsaAes256 => aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdsaChacha20 => aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::RsaAes128 => aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::RsaAes256 => aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::RsaChacha20 => aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

const fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => aws_lc_rs::kx_group::X25519,
        Curve::P256 => aws_lc_rs::kx_group::SECP256R1,
        Curve::P384 => aws_lc_rs::kx_group::SECP384R1,
        Curve::X25519MlKem768 => aws_lc_rs::kx_group::X25519MLKEM768,
    }
}

const fn scheme(algorithm: SignatureAlgorithm) -> SignatureScheme {
    match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
        SignatureAlgorithm::RsaPkcs1Sha384 => SignatureScheme::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RsaPkcs1Sha512 => SignatureScheme::RSA_PKCS1_SHA512,
        SignatureAlgorithm::RsaPssSha256 => SignatureScheme::RSA_PSS_SHA256,
        SignatureAlgorithm::RsaPssSha384 => SignatureScheme::RSA_PSS_SHA384,
        SignatureAlgorithm::RsaPssSha512 => SignatureScheme::RSA_PSS_SHA512,
        SignatureAlgorithm::EcdsaP256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureAlgorithm::EcdsaP384 => SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureAlgorithm::EcdsaP521 => SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureAlgorithm::Ed25519 => SignatureScheme::ED25519,
    }
}
