//! OCSP responses that are sent along with certificates.

use causeway_conformance::{Case, Pki, TlsWish, base64, listener_log};

use super::{CONNECTIONS, case};

const STATS: &[&str] = &[
    "listener.main.ssl.connection_error",
    "listener.main.ssl.handshake",
    "listener.main.ssl.ocsp_staple_failed",
    "listener.main.ssl.ocsp_staple_omitted",
    "listener.main.ssl.ocsp_staple_requests",
    "listener.main.ssl.ocsp_staple_responses",
];

const FRESH: (i32, i32) = (2024, 2044);
const OLD: (i32, i32) = (2020, 2021);

/// A certificate by its name, with a response.
fn stapled(name: &str, response: &[u8]) -> String {
    let staple = if response.is_empty() {
        String::new()
    } else {
        format!(", ocsp_staple: {{inline_bytes: '{}'}}", base64(response))
    };
    format!(
        "tls_certificates: [{{certificate_chain: {{filename: '{{{{dir}}}}/{name}.pem'}}, private_key: {{filename: '{{{{dir}}}}/{name}.key'}}{staple}}}]"
    )
}

fn response(name: &str, years: (i32, i32)) -> Vec<u8> {
    let serial = if name == "must" { 0x57 } else { 0xa };
    Pki::get().identity(name).ocsp(serial, years)
}

/// Clients of rustls always take responses.
fn of(name: &'static str, policy: &str, certificate: &str, response: &[u8]) -> Case {
    case(name)
        .listener(&listener_log(CONNECTIONS))
        .tls(&format!("ocsp_staple_policy: {policy}"), &stapled(certificate, response))
        .shake("TLS 1.3", TlsWish::to("a.test").only_tls13())
        .shake("TLS 1.2", TlsWish::to("a.test").only_tls12())
        .stats(STATS)
        .admin("/certs")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        of("a_response_is_sent", "LENIENT_STAPLING", "a", &response("a", FRESH)),
        of("a_response_is_sent_as_it_must", "MUST_STAPLE", "must", &response("must", FRESH)),
        of("an_old_response_is_left_out", "LENIENT_STAPLING", "a", &response("a", OLD)),
        of("an_old_response_is_refused_strictly", "STRICT_STAPLING", "a", &response("a", OLD)),
        of("an_old_response_is_refused_by_policy", "MUST_STAPLE", "a", &response("a", OLD)),
        of(
            "an_old_response_is_refused_by_the_certificate",
            "LENIENT_STAPLING",
            "must",
            &response("must", OLD),
        ),
        of("none_is_needed", "STRICT_STAPLING", "a", b""),
        of("none_where_the_policy_demands_one", "MUST_STAPLE", "a", b""),
        of("none_where_the_certificate_demands_one", "LENIENT_STAPLING", "must", b""),
        of("a_response_about_another_certificate", "LENIENT_STAPLING", "a", &response("must", FRESH)),
        of("a_response_that_is_none", "LENIENT_STAPLING", "a", b"hello"),
        of("a_response_that_says_later", "LENIENT_STAPLING", "a", &[0x30, 3, 0x0a, 1, 3]),
    ]
}
