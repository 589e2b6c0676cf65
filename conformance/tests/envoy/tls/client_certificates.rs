//! Certificates of clients, and what back-ends and logs are told of them.

use causeway_conformance::{Case, Request, TlsWish};

use super::{CONNECTIONS, case};

const TRUST: &str = "validation_context: {trusted_ca: {filename: '{{dir}}/ca.pem'}}";

fn with(name: &str) -> TlsWish {
    TlsWish::to("lab.test").certificate(name)
}

fn old(wish: TlsWish) -> TlsWish {
    wish.only_tls12()
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = verified();
    cases.extend(told());
    for (name, mode) in [
        ("sanitize", "SANITIZE"),
        ("forward_only", "FORWARD_ONLY"),
        ("append_forward", "APPEND_FORWARD"),
        ("sanitize_set", "SANITIZE_SET"),
        ("always_forward_only", "ALWAYS_FORWARD_ONLY"),
    ] {
        cases.push(xfcc(name, mode));
    }
    cases
}

fn verified() -> Vec<Case> {
    vec![
        case("a_certificate_that_is_demanded")
            .listener(CONNECTIONS)
            .without_log()
            .tls("require_client_certificate: true", TRUST)
            .shake("trusted", with("client"))
            .shake("none", TlsWish::to("lab.test"))
            .shake("none, before TLS 1.3", old(TlsWish::to("lab.test")))
            .shake("of another root", with("rogue"))
            .shake("of another root, before TLS 1.3", old(with("rogue")))
            .shake("out of date", with("old"))
            .stats(&[
                "listener.main.ssl.handshake",
                "listener.main.ssl.fail_verify_no_cert",
                "listener.main.ssl.fail_verify_error",
                "listener.main.ssl.no_certificate",
                "listener.main.ssl.connection_error",
                "listener.main.ssl.sigalgs.ecdsa_secp256r1_sha256",
            ]),
        case("a_certificate_that_is_wanted")
            .tls("", TRUST)
            .shake("trusted", with("client"))
            .shake("none", TlsWish::to("lab.test"))
            .shake("of another root", with("rogue"))
            .stats(&["listener.main.ssl.no_certificate", "listener.main.ssl.fail_verify_error"]),
        case("a_certificate_that_nobody_looks_at")
            .tls("require_client_certificate: true", "")
            .shake("any", with("rogue"))
            .shake("none", TlsWish::to("lab.test")),
        case("a_certificate_with_the_right_name")
            .listener(CONNECTIONS)
            .without_log()
            .tls(
                "require_client_certificate: true",
                "validation_context:
                   trusted_ca: {filename: '{{dir}}/ca.pem'}
                   match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: 'spiffe://lab/'}}]",
            )
            .shake("with it", with("client"))
            .shake("without any name", with("other"))
            .stats(&["listener.main.ssl.fail_verify_san"]),
        case("a_certificate_that_is_not_trusted_and_taken")
            .tls(
                "",
                "validation_context: {trusted_ca: {filename: '{{dir}}/ca.pem'}, trust_chain_verification: ACCEPT_UNTRUSTED}",
            )
            .routes(
                "
                - {match: {prefix: /, tls_context: {presented: true, validated: true}}, direct_response: {status: 200, body: {inline_string: validated}}}
                - {match: {prefix: /, tls_context: {presented: true}}, direct_response: {status: 200, body: {inline_string: presented}}}
                - {match: {prefix: /, tls_context: {presented: false}}, direct_response: {status: 200, body: {inline_string: none}}}",
            )
            .shake("trusted", with("client"))
            .shake("of another root", with("rogue"))
            .shake("none", TlsWish::to("lab.test"))
            .stats(&["listener.main.ssl.fail_verify_error"]),
        case("routes_ask_for_certificates")
            .tls("", TRUST)
            .routes(
                "
                - {match: {prefix: /, tls_context: {presented: true, validated: true}}, direct_response: {status: 200, body: {inline_string: validated}}}
                - {match: {prefix: /, tls_context: {validated: false}}, direct_response: {status: 200, body: {inline_string: not validated}}}",
            )
            .shake("trusted", with("client"))
            .shake("none", TlsWish::to("lab.test"))
            .shake_again("again", with("client").resumes(), 2),
    ]
}

fn told() -> Vec<Case> {
    vec![
        case("facts_of_certificates_in_the_access_log")
            .log("%DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_SERIAL%|%DOWNSTREAM_PEER_URI_SAN%|%DOWNSTREAM_PEER_DNS_SAN%|%DOWNSTREAM_PEER_IP_SAN%|%DOWNSTREAM_PEER_EMAIL_SAN%|%DOWNSTREAM_PEER_OTHERNAME_SAN%|%DOWNSTREAM_PEER_FINGERPRINT_256%|%DOWNSTREAM_PEER_FINGERPRINT_1%|%DOWNSTREAM_PEER_CERT_V_START%|%DOWNSTREAM_PEER_CERT_V_END(%Y-%m)%|%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%|%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1%|%DOWNSTREAM_PEER_CHAIN_SERIALS%|%DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256%|%DOWNSTREAM_PEER_ISSUER_SERIAL%|%DOWNSTREAM_PEER_CERT%")
            .tls("", TRUST)
            .shake("with all names", with("client"))
            .shake("with none", with("other"))
            .shake("none", TlsWish::to("lab.test")),
        case("all_that_can_be_forwarded_of_a_certificate")
            .echoes(&["app"])
            .routes("- {match: {prefix: /}, route: {cluster: app}}")
            .hcm(
                "
                forward_client_cert_details: SANITIZE_SET
                set_current_client_cert_details: {subject: true, cert: true, chain: true, dns: true, uri: true}",
            )
            .tls("", &format!("{}\n{TRUST}", super::certificates(&["client"])))
            .shake("with all names", with("client"))
            .shake("with none", with("other"))
            .shake("of a server", with("b")),
        case("nothing_but_the_hash_is_forwarded")
            .echoes(&["app"])
            .routes("- {match: {prefix: /}, route: {cluster: app}}")
            .hcm("forward_client_cert_details: SANITIZE_SET")
            .tls("", TRUST)
            .shake("with all names", with("client")),
    ]
}

/// What becomes of a field that the client sends, and of none.
fn xfcc(name: &'static str, mode: &str) -> Case {
    let sent = || Request::get("/").header("x-forwarded-client-cert", "Hash=abc;URI=spiffe://x");
    case(name)
        .echoes(&["app"])
        .routes("- {match: {prefix: /}, route: {cluster: app}}")
        .hcm(&format!(
            "
            forward_client_cert_details: {mode}
            set_current_client_cert_details: {{subject: true, uri: true, dns: true}}"
        ))
        .tls("", TRUST)
        .shake("with a certificate", with("client"))
        .shake_and_ask("with a certificate and a field", with("client"), sent())
        .shake("without", TlsWish::to("lab.test"))
        .shake_and_ask("without, and with a field", TlsWish::to("lab.test"), sent())
}
