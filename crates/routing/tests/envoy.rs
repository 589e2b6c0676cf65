//! What Envoy 1.40 was seen to do, request by request.

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use causeway_model::{
    HeaderMatch, HeaderMatcher, HeaderName, PathMatch, Regex, RequireTls, RouteConfiguration, RouteMatch,
    Runtime, StringMatch, StringMatcher, VirtualHost,
};
use causeway_routing::{DomainHint, Lookup, Miss, PathHint, RouteTable};
use support::{Request, matcher, route};

fn prefix(text: &str) -> RouteMatch {
    matcher(PathMatch::Prefix(text.into()))
}

fn path(text: &str) -> RouteMatch {
    matcher(PathMatch::Path(text.into()))
}

fn separated(text: &str) -> RouteMatch {
    matcher(PathMatch::PathSeparatedPrefix(text.into()))
}

fn any_case(matcher: RouteMatch) -> RouteMatch {
    RouteMatch { case_sensitive: false, ..matcher }
}

fn host(domains: &[&str], routes: Vec<RouteMatch>) -> VirtualHost {
    VirtualHost {
        name: domains.first().copied().unwrap_or_default().into(),
        domains: domains.iter().map(|domain| (*domain).into()).collect(),
        routes: routes.into_iter().map(route).collect(),
        ..VirtualHost::default()
    }
}

fn table(hosts: Vec<VirtualHost>) -> RouteTable {
    let virtual_hosts = hosts.into_iter().map(Arc::new).collect();
    let config = RouteConfiguration { virtual_hosts, ..RouteConfiguration::default() };
    RouteTable::compile(Arc::new(config), &Runtime::default())
}

fn found(table: &RouteTable, request: &Request) -> Option<usize> {
    match table.lookup(request) {
        Lookup::Route(found) => Some(found.route_index),
        _ => None,
    }
}

fn paths(table: &RouteTable, expected: &[(&str, Option<usize>)]) {
    for (path, route) in expected {
        assert_eq!(found(table, &Request::get("lab.test", path)), *route, "{path}");
    }
}

#[test]
fn the_first_route_wins_and_the_query_does_not_count() {
    let table =
        table(vec![host(&["*"], vec![path("/exact"), prefix("/pre"), prefix("/pre/fix"), prefix("/z/")])]);
    paths(
        &table,
        &[
            ("/exact", Some(0)),
            ("/exact?x=1", Some(0)),
            ("/exact/", None),
            ("/exact2", None),
            ("/pre", Some(1)),
            ("/prefix", Some(1)),
            ("/pre/fix", Some(1)),
            ("/z", None),
            ("/z/", Some(3)),
            ("/z/y?z", Some(3)),
            ("/Pre", None),
            ("/", None),
        ],
    );
}

#[test]
fn separated_prefixes_match_whole_segments() {
    let table = table(vec![host(&["*"], vec![separated("/api/dev"), separated("/api"), prefix("/")])]);
    paths(
        &table,
        &[
            ("/api/dev", Some(0)),
            ("/api/dev/", Some(0)),
            ("/api/dev?p=1", Some(0)),
            ("/api/developer", Some(1)),
            ("/api", Some(1)),
            ("/apix", Some(2)),
            ("/API", Some(2)),
        ],
    );
}

#[test]
fn case_counts_unless_it_is_told_not_to() {
    let routes = vec![any_case(path("/Exact")), any_case(prefix("/Pre")), any_case(separated("/Seg"))];
    let table = table(vec![host(&["*"], routes)]);
    paths(
        &table,
        &[
            ("/exact", Some(0)),
            ("/EXACT", Some(0)),
            ("/PREfix/A", Some(1)),
            ("/seg/X", Some(2)),
            ("/segx", None),
        ],
    );
}

#[test]
fn parameters_are_left_out_segment_by_segment_but_not_for_templates() {
    let template = PathMatch::UriTemplate {
        template: "/tpl/{id}/x".into(),
        regex: Regex::new("/tpl/([^/]+)/x").unwrap(),
        variables: vec!["id".into()],
    };
    let regex = PathMatch::Regex(Regex::new("/re/[a-z]+/x").unwrap());
    let routes = vec![path("/path/x"), prefix("/pre/"), separated("/sep"), matcher(regex), matcher(template)];
    let config = RouteConfiguration {
        virtual_hosts: vec![Arc::new(host(&["*"], routes))],
        ignore_path_parameters_in_path_matching: true,
        ..RouteConfiguration::default()
    };
    let table = RouteTable::compile(Arc::new(config), &Runtime::default());
    paths(
        &table,
        &[
            ("/path;a;b/x;c?x;/y", Some(0)),
            ("/path/x;q/", None),
            ("/pre;x/a", Some(1)),
            ("/pre/;x/a", Some(1)),
            ("/sep;x/y", Some(2)),
            ("/re;1/a;2/x;3", Some(3)),
            ("/tpl/5/x;q", None),
            ("/tpl/5;a/x", Some(4)),
        ],
    );
}

