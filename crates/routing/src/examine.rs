//! What became of each route when a request was looked up, for people who want to know before they ask a proxy.
//!
//! This takes time in proportion to the number of routes, and is never on the way of a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use causeway_model::{PathMatch, Route, RouteMatch};

use crate::conditions::{Unmet, unmet};
use crate::domains::without_port;
use crate::explain::{PathWords, domain_matches, path_matches_any_case};
use crate::path::without_query;
use crate::request::RouteRequest;
use crate::table::RouteTable;

/// A route of the virtual host that a request belongs to.
#[derive(Debug, Clone)]
pub struct Examined<'t> {
    /// Its number in the virtual host, from 0.
    pub number: usize,
    /// The route.
    pub route: &'t Arc<Route>,
    /// What became of it.
    pub step: Step<'t>,
}

/// What became of a route when a request was looked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'t> {
    /// The path is another.
    Path {
        /// What it asks for.
        wanted: &'t PathMatch,
        /// The path would match in another case.
        case: bool,
        /// The path would match with or without the slash at its end.
        slash: bool,
    },
    /// The path matches, but this does not.
    Unmet(Unmet<'t>),
    /// It takes the request.
    Taken,
    /// One before it takes the request.
    Behind,
}

/// Why it is not the one, or that it is.
impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { wanted: PathMatch::Connect, .. } => f.write_str("it takes CONNECT alone"),
            Self::Path { wanted, case, slash } => {
                write!(f, "the path does not match {}", PathWords(wanted))?;
                match (case, slash) {
                    (true, _) => f.write_str(": it would in another case"),
                    (false, true) => f.write_str(": it would but for the slash at its end"),
                    (false, false) => Ok(()),
                }
            }
            Self::Unmet(unmet) => write!(f, "it asks for {unmet}"),
            Self::Taken => f.write_str("it takes the request"),
            Self::Behind => f.write_str("a route before it takes the request"),
        }
    }
}

impl RouteTable {
    /// Each route of the request's virtual host in the order of the file, and what became of it: the one that is
    /// taken is that of [`Self::lookup`]. None where no virtual host has a domain for the request.
    #[must_use]
    pub fn examine(&self, request: &impl RouteRequest) -> Vec<Examined<'_>> {
        let Some((_, virtual_host, host)) = self.host(request) else { return Vec::new() };
        let path = without_query(request.path());
        let unmet: HashMap<usize, Option<Unmet<'_>>> = self
            .matching(virtual_host, host, request, path)
            .map(|(number, route)| (number, host.unmet(number, route, request)))
            .collect();
        let taken = unmet.iter().filter(|(_, unmet)| unmet.is_none()).map(|(number, _)| *number).min();
        let step = |number: usize, matcher| match unmet.get(&number) {
            _ if taken.is_some_and(|taken| number > taken) => Step::Behind,
            Some(None) => Step::Taken,
            Some(Some(unmet)) => Step::Unmet(*unmet),
            None => missed(matcher, path),
        };
        let routes = virtual_host.routes.iter().enumerate();
        routes.map(|(number, route)| Examined { number, route, step: step(number, &route.matcher) }).collect()
    }

    /// The routes that would take the request if chance had it so, by their numbers over the whole table, each with
    /// the share of requests that it takes of those that come as far: so many of so many. The last takes all that is
    /// left, unless nothing does.
    #[must_use]
    pub fn possible(&self, request: &impl RouteRequest) -> Vec<(usize, Option<(u64, u64)>)> {
        let Some((_, virtual_host, host)) = self.host(request) else { return Vec::new() };
        let mut possible = Vec::new();
        for (number, route) in self.matching(virtual_host, host, request, without_query(request.path())) {
            if unmet(&route.matcher, None, request).is_some() {
                continue;
            }
            let fraction = host.fraction(number);
            possible.push((host.first_route + number, fraction));
            if fraction.is_none() {
                break;
            }
        }
        possible
    }

    /// The domain by which an authority belongs to its virtual host: the one that fits best.
    #[must_use]
    pub fn domain_of(&self, request: &impl RouteRequest) -> Option<&str> {
        let (_, virtual_host, _) = self.host(request)?;
        let authority = request.authority().to_ascii_lowercase();
        let ignore_port = self.config.ignore_port_in_host_matching;
        let host = if ignore_port { without_port(&authority) } else { &authority };
        // The exact one, then those that end as it does, then those that begin so; of each the longest.
        let rank = |domain: &&str| match (domain.starts_with('*'), domain.ends_with('*')) {
            (false, false) => (3, domain.len()),
            (true, _) if *domain != "*" => (2, domain.len()),
            (false, true) => (1, domain.len()),
            (true, _) => (0, 0),
        };
        let domains = virtual_host.domains.iter().map(|domain| &**domain);
        domains
            .filter(|domain| *domain == "*" || domain_matches(domain.as_bytes(), host))
            .max_by_key(|domain| rank(domain))
    }
}

fn missed<'t>(matcher: &'t RouteMatch, path: &[u8]) -> Step<'t> {
    let mut other = path.to_vec();
    if other.ends_with(b"/") {
        other.pop();
    } else {
        other.push(b'/');
    }
    Step::Path {
        wanted: &matcher.path,
        case: path_matches_any_case(matcher, &path.to_ascii_lowercase()),
        slash: path_matches(matcher, &other),
    }
}

