//! What there is to probe, out of the model: no connection is made here.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    Address, Bootstrap, Cluster, ClusterName, ClusterSpecifier, ClusterType, DataSource, Endpoint,
    EndpointAddress, HealthChecker, HealthStatus, HostRewrite, NetworkFilter, ProxyProtocolVersion,
    RouteAction, RouteForward, StatsReceiver, UpstreamProtocol, UpstreamTls,
};
use causeway_upstream::{check_address, check_host, check_socket, transport_socket};

/// How requests reach a cluster, as far as that changes what is asked of its back-ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// Hosts that requests to it can have, as the first virtual host with names says, and behind it what routes rewrite.
    pub hosts: Vec<String>,
    /// A route gives the host of the endpoint (`auto_host_rewrite`).
    pub auto_host: bool,
    /// Connections are passed on to it or statistics sent, and no route leads there: nobody knows what is spoken.
    pub tcp_only: bool,
    /// The shortest time that a route gives a request.
    pub route_timeout: Option<Duration>,
}

/// What is spoken with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// What ALPN says.
    Auto,
    /// Anything.
    Unknown,
}

/// Everything that is known of an endpoint before it is asked.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its cluster.
    pub cluster: Arc<Cluster>,
    /// As the file has it.
    pub endpoint: Endpoint,
    /// Where it is.
    pub address: Address,
    /// Addresses of the other family that its name has.
    pub other_family: Vec<IpAddr>,
    /// Its host name; empty where it has none.
    pub hostname: String,
    /// Whether it is an address of this host.
    pub is_here: bool,
    /// Where the host is that this container runs on, if it is one.
    pub gateway: Option<IpAddr>,
    /// Addresses that the file names: what listens there is no endpoint that was meant.
    pub taken: Arc<[SocketAddr]>,
    /// What is spoken.
    pub protocol: Protocol,
    /// What connections are secured with.
    pub tls: Option<Arc<UpstreamTls>>,
    /// The header that is sent first.
    pub header: Option<ProxyProtocolVersion>,
    /// Whether there is a client certificate, and until when it is valid, in seconds since 1970.
    pub identity: Option<i64>,
    /// `Host` of a request as clients send it.
    pub host: String,
    /// Other names under which it may be known: of the endpoint, of TLS, of routes.
    pub names: Vec<String>,
    /// Path of a request.
    pub path: String,
    /// The shortest time that a route gives a request.
    pub route_timeout: Option<Duration>,
    /// What health checks ask, one behind the other as in the file.
    pub checks: Vec<CheckPlan>,
}

/// A health check of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckPlan {
    /// Its place in the list.
    pub index: usize,
    /// Whom it asks.
    pub address: Address,
    /// By which name.
    pub host: String,
    /// What its connections are secured with.
    pub tls: Option<Arc<UpstreamTls>>,
    /// The header that is sent first.
    pub header: Option<ProxyProtocolVersion>,
}

impl Target {
    /// The health check of that place.
    #[must_use]
    pub fn check(&self, index: usize) -> Option<&causeway_model::HealthCheck> {
        self.cluster.health_checks.get(index)
    }

    /// `10.0.0.1:80`, and its name where it has one: `app.internal:80 (10.0.0.1:80)`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.endpoint.address {
            EndpointAddress::Name { host, port } => format!("{host}:{port} ({})", self.address),
            EndpointAddress::Resolved(address) => address.to_string(),
        }
    }
}

/// How requests reach each cluster of a configuration.
#[must_use]
pub fn uses(bootstrap: &Bootstrap, cluster: &str) -> Uses {
    let mut uses = Uses::default();
    let (mut by_route, mut by_tcp) = (false, false);
    for listener in &bootstrap.listeners {
        for chain in listener.chains() {
            match &chain.filter {
                NetworkFilter::TcpProxy(tcp) => {
                    by_tcp |= tcp.target.clusters().any(|name| &**name == cluster);
                }
                NetworkFilter::HttpConnectionManager(manager) => {
                    for host in &manager.route_config.virtual_hosts {
                        for route in &host.routes {
                            let RouteAction::Forward(forward) = &route.action else { continue };
                            if leads_to(forward, cluster) {
                                by_route = true;
                                of_route(&mut uses, &host.domains, forward);
                            }
                        }
                    }
                }
                NetworkFilter::None | NetworkFilter::Echo | NetworkFilter::DirectResponse(_) => {}
            }
        }
    }
    by_tcp |= bootstrap
        .stats_sinks
        .iter()
        .any(|sink| matches!(&sink.to, StatsReceiver::Cluster(name) if &**name == cluster));
    uses.tcp_only = by_tcp && !by_route;
    uses
}

