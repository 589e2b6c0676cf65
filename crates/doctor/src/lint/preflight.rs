//! Browsers' preflight requests that find no route.

use causeway_model::{
    Bootstrap, FilterConfig, HeaderMatch, HeaderMatcher, PathMatch, PerFilterConfig, Route,
    RouteConfiguration, StringMatch,
};
use causeway_reason::Reason;
use causeway_routing::{Lookup, RouteRequest, RouteTable};

use super::walk::{self, ManagerAt, RouteAt};
use crate::finding::{Effect, Evidence, Finding, Fix, Severity, under};
use crate::said;

pub(super) fn look(bootstrap: &Bootstrap) -> Vec<Finding> {
    walk::managers(bootstrap).flat_map(|of| of_manager(bootstrap, of)).collect()
}

fn of_manager(bootstrap: &Bootstrap, of: ManagerAt<'_>) -> Vec<Finding> {
    // Without the filter nobody says that browsers come.
    let cors = of.manager.http_filters.iter().find(|filter| matches!(filter.config, FilterConfig::Cors(_)));
    let Some(cors) = cors else { return Vec::new() };
    let table = RouteTable::compile(of.manager.route_config.clone(), &bootstrap.runtime);
    let mut findings = Vec::new();
    for host in &of.manager.route_config.virtual_hosts {
        // A finding for the first route of a virtual host is enough: the others are mended in the same way.
        let unrouted = host.routes.iter().enumerate().find_map(|(index, route)| {
            let at = RouteAt { of, host, route, index };
            let method = method(route)?;
            if !has_policy(&cors.name, &of.manager.route_config, &at) {
                return None;
            }
            let asked = Preflight { authority: authority(host.domains.first()?), path: path(route)?, method };
            matches!(table.lookup(&asked), Lookup::NoRoute { .. }).then(|| finding(&at, &asked))
        });
        findings.extend(unrouted);
    }
    findings
}

fn finding(at: &RouteAt<'_>, asked: &Preflight) -> Finding {
    let (path, method) = (&asked.path, &asked.method);
    let title = said!(
        "a browser's preflight for {method} `{path}` finds no route",
        "`{path}`에 대한 {method} 요청의 preflight에 맞는 라우트가 없습니다"
    );
    let seen = said!(
        "the route matches the method {method}, and OPTIONS matches none",
        "라우트가 {method} 메서드로 매칭하며 OPTIONS에 맞는 라우트가 없습니다"
    );
    Finding::new(Reason::PreflightUnrouted, Severity::Error, title, Evidence::file(seen))
        .about(at.subject())
        .at(under(&at.route.position, "match.headers"), said!("not for OPTIONS", "OPTIONS는 제외됩니다"))
        .effect(Effect {
            status: Some(404),
            flags: "NR".to_owned(),
            details: "route_not_found".to_owned(),
            words: Some(said!(
                "to OPTIONS; the browser says \"CORS error\" and never sends the {method}",
                "OPTIONS 요청이 실패하며 브라우저는 \"CORS error\"를 표시하고 {method}를 보내지 않습니다"
            )),
        })
        .fix(Fix::manual(said!(
            "match OPTIONS as well: `string_match: {{safe_regex: {{regex: {method}|OPTIONS}}}}`",
            "OPTIONS도 매칭하십시오: `string_match: {{safe_regex: {{regex: {method}|OPTIONS}}}}`"
        )))
}

/// The method that a route matches by, where that is not OPTIONS.
pub(super) fn method(route: &Route) -> Option<String> {
    let by_method = |header: &&HeaderMatcher| header.name.as_str() == ":method" && !header.invert;
    let header = route.matcher.headers.iter().find(by_method)?;
    let HeaderMatch::String(wanted) = &header.condition else { return None };
    if wanted.matches(b"OPTIONS") {
        return None;
    }
    match &wanted.pattern {
        StringMatch::Exact(text) => Some(text.to_string()),
        StringMatch::Prefix(_)
        | StringMatch::Suffix(_)
        | StringMatch::Contains(_)
        | StringMatch::Regex(_) => {
            let known = ["GET", "POST", "PUT", "DELETE", "PATCH"];
            known.iter().find(|method| wanted.matches(method.as_bytes())).map(|method| (*method).to_owned())
        }
    }
}

/// A path that the route takes.
pub(super) fn path(route: &Route) -> Option<String> {
    match &route.matcher.path {
        PathMatch::Prefix(text) | PathMatch::Path(text) | PathMatch::PathSeparatedPrefix(text) => {
            Some(text.to_string())
        }
        PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => None,
    }
}

/// A host that the domain fits.
pub(super) fn authority(domain: &str) -> String {
    domain.replace('*', "x")
}

fn has_policy(cors: &str, table: &RouteConfiguration, at: &RouteAt<'_>) -> bool {
    let has = |configs: &[PerFilterConfig]| {
        configs.iter().any(|config| &*config.filter == cors && config.settings.is_some())
    };
    has(&at.route.per_filter) || has(&at.host.per_filter) || has(&table.per_filter)
}

/// What a browser asks.
pub(super) struct Preflight {
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) method: String,
}

impl RouteRequest for Preflight {
    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn method(&self) -> &[u8] {
        b"OPTIONS"
    }

    fn scheme(&self) -> &[u8] {
        b"https"
    }

    fn is_internal(&self) -> bool {
        false
    }

    fn random(&self) -> u64 {
        0
    }

    fn visit_header(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
        match name {
            "origin" => visit(b"https://page.example"),
            "access-control-request-method" => visit(self.method.as_bytes()),
            _ => {}
        }
    }

    fn forwarded_proto(&self) -> &[u8] {
        b"https"
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{cluster, codes, http, indented, quiet};

    const POLICY: &str = "typed_per_filter_config:
  envoy.filters.http.cors:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
    allow_origin_string_match: [{exact: \"https://page.example\"}]
";

    fn file(routes: &str) -> String {
        let host = format!(
            "- name: all\n  domains: [\"*\"]\n{}  routes:\n{}",
            indented(POLICY, 2),
            indented(routes, 2)
        );
        let file = http(&host, &cluster("connect_timeout: 1s\n"));
        let cors = "          - name: envoy.filters.http.cors
            typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}
          - name: envoy.filters.http.router
";
        file.replace("          - name: envoy.filters.http.router\n", cors)
    }

    const POST: &str = "- match: {prefix: /api, headers: [{name: \":method\", string_match: {exact: POST}}]}\n  route: {cluster: app}\n";

    #[test]
    fn routes_by_method_leave_preflights_without_a_route() {
        assert_eq!(codes("preflight", &file(POST)), ["R615 headers"]);
    }

    #[test]
    fn another_route_may_take_them() {
        let rest = "- match: {prefix: /}\n  route: {cluster: app}\n";
        assert!(quiet("preflight", &file(&format!("{POST}{rest}"))));
        assert!(quiet("preflight", &file(&POST.replace("exact: POST", "safe_regex: {regex: POST|OPTIONS}"))));
    }

    #[test]
    fn without_cors_nobody_says_that_browsers_come() {
        let host = format!("- name: all\n  domains: [\"*\"]\n  routes:\n{}", indented(POST, 2));
        assert!(quiet("preflight", &http(&host, &cluster("connect_timeout: 1s\n"))));
    }
}