/// Whether the text of a route's path matches as it stands, without regular expressions.
fn path_matches(matcher: &RouteMatch, path: &[u8]) -> bool {
    let same = |a: &[u8], b: &[u8]| if matcher.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let begins = |text: &str| path.get(..text.len()).is_some_and(|head| same(head, text.as_bytes()));
    match &matcher.path {
        PathMatch::Prefix(text) => begins(text),
        PathMatch::Path(text) => same(path, text.as_bytes()),
        PathMatch::PathSeparatedPrefix(text) => {
            begins(text) && matches!(path.get(text.len()), None | Some(b'/'))
        }
        PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => false,
    }
}

#[cfg(test)]
mod tests {
    use causeway_model::{
        DirectResponse, HeaderMutations, Metadata, RouteAction, RouteConfiguration, Runtime, VirtualHost,
    };

    use super::*;
    use crate::Lookup;
    use crate::request::tests::TestRequest;

    fn route(path: PathMatch, grpc: bool) -> Arc<Route> {
        let response = DirectResponse { status: 200, body: Box::default(), body_format: None };
        Arc::new(Route {
            position: Default::default(),
            name: "".into(),
            matcher: RouteMatch {
                path,
                case_sensitive: true,
                headers: Vec::new(),
                query_parameters: Vec::new(),
                runtime_fraction: None,
                grpc,
                more: None,
            },
            action: RouteAction::DirectResponse(Box::new(response)),
            request_headers: HeaderMutations::default(),
            response_headers: HeaderMutations::default(),
            per_filter: Vec::new(),
            metadata: Metadata::default(),
            stat_prefix: "".into(),
            request_body_buffer_limit: None,
        })
    }

    fn table() -> RouteTable {
        let hosts = [(&["a.test", "*.a.test", "a.*"][..], true), (&["*", "b.test:81"], false)].map(
            |(domains, grpc)| {
                Arc::new(VirtualHost {
                    domains: domains.iter().map(|domain| (*domain).into()).collect(),
                    routes: vec![
                        route(PathMatch::Path("/Exact".into()), false),
                        route(PathMatch::Prefix("/api/".into()), grpc),
                        route(PathMatch::Prefix("/api/".into()), false),
                        route(PathMatch::Connect, false),
                        route(PathMatch::Prefix("/".into()), grpc),
                    ],
                    ..VirtualHost::default()
                })
            },
        );
        let config = RouteConfiguration { virtual_hosts: hosts.to_vec(), ..RouteConfiguration::default() };
        RouteTable::compile(Arc::new(config), &Runtime::default())
    }

    fn said(table: &RouteTable, request: &TestRequest) -> Vec<String> {
        table.examine(request).iter().map(|examined| examined.step.to_string()).collect()
    }

    #[test]
    fn every_route_says_why_it_is_passed_over() {
        let table = table();
        assert_eq!(
            said(&table, &TestRequest::get("a.test", "/api/x?q")),
            [
                "the path does not match path `/Exact`",
                "it asks for a gRPC request (content-type application/grpc)",
                "it takes the request",
                "a route before it takes the request",
                "a route before it takes the request",
            ]
        );
        assert_eq!(
            said(&table, &TestRequest::get("a.test", "/exact"))[..2],
            [
                "the path does not match path `/Exact`: it would in another case",
                "the path does not match prefix `/api/`"
            ]
        );
        let slash = "the path does not match prefix `/api/`: it would but for the slash at its end";
        assert_eq!(said(&table, &TestRequest::get("a.test", "/api"))[1..3], [slash, slash]);
        assert_eq!(said(&table, &TestRequest::get("a.test", "/"))[3], "it takes CONNECT alone");
    }

    #[test]
    fn the_same_is_said_in_korean() {
        let table = table();
        let korean = |target| {
            let request = TestRequest::get("a.test", target);
            let examined = table.examine(&request);
            examined.iter().map(|examined| crate::Korean(&examined.step).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            korean("/api/x")[..3],
            [
                "경로가 path `/Exact`에 맞지 않습니다",
                "요구 조건을 충족하지 않습니다: gRPC 요청(content-type application/grpc)",
                "이 라우트가 요청을 받습니다",
            ]
        );
        assert_eq!(korean("/exact")[0], "경로가 path `/Exact`에 맞지 않습니다. 대소문자만 다릅니다");
        let miss = |authority| {
            let request = TestRequest::get(authority, "/nowhere");
            crate::Korean(&table.explain(&request)).to_string()
        };
        assert_eq!(
            miss("a.test"),
            "가상 호스트 ``의 라우트 4 (prefix `/`): 경로는 맞지만 요구 조건을 충족하지 않습니다: gRPC 요청(content-type \
             application/grpc)"
        );
    }

    #[test]
    fn the_route_that_is_taken_is_the_one_that_is_found() {
        let table = table();
        for host in ["a.test", "x.a.test", "other"] {
            for path in ["/", "/Exact", "/api/", "/api", "/api/x", "/EXACT"] {
                let request = TestRequest::get(host, path);
                let examined = table.examine(&request);
                let taken = examined.iter().find(|examined| examined.step == Step::Taken);
                match table.lookup(&request) {
                    Lookup::Route(found) => assert!(Arc::ptr_eq(found.route, taken.unwrap().route)),
                    _ => assert!(taken.is_none()),
                }
            }
        }
    }

    #[test]
    fn the_domain_that_fits_best_is_named() {
        let table = table();
        for (host, domain) in [
            ("A.test", "a.test"),
            ("x.a.test", "*.a.test"),
            ("a.org", "a.*"),
            ("c", "*"),
            ("b.test:81", "b.test:81"),
        ] {
            assert_eq!(table.domain_of(&TestRequest::get(host, "/")), Some(domain), "{host}");
        }
    }
}
