//! Secrets by name: `static_resources.secrets`, and files of secrets (SDS with `path_config_source`).

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use causeway_model::{
    CertificateValidation, DataSource, NamedSecret, Secret, SecretFile, SecretValue, TlsCertificate,
};

use super::super::Cx;
use crate::diagnostic::{Draft, Kind};
use crate::load::load_secrets;
use crate::source::Source;
use crate::tree::{Message, Value};

/// Secrets of the configuration, and of files that it names.
#[derive(Default)]
pub(crate) struct Secrets {
    fixed: Vec<NamedSecret>,
    /// Names that something uses.
    used: HashSet<Arc<str>>,
    files: HashMap<String, Vec<NamedSecret>>,
}

/// The secrets of a `DiscoveryResponse`.
pub(crate) fn secrets_of(cx: &Cx<'_>, response: &Message<'_>) -> Vec<NamedSecret> {
    for field in ["version_info", "canary", "type_url", "nonce", "control_plane", "resource_errors"] {
        response.settle(field);
    }
    let mut found = Vec::new();
    for item in response.items("resources") {
        let Value::Any(any) = &item.value else { continue };
        match any.message() {
            Some(secret) if secret.schema.name() == "envoy.extensions.transport_sockets.tls.v3.Secret" => {
                found.extend(cx.secret(secret));
            }
            _ => {
                let mut at = response.at("resources");
                at.span = any.type_span.or(item.span);
                cx.reject(at, "wrong-resource", "a file of secrets holds secrets only");
            }
        }
    }
    found
}

