//! The compiled table against the plainest reading of Envoy's rules: a scan from top to bottom.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "support/mod.rs"]
mod support;

use std::sync::{Arc, LazyLock};

use causeway_model::{
    HeaderMatch, HeaderMatcher, HeaderName, PathMatch, QueryParameterMatcher, Regex, RequireTls, Route,
    RouteConfiguration, RouteMatch, Runtime, RuntimeFraction, StringMatch, StringMatcher, ValueMatch,
    VirtualHost,
};
use causeway_routing::{Lookup, RouteTable};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use support::{Request, matcher, route};

/// What a look-up came to: the virtual host, and in it a route, `None` for no route, or TLS.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Route(usize, usize),
    Tls(usize),
    NoRoute(usize),
    NoVirtualHost,
}

fn compiled(table: &RouteTable, request: &Request) -> Outcome {
    match table.lookup(request) {
        Lookup::Route(found) => {
            let before: usize = table
                .config()
                .virtual_hosts
                .iter()
                .take(found.virtual_host_index)
                .map(|host| host.routes.len())
                .sum();
            let number = found.route_index - before;
            assert!(Arc::ptr_eq(found.route, &found.virtual_host.routes[number]));
            assert!(Arc::ptr_eq(found.virtual_host, &table.config().virtual_hosts[found.virtual_host_index]));
            Outcome::Route(found.virtual_host_index, number)
        }
        Lookup::TlsRequired { virtual_host_index, .. } => Outcome::Tls(virtual_host_index),
        Lookup::NoRoute { virtual_host_index, .. } => Outcome::NoRoute(virtual_host_index),
        Lookup::NoVirtualHost => Outcome::NoVirtualHost,
    }
}

fn scanned(config: &RouteConfiguration, request: &Request) -> Outcome {
    let mut host = request.authority.to_ascii_lowercase();
    if config.ignore_port_in_host_matching
        && let Some(colon) = host.rfind(':')
        && host.rfind(']').is_none_or(|bracket| bracket < colon)
    {
        host.truncate(colon);
    }
    let domains: Vec<(usize, &str)> = config
        .virtual_hosts
        .iter()
        .enumerate()
        .flat_map(|(index, host)| host.domains.iter().map(move |domain| (index, &**domain)))
        .collect();
    let first = |matches: &dyn Fn(&str) -> Option<usize>| {
        // The longest wins; of equals the first, which a front-end would have refused.
        let mut best: Option<(usize, usize)> = None;
        for (index, domain) in &domains {
            if let Some(len) = matches(domain)
                && best.is_none_or(|(_, longest)| len > longest)
            {
                best = Some((*index, len));
            }
        }
        best.map(|(index, _)| index)
    };
    let found = first(&|domain| (domain == host).then_some(0))
        .or_else(|| {
            first(&|domain| {
                let suffix = domain.strip_prefix('*').filter(|suffix| !suffix.is_empty())?;
                (host.len() > suffix.len() && host.ends_with(suffix)).then_some(suffix.len())
            })
        })
        .or_else(|| {
            first(&|domain| {
                let prefix = domain.strip_suffix('*').filter(|prefix| !prefix.is_empty())?;
                (host.len() > prefix.len() && host.starts_with(prefix)).then_some(prefix.len())
            })
        })
        .or_else(|| first(&|domain| (domain == "*").then_some(0)));
    let Some(index) = found else { return Outcome::NoVirtualHost };
    let host = &config.virtual_hosts[index];
    let proto = request.headers.iter().find(|(name, _)| *name == "x-forwarded-proto");
    let plain = proto.map_or(request.scheme, |(_, value)| value) != "https";
    match host.require_tls {
        RequireTls::All if plain => return Outcome::Tls(index),
        RequireTls::ExternalOnly if plain && !request.internal => return Outcome::Tls(index),
        _ => {}
    }
    let route = host.routes.iter().position(|route| takes(config, &route.matcher, request));
    route.map_or(Outcome::NoRoute(index), |route| Outcome::Route(index, route))
}

