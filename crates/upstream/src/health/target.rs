//! Whom a health check asks, and by which name.

use std::net::SocketAddr;

use causeway_model::{Address, HealthCheck, HealthChecker};

/// Where checks of an endpoint go: its own settings (`health_check_config`) come before those of the check.
#[must_use]
pub fn address(
    endpoint: &Address,
    own: Option<SocketAddr>,
    own_port: Option<u16>,
    check: &HealthCheck,
) -> Address {
    let address = own.map_or_else(|| endpoint.clone(), Address::Ip);
    match (address, own_port.or(check.alt_port)) {
        (Address::Ip(mut ip), Some(port)) => {
            ip.set_port(port);
            Address::Ip(ip)
        }
        (address, _) => address,
    }
}

/// `Host` of a check: the endpoint's own, the check's, the cluster's name.
#[must_use]
pub fn host<'a>(own: &'a str, check: &'a HealthCheck, cluster: &'a str) -> &'a str {
    let checks = match &check.checker {
        HealthChecker::Http(http) => &*http.host,
        HealthChecker::Grpc(grpc) => &*grpc.authority,
        HealthChecker::Tcp(_) => "",
    };
    [own, checks].into_iter().find(|name| !name.is_empty()).unwrap_or(cluster)
}
