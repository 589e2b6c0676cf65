//! What the process tells the admin server about itself: plain values, copied when they are asked for.

mod cluster;
mod config;
mod reload;
mod server;

pub use cluster::{
    AddressAnswer, AgentStatus, CheckOutcome, ClusterStatus, DnsStatus, HealthCheckResult, HealthCheckStatus,
    HealthFlag, HealthFlags, HostChange, HostStats, HostStatus, LookupFailure, OutlierStatus,
};
pub use config::{
    Certificate, CertificateDetails, ConfigDump, ConfigEntry, ListenerStatus, OcspDetails, SubjectAltName,
};
pub use reload::{
    ChangeKind, ConfigChange, Diagnostic, DrainRequest, ReloadReport, ReloadResult, ReloadTrigger, Severity,
};
pub use server::{
    BuildVersion, CommandLineOptions, DrainStrategy, Extension, IpVersion, NodeInfo, ServerInfo, ServerMode,
    ServerState, Vitals,
};
