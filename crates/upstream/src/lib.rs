//! Clusters: endpoints, DNS, health, breakers, load balancing.
//!
//! The [`ClusterManager`] lives on the main thread. It looks names up and checks health, and publishes
//! for each [`Cluster`] an immutable [`HostSet`] whenever anything changes. A worker keeps a
//! [`LoadBalancer`] per cluster, which notices a new set with one relaxed load, and a [`WorkerCluster`]
//! for its statistics and the circuit breakers.
//!
//! What decides is free of I/O: thresholds and intervals of health checks, schedules of look-ups, the
//! arithmetic of priorities, turns of load balancing. Time and random numbers are arguments there.
//!
//! Nothing here knows HTTP routing.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod aggregate;
mod balancer;
mod breakers;
mod certificates;
mod cluster;
mod cluster_core;
mod connect;
mod destinations;
mod dns;
mod driver;
mod edf;
mod flags;
mod handshake;
mod hashing;
mod health;
mod hedge;
mod host;
mod host_set;
mod life;
mod localities;
mod manager;
mod members;
mod outlier;
mod priority;
mod report;
mod retry;
mod rng;
mod shake;
#[cfg(test)]
mod simulation;
mod situation;
mod sockets;
mod stats;
mod subsets;
#[cfg(test)]
#[path = "../tests/support/config.rs"]
mod test_config;
mod why;
mod words;

pub use aggregate::{Aggregate, Forced};
pub use balancer::{Ask, Choice, LoadBalancer};
pub use breakers::Resource;
pub use certificates::{CertificateScopes, CertificateStat, RenewalStat};
pub use cluster::{Cluster, WorkerCluster};
pub use connect::{
    ConnectPhase, OriginalSource, Stream, connect, connect_failure, connect_from, connect_timeout,
};
pub use destinations::{Destination, Destinations};
pub use dns::{AddressKind, NameReport, NameServers, Question, Told, hosts_file};
pub use flags::{Health, HealthFlags};
pub use handshake::{
    HandshakeError, HandshakeSeen, alert_words, count_handshake, handshake_failure, handshake_not_ready,
    handshake_timeout, stat_of,
};
pub use hashing::xxh64;
pub use health::grpc::{PATH as GRPC_HEALTH, judge as judge_grpc_health, question as grpc_health_question};
pub use health::http2::{Reply as Http2Reply, Session as Http2Session};
pub use health::request::{Asked, http2 as http2_request, write as write_check};
pub use health::target::{address as check_address, host as check_host};
pub use health::tcp::{MAX_ANSWER as MAX_TCP_ANSWER, contains_in_order};
pub use health::{AgentReport, Agreed, CheckReport, Link, write_proxy_header};
pub use hedge::Ending;
pub use host::{Host, HostCells, HostId, HostStat};
pub use host_set::{HostSet, Priority};
pub use life::HostChange;
pub use manager::{ApplyReport, ClusterManager, ClusterMap, Clusters, ManagerOptions};
pub use outlier::{HostResult, OutlierReport, OutlierStat, SuccessRates};
pub use retry::{Attempt, Retries, RetryDecision};
pub use shake::{NotShaken, Shaken, shake_hands};
pub use sockets::{Socket, Sockets, Tls, Unusable, check_socket, ready, transport_socket};
pub use stats::{
    ClusterBudgetStat, ClusterExternalStat, ClusterHttp1Stat, ClusterHttp2Stat, ClusterInternalStat,
    ClusterManagerStat, ClusterResponseStat, ClusterShareStat, ClusterSizeStat, ClusterSslStat, ClusterStat,
    DnsStat, HealthCheckStat, RemainingStat,
};
pub use subsets::SubsetKey;
