//! Outlier detection: hosts that fail requests are taken out of use for a while.

use std::sync::Arc;
use std::time::Duration;

/// `config.cluster.v3.OutlierDetection`, with what the runtime says in its place (`outlier_detection.*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Time between two looks at all hosts; 10 s unless set.
    pub interval: Duration,
    /// A host is out for this long, times the number of times it was in a row; 30 s unless set.
    pub base_ejection_time: Duration,
    /// But for no longer than this; 300 s unless set, or the base where that is longer.
    pub max_ejection_time: Duration,
    /// A random part of up to this much is added (`max_ejection_time_jitter`).
    pub max_ejection_time_jitter: Duration,
    /// No more than this share of the hosts is out, in per cent; 10 unless set.
    pub max_ejection_percent: u32,
    /// One host may be out whatever the share (`always_eject_one_host`).
    pub always_eject_one_host: bool,
    /// What the proxy itself met (refused connections, timeouts) is counted for itself
    /// (`split_external_local_origin_errors`).
    pub split_external_local_origin_errors: bool,
    /// A health check that succeeds brings a host back (`successful_active_health_check_uneject_host`); true unless
    /// set.
    pub uneject_by_health_check: bool,
    /// Hosts that answer with `x-envoy-degraded` are used last (`detect_degraded_hosts`).
    pub detect_degraded_hosts: bool,
    /// Answers of 5xx in a row (`consecutive_5xx`); 5 unless set.
    pub consecutive_5xx: Consecutive,
    /// Answers of 502, 503 and 504 in a row (`consecutive_gateway_failure`); 5 unless set, and nothing follows.
    pub consecutive_gateway_failure: Consecutive,
    /// Failures of the proxy's own in a row (`consecutive_local_origin_failure`); 5 unless set.
    pub consecutive_local_origin_failure: Consecutive,
    /// Hosts that are far worse than the others (`success_rate_*`).
    pub success_rate: SuccessRate,
    /// Hosts that fail too much (`failure_percentage_*`).
    pub failure_percentage: FailurePercentage,
    /// Where events are written (`cluster_manager.outlier_detection.event_log_path`).
    pub event_log_path: Option<Arc<str>>,
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consecutive {
    /// So many; 0 never.
    pub threshold: u32,
    /// In so many of a hundred cases the host is ejected (`enforcing_consecutive_*`).
    pub enforcing: u32,
}

/// A host is ejected whose share of requests that went well is below the average of all by so many times the
/// standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuccessRate {
    /// Looked at only where so many hosts had enough requests; 5 unless set (`success_rate_minimum_hosts`).
    pub minimum_hosts: u32,
    /// Enough requests in one interval; 100 unless set (`success_rate_request_volume`).
    pub request_volume: u32,
    /// Thousandths of the standard deviation; 1900 unless set (`success_rate_stdev_factor`).
    pub stdev_factor: u32,
    /// In so many of a hundred cases the host is ejected; 100 unless set.
    pub enforcing: u32,
    /// The same for failures of the proxy's own (`enforcing_local_origin_success_rate`).
    pub enforcing_local_origin: u32,
}

/// A host is ejected of whose requests too large a share failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePercentage {
    /// Looked at only where so many hosts had enough requests; 5 unless set (`failure_percentage_minimum_hosts`).
    pub minimum_hosts: u32,
    /// Enough requests in one interval; 50 unless set (`failure_percentage_request_volume`).
    pub request_volume: u32,
    /// Per cent; 85 unless set (`failure_percentage_threshold`).
    pub threshold: u32,
    /// In so many of a hundred cases the host is ejected; 0 unless set.
    pub enforcing: u32,
    /// The same for failures of the proxy's own (`enforcing_failure_percentage_local_origin`).
    pub enforcing_local_origin: u32,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: 10,
            always_eject_one_host: false,
            split_external_local_origin_errors: false,
            uneject_by_health_check: true,
            detect_degraded_hosts: false,
            consecutive_5xx: Consecutive { threshold: 5, enforcing: 100 },
            consecutive_gateway_failure: Consecutive { threshold: 5, enforcing: 0 },
            consecutive_local_origin_failure: Consecutive { threshold: 5, enforcing: 100 },
            success_rate: SuccessRate {
                minimum_hosts: 5,
                request_volume: 100,
                stdev_factor: 1900,
                enforcing: 100,
                enforcing_local_origin: 100,
            },
            failure_percentage: FailurePercentage {
                minimum_hosts: 5,
                request_volume: 50,
                threshold: 85,
                enforcing: 0,
                enforcing_local_origin: 0,
            },
            event_log_path: None,
        }
    }
}
