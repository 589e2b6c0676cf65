//! Hosts: the addresses behind a cluster.

mod cells;

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use causeway_model::{Address, HealthStatus, Locality, Metadata, OutlierDetection, TlvEntry, Value};

use crate::flags::{Health, HealthFlags};
use crate::health::{Agent, AgentReport, CheckReport};
use crate::life::{HostChange, Life};
use crate::outlier::Monitor;
pub use cells::{HostCells, HostStat};

/// Names a host for as long as the process lives. No other host ever gets the same one, so a connection
/// pool can be keyed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(u64);

/// One address behind a cluster.
///
/// A host of a `LOGICAL_DNS` cluster keeps its identity while its address changes: [`Self::address`] is
/// for new connections, and those that are open stay.
pub struct Host {
    id: HostId,
    address: ArcSwap<Address>,
    settings: HostSettings,
    flags: AtomicU32,
    /// Whether any health check applies.
    is_checked: bool,
    is_canary: bool,
    failed_now: AtomicBool,
    /// Whether it was chosen since that was last asked, where that is of interest.
    chosen: AtomicBool,
    /// Whether it was published, where a worker made it.
    adopted: AtomicBool,
    /// One more than the nanoseconds from [`EPOCH`] on to the moment since when it is well; 0 is none.
    well_since: AtomicU64,
    cells: Box<[HostCells]>,
    reports: Box<[ArcSwapOption<CheckReport>]>,
    /// Where outliers are looked for.
    monitor: Option<Box<Monitor>>,
    /// Where agents are asked.
    agent: Option<Box<Agent>>,
    life: Life,
}

/// What the configuration says of a host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostSettings {
    pub(crate) hostname: Arc<str>,
    pub(crate) weight: u32,
    pub(crate) locality: Arc<Locality>,
    pub(crate) priority: u32,
    /// Of the locality that it stands in.
    pub(crate) locality_weight: u32,
    pub(crate) metadata: Metadata,
    pub(crate) tlvs: Vec<TlvEntry>,
    pub(crate) status: HealthStatus,
    /// Where health checks go, where that is not the address itself.
    pub(crate) check: CheckTarget,
}

/// How health checks of an endpoint differ from the cluster's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CheckTarget {
    pub(crate) address: Option<std::net::SocketAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) hostname: Box<str>,
    pub(crate) disabled: bool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The first moment that anything here was told.
static EPOCH: OnceLock<Instant> = OnceLock::new();

impl Host {
    pub(crate) fn new(
        address: Address,
        settings: HostSettings,
        checks: usize,
        pending: bool,
        workers: usize,
    ) -> Self {
        let is_checked = checks > 0 && !settings.check.disabled;
        let by_file = match settings.status {
            HealthStatus::Unknown | HealthStatus::Healthy => HealthFlags::NONE,
            HealthStatus::Unhealthy | HealthStatus::Timeout => HealthFlags::FAILED_EDS_HEALTH,
            HealthStatus::Draining => HealthFlags::EDS_STATUS_DRAINING,
            HealthStatus::Degraded => HealthFlags::DEGRADED_EDS_HEALTH,
        };
        // Guilty until the first check says otherwise.
        let flags = by_file
            .with(HealthFlags::FAILED_ACTIVE_HC, is_checked)
            .with(HealthFlags::PENDING_ACTIVE_HC, is_checked && pending);
        Self {
            id: HostId(NEXT_ID.fetch_add(1, Relaxed)),
            address: ArcSwap::from_pointee(address),
            flags: AtomicU32::new(flags.bits()),
            is_checked,
            is_canary: settings.metadata.get("envoy.lb", &["canary".into()]) == Some(&Value::Bool(true)),
            failed_now: AtomicBool::new(false),
            chosen: AtomicBool::new(false),
            adopted: AtomicBool::new(false),
            well_since: AtomicU64::new(0),
            cells: (0..workers.max(1)).map(|_| HostCells::default()).collect(),
            reports: (0..if is_checked { checks } else { 0 }).map(|_| ArcSwapOption::empty()).collect(),
            monitor: None,
            agent: None,
            life: Life::default(),
            settings,
        }
    }

    /// The same host, watched for failures.
    pub(crate) fn watched(self, detection: Option<&Arc<OutlierDetection>>) -> Self {
        Self { monitor: detection.map(|config| Box::new(Monitor::new(Arc::clone(config)))), ..self }
    }

    /// The same host, with an agent that may be heard.
    pub(crate) fn with_agent(self, has_agent: bool) -> Self {
        Self { agent: has_agent.then(Box::default), ..self }
    }

    /// Its name for as long as the process lives.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// The address for new connections.
    #[must_use]
    pub fn address(&self) -> Arc<Address> {
        self.address.load_full()
    }