/// Whether a route leads to a cluster that it names.
pub(crate) fn leads_to(forward: &RouteForward, cluster: &str) -> bool {
    match &forward.cluster {
        ClusterSpecifier::Cluster(name) => &**name == cluster,
        ClusterSpecifier::Header(_) => false,
        ClusterSpecifier::Weighted { clusters, .. } => clusters
            .iter()
            .any(|entry| matches!(&entry.cluster, ClusterName::Fixed(name) if &**name == cluster)),
    }
}

fn of_route(uses: &mut Uses, domains: &[Box<str>], forward: &RouteForward) {
    if let Some(timeout) = forward.timeout {
        uses.route_timeout = Some(uses.route_timeout.map_or(timeout, |known| known.min(timeout)));
    }
    match &forward.host_rewrite {
        Some(HostRewrite::Literal(host)) => push(&mut uses.hosts, host),
        Some(HostRewrite::Auto) => uses.auto_host = true,
        Some(HostRewrite::Header(_) | HostRewrite::PathRegex { .. } | HostRewrite::Template(_)) | None => {
            // One with a slash is a URL by mistake, and no Host that anybody sends.
            for domain in domains.iter().filter(|domain| !domain.contains(['*', '/'])) {
                push(&mut uses.hosts, domain);
            }
        }
    }
}

