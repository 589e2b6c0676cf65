//! Redirects to https that lead back to themselves.

use causeway_model::{
    Bootstrap, DownstreamSocket, HeaderMatch, NetworkFilter, OriginalIpDetection, RequireTls, RouteAction,
};
use causeway_reason::Condition;

use super::walk::{self, ManagerAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Grade, Severity, Subject, under};
use crate::said;

/// Where something in front ends TLS, only what it says of the client tells `https` from `http`. A proxy at the edge
/// (`use_remote_address`) overwrites that, unless it trusts the one in front.
pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    let ends_tls = bootstrap.listeners.iter().any(|listener| {
        listener.chains().any(|chain| {
            // Passed on as it is, TLS may end behind.
            matches!(chain.transport_socket, DownstreamSocket::Tls(_))
                || matches!(chain.filter, NetworkFilter::TcpProxy(_))
        })
    });
    if ends_tls {
        return Vec::new();
    }
    walk::managers(bootstrap).filter(|of| overwrites(of)).flat_map(of_manager).collect()
}

/// Whether `x-forwarded-proto` of requests is always `http` here.
fn overwrites(of: &ManagerAt<'_>) -> bool {
    let trusts = of.manager.original_ip_detection.iter().any(|detection| match detection {
        OriginalIpDetection::Xff { trusted_hops, trusted_cidrs, .. } => {
            *trusted_hops > 0 || trusted_cidrs.is_some()
        }
        OriginalIpDetection::CustomHeader { .. } => true,
    });
    of.manager.use_remote_address
        && of.manager.xff_num_trusted_hops == 0
        && !trusts
        && of.manager.scheme_transformation.is_none()
}

fn of_manager(of: ManagerAt<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in &of.manager.route_config.virtual_hosts {
        let goes_on = host.routes.iter().any(|route| matches!(route.action, RouteAction::Forward(_)));
        if !goes_on {
            // A virtual host that only redirects sends clients elsewhere.
            continue;
        }
        let subject =
            Subject { virtual_host: Some(host.name.to_string()), ..Subject::listener(&of.listener.name) };
        if host.require_tls != RequireTls::None {
            let spot = under(&host.position, "require_tls");
            findings.push(
                finding(&of, subject.clone()).at(spot, said!("sees `http` always", "항상 `http`로 보입니다")),
            );
        }
        for route in &host.routes {
            let RouteAction::Redirect(redirect) = &route.action else { continue };
            let asks = route.matcher.headers.iter().any(|header| {
                header.name.as_str() == "x-forwarded-proto"
                    && matches!(header.condition, HeaderMatch::String(_))
                    && header.matches(Some(b"http"))
            });
            if asks && redirect.scheme.as_deref() == Some("https") {
                let spot = under(&route.position, "match.headers");
                let label = said!("is `http` always", "항상 `http`입니다");
                findings.push(finding(&of, subject.clone()).at(spot, label));
            }
        }
    }
    findings
}

fn finding(of: &ManagerAt<'_>, subject: Subject) -> Finding {
    let title = said!(
        "the redirect to https leads back to itself, wherever something in front ends TLS",
        "앞단에서 TLS를 종료한다면 https 리다이렉트가 끝없이 반복됩니다"
    );
    let seen = said!(
        "no listener of the file ends TLS, and `use_remote_address` without `xff_num_trusted_hops` overwrites X-Forwarded-Proto with `http`",
        "TLS를 종료하는 리스너가 없고, `xff_num_trusted_hops` 없이 `use_remote_address`를 쓰면 X-Forwarded-Proto가 `http`로 덮어써집니다"
    );
    Finding::new(Condition::RedirectLoop, Severity::Warning, title, Evidence::file(seen))
        .grade(Grade::Likely)
        .about(subject)
        .effect(Effect {
            status: Some(301),
            words: Some(said!(
                "to every request, whatever the client did",
                "클라이언트가 무엇을 하든 모든 요청에"
            )),
            ..Effect::default()
        })
        .fix(
            Fix::set(
                said!(
                    "trust the one proxy in front, if there is one",
                    "앞단 프록시가 하나 있다면 신뢰하도록 설정합니다"
                ),
                under(&of.manager.position, "xff_num_trusted_hops"),
                "1",
            )
            .to_be_considered(),
        )
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, manager, quiet};

    fn file(fields: &str, tls: &str, routes: &str) -> String {
        let host = format!("- name: all\n  domains: [\"*\"]\n  require_tls: {tls}\n  routes:\n{routes}");
        manager(fields, &host, &cluster("connect_timeout: 1s\n"))
    }

    const ON: &str = "  - {match: {prefix: /}, route: {cluster: app}}\n";
    const ASKS: &str = "  - match: {prefix: /, headers: [{name: x-forwarded-proto, string_match: {exact: http}}]}\n    redirect: {https_redirect: true}\n";

    #[test]
    fn an_edge_that_trusts_nobody_redirects_for_ever() {
        let edge = "use_remote_address: true";
        assert_eq!(codes("redirect", &file(edge, "ALL", ON)), ["R608 ALL"]);
        assert_eq!(codes("redirect", &file(edge, "NONE", &format!("{ASKS}{ON}"))), ["R608 headers"]);
    }

    #[test]
    fn who_trusts_the_one_in_front_does_not() {
        let edge = "use_remote_address: true\nxff_num_trusted_hops: 1";
        assert!(quiet("redirect", &file(edge, "ALL", ON)));
        assert!(quiet("redirect", &file("", "ALL", ON)));
        let only = "  - {match: {prefix: /}, redirect: {https_redirect: true}}\n";
        assert!(quiet("redirect", &file("use_remote_address: true", "NONE", only)));
    }
}
