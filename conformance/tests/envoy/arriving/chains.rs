//! Which filter chain a connection gets, by each condition.

use causeway_conformance::{Case, Connection, Request, Run, listener_log};

use super::hello::hello;
use super::{GET, STATS, listener_filters, note, site, tell, tell_from};

const NO_CHAIN: &str = "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %FILTER_CHAIN_NAME% %DOWNSTREAM_LOCAL_CLOSE_REASON% %BYTES_RECEIVED%";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a_chain_by_the_port_that_was_connected_to")
            .file(&site(
                "additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: {{port:other}}}}}]",
                &[("{destination_port: {{port:other}}}", "other"), ("{}", "any")],
            ))
            .step(async |run: &mut Run| {
                tell(run, "the first port", b"x").await;
                let mut connection = Connection::open(run.address("port:other")).await.expect("it listens");
                connection.write(b"x").await;
                note(run, "the other port", connection).await;
            }),
        Case::new("a_chain_by_the_address_that_was_connected_to")
            .file(&site(
                "",
                &[
                    ("{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}", "wide"),
                    ("{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: 127.0.0.0, prefix_len: 31}]}", "narrow"),
                    ("{}", "any"),
                ],
            ))
            .step(async |run: &mut Run| tell(run, "127.0.0.1", b"x").await),
        Case::new("there_is_no_way_back_from_what_fits_best")
            .file(&site(
                &listener_log(NO_CHAIN),
                &[
                    ("{prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}], source_ports: [1]}", "narrow"),
                    ("{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}", "wide"),
                    ("{}", "any"),
                ],
            ))
            .step(async |run: &mut Run| tell(run, "a port that does not fit", b"").await)
            .stats(STATS),
        Case::new("a_chain_by_whether_the_client_is_on_this_machine")
            .file(&site("", &[("{source_type: SAME_IP_OR_LOOPBACK}", "here"), ("{source_type: EXTERNAL}", "elsewhere")]))
            .step(async |run: &mut Run| {
                tell(run, "127.0.0.1", b"x").await;
                tell_from(run, 9, "another address of the loopback interface", b"x").await;
            }),
        Case::new("a_chain_by_the_clients_address")
            .file(&site(
                "",
                &[
                    ("{source_prefix_ranges: [{address_prefix: 127.0.0.8, prefix_len: 29}]}", "eight"),
                    ("{source_prefix_ranges: [{address_prefix: 127.0.0.9, prefix_len: 32}]}", "nine"),
                    ("{source_prefix_ranges: [{address_prefix: 127.0.0.9}]}", "all"),
                ],
            ))
            .step(async |run: &mut Run| {
                for host in [1, 8, 9, 10] {
                    tell_from(run, host, &format!("127.0.0.{host}"), b"x").await;
                }
            }),
        Case::new("a_chain_by_who_is_connected_whatever_the_header_says")
            .file(&site(
                &listener_filters(&[("proxy", "")]),
                &[
                    ("{direct_source_prefix_ranges: [{address_prefix: 127.0.0.9, prefix_len: 32}]}", "by nine"),
                    ("{source_prefix_ranges: [{address_prefix: 1.2.3.0, prefix_len: 24}]}", "for 1.2.3"),
                    ("{destination_port: 2222, direct_source_prefix_ranges: [{address_prefix: 127.0.0.8, prefix_len: 32}]}", "by eight to 2222"),
                ],
            ))
            .step(async |run: &mut Run| {
                let line = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n";
                tell_from(run, 1, "for a client", line).await;
                tell_from(run, 9, "by a machine that has a chain", line).await;
                tell_from(run, 8, "to a port that has one", b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n").await;
            }),
        Case::new("a_chain_by_the_clients_port_in_the_header")
            .file(&site(
                &listener_filters(&[("proxy", "")]),
                &[("{source_ports: [1111, 1112]}", "listed"), ("{}", "any")],
            ))
            .step(async |run: &mut Run| {
                for port in [1111, 1112, 1113] {
                    let line = format!("PROXY TCP4 1.2.3.4 5.6.7.8 {port} 80\r\n");
                    tell(run, &port.to_string(), line.as_bytes()).await;
                }
            }),
        Case::new("a_chain_by_the_name_that_is_asked_for")
            .file(&site(
                &listener_filters(&[("tls", "")]),
                &[
                    ("{server_names: [A.test, \"*.b.test\"]}", "listed"),
                    ("{server_names: [\"*.Test\"]}", "ending"),
                    ("{transport_protocol: tls}", "tls"),
                ],
            ))
            .step(async |run: &mut Run| {
                for name in ["a.test", "A.TEST", "x.a.test", "b.test", "x.b.test", "y.x.b.test", "test", "a.test.", ""] {
                    tell(run, name, &hello(name, &[], 16_000)).await;
                }
            })
            .stats(&["tls_inspector.sni_found", "tls_inspector.sni_not_found", "tls_inspector.tls_found"]),
        Case::new("names_are_known_to_the_tls_inspector_only")
            .file(&site("", &[("{server_names: [a.test]}", "named"), ("{}", "any")]))
            .step(async |run: &mut Run| {
                tell(run, "with its name", &hello("a.test", &[], 16_000)).await;
                tell(run, "with another", &hello("b.test", &[], 16_000)).await;
                tell(run, "without TLS", GET).await;
            })
            .stats(&["tls_inspector.tls_found", "tls_inspector.tls_not_found"]),
        Case::new("a_chain_by_the_transport")
            .file(&site(
                &listener_filters(&[("tls", "")]),
                &[("{transport_protocol: raw_buffer}", "raw"), ("{transport_protocol: tls}", "tls")],
            ))
            .step(async |run: &mut Run| {
                tell(run, "TLS", &hello("a.test", &[], 16_000)).await;
                tell(run, "HTTP", GET).await;
            }),
        Case::new("without_an_inspector_every_transport_is_raw")
            .file(&site("", &[("{transport_protocol: raw_buffer}", "raw"), ("{transport_protocol: other}", "other")]))
            .step(async |run: &mut Run| tell(run, "HTTP", GET).await),
        Case::new("a_chain_by_the_protocol_that_the_client_likes_best")
            .file(&site(
                &listener_filters(&[("tls", "")]),
                &[
                    ("{application_protocols: [http/1.1]}", "one"),
                    ("{application_protocols: [h2]}", "two"),
                    ("{}", "any"),
                ],
            ))
            .step(async |run: &mut Run| {
                tell(run, "h2 first", &hello("a.test", &["h2", "http/1.1"], 16_000)).await;
                tell(run, "http/1.1 first", &hello("a.test", &["x", "http/1.1", "h2"], 16_000)).await;
                tell(run, "another", &hello("a.test", &["x"], 16_000)).await;
                tell(run, "none", &hello("a.test", &[], 16_000)).await;
            })
            .stats(&["tls_inspector.alpn_found", "tls_inspector.alpn_not_found"]),
        Case::new("what_no_chain_is_for_is_closed")
            .file(&site(&listener_log(NO_CHAIN), &[("{destination_port: 1}", "nobody")]))
            .step(async |run: &mut Run| tell(run, "a connection", b"").await)
            .stats(STATS),
        Case::new("what_no_chain_is_for_goes_to_the_default_one")
            .file(&site(
                "default_filter_chain:\n  filter_chain_match: {destination_port: 2}\n  filters:\n  - name: answer\n    typed_config:\n      \"@type\": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config\n      response: {inline_string: default}",
                &[("{source_type: EXTERNAL}", "elsewhere")],
            ))
            .step(async |run: &mut Run| {
                tell(run, "from here", b"x").await;
                tell_from(run, 9, "from elsewhere", b"x").await;
            }),
        Case::new("a_chain_without_filters_closes")
            .file(&format!(
                "{}    - name: nothing\n      filter_chain_match: {{source_type: SAME_IP_OR_LOOPBACK}}\n",
                site(&listener_log(NO_CHAIN), &[("{source_type: EXTERNAL}", "elsewhere")])
            ))
            .step(async |run: &mut Run| tell(run, "a connection", b"").await)
            .stats(STATS)
            .stats(&["listener.127.0.0.1_{{listen}}.network_extension_config_missing"]),
        Case::new("a_connection_goes_to_the_listener_of_the_address_that_was_connected_to")
            .file(&several_listeners())
            .step(async |run: &mut Run| {
                for (label, to) in [
                    ("the address of another", "5.6.7.8 1111 2222"),
                    ("the port of another", "9.9.9.9 1111 3333"),
                    ("an address of nobody", "5.6.7.8 1111 4444"),
                ] {
                    tell(run, label, format!("PROXY TCP4 1.2.3.4 {to}\r\n").as_bytes()).await;
                }
                tell(run, "nothing else", b"PROXY UNKNOWN\r\n").await;
            })
            .stats(&[
                "listener.127.0.0.1_{{listen}}.downstream_cx_total",
                "listener.5.6.7.8_2222.downstream_cx_total",
                "listener.0.0.0.0_3333.downstream_cx_total",
                "listener.127.0.0.1_{{listen}}.downstream_pre_cx_active",
            ]),
        Case::new("several_connection_managers_in_one_listener")
            .file(&two_managers())
            .send(Request::get("/a"))
            .step(async |run: &mut Run| {
                let from = std::net::IpAddr::from([127, 0, 0, 9]);
                let mut connection = Connection::open_from(from, run.listener()).await.expect("it listens");
                let response = connection.exchange(&Request::get("/b")).await;
                run.note_response("from elsewhere", &response);
            })
            .stats(&[
                "http.here.downstream_rq_total",
                "http.here.downstream_cx_total",
                "http.elsewhere.downstream_rq_total",
                "http.elsewhere.downstream_cx_total",
                "listener.127.0.0.1_{{listen}}.http.here.downstream_rq_2xx",
                "listener.127.0.0.1_{{listen}}.http.elsewhere.downstream_rq_4xx",
                "listener.127.0.0.1_{{listen}}.downstream_cx_total",
            ]),
    ]
}

