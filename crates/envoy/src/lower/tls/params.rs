//! `TlsParameters`: versions, cipher suites, groups and signatures, by the names that BoringSSL has for them.

use causeway_model::{Curve, SignatureAlgorithm, TlsParams, TlsVersion};

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
                let text = format!("{old} is taken as TLSv1_2: it is broken (RFC 8996)");
                self.ignored(params.at("tls_minimum_protocol_version"), text);
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
        let (mut missing, mut wrong) = (Vec::new(), false);
        for (index, text) in params.texts(field).enumerate() {
            let place = params.at_item(field, index);
            // Nothing at all is nothing, but nothing between two names is a mistake.
            for name in text.split(':').filter(|_| !text.is_empty()) {
                let at = self.part(&place, text, position(text, name));
                if let Some((_, value)) = known.iter().find(|(known, _)| *known == name) {
                    if found.contains(value) {
                        self.reject(at, "invalid-tls-parameter", format!("the {what} {name} is named twice"));
                        wrong = true;
                    } else {
                        found.push(*value);
                    }
                } else if others.contains(&name) {
                    missing.push((at, format!("the {what} {name} is not implemented")));
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
        if !missing.is_empty() && !wrong && found.is_empty() {
            self.vital(params.at_key(field), format!("none of these in `{field}` is implemented"));
        }
        self.left_out(missing, !found.is_empty());
        found
    }

    /// Names of a list that mean something to Envoy and nothing here: where others remain, it goes without them.
    pub(super) fn left_out(&self, missing: Vec<(At, String)>, others_remain: bool) {
        for (at, why) in missing {
            if others_remain {
                self.ignored(at, format!("{why}; it is left out of the list"));
            } else {
                self.unsupported(at, why);
            }
        }
    }
}

/// Where a part of a text stands in it.
pub(super) fn position(text: &str, part: &str) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + part.len()
}

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
