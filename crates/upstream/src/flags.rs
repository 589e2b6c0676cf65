//! What is wrong with a host, as Envoy's `/clusters` prints it.

use std::fmt;
use std::ops::BitOr;

/// A set of health flags, printed as Envoy does: `healthy`, or `/failed_active_hc/active_hc_timeout`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct HealthFlags(u32);

/// How much a host may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// As any other.
    Healthy,
    /// Where nothing better is left.
    Degraded,
    /// Not at all.
    Unhealthy,
}

impl HealthFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// A health check failed, or none was answered yet.
    pub const FAILED_ACTIVE_HC: Self = Self(0x1);
    /// Outlier detection took it out.
    pub const FAILED_OUTLIER_CHECK: Self = Self(0x2);
    /// The file says `UNHEALTHY` or `TIMEOUT`.
    pub const FAILED_EDS_HEALTH: Self = Self(0x4);
    /// A health check was answered with `x-envoy-degraded`.
    pub const DEGRADED_ACTIVE_HC: Self = Self(0x8);
    /// The file says `DEGRADED`.
    pub const DEGRADED_EDS_HEALTH: Self = Self(0x10);
    /// Its name does not resolve to it any more, but it still passes its health checks.
    pub const PENDING_DYNAMIC_REMOVAL: Self = Self(0x20);
    /// No health check was answered yet, and the cluster says
    /// `ignore_new_hosts_until_first_hc`.
    pub const PENDING_ACTIVE_HC: Self = Self(0x40);
    /// It asked to be left alone (`x-envoy-immediate-health-check-fail`).
    pub const EXCLUDED_VIA_IMMEDIATE_HC_FAIL: Self = Self(0x80);
    /// Its last health check was not answered in time.
    pub const ACTIVE_HC_TIMEOUT: Self = Self(0x100);
    /// The file says `DRAINING`.
    pub const EDS_STATUS_DRAINING: Self = Self(0x200);
    /// An answer to a request said `x-envoy-degraded`, and outlier detection looks for that.
    pub const DEGRADED_OUTLIER_DETECTION: Self = Self(0x400);

    /// Its agent says `down`, `fail` or `stopped` (metadata `causeway` of the cluster).
    pub const AGENT_DOWN: Self = Self(0x800);
    /// Its agent says `drain`, or a weight of `0%`.
    pub const AGENT_DRAIN: Self = Self(0x1000);
    /// Its agent says `maint`.
    pub const AGENT_MAINT: Self = Self(0x2000);

    /// All flags with the names that Envoy gives them, in its order, and ours behind them.
    pub const NAMES: &'static [(Self, &'static str)] = &[
        (Self::FAILED_ACTIVE_HC, "failed_active_hc"),
        (Self::FAILED_OUTLIER_CHECK, "failed_outlier_check"),
        (Self::FAILED_EDS_HEALTH, "failed_eds_health"),
        (Self::DEGRADED_ACTIVE_HC, "degraded_active_hc"),
        (Self::DEGRADED_EDS_HEALTH, "degraded_eds_health"),
        (Self::PENDING_DYNAMIC_REMOVAL, "pending_dynamic_removal"),
        (Self::PENDING_ACTIVE_HC, "pending_active_hc"),
        (Self::EXCLUDED_VIA_IMMEDIATE_HC_FAIL, "excluded_via_immediate_hc_fail"),
        (Self::ACTIVE_HC_TIMEOUT, "active_hc_timeout"),
        (Self::EDS_STATUS_DRAINING, "eds_status_draining"),
        (Self::DEGRADED_OUTLIER_DETECTION, "degraded_outlier_detection"),
        (Self::AGENT_DOWN, "agent_down"),
        (Self::AGENT_DRAIN, "agent_drain"),
        (Self::AGENT_MAINT, "agent_maint"),
    ];

    /// The flags by which a file takes an endpoint out of use.
    pub(crate) const DISABLED: Self = Self(Self::FAILED_EDS_HEALTH.0 | Self::EDS_STATUS_DRAINING.0);

    /// The flags that health checks set.
    pub(crate) const BY_CHECKS: Self = Self(
        Self::FAILED_ACTIVE_HC.0
            | Self::DEGRADED_ACTIVE_HC.0
            | Self::PENDING_ACTIVE_HC.0
            | Self::EXCLUDED_VIA_IMMEDIATE_HC_FAIL.0
            | Self::ACTIVE_HC_TIMEOUT.0,
    );

    /// The flags that outlier detection sets.
    pub(crate) const BY_OUTLIERS: Self =
        Self(Self::FAILED_OUTLIER_CHECK.0 | Self::DEGRADED_OUTLIER_DETECTION.0);

    /// The flags by which an agent takes its host out of the choice, whatever the health of the others.
    pub(crate) const WITHDRAWN: Self = Self(Self::AGENT_DRAIN.0 | Self::AGENT_MAINT.0);

    /// The flags that agents set.
    pub(crate) const BY_AGENT: Self = Self(Self::AGENT_DOWN.0 | Self::WITHDRAWN.0);

    /// Whether any of these flags is set.
    #[must_use]
    pub const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// The same flags, with these set or not.
    #[must_use]
    pub const fn with(self, flags: Self, set: bool) -> Self {
        Self(if set { self.0 | flags.0 } else { self.0 & !flags.0 })
    }

    /// How much a host with these flags may be used.
    #[must_use]
    pub const fn health(self) -> Health {
        let unhealthy = Self(
            Self::FAILED_ACTIVE_HC.0 | Self::FAILED_OUTLIER_CHECK.0 | Self::DISABLED.0 | Self::BY_AGENT.0,
        );
        let degraded = Self(
            Self::DEGRADED_ACTIVE_HC.0 | Self::DEGRADED_EDS_HEALTH.0 | Self::DEGRADED_OUTLIER_DETECTION.0,
        );
        if self.any(unhealthy) {
            Health::Unhealthy
        } else if self.any(degraded) {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }

    /// Whether the share of healthy hosts is reckoned without this one.
    #[must_use]
    pub const fn is_excluded(self) -> bool {
        self.any(Self(
            Self::PENDING_ACTIVE_HC.0 | Self::EXCLUDED_VIA_IMMEDIATE_HC_FAIL.0 | Self::EDS_STATUS_DRAINING.0,
        ))
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl BitOr for HealthFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for HealthFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("healthy");
        }
        for (_, name) in Self::NAMES.iter().filter(|(flag, _)| self.any(*flag)) {
            write!(f, "/{name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HealthFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_printed_in_envoys_order() {
        assert_eq!(HealthFlags::NONE.to_string(), "healthy");
        let timeout = HealthFlags::ACTIVE_HC_TIMEOUT | HealthFlags::FAILED_ACTIVE_HC;
        assert_eq!(timeout.to_string(), "/failed_active_hc/active_hc_timeout");
        assert_eq!(HealthFlags::EDS_STATUS_DRAINING.to_string(), "/eds_status_draining");
    }

    #[test]
    fn the_worst_flag_decides() {
        let degraded = HealthFlags::DEGRADED_EDS_HEALTH;
        assert_eq!(degraded.health(), Health::Degraded);
        assert_eq!((degraded | HealthFlags::FAILED_ACTIVE_HC).health(), Health::Unhealthy);
        assert_eq!(HealthFlags::EDS_STATUS_DRAINING.health(), Health::Unhealthy);
        assert_eq!(HealthFlags::PENDING_DYNAMIC_REMOVAL.health(), Health::Healthy);
        assert_eq!(HealthFlags::NONE.with(HealthFlags::FAILED_EDS_HEALTH, true).health(), Health::Unhealthy);
        assert!(HealthFlags::EDS_STATUS_DRAINING.is_excluded());
        assert!(!HealthFlags::FAILED_EDS_HEALTH.is_excluded());
    }
}