fn push(names: &mut Vec<String>, name: &str) {
    if !name.is_empty() && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// The names of a cluster that have to be looked up, each with the endpoints that have it.
#[must_use]
pub fn names(cluster: &Cluster) -> BTreeSet<Arc<str>> {
    if !matches!(cluster.kind, ClusterType::StrictDns(_) | ClusterType::LogicalDns(_)) {
        return BTreeSet::new();
    }
    endpoints(cluster)
        .filter_map(|endpoint| match &endpoint.address {
            EndpointAddress::Name { host, .. } => Some(Arc::clone(host)),
            EndpointAddress::Resolved(_) => None,
        })
        .collect()
}

/// Whether the file itself lets an endpoint be used (`health_status`).
#[must_use]
pub const fn is_used(endpoint: &Endpoint) -> bool {
    match endpoint.health_status {
        HealthStatus::Unknown | HealthStatus::Healthy | HealthStatus::Degraded => true,
        HealthStatus::Unhealthy | HealthStatus::Draining | HealthStatus::Timeout => false,
    }
}

/// All endpoints of a cluster.
pub fn endpoints(cluster: &Cluster) -> impl Iterator<Item = &Endpoint> {
    cluster.localities.iter().flat_map(|locality| &locality.endpoints)
}

/// What is known of this host that targets need.
#[derive(Debug, Clone)]
pub struct Here {
    /// Whether an address is one of this host.
    pub has: fn(IpAddr) -> bool,
    /// The way out of this container; `None` where it is none.
    pub gateway: Option<IpAddr>,
    /// Addresses that the file names: of endpoints and listeners.
    pub taken: Arc<[SocketAddr]>,
}

/// Addresses that a configuration names: of listeners, of the admin server and of endpoints.
#[must_use]
pub fn taken(bootstrap: &Bootstrap) -> Arc<[SocketAddr]> {
    let endpoints = bootstrap.clusters.iter().flat_map(|cluster| endpoints(cluster));
    let endpoints = endpoints.filter_map(|endpoint| match &endpoint.address {
        EndpointAddress::Resolved(address) => address.ip(),
        EndpointAddress::Name { .. } => None,
    });
    let admin = bootstrap.admin.iter().filter_map(|admin| admin.address.ip());
    let listeners =
        bootstrap.listeners.iter().flat_map(|listener| &listener.addresses).filter_map(Address::ip);
    endpoints.chain(admin).chain(listeners).collect()
}

/// The target at an address of an endpoint.
#[must_use]
pub fn target(
    cluster: &Arc<Cluster>,
    endpoint: &Endpoint,
    address: Address,
    other_family: Vec<IpAddr>,
    uses: &Uses,
    here: &Here,
) -> Target {
    let socket = transport_socket(cluster, &endpoint.metadata);
    let written = match &endpoint.address {
        EndpointAddress::Name { host, .. } => host.to_string(),
        EndpointAddress::Resolved(_) => String::new(),
    };
    let hostname = if endpoint.hostname.is_empty() { written } else { endpoint.hostname.to_string() };
    let mut names = Vec::new();
    let sni = socket.tls.as_ref().map_or("", |tls| &*tls.sni);
    if uses.auto_host {
        push(&mut names, &hostname);
    }
    uses.hosts.iter().for_each(|host| push(&mut names, host));
    for name in [sni, &hostname, &*cluster.name] {
        push(&mut names, name);
    }
    let host = match names.first() {
        Some(first) if uses.auto_host || !uses.hosts.is_empty() || !hostname.is_empty() => first.clone(),
        _ => address.ip().map_or_else(|| cluster.name.to_string(), |ip| ip.to_string()),
    };
    let checks = cluster.health_checks.iter().enumerate().filter(|_| !endpoint.disable_active_health_check);
    let checks: Vec<CheckPlan> = checks
        .map(|(index, check)| {
            let own = check.transport_socket_match_criteria.as_ref();
            (index, check, own.map_or(socket, |criteria| check_socket(cluster, criteria)))
        })
        .map(|(index, check, socket)| CheckPlan {
            tls: socket.tls.clone(),
            header: socket.proxy_protocol.as_ref().map(|header| header.config.version),
            index,
            address: check_address(
                &address,
                endpoint.health_check_address,
                endpoint.health_check_port,
                check,
            ),
            host: check_host(&endpoint.health_check_hostname, check, &cluster.name).to_owned(),
        })
        .collect();
    let path = cluster.health_checks.iter().find_map(|check| match &check.checker {
        HealthChecker::Http(http) => Some(http.path.to_string()),
        HealthChecker::Tcp(_) | HealthChecker::Grpc(_) => None,
    });
    let is_http_checked = path.is_some();
    let protocol = match &cluster.http.protocol {
        UpstreamProtocol::Http2(_) => Protocol::Http2,
        UpstreamProtocol::Auto(_) => Protocol::Auto,
        _ if uses.tcp_only && !is_http_checked => Protocol::Unknown,
        UpstreamProtocol::Http1 | UpstreamProtocol::Downstream(_) => Protocol::Http1,
    };
    Target {
        is_here: address.ip().is_some_and(|ip| (here.has)(ip.ip())),
        gateway: here.gateway,
        taken: Arc::clone(&here.taken),
        protocol,
        identity: socket.tls.as_ref().and_then(|tls| expiry(tls)),
        tls: socket.tls.clone(),
        header: socket.proxy_protocol.as_ref().map(|header| header.config.version),
        host,
        names,
        path: path.unwrap_or_else(|| "/".to_owned()),
        route_timeout: uses.route_timeout,
        checks,
        cluster: Arc::clone(cluster),
        endpoint: endpoint.clone(),
        address,
        other_family,
        hostname,
    }
}

/// When the client certificate ends to be valid; `None` where there is none.
fn expiry(tls: &UpstreamTls) -> Option<i64> {
    let certificate = tls.common.certificates.iter().find_map(|secret| secret.value.as_ref())?;
    let chain = certificate.chain.as_ref()?;
    let (bytes, path) = match chain {
        DataSource::File(path) => (std::fs::read(&**path).ok()?, path.to_string()),
        DataSource::Inline(bytes) => (bytes.to_vec(), String::new()),
    };
    let certificates = causeway_tls::identity::certificates(&bytes, &path).ok()?;
    let facts = certificates.first().and_then(|der| causeway_tls::certificate::Facts::of(der));
    Some(facts.map_or(i64::MAX, |facts| facts.not_after))
}

#[cfg(test)]
mod tests {
    use causeway_envoy::{LoadOptions, Source, load};

    use super::*;

    #[test]
    fn hosts_of_requests_are_domains_that_a_client_can_send() {
        let text = r#"static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 80}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          route_config:
            virtual_hosts:
            - name: all
              domains: ["https://a.test", "*.b.test", c.test]
              routes: [{match: {prefix: /}, route: {cluster: app}}]
  clusters:
  - {name: app}
"#;
        let loaded = load(&Source::new("envoy.yaml", text), &LoadOptions::default());
        let bootstrap = loaded.bootstrap.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        assert_eq!(uses(&bootstrap, "app").hosts, ["c.test"]);
    }
}
