//! The event log of outlier detection: a file of JSON lines in Envoy's form (`OutlierDetectionEvent`).

use std::fmt::Write as _;
use std::time::SystemTime;

use super::{Cause, Change, Kind};
use crate::health::events::{string, timestamp};

/// One line, with its end.
pub(crate) fn line(change: &Change, cluster: &str, now: SystemTime) -> String {
    // A host that is back has no kind, which is the first of them.
    let kind = change.cause.kind().unwrap_or(Kind::Consecutive5xx);
    let mut out = format!("{{\"type\":\"{}\",\"timestamp\":\"", kind.name());
    timestamp(&mut out, now);
    out.push('"');
    if let Some(since) = change.since {
        let _ = write!(out, ",\"secs_since_last_action\":\"{}\"", since.as_secs());
    }
    out.push_str(",\"cluster_name\":");
    string(&mut out, cluster);
    out.push_str(",\"upstream_url\":");
    string(&mut out, &change.host.address().to_string());
    let action = if change.cause.kind().is_some() { "EJECT" } else { "UNEJECT" };
    let _ = write!(
        out,
        ",\"action\":\"{action}\",\"num_ejections\":{},\"enforced\":{}",
        change.ejections, change.enforced
    );
    match change.cause {
        Cause::Consecutive { .. } | Cause::Degraded { .. } => out.push_str(",\"eject_consecutive_event\":{}"),
        Cause::SuccessRate { rate, rates, .. } => {
            let _ = write!(
                out,
                ",\"eject_success_rate_event\":{{\"host_success_rate\":{},\"cluster_average_success_rate\":{},\
                 \"cluster_success_rate_ejection_threshold\":{}}}",
                whole(rate),
                whole(rates.average),
                whole(rates.ejection_threshold)
            );
        }
        Cause::FailurePercentage { rate, .. } => {
            let _ =
                write!(out, ",\"eject_failure_percentage_event\":{{\"host_success_rate\":{}}}", whole(rate));
        }
        Cause::Returned | Cause::NoLongerDegraded | Cause::CheckPassed => {}
    }
    out.push_str("}\n");
    out
}

/// The fields of the event hold whole numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and cuts as Envoy"
)]
const fn whole(rate: f64) -> u32 {
    rate as u32
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::host::tests::host;
    use crate::outlier::SuccessRates;

    fn printed(cause: Cause, enforced: bool, since: Option<Duration>) -> String {
        let change = Change { host: host(80), cause, enforced, ejections: 1, since };
        line(&change, "a", UNIX_EPOCH + Duration::from_millis(1_795_191_710_327))
    }

    #[test]
    fn lines_are_those_of_envoy() {
        let time = "\"timestamp\":\"2026-11-20T16:21:50.327Z\"";
        let place = "\"cluster_name\":\"a\",\"upstream_url\":\"10.0.0.1:80\"";
        let out = Duration::from_secs(30);
        let kind = Kind::ConsecutiveGatewayFailure;
        assert_eq!(
            printed(Cause::Consecutive { kind, failures: 5, status: None, out }, false, None),
            format!(
                "{{\"type\":\"CONSECUTIVE_GATEWAY_FAILURE\",{time},{place},\"action\":\"EJECT\",\
                 \"num_ejections\":1,\"enforced\":false,\"eject_consecutive_event\":{{}}}}\n"
            )
        );
        assert_eq!(
            printed(Cause::Returned, false, Some(Duration::from_millis(1999))),
            format!(
                "{{\"type\":\"CONSECUTIVE_5XX\",{time},\"secs_since_last_action\":\"1\",{place},\
                 \"action\":\"UNEJECT\",\"num_ejections\":1,\"enforced\":false}}\n"
            )
        );
        let rates = SuccessRates { average: 66.7, ejection_threshold: 43.1 };
        let cause = Cause::SuccessRate { kind: Kind::SuccessRate, rate: 0.0, rates, out };
        assert_eq!(
            printed(cause, true, None),
            format!(
                "{{\"type\":\"SUCCESS_RATE\",{time},{place},\"action\":\"EJECT\",\"num_ejections\":1,\
                 \"enforced\":true,\"eject_success_rate_event\":{{\"host_success_rate\":0,\
                 \"cluster_average_success_rate\":66,\"cluster_success_rate_ejection_threshold\":43}}}}\n"
            )
        );
        let cause = Cause::FailurePercentage { kind: Kind::FailurePercentage, rate: 12.0, out };
        assert!(
            printed(cause, true, None).ends_with(
                "\"enforced\":true,\"eject_failure_percentage_event\":{\"host_success_rate\":12}}\n"
            )
        );
    }
}
