//! Proxies at the edge that believe what clients say of themselves.

use causeway_model::{Bootstrap, DownstreamSocket};
use causeway_reason::Condition;

use super::walk::{self, ManagerAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, Subject, under};
use crate::said;

/// Ports that browsers use by themselves.
const PORTS: [u16; 2] = [443, 8443];

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::managers(bootstrap).filter(|of| is_edge(of) && believes(of)).map(|of| finding(&of)).collect()
}

/// Whether clients come here first, as far as can be told: TLS ends here on a port of browsers, on all addresses, and
/// without certificates of clients, which other proxies would have.
fn is_edge(of: &ManagerAt<'_>) -> bool {
    let tls = match &of.chain.transport_socket {
        DownstreamSocket::Tls(tls) => !tls.demands_certificate(),
        DownstreamSocket::RawBuffer => false,
    };
    let open =
        of.listener.addresses.iter().any(|address| {
            address.ip().is_some_and(|ip| ip.ip().is_unspecified() && PORTS.contains(&ip.port()))
        });
    tls && open
}

fn believes(of: &ManagerAt<'_>) -> bool {
    !of.manager.use_remote_address
        && of.manager.xff_num_trusted_hops == 0
        && of.manager.original_ip_detection.is_empty()
}

fn finding(of: &ManagerAt<'_>) -> Finding {
    let name = &of.listener.name;
    let title = said!(
        "listener `{name}` believes clients about their address",
        "리스너 `{name}`이(가) 클라이언트가 주장하는 주소를 그대로 믿습니다"
    );
    let seen = said!(
        "TLS of clients ends here, and use_remote_address is not set: the address is the one that `X-Forwarded-For` of the request names",
        "클라이언트의 TLS가 여기서 끝나는데 use_remote_address가 없어 요청의 `X-Forwarded-For`에 적힌 주소를 사용합니다"
    );
    Finding::new(Condition::UseRemoteAddressMissing, Severity::Warning, title, Evidence::file(seen))
        .about(Subject::listener(name))
        .at(under(&of.manager.position, "use_remote_address"), said!("not set", "설정되지 않음"))
        .effect(Effect {
            words: Some(said!(
                "logs, rules about addresses and the back-end see whatever address a client makes up",
                "로그, 주소 기반 규칙, 백엔드가 클라이언트가 지어낸 주소를 보게 됩니다"
            )),
            ..Effect::default()
        })
        .fix(
            Fix::set(
                said!(
                    "take the address of the connection; behind another proxy set xff_num_trusted_hops too",
                    "연결의 주소를 사용합니다. 앞에 다른 프록시가 있으면 xff_num_trusted_hops도 설정하십시오"
                ),
                under(&of.manager.position, "use_remote_address"),
                "true",
            )
            .to_be_considered(),
        )
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{codes, host, manager, quiet};

    fn file(fields: &str, address: &str) -> String {
        let tls = "    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [{certificate_chain: {filename: /c.pem}, private_key: {filename: /k.pem}}]
      filters:
";
        manager(fields, &host("- match: {prefix: /}\n  direct_response: {status: 200}\n"), "")
            .replace("    filter_chains:\n    - filters:\n", tls)
            .replace("address: 127.0.0.1, port_value: 10000", address)
    }

    #[test]
    fn the_edge_does_not_believe_clients() {
        let open = "address: 0.0.0.0, port_value: 443";
        assert_eq!(codes("edge", &file("", open)).len(), 1);
        assert!(quiet("edge", &file("use_remote_address: true", open)));
        assert!(quiet("edge", &file("xff_num_trusted_hops: 1", open)));
        assert!(quiet("edge", &file("", "address: 10.0.0.1, port_value: 443")));
    }
}