impl Cx<'_> {
    /// `static_resources.secrets`.
    pub(in super::super) fn static_secrets(&self, resources: &Message<'_>) {
        for message in resources.messages("secrets") {
            let Some(secret) = self.secret(message) else { continue };
            let kind = std::mem::discriminant(&secret.value);
            let twice = self
                .secrets
                .borrow()
                .fixed
                .iter()
                .any(|other| other.name == secret.name && std::mem::discriminant(&other.value) == kind);
            if twice {
                let text = format!("a second secret of that kind with the name `{}`", secret.name);
                self.reject(message.at("name"), "duplicate-secret", text);
            }
            self.secrets.borrow_mut().fixed.push(secret);
        }
    }

    /// Names the secrets that nothing uses.
    pub(in super::super) fn unused_secrets(&self, resources: &Message<'_>) {
        for message in resources.messages("secrets") {
            let name = message.text("name");
            if !self.secrets.borrow().used.contains(name) {
                self.ignored(message.at("name"), format!("nothing uses the secret `{name}`"));
            }
        }
    }

    /// `Secret`.
    fn secret(&self, message: &Message<'_>) -> Option<NamedSecret> {
        let name = message.text("name").into();
        let Some(kind) = message.which("type") else {
            self.reject(message.here(), "missing-field", "this secret does not say what it is");
            return None;
        };
        let value = match kind {
            "tls_certificate" => {
                SecretValue::Certificate(Arc::new(self.tls_certificate(message.message("tls_certificate")?)?))
            }
            "validation_context" => {
                // What it is merged with is not known here.
                let context = message.message("validation_context")?;
                SecretValue::Validation(Arc::new(self.certificate_validation(context, false)?))
            }
            "session_ticket_keys" => {
                SecretValue::TicketKeys(self.ticket_keys(message.message("session_ticket_keys")?))
            }
            other => {
                self.ignored(message.at_key(other), "nothing that is implemented uses secrets of this kind");
                message.settle(other);
                return None;
            }
        };
        Some(NamedSecret { position: self.position(message), name, value })
    }

    /// `SdsSecretConfig` of a certificate.
    pub(super) fn certificate_by_name(&self, config: &Message<'_>) -> Option<Secret<Arc<TlsCertificate>>> {
        self.by_name(config, "certificate", |value| match value {
            SecretValue::Certificate(certificate) => Some(Arc::clone(certificate)),
            SecretValue::Validation(_) | SecretValue::TicketKeys(_) => None,
        })
    }

    /// `SdsSecretConfig` of a validation context.
    pub(super) fn validation_by_name(
        &self,
        config: &Message<'_>,
    ) -> Option<Secret<Arc<CertificateValidation>>> {
        self.by_name(config, "validation context", |value| match value {
            SecretValue::Validation(validation) => Some(Arc::clone(validation)),
            SecretValue::Certificate(_) | SecretValue::TicketKeys(_) => None,
        })
    }

    /// `SdsSecretConfig` of keys for session tickets.
    pub(super) fn ticket_keys_by_name(&self, config: &Message<'_>) -> Option<Secret<Vec<DataSource>>> {
        self.by_name(config, "session ticket keys", |value| match value {
            SecretValue::TicketKeys(keys) => Some(keys.clone()),
            SecretValue::Certificate(_) | SecretValue::Validation(_) => None,
        })
    }

    fn by_name<T>(
        &self,
        config: &Message<'_>,
        what: &str,
        pick: impl Fn(&SecretValue) -> Option<T>,
    ) -> Option<Secret<T>> {
        let name: Arc<str> = config.text("name").into();
        let find = |secrets: &[NamedSecret]| {
            secrets.iter().filter(|secret| secret.name == name).find_map(|secret| pick(&secret.value))
        };
        let Some(source) = config.message("sds_config") else {
            let value = find(&self.secrets.borrow().fixed);
            self.secrets.borrow_mut().used.insert(Arc::clone(&name));
            if value.is_none() {
                let text = format!("`static_resources.secrets` has no {what} of the name `{name}`");
                self.reject(config.at("name"), "unknown-secret", text);
            }
            return Some(Secret { name, file: None, value: Some(value?) });
        };
        let file = self.secret_file(source)?;
        let known = self.secrets.borrow().files.contains_key(&*file.path);
        if !known {
            let read = self.read_secrets(source, &file.path);
            self.secrets.borrow_mut().files.insert(file.path.to_string(), read);
        }
        let value = self.secrets.borrow().files.get(&*file.path).and_then(|secrets| find(secrets));
        if value.is_none() && self.options.check_files {
            self.push(
                self.suspicious(
                    config.at("name"),
                    "unknown-secret",
                    format!("`{}` has no {what} of the name `{name}`", file.path),
                )
                .label("until it has, connections that need it are refused"),
            );
        }
        Some(Secret { name, file: Some(file), value })
    }

    /// `ConfigSource`, which has to be a file.
    fn secret_file(&self, source: &Message<'_>) -> Option<SecretFile> {
        // There is no other than version 3.
        source.settle("resource_api_version");
        for field in ["initial_fetch_timeout", "authorities"] {
            self.has_no_effect(source, field, "the secrets come from a file");
        }
        match source.which("config_source_specifier") {
            Some("path_config_source") => {
                let file = source.message("path_config_source")?;
                self.has_no_effect(file, "poll_interval", "changes of files are noticed when they happen");
                let watched = file.message("watched_directory").and_then(|it| self.watched_directory(it));
                Some(SecretFile { path: file.text("path").into(), watched_directory: watched })
            }
            Some("path") => Some(SecretFile { path: source.text("path").into(), watched_directory: None }),
            Some(other) => {
                self.not_implemented_vital(source, other, ": secrets come from files");
                None
            }
            None => {
                self.reject(source.here(), "missing-field", "this says nothing of where the secret is");
                None
            }
        }
    }

    /// The secrets of a file; what is wrong with it is reported where it is named.
    fn read_secrets(&self, at: &Message<'_>, path: &str) -> Vec<NamedSecret> {
        if !self.options.check_files {
            return Vec::new();
        }
        let place = at.at(at.which("config_source_specifier").unwrap_or("path"));
        let source = match Source::read(Path::new(path)) {
            Ok(source) => source,
            Err(error) => {
                let text = format!("can't read `{path}`: {error}");
                self.push(Draft::new(Kind::File, "missing-file", text).at(place));
                return Vec::new();
            }
        };
        let loaded = load_secrets(&source, self.options);
        for said in loaded.diagnostics.iter() {
            let where_ = said
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!("{}:{}: ", place.line, place.column));
            let text = format!("{path}:{where_}{}", said.message);
            self.push(Draft::new(said.kind, said.code, text).at(place.clone()));
        }
        loaded.secrets
    }
}
