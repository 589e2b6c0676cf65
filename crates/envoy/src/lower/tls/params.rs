//! `TlsParameters`: versions, cipher suites, groups and signatures, by the names that BoringSSL has for them.

use causeway_model::{CipherSuite, Curve, SignatureAlgorithm, TlsParams, TlsVersion};

use super::super::Cx;
use crate::diagnostic::At;
use crate::suggest;
use crate::tree::Message;

impl Cx<'_> {
    /// `TlsParameters`.
    pub(super) fn tls_params(&self, holder: &Message<'_>, field: &str) -> TlsParams {
        let Some(params) = holder.message(field) else { return TlsParams::default() };
        if params.has("compliance_policies") {
            self.not_implemented_vital(params, "compliance_policies", "");
        }
        let minimum = match params.choice("tls_minimum_protocol_version") {
            old @ ("TLSv1_0" | "TLSv1_1") => {
                let text = format!("{old} is not implemented: it is broken (RFC 8996); the least is TLSv1_2");
                self.unsupported(params.at("tls_minimum_protocol_version"), text);
                None
            }
            "TLSv1_2" => Some(TlsVersion::V12),
            "TLSv1_3" => Some(TlsVersion::V13),
            _ => None,
        };
        let maximum = match params.choice("tls_maximum_protocol_version") {
            old @ ("TLSv1_0" | "TLSv1_1") => {
                let text = format!("{old} is not implemented: it is broken (RFC 8996); the least is TLSv1_2");
                self.vital(params.at("tls_maximum_protocol_version"), text);
                None
            }
            "TLSv1_2" => Some(TlsVersion::V12),
            "TLSv1_3" => Some(TlsVersion::V13),
            _ => None,
        };
        if minimum.zip(maximum).is_some_and(|(minimum, maximum)| minimum > maximum) {
            self.push(
                self.suspicious(
                    params.at("tls_minimum_protocol_version"),
                    "no-tls-version",
                    "no version of TLS is left: the least one is above the most",
                )
                .label("every handshake fails, with Envoy too"),
            );
        }
        TlsParams {
            minimum,
            maximum,
            cipher_suites: self.cipher_suites(params),
            curves: self.names(params, "ecdh_curves", "group", CURVES, OTHER_CURVES),
            signature_algorithms: self.names(
                params,
                "signature_algorithms",
                "signature algorithm",
                SIGNATURES,
                OTHER_SIGNATURES,
            ),
        }
    }

    /// `cipher_suites`: names in OpenSSL's or the RFC's way, several in one text between `:`, of equal rank between
    /// `[`, `|` and `]`; or rules, such as `ECDHE+AESGCM`.
    fn cipher_suites(&self, params: &Message<'_>) -> Vec<CipherSuite> {
        let mut found: Vec<CipherSuite> = Vec::new();
        let mut missing = false;
        for (index, text) in params.texts("cipher_suites").enumerate() {
            let place = params.at_item("cipher_suites", index);
            for name in text.split([':', '[', ']', '|', ',', ' ', ';']).filter(|name| !name.is_empty()) {
                let at = self.part(&place, text, position(text, name));
                let suites = self.suite(name, &at);
                missing |= suites.is_none();
                for suite in suites.unwrap_or_default() {
                    if !found.contains(&suite) {
                        found.push(suite);
                    }
                }
            }
        }
        if missing && found.is_empty() {
            // Left out, all would be offered, which is not what was asked for.
            self.vital(params.at_key("cipher_suites"), "none of these cipher suites is implemented");
        }
        found
    }

    /// The suites that a name or a rule stands for; `None` where there is none, which is reported.
    fn suite(&self, name: &str, at: &At) -> Option<Vec<CipherSuite>> {
        if let Some((.., suite)) = SUITES.iter().find(|(open, rfc, _)| *open == name || *rfc == name) {
            return Some(vec![*suite]);
        }
        if OTHER_SUITES.contains(&name) {
            let why = if name.contains("GCM") || name.contains("POLY1305") {
                "without a key exchange of its own (ECDHE) what is recorded today can be read once the key leaks"
            } else {
                "CBC suites are broken in too many ways"
            };
            self.unsupported(at.clone(), format!("the cipher suite {name} is not implemented: {why}"));
            return None;
        }
        let rule = name.trim_start_matches(['!', '-', '+']);
        let known = rule.split('+').all(|word| RULE_WORDS.contains(&word)) || rule.starts_with('@');
        if known {
            let text = format!("`{name}`: rules for cipher suites are not implemented; name them one by one");
            self.vital(at.clone(), text);
            return None;
        }
        let names: Vec<_> = SUITES.iter().map(|(open, ..)| *open).collect();
        let mut draft = crate::diagnostic::Draft::rejected(
            "invalid-cipher-suite",
            format!("there is no cipher suite `{name}`"),
        )
        .at(at.clone());
        if name.starts_with("TLS_AES_") || name.starts_with("TLS_CHACHA20_") {
            draft = draft.label("suites of TLS 1.3 can't be chosen, in Envoy neither");
        } else if let Some(meant) = suggest::among(name, &names) {
            draft = draft.label(format!("did you mean `{meant}`?"));
        }
        self.push(draft);
        None
    }

    /// Names of a list, several in one text between `:`.
    fn names<T: Copy + PartialEq>(
        &self,
        params: &Message<'_>,
        field: &str,
        what: &str,
        known: &[(&str, T)],
        others: &[&str],
    ) -> Vec<T> {
        let mut found = Vec::new();
        let (mut missing, mut wrong) = (false, false);
        for (index, text) in params.texts(field).enumerate() {
            let place = params.at_item(field, index);
            for name in text.split(':').filter(|name| !name.is_empty()) {
                let at = self.part(&place, text, position(text, name));
                if let Some((_, value)) = known.iter().find(|(known, _)| *known == name) {
                    if !found.contains(value) {
                        found.push(*value);
                    }
                } else if others.contains(&name) {
                    self.unsupported(at, format!("the {what} {name} is not implemented"));
                    missing = true;
                } else {
                    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let draft = crate::diagnostic::Draft::rejected(
                        "invalid-tls-parameter",
                        format!("there is no {what} `{name}`"),
                    )
                    .at(at);
                    self.push(match suggest::among(name, &names) {
                        Some(meant) => draft.label(format!("did you mean `{meant}`?")),
                        None => draft,
                    });
                    wrong = true;
                }
            }
        }
        if missing && !wrong && found.is_empty() {
            self.vital(params.at_key(field), format!("none of these in `{field}` is implemented"));
        }
        found
    }
}

