//! What is counted of outliers, under Envoy's names.

use super::Kind;

causeway_stats::schema! {
    /// `cluster.<name>.outlier_detection.`: of clusters with `outlier_detection`.
    pub enum OutlierStat {
        /// Hosts that are ejected.
        EjectionsActive = gauge "outlier_detection.ejections_active",
        /// Old name: the times that 5xx in a row were found.
        EjectionsConsecutive5xx = counter "outlier_detection.ejections_consecutive_5xx",
        /// Times that 5xx in a row were found.
        DetectedConsecutive5xx = counter "outlier_detection.ejections_detected_consecutive_5xx",
        /// Times that 502, 503 and 504 in a row were found.
        DetectedConsecutiveGatewayFailure = counter "outlier_detection.ejections_detected_consecutive_gateway_failure",
        /// Times that failures of the proxy's own in a row were found.
        DetectedConsecutiveLocalOriginFailure =
            counter "outlier_detection.ejections_detected_consecutive_local_origin_failure",
        /// Times that a host said that it is degraded.
        DetectedDegradation = counter "outlier_detection.ejections_detected_degradation",
        /// Times that too large a share of failures was found.
        DetectedFailurePercentage = counter "outlier_detection.ejections_detected_failure_percentage",
        /// The same for failures of the proxy's own.
        DetectedLocalOriginFailurePercentage =
            counter "outlier_detection.ejections_detected_local_origin_failure_percentage",
        /// The same as below for failures of the proxy's own.
        DetectedLocalOriginSuccessRate = counter "outlier_detection.ejections_detected_local_origin_success_rate",
        /// Times that a host was far worse than the others.
        DetectedSuccessRate = counter "outlier_detection.ejections_detected_success_rate",
        /// Ejections because of each of these.
        EnforcedConsecutive5xx = counter "outlier_detection.ejections_enforced_consecutive_5xx",
        /// As above.
        EnforcedConsecutiveGatewayFailure = counter "outlier_detection.ejections_enforced_consecutive_gateway_failure",
        /// As above.
        EnforcedConsecutiveLocalOriginFailure =
            counter "outlier_detection.ejections_enforced_consecutive_local_origin_failure",
        /// As above.
        EnforcedFailurePercentage = counter "outlier_detection.ejections_enforced_failure_percentage",
        /// As above.
        EnforcedLocalOriginFailurePercentage =
            counter "outlier_detection.ejections_enforced_local_origin_failure_percentage",
        /// As above.
        EnforcedLocalOriginSuccessRate = counter "outlier_detection.ejections_enforced_local_origin_success_rate",
        /// As above.
        EnforcedSuccessRate = counter "outlier_detection.ejections_enforced_success_rate",
        /// All of them.
        EnforcedTotal = counter "outlier_detection.ejections_enforced_total",
        /// Ejections that `max_ejection_percent` did not allow.
        EjectionsOverflow = counter "outlier_detection.ejections_overflow",
        /// Old name: times that a host was far worse than the others.
        EjectionsSuccessRate = counter "outlier_detection.ejections_success_rate",
        /// Old name: what was found of 5xx in a row and success rates, whether enforced or not.
        EjectionsTotal = counter "outlier_detection.ejections_total",
    }
}

/// Where it is counted that something was found.
pub(super) const fn detected(kind: Kind) -> OutlierStat {
    match kind {
        Kind::Consecutive5xx => OutlierStat::DetectedConsecutive5xx,
        Kind::ConsecutiveGatewayFailure => OutlierStat::DetectedConsecutiveGatewayFailure,
        Kind::ConsecutiveLocalOriginFailure => OutlierStat::DetectedConsecutiveLocalOriginFailure,
        Kind::SuccessRate => OutlierStat::DetectedSuccessRate,
        Kind::SuccessRateLocalOrigin => OutlierStat::DetectedLocalOriginSuccessRate,
        Kind::FailurePercentage => OutlierStat::DetectedFailurePercentage,
        Kind::FailurePercentageLocalOrigin => OutlierStat::DetectedLocalOriginFailurePercentage,
        Kind::Degraded => OutlierStat::DetectedDegradation,
    }
}

/// Where it is counted that a host was ejected; nobody is for being degraded.
pub(super) const fn enforced(kind: Kind) -> Option<OutlierStat> {
    Some(match kind {
        Kind::Consecutive5xx => OutlierStat::EnforcedConsecutive5xx,
        Kind::ConsecutiveGatewayFailure => OutlierStat::EnforcedConsecutiveGatewayFailure,
        Kind::ConsecutiveLocalOriginFailure => OutlierStat::EnforcedConsecutiveLocalOriginFailure,
        Kind::SuccessRate => OutlierStat::EnforcedSuccessRate,
        Kind::SuccessRateLocalOrigin => OutlierStat::EnforcedLocalOriginSuccessRate,
        Kind::FailurePercentage => OutlierStat::EnforcedFailurePercentage,
        Kind::FailurePercentageLocalOrigin => OutlierStat::EnforcedLocalOriginFailurePercentage,
        Kind::Degraded => return None,
    })
}
