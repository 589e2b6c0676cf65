//! What outlier detection finds becomes flags of hosts, a new snapshot, and lines.

use super::{Core, EventLine, EventLog, Now};
use crate::host::HostId;
use crate::outlier::{Change, Detector, events};
use crate::report;

impl Core {
    /// Time between two looks at all hosts; `None` where outliers are not looked for.
    pub(crate) fn outlier_pause(&self) -> Option<std::time::Duration> {
        self.outliers.as_ref().map(Detector::pause)
    }

    /// Looks at what was found at once: failures in a row.
    pub(crate) fn look_for_outliers(&mut self, now: Now) {
        let Some(outliers) = &mut self.outliers else { return };
        let changes = outliers.look(now.instant);
        self.follow_outliers(&changes, now);
    }

    /// Looks at all hosts, as is done once in each interval.
    pub(crate) fn compare_outliers(&mut self, now: Now) {
        let Some(outliers) = &mut self.outliers else { return };
        // Whatever was found before is older.
        let mut changes = outliers.look(now.instant);
        changes.extend(outliers.interval(now.instant));
        self.follow_outliers(&changes, now);
        let report = self.outliers.as_ref().map(Detector::report).unwrap_or_default();
        if self.cluster.outlier_report() != Some(report) {
            self.cluster.publish_outliers(report);
        }
    }

    /// A host is healthy by its checks, the last of which has just succeeded.
    pub(super) fn check_passed(&mut self, id: HostId, now: Now) {
        let change = self.outliers.as_mut().and_then(|outliers| outliers.check_passed(id, now.instant));
        self.follow_outliers(change.as_slice(), now);
    }

    fn follow_outliers(&mut self, changes: &[Change], now: Now) {
        if changes.is_empty() {
            return;
        }
        if changes.iter().any(|change| change.enforced || change.cause.kind().is_none()) {
            self.publish(false);
        }
        let logged = self.cluster.config().outlier_detection.as_ref();
        let logged = logged.is_some_and(|detection| detection.event_log_path.is_some());
        for change in changes {
            if logged {
                let line = events::line(change, self.cluster.name(), now.wall);
                self.lines.push(EventLine { log: EventLog::Outliers, line });
            }
            let cause = report::outlier(&self.cluster, change, self.tally);
            if change.enforced || change.cause.kind().is_none() {
                self.note_life(&change.host, cause, now);
            }
        }
    }
}
