//! Handshakes that do not come to an end.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use causeway_reason::Reason;
use causeway_testkit::{Pki, TlsWish, base64};

use crate::case::{Case, Seen, open};
use crate::site::Site;

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

pub(crate) fn cases() -> Vec<Case> {
    let demands = format!("require_client_certificate: true\n{}", validation());
    vec![
        of(Reason::TlsNotSpoken, "", "")
            .client(says(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
            .evidence("a request of HTTP without TLS: \"GET / HTTP/1.1"),
        of(Reason::TlsVersionUnsupported, "", "tls_params: {tls_minimum_protocol_version: TLSv1_3}")
            .client(shakes(TlsWish::to("lab.test").only_tls12()))
            .evidence("peer is incompatible"),
        of(Reason::TlsNoSharedCipher, "", "tls_params: {cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]}")
            .client(shakes(TlsWish::to("lab.test").only_tls12()))
            .evidence("peer is incompatible: NoCipherSuitesInCommon"),
        Case::of(Reason::TlsOcspResponseMissing)
            .chain(stapled("must", 0x57, (2020, 2021)))
            .client(shakes(TlsWish::to("must.test")))
            .evidence("held until Jan  1 00:00:00 2021"),
        of(Reason::TlsClientCertificateMissing, &demands, "")
            .client(shakes(TlsWish::to("lab.test")))
            .evidence("peer sent no certificates"),
        of(Reason::TlsClientCertificateRefused, &demands, "")
            .client(shakes(TlsWish::to("lab.test").certificate("rogue")))
            .evidence("CN=rogue root"),
        of(Reason::TlsRefusedByClient, "", "")
            .client(shakes(TlsWish::to("lab.test").doubts()))
            .evidence("received fatal alert: UnknownCA"),
        of(Reason::TlsHandshakeClosed, "", "")
            .client(async |site: &mut Site| {
                let mut client = open(site).await;
                client.write(b"\x16\x03\x01\x02\x00\x01\x00").await;
                client.finish().await;
                client.end(Duration::from_secs(5)).await;
                Seen::Nothing
            })
            .evidence("7 bytes of its first message had arrived"),
        of(Reason::TlsHandshakeTimeout, "", "")
            .chain(format!("transport_socket_connect_timeout: 0.2s\n{}", socket("", "")))
            .client(says(b"\x16\x03\x01\x02\x00\x01\x00"))
            .evidence("7 bytes of its first message had arrived"),
        of(Reason::TlsHandshakeFailed, "", "")
            .client(says(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"))
            .evidence("received corrupt message"),
        Case::of(Reason::TlsSecretMissing)
            .chain(with_secret("later"))
            .client(says(b"\x16\x03\x01\x02\x00\x01\x00"))
            .evidence("the TLS context at "),
    ]
}

/// A listener with TLS, with more fields of the context and of what both sides have.
fn of(reason: Reason, context: &str, common: &str) -> Case {
    Case::of(reason).chain(socket(context, common))
}

fn socket(context: &str, common: &str) -> String {
    let identity = Pki::get().identity("server");
    let (chain, key) = (quoted(&identity.certificate), quoted(&identity.key));
    let (outer, inner): (Vec<_>, Vec<_>) = context.lines().partition(|line| !line.starts_with("validation"));
    let outer: String = outer.iter().map(|line| format!("    {line}\n")).collect();
    let inner: String =
        inner.iter().copied().chain(common.lines()).map(|line| format!("      {line}\n")).collect();
    format!(
        "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n{outer}    \
         common_tls_context:\n      tls_certificates:\n      - certificate_chain: {{inline_string: {chain}}}\n        \
         private_key: {{inline_string: {key}}}\n{inner}"
    )
}

/// A certificate with an OCSP response that holds between two years.
fn stapled(name: &str, serial: u64, years: (i32, i32)) -> String {
    let identity = Pki::get().identity(name);
    let (chain, key) = (quoted(&identity.certificate), quoted(&identity.key));
    format!(
        "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n    common_tls_context:\n      \
         tls_certificates:\n      - certificate_chain: {{inline_string: {chain}}}\n        private_key: {{inline_string: \
         {key}}}\n        ocsp_staple: {{inline_bytes: {}}}\n",
        base64(&identity.ocsp(serial, years))
    )
}

/// A context whose certificate is in a file that has other ones.
fn with_secret(name: &str) -> String {
    let path = secrets();
    format!(
        "transport_socket:\n  name: tls\n  typed_config:\n    \"@type\": {CONTEXT}\n    \
         common_tls_context: {{tls_certificate_sds_secret_configs: [{{name: {name}, sds_config: \
         {{path_config_source: {{path: {}}}}}}}]}}\n",
        path.display()
    )
}

/// A file with no secrets at all, for all tests of the process.
fn secrets() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("causeway-reasons-{}.yaml", std::process::id()));
        std::fs::write(&path, "resources: []\n").unwrap();
        path
    })
}

fn validation() -> String {
    format!(
        "validation_context: {{trusted_ca: {{inline_string: {}}}}}",
        quoted(&Pki::get().authority.certificate())
    )
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}

/// A client that says this, and waits for the end.
fn says(bytes: &'static [u8]) -> impl AsyncFnOnce(&mut Site) -> Seen {
    async move |site: &mut Site| {
        let mut client = open(site).await;
        client.write(bytes).await;
        client.rest(Duration::from_secs(5)).await;
        Seen::Nothing
    }
}

/// A client that shakes hands, and learns that it may not.
fn shakes(wish: TlsWish) -> impl AsyncFnOnce(&mut Site) -> Seen {
    let client = wish.client();
    async move |site: &mut Site| {
        if let Ok(mut connection) = client.open(site.address).await {
            connection.rest(Duration::from_secs(5)).await;
        }
        Seen::Nothing
    }
}
