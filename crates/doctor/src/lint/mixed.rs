//! A cluster whose endpoint is the proxy's own admin interface, for all that comes.

use causeway_model::{Address, Bootstrap, Cluster, EndpointAddress, NetworkFilter, PathMatch, TcpTarget};
use causeway_reason::Condition;

use super::walk;
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, Subject, under};
use crate::said;

/// A route to one page (`/stats/prometheus`) is how metrics are published, and is none of this.
pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let Some(Address::Ip(admin)) = bootstrap.admin.as_ref().map(|admin| &admin.address) else {
        return Vec::new();
    };
    let leads_there = |cluster: &Cluster| {
        walk::endpoints(cluster).any(|endpoint| match &endpoint.address {
            EndpointAddress::Resolved(Address::Ip(ip)) => {
                ip.port() == admin.port()
                    && (ip.ip() == admin.ip() || (admin.ip().is_unspecified() && ip.ip().is_loopback()))
            }
            EndpointAddress::Resolved(Address::Pipe { .. }) | EndpointAddress::Name { .. } => false,
        })
    };
    let mut findings: Vec<Finding> = Vec::new();
    for (at, forward) in walk::forwards(bootstrap) {
        let matcher = &at.route.matcher;
        let all = matches!(&matcher.path, PathMatch::Prefix(prefix) if &**prefix == "/")
            && matcher.headers.is_empty()
            && matcher.query_parameters.is_empty();
        let clusters = walk::clusters(bootstrap, forward);
        for cluster in clusters.into_iter().filter(|cluster| all && leads_there(cluster)) {
            findings.push(
                finding(cluster, admin)
                    .about(Subject { cluster: Some(cluster.name.to_string()), ..at.subject() }),
            );
        }
    }
    for listener in &bootstrap.listeners {
        for chain in listener.chains() {
            let NetworkFilter::TcpProxy(proxy) = &chain.filter else { continue };
            let TcpTarget::Cluster(name) = &proxy.target else { continue };
            let cluster = bootstrap.cluster(name).filter(|cluster| leads_there(cluster));
            findings.extend(cluster.map(|cluster| {
                let subject =
                    Subject { listener: Some(listener.name.to_string()), ..Subject::cluster(&cluster.name) };
                finding(cluster, admin).about(subject)
            }));
        }
    }
    findings
}

fn finding(cluster: &Cluster, admin: &std::net::SocketAddr) -> Finding {
    let name = &cluster.name;
    let title = said!(
        "cluster `{name}` is the admin interface of this proxy itself ({admin})",
        "클러스터 `{name}`가 이 프록시 자신의 admin 인터페이스({admin})입니다"
    );
    let seen = said!(
        "its endpoint has the address of admin.address, and a route sends everything there",
        "엔드포인트가 admin.address와 같고, 모든 요청을 그곳으로 보내는 라우트가 있습니다"
    );
    Finding::new(Condition::AdminMixedUp, Severity::Warning, title, Evidence::file(seen))
        .at(
            under(&cluster.position, "load_assignment"),
            said!("the admin interface", "admin 인터페이스입니다"),
        )
        .effect(Effect {
            words: Some(said!(
                "clients get pages of the admin interface, and may stop the proxy with `POST /quitquitquit`",
                "클라이언트가 admin 페이지를 받고 `POST /quitquitquit`으로 프록시를 멈출 수도 있습니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::manual(said!(
            "correct the port of the endpoint; to publish metrics, route /stats/prometheus alone",
            "엔드포인트의 포트를 고치십시오. 메트릭만 공개하려면 /stats/prometheus만 라우트하십시오"
        )))
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, host, http, quiet};

    fn file(prefix: &str, admin: u16) -> String {
        let admin =
            format!("admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: {admin}}}}}}}\n");
        admin
            + &http(
                &host(&format!("- match: {{prefix: {prefix}}}\n  route: {{cluster: app}}\n")),
                &cluster(""),
            )
    }

    #[test]
    fn everything_for_the_admin_interface_is_found_and_one_page_is_not() {
        let found = codes("mixed", &file("/", 8000));
        assert!(found.len() == 1 && found[0].starts_with("K917 "), "{found:?}");
        assert!(quiet("mixed", &file("/stats", 8000)));
        assert!(quiet("mixed", &file("/", 9901)));
    }
}
