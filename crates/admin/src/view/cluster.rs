//! Clusters, their hosts, and how both are doing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use causeway_model::{Address, CircuitBreakers, Locality};
use causeway_reason::Reason;

/// A cluster as `/clusters` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its name in statistics, as the file has it (`alt_stat_name`), else its name.
    pub observability_name: Arc<str>,
    /// Whether a management server brought it.
    pub added_via_api: bool,
    /// Its limits.
    pub circuit_breakers: CircuitBreakers,
    /// `load_assignment.policy.overprovisioning_factor`, in per cent.
    pub overprovisioning_factor: u32,
    /// Whether its localities have weights, be they 0: in all clusters but those of type `ORIGINAL_DST`.
    pub localities_have_weights: bool,
    /// Where outlier detection is configured.
    pub outlier: Option<OutlierStatus>,
    /// Its hosts, by priority.
    pub hosts: Vec<HostStatus>,
    /// The names it looks up, in the order of the file; none for a static cluster.
    pub dns: Vec<DnsStatus>,
}

/// Averages and thresholds of outlier detection, in per cent; `None` where too few hosts had traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutlierStatus {
    /// Average success rate of the hosts.
    pub success_rate_average: Option<f64>,
    /// Hosts below this are ejected.
    pub success_rate_ejection_threshold: Option<f64>,
    /// The same for errors of the proxy's own making.
    pub local_origin_success_rate_average: Option<f64>,
    /// The same for errors of the proxy's own making.
    pub local_origin_success_rate_ejection_threshold: Option<f64>,
}

/// A host of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct HostStatus {
    /// Its address.
    pub address: Address,
    /// The name it was looked up under, or what the file calls it; may be empty.
    pub hostname: Arc<str>,
    /// What it was asked.
    pub stats: HostStats,
    /// What speaks against using it.
    pub health: HealthFlags,
    /// Its share of the traffic.
    pub weight: u32,
    /// Where it is.
    pub locality: Locality,
    /// `envoy.lb` → `canary` of its metadata.
    pub canary: bool,
    /// 0 is used first.
    pub priority: u32,
    /// Success rate of outlier detection, in per cent; `None` while there was too little traffic.
    pub success_rate: Option<f64>,
    /// The same for errors of the proxy's own making.
    pub local_origin_success_rate: Option<f64>,
    /// Active health checks; `None` where the host is not checked.
    pub health_check: Option<HealthCheckStatus>,
    /// What its agent has said; `None` where there is none, or it was not asked yet.
    pub agent: Option<AgentStatus>,
    /// Its last changes, the oldest first.
    pub changes: Vec<HostChange>,
}

/// What the agent of a host has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// The weight in per cent of the configured one.
    pub percent: u32,
    /// The last line that said something.
    pub line: Option<Arc<str>>,
    /// How questions ended: a failure changes nothing.
    pub check: HealthCheckStatus,
}

/// A change in the life of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChange {
    /// When.
    pub at: SystemTime,
    /// What speaks against using it from then on.
    pub health: HealthFlags,
    /// Why.
    pub cause: Arc<str>,
}

/// Counters and gauges of a host, under Envoy's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Envoy's metrics")]
pub struct HostStats {
    pub cx_active: u64,
    pub cx_connect_fail: u64,
    pub cx_total: u64,
    pub rq_active: u64,
    pub rq_error: u64,
    pub rq_pending_active: u64,
    pub rq_success: u64,
    pub rq_timeout: u64,
    pub rq_total: u64,
}

