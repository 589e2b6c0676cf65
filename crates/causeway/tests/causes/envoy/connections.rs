//! Connections that no request comes from: no access log has them but the listener's, which few have.

use causeway_testkit::{Pki, TlsWish};

use super::cases::Behind;
use crate::case::Case;
use crate::tls::quoted;

const CONTEXT: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const INSPECTOR: &str = "listener_filters: [{name: tls_inspector, typed_config: {\"@type\": \
                         type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]";
const PROXY_PROTOCOL: &str = "listener_filters: [{name: proxy_protocol, typed_config: {\"@type\": \
                              type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}]";

/// A chain with TLS, with more fields of its context.
fn secure(more: &str) -> String {
    let (identity, root) = (Pki::get().identity("server"), quoted(&Pki::get().authority.certificate()));
    let (chain, key) = (quoted(&identity.certificate), quoted(&identity.key));
    format!(
        "transport_socket: {{name: tls, typed_config: {{\"@type\": {CONTEXT}, {more}common_tls_context: {{tls_certificates: \
         [{{certificate_chain: {{inline_string: {chain}}}, private_key: {{inline_string: {key}}}}}], validation_context: \
         {{trusted_ca: {{inline_string: {root}}}}}}}}}}}"
    )
}

pub(super) fn cases() -> Vec<Behind> {
    let of = |name, codes, fields: &str, chain: &str| {
        let case = Case::new(name, codes).listened(|listener| {
            fields.clone_into(&mut listener.fields);
            chain.clone_into(&mut listener.chain);
        });
        Behind::new("connections", case)
    };
    let demands = secure("require_client_certificate: true, ");
    vec![
        of("HTTP to a listener of TLS", &["K901"], "", &secure(""))
            .sends("GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
        of(
            "no chain for the name",
            &["K903"],
            INSPECTOR,
            &format!("filter_chain_match: {{server_names: [other.test]}}\n{}", secure("")),
        )
        .shakes(TlsWish::to("lab.test")),
        of("a client without a certificate", &["K904"], "", &demands).shakes(TlsWish::to("lab.test")),
        of("a client with a certificate of a stranger", &["K905"], "", &demands)
            .shakes(TlsWish::to("lab.test").certificate("rogue")),
        of("a client that does not trust the proxy", &["K906"], "", &secure(""))
            .shakes(TlsWish::to("lab.test").doubts()),
        of("no PROXY header", &["K907"], PROXY_PROTOCOL, "").sends("GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
    ]
}
