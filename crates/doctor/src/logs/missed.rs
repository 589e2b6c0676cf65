//! Requests that found no route: which of the causes it was, by the routes that the proxy has.

use causeway_model::{Bootstrap, NetworkFilter};
use causeway_reason::Reason;
use causeway_routing::{DomainHint, Lookup, Miss, RouteRequest, RouteTable};

use super::entry::Entry;

/// Tables that are looked at for a line: a log does not say of which listener it is.
const MOST: usize = 64;

/// The routes of each connection manager.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<RouteTable>);

/// Why a request found no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) reason: Reason,
    /// What was asked for.
    pub(super) request: String,
    /// What comes nearest.
    pub(super) nearest: String,
    /// It was not decided by what a log does not have: header fields, and what else a route may ask for.
    pub(super) sure: bool,
}

impl Tables {
    pub(super) fn new(bootstrap: Option<&Bootstrap>) -> Self {
        let tables = bootstrap.into_iter().flat_map(|bootstrap| {
            let chains = bootstrap.listeners.iter().flat_map(|listener| listener.chains());
            chains.filter_map(|chain| match &chain.filter {
                NetworkFilter::HttpConnectionManager(manager) => {
                    Some(RouteTable::compile(manager.route_config.clone(), &bootstrap.runtime))
                }
                NetworkFilter::None
                | NetworkFilter::TcpProxy(_)
                | NetworkFilter::Echo
                | NetworkFilter::DirectResponse(_) => None,
            })
        });
        Self(tables.take(MOST).collect())
    }

    /// Why the request of a line found no route; `None` where it found one, where the line does not say what was asked for, or
    /// where several tables say different things.
    pub(super) fn missed(&self, entry: &Entry<'_>) -> Option<Missed> {
        let is_unrouted = entry.flags.split(',').any(|flag| matches!(flag, "NR" | "NoRouteFound"));
        if !is_unrouted || entry.method.is_empty() || entry.path.is_empty() {
            return None;
        }
        let mut missed = self.0.iter().filter_map(|table| of_table(table, entry));
        let first = missed.next()?;
        missed.all(|other| other.reason == first.reason).then_some(first)
    }
}

fn of_table(table: &RouteTable, entry: &Entry<'_>) -> Option<Missed> {
    let asked = Asked(entry);
    let miss = match table.lookup(&asked) {
        Lookup::Route(_) | Lookup::TlsRequired { .. } => return None,
        Lookup::NoRoute { .. } | Lookup::NoVirtualHost => table.explain(&asked),
    };
    let reason = match &miss {
        Miss::Domain { hint: Some(DomainHint::Port(..)), .. } => Reason::PortInHost,
        Miss::Domain { .. } => Reason::NoVirtualHost,
        // A browser asks so before it sends what it has for another method, which has a route; nobody else does.
        Miss::Condition { .. } if entry.method == "OPTIONS" => Reason::PreflightUnrouted,
        Miss::Condition { .. } | Miss::Path { .. } => Reason::NoRoute,
        Miss::None => return None,
    };
    let (method, authority, path) = (&entry.method, &entry.authority, &entry.path);
    let path = path.split('?').next().unwrap_or_default();
    Some(Missed {
        reason,
        request: format!("{method} {authority}{path}"),
        sure: !matches!(miss, Miss::Condition { .. }) || reason == Reason::PreflightUnrouted,
        nearest: miss.to_string(),
    })
}

/// What a line has of a request.
struct Asked<'e>(&'e Entry<'e>);

impl RouteRequest for Asked<'_> {
    fn authority(&self) -> &[u8] {
        self.0.authority.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.0.path.as_bytes()
    }

    fn method(&self) -> &[u8] {
        self.0.method.as_bytes()
    }

    // What asks for TLS answers with a redirect, and there is none.
    fn scheme(&self) -> &[u8] {
        b"https"
    }

    fn is_internal(&self) -> bool {
        false
    }

    fn random(&self) -> u64 {
        0
    }

    fn visit_header(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn forwarded_proto(&self) -> &[u8] {
        b"https"
    }
}
