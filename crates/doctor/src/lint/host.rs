//! Back-ends somewhere else that are asked for a host that is ours.

use causeway_model::{Bootstrap, ClusterSpecifier, VirtualHost};
use causeway_reason::Condition;

use super::timeouts::is_public;
use super::walk;
use crate::finding::{Effect, Evidence, Finding, Fix, Grade, Severity, Subject, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (at, forward) in walk::forwards(bootstrap) {
        let rewritten = match &forward.cluster {
            ClusterSpecifier::Weighted { clusters, .. } => {
                clusters.iter().any(|one| one.host_rewrite.is_some())
            }
            ClusterSpecifier::Cluster(_) | ClusterSpecifier::Header(_) => false,
        };
        if rewritten || forward.host_rewrite.is_some() {
            continue;
        }
        for cluster in walk::clusters(bootstrap, forward) {
            let names = walk::names(cluster);
            let [name] = names.as_slice() else { continue };
            if !is_public(name) || names_it(at.host, name) {
                continue;
            }
            let known = findings
                .iter_mut()
                .find(|finding| finding.subject.cluster.as_deref() == Some(&*cluster.name));
            if let Some(known) = known {
                known.also_explains.push(at.subject());
                continue;
            }
            let title = said!(
                "`{name}` is asked for the host that the client names",
                "`{name}`에 클라이언트가 보낸 Host를 그대로 보냅니다"
            );
            let seen = said!(
                "the route rewrites no host, and the domains of its virtual host are others",
                "라우트가 Host를 바꾸지 않으며 가상 호스트의 도메인도 다릅니다"
            );
            findings.push(
                Finding::new(Condition::HostUnknownToBackEnd, Severity::Note, title, Evidence::file(seen))
                    .grade(Grade::Possible)
                    .about(Subject { cluster: Some(cluster.name.to_string()), ..at.subject() })
                    .at(under(&at.route.position, "route"), said!("", ""))
                    .effect(Effect {
                        status: Some(404),
                        flags: "-".to_owned(),
                        details: "via_upstream".to_owned(),
                        words: Some(said!(
                            "or 403 or 421, where it serves several sites and yours is none of them",
                            "또는 403이나 421. 여러 사이트를 서비스하며 요청한 Host가 그중에 없을 때"
                        )),
                    })
                    .fix(
                        Fix::set(
                            said!("ask for the name of the back-end", "백엔드의 이름으로 요청합니다"),
                            under(&at.route.position, "route.auto_host_rewrite"),
                            "true",
                        )
                        .to_be_considered(),
                    ),
            );
        }
    }
    findings
}

/// Whether clients ask for that name themselves.
fn names_it(host: &VirtualHost, name: &str) -> bool {
    host.domains.iter().any(|domain| match domain.strip_prefix('*') {
        // For everything; which is no name.
        Some("") => false,
        Some(rest) => name.ends_with(rest),
        None => domain.split(':').next() == Some(name),
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, http, quiet};

    fn file(domain: &str, address: &str, route: &str) -> String {
        let host = format!(
            "- name: all\n  domains: [\"{domain}\"]\n  routes:\n  - match: {{prefix: /}}\n    route: {{cluster: app{route}}}\n"
        );
        http(&host, &cluster("type: LOGICAL_DNS"))
            .replace("127.0.0.1, port_value: 8000", &format!("{address}, port_value: 443"))
    }

    #[test]
    fn a_back_end_somewhere_else_is_asked_for_itself() {
        assert_eq!(codes("host", &file("*", "www.example.com", "")), ["P415 route"]);
        assert!(quiet("host", &file("*", "www.example.com", ", auto_host_rewrite: true")));
        assert!(quiet("host", &file("*.example.com", "www.example.com", "")));
        assert!(quiet("host", &file("www.example.com", "www.example.com", "")));
        assert!(quiet("host", &file("*", "app", "")));
        assert!(quiet("host", &file("*", "app.default.svc.cluster.local", "")));
    }
}
