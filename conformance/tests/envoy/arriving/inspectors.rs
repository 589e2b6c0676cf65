//! What the inspectors find out, and how long they wait for it.

use std::time::Duration;

use causeway_conformance::{Case, Run, listener_log};

use super::hello::{hello, large};
use super::{GET, STATS, listener_filters, note, site, tell};

const TLS_STATS: &[&str] = &[
    "tls_inspector.alpn_found",
    "tls_inspector.alpn_not_found",
    "tls_inspector.client_hello_too_large",
    "tls_inspector.sni_found",
    "tls_inspector.sni_not_found",
    "tls_inspector.tls_found",
    "tls_inspector.tls_not_found",
];

const HTTP_STATS: &[&str] = &[
    "http_inspector.http10_found",
    "http_inspector.http11_found",
    "http_inspector.http2_found",
    "http_inspector.http_not_found",
    "http_inspector.read_error",
];

const BY_VERSION: &[(&str, &str)] = &[
    ("{application_protocols: [http/1.1]}", "1.1"),
    ("{application_protocols: [http/1.0]}", "1.0"),
    ("{application_protocols: [h2c]}", "2"),
    ("{}", "none"),
];

const BY_TRANSPORT: &[(&str, &str)] = &[("{transport_protocol: tls}", "tls"), ("{}", "raw")];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the_version_of_http_is_an_application_protocol")
            .file(&site(&listener_filters(&[("http", "")]), BY_VERSION))
            .step(async |run: &mut Run| {
                for line in [
                    "GET / HTTP/1.1\r\n",
                    "get / HTTP/1.1\n",
                    "GET http://a/ HTTP/1.1\r\n",
                    "CONNECT a:1 HTTP/1.1\r\n",
                    "GET / HTTP/1.0\r\n",
                    "GET / HTTP/1.2\r\n",
                    "GET /\r\n",
                    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    "GET / http/1.1\r\n",
                    "GET /a b HTTP/1.1\r\n",
                    "\r\nGET / HTTP/1.1\r\n",
                    "SSH-2.0-x\r\n",
                ] {
                    tell(run, line.trim(), line.as_bytes()).await;
                }
            })
            .stats(HTTP_STATS),
        Case::new("a_first_line_may_come_in_pieces")
            .file(&site(&listener_filters(&[("http", "")]), BY_VERSION))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                for piece in ["GE", "T / HTTP", "/1.1\r", "\n"] {
                    connection.write(piece).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                note(run, "in pieces", connection).await;
            })
            .stats(HTTP_STATS),
        Case::new("a_connection_that_says_too_little_is_closed_in_time")
            .file(&site(
                &format!(
                    "listener_filters_timeout: 0.3s\n{}{}",
                    listener_log("%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_ID%"),
                    listener_filters(&[("http", "")])
                ),
                BY_VERSION,
            ))
            .step(async |run: &mut Run| {
                tell(run, "nothing", b"").await;
                tell(run, "a part", b"GET /").await;
            })
            .stats(STATS),
        Case::new("a_connection_that_says_too_little_may_go_on")
            .file(&site(
                &format!(
                    "listener_filters_timeout: 0.3s\ncontinue_on_listener_filters_timeout: true\n{}",
                    listener_filters(&[("http", "")])
                ),
                BY_VERSION,
            ))
            .step(async |run: &mut Run| {
                tell(run, "nothing", b"").await;
                tell(run, "a part", b"GET /").await;
            })
            .stats(STATS),
        Case::new("why_a_first_message_is_no_tls")
            .file(&site(
                &format!(
                    "{}{}",
                    listener_log("[%DOWNSTREAM_TRANSPORT_FAILURE_REASON%] %RESPONSE_FLAGS% %STREAM_ID%"),
                    listener_filters(&[("tls", "")])
                ),
                &[("{transport_protocol: tls}", "secure")],
            ))
            .step(async |run: &mut Run| {
                for (name, first) in [
                    ("a request", &b"GET / HTTP/1.1\r\n\r\n"[..]),
                    ("a body", b"POST / HTTP/1.1\r\n\r\n"),
                    ("a tunnel", b"CONNECT a:1 HTTP/1.1\r\n\r\n"),
                    ("words", b"hello world\r\n\r\n"),
                    ("a hello that is cut", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"),
                ] {
                    tell(run, name, first).await;
                }
            })
            .stats(STATS),
        Case::new("a_client_that_leaves_before_it_was_served")
            .file(&site(
                &format!("{}{}", listener_log("%RESPONSE_FLAGS% %CONNECTION_ID%"), listener_filters(&[("tls", "")])),
                BY_TRANSPORT,
            ))
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write(b"\x16\x03\x01").await;
                connection.finish().await;
                note(run, "the client", connection).await;
            })
            .stats(STATS),
        Case::new("a_hello_over_any_number_of_records")
            .file(&site(&listener_filters(&[("tls", "")]), BY_TRANSPORT))
            .step(async |run: &mut Run| {
                for size in [1, 7, 40, 16_000] {
                    tell(run, &format!("records of {size}"), &hello("a.test", &["h2"], size)).await;
                }
                tell(run, "a large one", &large(14_000)).await;
                tell(run, "one that is too large", &large(17_000)).await;
            })
            .stats(TLS_STATS),
        Case::new("what_is_no_hello_goes_on_without_tls")
            .file(&site(&listener_filters(&[("tls", "")]), BY_TRANSPORT))
            .step(async |run: &mut Run| {
                tell(run, "HTTP", GET).await;
                tell(run, "an alert", b"\x15\x03\x01\0\x02\x02\x28").await;
                tell(run, "another message", b"\x16\x03\x01\0\x04\x02\0\0\0").await;
                tell(run, "a long record", b"\x16\x03\x01\xff\xff").await;
            })
            .stats(TLS_STATS),
        Case::new("what_is_no_hello_is_named_in_logs")
            .file(&site(
                &format!(
                    "{}{}",
                    listener_log("%RESPONSE_FLAGS% %DOWNSTREAM_TRANSPORT_FAILURE_REASON% %STREAM_ID%"),
                    listener_filters(&[("tls", "")])
                ),
                BY_TRANSPORT,
            ))
            .step(async |run: &mut Run| {
                tell(run, "HTTP", GET).await;
                tell(run, "a CONNECT", b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n").await;
                tell(run, "SSH", b"SSH-2.0-x\r\n").await;
                tell(run, "data", b"\x17\x03\x01\0\x05hello").await;
                tell(run, "another message", b"\x16\x03\x01\0\x04\x02\0\0\0").await;
                tell(run, "a long record", b"\x16\x03\x01\xff\xff").await;
                tell(run, "a large message", b"\x16\x03\x01\0\x05\x02ello").await;
                tell(run, "nothing of a hello", b"\x16\x03\x01\0\x04\x01\0\0\0").await;
            }),
        Case::new("what_is_no_hello_may_be_closed")
            .file(&site(
                &listener_filters(&[("tls", "close_connection_on_client_hello_parsing_errors: true")]),
                BY_TRANSPORT,
            ))
            .step(async |run: &mut Run| {
                tell(run, "HTTP", GET).await;
                tell(run, "a hello", &hello("a.test", &[], 16_000)).await;
                tell(run, "a hello that is too large", &large(17_000)).await;
            })
            .stats(TLS_STATS),
        Case::new("a_limit_for_hellos")
            .file(&site(&listener_filters(&[("tls", "max_client_hello_size: 1024")]), BY_TRANSPORT))
            .step(async |run: &mut Run| {
                tell(run, "a small one", &hello("a.test", &[], 16_000)).await;
                tell(run, "a large one", &large(2_000)).await;
            })
            .stats(TLS_STATS),
        Case::new("fingerprints_stand_in_logs")
            .file(&site(
                &format!(
                    "{}{}",
                    listener_log("%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%"),
                    listener_filters(&[("tls", "enable_ja3_fingerprinting: true\nenable_ja4_fingerprinting: true")])
                ),
                BY_TRANSPORT,
            ))
            .step(async |run: &mut Run| {
                tell(run, "with a name", &hello("a.test", &["h2", "http/1.1"], 16_000)).await;
                tell(run, "without", &hello("", &[], 16_000)).await;
                tell(run, "a large one", &large(9_000)).await;
            }),
        Case::new("a_filter_does_not_look_at_every_connection")
            .file(
                &site(
                    &listener_filters(&[("http", "")]).replace(
                        "  typed_config:",
                        "  filter_disabled: {not_match: {destination_port_range: {start: 1, end: 9}}}\n  typed_config:",
                    ),
                    BY_VERSION,
                ),
            )
            .step(async |run: &mut Run| tell(run, "a port that it does not look at", GET).await)
            .stats(HTTP_STATS),
    ]
}
