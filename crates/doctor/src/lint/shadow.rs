//! Routes that no request gets to.

use causeway_model::{Bootstrap, RouteShadow};
use causeway_reason::Condition;

use super::walk::{self, ManagerAt, RouteAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::managers(bootstrap).flat_map(of_manager).collect()
}

fn of_manager(of: ManagerAt<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in &of.manager.route_config.virtual_hosts {
        let mut shadow = RouteShadow::default();
        for (index, route) in host.routes.iter().enumerate() {
            let at = RouteAt { of, host, route, index };
            let first =
                shadow.hides(&route.matcher).and_then(|first: usize| host.routes.get(first).zip(Some(first)));
            if let Some((route, index)) = first {
                findings.push(finding(&at, &RouteAt { of, host, route, index }));
            }
            shadow.add(&route.matcher, index);
        }
    }
    findings
}

fn finding(at: &RouteAt<'_>, first: &RouteAt<'_>) -> Finding {
    let (hidden, taken) = (walk::written(&at.route.matcher), walk::written(&first.route.matcher));
    let (host, line, index) = (&at.host.name, first.route.position.line, at.index);
    // What is said twice does no harm.
    let same = at.route.action == first.route.action;
    let severity = if same { Severity::Note } else { Severity::Warning };
    let title = said!(
        "route {index} of virtual host `{host}` (`{hidden}`) never gets a request",
        "가상 호스트 `{host}`의 라우트 {index}(`{hidden}`)에는 요청이 오지 않습니다"
    );
    let seen = said!(
        "`{taken}` in line {line} stands before it, and takes everything that it would",
        "앞에 있는 {line}번째 줄의 `{taken}`이 같은 요청을 모두 가져갑니다"
    );
    let words = if same {
        said!("none: both routes do the same", "없음: 두 라우트의 동작이 같습니다")
    } else {
        said!(
            "requests that are meant for it are served by the route in line {line}",
            "이 라우트로 가야 할 요청을 {line}번째 줄의 라우트가 처리합니다"
        )
    };
    Finding::new(Condition::RouteShadowed, severity, title, Evidence::file(seen))
        .about(at.subject())
        .at(under(&at.route.position, "match"), said!("taken before", "앞에서 처리됩니다"))
        .effect(Effect { words: Some(words), ..Effect::default() })
        .fix(Fix::manual(said!(
            "move it in front of the route in line {line}, or remove it",
            "{line}번째 줄의 라우트 앞으로 옮기거나 지우십시오"
        )))
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::{cluster, codes, findings, host, http, quiet};

    #[test]
    fn a_route_behind_a_shorter_prefix_is_found() {
        let routes = "- match: {prefix: /}\n  route: {cluster: app}\n- match: {prefix: /api}\n  direct_response: {status: 200}\n";
        let file = http(&host(routes), &cluster("connect_timeout: 1s\n"));
        assert_eq!(codes("shadow", &file), ["R604 match"]);
    }

    #[test]
    fn the_order_of_most_files_is_right() {
        let routes = "- match: {prefix: /api}\n  route: {cluster: app}\n- match: {prefix: /, headers: [{name: x, present_match: true}]}\n  route: {cluster: app}\n- match: {prefix: /}\n  route: {cluster: app}\n";
        assert!(quiet("shadow", &http(&host(routes), &cluster("connect_timeout: 1s\n"))));
    }

    #[test]
    fn what_is_said_twice_is_a_note() {
        let routes =
            "- match: {prefix: /}\n  route: {cluster: app}\n- match: {path: /x}\n  route: {cluster: app}\n";
        let found = findings("shadow", &http(&host(routes), &cluster("connect_timeout: 1s\n")));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Note);
    }
}
