//! The PROXY protocol from clients.

use std::time::Duration;

use causeway_conformance::{Case, Run, listener_log};
use serde_json::json;

use super::{GET, listener_filters, note};

const LOG: &str = "%RESPONSE_CODE% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_ADDRESS%";

const STATS: &[&str] = &[
    "downstream_cx_proxy_proto_error",
    "proxy_proto.not_found_allowed",
    "proxy_proto.not_found_disallowed",
    "proxy_proto.versions.v1.disallowed",
    "proxy_proto.versions.v1.error",
    "proxy_proto.versions.v1.found",
    "proxy_proto.versions.v2.disallowed",
    "proxy_proto.versions.v2.error",
    "proxy_proto.versions.v2.found",
];

/// A header of version 2.
fn v2(version_and_command: u8, protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("it fits").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[version_and_command, protocol][..], &length, body].concat()
}

const V4: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 4, 87, 8, 174];

fn v4(tlvs: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[V4, tlvs].concat())
}

fn v6() -> Vec<u8> {
    let mut body = [0; 36];
    (body[0], body[1], body[15]) = (0x20, 0x01, 1);
    (body[16], body[17], body[31]) = (0x20, 0x01, 2);
    (body[33], body[35]) = (7, 9);
    v2(0x21, 0x21, &body)
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("it fits").to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// A connection manager behind the filter with these fields.
fn behind(name: &'static str, filter: &str) -> Case {
    Case::new(name)
        .listener(&listener_filters(&[("proxy", filter)]))
        .hcm("use_remote_address: true")
        .log(&format!("log_format: {{text_format_source: {{inline_string: \"{LOG}\\n\"}}}}"))
}

const KEY: &str = "envoy.network.proxy_protocol.tlv";

/// All forms of what TLVs become with `tlv_location: FILTER_STATE`.
const STATE: &str = "%FILTER_STATE(envoy.network.proxy_protocol.tlv)% %FILTER_STATE(envoy.network.proxy_protocol.tlv:PLAIN)% %FILTER_STATE(envoy.network.proxy_protocol.tlv:TYPED):9% %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:id)% %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:id):3% %FILTER_STATE(envoy.network.proxy_protocol.tlv:FIELD:bytes)% %DYNAMIC_METADATA(ns:id)% %FILTER_STATE(other)%";

fn filter_state(name: &'static str) -> Case {
    Case::new(name)
        .listener(&listener_filters(&[(
            "proxy",
            "tlv_location: FILTER_STATE\nrules:\n- {tlv_type: 2, on_tlv_present: {key: name}}\n- {tlv_type: 0xea, on_tlv_present: {metadata_namespace: ns, key: id}}\n- {tlv_type: 0xe0, on_tlv_present: {key: bytes, value_string_encoding: BASE64}}",
        )]))
        .hcm("use_remote_address: true")
}

/// The order of several in one object is chance in Envoy, so there is one of them at a time.
async fn send_states(run: &mut Run) {
    for tlvs in [
        [tlv(4, b""), tlv(0xea, b"vpce-1")].concat(),
        [tlv(0xea, b"one"), tlv(0xea, b"two")].concat(),
        tlv(0xea, b"\xff\xfea"),
        tlv(0xea, b""),
        tlv(0xe0, b"\xff\0a"),
        tlv(0xea, b"a\"\\<>&\xc3\xa9/ b"),
        // What the printer of protobuf escapes, and its neighbours.
        tlv(0xea, "\u{80}\u{9f}\u{a0}\u{ad}\u{600}\u{604}\u{6dd}\u{70f}\u{17b4}\u{17b6}\u{200a}\u{200b}\u{2010}\u{2028}\u{202f}\u{2060}\u{2065}\u{206a}\u{2070}\u{feff}\u{fff9}\u{fffc}\u{1d173}\u{e0001}".as_bytes()),
        Vec::new(),
    ] {
        ask(run, &format!("{}", tlvs.escape_ascii()), &v4(&tlvs)).await;
        let told = run.backend("app").received().pop();
        for field in ["x-state", "x-field"] {
            let value = told.as_ref().and_then(|told| told.headers.get(field).map(str::to_owned));
            if let Some(value) = value {
                run.note(format!("{field} of {}", tlvs.escape_ascii()), json!(value));
            }
        }
    }
    ask(run, "the proxy itself", &v2(0x20, 0, &tlv(2, b"a.test"))).await;
    ask(run, "version 1", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n").await;
}

/// A TCP proxy behind the filter, which keeps TLVs in one of two places; it and the listener log what is there.
fn passed_on(name: &'static str, location: &str) -> Case {
    let log = |who: &str| {
        format!(
            r#"[{{name: file, typed_config: {{"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{{{dir}}}}/access.log", log_format: {{text_format_source: {{inline_string: "{who} %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:id)% %FILTER_STATE({KEY}:FIELD:id)%\n"}}}}}}}}]"#
        )
    };
    let file = format!(
        r#"
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{admin}}}}}}}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: {{{{listen}}}}}}}}
    access_log: {}
    listener_filters:
    - name: envoy.filters.listener.proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
        tlv_location: {location}
        rules: [{{tlv_type: 0xea, on_tlv_present: {{key: id}}}}]
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tcp
          cluster: nowhere
          access_log: {}
  clusters: [{{name: nowhere}}]
