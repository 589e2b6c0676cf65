//! TLS and PROXY headers of a server line.

use serde_json::{Value, json};

use super::Known;

pub(super) const RAW: &str = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const PROXY: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";
/// What Debian and others call `@system-ca`.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Versions, oldest first, as HAProxy and Envoy call them.
const VERSIONS: &[(&str, &str)] = &[("TLSv1.2", "TLSv1_2"), ("TLSv1.3", "TLSv1_3")];

/// Names of a handshake.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// The one that is asked for.
    pub(super) sni: Option<&'a str>,
    /// The one that the certificate has to have.
    pub(super) expected: Option<&'a str>,
}

impl Known<'_> {
    /// What connections are secured with, and what stands in front; nothing where it is nothing.
    pub(super) fn socket(&self, tls: Option<Value>, header: Option<&str>) -> Option<Value> {
        let Some(version) = header else { return tls };
        let inner = tls.unwrap_or_else(|| json!({"name": "raw", "typed_config": {"@type": RAW}}));
        Some(json!({"name": "proxy", "typed_config": {
            "@type": PROXY, "config": {"version": version}, "transport_socket": inner}}))
    }

    /// `ssl` and what belongs to it.
    pub(super) fn tls(&self, names: Names<'_>) -> Value {
        let mut common = json!({"tls_params": self.versions()});
        let mut context = json!({"@type": TLS});
        if let (Some(context), Some(sni)) = (context.as_object_mut(), names.sni) {
            context.insert("sni".to_owned(), json!(sni));
        }
        if let Some(common) = common.as_object_mut() {
            if let Some(validation) = self.validation(names) {
                common.insert("validation_context".to_owned(), validation);
            }
            if let Some(file) = self.value("crt") {
                let crt_base = self.cfg.and_then(|cfg| cfg.global.crt_base.as_ref());
                let file = json!({"filename": self.path(crt_base, file)});
                let own = json!([{"certificate_chain": file, "private_key": file}]);
                common.insert("tls_certificates".to_owned(), own);
            }
        }
        if let Some(context) = context.as_object_mut() {
            context.insert("common_tls_context".to_owned(), common);
        }
        json!({"name": "tls", "typed_config": context})
    }

    /// Whom it believes; nothing where that is everybody.
    fn validation(&self, names: Names<'_>) -> Option<Value> {
        let verifies = match self.value("verify") {
            Some(how) => how == "required",
            None => self.cfg.is_some_and(|cfg| !cfg.global.verifies_nothing),
        };
        let file = self.value("ca-file").filter(|_| verifies)?;
        let ca_base = self.cfg.and_then(|cfg| cfg.global.ca_base.as_ref());
        let file = if file == "@system-ca" { SYSTEM.to_owned() } else { self.path(ca_base, file) };
        let mut validation = json!({"trusted_ca": {"filename": file}});
        if let Some(validation) = validation.as_object_mut() {
            if let Some(name) = names.expected {
                let names = json!([{"san_type": "DNS", "matcher": {"exact": name}}]);
                validation.insert("match_typed_subject_alt_names".to_owned(), names);
            }
            if let Some(file) = self.value("crl-file") {
                validation.insert("crl".to_owned(), json!({"filename": self.path(ca_base, file)}));
            }
        }
        Some(validation)
    }

    /// Those of the server line hold before those of ssl-default-server-options.
    fn versions(&self) -> Value {
        let global = self.cfg.map_or(&[][..], |cfg| &cfg.global.server_options);
        let by_default = |word: &str| {
            let at = global.iter().position(|other| other == word)?;
            global.get(at + 1).map(String::as_str)
        };
        let of = |word: &str| {
            let name = self.value(word).or_else(|| by_default(word))?;
            VERSIONS.iter().find(|(haproxy, _)| *haproxy == name).map(|(_, envoy)| *envoy)
        };
        let is_set = |word: &str| self.has(word) || global.iter().any(|other| other == word);
        let forced = |digit: &str| is_set(&format!("force-tlsv{digit}"));
        let (mut least, mut most) = (of("ssl-min-ver"), of("ssl-max-ver").unwrap_or("TLSv1_3"));
        if forced("13") {
            least = Some("TLSv1_3");
        } else if forced("12") || is_set("no-tlsv13") {
            most = "TLSv1_2";
        }
        json!({"tls_minimum_protocol_version": least.unwrap_or("TLSv1_2"), "tls_maximum_protocol_version": most})
    }
}
