//! Handshakes: what is agreed on, and what is not.

use std::time::Duration;

use causeway_conformance::{Case, Request, Run, TlsWish, listener_log};
use rustls::CipherSuite;
use rustls::CipherSuite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS13_CHACHA20_POLY1305_SHA256,
};
use serde_json::json;

use super::{CONNECTIONS, case};
use crate::arriving::hello::of_tls13;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = agreed();
    cases.extend(refused());
    cases
}

const AES_128: CipherSuite = TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const AES_256: CipherSuite = TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
const CHACHA20: CipherSuite = TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;

/// A client of TLS 1.2 that likes suites in this order.
fn before(suites: &[CipherSuite]) -> TlsWish {
    TlsWish::to("lab.test").only_tls12().ciphers(suites)
}

fn agreed() -> Vec<Case> {
    vec![
        case("versions_and_suites_by_default")
            .tls("", "")
            .shake("the newest", TlsWish::to("lab.test"))
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12())
            .shake("a suite of the client", TlsWish::to("lab.test").ciphers(&[TLS13_CHACHA20_POLY1305_SHA256]))
            .stats(&[
                "listener.main.ssl.handshake",
                "listener.main.ssl.no_certificate",
                "listener.main.ssl.connection_error",
                "listener.main.ssl.versions.TLSv1.3",
                "listener.main.ssl.versions.TLSv1.2",
                "listener.main.ssl.ciphers.TLS_CHACHA20_POLY1305_SHA256",
                "listener.main.ssl.curves.X25519",
                "http.ingress.downstream_cx_ssl_total",
            ]),
        case("the_order_of_suites_before_tls_13_is_the_servers")
            .tls("", "")
            .shake(
                "AES-256 first",
                TlsWish::to("lab.test").only_tls12().ciphers(&[
                    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                ]),
            )
            .shake(
                "ChaCha20 is worth as much as AES-128",
                TlsWish::to("lab.test").only_tls12().ciphers(&[
                    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                ]),
            ),
        case("prefer_client_ciphers")
            .tls("prefer_client_ciphers: true", "")
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12()),
        case("tls_12_and_nothing_newer")
            .tls("", "tls_params: {tls_maximum_protocol_version: TLSv1_2}")
            .shake("both", TlsWish::to("lab.test"))
            .shake("TLS 1.3 alone", TlsWish::to("lab.test").only_tls13()),
        case("no_version_is_left")
            .tls(
                "",
                "tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_2}",
            )
            .shake("any", TlsWish::to("lab.test")),
        case("suites_and_groups_by_name")
            .tls(
                "",
                "tls_params:
                   cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256]
                   ecdh_curves: [P-384, P-256]",
            )
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12())
            .shake("TLS 1.3", TlsWish::to("lab.test"))
            .differs("D-54", &["TLS 1.2", "group"], "secp256r1")
            .differs("D-54", &["TLS 1.3", "group"], "secp256r1"),
        case("among_suites_of_equal_rank_the_client_chooses")
            .tls(
                "",
                "tls_params:
                   cipher_suites: ['[ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]', ECDHE-ECDSA-AES128-GCM-SHA256]",
            )
            .shake("AES-256 first", before(&[AES_256, CHACHA20, AES_128]))
            .shake("ChaCha20 first", before(&[CHACHA20, AES_256, AES_128]))
            .shake("AES-128 first", before(&[AES_128, CHACHA20, AES_256]))
            .shake("AES-128 alone", before(&[AES_128]))
            .shake("TLS 1.3", TlsWish::to("lab.test")),
        case("among_all_suites_the_client_chooses")
            .tls(
                "",
                "tls_params: {cipher_suites: ['[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]']}",
            )
            .shake("AES-256 first", before(&[AES_256, CHACHA20, AES_128]))
            .shake("ChaCha20 first", before(&[CHACHA20, AES_256, AES_128]))
            .shake("AES-128 first", before(&[AES_128, CHACHA20, AES_256])),
        case("old_versions_and_suites_among_others")
            .tls(
                "",
                "tls_params:
                   tls_minimum_protocol_version: TLSv1_0
                   tls_maximum_protocol_version: TLSv1_3
                   cipher_suites: ['ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-GCM-SHA384', '[AES128-SHA|ECDHE-ECDSA-AES128-GCM-SHA256]', TLS_AES_128_GCM_SHA256]
                   ecdh_curves: [P-521, P-256]",
            )
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12())
            .shake("TLS 1.3", TlsWish::to("lab.test")),
        case("application_protocols")
            .tls("", "alpn_protocols: [http/1.1, http/1.0]")
            .shake("one in common", TlsWish::to("lab.test").alpn(&["h2", "http/1.1"]))
            .shake("the server's order", TlsWish::to("lab.test").alpn(&["http/1.0", "http/1.1"]))
            .shake("none in common", TlsWish::to("lab.test").alpn(&["foo", "bar"]))
            .shake("none offered", TlsWish::to("lab.test")),
        case("no_application_protocols")
            .tls("", "")
            .shake("some offered", TlsWish::to("lab.test").alpn(&["http/1.1"])),
        case("protocols_in_one_text")
            .tls("", "alpn_protocols: ['http/1.1,http/1.0']")
            .shake("the second", TlsWish::to("lab.test").alpn(&["http/1.0"])),
        case("require_sni_changes_nothing").tls("require_sni: true", "").shake("no name", TlsWish::default()),
        case("x_forwarded_proto_and_redirects")
            .echoes(&["app"])
            .routes("- {match: {prefix: /}, route: {cluster: app}}")
            .hcm("use_remote_address: true")
            .virtual_host("require_tls: ALL")
            .tls("", "")
            .shake("https", TlsWish::to("lab.test"))
            .shake_and_ask(
                "whatever the client says",
                TlsWish::to("lab.test"),
                Request::get("/").header("x-forwarded-proto", "http"),
            ),
        case("the_scheme_of_a_client_from_inside")
            .echoes(&["app"])
            .routes("- {match: {prefix: /}, route: {cluster: app}}")
            .tls("", "")
            .shake_and_ask(
                "http",
                TlsWish::to("lab.test"),
                Request::get("/").header("x-forwarded-proto", "http"),
            ),
        case("facts_in_the_access_log")
            .log("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_GROUP% %DOWNSTREAM_LOCAL_SUBJECT% %DOWNSTREAM_LOCAL_DNS_SAN% %DOWNSTREAM_LOCAL_IP_SAN% %DOWNSTREAM_LOCAL_URI_SAN% %DOWNSTREAM_LOCAL_EMAIL_SAN% %DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END% %DOWNSTREAM_PEER_CERT% %REQUESTED_SERVER_NAME% %DOWNSTREAM_TRANSPORT_FAILURE_REASON% %REQ(:SCHEME)%")
            .tls("", "")
            .shake("TLS 1.3", TlsWish::to("lab.test"))
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12()),
        case("what_is_spoken_is_a_label_for_prometheus")
            .tls("", "")
            .shake("TLS 1.3", TlsWish::to("lab.test"))
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12())
            .step(async |run: &mut Run| {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let page = run.page("/stats/prometheus?filter=ssl\\.(versions|ciphers|curves|certificate\\.)").await;
                let mut lines: Vec<&str> = page.lines().collect();
                lines.sort_unstable();
                run.note("labels", json!(lines));
            }),
    ]
}

