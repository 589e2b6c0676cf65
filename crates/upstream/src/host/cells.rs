//! What is counted for each host: a worker has cells of its own, and whoever asks adds them up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is counted for each host; the names are those of Envoy's `/clusters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostStat {
    /// Connections open.
    CxActive,
    /// Connections that could not be made.
    CxConnectFail,
    /// Connections made.
    CxTotal,
    /// Requests under way.
    RqActive,
    /// Requests that failed, or were answered 5xx.
    RqError,
    /// Requests that wait for a connection.
    RqPendingActive,
    /// Requests that were answered otherwise.
    RqSuccess,
    /// Requests that ran into a timeout.
    RqTimeout,
    /// Requests sent.
    RqTotal,
}

/// One worker's cells of a host. Only that worker may write them; anyone may read the sums.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct HostCells([AtomicU64; HostStat::ALL.len()]);

impl HostStat {
    /// All of them, in the order of Envoy's `/clusters`.
    pub const ALL: [Self; 9] = [
        Self::CxActive,
        Self::CxConnectFail,
        Self::CxTotal,
        Self::RqActive,
        Self::RqError,
        Self::RqPendingActive,
        Self::RqSuccess,
        Self::RqTimeout,
        Self::RqTotal,
    ];

    /// Envoy's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CxActive => "cx_active",
            Self::CxConnectFail => "cx_connect_fail",
            Self::CxTotal => "cx_total",
            Self::RqActive => "rq_active",
            Self::RqError => "rq_error",
            Self::RqPendingActive => "rq_pending_active",
            Self::RqSuccess => "rq_success",
            Self::RqTimeout => "rq_timeout",
            Self::RqTotal => "rq_total",
        }
    }

    /// Whether it rises and falls, rather than only growing.
    #[must_use]
    pub const fn is_gauge(self) -> bool {
        matches!(self, Self::CxActive | Self::RqActive | Self::RqPendingActive)
    }
}

impl HostCells {
    /// Adds one.
    pub fn inc(&self, stat: HostStat) {
        let cell = self.cell(stat);
        // One writer, so a load and a store do.
        cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Takes one off, from what rises and falls.
    pub fn dec(&self, stat: HostStat) {
        let cell = self.cell(stat);
        cell.store(cell.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    pub(super) fn get(&self, stat: HostStat) -> u64 {
        self.cell(stat).load(Relaxed)
    }

    const fn cell(&self, stat: HostStat) -> &AtomicU64 {
        // The array has a cell for each.
        &self.0[stat as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::host;
    use super::*;

    #[test]
    fn workers_are_summed() {
        let host = host(80);
        host.cells(0).inc(HostStat::RqTotal);
        host.cells(1).inc(HostStat::RqTotal);
        host.cells(1).inc(HostStat::CxActive);
        host.cells(1).dec(HostStat::CxActive);
        assert_eq!(host.total(HostStat::RqTotal), 2);
        assert_eq!(host.total(HostStat::CxActive), 0);
    }
}