fn takes(config: &RouteConfiguration, matcher: &RouteMatch, request: &Request) -> bool {
    let is_connect = request.method == "CONNECT";
    // Without a path only a route for CONNECT can take the request.
    if request.path.is_empty() && !matches!(matcher.path, PathMatch::Connect) {
        return false;
    }
    let bare = request.path.split(['?', '#']).next().unwrap();
    let compared: String = if config.ignore_path_parameters_in_path_matching {
        let segments = bare.split('/').map(|segment| segment.split(';').next().unwrap());
        segments.collect::<Vec<_>>().join("/")
    } else {
        bare.to_owned()
    };
    let fold = |text: &str| if matcher.case_sensitive { text.to_owned() } else { text.to_ascii_lowercase() };
    let path_matches = match &matcher.path {
        PathMatch::Prefix(text) => fold(&compared).starts_with(&fold(text)),
        PathMatch::Path(text) => fold(&compared) == fold(text),
        PathMatch::PathSeparatedPrefix(text) => {
            let rest = fold(&compared).strip_prefix(&fold(text)).map(str::to_owned);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        PathMatch::Regex(regex) => regex.is_full_match(compared.as_bytes()),
        PathMatch::UriTemplate { regex, .. } => regex.is_full_match(bare.as_bytes()),
        PathMatch::Connect => is_connect,
    };
    let fraction = matcher
        .runtime_fraction
        .as_ref()
        .is_none_or(|share| request.random % u64::from(share.denominator) < u64::from(share.numerator));
    let content_type = request.headers.iter().find(|(name, _)| *name == "content-type");
    let grpc = !matcher.grpc
        || content_type.is_some_and(|(_, v)| *v == "application/grpc" || v.starts_with("application/grpc+"));
    let headers = matcher.headers.iter().all(|header| {
        let values: Vec<&str> = match header.name.as_str() {
            ":method" => vec![request.method],
            name => request.headers.iter().filter(|(known, _)| *known == name).map(|(_, v)| *v).collect(),
        };
        match &header.condition {
            HeaderMatch::Present(wanted) => (values.is_empty() != *wanted) != header.invert,
            HeaderMatch::String(text) => {
                !values.is_empty()
                    && values.iter().any(|value| text.matches(value.as_bytes())) != header.invert
            }
            HeaderMatch::Range { .. } => unreachable!("not generated"),
        }
    });
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let parameters = matcher.query_parameters.iter().all(|parameter| {
        let value = query
            .split('&')
            .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
            .find(|(name, _)| *name == &*parameter.name);
        match &parameter.condition {
            ValueMatch::Present(wanted) => value.is_some() == *wanted,
            ValueMatch::String(text) => value.is_some_and(|(_, value)| text.matches(value.as_bytes())),
        }
    });
    path_matches && fraction && grpc && headers && parameters
}

fn any_path() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "A", "/", ";", "/a", "/ab"]), 0..5)
        .prop_map(|parts| format!("/{}", parts.concat()))
}

/// Compiled once: that takes longer than everything else here.
static REGEXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let texts = [
        "/.*",
        "/a+",
        "/[ab]/?",
        "/a(/.*)?",
        "(?i)/ab",
        "/ab|/b",
        ".*;.*",
        "/A.?",
        "/a/b[^/]*",
        "x",
        ".*/a",
        ".*/ab.*",
        ".*/ab",
        "[^b]*/b.*",
        "/.*/a/?",
        "/.*/ab?",
        "/.?/b",
        "/.?/b/a",
    ];
    texts.iter().map(|text| Regex::new(text).unwrap()).collect()
});

fn any_match() -> impl Strategy<Value = PathMatch> {
    let regex = select(&**REGEXES);
    let template = |regex: Regex| PathMatch::UriTemplate {
        template: regex.pattern().into(),
        regex,
        variables: Vec::new(),
    };
    prop_oneof![
        3 => any_path().prop_map(|path| PathMatch::Prefix(path.into())),
        3 => any_path().prop_map(|path| PathMatch::Path(path.into())),
        2 => any_path().prop_map(|path| PathMatch::PathSeparatedPrefix(path.into())),
        4 => regex.clone().prop_map(PathMatch::Regex),
        1 => regex.prop_map(template),
        1 => Just(PathMatch::Connect),
    ]
}

fn any_header() -> impl Strategy<Value = HeaderMatcher> {
    let exact = select(vec!["1", "2", "GET"])
        .prop_map(|text| HeaderMatch::String(StringMatcher::new(StringMatch::Exact(text.into()), false)));
    let condition = prop_oneof![any::<bool>().prop_map(HeaderMatch::Present), exact];
    (select(vec!["x", "y", ":method"]), condition, any::<bool>()).prop_map(|(name, condition, invert)| {
        HeaderMatcher {
            name: HeaderName::new(name).unwrap(),
            condition,
            invert,
            treat_missing_as_empty: false,
        }
    })
}

fn any_query_parameter() -> impl Strategy<Value = QueryParameterMatcher> {
    let exact = StringMatcher::new(StringMatch::Exact("v".into()), false);
    let condition = prop_oneof![any::<bool>().prop_map(ValueMatch::Present), Just(ValueMatch::String(exact))];
    (select(vec!["k", "l"]), condition)
        .prop_map(|(name, condition)| QueryParameterMatcher { name: name.into(), condition })
}

fn any_route() -> impl Strategy<Value = Arc<Route>> {
    let fraction = select(vec![0_u32, 30, 100]).prop_map(|numerator| RuntimeFraction {
        numerator,
        denominator: 100,
        runtime_key: "".into(),
    });
    let rest = (
        prop::option::weighted(0.15, any_header()),
        prop::option::weighted(0.1, any_query_parameter()),
        prop::option::weighted(0.1, fraction),
        prop::bool::weighted(0.05),
    );
    (any_match(), prop::bool::weighted(0.7), rest).prop_map(
        |(path, case_sensitive, (header, query, runtime_fraction, grpc))| {
            route(RouteMatch {
                case_sensitive,
                headers: header.into_iter().collect(),
                query_parameters: query.into_iter().collect(),
                runtime_fraction,
                grpc,
                ..matcher(path)
            })
        },
    )
}

