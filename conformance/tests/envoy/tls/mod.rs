//! TLS with clients.

mod certificates;
mod client_certificates;
mod handshakes;
mod keys;
mod sessions;
mod staples;

use causeway_conformance::Case;

pub(crate) fn cases() -> Vec<Case> {
    [
        certificates::cases(),
        client_certificates::cases(),
        handshakes::cases(),
        keys::cases(),
        sessions::cases(),
        staples::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A case whose answers are given by the proxy, so that all that is compared is about TLS.
fn case(name: &'static str) -> Case {
    Case::new(name)
        .listener("stat_prefix: main")
        .routes("- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: in}}}")
}

/// A list of certificates by their names.
fn certificates(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "{{certificate_chain: {{filename: '{{{{dir}}}}/{name}.pem'}}, private_key: {{filename: '{{{{dir}}}}/{name}.key'}}}}"
        )
    };
    format!("tls_certificates: [{}]", names.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// What is known of TLS and of a connection that ended.
const CONNECTIONS: &str = "%RESPONSE_FLAGS% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TRANSPORT_FAILURE_REASON% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON% %PROTOCOL% [%DOWNSTREAM_PEER_SUBJECT%] [%DOWNSTREAM_PEER_ISSUER%] %DOWNSTREAM_PEER_SERIAL% %DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_CERT_V_END% %STREAM_ID% %UPSTREAM_CONNECTION_ID%";
