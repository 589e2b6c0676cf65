//! Outlier detection of clusters.

use std::sync::Arc;
use std::time::Duration;

use causeway_model::{Consecutive, FailurePercentage, OutlierDetection, SuccessRate};

use super::Cx;
use crate::tree::Message;

impl Cx<'_> {
    /// `cluster_manager.outlier_detection`: the file for events.
    pub(super) fn outlier_event_log(&self, manager: &Message<'_>) -> Option<Arc<str>> {
        let holder = manager.message("outlier_detection")?;
        self.not_implemented(holder, "event_service", "");
        match holder.text("event_log_path") {
            "" => None,
            path => {
                self.check_log_path(path, holder.at("event_log_path"));
                Some(path.into())
            }
        }
    }

    /// `Cluster.outlier_detection`. Values of the runtime take the place of the file's, as in Envoy, for every
    /// cluster that has this at all.
    pub(super) fn outlier_detection(
        &self,
        cluster: &Message<'_>,
        event_log_path: Option<&Arc<str>>,
    ) -> Option<OutlierDetection> {
        let detection = cluster.message("outlier_detection")?;
        self.not_implemented(detection, "monitors", "");
        let known = OutlierDetection::default();
        let number =
            |field: &str, default: u32| self.by_runtime(field, detection.u32(field).unwrap_or(default));
        let time = |field: &str, default: Duration| {
            let set = self.duration(detection, field).unwrap_or(default);
            let millis = self.runtime_number(&format!("outlier_detection.{field}_ms"));
            millis.map_or(set, Duration::from_millis)
        };
        let base = self.duration(detection, "base_ejection_time").unwrap_or(known.base_ejection_time);
        let most = self.duration(detection, "max_ejection_time");
        if most.is_some_and(|most| most < base) {
            let text = "`max_ejection_time` can't be shorter than `base_ejection_time`";
            self.reject(detection.at("max_ejection_time"), "invalid-ejection-time", text);
        }
        let consecutive = |of: &str, default: Consecutive| {
            let field = format!("consecutive_{of}");
            let enforcing = format!("enforcing_consecutive_{of}");
            Consecutive {
                threshold: number(&field, default.threshold),
                enforcing: number(&enforcing, default.enforcing),
            }
        };
        let (rates, percentages) = (known.success_rate, known.failure_percentage);
        let interval = time("interval", known.interval);
        Some(OutlierDetection {
            // Envoy would look without a pause.
            interval: interval.max(Duration::from_millis(1)),
            base_ejection_time: time("base_ejection_time", known.base_ejection_time),
            max_ejection_time: time("max_ejection_time", base.max(known.max_ejection_time)),
            max_ejection_time_jitter: time("max_ejection_time_jitter", Duration::ZERO),
            max_ejection_percent: number("max_ejection_percent", known.max_ejection_percent).min(100),
            always_eject_one_host: detection.bool_value("always_eject_one_host").unwrap_or(false),
            split_external_local_origin_errors: detection.bool("split_external_local_origin_errors"),
            uneject_by_health_check: detection
                .bool_value("successful_active_health_check_uneject_host")
                .unwrap_or(true),
            detect_degraded_hosts: detection.bool_value("detect_degraded_hosts").unwrap_or(false),
            consecutive_5xx: consecutive("5xx", known.consecutive_5xx),
            consecutive_gateway_failure: consecutive("gateway_failure", known.consecutive_gateway_failure),
            consecutive_local_origin_failure: consecutive(
                "local_origin_failure",
                known.consecutive_local_origin_failure,
            ),
            success_rate: SuccessRate {
                minimum_hosts: number("success_rate_minimum_hosts", rates.minimum_hosts),
                request_volume: number("success_rate_request_volume", rates.request_volume),
                stdev_factor: number("success_rate_stdev_factor", rates.stdev_factor),
                enforcing: number("enforcing_success_rate", rates.enforcing),
                enforcing_local_origin: number(
                    "enforcing_local_origin_success_rate",
                    rates.enforcing_local_origin,
                ),
            },
            failure_percentage: FailurePercentage {
                minimum_hosts: number("failure_percentage_minimum_hosts", percentages.minimum_hosts),
                request_volume: number("failure_percentage_request_volume", percentages.request_volume),
                threshold: number("failure_percentage_threshold", percentages.threshold),
                enforcing: number("enforcing_failure_percentage", percentages.enforcing),
                enforcing_local_origin: number(
                    "enforcing_failure_percentage_local_origin",
                    percentages.enforcing_local_origin,
                ),
            },
            event_log_path: event_log_path.cloned(),
        })
    }

    /// A number of the file, or what the runtime has in its place.
    fn by_runtime(&self, field: &str, set: u32) -> u32 {
        let value = self.runtime_number(&format!("outlier_detection.{field}"));
        value.map_or(set, |value| u32::try_from(value).unwrap_or(u32::MAX))
    }

    fn runtime_number(&self, key: &str) -> Option<u64> {
        self.uses_runtime_key(key);
        self.runtime.borrow().integer(key)
    }
}