/// A listener that gives connections to two others, which have no sockets.
fn several_listeners() -> String {
    let mut text = site(
        &format!("use_original_dst: true\n{}", listener_filters(&[("proxy", "")])),
        &[("{}", "the one that is bound")],
    );
    for (address, port) in [("5.6.7.8", 2222), ("0.0.0.0", 3333)] {
        text.push_str(&format!(
            r#"  - name: at {address}
    address: {{socket_address: {{address: {address}, port_value: {port}}}}}
    bind_to_port: false
    filter_chains:
    - filters:
      - name: answer
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config
          response: {{inline_string: "the one at {address}"}}
"#
        ));
    }
    text
}

/// Two connection managers with routes and logs of their own.
fn two_managers() -> String {
    let chain = |conditions: &str, name: &str, status: u16| {
        format!(
            r#"    - name: {name}
      filter_chain_match: {conditions}
      filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {{{{dir}}}}/access.log
              log_format: {{text_format_source: {{inline_string: "%FILTER_CHAIN_NAME% %REQ(:PATH)% %RESPONSE_CODE%\n"}}}}
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: {status}}}}}]}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#
        )
    };
    let mut text = site("", &[]);
    text.push_str(&chain("{source_type: SAME_IP_OR_LOOPBACK}", "here", 200));
    text.push_str(&chain("{}", "elsewhere", 404));
    text
}
