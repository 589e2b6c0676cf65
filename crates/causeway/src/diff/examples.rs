//! Example requests, made of what a configuration tells requests apart by.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use causeway_model::{
    Address, Bootstrap, CookieMatcher, DownstreamSocket, FilterChain, HeaderMatch, HeaderMatcher, Listener,
    NetworkFilter, PathMatch, QueryParameterMatcher, RouteMatch, StringMatch, StringMatcher, ValueMatch,
};
use causeway_proxy::{Caller, Hello, Question};
use causeway_routing::sample;

use crate::route::default_client;

/// Most requests that are tried.
const MOST: usize = 5_000;

/// Most domains of a virtual host that are tried with each of its routes; the others are tried with one path.
const DOMAINS: usize = 3;

/// A host that nobody has (RFC 2606).
const NOBODY: &str = "nobody.invalid";

/// A request, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) caller: Caller,
    pub(super) question: Question,
}

/// Examples, each once.
#[derive(Debug, Default)]
pub(super) struct Examples {
    pub(super) all: Vec<Example>,
    known: HashSet<String>,
    /// There would have been more.
    pub(super) cut: bool,
}

impl Examples {
    /// Adds all that a configuration gives.
    pub(super) fn of(&mut self, bootstrap: &Bootstrap) {
        for listener in &bootstrap.listeners {
            for chain in listener.chains() {
                for name in names(chain) {
                    self.of_chain(listener, chain, name.as_deref());
                }
            }
        }
    }

    fn of_chain(&mut self, listener: &Listener, chain: &FilterChain, name: Option<&str>) {
        let NetworkFilter::HttpConnectionManager(manager) = &chain.filter else {
            let host = name.unwrap_or(NOBODY);
            self.add(listener, chain, name.unwrap_or(host), plain(host, "/"));
            return;
        };
        let mut add = |host: &str, question: Question| {
            self.add(listener, chain, name.unwrap_or(host), question);
        };
        for virtual_host in &manager.route_config.virtual_hosts {
            for (at, domain) in virtual_host.domains.iter().enumerate() {
                let host = host_of(domain, name);
                add(&host, plain(&host, "/"));
                if at >= DOMAINS {
                    continue;
                }
                for route in &virtual_host.routes {
                    for question in of_route(&route.matcher, &host) {
                        add(&host, question);
                    }
                }
            }
        }
        add(NOBODY, plain(NOBODY, "/"));
    }

    fn add(&mut self, listener: &Listener, chain: &FilterChain, name: &str, question: Question) {
        let Some(caller) = caller(listener, chain, name) else { return };
        let example = Example { caller, question };
        if !self.known.insert(format!("{example:?}")) {
            return;
        }
        if self.all.len() < MOST {
            self.all.push(example);
        } else {
            self.cut = true;
        }
    }
}

/// Names that clients of a chain ask for in their handshake; `None` where it is that of the host.
fn names(chain: &FilterChain) -> Vec<Option<String>> {
    let names = chain.matcher.server_names.iter().filter(|name| !name.is_empty());
    let names: Vec<_> = names
        .map(|name| Some(if name.starts_with('.') { format!("any{name}") } else { name.to_string() }))
        .collect();
    if names.is_empty() { vec![None] } else { names }
}

/// A client whose connection the chain is for, as far as one can be made up.
fn caller(listener: &Listener, chain: &FilterChain, name: &str) -> Option<Caller> {
    let mut to = listener.addresses.first()?.clone();
    let matcher = &chain.matcher;
    if let Address::Ip(address) = &mut to {
        if let Some(ip) = matcher.prefix_ranges.first().and_then(first_of) {
            address.set_ip(ip);
        }
        if let Some(port) = matcher.destination_port {
            address.set_port(port);
        }
    }
    let mut from = default_client(&to);
    if let Some(ip) = matcher.source_prefix_ranges.first().and_then(first_of) {
        let port = matcher.source_ports.first().copied().unwrap_or(50_000);
        from = Address::Ip(SocketAddr::new(ip, port));
    }
    let speaks_tls = matches!(chain.transport_socket, DownstreamSocket::Tls(_))
        || matcher.transport_protocol.as_ref() == "tls";
    let protocols = match &matcher.application_protocols[..] {
        [] => vec!["http/1.1".into()],
        protocols => protocols.to_vec(),
    };
    let http2 = protocols.first().is_some_and(|protocol| matches!(&**protocol, "h2" | "h2c"));
    let bare = name.split(':').next().unwrap_or_default();
    let tls = (speaks_tls || !matcher.server_names.is_empty())
        .then(|| Hello { server_name: bare.into(), protocols });
    Some(Caller { from, to, tls, http2 })
}

