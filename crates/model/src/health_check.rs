//! Active health checks.

use std::sync::Arc;
use std::time::Duration;

use crate::{HeaderMutations, ProxyProtocolConfig, SourcePosition, Value};

/// `config.core.v3.HealthCheck`.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    /// Where it is written.
    pub position: SourcePosition,
    /// The answer has to be there within this time.
    pub timeout: Duration,
    /// Time from one check of a host to the next.
    pub interval: Duration,
    /// A random part of up to this much is added to the first check (`initial_jitter`).
    pub initial_jitter: Duration,
    /// A random part of up to this much is added to each interval (`interval_jitter`).
    pub interval_jitter: Duration,
    /// A random part of up to this share of the interval, in per cent, is added
    /// (`interval_jitter_percent`).
    pub interval_jitter_percent: u32,
    /// A healthy host becomes unhealthy after this many failures in a row. A bad HTTP status counts as
    /// all of them at once.
    pub unhealthy_threshold: u32,
    /// An unhealthy host becomes healthy after this many successes in a row; the first check of a host
    /// needs one.
    pub healthy_threshold: u32,
    /// Checks of one host share a connection (`reuse_connection`, true unless set).
    pub reuse_connection: bool,
    /// `no_traffic_interval`: holds while nothing was ever sent to the cluster. `None`, where it is not
    /// set, means `interval` – Envoy would wait 60 s here.
    pub no_traffic_interval: Option<Duration>,
    /// `no_traffic_healthy_interval`: the same for hosts that are healthy.
    pub no_traffic_healthy_interval: Option<Duration>,
    /// `unhealthy_interval`: between checks of an unhealthy host; the `healthy_threshold`th part of `interval`
    /// unless set.
    pub unhealthy_interval: Option<Duration>,
    /// `unhealthy_edge_interval`: behind a failure of a healthy host that is not yet the
    /// `unhealthy_threshold`th in a row; `unhealthy_interval` unless set, then `interval`.
    pub unhealthy_edge_interval: Option<Duration>,
    /// `healthy_edge_interval`: behind a success of an unhealthy host that is not yet the
    /// `healthy_threshold`th in a row; the `healthy_threshold`th part of `interval` unless set.
    pub healthy_edge_interval: Option<Duration>,
    /// `alt_port`: checks go to this port of the endpoint.
    pub alt_port: Option<u16>,
    /// Protocols that are offered in TLS instead of the cluster's (`tls_options.alpn_protocols`).
    pub alpn: Vec<Box<str>>,
    /// What chooses among the cluster's `transport_socket_matches` instead of the endpoint's metadata
    /// (`transport_socket_match_criteria`).
    pub transport_socket_match_criteria: Option<Value>,
    /// How to ask.
    pub checker: HealthChecker,
    /// File for health events as JSON lines (`event_logger`, `event_log_path`).
    pub event_log_path: Option<Arc<str>>,
    /// Whether each failed check is an event (`always_log_health_check_failures`).
    pub always_log_failures: bool,
    /// Whether each successful check is an event (`always_log_health_check_success`).
    pub always_log_success: bool,
}

/// How to ask.
#[derive(Debug, Clone, PartialEq)]
pub enum HealthChecker {
    /// `http_health_check`.
    Http(HttpHealthCheck),
    /// `tcp_health_check`.
    Tcp(TcpHealthCheck),
    /// `grpc_health_check`.
    Grpc(GrpcHealthCheck),
}

/// `HealthCheck.HttpHealthCheck`.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpHealthCheck {
    /// `Host`, unless the endpoint's `health_check_config.hostname` names another; the cluster's name where
    /// both are empty.
    pub host: Box<str>,
    /// Path and query.
    pub path: Box<str>,
    /// Method, `GET` unless set.
    pub method: Box<str>,
    /// Statuses that mean healthy; 200 alone unless set.
    pub expected_statuses: Vec<StatusRange>,
    /// Statuses that count towards `unhealthy_threshold` rather than acting at once.
    pub retriable_statuses: Vec<StatusRange>,
    /// Changes to the request's headers.
    pub headers: HeaderMutations,
    /// Whether HTTP/2 is spoken (`codec_client_type`).
    pub http2: bool,
}

/// A half-open range of HTTP statuses (`type.v3.Int64Range`): `end` is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// First status of the range, at least 100.
    pub start: u16,
    /// First status behind the range, at most 600.
    pub end: u16,
}

impl StatusRange {
    /// Whether the status lies in the range.
    #[must_use]
    pub const fn contains(self, status: u16) -> bool {
        status >= self.start && status < self.end
    }
}

/// `HealthCheck.TcpHealthCheck`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TcpHealthCheck {
    /// Bytes to send; without any, connecting is the whole check.
    pub send: Vec<u8>,
    /// Byte strings that have to come back, in this order, anything between them.
    pub receive: Vec<Vec<u8>>,
    /// The PROXY header that is sent first (`proxy_protocol_config`), with the command `LOCAL` in version 2 and
    /// the family `UNKNOWN` in version 1.
    pub proxy_protocol: Option<ProxyProtocolConfig>,
}

/// `HealthCheck.GrpcHealthCheck`: `grpc.health.v1.Health/Check` is called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrpcHealthCheck {
    /// The service that is asked about; the server as a whole where it is empty.
    pub service_name: Box<str>,
    /// `:authority`, as [`HttpHealthCheck::host`].
    pub authority: Box<str>,
    /// Fields that are added (`initial_metadata`).
    pub initial_metadata: HeaderMutations,
}