/// Where a part of a text stands in it.
fn position(text: &str, part: &str) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + part.len()
}

/// Suites by the names of OpenSSL and of the RFCs.
const SUITES: &[(&str, &str, CipherSuite)] = &[
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::EcdsaAes128),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::EcdsaAes256),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::EcdsaChacha20,
    ),
    ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::RsaAes128),
    ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::RsaAes256),
    ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::RsaChacha20),
];

/// What else BoringSSL knows by name.
const OTHER_SUITES: &[&str] = &[
    "DES-CBC3-SHA",
    "AES128-SHA",
    "AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "PSK-AES128-CBC-SHA",
    "PSK-AES256-CBC-SHA",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-PSK-AES128-CBC-SHA",
    "ECDHE-PSK-AES256-CBC-SHA",
    "ECDHE-PSK-CHACHA20-POLY1305",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// Words that rules of BoringSSL are made of.
const RULE_WORDS: &[&str] = &[
    "ALL", "DEFAULT", "kRSA", "RSA", "kECDHE", "kEECDH", "EECDH", "ECDHE", "kPSK", "PSK", "aRSA", "aECDSA",
    "ECDSA", "aPSK", "3DES", "AES128", "AES256", "AES", "AESGCM", "CHACHA20", "SHA1", "SHA", "SHA256",
    "SHA384", "SSLv3", "TLSv1", "TLSv1.2", "HIGH", "FIPS",
];

const CURVES: &[(&str, Curve)] = &[
    ("X25519", Curve::X25519),
    ("x25519", Curve::X25519),
    ("P-256", Curve::P256),
    ("prime256v1", Curve::P256),
    ("P-384", Curve::P384),
    ("secp384r1", Curve::P384),
    ("X25519MLKEM768", Curve::X25519MlKem768),
];

const OTHER_CURVES: &[&str] = &["P-521", "secp521r1", "MLKEM1024"];

/// By the names of RFC 8446 and of OpenSSL.
const SIGNATURES: &[(&str, SignatureAlgorithm)] = &[
    ("rsa_pkcs1_sha256", SignatureAlgorithm::RsaPkcs1Sha256),
    ("RSA+SHA256", SignatureAlgorithm::RsaPkcs1Sha256),
    ("rsa_pkcs1_sha384", SignatureAlgorithm::RsaPkcs1Sha384),
    ("RSA+SHA384", SignatureAlgorithm::RsaPkcs1Sha384),
    ("rsa_pkcs1_sha512", SignatureAlgorithm::RsaPkcs1Sha512),
    ("RSA+SHA512", SignatureAlgorithm::RsaPkcs1Sha512),
    ("rsa_pss_rsae_sha256", SignatureAlgorithm::RsaPssSha256),
    ("RSA-PSS+SHA256", SignatureAlgorithm::RsaPssSha256),
    ("PSS+SHA256", SignatureAlgorithm::RsaPssSha256),
    ("rsa_pss_rsae_sha384", SignatureAlgorithm::RsaPssSha384),
    ("RSA-PSS+SHA384", SignatureAlgorithm::RsaPssSha384),
    ("PSS+SHA384", SignatureAlgorithm::RsaPssSha384),
    ("rsa_pss_rsae_sha512", SignatureAlgorithm::RsaPssSha512),
    ("RSA-PSS+SHA512", SignatureAlgorithm::RsaPssSha512),
    ("PSS+SHA512", SignatureAlgorithm::RsaPssSha512),
    ("ecdsa_secp256r1_sha256", SignatureAlgorithm::EcdsaP256),
    ("ECDSA+SHA256", SignatureAlgorithm::EcdsaP256),
    ("ecdsa_secp384r1_sha384", SignatureAlgorithm::EcdsaP384),
    ("ECDSA+SHA384", SignatureAlgorithm::EcdsaP384),
    ("ecdsa_secp521r1_sha512", SignatureAlgorithm::EcdsaP521),
    ("ECDSA+SHA512", SignatureAlgorithm::EcdsaP521),
    ("ed25519", SignatureAlgorithm::Ed25519),
];

const OTHER_SIGNATURES: &[&str] = &["rsa_pkcs1_sha1", "RSA+SHA1", "ecdsa_sha1", "ECDSA+SHA1"];
