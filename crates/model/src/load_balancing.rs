//! How a host of a cluster is chosen.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Value;

/// How a host is chosen (`lb_policy`, `load_balancing_policy`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LbPolicy {
    /// In turn, as often as its weight.
    RoundRobin(RoundRobin),
    /// The one with the fewest requests under way of some.
    LeastRequest(LeastRequest),
    /// At random; weights do not count, as in Envoy.
    Random,
    /// By a hash of the request or connection; at random where it has none.
    RingHash(RingHash),
    /// The same, by another table.
    Maglev(Maglev),
}

impl Default for LbPolicy {
    fn default() -> Self {
        Self::RoundRobin(RoundRobin::default())
    }
}

impl LbPolicy {
    /// Whether it goes by hashes.
    #[must_use]
    pub const fn hashes(&self) -> bool {
        matches!(self, Self::RingHash(_) | Self::Maglev(_))
    }
}

/// `Cluster.RoundRobinLbConfig`, or `extensions.load_balancing_policies.round_robin.v3.RoundRobin`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RoundRobin {
    /// `slow_start_config`.
    pub slow_start: Option<SlowStart>,
}

/// `Cluster.LeastRequestLbConfig`, or `extensions.load_balancing_policies.least_request.v3.LeastRequest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeastRequest {
    /// How many hosts are drawn, where weights are equal (`choice_count`); 2 unless set.
    pub choice_count: u32,
    /// Where weights differ, a host has its turn as often as its weight over its requests to this power
    /// (`active_request_bias`); 1 unless set.
    pub active_request_bias: f64,
    /// Where weights are equal, all hosts are looked at instead (`selection_method: FULL_SCAN`).
    pub full_scan: bool,
    /// `slow_start_config`.
    pub slow_start: Option<SlowStart>,
}

/// `Cluster.SlowStartConfig`: hosts that are new, or well again, have less than their weight for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowStart {
    /// How long.
    pub window: Duration,
    /// The share of the window that is over, to the power of one over this, is the share of the weight
    /// (`aggression`); 1 unless set.
    pub aggression: f64,
    /// The least share, from 0 to 1 (`min_weight_percent`); 0.1 unless set.
    pub min_weight: f64,
}

/// `Cluster.RingHashLbConfig`, or `extensions.load_balancing_policies.ring_hash.v3.RingHash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingHash {
    /// Places on the ring, as far as weights allow (`minimum_ring_size`, 1024 unless set).
    pub minimum_ring_size: u64,
    /// No more than these (`maximum_ring_size`, 8 Mi unless set), and not fewer.
    pub maximum_ring_size: u64,
    /// Where on the ring a host stands (`hash_function`).
    pub hash_function: HashFunction,
    /// An endpoint is known by its name rather than its address (`use_hostname_for_hashing`), unless its metadata has
    /// a `hash_key` in `envoy.lb`.
    pub use_hostname: bool,
    /// A host with more than this share of its part of all requests under way, in per cent, has others stand in for
    /// it (`hash_balance_factor`); `None` for none.
    pub balance_factor: Option<u32>,
}

/// `Cluster.MaglevLbConfig`, or `extensions.load_balancing_policies.maglev.v3.Maglev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maglev {
    /// Places in the table, a prime number (`table_size`, 65537 unless set).
    pub table_size: u64,
    /// As for a ring.
    pub use_hostname: bool,
    /// As for a ring.
    pub balance_factor: Option<u32>,
}

/// `RingHashLbConfig.HashFunction`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// XXH64.
    #[default]
    XxHash,
    /// MurmurHash2, as libstdc++ has it.
    MurmurHash2,
}

/// What localities have to do with the choice of a host (`common_lb_config.locality_config_specifier`, or
/// `locality_lb_config` of a policy).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LocalityLb {
    /// Where the cluster manager has a `local_cluster_name`, requests stay in their zone as far as that is fair
    /// (`zone_aware_lb_config`, and where nothing is set).
    ZoneAware(ZoneAware),
    /// Each locality gets a share by its weight (`locality_weighted_lb_config`).
    Weighted,
}

impl Default for LocalityLb {
    fn default() -> Self {
        Self::ZoneAware(ZoneAware::default())
    }
}

/// `CommonLbConfig.ZoneAwareLbConfig`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoneAware {
    /// Of a hundred requests, so many are routed by zones (`routing_enabled`); 100 unless set.
    pub routing_enabled: u64,
    /// Not where fewer hosts are healthy (`min_cluster_size`); 6 unless set.
    pub min_cluster_size: u64,
    /// The own zone gets everything, as long as it has so many healthy hosts (`force_local_zone.min_size`); `None` does
    /// not force it.
    pub force_local_zone: Option<u32>,
    /// What the size of a zone is (`locality_basis`).
    pub basis: LocalityBasis,
}

impl Default for ZoneAware {
    fn default() -> Self {
        Self {
            routing_enabled: 100,
            min_cluster_size: 6,
            force_local_zone: None,
            basis: LocalityBasis::default(),
        }
    }
}

/// `ZoneAwareLbConfig.LocalityBasis`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalityBasis {
    /// Its healthy hosts.
    #[default]
    HealthyHosts,
    /// The sum of their weights.
    HealthyWeight,
}

/// `Cluster.LbSubsetConfig`, or `extensions.load_balancing_policies.subset.v3.Subset`: hosts are divided by their
/// metadata, and a request that says so is served by those that fit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubsetConfig {
    /// Where nothing fits.
    pub fallback: SubsetFallback,
    /// What hosts have in `SubsetFallback::Default` (`default_subset`).
    pub default_subset: SubsetCriteria,
    /// By which keys hosts are divided (`subset_selectors`).
    pub selectors: Vec<SubsetSelector>,
    /// Localities keep their weights in a subset (`locality_weight_aware`).
    pub locality_weight_aware: bool,
    /// And those in proportion to the hosts that are in it (`scale_locality_weight`).
    pub scale_locality_weight: bool,
    /// Where even the fallback has nobody, any host does (`panic_mode_any`).
    pub panic_mode_any: bool,
    /// A host whose metadata has a list is in a subset for each of its items (`list_as_any`).
    pub list_as_any: bool,
    /// What is asked for may come in several forms, which are tried in turn
    /// (`metadata_fallback_policy: FALLBACK_LIST`).
    pub metadata_fallback_list: bool,
}

/// What hosts have in the namespace `envoy.lb` of their metadata: names in their order, each once, and values.
pub type SubsetCriteria = BTreeMap<Box<str>, Value>;

/// `LbSubsetSelector`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubsetSelector {
    /// The keys, in their order and each once.
    pub keys: Vec<Box<str>>,
    /// Where a request has these keys and no host fits; `None` is the cluster's.
    pub fallback: Option<SubsetFallback>,
    /// With `SubsetFallback::Keys`, the keys that remain.
    pub fallback_keys: Vec<Box<str>>,
    /// Each subset is one host (`single_host_per_subset`).
    pub single_host: bool,
}

/// `LbSubsetFallbackPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubsetFallback {
    /// There is nobody (`NO_FALLBACK`).
    #[default]
    None,
    /// Any host (`ANY_ENDPOINT`).
    Any,
    /// Those of the default subset (`DEFAULT_SUBSET`).
    Default,
    /// It is tried again with fewer keys (`KEYS_SUBSET`, for selectors only).
    Keys,
}
