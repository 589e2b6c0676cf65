//! Certificates of clients, and what back-ends and logs are told of them.

use causeway_conformance::{Case, Pki, Request, TlsWish, listener_log};

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
    cases.extend(demanded());
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
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            // One client has gone before the next comes, and is seen to have gone when that may have come.
            .sort_log()
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
            .listener(&listener_log(CONNECTIONS))
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

/// Names and hashes are asked for of everybody, whether or not a certificate is required.
fn demanded() -> Vec<Case> {
    let hash = Pki::get().identity("client").sha256();
    let context = |more: &str| format!("validation_context: {{{more}}}");
    let trusting = |more: &str| context(&format!("trusted_ca: {{filename: '{{{{dir}}}}/ca.pem'}}{more}"));
    let names = "match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: 'spiffe://lab/'}}]";
    let hashes = format!("verify_certificate_hash: [\"{hash}\"]");
    let keys = "verify_certificate_spki: [\"NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=\"]";
    [
        ("names_demand_a_certificate", trusting(&format!(", {names}"))),
        (
            "names_of_old_demand_a_certificate",
            trusting(", match_subject_alt_names: [{prefix: 'spiffe://lab/'}]"),
        ),
        ("a_hash_demands_a_certificate", context(&hashes)),
        ("a_hash_and_a_root_demand_a_certificate", trusting(&format!(", {hashes}"))),
        ("the_hash_of_a_key_demands_a_certificate", context(keys)),
        (
            "names_of_the_default_context_demand_a_certificate",
            format!("combined_{}", context(&format!("default_validation_context: {{{names}}}, validation_context_sds_secret_config: {{name: roots}}"))),
        ),
        ("a_root_alone_demands_none", trusting("")),
        ("dates_that_do_not_count_demand_none", trusting(", allow_expired_certificate: true")),
        ("names_demand_none_where_anybody_is_taken", trusting(&format!(", {names}, trust_chain_verification: ACCEPT_UNTRUSTED"))),
    ]
    .into_iter()
    .map(|(name, common)| {
        case(name)
            .more_clusters("secrets: [{name: roots, validation_context: {trusted_ca: {filename: '{{dir}}/ca.pem'}}}]")
            .listener(&listener_log(CONNECTIONS))
            .tls("require_client_certificate: false", &common)
            .without_log()
            .shake("none", TlsWish::to("lab.test"))
            .shake("none, before TLS 1.3", old(TlsWish::to("lab.test")))
            .shake("trusted", with("client"))
            .stats(&[
                "listener.main.ssl.handshake",
                "listener.main.ssl.fail_verify_no_cert",
                "listener.main.ssl.fail_verify_cert_hash",
                "listener.main.ssl.no_certificate",
                "listener.main.ssl.connection_error",
            ])
    })
    .collect()
}

/// What is known of whoever shows a certificate.
const PEERS: &str = "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%|%DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_SERIAL%|%DOWNSTREAM_PEER_URI_SAN%|%DOWNSTREAM_PEER_DNS_SAN%|%DOWNSTREAM_PEER_FINGERPRINT_256%|%DOWNSTREAM_PEER_FINGERPRINT_1%|%DOWNSTREAM_PEER_CERT_V_START%|%DOWNSTREAM_PEER_CERT_V_END(%Y-%m)%|%DOWNSTREAM_PEER_CHAIN_SERIALS%|%DOWNSTREAM_PEER_ISSUER_SERIAL%|%DOWNSTREAM_PEER_CERT%|%DOWNSTREAM_TLS_VERSION%";

fn told() -> Vec<Case> {
    vec![
        case("facts_of_certificates_in_the_access_log")
            .log("%DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_SERIAL%|%DOWNSTREAM_PEER_URI_SAN%|%DOWNSTREAM_PEER_DNS_SAN%|%DOWNSTREAM_PEER_IP_SAN%|%DOWNSTREAM_PEER_EMAIL_SAN%|%DOWNSTREAM_PEER_OTHERNAME_SAN%|%DOWNSTREAM_PEER_FINGERPRINT_256%|%DOWNSTREAM_PEER_FINGERPRINT_1%|%DOWNSTREAM_PEER_CERT_V_START%|%DOWNSTREAM_PEER_CERT_V_END(%Y-%m)%|%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%|%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1%|%DOWNSTREAM_PEER_CHAIN_SERIALS%|%DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256%|%DOWNSTREAM_PEER_ISSUER_SERIAL%|%DOWNSTREAM_PEER_CERT%")
            .tls("", TRUST)
            .shake("with all names", with("client"))
            .shake("with none", with("other"))
            .shake("none", TlsWish::to("lab.test")),
        case("facts_of_certificates_that_are_refused")
            .listener(&listener_log(PEERS))
            .tls(
                "",
                "validation_context:
                   trusted_ca: {filename: '{{dir}}/ca.pem'}
                   match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://nobody'}}]",
            )
            .sort_log()
            .shake("without the name", with("client"))
            .shake("without the name, before TLS 1.3", old(with("client")))
            .shake("of another root", with("rogue"))
            .shake("of another root, before TLS 1.3", old(with("rogue")))
            .shake("out of date", with("old"))
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
