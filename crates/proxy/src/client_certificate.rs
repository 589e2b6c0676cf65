//! `x-forwarded-client-cert`: what back-ends are told of the client's certificate.

use causeway_http::{HeaderBlock, Known};
use causeway_model::{ClientCertDetails, ForwardClientCert, HttpConnectionManager};
use causeway_tls::certificate::{AlternativeName, pem, url_encoded};

use crate::tls::TlsInfo;

/// Changes the field as the connection manager wants it.
pub(crate) fn apply(request: &mut HeaderBlock, tls: Option<&TlsInfo>, config: &HttpConnectionManager) {
    let shown = tls.filter(|tls| !tls.peer.is_empty());
    match (config.forward_client_cert, shown) {
        (ForwardClientCert::AlwaysForwardOnly, _) | (ForwardClientCert::ForwardOnly, Some(_)) => {}
        (ForwardClientCert::AppendForward, Some(tls)) => {
            let element = element(tls, config.client_cert_details);
            request.extend_value(Known::XForwardedClientCert, b",", element.as_bytes());
        }
        (ForwardClientCert::SanitizeSet, Some(tls)) => {
            let element = element(tls, config.client_cert_details);
            request.set(Known::XForwardedClientCert, element.as_bytes());
        }
        // What a client says about its own certificate is not believed.
        (_, None) | (ForwardClientCert::Sanitize, _) => {
            request.remove(Known::XForwardedClientCert);
        }
    }
}

/// What is known of the client, as Envoy writes it.
fn element(tls: &TlsInfo, details: ClientCertDetails) -> String {
    let mut parts = Vec::new();
    if let Some(facts) = tls.local_facts() {
        parts.extend(facts.names_of(AlternativeName::uri).map(|uri| format!("By={uri}")));
    }
    parts.extend(tls.peer_sha256().map(|hash| format!("Hash={hash}")));
    let encoded = |certificate: &[u8]| url_encoded(&pem(certificate));
    if details.cert {
        parts.extend(tls.peer.first().map(|own| format!("Cert=\"{}\"", encoded(own))));
    }
    if details.chain {
        let chain: String = tls.peer.iter().map(|certificate| encoded(certificate)).collect();
        parts.push(format!("Chain=\"{chain}\""));
    }
    if let Some(facts) = tls.peer_facts() {
        if details.subject {
            parts.push(format!("Subject=\"{}\"", facts.subject));
        }
        if details.uri {
            let before = parts.len();
            parts.extend(facts.names_of(AlternativeName::uri).map(|uri| format!("URI={uri}")));
            if parts.len() == before {
                parts.push("URI=".to_owned());
            }
        }
        if details.dns {
            parts.extend(facts.names_of(AlternativeName::dns).map(|name| format!("DNS={name}")));
        }
    }
    parts.join(";")
}
