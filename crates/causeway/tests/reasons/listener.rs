//! Connections that nothing can be asked on.

use causeway_reason::Reason;

use crate::case::Case;

const PROXY_PROTOCOL: &str = r#"listener_filters:
- name: envoy.filters.listener.proxy_protocol
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol
"#;

const TLS_INSPECTOR: &str = r#"listener_filters:
- name: envoy.filters.listener.tls_inspector
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector
    close_connection_on_client_hello_parsing_errors: true
"#;

const HTTP_INSPECTOR: &str = r#"listener_filters:
- name: envoy.filters.listener.http_inspector
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector
"#;

pub(crate) fn cases() -> Vec<Case> {
    let proxied = |bytes| Case::of(Reason::ProxyHeaderInvalid).connection(PROXY_PROTOCOL, bytes);
    vec![
        Case::of(Reason::ProxyHeaderMissing)
            .connection(PROXY_PROTOCOL, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .evidence("it begins with \"GET / HTTP/1.1"),
        proxied("PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n").evidence("version 1: a port in its line is none"),
        proxied("\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c").evidence("version 2: it is for datagrams (UDP)"),
        Case::of(Reason::ProxyHeaderInvalid)
            .connection(
                &format!("{PROXY_PROTOCOL}    disallowed_versions: [V1]\n"),
                "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
            )
            .evidence("version 1 is among disallowed_versions"),
        Case::of(Reason::ClientHelloInvalid)
            .connection(TLS_INSPECTOR, "GET / HTTP/1.1\r\n\r\n")
            .evidence("it begins with a request of HTTP; it begins with \"GET /"),
        Case::of(Reason::ListenerFiltersTimeout)
            .connection(&format!("listener_filters_timeout: 0.2s\n{HTTP_INSPECTOR}"), "GET /")
            .evidence("5 bytes had arrived; it begins with \"GET /\""),
        Case::of(Reason::NoFilterChain)
            .connection("per_connection_buffer_limit_bytes: 32768", "")
            .chain("filter_chain_match: {source_type: EXTERNAL}")
            .evidence("127.0.0.1:"),
    ]
}