#[test]
fn a_request_without_a_path_is_for_connect_routes_alone() {
    let table = table(vec![host(&["*"], vec![prefix("/"), prefix(""), matcher(PathMatch::Connect)])]);
    let connect = Request { method: "CONNECT", ..Request::get("lab.test:80", "") };
    assert_eq!(found(&table, &connect), Some(2));
    assert_eq!(found(&table, &Request { path: "/".into(), ..connect }), Some(0));
    assert_eq!(found(&table, &Request::get("lab.test", "")), None);
}

#[test]
fn numbers_of_routes_run_over_the_whole_table() {
    let table = table(vec![host(&["a"], vec![prefix("/x"), prefix("/")]), host(&["b"], vec![prefix("/")])]);
    assert_eq!(table.route_count(), 3);
    assert_eq!(table.routes().count(), 3);
    assert_eq!(found(&table, &Request::get("a", "/")), Some(1));
    assert_eq!(found(&table, &Request::get("b", "/")), Some(2));
    let Lookup::Route(found) = table.lookup(&Request::get("b", "/x")) else { panic!("no route") };
    assert_eq!((found.virtual_host_index, &*found.virtual_host.name), (1, "b"));
}

#[test]
fn tls_is_asked_of_those_who_came_without() {
    let with = |require_tls| VirtualHost { require_tls, ..host(&["*"], vec![prefix("/")]) };
    let (all, external) = (table(vec![with(RequireTls::All)]), table(vec![with(RequireTls::ExternalOnly)]));
    let plain = Request::get("a", "/p");
    let internal = Request { internal: true, ..plain.clone() };
    let forwarded = Request { headers: vec![("x-forwarded-proto", "https")], ..plain.clone() };
    let tls = |table: &RouteTable, request| matches!(table.lookup(request), Lookup::TlsRequired { .. });
    assert!(tls(&all, &plain) && tls(&all, &internal) && !tls(&all, &forwarded));
    assert!(tls(&external, &plain) && !tls(&external, &internal) && !tls(&external, &forwarded));
    // What the forwarding proxy says outweighs the scheme.
    let lowered =
        Request { scheme: "https", headers: vec![("x-forwarded-proto", "http")], ..Request::get("a", "/p") };
    assert!(tls(&all, &lowered));
}

#[test]
fn a_table_without_hosts_and_a_host_without_routes() {
    assert!(matches!(table(Vec::new()).lookup(&Request::get("a", "/")), Lookup::NoVirtualHost));
    let empty = table(vec![host(&["*"], Vec::new())]);
    assert!(matches!(empty.lookup(&Request::get("a", "/")), Lookup::NoRoute { .. }));
}

#[test]
fn the_nearest_domain_is_named() {
    let table = table(vec![
        host(&["api.example.com"], vec![prefix("/")]),
        host(&["lab.test:8080", "*.lab.test"], vec![prefix("/")]),
    ]);
    let miss = |authority| table.explain(&Request::get(authority, "/"));
    let hint = |authority| match miss(authority) {
        Miss::Domain { hint, .. } => hint,
        other => panic!("{other}"),
    };
    assert!(matches!(hint("api.example.com:8443"), Some(DomainHint::Port("api.example.com", _))));
    assert!(matches!(hint("lab.test"), Some(DomainHint::Port("lab.test:8080", _))));
    assert!(matches!(hint("x.lab.test:80"), Some(DomainHint::Port("*.lab.test", _))));
    assert!(matches!(hint("api.exmaple.com"), Some(DomainHint::Spelling("api.example.com", _))));
    assert!(hint("10.0.0.1").is_none());
    assert_eq!(
        miss("API.example.com:8443").to_string(),
        "no domain matches `API.example.com:8443`; virtual host `api.example.com` has `api.example.com`: the \
         port counts unless ignore_port_in_host_matching or strip_any_host_port is set"
    );
}

#[test]
fn the_nearest_route_is_named() {
    let post = HeaderMatcher {
        name: HeaderName::new(":method").unwrap(),
        condition: HeaderMatch::String(StringMatcher::new(StringMatch::Exact("POST".into()), false)),
        invert: false,
        treat_missing_as_empty: false,
    };
    let routes = vec![
        RouteMatch { headers: vec![post], ..prefix("/orders") },
        path("/users/"),
        path("/Status"),
        prefix("/api/v1/"),
    ];
    let table = table(vec![host(&["*"], routes)]);
    let miss = |path: &str| table.explain(&Request::get("a", path));
    assert_eq!(
        miss("/orders/1").to_string(),
        "in virtual host `*` route 0 (prefix `/orders`) matches the path but asks for a method equal to `POST`"
    );
    assert_eq!(
        miss("/users").to_string(),
        "no route of virtual host `*` matches the path `/users`; route 1 (path `/users/`) does with a slash \
         at its end"
    );
    assert!(matches!(miss("/status"), Miss::Path { hint: Some(PathHint::Case(_, 2)), .. }));
    assert!(matches!(miss("/api/v2/x"), Miss::Path { hint: Some(PathHint::Beginning(_, 3)), .. }));
    assert!(matches!(miss("/"), Miss::Path { hint: None, .. }));
    assert!(matches!(miss("/api/v1/x"), Miss::None));
}