fn any_host() -> impl Strategy<Value = Arc<VirtualHost>> {
    let domain = select(vec![
        "*", "a.b", "*.b", "*b", "*.a.b", "a.*", "a.b*", "a.b:1", "*:1", "c", "c*", "[::1]", "*a.b",
    ]);
    let tls = prop_oneof![
        8 => Just(RequireTls::None),
        1 => Just(RequireTls::All),
        1 => Just(RequireTls::ExternalOnly),
    ];
    (vec(domain, 1..4), vec(any_route(), 0..14), tls).prop_map(|(domains, routes, require_tls)| {
        Arc::new(VirtualHost {
            domains: domains.into_iter().map(Into::into).collect(),
            routes,
            require_tls,
            ..VirtualHost::default()
        })
    })
}

fn any_config() -> impl Strategy<Value = RouteConfiguration> {
    (vec(any_host(), 1..5), any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |(virtual_hosts, ignore_port_in_host_matching, ignore_path_parameters_in_path_matching)| {
            RouteConfiguration {
                virtual_hosts,
                ignore_port_in_host_matching,
                ignore_path_parameters_in_path_matching,
                ..RouteConfiguration::default()
            }
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let header = select(vec![
        ("x", "1"),
        ("x", "2"),
        ("y", "1"),
        ("content-type", "application/grpc"),
        ("content-type", "application/grpc-web"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "http"),
    ]);
    let authority = select(vec![
        "a.b", "A.B", "x.b", "x.a.b", "a.x", "a.bx", "a.b:1", "c", "cc", "[::1]", "[::1]:1", "b", "a.", "",
    ]);
    let query = select(vec!["", "?k=v", "?k", "?k=x&k=v&l", "?l=v#k=v", "?;k"]);
    let path = prop_oneof![12 => (any_path(), query).prop_map(|(path, query)| path + query), 1 => Just(String::new())];
    let line = (prop_oneof![9 => Just("GET"), 2 => Just("CONNECT")], select(vec!["http", "https"]));
    (authority, path, line, any::<bool>(), 0_u64..200, vec(header, 0..4)).prop_map(
        |(authority, path, (method, scheme), internal, random, headers)| Request {
            authority,
            path,
            method,
            scheme,
            internal,
            random,
            headers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_table_finds_what_a_scan_finds(
        config in any_config(),
        requests in vec(any_request(), 12),
    ) {
        let config = Arc::new(config);
        let table = RouteTable::compile(Arc::clone(&config), &Runtime::default());
        for request in requests {
            let found = compiled(&table, &request);
            prop_assert_eq!(&found, &scanned(&config, &request), "{:?}", &request);
            // What explains a failure must not fail itself.
            let miss = table.explain(&request).to_string();
            let missed = matches!(found, Outcome::NoRoute(_) | Outcome::NoVirtualHost);
            prop_assert_eq!(missed, miss != "the request has a route", "{}", miss);
        }
    }
}

/// The same for one virtual host with many routes under few beginnings, which makes filters for regular
/// expressions and long lists.
#[test]
fn many_routes_in_one_place() {
    let paths = [
        PathMatch::Regex(Regex::new("/a[0-9]*").unwrap()),
        PathMatch::Regex(Regex::new("/a.*").unwrap()),
        PathMatch::Regex(Regex::new("/a[0-9]{2}").unwrap()),
        PathMatch::Prefix("/a".into()),
        PathMatch::Regex(Regex::new("/b.").unwrap()),
        PathMatch::Regex(Regex::new("/a.*/bb").unwrap()),
        PathMatch::Regex(Regex::new("/a.*/bb?.").unwrap()),
    ];
    let routes = (0..200_u32)
        .map(|number| {
            let share = RuntimeFraction { numerator: number, denominator: 400, runtime_key: "".into() };
            let path = paths[number as usize % paths.len()].clone();
            route(RouteMatch { runtime_fraction: Some(share), ..matcher(path) })
        })
        .collect();
    let host = VirtualHost { domains: vec!["*".into()], routes, ..VirtualHost::default() };
    let config =
        Arc::new(RouteConfiguration { virtual_hosts: vec![Arc::new(host)], ..RouteConfiguration::default() });
    let table = RouteTable::compile(Arc::clone(&config), &Runtime::default());
    for path in ["/a", "/a1", "/a12", "/ax", "/b1", "/b", "/c", "/a/bb", "/ax/b1"] {
        for random in 0..400 {
            let request = Request { random, ..Request::get("a", path) };
            assert_eq!(compiled(&table, &request), scanned(&config, &request), "{path} {random}");
        }
    }
}
