//! Configurations for tests.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_model::{
    Address, AgentCheck, Bootstrap, CircuitBreakers, Cluster, ClusterHttpOptions, ClusterType, Endpoint,
    EndpointAddress, HeaderMutations, HealthCheck, HealthChecker, HealthStatus, HttpHealthCheck, LbPolicy,
    Locality, LocalityEndpoints, LocalityLb, Metadata, SourcePosition, TcpHealthCheck, UpstreamSocket,
};

/// A configuration of these clusters.
pub(crate) fn bootstrap(clusters: Vec<Cluster>) -> Bootstrap {
    Bootstrap { clusters: clusters.into_iter().map(Arc::new).collect(), ..Bootstrap::default() }
}

/// A static cluster of these addresses.
pub(crate) fn cluster(name: &str, addresses: &[SocketAddr]) -> Cluster {
    let endpoints = addresses.iter().map(|ip| EndpointAddress::Resolved(Address::Ip(*ip)));
    cluster_of(name, ClusterType::Static, endpoints.map(endpoint).collect())
}

/// A cluster of these endpoints.
pub(crate) fn cluster_of(name: &str, kind: ClusterType, endpoints: Vec<Endpoint>) -> Cluster {
    Cluster {
        position: SourcePosition::default(),
        name: name.into(),
        stat_name: name.into(),
        kind,
        connect_timeout: Duration::from_secs(1),
        per_connection_buffer_limit_bytes: 1 << 20,
        lb_policy: LbPolicy::default(),
        hash_policy: Vec::new(),
        locality_lb: LocalityLb::default(),
        subsets: None,
        localities: vec![LocalityEndpoints {
            locality: Locality::default(),
            priority: 0,
            weight: 0,
            endpoints,
        }],
        overprovisioning_factor: 140,
        health_checks: Vec::new(),
        outlier_detection: None,
        agent_check: None,
        circuit_breakers: CircuitBreakers::default(),
        http: ClusterHttpOptions::default(),
        healthy_panic_threshold: 0.0,
        ignore_new_hosts_until_first_health_check: false,
        close_connections_on_host_set_change: false,
        fail_traffic_on_panic: false,
        wait_for_warm_on_init: true,
        tcp_keepalive: None,
        upstream_bind_config: None,
        transport_socket: UpstreamSocket::default(),
        transport_socket_matches: Vec::new(),
        track_timeout_budgets: false,
        track_request_response_sizes: false,
        metadata: Metadata::default(),
    }
}

/// An endpoint.
pub(crate) fn endpoint(address: EndpointAddress) -> Endpoint {
    Endpoint {
        position: SourcePosition::default(),
        address,
        hostname: "".into(),
        weight: 1,
        health_status: HealthStatus::Unknown,
        health_check_port: None,
        health_check_hostname: "".into(),
        health_check_address: None,
        disable_active_health_check: false,
        proxy_protocol_tlvs: Vec::new(),
        metadata: Metadata::default(),
    }
}

/// A check every 20 ms that acts at once.
pub(crate) fn check(checker: HealthChecker) -> HealthCheck {
    HealthCheck {
        position: SourcePosition::default(),
        timeout: Duration::from_secs(3),
        interval: Duration::from_millis(20),
        initial_jitter: Duration::ZERO,
        interval_jitter: Duration::ZERO,
        interval_jitter_percent: 0,
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        reuse_connection: true,
        no_traffic_interval: None,
        no_traffic_healthy_interval: None,
        unhealthy_interval: None,
        unhealthy_edge_interval: None,
        healthy_edge_interval: None,
        alt_port: None,
        alpn: Vec::new(),
        transport_socket_match_criteria: None,
        checker,
        event_log_path: None,
        always_log_failures: false,
        always_log_success: false,
    }
}

/// Agents at a port that are asked every 20 ms.
pub(crate) fn agent_check() -> Arc<AgentCheck> {
    Arc::new(AgentCheck {
        port: 9777,
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(3),
        send: Box::default(),
    })
}

pub(crate) fn http_check(path: &str) -> HealthCheck {
    check(HealthChecker::Http(HttpHealthCheck {
        host: "".into(),
        path: path.into(),
        method: "GET".into(),
        expected_statuses: Vec::new(),
        retriable_statuses: Vec::new(),
        headers: HeaderMutations::default(),
        http2: false,
    }))
}

pub(crate) fn tcp_check(send: &[u8], receive: &[&[u8]]) -> HealthCheck {
    let receive = receive.iter().map(|part| part.to_vec()).collect();
    check(HealthChecker::Tcp(TcpHealthCheck { send: send.to_vec(), receive, proxy_protocol: None }))
}
