//! Which certificate a client is shown.

use causeway_conformance::{Case, Pki, TlsWish};
use rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
use rustls::SignatureScheme;

use super::{case, certificates};

const RSA_ONLY: &[SignatureScheme] =
    &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA512];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("one_certificate_for_every_name")
            .tls("", "")
            .shake("its name", TlsWish::to("lab.test"))
            .shake("another", TlsWish::to("elsewhere.test"))
            .shake("none", TlsWish::default()),
        case("several_certificates_by_name")
            .tls("", &certificates(&["server", "a", "b"]))
            .shake("exact", TlsWish::to("a.test"))
            .shake("in capitals", TlsWish::to("A.Test"))
            .shake("wildcard", TlsWish::to("x.b.test"))
            .shake("a wildcard is for one label", TlsWish::to("y.x.b.test"))
            .shake("below an exact one", TlsWish::to("x.a.test"))
            .shake("the parent of a wildcard", TlsWish::to("b.test"))
            .shake("unknown", TlsWish::to("zzz.test"))
            .shake("none", TlsWish::default())
            .differs("D-50", &["in capitals", "certificate"], "a"),
        case("ecdsa_and_rsa_side_by_side")
            .tls("", &certificates(&["rsa", "a"]))
            .shake("both", TlsWish::to("a.test"))
            .shake("RSA alone", TlsWish::to("a.test").signatures(RSA_ONLY))
            .shake(
                "ECDSA alone before TLS 1.3",
                TlsWish::to("a.test").only_tls12().ciphers(&[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]),
            )
            .shake("no name", TlsWish::default()),
        case("nothing_fits_and_all_are_looked_through")
            .tls("full_scan_certs_on_sni_mismatch: true", &certificates(&["rsa", "server", "b"]))
            .shake("both", TlsWish::to("zzz.test"))
            .shake("RSA alone", TlsWish::to("zzz.test").signatures(RSA_ONLY)),
        case("nothing_fits_and_the_first_is_shown")
            .tls("", &certificates(&["rsa", "server"]))
            .shake("unknown", TlsWish::to("zzz.test"))
            .shake("of the second", TlsWish::to("lab.test"))
            .shake("of the second, with RSA alone", TlsWish::to("lab.test").signatures(RSA_ONLY)),
        case("a_certificate_among_the_secrets")
            .tls("", "tls_certificate_sds_secret_configs: [{name: own}]")
            .more_clusters(
                "
                secrets:
                - name: own
                  tls_certificate:
                    certificate_chain: {filename: '{{dir}}/b.pem'}
                    private_key: {filename: '{{dir}}/b.key'}",
            )
            .shake("from the file", TlsWish::to("b.test")),
        case("the_admin_interface_shows_certificates")
            .tls(
                "",
                &format!(
                    "{}\nvalidation_context: {{trusted_ca: {{filename: '{{{{dir}}}}/ca.pem'}}}}",
                    certificates(&["client"])
                ),
            )
            .admin("/certs")
            .stats(&[
                "listener.main.ssl.certificate.unnamed_cert_e3b0c442.expiration_unix_time_seconds",
                "listener.main.ssl.certificate.unnamed_ca_cert_e3b0c442.expiration_unix_time_seconds",
                "server.days_until_first_cert_expiring",
            ]),
        case("the_admin_interface_shows_all_authorities_of_a_bundle")
            .tls("", &format!("validation_context: {{trusted_ca: {{inline_string: {}}}}}", bundle()))
            .admin("/certs")
            .stats(&["server.days_until_first_cert_expiring"]),
    ]
}

/// Several certificates in one text, as JSON.
fn bundle() -> serde_json::Value {
    let files = Pki::get().files();
    let text =
        |name: &str| files.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.as_str());
    format!("{}{}", text("ca.pem"), text("rogue.pem")).into()
}