    /// The same, for who only looks at it.
    pub fn peek_address(&self) -> impl Deref<Target = Arc<Address>> {
        self.address.load()
    }

    /// Its host name; may be empty. For a name that was looked up it is that name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.settings.hostname
    }

    /// Its weight as the file has it, at least 1.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.settings.weight
    }

    /// What it weighs among the hosts of its cluster: the weight, or where agents are asked its product with what they
    /// say in per cent, so that a quarter of a weight of 1 is something.
    pub(crate) fn share(&self) -> u64 {
        self.agent.as_ref().map_or_else(|| self.weight().into(), |agent| agent.share(self.weight()))
    }

    /// What its agent has said, where it has one that was asked.
    #[must_use]
    pub fn agent_report(&self) -> Option<Arc<AgentReport>> {
        self.agent.as_ref()?.report()
    }

    pub(crate) fn agent(&self) -> Option<&Agent> {
        self.agent.as_deref()
    }

    /// Whether its agent has taken it out of the choice.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.flags().any(HealthFlags::WITHDRAWN)
    }

    /// Where it is.
    #[must_use]
    pub fn locality(&self) -> &Locality {
        &self.settings.locality
    }

    /// 0 is used first.
    #[must_use]
    pub const fn priority(&self) -> u32 {
        self.settings.priority
    }

    /// Metadata of the endpoint.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.settings.metadata
    }

    /// TLVs of PROXY headers that are sent to it.
    #[must_use]
    pub fn proxy_protocol_tlvs(&self) -> &[TlvEntry] {
        &self.settings.tlvs
    }

    /// Whether its metadata calls it a canary (`envoy.lb: {canary: true}`).
    #[must_use]
    pub const fn is_canary(&self) -> bool {
        self.is_canary
    }

    /// What is wrong with it.
    #[must_use]
    pub fn flags(&self) -> HealthFlags {
        HealthFlags::from_bits(self.flags.load(Relaxed))
    }

    /// How much it may be used.
    #[must_use]
    pub fn health(&self) -> Health {
        self.flags().health()
    }

    /// A worker's cells. Only the worker of that number may write them; a number too large gives the
    /// last.
    #[must_use]
    pub fn cells(&self, worker: usize) -> &HostCells {
        // There is at least one.
        &self.cells[worker.min(self.cells.len() - 1)]
    }

    /// The sum over all workers.
    #[must_use]
    pub fn total(&self, stat: HostStat) -> u64 {
        self.cells.iter().map(|cells| cells.get(stat)).fold(0, u64::wrapping_add)
    }

    /// Whether any health check applies to it.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// What the last run of one of the cluster's checks found.
    pub(crate) fn check_report(&self, check: usize) -> Option<Arc<CheckReport>> {
        self.reports.get(check)?.load_full()
    }

    /// What the last health checks found, one for each check of the cluster that was answered. Empty
    /// where the host is not checked.
    #[must_use]
    pub fn check_reports(&self) -> Vec<Arc<CheckReport>> {
        self.reports.iter().filter_map(ArcSwapOption::load_full).collect()
    }

    /// Its last changes, the oldest first.
    #[must_use]
    pub fn changes(&self) -> Vec<HostChange> {
        self.life.changes()
    }

    /// Its success rates in per cent as outlier detection found them last, of answers and of the proxy's own failures;
    /// -1 where there were too few requests, or nobody looks.
    #[must_use]
    pub fn success_rates(&self) -> (f64, f64) {
        self.monitor.as_ref().map_or((-1.0, -1.0), |monitor| monitor.rates())
    }

    pub(crate) fn monitor(&self) -> Option<&Monitor> {
        self.monitor.as_deref()
    }

    pub(crate) const fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) const fn settings(&self) -> &HostSettings {
        &self.settings
    }

    /// Written by the main thread only.
    pub(crate) fn set_flags(&self, flags: HealthFlags) {
        self.flags.store(flags.bits(), Relaxed);
    }

    pub(crate) fn set_address(&self, address: Address) {
        self.address.store(Arc::new(address));
    }

    pub(crate) fn set_report(&self, check: usize, report: Arc<CheckReport>) {
        if let Some(slot) = self.reports.get(check) {
            slot.store(Some(report));
        }
    }

    /// Notes since when it is well: slow start begins.
    pub(crate) fn set_well_since(&self, now: Instant) {
        let since = now.saturating_duration_since(*EPOCH.get_or_init(|| now));
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.well_since.store(nanos.saturating_add(1), Relaxed);
    }

    /// For how long it has been well, where that is known.
    pub(crate) fn well_for(&self, now: Instant) -> Option<Duration> {
        let nanos = self.well_since.load(Relaxed).checked_sub(1)?;
        let since = EPOCH.get()?.checked_add(Duration::from_nanos(nanos))?;
        Some(now.saturating_duration_since(since))
    }

    /// Requests under way, of all workers.
    pub(crate) fn active(&self) -> u64 {
        self.total(HostStat::RqActive)
    }

    /// The weight of the locality that it stands in, among those of its priority.
    pub(crate) const fn locality_weight(&self) -> u32 {
        self.settings.locality_weight
    }

    /// Takes over what checks found of another host at the same address.
    pub(crate) fn inherit(&self, other: &Self) {
        let flags = self.flags().with(HealthFlags::BY_CHECKS, false).bits()
            | (other.flags().bits() & HealthFlags::BY_CHECKS.bits());
        self.set_flags(HealthFlags::from_bits(flags));
        self.well_since.store(other.well_since.load(Relaxed), Relaxed);
        for (slot, report) in self.reports.iter().zip(&other.reports) {
            slot.store(report.load_full());
        }
    }

    /// Notes that a response asked for no more traffic; says whether that is news.
    pub(crate) fn note_failed_now(&self) -> bool {
        self.is_checked && !self.failed_now.swap(true, Relaxed)
    }

    /// Notes that it was chosen.
    pub(crate) fn note_chosen(&self) {
        // Most often it is known, and nothing has to be written to a place that others read.
        if !self.chosen.load(Relaxed) {
            self.chosen.store(true, Relaxed);
        }
    }

    /// Whether it was chosen since this was last asked.
    pub(crate) fn take_chosen(&self) -> bool {
        self.chosen.swap(false, Relaxed)
    }

    /// It was published, after a worker had made it.
    pub(crate) fn adopt(&self) {
        self.adopted.store(true, Release);
    }

    /// Whether it was published. Pairs with the release in [`Self::adopt`]: who sees it sees that snapshot, or a newer one.
    pub(crate) fn is_adopted(&self) -> bool {
        self.adopted.load(Acquire)
    }

    /// Whether there is a connection to it, or one is waited for.
    pub(crate) fn is_in_use(&self) -> bool {
        let in_use = [HostStat::CxActive, HostStat::RqActive, HostStat::RqPendingActive];
        in_use.into_iter().any(|stat| self.total(stat) > 0)
    }

    /// Whether a response asked for no more traffic since this was last asked.
    pub(crate) fn take_failed_now(&self) -> bool {
        self.failed_now.load(Relaxed) && self.failed_now.swap(false, Relaxed)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({} {} {})", self.id.0, self.address(), self.flags())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn settings() -> HostSettings {
        HostSettings {
            hostname: "".into(),
            weight: 1,
            locality: Arc::default(),
            priority: 0,
            locality_weight: 0,
            metadata: Metadata::default(),
            tlvs: Vec::new(),
            status: HealthStatus::Unknown,
            check: CheckTarget::default(),
        }
    }

    pub(crate) fn host(port: u16) -> Arc<Host> {
        let address = Address::Ip(([10, 0, 0, 1], port).into());
        Arc::new(Host::new(address, settings(), 0, false, 2))
    }

    #[test]
    fn a_host_is_guilty_until_it_is_checked() {
        let flags = |checks, pending, settings| {
            Host::new(Address::Ip(([10, 0, 0, 1], 80).into()), settings, checks, pending, 1)
                .flags()
                .to_string()
        };
        assert_eq!(flags(0, true, settings()), "healthy");
        assert_eq!(flags(1, false, settings()), "/failed_active_hc");
        assert_eq!(flags(1, true, settings()), "/failed_active_hc/pending_active_hc");
        let disabled = CheckTarget { disabled: true, ..CheckTarget::default() };
        assert_eq!(flags(1, true, HostSettings { check: disabled, ..settings() }), "healthy");
        for (status, expected) in [
            (HealthStatus::Healthy, "healthy"),
            (HealthStatus::Unhealthy, "/failed_eds_health"),
            (HealthStatus::Timeout, "/failed_eds_health"),
            (HealthStatus::Draining, "/eds_status_draining"),
            (HealthStatus::Degraded, "/degraded_eds_health"),
        ] {
            assert_eq!(flags(0, false, HostSettings { status, ..settings() }), expected);
        }
    }

    #[test]
    fn every_host_has_a_name_of_its_own() {
        assert_ne!(host(80).id(), host(80).id());
    }

    #[test]
    fn canaries_are_named_by_metadata() {
        let lb = Value::Object(BTreeMap::from([("canary".into(), Value::Bool(true))]));
        let metadata = Metadata(BTreeMap::from([("envoy.lb".into(), lb)]));
        let canary = HostSettings { metadata, ..settings() };
        let host = Host::new(Address::Ip(([10, 0, 0, 1], 80).into()), canary, 0, false, 1);
        assert!(host.is_canary());
    }
}
