//! The route table.

use std::sync::Arc;

use causeway_model::{RequireTls, Route, RouteConfiguration, Runtime, VirtualHost};

use crate::candidates::Candidates;
use crate::conditions::{self, Unmet};
use crate::domains::Domains;
use crate::path;
use crate::paths::{Paths, regex_matches};
use crate::request::RouteRequest;

/// A compiled [`RouteConfiguration`]. Immutable; shared by all workers.
#[derive(Debug)]
pub struct RouteTable {
    pub(crate) config: Arc<RouteConfiguration>,
    pub(crate) domains: Domains,
    pub(crate) hosts: Vec<Host>,
    route_count: usize,
}

/// A virtual host's part of the table.
#[derive(Debug)]
pub(crate) struct Host {
    /// Number of routes in the virtual hosts before.
    pub(crate) first_route: usize,
    pub(crate) paths: Paths,
    /// Shares of requests, by route, for the routes up to the last that has one.
    fractions: Vec<Option<(u64, u64)>>,
}

/// What a look-up found.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'t> {
    /// A route.
    Route(Found<'t>),
    /// The virtual host wants TLS (`require_tls`), which the request did not come by: it is redirected
    /// to [`crate::tls_redirect_location`].
    TlsRequired {
        /// The virtual host.
        virtual_host: &'t Arc<VirtualHost>,
        /// Its index in the configuration.
        virtual_host_index: usize,
    },
    /// The virtual host has no route for the request.
    NoRoute {
        /// The virtual host.
        virtual_host: &'t Arc<VirtualHost>,
        /// Its index in the configuration.
        virtual_host_index: usize,
    },
    /// No virtual host has a domain for the request.
    NoVirtualHost,
}

/// A route that was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'t> {
    /// Its virtual host.
    pub virtual_host: &'t Arc<VirtualHost>,
    /// The route.
    pub route: &'t Arc<Route>,
    /// Index of the virtual host in the configuration.
    pub virtual_host_index: usize,
    /// Number of the route over the whole table, from 0 to [`RouteTable::route_count`]: the index for
    /// whatever else is kept per route.
    pub route_index: usize,
}

impl RouteTable {
    /// Compiles a configuration. Runtime keys of `runtime_fraction` are read now.
    #[must_use]
    pub fn compile(config: Arc<RouteConfiguration>, runtime: &Runtime) -> Self {
        let domains =
            Domains::new(config.virtual_hosts.iter().map(AsRef::as_ref), config.ignore_port_in_host_matching);
        let mut route_count = 0;
        let hosts = config
            .virtual_hosts
            .iter()
            .map(|host| {
                let first_route = route_count;
                route_count += host.routes.len();
                let mut fractions: Vec<_> = host
                    .routes
                    .iter()
                    .map(|route| {
                        route.matcher.runtime_fraction.as_ref().map(|fraction| fraction.resolve(runtime))
                    })
                    .collect();
                fractions.truncate(fractions.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
                let paths = Paths::new(&host.routes, config.ignore_path_parameters_in_path_matching);
                Host { first_route, paths, fractions }
            })
            .collect();
        Self { config, domains, hosts, route_count }
    }

    /// The configuration it was made of.
    #[must_use]
    pub const fn config(&self) -> &Arc<RouteConfiguration> {
        &self.config
    }

    /// Number of routes of all virtual hosts.
    #[must_use]
    pub const fn route_count(&self) -> usize {
        self.route_count
    }

    /// All routes in the order of their numbers ([`Found::route_index`]), each with its virtual host.
    pub fn routes(&self) -> impl Iterator<Item = (&Arc<VirtualHost>, &Arc<Route>)> {
        self.config.virtual_hosts.iter().flat_map(|host| host.routes.iter().map(move |route| (host, route)))
    }

    /// The first route, in the order of the file, that takes the request.
    #[must_use]
    pub fn lookup(&self, request: &impl RouteRequest) -> Lookup<'_> {
        let Some((virtual_host_index, virtual_host, host)) = self.host(request) else {
            return Lookup::NoVirtualHost;
        };
        if needs_tls(virtual_host, request) {
            return Lookup::TlsRequired { virtual_host, virtual_host_index };
        }
        let path = path::without_query(request.path());
        let parameters;
        let compared = if self.config.ignore_path_parameters_in_path_matching {
            parameters = path::without_parameters(path);
            &*parameters
        } else {
            path
        };
        let found = |number: usize, route| {
            let route_index = host.first_route + number;
            Lookup::Route(Found { virtual_host, route, virtual_host_index, route_index })
        };
        let connect = request.method() == b"CONNECT";
        if host.paths.first_takes(compared, connect)
            && let Some(first) = virtual_host.routes.first()
        {
            return found(0, first);
        }
        let mut candidates = Candidates::new();
        host.paths.candidates(compared, connect, &mut candidates);
        while let Some(number) = candidates.next(compared) {
            let number = number as usize;
            let Some(route) = virtual_host.routes.get(number) else { continue };
            if host.unmet(number, route, request).is_none() && regex_matches(&route.matcher, path, compared) {
                return found(number, route);
            }
        }
        Lookup::NoRoute { virtual_host, virtual_host_index }
    }

    pub(crate) fn host(&self, request: &impl RouteRequest) -> Option<(usize, &Arc<VirtualHost>, &Host)> {
        let index = self.domains.find(request.authority())? as usize;
        Some((index, self.config.virtual_hosts.get(index)?, self.hosts.get(index)?))
    }
}

impl Host {
    /// The first condition beside the path that the request does not fulfil.
    pub(crate) fn unmet<'t>(
        &self,
        number: usize,
        route: &'t Route,
        request: &impl RouteRequest,
    ) -> Option<Unmet<'t>> {
        conditions::unmet(&route.matcher, self.fraction(number), request)
    }

    /// The share of requests that a route takes, where it takes but a share: so many of so many.
    pub(crate) fn fraction(&self, number: usize) -> Option<(u64, u64)> {
        self.fractions.get(number).copied().flatten()
    }
}

/// Whether the request has to come by TLS, and did not. What it came by is `x-forwarded-proto`, and
/// without that the scheme, as in Envoy.
fn needs_tls(host: &VirtualHost, request: &impl RouteRequest) -> bool {
    let plain = || match request.forwarded_proto() {
        b"" => request.scheme() != b"https",
        proto => proto != b"https",
    };
    match host.require_tls {
        RequireTls::None => false,
        RequireTls::ExternalOnly => plain() && !request.is_internal(),
        RequireTls::All => plain(),
    }
}