impl HostStats {
    /// Counters, sorted by name.
    pub(crate) const fn counters(&self) -> [(&'static str, u64); 6] {
        [
            ("cx_connect_fail", self.cx_connect_fail),
            ("cx_total", self.cx_total),
            ("rq_error", self.rq_error),
            ("rq_success", self.rq_success),
            ("rq_timeout", self.rq_timeout),
            ("rq_total", self.rq_total),
        ]
    }

    /// Gauges, sorted by name.
    pub(crate) const fn gauges(&self) -> [(&'static str, u64); 3] {
        [
            ("cx_active", self.cx_active),
            ("rq_active", self.rq_active),
            ("rq_pending_active", self.rq_pending_active),
        ]
    }
}

macro_rules! health_flags {
    ($($(#[$doc:meta])* $variant:ident = $token:literal,)*) => {
        /// Something that speaks against using a host, or against using it first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum HealthFlag { $($(#[$doc])* $variant,)* }

        impl HealthFlag {
            /// Every flag, in Envoy's order, and ours behind them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As the line `health_flags` of `/clusters` has it.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self { $(Self::$variant => $token,)* }
            }
        }
    };
}

health_flags! {
    /// Active health checks failed.
    FailedActiveCheck = "/failed_active_hc",
    /// Outlier detection ejected it.
    FailedOutlierCheck = "/failed_outlier_check",
    /// The file, or the management server, calls it unhealthy.
    FailedByConfig = "/failed_eds_health",
    /// Active health checks call it degraded.
    DegradedByCheck = "/degraded_active_hc",
    /// The file, or the management server, calls it degraded.
    DegradedByConfig = "/degraded_eds_health",
    /// It is gone from the configuration and waits for its last requests.
    PendingRemoval = "/pending_dynamic_removal",
    /// Its first health check has not been answered.
    PendingCheck = "/pending_active_hc",
    /// Its own answer to a request took it out (`x-envoy-immediate-health-check-fail`).
    ExcludedByItself = "/excluded_via_immediate_hc_fail",
    /// Active health checks failed because it did not answer in time.
    CheckTimeout = "/active_hc_timeout",
    /// The file, or the management server, says that it drains.
    DrainingByConfig = "/eds_status_draining",
    /// Its own answers to requests call it degraded, and outlier detection looks for that.
    DegradedByOutlierDetection = "/degraded_outlier_detection",
    /// Its agent says that it is down.
    DownByAgent = "/agent_down",
    /// Its agent wants no new requests for it.
    DrainedByAgent = "/agent_drain",
    /// Its agent has it in maintenance.
    MaintenanceByAgent = "/agent_maint",
}

/// A set of [`HealthFlag`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HealthFlags(u16);

impl HealthFlags {
    /// The set with this flag too.
    #[must_use]
    pub const fn with(self, flag: HealthFlag) -> Self {
        Self(self.0 | 1 << flag as u16)
    }

    /// Whether the flag is set.
    #[must_use]
    pub const fn contains(self, flag: HealthFlag) -> bool {
        self.0 & 1 << flag as u16 != 0
    }

    /// Whether nothing speaks against the host.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether requests may go to the host: nothing speaks against it but that others come first.
    #[must_use]
    pub fn usable(self) -> bool {
        HealthFlag::ALL.iter().filter(|flag| self.contains(**flag)).all(|flag| match flag {
            HealthFlag::DegradedByCheck
            | HealthFlag::DegradedByConfig
            | HealthFlag::DegradedByOutlierDetection
            | HealthFlag::CheckTimeout => true,
            HealthFlag::FailedActiveCheck
            | HealthFlag::FailedOutlierCheck
            | HealthFlag::FailedByConfig
            | HealthFlag::PendingRemoval
            | HealthFlag::PendingCheck
            | HealthFlag::ExcludedByItself
            | HealthFlag::DrainingByConfig
            | HealthFlag::DownByAgent
            | HealthFlag::DrainedByAgent
            | HealthFlag::MaintenanceByAgent => false,
        })
    }
}

impl FromIterator<HealthFlag> for HealthFlags {
    fn from_iter<I: IntoIterator<Item = HealthFlag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::default(), Self::with)
    }
}

/// What active health checks found out about a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCheckStatus {
    /// The last check that ended; `None` before the first did.
    pub last: Option<HealthCheckResult>,
    /// The last check that failed, kept when the host has recovered.
    pub last_failure: Option<HealthCheckResult>,
    /// Checks in a row that ended like the last one.
    pub in_a_row: u32,
    /// When the next one is to start; `None` while one is under way.
    pub next: Option<SystemTime>,
}

/// How one health check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheckResult {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: CheckOutcome,
}

/// How one health check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The host is fine.
    Passed {
        /// The HTTP status of its answer.
        status: Option<u16>,
    },
    /// It is not.
    Failed {
        /// Why.
        reason: Reason,
        /// The HTTP status of its answer, where there was one.
        status: Option<u16>,
        /// What was observed.
        evidence: Option<Box<str>>,
    },
}

/// How looking up a name went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsStatus {
    /// The name.
    pub name: Arc<str>,
    /// The last answer with addresses in it.
    pub answer: Option<AddressAnswer>,
    /// The failure of the last lookup; `None` where it was answered.
    pub failure: Option<LookupFailure>,
    /// When the next lookup is to start; `None` while one is under way.
    pub next: Option<SystemTime>,
}

/// An answer of the name service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressAnswer {
    /// When it came.
    pub at: SystemTime,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// How long it may be kept, where the answer said so.
    pub ttl: Option<Duration>,
}

/// A lookup that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupFailure {
    /// When it failed.
    pub at: SystemTime,
    /// Why.
    pub reason: Reason,
    /// What was observed.
    pub evidence: Option<Box<str>>,
    /// Failures in a row.
    pub in_a_row: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set() {
        let flags = HealthFlags::from_iter([HealthFlag::DegradedByConfig, HealthFlag::DegradedByConfig]);
        assert!(flags.contains(HealthFlag::DegradedByConfig) && !flags.is_empty());
        assert!(flags.usable() && HealthFlags::default().usable());
        assert!(!flags.with(HealthFlag::PendingCheck).usable());
    }
}
