//! Policies of CORS that refuse what the routes under them are for: requests succeed with `curl`, and no browser sends them.

use causeway_model::{Bootstrap, CorsPolicy, FilterConfig, FilterSettings, PerFilterConfig};
use causeway_reason::Condition;
use causeway_routing::{Lookup, RouteTable};

use super::preflight::{Preflight, authority, method, path};
use super::walk::{self, ManagerAt, RouteAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, under};
use crate::said;

/// Methods that no preflight has to allow (Fetch §4.8, CORS-safelisted methods).
const ALWAYS: &[&str] = &["GET", "HEAD", "POST"];

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::managers(bootstrap).flat_map(|of| of_manager(bootstrap, of)).collect()
}

fn of_manager(bootstrap: &Bootstrap, of: ManagerAt<'_>) -> Vec<Finding> {
    // Without the filter no policy does anything, and nobody says that browsers come.
    let has_filter =
        of.manager.http_filters.iter().any(|filter| matches!(filter.config, FilterConfig::Cors(_)));
    if !has_filter {
        return Vec::new();
    }
    let routes = &of.manager.route_config;
    let mut findings = Vec::new();
    let mut table = None;
    for host in &routes.virtual_hosts {
        let shared = [&host.per_filter[..], &routes.per_filter];
        let policies = |own: &[PerFilterConfig]| -> Vec<CorsPolicy> {
            [own].into_iter().chain(shared).flatten().filter_map(policy).cloned().collect()
        };
        // What is said of all routes of a virtual host is said once.
        let mut refused = false;
        for (index, route) in host.routes.iter().enumerate() {
            let at = RouteAt { of, host, route, index };
            let here = policies(&route.per_filter);
            if !refused && !here.is_empty() && here.iter().all(|policy| policy.allow_origins.is_empty()) {
                refused = true;
                findings.push(origins(&at));
            }
            let asked = method(route).filter(|method| !here.is_empty() && !ALWAYS.contains(&&**method));
            let (Some(method), Some(path), Some(domain)) = (asked, path(route), host.domains.first()) else {
                continue;
            };
            let table = table.get_or_insert_with(|| RouteTable::compile(routes.clone(), &bootstrap.runtime));
            let preflight = Preflight { authority: authority(domain), path, method };
            let Lookup::Route(found) = table.lookup(&preflight) else { continue };
            let there = policies(&found.route.per_filter);
            let allowed =
                there.iter().map(|policy| &*policy.allow_methods).find(|methods| !methods.is_empty());
            let named = |methods: &str| {
                methods.split(',').map(str::trim).any(|one| one == "*" || one == preflight.method)
            };
            if !allowed.is_some_and(named) && !there.is_empty() {
                findings.push(methods(&at, &preflight, allowed.unwrap_or("")));
            }
        }
    }
    findings
}

/// A policy that holds for somebody; the share of requests that it holds for may be changed as the proxy runs.
fn policy(config: &PerFilterConfig) -> Option<&CorsPolicy> {
    match config.settings.as_ref().filter(|_| !config.disabled)? {
        FilterSettings::Cors(policy) | FilterSettings::DeprecatedCors(policy) => Some(policy),
        FilterSettings::HeaderMutation(_) => None,
    }
}

fn origins(at: &RouteAt<'_>) -> Finding {
    let host = &at.host.name;
    let title = said!(
        "the policy of CORS in virtual host `{host}` allows no origin",
        "가상 호스트 `{host}`의 CORS 정책이 어떤 origin도 허용하지 않습니다"
    );
    let seen = said!(
        "none of its policies has allow_origin_string_match",
        "정책 어디에도 allow_origin_string_match가 없습니다"
    );
    Finding::new(Condition::CorsOriginRefused, Severity::Warning, title, Evidence::file(seen))
        .about(at.subject())
        .at(
            under(&at.route.position, "match"),
            said!("no page may read it", "어떤 페이지도 읽을 수 없습니다"),
        )
        .effect(Effect {
            words: Some(said!(
                "answers come without access-control-allow-origin, and browsers keep them from the page",
                "응답에 access-control-allow-origin이 없어 브라우저가 페이지에 넘기지 않습니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::manual(said!(
            "name the pages' origins: allow_origin_string_match: [{{exact: https://www.example.com}}]",
            "페이지의 origin을 적으십시오: allow_origin_string_match: [{{exact: https://www.example.com}}]"
        )))
}

fn methods(at: &RouteAt<'_>, asked: &Preflight, allowed: &str) -> Finding {
    let (method, path) = (&asked.method, &asked.path);
    let title = said!(
        "browsers are not allowed the method {method} that the route `{path}` is for",
        "라우트 `{path}`는 {method}용인데 브라우저에는 그 메서드가 허용되지 않습니다"
    );
    let allowed = if allowed.is_empty() { "-" } else { allowed };
    let seen = said!("allow_methods is {allowed}", "allow_methods = {allowed}");
    Finding::new(Condition::CorsMethodRefused, Severity::Warning, title, Evidence::file(seen))
        .about(at.subject())
        .at(under(&at.route.position, "match.headers"), said!("for {method}", "{method}용"))
        .effect(Effect {
            status: Some(200),
            words: Some(said!(
                "to the preflight; the browser says \"CORS error\" and never sends the {method}",
                "preflight에는 응답하지만 브라우저는 \"CORS error\"를 표시하고 {method}를 보내지 않습니다"
            )),
            ..Effect::default()
        })
        .fix(Fix::manual(said!("add {method} to allow_methods", "allow_methods에 {method}를 추가하십시오")))
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, http, indented, quiet};

    const ROUTES: &str = "- match: {prefix: /api, headers: [{name: \":method\", string_match: {safe_regex: {regex: DELETE}}}]}\n  \
                          route: {cluster: app}\n- match: {prefix: /}\n  route: {cluster: app}\n";

    fn file(policy: &str) -> String {
        let per_filter = format!(
            "typed_per_filter_config:\n  envoy.filters.http.cors:\n    \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy\n{}",
            indented(policy, 4)
        );
        let host = format!(
            "- name: all\n  domains: [\"*\"]\n{}  routes:\n{}",
            indented(&per_filter, 2),
            indented(ROUTES, 2)
        );
        let cors = "          - name: envoy.filters.http.cors
            typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}
          - name: envoy.filters.http.router
";
        http(&host, &cluster("connect_timeout: 1s\n"))
            .replace("          - name: envoy.filters.http.router\n", cors)
    }

    #[test]
    fn what_no_browser_may_do_is_found() {
        let origin = "allow_origin_string_match: [{exact: \"https://a.test\"}]\n";
        assert_eq!(codes("cors", &file(&format!("{origin}allow_methods: \"GET, PUT\"\n"))), ["R617 headers"]);
        assert!(quiet("cors", &file(&format!("{origin}allow_methods: \"GET, DELETE\"\n"))));
        assert!(quiet("cors", &file(&format!("{origin}allow_methods: \"*\"\n"))));
        let found = codes("cors", &file("allow_methods: \"*\"\n"));
        assert!(found.len() == 1 && found[0].starts_with("R616 "), "{found:?}");
    }
}
