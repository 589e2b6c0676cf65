//! Domains that no request fits.

use causeway_envoy::Spot;
use causeway_model::{Bootstrap, StripPort, VirtualHost};
use causeway_reason::{Condition, Reason};

use super::walk::{self, ManagerAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, Subject, under};
use crate::said;
use crate::said::Said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for of in walk::managers(bootstrap) {
        for host in &of.manager.route_config.virtual_hosts {
            for (index, domain) in host.domains.iter().enumerate() {
                findings.extend(of_domain(&of, host, index, domain));
            }
        }
    }
    findings
}

fn of_domain(of: &ManagerAt<'_>, host: &VirtualHost, index: usize, domain: &str) -> Option<Finding> {
    let spot = under(&host.position, &format!("domains[{index}]"));
    let title = said!(
        "the domain `{domain}` of virtual host `{name}` fits no request",
        "가상 호스트 `{name}`의 도메인 `{domain}`에 맞는 요청이 없습니다",
        name = host.name
    );
    let finding = if let Some(bare) = without_url(domain) {
        let seen = said!(
            "what is compared is the Host of the request, which has no scheme and no path",
            "비교 대상은 요청의 Host이며 스킴과 경로가 없습니다"
        );
        let label = said!("a URL, not a host", "호스트가 아니라 URL입니다");
        Finding::new(Condition::DomainIsUrl, severity(host), title, Evidence::file(seen))
            .at(spot.clone(), label)
            .fix(written_as(host, spot, bare, said!("write the host alone", "호스트만 적습니다")))
    } else {
        let bare = stripped(of, domain)?;
        let by = if of.manager.route_config.ignore_port_in_host_matching {
            "ignore_port_in_host_matching"
        } else if of.manager.strip_port == StripPort::Any {
            "strip_any_host_port"
        } else {
            "strip_matching_host_port"
        };
        let seen = said!(
            "`{by}` is set: the port is taken off the Host before it is compared",
            "`{by}`가 설정되어 있어 Host에서 포트를 뗀 뒤 비교합니다"
        );
        Finding::new(Reason::PortInHost, severity(host), title, Evidence::file(seen))
            .at(spot.clone(), said!("the port is taken off before", "비교 전에 포트가 제거됩니다"))
            .fix(written_as(host, spot, bare, said!("write it without the port", "포트를 빼고 적습니다")))
    };
    let subject =
        Subject { virtual_host: Some(host.name.to_string()), ..Subject::listener(&of.listener.name) };
    Some(finding.about(subject).effect(Effect {
        status: Some(404),
        flags: "NR".to_owned(),
        details: "route_not_found".to_owned(),
        words: Some(said!("unless another domain fits", "다른 도메인이 맞지 않는 경우")),
    }))
}

/// A virtual host that has another domain still gets requests.
fn severity(host: &VirtualHost) -> Severity {
    if host.domains.len() > 1 { Severity::Warning } else { Severity::Error }
}

/// The host of what is written as a URL.
fn without_url(domain: &str) -> Option<&str> {
    let bare = domain.split_once("://").map_or(domain, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default();
    (bare.len() < domain.len() && !bare.is_empty()).then_some(bare)
}

/// The domain without its port, where that is taken off requests.
fn stripped<'d>(of: &ManagerAt<'_>, domain: &'d str) -> Option<&'d str> {
    let (bare, port) = domain.rsplit_once(':')?;
    // The last part of an IPv6 address is no port.
    if bare.is_empty() || bare.starts_with('[') && !bare.ends_with(']') {
        return None;
    }
    let of_listener = |port: u16| {
        of.listener.addresses.iter().any(|address| address.ip().is_some_and(|ip| ip.port() == port))
    };
    let certain = match port.parse::<u16>() {
        Ok(port) => {
            of.manager.route_config.ignore_port_in_host_matching
                || of.manager.strip_port == StripPort::Any
                || of.manager.strip_port == StripPort::Matching && of_listener(port)
        }
        Err(_) => false,
    };
    certain.then_some(bare)
}

/// The domain as it should be; where that is there already, it is only in the way.
fn written_as(host: &VirtualHost, spot: Spot, bare: &str, what: Said) -> Fix {
    if host.domains.iter().any(|known| known.eq_ignore_ascii_case(bare)) {
        return Fix::manual(said!(
            "remove it: `{bare}` is there already",
            "제거하십시오. `{bare}`이(가) 이미 있습니다"
        ));
    }
    Fix::set(what, spot, format!("\"{bare}\""))
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::{codes, findings, manager, quiet};

    fn file(fields: &str, domains: &str) -> String {
        let host = format!(
            "- name: site\n  domains: {domains}\n  routes:\n  - {{match: {{prefix: /}}, direct_response: {{status: 200}}}}\n"
        );
        manager(fields, &host, "")
    }

    #[test]
    fn urls_are_no_domains() {
        for domain in ["https://www.example.org", "www.example.org/api", "http://a.test:8080/x"] {
            let found = findings("domains", &file("", &format!("[\"{domain}\"]")));
            assert_eq!((found[0].cause.code(), found[0].severity), ("R619", Severity::Error), "{domain}");
        }
        let found = findings("domains", &file("", "[\"https://a.test\", b.test]"));
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(found[0].fixes[0].edits[0].value.as_deref(), Some("\"a.test\""));
        assert!(quiet("domains", &file("", "[\"*\", \"*.a.test\", \"a.test:8080\", \"[::1]:80\", \"a.*\"]")));
    }

    #[test]
    fn ports_that_are_taken_off_fit_nothing() {
        let ports = "[a.test, \"a.test:8080\"]";
        assert_eq!(codes("domains", &file("strip_any_host_port: true", ports)), ["R602 \"a.test:8080\""]);
        assert!(quiet("domains", &file("strip_matching_host_port: true", ports)));
        let own = "[a.test, \"a.test:10000\", \"[::1]\"]";
        assert_eq!(codes("domains", &file("strip_matching_host_port: true", own)).len(), 1);
        assert!(quiet("domains", &file("strip_any_host_port: true", "[\"[::1]\", a.test]")));
    }
}
