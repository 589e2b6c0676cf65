//! `CertificateValidationContext`: whom to trust.

use std::sync::Arc;

use causeway_model::{CertificateValidation, SanKind, SanMatcher, Validation};

use super::super::Cx;
use crate::diagnostic::Draft;
use crate::tree::{Message, base64};

impl Cx<'_> {
    /// The validation context of a `CommonTlsContext`, in whichever form it is written.
    pub(super) fn validation(&self, common: &Message<'_>) -> Option<Validation> {
        match common.which("validation_context_type")? {
            "validation_context" => {
                let lowered = self.certificate_validation(common.message("validation_context")?, true)?;
                Some(Validation { fixed: Some(Arc::new(lowered)), secret: None })
            }
            "validation_context_sds_secret_config" => {
                let config = common.message("validation_context_sds_secret_config")?;
                Some(Validation { fixed: None, secret: Some(self.validation_by_name(config)?) })
            }
            "combined_validation_context" => {
                let combined = common.message("combined_validation_context")?;
                for field in [
                    "validation_context_certificate_provider",
                    "validation_context_certificate_provider_instance",
                ] {
                    self.not_implemented_vital(combined, field, "");
                }
                let fixed = combined.message("default_validation_context");
                let fixed = fixed.and_then(|fixed| self.certificate_validation(fixed, false));
                let config = combined.message("validation_context_sds_secret_config");
                let secret = config.and_then(|config| self.validation_by_name(config));
                let lowered = Validation { fixed: Some(Arc::new(fixed?)), secret: Some(secret?) };
                if let Some(merged) = lowered.merged() {
                    self.check_validation(&merged, combined);
                }
                Some(lowered)
            }
            // Said already.
            _ => None,
        }
    }

    /// `CertificateValidationContext`; `whole` where nothing is merged into it.
    pub(super) fn certificate_validation(
        &self,
        context: &Message<'_>,
        whole: bool,
    ) -> Option<CertificateValidation> {
        for field in ["custom_validator_config", "ca_certificate_provider_instance"] {
            self.not_implemented_vital(context, field, "");
        }
        self.has_no_effect(
            context,
            "require_signed_certificate_timestamp",
            "Envoy does not look at such timestamps either",
        );
        let (ca, ca_directory) = self.optional_source(context, "trusted_ca")?;
        let (crl, crl_directory) = self.optional_source(context, "crl")?;
        let directory = context.message("watched_directory").and_then(|it| self.watched_directory(it));
        let lowered = CertificateValidation {
            position: self.position(context),
            trusted_ca: ca,
            system_root_certs: context.message("system_root_certs").is_some(),
            crl,
            watched_directory: directory.or(ca_directory).or(crl_directory),
            certificate_hashes: self.hashes(context, "verify_certificate_hash", hexadecimal),
            spki_hashes: self.hashes(context, "verify_certificate_spki", base64::decode),
            subject_alt_names: self.subject_alt_names(context),
            accept_untrusted: context.choice("trust_chain_verification") == "ACCEPT_UNTRUSTED",
            allow_expired_certificate: context.bool("allow_expired_certificate"),
            only_verify_leaf_cert_crl: context.bool("only_verify_leaf_cert_crl"),
            max_verify_depth: context.u32("max_verify_depth"),
            suppress_client_ca_list: context.bool("suppress_client_ca_list"),
        };
        if whole {
            self.check_validation(&lowered, context);
        }
        Some(lowered)
    }

    /// What Envoy refuses, so that nobody believes that something is verified which is not.
    fn check_validation(&self, lowered: &CertificateValidation, at: &Message<'_>) {
        let reject = |text: &str| {
            self.push(
                Draft::rejected("no-trusted-ca", text)
                    .at(at.here())
                    .help("`trusted_ca` names the file with the certificates that are trusted"),
            );
        };
        if lowered.trusted_ca.is_some() || lowered.system_root_certs {
            return;
        }
        if !lowered.subject_alt_names.is_empty() {
            reject("names of certificates mean nothing without `trusted_ca`: anybody can write them");
        }
        if lowered.allow_expired_certificate {
            reject("`allow_expired_certificate` has no meaning without `trusted_ca`");
        }
        if lowered.crl.is_some() {
            reject("`crl` has no meaning without `trusted_ca`");
        }
    }

    /// SHA-256 values in some notation.
    fn hashes(
        &self,
        context: &Message<'_>,
        field: &str,
        decode: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Vec<[u8; 32]> {
        let mut found = Vec::new();
        for (index, text) in context.texts(field).enumerate() {
            match decode(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
                Some(hash) => found.push(hash),
                None => {
                    let notation = if field.ends_with("spki") { "Base64" } else { "hexadecimal digits" };
                    let text = format!("`{text}` is not a SHA-256 value in {notation}");
                    self.reject(context.at_item(field, index), "invalid-hash", text);
                }
            }
        }
        found
    }

    fn subject_alt_names(&self, context: &Message<'_>) -> Vec<SanMatcher> {
        let mut found = Vec::new();
        for typed in context.messages("match_typed_subject_alt_names") {
            let oid = typed.text("oid");
            let kind = match typed.choice("san_type") {
                "EMAIL" => SanKind::Email,
                "URI" => SanKind::Uri,
                "IP_ADDRESS" => SanKind::IpAddress,
                "OTHER_NAME" => {
                    if !is_oid(oid) {
                        let text = format!("`{oid}` is not the number of a type of names, such as 1.2.840.1");
                        self.reject(typed.at("oid"), "invalid-oid", text);
                    }
                    SanKind::OtherName(oid.into())
                }
                // One that is not there was reported with the rules.
                _ => SanKind::Dns,
            };
            if !matches!(kind, SanKind::OtherName(_)) && !oid.is_empty() {
                self.ignored(typed.at("oid"), "`oid` counts only for OTHER_NAME");
            }
            let matcher = typed.message("matcher").and_then(|matcher| self.string_matcher(matcher));
            found.extend(matcher.map(|matcher| SanMatcher { kind, matcher }));
        }
        let old = "match_subject_alt_names";
        if !found.is_empty() && context.has(old) {
            self.ignored(
                context.at_key(old),
                format!("`{old}` counts only without `match_typed_subject_alt_names`"),
            );
            context.settle(old);
            return found;
        }
        for matcher in self.string_matchers(context, old) {
            for kind in [SanKind::Dns, SanKind::Uri, SanKind::Email, SanKind::IpAddress] {
                found.push(SanMatcher { kind, matcher: matcher.clone() });
            }
        }
        found
    }
}

/// 64 digits, with or without colons between the bytes.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = if text.len() == 95 {
        text.bytes().filter(|byte| *byte != b':').collect()
    } else {
        text.bytes().collect()
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Numbers between dots, at least two.
fn is_oid(text: &str) -> bool {
    text.contains('.') && text.split('.').all(|part| part.parse::<u32>().is_ok())
}
