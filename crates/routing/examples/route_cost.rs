//! What a look-up costs with 1, 100 and 10 000 routes, for several kinds of routes. The request is one
//! that the last route takes, which is the worst place for a scan.

#![allow(clippy::print_stdout, reason = "prints a table")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_model::{
    DirectResponse, HeaderMutations, Metadata, PathMatch, Regex, Route, RouteAction, RouteConfiguration,
    RouteMatch, Runtime, SourcePosition, VirtualHost,
};
use causeway_routing::{Lookup, RouteRequest, RouteTable};

struct Request {
    authority: String,
    path: String,
}

impl RouteRequest for Request {
    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn scheme(&self) -> &[u8] {
        b"http"
    }

    fn is_internal(&self) -> bool {
        false
    }

    fn random(&self) -> u64 {
        0
    }

    fn visit_header(&self, _name: &str, _visit: &mut dyn FnMut(&[u8])) {}

    fn forwarded_proto(&self) -> &[u8] {
        b"http"
    }
}

fn route(path: PathMatch, case_sensitive: bool) -> Arc<Route> {
    let answer = DirectResponse { status: 200, body: Box::default(), body_format: None };
    Arc::new(Route {
        position: SourcePosition::default(),
        name: "".into(),
        matcher: RouteMatch {
            path,
            case_sensitive,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            runtime_fraction: None,
            grpc: false,
            more: None,
        },
        action: RouteAction::DirectResponse(Box::new(answer)),
        request_headers: HeaderMutations::default(),
        response_headers: HeaderMutations::default(),
        per_filter: Vec::new(),
        metadata: Metadata::default(),
        stat_prefix: "".into(),
        request_body_buffer_limit: None,
    })
}

fn hosts(kind: &str, count: usize) -> (Vec<Arc<VirtualHost>>, Vec<Request>) {
    let request = |n: usize| Request {
        authority: format!("host-{n}.example.com"),
        path: format!("/service-{n}/items/17?q=1"),
    };
    let host = |domain: String, routes| {
        Arc::new(VirtualHost { domains: vec![domain.into()], routes, ..VirtualHost::default() })
    };
    // Requests come from the last hundredth of the routes, so that not everything stays in the caches.
    let requests = (count - count.div_ceil(100)..count).map(request).collect();
    let one = |make: &dyn Fn(usize) -> Arc<Route>| vec![host("*".to_owned(), (0..count).map(make).collect())];
    let hosts = match kind {
        "prefix" => one(&|n| route(PathMatch::Prefix(format!("/service-{n}/").into()), true)),
        "path" => one(&|n| route(PathMatch::Path(format!("/service-{n}/items/17").into()), true)),
        "any case" => one(&|n| route(PathMatch::Prefix(format!("/Service-{n}/").into()), false)),
        "regex" => {
            one(&|n| route(PathMatch::Regex(Regex::new(&format!("/service-{n}/.*")).expect("valid")), true))
        }
        "regex, inner" => {
            one(&|n| route(PathMatch::Regex(Regex::new(&format!("/[a-z]+-{n}/.*")).expect("valid")), true))
        }
        "exact domain" => (0..count)
            .map(|n| host(format!("host-{n}.example.com"), vec![route(PathMatch::Prefix("/".into()), true)]))
            .collect(),
        _ => (0..count)
            .map(|n| host(format!("*-{n}.example.com"), vec![route(PathMatch::Prefix("/".into()), true)]))
            .collect(),
    };
    (hosts, requests)
}

fn main() {
    println!("{:20} {:>8} {:>12} {:>12}", "kind", "routes", "ns/look-up", "compile ms");
    let kinds = ["prefix", "path", "any case", "regex", "regex, inner", "exact domain", "wildcard domain"];
    for kind in kinds {
        for count in [1, 100, 10_000] {
            let (virtual_hosts, requests) = hosts(kind, count);
            let config = RouteConfiguration { virtual_hosts, ..RouteConfiguration::default() };
            let start = Instant::now();
            let table = RouteTable::compile(Arc::new(config), &Runtime::default());
            let compile = start.elapsed();
            let mut best = Duration::MAX;
            for _ in 0..15 {
                let start = Instant::now();
                for request in requests.iter().cycle().take(100_000) {
                    let found = table.lookup(black_box(request));
                    assert!(matches!(black_box(found), Lookup::Route(_)));
                }
                best = best.min(start.elapsed() / 100_000);
            }
            println!("{kind:20} {count:>8} {:>12} {:>12.1}", best.as_nanos(), compile.as_secs_f64() * 1e3);
        }
    }
}
