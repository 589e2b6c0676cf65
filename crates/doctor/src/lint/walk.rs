//! What rules go through: connection managers, routes, and who sends to a cluster.

use causeway_model::{
    Address, Bootstrap, Cluster, ClusterName, ClusterSpecifier, Endpoint, EndpointAddress, FilterChain,
    HttpConnectionManager, Listener, NetworkFilter, PathMatch, Route, RouteAction, RouteForward, RouteMatch,
    VirtualHost,
};

use crate::finding::Subject;

/// A connection manager, and where connections come to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ManagerAt<'m> {
    pub(super) listener: &'m Listener,
    pub(super) chain: &'m FilterChain,
    pub(super) manager: &'m HttpConnectionManager,
}

/// A route, and what it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct RouteAt<'m> {
    pub(super) of: ManagerAt<'m>,
    pub(super) host: &'m VirtualHost,
    pub(super) route: &'m Route,
    /// Its place in the virtual host.
    pub(super) index: usize,
}

/// Every HTTP connection manager.
pub(super) fn managers(bootstrap: &Bootstrap) -> impl Iterator<Item = ManagerAt<'_>> {
    bootstrap.listeners.iter().flat_map(|listener| {
        listener.chains().filter_map(|chain| match &chain.filter {
            NetworkFilter::HttpConnectionManager(manager) => Some(ManagerAt { listener, chain, manager }),
            NetworkFilter::None
            | NetworkFilter::TcpProxy(_)
            | NetworkFilter::Echo
            | NetworkFilter::DirectResponse(_) => None,
        })
    })
}

/// Every route.
pub(super) fn routes(bootstrap: &Bootstrap) -> impl Iterator<Item = RouteAt<'_>> {
    managers(bootstrap).flat_map(|of| {
        let hosts = of.manager.route_config.virtual_hosts.iter();
        hosts.flat_map(move |host| {
            let routes = host.routes.iter().enumerate();
            routes.map(move |(index, route)| RouteAt { of, host, route, index })
        })
    })
}

/// Every route that sends requests on.
pub(super) fn forwards(bootstrap: &Bootstrap) -> impl Iterator<Item = (RouteAt<'_>, &RouteForward)> {
    routes(bootstrap).filter_map(|at| match &at.route.action {
        RouteAction::Forward(forward) => Some((at, &**forward)),
        RouteAction::Redirect(_) | RouteAction::DirectResponse(_) => None,
    })
}

/// The clusters of the file that a route names.
pub(super) fn clusters<'m>(bootstrap: &'m Bootstrap, forward: &'m RouteForward) -> Vec<&'m Cluster> {
    let names: Vec<&str> = match &forward.cluster {
        ClusterSpecifier::Cluster(name) => vec![name],
        ClusterSpecifier::Header(_) => Vec::new(),
        ClusterSpecifier::Weighted { clusters, .. } => clusters
            .iter()
            .filter_map(|weighted| match &weighted.cluster {
                ClusterName::Fixed(name) => Some(&**name),
                ClusterName::Header(_) => None,
            })
            .collect(),
    };
    names.into_iter().filter_map(|name| bootstrap.cluster(name)).map(|cluster| &**cluster).collect()
}

/// Every endpoint of a cluster.
pub(super) fn endpoints(cluster: &Cluster) -> impl Iterator<Item = &Endpoint> {
    cluster.localities.iter().flat_map(|locality| &locality.endpoints)
}

/// The names that a cluster's endpoints have to be looked up by, each once.
pub(super) fn names(cluster: &Cluster) -> Vec<&str> {
    let mut names: Vec<&str> = endpoints(cluster)
        .filter_map(|endpoint| match &endpoint.address {
            EndpointAddress::Name { host, .. } => Some(&**host),
            EndpointAddress::Resolved(Address::Ip(_) | Address::Pipe { .. }) => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A match, as the file has it: `prefix: /api`.
pub(super) fn written(matcher: &RouteMatch) -> String {
    let (field, text) = match &matcher.path {
        PathMatch::Prefix(text) => ("prefix", &**text),
        PathMatch::Path(text) => ("path", &**text),
        PathMatch::PathSeparatedPrefix(text) => ("path_separated_prefix", &**text),
        PathMatch::Regex(regex) => ("safe_regex", regex.pattern()),
        PathMatch::UriTemplate { template, .. } => ("path_template", &**template),
        PathMatch::Connect => return "connect_matcher".to_owned(),
    };
    format!("{field}: {text}")
}

/// What a route takes everything of, and whether that ends where a name does.
pub(super) fn prefix(matcher: &RouteMatch) -> Option<&str> {
    match &matcher.path {
        PathMatch::Prefix(text) | PathMatch::PathSeparatedPrefix(text) => Some(text),
        PathMatch::Path(_) | PathMatch::Regex(_) | PathMatch::UriTemplate { .. } | PathMatch::Connect => None,
    }
}

impl RouteAt<'_> {
    /// What a finding about it is about.
    pub(super) fn subject(&self) -> Subject {
        Subject {
            virtual_host: Some(self.host.name.to_string()),
            route: Some(self.name()),
            ..Subject::listener(&self.of.listener.name)
        }
    }

    /// Its name, or how it matches.
    pub(super) fn name(&self) -> String {
        if self.route.name.is_empty() { written(&self.route.matcher) } else { self.route.name.to_string() }
    }
}
