//! TLS towards clients and back-ends: `DownstreamTlsContext`, `UpstreamTlsContext` and what they share.

mod certificate;
mod params;
mod secrets;
mod suites;
mod validation;

use std::sync::Arc;

use causeway_model::{CommonTls, DataSource, DownstreamTls, OcspStaplePolicy, Secret, UpstreamTls};
use causeway_tls::client::ClientContext;
use causeway_tls::server::ServerContext;

use super::Cx;
use crate::diagnostic::{Draft, Kind};
use crate::tree::Message;

pub(super) use secrets::Secrets;
pub(crate) use secrets::secrets_of;

/// Which of the two sides a context is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Downstream,
    Upstream,
}

impl Cx<'_> {
    /// `DownstreamTlsContext`.
    pub(super) fn downstream_tls(&self, context: &Message<'_>) -> Option<Arc<DownstreamTls>> {
        let session_ticket_keys = if context.has("session_ticket_keys_sds_secret_config") {
            let config = context.message("session_ticket_keys_sds_secret_config");
            config.and_then(|config| self.ticket_keys_by_name(config))
        } else {
            let keys = context.message("session_ticket_keys");
            keys.map(|keys| Secret::in_place(self.ticket_keys(keys)))
        };
        let lowered = DownstreamTls {
            common: self.common_tls(context, Side::Downstream)?,
            require_client_certificate: context.bool("require_client_certificate"),
            require_sni: context.bool("require_sni"),
            session_ticket_keys,
            session_timeout: self.duration(context, "session_timeout"),
            disable_stateless_session_resumption: context.bool("disable_stateless_session_resumption"),
            disable_stateful_session_resumption: context.bool("disable_stateful_session_resumption"),
            ocsp_staple_policy: match context.choice("ocsp_staple_policy") {
                "STRICT_STAPLING" => OcspStaplePolicy::Strict,
                "MUST_STAPLE" => OcspStaplePolicy::MustStaple,
                _ => OcspStaplePolicy::Lenient,
            },
            full_scan_certs_on_sni_mismatch: context.bool("full_scan_certs_on_sni_mismatch"),
            prefer_client_ciphers: context.bool("prefer_client_ciphers"),
        };
        if lowered.require_client_certificate && lowered.common.validation.is_none() {
            self.push(
                self.suspicious(
                    context.at_key("require_client_certificate"),
                    "no-validation",
                    "`require_client_certificate` needs a validation context",
                )
                .label("without one nobody is asked for a certificate, in Envoy neither"),
            );
        }
        if lowered.common.certificates.is_empty() {
            self.reject(context.here(), "no-certificate", "TLS towards clients needs a certificate");
            return None;
        }
        let lowered = Arc::new(lowered);
        if self.options.check_files
            && let Err(error) = ServerContext::new(&lowered)
        {
            let what = format!("this TLS can't be used: {error}");
            self.push(Draft::new(Kind::File, "unusable-tls", what).at(context.here()));
        }
        Some(lowered)
    }

    /// `UpstreamTlsContext`.
    pub(super) fn upstream_tls(&self, context: &Message<'_>) -> Option<Arc<UpstreamTls>> {
        if context.bool("allow_renegotiation") {
            let text = "renegotiation is not implemented: a back-end that asks for it ends the connection";
            self.unsupported(context.at_key("allow_renegotiation"), text);
        }
        if context.bool_value("enforce_rsa_key_usage") == Some(false) {
            let text = "the key usage of RSA certificates is never enforced in TLS 1.2 and always in 1.3";
            self.ignored(context.at_key("enforce_rsa_key_usage"), text);
        }
        context.settle("enforce_rsa_key_usage");
        if context.text("sni").contains('\0') {
            let text = "a name of a server can't hold a NUL";
            self.reject(context.at("sni"), "invalid-sni", text);
        }
        let common = self.common_tls(context, Side::Upstream)?;
        let lowered = UpstreamTls {
            sni: context.text("sni").into(),
            auto_host_sni: context.bool("auto_host_sni"),
            auto_sni_san_validation: context.bool("auto_sni_san_validation"),
            max_session_keys: context.u32("max_session_keys").unwrap_or(1),
            common,
        };
        if lowered.auto_sni_san_validation && lowered.common.validation.is_none() {
            let text =
                "`auto_sni_san_validation` needs a validation context: without one nothing is verified";
            self.push(
                Draft::rejected("no-validation", text)
                    .at(context.at_key("auto_sni_san_validation"))
                    .suggestion("common_tls_context: {validation_context: {system_root_certs: {}}}"),
            );
            return None;
        }
        let lowered = Arc::new(lowered);
        if self.options.check_files
            && let Err(error) = ClientContext::new(&lowered)
        {
            let what = format!("this TLS can't be used: {error}");
            self.push(Draft::new(Kind::File, "unusable-tls", what).at(context.here()));
        }
        Some(lowered)
    }

    /// `CommonTlsContext`.
    fn common_tls(&self, context: &Message<'_>, side: Side) -> Option<CommonTls> {
        let empty;
        let common = match context.message("common_tls_context") {
            Some(common) => common,
            None => {
                let schema = crate::schema::Message::find(
                    "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
                )?;
                empty = Message::empty(schema, context.span);
                &empty
            }
        };
        for field in [
            "custom_handshaker",
            "custom_tls_certificate_selector",
            "tls_certificate_provider_instance",
            "tls_certificate_certificate_provider",
            "tls_certificate_certificate_provider_instance",
            "validation_context_certificate_provider",
            "validation_context_certificate_provider_instance",
        ] {
            self.not_implemented_vital(common, field, "");
        }
        self.not_implemented(common, "key_log", "");
        let mut certificates = Vec::new();
        let written: Vec<_> = common.messages("tls_certificates").collect();
        if side == Side::Upstream && written.len() > 1 {
            let text = "TLS towards back-ends has one certificate; Envoy refuses several";
            self.reject(common.at_item("tls_certificates", 1), "several-certificates", text);
        }
        for certificate in written {
            let nothing = ["certificate_chain", "private_key", "private_key_provider", "pkcs12"];
            if side == Side::Upstream && !nothing.iter().any(|field| certificate.has(field)) {
                // As in Envoy, where back-ends are shown none then.
                self.ignored(
                    certificate.here(),
                    "neither a certificate nor a key stands here: back-ends are shown none",
                );
                certificate.settle_all();
                continue;
            }
            let lowered = self.tls_certificate(certificate)?;
            certificates.push(Secret::in_place(Arc::new(lowered)));
        }
        let by_name: Vec<_> = common.messages("tls_certificate_sds_secret_configs").collect();
        if !by_name.is_empty() && !certificates.is_empty() {
            // As in Envoy, names count only where nothing is written in place.
            let field = "tls_certificate_sds_secret_configs";
            let text = format!("`{field}` counts only without `tls_certificates`");
            match side {
                Side::Downstream => self.reject(common.at_key(field), "conflict", text),
                Side::Upstream => self.ignored(common.at_key(field), text),
            }
            common.settle(field);
        } else {
            if side == Side::Upstream && by_name.len() > 1 {
                let place = common.at_item("tls_certificate_sds_secret_configs", 1);
                let text = "TLS towards back-ends has one certificate; Envoy refuses several";
                self.reject(place, "several-certificates", text);
            }
            certificates.extend(by_name.into_iter().filter_map(|config| self.certificate_by_name(config)));
        }
        Some(CommonTls {
            position: self.position(context),
            params: self.tls_params(common, "tls_params"),
            certificates,
            validation: self.validation(common),
            alpn: self.alpn(common, "alpn_protocols"),
        })
    }

    /// Names of protocols. Envoy takes `h2,http/1.1` for two, and leaves out what is empty.
    pub(super) fn alpn(&self, message: &Message<'_>, field: &str) -> Vec<Box<str>> {
        let mut names = Vec::new();
        for name in message.texts(field).flat_map(|text| text.split(',')).filter(|name| !name.is_empty()) {
            if name.len() > 255 {
                let text = "the name of a protocol has at most 255 bytes (RFC 7301)";
                self.reject(message.at(field), "invalid-alpn", text);
                continue;
            }
            names.push(name.into());
        }
        names
    }

    /// Where bytes come from, and the directory to watch for them, where one is named. `None` where the field is
    /// not set, and where it can't be read, which is reported.
    fn tls_source(&self, message: &Message<'_>, field: &str) -> Option<(DataSource, Option<Arc<str>>)> {
        self.source_of(message.message(field)?).map(|(source, directory, _)| (source, directory))
    }

    /// The same where a source that can't be read is told from none: `None` for the former.
    fn optional_source(
        &self,
        message: &Message<'_>,
        field: &str,
    ) -> Option<(Option<DataSource>, Option<Arc<str>>)> {
        if !message.has(field) {
            return Some((None, None));
        }
        self.tls_source(message, field).map(|(source, directory)| (Some(source), directory))
    }

    /// A `DataSource`, the directory to watch for it, and its bytes.
    fn source_of(&self, source: &Message<'_>) -> Option<(DataSource, Option<Arc<str>>, Vec<u8>)> {
        let watched = source.message("watched_directory").and_then(|it| self.watched_directory(it));
        let bytes = self.source_bytes(source)?;
        Some(match source.which("specifier")? {
            "filename" => (DataSource::File(source.text("filename").into()), watched, bytes),
            _ => (DataSource::Inline(bytes.as_slice().into()), None, bytes),
        })
    }

    /// `WatchedDirectory`.
    fn watched_directory(&self, watched: &Message<'_>) -> Option<Arc<str>> {
        // Files are looked at again when anything happens to them, which is more than it asks for.
        watched.settle("watch_modify");
        Some(watched.text("path").into()).filter(|path: &Arc<str>| !path.is_empty())
    }
}