fn first_of(range: &causeway_model::CidrRange) -> Option<IpAddr> {
    range.to_string().split('/').next()?.parse().ok()
}

/// A host that a domain takes; `*` takes that of the handshake.
fn host_of(domain: &str, name: Option<&str>) -> String {
    match (domain, domain.strip_prefix('*'), domain.strip_suffix('*')) {
        ("*", ..) => name.unwrap_or("any.example").to_owned(),
        (_, Some(ending), _) => format!("any{ending}"),
        (_, None, Some(beginning)) => format!("{beginning}example"),
        (_, None, None) => domain.to_owned(),
    }
}

fn plain(host: &str, target: &str) -> Question {
    Question {
        method: "GET".to_owned(),
        target: target.to_owned(),
        authority: host.to_owned(),
        fields: Vec::new(),
    }
}

/// Requests that a route takes, as far as they can be made up, and the same without what it asks for beside the path.
fn of_route(matcher: &RouteMatch, host: &str) -> Vec<Question> {
    let mut questions = Vec::new();
    for path in paths(&matcher.path) {
        let mut question = plain(host, &path);
        if matcher.path == PathMatch::Connect {
            "CONNECT".clone_into(&mut question.method);
            question.target = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
        }
        let bare = question.clone();
        meet(matcher, &mut question);
        questions.push(question);
        questions.push(bare);
    }
    questions
}

fn paths(path: &PathMatch) -> Vec<String> {
    let deeper = |text: &str| if text.ends_with('/') { format!("{text}any") } else { format!("{text}/any") };
    match path {
        PathMatch::Prefix(text) => vec![text.to_string(), format!("{text}any"), deeper(text)],
        PathMatch::PathSeparatedPrefix(text) => vec![text.to_string(), deeper(text)],
        PathMatch::Path(text) => vec![text.to_string()],
        PathMatch::Regex(regex) | PathMatch::UriTemplate { regex, .. } => sample(regex).into_iter().collect(),
        PathMatch::Connect => vec![String::new()],
    }
    .into_iter()
    .filter(|text| *path == PathMatch::Connect || text.starts_with('/'))
    .collect()
}

/// Has a request meet what a route asks for beside the path.
fn meet(matcher: &RouteMatch, question: &mut Question) {
    if matcher.grpc {
        question.fields.push(("content-type".to_owned(), "application/grpc".to_owned()));
        "POST".clone_into(&mut question.method);
    }
    for header in &matcher.headers {
        let Some(value) = header_value(header) else { continue };
        match header.name.as_str() {
            ":method" => question.method = value,
            ":authority" | "host" => question.authority = value,
            ":path" => question.target = value,
            ":scheme" => {}
            name => question.fields.push((name.to_owned(), value)),
        }
    }
    let parameters: Vec<String> = matcher.query_parameters.iter().filter_map(parameter).collect();
    if !parameters.is_empty() {
        let sign = if question.target.contains('?') { '&' } else { '?' };
        question.target = format!("{}{sign}{}", question.target, parameters.join("&"));
    }
    let cookies: Vec<String> =
        matcher.more.iter().flat_map(|more| &more.cookies).filter_map(cookie).collect();
    if !cookies.is_empty() {
        question.fields.push(("cookie".to_owned(), cookies.join("; ")));
    }
}

/// A value that meets a condition; `None` where the field is better left out.
fn header_value(matcher: &HeaderMatcher) -> Option<String> {
    let value = match &matcher.condition {
        HeaderMatch::Present(wanted) => return (*wanted != matcher.invert).then(|| "any".to_owned()),
        HeaderMatch::String(text) => text_of(text)?,
        HeaderMatch::Range { start, .. } => start.to_string(),
    };
    // What must not be something has to be something else.
    Some(if matcher.invert { "other".to_owned() } else { value })
}

fn parameter(matcher: &QueryParameterMatcher) -> Option<String> {
    match &matcher.condition {
        ValueMatch::Present(wanted) => wanted.then(|| format!("{}=any", matcher.name)),
        ValueMatch::String(text) => Some(format!("{}={}", matcher.name, text_of(text)?)),
    }
}

fn cookie(matcher: &CookieMatcher) -> Option<String> {
    let value = text_of(&matcher.value).filter(|_| !matcher.invert)?;
    Some(format!("{}={value}", matcher.name))
}

fn text_of(matcher: &StringMatcher) -> Option<String> {
    match &matcher.pattern {
        StringMatch::Exact(text) | StringMatch::Contains(text) => Some(text.to_string()),
        StringMatch::Prefix(text) => Some(format!("{text}any")),
        StringMatch::Suffix(text) => Some(format!("any{text}")),
        StringMatch::Regex(regex) => sample(regex),
    }
}
