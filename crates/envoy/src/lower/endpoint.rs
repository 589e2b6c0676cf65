//! Endpoints.

use std::net::SocketAddr;

use causeway_model::{Endpoint, EndpointAddress, HealthStatus, LocalityEndpoints};

use super::Cx;
use super::cluster::{Sort, logical_dns_needs_one};
use crate::diagnostic::Draft;
use crate::tree::Message;

impl Cx<'_> {
    /// `load_assignment`.
    pub(super) fn localities(
        &self,
        cluster: &Message<'_>,
        assignment: &Message<'_>,
        sort: Sort,
    ) -> Vec<LocalityEndpoints> {
        // It names the cluster once more.
        assignment.settle("cluster_name");
        let localities: Vec<_> = assignment
            .messages("endpoints")
            .map(|locality| self.locality_endpoints(cluster, locality, sort))
            .collect();
        if sort == Sort::LogicalDns {
            let written =
                assignment.messages("endpoints").map(|locality| locality.items("lb_endpoints").len());
            if localities.len() != 1 || written.sum::<usize>() != 1 {
                self.push(logical_dns_needs_one(assignment.here()));
            }
        }
        localities
    }

    fn locality_endpoints(
        &self,
        cluster: &Message<'_>,
        locality: &Message<'_>,
        sort: Sort,
    ) -> LocalityEndpoints {
        self.not_implemented_vital(locality, "leds_cluster_locality_config", "");
        let mut endpoints: Vec<_> = locality
            .messages("lb_endpoints")
            .filter_map(|endpoint| self.lb_endpoint(cluster, endpoint, sort))
            .collect();
        if let Some(list) = locality.message("load_balancer_endpoints") {
            endpoints.extend(
                list.messages("lb_endpoints")
                    .filter_map(|endpoint| self.lb_endpoint(cluster, endpoint, sort)),
            );
        }
        LocalityEndpoints {
            locality: self.locality(locality, "locality"),
            priority: locality.u32("priority").unwrap_or(0),
            weight: locality.u32("load_balancing_weight").unwrap_or(0),
            endpoints,
        }
    }

    fn lb_endpoint(&self, cluster: &Message<'_>, message: &Message<'_>, sort: Sort) -> Option<Endpoint> {
        let health_status = match message.choice("health_status") {
            "HEALTHY" => HealthStatus::Healthy,
            "UNHEALTHY" => HealthStatus::Unhealthy,
            "DRAINING" => HealthStatus::Draining,
            "TIMEOUT" => HealthStatus::Timeout,
            "DEGRADED" => HealthStatus::Degraded,
            _ => HealthStatus::Unknown,
        };
        let weight = message.u32("load_balancing_weight").unwrap_or(1).max(1);
        let metadata = self.untyped_metadata(message, "metadata");
        let proxy_protocol_tlvs = self.endpoint_tlvs(message);
        if message.has("endpoint_name") {
            let text = "`endpoint_name` is for clusters that are discovered; write the endpoint out";
            self.reject(message.at_key("endpoint_name"), "missing-address", text);
            message.settle("endpoint_name");
            return None;
        }
        let Some(endpoint) = message.message("endpoint") else {
            self.push(Draft::rejected("missing-address", "this endpoint has no address").at(message.here()));
            return None;
        };
        let check = endpoint.message("health_check_config");
        let check_address =
            check.and_then(|check| check.message("address")).map(|address| self.check_address(address));
        let hostname = endpoint.text("hostname");
        let address = match endpoint.message("address") {
            Some(address) => self.endpoint_address(cluster, address, sort),
            None => {
                if !endpoint.flawed {
                    self.push(
                        Draft::rejected("missing-address", "this endpoint has no address")
                            .at(endpoint.here()),
                    );
                }
                None
            }
        };
        let check_port = check.and_then(|check| check.u32("port_value")).filter(|port| *port > 0);
        let address = address?;
        let hostname = match (&address, hostname) {
            (EndpointAddress::Name { host, .. }, "") => host.to_string().into_boxed_str(),
            (_, hostname) => hostname.into(),
        };
        Some(Endpoint {
            position: self.position(message),
            address,
            hostname,
            weight,
            health_status,
            health_check_port: check_port.and_then(|port| u16::try_from(port).ok()),
            health_check_hostname: check.map_or("", |check| check.text("hostname")).into(),
            health_check_address: check_address.flatten(),
            disable_active_health_check: check.is_some_and(|check| check.bool("disable_active_health_check")),
            proxy_protocol_tlvs,
            metadata,
        })
    }

    /// Where health checks go instead.
    fn check_address(&self, address: &Message<'_>) -> Option<SocketAddr> {
        match self.address(address)? {
            (causeway_model::Address::Ip(ip), _) => Some(ip),
            (causeway_model::Address::Pipe { .. }, _) => {
                self.unsupported(address.here(), "health checks of a Unix socket are not implemented");
                None
            }
        }
    }

    fn endpoint_address(
        &self,
        cluster: &Message<'_>,
        address: &Message<'_>,
        sort: Sort,
    ) -> Option<EndpointAddress> {
        let Some("socket_address") = address.which("address") else {
            if sort != Sort::Static && address.has("pipe") {
                let text = "a DNS cluster can't have a Unix socket for an endpoint; make its type STATIC";
                self.unsupported(address.at_key("pipe"), text);
            }
            return self.address(address).map(|(address, _)| EndpointAddress::Resolved(address));
        };
        let socket = address.message("socket_address")?;
        socket.settle("ipv4_compat");
        self.socket_address_rest(socket);
        let host = socket.text("address");
        if sort != Sort::Static && socket.has("named_port") {
            // Envoy takes the port for 0.
            self.not_implemented_vital(socket, "named_port", "");
            return None;
        }
        let port = self.port(socket)?;
        if host.is_empty() {
            return None;
        }
        if sort != Sort::Static {
            if let Ok(ip) = host.parse() {
                return Some(EndpointAddress::Resolved(causeway_model::Address::Ip(SocketAddr::new(
                    ip, port,
                ))));
            }
            self.strange_host(socket, host);
            return Some(EndpointAddress::Name { host: host.into(), port });
        }
        if let Ok(ip) = host.parse() {
            return Some(EndpointAddress::Resolved(causeway_model::Address::Ip(SocketAddr::new(ip, port))));
        }
        if host.starts_with('[')
            || host.contains('%')
            || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            let ip = self.ip(host, socket.at("address"))?;
            return Some(EndpointAddress::Resolved(causeway_model::Address::Ip(SocketAddr::new(ip, port))));
        }
        let mut draft = Draft::rejected(
            "name-in-static-cluster",
            format!("`{host}` is a name, and a cluster of type STATIC looks no names up"),
        )
        .at(socket.at("address"))
        .help("clusters of type STRICT_DNS look names up: every address is a back-end, and changes are followed")
        .suggestion("type: STRICT_DNS");
        if cluster.has("type") {
            draft = draft.related(cluster.at("type").span, "the type is set here");
        }
        self.push(draft);
        None
    }

    /// Names that no name server knows.
    fn strange_host(&self, socket: &Message<'_>, host: &str) {
        let why = if host.contains("://") {
            "an address has no scheme: write the name alone"
        } else if host.contains('/') {
            "an address has no path: write the name alone"
        } else if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            "the port belongs into `port_value`"
        } else if host.contains(char::is_whitespace) || host.contains(['{', '}', '$', '<', '>']) {
            "no name holds these characters"
        } else {
            return;
        };
        self.push(
            self.suspicious(
                socket.at("address"),
                "strange-host",
                format!("`{host}` is not a name that can be looked up"),
            )
            .label(why),
        );
    }
}