"#,
        log("listener"),
        log("proxy")
    );
    Case::new(name).file(&file).sort_log().step(async |run: &mut Run| {
        let mut connection = run.connect().await;
        connection.write(v4(&tlv(0xea, b"vpce-1"))).await;
        let (_, end) = connection.rest(Duration::from_secs(2)).await;
        run.note("end", json!(end.as_str()));
    })
}

/// Notes what the back-end is told of the client where a request follows this, or how the connection ends.
async fn ask(run: &mut Run, label: &str, header: &[u8]) {
    let mut connection = run.connect().await;
    connection.write([header, GET].concat()).await;
    note_answer(run, label, connection).await;
}

async fn note_answer(run: &mut Run, label: &str, mut connection: causeway_conformance::Connection) {
    match connection.response("GET").await {
        Ok(response) => {
            let told = run.backend("app").received().pop();
            let xff = told.and_then(|told| told.headers.get("x-forwarded-for").map(str::to_owned));
            run.note(label, json!({"status": response.status, "x-forwarded-for": xff}));
        }
        Err(_) => {
            let (_, end) = connection.rest(Duration::from_secs(1)).await;
            run.note(label, json!(end.as_str()));
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        behind("headers_of_version_1", "")
            .step(async |run: &mut Run| {
                ask(run, "TCP4", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await;
                ask(run, "TCP6", b"PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n").await;
                ask(run, "UNKNOWN", b"PROXY UNKNOWN\r\n").await;
                ask(run, "UNKNOWN with something", b"PROXY UNKNOWN ffff::1 x 1 2\r\n").await;
                ask(run, "ports of nothing", b"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n").await;
                ask(run, "a client on loopback", b"PROXY TCP4 127.0.0.1 127.0.0.1 1111 2222\r\n").await;
            })
            .stats(STATS),
        behind("lines_that_are_no_headers", "")
            .step(async |run: &mut Run| {
                for line in [
                    "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                    "PROXY\r\n",
                    "PROXY \r\n",
                    "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
                    "PROXY UNKNOWNX\r\n",
                    "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                    "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
                    "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
                    "PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n",
                    "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
                    "PROXY TCP4 ::1 ::2 1 2\r\n",
                    "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
                    "PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n",
                    "PROXY TCP4 224.0.0.1 5.6.7.8 1 2\r\n",
                ] {
                    ask(run, line, line.as_bytes()).await;
                }
            })
            .stats(STATS),
        behind("lines_that_envoy_takes_all_the_same", "")
            .step(async |run: &mut Run| {
                ask(run, "a space behind", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n").await;
                ask(run, "a zero in front", b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n").await;
                ask(run, "a sign", b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n").await;
                ask(run, "a NUL", b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n").await;
            })
            .without_log()
            .differs("D-120", &["a space behind"], "reset")
            .differs("D-120", &["a zero in front"], "reset")
            .differs("D-120", &["a sign"], "reset")
            .differs("D-120", &["a NUL"], "reset"),
        behind("headers_of_version_2", "")
            .step(async |run: &mut Run| {
                ask(run, "IPv4", &v4(b"")).await;
                ask(run, "IPv6", &v6()).await;
                ask(run, "LOCAL", &v2(0x20, 0, b"")).await;
                ask(run, "LOCAL with addresses", &v2(0x20, 0x11, V4)).await;
                ask(run, "LOCAL with anything", &v2(0x20, 0x11, b"xyz")).await;
                ask(run, "TLVs", &v4(&[tlv(2, b"a.test"), tlv(0xea, b"")].concat())).await;
                ask(run, "60,000 bytes", &v4(&tlv(4, &[0; 60_000]))).await;
            })
            .stats(STATS),
        behind("what_is_no_header_of_version_2", "")
            .step(async |run: &mut Run| {
                for (label, header) in [
                    ("UNSPEC", v2(0x21, 0, b"")),
                    ("UNSPEC for a stream", v2(0x21, 1, b"")),
                    ("a Unix socket", v2(0x21, 0x31, &[b'/'; 216])),
                    ("a command", v2(0x22, 0x11, V4)),
                    ("a version", v2(0x11, 0x11, V4)),
                    ("a family", v2(0x21, 0x41, V4)),
                    ("a protocol", v2(0x21, 0x13, V4)),
                    ("short", v2(0x21, 0x11, &V4[..11])),
                    ("short for IPv6", v2(0x21, 0x21, V4)),
                    ("the head of a TLV", v4(b"\x02\0")),
                    ("a TLV that is cut", v4(b"\x02\0\x05ab")),
                    ("a network", v2(0x21, 0x11, &[0; 12])),
                    ("a damaged signature", b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0".to_vec()),
                ] {
                    ask(run, label, &header).await;
                }
            })
            .stats(STATS),
        behind("headers_that_envoy_takes_all_the_same", "")
            .step(async |run: &mut Run| {
                ask(run, "datagrams", &v2(0x21, 0x12, V4)).await;
                ask(run, "a wrong checksum", &v4(&tlv(3, &[1, 2, 3, 4]))).await;
            })
            .without_log()
            .differs("D-121", &["datagrams"], "reset")
            .differs("D-121", &["a wrong checksum"], "reset"),
        behind("a_header_may_come_in_pieces", "")
            .step(async |run: &mut Run| {
                let line = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".to_vec();
                for (label, header) in [("version 1", line), ("version 2", v4(&tlv(2, b"a.test")))] {
                    let mut connection = run.connect().await;
                    for piece in [&header, GET].concat().chunks(9) {
                        connection.write(piece).await;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    note_answer(run, label, connection).await;
                }
            })
            .stats(STATS),
        behind("a_connection_needs_a_header", "").step(async |run: &mut Run| ask(run, "none", b"").await).stats(STATS),
        behind("a_connection_need_not_have_a_header", "allow_requests_without_proxy_protocol: true")
            .step(async |run: &mut Run| {
                ask(run, "none", b"").await;
                ask(run, "one", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await;
                ask(run, "one that is none", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 99999\r\n").await;
            })
            .stats(STATS),
        behind("a_version_that_is_not_allowed", "disallowed_versions: [V1]")
            .step(async |run: &mut Run| {
                ask(run, "version 1", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await;
                ask(run, "version 2", &v4(b"")).await;
                ask(run, "none", b"").await;
            })
            .stats(STATS),
        behind(
            "a_version_that_is_not_allowed_is_none_where_none_is_needed",
            "disallowed_versions: [V2]\nallow_requests_without_proxy_protocol: true",
        )
        .step(async |run: &mut Run| {
            ask(run, "version 1", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await;
            ask(run, "version 2", &v4(b"")).await;
        })
        .without_log()
        .stats(STATS),
        behind("statistics_have_a_prefix", "stat_prefix: edge")
            .step(async |run: &mut Run| {
                ask(run, "a header", &v4(b"")).await;
                ask(run, "none", b"").await;
            })
            .stats(&[
                "proxy_proto.edge.not_found_disallowed",
                "proxy_proto.edge.versions.v2.found",
                "proxy_proto.not_found_disallowed",
            ]),
        Case::new("tlvs_become_metadata_of_the_connection")
            .listener(&listener_filters(&[(
                "proxy",
                "rules:\n- {tlv_type: 2, on_tlv_present: {key: name}}\n- {tlv_type: 0xea, on_tlv_present: {metadata_namespace: ns, key: id}}\n- {tlv_type: 0xe0, on_tlv_present: {key: bytes, value_string_encoding: BASE64}}",
            )]))
            .listener(&listener_log(
                "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:name)% %DYNAMIC_METADATA(ns:id)% %DYNAMIC_METADATA(ns)% %DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:bytes)%",
            ))
            .log("log_format: {text_format_source: {inline_string: \"request: %DYNAMIC_METADATA(ns:id)%\\n\"}}")
            .sort_log()
            .step(async |run: &mut Run| {
                for tlvs in [
                    [tlv(2, b"a.test"), tlv(0xea, b"vpce-1"), tlv(0xe0, b"\xff\0a")].concat(),
                    [tlv(0xea, b"one"), tlv(0xea, b"two")].concat(),
                    tlv(0xea, b"\xff\xfea"),
                    tlv(0xea, b""),
                ] {
                    ask(run, &format!("{} bytes", tlvs.len()), &v4(&tlvs)).await;
                }
                ask(run, "the proxy itself", &v2(0x20, 0, &tlv(2, b"a.test"))).await;
            }),
        passed_on("a_tcp_proxy_logs_metadata_of_tlvs", "DYNAMIC_METADATA"),
        passed_on("a_tcp_proxy_logs_filter_state_of_tlvs", "FILTER_STATE"),
        filter_state("tlvs_become_filter_state_of_the_connection")
            .listener(&listener_log(&format!("connection: {STATE}")))
            .log(&format!("log_format: {{text_format_source: {{inline_string: \"request: {STATE} %UPSTREAM_FILTER_STATE({KEY}:PLAIN)%\\n\"}}}}"))
            .sort_log()
            .step(send_states),
        filter_state("filter_state_in_json")
            .log(&format!("log_format: {{json_format: {{a: \"%FILTER_STATE({KEY})%\", b: \"%FILTER_STATE({KEY}:PLAIN)%\", c: \"%FILTER_STATE({KEY}:TYPED):9%\", d: \"%FILTER_STATE({KEY}:FIELD:id)%\", e: \"<%FILTER_STATE({KEY})%>\", f: \"%FILTER_STATE({KEY}:FIELD:none)%\", g: \"%FILTER_STATE({KEY}:PLAIN):9%\", h: \"%FILTER_STATE({KEY}:FIELD:id):2%\"}}}}"))
            .sort_log()
            .step(send_states),
        filter_state("routes_ask_for_filter_state")
            .hcm("delayed_close_timeout: 0.02s")
            .routes(&format!(
                "
                - match: {{prefix: /, filter_state: [{{key: {KEY}, string_match: {{exact: '{{\"id\":\"vpce-1\"}}'}}}}]}}
                  direct_response: {{status: 201}}
                - match: {{prefix: /, filter_state: [{{key: {KEY}, string_match: {{safe_regex: {{regex: '.*\"two\".*'}}}}}}]}}
                  direct_response: {{status: 202}}
                - match: {{prefix: /, filter_state: [{{key: {KEY}, string_match: {{prefix: '{{'}}}}]}}
                  direct_response: {{status: 203}}
                - match: {{prefix: /, filter_state: [{{key: other, string_match: {{prefix: x}}}}]}}
                  direct_response: {{status: 204}}
                - match: {{prefix: /}}
                  direct_response: {{status: 200}}"
            ))
            .without_log()
            .step(send_states),
        filter_state("control_characters_of_filter_state")
            .log(&format!("log_format: {{json_format: {{a: \"%FILTER_STATE({KEY})%\", b: \"%FILTER_STATE({KEY}:PLAIN)%\", c: \"%FILTER_STATE({KEY}:FIELD:id)%\"}}}}"))
            .step(async |run: &mut Run| ask(run, "a header", &v4(&tlv(0xea, b"a\x7f\n\0b"))).await),
        filter_state("control_characters_in_a_field_that_is_added")
            .route_config(&format!("request_headers_to_add:\n- header: {{key: x-field, value: \"%FILTER_STATE({KEY}:FIELD:id)%\"}}"))
            .without_log()
            .step(async |run: &mut Run| {
                ask(run, "a header", &v4(&tlv(0xea, b"a\x7f\n\0b"))).await;
                let told = run.backend("app").received().pop();
                let told = told.and_then(|told| told.headers.get("x-field").map(str::to_owned));
                run.note("told", json!({"x-field": told}));
            })
            .differs("D-165", &["a header", "status"], 200)
            .differs("D-165", &["a header", "x-forwarded-for"], "1.2.3.4")
            .differs("D-165", &["told", "x-field"], "ab"),
        filter_state("filter_state_in_fields")
            .route_config(&format!("request_headers_to_add:\n- header: {{key: x-state, value: \"%FILTER_STATE({KEY}:PLAIN)%\"}}\n- header: {{key: x-field, value: \"%FILTER_STATE({KEY}:FIELD:id)%\"}}"))
            .log("log_format: {text_format_source: {inline_string: \"%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%\\n\"}}")
            .step(send_states),
        behind("the_address_counts_without_use_remote_address", "")
            .hcm("use_remote_address: false")
            .step(async |run: &mut Run| ask(run, "a header", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await),
        behind("a_client_that_leaves_within_its_header", "")
            .step(async |run: &mut Run| {
                let mut connection = run.connect().await;
                connection.write(b"PROXY TCP4 1.2").await;
                connection.finish().await;
                note(run, "the client", connection).await;
            })
            .stats(&["listener.127.0.0.1_{{listen}}.downstream_listener_filter_remote_close"]),
        behind("a_second_header_is_no_request", "")
            .step(async |run: &mut Run| {
                let line = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";
                ask(run, "twice", line.repeat(2).as_bytes()).await;
            })
            .without_log(),
    ]
}
