//! Outlier detection: hosts that fail requests are taken out of use for a while, as Envoy does it.
//!
//! Workers report what became of each attempt to the [`Monitor`] of its host, which counts. It notices failures in a
//! row by itself; everything else is decided on the main thread by the [`Detector`], at its interval. Neither
//! knows a clock: times and random numbers are arguments. [`events`] prints what happened as Envoy does.

mod detector;
pub(crate) mod events;
mod monitor;
mod stats;

pub use monitor::HostResult;
pub use stats::OutlierStat;

pub(crate) use detector::{Cause, Change, Detector};
pub(crate) use monitor::Monitor;

/// Why a host is taken out of use, or used last (`OutlierEjectionType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Consecutive5xx,
    ConsecutiveGatewayFailure,
    ConsecutiveLocalOriginFailure,
    SuccessRate,
    SuccessRateLocalOrigin,
    FailurePercentage,
    FailurePercentageLocalOrigin,
    Degraded,
}

impl Kind {
    /// Envoy's name in event logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "CONSECUTIVE_5XX",
            Self::ConsecutiveGatewayFailure => "CONSECUTIVE_GATEWAY_FAILURE",
            Self::ConsecutiveLocalOriginFailure => "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
            Self::SuccessRate => "SUCCESS_RATE",
            Self::SuccessRateLocalOrigin => "SUCCESS_RATE_LOCAL_ORIGIN",
            Self::FailurePercentage => "FAILURE_PERCENTAGE",
            Self::FailurePercentageLocalOrigin => "FAILURE_PERCENTAGE_LOCAL_ORIGIN",
            Self::Degraded => "DEGRADED",
        }
    }
}

/// What the success rates of a cluster's hosts come to, in per cent; -1 where too few hosts had enough requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuccessRates {
    /// The average.
    pub average: f64,
    /// Hosts below this are ejected.
    pub ejection_threshold: f64,
}

impl SuccessRates {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { average: -1.0, ejection_threshold: -1.0 };
}

/// The success rates of a cluster as outlier detection found them last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutlierReport {
    /// Of answers, and of everything else where that is not counted for itself.
    pub external: SuccessRates,
    /// Of what the proxy itself met.
    pub local_origin: SuccessRates,
}

impl Default for OutlierReport {
    fn default() -> Self {
        Self { external: SuccessRates::UNKNOWN, local_origin: SuccessRates::UNKNOWN }
    }
}