fn refused() -> Vec<Case> {
    vec![
        // So do curl and OpenSSL, which encrypt from their last message on.
        case("an_alert_before_anything_is_encrypted")
            .listener(&listener_log(CONNECTIONS))
            .tls("", "")
            .step(async |run: &mut Run| {
                let mut client = run.connect().await;
                client.write(of_tls13()).await;
                client.read(200).await;
                client.write(b"\x15\x03\x03\x00\x02\x02\x30").await;
                let (_, end) = client.rest(Duration::from_secs(2)).await;
                run.note("end", json!(end.as_str()));
            })
            .stats(&["listener.main.ssl.connection_error"])
            .differs(
                "D-169",
                &["log", "0"],
                "- TLSv1.3 TLS_AES_128_GCM_SHA256 TLS_error:|268436504:SSL_routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA:TLS_error_end - - - [-] [-] - - - - - - 0",
            ),

        case("without_tls")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", "")
            .step(async |run: &mut Run| says(run, "GET", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await)
            .step(async |run: &mut Run| says(run, "CONNECT", b"CONNECT a:1 HTTP/1.1\r\n\r\n").await)
            .step(async |run: &mut Run| says(run, "zeros", &[0; 64]).await)
            .step(async |run: &mut Run| says(run, "letters", b"SSH-2.0-OpenSSH_9.2p1\r\n").await)
            .step(async |run: &mut Run| says(run, "PROXY", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n").await)
            .stats(&[
                "listener.main.ssl.connection_error",
                "listener.main.ssl.handshake",
                "http.ingress.downstream_cx_total",
                "http.ingress.downstream_cx_ssl_total",
                "listener.main.downstream_cx_total",
            ]),
        case("too_old_and_too_new")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", "tls_params: {tls_minimum_protocol_version: TLSv1_3}")
            .shake("TLS 1.2", TlsWish::to("lab.test").only_tls12())
            .step(async |run: &mut Run| says(run, "TLS 1.0", OLD_HELLO).await)
            .stats(&["listener.main.ssl.connection_error"]),
        case("nothing_in_common")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", "tls_params: {cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]}")
            .shake("suites", TlsWish::to("lab.test").only_tls12())
            .stats(&["listener.main.ssl.connection_error"]),
        case("suites_of_other_times_and_a_key_on_a_curve")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", "")
            .step(async |run: &mut Run| says(run, "RSA", RSA_HELLO).await),
        case("suites_of_other_times_and_a_key_of_rsa")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", &super::certificates(&["rsa"]))
            .step(async |run: &mut Run| says(run, "RSA", RSA_HELLO).await),
        case("a_handshake_that_takes_too_long")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .chain("transport_socket_connect_timeout: 0.3s")
            .tls("", "")
            .step(async |run: &mut Run| says(run, "half", b"\x16\x03\x01\x02\x00\x01\x00").await)
            .step(async |run: &mut Run| says(run, "nothing", b"").await)
            .stats(&[
                "listener.main.downstream_cx_transport_socket_connect_timeout",
                "listener.main.ssl.connection_error",
            ]),
        case("a_client_that_leaves")
            .listener(&listener_log(CONNECTIONS))
            .without_log()
            .tls("", "")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write(b"\x16\x03\x01\x02\x00\x01\x00").await;
                connection.finish().await;
                let end = connection.end(Duration::from_secs(2)).await;
                run.note("half a message", json!(end.as_str()));
            })
            .stats(&["listener.main.ssl.connection_error", "listener.main.downstream_cx_destroy"]),
        case("the_end_of_a_connection_is_said")
            .tls("", "")
            .shake_and_ask(
                "closed behind the answer",
                TlsWish::to("lab.test"),
                Request::get("/").header("connection", "close"),
            )
            .shake_and_ask("HTTP/1.0", TlsWish::to("lab.test"), Request::get("/").version("HTTP/1.0")),
    ]
}

/// Says this without TLS, and notes what comes back, and how it ends.
async fn says(run: &mut Run, label: &str, bytes: &[u8]) {
    let mut connection = run.connect().await;
    connection.write(bytes).await;
    let (answer, end) = connection.rest(Duration::from_millis(600)).await;
    // What is said in TLS, if anything, is an alert: its level and what it is.
    let alert = answer.get(5..7).map(<[u8]>::to_vec);
    run.note(format!("{label}: alert"), json!(alert));
    run.note(format!("{label}: end"), json!(end.as_str()));
}

/// A first message of TLS 1.0 without extensions.
const OLD_HELLO: &[u8] = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01\
    0123456789abcdef0123456789abcdef\
    \x00\x00\x02\xc0\x2b\x01\x00";

/// A client of TLS 1.2 that knows no key exchange but RSA.
const RSA_HELLO: &[u8] = b"\x16\x03\x01\x00\x3d\x01\x00\x00\x39\x03\x03\
    0123456789abcdef0123456789abcdef\
    \x00\x00\x06\x00\x2f\x00\x35\x00\x9c\x01\x00\
    \x00\x0a\x00\x0d\x00\x06\x00\x04\x04\x01\x04\x03";
