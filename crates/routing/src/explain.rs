//! Why nothing was found: the nearest miss, for the evidence of a failure.
//!
//! This runs only after a failure, and looks at a bounded number of domains and routes, so that requests
//! for what does not exist stay cheap too.

use std::fmt;
use std::sync::Arc;

use causeway_model::{
    CertificateMatch, FilterStateMatcher, HeaderMatch, HeaderMatcher, PathMatch, Route, RouteMatch,
    StringMatch, StringMatcher, ValueMatch, VirtualHost,
};

use crate::candidates::Candidates;
use crate::conditions::Unmet;
use crate::domains::without_port;
use crate::path::{without_parameters, without_query};
use crate::paths::regex_matches;
use crate::request::RouteRequest;
use crate::table::{Host, RouteTable};

/// Domains and routes that are looked at.
const LOOKED_AT: usize = 500;

/// Texts from a request or a file are cut to this many characters.
const SHOWN: usize = 100;

/// Why a request found no route. Printed, it is one line of evidence.
#[derive(Debug, Clone)]
pub enum Miss<'t> {
    /// No domain matches the authority.
    Domain {
        /// The authority.
        authority: String,
        /// The nearest domain.
        hint: Option<DomainHint<'t>>,
    },
    /// A route of the virtual host matches the path, but asks for more.
    Condition {
        /// The virtual host.
        virtual_host: &'t Arc<VirtualHost>,
        /// The first route that matches the path.
        route: &'t Arc<Route>,
        /// Its number in the virtual host, from 0.
        number: usize,
        /// What it asks for.
        unmet: Unmet<'t>,
        /// How many routes match the path.
        others: usize,
    },
    /// No route of the virtual host matches the path.
    Path {
        /// The virtual host.
        virtual_host: &'t Arc<VirtualHost>,
        /// The path, without query.
        path: String,
        /// The nearest route.
        hint: Option<PathHint<'t>>,
    },
    /// Nothing is missed: the request has a route, or is redirected to https.
    None,
}

/// The domain that is nearest to an authority without one.
#[derive(Debug, Clone)]
pub enum DomainHint<'t> {
    /// The same name without the port, or with another one.
    Port(&'t str, &'t Arc<VirtualHost>),
    /// A name that differs in a letter or two.
    Spelling(&'t str, &'t Arc<VirtualHost>),
}

/// The route that is nearest to a path without one.
#[derive(Debug, Clone)]
pub enum PathHint<'t> {
    /// The path matches in another case.
    Case(&'t Arc<Route>, usize),
    /// The path matches with or without a slash at its end.
    Slash(&'t Arc<Route>, usize),
    /// The route's path begins with the same characters, more than the first slash.
    Beginning(&'t Arc<Route>, usize),
}

impl RouteTable {
    /// Tells what a request missed that [`Self::lookup`] found no route for.
    #[must_use]
    pub fn explain(&self, request: &impl RouteRequest) -> Miss<'_> {
        let Some((_, virtual_host, host)) = self.host(request) else {
            return Miss::Domain {
                authority: shown(request.authority()),
                hint: self.domain_hint(request.authority()),
            };
        };
        if !matches!(self.lookup(request), crate::Lookup::NoRoute { .. }) {
            return Miss::None;
        }
        let path = without_query(request.path());
        let mut matching = self.matching(virtual_host, host, request, path).take(LOOKED_AT);
        if let Some((number, route)) = matching.next()
            && let Some(unmet) = host.unmet(number, route, request)
        {
            return Miss::Condition { virtual_host, route, number, unmet, others: matching.count() };
        }
        let hint = self.path_hint(virtual_host, host, request, path);
        Miss::Path { virtual_host, path: shown(path), hint }
    }

    /// Routes whose path matches, whatever else they ask for.
    pub(crate) fn matching<'t>(
        &'t self,
        virtual_host: &'t VirtualHost,
        host: &'t Host,
        request: &impl RouteRequest,
        path: &[u8],
    ) -> impl Iterator<Item = (usize, &'t Arc<Route>)> {
        let compared = if self.config.ignore_path_parameters_in_path_matching {
            without_parameters(path).into_owned()
        } else {
            path.to_vec()
        };
        let path = path.to_vec();
        let mut candidates = Candidates::new();
        host.paths.candidates(&compared, request.method() == b"CONNECT", &mut candidates);
        std::iter::from_fn(move || {
            loop {
                let number = candidates.next(&compared)? as usize;
                let route = virtual_host.routes.get(number)?;
                if regex_matches(&route.matcher, &path, &compared) {
                    return Some((number, route));
                }
            }
        })
    }

    fn domain_hint(&self, authority: &[u8]) -> Option<DomainHint<'_>> {
        let authority = authority.to_ascii_lowercase();
        let bare = without_port(&authority);
        let domains = || {
            let hosts = self.config.virtual_hosts.iter();
            hosts.flat_map(|host| host.domains.iter().map(move |domain| (&**domain, host))).take(LOOKED_AT)
        };
        let named = |(domain, host)| DomainHint::Port(domain, host);
        if bare.len() < authority.len()
            && let Some(index) = self.domains.find(bare)
            && let Some(host) = self.config.virtual_hosts.get(index as usize)
        {
            let domain = host.domains.iter().find(|domain| domain_matches(domain.as_bytes(), bare));
            return domain.map(|domain| DomainHint::Port(domain, host));
        }
        let other_port = domains().find(|(domain, _)| without_port(domain.as_bytes()) == bare);
        other_port.map(named).or_else(|| {
            let close = |(domain, _): &(&str, _)| within_two(domain.as_bytes(), &authority);
            domains().find(close).map(|(domain, host)| DomainHint::Spelling(domain, host))
        })
    }

    fn path_hint<'t>(
        &'t self,
        virtual_host: &'t VirtualHost,
        host: &'t Host,
        request: &impl RouteRequest,
        path: &[u8],
    ) -> Option<PathHint<'t>> {
        let mut other = path.to_vec();
        if other.ends_with(b"/") {
            other.pop();
        } else {
            other.push(b'/');
        }
        if let Some((number, route)) = self.matching(virtual_host, host, request, &other).next() {
            return Some(PathHint::Slash(route, number));
        }
        let lower = path.to_ascii_lowercase();
        let routes = virtual_host.routes.iter().enumerate().take(LOOKED_AT);
        for (number, route) in routes {
            if path_matches_any_case(&route.matcher, &lower) {
                return Some(PathHint::Case(route, number));
            }
        }
        let (number, shared) = host.paths.nearest(path)?;
        let route = virtual_host.routes.get(number as usize)?;
        (shared > 1).then_some(PathHint::Beginning(route, number as usize))
    }
}

