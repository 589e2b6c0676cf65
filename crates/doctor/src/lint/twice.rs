//! TLS that is passed on as it is, into a cluster that puts TLS around it once more.

use causeway_model::{Bootstrap, Cluster, DownstreamSocket, FilterChain, NetworkFilter, TcpTarget};
use causeway_reason::Condition;

use crate::finding::{Effect, Evidence, Finding, Fix, Grade, Severity, Subject, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for listener in &bootstrap.listeners {
        for chain in listener.chains().filter(|chain| takes_tls(chain)) {
            let NetworkFilter::TcpProxy(proxy) = &chain.filter else { continue };
            let names: Vec<&str> = match &proxy.target {
                TcpTarget::Cluster(name) => vec![name],
                TcpTarget::Weighted(clusters) => clusters.iter().map(|one| &*one.name).collect(),
            };
            let clusters = names.into_iter().filter_map(|name| bootstrap.cluster(name));
            for cluster in clusters.filter(|cluster| cluster.transport_socket.tls.is_some()) {
                findings.push(finding(chain, cluster, &listener.name));
            }
        }
    }
    findings
}

/// Whether its connections are TLS that is not ended here: `server_names` are those of a ClientHello.
fn takes_tls(chain: &FilterChain) -> bool {
    matches!(chain.transport_socket, DownstreamSocket::RawBuffer)
        && (!chain.matcher.server_names.is_empty() || &*chain.matcher.transport_protocol == "tls")
}

fn finding(chain: &FilterChain, cluster: &Cluster, listener: &str) -> Finding {
    let name = &cluster.name;
    let title = said!(
        "TLS of clients is passed on to cluster `{name}`, which puts TLS around it once more",
        "클라이언트의 TLS를 그대로 클러스터 `{name}`로 보내는데, 이 클러스터가 TLS를 한 번 더 씌웁니다"
    );
    let line = chain.position.line;
    let seen = said!(
        "the filter chain in line {line} takes TLS by its name or transport protocol, and has no DownstreamTlsContext that ends it",
        "{line}번째 줄의 필터 체인은 이름이나 전송 프로토콜로 TLS를 받지만, 이를 종료할 DownstreamTlsContext가 없습니다"
    );
    Finding::new(Condition::DoubleTls, Severity::Warning, title, Evidence::file(seen))
        .grade(Grade::Likely)
        .about(Subject { listener: Some(listener.to_owned()), ..Subject::cluster(name) })
        .at(
            under(&cluster.position, "transport_socket"),
            said!("around what is TLS already", "이미 TLS인 데이터를 다시 감쌉니다"),
        )
        .effect(Effect {
            words: Some(said!(
                "the back-end finds a ClientHello inside of the TLS that it has ended",
                "백엔드는 TLS를 종료한 안쪽에서 다시 ClientHello를 만납니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::manual(said!(
            "remove the cluster's transport_socket, or end TLS in the filter chain",
            "클러스터의 transport_socket을 지우거나 필터 체인에서 TLS를 종료하십시오"
        )))
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, indented, quiet};

    const TLS: &str = "transport_socket: {name: tls, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}\n";

    fn file(matcher: &str, fields: &str) -> String {
        format!(
            "static_resources:\n  listeners:\n  - name: front\n    address: {{socket_address: {{address: 127.0.0.1, port_value: 10000}}}}\n    \
             listener_filters:\n    - {{name: inspector, typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}}}\n    \
             filter_chains:\n    - filter_chain_match: {{{matcher}}}\n      filters:\n      - name: tcp\n        typed_config: {{\"@type\": \
             type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: app}}\n  clusters:\n{}",
            indented(&cluster(fields), 2)
        )
    }

    #[test]
    fn tls_in_tls_is_found_and_either_alone_is_not() {
        let found = codes("twice", &file("server_names: [a.test]", TLS));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("S312 "), "{found:?}");
        assert_eq!(codes("twice", &file("transport_protocol: tls", TLS)).len(), 1);
        assert!(quiet("twice", &file("server_names: [a.test]", "")));
        assert!(quiet("twice", &file("", TLS)));
    }
}
