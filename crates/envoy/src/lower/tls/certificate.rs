//! `TlsCertificate` and `TlsSessionTicketKeys`.

use causeway_model::{DataSource, TlsCertificate};

use super::super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `TlsCertificate`; `None` where it can't be used, which is reported.
    pub(super) fn tls_certificate(&self, certificate: &Message<'_>) -> Option<TlsCertificate> {
        for field in ["private_key_provider", "pkcs12"] {
            self.not_implemented_vital(certificate, field, "");
        }
        self.not_implemented(certificate, "tls_params", ": what the whole context says counts");
        // Envoy does not implement it, and says nothing.
        self.has_no_effect(
            certificate,
            "signed_certificate_timestamp",
            "Envoy does not send such timestamps either",
        );
        if certificate.has("private_key_provider") || certificate.has("pkcs12") {
            certificate.settle("password");
            return None;
        }
        for (field, what) in [("certificate_chain", "certificate"), ("private_key", "private key")] {
            if !certificate.has(field) && !certificate.flawed {
                let text = format!("this certificate has no {what}: `{field}` is missing");
                self.reject(certificate.here(), "incomplete-certificate", text);
            }
        }
        let mut watched = None;
        let mut source = |field: &str| {
            let (source, directory) = self.tls_source(certificate, field)?;
            watched = watched.take().or(directory);
            Some(source)
        };
        let chain = source("certificate_chain");
        let private_key = source("private_key");
        let password =
            if self.is_unset_variable(certificate, "password") { None } else { source("password") };
        if certificate.message("ocsp_staple").is_some_and(|staple| staple.has("inline_string")) {
            let text = "a response of OCSP is no text: it stands in a file, or in `inline_bytes`";
            self.reject(certificate.at("ocsp_staple"), "invalid-value", text);
        }
        let ocsp_staple = source("ocsp_staple");
        let directory = certificate.message("watched_directory").and_then(|it| self.watched_directory(it));
        Some(TlsCertificate {
            position: self.position(certificate),
            chain: Some(chain?),
            private_key: Some(private_key?),
            password,
            ocsp_staple,
            watched_directory: directory.or(watched),
        })
    }

    /// Whether a source is a variable of the environment that is not there, which Envoy takes for an empty password.
    fn is_unset_variable(&self, certificate: &Message<'_>, field: &str) -> bool {
        let Some(source) = certificate.message(field) else { return false };
        let name = source.text("environment_variable");
        let unset =
            source.which("specifier") == Some("environment_variable") && std::env::var_os(name).is_none();
        if unset && self.options.check_files {
            let text = format!("the environment variable `{name}` is not set: there is no password");
            self.push(self.suspicious(source.at("environment_variable"), "missing-variable", text));
        }
        unset
    }

    /// `TlsSessionTicketKeys`: 80 bytes each.
    pub(super) fn ticket_keys(&self, keys: &Message<'_>) -> Vec<DataSource> {
        /// A name of 16 bytes, and keys of 32 bytes for the HMAC and for AES.
        const LENGTH: usize = 80;
        let mut found = Vec::new();
        for (index, item) in keys.items("keys").iter().enumerate() {
            let crate::tree::Value::Message(source) = &item.value else { continue };
            let Some((lowered, _, bytes)) = self.source_of(source) else { continue };
            if bytes.len() != LENGTH && (self.options.check_files || matches!(lowered, DataSource::Inline(_)))
            {
                let text =
                    format!("a key for session tickets has {LENGTH} bytes; this one has {}", bytes.len());
                self.reject(keys.at_item("keys", index), "invalid-ticket-key", text);
            }
            found.push(lowered);
        }
        found
    }
}