pub(crate) fn domain_matches(domain: &[u8], host: &[u8]) -> bool {
    if let Some(suffix) = domain.strip_prefix(b"*") {
        host.len() > suffix.len() && host.ends_with(suffix)
    } else if let Some(prefix) = domain.strip_suffix(b"*") {
        host.len() > prefix.len() && host.starts_with(prefix)
    } else {
        domain == host
    }
}

pub(crate) fn path_matches_any_case(matcher: &RouteMatch, lower: &[u8]) -> bool {
    let begins =
        |text: &str| lower.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()));
    match &matcher.path {
        PathMatch::Prefix(text) => begins(text),
        PathMatch::Path(text) => lower.eq_ignore_ascii_case(text.as_bytes()),
        PathMatch::PathSeparatedPrefix(text) => {
            begins(text) && matches!(lower.get(text.len()), None | Some(b'/'))
        }
        PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => false,
    }
}

/// Whether one or two letters have to be changed, added or taken away.
fn within_two(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if a.len() < 4 || b.len() - a.len() > 2 || b.len() > 255 {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b) {
            let best = (diagonal + usize::from(x != y)).min(*slot + 1).min(left + 1);
            diagonal = std::mem::replace(slot, best);
            left = best;
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

impl fmt::Display for Miss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { authority, hint } => {
                write!(f, "no domain matches `{authority}`")?;
                match hint {
                    Some(DomainHint::Port(domain, host)) => write!(
                        f,
                        "; virtual host `{}` has `{domain}`: the port counts unless \
                         ignore_port_in_host_matching or strip_any_host_port is set",
                        host.name
                    ),
                    Some(DomainHint::Spelling(domain, host)) => {
                        write!(f, "; virtual host `{}` has `{domain}`", host.name)
                    }
                    None => Ok(()),
                }
            }
            Self::Condition { virtual_host, route, number, unmet, others } => {
                write!(f, "in virtual host `{}` ", virtual_host.name)?;
                route_name(f, route, *number)?;
                write!(f, " matches the path but asks for {unmet}")?;
                match others {
                    0 => Ok(()),
                    1 => f.write_str("; so does one more route"),
                    n => write!(f, "; {n} more routes match the path too"),
                }
            }
            Self::Path { virtual_host, path, hint } => {
                write!(f, "no route of virtual host `{}` matches the path `{path}`", virtual_host.name)?;
                let (route, number, how) = match hint {
                    Some(PathHint::Case(route, number)) => (route, number, "does in another case"),
                    Some(PathHint::Slash(route, number)) => (
                        route,
                        number,
                        if path.ends_with('/') {
                            "does without the last slash"
                        } else {
                            "does with a slash at its end"
                        },
                    ),
                    Some(PathHint::Beginning(route, number)) => (route, number, "comes nearest"),
                    None => return Ok(()),
                };
                f.write_str("; ")?;
                route_name(f, route, *number)?;
                write!(f, " {how}")
            }
            Self::None => f.write_str("the request has a route"),
        }
    }
}

