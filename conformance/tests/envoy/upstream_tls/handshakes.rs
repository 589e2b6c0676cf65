//! Versions, suites, protocols, client certificates and sessions; and handshakes that come to nothing.

use std::time::Duration;

use causeway_conformance::{Answer, Case, Run, Script, TlsServer};
use serde_json::{Value, json};

use super::{asked, case, files, good, odd, showing, tls, trusting, with};

fn only(version: &'static rustls::SupportedProtocolVersion) -> TlsServer {
    TlsServer::with(causeway_conformance::Pki::get().identity("server"), false, &[], &[version])
}

/// A back-end that takes what comes and answers with these bytes, in place of a handshake.
fn says(name: &'static str, bytes: &'static [u8]) -> Case {
    let greeting = Answer::raw(bytes).then_pause(Duration::from_millis(300)).then_close();
    let script = Script::echo().greeting(greeting);
    files(Case::new(name).backend("app", script).cluster("app", &tls("sni: lab.test")).log(super::LOG))
        .get("/")
        .stats(super::COUNTED)
}

/// Protocols that were agreed on, whether a session was resumed, and whether there was a client certificate.
fn agreed(case: Case) -> Case {
    case.step(async |run: &mut Run| {
        let seen = run.backend("app").handshakes().into_iter().map(|seen| match seen {
            Ok(seen) => json!([seen.version, seen.alpn, seen.resumed, seen.peer.len()]),
            Err(_) => json!("refused"),
        });
        let seen: Vec<Value> = seen.collect();
        run.note("agreed", json!(seen));
    })
}

fn params(params: &str) -> String {
    format!("common_tls_context: {{tls_params: {{{params}}}}}")
}

pub(crate) fn cases() -> Vec<Case> {
    let up_to_13 = params("tls_maximum_protocol_version: TLSv1_3");
    let chacha = params("cipher_suites: [ECDHE-ECDSA-CHACHA20-POLY1305]");
    let curve = params("ecdh_curves: [P-256]");
    let one_request = "
        typed_extension_protocol_options:
          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
            \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
            common_http_protocol_options: {max_requests_per_connection: 1}
            explicit_http_config: {http_protocol_options: {}}";
    let mutual = format!("common_tls_context: {{{}}}", showing("client"));
    let rogue = format!("common_tls_context: {{{}}}", showing("rogue"));
    // Its certificate has all kinds of names, and so has the one that it is shown.
    let all_kinds = || TlsServer::new("client", true, &[]);
    let every = "%UPSTREAM_SERVER_NAME% %UPSTREAM_PEER_CERT% %UPSTREAM_PEER_CERT_V_START% %UPSTREAM_PEER_CERT_V_END(%Y)% %UPSTREAM_PEER_URI_SAN% %UPSTREAM_PEER_DNS_SAN% %UPSTREAM_PEER_IP_SAN% %UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_ISSUER% %UPSTREAM_LOCAL_DNS_SAN% %UPSTREAM_LOCAL_IP_SAN% %UPSTREAM_LOCAL_URI_SAN%\n";
    let every =
        format!("log_format: {{text_format_source: {{inline_string: \"{}\"}}}}", every.replace('\n', "\\n"));
    vec![
        case("every_operator_about_certificates", all_kinds, &format!("sni: x.test, {mutual}")).log(&every).get("/"),
        case("every_operator_about_certificates_without_names", good, "common_tls_context: {}").log(&every).get("/"),
        case("every_operator_about_certificates_where_nobody_is", || with(&odd().expired), &trusting(""))
            .log(&every)
            .get("/"),
        agreed(asked("the_most_is_1_2_unless_it_is_said_otherwise", good, "sni: lab.test")),
        agreed(asked("1_3_where_it_is_said", good, &up_to_13)),
        asked("a_back_end_that_speaks_1_3_alone", || only(&rustls::version::TLS13), "sni: lab.test"),
        asked(
            "a_back_end_that_speaks_1_2_alone_where_1_3_is_the_least",
            || only(&rustls::version::TLS12),
            &params("tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3"),
        ),
        asked("a_least_version_above_the_most_never_works", good, &params("tls_minimum_protocol_version: TLSv1_3")),
        asked("a_suite_by_name", || only(&rustls::version::TLS12), &chacha),
        asked("a_curve_by_name", good, &curve),
        agreed(asked("http_1_is_offered_by_alpn", || TlsServer::new("server", false, &["h2", "http/1.1"]), "sni: lab.test")),
        agreed(asked(
            "protocols_by_name",
            || TlsServer::new("server", false, &["two", "one"]),
            "common_tls_context: {alpn_protocols: [one, two]}",
        )),
        agreed(asked("a_client_certificate", || TlsServer::new("server", true, &[]), &mutual)),
        asked("a_client_certificate_that_is_missing", || {
            TlsServer::with(causeway_conformance::Pki::get().identity("server"), true, &[], &[&rustls::version::TLS12])
        }, "sni: lab.test"),
        asked("a_client_certificate_that_is_not_trusted", || {
            TlsServer::with(causeway_conformance::Pki::get().identity("server"), true, &[], &[&rustls::version::TLS12])
        }, &rogue),
        agreed(
            case("sessions_are_resumed", || only(&rustls::version::TLS12), "sni: lab.test")
                .cluster("app", one_request)
                .get("/1")
                .get("/2")
                .stats(&["cluster.app.ssl.session_reused", "cluster.app.ssl.handshake"]),
        ),
        agreed(
            case("sessions_are_not_resumed_where_none_are_kept", || only(&rustls::version::TLS12), "sni: lab.test, max_session_keys: 0")
                .cluster("app", one_request)
                .get("/1")
                .get("/2")
                .stats(&["cluster.app.ssl.session_reused"]),
        ),
        says("an_answer_in_plain_text", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        says("an_alert_of_handshake_failure", &[21, 3, 3, 0, 2, 2, 40]),
        says("an_alert_about_the_name", &[21, 3, 3, 0, 2, 2, 112]),
        says("an_alert_about_the_protocol", &[21, 3, 3, 0, 2, 2, 120]),
        says("an_alert_that_nobody_knows", &[21, 3, 3, 0, 2, 2, 99]),
        files(
            Case::new("a_handshake_that_takes_too_long")
                .backend("app", Script::echo().greeting(Answer::hang()))
                .cluster("app", "connect_timeout: 0.3s")
                .cluster("app", &tls("sni: lab.test"))
                .log(super::LOG),
        )
        .get("/")
        .stats(super::COUNTED),
        case("a_health_check_speaks_tls", || TlsServer::new("server", false, &["hc", "http/1.1"]), &trusting(""))
            .cluster("app", "
                health_checks:
                - {timeout: 1s, interval: 60s, unhealthy_threshold: 1, healthy_threshold: 1, tls_options: {alpn_protocols: [hc]}, http_health_check: {path: /h}}")
            .wait_for("/clusters", "health_flags::healthy")
            .get("/"),
    ]
}