fn route_name(f: &mut fmt::Formatter<'_>, route: &Route, number: usize) -> fmt::Result {
    write!(f, "route {number}")?;
    if !route.name.is_empty() {
        write!(f, " `{}`", route.name)?;
    }
    write!(f, " ({})", PathWords(&route.matcher.path))
}

/// What a route asks of the path, in the words of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct PathWords<'t>(pub &'t PathMatch);

impl fmt::Display for PathWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PathMatch::Prefix(text) => write!(f, "prefix `{text}`"),
            PathMatch::Path(text) => write!(f, "path `{text}`"),
            PathMatch::PathSeparatedPrefix(text) => write!(f, "path_separated_prefix `{text}`"),
            PathMatch::Regex(regex) => write!(f, "safe_regex `{}`", regex.pattern()),
            PathMatch::UriTemplate { template, .. } => write!(f, "path template `{template}`"),
            PathMatch::Connect => f.write_str("CONNECT"),
        }
    }
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(numerator, denominator) => {
                write!(
                    f,
                    "{numerator} of {denominator} requests (runtime_fraction), and this was none of them"
                )
            }
            Self::Grpc => f.write_str("a gRPC request (content-type application/grpc)"),
            Self::Header(matcher) => header(f, matcher),
            Self::QueryParameter(matcher) => {
                write!(f, "the query parameter `{}`", matcher.name)?;
                match &matcher.condition {
                    ValueMatch::Present(true) => Ok(()),
                    ValueMatch::Present(false) => f.write_str(" to be absent"),
                    ValueMatch::String(matcher) => string(f, matcher),
                }
            }
            Self::Cookie(matcher) => {
                write!(f, "the cookie `{}`", matcher.name)?;
                f.write_str(if matcher.invert { " not" } else { "" })?;
                string(f, &matcher.value)
            }
            Self::Certificate(wanted) => certificate(f, *wanted),
            Self::DynamicMetadata(namespace) => {
                write!(f, "dynamic metadata of `{namespace}`, which no request has before its route is found")
            }
            Self::FilterState(FilterStateMatcher { key, value: Some(value) }) => {
                write!(f, "the filter state `{key}`")?;
                string(f, value)
            }
            Self::FilterState(FilterStateMatcher { key, value: None }) => {
                write!(f, "the filter state `{key}`, which no connection has")
            }
        }
    }
}

fn certificate(f: &mut fmt::Formatter<'_>, wanted: CertificateMatch) -> fmt::Result {
    let what = match wanted {
        CertificateMatch { presented: Some(false), .. } => "no certificate of the client",
        CertificateMatch { validated: Some(true), .. } => "a valid certificate of the client",
        CertificateMatch { validated: Some(false), .. } => "no valid certificate of the client",
        CertificateMatch { presented: Some(true) | None, validated: None } => "a certificate of the client",
    };
    f.write_str(what)
}

fn header(f: &mut fmt::Formatter<'_>, matcher: &HeaderMatcher) -> fmt::Result {
    match matcher.name.as_str() {
        ":method" => f.write_str("a method")?,
        ":authority" | "host" => f.write_str("an authority")?,
        ":path" => f.write_str("a path and query")?,
        ":scheme" => f.write_str("a scheme")?,
        name => write!(f, "the header `{name}`")?,
    }
    match (&matcher.condition, matcher.invert) {
        (HeaderMatch::Present(wanted), invert) if *wanted == invert => f.write_str(" to be absent"),
        (HeaderMatch::Present(_), _) => Ok(()),
        (HeaderMatch::String(text), invert) => {
            f.write_str(if invert { " not" } else { "" })?;
            string(f, text)
        }
        (HeaderMatch::Range { start, end }, invert) => {
            write!(f, "{} from {start} to {}", if invert { " not" } else { "" }, end.saturating_sub(1))
        }
    }
}

fn string(f: &mut fmt::Formatter<'_>, matcher: &StringMatcher) -> fmt::Result {
    let (how, text) = match &matcher.pattern {
        StringMatch::Exact(text) => ("equal to", &**text),
        StringMatch::Prefix(text) => ("beginning with", &**text),
        StringMatch::Suffix(text) => ("ending in", &**text),
        StringMatch::Contains(text) => ("containing", &**text),
        StringMatch::Regex(regex) => ("matching", regex.pattern()),
    };
    write!(f, " {how} `{text}`")
}
